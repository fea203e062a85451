"""Figures of phase diagrams for print: a panel per field, lines on top, every label from the data.

Two panels are 6.8 inches wide, one is 3.3. What is fixed stands in the title, and `caption` says it again in
words, with what was cut off and what was drawn together.
"""

import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import colors, patches, patheffects, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...theory._support.aliases import Fields
from .line_groups import TOGETHER, grouped
from .style import DASHES, ONE_COLUMN, TWO_COLUMNS, literally, plain_ticks, styled

__all__ = ["caption", "diagram_figure", "fields_of", "fixed_parameters", "lines_of"]

_MOST = len(DASHES)
_WEIGHTED = ("prior", "bifurcation", "grid")  # diagrams whose classes may have different weights
_UNDECIDED = "not decided, even on clean data"
_SYMBOLS = {
    "mu": "μ", "separation2": "|δ|²", "dimension": "d", "lambda1": "λ₁", "lambda2": "λ₂", "B": "|B|²",
    "weight": "w", "second_mode_gamma": "second mode at γ", "second_mode_time": "t − ½ log M",
}  # fmt: skip
_NOT_FIXED = ("name", "title", "source", "spec", "error", "crossing", "fixed")


def fields_of(diagram: xr.Dataset) -> list[str]:
    """Names of the fields that a figure shows: at most two."""
    names = [str(name) for name, values in diagram.data_vars.items() if values.ndim == 2]
    return [name for name in names if name != "difference"][:2]


