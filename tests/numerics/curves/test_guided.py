"""Guidance: the γ clock against closed forms, the full chain in all dimensions against the γ clock."""

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import clone_curve, entropy_curve, guided_curve
from speciation.numerics.fokker_planck import guided_from, guided_odds, guided_table, interval_shares
from speciation.theory import GaussianMixture, binary_entropy, binary_mmse, late_shift
from speciation.theory.channel.guidance import guided_entropy_coefficients
from speciation.theory.channel.series import entropy_small_gamma_coefficients

from .backward import moments

GAMMAS = np.geomspace(0.05, 12, 8)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [0.5, 0.2])
def test_conditional_runs_are_the_channel(prior):
    """ω = 1, both classes weighted, is `binary_entropy`; unconditional runs have the prior's accuracy."""
    curves = [guided_odds(GAMMAS, 1.0, prior=w) for w in (prior, 1 - prior)]
    entropy = prior * curves[0].cross_entropy + (1 - prior) * curves[1].cross_entropy
    np.testing.assert_allclose(entropy, binary_entropy(GAMMAS, prior), atol=1e-10)
    slope = prior * curves[0].slope + (1 - prior) * curves[1].slope
    np.testing.assert_allclose(slope, -binary_mmse(GAMMAS, prior) / 2, atol=1e-10)
    assert max(curve.error for curve in curves) < 1e-9
    np.testing.assert_allclose(curves[0].mean_odds, GAMMAS + 0.5 * np.log(prior / (1 - prior)), atol=1e-9)
    accuracy = stats.norm.cdf((GAMMAS + 0.5 * np.log(prior / (1 - prior))) / np.sqrt(GAMMAS))
    np.testing.assert_allclose(curves[0].accuracy, accuracy, atol=1e-9)


def test_unconditional_runs_know_nothing_of_the_class():
    curve = guided_odds(GAMMAS, 0.0)
    np.testing.assert_allclose(curve.accuracy, 0.5, atol=1e-10)
    np.testing.assert_allclose(curve.mean_odds, 0, atol=1e-9)
    # L is N(±γ, γ) with equal chances
    np.testing.assert_allclose(curve.cross_entropy, binary_entropy(GAMMAS) + GAMMAS, atol=1e-9)


@pytest.mark.parametrize("weight", [-1.0, 0.5, 3.0])
def test_series_at_small_gamma(weight):
    gamma = np.array([0.005, 0.01])
    coefficients = [float(c.subs("omega", weight)) for c in guided_entropy_coefficients(6)]
    expected = np.polynomial.polynomial.polyval(gamma, coefficients)
    np.testing.assert_allclose(guided_odds(gamma, weight).cross_entropy, expected, atol=2e-9)


def test_series_of_conditional_runs_is_that_of_the_channel():
    own = [c.subs("omega", 1) for c in guided_entropy_coefficients(5)][1:]
    assert [float(c) for c in own] == [float(c) for c in entropy_small_gamma_coefficients(5)][1:]


def test_slope_is_the_derivative_and_guidance_only_acts_inside_the_interval():
    step = 1e-3
    curve = guided_odds(2.0 + step * np.arange(-2, 3), 4.0, interval=(0.5, 3.0))
    h = curve.cross_entropy
    assert (8 * (h[3] - h[1]) - (h[4] - h[0])) / (12 * step) == pytest.approx(curve.slope[2], rel=1e-7)
    before = guided_odds([0.25, 0.5], 4.0, interval=(0.5, 3.0))
    np.testing.assert_allclose(before.cross_entropy, binary_entropy([0.25, 0.5]), atol=1e-10)
    # the late shift of the log-odds grows with the weight, and is that of the window alone
    shifts = [float(guided_odds([16.0], w).mean_odds[0]) - 16 for w in (1.0, 2.0, 4.0)]
    assert shifts == sorted(shifts)
    assert shifts[0] == pytest.approx(0, abs=1e-9)
    later = [float(guided_odds([20.0], w).mean_odds[0]) - 20 for w in (2.0, 4.0)]
    np.testing.assert_allclose(later, shifts[1:], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "guidance", "interval"),
    [
        pytest.param("binary:d=6,mu=1,s=0.7", 3.0, None, marks=pytest.mark.slow),
        ("binary:d=5,mu=1,s=1", 2.0, (1.0, 3.0)),
        pytest.param("binary:d=4,mu=1,s=1,w=0.3", 0.0, None, marks=pytest.mark.slow),
    ],
)
def test_runs_in_all_dimensions_meet_the_gamma_clock(spec, guidance, interval):
    mixture = GaussianMixture.parse(spec)
    sigmas = np.array([1.0, 2.0, 4.0])
    exact = guided_curve(mixture, sigmas, guidance, interval)
    runs = guided_curve(mixture, sigmas, guidance, interval, method="sde", samples=20_000, steps=600)
    assert (exact.attrs["method"], runs.attrs["method"]) == ("exact", "sde")
    for name in ("cross_entropy", "accuracy"):
        difference = np.abs(runs[name] - exact[name]).values
        # 18 comparisons at 5.5 standard errors: false alarms below 1e-6; the chain's bias is O(1/steps)
        assert (difference < 5.5 * runs[f"{name}_se"].values + 4e-3).all()
        conditional = guided_curve(mixture, sigmas, 1.0)
        # mutant: the curve without guidance is rejected
        assert (np.abs(runs[name] - conditional[name]).values > 5.5 * runs[f"{name}_se"].values + 4e-3).any()


