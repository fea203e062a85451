"""Sums over a line against mpmath's adaptive quadrature, closed forms and a count of modes."""

import mpmath
import numpy as np
import pytest
from speciation.validation.verification.independent import two_classes_on_a_line as line

mp = mpmath.mp


def adaptive(summand, mean, variance, prior):
    """`∫ p(x) Σ f(p_k(x)) dx` with 20 digits."""
    with mp.workdps(20):

        def integrand(x):
            joint = [
                weight * mp.exp(-((x - centre) ** 2) / (2 * variance)) / mp.sqrt(2 * mp.pi * variance)
                for weight, centre in ((mp.mpf(prior), mean), (1 - mp.mpf(prior), -mean))
            ]
            return sum(joint) * sum(summand(f / sum(joint)) for f in joint)

        reach = mean + 10 * mp.sqrt(variance)
        return float(mp.quad(integrand, mp.linspace(-reach, reach, 24)))


@pytest.mark.parametrize(("mean", "variance", "prior"), [(0.4, 1.0, 0.5), (1.5, 0.7, 0.2), (3.0, 2.0, 0.9)])
def test_sums_are_the_integrals(mean, variance, prior):
    entropy = adaptive(lambda p: -p * mp.log(p), mean, variance, prior)
    assert line.entropy(mean, variance, prior) == pytest.approx(entropy, rel=1e-12)
    agreement = adaptive(lambda p: p**2, mean, variance, prior)
    assert line.agreement(mean, variance, prior) == pytest.approx(agreement, rel=1e-12)


def test_precise_sums():
    with mp.workdps(30):
        assert float(line.precise_entropy(mp.mpf(1), mp.mpf(2))) == pytest.approx(
            line.entropy(1, 2), rel=1e-13
        )
        assert abs(line.precise_variance(mp.mpf(3), mp.mpf(2)) - 11) < mp.mpf(10) ** -24
        mean, variance = line.noised(mp.log(2), 9, mp.mpf("0.6"))
        assert (float(mean), float(variance)) == pytest.approx((1.5, 0.9))


@pytest.mark.parametrize("prior", [0.6, 0.2])
def test_second_mode_is_there_on_one_side_of_its_separation(prior):
    def modes(separation2):
        x = np.linspace(-8, 8, 20001)
        density = np.array([prior, 1 - prior]) @ np.exp(
            -((x - np.sqrt(separation2) * np.array([[1], [-1]])) ** 2) / 2
        )
        return int(((density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])).sum())

    appears = line.second_mode(prior)
    assert (modes(0.99 * appears), modes(1.01 * appears)) == (1, 2)
