"""A reverse run as Wald's sequential test: when a posterior first reaches a level (T20).

The half log-odds `dL = tanh(L) dγ + dB` start at `λ = ½ log(w/(1−w))` and the likelier class's posterior is p
where `|L| = a = ½ log(p/(1−p))`. Brownian motion weighted by `cosh(L)/cosh(λ) e^{−γ/2}` has the transform

    E e^{−θγ} = [cosh a / cosh(a√(1+2θ))] / [cosh λ / cosh(λ√(1+2θ))],

a quotient: what a run needs from λ to a is independent of what one needs from 0 to |λ|. Hence cumulants
subtract:

    E γ = a tanh a − λ tanh λ,      Var γ = v(a) − v(λ),    v(x) = x tanh x − x² sech² x.

With `1/cosh(as) = 2 Σ (−1)^k e^{−(2k+1)as}` the law is a sum over reflected starting points, each an inverse
Gaussian law at a distance D; with the poles of `1/cosh(as)` it is one over modes that decay in γ/a²:

    P(γ > g) = (cosh a/cosh λ) Σ_{k≥0} (−1)^k Σ_± e^{−D} P(IG_D > g),              D = (2k+1)a ∓ λ,
             = (cosh a/cosh λ) Σ_{n≥0} (−1)^n (q_n/a) cos(q_n λ) e^{−(1+q_n²)g/2} 2/(1+q_n²),   q_n =
             (2n+1)π/2a.

Each converges in a few terms on its side of `g = a²/2`.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import special

__all__ = [
    "first_passage_density",
    "first_passage_gamma",
    "first_passage_tail",
    "first_passage_transform",
    "first_passage_variance",
]

Array: TypeAlias = NDArray[np.float64]

_TERMS = 14  # of either series; what follows is below e^{−2a·14}, or smaller
_SHORT = 2.0  # a below which the reflections do not fall by themselves, and the tail is no small number
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_NEAR = 0.5  # a distance of λ and a below which the variance is integrated and not subtracted


def first_passage_gamma(p: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Mean of the γ at which the posterior of one of two classes first reaches p.

    `E γ = a tanh a − λ tanh λ`, `a = ½ log(p/(1−p))`, `λ = ½ log(w/(1−w))`. At that time the run ends in
    that class with probability exactly p.

    Parameters
    ----------
    p : array_like, any shape
        The posterior to be reached, from ½ to below 1.
    prior : array_like, broadcast
        Probability `w` of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-14; 0 where the
    likelier class has p from the start.

    Raises
    ------
    ValueError
        A `p` outside [½, 1), a prior outside (0, 1).

    References
    ----------
    T20; Wald, Sequential Analysis, 1947.
    """
    posterior, over, level, start, gap = _checked(p, prior)
    # (a − λ) tanh a + λ (tanh a − tanh λ), in which nothing cancels
    found = gap * (2 * posterior - 1) + start * 2 * over
    return np.where(level > start, found, 0.0)[()]


