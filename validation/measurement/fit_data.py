"""A mixture fitted to data on a disk, and what it predicts of its pairs of classes, with errors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr

from ...numerics.curves.fitted import Fitted, of_means, of_samples
from ...numerics.curves.places import PLACES
from ...theory._support.aliases import Fields
from ...theory.mixtures.fits import Fit, Kind, fit_chunks
from ...theory.mixtures.mixture import GaussianMixture
from .._support.condition_names import listed
from .labelled_data import LabelledData
from .verdicts import finite, place_in

__all__ = ["Asked", "FittedData", "fit_data", "places_in"]

_ALL_CLASSES, _ENDS = 10, 3  # classes of which all pairs are shown; closest and farthest pairs of more
_IN_MEMORY = 2**27  # numbers of samples that are resampled, 1 GB
_RESAMPLES = 40
_NO_INTERVAL = "none: the fit was not resampled, so the error of the samples is unknown"
_UNEQUAL = 128  # dimensions in which pairs of unequal covariances are resampled


@dataclass(frozen=True)
class Asked:
    """How to fit; arguments of `GaussianMixture.fit`, and how often to resample, by the data unless given."""

    covariance: Kind = "shared"
    shrinkage: str | float | None = "ledoit-wolf"
    rank: int | None = None
    resamples: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class FittedData:
    """The mixture, and `summary`: every number, and one sentence."""

    mixture: GaussianMixture
    summary: Fields


def fit_data(
    data: LabelledData, asked: Asked, progress: Callable[[int, int], None] | None = None
) -> FittedData:
    """Fit a mixture, and predict peaks and median of its pairs of classes: all, or the closest and farthest.

    Raises
    ------
    ValueError
        As `GaussianMixture.fit` does.
    """
    fit = fit_chunks(data.chunks, asked.covariance, asked.shrinkage, asked.rank)
    mixture = GaussianMixture(*fit.parts)
    pairs: dict[str, Fields] = {}
    names, resampled = _shown(mixture), False
    for done, (pair, found) in enumerate(_fits(data, asked, fit, mixture, names)):
        resampled |= bool(found.replicas)
        pairs[listed(pair)] = places_in(found.curve(key=asked.seed), errors=bool(found.replicas))
        if progress is not None:
            progress(done + 1, len(names))
    every = mixture.classes * (mixture.classes - 1) // 2
    summary: Fields = {
        "classes": mixture.classes,
        "samples": dict(zip(mixture.labels, fit.counts, strict=True)),
        "dimension": mixture.dimension,
        "values": data.units,
        "covariance": mixture.describe()["covariance"],
        "rank": asked.rank,
        "shrinkage": dict(zip(mixture.labels, fit.shrinkage, strict=False))
        if asked.covariance == "each"
        else fit.shrinkage[0],
        "shown": "all pairs" if len(names) == every else f"the {_ENDS} closest and farthest of {every} pairs",
        "pairs": pairs,
        "interval": "low to high holds 95 %" if resampled else _NO_INTERVAL,
        "units": {name: unit for name, (_, unit) in PLACES.items()},
    }
    return FittedData(mixture, summary | {"sentence": _sentence(summary)})


def places_in(curve: xr.Dataset, errors: bool = True) -> Fields:
    """Each of `PLACES` with its interval and the standard error of its logarithm, in JSON's terms.

    Without errors where the curve has only those of its draws or levels, and not those of the samples.
    """
    found: Fields = {}
    for name in PLACES:
        place = place_in(curve, name)
        values = {name: place.value, f"{name}_low": place.low, f"{name}_high": place.high}
        found |= {key: finite(value) for key, value in values.items()}
        if name != "window_width":
            found[f"{name}_log_se"] = finite(place.log_error)
        if place.note:
            found[f"{name}_note"] = place.note
    if not errors:
        found = {k: None if k.endswith(("_low", "_high", "_log_se")) else v for k, v in found.items()}
    found |= {key: curve.attrs[key] for key in ("method", "resamples", "resampled") if key in curve.attrs}
    return found


def _fits(
    data: LabelledData, asked: Asked, fit: Fit, mixture: GaussianMixture, names: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], Fitted]]:
    """Each pair with its resampled fits: of all samples at once, or where they are too many of its own."""
    plain = Fitted(mixture, (), fit.counts, fit.shrinkage)
    unequal = asked.covariance == "each" and mixture.dimension > _UNEQUAL
    if unequal or asked.resamples == 0 or min(fit.counts) < 2:
        yield from ((pair, plain.among(pair)) for pair in names)
        return
    if data.count * data.dimension <= _IN_MEMORY:
        where = (asked.covariance, asked.shrinkage, asked.rank)
        whole = of_samples(data.samples(), *where, resamples=asked.resamples, seed=asked.seed, fit=fit)
        yield from ((pair, whole.among(pair)) for pair in names)
        return
    count = dict(zip(mixture.labels, fit.counts, strict=True))
    for pair in names:
        own = mixture.among(pair, equal=True)
        if asked.covariance == "each" or sum(count[name] for name in pair) * data.dimension > _IN_MEMORY:
            yield pair, plain.among(pair)
        else:
            yield pair, of_means(own, data.samples(pair), asked.resamples or _RESAMPLES, asked.seed)


def _shown(mixture: GaussianMixture) -> list[tuple[str, str]]:
    """All pairs of few classes that share a covariance; of more those with the closest and farthest means."""
    if mixture.classes <= (_ALL_CLASSES if mixture.shared_covariance is not None else 3):
        return list(combinations(mixture.labels, 2))
    gram = mixture.centred_gram
    first, second = np.triu_indices(mixture.classes, 1)
    order = np.argsort((np.diag(gram)[:, None] + np.diag(gram) - 2 * gram)[first, second])
    chosen = [*order[:_ENDS], *order[-_ENDS:]]
    return [(mixture.labels[int(first[k])], mixture.labels[int(second[k])]) for k in chosen]


def _sentence(summary: Fields) -> str:
    """Which pair is decided first on the way from noise to data, and which last."""
    placed = [(held["peak_per_log_sigma"], name) for name, held in summary["pairs"].items()]
    placed = [(value, name) for value, name in placed if value is not None]
    count = sum(summary["samples"].values())
    said = (
        f"fitted to {count:,} samples of {summary['classes']} classes in {summary['dimension']:,} dimensions"
    )
    if not placed:
        return f"{said}; no pair has a peak"

    def told(entry: tuple[float, str]) -> str:
        value, name = entry
        held = summary["pairs"][name]
        low, high = held["peak_per_log_sigma_low"], held["peak_per_log_sigma_high"]
        within = f" ({low:.3g} to {high:.3g})" if low is not None and high is not None else ""
        return f"{name} at σ = {value:.4g}{within}"

    if len(placed) == 1:
        return f"{said}; decided fastest per log σ: {told(placed[0])}"
    return f"{said}; decided fastest per log σ: first {told(max(placed))}, last {told(min(placed))}"
