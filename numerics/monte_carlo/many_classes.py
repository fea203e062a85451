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

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from ...theory._support.aliases import ApiArray
from ...theory.mixtures.mixture import GaussianMixture
from .kernel import Kernel, Scale
from .statistics import cross_terms, odds_against_top, posterior_entropy
from .strides import STRIDE, check_resolution, normal

__all__ = ["MANY", "MANY_REDUCED", "many", "many_parameters", "scale_of"]

Array: TypeAlias = NDArray[np.float64]


class Blocks(NamedTuple):
    """Classes in blocks, whose axis is the first: means (b, r), and each class's place and group (b,)."""

    means: ApiArray
    log_weights: ApiArray
    places: ApiArray
    groups: ApiArray = None


class Levels(NamedTuple):
    """σ² of each level, and of an isotropic covariance `s² + σ²`."""

    noise: Array
    width: ApiArray = None


class Parameters(NamedTuple):
    """What `many` needs; `members` has a zero a group, `variances` (d,) are of a covariance with any."""

    thresholds: NDArray[np.uint32]
    members: Array
    blocks: Blocks
    levels: Levels
    largest: Array
    variances: ApiArray = None


class Draw(NamedTuple):
    """Noise (draws, r), and the class of each draw with its mean and its group."""

    epsilon: ApiArray
    own: ApiArray
    mean: ApiArray
    group: ApiArray = None


class Sums(NamedTuple):
    """Over the classes so far, of each level and draw, relative to the likeliest, whose logarithm is `top`.

    `others` of the odds but for one, `inside` of the odds with their distances from the draw's class; without
    groups `logs` and `squares`, with them `outside` and the odds of `groups`.
    """

    top: ApiArray
    others: ApiArray
    inside: ApiArray
    logs: ApiArray = None
    squares: ApiArray = None
    outside: ApiArray = None
    groups: ApiArray = None


_BLOCK = 512
_NONE = -1e30  # logarithm of the weight of what fills up the last block


def many(key: jax.Array, parameters: Parameters) -> Float[jax.Array, "3 levels draws"]:
    """Curves of one stride of antithetic pairs ±ε, shape (3, levels, STRIDE)."""
    blocks, levels = parameters.blocks, parameters.levels
    means = blocks.means  # (blocks, classes of a block, r)
    noise_key, class_key = jax.random.split(key)
    epsilon = normal(noise_key, (STRIDE, means.shape[-1]), means.dtype)
    bits = jax.random.bits(class_key, (STRIDE,), jnp.uint32)
    drawn = jnp.searchsorted(parameters.thresholds, bits, side="right")
    group = None if blocks.groups is None else blocks.groups.reshape(-1)[drawn]
    draw = Draw(epsilon, drawn, means.reshape(-1, means.shape[-1])[drawn], group)

    def add(sums: ApiArray, block: Blocks) -> ApiArray:
        shared = None if parameters.variances is not None else _distances(block, draw)

        def at(each: ApiArray) -> ApiArray:
            level, (plus, minus) = each
            found = (
                _whitened(block, draw, level, parameters.variances)
                if shared is None
                else _over_width(*shared, level)
            )
            return _added(plus, 1, found, block, draw), _added(minus, -1, found, block, draw)

        return jax.lax.map(at, (levels, sums)), None

    start = _nothing(levels.noise.size, parameters.members, means.dtype)
    sums, _ = jax.lax.scan(add, (start, start), blocks)
    plus, minus = sums
    curves = (_curves(plus, draw) + _curves(minus, draw)) / 2
    return jnp.stack([curves[0], (1 + levels.noise)[:, None] * curves[1], curves[2]])


