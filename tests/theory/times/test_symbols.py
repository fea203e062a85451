"""Symbols and functions to compute with: substitution, derivatives, series, any precision, arrays."""

import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
from speciation import theory
from speciation.theory import MedianGamma, PeakGamma, median_gamma, peak_gamma, peak_gamma_coefficients
from speciation.theory.channel.gamma_levels import SechMoment


def test_symbols_are_those_of_the_expressions():
    law = theory.log_law("curvature", 1)
    assert law.free_symbols == {theory.d, theory.mu, theory.s2, theory.gamma_c}
    time = theory.speciation_time_expression("curvature", theory.w)
    assert time.free_symbols == {theory.M, theory.s2, theory.w}
    assert [str(s) for s in (theory.gamma, theory.omega)] == ["gamma", "omega"]
    slope = sp.diff(time, theory.M).subs({theory.M: 4, theory.s2: 1, theory.w: sp.Rational(1, 2)})
    assert float(slope) == pytest.approx(1 / 8)


def test_symbols_load_sympy_on_first_use():
    code = (
        "import sys, speciation.theory as t; before = 'sympy' in sys.modules; t.M;"
        "print(before, 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("point", [(0.0, 0.5), (0.4, 0.5), (-0.3, 0.2)])
def test_peak_derivatives_are_differences(point):
    kappa, w = sp.symbols("kappa w")
    for symbol, place in ((kappa, 0), (w, 1)):
        slope = float(PeakGamma(kappa, w).diff(symbol).subs({kappa: point[0], w: point[1]}).evalf(15))
        step = np.array([-2, -1, 1, 2]) * 1e-3
        values = [peak_gamma(*(x + h * (i == place) for i, x in enumerate(point))) for h in step]
        expected = np.dot([1, -8, 8, -1], values) / (12 * 1e-3)
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("prior", [0.5, 0.2, 0.9])
def test_median_derivative_is_a_difference(prior):
    w = theory.w
    slope = float(MedianGamma(w).diff(w).subs(w, prior).evalf(15))
    values = [median_gamma(prior + k * 1e-3) for k in (-2, -1, 1, 2)]
    assert slope == pytest.approx(np.dot([1, -8, 8, -1], values) / (12 * 1e-3), rel=1e-6, abs=1e-8)


def test_moments_are_closed_under_differentiation():
    g, w = sp.symbols("gamma w")
    for k in (0, 1):
        for symbol in (g, w):
            moment = SechMoment(3, k, g, w)
            at = {g: sp.Float("0.7", 30), w: sp.Float("0.3", 30)}
            step = sp.Float("1e-6", 30)
            ends = [moment.subs({**at, symbol: at[symbol] + s * step}).evalf(30) for s in (1, -1)]
            exact = moment.diff(symbol).subs(at).evalf(30)
            assert abs((ends[0] - ends[1]) / (2 * step) / exact - 1) < 1e-9


@pytest.mark.slow
def test_series_is_that_of_the_expansion():
    kappa = sp.Symbol("kappa")
    found = sp.series(PeakGamma(kappa), kappa, 0, 3).removeO()
    for n, coefficient in enumerate(peak_gamma_coefficients(2)):
        assert float(found.coeff(kappa, n).evalf(15)) == pytest.approx(float(coefficient), rel=1e-12)


def test_functions_of_arrays_and_of_digits():
    kappa, w = sp.Symbol("kappa"), theory.w
    points = np.array([0.0, 0.5, 2.0])
    call = sp.lambdify(kappa, PeakGamma(kappa), "numpy")
    np.testing.assert_allclose(call(points), peak_gamma(points), rtol=1e-13)
    slope = sp.lambdify(kappa, PeakGamma(kappa).diff(kappa), "numpy")
    assert slope(points).shape == (3,)
    np.testing.assert_allclose(sp.lambdify(w, MedianGamma(w), "numpy")(0.3), median_gamma(0.3), rtol=1e-13)
    assert str(PeakGamma(0).evalf(40)).startswith("1.50833062878638097")
    assert str(MedianGamma(sp.Rational(1, 2)).evalf(40)).startswith("1.04401331545250823")
    assert PeakGamma(kappa).is_positive


@pytest.mark.parametrize(
    ("m", "s2"), [(0.2, 0.5), (0.3, 0.5), (0.6, 0.5), (0.1, 0.5), (1.0, 1.0), (4.0, 2.0)]
)
def test_probability_flow_is_a_piecewise(m, s2):
    expression = theory.speciation_time_expression("probability-flow")
    assert isinstance(expression, sp.Piecewise)
    found = float(expression.subs({"M": m, "s2": s2}))
    expected = float(theory.speciation_time("probability-flow", m, s2))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_log_law_to_the_fifth_order():
    law = theory.log_law("entropy-median", order=5)
    assert law.coeff(theory.d, -5) != 0
