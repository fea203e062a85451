"""Finite data: B24's collapse time, the published excess entropy, and the boundary with speciation."""

import csv

import numpy as np
import pytest
from speciation.theory import binary_entropy
from speciation.theory.closed_forms.collapse import (
    collapse_time,
    collapse_time_expression,
    critical_samples,
    sample_entropy_bounds,
    sample_information,
)


def published(reference):
    with (reference / "collapse_gaussian_mixture.csv").open() as stream:
        for row in csv.DictReader(stream):
            yield tuple(float(row[name]) for name in row)


def excess(reference, class_share=1.0):
    """z-scores of the published excess entropy outside the bounds, and where the bounds are close."""
    log_n, outside, sharp = np.log(20_000), [], []
    for time, d, value, error in published(reference):
        sigma = np.sqrt(np.expm1(2 * time))
        lower, upper = sample_entropy_bounds(sigma, 20_000, d, 1.0, class_share * d)
        outside.append(max(lower / log_n - value, value - upper / log_n) / error)
        if upper - lower < 0.01 * log_n:
            sharp.append((value - lower / log_n) / error)
    return np.array(outside), np.array(sharp)


def test_published_excess_entropy(reference):
    """60 points: inside the bounds, and equal to `1 − I/log n` where those are close."""
    outside, sharp = excess(reference)
    assert outside.max() < 4
    assert sharp.size > 45
    assert (sharp**2).mean() < 1.7
    assert np.abs(sharp).max() < 4


def test_published_excess_entropy_sees_the_class(reference):
    """Mutant: without the class's log 2 of information the published numbers are rejected."""
    outside, _ = excess(reference, class_share=0.0)
    assert outside.max() > 20


def test_time_is_the_expression():
    expression = collapse_time_expression()
    values = {"n": 5000.0, "d": 77.0, "s2": 1.7}
    numeric = float(expression.subs({symbol: values[symbol.name] for symbol in expression.free_symbols}))
    assert float(collapse_time(5000, 77, 1.7)) == pytest.approx(numeric, rel=1e-13, abs=0)


def test_time_with_classes_is_where_the_information_is_log_n():
    times = collapse_time([100, 1e6], [16, 4096], 0.5, separation2=50.0)
    for time, n, d in zip(times, (100, 1e6), (16, 4096), strict=True):
        sigma = np.sqrt(np.expm1(2 * time))
        assert float(sample_information(sigma, d, 0.5, 50.0)) == pytest.approx(np.log(n), rel=1e-9)
    assert (times > collapse_time([100, 1e6], [16, 4096], 0.5)).all()


def test_boundary_is_where_both_times_meet():
    for d in (4, 64, 10_000):
        log_n = float(critical_samples(d))
        speciation = 0.5 * np.log(d)  # γ = d/(1 + σ²) = 1
        assert float(collapse_time(np.exp(log_n), d)) == pytest.approx(speciation, rel=1e-9)
        assert float(collapse_time(np.exp(1.5 * log_n), d)) < speciation
    assert float(critical_samples(1)) == np.inf
    assert float(critical_samples(1e14)) == pytest.approx(0.5, rel=1e-10)


def test_bounds_in_one_dimension_hold_for_a_simulated_set():
    rng = np.random.default_rng(0)
    data = rng.standard_normal(40)
    entropies = []
    for _ in range(300):
        data = rng.standard_normal(40)
        x = data[rng.integers(40, size=50)] + 0.3 * rng.standard_normal(50)
        logits = -((x[:, None] - data) ** 2) / (2 * 0.09)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        entropies.append(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean())
    lower, upper = sample_entropy_bounds(0.3, 40, 1)
    error = np.std(entropies) / np.sqrt(300)
    assert lower - 5 * error < np.mean(entropies) < upper + 5 * error


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (collapse_time, (1, 10), "samples: every value must be above 1, not 1"),
        (collapse_time, ([10, 1], 10), r"samples: every value must be above 1, but samples\[1\] is 1"),
        (collapse_time, (10, 0.5), "dimension: every value must be at least 1, not 0.5"),
        (collapse_time, (10, 10, -1.0), "variance: must be above 0, not -1"),
        (sample_entropy_bounds, (1.0, 1, 10), "samples: must be at least 2, not 1"),
        (sample_entropy_bounds, ([1.0, 0.0], 9, 10), r"sigma: every value .* but sigma\[1\] is 0"),
    ],
)
def test_refuses(function, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(*arguments)


@pytest.mark.parametrize("dimension", [3, 40])
def test_upper_bound_is_the_mean_it_states(dimension):
    """`H₂ + E log(1 + (n/2 − 1) e^{−i})` by simulation of i; 5 standard errors: 6e-7 false alarms."""
    rng = np.random.default_rng(3)
    sigma, n, draws = 0.8, 50, 400_000
    share = 1 / (1 + sigma**2)
    products = np.sqrt(share) * rng.standard_normal((draws, 2 * dimension)).reshape(draws, 2, dimension).prod(
        1
    )
    information = dimension / 2 * np.log1p(1 / sigma**2) + products.sum(axis=1)
    values = np.log1p((n / 2 - 1) * np.exp(-information))
    upper = sample_entropy_bounds(sigma, n, dimension, 1.0, 2.0)[1] - binary_entropy(2.0 * share)
    assert abs(values.mean() - float(upper)) < 5 * values.std() / np.sqrt(draws)


def test_upper_bound_of_many_samples_in_many_dimensions():
    """Where the mean is 1e-22 it is that of rare draws: a lower bound of it by Markov's inequality, tilted.

    With u = ½ the weight `e^{u V}` turns the product law into one of correlated numbers, whose mean the bound
    has to exceed: `E log(1 + e^U) ≥ max_u (least of e^{−us} log(1 + e^s) over a range) P_u(range) E e^{uU}`.
    """
    d, n, sigma = 1e6, 1e9, 46.6
    share = 1 / (1 + sigma**2)
    offset = np.log(n / 2 - 1) - d / 2 * np.log1p(1 / sigma**2)
    best = 0.0
    for u in np.linspace(0.4, 0.9, 51):
        log_mgf = u * offset - d / 2 * np.log1p(-u * u * share)
        mean = offset + d * u * share / (1 - u * u * share)
        variance = d * share * (1 + u * u * share) / (1 - u * u * share) ** 2
        low, high = mean - 2 * np.sqrt(variance), mean + 2 * np.sqrt(variance)  # at least ¾, by Chebyshev
        s = np.linspace(low, high, 400)
        least = float(np.min(np.exp(-u * s) * np.log1p(np.exp(s))))
        best = max(best, 0.75 * np.exp(log_mgf) * least)
    upper = float(sample_entropy_bounds(sigma, n, d, 1.0, d)[1])
    assert best > 1e-30
    assert upper > best
