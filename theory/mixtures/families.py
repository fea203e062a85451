"""Families of mixtures with a few numbers each: two classes, orthogonal means, two choices, two scales."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .covariance import Isotropic
from .parts import Parts

__all__ = ["FAMILIES", "EqualClassesError", "binary", "hierarchy", "orthogonal", "scales"]

MEANS_LIMIT = 2 * 10**8
"""Largest number of entries in the means of a mixture built from a SPEC."""


class EqualClassesError(ValueError):
    """Parameters at which classes are one and the same, so that their entropy never falls."""


def binary(d: float, mu: float, s: float, w: float = 0.5) -> Parts:
    """Two classes at ±μ(1,…,1) in d dimensions with covariance s²I and weights (w, 1 − w)."""
    dimension = _whole("d", d, 1)
    _fits(2 * dimension)
    if not 0 < w < 1:
        raise ValueError(f"w: {w:g} does not lie strictly between 0 and 1")
    if mu == 0:
        raise EqualClassesError("mu: 0 gives both classes the same mean, so their entropy never falls")
    means = np.full((2, dimension), float(mu))
    means[1] *= -1
    return Parts([w, 1 - w], means, _variance(s), labels=("+", "-"))


def orthogonal(K: float, d: float, M: float, s: float) -> Parts:
    """K classes of equal weight with orthogonal means of squared length M and covariance s²I."""
    classes, dimension = _whole("K", K, 2), _whole("d", d, 1)
    if classes > dimension:
        raise ValueError(f"K: {classes} orthogonal means need at least as many dimensions, d = {dimension}")
    _fits(classes * dimension)
    means = np.zeros((classes, dimension))
    np.fill_diagonal(means, np.sqrt(_positive("M", M)))
    return Parts(np.full(classes, 1 / classes), means, _variance(s))


def hierarchy(d: float, A: float, B: float, s: float) -> Parts:
    """Four classes at ±a ± b, a ⟂ b, with |a|² = A, |b|² = B and covariance s²I.

    Level 1 of the tree, which is also the mixture's partition, is the sign of a; level 2 is the class.
    """
    dimension = _whole("d", d, 2)
    _fits(4 * dimension)
    upper, lower = np.sqrt(_positive("A", A)), np.sqrt(_positive("B", B))
    means = np.zeros((4, dimension))
    means[:, 0] = upper * np.array([1, 1, -1, -1])
    means[:, 1] = lower * np.array([1, -1, 1, -1])
    labels = ("+/+", "+/-", "-/+", "-/-")
    partition = {"+": ("+/+", "+/-"), "-": ("-/+", "-/-")}
    return Parts(np.full(4, 0.25), means, _variance(s), labels, partition)


def scales(d: float, lambda1: float, lambda2: float) -> Parts:
    """Two classes of equal weight and one mean, with covariances λ₁I and λ₂I."""
    dimension = _whole("d", d, 1)
    _fits(2 * dimension)
    for name, value in (("lambda1", lambda1), ("lambda2", lambda2)):
        if value < 0:
            raise ValueError(f"{name}: {value:g} is a negative variance")
    if lambda1 == lambda2:
        raise EqualClassesError("lambda1, lambda2: equal, so the entropy of the class never falls")
    covariances = [Isotropic(lambda1), Isotropic(lambda2)]
    return Parts([0.5, 0.5], np.zeros((2, dimension)), covariances)


Builder: TypeAlias = Callable[..., Parts]

FAMILIES: dict[str, tuple[Builder, tuple[str, ...], tuple[str, ...]]] = {
    "binary": (binary, ("d", "mu", "s"), ("w",)),
    "orthogonal": (orthogonal, ("K", "d", "M", "s"), ()),
    "hierarchy": (hierarchy, ("d", "A", "B", "s"), ()),
    "scales": (scales, ("d", "lambda1", "lambda2"), ()),
}
"""Families of the SPEC language: builder, required keys, optional keys."""


def _whole(name: str, value: float, least: int) -> int:
    if value != int(value) or value < least:
        raise ValueError(f"{name}: {value:g} is not a whole number of at least {least}")
    return int(value)


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"{name}: {value:g} is not positive")
    return value


def _variance(s: float) -> float:
    if s < 0:
        raise ValueError(f"s: {s:g} is negative")
    return s * s


def _fits(entries: int) -> None:
    if entries > MEANS_LIMIT:
        raise ValueError(f"d: the means would hold {entries:.3g} numbers; at most {MEANS_LIMIT:.3g} fit")
