"""Equally likely classes with orthogonal means as functions of JAX (T13), with derivatives of every order.

With `f(v) = e^{−e^v}` and `ψ_m(v) = E f^{(m)}(v + √g Z)`,

    H     = ∫ [1 − ψ_0(v)^{K−1}] ψ_0(v + g) dv,      1 − φ = −∫ [1 − ψ_0(v)^{K−1}] ψ_1(v + g) dv,

`dH/dg = −½ (1 − φ)` (T4), and the averages obey the heat equation `∂ψ_m/∂g = ½ ψ_{m+2}`, `∂ψ_m/∂v = ψ_{m+1}`.
Both integrals are sums over one lattice, whose terms are positive and precise however small.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ...theory._support.aliases import ApiArray
from .precision import doubled, floating, inside, lattice_sum

__all__ = ["orthogonal_disagreement", "orthogonal_entropy"]

Function: TypeAlias = Callable[[Array, Array], Array]

_LARGEST_CLASSES = 1e24
_NODES = 768  # of the outer integral: at most as far apart as `theory/closed_forms/orthogonal.py` has them
_REACH = 9.0  # standard deviations of a Gaussian that are not negligible
_STEP = 0.25  # the strip of e^{u − e^u} has half width π/2: an error of exp(−π²/h) = 1e-17
_NARROW = 0.7  # the same in standard deviations of a Gaussian
_FAR = 30.0  # where e^{−e^u} has long vanished
_VANISHED = 800.0  # e^{−745} is the least positive double


def orthogonal_entropy(g: ApiArray, classes: ApiArray = 2) -> Float[Array, "..."]:
    """Class-conditional entropy of K equally likely classes with orthogonal means, in nats, for JAX.

    `H_K(g) = ∫ [1 − ψ(v)^{K−1}] ψ(v + g) dv`, `ψ(v) = E exp(−e^{v + √g Z})`; `dH/dg = −½ (1 − φ)`.
    Derivatives of every order exist in both arguments.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, finite, with M the squared length of the means.
    classes : array_like, broadcast against `g`
        Number of classes K, from 2 to 1e24, whole or not; it may be traced.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        The value of `speciation.theory.orthogonal_entropy` to about 1e-13, in some milliseconds a value.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T4, T13.
    """
    return _curve(0, *_arguments(g, classes))


def orthogonal_disagreement(g: ApiArray, classes: ApiArray = 2) -> Float[Array, "..."]:
    """Probability `1 − φ` that two clones end in different classes, `−2 dH/dg`, as a function of JAX.

    Parameters
    ----------
    g : array_like, any shape
        `M/(s² + σ²) ≥ 0`, finite, with M the squared length of the means.
    classes : array_like, broadcast against `g`
        Number of classes K, from 2 to 1e24, whole or not; it may be traced.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        Between 0 and 1; precision as of `orthogonal_entropy`.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T4, T13.
    """
    return _curve(1, *_arguments(g, classes))


def _arguments(g: ApiArray, classes: ApiArray) -> list[Float[Array, "*shape"]]:
    words = f"must lie between 2 and {_LARGEST_CLASSES:g}"
    return floating(
        {
            "g": (g, lambda v: (v >= 0) & (v < np.inf), "must be a finite number >= 0"),
            # single precision rounds the largest number up
            "classes": (classes, lambda v: (v >= 2) & (v <= _LARGEST_CLASSES * (1 + 1e-6)), words),
        }
    )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _curve(curve: int, g: Float[Array, "*shape"], classes: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The entropy (0) or the disagreement (1)."""
    return _derivative(curve, 0, 0, g, classes)


