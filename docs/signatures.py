"""For the API pages: a function that takes shared keywords (`**options: Unpack[…]`) shows each of them.

Griffe reads sources and runs none of them, so that it does not see what `showing` adds to a signature.
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
        if last is None or last.kind is not griffe.ParameterKind.var_keyword:
            return
        if not str(last.annotation).startswith("Unpack["):
            return
        found: Any = getattr(importlib.import_module(func.module.path), func.name)
        del func.parameters[last.name]
        for name, each in inspect.signature(found).parameters.items():
            if name not in func.parameters:
                kind, shown = griffe.ParameterKind.keyword_only, str(each.default)
                default = repr(each.default) if isinstance(each.default, str) else shown
                func.parameters.add(
                    griffe.Parameter(name, annotation=_text(each), kind=kind, default=default)
                )


def _text(parameter: inspect.Parameter) -> str:
    """An annotation as it is written, without the modules of its names."""
    given = parameter.annotation
    text = given if isinstance(given, str) else inspect.formatannotation(given)
    return text.replace("collections.abc.", "").replace("pathlib._local.", "").replace("pathlib.", "")
