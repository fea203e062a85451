"""Schedules given step by step: DDPM's rates, and any table of ᾱ."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr
from .._support.real_numbers import real_numbers
from .._support.values import ByContent, frozen
from .base import Schedule, ou_of, sigma_of
from .continuous import OrnsteinUhlenbeck

__all__ = ["DDPM", "StableDiffusion", "Table"]

Array = NDArray[np.float64]

_OU = OrnsteinUhlenbeck()


@dataclass(frozen=True)
class _Stepwise(Schedule):
    """Ornstein–Uhlenbeck times of the steps, `t_0 = 0` first; between two steps t is linear in the step."""

    @abstractmethod
    def _steps(self) -> Array: ...

    @cached_property
    def _ou_times(self) -> Array:
        return frozen(np.concatenate([np.zeros(1), self._steps()]))

    @property
    def last_time(self) -> float:
        """The schedule ends after all steps."""
        return float(self._ou_times.size - 1)

    def _sigma(self, time: Array) -> Array:
        return sigma_of(np.interp(time, np.arange(self._ou_times.size), self._ou_times))

    def _time(self, sigma: Array) -> Array:
        return np.interp(ou_of(sigma), self._ou_times, np.arange(self._ou_times.size))

    def _time_slope(self, sigma: Array) -> Array:
        # at a step, where the slope jumps, that of the step's both sides
        times, own = self._ou_times, ou_of(sigma)
        tolerance = 1e-12 * own
        before = np.clip(np.searchsorted(times, own - tolerance), 1, times.size - 1) - 1
        after = np.clip(np.searchsorted(times, own + tolerance), 1, times.size - 1)
        return (after - before) / (times[after] - times[before]) / (1 + sigma**-2.0)


@dataclass(frozen=True)
class DDPM(_Stepwise):
    """Discrete DDPM: after `n` steps `t_n = −½ log ᾱ_n`, `ᾱ_n = Π_{i≤n} (1 − β_i)`.

    Between two steps the Ornstein–Uhlenbeck time is linear in the step, which makes the inverse exact. `n`
    counts applied steps from 1, so it is diffusers' timestep plus one, and `n = 0` is clean data.

    Parameters
    ----------
    kind : {"linear", "scaled_linear"}
        Whether β or √β is linear in the step, as in diffusers.
    beta_start, beta_end : float
        Rates of the first and the last step.
    steps : int
        Number of steps N.

    Raises
    ------
    ValueError
        An unknown kind, fewer than two steps, or rates that do not satisfy `0 < beta_start < beta_end < 1`.

    References
    ----------
    T1; Ho, Jain, Abbeel, NeurIPS 2020.
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

    @cached_property
    def betas(self) -> Array:
        """`β_1 … β_N`, shape (steps,)."""
        if self.kind == "linear":
            return frozen(np.linspace(self.beta_start, self.beta_end, self.steps, dtype=np.float64))
        roots: Array = np.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps, dtype=np.float64)
        return frozen(roots * roots)

    def _steps(self) -> Array:
        return -0.5 * np.cumsum(np.log1p(-self.betas))

    def beta_expression(self, step: Expr) -> Expr:
        """The rate `β_n`, exact.

        Parameters
        ----------
        step : SymPy expression
            Number of steps n, from 1 to N.

        Returns
        -------
        SymPy expression
        """
        from .._support.untyped import sympy

        first, last = sympy.nsimplify(self.beta_start), sympy.nsimplify(self.beta_end)
        place = (step - 1) / sympy.Integer(self.steps - 1)
        if self.kind == "linear":
            return first + (last - first) * place
        root = sympy.sqrt(first) + (sympy.sqrt(last) - sympy.sqrt(first)) * place
        return root**2

    def ou_time_expression(self, step: Expr) -> Expr:
        """Ornstein–Uhlenbeck time `t_n = −½ Σ_{i≤n} log(1 − β_i)`, a sum that SymPy leaves unevaluated.

        Parameters
        ----------
        step : SymPy expression
            Number of steps n, from 1 to N.

        Returns
        -------
        SymPy expression
        """
        from .._support.untyped import sympy

        index = sympy.Symbol("i", integer=True, positive=True)
        return -sympy.Sum(sympy.log(1 - self.beta_expression(index)), (index, 1, step)) / 2

    def sigma_expression(self, time: Expr) -> Expr:
        """`√(1/ᾱ_n − 1)` at the whole step `time = n`."""
        return _OU.sigma_expression(self.ou_time_expression(time))

    def time_expression(self, sigma: Expr) -> Expr:
        """`n + (t − t_n)/(t_{n} − t_{n−1})`, with the free symbol `n` the step that σ falls in."""
        from .._support.untyped import sympy

        step = sympy.Symbol("n", integer=True, positive=True)
        length = -sympy.log(1 - self.beta_expression(step)) / 2
        return step + (_OU.time_expression(sigma) - self.ou_time_expression(step)) / length


@dataclass(frozen=True)
class StableDiffusion(DDPM):
    """The schedule of Stable Diffusion 1.5: `√β` linear from `√0.00085` to `√0.012`, 1000 steps.

    Parameters
    ----------
    kind, beta_start, beta_end, steps
        As for `DDPM`.

    Raises
    ------
    ValueError
        As `DDPM`.

    References
    ----------
    T1.
    """

    name: ClassVar[str] = "sd15"
    kind: Literal["linear", "scaled_linear"] = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012


@dataclass(frozen=True, eq=False)
class Table(ByContent, _Stepwise):
    """Any table of `ᾱ_1 … ᾱ_N`, as a scheduler's `alphas_cumprod`: `t_n = −½ log ᾱ_n`, `σ_n = √(1/ᾱ_n − 1)`.

    `n` counts applied steps from 1, `n = 0` is clean data, and t is linear between two steps. A last step of
    pure noise, ᾱ = 0, is left out.

    Parameters
    ----------
    alphas_cumprod : array_like, shape (N,)
        Strictly falling, from below 1.

    Raises
    ------
    ValueError
        A table that is not one row, or does not fall from below 1 to above 0.
    """

    name: ClassVar[str] = "table"
    alphas_cumprod: ArrayLike

    def __post_init__(self) -> None:
        alphas = real_numbers(self.alphas_cumprod, "alphas_cumprod")
        if alphas.ndim != 1:
            raise ValueError(f"alphas_cumprod: need one row of numbers, not shape {alphas.shape}")
        if alphas.size and alphas[-1] == 0:
            alphas = frozen(alphas[:-1].copy())
        if alphas.size < 2:
            raise ValueError(f"alphas_cumprod: need at least 2 steps short of pure noise, not {alphas.size}")
        if not (alphas[0] < 1 and alphas[-1] > 0 and (np.diff(alphas) < 0).all()):
            rises = np.flatnonzero(np.diff(alphas) >= 0)
            where = f"; it does not from step {rises[0] + 1} to {rises[0] + 2}" if rises.size else ""
            raise ValueError(f"alphas_cumprod: must fall at every step, from below 1 to above 0{where}")
        object.__setattr__(self, "alphas_cumprod", alphas)

    def _steps(self) -> Array:
        return -0.5 * np.log(np.asarray(self.alphas_cumprod, dtype=np.float64))
