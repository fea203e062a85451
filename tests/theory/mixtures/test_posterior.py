"""Density, posterior, score, denoiser and draws of a mixture, in NumPy, JAX and torch, against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import special, stats
from sklearn import mixture as sklearn_mixture
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank, orthogonal_entropy, tree
from speciation.theory.mixtures import states
from speciation.theory.mixtures.posterior import posterior, posterior_by_products

RNG = np.random.default_rng(0)
MATRIX = np.cov(RNG.standard_normal((9, 5)).T)
FACTORS = RNG.standard_normal((5, 2))
WEIGHTS, MEANS = np.array([0.2, 0.5, 0.3]), RNG.standard_normal((3, 5))
COVARIANCES = {
    "isotropic": 0.7,
    "diagonal": Diagonal([1.0, 2.0, 3.0, 0.5, 0.1]),
    "full": Full(MATRIX),
    "low rank": LowRank([1.0, 2.0, 3.0, 0.5, 0.1], FACTORS),
    "one each": [Full(MATRIX), Isotropic(0.3), LowRank(0.2, FACTORS[:, :1])],
    "isotropic, one each": [0.1, 1.0, 2.0],
}
LIBRARIES = {"numpy": np.asarray, "torch": torch.asarray, "jax": jnp.asarray}
PRECISION = {"numpy": 1e-12, "torch": 1e-12, "jax": 2e-5}
X = 2 * RNG.standard_normal((7, 5))


def mixture_of(name: str) -> GaussianMixture:
    return GaussianMixture(WEIGHTS, MEANS, COVARIANCES[name], labels=["a", "b", "c"])


def expected(mixture: GaussianMixture, x: np.ndarray, sigma: float) -> dict[str, np.ndarray]:
    """The same from SciPy's densities and NumPy's solver."""
    noisy = [mixture.covariance_of(k).matrix_in(5) + sigma**2 * np.eye(5) for k in range(3)]
    joint = [
        np.log(WEIGHTS[k]) + np.atleast_1d(stats.multivariate_normal(MEANS[k], noisy[k]).logpdf(x))
        for k in range(3)
    ]
    shares = special.softmax(np.stack(joint, axis=1), axis=1)
    each = [x - sigma**2 * np.linalg.solve(noisy[k], (x - MEANS[k]).T).T for k in range(3)]
    mean = sum(shares[:, k, None] * each[k] for k in range(3))
    return {
        "posterior": shares,
        "log_density": special.logsumexp(joint, axis=0),
        "score": (mean - x) / sigma**2,
        "denoise": mean,
        "denoise b": each[1],
    }


def found(mixture: GaussianMixture, x, sigma) -> dict[str, object]:
    return {
        "posterior": mixture.posterior(x, sigma),
        "log_density": mixture.log_density(x, sigma),
        "score": mixture.score(x, sigma),
        "denoise": mixture.denoise(x, sigma),
        "denoise b": mixture.denoise(x, sigma, "b"),
    }


def furthest(values: dict[str, object], others: dict[str, np.ndarray]) -> float:
    return max(float(np.abs(np.asarray(values[name]) - other).max()) for name, other in others.items())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", COVARIANCES)
def test_values_are_those_of_scipy(name, library):
    mixture, convert = mixture_of(name), LIBRARIES[library]
    values = found(mixture, convert(X), 0.8)
    assert all(type(value) is type(convert(X)) for value in values.values())
    assert furthest(values, expected(mixture, X, 0.8)) < PRECISION[library]
    # mutant: another noise level
    assert furthest(values, expected(mixture, X, 0.8 * 1.02)) > 1e-3


@pytest.mark.parametrize("name", COVARIANCES)
def test_a_noise_level_for_each_state(name):
    mixture = mixture_of(name)
    sigmas = np.geomspace(0.3, 5, 7)
    values = found(mixture, torch.asarray(X), torch.asarray(sigmas))
    for i, sigma in enumerate(sigmas):
        one = {key: np.asarray(value)[i] for key, value in values.items()}
        assert furthest(one, {k: v[0] for k, v in expected(mixture, X[i : i + 1], sigma).items()}) < 1e-12


@pytest.mark.parametrize("shape", [(5,), (2, 3, 5), (0, 5)])
def test_shapes_lead(shape):
    mixture, x = mixture_of("full"), np.ones(shape)
    assert mixture.posterior(x, 1.0).shape == (*shape[:-1], 3)
    assert mixture.log_density(x, 1.0).shape == shape[:-1]
    assert mixture.denoise(x, np.ones(shape[:-1])).shape == shape
    assert mixture_of("low rank").denoise(x, np.ones(shape[:-1])).shape == shape


def test_blocks_do_not_show(monkeypatch):
    whole = {name: found(mixture_of(name), X, 0.8) for name in COVARIANCES}
    monkeypatch.setattr(states, "_ENTRIES", 20)
    for name, values in whole.items():
        np.testing.assert_allclose(
            np.asarray(found(mixture_of(name), X, 0.8)["score"]), values["score"], atol=1e-13
        )


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", COVARIANCES)
def test_the_score_is_the_gradient_in_torch_and_jax(name):
    mixture = mixture_of(name)
    x = torch.asarray(X).requires_grad_()
    mixture.log_density(x, 0.8).sum().backward()
    np.testing.assert_allclose(x.grad, mixture.score(X, 0.8), atol=1e-12)
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(lambda row: mixture.log_density(row, 0.8)))(jnp.asarray(X))
        np.testing.assert_allclose(slope, mixture.score(X, 0.8), atol=1e-12)
        across = jax.jit(jax.jacfwd(lambda sigma: mixture.log_density(jnp.asarray(X), sigma)))(0.8)
    high, low = (mixture.log_density(X, 0.8 + step) for step in (1e-5, -1e-5))
    np.testing.assert_allclose(across, (high - low) / 2e-5, rtol=1e-6, atol=1e-7)


def test_classes_far_away_keep_their_posterior():
    """Products of far means lose what squares of differences keep; such mixtures take the squares."""
    far = tree([1e10, 4.0], [2, 3], 1.0)
    x, drawn = far.sample(4000, 0)
    noisy = x + np.random.default_rng(1).standard_normal(x.shape)
    assert (far.posterior(noisy, 1.0).argmax(axis=1) // 3 == drawn // 3).all()
    entropies = special.entr(far.posterior(noisy, 1.0)).sum(axis=1)
    truth = orthogonal_entropy(2.0, 3)  # of three classes at half squared distance 4/(1 + 1)
    assert abs(entropies.mean() - truth) < 6 * entropies.std() / np.sqrt(4000)  # false alarms: 2e-9
    # mutant: products all the same
    own = states._like(noisy, np, far.stacked)
    products = posterior_by_products(np, own, noisy, 1.0).shares
    assert np.abs(products - posterior(np, own, noisy, 1.0).shares).max() > 1e-8


@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_draws_have_the_moments_of_their_class(name, library):
    """z-tests of three means and covariances each: false alarms below 1e-6 in all."""
    mixture, n = mixture_of(name), 20_000
    seeds = {"numpy": 7, "torch": torch.Generator().manual_seed(7), "jax": jax.random.key(7)}
    x, classes = mixture.sample(n, seeds[library])
    assert type(x) is type(LIBRARIES[library](X))
    x, classes = np.asarray(x, dtype=np.float64), np.asarray(classes)
    assert stats.chisquare(np.bincount(classes), n * WEIGHTS).pvalue > 1e-8
    for k in range(3):
        own, matrix = x[classes == k], mixture.covariance_of(k).matrix_in(5)
        z = (own.mean(axis=0) - MEANS[k]) / np.sqrt(np.diag(matrix) / len(own))
        assert np.abs(z).max() < 7
        spread = np.sqrt((matrix**2 + np.outer(np.diag(matrix), np.diag(matrix))) / len(own))
        assert (np.abs(np.cov(own.T) - matrix) / spread).max() < 7
    one, classes = mixture.sample(n, 8, "c")
    assert set(classes) == {2}
    assert (np.abs(one.mean(axis=0) - MEANS[2]) < 7 * one.std(axis=0) / np.sqrt(n)).all()


def test_draws_repeat_and_are_traced():
    mixture = mixture_of("one each")
    for a, b in zip(mixture.sample(5, 3), mixture.sample(5, 3), strict=True):
        np.testing.assert_array_equal(a, b)
    key = jax.random.key(3)
    traced = jax.jit(lambda key: mixture.sample(5, key))(key)
    np.testing.assert_allclose(traced[0], mixture.sample(5, key)[0], rtol=1e-6)


def test_whitening_and_colouring_undo_each_other():
    v = RNG.standard_normal((4, 5))
    for covariance in (Isotropic(0.7), *(COVARIANCES[k] for k in ("diagonal", "full", "low rank"))):
        np.testing.assert_allclose(covariance.colorize(covariance.whiten(v, 0.3), 0.3), v, rtol=1e-10)
        sign, log_det = np.linalg.slogdet(covariance.matrix_in(5) + 0.3 * np.eye(5))
        assert sign == 1
        assert covariance.log_det(5, 0.3) == pytest.approx(log_det, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.posterior(np.ones((2, 4)), 1.0), "x: the last axis must be the dimension 5"),
        (lambda m: m.posterior(np.ones((2, 5)), -1.0), "sigma: must be >= 0, not -1"),
        (lambda m: m.posterior(torch.ones(2, 5), torch.tensor(-1.0)), "sigma: must be >= 0, not -1"),
        (lambda m: m.posterior(np.ones((2, 5)), np.ones(3)), r"sigma: shape \(3,\) does not fit"),
        (lambda m: m.posterior(torch.ones((2, 5), dtype=torch.int64), 1.0), "x: need real floating-point"),
        (lambda m: m.denoise(np.ones((2, 5)), 1.0, "dog"), "label: 'dog' is not one of a, b, c"),
        (lambda m: m.sample(-1, 0), "n: need a whole number >= 0, not -1"),
        (
            lambda m: m.sample(3, "seed"),
            "seed: need a whole number, a NumPy or torch generator, or a JAX key",
        ),
        (lambda m: m.sample(3, -1), "seed: need a whole number from 0"),
        (lambda m: m.sample(3, 0, "dog"), "label: 'dog' is not one of"),
        (
            lambda m: GaussianMixture([0.5, 0.5], [[0.0], [1.0]], 0.0).score(np.ones((1, 1)), 0.0),
            "sigma: must be > 0 where a class has no width",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(mixture_of("isotropic"))


def test_slopes_in_sigma_with_factors_of_equal_length():
    """Singular values that coincide have vectors without a derivative; the density has one all the same."""
    factors = np.zeros((5, 3))
    factors[0, 0] = factors[1, 1] = 2.0
    mixture = GaussianMixture(WEIGHTS, MEANS, LowRank(0.3, factors))
    sigma = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    mixture.log_density(torch.asarray(X), sigma).sum().backward()
    high, low = (mixture.log_density(X, 0.8 + step).sum() for step in (1e-5, -1e-5))
    np.testing.assert_allclose(sigma.grad, (high - low) / 2e-5, rtol=1e-7)
    each = mixture.score(torch.asarray(X), torch.full((7,), 0.8, dtype=torch.float64))
    np.testing.assert_allclose(each, mixture.score(X, 0.8), atol=1e-11)


def test_short_factors_keep_their_precision():
    """Lengths 1 and 1e-8 at σ = 1e-9, where squares of them would be rounding."""
    lengths = np.array([1.0, 1e-8, 0.5])
    low_rank = GaussianMixture([0.5, 0.5], [[0.0] * 3, [1.0] * 3], LowRank(0.0, np.diag(lengths)))
    diagonal = GaussianMixture([0.5, 0.5], [[0.0] * 3, [1.0] * 3], Diagonal(lengths**2))
    x = np.array([[0.3, 2e-8, 0.1]])
    np.testing.assert_allclose(low_rank.log_density(x, 1e-9), diagonal.log_density(x, 1e-9), rtol=1e-7)
    single = low_rank.log_density(torch.asarray(x, dtype=torch.float32), 1e-3)
    np.testing.assert_allclose(single, diagonal.log_density(x, 1e-3), rtol=1e-5)


def test_many_classes_take_products_with_the_same_values():
    rng = np.random.default_rng(3)
    many = GaussianMixture(
        np.full(40, 1 / 40), rng.standard_normal((40, 64)), LowRank(0.5, rng.standard_normal((64, 2)))
    )
    x = rng.standard_normal((5, 64)) * 2
    own = states._like(x, np, many.stacked)
    slow = posterior(np, own, x, 1.3, states._mixed(x, np, many.stacked, 1.3))
    np.testing.assert_allclose(many.posterior(x, 1.3), slow.shares.T, atol=1e-13)
    np.testing.assert_allclose(many.score(x, 1.3), -slow.pull(slow.shares), atol=1e-12)
    np.testing.assert_allclose(many.log_density(x, 1.3), slow.log_density, rtol=1e-13)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_without_noise_it_is_scikit_learn_s(kind):
    """A mixture that scikit-learn fitted has its responsibilities and densities at σ = 0."""
    data = np.concatenate([RNG.standard_normal((60, 4)) @ np.diag([1, 2, 0.5, 1]) + 3 * k for k in range(3)])
    fitted = sklearn_mixture.GaussianMixture(3, covariance_type=kind, random_state=0).fit(data)
    own = GaussianMixture.from_sklearn(fitted)
    np.testing.assert_allclose(own.posterior(data, 0.0), fitted.predict_proba(data), atol=1e-10)
    np.testing.assert_allclose(own.log_density(data, 0.0), fitted.score_samples(data), rtol=1e-10)
    # mutant: a little noise
    assert np.abs(own.log_density(data, 0.2) - fitted.score_samples(data)).max() > 1e-3


def test_it_is_torch_s_mixture():
    """`torch.distributions.MixtureSameFamily` of the noised classes, with its score by autograd."""
    own = mixture_of("full")
    noisy = torch.asarray(MATRIX + 0.8**2 * np.eye(5))
    classes = torch.distributions.MultivariateNormal(torch.asarray(MEANS), noisy.expand(3, 5, 5))
    other = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.asarray(WEIGHTS)), classes
    )
    x = torch.asarray(X).requires_grad_()
    density = other.log_prob(x)
    density.sum().backward()
    np.testing.assert_allclose(own.log_density(X, 0.8), density.detach(), rtol=1e-11)
    np.testing.assert_allclose(own.score(X, 0.8), x.grad, atol=1e-11)
