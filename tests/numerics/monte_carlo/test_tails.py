"""Where classes with covariances of their own meet, and error bars that hold down to the deepest tail."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from scipy import optimize, stats
from speciation.numerics import entropy_curve
from speciation.numerics._support.jax_settings import own_settings
from speciation.numerics.curves import entropy as curves
from speciation.numerics.curves.dataset import unresolved
from speciation.numerics.monte_carlo import meeting, unequal_covariance
from speciation.numerics.monte_carlo.statistics import from_prior, odds_against_top, of_posterior
from speciation.numerics.monte_carlo.strides import STRIDE
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank

SIGMA = np.array([0.3, 2.0])
FORMS = (
    "matrices",
    *(pytest.param(form, marks=pytest.mark.slow) for form in ("isotropic", "diagonal", "factors", "mixed")),
)
GROUPS = np.array([[1.0, 1, 0], [0, 0, 1]])


def three(form, seed=0, dimension=4):
    """Three classes with covariances of one form, or of three."""
    rng = np.random.default_rng(seed)
    square = rng.standard_normal((3, dimension, dimension))
    each = {
        "isotropic": [Isotropic(v) for v in (0.5, 1.0, 2.0)],
        "diagonal": [Diagonal(rng.uniform(0.2, 2, dimension)) for _ in range(3)],
        "factors": [
            LowRank(rng.uniform(0.2, 1, dimension), rng.standard_normal((dimension, 2))) for _ in range(3)
        ],
        "matrices": [Full(s @ s.T / dimension + 0.1 * np.eye(dimension)) for s in square],
        "mixed": [
            Full(square[0] @ square[0].T),
            LowRank(0.3, rng.standard_normal((dimension, 1))),
            Diagonal(rng.uniform(0.2, 2, dimension)),
        ],
    }
    return GaussianMixture(np.array([0.2, 0.5, 0.3]), 2 * rng.standard_normal((3, dimension)), each[form])


def dense(mixture, sigma):
    eye = np.eye(mixture.dimension)
    return [mixture.covariance_of(k).matrix_in(mixture.dimension) + sigma**2 * eye for k in range(3)]


def between(mixture, sigma, j, k, s):
    """Mean and covariance of `f_j^s f_k^{1−s}`, and the logarithm of its integral, by inverses."""
    covariances, centred = dense(mixture, sigma), mixture.means - mixture.weights @ mixture.means
    first, second = (np.linalg.inv(covariances[c]) for c in (j, k))
    covariance = np.linalg.inv(s * first + (1 - s) * second)
    mean = covariance @ (s * first @ centred[j] + (1 - s) * second @ centred[k])
    logs = [stats.multivariate_normal(centred[c], covariances[c]).logpdf(mean) for c in (j, k)]
    top = stats.multivariate_normal(mean, covariance).logpdf(mean)
    return mean, covariance, s * logs[0] + (1 - s) * logs[1] - top


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_draws_have_the_law_that_their_weights_take_them_to_have(form):
    """Mean and covariance of each pair's Gaussian, its overlap, and p/q against both densities."""
    mixture = three(form)
    parameters = unequal_covariance.parameters_of(mixture, SIGMA, None)
    noise = np.concatenate([np.eye(4), np.zeros((STRIDE - 4, 4))])
    for index, sigma in enumerate(SIGMA):
        level = jax.tree.map(lambda part, at=index: part[at], parameters.levels)
        cuts = np.concatenate([[0], level.thresholds / 2.0**32, [1]])
        centred = mixture.means - mixture.weights @ mixture.means
        laws = list(zip(centred, dense(mixture, sigma), strict=True))
        logs = []
        for j, k, s in zip(level.first, level.second, level.tilts, strict=True):
            *law, log = between(mixture, sigma, j, k, s)
            laws.append(law)
            logs.append(s * np.log(mixture.weights[j]) + (1 - s) * np.log(mixture.weights[k]) + log)
        assert level.overlap == pytest.approx(np.exp(logs).sum(), rel=1e-9)
        with own_settings(double=True):
            level = jax.tree.map(jnp.asarray, level)
            for law, below, above in zip(laws, cuts[:-1], cuts[1:], strict=True):
                bits = np.full(STRIDE, (below + above) / 2 * 2.0**32).astype(np.uint32)
                drawn = unequal_covariance._drawn(jnp.asarray(bits), jnp.asarray(noise), level, parameters)
                centre, spread = map(np.asarray, drawn)
                np.testing.assert_allclose(centre[0], law[0], rtol=1e-8, atol=1e-10)
                np.testing.assert_allclose(spread[:4].T @ spread[:4], law[1], rtol=1e-8, atol=1e-9)
            x = np.random.default_rng(1).standard_normal((50, 4)) * 2
            found = unequal_covariance.posterior_at(jnp.asarray(x), level, parameters)
            weights, unit = unequal_covariance._weights(*odds_against_top(found.log_joint), level)
        densities = np.stack([stats.multivariate_normal(*law).pdf(x) for law in laws])
        shares = np.concatenate([mixture.weights, np.exp(logs) / np.exp(logs).sum()]) / 2
        np.testing.assert_allclose(np.diff(cuts), shares, atol=2.0**-31)
        p, q = mixture.weights @ densities[:3], shares @ densities
        np.testing.assert_allclose(np.asarray(weights) * float(unit), p / q, rtol=1e-6)
        assert (p / q <= 2 + 1e-6).all()


