"""A phase diagram over the time of another clock (T1): times convert exactly, rates with the Jacobian."""

import numpy as np
import xarray as xr

from ...theory._support.aliases import Fields
from ...theory.schedules import OrnsteinUhlenbeck, Schedule

__all__ = ["in_clock"]

_NOISE = ("ou_time", "t", "sigma")
_OF_VALUES = ("shown_to", "contours")  # attributes in units of the field
_WIDE = 10.0  # largest time over the middle one, from which an axis of positive times is logarithmic


def in_clock(diagram: xr.Dataset, schedule: Schedule, clock: str | None = None) -> xr.Dataset:
    """The diagram with the times of a schedule in place of OU times or σ, where it has such.

    Levels that the schedule does not reach, and σ = 0, are left out; the axis ascends. `rate` becomes per
    unit of the schedule's time, its magnitude where that time falls with σ.

    Parameters
    ----------
    diagram : xarray.Dataset
        Of `phase_diagram` or `grid`.
    schedule : Schedule
        Of `speciation.theory.schedules`.
    clock : str, optional
        What it is called; its own name by default.

    Raises
    ------
    ValueError
        A diagram without an axis of OU times or σ and without a field of times, or a schedule that reaches
        none of its levels.

    References
    ----------
    T1.
    """
    name = str(diagram.attrs.get("name", "this diagram"))
    axis = next((each for each in _NOISE if each in diagram.dims), None)
    if axis is None and "ou_time" not in diagram.data_vars:
        raise ValueError(f"clock: {name} has no axis of noise levels and no times")
    clock = clock or schedule.name
    label = f"time of the {clock} clock"
    if axis is None:
        times = _times(diagram["ou_time"].values, "ou_time", schedule)
        about = {"long_name": f"{label} at which half of the entropy is left", "units": "1"}
        found = diagram.drop_vars("ou_time").assign(time=(diagram["ou_time"].dims, times, about))
        return found.assign_attrs(clock=clock)
    values = diagram[axis].values
    times = _times(values, axis, schedule)
    kept = np.isfinite(times) & (values > 0)
    if not kept.any():
        ends = f"from sigma = {schedule.first_sigma:.6g} to {schedule.last_sigma:.6g}"
        raise ValueError(f"clock: {schedule.name} goes {ends}, where the diagram has no level")
    found = diagram.isel({axis: kept})
    sigma, times = _sigma(values[kept], axis), times[kept]
    for each, field in diagram.data_vars.items():
        if field.ndim == 1:  # a line of the same times
            found[each] = (field.dims, _times(field.values, axis, schedule), field.attrs)
    if "rate" in found:
        found["rate"] = _per_time(found["rate"], sigma, axis, schedule)
        found["rate"].attrs = _rate_words(diagram["rate"], clock)
    wide = times.min() > 0 and times.max() > _WIDE * np.median(times)
    about = {"long_name": label, "units": "1", "scale": "log" if wide else "linear"}
    found = found.rename({axis: "time"}).assign_coords(time=("time", times, about))
    return found.sortby("time").assign_attrs(clock=clock)


def _sigma(values: np.ndarray, axis: str) -> np.ndarray:
    return np.asarray(OrnsteinUhlenbeck().sigma(values)) if axis != "sigma" else values


def _times(values: np.ndarray, axis: str, schedule: Schedule) -> np.ndarray:
    """Times of the schedule, NaN beyond its ends."""
    known = np.where(np.isfinite(values) & (values >= 0), values, np.nan)
    return np.asarray(schedule.time(_sigma(known, axis)))


def _per_time(rate: xr.DataArray, sigma: np.ndarray, axis: str, schedule: Schedule) -> xr.DataArray:
    """A rate per unit OU time as one per unit of the schedule's time."""
    factor = np.abs(1 / (1 + sigma**-2.0) / np.asarray(schedule.time_slope(sigma)))
    return rate * xr.DataArray(factor, dims=axis)


def _rate_words(rate: xr.DataArray, clock: str) -> Fields:
    """Attributes of the rate in the clock: those in OU time, but for values of the rate, as `shown_to` is."""
    what = str(rate.attrs["units"]).replace(" per unit t", "")
    kept = {name: value for name, value in rate.attrs.items() if name not in _OF_VALUES}
    return kept | {"long_name": f"entropy rate in {clock} time", "units": f"{what} per unit of it"}
