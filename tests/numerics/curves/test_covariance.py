"""The covariance between levels: of the draws, in slices, and in what is read off curves."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from speciation.numerics import entropy_curve, guided_curve
from speciation.numerics.curves.covariance import (
    MOST,
    covariance_variables,
    joint_near,
    joint_of,
    kept_levels,
    shared_noise,
)
from speciation.numerics.curves.entropy import prepared
from speciation.numerics.curves.places import PLACES
from speciation.numerics.monte_carlo.moments import Moments
from speciation.theory import GaussianMixture
from speciation.theory.times.window import window_sigmas

TWO = GaussianMixture.parse("scales:d=8,lambda1=1,lambda2=3")
SIGMAS = np.geomspace(0.3, 20, 12)


def test_products_are_those_of_all_samples() -> None:
    """Sums over parts, of chosen curves and levels, are NumPy's covariance over the square root of n."""
    rows = np.random.default_rng(0).standard_normal((60, 3, 5)).cumsum(axis=2)
    places = np.array([0, 2, 4])
    parts = [Moments.of(rows[a:b], 2, places) for a, b in ((0, 13), (13, 40), (40, 60))]
    found = parts[0].and_then(parts[1]).and_then(parts[2]).covariance
    expected = np.cov(rows[:, :2][:, :, places].reshape(60, -1), rowvar=False) / 60
    assert found is not None
    np.testing.assert_allclose(found.reshape(6, 6), expected, rtol=1e-12)


@pytest.mark.one_of_each
@pytest.mark.parametrize("method", ["ambient", "reduced"])
def test_diagonal_is_that_of_standard_errors(method: str) -> None:
    """By the kernel's own sums of products; at every level, and rate as well as entropy."""
    mixture = TWO if method == "ambient" else GaussianMixture.parse("orthogonal:K=3,d=8,M=9,s=1")
    curve = entropy_curve(mixture, SIGMAS[::-1], samples=1000, method=method)
    assert curve.covariance_units == curve.attrs["samples"] / 2
    for name in ("entropy", "rate"):
        matrix = curve[f"{name}_covariance"]
        np.testing.assert_allclose(matrix.sigma_row, SIGMAS)
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-5, atol=1e-12 * float(matrix.max()))
        errors = curve[f"{name}_se"].values[::-1]
        assert (np.sqrt(np.diagonal(matrix)) <= errors * (1 + 1e-5)).all()
        # elsewhere an error may allow for draws that were not met
        np.testing.assert_allclose(np.sqrt(np.diagonal(matrix))[2:6], errors[2:6], rtol=1e-5)


@pytest.mark.slow
def test_it_is_what_other_keys_show() -> None:
    """The covariance of one run against that of 300 runs; every correlation within 6 of its errors."""
    sigma = SIGMAS[3:9]
    kernel, parameters, dtype, *_ = prepared(TWO, sigma, "ambient", None, None)
    from speciation.numerics.monte_carlo.strides import Joint, estimate, in_precision

    joint, arrays = Joint(1, kept_levels(sigma)), in_precision(parameters, dtype)
    found = [estimate(kernel, arrays, 256, key, joint=joint) for key in range(300)]
    every = np.corrcoef(np.stack([each.mean[0] for each in found]), rowvar=False)
    own = np.mean([each.covariance[0, :, 0] for each in found if each.covariance is not None], axis=0)
    own = own / np.sqrt(np.outer(np.diagonal(own), np.diagonal(own)))
    error = (1 - every**2) / np.sqrt(300)
    apart = np.abs(own - every)[np.triu_indices(sigma.size, 1)]
    assert (apart < 6 * error[np.triu_indices(sigma.size, 1)] + 1e-3).all()
    assert every[0, -1] < 0.9  # levels that far apart do differ


def test_of_many_levels_some_are_kept() -> None:
    """At most 64, both ends among them, and what lies between is near its neighbours."""
    sigma = np.geomspace(0.3, 20, 150)
    curve = entropy_curve(TWO, sigma, samples=1000, method="ambient")
    assert curve.sizes["sigma_row"] == MOST
    assert curve.sigma_row.values[[0, -1]].tolist() == sigma[[0, -1]].tolist()
    between = joint_near(curve, "entropy", sigma[40:60])
    assert between is not None
    np.testing.assert_allclose(
        np.sqrt(np.diagonal(between.covariance)), curve.entropy_se.values[40:60], rtol=1e-6
    )


