"""Classes with covariances of their own: data and noise are drawn apart, each class in its eigenbasis.

    X = m_c + Σ_c^{1/2} ξ + σ z,        y_k = Q_kᵀ(X − m_k) = u_k + σ v_k
    log p(k|X) = log w_k − ½ Σ_i [y_ki²/(λ_ki + σ²) + log(λ_ki + σ²)] + const
    σ^{−2}(D_k − X) = −Q_k [y_k/(λ_k + σ²)]

One factorisation per class serves every level, and all levels share ξ and z.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ..theory.covariance import Isotropic
from ..theory.mixture import GaussianMixture
from .sampling import STRIDE, class_draws, normal
from .statistics import statistics

__all__ = ["ambient", "logits_and_pulls", "parameters_of", "unrotate_class"]

Array: TypeAlias = NDArray[np.float64]


def ambient(key: Any, parameters: dict[str, Any]) -> Any:
    """Statistics of one stride of antithetic pairs ±(ξ, z), shape (STRIDE, 3, levels)."""
    means, variances = parameters["means"], parameters["variances"]  # (K, d), (K, d)
    data_key, noise_key, class_key = jax.random.split(key, 3)
    shape = (STRIDE, means.shape[1])
    data = normal(data_key, shape, means.dtype)
    noise = normal(noise_key, shape, means.dtype)
    classes = class_draws(class_key, parameters["log_weights"])
    spread = unrotate_class(jnp.sqrt(variances[classes]) * data, classes, parameters["axes"])

    def level(sigma: Any) -> Any:
        both = [
            _at_level(means[classes] + sign * (spread + sigma * noise), sigma, parameters) for sign in (1, -1)
        ]
        return (both[0] + both[1]) / 2

    return jnp.moveaxis(jax.lax.map(level, parameters["sigma"]), 0, -1)


def parameters_of(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `ambient` needs: eigenvalues and, unless all are diagonal, eigenvectors of each class."""
    each = [mixture.covariance_of(k) for k in range(mixture.classes)]
    shape = (mixture.dimension,)
    diagonal = all(isinstance(covariance, Isotropic) or covariance.kind == "diagonal" for covariance in each)
    identity = None if diagonal else np.eye(mixture.dimension)
    return {
        "log_weights": np.log(mixture.weights),
        "means": mixture.means - mixture.weights @ mixture.means,
        "variances": np.stack([np.broadcast_to(covariance.variances, shape) for covariance in each]),
        "axes": None if identity is None else np.stack([c.rotate(identity) for c in each]),
        "sigma": sigma,
        "groups": groups,
    }


def unrotate_class(coordinates: Any, classes: Any, axes: Any | None) -> Any:
    """`Q_c y` for the class c of each draw."""
    if axes is None:
        return coordinates
    every = jnp.einsum("nd,ked->nke", coordinates, axes, precision="highest")
    return jnp.take_along_axis(every, classes[:, None, None], axis=1)[:, 0]


def logits_and_pulls(x: Any, sigma: Any, parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Log-posteriors (draws, K) up to a constant, and `σ^{−2}(D_k − X)` (draws, K, d), of x (draws, d)."""
    axes = parameters["axes"]
    widths = parameters["variances"] + sigma**2
    offset = x[:, None, :] - parameters["means"]
    if axes is not None:
        offset = jnp.einsum("nkd,kde->nke", offset, axes, precision="highest")
    logits = parameters["log_weights"] - (offset**2 / widths + jnp.log(widths)).sum(-1) / 2
    pulls = -offset / widths
    if axes is not None:
        pulls = jnp.einsum("nke,kde->nkd", pulls, axes, precision="highest")
    return logits, pulls


def _at_level(x: Any, sigma: Any, parameters: dict[str, Any]) -> Any:
    """Statistics of the draws x (draws, d) at one σ, shape (draws, 3)."""
    logits, pulls = logits_and_pulls(x, sigma, parameters)
    # only differences of the pulls matter; a common shift removes what would cancel
    pulls = pulls - pulls.mean(1, keepdims=True)
    forms = jnp.einsum("njd,nkd->njk", pulls, pulls, precision="highest")
    values = statistics(logits[:, None], forms[:, None], jnp.atleast_1d(sigma**2), parameters["groups"])
    return values[..., 0]
