"""T3 measured: the slope of the entropy's definition, mmse by Monte Carlo, and the deep tail."""

from typing import Any

import mpmath
import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t03_immse as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

mp: Any = mpmath.mp
SAMPLES = 600_000


def check(context: Context) -> Checks:
    """`−2 dH/dγ` by differencing, E[1 − tanh² L] by Monte Carlo, and log H where H is tiny."""
    predicted = theorem.predict()
    for gamma in theorem.GAMMAS:
        expected = predicted[f"mmse({gamma:g})"]
        slope = _slope(gamma)
        yield close(f"mmse({gamma:g})", "−2 dH/dγ of the definition", expected, -2 * slope, 1e-12)
        measured = float(binary_quadrature.mmse(gamma))
        yield close(f"mmse({gamma:g}), 1 − E tanh", "quadrature", expected, measured, 1e-12)
    for gamma in theorem.TAIL:
        measured = float(mp.log(binary_quadrature.entropy(gamma, digits=30)))
        yield close(
            f"log H({gamma:g})", "quadrature, 30 digits", predicted[f"log H({gamma:g})"], measured, 1e-15
        )
    yield from _ambient(context)


def _ambient(context: Context) -> Checks:
    """A mixture whose γ is `GAMMAS` exactly: Σ = 0.75 I, σ = ½, |δ|² = γ."""
    for gamma in theorem.GAMMAS[:2]:
        means = np.outer([1, -1], np.full(16, np.sqrt(gamma / 16)))
        mixture = GaussianMixture([0.5, 0.5], means, 0.75)
        draws = posteriors(mixture, 1.0, 0.5, SAMPLES, context.rng(f"T3 {gamma}"))
        expected = theorem.predict()[f"mmse({gamma:g})"]
        yield z_test(f"mmse({gamma:g}) in d=16", expected, draws.label_mse)


def _slope(gamma: float) -> float:
    """Central difference in 40 digits, extrapolated once: error `O(h⁴)`, far below rounding."""
    with mp.workdps(45):
        g, h = mp.mpf(gamma), mp.mpf(gamma) * mp.mpf(10) ** -6

        def difference(step: Any) -> Any:
            high, low = (
                binary_quadrature.entropy(g + step, digits=30),
                binary_quadrature.entropy(g - step, digits=30),
            )
            return (high - low) / (2 * step)

        return float((4 * difference(h) - difference(2 * h)) / 3)
