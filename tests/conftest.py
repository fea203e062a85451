import os

# two workers share the cores: more threads in each would only wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from checked_shapes import prepare_checks
from hypothesis import settings

prepare_checks()

# The same examples on every run, and no verdict that depends on how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# A shell that runs the tests in its background has them ignore SIGINT, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
_WORTH_A_TABLE = 60.0  # seconds of tests
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of `one_of_each` all but the first are slow; and what takes longest is started first.

    So no worker is left alone with it.
    """
    seen: set[str] = set()
    for item in items:
        if item.get_closest_marker("one_of_each") and not item.get_closest_marker("slow"):
            function = item.nodeid.split("[")[0]
            if function in seen:
                item.add_marker(pytest.mark.slow)
            seen.add(function)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter) -> None:
    """What each folder of tests cost, so that what grew is seen; two workers share the seconds."""
    seconds, tests = Counter[str](), Counter[str]()
    for report in [each for found in terminalreporter.stats.values() for each in found]:
        if isinstance(report, pytest.TestReport):
            room = report.nodeid.split("::")[0].rpartition("/")[0]
            seconds[room] += report.duration
            tests[room] += report.when == "call"
    if sum(seconds.values()) < _WORTH_A_TABLE:
        return
    terminalreporter.section("seconds by folder")
    for room, spent in seconds.most_common():
        terminalreporter.write_line(f"{spent:8.1f} s  {tests[room]:5d} tests  {room}")


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def reference() -> Path:
    """Folder of published measurements; tests that need it are skipped where it is absent."""
    if not REFERENCE.is_dir():
        pytest.skip(f"published measurements are not at {REFERENCE}")
    return REFERENCE


@pytest.fixture
def stopped():
    """Start a Python program, wait until `ready()`, send it signals, and return its status and stderr."""

    def call(arguments: list[str], ready: Callable[[], bool], *signals: int) -> tuple[int, str]:
        with subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            deadline = time.monotonic() + 300
            while not ready() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            for sent in signals:
                process.send_signal(sent)
                time.sleep(0.02)
            _, said = process.communicate(timeout=300)
            return process.returncode, said

    return call


@pytest.fixture
def run(capsys):
    """Run the program in this process: `run("predict", spec)` gives (status, stdout, stderr)."""
    from speciation.validation.cli import main

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def run_json(run):
    def call(*arguments: str):
        status, out, err = run(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    return call
