"""The law of the last change of the likelier class (T19): given values, the Bayes error, runs that end."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from speciation.theory import commitment_density, commitment_gamma, commitment_tail

PRIORS = (0.5, 0.3, 0.999, 1e-6, 1 - 1e-15, 1e-300)


def bayes_error(gamma, prior):
    """`E min(p₁, p₂)` as the overlap of the two weighted laws of the half log-odds, which meet at 0."""
    g, w = mp.mpf(gamma), mp.mpf(prior)
    odds = mp.log(w / (1 - w)) / 2
    return w * mp.ncdf(-(g + odds) / mp.sqrt(g)) + (1 - w) * mp.ncdf(-(g - odds) / mp.sqrt(g))


def differs(gamma, prior, end):
    """Probability that the signs of L at γ and at γ₀ differ, by quadrature over L at γ."""
    g, w, left = mp.mpf(gamma), mp.mpf(prior), mp.mpf(end) - mp.mpf(gamma)
    total, width = mp.mpf(0), mp.sqrt(g)
    for share, sign in ((w, 1), (1 - w, -1)):
        mean = mp.log(w / (1 - w)) / 2 + sign * g

        def term(x, mean=mean, sign=sign):
            return mp.npdf(x, mean, width) * mp.ncdf(-mp.sign(x) * (x + sign * left) / mp.sqrt(left))

        points = {mean + k * width for k in (-20, -5, 0, 5, 20)}
        points |= {mp.mpf(0), *(s * x for s in (-1, 1) for x in (1, 5, left, mp.sqrt(left)))}
        total += share * mp.quad(term, sorted(points))
    return total


def test_given_values(reference):
    with (reference / "values" / "commitment.csv").open() as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    for row in rows:
        w, gamma = row["w"], row["gamma"]
        density, tail = row["density_last_change"], row["P(change_after_gamma)=2*BayesError"]
        assert commitment_density(gamma, w) == pytest.approx(density, rel=1e-13)
        assert commitment_tail(gamma, w) == pytest.approx(tail, rel=1e-14)
        assert 1 - commitment_tail(0, w) == pytest.approx(row["P(never_changes)"], abs=1e-15)
    assert rows


@pytest.mark.parametrize("prior", PRIORS)
def test_tail_is_twice_the_bayes_error(prior):
    with mp.workdps(40):
        for gamma in np.geomspace(1e-8, 1300, 40):
            exact = 2 * bayes_error(gamma, prior)
            if exact > 1e-300:
                assert abs(commitment_tail(gamma, prior) / exact - 1) < 1e-13


@pytest.mark.parametrize("prior", [0.5, 0.3, 1e-3, 0.9])
def test_density_is_the_slope_of_the_tail(prior):
    with mp.workdps(250):
        for gamma in (0.03, 0.5, 2.0, 40.0):
            slope = -2 * mp.diff(lambda g: bayes_error(g, prior), gamma)
            assert abs(commitment_density(gamma, prior) / slope - 1) < 5e-13


@pytest.mark.parametrize("prior", [0.5, 0.3, 0.99])
@pytest.mark.parametrize(("gamma", "end"), [(0.01, 0.1), (0.3, 1.0), (4.5, 5.0), (0.001, 30.0), (20.0, 30.0)])
def test_a_run_that_ends_changes_twice_as_often_as_its_ends_differ(prior, gamma, end):
    with mp.workdps(25):
        assert abs(commitment_tail(gamma, prior, end) / (2 * differs(gamma, prior, end)) - 1) < 1e-10


def test_a_run_that_ends_late_is_one_that_goes_on():
    gamma = np.array([0.0, 0.1, 3.0, 50.0])
    for prior in (0.5, 0.2, 1e-8):
        assert commitment_tail(gamma, prior, 300.0) == pytest.approx(commitment_tail(gamma, prior), rel=1e-13)
        assert commitment_density(gamma[1:], prior, 300.0) == pytest.approx(
            commitment_density(gamma[1:], prior), rel=1e-13
        )
    assert commitment_tail(2.0, 0.5, 2.0) == 0
    # what is lost by an end: changes after it, if there was none before
    assert (commitment_tail(0.1, 0.3, [0.2, 1.0, 4.0, 9.0]) < commitment_tail(0.1, 0.3)).all()
    assert (np.diff(commitment_tail(0.1, 0.3, [0.2, 1.0, 4.0, 9.0])) > 0).all()


def test_balanced_law_is_chi_square():
    gamma = np.geomspace(1e-3, 60, 20)
    assert commitment_density(gamma) == pytest.approx(stats.chi2.pdf(gamma, 1), rel=1e-13)
    assert commitment_tail(gamma) == pytest.approx(stats.chi2.sf(gamma, 1), rel=1e-13)
    share = np.array([0.1, 0.5, 0.9, 1 - 1e-12])
    assert commitment_gamma(share) == pytest.approx(stats.chi2.ppf(share, 1), rel=1e-13)


@pytest.mark.parametrize("prior", [0.5, 0.3, 0.01, 1e-8, 1 - 1e-15])
def test_quantiles_solve_for_the_tail(prior):
    for share in (0.5, 0.9, 0.98000001, 1 - 1e-9, 1 - 1e-15):
        gamma = float(commitment_gamma(share, prior))
        if gamma == 0:
            assert share <= 1 - float(commitment_tail(0.0, prior))
            continue
        with mp.workdps(40):
            assert abs(2 * bayes_error(gamma, prior) / (1 - mp.mpf(share)) - 1) < 1e-13
    assert commitment_gamma([0.1, 0.5, 0.9], [[0.5], [0.01]]).shape == (2, 3)


def test_ends_of_the_domain():
    assert commitment_density(0.0) == np.inf
    assert commitment_density(0.0, 0.3) == 0
    assert commitment_density(1.0, 0.3, 1.0) == np.inf
    assert commitment_density(np.inf) == commitment_tail(np.inf, 0.2) == 0
    assert commitment_tail(0.0, [0.5, 0.3, 0.7]) == pytest.approx([1.0, 0.6, 0.6], rel=1e-15)
    assert isinstance(commitment_tail(1.0), float)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (commitment_density, (-1.0,), "gamma: every value must be a number >= 0"),
        (commitment_tail, (np.nan,), "gamma: every value must be a number >= 0"),
        (commitment_tail, (1.0, 0.0), "prior: every value must lie strictly between 0 and 1"),
        (commitment_density, (2.0, 0.5, 1.0), "gamma: every value must be at most the end of the run"),
        (commitment_tail, (0.0, 0.5, 0.0), "end: every value must be above 0"),
        (commitment_gamma, (1.0,), "probability: every value must be at least 0 and below 1"),
        (commitment_gamma, (0.5, np.nan), "prior: every value must lie strictly between 0 and 1"),
    ],
)
def test_refuses(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