@pytest.mark.parametrize("size", [1.0, 6e7, 3e9])
def test_directions_in_which_both_classes_are_wide_keep_their_width(size):
    """Factors of one direction: means, widths and overlaps of four pairs of scalars, to conditions of 1e20.

    Across it nothing cancels; along it precisions of 1e-20 are what two numbers next to 1 differ by.
    """
    factors = [size * np.eye(4)[:, 2:3], 3 * size * np.eye(4)[:, 2:3]]
    means = np.array([[1.0, 0, 2, 0], [0, 1, 0, 0]])
    diagonals = np.array([1.0, 1.3])
    covariances = [LowRank(np.full(4, v), u) for v, u in zip(diagonals, factors, strict=True)]
    mixture = GaussianMixture(np.array([0.5, 0.5]), means, covariances)
    sigma = 0.3
    found = meeting.meetings(mixture, mixture.stacked, np.array([sigma]), None, 8)
    s = found.tilts[0, 0]
    own, other = (v + sigma**2 + (u[:, 0] ** 2) for v, u in zip(diagonals, factors, strict=True))
    precision = s / own + (1 - s) / other
    mixed = (1 - s) * own + s * other
    log = ((1 - s) * np.log(own) + s * np.log(other) - np.log(mixed)).sum() / 2
    log -= s * (1 - s) * ((means[0] - means[1]) ** 2 / mixed).sum() / 2
    assert found.log_overlaps[0, 0] == pytest.approx(np.log(0.5) + log, abs=1e-10)
    centre = (s * means[0] / own + (1 - s) * means[1] / other) / precision
    np.testing.assert_allclose((found.forms["centres"][0, 0] - centre) * np.sqrt(precision), 0, atol=1e-5)
    widths = diagonals + sigma**2
    root = np.sqrt(s / widths[0] + (1 - s) / widths[1])
    scales = np.sqrt([s, 1 - s]) / (root * widths)
    axes = np.hstack([t * u for t, u in zip(scales, factors, strict=True)]) @ found.forms["turns"][0, 0]
    spread = (np.eye(4) + axes @ np.diag(found.forms["growths"][0, 0]) @ axes.T) / root
    law = np.sqrt(precision)[:, None] * spread
    np.testing.assert_allclose(law @ law.T, np.eye(4), atol=1e-5)


@pytest.mark.parametrize("form", ["diagonal", "matrices"])
def test_tilts_are_where_the_pairs_integrand_is_least(form):
    """T24's saddle point by another minimisation of the densities' own overlap, to a few hundredths."""
    mixture = three(form, seed=3)
    found = meeting.meetings(mixture, mixture.stacked, SIGMA, None, 8)
    for index, sigma in enumerate(SIGMA):
        for pair, (j, k) in enumerate([(0, 1), (0, 2), (1, 2)]):

            def height(s, j=j, k=k, sigma=sigma):
                log = between(mixture, sigma, j, k, s)[2]
                weighted = s * np.log(mixture.weights[j]) + (1 - s) * np.log(mixture.weights[k]) + log
                return weighted - np.log(s * (1 - s) * np.sin(np.pi * s))

            best = optimize.minimize_scalar(height, bounds=(1e-6, 1 - 1e-6), method="bounded").x
            assert found.tilts[index, pair] == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("form", ["factors", "diagonal"])
