"""Many classes: T13 against multiple precision, the binary channel and quadrature; T14's bounds and peaks."""

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from speciation.numerics import entropy_curve
from speciation.theory import (
    GaussianMixture,
    binary_entropy,
    binary_mmse,
    entropy_bounds,
    exact_curves,
    large_k_shift,
    orthogonal_agreement,
    orthogonal_disagreement,
    orthogonal_entropy,
    orthogonal_median,
    orthogonal_peak,
    peak_gamma,
)
from speciation.theory.closed_forms import orthogonal
from speciation.theory.closed_forms.softplus import softplus_mean
from speciation.validation.verification.independent import literal

mp = mpmath.mp

PUBLISHED = {(2, 2): 0.35631636, (4, 3): 0.61312573, (10, 5): 0.76142894, (50, 8): 1.02068913}


@pytest.mark.parametrize(("classes", "g"), [(3, 0.5), (10, 2), (1000, 3)])
def test_entropy_is_the_stated_integral(classes, g):
    assert float(
        orthogonal_entropy(g, classes) / literal.orthogonal_entropy(g, classes, 30) - 1
    ) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("case", "value"), PUBLISHED.items())
def test_stated_values(case, value):
    classes, g = case
    assert float(orthogonal_entropy(g, classes)) == pytest.approx(value, abs=5.1e-9)


def test_two_classes_are_the_binary_channel():
    g = np.geomspace(1e-8, 2500, 60)
    np.testing.assert_allclose(orthogonal_entropy(g), binary_entropy(g / 2), rtol=1e-12)
    np.testing.assert_allclose(orthogonal_disagreement(g), binary_mmse(g / 2) / 2, rtol=1e-12)
    for w in (1e-9, 0.01, 0.3):
        np.testing.assert_allclose(
            orthogonal_entropy(g, weights=[w, 1 - w]), binary_entropy(g / 2, w), rtol=1e-11
        )
        mmse = orthogonal_disagreement(g, weights=[w, 1 - w])
        np.testing.assert_allclose(mmse, binary_mmse(g / 2, w) / 2, rtol=1e-11)


@given(
    log_classes=st.floats(np.log(2), np.log(1e24)),
    ratio=st.floats(0.01, 4),
)
def test_disagreement_is_the_slope_of_the_entropy(log_classes, ratio):
    classes, g = np.exp(log_classes) * (1 - 1e-12), ratio * 2 * log_classes
    classes = max(classes, 2.0)
    step = 1e-3 * g
    h = orthogonal_entropy(g + step * np.arange(-2, 3), classes)
    slope = (8 * (h[3] - h[1]) - (h[4] - h[0])) / (12 * step)
    assert slope == pytest.approx(-0.5 * float(orthogonal_disagreement(g, classes)), rel=1e-7)


@given(log_classes=st.floats(np.log(2) + 1e-9, 55.0), g=st.floats(1e-6, 1000))
def test_entropy_lies_between_its_bounds_and_falls(log_classes, g):
    classes = np.exp(log_classes)
    lower, upper = entropy_bounds(g, classes)
    entropy = float(orthogonal_entropy(g, classes))
    assert lower * (1 - 1e-12) <= entropy <= upper * (1 + 1e-9) + 1e-300
    assert float(orthogonal_entropy(1.01 * g, classes)) < entropy
    assert 0 < float(orthogonal_disagreement(g, classes)) <= 1


def test_unequal_weights_contain_equal_ones_and_classes_that_hardly_occur():
    g = np.array([0.1, 3.0, 20.0])
    np.testing.assert_allclose(
        orthogonal_entropy(g, weights=np.full(7, 1 / 7)), orthogonal_entropy(g, 7), rtol=1e-12
    )
    rare = [0.5 - 1e-12, 0.5 - 1e-12, 2e-12]
    np.testing.assert_allclose(
        orthogonal_entropy(g[:2], weights=rare), orthogonal_entropy(g[:2], 2), rtol=1e-9
    )


