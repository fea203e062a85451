"""The constants of T8 against the design values, other precisions and brute force."""

import mpmath
import numpy as np
import pytest
from speciation.theory import (
    binary_mmse,
    large_gamma_mmse,
    log_law,
    median_gamma,
    peak_gamma,
    peak_gamma_coefficients,
    precise_median_gamma,
    precise_peak_gamma,
    speciation_time,
)
from speciation.theory.channel import multiprecision
from speciation.theory.channel.series import (
    entropy_large_gamma_coefficients,
    entropy_small_gamma_coefficients,
    large_gamma_coefficients,
    optimal_terms,
    small_gamma_coefficients,
)
from speciation.theory.times.criteria import VARIANCE
from speciation.theory.times.expansions import DIMENSION, LEVEL, MEAN, level_of

DESIGN = {
    "peak": "1.508330628786380978",
    "median": "1.044013315452508238",
    "height": "0.479515970635133484",
    "share": "0.374971906143516809",
    "agreement": "0.841044144604768391",
    "mmse": "0.449599509206672830",
    "entropy": "0.356316360213113697",
}


def test_design_values_to_all_their_digits():
    with mpmath.workdps(25):
        peak = precise_peak_gamma(digits=25)
        measured = {
            "peak": peak,
            "median": precise_median_gamma(digits=25),
            "height": peak * multiprecision.mmse(peak),
            "share": multiprecision.entropy(peak) / mpmath.log(2),
            "agreement": multiprecision.agreement(peak),
            "mmse": multiprecision.mmse(1),
            "entropy": multiprecision.entropy(1),
        }
        for name, value in measured.items():
            assert abs(value - mpmath.mpf(DESIGN[name])) < 1e-18, name


def test_more_digits_refine_the_same_number():
    with mpmath.workdps(60):
        assert abs(precise_peak_gamma(digits=55) - precise_peak_gamma(digits=30)) < mpmath.mpf(10) ** -29


@pytest.mark.parametrize("kappa", [-0.9, -0.2, 0.0, 0.3, 5.0, 1e4])
@pytest.mark.parametrize("prior", [0.5, 0.1, 1e-5])
def test_peak_is_the_maximum_of_the_rate(kappa, prior):
    peak = peak_gamma(kappa, prior)
    limit = -1 / kappa if kappa < 0 else 60.0
    grid = np.geomspace(1e-4, limit * (1 - 1e-9), 20_001)
    rate = grid * (1 + kappa * grid) * binary_mmse(grid, prior)
    assert peak == pytest.approx(grid[np.argmax(rate)], rel=2e-3)
    assert peak * (1 + kappa * peak) * binary_mmse(peak, prior) >= rate.max() * (1 - 1e-13)
    # one hump: the rate never turns up again after its maximum
    assert (np.diff(rate)[np.argmax(rate) :] <= 1e-16).all()


def test_extreme_priors():
    assert float(precise_peak_gamma(0, "1e-12")) == pytest.approx(peak_gamma(0.0, 1e-12), rel=1e-13)
    assert np.isfinite(peak_gamma(0.0, [1e-300, 1 - 1e-15])).all()
    assert median_gamma(0.3) == pytest.approx(median_gamma(0.7), rel=1e-13)


def test_series_of_the_peak_in_kappa():
    coefficients = peak_gamma_coefficients(5)
    left_out: list[float] = []
    with mpmath.workdps(30):
        for kappa in ("0.01", "0.02"):
            k = mpmath.mpf(kappa)
            value = sum(c * k**n for n, c in enumerate(coefficients))
            left_out.append(float(abs(value - precise_peak_gamma(kappa))))
    # six terms kept: twice the κ leaves 2⁶ times the error
    assert left_out[1] / left_out[0] == pytest.approx(64, rel=0.2)
    with pytest.raises(ValueError, match="order"):
        peak_gamma_coefficients(-1)


def test_small_gamma_series_is_exact():
    assert [str(c) for c in small_gamma_coefficients(5)] == ["1", "-1", "1", "-5/3", "13/3", "-227/15"]
    assert [str(c) for c in entropy_small_gamma_coefficients(3)] == ["log(2)", "-1/2", "1/4", "-1/6"]
    with mpmath.workdps(30):
        gamma = mpmath.mpf("1e-3")
        terms = [mpmath.mpf(str(c.evalf(30))) * gamma**j for j, c in enumerate(small_gamma_coefficients(10))]
        first_left_out = abs(float(small_gamma_coefficients(11)[11])) * 1e-33
        assert abs(sum(terms) - multiprecision.mmse(gamma)) == pytest.approx(first_left_out, rel=0.02, abs=0)


@pytest.mark.parametrize("gamma", [3.0, 10.0, 50.0, 300.0])
def test_large_gamma_series_meets_its_own_bound(gamma):
    cut = large_gamma_mmse(gamma)
    exact = multiprecision.mmse(gamma, digits=40)
    rounding = 4e-16 * float(exact)
    assert abs(cut.value - exact) <= cut.error_bound + rounding
    assert cut.terms == optimal_terms(gamma)
    # no other truncation has a smaller bound
    bounds = [large_gamma_mmse(gamma, n).error_bound for n in range(max(cut.terms - 4, 1), cut.terms + 5)]
    assert cut.error_bound == min(bounds)
    relative_bound = cut.error_bound / float(exact)
    assert relative_bound == pytest.approx(4 * np.sqrt(2) / np.pi * np.exp(-gamma / 2), rel=0.6)


def test_large_gamma_coefficients_serve_mmse_and_entropy():
    gamma = mpmath.mpf(4000)
    scale = mpmath.sqrt(mpmath.pi / (2 * gamma)) * mpmath.exp(-gamma / 2)
    for coefficients, exact in (
        (large_gamma_coefficients(6), multiprecision.mmse(gamma)),
        (entropy_large_gamma_coefficients(6), multiprecision.entropy(gamma)),
    ):
        value = scale * sum(mpmath.mpf(str(c.evalf(30))) / gamma**n for n, c in enumerate(coefficients))
        assert abs(value / exact - 1) < 1e-14


@pytest.mark.parametrize(
    "criterion", ["curvature", "covariance", "reverse-sde", "entropy-median", "entropy-peak"]
)
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_log_law_error_is_of_the_next_order(criterion, order):
    values = {MEAN: 0.9, VARIANCE: 0.4}
    if criterion in ("curvature", "entropy-median", "entropy-peak"):
        values[LEVEL] = float(level_of(criterion))
    for n, slope in enumerate(peak_gamma_coefficients(3)[1:], start=1):
        values[f"c{n}"] = float(slope)
    law = log_law(criterion, order).subs(values)
    errors = [
        abs(float(law.subs(DIMENSION, d)) - speciation_time(criterion, 0.81 * d, 0.4)) for d in (50, 200)
    ]
    # four times the dimension: the error falls by 4^(order + 1), or more where a term vanishes
    assert errors[1] <= errors[0] / 4 ** (order + 1) * 1.5 + 1e-14


def test_log_law_refuses():
    for criterion, order in (("probability-flow", 1), ("depth", 1), ("curvature", -1)):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            log_law(criterion, order)
    with pytest.raises(ValueError, match="level"):
        level_of("reverse-sde")


def test_the_large_gamma_series_ends_at_any_gamma():
    """Its terms are counted without being computed where the value is below every double."""
    assert large_gamma_mmse(1e300).value == 0
    assert 0 < large_gamma_mmse(1e300).error_bound < 1e-320
    assert optimal_terms(2e4) == 10_000
