"""`speciation control CURVE`: what a curve says about the guidance interval and the steps."""

import json
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ...theory._support.aliases import Fields
from ...theory._support.plain_numbers import plain_number
from .common import JsonFlag, QuietFlag, SeedOption, errors, output, path_of, print_json, was_given

__all__ = ["control"]

_OF_ONE_CURVE = (
    "steps", "interval", "guidance", "sigma", "grid", "given", "error", "prior", "floor", "format_", "clock",
)  # fmt: skip
"""Options that ask for more than windows, which are all that is said of several pairs."""

_CLOSED = 0.01  # relative difference of a curve's area from the entropy that is worth a word

_WORDS = (
    "class-optimal minimises the path KL of finite steps, for ancestral sampling with exact denoisers; "
    "deterministic solvers and errors of the network are not included",
    "percentages are of the class entropy: they say when the class is decided, not which interval gives the "
    "best images; published optima of one model differ by metric and sampler",
)


def control(
    context: typer.Context,
    curve: Annotated[
        Path,
        typer.Argument(
            metavar="CURVE",
            parser=path_of,
            help="What curve or measure wrote, or a table with the columns sigma,entropy.",
        ),
    ],
    pair: Annotated[
        str | None,
        typer.Option(
            help="For a folder of several pairs: the pair to use, such as 3,8. Default: a summary of all."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, max=100_000, help="Number of levels in each grid.")] = 32,
    interval: Annotated[
        str | None,
        typer.Option(help="LOW:HIGH: guidance interval, LOW < σ <= HIGH. Default: 5 to 95 % of the entropy."),
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            help="Guidance weight. Prints the exact effect of the interval at this weight, for two equally"
            " likely classes."
        ),
    ] = None,
    sigma: Annotated[str, typer.Option(help="LOW:HIGH: range of σ of the grids.")] = "0.002:80",
    grid: Annotated[
        str,
        typer.Option(
            help="Grid to print: class-optimal, root-rate, equal-entropy, entropic, karras, log-uniform or"
            " given."
        ),
    ] = "class-optimal",
    given: Annotated[
        str | None,
        typer.Option(
            "--given",
            help="A grid of yours, compared with the others: a list a,b,c of falling σ, a file, "
            "karras:rho=5, ays:sd15, ays:sdxl or ays:svd.",
        ),
    ] = None,
    error: Annotated[
        str | None,
        typer.Option(
            help="Mean-square error of the denoiser, E|x0 - D|^2, for the grid entropic: a table "
            "sigma,error, or the data as a SPEC or MIX.npz."
        ),
    ] = None,
    prior: Annotated[
        float | None,
        typer.Option(
            help="Weight of the rarer of two classes, whose bias by finite steps is predicted. Default: "
            "that of the curve, or 0.1 if its classes are equally likely."
        ),
    ] = None,
    floor: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of the steps spread evenly over log σ.")
    ] = 0.1,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Print only the grid or interval, ready to paste: sigmas (ComfyUI, k-diffusion, Euler), "
            "timesteps (DPM-Solver), flow, edm, guider, steps, interval, or json (all).",
        ),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(help="Clock of your program: flow:shift=3, sd15, ddpm, or a scheduler's folder."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="dit or edm2-xs: also print the best interval of published sweeps.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(parser=path_of, metavar="F.json", help="Write everything to this file.")
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Turn a curve into settings: where guidance can act, when the class is settled, and grids of steps.

    Only the curve is used; no model is run. For a folder of several pairs of classes the windows are shown;
    --pair chooses one.
    """
    from ..control.formats import FORMATS
    from ..control.report import of_pairs, settings_of
    from ..measurement.curve_files import read_curve

    if format_ is not None and format_ not in FORMATS:
        raise ValueError(f"--format: {format_!r} is not one of {', '.join(FORMATS)}")
    if out is not None:
        from ...numerics.runs.atomic_files import prepare_file

        prepare_file(out, (".json",), curve, *filter(None, (given, error)))
    asked = _options(context)
    read = _chosen(read_curve(curve), pair)
    found: Fields = {"curve": str(curve)} | ({} if pair is None else {"pair": pair})
    if "pair" in read.dims:
        _refuse_of_pairs(context, f"{curve} holds {read.sizes['pair']} pairs")
        found |= of_pairs(read)
    else:
        found |= settings_of(read, **asked)
    found |= {"published": _published(model), "notes": [*found.pop("notes", []), *_WORDS]}
    if out is not None:
        _write(found, out, quiet)
    if as_json:
        _print_json(found, quiet)
    elif format_ is not None:
        output().print(_pasted(found, format_))
        for note in [] if quiet else found["notes"][: -len(_WORDS)]:
            errors().print(f"note: {note}")
    elif not quiet:
        (_print_pairs if "pairs" in found else _print)(found, curve.name)


def _print_json(found: Fields, quiet: bool) -> None:
    """JSON; what was asked for and is not in it is said beside it."""
    for note in [] if quiet else found["notes"]:
        if note.startswith(("guidance:", "too ")):
            errors().print(note)
    print_json(found)


def _chosen(curves: Any, pair: str | None) -> Any:
    """One pair of several, either way around; what holds no pairs as it is."""
    if pair is None:
        return curves
    if "pair" not in curves.dims:
        raise ValueError("--pair: the curve has no pairs of classes")
    names = [str(name) for name in curves["pair"].values]
    turned = ",".join(reversed(pair.split(",")))
    name = next((name for name in names if name in (pair, turned)), None)
    if name is None:
        raise ValueError(f"--pair: {pair!r} is not one of {'; '.join(names)}")
    return curves.sel(pair=name)


def _refuse_of_pairs(context: typer.Context, why: str) -> None:
    """Refuse options that need a single curve."""
    for name in _OF_ONE_CURVE:
        if was_given(context, name):
            raise ValueError(f"--{name.rstrip('_')}: {why}; choose one with --pair")


def _options(context: typer.Context) -> Fields:
    """The options as arguments of `settings_of`."""
    options = context.params
    names = ("steps", "clock", "grid", "given", "floor", "guidance", "error", "prior")
    ends = _pair(options["sigma"], "sigma") if was_given(context, "sigma") else None
    if ends is not None and not 0 < ends[0] < ends[1] < inf:
        raise ValueError(f"sigma: {options['sigma']!r} is not LOW:HIGH with 0 < LOW < HIGH")
    interval = options["interval"]
    within = None if interval is None else _pair(interval, "interval")
    return {name: options[name] for name in names} | {"ends": ends, "interval": within}


def _published(model: str | None) -> list[Any]:
    from ..control.settings import published

    return [] if model is None else list(published(model))


def _write(found: Fields, out: Path, quiet: bool) -> None:
    from ...numerics.runs.atomic_files import write_atomically, write_text

    write_atomically(out, lambda path: write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n"))
    if not quiet:
        errors().print(f"wrote {out}")


def _pair(text: str, name: str) -> tuple[float, float]:
    numbers = _numbers(text, ":", name)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] < inf:
        raise ValueError(f"{name}: {text!r} is not LOW:HIGH with LOW < HIGH, both finite")
    return numbers[0], numbers[1]


def _numbers(text: str, mark: str, name: str) -> list[float]:
    try:
        return [plain_number(part) for part in text.split(mark)]
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not numbers with {mark!r} between them") from None


def _pasted(found: Fields, name: str) -> str:
    formats = found["formats"]
    content = formats if name == "json" else formats.get(name)
    if content is None and name != "timesteps" and formats["interval"] is None:
        notes = [why for key, why in found["window_notes"].items() if key != "q50"]
        why = "; ".join(dict.fromkeys(notes))
        raise ValueError(f"interval: the curve does not show its window ({why}); give LOW:HIGH")
    if content is None:
        why = "needs --clock with a table: sd15, ddpm or a scheduler's folder"
        raise ValueError(
            f"--format: {name} {why if name == 'timesteps' else 'has no step inside the interval'}"
        )
    return json.dumps(content)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _place(value: float | None) -> str:
    return "not measured" if value is None else _number(value)


def _print_pairs(found: Fields, name: str) -> None:
    console = output()
    table = Table(title=f"{name}: sigma at 5, 50, 95 % of the entropy of each pair of classes")
    for column in ("pair", "q05", "q50", "q95"):
        table.add_column(column, justify="right", no_wrap=True)
    for pair, places in found["pairs"].items():
        table.add_row(pair, *(_place(places[key]) for key in ("q05", "q50", "q95")))
    console.print(table)
    low, middle, high = (_place(found["window"][key]) for key in ("q05", "q50", "q95"))
    if found["window_notes"]:
        console.print(f"all pairs: q05 {low}, q50 {middle}, q95 {high}")
        for key, why in found["window_notes"].items():
            console.print(f"{key} not measured: {why}")
    else:
        console.print(f"all pairs are decided within {low} < sigma <= {high}, half of them above {middle}")
    if found["left_out"]:
        console.print(f"left out, since their entropy does not fall: {'; '.join(found['left_out'])}")
    console.print("choose one with --pair for an interval, commitment and grids")
    _print_published(found)
    for note in found["notes"][: -len(_WORDS)]:
        console.print(f"note: {note}")


def _interval_words(found: Fields) -> str:
    says = found["interval"]
    gain = (
        "" if says["gain_share"] is None else f", {says['gain_share']:.1%} of the gain of guidance everywhere"
    )
    text = (
        f"guidance for {says['low']:.4g} < sigma <= {says['high']:.4g}: of the class entropy, "
        f"{says['decided_above']:.1%} is lost above, {says['decided_within']:.1%} within and "
        f"{says['decided_below']:.1%} below; to first order, the half log-odds of two classes shift by "
        f"{says['late_shift_per_excess_weight']:.3g} (omega - 1){gain}"
    )
    if "guided" not in found:
        return text
    if (exact := found["guided"]) is None:
        return f"{text}\nbeyond first order: known only for two equally likely classes"
    return (
        f"{text}\nat weight {exact['guidance']:g}: {exact['gain_share']:.1%} of the gain of guidance "
        f"everywhere (T12); the half log-odds shift by {exact['late_shift']:.3g}, "
        f"{exact['late_shift_everywhere']:.3g} with guidance everywhere (T21)"
    )


def _costs(found: Fields) -> Table:
    """What each grid costs."""
    bias = found["minority_bias"]
    table = Table(title=f"grids of steps; --grid prints one ({found['grid']})")
    columns = ["grid", "levels", "path KL, nats"]
    if bias is not None:
        columns.append(f"change of a class of weight {bias['prior']:.3g}")
    for column in columns:
        table.add_column(column, justify="right")
    for grid, cost in found["path_kl"].items():
        cells = [grid, str(len(found["grids"][grid])), f"{cost:.4g}"]
        table.add_row(*cells, *([] if bias is None else [f"{bias['grids'][grid]:+.4f}"]))
    return table


def _print_published(found: Fields) -> None:
    for row in found["published"]:
        low, high = row["interval"]
        output().print(f"published: best {row['metric']} for {low:g} < sigma <= {high:g} ({row['source']})")


def _print(found: Fields, name: str) -> None:
    console = output()
    untold = [note for note in found["notes"] if note.startswith("too ")]
    for note in untold:
        console.print(note)
    places = ", ".join(f"{key} {_place(value)}" for key, value in found["window"].items())
    console.print(f"{name}: window of decision, sigma at 5, 50, 95 % of the entropy: {places}")
    for why in dict.fromkeys(found["window_notes"].values()):
        absent = ", ".join(key for key, each in found["window_notes"].items() if each == why)
        console.print(f"{absent} not measured: {why}")
    if abs(found["closure"] - 1) > _CLOSED:
        console.print(
            f"the area below the measured rate is {found['closure']:.3g} of the class's entropy, "
            f"{found['entropy']:.4g} nats; shares are of that area"
        )
    if "interval" in found:
        console.print(_interval_words(found))
    table = Table(title="the class still changes with at most this probability")
    for column in ("probability", "below sigma, any data", "certainly more above sigma", "two Gaussians"):
        table.add_column(column, justify="right")
    for row in found["commitment"]:
        cells = (row["sigma"], row["sigma_lower_bound"], row.get("sigma_two_gaussians"))
        table.add_row(f"{row['probability']:g}", *(_number(cell) for cell in cells))
    console.print(table)
    console.print(_costs(found))
    _print_published(found)
    console.print(f"{found['grid']}: {', '.join(f'{each:.5g}' for each in found['grids'][found['grid']])}")
    for note in found["notes"][len(untold) :]:
        console.print(f"note: {note}")
