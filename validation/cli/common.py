"""Options that every command takes, and how each prints."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

__all__ = ["JsonFlag", "QuietFlag", "SeedOption", "errors", "output", "print_json"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="No progress and no table.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]


def output() -> Console:
    """Console on standard output."""
    return Console()


def errors() -> Console:
    """Console on standard error, for progress and notes."""
    return Console(stderr=True)


def print_json(content: Any) -> None:
    """Print strict JSON (no NaN) on standard output."""
    print(json.dumps(content, indent=1, allow_nan=False))
