"""Mixtures whose class is a tuple of independent choices, each in a subspace of its own (T13, T15).

If `m_c = Σ_f μ_f(c_f)` with the μ_f in orthogonal subspaces, `Σ = s²I` and product weights, the posterior is
a product, so entropies add and clone agreements multiply. A factor whose points are all `√(2M)` apart is
T13's channel at `g = M/(s² + σ²)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .binary import binary_entropy, binary_mmse
from .covariance import Isotropic
from .mixture import GaussianMixture
from .orthogonal import orthogonal_disagreement, orthogonal_entropy

__all__ = ["Factor", "curves", "factors_of"]

Array: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-9  # relative error of inner products that counts as none


@dataclass(frozen=True, eq=False)
class Factor:
    """One choice: half the squared distance of its points, their probabilities, and each class's choice."""

    half_distance2: float
    weights: Array
    choices: NDArray[np.int64]

    def entropy(self, g: Array) -> Array:
        """Entropy of the choice at `g = half_distance2/(s² + σ²)`; of two points, the binary channel's."""
        if self.weights.size == 2:
            return binary_entropy(g / 2, float(self.weights.min()))
        return orthogonal_entropy(g, self.weights.size, weights=self._unequal)

    def disagreement(self, g: Array) -> Array:
        """Probability that two clones choose differently."""
        if self.weights.size == 2:
            return 0.5 * binary_mmse(g / 2, float(self.weights.min()))
        return orthogonal_disagreement(g, self.weights.size, weights=self._unequal)

    @property
    def _unequal(self) -> Array | None:
        return self.weights if np.ptp(self.weights) > 1e-12 else None


def factors_of(
    mixture: GaussianMixture, partition: Mapping[str, Sequence[str]] | None = None
) -> tuple[Factor, ...] | None:
    """The factors that decide the class, or the group of `partition`; `None` if there is no such product."""
    if mixture.classes < 2 or not isinstance(mixture.shared_covariance, Isotropic):
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
        disagreement = factor.disagreement(g)
        entropy += factor.entropy(g)
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
    gram = mixture.centred_gram
    size = float(np.diag(gram).max())
    projected = [
        (member * mixture.weights[:, None] / w).T for member, w in zip(members, weights, strict=True)
    ]
    total = np.zeros_like(gram)
    half_distances2: list[float] = []
    for index, (points, member) in enumerate(zip(projected, members, strict=True)):
        own = points @ gram @ points.T
        total += member @ own @ member.T
        crossed = any(np.abs(points @ gram @ other.T).max() > _ROUNDING * size for other in projected[:index])
        squares = np.diag(own)
        distances2 = (squares[:, None] + squares - 2 * own)[~np.eye(len(own), dtype=bool)]
        if crossed or np.ptp(distances2) > _ROUNDING * distances2.max() or distances2.min() <= 0:
            return None
        half_distances2.append(float(distances2.mean()) / 2)
    if np.abs(total - gram).max() > _ROUNDING * size:
        return None
    return tuple(Factor(m, w, own) for m, w, own in zip(half_distances2, weights, choices, strict=True))


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
