"""T27 measured: both sides of the duality by the channel's definition, its fixed point, and the bounds."""

from typing import Any

import mpmath
import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t10_bounds
from ....theory.theorems import t27_duality as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, bound, close, z_test

mp: Any = mpmath.mp
SAMPLES = 400_000
GRID = np.geomspace(1e-4, 200.0, 30)


def check(context: Context) -> Checks:
    """G at γ against G at the dual γ, the fixed point, the bounds, and an error of draws."""
    predicted = theorem.predict()
    for gamma in theorem.GAMMAS:
        key = f"G({gamma:g})"
        measured = float(binary_quadrature.mmse(gamma) * mp.exp(mp.mpf(gamma) / 2))
        yield close(key, "quadrature of 1 - E tanh", predicted[key], measured, 1e-12)
    with mp.workdps(30):
        value = binary_quadrature.mmse(mp.pi / 2, digits=30)
        step = mp.mpf("1e-4")
        near = [binary_quadrature.mmse(mp.pi / 2 + k * step, digits=30) for k in (-2, -1, 1, 2)]
        slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step) / value
    yield close("mmse(pi/2)", "quadrature of 1 - E tanh", predicted["mmse(pi/2)"], float(value), 1e-12)
    key = "mmse'/mmse at pi/2"
    yield close(key, "finite differences of quadratures", predicted[key], float(slope), 1e-12)
    yield from _bounds()
    yield from _ambient(context)


def _bounds() -> Checks:
    entropies = [float(binary_quadrature.entropy(gamma)) for gamma in GRID]
    route = f"quadrature, {len(GRID)} separations"
    uppers = [theorem.upper(float(gamma)) for gamma in GRID]
    yield bound("H <= mmse", route, uppers, entropies, upper=True)
    lowers = [t10_bounds.lower(float(gamma)) for gamma in GRID]
    yield bound("log 2 mmse <= H", route, lowers, entropies, upper=False)


def _ambient(context: Context) -> Checks:
    """In 16 dimensions at γ = 1: the error is `e^{−1/2} √(π/2) G(π²/4)`."""
    gamma = 1.0
    mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.full(16, 0.25)), 0.5)
    draws = posteriors(mixture, 1.0, float(np.sqrt(0.5)), SAMPLES, context.rng("T27"))
    expected = float(np.exp(-gamma / 2)) * theorem.scaled_by_duality(gamma)
    yield z_test("mmse(1) from the other side, d=16", expected, draws.label_mse)
