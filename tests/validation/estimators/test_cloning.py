"""Clones of any denoiser: on the oracle they agree as T4 says, by their runs and by the posterior alike."""

import numpy as np
import pytest
import torch
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, clone_agreement_curve
from speciation.validation.estimators.cloning import clone_evaluations, clone_steps

SIGMAS = np.geomspace(0.4, 30, 6)
# at most 100 comparisons here, two-sided: false alarms below 1e-6; what the steps add is at most 0.012
THRESHOLD, BIAS = float(stats.norm.isf(5e-9)), 0.012
SPECS = ["binary:d=4,mu=1,s=0.5", "orthogonal:K=5,d=5,M=9,s=0.5", "scales:d=20,lambda1=0.2,lambda2=2"]


def measured(mixture, sampler=True, **options):
    oracle = MixtureDenoiser(mixture)
    given = {"shape": (mixture.dimension,), "samples": 1000, "batch": 1000, "steps": 80} | options
    return clone_agreement_curve(oracle, mixture.labels, SIGMAS, oracle.sample if sampler else None, **given)


@pytest.mark.one_of_each
@pytest.mark.parametrize("sampler", [True, False])
@pytest.mark.parametrize("spec", SPECS)
def test_clones_of_the_oracle_agree_as_the_mixture_says(spec, sampler):
    mixture = GaussianMixture.parse(spec)
    found, exact = measured(mixture, sampler), entropy_curve(mixture, SIGMAS)
    error = np.maximum(found.agreement_se.values, 0.5 / 1000)
    off = np.abs(found.agreement.values - exact.agreement.values)
    assert (off < THRESHOLD * error + BIAS).all()
    # the undecided ends are told from the truth where it is 20 % less certain
    mutant = np.abs(found.agreement.values - 1.2 * exact.agreement.values)
    assert (mutant > THRESHOLD * error + BIAS).any()
    low, high = found.entropy_lower.values, found.entropy_upper.values
    slack = THRESHOLD * 4 * error + 4 * BIAS  # |dH/dφ| of the bounds is below 4 here
    assert (low - slack <= exact.entropy.values).all()
    assert (exact.entropy.values <= high + slack).all()
    assert (low <= high + 1e-12).all()


def test_both_sides_of_the_identity_are_measured():
    found = measured(GaussianMixture.parse(SPECS[0]), clone_reference="classes")
    middle = slice(1, 4)  # what was known at the first level, where chains start, is not seen
    gap = (found.agreement - found.posterior_agreement).values[middle]
    error = np.hypot(found.agreement_se, found.posterior_agreement_se).values[middle]
    assert (np.abs(gap) < THRESHOLD * error + BIAS).all()
    assert found.attrs["clone_reference"] == "classes"
    assert found.agreement.values[0] > 0.9 > 0.6 > found.agreement.values[-1]


def test_a_classifier_may_judge():
    mixture = GaussianMixture.parse(SPECS[0])
    direction = torch.as_tensor(mixture.means[0] - mixture.means[1])
    found = measured(mixture, classifier=lambda x: (x @ direction > 0).long())
    judged = measured(mixture)
    assert found.attrs["judge"] == "classifier"
    assert np.abs(found.agreement - judged.agreement).max() < 0.12  # argmax against draws: B24's difference
    assert set(np.unique(found.agreement.values * 1000 % 1).round(6)) <= {0.0, 1.0}


def test_groups_and_weights():
    mixture = GaussianMixture.parse("orthogonal:K=4,d=4,M=9,s=0.5")
    groups = {"ab": mixture.labels[:2], "cd": mixture.labels[2:]}
    found = measured(mixture, partition=groups, weights=[0.4, 0.3, 0.2, 0.1])
    assert found.attrs["classes"] == 2
    assert float(found.class_entropy) == pytest.approx(stats.entropy([0.7, 0.3]))
    assert found.posterior_agreement.values[-1] == pytest.approx(0.58, abs=1e-12)  # the prior's own


def test_cost_is_what_is_called():
    mixture, calls = GaussianMixture.parse(SPECS[0]), []
    oracle = MixtureDenoiser(mixture)

    def counted(x, sigma, condition):
        calls.append(len(x))
        return oracle(x, sigma, condition)

    options = {"samples": 3, "steps": 10, "shape": (4,), "clone_reference": "unconditional"}
    found = clone_agreement_curve(counted, mixture.labels, SIGMAS, **options)
    assert sum(calls) == found.attrs["evaluations"] == 3 * clone_evaluations(SIGMAS, 10, 2, "unconditional")
    grid = clone_steps(SIGMAS, 10)
    assert set(SIGMAS) <= set(grid)
    assert (np.diff(grid) < 0).all()
    assert grid[-1] == pytest.approx(SIGMAS[0] / 2)


def test_the_same_bits_after_an_interruption(tmp_path):
    mixture = GaussianMixture.parse(SPECS[0])
    options = {"samples": 6, "batch": 2, "steps": 6, "folder": tmp_path, "name": "oracle"}
    whole = measured(mixture, **options)
    next(iter(tmp_path.glob("block-*1.npz"))).unlink()
    again = measured(mixture, **options)
    assert whole.identical(again)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: must be at least 1, not 0"),
        ({"clone_reference": "null"}, "clone_reference: 'null' is not one of"),
        ({"classifier": torch.argmax, "partition": {"a": ["1"], "b": ["2"]}}, "classifier: judges classes"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        measured(GaussianMixture.parse(SPECS[0]), **options)


def test_measure_writes_the_agreement(run_json, tmp_path):
    out = tmp_path / "clones"
    command = ("measure", SPECS[0], "--estimator", "cloning", "--samples", "40", "--levels", "5", "--quiet")
    content = run_json(*command, "--out", str(out))
    assert content["method"] == "cloning"
    import xarray as xr

    curve = xr.open_dataset(out / "curve.nc")
    assert {"agreement", "posterior_agreement", "entropy_lower", "entropy_upper", "entropy"} <= set(curve)
