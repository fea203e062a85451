"""Real handwritten digits as a Gaussian mixture with a shared covariance (section 5).

scikit-learn's 8 × 8 digits, scaled to [−1, 1]; class means, and one within-class covariance pooled
over the classes and shrunk after Ledoit and Wolf. Class probabilities are equal, as for a
generative model that draws its class uniformly.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .covariance import Full
from .parts import Parts

__all__ = ["fit", "images"]

Array: TypeAlias = NDArray[np.float64]


@lru_cache(maxsize=1)
def _dataset() -> tuple[Array, NDArray[np.int64]]:
    from sklearn import datasets  # pyright: ignore[reportMissingTypeStubs]

    loader: Any = datasets.load_digits
    pixels, labels = loader(return_X_y=True)
    return np.asarray(pixels, dtype=np.float64) / 8 - 1, np.asarray(labels, dtype=np.int64)


def images(digit: int) -> Array:
    """All images of one digit, shape (n, 64), pixels in [−1, 1]."""
    pixels, labels = _dataset()
    return pixels[labels == digit]


def fit(digits: Sequence[int]) -> Parts:
    """Parts of a mixture of two or more digits: class means and a pooled, shrunk covariance, d = 64.

    Source: LW04 (Ledoit, Wolf, J. Multivariate Analysis 88(2), 2004), through scikit-learn.
    """
    from sklearn import covariance  # pyright: ignore[reportMissingTypeStubs]

    estimator: Any = covariance.LedoitWolf(assume_centered=True)
    groups = [images(digit) for digit in digits]
    means = np.array([group.mean(axis=0) for group in groups])
    residuals = np.concatenate([group - mean for group, mean in zip(groups, means, strict=True)])
    matrix = estimator.fit(residuals).covariance_
    weights = np.full(len(digits), 1 / len(digits))
    return Parts(weights, means, Full(matrix), [str(digit) for digit in digits])
