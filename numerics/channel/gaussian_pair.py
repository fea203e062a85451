"""Any two Gaussian classes as functions of JAX (T24), with derivatives of every order.

With `ρ(s) = ∫ f₁^s f₂^{1−s}`, 0 < c < 1 and `s = c + iy`,

    H = (1/π) ∫₀^∞ Re π/(s(1−s) sin πs) w₁^s w₂^{1−s} ρ(s) dy,      2π/sin πs gives 1 − φ,
    log ρ(s) = ½ Σ_i n_i {(1−s) log ρ_i − log f_i} − ½ s(1−s) Σ_i q_i/f_i,      f_i = (1−s)ρ_i + s,

by the trapezoidal rule in x, `y = b sinh x`, on the line through the saddle point c. The integral does not
depend on c, b or the step, so that derivatives are those of the sum on the line where it is.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...theory._support.aliases import ApiArray
from .precision import doubled, floating, inside, is_known

__all__ = ["gaussian_pair_disagreement", "gaussian_pair_entropy"]

_NODES = 640
_GONE = 46.0  # of decay, beyond which nothing is left
_FARTHEST = 25.0  # logit of the saddle point
_LARGEST_LOG = 600.0


def gaussian_pair_entropy(
    log_ratios: ApiArray, differences2: ApiArray, prior: ApiArray = 0.5, counts: ApiArray = 1.0
) -> ApiArray:
    """Class-conditional entropy of any two Gaussian classes in nats, as a function of JAX.

    The value of `speciation.theory.TwoGaussians` with the same arguments. Classes with variances a and b on
    common axes and means that differ by Δ have `log_ratios = log((a + σ²)/(b + σ²))` and `differences2 =
    Δ²/(b + σ²)`. Derivatives of every order exist in all arguments but `counts`; each order costs as many
    values of the one before as there are arguments, so the second is for some hundred directions at most.

    Parameters
    ----------
    log_ratios : array_like, shape (…, n)
        `log ρ_i` of the generalised eigenvalues of `(S₁, S₂)`, at most 600 in size.
    differences2 : array_like, broadcast against `log_ratios`
        Squared differences of the means on those axes in units of S₂, at least 0; summed over equal ρ_i.
    prior : array_like, broadcast against the leading axes
        Probability of the first class, strictly between 0 and 1.
    counts : array_like, broadcast against `log_ratios`
        Multiplicities, at least 0.

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
    return _each("entropy", log_ratios, differences2, prior, counts)


