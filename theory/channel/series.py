"""Series of the binary channel at small and at large γ: asymptotic, with error bounds (T9).

Both follow from the heat equation for the tilted average, `d/dγ A_f = A_{(f'' − f)/2}` (with the
factor `e^{−γ/2}` included), applied to powers of sech:

    d/dγ M_n = ½(n² − 1) M_n − ½ n(n + 1) M_{n+2},      M_n = c e^{−γ/2} ∫ N(u−λ; 0, γ) sech^n(u) du.

Small γ: every derivative at γ = 0 is an integer for balanced classes, and with the Euler numbers

    e^{γ/2} mmse ~ Σ_n E_{2n} γⁿ/(2ⁿ n!),

which converges nowhere but at 0; the error is below the first term left out, since
`sech u = ½ ∫ cos(uv) sech(πv/2) dv` is enveloped by its Taylor sums as the cosine is. Large γ: expanding the
Gaussian under the integral, with `∫ u^{2n} sech u du = π (π/2)^{2n} |E_{2n}|`,

    mmse ~ √(π/2γ) e^{−γ/2} Σ_n (−1)^n |E_{2n}|/n! (π²/8γ)^n,

an alternating series whose error is below the first term left out, since `e^{−x}` is enveloped
by its Taylor sums.
"""

import math
from dataclasses import dataclass

import numpy as np

from .._support.aliases import Expr, Precise
from .._support.real_numbers import real_number
from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp

__all__ = [
    "Truncation",
    "entropy_large_gamma_coefficients",
    "entropy_small_gamma_coefficients",
    "large_gamma_coefficients",
    "large_gamma_mmse",
    "moment_derivative",
    "optimal_terms",
    "small_gamma_coefficients",
]


_DIGITS = 30  # of the sum, so that its value is off by the rounding to a double alone
_FAR, _ENOUGH = 1e4, 64  # a γ whose mmse no double holds, and terms that no digit needs there


def moment_derivative(combination: dict[int, Expr]) -> dict[int, Expr]:
    """Derivative in γ of `Σ a_n M_n`, given and returned as `{n: a_n}`."""
    result: dict[int, Expr] = {}
    for n, factor in combination.items():
        result[n] = result.get(n, 0) + factor * sp.Rational(n * n - 1, 2)
        result[n + 2] = result.get(n + 2, 0) - factor * sp.Rational(n * (n + 1), 2)
    return {n: factor for n, factor in result.items() if factor != 0}


def small_gamma_coefficients(order: int) -> list[Expr]:
    """Exact coefficients of `mmse ~ Σ c_j γ^j`, j = 0 … order, balanced classes (SymPy rationals).

    The series is asymptotic: its radius of convergence is 0.
    """
    combination: dict[int, Expr] = {1: sp.Integer(1)}
    coefficients: list[Expr] = []
    for j in range(_checked("order", order) + 1):
        # at γ = 0 the average is the value at u = 0, where every power of sech is 1
        coefficients.append(sum(combination.values()) / sp.factorial(j))
        combination = moment_derivative(combination)
    return coefficients


def entropy_small_gamma_coefficients(order: int) -> list[Expr]:
    """Exact coefficients of `H = log 2 + Σ_{j≥1} c_j γ^j`, j = 0 … order, from `dH/dγ = −½ mmse`."""
    mmse = small_gamma_coefficients(max(_checked("order", order) - 1, 0))
    return [sp.log(2), *(-mmse[j - 1] / (2 * sp.Integer(j)) for j in range(1, order + 1))]


def large_gamma_coefficients(terms: int) -> list[Expr]:
    """Exact `a_n` in `mmse ~ √(π/2γ) e^{−γ/2} Σ a_n γ^{−n}`, n = 0 … terms − 1 (SymPy)."""
    return [
        sp.Integer(-1) ** n * abs(sp.euler(2 * n)) / sp.factorial(n) * (sp.pi**2 / 8) ** n
        for n in range(_checked("terms", terms))
    ]


