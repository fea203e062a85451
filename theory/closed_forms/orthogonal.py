"""Classes with orthogonal means of equal length, any number of them, as one-dimensional integrals (T13).

With `|m_k|² = M`, orthogonal (or a simplex with the same distances `2M`), `g = M/(s² + σ²)` and weights w_k,
the log-posteriors given class c are `log w_k + g δ_kc + √g Z_k` up to a constant. With `G` a standard Gumbel
variable, density `b(u) = e^{u − e^u}`, and `ψ(v) = E exp(−e^{v + √g Z})`,

    H     = Σ_c w_c ∫ [1 − Π_{k≠c} ψ(x + log w_k)] ψ(x + log w_c + g) dx
    1 − φ = Σ_c w_c ∫ [1 − Π_{k≠c} ψ(x + log w_k)] (−ψ'(x + log w_c + g)) dx,      dH/dg = −½ (1 − φ).

Every factor is positive, so both keep relative precision however small they are. So do their ingredients,

    1 − ψ(x + s) = ∫ Φ((x − u)/√g) b(u + s) du,      ψ(x + s + g) = e^{−x−s−g/2} ∫ N(x − u; 0, g) b(u + s) du,

whose kernels are the same for every class: one matrix of them serves all weights, at a cost that grows as K.
Integrands are analytic in a strip, where the trapezoidal rule converges geometrically, on any lattice.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import special
from .._support.values import ByContent, freeze

__all__ = [
    "OrthogonalTable",
    "orthogonal_agreement",
    "orthogonal_curves",
    "orthogonal_disagreement",
    "orthogonal_entropy",
    "orthogonal_table",
]

Array: TypeAlias = NDArray[np.float64]

LARGEST_CLASSES = 1e24
_STEP = 0.25  # the strip of e^{u − e^u} has half width π/2: an error of exp(−π²/h) = 1e-17
_DROP = 38.0  # natural logarithm of the relative size of what is left out
_VANISHED = 800.0  # e^{−745} is the least positive double
_FAR = 30.0  # where e^{−e^u} has long vanished
_NARROW = 0.13  # g below which the Gaussian is narrower than the step, and has nodes of its own


def orthogonal_entropy(g: ArrayLike, classes: ArrayLike = 2, *, weights: ArrayLike | None = None) -> Array:
    """Class-conditional entropy `H(C|X)` of classes with orthogonal means, in nats.

    `H_K(g) = ∫ [1 − ψ(v)^{K−1}] ψ(v + g) dv`, `ψ(v) = E exp(−e^{v + √g Z})`; the same as
    `∫ [e^{−e^v} − ψ(v+g) ψ(v)^{K−1}] dv − g`, without its cancellation.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, with M the squared length of the means (half their squared distance).
    classes : array_like, broadcast against `g`
        Number of classes K, from 2 to 1e24. `K = 2` is `binary_entropy(g/2)`.
    weights : array_like, shape (K,), optional
        Class probabilities, instead of K equal ones; positive, summing to 1.

    Returns
    -------
    float64 array of the broadcast shape. Relative error about 1e-13 wherever the value is a normal
    double (tested at 1e-8 and better), in about a millisecond a value.

    Raises
    ------
    ValueError
        `g` negative or not finite, `classes` outside [2, 1e24], weights that are not probabilities.

    References
    ----------
    T13.
    """
    return orthogonal_curves(g, classes, weights=weights)[0]


def orthogonal_disagreement(
    g: ArrayLike, classes: ArrayLike = 2, *, weights: ArrayLike | None = None
) -> Array:
    """Probability `1 − φ` that two clones of a noised sample end in different classes; `−2 dH/dg`.

    `1 − φ = E(1 − Σ_k p_k²) = ∫ [1 − ψ(v)^{K−1}] (−ψ'(v + g)) dv`.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, M the squared length of each mean.
    classes : array_like, broadcast against `g`
        K, from 2 to 1e24.
    weights : array_like, shape (K,), optional
        Class probabilities, instead of K equal ones; positive, summing to 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Precision as of `orthogonal_entropy`.

    Raises
    ------
    ValueError
        `g` negative or not finite, `classes` outside [2, 1e24], weights that are not probabilities.

    References
    ----------
    T4, T13.
    """
    return orthogonal_curves(g, classes, weights=weights)[1]


def orthogonal_curves(
    g: ArrayLike, classes: ArrayLike = 2, *, weights: ArrayLike | None = None
) -> tuple[Array, Array]:
    """`orthogonal_entropy` and `orthogonal_disagreement` in one pass; parameters and errors as there."""
    g_ = real_numbers(g, "g", finite=False)
    refuse_unless((g_ >= 0) & np.isfinite(g_), g_, "g", "must be a finite number >= 0")
    if weights is not None:
        kinds = _kinds_of(weights)
        found = [_integrals(float(value), kinds) for value in g_.ravel()]
    else:
        classes_ = real_numbers(classes, "classes", finite=False)
        _refuse_classes(classes_)
        g_, classes_ = np.broadcast_arrays(g_, classes_)
        found = [
            _integrals(float(value), _Kinds(np.array([-np.log(k)]), np.array([k])))
            for value, k in zip(g_.ravel(), classes_.ravel(), strict=True)
        ]
    entropy, disagreement = np.reshape(found, (-1, 2)).T
    return entropy.reshape(g_.shape)[()], disagreement.reshape(g_.shape)[()]


def orthogonal_agreement(g: ArrayLike, classes: ArrayLike = 2, *, weights: ArrayLike | None = None) -> Array:
    """Probability φ that two clones of a noised sample end in the same of K orthogonal classes.

    `1 − orthogonal_disagreement(g, classes)`.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, M the squared length of each mean.
    classes : array_like, broadcast against `g`
        K, from 2 to 1e24.
    weights : array_like, shape (K,), optional
        Class probabilities, instead of K equal ones; positive, summing to 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)

    Raises
    ------
    ValueError
        `g` negative or not finite, `classes` outside [2, 1e24], weights that are not probabilities.

    References
    ----------
    T4, T13.
    """
    return 1.0 - orthogonal_disagreement(g, classes, weights=weights)


@dataclass(frozen=True, eq=False)
class OrthogonalTable(ByContent):
    """Entropy and disagreement of equally likely classes, each of shape (numbers of classes, g)."""

    entropy: Array
    disagreement: Array

    def __post_init__(self) -> None:
        freeze(self)


def orthogonal_table(g: ArrayLike, classes: ArrayLike) -> OrthogonalTable:
    """`orthogonal_entropy` and `orthogonal_disagreement` for every pair of a g and a number of classes.

    ψ depends on g alone, so its integrals are done once for all numbers of classes: a thousandth of a
    second per g and a few microseconds per entry.

    Parameters
    ----------
    g : array_like, shape (n,)
        Values > 0.
    classes : array_like, shape (m,)
        Numbers of classes, from 2 to 1e24.

    Raises
    ------
    ValueError
        A `g` that is not finite and above 0, or `classes` outside [2, 1e24].

    References
    ----------
    T13.
    """
    g_, classes_ = (
        np.atleast_1d(real_numbers(values, name, finite=False))
        for values, name in ((g, "g"), (classes, "classes"))
    )
    for name, vector in (("g", g_), ("classes", classes_)):
        if vector.ndim != 1:
            raise ValueError(f"{name}: need a vector, not shape {vector.shape}")
    refuse_unless((g_ > 0) & np.isfinite(g_), g_, "g", "must be a finite number > 0")
    _refuse_classes(classes_)
    columns = [_column(float(value), classes_) for value in g_]
    entropy, disagreement = np.stack(columns, axis=2)
    return OrthogonalTable(entropy, np.minimum(disagreement, 1.0))


def _column(g: float, classes: Array) -> Array:
    """Entropy and disagreement (2, m) at one g, on a lattice that serves the fewest and the most classes."""
    rivals = np.log(classes - 1)
    if _vanishes(g, float(rivals.max())):
        return np.zeros((2, classes.size))
    (few, fine), (many, coarse) = _lattice(g, float(rivals.min())), _lattice(g, float(rivals.max()))
    step = min(fine, coarse)
    left, right = float(min(few[0], many[0])), float(max(few[-1], many[-1]))
    v: Array = step * np.arange(np.floor(left / step), np.ceil(right / step) + 1, dtype=np.float64)
    depth = _DROP + max(float(np.log(classes.max())), g / 8)
    alone = np.zeros(1)
    log_psi = np.log1p(-np.minimum(_one_minus_psi(v, alone, g, depth)[:, 0], 1 - 2.0**-53))
    weights = step * np.stack([part[:, 0] for part in _psi_at_own(v, alone, g, depth)])
    return weights @ -np.expm1(np.outer(log_psi, classes - 1))


@dataclass(frozen=True)
class _Kinds:
    """Classes grouped by weight: logarithms of the weights and how many classes have each."""

    log_weights: Array
    counts: Array

    @property
    def shares(self) -> Array:
        """Probability of each kind of class."""
        return self.counts * np.exp(self.log_weights)


def _vanishes(g: float, log_classes: float) -> bool:
    """Whether K² e^{−g/4}, which no curve exceeds but for factors of g, is below every double."""
    return g / 4 - 2 * log_classes > _VANISHED


def _refuse_classes(classes: Array) -> None:
    allowed = (classes >= 2) & (classes <= LARGEST_CLASSES)
    refuse_unless(allowed, classes, "classes", f"must lie between 2 and {LARGEST_CLASSES:g}")


def _kinds_of(weights: ArrayLike) -> _Kinds:
    weights_ = real_numbers(weights, "weights", finite=False)
    if weights_.ndim != 1 or weights_.size < 2 or not (weights_ > 0).all():
        raise ValueError("weights: need a vector of at least two positive numbers")
    if abs(weights_.sum() - 1) > 1e-8:
        raise ValueError(f"weights sum to {weights_.sum():.10g}, not 1")
    values, counts = np.unique(weights_ / weights_.sum(), return_counts=True)
    return _Kinds(np.log(values), counts.astype(np.float64))


def _integrals(g: float, kinds: _Kinds) -> tuple[float, float]:
    """Entropy and disagreement at one g: sums over the kinds of the true class."""
    if _vanishes(g, float(np.log(kinds.counts.sum()))):
        return 0.0, 0.0
    if g == 0:
        others = _sums_of_others(np.exp(kinds.log_weights)[None], kinds.counts)[0]
        return float(kinds.shares @ -kinds.log_weights), float(kinds.shares @ others)
    shifts = kinds.log_weights
    with np.errstate(divide="ignore"):
        rivals = np.log(np.maximum(_sums_of_others(np.exp(shifts)[None], kinds.counts)[0], 1e-300)) - shifts
    x, step = _common_lattice(g, rivals, shifts)
    depth = _DROP + max(float(rivals.max()), float(np.ptp(shifts)), g / 8)
    with np.errstate(divide="ignore"):
        log_psi = np.log1p(-np.minimum(_one_minus_psi(x, shifts, g, depth), 1.0))
    missed = -np.expm1(_sums_of_others(log_psi, kinds.counts))
    survival, density = _psi_at_own(x, shifts, g, depth)
    entropy = step * float(np.sum(missed * survival, axis=0) @ kinds.shares)
    disagreement = step * float(np.sum(missed * density, axis=0) @ kinds.shares)
    return entropy, min(disagreement, 1.0)  # a probability, but for rounding


def _sums_of_others(values: Array, counts: Array) -> Array:
    """`Σ_{k≠c} n_k v_k` for one class of each kind c, over the last axis; nothing is subtracted."""
    weighted = values * counts
    below = np.cumsum(weighted, axis=-1)
    above = np.cumsum(weighted[..., ::-1], axis=-1)[..., ::-1]
    own = np.zeros_like(weighted)
    np.multiply(values, counts - 1, out=own, where=counts > 1)
    own[..., 1:] += below[..., :-1]
    own[..., :-1] += above[..., 1:]
    return own


def _common_lattice(g: float, rivals: Array, shifts: Array) -> tuple[Array, float]:
    """One lattice of x on which the integrand of every kind of true class is not negligible."""
    ends = [(*_range(g, float(r)), float(s)) for r, s in zip(rivals, shifts, strict=True)]
    left, right = min(low - s for low, _, _, s in ends), max(high - s for _, high, _, s in ends)
    step = min(width for _, _, width, _ in ends)
    return step * np.arange(np.floor(left / step), np.ceil(right / step) + 1, dtype=np.float64), step


def _lattice(g: float, rivals: float) -> tuple[Array, float]:
    """The lattice of v for one kind of class."""
    left, right, step = _range(g, rivals)
    return step * np.arange(np.floor(left / step), np.ceil(right / step) + 1, dtype=np.float64), step


def _range(g: float, rivals: float) -> tuple[float, float, float]:
    """Where the integrand in v = x + log w is not negligible, and a step for it.

    It rises as `e^v` or as a Gaussian tail does, changes where the best rival catches up, and falls
    past `v = −g`. Beyond `g = 2 log K` it is a Gaussian of variance g/2 around −g/2.
    """
    root, rivals = float(np.sqrt(g)), max(rivals, 0.0)
    left = -g / 2 - max(45 + rivals, 9 * root)
    right = max(-g + 4.5 + 9 * root, -g / 2 + 9 * float(np.sqrt(g / 2)))
    step = _STEP
    if g > 1:
        # transitions widen as √(g/2 log K) once the rivals are the extremes of a Gaussian sample
        step = min(_STEP * max(1.0, root / float(np.sqrt(2 * max(rivals, 0.5)))), 0.4 * root)
    return left, right, step


def _one_minus_psi(x: Array, shifts: Array, g: float, depth: float) -> Array:
    """`1 − ψ(x + s)`, shape (x, shifts)."""
    if g < _NARROW:
        z, p = _normal_nodes()
        columns = [-np.expm1(-np.exp((x + s)[:, None] + np.sqrt(g) * z)) @ p for s in shifts]
        return np.stack(columns, axis=1)
    u = _gumbel_nodes(shifts, depth)
    return special.ndtr((x[:, None] - u) / np.sqrt(g)) @ (_STEP * _density(u[:, None] + shifts))


def _psi_at_own(x: Array, shifts: Array, g: float, depth: float) -> tuple[Array, Array]:
    """`ψ(x + s + g)` and `−ψ'(x + s + g)`, each of shape (x, shifts)."""
    if g < _NARROW:
        z, p = _normal_nodes()
        rates = [np.exp((x + s)[:, None] + g + np.sqrt(g) * z) for s in shifts]
        survivals = np.stack([np.exp(-rate) @ p for rate in rates], axis=1)
        return survivals, np.stack([(rate * np.exp(-rate)) @ p for rate in rates], axis=1)
    u = _gumbel_nodes(shifts, depth)
    kernel = np.exp((-x - g / 2)[:, None] - (x[:, None] - u) ** 2 / (2 * g)) / np.sqrt(2 * np.pi * g)
    far = np.minimum(u[:, None] + shifts, _FAR)
    # e^{−s} b(u + s), in one exponent: for a rare class the factors would leave the range of doubles
    own = _STEP * np.exp(u[:, None] - np.exp(far))
    return kernel @ own, kernel @ (own * np.exp(far))


def _gumbel_nodes(shifts: Array, depth: float) -> Array:
    """A lattice of u that holds the Gumbel density `b(u + s)` of every shift."""
    low, high = -depth - float(shifts.max()), 5 - float(shifts.min())
    return _STEP * np.arange(np.floor(low / _STEP), np.ceil(high / _STEP) + 1, dtype=np.float64)


def _density(u: Array) -> Array:
    """`b(u) = e^{u − e^u}`."""
    u = np.minimum(u, _FAR)
    return np.exp(u - np.exp(u))


def _normal_nodes() -> tuple[Array, Array]:
    z: Array = 0.7 * np.arange(-13, 14, dtype=np.float64)
    p: Array = np.exp(-z * z / 2)
    return z, p / p.sum()
