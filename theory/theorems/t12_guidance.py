"""T12: guidance multiplies the early gain of information by 2ω − 1 and nothing once the class is decided."""

from .._untyped import sympy as sp
from ..guidance import guided_entropy_coefficients
from ..series import small_gamma_coefficients
from ._base import Identity, Theorem

WEIGHTS = (0.0, 1.0, 2.0, 4.0)
"""Guidance weights whose series is predicted."""
ORDER = 4


def derive() -> tuple[Identity, ...]:
    """Itô's formula for the surprise, its limits, and the series at ω = 1 against the channel's."""
    ell, omega = sp.symbols("ell Omega", positive=True)
    surprise = sp.log(1 + sp.exp(-2 * ell))
    drift = omega + (1 - omega) * sp.tanh(ell)
    slope = -(1 - sp.tanh(ell)) * drift + sp.sech(ell) ** 2 / 2
    generator = drift * sp.diff(surprise, ell) + sp.diff(surprise, ell, 2) / 2
    coefficients = guided_entropy_coefficients(3)
    channel = small_gamma_coefficients(2)
    w = sp.Symbol("omega")
    extra = (omega - 1) * (1 - sp.tanh(ell))
    decided = sp.limit(sp.exp(2 * ell) * (1 - sp.tanh(ell)), ell, sp.oo)
    return (
        Identity("dH/dγ = E[−(1 − tanh L)κ + ½ sech² L]", generator.rewrite(sp.exp), slope.rewrite(sp.exp)),
        Identity("at γ = 0 it is ½ − ω", slope.subs(ell, 0), sp.Rational(1, 2) - omega),
        Identity("early gain over ω = 1", (slope / slope.subs(omega, 1)).subs(ell, 0), 2 * omega - 1),
        Identity("drift beyond ω = 1", drift - 1, extra),
        Identity("which falls as e^{−2L}", decided, sp.Integer(2)),
        Identity("series: γ¹", coefficients[1], sp.Rational(1, 2) - w),
        Identity("ω = 1: γ² is −½ mmse′/2", coefficients[2].subs(w, 1), -channel[1] / 4),
        Identity("ω = 1: γ³ is −½ mmse″/6", coefficients[3].subs(w, 1), -channel[2] / 6),
    )


def predict() -> dict[str, float]:
    """Coefficients of the series of `H_ω` at `WEIGHTS`."""
    w = sp.Symbol("omega")
    coefficients = guided_entropy_coefficients(ORDER)
    return {
        f"c_{n} at omega = {weight:g}": float(coefficients[n].subs(w, weight))
        for weight in WEIGHTS
        for n in range(1, ORDER + 1)
        if coefficients[n].subs(w, weight) != 0
    }


THEOREM = Theorem(
    id="T12",
    name="guidance",
    statement=(
        r"$\frac{\mathrm dH_\omega}{\mathrm d\gamma} = \mathbb E\bigl[-(1-\tanh L)(\omega+(1-\omega)\tanh "
        r"L) + \tfrac12\operatorname{sech}^2 L\bigr]$, $H_\omega = \mathbb E\log(1+e^{-2L})$; at $\gamma "
        r"= 0$ it is $\tfrac12-\omega$; the drift beyond $\omega = 1$, $(\omega-1)(1-\tanh L)$, vanishes "
        r"once it is decided."
    ),
    sources=("H26", "K25"),
    hypotheses=("T11",),
    derive=derive,
    predict=predict,
    proof_limits="That the series is asymptotic to any order follows from the smoothness of each image of G.",
)
