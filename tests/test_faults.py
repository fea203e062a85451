"""What goes wrong around a program: it is stopped, or cannot write, or a model breaks; nothing is lost."""

import errno
import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from jax.errors import JaxRuntimeError
from speciation.numerics import entropy_curve, verify_manifest
from speciation.numerics.monte_carlo import strides
from speciation.numerics.monte_carlo.finished_draws import FinishedDraws
from speciation.numerics.runs.blocks import PendingBlocksError, run_blocks
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, path_entropy
from speciation.validation.models.halving_batches import frugal

PROGRAM = [Path(sys.executable).parent / "speciation"]
MEASURE = ["measure", "digits", "--classes", "3,8", "--samples", "96", "--batch", "16", "--levels", "16"]
MIXTURE = "orthogonal:K=5,d=100,M=4,s=1"
DIAGRAM = ["diagram", "grid", "--x", "M=1:9", "--y", "t=0.5:2", "--resolution", "6", MIXTURE]
TRAIN = ["-m", "speciation.validation.train_digits", "--steps", "200", "--batch", "1", "--quiet"]


def same_files(first, second, *names):
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def whole_files(folder):
    """No temporary file is left."""
    return not [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize(
    ("sent", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_a_stopped_measurement_goes_on_to_the_same_bits(sent, status, tmp_path, run, stopped):
    """Stopped in the middle of a block: finished blocks are whole, and the rest is done by the next call."""
    first, whole = tmp_path / "stopped", tmp_path / "whole"
    found = stopped([*PROGRAM, *MEASURE, "--out", first], lambda: any(first.glob("blocks/block-*.npz")), sent)
    assert found[0] == status
    assert sent == signal.SIGKILL or found[1].endswith("interrupted; finished work is kept\n")
    assert not (first / "summary.json").exists()
    assert 1 <= len(list(first.glob("blocks/block-*.npz"))) < 6
    for folder in (first, whole):
        assert run(*MEASURE, "--out", folder)[0] == 0
    same_files(first, whole, "curve.csv")


@pytest.mark.slow
def test_a_killed_diagram_goes_on_to_the_same_bits(tmp_path, run, stopped):
    first, whole = tmp_path / "stopped", tmp_path / "whole"
    blocks = "grid-columns/block-*.npz"
    status, _ = stopped(
        [*PROGRAM, *DIAGRAM, "--samples", "200000", "--out", first],
        lambda: any(first.glob(blocks)),
        signal.SIGKILL,
    )
    assert status == -signal.SIGKILL
    assert 1 <= len(list(first.glob(blocks))) < 6
    assert not (first / "grid.nc").exists()
    for folder in (first, whole):
        assert run(*DIAGRAM, "--samples", "200000", "--out", folder)[0] == 0
    same_files(first, whole, "grid.nc")


@pytest.mark.slow
def test_four_devices_draw_the_diagram_of_one(tmp_path, run):
    """The draws of a measured column are shared out; the answer is the same to the last bit."""
    small = [*DIAGRAM, "--samples", "20000"]
    done = subprocess.run(
        [sys.executable, *PROGRAM, *small, "--out", tmp_path / "four"],
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert run(*small, "--out", tmp_path / "one")[0] == 0
    same_files(tmp_path / "four", tmp_path / "one", "grid.nc")


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, stopped):
    first, whole = tmp_path / "stopped", tmp_path / "whole"
    status, _ = stopped([*TRAIN, "--out", first], lambda: any(first.glob("state/*")), signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not (first / "digits.safetensors").exists()
    for folder in (first, whole):
        subprocess.run([sys.executable, *TRAIN, "--out", folder], check=True)
    same_files(first, whole, "digits.safetensors")


CURVE = ["curve", MIXTURE, "--method", "ambient", "--levels", "800", "--samples", "5000"]
SMALL = ["measure", "binary:d=4,mu=1,s=1", "--samples", "40", "--batch", "10", "--levels", "12"]


LIMITED = (
    "import resource, runpy, sys; room = int(sys.argv[1]); sys.argv = sys.argv[2:];"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (room, room));"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def within(bytes_per_file, *arguments):
    """Run the program where no file can grow beyond a size, as on a disk that fills up."""
    command = [sys.executable, "-c", LIMITED, bytes_per_file, *PROGRAM, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "result", "room", "kept"),
    [
        (CURVE, "curve.csv", 200_000, "curve.csv.partial"),
        ([*DIAGRAM, "--samples", "2000"], "grid.png", 20_000, "grid-columns/block-00005.npz"),
        (SMALL, "curve.png", 20_000, "blocks/block-00003.npz"),
    ],
)
def test_a_full_disk_loses_no_draws(arguments, result, room, kept, tmp_path, run):
    """One line and status 2; what was drawn is kept, and the same command goes on when there is room."""
    for name in ("full", "room"):
        (tmp_path / name).mkdir()
    place = (lambda folder: folder / result) if arguments is CURVE else (lambda folder: folder)
    done = within(room, *arguments, "--quiet", "--out", place(tmp_path / "full"))
    assert done.returncode == 2
    assert re.fullmatch(r".*: cannot be written: File too large\n", done.stderr)
    assert not (tmp_path / "full" / result).exists()
    assert (tmp_path / "full" / kept).exists()
    assert whole_files(tmp_path / "full")
    for name in ("full", "room"):
        assert run(*arguments, "--out", place(tmp_path / name))[0] == 0
    data = result if arguments is CURVE else "grid.nc" if arguments is not SMALL else "curve.csv"
    same_files(tmp_path / "full", tmp_path / "room", data)


@pytest.mark.parametrize("arguments", [CURVE, DIAGRAM, SMALL, ["verify"], ["compare", "x.csv", MIXTURE]])
def test_output_that_cannot_be_written_is_refused_before_the_work(arguments, tmp_path, run):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    places = [Path("/proc/speciation"), tmp_path / "file" / "below"]
    (tmp_path / "file").touch()
    for folder in places if os.geteuid() == 0 else [*places, closed]:
        out = folder / "curve.csv" if arguments is CURVE else folder
        started = time.monotonic()
        status, _, said = run(*arguments, "--out", out)
        assert status == 2
        assert said.count("\n") == 1
        assert re.search("cannot be written|does not exist", said)
        assert time.monotonic() - started < 30  # before the work; verify alone takes longer


def together(*commands):
    """Start programs at once; their statuses and what they said."""
    runs = [
        subprocess.Popen(
            [sys.executable, *PROGRAM, *map(str, command), "--quiet"], stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    return [(process, process.communicate()[1])[::-1] for process in runs]


@pytest.mark.slow
def test_two_runs_in_one_folder_are_one(tmp_path, run):
    for _, process in together(*[[*SMALL, "--out", tmp_path / "both"]] * 2):
        assert process.returncode == 0
    assert run(*SMALL, "--out", tmp_path / "one")[0] == 0
    same_files(tmp_path / "both", tmp_path / "one", "curve.csv", "summary.json", "manifest.json")
    assert verify_manifest(tmp_path / "both" / "curve.csv")


@pytest.mark.slow
def test_of_two_different_runs_in_one_folder_one_is_refused(tmp_path, run):
    seeds = ["1", "2"]
    found = together(*[[*SMALL, "--seed", seed, "--out", tmp_path / "both"] for seed in seeds])
    statuses = [process.returncode for _, process in found]
    assert sorted(statuses) == [0, 2]
    assert "holds the blocks of another measurement" in found[statuses.index(2)][0]
    winner = seeds[statuses.index(0)]
    assert run(*SMALL, "--seed", winner, "--out", tmp_path / "one")[0] == 0
    same_files(tmp_path / "both", tmp_path / "one", "curve.csv")


def test_blocks_are_claimed_before_they_are_computed(tmp_path):
    """A second run starts while the first computes its first block; without the claim both would go on."""

    def second(index):
        return {"x": np.zeros(1)}

    def first(index):
        with pytest.raises(ValueError, match="another measurement"):
            run_blocks(second, 2, tmp_path, "second")
        return {"x": np.ones(1)}

    assert run_blocks(first, 2, tmp_path, "first")["x"].tolist() == [1, 1]
    (tmp_path / "run").unlink()
    with pytest.raises(ValueError, match="a block of another measurement"):
        run_blocks(second, 2, tmp_path, "second")


@pytest.mark.parametrize("overtaken", [0, 1])
def test_of_shares_that_end_together_the_last_one_merges(overtaken, tmp_path):
    """Each looks for the other's blocks before they are there; in the end all are, and all are merged."""
    rest = {0: 1, 1: 0}[overtaken]

    def block(index):
        return {"x": np.array([float(index)])}

    def overtaking(index):
        # the other share does all that is its own, while this one computes its last block
        if index == 4 + overtaken:
            with pytest.raises(PendingBlocksError) as pending:
                run_blocks(block, 6, tmp_path, "run", share=(rest, 2))
            assert pending.value.missing == (4 + overtaken,)
        return block(index)

    merged = run_blocks(overtaking, 6, tmp_path, "run", share=(overtaken, 2))
    assert merged["x"].tolist() == [0, 1, 2, 3, 4, 5]


def test_without_links_too_the_first_claim_stands(tmp_path, monkeypatch):
    """The other run's claim appears after this one saw none, on a file system that has no hard links."""

    def block(index):
        return {"x": np.ones(1)}

    def no_links(own, mark):
        raise OSError(errno.EPERM, "Operation not permitted")

    def late(own, mark):
        mark.write_text("other")
        no_links(own, mark)

    monkeypatch.setattr(os, "link", no_links)
    assert run_blocks(block, 1, tmp_path / "alone", "own")["x"].tolist() == [1]
    monkeypatch.setattr(os, "link", late)
    with pytest.raises(ValueError, match="another measurement"):
        run_blocks(block, 1, tmp_path / "raced", "own")
    assert (tmp_path / "raced" / "run").read_text() == "other"


@pytest.mark.slow
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    mixture = GaussianMixture.parse(MIXTURE)
    writes = []
    original = FinishedDraws.write
    monkeypatch.setattr(FinishedDraws, "write", lambda self, m: (writes.append(m.count), original(self, m)))
    arguments = {"method": "ambient", "samples": 50_000}
    calm = entropy_curve(mixture, [1.0, 3.0], checkpoint=tmp_path / "calm", **arguments)
    jumps = itertools.cycle([0.0, 1e9, -1e9, 3.0, 1e12])
    monkeypatch.setattr(time, "monotonic", lambda: next(jumps))
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    jumped = entropy_curve(mixture, [1.0, 3.0], checkpoint=tmp_path / "jumped", **arguments)
    assert jumped.identical(calm)
    assert len(writes) > 3  # the clock was looked at, and only said when to write


def test_every_fault_of_the_table_has_its_tests(root):
    table = (root / "docs" / "site" / "faults.md").read_text()
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", table)
    assert len(named) >= 12
    for file, test in named:
        found = [path for path in (root / "tests").rglob(file) if f"def {test}(" in path.read_text()]
        assert len(found) == 1, f"{file}::{test}"
    rows = [line for line in table.splitlines() if line.startswith("| ") and "`test_" not in line]
    assert len(rows) == 1, rows  # the header alone


def test_results_hold_no_time_of_day(root):
    for floor in ("theory", "numerics", "validation"):
        for path in (root / floor).rglob("*.py"):
            assert not re.search(r"time\.time\(|datetime|strftime|localtime", path.read_text()), path


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, 5])
def test_interrupted_again_and_again(times, tmp_path, run, stopped):
    first, whole = tmp_path / "stopped", tmp_path / "whole"
    status, said = stopped(
        [*PROGRAM, *MEASURE, "--out", first],
        lambda: any(first.glob("blocks/block-*.npz")),
        *[signal.SIGINT] * times,
    )
    assert status == 130
    assert said.endswith("interrupted; finished work is kept\n")
    assert "Traceback" not in said
    assert whole_files(first)
    for folder in (first, whole):
        assert run(*MEASURE, "--out", folder)[0] == 0
    same_files(first, whole, "curve.csv")


@pytest.mark.slow
def test_an_interrupted_curve_keeps_its_draws(tmp_path, run, stopped):
    """The draws of a curve are written when it is interrupted, also when that is interrupted again."""
    names = ["stopped.csv", "whole.csv"]
    command = ["curve", MIXTURE, "--method", "ambient", "--levels", "200", "--samples", "200000", "--out"]
    partial = tmp_path / "stopped.csv.partial"
    started = time.monotonic()
    status, said = stopped(
        [*PROGRAM, *command, tmp_path / names[0]],
        lambda: time.monotonic() - started > 6 or partial.exists(),
        signal.SIGINT, signal.SIGINT,
    )  # fmt: skip
    assert status == 130, said
    assert not (tmp_path / names[0]).exists()
    assert whole_files(tmp_path)
    for name in names:
        assert run(*command, tmp_path / name)[0] == 0
    assert (tmp_path / names[0]).read_bytes() == (tmp_path / names[1]).read_bytes()


ORACLE = GaussianMixture.parse("binary:d=4,mu=1,s=1")
PATH = (("+", "-"), np.geomspace(20, 0.1, 9), (4,))


def limited(room, error):
    """The exact denoiser on a device that holds `room` samples."""
    oracle, seen = MixtureDenoiser(ORACLE), []

    def denoise(x, sigma, condition):
        seen.append(len(x))
        if len(x) > room:
            raise error
        return oracle(x, sigma, condition)

    return denoise, seen


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
    ],
)
def test_without_memory_batches_are_halved_and_numbers_stay(error):
    denoiser, seen = limited(20, error)
    said = []
    small = path_entropy(frugal(denoiser, said.append), *PATH, chains=64, batch=64)
    usual = path_entropy(MixtureDenoiser(ORACLE), *PATH, chains=64, batch=64)
    np.testing.assert_allclose(small.entropy, usual.entropy, rtol=1e-12)
    assert said == [f"out of memory for {n} samples at once; going on with {n // 2}" for n in (64, 32)]
    assert seen[:4] == [64, 32, 16, 16]
    assert max(seen[2:]) <= 16  # it stays small
    with pytest.raises(ValueError, match="out of memory for one sample"):
        path_entropy(frugal(limited(0, error)[0], said.append), *PATH, chains=4, batch=4)
    with pytest.raises(RuntimeError, match="of another kind"):  # mutant: an error that is not of memory
        path_entropy(frugal(limited(20, RuntimeError("of another kind"))[0]), *PATH, chains=64, batch=64)


def test_without_memory_fewer_strides_are_drawn_at_once(monkeypatch):
    mixture = GaussianMixture.parse(MIXTURE)
    arguments = {"method": "ambient", "samples": 20_000}
    usual, original, seen = entropy_curve(mixture, [1.0, 3.0], **arguments), strides._moments, []

    def scarce(kernel, mesh, seed, first, batch, *more, room=5):
        seen.append(batch)
        if batch > room:
            raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.")
        return original(kernel, mesh, seed, first, batch, *more)

    monkeypatch.setattr(strides, "_moments", scarce)
    with pytest.warns(RuntimeWarning, match="draws at once; going on with") as said:
        small = entropy_curve(mixture, [1.0, 3.0], **arguments)
    assert [re.findall(r"\d+", str(each.message)) for each in said] == [
        [str(256 * n), str(128 * n)] for n in (32, 16, 8)
    ]
    assert small.identical(usual)
    assert seen[:5] == [32, 16, 8, 4, 4]
    monkeypatch.setattr(strides, "_moments", lambda *args: scarce(*args, room=0))
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="use fewer levels"):
        entropy_curve(mixture, [1.0, 3.0], **arguments)


