"""Theorems as objects: complete, proved, and with proofs that could have failed."""

import pytest
import sympy as sp
from speciation.theory import theorems
from speciation.theory.theorems import THEOREMS, Identity
from speciation.theory.theorems.sources import sources

THREE = sp.Integer(3)


def test_ids_are_in_order():
    assert all(theorem.id == identifier for identifier, theorem in THEOREMS.items())
    assert list(THEOREMS) == [f"T{n}" for n in range(1, 28)]
    assert theorems.by_id("t4") is THEOREMS["T4"]


@pytest.mark.parametrize("identifier", THEOREMS)
def test_theorem_is_complete(identifier):
    theorem = THEOREMS[identifier]
    assert theorem.statement.count("{") == theorem.statement.count("}")
    assert theorem.hypotheses
    assert set(theorem.sources) <= set(sources())
    numbers = theorem.predict()
    assert numbers
    assert all(type(value) is float for value in numbers.values())


@pytest.mark.slow  # the whole run of `verify` holds every proof as well
@pytest.mark.parametrize("identifier", THEOREMS)
def test_proof_holds_and_could_have_failed(identifier):
    for identity in THEOREMS[identifier].derive():
        assert identity.holds(), identity.name
        assert identity.mutant_rejected(), identity.name


@pytest.mark.parametrize("identifier", THEOREMS)
def test_steps_are_derived_from_inputs(identifier):
    """Alike on both sides before any work is no step of a proof, and without inputs nothing can go wrong."""
    steps = THEOREMS[identifier].derive()
    assert sum(step.kind == "derived" for step in steps) >= 2
    for step in steps:
        assert step.kind == "derived", step.name
        assert step.inputs, step.name
        assert step.shown, step.name


def test_an_identity_of_nothing_is_no_proof():
    x = sp.Symbol("x", positive=True)
    same = Identity("anything", x, x)
    assert same.kind == "definition"
    assert same.holds()
    assert not same.mutant_rejected()
    # both sides move together, so nothing depends on the input
    loose = Identity.of("loose", lambda c=THREE: (c * x + x, x + c * x + 0 * x))
    assert loose.kind == "definition"
    blind = Identity.of("blind", lambda c=THREE: (sp.Integral(c * x, x), c * x**2 / 2))
    assert blind.kind == "derived"
    assert blind.holds()
    assert not blind.mutant_rejected()


def test_a_wrong_identity_is_found_out():
    x = sp.Symbol("x", real=True)
    assert not Identity("wrong", sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(2)).holds()
    assert not Identity("empty", sp.Integer(0), sp.Integer(0)).mutant_rejected()


def test_unknown_theorem():
    with pytest.raises(ValueError, match="theorem: 'T0' is not one of T1, T2"):
        theorems.by_id("T0")


SCOPE = {
    "T7": [r"c \le \tfrac12\log M", r"produced by $t = 0$", "$s = 1$"],
    "T9": ["radius of convergence $0$", "enveloped"],
    "T11": ["half log-odds", r"\tfrac12\log\frac{w}{1-w}", "no single clock"],
    "T12": [r"\mathbb E(1-\tanh L)^2", r"tends to $2(\omega-1)$", r"$\omega > \tfrac12$"],
    "T14": [r"$K \ge 4$", r"the overlap $\varphi$ jumps", "Times are those of $s = 1$"],
    "T17": [r"(\Sigma+\sigma^2 I)^{-1}(m_j - m_k)", r"turn with $\sigma$"],
}
"""What these statements would be false without: where they hold, and of what."""


@pytest.mark.parametrize("identifier", SCOPE)
def test_a_statement_says_where_it_holds(identifier):
    assert [words for words in SCOPE[identifier] if words not in THEOREMS[identifier].statement] == []
    assert "Anderson" in THEOREMS["T11"].hypotheses[-1]
    assert "ω > ½" in THEOREMS["T12"].hypotheses[-1]
