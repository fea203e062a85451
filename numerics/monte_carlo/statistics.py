"""From class log-posteriors to the three curves, for a batch of draws at one noise level.

    entropy        −Σ_G P_G log P_G                 (posterior entropy, not −log p of the true class)
    disagreement   1 − Σ_G P_G²
    rate           (1 + σ²) ½ Σ_k p_k [Σ_j Q_kj p_j − Σ_{j∈G(k)} Q_kj p_j / P_G(k)]

with `P_G = Σ_{k∈G} p_k` over the groups of a partition (without one each class is its own group) and
`Q_jk = |σ^{−2}(D_j − D_k)|²`. The rate is T17's `dH/d log σ = σ^{−2} E|D_C − D|²` per unit OU time, with D
the mean of the group. All three keep relative precision where one group has nearly all the probability.
"""

from typing import Any

import jax.numpy as jnp

__all__ = ["cross_terms", "odds_against_top", "posterior_entropy", "statistics"]


def statistics(logits: Any, gaps: Any, noise: Any, groups: Any | None) -> Any:
    """Entropy, rate and disagreement of each draw, shape (3, draws).

    Parameters
    ----------
    logits : (classes, draws)
        Log-posteriors up to a constant.
    gaps : (classes, classes) or (classes, classes, draws)
        `Q_jk = |σ^{−2}(D_j − D_k)|²`.
    noise : ()
        σ².
    groups : (groups, classes) of 0 and 1, or None
    """
    odds, log_odds = odds_against_top(logits)
    total = odds.sum(0)
    p = odds / total
    if groups is None:
        own = 0
    else:
        same = groups.T @ groups
        shares = jnp.matmul(same, p, precision="highest")
        own = _weighted(gaps * (same if gaps.ndim == 2 else same[..., None]), p)
        own = jnp.where(shares > 0, own / jnp.where(shares > 0, shares, 1), 0)
        grouped = jnp.matmul(groups, odds, precision="highest")
        odds, log_odds = odds_against_top(jnp.log(grouped))
    others = _beyond_top(odds, log_odds)
    norm = 1 + others
    entropy = _entropy_of(odds, log_odds, others)
    disagreement = cross_terms(odds, log_odds) / norm**2
    rate = (1 + noise) * (p * (_weighted(gaps, p) - own)).sum(0) / 2
    return jnp.stack([entropy, rate, disagreement])


def posterior_entropy(logits: Any) -> Any:
    """Entropy of each draw's posterior (draws,) from log-posteriors (classes, draws) up to a constant."""
    odds, log_odds = odds_against_top(logits)
    return _entropy_of(odds, log_odds, _beyond_top(odds, log_odds))


def _entropy_of(odds: Any, log_odds: Any, others: Any) -> Any:
    """`−Σ p log p` from odds against the top, `others` the sum of those that are not at the top."""
    return jnp.log1p(others) - jnp.where(odds > 0, odds * log_odds, 0).sum(0) / (1 + others)


def odds_against_top(logits: Any) -> tuple[Any, Any]:
    """`p_k/p_top` and its logarithm, over the leading axis."""
    log_odds = logits - logits.max(0)
    # a square, because the root is needed by others: one exponential serves both
    return jnp.square(jnp.exp(log_odds / 2)), log_odds


def cross_terms(values: Any, log_odds: Any) -> Any:
    """`Σ_{j≠k} v_j v_k` over the leading axis, where v is 1 at the top: precise where the rest is small."""
    rest = _beyond_top(values, log_odds)
    return rest * (2 + rest) - _beyond_top(values**2, log_odds)


def _beyond_top(values: Any, log_odds: Any) -> Any:
    """`Σ_k v_k − 1` without rounding the small terms away, where v is 1 at the top."""
    at_top = log_odds == 0
    return jnp.where(at_top, 0, values).sum(0) + (at_top.sum(0) - 1)


def _weighted(gaps: Any, p: Any) -> Any:
    """`Σ_j Q_kj p_j`, shape (classes, draws)."""
    pattern = "kj,jn->kn" if gaps.ndim == 2 else "kjn,jn->kn"
    return jnp.einsum(pattern, gaps, p, precision="highest")