def test_of_many_pairs_tilts_are_interpolated_between_levels(form, monkeypatch):
    """Near the searched ones, and with the overlaps of the tilts that are drawn from, in any order of σ."""
    mixture, sigma = three(form, seed=3), np.random.default_rng(0).permutation(np.geomspace(0.1, 10, 24))
    searched = meeting.meetings(mixture, mixture.stacked, sigma, None, 8)
    monkeypatch.setattr(meeting, "_LITTLE_WORK", 0)
    found = meeting.meetings(mixture, mixture.stacked, sigma, None, 8)
    assert 0 < np.abs(found.tilts - searched.tilts).max() < 0.02
    for level in (0, 11):
        for pair, (j, k) in enumerate([(0, 1), (0, 2), (1, 2)]):
            s = found.tilts[level, pair]
            log = between(mixture, sigma[level], j, k, s)[2]
            weighted = s * np.log(mixture.weights[j]) + (1 - s) * np.log(mixture.weights[k]) + log
            assert found.log_overlaps[level, pair] == pytest.approx(weighted, abs=1e-10)


def test_pairs_of_moderate_and_of_huge_factors_stand_in_one_array():
    rng = np.random.default_rng(1)
    width, gap = rng.uniform(0.5, 1, (3, 6)), rng.standard_normal((3, 6))
    factors = rng.standard_normal((3, 6, 2)) * np.array([1.0, 1e6, 3.0])[:, None, None]
    log_det, square = meeting._inverted(width, factors, gap)
    for n in range(3):
        with mp.workdps(40):
            wide, vector = mp.matrix(factors[n].tolist()), mp.matrix(gap[n].tolist())
            matrix = mp.diag(width[n].tolist()) + wide * wide.T
            assert log_det[n] == pytest.approx(float(mp.log(mp.det(matrix))), rel=1e-12)
            assert square[n] == pytest.approx(float((vector.T * mp.lu_solve(matrix, vector))[0]), rel=1e-8)


def test_pairs_are_those_in_different_groups():
    mixture = three("diagonal")
    found = meeting.meetings(mixture, mixture.stacked, SIGMA, GROUPS, 8)
    assert list(zip(found.first[0], found.second[0], strict=True)) == [(0, 2), (1, 2)]
    assert meeting.meetings(mixture, mixture.stacked, SIGMA, None, 2).tilts.shape == (2, 0)


def test_pairs_without_room_are_those_that_overlap_least(monkeypatch):
    mixture = three("matrices")
    every = meeting.meetings(mixture, mixture.stacked, SIGMA, None, 8)
    monkeypatch.setattr(meeting, "_MOST", 2 * 20 * SIGMA.size)
    found = meeting.meetings(mixture, mixture.stacked, SIGMA, None, 8)
    assert found.tilts.shape == (2, 2)
    np.testing.assert_allclose(found.log_overlaps.min(axis=1), np.sort(every.log_overlaps, axis=1)[:, 1])
    shares = np.exp(every.log_overlaps) * meeting.largest_share(every.tilts)
    np.testing.assert_allclose(found.missed, shares[[0, 1], every.log_overlaps.argmin(axis=1)])
    monkeypatch.setattr(meeting, "_MOST_WORK", 0)
    assert meeting.meetings(mixture, mixture.stacked, SIGMA, None, 8).tilts.shape == (2, 0)


