"""T23: what the steps of a sampler cost is a left Riemann sum less its integral."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.steps import minority_bias, optimal_steps, step_constant, step_cost
from ._base import HALF, ONE, Argument, Block, Identity, Measured, Text, Theorem

END, COUNT = 12.0, 64
"""γ at which the predicted runs end, and their steps."""
DENSITIES = ("optimal", "agreement", "entropy", "uniform")
FEW, PRIOR = (0.0, 0.7, 2.0, 3.5), 0.3
"""Levels of a chain short enough for its divergence to be integrated, and its prior."""
COUNTS, MINORITY = (8, 16, 32, 64), 0.2
"""Numbers of uniform steps to `END/2` whose bias against a class of this weight is predicted."""


def derivation() -> tuple[Block, ...]:
    """Euler's rule, Girsanov's divergence, its share of the class, two classes, the best grid, the bias."""
    return (*_divergence(), *_class_share(), *_two_classes(), *_best_grid(), *_minority())


def predict() -> dict[str, float]:
    """The constant, costs of grids, and biases of few steps."""
    numbers = {"constant": step_constant(), "cost of three steps": step_cost(FEW, PRIOR)}
    for density in DENSITIES:
        numbers[f"cost, {density}"] = step_cost(optimal_steps(COUNT, END, density=density))
    for count in COUNTS:
        gammas = [END / 2 * n / count for n in range(count + 1)]
        numbers[f"bias, N={count}"] = minority_bias(gammas, MINORITY)
    gammas = [END / 2 * n / COUNTS[-1] for n in range(COUNTS[-1] + 1)]
    numbers[f"bias to first order, N={COUNTS[-1]}"] = minority_bias(gammas, MINORITY, first_order=True)
    return numbers


def _divergence() -> tuple[Block, ...]:
    return (
        Text(
            r"**Ancestral sampling is Euler's rule in** $\tau=\sigma^{-2}$. From variance $\nu$ to "
            r"$\nu'<\nu$ it draws $x'\sim N(D+\frac{\nu'}\nu(x-D),\ \nu'(1-\frac{\nu'}\nu))$ with the "
            r"denoiser $D$ at $x$. For "
            r"$Y=x/\nu$, and with $\Delta = 1/\nu'-1/\nu$, this is $Y' = Y+D\Delta+\sqrt\Delta\,\xi$:"
        ),
        Identity.of(
            "the mean moves by DΔ",
            _euler_mean,
            r"\frac1{\nu'}\left[D+\frac{\nu'}\nu(x-D)\right]-\frac x\nu = "
            r"D\left(\frac1{\nu'}-\frac1\nu\right)",
        ),
        Identity.of(
            "the variance is Δ",
            _euler_variance,
            r"\frac{1}{\nu'^2}\,\nu'\left(1-\frac{\nu'}\nu\right) = \frac1{\nu'}-\frac1\nu",
        ),
        Text(
            r"The exact reverse run is $\mathrm dY = D_\tau\,\mathrm d\tau+\mathrm dB$ (T19); the chain "
            r"freezes $D$ over a step. By Girsanov the divergence of the exact law of paths from the "
            r"chain's is "
            r"$\mathrm{KL} = \frac12\sum_n\int_{\tau_n}^{\tau_{n+1}}\mathbb "
            r"E|D_\tau-D_{\tau_n}|^2\,\mathrm d\tau$. The denoiser is a martingale, $\mathbb "
            r"E[X_0-D_\tau|\text{run up to }\tau] = 0$, so errors and moves are orthogonal: "
            r"$m(\tau_n) = m(\tau)+\mathbb E|D_\tau-D_{\tau_n}|^2$ with the error of denoising $m = "
            r"\mathbb E|X_0-D|^2$. Hence "
            r"$\mathrm{KL} = \frac12\left[\sum_nm(\tau_n)\Delta_n-\int m\,\mathrm d\tau\right]$: the left "
            r"Riemann sum of $\frac12m$, the rate of the information about $X_0$, less its integral. It "
            r"bounds the divergence of what is sampled."
        ),
        Argument("The density of one drift against another in the law of paths.", "G60"),
    )


def _class_share() -> tuple[Block, ...]:
    return (
        Text(
            r"**The class's share.** Split the error at the denoiser of the true class, $m = \mathbb "
            r"E|X_0-D_C|^2+\mathbb E|D_C-D|^2$: given the state and the class $X_0-D_C$ has mean 0. The "
            r"second term is the rate of information about the class: "
            r"by T21 at $\omega=1$, runs of class $C$ lose the surprise $-\log p_C$ at the rate"
        ),
        Identity.of(
            "drift of −log p_C in runs of class C is −½|D_C − D|²",
            _information_rate,
            r"\left[p\,\partial_p+\tfrac12p^2\,\partial_p^2\right](-\log p) = -\tfrac12\qquad\text{per "
            r"}|D_C-D|^2\mathrm d\tau",
        ),
        Text(
            r"so $I' = \frac12\mathbb E|D_C-D|^2$, $I = H(C)-H(C|X_\sigma)$. The first term alone is the "
            r"cost, by the same reasoning, of chains that know their class and use $D_C$, averaged over "
            r"classes. What is left is "
            r"**the excess of the chain over samplers that know the class:** "
            r"$\sum_nI'(\tau_n)\Delta_n-\left[I(\tau_N)-I(\tau_0)\right]$. The whole divergence is never "
            r"negative, as $m$ falls. The excess may be: $I'$ may rise "
            r"where classes are told apart by detail, and then knowing the class makes a step err more. "
            r"For classes that are points it is the whole divergence."
        ),
    )


def _two_classes() -> tuple[Block, ...]:
    return (
        Text(
            r"**Two classes with a shared covariance.** If a step freezes only $\tanh L$, the mean of the "
            r"label, and is exact given the label, then in T11's clock the chain is $L' = "
            r"L+\tanh(L)\Delta+\sqrt\Delta\,\xi$, and the same reasoning for the label $\pm1$ gives "
            r"$\mathrm{KL} = "
            r"\frac12\left[\sum_n\mathrm{mmse}(\gamma_n)\Delta_n-\int\mathrm{mmse}\,\mathrm "
            r"d\gamma\right]$. Along runs $\mathrm{mmse} = \mathbb E\,\mathrm{sech}^2L$ changes by the "
            r"generator of $\mathrm dL = \tanh L\,\mathrm d\gamma+\mathrm dB$, for any prior:"
        ),
        Identity.of(
            "G sech² L = −sech⁴ L",
            _slope,
            r"\left[\tanh L\,\partial_L+\tfrac12\partial_L^2\right]\mathrm{sech}^2L = -\mathrm{sech}^4L",
        ),
        Text(
            r"so $\mathrm{mmse}' = -\mathbb E\,\mathrm{sech}^4L$. A short step costs half of "
            r"$-\frac12\mathrm{mmse}'\Delta^2$ (an exponential stands for any smooth rate):"
        ),
        Identity.of(
            "second derivative of f Δ − ∫f is −f′",
            _short_step,
            r"\frac{\partial^2}{\partial\Delta^2}\left[f(\gamma)\Delta-\int_\gamma^{\gamma+\Delta}f"
            r"\right]_{\Delta=0} "
            r"= -f'(\gamma),\qquad f = e^{-k\gamma}",
        ),
    )


def _best_grid() -> tuple[Block, ...]:
    return (
        Text(
            r"**Where to put many steps.** With $\nu$ steps per unit of $\gamma$, $\Delta = 1/\nu$, the "
            r"sum is $\mathrm{KL}\to\frac14\int q/\nu\,\mathrm d\gamma$, $q = \mathbb "
            r"E\,\mathrm{sech}^4L$, $\int\nu\,\mathrm d\gamma = N$. For any number $\kappa$"
        ),
        Identity.of(
            "q/ν = 2κ√q − κ²ν + (√(q/ν) − κ√ν)²",
            _square,
            r"\frac q\nu = 2\kappa\sqrt q-\kappa^2\nu+\left(\sqrt{q/\nu}-\kappa\sqrt\nu\right)^2",
        ),
        Text(
            r"Integrated with $\kappa = \mathcal I/N$, $\mathcal I = \int\sqrt q\,\mathrm d\gamma$, the "
            r"first terms are"
        ),
        Identity.of(
            "2κ𝓘 − κ²N = 𝓘²/N",
            _least,
            r"2\kappa\,\mathcal I-\kappa^2N\,\Big|_{\kappa=\mathcal I/N} = \frac{\mathcal I^2}N",
        ),
        Text(
            r"and the square vanishes for $\nu\propto\sqrt q$: the least cost is $\mathcal I^2/4N$, with "
            r"$\mathcal I = 2.458405\ldots$ at $w=\frac12$. What a cloning experiment measures, "
            r"$1-\varphi = \frac12\mathrm{mmse}$, gives nearly the same grid, even in "
            r"$\int\sqrt{1-\varphi}\,\mathrm d\gamma$."
        ),
    )


def _minority() -> tuple[Block, ...]:
    return (
        Text(
            r"**Few steps under-represent minorities.** The posterior $p = \frac12(1+\tanh L)$ is a "
            r"martingale of the exact run, not of the chain. Over a step with the frozen drift $T = \tanh "
            r"L$ it changes on average by $\sum_j\frac{\Delta^j}{j!}A^jp$ with "
            r"$A = T\,\partial+\frac12\partial^2$ and $T$ constant. The first term is 0, and the second is"
        ),
        Identity.of(
            "A p = 0",
            _first_change,
            r"\left[T\,\partial_L+\tfrac12\partial_L^2\right]\tfrac12(1+\tanh L)\Big|_{T=\tanh L} = 0",
        ),
        Identity.of(
            "½A²p = ½ tanh L sech⁴ L",
            _second_change,
            r"\tfrac12\left[T\,\partial_L+\tfrac12\partial_L^2\right]^2\tfrac12(1+\tanh L)\Big|_{T=\tanh "
            r"L} = \tfrac12\tanh L\,\mathrm{sech}^4L",
        ),
        Text(
            r"Changes add up over the chain, so $\mathbb Ep_N-w = \frac12\sum_n\Delta_n^2\,\mathbb "
            r"E[\tanh L\,\mathrm{sech}^4L]+O(N^{-2})$; that the mean is taken over the exact run instead "
            r"of the chain costs as little as the next term. "
            r"Its sign is that of $\lambda$, because the density of $L$, $N(u;\lambda,\gamma)\cosh u$ up "
            r"to a factor, is larger on the side of the likelier class: the rarer class is sampled too "
            r"rarely."
        ),
        Measured(
            "Divergences of chains of three steps, of points and of interleaved Gaussians, integrated "
            "over all their states; costs and the constant by "
            "quadrature; biases of 8 to 64 steps by the density of the chain, and by drawn chains."
        ),
    )


_ELL = sp.Symbol("L", positive=True)


def _frozen(order: int, drift: Expr, noise: Expr) -> Expr:
    frozen, image = sp.Symbol("T", real=True), (1 + sp.tanh(_ELL)) / 2
    for _ in range(order):
        image = drift * frozen * sp.diff(image, _ELL) + noise * sp.diff(image, _ELL, 2)
    return image.subs(frozen, sp.tanh(_ELL))


def _first_change(drift: Expr = ONE, noise: Expr = HALF) -> tuple[Expr, Expr]:
    return _frozen(1, drift, noise), sp.Integer(0)


def _second_change(drift: Expr = ONE, noise: Expr = HALF) -> tuple[Expr, Expr]:
    return _frozen(2, drift, noise) / 2, HALF * sp.tanh(_ELL) * sp.sech(_ELL) ** 4


def _euler_mean(power: int = 1) -> tuple[Expr, Expr]:
    x, mean = sp.symbols("x D", real=True)
    nu, after = sp.symbols("nu nu1", positive=True)
    return (mean + (after / nu) ** power * (x - mean)) / after - x / nu, mean * (1 / after - 1 / nu)


def _euler_variance(power: int = 1) -> tuple[Expr, Expr]:
    nu, after = sp.symbols("nu nu1", positive=True)
    return after * (1 - (after / nu) ** power) / after**2, 1 / after - 1 / nu


def _information_rate(omega: Expr = ONE, noise: Expr = HALF) -> tuple[Expr, Expr]:
    p = sp.Symbol("p", positive=True)
    left = omega * p * sp.Derivative(-sp.log(p), p) + noise * p**2 * sp.Derivative(-sp.log(p), (p, 2))
    return left, -HALF


def _slope(drift: Expr = ONE, noise: Expr = HALF, power: int = 2) -> tuple[Expr, Expr]:
    function = 1 / sp.cosh(_ELL) ** power
    left = drift * sp.tanh(_ELL) * sp.Derivative(function, _ELL) + noise * sp.Derivative(function, (_ELL, 2))
    return left, -1 / sp.cosh(_ELL) ** 4


def _short_step(start: Expr = ONE) -> tuple[Expr, Expr]:
    k, gamma, step, x = sp.symbols("k gamma Delta x", positive=True)
    area = sp.Integral(sp.exp(-k * x), (x, gamma, gamma + start * step))
    cost = sp.exp(-k * gamma) * step - area.doit()
    return sp.Subs(sp.Derivative(cost, (step, 2)), step, 0), -sp.Derivative(sp.exp(-k * gamma), gamma)


def _square(weight: Expr = ONE) -> tuple[Expr, Expr]:
    q, nu, kappa = sp.symbols("q nu kappa", positive=True)
    square = (sp.sqrt(q / nu) - weight * kappa * sp.sqrt(nu)) ** 2
    return square, q / nu - 2 * kappa * sp.sqrt(q) + kappa**2 * nu


def _least(power: int = 2) -> tuple[Expr, Expr]:
    kappa, integral, count = sp.symbols("kappa I N", positive=True)
    value = 2 * kappa * integral - kappa**power * count
    return sp.Subs(value, kappa, integral / count), integral**2 / count


THEOREM = Theorem(
    id="T23",
    name="steps",
    statement=(
        r"Ancestral sampling with the exact denoiser is Euler's rule in $\tau=\sigma^{-2}$. For any data "
        r"the Kullback-Leibler divergence of the exact law of paths from the sampler's is "
        r"$\tfrac12\left[\sum_nm(\tau_n)\Delta_n-\int m\,\mathrm d\tau\right]$, "
        r"$m = \mathbb E|X_0-D|^2$; its excess over samplers that know the class is the left Riemann sum "
        r"of the information rate minus its integral, $\sum_nI'(\tau_n)\Delta_n-I$, $I' = \tfrac12\mathbb "
        r"E|D_C-D|^2$. "
        r"For two classes with a shared covariance, in $\gamma$, it is "
        r"$\tfrac12\left[\sum_n\mathrm{mmse}(\gamma_n)\Delta_n-\int\mathrm{mmse}\right]$, least for steps "
        r"of density $\propto\sqrt{\mathbb E\,\mathrm{sech}^4L}$, where it tends to "
        r"$\mathcal I^2/4N$, $\mathcal I = \int\sqrt{\mathbb E\,\mathrm{sech}^4L}\,\mathrm d\gamma$. Few "
        r"steps under-represent the rarer class, $\mathbb Ep-w = \tfrac12\sum_n\Delta_n^2\,\mathbb "
        r"E[\tanh L\,\mathrm{sech}^4L]+O(N^{-2})$."
    ),
    sources=("G60",),
    hypotheses=(
        "any distributions with second moments; the exact denoiser; no guidance",
        "the formulas in γ: two classes with a shared covariance, steps exact given the class",
    ),
    derivation=derivation,
    predict=predict,
)
