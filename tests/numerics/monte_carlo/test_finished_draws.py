"""Interrupted curves go on from their finished draws to the same bits; other files are refused, not lost."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.numerics.runs.fingerprints import fingerprint
from speciation.theory import GaussianMixture

MIXTURE = GaussianMixture.parse("orthogonal:K=4,d=200,M=9,s=1")


def run(samples=30_000, **more):
    return entropy_curve(MIXTURE, [1.0, 3.0], **({"method": "ambient", "samples": samples} | more))


def same(first, second):
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name], second[name])


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path):
    path = tmp_path / "curve.partial"

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(resume=path, progress=stop)
    seen = []
    resumed = run(resume=path, progress=lambda done, total: seen.append(done))
    assert seen[0] > 15_000  # it did not start again
    same(resumed, run())


def test_more_samples_add_to_a_finished_run(tmp_path):
    path = tmp_path / "curve.partial"
    run(10_000, resume=path)
    same(run(resume=path), run())
    # fewer than are there: from the start, so that the answer is that of the arguments
    same(run(5_000, resume=path), run(5_000))


@pytest.mark.slow
def test_a_killed_run_leaves_a_whole_file(tmp_path):
    path = tmp_path / "curve.partial"
    code = (
        "import sys; from pathlib import Path; from speciation.numerics import entropy_curve;"
        "from speciation.numerics.monte_carlo import finished_draws;"
        "from speciation.theory import GaussianMixture; finished_draws._SECONDS = 0;"
        "m = GaussianMixture.parse('orthogonal:K=4,d=200,M=9,s=1');"
        "entropy_curve(m, [1.0, 3.0], method='ambient', samples=3_000_000, resume=Path(sys.argv[1]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)])
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with np.load(path) as archive:
        done = 2 * int(archive["count"])
    assert 0 < done < 3_000_000
    same(run(done + 10_000, resume=path), run(done + 10_000))


@pytest.mark.parametrize(
    "change",
    [
        {"key": 1},
        {"dtype": "float64"},
        {"method": "reduced"},
        {"partition": {"a": ["0"], "b": ["1", "2", "3"]}},
    ],
)
def test_another_run_is_refused(tmp_path, change):
    path = tmp_path / "curve.partial"
    run(3000, resume=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="finished draws of another run"):
        run(3000, resume=path, **change)
    assert path.read_bytes() == before


def test_damaged_files_and_folders_are_refused(tmp_path):
    path = tmp_path / "curve.partial"
    run(3000, resume=path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not an archive"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of finished draws"):
            run(3000, resume=path)
    with pytest.raises(ValueError, match="cannot be written"):
        run(3000, resume=tmp_path / "absent" / "curve.partial")


def test_a_file_without_products_starts_afresh(tmp_path):
    """As earlier versions wrote them: to go on from it would lose the covariance between levels."""
    path = tmp_path / "curve.partial"
    run(3000, resume=path)
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files if name not in ("products", "places")}
    with path.open("wb") as stream:
        np.savez(stream, **kept)
    same(run(4000), run(4000, resume=path))  # all that a fresh run has


def test_fingerprint_sees_everything():
    parts = [
        *("a", 1, None, np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1))),
        *({"x": np.zeros(1)}, {"x": np.ones(1)}, {"y": np.zeros(1)}),
        *((np.zeros(1), None), (np.zeros(1),), ((np.zeros(1),), None)),
    ]
    assert len({fingerprint(part) for part in parts}) == len(parts)
