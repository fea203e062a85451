"""T25: classes with random means are decided where a channel's capacity is spent."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.orthogonal import LARGEST_CLASSES
from ..closed_forms.random_means import (
    random_means_bounds,
    random_means_delay,
    random_means_entropy,
    random_means_threshold,
)
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((1.0, 300, 2), (3.0, 2000, 6), (6.0, 500, 12), (9.0, 40, 20))
"""g, K and d at which the bounds are predicted."""
ALPHAS = (0.01, 0.5, 2.0)
LIMIT_ALPHA, LIMIT_RATIOS = 0.3, (0.4, 0.8)
"""`log K/d`, and `g/g_c`, at which the limit of `H/log K` is predicted."""


def derivation() -> tuple[Block, ...]:
    """Both bounds, the law of the information density, the limit, the threshold and the delay."""
    return (*_bounds(), *_density(), *_limit(), *_times())


def predict() -> dict[str, float]:
    """Capacity and bounds of `CASES`, thresholds and delays of `ALPHAS`, and the limit."""
    numbers: dict[str, float] = {}
    for g, classes, d in CASES:
        lower, upper = random_means_bounds(g, classes, d)
        name = f"g={g:g}, K={classes}, d={d}"
        numbers |= {f"lower bound, {name}": float(lower), f"upper bound, {name}": float(upper)}
        most = random_means_entropy(g, LARGEST_CLASSES, d)
        numbers[f"capacity, {name}"] = float(np.log(LARGEST_CLASSES) - most)
    for alpha in ALPHAS:
        numbers[f"g_c/d, alpha={alpha:g}"] = float(random_means_threshold(alpha))
        numbers[f"delay, alpha={alpha:g}"] = float(random_means_delay(alpha))
    for ratio in LIMIT_RATIOS:
        d = 100.0
        g = ratio * d * float(random_means_threshold(LIMIT_ALPHA))
        entropy = float(random_means_entropy(g, np.exp(LIMIT_ALPHA * d), d))
        numbers[f"H/log K at {ratio:g} g_c"] = entropy / (LIMIT_ALPHA * d)
    return numbers


def _bounds() -> tuple[Block, ...]:
    return (
        Text(
            r"**Setting.** $K$ classes of equal weight have $\Sigma=s^2I$ and means drawn once and for "
            r"all from "
            r"$N(0,(M/d)I)$. In units of $\sqrt{s^2+\sigma^2}$ the state of class $k$ is $x=\mu_k+n$ with "
            r"$n\sim N(0,I)$ "
            r"and $\mu_k\sim N(0,rI)$, $r=g/d$, $g=M/(s^2+\sigma^2)$. That is Shannon's random code for $d$ "
            r"uses of the Gaussian channel of signal-to-noise ratio $r$, with $\log K$ nats to be sent; "
            r"$H$ is the average over codes of what the receiver still lacks."
        ),
        Text(
            r"**Lower bound.** Given the code, $x$ depends on the class through the codeword alone, so "
            r"$I(C;x)=h(x|\mathrm{code})-h(n)$, and leaving out the condition can only raise the entropy: "
            r"$I\le h(x)-h(n)$, where $x\sim N(0,(1+r)I)$ on average over codes. A Gaussian "
            r"coordinate of variance $v$ has the entropy"
        ),
        Identity.of(
            "entropy of N(0, v)",
            _capacity,
            r"-\int N(x;0,v)\log N(x;0,v)\,dx = \tfrac12\log2\pi ev",
        ),
        Text(
            r"and $d$ differences between $v=1+r$ and $v=1$ are the capacity $C=\tfrac d2\log(1+r)$, so that "
            r"$H\ge\max(0,\log K-C)$."
        ),
        Text(
            r"**Upper bound.** Let class 1 have been sent. With likelihoods $l_k=p(x|\mu_k)$ its surprise is "
            r"$\log\left(1+\sum_{k\ge2}l_k/l_1\right)$. The other codewords are independent of $x$ and "
            r"$\mu_1$, and "
            r"each likelihood has the mean $\mathbb E\,l_k=p(x)$, the density of $N(0,(1+r)I)$:"
        ),
        Identity.of(
            "a rival's mean likelihood is the marginal density",
            _rival,
            r"\int N(x;m,1)\,N(m;0,r)\,dm = N(x;0,1+r)",
        ),
        Text(
            r"The logarithm is concave, so by Jensen $H\le\mathbb E\log\left(1+(K-1)e^{-i}\right)$, where "
            r"$i=\log p(x|\mu_1)/p(x)$ is the *information density*."
        ),
        Argument("Conditioning cannot raise entropy; Jensen's inequality for the concave logarithm."),
    )


def _density() -> tuple[Block, ...]:
    return (
        Text(
            r"**The law of $i$.** In one coordinate "
            r"$i=\tfrac12\log(1+r)+\tfrac12\left[\frac{x^2}{1+r}-n^2\right]$. The "
            r"numbers $a=n$ and $b=x/\sqrt{1+r}$ are standard normal with correlation $c=1/\sqrt{1+r}$. So "
            r"$C-i$ is half of $a^2-b^2$ summed over $d$ independent coordinates, and a Gaussian average "
            r"of the "
            r"exponential of a quadratic form is a determinant, with $\mathrm{diag}(1,-1)$ the form and the "
            r"correlations as covariance:"
        ),
        Identity.of(
            "det(I − s [[1, c], [c, 1]] diag(1, −1)) = 1 − s² r/(1+r)",
            _determinant,
            r"\det\left[I-s\begin{pmatrix}1&c\\c&1\end{pmatrix}\begin{pmatrix}1&0\\0&-1\end{pmatrix}\right]"
            r" = 1-\frac{s^2r}{1+r},\qquad c=\frac1{\sqrt{1+r}}",
        ),
        Text(
            r"Hence $\mathbb E\,e^{s(C-i)}=\left(1-\frac{s^2r}{1+r}\right)^{-d/2}$, whose second "
            r"derivative at "
            r"$s=0$ is the variance:"
        ),
        Identity.of(
            "Var i = d r/(1+r)",
            _variance,
            r"\frac{d^2}{ds^2}\left(1-\frac{s^2r}{1+r}\right)^{-d/2}\bigg|_{s=0} = \frac{dr}{1+r}",
        ),
    )


def _limit() -> tuple[Block, ...]:
    return (
        Text(
            r"**The limit.** Let $\alpha=\log K/d$ stay fixed as $d\to\infty$. Since "
            r"$\log(1+e^u)\le\log2+\max(u,0)$, "
            r"with $u=\log(K-1)-i$, the upper bound is at most "
            r"$\log2+\max(0,\log K-C)+\mathbb E|i-C|$, and $\mathbb "
            r"E|i-C|\le\sqrt{\mathrm{Var}\,i}\le\sqrt d$. The bounds "
            r"differ, relative to $\log K=\alpha d$, by at most"
            r" $\frac{\log 2+\sqrt{dr/(1+r)}}{\alpha d}=O(d^{-1/2})$. This is the error of the limit in "
            r"finite dimension: $H/\log K\to\max\left(0,1-\frac{\log(1+g/d)}{2\alpha}\right)$, because"
        ),
        Identity.of(
            "upper bound/log K → 1 − log(1+r)/2α",
            _share,
            r"\lim_{d\to\infty}\frac{\log2+\sqrt{dr/(1+r)}+\alpha d-\frac d2\log(1+r)}{\alpha d} = "
            r"1-\frac{\log(1+r)}{2\alpha}",
        ),
        Argument(
            "The logarithms of the likelihoods are the energies of Derrida's random-energy model, and the "
            "partition "
            "function is condensed on one class beyond the threshold.",
            "D81",
        ),
    )


def _times() -> tuple[Block, ...]:
    return (
        Text(
            r"**Threshold and delay.** The class is decided where the capacity is spent, $C=\log K$, that "
            r"is at "
            r"$g_c=d\,(e^{2\alpha}-1)$:"
        ),
        Identity.of(
            "½ d ∫₀^{g_c/d} dr/(1+r) = αd",
            _threshold,
            r"C = \frac d2\int_0^{g_c/d}\frac{dr}{1+r} = \alpha d,\qquad g_c=d\,(e^{2\alpha}-1)",
        ),
        Text(
            r"Orthogonal means (T14) are decided at $g=2\log K=2\alpha d$ already. On the way back from "
            r"noise $g$ grows, "
            r"and at $s=1$ it is $Me^{-2t}$, so that the difference in OU time is"
        ),
        Identity.of(
            "t(2αd) − t(g_c) = ½ log((e^{2α} − 1)/2α)",
            _delay,
            r"\tfrac12\log\frac M{2\alpha d}-\tfrac12\log\frac M{d(e^{2\alpha}-1)} = "
            r"\tfrac12\log\frac{e^{2\alpha}-1}{2\alpha}",
        ),
        Text(r"It vanishes when there are few classes for the dimension, where random means are orthogonal:"),
        Identity.of(
            "the delay is α/2 + α²/12 + …",
            _small,
            r"\lim_{\alpha\to0}\frac1{\alpha^2}\left[\tfrac12\log\frac{e^{2\alpha}-1}{2\alpha}"
            r"-\frac\alpha2\right] = \frac1{12}",
        ),
        Text(
            r"T18's collapse is the same threshold with $n$ samples for the codewords, $s^2/\sigma^2$ for "
            r"$r$, and "
            r"$\alpha=\log n/d$:"
        ),
        Identity.of(
            "T18: ½ log(1 + s²/(n^{2/d} − 1)) is the time at which s²/σ² = e^{2α} − 1",
            _collapse,
            r"\tfrac12\log\left(1+\frac{s^2}{n^{2/d}-1}\right) = \tfrac12\log(1+\sigma^2)"
            r"\quad\text{at}\quad\frac{s^2}{\sigma^2}=e^{2\log n/d}-1",
        ),
        Measured(
            "The entropy of drawn codes against both bounds; capacity and upper bound as averages of "
            "drawn information "
            "densities; the limit in 10^8 dimensions; threshold and delay by bisection."
        ),
    )


def _normal(x: Expr, variance: Expr) -> Expr:
    return sp.exp(-(x**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _capacity(square_weight: Expr = HALF) -> tuple[Expr, Expr]:
    x, v = sp.Symbol("x", real=True), sp.Symbol("v", positive=True)
    surprise = square_weight * x**2 / v + sp.log(2 * sp.pi * v) / 2
    return sp.Integral(_normal(x, v) * surprise, (x, -sp.oo, sp.oo)), sp.log(2 * sp.pi * sp.E * v) / 2


def _rival(spread: Expr = ONE) -> tuple[Expr, Expr]:
    x, m = sp.symbols("x m", real=True)
    r = sp.Symbol("r", positive=True)
    exponent = sp.expand(-((x - m) ** 2) / 2 - m**2 / (2 * spread * r))
    density = sp.exp(exponent) / (2 * sp.pi * sp.sqrt(spread * r))
    return sp.Integral(density, (m, -sp.oo, sp.oo)), _normal(x, 1 + r)


def _determinant(noise: Expr = ONE) -> tuple[Expr, Expr]:
    s, r = sp.symbols("s r", positive=True)
    c = 1 / sp.sqrt(noise + r)
    correlations = sp.Matrix([[1, c], [c, 1]])
    return (sp.eye(2) - s * correlations * sp.diag(1, -1)).det(), 1 - s**2 * r / (1 + r)


def _variance(power: Expr = HALF) -> tuple[Expr, Expr]:
    s, r, d = sp.symbols("s r d", positive=True)
    transform = (1 - s**2 * r / (1 + r)) ** (-d * power)
    return sp.Subs(sp.Derivative(transform, (s, 2)), s, 0), d * r / (1 + r)


def _share(half: Expr = HALF) -> tuple[Expr, Expr]:
    d, r, alpha = sp.symbols("d r alpha", positive=True)
    top = sp.log(2) + sp.sqrt(d * r / (1 + r)) + alpha * d - half * d * sp.log(1 + r)
    return sp.Limit(sp.expand(top / (alpha * d)), d, sp.oo), 1 - sp.log(1 + r) / (2 * alpha)


def _threshold(rate: Expr = TWO) -> tuple[Expr, Expr]:
    d, alpha, r = sp.symbols("d alpha r", positive=True)
    return d / 2 * sp.Integral(1 / (1 + r), (r, 0, sp.exp(rate * alpha) - 1)), alpha * d


def _delay(orthogonal: Expr = TWO) -> tuple[Expr, Expr]:
    d, alpha, m = sp.symbols("d alpha M", positive=True)
    excess = sp.Symbol("E", positive=True)  # e^{2α} − 1
    left = sp.log(m / (orthogonal * alpha * d)) / 2 - sp.log(m / (d * excess)) / 2
    return left, sp.log(excess / (2 * alpha)) / 2


def _small(rate: Expr = TWO) -> tuple[Expr, Expr]:
    alpha = sp.Symbol("alpha", positive=True)
    delay = sp.log((sp.exp(rate * alpha) - 1) / (rate * alpha)) / 2
    return sp.Limit((delay - rate * alpha / 4) / alpha**2, alpha, 0), sp.Rational(1, 12)


def _collapse(rate: Expr = TWO) -> tuple[Expr, Expr]:
    n, d, s2 = sp.symbols("n d s2", positive=True)
    noise = s2 / (sp.exp(rate * sp.log(n) / d) - 1)
    return sp.log(1 + s2 / (n ** (2 / d) - 1)) / 2, sp.log(1 + noise) / 2


THEOREM = Theorem(
    id="T25",
    name="random means",
    statement=(
        r"For $K$ classes of equal weight with $\Sigma=s^2I$ and means from $N(0,(M/d)I)$, "
        r"$g=M/(s^2+\sigma^2)$, "
        r"$C=\tfrac d2\log(1+g/d)$, on average over the means: "
        r"$\max(0,\log K-C)\le H\le\mathbb E\log\left(1+(K-1)e^{-i}\right)$, where $\mathbb E\,i=C$ and "
        r"$\mathbb E\,e^{s(C-i)}=\left(1-\frac{s^2g}{d+g}\right)^{-d/2}$. At fixed $\alpha=\log K/d$, "
        r"$H/\log K=\max\left(0,1-\frac{\log(1+g/d)}{2\alpha}\right)+O(d^{-1/2})$: the class is decided at "
        r"$g_c=d(e^{2\alpha}-1)$, later than among orthogonal means by "
        r"$\tfrac12\log\frac{e^{2\alpha}-1}{2\alpha}$ "
        r"in OU time at $s=1$."
    ),
    sources=("D81",),
    hypotheses=(
        "K classes of equal weight, Σ = s²I, independent means from N(0, (M/d) I)",
        "entropies averaged over the means; d → ∞ at fixed log K/d for the limit",
    ),
    derivation=derivation,
    predict=predict,
)
