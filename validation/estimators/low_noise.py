"""Two estimates of one rate on clean samples, and the cut where a network contradicts itself.

    discrepancy  σ^{−2} E|D_C − D|²        gap  σ^{−2} (E|x₀ − D|² − E|x₀ − D_C|²)

For exact denoisers both are dH/d log σ, since `gap − discrepancy = 2σ^{−2} E⟨x₀ − D_C, D_C − D⟩`, and what
D_C misses of x₀ is orthogonal to all that is known of x and C. With errors e_C of D_C and e of D, which
are functions of x and C,

    discrepancy − dH/d log σ = σ^{−2} (E|e_C − e|² + 2E⟨D_C − D, e_C − e⟩)
    gap − dH/d log σ         = σ^{−2} (E|e|² − E|e_C|²)

so that where the class is known, D_C = D, a network adds to the discrepancy the square of what its two
answers do not share, never negative, and to the gap the difference of two errors that are much alike. From
the noisy end down both agree, until they do not:

    cut: highest σ above which the discrepancy finds 5 % of H(C), and 3 standard errors, more than the gap

Below it a network contradicts itself. An exact denoiser has a cut only by a false alarm. The gap is the
noisier of the two, since at low noise x₀ − D_C is about −σz, but only what lies above σ enters.
"""

import numpy as np
import xarray as xr
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from ...numerics.runs.blocks import Arrays
from ...theory._support.aliases import Fields
from .curve_statistics import integrated, standard_error

__all__ = ["both_estimates", "by_level", "cut_index", "with_gap"]

Array = NDArray[np.float64]

SHARE = 0.05
"""Of H(C), by which the two estimates must differ above the cut."""
_BEYOND = 3.0  # standard errors of the difference


def both_estimates(
    conditional: Float[Tensor, "n ..."],
    reference: Float[Tensor, "n ..."],
    clean: Float[Tensor, "n ..."] | None,
    sigma: float,
) -> Arrays:
    """`slopes` by the discrepancy of D_C and D and `gaps` by the errors of both, (n,), of dH/d log σ.

    Tensors are (n, …); without clean samples there are no gaps.
    """
    known = conditional.flatten(1)
    shift = known - reference.flatten(1)
    squares = (shift**2).sum(1).cpu().double().numpy() / sigma**2
    if clean is None:
        return {"slopes": squares}
    along = ((clean.flatten(1) - known) * shift).sum(1).cpu().double().numpy()
    return {"slopes": squares, "gaps": squares + 2 * along / sigma**2}


def by_level(found: list[Arrays]) -> Arrays:
    """Of each level (n,) to arrays (n, levels)."""
    return {key: np.stack([level[key] for level in found], axis=1) for key in found[0]}


def cut_index(
    found: Float64[Array, "units levels"], by_gap: Float64[Array, "units levels"], class_entropy: float
) -> int:
    """Index of the level of the cut; 0, the lowest, where nothing is cut.

    `found` and `by_gap` (units, levels) are the two integrals of each unit from the lowest level.
    """
    excess = found - by_gap
    above = excess[:, -1:] - excess
    mean = above.mean(axis=0)
    apart = (mean > SHARE * class_entropy) & (mean > _BEYOND * standard_error(above))
    return int(np.flatnonzero(apart)[-1]) if apart.any() else 0


def with_gap(
    curve: xr.Dataset, slopes: Float64[Array, "units levels"], gaps: Float64[Array, "units levels"]
) -> xr.Dataset:
    """The curve of the discrepancy `slopes` (units, levels) with what the `gaps` of the same units say.

    Adds over `sigma` `gap_entropy` (nats, integrated from the clean end) and `gap_rate` (per unit OU time);
    without a dimension `cut_sigma`, the lowest level where nothing is cut, and as shares of H(C)
    `gap_closure`, `window_closure` above the cut, `below_cut` and `below_cut_by_gap`; each with its standard
    error.
    """
    sigma, whole = curve.sigma.values, float(curve["class_entropy"])
    found, by_gap = integrated(sigma, slopes), integrated(sigma, gaps)
    cut = cut_index(found, by_gap, whole)
    about = {"long_name": "σ below which the network contradicts itself", "units": "1"}
    variables: Fields = {"cut_sigma": ((), float(sigma[cut]), about)}
    per_time = gaps * (1 + sigma**2) / sigma**2
    for name, values, long_name, units in (
        ("gap_entropy", by_gap, "class-conditional entropy by the gap of squared errors", "nats"),
        ("gap_rate", per_time, "entropy rate by the gap", "nats per unit OU time"),
        ("gap_closure", by_gap[:, -1] / whole, "share of H(C) by the gap", "1"),
        ("window_closure", (found[:, -1] - found[:, cut]) / whole, "share of H(C) above the cut", "1"),
        ("below_cut", found[:, cut] / whole, "share of H(C) below the cut", "1"),
        ("below_cut_by_gap", by_gap[:, cut] / whole, "share of H(C) below the cut by the gap", "1"),
    ):
        dims = "sigma" if values.ndim == 2 else ()
        variables[name] = (dims, values.mean(axis=0), {"long_name": long_name, "units": units})
        error = {"long_name": f"standard error of {name}", "units": units}
        variables[f"{name}_se"] = (dims, standard_error(values), error)
    return curve.assign(variables)
