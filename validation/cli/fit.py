"""`speciation fit DATA --out MIX.npz`: a mixture from samples with classes, and what it predicts."""

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ...theory._support.aliases import Fields
from ...theory._support.plain_numbers import plain_number
from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    duration,
    errors,
    given,
    output,
    path_of,
    print_json,
    sampling_progress,
)

__all__ = ["fit"]

ENDINGS = (".npz", ".json")


def fit(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            parser=path_of,
            help="A .npz of X (samples, ...) and y (samples,), or a folder of PNG or JPEG images with one "
            "sub-folder a class.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path_of,
            metavar="PATH",
            help="Output file, .npz or .json; other commands take it as a SPEC.",
        ),
    ] = None,
    covariance: Annotated[
        str, typer.Option(help="shared (one covariance for all classes) or each (one for each class).")
    ] = "shared",
    rank: Annotated[
        int | None,
        typer.Option(min=1, help="Rank of a low-rank covariance, to which a diagonal is added."),
    ] = None,
    shrinkage: Annotated[
        str, typer.Option(help="Shrinkage of the covariance: ledoit-wolf, a number from 0 to 1, or none.")
    ] = "ledoit-wolf",
    value_range: Annotated[
        str, typer.Option("--range", help="LOW,HIGH: values given to black and white pixels of images.")
    ] = "-1,1",
    resamples: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of bootstrap fits for the error bars: 0 (none) or at least 2. Default: chosen by "
            "the size of the data.",
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print the cost of the run, and stop.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Fit a Gaussian mixture to labelled samples.

    Prints the σ at which each pair of classes is decided, with errors, and writes the mixture.
    """
    from ...numerics.runs.atomic_files import prepare_file
    from ..measurement.fit_data import Asked, fit_data
    from ..measurement.labelled_data import read_data

    if resamples == 1:
        raise ValueError("--resamples: must be 0 (none) or at least 2, not 1")
    if out is not None:
        prepare_file(out, ENDINGS, data)
    low, high = _range(value_range)
    asked = Asked(_kind(covariance), _shrinkage(shrinkage), rank, resamples, seed)
    held = read_data(data, low, high)
    if estimate:
        _print_estimate(held, asked, as_json)
        return
    with sampling_progress(quiet, "pairs") as progress:
        found = fit_data(held, asked, progress)
    if out is not None:
        _write(found.mixture, given(context), out)
        if not quiet:
            errors().print(f"wrote {out}")
    if as_json:
        print_json({"data": str(data), **found.summary})
    elif not quiet:
        _print(found.summary, str(data))


def _write(mixture: Any, asked: Fields, out: Path) -> None:
    from ...numerics.runs.manifests import MANIFEST, write_results

    write_results(out.parent, {out.name: mixture.save}, asked, f"{out.name}.{MANIFEST}")


def _kind(text: str) -> Any:
    if text not in ("shared", "each"):
        raise ValueError(f"covariance: {text!r} is not one of shared, each")
    return text


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (plain_number(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--range: {text!r} is not LOW,HIGH") from None
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"--range: need LOW < HIGH, not {text}")
    return low, high


def _shrinkage(text: str) -> str | float | None:
    if text in ("none", "ledoit-wolf"):
        return None if text == "none" else text
    try:
        return plain_number(text)
    except ValueError:
        raise ValueError(f"shrinkage: {text!r} is not ledoit-wolf, a number from 0 to 1, or none") from None


def _print_estimate(data: Any, asked: Any, as_json: bool) -> None:
    """From a first chunk and a product of matrices here and now."""
    began = time.perf_counter()
    first = len(next(iter(data.chunks()))[0])
    reading = 2 * (time.perf_counter() - began) * data.count / first
    square = np.ones((512, 512))
    began = time.perf_counter()
    _ = square @ square
    speed = 2 * 512**3 / (time.perf_counter() - began)
    d = data.dimension
    width, times = (d, 1 + (asked.resamples or 24)) if asked.rank is None else (4 * asked.rank + 60, 1)
    seconds = reading + times * (2.0 * data.count * d * width + 10.0 * d**2 * width) / speed
    memory = 8.0 * d * width * 4
    if as_json:
        print_json({"seconds": seconds, "bytes": memory, "samples": data.count, "dimension": d})
        return
    size = f"{data.count:,} samples of {d:,} numbers"
    output().print(f"about {duration(seconds)} and {memory / 1e9:.2g} GB: {size}")


def _print(summary: Fields, title: str) -> None:
    from .places_table import fitted_table

    table = Table("quantity", "value", title=title)
    counts = summary["samples"]
    few, most = min(counts.values()), max(counts.values())
    shrunk = summary["shrinkage"]
    used = f"{min(shrunk.values()):.4g} to {max(shrunk.values()):.4g}" if isinstance(shrunk, dict) else None
    rows = {
        "classes": ", ".join(list(counts)[:12]) + (", ..." if len(counts) > 12 else ""),
        "samples a class": str(few) if few == most else f"{few} to {most}",
        "dimension": f"{summary['dimension']:,}",
        "values": summary["values"],
        "covariance": f"{summary['covariance']['kind']}, "
        f"{'shared' if summary['covariance']['shared'] else 'one each'}",
        "shrinkage": used or f"{shrunk:.4g}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    output().print(table)
    resampled = any("resampled" in held for held in summary["pairs"].values())
    remark = ", bias-corrected by resampling; the file holds the plain fit" if resampled else ""
    output().print(fitted_table(summary["pairs"], f"predicted, {summary['shown']}", remark=remark))
    if summary["interval"].startswith("none"):
        output().print(f"intervals: {summary['interval']}")
    output().print(summary["sentence"])
