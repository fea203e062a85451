"""Two ends of an interval, as callers hand them in: numbers in order, or one line that says what is wrong."""

from collections.abc import Iterable
from typing import SupportsFloat, cast

__all__ = ["checked_interval"]


def checked_interval(
    interval: object, of: str = "noise levels", unit: str = " in sigma"
) -> tuple[float, float]:
    """`(low, high)` as floats; `ValueError` unless 0 <= low < high."""
    ends = cast("Iterable[SupportsFloat]", () if isinstance(interval, str) else interval)
    try:
        low, high = (_number(end) for end in ends)
    except (TypeError, ValueError):
        raise ValueError(f"interval: need two {of} (low, high), not {interval!r}") from None
    if not 0 <= low < high:
        raise ValueError(f"interval: need 0 <= low < high{unit}, not {low:g}, {high:g}")
    return low, high


def _number(end: SupportsFloat) -> float:
    """`float` reads text and truth values as numbers."""
    if isinstance(end, (str, bytes, bool)):
        raise TypeError
    return float(end)
