"""From class log-posteriors to the three curves, for a batch of draws at one noise level.

    entropy        −Σ_G P_G log P_G                 (posterior entropy, not −log p of the true class)
    disagreement   1 − Σ_G P_G²
    rate           (1 + σ²) ½ Σ_k p_k [Σ_{j∉G(k)} Q_kj p_j − (1 − P_G)/P_G Σ_{j∈G(k)} Q_kj p_j]

with `P_G = Σ_{k∈G} p_k` over the groups of a partition (without one each class is its own group) and
`Q_jk = |σ^{−2}(D_j − D_k)|²`. The rate is T17's `dH/d log σ = σ^{−2} E|D_C − D|²` per unit OU time, with D
the mean of the group: `Σ_{G<G'} P_G P_G' |D_G − D_G'|²` of σ^{−2}D. All three keep relative precision where
one group has nearly all the probability.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Num

__all__ = [
    "cross_terms",
    "from_prior",
    "odds_against_top",
    "of_posterior",
    "over_groups",
    "posterior_entropy",
    "statistics",
]


def statistics(
    logits: Float[Array, "K n"],
    gaps: Float[Array, "K K"],
    noise: Float[Array, ""],
    groups: Num[Array, "G K"] | None,
) -> Float[Array, "3 n"]:
    """Entropy, rate and disagreement of each draw, shape (3, draws).

    Parameters
    ----------
    logits : (classes, draws)
        Log-posteriors up to a constant.
    gaps : (classes, classes)
        `Q_jk = |σ^{−2}(D_j − D_k)|²`.
    noise : ()
        σ².
    groups : (groups, classes) of 0 and 1, or None
    """
    odds, log_odds = odds_against_top(logits)
    p = odds / odds.sum(0)
    if groups is None:
        between, own = _weighted(gaps, p), 0
    else:
        same = groups.T @ groups
        between = _weighted(gaps * (1 - same), p)
        shares, others = (jnp.matmul(each, p, precision="highest") for each in (same, 1 - same))
        own = _weighted(gaps * same, p) * others
        own = jnp.where(shares > 0, own / jnp.where(shares > 0, shares, 1), 0)
    entropy, disagreement = of_posterior(*over_groups(odds, log_odds, groups))
    rate = (1 + noise) * (p * (between - own)).sum(0) / 2
    return jnp.stack([entropy, rate, disagreement])


def over_groups(
    odds: Float[Array, "K n"], log_odds: Float[Array, "K n"], groups: Num[Array, "G K"] | None
) -> tuple[Float[Array, "_ n"], Float[Array, "_ n"]]:
    """Odds of groups against the likeliest of them, and their logarithms; of classes without groups."""
    if groups is None:
        return odds, log_odds
    return odds_against_top(jnp.log(jnp.matmul(groups, odds, precision="highest")))


def of_posterior(
    odds: Float[Array, "K ..."], log_odds: Float[Array, "K ..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Entropy and disagreement of each draw's posterior from odds against the top."""
    others = _beyond_top(odds, log_odds)
    return _entropy_of(odds, log_odds, others), cross_terms(odds, log_odds) / (1 + others) ** 2


def from_prior(
    odds: Float[Array, "K n"], log_odds: Float[Array, "K n"], prior: Float[Array, " K"]
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """`Σ p log(p/w) = Σ w φ(log p/w)`, `φ(δ) = δe^δ − e^δ + 1`, and `Σ (p − w)²`, w the prior (K,).

    Their means are what the class entropy, and its like `1 − Σ w²`, have lost.
    """
    logs = log_odds - jnp.log1p(_beyond_top(odds, log_odds)) - jnp.log(prior)[:, None]
    risen = jnp.expm1(logs)
    # δ itself may be infinite, where e^δ is none
    finite = jnp.where(odds > 0, logs, 0)
    information = prior[:, None] * (finite * (1 + risen) - risen)
    return information.sum(0), ((prior[:, None] * risen) ** 2).sum(0)


def posterior_entropy(logits: Float[Array, "K ..."]) -> Float[Array, "..."]:
    """Entropy of each draw's posterior (draws,) from log-posteriors (classes, draws) up to a constant."""
    odds, log_odds = odds_against_top(logits)
    return _entropy_of(odds, log_odds, _beyond_top(odds, log_odds))


def _entropy_of(
    odds: Float[Array, "K ..."], log_odds: Float[Array, "K ..."], others: Float[Array, "..."]
) -> Float[Array, "..."]:
    """`−Σ p log p` from odds against the top, `others` the sum of those that are not at the top."""
    return jnp.log1p(others) - jnp.where(odds > 0, odds * log_odds, 0).sum(0) / (1 + others)


def odds_against_top(
    logits: Float[Array, "K ..."],
) -> tuple[Float[Array, "K ..."], Float[Array, "K ..."]]:
    """`p_k/p_top` and its logarithm, over the leading axis."""
    log_odds = logits - logits.max(0)
    # a square, because the root is needed by others: one exponential serves both
    return jnp.square(jnp.exp(log_odds / 2)), log_odds


def cross_terms(values: Float[Array, "K ..."], log_odds: Float[Array, "K ..."]) -> Float[Array, "..."]:
    """`Σ_{j≠k} v_j v_k` over the leading axis, where v is 1 at the top: precise where the rest is small."""
    rest = _beyond_top(values, log_odds)
    return rest * (2 + rest) - _beyond_top(values**2, log_odds)


def _beyond_top(values: Float[Array, "K ..."], log_odds: Float[Array, "K ..."]) -> Float[Array, "..."]:
    """`Σ_k v_k − 1` without rounding the small terms away, where v is 1 at the top."""
    at_top = log_odds == 0
    return jnp.where(at_top, 0, values).sum(0) + (at_top.sum(0) - 1)


def _weighted(gaps: Float[Array, "K K"], p: Float[Array, "K n"]) -> Float[Array, "K n"]:
    """`Σ_j Q_kj p_j`, shape (classes, draws)."""
    return jnp.einsum("kj,jn->kn", gaps, p, precision="highest")
