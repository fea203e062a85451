"""Randomised quasi-Monte Carlo for the `reduced` method: smooth integrands in K − 1 dimensions.

Every class has its own scrambled Sobol' sets of y and enters with its weight, because choosing a class at
each point would make the integrand jump. `REPLICATES` scramblings are independent and unbiased, so

    standard error = √(Σ_r (v_r − v̄)² / ((R − 1) R)),    v_r the mean of replicate r.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from .sampling import Estimate, Progress
from .shared_covariance import reduced_at
from .statistics import statistics

__all__ = ["REPLICATES", "estimate"]

Array: TypeAlias = NDArray[np.float64]

REPLICATES = 16
"""Independent scramblings."""
_BLOCK = 256  # points evaluated at once


def estimate(
    parameters: dict[str, Any], samples: int, key: int, progress: Progress | None = None
) -> Estimate:
    """Mean and standard error of `reduced`'s statistics from at least `samples` points times classes."""
    _, classes, rank = parameters["roots"].shape
    wanted = max(samples / (REPLICATES * classes), 1)
    points = 2 ** int(np.ceil(np.log2(wanted)))  # Sobol' sets are balanced at powers of two
    means: list[Array] = []
    for replicate in range(REPLICATES):
        y = np.stack([_normal_points(rank, points, [key, replicate, k]) for k in range(classes)])
        blocks = y.reshape(classes, -1, min(points, _BLOCK), rank)
        values = _mean(jnp.asarray(blocks, parameters["roots"].dtype), parameters)
        means.append(np.asarray(values, dtype=np.float64))
        if progress is not None:
            progress((replicate + 1) * points * classes, REPLICATES * points * classes)
    stacked = np.stack(means)
    error = stacked.std(axis=0, ddof=1) / np.sqrt(REPLICATES)
    return Estimate(stacked.mean(axis=0), error, REPLICATES * points * classes)


def _normal_points(rank: int, points: int, seed: list[int]) -> Array:
    """A scrambled Sobol' set mapped to standard normal coordinates, shape (points, rank)."""
    uniform = qmc.Sobol(rank, scramble=True, rng=np.random.default_rng(seed)).random(points)
    # a scrambled point can be 0 only by rounding; the middle of its cell is as good
    return special.ndtri(np.maximum(uniform, 2.0**-33))


@jax.jit
def _mean(blocks: Any, parameters: dict[str, Any]) -> Any:
    """Average over points and, with their weights, over classes; shape (3, levels)."""
    weights = jnp.exp(parameters["log_weights"])
    forms, noise, groups = (parameters[name] for name in ("forms", "noise", "groups"))

    def one_class(indexed: Any) -> Any:
        index, own_blocks = indexed

        def one_block(y: Any) -> Any:
            logits = reduced_at(y, jnp.full(y.shape[0], index), parameters)
            return statistics(logits, forms, noise, groups).mean(0)

        return jax.lax.map(one_block, own_blocks).mean(0)

    return jnp.tensordot(weights, jax.lax.map(one_class, (jnp.arange(weights.size), blocks)), 1)
