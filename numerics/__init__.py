"""Entropy curves of Gaussian mixtures as labelled arrays, exact and by jit-compiled Monte Carlo.

The exact route loads no JAX; the others do on first use, and to JAX mixtures are trees of arrays.
`__init__.pyi` says where each name lives.
"""

from typing import Any

from ..theory._support.face import face
from ._support.pytrees import register_with_jax

register_with_jax()


def _handed_out(value: Any, package: str) -> Any:
    """Functions that need JAX run under the library's settings of it."""
    if value.__name__ in (
        "entropy_curve",
        "with_places",
        "entropy_at",
    ):  # the last is part of others' programs
        return value
    from ._support.jax_settings import jax_public

    return jax_public(value, package)


__getattr__, __dir__, __all__ = face(__name__, __file__, _handed_out)
