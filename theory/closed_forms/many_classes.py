"""Many classes: a first-order window at `g = 2 log K`, long before the midpoint turns unstable (T14).

    max(0, log K − g/2) ≤ H_K(g) ≤ E log(1 + (K−1) e^{−g/2 + √g Z})

so `H_K(2r log K)/log K → max(0, 1 − r)`. The rate per OU time, `g (1 − φ)`, follows `g Φ(x)` with
`x = (log K − g/2)/√g` up to its peak. With `ℓ = log K` and `g = 2ℓ e^{−2a}` the condition for the peak of
`g Φ(x)` becomes `x = √(2ℓ) sinh a` and

    x² = log(ℓ/4π) + log(1 + x²/2ℓ) − 2 log Φ(x),      t_peak = ½ log(M/2ℓ) + a.
"""

from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray, Expr
from .._support.real_numbers import real_number, real_numbers, refuse_unless
from .._support.untyped import optimize, special
from .._support.untyped import sympy as sp
from .orthogonal import LARGEST_CLASSES, orthogonal_disagreement, orthogonal_entropy
from .softplus import softplus_mean

__all__ = [
    "entropy_bounds",
    "large_k_shift",
    "large_k_shift_series",
    "orthogonal_median",
    "orthogonal_peak",
]

Array: TypeAlias = NDArray[np.float64]


def orthogonal_peak(classes: float) -> float:
    """The g at which the rate `g (1 − φ)` per OU time peaks, for K equal orthogonal classes with `s = 1`.

    Parameters
    ----------
    classes : float
        K, from 2 to 1e24.

    Returns
    -------
    float
        `g = M e^{−2t}`, so `t_peak = ½ log(M/g)`; relative error about 1e-9.

    Raises
    ------
    ValueError
        `classes` outside [2, 1e24].

    References
    ----------
    T14.
    """
    classes = _number_of_classes(classes)
    log_k = np.log(classes)

    def rate(log_g: float) -> float:
        return float(np.log(orthogonal_disagreement(np.exp(log_g), classes)) + log_g)

    low, high = np.log(0.2 * log_k + 0.5), np.log(4 * log_k + 6)

    def fall(log_g: float) -> float:
        return -rate(log_g)

    near: Any = optimize.minimize_scalar(fall, bounds=(low, high), method="bounded")
    step = 1e-3

    def slope(x: float) -> float:
        return 8 * (rate(x + step) - rate(x - step)) - (rate(x + 2 * step) - rate(x - 2 * step))

    return float(np.exp(optimize.brentq(slope, near.x - 0.05, near.x + 0.05, xtol=1e-12)))


def orthogonal_median(classes: float) -> float:
    """The g at which half of `log K` is left, for K orthogonal classes of equal weight.

    Parameters
    ----------
    classes : float
        K, from 2 to 1e24.

    Returns
    -------
    float
        `g = M/(s² + σ²)`, relative error about 1e-9.

    Raises
    ------
    ValueError
        `classes` outside [2, 1e24].

    References
    ----------
    T14.
    """
    classes = _number_of_classes(classes)
    half = np.log(classes) / 2

    def excess(g: float) -> float:
        return float(orthogonal_entropy(g, classes)) - half

    return float(optimize.brentq(excess, half, 2 * half + 6, xtol=1e-13))


def _number_of_classes(classes: float) -> float:
    found = real_number(classes, "classes")
    if not 2 <= found <= LARGEST_CLASSES:
        raise ValueError(f"classes: must lie between 2 and {LARGEST_CLASSES:g}, not {found:g}")
    return found


def entropy_bounds(g: ArrayLike, classes: ArrayLike) -> tuple[Array, Array]:
    """Lower and upper bound of `orthogonal_entropy`, valid for every g and K; broadcast shapes.

    `max(0, log K − g/2)`, because the rate in g is at most ½, and `E log(1 + (K−1) e^{−g/2 + √g Z})`, by
    Jensen's inequality for the sum over the rivals, whose noise it averages first: far in the tail the upper
    bound falls as `e^{−g/8}`, the entropy as `e^{−g/4}`.

    Parameters
    ----------
    g : array_like
        `M/(s² + σ²) ≥ 0`.
    classes : array_like
        Number of classes K, at least 2.

    Returns
    -------
    Two float64 arrays of the broadcast shape, nats. The upper bound keeps a relative error of 1e-13
    in the tail, and is 0 where it is below the least positive double.

    Raises
    ------
    ValueError
        `g` negative or not finite, `classes` below 2.

    References
    ----------
    T14.
    """
    g_, classes_ = real_numbers(g, "g", finite=False), real_numbers(classes, "classes", finite=False)
    refuse_unless((g_ >= 0) & np.isfinite(g_), g_, "g", "must be a finite number >= 0")
    refuse_unless(
        (classes_ >= 2) & np.isfinite(classes_), classes_, "classes", "must be a finite number >= 2"
    )
    g_, classes_ = np.broadcast_arrays(g_, classes_)
    rivals = np.log(classes_ - 1)
    pairs = zip(rivals.ravel() - g_.ravel() / 2, g_.ravel(), strict=True)
    upper = [softplus_mean(float(offset), partial(_gaussian, float(variance))) for offset, variance in pairs]
    return np.maximum(np.log(classes_) - g_ / 2, 0)[()], np.reshape(upper, g_.shape)[()]


def _gaussian(variance: float, s: ApiArray) -> ApiArray:
    """`log E e^{sV}` of a centred normal V."""
    return s * s * variance / 2


def large_k_shift(log_classes: float) -> float:
    """`t_peak − ½ log(M/(2 log K))` from the peak of `g Φ(x)`, for `ℓ = log K > 4π`.

    Solves `x² = log(ℓ/4π) + log(1 + x²/2ℓ) − 2 log Φ(x)` and returns `a = asinh(x/√(2ℓ))`.

    Parameters
    ----------
    log_classes : float
        ℓ, above 4π.

    Returns
    -------
    float
        Ornstein–Uhlenbeck time. The error is `O(1/ℓ)`: 0.014 at K = 1e6, 0.007 at 1e12, 0.003 at 1e24.

    Raises
    ------
    ValueError
        `log_classes` at or below 4π.

    References
    ----------
    T14.
    """
    log_classes = real_number(log_classes, "log_classes")
    if not log_classes > 4 * np.pi:
        raise ValueError(f"log_classes: must exceed 4 pi for the expansion to hold, not {log_classes:g}")

    def residual(x: float) -> float:
        constant = np.log(log_classes / (4 * np.pi)) + np.log1p(x * x / (2 * log_classes))
        return float(x * x - constant + 2 * special.log_ndtr(x))

    x: float = optimize.brentq(residual, 0.0, 10 + np.sqrt(log_classes))
    return float(np.arcsinh(x / np.sqrt(2 * log_classes)))


def large_k_shift_series(order: int) -> Expr:
    """`a = asinh(x/√(2ℓ))` as a SymPy series in `1/√ℓ`, x held: `x/√(2ℓ) − x³/(6 (2ℓ)^{3/2}) + …`.

    To leading order `x = √log(ℓ/4π)`, so `t_peak = ½ log(M/(2 log K)) + √(log(log K/4π)/(2 log K)) + …`.
    """
    x, ell, e = sp.symbols("x ell epsilon", positive=True)
    series = sp.series(sp.asinh(x * e), e, 0, 2 * order).removeO()
    return series.subs(e, 1 / sp.sqrt(2 * ell))
