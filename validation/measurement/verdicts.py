"""What a curve says in numbers and in one sentence: alone, and against its prediction."""

from typing import Any

import numpy as np
import xarray as xr

from ...numerics.curves.places import PLACES, Place

__all__ = ["AGREE", "numbers_of", "place_in", "sentence_of", "verdict"]

AGREE = 3.0
"""Standard errors within which a measurement and its prediction agree (99.7 % do if both are right)."""


def place_in(curve: xr.Dataset, name: str) -> Place:
    """One of `PLACES` as the dataset holds it."""
    values = (float(curve[name + ending]) for ending in ("", "_low", "_high"))
    return Place(*values, note=str(curve[name].attrs.get("note", "")))


def numbers_of(curve: xr.Dataset) -> dict[str, Any]:
    """The variables without a dimension, by name (`None` for NaN), with their `notes` and `units`."""
    scalars = {str(name): values for name, values in curve.data_vars.items() if values.ndim == 0}
    found: dict[str, Any] = {name: finite(float(values)) for name, values in scalars.items()}
    notes = {name: str(scalars[name].attrs["note"]) for name in PLACES if "note" in scalars[name].attrs}
    units = {
        str(name): values.attrs["units"]
        for name, values in curve.variables.items()
        if "units" in values.attrs
    }
    return found | {"notes": notes, "units": units, "interval": "low to high holds 95 %"}


def finite(value: float) -> float | None:
    """The number, or `None` for NaN and infinity, which JSON does not have."""
    return float(value) if np.isfinite(value) else None


def sentence_of(curve: xr.Dataset) -> str:
    """Where a curve is decided, in words."""
    return _decided(place_in(curve, "median_sigma"), _span(curve)) + _without_peak(curve)


def verdict(measured: xr.Dataset, predicted: xr.Dataset, has_errors: bool) -> tuple[str, bool | None]:
    """One sentence on whether the class is decided where it is predicted, and the same as a truth value.

    Agreement is within `AGREE` standard errors in log σ; of curves without any, within the error of their
    grid. Where there is nothing to compare it is `None`.
    """
    found, expected = place_in(measured, "median_sigma"), place_in(predicted, "median_sigma")
    said, (low, high) = _decided(found, _span(measured)), _span(measured)
    if np.isnan(expected.value):
        agree = bool(np.isnan(found.value))
        said += f", predicted never ({expected.note}): {_words(agree)}"
    elif np.isnan(found.value):
        inside = low <= expected.value <= high
        agree = False if inside else None
        said += f", predicted {expected.value:.4g}" + (
            ": do not agree" if inside else ", outside it: nothing to compare"
        )
    else:
        agree, how = _judged(found, expected, has_errors)
        said += f", predicted {expected.value:.4g}: {_words(agree)} ({how})"
    return said + _without_peak(measured), agree


def _judged(found: Place, expected: Place, has_errors: bool) -> tuple[bool, str]:
    residual = float(np.log(found.value / expected.value))
    error = float(np.hypot(found.log_error, expected.log_error))
    if has_errors and np.isfinite(error):
        count = abs(residual) / error
        many = f"{count:.1f}" if count < 100 else f"{count:.0f}"
        return count <= AGREE, f"{many} standard errors"
    apart = f"{100 * abs(np.expm1(residual)):.2g} % apart"
    if found.low <= expected.high and expected.low <= found.high:
        return True, f"{apart}, within the error of the grid; the curve has no standard errors"
    return False, f"{apart}, more than the error of the grid; the curve has no standard errors"


def _words(agree: bool) -> str:
    return "agree" if agree else "do not agree"


def _decided(place: Place, span: tuple[float, float]) -> str:
    if np.isfinite(place.value):
        return f"decided at σ = {place.value:.4g} (half of the entropy left)"
    where = f"in the measured range (σ from {span[0]:.4g} to {span[1]:.4g})"
    if place.note.startswith("decided above"):
        return f"decided above the measured range (σ from {span[0]:.4g} to {span[1]:.4g})"
    return f"not decided {where}"


def _without_peak(curve: xr.Dataset) -> str:
    place = place_in(curve, "peak_per_log_sigma")
    return "" if np.isfinite(place.value) else f"; no peak in the measured range ({place.note})"


def _span(curve: xr.Dataset) -> tuple[float, float]:
    return float(curve.sigma.min()), float(curve.sigma.max())
