"""Guided reverse runs in plain NumPy: two classes in two dimensions with an anisotropic covariance.

A step from σ to σ′ freezes the guided mean `m̄ + κδ`, `κ = ω + (1 − ω) tanh L`, and then takes the Gaussian
transition of the reverse equation exactly,

    X′ ~ N(m̄ + κδ + S′S^{−1}(X − m̄ − κδ), S′ − S′S^{−1}S′),      S = Σ + σ²I.

The class that is guided to has the weight w, and `L = δᵀS^{−1}(X − m̄) + ½ log(w/(1 − w))`.

Exact for ω = 1; otherwise its bias is of first order in the step. Of the γ clock only the levels are used.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["filtered_posteriors", "log_odds"]

Array = NDArray[np.float64]
Single = NDArray[np.float32]

VARIANCES = np.array([0.3, 2.0])
DELTA = np.array([1.0, 1.5])
_BLOCK = 16_384  # runs at once: their numbers stay in a processor's cache


def log_odds(
    gammas: tuple[float, ...],
    guidance: float,
    runs: int,
    steps: int,
    rng: np.random.Generator,
    prior: float = 0.5,
) -> Array:
    """Half log-odds of the class that is guided to, at each γ (ascending), shape (levels, runs)."""
    sizes = [min(_BLOCK, runs - first) for first in range(0, runs, _BLOCK)]
    noises = [_noise_at(gamma) for gamma in gammas]
    return np.concatenate(
        [_log_odds(noises, guidance, size, steps, rng, prior) for size in sizes], axis=1
    ).astype(np.float64)


def _log_odds(
    noises: list[float], guidance: float, runs: int, steps: int, rng: np.random.Generator, prior: float
) -> Array:
    ahead = float(special.logit(prior)) / 2
    x = _start(_noise_at(1e-3), _pull(guidance, np.float32(ahead)), runs, rng)
    noise, found = _noise_at(1e-3), []
    for stop in noises:
        count = max(1, round(steps * np.log(noise / stop) / np.log(_noise_at(1e-3) / noises[-1])))
        for lower in np.geomspace(noise, stop, count + 1)[1:]:
            x = _step(x, noise, lower, _pull(guidance, _half_log_odds(x, noise) + np.float32(ahead)), rng)
            noise = float(lower)
        found.append(_half_log_odds(x, noise) + ahead)
    return np.stack(found)


def _noise_at(gamma: float) -> float:
    """σ² at which `δᵀ(Σ + σ²I)^{−1}δ` is γ, by bisection."""
    low, high = 0.0, float(DELTA @ DELTA) / gamma
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (DELTA**2 / (VARIANCES + middle)).sum() > gamma else (low, middle)
    return low


def _pull(guidance: float, odds: Any) -> Any:
    """κ at half log-odds L."""
    return guidance + (1 - guidance) * np.tanh(odds)


def _start(noise: float, pull: float, runs: int, rng: np.random.Generator) -> Single:
    """Runs begin at γ = 10⁻³ from the law of guided runs; κ has hardly changed up to there: wrong by γ²."""
    spread = np.sqrt(VARIANCES + noise).astype(np.float32)[:, None]
    mean = (pull * DELTA).astype(np.float32)[:, None]
    x = mean + spread * rng.standard_normal((2, runs), dtype=np.float32)
    return np.asarray(x, dtype=np.float32)


def _half_log_odds(x: Single, noise: float) -> Single:
    return (DELTA / (VARIANCES + noise)).astype(np.float32) @ x


def _step(x: Single, noise: float, lower: float, pull: Any, rng: np.random.Generator) -> Single:
    share = ((VARIANCES + lower) / (VARIANCES + noise)).astype(np.float32)[:, None]
    spread = np.sqrt((VARIANCES + lower) * (1 - share[:, 0])).astype(np.float32)[:, None]
    mean = DELTA.astype(np.float32)[:, None] * pull
    after = mean + share * (x - mean) + spread * rng.standard_normal(x.shape, dtype=np.float32)
    return np.asarray(after, dtype=np.float32)


def filtered_posteriors(g: float, classes: int, runs: int, steps: int, rng: np.random.Generator) -> Array:
    """Posteriors (runs, K) of unguided runs among K orthogonal means, `|m_k|² = 1`, at clock `τ = g`.

    `dY = m̂ dτ + dB` in the coordinates of the means, with `m̂ = Σ p_k m_k` and `ℓ_k = Y_k − ½τ`.
    """
    step, found = g / steps, []
    for first in range(0, runs, _BLOCK):
        y = np.zeros((classes, min(_BLOCK, runs - first)))
        for _ in range(steps):
            y += step * special.softmax(y, axis=0) + np.sqrt(step) * rng.standard_normal(y.shape)
        found.append(special.softmax(y, axis=0).T)
    return np.concatenate(found)
