"""T7: the window of class entropy production has a fixed width in t, whatever the dimension."""

import numpy as np

from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ._base import Block, Identity, Theorem

HALF_WIDTHS = (0.5, 1.0, 2.0)
"""Half-widths c of the window around ½ log M."""
SMALL = 1.0
"""An M for which the window reaches t = 0, and classes overlap there."""


def derivation() -> tuple[Block, ...]:
    """γ at the edges, the noisy tail's constant, and the clean tail's bound."""
    M, c, g = sp.symbols("M c gamma", positive=True)
    t = sp.log(M) / 2 + c
    gamma = M / sp.exp(2 * t)  # s = 1
    # H = log 2 − γ/2 + O(γ²) by T3 and mmse(0) = 1
    noisy = 1 - (sp.log(2) - g / 2) / sp.log(2)
    return (
        Identity("γ = e^{−2c} at t = ½ log M + c, for every M", sp.simplify(gamma), sp.exp(-2 * c)),
        Identity("γ = e^{2c} at t = ½ log M − c", sp.simplify(gamma.subs(c, -c)), sp.exp(2 * c)),
        Identity(
            "noisy tail e^{−2c}/(2 log 2)",
            noisy.subs(g, sp.exp(-2 * c)),
            sp.exp(-2 * c) / (2 * sp.log(2)),
        ),
        Identity(
            "clean tail at most exp(−½e^{2c}) by T10",
            sp.log(2) * sp.exp(-g / 2).subs(g, sp.exp(2 * c)) / sp.log(2),
            sp.exp(-sp.exp(2 * c) / 2),
        ),
        Identity(
            "width in t/t_S is 2c/(½ log M)",
            sp.simplify((t - t.subs(c, -c)) / (sp.log(M) / 2)),
            4 * c / sp.log(M),
        ),
    )


def share_outside(half_width: float, separation2: float = np.inf) -> float:
    """Share of the class entropy produced by t = 0 that falls outside `|t − ½ log M| ≤ half_width`, s = 1.

    `1 − [H₂(e^{−2c}) − H₂(min(e^{2c}, M))]/[log 2 − H₂(M)]`: at t = 0, γ is M, and `H₂(M)` is never
    produced. The window ends at t = 0 where `half_width > ½ log M`. `separation2` is M, infinite by default.
    """
    noisy, clean = np.exp(-2 * half_width), min(np.exp(2 * half_width), separation2)
    produced = np.log(2) - binary_entropy(separation2)
    return float(1 - (binary_entropy(noisy) - binary_entropy(clean)) / produced)


def predict() -> dict[str, float]:
    """Share outside for each of `HALF_WIDTHS`, also at `SMALL` M, and the noisy tail's constant."""
    shares = {f"share outside c={c:g}": share_outside(c) for c in HALF_WIDTHS}
    shares |= {f"share outside c={c:g}, M={SMALL:g}": share_outside(c, SMALL) for c in HALF_WIDTHS}
    return shares | {"noisy tail times e^{2c}": float(1 / (2 * np.log(2)))}


THEOREM = Theorem(
    id="T7",
    name="concentration",
    statement=(
        r"At $s = 1$ and $c \le \tfrac12\log M$, of the class entropy produced by $t = 0$, $\log 2 - "
        r"H_2(M)$, the share outside $|t-\tfrac12\log M| \le c$ is "
        r"$1-[H_2(e^{-2c})-H_2(e^{2c})]/[\log 2 - H_2(M)]$, "
        r"whatever $d$; as $M\to\infty$ the denominator is $\log 2$ up to $\log 2\,e^{-M/2}$. So in $t/t_S$ "
        r"the window has width $O(1/\log d)$ where $M$ grows as $d$. Tails, in units of $\log 2$: "
        r"$e^{-2c}/(2\log 2)$ to leading order on the noisy side, at most $\exp(-\tfrac12e^{2c})$ on the "
        r"clean side."
    ),
    sources=("H26", "LC24"),
    hypotheses=("two balanced classes with Σ = I",),
    derivation=derivation,
    predict=predict,
)
