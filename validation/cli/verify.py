"""`speciation verify`: prove and measure every theorem."""

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


# about what each takes on one core of two
_SECONDS = {
    "T1": 3, "T2": 8, "T3": 5, "T4": 5, "T5": 3, "T6": 22, "T7": 5, "T8": 15, "T9": 12, "T10": 3, "T11": 15,
    "T12": 14, "T13": 2, "T14": 24, "T15": 2, "T16": 1, "T17": 7, "T18": 4,
    "T19": 15, "T20": 12, "T21": 15, "T22": 4, "T23": 10,
}  # fmt: skip
_OTHER = 10


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
) -> None:
    """Prove every theorem with SymPy and check its numbers by an independent method.

    The exit status is 1 if a check fails.
    """
    from ...numerics._support.devices import check_devices
    from ...numerics.runs.atomic_files import prepare_directory
    from ...theory.theorems import THEOREMS, by_id
    from ..verification import report
    from ..verification.verify import summary
    from ..verification.verify import verify as verified

    if out is not None:
        prepare_directory(out)
        prepare_figures()
    check_devices()
    names = [name for text in (only or []) + (more or []) for name in text.split(",")]
    chosen = [by_id(name).id for name in names]
    announce(sum(_SECONDS.get(each, _OTHER) for each in chosen or THEOREMS), "proofs and measurements", quiet)
    started = time.monotonic()
    ended: list[float] = []
    with _progress(quiet) as advance:

        def noted(result: "TheoremResult") -> None:
            ended.append(time.monotonic() - started)
            advance(result)

        results = verified(chosen, seed, noted)
    if out is not None:
        for path in report.write(results, out, seed):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json(summary(results))
    elif not quiet:
        _print(results, ended)
    if not all(result.passed for result in results):
        raise typer.Exit(1)


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


def _print(results: "list[TheoremResult]", ended: list[float]) -> None:
    """A row for each theorem; `ended` are the seconds by which each was done."""
    console = output()
    table = Table(title="Theorems")
    for name in ("id", "name", "proof", "measured", "mutants rejected", "verdict"):
        table.add_column(name)
    table.add_column("seconds", justify="right")
    for result, start, end in zip(results, [0.0, *ended], ended, strict=False):
        steps, checks = result.proof, result.checks
        rejected = sum(x.mutant_rejected for x in (*steps, *checks))
        table.add_row(
            result.theorem.id,
            result.theorem.name,
            f"{sum(step.holds for step in steps)}/{len(steps)} steps",
            f"{sum(check.passed for check in checks)}/{len(checks)} checks",
            f"{rejected}/{len(steps) + len(checks)}",
            "passed" if result.passed else "FAILED",
            f"{end - start:.1f}",
        )
    console.print(table)
    for result in results:
        _print_failures(result)
    passed = sum(result.passed for result in results)
    console.print(f"{passed} passed, {len(results) - passed} failed in {ended[-1]:.0f} s")


def _print_failures(result: "TheoremResult") -> None:
    console = output()
    for step in result.proof:
        if not step.ok:
            problem = "does not reduce to zero" if not step.holds else "its mutant is not rejected"
            console.print(f"{result.theorem.id}: proof step {step.name!r} {problem}")
    for check in result.checks:
        if not check.ok:
            numbers = f"expected {check.expected:.12g}, measured {check.measured:.12g}"
            problem = f"{numbers}, tolerance {check.tolerance:.2g}"
            if check.passed:
                problem += "; its mutant is not rejected"
            console.print(f"{result.theorem.id}: {check.name}: {problem}")
