"""Covariances of one class: `s²I`, a diagonal, or a full matrix, each with its eigenbasis.

`Σ + σ²I` has the eigenvectors of Σ at every σ, so one factorisation serves a whole curve (T17):

    vᵀ(Σ + σ²I)^{-1}v = Σ_i (Qᵀv)_i² / (λ_i + σ²),        Σ = Q diag(λ) Qᵀ.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Covariance", "Diagonal", "Full", "Isotropic"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-10  # relative asymmetry or negative eigenvalue that rounding alone explains


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
        """The form that mixture files use: `{"isotropic": …}`, `{"diagonal": …}` or `{"full": …}`."""

    @property
    def kind(self) -> str:
        """`isotropic`, `diagonal` or `full`."""
        return type(self).__name__.lower()


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
        values, vectors = np.linalg.eigh((self.matrix + self.matrix.T) / 2)
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


def _frozen(values: Any) -> Array:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array
