"""The reliability diagram of a model: its own chains beside noised samples, per σ, and how runs commit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...theory._support.aliases import Fields
from .style import literally, styled
from .theory import BLACK, BLUE, ORANGE

__all__ = ["reliability_figure"]

_SIGMA = "noise-to-signal ratio σ"
_KINDS = {"own": ("own chains", BLUE, "o"), "noised": ("noised {}", ORANGE, "s")}


def reliability_figure(curve: xr.Dataset, levels: Sequence[int], title: str) -> Figure:
    """Share that is right against the posterior at some `levels`, and what holds along the whole path.

    Parameters
    ----------
    curve : xarray.Dataset
        Of `commitment_curve`.
    levels : sequence of int
        Places of the levels that have a panel of their own.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Above, bins of p̂ at each of these σ; below, the probability that the likelier class still changes
        with its bounds ε − ε_end and 2ε, the mean posterior less the share that is right against σ, and the
        share that is right where a path is stopped at p. Error bars are two standard errors.
    """
    with styled():
        figure = Figure(figsize=(9.6, 6.2), layout="constrained")
        halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.1))
        upper, lower = halves
        for panel, level in zip(np.atleast_1d(upper.subplots(1, len(levels))), levels, strict=True):
            _bins(panel, curve.isel(sigma=level))
        change, gap, stops = lower.subplots(1, 3)
        _changes(change, curve)
        _gaps(gap, curve)
        _stops(stops, curve)
        figure.suptitle(literally(title))
        handles, labels = stops.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return figure


def _look(curve: xr.Dataset, path: str) -> Fields:
    name, colour, marker = _KINDS[path]
    label = name.format(curve.attrs["noised"])
    return {
        "fmt": marker, "color": colour, "markeredgecolor": BLACK, "markersize": 4.5, "ecolor": colour,
        "elinewidth": 1, "label": label,
    }  # fmt: skip


def _bins(panel: Axes, level: xr.Dataset) -> None:
    """One reliability diagram: bins of the largest posterior, moved apart where both would coincide."""
    panel.plot([0, 1], [0, 1], "--", color=BLACK, linewidth=1)
    for path in ("own", "noised"):
        own = level.sel(path=path)
        error = 2 * own["bin_right_se"].values
        panel.errorbar(own["bin_confidence"], own["bin_right"], error, **_look(level, path))
    panel.set_xlim(0, 1.03)
    panel.set_ylim(0, 1.06)
    panel.set_aspect("equal")
    panel.set_title(f"σ = {float(level.sigma):.3g}", fontsize=10)
    panel.set_xlabel("largest posterior")
    panel.set_ylabel("share that is right")


def _changes(panel: Axes, curve: xr.Dataset) -> None:
    own = curve.sel(path="own")
    error = 1 - own["confidence"].values
    panel.fill_between(own.sigma, error - error[0], 2 * error, color="0.85", label="ε − ε_end to 2ε")
    for path in ("own", "noised"):
        every = max(1, curve.sizes["sigma"] // 24)
        one = curve.sel(path=path).isel(sigma=slice(None, None, every))
        panel.errorbar(one.sigma, one["change"], 2 * one["change_se"], **_look(curve, path))
    panel.set_xscale("log")
    panel.set_xlabel(_SIGMA)
    panel.set_ylabel("likelier class changes below σ")
    panel.annotate(
        "grey: ε − ε_end to 2ε (own)", (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=8
    )


def _gaps(panel: Axes, curve: xr.Dataset) -> None:
    panel.axhline(0, color=BLACK, linewidth=1, linestyle="--")
    for path in ("own", "noised"):
        every = max(1, curve.sizes["sigma"] // 24)
        one = curve.sel(path=path).isel(sigma=slice(None, None, every))
        panel.errorbar(one.sigma, one["overconfidence"], 2 * one["overconfidence_se"], **_look(curve, path))
    panel.set_xscale("log")
    panel.set_xlabel(_SIGMA)
    panel.set_ylabel("too sure by (posterior − right)")


def _stops(panel: Axes, curve: xr.Dataset) -> None:
    panel.plot([0.5, 1], [0.5, 1], "--", color=BLACK, linewidth=1, label="calibrated")
    for path in ("own", "noised"):
        own = curve.sel(path=path)
        error = 2 * own["stopped_right_se"].values
        panel.errorbar(own["stopped_confidence"], own["stopped_right"], error, **_look(curve, path))
    panel.set_xlabel("mean posterior at the stop")
    panel.set_ylabel("share that is right")
