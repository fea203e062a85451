"""T2: two classes with a shared covariance are a binary-input Gaussian channel with one number γ."""

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ._base import HALF, ONE, Argument, Block, Identity, Measured, Text, Theorem

GAMMAS = (0.1, 1.0, 5.0)
"""Separations at which the entropy is predicted."""
PRIORS = (0.5, 0.2)
"""First weights at which it is predicted."""


def derivation() -> tuple[Block, ...]:
    """The half log-odds in any dimension from one whitened coordinate, its law, and the entropy."""
    return (*_affine(), *_law(), *_isotropic())


def predict() -> dict[str, float]:
    """`H` at `GAMMAS` and `PRIORS`."""
    return {
        f"H(gamma={gamma:g}, w={prior:g})": float(binary_entropy(gamma, prior))
        for prior in PRIORS
        for gamma in GAMMAS
    }


def _affine() -> tuple[Block, ...]:
    return (
        Text(
            r"By T1 we may look at $x=X_0+\sigma Z$. Within class $\pm$ it is normal with mean $\bar "
            r"m\pm\delta$, $\bar m=(m_1+m_2)/2$, and covariance $S=\Sigma+\sigma^2I$. **Whiten it**: "
            r"$u=R\,S^{-1/2}(x-\bar m)$ with a rotation $R$ that turns $S^{-1/2}\delta$ to the first axis. "
            r"A rotation does nothing to a standard normal vector, so given class $\pm$ the coordinate "
            r"$u_1$ is $N(\pm\sqrt\gamma,1)$ with "
            r"$\gamma=|S^{-1/2}\delta|^2=\delta^\top(\Sigma+\sigma^2I)^{-1}\delta$, and the $d-1$ others "
            r"are $N(0,1)$, independent, in both classes alike. This holds for any $d$ and $\Sigma$, and "
            r"all that is left of them is $\gamma$. With $r^2=u_2^2+\dots+u_d^2$, half the logarithm of "
            r"the ratio of the two densities is"
        ),
        Identity.of(
            "½ log of the densities' ratio is √γ u₁, any d and Σ",
            _half_log_ratio,
            r"\tfrac12\left[\tfrac12\left((u_1+\sqrt\gamma)^2+r^2\right) - "
            r"\tfrac12\left((u_1-\sqrt\gamma)^2+r^2\right)\right] = \sqrt\gamma\,u_1",
        ),
        Text(
            r"so $L=\lambda+\sqrt\gamma\,u_1$ with $\lambda=\tfrac12\log(w_1/w_2)$, in the old coordinates "
            r"$L=\lambda+\delta^\top S^{-1}(x-\bar m)$: one projection of $x$."
        ),
    )


def _law() -> tuple[Block, ...]:
    return (
        Text(
            r"**The law of $L$.** The coordinate $u_1$ is normal and $L$ is affine in it. For its moment "
            r"generating function complete the square in the exponent of $N(u_1;\sqrt\gamma,1)\,e^{\theta "
            r"L}$:"
        ),
        Identity.of(
            "exponent of N(u₁; √γ, 1) e^{θL}, its square completed",
            _completed_square,
            r"-\tfrac12(u_1-\sqrt\gamma)^2+\theta(\lambda+\sqrt\gamma\,u_1) = "
            r"-\tfrac12\left(u_1-(1+\theta)\sqrt\gamma\right)^2+\theta(\lambda+\gamma)+\tfrac12\theta^2\gamma",
        ),
        Text(
            r"The integral over $u_1$ does not notice where the square is centred, and the $d-1$ other "
            r"coordinates integrate to one: $\mathbf E[e^{\theta L}|+]=e^{\theta(\lambda+\gamma)+"
            r"\theta^2\gamma/2}$, that of $N(\lambda+\gamma,\gamma)$, "
            r"and given $-$, by $u_1\to-u_1$, that of $N(\lambda-\gamma,\gamma)$. Mean and variance share "
            r"one number; that makes $L$ its own half log-odds:"
        ),
        Identity.of(
            "log[w₁N(L; λ+γ, γ)/w₂N(L; λ−γ, γ)] = 2L",
            _consistency,
            r"\log\frac{w_1\,N(L;\lambda+\gamma,\gamma)}{w_2\,N(L;\lambda-\gamma,\gamma)} = 2L,\qquad "
            r"\lambda=\tfrac12\log\frac{w_1}{w_2}",
        ),
        Text(
            r"**The entropy.** $Y=u_1=\pm\sqrt\gamma+Z$ is GSV05's channel with binary input in Gaussian "
            r"noise. The posterior $p(+|x)=1/(1+e^{-2L})$ is a function of $L$, so "
            r"$H(C|X_t)=\mathbf E[-\log p(C|L)]$. Given $+$ the surprise is $\log(1+e^{-2L})$ with "
            r"$L=\lambda+\gamma+\sqrt\gamma Z$; given $-$ it is $\log(1+e^{2L})$ with "
            r"$L=\lambda-\gamma+\sqrt\gamma Z$. For equal weights $\lambda=0$, and by $Z\to-Z$ both have "
            r"one law: $H_2(\gamma)=\mathbf E\log(1+e^{-2\gamma-2\sqrt\gamma Z})$."
        ),
        Argument("A standard normal vector has the same law in every orthonormal basis."),
        Argument("A law whose moment generating function is that of a normal law is that law."),
    )


