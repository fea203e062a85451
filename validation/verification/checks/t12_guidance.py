"""T12 measured: the Fokker-Planck solution against the series, and guided runs against the solution."""

import numpy as np
from scipy import special

from ....numerics.fokker_planck import guided_odds
from ....theory.theorems import t12_guidance as theorem
from ..independent.guided_runs import log_odds
from ._base import Check, Checks, Context, close, z_test

RUNS, STEPS = 400_000, 400
CASES = {0.0: (0.5, 2.0), 2.0: (0.4, 1.0), 4.0: (0.2, 0.5)}
"""γ at which runs of each weight are compared; later, hardly any surprise is left of strong guidance."""


def check(context: Context) -> Checks:
    """Coefficients of the series, cross-entropies of runs, and guidance that has nothing left to do."""
    predicted = theorem.predict()
    for weight in theorem.WEIGHTS:
        yield from _series(weight, predicted)
    for weight, gammas in CASES.items():
        solved = guided_odds(gammas, weight)
        odds = log_odds(gammas, weight, RUNS, STEPS, context.rng(f"T12 {weight}"))
        for i, gamma in enumerate(gammas):
            surprise = np.logaddexp(0, -2 * odds[i])
            name = f"H at omega={weight:g}, gamma={gamma:g}, 2 dimensions"
            yield z_test(name, float(solved.cross_entropy[i]), surprise)
    yield _slope()
    yield _late()
    for weight, prior in theorem.SHIFTS:
        yield _shift(weight, prior, predicted)


def _series(weight: float, predicted: dict[str, float]) -> Checks:
    """A polynomial through the solution at small γ."""
    gamma = np.linspace(0.01, 0.25, 25)
    entropies = guided_odds(gamma, weight).cross_entropy - np.log(2)
    # H(0) = log 2 is used; the rest is fitted
    fitted = np.linalg.lstsq(gamma[:, None] ** np.arange(1, 12), entropies, rcond=None)[0]
    for n, relative in zip(range(1, theorem.ORDER + 1), (1e-6, 1e-4, 2e-3, 1.5e-2), strict=True):
        name = f"c_{n} at omega = {weight:g}"
        if name in predicted:
            yield close(name, "Fokker-Planck, fitted", predicted[name], float(fitted[n - 1]), relative)


def _slope() -> Check:
    """dH/dγ as stated, against differences of the solution."""
    step = 1e-3
    curve = guided_odds(1.0 + step * np.arange(-2, 3), 3.0)
    h = curve.cross_entropy
    slope = (8 * (h[3] - h[1]) - (h[4] - h[0])) / (12 * step)
    name, route = "dH/dγ at omega=3, gamma=1", "differences of the solution"
    return close(name, route, float(curve.slope[2]), float(slope), 1e-6)


def _shift(weight: float, prior: float, predicted: dict[str, float]) -> Check:
    """The mean of L at γ = 60 less that of ω = 1, λ + γ; what is to come is below e^{−10}."""
    name, start = f"late shift, omega = {weight:g}, w = {prior:g}", 0.5 * special.logit(prior)
    mean = float(guided_odds([60.0], weight, prior=prior).mean_odds[0])
    return close(name, "Fokker-Planck", predicted[name], mean - start - 60.0, 1e-4)


def _late() -> Check:
    """Guidance switched on only where the class is decided leaves the log-odds where ω = 1 does."""
    late = guided_odds([30.0], 4.0, interval=(20.0, 30.0))
    return close("E L, guided after γ = 20", "Fokker-Planck", 30.0, float(late.mean_odds[0]), 1e-6)
