"""The class-conditional entropy along the noise scale, as an `xarray.Dataset`.

entropy    H(C|X) at each σ, nats
rate       dH/dt per unit OU time; dH/d log σ = rate · σ²/(1 + σ²)
agreement  φ = E Σ_k p_k², the probability that two clones agree
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..theory import schedules
from ..theory.binary import binary_entropy, binary_mmse, clone_agreement
from ..theory.mixture import GaussianMixture

__all__ = ["METHODS", "curve_dataset", "entropy_curve"]

Array = NDArray[np.float64]

METHODS = ("auto", "exact")
"""Ways to compute a curve."""

_ATTRIBUTES: dict[str, dict[str, str]] = {
    "sigma": {"long_name": "noise-to-signal ratio σ", "units": "1"},
    "ou_time": {"long_name": "Ornstein-Uhlenbeck time t", "units": "1"},
    "entropy": {"long_name": "class-conditional entropy H(C|X)", "units": "nats"},
    "rate": {"long_name": "entropy rate dH/dt per unit OU time", "units": "nats"},
    "agreement": {"long_name": "clone agreement φ", "units": "1"},
}


def entropy_curve(mixture: GaussianMixture, sigmas: ArrayLike, *, method: str = "auto") -> xr.Dataset:
    """Entropy, entropy rate and clone agreement of a mixture at each noise level.

    Parameters
    ----------
    mixture : GaussianMixture
    sigmas : array_like, shape (levels,)
        Noise-to-signal ratios σ > 0, in any order; the dataset keeps it.
    method : {"auto", "exact"}
        `exact` evaluates T2–T4 for two classes with a shared covariance: `H₂(γ(σ))`,
        `dH/dt = −½ mmse(γ) dγ/dt`, `1 − ½ mmse(γ)`. `auto` takes it and says so in the dataset.

    Returns
    -------
    xarray.Dataset
        Dimension `sigma` with coordinates `sigma` and `ou_time`; variables `entropy`, `rate`
        and `agreement`, each with its standard error `*_se` (zero for exact values); attributes
        `method` and `reason`.

    Raises
    ------
    ValueError
        A σ that is not a positive number, an unknown method, or a mixture without an exact curve.
    """
    sigma = np.atleast_1d(np.asarray(sigmas, dtype=np.float64))
    if sigma.ndim != 1 or sigma.size == 0:
        raise ValueError(f"sigmas: need a vector of at least one level, not shape {sigma.shape}")
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise ValueError("sigmas: every level must be a finite number > 0")
    if method not in METHODS:
        raise ValueError(f"method: {method!r} is not one of {', '.join(METHODS)}")
    if not mixture.is_binary_channel:
        raise ValueError(
            "mixture: an exact curve needs two classes with a shared covariance; this one has "
            f"{mixture.classes} classes, covariance "
            f"{'shared' if mixture.shared_covariance else 'not shared'}"
        )
    entropy, rate, agreement = _exact_binary(mixture, sigma)
    reason = "two classes with a shared covariance: the binary channel (T2-T4)"
    return curve_dataset(
        sigma, entropy=entropy, rate=rate, agreement=agreement, method="exact", reason=reason
    )


def curve_dataset(
    sigma: Array,
    *,
    entropy: Array,
    rate: Array,
    agreement: Array,
    errors: dict[str, Array] | None = None,
    **attributes: Any,
) -> xr.Dataset:
    """Label curves over σ: coordinates, standard errors (zero unless given), units and attributes."""
    data = {"entropy": entropy, "rate": rate, "agreement": agreement}
    variables: dict[str, tuple[str, Array]] = {}
    for name, values in data.items():
        variables[name] = ("sigma", values)
        variables[f"{name}_se"] = ("sigma", (errors or {}).get(name, np.zeros_like(values)))
    ou_time = schedules.OrnsteinUhlenbeck().time(sigma)
    dataset = xr.Dataset(variables, {"sigma": sigma, "ou_time": ("sigma", ou_time)}, attributes)
    for name, described in _ATTRIBUTES.items():
        dataset[name].attrs.update(described)
    for name in data:
        long_name = f"standard error of {_ATTRIBUTES[name]['long_name']}"
        dataset[f"{name}_se"].attrs.update(_ATTRIBUTES[name] | {"long_name": long_name})
    return dataset


def _exact_binary(mixture: GaussianMixture, sigma: Array) -> tuple[Array, Array, Array]:
    gamma, slope = mixture.gamma(sigma), mixture.gamma_slope(sigma)
    mmse = binary_mmse(gamma, mixture.prior)
    entropy = binary_entropy(gamma, mixture.prior)
    # dσ²/dt = 2(1 + σ²)
    rate = -mmse * slope * (1 + sigma * sigma)
    return entropy, rate, clone_agreement(gamma, mixture.prior)
