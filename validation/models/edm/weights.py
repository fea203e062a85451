"""Tensors by name, in a `.safetensors` file and in a network: read, or refused with one `ValueError`."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ....theory._support.one_line import one_line

__all__ = ["RESAVE", "check_fit", "fill", "is_archive", "is_pickle", "read_safetensors"]

RESAVE = "load it with torch and write its state dict with safetensors.torch.save_file"
"""What to do about a file of `torch.save`, of which nothing is executed here."""


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a file; `ValueError` with one line if it cannot be read."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the .safetensors file in it")
    if path.is_file() and is_pickle(path):
        with path.open("rb") as stream:
            archive = is_archive(stream.read(4))
        target = path.with_suffix(".safetensors")
        target = target if target != path else path.with_stem(f"{path.stem}-converted")
        help_ = RESAVE if archive else f"`speciation convert {path.name} {target.name}` makes one"
        kind = "an archive of torch's" if archive else "a pickle"
        raise ValueError(f"{path}: cannot be read: is {kind}, not safetensors; {help_}")
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise ValueError(
            f"{path}: is no safetensors file and no pickle checkpoint, or a damaged one: {one_line(error)}"
        ) from None
    except (OSError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set every parameter and buffer; `ValueError` for one missing, unexpected or of another shape.

    A module without memory of its own (device meta) takes copies in float32.
    """
    check_fit(module, tensors)
    bare = any(tensor.is_meta for tensor in module.state_dict().values())
    copies = {name: tensor.to(torch.float32, copy=bare) for name, tensor in tensors.items()}
    module.load_state_dict(copies, assign=bare)


def check_fit(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """`ValueError` that names the first tensor that does not fit and counts the rest."""
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    wrong: list[str] = []
    for name, shape in expected.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found is None:
            wrong.append(f"{name}: missing")
        elif found != shape:
            wrong.append(f"{name}: has shape {found}, and the network takes {shape}")
    other = sorted(tensors.keys() - expected.keys())
    wrong += [f"{n[:200] if n.isprintable() else repr(n[:200])}: unexpected" for n in other]
    if wrong:
        rest = f"; {len(wrong) - 1} more do not fit" if len(wrong) > 1 else ""
        raise ValueError(wrong[0] + rest)


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle does, or as the archive that torch writes.

    A file of safetensors may begin with the same byte, the last of a length, but has a brace in ninth place.
    """
    try:
        with path.open("rb") as stream:
            first = stream.read(9)
    except OSError:
        return False
    return is_archive(first) or (first[:1] == b"\x80" and first[8:] != b"{")


def is_archive(first: bytes) -> bool:
    """Whether the first bytes of a file are those of an archive."""
    return first[:4] == b"PK\x03\x04"
