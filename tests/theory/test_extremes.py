"""The ends of double precision: right against mpmath, or refused, and never silently wrong."""

import mpmath
import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.theory import (
    Diagonal,
    Full,
    GaussianMixture,
    Isotropic,
    LowRank,
    binary_entropy,
    binary_mmse,
    log_binary_entropy,
    orthogonal_disagreement,
    orthogonal_entropy,
)
from speciation.theory.closed_forms.unequal_scales import Contrast
from speciation.theory.times.prediction import speciation_times
from speciation.validation.verification.independent import binary_quadrature, literal

LOG2 = float(np.log(2))


def test_gamma_from_1e_minus_300_to_1e300():
    """Against the series `log 2 − γ/2`, mpmath, and beyond 1500 the leading term of the tail."""
    tiny = np.array([1e-300, 1e-200, 1e-100, 1e-12])
    np.testing.assert_allclose(binary_entropy(tiny), LOG2 - tiny / 2, rtol=1e-15)
    np.testing.assert_allclose(binary_mmse(tiny), 1 - tiny, rtol=1e-15)
    for gamma in (1e-6, 0.3, 40.0, 700.0, 1400.0):
        expected = binary_quadrature.entropy(gamma, digits=25)
        assert binary_entropy(gamma) == pytest.approx(float(expected), rel=1e-12, abs=0)
    for gamma in (1e4, 1e8, 1e300):
        assert binary_entropy(gamma) == binary_mmse(gamma) == 0.0  # the least double is 5e-324
        tail = -gamma / 2 + 0.5 * np.log(np.pi / (2 * gamma)) + np.log(np.pi / 4)
        assert log_binary_entropy(gamma) == pytest.approx(tail, rel=1e-3 if gamma < 1e5 else 1e-7)


@pytest.mark.parametrize("prior", [1e-300, *(pytest.param(w, marks=pytest.mark.slow) for w in (1e-30, 1e-8))])
def test_weights_down_to_1e_minus_300(prior):
    """Rare classes: against mpmath with 60 digits, wherever the entropy itself is a normal number."""
    for gamma in (0.01, 1.0, 30.0):
        expected = literal.binary_entropy(gamma, prior)
        assert float(binary_entropy(gamma, prior)) == pytest.approx(float(expected), rel=1e-11, abs=0)


def test_orthogonal_classes_up_to_1e24_and_any_g():
    assert orthogonal_entropy(1e-300, 1e24) == pytest.approx(24 * np.log(10), rel=1e-14)
    for g in (4e3, 1e8, 1e300):
        assert orthogonal_entropy(g, [2, 1e24]).tolist() == [0, 0]
        assert orthogonal_disagreement(g, [2, 1e24]).tolist() == [0, 0]
    # where the answer becomes 0 it was below the least normal number, on either side of the cut
    for classes in (2, 1e24):
        cut = 4 * (800 + 2 * np.log(classes))
        assert orthogonal_entropy(0.999 * cut, classes) < 1e-307
    np.testing.assert_allclose(
        orthogonal_entropy([1e-3, 1.0, 300.0], 2), binary_entropy([5e-4, 0.5, 150.0]), rtol=1e-11
    )


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    ("first", "second", "dimension"),
    [(1.0, 1e14, 2), (137.0, 2.35e16, 12), (1.0, 1e14, 40), (1.0, 1e200, 3), (1e-200, 1e100, 1)],
)
def test_unequal_scales_to_condition_numbers_of_1e300(first, second, dimension):
    """Entropies down to 1e-294: a contour through the saddle loses nothing, the real axis all of it."""
    expected = [float(value) for value in literal.scales_entropy(first, second, dimension)]
    contrast = Contrast.of_spectra(np.array([first]), np.array([second]), 0.0, np.array([float(dimension)]))
    assert contrast.entropy() == pytest.approx(expected[0], rel=1e-11, abs=0)
    assert contrast.disagreement() == pytest.approx(expected[1], rel=1e-11, abs=0)
    # mutant: a millionth more of one variance is seen
    other = Contrast.of_spectra(
        np.array([first]), np.array([second * (1 + 1e-6)]), 0.0, np.array([float(dimension)])
    )
    assert other.entropy() != pytest.approx(expected[0], rel=1e-8, abs=0)


def rotation(dimension):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))[0]


def quadratic_form(matrix, vector, noise):
    """`vᵀ(Σ + ν)^{−1}v` of the very doubles, by mpmath."""
    with mpmath.mp.workdps(60):
        full = mpmath.matrix(matrix.tolist()) + mpmath.mpf(noise) * mpmath.eye(len(vector))
        column = mpmath.matrix(vector.tolist())
        return float((column.T * mpmath.lu_solve(full, column))[0])


