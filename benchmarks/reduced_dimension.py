"""The reduced method in a million dimensions against sixty-four; and the peak memory of the ambient one."""

import resource
import subprocess
import sys

import numpy as np
from _measure import best_times, report
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture

SIGMAS = np.geomspace(0.5, 30, 64)
LARGE = """
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
entropy_curve(GaussianMixture.parse("orthogonal:K=2,d=100000,M=64,s=1"), [4.0, 8.0], method="ambient",
              samples=100_000)
"""


def main() -> None:
    """Ratio of times, and the largest resident size of d = 100,000 with 100,000 draws."""
    mixtures = {d: GaussianMixture.parse(f"orthogonal:K=4,d={d},M=64,s=1") for d in (64, 1_000_000)}
    times = best_times(
        {
            f"d={d}": lambda m=mixture: entropy_curve(m, SIGMAS, method="reduced", samples=50_000)
            for d, mixture in mixtures.items()
        }
    )
    subprocess.run([sys.executable, "-c", LARGE], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    claims = {
        "reduced": {"d=1e6 / d=64": times["d=1000000"] / times["d=64"], **times},
        "ambient, d=1e5, 1e5 draws": {"peak resident GiB": peak},
    }
    report(__file__, claims)


if __name__ == "__main__":
    main()
