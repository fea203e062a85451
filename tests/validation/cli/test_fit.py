"""`speciation fit`: a `.npz` and a folder of images give one mixture; bad data in one line."""

import json
import re
import shutil

import numpy as np
import pytest
from speciation.numerics import fitted
from speciation.theory import GaussianMixture
from speciation.theory.mixtures import digits


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The digits 1, 3, 8 as an archive, and as images whose pixels are whole numbers of 255."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("data")
    whole = {d: np.round((digits.images(d)[:60] + 1) * 127.5).astype(np.uint8) for d in (1, 3, 8)}
    for d, pixels in whole.items():
        (folder / "images" / str(d)).mkdir(parents=True)
        for index, each in enumerate(pixels.reshape(-1, 8, 8)):
            image.fromarray(each).save(folder / "images" / str(d) / f"{index:03d}.png")
    X = np.concatenate(list(whole.values())).reshape(-1, 8, 8) / 127.5 - 1
    np.savez(folder / "digits.npz", X=X, y=np.repeat([1, 3, 8], 60))
    return folder


def test_an_archive_and_a_folder_give_the_same_mixture(data, run_json, tmp_path):
    out = tmp_path / "mix.npz"
    first = run_json("fit", str(data / "digits.npz"), "--out", str(out), "--resamples", "8")
    second = run_json("fit", str(data / "images"), "--resamples", "8")
    assert first["samples"] == second["samples"] == {"1": 60, "3": 60, "8": 60}
    assert first["shrinkage"] == pytest.approx(second["shrinkage"], rel=1e-9)
    assert list(first["pairs"]) == ["1,3", "1,8", "3,8"]
    for name, held in first["pairs"].items():
        for place in ("peak_per_log_sigma", "median_sigma"):
            assert held[place] == pytest.approx(second["pairs"][name][place], rel=1e-6)
            assert held[f"{place}_low"] < held[place] < held[f"{place}_high"]
    with np.load(data / "digits.npz") as arrays:
        assert GaussianMixture.parse(out) == GaussianMixture.fit(arrays["X"], arrays["y"])
        own = fitted(arrays["X"], arrays["y"], resamples=8).among(["3", "8"]).curve()
    assert first["pairs"]["3,8"]["median_sigma"] == pytest.approx(float(own.median_sigma), rel=1e-12)
    assert first["sentence"].startswith("fitted to 180 samples of 3 classes in 64 dimensions")
    content = run_json("curve", str(out), "--levels", "4", "--samples", "1000")
    assert content["mixture"]["labels"] == ["1", "3", "8"]


def test_the_units_of_images_are_those_asked_for(data, run_json):
    one = run_json("fit", str(data / "images"), "--resamples", "0")
    other = run_json("fit", str(data / "images"), "--resamples", "0", "--range", "0,1")
    for name, held in one["pairs"].items():
        found = other["pairs"][name]["median_sigma"]
        assert found == pytest.approx(held["median_sigma"] / 2, rel=1e-6)
    assert other["values"] == "pixels from 0 to 1"


