"""Grids of steps as clocks: the number of a step, counted from either end of a run."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers
from .._support.values import ByContent
from .base import Schedule
from .continuous import LogSNR

__all__ = ["Power", "Spaced", "karras"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Power(Schedule):
    """`σ^{1/ρ}`, in which the steps of Karras et al. are equal."""

    name: ClassVar[str] = "power"
    variance_preserving: ClassVar[bool] = False
    rho: float = 7.0

    def __post_init__(self) -> None:
        if not 0 < self.rho < np.inf:
            raise ValueError(f"rho: must be a number > 0, not {self.rho:g}")

    def _sigma(self, time: Array) -> Array:
        return time**self.rho

    def _time(self, sigma: Array) -> Array:
        return sigma ** (1 / self.rho)

    def _time_slope(self, sigma: Array) -> Array:
        return sigma ** (1 / self.rho) / self.rho


@dataclass(frozen=True, eq=False)
class Spaced(ByContent, Schedule):
    """The steps of a grid as a clock: places between two steps are linear in the time of `parent`.

    Parameters
    ----------
    parent : Schedule
        The clock that `times` are of.
    times : array_like, shape (N,)
        Of the steps, in the order of their σ, smallest first.
    from_noise : bool
        Count 0, 1, … from the largest σ, as a sampler runs, and not from the smallest.
    unit : float
        What a step counts: 1/N gives the share of the run that is done.

    Raises
    ------
    ValueError
        Fewer than two steps, or levels that do not rise within the parent's range.
    """

    name: ClassVar[str] = "steps"
    parent: Schedule
    times: ArrayLike
    from_noise: bool = False
    unit: float = 1.0

    def __post_init__(self) -> None:
        times = real_numbers(self.times, "times")
        if times.ndim != 1 or times.size < 2:
            raise ValueError(f"times: need a row of at least 2 steps, not shape {times.shape}")
        if not (np.diff(self.parent.sigma(times)) > 0).all():
            raise ValueError(f"times: sigma must rise from step to step, within the {self.parent.name} clock")
        object.__setattr__(self, "times", times)

    @classmethod
    def of_sigmas(cls, sigmas: ArrayLike, *, from_noise: bool = False, unit: float = 1.0) -> "Spaced":
        """The clock of a grid of noise levels; places between two steps are linear in log σ.

        Parameters
        ----------
        sigmas : array_like, shape (N,)
            Different levels σ, in any order; a last level of 0 is left out.
        from_noise : bool
            Count 0, 1, … from the largest σ, as a sampler runs, and not from the smallest.
        unit : float
            What a step counts: 1/N gives the share of the run that is done.

        Returns
        -------
        Spaced

        Raises
        ------
        ValueError
            A level that is negative or not finite, two that are equal, or fewer than two above 0.
        """
        levels = np.sort(real_numbers(sigmas, "sigmas"))
        if (levels < 0).any():
            raise ValueError(f"sigmas: must be at least 0, not {levels[0]:g}")
        return cls(LogSNR(), LogSNR().time(levels[levels > 0]), from_noise, unit)

    @property
    def _times(self) -> Array:
        return np.asarray(self.times, dtype=np.float64)

    @property
    def _places(self) -> Array:
        """What each step counts, in the order of `times`."""
        places: Array = np.arange(self._times.size) * np.float64(self.unit)
        return places[::-1] if self.from_noise else places

    @property
    def first_time(self) -> float:
        """The number of the step of the least noise."""
        return float(self._places[0])

    @property
    def last_time(self) -> float:
        """The number of the step of the most noise."""
        return float(self._places[-1])

    def _sigma(self, time: Array) -> Array:
        places, times = self._places, self._times
        rising = slice(None, None, -1) if self.from_noise else slice(None)
        return np.asarray(self.parent.sigma(np.interp(time, places[rising], times[rising])))

    def _time(self, sigma: Array) -> Array:
        times = self._times
        rising = slice(None, None, -1) if times[0] > times[-1] else slice(None)
        return np.interp(self.parent.time(sigma), times[rising], self._places[rising])

    def _time_slope(self, sigma: Array) -> Array:
        places, times = self._places, self._times
        own = self.parent.time(sigma)
        sign = 1.0 if times[-1] > times[0] else -1.0
        right = np.clip(np.searchsorted(sign * times, sign * own), 1, times.size - 1)
        slope = (places[right] - places[right - 1]) / (times[right] - times[right - 1])
        return slope * self.parent.time_slope(sigma)


def karras(
    steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0, **counted: float
) -> Spaced:
    """The grid of Karras et al., `σ_i = (σ_max^{1/ρ} + i/(N−1) (σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ`, as a clock.

    Parameters
    ----------
    steps : int
        N levels, at least 2; the step from the last to σ = 0 is not counted.
    sigma_min, sigma_max, rho : float
        Its ends and its exponent.
    **counted
        `from_noise` and `unit`, as of `Spaced`.

    Returns
    -------
    Spaced

    Raises
    ------
    ValueError
        Ends or an exponent out of order, or fewer than two steps.

    References
    ----------
    K22, equation 5.
    """
    if not 0 < sigma_min < sigma_max < np.inf:
        raise ValueError("sigma_min, sigma_max: need 0 < sigma_min < sigma_max")
    if steps < 2:
        raise ValueError(f"steps: must be at least 2, not {steps}")
    power = Power(rho)
    low, high = (float(power.time(end)) for end in (sigma_min, sigma_max))
    times = np.linspace(low, high, steps, dtype=np.float64)
    return Spaced(power, times, bool(counted.get("from_noise", False)), counted.get("unit", 1.0))
