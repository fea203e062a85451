"""Finite data: when the empirical score pulls a state onto one training sample, and speciation before (T18).

n samples of the data are n classes. For two balanced classes of n/2 samples, at distance `2√M` and with
`Σ = s²I`, let `I₁ = (d/2) log(1 + s²/σ²)` be the information about a sample in its class, `i` its density,
and `H₂ = H₂(M/(s² + σ²))`. Then

    max(0, log n − I) ≤ H(sample | X) ≤ H₂ + E log(1 + (n/2 − 1) e^{−i}),      I = I₁ + log 2 − H₂,

the bounds of T14 with samples for classes: the sample is decided where `I = log n`.

Without the class's share, at most log 2, `I = log n` is B24's `t_C = ½ log(1 + s²/(n^{2/d} − 1))`.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr
from .._support.real_numbers import real_number, real_numbers, refuse_unless
from .._support.untyped import optimize
from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from .softplus import softplus_mean

__all__ = [
    "collapse_time",
    "collapse_time_expression",
    "critical_samples",
    "sample_entropy_bounds",
    "sample_information",
]

Array: TypeAlias = NDArray[np.float64]


def collapse_time_expression() -> Expr:
    """B24's `t_C` in SymPy, with symbols `n`, `d` and `s2`: `collapse_time` without classes."""
    n, d, s2 = sp.symbols("n d s2", positive=True)
    return sp.log(1 + s2 / (n ** (2 / d) - 1)) / 2


def collapse_time(
    samples: ArrayLike, dimension: ArrayLike, variance: float = 1.0, separation2: float | None = None
) -> Array:
    """OU time below which a noised state identifies its training sample, `I(σ) = log n`.

    Parameters
    ----------
    samples : array_like
        Number of training samples n > 1; broadcast against `dimension`.
    dimension : array_like
        d ≥ 1.
    variance : float
        s² > 0 of each class.
    separation2 : float, optional
        `M = |δ|²` of two balanced classes, whose choice takes up to log 2 of the information. Without it
        `t_C = ½ log(1 + s²/(n^{2/d} − 1))`, to which the difference is O(1/log n).

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Ornstein–Uhlenbeck time.

    Raises
    ------
    ValueError
        `samples` not above 1, a `dimension` below 1, a `variance` that is not positive, or a negative
        `separation2`.

    References
    ----------
    T18; Biroli et al. 2024.
    """
    n, d = real_numbers(samples, "samples", finite=False), real_numbers(dimension, "dimension", finite=False)
    refuse_unless(n > 1, n, "samples", "must be above 1")
    refuse_unless(d >= 1, d, "dimension", "must be at least 1")
    variance = _positive(variance)
    n, d = np.broadcast_arrays(n, d)
    if separation2 is None:
        return 0.5 * np.log1p(variance / np.expm1(2 * np.log(n) / d))
    separation2 = _squared(separation2)
    found = [
        _decided(float(a), float(b), variance, separation2) for a, b in zip(n.ravel(), d.ravel(), strict=True)
    ]
    return np.array(found).reshape(n.shape)[()]


def sample_information(
    sigma: ArrayLike, dimension: float, variance: float = 1.0, separation2: float = 0.0
) -> Array:
    """Information that a noised state of n → ∞ samples holds of which sample it comes from, in nats.

    `I(σ) = (d/2) log(1 + s²/σ²) + log 2 − H₂(M/(s² + σ²))`.

    Parameters
    ----------
    sigma : array_like, any shape
        σ > 0.
    dimension : float
        d ≥ 1.
    variance : float
        s² > 0 of each class.
    separation2 : float
        `M = |δ|²` of two balanced classes; 0 is one class.

    Returns
    -------
    float64 array of the shape of `sigma` (a scalar for a scalar), in nats

    Raises
    ------
    ValueError
        A `sigma` or `variance` that is not positive, a `dimension` below 1, a `separation2` that is negative.

    References
    ----------
    T18.
    """
    level = real_numbers(sigma, "sigma", finite=False)
    noise = level**2
    dimension, variance = real_number(dimension, "dimension"), real_number(variance, "variance")
    separation2 = _squared(separation2)
    _check(level, dimension, variance)
    classes = np.log(2) - binary_entropy(separation2 / (variance + noise))
    return dimension / 2 * np.log1p(variance / noise) + classes


