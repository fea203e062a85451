"""T13 measured: the integral as first written, differences of it, and posteriors in ambient dimension."""

import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t13_orthogonal as theorem
from ..independent import orthogonal_quadrature
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

SAMPLES = 200_000


def check(context: Context) -> Checks:
    """Every case by quadrature, and those of few classes in ambient dimension."""
    predicted = theorem.predict()
    for classes, g in theorem.CASES:
        name = f"H_{classes}({g:g})"
        entropy = orthogonal_quadrature.entropy
        yield close(name, "the difference of integrals", predicted[name], entropy(g, classes), 1e-10)
        step = 0.01

        def difference(k: int, g: float = g, classes: float = classes, step: float = step) -> float:
            high, low = (orthogonal_quadrature.entropy(g + x * step, classes) for x in (k, -k))
            return high - low

        slope = (8 * difference(1) - difference(2)) / (12 * step)
        agreement = 1 + 2 * slope
        name = f"phi_{classes}({g:g})"
        yield close(name, "differences of the entropy", predicted[name], agreement, 1e-8)
    for classes, g in theorem.CASES[:3]:
        yield from _ambient(context, classes, g, predicted)
    mixture = GaussianMixture(theorem.WEIGHTS, 2 * np.eye(4), 0.5)
    sigma = float(np.sqrt(4 / theorem.WEIGHTED_G - 0.5))
    draws = posteriors(mixture, 1.0, sigma, SAMPLES, context.rng("T13 weights"))
    yield z_test("H of unequal weights", predicted["H of unequal weights"], draws.entropy)
    yield z_test("phi of unequal weights", predicted["phi of unequal weights"], draws.agreement)


def _ambient(context: Context, classes: int, g: float, predicted: dict[str, float]) -> Checks:
    """Orthogonal means in twice as many dimensions, and a simplex in fewer."""
    means = np.eye(classes, 2 * classes) * np.sqrt(g * 2)
    centred = np.eye(classes) - 1 / classes
    basis = np.linalg.eigh(centred)[1][:, 1:]
    for shape, points in (("orthogonal", means), ("simplex", np.sqrt(g * 2) * basis)):
        mixture = GaussianMixture(np.full(classes, 1 / classes), points, 1.0)
        draws = posteriors(mixture, 1.0, 1.0, SAMPLES // 2, context.rng(f"T13 {shape} {classes}"))
        yield z_test(f"H, {shape}, K={classes}", predicted[f"H_{classes}({g:g})"], draws.entropy)
        yield z_test(f"phi, {shape}, K={classes}", predicted[f"phi_{classes}({g:g})"], draws.agreement)
