"""T15: partitions and trees: entropies add along the chain, and windows sit where each level is decided."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ..channel.constants import peak_gamma
from ..closed_forms.orthogonal import orthogonal_entropy
from ._base import HALF, ONE, TWO, Block, Identity, Measured, Text, Theorem

LENGTHS2 = (400.0, 4.0)
"""Squared lengths of the two offsets of a hierarchy, `m = ±A ± B`."""
SIGMAS = (1.5, 6.0, 20.0)
"""Noise levels at which its entropies are predicted, `s = 1`."""


def derivation() -> tuple[Block, ...]:
    """The chain rule, level by level; why orthogonal offsets separate; and where the windows are."""
    return (*_chain(), *_factors(), *_windows())


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


def _chain() -> tuple[Block, ...]:
    return (
        Text(
            r"**Groups.** Let the classes be gathered in groups $G$, and let $p_k$ be the posterior at a "
            r"state $x$. A group has the probability $P_G=\sum_{k\in G}p_k$, a class within it $p_k/P_G$, "
            r"and $\log p_k=\log P_G+\log(p_k/P_G)$. The mean of the logarithms is the chain rule at each "
            r"$x$. SymPy: groups of two and of three classes; a group enters only through its own sum, so "
            r"more of them, or larger ones, add like terms."
        ),
        Identity.of(
            "H(C) = H(G) + H(C|G)",
            _chain_rule,
            r"-\sum_kp_k\log p_k = -\sum_GP_G\log P_G+\sum_GP_G\Bigl[-\sum_{k\in "
            r"G}\frac{p_k}{P_G}\log\frac{p_k}{P_G}\Bigr]",
        ),
        Text(
            r"Averaged over states it is $H(C|X)=H(G|X)+H(C|G,X)$. In a tree the groups are the nodes of "
            r"one level, and the classes within a node are again grouped by its children. Applying the "
            r"chain rule to $H(C|G,X)$ in turn gives, by induction over levels, "
            r"$H(C|X)=\sum_lH(G_l|G_{l-1},X)$, for any depth and any mixture. Written out for three levels "
            r"with two children each:"
        ),
        Identity.of(
            "three levels",
            _three_levels,
            r"H(G_1G_2G_3) = H(G_1)+H(G_2|G_1)+H(G_3|G_1G_2)",
        ),
    )


def _factors() -> tuple[Block, ...]:
    return (
        Text(
            r"**Orthogonal factors.** Let the means be $m_{ij}=iA+jB$ with $i,j=\pm1$, one $\Sigma=s^2I$, "
            r"and $v=s^2+\sigma^2$. The only term of a density's exponent in which the two signs meet is "
            r"$ij\,A\cdot B/v$. In three dimensions every $B\perp A$ is a cross product $A\times c$, and "
            r"there"
        ),
        Identity.of(
            "|x − iA − jB|² separates if A ⟂ B",
            _separation,
            r"|x-iA-jB|^2-|x|^2 = \bigl(|A|^2-2i\,A\cdot x\bigr)+\bigl(|B|^2-2j\,B\cdot x\bigr),\qquad "
            r"B=A\times c",
        ),
        Text(
            r"In any dimension $A$, $B$ and $x$ lie in a space of three. Of the exponents "
            r"$-|x-iA-jB|^2/2v$ what depends on the signs is $(i\,A\cdot x+j\,B\cdot x)/v$, so the four "
            r"posteriors are products of the two single ones, each that of one binary channel. With "
            r"$\alpha=A\cdot x/v$ and $\beta=B\cdot x/v$:"
        ),
        Identity.of(
            "posterior of (+,−) is a product",
            _product,
            r"\frac{e^{\alpha-\beta}}{\sum_{ij}e^{i\alpha+j\beta}} = "
            r"\frac1{1+e^{-2\alpha}}\cdot\frac1{1+e^{2\beta}}",
        ),
        Text(
            r"Of a product of probabilities $q_ir_j$ the logarithm is a sum, so entropies add at each state:"
        ),
        Identity.of(
            "H of a product is a sum",
            _entropy_of_a_product,
            r"-\sum_{ij}q_ir_j\log(q_ir_j) = -\sum_iq_i\log q_i-\sum_jr_j\log r_j",
        ),
        Text(r"while the agreement of clones, a probability of two independent agreements, multiplies:"),
        Identity.of(
            "agreement of a product is a product",
            _agreement_of_a_product,
            r"\sum_{ij}(q_ir_j)^2 = \Bigl(\sum_iq_i^2\Bigr)\Bigl(\sum_jr_j^2\Bigr)",
        ),
        Text(
            r"By T2 the factors have $\gamma_A=|A|^2/v$ and $\gamma_B=|B|^2/v$: given $j$, the two classes "
            r"$\pm A$ are a distance $2|A|$ apart. Hence $H(C|X)=H_2(\gamma_A)+H_2(\gamma_B)$. By the same "
            r"argument orthogonal factors with any numbers of classes add, each with its own entropy (T13 "
            r"for several children with orthogonal offsets)."
        ),
    )


def _windows() -> tuple[Block, ...]:
    return (
        Text(
            r"**Windows.** At $s=1$, $\gamma_A=|A|^2e^{-2t}$ and likewise for $B$. A shift of time by $c$ "
            r"is a factor $e^{-2c}$ of $\gamma$, so both levels have one and the same window, displaced in "
            r"time. Its place for any criterion $\gamma=\gamma_c$ follows by integrating "
            r"$dt=-d\gamma/2\gamma$ from $t=0$:"
        ),
        Identity.of(
            "time at which γ = γ_c",
            _place,
            r"t = \int_{\gamma_c}^{|A|^2}\frac{d\gamma}{2\gamma} = \tfrac12\log|A|^2-\tfrac12\log\gamma_c",
        ),
        Text(
            r"With $\gamma_c=\gamma^*=1.508$ (T8) it is the peak of the entropy rate of that level. The "
            r"distance in time between levels is $\frac12\log(|A|^2/|B|^2)$, whatever the criterion. By T7 "
            r"a window is of width $O(1)$ in $t$: when $|A|\gg|B|$ the parents are decided before their "
            r"children begin."
        ),
        Measured(
            r"$\pm A\pm B$ along oblique directions in six dimensions, by posteriors that know of no tree; "
            r"the chain rule in a tree whose nodes have directions of their own; both windows by "
            r"maximising the rate of the binary channel; three children decided long after their parents, "
            r"by T13."
        ),
    )


def _surprise(values: Expr) -> Expr:
    return -sum(q * sp.log(q) for q in values)


def _chain_rule(weight: Expr = ONE, share: Expr = ONE) -> tuple[Expr, Expr]:
    p = sp.symbols("p1:6", positive=True)
    groups = (p[:2], p[2:])
    sums = [weight * sum(group) for group in groups]
    within = sum(
        share * total * _surprise([q / sum(group) for q in group])
        for group, total in zip(groups, sums, strict=True)
    )
    return _surprise(p), sp.expand(sp.expand_log(_surprise(sums) + within, force=True))


def _three_levels(weight: Expr = ONE) -> tuple[Expr, Expr]:
    p = sp.symbols("p1:9", positive=True)
    pairs = [p[i] + p[i + 1] for i in range(0, 8, 2)]
    halves = [pairs[0] + pairs[1], pairs[2] + pairs[3]]
    second = sum(h * _surprise([q / h for q in pairs[2 * n : 2 * n + 2]]) for n, h in enumerate(halves))
    third = sum(q * _surprise([r / q for r in p[2 * n : 2 * n + 2]]) for n, q in enumerate(pairs))
    right = _surprise(halves) + weight * second + third
    return _surprise(p), sp.expand(sp.expand_log(right, force=True))


def _separation(cross: Expr = TWO, normal: Expr = ONE) -> tuple[Expr, Expr]:
    a, c, x = (sp.Matrix(sp.symbols(f"{name}1:4", real=True)) for name in "acx")
    b = a.cross(c) + (normal - 1) * a
    i, j = 1, -1
    offset = x - i * a - j * b
    right = a.dot(a) - cross * i * a.dot(x) + b.dot(b) - 2 * j * b.dot(x)
    return offset.dot(offset) - x.dot(x), right


def _product(rate: Expr = TWO) -> tuple[Expr, Expr]:
    a, b = sp.symbols("alpha beta", positive=True)
    total = sum(sp.exp(i * a + j * b) for i in (1, -1) for j in (1, -1))
    return sp.exp(a - b) / total, 1 / ((1 + sp.exp(-rate * a)) * (1 + sp.exp(2 * b)))


def _two_pairs(whole: Expr) -> tuple[Expr, Expr]:
    q, r = sp.symbols("q r", positive=True)
    return (q, whole - q), (r, 1 - r)


def _entropy_of_a_product(whole: Expr = ONE) -> tuple[Expr, Expr]:
    q, r = _two_pairs(whole)
    left = -sum(one * other * (sp.log(one) + sp.log(other)) for one in q for other in r)
    return left, _surprise(q) + _surprise(r)


def _agreement_of_a_product(power: int = 2) -> tuple[Expr, Expr]:
    q, r = _two_pairs(1)
    left = sum((one * other) ** power for one in q for other in r)
    return left, sum(one**2 for one in q) * sum(other**2 for other in r)


def _place(clock: Expr = HALF) -> tuple[Expr, Expr]:
    g, level, length2 = sp.symbols("gamma gamma_c L", positive=True)
    return sp.Integral(clock / g, (g, level, length2)), sp.log(length2) / 2 - sp.log(level) / 2


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
