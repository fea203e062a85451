"""All levels of a curve against their prediction at once: a χ² whose levels share their draws.

    Q = Σ_a (v_a − p_a)²/C_aa,      C = C_measured + C_predicted,      R_ab = C_ab/√(C_aa C_bb)

Where both are of one mixture Q is distributed as `Σ_j λ_j χ²₁`, λ the eigenvalues of R: levels that move
together count once. With C from finitely many draws, ν degrees of freedom, it is `Σ_j λ_j χ²₁ / (χ²_ν/ν)`,
whose tail is an integral (Imhof 1961). The form with the inverse of C would count directions that nothing but
the rarest draws, or the rounding of numbers, tells from zero.
"""

from typing import TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from ...numerics.curves.covariance import Joint, joint_near, joint_of
from ...theory._support.aliases import Fields
from .methods import is_of_chains

__all__ = ["LEAST_P", "has_step_bias", "level_test", "mixture_tail"]

Array: TypeAlias = NDArray[np.float64]

LEAST_P = 1e-7
"""Smallest p-value that is told from zero."""
_FEW = 0.1  # relative error from which few draws carry a level, whose mean is far from normal
_ARITHMETIC = 1e-13  # relative error below which a level has no draws, as the first of a path
_ROUNDED = 0.1  # share of a squared error that is not of draws from which a level is left out
_LEAST_FREEDOM = 4.0  # below it a covariance says nothing
_MOST_FREEDOM = 1e5  # beyond which its draws make no difference
_LEAST_RATE = 1e-9  # of a χ² of next to nothing, whose p-value is 1
_NEGLIGIBLE = 28.0  # logarithm of a size that does not count
_SMALL = 1e-4  # of the largest eigenvalue


def has_step_bias(measured: xr.Dataset) -> bool:
    """Whether a curve is of chains, whose steps bias it at first order beyond its errors of draws."""
    return is_of_chains(str(measured.attrs.get("method", "")))


def level_test(measured: xr.Dataset, at_levels: xr.Dataset, name: str) -> Fields | None:
    """χ² of a measured curve against its prediction `at_levels`, at the levels whose covariance is known.

    Of integrals from the clean end (with `closure`) it is their rates that are compared, which have no error
    of the grid. Left out are levels at which few draws carry the value of either, or rounding more than a
    tenth of its error. Returns `quantity`, `chi2`, `levels`, `independent` (`(Σλ)²/Σλ²`, how many levels
    would vary as much by themselves) and `p_value` (at least 1e-7); `None` where the curve has no
    covariance, and of chains, whose step bias it would find (`has_step_bias`).
    """
    if has_step_bias(measured):
        return None
    quantity = "rate" if "closure" in measured else name
    measured, at_levels = measured.sortby("sigma"), at_levels.sortby("sigma")
    own = joint_of(measured, quantity)
    if own is None or quantity not in at_levels:
        return None
    other = joint_near(at_levels, quantity, own.sigma)
    differences, parts, used = _differences((measured, at_levels), quantity, (own, other))
    if used.sum() < 2:
        return None
    variances = [np.diagonal(part.covariance)[used] for part in parts]
    whole = sum((part.covariance[np.ix_(used, used)] for part in parts), np.zeros((used.sum(),) * 2))
    scale = np.sqrt(np.diagonal(whole))
    freedom = _freedom(variances, [part.units - 1 for part in parts])
    if freedom < _LEAST_FREEDOM:
        return None
    weights = _eigenvalues(whole / np.outer(scale, scale), freedom)
    chi2 = float(np.square(differences[used] / scale).sum())
    return {
        "quantity": quantity,
        "chi2": chi2,
        "levels": int(used.sum()),
        "independent": float(weights.sum() ** 2 / np.square(weights).sum()),
        "p_value": mixture_tail(chi2, weights, freedom),
    }


