"""Classes with orthogonal means straight from the definition: the route that the checks call their own.

    H = E log Σ_k e^{ℓ_k} − g,    E log Σ = ∫ [e^{−e^v} − ψ(v + g) ψ(v)^{K−1}] dv,    ℓ_k = g δ_{k1} + √g Z_k

summed as it stands, in absolute precision, on a fine lattice of v and of √g Z, on which the mean over Z is a
convolution; `speciation.theory` never forms this difference.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["entropy", "rate_peak"]

Array = NDArray[np.float64]


def entropy(g: float, classes: float) -> float:
    """`H_K(g)` in nats, absolute error about 1e-12 for g up to 100; beyond, Z is cut too early."""
    step = min(0.05, 0.5 * np.sqrt(g))
    low, high = -g / 2 - np.log(classes) - 60 - 8 * np.sqrt(g), 8 + 10 * np.sqrt(g)
    v = low + step * np.arange(int((high - low) / step) + 1)
    powers = (1 - _missing(v + g, g, step)) * np.exp((classes - 1) * np.log1p(-_missing(v, g, step)))
    return float(step * (np.exp(-np.exp(v)) - powers).sum() - g)


def rate_peak(classes: float, low: float, high: float) -> float:
    """G that maximises `−g dH/dg`, from a polynomial through entropies at Chebyshev points of the range."""
    entropies = np.polynomial.Chebyshev.interpolate(
        np.vectorize(lambda g: entropy(float(g), classes)), 20, domain=[low, high]
    )
    g = np.polynomial.Chebyshev.identity(domain=[low, high])
    roots = (-entropies.deriv() * g).deriv().roots()
    real = roots[(np.abs(roots.imag) < 1e-6) & (roots.real > low) & (roots.real < high)].real
    return float(real[np.argmin(np.abs(real - (low + high) / 2))])


def _missing(v: Array, g: float, step: float) -> Array:
    """`1 − ψ(v) = E(1 − exp(−e^{v + √g Z}))` at all v of a lattice, short of 1."""
    reach = int(np.ceil(16 * np.sqrt(g) / step))
    z = step * np.arange(-reach, reach + 1) / np.sqrt(g)
    p = np.exp(-z * z / 2)
    shifted = v[0] + step * np.arange(-reach, v.size + reach)
    return np.minimum(np.convolve(-np.expm1(-np.exp(shifted)), p / p.sum(), "valid"), 1 - 1e-16)
