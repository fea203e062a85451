"""What callers hand in as covariances, read the same whether it is a list, an array or a tensor.

    a number            s² I, shared             (d,)      one diagonal, shared
    (d, d)              one matrix, shared       (K,)      one variance a class
    (K, d, d)           one matrix a class       (K, d)    one diagonal a class

and a list of arrays or of `Covariance` objects is one per class (a list of a single object is shared). Where
K = d a form that can be two things is refused with both: K numbers, and a matrix without a zero or a negative
entry, which could be K rows of variances.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._support.real_numbers import with_rounding
from .covariance import Covariance, Diagonal, Full, Isotropic

__all__ = ["read_covariances"]

Array: TypeAlias = NDArray[np.float64]

_NAME = "covariances"


def read_covariances(given: object, classes: int, dimension: int) -> tuple[Covariance, ...]:
    """One covariance per class, or a single one that all classes share; `ValueError` in one line."""
    each = _one_by_one(given)
    if each is None:
        found = [given] if isinstance(given, Covariance) else _from_numbers(given, classes, dimension)
    else:
        found = [_one(item, f"{_NAME}[{k}]") for k, item in enumerate(each)]
        if len(found) != classes and not (len(found) == 1 and isinstance(each[0], Covariance)):
            raise ValueError(f"{_NAME}: need one per class ({classes}), found {len(found)}")
    for index, covariance in enumerate(found):
        try:
            covariance.check_dimension(dimension)
        except ValueError as error:
            raise ValueError(f"{_where(index, len(found))}: {error}") from None
    return tuple(found)


def _where(index: int, count: int) -> str:
    return f"{_NAME}[{index}]" if count > 1 else _NAME


def _one_by_one(given: object) -> Sequence[Any] | None:
    """The entries of a sequence that is one per class by its form alone, else `None`."""
    if isinstance(given, np.ndarray):
        array = cast(NDArray[Any], given)
        given = array.tolist() if array.dtype == object and array.ndim == 1 else array
    if not isinstance(given, (list, tuple)):
        return None
    items = list(cast(Sequence[Any], given))
    # arrays and tensors of every library have a dimension; lists and numbers have not
    if any(isinstance(item, Covariance) or getattr(item, "ndim", 0) > 0 for item in items):
        return items
    return items if len({_depth(item) for item in items}) > 1 else None


def _depth(item: object) -> int:
    depth = 0
    while isinstance(item, (list, tuple)) and item:
        depth, item = depth + 1, cast(Sequence[Any], item)[0]
    return depth


def _from_numbers(given: object, classes: int, dimension: int) -> list[Covariance]:
    """Covariances from an array or nested lists, by shape."""
    values, rounding = with_rounding(given, _NAME)
    square = classes == dimension
    if square and classes > 1 and values.shape == (classes,):
        raise ValueError(
            f"{_NAME}: {classes} numbers could be one per class or one shared diagonal; pass "
            "[Isotropic(v) for v in …] for a variance of each class, or Diagonal(…) for one of each dimension"
        )
    if values.ndim == 3 or (not square and values.shape in ((classes,), (classes, dimension))):
        if len(values) != classes:
            raise ValueError(f"{_NAME}: need one per class ({classes}), found {len(values)}")
        return [_of(item, rounding, f"{_NAME}[{k}]") for k, item in enumerate(values)]
    if square and classes > 1 and values.shape == (classes, dimension):
        return [_matrix_and_no_diagonals(values, rounding)]
    return [_of(values, rounding, _NAME)]


def _matrix_and_no_diagonals(values: Array, rounding: float) -> Covariance:
    """The matrix (d, d) that cannot be a row of variances for each of K = d classes."""
    both = (
        "could be one matrix that all classes share or a row of variances per class; pass Full(…) for "
        "the matrix, or [Diagonal(row) for row in …]"
    )
    try:
        found = _of(values, rounding, _NAME)
    except ValueError as error:
        raise ValueError(
            f"{error}" + ("" if (values < 0).any() else f"; shape {values.shape} {both}")
        ) from None
    if (values > 0).all():
        raise ValueError(f"{_NAME}: shape {values.shape} {both}")
    return found


def _one(item: Any, name: str) -> Covariance:
    if isinstance(item, Covariance):
        return item
    values, rounding = with_rounding(item, name)
    return _of(values, rounding, name)


def _of(values: Array, rounding: float, name: str) -> Covariance:
    """The covariance that a number, a vector or a matrix is."""
    if values.ndim > 2 or values.size == 0:
        raise ValueError(f"{name}: need a number, shape (d,) or (d, d), not {values.shape}")
    try:
        if values.ndim == 0:
            return Isotropic(float(values))
        return Diagonal(values) if values.ndim == 1 else Full(values, rounding)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
