"""T2 measured: the channel's entropy by quadrature, in ambient dimension, and on real digits."""

import numpy as np

from ....theory.channel.binary import binary_entropy
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t02_binary_channel as theorem
from ...models.digit_pairs import easy_and_hard
from ..independent import binary_quadrature
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, close, z_test

SAMPLES = 250_000


def check(context: Context) -> Checks:
    """Quadrature, ambient Monte Carlo for three kinds of covariance, and two pairs of digits."""
    predicted = theorem.predict()
    for prior in theorem.PRIORS:
        for gamma in theorem.GAMMAS:
            name = f"H(gamma={gamma:g}, w={prior:g})"
            measured = float(binary_quadrature.entropy(gamma, prior))
            yield close(name, "quadrature of the definition", predicted[name], measured, 1e-12)
    yield from _ambient(context)
    yield from _digits(context)


def _ambient(context: Context) -> Checks:
    rng = context.rng("T2 mixtures")
    d = 32
    means = rng.standard_normal((2, d))
    factor = rng.standard_normal((d, d)) / np.sqrt(d)
    cases = {
        "isotropic, d=32": GaussianMixture([0.5, 0.5], means, 1.0),
        "isotropic, d=32, w=0.2": GaussianMixture([0.2, 0.8], means, 1.0),
        "diagonal, d=32": GaussianMixture([0.5, 0.5], means, rng.uniform(0.1, 3.0, d)),
        "full, d=32": GaussianMixture([0.5, 0.5], means, factor @ factor.T),
        "full, d=32, w=0.7": GaussianMixture([0.7, 0.3], means, factor @ factor.T),
    }
    for name, mixture in cases.items():
        sigma = 3.0
        expected = float(binary_entropy(mixture.gamma(sigma), mixture.prior))
        draws = entropy_draws(mixture, sigma, SAMPLES, context.rng(f"T2 {name}"))
        yield z_test(f"H, {name}", expected, draws)


def _digits(context: Context) -> Checks:
    """Handwritten digits: the fitted mixture's predicted curve against its exact posterior."""
    for label, pair in easy_and_hard().items():
        for level in (0.5, 1.5):
            sigma = pair.sigma_at(level)
            expected = float(binary_entropy(pair.mixture.gamma(sigma), pair.mixture.prior))
            name = f"digits {pair.name} ({label}), sigma={sigma:.3f}"
            yield z_test(
                f"H, {name}", expected, entropy_draws(pair.mixture, sigma, SAMPLES, context.rng(name))
            )
