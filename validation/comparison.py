"""A measured entropy curve held against the theory of a Gaussian mixture.

Compared are the σ of the peak of `dH/d log σ`, of the median, the window's width in log σ, and every level:
`χ² = Σ (H − H_predicted)²/(s.e.² + s.e._predicted²)`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..numerics import entropy_curve, guided_curve
from ..numerics.curves import labelled
from ..numerics.manifests import verify_manifest
from ..theory.mixture import GaussianMixture
from ..theory.refusals import reason
from ..theory.schedules import OrnsteinUhlenbeck
from .curve_statistics import RESAMPLES, differentiated, peak_of, top_of, window_of

__all__ = ["Comparison", "compare", "predicted_curve", "read_curve"]

Array = NDArray[np.float64]

_DENSE = 400  # levels of a predicted curve, from which its peak is read
_RARE = 0.02  # share of the entropy below which undecided samples are too few for a standard error
_DRAWS = 20_000  # for mixtures without an exact curve


@dataclass(frozen=True)
class Comparison:
    """The prediction over a dense grid of σ, and the figures of agreement by name."""

    predicted: xr.Dataset
    summary: dict[str, Any]


def compare(
    measured: xr.Dataset,
    mixture: GaussianMixture,
    *,
    guidance: float = 1.0,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
) -> Comparison:
    """Hold a curve over `sigma` (`entropy` or `cross_entropy`, maybe with `*_se`) against its prediction.

    The summary of an entropy has `peak`, `median` and `width`, each with `measured`, `predicted` and the
    residual `log(measured/predicted)` in units of log σ, and for the peak also in units of the predicted
    window's width (`widths`); `largest_difference` in nats; and, where the curve has errors, `chi2` over the
    `levels` at which more than 2 % of the entropy is left (levels that share samples are not independent).
    Guided curves are held against T12. Raises `ValueError` for a curve without a level. Source: T2, T12, T13.
    """
    name = "cross_entropy" if "cross_entropy" in measured else "entropy"
    sigma = measured.sigma.values
    dense = np.geomspace(sigma.min(), sigma.max(), _DENSE)
    predicted = predicted_curve(mixture, dense, guidance, interval, seed)
    at_levels = predicted_curve(mixture, sigma, guidance, interval, seed)
    summary: dict[str, Any] = {}
    if name == "entropy":
        found = measured.attrs if "peak_sigma" in measured.attrs else _read_off(measured, seed)
        summary |= _places(found, predicted.attrs)
    difference = measured[name].values - at_levels[name].values
    summary["largest_difference"] = float(np.abs(difference).max())
    if f"{name}_se" in measured:
        error = np.hypot(measured[f"{name}_se"].values, at_levels[f"{name}_se"].values)
        likely = at_levels[name].values > _RARE * float(predicted[name].max())
        known = (error > 0) & likely
        summary["chi2"] = float(((difference[known] / error[known]) ** 2).sum())
        summary["levels"] = int(known.sum())
    return Comparison(predicted, summary)


def predicted_curve(
    mixture: GaussianMixture,
    sigmas: Array,
    guidance: float = 1.0,
    interval: tuple[float, float] | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """The theory's curve at `sigmas`, with its peak per log σ, median and width as attributes."""
    if guidance == 1:
        curve, name = entropy_curve(mixture, sigmas, samples=_DRAWS, key=seed), "entropy"
    else:
        curve, name = guided_curve(mixture, sigmas, guidance, interval, key=seed), "cross_entropy"
    order = np.argsort(sigmas)
    sigma, value = sigmas[order], curve[name].values[order]
    slopes = differentiated(np.log(sigma), value[None])[0]
    if "rate" in curve:
        slopes = curve["rate"].values[order] * sigma**2 / (1 + sigma**2)
    peak = float(np.exp(top_of(np.log(sigma), slopes)))
    return curve.assign_attrs(peak_sigma=peak, **window_of(sigma, value))