def test_a_search_that_takes_long_is_measured_by_a_piece_of_it(monkeypatch):
    """Two seconds for one pair at one level are thirty for the three pairs of five levels."""
    mixture, ticks = three("matrices"), iter([0.0, 2.0])
    monkeypatch.setattr(meeting, "_PIECE", meeting._each(mixture.stacked))
    monkeypatch.setattr(meeting, "perf_counter", lambda: next(ticks))
    sigma = np.geomspace(0.5, 5, 5)
    assert meeting.search_seconds(mixture, mixture.stacked, sigma, None, 8) == pytest.approx(30)
    assert meeting.search_seconds(mixture, mixture.stacked, sigma, None, 2) == 0
    monkeypatch.setattr(meeting, "_MOST_WORK", meeting._work(mixture.stacked, 3, 5, 5) * 0.9)
    assert meeting.meetings(mixture, mixture.stacked, sigma[:1], None, 8).tilts.shape == (1, 3)
    # of levels that together would take too long there is none at any of them
    assert meeting.meetings(mixture, mixture.stacked, sigma[:1], None, 8, levels=5).tilts.shape == (1, 0)


def test_no_posterior_has_more_entropy_than_the_bound():
    log_odds = np.linspace(-200, 200, 4001)
    for tilt in (0.02, 0.3, 0.5, 0.9):
        p, q = 1 / (1 + np.exp(-log_odds)), 1 / (1 + np.exp(log_odds))
        h = np.asarray(of_posterior(*odds_against_top(jnp.asarray(np.stack([log_odds, 0 * log_odds]))))[0])
        share = h / (p**tilt * q ** (1 - tilt))
        most = float(meeting.largest_share(np.array(tilt)))
        assert 0.4 * most < share[np.abs(log_odds) < 80].max() < most


def test_what_is_gone_keeps_relative_precision():
    """`Σ p log(p/w)` of log-odds of 1e-7, by its series."""
    prior, small = np.array([0.2, 0.3, 0.5]), 1e-7 * np.array([1.0, -2, 0.5])
    with own_settings(double=True):
        logits = jnp.asarray((np.log(prior) + small)[:, None])
        found = [float(part[0]) for part in from_prior(*odds_against_top(logits), jnp.asarray(prior))]
    shift = small - prior @ small
    assert found[0] == pytest.approx(prior @ shift**2 / 2, rel=1e-5)
    assert found[1] == pytest.approx(((prior * shift) ** 2).sum(), rel=1e-5)


def product(length=6.0, dimensions=(3, 4)):
    """Two independent pairs of classes with diagonals of their own: T24 of each says all."""
    rng = np.random.default_rng(3)
    halves = [
        GaussianMixture(
            np.array([w, 1 - w]),
            length * rng.standard_normal((2, d)) / np.sqrt(d),
            [Diagonal(0.1 * np.exp(0.5 * rng.standard_normal(d))) for _ in range(2)],
        )
        for d, w in zip(dimensions, (0.3, 0.5), strict=True)
    ]
    a, b = halves
    places = [(i, j) for i in range(2) for j in range(2)]
    whole = GaussianMixture(
        np.array([a.weights[i] * b.weights[j] for i, j in places]),
        np.array([np.concatenate([a.means[i], b.means[j]]) for i, j in places]),
        [
            Diagonal(np.concatenate([a.covariance_of(i).diagonal, b.covariance_of(j).diagonal]))
            for i, j in places
        ],
        labels=[f"{i}{j}" for i, j in places],
    )
    return whole, halves


def exact(halves, sigmas):
    first, second = (entropy_curve(half, sigmas, method="exact") for half in halves)
    return {name: (first[name] + second[name]).values for name in ("entropy", "rate")}, first


LEVELS = np.array([0.05, 0.4, 2.0])


def test_unequal_tail():
    """Nine comparisons at six errors: false alarms below 2e-8."""
    whole, halves = product()
    expected, first = exact(halves, LEVELS)
    second = entropy_curve(halves[1], LEVELS, method="exact")
    assert expected["entropy"][0] < 1e-12
    found = entropy_curve(whole, LEVELS, method="ambient", samples=8192)
    for name, values in expected.items():
        error = found[f"{name}_se"].values
        assert (error < 0.1 * values).all()
        assert (np.abs(found[name].values - values) < 6 * error).all()
    error, apart = found.agreement_se.values, found.agreement - first.agreement * second.agreement
    assert (np.abs(apart.values) < 6 * error + 2.3e-16).all()  # and what rounds a number next to 1
    assert (error < 0.1 * (1 - first.agreement.values * second.agreement.values) + 1e-16).all()
    assert not unresolved(found).any()


