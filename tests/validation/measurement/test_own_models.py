"""A denoiser of one's own is measured with everything that the command line has."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from speciation.theory import GaussianMixture, schedules
from speciation.validation import MixtureDenoiser, as_denoiser, measure
from speciation.validation.measurement.request import Request

FILE = """
import torch
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser

mixture = GaussianMixture.parse("orthogonal:K=3,d=4,M=9,s=1")
denoiser = MixtureDenoiser(mixture)
shape, sigmas, dtype = (4,), (0.3, 60.0), torch.float64
sampler = denoiser.sample
number = 3


def predict(classes):
    return mixture


def bare(x, sigma, condition):
    return x
"""


KEPT = """
@dataclass
class Kept:
    number: int = 1
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "my_module.py"
    path.write_text(FILE)
    return path


@pytest.mark.slow
def test_a_file_is_measured_and_resumed(module, run, run_json, tmp_path):
    few = ["measure", f"{module}:denoiser", "--samples", "40", "--levels", "12", "--batch", "20"]
    first = run_json(*few, "--out", tmp_path / "out")
    assert first["method"] == "discrepancy"
    assert first["comparison"]["agree"]
    assert first["conditions"] == "0,1,2"
    inputs = json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]
    assert str(module) in inputs
    assert run_json(*few, "--out", tmp_path / "out")["peak_per_log_sigma"] == first["peak_per_log_sigma"]
    left = run_json(*few, "--out", tmp_path / "out", "--estimate")
    assert (left["evaluations"], left["finished"]) == (0, 40 * 12 * 2)  # what is there is taken
    module.write_text(FILE.replace("M=9", "M=4"))
    status, _, err = run(*few, "--out", tmp_path / "out")
    assert (status, "holds the blocks of another measurement" in err) == (2, True)
    module.write_text("from __future__ import annotations\nfrom dataclasses import dataclass\n" + FILE + KEPT)
    guided = run_json(*few[:2], "--guidance", "2", "--samples", "8", "--levels", "6")
    assert guided["method"] == "path"
    assert run_json(*few, "--estimate")["evaluations"] == 40 * 12 * 2


