"""All levels at once: the law of the χ², and p-values of curves against their own mixture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.numerics.curves.covariance import covariance_variables, kept_levels
from speciation.numerics.curves.entropy import groups_of, prepared
from speciation.numerics.monte_carlo.strides import Joint, estimate, in_precision
from speciation.theory import GaussianMixture
from speciation.theory.times.window import window_sigmas
from speciation.validation import MixtureDenoiser, compare, discrepancy_entropy, path_entropy
from speciation.validation.measurement.curve_files import read_curve
from speciation.validation.measurement.level_test import LEAST_P, has_step_bias, level_test, mixture_tail

FALSE_ALARM = 1e-6
"""Of each Kolmogorov-Smirnov test here."""


@pytest.mark.parametrize("freedom", [5.0, 60.0, 5000.0])
@pytest.mark.parametrize("q", [0.003, 1.0, 7.0, 30.0])
def test_tail_against_known_laws(q: float, freedom: float) -> None:
    """Fisher's law of equal weights, and of pairs of weights a sum of exponentials, averaged over χ²_ν."""
    for count in (1, 5):
        expected = max(stats.f.sf(q, count, freedom), LEAST_P)
        assert mixture_tail(3 * count * q, np.full(count, 3.0), freedom) == pytest.approx(expected, abs=1e-8)
    weights = np.array([2.0, 0.7, 0.1])
    shares = [float(np.prod([a / (a - b) for b in weights if b != a])) for a in weights]
    expected = sum(
        share * (1 + q / freedom / a) ** (-freedom / 2) for share, a in zip(shares, weights, strict=True)
    )
    assert mixture_tail(q, np.repeat(weights, 2), freedom) == pytest.approx(max(expected, LEAST_P), abs=1e-8)


def curves_of(
    spec: str, method: str, keys: Sequence[int], samples: int, levels: int, partition: Any = None
) -> tuple[list[xr.Dataset], xr.Dataset]:
    """Curves of one mixture without what is read off them, and the exact one."""
    mixture = GaussianMixture.parse(spec)
    sigma = window_sigmas(mixture, levels)
    exact = entropy_curve(mixture, sigma, partition=partition)
    assert exact.attrs["method"] == "exact"
    kernel, parameters, dtype, unit, rounding, _ = prepared(
        mixture, sigma, method, groups_of(mixture, partition), None
    )
    arrays, joint = in_precision(parameters, dtype), Joint(1, kept_levels(sigma))
    found: list[xr.Dataset] = []
    scale = np.broadcast_to(unit, sigma.shape)
    for key in keys:
        each = estimate(kernel, arrays, samples, key, joint=joint)
        assert each.covariance is not None
        covariance = each.covariance * scale[:, None, None] * scale
        error = np.hypot(each.standard_error[0], rounding * each.mean[0]) * unit
        values = {"entropy": ("sigma", each.mean[0] * unit), "entropy_se": ("sigma", error)}
        curve = xr.Dataset(values, {"sigma": sigma})
        found.append(curve.assign(covariance_variables(("entropy",), sigma, covariance, each.units)))
    return found, exact


def p_values(found: list[xr.Dataset], exact: xr.Dataset) -> Any:
    tests = [level_test(curve, exact, "entropy") for curve in found]
    return np.array([each["p_value"] for each in tests if each is not None])


@pytest.mark.slow
def test_p_values_of_own_curves_are_uniform() -> None:
    """Of 100 curves; levels taken to be independent, or their errors to be 30 % smaller, are found out."""
    found, exact = curves_of("binary:d=16,mu=1,s=1", "reduced", range(100), 2048, 20)
    p = p_values(found, exact)
    assert len(p) == 100
    assert stats.kstest(p, "uniform").pvalue > FALSE_ALARM
    chi2 = [float((((c.entropy - exact.entropy) / c.entropy_se) ** 2).sum()) for c in found]
    assert stats.kstest(stats.chi2.sf(chi2, 20), "uniform").pvalue < FALSE_ALARM
    halved = {"entropy_covariance": 0.5, "entropy_se": 0.5**0.5}
    small = [c.assign({name: c[name] * factor for name, factor in halved.items()}) for c in found]
    assert stats.kstest(p_values(small, exact), "uniform").pvalue < 1e-2
    off = [c.assign(entropy=c.entropy + 6 * c.entropy_se) for c in found[:10]]
    assert p_values(off, exact).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "method"),
    [
        ("orthogonal:K=8,d=64,M=64,s=1", "reduced"),
        ("binary:d=64,mu=1,s=1", "reduced"),
        ("binary:d=64,mu=1,s=1", "ambient"),
        ("scales:d=64,lambda1=1,lambda2=2", "ambient"),
    ],
)
def test_p_values_of_many_own_curves_are_uniform(spec: str, method: str) -> None:
    """300 curves of 45 levels each."""
    p = p_values(*curves_of(spec, method, range(1000, 1300), 4096, 45))
    assert len(p) == 300
    assert stats.kstest(p, "uniform").pvalue > FALSE_ALARM
    assert (p < 0.05).sum() <= 36  # 15 expected; P(more) < 1e-6


