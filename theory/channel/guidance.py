"""Guidance in the γ clock: the cross-entropy at small γ (T12), where runs end and how decided (T21).

The guided half log-odds `dL = [ω + (1 − ω) tanh L] dγ + dB` from `L = 0` have the generator

    G f = [ω + (1 − ω) tanh L] f′ + ½ f″,      H_ω(γ) = Σ_n γⁿ/n! (Gⁿ f)(0),    f = log(1 + e^{−2L}).

With `T = tanh L`, whose derivative is `1 − T²`, every Gⁿf past the first is a polynomial in T. From the prior
w of the class that is guided to, with `a = 2ω − 1 > 0`, the odds end ahead of those of ω = 1 by

    S = (ω−1)/a · {−log w + (1−w) ∫₀¹ (1 − xᵃ)/[(1 − x)(1 − wx)] dx}
      = (ω−1)/a · [ψ(a) + γ_E + log((1−w)/w) + ₂F₁(1, a; a+1; w)/a].

In the first form nothing cancels, whatever w and a. It is the first cumulant of what guidance leaves. With
`E e^{sL} → e^{(s + s²/2)γ} h(s)`, h the solution of `G f = (s + s²/2) f` that is `e^{sL}` at ∞ and bounded
at −∞,

    h(s) = (1−w)^{−s/2} w^ρ ₂F₁(½(R−a−s), ½(R+a−s); 1+R; w) Γ(1+½(R+a+s)) Γ(1+½(R−a+s)) / [Γ(1+R) Γ(1+s)],
    R = √(a² + 2s + s²),    ρ = ½(R − a),

`λ + S = (log h)′(0)`, and `lim (Var L − γ) = (log h)″(0)`.

For `ω < ½` a run guided to a class of weight w ends there with probability `w^{1−2ω}`, and otherwise surely:
`p^{1−2ω}` of its posterior p is a martingale, for any data and any number of classes.
"""

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray, Expr
from .._support.real_numbers import real_numbers, refuse_unless
from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp

__all__ = ["guided_entropy_coefficients", "guided_probability", "late_shift", "late_variance"]

Array: TypeAlias = NDArray[np.float64]

_STEP = 0.2  # of the trapezoidal rule; its error is e^{−π²/step}, the poles lie π/2 from the real line

OMEGA = sp.Symbol("omega")
TANH = sp.Symbol("T")


@cache
def guided_entropy_coefficients(order: int) -> tuple[Expr, ...]:
    """Coefficients of the cross-entropy `H_ω(γ)` of guided runs in powers of γ, balanced classes.

    The first two are `log 2` and `½ − ω`. At `ω = 1` they are those of the binary channel (T9), at `ω = 0`
    those of unconditional sampling. The series is asymptotic.

    Parameters
    ----------
    order : int
        Highest power of γ, at least 0.

    Returns
    -------
    tuple of SymPy expressions, `order + 1` of them
        Polynomials in the symbol `omega`.

    Raises
    ------
    ValueError
        A negative order.

    References
    ----------
    T12.
    """
    if order < 0:
        raise ValueError(f"order: must be >= 0, not {order}")
    image = _generator_of_surprise()
    found = [sp.log(2)]
    for n in range(1, order + 1):
        found.append(sp.expand(image.subs(TANH, 0)) / sp.factorial(n))
        image = _generator(image)
    return tuple(sp.expand(c) for c in found)


def _generator_of_surprise() -> Expr:
    """G f for `f = log(1 + e^{−2L})`: `f′ = T − 1`, `f″ = 1 − T²`."""
    return sp.expand((OMEGA + (1 - OMEGA) * TANH) * (TANH - 1) + (1 - TANH**2) / 2)


def _generator(polynomial: Expr) -> Expr:
    """G of a polynomial in T, with `d/dL = (1 − T²) d/dT`."""
    first = sp.expand((1 - TANH**2) * sp.diff(polynomial, TANH))
    second = sp.expand((1 - TANH**2) * sp.diff(first, TANH))
    return sp.expand((OMEGA + (1 - OMEGA) * TANH) * first + second / 2)


