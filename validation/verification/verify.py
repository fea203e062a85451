"""Prove and measure theorems: every identity, every check, every mutant."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ...numerics._support.seeds import seed_of
from ...theory._support.aliases import Fields
from ...theory.theorems import THEOREMS, Identity, Theorem, by_id
from .checks import CHECKS, Check, Context

__all__ = ["IdentityResult", "TheoremResult", "counts", "summary", "verify"]


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
    """One theorem with the outcome of its proof and of its measurements."""

    theorem: Theorem
    proof: tuple[IdentityResult, ...]
    checks: tuple[Check, ...]

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
) -> list[TheoremResult]:
    """Prove theorems and check them numerically, in order.

    Parameters
    ----------
    only : iterable of str
        Ids such as `T12`; all of them if empty.
    seed : int
    on_result : callable, optional
        Called with each result as it is there.

    Returns
    -------
    list of TheoremResult

    Raises
    ------
    ValueError
        An unknown id, before any work.
    """
    seed = seed_of(seed, "seed")
    chosen = {by_id(identifier).id for identifier in only} or set(THEOREMS)
    results: list[TheoremResult] = []
    for identifier, theorem in THEOREMS.items():
        if identifier in chosen:
            results.append(_verify(theorem, Context(seed)))
            if on_result is not None:
                on_result(results[-1])
    return results


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


def _verify(theorem: Theorem, context: Context) -> TheoremResult:
    proof = tuple(_prove(identity) for identity in theorem.derive())
    return TheoremResult(theorem, proof, tuple(CHECKS[theorem.id](context)))


def _prove(identity: Identity) -> IdentityResult:
    kind, inputs = identity.kind, tuple(identity.inputs)
    rejected = kind == "derived" and identity.mutant_rejected()
    return IdentityResult(identity.name, kind, inputs, identity.holds(), rejected)
