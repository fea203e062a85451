"""Measurement and validation: theorem checks, estimators on trained models, figures and the command line.

Names load on first use: only the estimators and the models bring in torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .denoisers import Denoiser, MixtureDenoiser
    from .discrepancy import discrepancy_entropy
    from .path import path_entropy

__all__ = ["Denoiser", "MixtureDenoiser", "discrepancy_entropy", "path_entropy"]

_HOME = {
    "Denoiser": "denoisers",
    "MixtureDenoiser": "denoisers",
    "discrepancy_entropy": "discrepancy",
    "path_entropy": "path",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
