"""T2: two classes with a shared covariance are a binary-input Gaussian channel with one number γ."""

from typing import Any

from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ._base import Argument, Block, Identity, Theorem

GAMMAS = (0.1, 1.0, 5.0)
"""Separations at which the entropy is predicted."""
PRIORS = (0.5, 0.2)
"""First weights at which it is predicted."""


def derivation() -> tuple[Block, ...]:
    """Half log-odds, its mean and variance for any dimension, and the isotropic γ."""
    return (*_affine(), *_any_dimension(), *_isotropic(), _posterior_entropy())


def predict() -> dict[str, float]:
    """`H` at `GAMMAS` and `PRIORS`."""
    return {
        f"H(gamma={gamma:g}, w={prior:g})": float(binary_entropy(gamma, prior))
        for prior in PRIORS
        for gamma in GAMMAS
    }


def _affine() -> tuple[Identity, ...]:
    """In two coordinates with a general precision matrix: every term pairs at most two indices."""
    p11, p12, p22 = sp.symbols("p11 p12 p22", real=True)
    precision = sp.Matrix([[p11, p12], [p12, p22]])
    delta, middle, x = (sp.Matrix(sp.symbols(f"{name}1:3", real=True)) for name in ("d", "m", "x"))

    def quadratic(v: Any) -> Any:
        return (v.T * precision * v)[0]

    half_log_ratio = (quadratic(x - middle + delta) - quadratic(x - middle - delta)) / 4
    affine = (delta.T * precision * (x - middle))[0]
    at_class_mean = affine.subs(dict(zip(x, middle + delta, strict=True)))
    return (
        Identity("L = δᵀS⁻¹(x − m̄), balanced", sp.expand(half_log_ratio), sp.expand(affine)),
        Identity("E[L|+] = γ", sp.expand(at_class_mean), sp.expand(quadratic(delta))),
        Argument("Normality of L is that of an affine function of a normal vector."),
    )


def _any_dimension() -> tuple[Identity, ...]:
    """Variance of L by matrix algebra, for a symbolic dimension."""
    d = sp.Symbol("d", integer=True, positive=True)
    S, delta = sp.MatrixSymbol("S", d, d), sp.MatrixSymbol("delta", d, 1)
    direction = S.I * delta  # L = directionᵀ(x − m̄), and Cov x = S within a class
    variance = delta.T * S.I * S * direction
    gamma = delta.T * S.I * delta
    scalar = sp.Symbol("gamma", positive=True)
    return (
        Identity(
            "Var[L|±] = δᵀS⁻¹ S S⁻¹δ = γ for any d and S",
            scalar if variance.doit() == gamma.doit() else sp.nan,
            scalar,
        ),
    )


def _isotropic() -> tuple[Identity, ...]:
    M, s2, t = sp.symbols("M s2 t", positive=True)
    a2 = sp.exp(-2 * t)
    width = a2 * s2 + 1 - a2
    sigma2 = sp.exp(2 * t) - 1
    return (
        Identity("γ = M/(s² + σ²), isotropic", a2 * M / width, M / (s2 + sigma2)),
        Identity("γ = M/(e^{2t} + s² − 1)", a2 * M / width, M / (sp.exp(2 * t) + s2 - 1)),
    )


def _posterior_entropy() -> Identity:
    """Averaged over the classes, `−log p(C|x)` is the posterior entropy (any weights)."""
    u, w, g = sp.symbols("u w gamma", positive=True)
    shift = sp.log(w / (1 - w)) / 2
    p = 1 / (1 + sp.exp(-2 * u))

    def density(mean: Any) -> Any:
        return sp.exp(-((u - mean) ** 2) / (2 * g)) / sp.sqrt(2 * sp.pi * g)

    both = w * density(shift + g) + (1 - w) * density(shift - g)
    posterior = w * density(shift + g) / both
    return Identity(
        "L is the half log-odds of the posterior: p(+|L) = 1/(1 + e^{−2L})",
        sp.simplify(sp.expand(sp.simplify(1 / posterior))),
        sp.simplify(1 / p),
    )


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
