"""A figure for each theorem: the closed form as a line, another route as points.

T19 to T27 are here, T1 to T18 in `early_theorems`; what they have in common is in `theorem_traces`.
"""

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import integrate, optimize, special, stats

from ...theory.channel.commitment import commitment_tail
from ...theory.channel.duality import scaled_mmse
from ...theory.channel.first_passage import first_passage_gamma
from ...theory.channel.guidance import guided_probability
from ...theory.channel.steps import optimal_steps, step_cost
from ...theory.closed_forms.clone_bounds import clone_bounds
from ...theory.closed_forms.cumulants import information_coefficients
from ...theory.closed_forms.random_means import random_means_delay
from ...theory.closed_forms.unequal_pair import gaussian_pair
from ...theory.mixtures.covariance import Isotropic
from ...theory.mixtures.mixture import GaussianMixture
from .early_theorems import EARLY_FIGURES
from .style import DASHES, ONE_COLUMN, plain_ticks, styled
from .theorem_traces import Array, Shown, Trace, drawn_trace, generator, half_odds, mmse_quadrature
from .theory import BLACK, BLUE, GREEN, ORANGE, RED

__all__ = ["FIGURES", "theorem_figure"]

_COLOURS, _MARKERS = (BLUE, ORANGE, GREEN, RED), "osD^"


def theorem_figure(identifier: str) -> Figure:
    """The figure of a theorem, one of `FIGURES`; the same theorem gives the same figure."""
    shown = FIGURES[identifier]()
    with styled():
        figure = Figure(figsize=(ONE_COLUMN, 2.7), layout="constrained")
        axes: object = figure.subplots()
        for index, trace in enumerate(shown.traces):
            _draw(axes, index, trace)
        axes.set_xscale("log" if "x" in shown.log else "linear")
        axes.set_yscale("log" if "y" in shown.log else "linear")
        axes.set_xlabel(shown.x)
        axes.set_ylabel(shown.y)
        axes.set_title(_wrapped(shown.fixed), fontsize=7)
        _ticks(axes, shown)
        axes.legend()
        return figure


def _wrapped(text: str) -> str:
    """Each line of a title within the width of a column."""
    return "\n".join(textwrap.fill(line, 54) for line in text.splitlines())


def _ticks(axes: Axes, shown: Shown) -> None:
    """Labels of the logarithmic axes that do not collide."""
    for name, axis, limits in (("x", axes.xaxis, axes.get_xlim()), ("y", axes.yaxis, axes.get_ylim())):
        if name in shown.log:
            plain_ticks(axis, *limits)


def _draw(axes: Any, index: int, trace: Trace) -> None:
    """A line, and its points on top; its line in the legend has the marker of its points."""
    look = {"color": _COLOURS[index % 4], "linestyle": DASHES[index % 4]}
    marker = {
        "marker": _MARKERS[index % 4],
        "markersize": 3.5,
        "markeredgecolor": BLACK,
        "markeredgewidth": 0.5,
    }
    axes.plot(trace.x, trace.y, **look)
    axes.plot([], [], **look, **(marker if trace.at is not None else {}), label=trace.name)
    if trace.at is not None:
        bars = None if trace.error is None else 2 * trace.error
        axes.errorbar(
            trace.at, trace.found, bars, color=_COLOURS[index % 4], linestyle="none", elinewidth=0.9,
            zorder=3, **marker,
        )  # fmt: skip


def _commitment() -> Shown:
    x, at, rng = np.geomspace(0.02, 12, 80), np.geomspace(0.05, 8, 7), generator(19)
    traces = [
        drawn_trace(
            f"w = {w:g}", x, commitment_tail(x, w), at,
            [2 * special.expit(-2 * np.abs(half_odds(gamma, w, rng))) for gamma in at],
        )
        for w in (0.5, 0.2)
    ]  # fmt: skip
    axes = ("γ", "P(likelier class changes after γ)")
    return Shown(tuple(traces), *axes, "lines: T19; points: 2ε, from posteriors of 20 000 drawn states", "x")


