"""Any two Gaussian classes for JAX: values of `theory`, T2, differences, every transformation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from speciation.numerics import channel
from speciation.numerics.channel import gaussian_pair as pair
from speciation.theory import Diagonal, GaussianMixture, TwoGaussians, binary_entropy, gaussian_pair

FUNCTIONS = ("gaussian_pair_entropy", "gaussian_pair_disagreement")
RNG = np.random.default_rng(3)
FIRST, SECOND = RNG.uniform(0.3, 3, (2, 4))
GAPS2 = np.array([4.0, 0.0, 1.0, 0.3])


@pytest.fixture(params=[np.float64, np.float32], ids=["double", "single"])
def dtype(request):
    with jax.enable_x64(request.param == np.float64):
        yield request.param


def along(sigma, dtype=np.float64):
    """Entropy of two diagonal classes at σ."""
    noise = sigma * sigma
    first, second, gaps2 = (jnp.asarray(each, dtype) for each in (FIRST, SECOND, GAPS2))
    ratios = jnp.log((first + noise) / (second + noise))
    return channel.gaussian_pair_entropy(ratios, gaps2 / (second + noise), prior=dtype(0.3))


def drawn(count):
    """Ratios, differences, multiplicities and priors from hardly apart to the deepest tail.

    Differences grow with ρ, as both classes are wide where it is large: a straight line aliases there.
    """
    for seed in range(count):
        rng = np.random.default_rng(seed)
        n = int(rng.choice([1, 3, 30]))
        ratios = rng.standard_normal(n) * 10 ** rng.uniform(-4, 1.5) / np.sqrt(n)
        squares = rng.standard_normal(n) ** 2 * 10 ** rng.uniform(-6, 3) / n
        prior, counts = rng.choice([0.5, 0.3, 1e-8]), rng.choice([1.0, 1e3], n)
        yield ratios, squares * np.exp(np.maximum(ratios, 0)), counts, prior
    yield np.array([13.0]), np.array([1.18e8]), np.ones(1), 0.5
    yield np.array([16.0]), np.array([8.5e9]), np.ones(1), 0.5


@pytest.mark.slow
def test_values_are_those_of_theory_down_to_the_least():
    with jax.enable_x64(True):
        for case in drawn(60):
            exact = TwoGaussians(*case)
            for name, value in zip(FUNCTIONS, (exact.entropy, exact.disagreement), strict=True):
                found = float(getattr(channel, name)(*case))
                assert found == pytest.approx(value, rel=5e-12, abs=1e-300), (name, case)


@pytest.mark.slow
def test_values_in_either_precision(dtype):
    """1 % more in the squares, the mutant, is seen."""
    ratios, squares = np.array([0.4, -1.2, 0.0], dtype), np.array([1.0, 3.0, 0.2], dtype)
    exact = TwoGaussians(ratios.astype(float), squares.astype(float), prior=0.25).entropy
    found, more = (
        channel.gaussian_pair_entropy(ratios, x * squares, prior=dtype(0.25)) for x in map(dtype, (1, 1.01))
    )
    assert found.dtype == dtype
    assert float(found) == pytest.approx(exact, rel=1e-12 if dtype == np.float64 else 1e-6)
    assert float(more) != pytest.approx(exact, rel=1e-3)


def test_what_is_left_out_has_the_precision_of_what_is_given(dtype):
    """Nothing is computed: 64-bit types are on where the numbers are single ones too."""
    given = np.ones((2, 1), dtype)
    with jax.enable_x64(True):
        found = jax.eval_shape(lambda: channel.gaussian_pair_entropy(given, given))
    assert (found.shape, found.dtype) == ((2,), dtype)


@pytest.mark.slow
def test_many_values_are_taken_block_by_block(monkeypatch):
    """Of rows and of maps over maps, to the last one, which fills no block."""
    ratios, squares = RNG.standard_normal((7, 3, 1)), RNG.random(1)

    def values():
        pair._blocks.clear_cache()
        mapped = jax.vmap(jax.vmap(channel.gaussian_pair_entropy, (0, None)), (0, None))
        return mapped(ratios, squares)

    with jax.enable_x64(True):
        at_once = values()
        monkeypatch.setattr(pair, "_AT_ONCE", 640 * 4)  # four rows
        np.testing.assert_allclose(values(), at_once, rtol=1e-13)
    pair._blocks.clear_cache()


@pytest.mark.slow
def test_a_shared_covariance_is_the_binary_channel(dtype):
    gamma = np.array([0.0, 1e-8, 1.0, 50.0, 1000.0])
    shared = channel.gaussian_pair_entropy(np.zeros((5, 1), dtype), 4 * gamma[:, None].astype(dtype))
    known = binary_entropy(gamma)
    normal = known > 2 * np.finfo(dtype).tiny
    rel = 1e-12 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(np.asarray(shared, float)[normal], known[normal], rtol=rel)


@pytest.mark.slow
def test_derivatives_are_those_of_theory_and_of_differences(dtype):
    pair = GaussianMixture([0.3, 0.7], [np.sqrt(GAPS2), np.zeros(4)], [Diagonal(FIRST), Diagonal(SECOND)])
    rel, sigma = (1e-11 if dtype == np.float64 else 1e-5), 0.8
    with jax.debug_nans(True), jax.numpy_rank_promotion("raise"):
        found = jax.grad(lambda s: along(s, dtype))(dtype(sigma))
        twice = jax.jit(jax.grad(jax.grad(lambda s: along(s, dtype))))(dtype(sigma))
        mapped = jax.vmap(jax.grad(lambda s: along(s, dtype)))(jnp.array([0.8, 2.0], dtype))
    exact = [2 * s * gaussian_pair(pair, s).entropy_slope for s in (sigma, 0.8 + 1e-4, 0.8 - 1e-4)]
    assert float(found) == pytest.approx(exact[0], rel=rel)
    assert float(mapped[0]) == pytest.approx(exact[0], rel=rel)
    assert float(twice) == pytest.approx((exact[1] - exact[2]) / 2e-4, rel=1e-5)


@pytest.mark.slow
def test_every_argument_has_the_derivative_of_differences():
    arguments = [np.array([0.4, -1.2, 0.0]), np.array([1.0, 3.0, 0.2]), np.array([1.0, 5.0, 2.5]), 0.25]
    with jax.enable_x64(True):
        gradients = jax.grad(channel.gaussian_pair_disagreement, (0, 1, 2, 3))(*arguments)
    for argument, gradient in enumerate(gradients):
        for place in range(np.size(arguments[argument])):
            ends = []
            for sign in (1, -1):
                moved = [np.array(each, float) for each in arguments]
                moved[argument].flat[place] += sign * 1e-5
                ends.append(TwoGaussians(*moved[:3], float(moved[3])).disagreement)
            expected = (ends[0] - ends[1]) / 2e-5
            assert np.ravel(gradient)[place] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(1.0, 1.0), "log_ratios: need one for each direction, shape (..., n)"),
        (lambda f: f([], []), "log_ratios: need at least one direction"),
        (
            lambda f: f([601.0], [1.0]),
            "log_ratios: every value must lie between -600 and 600, but log_ratios[0] is 601",
        ),
        (
            lambda f: f([1.0], [-1.0]),
            "differences2: every value must be a finite number >= 0, but differences2[0] is -1",
        ),
        (
            lambda f: f([1.0], [1.0], prior=[0.5, 1.0]),
            "prior: every value must lie strictly between 0 and 1, but prior[1] is 1",
        ),
        (lambda f: f([1.0], [1.0], prior=2), "prior: every value must lie strictly between 0 and 1, not 2"),
        (
            lambda f: f([1.0], [1.0], [np.nan]),
            "counts: every value must be a finite number >= 0, but counts[0] is nan",
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 (its words are compared)
        call(channel.gaussian_pair_entropy)
    assert str(refusal.value) == message


@pytest.mark.slow
def test_what_is_traced_and_out_of_range_is_no_number():
    assert np.isnan(jax.jit(channel.gaussian_pair_entropy)(jnp.ones(2), -jnp.ones(2)))
    assert np.isnan(jax.jit(jax.grad(channel.gaussian_pair_entropy))(jnp.ones(2), -jnp.ones(2))).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_lowers_for_accelerators(name):
    sloped = jax.jit(jax.value_and_grad(getattr(channel, name)))
    shape = jax.ShapeDtypeStruct((3,), np.float32)
    platforms = ("cpu", "cuda", "tpu")
    assert jax.export.export(sloped, platforms=platforms)(shape, shape).platforms == platforms
