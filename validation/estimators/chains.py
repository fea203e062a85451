"""Reverse chains down the noise scale, and the posterior over conditions that each carries along.

From σ to σ′ a chain moves by

    x′ = μ + σ̃z,   μ = (σ′²/σ²) x + (1 − σ′²/σ²) D,   σ̃² = σ′²(σ² − σ′²)/σ²,

and the log-likelihood of condition k gains `−|x′ − μ_k|²/2σ̃²`. With D the (guided) denoiser of its own
condition a chain samples the model; with D a clean sample x₀ it is that sample's own path of noise,
`x_σ = x₀ + B(σ²)`. Guidance of weight ω is

    D = ω D_own + (1 − ω) D_∅               reference "unconditional": the denoiser without a condition
    D = ω D_own + (1 − ω) Σ_k p_k D_k       reference "classes": those that are measured, by their posterior

which is one and the same where the conditions are all the classes of an exact denoiser.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...numerics.curves.dataset import checked_sigmas
from ...numerics.monte_carlo.reverse import spread_of, step_down
from ...theory._support.intervals import checked_interval
from ...theory._support.values import ByContent
from ...theory._support.whole_numbers import whole_number
from ..denoiser import Denoiser, answers, has_null

__all__ = [
    "REFERENCES",
    "Chains",
    "Reference",
    "Sampler",
    "Start",
    "Step",
    "checked_levels",
    "chosen_reference",
    "guidance_weights",
    "reaching",
]

Array = NDArray[np.float64]
Sampler = Callable[[str, int, torch.Generator], Tensor]
Reference = Literal["unconditional", "classes"]

REFERENCES: tuple[Reference, ...] = ("unconditional", "classes")
"""What guidance leads away from."""


def checked_levels(sigmas: ArrayLike, samples: int) -> Float64[Array, " levels"]:
    """Ascending noise levels (levels,) of an estimator on noised samples; `ValueError` for a bad argument."""
    sigma = checked_sigmas(sigmas)
    if sigma.size < 2 or not (np.diff(sigma) > 0).all():
        raise ValueError("sigmas: need at least two ascending noise levels")
    whole_number(samples, "samples")
    return sigma


def guidance_weights(
    sigma: Float64[Array, " levels"], guidance: float, interval: tuple[float, float] | None
) -> Float64[Array, " levels-1"]:
    """ω of each step down levels (levels,): `guidance` where it begins at low < σ ≤ high, and else 1.

    Raises
    ------
    ValueError
        For a weight that is no finite number, an interval that is none, and one in which no step begins.
    """
    if not np.isfinite(guidance):
        raise ValueError(f"guidance: must be a finite number, not {guidance}")
    if interval is None:
        return np.full(sigma.size - 1, float(guidance))
    low, high = checked_interval(interval)
    starts = sigma[:-1]
    inside = (starts > low) & (starts <= high)
    if not inside.any():
        below, above = starts[starts <= low].max(initial=0.0), starts[starts > high].min(initial=np.inf)
        near = " and ".join(f"{place:.4g}" for place in (below, above) if 0 < place < np.inf)
        raise ValueError(
            f"interval: no step of the chain begins at {low:g} < sigma <= {high:g}; the next do at {near}"
        )
    return np.where(inside, float(guidance), 1.0)


def chosen_reference(
    reference: str | None, denoiser: object, argument: str = "guidance_reference"
) -> Reference:
    """What guidance leads away from: as asked, else the unconditional denoiser where there is one.

    Raises
    ------
    ValueError
        For an unknown name, and for an unconditional answer that was never learnt.
    """
    if reference is None:
        return "unconditional" if has_null(denoiser) else "classes"
    for known in REFERENCES:
        if reference == known:
            if known == "unconditional" and not has_null(denoiser):
                raise ValueError(
                    f"{argument}: this network never learnt to answer without a class; give the "
                    "unconditional network as its reference, or choose classes"
                )
            return known
    raise ValueError(f"{argument}: {reference!r} is not one of {', '.join(REFERENCES)}")


def reaching(sigma: Float64[Array, " levels"]) -> Float64[Array, " levels+1"]:
    """Levels of chains that look at every σ of an ascending grid (levels,): down, and one more below."""
    return np.append(sigma[::-1], sigma[0] ** 2 / sigma[1])


@dataclass(frozen=True, eq=False)
class Start(ByContent):
    """States `x` (n, …) at the first level, the condition `own` (n,) of each, and log p(k|x) (n, K)."""

    x: Float[Tensor, "n ..."]
    own: Int64[Tensor, " n"]
    log_posterior: Float64[Tensor, "n K"]


@dataclass(frozen=True, eq=False)
class Step(ByContent):
    """A batch of n chains at one noise level.

    `x` (n, …) is the state at `sigma`, `own` (n,) the condition of each chain, `each` (n, K, …) the
    denoised x by condition; `before` and `after` (n, K) are the logarithms of the posterior at `sigma` and,
    a step further, at `lower`; `clean` (n, …) are the samples that were noised, if any.
    """

    sigma: float
    lower: float
    x: Float[Tensor, "n ..."]
    own: Int64[Tensor, " n"]
    each: Float[Tensor, "n K ..."]
    before: Float64[Tensor, "n K"]
    after: Float64[Tensor, "n K"]
    clean: Float[Tensor, "n ..."] | None = None


@dataclass(frozen=True, eq=False)
class Chains(ByContent):
    """What a batch of chains is made of.

    `sigma` (levels,) descends; `shape` is that of one sample; `prior` (K,); `weight` (levels − 1,) is the
    guidance weight ω of each step, and `reference` what it leads away from. With a `sampler`, which then says
    the shape, chains are the paths of noised clean samples instead.
    """

    denoiser: Denoiser
    conditions: tuple[str | None, ...]
    sigma: Float64[Array, " levels"]
    shape: tuple[int, ...]
    prior: Float64[Array, " K"]
    weight: Float64[Array, " steps"] = field(default_factory=lambda: np.ones(1))
    reference: Reference = "classes"
    sampler: Sampler | None = None
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    @property
    def evaluations(self) -> int:
        """Of the denoiser, for one chain."""
        steps = self.sigma.size - 1
        apart = self.reference == "unconditional" and None not in self.conditions
        guided = int((np.broadcast_to(self.weight, steps) != 1).sum())
        return steps * len(self.conditions) + (guided if apart else 0)

    def steps(self, generator: torch.Generator, count: int, start: Start | None = None) -> Iterator[Step]:
        """Go down the noise levels with `count` chains; conditions are drawn from the prior.

        Chains that are given a `start` go on from it, whatever samples there were.
        """
        clean = None
        if start is None:
            start, clean = self._started(generator, count)
        x, own, log_odds = start.x, start.own, start.log_posterior
        shape = tuple(x.shape)
        weights = np.broadcast_to(self.weight, self.sigma.size - 1)
        for sigma, lower, weight in zip(self.sigma[:-1], self.sigma[1:], weights, strict=True):
            each = answers(self.denoiser, x, float(sigma), [[c] * count for c in self.conditions])
            target = self._target(x, each, (own, log_odds), (sigma, weight)) if clean is None else clean
            noise = self._noise(generator, shape)
            # (|x′ − μ_k|² − |x′ − μ|²)/spread² without the large squares: μ_k − μ = (1 − r)(D_k − D)
            scale = float((1 - (lower / sigma) ** 2) / spread_of(sigma, lower))
            shift = scale * (each - target[:, None]).flatten(2)
            gain = (shift * (noise.flatten(1)[:, None] - shift / 2)).sum(2)
            after = log_odds + gain.cpu().double()
            after = after - torch.logsumexp(after, 1, keepdim=True)
            yield Step(float(sigma), float(lower), x, own, each, log_odds, after, clean)
            x, log_odds = step_down(x, target, float(sigma), float(lower), noise), after

    def _started(self, generator: torch.Generator, count: int) -> tuple[Start, Tensor | None]:
        """Pure noise, or noised clean samples, which come with it."""
        prior = torch.tensor(self.prior, device="cpu")
        own = torch.multinomial(prior, count, replacement=True, generator=generator)
        clean = self._clean(own, generator)
        shape = (count, *self.shape) if clean is None else tuple(clean.shape)
        x = self.sigma[0] * self._noise(generator, shape) + (0 if clean is None else clean)
        return Start(x, own, prior.log().repeat(count, 1)), clean

    def _target(
        self, x: Tensor, each: Tensor, chain: tuple[Tensor, Tensor], step: tuple[float, float]
    ) -> Tensor:
        """The guided denoiser's answer, (n, …), for chains of their own conditions and log-odds."""
        (own, log_odds), (sigma, weight) = chain, map(float, step)
        chosen = each[torch.arange(len(own), device="cpu"), own]
        if weight == 1:
            return chosen
        if self.reference == "classes":
            shares = torch.softmax(log_odds, 1).to(each)[(..., *[None] * (each.ndim - 2))]
            other = (shares * each).sum(1)
        elif None in self.conditions:
            other = each[:, self.conditions.index(None)]
        else:
            other = self.denoiser(x, sigma, None)
        return weight * chosen + (1 - weight) * other

    def _clean(self, own: Tensor, generator: torch.Generator) -> Tensor | None:
        if self.sampler is None:
            return None
        names = [str(self.conditions[int(k)]) for k in own]
        together = getattr(self.sampler, "each_of", None)  # of samplers that take long over each sample
        if together is not None:
            return together(names, generator).to(self.device, self.dtype)
        drawn = [self.sampler(name, 1, generator)[0] for name in names]
        return torch.stack(drawn).to(self.device, self.dtype)

    def _noise(self, generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
        draws = torch.randn(shape, generator=generator, dtype=self.dtype, device="cpu")
        return draws.to(self.device)
