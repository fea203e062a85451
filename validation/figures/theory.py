"""Figures: colour-blind-safe, legible in greyscale, axes in the paper's symbols with units."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...numerics import entropy_curve
from ...theory.closed_forms.many_classes import orthogonal_median, orthogonal_peak
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.schedules import OrnsteinUhlenbeck
from ...theory.times.prediction import SpeciationTime, speciation_times
from ...theory.times.window import window_sigmas
from ..models.digit_pairs import DigitPair
from ..verification.independent.monte_carlo import entropy_draws
from .style import STYLE, literally, styled

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

BOUND: Any = {"color": "0.4", "linestyle": (0, (1, 1)), "linewidth": 1.2}
"""Style of the line at H(C)."""

_MARKED = {
    "entropy-peak": ("peak per unit OU time", RED, "-"),
    "curvature": ("curvature", BLUE, "--"),
    "reverse-sde": ("reverse SDE", GREEN, ":"),
}


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

    Measured curves (standard errors above zero) carry bands of two standard errors. The rate is per unit OU
    time, whatever the clock of the horizontal axis.

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
        figure = Figure(figsize=(6.4, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        curve = curve.sortby("sigma")
        _plot(upper, curve, "entropy", BLUE, along)
        _plot(lower, curve, "rate", RED, along)
        upper.set_ylabel("entropy $H(C|X_t)$ [nats]")
        lower.set_ylabel("rate $dH/dt$ [nats per OU time]")
        lower.set_xlabel("Ornstein–Uhlenbeck time $t$" if clock == "ou" else f"time of the {clock} clock")
        upper.set_title(literally(title))
        _mark_times(lower, times, "time")
        upper.axhline(float(curve["class_entropy"]), **BOUND, label=bound_label(curve))
        upper.legend(loc="lower right")
        upper.set_ylim(bottom=0)
        lower.set_ylim(bottom=0)
        if lower.get_legend_handles_labels()[0]:
            lower.legend(loc="upper right")
        return figure


def digit_figure(pair: DigitPair, label: str, seed: int = 0) -> Figure:
    """A pair of digits: class means, predicted entropy against σ, and its Monte-Carlo measurement."""
    mixture = pair.mixture
    sigmas = window_sigmas(mixture, 200)
    sigmas = sigmas[sigmas > sigmas[-1] * 3e-3]
    curve = entropy_curve(mixture, sigmas)
    with styled():
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 4))
        for row, digit in enumerate((pair.first, pair.second)):
            axes = figure.add_subplot(grid[row, 0])
            axes.imshow(mixture.means[row].reshape(8, 8), cmap="gray_r", vmin=-1, vmax=1)
            axes.set_title(f"mean of “{digit}”", fontsize=9)
            axes.set_axis_off()
        main = figure.add_subplot(grid[:, 1])
        main.plot(curve.sigma, curve.entropy, color=BLUE, label="predicted, $H_2(γ(σ))$")
        _measured_points(main, mixture, sigmas, seed)
        _mark_times(main, speciation_times(mixture), "sigma")
        main.set_xscale("log")
        main.set_xlabel("noise-to-signal ratio σ [pixel range 2]")
        main.set_ylabel("entropy $H(C|X_σ)$ [nats]")
        main.set_title(f"digits {pair.first} and {pair.second}: the {label} pair")
        main.set_ylim(0, 0.75)
        main.legend(loc="lower right", fontsize=9)
        return figure


def log_law_figure(dimensions: Sequence[int]) -> Figure:
    """Growing d in t, in t − ½ log d, where all fall on one curve, and in t/t_S, a step (T6, T7)."""
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(dimensions)))
    with styled():
        figure = Figure(figsize=(10.8, 3.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        # in the middle the curves coincide: thinner ones on top, so that each stays visible
        widths = np.linspace(7, 1.2, len(dimensions))
        for d, colour, width in zip(dimensions, colours, widths, strict=True):
            mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.ones(d)), 1.0)
            times = np.linspace(0.02, 0.5 * np.log(d) + 3.5, 400)
            curve = entropy_curve(mixture, OrnsteinUhlenbeck().sigma(times))
            left.plot(curve.ou_time, curve.rate, color=colour, label=f"$d={d:,}$")
            middle.plot(curve.ou_time - 0.5 * np.log(d), curve.rate, color=colour, linewidth=width)
            right.plot(curve.ou_time / (0.5 * np.log(d)), curve.entropy / np.log(2), color=colour)
        _mark_shifted(middle)
        left.set_xlabel("Ornstein–Uhlenbeck time $t$")
        middle.set_xlabel(r"$t - \frac{1}{2}\log d$")
        right.set_xlabel(r"$t/t_S$, $t_S=\frac{1}{2}\log d$")
        for axes in (left, middle):
            axes.set_ylabel("entropy rate $dH/dt$ [nats per unit $t$]")
            axes.set_ylim(0, 0.6)
        right.set_ylabel(r"entropy $H(C|X_t)/\log 2$")
        right.set_xlim(0, 2)
        left.legend(fontsize=8, loc="upper right")
        middle.legend(fontsize=8, loc="upper right")
        return figure


def _mark_shifted(axes: Axes) -> None:
    """Curvature and peak, which stay where they are once ½ log d is taken away."""
    axes.axvline(0, color=BLACK, linestyle="--", linewidth=1, label="curvature, $γ=1$")
    peak = float(-0.5 * np.log(_peak()))
    axes.axvline(peak, color=RED, linewidth=1, label=f"peak, $γ^*={_peak():.4f}$")
    axes.set_xlim(-2.5, 3.5)


def _peak() -> float:
    from ...theory.channel.constants import peak_gamma

    return float(peak_gamma())


def _plot(axes: Axes, curve: xr.Dataset, name: str, colour: str, along: str) -> None:
    value, error = curve[name], 2 * curve[f"{name}_se"]
    axes.plot(curve[along], value, color=colour)
    if float(error.max()) > 0:
        axes.fill_between(curve[along], value - error, value + error, color=colour, alpha=0.25)


def _mark_times(axes: Axes, times: Sequence[SpeciationTime], attribute: str) -> None:
    for entry in times:
        place = getattr(entry, attribute)
        if entry.criterion in _MARKED and place is not None:
            label, colour, line = _MARKED[entry.criterion]
            axes.axvline(place, color=colour, linestyle=line, linewidth=1.2, label=label)


def _measured_points(axes: Axes, mixture: GaussianMixture, sigmas: Array, seed: int) -> None:
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
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        for label, (g, colour, line) in levels.items():
            axes.plot(k, -0.5 * np.log(g), line, color=colour, label=label, linewidth=2)
        axes.set_xscale("log")
        axes.set_xlabel("number of classes $K$")
        axes.set_ylabel(r"Ornstein–Uhlenbeck time $t - \frac{1}{2}\log M$")
        axes.legend(loc="lower left")
    return figure
