"""Classes with covariances of their own: data and noise are drawn apart, each class in its eigenbasis.

    X = m_c + Σ_c^{1/2} ξ + σ z,        σ^{−2}(D_k − X) = −(Σ_k + σ²I)^{−1} (X − m_k)

and the posterior of the mixture (`theory/mixtures/posterior.py`). One factorisation per class serves every
level, and all levels share ξ and z.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.posterior import Posterior, mixing, posterior
from .statistics import statistics
from .strides import STRIDE, check_resolution, class_draws, normal

__all__ = ["ambient", "clean_draws", "parameters_of", "posterior_at", "rounding"]

Array: TypeAlias = NDArray[np.float64]


def ambient(key: Any, parameters: dict[str, Any]) -> Any:
    """Curves of one stride of antithetic pairs ±(ξ, z), shape (3, levels, STRIDE)."""
    data_key, noise_key, class_key = jax.random.split(key, 3)
    means = parameters["classes"].means
    drawn = class_draws(class_key, parameters["classes"].log_weights)
    spread = clean_draws(data_key, drawn, parameters)
    noise = normal(noise_key, spread.shape, means.dtype)

    def at(level: dict[str, Any]) -> Any:
        both = [
            _at_level(means[drawn] + sign * (spread + level["sigma"] * noise), level, parameters)
            for sign in (1, -1)
        ]
        return (both[0] + both[1]) / 2

    return jnp.moveaxis(jax.lax.map(at, parameters["levels"]), 0, 1)


def parameters_of(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `ambient` needs; `sigma` has any shape, which that of the entries of `levels` begins with."""
    found = mixture.stacked
    means = mixture.means - mixture.weights @ mixture.means
    lengths2 = float((means**2).sum(axis=1).max())
    check_resolution(lengths2 / (found.variances.min() + sigma.ravel() ** 2), sigma.ravel())
    shape = (mixture.classes, mixture.dimension)
    classes = found._replace(means=means, variances=np.broadcast_to(found.variances, shape))
    mixed = None
    if classes.factors is not None:
        each = [mixing(classes, float(level)) for level in sigma.ravel()]
        mixed = tuple(np.reshape(part, (*sigma.shape, *part[0].shape)) for part in zip(*each, strict=True))
    return {"classes": classes, "levels": {"sigma": sigma, "mixed": mixed}, "groups": groups}


def rounding(mixture: GaussianMixture, dtype: str) -> float:
    """Relative error of the arithmetic: that of a sum over d squares."""
    return 4 * float(np.finfo(dtype).eps) * (1 + float(np.sqrt(mixture.dimension)))


def clean_draws(key: Any, drawn: Any, parameters: dict[str, Any]) -> Any:
    """`Σ_c^{1/2} ξ` for the class c of each draw, shape (STRIDE, d)."""
    variances, axes, factors = parameters["classes"][2:]
    shape = (STRIDE, variances.shape[1])
    spread = jnp.sqrt(variances[drawn]) * normal(key, shape, variances.dtype)
    if axes is not None:
        spread = _of_class(jnp.einsum("nd,ked->nke", spread, axes, precision="highest"), drawn)
    if factors is not None:
        more = normal(jax.random.fold_in(key, 1), (STRIDE, factors.shape[2]), variances.dtype)
        spread += _of_class(jnp.einsum("nr,kdr->nkd", more, factors, precision="highest"), drawn)
    return spread


def posterior_at(x: Any, level: dict[str, Any], parameters: dict[str, Any]) -> Posterior:
    """What the draws x (draws, d) say of the class at one level."""
    return posterior(jnp, parameters["classes"], x, level["sigma"], level["mixed"])


def _of_class(every: Any, drawn: Any) -> Any:
    """Row `drawn[n]` of each `every[n]`, or the only one of a covariance that all classes share."""
    if every.shape[1] == 1:
        return every[:, 0]
    return jnp.take_along_axis(every, drawn[:, None, None], axis=1)[:, 0]


def _at_level(x: Any, level: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Curves of the draws x (draws, d) at one level, shape (3, draws)."""
    found = posterior_at(x, level, parameters)
    pulls = jnp.swapaxes(found.pulls(), 0, 1)
    # only differences of the pulls matter; a common shift removes what would cancel
    pulls = pulls - pulls.mean(1, keepdims=True)
    forms = jnp.einsum("njd,nkd->jkn", pulls, pulls, precision="highest")
    lengths = jnp.diagonal(forms, axis1=0, axis2=1).T
    gaps = jnp.maximum(lengths[:, None] + lengths[None] - 2 * forms, 0)
    return statistics(found.log_joint, gaps, level["sigma"] ** 2, parameters["groups"])