def gaussian_pair_disagreement(
    log_ratios: ApiArray, differences2: ApiArray, prior: ApiArray = 0.5, counts: ApiArray = 1.0
) -> ApiArray:
    """Probability `1 − φ` that two clones end in different classes, as a function of JAX.

    Parameters
    ----------
    log_ratios : array_like, shape (…, n)
        As of `gaussian_pair_entropy`.
    differences2 : array_like, broadcast against `log_ratios`
        Squared differences of the means in units of S₂, at least 0.
    prior : array_like, broadcast against the leading axes
        Probability of the first class, strictly between 0 and 1.
    counts : array_like, broadcast against `log_ratios`
        Multiplicities, at least 0.

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
    return _each("disagreement", log_ratios, differences2, prior, counts)


def _each(
    curve: str, log_ratios: ApiArray, differences2: ApiArray, prior: ApiArray, counts: ApiArray
) -> ApiArray:
    if np.ndim(log_ratios) == 0:
        raise ValueError("log_ratios: need one for each direction, shape (..., n)")
    spread = prior[..., None] if not is_known(prior) else np.asarray(prior)[..., None]
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
            "prior": (spread, lambda v: (v > 0) & (v < 1), "must lie strictly between 0 and 1"),
            "counts": (counts, lambda v: (v >= 0) & (v < np.inf), "must be a finite number >= 0"),
        }
    )
    ratios, squares, weights, multiplicities = own
    theta = jnp.concatenate([ratios, squares, weights[..., :1]], axis=-1)
    fixed = lax.stop_gradient(multiplicities)
    return jnp.vectorize(partial(_derivative, curve, 0), signature="(p),(n)->()")(theta, fixed)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _derivative(curve: str, order: int, theta: ApiArray, counts: ApiArray) -> ApiArray:
    """The array of all derivatives of an order, (p, …, p), in θ = (log ρ, q, w)."""
    return _computed(curve, order, theta, counts)


@_derivative.defjvp
def _slope(curve: str, order: int, primals: ApiArray, tangents: ApiArray) -> tuple[ApiArray, ApiArray]:
    slopes = _derivative(curve, order + 1, *primals)
    return _derivative(curve, order, *primals), jnp.matmul(slopes, tangents[0], precision="highest")


@partial(jax.jit, static_argnums=(0, 1))
def _computed(curve: str, order: int, theta: ApiArray, counts: ApiArray) -> ApiArray:
    with inside():
        function = partial(_integral, curve)
        if order:
            function = jax.grad(function)
        for _ in range(order - 1):
            function = jax.jacfwd(function)
        return function(*doubled(theta, counts)).astype(theta.dtype)


def _integral(curve: str, theta: ApiArray, counts: ApiArray) -> ApiArray:
    size = counts.shape[0]
    log_ratios, squares, prior = theta[:size], theta[size : 2 * size], theta[2 * size]
    centre, breadth, longest = _line(*(lax.stop_gradient(v) for v in (log_ratios, squares, prior, counts)))
    log_weights = jnp.log(prior), jnp.log1p(-prior)
    ratios, excess = jnp.exp(log_ratios), jnp.expm1(log_ratios)
    width = (1 - centre) * ratios + centre
    # log ρ(c), without cancellation for small log ρ_i
    half, turn = log_ratios / 2, 1 - 2 * centre
    cosh = jnp.log1p(2 * jnp.sinh(half / 2) ** 2)
    covariances = turn * half - jnp.log1p(turn * jnp.tanh(half)) - cosh
    means = centre * (1 - centre) * (squares / width).sum()
    peak = (
        centre * log_weights[0] + (1 - centre) * log_weights[1] + 0.5 * ((counts * covariances).sum() - means)
    )
    x = longest * (jnp.arange(_NODES) / (_NODES - 1))
    y = breadth * jnp.sinh(x)
    # f_i(s) = f_i(c)(1 + ivτ), v = −2y; |1 + ivτ|² = 1 + (vτ)²
    across = -y[:, None] * (excess / width)
    size2 = across * across
    share = (squares / width) / (1 + size2)
    one_real, one_imaginary = share.sum(-1), -(share * across).sum(-1)
    length = 0.5 * (jnp.log1p(size2) * counts).sum(-1)
    angle = (jnp.arctan(across) * counts).sum(-1)
    odds = log_weights[0] - log_weights[1] - 0.5 * (counts * log_ratios).sum()
    # s(1−s) = c(1−c) + y² + iy(1−2c)
    real, imaginary = centre * (1 - centre) + y * y, y * turn
    start = centre * (1 - centre) * (squares / width).sum()
    exponent = lax.complex(
        -0.5 * length - 0.5 * (real * one_real - imaginary * one_imaginary - start),
        y * odds - 0.5 * angle - 0.5 * (real * one_imaginary + imaginary * one_real),
    )
    terms = jnp.real(_kernel(curve, centre, y) * jnp.exp(exponent)) * breadth * jnp.cosh(x)
    terms = terms.at[0].multiply(0.5)
    return jnp.exp(peak) * terms.sum() * longest / (_NODES - 1) / np.pi


def _kernel(curve: str, centre: ApiArray, y: ApiArray) -> ApiArray:
    s = lax.complex(jnp.broadcast_to(centre, y.shape), y)
    turned = jnp.exp(1j * np.pi * s)
    whole = -2j * np.pi * turned / (1 - turned * turned)  # π/sin πs
    return whole / (s * (1 - s)) if curve == "entropy" else 2 * whole


def _line(
    log_ratios: ApiArray, squares: ApiArray, prior: ApiArray, counts: ApiArray
) -> tuple[ApiArray, ApiArray, ApiArray]:
    """The saddle point, the breadth of the integrand there, and where in x nothing is left."""
    ratios, excess = jnp.exp(log_ratios), jnp.expm1(log_ratios)
    odds = jnp.log(prior) - jnp.log1p(-prior) - 0.5 * (counts * log_ratios).sum()

    def total(logit: ApiArray) -> ApiArray:
        s, other = 1 / (1 + jnp.exp(-logit)), 1 / (1 + jnp.exp(logit))
        inverse = 1 / (other * ratios + s)
        turns, means = excess * inverse, squares * inverse
        sums = (counts * turns).sum() - (other - s) * means.sum() - s * other * (means * turns).sum()
        return odds + 0.5 * sums + 1 / other - 1 / s - np.pi / jnp.tan(np.pi * s)

    def halve(_: int, ends: tuple[ApiArray, ApiArray]) -> tuple[ApiArray, ApiArray]:
        middle = 0.5 * (ends[0] + ends[1])
        low = total(middle) < 0
        return jnp.where(low, middle, ends[0]), jnp.where(low, ends[1], middle)

    start = jnp.full((), -_FARTHEST), jnp.full((), _FARTHEST)
    logit = lax.fori_loop(0, 16, halve, start)[0]
    near, c = 0.01, 1 / (1 + jnp.exp(-logit))
    curvature = (total(logit + near) - total(logit - near)) / (2 * near) / (c * (1 - c))
    breadth = jnp.minimum(jnp.minimum(c, 1 - c), 3 / jnp.sqrt(curvature))
    heights = breadth * jnp.geomspace(0.5, 64 / breadth, 96)
    tau = excess / ((1 - c) * ratios + c)
    lost = 0.25 * (jnp.log1p((heights[:, None] * tau) ** 2) * counts).sum(-1) + np.pi * (heights - 1)
    last = jnp.where(lost > _GONE, heights, 64.0).min()
    return c, breadth, jnp.arcsinh(last / breadth)
