"""How figures are drawn and saved: in one style, whatever the user's own is, and to the same bytes.

A `matplotlibrc`, a style sheet or `MPLBACKEND` is the user's own business and changes nothing here: LaTeX is
not called, no font or unit is another one.

Sizes are those of print: a figure is one column (3.3 inches) or two (6.8) wide, its letters are 8 points high
and its fonts are embedded as Type 42. Lines are told apart by dash as well as colour, and there are at most
five dashes, which can be told apart in grey.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import ticker
from matplotlib.axis import Axis
from matplotlib.figure import Figure

__all__ = [
    "DASHES",
    "ONE_COLUMN",
    "STYLE",
    "TWO_COLUMNS",
    "literally",
    "plain_ticks",
    "save",
    "saver",
    "styled",
]

ONE_COLUMN, TWO_COLUMNS = 3.3, 6.8
"""Widths of a figure in inches: a column of a paper of two, and its page."""

DASHES: Any = ("-", (0, (5, 1.6)), (0, (1, 1.2)), (0, (6, 1.4, 1, 1.4)), (0, (10, 4)))
"""The five styles of line: solid, dashed, dotted, dash and dot, long dashes far apart."""

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.handlelength": 2.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "speciation",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "figure.dpi": 150,
    "savefig.dpi": 300,
}
"""Matplotlib settings that every figure is drawn with, on top of matplotlib's own defaults."""

_UNDATED: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "eps": {"CreationDate": None},
}


@contextmanager
def styled(changes: Mapping[str, object] | None = None) -> Iterator[None]:
    """Matplotlib's own defaults with `STYLE` and `changes`, until the end of the block."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | dict(changes or {}))
        yield


def literally(text: str) -> str:
    """A user's text as a figure shows it: no mathematics in dollar signs, one line, all of it drawable."""
    drawable = text.encode("utf-8", "replace").decode()
    return " ".join(drawable.split()).replace("$", r"\$")


def plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Labels of a logarithmic axis from `low` to `high` that do not collide: 1, 2, 5, or powers of ten."""
    decades = np.log10(high / low)
    axis.set_minor_formatter(ticker.NullFormatter())
    if decades > 3:
        axis.set_major_locator(ticker.LogLocator(numticks=7))
        return
    few = (1.0,) if decades > 2 else (1.0, 2.0, 5.0) if decades > 0.8 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    axis.set_major_locator(ticker.LogLocator(subs=few))
    axis.set_major_formatter(ticker.FormatStrFormatter("%g"))


def save(figure: Figure, target: Any, kind: str | None = None) -> None:
    """Write a figure to a path or stream; the same figure gives the same bytes."""
    kind = kind or Path(target).suffix.removeprefix(".")
    with styled(), warnings.catch_warnings():
        # a font that lacks a character of a label draws a box for it
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        # first into memory: of a full disk the PDF back end would say something else
        drawn = io.BytesIO()
        figure.savefig(drawn, format=kind, metadata=_UNDATED.get(kind))
    if isinstance(target, str | Path):
        Path(target).write_bytes(drawn.getvalue())
    else:
        target.write(drawn.getvalue())


def saver(figure: Figure) -> Callable[[Path], None]:
    """What writes a figure to the path that it is given."""
    return lambda path: save(figure, path)
