"""What a check is: an expected number, an independent measurement, a tolerance, and a mutant.

The mutant is the same check fed a statement that is wrong by 2 %: it must fail. Monte-Carlo checks
are two-sided z-tests. With at most `FAMILY` of them in one run, each at level `FALSE_ALARM/FAMILY`,
the probability that a true statement fails anywhere is at most `FALSE_ALARM` (Bonferroni).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ....theory._support.aliases import Fields

__all__ = [
    "FALSE_ALARM",
    "FAMILY",
    "MUTATION",
    "Check",
    "Context",
    "bound",
    "close",
    "paired_z_test",
    "sampled_bound",
    "z_test",
]

Array = NDArray[np.float64]

FALSE_ALARM = 1e-6
"""Probability that any Monte-Carlo check of a true statement fails, family-wise."""
FAMILY = 200
"""Largest number of Monte-Carlo checks in one run."""
MUTATION = 1.02
"""Factor by which a mutant's statement is wrong."""

_Z = float(stats.norm.isf(FALSE_ALARM / FAMILY / 2))


@dataclass(frozen=True)
class Check:
    """One comparison of a predicted number with an independent measurement."""

    name: str
    route: str
    """How it was measured: `quadrature`, `Monte Carlo`, `finite differences`, …"""
    expected: float
    measured: float
    tolerance: float
    """Largest absolute difference that passes."""
    passed: bool
    mutant_rejected: bool

    def to_json(self) -> Fields:
        """A plain dictionary; `passed` requires that the mutant failed."""
        return {
            "name": self.name,
            "route": self.route,
            "expected": self.expected,
            "measured": self.measured,
            "tolerance": self.tolerance,
            "passed": self.ok,
            "mutant_rejected": self.mutant_rejected,
        }

    @property
    def ok(self) -> bool:
        """Whether the statement held and its mutant did not."""
        return self.passed and self.mutant_rejected


@dataclass(frozen=True)
class Context:
    """What a check may draw on: a seed, and a generator that depends on the check's name only."""

    seed: int = 0

    def rng(self, name: str) -> np.random.Generator:
        """An independent stream for the check called `name`."""
        return np.random.default_rng([self.seed, *name.encode()])


def close(
    name: str, route: str, expected: float, measured: float, relative: float, scale: float | None = None
) -> Check:
    """Pass if `measured` is within `relative` of `expected` (or of `scale`, if given)."""
    tolerance = relative * abs(expected if scale is None else scale)
    return Check(
        name,
        route,
        float(expected),
        float(measured),
        float(tolerance),
        bool(abs(measured - expected) <= tolerance),
        bool(abs(measured - MUTATION * expected) > tolerance),
    )


def z_test(name: str, expected: float, draws: ArrayLike) -> Check:
    """Two-sided z-test that the mean of independent `draws` is `expected`."""
    values = np.asarray(draws, dtype=np.float64)
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    measured, tolerance = float(values.mean()), _Z * error
    return Check(
        name,
        f"Monte Carlo, n = {values.size}",
        float(expected),
        measured,
        tolerance,
        bool(abs(measured - expected) <= tolerance),
        bool(abs(measured - MUTATION * expected) > tolerance),
    )


def paired_z_test(name: str, expected: ArrayLike, measured: ArrayLike) -> Check:
    """Two-sided z-test that two statistics of the same draws have one mean."""
    left, right = np.asarray(expected, dtype=np.float64), np.asarray(measured, dtype=np.float64)

    def z(factor: float) -> float:
        difference = right - factor * left
        return float(abs(difference.mean()) / (difference.std(ddof=1) / np.sqrt(left.size)))

    error = float((right - left).std(ddof=1) / np.sqrt(left.size))
    return Check(
        name,
        f"Monte Carlo, paired, n = {left.size}",
        float(left.mean()),
        float(right.mean()),
        _Z * error,
        bool(z(1.0) <= _Z),
        bool(z(MUTATION) > _Z),
    )


def bound(name: str, route: str, bounds: ArrayLike, values: ArrayLike, upper: bool) -> Check:
    """Pass if no value crosses its bound, and some value crosses it once it is tightened by 2 %.

    Reported at the point where the bound is tightest; the tolerance is rounding, 1e-12 relative.
    """
    limits, found = np.asarray(bounds, dtype=np.float64), np.asarray(values, dtype=np.float64)
    excess = found / limits if upper else limits / found
    tightest = int(np.argmax(excess))
    rounding = 1e-12
    return Check(
        name,
        route,
        float(limits[tightest]),
        float(found[tightest]),
        rounding * float(abs(limits[tightest])),
        bool((excess <= 1 + rounding).all()),
        bool((excess * MUTATION > 1 + rounding).any()),
    )


def sampled_bound(name: str, bounds: ArrayLike, draws: Sequence[NDArray[np.float64]], upper: bool) -> Check:
    """`bound` on the means of independent `draws`, each given the benefit of its Monte-Carlo error."""
    side = -1 if upper else 1
    values = [float(d.mean() + side * _Z * d.std(ddof=1) / np.sqrt(d.size)) for d in draws]
    return bound(name, f"Monte Carlo, n = {draws[0].size} each", bounds, values, upper)


Checks = Iterator[Check]
