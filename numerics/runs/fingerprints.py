"""What tells one run from another: the SHA-256 of everything that determines it."""

import hashlib

import numpy as np

from .._support.seeds import is_key, seed_of

__all__ = ["fingerprint"]


def fingerprint(*parts: object) -> str:
    """SHA-256 of names, numbers, arrays, and dictionaries and tuples of them."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, dict):
            digest.update(fingerprint(*(x for item in sorted(part.items()) for x in item)).encode())
        elif isinstance(part, tuple):
            digest.update(f"({fingerprint(*part)})".encode())
        elif is_key(part):
            digest.update(repr(seed_of(part)).encode() + b";")
        elif part is None or isinstance(part, (str, int)):
            digest.update(repr(part).encode() + b";")
        else:
            array = np.ascontiguousarray(part)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()
