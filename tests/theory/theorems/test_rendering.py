"""A theorem as it is read: the same blocks in HTML, Markdown and LaTeX, all of which must be legible."""

import re
import shutil
import subprocess

import pytest
from latex2mathml.converter import convert
from speciation.theory import theorems
from speciation.theory.theorems import THEOREMS, Argument, Identity, Measured, Text
from speciation.theory.theorems.rendering import html, latex, latex_text, markdown, mathematics

SAMPLE = (Text("Let $x>0$ & **bold**."), Argument("Known.", "GSV05"), Measured("On a grid."))


@pytest.mark.parametrize("identifier", THEOREMS)
def test_every_block_stands_in_every_form(identifier):
    theorem = THEOREMS[identifier]
    page, text, source = str(html(theorem)), markdown(theorem), latex(theorem)
    assert page.count('class="step"') == text.count("$$") / 2 == source.count("\\[") == len(theorem.derive())
    assert page.count("Standard argument.") == source.count("Standard argument.") == len(theorem.arguments)
    assert "$" not in page
    assert "**" not in page
    assert "**" not in source
    assert "\\" not in page, re.findall(r".{30}\\.{30}", page)[:3]
    assert source.isascii()
    assert theorem._repr_html_().startswith(f"<h3>{identifier}: ")
    assert theorem._repr_latex_() == source


@pytest.mark.parametrize("identifier", THEOREMS)
def test_formulas_are_latex_that_a_second_program_reads(identifier):
    theorem = THEOREMS[identifier]
    texts = [theorem.statement, *theorem.hypotheses]
    texts += [block.text for block in theorem.proof if not isinstance(block, Identity)]
    formulas = [part for text in texts for part in text.split("$")[1::2]]
    formulas += [step.latex for step in theorem.derive()]
    assert all(text.count("$") % 2 == 0 for text in texts)
    for formula in formulas:
        assert formula.isascii(), formula
        assert formula.count("{") == formula.count("}"), formula
        assert len(re.findall(r"\\left(?![a-z])", formula)) == len(re.findall(r"\\right(?![a-z])", formula))
        assert convert(formula)


def test_text_is_escaped_and_marked_up():
    assert mathematics("a < b & $x$").startswith("a &lt; b &amp; <math")
    assert mathematics("**Upper** <b>") == "<strong>Upper</strong> &lt;b&gt;"
    assert mathematics("*any* $2*3$ * b").startswith("<em>any</em> <math")
    assert "</math>.</span> So" in mathematics("$x$. So")
    assert latex_text("*any* $2*3$") == r"\emph{any} $2*3$"
    assert latex_text("50 % of $x$ & **γ**") == r"50 \% of $x$ \& \textbf{\ensuremath{\gamma}}"
    with pytest.raises(ValueError, match="U\\+"):
        latex_text("☃")


@pytest.mark.parametrize(
    ("formula", "signs"),
    [
        (r"\tfrac12\mathbb E|X-\mathbb E[X|Y]|^2", "(|)"),
        (r"h(|u|)\,\|\kappa\|/d", "()()"),
        (r"\mathbb E[e^{|x|^2}\,|\,k]", "()|"),
        (r"f\Big|_{r=0}+\left|y\right|", ""),
    ],
)
def test_bars_enclose_or_condition(formula, signs):
    shown = mathematics(f"${formula}$")
    bars = r'<mo form="(\w+)" stretchy="false">&#x0(?:007C|2016);|<mo>(&#x02223;)'
    found = ["(" if form == "prefix" else ")" if form else "|" for form, _ in re.findall(bars, shown)]
    assert "".join(found) == signs


def test_a_theorem_is_an_attribute():
    assert theorems.T10 is THEOREMS["T10"]
    with pytest.raises(AttributeError, match="T0"):
        _ = theorems.T0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(tmp_path):
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}"
    head += r"\usepackage{amsmath,amssymb,textcomp}\begin{document}"
    body = "\n\n".join(latex(theorem) for theorem in THEOREMS.values())
    (tmp_path / "all.tex").write_text(f"{head}\n{body}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-1500:]
