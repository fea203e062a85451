"""The same seed gives the same bits; other block sizes, devices and precisions agree within their errors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.numerics.monte_carlo import levels, strides
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, discrepancy_entropy, path_entropy

PROGRAM = Path(sys.executable).parent / "speciation"
MIXTURE = "orthogonal:K=4,d=60,M=9,s=1"


def output(*arguments, **environment):
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SHORT = ("--samples", "32", "--levels", "6", "--seed", "3", "--json")
CURVE = ("--samples", "4000", "--levels", "5", "--seed", "3", "--json")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ("verify", "--only", "T2", "--only", "T4", "--only", "T17", "--seed", "3", "--json"),
            marks=pytest.mark.slow,
        ),
        ("curve", "digits:3,8,5", *CURVE),
        pytest.param(("measure", "digits", "--classes", "3,8", *SHORT), marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_two_processes_print_the_same_bytes(arguments):
    """In processes with other hash seeds; another seed of the run, the mutant, is another answer."""
    first = output(*arguments, PYTHONHASHSEED="1", OMP_NUM_THREADS="1")
    assert first == output(*arguments, PYTHONHASHSEED="2", OMP_NUM_THREADS="1")
    json.loads(first)
    other = ["4" if text == "3" else text for text in arguments]
    other[1] = arguments[1]
    assert output(*other, PYTHONHASHSEED="1", OMP_NUM_THREADS="1") != first


def test_rounds_of_strides_give_the_same_bits(monkeypatch):
    mixture = GaussianMixture.parse(MIXTURE)
    usual = entropy_curve(mixture, [1.0, 3.0], method="ambient", samples=20_000)
    monkeypatch.setattr(strides, "_ROUND", 5)
    assert entropy_curve(mixture, [1.0, 3.0], method="ambient", samples=20_000).identical(usual)


@pytest.mark.parametrize("estimator", ["path", "discrepancy"])
def test_batches_of_other_sizes_agree_within_their_errors(estimator):
    """Other batches are other noise; two independent runs, five standard errors: false alarms below 1e-5."""
    mixture = GaussianMixture.parse("binary:d=8,mu=1,s=1")
    oracle, sigma = MixtureDenoiser(mixture), np.geomspace(0.4, 20, 12)

    def measured(batch):
        if estimator == "path":
            found = path_entropy(oracle, ("+", "-"), sigma[::-1], (8,), chains=960, batch=batch)
        else:
            found = discrepancy_entropy(oracle, ("+", "-"), sigma, oracle.sample, samples=960, batch=batch)
        return found.sel(sigma=sigma[3:9], method="nearest")

    first, second = measured(64), measured(96)
    error = np.hypot(first.entropy_se.values, second.entropy_se.values)
    gap = np.abs(first.entropy.values - second.entropy.values)
    assert (gap <= 5 * error).all()
    assert (gap > 0).all()  # they are indeed other draws


def test_single_and_double_precision_see_the_same_draws():
    mixture = GaussianMixture.parse(MIXTURE)

    def entropy(dtype, key=0):
        return entropy_curve(
            mixture, [1.0, 3.0], method="ambient", samples=20_000, dtype=dtype, key=key
        ).entropy

    single, double, others = entropy("float32"), entropy("float64"), entropy("float32", key=1)
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)
    assert float(np.abs(others - double).max()) > 1e-4  # mutant: other draws


@pytest.mark.slow
def test_levels_at_once_change_rounding_alone(monkeypatch):
    """A level has the same draws whatever others there are; the slopes of controls are single precision."""
    mixture, sigmas = GaussianMixture.parse(MIXTURE), np.geomspace(0.5, 20, 11)

    def entropy(number, key=0):
        curve = entropy_curve(mixture, sigmas[:number], method="reduced", samples=2_000, key=key)
        return curve.entropy.values[:10]

    together = entropy(10)
    # one level more, so that the number which is compiled into the program is read again
    monkeypatch.setattr(levels, "_TOGETHER", 3 * mixture.classes)
    np.testing.assert_allclose(entropy(11), together, rtol=1e-9)
    assert float((entropy(11, key=1) / together - 1).max()) > 1e-6  # mutant: other draws


BITS = Path(__file__).parent / "data" / "curves-by-version.json"


def recorded():
    """Curves whose draws JAX and torch promise to keep, as decimal numbers with their standard errors."""
    mixture = GaussianMixture.parse(MIXTURE)
    curves = {
        "exact": entropy_curve(mixture, [1.0, 3.0]),
        "reduced": entropy_curve(mixture, [1.0, 3.0], method="reduced", samples=20_000),
        "ambient": entropy_curve(mixture, [1.0, 3.0], method="ambient", samples=20_000),
        "path": path_entropy(
            MixtureDenoiser(mixture), mixture.labels, np.geomspace(20, 0.4, 12), (60,), chains=256
        ).isel(sigma=[3, 6]),
    }
    return {
        name: {key: [float(v) for v in curve[key]] for key in ("entropy", "entropy_se")}
        for name, curve in curves.items()
    }


def test_versions_agree_within_their_errors():
    """Against the values of the lowest and the newest allowed versions, which `python tests/…` records.

    Where generators are the same, values agree to rounding; they may not be, so five standard errors decide.
    """
    found = recorded()
    for environment in json.loads(BITS.read_text()):
        for name, values in environment["curves"].items():
            now, then = found[name], values
            margin = 5 * np.hypot(now["entropy_se"], then["entropy_se"]) + 1e-12
            assert (np.abs(np.subtract(now["entropy"], then["entropy"])) <= margin).all(), (environment, name)
            # mutant: a shift by more than the margin
            assert (np.abs(np.subtract(now["entropy"], then["entropy"]) + 0.2) > margin).all()


if __name__ == "__main__":
    from speciation.numerics.runs.manifests import environment

    versions = {name: value for name, value in environment().items() if name != "machine"}
    known = json.loads(BITS.read_text()) if BITS.exists() else []
    kept = [entry for entry in known if entry["versions"] != versions]
    BITS.parent.mkdir(exist_ok=True)
    BITS.write_text(json.dumps([*kept, {"versions": versions, "curves": recorded()}], indent=1) + "\n")
