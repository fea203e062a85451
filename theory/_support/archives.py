"""Arrays from `.npz` archives that may be damaged or hostile: read, or refused with one `ValueError`."""

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "read_arrays"]

AnyArray = NDArray[Any]

LIMIT = 8 * 2**30
"""Bytes of all arrays of an archive together."""

# what zipfile, zlib and NumPy's header parser raise for bytes that are not theirs
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, MemoryError, OverflowError,
    SystemError, SyntaxError, KeyError, TypeError, tokenize.TokenError, UnicodeError,
)  # fmt: skip


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Every array of an archive by name: numbers or strings, each as large as its header says.

    Nothing is executed, and no more memory is taken than the archive holds.

    Raises
    ------
    ValueError
        For anything that is not such an archive.
    OSError
        If the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LIMIT:
                raise ValueError(f"holds arrays of more than {LIMIT} bytes, which are not read")
            return {
                member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()
            }
    except _DAMAGE:
        raise ValueError("not an .npz archive, or a damaged one") from None


def _header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    try:
        old = np.lib.format.read_magic(stream) == (1, 0)
        reader = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(stream)
    except ValueError:  # whose text can run over several lines, and recommend unpickling
        raise ValueError(f"{name}: does not begin as an array does") from None
    return shape, dtype


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> AnyArray:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        shape, dtype = _header(stream, name)
    if dtype.kind not in "fiuU":
        raise ValueError(f"{name}: holds {dtype}, not numbers or strings")
    count = int(np.prod(shape, dtype=object))
    if count * dtype.itemsize > member.file_size:
        raise ValueError(f"{name}: its header promises more than the file holds")
    with archive.open(member) as stream:
        values: AnyArray = np.lib.format.read_array(stream, allow_pickle=False)
    if dtype.kind == "U":
        values.tolist()  # raises where a character is none
    return values
