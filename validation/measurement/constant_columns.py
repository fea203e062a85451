"""What a curve has one of, in a table: columns that hold the same on every line.

Where half of a curve's entropy is depends on its `class_entropy` and `closure`, and an interval on the draws
it came from: a table without them would be read in another way than the dataset it was written from.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ...numerics.curves.places import PLACES
from ...theory._support.aliases import Fields

__all__ = ["CONSTANTS", "constant_columns", "constants_of", "with_valid_constants"]

_ENDS = ("", "_low", "_high")
_SHARES = ("closure", "gap_closure", "window_closure", "below_cut", "below_cut_by_gap")
_CLOSURES = (*(name + end for name in _SHARES for end in ("", "_se")), "cut_sigma")
_NUMBERS = ("class_entropy", *_CLOSURES, *(name + end for name in PLACES for end in _ENDS))
_COUNTS = ("classes", "model_classes")
_WEIGHTS = ("guidance", "interval_low", "interval_high")
_TEXTS = ("method", "conditions", "guidance_reference")
CONSTANTS: tuple[str, ...] = (*_NUMBERS, *_COUNTS, *_WEIGHTS, *_TEXTS)
"""Variables without a dimension, and attributes, that a comparison reads."""


def constant_columns(curve: xr.Dataset) -> Fields:
    """Attributes of a curve that a table repeats on every line; texts of one line only."""
    found = {name: curve.attrs[name] for name in (*_COUNTS, *_WEIGHTS, *_TEXTS) if name in curve.attrs}
    return {name: value for name, value in found.items() if len(str(value).splitlines()) == 1}


def constants_of(
    columns: Mapping[str, Sequence[str]], number: Callable[[str], float]
) -> tuple[dict[str, float], Fields]:
    """Variables and attributes from the fields of a table by column; empty fields say nothing.

    `number` reads a field, as NaN where it is none. A text that is not the same everywhere belongs to another
    program, and is left out.

    Raises
    ------
    ValueError
        For a number that is none or not the same everywhere; the message is the end of a line.
    """
    variables: dict[str, float] = {}
    attributes: Fields = {}
    for name in CONSTANTS:
        fields = pd.unique(np.asarray(columns.get(name, ()), dtype=object))
        if fields.size == 0 or not any(fields):
            continue
        if name in _TEXTS:
            attributes |= {name: fields[0]} if fields.size == 1 else {}
            continue
        value = number(fields[0])
        if fields.size > 1 or not np.isfinite(value):
            raise ValueError(f"{name} must be one number, the same on every line")
        if name in ("class_entropy", *_COUNTS) and not value > 0:
            raise ValueError(f"{name} must be > 0")
        if name in _NUMBERS:
            variables[name] = value
        else:
            attributes[name] = int(value) if name in _COUNTS else value
    return variables, attributes


def with_valid_constants(curve: xr.Dataset) -> xr.Dataset:
    """A dataset whose constants are such as a table could hold; NaN says nothing, but for a place.

    Raises `ValueError` with the rest of a line for what is not one number (one of each pair).
    """
    for name in _NUMBERS:
        if name not in curve.variables:
            continue
        held = curve[name]
        if not set(held.dims) <= {"pair"} or held.dtype.kind not in "fiu" or np.isinf(held.values).any():
            raise ValueError(f"{name} must be one number, without a dimension")
        if name == "class_entropy" and not (held.values > 0).all():
            raise ValueError(f"{name} must be > 0")
        if name in _CLOSURES and np.isnan(held.values).any():
            curve = curve.drop_vars(name)
    for name in (*_COUNTS, *_WEIGHTS):
        held = curve.attrs.get(name, 1)
        if not isinstance(held, (int, float, np.number)) or not np.isfinite(held):
            raise ValueError(f"{name} must be one number")
        if name in _COUNTS and not held > 0:
            raise ValueError(f"{name} must be > 0")
    return curve
