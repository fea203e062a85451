"""T7 measured: shares of class entropy by quadrature and in ambient dimension, at several d."""

import math

import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t07_concentration as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, bound, close, z_test

SAMPLES = 400_000


def check(context: Context) -> Checks:
    """Shares outside the window, their independence of d, and both tails."""
    predicted = theorem.predict()
    for c in theorem.HALF_WIDTHS:
        name = f"share outside c={c:g}"
        yield close(name, "quadrature of the definition", predicted[name], _share(c), 1e-12)
        name = f"{name}, M={theorem.SMALL:g}"
        yield close(
            name, "entropies at the window's times", predicted[name], _in_time(c, theorem.SMALL), 1e-12
        )
    for d in (8, 128):
        yield from _ambient(context, d)
    # (1 − H/log 2) e^{2c} at a c where the next term, of relative size ½e^{−2c}, is below 1e-8
    c = 9.5
    measured = (1 - float(binary_quadrature.entropy(math.exp(-2 * c)) / np.log(2))) * math.exp(2 * c)
    key = "noisy tail times e^{2c}"
    yield close(key, "quadrature, c = 9.5", predicted[key], measured, 1e-7)
    widths = np.linspace(-20, 2, 23)
    clean = [float(binary_quadrature.entropy(math.exp(2 * c), digits=15) / np.log(2)) for c in widths]
    limits = np.exp(-np.exp(2 * widths) / 2)
    yield bound("clean tail below exp(-e^{2c}/2)", "quadrature", limits, clean, upper=True)


def _share(c: float) -> float:
    noisy, clean = (binary_quadrature.entropy(math.exp(sign * 2 * c)) for sign in (-1, 1))
    return float(1 - (noisy - clean) / np.log(2))


def _in_time(c: float, separation2: float) -> float:
    """The same by the entropies at three OU times: the two ends of the window, if they are ≥ 0, and 0."""
    middle = 0.5 * math.log(separation2)
    times = (middle + c, max(middle - c, 0.0), 0.0)
    late, early, start = (float(binary_quadrature.entropy(separation2 * math.exp(-2 * t))) for t in times)
    return 1 - (late - early) / (math.log(2) - start)


def _ambient(context: Context, d: int) -> Checks:
    """The two edges of the window are independent draws; their difference is the share inside."""
    c = 1.0
    mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.ones(d)), 1.0)
    samples = SAMPLES if d < 128 else SAMPLES // 2
    draws = []
    for sign in (1, -1):
        time = 0.5 * math.log(d) + sign * c
        sigma = math.sqrt(math.expm1(2 * time))
        draws.append(entropy_draws(mixture, sigma, samples, context.rng(f"T7 {d} {sign}")))
    inside = (draws[0] - draws[1]) / np.log(2)
    expected = 1 - theorem.share_outside(c)
    yield z_test(f"share inside c=1, d={d}", expected, inside)