def _first_passage() -> Shown:
    x, at, rng, step = np.linspace(0.72, 0.97, 60), np.array([0.75, 0.8, 0.9, 0.95]), generator(20), 0.005
    traces: list[Trace] = []
    for w in (0.5, 0.3):
        sign = np.where(rng.random(1500) < w, 1.0, -1.0)
        noise = np.sqrt(step) * rng.standard_normal((3000, 1500))
        paths = np.abs(0.5 * special.logit(w) + np.cumsum(sign * step + noise, axis=0))
        # seen in steps a walk passes a barrier as if it were 0.5826 √step farther (Siegmund)
        ends = [0.5 * special.logit(p) - 0.5826 * np.sqrt(step) for p in at]
        draws = [step * (1.0 + (paths >= end).argmax(axis=0)) for end in ends]
        traces.append(drawn_trace(f"w = {w:g}", x, first_passage_gamma(x, w), at, draws))
    return Shown(
        tuple(traces),
        "posterior p",
        "mean γ at which it is first reached",
        "lines: T20; points: 1500 drawn runs",
    )


def _guided() -> Shown:
    x, at, rng, step = np.linspace(-0.6, 0.9, 90), np.array([-0.5, -0.25, 0.0, 0.2]), generator(21), 0.02
    traces: list[Trace] = []
    for w in (0.5, 0.2):
        ends: list[Array] = []
        for omega in at:
            odds = np.full(2000, 0.5 * special.logit(w))
            for _ in range(1000):
                drift = omega + (1 - omega) * np.tanh(odds)
                odds = odds + drift * step + np.sqrt(step) * rng.standard_normal(odds.size)
            ends.append((odds > 0).astype(np.float64))
        traces.append(drawn_trace(f"w = {w:g}", x, guided_probability(x, w), at, ends))
    axes = ("guidance ω", "P(run ends in the class)")
    return Shown(tuple(traces), *axes, "lines: T21, min(1, w^(1−2ω));\npoints: 2000 guided runs to γ = 20")


def _clones() -> Shown:
    classes, rng = 5, generator(22)
    phi = np.linspace(1 / classes, 1, 120)
    low, high = clone_bounds(phi, classes)
    found: list[tuple[float, float]] = []
    for g in (0.5, 1.5, 3.0, 5.0, 9.0):
        y = np.sqrt(g) * rng.standard_normal((20_000, classes))
        y[:, 0] += g
        p = special.softmax(y, axis=1)
        found.append((float((p**2).sum(axis=1).mean()), float(stats.entropy(p, axis=1).mean())))
    at, entropy = np.array(found).T
    traces = (Trace("upper bound", phi, high, at, entropy), Trace("lower bound", phi, low))
    fixed = "lines: T22, K = 5; points: 5 orthogonal classes,\n20 000 draws each"
    return Shown(traces, "clone agreement φ", "entropy H(C|X) [nats]", fixed)


def _steps() -> Shown:
    counts, end = np.array([4, 8, 16, 32, 64]), 12.0
    fine = np.linspace(0, end, 481)
    rates = mmse_quadrature(fine)
    whole = float(integrate.simpson(rates, x=fine))
    traces: list[Trace] = []
    for name in ("optimal", "uniform in γ"):
        grids = [optimal_steps(n, end) if name == "optimal" else np.linspace(0, end, n + 1) for n in counts]
        sums = [float(np.interp(grid[:-1], fine, rates) @ np.diff(grid)) for grid in grids]
        costs = np.array([step_cost(grid) for grid in grids])
        traces.append(
            Trace(name, counts.astype(float), costs, counts.astype(float), 0.5 * (np.array(sums) - whole))
        )
    fixed = "lines: T23, γ from 0 to 12, w = ½;\npoints: Riemann sums of quadratures"
    return Shown(tuple(traces), "steps N", "KL of path laws [nats]", fixed, "xy")


