"""From values of each chain or sample to a curve: means, errors, and where the class is decided."""

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import integrate

from ...numerics.curves.covariance import covariance_variables, kept_levels, of_rows
from ...numerics.curves.dataset import labelled
from ...numerics.curves.places import with_places
from ...numerics.curves.reading import slopes_of
from ...theory._support.aliases import Fields

__all__ = ["curve_of", "extrapolated", "integrated", "standard_error"]

Array = NDArray[np.float64]

_RESAMPLES = 400  # of the units, for the intervals


def curve_of(
    name: str,
    sigma: Float64[Array, " levels"],
    values: Float64[Array, "units levels"],
    slopes: Float64[Array, "units levels"] | None,
    attributes: Fields,
    seed: int,
    class_entropy: float,
) -> xr.Dataset:
    """A dataset over ascending σ from `values` (units, levels) and `dH/d log σ` of each unit.

    Without slopes they are those of local polynomials in log σ. With them the values are their integral from
    the clean end, and the dataset has `closure`, the share of `class_entropy` (H(C), nats) that it finds.
    The covariance between levels, which share their units, is that of units (`numerics.curves.covariance`).
    Where the class is decided (`places`) has intervals of 95 % by bootstrap over the units.
    """
    units = len(values)
    each = slopes_of(np.log(sigma), values) if slopes is None else slopes
    mean, error = values.mean(axis=0), standard_error(values)
    # per unit OU time: d log σ/dt = (1 + σ²)/σ²
    speed = (1 + sigma**2) / sigma**2
    rate = (each.mean(axis=0) * speed, standard_error(each) * speed)
    curve = labelled(sigma, {name: (mean, error), "rate": rate}, attributes)
    curve = curve.assign(_shared((name, "rate"), sigma, np.stack([values, each * speed], axis=1)))
    if slopes is not None:
        area = values[:, -1:] / class_entropy
        about = {"long_name": "share of H(C) that the integral finds", "units": "1"}
        curve["closure"] = ((), float(area.mean()), about)
        curve["closure_se"] = (
            (),
            float(standard_error(area)[0]),
            about | {"long_name": "standard error of closure"},
        )
    rng = np.random.default_rng([seed, 0x9EA4])
    shares = rng.multinomial(units, np.full(units, 1 / units), size=_RESAMPLES) / units
    resampled = (shares @ values, shares @ each)
    # derived slopes are derived again, so that what they flatten is in the interval
    bare = curve if slopes is not None else curve.drop_vars(["rate", "rate_se"])
    placed = with_places(bare, class_entropy=class_entropy, resampled=resampled, seed=seed)
    return placed.assign({each: curve[each] for each in ("rate", "rate_se")})


def _shared(names: tuple[str, ...], sigma: Array, rows: Array) -> Fields:
    """The covariance between levels, as variables, from units (units, curves, levels)."""
    places = kept_levels(sigma)
    return covariance_variables(names, sigma[places], of_rows(rows, places), len(rows))


def standard_error(values: Float64[Array, "units ..."]) -> Array:
    """Of the mean over the units, (units, …) to (…)."""
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def extrapolated(coarse: xr.Dataset, fine: xr.Dataset, name: str = "entropy") -> xr.Dataset:
    """`2 H_fine − H_coarse` at the σ of both: the step bias, of first order, removed.

    `fine` has half the steps' size. The two runs are independent, so errors add in squares. Returns `name`,
    its standard error, and `step_bias`, the difference that was taken out of `fine`; `closure` likewise, and
    where the class is decided, read off the new levels. Attributes are those of `fine`.
    """
    shared = np.intersect1d(np.round(coarse.sigma.values, 12), np.round(fine.sigma.values, 12))
    if shared.size == 0:
        raise ValueError("coarse, fine: have no noise level in common")
    one, two = (d.sel(sigma=shared, method="nearest") for d in (coarse, fine))
    value = 2 * two[name].values - one[name].values
    error = np.hypot(2 * two[f"{name}_se"].values, one[f"{name}_se"].values)
    found = labelled(two.sigma.values, {name: (value, error)}, dict(fine.attrs))
    found["step_bias"] = ("sigma", two[name].values - value)
    if name not in ("entropy", "cross_entropy"):
        return found
    if "closure" in fine and "closure" in coarse:
        found["closure"] = 2 * fine["closure"] - coarse["closure"]
        found["closure_se"] = np.hypot(2 * fine["closure_se"], coarse["closure_se"])
    whole = float(fine["class_entropy"]) if "class_entropy" in fine else None
    return with_places(found, class_entropy=whole, seed=int(fine.attrs.get("seed", 0)))


def integrated(
    sigma: Float64[Array, " levels"], slopes: Float64[Array, "units levels"]
) -> Float64[Array, "units levels"]:
    """`∫ (dH/d log σ) d log σ` from the smallest σ, by trapezia; (units, levels), zero at the first."""
    return integrate.cumulative_trapezoid(slopes, np.log(sigma), axis=1, initial=0)
