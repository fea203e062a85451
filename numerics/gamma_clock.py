"""The guided half log-odds of two classes in the γ clock, by a Fokker-Planck equation in one dimension (T11).

    dL = [ω + (1 − ω) tanh L] dγ + dB,      ω = ω(γ) piecewise constant

In `y = (L − λ)/√γ` and `s = log γ` the density of the start, all of it at `L = λ = ½ log w/(1−w)`, is a
standard normal one, and the equation is

    ∂_s ρ = −∂_y [(√γ b(√γ y + λ) − ½ y) ρ] + ½ ∂_y² ρ,      b(L) = ω + (1 − ω) tanh L.

It is solved on a periodic grid of y, where ρ and its derivatives decay: diffusion exactly in Fourier space,
drift by a fourth-order Runge-Kutta rule. A grid twice as fine with steps half as long bounds the error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate

from .devices import check_devices

__all__ = ["GuidedCurve", "GuidedTable", "guided_odds", "guided_table", "interval_shares", "late_shift"]

Array: TypeAlias = NDArray[np.float64]

_START = 1e-4  # γ up to which the drift is linear in L, to within the cube of L
_NODES = 40  # weights at which a table is solved
_STABILITY = 2.0  # largest product of drift, frequency and step; the rule is stable up to 2.8


@dataclass(frozen=True)
class GuidedCurve:
    """What guidance does along γ, each entry of shape (levels,), with a bound of its numerical error."""

    gamma: Array
    cross_entropy: Array
    """`E log(1 + e^{−2L})`, nats: the expected surprise of the class that is guided to."""
    slope: Array
    """`d cross_entropy/dγ`."""
    accuracy: Array
    """`P(L > 0)`."""
    mean_odds: Array
    """`E L`."""
    error: float
    """Largest difference of any entry from the solution on a finer grid."""


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

    Raises `ValueError` for arguments out of range. Source: T11, T12.
    """
    gamma = np.atleast_1d(np.asarray(gammas, dtype=np.float64))
    if gamma.ndim != 1 or not ((gamma > 0).all() and (gamma <= 200).all() and (np.diff(gamma) > 0).all()):
        raise ValueError("gammas: need ascending values above 0, at most 200")
    if not np.isfinite(guidance) or abs(guidance) > 100:
        raise ValueError(f"guidance: need a number between -100 and 100, not {guidance}")
    if not 0 < prior < 1:
        raise ValueError(f"prior: must lie strictly between 0 and 1, not {prior}")
    if interval is not None and not 0 <= interval[0] < interval[1]:
        raise ValueError(f"interval: need 0 <= low < high, not {interval}")
    log_odds = 0.5 * float(np.log(prior) - np.log1p(-prior))
    check_devices()
    with jax.enable_x64(True):
        coarse, fine = (_solve(gamma, guidance, interval, log_odds, refinement) for refinement in (1, 2))
    error = float(np.abs(fine - coarse).max())
    entropy, slope, accuracy, mean = fine
    return GuidedCurve(gamma, entropy, slope, accuracy, mean, error)


def late_shift(guidance: float, prior: float = 0.5) -> float:
    """`lim (E L − E L at ω = 1)` as γ grows: the constant by which guidance moves decided log-odds, `ω > ½`.

    The drift beyond ω = 1 is `(ω − 1)(1 − tanh L)`, which vanishes once L is large. Evaluated at γ = 30,
    where less than `e^{−15}` of it is left. Raises `ValueError` for `ω ≤ ½`, where undecided or opposite runs
    never come back. Source: T12.
    """
    if not guidance > 0.5:
        raise ValueError(f"guidance: the shift is finite for weights above 1/2, not at {guidance}")
    guided, conditional = (guided_odds([30.0], weight, prior=prior) for weight in (guidance, 1.0))
    return float(guided.mean_odds[0] - conditional.mean_odds[0])


