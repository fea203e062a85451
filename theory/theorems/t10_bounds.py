"""T10: two-sided bounds on the entropy for every γ, hence for every dimension."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse
from ._base import ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

GAMMAS = (0.0, 0.01, 1.0, 5.0, 50.0)
"""Separations at which both bounds are predicted."""


def derivation() -> tuple[Block, ...]:
    """Each inequality reduced to the integral of a function that is visibly non-negative."""
    return (
        Text(
            r"Write $u$ for the half log-odds. By T3 both sides are averages over one normal law: "
            r"$H_2(\gamma) = e^{-\gamma/2}\int N(u;0,\gamma)\,f(u)\,du$ with $f(u) = \cosh u\;h(u)$, where "
            r"$h(u) = \log(2\cosh u) - u\tanh u$ is the entropy of a class with half log-odds $u$, and "
            r"$\mathrm{mmse}(\gamma) = e^{-\gamma/2}\int N(u;0,\gamma)\,\mathrm{sech}\,u\;du$. So it is "
            r"enough to bound $f$: by $\log 2$ from above, and by $\log 2\;\mathrm{sech}\,u$ from below. "
            r"Both $f$ and $\mathrm{sech}$ are even, so take $u>0$."
        ),
        *_upper(),
        *_lower(),
    )


def lower(gamma: float) -> float:
    """`log 2 · mmse(γ)`, nats."""
    return float(np.log(2) * binary_mmse(gamma))


def upper(gamma: float) -> float:
    """`log 2 · e^{−γ/2}`, nats."""
    return float(np.log(2) * np.exp(-gamma / 2))


def predict() -> dict[str, float]:
    """Both bounds at `GAMMAS`."""
    lowers = {f"lower bound at {g:g}": lower(g) for g in GAMMAS}
    return lowers | {f"upper bound at {g:g}": upper(g) for g in GAMMAS}


def _upper() -> tuple[Block, ...]:
    return (
        Text(
            r"**Upper bound.** At $u=0$ the function $f$ is $\log 2$, and it falls from there. Its slope is"
        ),
        Identity.of(
            "f' = sinh u·[log(1+x) + (log x) x/(1−x)], x = e^{−2u}",
            _slope_of_the_profile,
            r"\frac{d}{du}\,\cosh u\,h(u) = \sinh u\left[\log(1+x) + \frac{x\log x}{1-x}\right],"
            r"\qquad x=e^{-2u}",
        ),
        Text(r"For $0<x<1$ the bracket is not positive, since $\log(1+x)\le x$ and $-\log x\ge 1-x$:"),
        Identity.of(
            "x − log(1+x) = ∫₀^x v/(1+v) dv",
            _logarithm_below,
            r"x-\log(1+x) = \int_0^x \frac{v}{1+v}\,dv \ge 0",
        ),
        Identity.of(
            "−log x − (1−x) = ∫_x^1 (1−v)/v dv",
            _logarithm_above,
            r"-\log x-(1-x) = \int_x^1\frac{1-v}{v}\,dv \ge 0",
        ),
        Text(r"Hence $f\le f(0)=\log 2$, and the average of a constant gives $H_2\le\log 2\;e^{-\gamma/2}$."),
    )


def _lower() -> tuple[Block, ...]:
    return (
        Text(
            r"**Lower bound.** It says that $G(u)=\cosh^2u\;h(u)\ge\log 2$. Again $G(0)=\log 2$, and now "
            r"$G$ grows:"
        ),
        Identity.of(
            "G' = sinh(2u)(h − u/sinh 2u)",
            _slope_of_the_square,
            r"\frac{d}{du}\,\cosh^2 u\;h(u) = \sinh 2u\left[h(u)-\frac{u}{\sinh 2u}\right]",
        ),
        Text(r"The bracket tends to 0 as $u\to\infty$, and it falls all the way there:"),
        Identity.of(
            "d/du (h − u/sinh 2u) = −(sinh 2u − 2u)/sinh² 2u",
            _slope_of_the_bracket,
            r"\frac{d}{du}\left[h(u)-\frac{u}{\sinh 2u}\right] = -\frac{\sinh 2u-2u}{\sinh^2 2u}",
        ),
        Identity.of(
            "sinh y − y = ∫₀^y 2 sinh²(v/2) dv",
            _hyperbolic_sine,
            r"\sinh y-y = \int_0^y 2\sinh^2\tfrac v2\,dv \ge 0",
        ),
        Text(
            r"A function that falls to 0 is positive, so $G'\ge0$ and $G\ge\log2$: "
            r"$h\cosh u\ge\log2\;\mathrm{sech}\,u$, and averaging gives $\log2\;\mathrm{mmse}\le H_2$. "
            r"Nothing in this knows the dimension."
        ),
        Argument("A differentiable function whose derivative has one sign is monotone."),
        Measured(
            "Both inequalities on 40 values of γ, and an entropy in 64 dimensions that lies between them."
        ),
    )


def _entropy(u: Expr, weight: Expr = 1) -> Expr:
    return sp.log(1 + sp.exp(-2 * u)) + u - weight * u * sp.tanh(u)


def _slope_of_the_profile(mean_weight: Expr = ONE, rate: Expr = TWO) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", positive=True)
    x = sp.exp(-rate * u)
    bracket = sp.log(1 + x) + sp.log(x) * x / (1 - x)
    return sp.Derivative(sp.cosh(u) * _entropy(u, mean_weight), u), sp.sinh(u) * bracket


def _logarithm_below(unit: Expr = ONE) -> tuple[Expr, Expr]:
    v, x = sp.symbols("v x", positive=True)
    return x - sp.log(unit + x), sp.Integral(v / (1 + v), (v, 0, x))


def _logarithm_above(unit: Expr = ONE) -> tuple[Expr, Expr]:
    v, x = sp.symbols("v x", positive=True)
    return -sp.log(unit * x) - (1 - x), sp.Integral((1 - v) / v, (v, x, 1))


def _slope_of_the_square(power: int = 2, mean_weight: Expr = ONE) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", positive=True)
    h = _entropy(u, mean_weight)
    left = sp.Derivative(sp.cosh(u) ** power * h, u)
    return left, sp.sinh(2 * u) * (_entropy(u) - u / sp.sinh(2 * u))


def _slope_of_the_bracket(rate: Expr = TWO) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", positive=True)
    bracket = _entropy(u) - u / sp.sinh(rate * u)
    return sp.Derivative(bracket, u), -(sp.sinh(2 * u) - 2 * u) / sp.sinh(2 * u) ** 2


def _hyperbolic_sine(rate: Expr = ONE) -> tuple[Expr, Expr]:
    v, y = sp.symbols("v y", positive=True)
    return sp.sinh(rate * y) - y, sp.Integral(2 * sp.sinh(v / 2) ** 2, (v, 0, y))


THEOREM = Theorem(
    id="T10",
    name="bounds",
    statement=(
        r"$\log 2\cdot\mathrm{mmse}(\gamma)\le H_2(\gamma)\le\log 2\cdot e^{-\gamma/2}$ for every "
        r"$\gamma\ge0$: a non-asymptotic window in every dimension."
    ),
    sources=("LC24",),
    hypotheses=("two balanced classes with a shared covariance",),
    derivation=derivation,
    predict=predict,
)
