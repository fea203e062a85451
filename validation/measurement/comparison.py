"""A measured entropy curve compared with the theory of a Gaussian mixture.

Compared are both peaks of the rate, per log σ and per unit OU time, the median, the window's width in log
σ, and every level. The prediction is read on its own range of σ, whatever was measured; the measured curve
from its levels, whatever it carries (`numerics.places`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray

from ...numerics import entropy_curve, guided_curve, with_places
from ...numerics._support.seeds import seed_of, stream
from ...numerics.curves.covariance import covariances_in
from ...numerics.curves.dataset import entropy_of
from ...numerics.curves.places import COARSE, PLACES, Place
from ...theory._support.aliases import Fields
from ...theory._support.intervals import checked_interval
from ...theory._support.values import ByContent
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from .._support.condition_names import unlisted
from .curve_files import read_curve
from .level_test import has_step_bias, level_test
from .log_scale import log_scale_test
from .predictions import FITTED_LEVELS, Prediction
from .verdicts import AGREE, finite, place_in, verdict

__all__ = [
    "Comparison",
    "compare",
    "compare_pairs",
    "compared",
    "predicted_curve",
    "read_curve",
    "two_classes",
]

Array = NDArray[np.float64]

DENSE = 400  # levels of a predicted curve, from which its peak is read
DRAWS = 20_000  # for mixtures without an exact curve
_OTHER = 0.2  # share by which the entropy at which a curve levels off may differ from that of the prediction
_SPREAD = 1e-6  # of the predicted log σ of pairs, below which they have no slope
_OF_PREDICTION = ("method", "samples", "key", "resamples", "resampled", "mean_sigma", "mean_change")
_LEFT = 0.05  # share of H(C) below the lowest level, from which it is said
_NOTED = 0.02  # and from which it is said


@dataclass(frozen=True, eq=False)
class Comparison(ByContent):
    """A measured curve and what is predicted of it.

    Attributes
    ----------
    predicted : xarray.Dataset
        The prediction over a dense grid of σ: `entropy` or `cross_entropy` (nats) and `rate`.
    summary : dict
        Peaks, median and width, measured and predicted, their residuals, and one `sentence`; see `compare`.
    measured : xarray.Dataset
        The curve that was compared.
    used_seed : bool
        Whether anything was drawn at random.
    """

    predicted: xr.Dataset
    summary: Fields
    measured: xr.Dataset = field(default_factory=xr.Dataset)
    used_seed: bool = False


def compare(
    measured: xr.Dataset,
    mixture: GaussianMixture,
    *,
    guidance: float | None = None,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare a curve (`entropy` or `cross_entropy` over `sigma`, maybe `*_se`, `rate`) with a prediction.

    Parameters
    ----------
    measured : xarray.Dataset
        A curve, or those of several pairs of classes (dimension `pair`, names as "3,8"), each of which is
        compared with the same two classes of the mixture with equal weights.
    mixture : GaussianMixture
        What predicts it, with as many classes.
    guidance, interval : float and (low, high), optional
        Of guided curves, which are compared with T12; for those whose attributes do not say.
    seed : int
        Of resampled noise, and of draws for a mixture without an exact curve.

    Returns
    -------
    Comparison
        Its `summary` has each of `numerics.places.PLACES` with `measured`, `predicted`, both 95 % intervals,
        `residual` = log(measured/predicted) and, where the curve has standard errors, `residual_se`;
        `largest_difference` in nats and `largest_difference_sigma`; `level_test`, the χ² of all levels with
        its p-value where the curve has the covariance between them; `agree` and the `sentence` that says so.

    Raises
    ------
    ValueError
        A curve without levels, too coarse to show a peak, or of another number of classes than the mixture;
        guidance that is not the curve's, or that led away from more than the measured classes.

    References
    ----------
    T2, T12, T13.
    """
    seed = seed_of(seed, "seed")
    if "pair" in measured.dims:
        if guidance not in (None, 1) or interval is not None:
            raise ValueError("guidance, interval: curves of pairs are not guided")
        _check_pairs(measured, mixture)
        return compare_pairs(measured, lambda names: two_classes(mixture, names), seed)
    _check_classes(measured, mixture)
    found = compared(measured, mixture, guidance, interval, seed)
    note = str(found.summary["peak_per_log_sigma"].get("note", ""))
    # noise, too, can leave too few levels: of those that have a median that is said
    if note.startswith(COARSE) and not _is_noisy(found):
        raise ValueError(f"curve: {note}; measure more levels where its entropy falls")
    return found


