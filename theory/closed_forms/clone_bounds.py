"""What a cloning experiment says about the class entropy, whatever the data (T22).

The posterior p of a noised state has `Σ p_k² = φ` on average and entropy `H = E h(p)`. Over the simplex the
pairs `(Σ p_k², h)` fill a region whose convex hull bounds the average (Jensen), and each bound is attained:

    below, the polygon through (1/k, log k), k = 1 … K, from posteriors even on k or on k + 1 classes;
    above, at `φ = x² + (1−x)²/(K−1)` the curve `h₂(x) + (1−x) log(K−1)` of one likelier class and K − 1
    even ones.

For K > 2 the curve is not concave near φ = 1/K: from `x = 1 − 1/K` on its tangent, which ends in (1/K, log
K), takes its place. With `y = 1 − x` nothing cancels as φ → 1:

    y = (1−φ)/(1 + √(1 − (1−φ)K/(K−1))).
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import special
from .orthogonal import LARGEST_CLASSES

__all__ = ["clone_bounds"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 8 * float(np.finfo(np.float64).eps)  # of a sum of squares that is 1/K


def clone_bounds(agreement: ArrayLike, classes: ArrayLike) -> tuple[Array, Array]:
    """Smallest and largest class entropy that an agreement of clones allows, in nats.

    Below, the polygon through `(1/k, log k)`: for φ > ½ it is `2 log 2 (1 − φ)`. Above, `h₂(x) + (1−x)
    log(K−1)` at `φ = x² + (1−x)²/(K−1)` where `x ≥ 1 − 1/K`, and `log K − (φ − 1/K)(K−1)
    log(K−1)/(K−2)` elsewhere; for K = 2 `h₂((1 + √(2φ−1))/2)`.

    Parameters
    ----------
    agreement : array_like, any shape
        Probability φ that two clones of a noised state end in one class, from 1/K to 1.
    classes : array_like, broadcast
        Number of classes K, a whole number from 2 to 1e24.

    Returns
    -------
    lower, upper : float64 arrays of the broadcast shape (scalars for scalars), relative error about 1e-14,
    for φ → 1 too: 0 at φ = 1 and log K at φ = 1/K, both. No posterior, of any data and weights, is outside
    them, and both are attained.

    Raises
    ------
    ValueError
        `classes` that are not whole numbers in [2, 1e24], an agreement outside [1/K, 1].

    References
    ----------
    T22; Harremoës and Topsøe, IEEE TIT 47(7), 2001.
    """
    given = real_numbers(agreement, "agreement", finite=False)
    count = real_numbers(classes, "classes", finite=False)
    allowed = (count >= 2) & (count <= LARGEST_CLASSES) & (count == np.floor(count))
    refuse_unless(allowed, count, "classes", f"must be a whole number between 2 and {LARGEST_CLASSES:g}")
    phi, count = np.broadcast_arrays(given, count)
    phi = np.where(np.abs(phi * count - 1) <= _ROUNDING, 1 / count, phi)
    refuse_unless((phi >= 1 / count) & (phi <= 1), given, "agreement", "must lie between 1/classes and 1")
    even = np.log(count)
    least = phi == 1 / count
    lower = np.where(least, even, np.minimum(_polygon(phi), even))
    upper = np.where(least, even, np.minimum(_envelope(phi, count), even))
    return lower[()], upper[()]


def _polygon(phi: Array) -> Array:
    """`log k` at `φ = 1/k`, linear in between."""
    k = np.floor(1 / phi)
    return np.log(k) + np.log1p(1 / k) * (1 - k * phi) * (k + 1)


def _envelope(phi: Array, count: Array) -> Array:
    """The curve of one likelier class, or its tangent."""
    rest = 1 - phi
    others = count - 1
    root = np.sqrt(np.maximum(1 - rest * count / others, 0.0))
    y = rest / (1 + root)
    with np.errstate(divide="ignore", invalid="ignore"):
        curve: Any = special.entr(y) - (1 - y) * np.log1p(-y) + y * np.log(others)
        # what the tangent has at φ = 1, and its slope in 1 − φ
        end = -np.log1p(-1 / count) - np.log(others) / (count * (count - 2))
        tangent = end + rest * others * np.log(others) / (count - 2)
    return np.where((count > 2) & (y * count > 1), tangent, curve)
