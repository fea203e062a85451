"""T6: in dimension d the speciation time is ½ log d plus a constant plus a series in 1/d."""

from collections.abc import Callable

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..times.criteria import VARIANCE, Criterion
from ..times.expansions import (
    DIMENSION,
    LEVEL,
    MEAN,
    level_of,
    log_law,
    peak_gamma_coefficients,
)
from ._base import HALF, ONE, Block, Identity, Measured, Text, Theorem

MU, S2 = 0.8, 0.6
"""Mean per coordinate and variance of the predicted numbers."""
CRITERIA: tuple[Criterion, ...] = ("curvature", "covariance", "reverse-sde", "entropy-peak", "entropy-median")
"""Criteria with an expansion (cloning is that of curvature)."""
ORDER = 3
"""Order in 1/d to which it is predicted."""


def derivation() -> tuple[Block, ...]:
    """One logarithm to any order, the drift's square root to any order, and a level that moves."""
    return (*_levels(), *_drift(), *_peak())


def coefficients(criterion: Criterion) -> list[float]:
    """Coefficients of `d^0 … d^{−ORDER}` in `t − ½ log d`, at `MU` and `S2`."""
    values: dict[Expr, Expr] = {MEAN: sp.Float(MU), VARIANCE: sp.Float(S2)}
    if criterion in ("curvature", "entropy-median", "entropy-peak"):
        values[LEVEL] = sp.Float(str(level_of(criterion)), 30)
    if criterion == "entropy-peak":
        for n, slope in enumerate(peak_gamma_coefficients(ORDER)[1:], start=1):
            values[sp.Symbol(f"c{n}")] = sp.Float(str(slope), 30)
    series = sp.expand(log_law(criterion, ORDER).subs(values) - sp.log(DIMENSION) / 2)
    return [float(series.coeff(DIMENSION, -n)) for n in range(ORDER + 1)]


def predict() -> dict[str, float]:
    """The non-zero coefficients of every expansion."""
    return {
        f"{criterion}: coefficient of d^-{n}": value
        for criterion in CRITERIA
        for n, value in enumerate(coefficients(criterion))
        if value != 0
    }


def _levels() -> tuple[Block, ...]:
    return (
        Text(
            r"Means $\pm\mu(1,\dots,1)$ in $\mathbf R^d$ have $M=\mu^2d$. By T5 a level $\gamma_c$ is "
            r"reached at $e^{2t}=M/\gamma_c+1-s^2=\frac{\mu^2d}{\gamma_c}(1+q/d)$ with "
            r"$q=(1-s^2)\gamma_c/\mu^2$, so"
        ),
        Identity.of(
            "½ log(μ²d/γ_c + 1 − s²) = ½ log d + ½ log(μ²/γ_c) + ½ log(1 + q/d)",
            _split,
            r"\tfrac12\log\left(\frac{\mu^2d}{\gamma_c}+1-s^2\right) = \tfrac12\log d+"
            r"\tfrac12\log\frac{\mu^2}{\gamma_c}+\tfrac12\log\left(1+\frac{(1-s^2)\gamma_c}{\mu^2d}\right)",
        ),
        Text(
            r"The last term is a power series in $x=1/d$. Its $n$-th derivative is "
            r"$\tfrac12(-1)^{n+1}(n-1)!\,q^n(1+qx)^{-n}$: true for $n=1$, and if for $n$ then for $n+1$, "
            r"since"
        ),
        Identity.of(
            "from the n-th derivative of ½ log(1 + qx) to the next, n symbolic",
            _next_derivative,
            r"\frac{d}{dx}\,\frac{(-1)^{n+1}(n-1)!\,q^n}{2\,(1+qx)^n} = "
            r"\frac{(-1)^{n+2}\,n!\,q^{n+1}}{2\,(1+qx)^{n+1}}",
        ),
        Text(
            r"so at $x=0$ the coefficient of $d^{-n}$ is "
            r"$\frac{(-1)^{n+1}}{2n}\left(\frac{(1-s^2)\gamma_c}{\mu^2}\right)^n$, to every order; the "
            r"first is $(1-s^2)\gamma_c/2\mu^2$. What is left after it is exactly"
        ),
        Identity.of(
            "½ log(1 + z) − ½z = −½∫₀^z v/(1 + v) dv",
            _remainder,
            r"\tfrac12\log(1+z)-\tfrac12z = -\tfrac12\int_0^z\frac{v}{1+v}\,dv,\qquad z=\frac qd",
        ),
        Text(
            r"which for $z\ge0$ lies between $-z^2/4$ and 0: the law holds up to $O(d^{-2})$ with this "
            r"bound (for $s>1$ and $|z|\le\tfrac12$ up to $z^2/2$). This serves curvature and cloning, "
            r"$\gamma_c=1$, and the entropy's median, $\gamma_c=\gamma_{1/2}$, whose level does not know "
            r"$d$. The covariance, $e^{2t}=M+s^2$, is the same logarithm with $\gamma_c=1$ and "
            r"$q=s^2/\mu^2$."
        ),
    )