def _is_noisy(found: Comparison) -> bool:
    """Whether a curve has errors of draws, and a median all the same."""
    errors = found.measured.get(f"{found.summary['quantity']}_se")
    placed = found.summary["median_sigma"]["measured"] is not None
    return placed and errors is not None and float(errors.max()) > 0


def compared(
    measured: xr.Dataset,
    mixture: Prediction,
    guidance: float | None = None,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
) -> Comparison:
    """As `compare`, of one curve, without refusing what is coarse: a measurement is reported anyway."""
    name = "cross_entropy" if "cross_entropy" in measured else "entropy"
    omega, within = _guidance(measured, name, guidance, interval)
    if within is not None:
        measured = measured.assign_attrs(interval_low=within[0], interval_high=within[1])
    groups, own = None, mixture.class_entropy
    if isinstance(mixture, GaussianMixture) and (groups := _groups_measured(measured, mixture)) is not None:
        own = _group_entropy(mixture, groups)
    apart = _own_draws(seed)
    measured = with_places(measured, class_entropy=None if "class_entropy" in measured else own, seed=seed)
    sigma = measured.sigma.values
    plain = isinstance(mixture, GaussianMixture)
    ends = np.concatenate([window_sigmas(mixture, 2) if plain else mixture.ends(), sigma])
    dense = np.geomspace(ends.min(), ends.max(), DENSE if plain else FITTED_LEVELS)
    predicted = predicted_curve(mixture, dense, omega, within, apart, groups)
    if plain:
        at_levels = predicted_curve(mixture, sigma, omega, within, apart, groups)
    else:
        at_levels = _interpolated(predicted, name, sigma)
    has_errors = f"{name}_se" in measured
    summary: Fields = {"quantity": name}
    for place in PLACES:
        summary[place] = _held(place_in(measured, place), place_in(predicted, place), has_errors)
    peak, width = summary["peak_per_log_sigma"], summary["window_width"]["predicted"]
    if peak["residual"] is not None and width:
        peak["residual_in_widths"] = peak["residual"] / width
    summary |= _largest(measured, at_levels, name)
    summary["level_test"] = level_test(measured, at_levels, name)
    summary["class_entropy"] = {
        "measured": finite(float(measured["class_entropy"])),
        "predicted": own,
    }
    said, agree = verdict(measured, predicted, has_errors, _apart(measured, at_levels, name))
    said += _other_classes(measured, mixture)
    summary |= _circumstances(measured, predicted, name)
    summary |= {"agree": agree, "sentence": said}
    noisy = has_errors and float(measured[f"{name}_se"].max()) > 0
    drawn = noisy or not {"samples", "resamples"}.isdisjoint(predicted.attrs)
    return Comparison(predicted, summary, measured, drawn)


def compare_pairs(
    pairs: xr.Dataset, predict: Callable[[Sequence[str]], Prediction], seed: int = 0
) -> Comparison:
    """Each pair of classes against the mixture of the two, and all together by the log-scale test.

    `predict` gives the mixture of two classes by name. The summary has `pairs` by name, each as of
    `compare`, and `log_scale_test` of the peaks per log σ with the errors of both, `None` where fewer than
    three pairs have one, or all are predicted at one σ; `without_peak` names the pairs that have none.
    """
    held = {
        str(name): compared(pairs.sel(pair=name), predict(unlisted(str(name))), seed=seed)
        for name in pairs.pair.values
    }
    index = pd.Index(list(held), name="pair")
    measured = xr.concat(
        [each.measured for each in held.values()], index, join="override", combine_attrs="drop"
    )
    measured = measured.assign_attrs(pairs.attrs)
    for place in PLACES:
        values = [place_in(each.predicted, place).value for each in held.values()]
        measured[f"predicted_{place}"] = ("pair", np.array(values))
    x, y = measured.predicted_peak_per_log_sigma.values, measured.peak_per_log_sigma.values
    shown = np.isfinite(x) & np.isfinite(y)
    summary: Fields = {"pairs": {name: each.summary for name, each in held.items()}}
    test = None
    if shown.sum() >= 3 and np.ptp(np.log(x[shown])) > _SPREAD:
        errors = np.array([_errors_of_peaks(each) for each in held.values()])[shown]
        widths = measured.predicted_window_width.values[shown]
        of_both = {"predicted_error": errors[:, 0], "measured_error": errors[:, 1]}
        classes = np.array([unlisted(name) for name in held])
        test = log_scale_test(x[shown], y[shown], widths, seed, **of_both, classes=classes[shown])
    without = [name for name, has in zip(held, shown, strict=True) if not has]
    summary |= {"without_peak": without, "log_scale_test": test}
    said, agree = _on_the_line(len(held), without, test)
    summary |= {"agree": agree, "sentence": said}
    first = next(iter(held.values()))
    return Comparison(first.predicted, summary, measured, True)


