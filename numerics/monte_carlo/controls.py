"""Control variates: subtract what is known on average and varies along.

    y − β(x − E x),    β = C_yx C_xx^{-1} from a pilot sample of its own

The slopes are fixed before the first draw that counts, so the estimate is unbiased and its standard error is
that of a plain mean; slopes fitted to the same draws bias it where controls explain nearly everything.
What they leave there are rare large values, whose mean is far from normal. So the slopes are shrunk until
the third absolute moment of what they would leave is at most `THIRD_MOMENT` cubed standard deviations of what
is left in, which bounds the distance of a mean of n draws from the normal law by `O(1/√n)` (Berry-Esseen).
"""

from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import NDArray

__all__ = ["THIRD_MOMENT", "controlled", "slopes_of"]

Array: TypeAlias = NDArray[np.float64]

THIRD_MOMENT = 2.0
"""Bound of `E|r|³/σ³`, r the rest of a full regression; a normal law has 1.6."""


def slopes_of(
    rows: Float64[Array, "rows levels draws"], curves: int
) -> Float64[Array, "levels {curves} controls"]:
    """β, shape (levels, curves, controls), from a pilot's rows (curves + controls, levels, draws).

    Zero along combinations of controls that do not vary.
    """
    deviations = np.moveaxis(rows - rows.mean(-1, keepdims=True), 1, 0)
    y, x = deviations[:, :curves], deviations[:, curves:]
    spread = np.sqrt((x**2).sum(-1))
    spread = np.where(spread > 0, spread, 1)[:, :, None]
    x = x / spread
    inverse = np.linalg.pinv(x @ x.transpose(0, 2, 1), rcond=1e-9, hermitian=True)
    slopes = y @ x.transpose(0, 2, 1) @ inverse
    explained = slopes @ x
    slopes = slopes * (1 - _share_left(y - explained, explained)[..., None])
    return slopes / spread.transpose(0, 2, 1)


def _share_left(
    rest: Float64[Array, "levels curves draws"], explained: Float64[Array, "levels curves draws"]
) -> Float64[Array, "levels curves"]:
    """Share of what controls explain that stays in, to bound the third moment; over the last axis."""
    variance = np.mean(rest**2, axis=-1)
    needed = (np.mean(np.abs(rest) ** 3, axis=-1) / THIRD_MOMENT) ** (2 / 3)
    available = np.mean(explained**2, axis=-1)
    share2 = (needed - variance) / np.where(available > 0, available, np.inf)
    return np.sqrt(np.clip(share2, 0, 1))


def controlled(
    rows: Float[jax.Array | Array, "rows draws"],
    slopes: Float[jax.Array | Array, "curves controls"],
    expected: Float[jax.Array | Array, " controls"],
) -> Float[jax.Array | Array, "curves draws"]:
    """`y − β(x − E x)`, shape (curves, draws), at one level.

    `rows` is (curves + controls, draws), `slopes` (curves, controls) and `expected` (controls,).
    """
    curves, controls = slopes.shape
    found = rows[:curves]
    for index in range(controls):
        found = found - slopes[:, index, None] * (rows[curves + index] - expected[index])
    return found
