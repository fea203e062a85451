"""Entropy curves of Gaussian mixtures as labelled arrays, exact and by jit-compiled Monte Carlo.

The exact route loads no JAX; the others do on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .curves import entropy_curve
from .places import with_places

if TYPE_CHECKING:
    from .clones import clone_curve
    from .diagrams import phase_diagram
    from .guided import guided_curve
    from .manifests import verify_manifest

__all__ = ["clone_curve", "entropy_curve", "guided_curve", "phase_diagram", "verify_manifest", "with_places"]

_HOME = {
    "clone_curve": "clones",
    "guided_curve": "guided",
    "phase_diagram": "diagrams",
    "verify_manifest": "manifests",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .jax_settings import jax_public

    value = jax_public(getattr(import_module(f".{_HOME[name]}", __name__), name), __name__)
    globals()[name] = value
    return value
