"""n samples against time: when the class is decided, when the sample is, and where the two cross (T18)."""

import numpy as np
import xarray as xr

from ...theory.channel.binary import binary_entropy
from ...theory.closed_forms.collapse import critical_samples
from ...theory.times.criteria import speciation_time
from ._base import assembled, logarithmic, time_axis

__all__ = ["collapse"]


def collapse(resolution: int, *, dimension: float = 1024, separation2: float = 51.2) -> xr.Dataset:
    """`α = log n/d` × time for two classes in d dimensions (usually 1024), `|δ|² = 51.2`, `s = 1`.

    The share of the sample's `log n` nats that is left is `max(0, 1 − I/log n)`, I the information about a
    sample in its class: the limit of many dimensions.
    """
    x = logarithmic("alpha", 1e-3, 0.5, resolution, r"$\alpha=\log n/d$")
    y = time_axis(4.5, resolution, low=0.005)
    noise = np.expm1(2 * y.values)[:, None]
    information = 0.5 * np.log1p(1 / noise) * np.ones_like(x.values)
    left = np.maximum(1 - information / x.values, 0)
    entropy = binary_entropy(separation2 / (1 + noise)) / np.log(2) * np.ones_like(x.values)
    # t_C = ½ log(1 + s²/(n^{2/d} − 1)) in α, as n itself overflows in many dimensions
    collapsed = 0.5 * np.log1p(1 / np.expm1(2 * x.values))
    speciation = float(speciation_time("curvature", separation2))
    lines = {
        "speciation": (np.full_like(x.values, speciation), "speciation (curvature)"),
        "collapse": (collapsed, "collapse $t_C$"),
    }
    fields = {
        "sample_share": (left, r"share of $\log n$ left", "1"),
        "entropy": (entropy, r"entropy $H(C|X_t)/\log 2$", "1"),
    }
    mu = float(np.sqrt(separation2 / dimension))
    crossing = float(critical_samples(dimension, mu)) / dimension
    return assembled(x, y, fields, lines, dimension=dimension, separation2=separation2, crossing=crossing)
