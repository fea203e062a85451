"""The channel's functions for JAX: those of `theory`, in every transformation, with every derivative."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from speciation import theory
from speciation.numerics import channel
from speciation.theory.channel import multiprecision, series

NAMES = ("binary_entropy", "binary_mmse", "clone_agreement", "log_binary_entropy")
GAMMAS = np.concatenate([[0.0], np.geomspace(1e-12, 1390, 150)])
PRIORS = [0.5, 0.3, 0.999, 1e-6, 1e-12, 1e-30]
DISTANCES = np.array([0, 1e-6, 0.01, 0.12, 0.14, 1, 3, 8, 20, 60, 150, 700])


@pytest.fixture(params=[np.float64, np.float32], ids=["double", "single"])
def dtype(request):
    with jax.enable_x64(request.param == np.float64):
        yield request.param


def promised(dtype) -> float:
    return 1e-12 if dtype == np.float64 else 1e-6


def worst(found, expected, dtype) -> float:
    """Largest relative error where the value is a normal number of the precision."""
    assert found.dtype == dtype
    normal = np.abs(expected) > 2 * float(np.finfo(dtype).tiny)
    return float(np.abs(np.asarray(found, np.float64)[normal] / expected[normal] - 1).max())


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_theory(name, prior, dtype):
    """From γ = 0 to the deepest tail; a function ten times as far off, the mutant, fails."""
    gamma, prior = GAMMAS.astype(dtype), dtype(prior)
    expected = getattr(theory, name)(gamma.astype(float), float(prior))
    found = getattr(channel, name)(gamma, prior)
    assert worst(found, expected, dtype) < promised(dtype)
    assert worst(found * dtype(1 + 10 * promised(dtype)), expected, dtype) > promised(dtype)


@pytest.mark.one_of_each
@pytest.mark.parametrize("classes", [2, 3, 10, 1e3, 1e12, 1e24])
@pytest.mark.parametrize("name", ["orthogonal_entropy", "orthogonal_disagreement"])
def test_orthogonal_values_are_those_of_theory(name, classes, dtype):
    g, classes = DISTANCES.astype(dtype), dtype(classes)
    expected = getattr(theory, name)(g.astype(float), min(float(classes), 1e24))
    assert worst(getattr(channel, name)(g, classes), expected, dtype) < promised(dtype)


def derivatives(function, order, at):
    for _ in range(order):
        function = jax.grad(function)
    return np.asarray(jax.jit(jax.vmap(function))(at))


@pytest.mark.one_of_each
@pytest.mark.parametrize("order", range(1, 7))
def test_derivatives_of_every_order_keep_relative_precision(order):
    """T9's relation in thirty digits: `dM_n/dγ = ½(n² − 1) M_n − ½n(n + 1) M_{n+2}`, from M_1 the mmse."""
    combination = {1: 1}
    for _ in range(order):
        combination = series.moment_derivative(combination)
    gammas = np.array([1e-3, 0.7, 30.0, 900.0])
    with mpmath.workdps(40):
        exact = [
            sum(mpmath.mpf(c.p) / c.q * multiprecision.moment(n, g, 0.5) for n, c in combination.items())
            for g in gammas
        ]
    exact = np.array([float(value) for value in exact])
    with jax.enable_x64(True):
        found = derivatives(channel.binary_mmse, order, gammas)
        entropy = derivatives(channel.binary_entropy, order + 1, gammas)
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    np.testing.assert_allclose(entropy, -exact / 2, rtol=1e-12)


def test_derivatives_at_zero_are_the_coefficients_of_the_series():
    with jax.enable_x64(True):
        for order, coefficient in enumerate(series.small_gamma_coefficients(5)):
            expected = float(coefficient * math.factorial(order))
            assert derivatives(channel.binary_mmse, order, np.zeros(1))[0] == pytest.approx(
                expected, rel=1e-12
            )


@pytest.mark.slow
@pytest.mark.parametrize("prior", [0.3, 0.99, 1e-6])
def test_other_priors_have_derivatives_in_both_arguments(prior):
    """Against differences of thirty digits."""

    def exact(function, order):
        with mpmath.workdps(60):
            step = mpmath.mpf(10) ** -10

            def at(i, j):
                return function(mpmath.mpf(2) + i * step, mpmath.mpf(prior) * (1 + j * step), digits=50)

            if order == "gg":
                return float((at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / step**2)
            if order == "w":
                return float((at(0, 1) - at(0, -1)) / (2 * step * prior))
            mixed = at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)
            return float(mixed / (4 * step**2 * prior))

    with jax.enable_x64(True):
        for ours, theirs in (
            (channel.binary_entropy, multiprecision.entropy),
            (channel.binary_mmse, multiprecision.mmse),
        ):
            found = {
                "w": jax.grad(ours, 1)(2.0, prior),
                "gg": jax.grad(jax.grad(ours))(2.0, prior),
                "gw": jax.grad(jax.grad(ours), 1)(2.0, prior),
            }
            for order, value in found.items():
                assert float(value) == pytest.approx(exact(theirs, order), rel=1e-10), order
        logarithm = jax.jit(jax.grad(jax.grad(channel.log_binary_entropy)))(2.0, prior)
        h, slope, bend = (
            float(f(2.0, prior))
            for f in (
                channel.binary_entropy,
                jax.grad(channel.binary_entropy),
                jax.grad(jax.grad(channel.binary_entropy)),
            )
        )
        assert float(logarithm) == pytest.approx(bend / h - (slope / h) ** 2, rel=1e-9)


