"""Publication figures of phase diagrams: a panel per field, lines on top, every label from the data."""

from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import literally, styled

__all__ = ["diagram_figure"]

_LINES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)))
_WHITE_ON = "#222222"
_MISSING = "#c8c8c8"


def diagram_figure(diagram: xr.Dataset) -> Figure:
    """Fields of a phase diagram side by side; their lines are told apart by dash and named below.

    Sequential fields use a colour scale of steadily rising lightness, differences a diverging one; both are
    safe for colour-blind readers and in greyscale. Where a field is NaN the panel is grey. A field is shown
    up to its attribute `shown_to`, if it has one.

    Parameters
    ----------
    diagram : xarray.Dataset
        Of `phase_diagram`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fields = [name for name, values in diagram.data_vars.items() if values.ndim == 2]
    lines = [name for name, values in diagram.data_vars.items() if values.ndim == 1]
    fields = [name for name in fields if name != "difference"][:2]
    with styled({"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}):
        height = 4.0 + 0.22 * -(-len(lines) // 3)
        figure = Figure(figsize=(4.7 * len(fields), height), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, len(fields), sharey=True))
        for panel, name in zip(panels, fields, strict=True):
            _field(figure, panel, diagram[name])
            for line, style in zip(lines, cycle(_LINES), strict=False):
                _line(panel, diagram[line], style)
        _label_axes(panels, diagram[fields[0]])
        figure.suptitle(literally(str(diagram.attrs.get("title", ""))))
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(handles)), fontsize=8)
        return figure


def _field(figure: Figure, panel: Any, values: xr.DataArray) -> None:
    y, x = values.dims
    data = values.values
    finite = data[np.isfinite(data)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    options: dict[str, Any] = {"cmap": "cividis", "vmin": low, "vmax": high}
    if low < -1e-3 * high:  # a difference: zero in the middle
        limit = min(max(-low, high), 4 * high)
        options = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    elif high > values.attrs.get("shown_to", np.inf):
        options["vmax"] = values.attrs["shown_to"]
    extend = "both" if options["vmin"] > low and options["vmax"] < high else "neither"
    extend = "min" if options["vmin"] > low else "max" if options["vmax"] < high else extend
    if finite.size < data.size:
        panel.set_facecolor(_MISSING)
        panel.plot([], [], "s", color=_MISSING, markersize=8, label="not decided, even on clean data")
    mesh = panel.pcolormesh(values[x], values[y], data, shading="nearest", rasterized=True, **options)
    units = values.attrs["units"]
    label = values.attrs["long_name"] + (f" [{units}]" if units != "1" else "")
    figure.colorbar(mesh, ax=panel, location="top", label=label, extend=extend, shrink=0.9)


def _line(panel: Any, values: xr.DataArray, style: Any) -> None:
    """A white line with a dark rim, which is seen on every colour."""
    from matplotlib import patheffects

    (drawn,) = panel.plot(
        values[values.dims[0]], values, linestyle=style, color="white", linewidth=1.6,
        label=values.attrs["long_name"],
    )  # fmt: skip
    drawn.set_path_effects([patheffects.withStroke(linewidth=3.2, foreground=_WHITE_ON)])


def _label_axes(panels: Any, values: xr.DataArray) -> None:
    y, x = values.dims
    for panel in panels:
        panel.set_xlabel(values[x].attrs["long_name"])
        panel.set_xlim(float(values[x].min()), float(values[x].max()))
        panel.set_ylim(float(values[y].min()), float(values[y].max()))
        panel.set_xscale(values[x].attrs["scale"])
        panel.set_yscale(values[y].attrs["scale"])
    panels[0].set_ylabel(values[y].attrs["long_name"])
