"""Phase diagrams: every field against another route, lines where they should lie, grids that resume."""

import sys

import numpy as np
import pytest
import xarray as xr
from scipy import optimize
from speciation.numerics import entropy_curve, guided_curve, phase_diagram
from speciation.numerics.diagrams import DIAGRAMS, grid, parse_axis
from speciation.numerics.diagrams.bifurcation import branches
from speciation.theory import (
    Diagonal,
    GaussianMixture,
    binary_entropy,
    median_gamma,
    orthogonal_entropy,
    second_mode_gamma,
)
from speciation.theory.closed_forms.collapse import collapse_time
from speciation.theory.closed_forms.orthogonal import orthogonal_disagreement, orthogonal_table
from speciation.theory.times.prediction import speciation_times

FEW = 9
SPEC = "binary:d=4,mu=1,s=1"


def sigma_at(time):
    return np.sqrt(np.expm1(2 * time))


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", list(DIAGRAMS))
def test_every_diagram_says_what_it_shows(name):
    diagram = phase_diagram(name, FEW)
    assert diagram.attrs["name"] == name
    assert diagram.attrs["title"]
    assert diagram.attrs["source"]
    assert set(diagram.sizes.values()) == {FEW}
    for values in diagram.data_vars.values():
        assert values.attrs["long_name"]
        assert "units" in values.attrs
        assert np.isfinite(values).any()
    for coordinate in diagram.coords.values():
        assert coordinate.attrs["scale"] in ("linear", "log")


