"""Curves of fits with the errors of their samples: they cover the truth, and shrink as 1/√n."""

import numpy as np
import pytest
from speciation.numerics import Fitted, entropy_curve, fitted
from speciation.numerics.curves.fitted import of_samples
from speciation.theory import GaussianMixture, window_sigmas
from speciation.theory.mixtures.labelled_samples import samples_of


def drawn(mixture: GaussianMixture, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    each = [mixture.sample(n, 100 * seed + k, label)[0] for k, label in enumerate(mixture.labels)]
    return np.concatenate(each), np.repeat(mixture.labels, n)


def z_of(curve, exact, name: str) -> float:
    low, value, high = (float(curve[name + end]) for end in ("_low", "", "_high"))
    return float(np.log(value / float(exact[name])) / (np.log(high / low) / 3.92))


@pytest.mark.parametrize("spec", ["digits:3,8", "binary:d=8,mu=0.7,s=1", "digits:0,1"])
def test_predictions_from_samples_cover_the_truth(spec):
    """Peak, median and γ within 5.5 standard errors in 4 repetitions: 48 comparisons a spec.

    The 5.5 hold 4e-8 of a normal law each, so 6e-6 of all; the interval of a peak of smoothed levels is
    wider than that, and the errors of 100 resamples are known to 7 %.
    """
    mixture = GaussianMixture.parse(spec)
    exact = entropy_curve(mixture, window_sigmas(mixture, 200))
    for seed in range(4):
        found = fitted(*drawn(mixture, 150, seed), key=seed)
        curve = found.curve()
        for name in ("peak_per_log_sigma", "peak_per_ou_time", "median_sigma"):
            assert abs(z_of(curve, exact, name)) < 5.5, name
        gamma = mixture.gamma(curve.sigma.values)
        near = (gamma > 0.3) & (gamma < 5)
        z = (curve.gamma.values - gamma) / curve.gamma_se.values
        assert np.abs(z[near]).max() < 5.5


def test_the_bias_of_few_samples_is_taken_off():
    """64 fits of 20 samples a class: γ is too large by d s²/(s²+σ²)/2n = .16, and without it right.

    Within 5.5 standard errors of the mean, twice (8e-8).
    """
    mixture, sigma, n = GaussianMixture.parse("binary:d=16,mu=0.4,s=1"), np.array([2.0]), 20
    exact, bias = float(mixture.gamma(2.0)), 16 / 5 / (2 * n)
    plain, corrected = [], []
    for seed in range(64):
        found = fitted(*drawn(mixture, n, seed), shrinkage=1, resamples=40, key=seed)
        plain.append(float(found.mixture.gamma(2.0)) - exact)
        corrected.append(float(found.curve(sigma).gamma[0]) - exact)
    assert abs(np.mean(plain) - bias) < 5.5 * np.std(plain) / 8
    assert abs(np.mean(corrected)) < 5.5 * np.std(corrected) / 8
    assert np.mean(plain) > 5.5 * np.std(plain) / 8


def test_errors_shrink_as_the_root_of_the_samples():
    mixture = GaussianMixture.parse("binary:d=8,mu=0.7,s=1")
    errors = [float(fitted(*drawn(mixture, n, 1)).curve([1.5]).gamma_se[0]) for n in (50, 800)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.5)


def test_the_error_of_gamma_is_that_of_means_and_covariance():
    """Shared s²I of known form: var γ = γ(1/n₁ + 1/n₂)·s²/(s²+σ²) and 2γ²(s²/(s²+σ²))²/n, to 25 %."""
    mixture, n, sigma = GaussianMixture.parse("binary:d=3,mu=1,s=1"), 400, 1.2
    curve = fitted(*drawn(mixture, n, 2), shrinkage=None).curve([sigma])
    gamma, share = float(mixture.gamma(sigma)), 1 / (1 + sigma**2)
    expected = np.sqrt(gamma * share * 2 / n + 2 * (gamma * share) ** 2 / (2 * n))
    assert float(curve.gamma_se[0]) == pytest.approx(expected, rel=0.25)


def test_a_held_covariance_leaves_its_error_out_and_gives_the_same_curve():
    mixture = GaussianMixture.parse("digits:3,8")
    X, y = drawn(mixture, 150, 3)
    samples = samples_of(X, y)
    held, free = of_samples(samples, rank=20), of_samples(samples)
    assert held.held
    assert not free.held
    sigma = np.geomspace(0.7, 4, 12)
    first, second = held.curve(sigma), free.curve(sigma)
    assert first.attrs["resampled"] == "means"
    plain = entropy_curve(held.mixture, sigma)
    assert np.abs(first.entropy.values - plain.entropy.values).max() < 5 * float(first.entropy_se.max())
    assert (first.gamma_se.values < 1.3 * second.gamma_se.values).all()


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["shared", "each"])
def test_many_classes_and_unequal_covariances_have_errors_too(covariance):
    """Three classes: entropies within 5.5 standard errors of the truth at 12 levels (5e-7)."""
    mixture = GaussianMixture.parse("orthogonal:K=3,d=3,M=6,s=1")
    sigma = np.geomspace(0.5, 6, 12)
    found = fitted(*drawn(mixture, 200, 4), covariance=covariance)
    curve = found.curve(sigma)
    z = (curve.entropy.values - entropy_curve(mixture, sigma).entropy.values) / curve.entropy_se.values
    assert np.abs(z).max() < 5.5
    pair = found.among(["0", "2"])
    assert isinstance(pair, Fitted)
    assert pair.mixture.labels == ("0", "2")
    assert len(pair.replicas) == len(found.replicas)


def test_resamples_are_of_the_seed_and_at_least_two():
    X, y = drawn(GaussianMixture.parse("binary:d=3,mu=1,s=1"), 30, 5)
    sigma = np.geomspace(0.5, 6, 6)
    first, again, other = (fitted(X, y, key=key, resamples=10).curve(sigma) for key in (1, 1, 2))
    assert first.identical(again)
    assert not first.equals(other)
    with pytest.raises(ValueError, match=r"^resamples: need at least"):
        fitted(X, y, resamples=1)
