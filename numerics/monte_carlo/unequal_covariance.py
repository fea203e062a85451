"""Classes with covariances of their own: data and noise are drawn apart, each class in its eigenbasis.

    X = m_c + Σ_c^{1/2} ξ + σ z,        y_k = (Σ_k + σ²I)^{−1/2} (X − m_k)
    log p(k|X) = log w_k − ½ |y_k|² − ½ log det(Σ_k + σ²I) + const
    σ^{−2}(D_k − X) = −(Σ_k + σ²I)^{−1} (X − m_k)

One factorisation per class serves every level, and all levels share ξ and z. Besides eigenvectors a class can
have factors, `Σ_k = D_k + U_kU_kᵀ`: with `B = D_k + σ²I` and `B^{−1/2}U_k = Q diag(s) Wᵀ`, the part of
`B^{−1/2}v` along Q shrinks by `(1 + s²)^{−1}`; `Q = B^{−1/2}U_k W diag(s)^{−1}` needs a small matrix alone.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ...theory.mixtures.covariance import Full, LowRank
from ...theory.mixtures.mixture import GaussianMixture
from .statistics import statistics
from .strides import STRIDE, check_resolution, class_draws, normal

__all__ = ["ambient", "clean_draws", "logits_and_pulls", "parameters_of", "rounding"]

Array: TypeAlias = NDArray[np.float64]


def ambient(key: Any, parameters: dict[str, Any]) -> Any:
    """Curves of one stride of antithetic pairs ±(ξ, z), shape (3, levels, STRIDE)."""
    data_key, noise_key, class_key = jax.random.split(key, 3)
    means = parameters["means"]
    classes = class_draws(class_key, parameters["log_weights"])
    spread = clean_draws(data_key, classes, parameters)
    noise = normal(noise_key, spread.shape, means.dtype)

    def at(level: dict[str, Any]) -> Any:
        both = [
            _at_level(means[classes] + sign * (spread + level["sigma"] * noise), level, parameters)
            for sign in (1, -1)
        ]
        return (both[0] + both[1]) / 2

    return jnp.moveaxis(jax.lax.map(at, parameters["levels"]), 0, 1)


def parameters_of(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `ambient` needs; `sigma` has any shape, which that of the entries of `levels` begins with."""
    each = [mixture.covariance_of(k) for k in range(mixture.classes)]
    shape = (mixture.dimension,)
    turned = any(isinstance(covariance, Full) for covariance in each)
    eye = np.eye(mixture.dimension) if turned else None
    diagonals = [c.variances if isinstance(c, Full) else c.parts()[0] for c in each]
    rank = max((c.factors.shape[1] for c in each if isinstance(c, LowRank)), default=0)
    least = np.min([np.min(diagonal) for diagonal in diagonals])
    lengths2 = float(((mixture.means - mixture.weights @ mixture.means) ** 2).sum(axis=1).max())
    check_resolution(lengths2 / (least + sigma.ravel() ** 2), sigma.ravel())
    parameters: dict[str, Any] = {
        "log_weights": np.log(mixture.weights),
        "means": mixture.means - mixture.weights @ mixture.means,
        "variances": np.stack([np.broadcast_to(diagonal, shape) for diagonal in diagonals]),
        "axes": None
        if eye is None
        else np.stack([c.rotate(eye) if isinstance(c, Full) else eye for c in each]),
        "factors": None,
        "levels": {"sigma": sigma},
        "groups": groups,
    }
    if rank:
        columns = [c.factors if isinstance(c, LowRank) else np.zeros((*shape, 0)) for c in each]
        factors = np.stack([np.pad(u, ((0, 0), (0, rank - u.shape[1]))) for u in columns])
        parameters["factors"] = factors
        parameters["levels"] |= _shrinkage(parameters["variances"], factors, sigma)
    return parameters


def rounding(mixture: GaussianMixture, dtype: str) -> float:
    """Relative error of the arithmetic: that of a sum over d squares."""
    return 4 * float(np.finfo(dtype).eps) * (1 + float(np.sqrt(mixture.dimension)))


