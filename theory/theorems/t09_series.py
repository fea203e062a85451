"""T9: the channel's series, exact at small γ and asymptotic with a bound at large γ."""

from collections.abc import Callable

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.series import (
    entropy_large_gamma_coefficients,
    entropy_small_gamma_coefficients,
    large_gamma_coefficients,
    large_gamma_mmse,
    small_gamma_coefficients,
)
from ._base import HALF, ONE, Argument, Block, Identity, Measured, Text, Theorem

ORDER = 6
"""Order to which coefficients are predicted."""
GAMMAS = (6.0, 20.0, 60.0)
"""Separations at which the optimally truncated series is predicted."""


def derivation() -> tuple[Block, ...]:
    """Two integrals of one exponential over positive weights, its Taylor sums, and the weights' moments."""
    return (*_two_forms(), *_enveloping(), *_moments(), *_small(), *_large(), *_entropy())


def predict() -> dict[str, float]:
    """Coefficients of all four series, and the optimally truncated mmse."""
    families = {
        "mmse, small gamma": small_gamma_coefficients(ORDER),
        "H, small gamma": entropy_small_gamma_coefficients(ORDER),
        "mmse, large gamma": large_gamma_coefficients(ORDER + 1),
        "H, large gamma": entropy_large_gamma_coefficients(ORDER + 1),
    }
    numbers = {
        f"{name}: coefficient {j}": float(c)
        for name, coefficients in families.items()
        for j, c in enumerate(coefficients)
    }
    return numbers | {f"mmse({g:g}), truncated": large_gamma_mmse(g).value for g in GAMMAS}


def _two_forms() -> tuple[Block, ...]:
    return (
        Text(
            r"**Large $\gamma$.** T3's integral, with the Gaussian written out, is an average of an "
            r"exponential over the positive weight sech: "
            r"$\mathrm{mmse}=(2\pi\gamma)^{-1/2}e^{-\gamma/2}\int e^{-u^2/2\gamma}\,\mathrm{sech}\,u\,du$. "
            r"**Small $\gamma$.** Its Fourier transform makes another one. Let $I(v)=\int "
            r"e^{iuv}\,\mathrm{sech}\,u\,du$. Shifting the line by $i\pi$ gives $-e^{-\pi v}I(v)$ and "
            r"passes one pole, at $i\pi/2$:"
        ),
        Identity.of(
            "(1 + e^{−πv}) π sech(πv/2) = 2πi Res e^{iuv} sech u at iπ/2",
            _residue,
            r"\left(1+e^{-\pi v}\right)\pi\,\mathrm{sech}\frac{\pi v}{2} = "
            r"2\pi i\,\mathrm{Res}_{u=i\pi/2}\,\frac{e^{iuv}}{\cosh u}",
        ),
        Argument(
            "Residue theorem on the strip between the real line and its shift by iπ, where cosh changes "
            "sign; the ends vanish."
        ),
        Text(
            r"so $I(v)=\pi\,\mathrm{sech}(\pi v/2)$, and back, "
            r"$\mathrm{sech}\,u=\tfrac12\int\cos(uv)\,\mathrm{sech}(\pi v/2)\,dv$. To average "
            r"the cosine, the real part of $e^{iuv}$, over the Gaussian complete the square,"
        ),
        Identity.of(
            "−u²/2γ + iuv = −(u − iγv)²/2γ − ½γv²",
            _characteristic_function,
            r"-\frac{u^2}{2\gamma}+iuv = -\frac{(u-i\gamma v)^2}{2\gamma}-\tfrac12\gamma v^2",
        ),
        Text(
            r"and shift the line back to the real axis: $\int N(u;0,\gamma)\cos(uv)\,du=e^{-\gamma v^2/2}$. "
            r"Hence $e^{\gamma/2}\,\mathrm{mmse}=\tfrac12\int e^{-\gamma v^2/2}\,\mathrm{sech}(\pi "
            r"v/2)\,dv$: with $v=2u/\pi$ the same integral as for large $\gamma$, at $\pi^2/4\gamma$ in "
            r"place of $\gamma$. (T27 draws the conclusion: the two series are one.) So one argument "
            r"serves both."
        ),
    )


