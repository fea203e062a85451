"""Where the highest slope of a curve can be: every gap between two levels that could hold it.

Between two levels the slope is known less well than at them, and a window that rises between levels may be
higher than the one that the levels show. In each gap two interpolants, of which one has the mean slope that
the fall of the entropy fixes, and their difference, bound how high it may get; what may be higher than the
highest known value is a contender. The bound takes a window to be no narrower than half a unit of log σ.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import interpolate as _interpolate

__all__ = ["NARROWEST", "contenders"]

Array: TypeAlias = NDArray[np.float64]
interpolate: Any = _interpolate

NARROWEST = 0.5
"""Width in log σ, half of the way up, that every window is taken to have."""
_FINE = 17  # points within a gap, its ends included
_NEAR = 2  # gaps to each side of the highest level in which its own peak may be


def contenders(
    x: Float64[Array, " levels"],
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"] | None,
    per_time: bool,
    best: float,
) -> tuple[float, float]:
    """Lowest and highest log σ of the gaps that could hold the highest slope.

    Both are `best` where all of them are next to it: then that peak alone is in question.
    """
    step, u = np.diff(x)[:, None], np.linspace(0, 1, _FINE)
    fine = x[:-1, None] + u * step
    mean = np.diff(entropy)[:, None] / step
    if slope is None:
        first, second = _of_entropies(x, entropy, fine)
    else:
        first, second = _of_slopes(x, slope, fine, mean, u)
    factor = 1 + np.exp(-2 * fine) if per_time else np.ones(fine.shape)
    doubt = np.abs(first - second)
    if slope is not None:
        known = float((slope * (1 + np.exp(-2 * x) if per_time else 1)).max())
    elif step.max() > NARROWEST:  # no more is known than means, which a slope exceeds somewhere
        known = float((factor[:, -1:] * mean).max())
    else:
        known = float((factor * (np.minimum(first, second) - doubt)).max())
    # positive slopes with these means, in windows that are no narrower
    around = np.pad(mean[:, 0] * step[:, 0], 1)
    mass = around[:-2] + around[1:-1] + around[2:]
    most = 2 * mass / np.clip(step[:, 0], None, NARROWEST)
    highest = (factor * np.minimum(np.maximum(first, second) + doubt, most[:, None])).max(axis=1)
    found = np.flatnonzero(highest >= known)
    at = int(np.clip(np.searchsorted(x, best) - 1, 0, x.size - 2))
    if found.size == 0 or np.abs(found - at).max() <= (0 if step.max() > NARROWEST else _NEAR):
        return best, best
    return float(x[found[0]]), float(x[found[-1] + 1])


def _of_slopes(
    x: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    fine: Float64[Array, "gaps fine"],
    mean: Float64[Array, "gaps 1"],
    u: Float64[Array, " fine"],
) -> tuple[Float64[Array, "gaps fine"], Float64[Array, "gaps fine"]]:
    """A quintic spline, and parabolas through the ends of each gap that have its mean."""
    left, right = slope[:-1, None], slope[1:, None]
    parabola = left * (1 - u) + right * u + 6 * u * (1 - u) * (mean - (left + right) / 2)
    return interpolate.make_interp_spline(x, slope, k=5 if x.size > 5 else 3)(fine), parabola


def _of_entropies(
    x: Float64[Array, " levels"], entropy: Float64[Array, " levels"], fine: Float64[Array, "gaps fine"]
) -> tuple[Float64[Array, "gaps fine"], Float64[Array, "gaps fine"]]:
    """Derivatives of a quintic and of a cubic spline."""
    degrees = (5 if x.size > 5 else 3, 3)
    first, second = (interpolate.make_interp_spline(x, entropy, k=k).derivative()(fine) for k in degrees)
    return first, second
