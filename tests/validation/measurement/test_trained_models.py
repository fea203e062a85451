"""Measuring trained models: what guidance leads away from, which network it was, and what is refused before.

Every measurement here is of random weights or of exact denoisers: what is tested is what was asked of them.
"""

import json
import os
import random
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
import torch
from checked_shapes import shapes_unchecked
from speciation.theory import GaussianMixture
from speciation.validation import (
    EDM2Denoiser,
    MixtureDenoiser,
    discrepancy_entropy,
    load_digits_model,
    load_edm2,
    pair_entropies,
    path_entropy,
)
from speciation.validation._support.condition_names import listed, unlisted
from speciation.validation._support.torch_randomness import generator_of, undisturbed
from speciation.validation.cli import common
from speciation.validation.denoiser import UntrainedNullWarning
from speciation.validation.estimators.chains import Chains
from speciation.validation.measurement.subjects import Subject
from speciation.validation.models.digits_model import WEIGHTS
from speciation.validation.models.edm import EDM2, Configuration, save_edm2
from speciation.validation.models.edm.training import Settings, train

SPEC = "binary:d=4,mu=1,s=0.5"
FEW = ["--samples", "8", "--levels", "6", "--batch", "4"]


def network(seed, labels=3, side=8, channels=1):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = EDM2(Configuration(side, channels, labels, 16, (1,), 1, (), 16))
        with torch.no_grad():
            made.unet.out_gain.fill_(1.0)
    return made


@pytest.fixture
def files(tmp_path):
    """EDM2 files: one with classes, an unconditional one, and those that do not fit."""
    made = {
        "own": network(0),
        "plain": network(1, labels=0),
        "other": network(2),
        "large": network(3, labels=0, side=16),
        "latent": network(4, labels=0, channels=4),
    }
    for name, each in made.items():
        save_edm2(each, tmp_path / f"{name}.safetensors")
    return {name: tmp_path / f"{name}.safetensors" for name in made}


PLACES = {"a": -2.0, "b": 0.5, "c": 3.0}


class Points:
    """Exact denoiser of three points on a line; no condition is all of them."""

    def __init__(self):
        self.places = PLACES
        self.asked = []

    def __call__(self, x, sigma, condition):
        self.asked.append(condition)
        places = torch.tensor(list(self.places.values()), dtype=x.dtype, device=x.device)
        if condition is not None:
            return torch.full_like(x, self.places[condition])
        shares = torch.softmax(-((x - places) ** 2) / (2 * sigma**2), dim=1)
        return (shares * places).sum(1, keepdim=True)


def by_hand(reference, omega, sigmas, count, seed):
    """Log-odds of a and b along guided chains, from the same draws, in NumPy and term by term."""
    generator = generator_of(seed, 0)
    prior = torch.full((2,), 0.5, dtype=torch.float64)
    own = torch.multinomial(prior, count, replacement=True, generator=generator).numpy()

    def draw():
        return torch.randn((count, 1), generator=generator, dtype=torch.float64).numpy()[:, 0]

    x, log_odds, rows = sigmas[0] * draw(), np.full((count, 2), np.log(0.5)), []
    places = np.array(list(PLACES.values()))
    for sigma, lower in pairwise(sigmas):
        answers = np.broadcast_to(places[:2], (count, 2))
        if reference == "classes":
            shares = np.exp(log_odds)
            away = (shares * answers).sum(1) / shares.sum(1)
        else:
            weights = np.exp(-((x[:, None] - places) ** 2) / (2 * sigma**2))
            away = (weights * places).sum(1) / weights.sum(1)
        target = omega * places[own] + (1 - omega) * away
        ratio = lower**2 / sigma**2
        spread = lower * np.sqrt(1 - ratio)
        after = ratio * x + (1 - ratio) * target + spread * draw()
        means = ratio * x[:, None] + (1 - ratio) * answers
        log_odds = log_odds - (after[:, None] - means) ** 2 / (2 * spread**2)
        log_odds = log_odds - np.log(np.exp(log_odds).sum(1, keepdims=True))
        x = after
        rows.append(log_odds)
    return rows