def lines_of(diagram: xr.Dataset) -> list[tuple[list[str], xr.DataArray]]:
    """Lines of a figure, at most five, with the labels of those drawn as one.

    A line that would be a sixth is left to the caption.
    """
    names = [name for name, values in diagram.data_vars.items() if values.ndim == 1]
    if not names:
        return []
    y, x = diagram[fields_of(diagram)[0]].dims
    other = diagram[y if diagram[names[0]].dims == (x,) else x]
    log = other.attrs["scale"] == "log"
    ends = np.log(other.values[[0, -1]]) if log else other.values[[0, -1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {n: np.log(diagram[n].values) if log else diagram[n].values for n in names}
    groups = grouped({str(name): each for name, each in values.items()}, float(ends[1] - ends[0]))
    return [([diagram[name].attrs["long_name"] for name in names], diagram[names[0]]) for names, _ in groups]


def fixed_parameters(diagram: xr.Dataset) -> str:
    """What is the same all over a diagram, as `s = 0.5, d = 64`; empty where nothing is."""
    text = diagram.attrs.get("fixed")
    if text is not None:
        return str(text)
    pairs = {name: value for name, value in diagram.attrs.items() if name not in _NOT_FIXED}
    return ", ".join(f"{_SYMBOLS.get(name, name)} = {value:g}" for name, value in pairs.items())


def caption(diagram: xr.Dataset) -> str:
    """A caption in plain text: what is shown, what is fixed, what the lines are, what was cut off."""
    fields = fields_of(diagram)
    y, x = diagram[fields[0]].dims
    attributes, shown = diagram.attrs, [_named(diagram[name]) for name in fields]
    sentences = [f"{attributes.get('title', '')} ({attributes.get('source', '')})."]
    places = " (left) and ".join(shown) + (" (right)" if len(shown) > 1 else "")
    across, along = (diagram[axis].attrs["long_name"] for axis in (x, y))
    sentences.append(f"{places[:1].upper()}{places[1:]}, over {across} and {along}.")
    fixed = fixed_parameters(diagram)
    sentences += [f"Fixed: {fixed}."] if fixed else []
    if attributes.get("name") not in _WEIGHTED:
        sentences.append("All classes are equally likely.")
    groups = lines_of(diagram)
    for labels, _ in groups[:_MOST]:
        if len(labels) > 1:
            sentences.append(f"Drawn as one, being within {TOGETHER:.1%} of the axis: {', '.join(labels)}.")
    if len(groups) > _MOST:
        left = [label for labels, _ in groups[_MOST:] for label in labels]
        sentences.append(f"Not drawn: {', '.join(left)}.")
    for name in fields:
        most = diagram[name].attrs.get("shown_to")
        if most is not None and float(diagram[name].max()) > most:
            sentences.append(
                f"Colours of {diagram[name].attrs['long_name']} end at {most:.3g}; "
                f"the largest value is {float(diagram[name].max()):.3g}."
            )
    if any(np.isnan(diagram[name].values).any() for name in fields):
        sentences.append(f"Hatched: {_UNDECIDED}.")
    return "\n".join(textwrap.wrap(" ".join(sentences), 100)) + "\n"


def diagram_figure(diagram: xr.Dataset) -> Figure:
    """Fields of a phase diagram side by side; their lines differ in dash and are named below.

    Sequential fields go from white to a medium blue, differences from brown over white to violet, with the
    values of contours written on them, so that both can be read in grey. Where a field is NaN the panel is
    hatched. A field is shown up to its attribute `shown_to`, if it has one. The figure is 6.8 inches wide for
    two fields and 3.3 for one.

    Parameters
    ----------
    diagram : xarray.Dataset
        Of `phase_diagram`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fields, groups = fields_of(diagram), lines_of(diagram)[:_MOST]
    with styled({"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}):
        wide = len(fields) > 1
        columns = 3 if wide else 1
        labels = [textwrap.fill(", ".join(names), 40) for names, _ in groups]
        extra = sum(1 + label.count("\n") for label in labels) / columns
        figure = Figure(
            figsize=(TWO_COLUMNS if wide else ONE_COLUMN, 3.0 + 0.14 * extra), layout="constrained"
        )
        panels = np.atleast_1d(figure.subplots(1, len(fields), sharey=True))
        _label_axes(panels, diagram[fields[0]])  # first: where a contour is cut for its value depends on it
        handles = []
        for panel, name in zip(panels, fields, strict=True):
            missing = _field(figure, panel, diagram[name])
            drawn = [_line(panel, line, style, diagram[name].dims[1])
                     for (_, line), style in zip(groups, DASHES, strict=False)]  # fmt: skip
            handles = [*zip(drawn, labels, strict=True), *((each, _UNDECIDED) for each in missing)]
        figure.suptitle(_title(diagram, 90 if wide else 46))
        if handles:
            lines, names = zip(*handles, strict=True)
            figure.legend(lines, names, loc="outside lower center", ncols=min(columns, len(names)))
        return figure


def _title(diagram: xr.Dataset, width: int) -> str:
    title, fixed = literally(str(diagram.attrs.get("title", ""))), literally(fixed_parameters(diagram))
    return textwrap.fill(f"{title}; {fixed}" if fixed and fixed not in title else title, width)


def _named(values: xr.DataArray) -> str:
    units = values.attrs["units"]
    return values.attrs["long_name"] + (f" [{units}]" if units != "1" else "")


def _sequential() -> colors.Colormap:
    """White to a medium blue, on which black lines are seen."""
    return colors.ListedColormap(mpl.colormaps["Blues"](np.linspace(0, 0.72, 256)), name="light blues")


def _field(figure: Figure, panel: Axes, values: xr.DataArray) -> list[Any]:
    """A field with its colour scale; the handle of what is undecided, if anything is."""
    y, x = values.dims
    data = values.values
    finite = data[np.isfinite(data)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    options: Fields = {"cmap": _sequential(), "vmin": low, "vmax": high}
    if low < -1e-3 * high:  # a difference: zero in the middle
        limit = min(max(-low, high), 4 * high)
        options = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    elif high > values.attrs.get("shown_to", np.inf):
        options["vmax"] = values.attrs["shown_to"]
    extend = "both" if options["vmin"] > low and options["vmax"] < high else "neither"
    extend = "min" if options["vmin"] > low else "max" if options["vmax"] < high else extend
    missing = []
    if finite.size < data.size:
        panel.patch.set(facecolor="white", hatch="//////", edgecolor="0.7")
        missing.append(patches.Patch(facecolor="white", hatch="//////", edgecolor="0.7"))
    mesh = panel.pcolormesh(values[x], values[y], data, shading="nearest", rasterized=True, **options)
    _contours(panel, values)
    bar = figure.colorbar(mesh, ax=panel, location="top", label=_named(values), extend=extend, aspect=30)
    bar.ax.xaxis.set_major_locator(ticker.MaxNLocator(5))
    return missing


def _contours(panel: Axes, values: xr.DataArray) -> None:
    """Thin lines at the levels that a field names in `contours`, each with its value."""
    levels = np.atleast_1d(values.attrs.get("contours", []))
    if not levels.size or min(values.shape) < 3:
        return
    y, x = values.dims
    drawn = panel.contour(
        values[x], values[y], values.values, levels=levels, colors="black", linewidths=0.5, linestyles="-"
    )
    panel.clabel(drawn, fmt="%g", fontsize=6, inline_spacing=2)


def _line(panel: Axes, values: xr.DataArray, style: Any, x: Any) -> Any:
    """A black line with a white rim, seen on every colour; where the axes are turned it runs along y."""
    along, across = values[values.dims[0]].values, values.values
    if values.dims[0] != x:
        along, across = across, along
    (drawn,) = panel.plot(along, across, linestyle=style, color="black", linewidth=1.1)
    drawn.set_path_effects([patheffects.withStroke(linewidth=2.2, foreground="white")])
    return drawn


def _label_axes(panels: Any, values: xr.DataArray) -> None:
    y, x = values.dims
    for panel in panels:
        panel.set_xlabel(values[x].attrs["long_name"])
        for name, axis, limit in ((x, panel.xaxis, panel.set_xlim), (y, panel.yaxis, panel.set_ylim)):
            low, high = float(values[name].min()), float(values[name].max())
            (panel.set_xscale if name == x else panel.set_yscale)(values[name].attrs["scale"])
            limit(low, high)
            if values[name].attrs["scale"] == "log":
                plain_ticks(axis, low, high)
    panels[0].set_ylabel(values[y].attrs["long_name"])
