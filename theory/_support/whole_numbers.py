"""Numbers of things: samples, levels, sizes of batches."""

import operator
from typing import Any

__all__ = ["whole_number"]


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """A whole number of at least `least`; `ValueError` that names the argument for anything else."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ValueError(f"{name}: must be a whole number, not {value!r}")
    if number < least:
        raise ValueError(f"{name}: must be at least {least}, not {number}")
    return number
