"""Measurement and validation: theorem checks, estimators on trained models, figures and the command line.

Names load on first use: only the estimators and the models bring in torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..theory._support.error_settings import public

if TYPE_CHECKING:
    from .comparison import compare
    from .denoisers import Denoiser, MixtureDenoiser
    from .digits_model import load_digits_model
    from .discrepancy import discrepancy_entropy
    from .edm2 import EDM2Denoiser, load_edm2
    from .log_scale import log_scale_test
    from .pairs import pair_entropies
    from .path import path_entropy
    from .stable_diffusion import StableDiffusionDenoiser, load_stable_diffusion

__all__ = [
    "Denoiser",
    "EDM2Denoiser",
    "MixtureDenoiser",
    "StableDiffusionDenoiser",
    "compare",
    "discrepancy_entropy",
    "load_digits_model",
    "load_edm2",
    "load_stable_diffusion",
    "log_scale_test",
    "pair_entropies",
    "path_entropy",
]

_HOME = {
    "Denoiser": "denoisers",
    "EDM2Denoiser": "edm2",
    "MixtureDenoiser": "denoisers",
    "StableDiffusionDenoiser": "stable_diffusion",
    "compare": "comparison",
    "discrepancy_entropy": "discrepancy",
    "load_digits_model": "digits_model",
    "load_edm2": "edm2",
    "load_stable_diffusion": "stable_diffusion",
    "log_scale_test": "log_scale",
    "pair_entropies": "pairs",
    "path_entropy": "path",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = public(getattr(import_module(f".{_HOME[name]}", __name__), name), __name__)
    globals()[name] = value
    return value
