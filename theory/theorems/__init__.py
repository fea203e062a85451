"""The theorems, T1 to T10: `THEOREMS["T4"].statement`, `.derive()`, `.predict()`.

One file per theorem; `speciation verify` proves each and measures what it predicts.
"""

from . import (
    t01_one_clock,
    t02_binary_channel,
    t03_immse,
    t04_cloning,
    t05_criteria,
    t06_log_law,
    t07_concentration,
    t08_constants,
    t09_series,
    t10_bounds,
)
from ._base import Identity, Theorem

__all__ = ["THEOREMS", "Identity", "Theorem", "by_id"]

_MODULES = (
    t01_one_clock,
    t02_binary_channel,
    t03_immse,
    t04_cloning,
    t05_criteria,
    t06_log_law,
    t07_concentration,
    t08_constants,
    t09_series,
    t10_bounds,
)

THEOREMS: dict[str, Theorem] = {module.THEOREM.id: module.THEOREM for module in _MODULES}
"""Theorems by id, in order."""


def by_id(identifier: str) -> Theorem:
    """The theorem with this id, in either case; `ValueError` naming the known ones."""
    try:
        return THEOREMS[identifier.upper()]
    except KeyError:
        raise ValueError(f"theorem: {identifier!r} is not one of {', '.join(THEOREMS)}") from None
