"""Posteriors carried along a sample's path of noise: every pair at once, and a reference of classes."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, discrepancy_entropy, pair_entropies
from speciation.validation.estimators.curve_statistics import extrapolated

# At most 600 comparisons in this file, two-sided: false alarms below 1e-6
THRESHOLD = float(stats.norm.isf(8e-10))
MIXTURE = GaussianMixture(
    np.full(3, 1 / 3), np.array([[2.0, 0, 0, 0], [0, 1.5, 0, 0], [0, 0, 1, 1]]), 0.01, ["a", "b", "c"]
)
COARSE, FINE = np.geomspace(0.05, 100, 49), np.geomspace(0.05, 100, 97)


def undecided(exact, share=0.1):
    """Levels where undecided samples are no rare events; not the first, where the posterior is the prior."""
    keep = exact.entropy.values > share * float(exact.entropy.max())
    keep[-1] = False
    return keep


@pytest.fixture(scope="module")
def sweeps():
    oracle = MixtureDenoiser(MIXTURE)
    return [
        pair_entropies(oracle, MIXTURE.labels, sigma, oracle.sample, samples=45_000, batch=9000, seed=seed)
        for seed, sigma in enumerate((COARSE, FINE))
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pair"), list(zip(["a,b", "a,c", "b,c"], combinations(range(3), 2), strict=True))
)
@pytest.mark.parametrize("quantity", ["entropy", "posterior_entropy"])
def test_every_pair_is_its_own_binary_channel(sweeps, name, pair, quantity):
    two = GaussianMixture([0.5, 0.5], MIXTURE.means[list(pair)], 0.01)
    coarse, fine = (sweep.sel(pair=name) for sweep in sweeps)
    found = extrapolated(coarse, fine, quantity)
    exact = entropy_curve(two, found.sigma.values)
    keep = undecided(exact)
    error = found[f"{quantity}_se"].values[keep]
    difference = np.abs(found[quantity].values - exact.entropy.values)[keep]
    # what the first level knows of the class is not seen
    unseen = 2 * (np.log(2) - float(exact.entropy[-1]))
    assert (difference < THRESHOLD * error + unseen).all()
    wrong = np.abs(found[quantity].values - 1.2 * exact.entropy.values)[keep]
    assert (wrong > THRESHOLD * error + unseen).any()
    assert float(np.abs(found.step_bias).max()) < 0.05
    assert float(fine.closure) == pytest.approx(1, abs=THRESHOLD * float(fine.closure_se) + 0.02)


@pytest.mark.slow
def test_peak_of_every_pair(sweeps):
    for name, pair in zip(["a,b", "a,c", "b,c"], combinations(range(3), 2), strict=True):
        exact = entropy_curve(GaussianMixture([0.5, 0.5], MIXTURE.means[list(pair)], 0.01), FINE)
        slopes = exact.rate.values * FINE**2 / (1 + FINE**2)
        found = sweeps[1].sel(pair=name)
        width = float(np.log(found.peak_per_log_sigma_high / found.peak_per_log_sigma_low))
        residual = float(np.log(found.peak_per_log_sigma / FINE[np.argmax(slopes)]))
        # the interval is one of 95 %, so it is doubled; the grid's own spacing is 0.08
        assert abs(residual) < width + 0.08
        assert width < 0.2


@pytest.mark.parametrize("chains", [False, True])
@pytest.mark.slow
def test_reference_without_an_unconditional_network(chains):
    """Three classes, with `Σ p_k D_k` along paths of samples, or along the model's own chains."""
    oracle = MixtureDenoiser(MIXTURE)
    sampler, shape = (None, (4,)) if chains else (oracle.sample, ())
    coarse, fine = (
        discrepancy_entropy(
            oracle, MIXTURE.labels, sigma, sampler, shape=shape, posterior="path", samples=24_000, batch=6000,
            seed=sigma.size,
        )
        for sigma in (COARSE, FINE)
    )  # fmt: skip
    found = extrapolated(coarse, fine)
    exact = entropy_curve(MIXTURE, found.sigma.values, samples=100_000)
    keep = undecided(exact)
    error = np.hypot(found.entropy_se, exact.entropy_se).values[keep]
    assert (np.abs(found.entropy - exact.entropy).values[keep] < THRESHOLD * error + 4e-3).all()
    assert (np.abs(found.entropy - 1.2 * exact.entropy).values[keep] > THRESHOLD * error + 4e-3).any()


def test_bad_arguments(tmp_path):
    oracle = MixtureDenoiser(MIXTURE)
    for sigmas, options, message in (
        (FINE[::-1], {}, "ascending"),
        (FINE, {"samples": 0}, "at least 1"),
        (FINE, {"samples": 1, "batch": 1}, "too few for the pair"),
        (FINE, {"share": (2, 2)}, "rank"),
        (FINE, {"share": (0, 2)}, "folder"),
    ):
        with pytest.raises(ValueError, match=message):
            pair_entropies(oracle, MIXTURE.labels, sigmas, oracle.sample, **options)
    with pytest.raises(ValueError, match="sampler"):
        discrepancy_entropy(oracle, MIXTURE.labels, FINE, None)


def test_a_model_that_returns_no_number_is_refused_and_nothing_is_kept(tmp_path):
    oracle = MixtureDenoiser(MIXTURE)

    def broken(x, sigma, condition):
        return oracle(x, sigma, condition) * (float("nan") if sigma < 1 else 1)

    with pytest.raises(ValueError, match="not finite"):
        pair_entropies(
            broken, MIXTURE.labels, COARSE, oracle.sample, samples=100, folder=tmp_path, name="broken"
        )
    assert not list(tmp_path.glob("block-*"))


@pytest.mark.parametrize("sweep", [True, False])
def test_the_model_sees_the_precision_that_was_asked_for(sweep):
    import torch

    oracle, seen = MixtureDenoiser(MIXTURE), set()

    def watched(x, sigma, condition):
        seen.add(x.dtype)
        return oracle(x, sigma, condition)

    arguments = (watched, MIXTURE.labels, COARSE[::8], oracle.sample)
    if sweep:
        pair_entropies(*arguments, samples=60, dtype=torch.float32)
    else:
        discrepancy_entropy(*arguments, posterior="path", samples=60, dtype=torch.float32)
    assert seen == {torch.float32}
