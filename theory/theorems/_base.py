"""What a theorem is: a statement, its source and hypotheses, a proof by identities, and numbers.

A proof is a list of `Identity` objects, each of which SymPy must reduce to zero. Each carries its own mutant:
with the right-hand side scaled by 51/50 the residual must *not* vanish, so an identity that would
hold whatever it says is found out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._support.untyped import sympy as sp
from .sources import Source, sources

__all__ = ["Identity", "Theorem"]

_MUTATION = sp.Rational(51, 50)

# what public expressions name without assumptions, so that `subs({"M": …})` finds it
_POSITIVE = {
    sp.Symbol(name): sp.Symbol(name, **{"nonnegative" if name == "s2" else "positive": True})
    for name in ("M", "s2", "d", "mu", "gamma_c")
}


@dataclass(frozen=True)
class Identity:
    """One step of a proof, `left = right`, as SymPy expressions (scalars or matrices)."""

    name: str
    left: Any
    right: Any

    def holds(self) -> bool:
        """Whether SymPy reduces `left − right` to zero."""
        return all(_vanishes(entry.xreplace(_POSITIVE)) for entry in _entries(self.left - self.right))

    def mutant_rejected(self) -> bool:
        """Whether the same step with `right` wrong by 2 % fails to vanish at a generic point."""
        return any(not _vanishes_numerically(entry) for entry in _entries(self.left - _MUTATION * self.right))


@dataclass(frozen=True)
class Theorem:
    """A numbered statement with everything a reader needs to trust and cite it."""

    id: str
    name: str
    statement: str
    """Text, with LaTeX between dollar signs."""
    sources: tuple[str, ...]
    """Keys of `sources.bib`; empty where the statement is derived here."""
    hypotheses: tuple[str, ...]
    derive: Callable[[], tuple[Identity, ...]]
    """The proof: identities that must reduce to zero."""
    predict: Callable[[], dict[str, float]]
    """Numbers that the statement implies, for an independent measurement to meet."""
    proof_limits: str = ""
    """What the identities leave to a standard argument, if anything."""

    @property
    def bibliography(self) -> tuple[Source, ...]:
        """The sources themselves."""
        return tuple(sources()[key] for key in self.sources)


def _entries(value: Any) -> list[Any]:
    return list(value) if isinstance(value, sp.MatrixBase) else [sp.sympify(value)]


def _vanishes(residual: Any) -> bool:
    """Reduce to zero, trying the cheap normal forms first."""
    forms: tuple[Callable[[Any], Any], ...] = (
        lambda e: e,
        sp.expand,
        lambda e: sp.expand(sp.expand_log(e, force=True)),
        sp.simplify,
        lambda e: sp.simplify(e.rewrite(sp.exp)),
        lambda e: sp.simplify(sp.expand(sp.expand_log(sp.simplify(e.rewrite(sp.exp)), force=True))),
    )
    return any(form(residual) == 0 for form in forms)


def _vanishes_numerically(residual: Any) -> bool:
    symbols = sorted(residual.free_symbols, key=str)
    point = {symbol: sp.Rational(2 * n + 5, 3 * n + 11) for n, symbol in enumerate(symbols)}
    for symbol in symbols:
        if symbol.is_integer:
            point[symbol] = sp.Integer(3)
    return bool(sp.Abs(residual.subs(point).doit().evalf(30)) < sp.Float("1e-15"))
