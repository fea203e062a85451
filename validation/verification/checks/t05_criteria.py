"""T5 measured: each criterion from the density itself, by finite differences and root finding."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import integrate

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t05_criteria as theorem
from ....theory.times.prediction import speciation_times
from ..independent import two_classes_on_a_line as line
from ..independent.search import root
from ._base import Checks, Context, close

Array = NDArray[np.float64]


def check(context: Context) -> Checks:
    """Isotropic cases in one dimension; anisotropic ones with dense matrices; RA23's value."""
    predicted = theorem.predict()
    for M, s2, w in theorem.CASES:
        for criterion, condition in _conditions(M, s2, w).items():
            name = f"{criterion} (M={M:g}, s2={s2:g}, w={w:g})"
            if name in predicted:
                # the last sign change coming down from pure noise
                measured = _last_root(condition)
                yield close(name, "the density, by differences", predicted[name], measured, 1e-6)
    critical = "critical e^{-2t} of points at ±1"
    time = _last_root(lambda t: 1 + 2 * _curvature(t, 1.0, 0.0, 0.5))
    yield close(critical, "the density, by differences", predicted[critical], math.exp(-2 * time), 1e-6)
    for w in theorem.MODE_PRIORS:
        name = f"gamma of the second mode (w={w:g})"
        yield close(name, "the density's slope, by differences", predicted[name], line.second_mode(w), 1e-6)
    for w in theorem.CLONE_PRIORS:
        name = f"phi at cloning (w={w:g})"
        yield close(name, "quadrature of Bayes' rule", predicted[name], line.agreement(1.0, 1.0, w), 1e-12)
    yield from _anisotropic(context)


def _conditions(M: float, s2: float, w: float) -> dict[str, Callable[[float], float]]:
    """Functions of OU time that change sign at speciation."""

    def entropy(t: float) -> float:
        return line.entropy(*_noised(t, M, s2), w)

    half = -(w * math.log(w) + (1 - w) * math.log(1 - w)) / 2
    # what two clones of these classes do at unit half distance and unit variance
    threshold = line.agreement(1.0, 1.0, w)

    # at equal weights the second mode appears where the curvature at the midpoint changes sign
    modes = {"second-mode": lambda t: line.least_slope(*_noised(t, M, s2), w)} if w != 0.5 else {}
    return modes | {
        "curvature": lambda t: _curvature(t, M, s2, w),
        "covariance": lambda t: _variance(M, s2, w) * math.exp(-2 * t) - 1,
        "reverse-sde": lambda t: 1 + 2 * _curvature(t, M, s2, w),
        "probability-flow": lambda t: 1 + _curvature(t, M, s2, w),
        "entropy-peak": lambda t: _rate_slope(t, entropy),
        "entropy-median": lambda t: half - entropy(t),
        "cloning": lambda t: line.agreement(*_noised(t, M, s2), w) - threshold,
    }


def _noised(t: float, M: float, s2: float) -> tuple[float, float]:
    """Mean and variance of the class at +√M, in OU time."""
    signal = math.exp(-t)
    return signal * math.sqrt(M), signal**2 * s2 + 1 - signal**2


def _curvature(t: float, M: float, s2: float, w: float) -> float:
    """Second derivative of the log-density at the midpoint: two central differences, extrapolated."""

    def difference(step: float) -> float:
        left, middle, right = (line.log_density(x, *_noised(t, M, s2), w) for x in (-step, 0.0, step))
        return (left - 2 * middle + right) / step**2

    step = 4e-3
    return (4 * difference(step) - difference(2 * step)) / 3


def _variance(M: float, s2: float, w: float) -> float:
    """Variance of the data along the axis, by quadrature of its density."""

    def density(x: float) -> float:
        bells = [math.exp(-((x - sign * math.sqrt(M)) ** 2) / (2 * s2)) for sign in (1, -1)]
        return (w * bells[0] + (1 - w) * bells[1]) / math.sqrt(2 * math.pi * s2)

    reach = math.sqrt(M) + 12 * math.sqrt(s2)
    first, second = (
        integrate.quad(lambda x, n=n: x**n * density(x), -reach, reach, epsabs=1e-12, limit=200)[0]
        for n in (1, 2)
    )
    return second - first**2


def _rate_slope(t: float, entropy: Callable[[float], float]) -> float:
    """Sign of `−d²H/dt²`: second difference of an entropy in OU time."""
    step = 8e-3

    def difference(h: float) -> float:
        values = [entropy(t + k * h) for k in (-1, 0, 1)]
        return -(values[0] - 2 * values[1] + values[2]) / h**2

    return (4 * difference(step) - difference(2 * step)) / 3


def _last_root(condition: Callable[[float], float]) -> float:
    """The largest t at which the condition changes sign."""
    times = np.linspace(3.0, 0.01, 60)
    signs = [condition(float(t)) > 0 for t in times]
    index = next(i for i in range(1, len(times)) if signs[i] != signs[0])
    return root(condition, float(times[index]), float(times[index - 1]))


def _anisotropic(context: Context) -> Checks:
    """A full covariance: Jacobians as dense matrices, their largest eigenvalue, and bisection."""
    rng = context.rng("T5 anisotropic")
    d, w = 6, 0.35
    factor = rng.standard_normal((d, d)) / 4
    sigma = factor @ factor.T
    delta = rng.standard_normal(d)
    mixture = GaussianMixture([w, 1 - w], np.array([delta, -delta]), sigma)
    predicted = {entry.criterion: entry.time for entry in speciation_times(mixture)}
    balance = 4 * w * (1 - w)

    def jacobian(t: float, gain: float) -> float:
        signal2 = math.exp(-2 * t)
        inverse = np.linalg.inv(signal2 * sigma + (1 - signal2) * np.eye(d))
        v = math.sqrt(signal2) * inverse @ delta
        hessian = -inverse + balance * np.outer(v, v)
        return float(np.linalg.eigvalsh(np.eye(d) + gain * hessian)[-1])

    def gamma(t: float) -> float:
        return float(delta @ np.linalg.solve(sigma + math.expm1(2 * t) * np.eye(d), delta))

    # second moments less the square of the mean (2w − 1)δ
    data = sigma + (1 - (2 * w - 1) ** 2) * np.outer(delta, delta)
    conditions: dict[str, Callable[[float], float]] = {
        "curvature": lambda t: balance * gamma(t) - 1,
        "covariance": lambda t: float(np.linalg.eigvalsh(data)[-1]) * math.exp(-2 * t) - 1,
        "reverse-sde": lambda t: jacobian(t, 2.0),
        # the density along S⁻¹δ: classes of unit variance at ±√γ
        "entropy-peak": lambda t: _rate_slope(t, lambda r: line.entropy(math.sqrt(gamma(r)), 1.0, w)),
        "cloning": lambda t: line.agreement(math.sqrt(gamma(t)), 1.0, w) - line.agreement(1.0, 1.0, w),
    }
    for criterion, condition in conditions.items():
        expected = predicted[criterion]
        assert expected is not None  # noqa: S101 (this mixture has all of them)
        name = f"{criterion}, full covariance in d=6, w=0.35"
        yield close(name, "dense matrices and bisection", expected, _last_root(condition), 1e-6)
