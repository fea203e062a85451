"""T12: guidance multiplies the early gain of information by 2ω − 1; late, above ω = ½, it is a shift."""

from .._support.untyped import sympy as sp
from ..channel.guidance import guided_entropy_coefficients, late_shift
from ..channel.series import small_gamma_coefficients
from ._base import Argument, Block, Identity, Theorem

WEIGHTS = (0.0, 1.0, 2.0, 4.0)
"""Guidance weights whose series is predicted."""
ORDER = 4
SHIFTS = ((2.0, 0.5), (0.8, 0.5), (2.0, 0.1))
"""Pairs (ω, prior) at which the late shift is predicted."""


def derivation() -> tuple[Block, ...]:
    """Itô's formula for the surprise, its limits, and the series at ω = 1 against the channel's."""
    ell, omega, prior = sp.symbols("ell Omega w", positive=True)
    surprise = sp.log(1 + sp.exp(-2 * ell))
    drift = omega + (1 - omega) * sp.tanh(ell)
    slope = -(1 - sp.tanh(ell)) * drift + sp.sech(ell) ** 2 / 2
    generator = drift * sp.diff(surprise, ell) + sp.diff(surprise, ell, 2) / 2
    coefficients = guided_entropy_coefficients(3)
    channel = small_gamma_coefficients(2)
    w = sp.Symbol("omega")
    extra = (omega - 1) * (1 - sp.tanh(ell))
    decided = sp.limit(sp.exp(2 * ell) * (1 - sp.tanh(ell)), ell, sp.oo)
    square = (sp.Rational(1, 2) - omega) * (1 - sp.tanh(ell)) ** 2
    start = sp.log(prior / (1 - prior)) / 2
    return (
        Identity("dH/dγ = E[−(1 − tanh L)κ + ½ sech² L]", generator.rewrite(sp.exp), slope.rewrite(sp.exp)),
        Identity("which is (½ − ω) E(1 − tanh L)²", slope.rewrite(sp.exp), square.rewrite(sp.exp)),
        Identity("at γ = 0 it is ½ − ω, balanced", slope.subs(ell, 0), sp.Rational(1, 2) - omega),
        Identity(
            "and (½ − ω) 4(1 − w)² from the prior w",
            sp.simplify(square.rewrite(sp.exp).subs(ell, start)),
            (sp.Rational(1, 2) - omega) * 4 * (1 - prior) ** 2,
        ),
        Identity("early gain over ω = 1", (slope / slope.subs(omega, 1)).subs(ell, 0), 2 * omega - 1),
        Identity("drift beyond ω = 1", drift - 1, extra),
        Identity("which falls as e^{−2L} in runs decided for the class", decided, sp.Integer(2)),
        Identity("and is 2(ω − 1) in runs decided against it", sp.limit(extra, ell, -sp.oo), 2 * (omega - 1)),
        Identity("series: γ¹", coefficients[1], sp.Rational(1, 2) - w),
        Identity("ω = 1: γ² is −½ mmse′/2", coefficients[2].subs(w, 1), -channel[1] / 4),
        Identity("ω = 1: γ³ is −½ mmse″/6", coefficients[3].subs(w, 1), -channel[2] / 6),
        Argument(
            "That the series is asymptotic to any order follows from the smoothness of each image of "
            "G. The late shift is not derived here; it is measured, and tested against its "
            "hypergeometric form."
        ),
    )


def predict() -> dict[str, float]:
    """Coefficients of the series of `H_ω` at `WEIGHTS`, and late shifts of the log-odds at `SHIFTS`."""
    w = sp.Symbol("omega")
    coefficients = guided_entropy_coefficients(ORDER)
    shifts = {f"late shift, omega = {o:g}, w = {prior:g}": float(late_shift(o, prior)) for o, prior in SHIFTS}
    return shifts | {
        f"c_{n} at omega = {weight:g}": float(coefficients[n].subs(w, weight))
        for weight in WEIGHTS
        for n in range(1, ORDER + 1)
        if coefficients[n].subs(w, weight) != 0
    }


THEOREM = Theorem(
    id="T12",
    name="guidance",
    statement=(
        r"$\frac{\mathrm dH_\omega}{\mathrm d\gamma} = (\tfrac12-\omega)\,\mathbb E(1-\tanh L)^2$, "
        r"$H_\omega = \mathbb E\log(1+e^{-2L})$; at $\gamma = 0$ and equal weights it is "
        r"$\tfrac12-\omega$, $2\omega-1$ times that of $\omega = 1$. The drift beyond $\omega = 1$, "
        r"$(\omega-1)(1-\tanh L)$, vanishes in runs decided for the class and tends to $2(\omega-1)$ in "
        r"runs decided against it. For $\omega > \tfrac12$ every run ends in the class, and late guidance "
        r"is a constant shift of $L$, with $a = 2\omega-1$ on average $\frac{\omega-1}{a}\bigl[\psi(a) + "
        r"\gamma_E + \log\frac{1-w}{w} + \tfrac1a\,{}_2F_1(1,a;a+1;w)\bigr]$."
    ),
    sources=("H26", "K25"),
    hypotheses=("T11; H is that of the class guided to", "ω > ½ for the late shift"),
    derivation=derivation,
    predict=predict,
)
