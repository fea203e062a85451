"""Where guided runs end, and the late mean and spread of their log-odds (T21), by several routes."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate
from speciation.numerics import fokker_planck
from speciation.theory import guided_entropy_coefficients, guided_probability, late_shift, late_variance

OMEGAS = (0.5 + 1e-9, 0.55, 0.75, 0.999999, 1.5, 2.0, 7.5, 100.0)
PRIORS = (1e-300, 1e-12, 0.1, 0.5, 0.7, 0.999, 1 - 1e-14)


@pytest.mark.parametrize("omega", OMEGAS)
def test_late_shift_is_its_hypergeometric_form(omega):
    with mp.workdps(60):
        weight = mp.mpf(omega)
        a = 2 * weight - 1
        for prior in PRIORS:
            w = mp.mpf(prior)
            odds, tail = mp.log((1 - w) / w), mp.hyp2f1(1, a, a + 1, w) / a
            expected = (weight - 1) / a * (mp.digamma(a) + mp.euler + odds + tail)
            assert abs(float(late_shift(omega, prior) / expected - 1)) < 1e-14


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_late_shift_is_the_integral_over_the_law_of_the_odds(prior):
    """`S = (ω−1) ∫ E(1 − tanh L) dγ` to first order in ω − 1, with L of ω = 1, N(λ + γ, γ)."""
    odds, (z, weights) = 0.5 * np.log(prior / (1 - prior)), np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()

    def missing(root):
        return 2 * root * weights @ (1 - np.tanh(odds + root**2 + root * z))

    expected = integrate.quad(missing, 0, 9, epsabs=1e-11)[0]
    assert float(late_shift(1 + 1e-9, prior)) * 1e9 == pytest.approx(expected, rel=1e-6)


def test_late_shift_of_given_values(reference):
    with (reference / "values" / "guidance_shift.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        for prior, column in ((0.5, "S(0.5)"), (0.1, "S(prior 0.1)"), (0.9, "S(prior 0.9)")):
            assert late_shift(float(row["omega"]), prior) == pytest.approx(float(row[column]), rel=1e-14)
        spread = float(row["V(0.5)=lim Var L - gamma"])
        assert late_variance(float(row["omega"])) == pytest.approx(spread, rel=1e-13)
    assert rows


def test_late_shift_in_closed_form_and_near_one_half():
    assert late_shift(1.5) == pytest.approx(np.log(2) - 0.25, rel=1e-14)
    assert late_shift(0.55) == pytest.approx(-3.5698, abs=5e-5)
    assert late_shift(1.0) == 0
    assert late_shift([1.5, 2.0], [[0.5], [0.1], [0.9]]).shape == (3, 2)
    assert fokker_planck.late_shift(2.0) == late_shift(2.0)


def late_cumulants(omega, prior):
    """S and V by the backward equations: with `y = u′` and `z = v′` of

        ½y′ + by = −(ω−1)(1 − tanh L),    ½z′ + bz = −(2y + y²),    b = ω + (1−ω) tanh L,

    `u + L − γ` is a martingale whose quadratic variation is `∫(1 + y)² dγ`.
    """

    def slopes(x, state):
        drift = omega + (1 - omega) * np.tanh(x)
        y, z = state[:2]
        return [
            -2 * (omega - 1) * (1 - np.tanh(x)) - 2 * drift * y,
            -2 * (2 * y + y * y) - 2 * drift * z,
            -y,
            -z,
        ]

    flat = 2 * omega - 1
    y = -2 * (omega - 1) / flat
    start = 0.5 * np.log(prior / (1 - prior))
    settled = [y, -(2 * y + y * y) / flat, 0.0, 0.0]
    options = {"rtol": 1e-11, "atol": 1e-13, "method": "DOP853"}
    first = integrate.solve_ivp(slopes, (-40, start), settled, **options).y[:, -1]
    last = integrate.solve_ivp(slopes, (start, 40), [*first[:2], 0.0, 0.0], **options).y[:, -1]
    return last[2], last[3]


@pytest.mark.parametrize("omega", [0.7, 0.9, 1.5, 4.0])
@pytest.mark.parametrize("prior", [0.5, 0.05, 0.9])
def test_late_cumulants_are_those_of_the_backward_equations(omega, prior):
    shift, spread = late_cumulants(omega, prior)
    assert late_shift(omega, prior) == pytest.approx(shift, rel=1e-8)
    assert late_variance(omega, prior) == pytest.approx(spread, rel=1e-8)


def probability_by_quadrature(omega, weight):
    """`P(p → 1)` from the scale function of the guided log-odds, `s′ = e^{−2∫drift}`."""

    def slope(x):
        return np.exp(-2 * omega * x - 2 * (1 - omega) * np.log(2 * np.cosh(x)))

    start = 0.5 * np.log(weight / (1 - weight))
    below, above = integrate.quad(slope, -60, start)[0], integrate.quad(slope, start, 60)[0]
    return below / (below + above)


def test_probability_of_given_values(reference):
    with (reference / "values" / "guidance_accuracy_limit.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        expected = float(row["P(end in class)=w^(1-2omega)"])
        assert guided_probability(float(row["omega"]), float(row["w"])) == pytest.approx(expected, rel=1e-14)
    assert rows


@pytest.mark.parametrize("omega", [-1.0, -0.5, 0.0, 0.2])
@pytest.mark.parametrize("weight", [0.5, 0.1, 0.8])
def test_probability_is_that_of_the_scale_function(omega, weight):
    expected = probability_by_quadrature(omega, weight)
    assert guided_probability(omega, weight) == pytest.approx(expected, rel=1e-8)


def test_probability_at_the_ends():
    assert guided_probability([0.5, 0.7, 30.0], 1e-300) == pytest.approx(np.ones(3), abs=0)
    assert guided_probability(0.0, [[0.1], [0.7]]) == pytest.approx(np.array([[0.1], [0.7]]), rel=1e-15)
    assert guided_probability(-1e300, 0.5) == 0
    for arguments, message in (
        ((np.nan, 0.5), "omega: not a finite number"),
        ((0.0, 1.0), "weight: every value must lie strictly between 0 and 1, not 1"),
    ):
        with pytest.raises(ValueError, match=message):
            guided_probability(*arguments)


def test_spread_at_its_limits():
    assert late_variance(1.0, 0.2) == 0
    assert late_variance(1e12) == pytest.approx(-(np.pi**2) / 8, rel=1e-11)
    assert late_variance([1.5, 2.0], [[0.5], [0.1], [0.9]]).shape == (3, 2)
    with pytest.raises(ValueError, match="omega: every value must be above 1/2"):
        late_variance(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5,), "omega: every value must be above 1/2 and at most 1e100 for a late shift, not 0.5"),
        (([2.0, -1.0],), r"but omega\[1\] is -1"),
        ((np.nan,), "omega: every value must be above 1/2 .* not nan"),
        ((np.inf,), "omega: every value must be above 1/2 .* not inf"),
        ((2.0, 0.0), "prior: every value must lie strictly between 0 and 1, not 0"),
        ((2.0, [0.5, 1.0]), r"prior: .* strictly between 0 and 1, but prior\[1\] is 1"),
        ((2.0, np.nan), "prior: every value must lie strictly between 0 and 1, not nan"),
    ],
)
def test_late_shift_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        late_shift(*arguments)


def test_coefficients_refuse_a_negative_order():
    assert len(guided_entropy_coefficients(0)) == 1
    with pytest.raises(ValueError, match=r"^order: must be >= 0, not -1"):
        guided_entropy_coefficients(-1)
