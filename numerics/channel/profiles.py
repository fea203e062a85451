"""Even and odd profiles of the half log-odds u, and their derivatives of every order.

With `s = sech² u`, derivatives of sech are `sech · P(s)` or `sech · tanh · P(s)` with dyadic coefficients,

    D [sech · P]      = −sech · tanh · (P + 2 s P'),
    D [sech tanh · P] = sech · [s P − (1 − s)(P + 2 s P')],

and the entropy's profile `f = cosh(u) h(u)` obeys `f'' = f − sech`.
"""

from functools import cache

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["entropy_derivative", "sech_derivative"]

Polynomial = tuple[float, ...]


@cache
def _sech_polynomial(heat: int, order: int) -> Polynomial:
    """P of `D^order ((D² − 1)/2)^heat sech`; with a factor tanh where `order` is odd."""
    if heat:
        lower, twice = _sech_polynomial(heat - 1, order), _sech_polynomial(heat - 1, order + 2)
        return _sum(twice, lower, -1.0, 0.5)
    if not order:
        return (1.0,)
    given = _sech_polynomial(0, order - 1)
    slope = tuple((1 + 2 * power) * factor for power, factor in enumerate(given))
    if order % 2:
        return tuple(-factor for factor in slope)
    # sP − (1 − s)(P + 2sP')
    return _sum((0.0, *_sum(given, slope, 1.0, 1.0)), slope, -1.0, 1.0)


def _sum(first: Polynomial, second: Polynomial, weight: float, scale: float) -> Polynomial:
    """`scale · (first + weight · second)`."""
    size = max(len(first), len(second))
    padded = [(*part, *[0.0] * (size - len(part))) for part in (first, second)]
    return tuple(scale * (a + weight * b) for a, b in zip(*padded, strict=True))


def sech_derivative(u: Float[Array, "*shape"], heat: int, order: int) -> Float[Array, "*shape"]:
    """`D^order ((D² − 1)/2)^heat sech` at u, without overflow."""
    decay = jnp.exp(-jnp.abs(u))
    sech = 2 * decay / (1 + decay * decay)
    squared, value = sech * sech, jnp.zeros_like(u)
    for factor in reversed(_sech_polynomial(heat, order)):
        value = value * squared + factor
    return sech * value * jnp.tanh(u) if order % 2 else sech * value


def entropy_derivative(u: Float[Array, "*shape"], order: int) -> Float[Array, "*shape"]:
    """`D^order [cosh(u) h(u)]`, with `h(u) = log(2 cosh u) − u tanh u` the entropy at log-odds 2u."""
    if order >= 2:
        return entropy_derivative(u, order - 2) - sech_derivative(u, 0, order - 2)
    size = jnp.abs(u)
    decay = jnp.exp(-size)
    odds = decay * decay
    # log(1 + x)/x, whose limit at x = 0 is 1
    ratio = jnp.where(odds > 0, jnp.log1p(odds) / jnp.where(odds > 0, odds, 1), 1)
    if order:
        return jnp.sign(u) * decay * (-0.5 * jnp.expm1(-2 * size) * ratio - size)
    return 0.5 * (1 + odds) * decay * (ratio + 2 * size / (1 + odds))
