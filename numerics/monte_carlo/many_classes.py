"""Hundreds of classes to a hundred thousand that share a covariance: time and memory linear in their number.

A draw is a class c and a noise vector ε, taken with both signs. With `a_k = S^{−1/2}(m_k − m̄)` the posterior
is proportional to `w_k exp(ε·a_k − ½|a_k − a_c|²)`. Classes are gone through in blocks that stay in a
processor's cache, each at every level, and sums over them are carried from block to block relative to the
likeliest class so far, so that none of the small ones is rounded away. With an isotropic covariance one
product of a block's means with the draws serves all levels.

The rate needs no pair of classes: given x the true class is a draw of the posterior, and so

    E|D_C − D|² = ½ E Σ_jk p_j p_k |D_j − D_k|² = ½ E Σ_k p_k |D_c − D_k|²,

and of groups, G that of c, with `q_k = p_k/P_G`: `½ E [Σ_{k∉G} p_k − (1 − P_G) Σ_{k∈G} q_k] |D_c − D_k|²`.

No draws are put where pairs of classes meet and no control variate is used, as both cost the square of the
number of classes: the variance is that of antithetic draws of the posterior. Where little of the entropy is
left, few of them carry it, and the relative error is about one over the root of their number.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from ...theory.mixtures.mixture import GaussianMixture
from .statistics import cross_terms, odds_against_top, posterior_entropy
from .strides import STRIDE, check_resolution, normal

__all__ = ["many", "many_parameters", "rounding_of"]

Array: TypeAlias = NDArray[np.float64]

_BLOCK = 512
_NONE = -1e30  # logarithm of the weight of what fills up the last block


def many(key: Any, parameters: dict[str, Any]) -> Any:
    """Curves of one stride of antithetic pairs ±ε, shape (3, levels, STRIDE)."""
    blocks, levels = parameters["blocks"], parameters["levels"]
    means = blocks["means"]  # (blocks, classes of a block, r)
    noise_key, class_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, means.shape[-1]), means.dtype)
    bits = jax.random.bits(class_key, (STRIDE,), jnp.uint32)
    drawn = jnp.searchsorted(parameters["thresholds"], bits, side="right")
    draw = {"epsilon": epsilon, "class": drawn, "mean": means.reshape(-1, means.shape[-1])[drawn]}
    if blocks["groups"] is not None:
        draw["group"] = blocks["groups"].reshape(-1)[drawn]

    def add(sums: Any, block: dict[str, Any]) -> Any:
        shared = None if "variances" in parameters else _distances(block, draw)

        def at(each: Any) -> Any:
            level, (plus, minus) = each
            found = _whitened(block, draw, level, parameters.get("variances"), shared)
            return _added(plus, 1, found, block, draw), _added(minus, -1, found, block, draw)

        return jax.lax.map(at, (levels, sums)), None

    start = _nothing(levels["noise"].size, parameters["members"], means.dtype)
    sums, _ = jax.lax.scan(add, (start, start), blocks)
    plus, minus = sums
    curves = (_curves(plus, draw) + _curves(minus, draw)) / 2
    return jnp.stack([curves[0], (1 + levels["noise"])[:, None] * curves[1], curves[2]])


def many_parameters(mixture: GaussianMixture, sigma: Array, groups: Array | None, reduced: bool) -> Any:
    """What `many` needs; with `reduced` noise is drawn in the span of the mean differences if it can be."""
    covariance = mixture.covariances[0]
    centred = mixture.means - mixture.weights @ mixture.means
    variance = covariance.isotropic_variance
    noise = sigma**2
    more: dict[str, Any] = {}
    if variance is None:
        centred, more["variances"] = covariance.rotate(centred), np.asarray(covariance.variances)
        least = float(covariance.variances.min())
    else:
        least = variance
        if reduced and mixture.dimension > mixture.classes:
            centred = _spanned(centred)
    lengths2 = (centred**2).sum(axis=1)
    check_resolution(lengths2.max() / (least + noise), sigma)
    fill = -mixture.classes % _BLOCK if mixture.classes > _BLOCK else 0
    shape = (-1, min(_BLOCK, mixture.classes))
    cuts = np.minimum(np.cumsum(mixture.weights)[:-1], 1) * 2.0**32
    groups_of = None if groups is None else np.pad(groups.argmax(axis=0), (0, fill)).astype(np.int32)
    return {
        "thresholds": np.minimum(cuts, 2.0**32 - 1).astype(np.uint32),
        "members": np.zeros(0 if groups is None else len(groups)),
        "blocks": {
            "means": np.pad(centred, ((0, fill), (0, 0))).reshape(*shape, centred.shape[1]),
            "log_weights": np.pad(np.log(mixture.weights), (0, fill), constant_values=_NONE).reshape(shape),
            "places": np.arange(mixture.classes + fill, dtype=np.int32).reshape(shape),
            "groups": None if groups_of is None else groups_of.reshape(shape),
        },
        "levels": {"noise": noise} if variance is None else {"noise": noise, "width": variance + noise},
        "largest": lengths2.max() / (least + noise),
    } | more


def rounding_of(parameters: dict[str, Any], dtype: str) -> Array:
    """Relative error of the arithmetic at each level."""
    return 4 * float(np.finfo(dtype).eps) * (1 + parameters["largest"])


def _spanned(centred: Array) -> Array:
    """Coordinates of the means in their span, shape (K, K): one eigendecomposition serves every level."""
    values, vectors = np.linalg.eigh(centred @ centred.T)
    return vectors * np.sqrt(np.maximum(values, 0))


def _distances(block: dict[str, Any], draw: dict[str, Any]) -> tuple[Any, Any]:
    """`ε·m_k` and `|m_k − m_c|²`, shape (classes of the block, draws)."""
    # one product, so that the means are read once
    both = _forms(block["means"], jnp.concatenate([draw["epsilon"], draw["mean"]]))
    return both[:, :STRIDE], _gaps(block["means"], draw["mean"], block, draw, both[:, STRIDE:])


def _whitened(
    block: dict[str, Any], draw: dict[str, Any], level: dict[str, Any], variances: Any, shared: Any
) -> tuple[Any, Any, Any]:
    """`ε·a_k`, `|a_k − a_c|²` and `|b_k − b_c|²` with b = S^{−1}m, at one level."""
    if shared is not None:
        width = level["width"]
        return shared[0] / jnp.sqrt(width), shared[1] / width, shared[1] / width**2
    widths = variances + level["noise"]
    root = jnp.sqrt(widths)
    white = block["means"] / root
    own, pulls, pull = draw["mean"] / root, block["means"] / widths, draw["mean"] / widths
    gaps = _gaps(white, own, block, draw, _forms(white, own))
    return _forms(white, draw["epsilon"]), gaps, _gaps(pulls, pull, block, draw, _forms(pulls, pull))


def _forms(rows: Any, others: Any) -> Any:
    return jnp.matmul(rows, others.T, precision="highest")


def _gaps(rows: Any, own: Any, block: dict[str, Any], draw: dict[str, Any], forms: Any) -> Any:
    """Squared distances of rows, from their products, and exactly zero from a class to itself."""
    found = (rows**2).sum(-1)[:, None] + (own**2).sum(-1) - 2 * forms
    return jnp.where(block["places"][:, None] == draw["class"], 0, jnp.maximum(found, 0))


def _nothing(levels: int, members: Any, dtype: Any) -> dict[str, Any]:
    """Sums over no class; `top` far below any, so that the first block takes its place."""
    zero = jnp.zeros((levels, STRIDE), dtype)
    sums = {"top": zero + 2 * _NONE, "others": zero - 1, "inside": zero}
    if not members.size:
        return sums | {"logs": zero, "squares": zero - 1}
    return sums | {"outside": zero, "groups": jnp.zeros((levels, members.size, STRIDE), dtype)}


def _added(
    sums: dict[str, Any], sign: int, found: tuple[Any, Any, Any], block: dict[str, Any], draw: dict[str, Any]
) -> dict[str, Any]:
    """Sums with those over one block, at one level."""
    products, gaps, pulls = found
    logits = block["log_weights"][:, None] - gaps / 2 + sign * products
    top = logits.max(0)
    logs = logits - top
    odds, at_top = jnp.exp(logs), logs == 0
    rest, ties = jnp.where(at_top, 0, odds), at_top.sum(0) - 1
    own = {"top": top, "others": rest.sum(0) + ties}
    if block["groups"] is None:
        own |= {"inside": (odds * pulls).sum(0), "logs": (rest * logs).sum(0)}
        return _merged(sums, own | {"squares": (rest * rest).sum(0) + ties})
    same = block["groups"][:, None] == draw["group"]
    weighted = odds * pulls
    own |= {"inside": jnp.where(same, weighted, 0).sum(0), "outside": jnp.where(same, 0, weighted).sum(0)}
    members = jnp.arange(sums["groups"].shape[0])[:, None] == block["groups"]
    return _merged(sums, own | {"groups": _forms(members.astype(odds.dtype), odds.T)})


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Sums over two sets of classes, relative to the likeliest of both."""
    ahead = first["top"] >= second["top"]
    lower = -jnp.abs(first["top"] - second["top"])
    factor = jnp.exp(lower)

    def ordered(name: str) -> tuple[Any, Any]:
        pair = first[name], second[name]
        return jnp.where(ahead, *pair), jnp.where(ahead, *pair[::-1])

    others, fewer = ordered("others")
    total = {"top": jnp.maximum(first["top"], second["top"]), "others": others + factor * (1 + fewer)}
    for name in first.keys() - total.keys():
        large, small = ordered(name)
        if name == "squares":
            total[name] = large + factor**2 * (1 + small)
        elif name == "logs":
            total[name] = large + factor * (small + lower * (1 + fewer))
        else:
            total[name] = large + factor * small
    return total


def _curves(sums: dict[str, Any], draw: dict[str, Any]) -> Any:
    """Entropy, rate over 1 + σ² and disagreement, shape (3, levels, draws)."""
    others = sums["others"]
    norm = 1 + others
    if "groups" not in sums:
        disagreement = (others * (2 + others) - sums["squares"]) / norm**2
        return jnp.stack([jnp.log1p(others) - sums["logs"] / norm, sums["inside"] / norm / 2, disagreement])
    shares = jnp.moveaxis(sums["groups"], 1, 0)  # (groups, levels, draws)
    own = (jnp.arange(len(shares))[:, None] == draw["group"])[:, None]
    held = jnp.where(own, shares, 0).sum(0)
    missed = jnp.where(own, 0, shares).sum(0) / norm
    inside = jnp.where(held > 0, missed * sums["inside"] / jnp.where(held > 0, held, 1), 0)
    odds, log_odds = odds_against_top(jnp.log(shares))
    disagreement = cross_terms(odds, log_odds) / odds.sum(0) ** 2
    rate = (sums["outside"] / norm - inside) / 2
    return jnp.stack([posterior_entropy(jnp.log(shares)), rate, disagreement])
