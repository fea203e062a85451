"""NumPy's error settings as the library means them, whatever a caller's `np.seterr`.

An exponential that underflows is a right answer here; a caller who lets it raise means programs of their own.
"""

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

import numpy as np

__all__ = ["public", "usual_errors"]

P = ParamSpec("P")
R = TypeVar("R")


def usual_errors(function: Callable[P, R]) -> Callable[P, R]:
    """`function` under NumPy's default error settings: it warns of what is unexpected and never raises."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*args, **kwargs)

    return call


def public(value: object, package: str) -> Any:
    """What a package hands out under a public name: functions under the usual error settings.

    They are pickled by the name they have there.
    """
    if not isinstance(value, FunctionType):
        return value
    wrapped: object = usual_errors(value)
    wrapped.__module__ = package
    return wrapped