def columns(name, build, x):
    """Entropy and rate of some columns of a diagram against curves of mixtures."""
    diagram = phase_diagram(name, FEW)
    for value in diagram[x].values[[1, FEW // 2, -1]]:
        mixture = build(float(value))
        times = diagram.ou_time.values[1:]
        exact = entropy_curve(mixture, sigma_at(times))
        at = diagram.sel({x: value}).isel(ou_time=slice(1, None))
        np.testing.assert_allclose(at.entropy, exact.entropy, rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(at.rate, exact.rate, rtol=1e-9, atol=1e-300)
        # mutant: classes that are 2 % farther apart
        further = entropy_curve(build(1.02 * float(value)), sigma_at(times))
        assert np.abs(at.entropy / further.entropy - 1).max() > 1e-3


@pytest.mark.parametrize("weight", [0.5, 0.7, 0.1])
def test_bifurcation_is_where_the_density_is_stationary(weight):
    """Every root of the mixture's own score on the line of the means, found by its signs on a grid."""
    diagram = phase_diagram("bifurcation", 13, weight=weight)
    half, counts = 20.0, []
    mixture = GaussianMixture([weight, 1 - weight], np.array([[half], [-half]]), 1.0)
    grid_ = np.linspace(-half, half, 20_001)
    for column in range(13):
        at = diagram.isel(shifted_time=column)
        sigma = np.sqrt(
            half**2 * np.exp(2 * float(at.shifted_time)) - 1
        )  # γ = M/(1 + σ²) = e^{−2(t − ½ log M)}

        def score(x, sigma=sigma):
            return float(mixture.score(np.array([[x]]), sigma)[0, 0])

        signs = np.sign(mixture.score(grid_[:, None], sigma)[:, 0])
        turns = np.flatnonzero(signs[:-1] * signs[1:] < 0)
        roots = [optimize.brentq(score, grid_[k], grid_[k + 1], xtol=1e-13) for k in turns]
        roots += [float(x) for x in grid_[signs == 0]]
        stable = sorted(x for x in roots if score(x + 1e-4) < 0 < score(x - 1e-4))
        modes = [float(at[name]) for name in ("likelier_mode", "rarer_mode")]
        modes = sorted(half * x for x in modes if np.isfinite(x))
        np.testing.assert_allclose(np.unique(np.round(modes, 9)), stable, atol=1e-7)
        if np.isfinite(at.saddle):
            between = [x for x in roots if x not in stable]
            np.testing.assert_allclose(half * float(at.saddle), between or stable, atol=1e-7)
        counts.append(len(stable))
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == {1, 2}
    second = float(second_mode_gamma(weight))
    assert diagram.attrs["second_mode_gamma"] == second
    # at a γ that is larger by 2 % the branches would be elsewhere
    middle = diagram.isel(shifted_time=6)
    other = branches(np.array([1.02 * np.exp(-2 * float(middle.shifted_time))]), weight)[0]
    assert abs(np.tanh(other[0]) - float(middle.likelier_mode)) > 1e-4


def test_bifurcation_needs_a_weight():
    with pytest.raises(ValueError, match="weight: must lie strictly between 0 and 1, not 2"):
        phase_diagram("bifurcation", 4, weight=2.0)


def two(separation, variance):
    return GaussianMixture([0.5, 0.5], np.array([[separation], [-separation]]), variance)


def test_separation_is_the_curve_of_its_mixture():
    columns("separation", lambda x: two(x, 0.25), "separation")
    diagram = phase_diagram("separation", FEW)
    mixture = two(float(diagram.separation[5]), 0.25)
    for time in speciation_times(mixture):
        found = float(diagram[time.criterion.replace("-", "_")][5])
        assert (np.isnan(found) and time.time is None) or found == pytest.approx(time.time, rel=1e-10)


@pytest.mark.slow
def test_anisotropy_is_the_curve_of_its_mixture():
    means = np.sqrt(8) * np.array([[1.0, 1.0], [-1.0, -1.0]])
    columns("anisotropy", lambda a: GaussianMixture([0.5, 0.5], means, Diagonal([a, 1 / a])), "variance")
    diagram = phase_diagram("anisotropy", 50)
    a = float(diagram.variance[21])
    mixture = GaussianMixture([0.5, 0.5], means, Diagonal([a, 1 / a]))
    for time in speciation_times(mixture):
        if time.criterion.replace("-", "_") in diagram:
            # between the nodes of the interpolation
            found = float(diagram[time.criterion.replace("-", "_")][21])
            assert found == pytest.approx(time.time, abs=1e-4)


def test_hierarchy_is_the_curve_of_its_mixture():
    columns("hierarchy", lambda r: GaussianMixture.parse(f"hierarchy:d=2,A={4 * r},B=4,s=1"), "ratio")


def test_dimension_and_prior_are_binary_channels():
    diagram = phase_diagram("dimension", FEW)
    d = float(diagram.dimension[4])
    times = diagram.relative_time.values[1:] * 0.5 * np.log(d)
    exact = entropy_curve(two(np.sqrt(d), 1.0), sigma_at(times))
    np.testing.assert_allclose(diagram.entropy[1:, 4], exact.entropy / np.log(2), rtol=1e-9)
    np.testing.assert_allclose(diagram.rate[1:, 4], exact.rate / np.log(2) * 0.5 * np.log(d), rtol=1e-9)
    for name, level in (("quarter", 0.25), ("three_quarters", 0.75)):
        at = float(diagram[name][4]) * 0.5 * np.log(d)
        left = entropy_curve(two(np.sqrt(d), 1.0), [sigma_at(at)]).entropy[0] / np.log(2)
        assert float(left) == pytest.approx(level, abs=1e-9)
    diagram = phase_diagram("prior", FEW)
    weight = float(diagram.weight[2])
    mixture = GaussianMixture([weight, 1 - weight], np.array([[1e3], [-1e3]]), 1.0)
    times = diagram.shifted_time.values + np.log(1e3)
    exact = entropy_curve(mixture, sigma_at(times))
    np.testing.assert_allclose(diagram.entropy[:, 2], exact.entropy / mixture.class_entropy, rtol=1e-9)
    median = entropy_curve(mixture, [sigma_at(float(diagram["median"][2]) + np.log(1e3))]).entropy[0]
    assert float(median) == pytest.approx(mixture.class_entropy / 2, rel=1e-9)


def test_the_table_of_orthogonal_classes_is_the_integral():
    g, k = np.array([0.05, 0.5, 2, 12, 90, 400]), np.array([2, 3, 50, 1e6, 1e24])
    table = orthogonal_table(g, k)
    for row, classes in enumerate(k):
        np.testing.assert_allclose(table.entropy[row], orthogonal_entropy(g, classes), rtol=1e-9)
        np.testing.assert_allclose(table.disagreement[row], orthogonal_disagreement(g, classes), rtol=1e-9)
    diagram = phase_diagram("classes", FEW)
    at = orthogonal_entropy(np.exp(-2 * diagram.shifted_time.values), float(diagram.classes[3]))
    np.testing.assert_allclose(diagram.entropy[:, 3], at / np.log(float(diagram.classes[3])), rtol=1e-9)
    for arguments, message in ((([0.0], [2]), "g: every value"), (([1.0], [1]), "classes: every")):
        with pytest.raises(ValueError, match=message):
            orthogonal_table(*arguments)


@pytest.mark.slow
def test_guidance_is_the_guided_curve():
    diagram = phase_diagram("guidance", FEW)
    assert diagram.attrs["error"] < 1e-6
    gamma = diagram.gamma.values
    for index in (2, 5, 8):
        weight = float(diagram.guidance[index])
        exact = guided_curve(two(10.0, 1.0), np.sqrt(100 / gamma - 1), weight)
        np.testing.assert_allclose(diagram.cross_entropy[:, index], exact.cross_entropy, rtol=1e-5, atol=2e-7)
        wrong = guided_curve(two(10.0, 1.0), np.sqrt(100 / gamma - 1), 1.02 * weight)
        assert (np.abs(diagram.cross_entropy[:, index] / wrong.cross_entropy.values - 1) > 1e-3).any()


def test_collapse_lines_meet_where_they_should():
    diagram = phase_diagram("collapse", 200)
    gap = (diagram.speciation - diagram.collapse).values
    crossing = np.exp(np.interp(0, gap, np.log(diagram.alpha.values)))
    assert crossing == pytest.approx(diagram.attrs["crossing"], rel=0.01)


@pytest.mark.slow
def test_means_against_scales_is_a_measured_median():
    """In 10,000 dimensions, against the posterior's own entropy at the predicted time; 4000 draws."""
    diagram = phase_diagram("mean-covariance", FEW)
    d, means = diagram.attrs["dimension"], np.ones((2, 10_000))
    for i, j in ((4, 2), (6, 6), (3, 7)):
        mu, gap = float(diagram.mu[i]), float(diagram.difference[j])
        spread = [1 + gap / 2, 1 - gap / 2]
        mixture = GaussianMixture([0.5, 0.5], mu * means * [[1], [-1]], spread)
        assert mixture.dimension == d
        curve = entropy_curve(
            mixture, [sigma_at(float(diagram.ou_time[j, i]))], method="ambient", samples=4000
        )
        left = float(curve.entropy[0])
        # the binary channel is reached as 1/d and with Δ; six standard errors, false alarms below 1e-8
        assert left == pytest.approx(np.log(2) / 2, abs=6 * float(curve.entropy_se[0]) + 0.02)


def test_grid_against_the_noise_is_a_curve_per_column():
    x, y = parse_axis("mu=0.5:4:log", 4), parse_axis("t=0:3", 5)
    found = grid("binary:d=9,mu=1,s=1", x, y)
    mixture = GaussianMixture.parse(f"binary:d=9,mu={x.values[2]:.17g},s=1")
    exact = entropy_curve(mixture, sigma_at(y.values))
    np.testing.assert_allclose(found.entropy[:, 2], exact.entropy, rtol=1e-12)
    turned = grid("binary:d=9,mu=1,s=1", y, x)
    assert turned.entropy.dims == ("mu", "t")
    np.testing.assert_array_equal(turned.entropy.values.T, found.entropy)


def test_grid_has_every_criterion_where_it_lies():
    """At a value of the parameter that is a node of the interpolation, and in σ as well as t."""
    for axis, attribute in (("t=0.05:4", "time"), ("sigma=0.3:40:log", "sigma")):
        found = grid("binary:d=9,mu=1,s=0.6", parse_axis("mu=0.2:4:log", 5), parse_axis(axis, 4))
        mixture = GaussianMixture.parse(f"binary:d=9,mu={found.mu.values[3]:.17g},s=0.6")
        entries = {each.criterion: getattr(each, attribute) for each in speciation_times(mixture)}
        drawn = {name for name, values in found.data_vars.items() if values.ndim == 1}
        assert drawn >= {"curvature", "reverse_sde", "entropy_peak", "entropy_median", "covariance"}
        for name in drawn:
            place, high = entries[name.replace("_", "-")], float(found[axis.split("=")[0]][-1])
            shown = float(found[name][3])
            assert np.isnan(shown) if place is None or place > high else shown == pytest.approx(place)
    assert found.attrs["fixed"] == "d = 9, s = 0.6"


def test_grid_of_two_parameters_is_the_median():
    found = grid("binary:d=9,mu=1,s=1", parse_axis("mu=1:4", 3), parse_axis("d=4:64:log", 3))
    np.testing.assert_array_equal(found.d, [4, 16, 64])
    expected = 0.5 * np.log(found.mu.values**2 * found.d.values[:, None] / float(median_gamma()))
    np.testing.assert_allclose(found.ou_time, expected, atol=1e-8)


def test_grids_are_empty_where_nothing_is_ever_decided():
    """At s = 1 more than half is left of clean data where `μ²d < γ_½`: t = 0 would say it is not."""
    found = grid(SPEC, parse_axis("mu=0.02:2:log", 9), parse_axis("d=1:100:log", 5))
    level = found.mu.values**2 * found.d.values[:, None] / float(median_gamma())
    np.testing.assert_array_equal(np.isnan(found.ou_time), level < 1)
    np.testing.assert_allclose(found.ou_time.where(level > 1, 0), np.where(level > 1, 0.5 * np.log(level), 0))
    assert 5 < int(np.isnan(found.ou_time).sum()) < 40


def test_measured_medians_meet_solved_ones(monkeypatch):
    axes = parse_axis("M=0.5:40:log", 3), parse_axis("s=0.5:2", 2)
    solved = grid("orthogonal:K=3,d=3,M=4,s=1", *axes)
    # the package's attribute of that name is the function
    monkeypatch.setattr(sys.modules[grid.__module__], "exact_curves", lambda mixture: None)
    measured = grid("orthogonal:K=3,d=3,M=4,s=1", *axes)
    np.testing.assert_allclose(measured.ou_time, solved.ou_time, atol=2e-3)
    assert np.isnan(solved.ou_time).any()


def test_where_classes_are_one_a_grid_is_empty():
    """At μ = 0, and where two variances are equal; everywhere else it is what it is without them."""
    for axis in ("t=0.1:1", "s=0.5:1"):
        found = grid("binary:d=4,mu=1,s=1", parse_axis("mu=-1:1", 3), parse_axis(axis, 2))
        values = found[next(iter(found.data_vars))].values
        assert np.isnan(values[:, 1]).all()
        assert np.isfinite(values[:, 0]).all()
        np.testing.assert_allclose(values[:, 0], values[:, 2], rtol=1e-12)
    axes = parse_axis("lambda1=0.1:4", 2), parse_axis("lambda2=0.1:4", 2)
    times = grid("scales:d=64,lambda1=1,lambda2=2", *axes).ou_time.values
    assert np.isnan(times).tolist() == [[True, False], [False, True]]


def test_medians_of_hierarchies_solve_the_sum_of_two_channels():
    found = grid("hierarchy:d=4,A=1,B=1,s=1", parse_axis("A=2:200:log", 3), parse_axis("B=3:30:log", 2))
    clock = np.exp(-2 * found.ou_time.values)
    left = binary_entropy(found.A.values * clock) + binary_entropy(found.B.values[:, None] * clock)
    np.testing.assert_allclose(left, np.log(2), rtol=1e-8)


def test_rare_classes_are_decided_later_on_the_way_back():
    diagram = phase_diagram("prior", FEW)
    assert float(diagram.weight[-1]) == pytest.approx(0.5)
    for name in ("median", "entropy_peak", "second_mode", "curvature"):
        assert (np.diff(diagram[name]) > 0).all()
    assert "later on the way back" in DIAGRAMS["prior"].compute.__doc__


def test_the_axis_of_the_means_is_half_their_difference():
    """Means ±μ: where the scales' part of γ vanishes the median is that of `|δ|² = μ²d`."""
    diagram = phase_diagram("mean-covariance", FEW)
    mu = float(diagram.mu[-1])
    expected = 0.5 * np.log(mu**2 * diagram.attrs["dimension"] / float(median_gamma()))
    assert float(diagram.ou_time[0, -1]) == pytest.approx(expected, abs=1e-6)
    assert diagram.mu.attrs["long_name"].startswith("half the difference")
    assert diagram.difference.attrs["long_name"].startswith("difference")


def test_measured_grids_resume_to_the_same_bits(tmp_path):
    arguments = ("orthogonal:K=3,d=3,M=4,s=1", parse_axis("M=1:9", 4), parse_axis("t=0.5:2", 3))

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid(*arguments, samples=500, resume=tmp_path, progress=stop)
    assert len(list(tmp_path.glob("block-*.npz"))) == 2
    resumed, whole = grid(*arguments, samples=500, resume=tmp_path), grid(*arguments, samples=500)
    xr.testing.assert_identical(resumed, whole)
    with pytest.raises(ValueError, match="another"):
        grid(*arguments, samples=500, key=1, resume=tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: phase_diagram("nothing"), "nothing: not a diagram"),
        (lambda: phase_diagram("prior", 1), "resolution: must be at least 2"),
        (lambda: parse_axis("mu", 4), "not an axis"),
        (lambda: parse_axis("mu=a:b", 4), "not an axis"),
        (lambda: parse_axis("mu=2:1", 4), "need low < high"),
        (lambda: parse_axis("mu=0:1:log", 4), "low > 0"),
        (lambda: parse_axis("sigma=-1:1", 4), "starts at 0"),
        (lambda: parse_axis("d=1.5:2", 4), "whole number"),
        (lambda: grid(SPEC, parse_axis("w=0.1:2", 3), parse_axis("mu=1:2", 3)), "w: 2"),
        (lambda: grid(SPEC, parse_axis("t=0:1", 3), parse_axis("sigma=1:2", 3)), "a parameter"),
        (lambda: grid(SPEC, parse_axis("mu=1:2", 3), parse_axis("mu=1:2", 3)), "both axes"),
        (lambda: grid("digits:3,8", parse_axis("mu=1:2", 3), parse_axis("t=1:2", 3)), "no parameters"),
        (lambda: grid(SPEC, parse_axis("Q=1:2", 3), parse_axis("t=1:2", 3)), "Q"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_fixed_parameters_can_be_set():
    usual, wider = phase_diagram("separation", 9), phase_diagram("separation", 9, s=2.0)
    assert (usual.attrs["s"], wider.attrs["s"]) == (0.5, 2.0)
    x, t = usual.separation.values[5], usual.ou_time.values[4]
    for diagram, s in ((usual, 0.5), (wider, 2.0)):
        expected = binary_entropy(x**2 / (s**2 + np.expm1(2 * t)))
        assert float(diagram.entropy[4, 5]) == pytest.approx(float(expected), rel=1e-13)
    # with μ and s set, d counts as μ²d at the same s
    one, set_ = phase_diagram("dimension", 7), phase_diagram("dimension", 7, mu=3.0, s=0.5)
    d, t = 1e6, float(set_.relative_time[3]) * 0.5 * np.log(1e6)
    expected = binary_entropy(9 * d / (0.25 + np.expm1(2 * t))) / np.log(2)
    assert float(set_.entropy[3, -1]) == pytest.approx(float(expected), rel=1e-10)
    assert not np.allclose(one.entropy, set_.entropy)
    for name, values in (("anisotropy", {"separation2": 4.0}), ("hierarchy", {"B": 9.0}),
                         ("collapse", {"dimension": 256, "separation2": 9.0}),
                         ("mean-covariance", {"dimension": 400})):  # fmt: skip
        changed = phase_diagram(name, 4, **values)
        assert {key: changed.attrs[key] for key in values} == values
        assert any(not changed[key].equals(phase_diagram(name, 4)[key]) for key in changed.data_vars)


def test_diagrams_with_other_parameters_are_what_they_say():
    flat = phase_diagram("anisotropy", 5, separation2=4.0)
    a, noise = flat.variance.values[2], np.expm1(2 * flat.ou_time.values[3])
    expected = binary_entropy(2 / (a + noise) + 2 / (1 / a + noise))
    assert float(flat.entropy[3, 2]) == pytest.approx(float(expected), rel=1e-13)
    tree = phase_diagram("hierarchy", 5, B=9.0)
    clock = 9 * np.exp(-2 * tree.ou_time.values[3])
    expected = binary_entropy(clock) + binary_entropy(tree.ratio.values[2] * clock)
    assert float(tree.entropy[3, 2]) == pytest.approx(float(expected), rel=1e-13)
    many = phase_diagram("collapse", 5, dimension=2048, separation2=9.0)
    assert np.isfinite(many.collapse).all()
    # in a few dimensions n itself can be written down
    samples = np.exp(many.alpha.values * 64)
    few = phase_diagram("collapse", 5, dimension=64)
    assert few.collapse.values == pytest.approx(collapse_time(samples, 64), rel=1e-12)
    means = phase_diagram("mean-covariance", 5, dimension=400)
    gain = np.exp(-2 * means.ou_time.values[4, 3])
    left = 400 * means.mu.values[3] ** 2 * gain + 400 * means.difference.values[4] ** 2 * gain**2 / 8
    assert left == pytest.approx(float(median_gamma()), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "fixed", "message"),
    [
        ("prior", {"s": 2.0}, "s: prior has no such fixed parameter; nothing can be set"),
        ("separation", {"mu": 2.0}, "mu: separation has no such fixed parameter; s can be set"),
        ("separation", {"s": -1.0}, "s: must be positive and finite, not -1"),
    ],
)
def test_what_cannot_be_set_is_refused(name, fixed, message):
    with pytest.raises(ValueError, match=message):
        phase_diagram(name, 4, **fixed)


def test_set_on_the_command_line(run, run_json, tmp_path):
    run_json("diagram", "separation", "--set", "s=2", "--resolution", "4", "--out", tmp_path, "--quiet")
    import xarray as xr

    assert xr.open_dataset(tmp_path / "separation.nc").attrs["s"] == 2.0
    status, _, err = run("diagram", "separation", "--set", "s:2", "--out", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "--set: 's:2' is no NAME=VALUE, as s=2" in err
    axes = ("--x", "mu=0.5:2", "--y", "t=0:3", "--resolution", "3", "--quiet", "--out", tmp_path)
    run_json("diagram", "grid", "binary:d=4,mu=1,s=1", "--set", "s=2", *axes)
    found = xr.open_dataset(tmp_path / "grid.nc")
    expected = binary_entropy(4 * 0.25 / (4 + np.expm1(2 * found.t.values[1])))  # at mu = ½
    assert float(found.entropy.isel(mu=0, t=1)) == pytest.approx(float(expected), rel=1e-9)
