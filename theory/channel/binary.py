"""The binary-input Gaussian channel: what two classes with a shared covariance reduce to (T2–T4).

Half log-odds `L = ½ log p(1|x)/p(2|x)`, prior `w`, `λ = ½ log(w/(1−w))`:

    H(γ)    = E h₂(1/(1 + e^{−2L})),       L | ± ~ N(λ ± γ, γ)
    mmse(γ) = E sech² L,    φ(γ) = E Σ_k p_k² = 1 − ½ mmse,    dH/dγ = −½ mmse

evaluated as one-dimensional integrals whose every term is positive (`tilted`), hence to full
*relative* precision however deep in the tail.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers, refuse_unless
from . import tilted_average

__all__ = [
    "binary_entropy",
    "binary_mmse",
    "binary_mmse_slope",
    "clone_agreement",
    "log_binary_entropy",
    "log_binary_mmse",
]

Array = NDArray[np.float64]


def binary_entropy(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Class-conditional entropy `H(C|X)` of two classes, in nats.

    `H = c e^{−γ/2} ∫ N(u−λ; 0, γ) cosh(u) h(u) du`, with `c = 2√(w(1−w))`, `λ = ½ log(w/(1−w))` and `h(u)`
    the entropy of a class whose log-odds are `2u`. At `w = ½` it is `E log(1 + e^{−2γ−2√γ Z})`.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation `γ(σ) = δᵀ(Σ + σ²I)^{-1}δ ≥ 0`; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Relative error at most 1e-12 wherever the value is a normal double; beyond `γ ≈ 1400` the value itself
        underflows, and `log_binary_entropy` keeps the precision.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T2; Guo, Shamai, Verdú, IEEE TIT 51(4), 2005.
    """
    return _expectation(tilted_average.entropy_profile, gamma, prior)


def binary_mmse(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Minimum mean-square error of the class label ±1 given the noised state.

    `mmse = E sech² L = c e^{−γ/2} ∫ N(u−λ; 0, γ) sech(u) du`, and `dH/dγ = −½ mmse`.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Between 0 and `4w(1−w)`, which γ = 0 gives; relative error as of `binary_entropy`.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T3; Guo, Shamai, Verdú, IEEE TIT 51(4), 2005.
    """
    return _expectation(tilted_average.sech, gamma, prior)


def binary_mmse_slope(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Derivative of `binary_mmse` in γ: `−E sech⁴ L = −c e^{−γ/2} ∫ N(u−λ; 0, γ) sech³(u) du`.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Never positive; relative error as of `binary_entropy`.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T3, T8.
    """
    return -_expectation(tilted_average.sech_cubed, gamma, prior)


def clone_agreement(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Probability `φ` that two reverse runs branched at one noised state end in the same class.

    `φ = E Σ_k p_k(X)² = 1 − ½ mmse(γ)`; hence `dI/dγ = 1 − φ`.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0 at the noise level of the branch; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Between `w² + (1−w)²` and 1.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T4; Biroli, Bonnaire, de Bortoli, Mézard, Nat. Commun. 15:9957, 2024.
    """
    return 1.0 - 0.5 * binary_mmse(gamma, prior)


def log_binary_entropy(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Natural logarithm of `binary_entropy`, finite and precise where the entropy underflows.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; at `inf` the value is `−inf`.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Error at most 1e-12, or as much of the value where that is more.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T2.
    """
    return _log_expectation(tilted_average.entropy_profile, gamma, prior)


def log_binary_mmse(gamma: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Natural logarithm of `binary_mmse`, finite and precise where the mmse underflows.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; at `inf` the value is `−inf`.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Error at most 1e-12, or as much of the value where that is more.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, or a prior outside (0, 1).

    References
    ----------
    T3.
    """
    return _log_expectation(tilted_average.sech, gamma, prior)


def _expectation(profile: tilted_average.Profile, gamma: ArrayLike, prior: ArrayLike) -> Array:
    gamma_, log_odds, log_scale = _checked(gamma, prior)
    value = np.exp(log_scale - gamma_ / 2) * tilted_average.gaussian_average(profile, gamma_, log_odds)
    return value[()]


def _log_expectation(profile: tilted_average.Profile, gamma: ArrayLike, prior: ArrayLike) -> Array:
    gamma_, log_odds, log_scale = _checked(gamma, prior)
    average = tilted_average.gaussian_average(profile, gamma_, log_odds)
    with np.errstate(divide="ignore"):
        return (log_scale - gamma_ / 2 + np.log(average))[()]


def _checked(gamma: ArrayLike, prior: ArrayLike) -> tuple[Array, Array, Array]:
    """Broadcast γ, `λ = ½ log(w/(1−w))` and `log c = log 2√(w(1−w))`, refusing what has no meaning."""
    gamma_ = real_numbers(gamma, "gamma", finite=False)
    prior_ = real_numbers(prior, "prior", finite=False)
    refuse_unless(gamma_ >= 0, gamma_, "gamma", "must be a number >= 0")
    refuse_unless((prior_ > 0) & (prior_ < 1), prior_, "prior", "must lie strictly between 0 and 1")
    log_odds = 0.5 * (np.log(prior_) - np.log1p(-prior_))
    log_scale = np.log(2.0) + 0.5 * (np.log(prior_) + np.log1p(-prior_))
    gamma_, log_odds, log_scale = np.broadcast_arrays(gamma_, log_odds, log_scale)
    return gamma_, log_odds, log_scale
