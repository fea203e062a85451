"""T9 measured: every coefficient peeled off the definition in high precision; the error bound."""

from collections.abc import Callable

import mpmath
import numpy as np

from ....theory._support.aliases import Precise
from ....theory.channel.series import large_gamma_mmse
from ....theory.theorems import t09_series as theorem
from ..independent import binary_quadrature
from ._base import Checks, Context, bound, close

mp: Precise = mpmath.mp
DIGITS = 45


def check(context: Context) -> Checks:
    """Coefficients of the four series, the truncated value, and that its error bound holds."""
    predicted = theorem.predict()
    families: dict[str, Callable[[], list[float]]] = {
        "mmse, small gamma": lambda: _peeled(lambda x: binary_quadrature.mmse(x, DIGITS)),
        "H, small gamma": lambda: _peeled(lambda x: binary_quadrature.entropy(x, digits=DIGITS)),
        "mmse, large gamma": lambda: _peeled(lambda x: _scaled(binary_quadrature.mmse(1 / x, DIGITS), 1 / x)),
        "H, large gamma": lambda: _peeled(
            lambda x: _scaled(binary_quadrature.entropy(1 / x, digits=DIGITS), 1 / x)
        ),
    }
    for name, measure in families.items():
        route = f"definition at {theorem.ORDER + 7} points, {DIGITS} digits"
        for j, value in enumerate(measure()):
            key = f"{name}: coefficient {j}"
            yield close(key, route, predicted[key], value, 1e-9)
    for gamma in theorem.GAMMAS:
        key = f"mmse({gamma:g}), truncated"
        relative = max(3 * float(np.exp(-gamma / 2)), 1e-13)
        if relative < 0.01:
            measured = float(binary_quadrature.mmse(gamma, 30))
            yield close(key, "quadrature of the definition", predicted[key], measured, relative)
    yield from _error_bound()


def _peeled(function: Callable[[Precise], object]) -> list[float]:
    """Taylor coefficients at 0 from a polynomial through values at small arguments."""
    with mp.workdps(DIGITS):
        size, spacing = theorem.ORDER + 7, mp.mpf(10) ** -6
        # in units of the spacing, where the matrix is one of integers
        matrix = mp.matrix(size, size)
        for i in range(size):
            for j in range(size):
                matrix[i, j] = mp.mpf(i + 1) ** j
        values = mp.matrix([function(spacing * (i + 1)) for i in range(size)])
        solution = mp.lu_solve(matrix, values)
        return [float(solution[j] / spacing**j) for j in range(theorem.ORDER + 1)]


def _scaled(value: Precise, gamma: Precise) -> Precise:
    return value * mp.sqrt(2 * gamma / mp.pi) * mp.exp(gamma / 2)


def _error_bound() -> Checks:
    """The first omitted term bounds the error, for one to four terms at several γ."""
    limits: list[float] = []
    errors: list[float] = []
    for gamma in (4.0, 40.0, 400.0):
        exact = binary_quadrature.mmse(gamma, 30)
        for terms in (1, 2, 3):
            cut = large_gamma_mmse(gamma, terms)
            limits.append(cut.error_bound / float(exact))
            errors.append(float(abs(cut.value - exact) / exact))
    # at γ = 400 the first omitted term is nearly the whole error, so a bound 2 % lower would fail
    yield bound("error of the truncated series", "quadrature", limits, errors, upper=True)
