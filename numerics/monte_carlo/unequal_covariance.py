"""Classes with covariances of their own: draws where pairs of them meet, each pair at its own tilt.

Half the draws come from the mixture p itself and half from Gaussians between classes (`meeting`),

    q = ½ p + ½ Σ_{j<k} O_jk g_jk / B,      O_jk g_jk = (w_j f_j)^s (w_k f_k)^{1−s},      B = Σ O_jk,

with the tilt s of each pair, of classes in different groups alone. The importance weight, that of the balance
heuristic, needs nothing but the posterior (`theory/mixtures/posterior.py`),

    p/q = 2B / (B + Σ_{j<k} p_j^s p_k^{1−s}),

and is at most 2. A draw is `μ ± R ε` of its Gaussian; all levels share ε and the 32 bits that choose. The
rate is T17's, `σ^{−2}(D_k − X) = −S_k^{−1}(X − m_k)`, of groups with the denoisers of groups,

    (1 + σ²) Σ_{G<G'} P_G P_G' |d_G − d_G'|² = (1 + σ²) Σ_G P_G |d_G − d|²,      d = σ^{−2}D,

relative to the likeliest, so that nothing is lost where it has nearly all the probability. Where most of the
entropy is left it is computed as `H(C) − E KL(posterior, prior)`, in which nothing cancels either.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64, Int, Integer, Num, UInt32
from numpy.typing import NDArray

from ...theory._support.aliases import ApiArray
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.posterior import Classes, Posterior, mixing, posterior
from .kernel import Kernel, Scale
from .meeting import PAIRWISE_LIMIT, Meetings, Search, largest_share, meetings
from .statistics import from_prior, odds_against_top, of_posterior, over_groups
from .strides import STRIDE, check_resolution, normal

__all__ = [
    "UNEQUAL",
    "Levels",
    "Parameters",
    "ambient",
    "clean_draws",
    "parameters_of",
    "posterior_at",
    "posterior_parameters",
    "scale_of",
]

Array: TypeAlias = NDArray[np.float64]


class Levels(NamedTuple):
    """Arrays of each level, whose axis is the first.

    `posterior_at` needs `sigma` and, of low-rank covariances, what `mixing` finds; draws take the rest, of
    which `centres` with `roots`, or with `turns` and `growths`, are those of `meeting`.
    """

    sigma: Array
    mixed: ApiArray = None
    thresholds: ApiArray = None
    first: ApiArray = None
    second: ApiArray = None
    tilts: ApiArray = None
    overlap: ApiArray = None
    early: ApiArray = None
    bound: ApiArray = None
    centres: ApiArray = None
    roots: ApiArray = None
    turns: ApiArray = None
    growths: ApiArray = None


class Parameters(NamedTuple):
    """Classes, `levels`, membership of groups (groups, K), and for draws the prior of groups or classes."""

    classes: Classes
    levels: Levels
    groups: ApiArray
    prior: ApiArray = None


_LEAST_OVERLAP = 1e-30  # below it nothing depends on its value
_LITTLE = 1e-3  # of what may be met: as little may be left out
_EARLY = 0.8  # of the overlap at σ = ∞: from here on most of the entropy is left


def ambient(key: jax.Array, parameters: Parameters) -> Float[jax.Array, "3 levels draws"]:
    """Curves of one stride of antithetic pairs around one centre each, shape (3, levels, STRIDE)."""
    noise_key, choice_key = jax.random.split(key)
    means = parameters.classes.means
    noise = normal(noise_key, (STRIDE, means.shape[1]), means.dtype)
    bits = jax.random.bits(choice_key, (STRIDE,), jnp.uint32)

    def at(level: Levels) -> ApiArray:
        centre, spread = _drawn(bits, noise, level, parameters)
        rows = _at_level(jnp.concatenate([centre + spread, centre - spread]), level, parameters)
        return (rows[:, :STRIDE] + rows[:, STRIDE:]) / 2

    return jnp.moveaxis(jax.lax.map(at, parameters.levels), 0, 1)


def parameters_of(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    groups: Float64[Array, "G K"] | None,
    limit: int = PAIRWISE_LIMIT,
    *,
    search: Search | None = None,
    levels: int | None = None,
) -> Parameters:
    """What `ambient` needs; beyond `limit` classes all draws come from the mixture.

    `search` keeps what is found of pairs; σ may be some of `levels` that are planned.
    """
    found = posterior_parameters(mixture, sigma, groups)
    centred = mixture.stacked._replace(means=found.classes.means)
    between = meetings(mixture, centred, sigma, groups, limit, search=search, levels=levels)
    overlap = np.exp(between.log_overlaps).sum(axis=1)
    whole = np.exp(_mixed(between, np.log(mixture.weights))).sum(axis=1)
    prior = mixture.weights if groups is None else groups @ mixture.weights
    prepared = found.levels._replace(
        thresholds=_thresholds(mixture.weights, between),
        first=between.first,
        second=between.second,
        tilts=between.tilts,
        overlap=overlap,
        early=(overlap > _EARLY * whole).astype(np.float64),
        bound=_bound(between, overlap, prior.size),
        **between.forms,
    )
    return found._replace(levels=prepared, prior=prior)


def _thresholds(
    weights: Float64[Array, " K"], between: Meetings
) -> UInt32[NDArray[np.uint32], "levels cuts"]:
    """Cuts of the range of 32 random bits in proportion to the classes' and the pairs' probabilities."""
    own = np.broadcast_to(weights, (len(between.tilts), weights.size))
    if between.tilts.shape[1]:
        # in logarithms: the overlaps of distant classes underflow
        shares = np.exp(between.log_overlaps - between.log_overlaps.max(axis=1, keepdims=True))
        own = np.concatenate([own, shares / shares.sum(axis=1, keepdims=True)], axis=1) / 2
    cuts = np.minimum(np.cumsum(own, axis=1)[:, :-1], 1) * 2.0**32
    return np.minimum(cuts, 2.0**32 - 1).astype(np.uint32)


def _mixed(between: Meetings, log_weights: Float64[Array, " K"]) -> Float64[Array, "levels C"]:
    """`log w_j^s w_k^{1−s}`, the overlaps at σ = ∞."""
    return between.tilts * log_weights[between.first] + (1 - between.tilts) * log_weights[between.second]


def _bound(between: Meetings, overlap: Float64[Array, " levels"], choices: int) -> Float64[Array, " levels"]:
    """The largest entropy that a weighted draw can have, shape (levels,).

    Where pairs that are left out may matter it is that of any posterior, at a weight of two.
    """
    if between.tilts.shape[1] == 0:
        return np.full(overlap.size, np.log(choices))
    met = overlap * largest_share(between.tilts).max(axis=1)
    met = np.where(between.missed > _LITTLE * met, np.inf, met)
    return 2 * np.minimum(met, np.log(choices))


def posterior_parameters(
    mixture: GaussianMixture, sigma: Float64[Array, "..."], groups: Float64[Array, "G K"] | None
) -> Parameters:
    """What `posterior_at` needs; `sigma` has any shape, which that of the entries of `levels` begins with."""
    found = mixture.stacked
    means = mixture.means - mixture.weights @ mixture.means
    lengths2 = float((means**2).sum(axis=1).max())
    check_resolution(lengths2 / (found.variances.min() + sigma.ravel() ** 2), sigma.ravel())
    shape = (mixture.classes, mixture.dimension)
    classes = found._replace(means=means, variances=np.broadcast_to(found.variances, shape))
    mixed = None
    if classes.factors is not None:
        each = [mixing(classes, float(level)) for level in sigma.ravel()]
        mixed = tuple(np.reshape(part, (*sigma.shape, *part[0].shape)) for part in zip(*each, strict=True))
    return Parameters(classes, Levels(sigma, mixed), groups)


def scale_of(mixture: GaussianMixture, parameters: Parameters, dtype: str, choices: int) -> Scale:
    """Unit and largest draw by the pairs that are met; the rounding is that of a sum over d squares."""
    overlap = parameters.levels.overlap
    unit = overlap / (1 + overlap) if parameters.levels.tilts.shape[1] else np.ones_like(overlap)
    rounding = 4 * float(np.finfo(dtype).eps) * (1 + float(np.sqrt(mixture.dimension)))
    return Scale(unit, rounding, parameters.levels.bound)


def clean_draws(
    key: jax.Array, drawn: Integer[jax.Array, " draws"], parameters: Parameters
) -> Float[jax.Array, "draws d"]:
    """`Σ_c^{1/2} ξ` for the class c of each draw, shape (STRIDE, d)."""
    variances, axes, factors = parameters.classes[2:]
    shape = (STRIDE, variances.shape[1])
    spread = jnp.sqrt(variances[drawn]) * normal(key, shape, variances.dtype)
    if axes is not None:
        spread = _of_class(jnp.einsum("nd,ked->nke", spread, axes, precision="highest"), drawn)
    if factors is not None:
        more = normal(jax.random.fold_in(key, 1), (STRIDE, factors.shape[2]), variances.dtype)
        spread += _of_class(jnp.einsum("nr,kdr->nkd", more, factors, precision="highest"), drawn)
    return spread


def posterior_at(x: Float[jax.Array, "draws d"], level: Levels, parameters: Parameters) -> Posterior:
    """What the draws x (draws, d) say of the class at one level."""
    return posterior(jnp, parameters.classes, x, level.sigma, level.mixed)


def _drawn(
    bits: UInt32[jax.Array, " draws"],
    noise: Float[jax.Array, "draws d"],
    level: Levels,
    parameters: Parameters,
) -> tuple[Float[jax.Array, "draws d"], Float[jax.Array, "draws d"]]:
    """Centres, and what is added and subtracted, (STRIDE, d) each, of what 32 random bits choose."""
    classes = parameters.classes
    count = classes.means.shape[0]
    cuts = level.thresholds
    how = "compare_all" if cuts.shape[0] <= 64 else "scan"
    chosen = jnp.searchsorted(cuts, bits, side="right", method=how)
    own = jnp.minimum(chosen, count - 1)
    centre, spread = classes.means[own], _colored(noise, own, level, parameters)
    if level.tilts.shape[0] == 0:
        return centre, spread
    pair = jnp.maximum(chosen - count, 0)
    between = _between(pair, noise, level, parameters)
    met = (chosen >= count)[:, None]
    return jnp.where(met, between[0], centre), jnp.where(met, between[1], spread)


def _colored(
    noise: Float[jax.Array, "draws d"],
    drawn: Int[jax.Array, " draws"],
    level: Levels,
    parameters: Parameters,
) -> Float[jax.Array, "draws d"]:
    """`S_c^{1/2} ε` for the class c of each draw."""
    classes = parameters.classes
    roots = jnp.sqrt(classes.variances[drawn] + level.sigma**2)
    if classes.factors is not None:
        turned, shrink = level.mixed
        inner, turns = _columns(noise / roots, classes.factors, drawn), turned[drawn]
        inner = _turned_back(inner, turns, shrink[drawn] ** -0.5 - 1)
        noise = noise + _combined(inner, classes.factors, drawn) / roots
    spread = roots * noise
    if classes.axes is None:
        return spread
    return _of_class(jnp.einsum("nd,ked->nke", spread, classes.axes, precision="highest"), drawn)


def _between(
    pair: Int[jax.Array, " draws"],
    noise: Float[jax.Array, "draws d"],
    level: Levels,
    parameters: Parameters,
) -> tuple[Float[jax.Array, "draws d"], Float[jax.Array, "draws d"]]:
    """Centres and spreads of draws from the Gaussians of pairs of classes."""
    if level.roots is not None:
        spread = jax.lax.map(
            lambda each: jnp.matmul(level.roots[each[0]], each[1], precision="highest"), (pair, noise)
        )
        return level.centres[pair], spread
    classes = parameters.classes
    first, second, tilt = level.first[pair], level.second[pair], level.tilts[pair][:, None]
    widths = [classes.variances[each] + level.sigma**2 for each in (first, second)]
    shares = tilt / widths[0], (1 - tilt) / widths[1]
    root = jnp.sqrt(shares[0] + shares[1])
    if classes.factors is None:
        along = shares[0] / (shares[0] + shares[1])
        return classes.means[second] + along * (classes.means[first] - classes.means[second]), noise / root
    scales = jnp.sqrt(tilt) / (root * widths[0]), jnp.sqrt(1 - tilt) / (root * widths[1])
    inner = [
        _columns(noise * scale, classes.factors, each)
        for scale, each in zip(scales, (first, second), strict=True)
    ]
    back = _turned_back(jnp.concatenate(inner, axis=1), level.turns[pair], level.growths[pair])
    rank = classes.factors.shape[2]
    halves = (back[:, :rank], first, scales[0]), (back[:, rank:], second, scales[1])
    for half, each, scale in halves:
        noise = noise + scale * _combined(half, classes.factors, each)
    return level.centres[pair], noise / root


def _turned_back(
    vectors: Float[jax.Array, "draws r"],
    turns: Float[jax.Array | Array, "draws r s"],
    growths: Float[jax.Array | Array, "draws s"],
) -> Float[jax.Array, "draws r"]:
    """`G diag(c) Gᵀ v` of each draw's G (draws, r, s)."""
    turned = jnp.einsum("nr,nrs->ns", vectors, turns, precision="highest")
    return jnp.einsum("ns,nrs->nr", turned * growths, turns, precision="highest")


