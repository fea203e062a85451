"""Importance sampling and control variates: exact weights, known means, and worth having."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from speciation.numerics import entropy_curve
from speciation.numerics.monte_carlo import controls, importance, shared_covariance
from speciation.theory import GaussianMixture, window_sigmas
from speciation.validation.verification.independent import monte_carlo


def whitened(seed: int, classes: int = 4, dimension: int = 3):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(classes))
    return 2 * rng.standard_normal((classes, dimension)), weights, rng


@pytest.mark.parametrize("seed", range(4))
def test_weight_is_the_ratio_of_densities(seed):
    """p/q from the posterior alone against both densities written out."""
    a, w, rng = whitened(seed)
    proposal = importance.proposal((a @ a.T)[None], w)
    cuts = np.concatenate([[0], proposal.thresholds[0] / 2.0**32, [1]])
    centres = a[proposal.components].mean(axis=1)
    x = 2 * rng.standard_normal((50, a.shape[1]))
    p = stats.multivariate_normal(np.zeros(a.shape[1])).pdf(x[:, None] - a) @ w
    q = stats.multivariate_normal(np.zeros(a.shape[1])).pdf(x[:, None] - centres) @ np.diff(cuts)
    logits = np.log(w) - ((x[:, None] - a) ** 2).sum(-1) / 2
    found, _ = importance.weights(jnp.asarray(logits.T), proposal.overlap[0])
    np.testing.assert_allclose(found, p / q, rtol=2e-5)
    assert (np.asarray(found) <= 2 * (1 + 1e-6)).all()


def test_centres_come_with_their_probabilities():
    a, w, _ = whitened(7)
    gram = a @ a.T
    proposal = importance.proposal(gram[None], w)
    bits = (np.arange(0, 2**16) * 2**16).astype(np.uint32)
    arrays = (bits, gram, proposal.thresholds[0], proposal.components)
    drawn = np.asarray(importance.centres(*map(jnp.asarray, arrays)))
    cuts = np.concatenate([[0], proposal.thresholds[0] / 2.0**32, [1]])
    expected = np.diff(cuts) @ (a[proposal.components].mean(axis=1) @ a.T)
    np.testing.assert_allclose(drawn.mean(axis=1), expected, atol=1e-3)


GROUPS = np.array([[1.0, 1, 1, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["classes", "groups"])
def test_controls_have_the_means_that_are_claimed(groups):
    mixture = GaussianMixture.parse("hierarchy:d=4,A=9,B=4,s=1")
    levels = shared_covariance.reduced_parameters(mixture, np.array([0.3, 1.0, 4.0]), groups).levels
    rng = np.random.default_rng(0)
    gram, w = levels.gram, mixture.weights
    for level, matrix in enumerate(gram):
        classes = rng.choice(4, size=200_000, p=w)
        noise = rng.multivariate_normal(np.zeros(4), matrix, size=classes.size, method="eigh")
        h = noise + matrix[classes] - np.diag(matrix) / 2
        members = np.eye(4) if groups is None else groups
        sums = members * w
        values = ((h @ sums.T) ** 2 / sums.sum(axis=1)).sum(axis=1) - (h @ w) ** 2
        error = values.std() / np.sqrt(values.size)
        z = (values.mean() - levels.second_order[level]) / error
        assert abs(z) < stats.norm.isf(1e-7)  # six comparisons, two-sided: false alarms below 1.2e-6
        assert abs(z + 0.05 * values.mean() / error) > 6  # mutant: a mean 5 % high is rejected


def test_slopes_are_those_of_least_squares_until_the_rest_is_rare():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1, 4000))
    y = 3 * x[:1] - x[1:] + 0.1 * rng.standard_normal((1, 1, 4000))

    def left_of(rows):
        """What the slopes fitted to the rows, of one curve and two controls, leave of that curve."""
        return controls.controlled(rows[:, 0], controls.slopes_of(rows, 1)[0], np.zeros(2))

    slopes = controls.slopes_of(np.concatenate([y, x]), 1)
    np.testing.assert_allclose(slopes[0, 0], [3, -1], atol=0.01)
    np.testing.assert_allclose(left_of(np.concatenate([y, x])).std(), 0.1, rtol=0.05)
    rare = np.where(rng.random((1, 1, 4000)) < 0.001, 5.0, 0.0)
    left = left_of(np.concatenate([3 * x[:1] - x[1:] + rare, x]))
    centred = left - left.mean()
    # what was left in on purpose is normal here, and adds its own third moment
    assert (np.abs(centred) ** 3).mean() / centred.std() ** 3 < controls.THIRD_MOMENT + 1.6
    assert (np.abs(rare - rare.mean()) ** 3).mean() / rare.std() ** 3 > 5 * controls.THIRD_MOMENT
    constant = controls.slopes_of(np.concatenate([y, np.ones_like(x)]), 1)
    np.testing.assert_array_equal(constant, 0)


def plain_error(mixture, sigmas, samples):
    """Standard error of as many independent posterior entropies, drawn naively."""
    return np.array(
        [
            monte_carlo.entropy_draws(mixture, s, 40_000, np.random.default_rng(i)).std() / np.sqrt(samples)
            for i, s in enumerate(sigmas)
        ]
    )


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    ("points", "classes", "median", "least"),
    [
        ("random", 2, 30, 5),
        ("random", 8, 30, 10),
        ("sobol", 2, 1e4, 1e3),
        ("sobol", 4, 1e3, 30),
        ("sobol", 8, 100, 30),
    ],
)
def test_variance_falls(points, classes, median, least):
    """Against independent draws of the posterior entropy, at equal draws, over the whole window."""
    mixture = GaussianMixture.parse(f"orthogonal:K={classes},d=8,M=20,s=1")
    sigmas = window_sigmas(mixture, 7)
    found = entropy_curve(mixture, sigmas, method="reduced", samples=65_536, points=points)
    gain = (plain_error(mixture, sigmas, found.attrs["samples"]) / found.entropy_se.values) ** 2
    assert np.median(gain) > median, gain
    assert gain.min() > least, gain


@pytest.mark.slow
def test_tail_keeps_relative_precision():
    """Where a hundred-millionth of the entropy is left, plain draws would see nothing."""
    mixture = GaussianMixture.parse("binary:d=64,mu=1,s=1")
    sigmas = [0.3, 0.9]
    exact = entropy_curve(mixture, sigmas)
    assert float(exact.entropy[0]) < 1e-12
    for method in ("reduced", "ambient"):
        found = entropy_curve(mixture, sigmas, method=method, samples=40_000)
        for name in ("entropy", "rate"):
            error = found[f"{name}_se"] / exact[name]
            assert float(error.max()) < 0.02
            assert float(np.abs((found[name] / exact[name] - 1) / error).max()) < 6


def test_weights_of_far_and_coinciding_classes_are_finite():
    a = np.array([[0.0], [0.0], [1e3]])
    proposal = importance.proposal((a @ a.T)[None], np.full(3, 1 / 3))
    assert proposal.overlap[0] == pytest.approx(2 / 3)
    logits = np.array([0.0, 0.0, -5e5])[:, None]
    weights, scaled = importance.weights(jnp.asarray(logits), proposal.overlap[0])
    assert np.isfinite(weights).all()
    assert np.isfinite(scaled).all()
    assert float(logsumexp(logits)) == pytest.approx(np.log(2))
