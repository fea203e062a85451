"""The embedded model of Fashion-MNIST: its size, what it learnt, its predictions, and how it is measured."""

import csv
import gzip
import hashlib
import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from speciation.numerics import entropy_curve
from speciation.validation import (
    check_denoiser,
    fashion_images,
    fashion_mixture,
    load_fashion_model,
    log_scale_test,
    training_scripts,
)
from speciation.validation.figures.measured import windows_figure
from speciation.validation.models import fashion_data
from speciation.validation.models.edm.training import Settings, denoising_loss
from speciation.validation.models.fashion_model import (
    CLASSES,
    EACH,
    IMAGES,
    SHARED,
    WEIGHTS,
    configuration,
    folded,
    unfolded,
)
from speciation.validation.train_fashion import SETTINGS, main, train_fashion


def test_what_is_shipped_is_small_and_says_where_it_comes_from():
    assert WEIGHTS.stat().st_size <= 8e6
    assert sum(path.stat().st_size for path in (IMAGES, SHARED, EACH)) <= 2e6
    assert "MIT License" in (IMAGES.parent / "LICENSE").read_text()
    network = load_fashion_model().network
    assert network.configuration == configuration()
    count = sum(parameter.numel() for parameter in network.parameters())
    card = WEIGHTS.with_suffix(".md").read_text()
    assert f"{count:,} parameters in float16" in card
    assert f"| steps × batch | {SETTINGS.steps} × {SETTINGS.batch}," in card


def test_the_images_are_balanced_and_in_range():
    images = fashion_images()
    assert images.pixels.shape == (1000, 1, 28, 28)
    assert torch.bincount(images.labels).tolist() == [100] * 10
    assert images.pixels.min() == -1
    assert images.pixels.max() == 1
    drawn = images.sample("boot", 5, torch.Generator().manual_seed(0))
    own = images.pixels[images.labels == CLASSES.index("boot")]
    assert all((own == each).flatten(1).all(1).any() for each in drawn)


def test_folding_is_a_permutation_of_the_pixels():
    pixels = torch.arange(784.0).reshape(1, 1, 28, 28)
    seen = folded(pixels)
    assert seen.shape == (1, 4, 14, 14)
    assert seen[0, :, 0, 0].tolist() == [0, 1, 28, 29]
    assert torch.equal(unfolded(seen), pixels)


@pytest.mark.slow
def test_the_model_knows_test_images_and_their_labels():
    denoiser, images = load_fashion_model(), fashion_images()
    rows = torch.arange(0, 1000, 5)
    clean, labels = images.pixels[rows], images.labels[rows]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    one_hot = torch.nn.functional.one_hot(labels, 10).float()
    with torch.no_grad():
        for level in (1.0, 3.0, 6.0):
            sigma = torch.full((len(rows),), level)
            named, wrong, unnamed = (
                float(denoising_loss(denoiser.network, folded(clean), sigma, folded(noise), given).mean())
                for given in (one_hot, one_hot.roll(1, 1), torch.zeros_like(one_hot))
            )
            assert named < unnamed < wrong
            # what a linear estimate of independent pixels would leave is one
            assert named < 0.5
    # asked by name, and in the order of the pixels
    asked = denoiser.per_sample(clean[:3] + noise[:3], 1.0, ["boot", None, "bag"])
    alone = [
        denoiser(clean[k : k + 1] + noise[k : k + 1], 1.0, name) for k, name in enumerate(["boot", None])
    ]
    torch.testing.assert_close(asked[:2], torch.cat(alone), atol=1e-4, rtol=0)
    right = denoiser(clean + noise, 1.0, None)
    assert float((right - clean).square().mean()) < 0.4 * float((right - clean.roll(1, 3)).square().mean())
    with pytest.raises(ValueError, match="'3'"):
        denoiser(clean, 1.0, "3")