@pytest.mark.slow
def test_a_curve_without_pairs_says_what_it_misses(monkeypatch):
    whole, halves = product()
    expected, _ = exact(halves, LEVELS)
    without = functools.partial(unequal_covariance.parameters_of, limit=0)
    monkeypatch.setattr(unequal_covariance, "parameters_of", without)
    plain = entropy_curve(whole, LEVELS, method="ambient", samples=8192)
    assert unresolved(plain).tolist() == [True, True, False]
    assert (np.abs(plain.entropy.values - expected["entropy"]) < 6 * plain.entropy_se.values).all()
    assert float(plain.entropy_se[0]) > 1e-5


@pytest.mark.slow
def test_groups_of_unequal_classes():
    """What is decided inside a group has no part: 12 comparisons at six errors, false alarms below 3e-8."""
    whole, halves = product()
    _, first = exact(halves, LEVELS)
    assert float(first.entropy[0]) < 1e-40
    partition = {"a": whole.labels[:2], "b": whole.labels[2:]}
    found = entropy_curve(whole, LEVELS, method="ambient", samples=8192, partition=partition)
    for name in ("entropy", "rate"):
        error = found[f"{name}_se"].values
        assert (error < 0.1 * first[name].values).all()
        assert (np.abs(found[name].values - first[name].values) < 6 * error).all()


@pytest.mark.slow
def test_groups_of_classes_that_share_a_covariance():
    """The issue's own kind: the rate of groups that are far, whose classes are near, is not a difference."""
    mixture = GaussianMixture.parse("hierarchy:d=4,A=12,B=2,s=0.3")
    partition = {"a": mixture.labels[:2], "b": mixture.labels[2:]}
    sigmas = [0.3, 0.6]
    expected = entropy_curve(mixture, sigmas, partition=partition)
    assert expected.attrs["method"] == "exact"
    assert float(expected.entropy[0]) < 1e-13
    found = entropy_curve(mixture, sigmas, partition=partition, method="reduced", samples=8192)
    for name in ("entropy", "rate"):
        error = found[f"{name}_se"].values
        assert (error < 0.1 * expected[name].values).all()
        assert (np.abs(found[name].values - expected[name].values) < 6 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "partition"), [("ambient", False), ("ambient", True), ("reduced", False), ("reduced", True)]
)
def test_intervals_cover(method, partition):
    """95 % intervals of 200 keys at three levels hold between 88 and 99.5 %: false alarms below 1e-3 each."""
    if method == "ambient":
        mixture, halves = product()
        sum_of, first = exact(halves, LEVELS)
        truth = first.entropy.values if partition else sum_of["entropy"]
        sigmas = LEVELS
    else:
        mixture, sigmas = GaussianMixture.parse("hierarchy:d=4,A=12,B=8,s=0.3"), np.array([0.1, 1.0, 100.0])
    groups = {"a": mixture.labels[:2], "b": mixture.labels[2:]} if partition else None
    if method == "reduced":
        truth = entropy_curve(mixture, sigmas, partition=groups).entropy.values
    scores = []
    for key in range(200):
        found = entropy_curve(mixture, sigmas, method=method, samples=4096, key=key, partition=groups)
        scores.append((found.entropy.values - truth) / found.entropy_se.values)
    share = (np.abs(scores) < 1.96).mean(axis=0)
    assert ((share > 0.88) & (share < 0.995)).all(), share
    half = (np.abs(np.array(scores) * 2) < 1.96).mean(axis=0)  # mutant: errors half as large
    assert (half < 0.88).all(), half


def test_an_error_allows_for_the_largest_draw_that_was_not_met():
    means, errors = (
        np.array([[1e-20, 0.5, 0.0], [3e-20, 1.0, 0.0], [5e-21, 0.2, 0.0]]),
        np.full((3, 3), 1e-22),
    )
    errors, effective = curves._with_unseen(means, errors, 1000, np.full(3, 0.7))
    np.testing.assert_allclose(errors[0], [7e-4, 1e-22, 7e-4], rtol=1e-6)
    np.testing.assert_allclose(errors[1], [2.1e-3, 1e-22, 2.1e-3], rtol=1e-6)
    np.testing.assert_allclose(effective[1], 1000)
    assert effective[0] < 1e-10
    assert effective[2] == 0
