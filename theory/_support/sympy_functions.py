"""What a function of ours needs to be one of SymPy's: a name, numbers for arrays, and any precision."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .aliases import Expr
from .untyped import mpmath as mp
from .untyped import sympy as sp

__all__ = ["at_precision", "numeric", "public_function"]


def public_function(function: Expr, name: str) -> Expr:
    """A SymPy function under its public name, by which it prints and is pickled; SymPy has no types."""
    function.__name__ = function.__qualname__ = name
    return function


def numeric(double: Callable[..., object], precise: Callable[..., object]) -> Any:
    """What `lambdify` calls: floats and arrays in double precision, mpmath numbers in that of mpmath."""

    def call(*arguments: object) -> Any:
        if any(isinstance(argument, mp.mpf) for argument in arguments):
            return precise(*arguments, digits=int(mp.mp.dps))
        return double(*arguments)

    return staticmethod(call)


def at_precision(function: Callable[..., Expr], arguments: tuple[Expr, ...], prec: int) -> Expr:
    """Evaluate an mpmath function of SymPy arguments to `prec` bits, or leave it symbolic."""
    digits = int(mp.libmp.prec_to_dps(prec)) + 2
    numbers = [argument.evalf(digits) for argument in arguments]
    if not all(number.is_number for number in numbers):
        return None
    values = [mp.make_mpf(sp.Float(number, digits)._mpf_) for number in numbers]
    return sp.Float(_evaluated(function, tuple(values), digits), digits)


@lru_cache(maxsize=4096)
def _evaluated(function: Callable[..., object], values: tuple[object, ...], digits: int) -> Any:
    """SymPy asks for the same few digits again and again, to know signs."""
    return function(*values, digits=digits)
