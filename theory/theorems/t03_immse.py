"""T3: the entropy falls at half the minimum mean-square error of the label (I-MMSE)."""

from typing import Any

from .._support.untyped import sympy as sp
from ..channel.binary import binary_mmse, log_binary_entropy
from ._base import Argument, Block, Identity, Theorem

GAMMAS = (0.05, 1.0, 8.0)
"""Separations at which mmse is predicted."""
TAIL = (200.0, 1400.0)
"""Separations deep in the tail, where relative precision is the claim."""


def derivation() -> tuple[Block, ...]:
    """Tilting, the heat equation, and the profile equation `f'' − f = −sech`."""
    return (*_tilting(), *_heat(), *_profiles(), _balanced_form())


def predict() -> dict[str, float]:
    """Mmse at `GAMMAS` and log H at `TAIL`."""
    numbers = {f"mmse({gamma:g})": float(binary_mmse(gamma)) for gamma in GAMMAS}
    return numbers | {f"log H({gamma:g})": float(log_binary_entropy(gamma)) for gamma in TAIL}


def _tilting() -> tuple[Identity, ...]:
    u, shift = sp.symbols("u lambda", real=True)
    g = sp.Symbol("gamma", positive=True)
    # weights in terms of λ = ½ log(w/(1−w))
    first, second = 1 / (1 + sp.exp(-2 * shift)), 1 / (1 + sp.exp(2 * shift))

    def bell(x: Any) -> Any:
        return sp.exp(-(x**2) / (2 * g))

    both = first * bell(u - shift - g) + second * bell(u - shift + g)
    tilted = sp.exp(-g / 2) * bell(u - shift) * sp.cosh(u) / sp.cosh(shift)
    return (
        Identity(
            "w N(u; λ+γ, γ) + (1−w) N(u; λ−γ, γ) = c e^{−γ/2} N(u−λ; 0, γ) cosh u",
            sp.simplify((both / bell(u - shift)).rewrite(sp.exp)),
            sp.simplify((tilted / bell(u - shift)).rewrite(sp.exp)),
        ),
        Identity("c = 2√(w(1−w)) = sech λ", sp.simplify(4 * first * second), 1 / sp.cosh(shift) ** 2),
        Argument("Boundary terms of the integrations by parts vanish: the profiles are bounded."),
    )


def _heat() -> tuple[Identity, ...]:
    u = sp.Symbol("u", real=True)
    g = sp.Symbol("gamma", positive=True)
    normal = sp.exp(-(u**2) / (2 * g)) / sp.sqrt(2 * sp.pi * g)
    damped = sp.exp(-g / 2) * normal
    # two integrations by parts move ∂² onto f, so d/dγ A_f = A_{(f''−f)/2}
    return (
        Identity(
            "∂_γ[e^{−γ/2}N] = ½(∂_u² − 1)[e^{−γ/2}N]",
            sp.diff(damped, g),
            (sp.diff(damped, u, 2) - damped) / 2,
        ),
    )


def _profiles() -> tuple[Identity, ...]:
    u = sp.Symbol("u", real=True)
    entropy = sp.log(2 * sp.cosh(u)) - u * sp.tanh(u)
    profile = sp.cosh(u) * entropy
    p = 1 / (1 + sp.exp(-2 * u))
    return (
        Identity(
            "posterior entropy at log-odds 2u is log(2 cosh u) − u tanh u",
            sp.simplify(sp.diff(-p * sp.log(p) - (1 - p) * sp.log(1 - p), u).rewrite(sp.exp)),
            sp.simplify(sp.diff(entropy, u).rewrite(sp.exp)),
        ),
        Identity("… and equal at u = 0", sp.log(2), entropy.subs(u, 0)),
        Identity("f'' − f = −sech for f = cosh·h", sp.diff(profile, u, 2) - profile, -sp.sech(u)),
        Identity(
            "cosh·(1 − tanh²) = sech: the mmse profile",
            sp.cosh(u) * (1 - sp.tanh(u) ** 2),
            sp.sech(u),
        ),
        Identity(
            "(g'' − g)/2 = −sech³ for g = sech: mmse' = −E sech⁴ L",
            (sp.diff(sp.sech(u), u, 2) - sp.sech(u)) / 2,
            -(sp.sech(u) ** 3),
        ),
    )


def _balanced_form() -> Identity:
    """Given class +, tanh and tanh² have one mean: pair u with −u under N(γ, γ) ∝ e^u."""
    u = sp.Symbol("u", real=True)
    square = (sp.exp(u) + sp.exp(-u)) * sp.tanh(u) ** 2
    plain = (sp.exp(u) - sp.exp(-u)) * sp.tanh(u)
    return Identity(
        "E tanh² L = E tanh L given +, balanced",
        sp.simplify(square.rewrite(sp.exp)),
        sp.simplify(plain.rewrite(sp.exp)),
    )


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
