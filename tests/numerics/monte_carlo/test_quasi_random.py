"""Randomised quasi-Monte Carlo: unbiased, honest about its error, and worth having."""

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, window_sigmas

NAMES = ("entropy", "rate", "agreement")


def core(mixture):
    return window_sigmas(mixture, 24)[8:18:2]


@pytest.mark.slow
def test_two_classes_meet_the_exact_curve():
    mixture = GaussianMixture.parse("binary:d=16,mu=1,s=1,w=0.3")
    sigmas = core(mixture)
    exact = entropy_curve(mixture, sigmas)
    scores = []
    for key in range(40):
        found = entropy_curve(mixture, sigmas, method="reduced", samples=8192, points="sobol", key=key)
        scores.append([(found[n] - exact[n]) / found[f"{n}_se"] for n in NAMES])
    scores = np.array(scores)
    # 32 scramblings: a t-distribution with 31 degrees of freedom; 600 values, false alarms below 1e-6
    assert np.abs(scores).max() < stats.t.isf(1e-6 / 1200, 31)
    # the standard error is that of the 40 runs, within four standard errors of a standard deviation
    assert np.abs(scores.std(axis=0) - np.sqrt(31 / 29)).max() < 4 * np.sqrt(31 / 29 / 80) + 0.25
    assert np.abs(scores.mean(axis=0)).max() < 5 * np.sqrt(31 / 29 / 40)


@pytest.mark.slow
def test_groups_and_full_covariances():
    mixture = GaussianMixture.parse("digits:0,3,8")
    sigmas = core(mixture)
    groups = {"round": ["0", "8"], "open": ["3"]}
    plain, quasi = (
        entropy_curve(mixture, sigmas, method="reduced", samples=40_000, points=points, partition=groups)
        for points in ("random", "sobol")
    )
    for name in NAMES:
        error = np.hypot(plain[f"{name}_se"], quasi[f"{name}_se"])
        assert float((np.abs(plain[name] - quasi[name]) / error).max()) < 6


@pytest.mark.parametrize(
    "arguments", [{"points": "halton"}, {"method": "ambient"}, {"tolerance": 1e-3}, {"method": "exact"}]
)
def test_refuses(arguments):
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    with pytest.raises(ValueError, match="points: "):
        entropy_curve(mixture, [1.0], **({"method": "reduced", "points": "sobol"} | arguments))