def _enveloping() -> tuple[Block, ...]:
    return (
        Text(
            r"**Enveloping.** Let $R_N(x)=e^{-x}-\sum_{n<N}(-x)^n/n!$, $x\ge0$. Then $R_N(x)="
            r"(-1)^N\int_0^x\frac{(x-r)^{N-1}}{(N-1)!}e^{-r}dr$: true for $N=1$, and the step from $N$ to "
            r"$N+1$ is an integration by parts, the integral from 0 to $x$ of"
        ),
        Identity.of(
            "d/dr[(x−r)^N e^{−r}/N!], N symbolic",
            _by_parts,
            r"-\frac{d}{dr}\left[\frac{(x-r)^N}{N!}e^{-r}\right] = "
            r"\frac{(x-r)^{N-1}}{(N-1)!}e^{-r}+\frac{(x-r)^N}{N!}e^{-r}",
        ),
        Text(
            r"The integrand is positive and at most its value without $e^{-r}$, so $R_N$ has the sign of "
            r"the first omitted term and is smaller: $0\le(-1)^NR_N(x)\le x^N/N!$. Averaged over a "
            r"positive weight this stays true. With $x=u^2/2\gamma$, or $x=\gamma v^2/2$, both series "
            r"below are **enveloped**: cut anywhere, the error is below the first omitted term and has its "
            r"sign."
        ),
    )


def _moments() -> tuple[Block, ...]:
    return (
        Text(
            r"**Moments.** $\int u^{2n}\,\mathrm{sech}\,u\,du=(-1)^nI^{(2n)}(0)$, and the Euler numbers "
            r"are by definition the Taylor coefficients $\mathrm{sech}\,x=\sum_nE_{2n}x^{2n}/(2n)!$, with "
            r"$E_{2n}=(-1)^n|E_{2n}|$. Hence for every $n$ the moment is $\pi(\pi/2)^{2n}|E_{2n}|$; SymPy "
            r"differentiates for $n=1,2,3$:"
        ),
        *(
            Identity.of(
                f"moment of order {2 * n} of sech",
                _sech_moment(n),
                rf"(-1)^{{{n}}}\left.\frac{{d^{{{2 * n}}}}}{{dv^{{{2 * n}}}}}\,\pi\,\mathrm{{sech}}"
                rf"\frac{{\pi v}}{{2}}\right|_0 = \pi\left(\frac{{\pi}}{{2}}\right)^{{{2 * n}}}"
                rf"|E_{{{2 * n}}}|",
            )
            for n in (1, 2, 3)
        ),
    )


def _small() -> tuple[Block, ...]:
    return (
        Text(
            r"**Small $\gamma$.** $\tfrac12\int v^{2n}\,\mathrm{sech}(\pi v/2)\,dv=|E_{2n}|$, so "
            r"$e^{\gamma/2}\,\mathrm{mmse}\sim\sum_n(-1)^n|E_{2n}|\gamma^n/(2^nn!) = "
            r"\sum_nE_{2n}\gamma^n/(2^nn!)$. "
            r"Multiplying by $e^{-\gamma/2}$,"
        ),
        Identity.of(
            "mmse = 1 − γ + γ² − (5/3)γ³ + O(γ⁴)",
            _expanded,
            r"\sum_{j=0}^3\gamma^j\sum_{n=0}^j\frac{(-1/2)^{j-n}}{(j-n)!}\frac{E_{2n}}{2^nn!} = "
            r"1-\gamma+\gamma^2-\tfrac53\gamma^3",
        ),
        Text(
            r"The series converges nowhere but at 0. For $|E_{2n}|=2(2n)!\,(2/\pi)^{2n+1}\beta(2n+1)$ with "
            r"Dirichlet's $\beta\to1$, so two successive terms have the ratio"
        ),
        Identity.of(
            "ratio of terms over n tends to 8γ/π²: no radius",
            _no_radius,
            r"\lim_{n\to\infty}\frac1n\cdot\frac{(2n+2)(2n+1)(2/\pi)^2}{2(n+1)}\,\gamma = "
            r"\frac{8\gamma}{\pi^2}",
        ),
        Text(r"times $n$, which exceeds 1 in the end for any $\gamma>0$."),
    )


