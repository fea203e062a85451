"""Finite data: B24's collapse time, the published excess entropy, and the boundary with speciation."""

import csv

import numpy as np
import pytest
from speciation.theory.collapse import (
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
    ("function", "arguments"),
    [
        (collapse_time, (1, 10)),
        (collapse_time, (10, 0.5)),
        (collapse_time, (10, 10, -1.0)),
        (sample_entropy_bounds, (1.0, 1, 10)),
    ],
)
def test_refuses(function, arguments):
    with pytest.raises(ValueError, match="samples"):
        function(*arguments)
