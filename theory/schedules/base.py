"""What every schedule is: a monotone map between a model's own time and the noise-to-signal ratio σ."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr
from .._support.real_numbers import real_numbers
from .._support.values import Value

__all__ = ["Schedule", "ou_of", "sigma_of"]

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # relative excess over the last σ that is still the last σ
_NUDGE = 2e-3  # in log σ, of the difference that stands in for a derivative
_STENCIL = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))  # its error is of eighth order


def sigma_of(ou_time: Array) -> Array:
    """`√(e^{2t} − 1)`, for t ≥ 0."""
    return np.exp(ou_time) * np.sqrt(-np.expm1(-2 * ou_time))


def ou_of(sigma: Array) -> Array:
    """`½ log(1 + σ²)`, for σ ≥ 0."""
    # log(hypot(1, σ)) past σ = 1, log1p before: neither overflows nor cancels
    small = np.minimum(sigma, 1.0)
    return np.where(sigma < 1, 0.5 * np.log1p(small * small), np.log(np.hypot(1.0, sigma)))


@dataclass(frozen=True)
class Schedule(Value, ABC):
    """A monotone map between a model's own time and the noise-to-signal ratio σ.

    A subclass gives `_sigma(time)` and `_time(sigma)`, and the times at which the schedule begins and ends
    (`first_time`, `last_time`). A symbolic form is optional.

    References
    ----------
    T1.
    """

    name: ClassVar[str]
    """The name the command line uses."""
    variance_preserving: ClassVar[bool] = True
    """Whether `a² + b² = 1`."""

    @property
    def first_time(self) -> float:
        """The time of the least noise."""
        return 0.0

    @property
    def last_time(self) -> float:
        """The time at which the schedule ends (`inf` where it does not)."""
        return np.inf

    @abstractmethod
    def _sigma(self, time: Array) -> Array: ...

    @abstractmethod
    def _time(self, sigma: Array) -> Array: ...

    def sigma_expression(self, time: Expr) -> Expr:
        """σ as a SymPy expression of the time.

        Parameters
        ----------
        time : SymPy expression
            In this schedule's own time.

        Returns
        -------
        SymPy expression

        Raises
        ------
        ValueError
            A schedule that has no symbolic form.
        """
        raise ValueError(f"schedule: {type(self).__name__} has no symbolic form; use sigma() and time()")

    def time_expression(self, sigma: Expr) -> Expr:
        """The time as a SymPy expression of σ.

        Parameters
        ----------
        sigma : SymPy expression
            Noise-to-signal ratio.

        Returns
        -------
        SymPy expression
            In this schedule's own time.

        Raises
        ------
        ValueError
            A schedule that has no symbolic form.
        """
        raise ValueError(f"schedule: {type(self).__name__} has no symbolic form; use sigma() and time()")

    def sigma(self, time: ArrayLike) -> Array:
        """Noise-to-signal ratio σ at a time.

        Parameters
        ----------
        time : array_like, any shape
            In this schedule's own time.

        Returns
        -------
        float64 array of the shape of `time` (a scalar for a scalar)
            NaN outside the schedule.

        Raises
        ------
        ValueError
            Values that are not numbers.

        References
        ----------
        T1.
        """
        time_ = real_numbers(time, "time", finite=False)
        low, high = sorted((self.first_time, self.last_time))
        inside = (time_ >= low) & (time_ <= high)
        with np.errstate(all="ignore"):
            return np.where(inside, self._sigma(np.where(inside, time_, self.first_time)), np.nan)[()]

    def time(self, sigma: ArrayLike) -> Array:
        """Time at which the noise-to-signal ratio is σ; the inverse of `sigma`.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        float64 array of the shape of `sigma` (a scalar for a scalar)
            In this schedule's own time; NaN if the schedule never reaches σ.

        Raises
        ------
        ValueError
            Values that are not numbers.

        References
        ----------
        T1.
        """
        sigma_ = real_numbers(sigma, "sigma", finite=False)
        inside = self._reaches(sigma_)
        within = np.clip(np.where(inside, sigma_, self.first_sigma), self.first_sigma, self.last_sigma)
        with np.errstate(all="ignore"):
            return np.where(inside, self._time(within), np.nan)[()]

    def _reaches(self, sigma: Array) -> NDArray[np.bool_]:
        low, high = self.first_sigma * (1 - _ROUNDING), self.last_sigma * (1 + _ROUNDING)
        return (sigma >= low) & (sigma <= high)

    def check_sigma(self, sigma: ArrayLike, name: str = "sigma") -> Array:
        """Noise levels as an array, if the schedule reaches all of them.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratios.
        name : str
            What the message calls them.

        Returns
        -------
        float64 array of the shape of `sigma`

        Raises
        ------
        ValueError
            A level that the schedule does not reach; the message says where the schedule begins or ends.
        """
        sigma_ = real_numbers(sigma, name, finite=False)
        inside = self._reaches(sigma_)
        if not inside.all():
            wrong = float(sigma_[~inside].flat[0])
            below = wrong < self.first_sigma
            word, end = ("begins", self.first_sigma) if below else ("ends", self.last_sigma)
            place = self.first_time if below else self.last_time
            clock = f"the {self.name} clock {word} at sigma = {end:.6g} (its time {place:.6g})"
            raise ValueError(f"{name}: {wrong:.6g} is {'below' if below else 'above'} where {clock}")
        return sigma_

    def check_time(self, time: ArrayLike, name: str = "time") -> Array:
        """Times as an array, if all of them lie within the schedule.

        Parameters
        ----------
        time : array_like, any shape
            In this schedule's own time.
        name : str
            What the message calls them.

        Returns
        -------
        float64 array of the shape of `time`

        Raises
        ------
        ValueError
            A time outside the schedule; the message says where the schedule begins or ends.
        """
        time_ = real_numbers(time, name, finite=False)
        low, high = sorted((self.first_time, self.last_time))
        inside = (time_ >= low) & (time_ <= high)
        if not inside.all():
            wrong = float(time_[~inside].flat[0])
            word, end = ("begins", low) if wrong < low else ("ends", high)
            raise ValueError(
                f"{name}: {wrong:.6g} is outside the {self.name} clock, which {word} at {end:.6g}"
            )
        return time_

    @cached_property
    def first_sigma(self) -> float:
        """The smallest σ of the schedule."""
        with np.errstate(all="ignore"):
            return float(self._sigma(np.asarray(self.first_time)))

    @cached_property
    def last_sigma(self) -> float:
        """The largest σ that the schedule reaches."""
        if self.last_time == np.inf:
            return np.inf
        with np.errstate(all="ignore"):
            return float(self._sigma(np.asarray(self.last_time)))

    def ou_time(self, time: ArrayLike) -> Array:
        """Ornstein–Uhlenbeck time `t = ½ log(1 + σ²)` at this schedule's time.

        Parameters
        ----------
        time : array_like, any shape
            In this schedule's own time.

        Returns
        -------
        float64 array of the shape of `time` (a scalar for a scalar)
            NaN outside the schedule.

        Raises
        ------
        ValueError
            Values that are not numbers.

        References
        ----------
        T1.
        """
        return ou_of(self.sigma(time))[()]

    def time_slope(self, sigma: ArrayLike) -> Array:
        """Derivative `d time/d log σ`.

        A rate per unit of log σ, divided by it, is a rate per unit of this time.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        float64 array of the shape of `sigma` (a scalar for a scalar)
            Negative if the time falls with σ; NaN if σ is 0 or not reached, or its time is infinite.

        Raises
        ------
        ValueError
            Values that are not numbers.

        References
        ----------
        T1.
        """
        sigma_ = real_numbers(sigma, "sigma", finite=False)
        inside = self._reaches(sigma_) & (sigma_ > 0) & np.isfinite(sigma_)
        filler = np.asarray(max(self.first_sigma, min(1.0, self.last_sigma)))
        with np.errstate(all="ignore"):
            return np.where(inside, self._time_slope(np.where(inside, sigma_, filler)), np.nan)[()]

    def _time_slope(self, sigma: Array) -> Array:
        total = np.zeros_like(sigma)
        for steps, weight in _STENCIL:
            ratio = np.exp(steps * _NUDGE)
            total = total + weight * (self._time(sigma * ratio) - self._time(sigma / ratio))
        return total / _NUDGE

    def signal(self, time: ArrayLike) -> Array:
        """Factor `a` of the data in the noised state `a X₀ + b Z`.

        Parameters
        ----------
        time : array_like, any shape
            In this schedule's own time.

        Returns
        -------
        float64 array of the shape of `time` (a scalar for a scalar)
            NaN outside the schedule.

        Raises
        ------
        ValueError
            Values that are not numbers.
        """
        if not self.variance_preserving:
            return np.ones_like(self.sigma(time))[()]
        return 1 / np.hypot(1.0, self.sigma(time))

    def noise(self, time: ArrayLike) -> Array:
        """Factor `b = aσ` of the noise in the noised state `a X₀ + b Z`.

        Parameters
        ----------
        time : array_like, any shape
            In this schedule's own time.

        Returns
        -------
        float64 array of the shape of `time` (a scalar for a scalar)
            NaN outside the schedule.

        Raises
        ------
        ValueError
            Values that are not numbers.
        """
        sigma = self.sigma(time)
        return sigma / np.hypot(1.0, sigma) if self.variance_preserving else sigma
