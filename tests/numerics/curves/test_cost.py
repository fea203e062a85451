"""What draws cost, in operations that the compiler is given: the same everywhere, so a regression shows.

A ratio that moves by more than a tenth is a change of the algorithm, not of the weather.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.numerics.curves.cost import curve_cost
from speciation.numerics.monte_carlo import levels, shared_covariance, unequal_covariance
from speciation.numerics.monte_carlo.strides import STRIDE, in_precision
from speciation.theory import Diagonal, GaussianMixture

KERNELS = {
    "reduced": (shared_covariance.reduced, shared_covariance.reduced_parameters),
    "ambient": (shared_covariance.ambient_isotropic, shared_covariance.ambient_parameters),
}


def mixture(classes, dimension):
    return GaussianMixture.parse(f"orthogonal:K={classes},d={dimension},M=64,s=1")


def lowered_for(kernel, parameters):
    def afresh(key, parameters):  # traced anew, because a mutant may have changed what the kernel calls
        return kernel(key, parameters)

    return jax.jit(afresh).lower(jax.random.key(0), in_precision(parameters, "float32"))


def operations(kernel, parameters):
    """Floating-point operations for one stride, per pair of draws."""
    return lowered_for(kernel, parameters).cost_analysis()["flops"] / STRIDE


def parameters_of(method, classes=8, dimension=512, levels=16):
    return KERNELS[method][1](mixture(classes, dimension), np.geomspace(0.5, 60, levels), None)


def cost_of(method, kernel=None, **sizes):
    return operations(kernel or KERNELS[method][0], parameters_of(method, **sizes))


def test_reduced_draws_cost_nothing_that_grows_with_the_dimension():
    few, many = ({method: cost_of(method, dimension=d) for method in KERNELS} for d in (64, 4096))
    assert many["reduced"] == pytest.approx(few["reduced"], rel=1e-6)
    assert many["ambient"] > 2 * few["ambient"]  # mutant: noise in all dimensions


@pytest.mark.slow
def test_ambient_draws_cost_two_operations_per_class_and_dimension_and_their_noise():
    """The product with the means, 2 K d, and what a normal number takes: one slope in d, whatever K."""

    def cost(classes, dimension):
        return cost_of("ambient", classes=classes, dimension=dimension)

    slopes = {classes: (cost(classes, 4096) - cost(classes, 2048)) / 2048 for classes in (4, 8)}
    assert slopes[8] - slopes[4] == pytest.approx(8, rel=0.1)
    noise = slopes[4] - 8

    def drawing(key, parameters):
        return jax.random.normal(key, (STRIDE, 1024)) + parameters["shift"]

    assert noise == pytest.approx(operations(drawing, {"shift": np.zeros(1)}) / 1024, rel=0.25)

    def afresh(key, parameters):  # mutant: noise for every level, as the comparators of the benchmark draw it
        keys = [jax.random.fold_in(key, level) for level in range(16)]
        return jnp.stack([jax.random.normal(k, (STRIDE, 1024)) @ parameters["means"].T for k in keys])

    assert operations(afresh, {"means": np.ones((4, 1024))}) / 1024 > 8 * (noise + 8)


@pytest.mark.slow
@pytest.mark.parametrize("method", KERNELS)
def test_levels_cost_the_same_each(method):
    def later_over_earlier(kernel=None):
        few, many, more = (cost_of(method, kernel, levels=levels) for levels in (8, 32, 56))
        return (more - many) / (many - few)

    def every_pair(key, parameters):  # mutant: something done for every pair of levels
        curves = KERNELS[method][0](key, parameters)
        return jnp.einsum("cln,cmn->clm", curves, curves)

    assert later_over_earlier() == pytest.approx(1, rel=0.1)
    assert later_over_earlier(every_pair) > 1.1  # beyond what the line above allows


@pytest.mark.parametrize("method", KERNELS)
@pytest.mark.slow
def test_many_levels_are_held_a_few_at_a_time(method, monkeypatch):
    """What a stride keeps at once: past a few megabytes each level costs several times more."""

    def held(number):
        found = lowered_for(KERNELS[method][0], parameters_of(method, levels=number))
        return found.compile().memory_analysis().temp_size_in_bytes

    assert held(512) < 1.5 * held(128)
    monkeypatch.setattr(levels, "_TOGETHER", 10**6)  # mutant: all of them
    assert held(512) > 3 * held(128)


@pytest.mark.slow
def test_levels_add_nothing_that_grows_with_the_dimension_for_isotropic_classes():
    sizes = (256, 4096)

    def per_level(cost):
        return [(cost(dimension=d, levels=32) - cost(dimension=d, levels=16)) / 16 for d in sizes]

    def any_covariance(dimension, levels):  # mutant: the same classes with noise whitened at every level
        given = mixture(8, dimension)
        same = GaussianMixture(given.weights, given.means, Diagonal(np.ones(dimension)))
        built = shared_covariance.ambient_parameters(same, np.geomspace(0.5, 60, levels), None)
        return operations(shared_covariance.ambient, built)

    found = per_level(lambda **given: cost_of("ambient", **given))
    assert found[1] == pytest.approx(found[0], rel=0.01)
    mutant = per_level(any_covariance)
    assert mutant[1] > 2 * mutant[0]


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


@pytest.mark.slow
def test_a_tolerance_says_how_many_draws_it_takes():
    """Within a factor of four of the draws that it took, since errors are known from 4096 at eight levels."""
    mixture = GaussianMixture.parse("orthogonal:K=4,d=6,M=9,s=1")
    sigma = np.geomspace(0.5, 30, 12)
    whole = {"method": "ambient", "tolerance": 0.004}
    took = entropy_curve(mixture, sigma, samples=1, **whole).attrs["samples"]
    said = curve_cost(mixture, sigma, **whole).draws
    assert took / 4 < said < 4 * took
    assert curve_cost(mixture, sigma, **whole | {"tolerance": 0.002}).draws > 3 * said  # mutant: half of it
