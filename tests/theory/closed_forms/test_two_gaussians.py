"""Any two Gaussian classes by one integral (T24): the definition, given values, T2, T16, the engine."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import (
    Contrast,
    Diagonal,
    Full,
    GaussianMixture,
    Isotropic,
    LowRank,
    TwoGaussians,
    binary_entropy,
    binary_mmse,
    commitment_tail,
    exact_curves,
    gaussian_pair,
)
from speciation.theory.closed_forms import unequal_pair
from speciation.theory.closed_forms.generalised import generalised

THRESHOLD = float(stats.norm.isf(5e-9))  # at most 100 comparisons: false alarms below 1e-6


def given_rows(reference):
    with (reference / "values" / "pair_gaussians.csv").open() as stream:
        for row in list(csv.reader(stream))[1:]:
            ratios, squares = (np.array([float(x) for x in row[k].split(";")]) for k in (1, 2))
            d = int(row[0])
            if d > ratios.size:  # all alike, the first six of them given
                ratios, squares = np.full(d, ratios[0]), np.full(d, squares[0])
            yield ratios, squares, *(float(x) for x in row[3:6])


def by_definition(ratio, difference, prior):
    """H, `1 − φ` and the Bayes error of N(m, ρ) and N(0, 1) on the line, by adaptive quadrature."""
    with mp.workdps(40):
        width, mean, w = mp.sqrt(mp.mpf(ratio)), mp.mpf(difference), mp.mpf(prior)
        points = sorted(
            {c + k * s for c, s in ((mean, width), (mp.mpf(0), mp.mpf(1))) for k in range(-18, 19, 2)}
        )

        def joint(x):
            return w * mp.npdf(x, mean, width), (1 - w) * mp.npdf(x)

        def surprise(x):
            a, b = joint(x)
            return a * mp.log1p(b / a) + b * mp.log1p(a / b) if a and b else mp.mpf(0)

        def clones(x):
            a, b = joint(x)
            return 2 * a * b / (a + b) if a and b else mp.mpf(0)

        # the smaller one has corners where the two meet
        a = 1 / (width * width) - 1
        b = 2 * mean / (width * width)
        c = (mean / width) ** 2 + 2 * mp.log((1 - w) / w * width)
        roots = [(b + s * mp.sqrt(b * b - 4 * a * c)) / (2 * a) for s in (-1, 1)] if b * b > 4 * a * c else []
        corners = sorted({*points, *roots})
        return (
            mp.quad(surprise, points),
            mp.quad(clones, points),
            mp.quad(lambda x: min(joint(x)), corners),
        )


@pytest.mark.parametrize(
    ("ratio", "difference", "prior"),
    [
        (4.0, 1.0, 0.5),
        (0.1, 3.0, 0.2),
        (1.05, 0.3, 0.5),
        (30.0, 0.0, 0.01),
        (0.5, 9.0, 0.7),
        (2.0, 14.0, 0.5),
    ],
)
def test_one_dimension_is_its_definition(ratio, difference, prior):
    pair = TwoGaussians(np.log([ratio]), np.array([difference**2]), prior=prior)
    found = pair.entropy, pair.disagreement, pair.bayes_error
    for value, exact in zip(found, by_definition(ratio, difference, prior), strict=True):
        assert abs(value / exact - 1) < 1e-12


@pytest.mark.parametrize(
    ("log_ratios", "differences2", "prior"),
    [
        # on the line, where the integrand falls to different sides at different heights
        ([np.log(7.8987 / 8.8987)], [1.0 / 8.8987], 0.489778819368446),
        # and with directions in which the covariances do not differ
        ([0.0, 0.0, np.log(0.25)], [0.0, 0.0, 0.25], 0.31622776601683794),
    ],
)
def test_what_falls_slowly_along_the_path_is_its_definition(log_ratios, differences2, prior):
    pair = TwoGaussians(np.array(log_ratios), np.array(differences2), prior=prior)
    exact = by_definition(np.exp(log_ratios[-1]), np.sqrt(differences2[-1]), prior)
    for value, right in zip((pair.entropy, pair.disagreement, pair.bayes_error), exact, strict=True):
        assert abs(value / right - 1) < 1e-11


def on_the_straight_line(log_ratios, differences2, lengths2=None, metric=None):
    """H and dH/dσ² of two equally likely classes on `s = ½ + iy`, each direction alone, in long double."""
    step = np.longdouble(1) / 32  # the rule is off by `e^{−2π·½/step}`, as poles are ½ away
    s = np.longdouble(0.5) + 1j * step * np.arange(100)
    logs, squares = (np.asarray(each, dtype=np.longdouble)[:, None] for each in (log_ratios, differences2))
    width = (1 - s) * np.exp(logs) + s
    exponent = 0.5 * ((1 - s) * logs - np.log(width) - s * (1 - s) * squares / width).sum(axis=0)
    pi = np.arctan2(np.longdouble(0), np.longdouble(-1))
    values = pi / (s * (1 - s) * np.sin(pi * s)) * np.exp(exponent) / 2
    found = [values]
    if lengths2 is not None:
        trace = (lengths2[:, None] * np.expm1(logs) ** 2 / (np.exp(logs) * width)).sum(axis=0)
        found.append(values * s * (1 - s) / 2 * (trace + ((1 / width) * (metric @ (1 / width))).sum(axis=0)))
    return [float(step / pi * (each.real.sum() - each[0].real / 2)) for each in found]


def test_a_thousand_directions_are_summed_by_few():
    """`condensed` against each direction by itself: panels of hundreds, others of few."""
    rng = np.random.default_rng(7)
    log_ratios = rng.standard_normal(1000) * np.geomspace(0.01, 0.8, 1000)
    squares = rng.standard_normal(1000) ** 2 / 10
    found, (exact,) = TwoGaussians(log_ratios, squares).entropy, on_the_straight_line(log_ratios, squares)
    assert 1e-9 < exact < 1e-8
    assert abs(found / exact - 1) < 1e-12


@pytest.mark.parametrize("skewed", [False, True])
def test_the_slope_of_many_directions_is_summed_by_few(skewed):
    """Eigenvectors at right angles and others, whose lengths and products are condensed too."""
    rng = np.random.default_rng(3)
    log_ratios = np.concatenate([rng.uniform(0.5, 0.9, 40), -rng.uniform(0.5, 0.9, 40)])
    vectors = np.eye(80) + skewed * rng.standard_normal((80, 80)) / 8
    z, gram = rng.standard_normal(80) / 2, vectors.T @ vectors
    metric, lengths2 = z[:, None] * gram * z, np.diag(gram)
    pair = TwoGaussians(log_ratios, z**2, None, 0.5, lengths2, metric if skewed else None)
    exact = on_the_straight_line(log_ratios, z**2, lengths2, metric)
    assert abs(pair.entropy / exact[0] - 1) < 1e-12
    assert abs(pair.entropy_slope / exact[1] - 1) < 1e-12
    if skewed:  # mutant: what is not at right angles is left out
        alone = on_the_straight_line(log_ratios, z**2, lengths2, np.diag(np.diag(metric)))
        assert abs(alone[1] / exact[1] - 1) > 1e-3


def test_what_is_below_every_double_is_zero():
    for counts in (1e6, 1e9):
        assert TwoGaussians([1.0], [0.01], counts=[counts], lengths2=[1.0]).integrals == (0, 0, 0, 0)


def two_of_condition(kind, condition, rng):
    """Two covariances of four dimensions that share no axis, and the same to 60 digits."""
    if kind == "full":
        matrices = []
        for _ in range(2):
            axes, _ = np.linalg.qr(rng.standard_normal((4, 4)))
            made = (axes * condition ** -np.array([0.0, 0.4, 0.7, 1.0])) @ axes.T
            matrices.append((made + made.T) / 2)
        return [Full(each) for each in matrices], [mp.matrix(each.tolist()) for each in matrices]
    base = np.array([1.0, 1.0, 1.0, 1.0]) if kind == "low rank" else np.array([0.4, 0.6, 0.8, 1.0])
    roots = [np.sqrt(condition) * rng.standard_normal((4, 1)) for _ in range(2)]
    with mp.workdps(60):
        columns = [mp.matrix(root.tolist()) for root in roots]
        exact = [mp.diag(base.tolist()) + column * column.T for column in columns]
    return [LowRank(base, root) for root in roots], exact


@pytest.mark.parametrize(
    ("kind", "condition"),
    [("full", 1e3), ("full", 1e9), ("low rank", 1e9), ("low rank", 1e15), ("low rank over a diagonal", 1e15)],
)
@pytest.mark.parametrize("apart", [True, False])
def test_rounding_does_not_decide_where_covariances_are_nearly_singular(kind, condition, apart):
    """The eigenvalues of two matrices are known to 1e-16 times the square of their condition; not so here."""
    rng = np.random.default_rng(4)
    covariances, exact = two_of_condition(kind, condition, rng)
    smallest = condition**-0.5 if kind == "full" else 1.0
    means = smallest * np.vstack([np.zeros(4), rng.standard_normal(4) * apart])
    sigma = 0.1 * smallest
    mixture = GaussianMixture([0.4, 0.6], means, covariances)
    found = float(exact_curves(mixture).evaluate(np.array([sigma]))[0, 0])
    with mp.workdps(60):
        one, two = (each + mp.mpf(sigma) ** 2 * mp.eye(4) for each in exact)
        root = mp.cholesky(two) ** -1
        ratios, turn = mp.eigsy(root * one * root.T)
        z = turn.T * root * (mp.matrix(means[0].tolist()) - mp.matrix(means[1].tolist()))
        spectrum = np.array([float(mp.log(ratio)) for ratio in ratios])
        right = TwoGaussians(spectrum, np.array([float(each**2) for each in z]), prior=0.4).entropy
    assert abs(found / right - 1) < (1e-9 if condition < 1e8 else 1e-6)


def test_what_rounding_hides_is_refused_or_drawn():
    root = 1e11 * np.random.default_rng(4).standard_normal((2, 4, 1))
    mixture = GaussianMixture(
        [0.4, 0.6], [[0.0] * 4, [1.0] * 4], [LowRank(1.0, root[0]), LowRank(1.0, root[1])]
    )
    assert entropy_curve(mixture, [0.1], samples=256).attrs["method"] == "ambient"
    assert entropy_curve(mixture, [1e3]).attrs["method"] == "exact"
    with pytest.raises(ValueError, match="rounding would dominate the difference of low-rank"):
        entropy_curve(mixture, [0.1], method="exact")
    with pytest.raises(ValueError, match="rounding would dominate"):
        gaussian_pair(mixture, 0.1)


def test_given_values(reference):
    rows = list(given_rows(reference))
    for ratios, squares, prior, entropy, disagreement in rows:
        pair = TwoGaussians(np.log(ratios), squares, prior=prior)
        assert pair.entropy == pytest.approx(entropy, rel=1e-13)
        assert pair.disagreement == pytest.approx(disagreement, rel=1e-13)
    assert rows


@pytest.mark.parametrize("prior", [0.5, 0.3, 1e-9, 1e-200])
@pytest.mark.parametrize("dimension", [1, 700])
def test_shared_covariance_is_the_binary_channel(prior, dimension):
    for gamma in (1e-9, 1e-3, 0.4, 3.0, 60.0, 900.0):
        pair = TwoGaussians(np.zeros(dimension), np.full(dimension, 4 * gamma / dimension), prior=prior)
        assert pair.entropy == pytest.approx(float(binary_entropy(gamma, prior)), rel=2e-12)
        assert pair.disagreement == pytest.approx(float(binary_mmse(gamma, prior)) / 2, rel=2e-12)
        assert pair.bayes_error == pytest.approx(float(commitment_tail(gamma, prior)) / 2, rel=2e-12)


@pytest.mark.parametrize("prior", [0.5, 0.02])
def test_one_mean_is_the_contrast_of_scales(prior):
    for ratios, counts in (([4.0], [1.0]), ([1.2, 0.3], [500.0, 3.0]), ([9.0], [400.0])):
        pair = TwoGaussians(np.log(ratios), np.zeros(len(ratios)), np.array(counts), prior)
        contrast = Contrast(np.log(ratios), np.zeros(len(ratios)), np.array(counts), prior)
        assert pair.entropy == pytest.approx(contrast.entropy(), rel=1e-11)
        assert pair.disagreement == pytest.approx(contrast.disagreement(), rel=1e-11)


def test_deep_tail_and_many_directions_keep_relative_precision():
    """The same integral on the vertical line in 40 digits, whatever the size of the value."""
    rng = np.random.default_rng(5)
    for size, spread, total, prior in ((3, 1.0, 900.0, 0.3), (60, 0.3, 5.0, 1e-30), (200, 0.5, 300.0, 0.5)):
        logs, squares = spread * rng.standard_normal(size), total / size * rng.chisquare(1, size)
        pair = TwoGaussians(logs, squares, prior=prior)
        with mp.workdps(40):
            ratios = [mp.exp(mp.mpf(x)) for x in logs]
            w = mp.mpf(prior)

            def log_weighted(s, logs=logs, ratios=ratios, squares=squares, w=w):
                total = s * mp.log(w) + (1 - s) * mp.log(1 - w)
                for log, ratio, square in zip(logs, ratios, squares, strict=True):
                    f = (1 - s) * ratio + s
                    total += ((1 - s) * mp.mpf(log) - mp.log(f) - s * (1 - s) * mp.mpf(square) / f) / 2
                return total

            c, step = mp.mpf("0.45"), mp.mpf("0.02")
            scale = log_weighted(c)
            exact = mp.mpf(0)
            for k in range(700):
                s = mp.mpc(c, k * step)
                weighted = mp.exp(log_weighted(s) - scale)
                exact += (mp.pi / (s * (1 - s) * mp.sin(mp.pi * s)) * weighted).real * (
                    1 if k else mp.mpf(1) / 2
                )
                if abs(weighted) * mp.exp(-mp.pi * k * step) < mp.mpf(10) ** -38:
                    break
            exact *= mp.exp(scale) * step / mp.pi
            assert abs(pair.entropy / exact - 1) < 1e-12


def pair_of(kind, d=5):
    rng = np.random.default_rng(3)
    turned = rng.standard_normal((2, d, d))
    factors = rng.standard_normal((2, d, 2))
    return {
        "isotropic": [Isotropic(0.5), Isotropic(3.0)],
        "diagonal": [Diagonal(rng.uniform(0.1, 2, d)), Diagonal(rng.uniform(0.1, 5, d))],
        "full": [Full(f @ f.T + 0.1 * np.eye(d)) for f in turned],
        "full beside isotropic": [Full(turned[0] @ turned[0].T), Isotropic(1.0)],
        "low rank": [LowRank(0.5, factors[0]), LowRank(0.7, factors[1][:, :1])],
        "low rank beside isotropic": [Isotropic(1.0), LowRank(0.5, factors[0])],
        "low rank over a diagonal": [LowRank(np.linspace(0.1, 1, d), factors[0]), Isotropic(2.0)],
    }[kind]


KINDS = [
    "isotropic",
    "diagonal",
    "full",
    "full beside isotropic",
    "low rank",
    "low rank beside isotropic",
    "low rank over a diagonal",
]


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_their_matrices_and_rates_their_differences(kind):
    mixture = GaussianMixture([0.3, 0.7], np.random.default_rng(4).standard_normal((2, 5)), pair_of(kind))
    matrices = [Full(mixture.covariance_of(k).matrix_in(5)) for k in (0, 1)]
    sigma, step = np.array([0.3, 1.0, 2.5]), 1e-3
    found = exact_curves(mixture)
    assert "T24" in found.reason
    entropy, rate, agreement = found.evaluate(sigma)
    dense = exact_curves(GaussianMixture([0.3, 0.7], mixture.means, matrices)).evaluate(sigma)
    np.testing.assert_allclose([entropy, rate, agreement], dense, rtol=1e-11)
    for level, value in zip(sigma, rate, strict=True):
        around = [
            found.evaluate(np.sqrt([level**2 + k * step]))[0, 0] * weight
            for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1))
        ]
        # dH/dt = 2(1 + σ²) dH/dσ²
        assert value == pytest.approx(2 * (1 + level**2) * sum(around) / (12 * step), rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["diagonal", "full", "low rank"])
def test_curves_meet_the_engine(kind):
    means = np.array([np.zeros(5), 0.8 * np.ones(5)])
    mixture = GaussianMixture([0.3, 0.7], means, pair_of(kind))
    sigmas = np.array([0.4, 1.0, 2.5])
    exact = entropy_curve(mixture, sigmas)
    assert (exact.attrs["method"], "T24" in exact.attrs["reason"]) == ("exact", True)
    measured = entropy_curve(mixture, sigmas, method="ambient", samples=400_000)
    for name in ("entropy", "rate", "agreement"):
        z = np.abs((measured[name] - exact[name]) / measured[f"{name}_se"])
        assert float(z.max()) < THRESHOLD
        # mutant: 3 % more is rejected
        assert float(np.abs((measured[name] - 1.03 * exact[name]) / measured[f"{name}_se"]).max()) > THRESHOLD


def test_errors_of_a_mixture():
    mixture = GaussianMixture([0.8, 0.2], [[0.0, 0.0], [2.0, 1.0]], [Isotropic(1.0), Isotropic(2.0)])
    draws, _ = mixture.sample(200_000, seed=1)
    noisy = np.asarray(draws) + 0.7 * np.random.default_rng(2).standard_normal(np.shape(draws))
    shares = np.asarray(mixture.posterior(noisy, 0.7))
    wrong = 1 - shares.max(axis=-1)
    error = wrong.std() / np.sqrt(len(wrong))
    assert abs(wrong.mean() - gaussian_pair(mixture, 0.7).bayes_error) < THRESHOLD * error
    for prior in (0.5, 0.9):
        shared = GaussianMixture([prior, 1 - prior], [[0.0, 0.0], [2.0, 1.0]], 1.0)
        gamma = float(shared.gamma(0.7))
        expected = float(commitment_tail(gamma, prior)) / 2
        assert gaussian_pair(shared, 0.7).bayes_error == pytest.approx(expected, rel=1e-12)


def test_large_dimensions_are_within_reach_without_matrices():
    d = 20_000
    factors = np.random.default_rng(0).standard_normal((d, 2))
    for pair in ([LowRank(1.0, factors), Isotropic(1.001)], [Diagonal(np.linspace(1, 2, d)), Isotropic(1.5)]):
        mixture = GaussianMixture([0.5, 0.5], [np.zeros(d), 0.01 * np.ones(d)], pair)
        assert unequal_pair.has_pair(mixture)
        curves = exact_curves(mixture).evaluate(np.array([1.0, 30.0]))
        assert np.isfinite(curves).all()
    wide = GaussianMixture(
        [0.5, 0.5],
        [np.zeros(1100), np.ones(1100)],
        [LowRank(np.linspace(1, 2, 1100), np.ones((1100, 1))), Isotropic(1.0)],
    )
    assert unequal_pair.has_pair(wide)
    both = [LowRank(np.linspace(1, a, 1100), np.ones((1100, 1))) for a in (2, 3)]
    dense = GaussianMixture([0.5, 0.5], [np.zeros(1100), np.ones(1100)], both)
    assert not unequal_pair.has_pair(dense)
    assert exact_curves(dense) is None
    with pytest.raises(ValueError, match="mixture: need two classes, and at most 1024 dimensions"):
        gaussian_pair(dense, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [1.0]), "differences2: need one for each of the log_ratios"),
        (([0.0], [-1.0]), "differences2: every value must be at least 0"),
        (([np.nan], [1.0]), "log_ratios"),
        (([0.0], [1.0], None, 1.0), "prior: must lie strictly between 0 and 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        TwoGaussians(*arguments)


def test_slope_needs_the_lengths():
    assert TwoGaussians([0.0], [1.0], lengths2=[1.0]).entropy_slope > 0
    with pytest.raises(ValueError, match="lengths2: needed for the slope of the entropy"):
        _ = TwoGaussians([0.0], [1.0]).entropy_slope


def test_ratios_of_matrices_with_opposite_gradings():
    """Conditions of almost 1e4, one largest where the other is least: `log ρ` against 40 digits."""
    rng = np.random.default_rng(2)
    turns = [np.linalg.qr(np.eye(5) + 0.01 * rng.standard_normal((5, 5)))[0] for _ in range(2)]
    grades = np.geomspace(1, 99, 5)
    first, second = grades[:, None] * turns[0], grades[::-1, None] * turns[1]
    with mp.workdps(40):
        one, two = (mp.matrix(root.tolist()).T * mp.matrix(root.tolist()) for root in (first, second))
        inverse = mp.cholesky(two) ** -1
        values = mp.eigsy(inverse * one * inverse.T, eigvals_only=True)
        expected = np.sort([float(mp.log(value)) for value in values])
    np.testing.assert_allclose(np.sort(generalised(first, second)[0]), expected, rtol=0, atol=1e-11)
