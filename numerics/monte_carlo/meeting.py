"""Where two Gaussian classes meet: for each pair a Gaussian near its Chernoff tilt, to draw from.

With `S_k = Σ_k + σ²I`, `Δ = m_j − m_k` and `ρ(s) = ∫ f_j^s f_k^{1−s}` the densities of two classes have a
geometric mean

    f_j^s f_k^{1−s} = ρ(s) N(μ, P^{−1}),   P = s S_j^{−1} + (1−s) S_k^{−1},   P(μ − m_k) = s S_j^{−1} Δ,
    log ρ(s) = ½[(1−s) log det S_j + s log det S_k − log det M − s(1−s) ΔᵀM^{−1}Δ],   M = (1−s)S_j + sS_k,

The pair's share of an entropy is carried by draws whose log-odds are about zero, and under that Gaussian they
are zero on average where `w_j^s w_k^{1−s} ρ(s)` is least: at the Chernoff tilt. The tilt taken here is T24's
saddle point, at which that times `π/(s(1−s) sin πs)` is least: never 0 or 1.

Diagonal covariances are mixed entry by entry and low-rank ones through their factors, at a cost that grows as
d; of matrices with axes of their own each pair and level needs a root of d by d.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int, Int32
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import interp1d

from ...theory._support.values import ByContent
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.posterior import Classes, mixing

__all__ = ["HOW", "PAIRWISE_LIMIT", "Meetings", "Search", "largest_share", "meetings", "search_seconds"]

Array: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int32]
Pairs: TypeAlias = NDArray[np.intp]
Exponent: TypeAlias = Callable[[Array], Array]

PAIRWISE_LIMIT = 256
"""Largest number of classes for which something is kept for every pair of them."""

_GOLDEN = (5**0.5 - 1) / 2
_FARTHEST = 14.0  # logit of the tilt
_SEARCHES = 16  # golden sections, after which the tilt is known to about a hundredth of itself
_GRAM_LIMIT = 1e8  # squares of factors, in widths, up to which products of them keep eight digits
_WIDE = 1e-6  # precision of a direction, relative to the diagonal's, that subtraction leaves ten digits of
_ENTRIES = 2**20  # numbers of one temporary array
_MOST = 2**25  # numbers that all levels keep together
_MOST_WORK = 2e10  # multiplications before the first draw, a minute or two of a processor
_LITTLE_WORK = 1e9  # up to which the tilts of every level are searched
_APART = 6  # levels from one search to the next
HOW = repr((_SEARCHES, _FARTHEST, _APART, _LITTLE_WORK))
"""What tilts and overlaps depend on besides mixture and levels, so that other ones are not gone on from."""
_PIECE = 3e7  # multiplications, a few tenths of a second's, after which what was found may be kept


@dataclass(frozen=True, eq=False)
class Meetings(ByContent):
    """Gaussians of the pairs that are kept, C at each of L levels.

    `first`, `second` (L, C) name the classes j and k, `tilts` (L, C) holds s, and `log_overlaps` (L, C) the
    logarithm of `w_j^s w_k^{1−s} ρ(s)`. `missed` (L,) bounds what pairs left out add to an entropy, and
    `forms` is what a draw takes besides the classes: `centres` with `roots`, or with `turns` and `growths`.
    """

    first: Int32[Places, "levels C"]
    second: Int32[Places, "levels C"]
    tilts: Float64[Array, "levels C"]
    log_overlaps: Float64[Array, "levels C"]
    missed: Float64[Array, " levels"]
    forms: dict[str, Array]


@runtime_checkable
class Search(Protocol):
    """What keeps tilts and overlaps while they are being found, so that an interrupted search goes on."""

    def table(self, name: str, shape: tuple[int, int]) -> Array:
        """The table of this name to be filled, NaN where nothing was found before."""
        ...

    def note(self) -> None:
        """The tables hold more than before."""
        ...

    def write(self) -> None:
        """The search is interrupted."""
        ...


class _Unkept:
    """A search that nobody goes on with."""

    def table(self, name: str, shape: tuple[int, int]) -> Array:
        """An empty table."""
        del name
        return np.full(shape, np.nan)

    def note(self) -> None:
        """Nothing is kept."""

    def write(self) -> None:
        """Nothing is kept."""


def meetings(
    mixture: GaussianMixture,
    classes: Classes,
    sigma: Float64[Array, " levels"],
    groups: Float64[Array, "G K"] | None,
    limit: int,
    *,
    search: Search | None = None,
    levels: int | None = None,
) -> Meetings:
    """The pairs of classes in different groups at each σ (levels,).

    There is none for more than `limit` classes, or where factorisations take too long; where their roots take
    too much memory, those with the largest overlaps. `classes` are the mixture's, in any frame of the means.
    `search` keeps what is found; σ are some of `levels`, for which there must be time and memory.
    """
    levels = sigma.size if levels is None else levels
    first, second = _pairs(mixture, classes, groups, limit, levels)
    dimension, rank = mixture.dimension, 0 if classes.factors is None else classes.factors.shape[2]
    size = dimension * (dimension + 1) if classes.axes is not None else 4 * rank**2 + dimension if rank else 0
    most = first.size if size == 0 else min(first.size, _MOST // (size * levels))
    every = _overlaps(mixture, classes, sigma, first, second, search or _Unkept())
    found = [
        _at_level(mixture, classes, float(level), first, second, most, *tilted)
        for level, *tilted in zip(sigma, *every, strict=True)
    ]
    places, tilts, overlaps, missed, forms = zip(*found, strict=True)
    kept = np.stack(places)
    return Meetings(
        first[kept].astype(np.int32),
        second[kept].astype(np.int32),
        np.stack(tilts),
        np.stack(overlaps),
        np.array(missed),
        {name: np.stack([form[name] for form in forms]) for name in forms[0]},
    )


def largest_share(tilts: Float64[Array, "*pairs"]) -> Float64[Array | np.float64, "*pairs"]:
    """Bound of a posterior's entropy over `p_j^s p_k^{1−s}`, any log-odds: `2 log 2 + 1/(e min(s, 1−s))`."""
    return 2 * np.log(2) + np.exp(-1) / np.minimum(tilts, 1 - tilts)


