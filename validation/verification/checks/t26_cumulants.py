"""T26 measured: informations on the line in 40 digits, draws in space, and the law in 10⁹ dimensions."""

from collections.abc import Sequence

import mpmath
import numpy as np
from numpy.typing import NDArray

from ....theory._support.aliases import Precise
from ....theory.theorems import t26_cumulants as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

Array = NDArray[np.float64]
Law = Sequence[tuple[float, float, float]]
"""Weights, means and variances of the components of a class on the line."""
mp: Precise = mpmath.mp
SAMPLES = 200_000
DIGITS, POINTS = 60, 10
"""Digits of an information on the line, and the number of τ through which a polynomial is drawn."""


def check(context: Context) -> Checks:
    """Coefficients on the line, an entropy of draws, and times."""
    predicted = theorem.predict()
    route = f"information at {POINTS} small tau, interpolated"
    found = _coefficients(_on_the_line())
    for n in (1, 2, 3):
        key = f"coefficient of tau^{n}, on the line"
        yield close(key, route, predicted[key], found[n - 1], 1e-8)
    for n, key, classes in (
        (3, "coefficient of tau^3, mirror images", _mirror_images()),
        (4, "coefficient of tau^4, kurtosis", _kurtosis()),
    ):
        found = _coefficients([(0.5, law) for law in classes])
        yield close(key, route, predicted[key], found[n - 1], 1e-8)
    yield from _ambient(context, predicted)
    yield from _times(predicted)


def _on_the_line() -> list[tuple[float, Law]]:
    parts = list(zip(theorem.WEIGHTS, theorem.MEANS, theorem.VARIANCES, strict=True))
    classes: list[tuple[float, Law]] = []
    for members in theorem.GROUPS.values():
        own = [parts[int(name)] for name in members]
        share = sum(part[0] for part in own)
        classes.append((share, [(w / share, m, v) for w, m, v in own]))
    return classes


def _mirror_images() -> tuple[Law, Law]:
    a, b = theorem.SKEWNESS
    share = b / (a + b)
    return [(share, -a, 0.0), (1 - share, b, 0.0)], [(share, a, 0.0), (1 - share, -b, 0.0)]


def _kurtosis() -> tuple[Law, Law]:
    a = theorem.KURTOSIS
    return [(1.0, 0.0, a * a)], [(0.5, a, 0.0), (0.5, -a, 0.0)]


def _coefficients(classes: Sequence[tuple[float, Law]]) -> list[float]:
    """Coefficients of τ, τ², … in the information, by the polynomial through small values of τ."""
    with mp.workdps(DIGITS):
        taus = [mp.mpf(k) / 2000 for k in range(1, POINTS + 1)]
        matrix = mp.matrix(POINTS, POINTS)
        for i, tau in enumerate(taus):
            for j in range(POINTS):
                matrix[i, j] = tau ** (j + 1)
        solution = mp.lu_solve(matrix, mp.matrix([_information(classes, tau) for tau in taus]))
        return [float(value) for value in solution]


def _information(classes: Sequence[tuple[float, Law]], tau: object) -> Precise:
    """`Σ w ∫ f log(f/f̄)` in units of σ, by the trapezoidal rule, exact for what is entire."""
    step, total = mp.mpf("0.3"), mp.mpf(0)
    for index in range(-55, 56):
        y = index * step
        densities = [_density(law, y, tau) for _, law in classes]
        mean = mp.fsum(w * f for (w, _), f in zip(classes, densities, strict=True))
        total += mp.fsum(w * f * mp.log(f / mean) for (w, _), f in zip(classes, densities, strict=True))
    return total * step


def _density(law: Law, y: object, tau: object) -> Precise:
    return mp.fsum(
        mp.mpf(w) * mp.npdf(y, mp.mpf(m) * mp.sqrt(tau), mp.sqrt(1 + mp.mpf(v) * tau)) for w, m, v in law
    )


def _ambient(context: Context, predicted: dict[str, float]) -> Checks:
    """Three classes in space; the order left out, τ⁴, is 6e-6."""
    tau = theorem.AMBIENT_TAU
    draws = posteriors(theorem.in_space(), 1.0, 1 / np.sqrt(tau), SAMPLES, context.rng("T26"))
    key = f"H at tau = {tau:g}, in space"
    yield z_test(key, predicted[key], draws.entropy)


def _times(predicted: dict[str, float]) -> Checks:
    """Where `H = H₂(γ_c)` in 10⁹ independent coordinates; the law's next term is `O(d^{−1/n})`."""
    scales: tuple[Law, Law] = ([(1.0, 0.0, 1.0)], [(1.0, 0.0, 2.0)])
    wanted = binary_quadrature.quick_entropy(theorem.LEVEL)
    for n, classes in ((2, scales), (3, _mirror_images()), (4, _kurtosis())):
        low, high = -40.0, 0.0  # log τ
        for _ in range(50):
            middle = (low + high) / 2
            undecided = _entropy(*classes, float(np.exp(middle))) > wanted
            low, high = (middle, high) if undecided else (low, middle)
        time = 0.5 * np.log1p(np.exp(-low)) - np.log(theorem.DIMENSION) / (2 * n)
        key = f"t - log(d)/{2 * n}, cumulant {n}"
        route = f"densities summed on the line, to the power {theorem.DIMENSION:.0e}"
        yield close(key, route, predicted[key], float(time), 4e-3)


def _entropy(first: Law, second: Law, tau: float) -> float:
    """T24's integral on Re s = ½ with `ρ(s)^d`, ρ of one coordinate from its densities."""
    y = np.arange(-16.0, 16.0, 0.2)
    f, g = (_densities(law, y, tau) for law in (first, second))
    odds = np.log(f / g)
    v = np.arange(0.0, 12.0, 0.04)
    s = 0.5 + 1j * v
    # 1 is taken off together with what averages to nothing, so that nothing cancels
    excess = np.expm1(s[:, None] * odds) - s[:, None] * np.expm1(odds)
    damping = np.exp(theorem.DIMENSION * np.log1p(excess @ g * 0.2))
    values = (np.pi / (s * (1 - s) * np.sin(np.pi * s)) * damping / 2).real
    return float(0.04 / np.pi * (values.sum() - values[0] / 2))


def _densities(law: Law, y: Array, tau: float) -> Array:
    parts = [
        w * np.exp(-((y - m * np.sqrt(tau)) ** 2) / (2 * (1 + v * tau))) / np.sqrt(2 * np.pi * (1 + v * tau))
        for w, m, v in law
    ]
    return np.sum(parts, axis=0)
