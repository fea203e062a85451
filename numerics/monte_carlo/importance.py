"""Draws where classes meet: T3's tilt for any number of classes that share a covariance.

In whitened coordinates class k is `N(a_k, I)`. Half the draws come from the mixture p itself and half from
the midpoints of pairs of classes, each in proportion to how much the pair overlaps:

    q = ½ p + ½ Σ_{j≠k} O_jk N((a_j + a_k)/2, I) / B,   O_jk = √(w_j w_k) e^{−|a_j−a_k|²/8},   B = Σ O_jk.

Since `√(w_j N_j w_k N_k) = O_jk N((a_j + a_k)/2, I)`, the importance weight needs the posterior alone,

    p/q = 2B / (B + Σ_{j≠k} √(p_j p_k)),

it is at most 2, and where one class has nearly all the probability it keeps a bounded relative variance.
Where a group of classes is asked for, the pairs are those in different groups: what is decided inside a group
adds nothing.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64, Int, Num, UInt32
from numpy.typing import NDArray
from scipy import special

from .meeting import largest_share
from .statistics import cross_terms, odds_against_top

__all__ = ["Proposal", "centres", "largest", "proposal", "weights"]

Array: TypeAlias = NDArray[np.float64]

_LEAST_OVERLAP = 1e-30  # below it B + Σ√(p_j p_k) would underflow in single precision; no value depends on it


class Proposal(NamedTuple):
    """Components of q.

    `components` (C, 2) names each component's two classes, the same twice for a class itself, `thresholds`
    (levels, C − 1) cut the range of 32 random bits in proportion to their probabilities, and `overlap`
    (levels,) is B.
    """

    components: Int[NDArray[np.intp], "C 2"]
    thresholds: UInt32[NDArray[np.uint32], "levels cuts"]
    overlap: Float64[Array, " levels"]


def proposal(
    gram: Float64[Array, "levels K K"],
    class_weights: Float64[Array, " K"],
    groups: Float64[Array, "G K"] | None = None,
) -> Proposal:
    """The proposal from Gram matrices of the a_k, (levels, K, K); pairs are in different groups."""
    first, second = np.triu_indices(class_weights.size)
    if groups is not None:
        own = groups.argmax(axis=0)
        kept = (first == second) | (own[first] != own[second])
        first, second = first[kept], second[kept]
    squares = np.diagonal(gram, axis1=1, axis2=2)
    gaps2 = squares[:, first] + squares[:, second] - 2 * gram[:, first, second]
    log_weights = np.log(class_weights)
    pairs = first != second
    log_overlaps = (log_weights[first] + log_weights[second]) / 2 - np.maximum(gaps2, 0) / 8
    log_overlaps = np.where(pairs, log_overlaps + np.log(2), -np.inf)
    # in logarithms: the overlaps of distant classes underflow
    total = np.asarray(special.logsumexp(log_overlaps, axis=1, keepdims=True))
    probabilities = (np.exp(log_overlaps - total) + np.where(pairs, 0, class_weights[first])) / 2
    cuts = np.minimum(np.cumsum(probabilities, axis=1)[:, :-1], 1) * 2.0**32
    cuts = np.minimum(cuts, 2.0**32 - 1).astype(np.uint32)
    return Proposal(np.stack([first, second], axis=1), cuts, np.exp(total[:, 0]))


def centres(
    bits: UInt32[jax.Array, " draws"],
    gram: Float[jax.Array, "K K"],
    thresholds: UInt32[jax.Array, " cuts"],
    components: Int[jax.Array, "C 2"],
) -> Float[jax.Array, "K draws"]:
    """`⟨a_k, centre⟩`, shape (K, draws), of the component that 32 random bits (draws,) choose at one level.

    `gram` is (K, K), `thresholds` (C − 1,) and `components` (C, 2).
    """
    how = "compare_all" if thresholds.shape[0] <= 64 else "scan"
    chosen = components[jnp.searchsorted(thresholds, bits, side="right", method=how)]
    return ((gram[chosen[:, 0]] + gram[chosen[:, 1]]) / 2).T


def weights(
    logits: Float[jax.Array, "K draws"],
    overlap: Float[jax.Array, ""] | float,
    groups: Num[jax.Array, "G K"] | None = None,
) -> tuple[Float[jax.Array, " draws"], Float[jax.Array, " draws"]]:
    """`p/q`, and `p/q · (1 + B)/B`, which does not vanish with B; shapes (draws,), at one level.

    `logits` (K, draws) are log-posteriors up to a constant and `overlap` () is B.
    """
    overlap = jnp.maximum(overlap, _LEAST_OVERLAP)
    odds, log_odds = odds_against_top(logits)
    if groups is None:
        roots = cross_terms(jnp.exp(log_odds / 2), log_odds) / odds.sum(0)
    else:
        sums = jnp.matmul(groups, jnp.exp(log_odds / 2), precision="highest")
        shares, logs = odds_against_top(2 * jnp.log(sums))
        roots = sums.max(0) ** 2 * cross_terms(jnp.sqrt(shares), logs) / odds.sum(0)
    scaled = 2 * (1 + overlap) / (overlap + roots)
    return scaled * overlap / (1 + overlap), scaled


def largest(overlap: Float64[Array, " levels"], choices: int) -> Float64[Array, " levels"]:
    """Bound of a weighted draw's entropy, shape (levels,), from B and the number of choices."""
    return 2 * np.minimum(overlap / 2 * largest_share(np.array(0.5)), np.log(choices))
