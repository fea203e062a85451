"""Classes that share a covariance: one noise vector per draw serves every level (T17).

Whitened by `S^{−1/2}`, `S = Σ + σ²I`, the mean of class k is `a_k = S^{−1/2}(m_k − m̄)`, a draw is a centre
plus standard normal ε, and the log-posterior of class k is, up to a constant, `log w_k + h_k` with

    h_k = ε·a_k + ⟨a_k, centre⟩ − ½|a_k|².

Only the inner products `e_k = ε·a_k` are random. `ambient` draws ε in all d dimensions and takes them;
`reduced` draws them directly, since `e = A y` with A the symmetric root of the Gram matrix of the
a_k and y standard normal in K − 1 dimensions: a cost that does not depend on d.

Centres are drawn where classes meet (`importance`), and two control variates have known means: the
importance weight, `E = 1`, and the weighted second order of the entropy in h,

    V = Σ_G w_G h_G² − (Σ_k w_k h_k)²,   h_G = Σ_{k∈G} w_k h_k / w_G,

whose mean follows from `E h_j h_k = ⟨a_j, a_k⟩ + Σ_c w_c μ_cj μ_ck` with `μ_ck = ⟨a_c, a_k⟩ − ½|a_k|²`.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ..theory.covariance import Isotropic
from ..theory.mixture import GaussianMixture
from . import importance
from .controls import controlled, slopes_of
from .sampling import SINGLE_LIMIT, STRIDE, check_resolution, in_precision, largest_of, normal
from .statistics import statistics

__all__ = [
    "ambient",
    "ambient_isotropic",
    "ambient_parameters",
    "reduced",
    "reduced_at",
    "reduced_parameters",
    "unit_and_rounding",
]

Array: TypeAlias = NDArray[np.float64]

_PILOT_KEY, _PILOT_STRIDES = 2**31 - 1, 8


def reduced(key: Any, parameters: dict[str, Any]) -> Any:
    """Curves of one stride with noise drawn in the span of the mean differences."""
    noise_key, centre_key = jax.random.split(key)
    roots = parameters["roots"]  # (levels, K, K − 1)
    y = normal(noise_key, (STRIDE, roots.shape[-1]), roots.dtype)
    return _pair(_reduced_products(y, roots), centre_key, parameters)


def reduced_at(y: Any, bits: Any, parameters: dict[str, Any]) -> Any:
    """Curves (3, levels, draws) of noise y (draws, K − 1) and of 32 random bits (draws,) for the centre."""
    centres = importance.centres(bits, parameters["gram"], parameters)
    rows = _rows(centres + _reduced_products(y, parameters["roots"]), parameters)
    return controlled(rows, parameters["slopes"], parameters["expected"])


def _reduced_products(y: Any, roots: Any) -> Any:
    """`ε·a_k` (K, levels, draws) from noise y (draws, K − 1) and roots (levels, K, K − 1)."""
    return jnp.einsum("nr,lkr->kln", y, roots, precision="highest")


def ambient(key: Any, parameters: dict[str, Any]) -> Any:
    """Curves of one stride with noise drawn in all dimensions, any shared covariance."""
    whitened = parameters["whitened"]  # (levels, K, d)
    noise_key, centre_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, whitened.shape[-1]), whitened.dtype)
    products = jnp.einsum("nd,lkd->kln", epsilon, whitened, precision="highest")
    return _pair(products, centre_key, parameters)


def ambient_isotropic(key: Any, parameters: dict[str, Any]) -> Any:
    """`ambient` for `Σ = s²I`, where all levels share the products with the means themselves."""
    means, scale = parameters["means"], parameters["scale"]  # (K, d), (levels,)
    noise_key, centre_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, means.shape[-1]), means.dtype)
    products = jnp.matmul(epsilon, means.T, precision="highest").T
    return _pair(products[:, None, :] * scale[:, None], centre_key, parameters)


def reduced_parameters(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `reduced` needs: Gram matrices at each level, their roots, and the controls' slopes."""
    common = _common(mixture, sigma, groups)
    return common | _fitted(common)


