"""T13: any number of classes with orthogonal means, as a one-dimensional integral."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..closed_forms.orthogonal import orthogonal_agreement, orthogonal_entropy
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((2, 2.0), (4, 3.0), (10, 5.0), (50, 8.0), (1000, 12.0))
"""Numbers of classes and g at which the entropy and the agreement are predicted."""
WEIGHTS = (0.1, 0.2, 0.3, 0.4)
"""Unequal weights, at `WEIGHTED_G`."""
WEIGHTED_G = 3.0


def derivation() -> tuple[Block, ...]:
    """From the logits to the expected logarithm of a sum, to a product of ψ, and to the rate."""
    return (*_logits(), *_gumbel(), *_without_cancellation(), *_rate(), *_binary())


def predict() -> dict[str, float]:
    """Entropy and agreement of `CASES`, and of unequal weights."""
    numbers: dict[str, float] = {}
    for classes, g in CASES:
        numbers[f"H_{classes}({g:g})"] = float(orthogonal_entropy(g, classes))
        numbers[f"phi_{classes}({g:g})"] = float(orthogonal_agreement(g, classes))
    numbers["H of unequal weights"] = float(orthogonal_entropy(WEIGHTED_G, weights=WEIGHTS))
    numbers["phi of unequal weights"] = float(orthogonal_agreement(WEIGHTED_G, weights=WEIGHTS))
    return numbers


def _logits() -> tuple[Block, ...]:
    return (
        Text(
            r"**The logits.** Let $v = s^2+\sigma^2$ and $g = M/v$. By T1 a state of class $c$ may be "
            r"written $x = m_c + \sqrt v\,\xi$ with $\xi$ standard normal. The class density is $\propto "
            r"e^{-|x-m_k|^2/2v}$, and all $m_k$ are equally long, so up to a term that all classes share, "
            r"and that drops out of the posterior, its logarithm is $\ell_k = \langle m_k,x\rangle/v$. Let "
            r"the true class be the first, and call $Z_k = \langle m_k,\xi\rangle/\sqrt M$ the noise along "
            r"the $k$-th mean: orthogonality makes the $Z_k$ independent standard normal. SymPy checks the "
            r"step for $K=3$; each logit stands alone, so $K$ plays no part."
        ),
        Identity.of(
            "ℓ_k = g δ_k1 + √g Z_k",
            _logit,
            r"-\frac{|x-m_k|^2}{2v}+\frac{|x|^2+M}{2v} = g\,\delta_{k1}+\sqrt g\,Z_k \quad (C=1)",
        ),
        Text(
            r"A simplex with the same distances is the same set of means with their centroid subtracted. "
            r"Shifting all means and $x$ alike leaves every $x-m_k$ as it was, so everything below holds "
            r"for it. The posterior is $p_k = e^{\ell_k}/\sum_j e^{\ell_j}$. By symmetry the entropy is "
            r"the mean surprise of class 1 at its own states, and $\mathbb E\,\ell_1 = g$: $H_K = \mathbb "
            r"E\log\sum_{k=1}^K e^{\ell_k} - g .$"
        ),
    )


def _gumbel() -> tuple[Block, ...]:
    return (
        Text(
            r"**The Gumbel integral.** The logarithm of a sum of independent terms is awkward, the "
            r"exponential of such a sum is a product. They are joined by writing the logarithm as an "
            r"integral of exponentials. For $S>0$ let $J(S) = "
            r"\int_0^\infty\bigl(e^{-u}-e^{-uS}\bigr)\frac{du}{u}$. Then $J(1)=0$, and"
        ),
        Identity.of(
            "dJ/dS = d log S/dS",
            _logarithm,
            r"\int_0^\infty\frac{\partial}{\partial S}\,\frac{e^{-u}-e^{-uS}}{u}\,du = \frac{d}{dS}\log S",
        ),
        Argument(
            r"The derivative may be taken under the integral: for $S\ge\epsilon$ the integrand's "
            r"derivative is below $e^{-\epsilon u}$, which is integrable (dominated convergence). So "
            r"$J(S)=\log S$."
        ),
        Text(r"Put $u=e^v$, so that $du/u=dv$:"),
        Identity.of(
            "log S = ∫ [e^{−e^v} − e^{−S e^v}] dv, differentiated in S",
            _in_v,
            r"\frac{\partial}{\partial S}\bigl[e^{-e^v}-e^{-Se^v}\bigr] = "
            r"\frac{d}{dv}\left[-\frac{e^{-Se^v}}{S}\right],\qquad "
            r"\log S = \int_{-\infty}^\infty\bigl[e^{-e^v}-e^{-Se^v}\bigr]dv",
        ),
        Text(
            r"(the identity shows the same once more in $v$: the integral of the right side over $v$ is "
            r"$1/S$). Insert $S=\sum_k e^{\ell_k}$ and take the expectation. With $\psi(v) = \mathbb "
            r"E\exp(-e^{v+\sqrt g Z})$ the independence of the $\ell_k$ gives one factor $\psi(v+g)$ for "
            r"the true class, because $e^v e^{g+\sqrt g Z}=e^{(v+g)+\sqrt g Z}$, and $\psi(v)$ for each of "
            r"the $K-1$ others: $H_K(g) = "
            r"\int_{-\infty}^\infty\bigl[e^{-e^v}-\psi(v+g)\,\psi(v)^{K-1}\bigr]dv - g .\qquad(*)$"
        ),
        Argument(
            r"Expectation and integral may change places: $e^{-e^v}-e^{-Se^v}$ has one sign for all $v$, "
            r"that of $S-1$, so its integral over $v$ is $|\log S|$ in absolute value, and $\mathbb E|\log "
            r"S|<\infty$ (Fubini's theorem)."
        ),
    )


def _without_cancellation() -> tuple[Block, ...]:
    return (
        Text(
            r"**Without the difference.** Apply the same formula to a sum of one term, $S=e^{g+\sqrt g "
            r"Z}$, whose logarithm has the mean $g$: $\int[e^{-e^v}-\psi(v+g)]\,dv = g$. Put this for the "
            r"$g$ that is subtracted in $(*)$:"
        ),
        Identity.of(
            "the two integrands of (*) less its g are one product",
            _product,
            r"\bigl[e^{-e^v}-\psi(v+g)\psi(v)^{K-1}\bigr]-\bigl[e^{-e^v}-\psi(v+g)\bigr] = "
            r"\bigl[1-\psi(v)^{K-1}\bigr]\psi(v+g)",
        ),
        Text(
            r"which is the statement, $H_K=\int[1-\psi(v)^{K-1}]\psi(v+g)\,dv$. Every factor is positive, "
            r"so it can be summed to full relative precision, for any real $K$. With unequal weights "
            r"$\ell_k$ becomes $\ell_k+\log w_k$ and the argument of each $\psi$ is shifted by $\log w_k$. "
            r"The factor of the true class is the slope of $\psi$, since a shift of a normal law is a tilt:"
        ),
        Identity.of("N(y; g, g) = e^{y − g/2} N(y; 0, g)", _tilt, r"N(y;g,g) = e^{y-g/2}\,N(y;0,g)"),
        Identity.of(
            "e^{y−g/2} e^{−e^{v+y}} = −e^{−v−g/2} d/dv e^{−e^{v+y}}",
            _slope_of_psi,
            r"e^{y-g/2}\,e^{-e^{v+y}} = -e^{-v-g/2}\,\frac{d}{dv}e^{-e^{v+y}}"
            r"\quad\Longrightarrow\quad \psi(v+g) = -e^{-v-g/2}\,\psi'(v)",
        ),
    )


def _rate() -> tuple[Block, ...]:
    return (
        Text(
            r"**The rate.** Go back to $H_K=\mathbb E f(\ell)-g$ with $f=\log\sum_k e^{\ell_k}$. The law "
            r"of a logit is $N(\ell;\mu g,g)$ with $\mu=1$ for the true class and $0$ for the others, and "
            r"moves with $g$ by the heat equation with drift,"
        ),
        Identity.of(
            "∂_g N = −μ ∂N + ½ ∂²N",
            _heat,
            r"\partial_g N(\ell;\mu g,g) = -\mu\,\partial_\ell N+\tfrac12\,\partial_\ell^2 N",
        ),
        Text(
            r"so that after integrating by parts $\frac{d}{dg}\mathbb E f = \mathbb E\bigl[\partial_1 f+"
            r"\frac12\sum_k\partial_k^2 f\bigr]$. The derivatives of $f$ are the posteriors, "
            r"$\partial_k f=p_k$ (shown for $K=3$; each term involves one class and the sum of all):"
        ),
        Identity.of(
            "∂₁f + ½ Σ ∂_k² f = p₁ + ½(1 − Σ p_k²)",
            _generator,
            r"\partial_1 f+\tfrac12\sum_k\partial_k^2 f = p_1+\tfrac12\Bigl(1-\sum_k p_k^2\Bigr)",
        ),
        Text(
            r"Now $\mathbb E[p_1\,|\,C=1]=\varphi_K$: by symmetry it is $\mathbb E\,p_C$, and given $x$ "
            r"the class $C$ has the probabilities $p_k$, so it is $\mathbb E\sum_k p_k^2=\varphi_K$, the "
            r"probability that two clones agree (T4). Hence $\frac{dH_K}{dg} = "
            r"\varphi_K+\tfrac12(1-\varphi_K)-1 = -\tfrac12(1-\varphi_K).$"
        ),
        Text(
            r"It is I-MMSE for this channel: $\frac12(1-\varphi_K)$ is half the mean squared error of the "
            r"indicator of the class."
        ),
    )


def _binary() -> tuple[Block, ...]:
    return (
        Text(
            r"**Two classes.** For $K=2$ the half log-odds are $L=\frac12(\ell_1-\ell_2)=\frac12(g+\sqrt "
            r"g(Z_1-Z_2))$. The moments of the two normal $Z$ multiply, and give those of a normal law "
            r"whose mean and variance are both $g/2$; that is T2's channel:"
        ),
        Identity.of(
            "E e^{tL} = e^{tγ + t²γ/2} with γ = g/2",
            _two_logits,
            r"e^{tg/2}\,\bigl(\mathbb E e^{t\sqrt g Z/2}\bigr)^2 = "
            r"e^{t\gamma+t^2\gamma/2},\qquad \gamma=g/2",
        ),
        Measured(
            r"$(*)$ as it stands, summed apart, for $K$ from 2 to 1000 at $10^{-10}$; $\varphi_K$ by "
            r"differences of it; posteriors of noised states in $K$ dimensions, also with unequal weights."
        ),
    )


def _logit(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    M, v = sp.symbols("M v", positive=True)
    z, basis = sp.Matrix(sp.symbols("z1:4", real=True)), sp.eye(3)
    x = sp.sqrt(M) * basis[:, 0] + sp.sqrt(v) * z

    def logit(k: int) -> Expr:
        offset = x - sp.sqrt(M) * basis[:, k]
        squares = sum(x[i] ** 2 - offset[i] ** power for i in range(3))
        return half * (squares + M) / v

    g = M / v
    return sp.Matrix([logit(k) for k in range(3)]), g * basis[:, 0] + sp.sqrt(g) * z


def _logarithm(power: Expr = ONE) -> tuple[Expr, Expr]:
    u, S = sp.symbols("u S", positive=True)
    integrand = (sp.exp(-u) - sp.exp(-u * S)) / u**power
    return sp.Integral(sp.diff(integrand, S), (u, 0, sp.oo)), sp.Derivative(sp.log(S), S)


def _in_v(rate: Expr = ONE) -> tuple[Expr, Expr]:
    v, S = sp.symbols("v S", positive=True)
    left = sp.Derivative(sp.exp(-sp.exp(v)) - sp.exp(-S * sp.exp(rate * v)), S)
    return left, sp.Derivative(-sp.exp(-S * sp.exp(v)) / S, v)


def _product(rivals: int = 1) -> tuple[Expr, Expr]:
    gumbel, own, other, K = sp.symbols("e psi_g psi K", positive=True)
    left = (gumbel - own * other ** (K - rivals)) - (gumbel - own)
    return left, (1 - other ** (K - 1)) * own


def _normal(y: Expr, mean: Expr, variance: Expr) -> Expr:
    return sp.exp(-((y - mean) ** 2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _tilt(shift: Expr = ONE) -> tuple[Expr, Expr]:
    y, g = sp.Symbol("y", real=True), sp.Symbol("g", positive=True)
    return _normal(y, shift * g, g), sp.exp(y - g / 2) * _normal(y, 0, g)


def _slope_of_psi(rate: Expr = ONE) -> tuple[Expr, Expr]:
    y, v, g = sp.Symbol("y", real=True), sp.Symbol("v", real=True), sp.Symbol("g", positive=True)
    right = -sp.exp(-v - g / 2) * sp.Derivative(sp.exp(-sp.exp(v + y)), v)
    return sp.exp(y - g / 2) * sp.exp(-sp.exp(rate * v + y)), right


def _heat(drift: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    y, mu, g = sp.Symbol("ell", real=True), sp.Symbol("mu", real=True), sp.Symbol("g", positive=True)
    law = _normal(y, mu * g, g)
    return sp.Derivative(law, g), -drift * mu * sp.Derivative(law, y) + half * sp.Derivative(law, y, 2)


def _generator(drift: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    odds = sp.symbols("ell1:4", real=True)
    total = sum(sp.exp(ell) for ell in odds)
    p, f = [sp.exp(ell) / total for ell in odds], sp.log(total)
    left = drift * sp.Derivative(f, odds[0]) + half * sum(sp.Derivative(f, ell, 2) for ell in odds)
    return left, p[0] + (1 - sum(q**2 for q in p)) / 2


def _two_logits(half: Expr = HALF, classes: Expr = TWO) -> tuple[Expr, Expr]:
    g, t = sp.symbols("g t", positive=True)
    z = sp.Symbol("z", real=True)

    def moment(power: Expr) -> Expr:
        return sp.Integral(sp.exp(power * z) * _normal(z, 0, 1), (z, -sp.oo, sp.oo))

    gamma = g / classes
    left = sp.exp(half * t * g) * moment(half * t * sp.sqrt(g)) ** 2
    return left, sp.exp(t * gamma + t**2 * gamma / 2)


THEOREM = Theorem(
    id="T13",
    name="orthogonal classes",
    statement=(
        r"$H_K(g) = \int_{-\infty}^{\infty}\bigl[1-\psi(v)^{K-1}\bigr]\,\psi(v+g)\,\mathrm dv$, $\psi(v) "
        r"= \mathbb E\exp(-e^{v+\sqrt g Z})$, $g = M/(s^2+\sigma^2)$; $\mathrm dH_K/\mathrm dg = "
        r"-\tfrac12(1-\varphi_K)$. $K=2$ is the binary channel at $\gamma=g/2$."
    ),
    sources=("GSV05",),
    hypotheses=(
        "K equal classes with Σ = s²I (unequal weights shift each ψ)",
        "orthogonal means with $|m_k|^2 = M$, or a simplex with the same distances",
    ),
    derivation=derivation,
    predict=predict,
)
