"""What a theorem's figure shows, and the draws and quadratures that its points come from.

Points are drawn or integrated here, with SciPy's own laws and none of the formulas of the lines; their bars
are two standard errors.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ...theory._support.values import ByContent

__all__ = ["Shown", "Trace", "drawn_trace", "entropy_quadrature", "generator", "half_odds", "mmse_quadrature"]

Array = NDArray[np.float64]

_NODES = np.linspace(-10, 10, 1601)


@dataclass(frozen=True, eq=False)
class Trace(ByContent):
    """A line `y` over `x`, and the points of another route beside it (`at`, `found`, standard errors)."""

    name: str
    x: Float64[Array, " points"]
    y: Float64[Array, " points"]
    at: Float64[Array, " marks"] | None = None
    found: Float64[Array, " marks"] | None = None
    error: Float64[Array, " marks"] | None = None


@dataclass(frozen=True)
class Shown:
    """What a figure shows: its traces, axes with units, and what stays the same all over it."""

    traces: tuple[Trace, ...]
    x: str
    y: str
    fixed: str
    log: str = ""


def generator(seed: int) -> np.random.Generator:
    """Random numbers of the theorem with this number."""
    return np.random.default_rng([seed, 0xF16])


def drawn_trace(
    name: str,
    x: Float64[Array, " points"],
    y: Float64[Array, " points"],
    at: Float64[Array, " marks"],
    draws: list[Array],
) -> Trace:
    """A line, and at each of the points `at` the mean of its draws with a standard error."""
    means = np.array([float(each.mean()) for each in draws])
    errors = np.array([float(each.std(ddof=1) / np.sqrt(each.size)) for each in draws])
    return Trace(name, x, np.asarray(y, dtype=np.float64), at, means, errors)


def half_odds(
    gamma: float, w: float, rng: np.random.Generator, count: int = 20_000
) -> Float64[Array, " {count}"]:
    """Half log-odds of two classes at γ, drawn with their class."""
    sign = np.where(rng.random(count) < w, 1.0, -1.0)
    return 0.5 * special.logit(w) + sign * gamma + np.sqrt(gamma) * rng.standard_normal(count)


def mmse_quadrature(gamma: Float64[Array, " points"]) -> Float64[Array, " points"]:
    """`1 − E tanh(γ + √γ z)` by the trapezoidal rule, which is exponentially accurate here."""
    values = 1 - np.tanh(gamma[:, None] + np.sqrt(gamma)[:, None] * _NODES)
    return np.asarray(integrate.trapezoid(values * stats.norm.pdf(_NODES), _NODES, axis=1))


def entropy_quadrature(gamma: Float64[Array, " points"], w: float = 0.5) -> Float64[Array, " points"]:
    """Entropy of the class at γ by the trapezoidal rule, over the states of both classes."""
    total = np.zeros(gamma.shape)
    for share, sign in ((w, 1.0), (1 - w, -1.0)):
        odds = 0.5 * special.logit(w) + sign * gamma[:, None] + np.sqrt(gamma)[:, None] * _NODES
        surprise = np.logaddexp(0, -2 * sign * odds)
        total += share * integrate.trapezoid(surprise * stats.norm.pdf(_NODES), _NODES, axis=1)
    return total