def ambient_parameters(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    """What `ambient` or, for an isotropic covariance, `ambient_isotropic` needs."""
    common = _common(mixture, sigma, groups)
    # the law of the rows is that of `reduced`, whose pilot costs nothing that grows with d
    common |= {"slopes": _fitted(common)["slopes"]}
    covariance = mixture.covariances[0]
    centred = _centred(mixture)
    if isinstance(covariance, Isotropic):
        scale = 1 / np.sqrt(covariance.variance + sigma**2)
        return common | {"means": centred, "scale": scale}
    return common | {"whitened": np.stack([covariance.whiten(centred, noise) for noise in sigma**2])}


def _roots(gram: Array) -> Array:
    """`A` with `AAᵀ` the Gram matrix, shape (levels, K, K − 1)."""
    values, vectors = np.linalg.eigh(gram)
    # the symmetric root is the one that is unique, hence smooth in σ where eigenvalues coincide
    lengths = np.sqrt(np.maximum(values, 0))[:, None, :]
    roots = (vectors * lengths) @ vectors.transpose(0, 2, 1)
    # One combination of centred means vanishes, the same at every level, so a fixed rotation drops a
    # dimension; the others come in order of size, for points whose first coordinates are the best.
    return roots @ vectors[len(gram) // 2][:, :0:-1]


def _fitted(common: dict[str, Any]) -> dict[str, Any]:
    """Roots of the Gram matrices, and the slopes of the controls from a pilot of the `reduced` method."""
    parameters = common | {"roots": _roots(common["gram"])}
    double = largest_of(parameters) > SINGLE_LIMIT
    with jax.enable_x64(double):
        precise = in_precision(parameters, "float64" if double else "float32")
        rows = np.asarray(_pilot(precise), dtype=np.float64)
    return {"roots": parameters["roots"], "slopes": slopes_of(rows, 3)}


@jax.jit
def _pilot(parameters: dict[str, Any]) -> Any:
    """Rows of pairs that no estimate uses, shape (5, levels, pairs)."""
    roots = parameters["roots"]

    def stride(index: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(_PILOT_KEY), index)
        noise_key, centre_key = jax.random.split(key)
        y = normal(noise_key, (STRIDE, roots.shape[-1]), roots.dtype)
        return _pair_rows(_reduced_products(y, roots), centre_key, parameters)

    rows = jax.lax.map(stride, jnp.arange(_PILOT_STRIDES, dtype=jnp.uint32))
    return jnp.moveaxis(rows, 0, -2).reshape(*rows.shape[1:3], -1)


def unit_and_rounding(parameters: dict[str, Any], dtype: str) -> tuple[Array, Array]:
    """What a unit of the curves is worth, and the relative error of the arithmetic, both (levels,)."""
    overlap = parameters["overlap"]
    # a relative rounding of the log-odds by ε is an absolute one by ε|a|², and so is that of p
    largest = np.abs(parameters["gram"]).max(axis=(1, 2))
    return overlap / (1 + overlap), 4 * float(np.finfo(dtype).eps) * (1 + largest)


def _pair(products: Any, centre_key: Any, parameters: dict[str, Any]) -> Any:
    """Mean of the curves over the antithetic pair ±ε around one centre, shape (3, levels, STRIDE)."""
    rows = _pair_rows(products, centre_key, parameters)
    return controlled(rows, parameters["slopes"], parameters["expected"])


def _pair_rows(products: Any, centre_key: Any, parameters: dict[str, Any]) -> Any:
    bits = jax.random.bits(centre_key, (products.shape[-1],), jnp.uint32)
    centres = importance.centres(bits, parameters["gram"], parameters)
    return (_rows(centres + products, parameters) + _rows(centres - products, parameters)) / 2


def _rows(inner: Any, parameters: dict[str, Any]) -> Any:
    """The three curves and the two control variates, weighted; `inner` (K, levels, draws) is ⟨a_k, x⟩."""
    squares = jnp.diagonal(parameters["gram"], axis1=1, axis2=2).T[..., None]
    h = inner - squares / 2
    logits = h + parameters["log_weights"][:, None, None]
    weights, scaled = importance.weights(logits, parameters["overlap"])
    curves = statistics(logits, parameters["gaps"], parameters["noise"], parameters["groups"])
    control = _second_order(h, parameters)
    return jnp.concatenate([scaled * curves, weights[None], (weights * control)[None]])


def _second_order(h: Any, parameters: dict[str, Any]) -> Any:
    """`V/E V`, shape (levels, draws), or zero where E V is."""
    norm = parameters["second_order"]
    h = h / jnp.sqrt(jnp.where(norm > 0, norm, 1))[:, None]
    weights, groups = jnp.exp(parameters["log_weights"]), parameters["groups"]
    weighted = weights[:, None, None] * h
    mean = weighted.sum(0)
    if groups is None:
        squares = (weighted * h).sum(0)
    else:
        sums = jnp.tensordot(groups, weighted, 1, precision="highest")
        squares = (sums**2 / (groups @ weights)[:, None, None]).sum(0)
    return jnp.where(norm[:, None] > 0, squares - mean**2, 0)


def _common(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> dict[str, Any]:
    gram, forms = _resolvent_grams(mixture, sigma)
    lengths = np.diagonal(forms, axis1=1, axis2=2)
    check_resolution(np.diagonal(gram, axis1=1, axis2=2).max(axis=1), sigma)
    second_order = _expected_second_order(gram, mixture.weights, groups)
    return {
        "log_weights": np.log(mixture.weights),
        "gram": gram,
        "gaps": np.maximum(lengths[:, :, None] + lengths[:, None, :] - 2 * forms, 0),
        "noise": sigma**2,
        "groups": groups,
        "second_order": second_order,
        "expected": np.stack([np.ones(sigma.size), (second_order > 0).astype(np.float64)]),
    } | importance.proposal(gram, mixture.weights)


def _expected_second_order(gram: Array, weights: Array, groups: Array | None) -> Array:
    """`E V`, shape (levels,), zero where rounding is all there is."""
    means = gram - np.diagonal(gram, axis1=1, axis2=2)[:, None, :] / 2
    products = gram + np.einsum("c,lcj,lck->ljk", weights, means, means)
    members = np.eye(weights.size) if groups is None else groups
    sums = members * weights
    squares = np.einsum("gj,ljk,gk,g->l", sums, products, sums, 1 / sums.sum(axis=1), optimize=True)
    found = squares - np.einsum("j,ljk,k->l", weights, products, weights)
    return np.where(found > 1e-12 * squares, found, 0)


def _centred(mixture: GaussianMixture) -> Array:
    return mixture.means - mixture.weights @ mixture.means


def _resolvent_grams(mixture: GaussianMixture, sigma: Array) -> tuple[Array, Array]:
    """`⟨m_j − m̄, S^{−p}(m_k − m̄)⟩` for p = 1 and 2, each of shape (levels, K, K)."""
    covariance = mixture.covariances[0]
    if isinstance(covariance, Isotropic):
        widths = (covariance.variance + sigma**2)[:, None, None]
        gram = mixture.centred_gram / widths
        return gram, gram / widths
    centred = _centred(mixture)
    solved = [covariance.solve(centred, noise) for noise in sigma**2]
    return np.stack([centred @ s.T for s in solved]), np.stack([s @ s.T for s in solved])
