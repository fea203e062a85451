"""Several curves in one figure: entropy and rate of each against σ, told apart by dash and marker."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator

from ...theory._support.aliases import Fields
from .style import DASHES, ONE_COLUMN, TWO_COLUMNS, literally, styled
from .theory import BLACK, BLUE, GREEN, ORANGE, RED

__all__ = ["MOST", "checked", "overlay_figure", "per_log_sigma", "quantity_of"]

MOST = len(DASHES)
"""Curves of one figure: as many as there are styles of line that can be told apart in grey."""

_LOOKS = tuple(zip(DASHES, (BLACK, BLUE, RED, GREEN, ORANGE), "osD^v", strict=True))
_FINE = 1000


def quantity_of(curve: xr.Dataset) -> str:
    """`entropy` or, of guided runs, `cross_entropy`: the quantity that a curve has."""
    return "cross_entropy" if "cross_entropy" in curve else "entropy"


def per_log_sigma(curve: xr.Dataset, name: str = "rate") -> Any:
    """A rate per unit OU time as one per unit log σ: `σ²/(1 + σ²)` times it, nats, shape (levels,)."""
    sigma = curve.sigma.values
    return curve[name].values * sigma**2 / (1 + sigma**2)


def overlay_figure(curves: Mapping[str, xr.Dataset], *, relative: bool = False) -> Figure:
    """Curves of one figure, entropy on the left and rate per unit log σ on the right, over σ.

    Parameters
    ----------
    curves : mapping of str to xarray.Dataset
        One to five curves over `sigma` with `entropy` (or `cross_entropy`) in nats, by their labels. A curve
        with standard errors above zero is drawn as points with bars of two of them, another as a line.
    relative : bool
        Divide each by its `class_entropy`, so that curves of other numbers of classes can be compared.

    Returns
    -------
    matplotlib.figure.Figure
        6.8 inches wide, or 3.3 where no curve has a rate.

    Raises
    ------
    ValueError
        For no curves or more than five, and with `relative` for one whose H(C) is not known.
    """
    shares = checked(curves, relative)
    with_rate = any("rate" in curve for curve in curves.values())
    unit = "1" if relative else "nats"
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS if with_rate else ONE_COLUMN, 2.9), layout="constrained")
        panels = np.atleast_1d(figure.subplots(1, 1 + with_rate))
        handles: Fields = {}
        for (label, curve), look in zip(curves.items(), _LOOKS, strict=False):
            whole, name = shares[label], quantity_of(curve)
            handles[literally(label)] = _draw(panels[0], curve, name, whole, look)
            if "rate" in curve:
                _draw(panels[1], curve, "rate", whole, look)
        words = "/".join(dict.fromkeys(quantity_of(curve).replace("_", "-") for curve in curves.values()))
        panels[0].set_ylabel(f"{words} $H(C|X)$" + ("$/H(C)$" if relative else "") + f" [{unit}]")
        if with_rate:
            panels[1].set_ylabel(r"rate $dH/d\,\log σ$" + f" [{unit}]")
        for panel in panels:
            panel.set(xscale="log", xlabel="noise-to-signal ratio σ")
            panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]) if panel.get_ylim()[0] < -0.05 else 0.0)
        columns = min(len(handles), 2 if with_rate else 1)
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
        return figure


def checked(curves: Mapping[str, xr.Dataset], relative: bool) -> dict[str, float]:
    """What each curve is divided by, 1 or its H(C); `ValueError` for none or too many curves, or no H(C)."""
    if not 0 < len(curves) <= MOST:
        raise ValueError(f"curves: a figure shows one to {MOST}, not {len(curves)}")
    return {label: _whole(label, curve) if relative else 1.0 for label, curve in curves.items()}


def _whole(label: str, curve: xr.Dataset) -> float:
    whole = float(curve.get("class_entropy", np.nan))
    if not whole > 0:
        raise ValueError(
            f"{label}: its class entropy H(C), by which it would be divided, is not known; leave relative out"
        )
    return whole


def _draw(panel: Axes, curve: xr.Dataset, name: str, whole: float, look: tuple[Any, str, str]) -> Any:
    """A smooth line through an exact curve, or points with bars through a measured one; its handle."""
    dash, colour, marker = look
    convert = per_log_sigma if name == "rate" else lambda each, key: each[key].values
    sigma, values = curve.sigma.values, convert(curve, name) / whole
    errors = convert(curve, f"{name}_se") / whole if f"{name}_se" in curve else np.zeros(sigma.size)
    if errors.max() > 0:
        return panel.errorbar(
            sigma, values, 2 * errors, fmt=marker, color=colour, markerfacecolor="white", elinewidth=0.7
        )
    fine = np.linspace(float(np.log(sigma[0])), float(np.log(sigma[-1])), _FINE)
    (line,) = panel.plot(
        np.exp(fine), PchipInterpolator(np.log(sigma), values)(fine), color=colour, linestyle=dash
    )
    return line