def test_one_of_several_processes_without_memory_does_not_go_its_own_way(monkeypatch):
    """A round is one collective computation: no warning (an error here), no smaller round."""

    def full(*_):
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8589934592 bytes.")

    monkeypatch.setattr(strides, "_moments", full)
    monkeypatch.setattr(strides.jax, "process_count", lambda: 2)
    with pytest.raises(ValueError, match=r"out of memory for 8192 draws .* use fewer levels"):
        entropy_curve(GaussianMixture.parse(MIXTURE), [1.0, 3.0], method="ambient", samples=20_000)


def test_an_absent_gpu_is_refused(run):
    """No machine has a 64th; with none at all the message is torch's own."""
    status, out, said = run(*SMALL, "--device", "cuda:63")
    assert (status, out) == (2, "")
    assert said.startswith("--device: 'cuda:63': ")
    assert said.count("\n") == 1


def test_a_changed_result_is_refused(tmp_path, run):
    out = tmp_path / "curve.csv"
    assert run("curve", "binary:d=4,mu=1,s=1", "--levels", "16", "--out", out)[0] == 0
    manifest = tmp_path / "curve.csv.manifest.json"
    assert verify_manifest(out)
    assert run("compare", out, "binary:d=4,mu=1,s=1")[0] == 0
    changed = out.read_text().replace("0.0618", "0.0617", 1)
    assert changed != out.read_text()
    out.write_text(changed)
    status, _, said = run("compare", out, "binary:d=4,mu=1,s=1")
    assert status == 2
    assert said.endswith(
        "curve.csv: was changed or damaged after it was written, says curve.csv.manifest.json\n"
    )
    for damaged in ("{}", "[1", '{"files": 3}', "[" * 100_000):
        manifest.write_text(damaged)
        with pytest.raises(ValueError, match="not a manifest, or a damaged one"):
            verify_manifest(out)
    manifest.unlink()
    assert not verify_manifest(out)
    assert run("compare", out, "binary:d=4,mu=1,s=1")[0] == 0


def test_a_manifest_says_how_to_do_it_again(tmp_path, run):
    mixture = tmp_path / "mixture.json"
    GaussianMixture.parse("binary:d=4,mu=1,s=1").save(mixture)
    out = tmp_path / "curve.csv"
    command = ["curve", mixture, "--method", "ambient", "--samples", "500", "--levels", "4", "--seed", "7"]
    assert run(*command, "--out", out)[0] == 0
    written = json.loads((tmp_path / "curve.csv.manifest.json").read_text())
    asked = {
        "command": "curve",
        "spec": str(mixture),
        "method": "ambient",
        "samples": 500,
        "seed": 7,
        "levels": 4,
    }
    assert asked.items() <= written["parameters"].items()
    assert not {"out", "quiet", "as_json"} & set(written["parameters"])
    assert written["environment"]["numpy"] == np.__version__
    for group, path in (("inputs", mixture), ("files", out)):
        (digest,) = written[group].values()
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    # mutant: another seed is another manifest
    assert run(*command[:-1], "8", "--out", tmp_path / "other.csv")[0] == 0
    other = json.loads((tmp_path / "other.csv.manifest.json").read_text())
    assert other["parameters"] != written["parameters"]
