"""Numbers summed from densities on a grid: information, overlaps, chi-square laws, the midpoint's curvature.

Each is the definition, by the trapezoidal rule; no closed form of what is measured enters.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .search import root

__all__ = ["gaussian_information", "middle_variance", "overlap", "scales_averages", "speciation_noise"]

Array = NDArray[np.float64]

_NODES = np.arange(-9.0, 9.0 + 0.05, 0.1)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()


def gaussian_information(noise: float, variance: float = 1.0) -> float:
    """`h(X) − h(X|X₀)` of one coordinate, nats: `x₀ ~ N(0, variance)`, `x = x₀ + √noise z`.

    The density of x is the sum over x₀ of that of the noise, and both surprises are summed over x. Absolute
    error about 1e-15 for `noise` above a tenth of `variance`.
    """
    step = 0.1 * np.sqrt(noise)
    reach = int(90 * (1 + np.sqrt(variance / noise)))
    x = step * np.arange(-reach, reach + 1)
    clean = np.sqrt(variance) * _NODES
    # densities in units of 1/√(2π noise), which the difference does not see
    whole = np.exp(-((x[:, None] - clean) ** 2) / (2 * noise)) @ _WEIGHTS
    alone = np.exp(-(x**2) / (2 * noise))
    total = step / np.sqrt(2 * np.pi * noise)
    return float(total * (special.entr(whole).sum() - special.entr(alone).sum()))


def overlap(separation2: float) -> float:
    """`∫ √(f₊ f₋) dx` of unit normal laws at `±√separation2`."""
    x = np.arange(-14.0, 14.0, 0.02)
    logs = [-((x - sign * np.sqrt(separation2)) ** 2) / 2 for sign in (1, -1)]
    return float(0.02 * np.exp((logs[0] + logs[1]) / 2).sum() / np.sqrt(2 * np.pi))


def speciation_noise(separation2: float, variance: float) -> float:
    """σ² at which the density of two balanced classes turns from one mode to two at the midpoint.

    Second differences of `log p` along the axis of the means, by bisection.
    """
    half = np.sqrt(separation2)

    def curvature(log_noise: float) -> float:
        width = variance + float(np.exp(log_noise))
        y = 0.01 * np.sqrt(width) * np.arange(-3, 4)
        log_p = np.logaddexp(-((y - half) ** 2) / (2 * width), -((y + half) ** 2) / (2 * width))
        return float(np.array([2, -27, 270, -490, 270, -27, 2]) @ log_p)

    near = np.log(separation2)
    return float(np.exp(root(curvature, near - 3.0, near + 3.0)))


def scales_averages(
    d: int, first: float, second: float, noise: float, prior: float = 0.5
) -> tuple[float, float]:
    """`E h` and `E Σp²` of two centred classes `N(0, λ_k I)` at σ², over `log |x|²` of both."""
    y, log_density = _log_squares(d, np.array([first, second]) + noise)
    joint = np.log(np.array([prior, 1 - prior]))[:, None] + log_density
    p = special.softmax(joint, axis=0)
    mass = np.exp(joint).sum(axis=0) * (y[1] - y[0])
    return float(special.entr(p).sum(axis=0) @ mass), float((p**2).sum(axis=0) @ mass)


def middle_variance(d: int, first: float, second: float, noise: float) -> float:
    """Variance of `½ log f₁/f₂` under the law `√(f₁f₂)`, normalised, of the same two classes."""
    _, log_density = _log_squares(d, np.array([first, second]) + noise)
    middle = log_density.mean(axis=0)
    p = np.exp(middle - middle.max())
    odds = (log_density[0] - log_density[1]) / 2
    mean = odds @ p / p.sum()
    return float((odds - mean) ** 2 @ p / p.sum())


def _log_squares(d: int, v: Array) -> tuple[Array, Array]:
    """A grid of `y = log |x|²/(d v̄)`, and the log-density of y in each class, shape (2, grid)."""
    reach = 14 * np.sqrt(2 / d)
    centres = np.log(v / v.mean())
    # few degrees of freedom have a long lower tail
    low, high = centres.min() - reach - (80 / d if d < 50 else 0), centres.max() + reach + 2 * (d < 50)
    y = np.linspace(low, high, 400_001)
    shifted = y - centres[:, None]
    constant = d / 2 * np.log(d / 2) - d / 2 - special.gammaln(d / 2)
    return y, np.asarray(d / 2 * (shifted - np.expm1(shifted)) + constant, dtype=np.float64)
