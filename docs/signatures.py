"""For the API pages: a function that takes shared keywords (`**options: Unpack[…]`) shows each of them.

Parameters that one line of a docstring describes together are shown one by one, each with its own default.

Griffe reads sources and runs none of them, so that it does not see what `showing` adds to a signature, nor
what `taking` puts in its place.
"""

import importlib
import inspect
import re
from typing import Any

import griffe

__all__ = ["SharedKeywords"]


class SharedKeywords(griffe.Extension):
    """Put the keywords of the signature at run time, with their defaults, in place of `**options`."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Expand one function."""
        if func.docstring is not None:
            func.docstring.value = _one_by_one(func.docstring.value)
        last = list(func.parameters)[-1] if len(func.parameters) else None
        taken = any(str(each.value).startswith("taking(") for each in func.decorators)
        if last is None or not (taken or _is_unpacked(last)):
            return
        found: Any = getattr(importlib.import_module(func.module.path), func.name)
        del func.parameters[last.name]
        for name, each in inspect.signature(found).parameters.items():
            if name not in func.parameters:
                func.parameters.add(_parameter(each))


def _one_by_one(text: str) -> str:
    """A docstring whose parameters stand one by one: Griffe gives several on a line the default of the first.

    A long description stays with the first; the others refer to it.
    """
    head, title, rest = text.partition("Parameters\n----------\n")
    section, end, tail = rest.partition("\n\n")
    items = re.split(r"^(?=\S)", section, flags=re.MULTILINE)
    return head + title + "".join(_split(item.rstrip("\n")) for item in items).rstrip("\n") + end + tail


def _split(item: str) -> str:
    """One item of the section for each of its names."""
    line, _, description = item.partition("\n")
    names, colon, kind = line.partition(" : ")
    first, *others = names.split(", ")
    if not others or not all(name.isidentifier() for name in (first, *others)):
        return f"{item}\n" if item else ""
    said = description if len(description) < 100 else f"    See `{first}`."
    return "".join(
        f"{name}{colon}{kind}\n{text}\n"
        for name, text in ((first, description), *((each, said) for each in others))
    )


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
