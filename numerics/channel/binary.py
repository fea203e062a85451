"""Two classes with a shared covariance as functions of JAX (T2-T4), with derivatives of every order.

Balanced classes. Since `sech u = ½ ∫ cos(uv) sech(πv/2) dv`, with `e = (1 + v²)/2`,

    J_p(γ) = e^{−γ/2} ½ ∫ e^{−γv²/2} sech(πv/2) e^p dv:    mmse = J_0,  H = ½ J_{−1},  dJ_p/dγ = −J_{p+1},

so every derivative is an integral of positive terms, and keeps full relative precision into the deepest tail.
Other priors w, with `λ = ½ log(w/(1−w))` and the heat equation of T9's averages:

    V_{i,n}(γ, w) = sech λ e^{−γ/2} ∫ N(u − λ; 0, γ) Dⁿ ((D² − 1)/2)^i f(u) du,
    ∂V_{i,n}/∂γ = V_{i+1,n},      ∂V_{i,n}/∂w = [V_{i,n+1} − (2w − 1) V_{i,n}]/(2w(1 − w)),

f = sech for the mmse; for the entropy's profile `(D² − 1)/2 f = −½ sech`, which is T3. Integrals are sums
over a lattice, whose error is geometrically small (`theory/channel/tilted_average.py`).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...theory._support.aliases import ApiArray
from .precision import doubled, floating, inside, is_known, lattice_sum
from .profiles import entropy_derivative, sech_derivative

__all__ = ["binary_entropy", "binary_mmse", "clone_agreement", "log_binary_entropy"]

_DROP = 42.0  # natural logarithm of the relative size of what is left out
_BALANCED = 0.5


def binary_entropy(gamma: ApiArray, prior: ApiArray = _BALANCED) -> Float[Array, "..."]:
    """Class-conditional entropy `H(C|X)` of two classes in nats, as a function of JAX.

    `H = E log(1 + e^{−2γ−2√γ Z})` at prior ½; `dH/dγ = −½ mmse`. The values are those of
    `speciation.theory.binary_entropy`. Derivatives of every order exist in both arguments; those in γ at
    prior ½ keep relative precision.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation `γ(σ) = δᵀ(Σ + σ²I)^{-1}δ ≥ 0`; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability w of the first class, strictly between 0 and 1; the number ½ itself is the fastest.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        Accurate to its last digits wherever the value is a normal number of that precision.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T2, T3; Guo, Shamai, Verdú, IEEE TIT 51(4), 2005.
    """
    gamma_, prior_ = _arguments(gamma, prior)
    if prior_ is None:
        return 0.5 * _balanced(("damped", -1), gamma_)
    return _weighted(("entropy", 0, 0), gamma_, prior_)


def binary_mmse(gamma: ApiArray, prior: ApiArray = _BALANCED) -> Float[Array, "..."]:
    """Minimum mean-square error `E sech² L` of the class label ±1, as a function of JAX.

    The values are those of `speciation.theory.binary_mmse`, with derivatives of every order.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability w of the first class, strictly between 0 and 1.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        Between 0 and `4w(1−w)`; precision as of `binary_entropy`.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T3.
    """
    gamma_, prior_ = _arguments(gamma, prior)
    return _balanced(("damped", 0), gamma_) if prior_ is None else _weighted(("sech", 0, 0), gamma_, prior_)


def clone_agreement(gamma: ApiArray, prior: ApiArray = _BALANCED) -> Float[Array, "..."]:
    """Probability `φ = 1 − ½ mmse(γ)` that two clones end in the same class, as a function of JAX.

    The values are those of `speciation.theory.clone_agreement`, with derivatives of every order.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; `inf` is allowed.
    prior : array_like, broadcast against `gamma`
        Probability w of the first class, strictly between 0 and 1.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        Between `w² + (1−w)²` and 1.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T4; Biroli, Bonnaire, de Bortoli, Mézard, Nat. Commun. 15:9957, 2024.
    """
    return 1 - 0.5 * binary_mmse(gamma, prior)


def log_binary_entropy(gamma: ApiArray, prior: ApiArray = _BALANCED) -> Float[Array, "..."]:
    """Natural logarithm of `binary_entropy`, finite and precise where the entropy underflows.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0; at `inf` the value is `−inf`.
    prior : array_like, broadcast against `gamma`
        Probability w of the first class, strictly between 0 and 1.

    Returns
    -------
    jax.Array of the broadcast shape and of the arguments' precision
        Precision as of `binary_entropy`.

    Raises
    ------
    ValueError
        A number out of range; a traced one gives NaN.

    References
    ----------
    T2.
    """
    gamma_, prior_ = _arguments(gamma, prior)
    rest = _balanced(("log", 0), gamma_) if prior_ is None else _weighted(("log", 0, 0), gamma_, prior_)
    return rest - 0.5 * gamma_


def _arguments(
    gamma: ApiArray, prior: ApiArray
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"] | None]:
    """Both as arrays of one type and shape; `None` for priors that are ½."""
    named = {
        "gamma": (gamma, lambda value: value >= 0, "must be a number >= 0"),
        "prior": (
            prior,
            lambda value: (value > 0) & (value < 1),
            "must lie strictly between 0 and 1",
        ),
    }
    if is_known(prior) and bool(np.all(np.asarray(prior) == _BALANCED)):
        shape = np.broadcast_shapes(np.shape(gamma), np.shape(prior))
        (gamma_,) = floating({"gamma": named["gamma"]})
        return jnp.broadcast_to(gamma_, shape), None
    gamma_, prior_ = floating(named)
    return gamma_, prior_


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _balanced(form: tuple[str, int], gamma: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`J_p` (damped, p); `log ½ e^{γ/2} J_{−1}` (log, 0); the mean of (v²/2)^q in J_{−1} (ratio, q)."""
    return _fourier(form, gamma)


