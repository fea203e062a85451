"""Speciation times: the contract's values, special cases, and isotropic against general solvers."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from speciation.theory import (
    CRITERIA,
    Diagonal,
    GaussianMixture,
    Isotropic,
    median_gamma,
    orthogonal_median,
    orthogonal_peak,
    peak_gamma,
    schedules,
    speciation_sigma2,
    speciation_sigma2_expression,
    speciation_time,
    speciation_time_expression,
    speciation_times,
)
from speciation.theory.closed_forms.gaussian_pair import Pair
from speciation.theory.times.criteria import SEPARATION2, VARIANCE
from speciation.theory.times.prediction import SpeciationTime, covariance_noise

GAMMA_STAR, GAMMA_HALF = 1.508330628786380978, 1.044013315452508238  # design values of T8


def test_the_eight_times_of_the_contract(run_json):
    times = {e["criterion"]: e for e in run_json("predict", "binary:d=4096,mu=1,s=1")["times"]}
    half_log = 0.5 * np.log(4096)
    expected = {
        "curvature": half_log,
        "covariance": 0.5 * np.log(4097),
        "reverse-sde": 0.5 * np.log(2 * 4096),
        "entropy-peak": half_log - 0.5 * np.log(GAMMA_STAR),
        "entropy-median": half_log - 0.5 * np.log(GAMMA_HALF),
        "cloning": half_log,
        "second-mode": half_log,
    }
    for criterion, time in expected.items():
        assert times[criterion]["time"] == pytest.approx(time, abs=1e-10)
        sigma2 = np.expm1(2 * time)
        assert times[criterion]["sigma"] == pytest.approx(np.sqrt(sigma2), rel=1e-10)
        assert times[criterion]["gamma"] == pytest.approx(4096 / (1 + sigma2), rel=1e-10)
    assert times["probability-flow"]["time"] is None
    assert "every finite time" in times["probability-flow"]["reason"]
    assert list(times) == list(CRITERIA)


def test_raya_ambrogioni_critical_value():
    assert np.exp(-2 * speciation_time("reverse-sde", 1.0, 0.0)) == pytest.approx(np.sqrt(2) - 1, rel=1e-14)


@pytest.mark.parametrize(
    "criterion", [pytest.param(c, marks=[pytest.mark.slow] * (c == "entropy-peak")) for c in CRITERIA]
)
@given(M=st.floats(0.05, 1e6), s2=st.floats(0, 5))
@settings(max_examples=25, deadline=None)
def test_time_is_the_expression_evaluated(criterion, M, s2):
    point = {SEPARATION2: sp.Float(M, 30), VARIANCE: sp.Float(s2, 30)}
    growth = sp.exp(2 * speciation_time_expression(criterion)).subs(point).evalf(20)
    time = speciation_time(criterion, M, s2)
    if growth is sp.nan:  # the piecewise expression says where there is no time
        assert np.isnan(time) or time < 1e-12
    elif growth.is_finite is False or growth < 1:
        assert np.isnan(time) or growth > 1 - 1e-12
    else:
        assert time == pytest.approx(float(sp.log(growth) / 2), rel=1e-10, abs=1e-12)


@given(M=st.floats(0.05, 1e4), s2=st.floats(0.01, 5), w=st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_closed_forms_meet_the_secular_equations(M, s2, w):
    delta = np.sqrt(M / 3) * np.ones(3)
    spread = GaussianMixture([w, 1 - w], np.array([delta, -delta]), Diagonal(np.full(3, s2)))
    isotropic = GaussianMixture([w, 1 - w], np.array([delta, -delta]), s2)
    for one, other in zip(speciation_times(spread), speciation_times(isotropic), strict=True):
        if one.time is None or other.time is None:
            # at the very edge of existence rounding may decide
            assert (one.time or 0.0) < 1e-6
            assert (other.time or 0.0) < 1e-6
        else:
            assert one.time == pytest.approx(other.time, rel=1e-9, abs=1e-9)


def test_vectorised_over_everything():
    M = np.geomspace(1, 1e4, 5)[:, None]
    s2 = np.array([0.0, 0.5, 1.0, 2.0])
    for criterion in CRITERIA:
        grid = speciation_time(criterion, M, s2)
        assert grid.shape == (5, 4)
        single = np.array([[speciation_time(criterion, float(m), float(v)) for v in s2] for m in M[:, 0]])
        np.testing.assert_allclose(grid, single, rtol=1e-12)


@pytest.mark.parametrize("name", schedules.CLOCKS)
def test_other_clocks_read_the_same_noise(name):
    clock = schedules.CLOCKS[name]
    time = speciation_time("curvature", 9.0, 1.0, clock)
    assert float(clock.sigma(time)) == pytest.approx(np.sqrt(8), rel=1e-12)


def test_out_of_a_clocks_reach_says_so():
    entries = speciation_times(GaussianMixture.parse("binary:d=4096,mu=1,s=1"), schedules.StableDiffusion())
    assert entries[0].time is None
    assert entries[0].sigma == pytest.approx(np.sqrt(4095))
    assert "sd15 clock ends at sigma = 14.6" in entries[0].reason


def test_no_solution_has_a_reason():
    entries = {e.criterion: e for e in speciation_times(GaussianMixture.parse("binary:d=1,mu=0.1,s=1"))}
    assert entries["curvature"].time is None
    assert "at t = 0 it is 0.01" in entries["curvature"].reason
    assert entries["covariance"].time is not None


def test_covariance_of_any_mixture_is_the_top_eigenvalue():
    rng = np.random.default_rng(3)
    means, weights = rng.standard_normal((3, 4)), np.array([0.2, 0.3, 0.5])
    factors = rng.standard_normal((3, 4, 4))
    covariances = factors @ factors.transpose(0, 2, 1)
    for each in (list(covariances), 0.7, [0.5, 1.0, 2.0], rng.uniform(0.1, 1, 4)):
        mixture = GaussianMixture(weights, means, each)
        total = np.zeros((4, 4))
        for k in range(3):
            ((_, value),) = mixture.covariance_of(k).to_json().items()
            matrix = np.array(value) if np.ndim(value) == 2 else np.diag(np.broadcast_to(value, 4))
            total += weights[k] * (matrix + np.outer(means[k], means[k]))
        mean = weights @ means
        top = np.linalg.eigvalsh(total - np.outer(mean, mean))[-1]
        assert covariance_noise(mixture) == pytest.approx(top - 1, rel=1e-10)


def entries_of(spec):
    return {entry.criterion: entry for entry in speciation_times(GaussianMixture.parse(spec))}


def test_mixtures_without_closed_forms_say_so_and_offer_a_curve():
    entries = entries_of("digits:1,3,8")
    assert entries["covariance"].time is not None
    assert all(entry.reason for criterion, entry in entries.items() if criterion != "covariance")
    assert "speciation curve" in entries["entropy-peak"].reason
    assert "speciation curve" in entries["entropy-median"].reason


@pytest.mark.parametrize("classes", [3, 8])
def test_orthogonal_classes(classes):
    """T14: the curvature at g = K, the peak and the median from T13, the covariance by M/K."""
    entries = entries_of(f"orthogonal:K={classes},d=16,M=90,s=1")
    assert entries["curvature"].sigma == pytest.approx(np.sqrt(90 / classes - 1), rel=1e-9)
    assert entries["covariance"].sigma == pytest.approx(np.sqrt(90 / classes), rel=1e-9)
    assert entries["entropy-peak"].sigma == pytest.approx(
        np.sqrt(90 / orthogonal_peak(classes) - 1), rel=1e-5
    )
    assert entries["entropy-median"].sigma == pytest.approx(
        np.sqrt(90 / orthogonal_median(classes) - 1), rel=1e-9
    )
    # the linearised drift x + 2∇log p of all K classes, by differences, vanishes at the predicted σ
    sigma = entries["reverse-sde"].sigma
    mixture = GaussianMixture.parse(f"orthogonal:K={classes},d={classes},M=90,s=1")
    time = 0.5 * np.log1p(sigma**2)
    direction = (mixture.means[0] - mixture.means[1]) / np.linalg.norm(mixture.means[0] - mixture.means[1])
    scaled = np.exp(-time) * mixture.means

    def log_density(step):
        x = scaled.mean(axis=0) + step * direction
        return np.log(np.exp(-((x - scaled) ** 2).sum(axis=1) / 2).sum())  # variance 1 at every time

    values = np.array([log_density(0.02 * k) for k in (-2, -1, 0, 1, 2)])
    curvature = np.array([-1, 16, -30, 16, -1]) @ values / (12 * 0.02**2)
    assert 1 + 2 * curvature == pytest.approx(0, abs=1e-5)


def test_two_classes_in_either_form_agree():
    """Two orthogonal classes are a binary channel with |δ|² = M/2."""
    first, second = entries_of("orthogonal:K=2,d=4,M=8,s=0.5"), entries_of("binary:d=4,mu=1,s=0.5")
    for criterion, entry in first.items():
        assert entry.reason == second[criterion].reason
        if entry.time is not None:
            assert entry.time == pytest.approx(second[criterion].time, rel=1e-10)


def test_hierarchies_and_scales():
    entries = entries_of("hierarchy:d=4,A=900,B=9,s=1")
    assert entries["curvature"].time == pytest.approx(0.5 * np.log(900), rel=1e-9)
    # half the entropy is left between the windows; the rate is highest in one of them
    assert np.log(9) / 2 < entries["entropy-median"].time < np.log(900) / 2
    windows = [0.5 * np.log(length2 / peak_gamma(0.0)) for length2 in (9, 900)]
    # the tail of the lower window moves the upper peak a little
    assert min(abs(entries["entropy-peak"].time - window) for window in windows) < 0.03
    entries = entries_of("scales:d=1000000,lambda1=1,lambda2=3")
    # T16: ¼ log d + ½ log(Δ/√(8γ)) at the levels of the median and, twice as fast, of the peak
    law = 0.25 * np.log(1e6) + 0.5 * np.log(2 / np.sqrt(8))
    for criterion, level in (("entropy-median", median_gamma()), ("entropy-peak", peak_gamma(0.0))):
        assert entries[criterion].time == pytest.approx(law - 0.25 * np.log(level), abs=2e-3)
    assert entries["curvature"].time is None


def test_two_separate_windows_peak_at_the_higher_one():
    """δ split over a narrow and a wide direction: the global maximum is found, not the nearest."""
    delta = np.array([3.0, 0.05])
    mixture = GaussianMixture([0.5, 0.5], np.array([delta, -delta]), Diagonal([4.0, 1e-6]))
    noise = Pair.of(mixture).noise("entropy-peak")
    grid = np.geomspace(1e-8, 1e3, 40_001)
    best = grid[np.argmax(Pair.of(mixture).log_rate(grid))]
    assert noise == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize(
    ("separation2", "variance"),
    [(1, 1e4), (1, 3000), (100, 2e5), (1e-6, 1e8), (1e6, 1e8), (4, 1e-12), (1e-9, 1e-12)],
)
def test_one_variance_in_every_direction_is_the_isotropic_case(separation2, variance):
    """However far from 1 and from the separation: the peak of the rate lies at σ² ≈ λ where λ is large."""
    means = np.outer([1, -1], [np.sqrt(separation2), 0])
    peaks = [
        {entry.criterion: entry.sigma for entry in speciation_times(GaussianMixture([0.5, 0.5], means, s))}
        for s in (Isotropic(variance), Diagonal([variance, variance]))
    ]
    for criterion, sigma in peaks[0].items():
        assert peaks[1][criterion] == (sigma and pytest.approx(sigma, rel=1e-9)), criterion
    assert variance < 1 or peaks[0]["entropy-peak"] ** 2 > 0.9 * variance


def test_a_peak_far_below_every_other_scale_is_found():
    """Means that differ little along a direction with next to no width, and much along a wide one."""
    delta = np.array([1e-6, 10.0])
    mixture = GaussianMixture([0.5, 0.5], np.array([delta, -delta]), Diagonal([1e-13, 100.0]))
    noise = Pair.of(mixture).noise("entropy-peak")
    grid = np.geomspace(1e-16, 1e4, 40_001)
    assert noise == pytest.approx(grid[np.argmax(Pair.of(mixture).log_rate(grid))], rel=2e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: speciation_time("entropy", 1.0),
        lambda: speciation_time_expression("speciation"),
        lambda: speciation_sigma2_expression(""),
        lambda: speciation_time("curvature", 0.0),
        lambda: speciation_time("curvature", np.nan),
        lambda: speciation_time("curvature", 1.0, -1.0),
        lambda: speciation_time("curvature", 1.0, prior=1.0),
        lambda: speciation_time("curvature", GaussianMixture.parse("binary:d=4,mu=1,s=1")),
    ],
)
def test_refuses(call):
    with pytest.raises(ValueError, match=r"^(criterion|separation2|variance|prior): [^\n]*$"):
        call()


def test_values_of_a_table_by_that_name_are_numbers():
    """An array of xarray with a coordinate `separation2`, as a table over it has."""
    values = xr.DataArray([1.0, 4.0], coords={"separation2": [1.0, 4.0]}, dims="separation2")
    np.testing.assert_array_equal(
        speciation_time("curvature", values), speciation_time("curvature", [1.0, 4.0])
    )


@pytest.mark.parametrize("criterion", [c for c in CRITERIA if c != "probability-flow"])
@pytest.mark.parametrize("M", [1e-200, 1e-30, 1e30, 1e300])
def test_extreme_separations(criterion, M):
    """Small and large M against the expression in multiple precision; points, so s = 0."""
    exact = speciation_sigma2_expression(criterion).subs({SEPARATION2: sp.Float(M, 700), VARIANCE: 0})
    exact = exact.evalf(700 if criterion == "reverse-sde" else 30)
    if exact < 0:
        assert np.isnan(speciation_time(criterion, M, 0.0))
    else:
        sigma = float(speciation_time(criterion, M, 0.0, schedules.EDM()))
        assert sigma == pytest.approx(float(sp.sqrt(exact)), rel=1e-13)


def test_sigma2_is_the_time_on_the_ou_clock():
    """`t = ½ log(1 + σ²)` of every criterion, arrays and numbers; a negative σ² is no time."""
    for criterion in CRITERIA:
        separation2 = np.array([10.0, 1e4])
        noise = speciation_sigma2(criterion, separation2, 0.5)
        time = speciation_time(criterion, separation2, 0.5)
        np.testing.assert_allclose(time, 0.5 * np.log1p(noise), rtol=1e-12)
        assert not np.allclose(time, 0.5 * np.log1p(1.01 * noise), rtol=1e-4)  # mutant


def test_what_a_prediction_says():
    """`SpeciationTime` carries a time with σ and γ, or a reason, and says so in JSON."""
    mixture = GaussianMixture.parse("binary:d=64,mu=1,s=1")
    for entry in speciation_times(mixture):
        assert isinstance(entry, SpeciationTime)
        assert (entry.time is None) == (entry.reason is not None)
        said = entry.to_json()
        assert said["criterion"] == entry.criterion
        assert ("reason" in said) == (entry.time is None)
        if entry.time is not None:
            assert entry.sigma == pytest.approx(np.sqrt(np.expm1(2 * entry.time)), rel=1e-12)
            assert entry.gamma == pytest.approx(64 / (1 + entry.sigma**2), rel=1e-12)


@pytest.mark.parametrize("variances", [(1.0, 100.0), (0.3, 0.9), (0.2, 1.5), (2.0, 2.0)])
@pytest.mark.parametrize("half", [3.0, 0.4])
def test_no_criterion_jumps_where_a_coordinate_of_the_difference_vanishes(variances, half):
    """Also where Σ alone sets Λ or makes the drift unstable, in a direction without classes."""
    found = []
    for small in (0.0, 1e-12, 1e-9):
        means = [[half, small], [-half, -small]]
        mixture = GaussianMixture([0.5, 0.5], means, Diagonal(variances))
        found.append([one.sigma for one in speciation_times(mixture)])
    for exact, *others in zip(*found, strict=True):
        for other in others:
            assert other == exact or other == pytest.approx(exact, rel=1e-8, abs=0)
    data = np.diag(variances) + np.diag([half**2, 0.0])
    largest = float(np.linalg.eigvalsh(data)[-1])
    covariance = found[0][CRITERIA.index("covariance")]
    assert (largest < 1) if covariance is None else covariance**2 + 1 == pytest.approx(largest, rel=1e-12)


def test_the_linearised_drift_turns_unstable_in_a_direction_without_classes():
    """By the eigenvalues of the drift's own matrix, at a time just before and just after."""
    mixture = GaussianMixture([0.5, 0.5], [[0.4, 0.0], [-0.4, 0.0]], Diagonal([1.0, 3.0]))
    sigma = next(one.sigma for one in speciation_times(mixture) if one.criterion == "reverse-sde")

    def most_unstable(sigma):
        signal2 = 1 / (1 + sigma**2)
        widths = 1 + (np.array([1.0, 3.0]) - 1) * signal2
        hessian = np.diag([-1 / w for w in widths])
        hessian[0, 0] += signal2 * 0.4**2 / widths[0] ** 2
        return np.linalg.eigvalsh(np.eye(2) + 2 * hessian)[-1]

    assert most_unstable(0.99 * sigma) > 0 > most_unstable(1.01 * sigma)


