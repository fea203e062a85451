"""Curves in files: what `curve` and `measure` write, and tables of other programs.

A table is text with a header line, its fields between commas, semicolons, tabs or blanks. Read are `sigma` or
`ou_time`; `entropy` or `cross_entropy` (nats) and its `*_se`; `rate` (nats per unit OU time) and `rate_se`;
`pair`, for the curves of several pairs of classes; and what a curve has one of (`constant_columns`).
"""

import csv
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float64, Int
from numpy.typing import NDArray
from scipy import integrate

from ...numerics.curves.dataset import labelled
from ...numerics.curves.reading import HALFWAY
from ...numerics.runs.manifests import verify_manifest
from ...theory._support.one_line import one_line
from ...theory._support.plain_numbers import plain_number
from ...theory.schedules import OrnsteinUhlenbeck
from .constant_columns import CONSTANTS, constant_columns, constants_of, with_valid_constants

__all__ = ["level_table", "read_curve"]

Array = NDArray[np.float64]
Rows = list[tuple[int, list[str]]]

_READ = ("sigma", "ou_time", "entropy", "entropy_se", "cross_entropy", "cross_entropy_se", "rate", "rate_se")
_READ += ("gap", "pair", *CONSTANTS)
_IN_FOLDERS = ("curve.nc", "curves.nc", "curve.csv", "curves.csv")
_QUANTITIES = ("entropy", "cross_entropy")
_LEAST = 4  # levels
_HDF5 = b"\x89HDF"
_ARCHIVE = b"PK\x03\x04"  # how a .npz begins
_BEFORE_REMARK: Any = re.compile(r'(?:[^"#]|"[^"]*"?)*')
_OFF = 0.2  # share of the entropy by which the integral of its rate may be off


def read_curve(path: str | Path) -> xr.Dataset:
    """A curve over ascending σ, or with a dimension `pair` those of several pairs of classes.

    Parameters
    ----------
    path : str or Path
        A folder that `measure` wrote, a `.nc` or `.json` of this toolkit, or any table (see the module).
        Lines that begin with `#` are skipped, unless they name the columns. A file with a manifest must be
        unchanged.

    Returns
    -------
    xarray.Dataset
        `entropy` or `cross_entropy` (nats), and what else the file has, over `sigma`.

    Raises
    ------
    ValueError
        One line that says what is wrong, and where.
    """
    path = Path(path)
    if path.is_dir():
        found = next((path / name for name in _IN_FOLDERS if (path / name).is_file()), None)
        if found is None:
            raise ValueError(f"{path}: a folder without any of {', '.join(_IN_FOLDERS)}")
        path = found
    if path.is_file():
        verify_manifest(path)
    if path.suffix == ".nc":
        return _checked(_netcdf(path), path)
    text = _text(path)
    if path.suffix == ".json":
        header, rows = _levels_of_json(text, path)
    else:
        header, rows = _table(text, path)
    return _dataset(header, rows, path)


def level_table(curve: xr.Dataset) -> pd.DataFrame:
    """A row per level (and pair); what a curve has one of stands on every row.

    What is over `path` too has a column for each of them, and what has further dimensions is left out.
    """
    if "sigma" not in curve.dims:
        return curve.to_dataframe()
    if "path" in curve.dims:
        kinds = {name: values for name, values in curve.data_vars.items() if values.dims == ("path", "sigma")}
        apart = {
            f"{path}_{name}": values.sel(path=path, drop=True)
            for path in curve.path.values
            for name, values in kinds.items()
        }
        plain = [name for name, values in curve.data_vars.items() if "path" not in values.dims]
        curve = curve[plain].assign(apart)
    along = [name for name, values in curve.data_vars.items() if "sigma" in values.dims]
    once = [name for name in CONSTANTS if name in curve.data_vars]
    return curve[[*along, *once]].to_dataframe().assign(**constant_columns(curve))


def _netcdf(path: Path) -> xr.Dataset:
    with suppress(OSError), path.open("rb") as stream:
        if stream.read(len(_HDF5)) == _HDF5:
            raise ValueError(f"{path}: is NetCDF 4; write it as NetCDF 3: to_netcdf(…, engine='scipy')")
    try:
        with xr.open_dataset(path, engine="scipy") as stored:
            return stored.load()
    except Exception as error:  # SciPy's reader raises what it meets
        said = "" if "valid NetCDF 3" in str(error) else f", or damaged: {one_line(error)}"
        raise ValueError(f"{path}: cannot be read: not NetCDF 3{said}") from None


