"""Measurement and validation: theorem checks, estimators on trained models, figures and the command line.

Names load on first use: only the estimators and the models bring in torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .denoisers import Denoiser, MixtureDenoiser
    from .discrepancy import discrepancy_entropy
    from .edm2 import EDM2Denoiser, load_edm2
    from .path import path_entropy

__all__ = [
    "Denoiser",
    "EDM2Denoiser",
    "MixtureDenoiser",
    "discrepancy_entropy",
    "load_edm2",
    "path_entropy",
]

_HOME = {
    "Denoiser": "denoisers",
    "EDM2Denoiser": "edm2",
    "MixtureDenoiser": "denoisers",
    "discrepancy_entropy": "discrepancy",
    "load_edm2": "edm2",
    "path_entropy": "path",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
