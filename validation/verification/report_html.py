"""The verification report as one HTML file that needs no network: mathematics as MathML, figures inline."""

import io
import re
from base64 import b64encode
from typing import Any

from latex2mathml.converter import convert
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from .._support import templates
from ..figures.style import save
from .verify import TheoremResult, summary

__all__ = ["mathematics", "report_html"]


def report_html(results: list[TheoremResult], run: dict[str, Any], drawings: dict[str, Figure]) -> str:
    """A page with every theorem's statement, steps and checks, and the drawings by title."""
    pages = templates.environment(__file__)
    pages.filters["mathematics"] = mathematics
    template = pages.get_template("report.html.j2")
    return template.render(
        results=results,
        run=run,
        total=summary(results),
        verdict=_verdict,
        drawings={title: _inline(figure) for title, figure in drawings.items()},
    )


def mathematics(text: str) -> Markup:
    """Text in which what stands between dollar signs is LaTeX, as HTML with MathML."""
    parts = text.split("$")
    pieces = [
        Markup(convert(_plain(part))) if index % 2 else escape(part)  # noqa: S704 (made by the converter)
        for index, part in enumerate(parts)
    ]
    return Markup("").join(pieces)


def _plain(latex: str) -> str:
    """As the converter needs it: arguments of alphabets in braces, a thin space after a function's name."""
    braced = re.sub(r"\\(mathbb|mathcal|mathrm) (\w)", r"\\\1{\2}", latex)
    functions = r"\\(log|exp|tanh|cosh|operatorname\{\w+\})\s*(?=[\w\\])(?!\\[bB]ig|\\left)"
    return re.sub(functions, r"\\\1\\,", braced)


def _verdict(passed: bool, good: str = "yes", bad: str = "no") -> Markup:
    return Markup('<span class="{}">{}</span>').format(*(("good", good) if passed else ("bad", bad)))


def _inline(figure: Figure) -> str:
    stream = io.BytesIO()
    save(figure, stream, "png")
    return b64encode(stream.getvalue()).decode()
