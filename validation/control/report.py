"""All that `speciation control` says of a curve: the window, intervals, commitment, grids and formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, inf
from os.path import isfile
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory import GaussianMixture, schedules
from ...theory._support.aliases import Fields
from ...theory._support.intervals import checked_interval
from ...theory._support.values import ByContent
from .clocks import clock_of
from .formats import all_formats
from .given_grids import given_grid, read_table
from .grids import FLOOR, GridName, bias_of, class_grids, path_kl, prior_of
from .information import ClassInformation, information_of
from .settings import guided_says, interval_says, settled, window, window_notes

__all__ = ["Request", "error_of", "of_pairs", "report", "settings_of"]

Array = NDArray[np.float64]

_ABOVE = 0.02  # share of the class that is decided above the highest level, from which it is said
_FAR_OFF = "what is read off may be far off; measure with more samples or levels"
_RARE = 0.1  # weight of the rarer class that a balanced curve is asked about


@dataclass(frozen=True, eq=False)
class Request(ByContent):
    """What is asked of a curve.

    `error` is a SPEC, a mixture's file or a table (`error_of`); `given` a grid to be judged with the others;
    `prior` the weight of the class whose bias is predicted.
    """

    steps: int = 32
    interval: tuple[float, float] | None = None
    ends: tuple[float, float] = (0.002, 80.0)
    grid: GridName = "class-optimal"
    given: Float64[Array, " levels"] | None = None
    floor: float = FLOOR
    shift: float = 1.0
    table: schedules.Schedule | None = None
    guidance: float | None = None
    error: str | None = None
    prior: float | None = None


def settings_of(
    curve: xr.Dataset,
    *,
    steps: int = 32,
    interval: tuple[float, float] | None = None,
    ends: tuple[float, float] | None = None,
    clock: str | None = None,
    grid: GridName = "class-optimal",
    given: str | None = None,
    floor: float = FLOOR,
    guidance: float | None = None,
    error: str | None = None,
    prior: float | None = None,
) -> Fields:
    """Settings from a curve: guidance interval, steps and all else that `speciation control` writes.

    Parameters
    ----------
    curve : xarray.Dataset
        Of the entropy of one set of classes over `sigma` (`entropy_curve`, `measure`, `read_curve`).
    steps : int
        Levels N of each grid, at least 2.
    interval : (low, high), optional
        σ between which guidance acts, low < σ ≤ high; from 5 to 95 % of the entropy by default.
    ends : (low, high), optional
        σ of the grids; 0.002 and 80, or the clock's own ends within these.
    clock : str, optional
        The program's clock, as of `speciation clock`: `flow:shift=3`, `sd15`, a scheduler's folder.
    grid : GridName
        The grid that `formats` is of.
    given : str, optional
        A grid to be judged with the others: `a,b,c`, a file, `karras:rho=5`, `ays:sd15`.
    floor : float
        Share of the steps that is spread evenly over log σ.
    guidance : float, optional
        A weight ω above ½ at which `guided` gives the effect of the interval (T12, T21).
    error : str, optional
        The denoiser's error, for the grid `entropic`: a table, a SPEC or a mixture's file.
    prior : float, optional
        Weight of the class whose bias is predicted.

    Returns
    -------
    dict
        `window` (σ, `None` where the curve does not show one, and `window_notes` why), `interval`, `guided`,
        `commitment`, `grids` (σ, falling), `path_kl` (nats), `minority_bias`, `formats` (those of an interval
        `None` where there is none), and `notes` of what the curve does not show; plain numbers for JSON.

    Raises
    ------
    ValueError
        One line for an argument out of range, a curve of several pairs or of a guided run.

    References
    ----------
    T12, T19, T21, T23.
    """
    limits, shift, table = ends_of(clock, ends)
    interval = None if interval is None else checked_interval(interval)
    asked = Request(
        steps=steps,
        interval=interval,
        ends=limits,
        grid=grid,
        given=None if given is None else given_grid(given, steps, limits),
        floor=floor,
        shift=shift,
        table=table,
        guidance=guidance,
        error=error,
        prior=prior,
    )
    return report(information_of(curve), asked)


def ends_of(
    clock: str | None, ends: tuple[float, float] | None
) -> tuple[tuple[float, float], float, schedules.Schedule | None]:
    """Ends of the grids, the shift of a flow, and the table of steps; a clock's own ends unless asked."""
    low, high = ends or (0.002, 80.0)
    if not 0 < low < high < inf:
        raise ValueError(f"ends: need 0 < LOW < HIGH, not {low:g}:{high:g}")
    own = None if clock is None else clock_of(clock)
    if own is not None and ends is None:
        low, high = max(low, own.first_sigma), min(high, own.last_sigma)
    shift = own.shift if isinstance(own, schedules.FlowMatching) else 1.0
    return (low, high), shift, own if isinstance(own, schedules.Spaced) else None