@pytest.mark.parametrize("reference", ["unconditional", "classes"])
def test_guided_chains_are_those_of_the_formula(reference):
    """The same draws by a second route, to rounding; the other reference gives other chains."""
    sigmas = np.geomspace(20, 0.5, 9)
    weight = np.full(8, 2.5)
    chains = Chains(Points(), ("a", "b"), sigmas, (1,), np.full(2, 0.5), weight, reference)
    found = [step.after.numpy() for step in chains.steps(generator_of(3, 0), 50)]
    np.testing.assert_allclose(found, by_hand(reference, 2.5, sigmas, 50, 3), rtol=0, atol=1e-9)
    other = "classes" if reference == "unconditional" else "unconditional"
    assert np.abs(np.array(found) - by_hand(other, 2.5, sigmas, 50, 3)).max() > 0.1


def test_the_reference_of_guidance_is_named_and_paid_for():
    sigmas, points = np.geomspace(20, 0.5, 9), Points()

    def measured(**options):
        points.asked.clear()
        found = path_entropy(points, ("a", "b"), sigmas, (1,), chains=6, batch=6, **options)
        assert found.attrs["evaluations"] == 6 * len(points.asked)
        return found.attrs.get("guidance_reference"), points.asked.count(None)

    assert measured() == (None, 0)
    assert measured(guidance=2.0) == ("unconditional", 8)
    assert measured(guidance=2.0, guidance_reference="classes") == ("classes", 0)
    within = sigmas[:-1][(sigmas[:-1] > 1) & (sigmas[:-1] <= 5)].size
    assert measured(guidance=2.0, interval=(1.0, 5.0)) == ("unconditional", within)
    # a class against the unconditional denoiser asks it at every step anyway
    assert path_entropy(points, ("a", None), sigmas, (1,), chains=2, guidance=2.0).attrs["evaluations"] == 32
    # a network that never learnt to answer without a class is led away from the others
    points.has_null = False
    assert measured(guidance=2.0) == ("classes", 0)


CHAIN = {"conditions": ("+", "-"), "sigmas": np.geomspace(20, 0.2, 9), "shape": (4,), "chains": 4, "batch": 4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance": float("nan")}, "guidance: must be a finite number, not nan"),
        ({"guidance": float("inf")}, "guidance: must be a finite number, not inf"),
        ({"guidance": 2.0, "interval": (5, 1)}, "interval: need 0 <= low < high in sigma, not 5, 1"),
        ({"guidance": 2.0, "interval": (2, 2)}, "interval: need 0 <= low < high in sigma, not 2, 2"),
        ({"guidance": 2.0, "interval": (-1, 2)}, "interval: need 0 <= low < high in sigma, not -1, 2"),
        ({"guidance": 2.0, "interval": (float("nan"), 2)}, "interval: need 0 <= low < high"),
        ({"guidance": 2.0, "interval": (1, 2, 3)}, "interval: need two noise levels"),
        ({"guidance": 2.0, "interval": 3.0}, "interval: need two noise levels"),
        (
            {"guidance": 2.0, "interval": (2.01, 2.02)},
            "interval: no step of the chain begins at 2.01 < sigma",
        ),
        (
            {"guidance": 2.0, "interval": (30, 40)},
            "interval: no step of the chain begins at 30 < sigma <= 40",
        ),
        (
            {"guidance": 2.0, "interval": (0, 0.1)},
            "interval: no step of the chain begins at 0 < sigma <= 0.1",
        ),
        ({"guidance": 2.0, "guidance_reference": "null"}, "guidance_reference: 'null' is not one of uncond"),
    ],
)
def test_guidance_that_is_none_is_refused_before_the_work(options, message):
    def never(x, sigma, condition):
        raise AssertionError("the network was asked")

    with pytest.raises(ValueError, match=r"interval|guidance") as refusal:
        path_entropy(never, **(CHAIN | options))
    assert str(refusal.value).startswith(message)