@_curve.defjvp
def _curve_slope(
    curve: int,
    primals: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (g, classes), (change, growth) = primals, tangents
    along = -0.5 * _curve(1, g, classes) if curve == 0 else _derivative(1, 1, 0, g, classes)
    return _curve(curve, g, classes), along * change + _derivative(curve, 0, 1, g, classes) * growth


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _derivative(
    curve: int, in_g: int, in_classes: int, g: Float[Array, "*shape"], classes: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """A mixed derivative of a curve, of any orders."""
    return _integral(curve, in_g, in_classes, g, classes)


@_derivative.defjvp
def _next_derivative(
    curve: int,
    in_g: int,
    in_classes: int,
    primals: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (g, classes), (change, growth) = primals, tangents
    along = _derivative(curve, in_g + 1, in_classes, g, classes)
    across = _derivative(curve, in_g, in_classes + 1, g, classes)
    return _derivative(curve, in_g, in_classes, g, classes), along * change + across * growth


@partial(jax.jit, static_argnums=(0, 1, 2))
def _integral(
    curve: int, in_g: int, in_classes: int, g: Float[Array, "*shape"], classes: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """The sum, whose terms are differentiated on a lattice that stays where it is."""
    with inside():
        distance, number = doubled(g, classes)
        vanishes = distance / 4 - 2 * jnp.log(number) > _VANISHED
        valid = jnp.isfinite(distance) & (number >= 2) & ~vanishes
        distance, number = jnp.where(valid, distance, 1.0), jnp.where(valid, number, 2.0)
        v, step = _lattice(distance, number)

        def terms(at: ApiArray, count: ApiArray) -> ApiArray:
            spread = jnp.broadcast_to(at[..., None], v.shape)
            missed = _missed(v, spread, count[..., None])
            own = _psi(0, v + spread, spread) if curve == 0 else -_psi(1, v + spread, spread)
            return step * (missed * own).sum(-1)

        value = terms
        for _ in range(in_g):
            value = _slope(value, 0)
        for _ in range(in_classes):
            value = _slope(value, 1)
        found = value(distance, number)
        undefined = jnp.isnan(g) | jnp.isnan(classes)
        found = jnp.where(valid, found, jnp.where(undefined, jnp.nan, 0.0))
        found = jnp.minimum(found, 1.0) if (curve, in_g, in_classes) == (1, 0, 0) else found
        return found.astype(g.dtype)


def _slope(function: Function, argument: int) -> Function:
    """Derivative of an elementwise function of two arrays."""

    def slope(g: ApiArray, classes: ApiArray) -> ApiArray:
        tangents = [jnp.zeros_like(g), jnp.zeros_like(classes)]
        tangents[argument] = jnp.ones_like(g)
        return jax.jvp(function, (g, classes), tuple(tangents))[1]

    return slope


def _lattice(
    g: Float[Array, "*shape"], classes: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape nodes"], Float[Array, "*shape"]]:
    """Lattice v (…, nodes) where integrands are not negligible, and the step (…)."""
    root, rivals = jnp.sqrt(g), jnp.log(jnp.maximum(classes - 1, 1))
    left = -g / 2 - jnp.maximum(45 + rivals, 9 * root)
    right = jnp.maximum(-g + 4.5 + 9 * root, -g / 2 + 9 * jnp.sqrt(g / 2))
    step = (right - left) / (_NODES - 1)
    return left[..., None] + step[..., None] * jnp.arange(_NODES, dtype=jnp.float64), step


def _missed(
    v: Float[Array, "*shape"], g: Float[Array, "*shape"], classes: Float[Array, "#*shape"]
) -> Float[Array, "*shape"]:
    """`1 − ψ_0(v)^{K−1}`."""
    log_psi = jnp.log1p(-jnp.minimum(_one_minus_psi(v, g), 1 - 2.0**-53))
    return -jnp.expm1((classes - 1) * log_psi)


@jax.custom_jvp
def _one_minus_psi(v: Float[Array, "*shape"], g: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`1 − ψ_0(v)`, which keeps relative precision where it is small."""
    # 1 − f is log-concave too: where v is low its tilt by e^u moves the peak to u = v + g
    root = jnp.sqrt(g)
    low = jnp.where(v < 0, jnp.minimum(root, -v / jnp.where(root > 0, root, 1)), 0.0)
    return _average(lambda u: -jnp.expm1(-jnp.exp(u)), v, g, low)


@_one_minus_psi.defjvp
def _one_minus_psi_slope(
    primals: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (v, g), (shift, change) = primals, tangents
    return _one_minus_psi(v, g), -_psi(1, v, g) * shift - 0.5 * _psi(2, v, g) * change


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _psi(order: int, v: Float[Array, "*shape"], g: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`ψ_m(v)`, m = `order`."""
    root = jnp.sqrt(g)
    # the peak of −(v − u)²/2g − e^u, or + u − e^u: the first where (v − u)/g = e^u
    tilt = 1.0 if order else 0.0
    peak = _peak(v + tilt * g, g)
    centre = jnp.where(root > 0, (peak - v) / jnp.where(root > 0, root, 1), 0.0)
    return _average(partial(_derivative_of_f, order), v, g, centre)


@_psi.defjvp
def _psi_slope(
    order: int,
    primals: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (v, g), (shift, change) = primals, tangents
    return _psi(order, v, g), _psi(order + 1, v, g) * shift + 0.5 * _psi(order + 2, v, g) * change


def _peak(v: Float[Array, "*shape"], g: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The u with `u + g e^u = v`, by Newton's method from above, where the left side is convex."""

    def improve(_: ApiArray, u: ApiArray) -> ApiArray:
        rise = g * jnp.exp(jnp.minimum(u, 700.0))
        return u - (u + rise - v) / (1 + rise)

    start = jnp.where(v > 1, jnp.minimum(v, jnp.log(jnp.maximum(v, 1) / jnp.maximum(g, 1e-300)) + 1), v)
    return lax.fori_loop(0, 12, improve, jnp.maximum(start, jnp.minimum(v, 0) - g))


@cache
def _polynomial(order: int) -> tuple[float, ...]:
    """P with `f^{(m)}(u) = P(e^u) e^{−e^u}`: `D (P f) = e^u (P' − P) f`."""
    if not order:
        return (1.0,)
    given = (*_polynomial(order - 1), 0.0)
    return (0.0, *((power + 1) * given[power + 1] - given[power] for power in range(len(given) - 1)))


def _derivative_of_f(order: int, u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`f^{(m)}(u)` of `f = e^{−e^u}`."""
    growth = jnp.exp(jnp.minimum(u, _FAR))
    value = jnp.zeros_like(u)
    for factor in reversed(_polynomial(order)):
        value = value * growth + factor
    return value * jnp.exp(-growth)


def _average(
    function: Callable[[Array], Array],
    v: Float[Array, "*shape"],
    g: Float[Array, "*shape"],
    centre: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """`E function(v + √g Z)`, the integrand's peak lying near z = `centre` and falling as −z²/2 at least."""
    root = jnp.sqrt(g)
    step = jnp.minimum(_NARROW, _STEP / jnp.maximum(root, 1e-3))
    first = jnp.floor((centre - _REACH) / step)

    def term(places: ApiArray) -> ApiArray:
        z = step[..., None] * (first[..., None] + places)
        return jnp.exp(-0.5 * z * z) * function(v[..., None] + root[..., None] * z)

    counts = jnp.broadcast_to(jnp.ceil(2 * _REACH / step) + 1, v.shape)
    return step / np.sqrt(2 * np.pi) * lattice_sum(term, counts)
