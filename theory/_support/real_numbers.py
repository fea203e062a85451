"""One reader for what callers hand in as numbers: a copy in doubles, or one line that says what it is.

Lists, NumPy, JAX, pandas and xarray arrays and torch tensors of one content mean the same. What NumPy would
drop or convert in silence (masks, imaginary parts, units, dates, text, truth values) is refused by its name.
"""

import decimal
import numbers
from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .one_line import one_line

__all__ = ["real_number", "real_numbers", "refuse_unless", "rounding_of", "with_rounding"]

Array: TypeAlias = NDArray[np.float64]
AnyArray: TypeAlias = NDArray[Any]

_DOUBLE = float(np.finfo(np.float64).eps)
_SINGLE = float(np.finfo(np.float32).eps)

_REFUSED = {
    "b": "a truth value",
    "c": "a complex number, whose imaginary part would be lost; pass the real part",
    "M": "a date",
    "m": "a length of time",
    "S": "text",
    "T": "text",
    "U": "text",
}
"""NumPy's kinds of arrays that are not real numbers, in words."""


def real_numbers(values: Any, name: str, *, finite: bool = True) -> Array:
    """`values` as a read-only array of double precision that shares no memory with them.

    Parameters
    ----------
    values : number or array_like
        Numbers, nested lists of them, or arrays and tensors of NumPy, JAX, torch, pandas or xarray.
    name : str
        The argument, for messages.
    finite : bool
        Whether NaN and infinities are refused.

    Returns
    -------
    float64 array of the shape of `values`.

    Raises
    ------
    ValueError
        One line that says what `values` hold instead of real numbers, and where.
    """
    # most calls, of which nothing has to be asked
    if type(values) is float and (not finite or isfinite(values)):
        plain = np.array(values)
        plain.flags.writeable = False
        return plain
    return with_rounding(values, name, finite=finite)[0]


def real_number(value: Any, name: str) -> float:
    """One number as a float, NaN and ∞ too; `ValueError` for several and for what `real_numbers` refuses."""
    found = real_numbers(value, name, finite=False)
    if found.ndim:
        raise ValueError(f"{name}: need one number, not shape {found.shape}")
    return float(found)


def refuse_unless(allowed: ArrayLike, values: AnyArray, name: str, words: str) -> None:
    """Refuse numbers of which one is not allowed, by the first such value and its place.

    Parameters
    ----------
    allowed : bool array
        Which of the values are; of another shape where they are compared with another argument's.
    values : array
        What the argument `name` holds.
    name, words : str
        The argument, and what every value of it must be, such as `must be a number >= 0`.

    Raises
    ------
    ValueError
        One line, such as `gamma: every value must be a number >= 0, but gamma[3] is -1`.
    """
    wrong = ~np.asarray(allowed, dtype=np.bool_)
    if not wrong.any():
        return
    value = np.broadcast_to(values, wrong.shape)[tuple(np.argwhere(wrong)[0])]
    at = _place(wrong) if wrong.shape == values.shape else ""
    found = f"but {name}{at} is {value:.6g}" if at else f"not {value:.6g}"
    raise ValueError(f"{name}: every value {words}, {found}")


def with_rounding(values: object, name: str, *, finite: bool = True) -> tuple[Array, float]:
    """`real_numbers`, and the spacing at 1 of the coarsest type of number that came in."""
    try:
        found, rounding = _read(values, name)
        with np.errstate(all="ignore"):
            array = np.array(found, dtype=np.float64)
    except OverflowError:  # Python has whole numbers without end
        raise ValueError(f"{name}: not an array of numbers that double precision holds") from None
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name}{_place(~np.isfinite(array))}: not a finite number")
    array.flags.writeable = False
    return array, rounding


def rounding_of(values: Array, rounding: float) -> float:
    """`rounding`, or that of single precision where every number is one of single precision.

    Lists and JSON carry no type, and what a float32 computation printed into them is as rough as before.
    """
    with np.errstate(all="ignore"):
        single = bool((values.astype(np.float32) == values).all())
    return max(rounding, _SINGLE) if single else rounding


def _read(values: object, name: str) -> tuple[AnyArray, float]:
    """An array that double precision can hold, and the rounding of its type."""
    if isinstance(values, (list, tuple)):
        return _read_list(cast(Sequence[Any], values), name)
    array, rounding = _as_array(values, name)
    kind = array.dtype.kind
    if kind in _REFUSED:
        raise ValueError(f"{name}: not a number but {_REFUSED[kind]}")
    if kind == "O":
        return _read_objects(array, name), _DOUBLE
    if kind == "V":
        return _read_extension(array, name)
    if kind == "f":
        rounding = max(rounding, float(np.finfo(array.dtype).eps))
    return array, rounding