def _errors_of_peaks(pair: Comparison) -> tuple[float, float]:
    """Standard errors of log σ at the predicted and at the measured peak per log σ."""
    predicted, measured = (place_in(each, "peak_per_log_sigma") for each in (pair.predicted, pair.measured))
    return predicted.log_error, measured.log_error


def _interpolated(predicted: xr.Dataset, name: str, sigma: Float64[Array, " levels"]) -> xr.Dataset:
    """A prediction and its errors at other levels within its own."""
    from scipy.interpolate import PchipInterpolator

    x, at = np.log(predicted.sigma.values), np.log(sigma)
    at = np.clip(at, x[0], x[-1])
    names = [key for key in (name, f"{name}_se", "rate", "rate_se") if key in predicted]
    held = {key: PchipInterpolator(x, predicted[key].values)(at) for key in names}
    levels = xr.Dataset({key: ("sigma", values) for key, values in held.items()}, {"sigma": sigma})
    return levels.assign(covariances_in(predicted))


def _own_draws(seed: int) -> int:
    """The seed of a prediction's draws: not those of a curve of the same seed, to which it would be alike."""
    return int(np.random.SeedSequence([*stream(seed, 0), 0x9D]).generate_state(1, np.uint32)[0])


def predicted_curve(
    mixture: Prediction,
    sigmas: Float64[Array, " levels"],
    guidance: float = 1.0,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
    partition: Mapping[str, Sequence[str]] | None = None,
) -> xr.Dataset:
    """The theory's curve at `sigmas`, with where its class or group is decided (`numerics.places`)."""
    if not isinstance(mixture, GaussianMixture):
        return mixture.curve(sigmas, guidance, interval, seed)
    if guidance == 1:
        return entropy_curve(mixture, sigmas, samples=DRAWS, key=seed, partition=partition)
    return guided_curve(mixture, sigmas, guidance, interval, key=seed)


def _groups_measured(measured: xr.Dataset, mixture: GaussianMixture) -> Mapping[str, Sequence[str]] | None:
    """The groups of the mixture, if it is they that were measured and not its classes."""
    groups, told_apart = mixture.partition, measured.attrs.get("classes")
    return groups if groups is not None and told_apart == len(groups) != mixture.classes else None


def _group_entropy(mixture: GaussianMixture, groups: Mapping[str, Sequence[str]]) -> float:
    """H of the group itself, nats."""
    weight = dict(zip(mixture.labels, mixture.weights, strict=True))
    return entropy_of(np.array([sum(weight[name] for name in group) for group in groups.values()]))


def two_classes(mixture: GaussianMixture, names: Sequence[str]) -> GaussianMixture:
    """Two classes of a mixture by name, with equal weights."""
    return mixture.among(names, equal=True)


def _guidance(
    measured: xr.Dataset, name: str, guidance: float | None, interval: tuple[float, float] | None
) -> tuple[float, tuple[float, float] | None]:
    """Weight and interval that a curve was measured with, which it says itself or which are asked for."""
    own, within = measured.attrs.get("guidance"), None
    interval = None if interval is None else checked_interval(interval)
    if "interval_low" in measured.attrs:
        within = (float(measured.attrs["interval_low"]), float(measured.attrs["interval_high"]))
    if guidance is None and own is None and name == "cross_entropy":
        raise ValueError("guidance: the curve is a cross-entropy; say with which weight it was guided")
    weight = float(guidance if guidance is not None else 1.0 if own is None else own)
    if (weight == 1) != (name == "entropy"):
        raise ValueError(f"guidance: {weight:g} does not go with a curve of {name.replace('_', '-')}")
    if own is not None and weight != float(own):
        raise ValueError(f"guidance: the curve was guided with {float(own):g}, not {weight:g}")
    if interval is not None and name == "entropy":
        raise ValueError("interval: acts on guidance, and the curve is not guided")
    if interval is not None and own is not None and within != interval:
        where = "at every level" if within is None else f"from sigma = {within[0]:g} to {within[1]:g}"
        raise ValueError(
            f"interval: the curve was guided {where}, not from {interval[0]:g} to {interval[1]:g}"
        )
    _check_reference(measured)
    return weight, within if interval is None else interval


