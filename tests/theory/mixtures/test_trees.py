"""Trees of classes and independent factors: exact entropies by level, and refusals of what is no product."""

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import (
    GaussianMixture,
    binary_entropy,
    exact_curves,
    orthogonal_entropy,
    window_sigmas,
)
from speciation.theory.closed_forms.factors import factors_of
from speciation.theory.mixtures.trees import level_partition, named_partition, tree

NAMES = ("entropy", "rate", "agreement")
THRESHOLD = float(stats.norm.isf(5e-9))  # at most 100 comparisons: false alarms below 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("level", [3, *(pytest.param(level, marks=pytest.mark.slow) for level in (1, 2))])
def test_levels_of_a_product_are_exact(level):
    mixture = tree([9, 4, 1], [2, 3, 2], 0.5)
    sigmas = np.array([0.5, 1.5, 4.0])
    groups = level_partition(mixture, level)
    exact = entropy_curve(mixture, sigmas, partition=groups)
    assert exact.attrs["method"] == "exact"
    for method in ("reduced", "ambient"):
        measured = entropy_curve(mixture, sigmas, partition=groups, method=method, samples=60_000)
        for name in NAMES:
            z = (measured[name] - exact[name]) / measured[f"{name}_se"]
            assert float(np.abs(z).max()) < THRESHOLD
            # mutant: 2 % more is rejected
            z = (measured[name] - 1.02 * exact[name]) / measured[f"{name}_se"]
            assert float(np.abs(z).max()) > THRESHOLD


def test_hierarchy_is_two_binary_channels():
    mixture = GaussianMixture.parse("hierarchy:d=6,A=9,B=1,s=0.5")
    sigmas = np.array([0.4, 2.0])
    upper, lower = (binary_entropy(length2 / (0.25 + sigmas**2)) for length2 in (9, 1))
    level1 = entropy_curve(mixture, sigmas, partition=named_partition(mixture, "level1"))
    np.testing.assert_allclose(level1.entropy, upper, rtol=1e-12)
    np.testing.assert_allclose(entropy_curve(mixture, sigmas).entropy, upper + lower, rtol=1e-12)
    # the rate is the slope of the entropy, per unit OU time
    times = 0.5 * np.log1p(sigmas**2)
    shifted = [np.sqrt(np.expm1(2 * (times + k * 1e-3))) for k in (-2, -1, 1, 2)]
    h = [entropy_curve(mixture, s).entropy.values for s in shifted]
    slope = (8 * (h[2] - h[1]) - (h[3] - h[0])) / 12e-3
    np.testing.assert_allclose(entropy_curve(mixture, sigmas).rate, slope, rtol=1e-8)


@pytest.mark.slow
def test_nodes_with_directions_of_their_own_are_no_product():
    mixture = tree([9, 4], [2, 3], 0.5, shared=False)
    assert factors_of(mixture) is None
    # but the first level has two groups, and its curve is measured
    groups = level_partition(mixture, 1)
    curve = entropy_curve(mixture, [1.0, 3.0], partition=groups, samples=20_000)
    assert curve.attrs["method"] == "reduced"
    with pytest.raises(ValueError, match="needs a closed form"):
        entropy_curve(mixture, [1.0], method="exact")


@pytest.mark.slow
def test_chain_rule():
    """`H(C|x) = H(G|x) + H(C|G,x)`: the second term from the classes of each group alone."""
    mixture = tree([9, 4], [2, 3], 0.5, shared=False)
    sigmas = np.array([1.0, 2.0, 4.0])
    whole = entropy_curve(mixture, sigmas, method="ambient", samples=100_000)
    groups = entropy_curve(
        mixture, sigmas, method="reduced", samples=100_000, partition=level_partition(mixture, 1)
    )
    # given the group, its classes are a mixture of three orthogonal ones: T13
    inner = GaussianMixture(np.full(3, 1 / 3), mixture.means[:3], 0.5)
    within = entropy_curve(inner, sigmas)
    assert within.attrs["method"] == "exact"
    # H(C|G, x) averages over x from the whole mixture, in which the group is known
    z = (whole.entropy - groups.entropy - within.entropy) / np.hypot(whole.entropy_se, groups.entropy_se)
    assert float(np.abs(z).max()) < THRESHOLD
    z = (whole.entropy - groups.entropy - 1.02 * within.entropy) / np.hypot(
        whole.entropy_se, groups.entropy_se
    )
    assert float(np.abs(z).max()) > THRESHOLD


