"""Draws of a Gaussian mixture: `X₀ = m_C + Q_C (√v_C ξ + U_C ξ′)`, ξ and ξ′ standard normal, in any library.

The seed says which: an int or NumPy generator, a JAX key (also traced), or a torch generator.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._support.aliases import ApiArray, Namespace
from .._support.whole_numbers import as_whole
from .posterior import Classes, product

if TYPE_CHECKING:
    from .mixture import GaussianMixture

__all__ = ["drawn"]


class _Source(NamedTuple):
    """Normals of a shape, classes by their probabilities, and arrays, all of one library."""

    xp: Namespace
    normal: Callable[[int, tuple[int, ...]], ApiArray]
    """Of the number of the draw, from 0, and a shape."""
    choice: Callable[[ApiArray, int], ApiArray]
    array: Callable[[ApiArray], ApiArray]


def drawn(
    mixture: "GaussianMixture", n: object, seed: object, index: int | None
) -> tuple[ApiArray, ApiArray]:
    """Draws (n, d) and their classes (n,); of class `index` alone if it is given."""
    count = as_whole(n)
    if count is None or count < 0:
        raise ValueError(f"n: need a whole number >= 0, not {n!r}")
    source = _source(seed)
    held = mixture.stacked if index is None else mixture.stacked.only(index)
    own = Classes(*(None if part is None else source.array(part) for part in held))
    xp = source.xp
    drawn = source.choice(own.log_weights, count)
    form = drawn if len(own.variances) > 1 else 0 * drawn
    spread = xp.sqrt(own.variances)[form] * source.normal(0, (count, mixture.dimension))
    if own.factors is not None:
        more = source.normal(1, (count, own.factors.shape[2]))
        spread = spread + _by_class(source, more, form, xp.swapaxes(own.factors, 1, 2))
    if own.axes is not None:
        spread = _by_class(source, spread, form, xp.swapaxes(own.axes, 1, 2))
    return own.means[drawn] + spread, drawn + (index or 0)


def _by_class(source: _Source, rows: ApiArray, classes: ApiArray, matrices: ApiArray) -> ApiArray:
    """Each row times the matrix of its class."""
    xp = source.xp
    if len(matrices) == 1:
        return product(xp, rows, matrices[0])
    total = source.array(np.zeros((len(rows), matrices.shape[2])))
    for k, matrix in enumerate(matrices):
        members = classes == k
        if "jax" in xp.__name__:
            total = xp.where(members[:, None], product(xp, rows, matrix), total)
        else:
            total[members] = rows[members] @ matrix
    return total


def _source(seed: object) -> _Source:
    """Where the randomness comes from, by the kind of seed."""
    if isinstance(seed, np.random.Generator):
        return _numpy(seed)
    number = as_whole(seed)
    if number is not None:
        if not 0 <= number < 2**64:
            raise ValueError(f"seed: need a whole number from 0 to 2**64 - 1, not {seed}")
        return _numpy(np.random.default_rng(number))
    # whoever holds a key or a generator has loaded its library, which `theory` does not
    torch, jax = (sys.modules.get(name) for name in ("torch", "jax"))
    if torch is not None and isinstance(seed, torch.Generator):
        return _torch(torch, seed)
    if jax is not None and isinstance(seed, jax.Array):
        return _jax(jax, seed)
    raise ValueError(
        f"seed: need a whole number, a NumPy or torch generator, or a JAX key, not {type(seed).__name__}"
    )


def _numpy(rng: np.random.Generator) -> _Source:
    def choice(log_weights: ApiArray, count: int) -> ApiArray:
        return rng.choice(len(log_weights), size=count, p=np.exp(log_weights) / np.exp(log_weights).sum())

    def normal(_: int, shape: tuple[int, ...]) -> ApiArray:
        return rng.standard_normal(shape)

    return _Source(np, normal, choice, np.asarray)


def _torch(torch: Namespace, generator: ApiArray) -> _Source:
    where = {"dtype": torch.float64, "device": generator.device}

    def choice(log_weights: ApiArray, count: int) -> ApiArray:
        if count == 0 or len(log_weights) == 1:
            return torch.zeros(count, dtype=torch.int64, device=generator.device)
        shares = torch.softmax(log_weights, 0)
        return torch.multinomial(shares, count, replacement=True, generator=generator)

    def normal(_: int, shape: tuple[int, ...]) -> ApiArray:
        return torch.randn(shape, generator=generator, **where)

    def array(values: ApiArray) -> ApiArray:
        return torch.asarray(np.array(values), **where)

    return _Source(torch, normal, choice, array)


def _jax(jax: Namespace, key: ApiArray) -> _Source:
    def choice(log_weights: ApiArray, count: int) -> ApiArray:
        return jax.random.categorical(jax.random.fold_in(key, 0), log_weights, shape=(count,))

    def normal(number: int, shape: tuple[int, ...]) -> ApiArray:
        return jax.random.normal(jax.random.fold_in(key, 1 + number), shape)

    def array(values: ApiArray) -> ApiArray:
        return jax.numpy.asarray(values, dtype=jax.numpy.zeros(()).dtype)

    return _Source(jax.numpy, normal, choice, array)