@pytest.mark.one_of_each
@pytest.mark.parametrize("interval", [None, (6.0, 1e5), (2000.0, np.inf)])
def test_runs_start_from_the_law_that_guidance_has_there(interval):
    """Strong guidance where little is decided, also of intervals that end or lie above the first level."""
    mixture = GaussianMixture.parse("binary:d=1,mu=1,s=1")
    sigmas = np.array([10.0, 30.0])
    exact = guided_curve(mixture, sigmas, 10.0, interval)
    runs = guided_curve(mixture, sigmas, 10.0, interval, method="sde", samples=300_000, steps=150)
    scores = np.abs((runs.cross_entropy - exact.cross_entropy) / runs.cross_entropy_se)
    assert float(scores.max()) < 5.5  # 6 comparisons: false alarms below 1e-6
    if interval is None:
        # mutant: a conditional start at γ = 10⁻³, guidance from there on
        late = guided_curve(mixture, sigmas, 10.0, (1e-3, 31.6))
        assert float(np.abs((runs.cross_entropy - late.cross_entropy) / runs.cross_entropy_se).max()) > 20


def test_an_interval_below_the_width_of_the_classes_changes_nothing():
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    found, plain = (
        guided_curve(mixture, [1.0, 2.0], 3.0, (1e-20, 1e-18)),
        guided_curve(mixture, [1.0, 2.0], 1.0),
    )
    np.testing.assert_array_equal(found.cross_entropy, plain.cross_entropy)


@pytest.mark.one_of_each
@pytest.mark.parametrize("rare", [1e-17, 1e-30, 1e-300])
@pytest.mark.slow
def test_a_weight_whose_rest_rounds_to_one_is_guided_to(rare):
    """In both orders. Far from even odds tanh L is ±1: L drifts by ω + (1 − ω) tanh L alone."""
    means, sigmas, gamma = np.array([[20.0], [-20.0]]), np.array([8.0, 30.0]), 400 / (1 + np.array([64, 900]))
    mixtures = [GaussianMixture(weights, means, 1.0) for weights in ([rare, 1.0], [1.0, rare])]
    first, second = (guided_curve(mixture, sigmas, 2.0) for mixture in mixtures)
    np.testing.assert_array_equal(first.cross_entropy, second.cross_entropy)
    np.testing.assert_allclose(first.accuracy, 1, atol=1e-11)
    np.testing.assert_allclose(first.cross_entropy, 0, atol=1e-11)
    odds = -0.5 * np.log(rare)
    common = guided_from(gamma[::-1], 2.0, None, odds)
    np.testing.assert_allclose(common.mean_odds, odds + gamma[::-1], rtol=1e-9)
    assert common.mean_odds[0] != pytest.approx(0.98 * odds + gamma[1], rel=1e-9)  # mutant


