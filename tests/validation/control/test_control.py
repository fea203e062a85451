"""From a curve to settings: against closed forms, step costs computed apart, and real schedulers."""

import csv
import importlib
import importlib.util
import json
import sys
import time
import types
from functools import partial

import numpy as np
import pytest
from scipy import special
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, binary_entropy, late_shift
from speciation.validation import MixtureDenoiser
from speciation.validation.control import formats, grids, settings
from speciation.validation.control.clocks import clock_of
from speciation.validation.control.information import information_of

POINTS = GaussianMixture.parse("binary:d=1,mu=1,s=0")  # γ = σ^{-2}


@pytest.fixture(scope="module")
def known():
    return information_of(entropy_curve(POINTS, np.geomspace(0.15, 200, 240)))


@pytest.fixture(scope="module")
def curve_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("curve") / "curve.csv"
    curve = entropy_curve(GaussianMixture.parse("binary:d=64,mu=1,s=1"), np.geomspace(0.8, 300, 100))
    np.savetxt(path, np.c_[curve.sigma, curve.entropy], delimiter=",", header="sigma,entropy", comments="")
    return path


def test_the_window_is_where_the_entropy_is(known):
    found = settings.window(known)
    for name, share in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        assert float(binary_entropy(found[name] ** -2.0)) == pytest.approx(share * np.log(2), rel=2e-4)


def test_a_curve_whose_area_is_too_large_is_scaled_to_what_is_to_be_decided(known):
    curve = entropy_curve(POINTS, np.geomspace(0.15, 200, 240))
    curve["entropy"], curve["rate"] = 1.3 * curve.entropy, 1.3 * curve.rate
    found = information_of(curve.assign(closure=((), 1.3)))
    assert (found.closure, found.whole) == (pytest.approx(1.3), pytest.approx(np.log(2)))
    assert settings.settled(found) == [pytest.approx(row, rel=1e-9) for row in settings.settled(known)]
    says, expected = (settings.interval_says(each, 0.6, 1.5) for each in (found, known))
    assert says == pytest.approx(expected, rel=1e-9)


def test_an_interval_holds_what_it_holds(known):
    low, high = 0.6, 1.5
    says = settings.interval_says(known, low, high)
    shares = [says[f"decided_{where}"] for where in ("above", "within", "below")]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    expected = float(binary_entropy(high**-2.0) - binary_entropy(low**-2.0)) / np.log(2)
    assert says["decided_within"] == pytest.approx(expected, rel=1e-3)
    last = settings.binary_gamma(0.05 * np.log(2))
    assert says["gain_share"] == pytest.approx((low**-2.0 - high**-2.0) / last, rel=1e-3)


def test_guidance_everywhere_moves_the_odds_as_the_closed_form(known):
    """First order in ω − 1 of T21's late shift, by its derivative at ω = 1."""
    everything = settings.interval_says(known, 1e-3, 1e6)["late_shift_per_excess_weight"]
    slope = float(late_shift(1 + 1e-5) - late_shift(1 - 1e-5)) / 2e-5
    assert everything == pytest.approx(slope, rel=1e-4)


def test_the_class_is_settled_within_the_bounds(known):
    """Of two points the probability of a change is erfc√(γ/2), from the tails of a normal law."""
    for row in settings.settled(known):
        sigma = row["sigma_two_gaussians"]
        assert special.erfc(np.sqrt(sigma**-2.0 / 2)) == pytest.approx(row["probability"], rel=2e-3)
        assert row["sigma"] < sigma < row["sigma_lower_bound"]


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_bounds_of_a_change_hold_for_drawn_posteriors(classes):
    """The Bayes error of any posterior lies between them; ε <= P <= 2ε is T19."""
    rng = np.random.default_rng(classes)
    for concentration in (0.02, 0.2, 2.0):
        posterior = rng.dirichlet(np.full(classes, concentration), 400)
        entropy, error = float(special.entr(posterior).sum(1).mean()), float(1 - posterior.max(1).mean())
        low, high = settings.change_bounds(entropy, classes)
        assert low <= (2 if classes == 2 else 1) * error + 1e-12
        assert 2 * error <= high + 1e-12 or high == 1
    assert settings.change_bounds(0.0, classes) == (0.0, 0.0)


