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
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import Fields
from .._support.real_numbers import real_numbers, rounding_of, with_rounding
from .._support.values import Value, frozen

__all__ = ["Covariance", "Diagonal", "Frame", "Full", "Isotropic", "LowRank"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-10  # relative asymmetry or negative eigenvalue that rounding of doubles explains
_SUMS = 32 * float(
    np.finfo(np.float32).eps
)  # the same of sums in single precision, which half precisions use
_BLOCK_ENTRIES = 2**20  # size of the temporary array of a sum over levels and eigenvalues
_DENSE_LIMIT = 4096  # largest dimension in which a matrix is factored for its eigenvalues alone


class Frame(NamedTuple):
    """`Σ = Q (diag(v) + UUᵀ) Qᵀ`: `variances` v, shape () or (d,), `axes` Q (d, d), `factors` U (d, r).

    `None` stands for axes that are those of the coordinates, and for no factors.
    """

    variances: Array
    axes: Array | None
    factors: Array | None

    @property
    def rank(self) -> int:
        """Number of factors r."""
        return 0 if self.factors is None else self.factors.shape[1]


class Covariance(Value, ABC):
    """A positive semi-definite covariance; immutable."""

    @property
    @abstractmethod
    def variances(self) -> Array:
        """Eigenvalues, shape () for isotropic and (d,) otherwise."""

    @abstractmethod
    def rotate(self, vectors: Array) -> Array:
        """Coordinates in the eigenbasis, `Qᵀv`.

        Parameters
        ----------
        vectors : array, shape (…, d)

        Returns
        -------
        array, shape (…, d)
        """

    @abstractmethod
    def unrotate(self, vectors: Array) -> Array:
        """Inverse of `rotate`: `Qv`.

        Parameters
        ----------
        vectors : array, shape (…, d)
            Coordinates in the eigenbasis.

        Returns
        -------
        array, shape (…, d)
        """

    @abstractmethod
    def check_dimension(self, dimension: int) -> None:
        """Check that this covariance fits data in `dimension` dimensions.

        Parameters
        ----------
        dimension : int
            d ≥ 1.

        Raises
        ------
        ValueError
            Variances, or a matrix, of another size.
        """

    @abstractmethod
    def to_json(self) -> Fields:
        """The form that mixture files use.

        Returns
        -------
        dict
            `{kind: numbers}`.
        """

    @abstractmethod
    def flat_directions(self, dimension: int) -> int:
        """Number of directions without variance, as far as the precision of the input can tell.

        Parameters
        ----------
        dimension : int
            d ≥ 1.

        Returns
        -------
        int
            From 0 to d.
        """

    @abstractmethod
    def parts(self) -> tuple[Array, Array | None]:
        """Diagonal and factors of `Σ = D + UUᵀ`.

        Returns
        -------
        diagonal : array, shape () or (d,)
            D.
        factors : array, shape (d, r), or None
            U.
        """

    @property
    def frame(self) -> Frame:
        """Variances, axes and factors, which whitening needs at every noise level."""
        diagonal, factors = self.parts()
        return Frame(diagonal, None, factors)

    @property
    def isotropic_variance(self) -> float | None:
        """s² of `s²I`, which has no axes of its own; `None` for any other form."""
        return None

    @property
    def dense(self) -> Array | None:
        """The matrix of a covariance that is given as one; `None` for any other form."""
        return None

    @property
    def kind(self) -> str:
        """`isotropic`, `diagonal`, `full` or `low_rank`."""
        return type(self).__name__.lower()

    @property
    def has_spectrum(self) -> bool:
        """Whether `variances`, `rotate`, `unrotate` and `spectral_measure` can be computed."""
        return True

    def matrix_in(self, dimension: int) -> Array:
        """Σ as a matrix.

        Parameters
        ----------
        dimension : int
            d ≥ 1.

        Returns
        -------
        array, shape (d, d)
        """
        diagonal, factors = self.parts()
        dense = np.diag(np.broadcast_to(diagonal, dimension))
        return dense if factors is None else dense + factors @ factors.T

    def square_root(self, dimension: int, noise: float) -> Array:
        """A square root of the noised covariance: F with `FᵀF = Σ + σ²I`.

        Parameters
        ----------
        dimension : int
            d ≥ 1.
        noise : float
            σ² ≥ 0.

        Returns
        -------
        array, shape (rows, d)
        """
        diagonal, factors = self.parts()
        root = np.diag(np.sqrt(np.broadcast_to(diagonal, dimension) + noise))
        return root if factors is None else np.vstack([root, factors.T])

    def trace_in(self, dimension: int) -> float:
        """Sum of all variances, `tr Σ`.

        Parameters
        ----------
        dimension : int
            d ≥ 1.

        Returns
        -------
        float
            Infinite if it overflows.
        """
        diagonal, factors = self.parts()
        with np.errstate(over="ignore"):
            total = np.broadcast_to(diagonal, dimension).sum()
            return float(total if factors is None else total + (factors**2).sum())

    def spectral_measure(self, vector: Array) -> tuple[Array, Array]:
        """Eigenvalues of Σ, and the squared coordinates of a vector along the eigenvectors.

        Parameters
        ----------
        vector : array, shape (d,)

        Returns
        -------
        eigenvalues, squares : arrays, shape (n,)
            Equal eigenvalues may be one, with the sum of the squares.
        """
        return self.variances, self.rotate(vector) ** 2

    def resolvent_form(self, vector: Array, noise: Array, power: int) -> Array:
        """Quadratic form `vᵀ(Σ + νI)^{−power} v` at each level of noise.

        Parameters
        ----------
        vector : array, shape (d,)
            v.
        noise : array, shape (levels,)
            Variances ν = σ² ≥ 0 of the noise.
        power : int
            At least 1.

        Returns
        -------
        array, shape (levels,)
        """
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
        """Vectors whose inner products are `uᵀ(Σ + νI)^{−1}v`.

        Parameters
        ----------
        vectors : array, shape (…, d)
        noise : float
            Variance ν = σ² ≥ 0 of the noise.

        Returns
        -------
        array, shape (…, d)
        """
        return self.rotate(vectors) / np.sqrt(self.variances + noise)

    def colorize(self, normals: Array, noise: float) -> Array:
        """Draws of `N(0, Σ + νI)` from standard normal numbers; the inverse of `whiten`.

        Parameters
        ----------
        normals : array, shape (…, d)
        noise : float
            Variance ν = σ² ≥ 0 of the noise.

        Returns
        -------
        array, shape (…, d)
        """
        return self.unrotate(normals * np.sqrt(self.variances + noise))

    def solve(self, vectors: Array, noise: float) -> Array:
        """`(Σ + νI)^{−1}v`.

        Parameters
        ----------
        vectors : array, shape (…, d)
            v.
        noise : float
            Variance ν = σ² ≥ 0 of the noise.

        Returns
        -------
        array, shape (…, d)
        """
        return self.unrotate(self.rotate(vectors) / (self.variances + noise))

    def log_det(self, dimension: int, noise: float) -> float:
        """Logarithm of the determinant, `log det(Σ + νI)`.

        Parameters
        ----------
        dimension : int
            d ≥ 1.
        noise : float
            Variance ν = σ² ≥ 0 of the noise.

        Returns
        -------
        float
            −∞ for a singular matrix.
        """
        with np.errstate(divide="ignore"):
            return float(np.log(np.broadcast_to(self.variances + noise, dimension)).sum())


@dataclass(frozen=True)
class Isotropic(Covariance):
    """The covariance `s² I`: the same variance in every direction, in any dimension.

    Parameters
    ----------
    variance : float
        s² ≥ 0; 0 is a point.

    Raises
    ------
    ValueError
        A variance that is negative, or not one finite number.
    """

    variance: float

    def __post_init__(self) -> None:
        variance = real_numbers(self.variance, "variance")
        if variance.ndim > 0:
            raise ValueError(f"an isotropic covariance is one number, not {variance.shape}")
        object.__setattr__(self, "variance", float(variance))
        if self.variance < 0:
            raise ValueError(f"variance {self.variance:g} is negative")

    @property
    def variances(self) -> Array:
        """Shape ()."""
        return np.asarray(self.variance, dtype=np.float64)

    @property
    def isotropic_variance(self) -> float:
        """s²."""
        return self.variance

    def rotate(self, vectors: Array) -> Array:
        """Every basis is an eigenbasis."""
        return vectors

    def unrotate(self, vectors: Array) -> Array:
        """Every basis is an eigenbasis."""
        return vectors

    def check_dimension(self, dimension: int) -> None:
        """Any dimension fits."""

    def to_json(self) -> Fields:
        """`{"isotropic": s²}`."""
        return {"isotropic": self.variance}

    def flat_directions(self, dimension: int) -> int:
        """0, or d for a variance of zero."""
        return 0 if self.variance > 0 else dimension

    def parts(self) -> tuple[Array, Array | None]:
        """s², and no factors; what JAX traces stays as it is."""
        held: object = self.variance
        return self.variances if isinstance(held, float) else cast(Array, held), None

    def spectral_measure(self, vector: Array) -> tuple[Array, Array]:
        """One eigenvalue, with `|v|²`."""
        return self.variances[None], np.array([vector @ vector])


@dataclass(frozen=True, eq=False)
class Diagonal(Covariance):
    """The covariance `diag(v)`: independent coordinates.

    Parameters
    ----------
    diagonal : array_like, shape (d,)
        Variance v ≥ 0 of each coordinate.

    Raises
    ------
    ValueError
        Another shape, or a variance that is negative or not finite.
    """

    diagonal: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "diagonal", real_numbers(self.diagonal, "diagonal"))
        if self.diagonal.ndim != 1:
            raise ValueError(f"a diagonal has shape (d,), not {self.diagonal.shape}")
        if (self.diagonal < 0).any():
            raise ValueError(f"the diagonal holds a negative variance, {self.diagonal.min():g}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagonal) and np.array_equal(self.diagonal, other.diagonal)

    def __hash__(self) -> int:
        return hash(self.diagonal.tobytes())

    def __repr__(self) -> str:
        return f"Diagonal({self.diagonal.size} variances, {_range(self.diagonal)})"

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

    def to_json(self) -> Fields:
        """`{"diagonal": [...]}`."""
        return {"diagonal": self.diagonal.tolist()}

    def flat_directions(self, dimension: int) -> int:
        """Number of variances that are zero."""
        return int((self.diagonal == 0).sum())

    def parts(self) -> tuple[Array, Array | None]:
        """The diagonal, and no factors."""
        return self.diagonal, None


@dataclass(frozen=True, eq=False)
class Full(Covariance):
    """Any covariance, as a symmetric positive semi-definite matrix.

    Parameters
    ----------
    matrix : array_like, shape (d, d)
        Asymmetry within the rounding of the array's type is averaged out.
    rounding : float, optional
        Spacing of numbers at 1 in the type in which the matrix was computed, for a matrix that was converted
        to another type since; by default that of the array's own type.

    Raises
    ------
    ValueError
        A matrix that is not square, not symmetric, not finite, or has a negative eigenvalue beyond rounding.
    """

    matrix: Array
    rounding: float = 0.0

    def __post_init__(self) -> None:
        matrix, own = with_rounding(self.matrix, "matrix")
        shape = matrix.shape
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"a full matrix has shape (d, d), not {shape}")
        object.__setattr__(self, "rounding", max(float(self.rounding), own))
        explained = _explained(rounding_of(matrix, self.rounding))
        uneven = float(np.abs(matrix / 2 - matrix.T / 2).max(initial=0.0))
        if uneven > 0:
            if uneven > explained / 2 * np.abs(matrix).max():
                raise ValueError("the matrix is not symmetric")
            matrix = frozen(matrix / 2 + matrix.T / 2)
        object.__setattr__(self, "matrix", matrix)
        lowest, highest = self._spectrum[0].min(initial=0.0), self._spectrum[0].max(initial=0.0)
        if lowest < -explained * np.sqrt(shape[0]) * highest or highest < 0:
            raise ValueError(f"the matrix is not positive semi-definite: it has the eigenvalue {lowest:g}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Full) and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.matrix.tobytes())

    def __repr__(self) -> str:
        return f"Full({len(self.matrix)} x {len(self.matrix)}, eigenvalues {_range(self.variances)})"

    @cached_property
    def _spectrum(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.matrix / 2 + self.matrix.T / 2)
        return frozen(values), frozen(vectors)

    def flat_directions(self, dimension: int) -> int:
        """Number of eigenvalues that are zero up to rounding."""
        values = self._spectrum[0]
        return int((values <= len(values) * self.rounding * values.max(initial=0.0)).sum())

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

    def to_json(self) -> Fields:
        """`{"full": [[...], ...]}`."""
        return {"full": self.matrix.tolist()}

    def parts(self) -> tuple[Array, Array | None]:
        """No diagonal; the factors are a square root of the matrix."""
        return np.zeros(()), self._spectrum[1] * np.sqrt(self.variances)

    @property
    def dense(self) -> Array:
        """The matrix."""
        return self.matrix

    def square_root(self, dimension: int, noise: float) -> Array:
        """A square root of the noised covariance: eigenvectors as rows, each times the root of its variance.

        Parameters
        ----------
        dimension : int
            d ≥ 1.
        noise : float
            σ² ≥ 0.

        Returns
        -------
        array, shape (d, d)
        """
        return np.sqrt(self.variances + noise)[:, None] * self._spectrum[1].T

    @property
    def frame(self) -> Frame:
        """Eigenvalues and eigenvectors."""
        return Frame(self.variances, self._spectrum[1], None)


@dataclass(frozen=True, eq=False)
class LowRank(Covariance):
    """The covariance `D + UUᵀ`: a diagonal and r further directions, for thousands of dimensions.

    Parameters
    ----------
    diagonal : float or array_like, shape (d,)
        D: one variance for all coordinates or one for each, ≥ 0.
    factors : array_like, shape (d, r)
        U.

    Raises
    ------
    ValueError
        Another shape, a negative variance, or a number that is not finite.
    """

    diagonal: Array
    factors: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "diagonal", real_numbers(self.diagonal, "diagonal"))
        object.__setattr__(self, "factors", real_numbers(self.factors, "factors", finite=False))
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

    def __repr__(self) -> str:
        return f"LowRank({_range(self.diagonal)} + {' x '.join(map(str, self.factors.shape))} factors)"

    def flat_directions(self, dimension: int) -> int:
        """Directions of zero diagonal that the factors do not span."""
        flat = np.flatnonzero(np.broadcast_to(self.diagonal, dimension) == 0)
        return flat.size - int(np.linalg.matrix_rank(self.factors[flat])) if flat.size else 0

    @property
    def kind(self) -> str:
        """`low_rank`."""
        return "low_rank"

    @property
    def has_spectrum(self) -> bool:
        """True up to 4096 dimensions, and beyond if D is a multiple of the identity."""
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
                f"cannot be computed (at most {_DENSE_LIMIT}); curves do not need them"
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
        """One row of factors for each dimension."""
        if self.factors.shape[0] != dimension:
            raise ValueError(f"{self.factors.shape[0]} rows of factors for {dimension} dimensions")

    def to_json(self) -> Fields:
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

    def colorize(self, normals: Array, noise: float) -> Array:
        """Draws of `N(0, Σ + νI)` from standard normals (…, d): `B^{1/2} (I + VVᵀ)^{1/2}` of them."""
        root, axes, lengths2 = self._decomposed(noise)
        along = normals @ axes
        return (normals + (along * (np.sqrt(1 + lengths2) - 1)) @ axes.T) * root

    def solve(self, vectors: Array, noise: float) -> Array:
        """`(Σ + νI)^{−1}v` for vectors (…, d)."""
        return self._shrunk(vectors, noise, 1.0) / np.sqrt(self.diagonal + noise)

    def log_det(self, dimension: int, noise: float) -> float:
        """`log det B + Σ log(1 + s²)`."""
        root, _, lengths2 = self._decomposed(noise)
        return float(2 * np.log(np.broadcast_to(root, dimension)).sum() + np.log1p(lengths2).sum())

    def _shrunk(self, vectors: Array, noise: float, power: float) -> Array:
        """`(y − QQᵀy) + Q (1 + s²)^{−power} Qᵀy` with `y = B^{−1/2}v`."""
        root, axes, lengths2 = self._decomposed(noise)
        y = vectors / root
        along = y @ axes
        return y + (along * ((1 + lengths2) ** -power - 1)) @ axes.T

    def _decomposed(self, noise: float) -> tuple[Array, Array, Array]:
        """`B^{1/2}`, and the left singular vectors of `B^{−1/2}U` with the squares of its singular values."""
        root = np.sqrt(self.diagonal + noise)
        if not root.all():
            raise ValueError(
                "covariances: D + σ²I of a low-rank covariance has a zero on its diagonal; raise sigma or D"
            )
        scaled = self.factors / (root[:, None] if root.ndim else root)
        axes, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
        return root, axes, lengths**2


def _explained(rounding: float) -> float:
    """Relative asymmetry that rounding explains: of double precision, or of sums in single, then rounded."""
    return _ROUNDING if rounding < _SUMS / 64 else _SUMS + 2 * rounding


def _range(values: Array) -> str:
    low, high = f"{values.min(initial=np.inf):.6g}", f"{values.max(initial=-np.inf):.6g}"
    return low if low == high else f"{low} to {high}"
