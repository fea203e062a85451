"""Speciation of two classes with any shared covariance, from the spectrum of the pair.

With eigenvalues `λ_i` of Σ, `o_i = (Qᵀδ)_i²`, `Y = e^{2t} = 1 + σ²` and `c² = 4w(1−w)`, T5's
conditions become scalar equations, each monotone in Y on the side where it is solved:

    level            Σ o_i/(λ_i + Y − 1) = γ_c
    covariance       Λ = top eigenvalue of Σ + c²δδᵀ:   Σ c² o_i/(Λ − λ_i) = 1,  Y = Λ
    reverse-sde      Σ 2c² o_i Y/((Y + λ_i − 1)(Y − λ_i + 1)) = 1
    probability-flow Σ c² o_i Y/((Y + λ_i − 1)(1 − λ_i)) = 1
    entropy-peak     d/dt [mmse(γ) A₂ e^{2t}] = 0,   A_n = Σ o_i/(λ_i + σ²)^n

Covariance and drift conditions are secular equations of a rank-one update. They are asked over *all*
directions, also those in which the classes do not differ. There Σ alone decides, by its largest eigenvalue λ:
`Λ ≥ λ`, and the linearised drift is unstable while `Y < λ − 1` (reverse SDE) or, if `λ ≥ 1`, at every
finite time (probability flow). So no criterion jumps where a coordinate of δ becomes exactly zero.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.untyped import optimize, special
from .._support.values import ByContent
from ..channel import tilted_average
from ..channel.binary import log_binary_mmse
from ..channel.constants import median_gamma
from ..mixtures.mixture import GaussianMixture

__all__ = ["Pair"]

Array: TypeAlias = NDArray[np.float64]

_SCAN = 4096  # points, at least, that bracket the highest peak of the entropy rate
_SPACING = 0.05  # largest distance of two of them in log σ²; a peak is about 1 wide


@dataclass(frozen=True, eq=False)
class Pair(ByContent):
    """A pair of classes in the eigenbasis of their covariance.

    Attributes
    ----------
    variances, overlaps : (n,)
        Eigenvalues of Σ and `(Qᵀδ)² > 0`, where the classes differ.
    prior : float
        Weight of the rarer class.
    largest : float
        Largest eigenvalue of Σ over all directions.
    """

    variances: Array
    overlaps: Array
    prior: float
    largest: float

    @classmethod
    def of(cls, mixture: GaussianMixture) -> "Pair":
        """Read the pair off a mixture; `ValueError` unless two classes share a covariance."""
        variances, overlaps = mixture.spectrum
        relevant = overlaps > 0
        return cls(variances[relevant], overlaps[relevant], mixture.minority, float(variances.max()))

    @property
    def balance(self) -> float:
        """`c² = 4w(1−w)`, 1 for equal weights."""
        return 4 * self.prior * (1 - self.prior)

    def gamma(self, noise: float) -> float:
        """γ at `noise = σ²`; infinite at σ = 0 where Σ is singular along δ."""
        return self._moment(noise, 1)

    def noise_at_gamma(self, level: float) -> float | None:
        """σ² at which γ equals `level > 0`, or `None` if γ never gets that large."""
        if self.gamma(0.0) < level:
            return None
        highest = float(self.overlaps.sum()) / level
        # 1/γ is nearly linear in σ², and finite at σ = 0
        return _root(lambda noise: 1 / self.gamma(noise) - 1 / level, 0.0, highest)

    def noise(self, criterion: str) -> float | None:
        """σ² at speciation by `criterion`, or `None` where there is no solution at t ≥ 0."""
        solvers: dict[str, Callable[[], float | None]] = {
            "curvature": lambda: self.noise_at_gamma(1 / self.balance),
            "cloning": lambda: self.noise_at_gamma(1.0),
            "entropy-median": lambda: self.noise_at_gamma(float(median_gamma(self.prior))),
            "entropy-peak": self._entropy_peak,
            "covariance": self._covariance,
            "reverse-sde": self._reverse_sde,
            "probability-flow": self._probability_flow,
        }
        return solvers[criterion]()

    def log_rate(self, noise: Array) -> Array:
        """Logarithm of `dH/dt = mmse(γ) A₂ (1 + σ²)` per unit OU time, for a vector of σ²."""
        gamma = np.array([self._moment(float(value), 1) for value in noise])
        second = np.array([self._moment(float(value), 2) for value in noise])
        return log_binary_mmse(gamma, self.prior) + np.log(second) + np.log1p(noise)

    def _moment(self, noise: float, power: int) -> float:
        with np.errstate(divide="ignore", over="ignore"):
            return float((self.overlaps / (self.variances + noise) ** power).sum())

    def _entropy_peak(self) -> float | None:
        separation2 = float(self.overlaps.sum())
        # the rate is linear where σ² is small beside 1 and every variance
        scales = [separation2, 1.0, *self.variances[self.variances > 0]]
        low = max(float(min(scales)) * 1e-8, self.noise_at_gamma(2000.0) or 0.0)
        # its logarithm rises in ν = σ² by less than 1/(1 + ν) − 2/(λ + ν) + |δ|²/ν²: from here on it falls
        high = 4 * max(separation2, 1.0, float(self.variances.max()))
        grid = np.geomspace(low, high, max(_SCAN, int(np.log(high / low) / _SPACING)))
        best = int(np.argmax(self.log_rate(grid)))
        if best == 0:
            return None
        return _root(self._rate_slope, float(grid[best - 1]), float(grid[best + 1]))

    def _rate_slope(self, noise: float) -> float:
        """`½ d/dt log(dH/dt)`."""
        gamma = np.array([self._moment(noise, 1)])
        log_odds = np.array([0.5 * special.logit(self.prior)])
        cubed = tilted_average.gaussian_average(tilted_average.sech_cubed, gamma, log_odds)
        decay = float((cubed / tilted_average.gaussian_average(tilted_average.sech, gamma, log_odds))[0])
        second, third = self._moment(noise, 2), self._moment(noise, 3)
        return (1 + noise) * (decay * second - 2 * third / second) + 1

    def _covariance(self) -> float | None:
        top = float(self.variances.max())
        gain = self.balance * self.overlaps

        def secular(excess: float) -> float:
            with np.errstate(divide="ignore"):
                return float((gain / (excess + top - self.variances)).sum())

        excess = _root(lambda x: 1 / secular(x) - 1, 0.0, float(gain.sum()))
        return _at_least_zero(max(top + excess, self.largest) - 1)

    def _reverse_sde(self) -> float | None:
        gain = 2 * self.balance * self.overlaps
        shift = self.variances - 1

        def instability(growth: float) -> float:
            with np.errstate(divide="ignore"):
                return float((gain * growth / ((growth + shift) * (growth - shift))).sum())

        # beyond the time at which Σ alone is unstable, which is the answer if the classes add nothing
        alone = self.largest - 1
        first = max(1.0, alone)
        if instability(first) <= 1:
            return first - 1 if alone >= 1 else None
        last = float(gain.sum()) + 2 * float(np.abs(shift).max()) + 1
        return _root(lambda growth: 1 / instability(growth) - 1, first, last) - 1

    def _probability_flow(self) -> float | None:
        if self.largest >= 1:
            return None
        gain = self.balance * self.overlaps / (1 - self.variances)

        def instability(growth: float) -> float:
            with np.errstate(divide="ignore"):
                return float((gain / (1 + (self.variances - 1) / growth)).sum())

        if gain.sum() >= 1 or instability(1.0) < 1:
            return None
        last = 2.0
        while instability(last) >= 1:
            last *= 2
        return _root(lambda growth: 1 / instability(growth) - 1, 1.0, last) - 1


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    at_low, at_high = function(low), function(high)
    if at_low == 0:
        return low
    # rounding can leave the far end of an exact bracket on the wrong side by one unit
    if at_low * at_high >= 0:
        return high
    return float(optimize.brentq(function, low, high, xtol=1e-300, rtol=1e-15, maxiter=500))


def _at_least_zero(value: float) -> float | None:
    return value if value >= 0 else None
