"""What `commitment_curve` found, in numbers, tables and sentences.

A network is called too sure of itself where the mean posterior of the likeliest class exceeds the share that
is right by more than chance allows: three standard errors of the mean over all levels, or at one level or
stop what the largest of all of them exceeds as rarely (Bonferroni).
"""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from ...theory._support.aliases import Fields
from ..estimators.commitment import PATHS
from .verdicts import AGREE, finite

__all__ = ["IN_FIGURE", "bins_table", "reliability_of", "shown_levels", "stops_table"]

Array = NDArray[np.float64]

IN_FIGURE = (0.85, 0.6, 0.35, 0.12)
"""Shares of H(C) left at the levels that a figure shows apart."""

_LEVEL = float(2 * stats.norm.sf(AGREE))
_SHARES = (0.95, 0.85, 0.7, 0.5, 0.3, 0.15, 0.05)  # of H(C) left, at the levels that tables show
_OF_LEVELS = ("confidence", "right", "overconfidence", "change")
_OF_STOPS = ("stopped_confidence", "stopped_right", "stopped_overconfidence", "stopped_kept")


def shown_levels(curve: xr.Dataset, shares: tuple[float, ...] = _SHARES) -> list[int]:
    """Places of the levels, σ descending, at which own chains have these shares of H(C) left."""
    left = curve["entropy"].values / float(curve["class_entropy"])
    return list(dict.fromkeys(int(np.abs(left - share).argmin()) for share in shares))


def reliability_of(curve: xr.Dataset) -> Fields:
    """`levels` and `stops` of both kinds of paths, whether the network is `calibrated`, and the `sentences`.

    `shown` are places among the levels, σ descending, for a table that has no room for all.
    """
    found: Fields = {"noised_from": curve.attrs["noised"], "shown": shown_levels(curve)}
    for path in PATHS:
        own = curve.sel(path=path)
        found[path] = {
            "levels": _rows(own, "sigma", _OF_LEVELS),
            "stops": [
                row | {"share": finite(share)}
                for row, share in zip(_rows(own, "p", _OF_STOPS), own["stopped_share"].values, strict=True)
            ],
            "mean_overconfidence": finite(float(own["mean_overconfidence"])),
            "mean_overconfidence_se": finite(float(own["mean_overconfidence_se"])),
        }
    calibrated, said = _calibrated(curve)
    sentences = [_committed(curve), _stopped(curve, "own"), _stopped(curve, "noised"), said]
    return found | {"calibrated": calibrated, "sentences": sentences}


def stops_table(curve: xr.Dataset) -> pd.DataFrame:
    """A row for each kind of path and each p."""
    names = [name for name, values in curve.data_vars.items() if values.dims == ("path", "p")]
    return curve[names].to_dataframe()


def bins_table(curve: xr.Dataset) -> pd.DataFrame:
    """A row for each kind of path, level and bin that holds one: the reliability diagram of each σ."""
    names = [name for name, values in curve.data_vars.items() if values.dims == ("path", "sigma", "bin")]
    table = curve[names].drop_vars("ou_time").to_dataframe()
    return table.loc[table["bin_count"] > 0]


def _rows(own: xr.Dataset, along: str, names: tuple[str, ...]) -> list[dict[str, float | None]]:
    columns = {along: own[along].values}
    columns |= {f"{name}{end}": own[f"{name}{end}"].values for name in names for end in ("", "_se")}
    short = {name: name.removeprefix("stopped_") for name in columns}
    return [
        {short[name]: finite(float(values[row])) for name, values in columns.items()}
        for row in range(own.sizes[along])
    ]


_CHANGES = "own chains: the likelier class changes below σ with a probability"


def _committed(curve: xr.Dataset) -> str:
    """Whether `ε − ε_end ≤ P ≤ 2ε` on the model's own chains, ε_end what is undecided where they end."""
    own = curve.sel(path="own")
    error = 1 - own["confidence"].values
    change, spread = own["change"].values, np.hypot(own["change_se"].values, 2 * own["confidence_se"].values)
    beyond = np.maximum(change - 2 * error, error - error[0] - change) / np.maximum(spread, 1e-12)
    worst = int(beyond.argmax())
    decided = error[0] < 1e-3  # of what is never decided the chains' ends keep ε_end
    least = "ε" if decided else f"ε − ε_end (ε_end = {error[0]:.2g} is undecided at the end)"
    if beyond[worst] > _threshold(error.size):
        where = f"at σ = {own.sigma.values[worst]:.3g} by {beyond[worst]:.1f} standard errors"
        return f"{_CHANGES} outside {least} to 2ε {where}"
    return f"{_CHANGES} between {least} and 2ε at all {error.size} levels, as it must (T19)"


def _stopped(curve: xr.Dataset, path: str) -> str:
    """How often a path that is stopped at p is right, at the p = 0.9 or what is next to it."""
    own = curve.sel(path=path, p=0.9)
    name = "own chains" if path == "own" else f"noised {curve.attrs['noised']}"
    if not float(own["stopped_share"]) > 0:
        return f"{name}: none reaches a posterior of 0.9"
    mean, right, error = (float(own[f"stopped_{key}"]) for key in ("confidence", "right", "right_se"))
    says = f"right in {right:.3f} ± {error:.2g}, the mean posterior {mean:.3f}"
    return f"{name}: stopped at a posterior of 0.9, {says} (T20)"


def _threshold(count: int) -> float:
    """Standard errors that the largest of `count` deviations exceeds as rarely as one does `AGREE`."""
    return float(stats.norm.isf(_LEVEL / count / 2))


def _calibrated(curve: xr.Dataset) -> tuple[bool, str]:
    """Whether noised samples and posteriors agree, and in words by how much they do not, and where."""
    own = curve.sel(path="noised")
    places = [f"at σ = {sigma:.3g}" for sigma in own.sigma.values]
    places += [f"stopped at {p:g}" for p in own.p.values]
    rows = [
        np.concatenate([own[key].values, own[f"stopped_{key}"].values])
        for key in ("overconfidence", "overconfidence_se", "confidence", "right")
    ]
    gap, error, confidence, right = rows
    z = np.divide(gap, error, out=np.zeros_like(gap), where=error > 0)
    worst = int(np.abs(z).argmax())
    limit = _threshold(z.size)
    mean, mean_se = float(own["mean_overconfidence"]), float(own["mean_overconfidence_se"])
    over_all = f"{mean:+.3f} ± {mean_se:.2g} on average over the levels"
    subject = f"on noised {curve.attrs['noised']} the network is"
    local = (
        f"{gap[worst]:+.3f} ± {error[worst]:.2g} {places[worst]} (posterior {confidence[worst]:.3f}, "
        f"right {right[worst]:.3f})"
    )
    largest = f"the largest of {z.size} deviations, of which {limit:.1f} standard errors are chance"
    significant = abs(z[worst]) > limit
    if not significant and abs(mean) <= AGREE * mean_se:
        return True, f"{subject} calibrated within the errors: off by {over_all}, and {local}, {largest}"
    leading = gap[worst] if significant else mean
    words = "too sure of itself" if leading > 0 else "not sure enough of itself"
    said = f"{local}, {largest}; {over_all}" if significant else over_all
    return False, f"{subject} {words}: by {said}"
