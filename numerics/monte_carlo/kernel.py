"""What every kernel is: arrays that are prepared once, one stride drawn from them, and what its numbers mean.

arrays = kernel.init(mixture, sigma, groups)       # NumPy arrays in a NamedTuple, a pytree of JAX
values = kernel.draw(key, arrays)                  # (curves, levels, STRIDE), inside JAX's programs
scale  = kernel.scale(mixture, arrays, dtype, choices)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import jax
import numpy as np
from numpy.typing import NDArray

from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["Kernel", "Scale"]

Array = NDArray[np.float64]
P = TypeVar("P")


class Scale(NamedTuple):
    """What a kernel's numbers are worth, in nats, and how far they can be trusted.

    `unit` of the curves and `rounding`, the relative error of the arithmetic, broadcast to (levels,);
    `largest` (levels,) is the largest entropy, in nats, that one draw with its weight can have.
    """

    unit: Array | float
    rounding: Array | float
    largest: Array


@dataclass(frozen=True)
class Kernel(Generic[P]):
    """How curves of a mixture are drawn; `double` says whether in double precision unless asked otherwise."""

    init: Callable[[GaussianMixture, Array, Array | None], P]
    draw: Callable[[jax.Array, P], jax.Array]
    scale: Callable[[GaussianMixture, P, str, int], Scale]
    double: bool
