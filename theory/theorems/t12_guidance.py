"""T12: guidance multiplies the early gain of information by 2ω − 1; late, above ω = ½, it is a shift."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.guidance import guided_entropy_coefficients, late_shift
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

WEIGHTS = (0.0, 1.0, 2.0, 4.0)
"""Guidance weights whose series is predicted."""
ORDER = 4
SHIFTS = ((2.0, 0.5), (0.8, 0.5), (2.0, 0.1))
"""Pairs (ω, prior) at which the late shift is predicted."""


def derivation() -> tuple[Block, ...]:
    """Itô's formula for the surprise, the start, the drift that guidance adds, the end, and the series."""
    return (*_rate(), *_early(), *_window(), *_late(), *_series())


def predict() -> dict[str, float]:
    """Coefficients of the series of `H_ω` at `WEIGHTS`, and late shifts of the log-odds at `SHIFTS`."""
    w = sp.Symbol("omega")
    coefficients = guided_entropy_coefficients(ORDER)
    shifts = {f"late shift, omega = {o:g}, w = {prior:g}": float(late_shift(o, prior)) for o, prior in SHIFTS}
    return shifts | {
        f"c_{n} at omega = {weight:g}": float(coefficients[n].subs(w, weight))
        for weight in WEIGHTS
        for n in range(1, ORDER + 1)
        if coefficients[n].subs(w, weight) != 0
    }


def _rate() -> tuple[Block, ...]:
    return (
        Text(
            r"**The rate.** A run is guided with weight $\omega$ to class $+$. By T11 its half log-odds "
            r"obey $dL=\kappa\,d\gamma+dB_\gamma$ with $\kappa=\omega+(1-\omega)\tanh L$. A posterior that "
            r"knows the exact densities gives that class the probability $p=1/(1+e^{-2L})$; its surprise, "
            r"in nats, is $f(L)=-\log p=\log(1+e^{-2L})$, and $H_\omega(\gamma)=\mathbb E f(L_\gamma)$ is "
            r"the cross-entropy of guided runs. At $\omega=1$ runs are drawn from class $+$ itself, and it "
            r"is $H_2(\gamma)$. The surprise has the slope"
        ),
        Identity.of("f' = tanh L − 1", _slope, r"\frac{d}{dL}\log(1+e^{-2L}) = -(1-\tanh L)"),
        Text(
            r"and, once more, $f''=\mathrm{sech}^2L$. Itô's formula $df=(\kappa "
            r"f'+\frac12f'')\,d\gamma+f'\,dB_\gamma$ then gives $dH_\omega/d\gamma=\mathbb E[\kappa "
            r"f'+\frac12f'']$. Both terms carry a factor $1-\tanh L$, because "
            r"$\mathrm{sech}^2=(1-\tanh)(1+\tanh)$, and what is left carries another:"
        ),
        Identity.of(
            "κf' + ½f″ = (½ − ω)(1 − tanh L)²",
            _generator_of_the_surprise,
            r"-(1-\tanh L)\bigl[\omega+(1-\omega)\tanh L\bigr]+\tfrac12\,\mathrm{sech}^2L = "
            r"(\tfrac12-\omega)(1-\tanh L)^2",
        ),
        Argument(
            r"$f'$ is bounded by 2, so the stochastic integral $\int f'\,dB$ is a martingale and has no mean."
        ),
        Text(
            r"Hence $\frac{dH_\omega}{d\gamma}=(\frac12-\omega)\,\mathbb E(1-\tanh L)^2$: the sign is that "
            r"of $\frac12-\omega$ throughout. At $\omega=1$ it is I-MMSE. There, from equal weights, $L$ "
            r"is $N(\gamma,\gamma)$, whose density is $e^{u-\gamma/2}N(u;0,\gamma)$. Under an even "
            r"$N(u;0,\gamma)$ only the even part counts, and it makes the two moments of $\tanh L$ equal:"
        ),
        Identity.of(
            "the even part of e^u (tanh u − tanh² u) vanishes",
            _nishimori,
            r"e^{u}\tanh u+e^{-u}\tanh(-u) = e^{u}\tanh^2u+e^{-u}\tanh^2(-u)",
        ),
        Text(
            r"so $\mathbb E(1-\tanh L)^2=1-\mathbb E\tanh L=\mathrm{mmse}(\gamma)$ and "
            r"$dH_1/d\gamma=-\frac12\mathrm{mmse}$, which is T3."
        ),
    )


def _early() -> tuple[Block, ...]:
    return (
        Text(
            r"**Early.** Runs start at infinite noise, $\gamma=0$, where $L=\frac12\log\frac w{1-w}$ and "
            r"$w$ is the weight of the class guided to. There"
        ),
        Identity.of(
            "(1 − tanh L)² = 4(1 − w)² at the start",
            _at_the_start,
            r"\bigl(1-\tanh L\bigr)^2\Big|_{L=\frac12\log\frac w{1-w}} = 4(1-w)^2",
        ),
        Text(
            r"so $dH_\omega/d\gamma=4(\frac12-\omega)(1-w)^2$, which for $w=\frac12$ is $\frac12-\omega$. "
            r"Whatever $w$, the factor $\frac12-\omega$ is the only trace of guidance at the start, so the "
            r"early gain of information is multiplied, compared with $\omega=1$, by "
            r"$(\frac12-\omega)/(\frac12-1)=2\omega-1$."
        ),
    )


