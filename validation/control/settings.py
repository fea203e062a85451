"""What a curve says about guidance: the window of decision, what an interval holds, when it is settled.

window       σ at which 5, 50 and 95 % of the class's entropy are left
share        of the entropy that is decided above an interval, within it, and below
late shift   to first order in ω − 1 guidance within an interval moves the half log-odds of two classes by
             `(ω−1) ∫ mmse dγ = 2(ω−1)` times the entropy decided there (T12, T21)
gain         to first order every place of the γ clock has the same effect (T21): the interval's share of γ.
             At a weight ω of two equally likely classes the equation of T12 gives both exactly: the share
             `(H₁ − H_interval)/(H₁ − H_ω)` where 5 % of the entropy are left, and the shift `E L − γ`
settled      the class changes below σ with probability `ε <= P <= 2ε` (two classes: 2ε), ε the Bayes error
             (T19), and `Fano's bound <= ε <= min(H/(2 log 2), 1 − φ)`
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize as _optimize
from scipy import special

from ...numerics.curves.places import UNKNOWN
from ...theory import binary_entropy, commitment_gamma, late_shift
from ...theory._support.aliases import Fields, ReadFields
from .information import ClassInformation

__all__ = [
    "COMMITMENT",
    "PUBLISHED",
    "binary_gamma",
    "change_bounds",
    "guided_says",
    "interval_says",
    "settled",
    "window",
    "window_notes",
]

Array = NDArray[np.float64]
optimize: Any = _optimize

COMMITMENT = (0.5, 0.1, 0.05, 0.01)
"""Probabilities that the class still changes, for which σ is given."""

PUBLISHED: dict[str, tuple[Fields, ...]] = {
    "dit": (
        {
            "metric": "FID",
            "interval": (0.34, 1.02),
            "source": "Kynkäänniemi et al., arXiv 2404.07724, and issue 1 of their repository",
        },
    ),
    "edm2-xs": (
        {
            "metric": "FID",
            "interval": (0.15, 1.6),
            "source": "quoted for its stochastic sampler, table not checked",
        },
        {
            "metric": "FD-DINOv2",
            "interval": (0.48, 6.8),
            "source": "quoted for its stochastic sampler, table not checked",
        },
    ),
}
"""Guidance intervals (LOW, HIGH] that were best in published sweeps, by model."""

_SHARES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
_BALANCED = 1e-3  # relative difference of H(C) from log 2 up to which two classes are equally likely


def window(known: ClassInformation) -> dict[str, float | None]:
    """σ at which 5, 50 and 95 % of the entropy are left, `None` where the curve does not show it."""
    return {name: known.sigma_at(share) for name, share in _SHARES.items()}


def window_notes(known: ClassInformation) -> dict[str, str]:
    """Why each σ that `window` does not have is not there."""
    found: dict[str, str] = {}
    for name, share in _SHARES.items():
        if known.sigma_at(share) is None:
            below = float(known.entropy[0]) >= share * known.whole
            where = "more is left at the lowest sigma" if below else "less is left at the highest sigma"
            found[name] = where if known.shown else UNKNOWN
    return found


def interval_says(known: ClassInformation, low: float, high: float) -> Fields:
    """Shares of the entropy decided above, within and below `low < σ <= high`; late shift; share of the gain.

    Raises
    ------
    ValueError
        Ends out of order.
    """
    if not 0 <= low < high < np.inf:
        raise ValueError(f"interval: need 0 <= LOW < HIGH, both finite, not {low:g}:{high:g}")
    at_low, at_high = (float(known.entropy_at(max(end, 1e-150))) for end in (low, high))
    whole = known.whole
    return {
        "low": low,
        "high": high,
        "decided_above": 1 - at_high / whole,
        "decided_within": (at_high - at_low) / whole,
        "decided_below": at_low / whole,
        "late_shift_per_excess_weight": 2 * (at_high - at_low),
        "gain_share": _gain_share(known, low, high),
    }


def is_balanced(known: ClassInformation) -> bool:
    """Whether the curve is of two classes that are equally likely, as far as it says."""
    return known.classes in (None, 2) and abs(known.whole / np.log(2) - 1) < _BALANCED


def binary_gamma(entropy: float) -> float:
    """The γ at which two equally likely classes with a shared covariance have this entropy, nats."""
    if entropy >= np.log(2):
        return 0.0
    found = optimize.brentq(lambda g: float(np.log(binary_entropy(g)) - np.log(entropy)), 0.0, 1400.0)
    return float(found)


def _gain_share(known: ClassInformation, low: float, high: float) -> float | None:
    """Share of the γ that passes until 5 % of the entropy are left; two equally likely classes alone."""
    last = known.sigma_at(0.05)
    if last is None or not is_balanced(known):
        return None
    ends = [binary_gamma(float(known.entropy_at(min(max(end, last), 1e150)))) for end in (low, high)]
    return max(ends[0] - ends[1], 0.0) / binary_gamma(0.05 * known.whole)


def guided_says(known: ClassInformation, low: float, high: float, guidance: float) -> dict[str, float] | None:
    """Effect of a weight ω within `low < σ <= high`, beyond first order; `None` unless of two equal classes.

    `gain_share` is T12's share of the whole scale's gain, where 5 % of the entropy are left, or at the lowest
    level of a curve that keeps more; `late_shift` how far the half log-odds of the class that is guided to
    are ahead below the interval; `late_shift_everywhere`
    T21's closed form of guidance all along. The γ of each σ is that of two classes with a shared covariance.

    Raises
    ------
    ValueError
        A weight that is not above ½, or above 100; ends out of order.
    """
    from ...numerics.fokker_planck import guided_odds

    if not 0.5 < guidance <= 100:
        raise ValueError(f"guidance: need a weight above 0.5, up to 100, not {guidance:g}")
    if not 0 <= low < high < np.inf:
        raise ValueError(f"interval: need 0 <= LOW < HIGH, both finite, not {low:g}:{high:g}")
    if not is_balanced(known):
        return None
    left = 0.05 * known.whole if known.sigma_at(0.05) is not None else float(known.entropy[0])
    end = binary_gamma(left)
    first, until = (binary_gamma(float(known.entropy_at(min(max(s, 1e-150), 1e150)))) for s in (high, low))
    until = min(until, 200.0)
    says = {"guidance": guidance, "gain_share": 0.0, "late_shift": 0.0}
    says["late_shift_everywhere"] = float(late_shift(guidance))
    if guidance == 1 or not first < until:  # guidance that is none, or acts while no γ passes
        return says
    plain, whole, own = (
        float(guided_odds([end], weight, interval=where).cross_entropy[0])
        for weight, where in ((1.0, None), (guidance, None), (guidance, (first, until)))
    )
    ahead = guided_odds([until], guidance, interval=(first, until))
    says["gain_share"] = (plain - own) / (plain - whole)
    says["late_shift"] = float(ahead.mean_odds[0]) - until
    return says


def _error_of_fano(entropy: float, classes: int) -> float:
    """The smallest ε with `h₂(ε) + ε log(K−1) >= H`."""
    most = 1 - 1 / classes

    def gap(e: float) -> float:
        return float(special.entr(e) + special.entr(1 - e) + e * np.log(max(classes - 1, 1))) - entropy

    if gap(most) <= 0:
        return most
    return float(optimize.brentq(gap, 0.0, most))


def change_bounds(entropy: float, classes: int | None) -> tuple[float, float]:
    """Bounds of the probability that the likeliest class still changes, from H alone (nats).

    Without a number of classes the lower bound is zero. For two classes they hold with equal weights or not.
    """
    entropy = max(entropy, 0.0)
    upper = min(entropy / np.log(2), 1.0)
    if classes is None:
        return 0.0, upper
    error = _error_of_fano(entropy, classes) if entropy > 0 else 0.0
    return min((2 if classes == 2 else 1) * error, upper), upper


def settled(known: ClassInformation) -> list[dict[str, float | None]]:
    """For each of `COMMITMENT`: σ below which the class changes with at most this probability.

    `sigma` holds for any data, by the upper bound; above `sigma_lower_bound` the probability is surely
    larger. `sigma_two_gaussians` is that of `commitment_gamma`, for two equally likely classes with a shared
    covariance.
    """
    rows: list[dict[str, float | None]] = []
    sigma = np.exp(known.x)
    bounds = np.array([change_bounds(float(h), known.classes) for h in known.entropy[::4]])
    for share in COMMITMENT:
        level = share * np.log(2)
        lower = sigma[::4][bounds[:, 0] > share]
        row: dict[str, float | None] = {
            "probability": share,
            "sigma": known.sigma_of(level) if level < known.whole else None,
            "sigma_lower_bound": float(lower[0]) if lower.size and lower[0] > sigma[0] else None,
        }
        if is_balanced(known):
            gamma = float(commitment_gamma(1 - share))
            row["sigma_two_gaussians"] = known.sigma_of(float(binary_entropy(gamma)))
        rows.append(row)
    return rows


def published(model: str) -> tuple[ReadFields, ...]:
    """Published intervals of a model, none for another; `ValueError` for an unknown name."""
    if model not in PUBLISHED:
        raise ValueError(f"model: {model!r} is not one of {', '.join(PUBLISHED)}")
    return PUBLISHED[model]
