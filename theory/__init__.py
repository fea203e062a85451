"""Exact theory of class speciation in Gaussian mixtures under diffusion.

SymPy derivations and their evaluation in double precision and beyond. Names load on first use, so
importing this package is quick and brings in neither SymPy nor SciPy until they are needed.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ._support.error_settings import public

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
    from .collapse import collapse_time, critical_samples, sample_entropy_bounds, sample_information
    from .constants import median_gamma, peak_gamma, precise_median_gamma, precise_peak_gamma
    from .covariance import Diagonal, Full, Isotropic, LowRank
    from .criteria import (
        CRITERIA,
        speciation_sigma2,
        speciation_sigma2_expression,
        speciation_time,
        speciation_time_expression,
    )
    from .exact import exact_curves
    from .expansions import log_law, peak_gamma_coefficients
    from .guidance import guided_entropy_coefficients, late_shift
    from .many_classes import entropy_bounds, large_k_shift, orthogonal_median, orthogonal_peak
    from .mixture import GaussianMixture
    from .orthogonal import orthogonal_agreement, orthogonal_disagreement, orthogonal_entropy
    from .prediction import SpeciationTime, speciation_times
    from .scales import Contrast, dimension_correction, quarter_log_law
    from .series import large_gamma_mmse
    from .trees import level_partition, tree
    from .window import window_sigmas

__version__ = version("speciation")

__all__ = [
    "CRITERIA",
    "Contrast",
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
    "collapse_time",
    "critical_samples",
    "dimension_correction",
    "entropy_bounds",
    "exact_curves",
    "guided_entropy_coefficients",
    "large_gamma_mmse",
    "large_k_shift",
    "late_shift",
    "level_partition",
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
    "quarter_log_law",
    "sample_entropy_bounds",
    "sample_information",
    "schedules",
    "speciation_sigma2",
    "speciation_sigma2_expression",
    "speciation_time",
    "speciation_time_expression",
    "speciation_times",
    "theorems",
    "tree",
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
    "collapse": ("collapse_time", "critical_samples", "sample_entropy_bounds", "sample_information"),
    "constants": ("median_gamma", "peak_gamma", "precise_median_gamma", "precise_peak_gamma"),
    "covariance": ("Diagonal", "Full", "Isotropic", "LowRank"),
    "criteria": (
        "CRITERIA",
        "speciation_sigma2",
        "speciation_sigma2_expression",
        "speciation_time",
        "speciation_time_expression",
    ),
    "exact": ("exact_curves",),
    "expansions": ("log_law", "peak_gamma_coefficients"),
    "guidance": ("guided_entropy_coefficients", "late_shift"),
    "many_classes": ("entropy_bounds", "large_k_shift", "orthogonal_median", "orthogonal_peak"),
    "mixture": ("GaussianMixture",),
    "orthogonal": ("orthogonal_agreement", "orthogonal_disagreement", "orthogonal_entropy"),
    "prediction": ("SpeciationTime", "speciation_times"),
    "scales": ("Contrast", "dimension_correction", "quarter_log_law"),
    "series": ("large_gamma_mmse",),
    "trees": ("level_partition", "tree"),
    "window": ("window_sigmas",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ("schedules", "theorems"):
        return import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = public(getattr(import_module(f".{_MODULE_OF[name]}", __name__), name), __name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
