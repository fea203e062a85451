"""Options that every command takes, and how each prints."""

import json
import logging
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ...theory._support.aliases import Fields
from ...theory._support.plain_numbers import plain_number

__all__ = [
    "JsonFlag",
    "QuietFlag",
    "SeedOption",
    "announce",
    "announce_reading",
    "duration",
    "errors",
    "forget_kept",
    "given",
    "interruption",
    "interval_of",
    "keeps",
    "output",
    "path_of",
    "prepare_figures",
    "print_cost",
    "print_json",
    "sampling_progress",
    "told",
    "was_given",
]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Print neither progress nor tables.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**64 - 1, help="Seed of all random numbers.")]

_EVERY = 60.0  # seconds between two lines of progress

_OF_OUTPUT = ("out", "html", "as_json", "quiet", "estimate", "list_all")


_UNBOUNDED = 1 << 20  # columns: wider than anything that is printed
_LARGE, _TRIED = 1000, 800  # dimensions: of a matrix worth a trial, and of the trial
_PACKED = 4  # how far a compressed file of measured numbers shrinks, at most
_LONG = 5.0  # seconds from which a wait is announced


class _Plain(Console):
    """Text as it is, brackets and all, never cut; a table at least as wide as its words and numbers."""

    def print(self, *objects: Any, **options: Any) -> None:
        tables = [each for each in objects if isinstance(each, Table)]
        if not tables:
            super().print(*objects, soft_wrap=True, **options)
            return
        before = self.width
        self.width = max(before, *(self._least_width(table) for table in tables))
        super().print(*objects, crop=False, **options)
        self.width = before

    def _least_width(self, table: Table) -> int:
        """Width at which no number and no word is cut, which the table's columns then keep to."""
        wide = self.options.update_width(_UNBOUNDED)
        for column in table.columns:
            sizes = [Measurement.get(self, wide, cell) for cell in (column.header, *column.cells)]
            column.min_width = max(size.maximum if column.no_wrap else size.minimum for size in sizes)
            column.overflow = "fold"
        title = Measurement.get(self, wide, table.title or "").minimum
        table.min_width = max(title, table.min_width or 0)
        return max(title, Measurement.get(self, wide, table).minimum)


def output() -> Console:
    """Console on standard output."""
    return _Plain(markup=False, emoji=False, highlight=False)


def errors() -> Console:
    """Console on standard error, for progress and notes."""
    return _Plain(stderr=True, markup=False, emoji=False, highlight=False)


_keeping: list[Path | None] = []  # where this process's command keeps finished work, `None` for nowhere


told: list[int] = []
"""Signals that told the process to end, in order."""


def keeps(place: Path | None) -> None:
    """Say where the running command keeps finished work: a file or a folder, or `None` without `--out`."""
    _keeping.append(place)


def forget_kept() -> None:
    """A command that begins has kept nothing yet, whatever another in the same process did."""
    _keeping.clear()


def interruption() -> str:
    """One line that says whether anything is kept; what `keeps` was told is then forgotten."""
    places, _keeping[:] = _keeping[:], []
    named = [place for place in places if place is not None]
    if any(place.is_file() or (place.is_dir() and any(place.iterdir())) for place in named):
        return "interrupted; finished work is kept"
    if named:
        return "interrupted before anything was finished; nothing is kept"
    return "interrupted; nothing is kept" + ("; name --out to keep work" if places else "")