def _columns(
    vectors: Float[jax.Array, "draws d"],
    factors: Float[jax.Array | Array, "forms d r"],
    drawn: Int[jax.Array, " draws"],
) -> Float[jax.Array, "draws r"]:
    """`U_cᵀv` for the class c of each vector."""
    return _of_class(jnp.einsum("nd,kdr->nkr", vectors, factors, precision="highest"), drawn)


def _combined(
    inner: Float[jax.Array, "draws r"],
    factors: Float[jax.Array | Array, "forms d r"],
    drawn: Int[jax.Array, " draws"],
) -> Float[jax.Array, "draws d"]:
    """`U_c y` for the class c of each y."""
    return _of_class(jnp.einsum("nr,kdr->nkd", inner, factors, precision="highest"), drawn)


def _of_class(
    every: Float[jax.Array, "draws forms d"], drawn: Integer[jax.Array, " draws"]
) -> Float[jax.Array, "draws d"]:
    """Row `drawn[n]` of each `every[n]`, or the only one of a covariance that all classes share."""
    if every.shape[1] == 1:
        return every[:, 0]
    return jnp.take_along_axis(every, drawn[:, None, None], axis=1)[:, 0]


def _at_level(
    x: Float[jax.Array, "draws d"], level: Levels, parameters: Parameters
) -> Float[jax.Array, "3 draws"]:
    """Curves of the draws x (draws, d) at one level, shape (3, draws)."""
    found, groups, prior = posterior_at(x, level, parameters), parameters.groups, parameters.prior
    odds, log_odds = odds_against_top(found.log_joint)
    weights, unit = _weights(odds, log_odds, level)
    pulls = found.pulls()
    if groups is not None:
        pulls = _of_groups(pulls, odds, groups)
    odds, log_odds = over_groups(odds, log_odds, groups)
    rate = (1 + level.sigma**2) * _spread(pulls, odds, log_odds)
    left, gone = of_posterior(odds, log_odds), from_prior(odds, log_odds, prior)
    whole = -(prior * jnp.log(prior)).sum(), 1 - (prior**2).sum()
    entropy, disagreement = (
        jnp.where(level.early > 0, all_of_it / unit - weights * lost, weights * kept)
        for kept, lost, all_of_it in zip(left, gone, whole, strict=True)
    )
    return jnp.stack([entropy, weights * rate, disagreement])


