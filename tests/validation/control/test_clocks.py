"""`speciation clock`: published conversions, every clock both ways, files, and what is refused."""

import json

import numpy as np
import pytest
from speciation.theory import schedules
from speciation.validation.control.clocks import GRIDS, clock_of, convert_levels, whole_steps
from speciation.validation.control.scheduler_files import schedule_of_file

NAMES = [
    "edm", "sigma", "ddpm", "sd15", "ou", "flow", "flow:shift=3", "flow-sit", "flow-sit:shift=0.3", "cosine",
    "vp", "vp-linear", "sub-vp", "ve", "logsnr", "steps:250", "steps:40:karras", "steps:40:log",
    "steps:40:flow", "fraction:karras:32", "fraction:ddpm:50", "fraction:sd15:30",
    "vp:beta_start=0.2,beta_end=9",
]  # fmt: skip


def test_dits_interval_in_other_units(run_json):
    """Kynkäänniemi et al. guide DiT for 0.34 < σ <= 1.02: steps 25 to 65 of its 250."""
    to = "ddpm,sd15,flow,flow:shift=3,ou,steps:250,fraction:karras:32"
    found = run_json("clock", "0.34:1.02", "--from", "edm", "--to", to)
    assert found["from"] == "edm"
    assert found["values"] == [0.34, 1.02]
    assert list(found["to"]) == to.split(",")
    assert np.round(found["to"]["ddpm"]).tolist() == [99, 262]
    assert np.round(found["to"]["steps:250"]).tolist() == found["steps"]["steps:250"] == [25, 65]
    assert np.round(found["to"]["flow"], 3).tolist() == [0.254, 0.505]
    # from the definition of a shift: u' = 3u/(1 + 2u) is what the network is given
    u = np.array(found["to"]["flow:shift=3"])
    np.testing.assert_allclose(3 * u / (1 + 2 * u), found["to"]["flow"], rtol=1e-12)
    # the share of a run of 32 steps: int(share · 32) is the step
    karras = np.asarray(clock_of("fraction:karras:32").sigma(np.arange(32) / 32))
    inside = np.flatnonzero((karras > 0.34) & (karras <= 1.02))
    assert found["steps"]["fraction:karras:32"] == [inside[0], inside[-1]]


