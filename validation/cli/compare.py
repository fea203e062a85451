"""`speciation compare CURVE SPEC`: an entropy curve measured elsewhere against a prediction."""

from pathlib import Path
from typing import Annotated

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
    print_json,
)

__all__ = ["compare"]


def compare(
    context: typer.Context,
    curve: Annotated[
        Path,
        typer.Argument(metavar="CURVE", help="A .csv of sigma or ou_time, entropy, and maybe entropy_se."),
    ],
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The mixture that predicts the curve.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the prediction, summary and figure.")] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Hold a measured entropy curve against the theory: its peak, median, width, and every level."""
    from ...numerics.cost import curve_cost
    from ...numerics.files import prepare_directory
    from ...theory.mixture import GaussianMixture
    from ..comparison import compare as held_against
    from ..comparison import read_curve

    if out is not None:
        prepare_directory(out)
        prepare_figures()
    measured, mixture = read_curve(curve), GaussianMixture.parse(spec)
    cost = curve_cost(mixture, measured.sigma.values, samples=20_000)
    announce(cost.seconds * (1 + 400 / measured.sizes["sigma"]), f"the prediction of {spec}", quiet)
    found = held_against(measured, mixture, seed=seed)
    if out is not None:
        from ..results import write_comparison

        title = f"{curve.name} against {spec}"
        for path in write_comparison(measured, found, title, out, given(context)):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json({"curve": str(curve), "spec": spec, **found.summary})
    elif not quiet:
        table = Table("", "measured", "predicted", "log ratio", title=f"{curve.name} against {spec}")
        for name in ("peak", "median", "width"):
            row = found.summary[name]
            table.add_row(name, *(f"{row[key]:.5g}" for key in ("measured", "predicted", "residual")))
        output().print(table)
        if "chi2" in found.summary:
            output().print(f"χ² {found.summary['chi2']:.4g} over {found.summary['levels']} levels")
