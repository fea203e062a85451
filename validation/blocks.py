"""Work in numbered blocks that are kept on disk: a killed run goes on, and runs on several machines merge.

Block i draws from a generator seeded by (seed, i) and nothing else, so it is the same wherever and whenever
it is computed, and the blocks of several runs put into one folder are the blocks of one.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .files import prepare_directory, write_atomically

__all__ = ["Arrays", "generator_of", "run_blocks"]

Arrays = dict[str, NDArray[np.float64]]


def generator_of(seed: int, index: int) -> torch.Generator:
    """The generator of block `index`, on the CPU so that every device sees the same draws."""
    state = np.random.SeedSequence([seed, index]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def run_blocks(
    compute: Callable[[int], Arrays],
    count: int,
    folder: Path | None,
    run: str,
    progress: Callable[[int, int], None] | None = None,
) -> Arrays:
    """Arrays of all blocks, concatenated in order along their first axis.

    With a `folder` each finished block is written to `block-<index>.npz`, and found there by the next
    call. `run` names everything that determines a block; a block of another run is refused.
    """
    if folder is not None:
        prepare_directory(folder)
    found: list[Arrays] = []
    for index in range(count):
        path = None if folder is None else folder / f"block-{index:05d}.npz"
        block = None if path is None or not path.exists() else _read(path, run)
        if block is None:
            block = compute(index)
            if path is not None:
                _write(path, run, block)
        found.append(block)
        if progress is not None:
            progress(index + 1, count)
    return {name: np.concatenate([block[name] for block in found]) for name in found[0]}


def _read(path: Path, run: str) -> Arrays:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = dict(archive)
            written = str(arrays.pop("run"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise ValueError(f"{path}: not a block of a measurement, or a damaged one; remove it") from None
    if written != run:
        raise ValueError(f"{path}: a block of another measurement; choose another folder")
    return arrays


def _write(path: Path, run: str, block: Arrays) -> None:
    arrays: dict[str, Any] = {"run": np.array(run), **block}

    def save(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    write_atomically(path, save)
