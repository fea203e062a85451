"""`speciation measure` and `compare`: every kind of model, resumption, shares, and bad input."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, binary_entropy
from speciation.validation import compare, log_scale_test, measure
from speciation.validation.measurement.comparison import read_curve
from speciation.validation.measurement.measure import Measurement, Options
from speciation.validation.measurement.presets import karras_sigmas
from speciation.validation.measurement.subjects import oracle_subject
from speciation.validation.models.edm import EDM2, Configuration, save_edm2

SPEC = "binary:d=4,mu=1,s=0.5"
SMALL = ["measure", SPEC, "--samples", "200", "--levels", "12", "--batch", "50"]


@pytest.fixture
def network(tmp_path):
    """A small EDM2 file with random weights."""
    path = tmp_path / "network.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = EDM2(Configuration(8, 1, 3, 16, (1,), 1, (), 16))
        with torch.no_grad():
            model.unet.out_gain.fill_(1.0)
    save_edm2(model, path)
    return path


@pytest.mark.slow
def test_oracle_is_held_against_its_own_closed_form(run_json):
    summary = run_json("measure", SPEC, "--samples", "6000", "--batch", "2000")
    assert summary["method"] == "discrepancy"
    assert abs(summary["closure"] - 1) < 5 * summary["closure_se"]
    peak = summary["comparison"]["peak_per_log_sigma"]
    assert peak["measured_low"] / 1.1 < peak["predicted"] < peak["measured_high"] * 1.1
    assert abs(summary["comparison"]["median_sigma"]["residual"]) < 0.1
    assert ": agree (" in summary["sentence"]
    # held against another mixture it disagrees
    other = run_json("measure", SPEC, "--samples", "6000", "--prediction", "binary:d=16,mu=1,s=0.5")
    assert abs(other["comparison"]["peak_per_log_sigma"]["residual"] + np.log(2)) < 0.15
    assert ": do not agree (" in other["sentence"]
    chain = run_json("measure", SPEC, "--estimator", "path", "--samples", "2000", "--batch", "1000")
    assert chain["method"] == "path"
    assert abs(chain["comparison"]["median_sigma"]["residual"]) < 0.15
    assert any("bias" in note for note in chain["comparison"]["notes"])


@pytest.mark.one_of_each
@pytest.mark.parametrize("estimator", ["path", "discrepancy"])
def test_unequal_weights_are_those_of_the_mixture(estimator, run_json):
    """Prior (0.9, 0.1): the median of the entropy, and the whole of it; equal weights would give log 2."""
    spec = "binary:d=4,mu=1,s=0.5,w=0.9"
    arguments = ["--estimator", estimator, "--samples", "8000", "--batch", "2000", "--levels", "60"]
    found = run_json("measure", spec, *arguments)["comparison"]
    assert abs(found["median_sigma"]["residual"]) < 0.1
    assert found["largest_difference"] < 0.04
    balanced = run_json("measure", spec, *arguments, "--prediction", SPEC)["comparison"]
    assert balanced["largest_difference"] > 0.3


def test_all_pairs_of_an_oracle_are_balanced(run_json, tmp_path):
    path = tmp_path / "three.json"
    path.write_text(
        json.dumps(
            {
                "weights": [0.8, 0.1, 0.1],
                "means": [[2.0, 0.0], [0.0, 3.0], [-4.0, 0.0]],
                "covariance": {"isotropic": 0.05},
                "labels": ["a", "b", "c"],
            }
        )
    )
    summary = run_json("measure", path, "--classes", "all", "--samples", "6000", "--batch", "2000")
    assert summary["log_scale_test"]["pairs"] == 3
    assert abs(summary["closure"]["median"] - 1) < 0.1
    assert summary["log_scale_test"]["absolute_residual"] < 0.15


@pytest.mark.slow
def test_guided_oracle_has_a_cross_entropy(run_json, tmp_path):
    summary = run_json(*SMALL, "--guidance", "2", "--levels", "100", "--samples", "1000", "--out", tmp_path)
    assert summary["guidance"] == 2
    assert summary["comparison"]["quantity"] == "cross_entropy"
    assert abs(summary["comparison"]["median_sigma"]["residual"]) < 0.1
    assert summary["comparison"]["largest_difference"] < 0.08
    within = run_json(*SMALL, "--guidance", "2", "--interval", "1,3", "--levels", "100", "--samples", "1000")
    assert within["comparison"]["largest_difference"] < 0.08


@pytest.mark.slow
def test_resumed_and_shared_runs_give_the_same_files(run, tmp_path):
    whole, resumed, shared = (tmp_path / name for name in ("whole", "resumed", "shared"))
    assert run(*SMALL, "--out", whole)[0] == 0
    assert {path.name for path in whole.iterdir()} == {
        "manifest.json",
        "blocks", "curve.csv", "curve.nc", "curve.png", "summary.json",
    }  # fmt: skip
    # an interrupted run has some of the blocks and no result
    shutil.copytree(whole / "blocks", resumed / "blocks")
    (resumed / "blocks" / "block-00002.npz").unlink()
    assert run(*SMALL, "--out", resumed)[0] == 0
    command = [Path(sys.executable).parent / "speciation", *SMALL, "--out", shared]
    for rank, pending in ((1, True), (0, False)):
        done = subprocess.run(
            command, env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "2"}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert ("2 of 4 blocks are done" in done.stderr) == pending
    for folder in (resumed, shared):
        for name in ("curve.csv", "summary.json"):
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
    # other parameters do not mix with the blocks of these
    status, _, err = run(*SMALL, "--seed", "1", "--out", whole)
    assert status == 2
    assert "of another measurement" in err


def test_edm2_from_files(network, run, run_json, tmp_path):
    arguments = ["measure", "edm2", "--checkpoint", network, "--classes", "1"]
    for preset, chains in (("h26", 300), ("h26-headline", 3000)):
        assert run_json(*arguments, "--preset", preset, "--estimate")["evaluations"] == chains * 64 * 2
    status, _, err = run("measure", "edm2", "--checkpoint", network)
    assert (status, err) == (2, "--classes: name some of the model's 3, as 0,1, or give a partition\n")
    few = ["--samples", "8", "--levels", "6", "--batch", "8"]
    alone = run_json(*arguments, *few)
    assert (alone["conditions"], alone["method"]) == ("1,None", "path")
    other = tmp_path / "other.safetensors"
    model = EDM2(Configuration(8, 1, 3, 16, (1,), 1, (), 16))
    save_edm2(model, other)
    assert run_json(*arguments, *few, "--reference-checkpoint", other)["model"] != alone["model"]
    pair = ["measure", "edm2", "--checkpoint", network, "--classes", "0,2", *few]
    assert run_json(*pair, "--estimator", "discrepancy")["closure"] >= 0
    for estimator, message in (("path", "discrepancy estimator"), ("discrepancy", "with clean samples")):
        sweep = ["--classes", "all", "--estimator", estimator]
        status, _, err = run("measure", "edm2", "--checkpoint", network, *sweep)
        assert status == 2
        assert message in err


def test_published_noise_levels():
    sigma = karras_sigmas(64)
    assert sigma[0] == pytest.approx(80)
    assert sigma[-1] == pytest.approx(0.002)
    np.testing.assert_allclose(np.diff(sigma ** (1 / 7)), np.diff(sigma ** (1 / 7))[0])
    with pytest.raises(ValueError, match="0 < low < high"):
        karras_sigmas(4, 1.0, 2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SPEC, "--classes", "x,y"), "--classes: 'x' is not one of +, -"),
        ((SPEC, "--classes", "+,+"), "names a class twice"),
        ((SPEC, "--estimator", "magic"), "--estimator: 'magic' is not one of path, discrepancy"),
        ((SPEC, "--guidance", "2", "--estimator", "discrepancy"), "--guidance: chains are guided"),
        ((SPEC, "--interval", "1,2"), "--interval: acts on guidance"),
        ((SPEC, "--guidance", "2", "--interval", "1"), "--interval: '1' is not LOW,HIGH"),
        ((SPEC, "--guidance", "2", "--interval", "3,1"), "need 0 <= LOW < HIGH"),
        ((SPEC, "--preset", "h26"), "is not a protocol for"),
        ((SPEC, "--device", "abacus"), "--device: 'abacus'"),
        ((SPEC, "--precision", "float16"), "--precision: a CPU computes in float32"),
        ((SPEC, "--precision", "float7"), "--precision: 'float7' is not one of"),
        ((SPEC, "--classes", "+", "--estimator", "discrepancy"), "needs at least two"),
        (("edm2",), "--checkpoint: edm2 needs"),
        (("digits", "--samples", "1"), "--samples"),
        (("edm2", "--checkpoint", "absent.safetensors"), "absent.safetensors: cannot be read"),
        (("digits", "--checkpoint", "absent.safetensors"), "absent.safetensors: cannot be read"),
        (("nothing",), "nothing"),
    ],
)
def test_bad_input_gets_one_line(arguments, message, run):
    status, out, err = run("measure", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def write_csv(path, axis, values, entropy, error=None):
    lines = [f"{axis},entropy" + (",entropy_se" if error is not None else "")]
    columns = [values, entropy] if error is None else [values, entropy, error]
    lines += [",".join(f"{value:.12g}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("# from elsewhere\n" + "\n".join(lines) + "\n")


def test_compare_sees_a_shift_of_the_scale(run_json, run, tmp_path):
    mixture, sigma = GaussianMixture.parse(SPEC), np.geomspace(0.1, 60, 50)
    entropy = binary_entropy(mixture.gamma(sigma))
    for name, axis, place, shift in (
        ("same", "sigma", sigma, 0.0),
        ("clock", "ou_time", 0.5 * np.log1p(sigma**2), 0.0),
        ("shifted", "sigma", 1.5 * sigma, np.log(1.5)),
    ):
        path = tmp_path / f"{name}.csv"
        write_csv(path, axis, place, entropy, np.full(50, 0.003))
        summary = run_json("compare", path, SPEC, "--out", tmp_path / name)
        for quantity in ("peak_per_log_sigma", "median_sigma"):
            found = summary[quantity]
            assert found["residual"] == pytest.approx(shift, abs=0.02)
            assert found["measured_low"] <= found["measured"] <= found["measured_high"]
            assert found["residual_se"] > 0
        assert summary["window_width"]["residual"] == pytest.approx(0, abs=0.02)
        assert "chi2" not in summary
        assert summary["agree"] == (shift == 0)
        written = {file.name for file in (tmp_path / name).iterdir()}
        assert written == {"predicted.csv", "predicted.nc", "summary.json", "comparison.png", "manifest.json"}
    status, out, _ = run("compare", tmp_path / "same.csv", SPEC)
    assert status == 0
    assert "peak per log σ" in out
    assert out.splitlines()[-1].startswith("decided at σ = ")
    assert ": agree (0.0 standard errors)" in out.splitlines()[-1]


def test_compare_takes_what_curve_writes(run, tmp_path):
    path = tmp_path / "curve.csv"
    assert run("curve", SPEC, "--out", path)[0] == 0
    found = compare(read_curve(path), GaussianMixture.parse(SPEC))
    assert found.summary["largest_difference"] < 1e-9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ("\0\0", "not text"),
        ("a,b\n1,2\n", "it needs the columns sigma or ou_time"),
        ("sigma,entropy\n1,0.1\n2,0.2\n", "at least 4 levels"),
        ("sigma,entropy\n1,0.1\n2,x\n3,0.3\n4,0.4\n", "row 2: entropy is 'x', not a number"),
        ("sigma,entropy\n1,0.1\n0,0.2\n3,0.3\n4,0.4\n", "row 2: sigma must be > 0"),
        ("sigma,entropy\n1,0.1\n1,0.2\n3,0.3\n4,0.4\n", "sigma has a value twice"),
        ("sigma,entropy\n1,0.1\n2,-0.2\n3,0.3\n4,0.4\n", "line 3, row 2: entropy must be >= 0"),
        ("sigma,entropy,entropy_se\n1,-1,0.1\n2,0.2,1\n3,0.3,1\n4,0.4,1\n", "row 1: entropy must be >= 0"),
        ("sigma,entropy\n1,0.1,9\n2,0.2\n3,0.3\n4,0.4\n", "line 2: 3 fields, but the header names 2"),
        ("sigma,entropy\n1,0.1\n2\n3,0.3\n4,0.4\n", "line 3: 1 fields, but the header names 2"),
        ("1,0.1\n2,0.2\n3,0.3\n4,0.4\n", "line 1 holds numbers; no line before it names the columns"),
        ("sigma,entropy,entropy\n1,0.1,2\n", "names 'entropy' twice"),
        ("sigma,entropy,rate\n1,0.1,1\n2,0.2,9\n3,0.3,9\n4,0.4,9\n", "rate is not the slope of entropy"),
        ("sigma,cross_entropy\n1,0.1\n2,0.2\n3,0.3\n4,0.4\n", "guidance: the curve is a cross-entropy"),
        ("sigma,entropy,entropy_se\n1,0.1,1\n2,0.2,-1\n3,0.3,1\n4,0.4,1\n", "row 2: entropy_se must be"),
    ],
)
def test_bad_curves_get_one_line(content, message, run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    status, out, err = run("compare", path, SPEC)
    assert (status, out) == (2, "")
    assert err.startswith(f"{path}: ") or message.startswith("guidance")
    assert message in err
    assert err.count("\n") == 1


def test_log_scale_test_recovers_a_known_line():
    """Fitted 3 standard errors wide; the mutant is a slope that is off by a fifth."""
    rng = np.random.default_rng(0)
    predicted = np.geomspace(0.5, 8, 45)
    measured = np.exp(0.1 + 0.8 * np.log(predicted) + 0.05 * rng.standard_normal(45))
    test = log_scale_test(predicted, measured, widths=2.0)
    assert abs(test["slope"] - 0.8) < 5 * test["slope_se"] < 0.1
    assert abs(test["slope"] - 0.64) > 5 * test["slope_se"]
    assert abs(test["intercept"] - 0.1) < 5 * test["intercept_se"]
    assert test["correlation"] > 0.97
    assert test["residual_in_widths"] == pytest.approx(test["absolute_residual"] / 2)
    assert test["absolute_residual"] == pytest.approx(np.median(np.abs(np.log(measured / predicted))))
    with pytest.raises(ValueError, match="at least three"):
        log_scale_test([1.0, 2.0], [1.0, 2.0])
    for bad in (0.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="one sigma > 0 for each"):
            log_scale_test([1.0, 2.0, bad], [1.0, 2.0, 3.0])


@pytest.mark.slow
def test_pairs_that_share_a_class_are_not_independent():
    """Each class shifts all of its pairs: only the bootstrap over classes sees how far the median wanders.

    Of 60 worlds of 10 classes the spread of the median is known to 9 %; a factor of 2 apart is told.
    """
    own, other = np.triu_indices(10, 1)
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        predicted = np.geomspace(1, 9, 45)[rng.permutation(45)]
        shift = 0.2 * rng.standard_normal(10)
        measured = predicted * np.exp(shift[own] + shift[other] + 0.02 * rng.standard_normal(45))
        pairs = log_scale_test(predicted, measured)
        classes = log_scale_test(predicted, measured, classes=np.stack([own, other], axis=1))
        assert classes["residual"] == pairs["residual"]
        found.append((pairs["residual"], pairs["residual_se"], classes["residual_se"]))
    medians, over_pairs, over_classes = np.array(found).T
    spread = medians.std(ddof=1)
    assert np.median(over_pairs) < 0.7 * spread
    assert 0.7 * spread < np.median(over_classes) < 1.5 * spread
    with pytest.raises(ValueError, match="classes: need two for each pair"):
        log_scale_test(predicted, measured, classes=[1, 2])


def test_log_scale_test_of_three_pairs_says_nothing_else():
    """One resample in nine is of one pair alone; equal values have no correlation, and no warning."""
    test = log_scale_test([1.0, 2.0, 4.0], [3.0, 3.0, 3.0])
    assert [test[name] for name in ("slope", "correlation", "slope_se")] == [0.0, 0.0, 0.0]
    assert 0 < test["residual_se"] < 1
    line = log_scale_test([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])
    assert line["slope"] == pytest.approx(1, abs=1e-12)
    assert line["slope_se"] < 1e-12


def test_log_scale_test_allows_for_the_errors_of_both_axes():
    """Known errors of 0.3 in x and 0.2 in y, slope 1, 400 pairs; least squares is flattened by a sixth.

    Each bound is five standard errors: false alarms below 1e-6.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.6, 400)
    measured = np.exp(x + 0.2 * rng.standard_normal(400))
    predicted = np.exp(x + 0.3 * rng.standard_normal(400))
    errors = {"predicted_error": 0.3, "measured_error": np.full(400, 0.2)}
    test = log_scale_test(predicted, measured, **errors)
    assert abs(test["slope"] - 1) < 5 * test["slope_se"] < 0.25
    assert test["scatter"] < 0.12
    # mutant: without the errors of x
    flat = log_scale_test(predicted, measured, measured_error=0.2)
    assert abs(flat["slope"] - 1 / (1 + 0.25)) < 5 * flat["slope_se"]
    assert abs(flat["slope"] - 1) > 4 * flat["slope_se"]
    assert flat["scatter"] > 0.2


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_the_line_is_deming_s_where_all_errors_are_equal(ratio):
    """The closed form for variances of y that are `ratio` times those of x; no scatter is left to find."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 12))
    y = 0.1 * y + 1.5 * x
    test = log_scale_test(
        np.exp(x), np.exp(y), predicted_error=1.0, measured_error=np.full(12, np.sqrt(ratio))
    )
    xx, yy, xy = x.var(), y.var(), np.mean((x - x.mean()) * (y - y.mean()))
    slope = (yy - ratio * xx + np.sqrt((yy - ratio * xx) ** 2 + 4 * ratio * xy**2)) / (2 * xy)
    assert test["slope"] == pytest.approx(slope, rel=1e-9)
    assert test["intercept"] == pytest.approx(y.mean() - slope * x.mean(), abs=1e-9)
    assert test["scatter"] == 0


def test_errors_of_the_line_that_are_not_known_or_are_none():
    known = log_scale_test([1, 2, 4, 9], [1, 2.2, 4, 8], measured_error=[0.1, 0.2, 0.1, 0.2])
    open_ = log_scale_test([1, 2, 4, 9], [1, 2.2, 4, 8], measured_error=[0.1, np.nan, 0.1, 0.2])
    assert open_ == known
    for bad in (-0.1, np.inf, [0.1, 0.1]):
        with pytest.raises(ValueError, match="measured_error"):
            log_scale_test([1, 2, 4, 9], [1, 2.2, 4, 8], measured_error=bad)


def test_results_say_what_they_are(run, tmp_path):
    assert run(*SMALL, "--out", tmp_path)[0] == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    header = (tmp_path / "curve.csv").read_text().splitlines()[0].split(",")
    assert {"sigma", "ou_time", "entropy", "entropy_se", "rate", "rate_se"} < set(header)
    assert {"class_entropy", "closure", "median_sigma", "conditions"} < set(header)
    assert summary["samples"] == 200
    exact = entropy_curve(GaussianMixture.parse(SPEC), read_curve(tmp_path / "curve.csv").sigma.values[:1])
    assert float(exact.entropy[0]) < 1e-3


@pytest.mark.parametrize("samples", [8, 128, 600])
def test_an_estimate_is_of_warm_batches_of_the_run_s_own_size(samples):
    """A first call and one in the middle that take long are not extrapolated; each call costs something."""
    calls = []

    def clocked(x, sigma, condition):
        calls.append(len(x))
        time.sleep(0.3 if len(calls) in (1, 3) else 0.01 + 1e-4 * len(x))
        return x

    subject = replace(oracle_subject(SPEC), denoiser=clocked)
    cost = Measurement(subject, Options(("+", "-"), "discrepancy", samples=samples, levels=10)).cost()
    batch = min(samples, 64)
    per_sample = 2 * 10 * (0.01 / batch + 1e-4)
    assert set(calls) == {batch}
    assert len(calls) <= 6
    assert samples * per_sample < cost["seconds"] < 1.6 * samples * per_sample


def test_a_long_spec_is_no_file_and_numbers_of_things_are_refused_before_the_model_is_read():
    spec = "binary:d=4,mu=1,s=1." + "0" * 300
    found = measure("binary:d=4,mu=1,s=1", samples=8, levels=6, prediction=spec)
    assert found.comparison is not None
    for name, value in (("samples", 0), ("levels", 1), ("levels", 4.5)):
        with pytest.raises(ValueError, match=rf"^{name}: must be"):
            measure("binary:d=4,mu=1,s=1", **{name: value})
