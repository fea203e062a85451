"""Noise schedules and the clocks they define (T1).

A noised state is `X = a X₀ + b Z`; the noise-to-signal ratio `σ = b/a` is all that the class
entropy depends on. Reference clock: Ornstein–Uhlenbeck time, `a = e^{−t}`, `b² = 1 − e^{−2t}`,

    σ² = e^{2t} − 1,        t = ½ log(1 + σ²).

Each schedule gives `sigma(time)` and its exact inverse `time(sigma)`, in floating point and as
SymPy expressions. A time outside the schedule, or a σ that it never reaches, is `nan`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._support.real_numbers import real_numbers
from ._support.values import Value, frozen

__all__ = [
    "CLOCKS",
    "DDPM",
    "EDM",
    "Cosine",
    "FlowMatching",
    "OrnsteinUhlenbeck",
    "Schedule",
    "StableDiffusion",
    "VPLinear",
    "by_name",
]

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # relative excess over the last σ that is still the last σ


@dataclass(frozen=True)
class Schedule(Value, ABC):
    """A monotone map between a model's own time and the noise-to-signal ratio σ."""

    name: ClassVar[str]
    """The name the command line uses."""
    variance_preserving: ClassVar[bool] = True
    """Whether `a² + b² = 1`."""

    @property
    def last_time(self) -> float:
        """The time at which the schedule ends (`inf` where it does not)."""
        return np.inf

    @abstractmethod
    def _sigma(self, time: Array) -> Array: ...

    @abstractmethod
    def _time(self, sigma: Array) -> Array: ...

    @abstractmethod
    def sigma_expression(self, time: Any) -> Any:
        """σ as a SymPy expression of `time`."""

    @abstractmethod
    def time_expression(self, sigma: Any) -> Any:
        """The time as a SymPy expression of `sigma`."""

    def sigma(self, time: ArrayLike) -> Array:
        """Noise-to-signal ratio σ at `time`; any shape, same shape back, `nan` outside the schedule."""
        time_ = real_numbers(time, "time", finite=False)
        inside = (time_ >= 0) & (time_ <= self.last_time)
        with np.errstate(all="ignore"):
            return np.where(inside, self._sigma(time_), np.nan)[()]

    def time(self, sigma: ArrayLike) -> Array:
        """Time at which the ratio is `sigma`; any shape, same shape back, `nan` if never reached."""
        sigma_ = real_numbers(sigma, "sigma", finite=False)
        inside = (sigma_ >= 0) & (sigma_ <= self.last_sigma * (1 + _ROUNDING))
        with np.errstate(all="ignore"):
            return np.where(inside, self._time(sigma_), np.nan)[()]

    @cached_property
    def last_sigma(self) -> float:
        """The largest σ that the schedule reaches."""
        if np.isinf(self.last_time):
            return np.inf
        with np.errstate(divide="ignore"):
            return float(self._sigma(np.asarray(self.last_time)))

    def ou_time(self, time: ArrayLike) -> Array:
        """Ornstein–Uhlenbeck time `½ log(1 + σ²)` at this schedule's `time`; any shape."""
        return OrnsteinUhlenbeck().time(self.sigma(time))

    def signal(self, time: ArrayLike) -> Array:
        """The factor `a` of the data in `a X₀ + b Z`; any shape."""
        if not self.variance_preserving:
            return np.ones_like(self.sigma(time))[()]
        return 1 / np.hypot(1.0, self.sigma(time))

    def noise(self, time: ArrayLike) -> Array:
        """The factor `b = aσ` of the noise in `a X₀ + b Z`; any shape."""
        sigma = self.sigma(time)
        return sigma / np.hypot(1.0, sigma) if self.variance_preserving else sigma


