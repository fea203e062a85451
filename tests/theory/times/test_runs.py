"""Where runs commit and where γ is that of a posterior, by Bayes' rule and the reference values."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from speciation.theory import Diagonal, GaussianMixture, LowRank, run_times, schedules
from speciation.theory.times.runs import POSTERIOR, SHARES, probability_of_change

VALUES = Path(__file__).parents[3].parent / "shared/reference/values"


def rows(name):
    with (VALUES / name).open() as file:
        return [{key: float(text) for key, text in row.items() if text} for row in csv.DictReader(file)]


def found(spec, **options):
    return {entry.criterion: entry for entry in run_times(GaussianMixture.parse(spec), **options)}


def differ(gamma, end, prior):
    """Probability that the likelier classes at γ and at γ₀ differ, for states N(±γ, γ), by quadrature."""
    border = -np.log(prior / (1 - prior)) / 2
    total = 0.0
    for sign, weight in ((1, prior), (-1, 1 - prior)):
        width, later = np.sqrt(gamma), np.sqrt(end - gamma)
        here = stats.norm(sign * gamma, width)

        def beyond(x, side, here=here, sign=sign, later=later):
            return here.pdf(x) * stats.norm.cdf(side * (border - x - sign * (end - gamma)) / later)

        reach = 12 * width + abs(border) + gamma
        above = integrate.quad(beyond, border, border + reach, (1,), epsabs=1e-13, limit=400)[0]
        below = integrate.quad(beyond, border - reach, border, (-1,), epsabs=1e-13, limit=400)[0]
        total += weight * (above + below)
    return total


@pytest.mark.parametrize("prior", [0.5, 0.3, 0.1])
def test_commitment_quantiles_by_the_bayes_error(prior):
    """Of the runs that change, `2ε(γ)/2 min(w, 1−w)` still do later."""
    entries = found(f"binary:d=4096,mu=1,s=1,w={prior}")
    field, rare = np.log(prior / (1 - prior)) / 2, min(prior, 1 - prior)
    for share in SHARES:
        gamma = entries[f"commitment-{share * 100:.0f}"].gamma
        root = np.sqrt(gamma)
        error = prior * stats.norm.sf((gamma + field) / root)
        error += (1 - prior) * stats.norm.sf((gamma - field) / root)
        assert error / rare == pytest.approx(1 - share, rel=1e-11)


def test_commitment_of_the_reference_values():
    """The density there is the slope of what is still to change; equal weights have χ²'s quantiles."""
    entries = found("binary:d=4096,mu=1,s=1")
    median = next(
        row["gamma"] for row in rows("commitment.csv") if row["gamma"] not in (0.01, 1.0, 5.0, 10.0)
    )
    assert entries["commitment-50"].gamma == pytest.approx(median, rel=1e-12)
    for share in SHARES:
        entry = entries[f"commitment-{share * 100:.0f}"]
        assert entry.gamma == pytest.approx(stats.chi2.ppf(share, 1), rel=1e-11)
        assert entry.sigma == pytest.approx(np.sqrt(4096 / entry.gamma - 1), rel=1e-11)
        assert entry.time == pytest.approx(np.log(4096 / entry.gamma) / 2, rel=1e-11)
    for row in rows("commitment.csv"):
        mixture = GaussianMixture.parse(f"binary:d=4096,mu=1,s=1,w={row['w']}")
        assert probability_of_change(mixture) == pytest.approx(1 - row["P(never_changes)"], abs=1e-12)


@pytest.mark.parametrize(("prior", "end"), [(0.5, 3.0), (0.3, 3.0), (0.2, 1.0)])
def test_a_run_that_ends_undecided(prior, end):
    """Classes that overlap at σ = 0: twice the probability that the likelier classes at γ and γ₀ differ."""
    mixture = GaussianMixture([prior, 1 - prior], [[np.sqrt(end)], [-np.sqrt(end)]], 1.0)
    whole = probability_of_change(mixture)
    if prior == 0.5:
        assert whole == pytest.approx(1, rel=1e-12)
    else:
        # the second class is likelier at first: 2 P(the first is at the end)
        border = -np.log(prior / (1 - prior)) / 2
        first = prior * stats.norm.sf((border - end) / np.sqrt(end))
        first += (1 - prior) * stats.norm.sf((border + end) / np.sqrt(end))
        assert whole == pytest.approx(2 * first, rel=1e-11)
    for share, entry in zip(SHARES, run_times(mixture), strict=False):
        assert 0 < entry.gamma < end
        assert 2 * differ(entry.gamma, end, prior) == pytest.approx((1 - share) * whole, rel=1e-8)


def test_expected_gamma_of_the_reference_values():
    assert POSTERIOR == 0.9
    for row in rows("first_passage.csv"):
        if row["p"] != POSTERIOR:
            continue
        entry = found(f"binary:d=64,mu=1,s=1,w={row['w']}")["expected-gamma-0.9"]
        assert entry.gamma == pytest.approx(row["E_gamma"], rel=1e-12)
        assert entry.sigma == pytest.approx(np.sqrt(64 / row["E_gamma"] - 1), rel=1e-12)
        assert entry.time == pytest.approx(np.log(64 / row["E_gamma"]) / 2, rel=1e-12)


def test_other_covariances_and_clocks():
    """γ by dense matrices at the σ that is given; the EDM clock is σ."""
    spread, delta = np.array([0.2, 1.0, 3.0]), np.array([2.0, -1.0, 3.0])
    mixture = GaussianMixture([0.4, 0.6], np.array([delta, -delta]), Diagonal(spread))
    for entry in run_times(mixture, schedules.EDM()):
        assert entry.time == entry.sigma
        assert (delta**2 / (spread + entry.sigma**2)).sum() == pytest.approx(entry.gamma, rel=1e-12)
    late = found("binary:d=4096,mu=1,s=1", schedule=schedules.StableDiffusion())["commitment-10"]
    assert late.time is None
    assert "clock ends at sigma" in late.reason


def test_where_there_is_no_place_the_reason_says_so():
    assert all(entry.reason.startswith("known for two classes") for entry in found("digits:1,3,8").values())
    assert probability_of_change(GaussianMixture.parse("digits:1,3,8")) is None
    started = found("binary:d=64,mu=1,s=1,w=0.9")["expected-gamma-0.9"]
    assert started.reason == "the likelier class has probability 0.9 or more from the start"
    near = found("binary:d=1,mu=0.5,s=1")
    assert "gamma at sigma = 0 is 0.25" in near["expected-gamma-0.9"].reason
    assert near["commitment-90"].gamma < 0.25
    never = found("binary:d=1,mu=1e-5,s=1,w=0.3")
    assert "never changes" in never["commitment-50"].reason
    assert found("binary:d=4,mu=1,s=0")["commitment-90"].gamma == pytest.approx(
        stats.chi2.ppf(0.9, 1), rel=1e-11
    )
    factors = np.random.default_rng(0).standard_normal((20_000, 3))
    means = np.zeros((2, 20_000))
    means[:, 0] = 1, -1
    large = GaussianMixture([0.5, 0.5], means, LowRank(np.linspace(0.5, 1, 20_000), factors))
    assert all("needs eigenvalues" in entry.reason for entry in run_times(large))
