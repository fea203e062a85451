"""Schedules with a closed form both ways: Ornstein–Uhlenbeck, linear rates, cosine, EDM, exploding, flow."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr
from .base import Schedule, ou_of, sigma_of

__all__ = [
    "EDM",
    "Cosine",
    "FlowMatching",
    "LogSNR",
    "OrnsteinUhlenbeck",
    "SubVP",
    "VPLinear",
    "VarianceExploding",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OrnsteinUhlenbeck(Schedule):
    """The reference clock `dX = −X dt + √2 dW`: `σ = √(e^{2t} − 1)`, `t = ½ log(1 + σ²)`.

    References
    ----------
    T1.
    """

    name: ClassVar[str] = "ou"

    def _sigma(self, time: Array) -> Array:
        return sigma_of(time)

    def _time(self, sigma: Array) -> Array:
        return ou_of(sigma)

    def _time_slope(self, sigma: Array) -> Array:
        return 1 / (1 + sigma**-2.0)

    def sigma_expression(self, time: Expr) -> Expr:
        """`√(e^{2t} − 1)`."""
        from .._support.untyped import sympy

        return sympy.sqrt(sympy.exp(2 * time) - 1)

    def time_expression(self, sigma: Expr) -> Expr:
        """`½ log(1 + σ²)`."""
        from .._support.untyped import sympy

        return sympy.log(1 + sigma**2) / 2


_OU = OrnsteinUhlenbeck()


@dataclass(frozen=True)
class VPLinear(Schedule):
    """Variance preserving with a linear rate on `s ∈ [0, 1]`: `t = ½β₀s + ¼(β₁ − β₀)s²`.

    Parameters
    ----------
    beta_start, beta_end : float
        Rates β₀ at clean data and β₁ at the end.

    Raises
    ------
    ValueError
        Rates that do not satisfy `0 < beta_start < beta_end`.

    References
    ----------
    T1.
    """

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
        return sigma_of(self.beta_start * time / 2 + slope * time * time / 4)

    def _time(self, sigma: Array) -> Array:
        t = ou_of(sigma)
        slope = self.beta_end - self.beta_start
        # the root of a quadratic, in the form that does not cancel at small t
        return 4 * t / (self.beta_start + np.sqrt(self.beta_start**2 + 4 * slope * t))

    def _time_slope(self, sigma: Array) -> Array:
        # d time/dt = 2/β(s), and β(s)² = β₀² + 4(β₁ − β₀)t
        rate = np.sqrt(self.beta_start**2 + 4 * (self.beta_end - self.beta_start) * ou_of(sigma))
        return 2 / rate / (1 + sigma**-2.0)

    def sigma_expression(self, time: Expr) -> Expr:
        """`√(e^{2t(s)} − 1)` with `t(s) = ½β₀s + ¼(β₁ − β₀)s²`."""
        start, slope = self.rate_expression()
        return _OU.sigma_expression(start * time / 2 + slope * time**2 / 4)

    def time_expression(self, sigma: Expr) -> Expr:
        """`4t/(β₀ + √(β₀² + 4(β₁ − β₀)t))` with `t = ½ log(1 + σ²)`."""
        from .._support.untyped import sympy

        t = _OU.time_expression(sigma)
        start, slope = self.rate_expression()
        return 4 * t / (start + sympy.sqrt(start**2 + 4 * slope * t))

    def rate_expression(self) -> tuple[Expr, Expr]:
        """`β₀` and `β₁ − β₀`, exact.

        Returns
        -------
        start, slope : SymPy numbers
        """
        from .._support.untyped import sympy

        start = sympy.nsimplify(self.beta_start)
        return start, sympy.nsimplify(self.beta_end) - start


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine schedule on `s ∈ [0, 1]`: `ᾱ = cos²θ/cos²θ₀`, `θ = (s + ε)π/(2(1 + ε))`, `θ₀ = θ(0)`.

    Parameters
    ----------
    offset : float
        ε ≥ 0.

    Raises
    ------
    ValueError
        An offset that is negative or not finite.

    References
    ----------
    T1; Nichol, Dhariwal, ICML 2021.
    """

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

    def _time_slope(self, sigma: Array) -> Array:
        # t = log(cos θ₀/cos θ), so dt/dθ = tan θ = √(σ² + sin²θ₀)/cos θ₀
        start, per_time = self._angle
        return np.cos(start) / np.hypot(sigma, np.sin(start)) / per_time / (1 + sigma**-2.0)

    def sigma_expression(self, time: Expr) -> Expr:
        """`√(cos²θ₀/cos²θ − 1)`."""
        from .._support.untyped import sympy

        offset = sympy.nsimplify(self.offset)
        per_time = sympy.pi / (2 * (1 + offset))
        start = offset * per_time
        return sympy.sqrt(sympy.cos(start) ** 2 / sympy.cos(start + time * per_time) ** 2 - 1)

    def time_expression(self, sigma: Expr) -> Expr:
        """`(arccos(cos θ₀/√(1 + σ²)) − θ₀)/(dθ/ds)`."""
        from .._support.untyped import sympy

        offset = sympy.nsimplify(self.offset)
        per_time = sympy.pi / (2 * (1 + offset))
        start = offset * per_time
        return (sympy.acos(sympy.cos(start) / sympy.sqrt(1 + sigma**2)) - start) / per_time


