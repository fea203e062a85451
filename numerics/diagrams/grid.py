"""Any two parameters of a SPEC against each other, or one against the noise scale.

With `t` or `sigma` on an axis each value of the other is one entropy curve; with two parameters each pixel is
the OU time at which half of the entropy is left, NaN where more is left of clean data. Where the curve is
exact that time is solved for, otherwise it is read off a measured curve. Where the classes are one and the
same all is NaN.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import optimize

from ...theory._support.plain_numbers import plain_number
from ...theory.closed_forms.dispatch import ExactCurves, exact_curves
from ...theory.mixtures.families import EqualClassesError
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.schedules import OrnsteinUhlenbeck
from ...theory.times.criteria import CRITERIA
from ...theory.times.prediction import speciation_times
from ...theory.times.window import window_sigmas
from ..curves.entropy import entropy_curve
from ..runs.blocks import Arrays, run_blocks
from ..runs.fingerprints import fingerprint
from ._base import Axis, assembled, linear, logarithmic

__all__ = ["NOISE", "check_grid", "grid", "grid_seconds", "parse_axis"]

Array = NDArray[np.float64]

NOISE = {"t": "Ornstein–Uhlenbeck time $t$", "sigma": "noise-to-signal ratio σ"}
"""Axes that are the noise scale and no parameter."""

_MEANING = {
    "d": "dimension $d$",
    "K": "number of classes $K$",
    "mu": r"coordinate $\mu$ of a mean",
    "s": "standard deviation $s$ of a class",
    "w": "weight $w$ of the first class",
    "M": "squared length $M$ of a mean",
    "A": "squared half distance $A$ of the upper level",
    "B": "squared half distance $B$ of the lower level",
    "lambda1": r"variance $\lambda_1$ of the first class",
    "lambda2": r"variance $\lambda_2$ of the second class",
}

_WHOLE = {"d", "K"}
_EQUAL = -1.0
_SOLVED = 33  # values of a parameter at which the criteria are solved for; between them they are smooth
_LEVELS = 400  # of a measured curve on which a median is read


@dataclass(frozen=True)
class _Work:
    """A SPEC with two of its parameters left open, and how its curves are computed."""

    spec: str
    x: Axis
    y: Axis
    samples: int
    key: int


def parse_axis(text: str, count: int) -> Axis:
    """`name=low:high` or `name=low:high:log` as an axis; `ValueError` for anything else."""
    match = re.fullmatch(r"(\w+)=([^:]+):([^:]+?)(:log|:linear)?", text)
    try:
        if match is None:
            raise ValueError
        name, low, high = match[1], plain_number(match[2]), plain_number(match[3])
    except ValueError:
        raise ValueError(f"{text}: not an axis; write name=low:high or name=low:high:log") from None
    log = match[4] == ":log"
    if not (np.isfinite([low, high]).all() and low < high) or (log and low <= 0):
        raise ValueError(f"{text}: need low < high, and low > 0 for a logarithmic axis")
    if name in NOISE and low < 0:
        raise ValueError(f"{text}: {name} starts at 0")
    if name in NOISE and low == 0:
        low = 1e-3 * high  # a clean sample is the limit, not a level
    axis = (logarithmic if log else linear)(
        name, low, high, count, NOISE.get(name) or _MEANING.get(name, name)
    )
    if name in _WHOLE:
        values = np.unique(np.round(axis.values))
        if values.size < 2:
            raise ValueError(f"{text}: {name} is a whole number, and there is only one between these ends")
        return Axis(name, values, axis.long_name, axis.scale)
    return axis


def grid(
    spec: str,
    x: Axis,
    y: Axis,
    *,
    samples: int = 20_000,
    key: int = 0,
    resume: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """A phase diagram of two parameters of `spec`, whose own values of them are replaced.

    Mixtures without exact curves are measured with `samples` draws; columns are kept in `resume`, so that an
    interrupted diagram goes on to the same bits.

    Raises
    ------
    ValueError
        For a parameter that the SPEC lacks.
    """
    if x.name in NOISE and y.name not in NOISE:
        turned = grid(spec, y, x, samples=samples, key=key, resume=resume, progress=progress)
        return turned.transpose(y.name, x.name)
    work = _checked(_Work(spec, x, y, samples, key))
    run = fingerprint("grid", spec, x.name, x.values, y.name, y.values, samples, key)
    found = run_blocks(lambda index: _column(work, index), x.values.size, resume, run, progress)
    if y.name in NOISE:
        entropy, rate = (_where_told_apart(found, name).T for name in ("entropy", "rate"))
        fields = {
            "entropy": (entropy, "entropy $H(C|X_t)$", "nats"),
            "rate": (rate, "entropy rate $dH/dt$", "nats per unit t"),
        }
    else:
        times = np.where(found["decided"] > 0, found["ou_time"], np.nan)
        fields = {"ou_time": (times.T, "time $t$ at which half of the entropy is left", "1")}
    about = {"spec": spec, "name": "grid", "title": spec.partition(":")[0], "source": "T5, T17"}
    return assembled(x, y, fields, _lines(work), **about, fixed=_fixed(work))


def _fixed(work: _Work) -> str:
    """Parameters of the SPEC that neither axis replaces, as `d = 64, s = 1`."""
    parts = (part.partition("=") for part in work.spec.partition(":")[2].split(",") if part)
    return ", ".join(
        f"{name} = {value}" for name, _, value in parts if name not in (work.x.name, work.y.name)
    )


def _lines(work: _Work) -> dict[str, tuple[Array, str]]:
    """Every criterion's place on an axis of the noise, NaN where it has none or lies outside the axis."""
    if work.y.name not in NOISE:
        return {}
    x = work.x.values
    chosen = np.unique(np.linspace(0, x.size - 1, min(x.size, _SOLVED)).round().astype(int))
    found = [_places(work, float(x[index])) for index in chosen]
    along = np.log(x) if work.x.scale == "log" else x
    lines: dict[str, tuple[Array, str]] = {}
    for name in CRITERIA:
        places = np.array([places.get(name, np.nan) for places in found])
        if np.isfinite(places).any():
            values = np.interp(along, along[chosen], places)
            inside = (values >= work.y.values[0]) & (values <= work.y.values[-1])
            label = name.replace("-", " ").replace("sde", "SDE")
            lines[name.replace("-", "_")] = (np.where(inside, values, np.nan), label)
    return {name: line for name, line in lines.items() if np.isfinite(line[0]).any()}


