"""T11: in the γ clock the half log-odds of a reverse run are a diffusion of their own, guided or not."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ._base import HALF, ONE, Argument, Block, Identity, Measured, Text, Theorem

GAMMAS = (0.5, 2.0)
"""Where moments of the log-odds are predicted."""
PRIOR = 0.3
"""Weight of the class guided to where log-odds do not start from 0."""


def derivation() -> tuple[Block, ...]:
    """Anderson's equation with the guided score, Itô's formula for L, its covariance, and many classes."""
    return (*_reverse_run(), *_guided_score(), *_ito(), *_start(), *_covariance(), *_filter(), *_clocks())


def predict() -> dict[str, float]:
    """Moments of the log-odds of conditional and unconditional runs, and where they start."""
    numbers: dict[str, float] = {}
    for gamma in GAMMAS:
        numbers[f"E L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"Var L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"E L^2, unconditional, gamma={gamma:g}"] = gamma + gamma**2
    numbers["Cov(L, L') of one run"] = min(GAMMAS)
    start = np.log(PRIOR / (1 - PRIOR)) / 2
    numbers[f"L(0), conditional, w={PRIOR:g}"] = float(start)
    # a posterior is a martingale of unguided runs
    numbers[f"E tanh L, unconditional, w={PRIOR:g}"] = float(np.tanh(start))
    return numbers


def _reverse_run() -> tuple[Block, ...]:
    return (
        Text(
            r"**The reverse run.** By T1 every schedule is a change of the clock and of the scale of $x$, "
            r"so take the one in which the state is $X_\nu=X_0+\sqrt\nu\,\xi$, $\nu=\sigma^2$. Forwards in "
            r"$\nu$ it is a Brownian motion of unit diffusion started at $X_0$: $dX=dW_\nu$. Two classes "
            r"have the means $\bar m\pm\delta$ and one covariance $\Sigma$; let $S=\Sigma+\nu I$, "
            r"$\gamma=\delta^TS^{-1}\delta$ and $w$ the weight of class $+$."
        ),
        Argument(
            r"Anderson's theorem (1982): the time reversal of $dX=f\,d\nu+g\,dW$ with marginal densities "
            r"$p_\nu$ is a diffusion with the same $g$ and the drift $g^2\nabla\log p_\nu-f$, in the time "
            r"that runs backwards. With $f=0$, $g=1$, and $r=-\nu$ for the time of the run: $dX=\nabla\log "
            r"p_\nu(X)\,dr+dB_r$.",
            "A82",
        ),
        Text(
            r"A guided run replaces the score $\nabla\log p$ by $(1-\omega)\nabla\log p+\omega\nabla\log "
            r"p_+$; $\omega=1$ is Anderson's equation for class $+$ alone, $\omega=0$ that for the mixture."
        ),
    )


def _guided_score() -> tuple[Block, ...]:
    return (
        Text(
            r"**The guided score.** The half log-odds are $L=\frac12\log\frac{w\,p_+}{(1-w)\,p_-}$, and "
            r"squares of $x$ cancel between the classes. Written in the eigenbasis of $\Sigma$, where $S$ "
            r"is diagonal with the entries $\lambda_i+\nu$, everything below is a sum over "
            r"eigen-directions; SymPy does it for two of them with different eigenvalues, and further ones "
            r"only lengthen the sums."
        ),
        Identity.of(
            "L = δᵀS^{−1}(x − m̄) + ½ log(w/(1 − w))",
            _half_log_odds,
            r"\tfrac12\log\frac{w\,e^{-\frac12(x-\bar m-\delta)^TS^{-1}(x-\bar m-\delta)}}"
            r"{(1-w)\,e^{-\frac12(x-\bar m+\delta)^TS^{-1}(x-\bar m+\delta)}} = "
            r"\delta^TS^{-1}(x-\bar m)+\tfrac12\log\frac w{1-w}",
        ),
        Text(
            r"The score of class $\pm$ is $-S^{-1}(x-\bar m\mp\delta)$. That of the mixture is the "
            r"posterior mean of the two; the class's label $\pm1$ has the posterior mean $\tanh L$. "
            r"Combined with the guided weights:"
        ),
        Identity.of(
            "(1 − ω)∇log p + ω∇log p₊ = −S^{−1}(x − m̄ − κδ)",
            _score,
            r"(1-\omega)\nabla\log\bigl[w\,p_++(1-w)\,p_-\bigr]+\omega\nabla\log p_+ = "
            r"-S^{-1}(x-\bar m-\kappa\delta),\qquad \kappa=\omega+(1-\omega)\tanh L",
        ),
        Text(
            r"So a guided run feels, at each instant, one Gaussian class with the mean $\bar m+\kappa\delta$."
        ),
    )


def _ito() -> tuple[Block, ...]:
    return (
        Text(
            r"**Itô's formula.** $L$ is linear in $x$, so there is no second-order term, and "
            r"$dL=\bigl[\partial_rL+\nabla L\cdot(\mathrm{score})\bigr]dr+\nabla L\cdot dB_r$. It depends "
            r"on $r$ explicitly through $S$, which falls along the run, $\partial_r=-\partial_\nu$: this "
            r"moves $L$ by $+\delta^TS^{-2}(x-\bar m)$. The score moves it by $-\delta^TS^{-2}(x-\bar "
            r"m-\kappa\delta)$. The state drops out, and what is left is proportional to the speed of the "
            r"clock, $d\gamma/dr=\delta^TS^{-2}\delta$:"
        ),
        Identity.of(
            "drift of L: κ dγ/dr",
            _drift,
            r"-\partial_\nu L-\nabla L\cdot S^{-1}(x-\bar m-\kappa\delta) = \kappa\,\frac{d\gamma}{dr}",
        ),
        Text(r"The noise is a single one, of the variance"),
        Identity.of(
            "noise of L: dγ/dr",
            _noise,
            r"|\nabla L|^2 = \delta^TS^{-2}\delta = \frac{d\gamma}{dr}",
        ),
        Argument(
            r"A continuous martingale whose variance grows as $\gamma$ is a Brownian motion in the clock "
            r"$\gamma$ (Lévy's characterisation): $\nabla L\cdot dB_r=dB_\gamma$."
        ),
        Text(
            r"Together $dL=[\omega+(1-\omega)\tanh L]\,d\gamma+dB_\gamma$. No dimension, covariance or "
            r"schedule is left in it."
        ),
    )


def _start() -> tuple[Block, ...]:
    return (
        Text(
            r"**The start.** At infinite noise $X$ is of order $\sqrt\nu$ and $S^{-1}$ of order $1/\nu$, "
            r"so the linear term vanishes as $\nu^{-1/2}$. With $x-\bar m=\sqrt\nu\,z$:"
        ),
        Identity.of(
            "L → ½ log(w/(1 − w)) as ν → ∞",
            _infinite_noise,
            r"\lim_{\nu\to\infty}\Bigl[\sum_i\frac{\delta_i\sqrt\nu\,z_i}{\lambda_i+\nu}+"
            r"\tfrac12\log\frac w{1-w}\Bigr] = \tfrac12\log\frac w{1-w} = L(0)",
        ),
    )


def _covariance() -> tuple[Block, ...]:
    return (
        Text(
            r"**The covariance.** For $\omega=1$ the drift is 1 and $L-L(0)=\gamma+B_\gamma$, so that "
            r"$\mathrm{Cov}(L_\gamma,L_{\gamma'})=\min(\gamma,\gamma')$. This can be had without the "
            r"stochastic equation. Given the class, the states of one run at $\nu<\nu'$ are jointly "
            r"normal: $X_\nu$ has the variance $\lambda_i+\nu$ along direction $i$, and $X_{\nu'}$ is "
            r"$X_\nu$ with fresh noise of variance $\nu'-\nu$. The covariance is the mixed derivative of "
            r"the generating function of the two centred log-odds,"
        ),
        Identity.of(
            "Cov(L, L') = γ at the noisier level",
            _joint_law,
            r"\partial_a\partial_b\,\tfrac12\sum_i\left[(\lambda_i+\nu)\Bigl(\frac{a\delta_i}{\lambda_i+\nu} "
            r"+\frac{b\delta_i}{\lambda_i+\nu'}\Bigr)^2 +(\nu'-\nu)\Bigl( "
            r"\frac{b\delta_i}{\lambda_i+\nu'}\Bigr)^2\right] = \sum_i\frac{\delta_i^2}{\lambda_i+\nu'} = "
            r"\gamma(\nu')",
        ),
        Text(
            r"and the noisier level has the smaller $\gamma$. A Gaussian process is fixed by its mean and "
            r"covariance: the conditional run is Brownian motion with unit drift, the "
            r"process of stochastic localisation."
        ),
    )


def _filter() -> tuple[Block, ...]:
    return (
        Text(
            r"**Many classes.** Let all $\Sigma_k=s^2I$ and $v=s^2+\nu$. In the clock $\tau=1/v$, "
            r"$d\tau/dr=1/v^2$, consider $Y=X/v$. The score of the mixture is $-(x-\hat m)/v$ with the "
            r"posterior mean $\hat m=\sum_kp_km_k$. Again the state drops out of the drift:"
        ),
        Identity.of(
            "dY = m̂ dτ + dB_τ",
            _observation,
            r"-\partial_\nu\frac xv+\frac1v\Bigl(-\frac{x-\hat m}v\Bigr) = \hat m\,\frac{d\tau}{dr},\qquad "
            r"dY=\hat m\,d\tau+dB_\tau",
        ),
        Text(
            r"with noise of variance $1/v^2=d\tau/dr$: a constant signal seen in white noise. Logits are "
            r"$\ell_k=\langle m_k,Y\rangle-\frac12|m_k|^2\tau+\log w_k$. Itô's formula for "
            r"$p_1=e^{\ell_1}/\sum_ke^{\ell_k}$ gives Wonham's filter $dp_k=p_k\langle m_k-\hat "
            r"m,dB_\tau\rangle$. SymPy checks it for $K=3$ along one coordinate, the others adding like "
            r"terms: the noise"
        ),
        Identity.of(
            "noise of p₁: p₁(m₁ − m̂)",
            _filter_noise,
            r"\sum_k\frac{\partial p_1}{\partial\ell_k}\,m_k = p_1\,(m_1-\hat m)",
        ),
        Text(r"and the drift, in which the two orders of Itô's formula cancel:"),
        Identity.of(
            "p₁ is a martingale",
            _filter_drift,
            r"\sum_k\frac{\partial p_1}{\partial\ell_k}\bigl(m_k\hat m-\tfrac12m_k^2\bigr)+\tfrac12\sum_{jk}"
            r"\frac{\partial^2p_1}{\partial\ell_j\,\partial\ell_k}\,m_jm_k = 0",
        ),
    )


def _clocks() -> tuple[Block, ...]:
    return (
        Text(
            r"With a general shared $\Sigma$ and $K>2$ there is no single clock. Logits then run with "
            r"$m_j^TS^{-1}m_k$. Two classes whose means point along eigenvectors with eigenvalues "
            r"$\lambda_1\ne\lambda_2$ have speeds whose ratio changes with $\sigma$:"
        ),
        Identity.of(
            "the ratio of two speeds changes",
            _ratio_of_speeds,
            r"\partial_\nu\log\frac{\partial_\nu\,m_1^2/(\lambda_1+\nu)}"
            r"{\partial_\nu\,m_2^2/(\lambda_2+\nu)} "
            r"= \frac{2(\lambda_1-\lambda_2)}{(\lambda_1+\nu)(\lambda_2+\nu)}",
        ),
        Measured(
            r"Reverse runs in two dimensions with an anisotropic covariance, stepped in $\sigma$: mean, "
            r"variance, covariance and an exponential moment of $L$; guided ones in T12; and the entropy "
            r"of Wonham's filter against T13."
        ),
    )


def _plane() -> tuple[Expr, list[Expr], list[Expr], list[Expr], Expr]:
    """ν, the entries of S, δ, x − m̄ in the eigenbasis, and w."""
    nu, w = sp.symbols("nu w", positive=True)
    eigenvalues, delta = (sp.symbols(f"{name}1:3", positive=True) for name in ("lambda", "delta"))
    return nu, [value + nu for value in eigenvalues], list(delta), list(sp.symbols("x1:3", real=True)), w


def _log_density(x: list[Expr], centre: list[Expr], widths: list[Expr], half: Expr = HALF) -> Expr:
    return -half * sum((y - c) ** 2 / v for y, c, v in zip(x, centre, widths, strict=True))


def _odds(x: list[Expr], delta: list[Expr], widths: list[Expr], prior: Expr) -> Expr:
    start = sp.log(prior / (1 - prior)) / 2
    return sum(d * y / v for d, y, v in zip(delta, x, widths, strict=True)) + start


def _half_log_odds(half: Expr = HALF) -> tuple[Expr, Expr]:
    _, widths, delta, x, w = _plane()
    plus = sp.log(w) + _log_density(x, delta, widths, half)
    minus = sp.log(1 - w) + _log_density(x, [-d for d in delta], widths, half)
    return (plus - minus) / 2, _odds(x, delta, widths, w).expand(log=True, force=True)


def _score(half: Expr = HALF, label: Expr = ONE) -> tuple[Expr, Expr]:
    _, widths, delta, x, w = _plane()
    omega = sp.Symbol("Omega", positive=True)
    plus, minus = (_log_density(x, [sign * d for d in delta], widths, half) for sign in (1, -1))
    apart = sp.expand((plus - minus) / 2)
    mixture = (plus + minus) / 2 + sp.log(w * sp.exp(apart) + (1 - w) * sp.exp(-apart))
    odds = sum(d * y / v for d, y, v in zip(delta, x, widths, strict=True))
    ahead, behind = w * sp.exp(odds), (1 - w) * sp.exp(-odds)  # e^L and e^{−L}, up to a common factor
    kappa = omega + (1 - omega) * label * (ahead - behind) / (ahead + behind)
    guided = (1 - omega) * mixture + omega * plus
    left = sp.Matrix([sp.diff(guided, y) for y in x])
    return left, sp.Matrix([-(y - kappa * d) / v for y, d, v in zip(x, delta, widths, strict=True)])


def _drift(width: int = 1, pull: Expr = ONE) -> tuple[Expr, Expr]:
    nu, widths, delta, x, w = _plane()
    kappa = sp.Symbol("kappa", positive=True)
    odds = _odds(x, delta, widths, w)
    score = [-(y - pull * kappa * d) / v**width for y, d, v in zip(x, delta, widths, strict=True)]
    along = sum(sp.Derivative(odds, y) * s for y, s in zip(x, score, strict=True))
    gamma = sum(d**2 / v for d, v in zip(delta, widths, strict=True))
    return -sp.Derivative(odds, nu) + along, -kappa * sp.Derivative(gamma, nu)


def _noise(power: int = 2) -> tuple[Expr, Expr]:
    nu, widths, delta, x, w = _plane()
    gamma = sum(d**power / v for d, v in zip(delta, widths, strict=True))
    odds = _odds(x, delta, widths, w)
    return sum(sp.Derivative(odds, y) ** 2 for y in x), -sp.Derivative(gamma, nu)


def _infinite_noise(half: Expr = HALF, root: int = 1) -> tuple[Expr, Expr]:
    nu, widths, delta, z, w = _plane()
    start = half * sp.log(w / (1 - w))
    pull = sum(d * nu ** sp.Rational(root, 2) * y / v for d, y, v in zip(delta, z, widths, strict=True))
    return sp.Limit(pull + start, nu, sp.oo), sp.log(w / (1 - w)) / 2


def _joint_law(spread: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    _, widths, delta, _, _ = _plane()
    a, b, more = sp.symbols("a b Delta_nu", positive=True)
    exponent = sp.Integer(0)
    for d, v in zip(delta, widths, strict=True):
        own, noisier = d / v, d / (v + more)
        exponent += half * (spread * v * (a * own + b * noisier) ** 2 + more * (b * noisier) ** 2)
    return sp.Derivative(exponent, a, b), sum(d**2 / (v + more) for d, v in zip(delta, widths, strict=True))


def _observation(width: int = 1) -> tuple[Expr, Expr]:
    nu, s2, mean = sp.symbols("nu s2 m", positive=True)
    x = sp.Symbol("x", real=True)
    v = s2 + nu
    left = -sp.Derivative(x / v**width, nu) - (x - mean) / v**2
    return left, -mean * sp.Derivative(1 / v, nu)


def _softmax() -> tuple[Expr, Expr, list[Expr], Expr]:
    means, odds = sp.symbols("m1:4", positive=True), sp.symbols("ell1:4", real=True)
    total = sum(sp.exp(value) for value in odds)
    p = [sp.exp(value) / total for value in odds]
    return means, odds, p, sum(q * m for q, m in zip(p, means, strict=True))


def _filter_noise(mean: Expr = ONE) -> tuple[Expr, Expr]:
    means, odds, p, average = _softmax()
    left = sum(sp.Derivative(p[0], odds[k]) * means[k] for k in range(3))
    return left, p[0] * (means[0] - mean * average)


def _filter_drift(half: Expr = HALF, mean: Expr = ONE) -> tuple[Expr, Expr]:
    means, odds, p, average = _softmax()
    left = sum(
        sp.Derivative(p[0], odds[k]) * (means[k] * mean * average - means[k] ** 2 / 2) for k in range(3)
    )
    pairs = [(j, k) for j in range(3) for k in range(3)]
    left += half * sum(sp.Derivative(p[0], odds[j], odds[k]) * means[j] * means[k] for j, k in pairs)
    return left, sp.Integer(0)


def _ratio_of_speeds(power: int = 1) -> tuple[Expr, Expr]:
    nu, first, second, m1, m2 = sp.symbols("nu lambda1 lambda2 m1 m2", positive=True)
    speeds = [sp.diff(m**2 / (value + nu) ** power, nu) for m, value in ((m1, first), (m2, second))]
    right = 2 * (first - second) / ((first + nu) * (second + nu))
    return sp.Derivative(sp.log(speeds[0] / speeds[1]), nu), right


THEOREM = Theorem(
    id="T11",
    name="gamma clock",
    statement=(
        r"The half log-odds $L = \tfrac12\log p(+|x)/p(-|x)$ of the reverse SDE guided to class $+$ with "
        r"weight $\omega$ obey $\mathrm dL = [\omega + (1-\omega)\tanh L]\,\mathrm d\gamma + \mathrm "
        r"dB_\gamma$, $L(0) = \tfrac12\log\frac{w}{1-w}$, in any dimension, shared $\Sigma$ and schedule; "
        r"for $K$ classes with $\Sigma = s^2I$ the posterior is a Wonham filter in the clock "
        r"$1/(s^2+\sigma^2)$; with a general shared $\Sigma$ and $K > 2$ no single clock serves."
    ),
    sources=("A82", "H26", "K25"),
    hypotheses=(
        "two classes with a shared covariance, w the weight of the class guided to; K classes with Σ = s²I",
        "the reverse run is Anderson's SDE with the exact score, from infinite noise on",
    ),
    derivation=derivation,
    predict=predict,
)
