"""The naive Monte Carlo against SciPy's densities, and the digit pairs."""

import numpy as np
import pytest
from scipy import special, stats
from scipy.linalg import sqrtm
from speciation.theory import GaussianMixture
from speciation.validation.models.digit_pairs import all_pairs, easy_and_hard
from speciation.validation.verification.independent.monte_carlo import agreement_draws, posteriors


def test_posteriors_are_those_of_scipy():
    rng = np.random.default_rng(0)
    means, weights = rng.standard_normal((3, 4)), np.array([0.2, 0.3, 0.5])
    factors = rng.standard_normal((3, 4, 4))
    covariances = factors @ factors.transpose(0, 2, 1)
    mixture = GaussianMixture(weights, means, covariances)
    seen = []
    signal, noise = 0.6, 0.8
    draws = posteriors(mixture, signal, noise, 500, np.random.default_rng(1))
    # the same stream, replayed with SciPy
    replay = np.random.default_rng(1)
    classes = replay.choice(3, size=500, p=weights)
    clean = replay.standard_normal((500, 4))
    for k in range(3):
        clean[classes == k] = means[k] + clean[classes == k] @ np.real(sqrtm(covariances[k])).T
    x = signal * clean + noise * replay.standard_normal((500, 4))
    for k in range(3):
        matrix = signal**2 * covariances[k] + noise**2 * np.eye(4)
        seen.append(np.log(weights[k]) + stats.multivariate_normal(signal * means[k], matrix).logpdf(x))
    np.testing.assert_allclose(draws.posterior, special.softmax(np.array(seen).T, axis=1), atol=1e-12)
    np.testing.assert_array_equal(draws.classes, classes)


def test_posterior_is_calibrated():
    """Among draws, class k occurs as often as its posterior says: the draws belong to the densities."""
    mixture = GaussianMixture.parse("orthogonal:K=3,d=6,M=2,s=1")
    draws = posteriors(mixture, 1.0, 1.0, 200_000, np.random.default_rng(2))
    for k in range(3):
        surprise = (draws.classes == k) - draws.posterior[:, k]
        assert abs(surprise.mean()) < 5 * surprise.std() / np.sqrt(surprise.size)
    clones = agreement_draws(draws, np.random.default_rng(3))
    difference = clones - draws.agreement
    assert abs(difference.mean()) < 5 * difference.std() / np.sqrt(difference.size)


def test_blocks_change_nothing_but_the_stream(monkeypatch):
    from speciation.validation.verification.independent import monte_carlo

    mixture = GaussianMixture.parse("binary:d=8,mu=0.4,s=1")
    monkeypatch.setattr(monte_carlo, "BLOCK_ENTRIES", 8 * 1000)
    blocked = posteriors(mixture, 1.0, 1.0, 10_500, np.random.default_rng(0))
    assert blocked.posterior.shape == (10_500, 2)
    np.testing.assert_allclose(blocked.posterior.sum(axis=1), 1)


def test_singular_classes_can_be_drawn():
    mixture = GaussianMixture([0.5, 0.5], [[1.0, 0], [-1, 0]], 0.0)
    draws = posteriors(mixture, 1.0, 1e-3, 100, np.random.default_rng(0))
    np.testing.assert_allclose(draws.entropy, 0, atol=1e-12)


def test_easy_and_hard_pairs_are_the_extremes():
    pairs = all_pairs()
    assert len(pairs) == 45
    chosen = easy_and_hard()
    places = [pair.sigma_half for pair in pairs]
    assert chosen["easy"].sigma_half == max(places)
    assert chosen["hard"].sigma_half == min(places)
    assert chosen["easy"].sigma_half > 1.5 * chosen["hard"].sigma_half
    assert chosen["hard"].sigma_at(1e6) == 0.0
    pair = chosen["easy"]
    assert float(pair.mixture.gamma(pair.sigma_at(0.7))) == pytest.approx(0.7, rel=1e-12)