def test_between_few_levels_no_variance_is_lost() -> None:
    """Halfway between levels of independent errors variances are those of the curve, correlations ½."""
    sigma = np.geomspace(1.0, 100.0, 9)
    kept, errors = sigma[::2], np.linspace(1.0, 3.0, 9)
    about = covariance_variables(("entropy",), kept, np.diag(0.25 * errors[::2] ** 2)[None, :, None], 50)
    curve = xr.Dataset({"entropy_se": ("sigma", errors), **about}, {"sigma": sigma})
    found = joint_near(curve, "entropy", sigma)
    assert found is not None
    np.testing.assert_allclose(np.diagonal(found.covariance), 0.25 * errors**2, rtol=1e-12)
    halfway = found.covariance[1, 3] / np.sqrt(found.covariance[1, 1] * found.covariance[3, 3])
    assert 0.4 < halfway < 0.6
    sliced = joint_near(curve.isel(sigma=slice(0, 1)), "entropy", kept)  # no errors to compare with
    assert sliced is not None
    np.testing.assert_allclose(np.diagonal(sliced.covariance), 0.25 * errors[::2] ** 2, rtol=1e-12)


@pytest.mark.parametrize("far", [[500.0, 5000.0], [0.1, 2.0]])
def test_beyond_the_levels_there_is_none(far: list[float]) -> None:
    """A tenth in log σ beyond is near enough; the χ² of levels farther away takes no covariance of theirs."""
    sigma = np.geomspace(1.0, 100.0, 9)
    curve = xr.Dataset(
        {"entropy_se": ("sigma", np.ones(9))}
        | covariance_variables(("entropy",), sigma, np.eye(9)[None, :, None], 50),
        {"sigma": sigma},
    )
    assert joint_near(curve, "entropy", np.array(far)) is None
    assert joint_near(curve, "entropy", sigma * np.exp(0.1)) is not None


def test_a_slice_has_that_of_its_levels() -> None:
    """A curve's levels in part, and a curve without any covariance."""
    curve = entropy_curve(TWO, SIGMAS, samples=1000, method="ambient")
    part = joint_of(curve.isel(sigma=slice(2, 7)), "entropy")
    assert part is not None
    np.testing.assert_array_equal(part.sigma, SIGMAS[2:7])
    np.testing.assert_allclose(np.sqrt(np.diagonal(part.covariance)), curve.entropy_se[2:7], rtol=1e-2)
    assert joint_of(curve.drop_vars("entropy_covariance"), "entropy") is None
    assert joint_of(curve.isel(sigma=[0]), "entropy") is None
    assert joint_of(entropy_curve(TWO, SIGMAS), "entropy") is None  # exact


def test_guided_runs_have_it() -> None:
    """Of the cross-entropy, which the chain's levels share."""
    curve = guided_curve(TWO, SIGMAS, 2.0, samples=200, steps=20)
    errors = np.sqrt(np.diagonal(curve.cross_entropy_covariance))
    np.testing.assert_allclose(errors, curve.cross_entropy_se, rtol=1e-4)


def test_factors_give_it_back() -> None:
    """`F Fᵀ` of the factors that curves are resampled with, entropy and rate together."""
    curve = entropy_curve(TWO, SIGMAS, samples=1000, method="ambient")
    factors = shared_noise(curve, ("entropy", "rate"), np.log(SIGMAS))
    assert factors is not None
    entropy = factors[0] * curve.entropy_se.values[:, None]
    rate = factors[1] * curve.rate_se.values[:, None]
    for found, name in ((entropy @ entropy.T, "entropy"), (entropy @ rate.T, "entropy_rate")):
        expected = curve[f"{name}_covariance"].values
        np.testing.assert_allclose(found, expected, rtol=0.02, atol=1e-3 * np.abs(expected).max())
    assert shared_noise(curve, ("entropy", "rate"), np.log(SIGMAS) + 1) is None


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["orthogonal:K=8,d=64,M=64,s=1", "scales:d=64,lambda1=1,lambda2=2"])
def test_intervals_of_places_cover(spec: str) -> None:
    """Of 200 curves 95 % intervals hold the exact place at least 176 times: P(fewer) = 3e-5 at 95 %.

    And without the grid's own share they are as wide as the medians of 200 keys are spread, whose standard
    deviation is known to 5 %: false alarms below 1e-4.
    """
    mixture = GaussianMixture.parse(spec)
    method = "ambient" if spec.startswith("scales") else "reduced"
    sigma, exact = window_sigmas(mixture, 45), entropy_curve(mixture, window_sigmas(mixture, 400))
    held, medians, widths = dict.fromkeys(PLACES, 0), [], []
    for key in range(200):
        curve = entropy_curve(mixture, sigma, samples=4096, key=key, method=method)
        for name in PLACES:
            held[name] += int(curve[f"{name}_low"] <= exact[name] <= curve[f"{name}_high"])
        medians.append(float(curve.median_sigma))
        widths.append(float(curve.median_sigma_high - curve.median_sigma_low))
    assert min(held.values()) >= 176, held
    grid = entropy_curve(mixture, sigma)
    width = np.median(widths) - float(grid.median_sigma_high - grid.median_sigma_low)
    assert width == pytest.approx(2 * stats.norm.isf(0.025) * np.std(medians, ddof=1), rel=0.2)
