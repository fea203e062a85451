"""Means and standard errors, `√(Σ (v − v̄)² / ((n − 1) n))`, from sums that are combined in a fixed order."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """`count` samples with `mean` and `squares`, the sum of squared deviations, both (curves, levels)."""

    count: int
    mean: Array
    squares: Array

    @classmethod
    def of(cls, samples: Array) -> "Moments":
        """Moments of samples (count, curves, levels)."""
        mean = samples.mean(axis=0)
        return cls(len(samples), mean, ((samples - mean) ** 2).sum(axis=0))

    def and_then(self, other: "Moments") -> "Moments":
        """Moments of these samples followed by others; adding in another order rounds differently."""
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        return Moments(
            count, mean, self.squares + other.squares + step**2 * (self.count * other.count / count)
        )

    @property
    def standard_error(self) -> Array:
        """Standard error of the mean, shape (curves, levels); infinite for a single sample."""
        if self.count < 2:
            return np.full_like(self.mean, np.inf)
        return np.sqrt(self.squares / ((self.count - 1) * self.count))