def test_low_rank_own_covariances_and_the_cost(data, run, run_json, tmp_path):
    path = str(data / "digits.npz")
    found = run_json("fit", path, "--rank", "5", "--out", str(tmp_path / "m.json"), "--shrinkage", "0.1")
    assert (found["covariance"]["kind"], found["shrinkage"]) == ("low_rank", 0.1)
    assert {held["resampled"] for held in found["pairs"].values()} == {"means"}
    each = run_json("fit", path, "--covariance", "each", "--resamples", "0")
    assert set(each["shrinkage"]) == {"1", "3", "8"}
    assert run_json("fit", path, "--estimate")["samples"] == 180
    status, out, _ = run("fit", path, "--resamples", "3")
    assert status == 0
    assert "samples a class" in out
    assert "3,8" in out
    assert "intervals: none" not in out
    assert "bias-corrected by resampling; the file holds the plain fit" in " ".join(out.split())
    # the error of the samples is all that these intervals are about
    alone = run_json("fit", path, "--resamples", "0")
    assert alone["interval"].startswith("none")
    held = alone["pairs"]["3,8"]
    assert held["median_sigma_low"] is held["median_sigma_high"] is held["median_sigma_log_se"] is None
    plain = run("fit", path, "--resamples", "0")[1]
    assert "intervals: none" in plain
    assert "bias-corrected" not in plain
    assert run("fit", path, "--quiet", "--resamples", "0")[1] == ""


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("none.npz", [], "DATA: .*none.npz is not there"),
        ("digits.txt", [], "DATA: .* is neither a .npz"),
        ("digits.npz", ["--shrinkage", "oas"], "--shrinkage: 'oas' is not"),
        ("digits.npz", ["--shrinkage", "none"], "X: .*shrinkage"),
        ("digits.npz", ["--covariance", "tied"], "--covariance: 'tied' is not"),
        ("digits.npz", ["--rank", "64"], "--rank: must be a whole number from 1 to 63"),
        ("digits.npz", ["--out", "mix.csv"], ".*npz"),
        ("images", ["--range", "1,0"], "--range: need LOW < HIGH"),
        ("empty", [], "DATA: .*empty has no sub-folders"),
        ("hollow", [], "DATA: .*a holds no image"),
        ("broken", [], ".*x.png: cannot be read as an image"),
        ("keys.npz", [], ".*keys.npz: has no array y; it holds X"),
        ("pickled.npz", [], ".*pickled.npz: X: holds object"),
        ("digits.npz", ["--resamples", "1"], r"--resamples: must be 0 \(none\) or at least 2, not 1"),
        ("one.npz", [], r"DATA: .*one.npz holds one class \(3\); need samples of at least two"),
        ("single", [], r"DATA: .*single holds one class \(a\); need samples of at least two"),
        ("objects.npz", [], r".*objects.npz: y: holds object, not numbers or strings; use y.astype\(str\)"),
        ("line.npz", [], r".* not \(3,\) and \(3,\); use X\[:, None\] for one feature"),
        ("short.npz", [], r".*need X of shape .samples, …. and y .samples,., not \(3, 2\) and \(2,\)"),
    ],
)
def test_bad_data_is_refused_in_one_line(name, options, message, data, run):
    (data / "empty").mkdir(exist_ok=True)
    (data / "hollow" / "a").mkdir(parents=True, exist_ok=True)
    (data / "broken" / "a").mkdir(parents=True, exist_ok=True)
    (data / "broken" / "a" / "x.png").write_bytes(b"no image")
    (data / "digits.txt").touch()
    np.savez(data / "keys.npz", X=np.zeros((3, 2)))
    np.savez(data / "pickled.npz", X=np.array([[{}]], dtype=object), y=[0])
    np.savez(data / "one.npz", X=np.zeros((3, 2)), y=[3, 3, 3])
    np.savez(data / "objects.npz", X=np.zeros((3, 2)), y=np.array(["a", "b", "a"], dtype=object))
    np.savez(data / "line.npz", X=np.zeros(3), y=[0, 1, 1])
    np.savez(data / "short.npz", X=np.zeros((3, 2)), y=[0, 1])
    (data / "single" / "a").mkdir(parents=True, exist_ok=True)
    shutil.copy(data / "images" / "3" / "000.png", data / "single" / "a")
    status, out, err = run("fit", str(data / name), *options)
    assert (status, out) == (2, "")
    assert re.match(message, err), err
    assert err.count("\n") == 1


def test_images_of_two_sizes_are_refused_by_name(data, run, tmp_path):
    from PIL import Image

    (tmp_path / "a").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "a" / "1.png")
    (tmp_path / "b").mkdir()
    Image.new("L", (4, 5)).save(tmp_path / "b" / "2.png")
    status, _, err = run("fit", str(tmp_path))
    assert (status, "2.png: images of two shapes, 4 x 4 and 5 x 4" in err) == (2, True)


def test_data_beyond_memory_resample_the_means_of_each_pair(data, run_json, monkeypatch):
    monkeypatch.setattr("speciation.validation.measurement.fit_data._IN_MEMORY", 9000)
    found = run_json("fit", str(data / "digits.npz"))
    assert {held["resampled"] for held in found["pairs"].values()} == {"means"}
    assert json.dumps(found)