@dataclass(frozen=True)
class OrnsteinUhlenbeck(Schedule):
    """The reference clock `dX = −X dt + √2 dW`: `σ = √(e^{2t} − 1)`, `t = ½ log(1 + σ²)`."""

    name: ClassVar[str] = "ou"

    def _sigma(self, time: Array) -> Array:
        return np.exp(time) * np.sqrt(-np.expm1(-2 * time))

    def _time(self, sigma: Array) -> Array:
        # log(hypot(1, σ)) past σ = 1, log1p before: neither overflows nor cancels
        small = np.minimum(sigma, 1.0)
        return np.where(sigma < 1, 0.5 * np.log1p(small * small), np.log(np.hypot(1.0, sigma)))

    def sigma_expression(self, time: Any) -> Any:
        """`√(e^{2t} − 1)`."""
        from ._support.untyped import sympy

        return sympy.sqrt(sympy.exp(2 * time) - 1)

    def time_expression(self, sigma: Any) -> Any:
        """`½ log(1 + σ²)`."""
        from ._support.untyped import sympy

        return sympy.log(1 + sigma**2) / 2


_OU = OrnsteinUhlenbeck()


@dataclass(frozen=True)
class VPLinear(Schedule):
    """Variance preserving with a linear rate on `s ∈ [0, 1]`: `t = ½β₀s + ¼(β₁ − β₀)s²`."""

    name: ClassVar[str] = "vp-linear"
    beta_start: float = 0.1
    beta_end: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_start < self.beta_end < np.inf:
            raise ValueError("beta_start, beta_end: need 0 < beta_start < beta_end")

    @property
    def last_time(self) -> float:
        """The schedule ends at `s = 1`."""
        return 1.0

    def _sigma(self, time: Array) -> Array:
        slope = self.beta_end - self.beta_start
        return _OU.sigma(self.beta_start * time / 2 + slope * time * time / 4)

    def _time(self, sigma: Array) -> Array:
        t = _OU.time(sigma)
        slope = self.beta_end - self.beta_start
        # the root of a quadratic, in the form that does not cancel at small t
        return 4 * t / (self.beta_start + np.sqrt(self.beta_start**2 + 4 * slope * t))

    def sigma_expression(self, time: Any) -> Any:
        """`√(e^{2t(s)} − 1)` with `t(s) = ½β₀s + ¼(β₁ − β₀)s²`."""
        start, slope = self.rate_expression()
        return _OU.sigma_expression(start * time / 2 + slope * time**2 / 4)

    def time_expression(self, sigma: Any) -> Any:
        """`4t/(β₀ + √(β₀² + 4(β₁ − β₀)t))` with `t = ½ log(1 + σ²)`."""
        from ._support.untyped import sympy

        t = _OU.time_expression(sigma)
        start, slope = self.rate_expression()
        return 4 * t / (start + sympy.sqrt(start**2 + 4 * slope * t))

    def rate_expression(self) -> tuple[Any, Any]:
        """`β₀` and `β₁ − β₀` as exact SymPy numbers."""
        from ._support.untyped import sympy

        start = sympy.nsimplify(self.beta_start)
        return start, sympy.nsimplify(self.beta_end) - start


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine schedule on `s ∈ [0, 1]`: `ᾱ = cos²θ/cos²θ₀`, `θ = (s + ε)π/(2(1 + ε))`, `θ₀ = θ(0)`."""

    name: ClassVar[str] = "cosine"
    offset: float = 0.008

    def __post_init__(self) -> None:
        if not 0 <= self.offset < np.inf:
            raise ValueError("offset: must be a number >= 0")

    @property
    def last_time(self) -> float:
        """The schedule ends at `s = 1`, where σ is infinite."""
        return 1.0

    @property
    def _angle(self) -> tuple[float, float]:
        """`θ₀` and `dθ/ds`."""
        per_time = np.pi / (2 * (1 + self.offset))
        return self.offset * per_time, per_time

    def _sigma(self, time: Array) -> Array:
        start, per_time = self._angle
        # sin²θ − sin²θ₀ = sin(θ−θ₀) sin(θ+θ₀); cos θ as the sine of what is left to π/2
        rise = np.sin(time * per_time) * np.sin(time * per_time + 2 * start)
        return np.sqrt(rise) / np.sin((1 - time) * per_time)

    def _time(self, sigma: Array) -> Array:
        start, per_time = self._angle
        theta = np.arctan2(np.hypot(np.sin(start), sigma), np.cos(start))
        # θ − θ₀ through its sine and cosine, because the difference cancels at small σ
        share = (np.cos(start) * sigma / np.hypot(1.0, sigma)) ** 2
        share: Array = np.where(np.isinf(sigma), np.cos(start) ** 2, share)
        total = np.sin(theta + start)
        sine = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
        return np.arctan2(sine, np.cos(theta - start)) / per_time

    def sigma_expression(self, time: Any) -> Any:
        """`√(cos²θ₀/cos²θ − 1)`."""
        from ._support.untyped import sympy

        offset = sympy.nsimplify(self.offset)
        per_time = sympy.pi / (2 * (1 + offset))
        start = offset * per_time
        return sympy.sqrt(sympy.cos(start) ** 2 / sympy.cos(start + time * per_time) ** 2 - 1)

    def time_expression(self, sigma: Any) -> Any:
        """`(arccos(cos θ₀/√(1 + σ²)) − θ₀)/(dθ/ds)`."""
        from ._support.untyped import sympy

        offset = sympy.nsimplify(self.offset)
        per_time = sympy.pi / (2 * (1 + offset))
        start = offset * per_time
        return (sympy.acos(sympy.cos(start) / sympy.sqrt(1 + sigma**2)) - start) / per_time


@dataclass(frozen=True)
class EDM(Schedule):
    """Karras et al.: `X = X₀ + σZ`, the time is σ itself."""

    name: ClassVar[str] = "edm"
    variance_preserving: ClassVar[bool] = False

    def _sigma(self, time: Array) -> Array:
        return time

    def _time(self, sigma: Array) -> Array:
        return sigma

    def sigma_expression(self, time: Any) -> Any:
        """σ."""
        return time

    def time_expression(self, sigma: Any) -> Any:
        """σ."""
        return sigma


@dataclass(frozen=True)
class FlowMatching(Schedule):
    """Linear interpolation `X = (1 − u)X₀ + uZ` on `u ∈ [0, 1]`: `σ = u/(1 − u)`."""

    name: ClassVar[str] = "flow"
    variance_preserving: ClassVar[bool] = False

    @property
    def last_time(self) -> float:
        """The schedule ends at `u = 1`, where σ is infinite."""
        return 1.0

    def _sigma(self, time: Array) -> Array:
        return time / (1 - time)

    def _time(self, sigma: Array) -> Array:
        return np.where(np.isinf(sigma), 1.0, sigma / (1 + sigma))

    def signal(self, time: ArrayLike) -> Array:
        """`1 − u`; any shape."""
        return 1 / (1 + self.sigma(time))

    def noise(self, time: ArrayLike) -> Array:
        """`u`; any shape."""
        return 1 - self.signal(time)

    def sigma_expression(self, time: Any) -> Any:
        """`u/(1 − u)`."""
        return time / (1 - time)

    def time_expression(self, sigma: Any) -> Any:
        """`σ/(1 + σ)`."""
        return sigma / (1 + sigma)


@dataclass(frozen=True)
class DDPM(Schedule):
    """Discrete DDPM: after `n` steps `t_n = −½ log ᾱ_n`, `ᾱ_n = Π_{i≤n} (1 − β_i)`.

    `kind` is `linear` (β linear) or `scaled_linear` (√β linear), as in diffusers. Between two steps
    the Ornstein–Uhlenbeck time is linear in the step, which makes the inverse exact. `n` counts
    applied steps from 1, so it is diffusers' timestep plus one, and `n = 0` is clean data.
    """

    name: ClassVar[str] = "ddpm"
    kind: Literal["linear", "scaled_linear"] = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    steps: int = 1000

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "scaled_linear"):
            raise ValueError("kind: must be 'linear' or 'scaled_linear'")
        if self.steps < 2:
            raise ValueError("steps: must be at least 2")
        if not 0 < self.beta_start < self.beta_end < 1:
            raise ValueError("beta_start, beta_end: need 0 < beta_start < beta_end < 1")

    @property
    def last_time(self) -> float:
        """The schedule ends after all steps."""
        return float(self.steps)

    @cached_property
    def betas(self) -> Array:
        """`β_1 … β_N`, shape (steps,)."""
        if self.kind == "linear":
            return frozen(np.linspace(self.beta_start, self.beta_end, self.steps, dtype=np.float64))
        roots: Array = np.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps, dtype=np.float64)
        return frozen(roots * roots)

    @cached_property
    def _ou_times(self) -> Array:
        times: Array = -0.5 * np.cumsum(np.log1p(-self.betas))
        return frozen(np.concatenate([np.zeros(1), times]))

    def _sigma(self, time: Array) -> Array:
        return _OU.sigma(np.interp(time, np.arange(self.steps + 1), self._ou_times))

    def _time(self, sigma: Array) -> Array:
        return np.interp(_OU.time(sigma), self._ou_times, np.arange(self.steps + 1))

    def beta_expression(self, step: Any) -> Any:
        """`β_n` as an exact SymPy expression of the step number."""
        from ._support.untyped import sympy

        first, last = sympy.nsimplify(self.beta_start), sympy.nsimplify(self.beta_end)
        place = (step - 1) / sympy.Integer(self.steps - 1)
        if self.kind == "linear":
            return first + (last - first) * place
        root = sympy.sqrt(first) + (sympy.sqrt(last) - sympy.sqrt(first)) * place
        return root**2

    def ou_time_expression(self, step: Any) -> Any:
        """`t_n = −½ Σ_{i≤n} log(1 − β_i)`, unevaluated."""
        from ._support.untyped import sympy

        index = sympy.Symbol("i", integer=True, positive=True)
        return -sympy.Sum(sympy.log(1 - self.beta_expression(index)), (index, 1, step)) / 2

    def sigma_expression(self, time: Any) -> Any:
        """`√(1/ᾱ_n − 1)` at the whole step `time = n`."""
        return _OU.sigma_expression(self.ou_time_expression(time))

    def time_expression(self, sigma: Any) -> Any:
        """`n + (t − t_n)/(t_{n} − t_{n−1})`, with the free symbol `n` the step that σ falls in."""
        from ._support.untyped import sympy

        step = sympy.Symbol("n", integer=True, positive=True)
        length = -sympy.log(1 - self.beta_expression(step)) / 2
        return step + (_OU.time_expression(sigma) - self.ou_time_expression(step)) / length


@dataclass(frozen=True)
class StableDiffusion(DDPM):
    """The schedule of Stable Diffusion 1.5: `√β` linear from `√0.00085` to `√0.012`, 1000 steps."""

    name: ClassVar[str] = "sd15"
    kind: Literal["linear", "scaled_linear"] = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012


CLOCKS: dict[str, Schedule] = {
    "ou": OrnsteinUhlenbeck(),
    "edm": EDM(),
    "ddpm": DDPM(),
    "sd15": StableDiffusion(),
    "vp-linear": VPLinear(),
    "cosine": Cosine(),
    "flow": FlowMatching(),
}
"""The clocks that the command line knows, by name."""


def by_name(name: str) -> Schedule:
    """Return the clock called `name`; raises `ValueError` naming the known ones."""
    try:
        return CLOCKS[name]
    except KeyError:
        raise ValueError(f"clock: {name!r} is not one of {', '.join(CLOCKS)}") from None