def _large() -> tuple[Block, ...]:
    return (
        Text(
            r"**Large $\gamma$.** Term by term the other integral gives "
            r"$\mathrm{mmse}\sim\sqrt{\pi/2\gamma}\,e^{-\gamma/2} \sum_n(-1)^n\frac{|E_{2n}|}{n!} "
            r"(\pi^2/8\gamma)^n$. "
            r"Successive terms have the ratio"
        ),
        Identity.of(
            "ratio of terms (2n + 1)/γ",
            _ratio,
            r"(2n+2)(2n+1)\left(\frac2\pi\right)^2\cdot\frac{1}{n+1}\cdot\frac{\pi^2}{8\gamma} = "
            r"\frac{2n+1}{\gamma}",
        ),
        Text(
            r"(up to $\beta(2n+3)/\beta(2n+1)$), so they shrink until $n\approx\gamma/2$: cut there. The "
            r"smallest term is $\frac4\pi(2n)!/(n!\,(2\gamma)^n)$ at $\gamma=2n$, and by Stirling's formula"
        ),
        Identity.of(
            "Stirling: log of (2n)!/(n!(4n)ⁿ) is ½ log 2 − n",
            _stirling,
            r"\log\frac{\sqrt{4\pi n}\,(2n/e)^{2n}}{\sqrt{2\pi n}\,(n/e)^n\,(4n)^n} = \tfrac12\log2-n",
        ),
        Text(
            r"it is $\frac{4\sqrt2}{\pi}e^{-\gamma/2}$ of the leading one: the least bound on the relative "
            r"error."
        ),
        Argument("Stirling's formula for the factorial."),
    )


def _entropy() -> tuple[Block, ...]:
    return (
        Text(
            r"**The entropy.** Small $\gamma$: $H_2=\log2-\tfrac12\int_0^\gamma\mathrm{mmse}$, term by term. "
            r"Large $\gamma$: its profile $f$ solves $f-f''=\mathrm{sech}$ (T3). Two integrations by parts, "
            r"the integral over the line of"
        ),
        Identity.of(
            "d/du[u^{2n} f' − 2n u^{2n−1} f] = u^{2n} f'' − 2n(2n − 1)u^{2n−2} f, n symbolic",
            _profile_moments,
            r"\frac{d}{du}\left[u^{2n}f'-2nu^{2n-1}f\right] = u^{2n}f''-2n(2n-1)u^{2n-2}f",
        ),
        Text(
            r"turn the moments $\nu_{2n}$ of sech into those of $f$: "
            r"$\mu_{2n}=\nu_{2n}+2n(2n-1)\mu_{2n-2}$, so "
            r"$H_2\sim(2\pi\gamma)^{-1/2}e^{-\gamma/2}\sum_n(-1)^n\mu_{2n}/(n!\,(2\gamma)^n)$, enveloped "
            r"as well since $f>0$."
        ),
        Measured(
            "Seven coefficients of each of the four series, peeled off the definitions in 45 digits; the "
            "optimally cut series; and the error bound at three γ for one to three terms."
        ),
    )


