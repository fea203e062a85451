"""T3: the entropy falls at half the minimum mean-square error of the label (I-MMSE)."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse, log_binary_entropy
from ._base import HALF, ONE, TWO, Argument, Block, Identity, Measured, Text, Theorem

GAMMAS = (0.05, 1.0, 8.0)
"""Separations at which mmse is predicted."""
TAIL = (200.0, 1400.0)
"""Separations deep in the tail, where relative precision is the claim."""


def derivation() -> tuple[Block, ...]:
    """Both classes as one tilted Gaussian, its heat equation, and the equation of the entropy's profile."""
    return (*_tilting(), *_heat(), *_profiles(), *_balanced())


def predict() -> dict[str, float]:
    """Mmse at `GAMMAS` and log H at `TAIL`."""
    numbers = {f"mmse({gamma:g})": float(binary_mmse(gamma)) for gamma in GAMMAS}
    return numbers | {f"log H({gamma:g})": float(log_binary_entropy(gamma)) for gamma in TAIL}


def _tilting() -> tuple[Block, ...]:
    return (
        Text(
            r"Start from T2: given class $\pm$ the half log-odds $L$ is $N(\lambda\pm\gamma,\gamma)$, with "
            r"$\lambda=\tfrac12\log(w_1/w_2)$, that is $w_1=1/(1+e^{-2\lambda})$. **Tilting.** Over both "
            r"classes $L$ has the density"
        ),
        Identity.of(
            "w₁N(u; λ+γ, γ) + w₂N(u; λ−γ, γ) = c e^{−γ/2} N(u−λ; 0, γ) cosh u",
            _tilted,
            r"w_1N(u;\lambda+\gamma,\gamma)+w_2N(u;\lambda-\gamma,\gamma) = "
            r"\frac{1}{\cosh\lambda}\,e^{-\gamma/2}N(u-\lambda;0,\gamma)\,\cosh u",
        ),
        Text(r"and the constant is"),
        Identity.of(
            "sech² λ = 4w₁w₂",
            _constant,
            r"\frac{1}{\cosh^2\lambda} = 4w_1w_2 = c^2",
        ),
        Text(
            r"So an average over $L$ is $\mathbf E f(L)=A_{f\cosh}(\gamma)$ with "
            r"$A_g(\gamma)=c\,e^{-\gamma/2}\int N(u-\lambda;0,\gamma)\,g(u)\,du$: one Gaussian, of which "
            r"$\gamma$ is the variance, times a profile $g$ that does not know $\gamma$."
        ),
    )


def _heat() -> tuple[Block, ...]:
    return (
        Text(r"**The heat equation.** A Gaussian whose variance is the time diffuses; the factor damps it:"),
        Identity.of(
            "∂_γ[e^{−γ/2}N] = ½(∂²_u − 1)[e^{−γ/2}N]",
            _heat_equation,
            r"\frac{\partial}{\partial\gamma}\left[e^{-\gamma/2}N(u;0,\gamma)\right] = "
            r"\tfrac12\left(\frac{\partial^2}{\partial u^2}-1\right)\left[e^{-\gamma/2}N(u;0,\gamma)\right]",
        ),
        Argument(
            "Two integrations by parts move the second derivative to the profile. Their boundary terms "
            "vanish: the profiles and their slopes are bounded, the Gaussian and its slope vanish far out."
        ),
        Text(
            r"Hence for every bounded profile $\frac{d}{d\gamma}A_g=A_{(g''-g)/2}$, and the derivative of an "
            r"average is read off the profile."
        ),
    )


def _profiles() -> tuple[Block, ...]:
    return (
        Text(
            r"**Entropy.** A class with half log-odds $u$ has the probability $p=1/(1+e^{-2u})$ and the "
            r"entropy"
        ),
        Identity.of(
            "−p log p − (1−p) log(1−p) = log(2 cosh u) − u tanh u",
            _posterior_entropy,
            r"h(u) = -p\log p-(1-p)\log(1-p) = u+\log(1+e^{-2u})-u\tanh u",
        ),
        Text(r"which is $\log(2\cosh u)-u\tanh u$. So $H=A_f$ with $f=h\cosh$, and the profile obeys"),
        Identity.of(
            "f'' − f = −sech u, f = h cosh u",
            _entropy_profile,
            r"\left(\frac{d^2}{du^2}-1\right)\cosh u\,h(u) = -\mathrm{sech}\,u",
        ),
        Text(
            r"**The label.** Write the class as $\pm1$. Its posterior mean is $2p-1=\tanh u$ and its "
            r"posterior variance, the least mean-square error at this $u$, times the tilt $\cosh u$, is"
        ),
        Identity.of(
            "4p(1−p) cosh u = sech u",
            _label_variance,
            r"4p(1-p)\,\cosh u = \mathrm{sech}\,u",
        ),
        Text(
            r"so $\mathrm{mmse}=\mathbf E[1-\tanh^2L]=A_{\mathrm{sech}}$, and the two last steps give "
            r"$dH/d\gamma=A_{(f''-f)/2}=-\tfrac12\,\mathrm{mmse}(\gamma)$ for every prior. This is GSV05's "
            r"theorem for the channel of T2, here by the heat equation. Once more,"
        ),
        Identity.of(
            "½(∂² − 1) sech u = −sech³ u",
            _mmse_profile,
            r"\tfrac12\left(\frac{d^2}{du^2}-1\right)\mathrm{sech}\,u = -\mathrm{sech}^3u",
        ),
        Text(r"so $d\,\mathrm{mmse}/d\gamma=-\mathbf E\,\mathrm{sech}^4L$, which lies between $-1$ and 0."),
    )


