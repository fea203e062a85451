"""Exact theory of class speciation in Gaussian mixtures under diffusion.

SymPy derivations and their evaluation in double precision and beyond. Names load on first use, so
importing this package is quick and brings in neither SymPy nor SciPy until they are needed.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import schedules, theorems
    from .binary import (
        binary_entropy,
        binary_mmse,
        binary_mmse_slope,
        clone_agreement,
        log_binary_entropy,
        log_binary_mmse,
    )
    from .constants import median_gamma, peak_gamma, precise_median_gamma, precise_peak_gamma
    from .covariance import Diagonal, Full, Isotropic, LowRank
    from .criteria import (
        CRITERIA,
        speciation_sigma2,
        speciation_sigma2_expression,
        speciation_time,
        speciation_time_expression,
    )
    from .expansions import log_law, peak_gamma_coefficients
    from .many_classes import entropy_bounds, large_k_shift, orthogonal_median, orthogonal_peak
    from .mixture import GaussianMixture
    from .orthogonal import orthogonal_agreement, orthogonal_disagreement, orthogonal_entropy
    from .prediction import SpeciationTime, speciation_times
    from .series import large_gamma_mmse
    from .window import window_sigmas

__version__ = version("speciation")

__all__ = [
    "CRITERIA",
    "Diagonal",
    "Full",
    "GaussianMixture",
    "Isotropic",
    "LowRank",
    "SpeciationTime",
    "binary_entropy",
    "binary_mmse",
    "binary_mmse_slope",
    "clone_agreement",
    "entropy_bounds",
    "large_gamma_mmse",
    "large_k_shift",
    "log_binary_entropy",
    "log_binary_mmse",
    "log_law",
    "median_gamma",
    "orthogonal_agreement",
    "orthogonal_disagreement",
    "orthogonal_entropy",
    "orthogonal_median",
    "orthogonal_peak",
    "peak_gamma",
    "peak_gamma_coefficients",
    "precise_median_gamma",
    "precise_peak_gamma",
    "schedules",
    "speciation_sigma2",
    "speciation_sigma2_expression",
    "speciation_time",
    "speciation_time_expression",
    "speciation_times",
    "theorems",
    "window_sigmas",
]

_HOME = {
    "binary": (
        "binary_entropy",
        "binary_mmse",
        "binary_mmse_slope",
        "clone_agreement",
        "log_binary_entropy",
        "log_binary_mmse",
    ),
    "constants": ("median_gamma", "peak_gamma", "precise_median_gamma", "precise_peak_gamma"),
    "covariance": ("Diagonal", "Full", "Isotropic", "LowRank"),
    "criteria": (
        "CRITERIA",
        "speciation_sigma2",
        "speciation_sigma2_expression",
        "speciation_time",
        "speciation_time_expression",
    ),
    "expansions": ("log_law", "peak_gamma_coefficients"),
    "many_classes": ("entropy_bounds", "large_k_shift", "orthogonal_median", "orthogonal_peak"),
    "mixture": ("GaussianMixture",),
    "orthogonal": ("orthogonal_agreement", "orthogonal_disagreement", "orthogonal_entropy"),
    "prediction": ("SpeciationTime", "speciation_times"),
    "series": ("large_gamma_mmse",),
    "window": ("window_sigmas",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("schedules", "theorems"):
        return import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
