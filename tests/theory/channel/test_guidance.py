"""The late shift of guided log-odds (T21): against the hypergeometric form, given values, and its limits."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate
from speciation.numerics import fokker_planck
from speciation.theory import late_shift

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
    assert rows


def test_late_shift_in_closed_form_and_near_one_half():
    assert late_shift(1.5) == pytest.approx(np.log(2) - 0.25, rel=1e-14)
    assert late_shift(0.55) == pytest.approx(-3.5698, abs=5e-5)
    assert late_shift(1.0) == 0
    assert late_shift([1.5, 2.0], [[0.5], [0.1], [0.9]]).shape == (3, 2)
    assert fokker_planck.late_shift(2.0) == late_shift(2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5,), "omega: the late shift needs a weight above 1/2, up to 1e100, not 0.5"),
        (([2.0, -1.0],), "not -1"),
        ((np.nan,), "omega: the late shift"),
        ((np.inf,), "omega: the late shift"),
        ((2.0, 0.0), "prior: must lie strictly between 0 and 1, not 0"),
        ((2.0, [0.5, 1.0]), "prior: must lie strictly between 0 and 1, not 1"),
        ((2.0, np.nan), "prior: must lie strictly between 0 and 1, not nan"),
    ],
)
def test_late_shift_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        late_shift(*arguments)
