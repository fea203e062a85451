"""Measurements of the theorems: one module per theorem, each a `check(context)` that yields checks."""

from collections.abc import Callable
from importlib import import_module

from ....theory.theorems import MODULES
from ._base import Check, Checks, Context

__all__ = ["CHECKS", "Check", "Context"]

CHECKS: dict[str, Callable[[Context], Checks]] = {
    identifier: import_module(f".{name}", __name__).check for identifier, name in MODULES.items()
}
"""Measurements by theorem id."""
