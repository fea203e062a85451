"""Lines that a reader cannot tell apart are drawn once, and named together.

Criteria of speciation often fall on one another: with equal weights curvature, cloning and the second mode
are one level of γ. A figure that gave each its own dash would show the dash of the last.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

__all__ = ["TOGETHER", "grouped"]

TOGETHER = 0.008
"""Share of the axis within which lines are drawn as one: about the width of a line in print."""
_ENDS = 0.05

Array = NDArray[np.float64]


def grouped(
    lines: Mapping[str, Float64[Array, " points"]], span: float
) -> list[tuple[list[str], Float64[Array, " points"]]]:
    """Lines by label, put together where all of each lies within `TOGETHER·span` of the first of a group.

    Values have one shape. One of two lines may be NaN where the other is not, at the end of an axis, for a
    twentieth of its length. Lines that are NaN throughout are left out.
    Returns the labels of each group, in order, and the values of its first line.
    """
    near = TOGETHER * span
    found: list[tuple[list[str], Array]] = []
    for label, values in lines.items():
        shown = np.isfinite(values)
        if not shown.any():
            continue
        for labels, first in found:
            both = shown & np.isfinite(first)
            alone = (shown ^ np.isfinite(first)).sum()
            if alone <= _ENDS * shown.size and both.any() and np.abs(values - first)[both].max() <= near:
                labels.append(label)
                break
        else:
            found.append(([label], values))
    return found