def sample_entropy_bounds(
    sigma: ArrayLike, samples: float, dimension: float, variance: float = 1.0, separation2: float = 0.0
) -> tuple[Array, Array]:
    """Bounds of `H(sample | X)`: `max(0, log n − I)` and `H₂ + E log(1 + (n/2 − 1) e^{−i})`, nats.

    With `ρ = σ²/(s² + σ²)` the density `i − I₁` is a sum of d products `√(1−ρ) ξξ'` of independent standard
    normal numbers, so that `log E e^{u(i − I₁)} = −(d/2) log(1 − u²(1 − ρ))`.

    Parameters
    ----------
    sigma : array_like
        Any shape of σ > 0.
    samples : float
        Number of training samples n ≥ 2.
    dimension : float
        d ≥ 1.
    variance : float
        s² > 0 of each class.
    separation2 : float
        `M = |δ|²` of two balanced classes; 0 without classes.

    Returns
    -------
    Two float64 arrays of the shape of σ. The upper bound keeps a relative error of 1e-13 in the tail.

    Raises
    ------
    ValueError
        A `sigma` or `variance` that is not positive, fewer than two samples, a `dimension` below 1, a
        negative `separation2`.

    References
    ----------
    T18; Biroli et al. 2024.
    """
    level = real_numbers(sigma, "sigma", finite=False)
    noise = level**2
    samples, dimension = real_number(samples, "samples"), real_number(dimension, "dimension")
    variance, separation2 = real_number(variance, "variance"), _squared(separation2)
    if not samples >= 2:
        raise ValueError(f"samples: must be at least 2, not {samples:g}")
    _check(level, dimension, variance)
    information = sample_information(sigma, dimension, variance, separation2)
    classes = binary_entropy(separation2 / (variance + noise))
    lower = np.maximum(np.log(samples) - information, 0)
    if samples == 2:
        return lower, classes
    within = dimension / 2 * np.log1p(variance / noise)
    shared = np.ravel(variance / (variance + noise))

    def rivals(own: float, share: float) -> float:
        return softplus_mean(
            float(np.log(samples / 2 - 1)) - own, lambda u: -dimension / 2 * np.log1p(-u * u * share)
        )

    found = [rivals(float(own), float(share)) for own, share in zip(np.ravel(within), shared, strict=True)]
    return lower, classes + np.reshape(found, noise.shape)[()]


def critical_samples(dimension: ArrayLike, mu: float = 1.0, variance: float = 1.0) -> Array:
    """Logarithm of the n above which speciation (curvature, `γ = 1`) comes before collapse, `M = μ²d`.

    `log n = (d/2) log(1 + s²/σ_S²)` with `σ_S² = μ²d − s²`, that is `−(d/2) log(1 − s²/(μ²d))`, which
    tends to `s²/(2μ²)`.

    Parameters
    ----------
    dimension : array_like, any shape
        d ≥ 1.
    mu : float
        Mean of a coordinate, ±μ.
    variance : float
        s² > 0 of each class.

    Returns
    -------
    float64 array of the shape of `dimension` (a scalar for a scalar)
        Natural logarithm of n, infinite where the classes never separate.

    Raises
    ------
    ValueError
        A `dimension` below 1, a `mu` that is not finite, a `variance` that is not positive.

    References
    ----------
    T18.
    """
    d = real_numbers(dimension, "dimension", finite=False)
    refuse_unless(d >= 1, d, "dimension", "must be at least 1")
    mu, variance = real_number(mu, "mu"), _positive(variance)
    if not np.isfinite(mu):
        raise ValueError(f"mu: must be finite, not {mu:g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = -d / 2 * np.log1p(-variance / (mu * mu * d))
    return np.where(mu * mu * d > variance, found, np.inf)


def _check(sigma: Array, dimension: float, variance: float) -> None:
    refuse_unless(sigma > 0, sigma, "sigma", "must be above 0")
    if not dimension >= 1:
        raise ValueError(f"dimension: must be at least 1, not {dimension:g}")
    _positive(variance)


def _positive(variance: float) -> float:
    found = real_number(variance, "variance")
    if not found > 0:
        raise ValueError(f"variance: must be above 0, not {found:g}")
    return found


def _squared(separation2: float) -> float:
    found = real_number(separation2, "separation2")
    if not found >= 0:
        raise ValueError(f"separation2: must be at least 0, not {found:g}")
    return found


def _decided(samples: float, dimension: float, variance: float, separation2: float) -> float:
    def excess(log_noise: float) -> float:
        sigma = np.exp(log_noise / 2)
        return float(sample_information(sigma, dimension, variance, separation2)) - np.log(samples)

    # information falls in σ from infinity to zero
    alone = np.log(variance / np.expm1(2 * np.log(samples) / dimension))
    high = alone
    while excess(high) > 0:
        high += 1.0
    log_noise: float = optimize.brentq(excess, alone - 1e-9, high, xtol=1e-13)
    return float(0.5 * np.log1p(np.exp(log_noise)))
