"""Grids of σ from what a curve says of the class, and the path KL that any grid costs (T23).

Ancestral sampling with the exact denoiser is Euler in `τ = σ^{−2}`. Against the run of infinitely many steps
the KL of its path is the left Riemann sum of ½ E|X₀ − D|² less its integral. Not knowing the class adds

    Σ_n I'(τ_n) (τ_{n+1} − τ_n) − [I(τ_N) − I(τ_0)],     I' = ½ E|D_C − D|²,

to what samplers of each class pay anyway. To first order that is `½ Σ −I''(τ_n) Δτ_n²`, least for a density
of steps `√(−I'') dτ = √(2r + r') d log σ`. Where I'' > 0 (classes that differ in more than their means begin
so) larger steps cost the class nothing, and the density is zero but for the floor. For up to 128 levels the
sum itself is minimised, over all choices among a thousand candidates, since few steps are no small ones.

Other densities over log σ, each with the same floor:

    √I' dτ = √(2r)/σ d log σ      what two points have as √(1 − φ) dγ (T4), which cloning measures
    r d log σ                     equal shares of the entropy
    ε²(σ)/σ d log σ               rescaled entropic time ∫ ε² dσ/σ² (S25), with ε² = E|X₀ − D|² the error of
                                  the denoiser of all classes; it knows of the whole image, not of the class
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special
from scipy import optimize as _optimize

from ...theory import binary_entropy, minority_bias, schedules
from .information import ClassInformation

__all__ = ["GRIDS", "GridName", "bias_of", "class_grids", "gammas_of", "path_kl", "prior_of", "spaced_by"]

Array = NDArray[np.float64]
optimize: Any = _optimize

FLOOR = 0.1
"""Share of the steps that are spread evenly over log σ, so that no part of the scale is left out."""

_FINE = 8001
_CANDIDATES, _MOST_EXACT = 1000, 128


def _optimal(known: ClassInformation, x: Float64[Array, " fine"]) -> Float64[Array, " fine"]:
    slope = known.slope_at(np.exp(x))
    bend = np.gradient(slope, x)
    return np.sqrt(np.maximum(2 * slope + bend, 0.0))


def _equal(known: ClassInformation, x: Float64[Array, " fine"]) -> Float64[Array, " fine"]:
    return known.slope_at(np.exp(x))


def _root(known: ClassInformation, x: Float64[Array, " fine"]) -> Float64[Array, " fine"]:
    return np.sqrt(known.slope_at(np.exp(x))) * np.exp(-(x - x[0]))


GridName: TypeAlias = Literal[
    "class-optimal", "root-rate", "equal-entropy", "entropic", "karras", "log-uniform", "given"
]
GRIDS: dict[GridName, tuple[Callable[[ClassInformation, Array], Array], str]] = {
    "class-optimal": (_optimal, "least path KL of the class for its number of steps (T23)"),
    "root-rate": (_root, "uniform in the integral of sqrt(dI/dtau), sqrt(1 - phi) of two points"),
    "equal-entropy": (_equal, "each step decides the same share of the class's entropy"),
}
"""Densities of steps per unit log σ, and what each is."""


def spaced_by(
    density: Callable[[Array], Array], steps: int, ends: tuple[float, float], floor: float
) -> Float64[Array, " {steps}"]:
    """`steps` levels, descending, from the upper of `ends` to the lower, by a density over log σ."""
    low, high = np.log(ends)
    x = np.linspace(low, high, _FINE)
    weight = density(x)
    total = float(integrate.trapezoid(weight, x))
    even = 1 / (high - low)
    mixed = floor * even + (1 - floor) * (weight / total if total > 0 else even)
    # a floor of zero would leave flat pieces, in which no step has a place
    mixed = np.maximum(mixed, 1e-9 * even)
    passed = integrate.cumulative_trapezoid(mixed, x, initial=0)
    places = np.interp(np.linspace(0, 1, steps), passed / passed[-1], x)
    levels = np.exp(places)
    levels[[0, -1]] = ends
    return levels[::-1]


def class_grids(
    known: ClassInformation,
    steps: int,
    ends: tuple[float, float] = (0.002, 80.0),
    floor: float = FLOOR,
    error: Callable[[Array], Array] | None = None,
) -> dict[GridName, Float64[Array, " {steps}"]]:
    """Grids of σ, descending, shape (steps,): of the curve, and Karras's and log-uniform for comparison.

    With `error`, ε²(σ) = E|X₀ − D|² of the denoiser, also `entropic`, uniform in rescaled entropic time.

    Raises
    ------
    ValueError
        Fewer than 2 steps, ends out of order, or a floor outside [0, 1].
    """
    if steps < 2:
        raise ValueError(f"steps: must be at least 2, not {steps}")
    if not 0 < ends[0] < ends[1] < np.inf:
        raise ValueError(f"ends: need 0 < LOW < HIGH, not {ends[0]:g}:{ends[1]:g}")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor: must lie between 0 and 1, not {floor:g}")
    found: dict[GridName, Array] = {
        name: spaced_by(lambda x, own=density: own(known, x), steps, ends, floor)
        for name, (density, _) in GRIDS.items()
    }
    karras = schedules.karras(steps, *ends)
    if steps <= _MOST_EXACT:
        found["class-optimal"] = _least(known, steps, ends, floor)
    if error is not None:
        found["entropic"] = spaced_by(lambda x: error(np.exp(x)) * np.exp(-x), steps, ends, floor)
    found["karras"] = np.asarray(karras.sigma(np.arange(steps)))[::-1]
    found["log-uniform"] = np.geomspace(ends[1], ends[0], steps)
    return found


def _least(
    known: ClassInformation, steps: int, ends: tuple[float, float], floor: float
) -> Float64[Array, " {steps}"]:
    """The choice of levels among candidates whose path KL is least, by dynamic programming.

    No step is longer in log σ than it is where a share `floor` of the steps is spread evenly.
    """
    sigma = spaced_by(lambda x: _optimal(known, x), _CANDIDATES, ends, 0.5)
    tau, x, entropy = sigma**-2.0, np.log(sigma), known.entropy_at(sigma)
    rate = known.slope_at(sigma) / (2 * tau)
    # from candidate i (row) to a later one j
    cost = rate[:, None] * (tau[None, :] - tau[:, None]) - (entropy[:, None] - entropy[None, :])
    longest = (x[0] - x[-1]) / max(floor * (steps - 1), 1.0) * (1 + 1e-9)
    allowed = np.triu(np.ones_like(cost, dtype=bool), 1) & (x[:, None] - x[None, :] <= longest)
    cost[~allowed] = np.inf
    total, before = cost[0], np.zeros((steps - 1, sigma.size), dtype=np.intp)
    for step in range(1, steps - 1):
        through = total[:, None] + cost
        before[step] = np.argmin(through, axis=0)
        total = through[before[step], np.arange(sigma.size)]
    chosen = [sigma.size - 1]
    for step in range(steps - 2, 0, -1):
        chosen.append(int(before[step, chosen[-1]]))
    return sigma[[0, *chosen[::-1]]]


def path_kl(known: ClassInformation, sigmas: ArrayLike) -> float:
    """KL in nats that a grid costs because the class is not known, over its finite levels (a 0 is left out).

    Raises
    ------
    ValueError
        Levels that do not fall.
    """
    levels = np.asarray(sigmas, dtype=np.float64)
    levels = levels[levels > 0]
    if levels.size < 2 or not (np.diff(levels) < 0).all():
        raise ValueError("sigmas: need at least two levels, falling")
    tau = levels**-2.0
    rate = known.slope_at(levels) / (2 * tau)
    entropy = known.entropy_at(levels)
    return float(np.sum(rate[:-1] * np.diff(tau)) - (entropy[0] - entropy[-1]))


def bias_of(known: ClassInformation, sigmas: ArrayLike, prior: float) -> float:
    """How much rarer than `prior` a class of that weight comes out of a run down these levels, `E p − w`.

    Of two classes whose half log-odds have the γ that the curve has, as two with a shared covariance do
    (`minority_bias`). A run knows nothing of the class at its first level, and of levels that the curve does
    not reach only those are kept at which it still changes.

    Raises
    ------
    ValueError
        A curve of more than two classes, levels that do not fall, a prior outside (0, 1).
    """
    levels = np.asarray(sigmas, dtype=np.float64)
    levels = levels[levels > 0]
    if levels.size < 2 or not (np.diff(levels) < 0).all():
        raise ValueError("sigmas: need at least two levels, falling")
    gamma = gammas_of(known, levels)
    gamma[0] = 0.0
    kept = np.concatenate([[True], np.diff(np.maximum.accumulate(gamma)) > 1e-9])
    if kept.sum() < 2:
        return 0.0
    return float(minority_bias(gamma[kept], prior))


def gammas_of(known: ClassInformation, sigmas: ArrayLike) -> Float64[Array, " levels"]:
    """γ at each σ: that at which two classes with a shared covariance have the curve's entropy.

    Their weights are equal unless the curve has less than log 2 to decide.

    Raises
    ------
    ValueError
        A curve of more than two classes.
    """
    if known.classes not in (None, 2) or known.whole > np.log(2) * (1 + 1e-3):
        raise ValueError("curve: of more than two classes, which have no single gamma")
    prior = prior_of(known)
    table = np.concatenate([[0.0], np.geomspace(1e-6, 400.0, 1200)])
    entropy = binary_entropy(table, prior)
    share = np.clip(known.entropy_at(sigmas) / known.whole, 1e-80, 1.0)
    return np.interp(-np.log(share), -np.log(entropy / entropy[0]), table)


def prior_of(known: ClassInformation) -> float:
    """The smaller weight of two classes with H(C) as the curve has it; ½ within a thousandth of log 2."""
    if known.whole >= np.log(2) * (1 - 1e-3):
        return 0.5
    return float(
        optimize.brentq(lambda w: float(special.entr(w) + special.entr(1 - w)) - known.whole, 0, 0.5)
    )
