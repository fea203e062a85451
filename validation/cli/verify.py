"""`speciation verify`: prove and measure every theorem."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce,
    errors,
    output,
    path_of,
    prepare_figures,
    print_json,
)

if TYPE_CHECKING:
    from ..verification.verify import TheoremResult

__all__ = ["verify"]

_MOST = 8  # processes of about a gigabyte each
_BRIEF = 20.0  # seconds, of which each process takes some to start


def verify(
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Theorems to verify, such as T4; all if none is given."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="The same as an option; may be repeated.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path_of, metavar="PATH", help="Folder for a report with derivations and figures."
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes that share the theorems; by default one for each core, and one on accelerators "
            "or for what takes seconds.",
        ),
    ] = None,
) -> None:
    """Prove every theorem with SymPy and check its numbers by an independent method.

    The exit status is 1 if a check fails.
    """
    from ...numerics._support.devices import check_devices
    from ...numerics.runs.atomic_files import check_directory
    from ...theory._support.whole_numbers import whole_number
    from ...theory.theorems import THEOREMS, by_id
    from ..verification import report
    from ..verification.verify import seconds_of, summary
    from ..verification.verify import verify as verified

    if out is not None:
        check_directory(out, report.FILES)
        prepare_figures()
    check_devices()
    names = [name for text in (only or []) + (more or []) for name in text.split(",")]
    chosen = [by_id(name).id for name in names]
    brief = seconds_of(chosen or THEOREMS) < _BRIEF
    shared = whole_number((1 if brief else _cores()) if workers is None else workers, "workers")
    announce(seconds_of(chosen or THEOREMS, shared), "proofs and measurements", quiet)
    started = time.monotonic()
    with _progress(quiet) as advance:
        results = verified(chosen, seed, advance, shared)
    seconds = time.monotonic() - started
    if out is not None:
        for path in report.write(results, out, seed):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json(summary(results))
    elif not quiet:
        _print(results, seconds)
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def _cores() -> int:
    """How many processes are of use: of those on an accelerator, the first would take its memory."""
    import jax

    if jax.default_backend() != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST)


@contextmanager
def _progress(quiet: bool) -> "Iterator[Callable[[TheoremResult], None]]":
    """What to call with each result: the last one is shown on a terminal."""
    console = errors()
    if quiet or not sys.stderr.isatty():
        yield lambda result: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("proving and measuring", total=None)

        def advance(result: "TheoremResult") -> None:
            verdict = "passed" if result.passed else "FAILED"
            progress.update(task, description=f"{result.theorem.id} {result.theorem.name}: {verdict}")

        yield advance


def _print(results: "list[TheoremResult]", seconds: float) -> None:
    """A row for each theorem; `seconds` is what all of them took."""
    console = output()
    table = Table(title="Theorems")
    for name in ("id", "name", "proof", "measured", "2 % wrong rejected", "verdict"):
        table.add_column(name)
    table.add_column("seconds", justify="right")
    for result in results:
        steps, checks = result.proof, result.checks
        rejected = sum(x.mutant_rejected for x in (*steps, *checks))
        table.add_row(
            result.theorem.id,
            result.theorem.name,
            f"{sum(step.holds for step in steps)}/{len(steps)} steps",
            f"{sum(check.passed for check in checks)}/{len(checks)} checks",
            f"{rejected}/{len(steps) + len(checks)}",
            "passed" if result.passed else "FAILED",
            f"{result.seconds:.1f}",
        )
    console.print(table)
    for result in results:
        _print_failures(result)
    passed = sum(result.passed for result in results)
    console.print(f"{passed} passed, {len(results) - passed} failed in {seconds:.0f} s")


def _print_failures(result: "TheoremResult") -> None:
    console = output()
    for step in result.proof:
        if not step.ok:
            problem = "does not reduce to zero" if not step.holds else "wrong by 2 % it is not rejected"
            console.print(f"{result.theorem.id}: proof step {step.name!r} {problem}")
    for check in result.checks:
        if not check.ok:
            numbers = f"expected {check.expected:.12g}, measured {check.measured:.12g}"
            problem = f"{numbers}, tolerance {check.tolerance:.2g}"
            if check.passed:
                problem += "; a statement wrong by 2 % is not rejected"
            console.print(f"{result.theorem.id}: {check.name}: {problem}")
