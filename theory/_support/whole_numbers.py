"""Numbers of things: samples, levels, sizes of batches."""

import operator
from typing import Any

__all__ = ["as_whole", "whole_number"]


def as_whole(value: Any) -> int | None:
    """A whole number of any library as an int; `None` for anything else, a truth value among it."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """A whole number of at least `least`; `ValueError` that names the argument for anything else."""
    number = as_whole(value)
    if number is None:
        raise ValueError(f"{name}: must be a whole number, not {value!r}")
    if number < least:
        raise ValueError(f"{name}: must be at least {least}, not {number}")
    return number
