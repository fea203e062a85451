"""Variance of independent draws over variance of the `reduced` method, at equal numbers of draws.

Independent draws of the posterior entropy are what a user would average, level by level. Against them stand
the method's own draws (importance sampling, antithetic pairs, control variates) and scrambled Sobol' points.
"""

import numpy as np
from _measure import report
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, window_sigmas
from speciation.validation.verification.independent import monte_carlo

DRAWS, LEVELS = 65_536, 16


def gains(classes: int) -> dict[str, float]:
    """Ratios of entropy variances over the whole window: median and least, for both kinds of points."""
    mixture = GaussianMixture.parse(f"orthogonal:K={classes},d=8,M=20,s=1")
    sigmas = window_sigmas(mixture, LEVELS)
    plain = np.array(
        [
            monte_carlo.entropy_draws(mixture, s, DRAWS, np.random.default_rng(i)).var()
            for i, s in enumerate(sigmas)
        ]
    )
    found: dict[str, float] = {}
    for points in ("random", "sobol"):
        curve = entropy_curve(mixture, sigmas, method="reduced", samples=DRAWS, points=points)
        ratio = plain / curve.attrs["samples"] / curve.entropy_se.values**2
        found |= {f"{points}: median": float(np.median(ratio)), f"{points}: least": float(ratio.min())}
    return found


def main() -> None:
    """Two to eight classes."""
    report(__file__, {f"K={k}, {DRAWS} draws": gains(k) for k in (2, 4, 8)})


if __name__ == "__main__":
    main()
