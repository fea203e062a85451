import inspect
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from typing import get_type_hints

import numpy as np
import pytest
import typer
from speciation.validation import measure
from speciation.validation.cli.app import app
from speciation.validation.measurement.asked import Asked
from speciation.validation.measurement.request import Run

ASKED = {each.name: each for each in fields(Asked)}


def test_the_signature_is_that_of_the_fields():
    shown = inspect.signature(measure).parameters
    assert set(shown) == {each.name for each in fields(Run)} == ASKED.keys() | {"out", "share", "progress"}
    for name, each in shown.items():
        assert each.kind is (each.POSITIONAL_OR_KEYWORD if name == "model" else each.KEYWORD_ONLY)
        wanted = next(field.default for field in fields(Run) if field.name == name)
        assert each.default == (each.empty if wanted is MISSING else wanted)
    hints = get_type_hints(measure)
    assert (hints["batch"], hints["return"].__name__) == (int, "Result")


def test_the_docstring_describes_each_field():
    described = measure.__doc__.partition("Parameters\n")[2].partition("Returns\n")[0]
    heads = [line.partition(" :")[0].strip() for line in described.splitlines()[1:] if line[4:5].strip()]
    assert {name for head in heads for name in head.split(", ")} == {each.name for each in fields(Run)}


def test_each_field_is_an_option_with_its_default():
    command = typer.main.get_command(app).commands["measure"]
    options = {each.name: each for each in command.params}
    for name, each in ASKED.items():
        assert name in options
        if name not in ("model", "seed"):
            assert options[name].help == re.sub(r"\{(\w+)\}", r"--\1", each.metadata["help"])
        if name != "model":
            assert options[name].default == each.default
    assert options.keys() - ASKED.keys() == {"estimate", "out", "as_json", "quiet"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("estimator", "paht", "'paht' is not one of path, discrepancy, cloning, commitment"),
        ("precision", "float8", "'float8' is not one of float32, float16, bfloat16"),
        ("samples", 0, "must be at least 1, not 0"),
        ("levels", 1, "must be at least 2, not 1"),
        ("batch", 0, "must be at least 1, not 0"),
        ("seed", -1, "need a whole number from 0 to"),
    ],
)
def test_bad_values_are_refused_before_the_model_is_read(name, value, message):
    with pytest.raises(ValueError, match=f"^{name}: {message}"):
        Asked("nowhere.npz", **{name: value})


def test_unknown_keywords_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^measure\(\) got an unexpected keyword argument 'sampels'"):
        measure("digits", sampels=3)


def test_what_can_be_asked_is_known_without_torch():
    code = "import sys, speciation.validation.measurement.asked as a; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classes": (3, 8)}, r'classes: need names as text, such as \["3", "8"\], not 3'),
        ({"classes": 3}, "classes: need names as text"),
        ({"classes": b"3,8"}, "classes: need names as text"),
        ({"guidance": "2"}, "guidance"),
        ({"guidance": None}, "guidance"),
        ({"members": 1.5}, "members: must be a whole number, not 1.5"),
        ({"members": 0}, "members: must be at least 1, not 0"),
        ({"batch": True}, "batch: must be a whole number"),
    ],
)
def test_what_is_no_value_of_its_argument_is_named_before_the_model_is_read(given, message):
    with pytest.raises(ValueError, match=f"^{message}[^\n]*$"):
        measure("no model at all", **given)


def test_classes_are_names_in_any_sequence():
    for given in ("3,8", ["3", "8"], ("3", "8"), np.array(["3", "8"])):
        assert Asked("digits", classes=given).classes in (["3,8"], ["3", "8"])