def test_limits():
    assert float(orthogonal_entropy(0.0, 1e24)) == pytest.approx(np.log(1e24), rel=1e-15)
    assert float(orthogonal_agreement(0.0, 10)) == pytest.approx(0.1)
    assert float(orthogonal_entropy(0.0, weights=[0.25, 0.75])) == pytest.approx(
        -0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    )
    log_k = np.log(1e12)
    shares = orthogonal_entropy(2 * log_k * np.array([0.5, 1.0, 1.5]), 1e12) / log_k
    np.testing.assert_allclose(shares, [0.5003, 0.0991, 0.0046], atol=5.1e-5)


def test_shapes_broadcast():
    assert orthogonal_entropy(np.ones((3, 1)), np.array([2, 10])).shape == (3, 2)
    assert np.ndim(orthogonal_entropy(1.0, 5)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"g": -1.0}, "g: every value"),
        ({"g": np.inf}, "g: every value"),
        ({"g": np.nan}, "g: every value"),
        ({"classes": 1}, "classes: every value"),
        ({"classes": 1e25}, "classes: every value"),
        ({"weights": [0.5, 0.6]}, "weights sum to 1.1"),
        ({"weights": [1.0, 0.0]}, "weights: need a vector"),
        ({"weights": [1.0]}, "weights: need a vector"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        orthogonal_entropy(**({"g": 1.0} | arguments))


def test_peaks_and_medians():
    assert orthogonal_peak(2) == pytest.approx(2 * float(peak_gamma(0.0)), rel=1e-9)
    for classes in (3, 1e3, 1e12, 1e24):
        peak = orthogonal_peak(classes)
        rates = [g * float(orthogonal_disagreement(g, classes)) for g in (0.999 * peak, peak, 1.001 * peak)]
        assert max(rates) == rates[1]
        median = orthogonal_median(classes)
        assert float(orthogonal_entropy(median, classes)) == pytest.approx(np.log(classes) / 2, rel=1e-12)
    # the midpoint's instability g = K is late: by half a log of K/(2 log K)
    assert orthogonal_peak(1e12) < 2 * np.log(1e12) < 1e12


def test_large_k_form_of_the_peak_improves():
    errors = []
    for classes in (1e6, 1e12, 1e24):
        shift = -0.5 * np.log(orthogonal_peak(classes) / (2 * np.log(classes)))
        errors.append(abs(shift - large_k_shift(np.log(classes))) * np.log(classes))
    # O(1/log K): the error times log K stays bounded, and falls here
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.21
    with pytest.raises(ValueError, match="must exceed 4 pi"):
        large_k_shift(12.0)


def test_exact_curves_say_which_closed_form_they_are():
    """The binary channel, equal distances, and nothing for classes in general position."""
    for spec, theorem in (("binary:d=4,mu=1,s=1", "T2"), ("orthogonal:K=5,d=8,M=9,s=1", "T13")):
        mixture = GaussianMixture.parse(spec)
        found = exact_curves(mixture)
        assert theorem in found.reason
        entropy, rate, agreement = found.evaluate(np.array([0.5, 2.0]))
        curve = entropy_curve(mixture, [0.5, 2.0], method="exact")
        np.testing.assert_array_equal(entropy, curve.entropy)
        np.testing.assert_array_equal(rate, curve.rate)
        np.testing.assert_array_equal(agreement, curve.agreement)
    general = GaussianMixture([0.2, 0.3, 0.5], np.array([[0.0, 1], [2, 0], [5, 5]]), 1.0)
    assert exact_curves(general) is None


@pytest.mark.parametrize("g", [0.05, 2.0, 40.0])
def test_unequal_weights_are_the_definition(g):
    """Three classes by their own log-posteriors, on a grid of two noises: the third is common to all."""
    weights = np.array([0.7, 0.29, 0.01])
    z = np.linspace(-9, 9, 241)
    p = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    # log-odds depend on two orthonormal directions of the plane of three means
    corners = np.sqrt(g) * np.linalg.qr(np.eye(3) - 1 / 3)[0][:, :2]
    means = (np.eye(3) - 1 / 3) @ corners / np.sqrt(g) * np.sqrt(g)
    x = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2)
    entropy = disagreement = 0.0
    for own, weight in zip(means, weights, strict=True):
        logits = np.log(weights) - ((x + own)[:, None, :] - means) ** 2 @ np.ones(2) / 2
        posterior = special.softmax(logits, axis=1)
        share = np.outer(p, p).ravel()
        entropy += weight * share @ special.entr(posterior).sum(axis=1)
        disagreement += weight * share @ (posterior * (1 - posterior)).sum(axis=1)
    found = orthogonal.orthogonal_curves(g, weights=weights)
    assert found[0] == pytest.approx(entropy, rel=1e-6, abs=0)
    assert found[1] == pytest.approx(disagreement, rel=1e-6, abs=0)


