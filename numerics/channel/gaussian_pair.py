"""Any two Gaussian classes as functions of JAX (T24), with derivatives of every order.

With `ρ(s) = ∫ f₁^s f₂^{1−s}` and a path s(x) from 0 < c < 1 upwards,

    H = (1/π) ∫₀^∞ Im π/(s(1−s) sin πs) w₁^s w₂^{1−s} ρ(s) s′(x) dx,      2π/sin πs gives 1 − φ,
    log ρ(s) = ½ Σ_i n_i {(1−s) log ρ_i − log f_i} − ½ s(1−s) Σ_i q_i/f_i,      f_i = (1−s)ρ_i + s,

by the trapezoidal rule on the path of `theory/closed_forms/two_gaussians.py`, which crosses at the saddle
point and bends to the side on which the integrand falls. The integral depends neither on the path nor on the
step, so that derivatives are those of the sum on the path where it is.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Complex, Float, Float64

from ...theory._support.aliases import ApiArray
from .precision import check, doubled, floating, inside, is_known

__all__ = ["gaussian_pair_disagreement", "gaussian_pair_entropy"]

_NODES = 640
_AT_ONCE = 2**19  # numbers of nodes times directions, which are held several times
_BEND = 0.35  # of the path, as in `theory`
_HEIGHTS = (0.5, 4.0, 30.0, 250.0, 2000.0)  # in units of the breadth, at which the slope is looked at
_GONE = 46.0  # of decay, beyond which nothing is left
_FARTHEST = 25.0  # logit of the saddle point
_LARGEST_LOG = 600.0


def gaussian_pair_entropy(
    log_ratios: ApiArray, differences2: ApiArray, counts: ApiArray = None, prior: ApiArray = 0.5
) -> Float[Array, "..."]:
    """Class-conditional entropy of any two Gaussian classes in nats, as a function of JAX.

    The value of `speciation.theory.TwoGaussians` with the same arguments in the same order. Classes with
    variances a and b on common axes and means that differ by Δ have `log_ratios = log((a + σ²)/(b + σ²))` and
    `differences2 = Δ²/(b + σ²)`. Derivatives of every order exist in all arguments; each order costs as many
    values of the one before as there are arguments, so the second is for some hundred directions at most.

    Parameters
    ----------
    log_ratios : array_like, shape (…, n)
        `log ρ_i` of the generalised eigenvalues of `(S₁, S₂)`, at most 600 in size.
    differences2 : array_like, broadcast against `log_ratios`
        Squared differences of the means on those axes in units of S₂, at least 0; summed over equal ρ_i.
    counts : array_like, broadcast against `log_ratios`
        Multiplicities, at least 0; ones by default.
    prior : array_like, broadcast against the leading axes
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    jax.Array of the leading shape and of the arguments' precision
        Relative error about 1e-12 in double precision, in some milliseconds a value.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T24.
    """
    return _each("entropy", log_ratios, differences2, counts, prior)


def gaussian_pair_disagreement(
    log_ratios: ApiArray, differences2: ApiArray, counts: ApiArray = None, prior: ApiArray = 0.5
) -> Float[Array, "..."]:
    """Probability `1 − φ` that two clones end in different classes, as a function of JAX.

    Parameters
    ----------
    log_ratios : array_like, shape (…, n)
        As of `gaussian_pair_entropy`.
    differences2 : array_like, broadcast against `log_ratios`
        Squared differences of the means in units of S₂, at least 0.
    counts : array_like, broadcast against `log_ratios`
        Multiplicities, at least 0; ones by default.
    prior : array_like, broadcast against the leading axes
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    jax.Array of the leading shape and of the arguments' precision
        Between 0 and ½; precision as of `gaussian_pair_entropy`.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T24.
    """
    return _each("disagreement", log_ratios, differences2, counts, prior)


def _each(
    curve: str, log_ratios: ApiArray, differences2: ApiArray, counts: ApiArray, prior: ApiArray
) -> Float[Array, "..."]:
    if np.ndim(log_ratios) == 0:
        raise ValueError("log_ratios: need one for each direction, shape (..., n)")
    share = (prior, lambda v: (v > 0) & (v < 1), "must lie strictly between 0 and 1")
    if is_known(prior):
        check("prior", *share)
    multiplicities = 1.0 if counts is None else counts
    own = floating(
        {
            "log_ratios": (
                log_ratios,
                lambda v: abs(v) <= _LARGEST_LOG,
                f"must lie between -{_LARGEST_LOG:g} and {_LARGEST_LOG:g}",
            ),
            "differences2": (
                differences2,
                lambda v: (v >= 0) & (v < np.inf),
                "must be a finite number >= 0",
            ),
            "counts": (multiplicities, lambda v: (v >= 0) & (v < np.inf), "must be a finite number >= 0"),
            "prior": (_with_axis(prior), *share[1:]),
        }
    )
    ratios, squares, number, weights = own
    if not ratios.shape[-1]:
        raise ValueError("log_ratios: need at least one direction")
    # counts that are known have no derivatives, whose orders they would make half as dear again
    moving = [] if is_known(multiplicities) else [number]
    theta = jnp.concatenate([ratios, squares, weights[..., :1], *moving], axis=-1)
    shape, size = ratios.shape[:-1], ratios.shape[-1]
    rows = theta.reshape(-1, theta.shape[-1]), lax.stop_gradient(number).reshape(-1, size)
    return _derivative(curve, 0, *rows).reshape(shape)


def _with_axis(prior: ApiArray) -> ApiArray:
    """With an axis for the directions; a plain number stays one, whose precision is that of the others."""
    if np.ndim(prior) == 0:
        return prior
    return (np.asarray(prior) if is_known(prior) else prior)[..., None]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _derivative(
    curve: str, order: int, theta: Float[Array, "rows p"], counts: Float[Array, "rows n"]
) -> Float[Array, "rows ..."]:
    """For each row the array of all derivatives of an order, (p, …, p), in θ = (log ρ, q, w) or also n."""
    return _computed(curve, order)(theta, counts)


@_derivative.defjvp
def _slope(
    curve: str,
    order: int,
    primals: tuple[Float[Array, "rows p"], Float[Array, "rows n"]],
    tangents: tuple[Float[Array, "rows p"], Float[Array, "rows n"]],
) -> tuple[Float[Array, "rows ..."], Float[Array, "rows ..."]]:
    slopes = _derivative(curve, order + 1, *primals)
    change = jnp.einsum("r...p,rp->r...", slopes, tangents[0], precision="highest")
    return _derivative(curve, order, *primals), change


@cache
def _computed(curve: str, order: int) -> Callable[[Array, Array], Array]:
    """`_derivative` itself; rows of rows, which `jax.vmap` makes, become one list of them."""

    @custom_vmap
    def computed(theta: ApiArray, counts: ApiArray) -> ApiArray:
        return _blocks(curve, order, theta, counts)

    @computed.def_vmap
    def _(size: int, batched: list[bool], *rows: ApiArray) -> tuple[ApiArray, bool]:
        spread = [
            row if own else jnp.broadcast_to(row, (size, *row.shape))
            for row, own in zip(rows, batched, strict=True)
        ]
        found = computed(*(each.reshape(-1, each.shape[-1]) for each in spread))
        return found.reshape(*spread[0].shape[:-1], *found.shape[1:]), True

    return computed


@partial(jax.jit, static_argnums=(0, 1))
def _blocks(
    curve: str, order: int, theta: Float[Array, "rows p"], counts: Float[Array, "rows n"]
) -> Float[Array, "rows ..."]:
    """Block after block of rows, as each holds nodes times directions several times."""
    with inside():
        function = partial(_integral, curve)
        if order:
            function = jax.grad(function)
        for _ in range(order - 1):
            function = jax.jacfwd(function)
        (rows, p), n = theta.shape, counts.shape[1]
        block = max(1, _AT_ONCE // (_NODES * n * p ** max(order - 1, 0)))
        given = doubled(theta, counts)
        if rows <= block:
            return jax.vmap(function)(*given).astype(theta.dtype)
        number = -(-rows // block)
        block = -(-rows // number)
        filled = [jnp.pad(each, ((0, number * block - rows), (0, 0)), mode="edge") for each in given]
        blocks = tuple(each.reshape(number, block, -1) for each in filled)
        found = lax.map(lambda each: jax.vmap(function)(*each), blocks)
        return found.reshape(number * block, *found.shape[2:])[:rows].astype(theta.dtype)


class _Path(NamedTuple):
    """Where it crosses, the breadth there, the side (1: left) and height of its bend, and its end in x."""

    centre: Float64[Array, ""]
    breadth: Float64[Array, ""]
    side: Float64[Array, ""]
    height: Float64[Array, ""]
    longest: Float64[Array, ""]


def _integral(curve: str, theta: Float64[Array, " p"], given: Float64[Array, " n"]) -> Float64[Array, ""]:
    size = given.shape[0]
    log_ratios, squares, prior = theta[:size], theta[size : 2 * size], theta[2 * size]
    counts = theta[2 * size + 1 :] if theta.shape[0] > 2 * size + 1 else given
    path = _path(*(lax.stop_gradient(v) for v in (log_ratios, squares, prior, counts)))
    x = path.longest * (jnp.arange(_NODES) / (_NODES - 1))
    y, rise = (path.breadth * np.cos(_BEND) * f(x) for f in (jnp.sinh, jnp.cosh))
    far = jnp.hypot(y, path.height)
    # √(y² + h²) − h, without cancellation
    aside = path.side * np.tan(_BEND) * y * (y / (far + path.height))
    along = lax.complex(-path.side * np.tan(_BEND) * y / far, jnp.ones_like(y)) * rise
    step = lax.complex(-aside, y)
    exponent = _exponent(path.centre, step, log_ratios, squares, prior, counts)
    terms = jnp.imag(_kernel(curve, path.centre + step) * jnp.exp(exponent) * along)
    peak = _log_weighted(path.centre, log_ratios, squares, prior, counts)
    terms = terms.at[0].multiply(0.5)
    return jnp.exp(peak) * terms.sum() * path.longest / (_NODES - 1) / np.pi


def _log_weighted(
    centre: Float64[Array, ""],
    log_ratios: Float64[Array, " n"],
    squares: Float64[Array, " n"],
    prior: Float64[Array, ""],
    counts: Float64[Array, " n"],
) -> Float64[Array, ""]:
    """`log w₁^c w₂^{1−c} ρ(c)`, without cancellation for small `log ρ_i`."""
    half, turn = log_ratios / 2, 1 - 2 * centre
    cosh = jnp.log1p(2 * jnp.sinh(half / 2) ** 2)
    covariances = turn * half - jnp.log1p(turn * jnp.tanh(half)) - cosh
    width = (1 - centre) * jnp.exp(log_ratios) + centre
    means = centre * (1 - centre) * (squares / width).sum()
    weights = centre * jnp.log(prior) + (1 - centre) * jnp.log1p(-prior)
    return weights + 0.5 * ((counts * covariances).sum() - means)


def _exponent(
    centre: Float64[Array, ""],
    step: Complex[Array, " nodes"],
    log_ratios: Float64[Array, " n"],
    squares: Float64[Array, " n"],
    prior: Float64[Array, ""],
    counts: Float64[Array, " n"],
) -> Complex[Array, " nodes"]:
    """`log` of the weighted ρ(c + step) over that at c, with `f_i(s) = f_i(c)(1 − (s − c)τ_i)`."""
    width = (1 - centre) * jnp.exp(log_ratios) + centre
    tau = jnp.expm1(log_ratios) / width
    x, y = -jnp.real(step)[:, None] * tau, -jnp.imag(step)[:, None] * tau
    size = x * (2 + x) + y * y  # |1 + x + iy|² − 1
    log = lax.complex(0.5 * (jnp.log1p(size) * counts).sum(-1), (jnp.arctan2(y, 1 + x) * counts).sum(-1))
    share = (squares / width) / (1 + size)
    inverse = lax.complex((share * (1 + x)).sum(-1), -(share * y).sum(-1))
    s, start = centre + step, centre * (1 - centre) * (squares / width).sum()
    odds = jnp.log(prior) - jnp.log1p(-prior) - 0.5 * (counts * log_ratios).sum()
    return step * odds - 0.5 * log - 0.5 * (s * (1 - s) * inverse - start)


def _kernel(curve: str, s: Complex[Array, " nodes"]) -> Complex[Array, " nodes"]:
    turned = jnp.exp(1j * np.pi * s)
    whole = -2j * np.pi * turned / (1 - turned * turned)  # π/sin πs
    return whole / (s * (1 - s)) if curve == "entropy" else 2 * whole


def _path(
    log_ratios: Float64[Array, " n"],
    squares: Float64[Array, " n"],
    prior: Float64[Array, ""],
    counts: Float64[Array, " n"],
) -> _Path:
    """Through the saddle point, as far as anything is left."""
    ratios, excess = jnp.exp(log_ratios), jnp.expm1(log_ratios)
    odds = jnp.log(prior) - jnp.log1p(-prior) - 0.5 * (counts * log_ratios).sum()

    def total(logit: Array) -> Array:
        s, other = 1 / (1 + jnp.exp(-logit)), 1 / (1 + jnp.exp(logit))
        inverse = 1 / (other * ratios + s)
        turns, means = excess * inverse, squares * inverse
        sums = (counts * turns).sum() - (other - s) * means.sum() - s * other * (means * turns).sum()
        return odds + 0.5 * sums + 1 / other - 1 / s - np.pi / jnp.tan(np.pi * s)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = 0.5 * (ends[0] + ends[1])
        low = total(middle) < 0
        return jnp.where(low, middle, ends[0]), jnp.where(low, ends[1], middle)

    start = jnp.full((), -_FARTHEST), jnp.full((), _FARTHEST)
    logit = lax.fori_loop(0, 16, halve, start)[0]
    near, c = 0.01, 1 / (1 + jnp.exp(-logit))
    curvature = (total(logit + near) - total(logit - near)) / (2 * near) / (c * (1 - c))
    breadth = jnp.minimum(jnp.minimum(c, 1 - c), 3 / jnp.sqrt(curvature))
    tau = excess / ((1 - c) * ratios + c)
    heights = breadth * jnp.geomspace(0.5, 64 / breadth, 96)
    lost = _decay(heights, tau, counts) + np.pi * (heights - 1)
    last = jnp.where(lost > _GONE, heights, 64.0).min()
    side, height = _side(odds, c, breadth, tau, squares / ((1 - c) * ratios + c), counts)
    return _Path(c, breadth, side, height, jnp.arcsinh(last / breadth / np.cos(_BEND)))


def _decay(
    heights: Float64[Array, " m"], tau: Float64[Array, " n"], counts: Float64[Array, " n"]
) -> Float64[Array, " m"]:
    """How far `log |ρ|` has fallen for the covariances alone, straight above the saddle point."""
    return 0.25 * (jnp.log1p((heights[:, None] * tau) ** 2) * counts).sum(-1)


def _side(
    odds: Float64[Array, ""],
    c: Float64[Array, ""],
    breadth: Float64[Array, ""],
    tau: Float64[Array, " n"],
    shares: Float64[Array, " n"],
    counts: Float64[Array, " n"],
) -> tuple[Float64[Array, ""], Float64[Array, ""]]:
    """1 to bend to the left, where the integrand falls that rises in s, and from which height on."""
    heights = breadth * jnp.asarray(_HEIGHTS)
    seen = (_decay(heights, tau, counts) < _GONE) | (jnp.arange(len(_HEIGHTS)) == 0)
    s, inverse = c + 1j * heights, 1 / (1 - 1j * heights[:, None] * tau)
    turns = tau * inverse
    means = (1 - 2 * s) * (inverse * shares).sum(-1) + s * (1 - s) * (turns * inverse * shares).sum(-1)
    signs = jnp.sign(odds + 0.5 * jnp.real((turns * counts).sum(-1) - means))
    side = signs[seen.sum() - 1]
    others = jnp.where(seen & (signs != side), heights, 0.0).max()
    return side, jnp.maximum(breadth * np.cos(_BEND), others)