def test_an_object_is_measured():
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    exact = MixtureDenoiser(mixture)

    def network(given, time, label):
        sigma = torch.as_tensor(schedules.DDPM().sigma(float(time[0]) + 1))
        x = given * (1 + sigma**2).sqrt()
        return (x - exact(x, sigma, mixture.labels[int(label[0])])) / sigma

    denoiser = as_denoiser(network, "epsilon", schedules.DDPM(), labels=2)
    denoiser.shape = (4,)
    found = measure(denoiser, samples=16, levels=20, prediction=mixture, seed=1)
    assert found.summary["method"] == "path"
    assert found.comparison is not None
    low, high = denoiser.sigmas[[0, -1]]
    assert found.curve.sigma.min() >= low * (1 - 1e-9)
    assert found.curve.sigma.max() <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("absent", "", "my_module.py: has no 'absent'"),
        ("number", "", "my_module.py:number: is no denoiser; need a callable"),
        ("bare", "", "my_module.py:bare: has no attribute conditions, the names of its classes"),
        ("bare", "\nconditions = ['a', 'b']\ndel shape", "my_module.py:bare: has no attribute shape"),
        ("bare", "\nconditions = ['a', 'b']\ndel sigmas", "my_module.py:bare: has no attribute sigmas"),
        ("denoiser", "\nsigmas = (2.0, 2.0)", "sigmas must be noise levels with 0 < low < high, not 2 to 2"),
        ("denoiser", "\nraise OSError('no disk')", "my_module.py: OSError: no disk"),
        ("denoiser", "\n1 +", "my_module.py: SyntaxError"),
    ],
)
def test_refusals(module, run, name, more, message):
    module.write_text(FILE + more)
    status, out, err = run("measure", f"{module}:{name}")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_wrong_wrapper_is_warned_of_in_one_line(module, tmp_path):
    module.write_text(
        FILE
        + """
def wrong(x, sigma, condition):
    return (x - denoiser(x, sigma, condition)) / sigma

conditions = denoiser.conditions
"""
    )
    program = Path(sys.executable).parent / "speciation"
    asked = [program, "measure", f"{module}:wrong", "--samples", "8", "--levels", "8", "--quiet"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("warning: denoiser: no mean of clean data: at sigma ")


def test_a_file_that_is_not_there(run):
    assert run("measure", "absent.py:denoiser") == (2, "", "absent.py: no such file\n")


def test_a_nameless_range():
    def denoiser(x, sigma, condition):
        return x

    denoiser.conditions, denoiser.shape, denoiser.sigmas = ("a", "b"), (2,), [np.inf, 1.0]
    with pytest.raises(ValueError, match="sigmas must be noise levels"):
        measure(denoiser)


JUDGE = """
import torch


def classifier(x):
    return x.argmax(1)


def blind(x):
    return torch.zeros(len(x), dtype=torch.long)


def floats(x):
    return x.sum(1)
"""


def test_a_classifier_in_a_file_judges_clones(run, run_json, tmp_path):
    """Of means along the axes the largest coordinate says the class; one that sees nothing always agrees."""
    (tmp_path / "judge.py").write_text(JUDGE)
    command = ("measure", "orthogonal:K=3,d=3,M=9,s=0.3", "--estimator", "cloning", "--samples", "40")
    judge = tmp_path / "judge.py"
    found, blind = (
        run_json(*command, "--levels", "4", "--classifier", f"{judge}:{name}", "--out", tmp_path / name)
        for name in ("classifier", "blind")
    )
    out = tmp_path / "classifier"
    inputs = json.loads((out / "manifest.json").read_text())["inputs"]
    assert inputs == {str(judge): hashlib.sha256(judge.read_bytes()).hexdigest()}
    assert found["judge"] == "classifier"
    for level in found["clones"]:
        # five standard errors of a share of 40 at most
        assert abs(level["agreement"] - level["posterior_agreement"]) < 5 * 0.5 / 40**0.5
        assert level["entropy_lower"] <= level["entropy_upper"]
    assert found["clones"][0]["agreement"] > 0.9 > found["clones"][-1]["agreement"]
    assert all(level["agreement"] == 1 for level in blind["clones"])
    judge.write_text(JUDGE.replace("argmax", "argmin"))
    asked = (*command, "--levels", "4", "--classifier", f"{judge}:classifier")
    status, _, err = run(*asked, "--out", out)
    assert (status, "holds the blocks of another measurement" in err) == (2, True)


def test_files_that_say_what_is_measured_are_inputs(tmp_path):
    """In Python too, where no command has them among its parameters."""
    labels = GaussianMixture.parse("orthogonal:K=3,d=4,M=9,s=1").labels
    groups, mixture = tmp_path / "groups.json", tmp_path / "mixture.npz"
    groups.write_text(json.dumps({"a": labels[:2], "b": labels[2:]}))
    GaussianMixture.parse("orthogonal:K=3,d=4,M=9,s=1").save(mixture)
    asked = Request("orthogonal:K=3,d=4,M=9,s=1", partition=groups, prediction=str(mixture))
    found = {
        path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in map(str, (groups, mixture))
    }
    assert asked.subject().inputs == found


@pytest.mark.parametrize(
    ("name", "estimator", "message"),
    [
        ("judge.py:floats", "cloning", "must give an integer a sample"),
        ("judge.py:missing", "cloning", "has no 'missing'"),
        ("judge.py:JUDGES", "cloning", "is no function of clean samples"),
        ("judge.py", "cloning", "is not my_module.py:classifier"),
        ("judge.py:blind", "path", "choose the cloning estimator"),
    ],
)
def test_no_classifier_is_refused_in_one_line(name, estimator, message, tmp_path):
    (tmp_path / "judge.py").write_text(JUDGE + "\nJUDGES = 3\n")
    sizes = {"samples": 4, "levels": 4}
    with pytest.raises(ValueError, match=message) as refused:
        measure("binary:d=4,mu=1,s=1", estimator=estimator, classifier=f"{tmp_path}/{name}", **sizes)
    assert "\n" not in str(refused.value)


class WrongWithoutAClass:
    """The exact denoiser, but for what it answers without a class: off by 0.3 σ along each axis."""

    def __init__(self):
        self.exact = MixtureDenoiser(GaussianMixture.parse("orthogonal:K=3,d=4,M=9,s=1"))
        self.conditions, self.shape, self.sigmas = self.exact.conditions, (4,), (0.05, 60.0)
        self.sampler, self.dtype = self.exact.sample, torch.float64

    def __call__(self, x, sigma, condition):
        found = self.exact(x, sigma, condition)
        return found + 0.3 * sigma if condition is None else found


def test_all_classes_are_compared_with_their_mean_unless_told():
    """An unconditional answer that errs adds `4 · 0.3² log(60/0.05)` nats, and must be asked for.

    The closures of 200 samples are within 5.5 standard errors: false alarms below 1e-7.
    """
    few = {"samples": 200, "levels": 24}
    mean = measure(WrongWithoutAClass(), **few)
    assert (mean.summary["reference"], mean.summary["evaluations"]) == ("classes", 200 * 24 * 3)
    assert abs(mean.summary["closure"] - 1) < 5.5 * mean.summary["closure_se"] + 0.05
    other = measure(WrongWithoutAClass(), reference="unconditional", **few)
    assert (other.summary["reference"], other.summary["evaluations"]) == ("unconditional", 200 * 24 * 2)
    added = 4 * 0.3**2 * np.log(60 / 0.05) / np.log(3)
    assert abs(other.summary["closure"] - 1 - added) < 5.5 * other.summary["closure_se"] + 0.05
    exact = measure("orthogonal:K=3,d=4,M=9,s=1", samples=4, levels=4)
    assert exact.summary["reference"] == "unconditional"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"classes": "0,1"}, "reference: unconditional needs all of the model's classes"),
        ({"partition": {"a": ["0"], "b": ["1", "2"]}}, "reference: unconditional needs all"),
        ({"estimator": "path"}, "reference: applies to the discrepancy estimator"),
        ({"classes": "all"}, "reference: applies to the discrepancy estimator, and not to all pairs"),
        ({"reference": "mean"}, "reference: 'mean' is not one of unconditional, classes"),
    ],
)
def test_no_reference_is_refused_in_one_line(asked, message):
    with pytest.raises(ValueError, match=message):
        measure(
            "orthogonal:K=3,d=4,M=9,s=1", **{"reference": "unconditional", "samples": 4, "levels": 4} | asked
        )
