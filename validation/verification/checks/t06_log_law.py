"""T6 measured: coefficients from exact times at large d, and the law itself in ambient dimension."""

from functools import lru_cache
from typing import Any

import mpmath
import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t06_log_law as theorem
from ....theory.times.criteria import speciation_sigma2
from ..independent import binary_quadrature
from ..independent.monte_carlo import entropy_draws
from ._base import Checks, Context, close, z_test

mp: Any = mpmath.mp
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
                route = "exact times at 8 dimensions, interpolated"
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


def _time(criterion: str, d: Any) -> Any:
    """OU time in 30 digits, each from its condition rather than from the toolkit's expression."""
    M, s2 = mp.mpf(theorem.MU) ** 2 * d, mp.mpf(theorem.S2)
    if criterion == "covariance":
        growth = M + s2
    elif criterion == "reverse-sde":
        # Γ + 2γ = 2 with Γ = 1 + (s²−1)/Y and γ = M/(Y + s² − 1)
        growth = mp.findroot(lambda y: 1 + (s2 - 1) / y + 2 * M / (y + s2 - 1) - 2, 2 * M)
    elif criterion == "entropy-peak":
        growth = M / binary_quadrature.rate_peak((1 - s2) / M) + 1 - s2
    elif criterion == "entropy-median":
        growth = M / _median() + 1 - s2
    else:
        growth = M + 1 - s2
    return mp.log(growth) / 2


@lru_cache(maxsize=1)
def _median() -> Any:
    return mp.findroot(
        lambda g: binary_quadrature.entropy(g, digits=25) - mp.log(2) / 2,
        (mp.mpf("1.04"), mp.mpf("1.05")),
        tol=1e-24,
    )


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
    exact = speciation_sigma2("entropy-median", mu**2 * 1e6, s2)
    law = 0.5 * np.log(1e6) + sum(c / 1e6**n for n, c in enumerate(coefficients))
    yield close("t_median at d=10^6", "closed form", law, float(0.5 * np.log1p(exact)), 1e-12)
