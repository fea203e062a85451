"""Speciation times by criterion (T5): derived from the score of two classes, then evaluated.

Along the axis of the means the noised density of two classes with covariance s²I is, in OU time,

    p_t(x) = w N(x; +a√M, Γ) + (1−w) N(x; −a√M, Γ),    a² = e^{−2t},  Γ = 1 + (s² − 1)a²,

and every instability is a condition on its score at the midpoint:

    curvature         ∂²log p_t = 0            covariance        Λ e^{−2t} = 1, Λ = Var X₀
    reverse-sde       1 + 2 ∂²log p_t = 0      probability-flow  1 + ∂²log p_t = 0

The entropy criteria, cloning and the second mode of p_t are levels of `γ = M/(s² + σ²)`. Each condition is
solved symbolically for σ²; the same expression is what `speciation_time` evaluates.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import schedules
from .._support.aliases import Expr
from .._support.choices import one_of
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import sympy as sp
from ..channel import gamma_levels
from ..channel.constants import median_gamma, peak_gamma
from ..mixtures.mixture import GaussianMixture
from . import symbols
from .second_mode import SecondModeGamma, second_mode_gamma

__all__ = [
    "CRITERIA",
    "SEPARATION2",
    "VARIANCE",
    "Criterion",
    "midpoint_curvature",
    "speciation_sigma2",
    "speciation_sigma2_expression",
    "speciation_time",
    "speciation_time_expression",
    "why_no_time",
]

Array: TypeAlias = NDArray[np.float64]

Criterion: TypeAlias = Literal[
    "curvature",
    "covariance",
    "reverse-sde",
    "probability-flow",
    "entropy-peak",
    "entropy-median",
    "cloning",
    "second-mode",
]

CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
"""Names of the criteria, in T5's order."""

SEPARATION2 = symbols.M
"""`M = |δ|²`. Without assumptions, so that `subs({"M": …})` finds it by its name."""
VARIANCE = symbols.s2
"""`s²`, the variance of each class."""


_HALF = sp.Rational(1, 2)


def midpoint_curvature(signal2: Expr, separation2: Expr, variance: Expr, prior: Expr) -> Expr:
    """`∂²log p_t` along the axis of the means at their midpoint, as a SymPy expression.

    `signal2` is `a² = e^{−2t}`. Differentiates the two-class density twice; the result is
    `−1/Γ + 4w(1−w) a²M/Γ²`.
    """
    x = sp.Symbol("x", real=True)
    width = 1 + (variance - 1) * signal2
    mean = sp.sqrt(signal2 * separation2)
    density = prior * sp.exp(-((x - mean) ** 2) / (2 * width)) + (1 - prior) * sp.exp(
        -((x + mean) ** 2) / (2 * width)
    )
    return sp.simplify(sp.diff(sp.log(density), x, 2).subs(x, 0))


def speciation_sigma2_expression(criterion: Criterion, prior: Expr = _HALF) -> Expr:
    """σ² at speciation as a SymPy expression.

    Parameters
    ----------
    criterion : Criterion
        One of `CRITERIA`.
    prior : SymPy number or symbol
        Probability of the first class.

    Returns
    -------
    SymPy expression
        In the symbols `M` and `s2`. Negative (or, for `probability-flow`, undefined) where the criterion
        has no solution at t ≥ 0.

    Raises
    ------
    ValueError
        An unknown criterion.

    References
    ----------
    T5.
    """
    prior = sp.sympify(prior)
    if one_of(criterion, "criterion", CRITERIA) in _DRIFTS:
        return _less_one(_solve_at_midpoint(criterion)).subs(SEPARATION2, _effective(prior))
    return _growth(criterion, prior) - 1