@dataclass(frozen=True)
class EDM(Schedule):
    """The clock of Karras et al.: `X = X₀ + σZ`; the time is σ itself.

    References
    ----------
    T1; K22.
    """

    name: ClassVar[str] = "edm"
    variance_preserving: ClassVar[bool] = False

    def _sigma(self, time: Array) -> Array:
        return time

    def _time(self, sigma: Array) -> Array:
        return sigma

    def _time_slope(self, sigma: Array) -> Array:
        return sigma

    def sigma_expression(self, time: Expr) -> Expr:
        """σ."""
        return time

    def time_expression(self, sigma: Expr) -> Expr:
        """σ."""
        return sigma


@dataclass(frozen=True)
class VarianceExploding(Schedule):
    """Geometric noise levels on `s ∈ [0, 1]`: `X = X₀ + σZ`, `σ = σ₀ (σ₁/σ₀)^s`.

    Parameters
    ----------
    sigma_min, sigma_max : float
        Noise levels σ₀ at `s = 0` and σ₁ at `s = 1`, `0 < σ₀ < σ₁`.

    Raises
    ------
    ValueError
        Noise levels out of order or not finite.

    References
    ----------
    T1; Song et al., ICLR 2021.
    """

    name: ClassVar[str] = "ve"
    variance_preserving: ClassVar[bool] = False
    sigma_min: float = 0.01
    sigma_max: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < np.inf:
            raise ValueError("sigma_min, sigma_max: need 0 < sigma_min < sigma_max")

    @property
    def last_time(self) -> float:
        """The schedule ends at `s = 1`."""
        return 1.0

    @property
    def _length(self) -> float:
        return float(np.log(self.sigma_max / self.sigma_min))

    def _sigma(self, time: Array) -> Array:
        return self.sigma_min * np.exp(time * self._length)

    def _time(self, sigma: Array) -> Array:
        return np.log(sigma / self.sigma_min) / self._length

    def _time_slope(self, sigma: Array) -> Array:
        return np.full_like(sigma, 1 / self._length)

    def sigma_expression(self, time: Expr) -> Expr:
        """`σ₀ (σ₁/σ₀)^s`."""
        low, high = self._ends()
        return low * (high / low) ** time

    def time_expression(self, sigma: Expr) -> Expr:
        """`log(σ/σ₀)/log(σ₁/σ₀)`."""
        from .._support.untyped import sympy

        low, high = self._ends()
        return sympy.log(sigma / low) / sympy.log(high / low)

    def _ends(self) -> tuple[Expr, Expr]:
        from .._support.untyped import sympy

        return sympy.nsimplify(self.sigma_min), sympy.nsimplify(self.sigma_max)


@dataclass(frozen=True)
class SubVP(Schedule):
    """Song's sub-VP: `a = e^{−t}`, `b = 1 − e^{−2t}`, so `σ = 2 sinh t`, with t as in `VPLinear`.

    Parameters
    ----------
    beta_start, beta_end : float
        Rates at clean data and at the end.

    Raises
    ------
    ValueError
        As `VPLinear`.

    References
    ----------
    T1; Song et al., ICLR 2021.
    """

    name: ClassVar[str] = "sub-vp"
    variance_preserving: ClassVar[bool] = False
    beta_start: float = 0.1
    beta_end: float = 20.0

    def __post_init__(self) -> None:
        _ = self._vp

    @property
    def _vp(self) -> VPLinear:
        return VPLinear(self.beta_start, self.beta_end)

    @property
    def last_time(self) -> float:
        """The schedule ends at `s = 1`."""
        return 1.0

    def _sigma(self, time: Array) -> Array:
        return 2 * np.sinh(self._vp.ou_time(time))

    def _time(self, sigma: Array) -> Array:
        # the VP schedule is at the same t where its own σ² is e^{2t} − 1, e^t = σ/2 + √(1 + σ²/4)
        t = np.arcsinh(sigma / 2)
        slope = self.beta_end - self.beta_start
        return 4 * t / (self.beta_start + np.sqrt(self.beta_start**2 + 4 * slope * t))

    def _time_slope(self, sigma: Array) -> Array:
        rate = np.sqrt(self.beta_start**2 + 4 * (self.beta_end - self.beta_start) * np.arcsinh(sigma / 2))
        return 2 / rate * (sigma / 2) / np.hypot(1.0, sigma / 2)

    def signal(self, time: ArrayLike) -> Array:
        """`e^{−t}`; any shape."""
        return 1 / np.hypot(1.0, self._vp.sigma(time))

    def noise(self, time: ArrayLike) -> Array:
        """`1 − e^{−2t}`; any shape."""
        return self.signal(time) * self.sigma(time)

    def sigma_expression(self, time: Expr) -> Expr:
        """`2 sinh(½β₀s + ¼(β₁ − β₀)s²)`."""
        from .._support.untyped import sympy

        start, slope = self._vp.rate_expression()
        return 2 * sympy.sinh(start * time / 2 + slope * time**2 / 4)

    def time_expression(self, sigma: Expr) -> Expr:
        """As of `VPLinear`, with `t = asinh(σ/2)`."""
        from .._support.untyped import sympy

        t = sympy.asinh(sigma / 2)
        start, slope = self._vp.rate_expression()
        return 4 * t / (start + sympy.sqrt(start**2 + 4 * slope * t))


