"""Names for what no type describes: they say what a value is where its library says nothing.

`Expr` is of SymPy, `Precise` of mpmath. What is written once for NumPy, JAX and torch takes `ApiArray`s and
the functions of a `Namespace`. `Fields` are of JSON, a `Tree` is JAX's, a `Part` one of diffusers or
transformers, a `Picture` Bokeh's and a `Record` of a pickle. No library is imported here, so that a name
costs none.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = [
    "ApiArray", "Expr", "Fields", "Namespace", "Part", "Picture", "Precise", "ReadFields", "Record", "Tree",
]  # fmt: skip

Expr: TypeAlias = Any
"""An expression, symbol or number of SymPy, or one of Python's in its place."""

Precise: TypeAlias = Any
"""A number of mpmath, or one that it takes."""

ApiArray: TypeAlias = Any
"""An array or number of NumPy, JAX or torch."""

Namespace: TypeAlias = Any
"""The functions of one of these libraries (`array_api_compat`)."""

Fields: TypeAlias = dict[str, Any]
"""By name what JSON can hold, as a summary does, or keywords of a library: numbers, text, lists of them."""

ReadFields: TypeAlias = Mapping[str, Any]
"""The same, to be read alone."""

Tree: TypeAlias = Any
"""A tree of arrays as JAX maps over it, which has no type in JAX either."""

Part: TypeAlias = Any
"""A network, tokenizer, scheduler or configuration of diffusers or transformers, made by name at run time."""

Picture: TypeAlias = Any
"""A plot, glyph or range of Bokeh."""

Record: TypeAlias = Any
"""What a pickle describes: plain values, names and calls, of any depth."""
