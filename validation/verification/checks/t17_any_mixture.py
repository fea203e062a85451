"""T17 measured: `σ^{−2} E|D_C − D|²` by naive posterior means, against slopes of closed forms."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....numerics import entropy_curve
from ....theory.mixtures.covariance import Full, Isotropic
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t17_any_mixture as theorem
from ..independent import binary_quadrature, orthogonal_quadrature
from ..independent.densities import scales_averages
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, close, z_test

SAMPLES, DRAWS = 200_000, 1_600_000
_BLOCK = 5000  # draws at once: their numbers stay in a processor's cache


def check(context: Context) -> Checks:
    """Three mixtures with closed forms, and one without against the engine."""
    predicted = theorem.predict()
    mixtures = {"binary": _binary(), "orthogonal": _orthogonal(), "scales": _scales()}
    for name, mixture in mixtures.items():
        label = f"dH/d log sigma, {name}"
        yield z_test(label, predicted[label], _gaps(mixture, theorem.SIGMA, context.rng(f"T17 {name}")))
        yield close(label, "differences of the entropy", predicted[label], _slope(ENTROPIES[name]), 1e-7)
    yield from _general(context)


def _slope(entropy: Callable[[float], float]) -> float:
    """`dH/d log σ` from an entropy at five levels."""
    step = 5e-3
    h = [entropy(theorem.SIGMA**2 * float(np.exp(2 * step * n))) for n in (-2, -1, 1, 2)]
    return (8 * (h[2] - h[1]) - (h[3] - h[0])) / (12 * step)


def _binary_entropy(noise: float) -> float:
    length2, variance, prior = theorem.BINARY
    return binary_quadrature.quick_entropy(length2 / (variance + noise), prior)


def _orthogonal_entropy(noise: float) -> float:
    classes, M, s2 = theorem.ORTHOGONAL
    return orthogonal_quadrature.entropy(M / (s2 + noise), classes)


def _scales_entropy(noise: float) -> float:
    return scales_averages(*theorem.SCALES, noise)[0]


ENTROPIES = {"binary": _binary_entropy, "orthogonal": _orthogonal_entropy, "scales": _scales_entropy}
"""H at σ² of the three mixtures, summed from the definition."""


def _binary() -> GaussianMixture:
    length2, variance, prior = theorem.BINARY
    direction = np.array([2.0, -1.0, 2.0]) / 3 * np.sqrt(length2)
    return GaussianMixture([prior, 1 - prior], [direction, -direction], variance)


def _orthogonal() -> GaussianMixture:
    classes, M, s2 = theorem.ORTHOGONAL
    return GaussianMixture(np.full(classes, 1 / classes), np.sqrt(M) * np.eye(classes, classes + 2), s2)


def _scales() -> GaussianMixture:
    d, first, second = theorem.SCALES
    return GaussianMixture([0.5, 0.5], np.zeros((2, d)), [Isotropic(first), Isotropic(second)])


def _general(context: Context) -> Checks:
    """Full covariances of their own: the engine's entropy and rate against naive draws."""
    rng = np.random.default_rng(3)
    factors = rng.standard_normal((3, 4, 4))
    covariances = [Full(f @ f.T / 4) for f in factors]
    mixture = GaussianMixture([0.2, 0.3, 0.5], 1.5 * rng.standard_normal((3, 4)), covariances)
    curve = entropy_curve(mixture, [theorem.SIGMA], method="ambient", samples=4_000_000, key=context.seed)
    # The engine's variance is at most a fifth of the naive one. That widens z by a tenth, and the level of
    # these two tests to 1e-7 each, within what a family of fewer than FAMILY tests leaves unused.
    entropy = entropy_draws(mixture, theorem.SIGMA, SAMPLES, context.rng("T17 general entropy"))
    yield z_test("H of the engine, full covariances", float(curve.entropy[0]), entropy)
    gaps = _gaps(mixture, theorem.SIGMA, context.rng("T17 general rate"))
    per_log_sigma = float(curve.rate[0]) * theorem.SIGMA**2 / (1 + theorem.SIGMA**2)
    yield z_test("dH/d log sigma of the engine, full covariances", per_log_sigma, gaps)


def _gaps(mixture: GaussianMixture, sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """`σ^{−2}|D_C − D|²` of each draw."""
    return np.concatenate([_block_of_gaps(mixture, sigma, rng) for _ in range(DRAWS // _BLOCK)])


def _block_of_gaps(mixture: GaussianMixture, sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Posteriors and posterior means from dense matrices."""
    d, noise = mixture.dimension, sigma**2 * np.eye(mixture.dimension)
    matrices = [mixture.covariance_of(k).matrix_in(d) for k in range(mixture.classes)]
    classes = rng.choice(mixture.classes, size=_BLOCK, p=mixture.weights)
    roots = np.stack([np.linalg.cholesky(matrix + noise) for matrix in matrices])
    x = mixture.means[classes] + np.einsum("nij,nj->ni", roots[classes], rng.standard_normal((_BLOCK, d)))
    logits, denoised = [], []
    for k, matrix in enumerate(matrices):
        offset = x - mixture.means[k]
        solved = np.linalg.solve(matrix + noise, offset.T).T
        log_width = np.linalg.slogdet(matrix + noise)[1]
        logits.append(np.log(mixture.weights[k]) - 0.5 * ((offset * solved).sum(axis=1) + log_width))
        denoised.append(mixture.means[k] + solved @ matrix)
    posterior, each = special.softmax(np.stack(logits, axis=1), axis=1), np.stack(denoised, axis=1)
    mean = np.einsum("nk,nkd->nd", posterior, each)
    return ((each[np.arange(_BLOCK), classes] - mean) ** 2).sum(axis=1) / sigma**2
