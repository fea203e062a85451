"""Keyed strides of draws, when to stop, and how to go on after an interruption.

Draws come in strides of `STRIDE` antithetic pairs. Stride i uses `fold_in(key, i)` and is reduced on
its own to means, squared deviations and products of deviations between levels, which are combined in order
of i in double precision. So an answer depends on the key and the number of strides, and on nothing else: not
on how many strides run at once, on how many devices or processes, or on whether the run was interrupted.
Every device runs the program of one device by itself, because one that a compiler divides is rounded in other
places.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from jax.typing import DTypeLike
from jaxtyping import Float, Float64, Int, UInt32
from numpy.typing import NDArray

from ...theory._support.archives import AnyArray
from ...theory._support.values import ByContent
from .._support.devices import check_devices
from .._support.jax_settings import own_settings
from .._support.seeds import Key, key_words, seed_of
from .finished_draws import FinishedDraws
from .moments import Moments

__all__ = [
    "SINGLE_LIMIT",
    "STRIDE",
    "Estimate",
    "Joint",
    "Progress",
    "check_resolution",
    "class_draws",
    "estimate",
    "in_precision",
    "largest_of",
    "normal",
    "strides_for",
]

P = TypeVar("P")
T = TypeVar("T")

Array: TypeAlias = NDArray[np.float64]
Kernel: TypeAlias = Callable[[jax.Array, P], jax.Array]
Progress: TypeAlias = Callable[[int, int], None]
Sums: TypeAlias = tuple[NDArray[np.floating], ...]
"""Of strides (strides, curves, levels): means, squared deviations and, where they are kept, products."""

STRIDE = 128
"""Antithetic pairs in a stride."""
SINGLE_LIMIT = 1e18
"""Largest number whose square single precision holds with room to spare."""
_FARTHEST2 = 1e13  # log-odds are then known to about 1e-3
_ROUND = 32  # strides between two looks at the tolerance, and the most that a device takes at once
_QUICK = 1e9  # multiplications that take well below a second
_SECONDS = 1.0  # that a round is to take, so that little is lost with it


class Joint(NamedTuple):
    """Of which values the covariance is kept: the first `curves`, at the levels numbered `places`."""

    curves: int
    places: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Estimate(ByContent):
    """Means and standard errors, shape (curves, levels), of `samples` draws.

    `covariance` is that of the means of the first curves at some levels, from `units` independent ones.
    """

    mean: Float64[Array, "curves levels"]
    standard_error: Float64[Array, "curves levels"]
    samples: int
    covariance: Float64[Array, "kept places kept places"] | None = None
    units: int = 0


Tolerance: TypeAlias = float | Array | Callable[[Estimate], float]
"""A standard error, one of each (curves, levels), or how many times too large the largest is."""


def normal(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> Float[jax.Array, "..."]:
    """Standard normal numbers: drawn in single precision, so that every precision sees the same draws."""
    return jax.random.normal(key, shape, jnp.float32).astype(dtype)


def in_precision(parameters: P, dtype: str) -> P:
    """Parameters with real arrays in this precision and whole numbers as they are.

    They stay NumPy arrays, which every process of a distributed run can hand to its own devices.
    """

    def cast(value: AnyArray) -> AnyArray:
        return value.astype(dtype) if value.dtype.kind == "f" else value

    return jax.tree.map(cast, parameters)


def class_draws(key: jax.Array, log_weights: Float[jax.Array, " K"]) -> Int[jax.Array, " draws"]:
    """A class for each pair of a stride, shape (STRIDE,), the same in every precision."""
    return jax.random.categorical(key, log_weights.astype(jnp.float32), shape=(STRIDE,))


def largest_of(parameters: object) -> float:
    """The largest finite number among parameters."""
    arrays = [np.asarray(value) for value in jax.tree.leaves(parameters)]
    reals = [values for values in arrays if values.dtype.kind == "f"]
    return max(float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) for values in reals)


def check_resolution(squares: Float64[Array, " levels"], sigma: Float64[Array, " levels"]) -> None:
    """Refuse levels at which classes lie so many noise widths apart that the rounding of log-odds decides.

    `squares` (levels,) is the largest squared distance of a mean from the mixture's, in noise widths; the
    log-odds are known to 1e-16 of it.
    """
    if (squares > _FARTHEST2).any():
        level = float(sigma[np.argmax(squares)])
        raise ValueError(
            f"sigmas: at {level:g} classes lie {np.sqrt(squares.max()):.2g} noise widths apart, "
            "where rounding decides draws; raise sigma"
        )


def strides_for(samples: int) -> int:
    """Number of strides that hold at least `samples` draws (two to a pair)."""
    return -(-samples // (2 * STRIDE))


def estimate(
    kernel: Kernel[P],
    parameters: P,
    samples: int,
    key: Key,
    *,
    tolerance: Tolerance | None = None,
    progress: Progress | None = None,
    finished: FinishedDraws | None = None,
    work: float = 0.0,
    joint: Joint | None = None,
) -> Estimate:
    """Average `kernel(key, parameters)`, values of shape (curves, levels, STRIDE), over strides.

    `key` is a seed or a JAX key. At least `samples` draws; with `tolerance`, as many more as it takes for
    every standard error to fall to it, a number or an array that broadcasts to (curves, levels), or a
    function that says of an `Estimate` how many times too large its largest error is.
    `progress(done, total)` is called with numbers of draws. A
    `finished` keeps what is done through an interruption. On processors rounds take about a second each;
    `work`, the multiplications of a draw, says how large the first may be. Neither has a part in the answer.
    `joint` (curves, levels) are those whose covariance is kept: the first curves, at these levels.
    """
    least = strides_for(samples)
    check_devices()
    mesh = Mesh(np.array(jax.devices()), ("strides",))
    seed = key_words(seed_of(key))
    # an accelerator's program is of one size, whole rounds; a processor's runs any number of strides
    fixed = mesh.devices.flat[0].platform != "cpu"
    most = _ROUND if fixed else min(_ROUND, -(-least // mesh.size))
    first = most if fixed else int(_QUICK / max(work * 2 * STRIDE, 1))
    rounds = _Rounds(mesh.size, most, first, fixed)
    moments = _resumed(finished, least * STRIDE if tolerance is None else None, joint)
    double = _is_double(parameters)
    parameters = _placed(parameters, mesh, double)
    try:
        while not _ends(moments, least, tolerance):
            done = 0 if moments is None else moments.count // STRIDE
            start = np.uint32(done)
            with own_settings(double=double):
                size, sums = rounds.draw(
                    lambda size, at=start: _moments(kernel, mesh, seed, at, size, parameters, joint)
                )
            for stride in range(size):
                found = _of_stride([part[stride] for part in sums], joint)
                moments = found if moments is None else moments.and_then(found)
                if _ends(moments, least, tolerance):  # the others of this round are of no use
                    break
            if finished is not None and moments is not None:
                finished.note(moments)
            if progress is not None and moments is not None:
                total = least if tolerance is None else _strides_needed(moments, least, tolerance)
                progress(2 * moments.count, 2 * total * STRIDE)
    except KeyboardInterrupt:
        if finished is not None and moments is not None:
            finished.write(moments)
        raise
    if moments is None:
        raise ValueError("samples: must be at least 1")
    if finished is not None:
        finished.write(moments)
    return Estimate(
        moments.mean, moments.standard_error, 2 * moments.count, moments.covariance, moments.count
    )


def _resumed(finished: FinishedDraws | None, most: int | None, joint: Joint | None) -> Moments | None:
    """What was done before, unless a file of an earlier version lacks what is to be kept."""
    moments = None if finished is None else finished.read(most)
    return moments if moments is not None and moments.keeps(joint) else None


class _Rounds:
    """How many strides are drawn at once: as many as take about a second, and have room in memory.

    Sizes are halves and doubles. A `fixed` size is kept, as several processes keep theirs, since no two of
    them measure the same time.
    """

    def __init__(self, devices: int, most: int, first: int, fixed: bool) -> None:
        """Of at most `most` strides a device, `first` to begin with."""
        self._devices, self._most = devices, devices * most
        self._size = min(devices * max(first, 1), self._most)
        self._compiled: set[int] = set()
        self._fixed = fixed or jax.process_count() > 1

    def draw(self, compute: Callable[[int], T]) -> tuple[int, T]:
        """The size of this round and `compute(size)`."""
        began = time.monotonic()
        size, found = _fitting(self._size, self._devices, compute)
        seconds = time.monotonic() - began
        if size < self._size:  # there is no memory for more
            self._most = size
        known, self._size = size in self._compiled, size
        self._compiled.add(size)
        if known and not self._fixed:  # the first of a size may have been compiled too
            self._size = self._resized(size, seconds)
        return size, found

    def _resized(self, size: int, seconds: float) -> int:
        while seconds > 2 * _SECONDS and size % (2 * self._devices) == 0:
            size, seconds = size // 2, seconds / 2
        while seconds < _SECONDS / 4 and 2 * size <= self._most:
            size, seconds = 2 * size, 2 * seconds
        return size


def _ends(moments: Moments | None, least: int, tolerance: Tolerance | None) -> bool:
    """Whether no more draws are needed: with a tolerance, asked at `least` strides and every few after.

    So the end, as the answer, depends neither on the size of rounds nor on what was done before a stop.
    """
    beyond = -least if moments is None else moments.count // STRIDE - least
    if tolerance is None or moments is None or beyond < 0:
        return beyond >= 0
    return beyond % min(_ROUND, least) == 0 and _worst(moments, tolerance) <= 1


def _worst(moments: Moments, tolerance: Tolerance) -> float:
    """The largest standard error, in units of what is tolerated."""
    if callable(tolerance):
        return float(tolerance(Estimate(moments.mean, moments.standard_error, 2 * moments.count)))
    return float((moments.standard_error / tolerance).max())


def _fitting(batch: int, least: int, compute: Callable[[int], T]) -> tuple[int, T]:
    """`compute(size)` for the largest size, of `batch` halved, that memory allows, and that size.

    `ValueError` if there is no memory for `least`, one stride on each device, or if other processes compute
    the same round: they would still wait for what this one no longer does.
    """
    while True:
        try:
            return batch, compute(batch)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
        if batch <= least or jax.process_count() > 1:
            raise ValueError(
                f"out of memory for {2 * STRIDE * batch} draws at once: use fewer levels or float32"
            )
        smaller = max(least, batch // least // 2 * least)
        text = f"out of memory for {2 * STRIDE * batch} draws at once; going on with {2 * STRIDE * smaller}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
        batch = smaller


def _of_stride(sums: Sequence[NDArray[np.floating]], joint: Joint | None) -> Moments:
    """Moments of one stride, in double precision."""
    mean, squares, *products = (np.asarray(part, dtype=np.float64) for part in sums)
    if joint is None:
        return Moments(STRIDE, mean, squares)
    shape = (joint.curves, joint.places.size)
    return Moments(STRIDE, mean, squares, products[0].reshape(*shape, *shape), joint.places)


def _moments(
    kernel: Kernel[P],
    mesh: Mesh,
    seed: UInt32[NDArray[np.uint32], "2"],
    first: np.uint32,
    batch: int,
    parameters: P,
    joint: Joint | None,
) -> Sums:
    """Sums of the `batch` strides from `first` on, the same in every process."""
    curves, levels = (0, None) if joint is None else (joint.curves, joint.places.astype(np.int32))
    share, double = batch // mesh.size, _is_double(parameters)
    places = [
        place for place in enumerate(mesh.devices.flat) if place[1].process_index == jax.process_index()
    ]

    def at(place: tuple[int, Any], count: int = share) -> Sums:
        index, device = place
        start = first + np.uint32(index * share)
        if device.platform != "cpu":
            with own_settings(double=double, device=device):
                found = _at_once(kernel, share, seed, start, parameters, curves, levels)
        else:
            # processors that JAX is told to count as several devices share one program, each in a thread
            with own_settings(double=double, device=places[0][1]):
                found = _compiled(kernel, _ROUND, seed, start, np.int32(count), parameters, curves, levels)
        return tuple(np.asarray(part)[:share] for part in found)

    if len(places) == 1:
        own = [at(places[0])]
    else:
        at(places[0], 0)  # compiled once, before threads ask for it
        with ThreadPoolExecutor(len(places)) as pool:
            own = list(pool.map(at, places))
    return _of_all_processes(mesh, own)


def _placed(parameters: P, mesh: Mesh, double: bool) -> P:
    """Parameters where a single device has them, moved once and not with every round; else as they are."""
    if mesh.size > 1 or jax.process_count() > 1:
        return parameters
    with own_settings(double=double):
        return jax.device_put(parameters)


def _is_double(parameters: object) -> bool:
    return any(getattr(leaf, "dtype", None) == np.float64 for leaf in jax.tree.leaves(parameters))


def _of_all_processes(mesh: Mesh, own: list[Sums]) -> Sums:
    """Results of all devices in their order, from those of this process's devices."""
    if jax.process_count() == 1:
        return tuple(np.concatenate(parts) for parts in zip(*own, strict=True))
    ranks = [
        [i for i, d in enumerate(mesh.devices.flat) if d.process_index == p]
        for p in range(jax.process_count())
    ]
    most = max(len(places) for places in ranks)
    order = np.argsort([rank for places in ranks for rank in places])
    gathered: list[NDArray[np.floating]] = []
    for parts in zip(*own, strict=True):
        padded = np.stack([*parts, *[parts[0]] * (most - len(parts))])
        every = np.asarray(multihost_utils.process_allgather(padded))
        held = np.concatenate([rows[: len(places)] for rows, places in zip(every, ranks, strict=True)])
        gathered.append(np.concatenate(list(held[order])))
    return tuple(gathered)


