"""Curves read from every kind of table, and held against predictions: what is said, and what is not."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from speciation.numerics import entropy_curve, guided_curve
from speciation.theory import GaussianMixture, binary_entropy, window_sigmas
from speciation.validation import MixtureDenoiser, compare, comparison_figure, pair_entropies, path_entropy
from speciation.validation.estimators.curve_statistics import extrapolated
from speciation.validation.measurement.comparison import read_curve

SPEC = "binary:d=4,mu=1,s=1"
MIXTURE = GaussianMixture.parse(SPEC)
ROWS = [("sigma", "entropy")] + [
    (f"{sigma:.6g}", f"{entropy:.6g}")
    for sigma, entropy in zip(
        np.geomspace(0.2, 30, 20), binary_entropy(MIXTURE.gamma(np.geomspace(0.2, 30, 20))), strict=True
    )
]


def text(separator=",", end="\n", rows=ROWS, comma=False):
    lines = [separator.join(row) for row in rows]
    return end.join(line.replace(".", ",") if comma else line for line in lines) + end


TABLES = {
    "plain": text().encode(),
    "np.savetxt": ("# " + text()).encode(),
    "np.savetxt, blanks": ("# " + text(" ")).encode(),
    "remarks": ("# made elsewhere\n\n" + text()).encode(),
    "byte order mark": b"\xef\xbb\xbf" + text(end="\r\n").encode(),
    "UTF-16": text("\t", "\r\n").encode("utf-16"),
    "semicolons and decimal commas": text(";", "\r\n", comma=True).encode(),
    "sep=": ("sep=;\r\n" + text(";", "\r\n", comma=True)).encode(),
    "tabs": text("\t").encode(),
    "code page": ("# caf\xe9\r\n" + text(end="\r\n")).encode("latin-1"),
    "empty columns": text(",", ",,\r\n").encode() + b",,,\r\n",
    "quotes": text('","', '"\n"').encode().join([b'"', b""]).removesuffix(b'"'),
    "capitals": text().replace("sigma,entropy", "Sigma, Entropy").encode(),
    "carriage returns": text(end="\r").encode(),
    "empty and other columns twice": text(",,", ",0,0\n").replace("entropy,0,0", "entropy,x,x").encode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read(name, tmp_path):
    path = tmp_path / "curve.csv"
    path.write_bytes(TABLES[name])
    curve = read_curve(path)
    np.testing.assert_allclose(curve.sigma, [float(row[0]) for row in ROWS[1:]])
    np.testing.assert_allclose(curve.entropy, [float(row[1]) for row in ROWS[1:]])
    assert "entropy_se" not in curve


THOUSANDS = [ROWS[0], *((f"{1e3 * float(sigma):,.0f}", entropy) for sigma, entropy in ROWS[1:])]
REFUSED_TABLES = {
    "thousands with commas": (text(";", rows=THOUSANDS), "where another number is '0.065949'"),
    "thousands with points": (
        text(";", rows=THOUSANDS).translate(str.maketrans(",.", ".,")),
        "need one mark",
    ),
    "a level twice": (text(rows=[*ROWS, ROWS[3]]), "line 22: sigma has a value twice, here and in line 4"),
    "a column twice": (
        text(end=",0\n").replace("entropy,0", "entropy,Entropy"),
        "the header names 'entropy' twice",
    ),
    "no text": ("\0", "not text; a curve is"),
}


@pytest.mark.parametrize("name", REFUSED_TABLES)
def test_tables_that_could_be_read_in_two_ways_are_refused(name, tmp_path):
    content, message = REFUSED_TABLES[name]
    (tmp_path / "curve.csv").write_text(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_curve(tmp_path / "curve.csv")


REFUSED_DATASETS = {
    "below zero": (lambda c: c.assign(entropy=-c.entropy), "sigma = 0.1: entropy must be >= 0"),
    "another rate": (lambda c: c.assign(rate=3 * c.rate), "rate is not the slope of entropy"),
    "entropies of the class": (
        lambda c: c.assign(class_entropy=c.entropy),
        "class_entropy must be one number",
    ),
    "no entropy of the class": (lambda c: c.assign(class_entropy=np.nan), "class_entropy must be > 0"),
    "weight of words": (lambda c: c.assign_attrs(guidance="x"), "guidance must be one number"),
    "no classes": (lambda c: c.assign_attrs(classes=0), "classes must be > 0"),
}


@pytest.mark.parametrize("name", REFUSED_DATASETS)
def test_a_dataset_is_refused_as_a_table_would_be(name, tmp_path):
    changed, message = REFUSED_DATASETS[name]
    curve = entropy_curve(MIXTURE, np.geomspace(0.1, 60, 24))
    changed(curve).to_netcdf(tmp_path / "c.nc", engine="scipy")
    with pytest.raises(ValueError, match=f"c.nc: {message}"):
        read_curve(tmp_path / "c.nc")


@pytest.mark.slow
def test_a_prediction_meets_itself_on_every_grid():
    """No grid that is compared says that an exact curve disagrees, and none says that it is exact."""
    compared = 0
    for spec in (SPEC, "orthogonal:K=5,d=5,M=9,s=0.5", "binary:d=16,mu=1,s=3,w=0.1"):
        mixture = GaussianMixture.parse(spec)
        for levels in (5, 8, 12, 16, 24, 64):
            curve = entropy_curve(mixture, window_sigmas(mixture, levels))
            names = ["entropy_se", "rate", "rate_se", "agreement", "agreement_se"]
            for table in (curve, curve.drop_vars(names[1:]), curve.drop_vars(names)):
                try:
                    found = compare(table, mixture).summary
                except ValueError as error:
                    assert levels <= 12  # at 12 they can lie 0.65 apart in log σ
                    assert str(error).startswith("curve: too coarse")  # noqa: PT017
                    continue
                compared += 1
                assert found["agree"], found["sentence"]
                for name in ("peak_per_log_sigma", "median_sigma"):
                    place = found[name]
                    assert place["measured_low"] < place["predicted"] < place["measured_high"]
                    assert levels <= 12 or abs(place["residual"]) < 0.02
    assert compared > 30


def test_places_are_those_of_the_data_whatever_a_curve_carries():
    curve = entropy_curve(MIXTURE, window_sigmas(MIXTURE, 64))
    lying = curve.assign(peak_per_log_sigma=9.0, median_sigma=9.0).assign_attrs(peak_sigma=9.0)
    expected = compare(curve, MIXTURE).summary["peak_per_log_sigma"]["measured"]
    assert compare(lying, MIXTURE).summary["peak_per_log_sigma"]["measured"] == expected
    part = compare(curve.isel(sigma=curve.sigma.values < 1.2), MIXTURE)
    assert part.summary["peak_per_log_sigma"]["measured"] is None
    assert "no peak in the measured range" in part.summary["sentence"]


def test_an_extrapolated_curve_is_read_anew():
    """The median of 2H_fine − H_coarse, and not that of the finer run, is what is compared."""
    sigma = np.geomspace(0.1, 60, 40)
    exact = entropy_curve(MIXTURE, sigma)[["entropy"]]
    exact["entropy_se"] = exact.entropy * 0 + 0.002
    one, two = exact.copy(deep=True), exact.copy(deep=True)
    shifted = binary_entropy(MIXTURE.gamma(sigma * np.exp(0.2)))
    two["entropy"] = ("sigma", shifted)
    one["entropy"] = ("sigma", 2 * shifted - exact.entropy.values)
    two = compare(two, MIXTURE).measured
    assert float(np.log(two.median_sigma / 1.6827)) == pytest.approx(-0.2, abs=0.02)
    found = compare(extrapolated(one, two), MIXTURE).summary["median_sigma"]
    assert abs(found["residual"]) < 3 * found["residual_se"] < 0.1


WINDOWS = {
    "ends below the peak": (
        0.2,
        1.1,
        "decided above the measured range",
        ", outside it: nothing to compare",
    ),
    "starts above it": (6.0, 60.0, "not decided in the measured range", ", outside it: nothing to compare"),
    "far above": (60.0, 600.0, "not decided in the measured range", "nothing to compare"),
    "far below": (0.01, 0.2, "decided above the measured range", "nothing to compare"),
    "whole": (0.1, 60.0, "decided at σ = 1.6", "predicted 1.683: agree"),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("error", [None, 0.002], ids=["no errors", "errors"])
def test_the_prediction_is_read_on_its_own_range(name, error):
    low, high, first, last = WINDOWS[name]
    curve = entropy_curve(MIXTURE, np.geomspace(low, high, 20))[["entropy"]]
    if error is not None:
        curve["entropy"] = curve.entropy + error * np.random.default_rng(3).standard_normal(20)
        curve["entropy_se"] = curve.entropy * 0 + error
    summary = compare(curve, MIXTURE).summary
    assert summary["peak_per_log_sigma"]["predicted"] == pytest.approx(1.7746, abs=1e-4)
    assert first in summary["sentence"]
    assert last in summary["sentence"]
    assert (summary["agree"] is None) == (name != "whole")
    assert ("no peak in the measured range" in summary["sentence"]) == (name != "whole")
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "decided above"), (0.4, "not decided in"), (float(np.log(2)), "not decided in")],
)
def test_a_flat_curve_is_one_sentence(value, said, run, run_json, tmp_path):
    path = tmp_path / "flat.csv"
    path.write_text("sigma,entropy\n" + "".join(f"{s:.6g},{value}\n" for s in np.geomspace(0.2, 20, 12)))
    summary = run_json("compare", path, SPEC, "--out", tmp_path / "out")
    assert summary["agree"] is False
    assert summary["sentence"].startswith(
        f"{said} the measured range (σ from 0.2 to 20), predicted 1.683: do"
    )
    status, out, _ = run("compare", path, SPEC)
    assert status == 0
    assert out.splitlines()[-1] == summary["sentence"]


def curve_of(entropy, low=0.2, high=20, error=None):
    """A curve of twelve levels: the same entropy at each, or one for each."""
    curve = entropy_curve(MIXTURE, np.geomspace(low, high, 12))[["entropy"]]
    curve["entropy"] = curve.entropy * 0 + entropy
    return curve if error is None else curve.assign(entropy_se=curve.entropy * 0 + error)


def test_a_curve_too_noisy_to_read_neither_agrees_nor_disagrees():
    truth = entropy_curve(MIXTURE, np.geomspace(0.2, 20, 12)).entropy.values
    for entropy in (0.35, truth):
        summary = compare(curve_of(entropy, error=0.3), MIXTURE).summary
        assert summary["agree"] is None
        assert summary["sentence"].startswith("too noisy to tell where in the measured range (σ from")
        assert "predicted 1.683: nothing to compare" in summary["sentence"]
    # less noise: what it shows is held against what is predicted
    assert compare(curve_of(truth, error=0.03), MIXTURE).summary["agree"] is True
    other = GaussianMixture.parse("binary:d=4,mu=9,s=1")
    assert compare(curve_of(truth, error=0.03), other).summary["agree"] is False


@pytest.mark.parametrize("error", [None, 0.004])
def test_what_lies_on_one_side_of_half_contradicts_the_other_side(error):
    """Less than half left everywhere says that it is decided above, and more, that it is decided below."""
    low = compare(curve_of(np.linspace(0.01, 0.029, 12), error=error), MIXTURE)
    for spec, agree in ((SPEC, False), ("binary:d=4,mu=30,s=1", None), ("binary:d=1,mu=0.3,s=1", False)):
        found = compare(low.measured, GaussianMixture.parse(spec)).summary
        assert found["sentence"].startswith("decided above the measured range (σ from 0.2 to 20)"), spec
        assert found["agree"] is agree, spec
    high = curve_of(np.linspace(0.65, 0.68, 12), error=error)
    for spec, agree in ((SPEC, False), ("binary:d=4,mu=30,s=1", False), ("binary:d=1,mu=0.3,s=1", True)):
        found = compare(high, GaussianMixture.parse(spec)).summary
        assert found["sentence"].startswith("not decided in the measured range (σ from 0.2 to 20)"), spec
        assert found["agree"] is agree, spec


def test_what_is_never_decided_agrees_where_its_levels_do():
    overlap = GaussianMixture.parse("binary:d=1,mu=0.3,s=1")
    sentence = compare(curve_of(0.4), overlap).summary["sentence"]
    assert "predicted never (" in sentence
    assert ": do not agree (levels 0.29 nats apart)" in sentence
    assert compare(entropy_curve(overlap, np.geomspace(0.2, 20, 12)), overlap).summary["agree"]


def test_a_narrow_range_says_no_more_than_it_holds():
    summary = compare(curve_of(np.linspace(0.34, 0.352, 12), 1.6, 1.8), MIXTURE).summary
    assert summary["agree"] is None
    assert summary["sentence"].startswith("too narrow to tell where in the measured range")


def test_three_levels_are_too_coarse(run, run_json):
    spec, levels = "binary:d=8,mu=1,s=1", "0.5,2.5,20"
    found = run_json("curve", spec, "--sigma", levels)
    assert found["sentence"].startswith("too coarse to tell where in the measured range (σ from 0.5 to 20)")
    assert "not decided" not in found["sentence"]


@pytest.mark.slow
def test_the_sentence_names_the_peak_that_is_missing(run):
    status, out, _ = run("curve", "digits:0,3,8", "--sigma", "0.1:10:8", "--samples", "20000")
    lines = out.splitlines()
    held = {kind: next(line for line in lines if f"peak per {kind}" in line) for kind in ("log σ", "OU time")}
    assert status == 0
    missing = [kind for kind, line in held.items() if "–" in line]
    assert missing == ["log σ"]
    assert "; no peak per log σ in the measured range (too coarse" in lines[-1]


@pytest.mark.parametrize(
    ("spec", "other"),
    [
        (SPEC, "orthogonal:K=10,d=10,M=4,s=1"),
        ("orthogonal:K=3,d=3,M=4,s=1", SPEC),
        ("orthogonal:K=9,d=9,M=4,s=1", "orthogonal:K=10,d=10,M=4,s=1"),
    ],
)
def test_another_number_of_classes_is_refused(spec, other, run, tmp_path):
    """A dataset knows its number of classes; a table where it levels off, if that is far enough."""
    mixture = GaussianMixture.parse(spec)
    curve = entropy_curve(mixture, window_sigmas(mixture, 40))
    with pytest.raises(ValueError, match=r"mixture: has \d+ classes, the curve is of \d+"):
        compare(curve, GaussianMixture.parse(other))
    assert compare(curve, mixture).summary["agree"]
    if "K=9" in spec:
        return
    path = tmp_path / "curve.csv"
    assert run("curve", spec, "--out", path, "--quiet")[0] == 0
    status, _, err = run("compare", path, other, "--quiet")
    assert (status, err.count("\n")) == (2, 1)
    assert "classes, the curve is of" in err
    rows = zip(curve.sigma.values, curve.entropy.values, strict=True)
    path.write_text("sigma,entropy\n" + "".join(f"{sigma},{entropy}\n" for sigma, entropy in rows))
    (tmp_path / "curve.csv.manifest.json").unlink()
    status, _, err = run("compare", path, other, "--quiet")
    assert (status, err.count("\n")) == (2, 1)
    assert "another number of classes" in err


def test_a_prediction_of_other_classes_is_refused_before_the_measurement(run):
    status, _, err = run("measure", SPEC, "--prediction", "orthogonal:K=3,d=4,M=9,s=1")
    assert (status, err.splitlines()[-1]) == (2, "--prediction: has 3 classes, the measurement 2")


def test_noise_below_zero_is_read(reference, run):
    status, out, _ = run("compare", reference / "cases" / "f28_noise_below_zero.csv", "binary:d=4,mu=3,s=1")
    assert status == 0
    assert ": agree (" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('{"name": "another tool", "manifest_version": 3}', 0),
        ('{"files": ["a"], "format": "zip"}', 0),
        ("[1, 2", 0),
        ('{\n "format": 1,\n "parameters": {}, "files": {"curve.csv": "0"}}', 2),
        ('{\n "format": 1,\n "parameters": {', 2),
    ],
    ids=["another tool's", "another format", "no JSON", "ours, of another file", "ours, cut"],
)
def test_manifests_of_other_tools_are_ignored(content, status, run, tmp_path):
    (tmp_path / "curve.csv").write_text(text())
    (tmp_path / "manifest.json").write_text(content)
    assert run("compare", tmp_path / "curve.csv", SPEC)[0] == status


@pytest.mark.slow
def test_what_measure_writes_is_read(run, run_json, tmp_path):
    few = ["--samples", "400", "--levels", "24", "--batch", "200"]
    summary = run_json("measure", SPEC, *few, "--out", tmp_path / "one")
    for source in ("", "curve.nc", "curve.csv"):
        assert run_json("compare", tmp_path / "one" / source, SPEC) == {
            "curve": str(tmp_path / "one" / source),
            "spec": SPEC,
            **summary["comparison"],
            **(WITHOUT_COVARIANCE if source == "curve.csv" else {}),
        }
    guided = ["--estimator", "path", "--guidance", "2", "--interval", "0.2,8"]
    summary = run_json("measure", SPEC, *few, *guided, "--out", tmp_path / "guided")
    for source in ("", "curve.nc", "curve.csv"):
        found = run_json("compare", tmp_path / "guided" / source, SPEC)
        assert found["quantity"] == "cross_entropy"
        assert found["median_sigma"] == summary["comparison"]["median_sigma"]
        assert found["sentence"] == summary["sentence"]
    bare = tmp_path / "bare.csv"
    read = pd.read_csv(tmp_path / "guided" / "curve.csv")
    read[["sigma", "cross_entropy", "cross_entropy_se"]].to_csv(bare, index=False)
    status, _, err = run("compare", bare, SPEC)
    assert (status, err.startswith("--guidance: the curve is a cross-entropy")) == (2, True)
    again = run_json("compare", bare, SPEC, "--guidance", 2, "--interval", "0.2,8")
    assert again["median_sigma"]["predicted"] == found["median_sigma"]["predicted"]


WITHOUT_COVARIANCE = {"level_test": None}
"""Tables have no room for the covariance between levels, and so no test of all of them together."""


@pytest.mark.one_of_each
@pytest.mark.parametrize(("samples", "levels"), [(50, 8), (128, 8), (128, 16)])
def test_few_noisy_samples_are_read_alike_from_every_file(samples, levels, run_json, tmp_path):
    """Where half is depends on the closure, and its interval on the samples: a table has both."""
    arguments = ["--classes", "3,8", "--samples", samples, "--levels", levels]
    summary = run_json("measure", "digits", *arguments, "--out", tmp_path)
    sources = [tmp_path / name for name in ("", "curve.nc", "curve.csv")]
    found = [run_json("compare", source, "digits:3,8") for source in sources]
    for each in found:
        assert each["sentence"] == summary["sentence"]
        assert each["median_sigma"] == summary["comparison"]["median_sigma"]
    whole, netcdf, table = [{**each, "curve": ""} for each in found]
    assert whole == netcdf
    assert table == netcdf | WITHOUT_COVARIANCE
    read = pd.read_csv(tmp_path / "curve.csv")
    assert len(read) == levels
    assert float(read.closure[0]) == summary["closure"]


@pytest.mark.slow
def test_a_curve_is_read_alike_from_every_file(run, run_json, tmp_path):
    found = []
    for ending in ("csv", "nc", "json"):
        path = tmp_path / f"curve.{ending}"
        assert run("curve", "digits:0,3,8", "--samples", 4000, "--out", path, "--quiet")[0] == 0
        found.append(run_json("compare", path, "digits:0,3,8"))
    table, netcdf, text = [{**each, "curve": ""} for each in found]
    assert netcdf["level_test"]["p_value"] > 1e-6
    assert table == text == netcdf | WITHOUT_COVARIANCE


@pytest.mark.parametrize(
    ("column", "fields", "message"),
    [
        ("closure", ["0.9", "0.8"], "closure must be one number, the same on every line"),
        ("class_entropy", ["x"], "class_entropy must be one number, the same on every line"),
        ("class_entropy", ["-1"], "class_entropy must be > 0"),
        ("closure", [""], None),
        ("method", ["theirs", "ours"], None),
        ("conditions", ['"a # b,c"'], None),
    ],
)
def test_columns_of_what_a_curve_has_one_of(column, fields, message, run, tmp_path):
    path = tmp_path / "curve.csv"
    rows = [(*row, fields[i % len(fields)]) for i, row in enumerate(ROWS[1:])]
    path.write_text(text(rows=[(*ROWS[0], column), *rows]))
    status, _, err = run("compare", path, SPEC)
    assert (status, err) == ((0, "") if message is None else (2, f"{path}: {message}\n"))


def test_all_pairs_are_read(run, run_json, tmp_path):
    means = [[2.0, 0.0], [0.0, 3.0], [-4.0, 0.0]]
    mixture = GaussianMixture([0.8, 0.1, 0.1], means, 0.05, ("a", "b", "c"))
    mixture.save(tmp_path / "three.json")
    arguments = ["--classes", "all", "--samples", "1500", "--batch", "500", "--levels", "24"]
    summary = run_json("measure", tmp_path / "three.json", *arguments, "--out", tmp_path / "pairs")
    assert set(summary["pairs"]) == {"a,b", "a,c", "b,c"}
    for source in ("", "curves.nc", "curves.csv"):
        found = run_json(
            "compare", tmp_path / "pairs" / source, tmp_path / "three.json", "--out", tmp_path / "c"
        )
        for name, test in found["pairs"].items():
            expected = summary["pairs"][name]["peak_per_log_sigma"]["residual"]
            assert test["peak_per_log_sigma"]["residual"] == pytest.approx(expected, rel=1e-6)
        assert "slope" in found["sentence"]
    status, _, err = run("compare", tmp_path / "pairs", SPEC)
    assert (status, err) == (2, "mixture: has the classes +, -, and not the pair 'a,b' of the curves\n")


def test_damaged_netcdf_gets_one_line(run, tmp_path):
    path = tmp_path / "curve.nc"
    for content in (b"", b"CDF\x01", b"CDF\x01" + b"\xff" * 60, b"HDF5"):
        path.write_bytes(content)
        status, _, err = run("compare", path, SPEC)
        assert (status, err.count("\n")) == (2, 1)
    xr.Dataset({"entropy": ("time", np.ones(5))}).to_netcdf(path, engine="scipy")
    assert run("compare", path, SPEC)[2] == f"{path}: needs entropy or cross_entropy over sigma\n"


def deaf(x, sigma, condition):
    """A network that ignores its class, but for rounding."""
    return x / (1 + sigma**2) * (1 + 1e-7 * (condition == "a"))


@pytest.mark.parametrize("estimator", ["path", "pairs"])
def test_of_a_network_that_ignores_its_class_no_peak_is_said(estimator):
    sigma = np.geomspace(0.05, 40, 20)
    if estimator == "path":
        curve = path_entropy(deaf, ["a", "b"], sigma[::-1], (4,), chains=64)
    else:
        sampler = MixtureDenoiser(MIXTURE).sample

        def drawn(condition, count, generator):
            return sampler("+", count, generator)

        curve = pair_entropies(deaf, ["a", "b"], sigma, drawn, samples=128).isel(pair=0)
    for name in ("peak_per_log_sigma", "peak_per_ou_time", "median_sigma"):
        assert np.isnan(curve[name])
    sentence = compare(curve, MIXTURE).summary["sentence"]
    assert sentence.startswith("not decided in the measured range")
    assert "do not agree" in sentence
    assert "no peak in the measured range (not decided in this range" in sentence


@pytest.mark.parametrize(
    ("asked", "levels"),
    [("0.5:8", 64), ("0.5:8:9", 9), ("4,1,2", 3), ("1.5", 1), ("1e-3:1e3:5", 5)],
)
def test_sigma_of_a_curve(asked, levels, run_json):
    content = run_json("curve", SPEC, "--sigma", asked)
    sigma = [level["sigma"] for level in content["levels"]]
    assert len(sigma) == levels
    assert sigma == sorted(sigma)
    assert sigma[0] == pytest.approx(min(float(part) for part in asked.replace(":", ",").split(",")[:3]))
    assert content["levels"][0]["entropy"] == pytest.approx(float(binary_entropy(MIXTURE.gamma(sigma[0]))))


@pytest.mark.parametrize(
    "asked", ["", "a", "1:", "2:1", "1:2:0", "1:2:3:4", "0:1", "-1,2", "1,1", "1:inf", "nan"]
)
def test_bad_sigma_gets_one_line(asked, run):
    status, out, err = run("curve", SPEC, "--sigma", asked)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "sigma" in err


def test_a_curve_says_where_it_is_decided(run, run_json, tmp_path):
    content = run_json("curve", SPEC, "--clock", "edm")
    assert content["peak_per_log_sigma"] == pytest.approx(1.774599, abs=1e-5)
    assert content["peak_per_log_sigma_low"] < 1.774599 < content["peak_per_log_sigma_high"]
    assert content["peak_per_ou_time"] == pytest.approx(1.285278, abs=1e-5)
    assert content["median_sigma"] == pytest.approx(1.682667, abs=1e-5)
    assert content["units"]["entropy"] == "nats"
    assert all(level["time"] == level["sigma"] for level in content["levels"])
    few = run_json("curve", SPEC, "--sigma", "0.1,0.2")
    assert few["peak_per_log_sigma"] is None
    assert few["notes"]["peak_per_log_sigma"].startswith("too coarse")
    status, out, _ = run("curve", SPEC)
    assert status == 0
    assert "peak per OU time" in out
    assert out.splitlines()[-1] == "decided at σ = 1.683 (half of the entropy left)"
    flow = run_json("curve", SPEC, "--sigma", "1,1e30", "--clock", "ddpm")
    assert flow["levels"][1]["time"] is None
    assert run("curve", SPEC, "--sigma", "1e30,1e31", "--clock", "ddpm")[0] == 2
    # an exact curve drew nothing
    assert run("curve", SPEC, "--out", tmp_path / "c.nc", "--quiet")[0] == 0
    asked = json.loads((tmp_path / "c.nc.manifest.json").read_text())["parameters"]
    assert not {"samples", "seed", "points", "tolerance"} & set(asked)
    with xr.open_dataset(tmp_path / "c.nc", engine="scipy") as stored:
        assert float(stored.peak_per_ou_time) == content["peak_per_ou_time"]
    assert run("compare", tmp_path / "c.nc", SPEC, "--out", tmp_path / "out", "--quiet")[0] == 0
    asked = json.loads((tmp_path / "out" / "manifest.json").read_text())["parameters"]
    assert "seed" not in asked


def test_predict_says_which_peak_it_gives(run, run_json, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = run("predict", SPEC)
    assert status == 0
    assert "per unit OU time" in " ".join(out.split())
    assert "per unit OU time" in run_json("predict", SPEC)["notes"]["entropy-peak"]


@pytest.mark.slow
def test_guided_curves_without_a_weight_are_refused():
    curve = guided_curve(MIXTURE, np.geomspace(0.2, 40, 30), 2.0)
    assert compare(curve, MIXTURE).summary["agree"]
    with pytest.raises(ValueError, match="guidance: 1 does not go with a curve of cross-entropy"):
        compare(curve, MIXTURE, guidance=1.0)
    with pytest.raises(ValueError, match="guidance: the curve was guided with 2, not 3"):
        compare(curve, MIXTURE, guidance=3.0)
    with pytest.raises(ValueError, match="interval: the curve was guided at every level, not from 1 to 2"):
        compare(curve, MIXTURE, interval=(1.0, 2.0))
    within = guided_curve(MIXTURE, np.geomspace(0.2, 40, 30), 2.0, (0.5, 8.0))
    assert compare(within, MIXTURE, guidance=2.0).summary == compare(within, MIXTURE).summary
    with pytest.raises(ValueError, match="interval: acts on guidance, and the curve is not guided"):
        compare(entropy_curve(MIXTURE, np.geomspace(0.2, 40, 30)), MIXTURE, interval=(1.0, 2.0))
    with pytest.raises(ValueError, match="guidance: 2 does not go with a curve of entropy"):
        compare(entropy_curve(MIXTURE, np.geomspace(0.2, 40, 30)), MIXTURE, guidance=2.0)


@pytest.mark.slow
def test_guidance_against_more_than_the_measured_classes_is_refused(run, run_json, tmp_path):
    """As `measure --prediction` refuses it: the reference is read from the result, in every file."""
    spec, two = "orthogonal:K=3,d=3,M=9,s=1", "orthogonal:K=2,d=2,M=9,s=1"
    arguments = ("measure", spec, "--classes", "0,1", "--guidance", "3", "--samples", "64")
    for reference in ("unconditional", "classes"):
        folder = tmp_path / reference
        run(*arguments, "--guidance-reference", reference, "--out", folder, "--quiet")
        for source in ("", "curve.nc", "curve.csv"):
            status, _, err = run("compare", folder / source, two)
            if reference == "classes":
                assert status == 0
                continue
            assert (status, err.count("\n")) == (2, 1)
            assert "guided relative to all 3 of the model's" in err
    oracle = MixtureDenoiser(GaussianMixture.parse(spec))
    grid = np.geomspace(60, 0.2, 25)
    some, every = (
        path_entropy(oracle, names, grid, (3,), guidance=3.0, chains=64)
        for names in (["0", "1"], ["0", "1", "2"])
    )
    with pytest.raises(ValueError, match="guided relative to all 3"):
        compare(some, GaussianMixture.parse(two))
    assert compare(every, oracle.mixture).summary["agree"] is not None

    def unnamed(x, sigma, condition):
        return oracle(x, sigma, condition)

    found = path_entropy(unnamed, ["0", "1"], grid, (3,), guidance=3.0, chains=64)
    notes = compare(found, GaussianMixture.parse(two)).summary["notes"]
    assert any("the unconditional network" in note for note in notes)


@pytest.mark.slow
def test_other_classes_than_the_prediction_s_are_said(run_json, tmp_path):
    few = ("--samples", "128", "--levels", "16", "--out", tmp_path)
    assert "classes" not in run_json("measure", "digits", "--classes", "8,3", *few)["sentence"]
    for source in ("", "curve.csv"):
        said = run_json("compare", tmp_path / source, "digits:3,9")["sentence"]
        assert said.endswith("; the curve is of the classes 8, 3, the prediction of 3, 9")
        assert "classes" not in run_json("compare", tmp_path / source, "binary:d=4,mu=1,s=1")["sentence"]


def test_curves_of_pairs_are_not_guided(tmp_path):
    sampler = MixtureDenoiser(MIXTURE).sample
    pairs = pair_entropies(
        MixtureDenoiser(MIXTURE), ["+", "-"], np.geomspace(0.1, 60, 16), sampler, samples=64
    )
    for options in ({"guidance": 2.0}, {"interval": (1.0, 2.0)}):
        with pytest.raises(ValueError, match="curves of pairs are not guided"):
            compare(pairs, MIXTURE, **options)


def test_a_comparison_is_drawn():
    curve = entropy_curve(MIXTURE, window_sigmas(MIXTURE, 24))
    upper, lower = comparison_figure(curve, curve, "itself").axes
    assert "nats" in upper.get_ylabel() + lower.get_ylabel()
    assert "predicted median" in upper.get_legend_handles_labels()[1]


def test_what_is_decided_below_the_lowest_level_is_said():
    """An integral that begins with nothing where a quarter of the entropy is left has another median."""
    mixture = GaussianMixture.parse("binary:d=1,mu=1,s=0.5")
    sigma = np.geomspace(0.6, 60, 40)
    curve = entropy_curve(mixture, sigma)
    left = float(curve.entropy[0]) / np.log(2)
    integral = xr.Dataset(
        {"entropy": curve.entropy - curve.entropy[0], "rate": curve.rate}, attrs=curve.attrs
    )
    integral = integral.assign(closure=1 - left, class_entropy=np.log(2))
    (note,) = [each for each in compare(integral, mixture).summary["notes"] if "lowest level" in each]
    assert note.startswith(f"{100 * left:.0f} % of the entropy are predicted to be left at the lowest level")
    notes = compare(curve, mixture).summary["notes"]
    assert not any("lowest level" in each for each in notes)


def test_a_figure_counts_the_prediction_from_where_the_measured_entropy_begins():
    """Classes that overlap on clean data keep entropy at σ = 0, which an integral from zero lacks."""
    curve = entropy_curve(GaussianMixture.parse("binary:d=1,mu=1,s=1"), np.geomspace(0.1, 30, 24))
    integral = curve.assign(entropy=curve.entropy - curve.entropy[0])
    upper = comparison_figure(integral, curve, "overlapping").axes[0]
    (line,) = [line for line in upper.get_lines() if "from 0 at σ = 0.1" in str(line.get_label())]
    np.testing.assert_allclose(line.get_ydata(), integral.entropy)
    names = comparison_figure(curve, curve, "overlapping").axes[0].get_legend_handles_labels()[1]
    assert not any("from 0" in name for name in names)
