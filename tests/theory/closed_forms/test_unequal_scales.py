"""Unequal covariances: exact curves against the engine and against quadrature, and the quarter-log law."""

import numpy as np
import pytest
from scipy import integrate, stats
from speciation.numerics import entropy_curve
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank, binary_entropy
from speciation.theory.closed_forms.unequal_scales import (
    Contrast,
    dimension_correction,
    has_contrast,
    quarter_log_law,
)

THRESHOLD = float(stats.norm.isf(5e-9))  # at most 100 comparisons: false alarms below 1e-6


def pair(kind):
    rng = np.random.default_rng(1)
    factors = rng.standard_normal((2, 5, 5))
    return {
        "isotropic": [Isotropic(0.5), Isotropic(3.0)],
        "diagonal": [Diagonal(rng.uniform(0.1, 2, 5)), Diagonal(rng.uniform(0.1, 5, 5))],
        "full": [Full(f @ f.T) for f in factors],
        "low rank": [LowRank(0.5, factors[0][:, :2]), Isotropic(1.0)],
    }[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full", "low rank"])
def test_exact_curves_meet_the_engine(kind):
    mixture = GaussianMixture([0.3, 0.7], np.ones((2, 5)), pair(kind))
    sigmas = np.array([0.4, 1.0, 2.5])
    exact = entropy_curve(mixture, sigmas)
    assert (exact.attrs["method"], "T16" in exact.attrs["reason"]) == ("exact", True)
    measured = entropy_curve(mixture, sigmas, method="ambient", samples=1_000_000)
    for name in ("entropy", "rate", "agreement"):
        z = np.abs((measured[name] - exact[name]) / measured[f"{name}_se"])
        assert float(z.max()) < THRESHOLD
        # mutant: 3 % more is rejected
        assert float(np.abs((measured[name] - 1.03 * exact[name]) / measured[f"{name}_se"]).max()) > THRESHOLD


def test_one_dimension_by_quadrature():
    def surprise(x):
        first, second = (stats.norm.pdf(x, scale=np.sqrt(v)) for v in (1.5, 4.5))
        p = 0.3 * first / (0.3 * first + 0.7 * second)
        return -0.3 * first * np.log(p) - 0.7 * second * np.log1p(-p)

    expected = integrate.quad(surprise, -40, 40, epsabs=1e-13, limit=500)[0]
    found = Contrast.of_spectra(np.array([1.0]), np.array([4.0]), 0.5, np.ones(1), 0.3)
    assert found.entropy() == pytest.approx(expected, rel=1e-10, abs=0)


def test_matrices_and_spectra_agree():
    first, second = np.array([0.5, 2.0, 1.0]), np.array([1.5, 0.1, 1.0])
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turned = [rotation @ np.diag(values) @ rotation.T for values in (first, second)]
    a = Contrast.of_spectra(first, second, 0.7, np.ones(3), 0.4)
    b = Contrast.of_matrices(*turned, 0.7, 0.4)
    for name in ("entropy", "disagreement", "entropy_slope"):
        assert getattr(a, name)() == pytest.approx(getattr(b, name)(), rel=1e-11)
    assert a.gamma == pytest.approx(b.gamma, rel=1e-12, abs=0)


def test_slope_is_the_derivative():
    def entropy(noise):
        return Contrast.of_spectra(
            np.array([1.0, 2.0]), np.array([3.0, 0.5]), noise, np.array([4.0, 9.0])
        ).entropy()

    step = 1e-4
    slope = (
        8 * (entropy(1 + step) - entropy(1 - step)) - (entropy(1 + 2 * step) - entropy(1 - 2 * step))
    ) / (12 * step)
    found = Contrast.of_spectra(np.array([1.0, 2.0]), np.array([3.0, 0.5]), 1.0, np.array([4.0, 9.0]))
    assert found.entropy_slope() == pytest.approx(slope, rel=1e-8, abs=0)


@pytest.mark.parametrize("gamma", [0.2, 1.0, 4.0])
def test_limit_and_correction(gamma):
    for d in (1e3, 1e5):
        eta = np.sqrt(2 * gamma / d)
        found = Contrast(2 * np.arctanh([eta]), np.zeros(1), np.array([d])).entropy()
        limit = float(binary_entropy(gamma))
        assert found == pytest.approx(limit + float(dimension_correction(gamma)) / d, abs=3 / d**2 + 1e-12)
        # the correction is seen: without it the difference is larger
        assert abs(found - limit) > 100 * abs(found - limit - float(dimension_correction(gamma)) / d)


def test_quarter_log_law_against_the_exact_level():
    law = quarter_log_law(3)
    names = {symbol.name: symbol for symbol in law.free_symbols}
    for d in (1e4, 1e8):
        values = {"d": d, "gamma_c": 1.5, "Delta": 2.0, "lambda_bar": 2.0}
        series = float(law.subs({names[n]: v for n, v in values.items()})) + 0.25 * np.log(d)
        noise = 2.0 * np.sqrt(d / (8 * 1.5)) - 2.0
        assert series == pytest.approx(0.5 * np.log1p(noise), abs=30 / d**2 + 1e-13)
        contrast = Contrast.of_spectra(np.array([3.0]), np.array([1.0]), noise, np.array([d]))
        assert contrast.gamma == pytest.approx(1.5, rel=1e-9)


def test_extreme_ratios_keep_precision():
    """λ₂ = 0 at tiny σ: η rounds to 1, but what matters is the ratio."""
    found = Contrast.of_spectra(np.array([1.0]), np.array([0.0]), 1e-20, np.array([1.0]))
    assert 0 < found.entropy() < 1e-4
    assert found.disagreement() > 0


def test_what_has_no_contrast():
    different = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [Isotropic(1.0), Isotropic(2.0)])
    three = GaussianMixture([0.2, 0.3, 0.5], np.zeros((3, 1)), [Isotropic(v) for v in (1.0, 2.0, 3.0)])
    large = GaussianMixture([0.5, 0.5], np.zeros((2, 600)), [LowRank(1.0, np.ones((600, 1))), Isotropic(1.0)])
    assert not any(map(has_contrast, (different, three, large)))


@pytest.mark.slow
def test_any_covariances_decide_at_a_quarter_of_log_d():
    """`γ → ‖Σ₁ − Σ₂‖²_F/(8σ⁴)` and `H → H₂(γ)` for a spread of eigenvalues, up to d = 10⁵."""
    rng = np.random.default_rng(0)
    errors = []
    for d in (10**3, 10**5):
        first, second = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d)
        distance2 = float(((first - second) ** 2).sum())
        noise = np.sqrt(distance2 / 8)  # γ = 1
        contrast = Contrast.of_spectra(first, second, noise, np.ones(d))
        errors.append(abs(contrast.entropy() / float(binary_entropy(contrast.gamma)) - 1))
        # λ̄ beside σ² is what is left out: O(1/√d)
        assert contrast.gamma == pytest.approx(1, abs=12 / np.sqrt(d))
    assert errors[1] < errors[0] < 5e-3
    assert errors[1] < 1e-4
