"""Labelled curves: closed forms, the rate against differences of the entropy, and refusals."""

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, binary_entropy, speciation_times, window_sigmas

MIXTURES = ["binary:d=9,mu=0.5,s=2,w=0.3", "binary:d=100,mu=1,s=1", "digits:3,8"]


@pytest.mark.parametrize("spec", MIXTURES)
def test_rate_is_the_slope_of_the_entropy(spec):
    mixture = GaussianMixture.parse(spec)
    times = np.linspace(0.05, 3, 12)
    step = 1e-4
    curves = [entropy_curve(mixture, np.sqrt(np.expm1(2 * (times + k * step)))) for k in (-2, -1, 0, 1, 2)]
    outer = curves[4].entropy.values - curves[0].entropy.values
    inner = curves[3].entropy.values - curves[1].entropy.values
    slope = (8 * inner - outer) / (12 * step)
    np.testing.assert_allclose(curves[2].rate, slope, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("spec", MIXTURES)
def test_rate_integrates_to_the_class_entropy(spec):
    """The whole of H(C) is produced between σ = 0 and σ = ∞, less what is left at σ = 0."""
    mixture = GaussianMixture.parse(spec)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    times = 10 * (nodes + 1)
    curve = entropy_curve(mixture, np.sqrt(np.expm1(2 * times)))
    left = float(binary_entropy(mixture.gamma(0.0), mixture.prior))
    produced = float(10 * (weights * curve.rate.values).sum())
    assert produced == pytest.approx(mixture.class_entropy - left, rel=1e-9)


@pytest.mark.parametrize("spec", MIXTURES)
def test_predicted_peak_is_the_curves_maximum(spec):
    mixture = GaussianMixture.parse(spec)
    times = np.linspace(0.01, 5, 5001)
    curve = entropy_curve(mixture, np.sqrt(np.expm1(2 * times)))
    predicted = next(e for e in speciation_times(mixture) if e.criterion == "entropy-peak")
    assert predicted.time == pytest.approx(float(times[np.argmax(curve.rate.values)]), abs=2e-3)


def test_dataset_is_labelled():
    curve = entropy_curve(GaussianMixture.parse(MIXTURES[1]), [1.0, 10.0])
    assert dict(curve.sizes) == {"sigma": 2}
    assert set(curve.coords) == {"sigma", "ou_time"}
    places = ("peak_per_log_sigma", "peak_per_ou_time", "median_sigma", "window_width")
    assert set(curve.data_vars) == {
        *("entropy", "rate", "agreement"), *("entropy_se", "rate_se", "agreement_se"), "class_entropy",
        *(name + ending for name in places for ending in ("", "_low", "_high")),
    }  # fmt: skip
    assert not set(curve.attrs) & {*places, "peak_sigma"}
    assert curve.attrs["method"] == "exact"
    assert "binary channel" in curve.attrs["reason"]
    assert all(curve[name].attrs["units"] for name in curve.variables)
    assert "per unit OU time" in curve.rate.attrs["long_name"]


def test_order_of_levels_is_kept():
    mixture = GaussianMixture.parse(MIXTURES[1])
    forward = entropy_curve(mixture, [0.5, 2.0, 9.0])
    np.testing.assert_array_equal(entropy_curve(mixture, [9.0, 2.0, 0.5]).entropy, forward.entropy[::-1])


@pytest.mark.parametrize("spec", [*MIXTURES, "binary:d=1,mu=0.1,s=1"])
def test_window_holds_the_decision(spec):
    mixture = GaussianMixture.parse(spec)
    sigmas = window_sigmas(mixture, 33)
    assert sigmas.shape == (33,)
    assert (np.diff(sigmas) > 0).all()
    curve = entropy_curve(mixture, sigmas)
    assert float(curve.entropy[-1]) > 0.998 * mixture.class_entropy
    left = float(binary_entropy(mixture.gamma(0.0), mixture.prior))
    assert float(curve.entropy[0]) < max(1.2 * left, 1e-10)


@pytest.mark.parametrize(
    ("sigmas", "method", "message"),
    [
        ([1.0, 0.0], "auto", "sigmas: every value"),
        ([-1.0], "auto", "sigmas: every value"),
        ([np.inf], "auto", "sigmas: every value"),
        ([], "auto", "sigmas: need a vector"),
        ([[1.0]], "auto", "sigmas: need a vector"),
        ([1.0], "guess", "method: 'guess'"),
    ],
)
def test_refuses(sigmas, method, message):
    with pytest.raises(ValueError, match=message):
        entropy_curve(GaussianMixture.parse(MIXTURES[1]), sigmas, method=method)


def test_a_precision_may_be_the_type_itself():
    mixture = GaussianMixture.parse(MIXTURES[1])
    given = {"samples": 500, "method": "reduced"}
    found = entropy_curve(mixture, [1.0], dtype=np.dtype("float32"), **given)
    assert found.identical(entropy_curve(mixture, [1.0], dtype="float32", **given))
    with pytest.raises(ValueError, match=r"^dtype: 'float16' is not one of float32, float64$"):
        entropy_curve(mixture, [1.0], dtype=np.dtype("float16"))


def test_refuses_mixtures_without_an_exact_curve():
    with pytest.raises(ValueError, match=r"'exact' needs a closed form.*3 classes, covariance shared"):
        entropy_curve(GaussianMixture.parse("digits:3,8,0"), [1.0], method="exact")
