"""T6 measured: coefficients from exact times at large d, and the law itself in ambient dimension."""

from collections.abc import Callable

import mpmath
import numpy as np

from ....theory._support.aliases import Precise
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t06_log_law as theorem
from ..independent import two_classes_on_a_line as line
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, close, z_test

mp: Precise = mpmath.mp
SAMPLES = 300_000
DIMENSIONS = (16, 64, 256)


def check(context: Context) -> Checks:
    """Every coefficient by Richardson's limit in 1/d, then H = ½ log 2 where the law puts it."""
    predicted = theorem.predict()
    for criterion in theorem.CRITERIA:
        measured = _coefficients(criterion)
        for n, value in enumerate(measured):
            name = f"{criterion}: coefficient of d^-{n}"
            if name in predicted:
                route = "times from the density at 8 dimensions, interpolated"
                yield close(name, route, predicted[name], value, 2e-5)
    yield from _ambient(context)


def _coefficients(criterion: str) -> list[float]:
    """Taylor coefficients in x = 1/d of `t − ½ log d`, by a polynomial through exact values."""
    with mp.workdps(30):
        points = [mp.mpf(k) / 1000 for k in range(1, 9)]
        values = [_time(criterion, 1 / x) + mp.log(x) / 2 for x in points]
        size = len(points)
        vandermonde = mp.matrix(size, size)
        for i, x in enumerate(points):
            for j in range(size):
                vandermonde[i, j] = x**j
        solution = mp.lu_solve(vandermonde, mp.matrix(values))
        return [float(solution[n]) for n in range(theorem.ORDER + 1)]


def _time(criterion: str, d: Precise) -> Precise:
    """OU time in 25 digits at which the density along the axis of the means meets the criterion."""
    M, s2 = mp.mpf(theorem.MU) ** 2 * d, mp.mpf(theorem.S2)
    if criterion == "covariance":  # Λ e^{−2t} = 1
        return mp.log(line.precise_variance(mp.sqrt(M), s2)) / 2
    step = mp.mpf(10) ** -5

    def entropy(t: Precise) -> Precise:
        return line.precise_entropy(*line.noised(t, M, s2))

    def curvature(t: object) -> Precise:
        left, middle, right = (
            line.precise_log_density(x, *line.noised(t, M, s2)) for x in (-step, mp.mpf(0), step)
        )
        return (left - 2 * middle + right) / step**2

    conditions: dict[str, Callable[[Precise], Precise]] = {
        "curvature": curvature,
        "reverse-sde": lambda t: 1 + 2 * curvature(t),
        "entropy-median": lambda t: entropy(t) - mp.log(2) / 2,
        "entropy-peak": lambda t: (entropy(t - step) - 2 * entropy(t) + entropy(t + step)) / step**2,
    }
    # where the mean is about one width from the middle
    guess = mp.log(M) / 2
    return mp.findroot(conditions[criterion], (guess, guess + mp.mpf("0.05")), tol=mp.mpf(10) ** -22)


def _ambient(context: Context) -> Checks:
    """Draw in all d dimensions at the predicted median: half of log 2 must be left."""
    s2, mu = theorem.S2, theorem.MU
    coefficients = theorem.coefficients("entropy-median")
    for d in DIMENSIONS:
        time = 0.5 * np.log(d) + sum(c / d**n for n, c in enumerate(coefficients))
        mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.full(d, mu)), s2)
        samples = SAMPLES if d < 256 else SAMPLES // 2
        draws = entropy_draws(mixture, float(np.sqrt(np.expm1(2 * time))), samples, context.rng(f"T6 {d}"))
        yield z_test(f"H = log(2)/2 at the log law's time, d={d}", 0.5 * np.log(2), draws)
    law = 0.5 * np.log(1e6) + sum(c / 1e6**n for n, c in enumerate(coefficients))
    with mp.workdps(30):
        exact = float(_time("entropy-median", mp.mpf(10) ** 6))
    yield close("t_median at d=10^6", "time from the density", law, exact, 1e-12)
