"""T8: where the entropy rate peaks, how high, and the other constants of two classes."""

from .._support.aliases import Expr
from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp
from ..channel import multiprecision
from ..channel.constants import precise_median_gamma, precise_peak_gamma
from ..times.expansions import peak_gamma_coefficients, peak_gamma_expression
from ._base import ONE, TWO, Block, Identity, Measured, Text, Theorem

DIGITS = 30
"""Digits to which the constants are computed before they are rounded to double precision."""
SERIES_ORDER = 3
"""Order in κ to which the expansion of γ* is predicted."""


def derivation() -> tuple[Block, ...]:
    """The rate, the hierarchy of moments, the condition of the peak, and how the peak moves with κ."""
    return (*_rate(), *_hierarchy(), *_peak(), *_moving_peak())


def predict() -> dict[str, float]:
    """Every constant of T8, from `DIGITS`-digit arithmetic, and γ*'s series."""
    peak = precise_peak_gamma(digits=DIGITS)
    with mp.workdps(DIGITS):
        constants = {
            "gamma*": peak,
            "peak height": peak * multiprecision.mmse(peak),
            "H(gamma*)/log 2": multiprecision.entropy(peak) / mp.log(2),
            "phi(gamma*)": multiprecision.agreement(peak),
            "t_peak - log(M)/2": -mp.log(peak) / 2,
            "gamma_half": precise_median_gamma(digits=DIGITS),
            "mmse(1)": multiprecision.mmse(1),
            "H(1)": multiprecision.entropy(1),
            "phi(1)": multiprecision.agreement(1),
        }
    series = peak_gamma_coefficients(SERIES_ORDER, DIGITS)[1:]
    slopes = {f"c_{n} of gamma*(kappa)": c for n, c in enumerate(series, start=1)}
    return {name: float(value) for name, value in (constants | slopes).items()}


def _rate() -> tuple[Block, ...]:
    return (
        Text(
            r"**The rate.** By T3 $dH/dt=-\tfrac12\mathrm{mmse}(\gamma)\,d\gamma/dt$, and T2's "
            r"$\gamma=M/(e^{2t}+s^2-1)$ gives, with $\kappa=(1-s^2)/M$,"
        ),
        Identity.of(
            "−½ dγ/dt = γ(1 + κγ)",
            _speed,
            r"-\tfrac12\frac{d}{dt}\,\frac{M}{e^{2t}+s^2-1} = \gamma(1+\kappa\gamma)",
        ),
        Text(r"so the entropy rate per unit OU time is $\gamma(1+\kappa\gamma)\,\mathrm{mmse}(\gamma)$."),
    )


def _hierarchy() -> tuple[Block, ...]:
    return (
        Text(
            r"**Derivatives.** Write $M_n(\gamma)=e^{-\gamma/2}\int N(u;0,\gamma)\,\mathrm{sech}^nu\,du$, so "
            r"$\mathrm{mmse}=M_1$ (T3). By T3's heat equation $d/d\gamma$ acts on the profile as "
            r"$\tfrac12(\partial^2-1)$, and powers of sech are closed under it:"
        ),
        Identity.of(
            "½(∂² − 1) sechⁿ = ½(n² − 1) sechⁿ − ½n(n + 1) sechⁿ⁺², n symbolic",
            _powers_of_sech,
            r"\tfrac12\left(\frac{d^2}{du^2}-1\right)\mathrm{sech}^nu = "
            r"\tfrac12(n^2-1)\,\mathrm{sech}^nu-\tfrac12n(n+1)\,\mathrm{sech}^{n+2}u",
        ),
        Text(
            r"so $M_n'=\tfrac12(n^2-1)M_n-\tfrac12n(n+1)M_{n+2}$: $M_1'=-M_3$ and $M_3'=4M_3-6M_5$. With "
            r"weights $N(u;0,\gamma)$ becomes $cN(u-\lambda;0,\gamma)$, and nothing else changes."
        ),
    )


