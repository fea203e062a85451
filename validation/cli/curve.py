"""`speciation curve SPEC`: entropy, rate and clone agreement along the noise scale."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce,
    errors,
    given,
    output,
    prepare_figures,
    print_cost,
    print_json,
    sampling_progress,
)

__all__ = ["curve"]

ENDINGS = (".csv", ".nc", ".json", ".png")


def curve(
    context: typer.Context,
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A mixture: binary:d=64,mu=1,s=1, digits:3,8 or a file.")
    ],
    levels: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of noise levels.")] = 64,
    samples: Annotated[int, typer.Option(min=1, help="Monte-Carlo draws.")] = 100_000,
    method: Annotated[str, typer.Option(help="auto, exact, reduced or ambient.")] = "auto",
    points: Annotated[str, typer.Option(help="random or, with --method reduced, sobol.")] = "random",
    tolerance: Annotated[
        float | None, typer.Option(help="Sample until the largest standard error is at most this.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="Measure groups of classes: groups, or a tree's level1, level2, ...")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output file: .csv, .nc, .json or .png.")] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it would cost, and stop.")] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Entropy, entropy rate and clone agreement across the speciation window."""
    from ...numerics import entropy_curve
    from ...numerics.cost import curve_cost
    from ...numerics.files import prepare_file
    from ...theory.mixture import GaussianMixture
    from ...theory.trees import named_partition
    from ...theory.window import window_sigmas

    if out is not None:
        prepare_file(out, ENDINGS, spec)
        prepare_figures(out.suffix)
    mixture = GaussianMixture.parse(spec)
    sigmas = window_sigmas(mixture, levels)
    groups = None if partition is None else named_partition(mixture, partition)
    # an interrupted run leaves its draws here, and the same command goes on from them
    checkpoint = None if out is None or points == "sobol" else out.with_name(f"{out.name}.partial")
    cost = curve_cost(mixture, sigmas, samples=samples, method=method, partition=groups)
    what = f"{levels:,} levels" + (f", {cost.draws:,} draws" if cost.draws else ", exact")
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
            method=method,
            partition=groups,
            tolerance=tolerance,
            points=points,
            checkpoint=checkpoint,
            progress=progress,
        )
    content = _to_json(dataset, {"spec": spec, **mixture.describe()})
    if out is not None:
        _write(dataset, content, mixture, given(context), out)
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        if not quiet:
            errors().print(f"wrote {out}")
    if as_json:
        print_json(content)
    elif out is None and not quiet:
        _print_table(dataset, spec)


def _to_json(dataset: Any, mixture: dict[str, Any]) -> dict[str, Any]:
    names = ["sigma", "ou_time", *dataset.data_vars]
    columns = [dataset[name].values.tolist() for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return {
        "mixture": mixture,
        **dataset.attrs,
        "units": {"entropy": "nats", "rate": "nats per unit OU time"},
        "levels": rows,
    }


def _write(dataset: Any, content: dict[str, Any], mixture: Any, asked: dict[str, Any], out: Path) -> None:
    import json

    from ...numerics.files import storable, write_table, write_text
    from ...numerics.manifests import MANIFEST, write_results

    spec = asked["spec"]

    def figure(path: Path) -> None:
        from ...theory.prediction import speciation_times
        from ..drawing import save
        from ..figures import curve_figure

        save(curve_figure(dataset, spec, speciation_times(mixture)), path)

    writers = {
        ".csv": lambda path: write_table(dataset, path),
        ".nc": lambda path: dataset.assign_attrs(spec=storable(spec)).to_netcdf(path, engine="scipy"),
        ".json": lambda path: write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n"),
        ".png": figure,
    }
    write_results(out.parent, {out.name: writers[out.suffix]}, asked, f"{out.name}.{MANIFEST}")


def _print_table(dataset: Any, spec: str) -> None:
    table = Table(title=f"{spec}, {dataset.attrs['method']}: {dataset.attrs['reason']}")
    names = ("sigma", "ou_time", "entropy", "rate", "agreement")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for index in range(dataset.sizes["sigma"]):
        level = dataset.isel(sigma=index)
        table.add_row(*(_cell(level, name) for name in names))
    output().print(table)


def _cell(level: Any, name: str) -> str:
    """A value, with its standard error where it was measured."""
    value, error = float(level[name]), float(level.get(f"{name}_se", 0))
    if "samples" not in level.attrs or name in level.coords:
        return f"{value:.6g}"
    return f"{value:.4g} ± {error:.1g}"
