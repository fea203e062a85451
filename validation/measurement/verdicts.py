"""What a curve says in numbers and in one sentence: alone, and against its prediction."""

import numpy as np
import xarray as xr

from ...numerics.curves.places import ABOVE, COARSE, NARROW, NOISY, PLACES, Place
from ...theory._support.aliases import Fields

__all__ = ["AGREE", "clones_of", "numbers_of", "place_in", "sentence_of", "verdict"]

AGREE = 3.0
"""Standard errors within which a measurement and its prediction agree (99.7 % do if both are right)."""

_UNTOLD = (COARSE, NARROW, NOISY)  # what keeps levels from saying whether the class is decided there
_LEVEL = 0.1  # share of H(C) by which levels of what is never decided may be apart


def place_in(curve: xr.Dataset, name: str) -> Place:
    """One of `PLACES` as the dataset holds it."""
    values = (float(curve[name + ending]) for ending in ("", "_low", "_high"))
    return Place(*values, note=str(curve[name].attrs.get("note", "")))


def numbers_of(curve: xr.Dataset) -> Fields:
    """The variables without a dimension, by name (`None` for NaN), with their `notes` and `units`."""
    scalars = {str(name): values for name, values in curve.data_vars.items() if values.ndim == 0}
    found: Fields = {name: finite(float(values)) for name, values in scalars.items()}
    notes = {name: str(scalars[name].attrs["note"]) for name in PLACES if "note" in scalars[name].attrs}
    units = {
        str(name): values.attrs["units"]
        for name, values in curve.variables.items()
        if "units" in values.attrs
    }
    return found | {"notes": notes, "units": units, "interval": "low to high holds 95 %"}


def clones_of(curve: xr.Dataset) -> list[dict[str, float]]:
    """What clones say at each level: their agreement, and the bounds on the entropy that follow from it."""
    names = ("agreement", "posterior_agreement", "entropy", "entropy_lower", "entropy_upper")
    columns = ["sigma", *(name + end for name in names for end in ("", "_se"))]
    values = np.stack([curve[name].values for name in columns], axis=1)
    return [dict(zip(columns, map(float, row), strict=True)) for row in values]


def finite(value: float) -> float | None:
    """The number, or `None` for NaN and infinity, which JSON does not have."""
    return float(value) if np.isfinite(value) else None


def sentence_of(curve: xr.Dataset) -> str:
    """Where a curve is decided, in words."""
    return _decided(place_in(curve, "median_sigma"), _span(curve)) + _without_peak(curve)


def verdict(
    measured: xr.Dataset, predicted: xr.Dataset, has_errors: bool, apart: float = 0.0
) -> tuple[str, bool | None]:
    """One sentence on whether the class is decided where it is predicted, and the same as a truth value.

    Agreement is within `AGREE` standard errors in log σ; of curves without any, within the error of their
    grid. Where the class is predicted to stay undecided it is that of the levels: they may be a tenth of H(C)
    `apart` (nats, beyond their errors). Where there is nothing to compare, or too much noise, it is `None`.
    """
    found, expected = place_in(measured, "median_sigma"), place_in(predicted, "median_sigma")
    said, span = _decided(found, _span(measured)), _span(measured)
    never = np.isnan(expected.value)
    said += f", predicted never ({expected.note})" if never else f", predicted {expected.value:.4g}"
    if np.isnan(found.value) and found.note.startswith(_UNTOLD):
        agree, how = None, ""
    elif never:
        level = apart <= _LEVEL * float(predicted["class_entropy"])
        agree = bool(np.isnan(found.value) and not found.note.startswith(ABOVE) and level)
        how = f" (levels {apart:.2g} nats apart)" if not level else ""
    elif np.isnan(found.value):
        agree, how = _absent(measured, found, expected.value), ""
        inside = span[0] <= expected.value <= span[1]
        said += "" if inside or agree is not None else ", outside it"
    else:
        agree, how = _judged(found, expected, has_errors)
    return f"{said}: {_words(agree)}{how}{_without_peak(measured)}", agree


def _absent(measured: xr.Dataset, found: Place, expected: float) -> bool | None:
    """Whether a curve that is not decided on its levels contradicts a prediction at `expected`.

    One that has less than half of the entropy left at every level contradicts what lies below its highest;
    one that has more, what lies above its lowest.
    """
    name = "cross_entropy" if "cross_entropy" in measured else "entropy"
    curve, (low, high) = measured.sortby("sigma"), _span(measured)
    half = float(measured["class_entropy"]) / 2
    above = found.note.startswith(ABOVE)
    beyond = (half - curve[name].values) * (1 if above else -1)
    if f"{name}_se" in curve:
        beyond = beyond - AGREE * curve[f"{name}_se"].values
    if "closure" in measured:  # an integral, which begins at zero wherever its first level is
        return False if low <= expected <= high else None
    if above:
        return None if expected > high or not beyond[-1] > 0 else False
    return None if expected < low or not beyond[0] > 0 else False


def _judged(found: Place, expected: Place, has_errors: bool) -> tuple[bool | None, str]:
    residual = float(np.log(found.value / expected.value))
    apart = f"{100 * abs(np.expm1(residual)):.2g} % apart"
    if has_errors:
        # half of the interval on the side where the prediction lies, if the other half is open
        end = found.low if residual > 0 else found.high
        own = found.log_error if np.isfinite(found.log_error) else abs(np.log(found.value / end)) / 1.96
        error = float(np.hypot(own, expected.log_error))
        if not np.isfinite(error):
            return None, f" ({apart}; the interval is open on that side)"
        count = abs(residual) / error
        many = f"{count:.1f}" if count < 100 else f"{count:.0f}"
        return count <= AGREE, f" ({many} standard errors)"
    if found.low <= expected.high and expected.low <= found.high:
        return True, f" ({apart}, within the error of the grid; the curve has no standard errors)"
    return False, f" ({apart}, more than the error of the grid; the curve has no standard errors)"


def _words(agree: bool | None) -> str:
    return "nothing to compare" if agree is None else "agree" if agree else "do not agree"


def _decided(place: Place, span: tuple[float, float]) -> str:
    if np.isfinite(place.value):
        ends = place.low, place.high
        # of an exact curve they differ in digits that are not shown
        wide = np.isfinite(ends).all() and f"{ends[0]:.3g}" != f"{ends[1]:.3g}"
        within = f"; 95 %: {ends[0]:.3g} to {ends[1]:.3g}" if wide else ""
        return f"decided at σ = {place.value:.4g} (half of the entropy left{within})"
    where = f"the measured range (σ from {span[0]:.4g} to {span[1]:.4g})"
    kind = next((kind for kind in _UNTOLD if place.note.startswith(kind)), None)
    if kind is not None:
        return f"{kind} to tell where in {where} it is decided"
    return f"decided above {where}" if place.note.startswith(ABOVE) else f"not decided in {where}"


def _without_peak(curve: xr.Dataset) -> str:
    """Which of the two peaks are missing, and why."""
    kinds = {"per log σ": "peak_per_log_sigma", "per OU time": "peak_per_ou_time"}
    missing = {kind: place_in(curve, name) for kind, name in kinds.items()}
    notes = {kind: place.note for kind, place in missing.items() if np.isnan(place.value)}
    if not notes:
        return ""
    which = f" {next(iter(notes))}" if len(notes) == 1 else ""
    return f"; no peak{which} in the measured range ({'; '.join(dict.fromkeys(notes.values()))})"


def _span(curve: xr.Dataset) -> tuple[float, float]:
    return float(curve.sigma.min()), float(curve.sigma.max())
