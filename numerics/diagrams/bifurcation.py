"""Fixed points of the noised density of two classes: a pitchfork at equal weights, else a saddle-node (T5).

On the line of the means the stationary points of `p_t` have half log-odds u with

    u = λ + γ tanh u,       λ = ½ log(w/(1−w)),

one below `second_mode_gamma(w)` and three above it: two maxima and the minimum between them. The place of a
point on the line is `tanh u` times half the difference of the means, from their middle. They are the fixed
points of the drift `∇ log p_t`; those of the reverse SDE's, `x + 2∇ log p_t`, are at s = 1 the same with 2γ.
"""

import numpy as np
import xarray as xr
from jaxtyping import Float64

from ...theory.times.second_mode import second_mode_gamma
from ._base import Array, assembled, entropy_axis, linear

__all__ = ["bifurcation", "branches"]

_STEPS = 80  # halvings of an interval


def bifurcation(resolution: int, *, weight: float = 0.7) -> xr.Dataset:
    """Time × place on the line of the means, which are at ±1, for weights w (usually 0.7) and 1 − w, `s = 1`.

    The field is `tanh(λ + γ tanh u − u)`, tanh u the place, λ = ½ log(w/(1−w)): positive where `∇ log p_t`
    leads to the first class. Lines are its fixed points, one maximum before the second mode appears, then
    two and the minimum between them: a saddle-node at unequal weights, at w = ½ a pitchfork, γ = 1.
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight: must lie strictly between 0 and 1, not {weight:g}")
    x = entropy_axis(resolution, -2.5, 1.5)
    edge = 1 - 1 / resolution
    y = linear("place", -edge, edge, resolution, r"place $\tanh u$ between the means")
    gamma = np.exp(-2 * x.values)
    field = 0.5 * np.log(weight / (1 - weight))
    drift = field + gamma * y.values[:, None] - np.arctanh(y.values)[:, None]
    likelier, rarer, saddle = branches(gamma, weight)
    lines = {
        "likelier_mode": (np.tanh(likelier), "likelier maximum"),
        "rarer_mode": (np.tanh(rarer), "rarer maximum"),
        "saddle": (np.tanh(saddle), "minimum"),
    }
    fields = {"drift": (np.tanh(drift), r"$\tanh(\lambda+\gamma\tanh u-u)$, of the sign of the slope", "1")}
    second = float(second_mode_gamma(weight))
    return assembled(
        x, y, fields, lines, weight=weight, second_mode_gamma=second, second_mode_time=-0.5 * np.log(second)
    )


def branches(
    gamma: Float64[Array, " times"], weight: float
) -> tuple[Float64[Array, " times"], Float64[Array, " times"], Float64[Array, " times"]]:
    """Half log-odds of the likelier class's maximum, the rarer one's and the saddle at each γ, each (n,).

    The last two are NaN below the second mode. At w = ½ the first class counts as the likelier, and below
    γ = 1 its maximum is the middle.
    """
    sign = 1.0 if weight >= 0.5 else -1.0
    field = 0.5 * abs(np.log(weight / (1 - weight)))
    # beyond u = λ + γ the line u lies above λ + γ tanh u; its slope is largest where γ sech² u = 1
    bend = np.arccosh(np.sqrt(np.maximum(gamma, 1.0)))
    likelier = _root(gamma, field, bend, field + gamma + 1.0)
    exists = gamma >= second_mode_gamma(weight)
    rarer = np.where(exists, _root(gamma, field, -field - gamma - 1.0, -bend), np.nan)
    saddle = np.where(exists, _root(gamma, field, -bend, bend), np.nan)
    return sign * likelier, sign * rarer, sign * saddle


def _root(
    gamma: Float64[Array, " times"],
    field: float,
    low: Float64[Array, " times"],
    high: Float64[Array, " times"],
) -> Float64[Array, " times"]:
    """The root of `λ + γ tanh u − u` between two ends of opposite sign, by bisection."""

    def excess(u: Array) -> Array:
        return field + gamma * np.tanh(u) - u

    low, high = low * np.ones_like(gamma), high * np.ones_like(gamma)
    falling = excess(high) < 0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = (excess(middle) < 0) == falling
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2
