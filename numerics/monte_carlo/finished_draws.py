"""Finished draws on disk, so that an interrupted run goes on where it stopped, to the same bits.

A file holds the moments so far and the SHA-256 of everything that determines them: the kernel's name, the
key and every parameter array. Where parameters take long to find, it holds what was found of them, from
before the first draw on. A file of another run is not touched; the run is refused instead.
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

__all__ = ["FinishedDraws", "FinishedSearch"]

_SECONDS = 5.0  # between two writes
_FIRST = 2.0  # from the start of a search to its first write; a shorter one is not kept


class FinishedDraws:
    """One run's file: read once at the start, written every few seconds and at the end."""

    def __init__(
        self, path: Path, run: str, *, writes: bool = True, search: "FinishedSearch | None" = None
    ) -> None:
        """Of several processes that share the folder one writes; `search` is what the file held before."""
        self.path: Path = path
        self.run: str = run
        self.writes: bool = writes
        self._search = search
        self._written = time.monotonic()

    def read(self, most: int | None) -> Moments | None:
        """Moments so far, or `None` for a new run; `ValueError` for a file that is not this run's.

        A file of more than `most` samples is of no use: the run starts afresh.
        """
        if not self.path.exists():
            return None
        try:
            arrays = read_arrays(self.path)
            searched = "search" in arrays and "run" not in arrays  # and nothing drawn yet
            run = str(arrays["search" if searched else "run"])
            moments = None if searched else _moments(arrays)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            raise ValueError(_damaged(self.path)) from None
        if run != (self._search.run if searched and self._search is not None else self.run):
            raise ValueError(_another(self.path))
        return moments if moments is None or most is None or moments.count <= most else None

    def note(self, moments: Moments) -> None:
        """Write if the last time was a while ago."""
        if time.monotonic() - self._written > _SECONDS:
            self.write(moments)

    def write(self, moments: Moments) -> None:
        """Write all of it."""
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
        if self._search is not None:
            arrays |= self._search.arrays()
        _save(self.path, arrays)
        self._written = time.monotonic()


class FinishedSearch:
    """Tables that are filled before the first draw (`meeting.Search`), in the same file as the draws.

    They are written where they take more than a second or two to fill.
    """

    def __init__(self, path: Path, run: str, *, writes: bool = True) -> None:
        """`run` names what determines the tables; `ValueError` for a file of another search."""
        self.run: str = run
        self._path, self._writes = path, writes
        self._tables: dict[str, NDArray[np.float64]] = {}
        self._others: Fields = {}
        self._noted = self._changed = self._drawn = False
        self._written = time.monotonic()
        if path.exists():
            self._read()

    def table(self, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
        """The table of this name, as far as it is filled; NaN elsewhere."""
        if name not in self._tables or self._tables[name].shape != shape:
            self._tables[name] = np.full(shape, np.nan)
        return self._tables[name]

    def note(self) -> None:
        """Write if the last time was a while ago."""
        self._changed = True
        if time.monotonic() - self._written > (_SECONDS if self._noted else _FIRST):
            self.write()

    def write(self) -> None:
        """Write the tables if there is something new, beside the draws that the file may hold.

        Draws without tables may be of another run, which `FinishedDraws` sees: until then they are let alone.
        """
        if self._writes and self._changed and not self._drawn:
            self._noted, self._changed = True, False
            _save(self._path, self._others | self.arrays())
            self._written = time.monotonic()

    def arrays(self) -> Fields:
        """What belongs into the file: nothing, unless it took long."""
        if not self._noted:
            return {}
        return {"search": np.array(self.run)} | {f"search {name}": t for name, t in self._tables.items()}

    def _read(self) -> None:
        try:
            arrays = read_arrays(self._path)
            run = str(arrays.pop("search")) if "search" in arrays else None
            names = [name for name in arrays if name.startswith("search ")]
            tables = {name.removeprefix("search "): arrays.pop(name).astype(float) for name in names}
        except (OSError, ValueError, TypeError):
            raise ValueError(_damaged(self._path)) from None
        if run is not None and run != self.run:
            raise ValueError(_another(self._path))
        self._tables, self._others, self._noted = tables, dict(arrays), run is not None
        self._drawn = run is None


def _damaged(path: Path) -> str:
    return f"{path}: not a file of finished draws, or a damaged one; remove it"


def _another(path: Path) -> str:
    return f"{path}: finished draws of another run; remove them or name another file"


def _save(path: Path, arrays: Fields) -> None:
    """Write beside the file, then move into place: a killed run leaves the last whole one."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    write_atomically(path, save)


def _moments(arrays: Mapping[str, AnyArray]) -> Moments:
    return Moments(int(arrays["count"]), arrays["mean"], arrays["squares"], *_products(arrays))


def _products(arrays: Mapping[str, AnyArray]) -> tuple[AnyArray | None, NDArray[np.intp] | None]:
    """Products of deviations and their levels, which files of earlier versions do not have."""
    if "products" not in arrays:
        return None, None
    return arrays["products"], arrays["places"].astype(np.intp)