def test_notes_say_where_a_criterion_does_not_mean_what_its_name_says():
    """By the top eigenvector of the data's covariance, from a dense solver."""
    half = np.array([2.0, 0.1, 0.0])
    for variances, mean, apart in (
        ([1.0, 2.0, 9.0], half, True),  # a direction without any overlap
        ([1.0, 9.0, 2.0], half, True),  # with little
        ([1.0, 2.0, 3.0], half, False),
        ([1.0, 1.0, 1.0], half, False),
        ([1.0, 1.0, 1.0], 1e-3 * half, False),  # narrow, but along the means
    ):
        mixture = GaussianMixture([0.5, 0.5], np.array([mean, -mean]), Diagonal(variances))
        top = np.linalg.eigh(np.diag(variances) + np.outer(mean, mean))[1][:, -1]
        assert ((top @ mean) ** 2 / (mean @ mean) < 0.01) == apart
        entries = {entry.criterion: entry for entry in speciation_times(mixture)}
        note = entries["covariance"].note
        assert (note is not None and "width of the data" in note) == apart
        assert ("note" in entries["covariance"].to_json()) == apart
        assert entries["curvature"].note is None


def test_a_drift_that_is_unstable_without_the_classes_says_so():
    means = [[0.4, 0.0], [-0.4, 0.0]]
    for second, said in ((3.0, True), (1.2, False)):
        mixture = GaussianMixture([0.5, 0.5], means, Diagonal([1.0, second]))
        entry = next(one for one in speciation_times(mixture) if one.criterion == "reverse-sde")
        assert (entry.note is not None) == said


@pytest.mark.parametrize(("prior", "said"), [(0.5, False), (0.3, True), (0.9, True)])
def test_at_unequal_weights_the_midpoint_is_no_fixed_point(prior, said):
    entries = entries_of(f"binary:d=64,mu=1,s=1,w={prior}")
    assert (entries["curvature"].note is not None) == said
    assert (entries["reverse-sde"].note is not None) == said
    assert entries["cloning"].note is entries["second-mode"].note is entries["covariance"].note is None
    # the drift along the axis at the midpoint, 2 ∂log p_t, by differences of Bayes' rule
    mean = 1.3
    p = [
        prior * np.exp(-((x - mean) ** 2) / 2) + (1 - prior) * np.exp(-((x + mean) ** 2) / 2)
        for x in (1e-5, -1e-5)
    ]
    assert (abs(np.log(p[0] / p[1])) > 1e-7) == said
