"""T11 measured: reverse runs in two dimensions with an anisotropic covariance, guided or not."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ....theory.closed_forms.orthogonal import orthogonal_entropy
from ....theory.theorems import t11_gamma_clock as theorem
from ..independent.guided_runs import filtered_posteriors, log_odds
from ._base import Check, Checks, Context, z_test

RUNS, STEPS = 600_000, 300
EARLY = 0.1  # γ at which little noise covers where L started


def check(context: Context) -> Checks:
    """Moments of the log-odds at two levels, and their covariance along one run."""
    predicted = theorem.predict()
    conditional = log_odds(theorem.GAMMAS, 1.0, RUNS, STEPS, context.rng("T11 conditional"))
    unconditional = log_odds(theorem.GAMMAS, 0.0, RUNS, STEPS, context.rng("T11 unconditional"))
    for i, gamma in enumerate(theorem.GAMMAS):
        odds = conditional[i]
        name = f"E L, conditional, gamma={gamma:g}"
        yield z_test(name, predicted[name], odds)
        name = f"Var L, conditional, gamma={gamma:g}"
        yield z_test(name, predicted[name], (odds - gamma) ** 2)
        name = f"E L^2, unconditional, gamma={gamma:g}"
        yield z_test(name, predicted[name], unconditional[i] ** 2)
    first, second = (odds - gamma for odds, gamma in zip(conditional, theorem.GAMMAS, strict=True))
    # the square of the sum has two thirds of the product's relative spread
    variances = [predicted[f"Var L, conditional, gamma={gamma:g}"] for gamma in theorem.GAMMAS]
    together = sum(variances) + 2 * predicted["Cov(L, L') of one run"]
    yield z_test("Var(L + L') of one run", together, (first + second) ** 2)
    yield _normal(conditional[1], theorem.GAMMAS[1])
    yield from _unequal(context, predicted)
    classes, g = 3, 2.0
    posterior = filtered_posteriors(g, classes, RUNS // 3, STEPS, context.rng("T11 filter"))
    expected = float(orthogonal_entropy(g, classes))
    yield z_test("H of Wonham's filter, K=3", expected, special.entr(posterior).sum(axis=1))


def _unequal(context: Context, predicted: dict[str, float]) -> Checks:
    """Where the log-odds of a class with another weight start."""
    name = f"L(0), conditional, w={theorem.PRIOR:g}"
    (odds,) = log_odds((EARLY,), 1.0, RUNS, STEPS, context.rng(f"T11 {name}"), theorem.PRIOR)
    yield z_test(name, predicted[name], odds - EARLY)
    name = f"E tanh L, unconditional, w={theorem.PRIOR:g}"
    (odds,) = log_odds(theorem.GAMMAS[:1], 0.0, RUNS, STEPS, context.rng(f"T11 {name}"), theorem.PRIOR)
    yield z_test(name, predicted[name], np.tanh(odds))


def _normal(odds: NDArray[np.float64], gamma: float) -> Check:
    """`E e^{−(L − γ)/2}` of a normal law, `e^{γ/8}` at variance γ: not only two moments agree."""
    return z_test("E exp((γ - L)/2), conditional", float(np.exp(gamma / 8)), np.exp((gamma - odds) / 2))
