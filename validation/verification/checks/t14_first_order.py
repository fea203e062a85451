"""T14 measured: shares at K = 10¹², peaks of the differenced integral, and the midpoint's curvature."""

import numpy as np
from scipy import special

from ....theory.closed_forms.many_classes import orthogonal_peak
from ....theory.closed_forms.orthogonal import orthogonal_entropy
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t14_first_order as theorem
from ..independent import orthogonal_quadrature
from ..independent.monte_carlo import entropy_draws
from ._base import Check, Checks, Context, bound, close, z_test

SAMPLES = 100_000


def _rivals(g: float, classes: float) -> float:
    """`E log(1 + (K−1) e^{−g/2 + √g Z})` over a fine grid of Z."""
    z = np.linspace(-10, 10, 2001)
    p = np.exp(-z * z / 2)
    return float(np.logaddexp(0, np.log(classes - 1) - g / 2 + np.sqrt(g) * z) @ p / p.sum())


def check(context: Context) -> Checks:
    """The limit, the bounds, the peaks and the late instability."""
    predicted = theorem.predict()
    log_k = float(np.log(theorem.LARGE))
    for r in theorem.RATIOS:
        name = f"H/log K at r = {r:g}"
        measured = orthogonal_quadrature.entropy(2 * r * log_k, theorem.LARGE) / log_k
        yield close(name, "the difference of integrals", predicted[name], measured, 1e-9)
    half = [orthogonal_quadrature.entropy(log_k, theorem.LARGE)]
    for side in ("lower", "upper"):
        name = f"{side} bound at r = 0.5"
        yield bound(name, "the difference of integrals", [predicted[name]], half, upper=side == "upper")
    name = "upper bound at r = 0.5"
    yield close(
        name, "sum over the noise of one class", predicted[name], _rivals(log_k, theorem.LARGE), 1e-10
    )
    peaks = {}
    for classes in theorem.PEAKS:
        peak = predicted[f"peak of K = {classes:.0e}"]
        peaks[classes] = orthogonal_quadrature.rate_peak(classes, 0.8 * peak, 1.25 * peak)
        yield close(
            f"peak of K = {classes:.0e}", "a polynomial through entropies", peak, peaks[classes], 1e-4
        )
    yield _shift(predicted, peaks[1e24])
    yield from _midpoint()
    mixture = GaussianMixture(np.full(64, 1 / 64), 6 * np.eye(64), 1.0)
    peak = orthogonal_peak(64.0)
    draws = entropy_draws(mixture, float(np.sqrt(36 / peak - 1)), SAMPLES, context.rng("T14 peak"))
    expected = float(orthogonal_entropy(peak, 64.0))
    yield z_test("H at the peak, K=64 in 64 dimensions", expected, draws)


def _shift(predicted: dict[str, float], measured: float) -> Check:
    """The large-K form against the measured peak at K = 10²⁴, as the value of g that it gives.

    Its error in time is O(1/log K), seen as 0.003; in g it is 0.6 %.
    """
    name = "large-K shift of K = 1e+24"
    log_k = float(np.log(1e24))
    expected = 2 * log_k * np.exp(-2 * predicted[name])
    return close(f"peak by the {name}", "a polynomial through entropies", expected, measured, 0.0075)


def _midpoint() -> Checks:
    """Second differences of log p at the centroid change sign at g = K."""
    for classes in (3, 5, 9):
        zero = _curvature_zero(classes)
        yield close(
            f"instability of the midpoint, K={classes}", "second differences of log p", classes, zero, 1e-6
        )


def _curvature_zero(classes: int) -> float:
    """G at which the curvature of log p along m₁ − m₂ vanishes, by bisection on differences."""
    direction = np.zeros(classes)
    direction[:2] = np.array([1, -1]) / np.sqrt(2)

    def curvature(g: float) -> float:
        means, step = np.sqrt(g) * np.eye(classes), 1e-2
        points = means.mean(axis=0) + step * np.arange(-2, 3)[:, None] * direction
        squares = ((points[:, None] - means) ** 2).sum(axis=2)
        values = special.logsumexp(-squares / 2, axis=1)
        return float(np.array([-1, 16, -30, 16, -1]) @ values / (12 * step**2))

    low, high = classes / 2, 2.0 * classes
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if curvature(middle) < 0 else (low, middle)
    return low
