"""Statements and derivations are LaTeX that compiles: every formula is parsed, every brace closes."""

import re

import pytest
from latex2mathml.converter import convert
from speciation.theory.theorems import THEOREMS, Identity


def formulas(theorem):
    """Every `$…$` of statement and derivation, and every step."""
    texts = [theorem.statement, *(getattr(block, "text", "") for block in theorem.proof)]
    for text in texts:
        assert text.count("$") % 2 == 0, text
        yield from re.findall(r"\$([^$]*)\$", text)
    yield from (block.latex for block in theorem.proof if isinstance(block, Identity))


@pytest.mark.parametrize("identifier", THEOREMS)
def test_every_formula_is_parsed(identifier):
    found = [*formulas(THEOREMS[identifier])]
    assert found
    for formula in found:
        bare = re.sub(r"\\[{}]", "", formula)
        depth = 0
        for character in bare:
            depth += (character == "{") - (character == "}")
            assert depth >= 0, formula
        assert depth == 0, formula
        assert formula.count(r"\left") == formula.count(r"\right"), formula
        assert convert(formula).startswith("<math"), formula
        assert formula.isascii(), formula


def test_a_broken_formula_is_found_out():
    with pytest.raises(Exception, match=r".*"):
        convert(r"\frac{1}{")
