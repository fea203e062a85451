"""From class log-posteriors to the three curves, for a batch of draws at every noise level.

    entropy    −Σ_G P_G log P_G                        (posterior entropy, not −log p of the true class)
    agreement  Σ_G P_G²
    rate       (1 + σ²) [Σ_G |u_G|²/P_G − |Σ_G u_G|²],  u_G = Σ_{k∈G} p_k σ^{−2}D_k

with `P_G = Σ_{k∈G} p_k` over the groups of a partition; without one each class is its own group.
The rate is T17's `dH/d log σ = σ^{−2} E|D_C − D|²` per unit OU time. `u_G` enters through inner
products, `⟨u_G, u_F⟩ = Σ p_j p_k B_jk` over j ∈ G, k ∈ F.
"""

from typing import Any

import jax.numpy as jnp

__all__ = ["statistics"]


def statistics(logits: Any, forms: Any, noise: Any, groups: Any | None) -> Any:
    """Entropy, rate and agreement of each draw at each level, shape (draws, 3, levels).

    Parameters
    ----------
    logits : (draws, levels, classes)
        Log-posteriors up to a constant.
    forms : (levels, classes, classes) or (draws, levels, classes, classes)
        `B_jk = ⟨σ^{−2}D_j, σ^{−2}D_k⟩` up to a common shift of every D.
    noise : (levels,)
        σ².
    groups : (groups, classes) of 0 and 1, or None
    """
    # softmax by hand: one exponential serves the posterior and its entropy
    below_top = logits - logits.max(-1, keepdims=True)
    odds = jnp.exp(below_top)
    norm = odds.sum(-1, keepdims=True)
    p = odds / norm
    pairs = p[..., :, None] * forms * p[..., None, :] if forms.ndim == 4 else None
    if groups is None:
        entropy = jnp.log(norm[..., 0]) - (p * below_top).sum(-1)
        agreement = (p * p).sum(-1)
        own = (p * jnp.diagonal(forms, axis1=-2, axis2=-1)).sum(-1)
    else:
        shares = p @ groups.T
        entropy = -jnp.where(shares > 0, shares * jnp.log(jnp.where(shares > 0, shares, 1)), 0).sum(-1)
        agreement = (shares * shares).sum(-1)
        own = _within_groups(p, forms, shares, groups)
    total = pairs.sum((-2, -1)) if pairs is not None else _quadratic(p, forms)
    rate = (1 + noise) * (own - total)
    return jnp.stack([entropy, rate, agreement], axis=1)


def _quadratic(p: Any, forms: Any) -> Any:
    """`pᵀBp` at every level, shape (draws, levels)."""
    return (jnp.einsum("nlj,ljk->nlk", p, forms, precision="highest") * p).sum(-1)


def _within_groups(p: Any, forms: Any, shares: Any, groups: Any) -> Any:
    """`Σ_G |u_G|²/P_G`, shape (draws, levels)."""
    members = p[..., None, :] * groups  # (draws, levels, groups, classes)
    pattern = "nlgj,nljk,nlgk->nlg" if forms.ndim == 4 else "nlgj,ljk,nlgk->nlg"
    squares = jnp.einsum(pattern, members, forms, members, precision="highest")
    return jnp.where(shares > 0, squares / jnp.where(shares > 0, shares, 1), 0).sum(-1)
