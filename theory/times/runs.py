"""Where a reverse run commits itself and how far it goes to a posterior: T19 and T20 as places on a clock."""

import numpy as np

from .. import schedules
from .._support.untyped import optimize, special
from ..channel.commitment import commitment_tail
from ..channel.first_passage import first_passage_gamma
from ..mixtures.mixture import GaussianMixture
from .prediction import SpeciationTime, noise_at_gamma, placed, why_no_spectrum

__all__ = ["POSTERIOR", "SHARES", "probability_of_change", "run_times"]

_NEVER = 1e-300  # probability below which shares of it have few digits

SHARES = (0.1, 0.5, 0.9)
"""Shares of the runs that have made their last change of the likelier class."""
POSTERIOR = 0.9
"""The posterior to be reached."""


def run_times(
    mixture: GaussianMixture,
    schedule: schedules.Schedule = schedules.OrnsteinUhlenbeck(),  # noqa: B008 (immutable)
) -> tuple[SpeciationTime, ...]:
    """When unguided reverse runs commit to one of two classes with one covariance, in a schedule's clock.

    `commitment-10`, `-50`, `-90` are where 10, 50 and 90 % of *the runs that change at all* have made
    their last change of the likelier class: `P(a change later than γ) = (1 − share) P(a change)`, of runs
    that end at σ = 0, where γ is γ(0) (T19; `commitment_gamma` where γ(0) is large and the weights are
    equal). At unequal weights a run may never change; `probability_of_change` says how many do.
    `expected-gamma-0.9` is the place where γ has the value `E γ` of its first passage of the posterior 0.9
    (T20, `first_passage_gamma`, for runs that go on until they reach it): the time at an expected γ, not an
    expected time.

    Parameters
    ----------
    mixture : GaussianMixture
    schedule : Schedule
        Whose clock `time` is in; Ornstein–Uhlenbeck unless given.

    Returns
    -------
    tuple of SpeciationTime
        Each a time with σ and γ, or with the reason why there is none.

    References
    ----------
    T19, T20.
    """
    names = [f"commitment-{share * 100:.0f}" for share in SHARES]
    expected = f"expected-gamma-{POSTERIOR:g}"
    reason = _why_not(mixture)
    if reason is not None:
        return tuple(SpeciationTime(name, None, None, None, reason) for name in (*names, expected))
    levels = {name: _commitment(mixture, share) for name, share in zip(names, SHARES, strict=True)}
    levels[expected] = float(first_passage_gamma(POSTERIOR, mixture.minority))
    return tuple(_at(name, level, mixture, schedule) for name, level in levels.items())


def probability_of_change(mixture: GaussianMixture) -> float | None:
    """Probability that the likelier class changes in a run to σ = 0; `None` unless two share a covariance.

    `2 min(w, 1−w)` where γ(0) is large; less for a run that ends undecided, but 1 for equal weights.

    References
    ----------
    T19.
    """
    if _why_not(mixture) is not None:
        return None
    return float(commitment_tail(0.0, mixture.minority, float(mixture.gamma(0.0))))


def _why_not(mixture: GaussianMixture) -> str | None:
    if not mixture.is_binary_channel:
        return "known for two classes with a shared covariance"
    return why_no_spectrum(mixture)


def _commitment(mixture: GaussianMixture, share: float) -> float | None:
    """γ by which this share of the runs that change have made their last change; `None` if none does."""
    rare, end = mixture.minority, float(mixture.gamma(0.0))
    whole = float(commitment_tail(0.0, rare, end))
    if whole < _NEVER:
        return None

    def excess(gamma: float) -> float:
        return float(commitment_tail(gamma, rare, end)) / whole - (1 - share)

    # by then all but 1e-20 of a run that goes on have made theirs
    high = min(end, 100 + 8 * abs(float(special.logit(rare))))
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-300, rtol=1e-15, maxiter=500))


def _at(
    name: str, level: float | None, mixture: GaussianMixture, schedule: schedules.Schedule
) -> SpeciationTime:
    if level is None:
        return SpeciationTime(
            name, None, None, None, "the likelier class never changes in a run to sigma = 0"
        )
    if level == 0:
        reason = f"the likelier class has probability {POSTERIOR:g} or more from the start"
        return SpeciationTime(name, None, None, None, reason)
    noise = noise_at_gamma(mixture, level)
    if noise is None:
        at_zero = float(np.asarray(mixture.gamma(0.0)))
        reason = f"gamma at sigma = 0 is {at_zero:.6g}, below the expected {level:.6g}"
        return SpeciationTime(name, None, None, None, reason)
    return placed(name, noise, mixture, schedule)
