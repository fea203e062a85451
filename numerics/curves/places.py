"""Where a curve's class is decided: the peaks of its rate, its median and its window, read off the curve.

peak_per_log_sigma   σ at which dH/d log σ is highest
peak_per_ou_time     σ at which dH/dt per unit OU time is highest, dH/dt = (1 + σ²)/σ² dH/d log σ
median_sigma         σ at which half of the entropy is left
window_width         length in log σ from a quarter to three quarters of the entropy

Each with a 95 % interval, `*_low` and `*_high` (`reading` says how). They belong to the levels they were read
from: of a slice, or of a curve made from others, they are read again (`with_places`). What a curve does not
show is NaN, and the variable's `note` says why.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory._support.aliases import Fields
from .._support.seeds import Key, seed_of
from .covariance import shared_noise
from .reading import (
    HALFWAY,
    Levels,
    Reading,
    crossings_of,
    is_sampled,
    of_exact,
    of_sampled,
    slope_of,
)

__all__ = [
    "ABOVE",
    "AT_EDGE",
    "COARSE",
    "NARROW",
    "NOISY",
    "OPEN",
    "PLACES",
    "UNDECIDED",
    "UNKNOWN",
    "Place",
    "levels_of",
    "places_of",
    "with_places",
]

Array: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = tuple[Float64[Array, "resamples levels"], Float64[Array, "resamples levels"]]

PLACES: dict[str, tuple[str, str]] = {
    "peak_per_log_sigma": ("σ at the highest dH/d log σ", "1"),
    "peak_per_ou_time": ("σ at the highest dH/dt per unit OU time", "1"),
    "median_sigma": ("σ at which half of the entropy is left", "1"),
    "window_width": ("length in log σ from a quarter to three quarters of the entropy", "log sigma"),
}
"""What is read off every curve: long name and unit."""

UNDECIDED = "not decided in this range"
ABOVE = "decided above this range"
AT_EDGE = "peak at the edge of this range"
COARSE, NARROW, NOISY = "too coarse", "too narrow", "too noisy"

_FEWEST, _MOST = 4, 2000  # levels of a curve; of more than the most, evenly spaced ones are used
_JUMP = 0.5  # in log σ, around a jump of the rate, where a sampled curve does not place its peak
_CORNER = 2.0  # how far beyond the levels, as a ratio, a jump still bends what is read off
_EDGE = "the interval reaches the edge of this range"
OPEN = 0.05
"""Share of the entropy that may be in doubt where H(C) is not known, for a median and a window."""
UNKNOWN = "the entropy of the classes is not known, and the highest sigma do not show it to 5 %"
_TAIL = 0.7  # in log σ, over which the highest levels are taken to follow 1/σ²
_ANNOUNCED, _DECIDED = 0.1, 0.5  # share of the entropy that must fall for a peak, and for a median
_SURE = 3.0  # standard errors at which a level is said to be above half of the entropy, or below


@dataclass(frozen=True)
class Place:
    """A number read off a curve with its 95 % interval; NaN with a note where there is none."""

    value: float
    low: float
    high: float
    note: str = ""

    @classmethod
    def absent(cls, note: str) -> "Place":
        """No such place, and why."""
        return cls(np.nan, np.nan, np.nan, note)

    @property
    def log_error(self) -> float:
        """Standard error of its logarithm, from the interval's length; NaN where it is open."""
        return float(np.log(self.high / self.low)) / 3.92 if self.low > 0 else np.nan


