"""Guidance in the γ clock: the cross-entropy at small γ, to any order, as polynomials in the weight (T12).

The guided half log-odds `dL = [ω + (1 − ω) tanh L] dγ + dB` from `L = 0` have the generator

    G f = [ω + (1 − ω) tanh L] f′ + ½ f″,      H_ω(γ) = Σ_n γⁿ/n! (Gⁿ f)(0),    f = log(1 + e^{−2L}).

With `T = tanh L`, whose derivative is `1 − T²`, every Gⁿf past the first is a polynomial in T.
"""

from functools import cache
from typing import Any

from ._untyped import sympy as sp

__all__ = ["guided_entropy_coefficients"]

OMEGA = sp.Symbol("omega")
TANH = sp.Symbol("T")


@cache
def guided_entropy_coefficients(order: int) -> tuple[Any, ...]:
    """Coefficients of `γ⁰ … γ^order` in `H_ω(γ)`, SymPy polynomials in `omega`; `log 2` and `½ − ω` first.

    At `ω = 1` they are those of the binary channel (T9), at `ω = 0` of unconditional sampling. Source: T12.
    """
    image = _generator_of_surprise()
    found = [sp.log(2)]
    for n in range(1, order + 1):
        found.append(sp.expand(image.subs(TANH, 0)) / sp.factorial(n))
        image = _generator(image)
    return tuple(sp.expand(c) for c in found)


def _generator_of_surprise() -> Any:
    """G f for `f = log(1 + e^{−2L})`: `f′ = T − 1`, `f″ = 1 − T²`."""
    return sp.expand((OMEGA + (1 - OMEGA) * TANH) * (TANH - 1) + (1 - TANH**2) / 2)


def _generator(polynomial: Any) -> Any:
    """G of a polynomial in T, with `d/dL = (1 − T²) d/dT`."""
    first = sp.expand((1 - TANH**2) * sp.diff(polynomial, TANH))
    second = sp.expand((1 - TANH**2) * sp.diff(first, TANH))
    return sp.expand((OMEGA + (1 - OMEGA) * TANH) * first + second / 2)
