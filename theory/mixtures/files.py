"""Mixtures as files: `.json` for reading by people, `.npz` for large dimensions.

JSON: `{"weights": […], "means": [[…]], "covariance": {"isotropic": s²} | {"diagonal": […]} |
{"full": [[…]]} | {"low_rank": {"diagonal": s² | […], "factors": [[…]]}} | a list of these, one per
class, "labels": […], "partition": {"group": ["label"]}}`.
NPZ: arrays of the same names; `covariance` is a number (isotropic), (d,) (diagonal) or (d, d)
(full), and `covariance_0`, `covariance_1`, … are one per class; a diagonal plus low rank adds its
factors (d, r) as `factors`, `factors_0`, …; a partition is an array of strings,
`partition_groups`, with the group of each label in turn.

Reading executes nothing, and nothing is allocated that the file does not hold.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import Fields
from .._support.archives import AnyArray, read_arrays
from .._support.json_files import read_json
from .._support.one_line import one_line
from .covariance import Covariance, Diagonal, Full, Isotropic, LowRank
from .parts import Parts

__all__ = ["read", "write"]

Array: TypeAlias = NDArray[np.float64]

JSON_LIMIT = 256 * 2**20
"""Largest JSON file that is read, in bytes; larger mixtures belong in `.npz`."""


def _low_rank(value: object) -> Covariance:
    if not isinstance(value, dict) or set(value) != {"diagonal", "factors"}:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError("a low-rank covariance has a diagonal and factors")
    entry = cast(Fields, value)
    return LowRank(entry["diagonal"], entry["factors"])


_KINDS: dict[str, Callable[[Any], Covariance]] = {
    "isotropic": Isotropic,
    "diagonal": Diagonal,
    "full": Full,
    "low_rank": _low_rank,
}
_KEYS = ("weights", "means", "covariance", "labels", "partition")


class Mixture(Protocol):
    """What is written: the attributes of a `GaussianMixture`."""

    @property
    def weights(self) -> Array: ...
    @property
    def means(self) -> Array: ...
    @property
    def covariances(self) -> tuple[Covariance, ...]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def partition(self) -> Mapping[str, tuple[str, ...]] | None: ...


def read(path: Path) -> Parts:
    """What the mixture in `path` (`.json` or `.npz`) is built from.

    Raises
    ------
    ValueError
        One line that starts with the file's name.
    """
    try:
        if not path.is_file():
            raise ValueError("no such file" if not path.exists() else "not a file")
        fields = _read_npz(path) if path.suffix == ".npz" else _read_json(path)
        return _build(fields)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write(mixture: Mixture, path: Path) -> None:
    """Write `mixture` to `path` (`.json` or `.npz`), whole or not at all.

    Raises
    ------
    ValueError
        For another ending.
    """
    if path.suffix not in (".json", ".npz"):
        raise ValueError(f"{path}: a mixture file ends in .json or .npz")
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        if path.suffix == ".json":
            temporary.write_text(json.dumps(_to_json(mixture), indent=1) + "\n", encoding="utf-8")
        else:
            arrays: Fields = dict(_to_arrays(mixture))
            np.savez(temporary, **arrays)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _read_json(path: Path) -> Fields:
    size = path.stat().st_size
    if size > JSON_LIMIT:
        raise ValueError(f"{size} bytes of JSON; above {JSON_LIMIT} use .npz")
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError("need a JSON object with weights, means and covariance")
    fields = cast(Fields, content)
    unknown = [key for key in fields if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    if "covariance" in fields:
        fields["covariance"] = _covariance_from_json(fields["covariance"])
    return fields


def _covariance_from_json(value: object) -> Covariance | list[Covariance]:
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_one_from_json(item, f"covariance[{index}]") for index, item in enumerate(items)]
    return _one_from_json(value, "covariance")


def _one_from_json(value: object, name: str) -> Covariance:
    if not isinstance(value, dict) or len(value) != 1:  # pyright: ignore[reportUnknownArgumentType]
        raise ValueError(f"{name}: need one of {', '.join(_KINDS)} with its value")
    entry = cast(Fields, value)
    ((kind, content),) = entry.items()
    if kind not in _KINDS:
        raise ValueError(f"{name}: {kind!r} is not one of {', '.join(_KINDS)}")
    try:
        return _KINDS[kind](content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _build(fields: Fields) -> Parts:
    for key in ("weights", "means", "covariance"):
        if key not in fields:
            raise ValueError(f"{key}: missing")
    return Parts(
        fields["weights"],
        fields["means"],
        fields["covariance"],
        fields.get("labels"),
        fields.get("partition"),
    )


def _to_json(mixture: Mixture) -> Fields:
    each = [covariance.to_json() for covariance in mixture.covariances]
    fields: Fields = {
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariance": each if len(each) > 1 else each[0],
        "labels": list(mixture.labels),
    }
    if mixture.partition is not None:
        fields["partition"] = {name: list(group) for name, group in mixture.partition.items()}
    return fields


def _to_arrays(mixture: Mixture) -> dict[str, AnyArray]:
    arrays: dict[str, AnyArray] = {
        "weights": mixture.weights,
        "means": mixture.means,
        "labels": np.array(mixture.labels),
    }
    for index, covariance in enumerate(mixture.covariances):
        suffix = f"_{index}" if len(mixture.covariances) > 1 else ""
        if isinstance(covariance, LowRank):
            arrays |= {f"covariance{suffix}": covariance.diagonal, f"factors{suffix}": covariance.factors}
        else:
            (value,) = covariance.to_json().values()
            arrays[f"covariance{suffix}"] = np.asarray(value)
    if mixture.partition is not None:
        pairs = [(label, name) for name, group in mixture.partition.items() for label in group]
        group_of = dict(pairs)
        arrays["partition_groups"] = np.array([group_of[label] for label in mixture.labels])
    return arrays


def _read_npz(path: Path) -> Fields:
    arrays = read_arrays(path)
    if {"X", "y"} <= set(arrays):
        fit = f"speciation fit {path} --out mixture.npz"
        raise ValueError(f"holds samples (X, y) and not a mixture; first run: {fit}")
    fields: Fields = {key: arrays.pop(key) for key in ("weights", "means") if key in arrays}
    if "labels" in arrays:
        fields["labels"] = [str(label) for label in np.atleast_1d(arrays.pop("labels"))]
    if "partition_groups" in arrays:
        fields["partition"] = _partition_from_groups(arrays.pop("partition_groups"), fields)
    if "covariance" in arrays:
        fields["covariance"] = _covariance_from_arrays(arrays, "")
    elif "covariance_0" in arrays:
        count = sum(name.startswith("covariance_") for name in arrays)
        try:
            fields["covariance"] = [_covariance_from_arrays(arrays, f"_{k}") for k in range(count)]
        except KeyError as error:
            raise ValueError(f"{error.args[0]}: missing") from None
    if arrays:
        raise ValueError(f"unknown array {next(iter(arrays))!r}")
    return fields


def _covariance_from_arrays(arrays: dict[str, AnyArray], suffix: str) -> Covariance:
    """By its shape, which the format makes unique; the type of the numbers says how far they are rounded."""
    name = f"covariance{suffix}"
    value, factors = arrays.pop(name), arrays.pop(f"factors{suffix}", None)
    try:
        if factors is not None:
            return LowRank(value, factors)
        if value.ndim > 2 or value.size == 0:
            raise ValueError(f"need a number, shape (d,) or (d, d), not {value.shape}")
        kinds = list(_KINDS.values())  # by the number of dimensions
        return kinds[value.ndim](value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _partition_from_groups(groups: AnyArray, fields: Fields) -> dict[str, list[str]]:
    labels: list[str] = fields.get("labels", [])
    if groups.shape != (len(labels),):
        raise ValueError("partition_groups: need labels, and one group for each of them")
    partition: dict[str, list[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        partition.setdefault(str(group), []).append(label)
    return partition
