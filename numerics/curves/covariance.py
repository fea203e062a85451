"""The covariance between the levels of a sampled curve, which all share their draws.

    C_ab = cov(v̂(σ_a), v̂(σ_b)),      v̂ the mean of n draws, chains or samples at each level

from `covariance_units` of them, over `sigma_row` and `sigma_column`: all levels of a curve, or of more than
`MOST` as many of them, evenly spaced: between those its errors are smooth, as its draws are shared.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float, Float64, Int
from numpy.typing import NDArray
from scipy import interpolate as _interpolate

from ...theory._support.values import ByContent

__all__ = [
    "MOST",
    "Joint",
    "covariance_variables",
    "covariances_in",
    "joint_near",
    "joint_of",
    "kept_levels",
    "of_rows",
    "shared_noise",
]

Array: TypeAlias = NDArray[np.float64]

MOST = 64
"""Largest number of levels whose covariance is kept."""
interpolate: Any = _interpolate
_FEWEST = 4
_BEYOND = 0.2  # in log σ, how far beyond the levels with a covariance its ends still hold
_SAME = 1e-9  # in log σ, within which levels are the same
_ROUNDING = 1e-13  # of the largest eigenvalue
_Scalar: TypeAlias = tuple[tuple[()], float, dict[str, str]]
_ROW, _COLUMN, _UNITS = "sigma_row", "sigma_column", "covariance_units"


def kept_levels(sigma: Float64[Array, " levels"]) -> Int[NDArray[np.intp], " kept"]:
    """Numbers of the levels whose covariance is kept, ascending in σ."""
    order = np.argsort(sigma, kind="stable")
    return order[np.unique(np.linspace(0, order.size - 1, min(order.size, MOST)).round().astype(int))]


def of_rows(
    values: Float64[Array, "rows curves levels"], places: Int[NDArray[np.intp], " kept"]
) -> Float64[Array, "curves kept curves kept"]:
    """Covariance of the means of rows (rows, curves, levels): (curves, places, curves, places)."""
    kept = values[:, :, places]
    apart = (kept - kept.mean(axis=0)).reshape(len(values), -1)
    return (apart.T @ apart).reshape(*kept.shape[1:], *kept.shape[1:]) / (len(values) * (len(values) - 1))


def covariance_variables(
    names: tuple[str, ...],
    sigma: Float64[Array, " kept"],
    covariance: Float64[Array, "curves kept curves kept"],
    units: int,
) -> dict[str, xr.DataArray | _Scalar]:
    """Variables of a dataset from the covariance (curves, levels, curves, levels) of these curves at σ."""
    coordinates = {_ROW: sigma, _COLUMN: sigma}
    found: dict[str, xr.DataArray | _Scalar] = {}
    for a, first in enumerate(names):
        for b, second in enumerate(names[a:], start=a):
            same = a == b
            about = {
                "long_name": f"covariance between levels of {first}"
                + ("" if same else f" (rows) and {second} (columns)"),
                "units": f"units of {first}, squared" if same else f"units of {first} times {second}",
            }
            name = f"{first}_covariance" if same else f"{first}_{second}_covariance"
            found[name] = xr.DataArray(covariance[a, :, b], coordinates, (_ROW, _COLUMN), attrs=about)
    about = {"long_name": "independent draws behind the covariance between levels", "units": "1"}
    return found | {_UNITS: ((), float(units), about)}


def covariances_in(curve: xr.Dataset) -> dict[str, xr.DataArray]:
    """The variables of `covariance_variables` that a curve has."""
    return {str(name): curve[name] for name in curve.data_vars if curve[name].dims == (_ROW, _COLUMN)} | (
        {_UNITS: curve[_UNITS]} if _UNITS in curve else {}
    )


@dataclass(frozen=True, eq=False)
class Joint(ByContent):
    """The covariance (levels, levels) of one curve at ascending σ, from so many independent `units`."""

    sigma: Float[Array, " levels"]
    covariance: Float64[Array, "levels levels"]
    units: float


def joint_of(curve: xr.Dataset, name: str) -> Joint | None:
    """Covariance of a curve at those of its levels that have one; `None` of a curve without."""
    matrix = _matrix(curve, f"{name}_covariance")
    if matrix is None:
        return None
    rows = np.flatnonzero(np.isin(curve[_ROW].values, curve["sigma"].values))
    if rows.size < 2:
        return None
    kept = matrix[np.ix_(rows, rows)]
    return Joint(curve[_ROW].values[rows], (kept + kept.T) / 2, float(curve[_UNITS]))


def joint_near(curve: xr.Dataset, name: str, sigma: Float[Array, " levels"]) -> Joint | None:
    """As `joint_of`, at levels (ascending) between those whose covariance is kept.

    Correlations are those of the covariance interpolated linearly in log σ, which by itself loses variance;
    variances are the curve's squared standard errors, times the share of them that is of draws. `None` of a
    curve without, or where the levels reach farther.
    """
    matrix = _matrix(curve, f"{name}_covariance")
    if matrix is None:
        return None
    x, log_sigma = np.log(curve[_ROW].values), np.log(sigma)
    if x.size < 2 or _beyond(x, log_sigma):
        return None
    at = _between(x, np.eye(x.size), log_sigma)
    covariance = at @ matrix @ at.T
    own = np.diagonal(covariance)
    wanted = _variances(curve, name, matrix, log_sigma)
    known = np.isfinite(wanted) & (own > 0)
    scale = np.sqrt(np.divide(wanted, own, out=np.ones(own.size), where=known))
    return Joint(sigma, covariance * np.outer(scale, scale), float(curve[_UNITS]))


def _variances(
    curve: xr.Dataset, name: str, matrix: Float[Array, "kept kept"], log_sigma: Float[Array, " levels"]
) -> Float[Array, " levels"]:
    """Squared standard errors of a curve as far as they are of draws; NaN beyond its levels."""
    rows = np.flatnonzero(np.isin(curve[_ROW].values, curve["sigma"].values))
    if f"{name}_se" not in curve or rows.size < 2:
        return np.full(log_sigma.size, np.nan)
    ordered = curve.sortby("sigma")
    levels, errors = np.log(ordered["sigma"].values), ordered[f"{name}_se"].values
    x = np.log(curve[_ROW].values[rows])
    squares = _between(levels, errors, x) ** 2
    drawn = np.maximum(np.diagonal(matrix)[rows], 0)
    share = np.divide(drawn, squares, out=np.ones(x.size), where=squares > 0)
    inside = (log_sigma >= levels[0] - _SAME) & (log_sigma <= levels[-1] + _SAME)
    found = _between(x, share, log_sigma) * _between(levels, errors, log_sigma) ** 2
    return np.where(inside, found, np.nan)


def _beyond(x: Float[Array, " kept"], log_sigma: Float[Array, " levels"]) -> bool:
    """Whether levels reach farther than the ends of those with a covariance hold."""
    return bool(log_sigma[0] < x[0] - _BEYOND or log_sigma[-1] > x[-1] + _BEYOND)


def _between(
    x: Float[Array, " kept"], values: Float[Array, "kept ..."], log_sigma: Float[Array, " levels"]
) -> Float[Array, "levels ..."]:
    """Values, along their first axis, interpolated linearly; those of the ends beyond them."""
    return np.asarray(interpolate.make_interp_spline(x, values, k=1)(np.clip(log_sigma, x[0], x[-1])))


def shared_noise(curve: xr.Dataset, names: tuple[str, ...], log_sigma: Array) -> tuple[Array, ...] | None:
    """Of each curve a factor (levels, m): `z @ factor.T`, z normal, are its errors in units of standard ones.

    The same z serves all of them. Between levels whose covariance is kept factors are interpolated. `None` of
    a curve without, or where the levels reach farther.
    """
    parts = [part for a in names for b in names if (part := _pair(curve, a, b)) is not None]
    if len(parts) < len(names) ** 2:
        return None
    x = np.log(curve[_ROW].values)
    if x.size < _FEWEST or _beyond(x, log_sigma):
        return None
    rows = [
        np.concatenate(parts[start : start + len(names)], axis=1)
        for start in range(0, len(parts), len(names))
    ]
    whole = np.concatenate(rows)
    scale = np.sqrt(np.maximum(np.diagonal(whole), 0))
    scale = np.where(scale > 0, scale, 1)
    values, vectors = np.linalg.eigh((whole + whole.T) / 2 / np.outer(scale, scale))
    kept = values > _ROUNDING * values[-1]
    factors = (vectors[:, kept] * np.sqrt(values[kept])).reshape(len(names), x.size, -1)
    return tuple(_between(x, factor, log_sigma) for factor in factors)


def _pair(curve: xr.Dataset, first: str, second: str) -> Float[Array, "kept kept"] | None:
    if first == second:
        return _matrix(curve, f"{first}_covariance")
    found = _matrix(curve, f"{first}_{second}_covariance")
    turned = _matrix(curve, f"{second}_{first}_covariance")
    return found if turned is None else turned.T


def _matrix(curve: xr.Dataset, key: str) -> Float[Array, "kept kept"] | None:
    """A covariance that is one: of these levels, finite, and with how many draws it came from."""
    if key not in curve or _UNITS not in curve or curve[key].dims != (_ROW, _COLUMN):
        return None
    matrix, units = curve[key].values, curve[_UNITS].values
    fits = matrix.dtype.kind == "f" and np.isfinite(matrix).all() and units.ndim == 0 and units >= 2
    same = _ROW in curve.coords and matrix.shape == (curve.sizes[_ROW],) * 2
    return matrix if fits and same and (np.diff(curve[_ROW].values) > 0).all() else None
