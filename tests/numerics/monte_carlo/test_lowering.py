"""Every kernel is exported for processors and accelerators: what does not lower is seen without one."""

import importlib
import re
from pathlib import Path
from pkgutil import iter_modules

import jax
import numpy as np
import pytest
from speciation.numerics import clone_curve, entropy_at, guided_curve, monte_carlo
from speciation.numerics._support.jax_settings import own_settings
from speciation.numerics.curves import clones, guided
from speciation.numerics.monte_carlo import (
    many_classes,
    quasi_random,
    shared_covariance,
    strides,
    unequal_covariance,
)
from speciation.numerics.monte_carlo.kernel import Kernel
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
RUNS = {
    "guided runs": (guided, lambda: guided_curve(EACH, SIGMA, 2.0, method="sde", steps=4, samples=8)),
    "clones": (clones, lambda: clone_curve(EACH, SIGMA, method="sde", steps=4, samples=8)),
}
PLATFORMS = ("cpu", "cuda", "tpu")


class _CaughtError(Exception):
    """What was to be estimated."""


def caught(module, call):
    """The function of runs that a curve would have drawn, and its parameters."""

    def catch(function, parameters, *rest, **more):
        raise _CaughtError(function, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "estimate", catch)
        with pytest.raises(_CaughtError) as found:
            call()
    return found.value.args


def exported(function, *arguments):
    found = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)
    assert found.platforms == PLATFORMS
    return found


@pytest.mark.one_of_each
@pytest.mark.parametrize("kernel", [*KERNELS, *RUNS])
def test_kernels_lower_for_every_platform(kernel):
    """As an accelerator runs them, whole strides at once, and one after another as a processor does."""
    function, build = KERNELS[kernel] if kernel in KERNELS else caught(*RUNS[kernel])
    parameters = in_precision(build() if kernel in KERNELS else build, "float32")
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


def test_no_kernel_is_left_out():
    """Every `Kernel` of the room, and every function that a module of curves gives to `estimate`."""
    rooms = [
        importlib.import_module(f"{monte_carlo.__name__}.{m.name}")
        for m in iter_modules(monte_carlo.__path__)
    ]
    kernels = [each for room in rooms for each in vars(room).values() if isinstance(each, Kernel)]
    assert len(kernels) >= 6
    assert {kernel.draw for kernel in kernels} == {function for function, _ in KERNELS.values()}
    folder = Path(clones.__file__).parent
    given = {
        m for path in folder.glob("*.py") for m in re.findall(r"\bestimate\(\s*(_\w+)", path.read_text())
    }
    assert given == {"_guided_runs", "_reverse_runs"}


@pytest.mark.slow
def test_quasi_random_points_lower_for_every_platform():
    parameters = in_precision(KERNELS["reduced"][1](), "float32")
    rank = parameters.levels.roots.shape[-1]
    with own_settings(double=False):
        exported(
            quasi_random._mean, np.zeros((2, 8, rank), np.float32), np.zeros((2, 8), np.uint32), parameters
        )


@pytest.mark.parametrize("mixture", [SHARED, EACH], ids=["shared", "each"])
def test_gradients_lower_for_every_platform(mixture):
    exported(jax.grad(lambda m, s: entropy_at(m, s, 0, 8)), jax.tree.map(jax.numpy.asarray, mixture), 1.0)


def test_what_no_accelerator_knows_is_seen():
    """A callback into Python, the mutant, is refused by `jax.export`."""
    with pytest.raises(NotImplementedError, match="lowering"):
        exported(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((), np.float32), x), np.float32(1))
