"""T7: the window of class entropy production has a fixed width in t, whatever the dimension."""

import numpy as np

from .._untyped import sympy as sp
from ..binary import binary_entropy
from ._base import Identity, Theorem

HALF_WIDTHS = (0.5, 1.0, 2.0)
"""Half-widths c of the window around ½ log M."""


def derive() -> tuple[Identity, ...]:
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


def share_outside(half_width: float) -> float:
    """Share of class entropy produced at `|t − ½ log M| > half_width`, for s = 1, any d."""
    noisy, clean = np.exp(-2 * half_width), np.exp(2 * half_width)
    return float(1 - (binary_entropy(noisy) - binary_entropy(clean)) / np.log(2))


def predict() -> dict[str, float]:
    """Share outside for each of `HALF_WIDTHS`, and the noisy tail's constant."""
    shares = {f"share outside c={c:g}": share_outside(c) for c in HALF_WIDTHS}
    return shares | {"noisy tail times e^{2c}": float(1 / (2 * np.log(2)))}


THEOREM = Theorem(
    id="T7",
    name="concentration",
    statement=(
        r"At $s = 1$ the share of class entropy produced outside $|t-\tfrac12\log M| \le c$ is "
        r"$1-[H_2(e^{-2c})-H_2(e^{2c})]/\log 2$, whatever $d$: in $t/t_S$ the window has width $O(1/\log "
        r"d)$. Tails: $e^{-2c}/(2\log 2)$ on the noisy side, at most $\exp(-\tfrac12e^{2c})$ on the clean "
        r"side."
    ),
    sources=("H26", "LC24"),
    hypotheses=("two balanced classes with Σ = I",),
    derive=derive,
    predict=predict,
)