def many_parameters(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    groups: Float64[Array, "G K"] | None,
    reduced: bool,
) -> Parameters:
    """What `many` needs; with `reduced` noise is drawn in the span of the mean differences if it can be."""
    covariance = mixture.covariances[0]
    centred = mixture.means - mixture.weights @ mixture.means
    variance = covariance.isotropic_variance
    noise = sigma**2
    variances = None
    if variance is None:
        centred, variances = covariance.rotate(centred), np.asarray(covariance.variances)
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
    return Parameters(
        thresholds=np.minimum(cuts, 2.0**32 - 1).astype(np.uint32),
        members=np.zeros(0 if groups is None else len(groups)),
        blocks=Blocks(
            np.pad(centred, ((0, fill), (0, 0))).reshape(*shape, centred.shape[1]),
            np.pad(np.log(mixture.weights), (0, fill), constant_values=_NONE).reshape(shape),
            np.arange(mixture.classes + fill, dtype=np.int32).reshape(shape),
            None if groups_of is None else groups_of.reshape(shape),
        ),
        levels=Levels(noise, None if variance is None else variance + noise),
        largest=lengths2.max() / (least + noise),
        variances=variances,
    )


def scale_of(mixture: GaussianMixture, parameters: Parameters, dtype: str, choices: int) -> Scale:
    """Draws are in nats and of the mixture alone."""
    rounding = 4 * float(np.finfo(dtype).eps) * (1 + parameters.largest)
    return Scale(1.0, rounding, np.full(parameters.levels.noise.size, np.log(choices)))


def _spanned(centred: Float64[Array, "K d"]) -> Float64[Array, "K K"]:
    """Coordinates of the means in their span, shape (K, K): one eigendecomposition serves every level."""
    values, vectors = np.linalg.eigh(centred @ centred.T)
    return vectors * np.sqrt(np.maximum(values, 0))


def _distances(block: Blocks, draw: Draw) -> tuple[Float[jax.Array, "b draws"], Float[jax.Array, "b draws"]]:
    """`ε·m_k` and `|m_k − m_c|²`, shape (classes of the block, draws)."""
    # one product, so that the means are read once
    both = _forms(block.means, jnp.concatenate([draw.epsilon, draw.mean]))
    return both[:, :STRIDE], _gaps(block.means, draw.mean, block, draw, both[:, STRIDE:])


def _over_width(
    products: Float[jax.Array, "b draws"], gaps: Float[jax.Array, "b draws"], level: Levels
) -> tuple[Float[jax.Array, "b draws"], Float[jax.Array, "b draws"], Float[jax.Array, "b draws"]]:
    """`_whitened` of an isotropic covariance, whose width is a number."""
    return products / jnp.sqrt(level.width), gaps / level.width, gaps / level.width**2


def _whitened(
    block: Blocks,
    draw: Draw,
    level: Levels,
    variances: Float[jax.Array, " r"],
) -> tuple[Float[jax.Array, "b draws"], Float[jax.Array, "b draws"], Float[jax.Array, "b draws"]]:
    """`ε·a_k`, `|a_k − a_c|²` and `|b_k − b_c|²` with b = S^{−1}m, at one level."""
    widths = variances + level.noise
    root = jnp.sqrt(widths)
    white = block.means / root
    own, pulls, pull = draw.mean / root, block.means / widths, draw.mean / widths
    gaps = _gaps(white, own, block, draw, _forms(white, own))
    return _forms(white, draw.epsilon), gaps, _gaps(pulls, pull, block, draw, _forms(pulls, pull))


def _forms(rows: Float[jax.Array, "b r"], others: Float[jax.Array, "n r"]) -> Float[jax.Array, "b n"]:
    return jnp.matmul(rows, others.T, precision="highest")


def _gaps(
    rows: Float[jax.Array, "b r"],
    own: Float[jax.Array, "draws r"],
    block: Blocks,
    draw: Draw,
    forms: Float[jax.Array, "b draws"],
) -> Float[jax.Array, "b draws"]:
    """Squared distances of rows, from their products, and exactly zero from a class to itself."""
    found = (rows**2).sum(-1)[:, None] + (own**2).sum(-1) - 2 * forms
    return jnp.where(block.places[:, None] == draw.own, 0, jnp.maximum(found, 0))


