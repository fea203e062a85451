"""Results whose fields hold arrays, tensors or datasets compare and hash as values."""

import ast
import copy
import dataclasses
import importlib
import inspect
import pickle
import re
import typing

import numpy as np
import pytest
import torch
import xarray as xr
from speciation.numerics import entropy_curve, guided_odds
from speciation.numerics.curves.fitted import Fitted
from speciation.theory import (
    Diagonal,
    Full,
    GaussianMixture,
    Isotropic,
    LowRank,
    exact_curves,
    gaussian_pair,
    schedules,
    speciation_times,
    theorems,
)
from speciation.theory._support.values import ByContent
from speciation.theory.channel.series import Truncation
from speciation.theory.closed_forms.orthogonal import orthogonal_table
from speciation.theory.closed_forms.unequal_scales import Contrast
from speciation.validation.control.clocks import convert_levels
from speciation.validation.control.information import information_of
from speciation.validation.measurement.comparison import Comparison
from speciation.validation.measurement.measure import Result
from speciation.validation.models.digits_model import Images
from speciation.validation.verification.verify import TheoremResult

PAIR = GaussianMixture([0.4, 0.6], [[0.0, 0.0], [1.0, 2.0]], [1.0, [1.0, 2.0]])
CURVE = xr.Dataset({"rate": ("sigma", [1.0, np.nan])}, {"sigma": [0.5, 1.0]}, {"method": "path"})
COMPARISON = Comparison(CURVE, {"closure": 0.9, "gap": float("nan"), "pairs": {"0,1": [1.0]}})
CHANGED = {
    "exact curves": (exact_curves(PAIR), {"lowest": 0.1}),
    "pair": (gaussian_pair(PAIR, 1.0), {"prior": 0.3}),
    "contrast": (Contrast(np.ones(2), np.ones(2), np.ones(2)), {"slopes": np.array([1.0, 2.0])}),
    "guided odds": (guided_odds([0.1, 1.0], 2.0), {"accuracy": np.array([0.5, 0.6])}),
    "images": (Images(torch.ones(2, 1, 2, 2), torch.tensor([0, 1])), {"labels": torch.tensor([1, 1])}),
    "comparison": (COMPARISON, {"predicted": CURVE.assign_attrs(method="exact")}),
    "result": (Result(CURVE, COMPARISON, {"seed": 1}), {"curve": CURVE * 2}),
    "summary": (Result(CURVE, None, {"seed": 1}), {"summary": {"seed": 2}}),
}


def copies(value):
    """The value by every way that keeps it."""
    pickled = pickle.loads(pickle.dumps(value))  # noqa: S301 (our own)
    return copy.copy(value), copy.deepcopy(value), pickled, dataclasses.replace(value)


@pytest.mark.parametrize("name", CHANGED)
def test_results_are_values(name):
    value, change = CHANGED[name]
    for found in copies(value):
        assert found == value
        assert hash(found) == hash(value)
    assert dataclasses.replace(value, **change) != value
    assert value != name


def everything_public() -> dict[type, list[object]]:
    """Values by their type: two of each, unlike one another, or one where there is but one."""
    first, second = (theorems.Theorem(each, "", "", (), (), tuple, dict) for each in ("T0", "T00"))
    words = (theorems.Text, theorems.Argument, theorems.Measured)
    blocks = [kind(each) for kind in words for each in ("one", "two")]
    blocks += [theorems.Identity("", 1, side) for side in (1, 2)]
    rates = [schedules.VariancePreserving(np.cosh, 1.0), schedules.VariancePreserving(np.cosh, 2.0)]
    continuous = [schedules.Cosine(), schedules.EDM(), schedules.LogSNR(), schedules.OrnsteinUhlenbeck()]
    settled = [schedules.FlowMatching(), schedules.FlowMatching(3.0), schedules.VPLinear(), schedules.SubVP()]
    stepwise = [schedules.DDPM(), schedules.StableDiffusion(), schedules.VarianceExploding()]
    tables = [schedules.Table([0.9, 0.5]), schedules.Table([0.9, 0.4]), *map(schedules.karras, (5, 6))]
    forms = [Isotropic(1.0), Isotropic(2.0), Diagonal(np.ones(2)), Diagonal(2 * np.ones(2))]
    matrices = [
        Full(np.eye(2)),
        Full(2 * np.eye(2)),
        *(LowRank(np.ones(2), k * np.ones((2, 1))) for k in (1, 2)),
    ]
    fits = [Fitted(PAIR, (PAIR,), (2, 2), (0.0,), held) for held in (False, True)]
    results = [TheoremResult(each, (), ()) for each in (first, second)]
    sums = [Truncation(1.0, 2, 0.1), Truncation(1.0, 3, 0.1)]
    values = [
        *blocks, *rates, *continuous, *settled, *stepwise, *tables, *forms, *matrices, *fits, *results, *sums,
        first, second, PAIR, *speciation_times(PAIR), *(value for value, _ in CHANGED.values()),
    ]  # fmt: skip
    found: dict[type, list[object]] = {}
    for value in values:
        found.setdefault(type(value), []).append(value)
    return found


