"""The entropy criteria's levels of γ as SymPy functions: exact derivatives, any precision, arrays.

Their derivatives follow from what defines them. With `s = sech u`, `t = tanh u` and

    A_{n,k}(γ, w) = c e^{−γ/2} ∫ N(u−λ; 0, γ) sⁿ tᵏ du,     c = 2√(w(1−w)),  λ = ½ log(w/(1−w)),

γ* is the root of `F = (1 + 2κγ) A₁₀ − γ(1 + κγ) A₃₀`, so that `dγ* = −(∂F/∂γ)^{−1} dF`, and γ_½ that of
`H(γ) = ½ H(C)`, where `∂H/∂γ = −½ A₁₀` and ∂H/∂w is the difference of the classes' surprises. The A are
closed under differentiation, by the heat equation in γ and by shifting λ.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr, Precise
from .._support.sympy_functions import at_precision, numeric, public_function
from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp
from . import multiprecision
from .constants import median_gamma, peak_gamma, precise_median_gamma, precise_peak_gamma

__all__ = ["MedianGamma", "PeakGamma", "SechMoment", "SurpriseGap"]

Array: TypeAlias = NDArray[np.float64]

_HALF = sp.Rational(1, 2)


def _precise_moment(n: Precise, k: Precise, gamma: Precise, prior: Precise, digits: int = 30) -> Precise:
    """`A_{n,k}` to `digits` digits."""
    average = multiprecision.odd_moment if int(k) else multiprecision.moment
    return average(int(n), gamma, prior, digits)


def _precise_gap(gamma: Precise, prior: Precise, digits: int = 30) -> Precise:
    """`E₁[−log p₁] − E₂[−log p₂]` by adaptive quadrature to `digits` digits."""
    with mp.workdps(digits + 10):
        g, w = mp.mpf(gamma), mp.mpf(prior)
        bias = mp.log(w / (1 - w))

        def difference(z: Precise) -> Precise:
            first, second = (mp.log1p(mp.exp(-2 * g - s * bias - 2 * mp.sqrt(g) * z)) for s in (1, -1))
            return mp.npdf(z) * (first - second)

        reach = mp.sqrt(2 * (digits + 10) * mp.log(10))
        return mp.quad(difference, mp.linspace(-reach, reach, 25))


def _in_double(precise: Callable[..., Precise]) -> Callable[..., Array]:
    """A function of numbers in 17 digits, for arrays of them."""

    def double(*arguments: ArrayLike) -> Array:
        return np.vectorize(lambda *values: float(precise(*values, digits=17)), otypes=[float])(*arguments)[
            ()
        ]

    return double


class _SechMoment(sp.Function):
    """`A_{n,k}(γ, w) = c e^{−γ/2} ∫ N(u−λ; 0, γ) sechⁿ u tanhᵏ u du`, k = 0 or 1; `A₁₀` is the mmse."""

    nargs = 4
    _imp_ = numeric(_in_double(_precise_moment), _precise_moment)

    def _eval_evalf(self, prec: int) -> Expr:
        return at_precision(_precise_moment, self.args, prec)

    def fdiff(self, argindex: int = 3) -> Expr:
        """By γ (the third argument) through the heat equation, by w (the fourth) by shifting λ."""
        arguments: tuple[Expr, ...] = self.args
        n, k, gamma, w = arguments
        next_: Expr = SechMoment(n + 2, k, gamma, w)
        if argindex == 3:
            rest: Expr = n * (n + 1) if k == 0 else (n + 1) * (n + 2)
            return ((n**2 - 1) * self - rest * next_) / 2
        if argindex == 4:
            if k == 0:
                shifted = -n * SechMoment(n, 1, gamma, w)
            else:
                shifted = -n * SechMoment(n, 0, gamma, w) + (n + 1) * SechMoment(n + 2, 0, gamma, w)
            return ((1 - 2 * w) * self + shifted) / (2 * w * (1 - w))
        raise sp.core.function.ArgumentIndexError(self, argindex)


SechMoment: Expr = public_function(_SechMoment, "SechMoment")


class _SurpriseGap(sp.Function):
    """`∂H/∂w = E₁[−log p₁] − E₂[−log p₂]` of the binary channel at γ and weight w, nats."""

    nargs = 2
    _imp_ = numeric(_in_double(_precise_gap), _precise_gap)

    def _eval_evalf(self, prec: int) -> Expr:
        return at_precision(_precise_gap, self.args, prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        """By γ, from `∂H/∂γ = −½ mmse`; by w it stays symbolic."""
        if argindex == 1:
            moment: Expr = SechMoment(1, 0, *self.args)
            slope: Expr = moment.fdiff(4)
            return -slope / 2
        raise sp.core.function.ArgumentIndexError(self, argindex)


SurpriseGap: Expr = public_function(_SurpriseGap, "SurpriseGap")


class _PeakGamma(sp.Function):
    """γ*(κ, w), where `γ(1 + κγ) mmse(γ)` is largest, as a SymPy function; `PeakGamma(κ)` has w = ½.

    It can be differentiated, expanded in series and evaluated to any precision; `lambdify` makes it a
    function of arrays.

    Parameters
    ----------
    kappa : SymPy expression
        `κ = (1 − s²)/M`.
    prior : SymPy expression, optional
        Probability w of the first class.

    References
    ----------
    T8.
    """

    nargs = (1, 2)
    is_positive = True
    _imp_ = numeric(peak_gamma, precise_peak_gamma)

    # SymPy's hook for what a call stands for; nothing is parsed or executed by it
    @classmethod
    def eval(cls, kappa: Expr, prior: Expr = None) -> Expr:
        """With one argument, the classes are balanced."""
        return cls(kappa, _HALF) if prior is None else None

    def _eval_evalf(self, prec: int) -> Expr:
        return at_precision(precise_peak_gamma, self.args, prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        """The implicit function of `(1 + 2κγ) A₁₀ − γ(1 + κγ) A₃₀ = 0`."""
        arguments: tuple[Expr, ...] = self.args
        kappa, w = arguments
        peak: Expr = self
        first: Expr = SechMoment(1, 0, peak, w)
        third: Expr = SechMoment(3, 0, peak, w)
        slope: Expr = 2 * kappa * first - 2 * (1 + 2 * kappa * peak) * third
        slope -= peak * (1 + kappa * peak) * third.fdiff(3)
        if argindex == 1:
            return -(2 * peak * first - peak**2 * third) / slope
        if argindex == 2:
            moved = (1 + 2 * kappa * peak) * first.fdiff(4) - peak * (1 + kappa * peak) * third.fdiff(4)
            return -moved / slope
        raise sp.core.function.ArgumentIndexError(self, argindex)

    def _eval_nseries(self, x: Expr, n: int, logx: Expr, cdir: Expr = 0) -> Expr:
        return _taylor(self, x, n)


PeakGamma: Expr = public_function(_PeakGamma, "PeakGamma")


class _MedianGamma(sp.Function):
    """γ_½(w), where half of the class entropy is left, as a SymPy function.

    It can be differentiated and evaluated to any precision; `lambdify` makes it a function of arrays.

    Parameters
    ----------
    prior : SymPy expression
        Probability w of the first class.

    References
    ----------
    T5, T8.
    """

    nargs = 1
    is_positive = True
    _imp_ = numeric(median_gamma, precise_median_gamma)

    def _eval_evalf(self, prec: int) -> Expr:
        return at_precision(precise_median_gamma, self.args, prec)

    def fdiff(self, argindex: int = 1) -> Expr:
        """The implicit function of `H(γ, w) = ½ H(0, w)`: `(log(w/(1−w)) + 2 ∂H/∂w)/mmse`."""
        if argindex != 1:
            raise sp.core.function.ArgumentIndexError(self, argindex)
        arguments: tuple[Expr, ...] = self.args
        (w,) = arguments
        return (sp.log(w / (1 - w)) + 2 * SurpriseGap(self, w)) / SechMoment(1, 0, self, w)

    def _eval_nseries(self, x: Expr, n: int, logx: Expr, cdir: Expr = 0) -> Expr:
        return _taylor(self, x, n)


MedianGamma: Expr = public_function(_MedianGamma, "MedianGamma")


def _taylor(function: Expr, x: Expr, n: int) -> Expr:
    """Taylor's sum in x at 0 of a function of regular arguments; SymPy's own takes limits at each order."""
    total, derivative = sp.Integer(0), function
    for order in range(n):
        total += derivative.subs(x, 0) * x**order / sp.factorial(order)
        derivative = derivative.diff(x)
    return total + sp.Order(x**n, x)
