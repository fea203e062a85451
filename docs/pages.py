"""Pages of the site that are made from the code when it is built, so that they cannot drift from it.

A MkDocs hook: the theorem reference from `theory/theorems/`, the phase diagrams and their figures, the
public names, the figures of `docs/figures/`, and the pages of `performance` and `licences`.
"""

import inspect
import io
import sys
from pathlib import Path
from typing import Any

import speciation.numerics
import speciation.theory
import speciation.validation
from licences import licences_page
from markupsafe import escape
from mkdocs.structure.files import File
from performance import cost_figure, performance_page
from speciation.numerics.diagrams import DIAGRAMS, phase_diagram
from speciation.theory.theorems import THEOREMS, Theorem
from speciation.theory.theorems.sources import sources
from speciation.validation.figures.diagrams import diagram_figure
from speciation.validation.figures.style import save
from speciation.validation.verification.report_html import mathematics

ROOT = Path(__file__).resolve().parent.parent
RESOLUTION = 200


def on_startup(**_: Any) -> None:
    """Lay the floors out as they are installed, `speciation/theory` and so on, for mkdocstrings to read."""
    layout = ROOT / "build" / "layout" / "speciation"
    layout.mkdir(parents=True, exist_ok=True)
    for floor in ("theory", "numerics", "validation"):
        if not (layout / floor).exists():
            (layout / floor).symlink_to(ROOT / floor, target_is_directory=True)


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
        f"- **{source.key}** {escape(source.title)}. {escape(_place(source))}"
        for source in sources().values()
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
    save(diagram_figure(phase_diagram(name, RESOLUTION)), stream, "png")
    return stream.getvalue()


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
        value = inspect.unwrap(value)
        path = f"{value.__module__}.{value.__name__}"
    elif inspect.ismodule(value):
        path = value.__name__
    else:
        path = next(f"{home}.{name}" for home in _homes(floor) if name in vars(sys.modules[home]))
    return [f"::: {path}", "    options:", f"      heading: {name}", ""]


def _homes(floor: str) -> list[str]:
    """Modules of a floor that have been loaded, the ones that define names before those that pass them on."""
    return sorted(home for home in sys.modules if home.startswith(f"{floor}."))
