"""Rates and tables of one's own, grids of steps, other directions of time, and the factor of rates."""

import numpy as np
import pytest
from scipy import integrate
from speciation.theory import schedules

CLOCKS = {
    **schedules.CLOCKS,
    "sub-vp": schedules.SubVP(),
    "ve": schedules.VarianceExploding(),
    "logsnr": schedules.LogSNR(),
    "flow:shift=3": schedules.FlowMatching(3.0),
    "flow-sit": schedules.FlowMatching(from_noise=True),
    "vp": schedules.VariancePreserving(lambda s: 2 + np.sin(9 * s) + 8 * s**2, horizon=1.5),
    "table": schedules.Table(np.cumprod(1 - np.linspace(1e-4, 0.02, 300))),
    "karras": schedules.karras(40),
    "karras share": schedules.karras(40, from_noise=True, unit=1 / 40),
    "network steps": schedules.Spaced(schedules.DDPM(), np.arange(1, 1001)),
    "sigmas": schedules.Spaced.of_sigmas([9.0, 3.0, 0.5, 0.0, 0.02]),
}
RATES = {
    "linear": (lambda s: 0.1 + 19.9 * s, 1.0),
    "numbers only": (lambda s: 1.0 if s < 0.3 else 5.0, 1.0),
    "zero at the start": (lambda s: 3 * np.sqrt(s), 2.0),
    "oscillating": (lambda s: np.exp(3 * np.sin(20 * s)), 3.0),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_both_ways_are_exact(name):
    clock = CLOCKS[name]
    low, high = max(clock.first_sigma, 1e-3), min(clock.last_sigma, 150.0)
    sigma = np.geomspace(low, high, 501)
    time = clock.time(sigma)
    np.testing.assert_allclose(clock.sigma(time), sigma, rtol=1e-12)
    np.testing.assert_allclose(clock.time(clock.sigma(time)), time, rtol=1e-12, atol=1e-12)
    direction = np.sign(np.diff(time))
    assert (direction == direction[0]).all()


@pytest.mark.parametrize("name", CLOCKS)
def test_ends_are_enforced_and_named(name):
    clock = CLOCKS[name]
    if clock.first_sigma > 0:
        below = clock.first_sigma * 0.999
        assert np.isnan(clock.time(below))
        with pytest.raises(ValueError, match=rf"^sigma: .* below where the {clock.name} clock begins at"):
            clock.check_sigma([1.0, below])
    if np.isfinite(clock.last_sigma):
        above = clock.last_sigma * 1.001
        assert np.isnan(clock.time(above))
        with pytest.raises(ValueError, match=rf"^value: .* above where the {clock.name} clock ends at"):
            clock.check_sigma(above, "value")
    for end in (clock.first_time, clock.last_time):
        if np.isfinite(end):
            beyond = end + np.sign(2 * end - clock.first_time - clock.last_time) * 1e-6
            assert np.isnan(clock.sigma(beyond))
            with pytest.raises(ValueError, match=r"^time: .* is outside the .* clock"):
                clock.check_time(beyond)
            assert clock.check_time(end) == end


@pytest.mark.parametrize("name", CLOCKS)
def test_time_slope_is_the_derivative(name):
    """Its integral over log σ is the time that passes."""
    clock = CLOCKS[name]
    ends = np.log([max(clock.first_sigma, 0.01), min(clock.last_sigma, 40.0)])
    kinks = name in ("ddpm", "sd15", "table", "network steps", "sigmas")
    x = np.linspace(*ends, 100_001 if kinks else 2001)
    passed = integrate.simpson(clock.time_slope(np.exp(x)), x=x)
    expected = clock.time(np.exp(ends[1])) - clock.time(np.exp(ends[0]))
    assert passed == pytest.approx(expected, rel=2e-4 if kinks else 1e-9)


@pytest.mark.parametrize("name", RATES)
def test_any_rate_is_integrated_and_inverted(name):
    beta, horizon = RATES[name]
    clock = schedules.VariancePreserving(beta, horizon)
    sigma = np.geomspace(1e-6, clock.last_sigma, 300)
    np.testing.assert_allclose(clock.sigma(clock.time(sigma)), sigma, rtol=1e-12)
    for place in (0.2, 0.65, 1.0):
        points = [0.3] if name == "numbers only" else None
        whole = integrate.quad(beta, 0, place * horizon, points=points, limit=400, epsabs=0, epsrel=1e-12)[0]
        assert clock.ou_time(place * horizon) == pytest.approx(whole / 2, rel=1e-10)


def test_a_linear_rate_is_vp_linear():
    own, closed = schedules.VariancePreserving(RATES["linear"][0]), schedules.VPLinear()
    sigma = np.geomspace(1e-8, closed.last_sigma, 200)
    np.testing.assert_allclose(own.time(sigma), closed.time(sigma), rtol=1e-13)
    np.testing.assert_allclose(own.time_slope(sigma), closed.time_slope(sigma), rtol=1e-13)
    assert own.last_sigma == pytest.approx(closed.last_sigma, rel=1e-13)
    symbolic = schedules.VariancePreserving(lambda s: 1 + s).sigma_expression(1).doit()
    assert float(symbolic) == pytest.approx(np.sqrt(np.exp(0.75 * 2) - 1), rel=1e-14)


def test_a_table_of_ddpm_is_ddpm():
    ddpm = schedules.DDPM()
    table = schedules.Table(np.cumprod(1 - ddpm.betas))
    sigma = np.geomspace(0.01, 150, 99)
    np.testing.assert_allclose(table.time(sigma), ddpm.time(sigma), rtol=1e-9)
    without_signal = schedules.Table([0.9, 0.5, 0.0])
    assert without_signal == schedules.Table([0.9, 0.5])
    assert without_signal.last_time == 2


def test_sub_vp_is_songs():
    """`a = e^{−½B}`, `b = 1 − e^{−B}` with `B = ∫β`, by definition."""
    clock, s = schedules.SubVP(), np.array([0.01, 0.3, 0.8])
    whole = 0.1 * s + 19.9 * s**2 / 2
    np.testing.assert_allclose(clock.signal(s), np.exp(-whole / 2), rtol=1e-12)
    np.testing.assert_allclose(clock.noise(s), -np.expm1(-whole), rtol=1e-12)


def test_karras_is_the_published_formula():
    i, n = np.arange(18), 18
    published = (80 ** (1 / 7) + i / (n - 1) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    clock = schedules.karras(18, from_noise=True)
    np.testing.assert_allclose(clock.sigma(i), published, rtol=1e-12)
    shares = schedules.karras(18, from_noise=True, unit=1 / 18)
    np.testing.assert_allclose(shares.sigma(i / 18), published, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: schedules.VariancePreserving(lambda s: 0.3 - s), "beta: must be a number > 0 on"),
        (lambda: schedules.VariancePreserving(lambda s: 1 / (1 - s)), "beta: its integral does not converge"),
        (lambda: schedules.VariancePreserving(lambda s: "a"), "beta: cannot be evaluated: "),
        (lambda: schedules.VariancePreserving(3), "beta: need a function"),
        (lambda: schedules.VariancePreserving(abs, 0), "horizon: must be a finite number > 0"),
        (lambda: schedules.Table([0.5, 0.6, 0.1]), "alphas_cumprod: must fall .* from step 1 to 2"),
        (lambda: schedules.Table([1.0, 0.5]), "alphas_cumprod: must fall at every step, from below 1"),
        (lambda: schedules.Table([[0.5, 0.4]]), "alphas_cumprod: need one row"),
        (lambda: schedules.Table([0.5, 0.0]), "alphas_cumprod: need at least 2 steps"),
        (lambda: schedules.VarianceExploding(2, 1), "sigma_min, sigma_max: "),
        (lambda: schedules.FlowMatching(0), "shift: must be a number > 0"),
        (lambda: schedules.karras(1), "steps: must be at least 2"),
        (lambda: schedules.karras(9, rho=0), "rho: must be a number > 0"),
        (lambda: schedules.Spaced(schedules.EDM(), [2, 1]), "times: sigma must rise"),
        (lambda: schedules.Spaced(schedules.EDM(), [2]), "times: need a row"),
        (lambda: schedules.Spaced.of_sigmas([-1.0, 1.0, 2.0]), "sigmas: must be at least 0, not -1"),
        (lambda: schedules.karras(9).sigma_expression(1), "schedule: Spaced has no symbolic form"),
        (lambda: schedules.by_name("flow:shift=-1"), "clock: 'flow:shift=-1': shift: must be"),
        (lambda: schedules.by_name("flow:shft=3"), "clock: 'flow:shft=3': flow takes shift=NUMBER"),
        (lambda: schedules.by_name("edm:x=1"), "clock: 'edm:x=1': edm takes no settings"),
    ],
)
def test_refuses_what_is_no_schedule(build, message):
    with pytest.raises(ValueError, match=f"^{message}[^\n]*$"):
        build()


def test_names_with_settings():
    assert schedules.by_name("flow:shift=3") == schedules.FlowMatching(3.0)
    assert schedules.by_name("flow-sit").time(1.0) == 0.5
    assert schedules.by_name("ve:sigma_max=100").last_sigma == pytest.approx(100)
    assert schedules.by_name("vp") == schedules.VPLinear()
