"""Manifests: what results were made with, and whether they still are what was written.

A manifest is a JSON file beside its results with the parameters of the run, versions, the machine, and the
SHA-256 of every input and result. No file holds a date or a duration: the same run has the same manifest.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from ...theory._support.aliases import ReadFields
from .atomic_files import prepare_directory, write_atomically, write_text

__all__ = ["MANIFEST", "environment", "sha256", "verify_manifest", "write_results"]

MANIFEST = "manifest.json"
"""Name of a folder's manifest; that of one result ends in `.manifest.json`."""

_FORMAT = 1
_PACKAGES = ("speciation", "jax", "mpmath", "numpy", "scikit-learn", "scipy", "sympy", "torch", "xarray")


def environment() -> dict[str, str]:
    """Versions of the packages that numbers depend on, as far as they are installed, and the machine."""
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    hardware = f"{platform.machine()}, {os.cpu_count()} cores"
    return found | {"python": platform.python_version(), "machine": hardware}


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_results(
    folder: Path,
    writers: Mapping[str, Callable[[Path], object]],
    parameters: ReadFields,
    manifest: str = MANIFEST,
    inputs: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write every file of a result into `folder`, each whole or not at all, and then its manifest.

    `writers` maps names to functions that write to a path; `parameters` are those of the run, of which files
    are noted with their SHA-256; `inputs` are the SHA-256 of other files by name. Returns the paths, without
    the manifest's.

    Raises
    ------
    ValueError
        One line for what cannot be written.
    """
    prepare_directory(folder)
    for name, write in writers.items():
        write_atomically(folder / name, write)
    content = {
        "format": _FORMAT,
        "parameters": {name: _plain(value) for name, value in parameters.items()},
        "environment": environment(),
        "inputs": _inputs(parameters) | dict(inputs or {}),
        "files": {name: sha256(folder / name) for name in writers},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / manifest, lambda path: write_text(path, text))
    return [folder / name for name in writers]


def verify_manifest(path: Path) -> bool:
    """Whether a manifest confirms a file.

    Parameters
    ----------
    path : Path
        The file; its manifest lies beside it.

    Returns
    -------
    bool
        `False` if no manifest names the file.

    Raises
    ------
    ValueError
        A file that is not what its manifest says, or a damaged manifest.
    """
    vouched = False
    for name in (f"{path.name}.{MANIFEST}", f"{path.stem}.{MANIFEST}", MANIFEST):
        beside = path.parent / name
        if path.name != name and beside.is_file() and _ours(beside, path):
            written = _files(beside).get(path.name)
            if written is not None and written != sha256(path):
                raise ValueError(f"{path}: was changed or damaged after it was written, says {beside.name}")
            vouched |= written is not None
    return vouched


def _ours(manifest: Path, path: Path) -> bool:
    """Whether a manifest is one of these: other tools have files of the same name.

    One that bears the name of the file is; another says so in its first lines, or is ignored.
    """
    if manifest.name == f"{path.name}.{MANIFEST}":
        return True
    try:
        with manifest.open("rb") as stream:
            head = b"".join(stream.read(200).split())
    except OSError:
        return False
    return head.startswith(f'{{"format":{_FORMAT},"parameters":'.encode())


def _files(manifest: Path) -> dict[str, str]:
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{manifest}: not a manifest, or a damaged one; remove it") from None


def _plain(value: object) -> object:
    """A parameter as JSON has it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value)


def _inputs(parameters: ReadFields) -> dict[str, str]:
    """SHA-256 of the parameters that are files."""
    paths = {str(value): Path(value) for value in parameters.values() if isinstance(value, (str, Path))}
    return {name: sha256(path) for name, path in sorted(paths.items()) if name and os.path.isfile(path)}
