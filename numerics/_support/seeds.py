"""What a seed may be, and how it enters JAX, NumPy, torch and files without losing a bit.

JAX without double precision and torch's generator look at 32 bits of a seed, and NumPy takes a list of words
that ends in zeros for the shorter one. Here each seed of 64 bits has draws of its own; up to 32 bits they are
those of `jax.random.key(seed)`.
"""

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import jax

__all__ = ["Key", "is_key", "key_words", "seed_attribute", "seed_of", "stream", "torch_seed"]

Words: TypeAlias = NDArray[np.uint32]

Key: TypeAlias = "int | np.integer | jax.Array | Words"
"""What a seed may be: a whole number, or a key of JAX, typed or raw."""

_WORD = 2**32
_LARGEST_ATTRIBUTE = 2**31 - 1  # of a whole number in NetCDF's classic format


def seed_of(key: Any, name: str = "key") -> int:
    """A seed from 0 to 2⁶⁴ − 1, as an int, from a whole number or a JAX key of two words, typed or raw.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        if not 0 <= key < _WORD**2:
            raise ValueError(f"{name}: need a whole number from 0 to 2**64 - 1, not {key}")
        return int(key)
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(key).__mro__}
    if ("jax", "Tracer") in kinds:
        raise ValueError(
            f"{name}: a JAX tracer, which has no value yet; call this outside jit, grad and vmap"
        )
    kind = str(getattr(key, "dtype", ""))
    if getattr(key, "shape", None) == () and "int" in kind:  # an array that is one number
        return seed_of(int(key), name)
    words = _words_of(key)
    if words is None:
        raise ValueError(f"{name}: need a whole number or one JAX key of two words, not {_described(key)}")
    return int(words[0]) * _WORD + int(words[1])


def is_key(value: Any) -> bool:
    """Whether a value is a typed key of JAX, as `jax.random.key` makes them."""
    jax: Any = sys.modules.get("jax")  # who has not loaded it has none
    return (
        jax is not None
        and isinstance(value, jax.Array)
        and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key)
    )


def key_words(seed: int) -> Words:
    """The two words of JAX's threefry key for a seed, the higher one first."""
    return np.array([seed // _WORD, seed % _WORD], dtype=np.uint32)


def stream(seed: int, index: int) -> list[int]:
    """NumPy's entropy for draws number `index` of a seed; no two pairs have the same words."""
    return [seed, index] if seed < _WORD else [seed % _WORD, seed // _WORD, index, 1]


def torch_seed(seed: int) -> int:
    """A seed for torch's generator, which keeps 32 bits of it: larger ones are mixed, not cut."""
    if seed < _WORD:
        return seed
    return int(np.random.SeedSequence(stream(seed, 0)).generate_state(1, np.uint32)[0])


def seed_attribute(seed: int) -> int | str:
    """A seed as an attribute of a dataset that every format of NetCDF can hold: from 2³¹ on as text."""
    return seed if seed <= _LARGEST_ATTRIBUTE else str(seed)


def _words_of(key: Any) -> Words | None:
    """The words of a JAX key, or `None` for what is none."""
    jax = sys.modules.get("jax")
    if (
        jax is not None
        and isinstance(key, jax.Array)
        and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    ):
        key = jax.random.key_data(key)
    words = np.asarray(key) if hasattr(key, "dtype") else None
    return words if words is not None and words.dtype == np.uint32 and words.shape == (2,) else None


def _described(key: Any) -> str:
    shape = getattr(key, "shape", None)
    return repr(key) if shape is None else f"{key.dtype} of shape {tuple(shape)}"
