"""Figures as pages that a browser opens without a network: values and criteria are shown under the pointer.

Drawn by Bokeh, an extra dependency (`pip install 'speciation[interactive]'`) that is imported only here. A
page holds Bokeh's own script, 1.3 MB, and its data.
"""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from pylatexenc.latex2text import LatexNodes2Text

from ...theory._support.aliases import Picture
from .diagrams import caption, fields_of, fixed_parameters, lines_of
from .overlay import MOST, per_log_sigma, quantity_of

__all__ = ["check_installed", "diagram_page", "overlay_page", "plain_text", "writer"]

_CELLS = 256  # along an axis of a page's picture; a finer diagram is thinned
_DASHES: Picture = ("solid", [6, 3], [2, 2], [8, 3, 2, 3], [14, 5])
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#E69F00")

_PAGE = """
{% block postamble %}<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font-family: sans-serif; height: auto; margin: 0 auto; max-width: 60rem; padding: 0 .5rem; }
h1 { font-size: 1.1rem; }
figure { margin: 0; }
figcaption { color: #444; font-size: .9rem; margin: .5rem 0 2rem; }
</style>{% endblock %}
{% block contents %}<h1>{{ heading | e }}</h1>
<figure>{{ super() }}<figcaption>{{ words | e }}</figcaption></figure>{% endblock %}
"""

_POINTED = """
const place = along === "x" ? special_vars.x : special_vars.y;
if (format === "x") return (log_x ? 10 ** special_vars.x : special_vars.x).toPrecision(4);
if (format === "y") return (log_y ? 10 ** special_vars.y : special_vars.y).toPrecision(4);
const line = lines[Number(format)];
let best = 0;
for (let i = 1; i < at.length; i++) if (Math.abs(at[i] - place) < Math.abs(at[best] - place)) best = i;
return line[best] === null ? "none" : line[best].toPrecision(4);
"""


def check_installed() -> None:
    """`ModuleNotFoundError` where Bokeh is not installed, before anything is computed."""
    import bokeh as bokeh


def plain_text(label: str) -> str:
    """A label of a figure without LaTeX: `$|x|^2$` as `|x|^2`."""
    text: str = LatexNodes2Text().latex_to_text(label.replace("%", r"\%"))
    return re.sub(r"1/2\s*log", "½ log ", text).replace("log  ", "log ").replace("-½", "− ½")


def writer(page: str) -> Callable[[Path], None]:
    """What writes a page to the path that it is given."""
    from ...numerics.runs.atomic_files import write_text

    return lambda path: write_text(path, page)


