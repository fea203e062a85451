"""T25 measured: codes that are drawn, information densities that are drawn, and bisection."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....theory.theorems import t25_random_means as theorem
from ._base import Checks, Context, close, sampled_bound, z_test

Array = NDArray[np.float64]
WORDS = 1200
"""Codes drawn for each case, one noisy codeword each."""
DENSITIES = 1_000_000
HIGH = 10**8
"""Dimension in which the limit is looked at: its error is below `(log 2 + √d)/(αd)`, 4e-4."""


def check(context: Context) -> Checks:
    """Drawn codes between the bounds, drawn densities for both, the limit, and the times."""
    predicted = theorem.predict()
    names = [f"g={g:g}, K={classes}, d={d}" for g, classes, d in theorem.CASES]
    drawn = [_codes(*case, context.rng(f"T25 {case}")) for case in theorem.CASES]
    for side in ("lower", "upper"):
        limits = [predicted[f"{side} bound, {name}"] for name in names]
        yield sampled_bound(f"{side} bound, drawn codes", limits, drawn, upper=side == "upper")
    for (g, classes, d), name in zip(theorem.CASES, names, strict=True):
        density = _densities(g, d, context.rng(f"T25 density {name}"))
        yield z_test(f"capacity, {name}", predicted[f"capacity, {name}"], density)
        surprise = np.logaddexp(0.0, np.log(classes - 1) - density)
        yield z_test(f"upper bound, {name}", predicted[f"upper bound, {name}"], surprise)
    yield from _limit(context, predicted)
    yield from _times(predicted)


def _codes(g: float, classes: int, d: int, rng: np.random.Generator) -> Array:
    """Entropy of the class given one noisy codeword of each of `WORDS` codes, from all K likelihoods."""
    found = np.empty(WORDS)
    for index in range(WORDS):
        means = np.sqrt(g / d) * rng.standard_normal((classes, d))
        x = means[0] + rng.standard_normal(d)
        likelihoods = means @ x - 0.5 * (means**2).sum(axis=1)
        found[index] = special.entr(special.softmax(likelihoods)).sum()
    return found


def _densities(g: float, d: int, rng: np.random.Generator) -> Array:
    """`log p(x|m)/p(x)` of codewords and noise drawn in d dimensions."""
    found = np.zeros(DENSITIES)
    ratio = g / d
    for _ in range(d):
        noise = rng.standard_normal(DENSITIES)
        x = np.sqrt(ratio) * rng.standard_normal(DENSITIES) + noise
        found += 0.5 * np.log1p(ratio) + 0.5 * (x**2 / (1 + ratio) - noise**2)
    return found


def _limit(context: Context, predicted: dict[str, float]) -> Checks:
    """`E log(1 + (K−1)e^{−i})/log K` in 10⁸ dimensions, i from differences of two chi-squares."""
    alpha, rng = theorem.LIMIT_ALPHA, context.rng("T25 limit")
    for ratio in theorem.LIMIT_RATIOS:
        snr = ratio * (np.exp(2 * alpha) - 1)
        # (a² − b²)/2 = (a − b)(a + b)/2, whose factors are independent: √(r/(1+r)) (χ² − χ²)/2
        first, second = rng.chisquare(HIGH, (2, 400))
        centred = np.sqrt(snr / (1 + snr)) * (first - second) / 2
        exponent = HIGH * (alpha - 0.5 * np.log1p(snr)) + centred
        share = float(np.logaddexp(0.0, exponent).mean() / (alpha * HIGH))
        name = f"H/log K at {ratio:g} g_c"
        route = "average of 400 information densities in 10^8 dimensions"
        yield close(name, route, predicted[name], share, 4e-4, scale=1.0)


def _times(predicted: dict[str, float]) -> Checks:
    """Where a coordinate's capacity is log K/d, and how much later that is than 2 log K."""
    for alpha in theorem.ALPHAS:
        low, high = 0.0, 1e4
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (middle, high) if 0.5 * np.log1p(middle) < alpha else (low, middle)
        key = f"g_c/d, alpha={alpha:g}"
        yield close(key, "bisection on the capacity", predicted[key], low, 1e-12)
        key = f"delay, alpha={alpha:g}"
        # at s = 1, t = ½ log(M/g), here of M/d = 10⁶
        late = 0.5 * np.log(1e6 / (2 * alpha)) - 0.5 * np.log(1e6 / low)
        yield close(key, "difference of two times", predicted[key], float(late), 1e-9)
