"""Values that do not change: what copying and pickling them keeps.

A frozen dataclass forbids assignment, but NumPy forgets in a pickle that an array is read-only, and a
`MappingProxyType` cannot be pickled at all.
"""

from dataclasses import fields
from types import MappingProxyType
from typing import Any, Self

import numpy as np

__all__ = ["Value", "frozen"]


def frozen(value: Any) -> Any:
    """An array made read-only, a mapping that cannot change; anything else, and tuples of it, as it is."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict):
        return MappingProxyType(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
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
        state = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {k: v.copy() if isinstance(v, MappingProxyType) else v for k, v in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, frozen(value))