def _read_list(values: Sequence[Any], name: str) -> tuple[AnyArray, float]:
    if {type(value) for value in values} <= {int, float}:
        return np.array([float(value) for value in values], dtype=np.float64), _DOUBLE
    items = [_read(value, f"{name}[{index}]") for index, value in enumerate(values)]
    if len({item.shape for item, _ in items}) > 1:
        raise ValueError(f"{name}: not an array of numbers in rows of equal length")
    return np.stack([item for item, _ in items]), max(rounding for _, rounding in items)


def _as_array(values: Any, name: str) -> tuple[AnyArray, float]:
    """NumPy's view of one array of any library, and the rounding of a type that NumPy lacks."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(values).__mro__}
    if ("jax", "Tracer") in kinds:
        raise ValueError(
            f"{name}: a JAX tracer, which has no value yet; call this outside jit, grad and vmap"
        )
    if any(kind == "Quantity" for _, kind in kinds):
        raise ValueError(f"{name}: a quantity with a unit, which would be lost; pass its value")
    if isinstance(values, np.ma.MaskedArray):
        return _unmasked(values, name), _DOUBLE
    if not kinds.isdisjoint({("scipy", "spmatrix"), ("scipy", "sparray"), ("scipy", "_spbase")}):
        raise ValueError(f"{name}: a sparse matrix; pass its toarray()")
    try:
        return _from_torch(values) if ("torch", "Tensor") in kinds else (np.asarray(values), _DOUBLE)
    except Exception as error:  # whatever another library raises, it cannot be read
        what = type(values).__name__
        raise ValueError(f"{name}: this {what} cannot be read as numbers: {one_line(error)}") from None


def _unmasked(values: Any, name: str) -> AnyArray:
    masked = np.ma.getmaskarray(values)
    if masked.any():
        raise ValueError(f"{name}{_place(masked)}: masked; fill in what is masked, or leave it out")
    return np.asarray(values.data)


def _from_torch(tensor: Any) -> tuple[AnyArray, float]:
    """A tensor on any device, with or without a gradient, of any type of number, dense or not."""
    plain = tensor.detach().cpu()
    if plain.is_quantized:
        plain = plain.dequantize()
    if str(plain.layout) != "torch.strided":
        plain = plain.to_dense()
    plain = plain.resolve_conj().resolve_neg()
    if not plain.is_floating_point():
        return np.asarray(plain.numpy()), _DOUBLE
    return np.asarray(plain.double().numpy()), _spacing(plain.new_ones(()))


def _spacing(one: Any) -> float:
    """Distance of the next number after `one`, a 1 of some type of floating-point numbers."""
    step = one
    while float(one + step / 2) != 1.0:
        step = step / 2
    return float(step)


def _read_objects(array: AnyArray, name: str) -> AnyArray:
    """Python's own numbers, exact ones among them, one by one."""
    values = np.empty(array.shape, dtype=np.float64)
    for place, value in np.ndenumerate(array):
        where = f"{name}[{', '.join(map(str, place))}]" if place else name
        if isinstance(value, (list, tuple, np.ndarray)):
            raise ValueError(f"{name}: not an array of numbers in rows of equal length")
        values[place] = _number(value, where)
    return values


def _number(value: Any, where: str) -> float:
    exact = type(value).__module__.partition(".")[0] in ("sympy", "mpmath", "gmpy2")
    if isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{where}: not a number but {_REFUSED['b']}")
    if not (isinstance(value, (numbers.Real, decimal.Decimal)) or exact):
        what = type(value).__name__
        raise ValueError(f"{where}: not a number but {'text' if what == 'str' else f'an object ({what})'}")
    try:
        return float(value)
    except (TypeError, ValueError):  # a symbol, or a complex number of theirs
        raise ValueError(f"{where}: not a number but an object ({type(value).__name__})") from None


def _read_extension(array: AnyArray, name: str) -> tuple[AnyArray, float]:
    """Numbers of machine learning's small types, bfloat16 and its like, as JAX hands them to NumPy."""
    if array.dtype.names is not None or not array.dtype.name.startswith(("bfloat", "float", "int", "uint")):
        raise ValueError(f"{name}: not a number but a record ({array.dtype})")
    is_float = "float" in array.dtype.name
    return array.astype(np.float64), _spacing(np.ones((), array.dtype)) if is_float else _DOUBLE


def _place(wrong: NDArray[np.bool_]) -> str:
    """`[i, j]`, the first place at which `wrong` is true; nothing for a single number."""
    return f"[{', '.join(str(i) for i in np.argwhere(wrong)[0])}]" if wrong.ndim else ""