def _residue(rate: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    u, v = sp.Symbol("u"), sp.Symbol("v", positive=True)
    left = (1 + sp.exp(-sp.pi * v)) * sp.pi / sp.cosh(sp.pi * v / 2)
    # cosh u = i sinh(u − iπ/2): a simple pole, whose residue is the limit
    pole = sp.I * sp.pi * half
    residue = sp.exp(sp.I * pole * rate * v) / sp.diff(sp.cosh(u), u).subs(u, pole)
    return left, 2 * sp.pi * sp.I * residue


def _characteristic_function(variance: Expr = ONE, frequency: Expr = ONE) -> tuple[Expr, Expr]:
    u, v = sp.symbols("u v", real=True)
    g = sp.Symbol("gamma", positive=True)
    left = -(u**2) / (2 * variance * g) + sp.I * frequency * u * v
    return left, -((u - sp.I * g * v) ** 2) / (2 * g) - g * v**2 / 2


def _by_parts(rate: Expr = ONE, power: int = 0) -> tuple[Expr, Expr]:
    r, x = sp.symbols("r x", positive=True)
    N = sp.Symbol("N", integer=True, positive=True)
    term = (x - r) ** (N + power) * sp.exp(-rate * r) / sp.factorial(N)
    before = (x - r) ** (N - 1) * sp.exp(-r) / sp.factorial(N - 1)
    return -sp.Derivative(term, r), before + (x - r) ** N * sp.exp(-r) / sp.factorial(N)


def _sech_moment(n: int) -> Callable[..., tuple[Expr, Expr]]:
    def sides(half: Expr = HALF) -> tuple[Expr, Expr]:
        v = sp.Symbol("v", real=True)
        transform = sp.pi / sp.cosh(half * sp.pi * v)
        moment = (-1) ** n * sp.Subs(sp.Derivative(transform, (v, 2 * n)), v, 0)
        return moment, sp.pi * (sp.pi / 2) ** (2 * n) * abs(sp.euler(2 * n))

    return sides


def _expanded(damping: Expr = HALF, power: int = 0) -> tuple[Expr, Expr]:
    g = sp.Symbol("gamma", positive=True)

    def coefficient(j: int) -> Expr:
        return sum(
            (-damping) ** (j - n)
            / sp.factorial(j - n)
            * sp.euler(2 * n + 2 * power)
            / (2**n * sp.factorial(n))
            for n in range(j + 1)
        )

    left = sp.Add(*(sp.UnevaluatedExpr(coefficient(j)) * g**j for j in range(4)))
    return left, 1 - g + g**2 - sp.Rational(5, 3) * g**3


def _growth(n: Expr, base: Expr) -> Expr:
    """`|E_{2n+2}|/|E_{2n}|` short of Dirichlet's betas, with 2/π for `base`."""
    return (2 * n + 2) * (2 * n + 1) * base**2


def _no_radius(base: Expr = ONE) -> tuple[Expr, Expr]:
    n, g = sp.symbols("n gamma", positive=True)
    ratio = _growth(n, base * 2 / sp.pi) / (2 * (n + 1)) * g
    return sp.Limit(ratio / n, n, sp.oo), 8 * g / sp.pi**2


def _ratio(base: Expr = ONE, width: int = 8) -> tuple[Expr, Expr]:
    n, g = sp.symbols("n gamma", positive=True)
    left = sp.expand(_growth(n, base * 2 / sp.pi)) / (n + 1) * sp.pi**2 / (width * g)
    return left, (2 * n + 1) / g


def _stirling(root: Expr = ONE, power: int = 0) -> tuple[Expr, Expr]:
    n = sp.Symbol("n", positive=True)

    def logarithm(m: Expr) -> Expr:
        """Of the factorial, by Stirling's formula."""
        return root * sp.log(2 * sp.pi * m) / 2 + (m + power) * (sp.log(m) - 1)

    return logarithm(2 * n) - logarithm(n) - n * sp.log(4 * n), sp.log(2) / 2 - n


def _profile_moments(order: int = 2) -> tuple[Expr, Expr]:
    u, n = sp.symbols("u n", positive=True)
    f = sp.exp(-2 * u) * (1 + u)  # any function does
    inner = u ** (2 * n) * sp.diff(f, u) - order * n * u ** (2 * n - 1) * f
    right = u ** (2 * n) * sp.diff(f, u, 2) - 2 * n * (2 * n - 1) * u ** (2 * n - 2) * f
    return sp.Derivative(inner, u), right


THEOREM = Theorem(
    id="T9",
    name="series",
    statement=(
        r"Small $\gamma$: $\mathrm{mmse} \sim 1-\gamma+\gamma^2-\tfrac53\gamma^3+\dots$, exact rationals to "
        r"any order, that is $e^{\gamma/2}\,\mathrm{mmse} \sim \sum_n \frac{E_{2n}}{2^n n!}\gamma^n$, with "
        r"radius of convergence $0$ but enveloped: the error is below the first omitted term. Large "
        r"$\gamma$: "
        r"$\mathrm{mmse}\sim\sqrt{\pi/2\gamma}\,e^{-\gamma/2}\sum_n(-1)^n"
        r"\frac{|E_{2n}|}{n!}\left(\frac{\pi^2}{8\gamma}\right)^n$, "
        r"asymptotic; the error is below the first omitted term, and the optimal truncation "
        r"$n\approx\gamma/2$ leaves a relative error of about $\tfrac{4\sqrt2}{\pi}e^{-\gamma/2}$."
    ),
    sources=(),
    hypotheses=("two balanced classes",),
    derivation=derivation,
    predict=predict,
)
