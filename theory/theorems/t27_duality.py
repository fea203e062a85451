"""T27: the channel at small and at large γ is one function, and one factor bounds its entropy."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.duality import binary_entropy_bounds, dual_gamma, scaled_mmse
from ..channel.series import large_gamma_coefficients
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

QUARTER = sp.Rational(1, 4)
GAMMAS = (0.05, 0.4, 1.0, 6.0, 30.0)
"""γ at which the scaled mean-square error is predicted from its value at `π²/4γ`."""


def derivation() -> tuple[Block, ...]:
    """The transform of sech, Parseval, both series, the fixed point, and the bounds."""
    return (*_transform(), *_parseval(), *_series(), *_fixed_point(), *_bounds())


def scaled_by_duality(gamma: float) -> float:
    """`G(γ) = √(π/2γ) G(π²/4γ)`."""
    return float(np.sqrt(np.pi / (2 * gamma)) * scaled_mmse(dual_gamma(gamma)))


def upper(gamma: float) -> float:
    """`H ≤ mmse`, nats."""
    return float(binary_entropy_bounds(gamma)[1])


def predict() -> dict[str, float]:
    """G at `GAMMAS` from the other side, and value and slope at the fixed point."""
    numbers = {f"G({gamma:g})": scaled_by_duality(gamma) for gamma in GAMMAS}
    numbers["mmse(pi/2)"] = upper(np.pi / 2)
    numbers["mmse'/mmse at pi/2"] = -(0.5 + 0.5 / np.pi)
    return numbers


def _transform() -> tuple[Block, ...]:
    return (
        Text(
            r"By T3 the mean-square error of two balanced classes is "
            r"$\mathrm{mmse}(\gamma)=e^{-\gamma/2}G(\gamma)$ with "
            r"$G(\gamma)=\int N(u;0,\gamma)\,\mathrm{sech}\,u\,du$. Both factors under the integral are "
            r"their own "
            r"Fourier transforms up to scale, which makes $G$ its own dual. **The transform of sech.** Let "
            r"$J(\omega)=\int\mathrm{sech}\,u\;e^{i\omega u}\,du$. When $u$ moves up by $i\pi$ the "
            r"hyperbolic cosine "
            r"changes sign and the exponential gains $e^{-\pi\omega}$; between the two lines there is one "
            r"pole, at "
            r"$u=i\pi/2$, with the residue"
        ),
        Identity.of(
            "residue of e^{iωu}/cosh u at u = iπ/2",
            _residue,
            r"\lim_{u\to i\pi/2}\left(u-\tfrac{i\pi}2\right)\frac{e^{i\omega u}}{\cosh u} = "
            r"-i\,e^{-\pi\omega/2}",
        ),
        Text(r"The residue theorem gives $(1+e^{-\pi\omega})\,J=2\pi i\cdot(-i)\,e^{-\pi\omega/2}$, hence"),
        Identity.of(
            "2π e^{−πω/2}/(1 + e^{−πω}) = π sech(πω/2)",
            _sech,
            r"J(\omega) = \frac{2\pi e^{-\pi\omega/2}}{1+e^{-\pi\omega}} = "
            r"\pi\,\mathrm{sech}\frac{\pi\omega}2",
        ),
        Text(r"and the characteristic function of the normal law is"),
        Identity.of(
            "∫ N(u; 0, γ) cos ωu du = e^{−γω²/2}",
            _normal_transform,
            r"\int\frac{e^{-u^2/2\gamma}}{\sqrt{2\pi\gamma}}\cos\omega u\;du = e^{-\gamma\omega^2/2}",
        ),
    )


def _parseval() -> tuple[Block, ...]:
    return (
        Text(
            r"**Parseval.** $G(\gamma)=\frac1{2\pi}\int "
            r"e^{-\gamma\omega^2/2}\,\pi\,\mathrm{sech}\frac{\pi\omega}2\,d\omega$. "
            r"Substitute $\omega=2v/\pi$: the integral is once more one of $\mathrm{sech}\,v$ with a "
            r"Gaussian, of variance "
            r"$\gamma'=\pi^2/4\gamma$, because"
        ),
        Identity.of(
            "−½γω² at ω = 2v/π is −v²/2γ'",
            _exponent,
            r"-\frac{\gamma}2\left(\frac{2v}\pi\right)^2 = "
            r"-\frac{v^2}{2\gamma'},\qquad\gamma'=\frac{\pi^2}{4\gamma}",
        ),
        Text(r"and its factor, of $N(v;0,\gamma')$, is"),
        Identity.of(
            "(1/2π) π (2/π) √(2πγ') = √(π/2γ)",
            _factor,
            r"\frac1{2\pi}\cdot\pi\cdot\frac2\pi\cdot\sqrt{2\pi\gamma'} = \sqrt{\frac\pi{2\gamma}}",
        ),
        Text(
            r"so that $G(\gamma)=\sqrt{\pi/2\gamma}\;G(\pi^2/4\gamma)$. In number theory $G$ is a Mordell "
            r"integral, and "
            r"this is the transformation it shares with theta functions."
        ),
        Argument("Parseval's formula for two integrable functions with integrable transforms."),
        Argument("Mordell's integrals and their transformation.", "M33"),
    )


def _series() -> tuple[Block, ...]:
    return (
        Text(
            r"**T9's two series are one.** At small $\gamma$, $G\sim\sum_nE_{2n}\gamma^n/(2^nn!)$. Put "
            r"$\pi^2/4\gamma$ for "
            r"$\gamma$ and multiply by $\sqrt{\pi/2\gamma}$: what comes out is T9's series at large "
            r"$\gamma$, whose "
            r"coefficients were derived apart, from the moments of sech:"
        ),
        *(
            Identity.of(
                f"term n = {n} of the two series",
                _term(n),
                rf"\frac{{E_{{{2 * n}}}}}{{2^{n}\,{n}!}}\left(\frac{{\pi^2}}{{4\gamma}}\right)^{n} = "
                rf"\frac{{(-1)^{n}}}{{\gamma^{n}\,{n}!\,2^{n}}}"
                rf"\cdot\frac1\pi\int u^{{{2 * n}}}\,\mathrm{{sech}}\,u\;du",
            )
            for n in (1, 2, 3)
        ),
    )


def _fixed_point() -> tuple[Block, ...]:
    return (
        Text(
            r"**The fixed point.** $\gamma=\pi^2/4\gamma$ at $\gamma=\pi/2$. Take the logarithm of the "
            r"duality and its "
            r"derivative there. With the tangent $\log G\approx a+b(\gamma-\pi/2)$, $b=G'/G$, the right "
            r"side has the slope"
        ),
        Identity.of(
            "slope of the right side at π/2 is −1/π − b",
            _slope,
            r"\frac{d}{d\gamma}\left[\tfrac12\log\frac\pi{2\gamma}+a+b\left(\frac{\pi^2}{4\gamma}-\frac\pi2\right)\right]"
            r"_{\gamma=\pi/2} = -\frac1\pi-b",
        ),
        Text(
            r"which must be $b$ again: $b=-1/2\pi$, and "
            r"$\mathrm{mmse}'/\mathrm{mmse}=b-\tfrac12=-\left(\tfrac12+"
            r"\tfrac1{2\pi}\right)$, a rational function of $\pi$ where the value itself, "
            r"$\mathrm{mmse}(\pi/2)=0.30505\ldots$, has no closed form that we know."
        ),
    )


def _bounds() -> tuple[Block, ...]:
    return (
        Text(
            r"**One factor for every $\gamma$.** Parseval's form of the error, "
            r"$\mathrm{mmse}=\tfrac12\int "
            r"e^{-\gamma(1+\omega^2)/2}\,\mathrm{sech}\frac{\pi\omega}2\,d\omega$, shows its "
            r"dependence on $\gamma$ openly, and T3's $dH/d\gamma=-\tfrac12\mathrm{mmse}$ with "
            r"$H(\infty)=0$ is solved by "
            r"a factor under the integral:"
        ),
        Identity.of(
            "d/dγ e^{−γ(1+ω²)/2}/(1+ω²) = −½ e^{−γ(1+ω²)/2}",
            _entropy_kernel,
            r"\frac{d}{d\gamma}\,\frac{e^{-\gamma(1+\omega^2)/2}}{1+\omega^2} = "
            r"-\tfrac12e^{-\gamma(1+\omega^2)/2}",
        ),
        Text(
            r"so that "
            r"$H=\tfrac12\int\frac{e^{-\gamma(1+\omega^2)/2}}{1+\omega^2}\,"
            r"\mathrm{sech}\frac{\pi\omega}2\,d\omega$ "
            r"(T24 on the line $s=\tfrac12+\tfrac{i\omega}2$). At $\gamma=0$ it is $\log2$, and the "
            r"difference"
        ),
        Identity.of(
            "1 − 1/(1+ω²) = ∫ ω² e^{−(1+ω²)x} dx",
            _difference,
            r"1-\frac1{1+\omega^2} = \int_0^\infty\omega^2\,e^{-(1+\omega^2)x}\,dx\ge0",
        ),
        Text(
            r"gives $H\le\mathrm{mmse}$ for every $\gamma$. With T10, $\log2\cdot\mathrm{mmse}\le "
            r"H\le\mathrm{mmse}$: the "
            r"entropy is the mean-square error within a factor 1.44. As $\gamma$ grows, small $\omega$ "
            r"decide and the ratio "
            r"tends to 1; at $\gamma=0$ it is $\log2$. $G$ falls by Parseval's form above; by the heat "
            r"equation its slope is $G'=\tfrac12\int N\,(\mathrm{sech})''$, with"
        ),
        Identity.of(
            "½ (sech u)'' = ½ sech u − sech³ u",
            _curvature,
            r"\tfrac12\,\frac{d^2}{du^2}\,\mathrm{sech}\,u = \tfrac12\,\mathrm{sech}\,u-\mathrm{sech}^3u",
        ),
        Text(
            r"that is $-\mathrm{mmse}'-\tfrac12\mathrm{mmse}=-e^{-\gamma/2}G'>0$, integrated from "
            r"$\gamma$ to $\infty$."
        ),
        Measured(
            "G on both sides of the duality, value and slope at its fixed point, and the bounds, from the "
            "channel's "
            "definition; the error of draws in 16 dimensions against the other side."
        ),
    )


def _residue(frequency: Expr = ONE) -> tuple[Expr, Expr]:
    u, omega = sp.Symbol("u"), sp.Symbol("omega", positive=True)
    pole = sp.I * sp.pi / 2
    quotient = (u - pole) * sp.exp(sp.I * frequency * omega * u) / sp.cosh(u)
    return sp.Limit(quotient, u, pole), -sp.I * sp.exp(-sp.pi * omega / 2)


def _sech(shift: Expr = ONE) -> tuple[Expr, Expr]:
    omega = sp.Symbol("omega", positive=True)
    left = 2 * sp.pi * sp.exp(-sp.pi * omega / 2) / (1 + sp.exp(-shift * sp.pi * omega))
    return left, sp.pi / sp.cosh(sp.pi * omega / 2)


def _normal_transform(variance: Expr = ONE) -> tuple[Expr, Expr]:
    u, (gamma, omega) = sp.Symbol("u", real=True), sp.symbols("gamma omega", positive=True)
    spread = variance * gamma
    density = sp.exp(-(u**2) / (2 * spread)) / sp.sqrt(2 * sp.pi * spread)
    return sp.Integral(density * sp.cos(omega * u), (u, -sp.oo, sp.oo)), sp.exp(-gamma * omega**2 / 2)


def _exponent(frequency: Expr = TWO) -> tuple[Expr, Expr]:
    v, gamma = sp.symbols("v gamma", positive=True)
    omega = frequency * v / sp.pi
    dual = sp.pi**2 / (4 * gamma)
    return -gamma / 2 * omega**2, sp.Mul(-(v**2) / 2, sp.Pow(dual, -1, evaluate=False), evaluate=False)


def _factor(frequency: Expr = TWO) -> tuple[Expr, Expr]:
    gamma = sp.Symbol("gamma", positive=True)
    dual = sp.pi**2 / (4 * gamma)
    left = frequency / sp.pi * sp.pi / (2 * sp.pi) * sp.sqrt(sp.expand(2 * sp.pi * dual))
    return sp.log(left), (sp.log(sp.pi) - sp.log(2 * gamma)) / 2


def _term(n: int) -> Expr:
    def sides(scale: Expr = QUARTER) -> tuple[Expr, Expr]:
        gamma = sp.Symbol("gamma", positive=True)
        dual = scale * sp.pi**2 / gamma
        left = sp.Mul(sp.euler(2 * n), (dual / 2) ** n / sp.factorial(n), evaluate=False)
        return left, large_gamma_coefficients(n + 1)[n] / gamma**n

    return sides


def _slope(half: Expr = HALF) -> tuple[Expr, Expr]:
    gamma, a, b = sp.symbols("gamma a b", positive=True)
    right = half * sp.log(sp.pi / (2 * gamma)) + a + b * (sp.pi**2 / (4 * gamma) - sp.pi / 2)
    return sp.Subs(sp.Derivative(right, gamma), gamma, sp.pi / 2), -1 / sp.pi - b


def _entropy_kernel(half: Expr = HALF) -> tuple[Expr, Expr]:
    gamma, omega = sp.symbols("gamma omega", positive=True)
    left = sp.Derivative(sp.exp(-half * gamma * (1 + omega**2)) / (1 + omega**2), gamma)
    return left, -sp.exp(-gamma * (1 + omega**2) / 2) / 2


def _difference(power: int = 2, unit: Expr = ONE) -> tuple[Expr, Expr]:
    x, omega = sp.symbols("x omega", positive=True)
    integrand = omega**power * sp.exp(-(1 + omega**2) * x)
    return 1 - 1 / (unit + omega**2), sp.Integral(integrand, (x, 0, sp.oo))


def _curvature(half: Expr = HALF) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    return half * sp.Derivative(1 / sp.cosh(u), (u, 2)), 1 / (2 * sp.cosh(u)) - 1 / sp.cosh(u) ** 3


THEOREM = Theorem(
    id="T27",
    name="self-duality",
    statement=(
        r"$G(\gamma)=e^{\gamma/2}\,\mathrm{mmse}(\gamma)$ of two balanced classes obeys "
        r"$G(\gamma)=\sqrt{\pi/2\gamma}\;G(\pi^2/4\gamma)$, which makes T9's series at small and at large "
        r"$\gamma$ one. At "
        r"the fixed point $\gamma=\pi/2$, "
        r"$\mathrm{mmse}'/\mathrm{mmse}=-\left(\tfrac12+\tfrac1{2\pi}\right)$. For every "
        r"$\gamma$, $\log2\cdot\mathrm{mmse}\le H\le\mathrm{mmse}$."
    ),
    sources=("M33",),
    hypotheses=("two classes of equal weight with a shared covariance",),
    derivation=derivation,
    predict=predict,
)
