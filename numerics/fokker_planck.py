"""The guided half log-odds of two classes in the γ clock, by a Fokker-Planck equation in one dimension (T11).

    dL = b(L) dγ + dB,      b(L) = ω + (1 − ω) tanh L,      ω = ω(γ) piecewise constant

In `y = (L − ℓ)/√γ` and `s = log γ` the density of the start, all of it at `L = λ = ½ log w/(1−w)`, is a
standard normal one, and the equation is

    ∂_s ρ = −∂_y [(√γ (b(√γ y + ℓ) − ℓ′) − ½ y) ρ] + ½ ∂_y² ρ,      ℓ′ = b(ℓ) for ω ≥ 1, 0 for ω < 1.

Guidance of ω ≥ 1 draws runs together: they spread about the path ℓ no more than a Brownian motion. It is
solved on a periodic grid of y, where ρ and its derivatives decay: diffusion exactly in Fourier space, drift
by a fourth-order Runge-Kutta rule. A grid twice as fine and wider, with steps half as long and half the
starting γ, bounds the error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex128, Float64, Integer
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate, special

from ..theory._support.aliases import ApiArray
from ..theory._support.intervals import checked_interval
from ..theory._support.real_numbers import real_number, real_numbers
from ..theory._support.values import ByContent
from ..theory.channel.guidance import late_shift
from ._support.devices import check_devices

__all__ = [
    "GuidedCurve",
    "GuidedTable",
    "guided_from",
    "guided_odds",
    "guided_table",
    "interval_shares",
    "late_shift",
]

Array: TypeAlias = NDArray[np.float64]

_START = 1e-5  # γ(1 + |ω|) up to which the law of L is normal; what is left out is of the order of its cube
_REACH = 11.0  # standard deviations beyond which nothing is left: 4e-28
_INNER = 9.5  # where as good as nothing is left, 2e-21, the drift need not grow any more
_ROUNDING = 1e-13  # of sums and transforms, relative to the largest entry; closed forms at ω = 0, 1 see 2e-14
_TURN = 1.5  # weight above which logarithms of entropies are interpolated
_LOW_NODES, _HIGH_NODES = 22, 16  # weights at which a table is solved, below and above it
_STABILITY = 2.0  # largest product of drift, frequency and step; the rule is stable up to 2.8


@dataclass(frozen=True, eq=False)
class GuidedCurve(ByContent):
    """What guidance does along γ, each entry of shape (levels,), with a bound of its numerical error."""

    gamma: Float64[Array, " levels"]
    """γ, ascending."""
    cross_entropy: Float64[Array, " levels"]
    """`E log(1 + e^{−2L})`, nats: the expected surprise of the class that is guided to."""
    slope: Float64[Array, " levels"]
    """`d cross_entropy/dγ = (½ − ω) E(1 − tanh L)²`."""
    accuracy: Float64[Array, " levels"]
    """`P(L > 0)`."""
    mean_odds: Float64[Array, " levels"]
    """`E L`."""
    error: float
    """Bound of the error of every entry: the largest change from a coarser solution, and rounding."""


def guided_odds(
    gammas: ArrayLike,
    guidance: float,
    *,
    interval: tuple[float, float] | None = None,
    prior: float = 0.5,
) -> GuidedCurve:
    """Solve for the guided log-odds at each γ.

    Parameters
    ----------
    gammas : array_like, shape (levels,)
        γ > 0, ascending, at most 200.
    guidance : float
        Weight ω: 0 unconditional, 1 conditional, more than 1 guided.
    interval : (low, high), optional
        γ between which guidance acts; outside ω = 1.
    prior : float
        Probability of the class that is guided to.

    Returns
    -------
    GuidedCurve
        Cross-entropy in nats and moments of the half log-odds at each γ, with a bound of their error.

    Raises
    ------
    ValueError
        `gammas` that do not ascend or lie outside (0, 200], a weight beyond ±100, an interval without
        `0 ≤ low < high`, or a prior outside (0, 1).

    References
    ----------
    T11, T12.
    """
    guidance, prior = real_number(guidance, "guidance"), real_number(prior, "prior")
    if not np.isfinite(guidance) or abs(guidance) > 100:
        raise ValueError(f"guidance: need a number between -100 and 100, not {guidance}")
    if not 0 < prior < 1:
        raise ValueError(f"prior: must lie strictly between 0 and 1, not {prior}")
    interval = None if interval is None else checked_interval(interval, "values of gamma", "")
    return guided_from(gammas, guidance, interval, 0.5 * float(special.logit(prior)))


def guided_from(
    gammas: ArrayLike, guidance: float, interval: tuple[float, float] | None, log_odds: float
) -> GuidedCurve:
    """`guided_odds` from half the log-odds λ, for priors that round to 1; only `gammas` are checked."""
    gamma = _checked_gammas(gammas)
    check_devices()
    with jax.enable_x64(True):
        coarse, fine = (_solve(gamma, guidance, interval, log_odds, refinement) for refinement in (1, 2))
    # the coarse solution errs sixteen times as much in its steps, eight times in its start
    error = float(np.abs(fine - coarse).max()) + _ROUNDING * max(1.0, float(np.abs(fine).max()))
    entropy, slope, accuracy, mean = fine
    return GuidedCurve(gamma, entropy, slope, accuracy, mean, error)


def _checked_gammas(gammas: ArrayLike) -> Float64[Array, " levels"]:
    gamma = np.atleast_1d(real_numbers(gammas, "gammas", finite=False))
    if gamma.ndim != 1 or not ((gamma > 0).all() and (gamma <= 200).all() and (np.diff(gamma) > 0).all()):
        raise ValueError("gammas: need ascending values above 0, at most 200")
    return gamma


def interval_shares(
    guidance: float, edges: ArrayLike, gamma: float, prior: float = 0.5
) -> Float64[Array, " n"]:
    """Fraction of the gain of guidance at γ that each interval of γ gives if guidance acts only there.

    `(H₁ − H_interval)/(H₁ − H_ω)` at `gamma`, with H the cross-entropy. Shares may sum to more than 1, since
    what one interval achieves alone, another may achieve too.

    Parameters
    ----------
    guidance : float
        Weight ω.
    edges : array_like, shape (n + 1,)
        γ between which the intervals lie, ascending, from 0 on.
    gamma : float
        γ at which the gain is read off.
    prior : float
        Probability of the class that is guided to.

    Returns
    -------
    float64 array, shape (n,)

    Raises
    ------
    ValueError
        Edges that are not ascending from 0 or more.

    References
    ----------
    T12.
    """
    cuts = real_numbers(edges, "edges", finite=False)
    if cuts.ndim != 1 or cuts.size < 2 or not ((cuts >= 0).all() and (np.diff(cuts) > 0).all()):
        raise ValueError("edges: need at least two ascending values of gamma, from 0 on")

    def cross_entropy(weight: float, interval: tuple[float, float] | None = None) -> float:
        return float(guided_odds([gamma], weight, interval=interval, prior=prior).cross_entropy[0])

    plain = cross_entropy(1.0)
    whole = plain - cross_entropy(guidance)
    pairs = [(float(a), float(b)) for a, b in pairwise(cuts)]
    return np.array([(plain - cross_entropy(guidance, pair)) / whole for pair in pairs])


@dataclass(frozen=True, eq=False)
class GuidedTable(ByContent):
    """Guided runs at every weight and γ, each entry of shape (weights, levels)."""

    cross_entropy: Float64[Array, "weights levels"]
    slope: Float64[Array, "weights levels"]
    """`d cross_entropy/dγ`."""
    error: float
    """Largest error of an entropy or slope at probes half-way between two nodes, against finer solutions."""


def guided_table(gammas: ArrayLike, weights: ArrayLike) -> GuidedTable:
    """`guided_odds` for every weight ω, by interpolation between Chebyshev nodes, in which it is analytic.

    Entropies are entire functions of ω, but fall by many orders of magnitude where ω is large: there their
    logarithms are interpolated. Below 1e-6 nats, and a relative 1e-4, for weights from 0 to 6 and γ to 8
    (tested).

    Parameters
    ----------
    gammas : array_like, shape (levels,)
        As for `guided_odds`; balanced classes.
    weights : array_like, shape (weights,)
        ω, at least two different ones.

    Raises
    ------
    ValueError
        `gammas` that do not ascend or lie outside (0, 200], weights beyond ±100 or fewer than two different
        ones.

    References
    ----------
    T12.
    """
    gamma, omega = _checked_gammas(gammas), np.atleast_1d(real_numbers(weights, "weights", finite=False))
    if omega.size < 2 or not omega.min() < omega.max():
        raise ValueError("weights: need at least two different ones")
    if not np.abs(omega).max() <= 100:
        raise ValueError("weights: need numbers between -100 and 100")
    entropy, slope, errors = np.zeros((omega.size, gamma.size)), np.zeros((omega.size, gamma.size)), [0.0]
    low, high = float(omega.min()), float(omega.max())
    for ends, nodes, logarithmic in (
        ((low, min(high, _TURN)), _LOW_NODES, False),
        ((max(low, _TURN), high), _HIGH_NODES, True),
    ):
        inside = (omega >= ends[0]) & (omega <= ends[1])
        if ends[0] < ends[1] and inside.any():
            (entropy[inside], slope[inside]), error = _between(gamma, omega[inside], ends, nodes, logarithmic)
            errors.append(error)
    return GuidedTable(entropy, slope, max(errors))


def _between(
    gamma: Float64[Array, " levels"],
    omega: Float64[Array, " weights"],
    ends: tuple[float, float],
    count: int,
    logarithmic: bool,
) -> tuple[tuple[Float64[Array, "weights levels"], Float64[Array, "weights levels"]], float]:
    """Entropies and slopes (weights, levels) from `count` nodes in the interval `ends`, and their error."""
    middle, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2
    angles = np.pi * (np.arange(count) + 0.5) / count
    nodes = middle + half * np.cos(angles)
    probes = middle + half * np.cos(angles[[0, count // 2, count - 2]] + np.pi / (2 * count))
    check_devices()
    with jax.enable_x64(True):
        rows, finer = (
            np.stack([_solve(gamma, float(w), None, 0.0, refinement)[:2] for w in values])
            for values, refinement in ((nodes, 1), (probes, 2))
        )
    if logarithmic:
        rows = np.stack([np.log(rows[:, 0]), rows[:, 1] / rows[:, 0]], axis=1)
    fitted: ApiArray = interpolate.BarycentricInterpolator(nodes, rows)

    def at(values: Array) -> tuple[Array, Array]:
        entropy, slope = np.moveaxis(fitted(values), 1, 0)
        return (np.exp(entropy), slope * np.exp(entropy)) if logarithmic else (entropy, slope)

    found = np.stack(at(probes), axis=1)
    return at(omega), float(np.abs(found - finer).max())


@dataclass(frozen=True)
class _Runs:
    """Guided runs: pieces of γ and their weights, λ, and whether y is about the path of b or about λ."""

    pieces: Sequence[tuple[float, float]]
    log_odds: float
    centred: bool

    def weight(self, gamma: float) -> float:
        """ω just above γ."""
        return next(w for edge, w in self.pieces if gamma < edge)


@dataclass(frozen=True)
class _Law:
    """A density ρ on the grid y at γ, with `L = √γ y + centre`."""

    gamma: float
    centre: float
    y: Float64[Array, " y"]
    density: Float64[Array, " y"]


def _solve(
    gamma: Float64[Array, " levels"],
    guidance: float,
    interval: tuple[float, float] | None,
    log_odds: float,
    refinement: int,
) -> Float64[Array, "4 levels"]:
    """Rows of statistics (4, levels) on a grid `refinement` times as fine."""
    runs = _Runs(_pieces(guidance, interval), log_odds, guidance >= 1)
    ends = _domain(gamma[-1], guidance, refinement)
    first = min(_START / (1 + abs(guidance)) / refinement, gamma[-1])
    found = [_statistics(_start(_grid(ends, g, refinement), g, runs), runs) for g in gamma[gamma <= first]]
    law = _start(_grid(ends, first, refinement), first, runs)
    doublings = first * 2.0 ** np.arange(1, 1 + max(0.0, np.log2(gamma[-1] / first)))
    stops = np.unique(np.concatenate([gamma, [edge for edge, _ in runs.pieces], doublings]))
    wanted = set(gamma.tolist())
    for stop in stops[(stops > first) & (stops <= gamma[-1])].tolist():
        law = _onwards(law, stop, runs, _grid(ends, stop, refinement), refinement)
        if stop in wanted:
            found.append(_statistics(law, runs))
    return np.stack(found, axis=1)


def _pieces(guidance: float, interval: tuple[float, float] | None) -> Sequence[tuple[float, float]]:
    """Upper edges in γ and the weight below each."""
    if interval is None:
        return [(np.inf, guidance)]
    low, high = interval
    steps = [(low, 1.0), (high, guidance), (np.inf, 1.0)]
    return steps if low > 0 else steps[1:]


def _domain(gamma: float, guidance: float, refinement: int) -> tuple[float, float]:
    """Both ends of y. Below ω = 1 decided runs drift away with slopes 1 and 2ω − 1, and spread as √γ."""
    reach, root = _REACH + 0.5 * (refinement - 1), float(np.sqrt(gamma))
    if guidance >= 1:
        return -reach, reach
    return min(0.0, 2 * guidance - 1) * root - reach, root + reach


def _grid(ends: tuple[float, float], gamma: float, refinement: int) -> Float64[Array, " y"]:
    # tanh(√γ y) has its poles at π/(2√γ); 26 decades of e are left out
    spacing = min(0.12, 0.38 / np.sqrt(gamma)) / refinement
    size = 2 ** int(np.ceil(np.log2((ends[1] - ends[0]) / spacing)))
    return ends[0] + np.arange(size) * ((ends[1] - ends[0]) / size)


def _start(y: Float64[Array, " y"], gamma: float, runs: _Runs) -> _Law:
    """Normal density with the mean and variance of L at small γ, to the order of γ²."""
    tangent = float(np.tanh(runs.log_odds))
    curvature = 1 - tangent**2
    mean, variance, low = 0.0, 0.0, 0.0
    for edge, weight in runs.pieces:
        high = min(edge, gamma)
        span, squares = high - low, (high**2 - low**2) / 2
        drift, growth = weight + (1 - weight) * tangent, (1 - weight) * curvature
        # ∫ b + b′ E(L − λ) + ½ b″ E(L − λ)²
        mean += drift * span + growth * (mean * span + drift * span**2 / 2) - growth * tangent * squares
        variance += span + 2 * growth * squares
        low = high
    shift = 0.0 if runs.centred else mean / np.sqrt(gamma)
    density = np.exp(-0.5 * (y - shift) ** 2 * gamma / variance)
    centre = runs.log_odds + (mean if runs.centred else 0.0)
    return _Law(gamma, centre, y, density / (density.sum() * (y[1] - y[0])))


def _onwards(law: _Law, stop: float, runs: _Runs, y: Float64[Array, " y"], refinement: int) -> _Law:
    """The law at `stop`, on the grid y of the same ends, no coarser; ω is the same in between."""
    size, weight = y.size, runs.weight(law.gamma)
    period = size * (y[1] - y[0])
    frequencies = 2 * np.pi / period * np.arange(size // 2 + 1)
    drift = max(abs(weight), abs(2 * weight - 1), 1.0)
    inner = y
    if runs.centred:
        inner = np.clip(y, -_INNER, _INNER)
        # b falls to 1: its largest difference from that of the path is at the lower end
        drift = (1 - weight) * (np.tanh(law.centre - _INNER * np.sqrt(stop)) - 1)
    speed = np.sqrt(stop) * drift + np.abs(y).max() / 2
    count = int(np.ceil(np.log(stop / law.gamma) * speed * frequencies[-1] / _STABILITY)) * refinement
    state = np.zeros(size // 2 + 1, dtype=np.complex128)
    state[: law.y.size // 2 + 1] = np.fft.rfft(law.density) * (size / law.y.size)
    ends, scalars = (np.log(law.gamma), np.log(stop), count), (weight, float(runs.centred))
    grid = tuple(jnp.asarray(values) for values in (y, inner, frequencies))
    state, centre = _advance((jnp.asarray(state), law.centre), grid, ends, scalars)
    return _Law(stop, float(centre), y, np.fft.irfft(np.asarray(state), size))


def _statistics(law: _Law, runs: _Runs) -> Float64[Array, "4"]:
    """Cross-entropy, its slope in γ, accuracy and mean of L."""
    y, root, weight = law.y, np.sqrt(law.gamma), runs.weight(law.gamma)
    odds = root * y + law.centre
    mass = law.density * (y[1] - y[0])
    # (½ − ω) E(1 − tanh L)²; 1 − tanh L keeps its relative precision
    slope = (0.5 - weight) * (2 * special.expit(-2 * odds)) ** 2
    # the step at L = 0 is integrated from the antiderivative of the density, which is spectral as well
    above = _mass_above(y, law.density, -law.centre / root)
    return np.array([mass @ np.logaddexp(0, -2 * odds), mass @ slope, above, mass @ odds])


def _mass_above(y: Float64[Array, " y"], density: Float64[Array, " y"], cut: float) -> float:
    """`∫_cut^∞ ρ` of a periodic density, from its Fourier coefficients."""
    size, period = y.size, y.size * (y[1] - y[0])
    # ρ(y) = Σ c_n e^{ik_n(y − y_0)}; the ends of the period are where ρ vanishes, and it does beyond them
    end = y[0] + period
    cut = min(max(cut, y[0]), end)
    coefficients = np.fft.rfft(density) / size
    k = 2 * np.pi / period * np.arange(1, size // 2)
    phases = (np.exp(1j * k * (end - y[0])) - np.exp(1j * k * (cut - y[0]))) / (1j * k)
    return float(coefficients[0].real * (end - cut) + 2 * np.real(coefficients[1 : size // 2] @ phases))


@jax.jit
def _advance(
    state: tuple[Complex128[jax.Array, " k"], Float64[jax.Array, ""]],
    grid: tuple[Float64[jax.Array, " y"], Float64[jax.Array, " y"], Float64[jax.Array, " k"]],
    ends: tuple[Float64[jax.Array, ""], Float64[jax.Array, ""], Integer[jax.Array, ""]],
    scalars: tuple[Float64[jax.Array, ""], Float64[jax.Array, ""]],
) -> tuple[Complex128[jax.Array, " k"], Float64[jax.Array, ""]]:
    """Fourier coefficients and ℓ at `s = stop` from those at `start`, in `count` steps."""
    y, inner, k = grid
    start, stop, count = ends
    weight, centred = scalars
    step = (stop - start) / count
    half = jnp.exp(-0.25 * step * k**2)
    whole = half**2

    def drift(s: jax.Array, coefficients: jax.Array, centre: jax.Array) -> tuple[jax.Array, jax.Array]:
        root = jnp.exp(s / 2)
        own = centred * (weight + (1 - weight) * jnp.tanh(centre))
        velocity = root * (weight + (1 - weight) * jnp.tanh(root * inner + centre) - own) - y / 2
        return -1j * k * jnp.fft.rfft(velocity * jnp.fft.irfft(coefficients, y.size)), root**2 * own

    def one(index: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        c, centre = state
        s = start + index * step
        k1, l1 = drift(s, c, centre)
        k2, l2 = drift(s + step / 2, half * (c + step / 2 * k1), centre + step / 2 * l1)
        k3, l3 = drift(s + step / 2, half * c + step / 2 * k2, centre + step / 2 * l2)
        k4, l4 = drift(s + step, whole * c + step * half * k3, centre + step * l3)
        c = whole * c + step / 6 * (whole * k1 + 2 * half * (k2 + k3) + k4)
        return c, centre + step / 6 * (l1 + 2 * (l2 + l3) + l4)

    return jax.lax.fori_loop(0, count, one, state)
