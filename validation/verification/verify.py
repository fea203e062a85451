"""Prove and measure theorems: every identity, every check, every mutant."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from ...numerics._support.seeds import seed_of
from ...theory._support.aliases import Fields
from ...theory._support.whole_numbers import whole_number
from ...theory.theorems import THEOREMS, Identity, Theorem, by_id
from .checks import CHECKS, Check, Context
from .workers import side_by_side

__all__ = ["IdentityResult", "TheoremResult", "counts", "seconds_of", "summary", "verify"]

# about what each takes on one core of two
_SECONDS = {
    "T1": 6, "T2": 11, "T3": 6, "T4": 12, "T5": 2, "T6": 16, "T7": 8, "T8": 12, "T9": 6,
    "T10": 12, "T11": 28, "T12": 28, "T13": 6, "T14": 12, "T15": 6, "T16": 4, "T17": 13, "T18": 12,
    "T19": 9, "T20": 6, "T21": 8, "T22": 2, "T23": 3, "T24": 13, "T25": 6, "T26": 5, "T27": 4,
}  # fmt: skip


@dataclass(frozen=True)
class IdentityResult:
    """Whether one step of a proof reduces to zero, and whether its mutants do not."""

    name: str
    kind: Literal["definition", "derived"]
    inputs: tuple[str, ...]
    """What was made wrong, one after another."""
    holds: bool
    mutant_rejected: bool

    @property
    def ok(self) -> bool:
        """Whether the step holds and, unless it is a definition, could have failed."""
        return self.holds and (self.kind == "definition" or self.mutant_rejected)


@dataclass(frozen=True)
class TheoremResult:
    """One theorem with the outcome of its proof and of its measurements.

    Attributes
    ----------
    theorem : Theorem
        What was checked.
    proof : tuple of IdentityResult
        Each step of the proof: whether it holds, and whether it fails with a wrong input, as it must.
    checks : tuple of Check
        Each measurement: expected and measured number, tolerance, and whether they agree.
    seconds : float
        What proof and measurements took, by the clock.
    """

    theorem: Theorem
    proof: tuple[IdentityResult, ...]
    checks: tuple[Check, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def proved(self) -> bool:
        """Whether every identity of the proof holds and could have failed."""
        return all(step.ok for step in self.proof)

    @property
    def passed(self) -> bool:
        """Whether the theorem is proved and every measurement agrees."""
        return self.proved and all(check.ok for check in self.checks)

    def to_json(self) -> Fields:
        """The entry of `verify --json`."""
        return {
            "id": self.theorem.id,
            "name": self.theorem.name,
            "passed": self.passed,
            "proved": self.proved,
            "proof": [
                {
                    "name": step.name,
                    "kind": step.kind,
                    "inputs": list(step.inputs),
                    "holds": step.holds,
                    "mutant_rejected": step.mutant_rejected,
                }
                for step in self.proof
            ],
            "arguments": [argument.text for argument in self.theorem.arguments],
            "checks": [check.to_json() for check in self.checks],
        }


def verify(
    only: Iterable[str] = (),
    seed: int = 0,
    on_result: Callable[[TheoremResult], None] | None = None,
    workers: int = 1,
) -> list[TheoremResult]:
    """Prove theorems and check them numerically.

    Parameters
    ----------
    only : iterable of str
        Ids such as `T12`; all of them if empty.
    seed : int
    on_result : callable, optional
        Called with each result, in the order of the theorems, as soon as it is known.
    workers : int
        Processes that share the theorems; the results are the same. With more than 1, a script needs its
        `if __name__ == "__main__":`, as with every module that starts processes.

    Returns
    -------
    list of TheoremResult
        In the order of the theorems.

    Raises
    ------
    ValueError
        An unknown id, a seed or a number of workers that is none, before any work; a process that was ended.
    """
    seed, workers = seed_of(seed, "seed"), whole_number(workers, "workers")
    chosen = {by_id(identifier).id for identifier in only} or set(THEOREMS)
    names = [name for name in THEOREMS if name in chosen]
    results: list[TheoremResult] = []
    for name, found in zip(names, side_by_side(partial(_verify, seed), names, workers, _cost), strict=True):
        results.append(TheoremResult(THEOREMS[name], *found))
        if on_result is not None:
            on_result(results[-1])
    return results


def seconds_of(names: Iterable[str], workers: int = 1) -> float:
    """About how long the theorems of these ids take."""
    each = [_cost(name) for name in names]
    return max(sum(each) / workers, *each)


def summary(results: list[TheoremResult]) -> Fields:
    """Counts of theorems that passed and failed, and every entry: what `verify --json` prints."""
    passed = sum(result.passed for result in results)
    return {
        "passed": passed,
        "failed": len(results) - passed,
        "theorems": [result.to_json() for result in results],
    }


def counts(results: list[TheoremResult]) -> str:
    """How much was derived, defined, argued and measured, in words."""
    steps = [step for result in results for step in result.proof]
    derived = sum(step.kind == "derived" for step in steps)
    argued = sum(len(result.theorem.arguments) for result in results)
    measured = sum(len(result.checks) for result in results)
    return (
        f"{derived} steps derived with SymPy, {len(steps) - derived} definitions (not counted as proof), "
        f"{argued} standard arguments, {measured} statements measured"
    )


def _cost(name: str) -> float:
    return _SECONDS[name]


def _verify(seed: int, name: str) -> tuple[tuple[IdentityResult, ...], tuple[Check, ...], float]:
    """Proof, checks and seconds, which a process can pass to another, as it cannot pass a theorem."""
    began = time.monotonic()
    proof = tuple(_prove(identity) for identity in THEOREMS[name].derive())
    checks = tuple(CHECKS[name](Context(seed)))
    return proof, checks, time.monotonic() - began


def _prove(identity: Identity) -> IdentityResult:
    kind, inputs = identity.kind, tuple(identity.inputs)
    rejected = kind == "derived" and identity.mutant_rejected()
    return IdentityResult(identity.name, kind, inputs, identity.holds(), rejected)
