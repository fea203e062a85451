"""What goes wrong around a program: it is stopped, or cannot write, or a model breaks; nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
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


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, stopped):
    first, whole = tmp_path / "stopped", tmp_path / "whole"
    status, _ = stopped([*TRAIN, "--out", first], lambda: any(first.glob("state/*")), signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not (first / "digits.safetensors").exists()
    for folder in (first, whole):
        subprocess.run([sys.executable, *TRAIN, "--out", folder], check=True)
    same_files(first, whole, "digits.safetensors")
