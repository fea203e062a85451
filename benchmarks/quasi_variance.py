"""Variance of independent draws over variance of scrambled Sobol' points, at equal numbers of draws."""

import numpy as np
from _measure import report
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, window_sigmas


def gain(classes: int, samples: int) -> dict[str, float]:
    """Ratio of entropy variances over the middle half of the window: median and least."""
    mixture = GaussianMixture.parse(f"orthogonal:K={classes},d=16,M=20,s=1")
    sigmas = window_sigmas(mixture, 24)[6:18]
    plain, quasi = (
        entropy_curve(mixture, sigmas, method="reduced", samples=samples, points=points)
        for points in ("random", "sobol")
    )
    ratio = ((plain.entropy_se / quasi.entropy_se) ** 2).values
    ratio *= plain.attrs["samples"] / quasi.attrs["samples"]
    return {"median": float(np.median(ratio)), "least": float(ratio.min())}


def main() -> None:
    """Two to eight classes, at two numbers of draws."""
    report(__file__, {f"K={k}, {n} draws": gain(k, n) for k in (2, 4, 8) for n in (2**16, 2**20)})


if __name__ == "__main__":
    main()