def test_an_unlearnt_answer_is_warned_of_and_not_guided_by():
    denoiser = EDM2Denoiser(network(0))
    chain = {"sigmas": np.geomspace(20, 0.2, 5), "shape": denoiser.shape, "chains": 2, "batch": 2}
    with pytest.warns(UntrainedNullWarning, match="never learnt to answer without a class"):
        path_entropy(denoiser, ("1", None), **chain)
    with pytest.raises(ValueError, match="guidance_reference: this network never learnt"):
        path_entropy(denoiser, ("0", "1"), guidance=2.0, guidance_reference="unconditional", **chain)
    # no warning of a null that was learnt, of a reference, of a network without classes
    for learnt in (
        EDM2Denoiser(network(0), null=True),
        EDM2Denoiser(network(0), network(1, labels=0)),
        load_digits_model(),
    ):
        path_entropy(learnt, ("1", None), **chain)
    assert EDM2Denoiser(network(1, labels=0)).has_null
    with pytest.raises(
        ValueError, match=r"reference: is for samples of shape \(4, 8, 8\), and the network for"
    ):
        EDM2Denoiser(network(0), network(4, labels=0, channels=4))


def test_the_reference_checkpoint_takes_part(files, run, run_json, tmp_path):
    arguments = ["measure", "edm2", "--checkpoint", files["own"], "--classes", "0,2", *FEW]
    guided = [*arguments, "--guidance", "3"]
    usual = run_json(*guided, "--reference-checkpoint", files["plain"])
    assert (usual["guidance_reference"], usual["unconditional"]) == ("unconditional", "the reference network")
    assert usual["evaluations"] == 8 * 6 * 3
    among = run_json(*guided)
    assert among["guidance_reference"] == "classes"
    curves = []
    for name, reference in (("plain", files["plain"]), ("other", files["other"])):
        out = tmp_path / name
        assert run(*guided, "--reference-checkpoint", reference, "--out", out)[0] == 0
        curves.append((out / "curve.csv").read_text())
        inputs = json.loads((out / "manifest.json").read_text())["inputs"]
        assert {str(files["own"]), str(reference)} <= set(inputs)
    assert curves[0] != curves[1]
    # where it would take no part it is not let pass
    for rest in ([], ["--guidance", "3", "--guidance-reference", "classes"]):
        status, _, err = run(*arguments, *rest, "--reference-checkpoint", files["plain"])
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith("--reference-checkpoint: is not used")
    status, _, err = run(*guided, "--guidance-reference", "unconditional")
    assert (status, err.count("\n")) == (2, 1)
    assert "as the reference checkpoint" in err


def test_one_class_against_what_was_never_learnt_is_warned_of(files, run):
    alone = ["measure", "edm2", "--checkpoint", files["own"], "--classes", "1", *FEW, "--json"]
    status, out, err = run(*alone)
    assert status == 0
    assert err.startswith("warning: the network takes 3 classes")
    assert "edm2-img512-xs-uncond" in err
    assert json.loads(out)["unconditional"] == "the zero label of the network itself"
    status, out, err = run(*alone, "--reference-checkpoint", files["plain"])
    assert status == 0
    assert "warning" not in err
    assert json.loads(out)["unconditional"] == "the reference network"
    status, out, err = run(*alone, "--reference-checkpoint", files["other"])
    assert status == 0
    assert err.startswith("warning: the reference takes 3 classes")
    status, _, err = run("measure", "digits", "--classes", "1", *FEW, "--json")
    assert status == 0
    assert "warning" not in err


@pytest.mark.slow
def test_guidance_away_from_all_classes_is_not_held_against_two(run, run_json):
    """T12 is of two classes among themselves; ten digits are another reference."""
    guided = ["measure", "digits", "--classes", "0,1", "--guidance", "2", *FEW]
    usual = run_json(*guided)
    assert usual["guidance_reference"] == "unconditional"
    assert usual["unconditional"] == "the zero label, learnt by label dropout"
    assert "comparison" not in usual
    assert "comparison" in run_json(*guided, "--guidance-reference", "classes")
    status, _, err = run(*guided, "--prediction", "digits:0,1")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("--prediction: ")
    # all classes of the oracle are its unconditional answer
    assert "comparison" in run_json("measure", SPEC, "--guidance", "2", *FEW)


