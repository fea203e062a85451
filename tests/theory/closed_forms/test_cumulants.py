"""The information at high noise from cumulants (T26): exact curves, given values, groups, times."""

import csv

import numpy as np
import pytest
import sympy as sp
from scipy import optimize
from speciation.theory import (
    Full,
    GaussianMixture,
    Isotropic,
    TwoGaussians,
    cumulant_law,
    gaussian_pair,
    information_coefficients,
    quarter_log_law,
)


def third_cumulant(weights, means, covariances):
    """κ₃ as an array, from `E x⊗x⊗x` of centred data."""
    aside = means - weights @ means
    total = np.zeros((means.shape[1],) * 3)
    for w, a, s in zip(weights, aside, covariances, strict=True):
        total += w * np.einsum("i,j,k->ijk", a, a, a)
        total += w * (
            np.einsum("i,jk->ijk", a, s) + np.einsum("j,ik->ijk", a, s) + np.einsum("k,ij->ijk", a, s)
        )
    return total


def by_tensors(weights, means, covariances, groups):
    """The three coefficients from arrays of moments, of the whole and of each group."""

    def terms(indices):
        w = weights[indices] / weights[indices].sum()
        mean = w @ means[indices]
        aside = means[indices] - mean
        total = sum(x * (np.outer(a, a) + covariances[i]) for x, a, i in zip(w, aside, indices, strict=True))
        kappa = third_cumulant(w, means[indices], [covariances[i] for i in indices])
        return np.array(
            [np.trace(total), np.trace(total @ total), np.trace(total @ total @ total), (kappa**2).sum()]
        )

    whole = terms(np.arange(len(weights)))
    own = sum(weights[g].sum() * terms(g) for g in groups)
    first, square, cube, third = whole - own
    return np.array([first / 2, -square / 4, cube / 6 - third / 12])


@pytest.fixture
def mixture():
    rng = np.random.default_rng(1)
    factors = rng.standard_normal((4, 3, 3))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    return GaussianMixture(weights, rng.standard_normal((4, 3)), [Full(f @ f.T) for f in factors])


@pytest.mark.parametrize("groups", [None, {"a": ["0", "2"], "b": ["1"], "c": ["3"]}])
def test_coefficients_are_those_of_the_tensors(mixture, groups):
    members = [[0], [1], [2], [3]] if groups is None else [[0, 2], [1], [3]]
    covariances = [c.matrix_in(3) for c in mixture.covariances]
    expected = by_tensors(mixture.weights, mixture.means, covariances, [np.array(m) for m in members])
    assert information_coefficients(mixture, groups) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["shared", "unequal"])
def test_series_is_that_of_the_exact_curve(kind):
    rng = np.random.default_rng(2)
    covariances = [Full(f @ f.T + 0.1 * np.eye(3)) for f in rng.standard_normal((2, 3, 3))]
    means = 0.7 * rng.standard_normal((2, 3))
    mixture = GaussianMixture([0.3, 0.7], means, covariances if kind == "unequal" else covariances[:1] * 2)
    tau = np.array([2e-3, 1e-3, 5e-4])
    information = np.array([mixture.class_entropy - gaussian_pair(mixture, t**-0.5).entropy for t in tau])
    c1, c2, c3 = information_coefficients(mixture)
    left = information - c1 * tau - c2 * tau**2
    # O(τ): extrapolated to 0
    ratios = left / tau**3 / c3
    assert 2 * ratios[1] - ratios[0] == pytest.approx(1, abs=2e-3)
    assert 2 * ratios[2] - ratios[1] == pytest.approx(1, abs=1e-3)


def test_given_values(reference):
    """Two points with weights .35 and .65, whose distance is read off the first coefficient."""
    with (reference / "values" / "cumulants.csv").open() as stream:
        rows = list(csv.reader(stream))[1:]
    assert rows[0][0].startswith("1-d, 2 discrete classes")
    assert rows[2][0].startswith("skew")
    # classes of equal mean and variance whose third cumulants are ±1.5: the last term alone
    assert float(rows[2][2]) == pytest.approx(1.5**2 / 12, rel=1e-12)


def skewed(sign):
    """Two points with mean 0, variance 1 and third cumulant ±1.5: p and 1 − p at places set by p."""
    p = optimize.brentq(lambda p: (1 - 2 * p) / np.sqrt(p * (1 - p)) - 1.5, 1e-3, 0.499)
    return [sign * np.sqrt((1 - p) / p), -sign * np.sqrt(p / (1 - p))], [p, 1 - p]


def test_skewness_alone_is_the_third_order():
    (up, shares), (down, _) = skewed(1), skewed(-1)
    mixture = GaussianMixture(
        0.5 * np.array(shares * 2), np.array([*up, *down])[:, None], [Isotropic(0.0)] * 4, labels=list("abcd")
    )
    groups = {"right": ["a", "b"], "left": ["c", "d"]}
    assert information_coefficients(mixture, groups) == pytest.approx([0, 0, 1.5**2 / 12], abs=1e-12)


def test_law_of_log_d():
    d, delta, level = sp.symbols("d Delta gamma_c", positive=True)
    mean = cumulant_law(1)
    assert sp.simplify(mean - sp.log(d) / 2 - sp.log(delta**2 / (4 * level)) / 2) == 0
    # scales: the leading term of the quarter-log law
    quarter = quarter_log_law(0)
    values = {"d": 1e8, "Delta": 2.0, "gamma_c": 1.5, "lambda_bar": 1.0}
    named = {symbol: values[symbol.name] for symbol in quarter.free_symbols}
    scale = float(cumulant_law(2).subs({d: 1e8, delta: 2.0, level: 1.5}))
    assert scale == pytest.approx(float(quarter.subs(named)) + 0.25 * np.log(1e8), rel=1e-12)
    for order, share in ((3, 6), (4, 8)):
        assert sp.simplify(sp.diff(cumulant_law(order), d) - 1 / (share * d)) == 0


def test_scales_of_many_coordinates_meet_the_law():
    """At d = 10⁸, λ = 1 and 3: where the exact entropy says γ = 1, to what O(1/√d) leaves out."""
    dimension, target = 1e8, TwoGaussians([0.0], [4.0]).entropy

    def excess(log_noise):
        noise = np.exp(log_noise)
        ratios = np.log1p([2.0 / (1 + noise)])
        return TwoGaussians(ratios, [0.0], [dimension]).entropy - target

    noise = np.exp(optimize.brentq(excess, np.log(1e2), np.log(1e6), xtol=1e-10))
    d, delta, level = sp.symbols("d Delta gamma_c", positive=True)
    law = float(cumulant_law(2).subs({d: dimension, delta: 2, level: 1}))
    assert 0.5 * np.log1p(noise) == pytest.approx(law, abs=3 / np.sqrt(dimension))


def test_refuses():
    wide = GaussianMixture([0.5, 0.5], np.eye(2, 5000), 1.0)
    with pytest.raises(
        ValueError, match="mixture: cumulants can be computed in at most 4096 dimensions, not 5000"
    ):
        information_coefficients(wide)
    with pytest.raises(ValueError, match="order: must be at least 1, not 0"):
        cumulant_law(0)
