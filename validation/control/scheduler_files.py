"""A scheduler's folder, or a file of ᾱ, as a schedule; without diffusers, so that it takes no time."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory import schedules
from ...theory._support.aliases import ReadFields
from ...theory._support.json_files import read_json
from ...theory._support.one_line import one_line
from ...theory._support.plain_numbers import plain_number

__all__ = ["alphas_of_config", "schedule_of_file"]

Array = NDArray[np.float64]

_CONFIG = "scheduler_config.json"
_LARGEST = 1 << 24  # bytes of a file of ᾱ


def schedule_of_file(path: Path) -> schedules.Schedule:
    """The schedule of a diffusers scheduler's folder (or pipeline's), its configuration, or a file of ᾱ.

    ᾱ is read from `.npy`, `.npz` (as `alphas_cumprod`, or its only array), `.json` and text. Of a table the
    time is the step that the network is given, from 0.

    Raises
    ------
    ValueError
        One line for a file that cannot be read, or a scheduler of another kind than a table, flow or EDM.
    """
    if path.is_dir():
        places = [path / _CONFIG, path / "scheduler" / _CONFIG]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise ValueError(f"{path}: a folder without {_CONFIG}")
        path = found
    try:
        if path.suffix == ".json":
            content = read_json(path)
            if isinstance(content, Mapping) and "alphas_cumprod" not in content:
                return _of_config(content)
            alphas: object = content["alphas_cumprod"] if isinstance(content, Mapping) else content
        else:
            alphas = _alphas(path)
        return _of_table(alphas)
    except ValueError as error:
        said = one_line(error)
        raise ValueError(said if said.startswith(f"{path}") else f"{path}: {said}") from None


def _of_table(alphas: Any) -> schedules.Schedule:
    """The network's own step, from 0."""
    table = schedules.Table(alphas)
    return schedules.Spaced(table, np.arange(1, table.last_time + 1))


def _alphas(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large for a table of alphas_cumprod")
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return np.asarray(np.load(file, allow_pickle=False), dtype=np.float64)
        if path.suffix == ".npz":
            # what NumPy opens itself it leaves open where it cannot be read
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                    raise ValueError("too large for a table of alphas_cumprod")
                file.seek(0)
                held = np.load(file, allow_pickle=False)
                names = held.files
                if "alphas_cumprod" not in names and len(names) != 1:
                    raise ValueError(f"holds {', '.join(names) or 'nothing'}, and no alphas_cumprod")
                return held["alphas_cumprod" if "alphas_cumprod" in names else names[0]]
        text = path.read_text(encoding="utf-8-sig")
        lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
        kept = [line for line in lines if line and not line.startswith("#")]
        return [plain_number(line) for line in kept[1 if kept[:1] == ["alphas_cumprod"] else 0 :]]
    except OSError as error:
        raise ValueError(f"cannot be read: {one_line(error)}") from None
    except Exception as error:  # what a reader of archives raises
        raise ValueError(f"cannot be read as alphas_cumprod: {one_line(error)}") from None


def _of_config(config: Mapping[str, object]) -> schedules.Schedule:
    """By the kind that the scheduler's class is of."""
    name = str(config.get("_class_name", ""))
    flow = name.startswith("FlowMatch") or bool(config.get("use_flow_sigmas"))
    if flow:
        shift = config.get("shift", config.get("flow_shift", 1.0))
        return schedules.FlowMatching(_number(shift, "shift"))
    if name.startswith("EDM"):
        return schedules.EDM()
    return _of_table(alphas_of_config(config))


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name}: {value!r} is not a number")
    return float(value)


def alphas_of_config(config: ReadFields) -> Float64[Array, " steps"]:
    """ᾱ of a scheduler's configuration, in double precision.

    Raises
    ------
    ValueError
        One line for a configuration without a table of β, or with a schedule of another name.
    """
    if config.get("trained_betas") is not None:
        betas = np.array([_number(each, "trained_betas") for each in config["trained_betas"]])
    else:
        absent = [k for k in ("beta_start", "beta_end", "beta_schedule") if config.get(k) is None]
        if absent:
            raise ValueError(f"{config.get('_class_name', 'the scheduler')} has no {absent[0]}")
        betas = _betas(config)
    alphas = np.cumprod(1 - betas, dtype=np.float64)
    if config.get("rescale_betas_zero_snr"):
        root = np.sqrt(alphas)
        alphas = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    return np.asarray(alphas, dtype=np.float64)


def _betas(config: Mapping[str, object]) -> Float64[Array, " steps"]:
    kind = config["beta_schedule"]
    first, last = (_number(config[name], name) for name in ("beta_start", "beta_end"))
    steps = int(_number(config.get("num_train_timesteps", 1000), "num_train_timesteps"))
    if not 2 <= steps <= 1_000_000:
        raise ValueError(f"num_train_timesteps: must lie between 2 and 1000000, not {steps}")
    if kind == "linear":
        return np.linspace(first, last, steps, dtype=np.float64)
    if kind == "scaled_linear":
        return np.linspace(first**0.5, last**0.5, steps) ** 2
    if kind == "squaredcos_cap_v2":
        cosine = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
        return np.minimum(1 - cosine[1:] / cosine[:-1], 0.999)
    if kind == "sigmoid":
        return first + (last - first) / (1 + np.exp(-np.linspace(-6, 6, steps)))
    raise ValueError(f"beta_schedule {kind!r} is none of linear, scaled_linear, squaredcos_cap_v2, sigmoid")
