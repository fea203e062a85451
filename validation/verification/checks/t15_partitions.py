"""T15 measured: both levels of a hierarchy in ambient dimension, the chain rule, and where windows sit."""

import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.mixtures.trees import level_partition, tree
from ....theory.theorems import t15_partitions as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import Draws, posteriors
from ._base import Check, Checks, Context, close, paired_z_test, z_test

SAMPLES = 200_000


def check(context: Context) -> Checks:
    """Level by level, by posteriors that know of no tree."""
    predicted = theorem.predict()
    mixture = _hierarchy()
    for sigma in theorem.SIGMAS:
        draws = posteriors(mixture, 1.0, sigma, SAMPLES, context.rng(f"T15 {sigma}"))
        name = f"H(C) at sigma = {sigma:g}"
        yield z_test(name, predicted[name], draws.entropy)
        if predicted[f"H(G) at sigma = {sigma:g}"] > 0.01:
            name = f"H(G) at sigma = {sigma:g}"
            yield z_test(name, predicted[name], _grouped(mixture, draws, 1).entropy)
    for name, length2 in zip(("upper", "lower"), theorem.LENGTHS2, strict=True):
        yield close(
            f"{name} window", "maximum of the rate", predicted[f"{name} window"], _window(length2), 1e-6
        )
    yield _chain(context)
    yield from _children(context, predicted)


def _hierarchy() -> GaussianMixture:
    """`±A ± B` in six dimensions, along directions that are no axes."""
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0][:2]
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    labels = ["+/+", "+/-", "-/+", "-/-"]
    return GaussianMixture(np.full(4, 0.25), signs * np.sqrt(theorem.LENGTHS2) @ rotation, 1.0, labels)


def _grouped(mixture: GaussianMixture, draws: Draws, level: int) -> Draws:
    """Posteriors of the groups of a level."""
    groups = level_partition(mixture, level).values()
    columns = [[mixture.labels.index(label) for label in group] for group in groups]
    return Draws(draws.classes, np.stack([draws.posterior[:, c].sum(axis=1) for c in columns], axis=1))


def _window(length2: float) -> float:
    """OU time at which `γ mmse(γ)`, γ = length2 e^{−2t}, is largest, by golden section on the definition."""
    ratio = (np.sqrt(5) - 1) / 2
    low, high = 0.5 * np.log(length2) - 2, 0.5 * np.log(length2) + 2

    def rate(t: float) -> float:
        gamma = length2 * np.exp(-2 * t)
        return gamma * float(binary_quadrature.mmse(gamma, 20))

    while high - low > 1e-8:
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, second) if rate(first) > rate(second) else (first, high)
    return float((low + high) / 2)


def _chain(context: Context) -> Check:
    """`H(C) = H(G) + H(C|G)` draw by draw, in a tree whose nodes have directions of their own."""
    mixture = tree([9.0, 4.0], [2, 3], 0.5, shared=False)
    draws = posteriors(mixture, 1.0, 2.0, SAMPLES, context.rng("T15 chain"))
    groups = _grouped(mixture, draws, 1)
    inner = np.zeros(SAMPLES)
    for index in range(2):
        within = draws.posterior[:, 3 * index : 3 * index + 3]
        share = groups.posterior[:, [index]]
        inner += share[:, 0] * Draws(draws.classes, within / np.maximum(share, 1e-300)).entropy
    # of another draw of the same law, so that the comparison is of means and not of an identity
    other = posteriors(mixture, 1.0, 2.0, SAMPLES, context.rng("T15 chain again")).entropy
    return paired_z_test("H(C) = H(G) + H(C|G), a tree", other, groups.entropy + inner)


def _children(context: Context, predicted: dict[str, float]) -> Checks:
    """Three children a node, decided long after their parents: T13 for what is left."""
    mixture = tree([2500.0, 6.0], [2, 3], 1.0)
    draws = posteriors(mixture, 1.0, 1.0, SAMPLES, context.rng("T15 children"))
    yield z_test("H(C|G) of three children", predicted["H(C|G) of three children"], draws.entropy)
