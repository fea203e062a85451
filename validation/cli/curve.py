"""`speciation curve SPEC`: entropy, rate and clone agreement along the noise scale."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from ...theory._support.aliases import Fields
from ...theory._support.plain_numbers import plain_number
from ...theory.schedules import by_name
from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce,
    announce_reading,
    errors,
    given,
    keeps,
    output,
    path_of,
    prepare_figures,
    print_cost,
    print_json,
    sampling_progress,
    was_given,
)

if TYPE_CHECKING:
    import xarray as xr

    from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["curve"]

ENDINGS = (".csv", ".nc", ".json", ".png", ".pdf", ".svg", ".html")
_MOST_LEVELS = 1_000_000
_OF_DRAWS = ("samples", "seed", "points", "tolerance")


def curve(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="A Gaussian mixture: a short text such as binary:d=64,mu=1,s=1 or digits:3,8, or a file "
            "(.json, .npz).",
        ),
    ],
    sigma: Annotated[
        str | None,
        typer.Option(
            help="Noise levels σ: LOW:HIGH, LOW:HIGH:N (N levels in equal ratios), or a list a,b,c. "
            "Default: the range in which the class is decided."
        ),
    ] = None,
    levels: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of noise levels.")] = 64,
    samples: Annotated[
        int, typer.Option(min=1, help="Monte-Carlo samples, where there is no closed form.")
    ] = 100_000,
    method: Annotated[
        str,
        typer.Option(
            help="How to compute the curve: exact (closed form), reduced (Monte Carlo; its cost does not "
            "depend on the dimension), ambient (Monte Carlo, any mixture), or auto."
        ),
    ] = "auto",
    points: Annotated[
        str, typer.Option(help="Sample points: random or, with --method reduced, sobol (quasi-Monte Carlo).")
    ] = "random",
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Sample until the standard errors of entropy, rate and agreement are all at most this."
        ),
    ] = None,
    partition: Annotated[
        str | None,
        typer.Option(
            help="Groups of classes whose decision is measured: groups (those of the mixture's file), or "
            "level1, level2, ... of a tree."
        ),
    ] = None,
    clock: Annotated[
        str,
        typer.Option(
            help="Clock in which times are given: ou, edm, ddpm, sd15, vp, cosine, flow, flow:shift=3, ..."
        ),
    ] = "ou",
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path_of, metavar="PATH", help="Output file: .csv, .nc, .json, .png, .pdf, .svg or .html."
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print the cost of the run, and stop.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Compute the entropy curve of a mixture, and where its class is decided.

    At each noise level the curve has the entropy of the class given the noisy state, the rate at which it
    falls, and the agreement of clones: the probability that two runs from one noisy state end in one class.
    """
    from ...numerics import entropy_curve, to_clock
    from ...numerics.curves.cost import curve_cost
    from ...numerics.curves.entropy import METHODS, POINTS
    from ...theory._support.choices import one_of
    from ...theory.mixtures.mixture import GaussianMixture
    from ...theory.mixtures.trees import named_partition

    way, kind = one_of(method, "method", METHODS), one_of(points, "points", POINTS)
    _check_unused(context, sigma, way)
    if out is not None:
        _prepare(out, spec)
    announce_reading(spec, quiet)
    mixture = GaussianMixture.parse(spec)
    sigmas = _levels(sigma, levels, mixture)
    _check_clock(clock, sigmas)
    groups = None if partition is None else named_partition(mixture, partition)
    resume = _resume(out, points)
    cost = curve_cost(mixture, sigmas, samples=samples, method=way, partition=groups, tolerance=tolerance)
    what = f"{sigmas.size:,} levels" + (f", {cost.draws:,} draws" if cost.draws else ", exact")
    if estimate:
        print_cost(cost, what, as_json)
        return
    announce(cost.seconds, what, quiet)
    with sampling_progress(quiet) as progress:
        dataset = entropy_curve(
            mixture,
            sigmas,
            samples=samples,
            key=seed,
            method=way,
            partition=groups,
            tolerance=tolerance,
            points=kind,
            resume=resume,
            progress=progress,
        )
    if clock != "ou":
        dataset = to_clock(dataset, by_name(clock)).assign_attrs(clock=clock)
    numbers = _numbers(dataset, clock)
    content = _to_json(dataset, {"spec": spec, **mixture.describe()}, numbers)
    if out is not None:
        _write(dataset, content, mixture, given(context), out)
        if resume is not None:
            resume.unlink(missing_ok=True)
        if not quiet:
            errors().print(f"wrote {out}")
    if as_json:
        print_json(content)
    elif not quiet:
        _print(dataset, spec, numbers, levels=out is None)


