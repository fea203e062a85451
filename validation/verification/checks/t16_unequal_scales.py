"""T16 measured: chi-square integrals of the definition up to `d = 10⁶`, and draws in ambient dimension."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....theory.mixtures.covariance import Isotropic
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t16_unequal_scales as theorem
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

Array = NDArray[np.float64]
SAMPLES = 200_000


def check(context: Context) -> Checks:
    """The definition for every case; the limit and its correction; the law in time."""
    predicted = theorem.predict()
    for case in theorem.CASES:
        d = case[0]
        entropy, agreement = _definition(*case)
        route = "chi-square integral"
        yield close(f"H, d={d}", route, predicted[f"H, d={d}"], entropy, 1e-9)
        yield close(f"phi, d={d}", route, predicted[f"phi, d={d}"], agreement, 1e-9)
    entropy, _ = _definition(*theorem.CASES[1], theorem.PRIOR)
    yield close(
        "H of unequal weights", "chi-square integral", predicted["H of unequal weights"], entropy, 1e-9
    )
    yield from _limit(predicted)
    yield _time(predicted)
    yield from _ambient(context, predicted)


def _definition(d: int, first: float, second: float, noise: float, prior: float = 0.5) -> tuple[float, float]:
    """`E h` and `E Σp²` over |X|² of both classes, on a grid of its logarithm."""
    v = np.array([first, second]) + noise
    weights = np.array([prior, 1 - prior])
    reach = 14 * np.sqrt(2 / d)
    # y = log |X|²/(d v̄); few degrees of freedom have a long lower tail
    centres = np.log(v / v.mean())
    y = np.linspace(
        centres.min() - reach - (80 / d if d < 50 else 0), centres.max() + reach + 2 * (d < 50), 400_001
    )
    shifted = y - centres[:, None]
    log_density = (
        d / 2 * (shifted - np.expm1(shifted)) - d / 2 - special.gammaln(d / 2) + d / 2 * np.log(d / 2)
    )
    joint = np.log(weights)[:, None] + log_density
    p = special.softmax(joint, axis=0)
    mass = np.exp(joint).sum(axis=0) * (y[1] - y[0])
    return float(special.entr(p).sum(axis=0) @ mass), float((p**2).sum(axis=0) @ mass)


def _at_gamma(gamma: float, d: int) -> float:
    """Entropy at `γ = ½dη²`, from λ₁ = 2, λ₂ = 1 and the σ² that gives this η."""
    eta = np.sqrt(2 * gamma / d)
    return _definition(d, 2.0, 1.0, (1 / eta - 3) / 2)[0]


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


def _time(predicted: dict[str, float]):
    """The time at which the variance of the half log-odds, from its sample law, is 1."""
    d, low, high = 10**4, 0.1, 6.0
    # Σ_k = 1 and 2: Δ = 1, λ̄ = 1.5; Var L = ½dη² under the tilted law
    for _ in range(80):
        middle = (low + high) / 2
        noise = np.expm1(2 * middle)
        eta = 1 / (3 + 2 * noise)
        low, high = (middle, high) if d * eta**2 / 2 > 1 else (low, middle)
    return close("t at gamma = 1, d=1e4", "bisection", predicted["t at gamma = 1, d=1e4"], low, 1e-5)


def _ambient(context: Context, predicted: dict[str, float]) -> Checks:
    for d, first, second, noise in theorem.CASES[:2]:
        for prior in (0.5, theorem.PRIOR) if d == theorem.CASES[1][0] else (0.5,):
            covariances = [Isotropic(first), Isotropic(second)]
            mixture = GaussianMixture([prior, 1 - prior], np.zeros((2, d)), covariances)
            rng = context.rng(f"T16 {d} {prior}")
            draws = posteriors(mixture, 1.0, float(np.sqrt(noise)), SAMPLES, rng)
            name = f"H, d={d}" if prior == 0.5 else "H of unequal weights"
            yield z_test(f"{name}, ambient", predicted[name], draws.entropy)
