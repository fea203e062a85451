"""Covariances of one class: `s²I`, a diagonal, a full matrix, or a diagonal plus a matrix of low rank.

`Σ + σ²I` has the eigenvectors of Σ at every σ, so one factorisation serves a whole curve (T17):

    vᵀ(Σ + σ²I)^{-1}v = Σ_i (Qᵀv)_i² / (λ_i + σ²),        Σ = Q diag(λ) Qᵀ.

A diagonal plus low rank `D + UUᵀ` needs no eigenvectors: with `B = D + σ²I`, the singular value decomposition
`B^{-1/2}U = Q diag(s) Wᵀ` and `y = B^{-1/2}v`,

    (Σ + σ²I)^{-1}v = B^{-1/2} [(y − QQᵀy) + Q (1 + s²)^{-1} Qᵀy],

in which nothing cancels, at a cost that grows as d.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Covariance", "Diagonal", "Full", "Isotropic", "LowRank"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-10  # relative asymmetry or negative eigenvalue that rounding alone explains
_BLOCK_ENTRIES = 2**20  # size of the temporary array of a sum over levels and eigenvalues
_DENSE_LIMIT = 4096  # largest dimension in which a matrix is factored for its eigenvalues alone


class Covariance(ABC):
    """A positive semi-definite covariance; immutable."""

    @property
    @abstractmethod
    def variances(self) -> Array:
        """Eigenvalues, shape () for isotropic and (d,) otherwise."""

    @abstractmethod
    def rotate(self, vectors: Array) -> Array:
        """Coordinates of `vectors` (…, d) in the eigenbasis, `Qᵀv`; same shape."""

    @abstractmethod
    def unrotate(self, vectors: Array) -> Array:
        """Inverse of `rotate`: `Qv` for coordinates (…, d) in the eigenbasis; same shape."""

    @abstractmethod
    def check_dimension(self, dimension: int) -> None:
        """Raise `ValueError` if this covariance does not live in `dimension` dimensions."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The form that mixture files use: `{kind: …}`."""

    @abstractmethod
    def parts(self) -> tuple[Array, Array | None]:
        """D, shape () or (d,), and U (d, r) or `None`, with `Σ = D + UUᵀ`."""

    @property
    def kind(self) -> str:
        """`isotropic`, `diagonal`, `full` or `low_rank`."""
        return type(self).__name__.lower()

    @property
    def has_spectrum(self) -> bool:
        """Whether `variances`, `rotate`, `unrotate` and `spectral_measure` are within reach."""
        return True

    def matrix_in(self, dimension: int) -> Array:
        """Σ as an array (d, d)."""
        diagonal, factors = self.parts()
        dense = np.diag(np.broadcast_to(diagonal, dimension))
        return dense if factors is None else dense + factors @ factors.T

    def trace_in(self, dimension: int) -> float:
        """`tr Σ` in d dimensions; infinite where it overflows."""
        diagonal, factors = self.parts()
        with np.errstate(over="ignore"):
            total = np.broadcast_to(diagonal, dimension).sum()
            return float(total if factors is None else total + (factors**2).sum())

    def spectral_measure(self, vector: Array) -> tuple[Array, Array]:
        """Eigenvalues and squared coordinates of `vector` (d,) there, shapes (n,): enough for every form."""
        return self.variances, self.rotate(vector) ** 2

    def resolvent_form(self, vector: Array, noise: Array, power: int) -> Array:
        """`vᵀ(Σ + νI)^{−power} v` at each `ν = noise`, shape (levels,)."""
        variances, overlaps = self.spectral_measure(vector)
        variances, overlaps = variances[overlaps > 0], overlaps[overlaps > 0]
        total = np.empty(noise.size)
        rows = max(1, _BLOCK_ENTRIES // variances.size)
        with np.errstate(divide="ignore", over="ignore"):
            for start in range(0, noise.size, rows):
                widths = variances + noise[start : start + rows, None]
                total[start : start + rows] = (overlaps / widths**power).sum(axis=1)
        return total

    def whiten(self, vectors: Array, noise: float) -> Array:
        """Vectors (…, d) whose inner products are `uᵀ(Σ + νI)^{−1}v`."""
        return self.rotate(vectors) / np.sqrt(self.variances + noise)

    def solve(self, vectors: Array, noise: float) -> Array:
        """`(Σ + νI)^{−1}v` for vectors (…, d)."""
        return self.unrotate(self.rotate(vectors) / (self.variances + noise))


@dataclass(frozen=True)
class Isotropic(Covariance):
    """`s² I` with `variance = s² ≥ 0`."""

    variance: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", float(self.variance))
        if not np.isfinite(self.variance):
            raise ValueError("variance is not a finite number")
        if self.variance < 0:
            raise ValueError(f"variance {self.variance:g} is negative")

    @property
    def variances(self) -> Array:
        """Shape ()."""
        return np.asarray(self.variance, dtype=np.float64)

    def rotate(self, vectors: Array) -> Array:
        """Every basis is an eigenbasis."""
        return vectors

    def unrotate(self, vectors: Array) -> Array:
        """Every basis is an eigenbasis."""
        return vectors

    def check_dimension(self, dimension: int) -> None:
        """Any dimension will do."""

    def to_json(self) -> dict[str, Any]:
        """`{"isotropic": s²}`."""
        return {"isotropic": self.variance}

    def parts(self) -> tuple[Array, Array | None]:
        """s², and no factors."""
        return self.variances, None

    def spectral_measure(self, vector: Array) -> tuple[Array, Array]:
        """One eigenvalue, with `|v|²`."""
        return self.variances[None], np.array([vector @ vector])


@dataclass(frozen=True, eq=False)
class Diagonal(Covariance):
    """`diag(v)` with `diagonal = v`, shape (d,), every entry ≥ 0."""

    diagonal: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "diagonal", _frozen(self.diagonal))
        if self.diagonal.ndim != 1:
            raise ValueError(f"a diagonal has shape (d,), not {self.diagonal.shape}")
        if not np.isfinite(self.diagonal).all():
            raise ValueError("the diagonal holds a number that is not finite")
        if (self.diagonal < 0).any():
            raise ValueError(f"the diagonal holds a negative variance, {self.diagonal.min():g}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagonal) and np.array_equal(self.diagonal, other.diagonal)

    def __hash__(self) -> int:
        return hash(self.diagonal.tobytes())

    @property
    def variances(self) -> Array:
        """Shape (d,)."""
        return self.diagonal

    def rotate(self, vectors: Array) -> Array:
        """The coordinate axes are the eigenbasis."""
        return vectors

    def unrotate(self, vectors: Array) -> Array:
        """The coordinate axes are the eigenbasis."""
        return vectors

    def check_dimension(self, dimension: int) -> None:
        """One variance per dimension."""
        if self.diagonal.size != dimension:
            raise ValueError(f"{self.diagonal.size} variances for {dimension} dimensions")

    def to_json(self) -> dict[str, Any]:
        """`{"diagonal": [...]}`."""
        return {"diagonal": self.diagonal.tolist()}

    def parts(self) -> tuple[Array, Array | None]:
        """The diagonal, and no factors."""
        return self.diagonal, None


@dataclass(frozen=True, eq=False)
class Full(Covariance):
    """A symmetric positive semi-definite `matrix`, shape (d, d)."""

    matrix: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", _frozen(self.matrix))
        shape = self.matrix.shape
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"a full matrix has shape (d, d), not {shape}")
        if not np.isfinite(self.matrix).all():
            raise ValueError("the matrix holds a number that is not finite")
        size = np.abs(self.matrix).max(initial=0.0)
        if np.abs(self.matrix - self.matrix.T).max(initial=0.0) > _ROUNDING * size:
            raise ValueError("the matrix is not symmetric")
        lowest, highest = self._spectrum[0].min(initial=0.0), self._spectrum[0].max(initial=0.0)
        if lowest < -_ROUNDING * highest or highest < 0:
            raise ValueError(f"the matrix is not positive semi-definite: it has the eigenvalue {lowest:g}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Full) and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.matrix.tobytes())

    @cached_property
    def _spectrum(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.matrix / 2 + self.matrix.T / 2)
        return values, vectors

    @property
    def variances(self) -> Array:
        """Shape (d,), ascending; negative values that are rounding are set to zero."""
        return np.maximum(self._spectrum[0], 0.0)

    def rotate(self, vectors: Array) -> Array:
        """`Qᵀv` for each vector along the last axis."""
        return vectors @ self._spectrum[1]

    def unrotate(self, vectors: Array) -> Array:
        """`Qv` for each vector along the last axis."""
        return vectors @ self._spectrum[1].T

    def check_dimension(self, dimension: int) -> None:
        """The matrix is (d, d)."""
        if self.matrix.shape[0] != dimension:
            size = self.matrix.shape[0]
            raise ValueError(f"a {size} x {size} matrix for {dimension} dimensions")

    def to_json(self) -> dict[str, Any]:
        """`{"full": [[...], ...]}`."""
        return {"full": self.matrix.tolist()}

    def parts(self) -> tuple[Array, Array | None]:
        """No diagonal; a square root for factors."""
        return np.zeros(()), self._spectrum[1] * np.sqrt(self.variances)


@dataclass(frozen=True, eq=False)
class LowRank(Covariance):
    """`D + UUᵀ`: `diagonal` is D, a variance or shape (d,), and `factors` is U, shape (d, r)."""

    diagonal: Array
    factors: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "diagonal", _frozen(self.diagonal))
        object.__setattr__(self, "factors", _frozen(self.factors))
        if self.factors.ndim != 2 or self.factors.size == 0:
            raise ValueError(f"low-rank factors have shape (d, r), not {self.factors.shape}")
        if not np.isfinite(self.factors).all():
            raise ValueError("the factors hold a number that is not finite")
        if self.diagonal.ndim > 1:
            raise ValueError(f"a diagonal is a variance or has shape (d,), not {self.diagonal.shape}")
        # the checks of its entries are those of a diagonal covariance
        Diagonal(np.atleast_1d(self.diagonal))
        if self.diagonal.ndim == 1:
            self.check_dimension(self.diagonal.size)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LowRank)
            and np.array_equal(self.diagonal, other.diagonal)
            and np.array_equal(self.factors, other.factors)
        )

    def __hash__(self) -> int:
        return hash((self.diagonal.tobytes(), self.factors.tobytes()))

    @property
    def kind(self) -> str:
        """`low_rank`."""
        return "low_rank"

    @property
    def has_spectrum(self) -> bool:
        """Up to 4096 dimensions; forms in one vector beyond, where D is a multiple of the identity."""
        return self._is_level or self.factors.shape[0] <= _DENSE_LIMIT

    @property
    def _is_level(self) -> bool:
        return bool((self.diagonal == self.diagonal.flat[0]).all())

    @cached_property
    def _dense(self) -> Full:
        dimension = self.factors.shape[0]
        if dimension > _DENSE_LIMIT:
            raise ValueError(
                f"covariances: the eigenvalues of a low-rank covariance in {dimension} dimensions "
                f"are out of reach (at most {_DENSE_LIMIT}); curves do not need them"
            )
        return Full(self.matrix_in(dimension))

    @property
    def variances(self) -> Array:
        """Shape (d,), ascending."""
        return self._dense.variances

    def rotate(self, vectors: Array) -> Array:
        """`Qᵀv` for each vector along the last axis."""
        return self._dense.rotate(vectors)

    def unrotate(self, vectors: Array) -> Array:
        """`Qv` for each vector along the last axis."""
        return self._dense.unrotate(vectors)

    def check_dimension(self, dimension: int) -> None:
        """One row of factors per dimension."""
        if self.factors.shape[0] != dimension:
            raise ValueError(f"{self.factors.shape[0]} rows of factors for {dimension} dimensions")

    def to_json(self) -> dict[str, Any]:
        """`{"low_rank": {"diagonal": …, "factors": [[...], ...]}}`."""
        return {"low_rank": {"diagonal": self.diagonal.tolist(), "factors": self.factors.tolist()}}

    def parts(self) -> tuple[Array, Array | None]:
        """D and U."""
        return self.diagonal, self.factors

    def spectral_measure(self, vector: Array) -> tuple[Array, Array]:
        """With `D = s²I`, the r directions of U and the rest; otherwise all eigenvalues."""
        if not self._is_level:
            return super().spectral_measure(vector)
        axes, lengths, _ = np.linalg.svd(self.factors, full_matrices=False)
        along = axes.T @ vector
        rest = vector - axes @ along
        variance = self.diagonal.flat[0]
        return np.append(variance + lengths**2, variance), np.append(along**2, rest @ rest)

    def resolvent_form(self, vector: Array, noise: Array, power: int) -> Array:
        """Level by level from `solve`, without eigenvalues."""
        if self._is_level or power > 2:
            return super().resolvent_form(vector, noise, power)
        half = self.whiten if power == 1 else self.solve
        return np.array([float((half(vector, float(value)) ** 2).sum()) for value in noise])

    def whiten(self, vectors: Array, noise: float) -> Array:
        """Vectors (…, d) whose inner products are `uᵀ(Σ + νI)^{−1}v`."""
        return self._shrunk(vectors, noise, 0.5)

    def solve(self, vectors: Array, noise: float) -> Array:
        """`(Σ + νI)^{−1}v` for vectors (…, d)."""
        return self._shrunk(vectors, noise, 1.0) / np.sqrt(self.diagonal + noise)

    def _shrunk(self, vectors: Array, noise: float, power: float) -> Array:
        """`(y − QQᵀy) + Q (1 + s²)^{−power} Qᵀy` with `y = B^{−1/2}v`."""
        root = np.sqrt(self.diagonal + noise)
        if not root.all():
            raise ValueError("covariances: D + σ²I of a low-rank covariance has a zero on its diagonal")
        scaled = self.factors / (root[:, None] if root.ndim else root)
        axes, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
        y = vectors / root
        along = y @ axes
        return y + (along * ((1 + lengths**2) ** -power - 1)) @ axes.T


def _frozen(values: Any) -> Array:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
