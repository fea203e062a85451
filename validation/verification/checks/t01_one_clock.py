"""T1 measured: clocks from their definitions, one posterior in three clocks, and both peaks."""

import math

import numpy as np
from scipy import integrate

from ....theory import schedules
from ....theory.channel.binary import binary_entropy
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t01_one_clock as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import posteriors
from ..independent.search import maximum, root
from ._base import Checks, Context, close, z_test

SAMPLES = 400_000


def check(context: Context) -> Checks:
    """Clocks, invariance of the entropy, and the place of the peak in two clocks."""
    yield from _clocks()
    yield from _invariance(context)
    yield from _peaks()


def _clocks() -> Checks:
    """Readings and σ against the schedule's own definition, the readings by bisection."""
    predicted = theorem.predict()
    target = theorem.EXAMPLE_SIGMA
    definitions = {
        "ou": _sigma_ou,
        "edm": float,
        "vp-linear": _sigma_vp_linear,
        "cosine": _sigma_cosine,
        "flow": lambda u: u / (1 - u),
        "ddpm": lambda n: _sigma_ddpm(n, 1e-4, 0.02, of_root=False),
        "sd15": lambda n: _sigma_ddpm(n, 0.00085, 0.012, of_root=True),
    }
    ends = {"ou": 20.0, "edm": 100.0, "ddpm": 1000.0, "sd15": 1000.0}
    for name, definition in definitions.items():
        last = ends.get(name, 1 - 1e-9)
        found = root(lambda s, f=definition: f(s) - target, 1e-9, last)
        route = "the schedule's definition, by bisection"
        yield close(f"{name} time", route, predicted[f"{name} time"], found, 1e-9)
        sigma = definition(theorem.EXAMPLE_SHARE * found)
        yield close(f"{name} sigma", "the schedule's definition", predicted[f"{name} sigma"], sigma, 1e-9)


def _sigma_ou(t: float) -> float:
    return math.sqrt((1 - math.exp(-2 * t)) / math.exp(-2 * t))


def _sigma_vp_linear(s: float) -> float:
    """`dX = −½β X ds + √β dW` with β from 0.1 to 20: the signal falls as `exp(−½∫β)`."""
    total = integrate.quad(lambda r: 0.1 + (20 - 0.1) * r, 0, s)[0]
    signal2 = math.exp(-total)
    return math.sqrt((1 - signal2) / signal2)


def _sigma_cosine(s: float) -> float:
    def level(r: float) -> float:
        return math.cos((r + 0.008) / 1.008 * math.pi / 2) ** 2

    signal2 = level(s) / level(0)
    return math.sqrt((1 - signal2) / signal2)


def _sigma_ddpm(step: float, first: float, last: float, *, of_root: bool) -> float:
    """The product of `1 − β_i`, one factor at a time; log-linear between whole steps."""
    log_signal2 = 0.0
    for i in range(math.ceil(step)):
        share = i / 999
        if of_root:
            beta = (math.sqrt(first) + (math.sqrt(last) - math.sqrt(first)) * share) ** 2
        else:
            beta = first + (last - first) * share
        log_signal2 += math.log(1 - beta) * min(1.0, step - i)
    return math.sqrt(math.exp(-log_signal2) - 1)


def _invariance(context: Context) -> Checks:
    """The entropy of `aX₀ + bZ` with the a and b of three schedules, all at one σ."""
    mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.full(16, 1.0)), 0.5)
    sigma = 3.0
    expected = float(binary_entropy(mixture.gamma(sigma)))
    cases = {
        "variance preserving": (1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)),
        "variance exploding": (1.0, sigma),
        "flow matching": (1 / (1 + sigma), sigma / (1 + sigma)),
    }
    for name, (signal, noise) in cases.items():
        draws = posteriors(mixture, signal, noise, SAMPLES, context.rng(f"T1 {name}"))
        yield z_test(f"H at sigma=3, {name}", expected, draws.entropy)
    for clock in (schedules.VPLinear(), schedules.FlowMatching()):
        time = float(clock.time(sigma))
        signal, noise = float(clock.signal(time)), float(clock.noise(time))
        draws = posteriors(mixture, signal, noise, SAMPLES, context.rng(f"T1 {clock.name}"))
        yield z_test(f"H with the signal and noise of {clock.name}", expected, draws.entropy)


def _peaks() -> Checks:
    """Maximise −ΔH/Δ(clock) of the entropy's definition, in each clock."""
    predicted = theorem.predict()
    M, s2 = theorem.SEPARATION2, theorem.VARIANCE

    def mmse(log_sigma: float) -> float:
        return binary_quadrature.quick_mmse(M / (s2 + math.exp(2 * log_sigma)))

    def slope(log_sigma: float) -> float:
        """`dγ/d log σ` by a central difference."""
        step = 1e-5
        high, low = (M / (s2 + math.exp(2 * (log_sigma + d))) for d in (step, -step))
        return (high - low) / (2 * step)

    def ou_speed(log_sigma: float) -> float:
        """`d log σ/dt` by a central difference of `t = ½ log(1 + σ²)`."""
        step = 1e-5
        high, low = (0.5 * math.log1p(math.exp(2 * (log_sigma + d))) for d in (step, -step))
        return 2 * step / (high - low)

    rates = {
        "per log sigma": lambda x: -mmse(x) * slope(x),
        "per OU time": lambda x: -mmse(x) * slope(x) * ou_speed(x),
    }
    for name, rate in rates.items():
        found = maximum(rate, 1.0, 3.0)
        key = f"log sigma at the peak {name}"
        yield close(key, "maximised numerically", predicted[key], found, 2e-6)