@_balanced.defjvp
def _balanced_slope(
    form: tuple[str, int],
    primals: tuple[Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (gamma,), (change,) = primals, tangents
    kind, order = form
    if kind == "damped":
        slope = -_balanced(("damped", order + 1), gamma)
    elif kind == "log":
        slope = -_balanced(("ratio", 1), gamma)
    else:
        first, next_ = _balanced(("ratio", 1), gamma), _balanced(("ratio", order + 1), gamma)
        slope = _balanced(form, gamma) * first - next_
    return _balanced(form, gamma), slope * change


@partial(jax.jit, static_argnums=0)
def _fourier(form: tuple[str, int], gamma: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    kind, order = form
    with inside():
        (given,) = doubled(gamma)
        finite = jnp.isfinite(given)
        known = jnp.where(finite, given, 1.0)
        if kind == "damped":
            value = jnp.exp(-known / 2) * _frequencies(known, order, 0)
        elif kind == "log":
            value = jnp.log(0.5 * _frequencies(known, -1, 0))
        else:
            value = _frequencies(known, -1, order) / _frequencies(known, -1, 0)
        limit = jnp.where(jnp.isnan(given), jnp.nan, 0.0)
        return jnp.where(finite, value, limit).astype(gamma.dtype)


def _frequencies(gamma: Float[Array, "*shape"], power: int, moment: int) -> Float[Array, "*shape"]:
    """`½ ∫ e^{−γv²/2} sech(πv/2) ((1 + v²)/2)^power (v²/2)^moment dv`."""
    degree = 2 * (max(power, 0) + moment)
    reach = 0.0
    for _ in range(50):  # where e^{−πv/2} v^degree is negligible
        reach = (_DROP + degree * np.log1p(reach)) * 2 / np.pi
    narrow = jnp.sqrt(2 * (_DROP + degree * np.log1p(reach)) / jnp.maximum(gamma, 1e-3))
    # the nearest pole, at ±i, decides up to γ = 2·drop, and the Gaussian beyond
    step = jnp.where(
        gamma < 2 * _DROP,
        2 * np.pi / (_DROP + gamma / 2),
        jnp.sqrt(2 * np.pi**2 / _DROP / jnp.maximum(gamma, 1)),
    )

    def term(places: ApiArray) -> ApiArray:
        v = step[..., None] * places
        squared = v * v
        decay = jnp.exp(-np.pi / 2 * v)
        value = jnp.exp(-0.5 * gamma[..., None] * squared) * 2 * decay / (1 + decay * decay)
        value = value * ((1 + squared) / 2) ** power * (squared / 2) ** moment
        return jnp.where(places == 0, value / 2, value)

    return step * lattice_sum(term, jnp.ceil(jnp.minimum(reach, narrow) / step) + 1)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _weighted(
    form: tuple[str, int, int], gamma: Float[Array, "*shape"], prior: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`V_{i,n}` (entropy or sech, i, n); log of e^{γ/2} V_{0,0}; average of f⁽ⁿ⁾ over that of f (ratio)."""
    return _averaged(form, gamma, prior)


@_weighted.defjvp
def _weighted_slope(
    form: tuple[str, int, int],
    primals: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    tangents: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (gamma, prior), (change, shift) = primals, tangents
    kind, heat, order = form

    def at(*other: ApiArray) -> ApiArray:
        return _weighted(other, gamma, prior)

    value = at(*form)
    if kind == "entropy":
        along = -0.5 * at("sech", 0, order)
        across = at("entropy", 0, order + 1) - (2 * prior - 1) * value
    elif kind == "sech":
        along = at("sech", heat + 1, order)
        across = at("sech", heat, order + 1) - (2 * prior - 1) * value
    elif kind == "log":
        along, across = 0.5 * at("ratio", 0, 2), at("ratio", 0, 1) - (2 * prior - 1)
    else:
        along = 0.5 * (at("ratio", 0, order + 2) - value * at("ratio", 0, 2))
        across = at("ratio", 0, order + 1) - value * at("ratio", 0, 1)
    return value, along * change + across / (2 * prior * (1 - prior)) * shift


@partial(jax.jit, static_argnums=0)
def _averaged(
    form: tuple[str, int, int], gamma: Float[Array, "*shape"], prior: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    kind, heat, order = form
    with inside():
        given, share = doubled(gamma, prior)
        finite = jnp.isfinite(given) & (share > 0) & (share < 1)
        known, share = jnp.where(finite, given, 1.0), jnp.where(finite, share, 0.5)
        log_odds = 0.5 * (jnp.log(share) - jnp.log1p(-share))
        sech = 2 * jnp.sqrt(share) * jnp.sqrt(1 - share)

        def average(what: str, heats: int, orders: int) -> ApiArray:
            found = _gaussian_average(what, heats, orders, known, jnp.abs(log_odds))
            return jnp.where(log_odds < 0, -found, found) if orders % 2 else found

        if kind == "log":
            value, limit = jnp.log(sech) + jnp.log(average("entropy", 0, 0)), 0.0
        elif kind == "ratio":
            value, limit = average("entropy", 0, order) / average("entropy", 0, 0), 0.0
        else:
            value, limit = sech * jnp.exp(-known / 2) * average(kind, heat, order), 0.0
        undefined = jnp.isnan(given) | ~((prior > 0) & (prior < 1))
        return jnp.where(finite, value, jnp.where(undefined, jnp.nan, limit)).astype(gamma.dtype)


def _gaussian_average(
    kind: str, heat: int, order: int, gamma: Float[Array, "*shape"], log_odds: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """`∫ N(u − λ; 0, γ) f(u) du` for λ ≥ 0, in `z = (u − λ)/√γ`."""
    root = jnp.sqrt(gamma)
    wide = np.pi**2 / (_DROP + np.pi**2 / (8 * jnp.maximum(gamma, 1e-3)))
    step = jnp.where(
        gamma < np.pi**2 / (8 * _DROP), np.sqrt(2 * np.pi**2 / _DROP), wide / jnp.where(root > 0, root, 1)
    )
    # the integrand's logarithm is concave, peaks at u = max(λ − γ, 0), and falls at least as −z²/2 from there
    peak = -jnp.minimum(root, log_odds / jnp.where(root > 0, root, 1))
    reach = np.sqrt(2 * _DROP)
    # … and as −|u| (1 − λ/γ), which is more where γ is large
    slope = root - jnp.minimum(root, log_odds / jnp.where(root > 0, root, 1))
    within = jnp.minimum(reach, (_DROP + np.log(2 * _DROP)) / jnp.where(slope > 0, slope, 1e-3))
    first = jnp.floor((peak - within) / step)

    def term(places: ApiArray) -> ApiArray:
        z = step[..., None] * (first[..., None] + places)
        u = log_odds[..., None] + root[..., None] * z
        profile = entropy_derivative(u, order) if kind == "entropy" else sech_derivative(u, heat, order)
        return jnp.exp(-0.5 * z * z) * profile

    counts = jnp.ceil((peak + within) / step) - first + 1
    return step / np.sqrt(2 * np.pi) * lattice_sum(term, counts)
