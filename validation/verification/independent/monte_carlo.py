"""Plain NumPy Monte Carlo in the ambient dimension: nothing is assumed beyond the mixture itself.

Draw a class, draw `X₀`, add noise, evaluate the class densities of `X = aX₀ + bZ` by Cholesky
factors, and return the posterior of every draw. Deliberately naive: it shares no formula with
`speciation.theory`, so it is an independent measurement of everything derived there.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from ....theory.mixtures.mixture import GaussianMixture

__all__ = ["Draws", "agreement_draws", "entropy_draws", "posteriors"]

Array = NDArray[np.float64]

BLOCK_ENTRIES = 2**22
"""Numbers drawn at once."""


class Draws:
    """Classes (n,), their posteriors (n, K) and what follows from them."""

    def __init__(self, classes: NDArray[np.int64], posterior: Array) -> None:
        self.classes = classes
        self.posterior = posterior

    @property
    def entropy(self) -> Array:
        """Posterior entropy of each draw, nats, shape (n,); its mean is H(C|X)."""
        return special.entr(self.posterior).sum(axis=1)

    @property
    def agreement(self) -> Array:
        """`Σ_k p_k²` of each draw, shape (n,); its mean is φ."""
        return (self.posterior**2).sum(axis=1)

    @property
    def label_mse(self) -> Array:
        """Posterior variance of the label ±1 of each draw, for two classes, shape (n,)."""
        return 4 * self.posterior[:, 0] * self.posterior[:, 1]


def posteriors(
    mixture: GaussianMixture, signal: float, noise: float, samples: int, rng: np.random.Generator
) -> Draws:
    """Posterior of the class for `samples` draws of `X = signal·X₀ + noise·Z`."""
    parts = list(_blocks(mixture, signal, noise, samples, rng))
    return Draws(
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.posterior for part in parts]),
    )


def entropy_draws(mixture: GaussianMixture, sigma: float, samples: int, rng: np.random.Generator) -> Array:
    """Posterior entropies at noise-to-signal ratio σ, shape (samples,)."""
    return posteriors(mixture, 1.0, sigma, samples, rng).entropy


def agreement_draws(draws: Draws, rng: np.random.Generator) -> Array:
    """Run the cloning experiment: two classes drawn from each posterior; 1 where they agree."""
    cumulative = draws.posterior.cumsum(axis=1)
    clones = [(rng.random((len(cumulative), 1)) > cumulative[:, :-1]).sum(axis=1) for _ in range(2)]
    return (clones[0] == clones[1]).astype(np.float64)


def _blocks(
    mixture: GaussianMixture, signal: float, noise: float, samples: int, rng: np.random.Generator
) -> Iterator[Draws]:
    matrices = [_matrix(mixture, k) for k in range(mixture.classes)]
    roots = [_square_root(matrix) for matrix in matrices]
    eye = np.eye(mixture.dimension)
    factors: list[Array] = [
        linalg.cholesky(signal**2 * matrix + noise**2 * eye, lower=True) for matrix in matrices
    ]
    rows = max(1, BLOCK_ENTRIES // mixture.dimension)
    for start in range(0, samples, rows):
        count = min(rows, samples - start)
        classes = rng.choice(mixture.classes, size=count, p=mixture.weights)
        clean = rng.standard_normal((count, mixture.dimension))
        for k, root in enumerate(roots):
            members = classes == k
            clean[members] = mixture.means[k] + clean[members] @ root.T
        x = signal * clean + noise * rng.standard_normal(clean.shape)
        logits = np.stack(
            [
                np.log(mixture.weights[k]) + _log_density(x - signal * mixture.means[k], factors[k])
                for k in range(mixture.classes)
            ],
            axis=1,
        )
        yield Draws(classes, special.softmax(logits, axis=1))


def _matrix(mixture: GaussianMixture, index: int) -> Array:
    """The covariance as a dense matrix, from the form it was given in."""
    ((kind, value),) = mixture.covariance_of(index).to_json().items()
    if kind == "full":
        return np.array(value)
    if kind == "low_rank":
        factors = np.array(value["factors"])
        return np.diag(np.broadcast_to(value["diagonal"], mixture.dimension)) + factors @ factors.T
    return np.diag(np.broadcast_to(np.array(value, dtype=np.float64), mixture.dimension))


def _square_root(matrix: Array) -> Array:
    """A root that exists for singular matrices too."""
    return np.real(linalg.sqrtm(matrix)) if matrix.any() else matrix


def _log_density(centred: Array, factor: Array) -> Array:
    """Gaussian log-density up to the common constant, from the Cholesky factor of the covariance."""
    whitened = linalg.solve_triangular(factor, centred.T, lower=True)
    return -0.5 * (whitened**2).sum(axis=0) - np.log(np.diag(factor)).sum()
