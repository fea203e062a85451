"""Samples with their classes, as callers hand them in: `X (n, …)` and `y (n,)`, or one chunk after another.

Labels become strings, in the order in which numbers or texts are sorted; `X` is flattened to (n, d).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers
from .._support.values import ByContent

__all__ = ["Chunks", "Samples", "chunked", "name_of", "rows_of", "samples_of", "sorted_classes"]

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Chunks: TypeAlias = Callable[[], Iterable[tuple[ArrayLike, ArrayLike]]]
"""Gives pairs (X, y) from the beginning each time that it is called."""

CHUNK_NUMBERS = 2**22
"""Numbers of `X` that are converted to double precision at once."""


@dataclass(frozen=True, eq=False)
class Samples(ByContent):
    """All samples at once: `rows` (n, d), and the class of each, `own` (n,), by its place in `labels`."""

    rows: Array
    own: Indices
    labels: tuple[str, ...]

    @property
    def counts(self) -> Indices:
        """Samples of each class, shape (K,)."""
        return np.bincount(self.own, minlength=len(self.labels))

    def chunks(self) -> Iterator[tuple[ArrayLike, ArrayLike]]:
        """All of them in one chunk, classes by their number."""
        yield self.rows, self.own

    def of(self, labels: Iterable[str]) -> "Samples":
        """Those of some of the classes, in the order given."""
        names = tuple(labels)
        places = [np.flatnonzero(self.own == self.labels.index(name)) for name in names]
        own = np.repeat(np.arange(len(names)), [place.size for place in places])
        return Samples(self.rows[np.concatenate(places)], own, names)

    def redrawn(self, generator: np.random.Generator) -> "Samples":
        """As many of each class, drawn from them with replacement."""
        places = np.arange(len(self.own))
        for k in range(len(self.labels)):
            members = np.flatnonzero(self.own == k)
            places[members] = generator.choice(members, members.size)
        return Samples(self.rows[places], self.own, self.labels)


def samples_of(X: ArrayLike, y: ArrayLike) -> Samples:
    """`X` and `y` with their classes numbered; `ValueError` in one line for what they cannot be."""
    rows, marks = rows_of(X, y)
    keys = sorted_classes(set(marks))
    place = {key: k for k, key in enumerate(keys)}
    return Samples(rows, np.array([place[mark] for mark in marks], dtype=np.intp), _names(keys))


def rows_of(X: ArrayLike, y: ArrayLike, first: int = 0) -> tuple[Array, list[Any]]:
    """`X` flattened to (n, d), and the label of each row; `first` is the number of the first of them."""
    where = "X" if first == 0 else f"X, from sample {first} on"
    rows = real_numbers(X, where)
    if rows.ndim < 2 or rows.size == 0:
        more = "; use X[:, None] for one feature" if rows.ndim == 1 and rows.size else ""
        raise ValueError(f"X: need shape (samples, …) with at least one of each, not {rows.shape}{more}")
    marks = _marks(y)
    if len(marks) != len(rows):
        raise ValueError(f"y: need a label per sample ({len(rows)}), found {len(marks)}")
    return rows.reshape(len(rows), -1), marks


def chunked(X: Any, y: Any) -> Chunks:
    """Chunks of arrays that are large, so that not all of them are in double precision at once."""
    count = len(X)
    if len(y) != count:
        raise ValueError(f"y: need a label per sample ({count}), found {len(y)}")
    size = int(np.prod(np.shape(X)[1:], dtype=np.int64)) or 1
    step = max(1, CHUNK_NUMBERS // size)

    def chunks() -> Iterator[tuple[ArrayLike, ArrayLike]]:
        for start in range(0, count, step):
            yield X[start : start + step], y[start : start + step]

    return chunks


def sorted_classes(found: set[Any]) -> list[Any]:
    """Labels in their order; `ValueError` for numbers among texts."""
    try:
        return sorted(found)
    except TypeError:
        kinds = " and ".join(sorted({type(mark).__name__ for mark in found}))
        raise ValueError(
            f"y: labels of several kinds ({kinds}) have no order; pass texts, as list(map(str, y))"
        ) from None


def _names(keys: list[Any]) -> tuple[str, ...]:
    names = tuple(map(name_of, keys))
    if len(set(names)) < len(names):
        raise ValueError("y: two labels have the same text")
    return names


def name_of(mark: object) -> str:
    """A label as a mixture names it: 3 and 3.0 are "3"."""
    return f"{mark:.12g}" if isinstance(mark, float) else str(mark)


def _marks(y: ArrayLike) -> list[Any]:
    """Labels as Python's own values: texts, whole numbers, truth values, or finite numbers."""
    array = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if isinstance(y, np.ma.MaskedArray):
        masked = np.flatnonzero(np.ma.getmaskarray(cast(Any, y)))
        if masked.size:
            raise ValueError(f"y[{masked[0]}]: masked; leave out the samples whose label is")
    if array.dtype.kind == "S":
        raise ValueError("y: labels are bytes; decode them, as in np.char.decode(y)")
    if array.dtype.kind == "O":
        odd = next((i for i, mark in enumerate(array.flat) if not _is_mark(mark)), None)
        if odd is None:
            return _of_one_dimension(array.tolist(), array.ndim)
        if array.ndim == 1 and any(isinstance(mark, str) for mark in array):
            said = f"{array[odd]!r}, a {type(array[odd]).__name__}"
            raise ValueError(f"y[{odd}]: no label but {said}; leave out the samples without one")
    if array.dtype.kind in "UTbiu":
        return _of_one_dimension(array.tolist(), array.ndim)
    numbers = real_numbers(y, "y")
    return _of_one_dimension(numbers.tolist(), numbers.ndim)


def _is_mark(value: object) -> bool:
    return isinstance(value, (str, bool, int, np.integer)) or (isinstance(value, float) and isfinite(value))


def _of_one_dimension(marks: Any, dimensions: int) -> list[Any]:
    if dimensions != 1:
        raise ValueError(f"y: need one label per sample, not {dimensions} dimensions")
    return marks