def _pair() -> Shown:
    x, at, rng = np.geomspace(0.1, 6, 30), np.geomspace(0.2, 5, 6), generator(24)
    traces: list[Trace] = []
    for means in (0.0, 1.0):
        centres = np.array([[0.0], [means]])
        mixture = GaussianMixture([0.3, 0.7], centres, [Isotropic(1.0), Isotropic(3.0)])
        entropies = np.array([gaussian_pair(mixture, float(s)).entropy for s in x])
        draws: list[Array] = []
        for sigma in at:
            own = rng.random(20_000) < 0.3
            widths = np.sqrt(np.array([1.0, 3.0]) + sigma**2)
            y = np.where(own, 0.0, means) + np.where(own, *widths) * rng.standard_normal(own.size)
            one, two = (stats.norm.logpdf(y, c, s) for c, s in zip((0.0, means), widths, strict=True))
            p = special.expit(one - two + special.logit(0.3))
            draws.append(special.entr(p) + special.entr(1 - p))
        traces.append(drawn_trace(f"means {means:g} apart", x, entropies, at, draws))
    fixed = "lines: T24, variances 1 and 3, w = 0.3, d = 1;\npoints: 20 000 posteriors"
    return Shown(tuple(traces), "noise-to-signal ratio σ", "entropy H(C|X) [nats]", fixed, "x")


def _random_means() -> Shown:
    x, at = np.linspace(0.01, 2.5, 80), np.array([0.1, 0.5, 1.0, 1.5, 2.0])
    # where the capacity of d Gaussian channels, ½ log(1 + g/d) each, is α
    roots = [float(optimize.brentq(lambda r, a=a: 0.5 * np.log1p(r) - a, 0, 1e3)) for a in at]  # pyright: ignore
    delays = 0.5 * np.log(np.array(roots) / (2 * at))
    trace = Trace("random against orthogonal means", x, random_means_delay(x), at, delays)
    return Shown(
        (trace,), "α = log K / d", "delay [OU time, s = 1]", "line: T25; points: capacity equal to α"
    )


def _cumulants() -> Shown:
    x, at, w = np.geomspace(0.003, 0.5, 60), np.geomspace(0.005, 0.3, 6), 0.35
    mixture = GaussianMixture([w, 1 - w], np.array([[1.0], [-1.0]]), Isotropic(0.0))
    first, second, third = information_coefficients(mixture)
    y = np.linspace(-9, 9, 6001)
    found: list[float] = []
    for tau in at:
        laws = [share * stats.norm.pdf(y, s * tau, np.sqrt(tau)) for share, s in ((w, 1), (1 - w, -1))]
        p = special.expit(2 * y + special.logit(w))
        left = integrate.trapezoid((laws[0] + laws[1]) * (special.entr(p) + special.entr(1 - p)), y)
        found.append(float(special.entr(w) + special.entr(1 - w) - left))
    points = (at, np.array(found))
    traces = (
        Trace("to τ³", x, first * x + second * x**2 + third * x**3, *points),
        Trace("to τ", x, first * x),
    )
    fixed = f"lines: T26, two points at ±1, w = {w:g}; points: quadrature"
    return Shown(traces, "τ = 1/σ²", "information about the class [nats]", fixed, "xy")


def _duality() -> Shown:
    x, at = np.geomspace(0.05, 40, 80), np.geomspace(0.15, 30, 8)
    mirrored = np.pi**2 / 4 / at
    found = np.sqrt(np.pi / 2 / at) * np.exp(mirrored / 2) * mmse_quadrature(mirrored)
    trace = Trace("G(γ) = exp(γ/2) mmse(γ)", x, scaled_mmse(x), at, found)
    fixed = "line: T27; points: √(π/2γ) G(π²/4γ),\nby quadrature at the mirrored place"
    return Shown((trace,), "γ", "G", fixed, "xy")


FIGURES: dict[str, Callable[[], Shown]] = {
    **EARLY_FIGURES,
    "T19": _commitment,
    "T20": _first_passage,
    "T21": _guided,
    "T22": _clones,
    "T23": _steps,
    "T24": _pair,
    "T25": _random_means,
    "T26": _cumulants,
    "T27": _duality,
}
"""What is drawn of each theorem."""
