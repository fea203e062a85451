"""Means of `log(1 + e^U)` to full relative precision, however small: the upper bounds of T14 and T18.

Since `∫ e^{−su} log(1 + e^u) du = π/(s sin πs)` for 0 < s < 1, U = a + V with `K(s) = log E e^{sV}` has

    E log(1 + e^U) = (1/2πi) ∫_{c−i∞}^{c+i∞} π/(s sin πs) e^{sa + K(s)} ds,      0 < c < 1.

On the real axis the integrand is positive and convex; through its least value, the saddle, nothing cancels.
For a > 0 and a V that is symmetric, `log(1 + e^U) = U + log(1 + e^{−U})` leaves the mean of the second.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import ApiArray
from .._support.untyped import optimize

__all__ = ["softplus_mean"]

Array: TypeAlias = NDArray[np.float64]

_DROP = 40.0  # natural logarithm of the relative size of what is left out
_EDGE = 1e-9  # closest approach of the saddle to the poles at 0 and 1
_HIGHEST = 14.0  # frequency beyond which the kernel, which decays as e^{−π|Im s|}, is below e^{−40}
_LEAST = -745.0  # logarithm of the least positive double


def softplus_mean(offset: float, log_mgf: Callable[[ApiArray], ApiArray]) -> float:
    """`E log(1 + e^{a + V})` for a symmetric random V.

    Parameters
    ----------
    offset : float
        a.
    log_mgf : callable
        `K(s) = log E e^{sV}`, of complex arrays with 0 < Re s < 1, real on the real axis.

    Returns
    -------
    Relative error about 1e-13; 0 where the mean is below the least positive double.

    References
    ----------
    T14, T18; the transform is that of T24.
    """
    if offset > 0:
        return offset + softplus_mean(-offset, log_mgf)

    def exponent(s: ApiArray) -> ApiArray:
        return np.log(np.pi / (s * np.sin(np.pi * s))) + s * offset + log_mgf(s)

    def on_axis(s: float) -> float:
        return complex(exponent(s)).real

    bounds = (_EDGE, 1 - _EDGE)
    saddle = float(
        optimize.minimize_scalar(on_axis, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    )
    least = on_axis(saddle)
    if least < _LEAST - _DROP:
        return 0.0
    step = _step(on_axis, saddle, least)
    last = _HIGHEST
    while last > 8 * step and complex(exponent(saddle + 0.5j * last)).real < least - _DROP:
        last /= 2
    nodes = saddle + 1j * step * np.arange(int(np.ceil(last / step)) + 1)
    values = np.exp(exponent(nodes) - least).real
    return float(step / np.pi * (values.sum() - values[0] / 2) * np.exp(least))


def _step(on_axis: Callable[[float], float], saddle: float, least: float) -> float:
    """The longest step whose error, relative to the integral, is below `e^{−40}`.

    The trapezoidal rule is off by `e^{−2πδ/step}` times the integrals along the lines at saddle ± δ, for any
    δ short of the poles at 0 and 1.
    """
    shifts = min(saddle, 1 - saddle) * 0.9 * 0.7 ** np.arange(12)
    growth = [max(on_axis(saddle + d), on_axis(saddle - d)) - least for d in shifts]
    return float(np.max(2 * np.pi * shifts / (_DROP + np.array(growth))))