def with_places(
    curve: xr.Dataset,
    *,
    class_entropy: float | None = None,
    resampled: Rows | None = None,
    seed: Key = 0,
) -> xr.Dataset:
    """The curve with `PLACES`, read off its levels, as variables without a dimension.

    Parameters
    ----------
    curve : xarray.Dataset
        Over `sigma`: `entropy` or `cross_entropy`, maybe its `*_se`, `rate` (per unit OU time) and `rate_se`.
        Half of the entropy is half of `class_entropy` times `closure`, if the curve has one.
    class_entropy : float, optional
        H(C) in nats, kept as a variable. Otherwise the curve's own; or else what its highest levels tend to
        if the rest falls as 1/σ², as with means that differ. The intervals of median and width then allow for
        no rest, for twice as much, and for two standard errors; where that is more than a twentieth of the
        entropy, there is neither. A second window far above the levels is not seen.
    resampled : (entropies, slopes), each of shape (resamples, levels), optional
        Over ascending σ: the curve and its `dH/d log σ` from resampled draws. Without them levels are
        resampled from the covariance between them, if the curve has it (`covariance`); or else from their
        standard errors, once independently and once with errors that levels share over half a unit of log σ,
        of which the wider interval counts.
    seed : int or JAX key
        Of the resampling.

    Returns
    -------
    xarray.Dataset
        With each of `PLACES`, its `*_low` and `*_high` (95 %), units and, where it is NaN, a `note`.
    """
    if class_entropy is not None:
        curve = curve.assign(class_entropy=((), float(class_entropy)))
        curve.class_entropy.attrs.update(long_name="entropy of the class, H(C)", units="nats")
    variables: Fields = {}
    for name, place in places_of(curve, resampled=resampled, seed=seed).items():
        long_name, units = PLACES[name]
        note = {"note": place.note} if place.note else {}
        parts = {"": place.value, "_low": place.low, "_high": place.high}
        for ending, value in parts.items():
            about = {"_low": ", lower end of 95 %", "_high": ", upper end of 95 %"}.get(ending, "")
            variables[name + ending] = ((), value, {"long_name": long_name + about, "units": units, **note})
    return curve.assign(variables)


def places_of(curve: xr.Dataset, *, resampled: Rows | None = None, seed: Key = 0) -> dict[str, Place]:
    """Each of `PLACES`, read off the levels of a curve; arguments as for `with_places`.

    An interval that the curve carries is kept if it belongs to the place found: it may come from draws.
    """
    found = _read(curve, resampled, seed_of(seed, "seed"))
    if resampled is not None:
        return found
    return {name: _kept(curve, name, each) for name, each in found.items()}


def _kept(curve: xr.Dataset, name: str, found: Place) -> Place:
    """With the interval that the curve carries, where it belongs to what was found."""
    parts = (name, f"{name}_low", f"{name}_high")
    # a table leaves out a column without a number
    value, low, high = (
        float(curve[part]) if part in curve and curve[part].ndim == 0 else np.nan for part in parts
    )
    if not np.isclose(value, found.value, rtol=1e-9, atol=0) or np.isnan([low, high]).all():
        return found
    # one end alone may be absent
    inside = name == "window_width" or not (low < curve.sigma.min() or high > curve.sigma.max() or low > high)
    note = str(curve[name].attrs.get("note", "" if np.isfinite([low, high]).all() else _EDGE))
    return Place(found.value, low, high, note) if inside else found


def _read(curve: xr.Dataset, resampled: Rows | None, seed: int) -> dict[str, Place]:
    if curve.sizes["sigma"] < _FEWEST:
        return dict.fromkeys(PLACES, Place.absent(f"{COARSE}: fewer than {_FEWEST} levels"))
    levels, whole = levels_of(curve)
    entropy, error = levels.entropy, levels.entropy_error
    fall, doubt = float(np.ptp(entropy)), float(np.hypot(error[entropy.argmax()], error[entropy.argmin()]))
    known = f"{fall:.3g} ± {doubt:.2g}" if doubt > 0 else f"{fall:.3g}"
    kind = _without_a_fall(levels, whole, (fall, doubt), "closure" in curve)
    undecided = Place.absent(f"{kind}: the entropy falls by {known} of {whole:.3g} nats")
    # of many noisy levels the highest and lowest differ by a few errors; an integral begins without any
    errors = 3 if "closure" in curve else 5
    # 1e-300: a fall of zero is none
    if not fall > max(_ANNOUNCED * whole, errors * doubt, 1e-300):
        return dict.fromkeys(PLACES, undecided)
    if not slope_of(levels).max() > 0:
        note = f"{UNDECIDED}: the entropy does not rise with sigma"
        return dict.fromkeys(PLACES, Place.absent(note))
    if is_sampled(levels):
        found = _placed(of_sampled(levels, resampled, seed))
    else:
        found = _placed(of_exact(levels, seed))
    found = _with_what_is_above(levels, found)
    found = _away_from_jumps(curve, found, is_sampled(levels))
    # an integral passes half of what it finds, however little that is
    if "closure" in curve and not fall > _DECIDED * whole:
        found |= dict.fromkeys(("median_sigma", "window_width"), undecided)
    return found


