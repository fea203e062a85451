"""Two Gaussian classes on a line from Bayes' rule as it stands: no γ, no tilt, no log-odds.

    p(x) = w N(x; m, v) + (1 − w) N(x; −m, v),    p_k(x) = w_k N(x; m_k, v)/p(x)

`entropy` and `agreement` sum `−p Σ p_k log p_k` and `p Σ p_k²` over x, in double precision or, for a Taylor
expansion, in multiple precision (`precise_…`). `noised` gives m and v at an Ornstein-Uhlenbeck time.
"""

import math

import mpmath
import numpy as np
from numpy.typing import NDArray

from ....theory._support.aliases import Precise
from .search import maximum, root

__all__ = [
    "agreement",
    "entropy",
    "least_slope",
    "log_density",
    "noised",
    "precise_entropy",
    "precise_log_density",
    "precise_variance",
    "second_mode",
]

mp: Precise = mpmath.mp

_STEP, _REACH = 0.02, 13.0  # in widths of a class
_PRECISE_STEP, _PRECISE_REACH = 6, 12  # steps a width, and widths: 1e-25 where m is about a width


def noised(ou_time: Precise, separation2: Precise, variance: Precise) -> tuple[Precise, Precise]:
    """Mean ±m and variance v of classes `N(±√M, s²)` after `dX = −X dt + √2 dW` for this time (mpmath)."""
    signal = mp.exp(-ou_time)
    return signal * mp.sqrt(separation2), signal**2 * variance + 1 - signal**2


def entropy(mean: float, variance: float, prior: float = 0.5) -> float:
    """`H(C|X)` in nats, absolute error about 1e-14."""
    step, joint = _joint(mean, variance, prior)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(joint > 0, -joint * np.log(joint / joint.sum(axis=0)), 0.0)
    return float(step * surprise.sum())


def agreement(mean: float, variance: float, prior: float = 0.5) -> float:
    """`φ = E Σ p_k²`, absolute error about 1e-14."""
    step, joint = _joint(mean, variance, prior)
    return float(step * (joint**2 / joint.sum(axis=0)).sum())


def log_density(x: float, mean: float, variance: float, prior: float = 0.5) -> float:
    """`log p(x)` up to a constant."""
    ends = [-((x - sign * mean) ** 2) / (2 * variance) for sign in (1, -1)]
    return float(np.logaddexp(math.log(prior) + ends[0], math.log(1 - prior) + ends[1]))


def second_mode(prior: float) -> float:
    """Squared half distance of two classes of unit variance at which p(x) gets a second maximum."""
    return root(lambda mean: least_slope(mean, 1.0, prior), 1.0, 3.0) ** 2


def least_slope(mean: float, variance: float, prior: float) -> float:
    """Least slope of log p, from the rarer class to the middle: positive while there is one mode."""
    step, sign = 1e-4 * math.sqrt(variance), 1 if prior > 0.5 else -1

    def slope(x: float) -> float:
        high, low = (log_density(sign * (x + d), mean, variance, prior) for d in (step, -step))
        return (high - low) / (2 * step)

    places = np.linspace(-mean, 0, 201)
    lowest = int(np.clip(np.argmin([slope(float(x)) for x in places]), 1, 199))
    at = maximum(lambda x: -slope(x), float(places[lowest - 1]), float(places[lowest + 1]))
    return slope(at)


def precise_log_density(x: Precise, mean: Precise, variance: Precise) -> Precise:
    """`log p(x)` of balanced classes up to a constant, in the precision at hand."""
    return mp.log(sum(mp.exp(-((x - sign * mean) ** 2) / (2 * variance)) for sign in (1, -1)))


def precise_entropy(mean: Precise, variance: Precise) -> Precise:
    """`H(C|X)` of balanced classes to about 25 digits, for m up to twice a width."""
    width = mp.sqrt(variance)
    step = width / _PRECISE_STEP
    last = int((mean / width + _PRECISE_REACH) * _PRECISE_STEP)
    total = mp.mpf(0)
    for n in range(last + 1):  # the integrand is even
        joint = [mp.exp(-((n * step - sign * mean) ** 2) / (2 * variance)) for sign in (1, -1)]
        both = sum(joint)
        total += (1 if n else mp.mpf(0.5)) * -sum(f * mp.log(f / both) for f in joint)
    return total * step / mp.sqrt(2 * mp.pi * variance)


def precise_variance(mean: object, variance: object) -> Precise:
    """`Var X` of balanced classes as the second moment of p(x), to about 30 digits."""
    width = mp.sqrt(variance)
    step = width / 2
    last = int((mean / width + _PRECISE_REACH) * 2)
    terms = (
        (n * step, mp.exp(precise_log_density(n * step, mean, variance))) for n in range(-last, last + 1)
    )
    return mp.fsum(x**2 * p for x, p in terms) * step / (2 * mp.sqrt(2 * mp.pi * variance))


def _joint(mean: float, variance: float, prior: float) -> tuple[float, NDArray[np.float64]]:
    """Spacing in x, and `w_k N(x; m_k, v)` of both classes on the grid, shape (2, n)."""
    width = math.sqrt(variance)
    reach = mean / width + _REACH
    z = np.arange(-reach, reach + _STEP / 2, _STEP)
    weights = np.array([[prior], [1 - prior]])
    centres = np.array([[mean], [-mean]]) / width
    return _STEP, weights * np.exp(-((z - centres) ** 2) / 2) / math.sqrt(2 * math.pi)
