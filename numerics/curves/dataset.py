"""The one schema of every curve: an `xarray.Dataset` over the noise level, with units and errors.

A curve has the dimension `sigma` with the coordinates `sigma` and `ou_time`. Each quantity is a variable
beside its standard error `*_se`. Where the class is decided are variables without a dimension (`places`).
Attributes say where the numbers come from, and hold none that a reader would compute with.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Float64
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ...theory import schedules
from ...theory._support.real_numbers import real_numbers, refuse_unless
from .._support.seeds import seed_attribute, seed_of

__all__ = [
    "LEAST_EFFECTIVE",
    "checked_sigmas",
    "entropy_of",
    "labelled",
    "unresolved",
    "with_effective_draws",
]

Array = NDArray[np.float64]

_LARGEST = 1e153
"""Largest σ, and one over the smallest, whose square and its neighbours are normal numbers."""

LEAST_EFFECTIVE = 100
"""Effective draws below which a level is not resolved."""

_ATTRIBUTES: dict[str, dict[str, str]] = {
    "sigma": {"long_name": "noise-to-signal ratio σ", "units": "1"},
    "ou_time": {"long_name": "Ornstein-Uhlenbeck time t", "units": "1"},
    "entropy": {"long_name": "class-conditional entropy H(C|X)", "units": "nats"},
    "rate": {"long_name": "entropy rate dH/dt per unit OU time", "units": "nats per unit OU time"},
    "agreement": {"long_name": "clone agreement φ", "units": "1"},
    "posterior_entropy": {"long_name": "mean entropy of the posterior that paths carry", "units": "nats"},
    "cross_entropy": {"long_name": "cross-entropy of the class guided to", "units": "nats"},
    "accuracy": {"long_name": "share of runs whose likeliest class is the one guided to", "units": "1"},
}


def checked_sigmas(sigmas: ArrayLike) -> Float64[Array, " levels"]:
    """Noise levels as a vector; `ValueError` unless each is a finite number > 0."""
    sigma = np.atleast_1d(real_numbers(sigmas, "sigmas", finite=False))
    if sigma.ndim != 1 or sigma.size == 0:
        raise ValueError(f"sigmas: need a vector of at least one level, not shape {sigma.shape}")
    refuse_unless(np.isfinite(sigma) & (sigma > 0), sigma, "sigmas", "must be a finite number > 0")
    outside = (sigma < 1 / _LARGEST) | (sigma > _LARGEST)
    if outside.any():
        level = float(sigma[np.argmax(outside)])
        raise ValueError(
            f"sigmas: the square of {level:g} leaves double precision; stay between 1e-153 and 1e153"
        )
    return sigma


def entropy_of(shares: Float[Array, "..."]) -> float:
    """`−Σ p log p`, nats, of probabilities."""
    return float(special.entr(shares).sum())


def labelled(
    sigma: Float64[Array, " levels"],
    curves: Mapping[str, tuple[Float[Array, " levels"], Float[Array, " levels"]]],
    attributes: Mapping[str, object],
) -> xr.Dataset:
    """Curves, each with its standard error, over σ: coordinates, units and attributes."""
    variables: dict[str, tuple[str, Array]] = {}
    for name, (values, errors) in curves.items():
        variables |= {name: ("sigma", values), f"{name}_se": ("sigma", errors)}
    ou_time = schedules.OrnsteinUhlenbeck().time(sigma)
    for name in attributes.keys() & {"key", "seed"}:
        attributes = {**attributes, name: seed_attribute(seed_of(attributes[name], name))}
    dataset = xr.Dataset(variables, {"sigma": sigma, "ou_time": ("sigma", ou_time)}, attributes)
    for name in ("sigma", "ou_time", *curves):
        dataset[name].attrs.update(_ATTRIBUTES[name])
    for name in curves:
        long_name = f"standard error of {_ATTRIBUTES[name]['long_name']}"
        dataset[f"{name}_se"].attrs.update(_ATTRIBUTES[name] | {"long_name": long_name})
    return dataset


def with_effective_draws(dataset: xr.Dataset, effective: Float64[Array, " levels"]) -> xr.Dataset:
    """The dataset with `effective_draws` over σ: equal draws that would have the entropy's relative error."""
    about = {"long_name": "draws that carry the entropy", "units": "1", "least": LEAST_EFFECTIVE}
    return dataset.assign(effective_draws=("sigma", effective, about))


def unresolved(dataset: xr.Dataset) -> Bool[NDArray[np.bool_], " levels"]:
    """Levels of which fewer than `LEAST_EFFECTIVE` draws carry the entropy, shape (levels,)."""
    if "effective_draws" not in dataset:
        return np.zeros(dataset.sizes["sigma"], dtype=bool)
    return np.asarray(dataset["effective_draws"].values < LEAST_EFFECTIVE)
