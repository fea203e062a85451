"""T10 measured: both bounds on a grid by quadrature, and between them in ambient dimension."""

import numpy as np

from ....theory.channel.binary import binary_entropy
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t10_bounds as theorem
from ..independent import binary_quadrature
from ..independent.densities import overlap
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, bound, close, z_test

SAMPLES = 300_000
GRID = np.geomspace(1e-6, 200.0, 40)


def check(context: Context) -> Checks:
    """Values of the bounds, the inequalities on a grid, and an entropy that lies between."""
    predicted = theorem.predict()
    for gamma in theorem.GAMMAS:
        mmse = float(binary_quadrature.mmse(gamma)) if gamma else 1.0
        lower, upper = np.log(2) * mmse, np.log(2) * overlap(gamma)
        for name, value in (("lower", lower), ("upper", upper)):
            key = f"{name} bound at {gamma:g}"
            yield close(key, "quadrature", predicted[key], float(value), 1e-12)
    entropy = [float(binary_quadrature.entropy(gamma)) for gamma in GRID]
    lowers, uppers = ([f(float(g)) for g in GRID] for f in (theorem.lower, theorem.upper))
    yield bound("log 2 mmse <= H", "quadrature, 40 separations", lowers, entropy, upper=False)
    yield bound("H <= log 2 exp(-gamma/2)", "quadrature, 40 separations", uppers, entropy, upper=True)
    yield from _ambient(context)


def _ambient(context: Context) -> Checks:
    """At γ = 1 in 64 dimensions the entropy is the exact value, which lies between the bounds."""
    mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.full(64, 0.25)), 0.5)
    draws = entropy_draws(mixture, float(np.sqrt(3.5)), SAMPLES, context.rng("T10"))
    yield z_test("H(1) in d=64", float(binary_entropy(1.0)), draws)
