"""NumPy's arrays and numbers from the calls that would rebuild them, by none of NumPy's own readers.

    scalar(dtype, bytes)
    _reconstruct(ndarray, (0,), b"b"), then the state (1, shape, dtype, is_fortran, bytes)
    _frombuffer(bytes, dtype, shape, order)
    dtype("f4", False, True), then the state (3, "<", None, None, None, −1, −1, 0)

NumPy 1 says `numpy.core` for what NumPy 2 calls `numpy._core`.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ....theory._support.aliases import Record

if TYPE_CHECKING:
    from .pickle_reader import Call

__all__ = ["as_array", "as_bytes", "as_number", "check_array_call", "check_array_state"]

_CORES = ("numpy.core", "numpy._core")
_RECONSTRUCT = {f"{core}.multiarray._reconstruct" for core in _CORES}
_SCALAR = {f"{core}.multiarray.scalar" for core in _CORES}
_FROM_BUFFER = {f"{core}.numeric._frombuffer" for core in _CORES}
_DTYPE = "numpy.dtype"
_TYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}
_ORDERS = {"<", ">", "=", "|"}
_LARGEST = 2**20  # bytes of an array


def check_array_call(name: str, arguments: tuple[object, ...]) -> None:
    """`ValueError` for a call of NumPy's with what no file of numbers gives it."""
    first = arguments[0] if arguments else None
    if name in _RECONSTRUCT and getattr(first, "path", None) != "numpy.ndarray":
        raise ValueError(f"{name!r} of something that is no array is refused")
    if name == _DTYPE:
        code = first.lstrip("<>=|") if isinstance(first, str) else ""
        text = code[:1] in ("U", "S") and code[1:].isdecimal()
        if not text and code not in _TYPES:
            shown = repr(first)[:40] if isinstance(first, str) else f"a {type(first).__name__}"
            raise ValueError(f"{_DTYPE!r} of {shown} is refused: it is no type of numbers or text")


def check_array_state(name: str, state: Record) -> None:
    """`ValueError` for a state that no array of numbers, or type of one, has."""
    if name == _DTYPE:
        plain = isinstance(state, tuple) and len(state) == 8 and state[0] == 3 and state[1] in _ORDERS
        if not plain or any(part is not None for part in state[2:5]):
            raise ValueError(f"a {_DTYPE!r} with the state of a structured or unknown type is refused")
    if name in _RECONSTRUCT:
        array = isinstance(state, tuple) and len(state) == 5 and not isinstance(state[4], (list, tuple))
        if not array:
            raise ValueError("an array whose content is no bytes is refused")


def as_bytes(value: Record, where: str) -> bytes | bytearray:
    """Bytes as they are, or as the second protocol writes them, through a text in Latin 1."""
    if isinstance(value, (bytes, bytearray)):
        return value
    if getattr(value, "name", None) == "_codecs.encode":
        text, encoding = (*value.arguments, None, None)[:2]
        if isinstance(text, str) and encoding in ("latin1", "latin-1"):
            try:
                return text.encode("latin1")
            except UnicodeEncodeError:
                pass
    raise ValueError(f"{where}: not bytes")


def as_number(value: "Call", where: str) -> float | int | bool:
    """The Python number of a recorded NumPy scalar."""
    if value.name not in _SCALAR or len(value.arguments) != 2:
        raise ValueError(f"{where}: a call of {value.name[:100]!r} is refused")
    return _decoded(value.arguments[1], value.arguments[0], (), False, where).item()


def as_array(value: Record, where: str) -> NDArray[Record]:
    """A recorded array of numbers; `ValueError` for anything else."""
    name = getattr(value, "name", None)
    if name in _RECONSTRUCT and value.state is not None:
        _, shape, dtype, fortran, content = value.state
        return _decoded(content, dtype, shape, fortran is True, where)
    if name in _FROM_BUFFER and len(value.arguments) == 4:
        content, dtype, shape, order = value.arguments
        return _decoded(content, dtype, shape, order == "F", where)
    if name is None:
        raise ValueError(f"{where}: not an array")
    raise ValueError(f"{where}: a call of {name[:100]!r} is refused")


def _decoded(content: Record, dtype: Record, shape: Record, fortran: bool, where: str) -> NDArray[Record]:
    if getattr(dtype, "name", None) != _DTYPE:
        raise ValueError(f"{where}: an array of no known type")
    code = dtype.arguments[0].lstrip("<>=|")
    if code not in _TYPES:
        raise ValueError(f"{where}: an array of type {code!r} is refused")
    order = dtype.state[1] if dtype.state is not None else "="
    sides = shape if isinstance(shape, tuple) else (shape,)
    if len(sides) > 8 or not all(isinstance(side, int) and 0 <= side <= _LARGEST for side in sides):
        raise ValueError(f"{where}: an array of no usable shape")
    raw, wanted = as_bytes(content, where), np.dtype(code).newbyteorder(order)
    if len(raw) > _LARGEST or len(raw) != wanted.itemsize * int(np.prod(sides, dtype=object)):
        raise ValueError(f"{where}: an array whose shape is not that of its content")
    return np.frombuffer(raw, wanted).reshape(sides, order="F" if fortran else "C")