@pytest.mark.parametrize("name", NAMES)
def test_every_clock_goes_both_ways(name):
    clock = clock_of(name)
    low, high = max(clock.first_sigma, 0.01), min(clock.last_sigma, 80.0)
    sigma = np.geomspace(low, high, 300)
    there = convert_levels(sigma, "edm", [name]).times[name]
    back = convert_levels(there, name, ["edm"]).times["edm"]
    np.testing.assert_allclose(back, sigma, rtol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
def test_steps_are_counted_from_both_ends(name):
    up, down = clock_of(f"steps:20:{name}"), clock_of(f"fraction:{name}:20")
    i = np.arange(20)
    np.testing.assert_allclose(down.sigma(i / 20), up.sigma(i[::-1]), rtol=1e-12)
    low, high = float(up.sigma(3.5)), float(up.sigma(8))
    assert whole_steps(up, low, high) == (4, 8)  # low < σ <= high
    assert whole_steps(down, low, high) == (11, 15)
    assert whole_steps(up, low, float(up.sigma(3.9))) is None


CONFIGS = [
    {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02},
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 400, "beta_start": 1e-4, "beta_end": 0.02},
    {"beta_schedule": "sigmoid", "beta_start": 1e-4, "beta_end": 0.02},
    {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "rescale_betas_zero_snr": True},
    {"trained_betas": [0.1, 0.2, 0.3]},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_schedulers_folder_is_its_table(config, tmp_path):
    """Against diffusers' own table, which is of single precision."""
    diffusers = pytest.importorskip("diffusers")
    scheduler = diffusers.DDPMScheduler(**config)
    scheduler.save_pretrained(tmp_path / "scheduler")
    alphas = scheduler.alphas_cumprod.double().numpy()
    clock = schedule_of_file(tmp_path)
    steps = np.arange(0, int(clock.last_time) + 1)
    expected = np.sqrt(1 / alphas[steps] - 1)
    np.testing.assert_allclose(clock.sigma(steps), expected, rtol=2e-3 if "rescale" in str(config) else 5e-4)
    assert schedule_of_file(tmp_path / "scheduler" / "scheduler_config.json") == clock


def test_folders_of_flow_and_edm(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(tmp_path / "flow")
    diffusers.EDMEulerScheduler().save_pretrained(tmp_path / "edm")
    assert schedule_of_file(tmp_path / "flow") == schedules.FlowMatching(3.0)
    assert schedule_of_file(tmp_path / "edm") == schedules.EDM()


@pytest.mark.parametrize("kind", ["npy", "npz", "json", "txt", "csv"])
def test_files_of_alphas_cumprod(kind, tmp_path, run_json):
    path, alphas = tmp_path / f"a.{kind}", np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    if kind == "npy":
        np.save(path, alphas)
    elif kind == "npz":
        np.savez(path, alphas_cumprod=alphas)
    elif kind == "json":
        path.write_text(json.dumps({"alphas_cumprod": alphas.tolist()}))
    else:
        # as spreadsheets write it, with a mark of byte order
        code = "utf-8-sig" if kind == "csv" else "utf-8"
        path.write_text("alphas_cumprod\n" + "\n".join(map(repr, alphas.tolist())), encoding=code)
    found = run_json("clock", "0.34,1.02", "--to", f"{path},ddpm")["to"]
    np.testing.assert_allclose(found[str(path)], found["ddpm"], rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["200", "--to", "ddpm"], "VALUE: 200 is above where the ddpm clock ends at sigma = 157.407"),
        (["0.001", "--to", "sd15"], "VALUE: 0.001 is below where the sd15 clock begins at sigma = 0.0291672"),
        (["1200", "--from", "ddpm"], "VALUE: 1200 is outside the ddpm clock, which ends at 999"),
        (["2", "--from", "flow"], "VALUE: 2 is outside the flow clock, which ends at 1"),
        (["x"], "VALUE: 'x' is not a number, a list a,b,c or an interval a:b"),
        (["1:2:3"], "VALUE: '1:2:3' is not"),
        (["1", "--to", "wall"], "clock: 'wall' is not one of ou, edm"),
        (["1", "--to", "steps:1"], "clock: 'steps:1' is not steps:N"),
        (["1", "--to", "steps:9:wall"], "clock: 'steps:9:wall': the grid 'wall' is not one of ddpm"),
        (["1", "--to", "steps:2000"], "clock: 'steps:2000': ddpm has 1000 steps, fewer than 2000"),
        (["1", "--to", "fraction:32:karras"], "clock: 'fraction:32:karras' is not fraction:GRID:N"),
        (["1", "--to", "absent/a.npy"], "clock: absent/a.npy: there is no such file or folder"),
        (["1", "--to", "ou,"], "--to: 'ou,' is not a list of clocks"),
    ],
)
def test_refuses_in_one_line(arguments, said, run):
    status, out, err = run("clock", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npy", b"no array", "cannot be read as alphas_cumprod"),
        ("a.json", b'{"_class_name": "DDPMScheduler"}', "DDPMScheduler has no beta_start"),
        ("a.json", b'{"beta_start": 0.1, "beta_end": 0.2, "beta_schedule": "wave"}', "beta_schedule 'wave'"),
        ("a.json", b"[0.5, 0.9]", "alphas_cumprod: must fall"),
        ("a.json", b"{", "not JSON"),
        ("a.txt", b"0.9\nx\n", "cannot be read as alphas_cumprod"),
    ],
)  # fmt: skip
def test_names_the_file_that_is_no_schedule(name, content, said, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}: {said}[^\n]*$"):
        schedule_of_file(path)
    with pytest.raises(ValueError, match=r"a folder without scheduler_config\.json"):
        schedule_of_file(tmp_path)


def test_values_below_zero_and_the_table(run, run_json):
    assert run_json("clock", "-2:1", "--from", "logsnr", "--to", "edm")["to"]["edm"] == pytest.approx(
        [np.e, np.exp(-0.5)]
    )
    assert "1 − u, from 0 (noise)" in " ".join(
        run("clock", "1", "--to", "flow-sit")[1].replace("│", "").split()
    )


def test_neither_torch_nor_jax_is_loaded(root):
    import subprocess
    import sys

    code = (
        "import sys; from speciation.validation.cli.app import app, guarded;"
        "assert guarded(app, 'speciation', ['clock', '0.34:1.02', '--to', 'ddpm,vp,steps:250']) == 0;"
        "assert not {'torch', 'jax', 'scipy', 'sympy', 'diffusers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
