"""T9: the channel's series, exact at small γ and asymptotic with a bound at large γ."""

from typing import Any

from .._support.untyped import sympy as sp
from ..channel.series import (
    entropy_large_gamma_coefficients,
    entropy_small_gamma_coefficients,
    large_gamma_coefficients,
    large_gamma_mmse,
    moment_derivative,
    small_gamma_coefficients,
)
from ._base import Argument, Block, Identity, Theorem

ORDER = 6
"""Order to which coefficients are predicted."""
GAMMAS = (6.0, 20.0, 60.0)
"""Separations at which the optimally truncated series is predicted."""


def derivation() -> tuple[Block, ...]:
    """The hierarchy of powers of sech, the published coefficients, and the Euler moments."""
    u, n = sp.Symbol("u", real=True), sp.Symbol("n", positive=True)
    power = sp.sech(u) ** n
    hierarchy = (sp.diff(power, u, 2) - power) / 2
    claimed = (n**2 - 1) / 2 * power - n * (n + 1) / 2 * sp.sech(u) ** (n + 2)
    in_code = moment_derivative({3: sp.Integer(1)})
    from_code = sum(a * sp.sech(u) ** k for k, a in in_code.items())
    g = sp.Symbol("gamma", positive=True)
    small = sum(c * g**j for j, c in enumerate(small_gamma_coefficients(3)))
    euler = [_moment(k) for k in range(4)]
    large = large_gamma_coefficients(4)
    return (
        Identity(
            "½(∂² − 1) sechⁿ = ½(n²−1) sechⁿ − ½n(n+1) sechⁿ⁺²",
            sp.simplify(hierarchy / power),
            sp.simplify((claimed / power).subs(sp.sech(u) ** 2, 1 - sp.tanh(u) ** 2)),
        ),
        Identity("the same at n = 3, as coded", from_code, claimed.subs(n, 3)),
        Identity("small γ: 1 − γ + γ² − (5/3)γ³", small, 1 - g + g**2 - sp.Rational(5, 3) * g**3),
        Identity(
            "small γ: e^{γ/2} mmse = Σ E_{2n} γⁿ/(2ⁿ n!)",
            sp.series(sp.exp(g / 2) * small, g, 0, 4).removeO(),
            sum(sp.euler(2 * j) * g**j / (2**j * sp.factorial(j)) for j in range(4)),
        ),
        *(
            Identity(
                f"large γ, n = {k}: (−1)ⁿ ∫u²ⁿ sech u du/(n! 2ⁿ π)",
                large[k],
                (-1) ** k * euler[k] / (sp.factorial(k) * 2**k * sp.pi),
            )
            for k in range(4)
        ),
        Argument(
            "The error bounds are the enveloping properties of the Taylor sums of e^{−x}, x ≥ 0, and, since "
            "sech u = ½ ∫ cos(uv) sech(πv/2) dv, of those of the cosine."
        ),
    )


def predict() -> dict[str, float]:
    """Coefficients of all four series, and the optimally truncated mmse."""
    families = {
        "mmse, small gamma": small_gamma_coefficients(ORDER),
        "H, small gamma": entropy_small_gamma_coefficients(ORDER),
        "mmse, large gamma": large_gamma_coefficients(ORDER + 1),
        "H, large gamma": entropy_large_gamma_coefficients(ORDER + 1),
    }
    numbers = {
        f"{name}: coefficient {j}": float(c)
        for name, coefficients in families.items()
        for j, c in enumerate(coefficients)
    }
    return numbers | {f"mmse({g:g}), truncated": large_gamma_mmse(g).value for g in GAMMAS}


def _moment(k: int) -> Any:
    """`∫ u^{2k} sech u du`, from the residue at iπ/2 through the Fourier transform `π sech(πω/2)`."""
    w = sp.Symbol("omega", real=True)
    transform = sp.pi / sp.cosh(sp.pi * w / 2)
    return sp.simplify((-1) ** k * sp.diff(transform, w, 2 * k).subs(w, 0))


THEOREM = Theorem(
    id="T9",
    name="series",
    statement=(
        r"Small $\gamma$: $\mathrm{mmse} \sim 1-\gamma+\gamma^2-\tfrac53\gamma^3+\dots$, exact rationals to "
        r"any order, that is $e^{\gamma/2}\,\mathrm{mmse} \sim \sum_n \frac{E_{2n}}{2^n n!}\gamma^n$, with "
        r"radius of convergence $0$ but enveloped: the error is below the first omitted term. Large "
        r"$\gamma$: "
        r"$\mathrm{mmse}\sim\sqrt{\pi/2\gamma}\,e^{-\gamma/2}\sum_n(-1)^n"
        r"\frac{|E_{2n}|}{n!}\left(\frac{\pi^2}{8\gamma}\right)^n$, "
        r"asymptotic; the error is below the first omitted term, and the optimal truncation "
        r"$n\approx\gamma/2$ leaves a relative error of about $\tfrac{4\sqrt2}{\pi}e^{-\gamma/2}$."
    ),
    sources=(),
    hypotheses=("two balanced classes",),
    derivation=derivation,
    predict=predict,
)