def interval_shares(guidance: float, edges: ArrayLike, gamma: float, prior: float = 0.5) -> Array:
    """Share of guidance's gain at γ that each interval of γ buys when guidance acts in it alone.

    `(H₁ − H_interval)/(H₁ − H_ω)` at `gamma`, with H the cross-entropy, for the intervals between consecutive
    `edges` (n + 1,); shape (n,). Shares sum to more than 1 where one interval could do another's work.
    Raises `ValueError` for edges that are not ascending from 0 or more. Source: T12.
    """
    cuts = np.asarray(edges, dtype=np.float64)
    if cuts.ndim != 1 or cuts.size < 2 or not ((cuts >= 0).all() and (np.diff(cuts) > 0).all()):
        raise ValueError("edges: need at least two ascending values of gamma, from 0 on")

    def cross_entropy(weight: float, interval: tuple[float, float] | None = None) -> float:
        return float(guided_odds([gamma], weight, interval=interval, prior=prior).cross_entropy[0])

    plain = cross_entropy(1.0)
    whole = plain - cross_entropy(guidance)
    pairs = [(float(a), float(b)) for a, b in pairwise(cuts)]
    return np.array([(plain - cross_entropy(guidance, pair)) / whole for pair in pairs])


@dataclass(frozen=True)
class GuidedTable:
    """Guided runs at every weight and γ, each entry of shape (weights, levels)."""

    cross_entropy: Array
    slope: Array
    """`d cross_entropy/dγ`."""
    error: float
    """Largest relative error of the interpolated entropy at a weight half-way between two nodes."""