def _isotropic() -> tuple[Block, ...]:
    return (
        Text(
            r"**Isotropic classes.** For $\Sigma=s^2I$ and $|\delta|^2=M$, $\gamma=M/(s^2+\sigma^2)$. In the "
            r"OU clock, with the means drawn in by $a=e^{-t}$ and the width $a^2s^2+1-a^2$,"
        ),
        Identity.of(
            "γ = a²M/(a²s² + 1 − a²) = M/(e^{2t} + s² − 1)",
            _ou_form,
            r"\gamma = \frac{a^2M}{a^2s^2+1-a^2} = \frac{M}{e^{2t}+s^2-1}",
        ),
        Measured(
            "H by quadrature of its definition at three γ and two priors, by Monte Carlo in 32 dimensions "
            "with isotropic, diagonal and full covariances, and on two pairs of handwritten digits."
        ),
    )


def _half_log_ratio(half: Expr = HALF, offset: Expr = ONE) -> tuple[Expr, Expr]:
    u, gamma, transverse2 = sp.Symbol("u_1", real=True), *sp.symbols("gamma r2", positive=True)
    first = ((u - offset * sp.sqrt(gamma)) ** 2 + transverse2) / 2
    second = ((u + sp.sqrt(gamma)) ** 2 + transverse2) / 2
    return half * (second - first), sp.sqrt(gamma) * u


def _completed_square(mean: Expr = ONE, slope: Expr = ONE) -> tuple[Expr, Expr]:
    u, theta, shift = sp.symbols("u_1 theta lambda", real=True)
    gamma = sp.Symbol("gamma", positive=True)
    root = sp.sqrt(gamma)
    exponent = -((u - mean * root) ** 2) / 2 + theta * (shift + slope * root * u)
    centred = -((u - (1 + theta) * root) ** 2) / 2
    return exponent, centred + theta * (shift + gamma) + theta**2 * gamma / 2


def _consistency(mean: Expr = ONE, variance: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    L = sp.Symbol("L", real=True)
    w, gamma = sp.symbols("w gamma", positive=True)
    shift = half * sp.log(w / (1 - w))

    def log_density(centre: Expr) -> Expr:
        return -((L - shift - centre) ** 2) / (2 * variance * gamma)

    odds = sp.log(w / (1 - w)) + log_density(mean * gamma) - log_density(-mean * gamma)
    return odds, 2 * L


def _ou_form(data: Expr = ONE, noise: Expr = ONE) -> tuple[Expr, Expr]:
    M, s2, t = sp.symbols("M s2 t", positive=True)
    signal2 = sp.exp(-2 * t)
    width = data * signal2 * s2 + noise * (1 - signal2)
    return signal2 * M / width, M / (sp.exp(2 * t) + s2 - 1)


THEOREM = Theorem(
    id="T2",
    name="binary channel",
    statement=(
        r"For two classes with a shared covariance $\Sigma$ in any dimension, $\delta = (m_1-m_2)/2$ and "
        r"$\gamma(\sigma) = \delta^\top(\Sigma+\sigma^2 I)^{-1}\delta$, the half log-odds $L = "
        r"\tfrac12\log p(1|x)/p(2|x)$ is, given class $\pm$, $\mathcal "
        r"N(\tfrac12\log\tfrac{w_1}{w_2}\pm\gamma,\;\gamma)$. Balanced, $H(C|X_t) = H_2(\gamma) = \mathbb "
        r"E\log(1+e^{-2\gamma-2\sqrt\gamma Z})$."
    ),
    sources=("GSV05", "H26"),
    hypotheses=("two classes", "one covariance, shared by both", "S = Σ + σ²I invertible"),
    derivation=derivation,
    predict=predict,
)