def read_curve(path: Path) -> xr.Dataset:
    """A `.csv` of `sigma` or `ou_time`, `entropy`, and maybe `entropy_se`, as a dataset over ascending σ.

    Lines that begin with `#` are skipped. A file that a manifest vouches for has to be as it was written.
    Raises `ValueError` with one line that says what is wrong, where.
    """
    if path.is_file():
        verify_manifest(path)
    try:
        table = pd.read_csv(path, comment="#", skipinitialspace=True, dtype=str)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from None
    table.columns = [str(column).strip() for column in table.columns]
    axis = next((name for name in ("sigma", "ou_time") if name in table), None)
    if axis is None or "entropy" not in table:
        raise ValueError(f"{path}: needs the columns sigma or ou_time, and entropy")
    columns = {name: _numbers(table, name, path) for name in (axis, "entropy", "entropy_se") if name in table}
    if len(table) < 4:
        raise ValueError(f"{path}: needs at least 4 levels, not {len(table)}")
    place = columns[axis]
    if (place <= 0).any():
        raise ValueError(f"{path}: row {int(np.argmax(place <= 0)) + 1}: {axis} must be > 0")
    sigma = place if axis == "sigma" else OrnsteinUhlenbeck().sigma(place)
    order = np.argsort(sigma)
    if (np.diff(sigma[order]) == 0).any():
        raise ValueError(f"{path}: {axis} has a value twice")
    error = columns.get("entropy_se", np.zeros(len(table)))
    if (error < 0).any():
        raise ValueError(f"{path}: row {int(np.argmax(error < 0)) + 1}: entropy_se must be >= 0")
    if (columns["entropy"] < 0).any():
        raise ValueError(f"{path}: row {int(np.argmax(columns['entropy'] < 0)) + 1}: entropy must be >= 0")
    curve = labelled(sigma[order], {"entropy": (columns["entropy"][order], error[order])}, {})
    return curve if "entropy_se" in columns else curve.drop_vars("entropy_se")


def _numbers(table: pd.DataFrame, name: str, path: Path) -> Array:
    values = np.array([_number(text) for text in table[name]])
    if not np.isfinite(values).all():
        row = int(np.argmax(~np.isfinite(values)))
        raise ValueError(f"{path}: row {row + 1}: {name} is {table[name].iloc[row]!r}, not a number")
    return values


def _number(text: object) -> float:
    """A cell as a number, NaN for anything else."""
    try:
        return float(str(text))
    except ValueError:
        return np.nan


def _read_off(measured: xr.Dataset, seed: int) -> dict[str, float]:
    """Peak, median and width of a curve without its samples; the interval is from its standard errors.

    Levels are resampled independently, which errs on the wide side for levels that share their draws.
    """
    sigma, value = measured.sigma.values, measured.entropy.values
    log_sigma = np.log(sigma)
    peak = peak_of(sigma, differentiated(log_sigma, value[None]), seed)[1]
    low = high = peak
    if "entropy_se" in measured:
        rng = np.random.default_rng([seed, 0xC0])
        draws = value + measured.entropy_se.values * rng.standard_normal((RESAMPLES, value.size))
        slopes = differentiated(log_sigma, draws)
        peaks = [peak_of(sigma, row[None], seed, resamples=0)[1] for row in slopes]
        low, high = (float(q) for q in np.quantile(peaks, [0.025, 0.975]))
    return {"peak_sigma": peak, "peak_low": low, "peak_high": high, **window_of(sigma, value)}


def _places(measured: dict[str, Any], predicted: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Peak, median and width, measured and predicted."""
    found = {
        "peak": _held(measured["peak_sigma"], predicted["peak_sigma"]),
        "median": _held(measured["median_sigma"], predicted["median_sigma"]),
        "width": _held(measured["window_width"], predicted["window_width"]),
    }
    widths = found["peak"]["residual"] / predicted["window_width"]
    found["peak"] |= {"low": measured["peak_low"], "high": measured["peak_high"], "widths": widths}
    return found


def _held(measured: float, predicted: float) -> dict[str, float]:
    return {
        "measured": float(measured),
        "predicted": float(predicted),
        "residual": float(np.log(measured / predicted)),
    }
