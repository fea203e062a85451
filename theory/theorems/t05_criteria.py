"""T5: every speciation criterion is a condition on γ, and each gives its own time."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..times.criteria import CRITERIA, SEPARATION2, midpoint_curvature, speciation_time
from ..times.criteria import VARIANCE as S2
from ..times.criteria import speciation_sigma2_expression as sigma2
from ._base import Argument, Block, Identity, Theorem

CASES = ((9.0, 1.0, 0.5), (9.0, 0.25, 0.3), (0.3, 0.6, 0.5), (6.0, 2.0, 0.5))
"""Triples (M, s², w) at which all seven times are predicted."""


def derivation() -> tuple[Block, ...]:
    """Curvature of the density, each condition as a condition on γ, and the published special case."""
    return (*_curvature(), *_conditions(), *_special_cases())


def predict() -> dict[str, float]:
    """OU times of all criteria at `CASES`, where they exist, and RA23's critical signal."""
    numbers = {
        f"{criterion} (M={M:g}, s2={s2:g}, w={w:g})": float(speciation_time(criterion, M, s2, prior=w))
        for M, s2, w in CASES
        for criterion in CRITERIA
    }
    numbers = {name: time for name, time in numbers.items() if np.isfinite(time)}
    points = float(np.exp(-2 * speciation_time("reverse-sde", 1.0, 0.0)))
    return numbers | {"critical e^{-2t} of points at ±1": points}


def _curvature() -> tuple[Identity, ...]:
    a2, M, s2, w = sp.symbols("a2 M s2 w", positive=True)
    width = 1 + (s2 - 1) * a2
    gamma = a2 * M / width
    hessian = midpoint_curvature(a2, M, s2, w)
    return (
        Identity(
            "∂²log p_t = (4w(1−w)γ − 1)/Γ at the midpoint",
            hessian,
            (4 * w * (1 - w) * gamma - 1) / width,
        ),
        Identity(
            "weights only scale M by 4w(1−w)",
            hessian,
            midpoint_curvature(a2, M, s2, sp.Rational(1, 2)).subs(M, 4 * w * (1 - w) * M),
        ),
        Identity(
            "data variance along the axis is s² + 4w(1−w)M",
            s2 + w * (2 * (1 - w)) ** 2 * M + (1 - w) * (2 * w) ** 2 * M,
            s2 + 4 * w * (1 - w) * M,
        ),
        Argument("The levels of the entropy criteria are defined implicitly; T8 computes them."),
    )


def _conditions() -> tuple[Identity, ...]:
    """Insert each solution into its condition, written with γ and Γ."""

    def at(criterion: str) -> tuple[Any, Any]:
        growth = 1 + sigma2(criterion)
        return SEPARATION2 / (growth - 1 + S2), 1 + (S2 - 1) / growth

    curvature, _ = at("curvature")
    reverse, reverse_width = at("reverse-sde")
    flow, flow_width = at("probability-flow")
    cloning, _ = at("cloning")
    return (
        Identity("curvature: γ = 1", curvature, sp.Integer(1)),
        Identity("reverse SDE: Γ + 2γ = 2", reverse_width + 2 * reverse, sp.Integer(2)),
        Identity("probability flow: Γ + γ = 1", flow_width + flow, sp.Integer(1)),
        Identity(
            "covariance: Λ e^{−2t} = 1, Λ = M + s²",
            (SEPARATION2 + S2) / (1 + sigma2("covariance")),
            sp.Integer(1),
        ),
        Identity("cloning: γ = 1", cloning, sp.Integer(1)),
        *(
            Identity(f"{criterion}: σ² = M/γ_c − s²", at(criterion)[0], level)
            for criterion, level in _entropy_levels()
        ),
    )


def _entropy_levels() -> tuple[tuple[str, Any], ...]:
    """The implicit levels as they appear in the expressions (their values are T8's)."""
    return tuple(
        (criterion, SEPARATION2 / sp.simplify(sigma2(criterion) + S2))
        for criterion in ("entropy-peak", "entropy-median")
    )


def _special_cases() -> tuple[Identity, ...]:
    points = {SEPARATION2: 1, S2: 0}
    at_unit = {S2: 1}
    flow = 1 + sigma2("probability-flow")
    return (
        Identity(
            "points at ±1 (RA23): e^{−2t} = √2 − 1",
            1 / (1 + sigma2("reverse-sde").subs(points)),
            sp.sqrt(2) - 1,
        ),
        Identity(
            "s = 1, reverse SDE: γ = ½",
            SEPARATION2 / (sigma2("reverse-sde").subs(at_unit) + 1),
            sp.Rational(1, 2),
        ),
        Identity(
            "s = 1, probability flow: unstable by a²γ > 0 at every finite time",
            sp.simplify((1 / flow).subs(S2, 1 - 1 / sp.Symbol("n", positive=True))),
            sp.simplify(sp.Symbol("n", positive=True) * (1 - sp.Symbol("n", positive=True) * SEPARATION2)),
        ),
    )


THEOREM = Theorem(
    id="T5",
    name="speciation times by criterion",
    statement=(
        r"With $\Gamma = 1+(s^2-1)e^{-2t}$: curvature $\gamma = 1$; covariance $\Lambda e^{-2t} = 1$, "
        r"$\Lambda = M+s^2$; reverse SDE $\Gamma+2\gamma = 2$; probability flow $\Gamma+\gamma = 1$ (at "
        r"$s=1$ unstable at every finite $t$); entropy-rate peak per unit OU time $\gamma = "
        r"\gamma^*(\kappa)$; median $H = \tfrac12 H(C)$; cloning $\gamma = 1$. At a level $\gamma_c$: $t = "
        r"\tfrac12\log(M/\gamma_c+1-s^2)$. With weights $(w, 1-w)$ the first four hold with $M$ replaced "
        r"by $4w(1-w)M$, the peak is at $\gamma^*(\kappa, w)$, and the midpoint of the means is no fixed "
        r"point of the drift. Cloning stays the level $\gamma = 1$, where $\varphi = \varphi_w(1)$: B24's "
        r"$0.7752$ at $w = \tfrac12$ alone."
    ),
    sources=("B24", "RA23", "H26"),
    hypotheses=(
        "two classes with Σ = s²I",
        "drift linearised at the midpoint of the class means",
        "Λ is the largest eigenvalue of the data's covariance over all directions",
    ),
    derivation=derivation,
    predict=predict,
)
