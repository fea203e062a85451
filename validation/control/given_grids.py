"""A grid of σ as somebody gives it: numbers, a file, or the name of a published one.

a,b,c                       levels, falling; a 0 at the end is the end of the run, and no level
F.txt, .csv, .json, .npy    the same in a file: text with numbers between blanks, commas or lines, a JSON list
karras, karras:rho=5        the ramp of K22 between the ends asked for
log-uniform                 evenly spaced in log σ
ays:sd15, ays:sdxl, ays:svd Align Your Steps, log-linearly interpolated to N steps as its authors do, the last
                            of N + 1 values being replaced by 0
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from os.path import isfile
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory import schedules
from ...theory._support.json_files import read_json
from ...theory._support.one_line import one_line
from ...theory._support.plain_numbers import plain_number

__all__ = ["ALIGN_YOUR_STEPS", "given_grid", "read_grid", "read_table"]

Array = NDArray[np.float64]

ALIGN_YOUR_STEPS: Mapping[str, tuple[float, ...]] = {
    "sd15": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    "svd": (700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002),
}
"""Ten steps and the last level, by model: arXiv 2404.14507."""

_NUMBER = re.compile(r"\d+(?:,\d+)?(?:[eE][-+]?\d+)?")  # a comma before its decimals, if it has any
_LARGEST = 1 << 22  # bytes of a file
_SUFFIXES = (".txt", ".csv", ".json", ".npy", ".dat")


def given_grid(text: str, steps: int, ends: tuple[float, float]) -> Float64[Array, " levels"]:
    """Levels of σ, falling and above 0, of what was given (see the module).

    Raises
    ------
    ValueError
        One line that names `given` or the file.
    """
    kind, _, rest = text.partition(":")
    if kind == "ays":
        if rest not in ALIGN_YOUR_STEPS:
            names = ", ".join(f"ays:{name}" for name in ALIGN_YOUR_STEPS)
            raise ValueError(f"given: {text!r} is not one of {names}")
        levels = np.array(ALIGN_YOUR_STEPS[rest])
        places = np.linspace(0, 1, levels.size)
        return np.exp(np.interp(np.linspace(0, 1, steps + 1), places, np.log(levels)))[:-1]
    if kind == "karras":
        return np.asarray(schedules.karras(steps, *ends, rho=_rho(text, rest)).sigma(np.arange(steps)))[::-1]
    if text == "log-uniform":
        return np.geomspace(ends[1], ends[0], steps)
    if text.endswith(_SUFFIXES) or isfile(text):
        return read_grid(Path(text))
    try:
        return _falling([plain_number(part) for part in text.split(",")])
    except ValueError:
        known = "numbers a,b,c that fall, a file, karras, karras:rho=5, log-uniform or ays:sd15"
        raise ValueError(f"given: {text!r} is none of {known}") from None


def _rho(text: str, rest: str) -> float:
    name, equals, value = rest.partition("=")
    try:
        rho = plain_number(value) if equals else 7.0
    except ValueError:
        rho = -1.0
    if (rest and name != "rho") or not 0 < rho <= 100:
        raise ValueError(f"given: {text!r} is not karras:rho=R with 0 < R <= 100")
    return rho


def _falling(numbers: object) -> Float64[Array, " levels"]:
    levels = np.asarray(numbers, dtype=np.float64)
    if levels.ndim == 1 and levels.size and levels[-1] == 0:
        levels = levels[:-1]
    falls = levels.ndim == 1 and all(later < before for before, later in pairwise(levels.tolist()))
    if not (falls and levels.size >= 2 and np.isfinite(levels).all() and levels[-1] > 0):
        raise ValueError("needs at least two levels of sigma above 0, falling")
    return levels


def read_grid(path: Path) -> Float64[Array, " levels"]:
    """Levels of σ from a file; `ValueError` with one line that names it."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large for a list of levels")
        if path.suffix == ".npy":
            with path.open("rb") as file:  # what NumPy opens itself it leaves open where it cannot be read
                return _falling(np.load(file, allow_pickle=False))
        if path.suffix == ".json":
            content = read_json(path)
            if isinstance(content, Mapping):
                content = content.get("sigmas")
            if not isinstance(content, list):
                raise ValueError("not a list of sigmas")
            return _falling([_number(each) for each in content])
        return _falling([row[0] for row in _rows(path, ("sigma",))])
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    except Exception as error:  # what a reader of arrays raises
        raise ValueError(f"{path}: {one_line(error)}") from None


def read_table(path: Path) -> tuple[Float64[Array, " rows"], Float64[Array, " rows"]]:
    """σ ascending and ε² > 0 from two columns of text, headed `sigma,error` or not headed.

    Raises
    ------
    ValueError
        One line that names the file.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large for a table of errors")
        table = np.array(_rows(path, ("sigma", "error")))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    if len(table) < 2 or not (np.isfinite(table).all() and (table > 0).all()):
        raise ValueError(f"{path}: needs at least two rows of sigma and the denoiser's error, both above 0")
    sigma, error = table[np.argsort(table[:, 0])].T
    if (np.diff(sigma) == 0).any():
        raise ValueError(f"{path}: sigma has a value twice")
    return sigma, error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _rows(path: Path, columns: tuple[str, ...]) -> list[list[float]]:
    """Numbers of a text file, so many a row; a first line of words is a header, whose names may be turned."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    lines = [_with_points(line) for line in lines if line]
    fields = [line.replace(";", " ").replace(",", " ").split() for line in lines]
    order = list(range(len(columns)))
    if fields and not any(mark in "0123456789" for mark in fields[0][0]):
        names = [name.strip("\"'").lower() for name in fields.pop(0)]
        lines.pop(0)
        if "sigma" in names:
            order.sort(key=lambda column: column != names.index("sigma"))
    if len(columns) == 1:
        either = [line for line in lines if "," in line]
        if len(lines) > 1 and either and all(map(_NUMBER.fullmatch, lines)):
            raise ValueError(f"{either[0]!r} is one number or two; write decimals with points")
        return [[plain_number(each)] for row in fields for each in row]
    if any(len(row) != len(columns) for row in fields):
        raise ValueError(f"needs {len(columns)} numbers a line: {','.join(columns)}")
    return [[plain_number(row[column]) for column in order] for row in fields]


def _with_points(line: str) -> str:
    """A line of numbers with commas before their decimals, between semicolons or blanks, with points."""
    parts = [part for part in re.split(r"[;\s]+", line) if part]
    decimal = len(parts) > 1 and all(map(_NUMBER.fullmatch, parts))
    return " ".join(parts).replace(",", ".") if decimal else line
