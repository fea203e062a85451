"""How figures are drawn and saved: in one style, whatever the user's own is, and to the same bytes.

A `matplotlibrc`, a style sheet or `MPLBACKEND` is the user's own business and changes nothing here: LaTeX is
not called, no font or unit is another one.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["STYLE", "literally", "save", "saver", "styled"]

STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "speciation",
    "pdf.fonttype": 42,
    "figure.dpi": 150,
}
"""Matplotlib settings that every figure is drawn with, on top of matplotlib's own defaults."""

_UNDATED: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "eps": {"CreationDate": None},
}


@contextmanager
def styled(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's own defaults with `STYLE` and `changes`, until the end of the block."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE | dict(changes or {}))
        yield


def literally(text: str) -> str:
    """A user's text as a figure shows it: no mathematics in dollar signs, one line, all of it drawable."""
    drawable = text.encode("utf-8", "replace").decode()
    return " ".join(drawable.split()).replace("$", r"\$")


def save(figure: Figure, target: Any, kind: str | None = None) -> None:
    """Write a figure to a path or stream; the same figure gives the same bytes."""
    kind = kind or Path(target).suffix.removeprefix(".")
    with styled(), warnings.catch_warnings():
        # a font that lacks a character of a label draws a box for it
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        figure.savefig(target, format=kind, metadata=_UNDATED.get(kind))


def saver(figure: Figure) -> Callable[[Path], None]:
    """What writes a figure to the path that it is given."""
    return lambda path: save(figure, path)
