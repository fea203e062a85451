"""The SPEC language: a mixture in one line.

binary:d=,mu=,s=[,w=]        means ±μ(1,…,1), variance s², first weight w
orthogonal:K=,d=,M=,s=       K orthogonal means with |m_k|² = M, variance s²
hierarchy:d=,A=,B=,s=        means ±A ± B with |A|² = A, |B|² = B, A ⟂ B, variance s²
scales:d=,lambda1=,lambda2=  one mean, variances λ₁ and λ₂
digits:3,8                   classes of scikit-learn's handwritten digits, fitted
path.json, path.npz          a mixture file
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import mixture_files
from .covariance import Isotropic
from .mixture import GaussianMixture

__all__ = ["FAMILIES", "binary", "hierarchy", "orthogonal", "parse", "scales"]

Array: TypeAlias = NDArray[np.float64]

MEANS_LIMIT = 2 * 10**8
"""Largest number of entries in the means of a mixture built from a SPEC."""


def parse(spec: str) -> GaussianMixture:
    """Build the mixture that `spec` describes. Raises `ValueError` with one line."""
    if spec.endswith((".json", ".npz")):
        return mixture_files.read(Path(spec))
    family, colon, body = spec.partition(":")
    spec = spec if spec.isprintable() else repr(spec)
    if family == "digits" and colon:
        return _parse_digits(spec, body)
    if family not in FAMILIES or not colon:
        known = ", ".join([*FAMILIES, "digits"])
        raise ValueError(f"{spec}: not a mixture; start with one of {known}, or name a .json or .npz file")
    build, keys, optional = FAMILIES[family]
    try:
        return build(**_numbers(body, keys, optional))
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from None


def binary(d: float, mu: float, s: float, w: float = 0.5) -> GaussianMixture:
    """Two classes at ±μ(1,…,1) in d dimensions with covariance s²I and weights (w, 1 − w)."""
    dimension = _whole("d", d, 1)
    _fits(2 * dimension)
    if not 0 < w < 1:
        raise ValueError(f"w: {w:g} does not lie strictly between 0 and 1")
    if mu == 0:
        raise ValueError("mu: 0 gives both classes the same mean, so their entropy never falls")
    means = np.full((2, dimension), float(mu))
    means[1] *= -1
    return GaussianMixture([w, 1 - w], means, _variance(s), labels=("+", "-"))


def orthogonal(K: float, d: float, M: float, s: float) -> GaussianMixture:
    """K classes of equal weight with orthogonal means of squared length M and covariance s²I."""
    classes, dimension = _whole("K", K, 2), _whole("d", d, 1)
    if classes > dimension:
        raise ValueError(f"K: {classes} orthogonal means need at least as many dimensions, d = {dimension}")
    _fits(classes * dimension)
    means = np.zeros((classes, dimension))
    np.fill_diagonal(means, np.sqrt(_positive("M", M)))
    return GaussianMixture(np.full(classes, 1 / classes), means, _variance(s))


def hierarchy(d: float, A: float, B: float, s: float) -> GaussianMixture:
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
    return GaussianMixture(np.full(4, 0.25), means, _variance(s), labels, partition)


def scales(d: float, lambda1: float, lambda2: float) -> GaussianMixture:
    """Two classes of equal weight and one mean, with covariances λ₁I and λ₂I."""
    dimension = _whole("d", d, 1)
    _fits(2 * dimension)
    for name, value in (("lambda1", lambda1), ("lambda2", lambda2)):
        if value < 0:
            raise ValueError(f"{name}: {value:g} is a negative variance")
    if lambda1 == lambda2:
        raise ValueError("lambda1, lambda2: equal, so the entropy of the class never falls")
    covariances = [Isotropic(lambda1), Isotropic(lambda2)]
    return GaussianMixture([0.5, 0.5], np.zeros((2, dimension)), covariances)


Builder: TypeAlias = Callable[..., GaussianMixture]

FAMILIES: dict[str, tuple[Builder, tuple[str, ...], tuple[str, ...]]] = {
    "binary": (binary, ("d", "mu", "s"), ("w",)),
    "orthogonal": (orthogonal, ("K", "d", "M", "s"), ()),
    "hierarchy": (hierarchy, ("d", "A", "B", "s"), ()),
    "scales": (scales, ("d", "lambda1", "lambda2"), ()),
}
"""Families of the SPEC language: builder, required keys, optional keys."""


def _numbers(body: str, keys: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, float]:
    values: dict[str, float] = {}
    for item in filter(None, body.split(",")):
        key, equals, text = (part.strip() for part in item.partition("="))
        if key not in (*keys, *optional):
            raise ValueError(f"{key!r} is not a key; the keys are {', '.join((*keys, *optional))}")
        if not equals:
            raise ValueError(f"{key}: needs a value, {key}=…")
        if key in values:
            raise ValueError(f"{key}: given twice")
        try:
            values[key] = float(text)
        except ValueError:
            raise ValueError(f"{key}: {text!r} is not a number") from None
        if not np.isfinite(values[key]):
            raise ValueError(f"{key}: {text!r} is not a finite number")
    missing = [key for key in keys if key not in values]
    if missing:
        raise ValueError(f"{missing[0]}: missing; the keys are {', '.join((*keys, *optional))}")
    return values


def _parse_digits(spec: str, body: str) -> GaussianMixture:
    from .digits import fit

    names = [name.strip() for name in body.split(",")]
    if any(len(name) != 1 or name not in "0123456789" for name in names):
        raise ValueError(f"{spec}: need digits from 0 to 9, as in digits:3,8")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(f"{spec}: need at least two different digits, as in digits:3,8")
    return fit([int(name) for name in names])


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
