"""What a curve says of the class between its levels: entropy and rate in the clocks of steps and of guidance.

With x = log σ and r = dH/dx, in the clock `τ = σ^{−2}` in which a reverse run adds information,

    I(τ) = H(C) − H,    I'(τ) = ½ σ² r,    −I''(τ) dτ² = (2r + dr/dx) dx²,    dτ = −2τ dx.

Between levels r is a spline. Above them I' stays what it is at the highest, below them it is zero. A curve
whose area is not H(C) (its closure is not 1) is scaled to it: shares are as measured, and entropies end at
what there is to be decided.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import interpolate as _interpolate
from scipy import ndimage

from ...numerics import with_places
from ...numerics.curves.places import COARSE, NARROW, NOISY, OPEN, levels_of
from ...numerics.curves.reading import is_sampled, slope_of
from ...theory._support.values import ByContent, freeze

__all__ = ["ClassInformation", "information_of"]

Array = NDArray[np.float64]
interpolate: Any = _interpolate

_SMOOTHED = 0.15  # in log σ: width of the kernel over the rate of a curve with errors of draws
_FINE = 0.005  # in log σ


@dataclass(frozen=True, eq=False)
class ClassInformation(ByContent):
    """Entropy and rate over a fine grid of ascending log σ, and what is to be decided, nats.

    `closure` is the measured area over what is to be decided; entropy and rate are divided by it. `shown`
    says whether what is to be decided is known, or shown by the highest levels to 5 %. `finding` is why the
    levels do not tell where the class is decided, such as `too noisy: …`, and empty where they do.
    """

    x: Float64[Array, " fine"]
    entropy: Float64[Array, " fine"]
    slope: Float64[Array, " fine"]
    whole: float
    classes: int | None
    median: float
    sampled: bool
    closure: float = 1.0
    shown: bool = True
    finding: str = ""

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def above(self) -> float:
        """Share of the class that is decided above the highest level, as far as the curve can tell.

        Where it does not say what there is to decide, it is what a constant I' from there on would give.
        """
        top = float(self.entropy[-1])
        rest = max(self.whole - top, 0.5 * float(self.slope[-1]), 0.0)
        return rest / (top + rest)

    def entropy_at(self, sigma: object) -> Array:
        """H at σ: constant below the levels, and above them what a constant I' gives."""
        x = np.log(np.asarray(sigma, dtype=np.float64))
        inside = np.interp(x, self.x, self.entropy)
        beyond = 0.5 * self.slope[-1] * (1 - np.exp(-2 * np.maximum(x - self.x[-1], 0.0)))
        return np.minimum(inside + beyond, max(self.whole, float(self.entropy.max())))

    def slope_at(self, sigma: object) -> Array:
        """dH/d log σ at σ."""
        x = np.log(np.asarray(sigma, dtype=np.float64))
        beyond = np.exp(-2 * np.maximum(x - self.x[-1], 0.0))
        return np.where(x < self.x[0], 0.0, np.interp(x, self.x, self.slope) * beyond)

    def sigma_at(self, share: float) -> float | None:
        """The σ at which this share of the entropy is left; `None` where the levels do not show it."""
        if share == 0.5 and np.isfinite(self.median):
            return self.median
        return self.sigma_of(share * self.whole) if self.shown else None

    def sigma_of(self, level: float) -> float | None:
        """The σ at which so many nats are left; `None` where the levels do not show it."""
        rises = np.flatnonzero((self.entropy[:-1] < level) & (self.entropy[1:] >= level))
        if rises.size == 0:
            return None
        i = int(rises[-1])
        part = (level - self.entropy[i]) / (self.entropy[i + 1] - self.entropy[i])
        return float(np.exp(self.x[i] + part * (self.x[i + 1] - self.x[i])))


def information_of(curve: xr.Dataset) -> ClassInformation:
    """Of a curve over σ with `entropy`, and maybe its `rate`.

    Raises
    ------
    ValueError
        A curve of several pairs, or of a guided run; one whose entropy does not fall.
    """
    if "pair" in curve.dims:
        raise ValueError("curve: holds several pairs of classes; choose one, as curve.sel(pair=…)")
    if "entropy" not in curve:
        raise ValueError("curve: is of a guided run; settings are read off the entropy of an unguided one")
    curve = with_places(curve.sortby("sigma"))
    levels, whole = levels_of(curve)
    if not float(np.ptp(levels.entropy)) > 0.05 * whole:
        raise ValueError("curve: its entropy does not fall in this range; measure where the class is decided")
    sampled, slope = is_sampled(levels), np.maximum(slope_of(levels), 0.0)
    x = np.linspace(levels.x[0], levels.x[-1], max(400, int(np.ptp(levels.x) / _FINE)))
    if sampled:
        fine = np.interp(x, levels.x, slope)
        fine = ndimage.gaussian_filter1d(fine, _SMOOTHED / float(x[1] - x[0]), mode="nearest")
        entropy = np.interp(x, levels.x, np.maximum.accumulate(levels.entropy))
    else:
        k = min(5, levels.x.size - 1) // 2 * 2 + 1
        fine = np.maximum(interpolate.make_interp_spline(levels.x, slope, k=k)(x), 0.0)
        entropy = interpolate.CubicHermiteSpline(levels.x, levels.entropy, slope)(x)
    classes = int(curve.attrs["classes"]) if "classes" in curve.attrs else None
    median = float(curve["median_sigma"])
    whole = float(levels.whole)
    decided = float(curve["class_entropy"]) if "class_entropy" in curve else whole
    closure = whole / decided
    shown = not levels.doubt > OPEN * levels.whole
    scaled = entropy / closure, fine / closure
    note = str(curve["median_sigma"].attrs.get("note", ""))
    finding = note if note.startswith((COARSE, NARROW, NOISY)) else ""
    return ClassInformation(x, *scaled, decided, classes, median, sampled, closure, shown, finding)
