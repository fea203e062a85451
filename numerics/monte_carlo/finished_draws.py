"""Finished draws on disk, so that an interrupted run goes on where it stopped, to the same bits.

A file holds the moments so far and the SHA-256 of everything that determines them: the kernel's name, the
key and every parameter array. A file of another run is not touched; the run is refused instead.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...theory._support.aliases import Fields
from ...theory._support.archives import AnyArray, read_arrays
from ..runs.atomic_files import write_atomically
from .moments import Moments

__all__ = ["FinishedDraws"]

_SECONDS = 5.0  # between two writes


class FinishedDraws:
    """One run's file: read once at the start, written every few seconds and at the end."""

    def __init__(self, path: Path, run: str, *, writes: bool = True) -> None:
        """Of several processes that share the folder one writes."""
        self.path: Path = path
        self.run: str = run
        self.writes: bool = writes
        self._written = time.monotonic()

    def read(self, most: int | None) -> Moments | None:
        """Moments so far, or `None` for a new run; `ValueError` for a file that is not this run's.

        A file of more than `most` samples is of no use: the run starts afresh.
        """
        if not self.path.exists():
            return None
        try:
            arrays = read_arrays(self.path)
            run, count = str(arrays["run"]), int(arrays["count"])
            moments = Moments(count, arrays["mean"], arrays["squares"], *_products(arrays))
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            raise ValueError(
                f"{self.path}: not a file of finished draws, or a damaged one; remove it"
            ) from None
        if run != self.run:
            raise ValueError(f"{self.path}: finished draws of another run; remove them or name another file")
        return moments if most is None or count <= most else None

    def note(self, moments: Moments) -> None:
        """Write if the last time was a while ago."""
        if time.monotonic() - self._written > _SECONDS:
            self.write(moments)

    def write(self, moments: Moments) -> None:
        """Write beside the file, then move into place: a killed run leaves the last whole one."""
        if not self.writes:
            return
        arrays: Fields = {
            "run": np.array(self.run),
            "count": np.array(moments.count),
            "mean": moments.mean,
            "squares": moments.squares,
        }
        if moments.products is not None and moments.places is not None:
            arrays |= {"products": moments.products, "places": moments.places}

        def save(temporary: Path) -> None:
            with temporary.open("wb") as stream:
                np.savez(stream, **arrays)

        write_atomically(self.path, save)
        self._written = time.monotonic()


def _products(arrays: Mapping[str, AnyArray]) -> tuple[AnyArray | None, NDArray[np.intp] | None]:
    """Products of deviations and their levels, which files of earlier versions do not have."""
    if "products" not in arrays:
        return None, None
    return arrays["products"], arrays["places"].astype(np.intp)
