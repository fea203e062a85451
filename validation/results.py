"""Files of a measurement or a comparison: the curve as .csv and .nc, the summary as .json, a figure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from ..numerics.files import prepare_directory, write_atomically
from .comparison import Comparison
from .measured_figures import comparison_figure, log_scale_figure, measured_figure
from .measurement import Result

__all__ = ["write_comparison", "write_result"]


def write_result(result: Result, title: str, folder: Path) -> list[Path]:
    """Write `curve.csv`, `curve.nc`, `summary.json` and `curve.png`.

    For pairs these are `curves.csv` and `curves.nc`, `pairs.csv` with a row per pair, and `log-scale.png`.
    """
    curve, comparison = result.curve, result.comparison
    if "pair" in curve.dims:
        figure = log_scale_figure(curve, result.summary["log_scale_test"])
        scalars = curve[[name for name, values in curve.data_vars.items() if values.dims == ("pair",)]]
        tables = _tables("curves", curve) | {"pairs.csv": _tables("pairs", scalars)["pairs.csv"]}
        return _write(folder, tables, result.summary, {"log-scale.png": figure})
    if comparison is not None:
        figure = comparison_figure(curve, comparison.predicted, title)
    else:
        figure = measured_figure(curve, title)
    return _write(folder, _tables("curve", curve), result.summary, {"curve.png": figure})


def write_comparison(measured: xr.Dataset, comparison: Comparison, title: str, folder: Path) -> list[Path]:
    """Write `predicted.csv`, `predicted.nc`, `summary.json` and `comparison.png`."""
    figure = comparison_figure(measured, comparison.predicted, title)
    tables = _tables("predicted", comparison.predicted)
    return _write(folder, tables, comparison.summary, {"comparison.png": figure})


def _tables(stem: str, curve: xr.Dataset) -> dict[str, Callable[[Path], Any]]:
    return {
        f"{stem}.csv": lambda path: curve.to_dataframe().to_csv(path, float_format="%.17g"),
        f"{stem}.nc": lambda path: curve.to_netcdf(path, engine="scipy"),
    }


def _write(
    folder: Path, writers: dict[str, Callable[[Path], Any]], summary: dict[str, Any], figures: dict[str, Any]
) -> list[Path]:
    prepare_directory(folder)
    text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
    writers = writers | {"summary.json": lambda path: path.write_text(text)}
    writers |= {name: figure.savefig for name, figure in figures.items()}
    for name, write in writers.items():
        write_atomically(folder / name, write)
    return [folder / name for name in writers]
