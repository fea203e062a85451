"""T6: in dimension d the speciation time is ½ log d plus a constant plus a series in 1/d."""

from typing import Any

from .._support.untyped import sympy as sp
from ..times.criteria import SEPARATION2, VARIANCE, speciation_sigma2_expression
from ..times.expansions import (
    DIMENSION,
    LEVEL,
    MEAN,
    level_of,
    log_law,
    peak_gamma_coefficients,
    regular_growth,
)
from ._base import Block, Identity, Theorem

MU, S2 = 0.8, 0.6
"""Mean per coordinate and variance of the predicted numbers."""
CRITERIA = ("curvature", "covariance", "reverse-sde", "entropy-peak", "entropy-median")
"""Criteria with an expansion (cloning is that of curvature)."""
ORDER = 3
"""Order in 1/d to which it is predicted."""


def derivation() -> tuple[Block, ...]:
    """The first correction of a level, and every expansion against its exact expression."""
    level = log_law("curvature", 1)
    correction = (1 - VARIANCE) * LEVEL / (2 * MEAN**2 * DIMENSION)
    leading = sp.log(DIMENSION) / 2 + sp.log(MEAN**2 / LEVEL) / 2
    return (
        Identity("level: t = ½log d + ½log(μ²/γ_c) + (1−s²)γ_c/(2μ²d)", level, leading + correction),
        *(step for criterion in ("curvature", "covariance", "reverse-sde") for step in _remainder(criterion)),
    )


def coefficients(criterion: str) -> list[float]:
    """Coefficients of `d^0 … d^{−ORDER}` in `t − ½ log d`, at `MU` and `S2`."""
    values: dict[Any, Any] = {MEAN: sp.Float(MU), VARIANCE: sp.Float(S2)}
    if criterion in ("curvature", "entropy-median", "entropy-peak"):
        values[LEVEL] = sp.Float(str(level_of(criterion)), 30)
    if criterion == "entropy-peak":
        for n, slope in enumerate(peak_gamma_coefficients(ORDER)[1:], start=1):
            values[sp.Symbol(f"c{n}")] = sp.Float(str(slope), 30)
    series = sp.expand(log_law(criterion, ORDER).subs(values) - sp.log(DIMENSION) / 2)
    return [float(series.coeff(DIMENSION, -n)) for n in range(ORDER + 1)]


def predict() -> dict[str, float]:
    """The non-zero coefficients of every expansion."""
    return {
        f"{criterion}: coefficient of d^-{n}": value
        for criterion in CRITERIA
        for n, value in enumerate(coefficients(criterion))
        if value != 0
    }


def _remainder(criterion: str) -> tuple[Identity, Identity]:
    """`e^{2t}/d` in its regular form, and second derivatives of its time and of the expansion at d = ∞."""
    x = sp.Symbol("x", positive=True)
    growth = (1 + speciation_sigma2_expression(criterion)).subs(SEPARATION2, MEAN**2 / x)
    regular = regular_growth(growth, x)
    exact = sp.log(regular) / 2
    expansion = (log_law(criterion, 2) - sp.log(DIMENSION) / 2).subs(LEVEL, 1).subs(DIMENSION, 1 / x)
    return (
        Identity(f"{criterion}: e^(2t)/d in its regular form", growth * x, regular),
        Identity(
            f"{criterion}: second derivative in 1/d at d = ∞",
            sp.diff(exact, x, 2).subs(x, 0),
            sp.diff(expansion, x, 2).subs(x, 0),
        ),
    )


THEOREM = Theorem(
    id="T6",
    name="log law",
    statement=(
        r"With $M = \mu^2 d$: $t = \tfrac12\log d+\tfrac12\log(\mu^2/\gamma_c)+(1-s^2)\gamma_c/(2\mu^2 "
        r"d)+O(d^{-2})$ for every criterion that is a level of $\gamma$; to any order, and for the "
        r"covariance, reverse-SDE and entropy-peak criteria, whose level moves with $d$."
    ),
    sources=("B24", "H26"),
    hypotheses=("means ±μ(1,…,1) in R^d", "Σ = s²I", "balanced classes"),
    derivation=derivation,
    predict=predict,
)
