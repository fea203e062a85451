"""T16: classes that differ in their covariances decide at a quarter of log d."""

from typing import Any

import numpy as np

from .._support.untyped import sympy as sp
from ..channel.binary import binary_entropy
from ..channel.series import moment_derivative
from ..closed_forms.unequal_scales import Contrast, dimension_correction, quarter_log_law
from ._base import Argument, Block, Identity, Theorem

CASES = ((1, 1.0, 4.0, 0.5), (20, 1.0, 2.0, 1.5), (400, 1.0, 2.0, 5.0))
"""d, λ₁, λ₂ and σ² at which entropy and agreement are predicted."""
PRIOR = 0.3
LIMIT_GAMMA = 1.5
DIMENSIONS = (10**2, 10**4, 10**6)


def contrast(d: int, first: float, second: float, noise: float, prior: float = 0.5) -> Contrast:
    """`Σ_k = λ_k I` in d dimensions at σ²."""
    return Contrast.of_spectra(np.array([first]), np.array([second]), noise, np.array([float(d)]), prior)


def derivation() -> tuple[Block, ...]:
    """The tilted law of the half log-odds, the profile's transform, cumulants, correction, and time."""
    return (*_tilt(), *_transform(), *_correction(), *_time())


def _tilt() -> tuple[Identity, ...]:
    """One dimension of two centred normal laws with variances v₁ and v₂."""
    x, v1, v2 = sp.symbols("x v1 v2", positive=True)
    eta, harmonic = (v1 - v2) / (v1 + v2), 2 * v1 * v2 / (v1 + v2)

    def log_density(variance: Any) -> Any:
        return -(x**2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2

    half = (log_density(v1) + log_density(v2)) / 2
    odds = (log_density(v1) - log_density(v2)) / 2
    complement = 4 * v1 * v2 / (v1 + v2) ** 2
    turned = (eta * x**2 / harmonic - sp.log(v1 / v2) / 2) / 2  # artanh η = ½ log v₁/v₂
    tilted = log_density(harmonic) + sp.log(complement) / 4
    return (
        Identity("1 − η² = 4v₁v₂/(v₁ + v₂)²", 1 - eta**2, complement),
        Identity("½(log f₁ + log f₂): a normal law times (1 − η²)^{1/4}", half, tilted),
        Identity("½(log f₁ − log f₂) = ½(ηx²/v − artanh η)", odds, turned),
        Argument(
            "That E F(L) may be expanded term by term (Edgeworth) is standard: F is smooth and bounded."
        ),
    )


def _transform() -> tuple[Identity, ...]:
    """What makes the transform of `F = cosh(u) h(u)` that of 1/cosh, divided by 1 + z²."""
    u = sp.Symbol("u", real=True)
    profile = sp.cosh(u) * sp.log(2 * sp.cosh(u)) - u * sp.sinh(u)
    return (
        Identity(
            "F − F″ = 1/cosh u for F = cosh u log(2 cosh u) − u sinh u",
            profile - profile.diff(u, 2),
            1 / sp.cosh(u),
        ),
    )


def _correction() -> tuple[Identity, ...]:
    """Cumulants of `L = ½(ηχ²_d − d artanh η)` and the Edgeworth terms of `E F(L)` at `η² = 2γ/d`."""
    eta, d, g, k = sp.symbols("eta d gamma k", positive=True)
    artanh = sp.log((1 + eta) / (1 - eta)) / 2
    # κ_n of ½ηχ²_d is (η/2)^n 2^{n−1} (n−1)! d
    kappa: list[Any] = [(eta / 2) ** n * sp.Integer(2) ** (n - 1) * sp.gamma(max(n, 1)) * d for n in range(5)]
    mean = sp.series(kappa[1] - d * artanh / 2, eta, 0, 5).removeO()
    damping = sp.series(d * sp.log(1 - 2 * g * k) / 4, k, 0, 3).removeO().subs(k, 1 / d)
    small = {eta: sp.sqrt(2 * g / d)}
    h0, h1, h2, h3 = sp.symbols("H0:4")
    half = sp.Rational(1, 2)
    # derivatives of A = e^{γ/2} H, times e^{−γ/2}; E F^{(2n)} = 2ⁿ A^{(n)} under N(0, γ)
    a1 = h1 + half * h0
    a2 = h2 + h1 + half**2 * h0
    a3 = h3 + 3 * half * h2 + 3 * half**2 * h1 + half**3 * h0
    by_terms = (
        -(g**2) / 2 * h0
        + (mean**2 / 2).subs(small) * d * 2 * a1
        + (mean * kappa[3] / 6 + kappa[4] / 24).subs(small) * d * 4 * a2
        + (kappa[3] ** 2 / 72).subs(small) * d * 8 * a3
    )
    collected = 2 * g**2 * (h1 + h2) + sp.Rational(4, 9) * g**3 * (h2 + 2 * h3)
    slope = moment_derivative({3: sp.Integer(1)})
    return (
        Identity("variance of L is γ = ½dη²", kappa[2], d * eta**2 / 2),
        Identity("mean of L is −dη³/6 + O(dη⁵)", mean, -d * eta**3 / 6),
        Identity("(1 − η²)^{d/4} = e^{−γ/2 − γ²/2d + …}", damping, -g / 2 - g**2 / (2 * d)),
        Identity("the 1/d correction", sp.expand(by_terms), sp.expand(collected)),
        Identity("M₃′ = 4M₃ − 6M₅", slope.get(3, 0) * h1 + slope.get(5, 0) * h2, 4 * h1 - 6 * h2),
    )


def _time() -> tuple[Identity, ...]:
    """From the level of γ to σ² and to the time."""
    d, level, delta = sp.symbols("d gamma_c Delta", positive=True)
    mean = sp.Symbol("lambda_bar", nonnegative=True)
    noise = delta * sp.sqrt(d / (8 * level)) - mean
    eta = delta / (2 * (mean + noise))
    constant = sp.limit(quarter_log_law(1), d, sp.oo)
    return (
        Identity("σ² at level γ_c", d * eta**2 / 2, level),
        Identity("quarter-log law", constant, sp.log(delta / sp.sqrt(8 * level)) / 2),
    )


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
        "Σ_k = λ_k I; any covariances by their generalised eigenvalues",
    ),
    derivation=derivation,
    predict=predict,
)
