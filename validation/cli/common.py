"""Options that every command takes, and how each prints."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**64 - 1, help="Seed of every random number.")]

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
    """A bar on standard error, for a terminal: call what it yields with the work done and the whole."""
    console = errors()
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