def test_rare_classes_are_the_binary_channel():
    """Two classes down to 1e-300, in either order."""
    for rare in (1e-12, 1e-16, 1e-300):
        for g in (0.05, 2.0, 300.0):
            exact = float(binary_entropy(g / 2, rare))
            for weights in ([rare, 1 - rare], [1 - rare, rare]):
                assert float(orthogonal_entropy(g, weights=weights)) == pytest.approx(exact, rel=1e-12, abs=0)


def test_the_cost_of_unequal_weights_grows_as_their_number(monkeypatch):
    """Kernels are evaluated once for all weights; every weight on its own would take K² of them."""
    sizes = []

    def counting(x):
        sizes.append(np.size(x))
        return special.ndtr(x)

    monkeypatch.setattr(orthogonal, "special", SimpleNamespace(ndtr=counting))
    for classes in (4, 64):
        weights = np.arange(1, classes + 1) / (classes * (classes + 1) / 2)
        orthogonal.orthogonal_curves([2.0, 5.0], weights=weights)
    assert len(sizes) == 4
    assert max(sizes) < 2 * min(sizes)


@pytest.mark.parametrize(
    ("offset", "variance"),
    [(-694.7, 1500.0), (-10.0, 1.0), (-1.0, 0.01), (3.0, 20.0), (-300.0, 2000.0), (50.0, 0.1)],
)
def test_softplus_of_a_normal_number_by_a_plain_sum(offset, variance):
    """A trapezoidal sum in 30 digits, which shares nothing with the transform."""
    with mp.workdps(30):
        a, root = mp.mpf(offset), mp.sqrt(variance)
        low, high = min(a, a + variance, 0) - 14 * root - 40, max(a, a + variance, 0) + 14 * root + 40
        step = min(root / 4, mp.mpf("0.15"))
        count = int((high - low) / step)
        total = mp.fsum(
            mp.exp(-((low + step * j - a) ** 2) / (2 * variance)) * mp.log1p(mp.exp(low + step * j))
            for j in range(count)
        )
        exact = float(total * step / mp.sqrt(2 * mp.pi * variance))
    found = softplus_mean(offset, lambda s: s * s * variance / 2)
    assert found == pytest.approx(exact, rel=1e-12, abs=0)


@pytest.mark.parametrize("classes", [2, 3, 10, 1e6, 1e24])
def test_bounds_hold_into_the_deepest_tail(classes):
    g = np.array([0.01, 1.0, 30.0, 300.0, 1500.0, 2500.0])
    lower, upper = entropy_bounds(g, classes)
    value = orthogonal_entropy(g, classes)
    assert (lower <= value * (1 + 1e-12)).all()
    assert (value <= upper * (1 + 1e-12)).all()


@pytest.mark.parametrize("arguments", [(-1.0, 2), (np.nan, 2), (1.0, 1), (1.0, np.inf)])
def test_bounds_refuse(arguments):
    with pytest.raises(ValueError, match=r"^(g|classes): every value must be a finite number >= [02], "):
        entropy_bounds(*arguments)