def _checked(curve: xr.Dataset, path: Path) -> xr.Dataset:
    """A stored curve in the order of its levels, refused as a table of the same numbers would be."""
    name = next((name for name in _QUANTITIES if name in curve), None)
    if name is None or "sigma" not in curve.coords or curve.sigma.dims != ("sigma",):
        raise ValueError(f"{path}: needs entropy or cross_entropy over sigma")
    if curve.sizes["sigma"] < _LEAST:
        raise ValueError(f"{path}: needs at least {_LEAST} levels, not {curve.sizes['sigma']}")
    for each in ("sigma", name, f"{name}_se", "rate", "rate_se"):
        if each not in curve.variables:
            continue
        if curve[each].dtype.kind != "f" or not np.isfinite(curve[each].values).all():
            raise ValueError(f"{path}: {each} holds what is not a number")
        if not set(curve[each].dims) <= {"sigma", "pair"} or "sigma" not in curve[each].dims:
            raise ValueError(f"{path}: {each} is not over sigma")
        if each.endswith("_se") and (curve[each] < 0).any():
            raise ValueError(f"{path}: {each} must be >= 0")
    if (curve.sigma <= 0).any() or np.unique(curve.sigma.values).size < curve.sizes["sigma"]:
        raise ValueError(f"{path}: sigma must be > 0, and each value once")
    return _sound(curve.sortby("sigma"), name, path)


