"""Measurements of the theorems: one module per theorem, each a `check(context)` that yields checks."""

from collections.abc import Callable

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
from ._base import Check, Checks, Context

__all__ = ["CHECKS", "Check", "Context"]

CHECKS: dict[str, Callable[[Context], Checks]] = {
    "T1": t01_one_clock.check,
    "T2": t02_binary_channel.check,
    "T3": t03_immse.check,
    "T4": t04_cloning.check,
    "T5": t05_criteria.check,
    "T6": t06_log_law.check,
    "T7": t07_concentration.check,
    "T8": t08_constants.check,
    "T9": t09_series.check,
    "T10": t10_bounds.check,
}
"""Measurements by theorem id."""