def _drift() -> tuple[Block, ...]:
    return (
        Text(
            r"**Reverse SDE.** T5 has $e^{2t}=M+\sqrt{M^2+(1-s^2)^2}$. With $y=(1-s^2)/(\mu^2d)$ this is "
            r"$2\mu^2d\cdot\tfrac12(1+\sqrt{1+y^2})$, so $t=\tfrac12\log d+\tfrac12\log2\mu^2+"
            r"\tfrac12\log\tfrac12(1+\sqrt{1+y^2})$, and the root disappears upon differentiating:"
        ),
        Identity.of(
            "d/dy log ½(1 + √(1 + y²)) = (1 − (1 + y²)^{−1/2})/y",
            _root_of_the_drift,
            r"\frac{d}{dy}\log\frac{1+\sqrt{1+y^2}}{2} = \frac1y\left(1-\frac{1}{\sqrt{1+y^2}}\right)",
        ),
        Text(
            r"The binomial series of the right side, integrated term by term, gives every coefficient: "
            r"$-\frac{1}{4n}\binom{-1/2}{n}y^{2n}$ for $n\ge1$, of which the first is $y^2/8$. There is no "
            r"correction in $1/d$. SymPy compares the first three with the derivatives at 0:"
        ),
        *(
            Identity.of(
                f"reverse SDE: coefficient of y^{2 * n}",
                _drift_coefficient(n),
                rf"\frac{{1}}{{{2 * n}!}}\left.\frac{{d^{{{2 * n}}}}}{{dy^{{{2 * n}}}}}\,\tfrac12\log"
                rf"\frac{{1+\sqrt{{1+y^2}}}}{{2}}\right|_0 = -\frac{{1}}{{{4 * n}}}\binom{{-1/2}}{{{n}}}",
            )
            for n in (1, 2, 3)
        ),
    )


def _peak() -> tuple[Block, ...]:
    return (
        Text(
            r"**Entropy peak.** Now the level moves: it is $\gamma^*(\kappa)=\gamma^*+c_1\kappa+"
            r"c_2\kappa^2+\dots$ with $\kappa=(1-s^2)/(\mu^2d)$ (T8 derives the $c_n$), and "
            r"$t=\tfrac12\log d+\tfrac12\log\mu^2+\tfrac12\log\left(\kappa+1/\gamma^*(\kappa)\right)$. The "
            r"first two coefficients in $\kappa$ are"
        ),
        Identity.of(
            "peak: first coefficient ½(γ* − c₁/γ*)",
            _first_peak_coefficient,
            r"\left.\frac{d}{d\kappa}\,\tfrac12\log\left(\kappa+\frac{1}{\gamma^*(\kappa)}\right)\right|_0 = "
            r"\tfrac12\left(\gamma^*-\frac{c_1}{\gamma^*}\right)",
        ),
        Identity.of(
            "peak: second coefficient",
            _second_peak_coefficient,
            r"\frac12\left.\frac{d^2}{d\kappa^2}\,\tfrac12\log\left(\kappa+\frac{1}{\gamma^*(\kappa)}"
            r"\right)\right|_0 = \frac{c_1}{2}-\frac{\gamma^{*2}}{4}+\frac{c_1^2}{4\gamma^{*2}}-"
            r"\frac{c_2}{2\gamma^*}",
        ),
        Text(r"and so on: at $s=1$ all corrections vanish and $t-\tfrac12\log d$ is constant in $d$."),
        Measured(
            "The coefficients of five criteria up to d^{-3}, by a polynomial in 1/d through times that are "
            "found from the density in 25 digits (curvature, variance, entropy and its second difference, "
            "each by quadrature or differences); half of log 2 left at the law's time in 16, 64 and 256 "
            "dimensions by Monte Carlo."
        ),
    )


