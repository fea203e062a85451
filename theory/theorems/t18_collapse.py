"""T18: with n samples the empirical score collapses onto one; as log n/d → 0 at T14's threshold."""

from typing import Any

from .._support.untyped import sympy as sp
from ..closed_forms.collapse import (
    collapse_time,
    collapse_time_expression,
    critical_samples,
    sample_entropy_bounds,
    sample_information,
)
from ._base import Argument, Block, Identity, Theorem

CASES = ((20_000, 256), (20_000, 4096), (100, 64))
"""Numbers of samples and dimensions, `s = 1`, at which times are predicted."""
MEASURED = (64, 1.0, 64.0, 400, (3.0, 5.0, 9.0))
"""d, s², M, n and σ at which the entropy of the sample is bounded."""


def derivation() -> tuple[Block, ...]:
    """Information of a Gaussian, its threshold, the small-α form, and the boundary with speciation."""
    n, d, s2, sigma2, mu = sp.symbols("n d s2 sigma2 mu", positive=True)
    alpha = sp.Symbol("alpha", positive=True)
    information = d * sp.log(1 + s2 / sigma2) / 2
    decided = s2 / (n ** (2 / d) - 1)
    time = sp.log(1 + decided) / 2
    # in terms of α = log n / d
    small = sp.log(1 + s2 / (sp.exp(2 * alpha) - 1)) / 2
    leading = sp.limit(small + sp.log(2 * alpha / s2) / 2, alpha, 0)
    boundary = d * sp.log(1 + s2 / (mu**2 * d - s2)) / 2
    threshold = s2 * d / sigma2  # g of n orthogonal classes with |m|² = s²d and no spread
    k, rho = sp.symbols("k rho", positive=True)
    return (
        Identity(
            "I = h(X) − h(X|X₀) per dimension", _entropy(s2 + sigma2) - _entropy(sigma2), information / d
        ),
        Identity("½(u² − z²) with correlation √ρ has variance 1 − ρ", _density_variance(rho), 1 - rho),
        Identity("I = log n at σ² = s²/(n^{2/d} − 1)", information.subs(sigma2, decided), sp.log(n)),
        Identity("t_C = ½ log(1 + σ²)", collapse_time_expression(), time),
        Identity("small α: t_C + ½ log(2α/s²) → 0", sp.exp(leading), sp.Integer(1)),
        Identity(
            "noisy limit of I is g/2 of T14",
            sp.limit(information.subs(sigma2, 1 / k) / k, k, 0),
            (threshold * sigma2) / 2,
        ),
        Identity("boundary: log n = −(d/2) log(1 − s²/μ²d)", boundary, -d * sp.log(1 - s2 / (mu**2 * d)) / 2),
        Identity("which tends to s²/2μ²", sp.limit(boundary, d, sp.oo), s2 / (2 * mu**2)),
        Argument(
            "The lower bound is I(sample; X) ≤ I(X₀; X); the upper one, that the training set only "
            "tells more about the class, and Jensen's inequality over the other samples of the class. "
            "That the threshold is sharp as d grows at fixed α is B24's random-energy argument."
        ),
    )


def _density_variance(rho: Any) -> Any:
    """`E[¼(u² − z²)²]` of standard normal u and z with correlation √ρ, term by term from their moments."""
    z, w = sp.symbols("z w")
    u = sp.sqrt(rho) * z + sp.sqrt(1 - rho) * w
    terms = sp.Poly(sp.expand((u**2 - z**2) ** 2 / 4), z, w).terms()
    moments = {0: 1, 2: 1, 4: 3}
    return sp.simplify(sum(c * moments.get(a, 0) * moments.get(b, 0) for (a, b), c in terms))


def _entropy(variance: Any) -> Any:
    return sp.log(2 * sp.pi * sp.E * variance) / 2


def predict() -> dict[str, float]:
    """Collapse times, with and without the class's share, bounds of the entropy, and the boundary."""
    numbers: dict[str, float] = {}
    for n, d in CASES:
        numbers[f"t_C, n={n}, d={d}"] = float(collapse_time(n, d))
        numbers[f"t_C with classes, n={n}, d={d}"] = float(collapse_time(n, d, separation2=float(d)))
    d, s2, M, n, sigmas = MEASURED
    for sigma in sigmas:
        lower, upper = sample_entropy_bounds(sigma, n, d, s2, M)
        numbers |= {
            f"lower bound at sigma = {sigma:g}": float(lower),
            f"upper bound at sigma = {sigma:g}": float(upper),
        }
        numbers[f"I at sigma = {sigma:g}"] = float(sample_information(sigma, d, s2, M))
    numbers["log n of the boundary, d=64"] = float(critical_samples(64))
    numbers["log n of the boundary, large d"] = float(critical_samples(1e12))
    return numbers


THEOREM = Theorem(
    id="T18",
    name="collapse",
    statement=(
        r"$\max(0, \log n - I) \le H(\text{sample}\,|\,X) \le H_2 + \mathbb "
        r"E\log\bigl(1+(n/2-1)e^{-i}\bigr)$, $I(\sigma) = \tfrac d2\log(1+s^2/\sigma^2) + \log 2 - "
        r"H_2(M/(s^2+\sigma^2))$, with $i = \log p(x|x_0) - \log p(x|C)$ the density of the "
        r"information about the sample in its class; without the class's share $I = \log n$ is $t_C = "
        r"\tfrac12\log\Bigl(1+\frac{s^2}{n^{2/d}-1}\Bigr)$, $\alpha = \log n/d$; speciation comes first "
        r"iff $t_S > t_C$. As $\alpha \to 0$ the threshold is T14's with samples for classes."
    ),
    sources=("B24",),
    hypotheses=("n independent samples, half of each of two classes with Σ = s²I",),
    derivation=derivation,
    predict=predict,
)