def search_seconds(
    mixture: GaussianMixture, classes: Classes, sigma: Array, groups: Array | None, limit: int
) -> float:
    """How long the tilts and overlaps of all pairs and levels take to be found, from some of one level."""
    first, second = _pairs(mixture, classes, groups, limit, sigma.size)
    if not first.size:
        return 0.0
    some = slice(0, next(_parts(first.size, _each(classes), _PIECE)).stop)
    began = perf_counter()
    _overlaps(mixture, classes, sigma[:1], first[some], second[some], _Unkept())
    searched = _searched_levels(classes, sigma, first.size).size
    whole = _work(classes, first.size, sigma.size, searched)
    return (perf_counter() - began) * whole / _work(classes, first[some].size, 1, 1)


def _pairs(
    mixture: GaussianMixture, classes: Classes, groups: Array | None, limit: int, levels: int
) -> tuple[Pairs, Pairs]:
    """Places of the classes of each pair; of none where it would take too long."""
    first, second = np.triu_indices(mixture.classes if mixture.classes <= limit else 0, 1)
    if groups is not None:
        apart = groups.argmax(axis=0)
        first, second = (places[apart[first] != apart[second]] for places in (first, second))
    searched = _searched_levels(classes, np.arange(1.0, levels + 1), first.size).size
    if _work(classes, first.size, levels, searched) > _MOST_WORK:
        first, second = first[:0], second[:0]
    return first, second


def _work(classes: Classes, pairs: int, levels: int, searched: int) -> float:
    """Multiplications of the overlaps at the levels and of the searches at some, or of the factorisations."""
    dimension, evaluations = classes.means.shape[1], pairs * (levels + _SEARCHES * searched)
    if classes.axes is not None:
        return 0.5 * dimension**3 * pairs * levels + 10.0 * dimension * evaluations
    rank = 0 if classes.factors is None else classes.factors.shape[2]
    return dimension * (10.0 + (2.0 * rank) ** 2) * evaluations


