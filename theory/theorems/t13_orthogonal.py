"""T13: any number of classes with orthogonal means, as a one-dimensional integral."""

from typing import Any

from .._support.untyped import sympy as sp
from ..closed_forms.orthogonal import orthogonal_agreement, orthogonal_entropy
from ._base import Argument, Block, Identity, Theorem

CASES = ((2, 2.0), (4, 3.0), (10, 5.0), (50, 8.0), (1000, 12.0))
"""Numbers of classes and g at which the entropy and the agreement are predicted."""
WEIGHTS = (0.1, 0.2, 0.3, 0.4)
"""Unequal weights, at `WEIGHTED_G`."""
WEIGHTED_G = 3.0


def derivation() -> tuple[Block, ...]:
    """From the expected log of a sum to a product of ψ, and from the rate to the agreement."""
    r, u, g, M, v = sp.symbols("r u g M v", positive=True)
    w, x, m = sp.symbols("w x m", real=True)
    share = [sp.Symbol(f"p{k}", positive=True) for k in (1, 2)]
    p = [*share, 1 - sum(share)]
    basis = sp.eye(3)
    error = sum(
        p[c] * sum((basis[c, i] - p[i]) ** 2 for i in range(3)) for c in range(3)
    )  # E|e_C − p|², C with probabilities p

    def normal(mean: Any) -> Any:
        return sp.exp(-((u - w - mean) ** 2) / (2 * g)) / sp.sqrt(2 * sp.pi * g)

    kernel = sp.exp(-((x - m) ** 2) / (2 * g)) / sp.sqrt(2 * sp.pi * g)
    first, second = (sp.sqrt(M) * sp.eye(2)[:, i] for i in (0, 1))
    vertex = [sp.sqrt(M) * (sp.eye(3)[:, i] - sp.ones(3, 1) / 3) for i in (0, 1)]
    sums = sp.exp(-u * (1 + r))
    return (
        Identity("d/dr ∫ e^{−u}(1 − e^{−ur}) du/u = 1/(1 + r)", _integral(sums, u), 1 / (1 + r)),
        Identity("∫ e^{−u}(1 − e^{−ur}) du = r/(1 + r)", _integral(sp.exp(-u) - sums, u), r / (1 + r)),
        Identity("u = e^v turns du/u into dv", sp.diff(sp.exp(v), v) / sp.exp(v), sp.Integer(1)),
        Identity(
            "tilt: N(u; v + g, g) = e^{u − v − g/2} N(u; v, g)", normal(g), sp.exp(u - w - g / 2) * normal(0)
        ),
        Identity("∂_g ψ = ½ ψ'': heat equation", sp.diff(kernel, g), sp.diff(kernel, m, 2) / 2),
        Identity("E|e_C − p|² = 1 − Σ p²", sp.expand(error), sp.expand(1 - sum(q**2 for q in p))),
        Identity("orthogonal means are √(2M) apart", (first - second).dot(first - second), 2 * M),
        Identity("so are a simplex's", (vertex[0] - vertex[1]).dot(vertex[0] - vertex[1]), 2 * M),
        Argument(
            "Exchanging the expectation with the integral over u, all of whose terms are positive, is "
            "Tonelli's theorem; that E|m_C − D|² gives the rate is T17."
        ),
    )


def _integral(expression: Any, u: Any) -> Any:
    return sp.integrate(expression, (u, 0, sp.oo))


def predict() -> dict[str, float]:
    """Entropy and agreement of `CASES`, and of unequal weights."""
    numbers: dict[str, float] = {}
    for classes, g in CASES:
        numbers[f"H_{classes}({g:g})"] = float(orthogonal_entropy(g, classes))
        numbers[f"phi_{classes}({g:g})"] = float(orthogonal_agreement(g, classes))
    numbers["H of unequal weights"] = float(orthogonal_entropy(WEIGHTED_G, weights=WEIGHTS))
    numbers["phi of unequal weights"] = float(orthogonal_agreement(WEIGHTED_G, weights=WEIGHTS))
    return numbers


THEOREM = Theorem(
    id="T13",
    name="orthogonal classes",
    statement=(
        r"$H_K(g) = \int_{-\infty}^{\infty}\bigl[1-\psi(v)^{K-1}\bigr]\,\psi(v+g)\,\mathrm dv$, $\psi(v) "
        r"= \mathbb E\exp(-e^{v+\sqrt g Z})$, $g = M/(s^2+\sigma^2)$; $\mathrm dH_K/\mathrm dg = "
        r"-\tfrac12(1-\varphi_K)$."
    ),
    sources=("GSV05",),
    hypotheses=(
        "K classes with Σ = s²I",
        "orthogonal means with |m_k|² = M, or a simplex with the same distances",
    ),
    derivation=derivation,
    predict=predict,
)
