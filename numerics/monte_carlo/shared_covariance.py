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

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64, UInt32
from numpy.typing import NDArray

from ...theory._support.aliases import ApiArray
from ...theory.mixtures.mixture import GaussianMixture
from .._support.jax_settings import own_settings
from . import importance
from .controls import controlled, slopes_of
from .kernel import Kernel, Scale
from .levels import over_levels
from .statistics import statistics
from .strides import SINGLE_LIMIT, STRIDE, check_resolution, in_precision, largest_of, normal

__all__ = [
    "AMBIENT",
    "AMBIENT_ISOTROPIC",
    "REDUCED",
    "Levels",
    "Parameters",
    "ambient",
    "ambient_isotropic",
    "ambient_parameters",
    "reduced",
    "reduced_at",
    "reduced_parameters",
    "scale_of",
]

Array: TypeAlias = NDArray[np.float64]


class Levels(NamedTuple):
    """Arrays of each level, whose axis is the first; the last four are of one kernel or another.

    NumPy's as they are prepared, JAX's where they are drawn with.

    `gram` and `gaps` (levels, K, K) are `⟨a_j, a_k⟩` and `|S^{−1}(m_j − m_k)|²`, `noise` σ²; `second_order`
    is `E V` and `expected` (levels, 2) the controls' means; `thresholds` and `overlap` are of `importance`;
    `slopes` (levels, 3, 2) are the controls'.
    """

    gram: ApiArray
    gaps: ApiArray
    noise: ApiArray
    second_order: ApiArray
    expected: ApiArray
    thresholds: ApiArray
    overlap: ApiArray
    slopes: ApiArray = None
    roots: ApiArray = None
    scale: ApiArray = None
    whitened: ApiArray = None


class Parameters(NamedTuple):
    """What kernels of a shared covariance need; `means` (K, d) only for an isotropic one."""

    log_weights: ApiArray
    groups: ApiArray
    components: ApiArray
    levels: Levels
    means: ApiArray = None


_PILOT_KEY, _PILOT_STRIDES = 2**31 - 1, 8


def reduced(key: jax.Array, parameters: Parameters) -> Float[jax.Array, "3 levels draws"]:
    """Curves of one stride with noise drawn in the span of the mean differences."""
    noise_key, centre_key = jax.random.split(key)
    roots = parameters.levels.roots  # (levels, K, K − 1)
    y = normal(noise_key, (STRIDE, roots.shape[-1]), roots.dtype)
    return _pairs(lambda level: _reduced_products(y, level), centre_key, parameters)


def reduced_at(
    y: Float[jax.Array, "draws rank"], bits: UInt32[jax.Array, " draws"], parameters: Parameters
) -> Float[jax.Array, "3 levels draws"]:
    """Curves (3, levels, draws) of noise y (draws, K − 1) and of 32 random bits (draws,) for the centre."""

    def at(level: Levels) -> ApiArray:
        centres = importance.centres(bits, level.gram, level.thresholds, parameters.components)
        rows = _rows(centres + _reduced_products(y, level), level, parameters)
        return controlled(rows, level.slopes, level.expected)

    return over_levels(at, parameters.levels, parameters.log_weights.size)


def _reduced_products(y: Float[jax.Array, "draws rank"], level: Levels) -> Float[jax.Array, "K draws"]:
    """`ε·a_k` (K, draws) from noise y (draws, K − 1)."""
    return jnp.matmul(level.roots, y.T, precision="highest")


def ambient(key: jax.Array, parameters: Parameters) -> Float[jax.Array, "3 levels draws"]:
    """Curves of one stride with noise drawn in all dimensions, any shared covariance."""
    whitened = parameters.levels.whitened  # (levels, K, d)
    noise_key, centre_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, whitened.shape[-1]), whitened.dtype)

    def products(level: Levels) -> ApiArray:
        return jnp.matmul(level.whitened, epsilon.T, precision="highest")

    return _pairs(products, centre_key, parameters)


def ambient_isotropic(key: jax.Array, parameters: Parameters) -> Float[jax.Array, "3 levels draws"]:
    """`ambient` for `Σ = s²I`, where all levels share the products with the means themselves."""
    means = parameters.means  # (K, d)
    noise_key, centre_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, means.shape[-1]), means.dtype)
    products = jnp.matmul(epsilon, means.T, precision="highest").T
    return _pairs(lambda level: products * level.scale, centre_key, parameters)


def reduced_parameters(
    mixture: GaussianMixture, sigma: Float64[Array, " levels"], groups: Float64[Array, "G K"] | None
) -> Parameters:
    """What `reduced` needs: Gram matrices at each level, their roots, and the controls' slopes."""
    common = _common(mixture, sigma, groups)
    return _and_levels(common, **_fitted(common))


