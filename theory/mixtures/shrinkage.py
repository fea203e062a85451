"""Shrinkage of a covariance towards a multiple of the identity, `(1 − ρ) S + ρ μ I`, `μ = tr S / d`.

Ledoit and Wolf's intensity minimises the expected squared Frobenius error. For n centred rows r_i in d
dimensions, `S = Σ r_i r_iᵀ / n`:

    ρ = min(b, a)/a,   a = ‖S‖² − (tr S)²/d,   b = (Σ|r_i|⁴/n − ‖S‖²)/n.

Three sums over the rows are enough, so it costs nothing to follow them in a stream.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.real_numbers import real_number

__all__ = ["checked_shrinkage", "ledoit_wolf"]

Array: TypeAlias = NDArray[np.float64]

LEDOIT_WOLF = "ledoit-wolf"


def ledoit_wolf(rows: int, dimension: int, trace: float, square: float, fourth: float) -> float:
    """ρ in [0, 1] from n, d, `tr S`, `‖S‖²` (Frobenius) and the mean of `|r|⁴`.

    Zero where S is a multiple of the identity already.

    References
    ----------
    LW04.
    """
    spread = square - trace**2 / dimension
    noise = max((fourth - square) / rows, 0.0)
    # what rounding leaves of a spread of zero is none
    if not spread > 4 * float(np.finfo(np.float64).eps) * square:
        return 0.0
    return min(noise, spread) / spread


def checked_shrinkage(shrinkage: object) -> float | None:
    """A given intensity, 0 for `None`; `None` for Ledoit and Wolf's; `ValueError` for anything else."""
    if isinstance(shrinkage, str):
        if shrinkage == LEDOIT_WOLF:
            return None
        raise ValueError(f"shrinkage: {shrinkage!r} is not {LEDOIT_WOLF!r}, a number from 0 to 1, or None")
    if shrinkage is None:
        return 0.0
    value = real_number(shrinkage, "shrinkage")
    if not 0 <= value <= 1:
        raise ValueError(f"shrinkage: must be from 0 to 1, not {value:g}")
    return value
