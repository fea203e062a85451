"""Clocks: inverses in floating point, symbolic forms, ends, and the conventions of diffusers."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from speciation.theory import schedules

SMOOTH = [c for c in schedules.CLOCKS.values() if not isinstance(c, schedules.DDPM)]


@pytest.mark.parametrize("name", schedules.CLOCKS)
@given(exponent=st.floats(-6, 1))
def test_sigma_inverts_time(name, exponent):
    clock, sigma = schedules.CLOCKS[name], 10.0**exponent
    np.testing.assert_allclose(clock.sigma(clock.time(sigma)), sigma, rtol=1e-12)


@pytest.mark.parametrize("name", schedules.CLOCKS)
def test_ou_time_is_the_common_clock(name):
    clock = schedules.CLOCKS[name]
    sigma = np.array([1e-5, 0.3, 2.0, 11.0])
    np.testing.assert_allclose(clock.ou_time(clock.time(sigma)), 0.5 * np.log1p(sigma**2), rtol=1e-11)


@pytest.mark.parametrize("name", schedules.CLOCKS)
def test_signal_and_noise_have_the_ratio_sigma(name):
    clock = schedules.CLOCKS[name]
    time = clock.time(np.array([0.1, 1.0, 9.0]))
    signal, noise = clock.signal(time), clock.noise(time)
    np.testing.assert_allclose(noise / signal, [0.1, 1.0, 9.0], rtol=1e-12)
    if clock.variance_preserving:
        np.testing.assert_allclose(signal**2 + noise**2, 1, rtol=1e-14)


@pytest.mark.parametrize("clock", SMOOTH, ids=lambda c: c.name)
def test_symbolic_forms_are_the_numeric_ones(clock):
    time = sp.Symbol("s", positive=True)
    place = float(clock.time(2.5))
    exact = clock.sigma_expression(time).subs(time, sp.Float(place, 30)).evalf(20)
    assert float(clock.sigma(place)) == pytest.approx(float(exact), rel=1e-13)
    found = float(clock.time_expression(sp.Float("2.5", 30)).evalf(20))
    assert found == pytest.approx(place, rel=1e-13, abs=0)


def test_discrete_symbolic_forms():
    ddpm = schedules.DDPM(steps=12, beta_start=0.01, beta_end=0.2)
    assert float(ddpm.sigma_expression(7).doit()) == pytest.approx(float(ddpm.sigma(7)), rel=1e-12)
    n = sp.Symbol("n", integer=True, positive=True)
    sigma = float(ddpm.sigma(6.25))
    place = ddpm.time_expression(sp.Float(sigma, 30)).subs(n, 7).doit()
    assert float(place) == pytest.approx(6.25, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("clock", "kind", "first", "last"),
    [
        (schedules.DDPM(), "linear", 1e-4, 0.02),
        (schedules.StableDiffusion(), "scaled_linear", 0.00085, 0.012),
    ],
)
def test_discrete_clocks_are_products_of_betas(clock, kind, first, last):
    betas = np.linspace(first, last, 1000)
    if kind == "scaled_linear":
        betas = np.linspace(first**0.5, last**0.5, 1000) ** 2
    alphas_cumprod = np.cumprod(1 - betas)
    steps = np.array([1, 10, 500, 1000])
    expected = np.sqrt(1 / alphas_cumprod[steps - 1] - 1)
    np.testing.assert_allclose(clock.sigma(steps), expected, rtol=1e-10)
    np.testing.assert_allclose(clock.time(expected), steps, rtol=1e-10)


def test_stable_diffusion_spans_its_published_range():
    clock = schedules.StableDiffusion()
    assert float(clock.sigma(1)) == pytest.approx(0.029, abs=5e-4)
    assert float(clock.last_sigma) == pytest.approx(14.6, abs=0.05)


def test_outside_the_schedule_is_nan():
    assert np.isnan(schedules.DDPM().time(1e6))
    assert np.isnan(schedules.VPLinear().sigma(1.5))
    assert np.isnan(schedules.OrnsteinUhlenbeck().sigma(-0.1))
    assert np.isnan(schedules.EDM().time(np.nan))


def test_extremes_neither_overflow_nor_cancel():
    ou = schedules.OrnsteinUhlenbeck()
    np.testing.assert_allclose(ou.time(1e-100), 0.5e-200, rtol=1e-14)
    np.testing.assert_allclose(ou.time(1e200), 200 * np.log(10), rtol=1e-14)
    np.testing.assert_allclose(ou.sigma(1e-20), np.sqrt(2e-20), rtol=1e-14)
    np.testing.assert_array_equal(schedules.FlowMatching().time([0.0, np.inf]), [0.0, 1.0])
    assert schedules.Cosine().time(np.inf) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: schedules.VPLinear(20, 0.1),
        lambda: schedules.Cosine(-1.0),
        lambda: schedules.DDPM("quadratic"),
        lambda: schedules.DDPM(steps=1),
        lambda: schedules.DDPM(beta_start=0.1, beta_end=2.0),
        lambda: schedules.by_name("karras"),
    ],
)
def test_refuses_what_is_no_schedule(build):
    with pytest.raises(ValueError, match=r"^\w[^\n]*$"):
        build()
