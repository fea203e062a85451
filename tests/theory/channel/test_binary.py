"""The binary channel against its definition, to the precision that is promised."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speciation.theory import (
    binary_entropy,
    binary_mmse,
    binary_mmse_slope,
    clone_agreement,
    large_gamma_mmse,
    log_binary_entropy,
    log_binary_mmse,
)
from speciation.theory.channel import multiprecision
from speciation.validation.verification.independent import binary_quadrature

PROMISED = 1e-12
GAMMAS = np.geomspace(1e-12, 1300, 70)


def relative(value, exact) -> float:
    return float(abs(mpmath.mpf(float(value)) / exact - 1))


def adaptive_entropy(gamma: float, prior: float):
    """A third route: mpmath's adaptive quadrature of the definition."""
    with mpmath.workdps(30):
        g, w = mpmath.mpf(gamma), mpmath.mpf(prior)
        bias = mpmath.log(w / (1 - w))

        def term(z, sign):
            return mpmath.log1p(mpmath.exp(-2 * g - sign * bias - 2 * mpmath.sqrt(g) * z)) * mpmath.npdf(z)

        points = list(range(-16, 17, 2))
        return w * mpmath.quad(lambda z: term(z, 1), points) + (1 - w) * mpmath.quad(
            lambda z: term(z, -1), points
        )


@pytest.mark.parametrize("prior", [0.5, 0.3, 0.999, 1e-6])
def test_entropy_keeps_relative_precision(prior):
    worst = max(relative(binary_entropy(g, prior), binary_quadrature.entropy(g, prior)) for g in GAMMAS)
    assert worst <= PROMISED


def test_mmse_keeps_relative_precision():
    assert max(relative(binary_mmse(g), binary_quadrature.mmse(g)) for g in GAMMAS) <= PROMISED


@pytest.mark.parametrize("gamma", [0.03, 0.0309, 1.0, 7.0])
@pytest.mark.parametrize("prior", [0.5, 0.2])
def test_direct_route_agrees_with_adaptive_quadrature(gamma, prior):
    exact = adaptive_entropy(gamma, prior)
    assert relative(float(binary_quadrature.entropy(gamma, prior)), exact) < 1e-15
    assert relative(float(multiprecision.entropy(gamma, prior)), exact) < 1e-15


@pytest.mark.parametrize("gamma", [1400.0, 4000.0, 1e4, 1e8])
def test_logarithms_stay_precise_where_values_underflow(gamma):
    with mpmath.workdps(30):
        assert relative(log_binary_entropy(gamma), mpmath.log(binary_quadrature.entropy(gamma))) < 1e-15
        assert relative(log_binary_mmse(gamma), mpmath.log(binary_quadrature.mmse(gamma))) < 1e-15


def test_underflow_is_zero_not_noise():
    np.testing.assert_array_equal(binary_entropy([1e4, np.inf]), [0.0, 0.0])
    assert log_binary_entropy(np.inf) == -np.inf


def test_a_two_percent_error_would_be_seen():
    # below γ = 1e-9 two per cent of γ is less than the promised precision of H
    visible = GAMMAS[GAMMAS > 1e-9]
    wrong = binary_entropy(1.02 * visible)
    assert (
        min(relative(v, binary_quadrature.entropy(g)) for v, g in zip(wrong, visible, strict=True)) > PROMISED
    )


def test_shapes_and_scalars():
    grid = np.geomspace(1e-3, 10, 24).reshape(2, 3, 4)
    assert binary_entropy(grid).shape == (2, 3, 4)
    assert np.ndim(binary_entropy(1.0)) == 0
    assert isinstance(binary_entropy(1.0), np.float64)
    assert binary_entropy(grid[..., None], [0.2, 0.5]).shape == (2, 3, 4, 2)
    assert binary_entropy([]).shape == (0,)


