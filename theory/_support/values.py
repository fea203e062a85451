"""Values that do not change: what copying and pickling them keeps.

A frozen dataclass forbids assignment, but NumPy forgets in a pickle that an array is read-only, and a
`MappingProxyType` can be neither pickled nor copied, as `dataclasses.asdict` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import Fields

__all__ = ["ByContent", "FrozenMapping", "Value", "freeze", "frozen"]

K = TypeVar("K")
V = TypeVar("V")


class FrozenMapping(Mapping[K, V]):
    """A mapping that cannot change, equal to the `dict` of the same items; a copy is the mapping itself."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> tuple[type, tuple[dict[K, V]]]:
        return type(self), (self._items,)


def frozen(value: Any) -> Any:
    """An array made read-only, a mapping that cannot change; anything else, and tuples of it, as it is."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict):
        return FrozenMapping(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(value, tuple):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            frozen(item)
    return value  # pyright: ignore[reportUnknownVariableType]


def freeze(value: object) -> None:
    """Make what the fields of a frozen dataclass hold as unchangeable as they are."""
    for field in fields(value):  # type: ignore[arg-type]
        object.__setattr__(value, field.name, frozen(getattr(value, field.name)))


class Value:
    """Base of frozen dataclasses with arrays: a copy is the value itself, a pickle holds the fields alone.

    What was computed from the fields and kept is computed again.
    """

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __getstate__(self) -> Fields:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __setstate__(self, state: Fields) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, frozen(value))


_NAN = object()  # as NaN is not equal to itself


class ByContent:
    """Equality and hash of a frozen dataclass, made with `eq=False`, by what its fields hold.

    Arrays and tensors are equal in shape, type and bits, datasets in all that they hold, and NaN is NaN.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _content(self) == _content(other)

    def __hash__(self) -> int:
        return hash((type(self), _content(self)))


def _content(value: object) -> tuple[object, ...]:
    return tuple(_plain(getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]


def _plain(value: Any) -> object:
    """What has the equality and the hash of a value's content; of other libraries' values, known by name."""
    kind = (type(value).__module__.partition(".")[0], type(value).__name__)
    if kind[0] == "torch" and kind[1] in ("Tensor", "Parameter"):
        plain = value.detach().cpu().resolve_conj().resolve_neg()
        # NumPy has no bfloat16, which single precision holds
        return str(plain.dtype), _of_array((plain.float() if plain.dtype.itemsize == 2 else plain).numpy())
    if kind == ("xarray", "Dataset"):
        parts = {name: (each.dims, each.values, each.attrs) for name, each in value.variables.items()}
        return _plain(parts), _plain(value.attrs), frozenset(value.coords)
    if isinstance(value, np.ndarray):
        return _of_array(cast(NDArray[np.generic], value))
    if isinstance(value, Mapping):
        held = cast("Mapping[object, object]", value)
        return frozenset((key, _plain(held[key])) for key in held)
    if isinstance(value, (tuple, list)):
        return tuple(_plain(each) for each in cast("Sequence[object]", value))
    if isinstance(value, (set, frozenset)):
        return frozenset(_plain(each) for each in cast("frozenset[object]", value))
    if isinstance(value, partial):
        call = cast("partial[Any]", value)
        return call.func, _plain(call.args), _plain(call.keywords)
    return _NAN if isinstance(value, (float, np.floating)) and value != value else cast(object, value)


def _of_array(array: NDArray[np.generic]) -> tuple[object, ...]:
    held = repr(array.tolist()) if array.dtype.kind == "O" else array.tobytes()
    return array.shape, array.dtype.str, held
