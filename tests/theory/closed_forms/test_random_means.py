"""Random means (T25): given values, the limit of the bounds, and codes that are drawn."""

import csv

import numpy as np
import pytest
from scipy import special, stats
from speciation.theory import (
    collapse_time,
    orthogonal_entropy,
    random_means_bounds,
    random_means_delay,
    random_means_entropy,
    random_means_threshold,
)

THRESHOLD = float(stats.norm.isf(5e-8))  # eight comparisons: false alarms below 1e-6


def test_given_values(reference):
    with (reference / "values" / "random_means.csv").open() as stream:
        rows = [[float(value) for value in row] for row in list(csv.reader(stream))[1:]]
    for alpha, ratio, delay in rows:
        assert random_means_threshold(alpha) / (2 * alpha) == pytest.approx(ratio, rel=1e-14)
        assert random_means_delay(alpha) == pytest.approx(delay, rel=1e-14)
    assert rows


def test_delay_is_half_the_logarithm_of_the_ratio():
    alpha = np.array([0.05, 0.0999, 0.1001, 1.0, 30.0, 300.0])
    assert random_means_delay(alpha) == pytest.approx(
        0.5 * np.log(random_means_threshold(alpha) / (2 * alpha)), rel=1e-14
    )
    assert random_means_delay(1e-9) == pytest.approx(5e-10, rel=1e-9)
    assert np.isfinite(random_means_delay(1e6))


@pytest.mark.parametrize(("classes", "dimension"), [(30, 2), (200, 6), (1000, 12), (40, 30)])
def test_drawn_codes_lie_between(classes, dimension):
    """The entropy of one noisy codeword each of many codes: log-likelihoods of all K by hand."""
    g, draws = 0.8 * float(random_means_threshold(np.log(classes) / dimension)) * dimension, 4000
    rng, found = np.random.default_rng(classes), []
    for _ in range(draws):
        means = np.sqrt(g / dimension) * rng.standard_normal((classes, dimension))
        x = means[0] + rng.standard_normal(dimension)
        likelihoods = -0.5 * ((x - means) ** 2).sum(axis=1)
        found.append(special.logsumexp(likelihoods) - likelihoods[0])
    lower, upper = random_means_bounds(g, classes, dimension)
    mean, error = np.mean(found), np.std(found) / np.sqrt(draws)
    assert lower - THRESHOLD * error < mean < upper + THRESHOLD * error
    # and both are near enough to be of use: they leave less than the whole to be learnt
    assert upper - lower < 0.5 * np.log(classes)


def test_bounds_close_on_the_limit():
    gaps = []
    for dimension, classes in ((20.0, np.exp(6.0)), (80.0, np.exp(24.0)), (180.0, np.exp(54.0))):
        ratio = np.array([0.3, 0.7, 0.95, 1.3])
        g = ratio * random_means_threshold(0.3) * dimension
        lower, upper = random_means_bounds(g, classes, dimension)
        assert lower == pytest.approx(random_means_entropy(g, classes, dimension))
        gaps.append((upper - lower) / np.log(classes))
    assert (np.diff(gaps, axis=0) < 0).all()
    assert gaps[-1].max() < 0.07
    assert random_means_entropy(100 * g, classes, dimension) == pytest.approx(0)


def test_few_classes_are_orthogonal():
    """In many dimensions K random means are orthogonal, and their threshold 2 log K."""
    assert random_means_threshold(1e-6) / 2e-6 == pytest.approx(1, abs=2e-6)
    lower, upper = random_means_bounds(4.0, 8, 1e7)
    assert lower <= orthogonal_entropy(4.0, 8) <= upper


def test_samples_of_a_class_are_random_means():
    """T18's collapse is T25's threshold exactly: n samples in d dimensions, `s²/σ² = e^{2α} − 1`."""
    for samples, dimension in ((1e3, 4), (2e4, 50)):
        alpha = np.log(samples) / dimension
        time = 0.5 * np.log1p(1 / random_means_threshold(alpha))
        assert collapse_time(samples, dimension) == pytest.approx(time, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (random_means_threshold, (0.0,), "alpha: every value must be above 0"),
        (random_means_delay, (np.inf,), "alpha"),
        (random_means_entropy, (-1.0, 4, 3), "g: every value must be at least 0"),
        (random_means_bounds, (1.0, 1, 3), "classes: every value must lie between 2 and 1e"),
        (random_means_entropy, (1.0, 4, 0.5), "dimension: every value must be at least 1"),
    ],
)
def test_refuses(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