def refusals(files, tmp_path):
    own, plain = files["own"], files["plain"]
    pickled, archived, folder = tmp_path / "network.pkl", tmp_path / "network.pt", tmp_path / "folder"
    pickled.write_bytes(b"\x80\x04}.")
    torch.save({}, archived)
    text = tmp_path / "network.json"
    text.write_text('{"weights": [0.5, 0.25, 0.25]}')
    folder.mkdir()
    edm2 = ["edm2", "--classes", "0", "--checkpoint"]
    guided = [SPEC, *FEW, "--guidance", "2"]
    return {
        "a pickle of nothing": ([*edm2, pickled], "not a checkpoint: no network named 'ema'"),
        "torch's archive": ([*edm2, archived], "write its state dict with safetensors.torch.save_file"),
        "JSON as network": ([*edm2, text], "is no safetensors file and no pickle checkpoint"),
        "JSON as digits": (["digits", "--checkpoint", text], "is no safetensors file and no pickle"),
        "a download of digits": (
            ["digits", "--download"],
            "--download: applies to pipeline and sd15, not to digits",
        ),
        "two estimators": (
            [*edm2, own, "--preset", "h26", "--estimator", "discrepancy"],
            "--estimator: a preset uses the path estimator",
        ),
        "a prediction of pairs": (
            ["digits", "--classes", "all", "--prediction", SPEC],
            "--prediction: has no class '0', which is measured",
        ),
        "a folder": ([*edm2, folder], "is a folder; name the .safetensors file in it"),
        "a pickle for the digits": (["digits", "--checkpoint", pickled], "no network named 'ema'"),
        "a pickle as reference": ([*edm2, own, "--reference-checkpoint", pickled], "no network named"),
        "no classes": ([*edm2, plain], "--checkpoint: "),
        "no classes, as digits": (["digits", "--checkpoint", plain], "is a network of 0 classes"),
        "latents, as digits": (["digits", "--checkpoint", files["latent"]], "samples of 4 x 8 x 8"),
        "a larger reference": (
            [*edm2, own, "--reference-checkpoint", files["large"]],
            "is for samples of shape (1, 16, 16), and the network for (1, 8, 8)",
        ),
        "a reference of latents": (
            [*edm2, own, "--reference-checkpoint", files["latent"]],
            "is for samples of shape (4, 8, 8), and the network for (1, 8, 8)",
        ),
        "a file as pipeline": (["sd15", "--checkpoint", own], "--prompts: needs a JSON file"),
        "sdxl": (["sdxl"], "is not one of digits, fashion, edm, edm2, pipeline, sd15, nor the SPEC"),
        "near a model": (["sdxl"], "did you mean sd15?"),
        "near another": (["emd2"], "did you mean edm2?"),
        "near a family": (["bianry:d=4"], "did you mean binary:?"),
        "a path as model": ([own], "is a path; say edm, with that path as its checkpoint"),
        "a folder as model": ([folder], "is a path; say pipeline, with that path as its checkpoint"),
        "weights of a mixture": (
            [SPEC, "--checkpoint", own],
            "--checkpoint: applies to digits, fashion, edm, edm2, pipeline, sd15",
        ),
        "prompts of digits": (["digits", "--prompts", own], "--prompts: applies to pipeline, sd15, not to "),
        "a reference of digits": (
            ["digits", "--reference-checkpoint", own],
            "applies to edm, edm2, not to digits",
        ),
        "no number": ([SPEC, *FEW, "--guidance", "nan"], "--guidance: must be a finite number, not nan"),
        "no end": ([SPEC, *FEW, "--guidance", "inf"], "--guidance: must be a finite number, not inf"),
        "no such reference": (
            [*guided, "--guidance-reference", "null"],
            "--guidance-reference: 'null' is not",
        ),
        "a reference of nothing": (
            [SPEC, *FEW, "--guidance-reference", "classes"],
            "--guidance-reference: acts on guidance",
        ),
        "between two levels": (
            [*guided, "--interval", "1.0,1.01"],
            "--interval: no step of the chain begins",
        ),
        "beyond the levels": (
            [*guided, "--interval", "1000,2000"],
            "--interval: no step of the chain begins",
        ),
        "below zero": ([*guided, "--interval=-1,2"], "--interval: need 0 <= LOW < HIGH"),
        "an end that is none": ([*guided, "--interval", "nan,2"], "--interval: need 0 <= LOW < HIGH"),
        "an infinite end": (
            [*guided, "--interval", "0,inf"],
            "without an interval guidance acts at every level",
        ),
    }


