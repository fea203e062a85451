"""Every kernel is exported for processors and accelerators: what does not lower is seen without one."""

import jax
import numpy as np
import pytest
from speciation.numerics import entropy_at
from speciation.numerics._support.jax_settings import own_settings
from speciation.numerics.monte_carlo import many_classes, shared_covariance, strides, unequal_covariance
from speciation.numerics.monte_carlo.strides import in_precision
from speciation.theory import Diagonal, GaussianMixture, LowRank

RNG = np.random.default_rng(0)
WEIGHTS, MEANS = np.full(4, 0.25), RNG.standard_normal((4, 6))
SHARED = GaussianMixture(WEIGHTS, MEANS, 0.5)
WITH_AXES = GaussianMixture(WEIGHTS, MEANS, RNG.uniform(0.5, 2, 6))
EACH = GaussianMixture(
    WEIGHTS, MEANS, [LowRank(0.5, RNG.standard_normal((6, 2))), *[Diagonal(RNG.uniform(0.5, 2, 6))] * 3]
)
SIGMA = np.array([0.5, 2.0])
KERNELS = {
    "reduced": (shared_covariance.reduced, lambda: shared_covariance.reduced_parameters(SHARED, SIGMA, None)),
    "isotropic": (
        shared_covariance.ambient_isotropic,
        lambda: shared_covariance.ambient_parameters(SHARED, SIGMA, None),
    ),
    "ambient": (
        shared_covariance.ambient,
        lambda: shared_covariance.ambient_parameters(WITH_AXES, SIGMA, None),
    ),
    "unequal": (unequal_covariance.ambient, lambda: unequal_covariance.parameters_of(EACH, SIGMA, None)),
    "many": (many_classes.many, lambda: many_classes.many_parameters(SHARED, SIGMA, None, False)),
    "many with axes": (
        many_classes.many,
        lambda: many_classes.many_parameters(WITH_AXES, SIGMA, np.eye(2).repeat(2, axis=1), False),
    ),
}
PLATFORMS = ("cpu", "cuda", "tpu")


def exported(function, *arguments):
    found = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)
    assert found.platforms == PLATFORMS
    return found


@pytest.mark.one_of_each
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_lower_for_every_platform(kernel):
    """As an accelerator runs them, whole strides at once, and one after another as a processor does."""
    function, build = KERNELS[kernel]
    parameters = in_precision(build(), "float32")
    seed = np.zeros(2, np.uint32)
    with own_settings(double=False):
        exported(
            lambda seed, first, p: strides._at_once(function, 2, seed, first, p),
            seed,
            np.uint32(0),
            parameters,
        )
        exported(
            lambda seed, first, p: strides._compiled(function, 2, seed, first, np.int32(2), p),
            seed,
            np.uint32(0),
            parameters,
        )


@pytest.mark.parametrize("mixture", [SHARED, EACH], ids=["shared", "each"])
def test_gradients_lower_for_every_platform(mixture):
    exported(jax.grad(lambda m, s: entropy_at(m, s, 0, 8)), jax.tree.map(jax.numpy.asarray, mixture), 1.0)


def test_what_no_accelerator_knows_is_seen():
    """A callback into Python, the mutant, is refused by `jax.export`."""
    with pytest.raises(NotImplementedError, match="lowering"):
        exported(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((), np.float32), x), np.float32(1))
