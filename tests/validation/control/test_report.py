"""What `control` says of grids, weights and pairs: against the γ clock, chains and published grids."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special
from speciation.numerics import entropy_curve
from speciation.numerics.fokker_planck import interval_shares
from speciation.theory import GaussianMixture, binary_entropy, late_shift, minority_bias
from speciation.validation.control import grids, settings
from speciation.validation.control.given_grids import ALIGN_YOUR_STEPS, given_grid, read_grid, read_table
from speciation.validation.control.information import information_of
from speciation.validation.control.report import Request, error_of, of_pairs, report

SPEC = "binary:d=4,mu=1,s=1"  # γ = 4/(1 + σ²)
ENDS = (0.1, 80.0)


@pytest.fixture(scope="module")
def known():
    return information_of(entropy_curve(GaussianMixture.parse(SPEC), np.geomspace(0.03, 100, 160)))


@pytest.fixture(scope="module")
def points():
    """γ = σ^{−2}: all of the entropy is seen."""
    return information_of(
        entropy_curve(GaussianMixture.parse("binary:d=1,mu=1,s=0"), np.geomspace(0.15, 200, 240))
    )


def test_gamma_and_the_bias_of_any_grid_are_those_of_the_gamma_clock(points):
    sigma = np.geomspace(60, 0.25, 24)
    gamma = sigma**-2.0
    np.testing.assert_allclose(grids.gammas_of(points, sigma), gamma, rtol=3e-3, atol=1e-6)
    expected = minority_bias(np.concatenate([[0.0], gamma[1:]]), 0.2)
    assert grids.bias_of(points, sigma, 0.2) == pytest.approx(expected, rel=5e-3)
    # by chains: five standard errors, one false alarm in two million
    rng = np.random.default_rng(3)
    odds = np.full(200_000, 0.5 * special.logit(0.2))
    for span in np.diff(gamma, prepend=0.0)[1:] if gamma[0] == 0 else np.diff(np.r_[0.0, gamma[1:]]):
        odds += np.tanh(odds) * span + np.sqrt(span) * rng.standard_normal(odds.size)
    p = special.expit(2 * odds)
    assert abs(p.mean() - 0.2 - grids.bias_of(points, sigma, 0.2)) < 5 * p.std() / np.sqrt(p.size)


def test_an_unbalanced_curve_says_its_weight():
    curve = entropy_curve(GaussianMixture.parse("binary:d=1,mu=1,s=0,w=0.3"), np.geomspace(0.15, 200, 200))
    known = information_of(curve)
    assert grids.prior_of(known) == pytest.approx(0.3, rel=1e-6)
    np.testing.assert_allclose(grids.gammas_of(known, [2.0, 1.0, 0.5]), [0.25, 1, 4], rtol=5e-3)
    assert report(known, Request(steps=8))["minority_bias"]["prior"] == pytest.approx(0.3, rel=1e-6)


def test_entropic_time_is_that_of_the_mixtures_error(known):
    """ε² by draws: E|X₀ − D|², to five standard errors (one false alarm in two million)."""
    mixture = GaussianMixture.parse(SPEC)
    error = error_of(known, SPEC)
    for sigma in (0.5, 1.5, 5.0):
        clean = mixture.sample(20_000, 1)[0]
        noised = clean + sigma * np.random.default_rng(2).standard_normal(clean.shape)
        squares = ((clean - mixture.denoise(noised, sigma)) ** 2).sum(axis=1)
        assert abs(float(error(np.array([sigma]))[0]) - squares.mean()) < 5 * squares.std() / 20_000**0.5
    levels = grids.class_grids(known, 9, ENDS, 0.0, error)["entropic"]
    x = np.linspace(np.log(ENDS[0]), np.log(ENDS[1]), 20_001)
    passed = np.concatenate([[0], np.cumsum(error(np.exp(x)) * np.exp(-x))[:-1]])
    shares = np.interp(np.log(levels), x, passed / passed[-1])
    np.testing.assert_allclose(np.diff(shares), -1 / 8, rtol=5e-3)


def test_the_root_of_the_rate_is_that_of_the_agreement_of_clones(points):
    """Two points: uniform in ∫ √(1 − φ) dγ, and within a percent of the least cost (T23)."""
    from speciation.theory import optimal_steps, step_cost

    ends = (12**-0.5, 150.0)
    levels = grids.class_grids(points, 129, ends, 0.0)["root-rate"]
    expected = optimal_steps(128, 12.0, density="agreement")
    np.testing.assert_allclose(levels[1:] ** -2.0, expected[1:], rtol=2e-2)
    assert grids.path_kl(points, levels) == pytest.approx(step_cost(expected), rel=1e-2)


@pytest.mark.slow
def test_what_a_weight_buys_is_that_of_the_equation(known):
    low, high, weight = 0.8, 2.5, 3.0
    gamma = [4 / (1 + s**2) for s in (high, low)]
    says = settings.guided_says(known, low, high, weight)
    end = 4 / (1 + 0.03**2)  # the lowest level, since the classes overlap
    expected = interval_shares(weight, gamma, end)[0]
    assert says["gain_share"] == pytest.approx(expected, rel=2e-3)
    assert says["late_shift_everywhere"] == pytest.approx(float(late_shift(weight)), rel=1e-12)
    # E L − γ by runs of small steps, to five standard errors and the bias of the step
    rng = np.random.default_rng(4)
    gammas = np.linspace(0, gamma[1], 400)
    odds = np.zeros(40_000)
    for start, span in zip(gammas[:-1], np.diff(gammas), strict=True):
        omega = weight if start >= gamma[0] else 1.0
        odds += (omega + (1 - omega) * np.tanh(odds)) * span + np.sqrt(span) * rng.standard_normal(odds.size)
    assert abs(odds.mean() - gamma[1] - says["late_shift"]) < 5 * odds.std() / 200 + 0.01
    many = information_of(
        entropy_curve(GaussianMixture.parse("orthogonal:K=3,d=3,M=4,s=1"), np.geomspace(0.1, 60, 60))
    )
    assert settings.guided_says(many, low, high, weight) is None
    with pytest.raises(ValueError, match=r"guidance: need a weight above 0\.5"):
        settings.guided_says(known, low, high, 0.5)


@pytest.mark.parametrize(("weight", "everywhere"), [(1.5, np.log(2) - 0.25), (1.0, 0.0)])
def test_an_interval_without_gamma_buys_nothing_and_leaves_the_rest_as_it_is(known, weight, everywhere):
    """T21 at ω = 3/2: log 2 − 1/4; guidance all along does not ask for the interval."""
    says = settings.guided_says(known, 1e-5, 1e-4, weight)  # γ is constant so far below s = 1
    assert (says["gain_share"], says["late_shift"]) == (0, 0)
    assert says["late_shift_everywhere"] == pytest.approx(everywhere, rel=1e-12)


def test_align_your_steps_is_that_of_diffusers():
    utils = pytest.importorskip("diffusers.schedulers.scheduling_utils")
    names = {
        "sd15": "StableDiffusionSigmas",
        "sdxl": "StableDiffusionXLSigmas",
        "svd": "StableDiffusionVideoSigmas",
    }
    for name, theirs in names.items():
        assert list(ALIGN_YOUR_STEPS[name][:-1]) == utils.AysSchedules[theirs][:-1]
        np.testing.assert_allclose(
            given_grid(f"ays:{name}", 10, ENDS), ALIGN_YOUR_STEPS[name][:-1], rtol=1e-12
        )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "# mine\n80\n8\n0.5\n0\n"),
        ("a.csv", "sigma\n80,8,0.5,0\n"),
        ("a.json", '{"sigmas": [80, 8, 0.5, 0]}'),
        ("b.json", "[80, 8, 0.5]"),
    ],
)
def test_a_grid_in_a_file(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    assert given_grid(str(tmp_path / name), 9, ENDS).tolist() == [80, 8, 0.5]
    np.save(tmp_path / "a.npy", [80.0, 8.0, 0.5])
    assert given_grid(str(tmp_path / "a.npy"), 9, ENDS).tolist() == [80, 8, 0.5]


def test_a_grid_may_be_longer_than_a_files_name():
    levels = np.geomspace(80, 0.01, 64).round(8).tolist()
    assert given_grid(",".join(map(str, levels)), 9, ENDS).tolist() == levels


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("karras:rho=0", "is not karras:rho=R"),
        ("karras:r=3", "is not karras:rho=R"),
        ("ays:dit", "is not one of ays:sd15, ays:sdxl, ays:svd"),
        ("1,2", "is none of numbers"),
        ("wall", "is none of numbers"),
        ("absent.txt", "absent.txt: cannot be read"),
    ],
)
def test_refuses_what_is_no_grid(text, said):
    with pytest.raises(ValueError, match=said):
        given_grid(text, 8, ENDS)


def test_a_table_of_errors(tmp_path, known):
    for name in ("e.dat", "e.tsv", "e", "e.csv"):
        path = tmp_path / name
        path.write_text("sigma,error\n10,4\n0.1,1\n")
        found = error_of(known, str(path))(np.array([0.01, 1.0, 10, 100]))
        assert found.tolist() == pytest.approx([1, 2, 4, 4])
    with pytest.raises(ValueError, match=r"absent\.dat: cannot be read"):
        error_of(known, str(tmp_path / "absent.dat"))
    for content, said in (
        ("sigma,error\n1,2,3\n", "2 numbers a line"),
        ("sigma,error\n1,2 2,3\n", "at least two rows"),
        ("1,2\n1,3\n", "twice"),
        ("1,-1\n2,3", "above 0"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=f"{path}: .*{said}"):
            read_table(path)


@pytest.mark.parametrize(
    "content",
    ["error,sigma\n4,10\n1,2.5\n", "Sigma;Error\n10;4\n2,5;1\n", "10 4,0\n2,5 1\n", "1e1;4,0\n2,5E0;1e+0\n"],
)
def test_columns_of_errors_by_name_and_with_decimal_commas(content, tmp_path):
    (tmp_path / "e.csv").write_text(content)
    assert [each.tolist() for each in read_table(tmp_path / "e.csv")] == [[2.5, 10], [1, 4]]


@pytest.mark.parametrize(
    ("content", "levels"),
    [
        ("10,9;8,5", [10.9, 8.5]),
        ("10, 9, 8", [10, 9, 8]),
        ("1e2;20,5;5e-1", [100, 20.5, 0.5]),
        ("1e2,20,5", [100, 20, 5]),
        ("10,9\n8", None),
        ("sigma\n10,9\n8,5", None),
        ("1e2\n10,9", None),
    ],
)
def test_grids_with_decimal_commas(content, levels, tmp_path):
    (tmp_path / "g.csv").write_text(content)
    if levels is None:
        with pytest.raises(ValueError, match="'10,9' is one number or two"):
            read_grid(tmp_path / "g.csv")
    else:
        assert read_grid(tmp_path / "g.csv").tolist() == levels


@pytest.fixture(scope="module")
def pairs():
    sigma = np.geomspace(0.05, 60, 60)
    curves = [
        entropy_curve(GaussianMixture.parse(f"binary:d=1,mu={mu},s=0"), sigma).drop_attrs() for mu in (1, 3)
    ]
    return xr.concat(curves, dim="pair").assign_coords(pair=["0,1", "0,2"])


def test_pairs_are_summed_up_or_chosen(pairs, tmp_path, run, run_json):
    found = of_pairs(pairs)
    # μ only moves the window: σ ∝ μ
    for key in ("q05", "q50", "q95"):
        assert found["pairs"]["0,2"][key] == pytest.approx(3 * found["pairs"]["0,1"][key], rel=5e-3)
    assert found["window"]["q05"] == found["pairs"]["0,1"]["q05"]
    assert found["window"]["q95"] == found["pairs"]["0,2"]["q95"]
    table = pairs[["entropy"]].to_dataframe().reset_index()
    table.to_csv(tmp_path / "curves.csv", index=False)
    assert set(run_json("control", str(tmp_path))["pairs"]) == {"0,1", "0,2"}
    chosen = run_json("control", str(tmp_path), "--pair", "2,0", "--steps", "6")
    assert chosen["window"]["q50"] == pytest.approx(found["pairs"]["0,2"]["q50"], rel=1e-2)
    assert "all pairs are decided within" in run("control", str(tmp_path))[1]
    said = run("control", str(tmp_path), "--pair", "0,9")[2]
    assert said.startswith("--pair: '0,9' is not one of 0,1; 0,2")
    asked = (
        "format=sigmas grid=foo given=nonsense guidance=0.1 prior=5 steps=9 interval=1:2 sigma=0.1:9 "
        "error=e.csv floor=0 clock=flow"
    )
    for option in asked.split():  # what needs one curve is refused, and not left out in silence
        name = option.split("=")[0]
        status, out, err = run("control", str(tmp_path), f"--{option}")
        assert (status, out, err) == (2, "", f"--{name}: {tmp_path} holds 2 pairs; choose one with --pair\n")


def test_pairs_say_which_curves_end_below_their_window(pairs, tmp_path, run, run_json):
    """The shares are `1 − H/log 2` of two points, γ = μ²/σ²."""
    cut = pairs.sel(sigma=pairs.sigma < 1.5)
    cut[["entropy"]].to_dataframe().reset_index().to_csv(tmp_path / "curves.csv", index=False)
    (note,) = of_pairs(cut)["notes"]
    gamma = np.array([1, 9]) / float(cut.sigma[-1]) ** 2
    first, second = (1 - binary_entropy(gamma) / np.log(2)) * 100
    assert f"0,1 ({first:.0f} %); 0,2 ({second:.0f} %)" in note
    assert of_pairs(pairs)["notes"] == []
    said = run_json("control", str(tmp_path))
    assert said["notes"][0].startswith("curves that end where")
    assert said["window"] == {"q05": None, "q50": None, "q95": None}
    assert said["window_notes"]["q50"] == "pairs 0,1; 0,2 do not show it"
    text = run("control", str(tmp_path), "--model", "dit")[1]
    assert "note: curves that end where" in text
    assert "best FID for 0.34 < sigma <= 1.02" in text


def test_a_curve_that_is_too_noisy_says_so_first(pairs, known, tmp_path, run):
    """An error of 0.3 nats at each of twelve levels, of 0.69 nats in all: `measure` would not say where."""
    noisy = pairs[["entropy"]].isel(sigma=slice(None, None, 5)).assign(entropy_se=0.3 + 0 * pairs.entropy)
    noisy.sel(pair="0,1", drop=True).to_dataframe().to_csv(tmp_path / "c.csv")
    said = "too noisy: the entropy falls by "
    _, out, _ = run("control", tmp_path / "c.csv", "--steps", "4")
    assert out.startswith(said)
    assert out.count(said) == 1
    _, out, err = run("control", tmp_path / "c.csv", "--json", "--steps", "4")
    assert json.loads(out)["notes"][0].startswith(said)
    assert err.startswith(said)
    (note,) = of_pairs(noisy)["notes"]
    assert note.startswith("too noisy or too few levels to tell where they are decided: pairs 0,1; 0,2")
    assert known.finding == ""


def test_one_pair_without_a_window_leaves_that_of_all_pairs_empty(pairs):
    """As `how-to/control.md` says: the levels end where μ = 1 is decided and μ = 3 is not."""
    found = of_pairs(pairs[["entropy"]].sel(sigma=pairs.sigma < 8))
    assert None not in found["pairs"]["0,1"].values()
    for said in (found["window"], found["pairs"]["0,2"]):
        assert said == {"q05": None, "q50": None, "q95": None}
    assert found["window_notes"] == dict.fromkeys(found["window"], "pairs 0,2 do not show it")


CUT = {
    "below its window": (0.2, 2.5, ["q05", "q50", "q95"], "the entropy of the classes is not known"),
    "below its window, H(C) known": (0.2, 2.5, ["q50", "q95"], "less is left at the highest sigma"),
    "above its median": (4.0, 60.0, ["q05", "q50"], "more is left at the lowest sigma"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_window_that_is_not_shown_is_not_measured(name, tmp_path, run, run_json):
    """Two points at ±3 have their median at 2.8735, whatever part of the curve is there."""
    low, high, absent, why = CUT[name]
    sigma = np.geomspace(low, high, 24)
    columns = {"sigma": sigma, "entropy": binary_entropy(9 * sigma**-2.0)}
    if "known" in name:
        columns["class_entropy"] = np.full(24, np.log(2))
    pd.DataFrame(columns).to_csv(tmp_path / "c.csv", index=False)
    found = run_json("control", tmp_path / "c.csv")
    assert [key for key, value in found["window"].items() if value is None] == absent
    assert sorted(found["window_notes"]) == absent
    assert all(why in note for note in found["window_notes"].values())
    assert f"{', '.join(absent)} not measured: {why}" in run("control", tmp_path / "c.csv")[1]
    assert "decided_above" not in found.get("interval", {})
    assert (found["minority_bias"] is None) == (why == CUT["below its window"][3])


def test_grids_are_pasted_from_a_curve_without_a_window(tmp_path, run):
    """Only what asks for an interval is refused, with the reason; a given interval has all of them."""
    low, high, _, why = CUT["below its window"]
    sigma = np.geomspace(low, high, 24)
    table = pd.DataFrame({"sigma": sigma, "entropy": binary_entropy(9 * sigma**-2.0)})
    table.to_csv(tmp_path / "c.csv", index=False)
    asked = ("control", tmp_path / "c.csv", "--clock", "sd15", "--steps", "5", "--format")
    found = json.loads(run(*asked, "json")[1])
    assert [name for name, value in found.items() if value is None] == ["interval", "steps", "guider"]
    first, *_, last = found["sigmas"][:-1]
    assert (len(found["sigmas"]), found["timesteps"][::4], len(found["flow"])) == (6, [999, 0], 5)
    said = f"--interval: the curve does not show its window ({why}"
    status, out, err = run(*asked, "guider")
    assert (status, out, err.startswith(said)) == (2, "", True)
    assert json.loads(run(*asked, "steps", "--interval", f"{last}:{first}")[1]) == [0, 3]


def test_the_commands_contract(pairs, tmp_path, run_json, run):
    """`--json` as architecture.md has it, and what else depends on no model."""
    path = tmp_path / "curve.json"
    levels = [
        {"sigma": float(s), "entropy": float(binary_entropy(s**-2.0))} for s in np.geomspace(0.1, 90, 80)
    ]
    path.write_text(json.dumps({"levels": levels}))
    asked = ("--steps", "6", "--given", "ays:sd15", "--error", SPEC, "--prior", "0.2")
    found = run_json("control", str(path), *asked)
    assert list(found["window"]) == ["q05", "q50", "q95"]
    names = {"class-optimal", "root-rate", "equal-entropy", "entropic", "karras", "log-uniform", "given"}
    assert set(found["grids"]) == set(found["path_kl"]) == set(found["minority_bias"]["grids"]) == names
    assert all(len(levels) == 6 for levels in found["grids"].values())
    assert max(found["minority_bias"]["grids"].values()) < 0
    guided = tmp_path / "guided.csv"
    guided.write_text("sigma,cross_entropy\n" + "".join(f"{s},{0.1 * s}\n" for s in range(1, 7)))
    status, out, err = run("control", str(guided))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "is of a guided run" in err
    assert "entropic needs the denoiser's error" in run("control", str(path), "--grid", "entropic")[2]


def test_from_python_as_from_the_command(known, tmp_path, run_json):
    from speciation.validation import read_curve, settings_of

    path = tmp_path / "curve.csv"
    curve = entropy_curve(GaussianMixture.parse(SPEC), np.geomspace(0.03, 100, 60))
    np.savetxt(path, np.c_[curve.sigma, curve.entropy], delimiter=",", header="sigma,entropy", comments="")
    options = ("--steps", "7", "--clock", "flow:shift=3", "--given", "9,3,1")
    found = run_json("control", str(path), *options)
    own = settings_of(read_curve(path), steps=7, clock="flow:shift=3", given="9,3,1")
    assert found["notes"][: len(own["notes"])] == own.pop("notes")
    assert {name: found[name] for name in own} == json.loads(json.dumps(own))