def first_passage_variance(p: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Variance of the γ at which the posterior of one of two classes first reaches p.

    `v(a) − v(λ)`, `v(x) = x tanh x − x² sech² x`, with a and λ half the log-odds of p and of the prior.

    Parameters
    ----------
    p : array_like, any shape
        Posterior, at least that of the likelier class and below 1.
    prior : array_like, broadcast against `p`
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Precision as of `first_passage_gamma`.

    Raises
    ------
    ValueError
        A `p` outside [½, 1), a prior outside (0, 1).

    References
    ----------
    T20.
    """
    _, _, level, start, gap = _checked(p, prior)
    middle = start + gap / 2
    # v′(x) = ½ sech² x (sinh 2x − 2x) + 2x² sech² x tanh x
    slopes = [_variance_slope(middle + gap / 2 * node) for node in _NODES]
    near = gap / 2 * np.tensordot(_WEIGHTS, np.stack(slopes), 1)
    found = np.where(gap < _NEAR, near, _variance(level) - _variance(start))
    return np.where(level > start, found, 0.0)[()]


def first_passage_transform(theta: ArrayLike, p: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Laplace transform `E e^{−θγ}` of the γ at which the posterior of one of two classes first reaches p.

    `[cosh a / cosh(a√(1+2θ))] [cosh(λ√(1+2θ)) / cosh λ]`, for real `θ ≥ −½`.

    Parameters
    ----------
    theta : array_like, broadcast
        θ ≥ −½, per unit of γ.
    p, prior : array_like, broadcast
        As of `first_passage_gamma`.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-14.

    Raises
    ------
    ValueError
        `theta` that is not finite or below −½; `p` outside [½, 1), a prior outside (0, 1).

    References
    ----------
    T20.
    """
    rate = real_numbers(theta, "theta")
    refuse_unless(rate >= -0.5, rate, "theta", "must be at least -1/2")
    _, _, level, start, gap = _checked(p, prior)
    root = np.sqrt(1 + 2 * rate)
    # cosh x = ½ e^x (1 + e^{−2x}); 1 − root without cancellation near θ = 0
    lead = np.exp(-gap * (2 * rate) / (1 + root))
    found = lead * _folded(level) * _folded(start * root) / (_folded(level * root) * _folded(start))
    return np.where(level > start, found, 1.0)[()]


def first_passage_density(gamma: ArrayLike, p: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Density, per unit of γ, of the γ at which the posterior of one of two classes first reaches p.

    `(cosh a/cosh λ) Σ_k (−1)^k Σ_± D (2πγ³)^{−1/2} e^{−D − (γ−D)²/2γ}`, `D = (2k+1)a ∓ λ`; for γ > a²/2
    its other form, a sum over modes. A run guided by `ω = 1` from λ to a class has one term, an inverse
    Gaussian law of mean and variance `D = a − λ`.

    Parameters
    ----------
    gamma : array_like, broadcast
        γ > 0.
    p, prior : array_like, broadcast
        As of `first_passage_gamma`; `p` above `max(w, 1−w)`, for a run that starts at p has no density.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-12 while the prior is
    further than that from p.

    Raises
    ------
    ValueError
        A `gamma` that is not above 0, a `p` outside (max(w, 1−w), 1), a prior outside (0, 1).

    References
    ----------
    T20.
    """
    return _law(gamma, p, prior, tail=False)


def first_passage_tail(gamma: ArrayLike, p: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """Probability that the posterior of neither of two classes has reached p by γ.

    The integral over later γ of `first_passage_density`, term by term.

    Parameters
    ----------
    gamma : array_like, any shape
        γ ≥ 0; 0 gives 1.
    p : array_like, broadcast against `gamma`
        Posterior, above the prior of the likelier class and below 1.
    prior : array_like, broadcast against `gamma`
        Probability of the first class, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Relative error about 1e-12 while the prior is further than that from p.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN, a `p` outside (max(w, 1−w), 1), a prior outside (0, 1).

    References
    ----------
    T20.
    """
    return _law(gamma, p, prior, tail=True)


def _law(gamma: ArrayLike, p: ArrayLike, prior: ArrayLike, tail: bool) -> Array:
    g = real_numbers(gamma, "gamma", finite=False)
    refuse_unless(g >= 0 if tail else g > 0, g, "gamma", f"must be a number {'>= 0' if tail else '> 0'}")
    _, _, level, start, gap = _checked(p, prior)
    refuse_unless(level > start, real_numbers(p, "p"), "p", "must be above the prior of the likelier class")
    g, level, start, gap = np.broadcast_arrays(g, level, start, gap)
    with np.errstate(all="ignore"):
        early = _reflections(g, level, start, gap, tail)
        late = _modes(g, level, start, gap, tail)
    late = np.where(np.isinf(g), 0.0, late)
    found = np.where(2 * g < level * level, early, late)
    return np.where(g == 0, 1.0, found)[()] if tail else found[()]


def _reflections(g: Array, level: Array, start: Array, gap: Array, tail: bool) -> Array:
    """The sum over reflected starting points, with `cosh a/cosh λ = e^{a−λ} (1+e^{−2a})/(1+e^{−2λ})`."""
    ratio = _folded(level) / _folded(start)
    short = level < _SHORT
    total = np.zeros(g.shape)
    for k in range(_TERMS):
        # distances to the nearer and to the farther end, and what e^{a−λ} leaves of e^{−D}
        for distance, rest in (
            (2 * k * level + gap, -2 * k * level),
            (2 * k * level + level + start, -2 * k * level - 2 * start),
        ):
            term = _passed(g, distance, rest, short) if tail else _inverse_gaussian(g, distance, rest)
            total += (-1) ** k * term
    return np.where(short, 1 - ratio * total, ratio * total) if tail else ratio * total


def _inverse_gaussian(g: Array, distance: Array, rest: Array) -> Array:
    """`e^rest` times the density of the inverse Gaussian law of mean and variance `distance`."""
    spread = np.exp(rest - (g - distance) ** 2 / (2 * g))
    return distance * spread / (np.sqrt(2 * np.pi * g) * g)


def _passed(g: Array, distance: Array, rest: Array, before: NDArray[np.bool_]) -> Array:
    """`e^rest` times the probability, under that law, of at most g where `before`, and of more elsewhere."""
    root = np.sqrt(2 * g)
    spread = np.exp(rest - (g - distance) ** 2 / (2 * g))
    side = np.where(before, 1.0, -1.0)
    ahead = side * (distance - g) / root
    far: Array = spread * special.erfcx(ahead)
    close: Array = np.exp(rest) * special.erfc(ahead)
    mirrored: Array = spread * special.erfcx((g + distance) / root)
    return 0.5 * (np.where(ahead > 0, far, close) + side * mirrored)


def _modes(g: Array, level: Array, start: Array, gap: Array, tail: bool) -> Array:
    """The sum over modes, each `(−1)ⁿ cos(q_n λ) = sin(q_n (a − λ))`."""
    total = np.zeros(g.shape)
    for n in range(_TERMS):
        q = (2 * n + 1) * np.pi / (2 * level)
        term = q / level * np.sin(q * gap) * np.exp(gap - (1 + q * q) * g / 2)
        total += term * 2 / (1 + q * q) if tail else term
    return total * _folded(level) / _folded(start)


def _folded(x: Array) -> Array:
    """`1 + e^{−2x}`."""
    return 1 + np.exp(-2 * x)


def _variance(x: Array) -> Array:
    """`x tanh x − x² sech² x`."""
    return x * np.tanh(x) - (x / np.cosh(x)) ** 2


def _variance_slope(x: Array) -> Array:
    bent = np.where(x < 0.5, _sinh_excess(2 * np.minimum(x, 0.5)), np.sinh(2 * x) - 2 * x)
    return (bent / 2 + 2 * x * x * np.tanh(x)) / np.cosh(x) ** 2


def _sinh_excess(x: Array) -> Array:
    """`sinh x − x` for x up to 1, by its series."""
    term = x**3 / 6
    total = np.zeros_like(term)
    for n in range(4, 22, 2):
        total = total + term
        term = term * x * x / (n * (n + 1))
    return total


def _checked(p: ArrayLike, prior: ArrayLike) -> tuple[ApiArray, ...]:
    """Broadcast p, its excess over the likelier prior, a, |λ|, and their difference, precise where small."""
    posterior, w = real_numbers(p, "p", finite=False), real_numbers(prior, "prior", finite=False)
    refuse_unless((posterior >= 0.5) & (posterior < 1), posterior, "p", "must be at least 1/2 and below 1")
    refuse_unless((w > 0) & (w < 1), w, "prior", "must lie strictly between 0 and 1")
    posterior, w = np.broadcast_arrays(posterior, w)
    rarer = np.where(w > 0.5, 1 - w, w)
    likelier = np.where(w > 0.5, w, 1 - w)
    level, start = 0.5 * special.logit(posterior), 0.5 * np.abs(special.logit(w))
    over = np.where(w > 0.5, posterior - w, w - (1 - posterior))  # exact where it is small
    with np.errstate(all="ignore"):
        near = 0.5 * (np.log1p(over / likelier) - np.log1p(-over / rarer))
    gap = np.where(np.abs(over) < 0.5 * rarer, near, level - start)
    # above, by p and w themselves: λ of a tiny w is that of a p which rounds to 1
    return posterior, over, np.where(over > 0, start + gap, 0.0), np.where(over > 0, start, 0.0), gap
