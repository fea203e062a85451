"""T16: classes that differ in their covariances decide at a quarter of log d."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ..closed_forms.unequal_scales import Contrast, dimension_correction, quarter_log_law
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

CASES = ((1, 1.0, 4.0, 0.5), (20, 1.0, 2.0, 1.5), (400, 1.0, 2.0, 5.0))
"""d, λ₁, λ₂ and σ² at which entropy and agreement are predicted."""
PRIOR = 0.3
LIMIT_GAMMA = 1.5
DIMENSIONS = (10**2, 10**4, 10**6)
THIRD, QUARTER = sp.Rational(1, 3), sp.Rational(1, 4)


def contrast(d: int, first: float, second: float, noise: float, prior: float = 0.5) -> Contrast:
    """`Σ_k = λ_k I` in d dimensions at σ²."""
    return Contrast.of_spectra(np.array([first]), np.array([second]), noise, np.array([float(d)]), prior)


def derivation() -> tuple[Block, ...]:
    """The tilted law of the half log-odds, its limit and correction, how it is evaluated, and the time."""
    return (*_tilt(), *_entropy(), *_limit(), *_correction(), *_transform(), *_time())


def predict() -> dict[str, float]:
    """Exact values, the limit with its correction up to `d = 10⁶`, and the time law."""
    numbers: dict[str, float] = {}
    for case in CASES:
        found = contrast(*case)
        numbers[f"H, d={case[0]}"] = found.entropy()
        numbers[f"phi, d={case[0]}"] = 1 - found.disagreement()
    numbers["H of unequal weights"] = contrast(*CASES[1], PRIOR).entropy()
    limit, correction = float(binary_entropy(LIMIT_GAMMA)), float(dimension_correction(LIMIT_GAMMA))
    for d in DIMENSIONS:
        numbers[f"H at gamma = {LIMIT_GAMMA:g}, d={d:.0e}"] = limit + correction / d
    numbers["correction at gamma = 1.5"] = correction
    law = quarter_log_law(2)
    symbols = {symbol.name: symbol for symbol in law.free_symbols}
    values = {"d": 1e4, "gamma_c": 1.0, "Delta": 1.0, "lambda_bar": 1.5}
    time = float(law.subs({symbols[name]: value for name, value in values.items()})) + 0.25 * np.log(1e4)
    numbers["t at gamma = 1, d=1e4"] = float(time)
    return numbers


def _tilt() -> tuple[Block, ...]:
    return (
        Text(
            r"**The statistic.** A noised state of class $k$ is $N(0, v_kI)$ in $d$ dimensions, with $v_k "
            r"= \lambda_k+\sigma^2$; its density depends on $x$ through $|x|^2$ alone, so $|x|^2$ decides "
            r"the class. Let $f_k$ be the densities and $L = \frac12\log(f_1/f_2)$. Neither class is "
            r"special if everything is averaged over the law half way between them, with the density "
            r"$\sqrt{f_1f_2}$ up to its mass. One coordinate at a time, with $\eta = "
            r"\frac{v_1-v_2}{v_1+v_2} = \frac{\lambda_1-\lambda_2}{\lambda_1+\lambda_2+2\sigma^2}$ and $v "
            r"= \frac{2v_1v_2}{v_1+v_2}$, the mass is"
        ),
        Identity.of(
            "∫ √(f₁f₂) dx = (1 − η²)^{1/4}",
            _overlap,
            r"\int\sqrt{N(x;0,v_1)\,N(x;0,v_2)}\;dx = (1-\eta^2)^{1/4}",
        ),
        Text(
            r"and the law itself is again normal, with the harmonic mean $v$ of the variances: "
            r"$-\frac{x^2}{4v_1}-\frac{x^2}{4v_2} = -\frac{x^2}{2v}$. In its unit, $\xi=x/\sqrt v$, "
            r"the coordinate's half log-odds are"
        ),
        Identity.of(
            "½ log f₁/f₂ = ½(ηξ² − artanh η)",
            _half_log_odds,
            r"\tfrac12\log\frac{N(\xi\sqrt v;0,v_1)}{N(\xi\sqrt v;0,v_2)} = "
            r"\tfrac12\bigl(\eta\,\xi^2-\mathrm{artanh}\,\eta\bigr)",
        ),
        Text(
            r"Coordinates are independent, so in $d$ dimensions the mass is $(1-\eta^2)^{d/4}$, and under "
            r"the middle law $L = \frac12(\eta\,\chi^2_d-d\,\mathrm{artanh}\,\eta)$, where "
            r"$\chi^2_d=\sum\xi_i^2$ has the chi-square law of $d$ degrees of freedom. For two general "
            r"covariances with one mean, $S_1$ and $S_2$ are diagonalised together; each generalised "
            r"eigenvalue $\rho_i$ gives its own $\eta_i=(\rho_i-1)/(\rho_i+1)$, and sums over $i$ take the "
            r"place of factors of $d$."
        ),
    )


def _entropy() -> tuple[Block, ...]:
    return (
        Text(
            r"**The entropy.** With equal weights the posterior of class 1 is $1/(1+e^{-2L})$, and $H = "
            r"\frac12\int f_1\log(1+e^{-2L})+\frac12\int f_2\log(1+e^{2L})$. Since "
            r"$f_1=\sqrt{f_1f_2}\,e^L$ and $f_2=\sqrt{f_1f_2}\,e^{-L}$, both are averages over the middle "
            r"law, of one even function:"
        ),
        Identity.of(
            "½e^u log(1+e^{−2u}) + ½e^{−u} log(1+e^{2u}) = F(u)",
            _profile,
            r"\tfrac12e^u\log(1+e^{-2u})+\tfrac12e^{-u}\log(1+e^{2u}) = "
            r"\cosh u\,\log(2\cosh u)-u\sinh u = F(u)",
        ),
        Text(
            r"Hence the exact one-dimensional integral, over the density of $\chi^2_d$: $H = "
            r"(1-\eta^2)^{d/4}\,\mathbb E\,F\bigl(\frac12(\eta\chi^2_d-d\,\mathrm{artanh}\,\eta)\bigr)$. "
            r"Other weights put $2\sqrt{w_1w_2}$ in front and add $\frac12\log(w_1/w_2)$ to $L$."
        ),
    )


def _limit() -> tuple[Block, ...]:
    return (
        Text(
            r"**The limit of many dimensions.** All that matters of $L$ is its cumulant generating "
            r"function. Each $\xi^2$ contributes a Gaussian integral, for $s\eta<1$:"
        ),
        Identity.of(
            "E e^{sηξ²/2} = (1 − sη)^{−1/2}",
            _chi_square,
            r"\mathbb E\,e^{s\eta\xi^2/2} = (1-s\eta)^{-1/2}",
        ),
        Text(
            r"so $\log\mathbb E e^{sL} = d\,k(s)$ with $k(s) = -\frac12\log(1-s\eta)-\frac "
            r"s2\,\mathrm{artanh}\,\eta$. The variance of $L$ is"
        ),
        Identity.of(
            "Var L = ½dη²",
            _variance,
            r"d\,k''(0) = \tfrac12d\,\eta^2 = \frac{d(\lambda_1-\lambda_2)^2}"
            r"{8(\bar\lambda+\sigma^2)^2} = \gamma,\qquad \bar\lambda=\tfrac12(\lambda_1+\lambda_2)",
        ),
        Text(
            r"This $\gamma$, called $\gamma_{\rm eff}$ where it could be confused, is kept fixed while $d$ "
            r"grows: $\eta=\sqrt{2\gamma/d}\to0$ and $d=2\gamma/\eta^2$. Then $L$ becomes normal, centred:"
        ),
        Identity.of(
            "log E e^{sL} → γs²/2",
            _normal_limit,
            r"\lim_{\eta\to0}\frac{2\gamma}{\eta^2}\Bigl[-\tfrac12\log(1-s\eta)-"
            r"\tfrac s2\mathrm{artanh}\,\eta\Bigr] = \frac{\gamma s^2}2",
        ),
        Text(r"and the mass becomes"),
        Identity.of(
            "(d/4) log(1 − 2γ/d) → −γ/2",
            _mass_limit,
            r"\lim_{d\to\infty}\frac d4\log\Bigl(1-\frac{2\gamma}d\Bigr) = -\frac\gamma2",
        ),
        Text(
            r"so that $H\to e^{-\gamma/2}\int N(u;0,\gamma)\,F(u)\,du$. This is $H_2(\gamma)$: by T2 the "
            r"half log-odds of two shifted classes are $N(\pm\gamma,\gamma)$, whose densities are $e^{\pm "
            r"u-\gamma/2}N(u;0,\gamma)$, and the two terms of the entropy combine into the same $F$ as "
            r"above."
        ),
        Argument(
            r"The generating functions converge in a neighbourhood of $|s|\le1+\epsilon$ (they exist there "
            r"once $\eta(1+\epsilon)<1$), so $L$ converges in law (Lévy), and $F$, which falls like "
            r"$|u|e^{-|u|}$, is bounded and continuous: its mean converges too."
        ),
    )


def _correction() -> tuple[Block, ...]:
    return (
        Text(r"**The first correction.** One order further, the exponent per dimension is"),
        Identity.of(
            "k(s) to fourth order in η",
            _cumulants,
            r"k(s) = \frac{\eta^2s^2}4+\frac{\eta^3(s^3-s)}6+\frac{\eta^4s^4}8+O(\eta^5)",
        ),
        Text(
            r"With $d\eta^4=4\gamma^2/d$ and $d^2\eta^6=8\gamma^3/d$ this is $\mathbb E e^{sL} = e^{\gamma "
            r"s^2/2}\bigl[1+\frac{d\eta^3}6(s^3-s)+\frac1d"
            r"\bigl(\frac{\gamma^2}2s^4+\frac{\gamma^3}9(s^3-s)^2\bigr)+\ldots\bigr]$. "
            r"A power $s^n$ under the transform is an $n$-th derivative of $F$ under the mean over "
            r"$N(0,\gamma)$. $F$ is even, so odd powers drop out, the term of order $d^{-1/2}$ among them. "
            r"Even ones are derivatives in $\gamma$, because the kernel obeys the heat equation:"
        ),
        Identity.of(
            "∂_γ N = ½ ∂_u² N",
            _heat,
            r"\partial_\gamma N(u;0,\gamma) = \tfrac12\,\partial_u^2N(u;0,\gamma)",
        ),
        Text(
            r"Let $A(\gamma)=e^{\gamma/2}H_2(\gamma)=\mathbb E F(\sqrt\gamma Z)$; then $s^{2n}$ stands for "
            r"$2^nA^{(n)}$. The mass has a correction of its own:"
        ),
        Identity.of(
            "(d/4) log(1 − 2γ/d) = −γ/2 − γ²/2d + O(d^{−2})",
            _mass_correction,
            r"\lim_{d\to\infty}d\,\Bigl[\frac d4\log\Bigl(1-\frac{2\gamma}d\Bigr)+\frac\gamma2\Bigr] = "
            r"-\frac{\gamma^2}2",
        ),
        Text(
            r"The coefficient of $1/d$ is therefore "
            r"$-\frac{\gamma^2}2H_2+e^{-\gamma/2}\bigl[2\gamma^2A''+\frac{\gamma^3}9(8A'''-8A''+2A')\bigr]$. "
            r"Written in derivatives of $H_2$ all lower terms cancel:"
        ),
        Identity.of(
            "the 1/d correction",
            _collected,
            r"-\tfrac{\gamma^2}2H_2+e^{-\gamma/2}\Bigl[2\gamma^2A''+\tfrac{\gamma^3}9(8A'''-8A''+2A')\Bigr] "
            r"= 2\gamma^2(H_2'+H_2'')+\tfrac49\gamma^3(H_2''+2H_2''')",
        ),
        Argument(
            r"That the expansion may be integrated term by term is Edgeworth's: $F$ is analytic, and its "
            r"transform, below, decays exponentially, so frequencies of order $\sqrt d$ do not contribute "
            r"to any order in $1/d$."
        ),
    )


def _transform() -> tuple[Block, ...]:
    return (
        Text(
            r"**As it is evaluated.** The mean of $F$ is an integral over frequencies, $\mathbb E F(L) = "
            r"\frac1{2\pi}\int\hat F(z)\,\mathbb E e^{izL}\,dz$, in which "
            r"$\mathbb E e^{izL}$ is the product above at $s=iz$. The transform of $F$ follows from"
        ),
        Identity.of(
            "F − F″ = sech u",
            _resolvent,
            r"F(u)-F''(u) = \frac1{\cosh u}",
        ),
        Text(
            r"and from $\int e^{izu}\,\mathrm{sech}\,u\,du = \pi/\cosh(\pi z/2)$: a second derivative is a "
            r"factor $-z^2$, so $\hat F(z) = \pi/[(1+z^2)\cosh(\pi z/2)]$."
        ),
    )


def _time() -> tuple[Block, ...]:
    return (
        Text(
            r"**The quarter-log law.** A criterion that is a level $\gamma_c$ of $\gamma$ is met at "
            r"$\sigma_S^2 = \Delta\sqrt{d/8\gamma_c}-\bar\lambda$ with $\Delta=|\lambda_1-\lambda_2|$. "
            r"Indeed $\eta$ is then"
        ),
        Identity.of(
            "½dη² = γ_c at σ² = Δ√(d/8γ_c) − λ̄",
            _level,
            r"\frac d2\Bigl(\frac{v_1-v_2}{v_1+v_2}\Bigr)^2 = \gamma_c\qquad\textrm{at}\quad"
            r"\sigma^2=\Delta\sqrt{\frac d{8\gamma_c}}-\bar\lambda",
        ),
        Text(
            r"The OU time is $t=\frac12\log(1+\sigma^2)$, and $\sigma_S^2$ grows as $\sqrt d$, where that of "
            r"shifted means grows as $d$:"
        ),
        Identity.of(
            "t_S − ¼ log d → ½ log(Δ/√(8γ_c))",
            _time_limit,
            r"\lim_{d\to\infty}\Bigl[\tfrac12\log(1+\sigma_S^2)-\tfrac14\log d\Bigr] = "
            r"\tfrac12\log\frac\Delta{\sqrt{8\gamma_c}}",
        ),
        Text(
            r"with corrections in powers of $d^{-1/2}$. The window is half as wide as that of shifted "
            r"classes, whose $\gamma\propto e^{-2t}$, and its peak twice as high, since here "
            r"$\gamma\propto e^{-4t}$:"
        ),
        Identity.of(
            "d log γ/dt → −4",
            _steepness,
            r"\lim_{t\to\infty}\frac{d}{dt}\log\frac{d\,\Delta^2}{8(\bar\lambda+e^{2t}-1)^2} = -4",
        ),
        Measured(
            r"The entropy from its definition, by quadrature over $|x|^2$ of both classes, for $d$ from 1 "
            r"to $10^6$, the correction by extrapolation, the time at which the variance of $L$ under the "
            r"middle law is 1 by quadrature, and posteriors of states in $d$ dimensions."
        ),
    )


def _normal(x: Expr, variance: Expr) -> Expr:
    return sp.exp(-(x**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def _overlap(half: Expr = HALF) -> tuple[Expr, Expr]:
    x, a, b = sp.Symbol("x", real=True), *sp.symbols("v1 v2", positive=True)
    root = (2 * sp.pi) ** -half * (a * b) ** (-half / 2) * sp.exp(-half * x**2 * (1 / a + 1 / b) / 2)
    return sp.Integral(root, (x, -sp.oo, sp.oo)), (1 - ((a - b) / (a + b)) ** 2) ** sp.Rational(1, 4)


def _half_log_odds(harmonic: Expr = TWO, power: int = 2) -> tuple[Expr, Expr]:
    xi, a, b = sp.symbols("xi v1 v2", positive=True)
    eta = (a - b) / (a + b)
    x = xi * sp.sqrt(harmonic * a * b / (a + b))
    left = sum(sign * (-(x**power) / (2 * v) - sp.log(v) / 2) for sign, v in ((1, a), (-1, b))) / 2
    artanh = sp.log(sp.cancel((1 + eta) / (1 - eta))) / 2
    return left, (eta * xi**2 - artanh) / 2


def _profile(odds: int = 2, half: Expr = HALF) -> tuple[Expr, Expr]:
    y = sp.Symbol("y", positive=True)  # e^u
    left = half * (y * sp.log(1 + y**-odds) + sp.log(1 + y**odds) / y)
    cosh, sinh = (y + 1 / y) / 2, (y - 1 / y) / 2
    return left, cosh * sp.log(sp.together(2 * cosh)) - sp.log(y) * sinh


def _chi_square(half: Expr = HALF) -> tuple[Expr, Expr]:
    xi, tilt = sp.Symbol("xi", real=True), sp.Symbol("r", positive=True)
    # r = 1 − sη > 0
    integrand = sp.exp(half * (1 - tilt) * xi**2 - xi**2 / 2) / sp.sqrt(2 * sp.pi)
    return sp.Integral(sp.powsimp(integrand), (xi, -sp.oo, sp.oo)), 1 / sp.sqrt(tilt)


def _exponent(s: Expr, eta: Expr, half: Expr = HALF) -> Expr:
    artanh = (sp.log(1 + eta) - sp.log(1 - eta)) / 2
    return -half * sp.log(1 - s * eta) - s * artanh / 2


def _variance(half: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    s, d, first, second, noise = sp.symbols("s d lambda1 lambda2 nu", positive=True)
    eta = (first - second) / (first + second + 2 * noise)
    left = sp.Subs(d * sp.Derivative(_exponent(s, eta, half), (s, power)), s, 0)
    return left, d * (first - second) ** 2 / (8 * ((first + second) / 2 + noise) ** 2)


def _normal_limit(half: Expr = HALF, inverse: int = 2) -> tuple[Expr, Expr]:
    s, eta, g = sp.symbols("s eta gamma", positive=True)
    per_dimension = sp.series(_exponent(s, eta, half), eta, 0, 4).removeO()
    return sp.Limit(2 * g / eta**inverse * per_dimension, eta, 0, "+"), g * s**2 / 2


def _mass_limit(quarter: Expr = QUARTER, twice: Expr = TWO) -> tuple[Expr, Expr]:
    g, d = sp.symbols("gamma d", positive=True)
    return sp.Limit(quarter * d * sp.log(1 - twice * g / d), d, sp.oo), -g / 2


def _cumulants(half: Expr = HALF) -> tuple[Expr, Expr]:
    s, eta = sp.symbols("s eta", positive=True)
    left = sp.series(_exponent(s, eta, half), eta, 0, 5).removeO()
    return left, eta**2 * s**2 / 4 + eta**3 * (s**3 - s) / 6 + eta**4 * s**4 / 8


def _heat(half: Expr = HALF) -> tuple[Expr, Expr]:
    u, g = sp.Symbol("u", real=True), sp.Symbol("gamma", positive=True)
    return sp.Derivative(_normal(u, g), g), half * sp.Derivative(_normal(u, g), u, 2)


def _mass_correction(quarter: Expr = QUARTER, twice: Expr = TWO) -> tuple[Expr, Expr]:
    g, d = sp.symbols("gamma d", positive=True)
    # the exponent less its limit
    rest = quarter * d * sp.log(1 - twice * g / d) + quarter * twice * g
    return sp.Limit(d * rest, d, sp.oo), -(g**2) / 2


def _collected(heat: Expr = TWO, third: Expr = THIRD, mass: Expr = HALF) -> tuple[Expr, Expr]:
    g, y = sp.symbols("gamma y", positive=True)
    h = sp.symbols("H0:4")
    entropy = sum(h[n] * y**n / sp.factorial(n) for n in range(4))
    a = [sp.Subs(sp.Derivative(sp.exp(y / 2) * entropy, (y, n)), y, 0) for n in range(1, 4)]
    first, second, last = (heat ** (n + 1) * entry for n, entry in enumerate(a))
    left = -mass * g**2 * h[0] + g**2 * second / 2 + third**2 * g**3 * (last - 2 * second + first)
    return left, 2 * g**2 * (h[1] + h[2]) + sp.Rational(4, 9) * g**3 * (h[2] + 2 * h[3])


def _resolvent(weight: Expr = ONE) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    profile = sp.cosh(u) * sp.log(2 * sp.cosh(u)) - weight * u * sp.sinh(u)
    return profile - sp.Derivative(profile, u, 2), 1 / sp.cosh(u)


def _level(eighth: int = 8, mean: Expr = ONE) -> tuple[Expr, Expr]:
    d, level, gap, second = sp.symbols("d gamma_c Delta lambda2", positive=True)
    first, nu = second + gap, sp.Symbol("nu", positive=True)
    noise = gap * sp.sqrt(d / (eighth * level)) - mean * (first + second) / 2
    return sp.Subs(d / 2 * (gap / (first + second + 2 * nu)) ** 2, nu, noise), level


def _time_limit(power: Expr = HALF, eighth: int = 8) -> tuple[Expr, Expr]:
    x, level, gap, mean = sp.symbols("x gamma_c Delta lambda_bar", positive=True)
    # x = 1/√d
    noise = gap / sp.sqrt(eighth * level) - mean * x
    left = sp.Limit(power * sp.log(x + noise), x, 0, "+")
    return left, sp.log(gap / sp.sqrt(8 * level)) / 2


def _steepness(clock: Expr = TWO, power: int = 2) -> tuple[Expr, Expr]:
    t, mean = sp.symbols("t lambda_bar", positive=True)
    slope = sp.diff(-power * sp.log(mean + sp.exp(clock * t) - 1), t)
    return sp.Limit(slope, t, sp.oo), sp.Integer(-4)


THEOREM = Theorem(
    id="T16",
    name="unequal scales",
    statement=(
        r"For $\Sigma_k = \lambda_k I$ and equal means, with $\eta = "
        r"(\lambda_1-\lambda_2)/(\lambda_1+\lambda_2+2\sigma^2)$ and $\gamma = d\eta^2/2$: $H = "
        r"(1-\eta^2)^{d/4}\,\mathbb E\,F\bigl(\tfrac12(\eta\chi^2_d - d\operatorname{artanh}\eta)\bigr)$, "
        r"$F(u) = \cosh u\,\log(2\cosh u) - u\sinh u$, "
        r"$H = H_2(\gamma) + \bigl[2\gamma^2(H_2'+H_2'') + \tfrac49\gamma^3(H_2''+2H_2^{(3)})\bigr]/d + "
        r"\ldots$, $t_S = \tfrac14\log d + \tfrac12\log(|\lambda_1-\lambda_2|/\sqrt{8\gamma_c}) + "
        r"O(d^{-1/2})$."
    ),
    sources=("H26",),
    hypotheses=(
        "two balanced classes with one mean",
        "$\\Sigma_k = \\lambda_kI$; any covariances by their generalised eigenvalues",
    ),
    derivation=derivation,
    predict=predict,
)