def test_bad_input_gets_one_line_that_helps(files, run, tmp_path):
    for kind, (arguments, message) in refusals(files, tmp_path).items():
        status, out, err = run("measure", *arguments)
        assert (status, out) == (2, ""), kind
        assert message in err, kind
        assert err.count("\n") == 1, kind


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "", "WORLD_SIZE": ""}, "RANK: is set and empty"),
        ({"RANK": "0", "WORLD_SIZE": " "}, "WORLD_SIZE: is set and empty"),
        ({"RANK": ""}, "WORLD_SIZE: is not set, and RANK is"),
        ({"RANK": "1"}, "WORLD_SIZE: is not set, and RANK is"),
        ({"WORLD_SIZE": "2"}, "RANK: is not set, and WORLD_SIZE is"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK: must be from 0 to WORLD_SIZE - 1, not 2 of 2"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "RANK: must be from 0 to WORLD_SIZE - 1, not 0 of 0"),
        ({"RANK": "-1", "WORLD_SIZE": "2"}, "RANK: must be a whole number from 0, not '-1'"),
        ({"RANK": "0", "WORLD_SIZE": "two"}, "WORLD_SIZE: must be a whole number from 0, not 'two'"),
        ({"RANK": "0.5", "WORLD_SIZE": "2"}, "RANK: must be a whole number from 0, not '0.5'"),
        ({"RANK": "1_0", "WORLD_SIZE": "20"}, "RANK: must be a whole number from 0, not '1_0'"),
    ],
)
def test_an_environment_that_is_not_torchruns_is_refused(environment, message, run, monkeypatch, tmp_path):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, out, err = run("measure", SPEC, *FEW, "--out", tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(message)


def test_one_process_of_torchrun_is_a_run_of_its_own(run, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert run("measure", SPEC, *FEW, "--quiet")[0] == 0


NAMES = ("a dog, photo", "a cat", "x,y", "x", "y", "all in", '"quoted"')


@pytest.mark.parametrize(
    ("classes", "chosen"),
    [
        (None, NAMES),
        ([], NAMES),
        (["all"], NAMES),
        ("a cat", ("a cat",)),
        (["a dog, photo"], ("a dog, photo",)),
        (["a dog, photo", "x"], ("a dog, photo", "x")),
        (["a dog, photo,a cat"], ("a dog, photo", "a cat")),
        (["a cat , a dog, photo"], ("a cat", "a dog, photo")),
        (['"a dog, photo",a cat'], ("a dog, photo", "a cat")),
        (["x,y"], ("x,y",)),
        (['"x","y"'], ("x", "y")),
        (["x", "y"], ("x", "y")),
        (['"quoted"'], ('"quoted"',)),
        ([listed(NAMES)], NAMES),
    ],
)
def test_names_with_commas_are_chosen(classes, chosen):
    subject = Subject("", Points(), NAMES, (1,), np.arange, np.arange)
    assert subject.chosen(classes) == chosen


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a cat\nx"], "classes: 'a cat\\nx' is not one of"),
        (["a dog"], "classes: 'a dog' is not one of a dog, photo, a cat"),
        ([""], "classes: '' is not one of"),
        (["a cat,a cat"], "names a class twice"),
        (["a cat", "a cat"], "names a class twice"),
        (["a dog, photo,x,y"], "can be read in several ways; give each name by itself"),
    ],
)
def test_names_that_are_none_are_refused(classes, message):
    subject = Subject("", Points(), NAMES, (1,), np.arange, np.arange)
    with pytest.raises(ValueError, match=r"^classes: ") as refusal:
        subject.chosen(classes)
    assert message in str(refusal.value)


