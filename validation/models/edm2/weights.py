"""Tensors by name, in a `.safetensors` file and in a network: read, or refused with one `ValueError`."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ....theory._support.one_line import one_line

__all__ = ["fill", "read_safetensors"]


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a file; `ValueError` with one line if it cannot be read."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name the .safetensors file in it")
    if path.is_file() and _is_pickle(path):
        target = path.with_suffix(".safetensors").name
        help_ = f"`speciation convert {path.name} {target}` makes one"
        raise ValueError(f"{path}: cannot be read: is a pickle, not safetensors; {help_}")
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None


def fill(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set every parameter and buffer; `ValueError` for one missing, unexpected or of another shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        name = wrong if wrong.isprintable() else repr(wrong)
        raise ValueError(f"{name}: missing, unexpected or of another shape")
    module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


def _is_pickle(path: Path) -> bool:
    """By its first bytes: the opcode of a protocol, or the archive that torch writes.

    A file of safetensors may begin with the same byte, the last of a length, but has a brace in ninth place.
    """
    try:
        with path.open("rb") as stream:
            first = stream.read(9)
    except OSError:
        return False
    return first[:4] == b"PK\x03\x04" or (first[:1] == b"\x80" and first[8:] != b"{")