def report(known: ClassInformation, asked: Request) -> Fields:
    """Everything that is read off one curve, as plain numbers for JSON.

    Raises
    ------
    ValueError
        One line for what is out of range, or a grid that there is not.
    """
    found: Fields = {"entropy": known.whole, "closure": known.closure, "window": window(known)}
    found["window_notes"] = window_notes(known)
    found["notes"] = _unseen(known)
    within = asked.interval
    low, high = found["window"]["q05"], found["window"]["q95"]
    if within is None and low is not None and high is not None:
        within = low, high
    if within is not None:
        found["interval"] = interval_says(known, *within)
        if asked.guidance is not None:
            found["guided"] = guided_says(known, *within, asked.guidance)
    elif asked.guidance is not None:
        found["notes"].append(
            "guidance: the effect of a weight is that of an interval, and the curve does not show where 5 "
            "and 95 % of its entropy are left; give the interval"
        )
    found["commitment"] = settled(known)
    error = None if asked.error is None else error_of(known, asked.error)
    grids = class_grids(known, asked.steps, asked.ends, asked.floor, error)
    if asked.given is not None:
        grids["given"] = asked.given
    if asked.grid not in grids:
        more = "; entropic needs the denoiser's error" if asked.grid == "entropic" else ""
        raise ValueError(f"grid: {asked.grid!r} is not one of {', '.join(grids)}{more}")
    found["grids"] = {name: levels.tolist() for name, levels in grids.items()}
    found["path_kl"] = {name: path_kl(known, levels) for name, levels in grids.items()}
    found["minority_bias"] = _bias(known, grids, asked.prior)
    chosen = grids[asked.grid]
    found["grid"] = asked.grid
    found["formats"] = all_formats(chosen, within, asked.shift, asked.table)
    return found


def _bias(
    known: ClassInformation, grids: Mapping[GridName, Float64[Array, " _"]], prior: float | None
) -> Fields | None:
    """The rarer class's weight and `E p − w` by grid; `None` of more than two classes, or of which weight."""
    if known.classes not in (None, 2) or known.whole > np.log(2) * (1 + 1e-3):
        if prior is not None:
            raise ValueError("prior: the bias is predicted for two classes, and the curve has more")
        return None
    if prior is None and not known.shown:  # nor does the curve say how rare the rarer class is
        return None
    own = prior_of(known)
    weight = prior if prior is not None else own if own < 0.5 else _RARE
    return {"prior": weight, "grids": {name: bias_of(known, each, weight) for name, each in grids.items()}}


def error_of(known: ClassInformation, source: str) -> Callable[[Array], Array]:
    """ε²(σ) = E|X₀ − D|² of the denoiser of all classes, as a function.

    From a table `sigma,error` (log-linear between its rows, constant beyond), or from a mixture: what each of
    its classes errs, `Σ_k w_k tr[Σ_k σ²(Σ_k + σ²)^{-1}]`, and what not knowing the class adds,
    `E|D_C − D|² = σ² dH/d log σ` of the curve (T17).

    Raises
    ------
    ValueError
        One line for what is neither.
    """
    path = Path(source)
    # any file but a mixture's is a table, whatever its name; a SPEC may be too long for the name of a file
    if path.suffix in (".csv", ".txt", ".dat") or (isfile(source) and path.suffix not in (".json", ".npz")):
        sigma, error = read_table(path)
        return lambda s: np.exp(np.interp(np.log(s), np.log(sigma), np.log(error)))
    mixture = GaussianMixture.parse(source)
    if not all(covariance.has_spectrum for covariance in mixture.covariances):
        raise ValueError(f"error: {source}: its covariances are too large for eigenvalues; give a table")
    weight = np.full(mixture.dimension, 1.0)
    own = [covariance.variances * weight for covariance in mixture.covariances]
    parts = list(zip(mixture.weights if len(own) > 1 else [1.0], own, strict=True))

    def at(sigma: Array) -> Array:
        square = np.square(sigma)[:, None]
        within = sum(float(w) * (v * square / (v + square)).sum(axis=1) for w, v in parts)
        return np.asarray(within + square[:, 0] * known.slope_at(sigma), dtype=np.float64)

    return at


