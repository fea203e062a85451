"""Moments of guided log-odds by the backward equation `∂f/∂γ = b f′ + ½ f″` in L, from smooth data.

Shares nothing with `fokker_planck`, which follows the density forwards in other coordinates, from a point.
What f is for large |L| is taken off, the rest is periodic; SciPy's eighth-order rule goes along γ.
"""

import numpy as np
from scipy import integrate, special


def moments(omega, prior, gamma, last=0.3):
    """Cross-entropy, slope and mean of L at γ, and P(L > 0) after a `last` stretch of γ in which ω = 1."""
    start, c = 0.5 * np.log(prior / (1 - prior)), 2 * omega - 1
    reach = abs(start) + max(1.0, abs(c)) * gamma + 10 * np.sqrt(gamma) + 22
    size = 2 ** int(np.ceil(np.log2(2 * reach / 0.12)))
    odds = start + (np.arange(size) - size // 2) * (2 * reach / size)
    k = np.fft.rfftfreq(size, 2 * reach / size) * 2 * np.pi
    q = special.expit(-2 * odds)
    drift, q1 = 1 + (c - 1) * q, -2 * q * (1 - q)
    q2 = -2 * q1 * (1 - 2 * q)
    along = (odds + last) / np.sqrt(last)
    bell = np.exp(-(along**2) / 2) / np.sqrt(2 * np.pi * last)

    def sources(g):
        moved = special.expit(-2 * (odds + c * g))
        return np.stack([
            -2 * moved * (drift - c - (1 - moved)),
            -2 * c * (drift * 2 * q * q1 + q1**2 + q * q2),
            g * (c - 1) * (drift * q1 + q2 / 2),
            bell * (drift - along / (2 * np.sqrt(last))),
        ])  # fmt: skip

    def slope(g, flat):
        rest = np.fft.rfft(flat.reshape(4, size))
        first = np.fft.irfft(1j * k * rest, size)
        return (drift * first + np.fft.irfft(-(k**2) / 2 * rest, size) + sources(g)).ravel()

    found = integrate.solve_ivp(slope, (0, gamma), np.zeros(4 * size), "DOP853", rtol=1e-12, atol=1e-14)
    assert found.success, found.message
    at = size // 2
    far = [np.logaddexp(0, -2 * (start + c * gamma)), -2 * c * q[at] ** 2, start + gamma * drift[at]]
    return found.y[:, -1].reshape(4, size)[:, at] + [*far, special.ndtr(along[at])]
