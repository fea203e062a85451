"""The second mode of p_t: the level of γ against the density, and its SymPy function."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from speciation.theory import (
    Diagonal,
    GaussianMixture,
    SecondModeGamma,
    second_mode_gamma,
    speciation_sigma2,
    speciation_times,
)
from speciation.theory.theorems import t05_criteria


@pytest.mark.parametrize(
    "prior", [0.7, 0.95, 0.3, 0.5 + 2**-52, 0.5 + 1e-9, 0.4999, 0.27, 1e-16, 1 - 2**-53, 1e-300, 5e-324]
)
def test_the_level_is_the_root_in_many_digits(prior):
    """`√(γ(γ−1)) − arcosh √γ = |λ|` by bisection in 80 digits."""
    with mpmath.workdps(80):
        w = mpmath.mpf(prior)
        field = abs(mpmath.log(w / (1 - w))) / 2

        def excess(gamma):
            return mpmath.sqrt(gamma * (gamma - 1)) - mpmath.acosh(mpmath.sqrt(gamma)) - field

        root = mpmath.findroot(excess, (1, 5 + 2 * field), solver="anderson", tol=1e-120, maxsteps=500)
        assert abs(mpmath.mpf(float(second_mode_gamma(prior))) / root - 1) < 1e-14


def test_known_values_and_shapes():
    assert second_mode_gamma(0.5) == second_mode_gamma() == 1
    assert second_mode_gamma(0.7) == pytest.approx(1.842248, abs=5e-7)
    assert second_mode_gamma(0.95) == pytest.approx(3.205245, abs=5e-7)
    assert second_mode_gamma([[0.3, 0.5, 0.7]]).shape == (1, 3)
    assert second_mode_gamma(0.3) == pytest.approx(second_mode_gamma(0.7), rel=1e-14)
    # the cusp at equal weights
    field = np.log(0.5001 / 0.4999) / 2
    assert second_mode_gamma(0.5001) - 1 == pytest.approx((1.5 * field) ** (2 / 3), rel=2e-3)
    assert t05_criteria.predict()["gamma of the second mode (w=0.7)"] == second_mode_gamma(0.7)
    for prior in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match=r"^prior: every value must lie strictly between 0 and 1, not "):
            second_mode_gamma(prior)


def test_the_function_of_sympy():
    w = sp.Symbol("w")
    level = SecondModeGamma(w)
    assert level.subs(w, sp.Rational(1, 2)) == 1
    precise = level.subs(w, sp.Rational(7, 10)).evalf(40)
    excess = sp.sqrt(precise * (precise - 1)) - sp.acosh(sp.sqrt(precise)) - sp.log(sp.Rational(7, 3)) / 2
    assert abs(excess.evalf(38)) < 1e-36
    slope = sp.lambdify(w, level.diff(w))
    for prior in (0.3, 0.7):
        difference = (second_mode_gamma(prior + 1e-6) - second_mode_gamma(prior - 1e-6)) / 2e-6
        assert slope(prior) == pytest.approx(difference, rel=1e-8)
    np.testing.assert_array_equal(
        sp.lambdify(w, level)(np.array([0.3, 0.95])), second_mode_gamma([0.3, 0.95])
    )
    assert float(sp.lambdify(w, level, "mpmath")(mpmath.mpf(0.95))) == pytest.approx(3.205245, abs=5e-7)


def modes(mixture, sigma):
    """Where mean shift, `x → Σ_k p_k(x) m_k`, ends from either mean, by dense matrices: |difference|."""
    means, weights = mixture.means, mixture.weights
    precision = np.linalg.inv(np.diag(np.broadcast_to(SPREAD, 3)) + sigma**2 * np.eye(3))
    ends = means.copy()
    for _ in range(40_000):
        gaps = ends[:, None] - means
        logs = np.log(weights) - np.einsum("nki,ij,nkj->nk", gaps, precision, gaps) / 2
        posterior = np.exp(logs - logs.max(axis=1, keepdims=True))
        ends = posterior / posterior.sum(axis=1, keepdims=True) @ means
    return float(np.linalg.norm(ends[0] - ends[1]))


SPREAD = np.array([0.3, 1.0, 2.5])


@pytest.mark.parametrize("prior", [0.3, 0.9])
def test_with_any_shared_covariance_the_density_has_two_modes_below_and_one_above(prior):
    delta = np.array([1.5, -1.0, 2.0])
    mixture = GaussianMixture([prior, 1 - prior], np.array([delta, -delta]), Diagonal(SPREAD))
    found = {entry.criterion: entry for entry in speciation_times(mixture)}["second-mode"]
    assert found.gamma == pytest.approx(second_mode_gamma(prior), rel=1e-12)
    assert modes(mixture, 0.995 * found.sigma) > 0.1
    assert modes(mixture, 1.005 * found.sigma) < 1e-6


def test_sigma2_is_where_gamma_has_the_level():
    separation2, prior = np.array([9.0, 100.0, 1.0]), np.array([0.7, 0.95, 0.95])
    found = speciation_sigma2("second-mode", separation2, 0.5, prior)
    np.testing.assert_allclose(separation2[:2] / (0.5 + found[:2]), second_mode_gamma(prior[:2]), rtol=1e-12)
    assert np.isnan(found[2])


@pytest.mark.parametrize("spec", ["orthogonal:K=3,d=4,M=9,s=1", "scales:d=4,lambda1=1,lambda2=3"])
def test_what_it_does_not_apply_to_says_why(spec):
    entry = {e.criterion: e for e in speciation_times(GaussianMixture.parse(spec))}["second-mode"]
    assert entry.time is None
    assert entry.reason == "stated for two classes with a shared covariance"
