"""Noise levels in the units of programs: the clocks of `speciation clock`, by name or from a file.

Beside the clocks of `theory.schedules` there are the steps of grids. `steps:N:GRID` is the number of a
step, from 0 at the least noise, as DiT's loop counts; `fraction:GRID:N` is the share of a run that is done,
from 0 at the most noise, as guiders count. `ddpm`, `sd15` and a file's table are the step that the network
is given, from 0: one less than the number of applied steps that `schedules.DDPM` counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory import schedules
from ...theory._support.plain_numbers import plain_number
from ...theory._support.values import ByContent, freeze
from .scheduler_files import schedule_of_file

__all__ = ["GRIDS", "Conversion", "clock_of", "convert_levels", "split_names", "values_of", "whole_steps"]

Array = NDArray[np.float64]

_UNITS = {
    "edm": "σ, the noise-to-signal ratio",
    "sigma": "σ, the noise-to-signal ratio",
    "ou": "Ornstein-Uhlenbeck time ½ log(1 + σ²)",
    "logsnr": "log(signal²/noise²), natural; falls with σ",
    "flow": "u from 0 (clean) to 1 (noise)",
    "flow-sit": "1 − u, from 0 (noise) to 1 (clean), as SiT and LightningDiT count",
    "cosine": "s from 0 (clean) to 1 (noise)",
    "vp": "s from 0 (clean) to 1 (noise)",
    "ddpm": "step of 1000 that the network is given, from 0 (clean)",
    "sd15": "step of 1000 that the network is given, from 0 (clean)",
    "steps": "step of the grid, from 0 at its least noise",
    "fraction": "share of the run that is done, from 0 at the most noise",
}


def _of_table(parent: schedules.Schedule) -> Callable[[int], tuple[schedules.Schedule, Array]]:
    def spaced(steps: int) -> tuple[schedules.Schedule, Array]:
        if steps > parent.last_time:
            raise ValueError(f"has {parent.last_time:g} steps, fewer than {steps}")
        # whole steps of the network, at equal distances up to rounding, as DiT takes them
        return parent, 1 + np.round(np.linspace(0, parent.last_time - 1, steps))

    return spaced


def _karras(steps: int) -> tuple[schedules.Schedule, Float64[Array, " {steps}"]]:
    grid = schedules.karras(steps)
    return grid.parent, np.asarray(grid.times)


def _log_uniform(steps: int) -> tuple[schedules.Schedule, Float64[Array, " {steps}"]]:
    return schedules.LogSNR(), -2 * np.linspace(np.log(0.002), np.log(80.0), steps)


def _flow(shift: float) -> Callable[[int], tuple[schedules.Schedule, Array]]:
    return lambda steps: (schedules.FlowMatching(shift), np.linspace(1 / steps, 1, steps))


GRIDS: dict[str, Callable[[int], tuple[schedules.Schedule, Array]]] = {
    "ddpm": _of_table(schedules.DDPM()),
    "sd15": _of_table(schedules.StableDiffusion()),
    "karras": _karras,
    "log": _log_uniform,
    "flow": _flow(1.0),
}
"""Grids of N steps by name: the clock they are spaced in, and their times; karras, log from 0.002 to 80."""


def clock_of(name: str) -> schedules.Schedule:
    """The clock of a name, a scheduler's folder or a file of ᾱ; `ValueError` that says what there is."""
    kind, _, rest = name.partition(":")
    if kind == "sigma" and not rest:
        return schedules.EDM()
    if name in ("ddpm", "sd15"):
        table = schedules.by_name(name)
        return _named(schedules.Spaced(table, np.arange(1, table.last_time + 1)), name)
    if kind in ("steps", "fraction"):
        return _named(_grid(name), name)
    if (any(mark in name for mark in "/\\.") and "=" not in name) or Path(name).exists():
        path = Path(name)
        if not path.exists():
            raise ValueError(f"clock: {name}: there is no such file or folder")
        return _named(schedule_of_file(path), name)
    try:
        return schedules.by_name(name)
    except ValueError as error:
        if "is not one of" not in str(error):
            raise
        more = "steps:N, steps:N:GRID, fraction:GRID:N, or a scheduler's folder or file of alphas_cumprod"
        raise ValueError(f"{error}, sigma, {more}") from None


