"""Reverse chains down the noise scale, and the posterior over conditions that each carries along.

From σ to σ′ a chain moves by

    x′ = μ + σ̃z,   μ = (σ′²/σ²) x + (1 − σ′²/σ²) D,   σ̃² = σ′²(σ² − σ′²)/σ²,

and the log-likelihood of condition k gains `−|x′ − μ_k|²/2σ̃²`. With D the (guided) denoiser of its own
condition a chain samples the model; with D a clean sample x₀ it is that sample's own path of noise,
`x_σ = x₀ + B(σ²)`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..numerics.curves import checked_sigmas
from .denoisers import Denoiser

__all__ = ["Chains", "Sampler", "Step", "checked_levels", "reaching"]

Array = NDArray[np.float64]
Sampler = Callable[[str, int, torch.Generator], Tensor]


def checked_levels(sigmas: ArrayLike, samples: int, batch: int) -> Array:
    """Ascending noise levels (levels,) of an estimator on noised samples; `ValueError` for a bad argument."""
    sigma = checked_sigmas(sigmas)
    if sigma.size < 2 or not (np.diff(sigma) > 0).all():
        raise ValueError("sigmas: need at least two ascending noise levels")
    if samples < 1 or batch < 1:
        raise ValueError("samples, batch: must be at least 1")
    return sigma


def reaching(sigma: Array) -> Array:
    """Levels of chains that look at every σ of an ascending grid (levels,): down, and one more below."""
    return np.append(sigma[::-1], sigma[0] ** 2 / sigma[1])


@dataclass(frozen=True)
class Step:
    """A batch of n chains at one noise level.

    `own` (n,) is the condition of each chain, `each` (n, K, …) the denoised x by condition; `before` and
    `after` (n, K) are the logarithms of the posterior at `sigma` and, a step further, at `lower`.
    """

    sigma: float
    lower: float
    own: Tensor
    each: Tensor
    before: Tensor
    after: Tensor


@dataclass(frozen=True)
class Chains:
    """What a batch of chains is made of.

    `sigma` (levels,) descends; `shape` is that of one sample; `prior` (K,); `weight` (levels − 1,) is the
    guidance weight ω of each step, in `ω D_own + (1 − ω) Σ_k p_k D_k`. With a `sampler`, which then says the
    shape, chains are the paths of noised clean samples instead.
    """

    denoiser: Denoiser
    conditions: tuple[str | None, ...]
    sigma: Array
    shape: tuple[int, ...]
    prior: Array
    weight: Array = field(default_factory=lambda: np.ones(1))
    sampler: Sampler | None = None
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    def steps(self, generator: torch.Generator, count: int) -> Iterator[Step]:
        """Go down the noise levels with `count` chains; conditions are drawn from the prior."""
        prior = torch.as_tensor(self.prior)
        own = torch.multinomial(prior, count, replacement=True, generator=generator)
        clean = self._clean(own, generator)
        shape = (count, *self.shape) if clean is None else tuple(clean.shape)
        x = self.sigma[0] * self._noise(generator, shape) + (0 if clean is None else clean)
        log_odds = prior.log().repeat(count, 1)
        weights = np.broadcast_to(self.weight, self.sigma.size - 1)
        for sigma, lower, weight in zip(self.sigma[:-1], self.sigma[1:], weights, strict=True):
            each = torch.stack([self.denoiser(x, float(sigma), c) for c in self.conditions], dim=1)
            target = self._guided(each, own, log_odds, float(weight)) if clean is None else clean
            ratio = (lower / sigma) ** 2
            spread = float(lower * np.sqrt(1 - ratio))
            noise = spread * self._noise(generator, shape)
            # |x′ − μ_k|² − |x′ − μ|² without the large squares: μ_k − μ = (1 − ratio)(D_k − D)
            shift = (1 - ratio) * (each - target[:, None]).flatten(2)
            gain = (shift * (noise.flatten(1)[:, None] - shift / 2)).sum(2) / spread**2
            after = log_odds + gain.cpu().double()
            after = after - torch.logsumexp(after, 1, keepdim=True)
            yield Step(float(sigma), float(lower), own, each, log_odds, after)
            x, log_odds = ratio * x + (1 - ratio) * target + noise, after

    def _guided(self, each: Tensor, own: Tensor, log_odds: Tensor, weight: float) -> Tensor:
        chosen = each[torch.arange(len(own)), own]
        if weight == 1:
            return chosen
        shares = torch.softmax(log_odds, 1).to(each)[(..., *[None] * (each.ndim - 2))]
        return weight * chosen + (1 - weight) * (shares * each).sum(1)

    def _clean(self, own: Tensor, generator: torch.Generator) -> Tensor | None:
        if self.sampler is None:
            return None
        drawn = [self.sampler(str(self.conditions[int(k)]), 1, generator)[0] for k in own]
        return torch.stack(drawn).to(self.device, self.dtype)

    def _noise(self, generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        draws = torch.randn(shape, generator=generator, dtype=self.dtype)
        return draws.to(self.device)