def _check_reference(measured: xr.Dataset) -> None:
    """Refuse guidance that led away from more classes than were measured, which is not what T12 predicts."""
    every = int(measured.attrs.get("model_classes", 0))
    if measured.attrs.get("guidance_reference") == "unconditional" and every > _named(measured):
        raise ValueError(
            "mixture: predicts guidance relative to the measured classes, and the curve was guided relative "
            f"to all {every} of the model's; measure it with the guidance reference classes"
        )


def _named(measured: xr.Dataset) -> int:
    """How many conditions a curve is of."""
    return len(unlisted(str(measured.attrs.get("conditions", ""))))


def _are_names(labels: Sequence[str]) -> bool:
    """Whether classes have names of their own, and not the numbers and signs that families give them."""
    signs = set("".join(labels)) <= set("+-/0123456789") and any(set(name) & set("+-/") for name in labels)
    return not signs and list(labels) != [str(k) for k in range(len(labels))]


def _other_classes(measured: xr.Dataset, mixture: Prediction) -> str:
    """The end of a sentence where the classes of curve and mixture have names, and not the same."""
    held = [name for name in unlisted(str(measured.attrs.get("conditions", ""))) if name]
    same = len(held) != mixture.classes or set(held) == set(mixture.labels)
    if same or not all(map(_are_names, (held, mixture.labels))):
        return ""
    return f"; the curve is of the classes {', '.join(held)}, the prediction of {', '.join(mixture.labels)}"


def _held(measured: Place, predicted: Place, has_errors: bool) -> Fields:
    """One number, measured and predicted, in JSON's terms."""
    found: Fields = {}
    for side, place in (("measured", measured), ("predicted", predicted)):
        parts = {side: place.value, f"{side}_low": place.low, f"{side}_high": place.high}
        found |= {key: finite(value) for key, value in parts.items()}
    found["residual"] = finite(float(np.log(measured.value / predicted.value)))
    if has_errors:
        found["residual_se"] = finite(float(np.hypot(measured.log_error, predicted.log_error)))
    notes = [f"{side}: {place.note}" for side, place in (("predicted", predicted),) if place.note]
    if measured.note or notes:
        found["note"] = "; ".join([measured.note, *notes] if measured.note else notes)
    return found


def _largest(measured: xr.Dataset, at_levels: xr.Dataset, name: str) -> dict[str, float]:
    """Where the curves are farthest apart, in nats."""
    difference = measured[name].values - at_levels[name].values
    worst = int(np.argmax(np.abs(difference)))
    found = {
        "largest_difference": float(np.abs(difference[worst])),
        "largest_difference_sigma": float(measured.sigma.values[worst]),
    }
    if f"{name}_se" in measured:
        errors = (measured[f"{name}_se"].values[worst], at_levels[f"{name}_se"].values[worst])
        found["largest_difference_se"] = float(np.hypot(*errors))
    return found


def _apart(measured: xr.Dataset, at_levels: xr.Dataset, name: str) -> float:
    """How far the curves are apart beyond five standard errors of each level, in nats."""
    errors = [curve[f"{name}_se"].values for curve in (measured, at_levels) if f"{name}_se" in curve]
    noise = np.sqrt(sum((error**2 for error in errors), np.zeros(measured.sizes["sigma"])))
    difference = np.abs(measured[name].values - at_levels[name].values)
    return float(np.maximum(difference - 5 * noise, 0.0).max())


def _circumstances(measured: xr.Dataset, predicted: xr.Dataset, name: str) -> Fields:
    """What was used, units, and what a reader has to know."""
    notes = []
    whole, most = float(measured["class_entropy"]), float(measured[name].max())
    error = float(measured[f"{name}_se"].max()) if f"{name}_se" in measured else 0.0
    if name == "entropy" and most > (1 + _NOTED) * whole + AGREE * error:
        notes.append(f"the entropy reaches {most:.3g} nats, above H(C) = {whole:.3g}")
    if abs(whole / float(predicted["class_entropy"]) - 1) > _NOTED:
        notes.append(f"H(C) is {whole:.3g} nats, of the prediction {float(predicted['class_entropy']):.3g}")
    if has_step_bias(measured):
        notes.append("errors are those of draws; the bias of a path's steps, of first order, is not in them")
    if measured.attrs.get("guidance_reference") == "unconditional" and "model_classes" not in measured.attrs:
        notes.append(
            "guidance led away from the unconditional network; predicted is the measured classes' own"
        )
    if f"{name}_se" not in measured:
        notes.append("the curve has no standard errors; intervals hold the error of the grid alone")
    notes += _below(measured, predicted)
    used = {key: predicted.attrs[key] for key in _OF_PREDICTION if key in predicted.attrs}
    return {
        "range": [float(measured.sigma.min()), float(measured.sigma.max())],
        "levels": measured.sizes["sigma"],
        "prediction": used,
        "interval": "low to high holds 95 %",
        "agreement": f"within {AGREE:g} standard errors of the median",
        "units": {
            "peak_per_log_sigma": "sigma at the highest dH/d log sigma",
            "peak_per_ou_time": "sigma at the highest dH/dt per unit OU time",
            "median_sigma": "sigma",
            "window_width": "log sigma",
            "residual": "log(measured/predicted)",
            "largest_difference": "nats",
            "class_entropy": "nats",
        },
        "notes": notes,
    }


