"""The cloning experiment, run in truth and read off the posterior."""

import jax
import numpy as np
import pytest
from scipy import stats
from speciation.numerics import clone_curve, guided_curve
from speciation.numerics.monte_carlo.reverse import step_down
from speciation.theory import Full, GaussianMixture, Isotropic, LowRank

THRESHOLD = float(stats.norm.isf(5e-9))  # two-sided, at most 100 comparisons: false alarms below 1e-6


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param("binary:d=16,mu=1,s=1", marks=pytest.mark.slow),
        "binary:d=8,mu=1,s=0.5,w=0.3",
        pytest.param("digits:3,8", marks=pytest.mark.slow),
    ],
)
def test_reverse_runs_meet_the_closed_form(spec):
    mixture = GaussianMixture.parse(spec)
    sigmas = np.array([1.5, 3.0, 6.0])
    exact = clone_curve(mixture, sigmas)
    assert float(exact.agreement_se.max()) == 0
    runs = clone_curve(mixture, sigmas, method="sde", samples=6000, steps=150)
    scores = np.abs((runs.agreement - exact.agreement) / runs.agreement_se)
    assert float(scores.max()) < THRESHOLD
    # mutant: clones that agree 8 % more often than they should are rejected
    assert float(np.abs((runs.agreement - 1.08 * exact.agreement) / runs.agreement_se).max()) > THRESHOLD


FACTORS = np.random.default_rng(4).standard_normal((5, 2))


@pytest.mark.slow
@pytest.mark.parametrize("shared", [Full(FACTORS @ FACTORS.T + np.eye(5)), LowRank(0.5, FACTORS)])
def test_runs_of_classes_that_share_a_covariance_with_axes_or_factors(shared):
    """One covariance for both: cloning against T4, guidance against the γ clock (false alarms 1e-6)."""
    mixture = GaussianMixture([0.4, 0.6], [[1.0, 0, 2, 0, 1], [-1.0, 0, 0, 1, 0]], shared)
    sigmas = np.array([0.8, 2.0])
    exact = clone_curve(mixture, sigmas)
    runs = clone_curve(mixture, sigmas, method="sde", samples=4000, steps=100)
    assert float(np.abs((runs.agreement - exact.agreement) / runs.agreement_se).max()) < THRESHOLD
    exact = guided_curve(mixture, sigmas, 2.0)
    runs = guided_curve(mixture, sigmas, 2.0, method="sde", samples=4000, steps=200)
    error = 0.01 + THRESHOLD * runs.cross_entropy_se  # the first for the finite steps
    assert (np.abs(runs.cross_entropy - exact.cross_entropy) < error).all()
    # mutant: another weight of guidance
    other = guided_curve(mixture, sigmas, 1.0)
    assert (np.abs(runs.cross_entropy - other.cross_entropy) > error).any()


@pytest.mark.slow
def test_reverse_runs_of_classes_with_their_own_covariances():
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((4, 4))
    covariances = [Isotropic(0.5), Full(factor @ factor.T), Isotropic(2.0)]
    mixture = GaussianMixture([0.3, 0.3, 0.4], 3 * rng.standard_normal((3, 4)), covariances)
    sigmas = np.array([1.0, 4.0])
    posterior = clone_curve(mixture, sigmas, samples=100_000)
    runs = clone_curve(mixture, sigmas, method="sde", samples=6000, steps=200)
    error = np.hypot(runs.agreement_se, posterior.agreement_se)
    assert float((np.abs(runs.agreement - posterior.agreement) / error).max()) < THRESHOLD


@pytest.mark.slow
def test_classes_that_overlap_on_clean_data_are_drawn_from_the_posterior():
    """T4's φ, given to four digits; likeliest classes would agree in .93, .75 and .62 of cases."""
    mixture = GaussianMixture.parse("binary:d=1,mu=1,s=1")
    sigmas = [0.3, 1.0, 2.0]
    exact = clone_curve(mixture, sigmas)
    np.testing.assert_allclose(exact.agreement, [0.7617, 0.6751, 0.5845], atol=1e-4)
    runs = clone_curve(mixture, sigmas, method="sde", samples=40_000, steps=100)
    assert float(np.abs((runs.agreement - exact.agreement) / runs.agreement_se).max()) < THRESHOLD
    likeliest = np.array([0.93, 0.75, 0.62])
    assert float(((likeliest - runs.agreement) / runs.agreement_se).min()) > THRESHOLD


@pytest.mark.slow
def test_more_steps_remove_the_bias():
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=0")
    exact = float(clone_curve(mixture, [2.0]).agreement[0])
    coarse, fine = (
        float(clone_curve(mixture, [2.0], method="sde", samples=40_000, steps=n).agreement[0])
        for n in (2, 100)
    )
    assert abs(fine - exact) < 0.3 * abs(coarse - exact)


@pytest.mark.parametrize(
    "arguments", [{"method": "ode"}, {"method": "sde", "steps": 0}, {"method": "sde", "samples": 0}]
)
def test_refuses(arguments):
    with pytest.raises(ValueError, match=r"^(method|samples|steps)"):
        clone_curve(GaussianMixture.parse("binary:d=4,mu=1,s=1"), [1.0], **arguments)


def test_a_step_from_a_noisy_point_is_the_point_less_noisy():
    """X = D + σz goes to D + lower z′ with Cov(X_lower, X) = lower²; z-scores of three moments."""
    point, sigma, lower, draws = 3.0, 2.0, 0.7, 200_000
    above = point + sigma * jax.random.normal(jax.random.key(0), (draws, 1))
    noise = jax.random.normal(jax.random.key(1), above.shape)
    below = np.asarray(step_down(above, point, sigma, lower, noise))[:, 0] - point
    above = np.asarray(above)[:, 0] - point

    def scores(variance):
        moments = np.stack([below, below**2 - variance, below * above - variance])
        return np.abs(moments.mean(axis=1) / (moments.std(axis=1) / np.sqrt(draws)))

    assert scores(lower**2).max() < 5.5  # false alarms below 2e-7
    assert scores(1.05 * lower**2)[1:].min() > 5.5  # mutant: five per cent more noise