def _peak() -> tuple[Block, ...]:
    return (
        Text(r"**The peak.** The slope of the rate in $\gamma$ is"),
        Identity.of(
            "F = d/dγ[γ(1 + κγ)M₁] = (1 + 2κγ)M₁ − γ(1 + κγ)M₃",
            _slope,
            r"F(\gamma,\kappa) = \frac{d}{d\gamma}\left[\gamma(1+\kappa\gamma)M_1\right] = "
            r"(1+2\kappa\gamma)M_1-\gamma(1+\kappa\gamma)M_3",
        ),
        Text(
            r"At $\kappa=0$ it is $M_1-\gamma M_3$: 1 at $\gamma=0$, and negative for large $\gamma$, "
            r"where $M_1\approx\sqrt{\pi/2\gamma}\,e^{-\gamma/2}$ (T9) has $M_3=-M_1'\approx\tfrac12M_1$. "
            r"So there is a peak, $\gamma^*=1.50833\dots$, where $M_1=\gamma^*M_3$. The height is "
            r"$\gamma^*M_1$, what is left $H_2(\gamma^*)$ and the clones' agreement $1-\tfrac12M_1$ (T4); "
            r"the median solves $H_2(\gamma_{1/2})=\tfrac12\log2$. At $s=1$, $\gamma=Me^{-2t}$ exactly and "
            r"$t_{\rm peak}-\tfrac12\log M=-\tfrac12\log\gamma^*$."
        ),
    )


def _moving_peak() -> tuple[Block, ...]:
    return (
        Text(
            r"**How it moves.** For $s\ne1$, $\gamma^*(\kappa)=\gamma^*+c_1\kappa+\dots$ is the implicit "
            r"function of $F=0$, so $c_1=-F_\kappa/F_\gamma$ at $\kappa=0$. With the hierarchy, and "
            r"$M_1=\gamma^*M_3$ inserted, the two derivatives are"
        ),
        Identity.of(
            "∂F/∂κ = γ²M₃ at the peak",
            _kappa_slope,
            r"\frac{\partial F}{\partial\kappa} = 2\gamma M_1-\gamma^2M_3 = \gamma^2M_3",
        ),
        Identity.of(
            "∂F/∂γ = 6γM₅ − (2 + 4γ)M₃ at κ = 0",
            _gamma_slope,
            r"\frac{\partial F}{\partial\gamma} = \frac{d}{d\gamma}\left[M_1-\gamma M_3\right] = "
            r"6\gamma M_5-(2+4\gamma)M_3",
        ),
        Text(r"so that"),
        Identity.of(
            "c₁ = γ²M₃/((2 + 4γ)M₃ − 6γM₅), by matching powers",
            _first_coefficient,
            r"c_1 = \frac{\gamma^2M_3}{(2+4\gamma)M_3-6\gamma M_5}\qquad(\gamma=\gamma^*)",
        ),
        Text(
            r"where the left side is what the toolkit's recursion returns, which inserts the power series "
            r"into $F$ and matches powers of $\kappa$ to any order. The peak's time, by T5 "
            r"$\tfrac12\log M+\tfrac12\log(\kappa+1/\gamma^*(\kappa))$, moves by"
        ),
        Identity.of(
            "dt_peak/dκ = ½(γ* − c₁/γ*) at κ = 0",
            _time_slope,
            r"\left.\frac{d}{d\kappa}\,\tfrac12\log\left(\kappa+\frac{1}{\gamma^*+c_1\kappa}\right)\right|_0 "
            r"= \tfrac12\left(\gamma^*-\frac{c_1}{\gamma^*}\right)",
        ),
        Text(
            r"so for $s\ne1$ the constants hold up to $O((1-s^2)/M)$, and in the limit $M\to\infty$ for "
            r"every $s$."
        ),
        Measured(
            "Every constant by quadrature and search on the definitions in 20 and more digits; three "
            "coefficients of γ*(κ) from maxima at nine κ; φ and H at the peak by Monte Carlo in 25 "
            "dimensions. That the rate has one peak is not proved; the search finds one."
        ),
    )


def _moments() -> tuple[Expr, ...]:
    return sp.symbols("gamma M_1 M_3 M_5", positive=True)


