"""What the steps of a sampler cost, and where to put them (T23).

Ancestral sampling with the exact denoiser is Euler's rule in the γ clock: on a grid `0 = γ₀ < … < γ_N` the
half log-odds move by `tanh(L_n) Δ_n + √Δ_n ξ`, the drift frozen over a step. `tanh L` is a martingale of
the exact run, so the divergence of the two laws of paths is what a left Riemann sum has over the integral,

    KL = ½ Σ_n ∫ E(tanh L_γ − tanh L_{γ_n})² dγ = ½ [Σ_n mmse(γ_n) Δ_n − ∫ mmse dγ].

For many steps of density ν(γ) that is `¼ ∫ |mmse′|/ν dγ`, least for `ν ∝ √|mmse′| = √(E sech⁴ L)`, where it
is

    KL → 𝓘²/4N,      𝓘 = ∫ √(E sech⁴ L) dγ.

The posterior `p = 1/(1 + e^{−2L})` is no martingale of the chain, which under-represents the rarer class:

    E p − w = ½ Σ_n Δ_n² E[tanh L sech⁴ L] + O(N^{−2}).

For any data the first statement holds in `τ = σ^{−2}` with `dI/dτ = ½ E|D_C − D|²` in place of `½ mmse`.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.choices import one_of
from .._support.real_numbers import real_number, real_numbers
from .._support.untyped import interpolate, special
from .._support.whole_numbers import whole_number
from . import tilted_average
from .binary import binary_entropy, binary_mmse, binary_mmse_slope

__all__ = ["Density", "minority_bias", "optimal_steps", "step_constant", "step_cost"]

Array: TypeAlias = NDArray[np.float64]
Density: TypeAlias = Literal["optimal", "agreement", "entropy", "uniform"]

_NODES = 24  # of Gauss's rule between two points
_PANELS = 400  # of the table of the integral of a density of steps
_REACH = 12.0  # in standard deviations of a step


def step_cost(gammas: ArrayLike, prior: float = 0.5) -> float:
    """Divergence of the chain of steps from the exact reverse run, KL of the laws of paths, in nats.

    `½ [Σ_n mmse(γ_n)(γ_{n+1} − γ_n) − ∫ mmse dγ]`: the left Riemann sum of the rate of information less
    the information. It bounds the divergence of what is sampled.

    Parameters
    ----------
    gammas : array_like, shape (N + 1,)
        Levels of γ, ascending along the reverse run, the first at least 0.
    prior : float
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    float, relative error about 1e-13 times the information over the cost.

    Raises
    ------
    ValueError
        Fewer than two levels, levels that are not finite, negative or not ascending; a prior outside (0, 1).

    References
    ----------
    T23.
    """
    levels = _levels(gammas)
    rates, steps = binary_mmse(levels[:-1], prior), np.diff(levels)
    gained = binary_entropy(levels[0], prior) - binary_entropy(levels[-1], prior)
    return float(0.5 * rates @ steps - gained)


def optimal_steps(count: int, end: float, prior: float = 0.5, *, density: Density = "optimal") -> Array:
    """Levels of γ of `count` steps from 0 to `end`, as many in each stretch as a density says.

    Parameters
    ----------
    count : int
        Number of steps N ≥ 1.
    end : float
        γ at which the run ends, above 0.
    prior : float
        Probability of the first class, strictly between 0 and 1.
    density : {"optimal", "agreement", "entropy", "uniform"}
        `optimal`, `√(E sech⁴ L)`, whose cost tends to the least, 𝓘²/4N; `agreement`, `√(1 − φ)`, which a
        cloning experiment measures and which is within a percent of it; `entropy`, equal shares of the
        entropy; `uniform`.

    Returns
    -------
    float64 array, shape (count + 1,), from 0 to `end`, ascending.

    Raises
    ------
    ValueError
        A count below 1, an end that is not above 0 and finite, a prior outside (0, 1), an unknown density.

    References
    ----------
    T23.
    """
    count, end = _count(count), _end(end)
    chosen = _DENSITIES[one_of(density, "density", _DENSITIES)]
    found = _quantiles(chosen, count, end, real_number(prior, "prior"))
    return np.concatenate([[0.0], found, [end]])


def step_constant(prior: float = 0.5, end: float = np.inf) -> float:
    """`𝓘 = ∫₀^end √(E sech⁴ L) dγ`: N steps cost at least `𝓘²/4N` nats, as N grows.

    Parameters
    ----------
    prior : float
        Probability of the first class, strictly between 0 and 1.
    end : float
        γ at which the run ends, above 0.

    Returns
    -------
    float
        Relative error about 1e-12; balanced and without an end it is 2.458405663….

    Raises
    ------
    ValueError
        An `end` that is not above 0, or a prior outside (0, 1).

    References
    ----------
    T23.
    """
    last = real_number(end, "end")
    if not last > 0:
        raise ValueError(f"end: must be above 0, not {last:g}")
    w = real_number(prior, "prior")
    if not 0 < w < 1:
        raise ValueError(f"prior: must lie strictly between 0 and 1, not {w:g}")
    # the density falls as e^{−γ/4} beyond the log-odds of the prior
    return _total(_DENSITIES["optimal"], min(last, 160 + 16 * abs(float(special.logit(w)))), w)


def minority_bias(gammas: ArrayLike, prior: float, *, first_order: bool = False) -> float:
    """How much more often the chain of steps ends in the first class than it should, `E p − w`.

    `E p_N − w` of the chain itself, by quadrature, step by step from the last to the first; with
    `first_order`, `½ Σ_n Δ_n² E[tanh L sech⁴ L]`, which leaves out O(N^{−2}). Both are negative for the
    rarer class and 0 at equal weights.

    Parameters
    ----------
    gammas : array_like, shape (N + 1,)
        Levels of γ from 0, ascending.
    prior : float
        Weight w of the first class, strictly between 0 and 1.
    first_order : bool
        The first order in the steps, instead of the chain.

    Returns
    -------
    float, absolute error about 1e-9 of the chain; relative 1e-11 of the first order.

    Raises
    ------
    ValueError
        Levels that are not finite, not ascending or do not start at 0; a prior outside (0, 1).

    References
    ----------
    T23.
    """
    levels, w = _levels(gammas), real_number(prior, "prior")
    if levels[0] != 0:
        raise ValueError(f"gammas: must start at 0, where only the prior is known, not {levels[0]:g}")
    steps = np.diff(levels)
    if not 0 < w < 1:
        raise ValueError(f"prior: must lie strictly between 0 and 1, not {w:g}")
    if first_order:
        return float(0.5 * steps**2 @ _skewed(levels[:-1], w))
    start = 0.5 * float(special.logit(w))
    # what steps add beyond 18 is below 1e-10
    grid: Array = np.arange(-abs(start) - 18.0, abs(start) + 18.0, 0.02)
    excess = np.zeros(grid.size)  # of the mean of the last p over the present one
    for step in steps[::-1]:
        excess = _backward(grid, excess, float(step))
    return float(interpolate.CubicSpline(grid, excess)(start))


def _backward(grid: Array, excess: Array, step: float) -> Array:
    """`E[p(L′) + excess(L′)] − p(L)` with `L′ = L + tanh(L) Δ + √Δ ξ`."""
    width = np.sqrt(step)
    spacing = 0.9 * min(0.3, np.pi**2 / (40 * width))  # the poles of p lie π/2 from the real line
    last = int(np.ceil(_REACH / spacing))
    nodes: Array = spacing * np.arange(-last, last + 1, dtype=np.float64)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    curve, tanh = interpolate.CubicSpline(grid, excess), np.tanh(grid)
    moved = grid + tanh * step
    total = np.zeros(grid.size)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        place: Array = moved + width * node
        inside = np.clip(place, grid[0], grid[-1])
        difference = 0.5 * (np.tanh(place) - tanh)
        total += weight * (difference + curve(inside))
    return total


def _skewed(gamma: Array, w: float) -> Array:
    """`E[tanh L sech⁴ L] = c e^{−γ/2} ∫ N(u − λ; 0, γ) sinh u sech⁴ u du`."""
    odds = np.full(gamma.shape, 0.5 * float(special.logit(w)))
    scale = 2 * np.sqrt(w * (1 - w)) * np.exp(-gamma / 2)
    found = [_odd_average(float(g), float(o)) for g, o in zip(gamma, odds, strict=True)]
    return scale * np.array(found)


def _odd_average(gamma: float, odds: float) -> float:
    """`∫ N(u − λ; 0, γ) sinh u sech⁴ u du`, twice the integral of the odd part over u > 0."""
    if gamma == 0:
        return float(np.sinh(odds) / np.cosh(odds) ** 4)
    step = min(np.pi**2 / (40 + np.pi**2 / (8 * gamma)), np.sqrt(np.pi**2 * gamma / 20))
    nodes: Array = step * np.arange(int(np.ceil((abs(odds) + 40.0) / step)) + 1, dtype=np.float64)
    decay = tilted_average.sech(nodes)
    profile = np.tanh(nodes) * decay**3
    near, far = (np.exp(-((nodes - side * abs(odds)) ** 2) / (2 * gamma)) for side in (1, -1))
    total = float(profile @ (near - far)) * step / np.sqrt(2 * np.pi * gamma)
    return total if odds >= 0 else -total


def _optimal(gamma: Array, prior: float) -> Array:
    return np.sqrt(-np.atleast_1d(binary_mmse_slope(gamma, prior)))


def _agreement(gamma: Array, prior: float) -> Array:
    return np.sqrt(np.atleast_1d(binary_mmse(gamma, prior)) / 2)


def _entropic(gamma: Array, prior: float) -> Array:
    return np.atleast_1d(binary_mmse(gamma, prior))


def _uniform(gamma: Array, prior: float) -> Array:
    return np.ones(gamma.shape)


_DENSITIES: dict[Density, Callable[[Array, float], Array]] = {
    "optimal": _optimal,
    "agreement": _agreement,
    "entropy": _entropic,
    "uniform": _uniform,
}


def _gauss(density: Callable[[Array, float], Array], low: Array, high: Array, prior: float) -> Array:
    """Integrals of a density from each `low` to its `high`."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / 2
    places = (low + half)[:, None] + half[:, None] * nodes
    values = density(places.ravel(), prior).reshape(places.shape)
    return half * (values @ weights)