def _sound(curve: xr.Dataset, name: str, path: Path) -> xr.Dataset:
    """Refuse entropies below zero, a rate of something else, and constants that are none."""
    sigma = curve.sigma.values
    for each in [curve] if "pair" not in curve.dims else (curve.isel(pair=i) for i in range(curve.pair.size)):
        error = each[f"{name}_se"].values if f"{name}_se" in each else np.zeros(sigma.size)
        _check_sign(each[name].values, error, name, lambda bad: f"sigma = {sigma[np.argmax(bad)]:.6g}", path)
        _check_rate(each, name, path)
    try:
        return with_valid_constants(curve)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    """The text of a file, whatever mark of byte order it begins with."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    if content.startswith(_ARCHIVE):
        raise ValueError(
            f"{path}: is an archive of arrays and not a curve. For a mixture run: speciation curve {path} "
            f"--out curve.csv; for samples (X, y) first: speciation fit {path} --out mixture.npz"
        )
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-16":
            raise ValueError(f"{path}: cannot be read: neither UTF-8 nor UTF-16") from None
        text = content.decode("latin-1")  # as older spreadsheets write; the names and numbers are ASCII
    if "\0" in text:
        raise ValueError(f"{path}: cannot be read: not text; a curve is .csv, .nc, .json or a folder")
    return text


def _levels_of_json(text: str, path: Path) -> tuple[list[str], Rows]:
    try:
        content = json.loads(text)
        levels = content["levels"]
        header = list(levels[0])
        rows = [[repr(row[name]) for name in header] for row in levels]
        once = {name: content[name] for name in CONSTANTS if content.get(name) is not None}
        header += once
        rows = [[*row, *map(str, once.values())] for row in rows]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise ValueError(f"{path}: not a curve as `speciation curve --out F.json` writes it") from None
    return header, [(index + 1, row) for index, row in enumerate(rows)]


def _table(text: str, path: Path) -> tuple[list[str], Rows]:
    """Header and rows with the number of their lines; `ValueError` for a row of another length."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    separator, header, rows = None, None, []
    for number, line in lines:
        if line.lower().startswith("sep=") and header is None:
            separator = line[4:5] or "\t"
            continue
        remark = line.startswith("#")
        body = line.lstrip("# ") if remark else _BEFORE_REMARK.match(line)[0].strip()
        if header is None:
            split = separator or _separator(body)
            names = [name.strip().lower() for name in _fields(body, split)]
            while names and not names[-1]:
                names.pop()
            if {"sigma", "ou_time"} & set(names):
                header, separator = names, split
            elif not remark:
                raise ValueError(_no_header(path, number, body))
        elif not remark and body.strip(f"{separator} "):
            rows.append((number, _row(body, separator or ",", len(header), number, path)))
    if header is None:
        raise ValueError(f"{path}: cannot be read: it has no line that names columns")
    twice = next((name for name in _READ if header.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: the header names {twice!r} twice")
    return header, rows


def _separator(header: str) -> str:
    """What stands between the names of a header: a semicolon, tab or comma, or else blanks."""
    return next((mark for mark in (";", "\t", ",") if mark in header), " ")


def _fields(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    try:
        return [
            field.strip() for field in next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        ]
    except (csv.Error, StopIteration):
        return [line]


def _row(line: str, separator: str, count: int, number: int, path: Path) -> list[str]:
    fields = _fields(line, separator)
    while len(fields) > count and not fields[-1]:  # spreadsheets end lines with separators
        fields.pop()
    if len(fields) != count:
        raise ValueError(f"{path}: line {number}: {len(fields)} fields, but the header names {count} columns")
    return fields


def _no_header(path: Path, number: int, line: str) -> str:
    numbers = re.fullmatch(r"[-+\d.eE,;\s]+", line) is not None
    found = "holds numbers; no line before it names the columns" if numbers else f"is {line[:40]!r}"
    return (
        f"{path}: line {number} {found}: it needs the columns sigma or ou_time, and entropy or cross_entropy"
    )


def _dataset(header: list[str], rows: Rows, path: Path) -> xr.Dataset:
    """A dataset from the fields of a table."""
    axis = next((name for name in ("sigma", "ou_time") if name in header), None)
    name = next((name for name in _QUANTITIES if name in header), None)
    if name is None and axis == "sigma" and "gap" in header and "pair" not in header:
        return _with_constants(_of_gaps(header, rows, path), header, rows, path)
    if axis is None or name is None:
        raise ValueError(f"{path}: needs the columns sigma or ou_time, and entropy or cross_entropy")
    wanted = [column for column in (axis, name, f"{name}_se", "rate", "rate_se") if column in header]
    _check_marks([header.index(column) for column in wanted], header, rows, path)
    columns = {column: _numbers(header.index(column), column, rows, path) for column in wanted}
    if "pair" not in header:
        return _with_constants(_one(columns, axis, name, rows, path), header, rows, path)
    pairs = np.array([row[header.index("pair")] for _, row in rows])
    curves: list[xr.Dataset] = []
    for pair in dict.fromkeys(pairs):
        own = [row for row, of in zip(rows, pairs, strict=True) if of == pair]
        held = {key: values[pairs == pair] for key, values in columns.items()}
        curves.append(_with_constants(_one(held, axis, name, own, path), header, own, path))
    if any(curve.sigma.size != curves[0].sigma.size for curve in curves) or not curves:
        raise ValueError(f"{path}: its pairs have different levels of {axis}")
    return xr.concat(curves, pd.Index(list(dict.fromkeys(pairs)), name="pair"), join="override")


def _one(columns: dict[str, Array], axis: str, name: str, rows: Rows, path: Path) -> xr.Dataset:
    place = columns[axis]
    if place.size < _LEAST:
        raise ValueError(f"{path}: needs at least {_LEAST} levels, not {place.size}")
    if (place <= 0).any():
        raise ValueError(f"{path}: {_where(rows, place <= 0)}: {axis} must be > 0")
    sigma = place if axis == "sigma" else OrnsteinUhlenbeck().sigma(place)
    if not np.isfinite(sigma).all():
        raise ValueError(f"{path}: {_where(rows, ~np.isfinite(sigma))}: {axis} is too large")
    order = _ascending(sigma, axis, rows, path)
    for key in (f"{name}_se", "rate_se"):
        if key in columns and (columns[key] < 0).any():
            raise ValueError(f"{path}: {_where(rows, columns[key] < 0)}: {key} must be >= 0")
    nothing = np.zeros(sigma.size)
    parts = {key: columns[key] for key in (name, "rate") if key in columns}
    errors = {key: columns.get(f"{key}_se", nothing) for key in parts}
    _check_sign(parts[name], errors[name], name, lambda bad: _where(rows, bad), path)
    curve = labelled(sigma[order], {key: (parts[key][order], errors[key][order]) for key in parts}, {})
    curve = curve.drop_vars([f"{key}_se" for key in parts if f"{key}_se" not in columns])
    _check_rate(curve, name, path)
    return curve


def _of_gaps(header: list[str], rows: Rows, path: Path) -> xr.Dataset:
    """A curve from gaps `E|x₀ − D|² − E|x₀ − D_C|²`: `dH/d log σ = gap/σ²`, integrated from below.

    Noise can make a gap negative, and so the integral at the lowest levels.
    """
    _check_marks([header.index("sigma"), header.index("gap")], header, rows, path)
    sigma, gap = (_numbers(header.index(name), name, rows, path) for name in ("sigma", "gap"))
    if sigma.size < _LEAST:
        raise ValueError(f"{path}: needs at least {_LEAST} levels, not {sigma.size}")
    if (sigma <= 0).any():
        raise ValueError(f"{path}: {_where(rows, sigma <= 0)}: sigma must be > 0")
    order = _ascending(sigma, "sigma", rows, path)
    sigma, slope = sigma[order], (gap / sigma**2)[order]
    entropy = integrate.cumulative_trapezoid(slope, np.log(sigma), initial=0.0)
    nothing = np.zeros(sigma.size)
    values = {"entropy": (entropy, nothing), "rate": (slope * (1 + sigma**-2.0), nothing)}
    curve = labelled(sigma, values, {"method": "gap"})
    return curve.drop_vars(["entropy_se", "rate_se"])


def _with_constants(curve: xr.Dataset, header: list[str], rows: Rows, path: Path) -> xr.Dataset:
    columns = {name: [row[header.index(name)] for _, row in rows] for name in CONSTANTS if name in header}
    try:
        variables, attributes = constants_of(columns, _number)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return curve.assign(variables).assign_attrs(attributes)


def _check_sign(
    values: Float64[Array, " levels"],
    error: Float64[Array, " levels"],
    name: str,
    where: Callable[[NDArray[np.bool_]], str],
    path: Path,
) -> None:
    """Entropies below zero are noise, or none: without errors, a hundredth of the largest is allowed."""
    least = -np.where(error > 0, 5 * error, 0.01 * max(float(values.max()), 0.0))
    if (values < least).any():
        raise ValueError(f"{path}: {where(values < least)}: {name} must be >= 0")


def _check_rate(curve: xr.Dataset, name: str, path: Path) -> None:
    """Refuse a rate that is not the slope of its entropy per unit OU time, which would move the peak."""
    if "rate" not in curve:
        return
    sigma, values = curve.sigma.values, curve[name].values
    slope = curve["rate"].values * sigma**2 / (1 + sigma**2)
    if (slope > slope.max() / 2).sum() < HALFWAY:  # too coarse for its integral, and for a peak
        return
    off = np.abs(integrate.cumulative_trapezoid(slope, np.log(sigma)) - (values[1:] - values[0]))
    error = 5 * float(curve[f"{name}_se"].max()) if f"{name}_se" in curve else 0.0
    rough = (
        5 * float(np.diff(np.log(sigma)).max()) * float(curve.rate_se.max()) if "rate_se" in curve else 0.0
    )
    if (off > _OFF * float(np.ptp(values)) + error + rough).any():
        raise ValueError(f"{path}: rate is not the slope of {name} in nats per unit OU time; leave it out")


def _ascending(
    sigma: Float64[Array, " levels"], axis: str, rows: Rows, path: Path
) -> Int[NDArray[np.intp], " levels"]:
    """The order of the levels; `ValueError` with the lines for two at one place."""
    order = np.argsort(sigma, kind="stable")
    same = np.flatnonzero(np.diff(sigma[order]) == 0)
    if same.size:
        first, second = (rows[order[int(same[0]) + i]][0] for i in (0, 1))
        raise ValueError(f"{path}: line {second}: {axis} has a value twice, here and in line {first}")
    return order


def _where(rows: Rows, bad: Bool[NDArray[np.bool_], " rows"]) -> str:
    """The first bad row, and its line in the file."""
    index = int(np.argmax(bad))
    return f"line {rows[index][0]}, row {index + 1}"


def _check_marks(columns: Sequence[int], header: list[str], rows: Rows, path: Path) -> None:
    """Refuse a table with commas and points in its numbers, where one of the two may part thousands."""
    seen: dict[str, str] = {}
    for index, (_, row) in enumerate(rows):
        for column in columns:
            marks = [mark for mark in ",." if mark in row[column] and np.isfinite(_number(row[column]))]
            seen = dict.fromkeys(marks, row[column]) | seen
            if len(seen) > 1:
                bad = np.arange(len(rows)) == index
                other = next(text for text in seen.values() if text != row[column])
                raise ValueError(
                    f"{path}: {_where(rows, bad)}: {header[column]} is {row[column]!r}, where another number "
                    f"is {other!r}; need one mark before decimals, and none between thousands"
                )


def _numbers(column: int, name: str, rows: Rows, path: Path) -> Float64[Array, " rows"]:
    values = np.array([_number(row[column]) for _, row in rows])
    if not np.isfinite(values).all():
        row = int(np.argmax(~np.isfinite(values)))
        text = rows[row][1][column]
        raise ValueError(f"{path}: {_where(rows, ~np.isfinite(values))}: {name} is {text!r}, not a number")
    return values


def _number(text: str) -> float:
    """A field as a number, with a comma or a point before its decimals; NaN for anything else."""
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        return plain_number(text)
    except ValueError:
        return np.nan
