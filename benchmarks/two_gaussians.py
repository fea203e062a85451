"""One level of two Gaussian classes (T24) against the generalised eigendecomposition that it starts from.

Matrices without common axes need one decomposition a level (LAPACK's, in SciPy); where all levels share one
(isotropic, diagonal, a matrix beside an isotropic one), a level costs what remains.
"""

import numpy as np
from _measure import best_times, report
from numpy.typing import NDArray
from scipy import linalg
from speciation.theory import Diagonal, Full, GaussianMixture, gaussian_pair

SIGMA = 1.0


def matrices(dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Two sample covariances of 2d draws each, and two means."""
    rng = np.random.default_rng(dimension)
    roots = rng.standard_normal((2, 2 * dimension, dimension)) / np.sqrt(2 * dimension)
    return roots[0].T @ roots[0], roots[1].T @ roots[1], rng.standard_normal((2, dimension)) / 4


def measured(dimension: int) -> dict[str, float]:
    """Milliseconds a level, and the ratio."""
    first, second, means = matrices(dimension)
    own, other = first + SIGMA**2 * np.eye(dimension), second + SIGMA**2 * np.eye(dimension)
    full = GaussianMixture([0.5, 0.5], means, [Full(first), Full(second)])
    common = GaussianMixture(
        [0.5, 0.5], means, [Diagonal(np.linalg.eigvalsh(each)) for each in (first, second)]
    )
    pair, diagonal = gaussian_pair(full, SIGMA), gaussian_pair(common, SIGMA)
    times = best_times(
        {
            "decomposition": lambda: linalg.eigh(own, other),
            "matrices": lambda: gaussian_pair(full, SIGMA).integrals,
            "after the decomposition": lambda: type(pair)(**vars_of(pair)).integrals,
            "common axes": lambda: type(pair)(**vars_of(diagonal)).integrals,
        },
        repeats=7,
    )
    milliseconds = {f"{name} [ms]": 1000 * seconds for name, seconds in times.items()}
    return {"level / decomposition": times["matrices"] / times["decomposition"], **milliseconds}


def vars_of(pair: object) -> dict[str, object]:
    """The arguments of a pair, without what it has computed."""
    names = ("log_ratios", "differences2", "counts", "prior", "lengths2", "metric")
    return {name: getattr(pair, name) for name in names}


def main() -> None:
    """Levels at d = 100, 300 and 1000."""
    report(__file__, {f"d = {d}": measured(d) for d in (100, 300, 1000)})


if __name__ == "__main__":
    main()
