"""One of a closed set of names, which its `Literal` lists."""

from collections.abc import Iterable
from typing import TypeVar

__all__ = ["one_of"]

Chosen = TypeVar("Chosen", bound=str)


def one_of(value: object, name: str, choices: Iterable[Chosen]) -> Chosen:
    """The choice that `value` is.

    Raises
    ------
    ValueError
        If it is none of them; the message names the argument and lists the choices.
    """
    known = list(choices)
    for choice in known:
        if isinstance(value, str) and value == choice:
            return choice
    raise ValueError(f"{name}: {value!r} is not one of {', '.join(known)}")
