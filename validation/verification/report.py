"""`speciation verify --out DIR`: the outcome as a page, as Markdown, LaTeX and JSON, and figures."""

import json
from collections.abc import Callable
from pathlib import Path

from ...numerics.runs.atomic_files import write_text
from ...numerics.runs.manifests import MANIFEST, environment, write_results
from ...theory._support.aliases import Fields
from ...theory.theorems.rendering import latex, latex_text, markdown
from ...theory.theorems.sources import sources
from .._support import templates
from ..figures.style import saver
from ..figures.theory import digit_figure
from ..models.digit_pairs import easy_and_hard
from .report_html import report_html
from .verify import TheoremResult, counts, summary

__all__ = ["FILES", "write"]

FILES: tuple[str, ...] = ("report.html", "report.md", "report.tex", "report.json", MANIFEST)
"""What is written beside the figures."""


def write(results: list[TheoremResult], directory: Path, seed: int) -> list[Path]:
    """Write `report.html`, `.md`, `.tex`, `.json` and the figures into `directory`; return their paths."""
    run = {"seed": seed, "environment": environment()}
    drawings = {
        f"digits-{label}.png": digit_figure(pair, label, seed) for label, pair in easy_and_hard().items()
    }
    texts = {
        "report.html": report_html(results, run, {_title(name): figure for name, figure in drawings.items()}),
        "report.md": _markdown(results, run, list(drawings)),
        "report.tex": _latex(results, run),
        "report.json": json.dumps(summary(results) | {"run": run}, indent=1, allow_nan=False) + "\n",
    }
    writers: dict[str, Callable[[Path], object]] = {
        name: lambda path, t=text: write_text(path, t) for name, text in texts.items()
    }
    writers |= {name: saver(figure) for name, figure in drawings.items()}
    asked = {"command": "verify", "theorems": [result.theorem.id for result in results], "seed": seed}
    return write_results(directory, writers, asked)


def _title(name: str) -> str:
    """The name of a figure's file, in words."""
    return name.removesuffix(".png").replace("-", ": ")


def _markdown(results: list[TheoremResult], run: Fields, drawings: list[str]) -> str:
    pages = templates.environment(__file__)
    pages.filters |= {"cell": _cell, "mark": _mark, "derivation": markdown}
    page = pages.get_template("report.md.j2")
    return page.render(results=results, run=run, total=summary(results), counts=counts, drawings=drawings)


def _latex(results: list[TheoremResult], run: Fields) -> str:
    pages = templates.environment(__file__)
    pages.filters |= {"tex": latex_text, "derivation": latex}
    cited = {key for result in results for key in result.theorem.sources}
    cited |= {argument.source for result in results for argument in result.theorem.arguments}
    return pages.get_template("report.tex.j2").render(
        results=results,
        run=run,
        total=summary(results),
        counts=counts,
        sources=[source for key, source in sources().items() if key in cited],
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _mark(passed: bool) -> str:
    return "yes" if passed else "**no**"
