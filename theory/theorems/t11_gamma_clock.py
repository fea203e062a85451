"""T11: in the γ clock the half log-odds of a reverse run are a diffusion of their own, guided or not."""

from .._untyped import sympy as sp
from ._base import Identity, Theorem

GAMMAS = (0.5, 2.0)
"""Where moments of the log-odds are predicted."""


def derive() -> tuple[Identity, ...]:
    """Drift and noise of `L = δᵀS^{−1}(X − m̄)` along the reverse equation, and the filter of K classes."""
    return (*_two_classes(), *_covariance(), *_filter())


def _two_classes() -> tuple[Identity, ...]:
    """Any shared covariance, in its eigenbasis; ν = σ² falls along a run, at unit speed."""
    nu, kappa, omega, ell = sp.symbols("nu kappa omega ell", positive=True)
    eigenvalues, delta, x = (sp.symbols(f"{name}1:3", positive=True) for name in ("lambda", "delta", "x"))
    widths = [value + nu for value in eigenvalues]
    gamma = sum(d**2 / w for d, w in zip(delta, widths, strict=True))
    odds = sum(d * y / w for d, y, w in zip(delta, x, widths, strict=True))
    score = [-(y - kappa * d) / w for d, y, w in zip(delta, x, widths, strict=True)]
    # dL/d(−ν) = −∂_ν L + Σ ∂L/∂x · score
    drift = -sp.diff(odds, nu) + sum(sp.diff(odds, y) * s for y, s in zip(x, score, strict=True))
    noise = sum(sp.diff(odds, y) ** 2 for y in x)
    speed = -sp.diff(gamma, nu)
    log_ratio = sum(((y + d) ** 2 - (y - d) ** 2) / (2 * w) for d, y, w in zip(delta, x, widths, strict=True))
    label = (sp.exp(ell) - sp.exp(-ell)) / (sp.exp(ell) + sp.exp(-ell))
    guided = omega * 1 + (1 - omega) * label
    return (
        Identity("L is half the log-odds", log_ratio / 2, odds),
        Identity("drift of L is κ dγ", sp.simplify(drift), sp.simplify(kappa * speed)),
        Identity("noise of L is dγ", sp.simplify(noise), sp.simplify(speed)),
        Identity("κ = ω + (1 − ω) E[label|x]", guided, omega + (1 - omega) * sp.tanh(ell)),
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


def predict() -> dict[str, float]:
    """Moments of the log-odds of conditional and unconditional runs."""
    numbers: dict[str, float] = {}
    for gamma in GAMMAS:
        numbers[f"E L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"Var L, conditional, gamma={gamma:g}"] = gamma
        numbers[f"E L^2, unconditional, gamma={gamma:g}"] = gamma + gamma**2
    numbers["Cov(L, L') of one run"] = min(GAMMAS)
    return numbers


THEOREM = Theorem(
    id="T11",
    name="gamma clock",
    statement=(
        r"$\mathrm dL = [\omega + (1-\omega)\tanh L]\,\mathrm d\gamma + \mathrm dB_\gamma$, $L(0) = 0$, "
        r"for the reverse SDE guided to class $+$ with weight $\omega$, any dimension, shared $\Sigma$ "
        r"and schedule; for $K$ classes the posterior is a Wonham filter in the clock $\sigma^{-2}$."
    ),
    sources=("H26", "K25"),
    hypotheses=("two classes with a shared covariance", "the reverse SDE with the exact score"),
    derive=derive,
    predict=predict,
    proof_limits="Two eigenvalues stand for any number: both sides are sums over them. The filter has K = 3.",
)
