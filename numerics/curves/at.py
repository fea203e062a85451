"""The class-conditional entropy of a mixture at a noise level: a pure function, through which gradients flow.

    H(σ) = Σ_c w_c E h(p(·|m_c + S_c^{1/2} ζ)),      S_c = Σ_c + σ²I,

with h the entropy of the posterior and ζ standard normal, the same for every class and every σ. Weights enter
by themselves, so that no class is drawn, and every parameter has the derivative of what is computed. Two
classes with a shared covariance are the binary channel (T2), which needs no draws.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.linalg import solve_triangular
from jax.typing import ArrayLike
from jaxtyping import Float

from ...theory._support.aliases import ApiArray
from ...theory._support.real_numbers import refuse_unless
from ...theory.mixtures.covariance import Covariance
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.posterior import Classes, posterior, resolvent
from .._support.seeds import Key, key_words, seed_of
from ..channel.binary import binary_entropy
from ..monte_carlo.statistics import posterior_entropy

__all__ = ["entropy_at"]


def entropy_at(
    mixture: GaussianMixture, sigma: ArrayLike, key: Key = 0, draws: int = 1024
) -> Float[jax.Array, "..."]:
    """Class-conditional entropy `H(C|X₀ + σZ)` in nats, for `jit`, `grad` and `vmap`.

    `H = Σ_c w_c E h(p(·|m_c + S_c^{1/2} ζ))`, `S_c = Σ_c + σ²I`; for two classes with a shared covariance
    `H₂(δᵀ(Σ + σ²I)^{-1}δ)` itself (T2), whose derivatives are T3's.

    Parameters
    ----------
    mixture : GaussianMixture
        A tree of arrays, which may be traced, mapped over, or the outcome of a step along a gradient. Weights
        count relative to their sum. Classes share a covariance where the mixture holds a single one.
    sigma : array_like, any shape
        Noise-to-signal ratios σ > 0.
    key : int or JAX key
        Typed or raw, also traced. The same key gives the same noise at every σ and for every mixture.
    draws : int
        Draws of each class, in antithetic pairs; the cost grows as draws times the square of the classes.

    Returns
    -------
    jax.Array of the shape of σ, in JAX's default precision. Its derivatives are those of this average of
    draws to rounding, and so those of H within the error of as many draws.

    Raises
    ------
    ValueError
        For σ that is known and not > 0, a key that is none, or `draws` < 1.

    References
    ----------
    T2, T3, T17.
    """
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 1:
        raise ValueError(f"draws: need a whole number >= 1, not {draws!r}")
    if not isinstance(sigma, Tracer):
        values = np.asarray(sigma)
        if values.dtype.kind not in "fiu":
            raise ValueError(f"sigma: need real numbers, not {values.dtype}")
        refuse_unless((values > 0) & np.isfinite(values), values, "sigma", "must be a finite number > 0")
    with _usual_promotion():
        real = jnp.result_type(float)
        levels = jnp.asarray(sigma, real)
        own: GaussianMixture = jax.tree.map(lambda leaf: jnp.asarray(leaf, real), mixture)
        if len(own.covariances) == 1 and own.weights.shape[0] == 2:
            return _channel_entropy(own, levels)
        return _sampled_entropy(own, levels, _typed(key), int(draws))


@contextmanager
def _usual_promotion() -> Iterator[None]:
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def _typed(key: ApiArray) -> ApiArray:
    """A typed key of threefry, from a number, a typed or a raw key, known or not."""
    if isinstance(key, Tracer):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
            return key
        if key.dtype == np.uint32 and key.shape == (2,):
            return jax.random.wrap_key_data(key, impl="threefry2x32")
        if jnp.issubdtype(key.dtype, np.integer) and key.ndim == 0:
            return jax.random.key(key, impl="threefry2x32")
        raise ValueError(f"key: need a whole number or one JAX key, not {key.dtype} of shape {key.shape}")
    return jax.random.wrap_key_data(jnp.asarray(key_words(seed_of(key))), impl="threefry2x32")


@partial(jax.jit, static_argnames="draws")
def _sampled_entropy(
    mixture: GaussianMixture, sigma: Float[jax.Array, "..."], key: jax.Array, draws: int
) -> Float[jax.Array, "..."]:
    found = jax.lax.map(lambda level: _entropy(mixture, level, key, draws), sigma.ravel())
    return found.reshape(sigma.shape)


@jax.jit
def _channel_entropy(mixture: GaussianMixture, sigma: Float[jax.Array, "..."]) -> Float[jax.Array, "..."]:
    """`H₂(γ)` of two classes with a shared covariance."""
    difference = (mixture.means[0] - mixture.means[1]) / 2
    prior = mixture.weights[0] / mixture.weights.sum()

    def gamma(level: ApiArray) -> ApiArray:
        white = _white(_forms(mixture, level), difference[None, None], level)
        return jnp.sum(white[0][0] * white[1][0])

    return binary_entropy(jax.lax.map(gamma, sigma.ravel()).reshape(sigma.shape), prior)


def _entropy(
    mixture: GaussianMixture, sigma: Float[jax.Array, ""], key: jax.Array, draws: int
) -> Float[jax.Array, ""]:
    """The average at one level."""
    classes, dimension = mixture.means.shape
    forms = _forms(mixture, sigma)
    noise = jax.random.normal(key, (-(-draws // 2), dimension), mixture.means.dtype)
    rank = 0 if not isinstance(forms, Classes) or forms.factors is None else forms.factors.shape[-1]
    more = jax.random.normal(jax.random.fold_in(key, 1), (len(noise), rank), mixture.means.dtype)
    share = mixture.weights / mixture.weights.sum()

    def of_class(index: ApiArray) -> ApiArray:
        spread = _spread(forms, index, noise, more, sigma)
        states = mixture.means[index] + jnp.concatenate([spread, -spread])
        return posterior_entropy(_log_joint(forms, mixture, states, sigma)).mean()

    return share @ jax.lax.map(jax.checkpoint(of_class), jnp.arange(classes))


def _forms(mixture: GaussianMixture, sigma: Float[jax.Array, ""]) -> ApiArray:
    """The posterior's `Classes`, or Cholesky factors of S (C, d, d) where a covariance is a full matrix.

    Eigenvectors have no derivative where eigenvalues coincide.
    """
    dimension = mixture.means.shape[1]
    if any(covariance.dense is not None for covariance in mixture.covariances):
        noise = sigma**2 * jnp.eye(dimension, dtype=mixture.means.dtype)
        return jnp.linalg.cholesky(jnp.stack([_matrix(c, dimension) + noise for c in mixture.covariances]))
    diagonals = [jnp.broadcast_to(c.parts()[0], (dimension,)) for c in mixture.covariances]
    columns = [c.parts()[1] for c in mixture.covariances]
    rank = max(0 if u is None else u.shape[1] for u in columns)
    factors = None
    if rank:
        padded = [jnp.zeros((dimension, 0)) if u is None else u for u in columns]
        factors = jnp.stack([jnp.pad(u, ((0, 0), (0, rank - u.shape[1]))) for u in padded])
    weights = mixture.weights / mixture.weights.sum()
    return Classes(jnp.log(weights), mixture.means, jnp.stack(diagonals), None, factors)


def _matrix(covariance: Covariance, dimension: int) -> ApiArray:
    matrix = covariance.dense
    if matrix is not None:
        # a gradient moves both of the entries that are one number
        return (matrix + matrix.T) / 2
    diagonal, factors = covariance.parts()
    dense = jnp.diag(jnp.broadcast_to(diagonal, (dimension,)))
    return dense if factors is None else dense + jnp.matmul(factors, factors.T, precision="highest")


def _white(forms: ApiArray, vectors: ApiArray, sigma: ApiArray) -> tuple[ApiArray, ApiArray]:
    """Two vectors (C, n, d) whose product is `vᵀS^{−1}v`."""
    if not isinstance(forms, Classes):
        count = max(forms.shape[0], vectors.shape[0])
        spread = jnp.broadcast_to(vectors, (count, *vectors.shape[1:]))
        factors = jnp.broadcast_to(forms, (count, *forms.shape[1:]))
        white = jnp.swapaxes(solve_triangular(factors, jnp.swapaxes(spread, 1, 2), lower=True), 1, 2)
        return white, white
    form = resolvent(jnp, forms, sigma)
    white = form.whiten(jnp, vectors)
    return vectors + 0 * white, form.pull(jnp, white)


def _log_joint(
    forms: ApiArray, mixture: GaussianMixture, states: ApiArray, sigma: Float[jax.Array, ""]
) -> Float[jax.Array, "K n"]:
    """`log w_k p(x|k)` up to a constant, shape (K, n)."""
    if isinstance(forms, Classes):
        return posterior(jnp, forms, states, sigma).log_joint
    white, _ = _white(forms, states[None] - mixture.means[:, None], sigma)
    widths = jnp.log(jnp.diagonal(forms, axis1=1, axis2=2)).sum(-1)[:, None]
    return jnp.log(mixture.weights)[:, None] - (white**2).sum(-1) / 2 - widths


def _spread(forms: ApiArray, index: ApiArray, noise: ApiArray, more: ApiArray, sigma: ApiArray) -> ApiArray:
    """`S_c^{1/2} ζ` of one class, shape (n, d)."""
    if not isinstance(forms, Classes):
        own = forms[jnp.minimum(index, forms.shape[0] - 1)]
        return jnp.matmul(noise, own.T, precision="highest")
    own = jnp.minimum(index, forms.variances.shape[0] - 1)
    spread = jnp.sqrt(forms.variances[own] + sigma**2) * noise
    if forms.factors is None:
        return spread
    return spread + jnp.matmul(more, forms.factors[own].T, precision="highest")
