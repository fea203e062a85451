"""T14: with many classes the window is of first order, at g = 2 log K; the midpoint turns unstable late."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..closed_forms.many_classes import entropy_bounds, large_k_shift, large_k_shift_series, orthogonal_peak
from ..closed_forms.orthogonal import orthogonal_entropy
from ._base import Argument, Block, Identity, Theorem

RATIOS = (0.5, 1.0, 1.5)
"""g in units of `2 log K` at which `H/log K` is predicted, for `LARGE`."""
LARGE = 1e12
PEAKS = (10.0, 1e6, 1e12, 1e24)
"""Numbers of classes whose peak is predicted."""


def derivation() -> tuple[Block, ...]:
    """The instability of the midpoint, both bounds, and the equation of the peak."""
    M, v, y, K, g, ell, a, z = sp.symbols("M v y K g ell a z", positive=True)
    X = sp.symbols("x", positive=True)
    # along m₁ − m₂ from the centroid two posteriors shift by ±y√(M/2)/v, the others do not
    shift = y * sp.sqrt(M / 2) / v
    log_density = -(y**2) / (2 * v) + sp.log((2 * sp.cosh(shift) + K - 2) / K)
    curvature = sp.diff(log_density, y, 2).subs(y, 0)
    x = (ell - g / 2) / sp.sqrt(g)
    normal = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    peak = {g: 2 * ell * sp.exp(-2 * a)}
    tangent = (sp.sqrt(g) + x).subs(peak)
    # Φ(x) = φ(x)√(2ℓ + x²)/2, by logarithms
    log_phi = -(X**2) / 2 - sp.log(2 * sp.pi) / 2
    condition = log_phi + sp.log(2 * ell + X**2) / 2 - sp.log(2)
    solved = -(X**2) / 2 + sp.log(ell / (4 * sp.pi)) / 2 + sp.log(1 + X**2 / (2 * ell)) / 2
    series = large_k_shift_series(2)
    return (
        Identity("curvature at the centroid", curvature, -1 / v + M / (K * v**2)),
        Identity("which vanishes at g = K", curvature.subs(M, K * v) + 1 / v, 1 / v),
        Identity("Jensen: E e^{√g Z} = e^{g/2}", _mean(sp.exp(sp.sqrt(g) * z) * normal, z), sp.exp(g / 2)),
        Identity("g dx/dg = −(√g + x)/2", g * sp.diff(x, g), -(sp.sqrt(g) + x) / 2),
        Identity("x = √(2ℓ) sinh a", x.subs(peak), sp.sqrt(2 * ell) * sp.sinh(a)),
        Identity("√g + x = √(2ℓ) cosh a", tangent, sp.sqrt(2 * ell) * sp.cosh(a)),
        Identity("equation of the peak", condition, solved),
        Identity("t_peak = ½ log(M/2ℓ) + a", -sp.log((g / M).subs(peak)) / 2, sp.log(M / (2 * ell)) / 2 + a),
        Identity("first correction", sp.limit(series * sp.sqrt(ell), ell, sp.oo), X / sp.sqrt(2)),
        Argument(
            "The lower bound integrates T13's rate, at most ½; the limit follows because the bounds "
            "differ by at most √(g/2π) + log 2. That the peak is gΦ(x)'s up to O(1/log K) in time is "
            "measured, not proved."
        ),
    )


def _mean(expression: Any, z: Any) -> Any:
    free = sp.Symbol("z", real=True)
    return sp.integrate(expression.subs(z, free), (free, -sp.oo, sp.oo))


def predict() -> dict[str, float]:
    """Shares of the entropy left at K = 10¹², bounds, peaks, and the large-K form of the peak."""
    log_k = float(np.log(LARGE))
    numbers = {
        f"H/log K at r = {r:g}": float(orthogonal_entropy(2 * r * log_k, LARGE)) / log_k for r in RATIOS
    }
    for classes in PEAKS:
        numbers[f"peak of K = {classes:.0e}"] = orthogonal_peak(classes)
    lower, upper = entropy_bounds(log_k, LARGE)
    numbers |= {"lower bound at r = 0.5": float(lower), "upper bound at r = 0.5": float(upper)}
    numbers["large-K shift of K = 1e+24"] = large_k_shift(float(np.log(1e24)))
    return numbers


THEOREM = Theorem(
    id="T14",
    name="first-order window",
    statement=(
        r"$\max(0, \log K - g/2) \le H_K(g) \le \mathbb E\log\bigl(1+(K-1)e^{-g/2+\sqrt g Z}\bigr)$, so "
        r"$H_K(2r\log K)/\log K \to \max(0, 1-r)$; $t_{\rm peak} = \tfrac12\log\frac{M}{2\log K} + "
        r"\operatorname{arsinh}\frac{x}{\sqrt{2\log K}}$, $x^2 = \log\frac{\log K}{4\pi} + "
        r"\log\Bigl(1+\frac{x^2}{2\log K}\Bigr) - 2\log\Phi(x)$; the midpoint turns unstable only at $g = "
        r"K$, for $K \ge 4$ after the peak, later by $\tfrac12\log(K/(2\log K))$. At $r = 1$ the overlap "
        r"$\varphi$ jumps, while $H_K/\log K$ only bends. Times are those of $s = 1$; otherwise up to "
        r"$O((1-s^2)\log K/M)$, and the peak's up to $O(1/\log K)$."
    ),
    sources=("B24",),
    hypotheses=("K equal classes with Σ = s²I", "orthogonal means with |m_k|² = M"),
    derivation=derivation,
    predict=predict,
)