def guided_table(gammas: ArrayLike, weights: ArrayLike) -> GuidedTable:
    """`guided_odds` for every weight ω, by interpolation between Chebyshev nodes, in which it is analytic.

    One grid of L serves, at an error below 5e-6 nats for weights from 0 to 6 (tested).

    Parameters
    ----------
    gammas : array_like, shape (levels,)
        As for `guided_odds`; balanced classes.
    weights : array_like, shape (weights,)
        ω, at least two different ones.

    Raises `ValueError` for arguments out of range. Source: T12.
    """
    gamma, omega = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (gammas, weights))
    if omega.size < 2 or not omega.min() < omega.max():
        raise ValueError("weights: need at least two different ones")
    middle, half = (omega.max() + omega.min()) / 2, (omega.max() - omega.min()) / 2
    nodes = middle + half * np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    probe = (nodes[_NODES // 2] + nodes[_NODES // 2 + 1]) / 2
    check_devices()
    with jax.enable_x64(True):
        rows = [_solve(gamma, float(node), None, 0.0, 1)[:2] for node in (*nodes, probe)]
    # the logarithm and its slope vary less than what they are of
    values = np.stack([np.stack([np.log(entropy), slope / entropy]) for entropy, slope in rows])
    fitted: Any = interpolate.BarycentricInterpolator(nodes, values[:-1])
    error = float(np.abs(fitted(probe) - values[-1])[0].max())
    log_entropy, ratio = np.moveaxis(fitted(omega), 1, 0)
    entropy = np.exp(log_entropy)
    return GuidedTable(entropy, ratio * entropy, error)


def _solve(
    gamma: Array, guidance: float, interval: tuple[float, float] | None, log_odds: float, refinement: int
) -> Array:
    """Rows of statistics (4, levels) on a grid `refinement` times as fine."""
    # decided runs drift with slope 1 or, for the other class, 2ω − 1, and spread as √γ around it
    reach = float(np.sqrt(gamma[-1]) * max(1.0, 1 - 2 * guidance) + 11 + abs(guidance) ** 0.5 / 2)
    # tanh(√γ y) has its poles at π/(2√γ); 26 decades of e are left out
    spacing = min(0.12, 0.38 / np.sqrt(gamma[-1])) / refinement
    size = 2 ** int(np.ceil(np.log2(2 * reach / spacing)))
    y = (np.arange(size) - size // 2) * (2 * reach / size)
    frequencies = np.pi / reach * np.fft.rfftfreq(size, 1 / size)
    weights = _weights(guidance, interval)
    first = min(_START, gamma[0])
    density = _start(y, first, weights[0][1], log_odds)
    stops = np.unique(np.concatenate([gamma, [edge for edge, _ in weights]]))
    stops = stops[(stops > first) & (stops <= gamma[-1])]
    found = (
        {float(first): _statistics(y, density, first, weights[0][1], log_odds)} if first == gamma[0] else {}
    )
    state, now = jnp.fft.rfft(jnp.asarray(density)), first
    for stop in stops:
        weight = next(w for edge, w in weights if now < edge)
        speed = np.sqrt(stop) * max(abs(weight), abs(2 * weight - 1), 1.0) + reach / 2
        count = int(np.ceil(np.log(stop / now) * speed * frequencies[-1] / _STABILITY)) * refinement
        state = _advance(
            state,
            jnp.asarray(y),
            jnp.asarray(frequencies),
            np.log(now),
            np.log(stop),
            count,
            weight,
            log_odds,
        )
        now = float(stop)
        if now in gamma:
            density = np.fft.irfft(np.asarray(state), size)
            after = next((w for edge, w in weights if now < edge), weight)
            found[now] = _statistics(y, density, now, after, log_odds)
    return np.stack([found[float(g)] for g in gamma], axis=1)


def _weights(guidance: float, interval: tuple[float, float] | None) -> Sequence[tuple[float, float]]:
    """Upper edges in γ and the weight below each."""
    if interval is None:
        return [(np.inf, guidance)]
    low, high = interval
    steps = [(low, 1.0), (high, guidance), (np.inf, 1.0)]
    return steps if low > 0 else steps[1:]


def _start(y: Array, gamma: float, weight: float, log_odds: float) -> Array:
    """Normal density of the linearised equation at small γ, in y."""
    tangent = np.tanh(log_odds)
    drift, growth = weight + (1 - weight) * tangent, (1 - weight) * (1 - tangent**2)
    mean = drift * gamma * (1 + growth * gamma / 2)
    variance = gamma * (1 + growth * gamma)
    spread = np.sqrt(variance / gamma)
    density = np.exp(-0.5 * ((y - mean / np.sqrt(gamma)) / spread) ** 2)
    return density / (density.sum() * (y[1] - y[0]))


def _statistics(y: Array, density: Array, gamma: float, weight: float, log_odds: float) -> Array:
    """Cross-entropy, its slope in γ, accuracy and mean of L."""
    odds = np.sqrt(gamma) * y + log_odds
    mass = density * (y[1] - y[0])
    tangent = np.tanh(odds)
    slope = -(1 - tangent) * (weight + (1 - weight) * tangent) + 0.5 * (1 - tangent**2)
    # the step at L = 0 is integrated from the antiderivative of the density, which is spectral as well
    above = _mass_above(y, density, -log_odds / np.sqrt(gamma))
    return np.array([mass @ np.logaddexp(0, -2 * odds), mass @ slope, above, mass @ odds])


def _mass_above(y: Array, density: Array, cut: float) -> float:
    """`∫_cut^∞ ρ` of a periodic density, from its Fourier coefficients."""
    size, period = y.size, y.size * (y[1] - y[0])
    coefficients = np.fft.rfft(density) / size
    k = 2 * np.pi / period * np.arange(1, size // 2)
    # ρ(y) = Σ c_n e^{ik_n(y − y_0)}; the end of the period is where ρ vanishes
    end = y[0] + period
    phases = (np.exp(1j * k * (end - y[0])) - np.exp(1j * k * (cut - y[0]))) / (1j * k)
    return float(coefficients[0].real * (end - cut) + 2 * np.real(coefficients[1 : size // 2] @ phases))


@jax.jit
def _advance(
    state: Any, y: Any, k: Any, start: Any, stop: Any, count: Any, weight: Any, log_odds: Any
) -> Any:
    """Fourier coefficients at `s = stop` from those at `start`, in `count` steps."""
    step = (stop - start) / count
    half = jnp.exp(-0.25 * step * k**2)
    whole = half**2

    def drift(s: Any, coefficients: Any) -> Any:
        root = jnp.exp(s / 2)
        velocity = root * (weight + (1 - weight) * jnp.tanh(root * y + log_odds)) - y / 2
        return -1j * k * jnp.fft.rfft(velocity * jnp.fft.irfft(coefficients, y.size))

    def one(index: Any, c: Any) -> Any:
        s = start + index * step
        k1 = drift(s, c)
        k2 = drift(s + step / 2, half * (c + step / 2 * k1))
        k3 = drift(s + step / 2, half * c + step / 2 * k2)
        k4 = drift(s + step, whole * c + step * half * k3)
        return whole * c + step / 6 * (whole * k1 + 2 * half * (k2 + k3) + k4)

    return jax.lax.fori_loop(0, count, one, state)
