"""Noisy states as callers hand them in: of any array library and any shape (…, d), at one σ or one each.

Lists and NumPy arrays are evaluated in double precision and come back in NumPy; JAX arrays and torch tensors
are evaluated and come back in their own precision, traced or with gradients as they are. Blocks of states
bound the memory.
"""

from collections.abc import Callable
from typing import Any

import array_api_compat as _compat
import numpy as np

from .._support.aliases import ApiArray, Namespace
from .._support.real_numbers import real_numbers
from .posterior import Classes, Posterior, is_near, mixing, posterior, posterior_by_products

__all__ = ["evaluated"]

array_api_compat: Any = _compat  # its functions are typed for every library that there is

_MANY = 32  # classes, from which products of matrices are worth it
_ENTRIES = 2**24  # numbers of one block: states times classes times dimensions


def evaluated(
    classes: Classes, x: ApiArray, sigma: ApiArray, value: Callable[[Posterior, ApiArray, ApiArray], ApiArray]
) -> ApiArray:
    """`value(posterior, rows, sigma)` of every state.

    Parameters
    ----------
    classes : Classes
        In NumPy's double precision.
    x : array, shape (…, d)
    sigma : number, or array that broadcasts to (…)
        ≥ 0.
    value : callable
        Of the posterior of a block, its rows (n, d) and their σ, a number or (n, 1); an array (n, …).

    Returns
    -------
    Array of x's library whose first axes are those of x but the last.

    Raises
    ------
    ValueError
        States of another dimension, or a σ that is negative or of a shape that does not fit.
    """
    xp, x = _own(x)
    dimension = classes.means.shape[1]
    if x.ndim == 0 or x.shape[-1] != dimension:
        raise ValueError(f"x: the last axis must be the dimension {dimension}, not shape {tuple(x.shape)}")
    shape, rows = tuple(x.shape[:-1]), xp.reshape(x, (-1, dimension))
    level: ApiArray = _level(xp, rows, sigma, shape)
    known = _is_known(level)
    if known and not classes.variances.min() + level**2 > 0:
        raise ValueError("sigma: must be > 0 where a class has no width in some direction")
    own = _like(rows, xp, classes)
    mixed = _mixed(rows, xp, classes, level) if known and classes.factors is not None else None
    each = np.ndim(level) > 0
    shared = classes.variances.shape[0] < classes.means.shape[0]
    # sums over dimensions have the same bits in every process, products of matrices have not
    by_products = shared and known and classes.means.shape[0] > _MANY and is_near(classes, level)
    look = posterior_by_products if by_products else posterior
    # a covariance with factors is decomposed at each noise level by itself
    alone = each and classes.factors is not None
    step = (
        1 if alone else max(1, _ENTRIES // (max(classes.means.shape) if by_products else classes.means.size))
    )
    parts: list[ApiArray] = []
    for start in range(0, max(rows.shape[0], 1), step):
        block = rows[start : start + step]
        at: ApiArray = level[start : start + step] if each else level
        one = 1.0 if not rows.shape[0] else at[0] if alone else at
        parts.append(value(look(xp, own, block, one, mixed), block, at[:, None] if each else at))
    found = parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)
    return xp.reshape(found, (*shape, *found.shape[1:]))


def _is_known(level: ApiArray) -> bool:
    """Whether σ is one number of the caller's, not an array that may be traced or carry gradients."""
    return isinstance(level, float)


def _own(x: ApiArray) -> tuple[ApiArray, ApiArray]:
    """The library of x, and x there, in floating point."""
    if array_api_compat.is_jax_array(x) or array_api_compat.is_torch_array(x):
        xp = array_api_compat.array_namespace(x)
        if not xp.isdtype(x.dtype, "real floating"):
            raise ValueError(f"x: need real floating-point numbers, not {x.dtype}")
        return xp, x
    x = real_numbers(x, "x", finite=False)
    return array_api_compat.array_namespace(x), x


def _level(xp: Namespace, rows: ApiArray, sigma: ApiArray, shape: tuple[int, ...]) -> ApiArray:
    """σ as a number, or as an array (n,) of the library of the rows."""
    if not (array_api_compat.is_jax_array(sigma) or array_api_compat.is_torch_array(sigma)):
        sigma = real_numbers(sigma, "sigma")
        _refuse_negative(sigma)
        if sigma.ndim == 0:
            return float(sigma)
    elif not _has_no_value(sigma):
        _refuse_negative(sigma)
    if array_api_compat.is_torch_array(sigma) and array_api_compat.is_torch_array(rows):
        level = sigma.to(rows)  # with its gradients
    else:
        level = xp.asarray(sigma, dtype=rows.dtype, device=array_api_compat.device(rows))
    if level.ndim == 0:
        return level
    try:
        level = xp.broadcast_to(level, shape)
    except (ValueError, RuntimeError, TypeError):
        raise ValueError(f"sigma: shape {tuple(level.shape)} does not fit states of shape {shape}") from None
    return xp.reshape(level, (-1,))


def _refuse_negative(sigma: ApiArray) -> None:
    if bool((sigma < 0).any()):
        raise ValueError(f"sigma: must be >= 0, not {float(sigma.min()):g}")


def _has_no_value(sigma: ApiArray) -> bool:
    """Whether an array is traced by JAX, or lies on torch's meta device."""
    traced = "Tracer" in {kind.__name__ for kind in type(sigma).__mro__}
    return traced or str(array_api_compat.device(sigma)) == "meta"


def _mixed(rows: ApiArray, xp: Namespace, classes: Classes, sigma: float) -> tuple[ApiArray, ApiArray]:
    """`mixing` in the library, the precision and on the device of the rows."""
    where = {"dtype": rows.dtype, "device": array_api_compat.device(rows)}
    first, second = mixing(classes, sigma)
    return xp.asarray(first, **where), xp.asarray(second, **where)


def _like(rows: ApiArray, xp: Namespace, classes: Classes) -> Classes:
    """A mixture's numbers in the library, the precision and on the device of the rows."""
    where = {"dtype": rows.dtype, "device": array_api_compat.device(rows)}
    # torch takes no array that is read-only
    copied = (None if part is None else np.array(part) for part in classes)
    return Classes(*(None if part is None else xp.asarray(part, **where) for part in copied))