@pytest.mark.parametrize("sigma", [1e-12, 1e-9, 1e-6, 2e-5, 1e-3, 1.0, 1e12])
@pytest.mark.parametrize("kind", ["diagonal", "low_rank", "full"])
def test_condition_numbers_of_1e14(kind, sigma):
    """γ(σ) of a covariance with eigenvalues from 1e-14 to 1 against mpmath, or a refusal."""
    d, rng = 8, np.random.default_rng(1)
    variances = np.geomspace(1e-14, 1, d)
    delta = rng.standard_normal(d)
    if kind == "diagonal":
        covariance, matrix = Diagonal(variances), np.diag(variances)
    elif kind == "full":
        turn = rotation(d)
        matrix = turn * variances @ turn.T
        covariance, matrix = Full((matrix + matrix.T) / 2), (matrix + matrix.T) / 2
    else:
        factors = rng.standard_normal((d, 2))
        covariance = LowRank(np.full(d, 1e-14), factors)
        with mpmath.mp.workdps(60):
            u = mpmath.matrix(factors.tolist())
            exact = u * u.T + mpmath.mpf(1e-14) * mpmath.eye(d)
        matrix = exact
    mixture = GaussianMixture([0.5, 0.5], np.stack([delta, -delta]), covariance)
    expected = _form(matrix, delta, sigma**2)
    if kind == "full" and sigma < 1e-5:
        with pytest.raises(ValueError, match="condition number"):
            entropy_curve(mixture, [sigma])
        return
    stated = 1e-5 if kind == "full" else 1e-8
    gamma = float(mixture.gamma(sigma))
    assert gamma == pytest.approx(expected, rel=stated, abs=0)
    assert gamma != pytest.approx(expected * (1 + 2 * stated), rel=stated, abs=0)  # mutant
    found = float(entropy_curve(mixture, [sigma]).entropy[0])
    assert found == pytest.approx(float(binary_entropy(expected)), rel=1e-3, abs=1e-300)


def _form(matrix, vector, noise):
    if isinstance(matrix, np.ndarray):
        return quadratic_form(matrix, vector, noise)
    with mpmath.mp.workdps(60):
        column = mpmath.matrix(vector.tolist())
        full = matrix + mpmath.mpf(noise) * mpmath.eye(len(vector))
        return float((column.T * mpmath.lu_solve(full, column))[0])


def test_dimensions_one_and_ten_million():
    for d in (1, 10_000_000):
        mixture = GaussianMixture.parse(f"binary:d={d},mu=1,s=1")
        sigma = np.sqrt(d / 3.0)
        expected = float(binary_quadrature.entropy(d / (1 + sigma**2)))
        assert float(entropy_curve(mixture, [sigma]).entropy[0]) == pytest.approx(expected, rel=1e-12, abs=0)
        times = {entry.criterion: entry.time for entry in speciation_times(mixture)}
        assert times["covariance"] == pytest.approx(0.5 * np.log(1 + d), rel=1e-12)


def test_means_of_1e150_and_beyond():
    mixture = GaussianMixture.parse("binary:d=1,mu=1e150,s=1")
    curve = entropy_curve(mixture, [1e149, 1e150, 1e152])
    expected = [float(binary_quadrature.entropy(gamma)) for gamma in (100.0, 1.0, 1e-4)]
    np.testing.assert_allclose(curve.entropy, expected, rtol=1e-12)
    for mu, why in (("1e160", "overflows"), ("1e-160", "underflows")):
        with pytest.raises(ValueError, match=why):
            GaussianMixture.parse(f"binary:d=1,mu={mu},s=1")


def test_variances_of_1e299_and_beyond():
    """Unequal scales in units of the smaller variance; sums and noise that no double holds are refused."""
    curves = [
        entropy_curve(GaussianMixture.parse(f"scales:d=4,lambda1={unit},lambda2={3 * unit}"), [unit**0.5])
        for unit in (1.0, 7e298 / 4)
    ]
    np.testing.assert_allclose(curves[1].entropy, curves[0].entropy, rtol=1e-12)
    large = [Isotropic(1.0), Isotropic(1.7e308), LowRank(np.ones(24), np.full((24, 1), 1e160))]
    for covariance in (large[1], large[2], Diagonal(np.full(24, 1e299)), Full(1e299 * np.eye(24))):
        with pytest.raises(ValueError, match="sum of a class's variances exceeds"):
            GaussianMixture([0.5, 0.5], np.zeros((2, 24)), [large[0], covariance])


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-25, 1e12, 1e120])
@pytest.mark.parametrize("method", ["reduced", "ambient"])
def test_units_do_not_matter(method, scale):
    """Monte Carlo of the same mixture in other units, from single precision's ends to those of double.

    Eight standard errors (two runs with the same noise differ by rounding alone): false alarms below 1e-12.
    """
    means = np.array([[3.0, 0, 0], [0, 3, 0], [0, 0, 2]])

    def curve(unit):
        mixture = GaussianMixture([0.2, 0.3, 0.5], unit * means, unit**2)
        return entropy_curve(mixture, unit * np.array([0.5, 2.0]), method=method, samples=4000)

    scaled, usual = curve(scale), curve(1.0)
    margin = 8 * np.hypot(scaled.entropy_se.values, usual.entropy_se.values)
    assert (np.abs(scaled.entropy.values - usual.entropy.values) <= margin).all()
    assert (scaled.entropy_se > 0).all()


