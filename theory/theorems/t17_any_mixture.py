"""T17: any mixture: one factorisation per class serves every level, and the rate needs no differences."""

import numpy as np

from .._support.aliases import Expr
from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse
from ..closed_forms.orthogonal import orthogonal_disagreement
from ..closed_forms.unequal_scales import Contrast
from ._base import HALF, ONE, Argument, Block, Identity, Measured, Text, Theorem

SIGMA = 1.3
"""Where rates are predicted."""
BINARY = (2.0, 0.5, 0.4)
"""`|δ|²`, s² and the first weight of two classes."""
ORTHOGONAL = (5, 6.0, 0.5)
"""Classes, M and s² of orthogonal means."""
SCALES = (6, 0.5, 3.0)
"""d, λ₁ and λ₂ of two scales."""


def derivation() -> tuple[Block, ...]:
    """The rate from I-MMSE and two decompositions; one factorisation per class; the span of shared Σ."""
    return (*_rate(), *_denoisers(), *_factorisation(), *_span())


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


def _rate() -> tuple[Block, ...]:
    return (
        Text(
            r"**The rate.** Let $X=X_0+\sigma Z$, $Z$ standard normal, and $\tau=\sigma^{-2}$. "
            r"The class reaches the state only through the clean sample, $C\to X_0\to X$, so by the chain "
            r"rule of information $I(C;X)=I(X_0;X)-I(X_0;X|C)$: what the state tells about the sample, less "
            r"what it tells once "
            r"the class is known."
        ),
        Argument(
            r"I-MMSE: in Gaussian noise $dI(X_0;X)/d\tau=\frac12\mathbb E|X_0-\mathbb E[X_0|X]|^2$, for "
            r"any law of $X_0$ with a finite variance; within each class likewise, with $D_C=\mathbb "
            r"E[X_0|X,C]$.",
            "GSV05",
        ),
        Text(
            r"For a single Gaussian class it is Jacobi's formula: the information is "
            r"$\frac12\log\det(I+\tau\Sigma)$ and the error is the trace of the posterior covariance "
            r"$\Sigma(I+\tau\Sigma)^{-1}$. For a general symmetric $\Sigma$ in two and in three dimensions:"
        ),
        *(
            Identity.of(
                f"I-MMSE of one Gaussian, d = {d}",
                _jacobi(d),
                r"\frac{d}{d\tau}\,\tfrac12\log\det(I+\tau\Sigma) = "
                r"\tfrac12\,\mathrm{tr}\bigl[\Sigma(I+\tau\Sigma)^{-1}"
                rf"\bigr]\qquad(d={d})",
            )
            for d in (2, 3)
        ),
        Text(
            r"So $dI(C;X)/d\tau=\frac12\bigl(\mathbb E|X_0-D|^2-\mathbb E|X_0-D_C|^2\bigr)$, $D=\mathbb "
            r"E[X_0|X]$. At a given $x$ the law of $X_0$ is a mixture of the classes' posteriors with the "
            r"weights $p_k$, means $D_k$ and variances $V_k$ (traces of covariances), and "
            r"$D=\sum_kp_kD_k$. The variance of a mixture is that within and that between (SymPy: three "
            r"classes and one coordinate; coordinates add, further classes repeat):"
        ),
        *_error_of_the_class(),
    )


def _error_of_the_class() -> tuple[Block, ...]:
    return (
        Identity.of(
            "E|X₀ − D|² − E|X₀ − D_C|² = E|D_C − D|²",
            _between,
            r"\sum_kp_k\bigl(V_k+|D_k|^2\bigr)-|D|^2-\sum_kp_kV_k = \sum_kp_k|D_k-D|^2",
        ),
        Text(r"or, written in pairs of classes, without the mean,"),
        Identity.of(
            "Σ p_k|D_k − D|² = Σ_{j<k} p_j p_k |D_j − D_k|²",
            _pairs,
            r"\sum_kp_k|D_k-D|^2 = \sum_{j<k}p_jp_k|D_j-D_k|^2",
        ),
        Text(
            r"Hence $dI(C;X)/d\tau=\frac12\mathbb E|D_C-D|^2$. The entropy is $H=H(C)-I$, and the clock "
            r"changes by $d\tau/d\log\sigma=-2\sigma^{-2}$:"
        ),
        Identity.of(
            "dH/d log σ = σ^{−2} E|D_C − D|²",
            _per_log_sigma,
            r"-\Bigl(\sigma\frac{d}{d\sigma}\,\sigma^{-2}\Bigr)\tfrac12\mathbb E|D_C-D|^2 = "
            r"\sigma^{-2}\,\mathbb E|D_C-D|^2",
        ),
    )


