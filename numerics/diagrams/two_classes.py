"""Two classes with a shared covariance: separation, dimension, prior, anisotropy against time (T2, T5–T8)."""

from typing import Any

import numpy as np
import xarray as xr
from scipy import interpolate, optimize, special

from ...theory.channel.binary import binary_entropy, binary_mmse
from ...theory.channel.constants import median_gamma, peak_gamma
from ...theory.closed_forms.gaussian_pair import Pair
from ...theory.mixtures.covariance import Diagonal
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.criteria import CRITERIA, speciation_time
from ...theory.times.second_mode import second_mode_gamma
from ._base import assembled, entropy_axis, linear, logarithmic, time_axis

__all__ = ["anisotropy", "dimension", "prior", "separation"]

_LOG2 = np.log(2)
_ENTROPY = ("entropy $H(C|X_t)$", "nats")
_RATE = ("entropy rate $dH/dt$", "nats per unit t")
_SHOWN = 0.6  # nats per unit t: well-separated classes reach 0.48
_SOLVED = 33  # anisotropies at which the criteria are solved for; between them they are smooth


def separation(resolution: int, *, s: float = 0.5) -> xr.Dataset:
    """|δ| × time at one s, ½ (there all eight criteria have a time): entropy, rate and the criteria."""
    x = logarithmic("separation", 0.5, 200, resolution, r"separation $|\delta|$")
    y = time_axis(6.0, resolution)
    variance = s**2
    noise = np.expm1(2 * y.values)[:, None]
    gamma = x.values**2 / (variance + noise)
    rate = x.values**2 * (1 + noise) / (variance + noise) ** 2 * binary_mmse(gamma)
    times = {name: speciation_time(name, x.values**2, variance) for name in CRITERIA}
    lines = {name.replace("-", "_"): (time, _label(name)) for name, time in times.items()}
    fields = {"entropy": (binary_entropy(gamma), *_ENTROPY), "rate": (rate, *_RATE)}
    found = assembled(x, y, fields, lines, s=s)
    # classes that are hardly wider than their distance are undecided until a spike at t = 0
    found["rate"].attrs["shown_to"] = _SHOWN
    return found


def dimension(resolution: int, *, mu: float = 1.0, s: float = 1.0) -> xr.Dataset:
    """Dimension d × t/t_S with `t_S = ½ log d`, `μ = s = 1`: the entropy sharpens to a step as 1/log d."""
    x = logarithmic("dimension", 4, 1e6, resolution, "dimension $d$")
    y = linear("relative_time", 0, 2, resolution, r"time $t/t_S$, $t_S=\frac{1}{2}\log d$")
    speciation = 0.5 * np.log(x.values)
    separation2, growth = mu**2 * x.values, np.exp(2 * y.values[:, None] * speciation)
    gamma = separation2 / (growth - 1 + s**2)
    share = binary_entropy(gamma) / _LOG2
    slope = separation2 * growth / (growth - 1 + s**2) ** 2
    rate = slope * binary_mmse(gamma) * speciation / _LOG2
    peak = speciation_time("entropy-peak", separation2, s**2)
    lines = {"entropy_peak": (peak / speciation, "entropy-rate peak")}
    for name, level in (("quarter", 0.25), ("three_quarters", 0.75)):
        left = separation2 / _gamma_at(level * _LOG2) + 1 - s**2
        time = np.where(left >= 1, 0.5 * np.log(np.maximum(left, 1)), np.nan)
        lines[name] = (time / speciation, f"{level:.0%} of the entropy left")
    fields = {
        "entropy": (share, r"entropy $H(C|X_t)/\log 2$", "1"),
        "rate": (rate, r"rate $d(H/\log 2)/d(t/t_S)$", "1"),
    }
    return assembled(x, y, fields, lines, mu=mu, s=s)


def prior(resolution: int) -> xr.Dataset:
    """Weight w of the rarer class × time at `s = 1`: rarer classes are decided later on the way back."""
    x = logarithmic("weight", 1e-4, 0.5, resolution, "weight $w$ of the rarer class")
    y = entropy_axis(resolution, -2.5, 2.5)
    gamma = np.exp(-2 * y.values)[:, None]
    whole = special.entr(x.values) - special.xlog1py(1 - x.values, -x.values)
    share = binary_entropy(gamma, x.values) / whole
    rate = gamma * binary_mmse(gamma, x.values) / whole
    levels = {
        "median": (median_gamma(x.values), "half of the entropy left"),
        "entropy_peak": (peak_gamma(0.0, x.values), "entropy-rate peak"),
        "second_mode": (second_mode_gamma(x.values), "second mode"),
        "curvature": (1 / (4 * x.values * (1 - x.values)), "curvature at the midpoint"),
    }
    lines = {name: (-0.5 * np.log(level), label) for name, (level, label) in levels.items()}
    fields = {
        "entropy": (share, "entropy $H(C|X_t)/H(C)$", "1"),
        "rate": (rate, "rate $d(H/H(C))/dt$", "1 per unit t"),
    }
    return assembled(x, y, fields, lines, s=1.0)


def anisotropy(resolution: int, *, separation2: float = 16.0) -> xr.Dataset:
    """Variances a and 1/a × time; `δ` has half of `|δ|² = 16` along each."""
    x = logarithmic("variance", 1, 1e3, resolution, "variance $a$ (the other is $1/a$)")
    y = time_axis(4.0, resolution)
    noise = np.expm1(2 * y.values)[:, None]
    half = separation2 / 2
    gamma = half / (x.values + noise) + half / (1 / x.values + noise)
    slope = half / (x.values + noise) ** 2 + half / (1 / x.values + noise) ** 2
    rate = (1 + noise) * slope * binary_mmse(gamma)
    criteria = ("entropy-peak", "entropy-median", "curvature", "covariance")
    few = np.geomspace(x.values[0], x.values[-1], _SOLVED)
    times = interpolate.CubicSpline(
        np.log(few), [_anisotropic_times(float(a), separation2, criteria) for a in few]
    )
    lines = {
        name.replace("-", "_"): (time, _label(name))
        for name, time in zip(criteria, times(np.log(x.values)).T, strict=True)
    }
    fields = {"entropy": (binary_entropy(gamma), *_ENTROPY), "rate": (rate, *_RATE)}
    return assembled(x, y, fields, lines, separation2=separation2)


def _anisotropic_times(a: float, separation2: float, criteria: tuple[str, ...]) -> list[float]:
    means = np.sqrt(separation2 / 2) * np.array([[1.0, 1.0], [-1.0, -1.0]])
    pair = Pair.of(GaussianMixture([0.5, 0.5], means, Diagonal(np.array([a, 1 / a]))))
    noises = [pair.noise(name) for name in criteria]
    return [np.nan if noise is None else 0.5 * np.log1p(noise) for noise in noises]


def _label(criterion: str) -> str:
    return criterion.replace("-", " ").replace("sde", "SDE")


def _gamma_at(entropy: float) -> float:
    """γ at which the binary entropy is `entropy`."""
    found: Any = optimize.brentq(lambda log: float(binary_entropy(np.exp(log))) - entropy, -20, 6, xtol=1e-14)
    return float(np.exp(found))