def speciation_time_expression(criterion: Criterion, prior: Expr = _HALF) -> Expr:
    """OU speciation time `½ log(1 + σ²)` as a SymPy expression, the one that `speciation_time` evaluates.

    Parameters
    ----------
    criterion : Criterion
        One of `CRITERIA`.
    prior : SymPy number or symbol
        Probability of the first class.

    Returns
    -------
    SymPy expression
        In the symbols `M` and `s2`. For `probability-flow`, whose drift is unstable at every time or at
        none unless `s²(1 − s²) ≤ 4w(1−w)M < 1 − s²`, a `Piecewise` that is `nan` elsewhere.

    Raises
    ------
    ValueError
        An unknown criterion.

    References
    ----------
    T5.
    """
    prior = sp.sympify(prior)
    time = sp.log(_growth(one_of(criterion, "criterion", CRITERIA), prior)) / 2
    if criterion != "probability-flow":
        return time
    own, deficit = _effective(prior), 1 - VARIANCE
    return sp.Piecewise((time, sp.And(own < deficit, own >= VARIANCE * deficit)), (sp.nan, True))


def speciation_sigma2(
    criterion: Criterion, separation2: ArrayLike, variance: ArrayLike = 1.0, prior: ArrayLike = 0.5
) -> Array:
    """σ² at speciation by one criterion.

    Parameters
    ----------
    criterion : Criterion
        One of `CRITERIA`.
    separation2 : array_like
        `M = |δ|²`, above 0; arrays broadcast.
    variance : array_like
        s² ≥ 0 within a class.
    prior : array_like
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        NaN where there is no solution at t ≥ 0.

    Raises
    ------
    ValueError
        An unknown criterion, `separation2` that is not above 0, a negative `variance`, or a prior outside
        (0, 1).

    References
    ----------
    T5.
    """
    if isinstance(separation2, GaussianMixture):
        raise ValueError("separation2: the number M = |δ|²; for a mixture call speciation_times(mixture)")
    separation2_, variance_ = real_numbers(separation2, "separation2"), real_numbers(variance, "variance")
    refuse_unless(separation2_ > 0, separation2_, "separation2", "must be positive")
    refuse_unless(variance_ >= 0, variance_, "variance", "must be >= 0")
    prior_ = real_numbers(prior, "prior")
    refuse_unless((prior_ > 0) & (prior_ < 1), prior_, "prior", "must lie strictly between 0 and 1")
    evaluate = _compiled(criterion)
    # extended precision for its exponents: M² must not overflow before its root is taken
    wide = [np.asarray(values, dtype=np.longdouble) for values in (separation2_, variance_, prior_)]
    with np.errstate(all="ignore"):
        value = np.asarray(evaluate(*wide), dtype=np.float64)
    value = np.broadcast_to(value, np.broadcast_shapes(separation2_.shape, variance_.shape, prior_.shape))
    return np.where((value >= 0) & np.isfinite(value), value, np.nan)[()]


def speciation_time(
    criterion: Criterion,
    separation2: ArrayLike,
    variance: ArrayLike = 1.0,
    schedule: schedules.Schedule = schedules.OrnsteinUhlenbeck(),  # noqa: B008 (immutable)
    prior: ArrayLike = 0.5,
) -> Array:
    """Time at which two classes with covariance s²I speciate, by the given criterion.

    Parameters
    ----------
    criterion : Criterion
        One of `CRITERIA`: `curvature`, `covariance`, `reverse-sde`, `probability-flow`,
        `entropy-peak`, `entropy-median`, `cloning`, `second-mode`.
    separation2 : array_like
        `M = |δ|² > 0`, the squared half distance of the means.
    variance : array_like
        `s² ≥ 0`.
    schedule : Schedule
        The clock of the returned time; Ornstein–Uhlenbeck by default.
    prior : array_like
        Weight of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), in the schedule's time; `nan` where
    the criterion has no solution at t ≥ 0 or the schedule never reaches it (`why_no_time` says
    which).

    Raises
    ------
    ValueError
        An unknown criterion, or a number outside its range.

    References
    ----------
    T5; Biroli et al. 2024; Raya, Ambrogioni 2023; Handke et al. 2026.
    """
    return schedule.time(np.sqrt(speciation_sigma2(criterion, separation2, variance, prior)))


