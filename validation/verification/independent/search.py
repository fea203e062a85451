"""Roots and maxima of a scalar function, by SciPy, as plain floats."""

from collections.abc import Callable
from typing import Any

from scipy import optimize

__all__ = ["maximum", "root"]


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Zero of `function` between two points where its signs differ, to about 1e-14."""
    found: Any = optimize.brentq(function, low, high, xtol=1e-14)
    return float(found)


def maximum(function: Callable[[float], float], low: float, high: float) -> float:
    """Place of the maximum of a unimodal `function` between `low` and `high`, to about 1e-8."""
    found: object = optimize.minimize_scalar(
        lambda x: -function(x), bounds=(low, high), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x)
