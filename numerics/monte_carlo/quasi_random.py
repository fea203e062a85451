"""Randomised quasi-Monte Carlo for the `reduced` method: K − 1 normal coordinates and the choice of a centre.

`REPLICATES` scramblings of one Sobol' set are independent and unbiased; the mean of each is one sample.
"""

from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Float, Float64, UInt32
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from .._support.jax_settings import own_settings
from .._support.seeds import Key, seed_of, stream
from .moments import Moments
from .shared_covariance import Parameters, reduced_at
from .strides import Estimate, Joint, Progress

__all__ = ["REPLICATES", "estimate"]

Array: TypeAlias = NDArray[np.float64]

REPLICATES = 32
"""Independent scramblings."""
_BLOCK = 256  # points evaluated at once


def estimate(
    parameters: Parameters,
    samples: int,
    key: Key,
    progress: Progress | None = None,
    joint: Joint | None = None,
) -> Estimate:
    """Mean and standard error of `reduced`'s curves from at least `samples` points."""
    levels = parameters.levels
    rank, dtype = levels.roots.shape[-1], levels.roots.dtype
    if rank == 1:
        # one smooth dimension is integrated better than any control could: what it leaves is rough
        parameters = parameters._replace(levels=levels._replace(slopes=np.zeros_like(levels.slopes)))
    # Sobol' sets are balanced at powers of two
    seed = seed_of(key)
    points = 2 ** int(np.ceil(np.log2(max(samples / REPLICATES, 1))))
    means: list[Array] = []
    for replicate in range(REPLICATES):
        y, bits = _points(rank, points, stream(seed, replicate))
        block = min(points, _BLOCK)
        blocks = y.reshape(-1, block, rank).astype(dtype)
        with own_settings(double=dtype == np.float64):
            means.append(np.asarray(_mean(blocks, bits.reshape(-1, block), parameters), dtype=np.float64))
        if progress is not None:
            progress((replicate + 1) * points, REPLICATES * points)
    moments = Moments.of(np.stack(means), *(joint or (0, None)))
    return Estimate(
        moments.mean, moments.standard_error, REPLICATES * points, moments.covariance, moments.count
    )


def _points(
    rank: int, points: int, seed: list[int]
) -> tuple[Float64[Array, "points rank"], UInt32[NDArray[np.uint32], " points"]]:
    """A scrambled Sobol' set as standard normal coordinates (points, rank) and 32 bits (points,)."""
    uniform = qmc.Sobol(rank + 1, scramble=True, rng=np.random.default_rng(seed)).random(points)
    # a scrambled point can be 0 only by rounding; the middle of its cell is as good
    y = special.ndtri(np.maximum(uniform[:, 1:], 2.0**-33))
    return y, np.minimum(uniform[:, 0] * 2.0**32, 2.0**32 - 1).astype(np.uint32)


@jax.jit
def _mean(
    blocks: Float[jax.Array, "blocks points rank"],
    bits: UInt32[jax.Array, "blocks points"],
    parameters: Parameters,
) -> Float[jax.Array, "3 levels"]:
    """Average of the curves over the points, shape (3, levels)."""
    each = jax.lax.map(lambda block: reduced_at(block[0], block[1], parameters).mean(-1), (blocks, bits))
    return each.mean(0)
