"""Two classes of a mixture, of any means and covariances, in the basis that makes both diagonal (T24).

`S_k(σ) = Σ_k + σ²I` of two covariances that commute keep their common eigenvectors, so that a level costs
its sums alone: isotropic and diagonal ones, and a matrix beside an isotropic one. Low-rank covariances over
isotropic ones differ from them, and the means from one another, within the span of the factors and of the
difference of the means; the rest is isotropic. Other covariances are solved for their generalised
eigenvectors level by level, at a cost that grows as d³, up to 1024 dimensions: no decomposition serves two
levels unless they commute. For vectors V that make `Vᵀ(Σ_k + σ²I)V` diagonal at two σ make `VᵀV` diagonal, by
the difference; scaled to length one they are orthogonal, and eigenvectors of both Σ.

Beside a low-rank covariance of a condition beyond 1e20 (1e10 in more dimensions than that) rounding would
decide: `lowest_sigma` says from which σ on it does not.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.real_numbers import real_number
from ..mixtures.covariance import Covariance
from ..mixtures.mixture import GaussianMixture
from .generalised import DENSE_LIMIT, conditions, ends, generalised
from .two_gaussians import TwoGaussians

__all__ = ["check_rounding", "curves", "gaussian_pair", "has_pair", "lowest_sigma"]

Array: TypeAlias = NDArray[np.float64]
Levels: TypeAlias = Callable[[float], TwoGaussians]

_WORST_CONDITION = 1e20  # of low-rank covariances by their square roots; leaves errors of about 1e-6
_WORST_SPECTRUM = 1e10  # by their eigenvalues, as of full matrices (`GaussianMixture.check_levels`)


def gaussian_pair(mixture: GaussianMixture, sigma: float) -> TwoGaussians:
    """The two classes at σ, the rarer first: `entropy`, `disagreement`, `bayes_error`, `entropy_slope`.

    Parameters
    ----------
    mixture : GaussianMixture
        Two classes of any means, covariances and weights.
    sigma : float
        Noise-to-signal ratio.

    Returns
    -------
    TwoGaussians

    Raises
    ------
    ValueError
        More classes than two, matrices without common axes in more than 1024 dimensions, a σ at which a
        covariance is singular, or so nearly that rounding would decide.

    References
    ----------
    T24.
    """
    if not has_pair(mixture):
        raise ValueError(
            f"mixture: need two classes, and at most {DENSE_LIMIT} dimensions where their covariances are "
            "matrices without common axes"
        )
    sigma = real_number(sigma, "sigma")
    mixture.check_levels(sigma)
    check_rounding(mixture, np.array(sigma))
    return _levels(mixture)(sigma * sigma)


def lowest_sigma(mixture: GaussianMixture) -> float:
    """σ below which rounding hides how a low-rank covariance differs from another; 0 where it hides nothing.

    With Λ their largest and λ their smallest variance, `Λ + σ² = 10²⁰ (λ + σ²)`.
    """
    pair = [mixture.covariance_of(k) for k in (0, 1)]
    if mixture.shared_covariance is not None or all(each.frame.factors is None for each in pair):
        return 0.0
    both = [ends(each) for each in pair]
    least, most = min(low for low, _ in both), max(high for _, high in both)
    worst = _WORST_CONDITION if mixture.dimension <= DENSE_LIMIT else _WORST_SPECTRUM
    return float(np.sqrt(max(most / worst - least, 0.0)))


def check_rounding(mixture: GaussianMixture, sigma: Array) -> None:
    """Raise `ValueError` for σ below `lowest_sigma`."""
    lowest = lowest_sigma(mixture)
    if float(np.min(sigma)) < lowest:
        raise ValueError(
            f"covariances: below sigma = {lowest:g} rounding would dominate the difference of low-rank "
            "covariances; raise sigma, or use method ambient"
        )


def has_pair(mixture: GaussianMixture) -> bool:
    """Whether `curves` applies: two classes whose covariances can be compared."""
    if mixture.classes != 2:
        return False
    first, second = mixture.covariance_of(0), mixture.covariance_of(1)
    return _within_reach(first, second) or mixture.dimension <= DENSE_LIMIT


def curves(mixture: GaussianMixture, sigma: Array) -> Array:
    """Entropy, rate per unit OU time and agreement at each σ, shape (3, levels)."""
    check_rounding(mixture, sigma)
    noise, levels = sigma**2, _levels(mixture)
    found = np.transpose([levels(float(value)).integrals for value in noise])
    return np.stack([found[0], 2 * (1 + noise) * found[3], 1 - found[1]])


def _within_reach(first: Covariance, second: Covariance) -> bool:
    """Whether no level needs a matrix of d by d."""
    frames = first.frame, second.frame
    if all(frame.axes is None and frame.factors is None for frame in frames):
        return True
    if first.isotropic_variance is not None or second.isotropic_variance is not None:
        return first.has_spectrum and second.has_spectrum
    return all(frame.axes is None and _is_level(frame.variances) for frame in frames)


def _is_level(variances: Array) -> bool:
    return bool(np.ptp(variances) == 0)


def _levels(mixture: GaussianMixture) -> Levels:
    """The pair as a function of σ²."""
    # the rarer class first: the other's weight is one minus its, and not the other way about
    rarer = int(np.argmin(mixture.weights))
    first, second = mixture.covariance_of(rarer), mixture.covariance_of(1 - rarer)
    difference = mixture.means[rarer] - mixture.means[1 - rarer]
    prior = mixture.minority
    frames = first.frame, second.frame
    if all(frame.axes is None and _is_level(frame.variances) for frame in frames):
        return _in_span(first, second, difference, prior)
    if all(frame.axes is None and frame.factors is None for frame in frames):
        return _commuting(first.variances, second.variances, difference, prior)
    turned = second if first.isotropic_variance is not None else first
    apart = first.isotropic_variance is not None or second.isotropic_variance is not None
    # eigenvalues of a matrix lose those that are small beside others; square roots hold them
    if apart and (turned.frame.factors is None or mixture.dimension > DENSE_LIMIT):
        return _commuting(first.variances, second.variances, turned.rotate(difference), prior)
    d, bound = mixture.dimension, conditions(first, second)
    return lambda noise: _solved(
        first.square_root(d, noise),
        second.square_root(d, noise),
        difference,
        prior,
        bound(noise),
    )


def _commuting(first: Array, second: Array, difference: Array, prior: float) -> Levels:
    """Eigenvalues on common axes, and the difference of the means there."""
    both = np.stack(np.broadcast_arrays(first, second, difference)[:2])
    pairs, place, counts = np.unique(both, axis=1, return_inverse=True, return_counts=True)
    squares = np.bincount(place.ravel(), difference**2, minlength=counts.size)
    own, other, multiplicities = pairs[0], pairs[1], counts.astype(np.float64)

    def at(noise: float) -> TwoGaussians:
        width = other + noise
        ratios = _log_ratios(own, other, noise)
        return TwoGaussians(ratios, squares / width, multiplicities, prior, 1 / width)

    return at


def _in_span(first: Covariance, second: Covariance, difference: Array, prior: float) -> Levels:
    """Isotropic covariances with or without factors: what differs lies in the span of a few vectors."""
    parts = [covariance.parts() for covariance in (first, second)]
    levels = [float(diagonal.flat[0]) for diagonal, _ in parts]
    columns = [u for _, u in parts if u is not None]
    dimension = difference.size
    if not columns:
        one = np.ones(1)
        squares, counts = np.array([difference @ difference]), np.array([float(dimension)])
        return lambda noise: TwoGaussians(
            _log_ratios(levels[0] * one, levels[1] * one, noise),
            squares / (levels[1] + noise),
            counts,
            prior,
            one / (levels[1] + noise),
        )
    basis, _ = np.linalg.qr(np.column_stack([*columns, difference]))
    size = basis.shape[1]
    turned = [np.zeros((0, size)) if u is None else (basis.T @ u).T for _, u in parts]
    inside, bound = basis.T @ difference, conditions(first, second)

    def at(noise: float) -> TwoGaussians:
        roots = [
            np.vstack([np.sqrt(level + noise) * np.eye(size), u])
            for level, u in zip(levels, turned, strict=True)
        ]
        found = _solved(roots[0], roots[1], inside, prior, bound(noise))
        rest = dimension - size
        if rest == 0:
            return found
        assert found.lengths2 is not None  # noqa: S101 (for the type alone)
        assert found.metric is not None  # noqa: S101
        metric = np.zeros((size + 1, size + 1))
        metric[:size, :size] = found.metric
        return TwoGaussians(
            np.append(found.log_ratios, _log_ratios(np.array(levels[0]), np.array(levels[1]), noise)),
            np.append(found.differences2, 0.0),
            np.append(np.ones(size), float(rest)),
            prior,
            np.append(found.lengths2, 1 / (levels[1] + noise)),
            metric,
        )

    return at


def _solved(first: Array, second: Array, difference: Array, prior: float, condition: float) -> TwoGaussians:
    """Any two covariances at one σ by their square roots (rows, n) and a bound of their conditions."""
    log_ratios, vectors = generalised(first, second, condition)
    turned = difference @ vectors
    gram = vectors.T @ vectors
    metric = turned[:, None] * gram * turned
    return TwoGaussians(log_ratios, turned**2, None, prior, np.diag(gram), metric)


def _log_ratios(own: Array, other: Array, noise: float) -> Array:
    """`log (own + ν)/(other + ν)`, precise where they hardly differ."""
    relative = (own - other) / (other + noise)
    with np.errstate(divide="ignore"):  # of the branch that is not taken
        far = np.log(own + noise) - np.log(other + noise)
        return np.where(np.abs(relative) < 0.5, np.log1p(np.maximum(relative, -0.9)), far)
