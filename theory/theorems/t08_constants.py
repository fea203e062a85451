"""T8: where the entropy rate peaks, how high, and the other constants of two classes."""

from .._support.untyped import mpmath as mp
from .._support.untyped import sympy as sp
from ..channel import multiprecision
from ..channel.constants import precise_median_gamma, precise_peak_gamma
from ..channel.series import moment_derivative
from ..times.expansions import peak_gamma_coefficients, peak_gamma_expression
from ._base import Argument, Block, Identity, Theorem

DIGITS = 30
"""Digits to which the constants are computed before they are rounded to double precision."""
SERIES_ORDER = 3
"""Order in κ to which the expansion of γ* is predicted."""


def derivation() -> tuple[Block, ...]:
    """The rate, the condition for its peak, and the first coefficient of γ*(κ)."""
    M, s2, t = sp.symbols("M s2 t", positive=True)
    g, k = sp.symbols("gamma kappa", positive=True)
    gamma = M / (sp.exp(2 * t) + s2 - 1)
    kappa = (1 - s2) / M
    first, third, fifth = (sp.Symbol(f"M_{n}", positive=True) for n in (1, 3, 5))
    slope = moment_derivative({1: sp.Integer(1)})
    curvature = moment_derivative(slope)
    symbols = {1: first, 3: third, 5: fifth}
    m1 = sum(a * symbols[n] for n, a in slope.items())
    m2 = sum(a * symbols[n] for n, a in curvature.items())
    m = sp.Function("m")(g)
    at_zero = sp.diff(g * (1 + k * g) * m, g).subs(k, 0)
    in_moments = at_zero.subs(sp.diff(m, g), m1).subs(m, first)
    # implicit function: γ*'(0) = −∂_κ F/∂_γ F, by hand
    by_hand = -(2 * g * first + g**2 * m1) / (2 * m1 + g * m2)
    return (
        Identity("−½ dγ/dt = γ(1 + κγ)", -sp.diff(gamma, t) / 2, gamma * (1 + kappa * gamma)),
        Identity("mmse' = −M₃", m1, -third),
        Identity("mmse'' = 6M₅ − 4M₃", m2, 6 * fifth - 4 * third),
        Identity("slope of the rate at κ = 0 is M₁ − γM₃", in_moments, first - g * third),
        Identity("c₁ of γ*(κ)", peak_gamma_expression(1)[0], by_hand),
        Argument("That the rate has a single peak is checked on a grid, not proved."),
    )


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