def test_the_model_can_be_a_mean_of_images():
    options = {"conditions": ["boot"], "sigmas": [2.0, 6.0], "samples": 64}
    assert check_denoiser(load_fashion_model(), fashion_images().sample, **options) == []


def peaks(mixture):
    held = {}
    for pair in combinations(CLASSES, 2):
        curve = entropy_curve(mixture.among(pair, equal=True), np.geomspace(0.3, 40, 80))
        held[pair] = float(curve.peak_per_log_sigma)
    return held


def test_predicted_peaks_span_a_factor_of_five():
    """Of the exact covariance pooled over all classes: 1.778 (pullover, shirt) to 8.785 (trouser, boot)."""
    found = peaks(fashion_mixture())
    assert len(found) == 45
    assert min(found, key=found.get) == ("pullover", "shirt")
    assert max(found, key=found.get) == ("trouser", "boot")
    assert found["pullover", "shirt"] == pytest.approx(1.778, rel=0.02)
    assert found["trouser", "boot"] == pytest.approx(8.785, rel=0.01)


def test_classes_have_covariances_of_their_own_too():
    """Means are the same; the mean of the covariances is the pooled one, as far as ranks 64 and 32 go."""
    shared, each = fashion_mixture(), fashion_mixture("each")
    assert shared.labels == each.labels == CLASSES
    np.testing.assert_allclose(shared.means, each.means, atol=1e-6)
    pooled = np.mean([covariance.matrix_in(784) for covariance in each.covariances], axis=0)
    whole = shared.covariances[0].matrix_in(784)
    assert np.trace(pooled) == pytest.approx(np.trace(whole), rel=0.01)
    assert np.linalg.norm(pooled - whole) < 0.05 * np.linalg.norm(whole)
    # mutant: that of one class
    assert np.linalg.norm(each.covariances[8].matrix_in(784) - whole) > 0.3 * np.linalg.norm(whole)


@pytest.mark.slow
def test_a_pair_is_measured_and_compared(run_json, tmp_path):
    summary = run_json(
        "measure", "fashion", "--classes", "pullover,boot", "--samples", "96", "--levels", "10",
        "--batch", "96", "--out", tmp_path,
    )  # fmt: skip
    assert summary["evaluations"] == 96 * 10 * 2
    predicted = summary["comparison"]["peak_per_log_sigma"]["predicted"]
    assert predicted == pytest.approx(6.95, rel=0.02)
    measured = summary["comparison"]["median_sigma"]["measured"]
    assert abs(np.log(measured / summary["comparison"]["median_sigma"]["predicted"])) < 0.4
    assert {"curve.csv", "curve.png", "summary.json"} <= {path.name for path in tmp_path.iterdir()}


@pytest.fixture
def small(tmp_path):
    """The four files of a data set of 40 images."""
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images, labels = rng.integers(0, 256, (40, 28, 28)), np.arange(40) % 10
        for what, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
            with gzip.open(tmp_path / f"{part}-{what}-ubyte.gz", "wb") as stream:
                stream.write(head + values.astype(np.uint8).tobytes())
    return tmp_path


@pytest.mark.slow
def test_the_script_writes_weights_card_pictures_and_data(small, monkeypatch):
    monkeypatch.setattr(training_scripts, "_SHEET_SIGMAS", np.geomspace(80, 0.02, 4))
    out = small / "out"
    main(out, steps=2, batch=4, data=small, quiet=True, seed=3)
    written = {path.name for path in out.iterdir()}
    pictures = {"training.png", "samples.png"}
    assert written == {
        *("state", "data", "manifest.json", "fashion.safetensors", "fashion.json", "fashion.md"), *pictures
    }  # fmt: skip
    assert {path.name for path in (out / "data").iterdir()} == {
        "images.npz", "shared.npz", "each.npz", "manifest.json"
    }  # fmt: skip
    assert json.loads((out / "fashion.json").read_text())["settings"]["seed"] == 3
    denoiser = load_fashion_model(out / "fashion.safetensors")
    # rounded to half precision, and no more
    train, held_out = (fashion_data.dataset(part, small) for part in ("train", "t10k"))
    own = train_fashion(
        Settings(**json.loads((out / "fashion.json").read_text())["settings"]), train, held_out
    )
    for name, value in own.network.named_parameters():
        torch.testing.assert_close(denoiser.network.get_parameter(name), value, atol=2**-24, rtol=2**-10)


