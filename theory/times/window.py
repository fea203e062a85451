"""The range of noise levels in which a mixture's classes are decided: a grid for curves.

For a pair of classes the separation that decides is close to

    γ(σ) ≈ |δ|²/(v + σ²) + ‖Σ_j − Σ_k‖²_F / (8 (v + σ²)²),       v = tr(Σ_j + Σ_k)/2d,

exact for a shared isotropic covariance, and within the spread of the eigenvalues otherwise, which
is enough to place a grid. The grid starts where the closest pair is decided (γ = 50: less than
1e-11 of its entropy left) and ends where the farthest pair is undecided (γ = 10⁻³).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..closed_forms.gaussian_pair import Pair
from ..mixtures.covariance import Covariance
from ..mixtures.mixture import GaussianMixture

__all__ = ["check_classes", "window_sigmas"]

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]

_DECIDED, _UNDECIDED = 50.0, 1e-3
_CLOSE = 1e-3  # share of the largest squared distance below which inner products are not precise enough
_BLOCK = 2**20  # entries of a temporary array


def window_sigmas(mixture: GaussianMixture, levels: int) -> Array:
    """Geometric grid of σ that spans the speciation window.

    Two classes with a shared covariance use their exact γ. Where γ never gets to 50 the grid starts
    at a tenth of the σ that halves the largest γ.

    Parameters
    ----------
    mixture : GaussianMixture
    levels : int
        Length of the grid.

    Returns
    -------
    float64 array, shape (levels,), ascending

    Raises
    ------
    ValueError
        A single class.
    """
    check_classes(mixture)
    exact = mixture.is_binary_channel and mixture.covariances[0].has_spectrum
    low, high = _exact_range(mixture) if exact else _approximate_range(mixture)
    return np.sqrt(np.geomspace(low, high, levels))


def check_classes(mixture: GaussianMixture) -> None:
    """Raise `ValueError` for a single class."""
    if mixture.classes < 2:
        raise ValueError("mixture: has a single class, and a decision needs at least two")


def _exact_range(mixture: GaussianMixture) -> tuple[float, float]:
    """σ² at both ends from the pair's own γ."""
    pair = Pair.of(mixture)
    largest = pair.gamma(0.0)
    high = pair.noise_at_gamma(min(_UNDECIDED, largest / 1e3))
    low = pair.noise_at_gamma(_DECIDED) or (pair.noise_at_gamma(largest / 2) or 1.0) * 1e-2
    assert high is not None  # noqa: S101 (a level below the largest γ is always reached)
    return low, high


def _approximate_range(mixture: GaussianMixture) -> tuple[float, float]:
    """σ² at both ends from the closest and the farthest pair of classes."""
    first, second = np.triu_indices(mixture.classes, 1)
    d = mixture.dimension
    gaps2 = _squared_gaps(mixture, first, second)
    scatter = np.array([_covariance_gap(mixture, int(j), int(k)) for j, k in zip(first, second, strict=True)])
    variance = np.array([c.trace_in(d) / d for c in mixture.covariances])
    each = np.broadcast_to(variance, mixture.classes)
    v = (each[first] + each[second]) / 2

    def noise_at(gamma: float) -> Array:
        """σ² of every pair at this γ: the positive root of a quadratic in 1/(v + σ²)."""
        a = gaps2 / 4
        return (a + np.hypot(a, scatter * np.sqrt(gamma / 2))) / (2 * gamma) - v

    differ = (gaps2 > 0) | (scatter > 0)
    if not differ.any():
        raise ValueError("mixture: its classes are too close to be distinguished in double precision")
    decided = noise_at(_DECIDED)[differ].min()
    low = decided if decided > 0 else 1e-2 * max(float(v[differ].min()), 1e-12)
    # a pair whose γ stays small moves the upper end by its own largest γ
    start = (noise_at(_UNDECIDED) + v)[differ].max()
    return float(low), float(max(start, 1e3 * low))


def _squared_gaps(mixture: GaussianMixture, first: Indices, second: Indices) -> Array:
    """`|m_j − m_k|²` of each pair, zero where rounding of the means explains it, shape (pairs,).

    Inner products serve pairs that are far apart on the scale of the farthest; they would round a close
    pair away, so those are subtracted one from the other.
    """
    gram = mixture.centred_gram
    gaps2 = (np.diag(gram)[:, None] + np.diag(gram) - 2 * gram)[first, second]
    close = np.flatnonzero(gaps2 < _CLOSE * gaps2.max())
    rows = max(1, _BLOCK // mixture.dimension)
    for start in range(0, close.size, rows):
        own = close[start : start + rows]
        gaps2[own] = ((mixture.means[first[own]] - mixture.means[second[own]]) ** 2).sum(axis=1)
    rounding = 4 * float(np.finfo(np.float64).eps) * float(np.linalg.norm(mixture.means, axis=1).max())
    return np.where(gaps2 > rounding**2, gaps2, 0.0)


def _covariance_gap(mixture: GaussianMixture, j: int, k: int) -> float:
    """`‖Σ_j − Σ_k‖_F`, in units in which no square overflows."""
    first, second = mixture.covariance_of(j), mixture.covariance_of(k)
    if mixture.shared_covariance is not None or first == second:
        return 0.0
    d, (own, factors), (other, more) = mixture.dimension, first.parts(), second.parts()
    if factors is None and more is None:
        difference = np.broadcast_to(own - other, d)
        unit = float(np.abs(difference).max())
        return unit * float(np.sqrt(((difference / unit) ** 2).sum()))
    squares = [_trace_of_product(a, b, d) for a, b in ((first, first), (second, second), (first, second))]
    left = squares[0] + squares[1] - 2 * squares[2]
    return float(np.sqrt(left)) if left > 1e-12 * max(squares) else 0.0


def _trace_of_product(first: Covariance, second: Covariance, dimension: int) -> float:
    """`tr Σ₁Σ₂` from the parts `D + UUᵀ`."""
    (own, factors), (other, other_factors) = first.parts(), second.parts()
    total = float(np.broadcast_to(own * other, dimension).sum())
    for diagonal, columns in ((own, other_factors), (other, factors)):
        if columns is not None:
            total += float((np.atleast_1d(diagonal)[:, None] * columns**2).sum())
    if factors is not None and other_factors is not None:
        total += float(((factors.T @ other_factors) ** 2).sum())
    return total
