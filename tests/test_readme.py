"""Every command and snippet in the README runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
SHELL = [line for kind, body in BLOCKS if kind == "shell" for line in body.splitlines()]


@pytest.mark.parametrize(
    "commands", [body for kind, body in BLOCKS if kind == "shell" and body.startswith("speciation")]
)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_commands(commands, whole, tmp_path):
    """Those of one block, one after the other in one folder; long ones whole, or up to their estimate."""
    if not whole:  # without what is measured, and what reads it
        lines = [line.partition("#")[::2] for line in commands.splitlines()]
        commands = "\n".join(
            f"{line} {'--estimate' * (' curve ' in line)} # {said}"
            for line, said in lines
            if not re.search(r" measure | m/", line)
        )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-ec", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"\d+\.\d{3,}", " ".join(re.findall(r"#.*", commands)))
    assert len(promised) == 3
    assert all(number in done.stdout for number in promised)


def test_make_targets_exist(root):
    makefile = (root / "Makefile").read_text()
    targets = [line.split()[1] for line in SHELL if line.startswith("make")]
    assert targets == ["verify", "test"]
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_python():
    (code,) = [body for kind, body in BLOCKS if kind == "python"]
    lines = [line for line in code.splitlines() if line]
    assert len(lines) == 5
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    promised = [line.split("# ")[1].split(",")[0].split("/")[0] for line in lines[2:]]
    for line, promise in zip(printed, promised, strict=True):
        assert line.startswith(promise)


@pytest.mark.slow
def test_own_model():
    """With a network in the place of the reader's, and fewer samples."""
    (code,) = [body for kind, body in BLOCKS if kind == "py"]
    few = code.replace('classes="3,8"', 'classes="3,8", samples=8, levels=8')
    assert few != code
    network = "network = lambda x, step, label: x * (0.9 + 0.01 * label[:, None, None, None])\n"
    done = subprocess.run([sys.executable, "-c", network + few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_links_and_figures_exist(root):
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("http") or (root / target).exists(), target
