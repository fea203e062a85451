"""Variance-preserving schedules of any rate β(s): the integral and its inverse, numerically.

    dX = −½β X ds + √β dW,        t(s) = ½ ∫₀ˢ β(u) du,        σ = √(e^{2t} − 1).

The integral is summed over panels, halved until Gauss's rule of 16 points and of two halves agree. Within a
panel it is taken from the panel's start, so that it keeps its relative precision near s = 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import ApiArray, Expr
from .._support.one_line import one_line
from .._support.real_numbers import real_numbers
from .._support.values import frozen
from .base import Schedule, ou_of, sigma_of

__all__ = ["VariancePreserving"]

Array = NDArray[np.float64]

_NODES, _WEIGHTS = (each / 2 for each in np.polynomial.legendre.leggauss(16))
_PLACES = _NODES + 0.5  # on [0, 1]
_AGREE = 2e-14  # relative difference of the two rules at which a panel is fine enough
_FIRST, _DEEPEST = 8, 52  # panels to begin with, and how often one is halved
_MOST = 20_000  # panels
_ITERATIONS = 80  # bisections, which Newton's steps mostly make unnecessary


@dataclass(frozen=True)
class VariancePreserving(Schedule):
    """Variance preserving with any rate `β(s) > 0` on `s ∈ [0, horizon]`: `t = ½ ∫₀ˢ β`.

    Parameters
    ----------
    beta : callable
        The rate, of a number or of an array of numbers; smooth, or smooth in pieces.
    horizon : float
        Where the schedule ends.

    Raises
    ------
    ValueError
        A rate that is not a positive number everywhere, or whose integral does not converge; a horizon that
        is not a finite number above 0.

    References
    ----------
    T1; with a linear rate it is `VPLinear`, which has a closed form.
    """

    name: ClassVar[str] = "vp"
    beta: Callable[[ApiArray], ApiArray]
    horizon: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.beta):
            raise ValueError("beta: need a function of the time, such as lambda s: 0.1 + 19.9 * s")
        if not 0 < self.horizon < np.inf:
            raise ValueError(f"horizon: must be a finite number > 0, not {self.horizon:g}")
        _ = self._panels

    @property
    def last_time(self) -> float:
        """The schedule ends at its horizon."""
        return float(self.horizon)

    def _rate(self, time: Array) -> Array:
        """β at `time`, asked for all at once, or one by one where that does not work."""
        try:
            found = np.asarray(self.beta(time), dtype=np.float64)
        except Exception:  # a function of one number raises whatever it likes on an array
            found = np.empty(0)
        if found.shape != time.shape:
            try:
                found = real_numbers([self.beta(float(each)) for each in time.ravel()], "beta", finite=False)
            except Exception as error:
                raise ValueError(f"beta: cannot be evaluated: {one_line(error)}") from None
            found = found.reshape(time.shape)
        bad = ~(np.isfinite(found) & (found > 0))
        if bad.any():
            where = float(time[bad].flat[0])
            raise ValueError(f"beta: must be a number > 0 on (0, {self.horizon:g}); at {where:.6g} it is not")
        return found

    def _integral(self, start: Array, end: Array) -> Array:
        """`½ ∫β` from `start` to `end`, each within one panel."""
        width = end - start
        # an integral over nothing asks for no rate at its end, where β may be zero or infinite
        reach = np.where(width > 0, width, (self.horizon - start) / 2)
        places = start[..., None] + reach[..., None] * _PLACES
        return width * (self._rate(places) @ _WEIGHTS) / 2

    @cached_property
    def _panels(self) -> tuple[Array, Array]:
        """Ends of the panels, and t there."""
        open_ = np.linspace(0.0, self.horizon, _FIRST + 1)
        starts, ends = open_[:-1], open_[1:]
        kept: list[tuple[Array, Array]] = []
        for _ in range(_DEEPEST):
            middle = (starts + ends) / 2
            whole = self._integral(starts, ends)
            first, second = self._integral(starts, middle), self._integral(middle, ends)
            fine = np.abs(whole - first - second) <= _AGREE * whole
            kept.append((ends[fine], (first + second)[fine]))
            starts, ends, middle = starts[~fine], ends[~fine], middle[~fine]
            starts, ends = np.concatenate([starts, middle]), np.concatenate([middle, ends])
            if ends.size == 0:
                break
            if ends.size > _MOST:
                raise ValueError("beta: its integral does not converge; it varies too fast")
        else:
            # what is left is narrower than 1e-15 of the horizon around a jump, if the rate is bounded
            left = self._integral(starts, ends)
            if float(left.sum()) > 1e-12 * sum(float(part.sum()) for _, part in kept):
                where = float(starts[np.argmax(left)])
                raise ValueError(f"beta: its integral does not converge near {where:.6g}")
            kept.append((ends, left))
        edges, parts = (np.concatenate(each) for each in zip(*kept, strict=True))
        order = np.argsort(edges)
        times = np.concatenate([[0.0], np.cumsum(parts[order])])
        return frozen(np.concatenate([[0.0], edges[order]])), frozen(times)

    def _ou(self, time: Array) -> Array:
        edges, times = self._panels
        panel = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, edges.size - 2)
        return times[panel] + self._integral(edges[panel], time)

    def _sigma(self, time: Array) -> Array:
        return sigma_of(self._ou(time))

    def _time(self, sigma: Array) -> Array:
        """Newton's steps within the panel that holds t, each kept between the ends known so far."""
        edges, times = self._panels
        target = np.minimum(ou_of(sigma), times[-1])
        panel = np.clip(np.searchsorted(times, target, side="right") - 1, 0, edges.size - 2)
        start, rest = edges[panel], target - times[panel]
        low, high = start.copy(), edges[panel + 1].copy()
        share = rest / (times[panel + 1] - times[panel])
        place = low + share * (high - low)
        for _ in range(_ITERATIONS):
            gap = self._integral(start, place) - rest
            low, high = np.where(gap <= 0, place, low), np.where(gap >= 0, place, high)
            # the slope between: β at the very ends may be zero or infinite
            slope = (
                self._rate(np.clip(place, low + (high - low) * 1e-3, high)) / 2 if np.any(high > low) else 1.0
            )
            with np.errstate(all="ignore"):
                step = place - gap / slope
            inside = (step > low) & (step < high)
            better = np.where(gap == 0, place, np.where(inside, step, (low + high) / 2))
            settled = np.abs(better - place) <= 2 * np.spacing(np.abs(place))
            place = better
            if settled.all():
                break
        return place

    def _time_slope(self, sigma: Array) -> Array:
        return 2 / self._rate(self._time(sigma)) / (1 + sigma**-2.0)

    def sigma_expression(self, time: Expr) -> Expr:
        """`√(e^{2t} − 1)` with `t = ½ ∫β`, an integral that SymPy leaves unevaluated.

        Raises
        ------
        ValueError
            A `beta` that cannot be called with a SymPy symbol.
        """
        from .._support.untyped import sympy

        place = sympy.Symbol("u", nonnegative=True)
        try:
            rate = sympy.nsimplify(sympy.sympify(self.beta(place)))
        except Exception:  # whatever a numerical function raises on a symbol
            return super().sigma_expression(time)
        return sympy.sqrt(sympy.exp(sympy.Integral(rate, (place, 0, time))) - 1)