def diagram_page(diagram: xr.Dataset) -> str:
    """A phase diagram as HTML: its fields, its lines, and under the pointer the values and every criterion.

    `diagram` is what `phase_diagram` or `grid` returns. Cells are thinned to at most 256 along an axis, and
    the page stays under 5 MB.

    Raises
    ------
    ModuleNotFoundError
        Without Bokeh.
    """
    from bokeh.layouts import column

    y, x = diagram[fields_of(diagram)[0]].dims
    thin = {name: slice(None, None, -(-diagram.sizes[name] // _CELLS)) for name in (x, y)}
    shown = diagram.isel(thin)
    figures = [_picture(shown, name) for name in fields_of(shown)]
    title = plain_text(str(diagram.attrs.get("title", "")))
    fixed = fixed_parameters(diagram)
    heading = f"{title}; {fixed}" if fixed else title
    return _page(column(figures, sizing_mode="stretch_width"), heading, _words(diagram))


def _words(diagram: xr.Dataset) -> str:
    """The caption, of a page that has the second field below the first."""
    words = plain_text(caption(diagram)).replace("(left)", "(above)").replace("(right)", "(below)")
    return words.replace("Hatched:", "Grey:")


def _axis(values: xr.DataArray) -> tuple[np.ndarray, bool]:
    """Places of an axis in the picture, whose cells are equally wide: logarithms where it is logarithmic."""
    log = values.attrs["scale"] == "log"
    return (np.log10(values.values) if log else values.values), log


def _picture(diagram: xr.Dataset, name: str) -> Picture:
    """One field with the lines on it."""
    from bokeh.models import (
        ColorBar,
        CustomJSTickFormatter,
        FixedTicker,
        LinearColorMapper,
    )
    from bokeh.palettes import Blues256, PuOr11, interp_palette
    from bokeh.plotting import figure

    values = diagram[name]
    y, x = values.dims
    (across, log_x), (along, log_y) = _axis(diagram[x]), _axis(diagram[y])
    low, high = float(values.min()), float(values.max())
    high = min(high, float(values.attrs.get("shown_to", high)))
    palette: Picture = tuple(reversed(Blues256[90:]))
    if low < -1e-3 * high:
        low, high = -min(max(-low, high), 4 * high), min(max(-low, high), 4 * high)
        palette = interp_palette(PuOr11[::-1], 255)
    colours = LinearColorMapper(palette=palette, low=low, high=high, nan_color="#dddddd")
    plot: Picture = figure(
        height=380, sizing_mode="stretch_width", toolbar_location="above",
        title=textwrap.fill(_named(values), 34),  # the width of a telephone
        tools="pan,wheel_zoom,box_zoom,reset", active_drag=None,
        x_axis_label=plain_text(values[x].attrs["long_name"]),
        y_axis_label=plain_text(values[y].attrs["long_name"]), x_range=_range(across),
        y_range=_range(along),
    )  # fmt: skip
    picture = plot.image(
        image=[_on_even_cells(values.values, across, along)], x=across[0], y=along[0],
        dw=across[-1] - across[0], dh=along[-1] - along[0], color_mapper=colours,
    )  # fmt: skip
    for axis, log, places in ((plot.xaxis, log_x, across), (plot.yaxis, log_y, along)):
        if log:
            axis.ticker = FixedTicker(ticks=_log_ticks(places))
            axis.formatter = CustomJSTickFormatter(code="return String(+(10 ** tick).toPrecision(3))")
    _draw_lines(plot, diagram, (across, along), (log_x, log_y))
    plot.title.text_font_size = "12px"
    plot.add_layout(ColorBar(color_mapper=colours, width=10), "right")
    _point(plot, picture, diagram, values, (across, along), (log_x, log_y))
    return plot


def _point(
    plot: Picture,
    picture: Picture,
    diagram: xr.Dataset,
    values: xr.DataArray,
    places: tuple[np.ndarray, np.ndarray],
    logs: tuple[bool, bool],
) -> None:
    """What the pointer shows: where it is, the field's value, and every line there."""
    from bokeh.models import CustomJSHover, HoverTool

    y, x = values.dims
    names = [each for each, line in diagram.data_vars.items() if line.ndim == 1]
    turned = _turned(diagram, names)
    pointed = CustomJSHover(
        code=_POINTED,
        args={"along": "y" if turned else "x", "log_x": logs[0], "log_y": logs[1],
              "at": (places[1] if turned else places[0]).tolist(),
              "lines": [_nullable(diagram[each]) for each in names]},
    )  # fmt: skip
    word = {each: plain_text(diagram[each].attrs["long_name"]) for each in (x, y, *names)}
    tips = [(word[x], "$x{x}"), (word[y], "$y{y}"), (_named(values), "@image{0.0000}")]
    tips += [(word[each], f"$x{{{index}}}") for index, each in enumerate(names)]
    formatters: Picture = {"$x": pointed, "$y": pointed}
    plot.add_tools(
        HoverTool(renderers=[picture], tooltips=tips, formatters=formatters, attachment="vertical")
    )


def _turned(diagram: xr.Dataset, names: Sequence[object]) -> bool:
    """Whether the lines run along y, as where the noise is on the horizontal axis."""
    y, _ = diagram[fields_of(diagram)[0]].dims
    return bool(names) and diagram[names[0]].dims == (y,)


def _draw_lines(
    plot: Picture, diagram: xr.Dataset, places: tuple[np.ndarray, np.ndarray], logs: tuple[bool, bool]
) -> None:
    """The lines of a diagram, with a legend that hides the one that is clicked."""
    groups = lines_of(diagram)[:MOST]
    if not groups:
        return
    turned = _turned(diagram, [groups[0][1].name])
    for (labels, line), dash in zip(groups, _DASHES, strict=False):
        other = np.log10(line.values) if logs[0 if turned else 1] else line.values
        drawn = (other, places[1]) if turned else (places[0], other)
        label = ", ".join(plain_text(each) for each in labels)
        plot.line(*drawn, color="black", line_dash=dash, line_width=1.6, legend_label=label)
    legend = plot.legend[0]
    plot.center.remove(legend)
    plot.add_layout(legend, "below")  # where it hides nothing on a telephone
    size = "10px" if max(len(", ".join(labels)) for labels, _ in groups) > 40 else "11px"
    legend.click_policy, legend.label_text_font_size, legend.border_line_alpha = "hide", size, 0
    legend.spacing, legend.padding, legend.location = 0, 2, "left"


def _log_ticks(places: np.ndarray) -> list[float]:
    """Logarithms of powers of ten, or of 1, 2, 5 over fewer than two of them."""
    few = (1,) if places[-1] - places[0] > 2 else (1, 2, 5)
    powers = range(int(np.floor(places[0])), int(np.ceil(places[-1])) + 1)
    return [float(power + np.log10(each)) for power in powers for each in few]


def _range(places: np.ndarray) -> Picture:
    from bokeh.models import Range1d

    return Range1d(start=float(places[0]), end=float(places[-1]))


def _nullable(line: xr.DataArray) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.6g}") for value in line.values]


def _on_even_cells(values: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Values in single precision on cells of one size: whole numbers on a logarithmic axis are not even."""
    for places, axis in ((along, 0), (across, 1)):
        even = np.linspace(places[0], places[-1], places.size)
        middles = (places[1:] + places[:-1]) / 2
        values = np.take(values, np.searchsorted(middles, even), axis=axis)
    return values.astype(np.float32)


def _named(values: xr.DataArray) -> str:
    units = values.attrs["units"]
    return plain_text(values.attrs["long_name"]) + (f" [{units}]" if units != "1" else "")


def overlay_page(curves: Mapping[str, xr.Dataset], *, relative: bool = False, heading: str = "Curves") -> str:
    """Curves over σ as HTML, entropy and rate per unit log σ, with each level's numbers under the pointer.

    Arguments and `ValueError`s are those of `overlay_figure`; `heading` stands above.

    Raises
    ------
    ModuleNotFoundError
        Without Bokeh.
    """
    from bokeh.layouts import column
    from bokeh.models import HoverTool
    from bokeh.plotting import figure

    from .overlay import checked

    shares = checked(curves, relative)
    unit = "1" if relative else "nats"
    plots: list[Picture] = []
    for kind, words in (("entropy", "entropy H(C|X)"), ("rate", "rate dH/d log σ")):
        if kind == "rate" and not any("rate" in curve for curve in curves.values()):
            continue
        tips = [
            ("", "$name"),
            ("σ", "@sigma{0.0000}"),
            (f"{kind} [{unit}]", "@value{0.00000}"),
            ("± s.e.", "@error{0.0e+0}"),
        ]
        plot = figure(
            height=320, sizing_mode="stretch_width", x_axis_type="log",
            x_axis_label="noise-to-signal ratio σ",
            y_axis_label=f"{words} [{unit}]", tools="pan,wheel_zoom,box_zoom,reset", active_drag=None,
        )  # fmt: skip
        plot.add_tools(HoverTool(tooltips=tips, mode="mouse"))
        for (label, curve), dash, colour in zip(curves.items(), _DASHES, _COLOURS, strict=False):
            if kind == "rate" and "rate" not in curve:
                continue
            source = _source(curve, kind, shares[label])
            plot.line(
                "sigma", "value", source=source, color=colour, line_dash=dash, legend_label=label, name=label
            )
            plot.scatter(
                "sigma", "value", source=source, color=colour, size=4, legend_label=label, name=label
            )
        plot.legend.click_policy, plot.legend.location = "hide", "top_left"
        plots.append(plot)
    return _page(column(plots, sizing_mode="stretch_width"), heading, ", ".join(curves))


def _source(curve: xr.Dataset, kind: str, whole: float) -> Picture:
    from bokeh.models import ColumnDataSource

    name = quantity_of(curve) if kind == "entropy" else "rate"
    convert = per_log_sigma if kind == "rate" else lambda each, key: each[key].values
    error = convert(curve, f"{name}_se") if f"{name}_se" in curve else np.zeros(curve.sizes["sigma"])
    return ColumnDataSource(
        {"sigma": curve.sigma.values, "value": convert(curve, name) / whole, "error": error / whole}
    )


def _page(layout: Picture, heading: str, words: str) -> str:
    """HTML with Bokeh's script in it; the same layout gives the same text."""
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    page: str = file_html(
        layout, INLINE, heading, template=_PAGE, template_variables={"heading": heading, "words": words}
    )
    # identifiers are drawn or counted anew in every process
    for pattern, form in (
        (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "root-{}"),
        (r"\bp[1-9]\d{3,}\b", "p{}"),
    ):
        head, mark, body = page.rpartition("</head>")
        order = {
            each: form.format(1000 + i) for i, each in enumerate(dict.fromkeys(re.findall(pattern, body)))
        }
        page = head + mark + re.sub(pattern, lambda found, order=order: order[found[0]], body)
    return page