def _balanced() -> tuple[Block, ...]:
    return (
        Text(
            r"**Equal weights.** Now $\lambda=0$, $c=1$, and by symmetry class $+$ is enough, where "
            r"$L=\gamma+\sqrt\gamma Z$. From"
        ),
        Identity.of(
            "N(u; γ, γ)(1 − tanh u) = e^{−γ/2} N(u; 0, γ) sech u",
            _one_class,
            r"N(u;\gamma,\gamma)\,(1-\tanh u) = e^{-\gamma/2}N(u;0,\gamma)\,\mathrm{sech}\,u",
        ),
        Text(
            r"the mmse is also $1-\mathbf E\tanh(\gamma+\sqrt\gamma Z)$. The same tilt, "
            r"$N(u;\gamma,\gamma)=e^{-\gamma/2}e^uN(u;0,\gamma)$, turns $H_2=\mathbf E\log(1+e^{-2L})$ "
            r"into $e^{-\gamma/2}\int N(u;0,\gamma)\,e^u\log(1+e^{-2u})\,du$. In both forms the smallness "
            r"is a factor in front of an integral of positive terms of order one, so a sum keeps its "
            r"relative precision however large $\gamma$ is."
        ),
        Measured(
            "mmse as the slope of the entropy's definition, differenced in 45 digits, and by quadrature of "
            "its own definition; the label's posterior variance by Monte Carlo in 16 dimensions; log H where "
            "H is as small as e^{-700}."
        ),
    )


def _tilted(mean: Expr = ONE, variance: Expr = ONE, odds: Expr = TWO) -> tuple[Expr, Expr]:
    u, shift = sp.symbols("u lambda", real=True)
    g = sp.Symbol("gamma", positive=True)

    def over_the_middle(sign: int) -> Expr:
        """`N(u; λ ± γ, γ)/N(u − λ; 0, γ)`."""
        exponent = -((u - shift - sign * mean * g) ** 2) / (2 * variance * g) + (u - shift) ** 2 / (2 * g)
        return sp.exp(sp.expand(exponent))

    first, second = 1 / (1 + sp.exp(-odds * shift)), 1 / (1 + sp.exp(odds * shift))
    both = first * over_the_middle(1) + second * over_the_middle(-1)
    return both, sp.exp(-g / 2) * sp.cosh(u) / sp.cosh(shift)


def _constant(odds: Expr = TWO) -> tuple[Expr, Expr]:
    shift = sp.Symbol("lambda", real=True)
    first = 1 / (1 + sp.exp(-odds * shift))
    return 1 / sp.cosh(shift) ** 2, 4 * first * (1 - first)


def _heat_equation(variance: Expr = ONE, damping: Expr = HALF) -> tuple[Expr, Expr]:
    u, g = sp.Symbol("u", real=True), sp.Symbol("gamma", positive=True)
    normal = sp.exp(-(u**2) / (2 * variance * g)) / sp.sqrt(2 * sp.pi * g)
    damped = sp.exp(-damping * g) * normal
    return sp.Derivative(damped, g), (sp.Derivative(damped, (u, 2)) - damped) / 2


def _probability(u: Expr, odds: Expr = TWO) -> Expr:
    return 1 / (1 + sp.exp(-odds * u))


def _posterior_entropy(odds: Expr = TWO) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    p = _probability(u, odds)
    entropy = u + sp.log(1 + sp.exp(-2 * u)) - u * sp.tanh(u)
    # log(1 − p) = log p − 2u: these odds are what u is half the logarithm of
    return -p * sp.log(p) - (1 - p) * (sp.log(p) - odds * u), entropy


def _entropy_profile(order: int = 2, weight: Expr = ONE) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    profile = sp.cosh(u) * (sp.log(2 * sp.cosh(u)) - weight * u * sp.tanh(u))
    return sp.Derivative(profile, (u, order)) - profile, -sp.sech(u)


def _label_variance(odds: Expr = TWO) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    p = _probability(u, odds)
    return 4 * p * (1 - p) * sp.cosh(u), sp.sech(u)


def _mmse_profile(order: int = 2, power: int = 1) -> tuple[Expr, Expr]:
    u = sp.Symbol("u", real=True)
    profile = sp.sech(u) ** power
    return (sp.Derivative(profile, (u, order)) - profile) / 2, -(sp.sech(u) ** 3)


def _one_class(mean: Expr = ONE, variance: Expr = ONE) -> tuple[Expr, Expr]:
    u, g = sp.Symbol("u", real=True), sp.Symbol("gamma", positive=True)
    exponent = -((u - mean * g) ** 2) / (2 * variance * g) + u**2 / (2 * g)
    return sp.exp(sp.expand(exponent)) * (1 - sp.tanh(u)), sp.exp(-g / 2) * sp.sech(u)


THEOREM = Theorem(
    id="T3",
    name="I-MMSE",
    statement=(
        r"$\mathrm dH_2/\mathrm d\gamma = -\tfrac12\,\mathrm{mmse}(\gamma)$, $\mathrm{mmse} = \mathbb "
        r"E[1-\tanh^2 L]$; balanced, $\mathrm{mmse} = 1-\mathbb E\tanh(\gamma+\sqrt\gamma Z) = "
        r"e^{-\gamma/2}\int \mathcal N(u;0,\gamma)\,\mathrm{sech}\,u\,\mathrm du$. For any prior, with "
        r"$\lambda = \tfrac12\log(w_1/w_2)$ and $c = 2\sqrt{w_1w_2}$, every expectation is $\mathbb E "
        r"f(L) = c\,e^{-\gamma/2}\int\mathcal N(u-\lambda;0,\gamma)\cosh u\,f(u)\,\mathrm du$."
    ),
    sources=("GSV05",),
    hypotheses=("the binary channel of T2, any prior",),
    derivation=derivation,
    predict=predict,
)