def _places(work: _Work, value: float) -> dict[str, float]:
    """σ or t of every criterion that has one, of the mixture at one value of the parameter."""
    try:
        found = speciation_times(_mixture(work.spec, {work.x.name: value}))
    except EqualClassesError:
        return {}
    places = {each.criterion: each.sigma if work.y.name == "sigma" else each.time for each in found}
    return {name: place for name, place in places.items() if place is not None}


def check_grid(spec: str, x: Axis, y: Axis) -> None:
    """`ValueError` with one line for axes, or a corner of them, that `grid` refuses."""
    _checked(_Work(spec, x, y, 2, 0))


def grid_seconds(spec: str, x: Axis, y: Axis, *, samples: int = 20_000, key: int = 0) -> float:
    """How long `grid` will take, in seconds: some of its cells, or one of its curves, are computed and timed.

    Arguments and errors are those of `grid`; nothing is kept.
    """
    if x.name in NOISE and y.name not in NOISE:
        return grid_seconds(spec, y, x, samples=samples, key=key)
    work = _checked(_Work(spec, x, y, samples, key))
    columns, rows = x.values.size, y.values.size
    if y.name in NOISE:
        return columns * _seconds(lambda: _column(work, columns // 2))
    # what a cell costs varies over the grid
    places = {(int(part * (columns - 1)), int(part * (rows - 1))) for part in (0.0, 0.5, 1.0)}
    each = [_seconds(lambda at=(i, j): _cell(work, *at)) for i, j in places]
    return columns * rows * float(np.mean(each))


def _seconds(compute: Callable[[], object]) -> float:
    """Time of a second call if the first, which may compile, was not long."""
    for attempt in range(2):
        start = time.perf_counter()
        compute()
        spent = time.perf_counter() - start
        if attempt == 1 or spent > 1:
            return spent
    raise AssertionError


def _checked(work: _Work) -> _Work:
    """The same work, if its axes are two different ones that the SPEC has."""
    x, y = work.x, work.y
    if x.name == y.name:
        raise ValueError(f"{x.name}: is on both axes")
    if x.name in NOISE and y.name in NOISE:
        raise ValueError("x, y: one of them has to be a parameter of the SPEC")
    parameters = [axis for axis in (x, y) if axis.name not in NOISE]
    for corner in product(*([float(axis.values[end]) for end in (0, -1)] for axis in parameters)):
        with suppress(EqualClassesError):
            _mixture(work.spec, dict(zip((axis.name for axis in parameters), corner, strict=True)))
    return work


def _where_told_apart(found: Arrays, name: str) -> Array:
    """NaN in columns of classes that are one, whose entropy is kept as −1: finished columns are finite."""
    return np.where(found["entropy"] == _EQUAL, np.nan, found[name])


def _column(work: _Work, index: int) -> Arrays:
    """All pixels at one x, each array (1, y)."""
    x = {work.x.name: float(work.x.values[index])}
    if work.y.name in NOISE:
        sigma = work.y.values if work.y.name == "sigma" else OrnsteinUhlenbeck().sigma(work.y.values)
        try:
            mixture = _mixture(work.spec, x)
        except EqualClassesError:
            return {name: np.full((1, sigma.size), _EQUAL) for name in ("entropy", "rate")}
        curve = entropy_curve(mixture, sigma, samples=work.samples, key=work.key)
        return {name: curve[name].values[None] for name in ("entropy", "rate")}
    cells = np.array([_cell(work, index, row) for row in range(work.y.values.size)])
    # finished columns are finite
    return {"ou_time": np.nan_to_num(cells)[None], "decided": np.isfinite(cells)[None].astype(np.float64)}


def _cell(work: _Work, column: int, row: int) -> float:
    """OU time at which half of H(C) is left, NaN where more is left of clean data."""
    values = {axis.name: float(axis.values[i]) for axis, i in ((work.x, column), (work.y, row))}
    try:
        mixture = _mixture(work.spec, values)
    except EqualClassesError:
        return np.nan
    exact = exact_curves(mixture)
    sigma = _measured_median(mixture, work) if exact is None else _exact_median(mixture, exact)
    return float(OrnsteinUhlenbeck().time(sigma))


def _exact_median(mixture: GaussianMixture, exact: ExactCurves) -> float:
    """σ by bracketing; the entropy rises with σ."""
    half = mixture.class_entropy / 2

    def excess(log_sigma: float) -> float:
        return float(exact.evaluate(np.exp([log_sigma]))[0, 0]) - half

    low, high = np.log(window_sigmas(mixture, 2))
    if excess(low) > 0:
        # a thousandth of that is as good as clean data: its t is below 1e-6 of the window's
        low -= np.log(1e3)
        if excess(low) > 0:
            return np.nan
    found: Any = optimize.brentq(excess, low, high, xtol=1e-10)
    return float(np.exp(found))


def _measured_median(mixture: GaussianMixture, work: _Work) -> float:
    """σ where a sampled curve crosses half of the class entropy."""
    sigma, half = window_sigmas(mixture, _LEVELS), mixture.class_entropy / 2
    entropy = entropy_curve(mixture, sigma, samples=work.samples, key=work.key).entropy.values
    if entropy[0] > half:
        return np.nan
    return float(np.exp(np.interp(half, np.maximum.accumulate(entropy), np.log(sigma))))


def _mixture(spec: str, changes: dict[str, float]) -> GaussianMixture:
    """The mixture of a SPEC with some of its parameters replaced, or added."""
    family, colon, body = spec.partition(":")
    if not colon or family == "digits" or spec.endswith((".json", ".npz")):
        raise ValueError(f"{spec}: has no parameters to vary; use a family such as binary:d=64,mu=1,s=1")
    parts = (part.partition("=") for part in body.split(",") if part)
    entries = {name: value for name, _, value in parts}
    entries |= {name: f"{value:.17g}" for name, value in changes.items()}
    return GaussianMixture.parse(f"{family}:" + ",".join(f"{k}={v}" for k, v in entries.items()))
