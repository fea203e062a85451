"""The verification report as one HTML file that needs no network: mathematics as MathML, figures inline."""

import io
from base64 import b64encode
from functools import partial

from markupsafe import Markup
from matplotlib.figure import Figure

from ...theory._support.aliases import Fields
from ...theory.theorems.rendering import html, mathematics
from .._support import templates
from ..figures.style import save
from .verify import TheoremResult, counts, summary

__all__ = ["report_html"]


def report_html(results: list[TheoremResult], run: Fields, drawings: dict[str, Figure]) -> str:
    """A page with every theorem's statement, steps and checks, and the drawings by title."""
    pages = templates.environment(__file__)
    pages.filters |= {"mathematics": mathematics, "derivation": partial(html, statement=False)}
    template = pages.get_template("report.html.j2")
    return template.render(
        results=results,
        run=run,
        total=summary(results),
        counts=counts,
        verdict=_verdict,
        drawings={title: _inline(figure) for title, figure in drawings.items()},
    )


def _verdict(passed: bool, good: str = "yes", bad: str = "no") -> Markup:
    return Markup('<span class="{}">{}</span>').format(*(("good", good) if passed else ("bad", bad)))


def _inline(figure: Figure) -> str:
    stream = io.BytesIO()
    save(figure, stream, "png")
    return b64encode(stream.getvalue()).decode()
