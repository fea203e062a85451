"""T15: partitions and trees: entropies add along the chain, and windows sit where each level is decided."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ..channel.constants import peak_gamma
from ..closed_forms.orthogonal import orthogonal_entropy
from ._base import Argument, Block, Identity, Theorem

LENGTHS2 = (400.0, 4.0)
"""Squared lengths of the two offsets of a hierarchy, `m = ±A ± B`."""
SIGMAS = (1.5, 6.0, 20.0)
"""Noise levels at which its entropies are predicted, `s = 1`."""


def derivation() -> tuple[Block, ...]:
    """The chain rule, and independence of orthogonal factors."""
    p = [sp.Symbol(f"p{k}", positive=True) for k in range(4)]
    groups = (p[:2], p[2:])
    joint = -sum(q * sp.log(q) for q in p)
    outer = -sum(sum(g) * sp.log(sum(g)) for g in groups)
    inner = -sum(q * (sp.log(q) - sp.log(sum(g))) for g in groups for q in g)
    a, b, x, y, v = sp.symbols("a b x y v", positive=True)

    def density(i: int, j: int) -> Any:
        return sp.exp(-((x - i * a) ** 2 + (y - j * b) ** 2) / (2 * v))

    total = sum(density(i, j) for i in (1, -1) for j in (1, -1))
    share = density(1, -1) / total
    first = 1 / (1 + sp.exp(-2 * a * x / v))
    second = 1 / (1 + sp.exp(2 * b * y / v))
    q, r = sp.symbols("q r", positive=True)
    pair = [q * r, q * (1 - r), (1 - q) * r, (1 - q) * (1 - r)]
    agreement = (q**2 + (1 - q) ** 2) * (r**2 + (1 - r) ** 2)
    M, t, g = sp.symbols("M t gamma_star", positive=True)
    gamma = M * sp.exp(-2 * t)
    return (
        Identity("chain rule: H(C) = H(G) + H(C|G)", joint, outer + inner),
        Identity("(±A ± B)² separates when A ⟂ B", _squared(a, b), a**2 + b**2),
        Identity("posterior of orthogonal factors is a product", share, first * second),
        Identity("clone agreements multiply", sp.expand(sum(w**2 for w in pair)), sp.expand(agreement)),
        Identity("γ = γ* at t = ½ log M − ½ log γ*", gamma.subs(t, sp.log(M) / 2 - sp.log(g) / 2), g),
        Argument("Written for two by two classes; more levels and children repeat the same two steps."),
    )


def _squared(a: Any, b: Any) -> Any:
    mean = sp.Matrix([a, b])
    return mean.dot(mean)


def predict() -> dict[str, float]:
    """Entropies of both levels, where their windows peak (`s = 1`), and a tree with three children a node."""
    numbers: dict[str, float] = {}
    for sigma in SIGMAS:
        upper, lower = (float(binary_entropy(length2 / (1 + sigma**2))) for length2 in LENGTHS2)
        numbers[f"H(G) at sigma = {sigma:g}"] = upper
        numbers[f"H(C) at sigma = {sigma:g}"] = upper + lower
    for name, length2 in zip(("upper", "lower"), LENGTHS2, strict=True):
        numbers[f"{name} window"] = float(0.5 * np.log(length2 / peak_gamma(0.0)))
    numbers["H(C|G) of three children"] = float(orthogonal_entropy(3.0, 3))
    return numbers


THEOREM = Theorem(
    id="T15",
    name="partitions and trees",
    statement=(
        r"$H(C|x) = H(G|x) + H(C|G,x)$ for groups $G$ of classes; for means $m = \pm A \pm B$ with "
        r"$A\perp B$, $H(C|x) = H_2(|A|^2/(s^2+\sigma^2)) + H_2(|B|^2/(s^2+\sigma^2))$, with windows at "
        r"$\tfrac12\log|A|^2$ and $\tfrac12\log|B|^2$."
    ),
    sources=("H26",),
    hypotheses=("any mixture for the chain rule", "orthogonal offsets and Σ = s²I for the sum"),
    derivation=derivation,
    predict=predict,
)