def test_levels_that_rounding_would_decide_are_refused():
    mixture = GaussianMixture([0.2, 0.3, 0.5], 1e9 * np.eye(3), Isotropic(0.0))
    for method in ("reduced", "ambient"):
        with pytest.raises(ValueError, match="noise widths apart"):
            entropy_curve(mixture, [1.0], method=method, samples=100)
    with pytest.raises(ValueError, match="cannot hold the square"):
        entropy_curve(mixture, [1e20], method="ambient", dtype="float32", samples=100)
    near = GaussianMixture([0.5, 0.5], np.zeros((2, 3)), [Isotropic(1.0), Diagonal([1.0, 1.0, 1 + 2e-16])])
    assert float(entropy_curve(near, [1.0]).entropy[0]) == pytest.approx(LOG2, rel=1e-15, abs=0)


@pytest.mark.parametrize("sigma", [1e-12, 1e12])
def test_sigma_from_1e_minus_12_to_1e12(sigma):
    for spec, at in (("binary:d=4,mu=1,s=0", 4 / sigma**2), ("binary:d=4,mu=1,s=1", 4 / (1 + sigma**2))):
        curve = entropy_curve(GaussianMixture.parse(spec), [sigma])
        expected = float(binary_quadrature.entropy(at)) if at < 1e3 else 0.0
        assert float(curve.entropy[0]) == pytest.approx(expected, rel=1e-12, abs=1e-300)
        # dH/dt = −½ mmse dγ/dt, and dγ/dt = −2(1 + σ²) γ²/|δ|²
        slope = float(binary_mmse(at)) * (1 + sigma**2) * at**2 / 4 if at < 1e3 else 0.0
        assert float(curve.rate[0]) == pytest.approx(slope, rel=1e-12, abs=1e-300)


SCALES = [1.0, 4.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "rare", [1e-12, 1e-300, *(pytest.param(r, marks=pytest.mark.slow) for r in (1e-9, 1e-16, 1e-17, 1e-100))]
)
def test_the_rarer_class_may_stand_first_or_second(rare):
    """Both orders alike, for means, scales and every criterion; `1 − w` would round the rare one away."""
    for means, covariances in (([[1.0], [-1.0]], [2.0, 2.0]), ([[0.0], [0.0]], SCALES)):
        first = GaussianMixture([rare, 1 - rare], means, covariances)
        second = GaussianMixture([1 - rare, rare], means[::-1], covariances[::-1])
        one, other = (entropy_curve(mixture, [0.3, 1.0, 5.0]) for mixture in (first, second))
        for name in ("entropy", "rate"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-12)
        if covariances[0] == covariances[1]:
            exact = [literal.binary_entropy(1 / (2 + s * s), rare) for s in (0.3, 1.0, 5.0)]
            np.testing.assert_allclose(one.entropy, [float(value) for value in exact], rtol=1e-12)
            for a, b in zip(speciation_times(first), speciation_times(second), strict=True):
                assert (a.sigma, a.reason) == (b.sigma, b.reason)


@pytest.mark.parametrize(("rare", "other"), [(2.0, 5.0), (5.0, 2.0)])
def test_a_small_class_of_another_scale_by_the_definition(rare, other):
    """`Σ w E log(1 + odds of the other)` in one dimension at σ = 1, with 40 digits; the rarer class 1e-12."""
    with mpmath.workdps(40):
        w = mpmath.mpf("1e-12")

        def surprise(x, own, rival, weight, its):
            odds = its / weight * mpmath.sqrt(own / rival) * mpmath.exp(x * x * (1 / own - 1 / rival) / 2)
            return weight * mpmath.npdf(x, 0, mpmath.sqrt(own)) * mpmath.log1p(odds)

        a, b = mpmath.mpf(rare), mpmath.mpf(other)
        whole = lambda x: surprise(x, a, b, w, 1 - w) + surprise(x, b, a, 1 - w, w)  # noqa: E731
        exact = float(2 * mpmath.quad(whole, mpmath.linspace(0, 40, 81)))
    mixture = GaussianMixture([1 - 1e-12, 1e-12], [[0.0], [0.0]], [other - 1, rare - 1])
    assert float(entropy_curve(mixture, [1.0]).entropy[0]) == pytest.approx(exact, rel=1e-11, abs=0)
