"""Output that is whole or absent: written under a temporary name, then moved into place.

A file has the mode that the umask gives a new one, or that of the file it takes the place of; a symbolic link
stays, and what it leads to is written. Text is UTF-8 with one kind of line end, whatever the system's habits.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...theory._support.one_line import one_line

__all__ = [
    "check_directory",
    "create",
    "prepare_directory",
    "prepare_file",
    "storable",
    "write_atomically",
    "write_table",
    "write_text",
]

_LONGEST_ENDING = ".manifest.json"  # of what is written beside a file


def check_directory(path: Path, names: Iterable[str] = ()) -> None:
    """Make sure, before any work and without making anything, that these files can be put in a folder.

    Raises
    ------
    ValueError
        One line if the folder is not there and cannot be made, or one of the `names` is taken by what is no
        file.
    """
    missing: list[str] = []
    there = path
    while not os.path.lexists(there) and there != there.parent:
        missing.append(there.name)
        there = there.parent
    try:
        if os.path.lexists(there) and not there.is_dir():
            raise NotADirectoryError(f"{there} is not a folder")
        with tempfile.TemporaryFile(dir=there):
            pass
        for name in missing:  # one that is too long
            with suppress(FileNotFoundError):
                (there / name).lstat()
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {one_line(error)}") from None
    for name in () if missing else names:
        _check_place(path / name)


def prepare_directory(path: Path) -> Path:
    """Create `path` if needed and make sure a file can be written in it, before any work is done.

    Raises
    ------
    ValueError
        If it cannot; one line that says why.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {one_line(error)}") from None
    return path


def prepare_file(path: Path, endings: tuple[str, ...], *inputs: str | Path) -> Path:
    """Check an output file's ending, that it can be written, and that it is none of the files that are read.

    Raises
    ------
    ValueError
        If not; one line that says why.
    """
    if path.suffix not in endings:
        raise ValueError(f"{path}: must end in one of {', '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: folder {path.parent} does not exist")
    try:
        if any(os.path.exists(each) and path.exists() and path.samefile(each) for each in inputs):
            raise ValueError(f"{path}: is read and would be lost; write to another file")
        with suppress(FileNotFoundError):
            path.with_name(path.name + _LONGEST_ENDING).lstat()  # a name that is too long
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {one_line(error)}") from None
    target = _check_place(path)
    _check_place(path.with_name(path.name + _LONGEST_ENDING))
    check_directory(target.parent)
    return path


def _check_place(path: Path) -> Path:
    """The file that would be written at a path; `ValueError` where none can be."""
    try:
        target = _target(path)
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError("is there, and may not be written to")
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {one_line(error)}") from None
    if not target.parent.is_dir():
        raise ValueError(f"{path}: its link leads to {target}, and folder {target.parent} does not exist")
    return target


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then move the result to `path`."""
    temporary: Path | None = None
    try:
        target = _target(path)
        temporary = create(target.parent, target.suffix)
        write(temporary)
        if target.exists():
            _take_over(temporary, target.stat())
        temporary.replace(target)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {one_line(error)}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def create(folder: Path, suffix: str) -> Path:
    """A new empty file of a name of its own, with the mode of any new file: `tempfile` hides its own."""
    while True:
        path = folder / f".{secrets.token_hex(6)}{suffix}"
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return path


def write_text(path: Path, text: str) -> None:
    r"""Write text as UTF-8, with `\n` for line ends; bytes of a path that are no text become `\udcXX`.

    That is how JSON writes them, and reads them back.
    """
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_table(table: Any, path: Path) -> None:
    """Write a pandas table as CSV, every number to all its digits."""
    write_text(path, table.to_csv(float_format="%.17g", lineterminator="\n"))


def storable(text: str) -> str:
    r"""Text for an attribute of a file: bytes of a path that are no text become `\udcXX`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _target(path: Path) -> Path:
    """The file that a path leads to through its links; `OSError` for one that is not a regular file."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError("its links lead in a circle")
    if target.exists() and not target.is_file():
        raise OSError("is not a file")
    return target


def _take_over(path: Path, replaced: os.stat_result) -> None:
    """Give a file the owner and mode of the one that it replaces, as far as this process may."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(path, replaced.st_uid, replaced.st_gid)
    path.chmod(stat.S_IMODE(replaced.st_mode))
