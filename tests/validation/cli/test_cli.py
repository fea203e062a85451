"""The command line: contract, outputs, and one line with exit status 2 for every kind of bad input."""

import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from speciation.theory import CRITERIA, GaussianMixture, binary_entropy, binary_mmse, clone_agreement

SPEC = "binary:d=64,mu=1,s=1"


def test_predict_json_follows_the_contract(run_json):
    content = run_json("predict", SPEC, "--clock", "edm")
    assert content["clock"] == "edm"
    assert content["mixture"]["dimension"] == 64
    assert [entry["criterion"] for entry in content["times"]] == list(CRITERIA)
    for entry in content["times"]:
        if entry["time"] is None:
            assert entry["reason"]
        else:
            assert set(entry) == {"criterion", "time", "sigma", "gamma"}
            assert entry["time"] == entry["sigma"]


def test_predict_table_names_every_criterion(run):
    status, out, _ = run("predict", "digits:3,8")
    assert status == 0
    assert all(criterion in out for criterion in CRITERIA)


def test_predict_json_says_where_runs_commit(run_json):
    content = run_json("predict", "binary:d=4096,mu=1,s=1,w=0.3")
    assert set(content) == {"mixture", "clock", "times", "runs", "notes", "units"}
    assert content["runs"]["probability_of_change"] == pytest.approx(0.6, rel=1e-12)
    runs = {entry["criterion"]: entry for entry in content["runs"]["times"]}
    assert list(runs) == ["commitment-10", "commitment-50", "commitment-90", "expected-gamma-0.9"]
    assert all(set(entry) == {"criterion", "time", "sigma", "gamma"} for entry in runs.values())
    # half of 2ε(0) = 0.6, from Bayes' rule; E γ is that of ../shared/reference
    gamma, field = runs["commitment-50"]["gamma"], np.log(0.3 / 0.7) / 2
    error = [stats.norm.sf((gamma + sign * field) / np.sqrt(gamma)) for sign in (1, -1)]
    assert 2 * (0.3 * error[0] + 0.7 * error[1]) == pytest.approx(0.3, rel=1e-11)
    assert runs["expected-gamma-0.9"]["gamma"] == pytest.approx(0.70943025885704703, rel=1e-12)
    assert runs.keys() | {"second-mode"} <= content["notes"].keys()
    times = {entry["criterion"]: entry for entry in content["times"]}
    assert times["second-mode"]["gamma"] == pytest.approx(1.842248, abs=5e-7)
    assert "no fixed point" in times["curvature"]["note"]


