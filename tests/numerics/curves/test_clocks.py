"""Rates in another clock: their integral over its time is the entropy that falls, whatever the clock."""

import numpy as np
import pytest
from scipy import integrate
from speciation.numerics import entropy_curve, to_clock
from speciation.theory import GaussianMixture, schedules

MIXTURE = GaussianMixture.parse("binary:d=4,mu=1,s=0.5")
CLOCKS = {
    "edm": schedules.EDM(),
    "vp": schedules.VariancePreserving(lambda s: 0.1 + 19.9 * s**2),
    "flow": schedules.FlowMatching(3.0),
    "sit": schedules.FlowMatching(from_noise=True),
    "logsnr": schedules.LogSNR(),
    "cosine": schedules.Cosine(),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_the_rate_integrates_to_the_entropy(name):
    curve = to_clock(entropy_curve(MIXTURE, np.geomspace(0.2, 20, 1501)), CLOCKS[name])
    fallen = integrate.simpson(curve.rate_per_time, x=curve.time)
    assert fallen == pytest.approx(float(curve.entropy[-1] - curve.entropy[0]), rel=1e-6)
    assert curve.attrs["clock"] == CLOCKS[name].name
    assert "nats per unit of" in curve.rate_per_time.attrs["units"]


def test_in_its_own_clock_a_curve_is_what_it_was():
    curve = to_clock(entropy_curve(MIXTURE, [0.5, 1.0, 4.0]), schedules.OrnsteinUhlenbeck())
    np.testing.assert_allclose(curve.rate_per_time, curve.rate, rtol=1e-14)
    np.testing.assert_allclose(curve.time, curve.ou_time, rtol=1e-14)


def test_beyond_the_clock_there_is_no_time():
    curve = to_clock(entropy_curve(MIXTURE, [1.0, 2.0, 1e4]), schedules.DDPM())
    assert np.isnan(curve.time.values).tolist() == [False, False, True]
    assert np.isnan(curve.rate_per_time.values).tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"^clock: 1000 is above where the ddpm clock ends at sigma = 157"):
        to_clock(entropy_curve(MIXTURE, [1e3, 1e4]), schedules.DDPM())
