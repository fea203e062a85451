"""T18 measured: simulated training sets, the information density, and thresholds by bisection."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....theory.theorems import t18_collapse as theorem
from ..independent import binary_quadrature
from ..independent.densities import gaussian_information, speciation_noise
from ..independent.search import root
from ._base import Check, Checks, Context, close, sampled_bound, z_test

Array = NDArray[np.float64]
SETS = 60
STATES = 400


def check(context: Context) -> Checks:
    """Entropy of the sample given the state over random training sets, between the bounds."""
    predicted = theorem.predict()
    for n, d in theorem.CASES:
        for suffix, classes in (("", False), (" with classes", True)):
            name = f"t_C{suffix}, n={n}, d={d}"
            yield close(name, "sums over densities", predicted[name], _threshold(n, d, classes), 1e-9)
    d, s2, M, n, sigmas = theorem.MEASURED
    measured = [_sample_entropy(d, s2, M, n, sigma, context.rng(f"T18 {sigma}")) for sigma in sigmas]
    for side in ("lower", "upper"):
        limits = [predicted[f"{side} bound at sigma = {sigma:g}"] for sigma in sigmas]
        yield sampled_bound(f"{side} bound, {SETS} training sets", limits, measured, upper=side == "upper")
    for sigma in sigmas:
        name = f"I at sigma = {sigma:g}"
        density = _information_density(d, s2, M, sigma, context.rng(f"T18 density {sigma}"))
        yield z_test(name, predicted[name], density)
    yield _boundary(predicted, 64, "log n of the boundary, d=64")
    yield _boundary(predicted, 3 * 10**6, "log n of the boundary, large d")


def _threshold(n: int, d: int, classes: bool) -> float:
    """OU time at which d coordinates, with the classes' share or without, tell log n, by sums."""

    def excess(time: float) -> float:
        noise = float(np.expm1(2 * time))
        information = d * gaussian_information(noise)
        if classes:
            information += np.log(2) - float(binary_quadrature.quick_entropy(min(d / (1 + noise), 50.0)))
        return float(information - np.log(n))

    return root(excess, 0.3, 8.0)


def _sample_entropy(
    d: int, s2: float, M: float, n: int, sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """`H(sample | X)` for each of `SETS` training sets of n/2 samples of each class."""
    found = np.empty(SETS)
    delta = np.sqrt(M / d)
    for index in range(SETS):
        data = np.sqrt(s2) * rng.standard_normal((n, d)) + np.repeat([delta, -delta], n // 2)[:, None]
        states = data[rng.integers(n, size=STATES)] + sigma * rng.standard_normal((STATES, d))
        squares = (states**2).sum(1)[:, None] - 2 * states @ data.T + (data**2).sum(1)
        posterior = special.softmax(-squares / (2 * sigma**2), axis=1)
        found[index] = special.entr(posterior).sum(axis=1).mean()
    return found


def _information_density(d: int, s2: float, M: float, sigma: float, rng: np.random.Generator) -> Array:
    """`log p(x|x₀)/p(x)` of draws of the mixture itself."""
    return np.concatenate([_block_of_densities(d, s2, M, sigma, rng) for _ in range(4)])


def _block_of_densities(d: int, s2: float, M: float, sigma: float, rng: np.random.Generator) -> Array:
    count, delta, noise = 100_000, np.sqrt(M / d), sigma**2
    sign = rng.choice([-1.0, 1.0], size=count)
    clean = sign[:, None] * delta + np.sqrt(s2) * rng.standard_normal((count, d))
    x = clean + sigma * rng.standard_normal((count, d))
    given = -((x - clean) ** 2).sum(axis=1) / (2 * noise) - d / 2 * np.log(noise)
    each = [-((x - s * delta) ** 2).sum(axis=1) / (2 * (s2 + noise)) for s in (1, -1)]
    marginal = np.logaddexp(*each) - np.log(2) - d / 2 * np.log(s2 + noise)
    return given - marginal


def _boundary(predicted: dict[str, float], d: int, name: str) -> Check:
    """Information about a sample, summed, at the level at which the midpoint of `log p` turns."""
    noise = speciation_noise(float(d), 1.0)
    return close(name, "sums over densities", predicted[name], d * gaussian_information(noise), 1e-6)
