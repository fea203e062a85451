"""T8 measured: the constants from the definition of mmse, and γ*(κ) by direct maximisation."""

from typing import Any

import mpmath
import numpy as np

from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t08_constants as theorem
from ..independent import binary_quadrature
from ..independent.monte_carlo import posteriors
from ._base import Checks, Context, close, z_test

mp: Any = mpmath.mp
SAMPLES = 600_000


def check(context: Context) -> Checks:
    """Maximise, bisect and integrate definitions; then meet φ(γ*) in ambient dimension."""
    predicted = theorem.predict()
    peak = binary_quadrature.rate_peak()
    median = mp.findroot(
        lambda g: binary_quadrature.entropy(g, digits=25) - mp.log(2) / 2,
        (mp.mpf(1), mp.mpf("1.1")),
        tol=1e-20,
    )
    mmse = binary_quadrature.mmse(peak, 25)
    measured = {
        "gamma*": (peak, 1e-13),
        "peak height": (peak * mmse, 1e-13),
        "H(gamma*)/log 2": (binary_quadrature.entropy(peak) / mp.log(2), 1e-13),
        "phi(gamma*)": (1 - mmse / 2, 1e-13),
        "t_peak - log(M)/2": (-mp.log(peak) / 2, 1e-13),
        "gamma_half": (median, 1e-13),
        "mmse(1)": (binary_quadrature.mmse(1), 1e-13),
        "H(1)": (binary_quadrature.entropy(1), 1e-13),
        "phi(1)": (1 - binary_quadrature.mmse(1) / 2, 1e-13),
    }
    for name, (value, relative) in measured.items():
        route = "quadrature and search on the definition"
        yield close(name, route, predicted[name], float(value), relative)
    yield from _series(predicted)
    yield from _ambient(context, predicted)


def _series(predicted: dict[str, float]) -> Checks:
    """Divided differences of directly maximised γ*(κ), extrapolated to κ → 0."""
    spacing = 0.02
    peaks = [float(binary_quadrature.rate_peak(spacing * k)) for k in range(-4, 5)]
    coefficients = np.polynomial.polynomial.polyfit(np.arange(-4, 5), peaks, 8)
    for n, relative in ((1, 1e-6), (2, 1e-5), (3, 1e-4)):
        name = f"c_{n} of gamma*(kappa)"
        value = float(coefficients[n]) / spacing**n
        yield close(name, "maxima at nine κ, interpolated", predicted[name], value, relative)


def _ambient(context: Context, predicted: dict[str, float]) -> Checks:
    """φ at the predicted peak time of a 25-dimensional mixture."""
    mixture = GaussianMixture([0.5, 0.5], np.outer([1, -1], np.ones(25)), 1.0)
    time = 0.5 * np.log(25) + predicted["t_peak - log(M)/2"]
    sigma = float(np.sqrt(np.expm1(2 * time)))
    draws = posteriors(mixture, 1.0, sigma, SAMPLES, context.rng("T8 peak"))
    yield z_test("phi at the peak time, d=25", predicted["phi(gamma*)"], draws.agreement)
    share = draws.entropy / np.log(2)
    yield z_test("H/log 2 at the peak time, d=25", predicted["H(gamma*)/log 2"], share)
