"""Expansions of the speciation time: the log law to any order (T6) and γ*(κ) in powers of κ (T8).

M = μ²d:  t = ½ log d + ½ log(μ²/γ_c) + (1 − s²)γ_c/(2μ²d) + O(d^{−2})
γ*(κ) = γ* + c₁κ + c₂κ² + …,  from  F(γ, κ) = d/dγ[γ(1 + κγ) mmse(γ)] = 0
"""

from functools import lru_cache

from .._support.aliases import Expr
from .._support.choices import one_of
from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp
from ..channel import multiprecision
from ..channel.constants import precise_median_gamma, precise_peak_gamma
from ..channel.series import moment_derivative
from . import symbols
from .criteria import CRITERIA, SEPARATION2, VARIANCE, Criterion, speciation_sigma2_expression

__all__ = [
    "DIMENSION",
    "LEVEL",
    "MEAN",
    "level_of",
    "log_law",
    "peak_gamma_coefficients",
    "peak_gamma_expression",
    "regular_growth",
]

DIMENSION = symbols.d
"""Dimension d."""
MEAN = symbols.mu
"""Mean per coordinate μ, so that `M = μ²d`."""
LEVEL = symbols.gamma_c
"""The level γ_c of a criterion; γ*(0) for the entropy peak."""

_SLOPES = sp.symbols("c1:20")


def log_law(criterion: Criterion, order: int) -> Expr:
    """OU speciation time as an expansion in 1/d up to and including `d^{−order}`.

    For `entropy-peak` the level of γ moves with d; its coefficients `c1, c2, …` are those of
    `peak_gamma_coefficients`.

    Parameters
    ----------
    criterion : str
        One of `CRITERIA`, but for `probability-flow`, whose drift is unstable at every finite time once
        `μ²d > 1 − s²`.
    order : int
        At least 0.

    Returns
    -------
    SymPy expression
        In the symbols `d`, `mu`, `s2`, and `gamma_c` where the criterion is a level of γ.

    Raises
    ------
    ValueError
        An unknown criterion, a negative order, or `probability-flow`.

    References
    ----------
    T6.
    """
    criterion = one_of(criterion, "criterion", CRITERIA)
    if order < 0:
        raise ValueError(f"order: must be >= 0, not {order}")
    if criterion == "probability-flow":
        raise ValueError(
            "criterion: 'probability-flow' has no expansion; in high dimension its drift is "
            "unstable at every finite time"
        )
    return _log_law(criterion, order)


def level_of(criterion: Criterion, digits: int = 30) -> Expr:
    """The level γ_c of a criterion for balanced classes, to `digits` digits; γ*(0) for the peak.

    Raises
    ------
    ValueError
        For a criterion that is no level of γ.
    """
    if criterion in ("curvature", "cloning", "second-mode"):
        return mp.mpf(1)
    if criterion == "entropy-median":
        return precise_median_gamma(digits=digits)
    if criterion == "entropy-peak":
        return precise_peak_gamma(digits=digits)
    raise ValueError(f"criterion: {criterion!r} is not a level of gamma")


@lru_cache(maxsize=64)
def _log_law(criterion: Criterion, order: int) -> Expr:
    x = sp.Symbol("x", positive=True)  # 1/d
    separation2 = MEAN**2 / x
    if criterion in ("curvature", "cloning", "second-mode", "entropy-median"):
        growth = 1 - VARIANCE + separation2 / LEVEL
    elif criterion == "entropy-peak":
        kappa = (1 - VARIANCE) / separation2
        level = LEVEL + sum(_SLOPES[n - 1] * kappa**n for n in range(1, order + 1))
        growth = 1 - VARIANCE + separation2 / level
    else:
        growth = 1 + speciation_sigma2_expression(criterion).subs(SEPARATION2, separation2)
    tail = sp.series(sp.log(regular_growth(growth, x)), x, 0, order + 1).removeO()
    coefficients = [sp.simplify(tail.coeff(x, n)) for n in range(order + 1)]
    return sp.log(DIMENSION) / 2 + sum(
        coefficient / (2 * DIMENSION**n) for n, coefficient in enumerate(coefficients)
    )


