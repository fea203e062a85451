"""T16 measured: chi-square integrals of the definition up to `d = 10⁶`, and draws in ambient dimension."""

import numpy as np

from ....theory.mixtures.covariance import Isotropic
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t16_unequal_scales as theorem
from ..independent.densities import middle_variance, scales_averages
from ..independent.monte_carlo import posteriors
from ..independent.search import root
from ._base import Check, Checks, Context, close, z_test

SAMPLES = 200_000


def check(context: Context) -> Checks:
    """The definition for every case; the limit and its correction; the law in time."""
    predicted = theorem.predict()
    for case in theorem.CASES:
        d = case[0]
        entropy, agreement = scales_averages(*case)
        route = "chi-square integral"
        yield close(f"H, d={d}", route, predicted[f"H, d={d}"], entropy, 1e-9)
        yield close(f"phi, d={d}", route, predicted[f"phi, d={d}"], agreement, 1e-9)
    entropy, _ = scales_averages(*theorem.CASES[1], theorem.PRIOR)
    yield close(
        "H of unequal weights", "chi-square integral", predicted["H of unequal weights"], entropy, 1e-9
    )
    yield from _limit(predicted)
    yield _time(predicted)
    yield from _ambient(context, predicted)


def _at_gamma(gamma: float, d: int) -> float:
    """Entropy at `γ = ½dη²`, from λ₁ = 2, λ₂ = 1 and the σ² that gives this η."""
    eta = np.sqrt(2 * gamma / d)
    return scales_averages(d, 2.0, 1.0, (1 / eta - 3) / 2)[0]


def _limit(predicted: dict[str, float]) -> Checks:
    gamma = theorem.LIMIT_GAMMA
    for d in theorem.DIMENSIONS:
        name = f"H at gamma = {gamma:g}, d={d:.0e}"
        # what is left out is O(d⁻²)
        yield close(name, "chi-square integral", predicted[name], _at_gamma(gamma, d), 4 / d**2 + 1e-8)
    # Richardson's extrapolation of d(H − H₂) from two dimensions
    first, second = (d * (_at_gamma(gamma, d) - _limit_entropy(gamma)) for d in (500, 1000))
    name = "correction at gamma = 1.5"
    yield close(name, "extrapolated from d = 500, 1000", predicted[name], 2 * second - first, 1e-3)


def _limit_entropy(gamma: float) -> float:
    from ..independent import binary_quadrature

    return float(binary_quadrature.entropy(gamma))


def _time(predicted: dict[str, float]) -> Check:
    """The time at which the half log-odds have the variance 1 under the middle law, over |x|²."""
    d = 10**4
    time = root(lambda t: middle_variance(d, 2.0, 1.0, float(np.expm1(2 * t))) - 1, 0.5, 4.0)
    name = "t at gamma = 1, d=1e4"
    return close(name, "variance of L, summed", predicted[name], time, 1e-5)


def _ambient(context: Context, predicted: dict[str, float]) -> Checks:
    for d, first, second, noise in theorem.CASES[:2]:
        for prior in (0.5, theorem.PRIOR) if d == theorem.CASES[1][0] else (0.5,):
            covariances = [Isotropic(first), Isotropic(second)]
            mixture = GaussianMixture([prior, 1 - prior], np.zeros((2, d)), covariances)
            rng = context.rng(f"T16 {d} {prior}")
            draws = posteriors(mixture, 1.0, float(np.sqrt(noise)), SAMPLES, rng)
            name = f"H, d={d}" if prior == 0.5 else "H of unequal weights"
            yield z_test(f"{name}, ambient", predicted[name], draws.entropy)
