"""`entropy_at` in others' programs: gradients in everything, maps over mixtures, keys of every kind."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from speciation import theory
from speciation.numerics import entropy_at, entropy_curve
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank

RNG = np.random.default_rng(0)
MEANS, WEIGHTS = 1.2 * RNG.standard_normal((3, 4)), [0.2, 0.3, 0.5]
ROOTS = RNG.standard_normal((3, 4, 4)) / 2
KINDS = {
    "isotropic": 0.5,
    "diagonal": np.array([0.2, 0.5, 1.0, 2.0]),
    "full": ROOTS[0] @ ROOTS[0].T,
    "low rank": LowRank(0.3, ROOTS[1][:, :2]),
    "full each": [Full(r @ r.T) for r in ROOTS],
    "all kinds": [Isotropic(0.5), Diagonal(np.ones(4)), LowRank(0.3, ROOTS[2][:, :1])],
}


def mixture(kind="isotropic", means=MEANS, weights=WEIGHTS):
    return GaussianMixture(weights, means, KINDS[kind], labels=[f"c{i}" for i in range(len(weights))])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.one_of_each
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_curve(kind):
    """Twelve standard errors, from 16 keys: Student's t, 12 comparisons, false alarms below 1e-7."""
    sigma, draws = np.array([0.5, 1.5]), 4096
    found = np.asarray(entropy_at(mixture(kind), sigma, 3, draws))
    curve = entropy_curve(mixture(kind), sigma, samples=100_000)
    keys = jnp.arange(10, 26)
    repeated = np.std(
        jax.vmap(lambda key: entropy_at(mixture(kind), sigma, key, draws))(keys), axis=0, ddof=1
    )
    assert (np.abs(found - curve.entropy.values) < 12 * np.hypot(repeated, curve.entropy_se.values)).all()
    assert (np.abs(found - 1.2 * curve.entropy.values) > 12 * repeated).all()  # mutant: a fifth more


