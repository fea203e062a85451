"""Pages of the notebooks: text, code and committed outputs, as they are in `notebooks/`."""

import base64
from pathlib import Path
from typing import Any

import nbformat
from page_templates import page
from speciation.theory.theorems.rendering import mathematics

__all__ = ["notebook_pages"]


def notebook_pages(folder: Path) -> dict[str, str | bytes]:
    """Pages and figures by their path on the site: a list of the notebooks, and one page for each."""
    found: dict[str, str | bytes] = {}
    listed: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.ipynb")):
        cells = nbformat.read(path, 4).cells
        title = _formulas(cells[0].source.splitlines()[0].removeprefix("# "))
        question = cells[0].source.partition("**Question.** ")[2].partition("\n\n")[0].replace("\n", " ")
        listed.append({"name": path.stem, "title": title, "question": _formulas(question)})
        shown = [_cell(cell, path.stem, found) for cell in cells]
        found[f"notebooks/{path.stem}.md"] = page("notebook", file=path.name, cells=shown)
    return {"notebooks.md": page("notebooks", notebooks=listed), **found}


def _cell(cell: Any, name: str, found: dict[str, str | bytes]) -> dict[str, Any]:
    """What the template shows of a cell; its figures are put into `found`."""
    if cell.cell_type == "markdown":
        return {"kind": "markdown", "source": _formulas(cell.source), "outputs": []}
    outputs: list[dict[str, str]] = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            image = f"{name}-{sum(path.endswith('.png') for path in found)}.png"
            found[f"notebooks/{image}"] = base64.b64decode(data["image/png"])
            outputs.append({"image": image})
        else:
            outputs.append({"text": str(output.get("text") or data["text/plain"]).rstrip()})
    return {"kind": cell.cell_type, "source": cell.source, "outputs": outputs}


def _formulas(text: str) -> str:
    """Markdown with what stands between dollar signs as MathML; the rest stays as it is."""
    parts = text.split("$")
    parts[1::2] = [str(mathematics(f"${part}$")) for part in parts[1::2]]
    return "".join(parts)