@pytest.mark.slow
def test_compare_has_it_and_files_keep_it(tmp_path: Path) -> None:
    """From a NetCDF file to the summary; a file of an earlier version has none, and is compared too."""
    mixture = GaussianMixture.parse("binary:d=16,mu=1,s=1")
    curve = entropy_curve(mixture, window_sigmas(mixture, 24), samples=4096, method="reduced")
    curve.to_netcdf(tmp_path / "curve.nc", engine="scipy")
    found = compare(read_curve(tmp_path / "curve.nc"), mixture).summary
    assert found["level_test"]["levels"] == 24
    assert found["level_test"]["p_value"] > 1e-4
    old = curve.drop_vars([name for name in curve.data_vars if "covariance" in str(name)])
    old.to_netcdf(tmp_path / "old.nc", engine="scipy")
    earlier = compare(read_curve(tmp_path / "old.nc"), mixture).summary
    assert earlier["level_test"] is None
    assert earlier["median_sigma"]["measured"] == found["median_sigma"]["measured"]
    other = GaussianMixture.parse("binary:d=16,mu=1.1,s=1")
    assert compare(curve, other).summary["level_test"]["p_value"] < 1e-3


@pytest.mark.slow
def test_a_prediction_with_draws_has_its_own() -> None:
    """Drawn with the seed of the curve it would be the curve itself; both covariances are in the test."""
    means = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    mixture = GaussianMixture(np.full(3, 1 / 3), means, 1.0)
    curve = entropy_curve(mixture, window_sigmas(mixture, 16), samples=20_000, key=3)
    found = compare(curve, mixture, seed=3).summary
    assert found["prediction"]["key"] != 3
    assert 1e-4 < found["level_test"]["p_value"] < 1 - 1e-6


def test_chains_have_the_covariance_and_no_test() -> None:
    """From as many chains as it has degrees of freedom; the test would find their step bias."""
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    curve = path_entropy(MixtureDenoiser(mixture), mixture.labels, np.geomspace(40, 0.3, 30), (4,), chains=60)
    assert curve.covariance_units == 60
    np.testing.assert_allclose(np.sqrt(np.diagonal(curve.entropy_covariance)), curve.entropy_se, rtol=1e-9)
    for method, biased in {"path": 1, "commitment": 1, "cloning": 1, "discrepancy": 0}.items():
        of_it = curve.assign_attrs(method=method)
        assert has_step_bias(of_it) == biased
        found = compare(of_it, mixture).summary
        assert (found["level_test"] is None) == biased
        assert any("steps, of first order" in note for note in found["notes"]) == biased


def test_levels_whose_rare_draws_were_missed_or_that_have_none_are_left_out() -> None:
    """Ten good levels beside one of 7e-8 ± 5e-8 where 1e-4 is right, and one whose error is of rounding."""
    sigma = np.geomspace(1, 10, 12)
    truth = np.r_[1e-4, np.linspace(0.1, 0.6, 11)]
    error = np.r_[5e-8, np.full(10, 0.005), 1e-17]
    values = truth + error * np.random.default_rng(1).standard_normal(12)
    values[0], values[11] = 7e-8, truth[11] * 1.001
    curve = xr.Dataset({"entropy": ("sigma", values), "entropy_se": ("sigma", error)}, {"sigma": sigma})
    curve = curve.assign(covariance_variables(("entropy",), sigma, np.diag(error**2)[None, :, None], 600))
    exact = xr.Dataset({"entropy": ("sigma", truth)}, {"sigma": sigma})
    found = level_test(curve, exact, "entropy")
    assert found is not None
    assert found["levels"] == 10
    assert found["p_value"] > 1e-3


DENOISED = "binary:d=4,mu=1,s=0.5"


def denoised(seeds: Sequence[int], levels: int, samples: int) -> Any:
    """p-values of the exact denoiser by discrepancy, whose low levels are carried by rare samples."""
    mixture = GaussianMixture.parse(DENOISED)
    sigma, oracle = window_sigmas(mixture, levels), MixtureDenoiser(mixture)
    options = {"samples": samples, "batch": 200}
    curves = [
        discrepancy_entropy(oracle, mixture.labels, sigma, oracle.sample, seed=seed, **options)
        for seed in seeds
    ]
    return p_values(curves, entropy_curve(mixture, sigma))


def test_the_exact_denoiser_is_its_mixtures() -> None:
    """False alarms: p < 1e-5 of two seeds."""
    assert denoised(range(2), 16, 200).min() > 1e-5


@pytest.mark.slow
def test_p_values_of_the_exact_denoiser_are_uniform() -> None:
    """50 measurements with the usual settings."""
    p = denoised(range(50), 40, 600)
    assert len(p) == 50
    assert stats.kstest(p, "uniform").pvalue > FALSE_ALARM
