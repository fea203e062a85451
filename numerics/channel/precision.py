"""Arrays of any precision in, sums in double precision inside, the same precision out.

JAX's settings are those of the caller, whose program this is a part of; inside a sum they are the library's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Float64

from ...theory._support.aliases import ApiArray
from ...theory._support.real_numbers import refuse_unless

__all__ = ["check", "doubled", "floating", "inside", "is_known", "lattice_sum"]

_BLOCK = 32  # terms of a sum at once


@contextmanager
def inside() -> Iterator[None]:
    """Double precision and the usual promotions, for what is traced here alone."""
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def doubled(*values: Float[Array, "..."]) -> tuple[Float64[Array, "..."], ...]:
    """Arrays in double precision; call it inside `inside`."""
    return tuple(lax.convert_element_type(value, jnp.float64) for value in values)


def floating(
    values: dict[str, tuple[ApiArray, Callable[[ApiArray], ApiArray], str]],
) -> list[Float[Array, "*shape"]]:
    """Arguments as arrays of one floating type and shape, NaN where they are out of range.

    Each is named and comes with what says of an array where it is in range, and with that range in words.

    Raises
    ------
    ValueError
        Where a number, known now, is out of range.
    """
    for name, (value, admits, words) in values.items():
        if is_known(value):
            check(name, value, admits, words)
    arrays = [jnp.asarray(value) for value, _, _ in values.values()]
    dtype = jnp.result_type(*arrays)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    found: list[Array] = []
    for array, (value, admits, _) in zip(arrays, values.values(), strict=True):
        spread = jnp.broadcast_to(array.astype(dtype), shape)
        if not is_known(value):
            spread = _chosen(admits(spread), spread)
        found.append(spread)
    return found


@jax.jit
def _chosen(valid: Bool[Array, "*shape"], values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Values, NaN where they are not valid, as are their derivatives there.

    Compiled, so that `jax_debug_nans` sees what is chosen alone.
    """
    return values * jnp.where(valid, jnp.ones_like(values), jnp.full_like(values, jnp.nan))


def is_known(value: ApiArray) -> bool:
    """Whether a value is there already, and not only its place in a program that is being traced."""
    return not isinstance(value, Tracer)


def check(name: str, value: ApiArray, admits: Callable[[ApiArray], ApiArray], words: str) -> None:
    """Refuse a number out of range, with the words of `floating`."""
    array = np.asarray(value)
    if array.dtype.kind == "V":  # machine learning's small types
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: need real numbers, not {array.dtype}")
    refuse_unless(admits(array), array, name, words)


def lattice_sum(term: Callable[[Array], Array], counts: Float64[Array, "*shape"]) -> Float64[Array, "*shape"]:
    """`Σ_j term(j)` for j from 0 to `counts` − 1, shape of `counts`.

    `term` takes whole numbers (n,) as doubles and gives (…, n). Every sum is computed as far as the longest.
    """
    longest = jnp.max(counts, initial=0)

    def body(state: ApiArray) -> ApiArray:
        first, total = state
        places = first + jnp.arange(_BLOCK, dtype=jnp.float64)
        terms = jnp.where(places < counts[..., None], term(places), 0.0)
        return first + _BLOCK, total + terms.sum(-1)

    start = (jnp.zeros((), jnp.float64), jnp.zeros(counts.shape, jnp.float64))
    return lax.while_loop(lambda state: state[0] < longest, body, start)[1]