def mixture_tail(value: float, weights: Float64[Array, " n"], freedom: float) -> float:
    """`P[Σ_j λ_j χ²₁ > value · χ²_ν/ν]` with λ the `weights` and ν the `freedom`, at least `LEAST_P`.

    `½ + π⁻¹ ∫ sin θ(u)/(u ρ(u)) du`, `θ = ½ Σ h_j arctan λ_j u`, `ρ = Π (1 + λ_j² u²)^(h_j/4)`: Imhof 1961.
    """
    scale, freedom = float(weights.max()), min(freedom, _MOST_FREEDOM)
    kept = np.append(weights[weights > _SMALL * scale] / scale, -value / scale / freedom)
    degrees = np.append(np.ones(kept.size - 1), freedom)
    u, steps = _nodes(max(value / scale, _LEAST_RATE), freedom)
    products = np.multiply.outer(u, kept)
    angle, size = np.arctan(products) @ degrees / 2, np.log1p(products**2) @ degrees / 4
    area = float(steps @ (np.sin(angle) * np.exp(-size) / u))
    return float(np.clip(0.5 + area / np.pi, LEAST_P, 1.0))


def _nodes(rate: float, freedom: float) -> tuple[Float64[Array, " nodes"], Float64[Array, " nodes"]]:
    """Gauss-Legendre nodes and weights: panels in equal ratios, but even where the integrand turns."""
    turns = min(np.sqrt(4 * _NEGLIGIBLE * freedom), 20 * freedom)
    ends = [np.geomspace(1e-10, 1, 60) / rate, np.arange(1, turns, 2.0)[1:] / rate]
    ends.append(np.geomspace(turns, turns * np.exp(2 * _NEGLIGIBLE / (1 + freedom / 2)), 60) / rate)
    edges = np.unique(np.concatenate([*ends, np.geomspace(1e-10, 1, 60)]))
    edges = edges[edges <= ends[-1][-1]]
    x, w = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def _differences(
    curves: tuple[xr.Dataset, xr.Dataset], quantity: str, joints: tuple[Joint, Joint | None]
) -> tuple[Float64[Array, " kept"], list[Joint], Bool[NDArray[np.bool_], " kept"]]:
    """Measured less predicted, the covariances of both, and at which levels they say what differs."""
    places = np.searchsorted(curves[0].sigma.values, joints[0].sigma)
    values = [curve[quantity].values[places] for curve in curves]
    parts = [joint for joint in joints if joint is not None]
    drawn = sum((np.diagonal(part.covariance) for part in parts), np.zeros(places.size))
    errors = [curve[f"{quantity}_se"].values[places] ** 2 for curve in curves if f"{quantity}_se" in curve]
    besides = np.maximum(sum(errors, np.zeros(places.size)) - drawn, 0)
    least = np.square(_ARITHMETIC * values[0])
    used = np.asarray((np.diagonal(joints[0].covariance) > least) & (besides <= _ROUNDED * drawn))
    # the error of each by its own size: where rare draws were missed, value and error are both far too small
    for value, joint in zip(values, joints, strict=True):
        if joint is not None:
            used &= np.sqrt(np.diagonal(joint.covariance)) < _FEW * np.abs(value)
    return values[0] - values[1], parts, used


def _freedom(variances: list[Array], freedoms: list[float]) -> float:
    """Degrees of freedom of a sum of variances, from those of each: Welch and Satterthwaite, averaged."""
    shares = np.stack(variances) / np.sum(variances, axis=0)
    return float(1 / np.mean(np.square(shares).T @ (1 / np.array(freedoms))))


def _eigenvalues(correlations: Float64[Array, "n n"], freedom: float) -> Float64[Array, " n"]:
    """Of a correlation matrix from so many degrees of freedom, whose noise spreads them too far."""
    size = len(correlations)
    square = float(np.square(correlations).sum())
    known = (square - size**2 / freedom) * freedom**2 / ((freedom - 1) * (freedom + 2))
    share = np.sqrt(np.clip((known - size) / max(square - size, 1e-12), 0, 1))
    values = np.linalg.eigvalsh(share * correlations + (1 - share) * np.eye(size))
    return np.maximum(np.asarray(values, dtype=np.float64), 0)