def duration(seconds: float) -> str:
    """A time as people say it."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    whole = max(round(seconds), 1)
    return f"{whole} second{'s' if whole > 1 else ''}"


def announce(seconds: float, what: str, quiet: bool) -> None:
    """Say on standard error how long something is expected to take, if it is worth saying."""
    if seconds > _LONG and not quiet:
        errors().print(f"about {duration(seconds)}: {what}")


def announce_reading(spec: str, quiet: bool) -> None:
    """Say before a file of large matrices is read how long their eigenvectors take, as d³ of its size."""
    path = Path(spec)
    if path.suffix != ".npz" or not path.is_file():
        return
    # eight bytes a number; of several matrices the work is less than that of one as large as all
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            held = sum(member.file_size for member in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return  # the reader says what it is
    if held > _PACKED * size:  # no numbers of a mixture; the reader refuses what it is too large for
        return
    dimension = (size / 8) ** 0.5
    if dimension < _LARGE:
        return
    small = np.random.default_rng(0).standard_normal((_TRIED, _TRIED))
    np.linalg.eigh(small[:64, :64])
    began = time.perf_counter()
    np.linalg.eigh(small)
    # what does not fit into a cache takes about twice as long
    seconds = 2 * (time.perf_counter() - began) * (dimension / _TRIED) ** 3
    announce(seconds, f"eigenvectors of the covariances in {spec}", quiet)


def print_cost(cost: Any, what: str, as_json: bool) -> None:
    """Print what a run would cost, in place of the run: seconds, bytes of memory, draws."""
    if as_json:
        print_json(asdict(cost))
        return
    output().print(f"about {duration(cost.seconds)} and {cost.bytes / 1e9:.2g} GB: {what}")


def prepare_figures(ending: str = ".png") -> None:
    """Import what draws, so that what is wrong with it is said before the work; for data files nothing."""
    if ending not in (".png", ".pdf", ".svg"):
        return
    log = logging.getLogger("matplotlib")
    asked, level = os.environ.pop("MPLBACKEND", None), log.level
    log.setLevel(logging.ERROR)  # where it keeps its cache, and what it makes of a style that is not used
    try:
        from ..figures import style as style
    except UnicodeDecodeError:
        raise ValueError("MATPLOTLIBRC: the user's matplotlibrc is not UTF-8") from None
    finally:
        log.setLevel(level)
        if asked is not None:
            os.environ["MPLBACKEND"] = asked


def given(context: typer.Context) -> Fields:
    """What a command was asked to compute, for the manifest: its name, and options but those of output."""
    numbers = {name: value for name, value in context.params.items() if name not in _OF_OUTPUT}
    return {"command": context.info_name, **{k: v for k, v in numbers.items() if v is not None}}


def was_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter was asked for, and does not merely have its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def path_of(text: str) -> Path:
    """A path as it was given; an empty one would be the folder at hand."""
    if not text:
        raise typer.BadParameter("is empty, and names no file or folder")
    return Path(text)


def interval_of(text: str) -> tuple[float, float]:
    """`LOW,HIGH` as numbers; `ValueError` unless 0 <= LOW < HIGH, both finite."""
    try:
        low, high = (plain_number(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"interval: {text!r} is not LOW,HIGH") from None
    if not 0 <= low < high < inf:
        more = "; without an interval guidance acts at every level" if high == inf else ""
        raise ValueError(f"interval: need 0 <= LOW < HIGH, both finite, not {text}{more}")
    return low, high


def print_json(content: object) -> None:
    """Print strict JSON (no NaN) on standard output."""
    print(json.dumps(content, indent=1, allow_nan=False))


@contextmanager
def sampling_progress(quiet: bool, what: str = "draws") -> Iterator[Callable[[int, int], None]]:
    """Progress on standard error: call what it yields with the work done and the whole.

    For a terminal a bar, and else a line each minute.
    """
    if quiet:
        yield _heeding(lambda done, total: None)
        return
    if not sys.stderr.isatty():
        with _lines(what) as note:
            yield _heeding(note)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield _heeding(advance)


def _heeding(show: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """`show`, which first stops where a signal has told to and its exception was lost.

    Python drops what is raised in a callback of the garbage collector, where JAX has one.
    """

    def call(done: int, total: int) -> None:
        if told:
            raise KeyboardInterrupt
        show(done, total)

    return call


@contextmanager
def _lines(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line on standard error each minute, also while a single piece of work takes longer than that."""
    finished, started = threading.Event(), time.monotonic()
    first: tuple[int, float] | None = None
    last = 0, 0

    def note(done: int, total: int) -> None:
        nonlocal first, last
        # what was found finished took no time, nor does what is prepared but once come again
        first = first or (done, time.monotonic())
        last = done, total

    def tell() -> None:
        while not finished.wait(_EVERY):
            with suppress(OSError, ValueError):  # nobody reads it any more
                print(_progress(what, *last, started, first), file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield note
    finally:
        finished.set()
        thread.join()


def _progress(what: str, done: int, total: int, started: float, first: tuple[int, float] | None) -> str:
    """How far the work has come, and how long the rest takes at the speed since the first report."""
    now = time.monotonic()
    spent = f"{what}: {done:,} of {total:,}" if total else f"{what}: at work"
    left = ""
    if first is not None and first[0] < done <= total:
        rest = (now - first[1]) / (done - first[0]) * (total - done)
        left = f", about {duration(rest)} left"
    return f"{spent} after {duration(now - started)}{left}"