def _in_moments(derivative: Expr, first: Expr, third: Expr, hierarchy: Expr) -> Expr:
    """Functions of γ and their slopes replaced by moments: `M₁' = −M₃`, `M₃' = a M₃ − 6 M₅`."""
    _, m1, m3, m5 = _moments()
    g = first.args[0]
    slopes = {sp.Derivative(first, g): -m3, sp.Derivative(third, g): hierarchy * m3 - 6 * m5}
    return derivative.subs(slopes).subs({first: m1, third: m3})


def _speed(rate: Expr = TWO, offset: Expr = ONE) -> tuple[Expr, Expr]:
    M, s2, t = sp.symbols("M s2 t", positive=True)
    gamma, kappa = M / (sp.exp(2 * t) + s2 - 1), (1 - s2) / M
    left = -sp.Derivative(M / (sp.exp(rate * t) + s2 - offset), t) / 2
    return left, gamma * (1 + kappa * gamma)


def _powers_of_sech(order: int = 2, damping: Expr = ONE) -> tuple[Expr, Expr]:
    u, n = sp.Symbol("u", real=True), sp.Symbol("n", positive=True)
    power = sp.cosh(u) ** (-n)
    left = (sp.Derivative(power, (u, order)) - damping * power) / 2
    return left, (n**2 - 1) / 2 * power - n * (n + 1) / 2 * sp.cosh(u) ** (-n - 2)


def _slope(clock: Expr = ONE, power: int = 2) -> tuple[Expr, Expr]:
    g, m1, m3, _ = _moments()
    kappa = sp.Symbol("kappa", positive=True)
    first, third = sp.Function("m1")(g), sp.Function("m3")(g)
    rate = (g + clock * kappa * g**power) * first
    left = _in_moments(sp.diff(rate, g), first, third, 4)
    return left, (1 + 2 * kappa * g) * m1 - g * (1 + kappa * g) * m3


def _kappa_slope(clock: Expr = ONE, peak: Expr = ONE) -> tuple[Expr, Expr]:
    g, m1, m3, _ = _moments()
    kappa = sp.Symbol("kappa", positive=True)
    first, third = sp.Function("m1")(g), sp.Function("m3")(g)
    slope = _in_moments(sp.diff((g + clock * kappa * g**2) * first, g), first, third, 4)
    # at the peak M₁ is γM₃
    return sp.Derivative(slope.subs(m1, peak * g * m3), kappa), g**2 * m3


def _gamma_slope(hierarchy: int = 4, power: int = 1) -> tuple[Expr, Expr]:
    g, _, m3, m5 = _moments()
    first, third = sp.Function("m1")(g), sp.Function("m3")(g)
    left = _in_moments(sp.diff(first - g**power * third, g), first, third, hierarchy)
    return left, 6 * g * m5 - (2 + 4 * g) * m3


def _first_coefficient(weight: int = 4, moment: int = 6) -> tuple[Expr, Expr]:
    g, m1, m3, m5 = _moments()
    by_hand = g**2 * m3 / ((2 + weight * g) * m3 - moment * g * m5)
    return peak_gamma_expression(1)[0].subs(m1, g * m3), by_hand


def _time_slope(unit: Expr = ONE, first: Expr = ONE) -> tuple[Expr, Expr]:
    kappa, peak, c1 = sp.symbols("kappa gamma_peak c1", positive=True)
    time = sp.log(unit * kappa + 1 / (peak + first * c1 * kappa)) / 2
    return sp.Subs(sp.Derivative(time, kappa), kappa, 0), (peak - c1 / peak) / 2


THEOREM = Theorem(
    id="T8",
    name="constants",
    statement=(
        r"$\mathrm dH/\mathrm dt = \gamma(1+\kappa\gamma)\,\mathrm{mmse}(\gamma)$, $\kappa = (1-s^2)/M$, "
        r"peaks at $\gamma^*(\kappa)$; at $\kappa = 0$, the root of $(\gamma\,\mathrm{mmse})' = 0$: "
        r"$\gamma^* = 1.50833\ldots$. At $s = 1$, $t_{\rm peak} = \tfrac12\log M-0.20550\ldots$ exactly; "
        r"otherwise up to $O((1-s^2)/M)$."
    ),
    sources=("H26", "B24"),
    hypotheses=("two balanced classes with Σ = s²I",),
    derivation=derivation,
    predict=predict,
)