def ambient_parameters(
    mixture: GaussianMixture, sigma: Float64[Array, " levels"], groups: Float64[Array, "G K"] | None
) -> Parameters:
    """What `ambient` or, for an isotropic covariance, `ambient_isotropic` needs."""
    common = _common(mixture, sigma, groups)
    # the law of the rows is that of `reduced`, whose pilot costs nothing that grows with d
    common = _and_levels(common, slopes=_fitted(common)["slopes"])
    covariance = mixture.covariances[0]
    centred, variance = _centred(mixture), covariance.isotropic_variance
    if variance is not None:
        scale = 1 / np.sqrt(variance + sigma**2)
        return _and_levels(common, scale=scale)._replace(means=centred)
    return _and_levels(common, whitened=np.stack([covariance.whiten(centred, n) for n in sigma**2]))


def _and_levels(parameters: Parameters, **more: Array) -> Parameters:
    return parameters._replace(levels=parameters.levels._replace(**more))


def _roots(gram: Float64[Array, "levels K K"]) -> Float64[Array, "levels K K-1"]:
    """`A` with `AAᵀ` the Gram matrix, shape (levels, K, K − 1)."""
    scale = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    middle = gram[len(gram) // 2]
    if np.abs(gram / scale - middle / np.trace(middle)).max() < 1e-14 * np.abs(middle).max() / np.trace(
        middle
    ):
        values, vectors = np.linalg.eigh(middle)  # isotropic: levels differ by a factor
        values = values * (scale[:, :, 0] / np.trace(middle))
        vectors = np.broadcast_to(vectors, gram.shape)
    else:
        values, vectors = np.linalg.eigh(gram)
    # the symmetric root is the one that is unique, hence smooth in σ where eigenvalues coincide
    lengths = np.sqrt(np.maximum(values, 0))[:, None, :]
    roots = (vectors * lengths) @ vectors.transpose(0, 2, 1)
    # One combination of centred means vanishes, the same at every level, so a fixed rotation drops a
    # dimension; the others come in order of size, for points whose first coordinates are the best.
    return roots @ vectors[len(gram) // 2][:, :0:-1]


def _fitted(common: Parameters) -> dict[str, Array]:
    """Roots of the Gram matrices, and the slopes of the controls from a pilot of the `reduced` method."""
    roots = _roots(common.levels.gram)
    parameters = _and_levels(common, roots=roots)
    double = largest_of(parameters) > SINGLE_LIMIT
    with own_settings(double=double):
        precise = in_precision(parameters, "float64" if double else "float32")
        rows = np.asarray(_pilot(precise), dtype=np.float64)
    return {"roots": roots, "slopes": slopes_of(rows, 3)}


@jax.jit
def _pilot(parameters: Parameters) -> Float[jax.Array, "5 levels pairs"]:
    """Rows of pairs that no estimate uses, shape (5, levels, pairs)."""
    roots = parameters.levels.roots

    def stride(index: UInt32[jax.Array, ""]) -> Float[jax.Array, "5 levels draws"]:
        key = jax.random.fold_in(jax.random.key(_PILOT_KEY, impl="threefry2x32"), index)
        noise_key, centre_key = jax.random.split(key)
        y = normal(noise_key, (STRIDE, roots.shape[-1]), roots.dtype)
        return _pairs(lambda level: _reduced_products(y, level), centre_key, parameters, control=False)

    rows = jax.lax.map(stride, jnp.arange(_PILOT_STRIDES, dtype=jnp.uint32))
    return jnp.moveaxis(rows, 0, -2).reshape(*rows.shape[1:3], -1)


def scale_of(mixture: GaussianMixture, parameters: Parameters, dtype: str, choices: int) -> Scale:
    """Unit, rounding and largest draw of both kernels."""
    levels = parameters.levels
    # a relative rounding of the log-odds by ε is an absolute one by ε|a|², and so is that of p
    largest = np.abs(levels.gram).max(axis=(1, 2))
    rounding = 4 * float(np.finfo(dtype).eps) * (1 + largest)
    return Scale(levels.overlap / (1 + levels.overlap), rounding, importance.largest(levels.overlap, choices))


def _pairs(
    products_of: Callable[[Levels], jax.Array],
    centre_key: jax.Array,
    parameters: Parameters,
    control: bool = True,
) -> Float[jax.Array, "rows levels draws"]:
    """Mean of the curves over the antithetic pairs ±ε around one centre each, shape (3, levels, STRIDE).

    Without `control` the control variates are not used but returned, shape (5, levels, STRIDE).
    """
    bits = jax.random.bits(centre_key, (STRIDE,), jnp.uint32)

    def at(level: Levels) -> ApiArray:
        centres = importance.centres(bits, level.gram, level.thresholds, parameters.components)
        products = products_of(level)
        signs = (centres + products, centres - products)
        rows: ApiArray = sum(_rows(inner, level, parameters) for inner in signs) / 2
        return controlled(rows, level.slopes, level.expected) if control else rows

    return over_levels(at, parameters.levels, parameters.log_weights.size)


def _rows(
    inner: Float[jax.Array, "K draws"], level: Levels, parameters: Parameters
) -> Float[jax.Array, "5 draws"]:
    """The three curves and the two control variates, weighted; `inner` (K, draws) is ⟨a_k, x⟩."""
    h = inner - jnp.diagonal(level.gram)[:, None] / 2
    logits = h + parameters.log_weights[:, None]
    weights, scaled = importance.weights(logits, level.overlap, parameters.groups)
    curves = statistics(logits, level.gaps, level.noise, parameters.groups)
    control = _second_order(h, level.second_order, parameters)
    return jnp.concatenate([scaled * curves, weights[None], (weights * control)[None]])


def _second_order(
    h: Float[jax.Array, "K draws"], norm: Float[jax.Array, ""], parameters: Parameters
) -> Float[jax.Array, " draws"]:
    """`V/E V`, shape (draws,), or zero where E V is."""
    h = h / jnp.sqrt(jnp.where(norm > 0, norm, 1))
    weights, groups = jnp.exp(parameters.log_weights), parameters.groups
    weighted = weights[:, None] * h
    mean = weighted.sum(0)
    if groups is None:
        squares = (weighted * h).sum(0)
    else:
        sums = jnp.matmul(groups, weighted, precision="highest")
        squares = (sums**2 / (groups @ weights)[:, None]).sum(0)
    return jnp.where(norm > 0, squares - mean**2, 0)


def _common(mixture: GaussianMixture, sigma: Array, groups: Array | None) -> Parameters:
    gram, forms = _resolvent_grams(mixture, sigma)
    lengths = np.diagonal(forms, axis1=1, axis2=2)
    check_resolution(np.diagonal(gram, axis1=1, axis2=2).max(axis=1), sigma)
    second_order = _expected_second_order(gram, mixture.weights, groups)
    varies = (second_order > 0).astype(np.float64)
    proposal = importance.proposal(gram, mixture.weights, groups)
    levels = Levels(
        gram=gram,
        gaps=np.maximum(lengths[:, :, None] + lengths[:, None, :] - 2 * forms, 0),
        noise=sigma**2,
        second_order=second_order,
        expected=np.stack([np.ones(sigma.size), varies], axis=1),
        thresholds=proposal.thresholds,
        overlap=proposal.overlap,
    )
    return Parameters(np.log(mixture.weights), groups, proposal.components, levels)


def _expected_second_order(
    gram: Float64[Array, "levels K K"],
    weights: Float64[Array, " K"],
    groups: Float64[Array, "G K"] | None,
) -> Float64[Array, " levels"]:
    """`E V`, shape (levels,), zero where rounding is all there is."""
    sums = (np.eye(weights.size) if groups is None else groups) * weights
    half = np.diagonal(gram, axis1=1, axis2=2)[:, :, None] / 2

    def forms(rows: Float64[Array, "rows K"]) -> Float64[Array, "levels rows"]:
        """`rᵀ (E h hᵀ) r` for each row r, shape (levels, rows), without the matrix itself."""
        along = gram @ rows.T
        means = along - np.swapaxes(half, 1, 2) @ rows.T
        return np.einsum("rj,ljr->lr", rows, along) + weights @ means**2

    if groups is None:  # rows of one entry each: the diagonal
        own = np.diagonal(gram, axis1=1, axis2=2)
        along = gram - np.swapaxes(half, 1, 2)
        squares = (own + np.einsum("c,lcj->lj", weights, along**2)) @ weights
    else:
        squares = forms(sums) @ (1 / sums.sum(axis=1))
    found = squares - forms(weights[None])[:, 0]
    return np.where(found > 1e-12 * squares, found, 0)


def _centred(mixture: GaussianMixture) -> Array:
    return mixture.means - mixture.weights @ mixture.means


def _resolvent_grams(
    mixture: GaussianMixture, sigma: Float64[Array, " levels"]
) -> tuple[Float64[Array, "levels K K"], Float64[Array, "levels K K"]]:
    """`⟨m_j − m̄, S^{−p}(m_k − m̄)⟩` for p = 1 and 2, each of shape (levels, K, K)."""
    covariance = mixture.covariances[0]
    if covariance.isotropic_variance is not None:
        widths = (covariance.isotropic_variance + sigma**2)[:, None, None]
        gram = mixture.centred_gram / widths
        return gram, gram / widths
    centred = _centred(mixture)
    solved = [covariance.solve(centred, noise) for noise in sigma**2]
    return np.stack([centred @ s.T for s in solved]), np.stack([s @ s.T for s in solved])


REDUCED = Kernel(reduced_parameters, reduced, scale_of, double=True)
AMBIENT = Kernel(ambient_parameters, ambient, scale_of, double=False)
AMBIENT_ISOTROPIC = Kernel(ambient_parameters, ambient_isotropic, scale_of, double=False)