def _nothing(levels: int, members: Float[jax.Array | Array, " G"], dtype: np.dtype[np.generic]) -> Sums:
    """Sums over no class; `top` far below any, so that the first block takes its place."""
    zero = jnp.zeros((levels, STRIDE), dtype)
    sums = Sums(zero + 2 * _NONE, zero - 1, zero)
    if not members.size:
        return sums._replace(logs=zero, squares=zero - 1)
    return sums._replace(outside=zero, groups=jnp.zeros((levels, members.size, STRIDE), dtype))


def _added(
    sums: Sums,
    sign: int,
    found: tuple[Float[jax.Array, "b draws"], Float[jax.Array, "b draws"], Float[jax.Array, "b draws"]],
    block: Blocks,
    draw: Draw,
) -> Sums:
    """Sums with those over one block, at one level."""
    products, gaps, pulls = found
    logits = block.log_weights[:, None] - gaps / 2 + sign * products
    top = logits.max(0)
    logs = logits - top
    odds, at_top = jnp.exp(logs), logs == 0
    rest, ties = jnp.where(at_top, 0, odds), at_top.sum(0) - 1
    others = rest.sum(0) + ties
    if block.groups is None:
        own = Sums(top, others, (odds * pulls).sum(0), logs=(rest * logs).sum(0))
        return _merged(sums, own._replace(squares=(rest * rest).sum(0) + ties))
    same = block.groups[:, None] == draw.group
    weighted = odds * pulls
    inside, outside = jnp.where(same, weighted, 0).sum(0), jnp.where(same, 0, weighted).sum(0)
    own = Sums(top, others, inside, outside=outside)
    members = jnp.arange(sums.groups.shape[0])[:, None] == block.groups
    return _merged(sums, own._replace(groups=_forms(members.astype(odds.dtype), odds.T)))


def _merged(first: Sums, second: Sums) -> Sums:
    """Sums over two sets of classes, relative to the likeliest of both."""
    ahead = first.top >= second.top
    lower = -jnp.abs(first.top - second.top)
    factor = jnp.exp(lower)

    def ordered(name: str) -> tuple[ApiArray, ApiArray]:
        pair = getattr(first, name), getattr(second, name)
        return jnp.where(ahead, *pair), jnp.where(ahead, *pair[::-1])

    others, fewer = ordered("others")
    total = {"top": jnp.maximum(first.top, second.top), "others": others + factor * (1 + fewer)}
    for name, held in first._asdict().items():
        if name in total or held is None:
            continue
        large, small = ordered(name)
        if name == "squares":
            total[name] = large + factor**2 * (1 + small)
        elif name == "logs":
            total[name] = large + factor * (small + lower * (1 + fewer))
        else:
            total[name] = large + factor * small
    return Sums(**total)


def _curves(sums: Sums, draw: Draw) -> Float[jax.Array, "3 levels draws"]:
    """Entropy, rate over 1 + σ² and disagreement, shape (3, levels, draws)."""
    others = sums.others
    norm = 1 + others
    if sums.groups is None:
        disagreement = (others * (2 + others) - sums.squares) / norm**2
        return jnp.stack([jnp.log1p(others) - sums.logs / norm, sums.inside / norm / 2, disagreement])
    shares = jnp.moveaxis(sums.groups, 1, 0)  # (groups, levels, draws)
    own = (jnp.arange(len(shares))[:, None] == draw.group)[:, None]
    held = jnp.where(own, shares, 0).sum(0)
    missed = jnp.where(own, 0, shares).sum(0) / norm
    inside = jnp.where(held > 0, missed * sums.inside / jnp.where(held > 0, held, 1), 0)
    odds, log_odds = odds_against_top(jnp.log(shares))
    disagreement = cross_terms(odds, log_odds) / odds.sum(0) ** 2
    rate = (sums.outside / norm - inside) / 2
    return jnp.stack([posterior_entropy(jnp.log(shares)), rate, disagreement])


MANY = Kernel(partial(many_parameters, reduced=False), many, scale_of, double=False)
MANY_REDUCED = Kernel(partial(many_parameters, reduced=True), many, scale_of, double=True)