def late_shift(omega: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """`S = lim (E L − E L at ω = 1)` as γ grows: how far guidance moves the half log-odds of decided runs.

    Parameters
    ----------
    omega : array_like
        Guidance ω > ½, up to 1e100; with less some runs end in the other class and the shift is not finite.
    prior : array_like
        Weight w of the class that is guided to, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), to a relative 1e-13; the sign is that of
    `ω − 1`. The log-odds themselves move by 2S.

    Raises
    ------
    ValueError
        `omega` that is not above ½, or above 1e100; `prior` outside (0, 1).

    References
    ----------
    T21: with `p` the posterior of the class, `p^{1−2ω}` is a martingale.
    """
    weight, w = _late(omega, prior)
    a = 2 * (weight - 0.5)
    pairs = zip(a.flat, w.flat, strict=True)
    gains = np.array([_gain(float(own), float(chance)) for own, chance in pairs]).reshape(w.shape)
    return ((weight - 1) / a * gains)[()]


def late_variance(omega: ArrayLike, prior: ArrayLike = 0.5) -> Array:
    """`V = lim (Var L − γ)` as γ grows: the spread of the half log-odds that guidance leaves; 0 at ω = 1.

    `(log h)″(0)`, h the generating function of `late_shift`, in multiple precision, about 5 ms a value.
    For ω → ∞ it tends to −π²/8.

    Parameters
    ----------
    omega : array_like, any shape
        Guidance weight ω, above ½.
    prior : array_like, broadcast against `omega`
        Probability of the class that is guided to, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars)
        Relative error 1e-13.

    Raises
    ------
    ValueError
        `omega` that is not above ½, or above 1e100; `prior` outside (0, 1).

    References
    ----------
    T21.
    """
    weight, w = _late(omega, prior)
    pairs = zip(weight.flat, w.flat, strict=True)
    return np.array([_spread(float(own), float(chance)) for own, chance in pairs]).reshape(w.shape)[()]


def guided_probability(omega: ArrayLike, weight: ArrayLike) -> Array:
    """Probability that a reverse run guided to a class ends in it, for any data and number of classes.

    `w^{1−2ω}` for ω < ½, and 1 otherwise. At ω = 0 it is the class's weight.

    Parameters
    ----------
    omega : array_like
        Guidance, constant along the run: 1 is conditional, 0 unconditional sampling, less than 0 away from
        the class.
    weight : array_like, broadcast
        Weight w of the class that is guided to, strictly between 0 and 1.

    Returns
    -------
    float64 array of the broadcast shape (a scalar for scalars), relative error about 1e-15 times the
    exponent.

    Raises
    ------
    ValueError
        `omega` that is not finite; `weight` outside (0, 1).

    References
    ----------
    T21.
    """
    guidance, w = real_numbers(omega, "omega"), real_numbers(weight, "weight", finite=False)
    refuse_unless((w > 0) & (w < 1), w, "weight", "must lie strictly between 0 and 1")
    with np.errstate(over="ignore"):
        exponent = np.maximum(2 * (0.5 - guidance), 0.0)
        return np.exp(exponent * np.log(w))[()]


def _late(omega: ArrayLike, prior: ArrayLike) -> tuple[Array, Array]:
    """Broadcast ω > ½ and the prior, refusing what has no limit."""
    weight, w = real_numbers(omega, "omega", finite=False), real_numbers(prior, "prior", finite=False)
    words = "must be above 1/2 and at most 1e100 for a late shift"
    refuse_unless((weight > 0.5) & (weight <= 1e100), weight, "omega", words)
    refuse_unless((w > 0) & (w < 1), w, "prior", "must lie strictly between 0 and 1")
    weight, w = np.broadcast_arrays(weight, w)
    return weight, w


def _spread(omega: float, w: float) -> float:
    """The second derivative of `log h` at 0; with h's cancellations of `1/a³` and of large a in mind."""
    if omega == 1:
        return 0.0
    a = 2 * (mp.mpf(omega) - mp.mpf(0.5))
    digits = 40 + 4 * int(abs(mp.log10(a))) + int(-mp.log10(1 - mp.mpf(w)))
    with mp.workdps(digits):
        chance, scale = mp.mpf(w), min(a, mp.mpf(1))

        def log_moment(t: object) -> ApiArray:
            s = scale**2 * t
            root = mp.sqrt(a * a + 2 * s + s * s)
            rest = (2 * s + s * s) / (root + a)  # R − a
            series = mp.hyp2f1((rest - s) / 2, (root + a - s) / 2, 1 + root, chance)
            gammas = mp.loggamma(1 + (root + a + s) / 2) + mp.loggamma(1 + (rest + s) / 2)
            gammas -= mp.loggamma(1 + root) + mp.loggamma(1 + s)
            return (rest * mp.log(chance) - s * mp.log(1 - chance)) / 2 + mp.log(series) + gammas

        return float(mp.diff(log_moment, 0, 2) / scale**4)


def _gain(a: float, w: float) -> float:
    """`−log w + (1−w) ∫₀¹ (1 − xᵃ)/[(1 − x)(1 − wx)] dx`, as an integral over v with `x = e^{−e^v}`."""
    rest = 1 - w
    low, high = float(np.log(min(1.0, 1 / a, rest))) - 42, float(np.log(750.0))
    # not np.arange(low, high, step), whose own step is rounded
    u = np.exp(low + _STEP * np.arange((high - low) / _STEP))
    fallen, power = -np.expm1(-u), -np.expm1(-a * u)
    integral = _STEP * float(np.sum(u * np.exp(-u) * power * rest / (fallen * (rest + w * fallen))))
    return integral - float(np.log1p(-rest) if w > 0.5 else np.log(w))
