"""Keywords that several public functions share: one frozen dataclass holds them, with defaults and checks.

A function takes them as `**options: Unpack[Options]`, `Options` a `TypedDict` of the same names that type
checkers read, and makes the dataclass of them once, with `given`; `showing` lets `help` list them one by one.
A function that takes nothing else is written of the one value, and `taking` gives it the keywords.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import update_wrapper
from typing import ParamSpec, TypeVar, get_type_hints

__all__ = ["given", "showing", "taking"]

F = TypeVar("F", bound=Callable[..., object])
P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")


def given(kind: type[T], options: Mapping[str, object], former: Mapping[str, str]) -> T:
    """The dataclass `kind` of keywords; `former` says what some of them are called now.

    Raises
    ------
    TypeError
        For an unknown keyword.
    ValueError
        For one given under both of its names; a former name with `None`, as of a caller that passes its own
        default on, counts as not given.
    """
    values = dict(options)
    for old, name in former.items():
        value = values.pop(old, None)
        if value is not None:
            if values.get(name) is not None:
                raise ValueError(f"{old}: is the former name of {name}, which is given too; leave it out")
            values[name] = value
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values.keys() - set(known):
        near = "".join(f"; did you mean {each!r}?" for each in get_close_matches(name, known, 1))
        raise TypeError(f"got an unexpected keyword argument {name!r}{near}")
    return kind(**values)


def showing(kind: type) -> Callable[[F], F]:
    """Let `help` and `inspect.signature` of a function show every field of `kind` for its `**options`."""
    more = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )
        for field in fields(kind)  # type: ignore[arg-type]
    ]

    def shown(function: F) -> F:
        own = inspect.signature(function)
        kept = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        setattr(function, "__signature__", own.replace(parameters=[*kept, *more]))  # noqa: B010
        return function

    return shown


def taking(kind: Callable[P, V], names: dict[str, object]) -> Callable[[Callable[[V], T]], Callable[P, T]]:
    """Let a function of one value of the dataclass `kind` take that value's arguments instead.

    Its signature, also for type checkers, is that of the constructor; `names` are those that annotations use.
    """
    own = inspect.signature(kind)
    hints = get_type_hints(kind, localns=names)
    parameters = [each.replace(annotation=hints[name]) for name, each in own.parameters.items()]

    def made(function: Callable[[V], T]) -> Callable[P, T]:
        answer = get_type_hints(function, localns=names)["return"]
        signature = own.replace(parameters=parameters, return_annotation=answer)

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{call.__name__}() {error}") from None
            return function(kind(*args, **kwargs))

        update_wrapper(call, function)
        call.__annotations__ = {name: hints[name] for name in own.parameters} | {"return": answer}
        setattr(call, "__signature__", signature)  # noqa: B010
        return call

    return made
