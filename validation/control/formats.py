"""Grids and intervals in the words of the programs that will use them.

sigmas      N + 1 values that end in 0: k-diffusion, ComfyUI's SIGMAS, diffusers' Euler `sigmas=`
timesteps   whole steps of a table, falling: `set_timesteps(timesteps=…)` of DPM-Solver
flow        N values of u before the scheduler's shift: `FlowMatchEulerDiscreteScheduler`
edm         N places of a ramp in [0, 1]: `EDMEulerScheduler.set_timesteps(N, sigmas=tensor)`
guider      `start`, `stop` with int(start·N) the first guided step and int(stop·N) the one after the last
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...theory import schedules
from ...theory._support.aliases import Fields

__all__ = [
    "FORMATS",
    "all_formats",
    "edm_ramp",
    "flow_sigmas",
    "guided_steps",
    "guider_fractions",
    "table_steps",
]

Array = NDArray[np.float64]

FORMATS = ("sigmas", "timesteps", "flow", "edm", "guider", "steps", "interval", "json")
"""What `--format` prints."""


def with_end(sigmas: ArrayLike) -> list[float]:
    """The levels and the 0 that a run ends in."""
    return [*np.asarray(sigmas, dtype=np.float64).tolist(), 0.0]


def table_steps(sigmas: ArrayLike, table: schedules.Schedule) -> list[int]:
    """The whole steps of a table (`Spaced`, from 0) nearest to the levels, falling, each once.

    Raises
    ------
    ValueError
        A level beyond the table's ends.
    """
    levels = table.check_sigma(sigmas, "sigmas")
    return np.unique(np.round(table.time(levels)).astype(int))[::-1].tolist()


def flow_sigmas(sigmas: ArrayLike, shift: float = 1.0) -> list[float]:
    """The time of a flow at each level before the shift, which the scheduler applies itself."""
    return np.asarray(schedules.FlowMatching(shift).time(sigmas)).tolist()


def edm_ramp(sigmas: ArrayLike, sigma_min: float, sigma_max: float, rho: float = 7.0) -> list[float]:
    """Places in [0, 1] of Karras's ramp, from the scheduler's `sigma_max` to its `sigma_min`.

    Raises
    ------
    ValueError
        A level beyond these.
    """
    levels = np.asarray(sigmas, dtype=np.float64)
    slack = 1 + 1e-12
    if (levels > sigma_max * slack).any() or (levels * slack < sigma_min).any():
        raise ValueError(f"sigmas: the scheduler runs from {sigma_max:g} to {sigma_min:g}, and not beyond")
    root, low, high = (each ** (1 / rho) for each in (levels, sigma_min, sigma_max))
    # a sum with 0 is never −0, which would be printed as such
    return (np.clip((root - high) / (low - high), 0.0, 1.0) + 0.0).tolist()


def guided_steps(sigmas: ArrayLike, low: float, high: float) -> tuple[int, int] | None:
    """First and last step of a falling grid with `low < σ <= high`, or `None`."""
    levels = np.asarray(sigmas, dtype=np.float64)
    inside = np.flatnonzero((levels > low) & (levels <= high))
    return (int(inside[0]), int(inside[-1])) if inside.size else None


def guider_fractions(first: int, last: int, steps: int) -> tuple[float, float]:
    """`start`, `stop` of a guider whose `int(start·N)` is `first` and `int(stop·N)` is `last + 1`.

    Half a step is added, so that no rounding takes one away; a run to its end has `stop = 1`.

    Raises
    ------
    ValueError
        Steps that are not of the run.
    """
    if not 0 <= first <= last < steps:
        raise ValueError(f"first, last: need 0 <= first <= last < {steps}, not {first}, {last}")
    start = 0.0 if first == 0 else (first + 0.5) / steps
    return start, 1.0 if last + 1 == steps else (last + 1.5) / steps


def all_formats(
    sigmas: ArrayLike,
    interval: tuple[float, float] | None,
    shift: float = 1.0,
    table: schedules.Schedule | None = None,
) -> Fields:
    """One grid and one interval in every format; steps of a table where one is given that reaches so far.

    Without an interval, `interval`, `steps` and `guider` are `None`.
    """
    levels = np.asarray(sigmas, dtype=np.float64)
    pair = None if interval is None else guided_steps(levels, *interval)
    found: Fields = {
        "sigmas": with_end(levels),
        "flow": flow_sigmas(levels, shift),
        "edm": edm_ramp(levels, float(levels[-1]), float(levels[0])),
        "interval": None if interval is None else {"sigma_start": interval[1], "sigma_end": interval[0]},
        "steps": None if pair is None else list(pair),
        "guider": None,
    }
    if pair is not None:
        start, stop = guider_fractions(*pair, levels.size)
        found["guider"] = {"start": start, "stop": stop}
    if table is not None:
        found["timesteps"] = table_steps(levels, table)
    return found
