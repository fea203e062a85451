"""What a phase diagram is: fields over two axes, and lines over the first, as an `xarray.Dataset`.

Coordinates and variables carry `long_name`, `units` and (coordinates) `scale`, "linear" or "log"; a variable
over x alone is a line, drawn on top of the fields.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...theory._support.values import ByContent

__all__ = ["Array", "Axis", "Diagram", "assembled", "entropy_axis", "linear", "logarithmic", "time_axis"]

Array = NDArray[np.float64]


DiagramName: TypeAlias = Literal[
    "separation", "dimension", "classes", "prior", "bifurcation", "anisotropy", "hierarchy", "guidance",
    "collapse", "mean-covariance",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Axis(ByContent):
    """A coordinate: its values, what it is called in a figure, and how it is spaced."""

    name: str
    values: Array
    long_name: str
    scale: str = "linear"
    units: str = "1"


@dataclass(frozen=True)
class Diagram:
    """A named diagram: what it shows, where that is stated, and how it is computed at a resolution."""

    name: DiagramName
    title: str
    source: str
    compute: Callable[..., xr.Dataset]
    """Of the resolution; its keywords are the fixed parameters, which can be set."""
    seconds: float = 1.0
    """How long it takes at a resolution of 256 on a usual core, roughly; less by half at lower ones."""
    clockless: str = ""
    """Why it has no times that another clock could tell; empty where it has."""

    @property
    def fixed(self) -> dict[str, float]:
        """Parameters that are the same all over the diagram and can be set, with their usual values."""
        parameters = inspect.signature(self.compute).parameters.values()
        return {entry.name: float(entry.default) for entry in parameters if entry.kind is entry.KEYWORD_ONLY}

    def checked(self, values: Mapping[str, float]) -> dict[str, float]:
        """`values` as numbers; `ValueError` for what cannot be set or is not positive and finite."""
        for name, value in values.items():
            if name not in self.fixed:
                known = ", ".join(self.fixed) or "nothing"
                raise ValueError(f"{name}: {self.name} has no such fixed parameter; {known} can be set")
            if not 0 < value < np.inf:
                raise ValueError(f"{name}: must be positive and finite, not {value:g}")
        return {name: float(value) for name, value in values.items()}


def linear(name: str, low: float, high: float, count: int, long_name: str, units: str = "1") -> Axis:
    """Equally spaced values."""
    return Axis(name, np.linspace(low, high, count), long_name, "linear", units)


def logarithmic(name: str, low: float, high: float, count: int, long_name: str, units: str = "1") -> Axis:
    """Values with equal ratios."""
    return Axis(name, np.geomspace(low, high, count), long_name, "log", units)


def time_axis(high: float, count: int, low: float = 0.0) -> Axis:
    """OU time."""
    return linear("ou_time", low, high, count, "Ornstein–Uhlenbeck time $t$")


def entropy_axis(count: int, low: float, high: float) -> Axis:
    """OU time from where `M e^{−2t}` is one."""
    return linear("shifted_time", low, high, count, r"time $t-\frac{1}{2}\log M$")


def assembled(
    x: Axis,
    y: Axis,
    fields: Mapping[str, tuple[Array, str, str]],
    lines: Mapping[str, tuple[Array, str]],
    **attributes: object,
) -> xr.Dataset:
    """A dataset of `fields` (values (y, x), long name, units) and `lines` (values (x,), label)."""
    found = xr.Dataset(attrs=attributes)
    for axis in (x, y):
        about = {"long_name": axis.long_name, "units": axis.units, "scale": axis.scale}
        found = found.assign_coords({axis.name: (axis.name, axis.values, about)})
    for name, (values, long_name, units) in fields.items():
        found[name] = ((y.name, x.name), values, {"long_name": long_name, "units": units})
    for name, (values, label) in lines.items():
        found[name] = (x.name, values, {"long_name": label, "units": y.units})
    return found