def test_unequal_product_weights():
    first, second = np.array([0.3, 0.7]), np.array([0.2, 0.8])
    means = np.array([[3.0, 1, 0], [3, -1, 0], [-3, 1, 0], [-3, -1, 0]])
    labels = ["a/x", "a/y", "b/x", "b/y"]
    mixture = GaussianMixture(np.outer(first, second).ravel(), means, 1.0, labels)
    factors = factors_of(mixture)
    assert [factor.half_distance2 for factor in factors] == pytest.approx([18, 2])
    sigmas = np.array([0.5, 2.0])
    expected = binary_entropy(9 / (1 + sigmas**2), 0.3) + binary_entropy(1 / (1 + sigmas**2), 0.2)
    np.testing.assert_allclose(entropy_curve(mixture, sigmas).entropy, expected, rtol=1e-11)
    tilted = GaussianMixture([0.25, 0.25, 0.2, 0.3], means, 1.0, labels)
    assert factors_of(tilted) is None
    moved = GaussianMixture(np.full(4, 0.25), means + np.eye(4, 3), 1.0, labels)
    assert factors_of(moved) is None


def test_groups_that_are_no_choices_are_not_exact():
    mixture = tree([9, 4], [2, 2], 0.5)
    odd = {"a": ["0/0", "1/1"], "b": ["0/1", "1/0"]}
    assert factors_of(mixture, odd) is None
    three = {"a": ["0/0", "0/1"], "b": ["1/0"], "c": ["1/1"]}
    assert factors_of(mixture, three) is None
    assert factors_of(mixture, {"all": ["0/0", "0/1", "1/0", "1/1"]}) is None
    second = factors_of(mixture, {"x": ["0/0", "1/0"], "y": ["0/1", "1/1"]})
    assert [factor.half_distance2 for factor in second] == pytest.approx([8])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [2], 1.0), "need one of each per level"),
        (([1], [1], 1.0), "at least two children"),
        (([-1], [2], 1.0), "need lengths above 0"),
    ],
)
def test_tree_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        tree(*arguments)


def test_tree_refuses_too_few_dimensions():
    with pytest.raises(ValueError, match="must be at least 4, the number of directions, not 2"):
        tree([1, 1], [2, 3], 1.0, dimension=2)
    assert tree([1, 1], [2, 3], 1.0, dimension=9).dimension == 9


def four_points(far, near, other):
    """±(far, ±near) and ±(−far, ±other) with s = 1: the first coordinate decides, then a pair of its own."""
    means = [[far, near], [far, -near], [-far, other], [-far, -other]]
    return GaussianMixture([0.25] * 4, means, 1.0)


TURN = np.array([[0.6, -0.8], [0.8, 0.6]])
HIDDEN = {
    "small choices of their own": (tree([1e10, 4.0], [2, 3], 1.0, shared=False), orthogonal_entropy(2.0, 3)),
    "two distances": (four_points(1e5, 1.0, 2.0), (binary_entropy(0.5) + binary_entropy(2.0)) / 2),
    "two distances, turned": (
        GaussianMixture([0.25] * 4, four_points(1e5, 1.0, 2.0).means @ TURN, 1.0),
        (binary_entropy(0.5) + binary_entropy(2.0)) / 2,
    ),
    "beyond rounding": (tree([1e12, 4.0], [2, 3], 1.0, shared=False), orthogonal_entropy(2.0, 3)),
}


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.slow
def test_a_small_choice_is_not_hidden_by_a_large_one(name):
    """At σ = 1 the large choice is made, and the rest is known; 5 standard errors: 6e-7 false alarms each."""
    mixture, expected = HIDDEN[name]
    assert exact_curves(mixture) is None
    curve = entropy_curve(mixture, [1.0], samples=40_000)
    assert curve.attrs["method"] == "reduced"
    error = float(curve.entropy_se[0])
    assert 0 < error < 0.001
    assert abs(float(curve.entropy[0]) - expected) < 5 * error
    low = window_sigmas(mixture, 2)[0]
    assert low < 0.5  # the window reaches down to where the small choice is made


@pytest.mark.parametrize("ratio", [1.0, 1e5, 1e9])
def test_products_of_very_different_lengths_stay_exact(ratio):
    mixture = tree([4.0 * ratio, 4.0], [2, 3], 1.0)
    curve = entropy_curve(mixture, [1.0])
    assert curve.attrs["method"] == "exact"
    expected = binary_entropy(2.0 * ratio) + orthogonal_entropy(2.0, 3)
    assert float(curve.entropy[0]) == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("off", [1e-8, 1e-4])
def test_what_is_nearly_a_product_is_none(off):
    """Lengths, right angles and weights that are off by more than rounding are measured instead."""
    product = tree([16.0, 4.0], [2, 2], 1.0)
    assert exact_curves(product) is not None
    longer = product.means.copy()
    longer[0, 1] *= 1 + off
    skewed = product.means @ np.array([[1.0, off], [0.0, 1.0]])
    weights = np.array([0.25 + off, 0.25 - off, 0.25, 0.25])
    for means, likely in ((longer, product.weights), (skewed, product.weights), (product.means, weights)):
        assert exact_curves(GaussianMixture(likely, means, 1.0, product.labels)) is None