@pytest.mark.parametrize("function", [binary_entropy, binary_mmse, binary_mmse_slope, clone_agreement])
def test_values_do_not_depend_on_their_company(function):
    rng = np.random.default_rng(0)
    gamma, prior = 10 ** rng.uniform(-12, 3, 5000), rng.uniform(0.01, 0.99, 5000)
    together = function(gamma, prior)
    alone = np.array([function(g, w) for g, w in zip(gamma[:200], prior[:200], strict=True)])
    np.testing.assert_allclose(together[:200], alone, rtol=1e-13)


def test_limits():
    assert binary_entropy(0.0) == pytest.approx(np.log(2), rel=1e-15)
    assert binary_entropy(0.0, 0.2) == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8), rel=1e-14)
    assert binary_mmse(0.0, 0.2) == pytest.approx(4 * 0.2 * 0.8, rel=1e-14, abs=0)
    assert clone_agreement(0.0, 0.2) == pytest.approx(0.2**2 + 0.8**2, rel=1e-14, abs=0)
    assert clone_agreement(1.0) == pytest.approx(0.775200245396663585, rel=1e-15, abs=0)  # B24's 0.775


@given(st.floats(1e-12, 1e3), st.floats(0.001, 0.999))
def test_entropy_is_between_its_limits_and_falls(gamma, prior):
    entropy, start = binary_entropy(gamma, prior), binary_entropy(0.0, prior)
    assert 0 < entropy <= start * (1 + 1e-14)
    assert binary_entropy(1.5 * gamma, prior) <= entropy * (1 + 1e-14)
    np.testing.assert_allclose(entropy, binary_entropy(gamma, 1 - prior), rtol=1e-9)


@given(st.floats(1e-6, 100), st.floats(0.01, 0.99))
def test_slopes_are_derivatives(gamma, prior):
    step = 1e-5 * gamma
    entropy = [binary_entropy(gamma + sign * step, prior) for sign in (1, -1)]
    mmse = [binary_mmse(gamma + sign * step, prior) for sign in (1, -1)]
    noise = 1e-15 / step
    slope = -0.5 * binary_mmse(gamma, prior)
    assert (entropy[0] - entropy[1]) / (2 * step) == pytest.approx(slope, rel=1e-7, abs=10 * noise)
    slope = binary_mmse_slope(gamma, prior)
    assert (mmse[0] - mmse[1]) / (2 * step) == pytest.approx(slope, rel=1e-7, abs=10 * noise)


@pytest.mark.parametrize("gamma", [-1e-9, np.nan, [0.1, -2.0], -np.inf])
def test_refuses_gamma(gamma):
    with pytest.raises(ValueError, match="gamma"):
        binary_entropy(gamma)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, np.nan])
def test_refuses_prior(prior):
    with pytest.raises(ValueError, match="prior"):
        binary_mmse(1.0, prior)


@pytest.mark.parametrize("gamma", [3.0, 20.0, 73.0, 80.0, 100.0, 200.0, 600.0, 1300.0])
def test_error_bound_of_the_large_gamma_series_covers_its_rounding(gamma):
    """From γ ≈ 73 on a double is further from the sum than the sum from the mmse."""
    found = large_gamma_mmse(gamma)
    with mpmath.workdps(40):
        off = abs(mpmath.mpf(found.value) - multiprecision.mmse(gamma, 0.5, 40))
        assert off <= found.error_bound
        assert found.error_bound <= found.value * (3 * float(mpmath.exp(-gamma / 2)) + 2.0**-52)


@pytest.mark.parametrize("gamma", [0.05, 0.2, 0.8])
def test_small_gamma_series_is_enveloped(gamma):
    """`e^{γ/2} mmse` against its partial sums: the error is below the first omitted term, with its sign."""
    with mpmath.workdps(40):
        exact = mpmath.exp(mpmath.mpf(gamma) / 2) * multiprecision.mmse(gamma, 0.5, 40)
        total = mpmath.mpf(0)
        for n in range(12):
            term = mpmath.eulernum(2 * n) * mpmath.mpf(gamma) ** n / (2**n * mpmath.factorial(n))
            assert 0 < (exact - total) / term < 1
            total += term
