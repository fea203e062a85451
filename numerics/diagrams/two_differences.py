"""Classes that differ in their means and in their scales: ½ log d against ¼ log d (T16).

With `m = ±μ(1, …, 1)` and `Σ = (1 ± ½Δ)I` the log-odds are, for many dimensions, those of a binary channel,

    γ(t) = μ²d e^{−2t} + dΔ² e^{−4t}/8,

so `γ = γ_½`, where half of the entropy is left, is a quadratic in `e^{2t}`.
"""

import numpy as np
import xarray as xr

from ...theory.channel.constants import median_gamma
from ._base import assembled, logarithmic

__all__ = ["mean_covariance"]


def mean_covariance(resolution: int, *, dimension: float = 10_000) -> xr.Dataset:
    """Half the difference μ of the means × difference Δ of the variances: when d dimensions are decided."""
    x = logarithmic("mu", 1e-3, 1, resolution, r"half the difference $\mu$ of the means, per coordinate")
    y = logarithmic("difference", 1e-3, 1, resolution, r"difference $\Delta$ of the variances")
    level = float(median_gamma())
    means = x.values**2 * dimension
    scales = (dimension * y.values**2 / 8)[:, None]
    growth = (means + np.sqrt(means**2 + 4 * level * scales)) / (2 * level)
    # a mixture with e^{2t} below 1 is not decided even on clean data
    time = np.where(growth >= 1, 0.5 * np.log(np.maximum(growth, 1)), np.nan)
    share = np.where(growth >= 1, scales / growth**2 / level, np.nan)
    # both shares are equal where μ²d/e^{2t} = γ_½/2
    equal = np.sqrt(8 / dimension * level / 2) * 2 * means / level
    inside = (equal >= y.values[0]) & (equal <= y.values[-1]) & (2 * means / level >= 1)
    lines = {"equal": (np.where(inside, equal, np.nan), "means and scales decide alike")}
    fields = {
        "ou_time": (time, "time $t$ at which half of the entropy is left", "1"),
        "share": (share, r"share of the scales in $γ$ at that time", "1"),
    }
    found = assembled(x, y, fields, lines, dimension=dimension)
    found["ou_time"].attrs["contours"] = [0.5, 1.0, 2.0, 3.0, 4.0]
    found["share"].attrs["contours"] = [0.1, 0.9]
    return found
