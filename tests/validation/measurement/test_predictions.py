"""Predictions of a model from its samples and from its denoiser: on the oracle they are the exact ones."""

import json

import numpy as np
import pytest
import torch
from speciation.numerics import entropy_curve
from speciation.theory import Full, GaussianMixture, Isotropic, window_sigmas
from speciation.validation import MixtureDenoiser, measure
from speciation.validation.estimators.denoiser_gamma import denoiser_gamma
from speciation.validation.estimators.model_samples import model_samples
from speciation.validation.measurement.predictions import FromDenoiser, FromSamples, SampleRequest, parsed

SPECS = ["digits:3,8", "binary:d=16,mu=0.7,s=1"]


def log_error(held: dict, name: str) -> float:
    return float(np.log(held[f"{name}_high"] / held[f"{name}_low"]) / 3.92)


def samples_of(mixture: GaussianMixture, count: int, seed: int = 0):
    sigmas = window_sigmas(mixture, 16)[::-1]
    oracle = MixtureDenoiser(mixture)
    return model_samples(oracle, mixture.labels, sigmas, (mixture.dimension,), samples=count, seed=seed)


@pytest.mark.parametrize("spec", SPECS)
def test_the_flow_draws_the_classes(spec):
    """Means within 5.5 standard errors along the difference (4e-8), its variance within 5 % + 5 errors."""
    mixture, n = GaussianMixture.parse(spec), 1000
    found = samples_of(mixture, n)
    delta = mixture.half_difference
    along = found.rows @ delta / np.linalg.norm(delta)
    matrix = mixture.covariances[0].matrix_in(mixture.dimension)
    variance = float(delta @ matrix @ delta) / float(delta @ delta)
    for k in range(2):
        own = along[found.own == k]
        expected = float(mixture.means[k] @ delta) / np.linalg.norm(delta)
        assert abs(own.mean() - expected) < 5.5 * np.sqrt(variance / n)
        assert own.var() == pytest.approx(variance, rel=0.05 + 5 * np.sqrt(2 / n))


@pytest.mark.parametrize("spec", SPECS)
def test_on_the_oracle_samples_predict_the_exact_peak(spec):
    """Peak and median within 5.5 standard errors of the exact ones, and the error is below 10 %."""
    mixture = GaussianMixture.parse(spec)
    exact = entropy_curve(mixture, window_sigmas(mixture, 200))
    curve = FromSamples.of(samples_of(mixture, 200)).curve(window_sigmas(mixture, 64), 1.0, None, 0)
    for name in ("peak_per_log_sigma", "median_sigma"):
        held = {end: float(curve[name + end]) for end in ("", "_low", "_high")}
        error = np.log(held["_high"] / held["_low"]) / 3.92
        assert error < 0.1
        assert abs(np.log(held[""] / float(exact[name]))) < 5.5 * error


@pytest.mark.parametrize("spec", SPECS)
def test_with_a_shared_covariance_the_denoiser_has_gamma(spec):
    """At any x exactly: γ to 1e-5, with the means from the fixed point."""
    mixture = GaussianMixture.parse(spec)
    sigmas = window_sigmas(mixture, 20)[::-1]
    found = denoiser_gamma(
        MixtureDenoiser(mixture), mixture.labels, sigmas, (mixture.dimension,), chains=4, dtype=torch.float64
    )
    np.testing.assert_allclose(found.gammas, np.tile(mixture.gamma(found.sigma), (4, 1)), rtol=1e-5)
    assert found.mean_change < 1e-5


