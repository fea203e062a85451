"""Guidance against the γ clock: what a guided run knows of the class, and when it learns it (T12)."""

import xarray as xr

from ...theory.channel.binary import binary_entropy, binary_mmse
from ..fokker_planck import guided_table
from ._base import assembled, linear, logarithmic

__all__ = ["guidance"]

_STRONGEST = 1.0  # nats of surprise: below ω = ½ it has no end, above it begins at log 2 and falls


def guidance(resolution: int) -> xr.Dataset:
    """Weight ω × γ: cross-entropy, and its loss per log γ less that of ω = 1."""
    x = linear("guidance", 0, 6, resolution, "guidance weight $ω$")
    y = logarithmic("gamma", 0.02, 8, resolution, r"signal strength $\gamma$ of the channel")
    table = guided_table(y.values, x.values)
    gamma = y.values[:, None]
    gain = gamma * (-table.slope.T - 0.5 * binary_mmse(gamma))
    fields = {
        "cross_entropy": (table.cross_entropy.T, "cross-entropy $H_ω$", "nats"),
        "moved": (gain, r"information gained per $\log γ$, less that of $ω=1$", "nats"),
        "difference": (table.cross_entropy.T - binary_entropy(gamma), "$H_ω-H_1$", "nats"),
    }
    found = assembled(x, y, fields, {}, error=table.error)
    found["cross_entropy"].attrs |= {"shown_to": _STRONGEST, "contours": [0.01, 0.1, 0.3, 0.5]}
    found["moved"].attrs["contours"] = [-0.2, -0.1, 0.0, 0.1]
    return found
