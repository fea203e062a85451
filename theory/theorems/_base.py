"""What a theorem is: a statement, its source and hypotheses, a derivation to follow, and numbers.

A derivation is a sequence of blocks in the order of reading: prose (`Text`), steps that SymPy checks
(`Identity`), standard arguments that it does not (`Argument`), and what is measured instead of proved
(`Measured`). Reports, the site and notebooks show the same blocks.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from .._support.aliases import Expr, Fields
from .._support.untyped import sympy as sp
from .sources import Source, sources

__all__ = ["HALF", "ONE", "TWO", "Argument", "Block", "Identity", "Measured", "Text", "Theorem"]

# inputs of steps: numbers that a mutant gets wrong by 2 %
ONE, TWO, HALF = sp.Integer(1), sp.Integer(2), sp.Rational(1, 2)

# what public expressions name without assumptions, so that `subs({"M": …})` finds it
_POSITIVE = {
    sp.Symbol(name): sp.Symbol(name, **{"nonnegative" if name == "s2" else "positive": True})
    for name in ("M", "s2", "d", "mu", "gamma_c")
}


@dataclass(frozen=True)
class Text:
    """A paragraph of a derivation.

    Attributes
    ----------
    text : str
        With LaTeX between dollar signs.
    """

    text: str


@dataclass(frozen=True)
class Argument:
    """A step that is a standard argument rather than algebra: what it says, and where it is proved."""

    text: str
    """With LaTeX between dollar signs."""
    source: str = ""
    """A key of `sources.bib`, or empty where the argument is elementary and given in full."""


@dataclass(frozen=True)
class Measured:
    """What a derivation does not prove, and `speciation verify` measures.

    Attributes
    ----------
    text : str
        With LaTeX between dollar signs.
    """

    text: str


@dataclass(frozen=True)
class Identity:
    """One step of a proof, `left = right`, as SymPy expressions (scalars or matrices).

    `sides` derives both sides again from its inputs, which are its keyword arguments with their true values
    as defaults: coefficients of a definition, exponents, signs. A mutant of the step is the same derivation
    with one input wrong. The sides are what a person would write down (integrals, derivatives and limits
    unevaluated), so that the work is SymPy's.
    """

    name: str
    """What the step shows, in words."""
    left: Expr
    """The left side."""
    right: Expr
    """The right side."""
    sides: Callable[..., tuple[Expr, Expr]] | None = None
    """Derives both sides from inputs; `None` for a step that has none."""
    shown: str = ""
    """The step as LaTeX; empty for what SymPy prints of both sides."""

    @classmethod
    def of(cls, name: str, sides: Callable[..., tuple[Expr, Expr]], shown: str = "") -> "Identity":
        """The step whose two sides a function derives.

        Parameters
        ----------
        name : str
            What the step shows, in words.
        sides : callable
            `sides()` gives left and right side; its keyword arguments are the inputs.
        shown : str
            The step as LaTeX, instead of what SymPy prints.

        Returns
        -------
        Identity
        """
        left, right = sides()
        return cls(name, left, right, sides, shown)

    @property
    def kind(self) -> Literal["definition", "derived"]:
        """Whether anything is to be shown: sides that are alike as they stand only give a thing its name."""
        return "definition" if self.left == self.right else "derived"

    @property
    def inputs(self) -> dict[str, Expr]:
        """What the derivation starts from, by name, with the true values."""
        if self.sides is None:
            return {}
        return {name: entry.default for name, entry in inspect.signature(self.sides).parameters.items()}

    @property
    def latex(self) -> str:
        """The step as LaTeX, without dollar signs."""
        return self.shown or f"{sp.latex(self.left)} = {sp.latex(self.right)}"

    def holds(self) -> bool:
        """Whether SymPy reduces `left − right` to zero.

        Returns
        -------
        bool
        """
        return all(_vanishes(entry.xreplace(_POSITIVE)) for entry in _entries(self.left, self.right))

    def mutants(self) -> Iterator[tuple[str, Expr, Expr]]:
        """Both sides derived from one wrong input, for each input in turn.

        A Python `int` (an order, an exponent, a sign) is wrong by one, any other number by 2 %.

        Returns
        -------
        iterator of (name, left, right)
            Name of the wrong input, and the two sides.
        """
        if self.sides is not None:
            for name, value in self.inputs.items():
                yield name, *self.sides(**{name: _wrong(value)})

    def mutant_rejected(self) -> bool:
        """Whether the step fails, at a generic point, as soon as any one of its inputs is wrong.

        Returns
        -------
        bool
            False for a step without inputs.
        """
        mutants = list(self.mutants())
        return bool(mutants) and all(_differ(left, right) for _, left, right in mutants)


Block = Text | Identity | Argument | Measured


@dataclass(frozen=True)
class Theorem:
    """A numbered statement with everything a reader needs to trust and cite it."""

    id: str
    """`T1` to `T27`."""
    name: str
    """A title of a few words."""
    statement: str
    """Text, with LaTeX between dollar signs."""
    sources: tuple[str, ...]
    """Keys of `sources.bib`; empty where the statement is derived here."""
    hypotheses: tuple[str, ...]
    """What the statement assumes, with LaTeX between dollar signs."""
    derivation: Callable[[], tuple[Block, ...]]
    """The proof as it is read; its identities must reduce to zero."""
    predict: Callable[[], dict[str, float]]
    """Numbers that the statement implies, for an independent measurement to meet."""

    @cached_property
    def proof(self) -> tuple[Block, ...]:
        """The blocks of the derivation, made once."""
        return self.derivation()

    def __getstate__(self) -> Fields:
        """Without the blocks, which are derived again where they are needed."""
        return {name: value for name, value in vars(self).items() if name != "proof"}

    def derive(self) -> tuple[Identity, ...]:
        """The steps of the proof that SymPy checks.

        Returns
        -------
        tuple of Identity
        """
        return tuple(block for block in self.proof if isinstance(block, Identity))

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The steps that are standard arguments, which SymPy does not check."""
        return tuple(block for block in self.proof if isinstance(block, Argument))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from .rendering import html

        return f"<h3>{self.id}: {self.name}</h3>{html(self)}"

    def _repr_latex_(self) -> str:
        """What a notebook that is printed shows."""
        from .rendering import latex

        return latex(self)

    @property
    def bibliography(self) -> tuple[Source, ...]:
        """The sources themselves."""
        return tuple(sources()[key] for key in self.sources)


