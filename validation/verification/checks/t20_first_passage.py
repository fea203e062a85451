"""T20 measured: the law by collocation of the generator, and reverse runs that are stopped."""

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy import interpolate, linalg, special

from ....theory.theorems import t20_first_passage as theorem
from ..independent.reverse_runs import THREE, UNEQUAL, levels, log_odds, reverse_runs
from ._base import Check, Checks, Context, close, paired_z_test

Array = NDArray[np.float64]

NODES = 60
RUNS = 50_000


def check(context: Context) -> Checks:
    """Moments and law of the γ clock; stopped runs of three classes; the clock of two; a wrong chain."""
    predicted = theorem.predict()
    for p, w in theorem.CASES:
        for name, value in _collocated(p, w).items():
            key = f"{name}, p={p:g}, w={w:g}"
            yield close(key, "collocation", predicted[key], value, 1e-8)
    yield from _stopped(context)
    yield from _clock(context)
    yield _wrong_denoisers(context)


def _collocated(p: float, w: float) -> dict[str, float]:
    """`Gu = …` with `u = 0` or 1 at |L| = a, on Chebyshev's nodes."""
    a, start = 0.5 * special.logit(p), 0.5 * special.logit(w)
    x = np.cos(np.pi * np.arange(NODES + 1) / NODES)
    basis = np.eye(NODES + 1)
    inverse = np.linalg.inv(chebyshev.chebvander(x, NODES))
    first = chebyshev.chebvander(x, NODES - 1) @ chebyshev.chebder(basis) @ inverse / a
    generator = np.diag(np.tanh(a * x)) @ first + 0.5 * first @ first
    inner = generator[1:-1, 1:-1]

    def at_start(values: Array) -> float:
        return float(interpolate.BarycentricInterpolator(x, values)(start / a))

    def padded(values: Array, ends: float = 0.0) -> Array:
        return np.concatenate([[ends], values, [ends]])

    mean = np.linalg.solve(inner, -np.ones(NODES - 1))
    square = np.linalg.solve(inner, -2 * mean)
    pull = -(generator[1:-1, 0] + generator[1:-1, -1])
    moved = np.linalg.solve(inner - theorem.THETA * np.eye(NODES - 1), pull)
    found = {"E gamma": at_start(padded(mean)), "transform": at_start(padded(moved, 1.0))}
    found["Var gamma"] = at_start(padded(square)) - found["E gamma"] ** 2
    left = {gamma: linalg.expm(gamma * inner) @ np.ones(NODES - 1) for gamma in theorem.GAMMAS}
    found |= {f"P(gamma > {gamma:g})": at_start(padded(values)) for gamma, values in left.items()}
    gamma = theorem.GAMMAS[0]
    found[f"density at {gamma:g}"] = at_start(padded(-inner @ left[gamma]))
    return found


def _stopped(context: Context) -> Checks:
    """Runs go on to their end; a step overshoots p, so the posterior at stopping takes its place."""
    stops = (0.8, 0.95)
    at, of, p = np.zeros((2, RUNS)), np.full((2, RUNS), -1), np.zeros((3, RUNS))
    for state in reverse_runs(THREE, levels(0.15, 400.0, 110), RUNS, context.rng("T20 three")):
        p = state.p
        largest = p.max(axis=0)
        for row, stop in enumerate(stops):
            now = (of[row] < 0) & (largest >= stop)
            at[row, now], of[row, now] = largest[now], p.argmax(axis=0)[now]
    # what has not been decided by then is drawn
    ends = _drawn(p, context.rng("T20 end"))
    for row, stop in enumerate(stops):
        right = (ends == of[row]).astype(np.float64)
        yield paired_z_test(f"ends in the class of posterior {stop:g}", at[row], right)


def _drawn(p: Array, rng: np.random.Generator) -> Array:
    return np.asarray((rng.random(p.shape[1]) > p.cumsum(axis=0)[:-1]).sum(axis=0))


def _clock(context: Context) -> Checks:
    """`E[L tanh L] − λ tanh λ` where a run stops is the mean of its own clock `∫¼|D₁ − D₂|² dτ`."""
    rng, start = context.rng("T20 clock"), 0.5 * special.logit(0.45)
    # a block at a time stays in the cache
    odds, clock = np.concatenate([_own_clock(20_000, start, rng) for _ in range(7)], axis=1)
    gained = odds * np.tanh(odds) - start * np.tanh(start)
    yield paired_z_test("E gamma of unequal covariances, stopped at 0.9", gained, clock)


def _own_clock(runs: int, start: float, rng: np.random.Generator) -> Array:
    """Half log-odds and clock where the likelier class reaches 0.9."""
    clock, odds, open_ = np.zeros(runs), np.full(runs, start), np.ones(runs, dtype=bool)
    before, tau = None, 0.0
    for state in reverse_runs(UNEQUAL, levels(0.1, 12.0, 60), runs, rng):
        rate = 0.25 * ((state.denoised[0] - state.denoised[1]) ** 2).sum(axis=0)
        if before is not None:
            clock[open_] += 0.5 * (state.tau - tau) * (before + rate)[open_]
            odds[open_] = log_odds(state)[open_]
            open_ &= np.abs(odds) < 0.5 * special.logit(0.9)
        before, tau = rate, state.tau
    return np.stack([odds, clock])


def _wrong_denoisers(context: Context) -> Check:
    """In the law of a chain of wrong denoisers, the class that was drawn has the posterior carried along."""
    rng = context.rng("T20 chain")
    truth = np.where(rng.random(RUNS) < 0.4, 1.0, -1.0)
    y, odds, at = np.zeros(RUNS), np.full(RUNS, 0.5 * special.logit(0.4)), np.full(RUNS, np.nan)
    for step in np.full(60, 0.2):
        half, middle = 1.2 + 0.3 * np.cos(y), 0.4 * y / (1 + y * y)
        moved = (middle + truth * half) * step + np.sqrt(step) * rng.standard_normal(RUNS)
        odds += half * (moved - middle * step)
        y = y + moved
        now = np.isnan(at) & (np.abs(odds) >= 0.5 * special.logit(0.8))
        at[now] = odds[now]
    stopped = ~np.isnan(at)
    right = (np.sign(at) == truth)[stopped].astype(np.float64)
    posterior = special.expit(2 * np.abs(at[stopped]))
    return paired_z_test("a chain of wrong denoisers, stopped at 0.8", posterior, right)
