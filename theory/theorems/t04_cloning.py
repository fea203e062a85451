"""T4: the information about the class gained per unit of γ is the probability that clones disagree."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import clone_agreement
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

POINTS = ((0.5, 0.5), (1.0, 0.5), (2.0, 0.3))
"""Pairs (γ, first weight) at which the clone agreement is predicted."""
OVERLAP = (1.0, 1.0, 0.3)
"""`(|δ|, s, σ)` of two classes that overlap on clean data, at a σ where clones are branched."""


def derivation() -> tuple[Block, ...]:
    """What clones do given X_t, two classes through L, and K classes through posterior means."""
    return (*_clones(), *_many_classes(), *_pairs())


def predict() -> dict[str, float]:
    """φ at `POINTS` and for `OVERLAP`."""
    numbers = {f"phi(gamma={g:g}, w={w:g})": float(clone_agreement(g, w)) for g, w in POINTS}
    separation, spread, sigma = OVERLAP
    gamma = separation**2 / (spread**2 + sigma**2)
    return numbers | {"phi of classes that overlap": float(clone_agreement(gamma))}


def _clones() -> tuple[Block, ...]:
    return (
        Text(
            r"**Clones.** Branch at $X_t$: two reverse runs go on from it with independent noise. Both end "
            r"in draws of $X_0$ from $p(X_0|X_t)$, independent given $X_t$, and the class of each is drawn "
            r"with $X_0$, or from $p(C|X_0)$. The order $C\to X_0\to X_t$ makes either a draw from "
            r"$\int p(C|x_0)\,p(x_0|X_t)\,dx_0=p(C|X_t)$. So the clones agree with probability "
            r"$\varphi=\mathbf E\sum_kp_k(X_t)^2$, $p_k=p(C=k|X_t)$. (B24 gives each clone its likeliest "
            r"class instead; that agrees more often where classes overlap on clean data.)"
        ),
        Argument("Markov: given the clean sample, the noised one says nothing more about the class."),
        Text(
            r"**Two classes.** With half log-odds $u$, $p=1/(1+e^{-2u})$, the clones disagree with "
            r"probability"
        ),
        Identity.of(
            "1 − p² − (1−p)² = ½(1 − tanh² u)",
            _disagreement,
            r"1-p^2-(1-p)^2 = \tfrac12\left(1-\tanh^2u\right)",
        ),
        Text(
            r"The mean of the right side is $\tfrac12\mathrm{mmse}$ (T3), so "
            r"$\varphi=1-\tfrac12\mathrm{mmse}(\gamma)$ for any prior; and "
            r"$dI/d\gamma=-dH/d\gamma=\tfrac12\mathrm{mmse}$, so $dI/d\gamma=1-\varphi$: the information "
            r"gained per unit of $\gamma$ is the probability that two clones disagree."
        ),
    )


def _many_classes() -> tuple[Block, ...]:
    return (
        Text(
            r"**$K$ classes, shared $\Sigma=s^2I$.** Let $\tau=\sigma^{-2}$ and $D_k=\mathbf E[X_0|x,k]$, "
            r"$D=\sum_kp_kD_k$ the posterior means. The chain rule $I(X_0;X)=I(C;X)+I(X_0;X|C)$ and the "
            r"Gaussian channel's $dI/d\tau=\tfrac12\mathrm{mmse}$, once for all data and once within a "
            r"class, give $dI(C;X)/d\tau=\tfrac12\left(\mathbf E|X_0-D|^2-\mathbf "
            r"E|X_0-D_C|^2\right)=\tfrac12\mathbf E|D_C-D|^2$."
        ),
        Argument(
            "The information of a Gaussian channel grows by half the least mean-square error per unit of the "
            "signal-to-noise ratio, for any input.",
            "GSV05",
        ),
        Argument("Pythagoras: the error of the class's mean is orthogonal to every function of x and C."),
        Text(r"Within a class $x\sim N(m_k,s^2+\sigma^2)$ in each coordinate, and by Tweedie's formula"),
        Identity.of(
            "D_k = x + σ² ∂ log N(x; m_k, s² + σ²)",
            _posterior_mean,
            r"D_k = x+\sigma^2\frac{\partial}{\partial x}\log N(x;m_k,s^2+\sigma^2) = "
            r"\frac{s^2x+\sigma^2m_k}{s^2+\sigma^2}",
        ),
    )


def _pairs() -> tuple[Block, ...]:
    return (
        Text(
            r"so $D_k-D=\frac{\sigma^2}{s^2+\sigma^2}(m_k-\bar m)$ with $\bar m=\sum_kp_km_k$. The spread of "
            r"the means about their average is a sum over pairs. For any $K$ both sides below are "
            r"$\sum_kp_k|m_k|^2-|\bar m|^2$, since $\sum_kp_k=1$; SymPy is given a coordinate of $K=5$ means:"
        ),
        Identity.of(
            "Σ p_k(m_k − m̄)² = ½ Σ Σ p_i p_j (m_i − m_j)²",
            _spread_of_pairs,
            r"\sum_kp_k(m_k-\bar m)^2 = \tfrac12\sum_{i,j}p_ip_j(m_i-m_j)^2",
        ),
        Text(
            r"At equal distances $|m_i-m_j|=\Delta$ the right side is $\tfrac12\Delta^2$ times $\sum_{i\ne "
            r"j}p_ip_j=1-\sum_kp_k^2$, whose mean is $1-\varphi$. What remains is the factor: with "
            r"$\gamma=(\Delta^2/4)/(s^2+\sigma^2)$,"
        ),
        Identity.of(
            "½(σ²/(s²+σ²))² ½Δ² = dγ/dτ",
            _factor,
            r"\tfrac12\left(\frac{\sigma^2}{s^2+\sigma^2}\right)^2\tfrac12\Delta^2 = "
            r"\frac{d}{d\tau}\,\frac{\Delta^2/4}{s^2+1/\tau},\qquad \tau=\sigma^{-2}",
        ),
        Text(
            r"so $dI/d\tau=(1-\varphi)\,d\gamma/d\tau$, that is $dI/d\gamma=1-\varphi$, for any weights. Two "
            r"classes have $\Delta^2=4M$ and the $\gamma$ of T2."
        ),
        Measured(
            "φ by quadrature of Bayes' rule on the line at equal and unequal weights; by clones drawn in 16 "
            "dimensions, and drawn from clean samples of overlapping classes; the information that five "
            "unequal classes gain over an interval of γ against the integral of 1 − φ."
        ),
    )


def _disagreement(odds: Expr = TWO, power: int = 2) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    p = 1 / (1 + sp.exp(-odds * u))
    return 1 - p**power - (1 - p) ** power, (1 - sp.tanh(u) ** 2) / 2


def _posterior_mean(data: Expr = ONE, noise: Expr = ONE) -> tuple[Expr, Expr]:
    x, m = sp.symbols("x m_k", real=True)
    s2, sigma2 = sp.symbols("s2 sigma2", positive=True)
    log_density = -((x - m) ** 2) / (2 * (data * s2 + noise * sigma2))
    return x + sigma2 * sp.Derivative(log_density, x), (s2 * x + sigma2 * m) / (s2 + sigma2)


def _spread_of_pairs(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    classes = range(5)
    first = sp.symbols("p_1:5", positive=True)
    p = (*first, 1 - sum(first))
    m = sp.symbols("m_1:6", real=True)
    mean = sum(p[k] * m[k] for k in classes)
    spread = sum(p[k] * (m[k] - mean) ** power for k in classes)
    return spread, half * sum(p[i] * p[j] * (m[i] - m[j]) ** 2 for i in classes for j in classes)


def _factor(half: Expr = HALF, shrinkage: int = 2) -> tuple[Expr, Expr]:
    s2, gap2, tau = sp.symbols("s2 Delta2 tau", positive=True)
    sigma2 = 1 / tau
    discrepancy = (sigma2 / (s2 + sigma2)) ** shrinkage * gap2 / 2
    return discrepancy / 2, sp.Derivative(half**2 * gap2 / (s2 + sigma2), tau)


THEOREM = Theorem(
    id="T4",
    name="cloning identity",
    statement=(
        r"Two reverse runs branched at $t$ end in the same class, drawn with $X_0$ or from $p(C|X_0)$, with "
        r"probability $\varphi = \mathbb E\sum_k p_k(X_t)^2 = 1-\tfrac12\mathrm{mmse}(\gamma)$ (the last "
        r"for two classes), for any prior; hence $\mathrm dI/\mathrm "
        r"d\gamma = 1-\varphi$. With $K$ classes at equal distances $\Delta$, shared $\Sigma = s^2I$ and "
        r"any weights, the same holds with $\gamma = (\Delta^2/4)/(s^2+\sigma^2)$."
    ),
    sources=("B24", "GSV05"),
    hypotheses=(
        "the binary channel of T2, or K classes at equal distances with Σ = s²I",
        "the class of a clone is a draw; likeliest classes agree more often where clean data overlap",
    ),
    derivation=derivation,
    predict=predict,
)
