"""Names for what no type describes: they say what a value is where its library says nothing.

`Expr` is of SymPy, `Precise` of mpmath. What is written once for NumPy, JAX and torch takes `ApiArray`s and
the functions of a `Namespace`. Nothing is imported here, so that a name costs no library.
"""

from typing import Any, TypeAlias

__all__ = ["ApiArray", "Expr", "Namespace", "Precise"]

Expr: TypeAlias = Any
"""An expression, symbol or number of SymPy, or one of Python's in its place."""

Precise: TypeAlias = Any
"""A number of mpmath, or one that it takes."""

ApiArray: TypeAlias = Any
"""An array or number of NumPy, JAX or torch."""

Namespace: TypeAlias = Any
"""The functions of one of these libraries (`array_api_compat`)."""
