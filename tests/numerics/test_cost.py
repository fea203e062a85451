"""What draws cost, in operations that the compiler counts: the same on every machine, so a regression shows.

A ratio that moves by more than a tenth is a change of the algorithm, not of the weather.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from speciation.numerics import shared_covariance, unequal_covariance
from speciation.numerics.sampling import STRIDE, in_precision
from speciation.theory import Diagonal, GaussianMixture

KERNELS = {
    "reduced": (shared_covariance.reduced, shared_covariance.reduced_parameters),
    "ambient": (shared_covariance.ambient_isotropic, shared_covariance.ambient_parameters),
}


def mixture(classes, dimension):
    return GaussianMixture.parse(f"orthogonal:K={classes},d={dimension},M=64,s=1")


def operations(kernel, parameters):
    """Floating-point operations for one stride, per pair of draws."""
    key = jax.random.key(0)
    compiled = jax.jit(kernel).lower(key, in_precision(parameters, "float32")).compile()
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    return cost["flops"] / STRIDE


def cost_of(method, classes=8, dimension=512, levels=16):
    kernel, build = KERNELS[method]
    return operations(kernel, build(mixture(classes, dimension), np.geomspace(0.5, 60, levels), None))


def test_reduced_draws_cost_nothing_that_grows_with_the_dimension():
    assert cost_of("reduced", dimension=4096) == pytest.approx(cost_of("reduced", dimension=64), rel=1e-6)


def test_ambient_draws_cost_two_operations_per_class_and_dimension_and_their_noise():
    """The product with the means, 2 K d, and what a normal number takes: one slope in d, whatever K."""
    slopes = {
        classes: (cost_of("ambient", classes, 4096) - cost_of("ambient", classes, 2048)) / 2048
        for classes in (4, 8)
    }
    assert slopes[8] - slopes[4] == pytest.approx(8, rel=0.1)
    noise = slopes[4] - 8

    def drawing(key, parameters):
        return jax.random.normal(key, (STRIDE, 1024)) + parameters["shift"]

    assert noise == pytest.approx(operations(drawing, {"shift": np.zeros(1)}) / 1024, rel=0.25)

    def afresh(key, parameters):  # mutant: noise for every level, as the comparators of the benchmark draw it
        keys = [jax.random.fold_in(key, level) for level in range(16)]
        return jnp.stack([jax.random.normal(k, (STRIDE, 1024)) @ parameters["means"].T for k in keys])

    assert operations(afresh, {"means": np.ones((4, 1024))}) / 1024 > 8 * (noise + 8)


@pytest.mark.parametrize("method", KERNELS)
def test_levels_cost_the_same_each(method):
    few, many = cost_of(method, levels=8), cost_of(method, levels=32)
    more = cost_of(method, levels=56)
    assert more - many == pytest.approx(many - few, rel=0.1)


def test_levels_add_nothing_that_grows_with_the_dimension_for_isotropic_classes():
    per_level = [
        (cost_of("ambient", dimension=d, levels=32) - cost_of("ambient", dimension=d, levels=16)) / 16
        for d in (256, 4096)
    ]
    assert per_level[1] == pytest.approx(per_level[0], rel=0.01)


def test_unequal_covariances_cost_d_per_level_and_class():
    def cost(dimension):
        rng = np.random.default_rng(0)
        covariances = [Diagonal(rng.uniform(0.5, 2, dimension)) for _ in range(4)]
        own = GaussianMixture(np.full(4, 0.25), rng.standard_normal((4, dimension)), covariances)
        parameters = unequal_covariance.parameters_of(own, np.geomspace(0.5, 60, 8), None)
        return operations(unequal_covariance.ambient, parameters)

    first, second, third = (cost(d) for d in (256, 512, 768))
    assert third - second == pytest.approx(second - first, rel=0.05)
    assert jnp.isfinite(first)
