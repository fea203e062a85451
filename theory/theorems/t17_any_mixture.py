"""T17: any mixture: one factorisation per class serves every level, and the rate needs no differences."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse
from ..closed_forms.orthogonal import orthogonal_disagreement
from ..closed_forms.unequal_scales import Contrast
from ._base import Argument, Block, Identity, Theorem

SIGMA = 1.3
"""Where rates are predicted."""
BINARY = (2.0, 0.5, 0.4)
"""`|δ|²`, s² and the first weight of two classes."""
ORTHOGONAL = (5, 6.0, 0.5)
"""Classes, M and s² of orthogonal means."""
SCALES = (6, 0.5, 3.0)
"""d, λ₁ and λ₂ of two scales."""


def derivation() -> tuple[Block, ...]:
    """Decomposition of the error, I-MMSE for one component, Tweedie's formula, and the span."""
    p, first, second, v1, v2 = sp.symbols("p D1 D2 v1 v2", positive=True)
    mean = p * first + (1 - p) * second
    total = p * (v1 + (first - mean) ** 2) + (1 - p) * (v2 + (second - mean) ** 2)
    within = p * v1 + (1 - p) * v2
    gap = p * (first - mean) ** 2 + (1 - p) * (second - mean) ** 2
    paired = p * (1 - p) * (first - second) ** 2
    lam, snr, sigma, x, m = sp.symbols("lambda snr sigma x m", positive=True)
    other = sp.Symbol("m2", positive=True)
    noise = sigma**2
    log_density = -((x - m) ** 2) / (2 * (lam + noise)) - sp.log(lam + noise) / 2
    denoised = m + lam / (lam + noise) * (x - m)
    information = sp.log(1 + snr * lam) / 2
    error = lam / (1 + snr * lam)
    odds = log_density - log_density.subs(m, other)
    inverse = sp.eye(2) * lam + sp.ones(2, 2)
    axes = sp.Matrix([[1, 1], [1, -1]]) / sp.sqrt(2)
    widths = sp.diag(1 / (lam + 2 + noise), 1 / (lam + noise))
    return (
        Identity("E|X₀ − D|² = E|X₀ − D_C|² + E|D_C − D|²", sp.expand(total - within), sp.expand(gap)),
        Identity(
            "Σ p_k|D_k − D|² = Σ_{j<k} p_j p_k |D_j − D_k|²",
            sp.expand(gap),
            sp.expand(paired),
        ),
        Identity("I-MMSE of one component", sp.diff(information, snr), error / 2),
        Identity("d(σ^{−2})/d log σ = −2σ^{−2}", sigma * sp.diff(1 / noise, sigma), -2 / noise),
        Identity("Tweedie: σ^{−2}(D − x) = ∇ log p", (denoised - x) / noise, sp.diff(log_density, x)),
        Identity("shared Σ: log-odds are linear in x", sp.diff(odds, x), (m - other) / (lam + noise)),
        Identity("Σ + σ²I keeps its eigenvectors", (inverse + noise * sp.eye(2)).inv(), axes * widths * axes),
        Identity("dσ²/dt = 2(1 + σ²) for σ² = e^{2t} − 1", *_clock()),
        Argument(
            "I-MMSE for vectors and mixtures is GSV05's theorem, applied to I(X₀; X) and to I(X₀; X | "
            "C), whose difference is I(C; X); the steps here are one component and the difference of "
            "the errors."
        ),
    )


def _clock() -> tuple[Any, Any]:
    t = sp.Symbol("t", positive=True)
    noise = sp.exp(2 * t) - 1
    return sp.diff(noise, t), 2 * (1 + noise)


def predict() -> dict[str, float]:
    """`dH/d log σ` of three mixtures that have closed forms: `2σ² dH/dσ²`."""
    noise = SIGMA**2
    length2, variance, prior = BINARY
    gamma, slope = length2 / (variance + noise), -length2 / (variance + noise) ** 2
    classes, M, s2 = ORTHOGONAL
    g = M / (s2 + noise)
    d, one, two = SCALES
    contrast = Contrast.of_spectra(np.array([one]), np.array([two]), noise, np.array([float(d)]))
    rates = {
        "binary": -0.5 * float(binary_mmse(gamma, prior)) * slope,
        "orthogonal": 0.5 * float(orthogonal_disagreement(g, classes)) * g / (s2 + noise),
        "scales": contrast.entropy_slope(),
    }
    return {f"dH/d log sigma, {name}": 2 * noise * rate for name, rate in rates.items()}


THEOREM = Theorem(
    id="T17",
    name="any mixture",
    statement=(
        r"$\frac{\mathrm dH}{\mathrm d\log\sigma} = \sigma^{-2}\,\mathbb E|D_C - D|^2$, $D_k = \mathbb "
        r"E[X_0|x,k]$, $D = \sum_k p_k D_k$; $\Sigma_k + \sigma^2 I$ has the eigenvectors of $\Sigma_k$; "
        r"with a shared $\Sigma$ the posterior depends on $x$ through its inner products with "
        r"$(\Sigma+\sigma^2 I)^{-1}(m_j - m_k)$, at most $K-1$ dimensions, which turn with $\sigma$ unless "
        r"$\Sigma$ leaves the span of the mean differences as it is."
    ),
    sources=("GSV05", "K22"),
    hypotheses=("any Gaussian mixture",),
    derivation=derivation,
    predict=predict,
)