def _edges(end: float) -> Array:
    """Panels that are short where densities vary: `γ = x²`, beyond which they fall as exponentials."""
    return end * np.linspace(0, 1, _PANELS + 1) ** 2


def _total(density: Callable[[Array, float], Array], end: float, prior: float) -> float:
    return float(_integrals(density, end, prior)[1][-1])


def _integrals(density: Callable[[Array, float], Array], end: float, prior: float) -> tuple[Array, Array]:
    """Places, and the integral of a density up to each."""
    edges = _edges(end)
    return edges, np.concatenate([[0.0], np.cumsum(_gauss(density, edges[:-1], edges[1:], prior))])


def _quantiles(density: Callable[[Array, float], Array], count: int, end: float, prior: float) -> Array:
    """Where the integral of a density has `1/count, 2/count, …` of its whole, by Newton's steps."""
    edges, totals = _integrals(density, end, prior)
    wanted: Array = totals[-1] / count * np.arange(1, count, dtype=np.float64)
    found = np.interp(wanted, totals, edges)
    left = np.searchsorted(edges, found, side="right") - 1
    for _ in range(6):
        excess = totals[left] - wanted + _gauss(density, edges[left], found, prior)
        found = np.clip(found - excess / density(found, prior), edges[left], edges[left + 1])
    return found


def _levels(gammas: ArrayLike) -> Array:
    levels = real_numbers(gammas, "gammas")
    if levels.ndim != 1 or levels.size < 2:
        raise ValueError(f"gammas: need at least two levels, shape (N + 1,), not {levels.shape}")
    if levels[0] < 0 or not (np.diff(levels) > 0).all():
        raise ValueError("gammas: must be at least 0 and ascend")
    return levels


def _count(count: int) -> int:
    return whole_number(count, "count")


def _end(end: float) -> float:
    last = real_number(end, "end")
    if not (np.isfinite(last) and last > 0):
        raise ValueError(f"end: must be finite and above 0, not {last:g}")
    return last
