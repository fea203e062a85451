"""JAX as this library's programs mean it, whatever a caller has set for programs of their own.

Types are promoted and arrays broadcast as usual, NaN in a branch that is not taken is no error, keys are
threefry's, and no mesh of the caller's applies. Settings hold in this thread and for this computation alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh

from ...theory._support.error_settings import public

__all__ = ["jax_public", "own_settings"]


@contextmanager
def own_settings(*, double: bool | None = None, device: Any = None) -> Iterator[None]:
    """Compute under the library's settings; with `double` also in that precision, with `device` there."""
    with ExitStack() as stack:
        for setting in (
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
            jax.transfer_guard("allow"),
            jax.disable_jit(False),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.debug_key_reuse(False),
            jax.threefry_partitionable(True),
            jax.default_matmul_precision("highest"),
        ):
            stack.enter_context(setting)
        # within a caller's jit, numbers are computed now; elsewhere this would compile every constant of a
        # program by itself
        if isinstance(jnp.zeros(()), Tracer):
            stack.enter_context(jax.ensure_compile_time_eval())
        if double is not None:
            stack.enter_context(jax.enable_x64(double))
        if not jax.sharding.get_abstract_mesh().empty:
            stack.enter_context(jax.set_mesh(Mesh(np.array(jax.devices()[:1]), ("alone",))))
        if device is not None:
            stack.enter_context(jax.default_device(device))
        yield


def jax_public(value: Any, package: str) -> Any:
    """`public`, and for functions the library's settings of JAX as well."""
    if not isinstance(value, FunctionType):
        return value

    @wraps(value)
    def call(*args: object, **kwargs: object) -> object:
        with own_settings():
            return value(*args, **kwargs)

    return public(call, package)
