"""The balanced channel at small and at large γ is one function (T27), and bounds with one factor for every γ.

`1/cosh` is its own Fourier transform, so by Parseval `G(γ) = e^{γ/2} mmse(γ) = ∫ N(u; 0, γ) sech u du` obeys

    G(γ) = √(π/2γ) G(π²/4γ),

which takes T9's two series into one another. At the fixed point, γ = π/2, its derivative gives
`mmse′/mmse = −(½ + 1/2π)`. Since `½ sech u − sech³ u = ½ (sech u)″`, whose Gaussian average is G′ < 0,

    −mmse′ − ½ mmse = −e^{−γ/2} G′ > 0,      hence      mmse = ∫_γ^∞ (−mmse′) ≥ ½ ∫_γ^∞ mmse = H,

which with T10 makes `log 2 · mmse ≤ H ≤ mmse`.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.real_numbers import real_numbers, refuse_unless
from . import tilted_average
from .binary import binary_mmse

__all__ = ["binary_entropy_bounds", "dual_gamma", "scaled_mmse"]

Array: TypeAlias = NDArray[np.float64]


def scaled_mmse(gamma: ArrayLike) -> Array:
    """`G(γ) = e^{γ/2} mmse(γ)` of two classes of equal weight: `G(γ) = √(π/2γ) G(π²/4γ)`.

    Parameters
    ----------
    gamma : array_like, any shape
        γ ≥ 0; `inf` gives 0.

    Returns
    -------
    float64 array of the shape of `gamma` (a scalar for a scalar)
        Relative error about 1e-15 for every γ; nothing underflows.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN.

    References
    ----------
    T27.
    """
    levels = _levels(gamma)
    return tilted_average.gaussian_average(tilted_average.sech, levels, np.zeros(levels.shape))[()]


def dual_gamma(gamma: ArrayLike) -> Array:
    """`π²/4γ`, the γ at which `scaled_mmse` is `√(2γ/π)` times that at γ; π/2 is its own.

    Parameters
    ----------
    gamma : array_like, any shape
        γ ≥ 0; 0 and `inf` are dual.

    Returns
    -------
    float64 array of the shape of `gamma` (a scalar for a scalar)

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN.

    References
    ----------
    T27.
    """
    with np.errstate(divide="ignore"):
        return (np.pi**2 / 4 / _levels(gamma))[()]


def binary_entropy_bounds(gamma: ArrayLike) -> tuple[Array, Array]:
    """Bounds of the entropy of two classes of equal weight by the mean-square error, in nats.

    `log 2 · mmse(γ) ≤ H(γ) ≤ mmse(γ)`, within a factor of 1.44 of one another at every γ. The lower one
    is exact at γ = 0, the upper one as γ → ∞. At unequal weights `H/mmse` exceeds 1 where γ is small.

    Parameters
    ----------
    gamma : array_like, any shape
        Separation `γ ≥ 0`; `inf` is allowed.

    Returns
    -------
    lower, upper : float64 arrays of that shape (scalars for scalars), relative error about 1e-12.

    Raises
    ------
    ValueError
        A `gamma` that is negative or NaN.

    References
    ----------
    T10, T27.
    """
    mmse = binary_mmse(_levels(gamma))
    return np.log(2) * mmse, mmse


def _levels(gamma: ArrayLike) -> Array:
    levels = real_numbers(gamma, "gamma", finite=False)
    refuse_unless(levels >= 0, levels, "gamma", "must be a number >= 0")
    return levels
