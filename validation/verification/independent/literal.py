"""Definitions integrated literally in multiple precision: slow, and sharing nothing with what they check.

`binary_quadrature`, beside it, is the quick route for the binary channel; these reach the ends of double
precision, and are what the map of relative errors in the documentation is measured by.
"""

import mpmath

from ....theory._support.aliases import Precise

__all__ = ["binary_entropy", "orthogonal_entropy", "scales_entropy"]

mp: Precise = mpmath.mp


def binary_entropy(gamma: float, prior: float = 0.5, digits: int = 40) -> Precise:
    """`H(γ)` in nats: the expected surprise of each class, in pieces that are short where the odds turn."""
    with mp.workdps(digits):
        g, w = mp.mpf(gamma), mp.mpf(prior)
        bias, total = mp.log(w / (1 - w)), mp.mpf(0)
        for weight, sign in ((w, 1), (1 - w, -1)):

            def integrand(z: Precise, sign: int = sign) -> Precise:
                density = mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)
                return density * mp.log1p(mp.exp(-2 * g - sign * bias - 2 * mp.sqrt(g) * z))

            reach = 80 + 2 * int(4 * mp.sqrt(g))
            pieces = [mp.mpf(x) / 2 for x in range(-reach, 81)]
            turn, scale = -mp.sqrt(g) - sign * bias / (2 * mp.sqrt(g)), 1 / (2 * mp.sqrt(g))
            near = [turn + j * scale for j in range(-60, 61)] if scale < 1 and abs(turn) < reach / 2 else []
            total += weight * mp.quad(integrand, sorted(pieces + near))
        return total


def orthogonal_entropy(g: float, classes: float, digits: int = 60) -> Precise:
    """T13 as stated, `∫ [e^{−e^v} − ψ(v+g) ψ(v)^{K−1}] dv − g`, by the trapezoidal rule."""
    with mp.workdps(digits):
        g_, k = mp.mpf(g), mp.mpf(classes)
        step = mp.mpf("0.15")
        step_z = min(mp.mpf("0.3"), step / mp.sqrt(g_))
        z = [j * step_z for j in range(-int(17 / step_z) - 1, int(17 / step_z) + 2)]
        p = [mp.exp(-x * x / 2) * step_z / mp.sqrt(2 * mp.pi) for x in z]
        shifts = [mp.exp(mp.sqrt(g_) * x) for x in z]

        def psi(v: object) -> Precise:
            scale = mp.exp(v)
            return mp.fsum(w * mp.exp(-scale * shift) for w, shift in zip(p, shifts, strict=True))

        first = int((-g_ / 2 - mp.log(k) - 60 - 8 * mp.sqrt(g_)) / step)
        last = int((5 + 12 * mp.sqrt(g_)) / step) + 1
        terms = (
            mp.exp(-mp.exp(j * step)) - psi(j * step + g_) * psi(j * step) ** (k - 1)
            for j in range(first, last)
        )
        return step * mp.fsum(terms) - g_


def scales_entropy(
    first: float, second: float, dimension: int, prior: float = 0.5, digits: int = 40
) -> tuple[Precise, Precise]:
    """Entropy and `1 − φ` of two centred classes `N(0, S_k I)`, as integrals over log r²."""
    with mp.workdps(digits):
        s, w = (mp.mpf(first), mp.mpf(second)), (mp.mpf(prior), 1 - mp.mpf(prior))
        half, entropy, disagreement = mp.mpf(dimension) / 2, mp.mpf(0), mp.mpf(0)
        for own, other in ((0, 1), (1, 0)):
            gain = mp.log(w[other] / w[own]) + half * mp.log(s[own] / s[other])
            steepness = s[own] * (1 / s[other] - 1 / s[own]) / 2

            def log_odds(y: object, gain: object = gain, steepness: object = steepness) -> Precise:
                return gain - steepness * mp.exp(y)

            def density(y: object) -> Precise:
                return mp.exp(half * y - mp.exp(y) / 2 - half * mp.log(2) - mp.loggamma(half))

            def surprise(y: Precise, f: Precise = density, odds: Precise = log_odds) -> Precise:
                return f(y) * mp.log1p(mp.exp(odds(y)))

            def wrong(y: Precise, f: Precise = density, odds: Precise = log_odds) -> Precise:
                return f(y) / (1 + mp.exp(-odds(y)))

            limits = _around(mp.log(gain / steepness), half)
            entropy += w[own] * mp.quad(surprise, limits)
            disagreement += w[own] * mp.quad(wrong, limits)
        return entropy, disagreement


def _around(turn: Precise, half: Precise) -> list[Precise]:
    """Ends of intervals that are short near where the odds turn and near the bulk of `log χ²`."""
    steps = [sign * mp.mpf(2) ** (mp.mpf(k) / 2) for sign in (-1, 1) for k in range(-24, 13)]
    bulk = [mp.log(2 * half) + mp.mpf(j) / (2 * mp.sqrt(half)) for j in range(-16, 17)]
    near = [turn - 12, turn - 28, turn - 40, turn - 52, turn - 80, *(turn + step for step in steps)]
    return sorted([turn, *near, *bulk])