def _prepare(out: Path, spec: str) -> None:
    """The file that is to be written, and what draws it."""
    from ...numerics.runs.atomic_files import prepare_file

    prepare_file(out, ENDINGS, spec)
    prepare_figures(out.suffix)
    _check_page(out)


def _numbers(dataset: "xr.Dataset", clock: str) -> Fields:
    """What a curve has one of, its notes and its sentence."""
    from ..measurement.verdicts import numbers_of, sentence_of

    numbers: Fields = numbers_of(dataset) | {"sentence": sentence_of(dataset)}
    if "time" in dataset.coords and np.isnan(dataset["time"].values).any():
        numbers["notes"]["time"] = f"the {clock} clock ends at sigma = {by_name(clock).last_sigma:.6g}"
    return numbers


def _resume(out: Path | None, points: str) -> Path | None:
    """Where an interrupted run leaves its draws, from which the same command goes on."""
    place = None if out is None or points == "sobol" else out.with_name(f"{out.name}.partial")
    keeps(place)
    return place


def _print(dataset: "xr.Dataset", spec: str, numbers: Fields, levels: bool) -> None:
    """Where the class is decided, and before it the levels where no file holds them."""
    from ...numerics.curves.dataset import LEAST_EFFECTIVE, unresolved
    from .places_table import places_table, say

    if levels:
        _print_table(dataset, spec)
    hidden = unresolved(dataset)
    if hidden.any():
        last = float(dataset.sigma.values[hidden].max())
        output().print(
            f"not resolved: {hidden.sum()} of {hidden.size} levels, up to sigma = {last:.4g}, where fewer "
            f"than {LEAST_EFFECTIVE} draws carry the entropy; their errors allow for rare draws they missed"
        )
    title = f"where the class of {spec} is decided, from {dataset.sizes['sigma']} noise levels"
    output().print(places_table(numbers, title))
    say(numbers)


def _check_page(out: Path) -> None:
    """`ModuleNotFoundError` before the work where a page is asked for and nothing can draw it."""
    if out.suffix == ".html":
        from ..figures.interactive import check_installed

        check_installed()


def _check_clock(clock: str, sigmas: NDArray[np.float64]) -> None:
    """`ValueError` for a clock that reaches none of the levels."""
    schedule = by_name(clock)
    if np.isnan(schedule.time(sigmas)).all():
        raise ValueError(f"clock: {clock} ends at sigma = {schedule.last_sigma:.6g}, below every level")


def _check_unused(context: typer.Context, sigma: str | None, method: str) -> None:
    """`ValueError` for an option that would change nothing."""
    if was_given(context, "levels") and sigma is not None and (":" not in sigma or sigma.count(":") > 1):
        raise ValueError("--levels: --sigma says how many there are; leave one of the two out")
    for name in ("samples", "tolerance"):
        if method == "exact" and was_given(context, name):
            raise ValueError(f"--{name}: --method exact draws nothing; leave one of the two out")


