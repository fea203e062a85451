"""Keyed strides of draws, their moments, and when to stop.

Draws come in strides of `STRIDE` antithetic pairs. Stride i uses `fold_in(key, i)` and is reduced on
its own to a mean and a sum of squared deviations, which are combined in order of i in double
precision. So an answer depends on the key and the number of strides, and on nothing else: not on
how many strides run at once, on how many devices, or on whether the run was interrupted.

    standard error = √(Σ (v − v̄)² / ((n − 1) n)) over n pairs, v the mean of a pair
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from numpy.typing import NDArray

__all__ = ["STRIDE", "Estimate", "Progress", "class_draws", "estimate", "normal", "strides_for"]

Array: TypeAlias = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Any, Any], Any]
Progress: TypeAlias = Callable[[int, int], None]

STRIDE = 128
"""Antithetic pairs in a stride."""
_ROUND = 32  # strides between two looks at the tolerance, per device


@dataclass(frozen=True)
class Estimate:
    """Means and standard errors, shape (3, levels), of `samples` draws."""

    mean: Array
    standard_error: Array
    samples: int


def normal(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Standard normal numbers: drawn in single precision, so that every precision sees the same draws."""
    return jax.random.normal(key, shape, jnp.float32).astype(dtype)


def class_draws(key: Any, log_weights: Any) -> Any:
    """A class for each pair of a stride, shape (STRIDE,), the same in every precision."""
    return jax.random.categorical(key, log_weights.astype(jnp.float32), shape=(STRIDE,))


def strides_for(samples: int) -> int:
    """Number of strides that hold at least `samples` draws (two to a pair)."""
    return -(-samples // (2 * STRIDE))


def estimate(
    kernel: Kernel,
    parameters: Any,
    samples: int,
    key: int,
    *,
    tolerance: float | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Average `kernel(key, parameters)`, values of shape (STRIDE, 3, levels), over strides.

    At least `samples` draws; with `tolerance`, as many more as it takes for the largest standard
    error to fall to it. `progress(done, total)` is called with numbers of draws.
    """
    least = strides_for(samples)
    mesh = Mesh(np.array(jax.devices()), ("strides",))
    # whole rounds, or fewer strides where fewer are asked for, in equal shares for the devices
    batch = mesh.size * min(_ROUND, -(-least // mesh.size))
    root = jax.random.key(key)
    means: list[Array] = []
    squares: list[Array] = []
    while True:
        total = least if tolerance is None else _strides_needed(means, squares, least, tolerance)
        if len(means) >= total:
            break
        first = len(means)
        indices = jnp.arange(first, first + batch, dtype=jnp.uint32)
        keys = jax.vmap(lambda index: jax.random.fold_in(root, index))(indices)
        keys = jax.device_put(keys, NamedSharding(mesh, P("strides")))
        mean, square = _moments(kernel, mesh, keys, parameters)
        used = min(batch, total - first)
        means.extend(np.asarray(mean, dtype=np.float64)[:used])
        squares.extend(np.asarray(square, dtype=np.float64)[:used])
        if progress is not None:
            progress(len(means) * 2 * STRIDE, total * 2 * STRIDE)
    return _combine(means, squares)


@partial(jax.jit, static_argnames=("kernel", "mesh"))
def _moments(kernel: Kernel, mesh: Mesh, keys: Any, parameters: Any) -> Any:
    """Mean and sum of squared deviations of each stride, every device on its own strides."""

    def one(key: Any) -> Any:
        values = kernel(key, parameters)
        mean = values.mean(0)
        return mean, ((values - mean) ** 2).sum(0)

    def on_device(own_keys: Any) -> Any:
        # one stride at a time stays in a processor's cache; an accelerator wants many at once
        together = 1 if mesh.devices.flat[0].platform == "cpu" else _ROUND
        return jax.lax.map(one, own_keys, batch_size=together)

    split = P("strides")
    return jax.shard_map(on_device, mesh=mesh, in_specs=split, out_specs=split, check_vma=False)(keys)


def _combine(means: list[Array], squares: list[Array]) -> Estimate:
    stacked = np.stack(means)
    mean = stacked.mean(axis=0)
    pairs = len(means) * STRIDE
    spread = np.stack(squares).sum(axis=0) + STRIDE * ((stacked - mean) ** 2).sum(axis=0)
    return Estimate(mean, np.sqrt(spread / ((pairs - 1) * pairs)), 2 * pairs)


def _strides_needed(means: list[Array], squares: list[Array], least: int, tolerance: float) -> int:
    if len(means) < least:
        return least
    worst = float(_combine(means, squares).standard_error.max())
    if worst <= tolerance:
        return len(means)
    # a little more than the 1/√n law asks for, so that the next look is usually the last
    return int(np.ceil(1.05 * len(means) * (worst / tolerance) ** 2)) + 1
