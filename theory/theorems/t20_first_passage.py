"""T20: a reverse run is Wald's sequential test: stopped at posterior p it errs with probability 1 − p."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.first_passage import (
    first_passage_density,
    first_passage_gamma,
    first_passage_tail,
    first_passage_transform,
    first_passage_variance,
)
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((0.9, 0.5), (0.99, 0.3), (0.6, 0.45))
"""Pairs (p, w) at which the law is predicted."""
GAMMAS, THETA = (0.5, 2.0), 0.7
THREE_HALVES = sp.Rational(3, 2)


def derivation() -> tuple[Block, ...]:
    """Optional stopping of the posterior, and of three functions of the half log-odds."""
    return (*_test(), *_moments(), *_law())


def predict() -> dict[str, float]:
    """Moments, transform, tails and densities at `CASES`."""
    numbers: dict[str, float] = {}
    for p, w in CASES:
        case = f"p={p:g}, w={w:g}"
        numbers[f"E gamma, {case}"] = float(first_passage_gamma(p, w))
        numbers[f"Var gamma, {case}"] = float(first_passage_variance(p, w))
        numbers[f"transform, {case}"] = float(first_passage_transform(THETA, p, w))
        for gamma in GAMMAS:
            numbers[f"P(gamma > {gamma:g}), {case}"] = float(first_passage_tail(gamma, p, w))
        numbers[f"density at {GAMMAS[0]:g}, {case}"] = float(first_passage_density(GAMMAS[0], p, w))
    return numbers


def _test() -> tuple[Block, ...]:
    return (
        Text(
            r"**Any classes.** By the key line (T19, $\omega=0$) every posterior $p_k$ of an unguided "
            r"reverse run is a bounded continuous martingale. "
            r"Classes are decided in the end, so $p_k$ tends to the indicator of the class $C$ in which "
            r"the run ends, and at any stopping time "
            r"$T$ it is $p_k(T) = P(C=k\,|\,\text{run up to }T)$. Let $T$ be the first time that "
            r"$\max_kp_k = p$, with $p$ not below the largest prior. Since a posterior "
            r"tends to 1 and paths are continuous, $T$ is finite and the likeliest class has exactly $p$. "
            r"So the run ends in it with probability exactly $p$: "
            r"the run is Wald's sequential test, with the error $1-p$. A sampler of finite steps stops a "
            r"little above $p$; then the mean posterior at stopping takes its place."
        ),
        Argument("Optional stopping of bounded martingales.", "D53"),
        Argument("The sequential test of likelihood ratios, its errors and its mean duration.", "W47"),
        Text(
            r"**Two classes.** With $L = \frac12\log p_1/p_2$ the level is $|L| = a = \frac12\log\frac "
            r"p{1-p}$ and the start $\lambda = \frac12\log\frac w{1-w}$; "
            r"$p = .9$ is $a = \log3$. In the clock $\mathrm d\gamma = \frac14|D_1-D_2|^2\mathrm d\tau$, "
            r"which is T11's $\gamma$ for a shared covariance and the run's own "
            r"otherwise, $\mathrm dL = \tanh L\,\mathrm d\gamma+\mathrm dB$ (T19). Its generator is $G = "
            r"\tanh(L)\,\partial_L+\frac12\partial_L^2$."
        ),
    )


def _moments() -> tuple[Block, ...]:
    return (
        Text(r"**Mean.** A function with $Gf = 1$ grows like the clock:"),
        Identity.of("G(L tanh L) = 1", _mean, r"G\,(L\tanh L) = 1"),
        Text(
            r"so $L\tanh L-\gamma$ is a martingale, bounded on $|L|\le a$ but for $\gamma$, and $\mathbb "
            r"E\gamma = a\tanh a-\lambda\tanh\lambda$. "
            r"**Transform.** With $r = \sqrt{1+2\theta}$,"
        ),
        Identity.of(
            "G(cosh rL/cosh L) = θ cosh rL/cosh L",
            _transform,
            r"G\,\frac{\cosh rL}{\cosh L} = \theta\,\frac{\cosh rL}{\cosh L},\qquad r=\sqrt{1+2\theta}",
        ),
        Text(
            r"so $e^{-\theta\gamma}\cosh rL/\cosh L$ is a martingale, bounded up to $T$, and it is even "
            r"in $L$, so that it has one value at both levels. Stopped at $T$: "
            r"$\mathbb E e^{-\theta\gamma} = \frac{\cosh a}{\cosh ar}\cdot\frac{\cosh\lambda "
            r"r}{\cosh\lambda}$. **Variance.** It is the second derivative at $\theta=0$ of the "
            r"logarithm, in which "
            r"$a$ and $\lambda$ are apart: $v(a)-v(\lambda)$ with"
        ),
        Identity.of(
            "−∂²_θ log cosh(x√(1+2θ)) = x tanh x − x² sech² x",
            _variance,
            r"-\frac{\partial^2}{\partial\theta^2}\log\cosh\left(x\sqrt{1+2\theta}\right)\Big|_{\theta=0} "
            r"= x\tanh x-x^2\,\mathrm{sech}^2x = v(x)",
        ),
    )


def _law() -> tuple[Block, ...]:
    return (
        Text(
            r"**The law.** $u(L,g) = P(\gamma>g)$ from $L$ solves $\partial_gu = Gu$, with $u=0$ at $\pm "
            r"a$ and $u=1$ at $g=0$. Try modes with "
            r"$q_n = (2n+1)\pi/2a$, which vanish at $\pm a$:"
        ),
        Identity.of(
            "G[cos qL/cosh L] = −½(1 + q²) cos qL/cosh L",
            _mode,
            r"G\,\frac{\cos qL}{\cosh L} = -\frac{1+q^2}2\,\frac{\cos qL}{\cosh L}",
        ),
        Text(
            r"At $g=0$ the sum $\sum_nc_n\cos q_nL$ must be $\cosh L$. The cosines are orthogonal on "
            r"$(-a,a)$ with squared norm $a$, hence $a\,c_n$ is"
        ),
        Identity.of(
            "∫ cosh x cos qx dx = 2(sinh a cos qa + q cosh a sin qa)/(1 + q²)",
            _coefficient,
            r"\int_{-a}^{a}\cosh x\cos qx\,dx = \frac{2}{1+q^2}\left(\sinh a\cos qa+q\cosh a\sin qa\right)",
        ),
        Text(
            r"where $\cos q_na=0$ and $\sin q_na=(-1)^n$. So $P(\gamma>g) = \frac{\cosh "
            r"a}{\cosh\lambda}\sum_{n\ge0}(-1)^n\frac{q_n}a\cos(q_n\lambda)\,"
            r"\frac{2}{1+q_n^2}\,e^{-(1+q_n^2)g/2}$. Summed over reflections instead of modes, $1/\cosh "
            r"ar = 2\sum_k(-1)^ke^{-(2k+1)ar}$ makes it a sum of "
            r"inverse Gaussian laws; each term's density solves the same equation, as Brownian motion's "
            r"does after the weight is taken out:"
        ),
        Identity.of(
            "(∂_g + ½ − ½∂²_D) D g^{−3/2} e^{−D²/2g − g/2} = 0",
            _reflection,
            r"\left(\partial_g+\tfrac12-\tfrac12\partial_D^2\right)\frac{D}{g^{3/2}}\,e^{-D^2/2g-g/2} = 0",
        ),
        Measured(
            "Moments, transform and law by collocation of the generator; reverse runs of three classes of "
            "any kind, stopped, against the class "
            "in which they end; the clock of two classes with unequal covariances; a chain of wrong "
            "denoisers, stopped."
        ),
    )


def _generator(function: Expr, ell: Expr, drift: Expr = ONE, noise: Expr = HALF) -> Expr:
    return drift * sp.tanh(ell) * sp.Derivative(function, ell) + noise * sp.Derivative(function, (ell, 2))


def _mean(drift: Expr = ONE, noise: Expr = HALF) -> tuple[Expr, Expr]:
    ell = sp.Symbol("L", positive=True)
    return _generator(ell * sp.tanh(ell), ell, drift, noise), ONE


def _transform(drift: Expr = ONE, noise: Expr = HALF, rate: Expr = TWO) -> tuple[Expr, Expr]:
    ell, theta = sp.symbols("L theta", positive=True)
    function = sp.cosh(sp.sqrt(1 + rate * theta) * ell) / sp.cosh(ell)
    return _generator(function, ell, drift, noise), theta * function


def _variance(rate: Expr = TWO) -> tuple[Expr, Expr]:
    x, theta = sp.symbols("x theta", positive=True)
    left = -sp.Subs(sp.Derivative(sp.log(sp.cosh(x * sp.sqrt(1 + rate * theta))), (theta, 2)), theta, 0)
    return left, x * sp.tanh(x) - x**2 / sp.cosh(x) ** 2


def _mode(drift: Expr = ONE, noise: Expr = HALF) -> tuple[Expr, Expr]:
    ell, q = sp.symbols("L q", positive=True)
    function = sp.cos(q * ell) / sp.cosh(ell)
    return _generator(function, ell, drift, noise), -(1 + q**2) / 2 * function


def _coefficient(rate: Expr = ONE) -> tuple[Expr, Expr]:
    x, a, q = sp.symbols("x a q", positive=True)
    inner = sp.exp(rate * x) * sp.cos(q * x)  # cosh is its even part
    right = 2 / (1 + q**2) * (sp.sinh(a) * sp.cos(q * a) + q * sp.cosh(a) * sp.sin(q * a))
    return sp.Integral(inner, (x, -a, a)), right


def _reflection(power: Expr = THREE_HALVES, weight: Expr = HALF) -> tuple[Expr, Expr]:
    g, distance = sp.symbols("g D", positive=True)
    density = distance * g**-power * sp.exp(-(distance**2) / (2 * g) - g / 2)
    left = sp.Derivative(density, g) + weight * density - sp.Derivative(density, (distance, 2)) / 2
    return left, sp.Integer(0)


THEOREM = Theorem(
    id="T20",
    name="first passage",
    statement=(
        r"At the first time that the largest posterior of an unguided reverse run is $p$, the run ends in "
        r"that class with probability exactly $p$, "
        r"for classes of any distributions and any $K$. Two classes, $a = \tfrac12\log\frac p{1-p}$, "
        r"$\lambda=\tfrac12\log\frac w{1-w}$: "
        r"$\mathbb E\gamma = a\tanh a-\lambda\tanh\lambda$, $\mathrm{Var}\,\gamma = v(a)-v(\lambda)$ with "
        r"$v(x) = x\tanh x-x^2\mathrm{sech}^2x$, and "
        r"$\mathbb Ee^{-\theta\gamma} = \frac{\cosh "
        r"a}{\cosh(a\sqrt{1+2\theta})}\cdot\frac{\cosh(\lambda\sqrt{1+2\theta})}{\cosh\lambda}$."
    ),
    sources=("W47", "D53"),
    hypotheses=(
        "T19: any classes that are decided in the end, exact denoisers, no guidance; p at least the "
        "largest prior",
        "the law of γ: two classes with a shared covariance, or γ the run's own clock ∫¼|D₁ − D₂|² dτ",
    ),
    derivation=derivation,
    predict=predict,
)
