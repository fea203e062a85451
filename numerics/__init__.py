"""Entropy curves of Gaussian mixtures as labelled arrays, exact and by jit-compiled Monte Carlo.

The exact route loads no JAX; the others do on first use.
"""

from typing import TYPE_CHECKING, Any

from .curves import entropy_curve

if TYPE_CHECKING:
    from .clones import clone_curve

__all__ = ["clone_curve", "entropy_curve"]


def __getattr__(name: str) -> Any:
    if name == "clone_curve":
        from .clones import clone_curve

        return clone_curve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