@pytest.mark.one_of_each
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_differences(kind):
    """In σ, weights, means and covariances at once, along a direction that keeps matrices symmetric."""
    given = jax.tree.map(jnp.asarray, mixture(kind))

    def entropy(parameters):
        return entropy_at(parameters[0], parameters[1], 7, 256)

    at = (given, jnp.asarray(0.8))
    rng = np.random.default_rng(5)
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), at)
    direction = jax.tree.map(
        lambda leaf: (leaf + leaf.T) / 2 if leaf.shape == (4, 4) and "full" in kind else leaf, direction
    )
    step = 1e-5

    def moved(sign):
        return entropy(jax.tree.map(lambda leaf, way: leaf + sign * step * way, at, direction))

    gradient = jax.jit(jax.grad(entropy))(at)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradient))
    slope = sum(
        float((a * b).sum())
        for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    assert slope == pytest.approx(float(moved(1) - moved(-1)) / (2 * step), rel=1e-6)


@pytest.mark.one_of_each
@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full", "low rank"])
def test_two_classes_have_the_derivatives_of_t3(kind):
    pair = GaussianMixture([0.3, 0.7], MEANS[:2], KINDS[kind])
    sigma = 0.7
    slope = jax.grad(entropy_at, 1)(pair, sigma)
    expected = -0.5 * theory.binary_mmse(pair.gamma(sigma), 0.3) * pair.gamma_slope(sigma) * 2 * sigma
    assert float(slope) == pytest.approx(float(expected), rel=1e-12)
    assert float(entropy_at(pair, sigma)) == pytest.approx(
        theory.binary_entropy(pair.gamma(sigma), 0.3), rel=1e-13
    )


@pytest.mark.slow
def test_sampled_gradients_are_those_of_t3_within_their_errors():
    """Two classes whose covariance is given twice are drawn; 40 keys, six standard errors of their mean."""
    pair = GaussianMixture([0.3, 0.7], MEANS[:2], [Isotropic(0.5), Isotropic(0.5)])
    given = jax.tree.map(jnp.asarray, pair)
    if len(given.covariances) == 1:
        given = GaussianMixture([0.3, 0.7], MEANS[:2], [Isotropic(0.5), Isotropic(0.5 + 1e-12)])
    slopes = jax.vmap(lambda key: jax.grad(entropy_at, 1)(given, 0.7, key, 512))(jnp.arange(40))
    expected = float(jax.grad(entropy_at, 1)(GaussianMixture([0.3, 0.7], MEANS[:2], 0.5), 0.7))
    error = float(slopes.std()) / np.sqrt(40)
    assert abs(float(slopes.mean()) - expected) < 6 * error
    assert abs(float(slopes.mean()) - 1.5 * expected) > 6 * error


def test_maps_over_mixtures_and_levels():
    scaled = [mixture("diagonal", factor * MEANS) for factor in (0.5, 1.0, 2.0)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *scaled)
    found = jax.jit(jax.vmap(lambda m: entropy_at(m, 1.0, 3, 64)))(stacked)
    each = [float(entropy_at(m, 1.0, 3, 64)) for m in scaled]
    np.testing.assert_allclose(found, each, rtol=1e-12)
    levels = np.array([[0.5, 1.0], [2.0, 3.0]])
    together = entropy_at(scaled[1], levels, 3, 64)
    np.testing.assert_allclose(together[0, 1], each[1], rtol=1e-12)
    assert together.shape == (2, 2)


def test_keys_of_every_kind_draw_the_same():
    given = mixture()
    expected = float(entropy_at(given, 1.0, 5, 64))
    keys = [jax.random.key(5), jax.random.PRNGKey(5), np.uint32(5)]
    assert all(float(entropy_at(given, 1.0, key, 64)) == expected for key in keys)
    traced = jax.jit(lambda key: entropy_at(given, 1.0, key, 64))
    assert all(float(traced(key)) == pytest.approx(expected, rel=1e-12) for key in keys)
    assert float(entropy_at(given, 1.0, 6, 64)) != expected


def test_a_mixture_is_a_tree_of_arrays():
    given = GaussianMixture(
        WEIGHTS, MEANS, KINDS["all kinds"], ["x", "y", "z"], partition={"a": ["x"], "b": ["y", "z"]}
    )
    leaves, structure = jax.tree.flatten(given)
    assert all(isinstance(leaf, np.ndarray) for leaf in leaves)
    assert len(leaves) == 6
    again = jax.tree.unflatten(structure, leaves)
    assert again == given
    assert again.partition == given.partition
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(given)]
    assert names[:3] == [".weights", ".means", ".covariances[0].variance"]
    moved = jax.tree.map(lambda leaf: 2 * leaf, given)
    np.testing.assert_array_equal(moved.means, 2 * given.means)


@pytest.mark.parametrize(
    "first", ["import jax; import speciation.numerics", "import speciation.numerics; import jax"]
)
def test_trees_are_known_whatever_is_loaded_first(first):
    code = (
        f"{first}; from speciation.theory import GaussianMixture; import speciation.numerics as n; n.channel;"
        "m = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], 1.0); print(len(jax.tree.leaves(m)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr


def test_numerics_alone_loads_no_jax():
    code = "import sys, speciation.numerics; print('jax' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    )


def test_strict_settings():
    with jax.numpy_rank_promotion("raise"), jax.debug_nans(True), jax.numpy_dtype_promotion("strict"):
        assert np.isfinite(jax.jit(jax.grad(lambda s: entropy_at(mixture("all kinds"), s, 0, 32)))(1.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0,), "sigma: every value must be a finite number > 0"),
        ((1.0, "a"), "key: need a whole number or one JAX key"),
        ((1.0, 0, 0), "draws: need a whole number >= 1, not 0"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message) as refusal:
        entropy_at(mixture(), *arguments)
    assert "\n" not in str(refusal.value)
