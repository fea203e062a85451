"""What holds for any data, measured: commitment and calibration (T19, T20), ends of guided runs (T21)."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from speciation.theory import GaussianMixture
from speciation.theory.times.window import window_sigmas
from speciation.validation import MixtureDenoiser, commitment_curve, path_entropy
from speciation.validation.estimators.commitment import commitment_evaluations
from speciation.validation.figures.reliability import reliability_figure
from speciation.validation.measurement.curve_files import level_table, read_curve
from speciation.validation.measurement.guided_ends import ends_of
from speciation.validation.measurement.reliability import (
    IN_FIGURE,
    bins_table,
    reliability_of,
    shown_levels,
    stops_table,
)

STEPS = 48
# at most 500 two-sided comparisons here: false alarms below 1e-6; steps of this size shift data by 0.006
THRESHOLD, BIAS = float(stats.norm.isf(1e-9)), 0.006
SPECS = ["binary:d=4,mu=1,s=0.5", "orthogonal:K=4,d=4,M=9,s=0.5", "scales:d=20,lambda1=0.2,lambda2=2"]
ALL = [SPECS[0], *(pytest.param(spec, marks=pytest.mark.slow) for spec in SPECS[1:])]


class Together:
    """Clean samples of a mixture, drawn class by class."""

    def __init__(self, oracle):
        self.oracle = oracle

    def __call__(self, condition, count, generator):
        return self.oracle.sample(condition, count, generator)

    def each_of(self, conditions, generator):
        import torch

        found = torch.zeros(len(conditions), self.oracle.mixture.dimension, dtype=torch.float64)
        for name in dict.fromkeys(conditions):
            rows = [k for k, each in enumerate(conditions) if each == name]
            found[rows] = self.oracle.sample(name, len(rows), generator)
        return found


class Surer(MixtureDenoiser):
    """A network whose classes differ by `factor` times too much: wrong, and too sure of the class."""

    factor = 1.5

    def __call__(self, x, sigma, condition):
        whole, own = (super(Surer, self).__call__(x, sigma, each) for each in (None, condition))
        return whole + self.factor * (own - whole)


def measured(oracle, sampler=True, **options):
    mixture = oracle.mixture
    sigmas = window_sigmas(mixture, options.pop("steps", STEPS) + 1)[::-1]
    given = {"samples": 800, "batch": 800, "weights": mixture.weights} | options
    data = Together(oracle) if sampler else None
    return commitment_curve(oracle, mixture.labels, sigmas, (mixture.dimension,), data, **given)


def deviations(curve, path):
    own = curve.sel(path=path)
    gaps = np.concatenate([own.overconfidence.values, own.stopped_overconfidence.values])
    return gaps, np.concatenate([own.overconfidence_se.values, own.stopped_overconfidence_se.values])


@pytest.mark.parametrize("spec", ALL)
def test_the_oracle_is_calibrated_on_both_kinds_of_paths(spec):
    curve = measured(MixtureDenoiser(GaussianMixture.parse(spec)))
    for path, bias in (("own", 0.0), ("noised", BIAS)):
        gap, error = deviations(curve, path)
        assert (np.abs(gap) < THRESHOLD * error + bias + 1e-9).all()
    own, other = (curve.sel(path=path) for path in ("own", "noised"))
    apart, error = own.change - other.change, np.hypot(own.change_se, other.change_se)
    assert (np.abs(apart) < THRESHOLD * error + 2 * BIAS).all()
    assert reliability_of(curve)["calibrated"]


@pytest.mark.parametrize("spec", ALL[:2])
def test_a_wrong_network_is_calibrated_on_its_own_chains_and_found_out_on_data(spec):
    curve = measured(Surer(GaussianMixture.parse(spec)))
    gap, error = deviations(curve, "own")
    assert (np.abs(gap) < THRESHOLD * error + 1e-9).all()
    own = curve.sel(path="own")
    epsilon = 1 - own.confidence
    error = np.hypot(own.change_se, 2 * own.confidence_se)
    assert (own.change < 2 * epsilon + THRESHOLD * error).all()
    assert (own.change > epsilon - epsilon[0] - THRESHOLD * error).all()
    # and a bound that is 20 % too tight is crossed by two classes
    crossed = (own.change > 0.8 * 2 * epsilon + THRESHOLD * error).any()
    assert crossed or curve.attrs["classes"] > 2
    gap, error = deviations(curve, "noised")
    assert (gap > 5 * error).any()
    found = reliability_of(curve)
    assert found["calibrated"] is False
    assert "on noised data the network is too sure of itself: by +0." in found["sentences"][-1]
    assert "as it must (T19)" in found["sentences"][0]


@pytest.mark.slow
def test_two_classes_change_with_twice_the_bayes_error_in_small_steps():
    oracle = MixtureDenoiser(GaussianMixture.parse(SPECS[0]))
    ratios = []
    for steps in (24, 96):
        own = measured(oracle, steps=steps, samples=1500, batch=1500).sel(path="own")
        middle = np.flatnonzero(own.confidence.values < 0.85)[0]  # the lowest level at which this holds
        ratios.append(float(own.change[middle] / (1 - own.confidence[middle])))
    assert 1.2 < ratios[0] < ratios[1] < 2  # the overshoot of a step is of order √(step)


@pytest.mark.slow
def test_samples_of_the_model_take_the_place_of_data():
    oracle = MixtureDenoiser(GaussianMixture.parse(SPECS[0]))
    curve = measured(oracle, sampler=False)
    assert curve.attrs["noised"] == "samples of the model"
    gap, error = deviations(curve, "noised")
    assert (np.abs(gap) < THRESHOLD * error + 2 * BIAS).all()  # they have their own error of steps
    assert "on noised samples of the model the network is" in reliability_of(curve)["sentences"][-1]


@pytest.mark.slow
def test_groups():
    oracle = MixtureDenoiser(GaussianMixture.parse(SPECS[1]))
    groups = {"ab": oracle.conditions[:2], "cd": oracle.conditions[2:]}
    curve = measured(oracle, partition=groups)
    assert curve.attrs["classes"] == 2
    gap, error = deviations(curve, "noised")
    assert (np.abs(gap) < THRESHOLD * error + BIAS).all()
    assert (curve.confidence.values >= 0.5 - 1e-9).all()


@pytest.mark.parametrize("sampler", [True, False])
def test_cost_is_what_is_called(sampler):
    oracle, calls = MixtureDenoiser(GaussianMixture.parse(SPECS[0])), []

    class Counted(MixtureDenoiser):
        def __call__(self, x, sigma, condition):
            calls.append(len(x))
            return super().__call__(x, sigma, condition)

    curve = measured(Counted(oracle.mixture), sampler, samples=3, steps=10)
    assert sum(calls) == curve.attrs["evaluations"] == 3 * commitment_evaluations(10, 2, sampler)


def test_the_same_bits_after_an_interruption(tmp_path):
    options = {"samples": 6, "batch": 2, "steps": 6, "folder": tmp_path, "name": "oracle"}
    oracle = MixtureDenoiser(GaussianMixture.parse(SPECS[0]))
    whole = measured(oracle, **options)
    next(iter(tmp_path.glob("block-*1.npz"))).unlink()
    assert whole.identical(measured(oracle, **options))


def test_bins_and_stops_count_every_path():
    curve = measured(MixtureDenoiser(GaussianMixture.parse(SPECS[0])), samples=40)
    assert (curve.bin_count.sum("bin") == 40).all()
    at = curve.isel(sigma=shown_levels(curve))
    weighted = (at.bin_count * at.bin_confidence.fillna(0)).sum("bin") / 40
    np.testing.assert_allclose(weighted, at.confidence, rtol=1e-12)
    assert (curve.stopped_share.values <= 1).all()
    assert (np.diff(curve.stopped_share.values) <= 0).all()
    assert (curve.stopped_confidence.values >= curve.p.values - 1e-12).all()
    assert np.isfinite(curve.stopped_right_se).all()
    table = level_table(curve)
    assert len(table) == STEPS
    assert {"own_change", "noised_overconfidence_se", "entropy"} <= set(table)
    assert (bins_table(curve).groupby(["path", "sigma"]).bin_count.sum() == 40).all()
    assert len(stops_table(curve)) == 12
    assert len(reliability_figure(curve, shown_levels(curve, IN_FIGURE), "t").subfigs[0].axes) == 4


def test_bad_input():
    oracle = MixtureDenoiser(GaussianMixture.parse(SPECS[0]))
    with pytest.raises(ValueError, match="sigmas: need at least three descending"):
        commitment_curve(oracle, oracle.conditions, [1.0, 2.0, 3.0], (4,))
    with pytest.raises(ValueError, match="samples: must be at least 2"):
        measured(oracle, samples=1)


@pytest.mark.slow
def test_measure_writes_the_reliability(run, run_json, tmp_path):
    out = tmp_path / "runs"
    command = ("measure", SPECS[0], "--estimator", "commitment", "--samples", "60", "--levels", "8")
    content = run_json(*command, "--quiet", "--out", str(out))
    assert content["method"] == "commitment"
    assert len(content["reliability"]["own"]["levels"]) == 8
    assert len(content["reliability"]["sentences"]) == 4
    with xr.open_dataset(out / "curve.nc") as curve:
        assert curve["change"].dims == ("path", "sigma")
    table = pd.read_csv(out / "curve.csv")
    assert {"own_change", "noised_overconfidence_se", "entropy"} <= set(table)
    assert len(table) == 8
    bins = pd.read_csv(out / "reliability.csv")
    assert bins.groupby(["path", "sigma"]).bin_count.sum().eq(60).all()
    assert len(pd.read_csv(out / "stopping.csv")) == 12
    assert (out / "reliability.png").stat().st_size > 20_000
    shown = run(*command, "--out", str(out))[1]
    assert "stopped where the posterior first reaches p" in shown
    assert "noised data" in shown
    assert read_curve(out).sizes["sigma"] == 8


class Grouped:
    """Three classes that are no Gaussians: groups of a mixture's components, which do not overlap.

    At s = 0.3 their Bhattacharyya coefficient is 0.011, and the √p of T21 at ω = ¼ is not 0 or 1 in the end.
    """

    conditions, has_null = ("a", "b", "c"), True

    def __init__(self):
        means = np.array([[0.0, 0.0], [3.0, 1.0], [1.5, -1.0], [-2.0, 2.0], [1.0, 4.0]])
        partition = {"a": ["0", "1"], "b": ["2", "3"], "c": ["4"]}
        narrow = GaussianMixture.parse("binary:d=2,mu=1,s=0.15").covariance_of(0)
        weights = np.array([0.25, 0.25, 0.15, 0.15, 0.2])
        self.mixture = GaussianMixture(weights, means, narrow, labels=tuple("01234"), partition=partition)
        self.parts = {name: self.mixture.among(members) for name, members in partition.items()}

    def __call__(self, x, sigma, condition):
        return (self.parts[condition] if condition else self.mixture).denoise(x, sigma, None)


def ends(omega, samples, steps=96, **options):
    model = Grouped()
    sigmas = window_sigmas(model.mixture, steps + 1)[::-1]
    given = {"weights": [0.5, 0.3, 0.2], "chains": samples, "batch": samples, "guidance": omega}
    return path_entropy(model, model.conditions, sigmas, (2,), **given, **options)


# six comparisons a weight, two-sided, false alarms below 1e-6; 96 steps shift a share by up to 0.012
ENDS, STEP_BIAS = float(stats.norm.isf(2e-8)), 0.012


@pytest.mark.parametrize("omega", [-0.5, 0.25])
def test_guided_runs_of_classes_that_are_no_gaussians_end_as_t21_says(omega):
    curve = ends(omega, 1500, steps=48)
    np.testing.assert_allclose(curve.ends_predicted, np.array([0.5, 0.3, 0.2]) ** (1 - 2 * omega), rtol=1e-12)
    assert (abs(curve.ends - curve.ends_predicted) < ENDS * curve.ends_se + 2 * STEP_BIAS).all()
    unguided = np.array([0.5, 0.3, 0.2])
    assert (abs(curve.ends - unguided) > ENDS * curve.ends_se + 2 * STEP_BIAS).any()


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["classes", "unconditional"])
@pytest.mark.parametrize("omega", [-0.5, 0.0, 0.25])
def test_guided_ends_of_many_runs(omega, reference):
    curve = ends(omega, 12_000, guidance_reference=reference)
    assert (abs(curve.ends - curve.ends_predicted) < ENDS * curve.ends_se + STEP_BIAS).all()
    assert (abs(curve.ends - 1.3 * curve.ends_predicted) > ENDS * curve.ends_se + STEP_BIAS).any()
    assert int(curve.ends_runs.sum()) == 12_000


def test_what_is_not_predicted_of_guided_ends():
    limited = ends(0.25, 20, steps=8, interval=(0.5, 2.0))
    assert np.isnan(limited.ends_predicted).all()
    assert ends_of(limited)["agree"] is None
    assert "ends" not in ends(1.0, 20, steps=8)
    strong = ends(1.5, 60, steps=24)
    assert (strong.ends_predicted == 1).all()
    assert ends_of(strong)["agree"] is True
    assert ends_of(strong.assign(ends_predicted=strong.ends_predicted / 2))["agree"] is False


@pytest.mark.slow
def test_measure_says_where_guided_runs_end(run, tmp_path):
    command = ("measure", SPECS[0], "--guidance", "0.25", "--samples", "40", "--levels", "8")
    status, shown, _ = run(*command, "--out", str(tmp_path / "guided"))
    assert status == 0
    assert "where guided runs end" in shown
    assert "0.7071" in shown  # w^{1−2ω} = ½^½
    assert len(pd.read_csv(tmp_path / "guided" / "ends.csv")) == 2
