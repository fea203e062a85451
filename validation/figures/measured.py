"""Figures of trained models: training, samples, a measured curve on its prediction, the log-scale test."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float64, Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...theory._support.aliases import Fields
from .style import DASHES, ONE_COLUMN, TWO_COLUMNS, literally, plain_ticks, styled
from .theory import BLACK, BLUE, BOUND, GREEN, ORANGE, RED, SKY, bound_label

__all__ = [
    "comparison_figure",
    "guidance_figure",
    "log_scale_figure",
    "measured_figure",
    "scaling_figure",
    "sheet_figure",
    "training_figure",
    "windows_figure",
]

_SIGMA = "noise-to-signal ratio σ"


def training_figure(history: Sequence[tuple[int, float, float]]) -> Figure:
    """Training and held-out loss against the step."""
    steps, training, held_out = np.array(history).T
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 2.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(steps, training, color=BLUE, label="training, network")
        axes.plot(steps, held_out, "--", color=RED, label="held out, averaged network")
        axes.set_ylim(0.9 * min(training.min(), held_out.min()), 1.5 * float(np.median(held_out)))
        axes.set_xlabel("training step")
        axes.set_ylabel(r"loss $λ(σ)\,|D-x_0|^2$ per pixel")
        axes.legend()
        return figure


def sheet_figure(images: Shaped[NDArray[np.generic], "n 1 side side"], rows: int = 10) -> Figure:
    """Images (n, 1, side, side) in `rows` rows, one class a row."""
    count, _, side, _ = images.shape
    columns = count // rows
    sheet = images.reshape(rows, columns, side, side)
    sheet = np.pad(sheet, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1)
    sheet = sheet.transpose(0, 2, 1, 3).reshape(rows * (side + 2), columns * (side + 2))
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, ONE_COLUMN * rows / columns), layout="constrained")
        axes = figure.subplots()
        axes.imshow(sheet, cmap="gray_r", vmin=-1, vmax=1)
        axes.set_axis_off()
        return figure


def comparison_figure(measured: xr.Dataset, predicted: xr.Dataset, title: str) -> Figure:
    """A measured curve with two standard errors on its prediction, entropy above and rate below.

    Parameters
    ----------
    measured, predicted : xarray.Dataset
        Over `sigma` of any shape (levels,): `entropy` or `cross_entropy` in nats and `rate`, the first with
        standard errors; the second with `peak_per_log_sigma` and `median_sigma`.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        The rate is per unit log σ, in which its peak does not depend on the unit of σ. An entropy that was
        integrated from zero at the lowest level lacks what is still undecided there; where that is more than
        2 % of H(C), the prediction less its own value at that level is drawn too, dashed.
    """
    with styled():
        figure, upper, lower = _curve_axes(measured, title)
        quantity = _quantity(measured)
        for axes, name in ((upper, quantity), (lower, "rate")):
            if name in predicted:
                axes.plot(predicted.sigma, _per_log_sigma(predicted, name), color=BLUE, label="predicted")
        _draw_counted_from_zero(upper, measured, predicted, quantity)
        peak, median = (float(predicted[key]) for key in ("peak_per_log_sigma", "median_sigma"))
        if np.isfinite(peak):
            lower.axvline(peak, color=BLUE, linewidth=0.9, label="predicted peak")
        if np.isfinite(median):
            upper.axvline(median, color=BLUE, linewidth=0.9, linestyle=":", label="predicted median")
        _legend_below(figure, upper, lower)
        _show_what_was_measured(upper, measured, predicted)
        return figure


def _draw_counted_from_zero(axes: Axes, measured: xr.Dataset, predicted: xr.Dataset, quantity: str) -> None:
    """What an integral that starts from zero at the lowest level is to be compared with."""
    if quantity not in predicted or float(measured[quantity][0]) != 0 or quantity == "cross_entropy":
        return
    lowest = float(measured.sigma[0])
    left = float(np.interp(np.log(lowest), np.log(predicted.sigma), predicted[quantity]))
    if left > 0.02 * float(measured["class_entropy"]):
        part = predicted.sel(sigma=predicted.sigma >= lowest)
        label = f"predicted, from 0 at σ = {lowest:.3g}"
        axes.plot(part.sigma, part[quantity] - left, color=BLUE, linestyle=DASHES[1], label=label)


def _show_what_was_measured(axes: Axes, measured: xr.Dataset, predicted: xr.Dataset) -> None:
    """The measured range and where the prediction is decided, without its far ends."""
    places = [float(predicted[f"{name}_{end}"]) for name in ("median_sigma",) for end in ("low", "high")]
    known = [value for value in places if np.isfinite(value)]
    ends = np.array([float(measured.sigma.min()), float(measured.sigma.max()), *known])
    axes.set_xlim(ends.min() / 1.5, ends.max() * 1.5)


def measured_figure(measured: xr.Dataset, title: str) -> Figure:
    """A measured curve that has no prediction."""
    with styled():
        figure, upper, lower = _curve_axes(measured, title)
        _legend_below(figure, upper, lower)
        return figure


def _legend_below(figure: Figure, *panels: Axes) -> None:
    """One legend for all panels, off the data, each name once."""
    handles = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=2,
        handlelength=2.0,
        columnspacing=1.0,
    )


def _curve_axes(measured: xr.Dataset, title: str) -> tuple[Figure, Axes, Axes]:
    """Axes for entropy and rate with the measured points on them."""
    figure = Figure(figsize=(ONE_COLUMN, 4.3), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    quantity = _quantity(measured)
    for axes, name in ((upper, quantity), (lower, "rate")):
        if name in measured:
            error, label = None, "measured"
            if f"{name}_se" in measured:
                error, label = 2 * _per_log_sigma(measured, f"{name}_se"), "measured, ±2 s.e."
            axes.errorbar(
                measured.sigma, _per_log_sigma(measured, name), error, fmt="o", color=ORANGE,
                markeredgecolor=BLACK, markersize=3, label=label,
            )  # fmt: skip
    span = [float(measured[f"peak_per_log_sigma_{end}"]) for end in ("low", "high")]
    if np.isfinite(span).all():
        lower.axvspan(*span, color=ORANGE, alpha=0.25, label="peak per log σ, 95 %")
    upper.axhline(float(measured["class_entropy"]), **BOUND, label=bound_label(measured))
    upper.set_title(literally(title))
    upper.set_ylabel(f"{quantity.replace('_', '-')} [nats]")
    lower.set_ylabel(r"rate $dH/d\,\log σ$ [nats]")
    lower.set_xlabel(_SIGMA)
    lower.set_xscale("log")
    return figure, upper, lower


def _quantity(measured: xr.Dataset) -> str:
    return "cross_entropy" if "cross_entropy" in measured else "entropy"


def _per_log_sigma(curve: xr.Dataset, name: str) -> Float64[NDArray[np.float64], " levels"]:
    """Values of a curve; of a rate, per unit log σ instead of OU time."""
    sigma, values = curve.sigma.values, curve[name].values
    return values * sigma**2 / (1 + sigma**2) if name.startswith("rate") else values


def log_scale_figure(pairs: xr.Dataset, test: Fields | None) -> Figure:
    """Measured against predicted σ at the peak per log σ of every pair, with a fitted line and the diagonal.

    Pairs without a peak in the measured range are named; without a test there is no line.
    """
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 3.2), layout="constrained")
        axes = figure.subplots()
        x, y = pairs.predicted_peak_per_log_sigma.values, pairs.peak_per_log_sigma.values
        ends = (pairs.peak_per_log_sigma_low.values, pairs.peak_per_log_sigma_high.values)
        shown = np.isfinite(x) & np.isfinite(y)
        x, y, low, high = (values[shown] for values in (x, y, *ends))
        # an interval that reaches the edge of the range has no such end
        spread = np.nan_to_num(np.abs(np.stack([y - low, high - y])))
        axes.errorbar(
            x, y, spread, fmt="o", color=ORANGE, markeredgecolor=BLACK, ecolor="0.6", markersize=3.5,
            elinewidth=0.6, label="pairs of classes, 95 %",
        )  # fmt: skip
        ends = np.array([x.min(), x.max()]) * [0.9, 1.1] if x.size else np.array([0.5, 2.0])
        axes.plot(ends, ends, "--", color=BLACK, linewidth=0.8, label="measured = predicted")
        if test is not None:
            fitted = np.exp(test["intercept"] + test["slope"] * np.log(ends))
            label = f"slope {test['slope']:.2f} ± {test['slope_se']:.2f}"
            axes.plot(ends, fitted, color=BLUE, label=f"{label}, correlation {test['correlation']:.2f}")
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            plain_ticks(axis, *ends)
        axes.set_xlabel("predicted σ at the peak per log σ")
        axes.set_ylabel("measured σ at the peak per log σ")
        if not shown.all():
            missing = [str(name) for name in pairs.pair.values[~shown]]
            few = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
            axes.set_title(f"no peak in the measured range: {literally(few)}", fontsize=6)
        axes.legend(loc="upper left")
        return figure


def windows_figure(table: pd.DataFrame) -> Figure:
    """Share left of what is decided, against σ, for decisions of one tree, measured and predicted (T15).

    Columns: `decision`, `sigma`, `measured`, `predicted`, and the medians `median_sigma` with its `*_low`
    and `*_high`, and `predicted_median_sigma`. A measured entropy begins with nothing at the lowest level, so
    that both are shown from there, as shares of what is decided up to the highest; errors are of the medians.
    """
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 3.4), layout="constrained")
        axes = figure.subplots()
        for index, (name, rows) in enumerate(table.groupby("decision", sort=False)):
            colour, marker = (BLUE, ORANGE, GREEN, RED)[index % 4], "osD^"[index % 4]
            first = rows.iloc[0]
            dash = DASHES[index % 4]
            axes.plot(rows.sigma, _share_left(rows.predicted), color=colour, linewidth=1.2, linestyle=dash)
            low, middle, high = (float(first[f"median_sigma{end}"]) for end in ("_low", "", "_high"))
            label = f"{literally(str(name))}: {middle:.1f} ({low:.1f} to {high:.1f})"
            label += f", predicted {first.predicted_median_sigma:.1f}"
            look: Fields = {"color": colour, "markersize": 4, "markerfacecolor": "white"}
            axes.plot(rows.sigma, _share_left(rows.measured), marker, **look)
            axes.plot([], [], marker=marker, linestyle=dash, label=label, **look)
            place = 0.5 + 0.035 * (1 - index)  # side by side
            axes.plot([low, high], [place] * 2, color=colour, linewidth=3, alpha=0.45)
        axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
        axes.set_xscale("log")
        plain_ticks(axes.xaxis, float(table.sigma.min()), float(table.sigma.max()))
        axes.set_xlabel(_SIGMA)
        axes.set_ylabel("share left of what is decided")
        title = "σ at half, 95 % (bars): measured (points), predicted (lines)"
        axes.legend(title=title, loc="upper left")
        axes.set_ylim(-0.03, 1.45)
        axes.set_yticks(np.linspace(0, 1, 6))
        return figure


def _share_left(entropy: pd.Series) -> Float64[NDArray[np.float64], " levels"]:
    """From 0 at the lowest level to 1 at the highest."""
    values = entropy.to_numpy(dtype=np.float64)
    return (values - values[0]) / (values[-1] - values[0])


def guidance_figure(table: pd.DataFrame) -> Figure:
    """Cross-entropy of guided chains against σ, measured and predicted, for each weight and interval.

    Columns: `guidance`, `low`, `high`, `sigma`, `measured`, `measured_se`, `predicted`.
    """
    colours, markers = (BLACK, BLUE, ORANGE, RED, GREEN, SKY), "osD^vP"
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 3.0), layout="constrained")
        axes = figure.subplots()
        groups: Any = table.groupby(["guidance", "low", "high"], sort=True)
        for (key, rows), colour, marker, dash in zip(groups, colours, markers, cycle(DASHES), strict=False):
            weight, low, high = (float(value) for value in key)
            limited = f" for {low:g} < σ ≤ {high:g}" if np.isfinite(high) else ""
            axes.plot(rows.sigma, rows.predicted, color=colour, linewidth=0.9, linestyle=dash)
            few = rows.iloc[::4]
            name = f"ω = {weight:g}{limited}"
            axes.plot(
                [],
                [],
                color=colour,
                linestyle=dash,
                marker=marker,
                markersize=3,
                markerfacecolor="white",
                label=name,
            )
            axes.errorbar(
                few.sigma, few.measured, 2 * few.measured_se, fmt=marker, color=colour, markersize=3,
                markerfacecolor="white",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(-0.05, 2.0)
        axes.set_xlabel(_SIGMA)
        axes.set_ylabel("cross-entropy of the own class [nats]")
        axes.legend(title="measured (points, 2 s.e.)\npredicted (lines)")
        return figure


def scaling_figure(table: pd.DataFrame) -> Figure:
    """Shift of log σ of the peak and median from those of the smallest images, against ½ log d.

    Columns: `dimension`, `pair`, `peak_per_log_sigma` and its `*_low` and `*_high`, `median_sigma`.
    """
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 2.8), layout="constrained")
        axes = figure.subplots()
        for (pair, rows), colour, marker in zip(
            table.groupby("pair"), (BLUE, ORANGE, GREEN), "osD", strict=False
        ):
            base = rows.iloc[0]
            shift = 0.5 * np.log(rows.dimension / base.dimension)
            peak = rows.peak_per_log_sigma
            value = np.log(peak / base.peak_per_log_sigma)
            low, high = (np.log(rows[f"peak_per_log_sigma_{end}"] / peak) for end in ("low", "high"))
            offset = 0.02 * ("osD".index(marker) - 1)
            axes.errorbar(
                shift + offset, value, np.abs([low, high]), fmt=marker, color=colour, markersize=3.5,
                label=f"peak per log σ, {literally(str(pair))}",
            )  # fmt: skip
            medians = np.log(rows.median_sigma / base.median_sigma)
            axes.plot(
                shift + offset,
                medians,
                marker,
                color=colour,
                markerfacecolor="white",
                label=f"median, {literally(str(pair))}",
            )
        ends = np.array([-0.1, 1.5])
        axes.plot(ends, ends, "--", color=BLACK, linewidth=0.8, label="½ log d")
        axes.set_xlabel(r"predicted shift, $\frac{1}{2}\log(d/64)$")
        axes.set_ylabel(r"measured shift of $\log σ$")
        axes.legend()
        return figure