def _levels(asked: str | None, count: int, mixture: "GaussianMixture") -> NDArray[np.float64]:
    """Noise levels as `--sigma` says, or those between which the class is decided."""
    from ...theory.times.window import window_sigmas

    if asked is None:
        return window_sigmas(mixture, count)
    parts = asked.split(":" if ":" in asked else ",")
    try:
        numbers = [plain_number(part) for part in parts]
        ends = ":" not in asked or (len(parts) in (2, 3) and 0 < numbers[0] < numbers[1])
        if len(parts) == 3 and ":" in asked:
            count = int(parts[2])
    except ValueError:
        numbers, ends = [], False
    good = [0 < number < float("inf") for number in numbers]
    if not ends or not good or not all(good) or not 1 <= count <= _MOST_LEVELS:
        raise ValueError(f"sigma: {asked!r} is not LOW:HIGH[:N] with 0 < LOW < HIGH, or a list a,b,c")
    if ":" in asked:
        return np.geomspace(numbers[0], numbers[1], count)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"sigma: {asked!r} has a level twice")
    return np.array(sorted(numbers))


def _to_json(dataset: "xr.Dataset", mixture: Fields, numbers: Fields) -> Fields:
    along = [name for name, values in dataset.data_vars.items() if values.dims == ("sigma",)]
    names = [*(name for name, values in dataset.coords.items() if values.dims == ("sigma",)), *along]
    columns = [dataset[name].values.tolist() for name in names]
    # a level that the clock does not reach has no time
    rows = [
        {name: None if value != value else value for name, value in zip(names, row, strict=True)}
        for row in zip(*columns, strict=True)
    ]
    return {"mixture": mixture, **dataset.attrs, **numbers, "levels": rows}


def _write(
    dataset: "xr.Dataset", content: Fields, mixture: "GaussianMixture", asked: Fields, out: Path
) -> None:
    import json

    from ...numerics.runs.atomic_files import storable, write_table, write_text
    from ...numerics.runs.manifests import MANIFEST, write_results
    from ..measurement.curve_files import level_table

    spec, clock = asked["spec"], asked["clock"]
    if dataset.attrs["method"] == "exact":  # nothing was drawn
        asked = {name: value for name, value in asked.items() if name not in _OF_DRAWS}

    def figure(path: Path) -> None:
        from ...theory.times.prediction import speciation_times
        from ..figures.style import save
        from ..figures.theory import curve_figure

        times = () if "partition" in asked else speciation_times(mixture, by_name(clock))
        save(curve_figure(dataset, spec, times, clock), path)

    writers = {
        ".csv": lambda path: write_table(level_table(dataset), path),
        ".nc": lambda path: dataset.assign_attrs(spec=storable(spec)).to_netcdf(path, engine="scipy"),
        ".json": lambda path: write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n"),
        ".html": lambda path: _page(dataset, spec, path),
        **dict.fromkeys((".png", ".pdf", ".svg"), figure),
    }
    write_results(out.parent, {out.name: writers[out.suffix]}, asked, f"{out.name}.{MANIFEST}")


def _page(dataset: "xr.Dataset", spec: str, path: Path) -> None:
    from ..figures.interactive import overlay_page, writer

    writer(overlay_page({spec: dataset}, heading=spec))(path)


def _print_table(dataset: "xr.Dataset", spec: str) -> None:
    table = Table(title=f"{spec}, {dataset.attrs['method']}: {dataset.attrs['reason']}")
    times = ("ou_time",) if "time" not in dataset.coords else ("ou_time", "time")
    names = ("sigma", *times, "entropy", "rate", "agreement")
    units = {"entropy": ", nats", "rate": ", nats per OU time", "time": f" ({dataset.attrs.get('clock')})"}
    for name in names:
        table.add_column(f"{name}{units.get(name, '')}", justify="right", no_wrap=True)
    for index in range(dataset.sizes["sigma"]):
        level = dataset.isel(sigma=index)
        table.add_row(*(_cell(level, name) for name in names))
    output().print(table)


def _cell(level: "xr.Dataset", name: str) -> str:
    """A value, with its standard error where it was measured."""
    value, error = float(level[name]), float(level.get(f"{name}_se", 0))
    if np.isnan(value):
        return "–"
    if "samples" not in level.attrs or name in level.coords:
        return f"{value:.6g}"
    return f"{value:.4g} ± {error:.1g}"