@dataclass(frozen=True)
class LogSNR(Schedule):
    """Natural logarithm of the signal-to-noise ratio: `λ = log(a²/b²) = −2 log σ`; it falls with σ.

    References
    ----------
    T1.
    """

    name: ClassVar[str] = "logsnr"
    variance_preserving: ClassVar[bool] = False

    @property
    def first_time(self) -> float:
        """`∞`, clean data."""
        return np.inf

    @property
    def last_time(self) -> float:
        """`−∞`, pure noise."""
        return -np.inf

    def _sigma(self, time: Array) -> Array:
        return np.exp(-time / 2)

    def _time(self, sigma: Array) -> Array:
        return -2 * np.log(sigma)

    def _time_slope(self, sigma: Array) -> Array:
        return np.full_like(sigma, -2.0)

    def sigma_expression(self, time: Expr) -> Expr:
        """`e^{−λ/2}`."""
        from .._support.untyped import sympy

        return sympy.exp(-time / 2)

    def time_expression(self, sigma: Expr) -> Expr:
        """`−2 log σ`."""
        from .._support.untyped import sympy

        return -2 * sympy.log(sigma)


@dataclass(frozen=True)
class FlowMatching(Schedule):
    """Linear interpolation `X = (1 − v)X₀ + vZ` on `u ∈ [0, 1]`, where `v/(1 − v) = σ = shift · u/(1 − u)`.

    The time is `u`, before the shift is applied: a sampler takes equal steps in it. The network itself is
    given `v = σ/(1 + σ)`, the time of a shift of 1.

    Parameters
    ----------
    shift : float
        Above 0; 1 is none, 3 is that of Stable Diffusion 3.
    from_noise : bool
        Count the other way, `1 − u`, as SiT and LightningDiT do: 1 is clean data.

    Raises
    ------
    ValueError
        A shift that is not finite and above 0.

    References
    ----------
    T1.
    """

    name: ClassVar[str] = "flow"
    variance_preserving: ClassVar[bool] = False
    shift: float = 1.0
    from_noise: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.shift < np.inf:
            raise ValueError(f"shift: must be a number > 0, not {self.shift:g}")

    @property
    def first_time(self) -> float:
        """`u = 0`, clean data; from noise, 1."""
        return float(self.from_noise)

    @property
    def last_time(self) -> float:
        """`u = 1`, where σ is infinite; from noise, 0."""
        return 1.0 - float(self.from_noise)

    def _sigma(self, time: Array) -> Array:
        if self.from_noise:
            return self.shift * (1 - time) / time
        return self.shift * time / (1 - time)

    def _time(self, sigma: Array) -> Array:
        sigma = sigma / self.shift
        if self.from_noise:
            return 1 / (1 + sigma)
        return np.where(np.isinf(sigma), 1.0, sigma / (1 + sigma))

    def _time_slope(self, sigma: Array) -> Array:
        # 1/[(1 + x)(1 + 1/x)] with x = σ/shift, which does not overflow as x/(1 + x)² does
        ratio = sigma / self.shift
        return (-1 if self.from_noise else 1) / ((1 + ratio) * (1 + 1 / ratio))

    def signal(self, time: ArrayLike) -> Array:
        """`1/(1 + σ)`; any shape."""
        return 1 / (1 + self.sigma(time))

    def noise(self, time: ArrayLike) -> Array:
        """`σ/(1 + σ)`; any shape."""
        return 1 - self.signal(time)

    def sigma_expression(self, time: Expr) -> Expr:
        """`shift · u/(1 − u)`; from noise, of `1 − u`."""
        u = 1 - time if self.from_noise else time
        return self._factor() * u / (1 - u)

    def time_expression(self, sigma: Expr) -> Expr:
        """`σ/(shift + σ)`; from noise, `shift/(shift + σ)`."""
        shift = self._factor()
        return (shift if self.from_noise else sigma) / (shift + sigma)

    def _factor(self) -> Expr:
        from .._support.untyped import sympy

        return sympy.nsimplify(self.shift)