def _window() -> tuple[Block, ...]:
    return (
        Text(r"**Where guidance acts.** Compared with $\omega=1$, whose drift is 1, guidance adds"),
        Identity.of(
            "κ − 1 = (ω − 1)·2/(1 + e^{2L})",
            _extra_drift,
            r"\omega+(1-\omega)\tanh L-1 = (\omega-1)(1-\tanh L) = \frac{2(\omega-1)}{1+e^{2L}}",
        ),
        Text(r"In runs decided for the class it vanishes, exponentially in the log-odds:"),
        Identity.of(
            "e^{2L}(κ − 1) → 2(ω − 1)",
            _decided_for,
            r"\lim_{L\to\infty}e^{2L}\,(\omega-1)(1-\tanh L) = 2(\omega-1)",
        ),
        Text(r"In runs decided against it, it does not, but stays a constant push:"),
        Identity.of(
            "κ − 1 → 2(ω − 1) against the class",
            _decided_against,
            r"\lim_{L\to-\infty}(\omega-1)(1-\tanh L) = 2(\omega-1)",
        ),
    )


def _late() -> tuple[Block, ...]:
    return (
        Text(r"**Late.** Do runs end in the class? The power $p^{1-2\omega}$ of the posterior has no drift:"),
        Identity.of(
            "p^{1−2ω} is a martingale",
            _martingale,
            r"\Bigl[\kappa\frac{d}{dL}+\tfrac12\frac{d^2}{dL^2}\Bigr]\bigl(1+e^{-2L}\bigr)^{2\omega-1} = 0",
        ),
        Argument(
            r"For $\omega>\frac12$ this is a positive martingale that becomes infinite as $p\to0$. A "
            r"positive martingale converges to a finite limit, so $L$ cannot go to $-\infty$. It cannot "
            r"stay finite either, for its noise does not end, so $L\to+\infty$: every run ends in the "
            r"class. For $\omega<\frac12$ it is bounded, and the share $w^{1-2\omega}$ of runs ends there "
            r"(T21)."
        ),
        Text(
            r"For $\omega>\frac12$ the added drift is therefore integrable along each run, and its sum is "
            r"finite: late, guided odds run parallel to those of $\omega=1$, ahead by the constant "
            r"$S=(\omega-1)\int_0^\infty\mathbb E(1-\tanh L)\,d\gamma$ on average. Its closed form, stated "
            r"above, is derived in T21, where it belongs to a martingale of the same kind; here it is "
            r"compared with the solution of the Fokker-Planck equation."
        ),
    )


def _series() -> tuple[Block, ...]:
    return (
        Text(
            r"**The series.** With the generator $G=\kappa\frac d{dL}+\frac12\frac{d^2}{dL^2}$ every "
            r"further derivative of $H_\omega$ in $\gamma$ is the mean of one more image, "
            r"$H_\omega^{(n)}=\mathbb E\,G^nf$, and at $\gamma=0$ its value at the start. From equal "
            r"weights the second one is"
        ),
        Identity.of(
            "H″(0) = 2(½ − ω)²",
            _second,
            r"G\,(\tfrac12-\omega)(1-\tanh L)^2\Big|_{L=0} = 2\,(\tfrac12-\omega)^2",
        ),
        Text(
            r"so that $H_\omega=\log2+(\frac12-\omega)\gamma+(\frac12-\omega)^2\gamma^2+\ldots$; for "
            r"$\omega=1$ it is $\log2-\frac12\gamma+\frac14\gamma^2-\ldots$, T9's. In $T=\tanh L$, "
            r"$dT/dL=1-T^2$, all images are polynomials, which is how the coefficients are computed to any "
            r"order; the third is"
        ),
        Identity.of(
            "H‴(0) = 2(½ − ω)(2ω² − 1)",
            _third,
            r"G^2\,(\tfrac12-\omega)(1-T)^2\Big|_{T=0} = 2\,(\tfrac12-\omega)(2\omega^2-1)",
        ),
        Argument(
            r"Each $G^nf$ is a bounded smooth function, so Taylor's formula holds with a remainder of order "
            r"$\gamma^{n+1}$: the series is asymptotic to every order."
        ),
        Measured(
            r"The coefficients by a polynomial through the Fokker-Planck solution; $H_\omega$ by reverse "
            r"runs in two dimensions with an anisotropic covariance; the late shift, and that guidance "
            r"after $\gamma=20$ leaves $L$ where $\omega=1$ does."
        ),
    )