@partial(jax.jit, static_argnames=("kernel", "size", "curves"))
def _compiled(
    kernel: Kernel[P],
    size: int,
    seed: jax.Array,
    first: jax.Array,
    count: jax.Array,
    parameters: P,
    curves: int = 0,
    levels: jax.Array | None = None,
) -> tuple[jax.Array, ...]:
    """Moments of `count` strides, the first rows of arrays of `size`, one stride after another.

    One stride stays in a processor's cache. Their number and that of the devices are no part of the program,
    because a compiler that knows them rounds differently.
    """
    root = jax.random.wrap_key_data(seed, impl="threefry2x32")

    def one(index: jax.Array) -> tuple[jax.Array, ...]:
        return _stride(kernel, jax.random.fold_in(root, first + index), parameters, curves, levels)

    def store(index: jax.Array, rows: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        found = one(index.astype(jnp.uint32))
        return jax.tree.map(lambda row, new: row.at[index].set(new), rows, found)

    shapes = jax.eval_shape(one, jnp.uint32(0))
    rows = jax.tree.map(lambda shape: jnp.zeros((size, *shape.shape), shape.dtype), shapes)
    return jax.lax.fori_loop(0, count, store, rows)


@partial(jax.jit, static_argnames=("kernel", "size", "curves"))
def _at_once(
    kernel: Kernel[P],
    size: int,
    seed: jax.Array,
    first: jax.Array,
    parameters: P,
    curves: int = 0,
    levels: jax.Array | None = None,
) -> tuple[jax.Array, ...]:
    """Moments of `size` strides together, as an accelerator wants them."""
    root = jax.random.wrap_key_data(seed, impl="threefry2x32")
    keys = jax.vmap(lambda i: jax.random.fold_in(root, first + i))(jnp.arange(size, dtype=jnp.uint32))
    return jax.vmap(lambda key: _stride(kernel, key, parameters, curves, levels))(keys)


def _stride(
    kernel: Kernel[P], key: jax.Array, parameters: P, curves: int, levels: jax.Array | None
) -> tuple[jax.Array, ...]:
    """Means, squared deviations and, of the first `curves` at `levels`, products of deviations."""
    values = kernel(key, parameters)
    mean = values.mean(-1)
    apart = values - mean[..., None]
    squares = (apart**2).sum(-1)
    if not curves:
        return mean, squares
    kept = apart[:curves, levels].reshape(-1, STRIDE)
    return mean, squares, jnp.matmul(kept, kept.T, precision="highest")


def _strides_needed(moments: Moments | None, least: int, tolerance: Tolerance | None) -> int:
    done = 0 if moments is None else moments.count // STRIDE
    if moments is None or tolerance is None or done < least:
        return least
    worst = _worst(moments, tolerance)
    if worst <= 1:
        return done
    # a little more than the 1/√n law asks for, so that the next look is usually the last
    return int(np.ceil(1.05 * done * worst**2)) + 1
