"""A package's public face: the names of its `__init__.pyi`, each loaded on first use."""

import sys
from collections.abc import Callable
from typing import Any

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

from .error_settings import public

__all__ = ["face"]

_attach: Any = lazy_loader.attach_stub


def face(
    package: str, file: str, handed_out: Callable[[Any, str], object] = public
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose `__init__.py` is `file`.

    `handed_out(value, package)` is what a name gives.

    Raises
    ------
    AttributeError
        For other names.
    """
    find, _, names = _attach(package, file)

    def get(name: str) -> Any:
        value = handed_out(find(name), package)
        setattr(sys.modules[package], name, value)
        return value

    def own_names() -> list[str]:
        return sorted([*names, *(name for name in vars(sys.modules[package]) if name == "__version__")])

    return get, own_names, names
