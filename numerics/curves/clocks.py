"""A curve in the clock of a schedule: its levels' times, and its rate per unit of that time (T1)."""

import numpy as np
import xarray as xr

from ...theory.schedules import Schedule

__all__ = ["to_clock"]


def to_clock(curve: xr.Dataset, schedule: Schedule) -> xr.Dataset:
    """The curve with the times of a schedule, and rates per unit of that time.

    Times convert exactly, rates with the Jacobian:

        dH/d time = dH/dt · (dt/d log σ)/(d time/d log σ),      dt/d log σ = σ²/(1 + σ²).

    The place of a peak depends on the clock it is a density in, so it is another one in `rate_per_time`.

    Parameters
    ----------
    curve : xarray.Dataset
        Over `sigma`, maybe with `rate` (per unit OU time) and `rate_se`.
    schedule : Schedule
        Of `speciation.theory.schedules`.

    Returns
    -------
    xarray.Dataset
        With the coordinate `time`, the attribute `clock` and, where there is a rate, `rate_per_time` (nats
        per unit of time, negative where the time falls with σ) and `rate_per_time_se`; NaN at levels that
        the schedule does not reach.

    Raises
    ------
    ValueError
        A schedule that reaches none of the levels, with its end named.

    References
    ----------
    T1.
    """
    sigma = curve.sigma.values
    time = np.asarray(schedule.time(sigma))
    if np.isnan(time).all():
        schedule.check_sigma(sigma, "clock")
    about = {"long_name": f"time of the {schedule.name} clock", "units": "1"}
    found = curve.assign_coords(time=("sigma", time, about)).assign_attrs(clock=schedule.name)
    if "rate" not in curve:
        return found
    slope = np.asarray(schedule.time_slope(sigma))
    factor = xr.DataArray(1 / (1 + sigma**-2.0) / slope, dims="sigma")
    units = f"nats per unit of {schedule.name} time"
    found["rate_per_time"] = curve["rate"] * factor
    found["rate_per_time"].attrs = {
        "long_name": f"entropy rate per unit {schedule.name} time",
        "units": units,
    }
    if "rate_se" in curve:
        found["rate_per_time_se"] = curve["rate_se"] * np.abs(factor)
        found["rate_per_time_se"].attrs = {"long_name": "standard error of rate_per_time", "units": units}
    return found