@pytest.mark.parametrize("spec", ["binary:d=4096,mu=1,s=1,w=0.3", "digits:3,8", "orthogonal:K=3,d=4,M=6,s=1"])
def test_predict_table_fits_80_columns(spec, run, run_json, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = run("predict", spec)[1]
    assert max(map(len, out.splitlines())) <= 80
    words, content = " ".join(out.split()), run_json("predict", spec)
    for entry in (*content["times"], *content["runs"]["times"]):
        assert f"│ {entry['criterion']} " in out
        assert all(entry[key] in words for key in ("reason", "note") if key in entry)
    assert ("with probability 0.6" in words) == ("w=0.3" in spec)


def test_curve_json_is_the_closed_form(run_json):
    content = run_json("curve", SPEC, "--levels", "9")
    assert content["method"] == "exact"
    assert len(content["levels"]) == 9
    for level in content["levels"]:
        gamma = 64 / (1 + level["sigma"] ** 2)
        assert level["ou_time"] == pytest.approx(0.5 * np.log1p(level["sigma"] ** 2))
        assert level["entropy"] == pytest.approx(float(binary_entropy(gamma)), rel=1e-13)
        assert level["rate"] == pytest.approx(float(gamma * binary_mmse(gamma)), rel=1e-13)
        assert level["agreement"] == pytest.approx(float(clone_agreement(gamma)), rel=1e-13)
        assert level["entropy_se"] == level["rate_se"] == level["agreement_se"] == 0


@pytest.mark.one_of_each
@pytest.mark.parametrize("method", ["reduced", "ambient"])
def test_curve_json_of_a_measurement(method, run_json):
    arguments = ["curve", SPEC, "--levels", "6", "--method", method, "--samples", "20000", "--seed", "4"]
    content = run_json(*arguments)
    assert (content["method"], content["key"]) == (method, 4)
    assert content["samples"] >= 20_000
    assert content == run_json(*arguments)
    for level in content["levels"]:
        entropy = float(binary_entropy(64 / (1 + level["sigma"] ** 2)))
        assert abs(level["entropy"] - entropy) <= 6 * level["entropy_se"] + 1e-9


@pytest.mark.parametrize("named", [False, True])
def test_an_interruption_says_what_is_kept(named, run, tmp_path, monkeypatch):
    """Before the first draws, as while a large mixture is prepared, nothing is."""
    from speciation.numerics.curves import cost
    from speciation.validation.cli.common import keeps

    def interrupted(*given, **options):
        raise KeyboardInterrupt

    # what an earlier command of the same process kept is not this one's
    (tmp_path.parent / "kept-before.csv").touch()
    keeps(tmp_path.parent / "kept-before.csv")
    monkeypatch.setattr(cost, "curve_cost", interrupted)
    out = ["--out", tmp_path / "curve.csv"] if named else []
    status, _, err = run("curve", SPEC, "--method", "ambient", *out)
    said = "interrupted before anything was finished; nothing is kept\n"
    assert (status, err) == (
        130,
        said if named else "interrupted; nothing is kept; name --out to keep work\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_single_group_or_class_is_refused_before_the_work(run, tmp_path):
    labels = ["a", "b", "c"]
    GaussianMixture(np.full(3, 1 / 3), np.eye(3), 1.0, labels, {"all": labels}).save(tmp_path / "group.json")
    GaussianMixture([1.0], np.ones((1, 2)), 1.0).save(tmp_path / "class.json")
    status, out, err = run("curve", tmp_path / "group.json", "--partition", "groups")
    assert (status, out) == (2, "")
    assert err == "--partition: a single group holds every class, so there is nothing to decide\n"
    for command in ("curve", "predict"):
        status, out, err = run(command, tmp_path / "class.json")
        assert (status, out) == (2, "")
        assert err == "mixture: has a single class, and a decision needs at least two\n"


def test_reading_large_matrices_is_announced(run, tmp_path, monkeypatch):
    from speciation.validation.cli import common

    GaussianMixture([0.5, 0.5], np.eye(2, 60), np.diag(np.linspace(1, 2, 60))).save(tmp_path / "m.npz")
    assert run("predict", tmp_path / "m.npz")[2] == ""
    monkeypatch.setattr(common, "_LARGE", 50)
    monkeypatch.setattr(common, "_LONG", 0.0)
    status, _, said = run("predict", tmp_path / "m.npz")
    assert status == 0
    assert f"eigenvectors of the covariances in {tmp_path / 'm.npz'}" in said
    assert "eigenvectors" not in run("predict", tmp_path / "m.npz", "--quiet")[2]


def test_an_interrupted_curve_goes_on(run, tmp_path, monkeypatch):
    from speciation.validation.cli import curve

    path, whole = tmp_path / "curve.csv", tmp_path / "whole.csv"
    arguments = ["curve", SPEC, "--levels", 3, "--method", "ambient", "--samples", 30_000, "--quiet", "--out"]

    @contextmanager
    def impatient(quiet):
        def stop(done, total):
            raise KeyboardInterrupt

        yield stop

    with monkeypatch.context() as patch:
        patch.setattr(curve, "sampling_progress", impatient)
        status, _, err = run(*arguments, path)
    assert (status, err) == (130, "interrupted; finished work is kept\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["curve.csv.partial"]
    assert run(*arguments, path)[0] == run(*arguments, whole)[0] == 0
    assert path.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_figure_of_a_measured_curve(run, tmp_path):
    path = tmp_path / "curve.png"
    spec = "scales:d=20,lambda1=1,lambda2=3"
    status, _, err = run(
        "curve", spec, "--levels", "9", "--method", "ambient", "--samples", "2000", "--out", path
    )
    assert (status, err.replace("\n", "")) == (0, f"wrote {path}")


@pytest.mark.slow
def test_curve_of_groups(run_json):
    spec = "hierarchy:d=8,A=100,B=1,s=0.5"
    arguments = ["--levels", "5", "--samples", "20000", "--method", "reduced"]
    groups, classes = (run_json("curve", spec, *arguments, *flag) for flag in (["--partition", "level1"], []))
    for group, leaf in zip(groups["levels"], classes["levels"], strict=True):
        assert group["entropy"] <= leaf["entropy"] + 5 * leaf["entropy_se"] + 1e-9
        assert leaf["entropy"] <= np.log(4) + 1e-9
    # somewhere the first branching is decided and the second is not: half the entropy is left
    pairs = zip(groups["levels"], classes["levels"], strict=True)
    assert max(leaf["entropy"] - group["entropy"] for group, leaf in pairs) > 0.5


@pytest.mark.parametrize("ending", ["csv", "nc", "json", "png", "pdf", "svg"])
def test_curve_writes_every_format(ending, run, run_json, tmp_path):
    path = tmp_path / f"curve.{ending}"
    status, out, err = run("curve", SPEC, "--levels", 7, "--out", path)
    assert status == 0
    assert out.splitlines()[-1].startswith("decided at σ = ")
    assert str(path) in err.replace("\n", "")
    expected = [level["entropy"] for level in run_json("curve", SPEC, "--levels", 7)["levels"]]
    if ending == "csv":
        table = np.genfromtxt(path, delimiter=",", names=True)
        np.testing.assert_array_equal(table["entropy"], expected)
        assert {"sigma", "ou_time", "entropy_se"} <= set(table.dtype.names)
    elif ending == "nc":
        with xr.open_dataset(path, engine="scipy") as dataset:
            np.testing.assert_array_equal(dataset.entropy, expected)
            assert dataset.attrs["spec"] == SPEC
            assert dataset.entropy.attrs["units"] == "nats"
    elif ending == "json":
        levels = json.loads(path.read_text())["levels"]
        assert [level["entropy"] for level in levels] == expected
    else:
        magic = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending]
        assert path.read_bytes().startswith(magic)
        again = tmp_path / f"again.{ending}"
        assert run("curve", SPEC, "--levels", 7, "--out", again)[0] == 0
        assert again.read_bytes() == path.read_bytes()  # no date in it
        again.unlink()
        again.with_name(f"{again.name}.manifest.json").unlink()
    assert {found.name for found in tmp_path.iterdir()} == {path.name, f"{path.name}.manifest.json"}


@pytest.mark.parametrize("style", ["bibtex", "apa", "cff"])
@pytest.mark.parametrize("theorem", [None, "T4", "T9"])
def test_cite(style, theorem, run, run_json):
    arguments = ["cite", "--format", style] + (["--theorem", theorem] if theorem else [])
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    assert run_json(*arguments)["citation"] == out.rstrip("\n")
    assert ("Biroli" in out) == (theorem == "T4")
    assert ("speciation" in out) == (theorem != "T4" or style == "cff")


def test_help_and_version(run):
    for arguments in ([], ["--help"], ["predict", "--help"], ["--version"]):
        status, out, _ = run(*arguments)
        assert status == 0
        assert out


def test_import_is_light():
    code = (
        "import sys, time; start = time.perf_counter(); import speciation.theory;"
        "elapsed = time.perf_counter() - start;"
        "heavy = {'jax', 'torch', 'sympy', 'scipy', 'pydantic', 'pybtex'} & set(sys.modules);"
        "print(elapsed, sorted(heavy))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    elapsed, heavy = out.split(maxsplit=1)
    assert float(elapsed) < 1
    assert heavy.strip() == "[]"


def test_predict_loads_no_engine():
    code = (
        "import sys\nfrom speciation.validation.cli import main\n"
        f"try:\n    main(['predict', '{SPEC}', '--quiet'])\nexcept SystemExit: pass\n"
        "print({'jax', 'torch', 'matplotlib', 'sklearn', 'xarray'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


def mixture_json(**changes) -> str:
    good = {"weights": [0.5, 0.5], "means": [[1, 0], [-1, 0]], "covariance": {"isotropic": 1.0}}
    return json.dumps({key: value for key, value in (good | changes).items() if value is not None})


FILES = {
    "weights sum.json": (mixture_json(weights=[0.5, 0.4]), "weights sum to 0.9, not 1"),
    "weights negative.json": (mixture_json(weights=[1.5, -0.5]), "weights[1]"),
    "weights length.json": (mixture_json(weights=[1.0]), "weights: need one per class (2), found 1"),
    "weights text.json": (mixture_json(weights="half"), "weights"),
    "weights missing.json": (mixture_json(weights=None), "weights: missing"),
    "means nan.json": (mixture_json(means=[[float("nan"), 0], [0, 0]]), "NaN is not a finite number"),
    "means inf.json": (mixture_json().replace("-1", "1e999"), "means[1, 0]: not a finite number"),
    "means ragged.json": (mixture_json(means=[[1, 2], [3]]), "means"),
    "empty.json": (mixture_json(weights=[], means=[]), "means: empty"),
    "same.json": (mixture_json(means=[[1, 0], [1, 0]]), "entropy of the class never falls"),
    "asymmetric.json": (mixture_json(covariance={"full": [[1, 0.5], [0, 1]]}), "not symmetric"),
    "indefinite.json": (mixture_json(covariance={"full": [[1, 2], [2, 1]]}), "not positive semi-definite"),
    "size.json": (mixture_json(covariance={"full": [[1]]}), "a 1 x 1 matrix for 2 dimensions"),
    "ragged.json": (mixture_json(covariance={"full": [[1, 0], [1]]}), "rows of equal length"),
    "kind.json": (mixture_json(covariance={"round": 1}), "'round' is not one of isotropic"),
    "number.json": (mixture_json(covariance=1.0), "covariance: need one of"),
    "isotropic list.json": (mixture_json(covariance={"isotropic": [1, 2]}), "one number"),
    "null.json": (mixture_json(covariance={"isotropic": None}), "covariance"),
    "count.json": (mixture_json(covariance=[{"isotropic": 1}] * 3), "need one per class (2), found 3"),
    "key.json": (mixture_json(weight=1), "unknown key 'weight'"),
    "labels.json": (mixture_json(labels=["a", "a"]), "labels: two classes have the same name"),
    "labels number.json": (mixture_json(labels=5), "labels"),
    "partition.json": (mixture_json(partition={"g": ["0"]}), "class '1' is in no group"),
    "partition list.json": (mixture_json(partition=["0"]), "partition: need a mapping"),
    "partition number.json": (mixture_json(partition={"g": 3}), "partition"),
    "list.json": ("[1, 2]", "need a JSON object"),
    "truncated.json": (mixture_json()[:40], "not JSON"),
    "prose.json": ("two classes, please", "not JSON"),
    "blank.json": ("", "not JSON"),
    "binary.json": (b"\xff\xfe\x00\x01", "not UTF-8"),
    "deep.json": ("[" * 200_000, "nested too deeply"),
    "text.npz": ("not a zip", "not an .npz archive"),
    "cut.npz": (b"PK\x03\x04" + b"\0" * 40, "not an .npz archive"),
}


@pytest.mark.parametrize("name", FILES)
def test_refuses_bad_files(name, run, tmp_path):
    content, message = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(run, ["predict", path], message)
    assert str(path) in run("predict", path)[2]


def test_refuses_ten_gigabytes_of_zeros(run, tmp_path):
    for name in ("zeros.json", "zeros.npz"):
        path = tmp_path / name
        with path.open("wb") as stream:
            stream.truncate(10 * 2**30)
        refused(run, ["predict", path], "bytes of JSON" if name.endswith("json") else "not an .npz archive")


def test_refuses_arrays_that_promise_too_much(run, tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    payload = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", payload)
    refused(run, ["predict", path], "its header promises more than the file holds")


def test_refuses_pickled_arrays_without_loading_them(run, tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, weights=np.array([{"a": 1}], dtype=object))
    refused(run, ["predict", path], "holds object, not numbers")


def test_refuses_incomplete_archives(run, tmp_path):
    good = {"weights": [0.5, 0.5], "means": [[1.0, 0], [0, 1]], "covariance": 1.0}
    cases = {
        "missing": ({k: v for k, v in good.items() if k != "covariance"}, "covariance: missing"),
        "extra": (good | {"mean": [1.0]}, "unknown array 'mean'"),
        "samples": ({"X": [[1.0], [2.0]], "y": [0, 1]}, "samples.npz --out mixture.npz"),
        "gap": (
            {"weights": [1.0], "means": [[1.0]], "covariance_0": 1.0, "covariance_2": 1.0},
            "covariance_1",
        ),
        "groups": (good | {"partition_groups": ["g"]}, "partition_groups"),
    }
    for name, (arrays, message) in cases.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)
        refused(run, ["predict", path], message)
        refused(run, ["plot", path, "--out", tmp_path / "f.png"], f"speciation curve {path} --out curve.csv")


ARGUMENTS = {
    "no such command": (["summarise"], "summarise"),
    "no spec": (["predict"], "SPEC"),
    "empty spec": (["predict", ""], "not a mixture"),
    "family": (["predict", "ternary:d=4"], "start with one of binary, orthogonal"),
    "no colon": (["predict", "binary"], "not a mixture"),
    "key": (["predict", "binary:d=4,mu=1,s=1,m=2"], "'m' is not a key"),
    "missing key": (["predict", "binary:d=4,mu=1"], "s: missing"),
    "repeated key": (["predict", "binary:d=4,d=5,mu=1,s=1"], "d: given twice"),
    "valueless key": (["predict", "binary:d,mu=1,s=1"], "d: needs a value"),
    "not a number": (["predict", "binary:d=four,mu=1,s=1"], "d: 'four' is not a number"),
    "a number of Python's": (["predict", "binary:d=1_0,mu=1,s=1"], "d: '1_0' is not a number"),
    "a wide number": (["predict", "binary:d=\uff14,mu=1,s=1"], "is not a number"),
    "an axis of Python's": (
        ["diagram", "grid", "--x", "M=1_0:20", "--y", "t=1:2", "orthogonal:K=3,d=4,M=4,s=1"],
        "1_0",
    ),
    "nan": (["predict", "binary:d=4,mu=nan,s=1"], "mu: 'nan' is not a finite number"),
    "infinite": (["predict", "binary:d=4,mu=1,s=inf"], "s: 'inf' is not a finite number"),
    "fraction": (["predict", "binary:d=4.5,mu=1,s=1"], "d: 4.5 is not a whole number"),
    "zero dimensions": (["predict", "binary:d=0,mu=1,s=1"], "d: 0 is not a whole number of at least 1"),
    "too many dimensions": (["predict", "binary:d=1e15,mu=1,s=1"], "d: the means would hold"),
    "no separation": (["predict", "binary:d=4,mu=0,s=1"], "their entropy never falls"),
    "negative spread": (["predict", "binary:d=4,mu=1,s=-1"], "s: -1 is negative"),
    "weight": (["predict", "binary:d=4,mu=1,s=1,w=1"], "w: 1 does not lie strictly between 0 and 1"),
    "too many classes": (["predict", "orthogonal:K=9,d=4,M=1,s=1"], "K: 9 orthogonal means"),
    "no length": (["predict", "orthogonal:K=3,d=4,M=0,s=1"], "M: 0 is not positive"),
    "flat hierarchy": (["predict", "hierarchy:d=1,A=1,B=1,s=1"], "d: 1 is not a whole number of at least 2"),
    "equal scales": (["predict", "scales:d=4,lambda1=1,lambda2=1"], "equal, so the entropy"),
    "negative scale": (["predict", "scales:d=4,lambda1=-1,lambda2=1"], "lambda1: -1 is a negative variance"),
    "one digit": (["predict", "digits:3"], "at least two different digits"),
    "same digit": (["predict", "digits:3,3"], "at least two different digits"),
    "no digit": (["predict", "digits:3,a"], "need digits from 0 to 9"),
    "clock": (["predict", SPEC, "--clock", "wall"], "clock: 'wall' is not one of ou, edm"),
    "no file": (["predict", "absent.json"], "absent.json: no such file"),
    "folder": (["predict", "/absent/..json"], "no such file"),
    "no exact curve": (
        ["curve", "digits:0,3,8", "--method", "exact"],
        "needs a closed form",
    ),
    "no reduced curve": (
        ["curve", "scales:d=4,lambda1=1,lambda2=2", "--method", "reduced"],
        "needs a shared",
    ),
    "no groups": (["curve", SPEC, "--partition", "groups"], "partition: the mixture has no groups"),
    "no level": (["curve", SPEC, "--partition", "level2"], "partition: no level 2; the classes are named by"),
    "no such partition": (["curve", SPEC, "--partition", "halves"], "'halves' is neither groups nor level1"),
    "no samples": (["curve", SPEC, "--samples", "0"], "--samples"),
    "no tolerance": (["curve", SPEC, "--method", "reduced", "--tolerance", "0"], "tolerance: must be > 0"),
    "method": (["curve", SPEC, "--method", "guess"], "method: 'guess' is not one of auto, exact"),
    "levels": (["curve", SPEC, "--levels", "0"], "--levels"),
    "levels text": (["curve", SPEC, "--levels", "many"], "--levels"),
    "output ending": (["curve", SPEC, "--out", "curve.xls"], "must end in one of .csv"),
    "output folder": (["curve", SPEC, "--out", "absent/curve.csv"], "folder absent does not exist"),
    "output unwritable": (["curve", SPEC, "--out", "/proc/curve.csv"], "cannot be written"),
    "report unwritable": (["verify", "--out", "/proc/report"], "cannot be written"),
    "theorem": (["verify", "--only", "T99"], "theorem: 'T99' is not one of T1"),
    "theorem to cite": (["cite", "--theorem", "Pythagoras"], "theorem: 'Pythagoras'"),
    "citation format": (["cite", "--format", "endnote"], "format: 'endnote' is not one of"),
    "seed": (["verify", "--seed", "-1"], "--seed"),
    "unknown option": (["predict", SPEC, "--colour"], "--colour"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_refuses_bad_arguments(name, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, message = ARGUMENTS[name]
    refused(run, arguments, message)
    assert list(tmp_path.iterdir()) == []


def test_the_tables_are_long_enough():
    assert len(FILES) + len(ARGUMENTS) >= 40


def test_refusal_of_a_real_process_is_one_line(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from speciation.validation.cli import main; main()",
        "predict",
        "x.json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "x.json: no such file\n")


def test_a_closed_pipe_is_no_error():
    speciation = Path(sys.executable).parent / "speciation"
    pipeline = f"{speciation} curve {SPEC} --levels 5000 --json | head -1"
    done = subprocess.run(["/bin/sh", "-c", pipeline], capture_output=True, text=True)
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


def test_mixture_file_and_spec_agree(run_json, tmp_path):
    path = tmp_path / "mixture.json"
    GaussianMixture.parse(SPEC).save(path)
    from_file, from_spec = (run_json("predict", name)["times"] for name in (path, SPEC))
    assert from_file == from_spec


def refused(run, arguments, message: str) -> None:
    status, out, err = run(*arguments)
    assert status == 2, err
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert message in err


def test_diagrams_are_listed_and_written(run, run_json, tmp_path):
    listed = [entry["name"] for entry in run_json("diagram", "--list")]
    assert listed == [
        "separation", "dimension", "classes", "prior", "bifurcation", "anisotropy", "hierarchy", "guidance",
        "collapse", "mean-covariance", "grid",
    ]  # fmt: skip
    content = run_json("diagram", "dimension", "--resolution", "8", "--out", tmp_path)
    assert content["sizes"] == {"dimension": 8, "relative_time": 8}
    assert {path.name for path in tmp_path.iterdir()} == {
        f"dimension.{ending}" for ending in ("nc", "pdf", "svg", "png", "txt", "manifest.json")
    }
    with xr.open_dataset(tmp_path / "dimension.nc", engine="scipy") as found:
        assert found.entropy.shape == (8, 8)
    axes = ["--x", "mu=0.1:10:log", "--y", "t=0:6", "--resolution", "4"]
    assert run_json("diagram", "grid", *axes, SPEC, "--out", tmp_path)["fields"] == ["entropy", "rate"]
    assert run("diagram", "--list")[0] == 0


@pytest.mark.slow
def test_figures_show_whole_entropies_and_where_nothing_is_decided():
    from speciation.numerics.diagrams import grid, parse_axis, phase_diagram
    from speciation.validation.figures.diagrams import diagram_figure

    many = grid("orthogonal:K=4,d=1000,M=9,s=1", parse_axis("K=2:1000:log", 3), parse_axis("t=0.1:4", 3))
    panel = diagram_figure(many).axes[0]
    assert panel.collections[0].get_clim()[1] == float(many.entropy.max()) > 6
    # surprise alone has no end, and is cut, with an arrow
    panel = diagram_figure(phase_diagram("guidance", 4)).axes[0]
    assert panel.collections[0].get_clim()[1] == 1
    for low, empty in (("0.01:0.02", 9), ("0.01:10", 3)):
        found = grid("binary:d=1,mu=1,s=1", parse_axis(f"mu={low}", 3), parse_axis("s=1:2", 3))
        assert int(np.isnan(found.ou_time).sum()) == empty
        figure = diagram_figure(found)
        figure.canvas.draw()
        assert figure.legends[0].get_texts()[0].get_text() == "not decided, even on clean data"


def test_long_grids_say_so_before_they_start(run, tmp_path, monkeypatch):
    grid = ("diagram", "grid", "--x", "mu=1:2", "--y", "d=4:9", "--resolution", "3", "--out", tmp_path, SPEC)
    said = []
    for seconds in (3.0, 45.0, 1800.0, 108_000.0):
        monkeypatch.setattr("speciation.numerics.diagrams.grid_seconds", lambda *a, s=seconds, **k: s)
        shutil.rmtree(tmp_path / "grid-columns", ignore_errors=True)
        status, out, err = run(*grid)
        assert (status, out) == (0, "")
        said.append(err.splitlines()[0])
    assert said[0].startswith("wrote")
    for line, length in zip(said[1:], ("45 seconds", "30 minutes", "30 hours"), strict=True):
        assert line == f"about {length}: grid; --resolution makes it shorter"
    next((tmp_path / "grid-columns").glob("block-*.npz")).unlink()
    # of three columns one is missing
    assert run(*grid)[2].startswith("about 10 hours: grid")
    shutil.rmtree(tmp_path / "grid-columns")
    assert run(*grid, "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "NAME: needs a diagram"),
        (("nothing",), "nothing: not a diagram"),
        (("prior", "--clock", "edm"), "--clock: prior keeps its axis: its times are differences"),
        (("separation", "--clock", "wall"), "--clock: 'wall' is not one of ou"),
        (("prior", SPEC), "prior: takes neither a SPEC nor axes"),
        (("grid",), "grid: needs --x"),
        (("grid", "--x", "mu=1:2", "--y", "mu=1:2", SPEC), "is on both axes"),
        (("grid", "--x", "mu=1:2", "--y", "t=x", SPEC), "t=x: not an axis"),
    ],
)
def test_bad_diagrams_get_one_line(arguments, message, run, tmp_path):
    status, out, err = run("diagram", *arguments, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


BINARY = "binary:d=4,mu=1,s=1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["curve", BINARY, "--sigma", "1:2:5", "--levels", "9"], "--levels: --sigma says how many"),
        (["curve", BINARY, "--sigma", "1,2", "--levels", "9"], "--levels: --sigma says how many"),
        (["curve", BINARY, "--method", "exact", "--samples", "9"], "--samples: --method exact draws nothing"),
        (["curve", BINARY, "--method", "exact", "--tolerance", "1"], "--tolerance: --method exact"),
        (["diagram", "prior", "--samples", "9"], "--samples: applies to grid, not to prior"),
        (["compare", "curve.csv", BINARY, "--interval", "1,2"], "interval: acts on guidance"),
        (["compare", "curve.csv", BINARY, "--interval", "1_0,20"], "--interval: '1_0,20' is not LOW,HIGH"),
        (["curve", BINARY, "--sigma", "1_0,20"], "sigma: '1_0,20' is not LOW:HIGH"),
        (["compare", "underscore.csv", BINARY], "sigma is '1_0', not a number"),
        (["compare", "wide.csv", BINARY], "not a number"),
        *(
            ([*command, ""], "is empty, and names no file or folder")
            for command in (
                ["curve", BINARY, "--out"],
                ["compare", "curve.csv", BINARY, "--out"],
                ["measure", BINARY, "--out"],
                ["measure", "sd15", "--prompts"],
                ["diagram", "prior", "--out"],
                ["verify", "--out"],
                ["convert", "curve.csv"],
            )
        ),
    ],
)
def test_what_would_be_ignored_or_misread_gets_one_line(arguments, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("curve", BINARY, "--out", "curve.csv", "--quiet")[0] == 0
    for name, ten in (("underscore.csv", "1_0"), ("wide.csv", "１０")):
        rows = "".join(f"{x},{y}\n" for x, y in (("1", 0.2), ("2", 0.4), ("4", 0.6), (ten, 0.65)))
        Path(name).write_text(f"sigma,entropy\n{rows}", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    status, out, err = run(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


def test_levels_go_with_ends(run_json):
    assert len(run_json("curve", BINARY, "--sigma", "1:2", "--levels", "9")["levels"]) == 9


def test_a_level_beyond_the_clock_has_no_time_and_a_note(run, run_json):
    arguments = ("curve", BINARY, "--sigma", "1,2,4,1e4", "--clock", "ddpm")
    status, out, _ = run(*arguments)
    note = "the ddpm clock ends at sigma = 157.407"
    assert status == 0
    assert "nan" not in out
    assert f"time: {note}" in out.splitlines()
    content = run_json(*arguments)
    assert content["notes"]["time"] == note
    assert [level["time"] is None for level in content["levels"]] == [False, False, False, True]
    assert "time" not in run_json(*arguments[:3], "1,2,4,8", *arguments[4:])["notes"]


def test_a_long_spec_is_no_file(run, tmp_path):
    """Longer than the name of any file may be."""
    spec = "binary:d=4,mu=1,s=1." + "0" * 300
    status, _, err = run("curve", spec, "--levels", 8, "--out", tmp_path / "c.csv", "--quiet")
    assert (status, err) == (0, "")
