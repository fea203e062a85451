"""The SPEC language: a mixture in one line.

binary:d=,mu=,s=[,w=]        means ±μ(1,…,1), variance s², first weight w
orthogonal:K=,d=,M=,s=       K orthogonal means with |m_k|² = M, variance s²
hierarchy:d=,A=,B=,s=        means ±A ± B with |A|² = A, |B|² = B, A ⟂ B, variance s²
scales:d=,lambda1=,lambda2=  one mean, variances λ₁ and λ₂
digits:3,8                   classes of scikit-learn's handwritten digits, fitted
path.json, path.npz          a mixture file
"""

from pathlib import Path

import numpy as np

from .._support.plain_numbers import plain_number
from . import files
from .families import FAMILIES, EqualClassesError
from .parts import Parts

__all__ = ["name_of", "parse"]


def name_of(spec: str) -> str:
    """`spec` as errors name it."""
    if spec.endswith((".json", ".npz")):
        return str(Path(spec))
    return spec if spec.isprintable() else repr(spec)


def parse(spec: str) -> Parts:
    """What the mixture that `spec` describes is built from. Raises `ValueError` with one line."""
    if spec.endswith((".json", ".npz")):
        return files.read(Path(spec))
    family, colon, body = spec.partition(":")
    spec = name_of(spec)
    if family == "digits" and colon:
        return _parse_digits(spec, body)
    if family not in FAMILIES or not colon:
        known = ", ".join([*FAMILIES, "digits"])
        raise ValueError(f"{spec}: not a mixture; start with one of {known}, or name a .json or .npz file")
    build, keys, optional = FAMILIES[family]
    try:
        return build(**_numbers(body, keys, optional))
    except EqualClassesError as error:
        raise EqualClassesError(f"{spec}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from None


def _numbers(body: str, keys: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, float]:
    values: dict[str, float] = {}
    for item in filter(None, body.split(",")):
        key, equals, text = (part.strip() for part in item.partition("="))
        if key not in (*keys, *optional):
            raise ValueError(f"{key!r} is not a key; the keys are {', '.join((*keys, *optional))}")
        if not equals:
            raise ValueError(f"{key}: needs a value, {key}=…")
        if key in values:
            raise ValueError(f"{key}: given twice")
        try:
            values[key] = plain_number(text)
        except ValueError:
            raise ValueError(f"{key}: {text!r} is not a number") from None
        if not np.isfinite(values[key]):
            raise ValueError(f"{key}: {text!r} is not a finite number")
    missing = [key for key in keys if key not in values]
    if missing:
        raise ValueError(f"{missing[0]}: missing; the keys are {', '.join((*keys, *optional))}")
    return values


def _parse_digits(spec: str, body: str) -> Parts:
    from .digits import fit

    names = [name.strip() for name in body.split(",")]
    if any(len(name) != 1 or name not in "0123456789" for name in names):
        raise ValueError(f"{spec}: need digits from 0 to 9, as in digits:3,8")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(f"{spec}: need at least two different digits, as in digits:3,8")
    return fit([int(name) for name in names])
