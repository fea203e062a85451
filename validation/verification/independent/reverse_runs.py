"""Reverse runs of any classes that are mixtures of Gaussians with diagonal covariances, in plain NumPy.

In the clock `τ = σ^{−2}` the state is `Y = x/σ²`, from `Y = 0` at infinite noise, and with guidance ω to
class c

    dY = [D + ω(D_c − D)] dτ + dB,

taken by Heun's rule, of second weak order. A component `N(m, s)` has in each coordinate the likelihood
`(1 + τs)^{−1/2} exp[(mY + ½sY² − ½τm²)/(1 + τs)]` and the denoiser `(m + sY)/(1 + τs)`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["THREE", "UNEQUAL", "Components", "State", "changes", "levels", "log_odds", "reverse_runs"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Weights (J,), means (J, d), variances (J, d), and the class of each component, from 0."""

    weights: Array
    means: Array
    variances: Array
    classes: NDArray[np.int64]

    def posterior(self, y: Array, tau: float) -> tuple[Array, Array]:
        """Posteriors (K, n) and denoisers (K, d, n) of the classes at states Y of shape (d, n)."""
        wide = 1 + tau * self.variances
        pull, bend = self.means / wide, self.variances / wide
        constant = np.log(self.weights) - 0.5 * (np.log(wide) + tau * self.means * pull).sum(axis=1)
        logits = pull @ y + 0.5 * bend @ (y * y) + constant[:, None]
        shares = np.exp(logits - logits.max(axis=0))
        shares /= shares.sum(axis=0)
        count = int(self.classes.max()) + 1
        p, denoised = np.empty((count, y.shape[1])), np.empty((count, *y.shape))
        for k in range(count):
            rows = self.classes == k
            own = shares[rows]
            p[k] = np.maximum(own.sum(axis=0), 1e-300)
            denoised[k] = (pull[rows].T @ own + (bend[rows].T @ own) * y) / p[k]
        return p, denoised


UNEQUAL = Components(
    np.array([0.45, 0.25, 0.3]),
    np.array([[-1.0, 0.0], [1.0, 0.4], [1.1, -0.7]]),
    np.array([[0.02, 0.4], [0.04, 0.03], [0.01, 0.1]]),
    np.array([0, 1, 1]),
)
"""Two classes of unequal covariances, one of two components, which do not overlap on clean data."""
THREE = Components(
    np.array([0.4, 0.2, 0.15, 0.1, 0.15]),
    np.array([[0.0], [1.6], [0.8], [2.4], [3.2]]),
    np.array([[0.01], [0.005], [0.008], [0.002], [0.01]]),
    np.array([0, 0, 1, 1, 2]),
)
"""Three classes of weights 0.6, 0.25 and 0.15, two of them of two components that lie between the others'."""


@dataclass(frozen=True)
class State:
    """Runs at one level."""

    tau: float
    y: Array
    p: Array
    denoised: Array

    @property
    def mean(self) -> Array:
        """D, shape (d, n)."""
        return np.asarray((self.p[:, None] * self.denoised).sum(axis=0))


def levels(start: float, end: float, steps: int) -> Array:
    """τ from 0 to `end`, evenly up to `start` and evenly in log τ after it."""
    return start * np.expm1(np.linspace(0, np.log1p(end / start), steps + 1))


def reverse_runs(
    classes: Components, taus: Array, runs: int, rng: np.random.Generator, omega: float = 0.0, to: int = 0
) -> Iterator[State]:
    """The states at each τ, from τ = 0 on."""
    y = np.zeros((classes.means.shape[1], runs))
    state = State(float(taus[0]), y, *classes.posterior(y, float(taus[0])))
    yield state
    for tau in taus[1:].tolist():
        step = tau - state.tau
        noise = np.sqrt(step) * rng.standard_normal(y.shape)
        drift = _drift(state, omega, to)
        ahead = state.y + step * drift + noise
        tried = State(tau, ahead, *classes.posterior(ahead, tau))
        y = state.y + 0.5 * step * (drift + _drift(tried, omega, to)) + noise
        state = State(tau, y, *classes.posterior(y, tau))
        yield state


def changes(before: State, after: State, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the likeliest class changes in a step: at its ends, or between them and back, as bridges do."""
    likeliest = before.p.argmax(axis=0)
    changed = likeliest != after.p.argmax(axis=0)
    runs: Any = np.arange(likeliest.size)
    step = after.tau - before.tau
    for rival in range(len(before.p)):
        apart = before.denoised[likeliest, :, runs] - before.denoised[rival].T
        rate = step * (apart**2).sum(axis=1)
        leads = [np.log(s.p[likeliest, runs] / s.p[rival]) for s in (before, after)]
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = np.exp(-2 * np.maximum(leads[0] * leads[1], 0) / rate)
        changed |= (likeliest != rival) & (rng.random(runs.size) < crossing)
    return changed


def _drift(state: State, omega: float, to: int) -> Array:
    mean = state.mean
    return mean if omega == 0 else mean + omega * (state.denoised[to] - mean)


def log_odds(state: State) -> Array:
    """Half log-odds of the first of two classes."""
    return 0.5 * special.logit(np.clip(state.p[0], 1e-300, 1 - 1e-16))
