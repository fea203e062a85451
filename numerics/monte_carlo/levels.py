"""One function for every noise level, as many levels at once as a processor's cache holds."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ...theory._support.aliases import ApiArray

__all__ = ["over_levels"]

_TOGETHER = 512
"""Classes times levels at once; with the draws of a stride an array of so many then takes half a megabyte."""


def over_levels(at: Callable[[ApiArray], ApiArray], levels: ApiArray, classes: int) -> ApiArray:
    """`at(level)`, shape (curves, draws), of every level: shape (curves, levels, draws).

    `levels` is a tree of arrays whose leading axis is that of the levels.
    """
    together = max(1, _TOGETHER // classes)
    return jnp.moveaxis(jax.lax.map(at, levels, batch_size=together), 0, 1)
