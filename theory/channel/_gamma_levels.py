"""The entropy criteria's levels of γ as SymPy functions, which evaluate to any precision."""

from collections.abc import Callable
from typing import Any

from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp
from .constants import median_gamma, peak_gamma, precise_median_gamma, precise_peak_gamma


def _numeric(double: Callable[..., Any], precise: Callable[..., Any]) -> Any:
    """What `lambdify` calls: floats and arrays in double precision, mpmath numbers in that of mpmath."""

    def call(*arguments: Any) -> Any:
        if any(isinstance(argument, mp.mpf) for argument in arguments):
            return precise(*arguments, digits=int(mp.mp.dps))
        return double(*arguments)

    return staticmethod(call)


class PeakGamma(sp.Function):
    """γ*(κ, w) as a SymPy function: evaluates to any precision, stays symbolic otherwise."""

    nargs = 2
    is_positive = True
    _imp_ = _numeric(peak_gamma, precise_peak_gamma)

    def _eval_evalf(self, prec: int) -> Any:
        return _at_precision(precise_peak_gamma, self.args, prec)


class MedianGamma(sp.Function):
    """γ_½(w) as a SymPy function: evaluates to any precision, stays symbolic otherwise."""

    nargs = 1
    is_positive = True
    _imp_ = _numeric(median_gamma, precise_median_gamma)

    def _eval_evalf(self, prec: int) -> Any:
        return _at_precision(precise_median_gamma, self.args, prec)


def _at_precision(function: Callable[..., Any], arguments: tuple[Any, ...], prec: int) -> Any:
    """Evaluate an mpmath function of SymPy arguments to `prec` bits, or leave it symbolic."""
    digits = int(mp.libmp.prec_to_dps(prec)) + 2
    numbers = [argument.evalf(digits) for argument in arguments]
    if not all(number.is_number for number in numbers):
        return None
    values = [mp.make_mpf(sp.Float(number, digits)._mpf_) for number in numbers]
    return sp.Float(function(*values, digits=digits), digits)
