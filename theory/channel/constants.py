"""The levels of γ at which the entropy rate peaks and at which half the class entropy is gone (T8).

    γ*(κ): the root of d/dγ [γ(1 + κγ) mmse(γ)],        γ_½: H(γ_½) = ½ H(C)

κ says in which clock the rate is a density: `(1 − s²)/M` per unit OU time, `−s²/M` per unit log σ.
Both are computed, vectorised in double precision or to any number of digits with mpmath; nothing
here is a stored number.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Precise
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import elementwise, special
from .._support.untyped import mpmath as mp
from . import multiprecision, tilted_average
from .binary import binary_entropy, log_binary_entropy

__all__ = ["median_gamma", "peak_gamma", "precise_median_gamma", "precise_peak_gamma"]

Array: TypeAlias = NDArray[np.float64]


def peak_gamma(kappa: ArrayLike = 0.0, prior: ArrayLike = 0.5) -> Array:
    """γ*(κ): where the entropy rate `γ(1 + κγ) mmse(γ)` is largest.

    Parameters
    ----------
    kappa, prior : array_like, broadcast
        `κ > −∞` (the rate is positive for `γ < −1/κ` when κ < 0) and the first class's weight.

    Returns
    -------
    float64 array of the broadcast shape, relative error about 1e-14.

    Raises
    ------
    ValueError
        A prior outside (0, 1) or a κ that is not finite.

    References
    ----------
    T8, H26.
    """
    kappa_, prior_ = real_numbers(kappa, "kappa", finite=False), real_numbers(prior, "prior", finite=False)
    refuse_unless(np.isfinite(kappa_), kappa_, "kappa", "must be finite")
    refuse_unless((prior_ > 0) & (prior_ < 1), prior_, "prior", "must lie strictly between 0 and 1")
    kappa_, prior_ = np.broadcast_arrays(kappa_, prior_)

    log_odds = 0.5 * special.logit(prior_)

    def slope(gamma: Array, kappa: Array, log_odds: Array) -> Array:
        # d/dγ of log[γ(1+κγ) mmse], times γ(1+κγ), which keeps both ends of the bracket finite
        decay = tilted_average.gaussian_average(tilted_average.sech_cubed, gamma, log_odds)
        decay = decay / tilted_average.gaussian_average(tilted_average.sech, gamma, log_odds)
        return 1 + 2 * kappa * gamma - decay * gamma * (1 + kappa * gamma)

    highest = _beyond_peak(prior_)
    with np.errstate(divide="ignore"):
        high = np.where(kappa_ < 0, np.minimum(highest, -1 / kappa_), highest)
    low = np.full_like(high, 1e-3) * np.minimum(1.0, high)
    return _solve(slope, low, high, kappa_, log_odds)


def median_gamma(prior: ArrayLike = 0.5) -> Array:
    """γ_½, the level at which half of the class entropy has been produced: `H(γ) = ½ H(C)`.

    Parameters
    ----------
    prior : array_like, any shape
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the shape of `prior` (a scalar for a scalar)
        Relative error about 1e-14.

    Raises
    ------
    ValueError
        A prior outside (0, 1).

    References
    ----------
    T5, T8.
    """
    prior_ = real_numbers(prior, "prior", finite=False)
    half = np.log(0.5 * binary_entropy(0.0, prior_))

    def excess(gamma: Array, prior: Array, half: Array) -> Array:
        return log_binary_entropy(gamma, prior) - half

    high = _beyond_peak(prior_)
    return _solve(excess, 1e-6 * np.ones_like(high), high, prior_, half)


def precise_peak_gamma(kappa: Precise = 0, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`peak_gamma` of one κ and one prior, in multiple precision.

    Parameters
    ----------
    kappa : float, str or mpmath number
        `κ = (1 − s²)/M`; text is read exactly.
    prior : float, str or mpmath number
        Probability of the first class, strictly between 0 and 1.
    digits : int
        Decimal digits.

    Returns
    -------
    mpmath number

    Raises
    ------
    ValueError
        A prior outside (0, 1).

    References
    ----------
    T5, T8.
    """
    with mp.workdps(digits + 5):
        return _precise_peak(mp.mpf(kappa), mp.mpf(prior), digits)


def precise_median_gamma(prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`median_gamma` of one prior, in multiple precision.

    Parameters
    ----------
    prior : float, str or mpmath number
        Probability of the first class, strictly between 0 and 1; text is read exactly.
    digits : int
        Decimal digits.

    Returns
    -------
    mpmath number

    Raises
    ------
    ValueError
        A prior outside (0, 1).

    References
    ----------
    T5, T8.
    """
    with mp.workdps(digits + 5):
        return _precise_median(mp.mpf(prior), digits)


@lru_cache(maxsize=64)
def _precise_peak(k: Precise, w: Precise, digits: int) -> Precise:
    with mp.workdps(digits + 5):

        def slope(gamma: Precise) -> Precise:
            fall = gamma * (1 + k * gamma) * multiprecision.moment(3, gamma, w, digits + 5)
            return (1 + 2 * k * gamma) * multiprecision.moment(1, gamma, w, digits + 5) - fall

        return _polish(slope, float(peak_gamma(float(k), float(w))), digits)


@lru_cache(maxsize=64)
def _precise_median(w: Precise, digits: int) -> Precise:
    with mp.workdps(digits + 5):
        half = multiprecision.entropy(0, w, digits + 5) / 2

        def excess(gamma: Precise) -> Precise:
            return multiprecision.entropy(gamma, w, digits + 5) - half

        return _polish(excess, float(median_gamma(float(w))), digits)


def _polish(function: Precise, start: float, digits: int) -> Precise:
    """Refine a root that is known to double precision; secant steps need no derivative."""
    guesses = (mp.mpf(start), mp.mpf(start) * (1 + mp.mpf(10) ** -10))
    return mp.findroot(function, guesses, tol=mp.mpf(10) ** (-2 * digits), verify=False)


def _beyond_peak(prior: Array) -> Array:
    """A γ past every peak and median: the tail `e^{−γ/2}` has set in for this prior's log-odds."""
    return 40 + 8 * np.abs(special.logit(prior))


def _solve(function: object, low: Array, high: Array, *parameters: Array) -> Array:
    found = elementwise.find_root(
        function, (low, high), args=parameters, tolerances={"xatol": 0.0, "xrtol": 1e-15}
    )
    if not np.all(found.success):
        raise ArithmeticError("a level of gamma was not bracketed; please report the prior and kappa")
    return np.asarray(found.x, dtype=np.float64)[()]