def _named(clock: schedules.Schedule, name: str) -> schedules.Schedule:
    object.__setattr__(clock, "name", name)  # what messages call it
    return clock


def _grid(name: str) -> schedules.Schedule:
    kind, *parts = name.split(":")
    form = "steps:N or steps:N:GRID" if kind == "steps" else "fraction:GRID:N"
    if kind == "steps":
        count, grid = (*parts, "ddpm")[:2] if 1 <= len(parts) <= 2 else ("", "")
    else:
        grid, count = parts if len(parts) == 2 else ("", "")
    if not (count.isascii() and count.isdigit() and 2 <= len(count.lstrip("0")) + 1 <= 7) or int(count) < 2:
        raise ValueError(f"clock: {name!r} is not {form} with N >= 2")
    if grid not in GRIDS:
        raise ValueError(f"clock: {name!r}: the grid {grid!r} is not one of {', '.join(GRIDS)}")
    try:
        parent, times = GRIDS[grid](int(count))
    except ValueError as error:
        raise ValueError(f"clock: {name!r}: {grid} {error}") from None
    share = kind == "fraction"
    return schedules.Spaced(parent, times, from_noise=share, unit=1 / int(count) if share else 1.0)


def values_of(text: str) -> tuple[Float64[Array, " values"], bool]:
    """Numbers of `1.5`, `a,b,c` or `a:b`, and whether they are an interval; `ValueError` otherwise."""
    parts = text.split(":" if ":" in text else ",")
    try:
        numbers = np.array([plain_number(part) for part in parts])
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all() or (":" in text and len(parts) != 2):
        raise ValueError(f"value: {text!r} is not a number, a list a,b,c or an interval a:b")
    return numbers, ":" in text


def split_names(text: str) -> list[str]:
    """Names between commas; settings of one clock, as `vp:beta_start=1,beta_end=9`, stay together."""
    names: list[str] = []
    for part in text.split(","):
        if names and "=" in part and ":" not in part:
            names[-1] += f",{part}"
        else:
            names.append(part.strip())
    if not all(names):
        raise ValueError(f"to: {text!r} is not a list of clocks")
    return names


@dataclass(frozen=True, eq=False)
class Conversion(ByContent):
    """Noise levels, and what each clock calls them."""

    sigma: Float64[Array, " values"]
    times: Mapping[str, Float64[Array, " values"]]
    steps: Mapping[str, tuple[int, int] | None]

    def __post_init__(self) -> None:
        freeze(self)

    def units(self) -> dict[str, str]:
        """What the numbers of each clock are."""
        return {name: _unit_of(name) for name in self.times}


def convert_levels(
    values: Float64[Array, " values"], source: str, targets: list[str], interval: bool = False
) -> Conversion:
    """Times of one clock in others, with the whole steps inside an interval.

    Raises
    ------
    ValueError
        A clock that there is not, or a value beyond the end of one, with the end named.
    """
    clock = clock_of(source)
    sigma = np.asarray(clock.sigma(clock.check_time(values, "value")))
    times: dict[str, Array] = {}
    steps: dict[str, tuple[int, int] | None] = {}
    for name in targets:
        target = clock_of(name)
        times[name] = np.asarray(target.time(target.check_sigma(sigma, "value")))
        if interval and isinstance(target, schedules.Spaced):
            steps[name] = whole_steps(target, float(sigma.min()), float(sigma.max()))
    return Conversion(sigma, times, steps)


def whole_steps(grid: schedules.Spaced, low: float, high: float) -> tuple[int, int] | None:
    """First and last step of a grid with `low < σ <= high`, by number, or `None` where there is none."""
    places = np.arange(np.asarray(grid.times).size)
    sigma = np.asarray(grid.sigma(places * grid.unit))
    inside = places[(sigma > low * (1 + 1e-12)) & (sigma <= high * (1 + 1e-12))]
    return (int(inside[0]), int(inside[-1])) if inside.size else None


def _unit_of(name: str) -> str:
    kind, _, settings = name.partition(":")
    unit: object = _UNITS.get(kind)
    if unit is None:
        return "time of the schedule"
    return f"{unit}, before the shift" if "shift" in settings else unit
