"""Pages of the site that are made from the code when it is built, so that they cannot drift from it.

A MkDocs hook: the theorem reference from `theory/theorems/`, the phase diagrams and their figures, the
benchmark tables from `benchmarks/results/`, the public names, and the figures of `docs/figures/`.
"""

import inspect
import io
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import matplotlib as mpl
import speciation.numerics
import speciation.theory
import speciation.validation
from markupsafe import escape
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from mkdocs.structure.files import File
from packaging.requirements import Requirement
from speciation.numerics.diagrams import DIAGRAMS, phase_diagram
from speciation.theory.sources import SOURCES
from speciation.theory.theorems import THEOREMS, Theorem
from speciation.validation.diagram_figures import diagram_figure
from speciation.validation.figures import STYLE
from speciation.validation.report_html import mathematics

ROOT = Path(__file__).resolve().parent.parent
RESOLUTION = 200


def on_config(config: Any) -> Any:
    """Lay the floors out as they are installed, `speciation/theory` and so on, for mkdocstrings to read."""
    layout = ROOT / "build" / "layout" / "speciation"
    layout.mkdir(parents=True, exist_ok=True)
    for floor in ("theory", "numerics", "validation"):
        if not (layout / floor).exists():
            (layout / floor).symlink_to(ROOT / floor, target_is_directory=True)
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages and figures."""
    pages: dict[str, str | bytes] = {
        "theorems.md": theorems_page(),
        "diagrams.md": diagrams_page(),
        "performance.md": performance_page(),
        "api.md": api_page(),
        "licences.md": licences_page(),
        "performance.png": cost_figure(),
        **{f"diagrams/{name}.png": drawn(name) for name in DIAGRAMS},
    }
    pages |= {f"figures/{path.name}": path.read_bytes() for path in (ROOT / "docs/figures").glob("*.png")}
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def theorems_page() -> str:
    """Every theorem: statement, hypotheses, steps of the proof, sources."""
    lines = [
        "# Theorems",
        "",
        "Made from `theory/theorems/`; `speciation verify` proves and measures each.",
        "",
    ]
    for theorem in THEOREMS.values():
        lines += _theorem(theorem)
    lines += ["## Sources", ""]
    lines += [
        f"- **{source.key}** {escape(source.title)}. {escape(_place(source))}" for source in SOURCES.values()
    ]
    return "\n".join(lines) + "\n"


def _theorem(theorem: Theorem) -> list[str]:
    sources = ", ".join(source.key for source in theorem.bibliography) or "derived here"
    lines = [f"## {theorem.id}: {theorem.name} {{ #{theorem.id} }}", ""]
    lines += [f"<p>{mathematics(theorem.statement)}</p>", ""]
    lines += [f"Holds for: {escape('; '.join(theorem.hypotheses))}. Source: {sources}.", ""]
    if theorem.proof_limits:
        lines += [f"Limits of the proof: {escape(theorem.proof_limits)}", ""]
    lines += ["Steps that SymPy reduces to zero:", ""]
    return [*lines, *(f"- {escape(step.name)}" for step in theorem.derive()), ""]


def _place(source: Any) -> str:
    return f"arXiv {source.arxiv}." if getattr(source, "arxiv", None) else f"{source.venue}."


def diagrams_page() -> str:
    """The named diagrams with the commands that make them."""
    lines = [
        "# Phase diagrams",
        "",
        "`speciation diagram NAME` writes the data (NetCDF) and the figure (PDF, PNG).",
        "",
    ]
    for name, diagram in DIAGRAMS.items():
        about = " ".join((diagram.compute.__doc__ or "").split())
        theorems = ", ".join(f"[{t}](theorems.md#{t})" for t in diagram.source.split(", "))
        lines += [f"## {diagram.title}", "", f"`speciation diagram {name}`: {about} ({theorems})", ""]
        lines += [f"![{diagram.title}](diagrams/{name}.png)", ""]
    grid = "speciation diagram grid --x mu=0.1:10:log --y t=0:6 binary:d=64,mu=1,s=1"
    return "\n".join([*lines, "## Any two parameters", "", f"```shell\n{grid}\n```", ""])


def drawn(name: str) -> bytes:
    """PNG of a named diagram."""
    stream = io.BytesIO()
    diagram_figure(phase_diagram(name, RESOLUTION)).savefig(stream, format="png")
    return stream.getvalue()


def performance_page() -> str:
    """Every benchmark's ratios with the hardware they were measured on, and how costs grow."""
    lines = [
        "# Performance",
        "",
        "Ratios measured in one process, without compilation; `make bench` repeats them.",
        "Regressions are caught by the number of operations that the compiler counts",
        "(`tests/numerics/test_cost.py`), never by a time.",
        "",
    ]
    for path in sorted((ROOT / "benchmarks/results").glob("*.json")):
        content = json.loads(path.read_text())
        name, claims = path.name.split(".")[0], content["claims"]
        lines += [f"## {name.replace('_', ' ').capitalize()}", "", f"{_hardware(content['hardware'])}", ""]
        if name == "scaling":
            lines += [
                "A Monte-Carlo curve of more than about 150 levels takes several times longer per level",
                "on this machine, for a reason that is not known; two of half the levels do not.",
                "",
            ]
            lines += ["![Seconds of a curve against what grows](performance.png)", ""]
            claims = {key: _without_sweep(values) for key, values in claims.items()}
        lines += ["| quantity | value |", "|---|---:|"]
        lines += [f"| {name} | {value:.4g} |" for name, value in _numbers(claims)] + [""]
    return "\n".join(lines)


