"""T21: below ω = ½ a run guided to a class ends in it with probability w^{1−2ω}, and surely above."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.guidance import guided_probability, late_shift, late_variance
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

WEIGHTS = (-0.5, 0.0, 0.25)
"""Guidance weights at which the end of a run is predicted, for a class of weight `CLASS_WEIGHT`."""
CLASS_WEIGHT = 0.8
THREE_HALVES = sp.Rational(3, 2)
SHIFTS = ((1.5, 0.5), (2.0, 0.5), (2.0, 0.1))
"""Pairs (ω, w) at which the late shift and spread are predicted."""


def derivation() -> tuple[Block, ...]:
    """Itô's formula on powers of the key line's posterior, Girsanov, and the late odds of two classes."""
    return (*_ends(), *_paths(), *_shift(), *_spread(), *_places())


def predict() -> dict[str, float]:
    """Probabilities to end in the class, late shifts and spreads."""
    numbers = {f"ends, omega={o:g}": float(guided_probability(o, CLASS_WEIGHT)) for o in WEIGHTS}
    for omega, w in SHIFTS:
        numbers[f"late shift, omega={omega:g}, w={w:g}"] = float(late_shift(omega, w))
        numbers[f"late spread, omega={omega:g}, w={w:g}"] = float(late_variance(omega, w))
    return numbers


def _ends() -> tuple[Block, ...]:
    return (
        Text(
            r"**Where runs end.** With $v = D_c-D$ and $p = p_c$ the key line of T19 is $\mathrm dp = "
            r"p\,v\cdot(\mathrm dB+\omega v\,\mathrm d\tau)$: "
            r"drift $\omega p|v|^2$ and noise $p^2|v|^2$, for any classes. Itô's formula for a power:"
        ),
        Identity.of(
            "drift of p^{1−2ω} is 0",
            _martingale,
            r"\left[\omega p\,\partial_p+\tfrac12p^2\,\partial_p^2\right]p^{1-2\omega} = 0",
        ),
        Text(
            r"For $\omega<\frac12$ the power is positive and $p^{1-2\omega}$ is a bounded martingale, "
            r"which starts at $w^{1-2\omega}$. Guided runs that are decided end with $p$ at 1 or 0, "
            r"and the mean of the power at the end is the probability of the first: $P = w^{1-2\omega}$. "
            r"For $\omega\ge\frac12$ consider $-\log p\ge0$:"
        ),
        Identity.of(
            "drift of −log p is −(ω − ½)|v|²",
            _logarithm,
            r"\left[\omega p\,\partial_p+\tfrac12p^2\,\partial_p^2\right](-\log p) = "
            r"-\left(\omega-\tfrac12\right)",
        ),
        Text(
            r"per $|v|^2\mathrm d\tau$, so that $\frac{\mathrm d}{\mathrm d\tau}\mathbb E[-\log p_c] = "
            r"-(\omega-\frac12)\,\mathbb E|D_c-D|^2$. A non-negative process without upward drift "
            r"converges to a finite limit; so $p$ stays away from 0, and a decided run ends in $c$, surely."
        ),
        Argument("Optional stopping; non-negative supermartingales converge.", "D53"),
    )


def _paths() -> tuple[Block, ...]:
    return (
        Text(
            r"**Paths.** The guided law of paths has the density $\mathrm dP_\omega/\mathrm dP_0 = "
            r"\exp[\omega\int v\cdot\mathrm dB-\frac12\omega^2\int|v|^2\mathrm d\tau]$, $B$ the noise of "
            r"unguided runs. "
            r"There $\log(p_c/w) = \int v\cdot\mathrm dB-\frac12\int|v|^2\mathrm d\tau$ by the line above "
            r"at $\omega=0$. Write $A = \int|v|^2\mathrm d\tau$ and eliminate the stochastic integral:"
        ),
        Identity.of(
            "ω(log(p/w) + ½A) − ½ω²A = ω log(p/w) + ½ω(1 − ω)A",
            _girsanov,
            r"\omega\left[\log\frac{p_c}w+\tfrac12A\right]-\tfrac12\omega^2A = "
            r"\omega\log\frac{p_c}w+\tfrac12\omega(1-\omega)A",
        ),
        Argument("The density of one drift against another in the law of paths.", "G60"),
        Text(
            r"So $\mathrm dP_\omega/\mathrm dP_0 = "
            r"(p_c/w)^\omega\exp[\frac12\omega(1-\omega)\int|D_c-D|^2\mathrm d\tau]$: guidance is no tilt "
            r"by a power of the posterior, except at $\omega = 0$ and 1, because "
            r"of the integral along the path. But the integral's factor is the same for $\omega$ and "
            r"$1-\omega$, and in the ratio of the two it drops out:"
        ),
        Identity.of(
            "log dP_ω/dP_{1−ω} = (2ω − 1) log(p/w)",
            _duality,
            r"\log\frac{\mathrm dP_\omega}{\mathrm dP_0}-\log\frac{\mathrm dP_{1-\omega}}{\mathrm dP_0} = "
            r"(2\omega-1)\log\frac{p_c}w",
        ),
        Text(
            r"which depends on the end of the path only. So the densities of guided states at one level "
            r"are dual: $\pi_\omega(x) = \pi_{1-\omega}(x)\,(p(c|x)/w)^{2\omega-1}$."
        ),
    )


def _shift() -> tuple[Block, ...]:
    return (
        Text(
            r"**Late shift, two classes with a shared covariance,** $\omega>\frac12$, $a=2\omega-1$. By "
            r"T11 $\mathrm dL = [1+(\omega-1)(1-\tanh L)]\mathrm d\gamma+\mathrm dB$, and "
            r"$1-\tanh L = 2(1-p)$. So runs end ahead of those of $\omega=1$ by $S = (\omega-1)\,u(w)$ on "
            r"average, $u(w) = \mathbb E\int_0^\infty2(1-p)\,\mathrm d\gamma$. Since "
            r"$|v|^2\mathrm d\tau = 4(1-p)^2\mathrm d\gamma$, $u$ solves $4(1-p)^2[\omega "
            r"p\,u'+\frac12p^2u''] = -2(1-p)$ with $u(1)=0$; it may grow like a logarithm at 0, but not "
            r"like the other solution, $p^{-a}$. "
            r"The solution is"
        ),
        Identity.of(
            "4(1−p)²[ωp u′ + ½p²u″] = −2(1−p) with u′ = −F/(ap)",
            _occupation,
            r"4(1-p)^2\left[\omega p\,u'+\tfrac12p^2u''\right] = -2(1-p),\qquad u'(p) = "
            r"-\frac{1}{ap}\,{}_2F_1(1,a;a+1;p)",
        ),
        Text(
            r"by $\frac{\mathrm d}{\mathrm dp}\left[p^a\,{}_2F_1(1,a;a+1;p)/a\right] = p^{a-1}/(1-p)$. "
            r"(SymPy is given this derivative. It follows from the series $\frac1a\,{}_2F_1(1,a;a+1;p) = "
            r"\sum_{n\ge0}\frac{p^n}{a+n}$: its ratio of terms is $\frac{a+n}{a+n+1}\,p$, "
            r"and $p^a$ times it has the derivative $\sum_np^{a+n-1}$.) The slope is "
            r"integrated by $a\,u(w) = \psi(a)+\gamma_E+\log\frac{1-w}w+\frac1a\,{}_2F_1(1,a;a+1;w)$:"
        ),
        Identity.of(
            "d/dw [log((1−w)/w) + F/a] = −F/w",
            _integrated,
            r"\frac{\mathrm d}{\mathrm dw}\left[\log\frac{1-w}w+\tfrac1a\,{}_2F_1(1,a;a+1;w)\right] = "
            r"-\tfrac1w\,{}_2F_1(1,a;a+1;w)",
        ),
        Argument(
            r"As $w\to1$, Gauss: ${}_2F_1(1,a;a+1;w) = a[-\log(1-w)-\psi(a)-\gamma_E]+o(1)$, so that "
            r"$u(1)=0$ and $S = \frac{\omega-1}a[\psi(a)+\gamma_E+\log\frac{1-w}w+\frac1a{}_2F_1]$."
        ),
        Identity.of("S(3/2) = log 2 − ¼ at w = ½", _three_halves, r"S(\tfrac32) = \log2-\tfrac14"),
    )


def _spread() -> tuple[Block, ...]:
    return (
        Text(
            r"**Spread.** All late cumulants follow from $\mathbb Ee^{sL}\to e^{(s+s^2/2)\gamma}h(s)$: "
            r"$h$ is the value at $p=w$ of the solution of $Gf = (s+\frac12s^2)f$ that is $e^{sL}$ as "
            r"$p\to1$ and bounded at 0. "
            r"With $R = \sqrt{a^2+2s+s^2}$, $\rho = \frac12(R-a)$ it is a multiple of $f = "
            r"(1-p)^{-s/2}p^\rho F$, $F = {}_2F_1(\frac12(R-a-s),\frac12(R+a-s);1+R;p)$: inserted, the "
            r"hypergeometric equation of $F$ remains."
        ),
        Identity.of(
            "G f = (s + s²/2) f by the hypergeometric equation",
            _generating,
            r"4(1-p)^2\left[\omega p f'+\tfrac12p^2f''\right] = \left(s+\tfrac12s^2\right)f",
        ),
        Argument(
            r"Gauss: $F(1) = \Gamma(1+R)\Gamma(1+s)/[\Gamma(1+\frac12(R+a+s))\Gamma(1+\frac12(R-a+s))]$, "
            r"by which $f$ is divided. Then $\lambda+S = (\log h)'(0)$ and "
            r"$\lim(\mathrm{Var}\,L-\gamma) = (\log h)''(0)$."
        ),
    )


def _places() -> tuple[Block, ...]:
    return (
        Text(
            r"**Every place has the same effect.** At $w=\frac12$ let $\omega = 1+\delta\omega(\gamma)$. To "
            r"first order the cross-entropy $\mathbb E\log(1+e^{-2L_\Gamma})$ changes by "
            r"$\int\mathbb E[(1-\tanh L_\gamma)\,\partial_Lk(L_\gamma,\gamma)]\,\delta\omega\,\mathrm "
            r"d\gamma$ with $k = \mathbb E[\log(1+e^{-2L_\Gamma})|L_\gamma]$. At $\omega=1$ a shift of "
            r"$L_\gamma$ shifts $L_\Gamma$, so "
            r"$\partial_Lk = -\mathbb E[1-\tanh L_\Gamma|L_\gamma]$, and the integrand is minus $\mathbb "
            r"E_+[(1-T_\gamma)(1-T_\Gamma)]$, $T=\tanh L$. By symmetry that is an average over both "
            r"classes, "
            r"$\mathbb E[(1-CT_\gamma)(1-CT_\Gamma)]$ with the label $C=\pm1$. Given both states the "
            r"label depends on the later one only, $P(C=\pm1) = \frac12(1\pm T_\Gamma)$:"
        ),
        Identity.of(
            "E[(1 − CT)(1 − CT′) | T, T′] = 1 − T′²",
            _same_everywhere,
            r"\sum_{C=\pm1}\frac{1+CT_\Gamma}2\,(1-CT_\gamma)(1-CT_\Gamma) = 1-T_\Gamma^2",
        ),
        Text(
            r"of mean $\mathrm{mmse}(\Gamma)$. It does not depend on $\gamma$: $-\delta H(\Gamma) = "
            r"\mathrm{mmse}(\Gamma)\int\delta\omega\,\mathrm d\gamma$."
        ),
        Measured(
            "Where guided runs of three classes of any kind end; the martingale, the duality, the density "
            "of paths and the falling surprise along them; "
            "late shift and spread by quadrature and by the Fokker-Planck equation; the gain of intervals."
        ),
    )


def _ito(function: Expr, p: Expr, omega: Expr, noise: Expr = HALF) -> Expr:
    return omega * p * sp.Derivative(function, p) + noise * p**2 * sp.Derivative(function, (p, 2))


def _martingale(noise: Expr = HALF, factor: Expr = TWO) -> tuple[Expr, Expr]:
    p, omega = sp.symbols("p omega", positive=True)
    return _ito(p ** (1 - factor * omega), p, omega, noise), sp.Integer(0)


def _logarithm(noise: Expr = HALF) -> tuple[Expr, Expr]:
    p, omega = sp.symbols("p omega", positive=True)
    return _ito(-sp.log(p), p, omega, noise), -(omega - HALF)


def _girsanov(half: Expr = HALF, growth: Expr = HALF) -> tuple[Expr, Expr]:
    omega, ratio, spent = sp.symbols("omega p A", positive=True)
    left = omega * (sp.log(ratio) + growth * spent) - half * omega**2 * spent
    return left, omega * sp.log(ratio) + omega * (1 - omega) * spent / 2


def _duality(partner: Expr = ONE) -> tuple[Expr, Expr]:
    omega, ratio, spent = sp.symbols("omega p A", positive=True)

    def density(weight: Expr) -> Expr:
        return weight * sp.log(ratio) + weight * (1 - weight) * spent / 2

    return density(omega) - density(partner - omega), (2 * omega - 1) * sp.log(ratio)


def _gauss(p: Expr, a: Expr) -> tuple[Expr, Expr]:
    """F(1, a; a+1; p) as a symbol, and its derivative, `a/(p(1−p)) − aF/p`."""
    value = sp.Symbol("F", positive=True)
    return value, a / (p * (1 - p)) - a * value / p


def _occupation(order: Expr = ONE) -> tuple[Expr, Expr]:
    p, a = sp.symbols("p a", positive=True)
    value, slope = _gauss(p, a)
    first = -value / (a * p)
    second = sp.diff(-1 / (a * p), p) * value - slope / (a * p)
    omega = (order + a) / 2
    return 4 * (1 - p) ** 2 * (omega * p * first + p**2 * second / 2), -2 * (1 - p)


def _integrated(weight: Expr = ONE) -> tuple[Expr, Expr]:
    w, a = sp.symbols("w a", positive=True)
    value, slope = _gauss(w, a)
    return sp.diff(weight * sp.log((1 - w) / w), w) + slope / a, -value / w


def _three_halves(omega: Expr = THREE_HALVES) -> tuple[Expr, Expr]:
    a, w, x = 2 * omega - 1, HALF, sp.Symbol("x", positive=True)
    # ₂F₁(1, a; a+1; w) = a ∫₀¹ x^{a−1}/(1 − wx) dx
    gauss = a * sp.Integral(x ** (a - 1) / (1 - w * x), (x, 0, 1))
    digamma = sp.digamma(a) + sp.EulerGamma
    return (omega - 1) / a * (sp.expand_func(digamma) + sp.log((1 - w) / w) + gauss / a), sp.log(
        2
    ) - sp.Rational(1, 4)


def _generating(order: Expr = ONE) -> tuple[Expr, Expr]:
    p, root, s = sp.symbols("p R s", positive=True)
    a = sp.sqrt(root**2 - 2 * s - s**2)
    rho, first, second = (root - a) / 2, (root - a - s) / 2, (root + a - s) / 2
    value, slope = sp.symbols("F F1", positive=True)
    bend = (first * second * value - (1 + root - (first + second + 1) * p) * slope) / (p * (1 - p))
    front = (1 - p) ** (-s / 2) * p**rho
    lead = sp.diff(front, p) / front
    lead2 = sp.diff(front, p, 2) / front
    derivative = lead * value + slope
    second_derivative = lead2 * value + 2 * lead * slope + bend
    omega = (order + a) / 2
    left = 4 * (1 - p) ** 2 * (omega * p * derivative + p**2 * second_derivative / 2)
    return sp.simplify(sp.expand(sp.simplify(left))), (s + s**2 / 2) * value


def _same_everywhere(certainty: Expr = HALF) -> tuple[Expr, Expr]:
    here, later = sp.symbols("T T1", positive=True)
    labels = [(HALF + sign * certainty * later) * (1 - sign * here) * (1 - sign * later) for sign in (1, -1)]
    return sum(labels), 1 - later**2


THEOREM = Theorem(
    id="T21",
    name="guided ends",
    statement=(
        r"For classes of any distributions and any $K$, a reverse run guided to $c$ with weight "
        r"$\omega<\tfrac12$ ends in $c$ with probability $w_c^{1-2\omega}$, and surely with "
        r"$\omega\ge\tfrac12$; "
        r"$p_c^{1-2\omega}$ is a martingale. With $w=w_c$ and $\pi_\omega$ the density of guided states at "
        r"one level: $\pi_\omega(x) = \pi_{1-\omega}(x)\,(p(c|x)/w)^{2\omega-1}$; "
        r"$\frac{\mathrm d}{\mathrm d\tau}\mathbb E[-\log p_c] = -(\omega-\tfrac12)\,\mathbb E|D_c-D|^2$; "
        r"$\mathrm dP_\omega/\mathrm dP_0 = "
        r"(p_c/w)^\omega\exp[\tfrac12\omega(1-\omega)\int|D_c-D|^2\mathrm d\tau]$. Two classes with a "
        r"shared covariance, $\omega>\tfrac12$, $a=2\omega-1$: late, $L$ is ahead of $\omega=1$ by "
        r"$S = "
        r"\frac{\omega-1}a\left[\psi(a)+\gamma_E+\log\frac{1-w}w+\tfrac1a\,{}_2F_1(1,a;a+1;w)\right]$ on "
        r"average. To first order in $\omega-1$ and at $w=\tfrac12$ every place of an interval has the "
        r"same effect, "
        r"$-\delta H(\Gamma) = \mathrm{mmse}(\Gamma)\int\delta\omega\,\mathrm d\gamma$."
    ),
    sources=("D53", "G60"),
    hypotheses=(
        "T19's key line: any classes, exact denoisers, constant ω; guided runs are decided in the end, "
        r"$p_c\to0$ or 1",
        "the late shift and spread: two classes with a shared covariance, ω > ½",
    ),
    derivation=derivation,
    predict=predict,
)
