"""When a posterior first reaches a level (T20): given values, the transform's derivatives, the law itself."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate
from speciation.theory import (
    first_passage_density,
    first_passage_gamma,
    first_passage_tail,
    first_passage_transform,
    first_passage_variance,
)

CASES = ((0.6, 0.5), (0.9, 0.5), (0.9, 0.3), (0.999, 0.7), (1 - 1e-9, 0.4), (0.95, 0.9499), (1 - 1e-12, 1e-9))


def transform(theta, p, prior):
    """`E e^{−θγ}` of Brownian motion between two ends, weighted by cosh."""
    root = mp.sqrt(1 + 2 * mp.mpf(theta))
    level = mp.log(mp.mpf(p) / (1 - mp.mpf(p))) / 2
    start = mp.log(mp.mpf(prior) / (1 - mp.mpf(prior))) / 2
    return mp.cosh(level) * mp.cosh(start * root) / (mp.cosh(level * root) * mp.cosh(start))


def tail(gamma, p, prior):
    """The sum over modes with as many of them, and digits, as it needs."""
    level = mp.log(mp.mpf(p) / (1 - mp.mpf(p))) / 2
    start = mp.log(mp.mpf(prior) / (1 - mp.mpf(prior))) / 2
    total = mp.mpf(0)
    for n in range(int(18 * level / mp.sqrt(gamma)) + 6):
        q = (2 * n + 1) * mp.pi / (2 * level)
        factor = mp.exp(-(1 + q * q) * mp.mpf(gamma) / 2) * 2 / (1 + q * q)
        total += (-1) ** n * q / level * mp.cos(q * start) * factor
    return total * mp.cosh(level) / mp.cosh(start)


def test_given_values(reference):
    with (reference / "values" / "first_passage.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        p, w = float(row["p"]), float(row["w"])
        assert first_passage_gamma(p, w) == pytest.approx(float(row["E_gamma"]), rel=1e-14)
        if row["Var_gamma"]:
            assert first_passage_variance(p, w) == pytest.approx(float(row["Var_gamma"]), rel=1e-13)
            for gamma in (0.5, 1.0, 2.0):
                found = float(row[f"P(T>{gamma:g})"])
                assert first_passage_tail(gamma, p, w) == pytest.approx(found, rel=1e-12)
    assert rows


@pytest.mark.parametrize(("p", "prior"), CASES)
def test_moments_are_derivatives_of_the_transform(p, prior):
    with mp.workdps(60):
        mean = -mp.diff(lambda t: mp.log(transform(t, p, prior)), 0)
        variance = mp.diff(lambda t: mp.log(transform(t, p, prior)), 0, 2)
        assert abs(first_passage_gamma(p, prior) / mean - 1) < 1e-13
        assert abs(first_passage_variance(p, prior) / variance - 1) < 2e-13
        for theta in (-0.5, -0.1, 1e-9, 0.3, 20.0):
            assert abs(first_passage_transform(theta, p, prior) / transform(theta, p, prior) - 1) < 1e-13


@pytest.mark.parametrize(("p", "prior"), CASES[:5])
def test_law_is_that_of_its_modes(p, prior):
    level = 0.5 * np.log(p / (1 - p))
    with mp.workdps(80):
        for share in (0.02, 0.2, 0.49, 0.51, 1.5, 10.0):
            gamma = share * level**2
            exact, slope = tail(gamma, p, prior), -mp.diff(lambda g: tail(g, p, prior), gamma)
            if slope > 1e-290:
                assert abs(first_passage_tail(gamma, p, prior) / exact - 1) < 1e-11
                assert abs(first_passage_density(gamma, p, prior) / slope - 1) < 1e-11


@pytest.mark.parametrize(("p", "prior"), [(0.7, 0.5), (0.95, 0.2), (0.999, 0.6)])
def test_density_integrates_to_transform_and_tail(p, prior):
    def weighted(gamma, theta):
        return float(first_passage_density(gamma, p, prior)) * np.exp(-theta * gamma)

    for theta in (0.0, 0.7):
        found = integrate.quad(weighted, 0, 60, args=(theta,), epsabs=1e-12, limit=400)[0]
        assert found == pytest.approx(float(first_passage_transform(theta, p, prior)), rel=1e-9)
    later = integrate.quad(weighted, 1.3, 80, args=(0.0,), epsabs=1e-13, limit=400)[0]
    assert later == pytest.approx(float(first_passage_tail(1.3, p, prior)), rel=1e-9)


def test_what_is_reached_from_the_start():
    assert first_passage_gamma([0.5, 0.6, 0.7], [[0.3], [0.7]]) == pytest.approx(np.zeros((2, 3)))
    assert first_passage_variance(0.6, 0.3) == 0
    assert first_passage_transform(2.0, 0.6, 0.3) == 1
    assert first_passage_tail(0.0, 0.9) == 1
    assert first_passage_tail(np.inf, 0.9) == first_passage_density(np.inf, 0.9) == 0
    assert first_passage_gamma(0.9, 0.3) == pytest.approx(first_passage_gamma(0.9, 0.7), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (first_passage_gamma, (1.0,), "p: every value must be at least 1/2 and below 1"),
        (first_passage_variance, (0.4,), "p: every value must be at least 1/2 and below 1"),
        (first_passage_gamma, (0.9, 1.0), "prior: every value must lie strictly between 0 and 1"),
        (first_passage_density, (0.0, 0.9), "gamma: every value must be a number > 0"),
        (first_passage_tail, (-1.0, 0.9), "gamma: every value must be a number >= 0"),
        (first_passage_tail, (1.0, 0.6, 0.3), "p: every value must be above the prior of the likelier class"),
        (first_passage_transform, (-0.6, 0.9), "theta: every value must be at least -1/2"),
    ],
)
def test_refuses(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