def test_with_unequal_covariances_the_denoiser_has_the_part_of_the_means():
    """`δᵀ ½(A_a⁻¹ + A_b⁻¹) δ` on average, within 5.5 standard errors at 10 levels (4e-7)."""
    rng = np.random.default_rng(0)
    means = np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])
    mix = rng.standard_normal((4, 4)) / 3
    matrices = [0.5 * np.eye(4), 0.8 * np.eye(4) + mix @ mix.T]
    mixture = GaussianMixture([0.5, 0.5], means, [Full(matrix) for matrix in matrices])
    sigmas = np.geomspace(20, 0.5, 161)
    found = denoiser_gamma(MixtureDenoiser(mixture), ("0", "1"), sigmas, (4,), chains=2000)
    delta = (means[0] - means[1]) / 2
    for index in range(0, 160, 16):
        noise = found.sigma[index] ** 2 * np.eye(4)
        expected = np.mean([delta @ np.linalg.solve(matrix + noise, delta) for matrix in matrices])
        own = found.gammas[:, index]
        # the chain's own law is off by first order in its steps of 2.3 %
        assert abs(own.mean() - expected) < 5.5 * own.std() / np.sqrt(2000) + 0.02 * expected
    only_scales = GaussianMixture([0.5, 0.5], [[1.0, 0], [-1.0, 0]], [Isotropic(1.0), Isotropic(1.0)])
    assert only_scales.is_binary_channel


@pytest.mark.slow
def test_measure_compares_with_each_kind_of_prediction(tmp_path):
    given = {"samples": 64, "levels": 12, "seed": 1}
    spec = "binary:d=4,mu=1,s=1"
    found = measure(spec, prediction="samples:60", out=tmp_path, **given)
    assert set(found.summary["predictions"]) == {"shared", "each", "empirical", "own"}
    own = found.summary["predictions"]["own"]
    shared = found.summary["predictions"]["shared"]
    z = np.log(shared["median_sigma"] / own["median_sigma"]) / log_error(shared, "median_sigma")
    assert abs(z) < 5.5
    assert found.summary["comparison"]["prediction"]["resamples"] == 100
    assert len(list((tmp_path / "samples").glob("block-*.npz"))) == 2
    again = measure(spec, prediction="samples:60", out=tmp_path, **given)
    assert json.dumps(again.summary) == json.dumps(found.summary)
    denoiser = measure(spec, prediction="denoiser", **given).summary["comparison"]
    exact = measure(spec, **given).summary["comparison"]
    for name in ("peak_per_log_sigma", "median_sigma"):
        assert denoiser[name]["predicted"] == pytest.approx(exact[name]["predicted"], rel=0.02)


def test_all_pairs_are_compared_with_samples_and_with_a_file(tmp_path):
    spec, given = "orthogonal:K=3,d=4,M=6,s=1", {"samples": 300, "levels": 12, "classes": "all"}
    mixture = GaussianMixture.parse(spec)
    mixture.save(tmp_path / "mix.npz")
    plain = measure(spec, **given).summary["pairs"]
    named = measure(spec, prediction=tmp_path / "mix.npz", **given).summary["pairs"]
    drawn = measure(spec, prediction="samples:80", **given).summary["pairs"]
    for name, held in plain.items():
        expected = held["median_sigma"]["predicted"]
        assert named[name]["median_sigma"]["predicted"] == pytest.approx(expected, rel=1e-9)
        own = drawn[name]["median_sigma"]
        error = np.log(own["predicted_high"] / own["predicted_low"]) / 3.92
        assert abs(np.log(own["predicted"] / expected)) < 5.5 * error


@pytest.mark.parametrize(
    ("prediction", "changed", "message"),
    [
        ("samples:1", {}, "prediction: needs at least two samples"),
        ("samples:x", {}, "samples:x: not a mixture"),
        ("denoiser", {"model": "orthogonal:K=3,d=4,M=6,s=1"}, "prediction: denoiser needs two classes"),
        ("denoiser", {"guidance": 2.0}, "prediction: denoiser needs two classes and no guidance"),
        ("samples", {"classes": "+"}, "prediction: samples needs several classes"),
    ],
)
def test_predictions_that_cannot_be_made_are_refused_before_work(prediction, changed, message):
    asked = {"model": "binary:d=4,mu=1,s=1", "samples": 8, "levels": 4} | changed
    with pytest.raises(ValueError, match=f"^{message}"):
        measure(asked.pop("model"), prediction=prediction, **asked)


def test_what_a_prediction_is_called():
    assert parsed("samples") == SampleRequest(200)
    assert parsed("samples:50") == SampleRequest(50)
    assert parsed("denoiser") == "denoiser"
    assert parsed(None) is None
    assert FromDenoiser.__name__ == "FromDenoiser"
