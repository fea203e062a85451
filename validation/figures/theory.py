"""Figures of curves and laws for print: colour-blind-safe, told apart in grey, axes with their symbols."""

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ...numerics import entropy_curve
from ...theory.closed_forms.many_classes import orthogonal_median, orthogonal_peak
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.schedules import OrnsteinUhlenbeck
from ...theory.times.prediction import SpeciationTime, speciation_times
from ...theory.times.window import window_sigmas
from ..models.digit_pairs import DigitPair
from ..verification.independent.monte_carlo import entropy_draws
from .line_groups import grouped
from .style import DASHES, ONE_COLUMN, STYLE, TWO_COLUMNS, literally, styled

__all__ = [
    "BOUND",
    "STYLE",
    "bound_label",
    "curve_figure",
    "digit_figure",
    "instability_figure",
    "log_law_figure",
]

Array = NDArray[np.float64]

# Okabe and Ito's palette, in an order whose lightness also differs
BLACK, ORANGE, SKY, GREEN, BLUE, RED = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"

BOUND: Any = {"color": "0.4", "linewidth": 0.6}
"""Style of the line at H(C)."""

_FIRST = ("entropy-peak", "curvature", "reverse-sde", "covariance", "probability-flow", "entropy-median")
_FINE = 1200  # points of a smooth curve


def bound_label(curve: xr.Dataset) -> str:
    """What H(C) is: log K where the classes are equally likely."""
    whole, classes = float(curve["class_entropy"]), curve.attrs.get("classes")
    return (
        f"log {classes}" if classes and np.isclose(whole, np.log(classes)) else "entropy of the class, $H(C)$"
    )


