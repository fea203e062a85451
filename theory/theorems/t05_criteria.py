"""T5: every speciation criterion is a condition on γ, and each gives its own time."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import clone_agreement
from ..times.criteria import CRITERIA, speciation_time
from ..times.second_mode import second_mode_gamma
from ._base import HALF, ONE, TWO, Block, Identity, Measured, Text, Theorem

CASES = ((9.0, 1.0, 0.5), (9.0, 0.25, 0.3), (0.3, 0.6, 0.5), (6.0, 2.0, 0.5))
"""Triples (M, s², w) at which all eight times are predicted."""
MODE_PRIORS = (0.55, 0.7, 0.95)
"""First weights at which the appearance of a second mode is predicted."""
CLONE_PRIORS = (0.5, 0.3, 0.1)
"""First weights at which the clones' agreement at γ = 1 is predicted."""


def derivation() -> tuple[Block, ...]:
    """The curvature at the midpoint, each drift's instability factorised, levels of γ, the second mode."""
    return (
        *_curvature(),
        *_drifts(),
        *_covariance(),
        *_levels(),
        *_second_mode(),
        *_second_mode_for_all_weights(),
    )


def predict() -> dict[str, float]:
    """OU times of all criteria at `CASES`, where they exist, and RA23's critical signal."""
    numbers = {
        f"{criterion} (M={M:g}, s2={s2:g}, w={w:g})": float(speciation_time(criterion, M, s2, prior=w))
        for M, s2, w in CASES
        for criterion in CRITERIA
    }
    numbers = {name: time for name, time in numbers.items() if np.isfinite(time)}
    points = float(np.exp(-2 * speciation_time("reverse-sde", 1.0, 0.0)))
    modes = {f"gamma of the second mode (w={w:g})": float(second_mode_gamma(w)) for w in MODE_PRIORS}
    agreement = {f"phi at cloning (w={w:g})": float(clone_agreement(1.0, w)) for w in CLONE_PRIORS}
    return numbers | {"critical e^{-2t} of points at ±1": points} | modes | agreement


def _curvature() -> tuple[Block, ...]:
    return (
        Text(
            r"In OU time, $a=e^{-t}$, with $|\delta|^2=M$ and $\Sigma=s^2I$, the noised density along the "
            r"axis of the means, $x$ from their midpoint, is $p_t(x)=w\,N(x;a\sqrt M,\Gamma)+"
            r"(1-w)\,N(x;-a\sqrt M,\Gamma)$ with $\Gamma=a^2s^2+1-a^2=1+(s^2-1)e^{-2t}$, and "
            r"$\gamma=a^2M/\Gamma$ (T2). Across the axis it is one Gaussian, of curvature $-1/\Gamma$. **At "
            r"the midpoint**"
        ),
        Identity.of(
            "∂²log p_t = (4w(1−w)γ − 1)/Γ at the midpoint",
            _midpoint_curvature,
            r"\left.\frac{\partial^2}{\partial x^2}\log p_t(x)\right|_{x=0} = "
            r"\frac{4w(1-w)\gamma-1}{\Gamma}",
        ),
        Text(
            r"which turns positive at $4w(1-w)\gamma=1$: **curvature**, $\gamma=1$ for equal weights (B24, "
            r"RA23). Weights only replace $M$ by $\tilde M=4w(1-w)M$ here, and so in the drifts below."
        ),
    )


def _drifts() -> tuple[Block, ...]:
    return (
        Text(
            r"**Drifts.** Run backward, the SDE has the drift $x+2\,\partial\log p_t$ (Anderson's "
            r"reversal) and the probability flow $x+\partial\log p_t$. Linearised at the midpoint a run "
            r"leaves it where $1+2\,\partial^2\log p_t>0$, or $1+\partial^2\log p_t>0$, that is "
            r"$\Gamma+2\gamma>2$, or $\Gamma+\gamma>1$ (with $\tilde M$ in $\gamma$). To solve for the "
            r"time put $Y=e^{2t}\ge1$ and $b=1-s^2$, so $\Gamma=(Y-b)/Y$ and $\gamma=\tilde M/(Y-b)$. The "
            r"SDE's condition is a quadratic in $Y$:"
        ),
        Identity.of(
            "1 + 2∂²log p_t = (Y₊ − Y)(Y − Y₋)/(Y − b)²",
            _reverse_sde,
            r"1+2\,\frac{\gamma-1}{\Gamma} = \frac{(Y_+-Y)(Y-Y_-)}{(Y-b)^2},\qquad "
            r"Y_\pm=\tilde M\pm\sqrt{\tilde M^2+b^2}",
        ),
        Text(
            r"Since $Y_-\le0$ the drift is unstable for $e^{2t}<Y_+$ and stable before (at larger $t$): "
            r"**reverse SDE**, $e^{2t}=\tilde M+\sqrt{\tilde M^2+(1-s^2)^2}$. At $s=1$ this is "
            r"$e^{2t}=2\tilde M$, $\gamma=\tfrac12$ for equal weights. For points at $\pm1$, $M=1$ and "
            r"$s=0$, it is RA23's critical value:"
        ),
        Identity.of(
            "points at ±1: e^{−2t} = √2 − 1",
            _points,
            r"\frac{1}{M+\sqrt{M^2+(1-s^2)^2}} = \sqrt2-1 \qquad (M=1,\ s=0)",
        ),
        Text(r"The flow's condition is linear in $Y$:"),
        Identity.of(
            "1 + ∂²log p_t = ((M̃ − b)Y + b²)/(Y − b)²",
            _probability_flow,
            r"1+\frac{\gamma-1}{\Gamma} = \frac{(\tilde M-b)\,Y+b^2}{(Y-b)^2}",
        ),
        Text(
            r"For $\tilde M\ge1-s^2$, and so for every $\tilde M>0$ once $s\ge1$, the right side is positive "
            r"throughout: the midpoint is unstable at every finite time, and no time is defined. Otherwise "
            r"**probability flow**, $e^{2t}=b^2/(b-\tilde M)$, where $\Gamma+\gamma=1$."
        ),
    )


