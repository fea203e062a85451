"""When a run is committed: the law of the last change of the likelier class (T19).

The half log-odds of an unguided reverse run are `dL = tanh(L) dγ + dB` from `L = λ = ½ log(w/(1−w))`:
Brownian motion weighted by `cosh(L)/cosh(λ) e^{−γ/2}`. The likelier class changes where L crosses 0, so the
last change is Brownian motion's last zero, weighted:

    ρ(γ) = c (2πγ)^{−1/2} e^{−γ/2 − λ²/2γ},                            c = 1/cosh λ = 2√(w(1−w)),
    ρ(γ; γ₀) = c (2πγ)^{−1/2} e^{−λ²/2γ} [e^{−γ₀/2} √(2/πτ) + e^{−γ/2} erf√(τ/2)],      τ = γ₀ − γ,

the second for a run that ends at γ₀. By reflection at the zero, a change in (γ, γ₀] is twice as likely as
that the likelier classes at γ and at γ₀ differ; as γ₀ → ∞ that is twice the Bayes error,

    P(a change later than γ) = 2ε(γ) = ½ c e^{−γ/2 − λ²/2γ} Σ_± erfcx((γ ± λ)/√(2γ)).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import elementwise, special

__all__ = ["commitment_density", "commitment_gamma", "commitment_tail"]

Array: TypeAlias = NDArray[np.float64]

_STEP = 1 / 100  # of the double-exponential rule: fine enough for e^{−u/2} over a thousand of γ
_NEGLIGIBLE = 1e-17  # relative to the probability
_REACH = (-4.6, 4.2)  # beyond which its terms are below 1e-17


def commitment_density(gamma: ArrayLike, prior: ArrayLike = 0.5, end: ArrayLike | None = None) -> Array:
    """Density, per unit of γ, of the last change of the likelier class of two.

    `2√(w(1−w)) (2πγ)^{−1/2} e^{−γ/2 − λ²/2γ}` with `λ = ½ log(w/(1−w))`; at `w = ½` it is χ² with one
    degree of freedom. For a run that ends at γ₀: `c (2πγ)^{−1/2} e^{−λ²/2γ} [e^{−γ₀/2} √(2/π(γ₀−γ)) +
    e^{−γ/2} erf√((γ₀−γ)/2)]`.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation `γ(σ) = δᵀ(Σ + σ²I)^{-1}δ ≥ 0`, which grows along a reverse run.
    prior : array_like, broadcast
        Probability `w` of the first class, strictly between 0 and 1.
    end : array_like, broadcast
        γ₀ > 0 at which the run ends, at least `gamma`; by default the run goes on until the class is certain.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-15 times the
    exponent; infinite at `gamma = 0` for `prior = 0.5`, and at `gamma = end`. It integrates to the
    probability of any change at all, `commitment_tail(0, prior, end)`.

    Raises
    ------
    ValueError
        A `gamma` that is negative, NaN or above `end`, an `end` that is not above 0, a prior outside (0, 1).

    References
    ----------
    T19; the last zero of Brownian motion is Lévy's arcsine law.
    """
    gamma_, odds, scale, end_ = _checked(gamma, prior, end)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bare = scale / np.sqrt(2 * np.pi * gamma_)
        shape = np.where(odds == 0, 0.0, odds * odds / (2 * gamma_))
        left = end_ - gamma_
        stopped = np.exp(-end_ / 2 - shape) * np.sqrt(2 / (np.pi * left))
        stopped = np.where(np.isinf(end_), 0.0, stopped)
        going = np.exp(-gamma_ / 2 - shape) * special.erf(np.sqrt(left / 2))
        found = np.where(np.isinf(gamma_) | np.isinf(shape), 0.0, bare * (stopped + going))
    return found[()]


def commitment_tail(gamma: ArrayLike, prior: ArrayLike = 0.5, end: ArrayLike | None = None) -> Array:
    """Probability that the likelier class of two still changes later than γ.

    `2ε(γ)`, twice the Bayes error: `2[w Φ(−(γ+λ)/√γ) + (1−w) Φ(−(γ−λ)/√γ)]`, `λ = ½ log(w/(1−w))`; at
    `w = ½` it is `erfc√(γ/2)`. At γ = 0 it is `2 min(w, 1−w)`: the likelier class never changes with
    probability `1 − 2 min(w, 1−w)`. For a run that ends at γ₀ it is twice the probability that the
    likelier classes at γ and at γ₀ differ.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation γ ≥ 0, which grows along a run.
    prior : array_like, broadcast against `gamma`
        Probability `w` of the first class, strictly between 0 and 1.
    end : array_like, optional
        γ₀ at which the run ends, at least `gamma`; infinite unless given.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Relative error about 1e-13, however deep in the tail the value is a normal double; with `end`, 1e-12.

    Raises
    ------
    ValueError
        A `gamma` that is negative, NaN or beyond `end`, or a prior outside (0, 1).

    References
    ----------
    T19. For K classes of any data, decided in the end, the probability lies between ε and 2ε.
    """
    gamma_, odds, scale, end_ = _checked(gamma, prior, end)
    found = _twice_bayes_error(gamma_, odds, scale)
    # later changes than that are changes after the end, if none came before it
    stopped = _twice_bayes_error(end_, odds, scale) > _NEGLIGIBLE * found
    if stopped.any():
        parts = zip(gamma_[stopped], odds[stopped], scale[stopped], end_[stopped], strict=True)
        found[stopped] = [_stopped_tail(*map(float, part)) for part in parts]
    return found[()]


def commitment_gamma(probability: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """The γ by which a run has made its last change of the likelier class with this probability.

    The root of `1 − 2ε(γ) = q`; 0 where `q ≤ 1 − 2 min(w, 1−w)`, the probability of no change at all.
    At `w = ½` it is χ²'s quantile, `2 erf^{−1}(q)²`.

    Parameters
    ----------
    probability : array_like
        q, at least 0 and below 1.
    prior : array_like, broadcast
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-13 in γ for `1 − q`
    as given.

    Raises
    ------
    ValueError
        A probability outside [0, 1), a prior outside (0, 1).

    References
    ----------
    T19.
    """
    q = real_numbers(probability, "probability", finite=False)
    refuse_unless((q >= 0) & (q < 1), q, "probability", "must be at least 0 and below 1")
    _, odds, scale, _ = _checked(0.0, prior, None)
    q, odds, scale = np.broadcast_arrays(q, odds, scale)
    rarer = special.expit(-2 * np.abs(odds))
    decided = q <= 1 - 2 * rarer

    def excess(gamma: Array, share: Array, odds: Array, scale: Array) -> Array:
        # two forms of one equation, each without cancellation on its side of one half
        left = _twice_bayes_error(gamma, odds, scale)
        with np.errstate(divide="ignore"):
            return np.where(share > 0.5, np.log(left) - np.log1p(-share), share - (1 - left))

    high = np.full(q.shape, 100.0) + 8 * np.abs(odds)
    with np.errstate(all="ignore"):
        found = elementwise.find_root(
            excess,
            (np.zeros(q.shape), high),
            args=(np.where(decided, 0.5 * q + 0.5, q), odds, scale),
            tolerances={"xatol": 0.0, "xrtol": 1e-15},
        )
    root = np.where(odds == 0, 2 * special.erfinv(q) ** 2, np.asarray(found.x, dtype=np.float64))
    return np.where(decided, 0.0, root)[()]


def _twice_bayes_error(gamma: Array, odds: Array, scale: Array) -> Array:
    """`2ε`, with Φ where `erfcx` would overflow: the rarer class is hardly ever recognised there."""
    size = np.abs(odds)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        root = np.sqrt(2 * gamma)
        tilt = np.exp(-gamma / 2 - np.where(size == 0, 0.0, size * size / (2 * gamma)))
        of_likelier = scale * tilt / 2 * special.erfcx((gamma + size) / root)
        behind = (gamma - size) / root
        ahead: Array = scale * tilt / 2 * special.erfcx(behind)
        missed: Array = special.expit(-2 * size) * special.erfc(behind)
        of_rarer = np.where(behind > 0, ahead, missed)
        found = np.where(np.isnan(of_likelier), 0.0, of_likelier) + np.where(
            np.isnan(of_rarer), 0.0, of_rarer
        )
    certain = np.isinf(gamma)
    return np.where(certain, 0.0, np.where(gamma == 0, 2 * special.expit(-2 * size), found))


def _stopped_tail(gamma: float, odds: float, scale: float, end: float) -> float:
    """`∫_γ^{γ₀} ρ(u; γ₀) du` by the double-exponential rule, for which the ends may be singular.

    `u = γ + (γ₀ − γ) x` with x and 1 − x both known to full precision.
    """
    width = end - gamma
    if width == 0:
        return 0.0
    v = np.arange(_REACH[0], _REACH[1], _STEP)
    turn = np.pi / 2 * np.sinh(v)
    x, rest = special.expit(2 * turn), special.expit(-2 * turn)
    weight = _STEP * np.pi * np.cosh(v) * x * rest
    u, left = gamma + width * x, width * rest
    shape = odds * odds / (2 * u)
    stopped = np.exp(-end / 2 - shape) * np.sqrt(2 / (np.pi * left))
    going = np.exp(-u / 2 - shape) * special.erf(np.sqrt(left / 2))
    return float(scale * width * np.sum(weight * (stopped + going) / np.sqrt(2 * np.pi * u)))


def _checked(gamma: ArrayLike, prior: ArrayLike, end: ArrayLike | None) -> tuple[ApiArray, ...]:
    """Broadcast γ, `λ`, `c = 2√(w(1−w))` and γ₀, infinite for a run without an end."""
    gamma_, prior_ = real_numbers(gamma, "gamma", finite=False), real_numbers(prior, "prior", finite=False)
    end_ = np.array(np.inf) if end is None else real_numbers(end, "end", finite=False)
    refuse_unless(gamma_ >= 0, gamma_, "gamma", "must be a number >= 0")
    refuse_unless((prior_ > 0) & (prior_ < 1), prior_, "prior", "must lie strictly between 0 and 1")
    refuse_unless(end_ > 0, end_, "end", "must be above 0")
    refuse_unless(gamma_ <= end_, gamma_, "gamma", "must be at most the end of the run")
    odds = 0.5 * (np.log(prior_) - np.log1p(-prior_))
    scale = 2 * np.sqrt(prior_) * np.sqrt(1 - prior_)
    return tuple(np.broadcast_arrays(gamma_, odds, scale, end_))
