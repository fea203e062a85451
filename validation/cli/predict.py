"""`speciation predict SPEC`: every criterion's speciation time."""

from typing import Annotated

import typer
from rich.table import Table

from .common import JsonFlag, QuietFlag, SeedOption, announce, announce_reading, output, print_json

__all__ = ["predict"]

_MEANING = {
    "entropy-peak": "σ at the highest dH/dt per unit OU time (peak_per_ou_time), in every clock",
    "entropy-median": "half of the entropy left (median_sigma)",
}
_UNITS = {"time": "of the clock", "sigma": "noise-to-signal ratio", "gamma": "1"}


def predict(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A mixture: binary:d=64,mu=1,s=1, digits:3,8 or a file.")
    ],
    clock: Annotated[
        str, typer.Option(help="Clock of the times: ou, edm, ddpm, sd15, vp, cosine, flow, flow:shift=3, ...")
    ] = "ou",
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Every criterion's speciation time, with σ and γ there, from exact theory."""
    from ...theory import schedules
    from ...theory.mixtures.mixture import GaussianMixture
    from ...theory.times.prediction import SpeciationTime, expected_seconds, speciation_times
    from ...theory.times.window import check_classes

    schedule = schedules.by_name(clock)
    announce_reading(spec, quiet)
    mixture = GaussianMixture.parse(spec)
    check_classes(mixture)
    announce(expected_seconds(mixture), "exact curves of many classes", quiet)
    times = speciation_times(mixture, schedule)
    if as_json:
        entries = [entry.to_json() for entry in times]
        about = {"mixture": {"spec": spec, **mixture.describe()}, "clock": clock}
        print_json({**about, "times": entries, "notes": _MEANING, "units": _UNITS})
        return
    if quiet:
        return

    def row(entry: SpeciationTime) -> list[str]:
        numbers = [entry.time, entry.sigma, entry.gamma]
        note = entry.reason or _MEANING.get(entry.criterion, "")
        return [entry.criterion, *("–" if n is None else f"{n:.10g}" for n in numbers), note]

    table = Table(title=f"{spec}, times of the {clock} clock")
    for name in ("criterion", "time", "sigma", "gamma", "note"):
        is_number = name in ("time", "sigma", "gamma")
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=name != "note", overflow="fold"
        )
    for entry in times:
        table.add_row(*row(entry))
    output().print(table)