def _covariance() -> tuple[Block, ...]:
    return (
        Text(
            r"**Covariance.** B24 compares the noise with the largest eigenvalue $\Lambda$ of the data's "
            r"covariance over all directions, $\Lambda e^{-2t}=1$. Along the axis, where it is largest, the "
            r"variance is"
        ),
        Identity.of(
            "E X² − (E X)² = s² + 4w(1−w)M",
            _data_variance,
            r"\left[w(M+s^2)+(1-w)(M+s^2)\right]-\left[w\sqrt M-(1-w)\sqrt M\right]^2 = s^2+4w(1-w)M",
        ),
        Text(r"so $t=\tfrac12\log(s^2+\tilde M)$."),
    )


def _levels() -> tuple[Block, ...]:
    return (
        Text(
            r"**Levels of $\gamma$.** The entropy and the clones know $\gamma$ alone (T2, T4). Since "
            r"$\gamma=M/(e^{2t}+s^2-1)$, a level $\gamma_c$ is reached at "
            r"$t=\tfrac12\log(M/\gamma_c+1-s^2)$. It is one crossing, because $\gamma$ falls with $t$:"
        ),
        Identity.of(
            "dγ/dt = −2e^{2t}γ²/M < 0",
            _falling,
            r"\frac{d}{dt}\,\frac{M}{e^{2t}+s^2-1} = -\frac{2\,e^{2t}}{M}\,\gamma^2",
        ),
        Text(
            r"*Median*: half of the class entropy is left, $H(\gamma_{1/2})=\tfrac12H(C)$; unique, as "
            r"$dH/d\gamma=-\tfrac12\mathrm{mmse}<0$. *Peak of the entropy rate* per unit OU time: with "
            r"$m=\mathrm{mmse}$, $m'=-M_3$, $M_3=\mathbf E\,\mathrm{sech}^4L$ (T3) and $\kappa=(1-s^2)/M$,"
        ),
        Identity.of(
            "d/dγ of γ(1 + κγ)mmse",
            _stationary,
            r"\frac{d}{d\gamma}\left[\gamma(1+\kappa\gamma)\,m(\gamma)\right] = "
            r"(1+2\kappa\gamma)\,m-\gamma(1+\kappa\gamma)\,M_3",
        ),
        Text(
            r"and $\gamma^*(\kappa,w)$ is where this vanishes (T8 computes it, with the weights in $m$ and "
            r"$M_3$). *Cloning*: B24's threshold is the agreement $\varphi(1)=0.7752$ of equal classes at "
            r"$\gamma=1$, where the curvature changes sign too. With weights the level stays $\gamma=1$, and "
            r"the agreement there is $\varphi_w(1)=1-\tfrac12\mathrm{mmse}_w(1)$, no longer $0.7752$."
        ),
    )


