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
from licences import licences
from mkdocs.structure.files import File
from page_templates import page
from performance import cost_figure, performance_page
from speciation.numerics.diagrams import DIAGRAMS, phase_diagram
from speciation.theory.theorems import MODULES, THEOREMS
from speciation.theory.theorems.sources import sources
from speciation.validation.figures.diagrams import diagram_figure
from speciation.validation.figures.style import save
from speciation.validation.figures.theorems import FIGURES, theorem_figure

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
        **{f"theorems/{name}.md": theorem_page(name) for name in THEOREMS},
        "diagrams.md": diagrams_page(),
        "performance.md": performance_page(),
        "api.md": api_page(),
        "licences.md": page("licences", licences=licences()),
        "performance.png": cost_figure(),
        **{f"diagrams/{name}.png": drawn(name) for name in DIAGRAMS},
        **{f"theorems/{name}.png": theorem_drawn(name) for name in FIGURES},
    }
    pages |= {f"figures/{path.name}": path.read_bytes() for path in (ROOT / "docs/figures").glob("*.png")}
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def theorems_page() -> str:
    """The theorems as a table, and the sources."""
    return page("theorems", theorems=THEOREMS.values(), sources=sources().values())


def theorem_page(identifier: str) -> str:
    """One theorem with its derivation."""
    values = {"theorem": THEOREMS[identifier], "module": MODULES[identifier], "drawn": identifier in FIGURES}
    return page("theorem", **values)


def theorem_drawn(identifier: str) -> bytes:
    """PNG of a theorem's figure."""
    stream = io.BytesIO()
    save(theorem_figure(identifier), stream, "png")
    return stream.getvalue()


def diagrams_page() -> str:
    """The named diagrams with the commands that make them."""
    return page("diagrams", diagrams=DIAGRAMS)


def drawn(name: str) -> bytes:
    """PNG of a named diagram."""
    stream = io.BytesIO()
    save(diagram_figure(phase_diagram(name, RESOLUTION)), stream, "png")
    return stream.getvalue()


def api_page() -> str:
    """Every public name with its signature and docstring, rendered by mkdocstrings from the code."""
    floors = (speciation.theory, speciation.numerics, speciation.validation)
    return page("api", floors=[(floor, _paths(floor)) for floor in floors])


def _paths(floor: Any) -> dict[str, str]:
    """Where each public name is defined."""
    return {name: _path(floor.__name__, name, getattr(floor, name)) for name in sorted(floor.__all__)}


def _path(floor: str, name: str, value: Any) -> str:
    if inspect.isclass(value) or inspect.isfunction(value):
        value = inspect.unwrap(value)
        return f"{value.__module__}.{value.__name__}"
    if inspect.ismodule(value):
        return value.__name__
    return next(f"{home}.{name}" for home in _homes(floor) if name in vars(sys.modules[home]))


def _homes(floor: str) -> list[str]:
    """Modules of a floor that have been loaded, the ones that define names before those that pass them on."""
    return sorted(home for home in sys.modules if home.startswith(f"{floor}."))
