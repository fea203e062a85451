"""Two estimates of one rate on clean samples, and the cut below which a network contradicts itself."""

import numpy as np
import pytest
import torch
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, discrepancy_entropy, pair_entropies
from speciation.validation.estimators.curve_statistics import integrated
from speciation.validation.estimators.low_noise import SHARE, cut_index

# At most 100 comparisons in this file, two-sided: false alarms below 1e-6
THRESHOLD = float(stats.norm.isf(5e-9))
SPEC, LEVELS, EDGE = "binary:d=4,mu=1,s=0.5", np.geomspace(0.02, 60, 40), 0.15
MIXTURE = GaussianMixture.parse(SPEC)


class Contradicting:
    """The oracle, but below σ = EDGE its answers with and without a class miss by ±c σ u, u a direction."""

    def __init__(self, c: float) -> None:
        self.oracle, self.c = MixtureDenoiser(MIXTURE), c

    def __call__(self, x, sigma, condition):
        along = torch.full_like(x, x.shape[1] ** -0.5)
        shift = (self.c if condition else -self.c) * sigma if sigma < EDGE else 0.0
        return self.oracle(x, sigma, condition) + shift * along


@pytest.mark.parametrize("posterior", [None, "path"])
def test_the_gap_is_the_same_rate_for_an_exact_denoiser(posterior):
    """Against the closed form; along paths, whose step biases the posterior and so both, each other."""
    oracle, sigma = MixtureDenoiser(MIXTURE), LEVELS[12:32:2]
    found = discrepancy_entropy(
        oracle, MIXTURE.labels, sigma, oracle.sample, posterior=posterior, samples=4000, batch=4000
    )
    expected = entropy_curve(MIXTURE, sigma).rate.values if posterior is None else found.rate.values
    error = np.hypot(found.gap_rate_se.values, 0 if posterior is None else found.rate_se.values)
    assert (np.abs(found.gap_rate.values - expected) / error).max() < THRESHOLD
    assert (np.abs(found.gap_rate.values - 1.4 * expected) / error).max() > THRESHOLD
    close = abs(float(found.gap_closure) - float(found.closure))
    assert close < THRESHOLD * float(np.hypot(found.gap_closure_se, found.closure_se))


def test_of_an_exact_denoiser_nothing_is_cut_away():
    """Four runs of usual size; of each the false-alarm rate is that of three standard errors, below 1 %."""
    oracle = MixtureDenoiser(MIXTURE)
    found = [
        discrepancy_entropy(
            oracle, MIXTURE.labels, LEVELS[::2], oracle.sample, samples=600, batch=600, seed=seed
        )
        for seed in range(4)
    ]
    assert sum(float(each.cut_sigma) > LEVELS[0] for each in found) <= 1  # two of four: below 1e-3
    for each in found:
        parts = float(each.window_closure + each.below_cut)
        assert parts == pytest.approx(float(each.closure), abs=1e-12)


def test_what_a_network_adds_below_the_window_is_cut_away():
    network = Contradicting(0.4)
    found = discrepancy_entropy(
        network, MIXTURE.labels, LEVELS[::2], network.oracle.sample, samples=3000, batch=3000
    )
    added = 4 * network.c**2 * np.log(EDGE / LEVELS[0]) / np.log(2)
    assert float(found.closure) == pytest.approx(1 + added, abs=THRESHOLD * float(found.closure_se) + 0.15)
    assert EDGE / 5 < float(found.cut_sigma) < EDGE
    # what is left of it is 5 % of H(C), or three standard errors, and what a level of the grid adds
    left = max(SHARE, 3 * float(found.gap_closure_se)) + 4 * network.c**2 * 0.42 / np.log(2)
    assert abs(float(found.window_closure) - 1) < THRESHOLD * float(found.window_closure_se) + left
    for name, value in (("gap_closure", 1), ("below_cut_by_gap", 0)):
        assert abs(float(found[name]) - value) < THRESHOLD * float(found[f"{name}_se"])
    assert float(found.below_cut) > added / 3


def test_the_cut_is_the_highest_level_where_the_estimates_part():
    rng = np.random.default_rng(0)
    sigma = np.geomspace(0.1, 1, 6)
    slopes = np.array([0.0, 0.3, 0.3, 0.0, 0.9, 0.0]) + 0.01 * rng.standard_normal((400, 6))
    gaps = np.array([0.0, 0.0, 0.0, 0.0, 0.9, 0.0]) + 0.01 * rng.standard_normal((400, 6))
    found, by_gap = integrated(sigma, slopes), integrated(sigma, gaps)
    assert cut_index(found, by_gap, 0.69) == 2
    assert cut_index(by_gap, by_gap, 0.69) == cut_index(by_gap, found, 0.69) == 0
    # few and noisy units do not show it
    few = found[:3] + rng.standard_normal((3, 1)) * np.linspace(1, 0, 6)
    assert cut_index(few, by_gap[:3], 0.69) == 0


def test_along_paths_nothing_is_added_where_the_class_is_known():
    """There D is the mean of the answers with a class, and the posterior's doubt vanishes."""
    network = Contradicting(0.2)
    pair = pair_entropies(
        network, MIXTURE.labels, LEVELS[::2], network.oracle.sample, samples=800, batch=800
    ).isel(pair=0)
    apart = float(pair.closure - pair.gap_closure)
    assert abs(apart) < THRESHOLD * float(np.hypot(pair.closure_se, pair.gap_closure_se))
    assert {"gap_entropy", "gap_entropy_se", "gap_rate", "gap_rate_se"} < set(pair.data_vars)
