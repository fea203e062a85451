"""T10: two-sided bounds on the entropy for every γ, hence for every dimension."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse
from ._base import Identity, Theorem

GAMMAS = (0.0, 0.01, 1.0, 5.0, 50.0)
"""Separations at which both bounds are predicted."""


def derive() -> tuple[Identity, ...]:
    """Each inequality reduced to the integral of a function that is visibly non-negative.

    Upper: the profile f of T3 is even and falls from f(0) = log 2, since for u > 0, x = e^{−2u},
    `f' ∝ log(1+x) − (−log x) x/(1−x) ≤ x − x = 0`. Lower: `G = cosh² u·h(u)` grows from
    log 2, since `G' = sinh(2u)(h − u/sinh 2u)`, whose bracket falls to 0 with slope
    `(2u − sinh 2u)/sinh² 2u ≤ 0`.
    """
    return (*_upper(), *_lower(), *_elementary())


def lower(gamma: float) -> float:
    """`log 2 · mmse(γ)`, nats."""
    return float(np.log(2) * binary_mmse(gamma))


def upper(gamma: float) -> float:
    """`log 2 · e^{−γ/2}`, nats."""
    return float(np.log(2) * np.exp(-gamma / 2))


def predict() -> dict[str, float]:
    """Both bounds at `GAMMAS`."""
    lowers = {f"lower bound at {g:g}": lower(g) for g in GAMMAS}
    return lowers | {f"upper bound at {g:g}": upper(g) for g in GAMMAS}


def _entropy(u: Any) -> Any:
    return sp.log(2 * sp.cosh(u)) - u * sp.tanh(u)


def _upper() -> tuple[Identity, ...]:
    u = sp.Symbol("u", positive=True)
    profile = sp.cosh(u) * _entropy(u)
    x = sp.exp(-2 * u)
    compared = sp.log(2 * sp.cosh(u)) - u - (2 * u) * x / (1 - x)
    return (
        Identity("f(0) = log 2", profile.subs(u, 0), sp.log(2)),
        Identity(
            "f' = sinh u·[log(2 cosh u) − u − 2u x/(1−x)]",
            sp.simplify(sp.diff(profile, u).rewrite(sp.exp)),
            sp.simplify((sp.sinh(u) * compared).rewrite(sp.exp)),
        ),
        Identity(
            "log(2 cosh u) − u = log(1 + e^{−2u})",
            sp.simplify(sp.diff(sp.log(2 * sp.cosh(u)) - u, u).rewrite(sp.exp)),
            sp.simplify(sp.diff(sp.log(1 + x), u)),
        ),
    )


def _lower() -> tuple[Identity, ...]:
    u = sp.Symbol("u", positive=True)
    h = _entropy(u)
    growing = sp.cosh(u) ** 2 * h
    bracket = h - u / sp.sinh(2 * u)
    slope = (2 * u - sp.sinh(2 * u)) / sp.sinh(2 * u) ** 2
    return (
        Identity("G(0) = log 2", growing.subs(u, 0), sp.log(2)),
        Identity(
            "G' = sinh(2u)(h − u/sinh 2u)",
            sp.simplify(sp.diff(growing, u).rewrite(sp.exp)),
            sp.simplify((sp.sinh(2 * u) * bracket).rewrite(sp.exp)),
        ),
        Identity(
            "d/du (h − u/sinh 2u) = (2u − sinh 2u)/sinh² 2u",
            sp.simplify(sp.diff(bracket, u).rewrite(sp.exp)),
            sp.simplify(slope.rewrite(sp.exp)),
        ),
    )


def _elementary() -> tuple[Identity, ...]:
    """`sinh y ≥ y`, `log(1+x) ≤ x` and `−log x ≥ 1 − x` as integrals of squares and quotients."""
    v, y = sp.symbols("v y", positive=True)
    x = sp.Symbol("x", positive=True)
    return (
        Identity(
            "sinh y − y = ∫₀^y 2 sinh²(v/2) dv",
            sp.integrate(sp.expand((2 * sp.sinh(v / 2) ** 2).rewrite(sp.exp)), (v, 0, y)),
            (sp.sinh(y) - y).rewrite(sp.exp),
        ),
        Identity(
            "x − log(1+x) = ∫₀^x v/(1+v) dv",
            sp.integrate(1 - 1 / (1 + v), (v, 0, x)),
            x - sp.log(1 + x),
        ),
        Identity(
            "−log x − (1−x) = ∫_x^1 (1−v)/v dv",
            sp.integrate(sp.expand((1 - v) / v), (v, x, 1)),
            -sp.log(x) - (1 - x),
        ),
    )


THEOREM = Theorem(
    id="T10",
    name="bounds",
    statement=(
        r"$\log 2\cdot\mathrm{mmse}(\gamma)\le H_2(\gamma)\le\log 2\cdot e^{-\gamma/2}$ for every "
        r"$\gamma\ge0$: a non-asymptotic window in every dimension."
    ),
    sources=("LC24",),
    hypotheses=("two balanced classes with a shared covariance",),
    derive=derive,
    predict=predict,
    proof_limits="A function whose derivative has one sign is monotone; signs are read off the identities.",
)
