"""T14: with many classes the window is of first order, at g = 2 log K; the midpoint turns unstable late."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.many_classes import entropy_bounds, large_k_shift, orthogonal_peak
from ..closed_forms.orthogonal import orthogonal_entropy
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

RATIOS = (0.5, 1.0, 1.5)
"""g in units of `2 log K` at which `H/log K` is predicted, for `LARGE`."""
LARGE = 1e12
PEAKS = (3.0, 4.0, 10.0, 1e6, 1e12, 1e24)
"""Numbers of classes whose peak is predicted."""


def derivation() -> tuple[Block, ...]:
    """Both bounds, the limit, what jumps there, the peak of the rate, and the instability of the midpoint."""
    return (*_lower(), *_upper(), *_limit(), *_overlap(), *_peak(), *_midpoint())


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


def _lower() -> tuple[Block, ...]:
    return (
        Text(
            r"**Lower bound.** Write $\ell=\log K$. At $g=0$ the state says nothing, $H_K(0)=\ell$. By T13 "
            r"$dH_K/dg=-\frac12(1-\varphi_K)$, and $\varphi_K$ is a probability, so information is gained "
            r"at the rate of at most $\frac12$: $H_K(g)\ge\ell-g/2$. It is $\ge0$ as an entropy."
        ),
    )


def _upper() -> tuple[Block, ...]:
    return (
        Text(
            r"**Upper bound.** T13's entropy, with the true class's logit taken out of the sum, is "
            r"$H_K=\mathbb E\log\bigl(1+\sum_{k\ge2}e^{\ell_k-\ell_1}\bigr)$ with $\ell_1=g+\sqrt gZ_1$, "
            r"$\ell_k=\sqrt gZ_k$. The logarithm is concave, so averaging the $K-1$ rivals inside it, at "
            r"fixed $Z_1$, can only raise it (Jensen). The mean of one rival is"
        ),
        Identity.of(
            "E e^{√g Z} = e^{g/2}",
            _mean_rival,
            r"\mathbb E\,e^{\sqrt gZ} = \int\frac{e^{\sqrt gz-z^2/2}}{\sqrt{2\pi}}\,dz = e^{g/2}",
        ),
        Text(
            r"so the sum becomes $(K-1)e^{g/2-g-\sqrt gZ_1}$, and with $Z=-Z_1$: $H_K\le\mathbb "
            r"E\log\bigl(1+(K-1)e^{-g/2+\sqrt gZ}\bigr)$. Only the noise of one class is left in it."
        ),
    )


def _limit() -> tuple[Block, ...]:
    return (
        Text(
            r"**The limit.** How far are the bounds apart? For any exponent $y$ "
            r"the logarithm is its larger term and little more:"
        ),
        Identity.of(
            "log(1 + e^y) = y + log(1 + e^{−y})",
            _softplus,
            r"\log(1+e^y) = y+\log(1+e^{-y})",
        ),
        Text(
            r"and for $y\ge0$ the last term is at most $\log2$, as for $y<0$ is the left side. Hence "
            r"$\log(1+e^y)\le\log2+\max(0,y)$. With $y=\ell-g/2+\sqrt gZ$, "
            r"$\max(0,y)\le\max(0,\ell-g/2)+\sqrt g\max(0,Z)$, and the last one has the mean"
        ),
        Identity.of(
            "E max(0, Z) = 1/√(2π)",
            _positive_part,
            r"\mathbb E\max(0,Z) = \int_0^\infty z\,\frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz = \frac1{\sqrt{2\pi}}",
        ),
        Text(
            r"so that for every $g$ and $K$ $\max(0,\ell-\frac g2)\le H_K(g)\le\max(0,\ell-\frac "
            r"g2)+\log2+\sqrt{g/2\pi}$. Put $g=2r\ell$ and divide by $\ell$. The left side is "
            r"$\max(0,1-r)$, and the gap vanishes as $\ell^{-1/2}$:"
        ),
        Identity.of(
            "√ℓ × gap/ℓ → √(r/π)",
            _gap,
            r"\lim_{\ell\to\infty}\sqrt\ell\;\frac{\log2+\sqrt{2r\ell/2\pi}}\ell = \sqrt{\frac r\pi}",
        ),
        Text(
            r"Hence $H_K(2r\log K)/\log K\to\max(0,1-r)$: "
            r"information flows at full rate until it is complete."
        ),
    )


def _overlap() -> tuple[Block, ...]:
    return (
        Text(
            r"**What jumps.** The limit of $H_K/\log K$ is continuous; only its slope breaks, at $r=1$. "
            r"The slope is the overlap: by the chain rule, with $g=2r\ell$ and T13's "
            r"$dH/dg=-\frac12(1-\varphi)$ as it would be at a constant $\varphi$,"
        ),
        Identity.of(
            "d(H/ℓ)/dr = −(1 − φ)",
            _slope_in_r,
            r"\frac{d}{dr}\,\frac{1}{\ell}\Bigl[\ell-\tfrac12(1-\varphi)\,2r\ell\Bigr] = -(1-\varphi)",
        ),
        Argument(
            r"$\varphi_K$ grows with $g$, since less noise cannot raise the error $1-\varphi_K$, so $H_K$ "
            r"is convex in $g$. The slopes of convex functions that converge converge too, wherever the "
            r"limit has a slope."
        ),
        Text(
            r"The slope of $\max(0,1-r)$ is $-1$ below $r=1$ and $0$ above it. Hence $\varphi_K\to0$ for "
            r"$r<1$ and $\varphi_K\to1$ for $r>1$: it is the overlap of two clones that jumps, from none "
            r"to complete, and the entropy that bends. In the sense of the random energy model, this is a "
            r"transition of first order."
        ),
    )


def _peak() -> tuple[Block, ...]:
    return (
        Text(
            r"**The peak of the rate.** At $s=1$, $g=Me^{-2t}$ and the entropy falls towards clean data at "
            r"the rate $dH/dt=g(1-\varphi_K)$ per unit OU time. Up to $r=1$ the $K-1$ rivals act together "
            r"as their mean, $\log\sum_{k\ge2}e^{\ell_k}\approx\ell+g/2$ (this holds while $\sqrt "
            r"g<\sqrt{2\ell}$). The true class, $\ell_1=g+\sqrt gZ$, is still below it with the "
            r"probability $\Phi(x)$, $x=(\ell-g/2)/\sqrt g$. Let the rate therefore be $g\,\Phi(x)$. As a "
            r"function of $\log g$,"
        ),
        Identity.of(
            "g dx/dg = −(√g + x)/2",
            _slope_of_x,
            r"g\,\frac{d}{dg}\,\frac{\ell-g/2}{\sqrt g} = -\tfrac12(\sqrt g+x)",
        ),
        Text(
            r"so its maximum, $\frac{d}{d\log g}\log(g\,\Phi)=0$, is where $\Phi(x)=\frac12(\sqrt "
            r"g+x)\,\frac{e^{-x^2/2}}{\sqrt{2\pi}}$. Measure the time from $\frac12\log(M/2\ell)$, where "
            r"$g=2\ell$: at the delay $a$, $g=2\ell e^{-2a}$, and then"
        ),
        Identity.of(
            "x = √(2ℓ) sinh a",
            _sinh,
            r"\frac{\ell-g/2}{\sqrt g}\Big|_{g=2\ell e^{-2a}} = \sqrt{2\ell}\,\sinh a",
        ),
        Identity.of(
            "√g + x = √(2ℓ + x²)",
            _cosh,
            r"\bigl(\sqrt g+x\bigr)^2 = 2\ell+x^2 = 2\ell\cosh^2a",
        ),
        *_peak_condition(),
    )


def _peak_condition() -> tuple[Block, ...]:
    return (
        Text(
            r"Taking twice the logarithm of the condition, "
            r"$2\log\Phi=-x^2-\log2\pi-\log4+\log(2\ell+x^2)$, gives"
        ),
        Identity.of(
            "x² = log(ℓ/4π) + log(1 + x²/2ℓ) − 2 log Φ",
            _condition,
            r"x^2-2\log\Bigl[\tfrac12\sqrt{2\ell+x^2}\,\frac1{\sqrt{2\pi}}\Bigr] = "
            r"x^2-\log\frac\ell{4\pi}-\log\Bigl(1+\frac{x^2}{2\ell}\Bigr)",
        ),
        Text(
            r"where the left side is $-2\log\Phi(x)$: this is the equation of the statement, and $t_{\rm "
            r"peak}=\frac12\log\frac M{2\ell}+a$ with $a=\mathrm{arsinh}(x/\sqrt{2\ell})$. For large "
            r"$\ell$ the root is $x\approx\sqrt{\log(\ell/4\pi)}$, so the delay vanishes, slowly:"
        ),
        Identity.of(
            "√(2ℓ) a → x",
            _delay,
            r"\lim_{\ell\to\infty}\sqrt{2\ell}\;\mathrm{arsinh}\frac x{\sqrt{2\ell}} = x",
        ),
        Text(
            r"Nothing here bounds the error of $1-\varphi\approx\Phi(x)$; that it moves the peak by "
            r"$O(1/\log K)$ in time is measured."
        ),
    )


def _midpoint() -> tuple[Block, ...]:
    return (
        Text(
            r"**The midpoint.** Local instability is another matter. At the centroid all classes are "
            r"equally likely. Move by $y$ along $m_1-m_2$, a direction in which the first two logits "
            r"change by $\pm y\sqrt{M/2}/v$, $v=s^2+\sigma^2$, and those of the other $K-2$ classes do "
            r"not. The curvature of the log-density there is"
        ),
        Identity.of(
            "curvature at the centroid",
            _curvature,
            r"\frac{d^2}{dy^2}\left[-\frac{y^2}{2v}+\log\frac{2\cosh(y\sqrt{M/2}/v)+K-2}K\right]_{y=0} = "
            r"\frac1v\Bigl(\frac gK-1\Bigr)",
        ),
        Text(
            r"By symmetry it is the same for every pair. It turns positive at $g=K$ only, when the class "
            r"has long been decided. With $g=M/(s^2+\sigma^2)$ and $s=1$ the delay behind $g=2\log K$ is"
        ),
        Identity.of(
            "delay of the instability",
            _late,
            r"t(g=2\log K)-t(g=K) = \tfrac12\log\frac M{2\log K}-\tfrac12\log\frac MK = \tfrac12\log\frac "
            r"K{2\log K}",
        ),
        Text(
            r"For few classes it is the other way about: the rate peaks at $g=3.017$ for $K=2$ and at "
            r"$g=3.385$ for $K=3$, beyond $g=K$. For $K\ge4$ the instability comes after the peak."
        ),
        Measured(
            r"$H_K/\log K$ at $K=10^{12}$ by an integral of its own; both bounds there; the peak of the "
            r"rate for $K$ from 3 to $10^{24}$ by a polynomial through entropies, and the large-$K$ form "
            r"against it; the change of sign of the curvature by second differences of $\log p$; and 64 "
            r"classes in 64 dimensions."
        ),
    )


def _gaussian(z: Expr) -> Expr:
    return sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


def _mean_rival(power: Expr = HALF) -> tuple[Expr, Expr]:
    z, g = sp.Symbol("z", real=True), sp.Symbol("g", positive=True)
    return sp.Integral(sp.exp(g**power * z) * _gaussian(z), (z, -sp.oo, sp.oo)), sp.exp(g / 2)


def _softplus(sign: int = 1, share: Expr = ONE) -> tuple[Expr, Expr]:
    x = sp.Symbol("x", positive=True)  # e^y
    return sp.log(share + x), sp.log(x) + sp.log(sp.together(1 + x**-sign))


def _positive_part(power: Expr = ONE) -> tuple[Expr, Expr]:
    z = sp.Symbol("z", positive=True)
    return sp.Integral(z**power * _gaussian(z), (z, 0, sp.oo)), 1 / sp.sqrt(2 * sp.pi)


def _gap(threshold: Expr = TWO, mean: Expr = ONE) -> tuple[Expr, Expr]:
    r, ell = sp.symbols("r ell", positive=True)
    gap = sp.log(2) + mean * sp.sqrt(threshold * r * ell / (2 * sp.pi))
    return sp.Limit(sp.expand(gap / sp.sqrt(ell)), ell, sp.oo), sp.sqrt(r / sp.pi)


def _slope_in_r(threshold: Expr = TWO, rate: Expr = HALF) -> tuple[Expr, Expr]:
    r, ell, phi = sp.symbols("r ell varphi", positive=True)
    return sp.Derivative((ell - rate * (1 - phi) * threshold * r * ell) / ell, r), -(1 - phi)


def _x(g: Expr, ell: Expr, half: Expr = HALF) -> Expr:
    return (ell - half * g) / sp.sqrt(g)


def _slope_of_x(half: Expr = HALF) -> tuple[Expr, Expr]:
    g, ell = sp.symbols("g ell", positive=True)
    return g * sp.Derivative(_x(g, ell, half), g), -(sp.sqrt(g) + _x(g, ell)) / 2


def _sinh(half: Expr = HALF, rate: Expr = TWO) -> tuple[Expr, Expr]:
    ell, a = sp.symbols("ell a", positive=True)
    return _x(2 * ell * sp.exp(-rate * a), ell, half), sp.sqrt(2 * ell) * sp.sinh(a)


def _cosh(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    ell, g = sp.symbols("ell g", positive=True)
    return (sp.sqrt(g) + _x(g, ell, half)) ** power, 2 * ell + _x(g, ell) ** 2


def _condition(half: Expr = HALF, mass: Expr = TWO) -> tuple[Expr, Expr]:
    x, ell = sp.symbols("x ell", positive=True)
    left = x**2 - 2 * sp.log(half * sp.sqrt(2 * ell + x**2) / sp.sqrt(mass * sp.pi))
    return left, x**2 - sp.log(ell / (4 * sp.pi)) - sp.log(sp.together(1 + x**2 / (2 * ell)))


def _delay(root: Expr = TWO) -> tuple[Expr, Expr]:
    x, e = sp.symbols("x epsilon", positive=True)
    # e = 1/√(2ℓ)
    return sp.Limit(sp.asinh(x * e * sp.sqrt(root / 2)) / e, e, 0, "+"), x


def _curvature(pair: Expr = TWO, others: int = 2) -> tuple[Expr, Expr]:
    g, v, y, K = sp.symbols("g v y K", positive=True)
    shift = y * sp.sqrt(g * v / pair) / v
    log_density = -(y**2) / (2 * v) + sp.log((2 * sp.cosh(shift) + K - others) / K)
    return sp.Subs(sp.Derivative(log_density, y, 2), y, 0), (g / K - 1) / v


def _late(clock: Expr = TWO) -> tuple[Expr, Expr]:
    ell, g = sp.symbols("ell g", positive=True)  # g = M e^{−2t}, so that dt = −dg/2g
    left = sp.Integral(-1 / (clock * g), (g, sp.exp(ell), 2 * ell))
    return left, ell / 2 - sp.log(2 * ell) / 2


THEOREM = Theorem(
    id="T14",
    name="first-order window",
    statement=(
        r"$\max(0, \log K - g/2) \le H_K(g) \le \mathbb E\log\bigl(1+(K-1)e^{-g/2+\sqrt g Z}\bigr)$, so "
        r"$H_K(2r\log K)/\log K \to \max(0, 1-r)$; $t_{\rm peak} = \tfrac12\log\frac{M}{2\log K} + "
        r"\operatorname{arsinh}\frac{x}{\sqrt{2\log K}}$, $x^2 = \log\frac{\log K}{4\pi} + "
        r"\log\Bigl(1+\frac{x^2}{2\log K}\Bigr) - 2\log\Phi(x)$; the midpoint turns unstable only at $g = "
        r"K$, for $K \ge 4$ after the peak, and later than $g=2\log K$ by $\tfrac12\log(K/(2\log K))$. "
        r"At $r = 1$ the overlap "
        r"$\varphi$ jumps, while $H_K/\log K$ only bends. Times are those of $s = 1$; otherwise up to "
        r"$O((1-s^2)\log K/M)$, and the peak's up to $O(1/\log K)$."
    ),
    sources=("B24",),
    hypotheses=("K equal classes with Σ = s²I", "orthogonal means with $|m_k|^2 = M$"),
    derivation=derivation,
    predict=predict,
)