def _symbols() -> tuple[Expr, ...]:
    return sp.symbols("mu d gamma_c s2", positive=True)


def _split(offset: Expr = ONE, power: int = 2) -> tuple[Expr, Expr]:
    mu, d, level, s2 = _symbols()
    z = (1 - s2) * level / (mu**2 * d)
    right = sp.log(d) / 2 + sp.log(mu**2 / level) / 2 + sp.log(1 + z) / 2
    # both logarithms of one number, exponentiated: a sum under a logarithm is not split by SymPy
    return mu**power * d / level + offset - s2, sp.exp(sp.expand(2 * right))


def _next_derivative(rate: Expr = ONE, order: int = 1) -> tuple[Expr, Expr]:
    n = sp.Symbol("n", integer=True, positive=True)
    q, x = sp.symbols("q x", positive=True)

    def derivative(k: Expr, slope: Expr) -> Expr:
        return (-1) ** (k + 1) * sp.factorial(k - 1) * slope**k / (2 * (1 + slope * x) ** k)

    return sp.Derivative(derivative(n, rate * q), x), derivative(n + order, q)


def _remainder(coefficient: Expr = HALF) -> tuple[Expr, Expr]:
    v, z = sp.symbols("v z", positive=True)
    return coefficient * sp.log(1 + z) - z / 2, -sp.Integral(v / (1 + v), (v, 0, z)) / 2


def _root_of_the_drift(power: int = 2, half: Expr = HALF) -> tuple[Expr, Expr]:
    y = sp.Symbol("y", positive=True)
    left = sp.Derivative(sp.log((1 + (1 + y**power) ** half) / 2), y)
    return left, (1 - 1 / sp.sqrt(1 + y**2)) / y


def _drift_coefficient(n: int) -> Callable[..., tuple[Expr, Expr]]:
    def sides(half: Expr = HALF, root: Expr = HALF) -> tuple[Expr, Expr]:
        y = sp.Symbol("y", positive=True)
        logarithm = sp.log((1 + (1 + y**2) ** root) / 2)
        derivative = sp.Subs(sp.Derivative(half * logarithm, (y, 2 * n)), y, 0)
        return derivative / sp.factorial(2 * n), -sp.binomial(-sp.Rational(1, 2), n) / (4 * n)

    return sides


def _peak_time(unit: Expr, first: Expr = ONE) -> tuple[Expr, ...]:
    kappa, peak = sp.symbols("kappa gamma_peak", positive=True)
    c1, c2 = sp.symbols("c1 c2", real=True)
    moving = peak + first * c1 * kappa + c2 * kappa**2
    return sp.log(unit * kappa + 1 / moving) / 2, kappa, peak, c1, c2


def _first_peak_coefficient(unit: Expr = ONE, first: Expr = ONE) -> tuple[Expr, Expr]:
    time, kappa, peak, c1, _ = _peak_time(unit, first)
    return sp.Subs(sp.Derivative(time, kappa), kappa, 0), (peak - c1 / peak) / 2


def _second_peak_coefficient(unit: Expr = ONE, first: Expr = ONE) -> tuple[Expr, Expr]:
    time, kappa, peak, c1, c2 = _peak_time(unit, first)
    right = c1 / 2 - peak**2 / 4 + c1**2 / (4 * peak**2) - c2 / (2 * peak)
    return sp.Subs(sp.Derivative(time, (kappa, 2)), kappa, 0) / 2, right


THEOREM = Theorem(
    id="T6",
    name="log law",
    statement=(
        r"With $M = \mu^2 d$: $t = \tfrac12\log d+\tfrac12\log(\mu^2/\gamma_c)+(1-s^2)\gamma_c/(2\mu^2 "
        r"d)+O(d^{-2})$ for every criterion that is a level of $\gamma$; to any order, and for the "
        r"covariance, reverse-SDE and entropy-peak criteria, whose level moves with $d$."
    ),
    sources=("B24", "H26"),
    hypotheses=("means ±μ(1,…,1) in R^d", "Σ = s²I", "balanced classes"),
    derivation=derivation,
    predict=predict,
)
