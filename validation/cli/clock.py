"""`speciation clock VALUE --from C --to C[,C…]`: a noise level in the units of other programs."""

from typing import Annotated, Any

import typer
from rich.table import Table

from .common import JsonFlag, QuietFlag, SeedOption, output, print_json

__all__ = ["clock"]

_KNOWN = (
    "edm (σ), ou, logsnr, flow, flow:shift=3, flow-sit, ddpm, sd15, vp, sub-vp, ve, cosine, steps:250, "
    "steps:N:GRID, fraction:karras:32, a scheduler's folder, or a file of alphas_cumprod"
)


def clock(
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="A number, a list a,b,c, or an interval a:b.")
    ],
    from_: Annotated[str, typer.Option("--from", help=f"Clock of VALUE: {_KNOWN}.")] = "edm",
    to: Annotated[
        str, typer.Option(help="Clocks to convert to, separated by commas.")
    ] = "ou,logsnr,flow,flow-sit",
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Convert noise levels between the clocks of different programs: σ, times, steps, fractions of a run.

    Conversions are exact in both directions. A value beyond the end of a clock is refused.
    """
    from ..control.clocks import convert_levels, split_names, values_of

    values, interval = values_of(value)
    names = split_names(to)
    found = convert_levels(values, from_, names, interval)
    if as_json:
        print_json(
            {
                "from": from_,
                "values": values.tolist(),
                "to": {name: times.tolist() for name, times in found.times.items()},
                "sigma": found.sigma.tolist(),
                "steps": {name: None if pair is None else list(pair) for name, pair in found.steps.items()},
                "units": found.units(),
            }
        )
    elif not quiet:
        output().print(_table(found, from_, values))


def _table(found: Any, source: str, values: Any) -> Table:
    table = Table(title=f"{', '.join(f'{value:.10g}' for value in values)} of {source}")
    table.add_column("clock", no_wrap=True)
    for _ in values:
        table.add_column("", justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_row("sigma", *(f"{each:.10g}" for each in found.sigma), "σ, the noise-to-signal ratio")
    units = found.units()
    for name, times in found.times.items():
        note = units[name]
        if name in found.steps:
            pair = found.steps[name]
            inside = "no whole step inside" if pair is None else f"steps {pair[0]} to {pair[1]} inside"
            note = f"{note}; {inside}"
        table.add_row(name, *(f"{each:.10g}" for each in times), note)
    return table
