"""`speciation control CURVE`: what a curve says about the guidance interval and the steps."""

import json
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ...theory._support.plain_numbers import plain_number
from .common import JsonFlag, QuietFlag, SeedOption, errors, output, path_of, print_json, was_given

__all__ = ["control"]

_CLOSED = 0.01  # relative difference of a curve's area from the entropy that is worth a word
_ABOVE = 0.02  # share of the class that is decided above the highest level, from which it is said

_WORDS = (
    "class-optimal is least in the KL that steps cost because the class is not known, for ancestral sampling "
    "with exact denoisers; deterministic solvers and errors of the network are not in it",
    "shares are of the class's entropy: they say when the class is decided, and not which interval makes "
    "images look best; published optima of one model differ by metric and sampler",
)


def control(
    context: typer.Context,
    curve: Annotated[
        Path,
        typer.Argument(
            metavar="CURVE", parser=path_of, help="What curve or measure wrote, or a table of yours."
        ),
    ],
    steps: Annotated[int, typer.Option(min=2, max=100_000, help="Levels of each grid.")] = 32,
    interval: Annotated[
        str | None,
        typer.Option(
            help="LOW:HIGH of guidance, LOW < sigma <= HIGH; by default from 5 to 95 % of the entropy."
        ),
    ] = None,
    sigma: Annotated[str, typer.Option(help="LOW:HIGH of the grids.")] = "0.002:80",
    grid: Annotated[
        str, typer.Option(help="The grid to print: class-optimal, equal-entropy, karras or log-uniform.")
    ] = "class-optimal",
    given: Annotated[
        str | None,
        typer.Option("--given", help="A grid of yours, a,b,c falling, to be judged with the others."),
    ] = None,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the steps that is spread evenly over log sigma.")
    ] = 0.1,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Print the grid or interval alone, to paste: sigmas (ComfyUI, k-diffusion, Euler), "
            "timesteps (DPM-Solver), flow, edm, guider, steps, interval or json (all).",
        ),
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="The program's clock: flow:shift=3, sd15, ddpm, a scheduler's folder.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="dit or edm2-xs: show the interval that was best in published sweeps.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(parser=path_of, metavar="F.json", help="Write all of it.")
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """The window of decision, what an interval holds, when the class is settled, and grids of steps.

    Everything is read off the curve; no model is run.
    """
    from ..control.formats import FORMATS
    from ..control.information import information_of
    from ..measurement.curve_files import read_curve

    if format_ is not None and format_ not in FORMATS:
        raise ValueError(f"--format: {format_!r} is not one of {', '.join(FORMATS)}")
    if out is not None:
        from ...numerics.runs.atomic_files import prepare_file

        prepare_file(out, (".json",))
    own = None if given is None else _falling(given)
    found: dict[str, Any] = {"curve": str(curve)}
    known = information_of(read_curve(curve))
    found |= _settings(known, steps, interval, _range(context, sigma, clock), grid, own, floor)
    found |= {"published": _published(model), "notes": [*_unseen(known), *_WORDS]}
    if out is not None:
        _write(found, out, quiet)
    if as_json:
        print_json(found)
    elif format_ is not None:
        output().print(_pasted(found["formats"], format_))
        for note in [] if quiet else _unseen(known):
            errors().print(f"note: {note}")
    elif not quiet:
        _print(found, curve.name)


def _unseen(known: Any) -> list[str]:
    """What a curve that ends below its window does not show."""
    if known.above <= _ABOVE:
        return []
    return [
        f"the curve ends at sigma = {exp(known.x[-1]):.4g}, where its entropy still rises: about "
        f"{100 * known.above:.0f} % of the class or more is decided above, so that the window, shares and "
        "grids begin too low; measure higher levels"
    ]


def _settings(
    known: Any,
    steps: int,
    interval: str | None,
    of_program: tuple[tuple[float, float], float, Any],
    grid: str,
    given: list[float] | None,
    floor: float,
) -> dict[str, Any]:
    """Everything that is read off the curve."""
    from ..control.formats import all_formats
    from ..control.grids import class_grids, path_kl
    from ..control.settings import interval_says, settled, window

    ends, shift, table = of_program
    found: dict[str, Any] = {"entropy": known.whole, "closure": known.closure, "window": window(known)}
    within = _interval(interval, found["window"])
    if within is not None:
        found["interval"] = interval_says(known, *within)
    found["commitment"] = settled(known)
    grids = {name: levels.tolist() for name, levels in class_grids(known, steps, ends, floor).items()}
    if given is not None:
        grids["given"] = given
    if grid not in grids:
        raise ValueError(f"grid: {grid!r} is not one of {', '.join(grids)}")
    costs = {name: path_kl(known, levels) for name, levels in grids.items()}
    formats = None if within is None else all_formats(grids[grid], within, shift, table)
    return found | {"grids": grids, "path_kl": costs, "grid": grid, "formats": formats}


