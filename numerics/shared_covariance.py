"""Classes that share a covariance: one noise vector per draw serves every level (T17).

Whitened by `S^{−1/2}`, `S = Σ + σ²I`, a draw of class c is `S^{−1/2}(m_c − m̄) + ε`, ε standard normal,
and the log-posterior of class k is, up to a constant,

    log w_k + ε·a_k + a_c·a_k − ½|a_k|²,      a_k = S^{−1/2}(m_k − m̄).

Only the inner products `e_k = ε·a_k` are random. `ambient` draws ε in all d dimensions and takes them;
`reduced` draws them directly, since `e = A y` with A the symmetric root of the Gram matrix of the
a_k and y standard normal in K − 1 dimensions: a cost that does not depend on d.
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

__all__ = [
    "ambient",
    "ambient_isotropic",
    "ambient_parameters",
    "reduced",
    "reduced_at",
    "reduced_parameters",
]

Array: TypeAlias = NDArray[np.float64]


def reduced(key: Any, parameters: dict[str, Any]) -> Any:
    """Statistics of one stride with noise drawn in the span of the mean differences."""
    noise_key, class_key = jax.random.split(key)
    roots = parameters["roots"]  # (levels, classes, classes − 1)
    y = normal(noise_key, (STRIDE, roots.shape[-1]), roots.dtype)
    return _pair_statistics(_reduced_products(y, roots), class_key, parameters)


def reduced_at(y: Any, classes: Any, parameters: dict[str, Any]) -> Any:
    """Log-posteriors (draws, levels, K), up to a constant, for given noise y (draws, K − 1) and classes."""
    return _centre(classes, parameters) + _reduced_products(y, parameters["roots"])


def _reduced_products(y: Any, roots: Any) -> Any:
    """`ε·a_k` from noise y (draws, K − 1) and roots (levels, K, K − 1)."""
    return jnp.einsum("nr,lkr->nlk", y, roots, precision="highest")


def ambient(key: Any, parameters: dict[str, Any]) -> Any:
    """Statistics of one stride with noise drawn in all d dimensions, any shared covariance."""
    whitened = parameters["whitened"]  # (levels, classes, d)
    noise_key, class_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, whitened.shape[-1]), whitened.dtype)
    products = jnp.einsum("nd,lkd->nlk", epsilon, whitened, precision="highest")
    return _pair_statistics(products, class_key, parameters)


def ambient_isotropic(key: Any, parameters: dict[str, Any]) -> Any:
    """`ambient` for `Σ = s²I`, where all levels share the products with the means themselves."""
    means, scale = parameters["means"], parameters["scale"]  # (classes, d), (levels,)
    noise_key, class_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, means.shape[-1]), means.dtype)
    products = jnp.matmul(epsilon, means.T, precision="highest")[:, None, :] * scale[:, None]
    return _pair_statistics(products, class_key, parameters)


def reduced_parameters(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `reduced` needs: Gram matrices at each level and their roots."""
    common = _common(mixture, sigma, groups)
    values, vectors = np.linalg.eigh(common["gram"])
    # the symmetric root is the one that is unique, hence smooth in σ where eigenvalues coincide
    lengths = np.sqrt(np.maximum(values, 0))[:, None, :]
    roots = (vectors * lengths) @ vectors.transpose(0, 2, 1)
    # One combination of centred means vanishes, the same at every level, so a fixed rotation drops a
    # dimension; the others come in order of size, for points whose first coordinates are the best.
    rotation = vectors[sigma.size // 2][:, :0:-1]
    return common | {"roots": roots @ rotation}


def ambient_parameters(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `ambient` or, for an isotropic covariance, `ambient_isotropic` needs."""
    common = _common(mixture, sigma, groups)
    covariance = mixture.covariances[0]
    centred = _centred(mixture)
    if isinstance(covariance, Isotropic):
        scale = 1 / np.sqrt(covariance.variance + sigma**2)
        return common | {"means": centred, "scale": scale}
    widths = covariance.variances + sigma[:, None] ** 2
    return common | {"whitened": covariance.rotate(centred) / np.sqrt(widths)[:, None, :]}


def _pair_statistics(products: Any, class_key: Any, parameters: dict[str, Any]) -> Any:
    """Mean over the antithetic pair ±ε of one class per pair, shape (STRIDE, 3, levels)."""
    centre = _centre(class_draws(class_key, parameters["log_weights"]), parameters)
    both = [
        statistics(centre + sign * products, parameters["forms"], parameters["noise"], parameters["groups"])
        for sign in (1, -1)
    ]
    return (both[0] + both[1]) / 2


def _centre(classes: Any, parameters: dict[str, Any]) -> Any:
    """Log-posteriors (draws, levels, K) of the class means themselves, up to a constant."""
    gram = parameters["gram"]
    squares = jnp.diagonal(gram, axis1=1, axis2=2)
    return parameters["log_weights"] - squares / 2 + gram[:, classes].transpose(1, 0, 2)


def _common(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    return {
        "log_weights": np.log(mixture.weights),
        "gram": _resolvent_grams(mixture, sigma, 1),
        "forms": _resolvent_grams(mixture, sigma, 2),
        "noise": sigma**2,
        "groups": groups,
    }


def _centred(mixture: GaussianMixture) -> Array:
    return mixture.means - mixture.weights @ mixture.means


def _resolvent_grams(mixture: GaussianMixture, sigma: Array, power: int) -> Array:
    """`⟨m_j − m̄, (Σ + σ²I)^{−power} (m_k − m̄)⟩`, shape (levels, classes, classes)."""
    covariance = mixture.covariances[0]
    if isinstance(covariance, Isotropic):
        return mixture.centred_gram / (covariance.variance + sigma**2)[:, None, None] ** power
    centred = covariance.rotate(_centred(mixture))
    return np.stack([(centred / (covariance.variances + s * s) ** power) @ centred.T for s in sigma])
