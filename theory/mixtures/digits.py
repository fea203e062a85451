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

from .fits import Kind, fit_chunks
from .labelled_samples import Samples
from .parts import Parts

__all__ = ["fit", "images", "samples"]

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


def samples(digits: Sequence[int]) -> Samples:
    """All images of some digits, in the order given."""
    groups = [images(digit) for digit in digits]
    own = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return Samples(np.concatenate(groups), own, tuple(str(digit) for digit in digits))


def fit(digits: Sequence[int], covariance: Kind = "shared") -> Parts:
    """Parts of a mixture of two or more digits: class means and a pooled, shrunk covariance, d = 64.

    References
    ----------
    LW04 (Ledoit, Wolf, J. Multivariate Analysis 88(2), 2004).
    """
    held = samples(digits)
    weights = np.full(len(digits), 1 / len(digits))
    return fit_chunks(held.chunks, covariance, weights=weights, names=held.labels).parts
