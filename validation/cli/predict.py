"""`speciation predict SPEC`: every criterion's speciation time."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .common import JsonFlag, QuietFlag, SeedOption, announce, announce_reading, output, print_json

if TYPE_CHECKING:
    from ...theory.times.prediction import SpeciationTime

__all__ = ["predict"]

_MEANING = {
    "entropy-peak": "σ at the highest dH/dt per unit OU time (peak_per_ou_time), in every clock",
    "entropy-median": "half of the entropy left (median_sigma)",
    "second-mode": "the density of the noised data gets its second maximum",
    **{
        f"commitment-{share}": "this percentage of the runs whose likelier class changes at all have had"
        " their last change, for runs to σ = 0"
        for share in (10, 50, 90)
    },
    "expected-gamma-0.9": "where γ equals its mean at the first posterior of 0.9; not the mean time",
}
_COLUMNS = 80  # of the lines below the table
_UNITS = {"time": "of the clock", "sigma": "noise-to-signal ratio", "gamma": "1"}


def predict(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="A Gaussian mixture: a short text such as binary:d=64,mu=1,s=1 or digits:3,8, or a file "
            "(.json, .npz).",
        ),
    ],
    clock: Annotated[
        str,
        typer.Option(
            help="Clock in which times are given: ou, edm, ddpm, sd15, vp, cosine, flow, flow:shift=3, ..."
        ),
    ] = "ou",
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Predict when a mixture's class is decided, from exact theory.

    Prints the speciation time of every criterion, with σ and the separation γ there, and when runs commit to
    a class, that is, no longer change it. Time counts noise: t = 0 is clean data, and generation runs from
    large t to small.
    """
    from ...theory import schedules
    from ...theory.mixtures.mixture import GaussianMixture
    from ...theory.times.prediction import expected_seconds, speciation_times
    from ...theory.times.runs import probability_of_change, run_times
    from ...theory.times.window import check_classes

    schedule = schedules.by_name(clock)
    announce_reading(spec, quiet)
    mixture = GaussianMixture.parse(spec)
    check_classes(mixture)
    announce(expected_seconds(mixture), "exact curves of many classes", quiet)
    times, runs = speciation_times(mixture, schedule), run_times(mixture, schedule)
    probability = probability_of_change(mixture)
    if as_json:
        entries = [entry.to_json() for entry in times]
        about = {"mixture": {"spec": spec, **mixture.describe()}, "clock": clock}
        along = {"probability_of_change": probability, "times": [entry.to_json() for entry in runs]}
        print_json({**about, "times": entries, "runs": along, "notes": _MEANING, "units": _UNITS})
        return
    if quiet:
        return
    _show(f"{spec}, times in the {clock} clock", times, runs, probability)


def _show(
    title: str,
    times: "Sequence[SpeciationTime]",
    runs: "Sequence[SpeciationTime]",
    probability: float | None,
) -> None:
    """The table of numbers and, below it, what has to be said of them: a column for it would be narrow."""
    table = Table(title=title)
    for name in ("criterion", "time", "sigma", "gamma"):
        table.add_column(
            name, justify="left" if name == "criterion" else "right", no_wrap=True, overflow="fold"
        )
    said: dict[str, list[str]] = {}
    for entry in (*times, *runs):
        if entry is runs[0]:
            table.add_section()
        numbers = [entry.time, entry.sigma, entry.gamma]
        table.add_row(entry.criterion, *("–" if n is None else f"{n:.10g}" for n in numbers))
        for text in (entry.reason or _MEANING.get(entry.criterion), entry.note):
            if text:
                said.setdefault(text, []).append(entry.criterion)
    output().print(table)
    lines = [f"{', '.join(criteria)}: {text}" for text, criteria in said.items()]
    if probability is not None and probability < 1:
        lines.append(f"a run to σ = 0 changes its likelier class at all with probability {probability:.6g}")
    for line in lines:
        output().print("\n".join(textwrap.wrap(line, _COLUMNS, subsequent_indent="  ")))