def public_dataclasses() -> set[type]:
    """Those of the faces and of their public modules, and what public functions return."""
    found = set()
    for floor in ("theory", "numerics", "validation"):
        face = importlib.import_module(f"speciation.{floor}")
        held = [getattr(face, name) for name in face.__all__]
        modules = [each for each in held if inspect.ismodule(each)]
        held += [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]
        for each in held:
            kinds = [each]
            if inspect.isfunction(each):
                returned = inspect.signature(each).return_annotation
                kinds += [returned, *typing.get_args(returned)]
            found |= {kind for kind in kinds if inspect.isclass(kind) and dataclasses.is_dataclass(kind)}
    return {kind for kind in found if not inspect.isabstract(kind)}


def test_everything_public_is_a_value():
    values = everything_public()
    assert len(values) > 30
    missing = {kind.__name__ for kind in public_dataclasses() - values.keys()}
    assert missing == set()
    for kind, (value, *others) in values.items():
        for found in copies(value):
            assert found == value, kind
            assert hash(found) == hash(value), kind
        assert all(other != value for other in others[-1:]), kind


def test_what_has_a_hash_and_is_handed_out_cannot_change():
    handed = (
        orthogonal_table([1.0], [2]),
        information_of(entropy_curve(PAIR, np.geomspace(0.1, 9, 30))),
        convert_levels(np.array([0.5]), "edm", ["ddpm"]),
    )
    for value in handed:
        arrays = [getattr(value, each.name) for each in dataclasses.fields(value)]
        assert not any(each.flags.writeable for each in arrays if isinstance(each, np.ndarray)), type(value)
    with pytest.raises(TypeError):
        handed[2].times["ddpm"] = None


MADE = re.compile(r"^@dataclass.*\n(?:@.*\n)*class .*\n(?:(?:    .*)?\n)+", re.MULTILINE)
HOLDS = re.compile(r"\b(Array|NDArray|Tensor|Dataset|Places|Indices)\b")
OUR_VALUES = {"ByContent", "Value", "Schedule", "Covariance", "DDPM"}


def compared_by_arrays(tree: ast.AST) -> list[str]:
    """Dataclasses with arrays or datasets that would compare them as they are, which is no truth value."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        made = any("dataclass" in ast.unparse(each) for each in node.decorator_list)
        kinds = [ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign)]
        holds = any(HOLDS.search(kind.partition("Callable")[0]) for kind in kinds)
        if made and holds and not OUR_VALUES & {ast.unparse(base) for base in node.bases}:
            found.append(node.name)
    return found


def test_what_holds_arrays_compares_them_by_content(root):
    paths = [path for floor in ("theory", "numerics", "validation") for path in (root / floor).rglob("*.py")]
    classes = [each for path in paths for each in MADE.findall(path.read_text())]
    assert len(classes) > 80
    found = {name for each in classes for name in compared_by_arrays(ast.parse(each))}
    # of independent routes, which take nothing from theory, and a file that is read where it is needed
    assert found == {"Components", "State", "SingleFile"}
    assert compared_by_arrays(ast.parse("@dataclass\nclass Made:\n    x: Float[Tensor, 'n']")) == ["Made"]


@dataclasses.dataclass(frozen=True, eq=False)
class Holding(ByContent):
    """Anything."""

    held: object


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (np.float32("nan"), np.float32("nan"), "nan"),
        (float("nan"), float("nan"), 0.0),
        ({1, 2}, {2, 1}, {1}),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16), torch.ones(2).half()),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2), torch.zeros(2)),
        (torch.tensor([1j]).conj(), torch.tensor([1j]).conj().resolve_conj(), torch.tensor([1j])),
    ],
    ids=["single NaN", "NaN", "set", "bfloat16", "parameter", "conjugate"],
)  # fmt: skip
def test_fields_of_every_kind_are_compared_by_what_they_hold(one, same, other):
    assert Holding(one) == Holding(same)
    assert hash(Holding(one)) == hash(Holding(same))
    assert Holding(one) != Holding(other)