def _below(measured: xr.Dataset, predicted: xr.Dataset) -> list[str]:
    """What an integral from the lowest level cannot know: that something is decided below it."""
    name = "cross_entropy" if "cross_entropy" in predicted else "entropy"
    lowest = float(measured.sigma.min())
    left = float(np.interp(lowest, predicted.sigma, predicted[name])) / float(predicted["class_entropy"])
    if "closure" not in measured or not left > _LEFT:
        return []
    return [
        f"{100 * left:.0f} % of the entropy are predicted to be left at the lowest level, "
        f"sigma = {lowest:.3g}, from which the measured one is integrated: its median is of the rest, and "
        "higher than that of all"
    ]


def _check_classes(measured: xr.Dataset, mixture: GaussianMixture) -> None:
    """Refuse a prediction with another number of classes, as far as the curve tells."""
    if "classes" in measured.attrs:
        own = int(measured.attrs["classes"])
        if own != mixture.classes and _groups_measured(measured, mixture) is None:
            raise ValueError(f"mixture: has {mixture.classes} classes, the curve is of {own}")
        return
    if mixture.classes < 2:
        raise ValueError("mixture: has a single class, and a decision needs at least two")
    if "cross_entropy" in measured:
        return
    curve = measured.sortby("sigma")
    x, values = np.log(curve.sigma.values), curve["entropy"].values
    error = 5 * float(curve["entropy_se"].max()) if "entropy_se" in curve else 0.0
    whole, last = mixture.class_entropy, float(values[-1])
    before = float(np.interp(x[-1] - 0.7, x, values))
    settled = last - before < 0.05 * last and float(np.ptp(values)) > last / 2
    above = values.max() - error > (1 + _OTHER) * whole
    if above or (settled and last + error < whole / (1 + _OTHER)):
        says = f"reaches {float(values.max()):.4g}" if above else f"levels off at {last:.4g}"
        raise ValueError(
            f"mixture: its {mixture.classes} classes have an entropy of {whole:.4g} nats, and the curve "
            f"{says}: another number of classes, or other weights"
        )


def _check_pairs(pairs: xr.Dataset, mixture: GaussianMixture) -> None:
    for name in pairs.pair.values:
        names = unlisted(str(name))
        missing = [each for each in names if each not in mixture.labels]
        if len(names) != 2 or missing:
            few = ", ".join(mixture.labels[:12]) + (", ..." if mixture.classes > 12 else "")
            raise ValueError(f"mixture: has the classes {few}, and not the pair {name!r} of the curves")


def _on_the_line(count: int, without: list[str], test: Fields | None) -> tuple[str, bool | None]:
    """One sentence on all pairs: whether the slope of measured on predicted log σ is 1."""
    missing = f"; {len(without)} of {count} pairs have no peak per log σ in the measured range: "
    missing = missing + " and ".join(without) if without else ""
    if test is None:
        return f"no slope: fewer than three pairs have a peak, or all at one predicted σ{missing}", None
    z = abs(test["slope"] - 1) / test["slope_se"] if test["slope_se"] > 0 else np.inf
    agree = bool(z <= AGREE)
    words = "agree" if agree else "do not agree"
    return (
        f"σ at the peak per log σ of {test['pairs']} pairs, measured on predicted: slope "
        f"{test['slope']:.3f} ± {test['slope_se']:.3f} in log σ, median residual {test['residual']:+.3f} ± "
        f"{test['residual_se']:.3f}: {words} with slope 1 ({z:.1f} standard errors){missing}"
    ), agree