def why_no_time(criterion: Criterion, separation2: float, variance: float, prior: float = 0.5) -> str:
    """One clause that says why `speciation_time` is `nan` at t ≥ 0 for these numbers."""
    if criterion == "probability-flow":
        if variance >= 1 or 4 * prior * (1 - prior) * separation2 >= 1 - variance:
            return "the linearised drift is unstable at every finite time"
        return "the linearised drift is stable at every time t >= 0"
    if criterion == "covariance":
        return "the largest eigenvalue of the data covariance is below 1"
    if criterion == "reverse-sde":
        return "the linearised drift is stable at every time t >= 0"
    return f"gamma stays below its critical level: at t = 0 it is {separation2 / variance:.6g}"


@lru_cache(maxsize=64)
def _growth(criterion: Criterion, prior: Expr) -> Expr:
    """`Y = e^{2t} = 1 + σ²` at speciation."""
    M, s2 = SEPARATION2, VARIANCE
    if criterion in _DRIFTS:
        return _solve_at_midpoint(criterion).subs(M, _effective(prior))
    if criterion == "covariance":
        return s2 + _effective(prior)
    levels: dict[str, Expr] = {
        "cloning": sp.Integer(1),
        "second-mode": SecondModeGamma(prior),
        "entropy-median": gamma_levels.MedianGamma(prior),
        # κ = (1−s²)/M: the rate is a density in OU time
        "entropy-peak": gamma_levels.PeakGamma((1 - s2) / M, prior),
    }
    return M / levels[criterion] + 1 - s2


def _effective(prior: Expr) -> Expr:
    """Weights only scale M, at the midpoint and in the data covariance (T5 proves it)."""
    return 4 * prior * (1 - prior) * SEPARATION2


# Conditions on the second derivative of the log-density at the midpoint of the means
_DRIFTS: dict[str, Callable[[Expr], Expr]] = {
    "curvature": lambda hessian: hessian,
    "reverse-sde": lambda hessian: 1 + 2 * hessian,
    "probability-flow": lambda hessian: 1 + hessian,
}


@lru_cache(maxsize=4)
def _solve_at_midpoint(criterion: Criterion) -> Expr:
    """Y at which the linearised drift of balanced classes changes stability."""
    growth, deficit = sp.symbols("Y b")  # b = 1 − s²
    hessian = midpoint_curvature(1 / growth, SEPARATION2, 1 - deficit, sp.Rational(1, 2))
    numerator = sp.numer(sp.together(_DRIFTS[criterion](hessian)))
    roots = [root for root in sp.roots(sp.Poly(numerator, growth), growth) if root != 0]
    # b = ½, M = ⅕ is a point at which each of the three has a time t > 0
    positive = [r for r in roots if r.subs({SEPARATION2: sp.Rational(1, 5), deficit: 0.5}) > 0]
    if len(positive) != 1:
        raise ArithmeticError(f"{criterion}: expected one positive root, found {positive}")
    return positive[0].subs(deficit, 1 - VARIANCE)


def _less_one(growth: Expr) -> Expr:
    """`Y − 1`, written so that it does not cancel where t is small."""
    roots = [atom for atom in growth.atoms(sp.Pow) if atom.exp == sp.Rational(1, 2)]
    if roots:
        (root,) = roots
        excess = sp.factor(sp.expand(root.base - 1), deep=False)
        return growth - root + excess / (root + 1)
    return sp.factor(sp.together(growth - 1))


@lru_cache(maxsize=16)
def _compiled(criterion: Criterion) -> Callable[..., Any]:
    prior = sp.Symbol("w", positive=True)
    numeric = {"PeakGamma": peak_gamma, "MedianGamma": median_gamma, "SecondModeGamma": second_mode_gamma}
    expression = speciation_sigma2_expression(criterion, prior)
    return sp.lambdify((SEPARATION2, VARIANCE, prior), expression, [numeric, "numpy"])