def of_pairs(curves: xr.Dataset) -> Fields:
    """The window of each pair of classes, by its name, and the one that holds them all.

    A pair whose curve does not fall is left out, with its name under `left_out`. `notes` say which curves end
    below their window, and `window_notes` of which pairs a σ is not measured, and so none that holds for all.

    Raises
    ------
    ValueError
        A guided curve, or no pair that is decided.
    """
    if "entropy" not in curves:
        raise ValueError("curve: is of a guided run; settings are read off the entropy of an unguided one")
    found, left_out = dict[str, dict[str, float | None]](), list[str]()
    cut, untold = dict[str, float](), list[str]()
    for name in curves["pair"].values.tolist():
        try:
            known = information_of(curves.sel(pair=name))
        except ValueError:
            left_out.append(str(name))
            continue
        found[str(name)] = window(known)
        if known.finding:
            untold.append(str(name))
        if known.above > _ABOVE:
            cut[str(name)] = known.above
    if not found:
        raise ValueError("curve: no pair's entropy falls in this range; measure where classes are decided")
    whole: dict[str, float | None] = {}
    for key, at in (("q05", 0.0), ("q50", 0.5), ("q95", 1.0)):
        held = [place for each in found.values() if (place := each[key]) is not None]
        whole[key] = float(np.quantile(held, at)) if len(held) == len(found) else None
    return {
        "window": whole,
        "window_notes": _absent(found),
        "pairs": found,
        "left_out": left_out,
        "notes": [*_untold(untold), *_cut_short(cut)],
    }


def _absent(pairs: Mapping[str, Mapping[str, float | None]]) -> dict[str, str]:
    """Of which pairs each σ of the window is not there."""
    lacking = {
        key: [name for name, each in pairs.items() if each[key] is None] for key in ("q05", "q50", "q95")
    }
    return {key: f"pairs {'; '.join(names)} do not show it" for key, names in lacking.items() if names}


def _untold(pairs: list[str]) -> list[str]:
    """The pairs whose levels do not tell where they are decided."""
    which = f"too noisy or too few levels to tell where they are decided: pairs {'; '.join(pairs)}"
    return [f"{which}; {_FAR_OFF}"] if pairs else []


def _cut_short(cut: Mapping[str, float]) -> list[str]:
    """The pairs whose curves end below their window, with the share that each leaves above."""
    if not cut:
        return []
    which = "; ".join(f"{name} ({100 * above:.0f} %)" for name, above in cut.items())
    return [
        "curves that end where their entropy still rises, with the share of the class that is "
        f"decided above, about or at least: {which}; their windows are not measured to the end; measure "
        "higher levels"
    ]


def _unseen(known: ClassInformation) -> list[str]:
    """What a curve does not show: of too few or noisy levels, or one that ends below its window."""
    found = [f"{known.finding}; {_FAR_OFF}"] if known.finding else []
    if known.above <= _ABOVE:
        return found
    end = f"the curve ends at sigma = {exp(known.x[-1]):.4g}, where its entropy still rises: about "
    part = f"{100 * known.above:.0f} % of the class"
    if known.shown:
        return [*found, f"{end}{part} is decided above, so that grids begin too low; measure higher levels"]
    return [
        *found,
        f"{end}{part} or more is decided above, so that the window is not measured, and shares and grids "
        "begin too low; measure higher levels",
    ]