@pytest.mark.parametrize("steps", [8, 16, 64])
def test_path_kl_is_that_computed_apart(known, steps, root):
    """N steps over γ from 0 to 12; the first level stands for γ = 0."""
    path = root.parent / "shared" / "reference" / "values" / "steps.csv"
    if not path.exists():
        pytest.skip("shared/reference/values is not here")
    with path.open() as file:
        rows = {(int(r["N"]), r["step density in gamma (0..12)"]): r for r in csv.DictReader(file)}
    ends = (12**-0.5, 200.0)
    own = grids.class_grids(known, steps + 1, ends, floor=0)
    compared = 0
    for name, kind in (("sqrt(-mmse_prime)", "class-optimal"), ("equal entropy (mmse)", "equal-entropy")):
        row = rows.get((steps, name))
        if row is not None:
            found, expected = grids.path_kl(known, own[kind]), float(row["path KL balanced"])
            if kind == "class-optimal":  # least for so few steps, not to first order alone
                assert 0.9 * expected < found < expected * (1 + 1e-3)
                by_density = grids.spaced_by(partial(grids.GRIDS[kind][0], known), steps + 1, ends, 0)
                found = grids.path_kl(known, by_density)
            assert found == pytest.approx(expected, rel=5e-3)
            compared += 1
    if (row := rows.get((steps, "uniform gamma"))) is not None:
        levels = np.concatenate([[1e4], np.linspace(0, 12, steps + 1)[1:] ** -0.5])
        assert grids.path_kl(known, levels) == pytest.approx(float(row["path KL balanced"]), rel=2e-3)
        compared += 1
    if not compared:
        pytest.skip("no such row is here")


def test_the_optimal_grid_is_a_minimum(known):
    """Mixing it with any other density costs more, and N times its cost tends to 𝓘²/4 = 1.5109."""
    ends = (0.2, 200.0)
    best = grids.path_kl(known, grids.class_grids(known, 257, ends, floor=0)["class-optimal"])
    for floor in (0.3, 0.6, 1.0):
        assert grids.path_kl(known, grids.class_grids(known, 257, ends, floor)["class-optimal"]) > best
    assert best * 256 == pytest.approx(2.458405663476305**2 / 4, rel=0.02)


def test_a_floor_leaves_no_part_out(known):
    levels = grids.class_grids(known, 41, (0.002, 80.0), floor=0.25)["class-optimal"]
    assert np.diff(np.log(levels)).min() >= -np.log(80 / 0.002) / 10 * 1.01
    assert levels[[0, -1]] == pytest.approx([80, 0.002], rel=1e-12)


GRID = np.geomspace(12.0, 0.05, 17)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
def test_eulers_sigmas_are_used():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    wanted = formats.with_end(GRID)
    scheduler.set_timesteps(sigmas=wanted)
    np.testing.assert_allclose(scheduler.sigmas.double().numpy(), wanted, rtol=1e-6)


