"""Means and their errors from sums of squares and products that are combined in a fixed order.

standard error   √(Σ (v − v̄)² / ((n − 1) n))
covariance       Σ (v_a − v̄_a)(v_b − v̄_b) / ((n − 1) n),   a, b among the places that are kept together
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from ...theory._support.values import ByContent

__all__ = ["Moments"]

Array: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Moments(ByContent):
    """`count` samples with `mean` and `squares`, the sum of squared deviations, both (curves, levels).

    `products` (curves of these, places, curves of these, places) are sums of products of deviations of the
    first curves at the levels `places`, where they are kept.
    """

    count: int
    mean: Float64[Array, "curves levels"]
    squares: Float64[Array, "curves levels"]
    products: Float64[Array, "kept places kept places"] | None = None
    places: Int[Places, " places"] | None = None

    @classmethod
    def of(
        cls,
        samples: Float64[Array, "count curves levels"],
        curves: int = 0,
        places: Int[Places, " places"] | None = None,
    ) -> "Moments":
        """Moments of samples (count, curves, levels), with products of the first `curves` at `places`."""
        mean = samples.mean(axis=0)
        apart = samples - mean
        squares = (apart**2).sum(axis=0)
        if places is None or not curves:
            return cls(len(samples), mean, squares)
        kept = apart[:, :curves, places]
        shape = (curves, places.size)
        flat = kept.reshape(len(samples), -1)
        return cls(len(samples), mean, squares, (flat.T @ flat).reshape(*shape, *shape), places)

    def and_then(self, other: "Moments") -> "Moments":
        """Moments of these samples followed by others; adding in another order rounds differently."""
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        factor = self.count * other.count / count
        squares = self.squares + other.squares + step**2 * factor
        if self.products is None or other.products is None:
            return Moments(count, mean, squares)
        kept = step[: len(self.products), self.places]
        products = self.products + other.products + np.multiply.outer(kept, kept) * factor
        return Moments(count, mean, squares, products, self.places)

    def keeps(self, joint: "tuple[int, NDArray[np.intp]] | None") -> bool:
        """Whether there are products of so many curves at these places; always, if none are asked for."""
        if joint is None:
            return True
        if self.products is None or self.places is None:
            return False
        curves, places = joint
        shape = (curves, len(places))
        return self.products.shape == (*shape, *shape) and np.array_equal(self.places, places)

    @property
    def standard_error(self) -> Float64[Array, "curves levels"]:
        """Standard error of the mean, shape (curves, levels); infinite for a single sample."""
        if self.count < 2:
            return np.full_like(self.mean, np.inf)
        return np.sqrt(self.squares / ((self.count - 1) * self.count))

    @property
    def covariance(self) -> Float64[Array, "kept places kept places"] | None:
        """Covariance of the means, of the shape of `products`; `None` where they are not kept."""
        if self.products is None or self.count < 2:
            return None
        return self.products / ((self.count - 1) * self.count)