def _hardware(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{about['processor']}, {about['cores']} cores, {about['device']}; {versions}."


def _without_sweep(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not name.startswith("seconds at ")}


def cost_figure() -> bytes:
    """PNG of the sweeps of `benchmarks/scaling.py`: seconds against each size, with fitted exponents."""
    claims = json.loads((ROOT / "benchmarks/results/scaling.cpu.json").read_text())["claims"]
    sweeps = [key for key in claims if "exponent" in claims[key]]
    names = list(dict.fromkeys(key.split(", ")[1] for key in sweeps))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.1 * len(names), 3.4), layout="constrained")
        axes = figure.subplots(1, len(names), sharey=True)
        for key in sweeps:
            method, name = key.split(", ")
            panel = axes[names.index(name)]
            rows = {k.removeprefix("seconds at "): v for k, v in claims[key].items() if k != "exponent"}
            look = {"ambient": ("#0072B2", "o-"), "reduced": ("#D55E00", "s--")}[method]
            label = f"{method}: exponent {claims[key]['exponent']:.2f}"
            panel.loglog(
                [int(size) for size in rows], list(rows.values()), look[1], color=look[0], label=label
            )
            panel.set_xlabel({"draws": "draws", "levels": "noise levels"}.get(name, name))
        for panel in axes:
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.legend(fontsize=8)
        axes[0].set_ylabel("time [s]")
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
    return stream.getvalue()


def licences() -> list[tuple[str, str, str]]:
    """Name, version and licence of everything that `pip install 'speciation[models]'` brings along."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = [("speciation", "models")]
    while waiting:
        name, extra = waiting.pop()
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        key = str(about["Name"]).lower().replace("_", "-")
        if key in found:
            continue
        found[key] = (key, metadata.version(name), _licence(about))
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting.append((needed.name, ""))
    del found["speciation"]
    return sorted(found.values())


def _licence(about: Any) -> str:
    """The expression, or the classifiers, or the first words of the old field."""
    named = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or [] if "License ::" in text]
    first = (about.get("License") or "").strip().partition("\n")[0][:60]
    return about.get("License-Expression") or ", ".join(named) or first


def licences_page() -> str:
    """Licences of what an installation brings along, as installed where the site is built."""
    lines = ["# Licences", "", "The toolkit is under Apache-2.0. What an installation brings along:", ""]
    lines += ["| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {number} | {escape(licence)} |" for name, number, licence in licences()]
    return "\n".join([*lines, ""])


def api_page() -> str:
    """Every public name with its signature and docstring, rendered by mkdocstrings from the code."""
    lines = ["# API", "", "Docstrings give the formula, shapes, units, errors and source.", ""]
    for floor in (speciation.theory, speciation.numerics, speciation.validation):
        lines += [f"## {floor.__name__}", "", f"{(floor.__doc__ or '').strip()}", ""]
        for name in sorted(floor.__all__):
            lines += _public(floor.__name__, name, getattr(floor, name))
    return "\n".join(lines)


def _public(floor: str, name: str, value: Any) -> list[str]:
    if inspect.isclass(value) or inspect.isfunction(value):
        path = f"{value.__module__}.{value.__name__}"
    elif inspect.ismodule(value):
        path = value.__name__
    else:
        path = next(f"{home}.{name}" for home in _homes(floor) if name in vars(sys.modules[home]))
    return [f"::: {path}", "    options:", f"      heading: {name}", ""]


def _homes(floor: str) -> list[str]:
    """Modules of a floor that have been loaded, the ones that define names before those that pass them on."""
    return sorted(home for home in sys.modules if home.startswith(f"{floor}."))


def _numbers(claims: Any, prefix: str = "") -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    for name, value in claims.items():
        if isinstance(value, dict):
            rows += _numbers(value, f"{prefix}{name}: ")
        elif isinstance(value, (int, float)):
            rows.append((f"{prefix}{name}".replace("|", "&#124;"), float(value)))
    return rows
