"""p-values of sampled curves against their own mixture: uniform, if levels are tested with their covariance.

Of `KEYS` curves of `LEVELS` levels and `DRAWS` draws for each mixture, whose curve is known exactly
(`validation.measurement.level_test`): the p-value of a Kolmogorov-Smirnov test for uniformity, which is below
0.01 by chance in one row of a hundred, and how many are below 0.05, of which a twentieth is expected. The
last two numbers are the extremes of χ² per level of the same curves if levels are taken to be independent.
"""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from _measure import report
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.numerics.curves.covariance import covariance_variables, kept_levels
from speciation.numerics.curves.entropy import prepared
from speciation.numerics.monte_carlo.strides import Joint, estimate, in_precision
from speciation.theory import GaussianMixture
from speciation.theory.times.window import window_sigmas
from speciation.validation.measurement.level_test import level_test

KEYS, DRAWS, LEVELS = 300, 4096, 45
CURVES = {
    "eight classes, reduced": ("orthogonal:K=8,d=64,M=64,s=1", "reduced"),
    "two classes, reduced": ("binary:d=64,mu=1,s=1", "reduced"),
    "two classes, ambient": ("binary:d=64,mu=1,s=1", "ambient"),
    "two scales, ambient": ("scales:d=64,lambda1=1,lambda2=2", "ambient"),
}


def curves(mixture: GaussianMixture, sigma: np.ndarray, method: str) -> Iterator[xr.Dataset]:
    """The entropy with each key; what the curves share is prepared once."""
    kernel, parameters, dtype, unit, rounding, _ = prepared(mixture, sigma, method, None, None)
    arrays, joint = in_precision(parameters, dtype), Joint(1, kept_levels(sigma))
    scale = np.broadcast_to(unit, sigma.shape)
    for key in range(1000, 1000 + KEYS):
        found = estimate(kernel, arrays, DRAWS, key, joint=joint)
        error = np.hypot(found.standard_error[0], rounding * found.mean[0]) * unit
        values = {"entropy": ("sigma", found.mean[0] * unit), "entropy_se": ("sigma", error)}
        covariance = found.covariance * scale[:, None, None] * scale
        joined = covariance_variables(("entropy",), sigma, covariance, found.units)
        yield xr.Dataset(values, {"sigma": sigma}).assign(joined)


def calibration(spec: str, method: str) -> dict[str, float]:
    """The numbers of one row."""
    mixture = GaussianMixture.parse(spec)
    sigma = window_sigmas(mixture, LEVELS)
    exact = entropy_curve(mixture, sigma)
    found = list(curves(mixture, sigma, method))
    p = np.array([level_test(curve, exact, "entropy")["p_value"] for curve in found])
    chi2 = [float((((c.entropy - exact.entropy) / c.entropy_se) ** 2).sum()) for c in found]
    return {
        "curves": float(p.size),
        "Kolmogorov-Smirnov p": float(stats.kstest(p, "uniform").pvalue),
        "below 0.05": float((p < 0.05).sum()),
        "least p": float(p.min()),
        "chi2 per level as if independent: least": min(chi2) / LEVELS,
        "chi2 per level as if independent: most": max(chi2) / LEVELS,
    }


def main() -> None:
    """All rows."""
    report(__file__, {name: calibration(*row) for name, row in CURVES.items()})


if __name__ == "__main__":
    main()
