"""A theorem as it is read: HTML with MathML for pages and notebooks, Markdown, and LaTeX that compiles.

All three show the same blocks of `Theorem.proof` in the same order. Text between dollar signs is LaTeX, text
between double asterisks is bold, and between single ones in italics.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ._base import Argument, Block, Identity, Measured
from ._formulas import mathml

if TYPE_CHECKING:
    from ._base import Theorem

__all__ = ["checked", "html", "latex", "latex_text", "markdown", "mathematics"]

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_ITALICS = re.compile(r"(?<!\*)\*(?![\s*])([^*]+)\*(?!\*)")

# what the encoder's tables lack
_SIGNS = {
    0x27C2: r"\ensuremath{\perp}",
    0x1D40: r"\ensuremath{^{T}}",
    0x1D4D8: r"\ensuremath{\mathcal{I}}",
    0x1FB1: r"\ensuremath{\bar{\alpha}}",
    0x0304: "",
    0x0302: "",
    0x0303: "",
}


def mathematics(text: str) -> Markup:
    """Text in which what stands between dollar signs is LaTeX, as HTML with MathML."""
    parts = text.split("$")
    joined = _emphasised(parts[0])
    for formula, after in zip(parts[1::2], parts[2::2], strict=True):
        # a full stop stays on the line of its formula
        stop = after[: len(after) - len(after.lstrip(".,;:)"))]
        shown = str(mathml(formula))
        joined += f'<span style="white-space:nowrap">{shown}{stop}</span>' if stop else shown
        joined += _emphasised(after[len(stop) :])
    # last, since what is bold may hold a formula
    return Markup(_BOLD.sub(r"<strong>\1</strong>", joined))  # noqa: S704 (escaped before)


def html(theorem: "Theorem", statement: bool = True) -> Markup:
    """Statement, hypotheses and derivation as one HTML fragment that needs no script and no network."""
    head = Markup('<p class="statement">{}</p>').format(mathematics(theorem.statement)) if statement else ""
    holds = Markup("<p>Holds for: {}.</p>").format(mathematics("; ".join(theorem.hypotheses)))
    return Markup("\n").join([head, holds, *map(_block_html, theorem.proof)])


def markdown(theorem: "Theorem") -> str:
    """The derivation in Markdown, formulas between dollar signs."""
    return "\n\n".join(map(_block_markdown, theorem.proof))


def latex(theorem: "Theorem", statement: bool = True) -> str:
    """Statement, hypotheses and derivation in LaTeX for `amsmath` and `amssymb`, without a preamble."""
    holds = "Holds for: " + latex_text("; ".join(theorem.hypotheses)) + "."
    head = [rf"\begin{{quote}}{latex_text(theorem.statement)}\end{{quote}}"] if statement else []
    return "\n\n".join([*head, holds, *map(_block_latex, theorem.proof)])


def latex_text(text: str) -> str:
    """Text for LaTeX: what stands between dollar signs as it is, everything else encoded."""
    parts = text.split("$")
    parts[::2] = [_ITALICS.sub(r"\\emph{\1}", _encoded(part)) for part in parts[::2]]
    joined = "$".join(parts)
    return _BOLD.sub(r"\\textbf{\1}", joined)  # last, since what is bold may hold a formula


def checked(step: Identity) -> str:
    """What was checked of a step, in words."""
    if step.kind == "definition":
        return "definition"
    wrong = ", ".join(name.replace("_", " ") for name in step.inputs)
    return f"checked by SymPy; fails with any of these wrong: {wrong}"


def _block_html(block: Block) -> Markup:
    if isinstance(block, Identity):
        return Markup('<div class="step">{}<small>{}</small></div>').format(
            mathml(block.latex, display="block"), checked(block)
        )
    if isinstance(block, Argument):
        return Markup("<p><em>Standard argument.</em> {}</p>").format(mathematics(_argument(block)))
    if isinstance(block, Measured):
        return Markup("<p><em>Measured, not proved.</em> {}</p>").format(mathematics(block.text))
    return Markup("<p>{}</p>").format(mathematics(block.text))


def _block_markdown(block: Block) -> str:
    if isinstance(block, Identity):
        return f"$${block.latex}$$\n\n({checked(block)})"
    if isinstance(block, Argument):
        return f"*Standard argument.* {_argument(block)}"
    return f"*Measured, not proved.* {block.text}" if isinstance(block, Measured) else block.text


def _block_latex(block: Block) -> str:
    if isinstance(block, Identity):
        return f"\\[{block.latex}\\]\n{{\\footnotesize ({_encoded(checked(block))})\\par}}"
    if isinstance(block, Argument):
        return rf"\emph{{Standard argument.}} {latex_text(_argument(block))}"
    if isinstance(block, Measured):
        return rf"\emph{{Measured, not proved.}} {latex_text(block.text)}"
    return latex_text(block.text)


def _argument(block: Argument) -> str:
    return f"{block.text} ({block.source})" if block.source else block.text


def _emphasised(text: str) -> str:
    return _ITALICS.sub(r"<em>\1</em>", str(escape(text)))


def _encoded(text: str) -> str:
    return _encoder().unicode_to_latex(text)


@cache
def _encoder() -> Any:
    from pylatexenc import latexencode  # pyright: ignore[reportMissingTypeStubs]

    rules = [
        latexencode.UnicodeToLatexConversionRule(latexencode.RULE_DICT, _SIGNS),
        "defaults",
    ]
    return latexencode.UnicodeToLatexEncoder(conversion_rules=rules, unknown_char_policy="fail")