@pytest.mark.parametrize("names", [["a"], ["a, b", "c"], ['say "a"', "b\nc"], [" a", "b "]])
def test_names_in_a_line_are_read_back(names):
    assert unlisted(listed(names)) == names


def test_all_pairs_of_names_with_commas(run_json, tmp_path):
    path = tmp_path / "three.json"
    labels = ["a, b", "b", "c"]
    mixture = {"weights": [0.5, 0.25, 0.25], "means": [[2.0], [0.0], [-4.0]], "labels": labels}
    path.write_text(json.dumps(mixture | {"covariance": {"isotropic": 0.05}}))
    sizes = ("--samples", "240", "--batch", "240", "--levels", "24")
    found = run_json("measure", path, "--classes", "all", *sizes)
    assert list(found["pairs"]) == ['"a, b",b', '"a, b",c', "b,c"]
    assert found["log_scale_test"]["pairs"] == 3
    assert found["conditions"] == '"a, b",b,c'


def zeros(condition, count, generator):
    return torch.zeros(count, 1, 8, 8)


@pytest.mark.filterwarnings("ignore:denoiser. no mean of clean data")  # random weights are none
@pytest.mark.parametrize("kind", ["path", "discrepancy", "pairs"])
def test_a_folder_is_of_one_network(kind, tmp_path):
    """Finished batches of a network, a mixture, a type or of names that read alike are not another's."""
    sigmas = np.geomspace(0.3, 20, 6)

    def measured(denoiser, conditions=("0", "1"), **more):
        options = {"batch": 2, "folder": tmp_path, "dtype": torch.float32} | more
        if kind == "path":
            return path_entropy(denoiser, conditions, sigmas[::-1], (1, 8, 8), chains=4, **options)
        sampler = zeros
        if kind == "pairs":
            return pair_entropies(denoiser, conditions, sigmas, sampler, samples=16, **options)
        return discrepancy_entropy(
            denoiser, conditions, sigmas, sampler, posterior="path", samples=4, **options
        )

    denoiser = EDM2Denoiser(network(0))
    first = measured(denoiser)
    again = measured(EDM2Denoiser(network(0)))
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name], again[name])
    for other, more in (
        (EDM2Denoiser(network(5)), {}),
        (EDM2Denoiser(network(0), network(1, labels=0)), {}),
        (denoiser, {"dtype": torch.float64}),
        (denoiser, {"conditions": ("0", "2")}),
    ):
        with pytest.raises(ValueError, match="another measurement"):
            measured(other, **more)


def test_a_replaced_file_is_another_run(files, run, tmp_path):
    own = tmp_path / "own.json"
    mixture = {"weights": [0.5, 0.5], "means": [[1.0], [-1.0]], "covariance": {"isotropic": 1.0}}
    own.write_text(json.dumps(mixture))
    for name, model, replace in (
        ("mixture", [own], lambda: own.write_text(json.dumps(mixture | {"means": [[1.1], [-1.0]]}))),
        (
            "network",
            ["edm2", "--classes", "0,1", "--checkpoint", files["own"]],
            lambda: save_edm2(network(7), files["own"]),
        ),
        (
            "reference",
            [
                "edm2",
                "--classes",
                "0",
                "--checkpoint",
                files["own"],
                "--reference-checkpoint",
                files["plain"],
            ],
            lambda: save_edm2(network(8, labels=0), files["plain"]),
        ),
    ):
        arguments = ["measure", *model, *FEW, "--quiet", "--out", tmp_path / f"out-{name}"]
        assert run(*arguments)[0] == 0, name
        assert run(*arguments)[0] == 0, name
        replace()
        status, _, err = run(*arguments)
        assert (status, err.count("\n")) == (2, 1), name
        assert "another measurement" in err