def _without_a_fall(levels: Levels, whole: float, fall: tuple[float, float], integral: bool) -> str:
    """What levels with so small a `fall` (and its error) say: on which side of half they lie, or nothing."""
    half, error = _DECIDED * whole, _SURE * levels.entropy_error
    if integral:  # it begins at zero wherever its first level is
        return UNDECIDED if fall[0] + _SURE * fall[1] < half or not fall[1] > 0 else NOISY
    if (levels.entropy + error < half).all():
        return ABOVE
    if (levels.entropy - error >= half).all():
        return UNDECIDED
    return NOISY if error.any() else NARROW


def _with_what_is_above(levels: Levels, found: dict[str, Place]) -> dict[str, Place]:
    """Without median and width, or with wider intervals, where H(C) is not known and still to be reached."""
    if not levels.doubt > 0:
        return found
    if levels.doubt > OPEN * levels.whole:
        return found | dict.fromkeys(("median_sigma", "window_width"), Place.absent(UNKNOWN))
    few, many = (crossings_of(levels, levels.whole + side * levels.doubt) for side in (-1, 1))
    spread = [
        abs(high - low) if np.isfinite([low, high]).all() else 0.0
        for low, high in zip(few, many, strict=True)
    ]
    median, width, ratio = found["median_sigma"], found["window_width"], float(np.exp(spread[0]))
    median = replace(median, low=median.low / ratio, high=median.high * ratio)
    width = replace(width, low=max(width.low - spread[1], 0.0), high=width.high + spread[1])
    return found | {"median_sigma": median, "window_width": width}


def _away_from_jumps(curve: xr.Dataset, found: dict[str, Place], sampled: bool) -> dict[str, Place]:
    """With what a jump of the rate leaves open, where guidance begins or ends.

    Sampled levels smooth it, so that no peak is placed near it. Between two levels the entropy has a corner
    there: a median lies between its neighbours, and each end of the window.
    """
    ends = [float(curve.attrs[name]) for name in ("interval_low", "interval_high") if name in curve.attrs]
    sigma = np.sort(curve.sigma.values)
    jumps = [end for end in ends if sigma[0] / _CORNER < end < sigma[-1] * _CORNER]

    def near(name: str) -> list[float]:
        return [jump for jump in jumps if abs(np.log(found[name].value / jump)) < _JUMP]

    for name in ("peak_per_log_sigma", "peak_per_ou_time") if sampled else ():
        if near(name):
            note = f"the rate jumps at sigma = {near(name)[0]:.4g}, where guidance begins or ends"
            found[name] = Place.absent(note)
    if near("median_sigma"):
        found["median_sigma"] = _to_neighbours(sigma, found["median_sigma"])
    if jumps:
        width, step = found["window_width"], 2 * float(np.diff(np.log(sigma)).max())
        found["window_width"] = replace(width, low=max(width.low - step, 0.0), high=width.high + step)
    return found


def _to_neighbours(sigma: Float64[Array, " levels"], place: Place) -> Place:
    """With its interval out to the next level at each end."""
    below, above = sigma[sigma <= place.low], sigma[sigma >= place.high]
    low = float(below[-1]) if below.size else place.low
    return replace(place, low=low, high=float(above[0]) if above.size else place.high)