def test_the_rate_has_the_error_of_its_own_unit():
    """Per unit of OU time: a bound in γ times `|dγ/dt|`, here 10⁶ and more."""
    mixture = GaussianMixture([0.5, 0.5], np.array([[1e4], [-1e4]]), 1.0)
    sigmas = np.geomspace(3e3, 1e5, 5)
    exact = guided_curve(mixture, sigmas, 1.0)
    expected = entropy_curve(mixture, sigmas)
    assert (np.abs(exact.rate - expected.rate) <= exact.rate_se).all()
    speed = np.abs(mixture.gamma_slope(sigmas)) * 2 * (1 + sigmas**2)
    np.testing.assert_allclose(exact.rate_se, exact.cross_entropy_se * speed)


@pytest.mark.slow
def test_runs_of_any_mixture():
    """Three classes of their own covariances at ω = 1: the cross-entropy is the entropy."""
    rng = np.random.default_rng(0)
    mixture = GaussianMixture([0.2, 0.3, 0.5], 3 * rng.standard_normal((3, 2)), [0.5, 1.0, 2.0])
    sigmas = np.array([0.5, 2.0])
    runs = guided_curve(mixture, sigmas, 1.0, samples=20_000, steps=600)
    assert runs.attrs["method"] == "sde"
    entropy = entropy_curve(mixture, sigmas, samples=200_000)
    error = np.hypot(runs.cross_entropy_se, entropy.entropy_se)
    assert float((np.abs(runs.cross_entropy - entropy.entropy) - 5.5 * error).max()) < 5e-3


def test_rate_is_the_slope_in_time():
    mixture = GaussianMixture.parse("binary:d=9,mu=1,s=0.5")
    times = 1.0 + 1e-3 * np.arange(-2, 3)
    curve = guided_curve(mixture, np.sqrt(np.expm1(2 * times)), 2.0)
    h = curve.cross_entropy.values
    assert (8 * (h[3] - h[1]) - (h[4] - h[0])) / 12e-3 == pytest.approx(float(curve.rate[2]), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"guidance": np.nan}, "guidance: need a number"),
        ({"guidance": 1e3}, "guidance: need a number"),
        ({"guidance": np.nan, "method": "sde"}, "guidance: need a number"),
        ({"interval": (2.0, 1.0)}, "interval: need"),
        ({"method": "ode"}, "method: 'ode'"),
        ({"sigmas": [0.0]}, "sigmas: every value"),
        ({"steps": 0}, "steps: must be"),
    ],
)
def test_refuses(arguments, message):
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    with pytest.raises(ValueError, match=message):
        guided_curve(mixture, **({"sigmas": [1.0], "guidance": 2.0} | arguments))


def test_gammas_are_checked():
    for gammas in ([0.0], [2.0, 1.0], [300.0]):
        with pytest.raises(ValueError, match="gammas: need ascending"):
            guided_odds(gammas, 1.0)
    with pytest.raises(ValueError, match="prior: must lie"):
        guided_odds([1.0], 1.0, prior=1.0)
    three = GaussianMixture.parse("orthogonal:K=3,d=3,M=4,s=1")
    with pytest.raises(ValueError, match="needs two classes"):
        guided_curve(three, [1.0], 2.0, method="exact")