def _drift(ell: Expr, omega: Expr, label: Expr = ONE) -> Expr:
    return omega + (1 - omega) * label * sp.tanh(ell)


def _generator(function: Expr, ell: Expr, omega: Expr, label: Expr = ONE, half: Expr = HALF) -> Expr:
    """`κ f′ + ½ f″`, the derivatives unevaluated."""
    drift = _drift(ell, omega, label)
    return drift * sp.Derivative(function, ell) + half * sp.Derivative(function, ell, 2)


def _odds() -> tuple[Expr, Expr]:
    return sp.Symbol("ell", real=True), sp.Symbol("Omega", positive=True)


def _slope(odds: Expr = TWO) -> tuple[Expr, Expr]:
    ell, _ = _odds()
    return sp.Derivative(sp.log(1 + sp.exp(-odds * ell)), ell), sp.tanh(ell) - 1


def _generator_of_the_surprise(odds: int = 2, label: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    ell, omega = _odds()
    left = _generator(sp.log(1 + sp.exp(-odds * ell)), ell, omega, label, half)
    return left, (sp.Rational(1, 2) - omega) * (1 - sp.tanh(ell)) ** 2


def _nishimori(tilt: Expr = ONE, power: int = 2) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", positive=True)
    left = sp.exp(tilt * u) * sp.tanh(u) + sp.exp(-tilt * u) * sp.tanh(-u)
    return left, sp.exp(u) * sp.tanh(u) ** power + sp.exp(-u) * sp.tanh(u) ** power


def _at_the_start(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    ell, w = sp.Symbol("ell", real=True), sp.Symbol("w", positive=True)
    square = (1 - sp.tanh(ell)) ** power
    return sp.Subs(square.rewrite(sp.exp), ell, half * sp.log(w / (1 - w))), 4 * (1 - w) ** 2


def _extra_drift(label: Expr = ONE) -> tuple[Expr, Expr]:
    ell, omega = _odds()
    return _drift(ell, omega, label) - 1, 2 * (omega - 1) / (1 + sp.exp(2 * ell))


def _decided_for(odds: int = 2, label: Expr = ONE) -> tuple[Expr, Expr]:
    y, omega = sp.symbols("y Omega", positive=True)  # y = e^{2L}
    tanh = label * (y - 1) / (y + 1)
    extra = omega + (1 - omega) * tanh - label
    return sp.Limit(sp.simplify(sp.sqrt(y) ** odds * extra), y, sp.oo), 2 * (omega - 1)


def _decided_against(label: Expr = ONE) -> tuple[Expr, Expr]:
    ell, omega = _odds()
    return sp.Limit(_drift(ell, omega, label) - 1, ell, -sp.oo), 2 * (omega - 1)


def _martingale(power: Expr = TWO, label: Expr = ONE) -> tuple[Expr, Expr]:
    ell, omega = _odds()
    return _generator((1 + sp.exp(-2 * ell)) ** (power * omega - 1), ell, omega, label), sp.Integer(0)


def _second(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    ell, omega = _odds()
    rate = (half - omega) * (1 - sp.tanh(ell)) ** power
    return sp.Subs(_generator(rate, ell, omega), ell, 0), 2 * (sp.Rational(1, 2) - omega) ** 2


def _third(label: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    T, omega = sp.Symbol("T", real=True), sp.Symbol("Omega", positive=True)

    def generator(function: Expr) -> Expr:
        slope = (1 - T**2) * sp.diff(function, T)
        return (omega + (1 - omega) * label * T) * slope + half * (1 - T**2) * sp.diff(slope, T)

    left = generator(generator((sp.Rational(1, 2) - omega) * (1 - T) ** 2))
    return sp.Subs(left, T, 0), 2 * (sp.Rational(1, 2) - omega) * (2 * omega**2 - 1)


THEOREM = Theorem(
    id="T12",
    name="guidance",
    statement=(
        r"$\frac{\mathrm dH_\omega}{\mathrm d\gamma} = (\tfrac12-\omega)\,\mathbb E(1-\tanh L)^2$, "
        r"$H_\omega = \mathbb E\log(1+e^{-2L})$; at $\gamma = 0$ and equal weights it is "
        r"$\tfrac12-\omega$, $2\omega-1$ times that of $\omega = 1$. The drift beyond $\omega = 1$, "
        r"$(\omega-1)(1-\tanh L)$, vanishes in runs decided for the class and tends to $2(\omega-1)$ in "
        r"runs decided against it. For $\omega > \tfrac12$ every run ends in the class, and late guidance "
        r"is a constant shift of $L$, with $a = 2\omega-1$ on average $\frac{\omega-1}{a}\bigl[\psi(a) + "
        r"\gamma_E + \log\frac{1-w}{w} + \tfrac1a\,{}_2F_1(1,a;a+1;w)\bigr]$."
    ),
    sources=("H26", "K25"),
    hypotheses=("T11; H is that of the class guided to", "ω > ½ for the late shift"),
    derivation=derivation,
    predict=predict,
)