def curve_figure(
    curve: xr.Dataset, title: str, times: Sequence[SpeciationTime] = (), clock: str = "ou"
) -> Figure:
    """Entropy and entropy rate of one curve against time, with speciation times marked.

    Exact curves are drawn smoothly through their levels; measured ones (standard errors above zero) are
    points with bars of two standard errors. Every criterion that has a time within the curve is a vertical
    line with its own dash; criteria that coincide are one line with all their names, and there are at most
    five lines. The rate is per unit OU time, whatever the clock of the horizontal axis. The figure is 3.3
    inches wide.

    Parameters
    ----------
    curve : xarray.Dataset
        As of `entropy_curve`; for another clock than `ou` it has the coordinate `time`.
    title : str
    times : sequence of SpeciationTime
        Marked where they have a time, in the same clock.
    clock : str
        Name of the horizontal axis's clock.

    Returns
    -------
    matplotlib.figure.Figure
    """
    along = "ou_time" if clock == "ou" else "time"
    with styled():
        curve = curve.sortby("sigma")
        marks = _marks(times, curve[along].values)
        labels = [textwrap.fill(", ".join(names), 52) for names, _ in marks]
        lines = sum(1 + label.count("\n") for label in labels) + 1
        figure = Figure(figsize=(ONE_COLUMN, 3.7 + 0.13 * lines), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        _plot(upper, curve, "entropy", BLUE, along)
        _plot(lower, curve, "rate", RED, along)
        upper.set_ylabel("entropy $H(C|X_t)$ [nats]")
        lower.set_ylabel("rate $dH/dt$ [nats per OU time]")
        lower.set_xlabel("Ornstein–Uhlenbeck time $t$" if clock == "ou" else f"time of the {clock} clock")
        upper.set_title(textwrap.fill(literally(title), 50))
        bound = upper.axhline(float(curve["class_entropy"]), **BOUND)
        handles = [bound]
        for (_, place), dash in zip(marks, DASHES, strict=False):
            upper.axvline(place, color=BLACK, linestyle=dash, linewidth=0.9)
            handles.append(lower.axvline(place, color=BLACK, linestyle=dash, linewidth=0.9))
        upper.set_ylim(bottom=0)
        lower.set_ylim(bottom=0)
        figure.legend(handles, [bound_label(curve), *labels], loc="outside lower center", ncols=1)
        return figure


def _marks(times: Sequence[SpeciationTime], axis: Float64[Array, " points"]) -> list[tuple[list[str], float]]:
    """Names and times of criteria within the axis: at most five groups, each with the time of its first."""
    low, high = float(np.nanmin(axis)), float(np.nanmax(axis))
    known = {each.criterion: each.time for each in times if each.time is not None}
    order = [*(name for name in _FIRST if name in known), *(name for name in known if name not in _FIRST)]
    places = {name: np.array([known[name]]) for name in order if low <= float(known[name] or 0) <= high}
    groups = grouped(places, high - low)[: len(DASHES)]
    return [([_label(name) for name in names], float(place[0])) for names, place in groups]


def _label(criterion: str) -> str:
    if criterion == "entropy-peak":
        return "entropy peak (per OU time)"
    return criterion.replace("-", " ").replace("sde", "SDE")


def digit_figure(pair: DigitPair, label: str, seed: int = 0) -> Figure:
    """A pair of digits: class means, predicted entropy against σ, and its Monte-Carlo measurement."""
    mixture = pair.mixture
    sigmas = window_sigmas(mixture, 200)
    sigmas = sigmas[sigmas > sigmas[-1] * 3e-3]
    curve = entropy_curve(mixture, sigmas)
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 4))
        for row, digit in enumerate((pair.first, pair.second)):
            axes = figure.add_subplot(grid[row, 0])
            axes.imshow(mixture.means[row].reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
            axes.set_title(f"mean of “{digit}”")
            axes.set_axis_off()
        main = figure.add_subplot(grid[:, 1])
        main.plot(curve.sigma, curve.entropy, color=BLUE, label="predicted, $H_2(γ(σ))$")
        _measured_points(main, mixture, sigmas, seed)
        _mark_times(main, speciation_times(mixture))
        main.set_xscale("log")
        main.set_xlabel("noise-to-signal ratio σ [pixel range 2]")
        main.set_ylabel("entropy $H(C|X_σ)$ [nats]")
        main.set_title(f"digits {pair.first} and {pair.second}: the {label} pair")
        main.set_ylim(0, 0.75)
        main.legend(loc="lower right")
        return figure


def log_law_figure(dimensions: Sequence[int], s: float = 0.5) -> Figure:
    """Growing d in t, in `t − ½ log d`, in `t/t_S`, and what is left over in a finite dimension (T6, T7).

    Two classes at ±(1, …, 1) with variance s². Criteria at a level γ_c lie at `½ log d − ½ log γ_c` and, to
    first order, `(1 − s²)γ_c/(2d)` later: the last panel has that line, and the exact times as points.
    """
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 4.6), layout="constrained")
        (left, shifted), (relative, correction) = figure.subplots(2, 2)
        looks = zip(dimensions, _colours(len(dimensions)), DASHES, strict=False)
        for d, colour, dash in looks:
            mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.ones(d)), s**2)
            times = np.linspace(0.02, 0.5 * np.log(d) + 3.5, 400)
            curve = entropy_curve(mixture, OrnsteinUhlenbeck().sigma(times))
            look: object = {"color": colour, "linestyle": dash, "label": f"$d={d:,}$"}
            left.plot(curve.ou_time, curve.rate, **look)
            shifted.plot(curve.ou_time - 0.5 * np.log(d), curve.rate, **look)
            relative.plot(curve.ou_time / (0.5 * np.log(d)), curve.entropy / np.log(2), **look)
        _corrections(correction, s)
        shifted.set_xlim(-2.5, 3.5)
        left.set_xlabel("Ornstein–Uhlenbeck time $t$")
        shifted.set_xlabel(r"$t - \frac{1}{2}\log d$")
        relative.set(
            xlabel=r"$t/t_S$, $t_S=\frac{1}{2}\log d$", ylabel=r"entropy $H(C|X_t)/\log 2$", xlim=(0, 2)
        )
        for axes in (left, shifted):
            axes.set(ylabel="rate $dH/dt$ [nats per unit $t$]", ylim=(0, 0.62))
        for axes, letter in zip((left, shifted, relative, correction), "abcd", strict=True):
            axes.set_title(f"({letter})", loc="left")
        shifted.legend(loc="upper right", title=f"two classes, $\\mu=1$, $s={s:g}$")
        return figure


def _colours(count: int) -> Any:
    """Colours of rising lightness, none too light for white paper."""
    return mpl.colormaps["viridis"](np.linspace(0, 0.8, count))