def _wrong(value: Expr) -> Expr:
    if isinstance(value, int):
        return value + 1
    return value * sp.Rational(51, 50) if value else sp.Rational(1, 50)


def _entries(left: Expr, right: Expr) -> list[Expr]:
    difference = left - right
    return list(difference) if isinstance(difference, sp.MatrixBase) else [sp.sympify(difference)]


def _vanishes(residual: Expr) -> bool:
    """Reduce to zero, trying the cheap normal forms first."""
    forms: tuple[Callable[[Expr], Expr], ...] = (
        lambda e: e,
        sp.expand,
        lambda e: e.doit(),
        lambda e: sp.expand(sp.expand_log(e.doit(), force=True)),
        lambda e: sp.simplify(e.doit()),
        lambda e: sp.simplify(e.doit().rewrite(sp.exp)),
        lambda e: sp.simplify(sp.expand(sp.expand_log(sp.simplify(e.doit().rewrite(sp.exp)), force=True))),
    )
    return any(form(residual) == 0 for form in forms)


def _differ(left: Expr, right: Expr) -> bool:
    return any(not _vanishes_numerically(entry) for entry in _entries(left, right))


def _vanishes_numerically(residual: Expr) -> bool:
    """At a generic point, far below the 2 % by which a mutant is wrong; integrals by quadrature."""
    residual = residual.doit(integrals=False)
    symbols = sorted(residual.free_symbols, key=str)
    point = {symbol: sp.Rational(2 * n + 5, 3 * n + 11) for n, symbol in enumerate(symbols)}
    for symbol in symbols:
        if symbol.is_integer:
            point[symbol] = sp.Integer(3)
    at_point = residual.subs(point)
    value = at_point.evalf(30)
    if not value.is_Number:
        value = at_point.doit().evalf(30)
    return bool(sp.Abs(value) < sp.Float("1e-9"))
