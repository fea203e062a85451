"""T24 measured: draws in up to 20 dimensions, sums over the plane in a deep tail, and two known integrals."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t24_two_gaussians as theorem
from ..independent import binary_quadrature, literal
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

Array = NDArray[np.float64]
SAMPLES = 500_000
NODES = 1500
"""Of the sum over the plane, in each direction."""


def check(context: Context) -> Checks:
    """Draws against the integral, then the integral's tail, rate and special cases."""
    predicted = theorem.predict()
    for d in theorem.DIMENSIONS:
        yield from _drawn(context, d, predicted)
    yield from _plane("d=2", theorem.mixture(2), theorem.SIGMA, predicted)
    yield from _plane("tail", theorem.tail_mixture(), theorem.TAIL_SIGMA, predicted)
    yield from _special(predicted)


def _drawn(context: Context, d: int, predicted: dict[str, float]) -> Checks:
    draws = posteriors(theorem.mixture(d), 1.0, theorem.SIGMA, SAMPLES, context.rng(f"T24 {d}"))
    disagreement = 2 * draws.posterior[:, 0] * draws.posterior[:, 1]
    kinds = (
        ("H", draws.entropy),
        ("1 - phi", disagreement),
        ("Bayes error", 1 - draws.posterior.max(axis=1)),
    )
    for kind, values in kinds:
        yield z_test(f"{kind}, d={d}, ambient", predicted[f"{kind}, d={d}"], values)


def _plane(name: str, mixture: GaussianMixture, sigma: float, predicted: dict[str, float]) -> Checks:
    """The definitions summed over the plane; the minimum has a kink, hence its tolerance."""
    route = f"sum over {NODES} x {NODES} points of the plane"
    entropy, disagreement, error = _summed(mixture, sigma**2)
    yield close(f"H, {name}", route, predicted[f"H, {name}"], entropy, 1e-9)
    yield close(f"1 - phi, {name}", route, predicted[f"1 - phi, {name}"], disagreement, 1e-9)
    yield close(f"Bayes error, {name}", route, predicted[f"Bayes error, {name}"], error, 2e-3)
    step = 1e-4
    around = [_summed(mixture, sigma**2 + k * step)[0] for k in (-2, -1, 1, 2)]
    slope = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * step)
    key = f"dH/dsigma2, {name}"
    yield close(key, "finite differences of sums over the plane", predicted[key], slope, 1e-6)


def _summed(mixture: GaussianMixture, noise: float) -> tuple[float, float, float]:
    """Entropy, disagreement and Bayes error from `w_k f_k` on a grid around where the classes overlap."""
    coarse = np.linspace(-12.0, 30.0, 600)
    first, second = _log_joint(mixture, noise, coarse, coarse)
    height = np.minimum(first, second)
    near = np.argwhere(height > height.max() - 45)
    margin = 4
    axes = [
        np.linspace(coarse[low - margin], coarse[high + margin], NODES)
        for low, high in zip(near.min(axis=0), near.max(axis=0), strict=True)
    ]
    first, second = _log_joint(mixture, noise, *axes)
    shift = float(np.minimum(first, second).max())
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0]) * np.exp(shift)
    odds = first - second
    surprise = np.exp(first - shift) * np.logaddexp(0, -odds) + np.exp(second - shift) * np.logaddexp(0, odds)
    clones = 2 * np.exp(first - shift) * special.expit(-odds)
    smaller = np.exp(np.minimum(first, second) - shift)
    return float(surprise.sum() * cell), float(clones.sum() * cell), float(smaller.sum() * cell)


def _log_joint(mixture: GaussianMixture, noise: float, x: Array, y: Array) -> tuple[Array, Array]:
    """`log w_k f_k` of both classes at the points (x, y)."""
    found: list[Array] = []
    for k in (0, 1):
        ((kind, value),) = mixture.covariance_of(k).to_json().items()
        matrix = np.array(value) if kind == "full" else np.diag(np.broadcast_to(value, 2))
        (a, b), (_, c) = matrix + noise * np.eye(2)
        determinant = a * c - b * b
        dx, dy = (x - mixture.means[k, 0])[:, None], y - mixture.means[k, 1]
        square = (c * dx**2 - 2 * b * dx * dy + a * dy**2) / determinant
        scale = np.log(mixture.weights[k]) - np.log(2 * np.pi) - np.log(determinant) / 2
        found.append(scale - square / 2)
    return found[0], found[1]


def _special(predicted: dict[str, float]) -> Checks:
    """A shared covariance by the channel's definition, one mean by integrals over the radius."""
    gamma, prior = theorem.CHANNEL_GAMMA, theorem.CHANNEL_PRIOR
    entropy = float(binary_quadrature.entropy(gamma, prior))
    yield close("H, shared covariance", "quadrature", predicted["H, shared covariance"], entropy, 1e-12)
    bias, root = special.logit(prior) / 2, np.sqrt(gamma)
    # P(L < 0 | +) and P(L > 0 | −) for L ~ N(λ ± γ, γ)
    error = prior * special.ndtr(-(bias + gamma) / root) + (1 - prior) * special.ndtr((bias - gamma) / root)
    key = "Bayes error, shared covariance"
    yield close(key, "normal distribution function", predicted[key], float(error), 1e-11)
    ratio, d = theorem.SCALES
    entropy, disagreement = literal.scales_entropy(ratio, 1.0, d, digits=20)
    for name, value in (("H", entropy), ("1 - phi", disagreement)):
        key = f"{name}, one mean"
        yield close(key, "integral over log r^2", predicted[key], float(value), 1e-10)
