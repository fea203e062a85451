"""T11: in the γ clock the half log-odds of a reverse run are a diffusion of their own, guided or not."""

import numpy as np

from .._support.untyped import sympy as sp
from ._base import Argument, Block, Identity, Theorem

GAMMAS = (0.5, 2.0)
"""Where moments of the log-odds are predicted."""
PRIOR = 0.3
"""Weight of the class guided to where log-odds do not start from 0."""


def derivation() -> tuple[Block, ...]:
    """Drift and noise of `L = δᵀS^{−1}(X − m̄) + λ` along Anderson's equation, and the filter of K classes."""
    return (*_two_classes(), *_covariance(), *_filter(), *_clocks())


def _two_classes() -> tuple[Identity, ...]:
    """Any shared covariance, in its eigenbasis; ν = σ² falls along a run, at unit speed."""
    nu, kappa, omega, ell, prior = sp.symbols("nu kappa omega ell w", positive=True)
    eigenvalues, delta, x = (sp.symbols(f"{name}1:3", positive=True) for name in ("lambda", "delta", "x"))
    widths = [value + nu for value in eigenvalues]
    gamma = sum(d**2 / w for d, w in zip(delta, widths, strict=True))
    odds = sum(d * y / w for d, y, w in zip(delta, x, widths, strict=True))
    score = [-(y - kappa * d) / w for d, y, w in zip(delta, x, widths, strict=True)]
    # dL/d(−ν) = −∂_ν L + Σ ∂L/∂x · score
    drift = -sp.diff(odds, nu) + sum(sp.diff(odds, y) * s for y, s in zip(x, score, strict=True))
    noise = sum(sp.diff(odds, y) ** 2 for y in x)
    speed = -sp.diff(gamma, nu)
    start = sp.log(prior / (1 - prior)) / 2
    log_ratio = 2 * start + sum(
        ((y + d) ** 2 - (y - d) ** 2) / (2 * w) for d, y, w in zip(delta, x, widths, strict=True)
    )
    label = (sp.exp(ell) - sp.exp(-ell)) / (sp.exp(ell) + sp.exp(-ell))
    guided = omega * 1 + (1 - omega) * label
    return (
        Identity("L is half the log-odds", log_ratio / 2, odds + start),
        Identity("L(0) = ½ log(w/(1 − w))", sp.limit((odds + start).subs(nu, 1 / ell), ell, 0), start),
        Identity("drift of L is κ dγ", sp.simplify(drift), sp.simplify(kappa * speed)),
        Identity("noise of L is dγ", sp.simplify(noise), sp.simplify(speed)),
        Identity("κ = ω + (1 − ω) E[label|x]", guided, omega + (1 - omega) * sp.tanh(ell)),
        Argument(
            "Two eigenvalues stand for any number: both sides are sums over them. The filter has K = 3."
        ),
    )


def _covariance() -> tuple[Identity, ...]:
    """Given the class, `Cov(L_σ, L_σ′) = γ` at the noisier of two levels of one run."""
    d, lam, nu, more = sp.symbols("delta lambda nu nu_more", positive=True)
    # X_σ′ = X_σ + fresh noise, so Cov(X_σ, X_σ′) = λ + ν
    product = d / (lam + nu) * (lam + nu) * d / (lam + nu + more)
    return (Identity("Cov(L_γ, L_γ′) = min(γ, γ′)", product, d**2 / (lam + nu + more)),)


def _filter() -> tuple[Identity, ...]:
    """K = 3: `ℓ_k = m_k·Y − ½|m_k|²τ` with `dY = m̂ dτ + dB`, τ = 1/(s² + σ²), gives Wonham's filter."""
    means = sp.symbols("m1:4", positive=True)
    odds = sp.symbols("l1:4", positive=True)
    total = sum(sp.exp(value) for value in odds)
    p = [sp.exp(value) / total for value in odds]
    average = sum(q * m for q, m in zip(p, means, strict=True))
    # Itô for p₁ with dℓ_k = m_k dY − ½m_k² dτ and dY = m̂ dτ + dB
    noise = sum(sp.diff(p[0], odds[k]) * means[k] for k in range(3))
    drift = sum(sp.diff(p[0], odds[k]) * (means[k] * average - means[k] ** 2 / 2) for k in range(3))
    curvature = sum(sp.diff(p[0], odds[j], odds[k]) * means[j] * means[k] for j in range(3) for k in range(3))
    return (
        Identity(
            "Wonham: noise of p_k is p_k(m_k − m̂)",
            sp.simplify(noise),
            sp.simplify(p[0] * (means[0] - average)),
        ),
        Identity("Wonham: p_k is a martingale", sp.simplify(drift), sp.simplify(-curvature / 2)),
    )


def _clocks() -> tuple[Identity, ...]:
    """`ℓ_k = m_kᵀS^{−1}x − ½ m_kᵀS^{−1}m_k` run with `m_jᵀS^{−1}m_k`: on one clock only for isotropic S."""
    nu, s2, first, second = sp.symbols("nu s2 lambda1 lambda2", positive=True)
    m = sp.symbols("m1:3", real=True)
    speed = -sp.diff(m[0] * m[1] / (s2 + nu), nu)
    speeds = [-sp.diff(value**2 / (width + nu), nu) for value, width in zip(m, (first, second), strict=True)]
    return (
        Identity(
            "Σ = s²I: every inner product runs with 1/(s² + σ²)",
            speed,
            m[0] * m[1] * -sp.diff(1 / (s2 + nu), nu),
        ),
        Identity(
            "eigenvalues λ₁ ≠ λ₂: the ratio of two classes' speeds changes with σ",
            sp.diff(sp.log(speeds[0] / speeds[1]), nu),
            2 * (first - second) / ((first + nu) * (second + nu)),
        ),
    )


def predict() -> dict[str, float]:
    """Moments of the log-odds of conditional and unconditional runs, and where they start."""
    numbers: dict[str, float] = {}
    for gamma in GAMMAS:
        numbers[f"E L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"Var L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"E L^2, unconditional, gamma={gamma:g}"] = gamma + gamma**2
    numbers["Cov(L, L') of one run"] = min(GAMMAS)
    start = np.log(PRIOR / (1 - PRIOR)) / 2
    numbers[f"L(0), conditional, w={PRIOR:g}"] = float(start)
    # a posterior is a martingale of unguided runs
    numbers[f"E tanh L, unconditional, w={PRIOR:g}"] = float(np.tanh(start))
    return numbers


THEOREM = Theorem(
    id="T11",
    name="gamma clock",
    statement=(
        r"The half log-odds $L = \tfrac12\log p(+|x)/p(-|x)$ of the reverse SDE guided to class $+$ with "
        r"weight $\omega$ obey $\mathrm dL = [\omega + (1-\omega)\tanh L]\,\mathrm d\gamma + \mathrm "
        r"dB_\gamma$, $L(0) = \tfrac12\log\frac{w}{1-w}$, in any dimension, shared $\Sigma$ and schedule; "
        r"for $K$ classes with $\Sigma = s^2I$ the posterior is a Wonham filter in the clock "
        r"$1/(s^2+\sigma^2)$; with a general shared $\Sigma$ and $K > 2$ no single clock serves."
    ),
    sources=("H26", "K25"),
    hypotheses=(
        "two classes with a shared covariance, w the weight of the class guided to; K classes with Σ = s²I",
        "the reverse run is Anderson's SDE with the exact score, from infinite noise on",
    ),
    derivation=derivation,
    predict=predict,
)
