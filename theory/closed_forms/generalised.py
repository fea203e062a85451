"""Generalised eigenvalues of two covariances from their square roots: `S₁v = ρS₂v`, `vᵀS₂v = 1`.

With `S_k = F_kᵀF_k` and the QR decomposition of F₁ above F₂ into (Q₁, Q₂) and R,

    Q₁ᵀQ₁ + Q₂ᵀQ₂ = I,      Q₁ᵀQ₁z = c²z,   Q₂ᵀQ₂z = s²z,      ρ = c²/s²,   v = R^{−1}z/s,

so that a small c and a small s are both known to rounding, and ρ to about 1e-16 times the square root of the
condition; from the matrices themselves it would be known to 1e-16 times the *square* of the condition.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.untyped import linalg
from ..mixtures.covariance import Covariance

__all__ = ["CONTRAST_LIMIT", "DENSE_LIMIT", "conditions", "ends", "generalised"]

Array: TypeAlias = NDArray[np.float64]

DENSE_LIMIT = 1024
"""Largest dimension in which matrices are compared level by level: each level costs d³."""

CONTRAST_LIMIT = 512
"""The same for classes with one mean (T16), which know dense matrices alone. T24 takes what is beyond: in the
span of low-rank covariances, at d r² a level, and other matrices densely up to its own limit."""

_MILD = 1e4  # product of both conditions up to which the matrices themselves leave errors of 1e-11


def ends(covariance: Covariance) -> tuple[float, float]:
    """Bounds of the variances: the least of the diagonal, and the largest with that of the factors."""
    diagonal, _, factors = covariance.frame
    if factors is None:
        return float(covariance.variances.min()), float(covariance.variances.max())
    return float(diagonal.min()), float(diagonal.max()) + float(np.linalg.norm(factors, 2)) ** 2


def conditions(first: Covariance, second: Covariance) -> Callable[[float], float]:
    """Upper bound of the product of the conditions of both `Σ + σ²I`, of σ²; infinite for a singular one."""
    both = ends(first), ends(second)

    def at(sigma2: float) -> float:
        least, most = (np.prod([each[k] + sigma2 for each in both]) for k in (0, 1))
        return float(most / least) if least > 0 else np.inf

    return at


def generalised(first: Array, second: Array, condition: float | None = None) -> tuple[Array, Array]:
    """`log ρ`, shape (n,), and the vectors v as columns (n, n), of `S_k = F_kᵀF_k` with F_k (rows, n).

    `condition` is the product of the conditions of both S, or a bound of it; to find it costs more than to
    solve for the vectors.
    """
    if condition is None:
        condition = float(np.linalg.cond(first) * np.linalg.cond(second)) ** 2
    if condition <= _MILD:
        ratios, vectors = linalg.eigh(first.T @ first, second.T @ second)
        return np.log(ratios), vectors
    q, r = np.linalg.qr(np.vstack([first, second]))
    c, s, z = _cosines(q[: len(first)], q[len(first) :])
    return 2 * (np.log(c) - np.log(s)), linalg.solve_triangular(r, z) / s


def _cosines(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """c, s and z of the module for (rows, n) with `Q₁ᵀQ₁ + Q₂ᵀQ₂ = I`.

    Singular vectors of Q₂ are well told apart where s is small, of Q₁ where c is.
    """
    turned: Array = np.linalg.svd(second, full_matrices=False)[2]
    z = turned.T
    s: Array = np.linalg.norm(second @ z, axis=0)
    order = np.argsort(s)
    s, z = s[order], z[:, order]
    near = int((s < np.sqrt(0.5)).sum())
    c: Array = np.linalg.norm(first @ z, axis=0)
    if near < s.size:
        _, upper = np.linalg.qr(first @ z)
        _, c[near:], turned = np.linalg.svd(upper[near:, near:])
        z[:, near:] = z[:, near:] @ turned.T
        s[near:] = np.linalg.norm(second @ z[:, near:], axis=0)
    return c, s, z
