"""Pairs of handwritten digits ranked by when they separate: the easiest and the hardest."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from ...theory.closed_forms.gaussian_pair import Pair
from ...theory.mixtures import digits
from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["DigitPair", "all_pairs", "easy_and_hard"]


@dataclass(frozen=True)
class DigitPair:
    """Two digits and the mixture fitted to them."""

    first: int
    second: int
    mixture: GaussianMixture

    @property
    def name(self) -> str:
        """As in the SPEC language: `3,8`."""
        return f"{self.first},{self.second}"

    @property
    def sigma_half(self) -> float:
        """σ at which half of the class entropy is gone: large for pairs that separate early."""
        noise = Pair.of(self.mixture).noise("entropy-median")
        return float(np.sqrt(noise)) if noise is not None else 0.0

    def sigma_at(self, gamma: float) -> float:
        """σ at which the separation γ has the given value; 0 if it never does."""
        noise = Pair.of(self.mixture).noise_at_gamma(gamma)
        return float(np.sqrt(noise)) if noise is not None else 0.0


@lru_cache(maxsize=1)
def all_pairs() -> tuple[DigitPair, ...]:
    """The 45 pairs, fitted, in order of the digits."""
    return tuple(DigitPair(a, b, GaussianMixture(*digits.fit([a, b]))) for a, b in combinations(range(10), 2))


def easy_and_hard() -> dict[str, DigitPair]:
    """The pair that separates at the largest σ (`easy`) and at the smallest (`hard`)."""
    ranked = sorted(all_pairs(), key=lambda pair: pair.sigma_half)
    return {"easy": ranked[-1], "hard": ranked[0]}