def clean_draws(key: Any, classes: Any, parameters: dict[str, Any]) -> Any:
    """`Σ_c^{1/2} ξ` for the class c of each draw, shape (STRIDE, d)."""
    variances, axes, factors = (parameters[name] for name in ("variances", "axes", "factors"))
    shape = (STRIDE, variances.shape[1])
    spread = jnp.sqrt(variances[classes]) * normal(key, shape, variances.dtype)
    if axes is not None:
        spread = _of_class(jnp.einsum("nd,ked->nke", spread, axes, precision="highest"), classes)
    if factors is not None:
        more = normal(jax.random.fold_in(key, 1), (STRIDE, factors.shape[2]), variances.dtype)
        spread += _of_class(jnp.einsum("nr,kdr->nkd", more, factors, precision="highest"), classes)
    return spread


def logits_and_pulls(x: Any, level: dict[str, Any], parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Log-posteriors (draws, K) up to a constant, and `σ^{−2}(D_k − X)` (draws, K, d), of x (draws, d)."""
    axes, factors = parameters["axes"], parameters["factors"]
    widths = parameters["variances"] + level["sigma"] ** 2
    roots = jnp.sqrt(widths)
    y = x[:, None, :] - parameters["means"]
    if axes is not None:
        y = jnp.einsum("nkd,kde->nke", y, axes, precision="highest")
    y = y / roots
    squares, log_widths = (y**2).sum(-1), jnp.log(widths).sum(-1)
    if factors is not None:
        basis = jnp.einsum("kdr,krs->kds", factors / roots[..., None], level["mixers"], precision="highest")
        along = jnp.einsum("nkd,kdr->nkr", y, basis, precision="highest")
        rest = y - jnp.einsum("nkr,kdr->nkd", along, basis, precision="highest")
        squares = (rest**2).sum(-1) + (along**2 * level["shrink"]).sum(-1)
        y = rest + jnp.einsum("nkr,kdr->nkd", along * level["shrink"], basis, precision="highest")
        log_widths = log_widths - jnp.log(level["shrink"]).sum(-1)
    pulls = -y / roots
    if axes is not None:
        pulls = jnp.einsum("nke,kde->nkd", pulls, axes, precision="highest")
    return parameters["log_weights"] - (squares + log_widths) / 2, pulls


def _shrinkage(variances: Array, factors: Array, sigma: Array) -> dict[str, Array]:
    """`W diag(s)^{−1}` (…, K, r, r) and `(1 + s²)^{−1}` (…, K, r) at every σ."""
    mixers, shrink = [], []
    for value in sigma.ravel():
        scaled = factors / np.sqrt(variances + value**2)[..., None]
        lengths2, vectors = np.linalg.eigh(scaled.transpose(0, 2, 1) @ scaled)
        present = lengths2 > 1e-14 * lengths2.max(axis=1, keepdims=True)
        lengths2 = np.where(present, lengths2, np.inf)
        mixers.append(vectors / np.sqrt(lengths2)[:, None, :])
        shrink.append(np.where(present, 1 / (1 + lengths2), 1))
    return {
        "mixers": np.reshape(mixers, (*sigma.shape, *mixers[0].shape)),
        "shrink": np.reshape(shrink, (*sigma.shape, *shrink[0].shape)),
    }


def _of_class(every: Any, classes: Any) -> Any:
    """Row `classes[n]` of each `every[n]`."""
    return jnp.take_along_axis(every, classes[:, None, None], axis=1)[:, 0]


def _at_level(x: Any, level: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Curves of the draws x (draws, d) at one level, shape (3, draws)."""
    logits, pulls = logits_and_pulls(x, level, parameters)
    # only differences of the pulls matter; a common shift removes what would cancel
    pulls = pulls - pulls.mean(1, keepdims=True)
    forms = jnp.einsum("njd,nkd->jkn", pulls, pulls, precision="highest")
    lengths = jnp.diagonal(forms, axis1=0, axis2=1).T
    gaps = jnp.maximum(lengths[:, None] + lengths[None] - 2 * forms, 0)
    return statistics(logits.T, gaps, level["sigma"] ** 2, parameters["groups"])