def _denoisers() -> tuple[Block, ...]:
    return (
        Text(
            r"**What a model gives.** $D$ is the denoiser of the mixture and $D_k$ that of class $k$, so "
            r"the rate can be had from a trained network, with and without the class. Denoiser and score "
            r"are the same thing (Tweedie): for two Gaussian classes in one dimension, with any weights, "
            r"means and variances,"
        ),
        Identity.of(
            "σ^{−2}(D − x) = ∇ log p",
            _tweedie,
            r"\sigma^{-2}\Bigl(\sum_kp_k\Bigl[m_k+\frac{\lambda_k}{\lambda_k+\sigma^2}(x-m_k)\Bigr]-x\Bigr) "
            r"= \frac{d}{dx}\log\sum_kw_kN(x;m_k,\lambda_k+\sigma^2)",
        ),
    )


def _factorisation() -> tuple[Block, ...]:
    return (
        Text(
            r"**One factorisation.** Let $v_i$ be orthonormal eigenvectors of $\Sigma_k$, with eigenvalues "
            r"$\lambda_i$. Adding $\sigma^2I$ moves every eigenvalue by $\sigma^2$ and no eigenvector: "
            r"$(\Sigma_k+\sigma^2I)v_i=(\lambda_i+\sigma^2)v_i$. In any dimension, then, "
            r"$(\Sigma_k+\sigma^2I)\sum_i(\lambda_i+\sigma^2)^{-1}v_iv_i^T=\sum_iv_iv_i^T=I$, and one "
            r"factorisation of a class serves every level. SymPy checks it in three dimensions, for the "
            r"rotation $Q$ of a general unit quaternion (a diagonal and an off-diagonal entry; the others "
            r"are the same with the axes renamed):"
        ),
        Identity.of(
            "(QΛQᵀ + σ²I) Q(Λ + σ²I)^{−1}Qᵀ = I, d = 3",
            _eigenvectors,
            r"\bigl(Q\Lambda Q^T+\sigma^2I\bigr)\,Q(\Lambda+\sigma^2I)^{-1}Q^T = I",
        ),
    )


def _span() -> tuple[Block, ...]:
    return (
        Text(
            r"**Shared covariance.** If all $\Sigma_k=\Sigma$ and $S=\Sigma+\sigma^2I$, the terms "
            r"quadratic in $x$ are alike in all classes, and log-odds are linear. For a general symmetric "
            r"$S$ in three dimensions:"
        ),
        Identity.of(
            "gradient of the log-odds: S^{−1}(m_j − m_k)",
            _log_odds,
            r"\nabla_x\bigl[-\tfrac12(x-m_j)^TS^{-1}(x-m_j)+\tfrac12(x-m_k)^TS^{-1}(x-m_k)\bigr] = "
            r"S^{-1}(m_j-m_k)",
        ),
        Text(
            r"So the posterior depends on $x$ through its projections on $S^{-1}(m_j-m_1)$, "
            r"$j=2,\ldots,K$: at most $K-1$ numbers. These directions turn with $\sigma$. In the plane of "
            r"two eigenvectors of $\Sigma$, the angle between $S^{-1}\delta$ and $\delta$ is that of the "
            r"cross product"
        ),
        Identity.of(
            "(S^{−1}δ) × δ",
            _turning,
            r"\bigl(S^{-1}\delta\bigr)_1\delta_2-\bigl(S^{-1}\delta\bigr)_2\delta_1 = "
            r"\frac{(\lambda_2-\lambda_1)\,\delta_1\delta_2}{(\lambda_1+\sigma^2)(\lambda_2+\sigma^2)}",
        ),
        Text(
            r"which vanishes for all $\sigma$ only if $\lambda_1=\lambda_2$ or $\delta$ is itself an "
            r"eigenvector. The span tends to that of the mean differences as $\sigma\to\infty$, "
            r"so it is the same at every level exactly if $\Sigma$ maps the span of the "
            r"mean differences into itself."
        ),
        Measured(
            r"The rate by posterior means from dense matrices, for two classes, five orthogonal ones and "
            r"two scales, against closed forms and against differences of entropies summed from their "
            r"definitions; and for three classes with full covariances against the rate that "
            r"`entropy_curve` samples."
        ),
    )


def _symmetric(d: int, name: str) -> Expr:
    pairs = [[sp.Symbol(f"{name}{min(i, j)}{max(i, j)}", positive=True) for j in range(d)] for i in range(d)]
    return sp.Matrix(pairs)