def _corrections(axes: Axes, s: float) -> None:
    """How much later than the logarithm a level of γ is reached, exactly and to first order in 1/d."""
    d = np.geomspace(4, 1e5, 200)
    levels = (("curvature, $γ_c=1$", 1.0), ("$γ_c=4$", 4.0))
    for (label, level), colour, marker in zip(levels, (BLACK, RED), "oD", strict=True):
        points = np.geomspace(8, 5e4, 9)
        exact = 0.5 * np.log1p((1 - s**2) * level / points)
        axes.plot(points, exact, marker, color=colour, markerfacecolor="white", label=label)
        axes.plot(d, (1 - s**2) * level / (2 * d), color=colour, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="dimension $d$", xlim=(4, 1e5), ylim=(2e-6, 4))
    axes.set_ylabel(r"$t - \frac{1}{2}\log(d/γ_c)$")
    axes.legend(title="points: exact; lines: $(1-s^2)γ_c/2d$", loc="upper right")


def _plot(axes: Axes, curve: xr.Dataset, name: str, colour: str, along: str) -> None:
    """A curve through its levels if it is exact, else points with bars of two standard errors."""
    value, error, place = curve[name].values, 2 * curve[f"{name}_se"].values, curve[along].values
    if error.max() > 0:
        axes.errorbar(place, value, error, fmt=".", color=colour, markersize=2.5, elinewidth=0.7)
        return
    known = np.isfinite(place)
    if known.sum() < 3:
        axes.plot(place, value, color=colour)
        return
    position = np.log(curve.sigma.values[known])
    fine = np.linspace(position[0], position[-1], _FINE)
    smooth = [PchipInterpolator(position, each[known])(fine) for each in (place, value)]
    axes.plot(*smooth, color=colour)


def _mark_times(axes: Axes, times: Sequence[SpeciationTime]) -> None:
    """The peak, curvature and the reverse SDE against σ."""
    for name, dash in zip(("entropy-peak", "curvature", "reverse-sde"), DASHES, strict=False):
        for entry in times:
            if entry.criterion == name and entry.sigma is not None:
                axes.axvline(entry.sigma, color=BLACK, linestyle=dash, linewidth=0.9, label=_label(name))


def _measured_points(
    axes: Axes, mixture: GaussianMixture, sigmas: Float64[Array, " levels"], seed: int
) -> None:
    places = np.geomspace(sigmas[0], sigmas[-1], 14)
    rng = np.random.default_rng(seed)
    draws = [entropy_draws(mixture, float(sigma), 20_000, rng) for sigma in places]
    means = [float(values.mean()) for values in draws]
    errors = [2 * float(values.std() / np.sqrt(values.size)) for values in draws]
    axes.errorbar(
        places,
        means,
        errors,
        fmt="o",
        color=ORANGE,
        markeredgecolor=BLACK,
        markersize=4,
        label="Monte Carlo in 64 dimensions, ±2 s.e.",
    )


def instability_figure(classes: Sequence[float]) -> Figure:
    """When K orthogonal classes are decided, and when their midpoint turns unstable, against K (T14).

    Times are shifted by `½ log M`, for `s = 1`: the peak of the rate, the median of the entropy, the
    thresholds `g = 2 log K` and `g = K`.
    """
    k = np.asarray(classes, dtype=np.float64)
    levels = {
        "rate peak, exact (T13)": (np.array([orthogonal_peak(float(n)) for n in k]), RED, "-"),
        "median of the entropy, exact": (np.array([orthogonal_median(float(n)) for n in k]), BLACK, "-."),
        r"first-order threshold $g = 2\log K$": (2 * np.log(k), BLUE, "--"),
        "midpoint unstable, $g = K$": (k, ORANGE, ":"),
    }
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 3.0), layout="constrained")
        axes = figure.subplots()
        for label, (g, colour, line) in levels.items():
            axes.plot(k, -0.5 * np.log(g), line, color=colour, label=label)
        axes.set_xscale("log")
        axes.set_xlabel("number of classes $K$")
        axes.set_ylabel(r"Ornstein–Uhlenbeck time $t - \frac{1}{2}\log M$")
        axes.legend(loc="lower left")
    return figure
