"""T26: what is learnt of a class at high noise follows from the cumulants of the data."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.series import moment_derivative
from ..closed_forms.cumulants import cumulant_law, information_coefficients
from ..mixtures.covariance import Full
from ..mixtures.mixture import GaussianMixture
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

MEANS, VARIANCES, WEIGHTS = (-1.0, 2.0, 0.5, -1.5), (0.3, 0.8, 0.5, 0.2), (0.3, 0.2, 0.1, 0.4)
"""Four components on the line; the first two are one class, the others the second."""
THREE, FOUR = sp.Integer(3), sp.Integer(4)
GROUPS = {"first": ("0", "1"), "second": ("2", "3")}
KURTOSIS = 1.0
"""Two balanced classes of one variance: a normal law, and one whose fourth cumulant is −2 a⁴, on ±a."""
SKEWNESS = 0.5, 2.0
"""Points of a balanced pair of mirror images, on −a and b, whose means and variances agree."""
DIMENSION = 10**9
LEVEL = 1.0
AMBIENT_TAU = 0.05


def on_the_line() -> GaussianMixture:
    """Four components on the line."""
    covariances = [Full(np.array([[v]])) for v in VARIANCES]
    return GaussianMixture(WEIGHTS, np.array(MEANS)[:, None], covariances)


def in_space() -> GaussianMixture:
    """Three classes in three dimensions, each with a covariance of its own."""
    means = np.array([[0.8, 0.0, 0.2], [-0.4, 0.7, 0.0], [0.0, -0.5, -0.6]])
    roots = [
        np.eye(3),
        np.array([[1.0, 0.4, 0.0], [0.0, 0.6, 0.2], [0.3, 0.0, 0.5]]),
        np.diag([0.4, 1.2, 0.8]),
    ]
    return GaussianMixture([0.3, 0.3, 0.4], means, [Full(root @ root.T) for root in roots])


def third_difference() -> float:
    """`Δκ₃` of the law on `−a` and `b` with mean 0, and its mirror image: `2ab(b − a)`."""
    a, b = SKEWNESS
    return 2 * a * b * (b - a)


def derivation() -> tuple[Block, ...]:
    """Two informations, the Gaussian part, what is not Gaussian, first differences, and times."""
    return (*_split(), *_gaussian(), *_other(), *_whole(), *_law())


def predict() -> dict[str, float]:
    """Coefficients on the line and in space, what a fourth cumulant gives, and times in 10⁹ dimensions."""
    numbers: dict[str, float] = {}
    for n, value in enumerate(information_coefficients(on_the_line(), GROUPS), start=1):
        numbers[f"coefficient of tau^{n}, on the line"] = float(value)
    # I = τⁿ/(2 n!) Σ w |κ_n − mean|²: two balanced classes, each half the difference from the mean
    numbers["coefficient of tau^3, mirror images"] = third_difference() ** 2 / (2 * 6 * 4)
    numbers["coefficient of tau^4, kurtosis"] = (2 * KURTOSIS**4) ** 2 / (2 * 24 * 4)
    mixture = in_space()
    powers = AMBIENT_TAU ** np.arange(1, 4)
    information = float(information_coefficients(mixture) @ powers)
    prior = float(-np.sum(mixture.weights * np.log(mixture.weights)))
    numbers[f"H at tau = {AMBIENT_TAU:g}, in space"] = prior - information
    for order, difference in ((2, 1.0), (3, third_difference()), (4, 2 * KURTOSIS**4)):
        law = cumulant_law(order)
        symbols = {symbol.name: symbol for symbol in law.free_symbols}
        values = {"d": 1, "Delta": difference, "gamma_c": LEVEL}
        constant = law.subs({symbols[name]: value for name, value in values.items()})
        numbers[f"t - log(d)/{2 * order}, cumulant {order}"] = float(constant)
    return numbers


def _split() -> tuple[Block, ...]:
    return (
        Text(
            r"Let $X=X_0+\sigma Z$ and $\tau=\sigma^{-2}$. The class acts on $X$ only through $X_0$, so "
            r"what $X$ tells "
            r"of the class is what it tells of $X_0$, less what it still tells of $X_0$ once the class is "
            r"known: "
            r"$I(C;X)=I(X_0;X)-\sum_gw_g\,I(X_0;X|C=g)$. Each term is the information of *one* law through "
            r"Gaussian noise. Let this law have covariance $T$ and cumulant tensors $\kappa_n$. Among all "
            r"laws with that "
            r"covariance the normal one has the largest output entropy, and the difference is a relative "
            r"entropy: "
            r"$I(X_0;X)=\tfrac12\log\det(I+\tau T)-D(X\|N)$, with $N$ the normal law of the same mean and "
            r"covariance as $X$."
        ),
        Argument(
            "Chain rule of information for C → X₀ → X; relative entropy to a normal law of the same moments."
        ),
    )


def _gaussian() -> tuple[Block, ...]:
    return (
        Text(r"**The normal part.** For each eigenvalue $\lambda$ of $T$,"),
        Identity.of(
            "½ log(1 + τλ) = ½τλ − ¼τ²λ² + ⅙τ³λ³ + O(τ⁴)",
            _determinant,
            r"\lim_{\tau\to0}\tau^{-3}\left[\tfrac12\log(1+\tau\lambda)-\tfrac12\tau\lambda+\tfrac14\tau^2\lambda^2\right]"
            r" = \tfrac16\lambda^3",
        ),
        Text(
            r"and the sum over eigenvalues is $\tfrac12\tau\,\mathrm{tr}\,T-\tfrac14\tau^2\,\mathrm{tr}\,T^2"
            r"+\tfrac16\tau^3\,\mathrm{tr}\,T^3$."
        ),
        Argument(
            "The second order, and that the expansion is asymptotic for laws with enough moments.", "PV04"
        ),
        Argument("The first order is dI/dτ = ½ mmse, whose matrix form gives tr T for any law.", "PV06"),
    )


def _other() -> tuple[Block, ...]:
    return (
        Text(
            r"**What is not normal.** In units of $\sigma$ the noised state has the cumulants "
            r"$\tau^{n/2}\kappa_n$, $n\ge3$. The logarithm of its characteristic function is that of a "
            r"normal law plus "
            r"$\sum_{n\ge3}\tau^{n/2}\kappa_n(i\omega)^n/n!$, and a factor $(i\omega)^n$ is $n$ "
            r"derivatives of the "
            r"normal density $\phi$, that is a Hermite polynomial $He_n$ times $\phi$:"
        ),
        *(
            Identity.of(
                f"(−d/dx)ⁿ φ = He_n φ, n = {n}",
                _derivatives(n),
                rf"\left(-\frac{{d}}{{dx}}\right)^{n}\phi(x) = \left({shown}\right)\phi(x)",
            )
            for n, shown in ((3, "x^3-3x"), (4, "x^4-6x^2+3"))
        ),
        Text(
            r"The density is therefore $\phi\,(1+\epsilon)$ with "
            r"$\epsilon=\sum_n\tau^{n/2}\kappa_nHe_n/n!$ to leading "
            r"order. A relative entropy is quadratic in a small $\epsilon$ whose average vanishes:"
        ),
        Identity.of(
            "(1+εg) log(1+εg) = εg + ½ε²g² + O(ε³)",
            _relative_entropy,
            r"\lim_{\epsilon\to0}\frac{(1+\epsilon g)\log(1+\epsilon g)-\epsilon g}{\epsilon^2} = "
            r"\tfrac12g^2",
        ),
        Text(r"and Hermite polynomials are orthogonal, with $\mathbb E\,He_n^2=n!$:"),
        *(
            Identity.of(
                f"E He_n² = n!, n = {n}",
                _norm(n),
                rf"\int He_{n}(x)^2\,\frac{{e^{{-x^2/2}}}}{{\sqrt{{2\pi}}}}\,dx = {n}!",
            )
            for n in (3, 4)
        ),
        *_in_several_dimensions(),
    )


def _in_several_dimensions() -> tuple[Block, ...]:
    return (
        Text(
            r"In several dimensions $\kappa_n\cdot He_n=\sum\kappa_{i_1\ldots i_n}He_{i_1\ldots i_n}$ has "
            r"the mean "
            r"square $n!\,\|\kappa_n\|^2$, the sum running over all index tuples; checked here for $n=3$ "
            r"in the plane, "
            r"with the four different entries $a,b,c,e$:"
        ),
        Identity.of(
            "E (κ₃·He₃)² = 6 ‖κ₃‖² in the plane",
            _plane_norm,
            r"\mathbb E\left[aHe_3(x)+3bHe_2(x)y+3cxHe_2(y)+eHe_3(y)\right]^2 = 3!\,(a^2+3b^2+3c^2+e^2)",
        ),
        Text(
            r"Hence $D=\tfrac12\|\kappa_3\|^2\tau^3/3!+O(\tau^4)$: the third order of $I(X_0;X)$ is "
            r"$\tfrac16\mathrm{tr}\,T^3-\tfrac1{12}\|\kappa_3\|^2$."
        ),
        Argument(
            "That the expansion may be cut (Edgeworth): a normal convolution of a law with finite moments "
            "has a smooth "
            "density, and the remainder is of the next order in τ."
        ),
    )


def _whole() -> tuple[Block, ...]:
    return (
        Text(
            r"**Two informations subtracted.** With $B$ the covariance of the class means, "
            r"$T=B+\sum_gw_g\Sigma_g$, and the first order is $\tfrac12\tau\,\mathrm{tr}\,B$: the "
            r"statement follows. The "
            r"binary channel confirms it: two points $\pm1$ with weights $w,1-w$ have $\gamma=\tau$, "
            r"variance $v=4w(1-w)$, "
            r"and from T3 and the hierarchy of T9, $M_n(0)=v^{(n+1)/2}$, its own expansion"
        ),
        Identity.of(
            "two points: ½vτ − ¼v²τ² + [⅙v³ − κ₃²/12]τ³",
            _two_points,
            r"\tfrac12\left[M_1\tau+\tfrac12M_1'\tau^2+\tfrac16M_1''\tau^3\right] = "
            r"\tfrac12v\tau-\tfrac14v^2\tau^2+\left[\tfrac16v^3-\tfrac1{12}\kappa_3^2\right]\tau^3",
        ),
        Text(
            r"**Classes that agree at first.** If all cumulants of order below $n$ agree between classes, "
            r"then moments "
            r"do, and the $n$-th cumulants of the whole are the weighted mean $\bar\kappa_n$. Relative to "
            r"the whole, "
            r"class $g$ has $\epsilon_g=\tau^{n/2}(\kappa_{n,g}-\bar\kappa_n)He_n/n!$ and "
            r"$I=\sum_gw_gD_g=\frac{\tau^n}{2\,n!}\sum_gw_g\|\kappa_{n,g}-\bar\kappa_n\|^2$. Two balanced "
            r"classes lie half their difference $\Delta\kappa_n$ from the mean, in each of $d$ "
            r"independent coordinates:"
        ),
        Identity.of(
            "two balanced classes: I = dΔκ²τⁿ/(8 n!)",
            _balanced,
            r"\frac{\tau^n}{2\,n!}\sum_{g=1}^2\tfrac12\left(\kappa_g-\frac{\kappa_1+\kappa_2}2\right)^2d = "
            r"\frac{d\,(\kappa_1-\kappa_2)^2\tau^n}{8\,n!}",
        ),
        *_beside_the_channel(),
    )


def _beside_the_channel() -> tuple[Block, ...]:
    return (
        Text(
            r"The small binary channel has $I=\tfrac12\gamma$, so this is "
            r"$\gamma=d\,\Delta\kappa_n^2\tau^n/(4\,n!)$. It "
            r"is more than a small-signal analogy: at fixed $\gamma$ and $d\to\infty$ each coordinate "
            r"contributes "
            r"little, their log-likelihood ratios add up to a normal number, and normal half log-odds of "
            r"variance "
            r"$\gamma$ *are* the binary channel (T2). For $n=1$, $\Delta\kappa_1=2\mu$, it is T6's "
            r"$\gamma=d\mu^2\tau$; for $n=2$ "
            r"it is what T16's $\gamma=\tfrac12d\eta^2$ tends to:"
        ),
        Identity.of(
            "T16's ½dη² times σ⁴ tends to dΔ²/8",
            _scales,
            r"\lim_{\nu\to\infty}\nu^2\,\frac d2\left(\frac{\Delta}{2(\bar\lambda+\nu)}\right)^2 = "
            r"\frac{d\Delta^2}{8},"
            r"\qquad\nu=\sigma^2",
        ),
        Argument("Central limit theorem for the sum of the coordinates' log-likelihood ratios (Lindeberg)."),
    )


def _law() -> tuple[Block, ...]:
    return (
        Text(
            r"**The time.** A criterion that asks for $\gamma=\gamma_c$ asks for "
            r"$\tau^n=4\,n!\,\gamma_c/(d\,\Delta\kappa_n^2)$, "
            r"and $t=\tfrac12\log(1+1/\tau)$. As $d$ grows $\tau$ falls, and $t-\frac1{2n}\log d$ tends "
            r"to a constant:"
        ),
        *(
            Identity.of(
                f"t − log d/{2 * n} → ½ log(Δκ²/(4·{n}! γ_c))/{n}",
                _time(n),
                rf"\lim_{{d\to\infty}}\left[\tfrac12\log(1+1/\tau)-\tfrac1{{{2 * n}}}\log d\right] = "
                rf"\tfrac1{{{2 * n}}}\log\frac{{\Delta\kappa_{n}^2}}{{4\cdot{n}!\,\gamma_c}}",
            )
            for n in (1, 2, 3, 4)
        ),
        Text(
            r"so that means are decided at $\tfrac12\log d$, scales at $\tfrac14\log d$, skewness at "
            r"$\tfrac16\log d$, "
            r"kurtosis at $\tfrac18\log d$: each finer than the last, and later on the way back from "
            r"noise. The next "
            r"term is $O(\tau)=O(d^{-1/n})$."
        ),
        Measured(
            "All three coefficients from an information on the line, in 40 digits at eight small τ; the "
            "leading ones of "
            "mirror images and of equal variances; an entropy of draws in space; the law in 10^9 "
            "dimensions by T24's "
            "integral of densities summed on the line."
        ),
    )


def _determinant(gain: Expr = ONE) -> tuple[Expr, Expr]:
    tau, eigenvalue = sp.symbols("tau lambda", positive=True)
    series = sp.log(1 + gain * tau * eigenvalue) * HALF
    rest = series - HALF * tau * eigenvalue + HALF * tau**2 * eigenvalue**2 / 2
    return sp.Limit(rest / tau**3, tau, 0), eigenvalue**3 / 6


def _hermite(n: int, x: Expr) -> Expr:
    return {2: x**2 - 1, 3: x**3 - 3 * x, 4: x**4 - 6 * x**2 + 3}[n]


def _derivatives(n: int) -> Expr:
    def sides(width: Expr = ONE) -> tuple[Expr, Expr]:
        x = sp.Symbol("x", real=True)
        bell = sp.exp(-width * x**2 / 2)
        return (-1) ** n * sp.Derivative(bell, (x, n)), _hermite(n, x) * sp.exp(-(x**2) / 2)

    return sides


def _relative_entropy(offset: Expr = ONE) -> tuple[Expr, Expr]:
    epsilon, g = sp.symbols("epsilon g", positive=True)
    density = 1 + epsilon * g
    return sp.Limit((density * sp.log(density) - offset * epsilon * g) / epsilon**2, epsilon, 0), g**2 / 2


def _norm(n: int) -> Expr:
    def sides(variance: Expr = ONE) -> tuple[Expr, Expr]:
        x = sp.Symbol("x", real=True)
        bell = sp.exp(-(x**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
        left = sp.Integral(sp.expand(_hermite(n, x) ** 2) * bell, (x, -sp.oo, sp.oo))
        return left, sp.factorial(n)

    return sides


def _plane_norm(mixed: Expr = THREE) -> tuple[Expr, Expr]:
    x, y = sp.symbols("x y", real=True)
    a, b, c, e = sp.symbols("a b c e", real=True)
    third = a * _hermite(3, x) + mixed * b * _hermite(2, x) * y + mixed * c * x * _hermite(2, y)
    square = sp.Poly(sp.expand((third + e * _hermite(3, y)) ** 2), x, y)
    # moments of a standard normal: (2k − 1)!! or nothing
    left = sum(
        coefficient * sp.Mul(*(sp.factorial2(k - 1) if k % 2 == 0 else 0 for k in powers))
        for powers, coefficient in square.terms()
    )
    norm = a**2 + 3 * b**2 + 3 * c**2 + e**2
    return left, sp.Mul(sp.factorial(3), norm, evaluate=False)


def _two_points(spread: Expr = FOUR) -> tuple[Expr, Expr]:
    tau, w = sp.symbols("tau w", positive=True)
    v = 4 * w * (1 - w)
    moved = spread * w * (1 - w)
    combination: dict[int, Expr] = {1: sp.Integer(1)}
    left: Expr = 0
    for j in range(3):
        # M_n(0) = c sechⁿ λ with c = sech λ = 2√(w(1−w))
        value = sum(factor * moved ** sp.Rational(n + 1, 2) for n, factor in combination.items())
        left += HALF * value * tau ** (j + 1) / sp.factorial(j + 1)
        combination = moment_derivative(combination)
    mean = 2 * w - 1
    third = w * (1 - mean) ** 3 - (1 - w) * (1 + mean) ** 3
    right = v * tau / 2 - v**2 * tau**2 / 4 + (v**3 / 6 - third**2 / 12) * tau**3
    return left, right


def _balanced(half: Expr = HALF) -> tuple[Expr, Expr]:
    d, tau, first, second = sp.symbols("d tau kappa1 kappa2", positive=True)
    n = sp.Symbol("n", integer=True, positive=True)
    mean = (first + second) / 2
    total = sum(half * (own - mean) ** 2 for own in (first, second)) * d
    left = tau**n / (2 * sp.factorial(n)) * total
    return left, d * (first - second) ** 2 * tau**n / (8 * sp.factorial(n))


def _scales(mean_factor: Expr = TWO) -> tuple[Expr, Expr]:
    d, delta, mean, noise = sp.symbols("d Delta lambda_bar nu", positive=True)
    gamma = d / 2 * (delta / (mean_factor * (mean + noise))) ** 2
    return sp.Limit(noise**2 * gamma, noise, sp.oo), d * delta**2 / 8


def _time(n: int) -> Expr:
    def sides(factor: Expr = FOUR) -> tuple[Expr, Expr]:
        # x = d^{−1/n}, so that τ is a multiple of it
        x, delta, level = sp.symbols("x Delta gamma_c", positive=True)
        tau = (factor * sp.factorial(n) * level / delta**2) ** sp.Rational(1, n) * x
        time = sp.log(sp.expand((1 + 1 / tau) * x)) / 2
        return sp.Limit(time, x, 0), sp.log(delta**2 / (4 * sp.factorial(n) * level)) / (2 * n)

    return sides


THEOREM = Theorem(
    id="T26",
    name="cumulants",
    statement=(
        r"For classes of any law, $\tau=\sigma^{-2}$, $B$ the covariance of the class means, $T$ that of "
        r"the data, "
        r"$\Sigma_g$ those of the classes and $\kappa_3,\kappa_{3,g}$ the third cumulants: "
        r"$I=\tfrac12\tau\,\mathrm{tr}\,B"
        r"-\tfrac14\tau^2\left[\mathrm{tr}\,T^2-\sum_gw_g\mathrm{tr}\,\Sigma_g^2\right]$ "
        r"$+\,\tau^3\left\{\tfrac16\left[\mathrm{tr}\,T^3-\sum_gw_g\mathrm{tr}\,\Sigma_g^3\right]-\tfrac1{12}\left["
        r"\|\kappa_3\|^2-\sum_gw_g\|\kappa_{3,g}\|^2\right]\right\}+O(\tau^4)$. "
        r"Classes whose cumulants agree below order $n$ have "
        r"$I=\frac{\tau^n}{2\,n!}\sum_gw_g\|\kappa_{n,g}-\bar\kappa_n\|^2+\ldots$, and two balanced ones "
        r"that differ by "
        r"$\Delta\kappa_n$ in each of $d$ independent coordinates are decided at "
        r"$t_S=\frac1{2n}\log d+\frac1{2n}\log\frac{\Delta\kappa_n^2}{4\,n!\,\gamma_c}+O(d^{-1/n})$."
    ),
    sources=("PV04", "PV06"),
    hypotheses=(
        "classes of any law with moments of order above the one kept",
        "d independent coordinates, two balanced classes, for the law in time",
    ),
    derivation=derivation,
    predict=predict,
)
