"""Options that every command takes, and how each prints."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = [
    "JsonFlag",
    "QuietFlag",
    "SeedOption",
    "errors",
    "given",
    "output",
    "print_json",
    "sampling_progress",
]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="No progress and no table.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]

_EVERY = 60.0  # seconds between two lines of progress

_OF_OUTPUT = ("out", "as_json", "quiet", "estimate", "list_all")


def output() -> Console:
    """Console on standard output."""
    return Console()


def errors() -> Console:
    """Console on standard error, for progress and notes."""
    return Console(stderr=True)


def given(context: typer.Context) -> dict[str, Any]:
    """What a command was asked to compute, for the manifest: its name, and options but those of output."""
    numbers = {name: value for name, value in context.params.items() if name not in _OF_OUTPUT}
    return {"command": context.info_name, **{k: v for k, v in numbers.items() if v is not None}}


def print_json(content: Any) -> None:
    """Print strict JSON (no NaN) on standard output."""
    print(json.dumps(content, indent=1, allow_nan=False))


@contextmanager
def sampling_progress(quiet: bool, what: str = "draws") -> Iterator[Callable[[int, int], None]]:
    """Progress on standard error: call what it yields with the work done and the whole.

    For a terminal a bar, and else a line each minute.
    """
    console = errors()
    if quiet:
        yield lambda done, total: None
        return
    if not console.is_terminal:
        with _lines(what) as note:
            yield note
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


@contextmanager
def _lines(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line on standard error each minute, also while a single piece of work takes longer than that."""
    state, finished, started = (0, 0), threading.Event(), time.monotonic()

    def note(done: int, total: int) -> None:
        nonlocal state
        state = done, total

    def tell() -> None:
        while not finished.wait(_EVERY):
            with suppress(OSError, ValueError):  # nobody reads it any more
                print(_progress(what, *state, time.monotonic() - started), file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield note
    finally:
        finished.set()
        thread.join()


def _progress(what: str, done: int, total: int, seconds: float) -> str:
    """How far the work has come, and how long the rest takes at the same speed."""
    spent = f"{what}: {done:,} of {total:,}" if total else f"{what}: at work"
    left = f", about {_minutes(seconds / done * (total - done))} left" if 0 < done <= total else ""
    return f"{spent} after {_minutes(seconds)}{left}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
