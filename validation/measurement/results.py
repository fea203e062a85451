"""Files of a measurement or a comparison: the curve as .csv and .nc, the summary as .json, a figure."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import xarray as xr

from ...numerics.runs.atomic_files import write_table, write_text
from ...numerics.runs.manifests import MANIFEST, write_results
from ...theory._support.aliases import Fields, ReadFields
from ..figures.measured import comparison_figure, log_scale_figure, measured_figure
from ..figures.reliability import reliability_figure
from ..figures.style import saver
from .comparison import Comparison
from .curve_files import level_table
from .measure import Result
from .reliability import IN_FIGURE, bins_table, shown_levels, stops_table
from .verdicts import finite

__all__ = ["FILES", "write_comparison", "write_result"]

FILES: tuple[str, ...] = (
    *("curve.csv", "curve.nc", "curve.png", "predicted.csv", "predicted.nc", "comparison.png"),
    *("curves.csv", "curves.nc", "pairs.csv", "log-scale.png", "ends.csv"),
    *("reliability.csv", "stopping.csv", "reliability.png", "summary.json", MANIFEST),
)
"""All that may be written into a folder."""

Writers: TypeAlias = dict[str, Callable[[Path], object]]


def write_result(result: Result, title: str, folder: Path, parameters: Mapping[str, object]) -> list[Path]:
    """Write `curve.csv`, `curve.nc`, `summary.json`, `curve.png`, and a manifest with the run's `parameters`.

    For pairs these are `curves.csv` and `curves.nc`, `pairs.csv` with a row per pair, and `log-scale.png`;
    for commitment also `reliability.csv`, `stopping.csv` and `reliability.png`, for guidance `ends.csv`.
    """
    curve, comparison = result.curve, result.comparison
    if "pair" in curve.dims:
        tables, figures = _of_pairs(curve, result.summary)
        return _write(folder, tables, result.summary, figures, parameters, result.inputs)
    if comparison is not None:
        figure = comparison_figure(comparison.measured, comparison.predicted, title)
    else:
        figure = measured_figure(curve, title)
    tables, figures = _tables("curve", curve), {"curve.png": figure}
    if "ends" in curve:
        ends = curve[[name for name, values in curve.data_vars.items() if values.dims == ("condition",)]]
        tables["ends.csv"] = lambda path: write_table(ends.to_dataframe(), path)
    if "reliability" in result.summary:
        tables |= {
            "reliability.csv": lambda path: write_table(bins_table(curve), path),
            "stopping.csv": lambda path: write_table(stops_table(curve), path),
        }
        shown = shown_levels(curve, IN_FIGURE)
        figures["reliability.png"] = reliability_figure(curve, shown, title)
    return _write(folder, tables, result.summary, figures, parameters, result.inputs)


def write_comparison(
    comparison: Comparison, title: str, folder: Path, parameters: Mapping[str, object]
) -> list[Path]:
    """Write `predicted.csv`, `predicted.nc`, `summary.json`, `comparison.png`, and a manifest.

    For pairs `pairs.csv`, `curves.csv`, `curves.nc` and `log-scale.png` instead of the prediction.
    """
    if "pair" in comparison.measured.dims:
        tables, figures = _of_pairs(comparison.measured, comparison.summary)
        return _write(folder, tables, comparison.summary, figures, parameters)
    figure = comparison_figure(comparison.measured, comparison.predicted, title)
    tables = _tables("predicted", comparison.predicted)
    return _write(folder, tables, comparison.summary, {"comparison.png": figure}, parameters)


def _of_pairs(curves: xr.Dataset, summary: ReadFields) -> tuple[Writers, Fields]:
    """Tables of the curves and of what each pair has one of, and the figure."""
    scalars = curves[[name for name, values in curves.data_vars.items() if values.dims == ("pair",)]]
    tables = _tables("curves", curves) | {"pairs.csv": _tables("pairs", scalars)["pairs.csv"]}
    return tables, {"log-scale.png": log_scale_figure(curves, summary["log_scale_test"])}


def _tables(stem: str, curve: xr.Dataset) -> Writers:
    return {
        f"{stem}.csv": lambda path: write_table(level_table(curve), path),
        f"{stem}.nc": lambda path: curve.to_netcdf(path, engine="scipy"),
    }


def _write(
    folder: Path,
    writers: Writers,
    summary: Fields,
    figures: Fields,
    parameters: Mapping[str, object],
    inputs: Mapping[str, str] | None = None,
) -> list[Path]:
    text = json.dumps(_plain(summary), indent=1, allow_nan=False) + "\n"
    writers = writers | {"summary.json": lambda path: write_text(path, text)}
    writers |= {name: saver(figure) for name, figure in figures.items()}
    return write_results(folder, writers, parameters, inputs=inputs)


def _plain(value: object) -> object:
    """Without NaN and infinities, which JSON does not have: the end of a run is no place to find one."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return finite(value) if isinstance(value, float) else value