def entropy_large_gamma_coefficients(terms: int) -> list[Expr]:
    """Exact `b_n` in `H ~ √(π/2γ) e^{−γ/2} Σ b_n γ^{−n}`, n = 0 … terms − 1 (SymPy).

    The entropy's profile f solves `f − f'' = sech`, so its even moments satisfy
    `μ_{2n} = ν_{2n} + 2n(2n − 1) μ_{2n−2}` with ν the moments of sech.
    """
    coefficients: list[Expr] = []
    moment: Expr = 0
    for n in range(_checked("terms", terms)):
        of_sech = (sp.pi / 2) ** (2 * n) * abs(sp.euler(2 * n))
        moment = of_sech + 2 * n * (2 * n - 1) * moment
        coefficients.append((-1) ** n * moment / (sp.factorial(n) * sp.Integer(2) ** n))
    return coefficients


def optimal_terms(gamma: float) -> int:
    """Number of terms after which the large-γ series is cut: those before the smallest one.

    The ratio of successive terms is about `(2n + 1)/γ`, so the smallest is near `n = γ/2`.
    """
    gamma = _positive(gamma)
    if gamma >= _FAR:  # Dirichlet's sum is 1 to 3⁻²ⁿ there
        return math.ceil((gamma - 1) / 2)
    n = max(int(gamma / 2) - 3, 0)
    while _term(n + 1, gamma) < _term(n, gamma):
        n += 1
    return max(n, 1)


@dataclass(frozen=True)
class Truncation:
    """A truncated asymptotic series.

    Attributes
    ----------
    value : float
        Sum of the terms that were kept.
    terms : int
        How many.
    error_bound : float
        Bound of the absolute error of `value`.
    """

    value: float
    terms: int
    error_bound: float


def large_gamma_mmse(gamma: float, terms: int | None = None) -> Truncation:
    """Mmse from its large-γ series, cut optimally or after `terms` terms, with its error bound.

    Parameters
    ----------
    gamma : float
        γ > 0.
    terms : int, optional
        At least 1; as many as make the bound smallest unless given.

    Returns
    -------
    Truncation
        `value`, `terms` and `error_bound`. The bound is the first term left out, cut optimally about
        `(4√2/π) e^{−γ/2}` relative, plus half a unit in the last place of the value, which is more from
        γ ≈ 73 on.

    Raises
    ------
    ValueError
        `gamma ≤ 0` or `terms < 1`.

    References
    ----------
    T9.
    """
    gamma = _positive(gamma)
    most = optimal_terms(gamma) if gamma < _FAR else _ENOUGH
    count = most if terms is None else _checked("terms", terms)
    if count < 1:
        raise ValueError("terms: must be at least 1")
    with mp.workdps(_DIGITS):
        scale = mp.sqrt(mp.pi / (2 * mp.mpf(gamma))) * mp.exp(-mp.mpf(gamma) / 2)
        total = mp.fsum((-1) ** n * _term(n, gamma) for n in range(count))
        value = float(scale * total)
        rest = float(scale * _term(count, gamma))
    return Truncation(value, count, math.nextafter(rest + math.ulp(value) / 2, math.inf))


def _positive(gamma: float) -> float:
    gamma = real_number(gamma, "gamma")
    if not (np.isfinite(gamma) and gamma > 0):
        raise ValueError("gamma: must be a finite number > 0")
    return gamma


def _term(n: int, gamma: float) -> Precise:
    """`|E_{2n}|/n! (π²/8γ)^n`, through the rapidly converging Dirichlet sum of the Euler numbers."""
    # |E_{2n}| = 2 (2n)! (2/π)^{2n+1} β(2n+1), β Dirichlet's beta function
    beta = (mp.zeta(2 * n + 1, 0.25) - mp.zeta(2 * n + 1, 0.75)) / mp.mpf(4) ** (2 * n + 1)
    if n == 0:
        beta = mp.pi / 4
    euler = 2 * mp.factorial(2 * n) * (2 / mp.pi) ** (2 * n + 1) * beta
    return euler / mp.factorial(n) * (mp.pi**2 / (8 * mp.mpf(gamma))) ** n


def _checked(name: str, value: int) -> int:
    if value < 0:
        raise ValueError(f"{name}: must be >= 0, not {value}")
    return value
