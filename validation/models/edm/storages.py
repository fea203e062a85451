"""Torch's tensors from the calls that would rebuild them, and their storages from torch's first file format.

A storage stands in a checkpoint as bytes of that format: four pickles (a number that marks it, a version, the
writer's sizes of types, the storage as a persistent id) and a list of keys, then the number of elements in
eight bytes and the elements themselves. A tensor is a window (offset, size, stride) into a storage. Nothing
larger than the storage is made.
"""

import io
import math
import re

import torch
from jaxtyping import Shaped
from torch import Tensor

from ....theory._support.aliases import Record
from .arrays import as_bytes
from .pickle_reader import Call, Name, described, recorded

__all__ = ["Storages"]

_PARAMETERS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_TENSORS = {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"}
_STORAGE = "torch.storage._load_from_bytes"
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_CLASS = re.compile(r"torch(?:\.cuda)?\.(Double|Float|Half|BFloat16)Storage")
_TYPES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16
}  # fmt: skip


class Storages:
    """Storages of one file, each taken out of its record as it is read, so that it is held only once.

    `size` is that of the file; its tensors may not hold more together.
    """

    def __init__(self, size: int) -> None:
        self._left = size
        self._read: dict[int, tuple[Call, Tensor]] = {}

    def tensor(self, value: Record, name: str) -> Shaped[Tensor, "..."]:
        """The tensor that a record describes; `ValueError` with its name for what is none."""
        if isinstance(value, Call) and value.name in _PARAMETERS and value.arguments:
            value = value.arguments[0]
        if not isinstance(value, Call) or value.name not in _TENSORS or len(value.arguments) < 4:
            raise ValueError(f"{name}: not a tensor, but {described(value)}")
        storage, offset, size, stride = value.arguments[:4]
        if not isinstance(storage, Call) or storage.name != _STORAGE:
            raise ValueError(f"{name}: its storage is not held in the file, but is {described(storage)}")
        again = id(storage) in self._read
        flat = self._flat(storage, name)
        if not _fits(offset, size, stride, flat.numel()):
            raise ValueError(f"{name}: its shape is larger than its storage")
        self._left -= math.prod(size) * flat.element_size()
        if self._left < 0:
            raise ValueError(f"{name}: the tensors up to this one are larger than the file")
        found = torch.as_strided(flat, size, stride, offset)
        whole = found.is_contiguous() and found.numel() == flat.numel()
        return found if whole and not again else found.clone(memory_format=torch.contiguous_format)

    def _flat(self, storage: Call, name: str) -> Shaped[Tensor, " n"]:
        if id(storage) not in self._read:
            try:
                content = as_bytes(storage.arguments[0] if storage.arguments else None, "its storage")
                flat = _elements(content)
            except ValueError as error:
                raise ValueError(f"{name}: its storage cannot be read: {error}") from None
            storage.arguments = ()
            self._read[id(storage)] = storage, flat
        return self._read[id(storage)][1]


def _fits(offset: Record, size: Record, stride: Record, held: int) -> bool:
    """Whether a window of whole numbers lies within a storage, and holds no element twice."""
    if not (isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= 8):
        return False
    if not all(isinstance(number, int) and 0 <= number <= held for number in (offset, *size, *stride)):
        return False
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    return 0 < math.prod(size) <= held and last < held


def _elements(content: bytes | bytearray) -> Shaped[Tensor, " n"]:
    """The elements of a storage, as a vector of its own type."""
    stream = io.BytesIO(content)
    if recorded(stream, len(content)) != _MAGIC or recorded(stream, len(content)) != _VERSION:
        raise ValueError("not in torch's format")
    about = recorded(stream, len(content))
    if not isinstance(about, dict) or about.get("little_endian") is not True:
        raise ValueError("not written on a little-endian machine")
    kind, key = _kind(recorded(stream, len(content)))
    if recorded(stream, len(content)) != [key]:
        raise ValueError("not of one storage")
    count, start = int.from_bytes(stream.read(8), "little"), stream.tell()
    dtype = _TYPES[kind]
    if count == 0 or len(content) - start != count * dtype.itemsize:
        raise ValueError("its length is not that of its elements")
    return torch.frombuffer(bytearray(memoryview(content)[start:]), dtype=dtype)


def _kind(record: object) -> tuple[str, str]:
    """Type and key of a storage from its persistent id."""
    if not isinstance(record, Call) or record.name != "persistent id":
        raise ValueError(f"{described(record)} is no storage")
    (about,) = record.arguments
    if not isinstance(about, tuple) or len(about) not in (5, 6) or about[0] != "storage":
        raise ValueError("a persistent id that is of no storage")
    found = _CLASS.fullmatch(about[1].path) if isinstance(about[1], Name) else None
    if found is None:
        raise ValueError(f"{described(about[1])} is no storage of floating-point numbers")
    if not isinstance(about[2], str) or (len(about) == 6 and about[5] is not None):
        raise ValueError("a view of another storage")
    return found[1], about[2]
