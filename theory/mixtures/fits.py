"""A mixture from samples with classes: class means, and one covariance within the classes or one for each.

    m_k = mean of class k,      Σ̂ = (1 − ρ) S + ρ μ I,      S = Σ (x_i − m_{y_i})(x_i − m_{y_i})ᵀ / n

The samples are read twice, for the means and for S, so that they may come in chunks from a disk. With a rank,
`S ≈ UUᵀ + D` (`scatter`), at a memory that grows as d.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.choices import one_of
from .covariance import Covariance, Isotropic
from .labelled_samples import (
    CHUNK_NUMBERS,
    Chunks,
    Samples,
    chunked,
    name_of,
    rows_of,
    samples_of,
    sorted_classes,
)
from .parts import Parts
from .scatter import WHOLE_LIMIT, Scatter, accumulator
from .shrinkage import checked_shrinkage, ledoit_wolf

__all__ = ["COVARIANCES", "Fit", "Kind", "empirical_parts", "fit_chunks", "fit_samples", "refit"]

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Kind: TypeAlias = Literal["shared", "each"]

COVARIANCES: tuple[Kind, ...] = get_args(Kind)
"""One covariance for all classes, or one for each."""

_MOST_NUMBERS = 3 * 2**27  # of all covariances together, 3 GB


@dataclass(frozen=True)
class Fit:
    """Parts of the mixture, samples of each class (K,), and the shrinkage of each covariance fitted."""

    parts: Parts
    counts: tuple[int, ...]
    shrinkage: tuple[float, ...]


@dataclass(frozen=True)
class _Means:
    """First pass: the labels, in order, how many samples each has, and where its mean is."""

    keys: list[Any]
    counts: Indices
    means: Array
    labels: tuple[str, ...]


def fit_samples(
    X: ArrayLike,
    y: ArrayLike,
    covariance: Kind = "shared",
    shrinkage: str | float | None = "ledoit-wolf",
    rank: int | None = None,
    weights: ArrayLike | None = None,
) -> Fit:
    """As `GaussianMixture.fit`."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) > 1 and np.prod(shape, dtype=float) > CHUNK_NUMBERS and hasattr(X, "__array__"):
        return fit_chunks(chunked(X, y), covariance, shrinkage, rank, weights)
    samples = samples_of(X, y)
    return fit_chunks(samples.chunks, covariance, shrinkage, rank, weights, names=samples.labels)


def refit(samples: Samples, covariance: Kind, shrinkage: Iterable[float], rank: int | None) -> Parts:
    """Parts from samples with numbered classes, at given intensities of shrinkage: one, or one a class."""
    means = _first_pass(samples.chunks, samples.labels)
    each = _second_pass(samples.chunks, means, covariance, rank)
    held = [_held(each, k) for k in range(len(each))]
    found = [scatter.shrunk(rho) for scatter, rho in zip(held, shrinkage, strict=True)]
    return Parts(means.counts / means.counts.sum(), means.means, found, means.labels)