def test_training_goes_on_with_its_own_images_alone(tmp_path):
    images = torch.zeros(12, 1, 8, 8)
    labels = torch.arange(12) % 3
    settings = Settings(steps=2, batch=4)

    def trained(seed=0, shift=0.0):
        data = (images + shift, labels)
        return train(network(seed), *data, settings, data, resume=tmp_path, every=1)

    trained()
    trained()
    for other in ({"seed": 1}, {"shift": 0.1}):
        with pytest.raises(ValueError, match="another training run"):
            trained(**other)


def test_every_chain_that_is_asked_for_is_run_and_no_other(tmp_path):
    """The last batch holds what the others leave; a longer run does that batch again, and it alone."""
    oracle = MixtureDenoiser(GaussianMixture.parse(SPEC))

    def measured(chains, folder=None):
        options = CHAIN | {"chains": chains, "batch": 4, "folder": folder}
        return path_entropy(oracle, **options)

    def stamps():
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("block-*")}

    found = measured(10, tmp_path)
    assert found.attrs["samples"] == 10
    assert found.attrs["evaluations"] == 10 * 8 * 2
    sizes = []
    for path in sorted(tmp_path.glob("block-*")):
        with np.load(path) as block:
            sizes.append(len(block["entropy"]))
    assert sizes == [4, 4, 2]
    before = stamps()
    longer, whole = measured(14, tmp_path), measured(14)
    np.testing.assert_array_equal(longer.entropy, whole.entropy)
    kept = {name for name, stamp in stamps().items() if before.get(name) == stamp}
    assert kept == {"block-00000.npz", "block-00001.npz"}
    sampler = oracle.sample
    sigmas = np.geomspace(0.2, 20, 6)
    point = discrepancy_entropy(oracle, ("+", "-"), sigmas, sampler, samples=10, batch=4)
    assert point.attrs["samples"] == 10
    pairs = pair_entropies(oracle, ("+", "-"), sigmas, sampler, samples=10, batch=4)
    assert pairs.attrs["samples"] == 10


@pytest.mark.parametrize(
    "model",
    [
        [SPEC, "--estimator", "path"],
        [SPEC],
        ["digits", "--classes", "0,1", "--guidance", "2"],
        pytest.param(["digits", "--classes", "all"], marks=pytest.mark.slow),
    ],
    ids=["path", "discrepancy", "guided", "pairs"],
)
def test_an_estimate_is_of_what_is_left(model, run, run_json, tmp_path):
    samples = "200" if "all" in model else "10"
    batch = "80" if "all" in model else "4"
    arguments = [
        "measure",
        *model,
        "--samples",
        samples,
        "--levels",
        "6",
        "--batch",
        batch,
        "--out",
        tmp_path,
    ]
    whole = run_json(*arguments, "--estimate")
    assert whole["finished"] == 0
    assert not (tmp_path / "blocks").exists()
    status, out, _ = run(*arguments, "--json")
    assert status == 0
    assert json.loads(out)["evaluations"] == whole["evaluations"]
    blocks = tmp_path / "blocks"
    (blocks / "block-00001.npz").unlink()
    some = run_json(*arguments, "--estimate")
    share = int(batch) / int(samples)
    assert some["evaluations"] == round(share * whole["evaluations"])
    assert some["finished"] == whole["evaluations"] - some["evaluations"]
    assert some["seconds"] == pytest.approx(some["evaluations"] * some["seconds_per_evaluation"])
    assert run(*arguments, "--quiet")[0] == 0
    done = run_json(*arguments, "--estimate")
    assert (done["evaluations"], done["seconds"]) == (0, 0)
    assert "nothing is left to do" in run(*arguments, "--estimate")[1]
    status, _, err = run(*arguments, "--seed", "1", "--estimate")
    assert (status, err.count("\n")) == (2, 1)
    assert "another measurement" in err