def _weights(
    odds: Float[jax.Array, "K draws"], log_odds: Float[jax.Array, "K draws"], level: Levels
) -> tuple[Float[jax.Array, " draws"], Float[jax.Array, ""]]:
    """`p/q · (1 + B)/B`, which does not vanish with B, shape (draws,), and `B/(1 + B)`."""
    if level.tilts.shape[0] == 0:
        return jnp.ones_like(odds[0]), jnp.ones_like(level.overlap)
    overlap = jnp.maximum(level.overlap, _LEAST_OVERLAP)
    logs = log_odds - jnp.log(odds.sum(0))
    tilts = level.tilts[:, None]
    meeting = jnp.exp(tilts * logs[level.first] + (1 - tilts) * logs[level.second]).sum(0)
    return 2 * (1 + overlap) / (overlap + meeting), overlap / (1 + overlap)


def _of_groups(
    pulls: Float[jax.Array, "K draws d"],
    odds: Float[jax.Array, "K draws"],
    groups: Num[jax.Array, "G K"],
) -> Float[jax.Array, "G draws d"]:
    """Mean pulls of groups, shape (groups, draws, d); zero where a group has no probability."""
    shares = jnp.matmul(groups, odds, precision="highest")
    within = groups[:, :, None] * odds / jnp.where(shares > 0, shares, 1)[:, None]
    return jnp.einsum("gkn,knd->gnd", within, pulls, precision="highest")


def _spread(
    pulls: Float[jax.Array, "K draws d"],
    odds: Float[jax.Array, "K draws"],
    log_odds: Float[jax.Array, "K draws"],
) -> Float[jax.Array, " draws"]:
    """`Σ_k p_k |d_k − d|²` of pulls (K, draws, d), as `Σ p|e|² − |Σ p e|²` of differences e to the likeliest.

    By Cauchy and Schwarz at least the likeliest's share of the first sum is left, so that little cancels.
    """
    top = jnp.argmax(log_odds, axis=0)
    apart = pulls - jnp.take_along_axis(pulls, top[None, :, None], axis=0)
    p = odds / odds.sum(0)
    mean = jnp.einsum("kn,knd->nd", p, apart, precision="highest")
    return (p * (apart**2).sum(-1)).sum(0) - (mean**2).sum(-1)


# a tail's log-odds, and the little that is gone at high noise, take double precision
UNEQUAL = Kernel(parameters_of, ambient, scale_of, double=True)