def test_files_that_are_no_data_set_are_refused(small):
    images = small / "train-images-idx3-ubyte.gz"
    with gzip.open(images) as stream:
        content = stream.read()
    with gzip.open(images, "wb") as stream:
        stream.write(content[:-1])
    with pytest.raises(ValueError, match="damaged"):
        fashion_data.dataset("train", small)
    images.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="cannot be read"):
        fashion_data.dataset("train", small)
    images.unlink()
    with pytest.raises(ValueError, match="dataset-fashion-mnist"):
        fashion_data.dataset("train", small)


def test_published_pairs_give_the_published_line(root):
    """What the documentation says, from the table behind it."""
    results = root / "docs" / "results"
    with (results / "fashion-pairs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 45
    columns = {key: np.array([float(row[key] or "nan") for row in rows]) for key in rows[0] if key != "pair"}
    published = json.loads((results / "fashion-pairs.json").read_text())
    peaks = columns["peak_per_log_sigma"]
    missing = [row["pair"] for row, peak in zip(rows, peaks, strict=True) if np.isnan(peak)]
    assert missing == published["without_peak"]
    ends = (columns["peak_per_log_sigma_high"], columns["peak_per_log_sigma_low"])
    shown = np.isfinite(peaks)
    test = log_scale_test(
        columns["predicted_peak_per_log_sigma"][shown],
        peaks[shown],
        columns["predicted_window_width"][shown],
        measured_error=(np.log(ends[0] / ends[1]) / 3.92)[shown],
        classes=np.array([row["pair"].split(",") for row in rows])[shown],
    )
    for key, value in published["log_scale_test"].items():
        assert test[key] == pytest.approx(value, rel=1e-3), key
    assert float(np.median(columns["closure"])) == pytest.approx(published["closure"]["median"])
    # the same model, rounded and named as it is shipped
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert published["model"] == f"fashion {digest[:16]}"


@pytest.mark.slow
def test_all_pairs_are_measured_in_one_sweep(run_json, tmp_path):
    summary = run_json(
        "measure", "fashion", "--classes", "all", "--samples", "200", "--levels", "14", "--out", tmp_path
    )
    assert len(summary["pairs"]) == 45
    assert summary["log_scale_test"]["pairs"] + len(summary["without_peak"]) == 45
    assert all(name in summary["sentence"] for name in summary["without_peak"])
    assert summary["log_scale_test"]["correlation"] > 0.7


def test_a_tree_is_decided_from_its_root(root):
    """The committed windows: in the predicted order, kind and tops where predicted; and their figure."""
    table = pd.read_csv(root / "docs" / "results" / "fashion-windows.csv")
    first = table.groupby("decision", sort=False).first()
    for column in ("median_sigma", "predicted_median_sigma"):
        assert first[column].is_monotonic_decreasing
    inside = first.predicted_median_sigma.between(first.median_sigma_low, first.median_sigma_high)
    assert list(inside) == [True, False, True]
    # half of what is predicted between the levels, by the table's own columns
    for name, rows in table.groupby("decision"):
        half = (rows.predicted.iloc[0] + rows.predicted.iloc[-1]) / 2
        sigma = np.exp(np.interp(half, rows.predicted, np.log(rows.sigma)))
        assert first.predicted_median_sigma[name] == pytest.approx(sigma, rel=1e-3)
    (axes,) = windows_figure(table).axes
    assert [line.get_text().split(":")[0] for line in axes.get_legend().get_texts()] == list(first.index)
