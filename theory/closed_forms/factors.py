"""Mixtures whose class is a tuple of independent choices, each in a subspace of its own (T13, T15).

If `m_c = Σ_f μ_f(c_f)` with the μ_f in orthogonal subspaces, `Σ = s²I` and product weights, the posterior is
a product, so entropies add and clone agreements multiply. A factor whose points are all `√(2M)` apart is
T13's channel at `g = M/(s² + σ²)`.

Whether a mixture is such a product is asked in units of its *closest* points: a small choice hidden beside a
large one decides the small noise levels alone. What rounding of the large coordinates leaves open is no
product, and is sampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.values import ByContent
from ..channel.binary import binary_entropy, binary_mmse
from ..mixtures.mixture import GaussianMixture
from .orthogonal import orthogonal_curves

__all__ = ["Factor", "curves", "factors_of"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-12  # relative error of a distance or a weight that counts as none
_HIDDEN = 1e-10  # relative error of the smallest distance beyond which rounding hides what there is


@dataclass(frozen=True, eq=False)
class Factor(ByContent):
    """One choice: half the squared distance of its points, their probabilities, and each class's choice."""

    half_distance2: float
    weights: Array
    choices: NDArray[np.int64]

    def curves(self, g: Array) -> tuple[Array, Array]:
        """Entropy of the choice, and the chance that clones differ, at `g = half_distance2/(s² + σ²)`.

        Of two points they are the binary channel's.
        """
        if self.weights.size == 2:
            rarer = float(self.weights.min())
            return binary_entropy(g / 2, rarer), 0.5 * binary_mmse(g / 2, rarer)
        return orthogonal_curves(g, self.weights.size, weights=None if self.is_even else self.weights)

    @property
    def is_even(self) -> bool:
        """Whether all choices are equally likely."""
        return bool(np.ptp(self.weights) <= _ROUNDING / self.weights.size)


def factors_of(
    mixture: GaussianMixture, partition: Mapping[str, Sequence[str]] | None = None
) -> tuple[Factor, ...] | None:
    """The factors that decide the class, or the group of `partition`; `None` if there is no such product."""
    if mixture.classes < 2 or mixture.isotropic_variance is None:
        return None
    for choices in _coordinates(mixture):
        found = _split(mixture, choices)
        if found is not None:
            return found if partition is None else _deciding(found, mixture, partition)
    return None


def curves(factors: Sequence[Factor], variance: float, sigma: Array) -> Array:
    """Entropy, rate per unit OU time and agreement at each σ, shape (3, levels).

    `dg/dt = −2(1 + σ²) g²/M`, so the rate is `Σ_f (1 − φ_f)(1 + σ²) g_f²/M_f`.
    """
    entropy, rate, agreement = np.zeros_like(sigma), np.zeros_like(sigma), np.ones_like(sigma)
    for factor in factors:
        g = factor.half_distance2 / (variance + sigma**2)
        own, disagreement = factor.curves(g)
        entropy += own
        rate += disagreement * (1 + sigma**2) * g * (g / factor.half_distance2)
        agreement *= 1 - disagreement
    return np.stack([entropy, rate, agreement])


def _coordinates(mixture: GaussianMixture) -> list[NDArray[np.int64]]:
    """Ways to read classes as tuples, shape (factors, K): one choice, or the steps of paths."""
    readings = [np.arange(mixture.classes)[None]]
    paths = [label.split("/") for label in mixture.labels]
    if len({len(path) for path in paths}) == 1 and len(paths[0]) > 1:
        steps = [np.unique(step, return_inverse=True)[1] for step in zip(*paths, strict=True)]
        readings.append(np.array(steps))
    return readings


def _split(mixture: GaussianMixture, choices: NDArray[np.int64]) -> tuple[Factor, ...] | None:
    """Factors along `choices` (factors, K) if weights are products and centred means orthogonal sums."""
    sizes: NDArray[np.int64] = choices.max(axis=1) + 1
    if int(np.multiply.reduce(sizes)) != mixture.classes:
        return None
    members = [np.eye(size)[own] for size, own in zip(sizes, choices, strict=True)]  # (K, size) each
    weights = [mixture.weights @ member for member in members]
    expected = np.prod([w[own] for w, own in zip(weights, choices, strict=True)], axis=0)
    if not np.allclose(expected, mixture.weights, rtol=_ROUNDING, atol=0):
        return None
    centred = mixture.means - mixture.weights @ mixture.means
    points = [
        (member * mixture.weights[:, None] / w).T @ centred
        for member, w in zip(members, weights, strict=True)
    ]
    rest = centred - sum(member @ own for member, own in zip(members, points, strict=True))
    half_distances2 = _half_distances2(points, rest, mixture)
    if half_distances2 is None:
        return None
    return tuple(Factor(m, w, own) for m, w, own in zip(half_distances2, weights, choices, strict=True))


def _half_distances2(points: list[Array], rest: Array, mixture: GaussianMixture) -> list[float] | None:
    """Half the squared distance of each factor's points (size, d); `None` unless there is one for each.

    Points of a factor have to be equally distant, factors orthogonal, and nothing may be left over: `rest`
    (K, d) is what the sums of points miss of the means.
    """
    grams = [mixture.centred_gram] if len(points) == 1 else [own @ own.T for own in points]
    distances2: list[Array] = []
    for gram in grams:
        squares = np.diag(gram)
        distances2.append((squares[:, None] + squares - 2 * gram)[~np.eye(len(gram), dtype=bool)])
    lengths = np.sqrt([max(float(own.min()), 0.0) for own in distances2])
    if not lengths.min() > 0:
        return None
    rounding = 4 * float(np.finfo(np.float64).eps) * float(np.linalg.norm(mixture.means, axis=1).max())
    if rounding > _HIDDEN * lengths.min():
        return None
    tolerance = _ROUNDING + 2 * rounding / float(lengths.min())
    if float(np.linalg.norm(rest, axis=1).max()) > tolerance * float(lengths.min()):
        return None
    if any(np.ptp(own) > 2 * tolerance * own.max() for own in distances2):
        return None
    for (own, length), (other, far) in combinations(zip(points, lengths, strict=True), 2):
        if np.abs(own @ other.T).max() > tolerance * length * far:
            return None
    return [float(own.mean()) / 2 for own in distances2]


def _deciding(
    factors: tuple[Factor, ...], mixture: GaussianMixture, partition: Mapping[str, Sequence[str]]
) -> tuple[Factor, ...] | None:
    """The factors whose choices are the group, if the group is the tuple of some factors' choices."""
    group = np.empty(mixture.classes, dtype=np.int64)
    for index, members in enumerate(partition.values()):
        group[[mixture.labels.index(label) for label in members]] = index
    chosen: list[Factor] = []
    for factor in factors:
        rest = np.array([other.choices for other in factors if other is not factor]).reshape(-1, group.size)
        # within classes that differ in this choice alone the group is constant unless the factor decides
        _, where = np.unique(rest, axis=1, return_inverse=True) if len(rest) else (None, np.zeros_like(group))
        if any(np.ptp(group[np.ravel(where) == value]) > 0 for value in range(int(np.max(where)) + 1)):
            chosen.append(factor)
    tuples = {tuple(int(f.choices[k]) for f in chosen) for k in range(group.size)}
    pairs = {(int(group[k]), *(int(f.choices[k]) for f in chosen)) for k in range(group.size)}
    one_to_one = len(pairs) == len(tuples) == len(partition)
    return tuple(chosen) if one_to_one and chosen else None