def _second_mode() -> tuple[Block, ...]:
    return (
        Text(
            r"**Unequal weights: a saddle-node.** For $w\ne\tfrac12$ the midpoint is no fixed point, and the "
            r"two modes do not part there. Let $u=\lambda+a\sqrt M\,x/\Gamma$ be the half log-odds at $x$, "
            r"$\lambda=\tfrac12\log\frac{w}{1-w}$; then, up to a constant, $\log p_t=-x^2/2\Gamma+"
            r"\log\cosh u$, and its slope in units of $a\sqrt M/\Gamma$ is"
        ),
        Identity.of(
            "slope of log p_t is (λ + γ tanh u − u)/γ",
            _slope,
            r"\frac{\Gamma}{a\sqrt M}\,\frac{\partial}{\partial x}\left[-\frac{x^2}{2\Gamma}+"
            r"\log\cosh\left(\lambda+\frac{a\sqrt M}{\Gamma}x\right)\right] = "
            r"\frac{\lambda+\gamma\tanh u-u}{\gamma}",
        ),
        Text(
            r"The modes solve $u=\lambda+\gamma\tanh u$: the mean-field Ising magnet with coupling "
            r"$\gamma$ in a field $\lambda$. (With any shared covariance all stationary points lie on the "
            r"line of the means and obey the same equation, so this holds in every dimension.) For "
            r"$\lambda=0$ it bifurcates at $\gamma=1$, a pitchfork. Otherwise a second mode appears at a "
            r"tangency, $\gamma\,\mathrm{sech}^2u=1$, on the side of the rare class: "
            r"$u=-\mathrm{arcosh}\sqrt\gamma$, $\tanh u=-\sqrt{1-1/\gamma}$ for $\lambda>0$. So the field "
            r"at which it appears is $\lambda(\gamma)=\sqrt{\gamma(\gamma-1)}-\mathrm{arcosh}\sqrt\gamma$, "
            r"and"
        ),
        Identity.of(
            "d/dγ[√(γ(γ−1)) − arcosh √γ] = √(1 − 1/γ)",
            _field,
            r"\frac{d}{d\gamma}\left[\sqrt{\gamma(\gamma-1)}-\mathrm{arcosh}\sqrt\gamma\right] = "
            r"\sqrt{1-\frac1\gamma}",
        ),
    )


def _second_mode_for_all_weights() -> tuple[Block, ...]:
    return (
        Text(
            r"Thus $\lambda$ grows from 0 at $\gamma=1$ without bound, and every pair of weights has exactly "
            r"one such $\gamma$, whatever $s$ and $M$: $\gamma=1.842$ for $w=0.7$, where curvature, "
            r"$1/(4w(1-w))$, says $1.190$. For small $\lambda$, with $\gamma=1+\epsilon$ and "
            r"$\lambda\approx\tfrac23\epsilon^{3/2}$, the cusp"
        ),
        Identity.of(
            "dλ/dγ is √ε near the pitchfork, so λ = ⅔ε^{3/2}",
            _cusp,
            r"\lim_{\epsilon\to0^+}\epsilon^{-1/2}\sqrt{1-\frac{1}{1+\epsilon}} = 1",
        ),
        Text(
            r"gives $\gamma-1\approx(3\lambda/2)^{2/3}$. Mode and entropy part ways: the rare class has a "
            r"mode of its own only at this $\gamma$, while B24's and RA23's times linearise about a point "
            r"that no run rests at."
        ),
        Measured(
            "All eight times from the density itself, by differences, quadrature and bisection, for four "
            "pairs of classes; four of them and cloning with a full covariance in 6 dimensions, by dense "
            "matrices; the γ of the second mode from the slope of the density on a line; φ at cloning by "
            "quadrature of Bayes' rule at unequal weights."
        ),
    )


def _midpoint_curvature(data: Expr = ONE, noise: Expr = ONE) -> tuple[Expr, Expr]:
    a, M, s2, w = sp.symbols("a M s2 w", positive=True)
    x = sp.Symbol("x", real=True)
    width = data * a**2 * s2 + noise * (1 - a**2)
    bells = [sp.exp(-((x - sign * a * sp.sqrt(M)) ** 2) / (2 * width)) for sign in (1, -1)]
    log_density = sp.log(w * bells[0] + (1 - w) * bells[1])
    Gamma = 1 + (s2 - 1) * a**2
    gamma = a**2 * M / Gamma
    return sp.Subs(sp.Derivative(log_density, (x, 2)), x, 0), (4 * w * (1 - w) * gamma - 1) / Gamma


