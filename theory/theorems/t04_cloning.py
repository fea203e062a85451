"""T4: the information about the class gained per unit of γ is the probability that clones disagree."""

from .._support.untyped import sympy as sp
from ..channel.binary import clone_agreement
from ._base import Argument, Block, Identity, Theorem

POINTS = ((0.5, 0.5), (1.0, 0.5), (2.0, 0.3))
"""Pairs (γ, first weight) at which the clone agreement is predicted."""
OVERLAP = (1.0, 1.0, 0.3)
"""`(|δ|, s, σ)` of two classes that overlap on clean data, at a σ where clones are branched."""


def derivation() -> tuple[Block, ...]:
    """Agreement as a function of L, and the K-class form through posterior means."""
    return (*_two_classes(), *_many_classes())


def predict() -> dict[str, float]:
    """φ at `POINTS` and for `OVERLAP`."""
    numbers = {f"phi(gamma={g:g}, w={w:g})": float(clone_agreement(g, w)) for g, w in POINTS}
    separation, spread, sigma = OVERLAP
    gamma = separation**2 / (spread**2 + sigma**2)
    return numbers | {"phi of classes that overlap": float(clone_agreement(gamma))}


def _two_classes() -> tuple[Identity, ...]:
    u = sp.Symbol("u", real=True)
    p = 1 / (1 + sp.exp(-2 * u))
    agreement = p**2 + (1 - p) ** 2
    disagreement_rate = sp.sech(u) ** 2 / 2  # integrand of ½ mmse = dI/dγ (T3)
    return (
        Identity(
            "p² + (1−p)² = 1 − ½ sech² u",
            sp.simplify(agreement),
            sp.simplify((1 - sp.sech(u) ** 2 / 2).rewrite(sp.exp)),
        ),
        Identity(
            "dI/dγ = 1 − φ, integrand by integrand",
            sp.simplify(disagreement_rate.rewrite(sp.exp)),
            sp.simplify(1 - agreement),
        ),
        Argument(
            "The K-class form uses dI/dσ^{-2} = ½E|D_C − D|² (GSV05) and is shown for three classes; a "
            "further class adds terms of the same pairwise form."
        ),
    )


def _many_classes() -> tuple[Identity, ...]:
    """Three classes in general position, then equal distances; K classes pair two at a time."""
    p1, p2 = sp.symbols("p1 p2", positive=True)
    p = (p1, p2, 1 - p1 - p2)
    m = sp.symbols("m1:4", real=True)
    mean = sum(q * x for q, x in zip(p, m, strict=True))
    spread = sum(q * (x - mean) ** 2 for q, x in zip(p, m, strict=True))
    pairs = sum(p[i] * p[j] * (m[i] - m[j]) ** 2 for i in range(3) for j in range(3)) / 2
    s2, sigma2, gap2, phi, snr = sp.symbols("s2 sigma2 Delta2 phi eta", positive=True)
    gamma = gap2 / 4 / (s2 + 1 / snr)  # η = σ^{−2}
    # E|D_C − D|² with D_k − D = σ²/(s²+σ²) (m_k − m̄), and Σ p_i p_j = 1 − Σ p² over unequal pairs
    discrepancy = (1 / snr / (s2 + 1 / snr)) ** 2 * gap2 * (1 - phi) / 2
    x, mk = sp.symbols("x m_k", real=True)
    posterior_mean = (sigma2 * mk + s2 * x) / (s2 + sigma2)
    return (
        Identity("Σ p_k(m_k − m̄)² = ½ ΣΣ p_i p_j (m_i − m_j)²", sp.expand(spread), sp.expand(pairs)),
        Identity(
            "D_k depends on the class with slope σ²/(s² + σ²)",
            sp.diff(posterior_mean, mk),
            sigma2 / (s2 + sigma2),
        ),
        Identity(
            "dI/dσ^{−2} = ½E|D_C − D|² is (1 − φ) dγ/dσ^{−2}",
            discrepancy / 2,
            (1 - phi) * sp.diff(gamma, snr),
        ),
    )


THEOREM = Theorem(
    id="T4",
    name="cloning identity",
    statement=(
        r"Two reverse runs branched at $t$ end in the same class, drawn with $X_0$ or from $p(C|X_0)$, with "
        r"probability $\varphi = \mathbb E\sum_k p_k(X_t)^2 = 1-\tfrac12\mathrm{mmse}(\gamma)$ (the last "
        r"for two classes), for any prior; hence $\mathrm dI/\mathrm "
        r"d\gamma = 1-\varphi$. With $K$ classes at equal distances $\Delta$, shared $\Sigma = s^2I$ and "
        r"any weights, the same holds with $\gamma = (\Delta^2/4)/(s^2+\sigma^2)$."
    ),
    sources=("B24", "GSV05"),
    hypotheses=(
        "the binary channel of T2, or K classes at equal distances with Σ = s²I",
        "the class of a clone is a draw; likeliest classes agree more often where clean data overlap",
    ),
    derivation=derivation,
    predict=predict,
)
