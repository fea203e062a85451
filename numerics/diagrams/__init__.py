"""Phase diagrams: the class-conditional entropy, or what is decided when, over two parameters."""

import xarray as xr

from . import bifurcation, finite_data, guided, many_classes, two_classes, two_differences
from ._base import Diagram, DiagramName
from .clock import in_clock
from .grid import NOISE, check_grid, grid, grid_seconds, parse_axis

__all__ = [
    "DIAGRAMS",
    "NOISE",
    "Diagram",
    "DiagramName",
    "check_grid",
    "grid",
    "grid_seconds",
    "in_clock",
    "parse_axis",
    "phase_diagram",
]

_SHIFTED = "its times are differences of Ornstein-Uhlenbeck times"

DIAGRAMS: dict[DiagramName, Diagram] = {
    diagram.name: diagram
    for diagram in (
        Diagram("separation", "Two classes and the eight criteria", "T2, T5", two_classes.separation),
        Diagram(
            "dimension",
            "The window sharpens with the dimension",
            "T6, T7",
            two_classes.dimension,
            clockless="its times are shares of the time of speciation",
        ),
        Diagram(
            "classes",
            "Many classes: a first-order window",
            "T13, T14",
            many_classes.classes,
            clockless=_SHIFTED,
        ),
        Diagram("prior", "Unequal weights", "T2, T5", two_classes.prior, clockless=_SHIFTED),
        Diagram(
            "bifurcation",
            "Where the second mode appears",
            "T5",
            bifurcation.bifurcation,
            clockless=_SHIFTED,
        ),
        Diagram("anisotropy", "Anisotropic classes", "T2, T5", two_classes.anisotropy),
        Diagram("hierarchy", "A hierarchy: one window splits into two", "T15", many_classes.hierarchy),
        Diagram(
            "guidance",
            "Guidance moves the decision",
            "T11, T12",
            guided.guidance,
            seconds=10,
            clockless="its axis is gamma, which no clock changes",
        ),
        Diagram("collapse", "Speciation and collapse", "T18", finite_data.collapse),
        Diagram("mean-covariance", "Means against scales", "T2, T16", two_differences.mean_covariance),
    )
}
"""The named diagrams; `grid` makes one of any two parameters."""


def phase_diagram(name: DiagramName, resolution: int = 256, **fixed: float) -> xr.Dataset:
    """A named phase diagram on a grid of `resolution` × `resolution`.

    Parameters
    ----------
    name : DiagramName
        One of `DIAGRAMS`.
    resolution : int
        Points along each axis, at least 2.
    **fixed : float
        Other values of its fixed parameters, positive: `DIAGRAMS[name].fixed` has those that can be set.

    Returns
    -------
    xarray.Dataset
        Fields over (y, x), lines over x; coordinates and variables carry `long_name` and `units`, coordinates
        their `scale`; attributes `title`, `source` (theorems) and the fixed parameters.

    Raises
    ------
    ValueError
        An unknown name or parameter, or a resolution below 2.
    """
    if name not in DIAGRAMS:
        raise ValueError(f"{name}: not a diagram; there are {', '.join(DIAGRAMS)} and grid")
    if resolution < 2:
        raise ValueError(f"resolution: must be at least 2, not {resolution}")
    diagram = DIAGRAMS[name]
    values = diagram.checked(fixed)
    return diagram.compute(resolution, **values).assign_attrs(
        name=name, title=diagram.title, source=diagram.source
    )
