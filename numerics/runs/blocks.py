"""Work in numbered blocks that are kept on disk: a killed run goes on, and runs on several machines merge.

A block depends on its number and the run's parameters and nothing else, so it is the same wherever and
whenever it is computed, and the blocks of several runs put into one folder are the blocks of one.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...theory._support.aliases import Fields
from ...theory._support.archives import read_arrays
from ...theory._support.one_line import one_line
from .atomic_files import create, prepare_directory, write_atomically, write_text

__all__ = ["Arrays", "PendingBlocksError", "batch_sizes", "run_blocks"]

Arrays = dict[str, NDArray[np.float64]]


class PendingBlocksError(RuntimeError):
    """The blocks of this share are finished, others are missing: their numbers are in `missing`."""

    def __init__(self, said: str, missing: Sequence[int] = ()) -> None:
        super().__init__(said)
        self.missing: tuple[int, ...] = tuple(missing)


def batch_sizes(whole: int, batch: int) -> list[int]:
    """Rows of each block, so that together they are exactly `whole`: the last holds what the others leave."""
    return [min(batch, whole - first) for first in range(0, whole, batch)]


def run_blocks(
    compute: Callable[[int], Arrays],
    count: int,
    folder: Path | None,
    run: str,
    progress: Callable[[int, int], None] | None = None,
    share: tuple[int, int] = (0, 1),
    sizes: Sequence[int] | None = None,
) -> Arrays:
    """Arrays of all blocks, concatenated in order along their first axis.

    With a `folder` each finished block is written to `block-<index>.npz`, and found there by the next
    call. `run` names everything that determines a block, but for its number of rows where `sizes` says it:
    a block of another run is refused, one of another size (the end of a shorter run) done again. With a share
    (rank, ranks) only every `ranks`-th block is computed here, and `PendingBlocksError` is raised while
    others are missing. A block that is not finite is a `ValueError`, and is not kept.
    """
    rank, ranks = share
    if not 0 <= rank < ranks or (ranks > 1 and folder is None):
        raise ValueError("share: need 0 <= rank < ranks, and a folder to share")
    if folder is not None:
        _claim(prepare_directory(folder), run)
    found: dict[int, Arrays] = {}
    others: list[int] = []
    for index in range(count):
        path = None if folder is None else _path(folder, index)
        block = _kept(path, run, None if sizes is None else sizes[index])
        if block is None and index % ranks != rank:
            others.append(index)
            continue
        if block is None:
            block = _computed(compute, index, path, run)
        found[index] = block
        if progress is not None:
            progress(index + 1, count)
    # what another share has finished since it was looked for: after the last block of all is written, whoever
    # wrote it finds every one
    for index in others:
        path = None if folder is None else _path(folder, index)
        block = _kept(path, run, None if sizes is None else sizes[index])
        if block is not None:
            found[index] = block
    missing = [index for index in range(count) if index not in found]
    if missing:
        raise PendingBlocksError(f"{len(found)} of {count} blocks are done in {folder}", missing)
    return {name: np.concatenate([found[index][name] for index in range(count)]) for name in found[0]}


def _computed(compute: Callable[[int], Arrays], index: int, path: Path | None, run: str) -> Arrays:
    """A new block, refused unless it is finite, and kept if there is a place for it."""
    block = compute(index)
    if not all(np.isfinite(values).all() for values in block.values()):
        raise ValueError(f"block {index}: the model returned values that are not finite")
    if path is not None:
        _write(path, run, block)
    return block


def _path(folder: Path, index: int) -> Path:
    """Where a block is kept."""
    return folder / f"block-{index:05d}.npz"


def _kept(path: Path | None, run: str, size: int | None) -> Arrays | None:
    """A finished block, unless there is none or it has another number of rows."""
    if path is None or not path.exists():
        return None
    block = _read(path, run)
    fits = size is None or all(len(values) == size for values in block.values())
    return block if fits else None


def _claim(folder: Path, run: str) -> None:
    """Mark the folder as this run's, so that two runs that start at once cannot both take it."""
    mark = folder / "run"
    try:
        if not mark.exists():
            own = create(folder, ".run")
            try:
                write_text(own, run)
                _first(own, mark)
            finally:
                own.unlink(missing_ok=True)
        written = mark.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{mark}: cannot be written: {one_line(error)}") from None
    if written != run:
        raise ValueError(f"{folder}: holds the blocks of another measurement; choose another folder")


def _first(own: Path, mark: Path) -> None:
    """Give a file its final name, unless someone was first."""
    with suppress(FileExistsError):
        try:
            os.link(own, mark)
        except OSError:  # a file system without links, or one where someone was first
            with mark.open("xb") as stream:
                stream.write(own.read_bytes())


def _read(path: Path, run: str) -> Arrays:
    try:
        arrays = read_arrays(path)
        written = str(arrays.pop("run"))
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{path}: not a block of a measurement, or a damaged one; remove it") from None
    if written != run:
        raise ValueError(f"{path}: a block of another measurement; choose another folder")
    return arrays


def _write(path: Path, run: str, block: Arrays) -> None:
    arrays: Fields = {"run": np.array(run), **block}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    write_atomically(path, save)
