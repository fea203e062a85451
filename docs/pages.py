"""Pages of the site that are made from the code when it is built, so that they cannot drift from it.

A MkDocs hook: the theorem reference from `theory/theorems/`, the phase diagrams and their figures, the
public names, the notebooks, the pictures of the tour, the figures of `docs/figures/`, and the pages of
`performance` and `licences`.
"""

import io
from pathlib import Path
from typing import Any

from api import api_pages
from licences import licences
from mkdocs.structure.files import File
from notebook_pages import notebook_pages
from page_templates import page
from performance import cost_figure, performance_page
from speciation.numerics.diagrams import DIAGRAMS, phase_diagram
from speciation.theory.theorems import MODULES, THEOREMS
from speciation.theory.theorems.sources import sources
from speciation.validation.figures.diagrams import diagram_figure
from speciation.validation.figures.style import save
from speciation.validation.figures.theorems import FIGURES, theorem_figure
from tour import tour_pictures

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
        **api_pages(),
        **notebook_pages(ROOT / "notebooks"),
        "licences.md": page("licences", licences=licences()),
        "performance.png": cost_figure(),
        **{f"diagrams/{name}.png": drawn(name) for name in DIAGRAMS},
        **tour_pictures(ROOT / "docs" / "site" / "tour.md"),
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
