"""T4 measured: clones drawn from the posterior in ambient dimension, for two classes and for five."""

import numpy as np
from scipy import special

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t04_cloning as theorem
from ..independent import two_classes_on_a_line
from ..independent.monte_carlo import agreement_draws, posteriors
from ._base import Check, Checks, Context, close, paired_z_test, z_test

SAMPLES = 600_000
MANY_SAMPLES = 400_000  # six standard errors are then a third of what the mutant shifts


def check(context: Context) -> Checks:
    """φ by quadrature of its definition, by cloning, and `dI/dγ = 1 − φ` for five classes."""
    predicted = theorem.predict()
    for gamma, prior in theorem.POINTS:
        name = f"phi(gamma={gamma:g}, w={prior:g})"
        measured = two_classes_on_a_line.agreement(np.sqrt(gamma), 1.0, prior)
        yield close(name, "quadrature of Bayes' rule", predicted[name], measured, 1e-12)
        means = np.outer([1, -1], np.full(16, np.sqrt(2 * gamma / 16)))
        mixture = GaussianMixture([prior, 1 - prior], means, 1.0)
        rng = context.rng(f"T4 {name}")
        draws = posteriors(mixture, 1.0, 1.0, SAMPLES, rng)  # γ = |δ|²/(s² + σ²)
        yield z_test(f"{name}, posterior in d=16", predicted[name], draws.agreement)
        yield z_test(f"{name}, two clones in d=16", predicted[name], agreement_draws(draws, rng))
    yield _overlapping(context, predicted["phi of classes that overlap"])
    yield _many_classes(context)


def _overlapping(context: Context, expected: float) -> Check:
    """Clean clones `X₀ | X_σ` of N(±m, s²), and classes drawn anew from what each of them shows."""
    (m, s, sigma), rng = theorem.OVERLAP, context.rng("T4 overlapping classes")
    total, size = s**2 + sigma**2, 2 * SAMPLES
    x = m * rng.choice([-1.0, 1.0], size) + np.sqrt(total) * rng.standard_normal(size)

    def signs(place: np.ndarray, variance: float) -> np.ndarray:
        """Classes ±1 drawn from the posterior of `place` under N(±m, variance)."""
        return np.where(rng.random(size) < special.expit(2 * m * place / variance), 1.0, -1.0)

    drawn = []
    for _ in range(2):
        mean = (s**2 * x + sigma**2 * m * signs(x, total)) / total
        clean = mean + s * sigma / np.sqrt(total) * rng.standard_normal(size)
        drawn.append(signs(clean, s**2))
    return z_test("phi of classes that overlap, clean clones", expected, drawn[0] == drawn[1])


def _many_classes(context: Context) -> Check:
    """Five unequal classes at equal distances: information gained over an interval of γ."""
    weights = np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    mixture = GaussianMixture(weights, 4.0 * np.eye(5), 0.5)
    gap2 = 32.0  # |m_i − m_j|²
    low, high = 0.4, 1.6
    nodes, node_weights = np.polynomial.legendre.leggauss(10)
    gammas = (low + high) / 2 + (high - low) / 2 * nodes

    def draws_at(gamma: float) -> tuple[np.ndarray, np.ndarray]:
        # one stream for all levels: common random numbers
        sigma = float(np.sqrt(gap2 / 4 / gamma - 0.5))
        draws = posteriors(mixture, 1.0, sigma, MANY_SAMPLES, context.rng("T4 five classes"))
        return draws.entropy, draws.agreement

    gained = draws_at(low)[0] - draws_at(high)[0]
    disagreement = [
        (high - low) / 2 * weight * (1 - draws_at(float(gamma))[1])
        for gamma, weight in zip(gammas, node_weights, strict=True)
    ]
    return paired_z_test(
        "I gained from gamma=0.4 to 1.6 is the integral of 1 - phi, five classes",
        np.sum(disagreement, axis=0),
        gained,
    )