def _instability(gain: Expr, data: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """`1 + gain·(γ − 1)/Γ` in `Y = e^{2t}`, with Y, M and b."""
    Y, M, s2 = sp.symbols("Y M s2", positive=True)
    Gamma = data * s2 / Y + 1 - 1 / Y
    gamma = M / Y / Gamma
    return 1 + gain * (gamma - 1) / Gamma, Y, M, 1 - s2


def _reverse_sde(gain: Expr = TWO, data: Expr = ONE) -> tuple[Expr, Expr]:
    left, Y, M, b = _instability(gain, data)
    root = sp.sqrt(M**2 + b**2)
    return left, (M + root - Y) * (Y - M + root) / (Y - b) ** 2


def _probability_flow(gain: Expr = ONE, data: Expr = ONE) -> tuple[Expr, Expr]:
    left, Y, M, b = _instability(gain, data)
    return left, ((M - b) * Y + b**2) / (Y - b) ** 2


def _points(separation2: Expr = ONE, deficit: Expr = ONE) -> tuple[Expr, Expr]:
    return 1 / (separation2 + sp.sqrt(separation2**2 + deficit**2)), sp.sqrt(2) - 1


def _data_variance(spread: Expr = ONE, order: int = 2) -> tuple[Expr, Expr]:
    M, s2, w = sp.symbols("M s2 w", positive=True)
    means, weights = (sp.sqrt(M), -sp.sqrt(M)), (w, 1 - w)
    mean = sum(p * m for p, m in zip(weights, means, strict=True))
    second = sum(p * (m**2 + spread * s2) for p, m in zip(weights, means, strict=True))
    return second - mean**order, s2 + 4 * w * (1 - w) * M


def _falling(rate: Expr = TWO, offset: Expr = ONE) -> tuple[Expr, Expr]:
    M, s2, t = sp.symbols("M s2 t", positive=True)
    gamma = M / (sp.exp(rate * t) + s2 - offset)
    level = M / (sp.exp(2 * t) + s2 - 1)
    return sp.Derivative(gamma, t), -2 * sp.exp(2 * t) * level**2 / M


def _stationary(clock: Expr = ONE, fall: Expr = ONE) -> tuple[Expr, Expr]:
    g, kappa = sp.symbols("gamma kappa", positive=True)
    m, third = sp.Function("m")(g), sp.Symbol("M_3", positive=True)
    mmse = sp.Symbol("m", positive=True)
    slope = sp.diff(g * (1 + clock * kappa * g) * m, g)
    left = slope.subs(sp.Derivative(m, g), -fall * third).subs(m, mmse)
    return left, (1 + 2 * kappa * g) * mmse - g * (1 + kappa * g) * third


def _slope(precision: Expr = HALF, field: Expr = ONE) -> tuple[Expr, Expr]:
    a, M, width = sp.symbols("a M Gamma", positive=True)
    x, shift = sp.symbols("x lambda", real=True)
    pull = a * sp.sqrt(M) / width
    gamma, u = a**2 * M / width, shift + pull * x
    log_density = -precision * x**2 / width + sp.log(sp.cosh(field * u))
    return sp.Derivative(log_density, x) / pull, (shift + gamma * sp.tanh(u) - u) / gamma


def _field(coefficient: Expr = ONE) -> tuple[Expr, Expr]:
    g = sp.Symbol("gamma", positive=True)
    left = sp.Derivative(sp.sqrt(g * (g - 1)) - coefficient * sp.acosh(sp.sqrt(g)), g)
    return left, sp.sqrt(1 - 1 / g)


def _cusp(unit: Expr = ONE) -> tuple[Expr, Expr]:
    epsilon = sp.Symbol("epsilon", positive=True)
    ratio = sp.sqrt(1 - unit / (1 + epsilon)) / sp.sqrt(epsilon)
    return sp.Limit(ratio, epsilon, 0, "+"), sp.Integer(1)


THEOREM = Theorem(
    id="T5",
    name="speciation times by criterion",
    statement=(
        r"With $\Gamma = 1+(s^2-1)e^{-2t}$: curvature $\gamma = 1$; covariance $\Lambda e^{-2t} = 1$, "
        r"$\Lambda = M+s^2$; reverse SDE $\Gamma+2\gamma = 2$; probability flow $\Gamma+\gamma = 1$ (at "
        r"$s=1$ unstable at every finite $t$); entropy-rate peak per unit OU time $\gamma = "
        r"\gamma^*(\kappa)$; median $H = \tfrac12 H(C)$; cloning $\gamma = 1$. At a level $\gamma_c$: $t = "
        r"\tfrac12\log(M/\gamma_c+1-s^2)$. With weights $(w, 1-w)$ the first four hold with $M$ replaced "
        r"by $4w(1-w)M$, the peak is at $\gamma^*(\kappa, w)$, and the midpoint of the means is no fixed "
        r"point of the drift. Cloning stays the level $\gamma = 1$, where $\varphi = \varphi_w(1)$: B24's "
        r"$0.7752$ at $w = \tfrac12$ alone. For $w\ne\tfrac12$ the pitchfork at $\gamma=1$ becomes a "
        r"saddle-node: the second mode of $p_t$ appears at $\sqrt{\gamma(\gamma-1)}-"
        r"\mathrm{arcosh}\sqrt\gamma=\tfrac12|\log\frac{w}{1-w}|$, at $\gamma=1.842$ for $w=0.7$."
    ),
    sources=("B24", "RA23", "H26"),
    hypotheses=(
        "two classes with Σ = s²I",
        "drift linearised at the midpoint of the class means",
        "Λ is the largest eigenvalue of the data's covariance over all directions",
    ),
    derivation=derivation,
    predict=predict,
)
