"""Published checkpoints of EDM and EDM2: the averaged network's tensors, and how its data were scaled.

A checkpoint is the pickle of a dictionary: `ema` is the network, `encoder` (EDM2) what made its data. Every
module is a call of `torch_utils.persistence._reconstruct_persistent_obj` on a dictionary of class name,
source code and state. The reader executes nothing, so that any name may stand in a file; what is met on the
way from `ema` to its tensors is refused if it is none of those below. Sources: K22, K24.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ....theory._support.aliases import Fields
from ....theory._support.one_line import one_line
from ....theory._support.values import ByContent
from .arrays import as_array, as_number
from .configuration import Configuration, EDMConfiguration, NetworkKind, PreconditioningKind
from .inference import inferred
from .pickle_reader import Call, described, recorded
from .storages import Storages
from .weights import RESAVE, is_archive

__all__ = ["Checkpoint", "Standardisation", "read_checkpoint"]

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_CONTAINERS = {f"torch.nn.modules.container.{kind}" for kind in ("ModuleDict", "ModuleList", "Sequential")}
_SIZE_LIMIT = 16 * 2**30
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file of torch.save before archives
_DEEPEST, _MOST_MODULES = 32, 50_000
_PRECONDITIONERS: dict[str, PreconditioningKind] = {
    "EDMPrecond": "EDM", "VPPrecond": "VP", "VEPrecond": "VE", "iDDPMPrecond": "iDDPM"
}  # fmt: skip
_NETWORKS: dict[str, NetworkKind] = {"SongUNet": "SongUNet", "DhariwalUNet": "DhariwalUNet"}
_INNER = {"Precond": ("unet", ("UNet",))} | {kind: ("model", tuple(_NETWORKS)) for kind in _PRECONDITIONERS}
_FIRST = ("img_resolution", "img_channels", "label_dim", "use_fp16")
_PLACES = {
    "Precond": (*_FIRST, "sigma_data", "logvar_channels"),
    "EDMPrecond": (*_FIRST, "sigma_min", "sigma_max", "sigma_data", "model_type"),
    "VPPrecond": (*_FIRST, "beta_d", "beta_min", "M", "epsilon_t", "model_type"),
    "VEPrecond": (*_FIRST, "sigma_min", "sigma_max", "model_type"),
    "iDDPMPrecond": (*_FIRST, "C_1", "C_2", "M", "model_type"),
}
# of its arguments, what a preconditioner holds itself
_HELD = ("img_resolution", "img_channels", "label_dim", "sigma_data", "beta_d", "beta_min", "M", "C_1", "C_2")


@dataclass(frozen=True)
class Standardisation:
    """How an encoder standardises latents, `scale·latent + bias` per channel."""

    scale: tuple[float, ...]
    bias: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Checkpoint(ByContent):
    """What a file holds of a network: tensors by their published names, in their own precision."""

    configuration: Configuration | EDMConfiguration
    tensors: Mapping[str, Tensor]
    encoder: Standardisation | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """The exponentially averaged network of a checkpoint as published, with nothing in it executed.

    Raises
    ------
    ValueError
        One line that names the file and what in it is refused.
    """
    try:
        size = path.stat().st_size
        if size > _SIZE_LIMIT:
            raise ValueError(f"larger than {_SIZE_LIMIT} bytes")
        with path.open("rb") as stream:
            if is_archive(stream.read(4)):
                raise ValueError(f"not a checkpoint as published, but an archive of torch's; {RESAVE}")
            stream.seek(0)
            content = recorded(stream, size)
        if content == _TORCH_MAGIC:
            raise ValueError(f"not a checkpoint as published, but a file of torch.save; {RESAVE}")
        if not isinstance(content, dict) or "ema" not in content:
            raise ValueError("not a checkpoint: no network named 'ema'")
        return _checkpoint(content["ema"], content.get("encoder"), size)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    except (ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{path}: {one_line(error)[:1000]}") from None


def _checkpoint(ema: object, encoder: object, size: int) -> Checkpoint:
    kind, state = _module(ema, "ema")
    inner = {name: _module(child, name) for name, child in _children(state, "ema")}
    if kind not in _INNER:
        raise ValueError(f"the preconditioner {kind[:100]!r} is none of {', '.join(_INNER)}")
    place, networks = _INNER[kind]
    network = inner[place][0] if place in inner else "nothing"
    if network not in networks:
        raise ValueError(f"ema.{place}: the network {network[:100]!r} is none of {', '.join(networks)}")
    arguments = _arguments(kind, state, inner[place][1])
    tensors = dict(_Walk(size).tensors(ema, ""))
    if not arguments:
        configuration, tensors = inferred(tensors)
        if isinstance(configuration, EDMConfiguration):
            configuration = replace(configuration, preconditioning=_PRECONDITIONERS[kind])
    elif kind == "Precond":
        logvar = tensors.get("logvar_fourier.freqs")
        width = 0 if logvar is None else logvar.numel()
        configuration = Configuration.of({"logvar_channels": width, **arguments})
    else:
        configuration = EDMConfiguration.of(_NETWORKS[network], _PRECONDITIONERS[kind], arguments)
    return Checkpoint(configuration, tensors, _standardisation(encoder))


def _module(record: object, where: str) -> tuple[str, Fields]:
    """Class name and state of a persistent object, or of one of torch's own containers."""
    if isinstance(record, Call) and record.name in _CONTAINERS and isinstance(record.state, dict):
        return record.name.rpartition(".")[2], record.state
    if not isinstance(record, Call) or record.name != PERSISTENT or len(record.arguments) != 1:
        raise ValueError(f"{where}: not a module, but {described(record)}, which is refused")
    about = record.arguments[0]
    if not isinstance(about, dict) or about.get("type") != "class":
        raise ValueError(f"{where}: not a module")
    kind, state = about.get("class_name"), about.get("state")
    if not isinstance(state, dict) or not isinstance(kind, str):
        raise ValueError(f"{where}: a module without a state")
    return kind, state