@pytest.mark.one_of_each
@pytest.mark.parametrize("gamma", [1e-5, 0.01, 5.0, 30.0])
@pytest.mark.parametrize("prior", [0.5, 0.3, 1e-6, 0.99])
def test_the_error_is_a_bound_against_closed_forms(prior, gamma):
    """ω = 1: L is N(λ + γ, γ); ω = 0: a mixture of N(λ ± γ, γ). A rare class begins outside the grid of y."""
    odds = 0.5 * np.log(prior / (1 - prior))
    for weight, chances in ((1.0, (1.0, 0.0)), (0.0, (prior, 1 - prior))):
        curve = guided_odds([gamma], weight, prior=prior)
        centres = odds + gamma * np.array([1, -1])
        accuracy = chances @ stats.norm.sf(-centres / np.sqrt(gamma))
        assert abs(curve.mean_odds[0] - chances @ centres) <= curve.error
        assert abs(curve.accuracy[0] - accuracy) <= curve.error
        assert curve.error < 1e-9


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    ("weight", "prior", "gamma"),
    [
        (-2.0, 0.3, 0.8),
        (0.3, 0.02, 2.0),
        (0.55, 0.5, 2.0),
        (0.8, 0.999, 0.8),
        (1.7, 0.3, 2.0),
        (2.0, 1e-9, 0.8),
        (4.0, 0.02, 0.8),
        (7.5, 0.3, 0.02),
        (30.0, 0.02, 0.05),
        (100.0, 1e-9, 0.1),
    ],
)
def test_the_error_is_a_bound_against_the_backward_equation(weight, prior, gamma):
    """P(L > 0) is compared after a last stretch of ω = 1, which makes what is averaged smooth."""
    expected = moments(weight, prior, gamma)
    curve = guided_odds([gamma], weight, prior=prior)
    later = guided_odds([gamma + 0.3], weight, prior=prior, interval=(0, gamma))
    found = [curve.cross_entropy[0], curve.slope[0], curve.mean_odds[0], later.accuracy[0]]
    bound = np.array([curve.error] * 3 + [later.error]) + 1e-12  # of the other solution
    assert (np.abs(found - expected) <= bound).all()
    assert bound.max() < 1e-8
    # mutant: guidance weaker by a part in a million is told apart
    assert (np.abs(found - moments(weight - 1e-6 * abs(weight), prior, gamma)) > bound).any()


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_an_interval_from_the_first_gammas_on_is_guidance_everywhere(prior):
    """Guidance that starts at γ = 10⁻⁷ differs by what it misses there, not by more."""
    everywhere = guided_odds([0.5], 3.0, prior=prior).mean_odds[0]
    missed = everywhere - guided_odds([0.5], 3.0, interval=(1e-7, 1.0), prior=prior).mean_odds[0]
    assert 0 < missed < 4e-7


@pytest.mark.slow
def test_late_shift_is_that_of_the_fokker_planck_equation():
    """What guidance still adds falls as e^{−γ/2}, or e^{−(2ω−1)²γ/2} where that is slower."""
    for weight, prior, gamma, left in ((2.0, 0.5, 40.0, 1e-8), (0.8, 0.9, 80.0, 3e-6)):
        curve = guided_odds([gamma], weight, prior=prior)
        shift = curve.mean_odds[0] - 0.5 * np.log(prior / (1 - prior)) - gamma
        assert shift == pytest.approx(float(late_shift(weight, prior)), abs=curve.error + left)


@pytest.mark.slow
@pytest.mark.parametrize("ends", [(0.0, 6.0), (2.0, 4.0), (-2.0, 1.0)])
def test_a_table_is_as_good_as_it_says(ends):
    gammas, weights = np.array([0.02, 0.4, 2.0, 8.0]), np.linspace(*ends, 7)
    table = guided_table(gammas, weights)
    curves = [guided_odds(gammas, weight) for weight in weights]
    off = max(
        np.abs(table.cross_entropy - [curve.cross_entropy for curve in curves]).max(),
        np.abs(table.slope - [curve.slope for curve in curves]).max(),
    )
    # the probes lie where the error of interpolation is largest, but for a factor
    assert off < 3 * table.error + 1e-9
    if ends == (0.0, 6.0):
        assert table.error < 1e-6
        for row, curve in zip(table.cross_entropy, curves, strict=True):
            np.testing.assert_allclose(row, curve.cross_entropy, rtol=1e-4)


@pytest.mark.slow
def test_shares_of_intervals():
    edges = [0.0, 0.5, 2.0, 6.0]
    shares = interval_shares(2.0, edges, 6.0)
    assert ((shares > 0) & (shares < 1)).all()
    # what an interval buys alone the next can buy as well: together they buy less than the sum
    assert shares.sum() > 1
    both = interval_shares(2.0, [0.0, 2.0], 6.0)[0]
    assert shares[:2].max() < both < shares[:2].sum()
    assert interval_shares(2.0, [0.0, 6.0], 6.0) == pytest.approx([1.0], abs=1e-6)
    with pytest.raises(ValueError, match="edges: need"):
        interval_shares(2.0, [1.0, 0.5], 6.0)


@pytest.mark.parametrize("count", [float("nan"), 4.5, True, 0])
@pytest.mark.parametrize("name", ["samples", "steps"])
def test_numbers_of_runs_and_steps_are_whole(name, count):
    for curve in (guided_curve, clone_curve):
        more = (2.0,) if curve is guided_curve else ()
        with pytest.raises(ValueError, match=rf"^{name}: must be "):
            curve(
                GaussianMixture.parse("binary:d=4,mu=1,s=1"), [1.0, 2.0], *more, method="sde", **{name: count}
            )