def _jacobi(d: int) -> Expr:
    def sides(half: Expr = HALF, signal: int = 1) -> tuple[Expr, Expr]:
        tau, matrix = sp.Symbol("tau", positive=True), _symmetric(d, "S")
        gain = sp.eye(d) + tau**signal * matrix
        left = half * sp.Derivative(sp.log(gain.det()), tau)
        true = sp.eye(d) + tau * matrix
        # tr(Σ A^{-1}) = tr(Σ adj A)/det A
        return left, (matrix * true.adjugate()).trace() / true.det() / 2

    return sides


def _three_classes() -> tuple[list[Expr], Expr, Expr]:
    share = sp.symbols("p1:3", positive=True)
    return [*share, 1 - sum(share)], sp.symbols("D1:4", real=True), sp.symbols("V1:4", positive=True)


def _between(power: int = 2) -> tuple[Expr, Expr]:
    p, each, own = _three_classes()
    mean = sum(q * one for q, one in zip(p, each, strict=True))
    second = sum(q * (v + one**power) for q, one, v in zip(p, each, own, strict=True))
    within = sum(q * v for q, v in zip(p, own, strict=True))
    return second - mean**2 - within, sum(q * (one - mean) ** 2 for q, one in zip(p, each, strict=True))


def _pairs(weight: Expr = ONE) -> tuple[Expr, Expr]:
    p, each, _ = _three_classes()
    mean = weight * sum(q * one for q, one in zip(p, each, strict=True))
    pairs = ((0, 1), (0, 2), (1, 2))
    right = sum(p[j] * p[k] * (each[j] - each[k]) ** 2 for j, k in pairs)
    return sum(q * (one - mean) ** 2 for q, one in zip(p, each, strict=True)), right


def _per_log_sigma(power: int = 2, half: Expr = HALF) -> tuple[Expr, Expr]:
    sigma, gap = sp.symbols("sigma G", positive=True)
    return -sigma * sp.Derivative(sigma**-power, sigma) * half * gap, gap / sigma**2


def _tweedie(noise: Expr = ONE, half: Expr = HALF) -> tuple[Expr, Expr]:
    x, nu = sp.Symbol("x", real=True), sp.Symbol("nu", positive=True)
    means, own, weights = (sp.symbols(f"{name}1:3", positive=True) for name in ("m", "lambda", "w"))
    entries = list(zip(means, own, weights, strict=True))
    terms = [w * sp.exp(-half * (x - m) ** 2 / (v + noise * nu)) / sp.sqrt(v + nu) for m, v, w in entries]
    each = [m + v / (v + nu) * (x - m) for m, v, _ in entries]
    denoised = sum(t * one for t, one in zip(terms, each, strict=True)) / sum(terms)
    return (denoised - x) / nu, sp.Derivative(sp.log(sum(terms)), x)


def _eigenvectors(shift: Expr = ONE) -> tuple[Expr, Expr]:
    nu, (a, b, c) = sp.Symbol("nu", positive=True), sp.symbols("a b c", positive=True)
    own = sp.symbols("lambda1:4", positive=True)
    # Q = N/n, of the quaternion (1, a, b, c)
    n = 1 + a**2 + b**2 + c**2
    rotation = sp.Matrix(
        [
            [1 + a**2 - b**2 - c**2, 2 * (a * b - c), 2 * (a * c + b)],
            [2 * (a * b + c), 1 - a**2 + b**2 - c**2, 2 * (b * c - a)],
            [2 * (a * c - b), 2 * (b * c + a), 1 - a**2 - b**2 + c**2],
        ]
    )
    whole = sp.prod(value + nu for value in own)
    others = [sp.prod(value + shift * nu for value in own if value != one) for one in own]
    matrix = rotation * sp.diag(*own) * rotation.T + nu * n**2 * sp.eye(3)
    left = matrix * (rotation * sp.diag(*others) * rotation.T)
    return left[0, :2].T, n**4 * whole * sp.Matrix([1, 0])


def _log_odds(half: Expr = HALF) -> tuple[Expr, Expr]:
    matrix = _symmetric(3, "S")
    x, first, second = (sp.Matrix(sp.symbols(f"{name}1:4", real=True)) for name in ("x", "m", "n"))
    inverse = matrix.adjugate() / matrix.det()
    a, b = x - first, x - second
    odds = (half * (b.T * inverse * b - a.T * inverse * a))[0, 0]
    return sp.Matrix([sp.diff(odds, y) for y in x]), inverse * (first - second)


def _turning(width: int = 1) -> tuple[Expr, Expr]:
    nu, first, second, d1, d2 = sp.symbols("nu lambda1 lambda2 delta1 delta2", positive=True)
    left = d1 / (first + nu) ** width * d2 - d2 / (second + nu) ** width * d1
    return left, (second - first) * d1 * d2 / ((first + nu) * (second + nu))


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
