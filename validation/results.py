"""Files of a measurement or a comparison: the curve as .csv and .nc, the summary as .json, a figure."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from ..numerics.files import write_table, write_text
from ..numerics.manifests import write_results
from .comparison import Comparison
from .drawing import saver
from .measured_figures import comparison_figure, log_scale_figure, measured_figure
from .measurement import Result

__all__ = ["write_comparison", "write_result"]


def write_result(result: Result, title: str, folder: Path, parameters: Mapping[str, Any]) -> list[Path]:
    """Write `curve.csv`, `curve.nc`, `summary.json`, `curve.png`, and a manifest with the run's `parameters`.

    For pairs these are `curves.csv` and `curves.nc`, `pairs.csv` with a row per pair, and `log-scale.png`.
    """
    curve, comparison = result.curve, result.comparison
    if "pair" in curve.dims:
        figure = log_scale_figure(curve, result.summary["log_scale_test"])
        scalars = curve[[name for name, values in curve.data_vars.items() if values.dims == ("pair",)]]
        tables = _tables("curves", curve) | {"pairs.csv": _tables("pairs", scalars)["pairs.csv"]}
        return _write(folder, tables, result.summary, {"log-scale.png": figure}, parameters)
    if comparison is not None:
        figure = comparison_figure(curve, comparison.predicted, title)
    else:
        figure = measured_figure(curve, title)
    return _write(folder, _tables("curve", curve), result.summary, {"curve.png": figure}, parameters)


def write_comparison(
    measured: xr.Dataset, comparison: Comparison, title: str, folder: Path, parameters: Mapping[str, Any]
) -> list[Path]:
    """Write `predicted.csv`, `predicted.nc`, `summary.json`, `comparison.png`, and a manifest."""
    figure = comparison_figure(measured, comparison.predicted, title)
    tables = _tables("predicted", comparison.predicted)
    return _write(folder, tables, comparison.summary, {"comparison.png": figure}, parameters)


def _tables(stem: str, curve: xr.Dataset) -> dict[str, Callable[[Path], Any]]:
    return {
        f"{stem}.csv": lambda path: write_table(curve, path),
        f"{stem}.nc": lambda path: curve.to_netcdf(path, engine="scipy"),
    }


def _write(
    folder: Path,
    writers: dict[str, Callable[[Path], Any]],
    summary: dict[str, Any],
    figures: dict[str, Any],
    parameters: Mapping[str, Any],
) -> list[Path]:
    text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
    writers = writers | {"summary.json": lambda path: write_text(path, text)}
    writers |= {name: saver(figure) for name, figure in figures.items()}
    return write_results(folder, writers, parameters)