def levels_of(curve: xr.Dataset) -> tuple[Levels, float]:
    """The numbers of a dataset, ascending, of at most `_MOST` levels, and the entropy to be decided.

    That is H(C), or else what the highest levels tend to (`with_places`).
    """
    name = "cross_entropy" if "cross_entropy" in curve else "entropy"
    order = np.argsort(curve.sigma.values)
    order = order[:: -(-order.size // _MOST)]
    sigma = curve.sigma.values[order].astype(np.float64)
    per_log = 1 / (1 + sigma**-2.0)

    def values(of: str, factor: Array | float = 1.0) -> Array | None:
        return curve[of].values[order] * factor if of in curve else None

    entropy, nothing = curve[name].values[order], np.zeros(sigma.size)
    error, slope_error = values(f"{name}_se"), values("rate_se", per_log)
    known = "class_entropy" in curve
    decision = float(curve["class_entropy"]) if known else float(entropy.max())
    found = Levels(
        np.log(sigma),
        entropy,
        values("rate", per_log),
        nothing if error is None else error,
        nothing if slope_error is None else slope_error,
        whole=decision * float(curve["closure"]) if known and "closure" in curve else decision,
        shared=shared_noise(curve, (name, "rate") if "rate" in curve else (name,), np.log(sigma)),
    )
    if known or sigma.size < _FEWEST:
        return found, decision
    whole, doubt = _tended_to(found)
    return replace(found, whole=whole, doubt=doubt), whole


def _tended_to(levels: Levels) -> tuple[float, float]:
    """H(∞) of `H = H(∞) − a/σ²`, which the highest levels follow, and its doubt: a/σ² there, and noise."""
    if not levels.entropy_error.any():
        rest = 0.5 * max(float(slope_of(levels)[-1]), 0.0)
        return float(levels.entropy.max()) + rest, rest
    near = levels.x >= min(levels.x[-1] - _TAIL, levels.x[-_FEWEST])
    errors = np.maximum(levels.entropy_error[near], 1e-3 * levels.entropy_error.max())
    design = np.stack([np.ones(errors.size), -np.exp(2 * (levels.x[-1] - levels.x[near]))], axis=1)
    inverse = np.linalg.inv((design / errors[:, None]).T @ (design / errors[:, None]))
    limit, rest = inverse @ (design.T @ (levels.entropy[near] / errors**2))
    # levels that share their noise are not averaged
    error = max(float(np.sqrt(inverse[0, 0])), float(errors[-1]))
    rest = max(float(rest), 0.0)
    return float(limit), rest + 2 * error


def _placed(reading: Reading) -> dict[str, Place]:
    """From logarithms to σ, with a note where there is none."""
    found: dict[str, Place] = {}
    for name, best, *ends in zip(PLACES, *reading, strict=True):
        if not np.isfinite(best):
            found[name] = Place.absent(_why(name, best))
            continue
        note = "" if np.isfinite(ends).all() else _EDGE
        low, high = (end if np.isfinite(end) else np.nan for end in ends)
        if name == "window_width":
            found[name] = Place(float(best), max(float(low), 0.0), float(high), note)
        else:
            found[name] = Place(float(np.exp(best)), float(np.exp(low)), float(np.exp(high)), note)
    return found


def _why(name: str, place: float) -> str:
    """Why there is no such number."""
    if name.startswith("peak"):
        if np.isnan(place):
            return f"{COARSE} or too noisy: fewer than {HALFWAY} levels reach half of the highest rate"
        return f"{AT_EDGE}, the {'lowest' if place < 0 else 'highest'} sigma: it may lie outside"
    if name == "window_width":
        return f"{UNDECIDED}: it does not hold a quarter and three quarters of the entropy"
    if place < 0:
        return f"{UNDECIDED}: more than half of the entropy is left at the lowest sigma"
    return f"{ABOVE}: less than half of the entropy is left at the highest sigma"
