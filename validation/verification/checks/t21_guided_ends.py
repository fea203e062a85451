"""T21 measured: guided runs of three classes of any kind, late odds by collocation, intervals."""

from dataclasses import replace

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy import interpolate, special

from ....numerics.fokker_planck import guided_odds
from ....theory.theorems import t21_guided_ends as theorem
from ..independent import binary_quadrature
from ..independent.reverse_runs import THREE, levels, reverse_runs
from ._base import Checks, Context, close, paired_z_test, z_test

Array = NDArray[np.float64]

CLASSES = replace(THREE, weights=np.array([0.5, 0.3, 0.07, 0.05, 0.08]))
"""The classes of T20 with another prior; the first has two components, the second's lie between them."""
BLOCK, STEPS, MARK, LATE = 20_000, 60, 26, 42
BLOCKS = {-0.5: 7, 0.0: 4, 0.25: 3, 1.5: 3}
NODES, REACH = 140, 11.0


def check(context: Context) -> Checks:
    """Ends, martingale, duality, density of paths, surprise; late shift and spread; places of an interval."""
    predicted = theorem.predict()
    runs = {omega: _guided(omega, count, context.rng(f"T21 {omega}")) for omega, count in BLOCKS.items()}
    w = theorem.CLASS_WEIGHT
    for omega in theorem.WEIGHTS:
        name = f"ends, omega={omega:g}"
        yield z_test(name, predicted[name], runs[omega]["ends"])
    yield close(
        "ends, omega=1.5", "Monte Carlo, n = 60000, to 0.5 %", 1.0, float(runs[1.5]["ends"].mean()), 5e-3
    )
    yield z_test("p^2 is a martingale, omega=-0.5", w**2, runs[-0.5]["p"] ** 2)
    away, plain, strong = (runs[omega] for omega in (-0.5, 0.0, 1.5))
    count = strong["p"].size
    dual = _seen(away["y"]) * (away["p"] / w) ** 2
    yield paired_z_test("duality of -0.5 and 1.5", _seen(strong["y"]), dual[:count])
    weight = (plain["p"] / w) ** -0.5 * np.exp(-0.375 * plain["spent"])
    count = plain["p"].size
    yield paired_z_test(
        "density of paths, -0.5 against 0", _seen(away["y"])[:count], weight * _seen(plain["y"])
    )
    risen = -np.log(away["late p"] / w)
    yield paired_z_test("rise of the surprise, omega=-0.5", away["late spent"], risen)
    for omega, prior in theorem.SHIFTS:
        for name, value in zip(("late shift", "late spread"), _late(omega, prior), strict=True):
            key = f"{name}, omega={omega:g}, w={prior:g}"
            yield close(key, "collocation", predicted[key], value, 1e-6)
    yield from _places()


def _guided(omega: float, blocks: int, rng: np.random.Generator) -> dict[str, Array]:
    """States, posteriors, `∫|D_c − D|² dτ` at two levels, and whether the run ends in the class."""
    parts = [_block(omega, rng) for _ in range(blocks)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _block(omega: float, rng: np.random.Generator) -> dict[str, Array]:
    found: dict[str, Array] = {}
    spent, before, tau, p = np.zeros(BLOCK), np.zeros(BLOCK), 0.0, np.zeros(BLOCK)
    for n, state in enumerate(reverse_runs(CLASSES, levels(0.15, 150.0, STEPS), BLOCK, rng, omega)):
        p = state.p[0]
        if n <= LATE:
            rate = ((state.denoised[0] - state.mean) ** 2).sum(axis=0)
            spent += 0.5 * (state.tau - tau) * (before + rate)
            before, tau = rate, state.tau
        if n == MARK:
            found |= {"y": state.y[0], "p": p, "spent": spent.copy()}
        if n == LATE:
            found |= {"late p": p, "late spent": spent}
    # the few that are not decided by then are drawn
    found["ends"] = (rng.random(BLOCK) < p).astype(np.float64)
    return found


def _seen(y: Array) -> Array:
    """A bounded statistic of a state."""
    return 1.5 + np.sin(y / 2)


def _late(omega: float, prior: float) -> tuple[float, float]:
    """`G g₁ = 1`, `G g₂ = 2g₁ + 1`: limits of `E[L − γ]` and `E[(L − γ)² − γ]` from every L.

    Decided for the class they are L and L²; decided against it `κ = a`, and they grow no faster than that.
    """
    x = np.cos(np.pi * np.arange(NODES + 1) / NODES)
    inverse = np.linalg.inv(chebyshev.chebvander(x, NODES))
    first = chebyshev.chebvander(x, NODES - 1) @ chebyshev.chebder(np.eye(NODES + 1)) @ inverse / REACH
    ell, a = REACH * x, 2 * omega - 1
    generator = np.diag(omega + (1 - omega) * np.tanh(ell)) @ first + 0.5 * first @ first
    generator[0], generator[-1] = np.eye(NODES + 1)[0], first[-1]
    right = np.ones(NODES + 1)
    right[0], right[-1] = REACH, 1 / a
    mean = np.linalg.solve(generator, right)
    right = 2 * mean + 1
    right[0], right[-1] = REACH**2, (2 * mean[-1] + 1 - 1 / a**2) / a
    square = np.linalg.solve(generator, right)
    start = 0.5 * float(special.logit(prior))
    at = [float(interpolate.BarycentricInterpolator(x, values)(start / REACH)) for values in (mean, square)]
    return at[0] - start, at[1] - at[0] ** 2


def _places() -> Checks:
    """Slopes in ω of the cross-entropy at γ = 3, guided in an early and in a late interval of one length."""
    step, end = 0.02, 3.0
    expected = float(binary_quadrature.mmse(end)) * 0.8
    for interval in ((0.2, 1.0), (2.0, 2.8)):
        found = [float(guided_odds([end], 1 + s * step, interval=interval).cross_entropy[0]) for s in (-1, 1)]
        slope = (found[0] - found[1]) / (2 * step)
        yield close(f"gain of guidance in {interval}", "Fokker-Planck, differences", expected, slope, 2e-3)
