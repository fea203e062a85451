"""T11 measured: reverse runs in two dimensions with an anisotropic covariance, guided or not."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ...theory.orthogonal import orthogonal_entropy
from ...theory.theorems import t11_gamma_clock as theorem
from ..guided_runs import filtered_posteriors, log_odds
from ._base import Check, Checks, Context, z_test

RUNS, STEPS = 600_000, 300


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
    yield z_test("Cov(L, L') of one run", predicted["Cov(L, L') of one run"], first * second)
    yield _normal(conditional[1], theorem.GAMMAS[1])
    classes, g = 3, 2.0
    posterior = filtered_posteriors(g, classes, RUNS // 3, STEPS, context.rng("T11 filter"))
    expected = float(orthogonal_entropy(g, classes))
    yield z_test("H of Wonham's filter, K=3", expected, special.entr(posterior).sum(axis=1))


def _normal(odds: NDArray[np.float64], gamma: float) -> Check:
    """`E e^{−(L − γ)}` of a normal law, `e^{γ/2}` at variance γ: not only two moments agree."""
    return z_test("E exp(γ - L), conditional", float(np.exp(gamma / 2)), np.exp(gamma - odds))
