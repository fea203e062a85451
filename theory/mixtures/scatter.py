"""The second moments of rows that come one chunk after another: `S = Σ r_i r_iᵀ / n`, whole or of low rank.

A sketch keeps the ℓ strongest directions of what it has seen: the rows kept and the new ones are replaced by
the leading right singular vectors of both, times their singular values. The diagonal of S is followed
exactly, so that `S ≈ UUᵀ + diag(S − UUᵀ)` has the variance of every coordinate, and the right trace.
`‖S‖²` is that of the sketch, and of the rest from random signs ω: `E|Sω|² = ‖S‖²`, less the sketch's.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .covariance import Covariance, Full, Isotropic, LowRank

__all__ = ["Scatter", "Sketch", "Whole", "accumulator"]

Array: TypeAlias = NDArray[np.float64]

WHOLE_LIMIT = 4096
"""Largest dimension in which a full matrix is kept."""
_EXACT_LIMIT = 2048  # dimension up to which a low rank is cut out of the full matrix
_PROBES = 48
_ROUNDING = 1e-12  # share of a variance below which what factors leave is rounding
_SEED = 0x5C47


class Scatter(NamedTuple):
    """Of n rows `tr S`, `‖S‖²`, the mean of `|r|⁴`, the diagonal of S, and S (d, d) or U (d, r)."""

    rows: int
    trace: float
    square: float
    fourth: float
    diagonal: Array
    matrix: Array | None
    factors: Array | None

    def shrunk(self, intensity: float) -> Covariance:
        """`(1 − ρ) S + ρ μ I`."""
        dimension = self.diagonal.size
        level = intensity * self.trace / dimension
        if intensity == 1:
            return Isotropic(level)
        if self.factors is not None:
            rest = self.diagonal - (self.factors**2).sum(axis=1)
            rest = np.where(rest > _ROUNDING * self.diagonal, rest, 0.0)
            return LowRank((1 - intensity) * rest + level, np.sqrt(1 - intensity) * self.factors)
        assert self.matrix is not None  # noqa: S101 (one of the two is there)
        return Full((1 - intensity) * self.matrix + level * np.eye(dimension))


class Whole:
    """The full matrix (d, d), of which the leading `rank` directions are cut out at the end, if given."""

    def __init__(self, dimension: int, rank: int | None = None) -> None:
        self._sum: Array = np.zeros((dimension, dimension))
        self._fourth, self._rows, self._rank = 0.0, 0, rank

    def add(self, residuals: Array) -> None:
        """Follow rows (b, d)."""
        self._sum += residuals.T @ residuals
        self._fourth += float(((residuals**2).sum(axis=1) ** 2).sum())
        self._rows += len(residuals)

    def result(self) -> Scatter:
        """Of all rows so far."""
        n, matrix = self._rows, self._sum / self._rows
        square, factors = float((matrix**2).sum()), None
        if self._rank is not None:
            values, vectors = np.linalg.eigh(matrix)
            factors = vectors[:, -self._rank :] * np.sqrt(np.maximum(values[-self._rank :], 0.0))
        trace = float(np.trace(matrix))
        return Scatter(n, trace, square, self._fourth / n, np.diag(matrix).copy(), matrix, factors)


class Sketch:
    """The `rank` strongest directions of rows in many dimensions, in memory of a few times rank × d."""

    def __init__(self, dimension: int, rank: int) -> None:
        self._rank, self._kept = rank, min(2 * rank + 10, dimension)
        self._top: Array = np.zeros((0, dimension))
        self._waiting: list[Array] = []
        self._diagonal = np.zeros(dimension)
        self._signs = np.sign(np.random.default_rng(_SEED).random((dimension, _PROBES)) - 0.5)
        self._products = np.zeros((dimension, _PROBES))
        self._fourth, self._rows = 0.0, 0

    def add(self, residuals: Array) -> None:
        """Follow rows (b, d)."""
        lengths2 = residuals**2
        self._diagonal += lengths2.sum(axis=0)
        self._fourth += float((lengths2.sum(axis=1) ** 2).sum())
        self._products += residuals.T @ (residuals @ self._signs)
        self._rows += len(residuals)
        step = max(self._kept, 1)
        for start in range(0, len(residuals), step):
            self._waiting.append(residuals[start : start + step])
            if sum(map(len, self._waiting)) >= step:
                self._fold()

    def _fold(self) -> None:
        """Replace what is kept and what is waiting by their strongest directions."""
        both = np.concatenate([self._top, *self._waiting])
        vectors = np.linalg.eigh(both @ both.T)[1]
        self._top = vectors[:, -self._kept :].T @ both
        self._waiting = []

    def result(self) -> Scatter:
        """Of all rows so far."""
        if self._waiting:
            self._fold()
        n = self._rows
        top = self._top / np.sqrt(n)  # weakest first
        of_sketch = float(((top @ top.T) ** 2).sum())
        along = top.T @ (top @ self._signs)
        rest = float(((self._products / n) ** 2).sum() - (along**2).sum()) / _PROBES
        diagonal = self._diagonal / n
        # no matrix is smaller than its diagonal and its strongest directions are
        square = max(of_sketch + max(rest, 0.0), float((diagonal**2).sum()))
        trace = float(diagonal.sum())
        factors = np.ascontiguousarray(top[-self._rank :].T)
        return Scatter(n, trace, square, self._fourth / n, diagonal, None, factors)


def accumulator(dimension: int, rank: int | None, count: int = 1) -> Whole | Sketch:
    """What follows rows in this dimension, as one of `count` that do so at once."""
    if rank is not None and dimension * np.sqrt(count) > _EXACT_LIMIT:
        return Sketch(dimension, rank)
    return Whole(dimension, rank)