def _published(model: str | None) -> list[Any]:
    from ..control.settings import published

    return [] if model is None else list(published(model))


def _write(found: dict[str, Any], out: Path, quiet: bool) -> None:
    from ...numerics.runs.atomic_files import write_atomically, write_text

    write_atomically(out, lambda path: write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n"))
    if not quiet:
        errors().print(f"wrote {out}")


def _range(context: typer.Context, sigma: str, clock: str | None) -> tuple[tuple[float, float], float, Any]:
    """Ends of the grids, the shift of a flow, and the table of steps; a clock's own ends unless asked."""
    from ...theory import schedules
    from ..control.clocks import clock_of

    low, high = _pair(sigma, "sigma")
    own = None if clock is None else clock_of(clock)
    if own is not None and not was_given(context, "sigma"):
        low, high = max(low, own.first_sigma), min(high, own.last_sigma)
    shift = own.shift if isinstance(own, schedules.FlowMatching) else 1.0
    return (low, high), shift, own if isinstance(own, schedules.Spaced) else None


def _interval(asked: str | None, found: dict[str, float | None]) -> tuple[float, float] | None:
    if asked is not None:
        return _pair(asked, "interval")
    low, high = found["q05"], found["q95"]
    return None if low is None or high is None else (low, high)


def _pair(text: str, name: str) -> tuple[float, float]:
    numbers = _numbers(text, ":", name)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1]:
        raise ValueError(f"{name}: {text!r} is not LOW:HIGH with LOW < HIGH")
    return numbers[0], numbers[1]


def _numbers(text: str, mark: str, name: str) -> list[float]:
    try:
        return [plain_number(part) for part in text.split(mark)]
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not numbers with {mark!r} between them") from None


def _falling(text: str) -> list[float]:
    numbers = _numbers(text, ",", "given")
    finite = [number for number in numbers if number > 0]
    falls = all(later < before for before, later in pairwise(numbers))
    if len(finite) < 2 or not falls or numbers[-1] < 0:
        raise ValueError(f"given: {text!r} is not a list of at least two levels, falling")
    return numbers


def _pasted(formats: dict[str, Any] | None, name: str) -> str:
    if formats is None:
        raise ValueError("interval: the curve does not show its window; say LOW:HIGH")
    content = formats if name == "json" else formats.get(name)
    if content is None:
        why = "needs --clock with a table: sd15, ddpm or a scheduler's folder"
        raise ValueError(
            f"--format: {name} {why if name == 'timesteps' else 'has no step inside the interval'}"
        )
    return json.dumps(content)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _print(found: dict[str, Any], name: str) -> None:
    console = output()
    places = ", ".join(f"{key} {_number(value)}" for key, value in found["window"].items())
    console.print(f"{name}: window of decision, sigma at 5, 50, 95 % of the entropy: {places}")
    if abs(found["closure"] - 1) > _CLOSED:
        console.print(
            f"the area below the measured rate is {found['closure']:.3g} of the class's entropy, "
            f"{found['entropy']:.4g} nats; shares are of that area"
        )
    if "interval" in found:
        says = found["interval"]
        gain = "" if says["gain_share"] is None else f"; {says['gain_share']:.1%} of the gain"
        console.print(
            f"guidance for {says['low']:.4g} < sigma <= {says['high']:.4g}: of the entropy "
            f"{says['decided_above']:.1%} is decided above, {says['decided_within']:.1%} within, "
            f"{says['decided_below']:.1%} below; to first order half log-odds of two classes move by "
            f"{says['late_shift_per_excess_weight']:.3g} (w - 1){gain}"
        )
    table = Table(title="the class still changes with at most this probability")
    for column in ("probability", "below sigma, any data", "surely more above sigma", "two Gaussians"):
        table.add_column(column, justify="right")
    for row in found["commitment"]:
        cells = (row["sigma"], row["sigma_lower_bound"], row.get("sigma_two_gaussians"))
        table.add_row(f"{row['probability']:g}", *(_number(cell) for cell in cells))
    console.print(table)
    for grid, cost in found["path_kl"].items():
        console.print(f"{grid}: {len(found['grids'][grid])} levels, path KL of the class {cost:.4g} nats")
    for row in found["published"]:
        low, high = row["interval"]
        console.print(f"published: best {row['metric']} for {low:g} < sigma <= {high:g} ({row['source']})")
    console.print(f"{found['grid']}: {', '.join(f'{each:.5g}' for each in found['grids'][found['grid']])}")
    for note in found["notes"]:
        console.print(f"note: {note}")
