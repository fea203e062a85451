"""Figures of the theorems T1 to T18: two classes, guidance, many classes, finite data."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float64
from scipy import integrate, optimize, special, stats

from ...numerics.fokker_planck import guided_odds
from ...theory.channel.binary import binary_entropy, binary_mmse, clone_agreement
from ...theory.channel.series import large_gamma_coefficients, small_gamma_coefficients
from ...theory.closed_forms.collapse import collapse_time
from ...theory.closed_forms.orthogonal import orthogonal_entropy
from ...theory.closed_forms.unequal_pair import gaussian_pair
from ...theory.closed_forms.unequal_scales import Contrast
from ...theory.mixtures.covariance import Isotropic
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.criteria import Criterion, speciation_time
from ...theory.times.expansions import log_law
from .theorem_traces import (
    Array,
    Shown,
    Trace,
    drawn_trace,
    entropy_quadrature,
    generator,
    half_odds,
    mmse_quadrature,
)

__all__ = ["EARLY_FIGURES"]

_DRAWS = 20_000
_ENTROPY, _SIGMA, _NATS = "entropy H(C|X) [nats]", "noise-to-signal ratio σ", "entropy H [nats]"


def _binary(p: Float64[Array, "*points"]) -> Float64[Array, "*points"]:
    p = np.clip(p, 0, 1)  # sums of posteriors round
    return special.entr(p) + special.entr(1 - p)


def _one_clock() -> Shown:
    m, s, rng = 1.5, 0.5, generator(1)
    x = np.geomspace(0.2, 12, 80)
    line = binary_entropy(m**2 / (s**2 + x**2))
    traces: list[Trace] = []
    for name, start in (("variance preserving", 0.25), ("variance exploding", 0.36), ("flow matching", 0.52)):
        at, draws = np.asarray(start * np.power(2.2, np.arange(5)), dtype=np.float64), []
        for sigma in at:
            signal = {"e": 1.0, "p": (1 + sigma**2) ** -0.5, "m": 1 / (1 + sigma)}[name[name.find(" ") + 1]]
            sign = rng.choice([-1.0, 1.0], _DRAWS)
            clean = sign * m + s * rng.standard_normal(_DRAWS)
            state = signal * (clean + sigma * rng.standard_normal(_DRAWS))
            width = signal * np.hypot(s, sigma)
            one, two = (stats.norm.logpdf(state, place * signal * m, width) for place in (1, -1))
            draws.append(_binary(special.expit(one - two)))
        traces.append(drawn_trace(name, x, line, at, draws))
    fixed = "line: the same for all schedules; points: 20 000 posteriors\nmeans ±1.5, s = 0.5, d = 1"
    return Shown(tuple(traces), _SIGMA, _ENTROPY, fixed, "x")


def _binary_channel() -> Shown:
    d, rng, x = 8, generator(2), np.geomspace(0.02, 12, 80)
    variances, delta = np.linspace(0.2, 2.0, d), np.linspace(1.0, 0.2, d)
    traces: list[Trace] = []
    for w in (0.5, 0.2):
        at, draws = [], []
        for sigma in np.geomspace(0.4, 6, 7):
            total = variances + sigma**2
            sign = np.where(rng.random(_DRAWS) < w, 1.0, -1.0)[:, None]
            states = sign * delta + np.sqrt(total) * rng.standard_normal((_DRAWS, d))
            one, two = (stats.norm.logpdf(states, s * delta, np.sqrt(total)).sum(axis=1) for s in (1, -1))
            draws.append(_binary(special.expit(one - two + special.logit(w))))
            at.append(float((delta**2 / total).sum()))
        traces.append(drawn_trace(f"w = {w:g}", x, binary_entropy(x, w), np.array(at), draws))
    fixed = "lines: T2; points: 20 000 posteriors each, d = 8,\na different variance along every axis"
    return Shown(tuple(traces), "γ = δᵀ(Σ + σ²I)⁻¹δ", _ENTROPY, fixed, "x")


def _immse() -> Shown:
    x, at, step = np.geomspace(0.02, 12, 80), np.geomspace(0.05, 8, 8), 1e-3
    traces: list[Trace] = []
    for w in (0.5, 0.1):
        slope = (entropy_quadrature(at - step, w) - entropy_quadrature(at + step, w)) / (2 * step)
        traces.append(Trace(f"w = {w:g}", x, 0.5 * binary_mmse(x, w), at, slope))
    fixed = "lines: ½ mmse (T3); points: differences of\nthe entropy by quadrature"
    return Shown(tuple(traces), "γ", "−dH/dγ [nats]", fixed, "x")


def _cloning() -> Shown:
    x, at, rng = np.geomspace(0.02, 12, 80), np.geomspace(0.05, 8, 7), generator(4)
    traces: list[Trace] = []
    for w in (0.5, 0.2):
        draws: list[Array] = []
        for gamma in at:
            p = special.expit(2 * half_odds(float(gamma), w, rng))
            draws.append(((rng.random(p.size) < p) == (rng.random(p.size) < p)).astype(np.float64))
        traces.append(drawn_trace(f"w = {w:g}", x, clone_agreement(x, w), at, draws))
    fixed = "lines: 1 − ½ mmse (T4); points: 20 000 pairs of clones"
    return Shown(tuple(traces), "γ", "clone agreement φ", fixed, "x")


def _slope_of_the_score(time: float, separation2: float, variance: float) -> float:
    """Second derivative of log p_t at the midpoint, by a difference."""
    shrink, step = np.exp(-time), 3e-4
    width = np.sqrt(1 + (variance - 1) * shrink**2)
    places = np.array([-step, 0.0, step])[:, None]
    centres = np.array([-1.0, 1.0]) * shrink * np.sqrt(separation2)
    values = np.asarray(special.logsumexp(stats.norm.logpdf(places, centres, width), axis=1))
    low, middle, high = (float(value) for value in values)
    return (low - 2 * middle + high) / step**2


def _root(criterion: str, separation2: float, variance: float) -> float:
    """The time at which a criterion is met, from the noised density or its entropy by quadrature."""

    def condition(time: float) -> float:
        if criterion == "entropy-median":
            gamma = separation2 / (np.exp(2 * time) + variance - 1)
            return float(entropy_quadrature(np.array([gamma]))[0] - 0.5 * np.log(2))
        curved = _slope_of_the_score(time, separation2, variance)
        return curved if criterion == "curvature" else 1 + 2 * curved

    return float(optimize.brentq(condition, 0.01, 0.5 * np.log(separation2) + 2))  # pyright: ignore


def _criteria() -> Shown:
    x, at, variance = np.geomspace(2, 300, 60), np.geomspace(3, 200, 5), 0.25
    traces = [
        Trace(
            name, x, speciation_time(name, x, variance), at, np.array([_root(name, m, variance) for m in at])
        )
        for name in ("curvature", "reverse-sde", "entropy-median")
    ]
    found, times = [], np.linspace(-0.6, 0.3, 361)
    for m in at:
        ou = 0.5 * np.log(m) + times
        entropy = entropy_quadrature(m / (np.exp(2 * ou) + variance - 1))
        found.append(float(ou[np.gradient(entropy, ou).argmax()]))
    traces.append(Trace("entropy-peak", x, speciation_time("entropy-peak", x, variance), at, np.array(found)))
    fixed = (
        "lines: T5, s² = 0.25, w = ½; points: where the score's\nslope, or the entropy, says so numerically"
    )
    return Shown(tuple(traces), "M = |δ|²", "speciation time $t_S$ [OU time]", fixed, "x")


def _log_law() -> Shown:
    x, at, variance = np.geomspace(3, 100, 60), np.geomspace(5, 80, 5), 0.25
    traces: list[Trace] = []
    constants: dict[Criterion, float] = {"curvature": 0.0, "reverse-sde": 0.5 * np.log(2)}
    for name, constant in constants.items():
        found = np.array([_root(name, d, variance) for d in at])
        law = log_law(name, 2).subs({"mu": 1, "s2": variance, "gamma_c": 1})
        line = np.array([float(law.subs({"d": d})) for d in x]) - 0.5 * np.log(x) - constant
        traces.append(Trace(name, x, line, at, found - 0.5 * np.log(at) - constant))
    fixed = "lines: T6 to second order in 1/d, μ = 1, s² = 0.25;\npoints: roots of the score's slope"
    return Shown(tuple(traces), "dimension d", "$t_S$ − ½ log d − constant [OU time]", fixed, "xy")


def _concentration() -> Shown:
    x, at = np.linspace(0.02, 2.5, 80), np.linspace(0.25, 2.25, 6)
    early = (np.log(2) - binary_entropy(np.exp(-2 * x))) / np.log(2)
    late = binary_entropy(np.exp(2 * x)) / np.log(2)
    fine = np.linspace(-9, 6, 1501)
    rates = np.exp(fine) * mmse_quadrature(np.exp(fine)) / (2 * np.log(2))  # per unit of log γ
    share = integrate.cumulative_trapezoid(rates, fine, initial=0)
    sides = [
        np.asarray(np.interp(-2 * at, fine, share)),
        np.asarray(share[-1] - np.interp(2 * at, fine, share)),
    ]
    traces = (
        Trace("outside, both sides", x, early + late, at, sides[0] + sides[1]),
        Trace("on the noisy side", x, early, at, sides[0]),
    )
    fixed = "lines: T7, s = 1, M → ∞, w = ½; points: integrals of the rate"
    return Shown(traces, "c, half the window [OU time]", "share of the class entropy outside", fixed)


def _constants() -> Shown:
    x, at, step = np.linspace(-2, 2, 120), np.linspace(-1.5, 1.2, 8), 1e-3
    traces: list[Trace] = []
    for kappa in (0.0, 0.2):

        def gamma(offset: Array, k: float = kappa) -> Array:
            return 1 / (np.exp(2 * offset) - k)

        inside, on = x[x > -0.7 if kappa else x > -9], at[at > -0.6 if kappa else at > -9]
        g = gamma(inside)
        rise = entropy_quadrature(gamma(on + step)) - entropy_quadrature(gamma(on - step))
        traces.append(
            Trace(f"κ = {kappa:g}", inside, g * (1 + kappa * g) * binary_mmse(g), on, rise / (2 * step))
        )
    fixed = "lines: γ(1 + κγ) mmse (T8), w = ½; points: differences\nof the entropy by quadrature"
    return Shown(tuple(traces), "t − ½ log M [OU time]", "entropy rate dH/dt [nats]", fixed)


def _series() -> Shown:
    small, large = np.geomspace(0.02, 0.45, 40), np.geomspace(4, 20, 40)
    rising = np.asarray(
        np.polyval([float(c) for c in reversed(small_gamma_coefficients(3))], small), dtype=np.float64
    )
    falling = np.asarray(
        np.polyval([float(c) for c in reversed(large_gamma_coefficients(3))], 1 / large), dtype=np.float64
    )
    falling = np.sqrt(np.pi / 2 / large) * np.exp(-large / 2) * falling
    at, far = np.geomspace(0.03, 0.25, 5), np.geomspace(12, 19, 4)
    traces = (
        Trace("small γ, to γ³", small, rising, at, mmse_quadrature(at)),
        Trace("large γ, three terms", large, falling, far, mmse_quadrature(far)),
    )
    return Shown(traces, "γ", "mmse", "lines: T9, w = ½; points: quadrature", "xy")


def _bounds() -> Shown:
    x, at = np.geomspace(0.05, 8, 80), np.geomspace(0.08, 6, 7)
    upper = Trace("log 2 · exp(−γ/2)", x, np.log(2) * np.exp(-x / 2), at, entropy_quadrature(at))
    lower = Trace("log 2 · mmse(γ)", x, np.log(2) * binary_mmse(x))
    return Shown((upper, lower), "γ", _NATS, "lines: T10, w = ½; points: the entropy by quadrature", "x")


def _gamma_clock() -> Shown:
    rng, m, s, runs = generator(11), np.array([2.0, 1.0]), 0.7, 2000
    sigmas = np.sqrt(m @ m / np.linspace(0.002, 4.5, 1500) - s**2)  # even steps of γ
    states = sigmas[0] * rng.standard_normal((runs, 2))
    gammas, means, errors = [], [], []
    for index, (sigma, lower) in enumerate(pairwise(sigmas)):
        gained = sigma**2 - lower**2
        score = (m - states) / (s**2 + sigma**2)  # of class + alone
        states = states + gained * score + np.sqrt(gained) * rng.standard_normal(states.shape)
        if index % 250 == 248:
            odds = states @ m / (s**2 + lower**2)
            gammas.append(float(m @ m / (s**2 + lower**2)))
            means.append((odds.mean(), odds.var(ddof=1)))
            errors.append((odds.std() / runs**0.5, odds.var() * (2 / runs) ** 0.5))
    at, found, error = (np.array(v, dtype=np.float64) for v in (gammas, means, errors))
    x = np.linspace(0, 5, 50)
    traces = (
        Trace("mean of L, γ", x, x, at, found[:, 0], error[:, 0]),
        Trace("variance of L, γ", x, x, at, found[:, 1], error[:, 1]),
    )
    fixed = "line: T11; points: 2000 reverse runs\nconditioned on class +, d = 2, s = 0.7"
    return Shown(traces, "γ", "mean and variance of L", fixed)


def _guidance() -> Shown:
    x, rng, step, runs = np.linspace(0.02, 4, 30), generator(12), 0.005, 4000
    traces: list[Trace] = []
    for omega in (1.0, 2.0, 4.0):
        odds, at, draws = np.zeros(runs), [], []
        for index in range(1, 801):
            drift = omega + (1 - omega) * np.tanh(odds)
            odds = odds + drift * step + np.sqrt(step) * rng.standard_normal(runs)
            if index % 160 == 80:
                at.append(index * step)
                draws.append(np.logaddexp(0, -2 * odds))
        line = guided_odds(x, omega).cross_entropy
        traces.append(drawn_trace(f"ω = {omega:g}", x, line, np.array(at), draws))
    fixed = "lines: T12, w = ½; points: 4000 guided runs"
    return Shown(tuple(traces), "γ", "cross-entropy [nats]", fixed)


def _orthogonal() -> Shown:
    x, at, rng = np.geomspace(0.1, 40, 60), np.geomspace(0.3, 25, 7), generator(13)
    traces: list[Trace] = []
    for classes in (2, 10, 50):
        draws: list[Array] = []
        for g in at:
            logits = np.sqrt(g) * rng.standard_normal((4000, classes))
            logits[:, 0] += g
            draws.append(stats.entropy(special.softmax(logits, axis=1), axis=1))
        traces.append(drawn_trace(f"K = {classes}", x, orthogonal_entropy(x, classes), at, draws))
    fixed = "lines: T13, equal weights; points: 4000 posteriors each"
    return Shown(tuple(traces), "g = M/(s² + σ²)", _ENTROPY, fixed, "x")


def _first_order() -> Shown:
    x, at, rng = np.linspace(0.02, 2, 60), np.array([0.2, 0.5, 0.8, 1.1, 1.5]), generator(14)
    traces: list[Trace] = []
    for classes in (1000, 10**6, 10**12):
        whole = np.log(classes)
        line = orthogonal_entropy(2 * x * whole, classes) / whole
        draws: list[Array] = []
        for r in at if classes == 1000 else ():
            logits = np.sqrt(2 * r * whole) * rng.standard_normal((2000, classes))
            logits[:, 0] += 2 * r * whole
            draws.append(stats.entropy(special.softmax(logits, axis=1), axis=1) / whole)
        name = f"K = $10^{{{round(np.log10(classes))}}}$"
        traces.append(drawn_trace(name, x, line, at, draws) if draws else Trace(name, x, line))
    traces.append(Trace("limit max(0, 1 − r)", x, np.maximum(0, 1 - x)))
    return Shown(
        tuple(traces), "r = g/(2 log K)", "H/log K", "lines: T14; points: 2000 posteriors of K = 1000"
    )


def _partitions() -> Shown:
    upper, lower, x, rng = 16.0, 1.0, np.geomspace(0.2, 30, 80), generator(15)
    at, signs = np.geomspace(0.3, 20, 7), np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    means, draws = signs * np.sqrt([upper, lower]), []
    groups: list[Array] = []
    for sigma in at:
        width = np.hypot(0.5, sigma)
        states = means[rng.integers(4, size=_DRAWS)] + width * rng.standard_normal((_DRAWS, 2))
        logits = -((states[:, None] - means) ** 2).sum(axis=2) / (2 * width**2)
        p = special.softmax(logits, axis=1)
        draws.append(special.entr(p).sum(axis=1))
        groups.append(_binary(p[:, :2].sum(axis=1)))
    first, second = (binary_entropy(length / (0.25 + x**2)) for length in (upper, lower))
    traces = (
        drawn_trace("all four classes", x, first + second, at, draws),
        drawn_trace("the two groups", x, first, at, groups),
    )
    fixed = "lines: T15, means ±a ± b, |a|² = 16, |b|² = 1, s = 0.5;\npoints: 20 000 posteriors"
    return Shown(traces, _SIGMA, _ENTROPY, fixed, "x")


def _unequal_scales() -> Shown:
    x, at, rng = np.geomspace(0.3, 30, 60), np.geomspace(0.4, 20, 7), generator(16)
    traces: list[Trace] = []
    for d in (10, 1000):
        one, two, count = np.array([1.0]), np.array([2.0]), np.array([float(d)])
        line = [Contrast.of_spectra(one, two, float(s) ** 2, count).entropy() for s in x]
        draws: list[Array] = []
        for sigma in at:
            own = np.where(rng.random(_DRAWS) < 0.5, 1.0, 2.0) + sigma**2
            square = own * rng.chisquare(d, _DRAWS)
            v, w = 1 + sigma**2, 2 + sigma**2
            odds = stats.chi2.logpdf(square / v, d) - np.log(v) - stats.chi2.logpdf(square / w, d) + np.log(w)
            draws.append(_binary(special.expit(odds)))
        traces.append(drawn_trace(f"d = {d}", x, np.array(line), at, draws))
    fixed = "lines: T16, variances 1 and 2, equal means, w = ½;\npoints: 20 000 posteriors of |x|²"
    return Shown(tuple(traces), _SIGMA, _ENTROPY, fixed, "x")


def _any_mixture() -> Shown:
    x, at, rng = np.geomspace(0.1, 8, 40), np.geomspace(0.2, 6, 7), generator(17)
    traces: list[Trace] = []
    for gap in (1.0, 3.0):
        mixture = GaussianMixture([0.4, 0.6], np.array([[0.0], [gap]]), [Isotropic(0.2), Isotropic(0.6)])
        # dH/d log σ = 2σ² dH/dσ²
        line = [2 * float(s) ** 2 * gaussian_pair(mixture, float(s)).entropy_slope for s in x]
        draws: list[Array] = []
        for sigma in at:
            own = rng.random(_DRAWS) < 0.4
            widths = np.sqrt(np.array([0.2, 0.6]) + sigma**2)
            state = np.where(own, 0.0, gap) + np.where(own, *widths) * rng.standard_normal(_DRAWS)
            logs = [stats.norm.logpdf(state, c, v) for c, v in zip((0.0, gap), widths, strict=True)]
            p = special.expit(logs[0] - logs[1] + special.logit(0.4))
            answers = [c + v / (v + sigma**2) * (state - c) for c, v in ((0.0, 0.2), (gap, 0.6))]
            mean = p * answers[0] + (1 - p) * answers[1]
            draws.append((np.where(own, *answers) - mean) ** 2 / sigma**2)
        traces.append(drawn_trace(f"means {gap:g} apart", x, np.array(line), at, draws))
    fixed = "lines: T24; points: E|$D_C$ − D|²/σ² (T17), 20 000 draws;\nvariances 0.2 and 0.6, w = 0.4"
    return Shown(tuple(traces), _SIGMA, "rate dH/d log σ [nats]", fixed, "x")


def _collapse() -> Shown:
    rng, traces = generator(18), []
    for d in (8, 32):
        logs = d * np.linspace(0.03, 1.5, 60)
        at, draws = np.geomspace(0.05, 1.2, 6), []
        for time in at:
            sigma = np.sqrt(np.expm1(2 * time))
            clean = rng.standard_normal((_DRAWS, d))
            noisy = clean + sigma * rng.standard_normal((_DRAWS, d))
            known = stats.norm.logpdf(noisy, clean, sigma).sum(axis=1)
            draws.append(known - stats.norm.logpdf(noisy, 0, np.sqrt(1 + sigma**2)).sum(axis=1))
        times = collapse_time(np.exp(logs), d)
        traces.append(drawn_trace(f"d = {d}", times[::-1], logs[::-1], at, draws))
    fixed = "lines: T18, s = 1; points: the mean information of a\nstate on its sample, 20 000 draws"
    return Shown(tuple(traces), "collapse time $t_C$ [OU time]", "log n, n training samples", fixed, "xy")


EARLY_FIGURES: dict[str, Callable[[], Shown]] = {
    "T1": _one_clock,
    "T2": _binary_channel,
    "T3": _immse,
    "T4": _cloning,
    "T5": _criteria,
    "T6": _log_law,
    "T7": _concentration,
    "T8": _constants,
    "T9": _series,
    "T10": _bounds,
    "T11": _gamma_clock,
    "T12": _guidance,
    "T13": _orthogonal,
    "T14": _first_order,
    "T15": _partitions,
    "T16": _unequal_scales,
    "T17": _any_mixture,
    "T18": _collapse,
}
"""What is drawn of each of these theorems."""