def regular_growth(growth: Expr, x: Expr) -> Expr:
    """`e^{2t} x`, x = 1/d, with its roots drawn: regular at x = 0, so its logarithm is a power series."""
    return sp.powdenest(sp.simplify(sp.expand(growth * x)), force=True)


def peak_gamma_expression(order: int) -> tuple[Expr, ...]:
    """`c_1 … c_order` as SymPy expressions in γ* and the moments `M_1, M_3, …` at γ*.

    The implicit function of `F(γ, κ) = d/dγ[γ(1 + κγ) mmse] = 0`, order by order; the derivatives
    of mmse are combinations of moments (`series.moment_derivative`).
    """
    gamma = sp.Symbol("gamma", positive=True)
    moments = {n: sp.Symbol(f"M_{n}", positive=True) for n in range(1, 2 * order + 4, 2)}
    return tuple(_implicit_series(gamma, moments, sp.Integer(1), order))


def peak_gamma_coefficients(order: int, digits: int = 30) -> list[Expr]:
    """`[γ*, c_1, …, c_order]` of `γ*(κ) = γ* + Σ c_n κ^n`, two classes of equal weight.

    Parameters
    ----------
    order : int
        At least 0.
    digits : int
        Decimal digits.

    Returns
    -------
    list of mpmath numbers, `order + 1` of them

    Raises
    ------
    ValueError
        A negative order.

    References
    ----------
    T8.
    """
    if order < 0 or order > len(_SLOPES):
        raise ValueError(f"order: must lie between 0 and {len(_SLOPES)}, not {order}")
    guard = digits + 5 + 2 * order
    with mp.workdps(guard):
        peak = precise_peak_gamma(digits=guard)
        moments = {n: multiprecision.moment(n, peak, digits=guard) for n in range(1, 2 * order + 4, 2)}
        return [peak, *_implicit_series(peak, moments, mp.mpf(1), order)]


def _implicit_series(peak: Expr, moments: dict[int, Expr], one: Expr, order: int) -> list[Expr]:
    """Solve `Σ_j a_j h^j + κ Σ_j b_j h^j = 0` for `h(κ) = Σ c_n κ^n`, in numbers or symbols.

    `a_j` and `b_j` are the Taylor coefficients at γ* of `d/dγ[γ mmse]` and `d/dγ[γ² mmse]`.
    """
    mmse = _mmse_taylor(moments, one, order + 2)
    once = _product([peak, one], mmse)  # γ mmse
    twice = _product([peak, one], once)  # γ² mmse
    a, b = ([(j + 1) * c for j, c in enumerate(series[1:])] for series in (once, twice))
    slopes: list[Expr] = []
    for n in range(1, order + 1):
        h = [0 * one, *slopes, *([0 * one] * (n - len(slopes)))]  # c_n still zero
        power, residual = [one] + [0 * one] * n, 0 * one
        for j in range(n + 1):
            # a₀ = 0 at γ*; h^j starts at κ^j
            residual += b[j] * power[n - 1] + (a[j] * power[n] if j > 0 else 0)
            power = _product(power, h)[: n + 1]
        slopes.append(-residual / a[1])
    return slopes


def _mmse_taylor(moments: dict[int, Expr], one: Expr, length: int) -> list[Expr]:
    combination: dict[int, Expr] = {1: sp.Integer(1)}
    coefficients: list[Expr] = []
    factorial = 1
    for j in range(length):
        factorial *= max(j, 1)
        total = sum((one * int(a.p) / int(a.q) * moments[n] for n, a in combination.items()), 0 * one)
        coefficients.append(total / factorial)
        combination = moment_derivative(combination)
    return coefficients


def _product(left: list[Expr], right: list[Expr]) -> list[Expr]:
    """Coefficients of the product of two power series, to the length of the longer."""
    size = max(len(left), len(right))
    return [
        sum(left[i] * right[n - i] for i in range(n + 1) if i < len(left) and n - i < len(right))
        for n in range(size)
    ]
