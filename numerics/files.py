"""Output that is whole or absent: written under a temporary name, then moved into place."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..theory.refusals import reason

__all__ = ["prepare_directory", "prepare_file", "write_atomically"]


def prepare_directory(path: Path) -> Path:
    """Create `path` if needed and make sure a file can be written in it, before any work is done.

    Raises `ValueError` with one line if it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {reason(error)}") from None
    return path


def prepare_file(path: Path, endings: tuple[str, ...]) -> Path:
    """Check the ending of an output file and that its folder exists and can be written.

    Raises `ValueError` with one line if not.
    """
    if path.suffix not in endings:
        raise ValueError(f"{path}: must end in one of {', '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: folder {path.parent} does not exist")
    prepare_directory(path.parent)
    return path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then move the result to `path`."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {reason(error)}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
