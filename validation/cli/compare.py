"""`speciation compare CURVE SPEC`: an entropy curve measured elsewhere against a prediction."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...theory._support.aliases import Fields
from ...theory.schedules import by_name
from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce,
    announce_reading,
    errors,
    given,
    interval_of,
    output,
    path_of,
    prepare_figures,
    print_json,
)

__all__ = ["compare"]


def compare(
    context: typer.Context,
    curve: Annotated[
        Path,
        typer.Argument(
            metavar="CURVE",
            parser=path_of,
            help="What curve or measure wrote (.csv, .nc, .json or a folder), or a table with the columns "
            "sigma or ou_time, entropy, and optionally entropy_se; or sigma and gap (the reduction of"
            " the mean-square error by knowing the class).",
        ),
    ],
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The mixture to compare with.")],
    guidance: Annotated[
        float | None, typer.Option(help="Guidance weight of the curve, if its file does not say it.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option(help="LOW,HIGH: noise levels σ between which guidance acted.")
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(help="Also print the peaks and the median in this clock: ou, sd15, flow:shift=3, ..."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=path_of, metavar="PATH", help="Folder for prediction, summary and figure."),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Compare a measured entropy curve with the prediction: peaks, median, width, and all levels together.

    The last line says whether the class is decided where the mixture predicts it.
    """
    from ...numerics.curves.cost import curve_cost
    from ...numerics.runs.atomic_files import check_directory
    from ...theory.mixtures.mixture import GaussianMixture
    from ..measurement.comparison import DENSE, DRAWS, read_curve
    from ..measurement.comparison import compare as compared
    from .places_table import comparison_table, pairs_table, say

    schedule = None if clock is None else by_name(clock)
    if out is not None:
        prepare_figures()
        from ..measurement.results import FILES

        check_directory(out, FILES)
        _check_apart(out, curve)
    within = None if interval is None else interval_of(interval)
    announce_reading(spec, quiet)
    measured, mixture = read_curve(curve), GaussianMixture.parse(spec)
    cost = curve_cost(mixture, measured.sigma.values, samples=DRAWS)
    announce(cost.seconds * (1 + DENSE / measured.sizes["sigma"]), f"the prediction of {spec}", quiet)
    found = compared(measured, mixture, guidance=guidance, interval=within, seed=seed)
    if schedule is not None:
        found.summary["times"] = _times(found.summary, schedule)
    title = f"{curve.name} against {spec}"
    if out is not None:
        from ..measurement.results import write_comparison

        asked: Fields = given(context)
        if not found.used_seed:  # exact against exact: nothing was drawn
            asked.pop("seed", None)
        for path in write_comparison(found, title, out, asked):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json({"curve": str(curve), "spec": spec, **found.summary})
    elif not quiet:
        table = pairs_table if "pairs" in found.summary else comparison_table
        output().print(table(found.summary, title))
        for place, pair in found.summary.get("times", {}).items():
            values = (f"{side} {'–' if t is None else format(t, '.6g')}" for side, t in pair.items())
            output().print(f"{place} in the time of {clock}: {', '.join(values)}")
        say(found.summary)


def _check_apart(out: Path, curve: Path) -> None:
    """`ValueError` where the summary and manifest of the measurement that is read would be lost."""
    folder = curve if curve.is_dir() else curve.parent
    if not (out.is_dir() and folder.is_dir() and out.samefile(folder)):
        return
    try:
        run = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["parameters"]["command"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if run != "compare":
        raise ValueError(
            f"out: {out} holds the measurement that is read, and its summary would be lost; "
            "choose another folder"
        )


def _times(summary: Fields, schedule: Any) -> dict[str, dict[str, float | None]]:
    """Places of one curve in σ as times; `None` where there is none, or the clock does not reach it."""

    def time(sigma: float | None) -> float | None:
        if sigma is None:
            return None
        found = float(schedule.time(sigma))
        return found if abs(found) < float("inf") else None

    places = ("peak_per_log_sigma", "peak_per_ou_time", "median_sigma")
    sides = ("measured", "predicted")
    return {
        place: {side: time(summary[place][side]) for side in sides} for place in places if place in summary
    }