def _each(classes: Classes) -> float:
    """Multiplications of the search for one tilt."""
    return _work(classes, 1, 1, 1)


def _searched_levels(classes: Classes, sigma: Float64[Array, " levels"], pairs: int) -> Array:
    """The levels at which tilts are searched: all of them, or of much work every few, and the last."""
    levels = np.unique(sigma)
    if classes.axes is not None or _work(classes, pairs, sigma.size, sigma.size) <= _LITTLE_WORK:
        return levels
    return levels[np.unique(np.r_[0 : levels.size : _APART, levels.size - 1])]


def _overlaps(
    mixture: GaussianMixture,
    classes: Classes,
    sigma: Float64[Array, " levels"],
    first: Int[Pairs, " pairs"],
    second: Int[Pairs, " pairs"],
    search: Search,
) -> tuple[Array, Array]:
    """Tilts and log-overlaps (levels, pairs); tilts between searched levels are interpolated in log σ.

    A tilt that is a little off costs variance only: its overlap is that of the tilt that is drawn from.
    """
    pairs, shape = _Pairs(mixture, classes, first, second), (sigma.size, first.size)
    tilts, overlaps = search.table("tilts", shape), search.table("overlaps", shape)
    searched = _searched_levels(classes, sigma, first.size)
    few = searched.size < np.unique(sigma).size
    if few:
        logits = search.table("logits", (searched.size, first.size))
        for row, level in zip(logits, searched, strict=True):
            for part, exponent in pairs.pieces(float(level), row):
                row[part] = special.logit(pairs.tilt(exponent, part))
                search.note()
        tilts[:] = special.expit(interp1d(np.log(searched), logits, axis=0)(np.log(sigma)))
    for own, row, level in zip(tilts, overlaps, sigma, strict=True):
        for part, exponent in pairs.pieces(float(level), row):
            if not few:
                own[part] = pairs.tilt(exponent, part)
            row[part] = pairs.weighted(own[part], part) + exponent(own[part])
            search.note()
    return tilts, overlaps


class _Pairs(NamedTuple):
    """Pairs of a mixture's classes, a piece of them at a time."""

    mixture: GaussianMixture
    classes: Classes
    first: Int[Pairs, " pairs"]
    second: Int[Pairs, " pairs"]

    def pieces(self, sigma: float, known: Array) -> Iterator[tuple[slice, Exponent]]:
        """A few tenths of a second's work at once of what is not known, and its `log ρ(s)`."""
        at = None
        for part in _parts(self.first.size, _each(self.classes), _PIECE):
            if np.isnan(known[part]).any():
                at = at or _pairs_of(self.mixture, self.classes, sigma)
                yield part, at(self.first[part], self.second[part])

    def weighted(self, s: Array, part: slice) -> Array:
        """`log w_j^s w_k^{1−s}`."""
        log_weights = self.classes.log_weights
        return s * log_weights[self.first[part]] + (1 - s) * log_weights[self.second[part]]

    def tilt(self, exponent: Exponent, part: slice) -> Array:
        """T24's saddle points."""
        return _least(lambda s: self.weighted(s, part) + exponent(s) + _kernel(s))


def _at_level(
    mixture: GaussianMixture,
    classes: Classes,
    sigma: float,
    first: Int[Pairs, " pairs"],
    second: Int[Pairs, " pairs"],
    most: int,
    tilts: Array,
    overlaps: Array,
) -> tuple[Pairs, Array, Array, float, dict[str, Array]]:
    """Places of the pairs kept, their tilts and log-overlaps, a bound of the others, and what draws take."""
    order = np.argsort(-overlaps, kind="stable")
    kept = np.sort(order[:most])
    out = order[most:]
    missed = float((np.exp(overlaps[out]) * largest_share(tilts[out])).sum())
    tilts, overlaps = tilts[kept], overlaps[kept]
    forms = _forms(mixture, classes, sigma, first[kept], second[kept], tilts)
    return kept, tilts, overlaps, missed, forms