@pytest.fixture
def k_diffusion_sampling(monkeypatch):
    """The samplers of k-diffusion, whose copy ComfyUI runs, without what its package loads for training."""
    found = importlib.util.find_spec("k_diffusion")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("k-diffusion is not installed")
    for needed in ("torchdiffeq", "torchsde"):
        pytest.importorskip(needed)
    bare = types.ModuleType("k_diffusion")
    bare.__path__ = list(found.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "k_diffusion", bare)
    if importlib.util.find_spec("torchvision") is None:  # of its utilities, which read images with it
        for name in ("torchvision", "torchvision.transforms"):
            stub = types.ModuleType(name)
            stub.functional = stub.transforms = None
            monkeypatch.setitem(sys.modules, name, stub)
    yield importlib.import_module("k_diffusion.sampling")
    for name in [each for each in sys.modules if each.startswith("k_diffusion.")]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampler", ["sample_euler", "sample_euler_ancestral", "sample_dpmpp_2m", "sample_heun"]
)
def test_k_diffusions_sigmas_are_used(sampler, k_diffusion_sampling):
    """Every σ that is given is asked of the model, in this order, and the run ends on clean samples."""
    torch = pytest.importorskip("torch")
    wanted = torch.tensor(formats.with_end(GRID), dtype=torch.float64)
    asked, exact = [], MixtureDenoiser(GaussianMixture.parse("binary:d=2,mu=1,s=0.1"))

    def model(x, sigma):
        asked.append(float(sigma[0]))
        return exact(x, float(sigma[0]), None)

    steps = []
    start = GRID[0] * torch.randn((400, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = getattr(k_diffusion_sampling, sampler)
    ends = run(model, start, wanted, disable=True, callback=lambda at: steps.append(float(at["sigma"])))
    np.testing.assert_allclose(steps, GRID, rtol=1e-12)
    assert set(asked) == set(map(float, wanted[:-1]))
    # the classes lie at ±(1, 1), 0.1 wide: a run that left σ out, or did not come to 0, would be elsewhere
    assert float(((ends.abs() - 1).abs() < 0.6).double().mean()) > 0.99


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of diffusers
def test_dpm_solvers_timesteps_are_used():
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DPMSolverMultistepScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    table = clock_of("sd15")
    steps = formats.table_steps(GRID, table)
    scheduler.set_timesteps(timesteps=steps)
    used = scheduler.sigmas.double().numpy()[:-1]
    np.testing.assert_allclose(used, table.sigma(steps), rtol=1e-4)
    # the nearest of 1000 steps
    assert np.abs(table.time(GRID) - steps).max() <= 0.5


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_flows_shift_is_undone_first(shift):
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=formats.flow_sigmas(GRID, shift))
    u = scheduler.sigmas.double().numpy()[:-1]
    np.testing.assert_allclose(u / (1 - u), GRID, rtol=1e-5)


def test_edms_ramp_is_used():
    diffusers, torch = pytest.importorskip("diffusers"), pytest.importorskip("torch")
    scheduler = diffusers.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0)
    ramp = torch.tensor(formats.edm_ramp(GRID, 0.002, 80.0))
    scheduler.set_timesteps(GRID.size, sigmas=ramp)
    np.testing.assert_allclose(scheduler.sigmas.double().numpy()[:-1], GRID, rtol=1e-5)


def test_guiders_start_and_stop_hit_the_steps():
    """As diffusers' guiders count: int(start·N) <= step < int(stop·N)."""
    for steps in (7, 30, 49, 100):
        for first in range(steps):
            for last in range(first, steps):
                start, stop = formats.guider_fractions(first, last, steps)
                assert (int(start * steps), int(stop * steps)) == (first, last + 1)
                assert 0 <= start < stop <= 1


def test_a_guider_guides_these_steps():
    guiders = pytest.importorskip("diffusers.guiders")
    first, last = formats.guided_steps(GRID, 0.5, 3.0)
    start, stop = formats.guider_fractions(first, last, GRID.size)
    guider = guiders.ClassifierFreeGuidance(guidance_scale=4.0, start=start, stop=stop)
    guided = []
    for step, sigma in enumerate(GRID):
        guider.set_state(step=step, num_inference_steps=GRID.size, timestep=None)
        if guider._is_cfg_enabled():
            guided.append(sigma)
    assert guided == [sigma for sigma in GRID if 0.5 < sigma <= 3.0]


def test_the_command(curve_file, run, run_json, tmp_path):
    began = time.process_time()  # of this process, whatever else the machine does
    found = run_json("control", str(curve_file), "--steps", "12")
    assert time.process_time() - began < 5
    low, middle, high = (found["window"][name] for name in ("q05", "q50", "q95"))
    assert low < middle < high
    gamma = 64 / (1 + middle**2)
    assert float(binary_entropy(gamma)) == pytest.approx(np.log(2) / 2, rel=1e-3)
    assert {"class-optimal", "equal-entropy", "karras", "log-uniform"} <= found["grids"].keys()
    assert all(len(levels) == 12 for levels in found["grids"].values())
    assert found["path_kl"]["class-optimal"] < found["path_kl"]["karras"]
    status, text, _ = run("control", str(curve_file), "--model", "dit", "--out", str(tmp_path / "c.json"))
    assert status == 0
    assert "best FID for 0.34 < sigma <= 1.02" in text
    assert "deterministic solvers" in text
    assert json.loads((tmp_path / "c.json").read_text())["window"]["q50"] == middle


