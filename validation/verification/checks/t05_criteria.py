"""T5 measured: each criterion from the density itself, by finite differences and root finding."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import integrate

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t05_criteria as theorem
from ....theory.times.prediction import speciation_times
from ..independent import binary_quadrature
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
    yield from _anisotropic(context)


def _conditions(M: float, s2: float, w: float) -> dict[str, Callable[[float], float]]:
    """Functions of OU time that change sign at speciation."""

    def gamma(t: float) -> float:
        return M / (s2 + math.expm1(2 * t))

    half = binary_quadrature.quick_entropy(0.0, w) / 2
    # the threshold is balanced classes' φ(1), whatever the weights
    threshold = binary_quadrature.quick_mmse(1.0)

    return {
        "curvature": lambda t: _curvature(t, M, s2, w),
        "covariance": lambda t: _variance(M, s2, w) * math.exp(-2 * t) - 1,
        "reverse-sde": lambda t: 1 + 2 * _curvature(t, M, s2, w),
        "probability-flow": lambda t: 1 + _curvature(t, M, s2, w),
        "entropy-peak": lambda t: _rate_slope(t, gamma, w),
        "entropy-median": lambda t: half - binary_quadrature.quick_entropy(gamma(t), w),
        "cloning": lambda t: threshold - binary_quadrature.quick_mmse(gamma(t)),
    }


def _log_density(x: float, t: float, M: float, s2: float, w: float) -> float:
    """The noised two-class density along the axis of the means, in OU time."""
    signal = math.exp(-t)
    variance = signal**2 * s2 + 1 - signal**2
    ends = [-((x - sign * signal * math.sqrt(M)) ** 2) / (2 * variance) for sign in (1, -1)]
    return float(np.logaddexp(math.log(w) + ends[0], math.log(1 - w) + ends[1]))


def _curvature(t: float, M: float, s2: float, w: float) -> float:
    """Second derivative of the log-density at the midpoint: two central differences, extrapolated."""

    def difference(step: float) -> float:
        sides = _log_density(step, t, M, s2, w) + _log_density(-step, t, M, s2, w)
        return (sides - 2 * _log_density(0, t, M, s2, w)) / step**2

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


def _rate_slope(t: float, gamma: Callable[[float], float], w: float) -> float:
    """Sign of `−d²H/dt²`: second difference of the entropy's definition in OU time."""
    step = 8e-3

    def difference(h: float) -> float:
        values = [binary_quadrature.quick_entropy(gamma(t + k * h), w) for k in (-1, 0, 1)]
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

    data = sigma + balance * np.outer(delta, delta)
    conditions: dict[str, Callable[[float], float]] = {
        "curvature": lambda t: balance * gamma(t) - 1,
        "covariance": lambda t: float(np.linalg.eigvalsh(data)[-1]) * math.exp(-2 * t) - 1,
        "reverse-sde": lambda t: jacobian(t, 2.0),
        "entropy-peak": lambda t: _rate_slope(t, gamma, w),
        "cloning": lambda t: gamma(t) - 1,
    }
    for criterion, condition in conditions.items():
        expected = predicted[criterion]
        assert expected is not None  # noqa: S101 (this mixture has all of them)
        name = f"{criterion}, full covariance in d=6, w=0.35"
        yield close(name, "dense matrices and bisection", expected, _last_root(condition), 1e-6)