def _kernel(s: Float64[Array, " pairs"]) -> Float64[Array, " pairs"]:
    """`−log(s(1−s) sin πs)`, the rest of T24's integrand."""
    small = np.minimum(s, 1 - s)
    return -np.log(small) - np.log1p(-small) - np.log(np.sin(np.pi * small))


def _least(values: Callable[[Array], Array]) -> Array:
    """The s in (0, 1) of each pair at which a convex function is least, by golden sections of its logit."""
    size = values(np.full(1, 0.5)).size
    low, high = np.full(size, -_FARTHEST), np.full(size, _FARTHEST)

    def at(logits: Array) -> Array:
        return values(1 / (1 + np.exp(-logits)))

    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    heights = [at(inner[0]), at(inner[1])]
    for _ in range(_SEARCHES):
        left = heights[0] < heights[1]
        low, high = np.where(left, low, inner[0]), np.where(left, inner[1], high)
        new = np.where(left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        height = at(new)
        inner = [np.where(left, new, inner[1]), np.where(left, inner[0], new)]
        heights = [np.where(left, height, heights[1]), np.where(left, heights[0], height)]
    return 1 / (1 + np.exp(-(low + high) / 2))


def _pairs_of(mixture: GaussianMixture, classes: Classes, sigma: float) -> Callable[[Pairs, Pairs], Exponent]:
    """`log ρ(s)` as a function of s, for any pairs."""
    if classes.axes is not None:
        return _of_matrices(mixture, classes, sigma)
    if classes.factors is not None:
        return _of_factors(classes, sigma)
    width = classes.variances.shape[1]
    count = classes.means.shape[1] // width  # of coordinates that share a variance
    widths = np.broadcast_to(classes.variances + sigma**2, (len(classes.means), width))

    def of(first: Pairs, second: Pairs) -> Exponent:
        def at(s: Array) -> Array:
            found, tilts = np.empty(first.size), np.broadcast_to(s, first.shape)
            for part in _parts(first.size, width):
                j, k, own = first[part], second[part], tilts[part, None]
                gaps2 = (classes.means[j] - classes.means[k]) ** 2
                gaps2 = gaps2 if count == 1 else gaps2.sum(axis=1, keepdims=True)
                found[part] = _exponent(widths[j], widths[k], gaps2, own, count)
            return found

        return at

    return of


def _exponent(
    own: Float64[Array, "pairs d"],
    other: Float64[Array, "pairs d"],
    gaps2: Float64[Array, "pairs _"],
    s: Float64[Array, "pairs 1"],
    count: int = 1,
) -> Float64[Array, " pairs"]:
    """`log ρ(s)` of variances and squared differences of means on common axes, over the last one."""
    ratio = (own - other) / other
    logs = np.log1p(ratio)
    means = s * (1 - s) * gaps2 / (other * (1 + (1 - s) * ratio))
    return ((count * ((1 - s) * logs - np.log1p((1 - s) * ratio)) - means) / 2).sum(axis=-1)


def _of_matrices(
    mixture: GaussianMixture, classes: Classes, sigma: float
) -> Callable[[Pairs, Pairs], Exponent]:
    """By generalised eigenvalues of `(S_j, S_k)`, with the differences of the means on their axes."""
    dimension = mixture.dimension
    noise = sigma**2 * np.eye(dimension)
    matrices = np.stack(
        [mixture.covariance_of(k).matrix_in(dimension) + noise for k in range(mixture.classes)]
    )
    inverse_roots = np.linalg.inv(np.linalg.cholesky(matrices))

    def of(first: Pairs, second: Pairs) -> Exponent:
        ratios, gaps2 = np.empty((2, first.size, dimension))
        for part in _parts(first.size, dimension**2):
            j, k = first[part], second[part]
            root = inverse_roots[k]
            values, vectors = np.linalg.eigh(root @ matrices[j] @ np.swapaxes(root, 1, 2))
            gaps = root @ (classes.means[j] - classes.means[k])[..., None]
            ratios[part] = np.maximum(values, np.finfo(float).tiny)
            gaps2[part] = (np.swapaxes(vectors, 1, 2) @ gaps)[..., 0] ** 2
        one = np.ones_like(ratios)
        return lambda s: _exponent(ratios, one, gaps2, np.broadcast_to(s, first.shape)[:, None])

    return of


def _of_factors(classes: Classes, sigma: float) -> Callable[[Pairs, Pairs], Exponent]:
    """By determinants of the size of the factors: `M = B + VVᵀ` with `B` diagonal and V of rank 2r."""
    widths = np.broadcast_to(classes.variances + sigma**2, classes.means.shape)
    own = _inverted(widths, classes.factors, np.zeros_like(classes.means))[0]

    def of(first: Pairs, second: Pairs) -> Exponent:
        def at(s: Array) -> Array:
            found, tilts = np.empty(first.size), np.broadcast_to(s, first.shape)
            for part in _parts(first.size, 2 * classes.factors[0].size):
                j, k, t = first[part], second[part], tilts[part]
                width = (1 - t[:, None]) * widths[j] + t[:, None] * widths[k]
                shares = (np.sqrt(1 - t)[:, None, None], np.sqrt(t)[:, None, None])
                sides = ((shares[0], j), (shares[1], k))
                both = np.concatenate([share * classes.factors[c] for share, c in sides], axis=2)
                log_det, square = _inverted(width, both, classes.means[j] - classes.means[k])
                found[part] = ((1 - t) * own[j] + t * own[k] - log_det - t * (1 - t) * square) / 2
            return found

        return at

    return of


def _parts(size: int, each: float, most: float = _ENTRIES) -> Iterator[slice]:
    """Slices of pairs, of which each takes `each` numbers or multiplications, and together at most `most`."""
    rows = max(1, int(most / each))
    return (slice(start, min(start + rows, size)) for start in range(0, size, rows))


def _inverted(
    width: Float64[Array, "pairs d"], factors: Float64[Array, "pairs d r"], gap: Float64[Array, "pairs d"]
) -> tuple[Float64[Array, " pairs"], Float64[Array, " pairs"]]:
    """`log det M` and `gapᵀM^{−1}gap` (pairs,) of `M = B + UUᵀ`, B diagonal: (pairs, d) and (pairs, d, r).

    `I + AᵀA` of `A = B^{−1/2}U` is quick. With parallel columns it rounds to a singular one at |A|² = 10¹⁶.
    """
    scaled, white = factors / np.sqrt(width)[..., None], gap / np.sqrt(width)
    inner = np.swapaxes(scaled, 1, 2) @ scaled
    quick = np.trace(inner, axis1=1, axis2=2) < _GRAM_LIMIT
    log_det, square = np.log(width).sum(axis=1), np.empty(len(width))
    if quick.any():
        inner = inner[quick] + np.eye(inner.shape[-1])
        along = np.swapaxes(scaled[quick], 1, 2) @ white[quick, :, None]
        within = (along * np.linalg.solve(inner, along)).sum(axis=(1, 2))
        square[quick] = (white[quick] ** 2).sum(axis=1) - within
        log_det[quick] += np.linalg.slogdet(inner)[1]
    if not quick.all():
        axes, lengths, _ = np.linalg.svd(scaled[~quick], full_matrices=False)
        along = np.swapaxes(axes, 1, 2) @ white[~quick, :, None]
        outside = ((white[~quick] - (axes @ along)[..., 0]) ** 2).sum(axis=1)
        square[~quick] = outside + (along[..., 0] ** 2 / (1 + lengths**2)).sum(axis=1)
        log_det[~quick] += np.log1p(lengths**2).sum(axis=1)
    return log_det, square


def _forms(
    mixture: GaussianMixture,
    classes: Classes,
    sigma: float,
    first: Int[Pairs, " C"],
    second: Int[Pairs, " C"],
    tilts: Float64[Array, " C"],
) -> dict[str, Array]:
    """What a draw from each pair's Gaussian takes, besides the diagonals."""
    if classes.axes is not None:
        return _roots(mixture, classes, sigma, first, second, tilts)
    if classes.factors is not None:
        return _turns(classes, sigma, first, second, tilts)
    return {}


def _roots(
    mixture: GaussianMixture,
    classes: Classes,
    sigma: float,
    first: Int[Pairs, " C"],
    second: Int[Pairs, " C"],
    tilts: Float64[Array, " C"],
) -> dict[str, Array]:
    """`centres` μ (C, d) and `roots` R (C, d, d) with `RRᵀ = P^{−1}`; of Cholesky, hence smooth in σ."""
    dimension = mixture.dimension
    sigma2 = sigma**2
    centres, roots = np.empty((first.size, dimension)), np.empty((first.size, dimension, dimension))
    if not first.size:
        return {"centres": centres, "roots": roots}
    eye = np.eye(dimension)
    solved = np.stack([mixture.covariance_of(k).solve(eye, sigma2) for k in range(mixture.classes)])
    for part in _parts(first.size, dimension**2):
        j, k, s = first[part], second[part], tilts[part, None, None]
        precision = s * solved[j] + (1 - s) * solved[k]
        inverse = np.linalg.inv(np.linalg.cholesky((precision + np.swapaxes(precision, 1, 2)) / 2))
        roots[part] = np.swapaxes(inverse, 1, 2)
        pull = s * (solved[j] @ (classes.means[j] - classes.means[k])[..., None])
        centres[part] = classes.means[k] + (roots[part] @ (inverse @ pull))[..., 0]
    return {"centres": centres, "roots": roots}


def _turns(
    classes: Classes,
    sigma: float,
    first: Int[Pairs, " C"],
    second: Int[Pairs, " C"],
    tilts: Float64[Array, " C"],
) -> dict[str, Array]:
    """`centres` μ (C, d), `turns` G (C, 2r, 2r) and `growths` c (C, 2r) of low-rank covariances.

    With `Δ = s/B_j + (1−s)/B_k` and E the columns `√s Δ^{−1/2}B_j^{−1}U_j` and `√(1−s) Δ^{−1/2}B_k^{−1}U_k`,
    `P^{−1/2} = Δ^{−1/2} [I + V diag(c) Vᵀ]` and `V = E G` has orthonormal columns.
    """
    widths = np.broadcast_to(classes.variances + sigma**2, classes.means.shape)
    turned, shrink = mixing(classes, sigma)
    rank = classes.factors.shape[2]
    basis = _Bases(
        widths,
        turned * np.sqrt(1 - shrink)[:, None, :],
        (classes.factors / np.sqrt(widths)[..., None]) @ turned,
        shrink,
    )
    centres = np.empty((first.size, classes.means.shape[1]))
    turns, growths = np.zeros((first.size, 2 * rank, 2 * rank)), np.zeros((first.size, 2 * rank))
    for part in _parts(first.size, 2 * classes.factors[0].size):
        found = _turned(classes, basis, first[part], second[part], tilts[part])
        size = found[2].shape[1]
        centres[part], turns[part, :, :size], growths[part, :size] = found
    return {"centres": centres, "turns": turns, "growths": growths}


class _Bases(NamedTuple):
    """Of every class: `widths` B, `own` `M√(s²/(1+s²))`, `bases` `B^{−1/2}U M`, `shrink` `1/(1+s²)`.

    s are the singular values of `B^{−1/2}U`.
    """

    widths: Float64[Array, "K d"]
    own: Float64[Array, "K r r"]
    bases: Float64[Array, "K d r"]
    shrink: Float64[Array, "K r"]


def _turned(
    classes: Classes,
    basis: _Bases,
    first: Int[Pairs, " C"],
    second: Int[Pairs, " C"],
    tilts: Float64[Array, " C"],
) -> tuple[Float64[Array, "C d"], Float64[Array, "C _ s"], Float64[Array, "C s"]]:
    """Centres, turns and growths of some pairs at once."""
    sides = ((first, tilts[:, None]), (second, 1 - tilts[:, None]))
    root = np.sqrt(sum(t / basis.widths[c] for c, t in sides))
    columns = [
        (np.sqrt(t) / (root * basis.widths[c]))[..., None] * (classes.factors[c] @ basis.own[c])
        for c, t in sides
    ]
    axes, lengths, right = np.linalg.svd(np.concatenate(columns, axis=2), full_matrices=False)
    present = lengths > 1e-12
    left = 1 - np.minimum(lengths, 1 - 1e-15) ** 2
    scaled = np.where(present, 1 / np.where(present, lengths, 1), 0)[..., None] * right
    white = (classes.means[first] - classes.means[second]) / np.sqrt(basis.widths[first])
    wide = left < _WIDE
    far = np.zeros_like(left)
    for n in np.flatnonzero(wide.any(axis=1)):  # rare, and of as many directions as there are
        own = wide[n]
        both = [
            (
                basis.bases[c[n]],
                np.sqrt(basis.shrink[c[n]])[:, None],
                np.sqrt(t[n] / basis.widths[c[n]])[:, None] / root[n][:, None],
            )
            for c, t in sides
        ]
        turn, narrow, far[n, own] = _wide(both, axes[n][:, own], np.sqrt(tilts[n]) * white[n])
        axes[n][:, own], scaled[n, own] = axes[n][:, own] @ turn.T, turn @ scaled[n, own]
        left[n, own] = narrow**2
    rank, up = classes.factors.shape[2], np.swapaxes(scaled, 1, 2)
    turns = np.concatenate([basis.own[first] @ up[:, :rank], basis.own[second] @ up[:, rank:]], axis=1)
    growths = np.where(present, left**-0.5 - 1, 0)
    bases = basis.bases[first]
    along = (1 - basis.shrink[first])[..., None] * (np.swapaxes(bases, 1, 2) @ white[..., None])
    pulled = tilts[:, None] * (white - (bases @ along)[..., 0]) / np.sqrt(basis.widths[first]) / root
    seen = (np.swapaxes(axes, 1, 2) @ pulled[..., None])[..., 0]
    more = np.where(wide, far - seen, np.where(present, 1 / left - 1, 0) * seen)
    return classes.means[second] + (pulled + (axes @ more[..., None])[..., 0]) / root, turns, growths


def _wide(
    sides: Sequence[tuple[Array, Array, Array]], axes: Float64[Array, "d n"], white: Float64[Array, " d"]
) -> tuple[Float64[Array, "n n"], Float64[Array, " n"], Float64[Array, " n"]]:
    """The directions in which both classes are wide: their turn, the roots of their precisions, and centres.

    There `1 − |Vᵀx|²` cancels. `Δ^{−1/2}PΔ^{−1/2} = FᵀF`, F the rows `H_j A_j` over `H_k A_k` with
    `A² = s/(B_j Δ)` and `(1−s)/(B_k Δ)` and `S^{−1} = B^{−1/2}H²B^{−1/2}`, so that precisions are squares of
    F's singular values. `sides` are V, the root of `(1 + s²)^{−1}` and A of each class; `white` is
    `√s B_j^{−1/2}(m_j − m_k)`, of which the centre is the nearest that F reaches.
    """

    def shrunk(side: tuple[Array, Array, Array], vectors: Array) -> Array:
        basis, root, _ = side
        along = basis.T @ vectors
        return (vectors - basis @ along) + basis @ (root * along)

    rows = np.vstack([shrunk(side, side[2] * axes) for side in sides])
    heights, narrow, turn = np.linalg.svd(rows, full_matrices=False)
    pulled = shrunk(sides[0], white[:, None])[:, 0]
    return turn, narrow, heights[: len(white)].T @ pulled / narrow
