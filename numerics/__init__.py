"""Entropy curves of Gaussian mixtures as labelled arrays, exact and by jit-compiled Monte Carlo.

The exact route loads no JAX; the others do on first use.
"""

from typing import TYPE_CHECKING, Any

from .curves import entropy_curve

if TYPE_CHECKING:
    from .clones import clone_curve
    from .guided import guided_curve

__all__ = ["clone_curve", "entropy_curve", "guided_curve"]


def __getattr__(name: str) -> Any:
    if name == "clone_curve":
        from .clones import clone_curve

        return clone_curve
    if name == "guided_curve":
        from .guided import guided_curve

        return guided_curve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