def test_the_command_prints_what_to_paste(curve_file, run):
    sigmas = json.loads(run("control", str(curve_file), "--steps", "9", "--format", "sigmas")[1])
    assert len(sigmas) == 10
    assert sigmas[-1] == 0
    asked = ("control", str(curve_file), "--clock", "sd15", "--format", "timesteps", "--steps", "9")
    steps = json.loads(run(*asked)[1])
    assert steps[0] == 999
    assert steps == sorted(steps, reverse=True)
    given = ("control", str(curve_file), "--given", "80,9,3,0.1", "--json")
    assert json.loads(run(*given)[1])["grids"]["given"] == [80, 9, 3, 0.1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "wall"], "--format: 'wall' is not one of sigmas"),
        (["--interval", "3:1"], "--interval: '3:1' is not LOW:HIGH"),
        (["--sigma", "0:80"], "--sigma: '0:80' is not LOW:HIGH with 0 < LOW < HIGH"),
        (["--sigma", "0:80", "--given", "log-uniform"], "--sigma: '0:80' is not LOW:HIGH"),
        (["--sigma", "1:inf"], "--sigma: '1:inf' is not"),
        (["--grid", "wall"], "--grid: 'wall' is not one of class-optimal"),
        (["--model", "wall"], "--model: 'wall' is not one of dit"),
        (["--given", "1,2"], "--given: '1,2' is none of numbers a,b,c that fall"),
        (["--clock", "wall"], "--clock: 'wall' is not one of"),
        (["--format", "timesteps"], "--format: timesteps needs --clock"),
    ],
)
def test_refuses_in_one_line(arguments, said, curve_file, run):
    status, out, err = run("control", str(curve_file), *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_compare_says_places_in_a_clock(curve_file, run, run_json):
    found = run_json("compare", str(curve_file), "binary:d=64,mu=1,s=1", "--clock", "flow")
    sigma = found["median_sigma"]["predicted"]
    assert found["times"]["median_sigma"]["predicted"] == pytest.approx(sigma / (1 + sigma), rel=1e-12)
    text = run("compare", str(curve_file), "binary:d=64,mu=1,s=1", "--clock", "ddpm")[1]
    assert "median_sigma in the time of ddpm: measured " in text
    assert run("compare", str(curve_file), "binary:d=64,mu=1,s=1", "--clock", "wall")[0] == 2


@pytest.mark.one_of_each
@pytest.mark.parametrize(("highest", "said"), [(0.8, True), (2.0, True), (100.0, False)])
def test_a_curve_that_ends_below_its_window_says_so(highest, said, tmp_path, run, run_json):
    """Of a table that does not say what there is to decide; nothing above its end was seen."""
    sigma = np.geomspace(0.05, highest, 24)
    entropy = entropy_curve(GaussianMixture.parse("binary:d=4,mu=1,s=0.3"), sigma).entropy.values
    path = tmp_path / "curve.csv"
    rows = "\n".join(f"{s:.17g},{h:.17g}" for s, h in zip(sigma, entropy, strict=True))
    path.write_text(f"sigma,entropy\n{rows}\n")
    notes = run_json("control", str(path))["notes"]
    assert notes[0].startswith("the curve ends at sigma = ") == said
    status, out, err = run("control", str(path), "--format", "sigmas")
    assert (status, len(json.loads(out)), "the curve ends" in err) == (0, 33, said)


def test_guidance_without_an_interval_is_said(run, tmp_path):
    (tmp_path / "part.csv").write_text("sigma,entropy\n5,0.5\n10,0.6\n20,0.65\n40,0.69\n")
    status, out, said = run("control", tmp_path / "part.csv", "--guidance", 3, "--json")
    assert status == 0
    assert "guided" not in json.loads(out)
    assert said.startswith("guidance: the effect of a weight is that of an interval")
    status, out, _ = run("control", tmp_path / "part.csv", "--steps", 6, "--format", "edm", "--quiet")
    assert out.startswith("[0.0, ")