def _part(state: Fields, kind: str, where: str) -> Iterator[tuple[str, Any]]:
    """What a module holds of one kind, by name, without the places that are empty."""
    held = state.get(kind)
    if held is None:
        return
    if not isinstance(held, dict):
        raise ValueError(f"{where}: its {kind} are {described(held)}, which is refused")
    for name, value in held.items():
        if not isinstance(name, str):
            raise ValueError(f"{where}: {described(name)} as a name is refused")
        if value is not None:
            yield name, value


def _children(state: Fields, where: str) -> Iterator[tuple[str, Any]]:
    return _part(state, "_modules", where)


class _Walk:
    """From a module to the tensors below it, through each module once on any way down."""

    def __init__(self, size: int) -> None:
        self._storages = Storages(size)
        self._modules = 0

    def tensors(self, record: object, prefix: str, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
        """Every parameter and buffer below a module, by its full name."""
        where = prefix.removesuffix(".")[-200:] or "ema"
        self._modules += 1
        if depth > _DEEPEST or self._modules > _MOST_MODULES:
            raise ValueError(f"{where}: more modules within one another than a network has")
        _, state = _module(record, where)
        for kind in ("_parameters", "_buffers"):
            for name, value in _part(state, kind, where):
                yield f"{prefix}{name}", self._storages.tensor(value, f"{prefix}{name}"[-200:])
        for name, module in _children(state, where):
            yield from self.tensors(module, f"{prefix}{name}.", depth + 1)


def _arguments(kind: str, state: Fields, inner: Fields) -> Fields:
    """Constructor arguments: by place, by name, as the object holds them, or as its network notes them.

    Empty where neither was noted.
    """
    places, by_place, by_name = _PLACES[kind], state.get("_init_args", ()), state.get("_init_kwargs")
    if not isinstance(by_place, tuple) or len(by_place) > len(places):
        raise ValueError("constructor arguments by place that are not known")
    given = dict(zip(places, by_place, strict=False))
    given |= by_name if isinstance(by_name, dict) else {}
    if not given:
        return {}
    noted = inner.get("_init_kwargs")
    held = {name: state[name] for name in _HELD if name in state and name in places}
    found = {**(noted if isinstance(noted, dict) else {}), **held, **given}
    unread = ("in_channels", "out_channels", "model_type")  # said by the others, or by the class
    return _plain_arguments({name: value for name, value in found.items() if name not in unread})


def _plain_arguments(given: dict[Any, Any]) -> Fields:
    if not all(isinstance(name, str) for name in given):
        raise ValueError("constructor arguments: a name that is no text")
    return {name: _plain(value, name) for name, value in given.items()}


def _plain(value: object, name: str, depth: int = 0) -> Any:
    """A value of constructor arguments in Python's own types."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)) and depth < 2 and len(value) <= 64:
        return [_plain(part, name, depth + 1) for part in value]
    if isinstance(value, Call):
        return as_number(value, f"constructor argument {name[:100]}")
    raise ValueError(f"constructor argument {name[:100]}: {described(value)} is refused")


def _standardisation(encoder: object) -> Standardisation | None:
    """Scale and bias of an encoder of latents; none where there is no encoder, or one that keeps none."""
    if not isinstance(encoder, Call) or encoder.name != PERSISTENT:
        return None
    _, state = _module(encoder, "encoder")
    if "scale" not in state or "bias" not in state:
        return None
    found = [_numbers(state[name], f"encoder.{name}") for name in ("scale", "bias")]
    return Standardisation(found[0], found[1])


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(part, (int, float)) for part in value):
        numbers = np.asarray(value, dtype=float)
    else:
        numbers = np.asarray(as_array(value, where), dtype=float)
    if numbers.ndim != 1 or not 1 <= numbers.size <= 4096 or not np.isfinite(numbers).all():
        raise ValueError(f"{where}: not a number a channel")
    return tuple(numbers.tolist())
