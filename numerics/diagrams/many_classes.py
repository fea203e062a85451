"""Many classes, and choices within choices, against time (T13–T15)."""

import numpy as np
import xarray as xr
from scipy import interpolate

from ...theory.channel.binary import binary_entropy, binary_mmse
from ...theory.channel.constants import peak_gamma
from ...theory.closed_forms.many_classes import orthogonal_peak
from ...theory.closed_forms.orthogonal import orthogonal_table
from ._base import assembled, entropy_axis, logarithmic, time_axis

__all__ = ["classes", "hierarchy"]

_PEAKS = 33  # numbers of classes at which the peak is solved for; between them it is smooth in log K


def classes(resolution: int) -> xr.Dataset:
    """K orthogonal classes × time, `s = 1`: a window of first order at `g = 2 log K`, a late midpoint."""
    x = logarithmic("classes", 2, 1e12, resolution, "number of classes $K$")
    y = entropy_axis(resolution, -3.0, 1.5)
    g = np.exp(-2 * y.values)
    table = orthogonal_table(g, x.values)
    whole = np.log(x.values)
    few = np.geomspace(2, 1e12, _PEAKS)
    peak = interpolate.CubicSpline(np.log(few), np.log([orthogonal_peak(float(k)) for k in few]))
    lines = {
        "entropy_peak": (-0.5 * peak(whole), "entropy-rate peak"),
        "first_order": (-0.5 * np.log(2 * whole), r"first-order threshold $g=2\log K$"),
        "midpoint": (np.where(x.values < g.max(), -0.5 * whole, np.nan), "midpoint unstable, $g=K$"),
    }
    fields = {
        "entropy": (table.entropy.T / whole, r"entropy $H(C|X_t)/\log K$", "1"),
        "rate": (g[:, None] * table.disagreement.T / whole, r"rate $d(H/\log K)/dt$", "1 per unit t"),
    }
    return assembled(x, y, fields, lines, s=1.0)


def hierarchy(resolution: int, *, B: float = 4.0) -> xr.Dataset:
    """Ratio of two levels' squared separations × time, `|B|² = 4`, `s = 1`: one window splits into two."""
    x = logarithmic("ratio", 1, 1e5, resolution, "ratio $|A|^2/|B|^2$ of the levels")
    y = time_axis(8.0, resolution)
    clock = np.exp(-2 * y.values)[:, None]
    fine = B * clock * np.ones_like(x.values)
    coarse = B * x.values * clock
    entropy = binary_entropy(coarse) + binary_entropy(fine)
    rate = coarse * binary_mmse(coarse) + fine * binary_mmse(fine)
    constant = -0.5 * np.log(float(peak_gamma()))
    upper = 0.5 * np.log(B * x.values) + constant
    lower = np.full_like(upper, 0.5 * np.log(B) + constant)
    lines = {"upper": (upper, "peak of the upper level"), "lower": (lower, "peak of the lower level")}
    fields = {
        "entropy": (entropy, "entropy $H(C|X_t)$", "nats"),
        "rate": (rate, "entropy rate $dH/dt$", "nats per unit t"),
    }
    return assembled(x, y, fields, lines, B=B, s=1.0)