def test_logarithms_have_derivatives_where_the_entropy_underflows(dtype):
    """`H ~ √(2/πγ)·… e^{−γ/2}`: the slope of its logarithm is −½ − 1/2γ, and its bend 1/2γ²."""
    gamma = dtype(1e5)
    assert float(channel.binary_entropy(gamma)) == 0
    slope = jax.grad(channel.log_binary_entropy)(gamma)
    bend = jax.jit(jax.grad(jax.grad(channel.log_binary_entropy)))(gamma)
    assert float(slope) == pytest.approx(-0.5 - 1 / 2e5, rel=1e-7)
    assert float(bend) == pytest.approx(1 / 2e10, rel=1e-3)


@pytest.mark.slow
def test_orthogonal_derivatives_are_those_of_the_binary_channel_and_of_the_number_of_classes():
    def halved(g):
        return channel.binary_entropy(g / 2)

    g = np.array([0.0, 0.05, 0.5, 4.0, 60.0])
    with jax.enable_x64(True):
        for order in (1, 2, 3):
            found, expected = (derivatives(f, order, g) for f in (channel.orthogonal_entropy, halved))
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        by_classes = jax.jit(jax.vmap(jax.grad(channel.orthogonal_entropy, 1), (None, 0)))
        classes = np.array([3.0, 50.0, 1e9])
        step = 1e-5 * classes
        differences = (
            theory.orthogonal_entropy(5.0, classes + step) - theory.orthogonal_entropy(5.0, classes - step)
        ) / (2 * step)
        np.testing.assert_allclose(by_classes(5.0, classes), differences, rtol=1e-6)


FUNCTIONS = {name: getattr(channel, name) for name in (*NAMES, "orthogonal_entropy")}


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * n.startswith("orthogonal")) for n in FUNCTIONS]
)
def test_every_transformation_under_strict_settings(name, dtype):
    function, at = FUNCTIONS[name], np.linspace(0, 3, 6).reshape(2, 3).astype(dtype)
    other = dtype(0.4) if name in NAMES else dtype(5)
    with jax.debug_nans(True), jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        plain = function(at, other)
        twice = jax.grad(jax.grad(function))
        np.testing.assert_allclose(jax.jit(function)(at, other), plain, rtol=10 * promised(dtype))
        np.testing.assert_allclose(jax.vmap(function, (0, None))(at, other), plain, rtol=10 * promised(dtype))
        mapped = jax.jit(jax.vmap(jax.vmap(twice, (0, None)), (0, None)))(at, other)
        np.testing.assert_allclose(mapped[1, 1], twice(at[1, 1], other), rtol=1e-4)
        forward = jax.jvp(jax.grad(function), (at[0, 0], other), (dtype(1), dtype(0)))[1]
        np.testing.assert_allclose(forward, mapped[0, 0], rtol=1e-4)
    assert plain.shape == (2, 3)
    assert plain.dtype == dtype


def test_infinity_and_the_callers_precision():
    assert float(channel.binary_entropy(np.inf)) == 0
    assert float(channel.log_binary_entropy(np.inf, 0.3)) == -np.inf
    assert float(jax.grad(channel.log_binary_entropy)(np.inf)) == -0.5
    assert float(jax.grad(channel.binary_entropy)(np.inf, 0.3)) == 0
    assert channel.binary_entropy(1).dtype == np.float32
    assert channel.binary_entropy(jnp.ones(2, jnp.bfloat16)).dtype == jnp.bfloat16
    assert jnp.ones(1).dtype == np.float32  # double precision is not left on


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: channel.binary_entropy(-1.0), "gamma: every value must be a number >= 0"),
        (lambda: channel.binary_mmse(np.nan), "gamma: every value"),
        (lambda: channel.binary_mmse(1.0, 0.0), "prior: every value must lie strictly between 0 and 1"),
        (lambda: channel.clone_agreement("1"), "gamma: need real numbers, not"),
        (lambda: channel.orthogonal_entropy(np.inf), "g: every value must be a finite number"),
        (lambda: channel.orthogonal_entropy(1.0, 1), "classes: every value must lie between 2 and 1e"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_what_has_no_value_yet_is_not_a_number_out_of_range():
    assert np.isnan(jax.jit(channel.binary_entropy)(-1.0))
    assert np.isnan(jax.jit(channel.binary_entropy)(1.0, 1.5))
    assert np.isnan(jax.jit(channel.orthogonal_entropy)(1.0, 1.0))
    for function in (channel.binary_entropy, channel.log_binary_entropy):  # nor is its derivative 0
        assert np.isnan(jax.jit(jax.grad(function))(-1.0))
        assert np.isnan(jax.grad(function)(np.nan, 0.3))


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_accelerators(platform):
    for name, function in FUNCTIONS.items():
        shape = jax.ShapeDtypeStruct((3,), np.float32)
        sloped = jax.jit(jax.vmap(jax.value_and_grad(function)))
        assert jax.export.export(sloped, platforms=[platform])(shape).platforms == (platform,), name
