"""Values that do not change: what copying and pickling them keeps.

A frozen dataclass forbids assignment, but NumPy forgets in a pickle that an array is read-only, and a
`MappingProxyType` can be neither pickled nor copied, as `dataclasses.asdict` does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Self, TypeVar

import numpy as np

__all__ = ["FrozenMapping", "Value", "frozen"]

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
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


class Value:
    """Base of frozen dataclasses with arrays: a copy is the value itself, a pickle holds the fields alone.

    What was computed from the fields and kept is computed again.
    """

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, frozen(value))