@pytest.fixture
def other_defaults():
    """Set torch's default type and device; both are put back."""
    before = torch.get_default_dtype()

    def choose(kind):
        if kind == "meta":
            torch.set_default_device("meta")
        else:
            torch.set_default_dtype(kind)

    yield choose
    torch.set_default_dtype(before)
    torch.set_default_device(None)


def everything(path):
    """Numbers of every loader and estimator, in one row."""
    digits, from_file = load_digits_model(), EDM2Denoiser(load_edm2(path))
    oracle = MixtureDenoiser(GaussianMixture.parse("scales:d=4,lambda1=0.2,lambda2=2"))
    sigmas = np.geomspace(0.3, 20, 5)
    sampler = oracle.sample
    rows = []
    for denoiser in (digits, from_file):
        for conditions, more in ((("0", "1"), {"guidance": 2.0}), (("0", "1"), {})):
            found = path_entropy(
                denoiser, conditions, sigmas[::-1], (1, 8, 8), chains=2, batch=2, dtype=torch.float32, **more
            )
            rows.append(found[next(iter(found.data_vars))].values)
    names = oracle.conditions
    rows.append(path_entropy(oracle, names, sigmas[::-1], (4,), chains=4, batch=2).entropy.values)
    for posterior in (None, "path", oracle.posterior):
        options = {"samples": 4, "batch": 2, "posterior": posterior}
        rows.append(discrepancy_entropy(oracle, names, sigmas, sampler, **options).entropy.values)
    rows.append(pair_entropies(oracle, names, sigmas, sampler, samples=16, batch=8).entropy.values[0])
    return np.concatenate(rows)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64, "meta"], ids=str)
def test_torchs_defaults_change_no_number(kind, files, other_defaults):
    expected = everything(files["own"])
    other_defaults(kind)
    np.testing.assert_array_equal(everything(files["own"]), expected)
    assert (torch.get_default_dtype() == kind) == isinstance(kind, torch.dtype)


def test_torchs_defaults_change_no_measurement(run_json, other_defaults):
    arguments = ["measure", "digits", "--classes", "3,8", *FEW]
    expected = run_json(*arguments)
    for kind in (torch.float64, "meta"):
        other_defaults(kind)
        assert run_json(*arguments) == expected


def test_global_generators_are_let_alone(files):
    """Loading and measuring draw from generators of their own."""
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002 (the global one is what is looked at)
    random.seed(5)
    before = (torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002
    with shapes_unchecked():
        everything(files["own"])
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]


def test_defaults_come_back_after_an_error():
    state = torch.random.get_rng_state()

    @undisturbed()
    def failing():
        torch.randn(3)
        raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.random.get_rng_state(), state)


def test_without_a_terminal_a_line_of_progress_goes_to_stderr(monkeypatch, capsys):
    monkeypatch.setattr(common, "_EVERY", 0.05)
    with common.sampling_progress(False, "batches") as progress:
        time.sleep(0.12)
        progress(2, 12)  # found finished
        time.sleep(0.03)
        progress(3, 12)
        time.sleep(0.12)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0].startswith("batches: at work after 1 second")
    assert lines[-1].startswith("batches: 3 of 12 after 1 second, about ")
    assert lines[-1].endswith(" left")
    assert 2 <= len(lines) <= 8
    with common.sampling_progress(True, "batches"):
        time.sleep(0.12)
    assert capsys.readouterr() == ("", "")
    # short work says nothing, and a closed stream stops nothing
    monkeypatch.setattr(common, "_EVERY", 60.0)
    with common.sampling_progress(False) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(common, "_EVERY", 0.02)
    with open(os.devnull, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with common.sampling_progress(False, "draws"):
            stream.close()
            time.sleep(0.06)


def test_the_shipped_weights_are_the_files(run_json, tmp_path):
    """Their digest stands in the manifest, as that of every input."""
    import hashlib

    run_json("measure", "digits", "--classes", "3,8", *FEW, "--out", tmp_path)
    inputs = json.loads((tmp_path / "manifest.json").read_text())["inputs"]
    assert inputs == {WEIGHTS.name: hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}
