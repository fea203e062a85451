"""Self-duality of the balanced channel (T27), and its bounds by the mean-square error."""

import csv

import mpmath as mp
import numpy as np
import pytest
from speciation.theory import (
    binary_entropy,
    binary_entropy_bounds,
    binary_mmse,
    binary_mmse_slope,
    dual_gamma,
    scaled_mmse,
)


def average_of_sech(gamma):
    """`∫ N(u; 0, γ) sech u du` by adaptive quadrature."""
    g = mp.mpf(gamma)
    width = min(mp.sqrt(g), mp.mpf(1))
    points = [0, *(width * k for k in range(1, 13)), *(width * k for k in range(16, 88, 8))]
    return 2 * mp.quad(lambda u: mp.npdf(u, 0, mp.sqrt(g)) * mp.sech(u), points)


@pytest.mark.parametrize("gamma", [1e-9, 0.02, 0.7, np.pi / 2, 5.0, 300.0, 1e5])
def test_scaled_mmse_is_self_dual(gamma):
    with mp.workdps(30):
        assert abs(scaled_mmse(gamma) / average_of_sech(gamma) - 1) < 1e-14
    other = np.sqrt(np.pi / (2 * gamma)) * scaled_mmse(dual_gamma(gamma))
    assert scaled_mmse(gamma) == pytest.approx(other, rel=1e-14)


def test_fixed_point():
    fixed = np.pi / 2
    assert dual_gamma(fixed) == pytest.approx(fixed, rel=1e-15)
    assert binary_mmse(fixed) == pytest.approx(0.305051486202473729968607724099, rel=1e-15)
    assert binary_mmse_slope(fixed) / binary_mmse(fixed) == pytest.approx(-(0.5 + 0.5 / np.pi), rel=1e-14)


def test_given_values(reference):
    with (reference / "values" / "binary_duality.csv").open() as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    for row in rows:
        gamma = row["gamma"]
        assert scaled_mmse(gamma) == pytest.approx(row["G=mmse e^{g/2}"], rel=1e-14)
        assert binary_mmse(gamma) == pytest.approx(row["mmse"], rel=1e-13)
        assert binary_entropy(gamma) / binary_entropy_bounds(gamma)[1] == pytest.approx(
            row["H/mmse (<1)"], rel=1e-12
        )
    assert rows


def test_bounds_hold_and_are_reached():
    gamma = np.geomspace(1e-8, 1300, 60)
    lower, upper = binary_entropy_bounds(gamma)
    entropy = binary_entropy(gamma)
    assert (lower <= entropy * (1 + 1e-14)).all()
    assert (entropy <= upper).all()
    assert entropy[0] / lower[0] == pytest.approx(1, abs=1e-7)
    assert entropy[-1] / upper[-1] == pytest.approx(1, abs=1e-3)
    # at unequal weights there is no such upper bound
    assert binary_entropy(0.01, 1e-3) > binary_mmse(0.01, 1e-3)


def test_ends_and_refusals():
    assert (scaled_mmse(0.0), scaled_mmse(np.inf)) == pytest.approx((1.0, 0.0), rel=1e-15)
    assert (dual_gamma(0.0), dual_gamma(np.inf)) == (np.inf, 0.0)
    assert scaled_mmse([[1.0, 2.0]]).shape == (1, 2)
    for call in (scaled_mmse, dual_gamma, binary_entropy_bounds):
        with pytest.raises(ValueError, match="gamma: every value must be a number >= 0"):
            call(-1.0)
