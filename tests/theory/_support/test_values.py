"""Results whose fields hold arrays, tensors or datasets compare and hash as values."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from speciation.numerics import guided_odds
from speciation.theory import GaussianMixture, exact_curves, gaussian_pair
from speciation.theory._support.values import ByContent
from speciation.theory.closed_forms.unequal_scales import Contrast
from speciation.validation.measurement.comparison import Comparison
from speciation.validation.measurement.measure import Result
from speciation.validation.models.digits_model import Images

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


@pytest.mark.parametrize("name", CHANGED)
def test_results_are_values(name):
    value, change = CHANGED[name]
    for found in (
        copy.copy(value),
        copy.deepcopy(value),
        pickle.loads(pickle.dumps(value)),  # noqa: S301 (our own)
        dataclasses.replace(value),
    ):
        assert found == value
        assert hash(found) == hash(value)
    assert dataclasses.replace(value, **change) != value
    assert value != name


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
