"""Hundreds of classes: the curves of the route that keeps pairs, at a cost linear in their number."""

import jax
import numpy as np
import pytest
from scipy import stats
from speciation import theory
from speciation.numerics import entropy_curve
from speciation.numerics.curves import entropy as curves
from speciation.numerics.monte_carlo import many_classes
from speciation.numerics.monte_carlo.strides import STRIDE, in_precision
from speciation.theory import GaussianMixture

NAMES = ("entropy", "rate", "agreement")
# Family of comparisons below: at most 2000, each two-sided at 5e-10, so false alarms stay under 1e-6.
THRESHOLD = float(stats.norm.isf(2.5e-10))
RNG = np.random.default_rng(1)
CLASSES, DIMENSION = 40, 6
WEIGHTS, MEANS = RNG.dirichlet(np.ones(CLASSES)), 2 * RNG.standard_normal((CLASSES, DIMENSION))
ROOT = RNG.standard_normal((DIMENSION, DIMENSION)) / 2
COVARIANCES = {"isotropic": 0.5, "diagonal": RNG.uniform(0.2, 2, DIMENSION), "full": ROOT @ ROOT.T}
CUTS = {"a": (0, 25), "b": (25, 30), "c": (30, CLASSES)}
PARTITION = {name: [str(i) for i in range(*ends)] for name, ends in CUTS.items()}


def scores(first, second, factor=1.0):
    return np.array(
        [(first[n] - factor * second[n]) / np.hypot(first[f"{n}_se"], second[f"{n}_se"]) for n in NAMES]
    )


@pytest.mark.one_of_each
@pytest.mark.parametrize("partition", [None, PARTITION], ids=["classes", "groups"])
@pytest.mark.parametrize("kind", COVARIANCES)
@pytest.mark.slow
def test_curves_are_those_of_the_route_that_keeps_pairs(kind, partition, monkeypatch):
    mixture, sigmas = GaussianMixture(WEIGHTS, MEANS, COVARIANCES[kind]), np.geomspace(0.3, 10, 7)
    pairs = entropy_curve(mixture, sigmas, method="reduced", samples=40_000, partition=partition)
    monkeypatch.setattr(curves, "PAIRWISE_LIMIT", 4)
    monkeypatch.setattr(many_classes, "_BLOCK", 16)  # several blocks, the last of which is filled up
    options = {"samples": 40_000, "partition": partition, "key": 1}
    for method in ("reduced", "ambient"):
        many = entropy_curve(mixture, sigmas, method=method, **options)
        assert np.abs(scores(many, pairs)).max() < THRESHOLD
        assert np.abs(scores(many, pairs, 1.05)).max() > THRESHOLD  # mutant: 5 % more


@pytest.mark.slow
def test_blocks_change_rounding_alone(monkeypatch):
    """Sums are carried from block to block without losing what is small beside the top."""
    mixture, sigmas = GaussianMixture(WEIGHTS, MEANS, 0.01), np.array([0.1, 0.2, 1.0, 30.0])
    monkeypatch.setattr(curves, "PAIRWISE_LIMIT", 4)
    found = []
    for block in (3, 512):
        monkeypatch.setattr(many_classes, "_BLOCK", block)
        found.append(entropy_curve(mixture, sigmas, method="reduced", samples=2000))
    for name in NAMES:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-11)
    assert float(found[0].entropy[0]) < 1e-2


def test_a_thousand_orthogonal_classes_meet_the_exact_curve():
    mixture = GaussianMixture.parse("orthogonal:K=1000,d=1000,M=64,s=1")
    sigmas = np.array([1.0, 2.0, 4.0])
    found = entropy_curve(mixture, sigmas, method="ambient", samples=2048)
    exact = theory.orthogonal_entropy(64 / (1 + sigmas**2), 1000)
    z = (found.entropy.values - exact) / found.entropy_se.values
    assert np.abs(z).max() < THRESHOLD
    assert np.abs((found.entropy.values - 1.1 * exact) / found.entropy_se.values).max() > THRESHOLD


def test_cost_and_memory_are_linear_in_the_number_of_classes():
    """What a stride holds as it is compiled, and the numbers that it is given: nothing for each pair."""

    def cost(classes):
        means = np.random.default_rng(0).standard_normal((classes, 16))
        mixture = GaussianMixture(np.full(classes, 1 / classes), means, 1.0)
        parameters = in_precision(
            many_classes.many_parameters(mixture, np.geomspace(0.5, 9, 4), None, False), "float32"
        )
        lowered = jax.jit(many_classes.many).lower(jax.random.key(0), parameters)
        held = lowered.compile().memory_analysis().temp_size_in_bytes
        sizes = sum(np.asarray(leaf).size for leaf in jax.tree.leaves(parameters))
        return len(parameters.blocks.means), held, sizes

    few, many = cost(1024), cost(16_384)
    assert many[0] == 16 * few[0]  # a loop of as many turns over the same program
    assert many[1] < 2 * few[1]
    assert many[2] < 20 * few[2]
    assert few[1] < 64 * many_classes._BLOCK * STRIDE * 4


def test_quasi_random_points_are_refused():
    mixture = GaussianMixture(np.full(300, 1 / 300), np.random.default_rng(0).standard_normal((300, 2)), 1.0)
    with pytest.raises(ValueError, match="points: sobol is possible for at most 256 classes"):
        entropy_curve(mixture, [1.0], points="sobol")


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_accelerators(platform):
    mixture = GaussianMixture(WEIGHTS, MEANS, 0.5)
    parameters = in_precision(
        many_classes.many_parameters(mixture, np.array([1.0, 2.0]), None, False), "float32"
    )
    exported = jax.export.export(jax.jit(many_classes.many), platforms=[platform])
    assert exported(jax.random.key(0), parameters).platforms == (platform,)
