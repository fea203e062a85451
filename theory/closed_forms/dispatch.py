"""Curves that need no sampling: which mixtures have one, and why.

Two classes with a shared covariance are the binary channel (T2-T4); equally distant classes are T13's
integral, and independent choices of such classes add (T15); two classes with one mean are T16's, and any
other two T24's.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.values import ByContent
from ..channel.binary import binary_entropy, binary_mmse, clone_agreement
from ..mixtures.mixture import GaussianMixture
from ..mixtures.partition import checked_partition
from . import factors, unequal_pair, unequal_scales

__all__ = ["ExactCurves", "exact_curves"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactCurves(ByContent):
    """Entropy, rate per unit OU time and clone agreement as a function of σ."""

    reason: str
    """Which closed form it is."""
    evaluate: Callable[[Array], Array]
    """From σ (levels,) to curves (3, levels)."""
    lowest: float = 0.0
    """σ below which rounding would decide, and `evaluate` may raise `ValueError`."""

    def reaching(self, sigma: Array) -> "ExactCurves | None":
        """These curves, or `None` where some σ is too low for them."""
        return self if float(np.min(sigma)) >= self.lowest else None

    def seconds(self, sigma: Array) -> tuple[float, float]:
        """Of one call here and now, and of each further level in it: measured at up to three levels of σ."""
        few = np.unique(sigma[np.linspace(0, sigma.size - 1, min(3, sigma.size)).round().astype(int)])
        times: list[float] = []
        for some in (few[-1:], few[-1:], few):  # the first call of all does more than others
            began = time.perf_counter()
            self.evaluate(some)
            times.append(time.perf_counter() - began)
        return times[1], max(times[2] - times[1], 0.0) / max(few.size - 1, 1)


def exact_curves(
    mixture: GaussianMixture, partition: Mapping[str, Sequence[str]] | None = None
) -> ExactCurves | None:
    """The exact curves of the class, or of the groups of a partition, where they have a closed form.

    Parameters
    ----------
    mixture : GaussianMixture
    partition : mapping from group names to class labels, optional
        Groups whose own entropy is meant, disjoint and exhaustive.

    Returns
    -------
    ExactCurves or None
        `evaluate(sigma)` gives entropy (nats), rate (per unit OU time) and agreement of clones, stacked, and
        `reason` says which closed form; `None` where there is none.

    Raises
    ------
    ValueError
        A partition that does not hold every class once.

    References
    ----------
    T2, T13, T15, T16, T24.
    """
    partition = checked_partition(partition, mixture.labels)
    if mixture.is_binary_channel and partition is None:
        reason = "two classes with a shared covariance: the binary channel (T2-T4)"
        return ExactCurves(reason, partial(_binary, mixture))
    found = factors.factors_of(mixture, partition)
    if found is not None:
        variance = float(mixture.covariances[0].variances)
        reason = "equally distant classes, or independent choices of them (T13, T15)"
        return ExactCurves(reason, partial(factors.curves, found, variance))
    if partition is None and unequal_scales.has_contrast(mixture):
        reason = "two classes with one mean and unequal covariances (T16)"
        lowest = unequal_pair.lowest_sigma(mixture)
        return ExactCurves(reason, partial(unequal_scales.curves, mixture), lowest)
    if partition is None and unequal_pair.has_pair(mixture):
        reason = "two classes of any means and covariances, by one integral (T24)"
        lowest = unequal_pair.lowest_sigma(mixture)
        return ExactCurves(reason, partial(unequal_pair.curves, mixture), lowest)
    return None


def _binary(mixture: GaussianMixture, sigma: Array) -> Array:
    gamma, slope = mixture.gamma(sigma), mixture.gamma_slope(sigma)
    # dσ²/dt = 2(1 + σ²)
    rarer = mixture.minority
    rate = -binary_mmse(gamma, rarer) * slope * (1 + sigma * sigma)
    return np.stack([binary_entropy(gamma, rarer), rate, clone_agreement(gamma, rarer)])
