"""Every file that the toolkit reads, damaged in thousands of ways: read, or refused in one line.

`FUZZ_SECONDS` says how long each reader is tried; `make fuzz` tries each for ten minutes. With `FUZZ_KEEP=1`
small inputs that reached new lines join the corpus.
"""

import hashlib
import os
import warnings
from pathlib import Path

import pytest
from fuzz.mutation import LEAST, Fuzzer, bounded_memory, problem_of
from speciation.numerics import verify_manifest
from speciation.numerics.monte_carlo.finished_draws import FinishedDraws, FinishedSearch
from speciation.numerics.runs.blocks import run_blocks
from speciation.theory import GaussianMixture
from speciation.validation import load_edm
from speciation.validation.control.given_grids import read_grid, read_table
from speciation.validation.control.scheduler_files import schedule_of_file
from speciation.validation.measurement.comparison import read_curve
from speciation.validation.measurement.subjects import read_prompts
from speciation.validation.models.edm.training import TrainingRun

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = Path(__file__).parent / "corpus"
SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
KEEP = os.environ.get("FUZZ_KEEP") == "1"
LARGEST_KEPT = 50_000  # bytes


def mixture(path):
    GaussianMixture.parse(str(path))


def finished_draws(path):
    FinishedDraws(path, "run", search=FinishedSearch(path, "run")).read(None)


def block(path):
    run_blocks(lambda index: {}, 1, path.parent, "run")


def manifest(path):
    beside = path.with_name("curve.csv")
    beside.write_text("sigma\n")
    verify_manifest(beside)


def training(path):
    from speciation.validation.models.edm import EDM2, Configuration
    from speciation.validation.models.edm.training import Settings

    TrainingRun(EDM2(Configuration(8, 1, 3, 8, (1,), 1, (), 8)), Settings(2)).restore(path)


READERS = {
    "mixture-json": (mixture, "mixture.json"),
    "mixture-npz": (mixture, "mixture.npz"),
    "network": (load_edm, "network.safetensors"),
    "published": (load_edm, "published.pkl"),
    "training": (training, "training.safetensors"),
    "curve": (read_curve, "curve.csv"),
    "curve-netcdf": (read_curve, "curve.nc"),
    "prompts": (read_prompts, "prompts.json"),
    "block": (block, "block-00000.npz"),
    "checkpoint": (finished_draws, "curve.partial"),
    "manifest": (manifest, "curve.csv.manifest.json"),
    "scheduler": (schedule_of_file, "scheduler_config.json"),
    "alphas-npy": (schedule_of_file, "alphas.npy"),
    "alphas-npz": (schedule_of_file, "alphas.npz"),
    "alphas-text": (schedule_of_file, "alphas.txt"),
    "grid": (read_grid, "grid.txt"),
    "grid-json": (read_grid, "grid.json"),
    "grid-npy": (read_grid, "grid.npy"),
    "errors": (read_table, "error.csv"),
}


def reader_of(name, folder):
    """The reader as a function of the file's bytes."""
    read, file = READERS[name]

    def from_bytes(content):
        (folder / file).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(folder / file)

    return from_bytes


def corpus_of(name):
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


@pytest.mark.parametrize("name", READERS)
def test_the_corpus_is_read_or_refused(name, tmp_path):
    """What is whole is read, so that a reader which refuses everything does not pass."""
    read, corpus = reader_of(name, tmp_path), corpus_of(name)
    assert any(file.startswith("whole") for file in corpus)
    with bounded_memory():
        for file, content in corpus.items():
            if file.startswith("whole"):
                read(content)
            else:
                assert problem_of(read, content) is None, file


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_mutants_are_read_or_refused(name, tmp_path, request):
    watched = [ROOT / floor for floor in ("theory", "numerics", "validation")]
    fuzzer = Fuzzer(list(corpus_of(name).values()), watched, seed=int(os.environ.get("FUZZ_SEED", "0")))
    with bounded_memory():
        tried, crashes = fuzzer.run(reader_of(name, tmp_path), SECONDS)
    for index, (content, _) in enumerate(crashes[:20]):
        (tmp_path / f"crash-{index}").write_bytes(content)
    for content in fuzzer.found(LARGEST_KEPT) if KEEP else []:
        (CORPUS / name / f"reached-{hashlib.sha256(content).hexdigest()[:8]}").write_bytes(content)
    kinds = sorted({problem[:200] for _, problem in crashes})
    assert not crashes, f"{len(crashes)} of {tried}, kept in {tmp_path}:\n" + "\n".join(kinds[:20])
    assert tried >= LEAST


@pytest.mark.parametrize(
    "error", [KeyError("k"), RecursionError("deep"), MemoryError(), ValueError("two\nlines"), ValueError("")]
)
def test_a_crash_is_seen(error):
    def broken(content):
        if content.count(b"a") != 1:
            raise error

    assert problem_of(broken, b"a") is None
    assert problem_of(broken, b"") is not None
    _, crashes = Fuzzer([b"a"], [ROOT]).run(broken, 0.05)
    assert crashes


def test_new_lines_are_found():
    """A reader with a nested condition: the mutant that passes the first is kept, and leads to the second."""

    def nested(content):
        if content.startswith(b"{"):
            second = content[1:]
            if second.startswith(b"{"):
                raise KeyError("found")

    fuzzer = Fuzzer([b"x"], [Path(__file__).parent])
    _, crashes = fuzzer.run(nested, 3)
    assert crashes
    (kept,) = fuzzer.found()  # the shortest that passes the first condition and not the second
    assert kept.startswith(b"{")
    assert not kept.startswith(b"{{")
