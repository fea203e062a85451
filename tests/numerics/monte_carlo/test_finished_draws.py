"""Interrupted curves go on from their finished draws to the same bits; other files are refused, not lost."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.numerics.monte_carlo import finished_draws, meeting
from speciation.numerics.monte_carlo.finished_draws import FinishedDraws, FinishedSearch
from speciation.numerics.runs.fingerprints import fingerprint
from speciation.theory import Diagonal, Full, GaussianMixture

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


OWN = {
    "every level": [Full(v * (np.eye(3) + 0.1)) for v in (1, 2, 3)],
    "some levels": [Diagonal(np.linspace(v, 1, 3)) for v in (1, 2, 3)],
}
LEVELS = np.geomspace(0.5, 5, 8)


def stopped_after(number, monkeypatch):
    """Searches of one pair at a time, each written, and what they were asked for; then an interruption."""
    asked, found = [], meeting._Pairs.tilt
    monkeypatch.setattr(meeting, "_PIECE", 0)
    monkeypatch.setattr(meeting, "_LITTLE_WORK", 0)
    for wait in ("_FIRST", "_SECONDS"):
        monkeypatch.setattr(finished_draws, wait, -1)

    def stopping(pairs, exponent, part):
        asked.append(part.start)
        if len(asked) == number + 1:
            raise KeyboardInterrupt
        return found(pairs, exponent, part)

    monkeypatch.setattr(meeting._Pairs, "tilt", stopping)
    return asked


@pytest.mark.parametrize("kind", OWN)
def test_a_search_of_pairs_goes_on_where_it_was_interrupted(kind, tmp_path, monkeypatch):
    """Piece by piece on disk, and to the same bits."""
    mixture, path = GaussianMixture(np.full(3, 1 / 3), 3 * np.eye(3), OWN[kind]), tmp_path / "curve.partial"

    def found(search=None):
        return meeting.meetings(mixture, mixture.stacked, LEVELS, None, 8, search=search)

    asked = stopped_after(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        found(FinishedSearch(path, "run"))
    with np.load(path) as archive:
        tables = [archive[name] for name in archive.files if name.startswith("search ")]
    assert max(int(np.isfinite(table).sum()) for table in tables) == 4
    again = found(FinishedSearch(path, "run"))
    assert len(asked) == 5 + 3 * (8 if kind == "every level" else 3) - 4
    whole = found()
    np.testing.assert_array_equal(again.tilts, whole.tilts)
    np.testing.assert_array_equal(again.log_overlaps, whole.log_overlaps)
    with pytest.raises(ValueError, match="finished draws of another run"):
        FinishedSearch(path, "another")
    for search in (None, FinishedSearch(path, "run")):  # a file of a search alone
        draws = FinishedDraws(path, "run of draws", search=search)
        if search is None:
            with pytest.raises(ValueError, match="finished draws of another run"):
                draws.read(None)
        else:
            assert draws.read(None) is None


def test_a_search_lets_the_draws_of_another_run_alone(tmp_path, monkeypatch):
    """Their file says whose they are by the draws alone, which are read after the search."""
    path = tmp_path / "curve.partial"
    run(2000, resume=path)
    before = path.read_bytes()
    monkeypatch.setattr(finished_draws, "_FIRST", -1)
    search = FinishedSearch(path, "run")
    search.table("tilts", (1, 1))[:] = 0.5
    search.note()
    search.write()
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="finished draws of another run"):
        FinishedDraws(path, "run of draws", search=search).read(None)
    same(run(2000, resume=path), run(2000))


@pytest.mark.slow
@pytest.mark.parametrize("kind", OWN)
def test_a_run_interrupted_before_its_first_draw_ends_with_the_same_bits(kind, tmp_path, monkeypatch):
    mixture, path = GaussianMixture(np.full(3, 1 / 3), 3 * np.eye(3), OWN[kind]), tmp_path / "curve.partial"
    stopped_after(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        entropy_curve(mixture, LEVELS, samples=2000, resume=path)
    before = path.read_bytes()
    partition = {"a": mixture.labels[:1], "b": mixture.labels[1:]}
    for other, more in ((mixture, {"partition": partition}), (MIXTURE, {"method": "ambient"})):
        with pytest.raises(ValueError, match="finished draws of another run"):
            entropy_curve(other, LEVELS, samples=2000, resume=path, **more)
    assert path.read_bytes() == before
    for samples in (2000, 4000):
        resumed = entropy_curve(mixture, LEVELS, samples=samples, resume=path)
        same(resumed, entropy_curve(mixture, LEVELS, samples=samples))


def test_fingerprint_sees_everything():
    parts = [
        *("a", 1, None, np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1))),
        *({"x": np.zeros(1)}, {"x": np.ones(1)}, {"y": np.zeros(1)}),
        *((np.zeros(1), None), (np.zeros(1),), ((np.zeros(1),), None)),
    ]
    assert len({fingerprint(part) for part in parts}) == len(parts)
