"""Classes by number or name, and groups of ImageNet's, on the command line and from Python."""

import json

import pytest
import torch
from speciation.validation import as_denoiser
from speciation.validation.measurement.groups import imagenet_groups
from speciation.validation.measurement.own_models import own_subject
from speciation.validation.measurement.subjects import fashion_subject
from speciation.validation.models.edm import EDM2, Configuration, save_edm2
from speciation.validation.models.imagenet_classes import class_names

FEW = ("--samples", "2", "--levels", "4")


@pytest.fixture
def thousand(tmp_path):
    """A network of a thousand classes, of which nothing is known but how many."""
    torch.manual_seed(0)
    network = EDM2(Configuration(4, 1, 1000, 8, (1,), 1, (), 8))
    save_edm2(network, tmp_path / "network.safetensors")
    return ("measure", "edm2", "--checkpoint", str(tmp_path / "network.safetensors"))


def test_classes_of_imagenet_by_name_and_identifier(thousand, run, run_json):
    content = run_json(*thousand, "--classes", "golden retriever,n02123045", *FEW)
    assert content["conditions"] == "207,281"
    content = run_json(*thousand, "--classes", "tabby, tabby cat", "--classes", "207", *FEW)
    assert content["conditions"] == "281,207"
    _, out, _ = run(*thousand, "--classes", "golden retriever,tabby", *FEW)
    assert "207 (golden retriever), 281 (tabby)" in " ".join(out.split())
    for classes, message in (
        ("crane,tabby", "n02012849 (crane) and n03126707 (crane); say which of these"),
        ("281,tabby", "names a class twice"),
        ("unicorn,tabby", "'unicorn' is not one of 0 (tench), 1 (goldfish)"),
    ):
        status, out, err = run(*thousand, "--classes", classes, *FEW)
        assert (status, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1


def test_groups_of_imagenet(thousand, run, run_json, tmp_path):
    content = run_json(*thousand, "--partition", "imagenet:domestic cat,bear", *FEW)
    assert content["classes"] == 2
    assert content["conditions"] == "281,282,283,284,285,294,295,296,297"
    file = tmp_path / "groups.json"
    file.write_text(json.dumps({"cats": ["tabby", "283"], "bears": ["n02132136"]}))
    assert run_json(*thousand, "--partition", str(file), *FEW)["conditions"] == "281,283,294"
    for partition, message in (
        ("imagenet:bear,animal", "partition: 'bear' and 'animal' overlap"),
        ("imagenet:bear", "partition: needs at least two groups"),
    ):
        status, _, err = run(*thousand, "--partition", partition, *FEW)
        assert status == 2
        assert message in err
    status, _, err = run("measure", "digits", "--partition", "imagenet:dog,cat", *FEW)
    assert status == 2
    assert "is of a model of ImageNet's 1000 classes; this has 10 others" in err


def test_words_have_numbers_too():
    subject = fashion_subject()
    assert subject.chosen("2,boot") == ("pullover", "boot")
    with pytest.raises(ValueError, match="'10' is not one of t-shirt"):
        subject.chosen("10")


def test_a_thousand_classes_of_ones_own_are_imagenets_if_their_names_say_so():
    own = Own(None)
    own.conditions = [f"class{k}" for k in range(1000)]
    with pytest.raises(ValueError, match="this has 1000 without names: its `names`"):
        imagenet_groups(own_subject(own), "imagenet:dog,cat")
    own.names = [f"thing {k}" for k in range(1000)]
    with pytest.raises(ValueError, match="this has 1000 others"):
        imagenet_groups(own_subject(own), "imagenet:dog,cat")
    own.names = [class_names().names[str(k)][0] for k in range(1000)]
    assert imagenet_groups(own_subject(own), "imagenet:dog,cat")["dog"][0] == "class151"


class Own:
    conditions, shape, sigmas = ("a", "b"), (2,), (0.1, 10.0)

    def __init__(self, names):
        self.names = names

    def __call__(self, x, sigma, condition):
        return x


def test_a_callable_of_ones_own_says_its_names():
    for names in (["left", ["right", "starboard"]], {"a": "left", "b": ("right", "starboard")}):
        subject = own_subject(Own(names))
        assert subject.chosen("left,starboard") == ("a", "b")
        assert subject.shown("b") == "b (right)"
    assert own_subject(Own(None)).chosen("1") == ("b",)
    denoiser = as_denoiser(lambda x, t, label: x, "flow", labels=2)
    denoiser.shape, denoiser.names = (2,), ["left", "right"]
    assert own_subject(denoiser).chosen("right") == ("1",)
    for names in (["left"], "lr", [1, 2], {"c": "left"}, [["left", 3], "right"]):
        with pytest.raises(ValueError, match="names must be a text, or several, for each of its 2"):
            own_subject(Own(names))
