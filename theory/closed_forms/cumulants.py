"""What is learnt of a class at high noise, from the cumulants of the data alone (T26).

In `τ = σ^{−2}`, for classes of any law with means m_g, covariances Σ_g and third cumulants κ_g (d × d × d),
and for the whole with B = Cov(m), `T = B + Σ w_g Σ_g` and κ,

    I = ½τ tr B − ¼τ² [tr T² − Σ w_g tr Σ_g²]
        + τ³ {⅙[tr T³ − Σ w_g tr Σ_g³] − (1/12)[‖κ‖² − Σ w_g ‖κ_g‖²]} + O(τ⁴):

the information that X has of X₀, to third order, of the whole less that of each class. Classes that agree
in all cumulants below the n-th have `I = τⁿ/(2 n!) Σ w_g ‖κ_{n,g} − κ̄_n‖²`. Two balanced ones that differ
by Δκ_n in each of d independent coordinates have the binary channel's `γ = d Δκ_n² τⁿ/(4 n!)`, so that

    t_S = (1/2n) log d + (1/2n) log(Δκ_n²/(4 n! γ_c)).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..mixtures.mixture import GaussianMixture
from ..mixtures.partition import checked_partition

__all__ = ["cumulant_law", "information_coefficients"]

Array: TypeAlias = NDArray[np.float64]

_LARGEST = 4096  # dimension in which matrices are multiplied


def information_coefficients(
    mixture: GaussianMixture, partition: Mapping[str, Sequence[str]] | None = None
) -> Array:
    """Coefficients of `τ, τ², τ³`, `τ = σ^{−2}`, in the information about the class at high noise.

    Parameters
    ----------
    mixture : GaussianMixture
        Any number of classes of any covariances, in up to 4096 dimensions.
    partition : mapping from group name to class names, optional
        Information about the group instead of the class; groups need not be Gaussian.

    Returns
    -------
    float64 array, shape (3,): `I = c₁τ + c₂τ² + c₃τ³ + O(τ⁴)` nats. An asymptotic series, good where `τ`
    times the largest variance is small. The first is exact to rounding; the others to rounding of `tr T²`
    and `tr T³`.

    Raises
    ------
    ValueError
        More than 4096 dimensions, a partition that does not cover each class once.

    References
    ----------
    T26.
    """
    if mixture.dimension > _LARGEST:
        raise ValueError(
            f"mixture: cumulants can be computed in at most {_LARGEST} dimensions, not {mixture.dimension}"
        )
    groups = checked_partition(partition, mixture.labels)
    members = (
        [np.array([index]) for index in range(mixture.classes)]
        if groups is None
        else [np.array([mixture.labels.index(name) for name in names]) for names in groups.values()]
    )
    whole = _moments(mixture, np.arange(mixture.classes))
    parts = [_moments(mixture, indices) for indices in members]
    shares = np.array([mixture.weights[indices].sum() for indices in members])
    centre = whole.mean
    between = sum(
        share * float(((part.mean - centre) ** 2).sum()) for share, part in zip(shares, parts, strict=True)
    )

    def excess(name: str) -> float:
        own = [getattr(part, name) for part in parts]
        return float(getattr(whole, name) - shares @ np.array(own))

    return np.array([between / 2, -excess("square") / 4, excess("cube") / 6 - excess("third") / 12])


@dataclass(frozen=True)
class _Moments:
    """Mean, `tr T²`, `tr T³` and `‖κ₃‖²`."""

    mean: Array
    square: float
    cube: float
    third: float


def _moments(mixture: GaussianMixture, indices: NDArray[np.intp]) -> _Moments:
    """Of the components at these places, their weights divided by the sum."""
    weights = mixture.weights[indices] / mixture.weights[indices].sum()
    means = mixture.means[indices]
    mean = weights @ means
    aside = means - mean
    d = mixture.dimension
    kept: dict[int, Array] = {}
    covariances: list[Array] = []
    for index in indices:
        covariance = mixture.covariance_of(int(index))
        covariances.append(kept.setdefault(id(covariance), covariance.matrix_in(d)))
    total = (aside.T * weights) @ aside
    for weight, matrix in zip(weights, covariances, strict=True):
        total = total + weight * matrix
    square = float((total * total).sum())
    return _Moments(mean, square, float(((total @ total) * total).sum()), _third(weights, aside, covariances))


def _third(weights: Array, aside: Array, covariances: list[Array]) -> float:
    """`‖κ₃‖²` of `κ₃ = Σ w_k [a_k⊗a_k⊗a_k + 3 sym(a_k⊗S_k)]`, which needs no array of d³."""
    if len(weights) == 1:
        return 0.0
    total = 0.0
    gram = aside @ aside.T
    for j, (own, first) in enumerate(zip(weights, covariances, strict=True)):
        turned = aside @ first
        for k, (other, second) in enumerate(zip(weights, covariances, strict=True)):
            inner = float(gram[j, k])
            crossed = float(turned[k] @ aside[k]) + float(aside[j] @ second @ aside[j])
            # ⟨a³, 3 sym(b⊗R)⟩ = 3 (a·b) aᵀRa, and ⟨3 sym(a⊗S), 3 sym(b⊗R)⟩ = 3 (a·b) tr SR + 6 aᵀRSb
            both = 3 * inner * float((first * second).sum()) + 6 * float(aside[j] @ second @ turned[k])
            total += own * other * (inner**3 + 3 * inner * crossed + both)
    return float(total)


def cumulant_law(order: int) -> Expr:
    """`t_S` of classes that differ first in their n-th cumulants, a SymPy expression.

    `(1/2n) log d + (1/2n) log(Δκ²/(4 n! γ_c))`: ½ log d for means, ¼ log d for scales, ⅙ log d for
    skewness, ⅛ log d for kurtosis. The next term is O(d^{−1/n}).

    Parameters
    ----------
    order : int
        n ≥ 1.

    Returns
    -------
    SymPy expression
        Ornstein–Uhlenbeck time in the symbols `d`, `Delta` (the difference of the n-th cumulants of a
        coordinate) and `gamma_c` (the criterion's level of γ).

    Raises
    ------
    ValueError
        An order below 1.

    References
    ----------
    T26.
    """
    if order < 1:
        raise ValueError(f"order: must be at least 1, not {order}")
    d, delta, level = sp.symbols("d Delta gamma_c", positive=True)
    n = sp.Integer(order)
    return sp.log(d) / (2 * n) + sp.log(delta**2 / (4 * sp.factorial(n) * level)) / (2 * n)
