"""For the API pages: a function that takes shared keywords (`**options: Unpack[…]`) shows each of them.

Griffe reads sources and runs none of them, so that it does not see what `showing` adds to a signature, nor
what `taking` puts in its place.
"""

import importlib
import inspect
from typing import Any

import griffe

__all__ = ["SharedKeywords"]


class SharedKeywords(griffe.Extension):
    """Put the keywords of the signature at run time, with their defaults, in place of `**options`."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Expand one function."""
        last = list(func.parameters)[-1] if len(func.parameters) else None
        taken = any(str(each.value).startswith("taking(") for each in func.decorators)
        if last is None or not (taken or _is_unpacked(last)):
            return
        found: Any = getattr(importlib.import_module(func.module.path), func.name)
        del func.parameters[last.name]
        for name, each in inspect.signature(found).parameters.items():
            if name not in func.parameters:
                func.parameters.add(_parameter(each))


def _is_unpacked(last: griffe.Parameter) -> bool:
    is_keywords = last.kind is griffe.ParameterKind.var_keyword
    return is_keywords and str(last.annotation).startswith("Unpack[")


def _parameter(each: inspect.Parameter) -> griffe.Parameter:
    named = each.kind is inspect.Parameter.KEYWORD_ONLY
    kind = griffe.ParameterKind.keyword_only if named else griffe.ParameterKind.positional_or_keyword
    shown = repr(each.default) if isinstance(each.default, str) else str(each.default)
    default = None if each.default is inspect.Parameter.empty else shown
    return griffe.Parameter(each.name, annotation=_text(each), kind=kind, default=default)


def _text(parameter: inspect.Parameter) -> str:
    """An annotation as it is written, without the modules of its names."""
    given = parameter.annotation
    text = given if isinstance(given, str) else inspect.formatannotation(given)
    return text.replace("collections.abc.", "").replace("pathlib._local.", "").replace("pathlib.", "")