def fit_chunks(
    chunks: Chunks,
    covariance: Kind = "shared",
    shrinkage: str | float | None = "ledoit-wolf",
    rank: int | None = None,
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> Fit:
    """Fit samples that come in chunks, each time anew: `chunks()` gives pairs (X, y).

    With `names` labels are numbers, from 0, of these. Arguments and errors of `GaussianMixture.fit`.

    References
    ----------
    LW04.
    """
    covariance = one_of(covariance, "covariance", COVARIANCES)
    asked = checked_shrinkage(shrinkage)
    means = _first_pass(chunks, names)
    classes, dimension = means.means.shape
    _check_sizes(means, covariance, rank)
    each = _second_pass(chunks, means, covariance, rank)
    found: list[Covariance] = []
    used: list[float] = []
    for k in range(len(each)):
        scatter = _held(each, k)
        where = f"class {means.labels[k]!r} of y" if len(each) > 1 else "X"
        _check_spread(scatter, where)
        rho = asked
        if rho is None:
            rho = ledoit_wolf(scatter.rows, dimension, scatter.trace, scatter.square, scatter.fourth)
        own = scatter.shrunk(rho)
        degrees = int(means.counts.sum()) - classes if len(each) == 1 else int(means.counts[k]) - 1
        _check_rank(own, scatter, rho, where, (degrees, dimension))
        found.append(own)
        used.append(float(rho))
    shares = means.counts / means.counts.sum() if weights is None else weights
    # a list of a single one is shared
    parts = Parts(shares, means.means, found, means.labels)
    return Fit(parts, tuple(map(int, means.counts)), tuple(used))


def empirical_parts(X: ArrayLike, y: ArrayLike, variance: float) -> Parts:
    """A component of this variance at each sample, and the partition by class.

    Components are named by class and number, `"3/0"`, `"3/1"`, ….
    """
    samples = samples_of(X, y)
    order = np.argsort(samples.own, kind="stable")
    partition = {
        name: [f"{name}/{number}" for number in range(int(count))]
        for name, count in zip(samples.labels, samples.counts, strict=True)
    }
    labels = [label for group in partition.values() for label in group]
    count = len(samples.own)
    return Parts(np.full(count, 1 / count), samples.rows[order], Isotropic(variance), labels, partition)


def _first_pass(chunks: Chunks, names: Sequence[str] | None = None) -> _Means:
    sums: dict[Any, Array] = {}
    counts: dict[Any, int] = {}
    for rows, marks in _read(chunks):
        for mark, members in _members(marks).items():
            total = rows[members].sum(axis=0)
            sums[mark] = sums[mark] + total if mark in sums else total
            counts[mark] = counts.get(mark, 0) + len(members)
    keys = sorted_classes(set(sums))
    labels = tuple(name_of(key) if names is None else names[int(key)] for key in keys)
    if len(set(labels)) < len(labels):
        raise ValueError("y: two labels have the same text")
    if not keys:
        raise ValueError("X: holds no sample")
    found = np.array([counts[key] for key in keys])
    return _Means(keys, found, np.stack([sums.pop(key) / counts[key] for key in keys]), labels)


def _second_pass(chunks: Chunks, means: _Means, covariance: Kind, rank: int | None) -> list[Any]:
    """Second moments about the class means: of all classes together, or of each."""
    count = 1 if covariance == "shared" else len(means.keys)
    held: list[Any] = [None] * count
    place = {key: k for k, key in enumerate(means.keys)}
    for rows, marks in _read(chunks):
        for mark, members in _members(marks).items():
            k = place[mark]
            index = k if count > 1 else 0
            if held[index] is None:
                held[index] = accumulator(rows.shape[1], rank, count)
            held[index].add(rows[members] - means.means[k])
    return held


def _held(each: list[Any], index: int) -> Scatter:
    """The result of one of them, whose memory is given back."""
    found: Scatter = each[index].result()
    each[index] = None
    return found


def _read(chunks: Chunks) -> Iterator[tuple[Array, list[Any]]]:
    first, dimension = 0, None
    for X, y in chunks():
        rows, marks = rows_of(X, y, first)
        if dimension not in (None, rows.shape[1]):
            raise ValueError(
                f"X: has {dimension} numbers a sample, and {rows.shape[1]} from sample {first} on"
            )
        first, dimension = first + len(rows), rows.shape[1]
        yield rows, marks


def _members(marks: list[Any]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for index, mark in enumerate(marks):
        found.setdefault(mark, []).append(index)
    return found


def _check_sizes(means: _Means, covariance: Kind, rank: int | None) -> None:
    """Refuse what cannot be fitted, before the second pass."""
    classes, dimension = means.means.shape
    whole = rank is None or (not isinstance(rank, bool) and float(rank).is_integer())
    if rank is not None and not (whole and 1 <= rank < dimension):
        raise ValueError(f"rank: must be a whole number from 1 to {dimension - 1}, not {rank!r}")
    if rank is None and dimension > WHOLE_LIMIT:
        raise ValueError(
            f"rank: {dimension} dimensions are too many for full matrices (at most {WHOLE_LIMIT}); give a "
            "rank, as 64: a diagonal plus that many directions"
        )
    lone = np.flatnonzero(means.counts < 2)
    if covariance == "each" and lone.size:
        raise ValueError(
            f"y: class {means.labels[lone[0]]!r} has one sample, which has no covariance of its own; choose "
            "covariance shared, or leave the class out"
        )
    if lone.size == classes:
        raise ValueError("y: every class has one sample, so there is no covariance within the classes")
    width = dimension if rank is None else 2 * rank + 110
    numbers = (classes if covariance == "each" else 1) * dimension * width
    if numbers > _MOST_NUMBERS:
        raise ValueError(
            f"covariance: {numbers:.2g} numbers for one of each class do not fit into memory; choose shared, "
            "or a lower rank"
        )


def _check_spread(scatter: Scatter, where: str) -> None:
    if not scatter.trace > 0:
        raise ValueError(f"{where}: no sample differs from the mean of its class, so there is no covariance")


def _check_rank(own: Covariance, scatter: Scatter, rho: float, where: str, sizes: tuple[int, int]) -> None:
    """Refuse a covariance without width in some direction; shrinkage gives it one."""
    if rho > 0:
        return
    degrees, dimension = sizes
    constant = int((scatter.diagonal == 0).sum())
    if constant:
        why = f"{constant} of {dimension} features are constant within classes"
    elif degrees < dimension and scatter.factors is None:
        why = f"{degrees} degrees of freedom leave no width in {dimension - degrees} directions"
    elif own.flat_directions(dimension):
        why = f"no width in {own.flat_directions(dimension)} of {dimension} directions"
    else:
        return
    raise ValueError(f"{where}: {why}; let shrinkage be ledoit-wolf, or a number above 0")
