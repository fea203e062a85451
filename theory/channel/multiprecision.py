"""The binary channel to any number of digits, with mpmath.

The same tilted integrals as `tilted`, summed by the trapezoidal rule in multiple precision:

    M_n(γ, λ) = c e^{−γ/2} ∫ N(u−λ; 0, γ) sech^n(u) du,    mmse = M_1,  mmse' = −M_3.

The step follows from the number of digits, as in `tilted_average._step`'s error law.
"""

from collections.abc import Callable

from .._support.aliases import Precise
from .._support.untyped import mpmath as mp

__all__ = ["agreement", "entropy", "mmse", "moment", "odd_moment"]

_GUARD = 10  # digits carried beyond those asked for


def moment(n: int, gamma: Precise, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`M_n(γ) = c e^{−γ/2} ∫ N(u−λ; 0, γ) sech^n(u) du` to `digits` digits, an mpmath number."""
    return _tilted(lambda u: mp.sech(u) ** n, gamma, prior, digits)


def odd_moment(n: int, gamma: Precise, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`c e^{−γ/2} ∫ N(u−λ; 0, γ) sech^n(u) tanh(u) du` to `digits` digits, an mpmath number."""
    return _tilted(lambda u: mp.sech(u) ** n * mp.tanh(u), gamma, prior, digits)


def mmse(gamma: Precise, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`binary_mmse` to `digits` digits, an mpmath number."""
    return moment(1, gamma, prior, digits)


def agreement(gamma: Precise, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`clone_agreement` to `digits` digits, an mpmath number."""
    return 1 - mmse(gamma, prior, digits) / 2


def entropy(gamma: Precise, prior: Precise = 0.5, digits: int = 30) -> Precise:
    """`binary_entropy` in nats to `digits` digits, an mpmath number."""

    def profile(u: Precise) -> Precise:
        odds = mp.exp(-2 * abs(u))
        return mp.cosh(u) * (mp.log1p(odds) + 2 * abs(u) * odds / (1 + odds))

    return _tilted(profile, gamma, prior, digits)


def _tilted(profile: Callable[[Precise], Precise], gamma: Precise, prior: Precise, digits: int) -> Precise:
    with mp.workdps(digits + _GUARD):
        gamma, prior = mp.mpf(gamma), mp.mpf(prior)
        if not (gamma >= 0 and 0 < prior < 1):
            raise ValueError("gamma, prior: need gamma >= 0 and a prior strictly between 0 and 1")
        centre = mp.log(prior / (1 - prior)) / 2
        scale = 2 * mp.sqrt(prior * (1 - prior)) * mp.exp(-gamma / 2)
        if gamma == 0:
            return scale * profile(centre)
        drop = (digits + _GUARD) * mp.log(10)
        crossing = mp.pi**2 / (8 * gamma)
        step = mp.pi**2 / (drop + crossing)
        if crossing > drop:
            step = mp.pi * mp.sqrt(2 * gamma / drop)
        reach = min(mp.sqrt(2 * drop * gamma), drop + mp.log(2 * drop))
        first = int(mp.floor((min(0, centre) - reach) / step))
        last = int(mp.ceil((max(0, centre) + reach) / step))
        terms = (
            mp.exp(-((j * step - centre) ** 2) / (2 * gamma)) * profile(j * step)
            for j in range(first, last + 1)
        )
        return scale * step * mp.fsum(terms) / mp.sqrt(2 * mp.pi * gamma)
