"""Classes with random means, decided where a channel's capacity is spent (T25).

`m_k ~ N(0, (M/d) I)` for K classes with `Σ = s²I` are a random code for the Gaussian channel. At
`g = M/(s² + σ²)` a coordinate has the signal-to-noise ratio `g/d`, and with `α = log K/d`

    max(0, log K − C) ≤ H(C|X) ≤ E log(1 + (K − 1) e^{−i}),      C = E i = (d/2) log(1 + g/d),

on average over codes: no more than C is learnt of the class, and a rival's mean likelihood ratio is
`e^{−i}`, i the information density. As d → ∞ at fixed α both give `H/log K → max(0, 1 − log(1 + g/d)/2α)`,
which ends at

    g_c = d(e^{2α} − 1),

later than the `2 log K = 2αd` of orthogonal means, by `½ log((e^{2α} − 1)/2α)` in OU time.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray
from .._support.real_numbers import real_numbers, refuse_unless
from .orthogonal import LARGEST_CLASSES
from .softplus import softplus_mean

__all__ = ["random_means_bounds", "random_means_delay", "random_means_entropy", "random_means_threshold"]

Array: TypeAlias = NDArray[np.float64]


def random_means_threshold(alpha: ArrayLike) -> Array:
    """`g_c/d = e^{2α} − 1`, the signal-to-noise ratio of a coordinate at which the class is decided.

    Over the orthogonal threshold `g_c = 2 log K` it is `(e^{2α} − 1)/2α` larger.

    Parameters
    ----------
    alpha : array_like, any shape
        `log K/d`, finite and above 0.

    Returns
    -------
    float64 array of the shape of `alpha` (a scalar for a scalar)
        Relative error about 1e-15.

    Raises
    ------
    ValueError
        An `alpha` that is not above 0 and finite.

    References
    ----------
    T25.
    """
    return np.expm1(2 * _alpha(alpha))[()]


def random_means_delay(alpha: ArrayLike) -> Array:
    """`½ log((e^{2α} − 1)/2α)`, how much later than orthogonal means random ones are decided, in OU time.

    At s = 1, for which `g ∝ e^{−2t}`; `α/2 + O(α²)` for few classes.

    Parameters
    ----------
    alpha : array_like, any shape
        `log K/d`, finite and above 0.

    Returns
    -------
    float64 array of the shape of `alpha` (a scalar for a scalar)
        Relative error about 1e-15.

    Raises
    ------
    ValueError
        An `alpha` that is not above 0 and finite.

    References
    ----------
    T25.
    """
    a = _alpha(alpha)
    small = np.minimum(a, 1.0)
    # e^{2α} − 1 = 2 e^α sinh α, and log(sinh α/α) by its series where it is small
    series = small**2 / 6 - small**4 / 180 + small**6 / 2835 - small**8 / 37800
    near = 0.5 * (a + series)
    with np.errstate(over="ignore"):
        far = 0.5 * (2 * a + np.log(-np.expm1(-2 * a) / (2 * a)))
    return np.where(a < 0.1, near, far)[()]


def random_means_entropy(g: ArrayLike, classes: ArrayLike, dimension: ArrayLike) -> Array:
    """Limit of the class entropy in nats, `max(0, log K − (d/2) log(1 + g/d))`, for d → ∞ at fixed log K/d.

    Parameters
    ----------
    g : array_like
        `M/(s² + σ²) ≥ 0`, with `M = E|m_k|²`.
    classes : array_like
        Number of classes K, from 2 to 1e24.
    dimension : array_like
        d ≥ 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars). In every dimension it is a lower bound.

    Raises
    ------
    ValueError
        A `g` that is negative or not finite, `classes` outside [2, 1e24], a `dimension` below 1.

    References
    ----------
    T25; Derrida's random energy model has the same threshold.
    """
    g_, k, d = _checked(g, classes, dimension)
    return np.maximum(np.log(k) - d / 2 * np.log1p(g_ / d), 0.0)[()]


def random_means_bounds(g: ArrayLike, classes: ArrayLike, dimension: ArrayLike) -> tuple[Array, Array]:
    """Bounds of the class entropy in nats, averaged over random means, in any dimension.

    `max(0, log K − (d/2) log(1 + g/d))` and `E log(1 + (K − 1) e^{−i})`.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, M the mean squared length of a class mean.
    classes : array_like, broadcast against `g`
        K, at least 2.
    dimension : array_like, broadcast against `g`
        d, at least 1.

    Returns
    -------
    lower, upper : float64 arrays of the broadcast shape (scalars for scalars)
        Relative error about 1e-13.

    Raises
    ------
    ValueError
        A `g` that is negative or not finite, `classes` outside [2, 1e24], a `dimension` below 1.

    References
    ----------
    T25.
    """
    g_, k, d = _checked(g, classes, dimension)
    lower = random_means_entropy(g_, k, d)
    triples = zip(g_.ravel(), k.ravel(), d.ravel(), strict=True)
    upper = np.array([_rivals(float(a), float(b), float(c)) for a, b, c in triples])
    return np.asarray(lower)[()], upper.reshape(g_.shape)[()]


def _rivals(g: float, classes: float, dimension: float) -> float:
    """`E log(1 + e^U)`, `U = log(K − 1) − C + V`, `E e^{sV} = (1 − s² snr/(1 + snr))^{−d/2}`."""
    share = g / (dimension + g)

    def log_mgf(s: ApiArray) -> ApiArray:
        return -dimension / 2 * np.log1p(-s * s * share)

    return softplus_mean(float(np.log(classes - 1)) - dimension / 2 * float(np.log1p(g / dimension)), log_mgf)


def _alpha(alpha: ArrayLike) -> Array:
    found = real_numbers(alpha, "alpha")
    refuse_unless(found > 0, found, "alpha", "must be above 0")
    return found


def _checked(g: ArrayLike, classes: ArrayLike, dimension: ArrayLike) -> tuple[Array, Array, Array]:
    g_ = real_numbers(g, "g")
    k = real_numbers(classes, "classes", finite=False)
    d = real_numbers(dimension, "dimension")
    refuse_unless(g_ >= 0, g_, "g", "must be at least 0")
    refuse_unless(
        (k >= 2) & (k <= LARGEST_CLASSES), k, "classes", f"must lie between 2 and {LARGEST_CLASSES:g}"
    )
    refuse_unless(d >= 1, d, "dimension", "must be at least 1")
    g_, k, d = np.broadcast_arrays(g_, k, d)
    return g_, k, d
