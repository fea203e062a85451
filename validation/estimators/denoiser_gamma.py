"""γ of two classes from the denoiser alone, without a sample and without a fit.

For a Gaussian class with `A_k = Σ_k + σ²I` the denoiser is `D_k = x − σ² A_k⁻¹(x − m_k)`. If Σ is shared, x
drops out of the difference, `D_a − D_b = σ² A⁻¹(m_a − m_b)`, and at any x

    γ(σ) = ¼ ⟨m_a − m_b, D_a − D_b⟩/σ².

The means are in the denoiser too. Averaged over z, `D_k(m + σz) = m_k + Σ_k A_k⁻¹(m − m_k)`: m_k is the fixed
point of `m → E D_k(m + σz)` at every σ, to which it contracts by λ/(λ + σ²), λ the largest variance. A
network knows it best where σ is large beside the data, but not where it was hardly trained: of neighbouring
levels those count at which m_a − m_b changes least.

If covariances differ, x is drawn along the model's own chains from both classes. About the midpoint the
average is `¼ (m_a − m_b)ᵀ ½(A_a⁻¹ + A_b⁻¹)(m_a − m_b)`: the part of the means alone, with the mean of both
resolvents. What classes tell by their covariances (T16) is not in it, so that it predicts a later decision.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from .._support.torch_randomness import generator_of
from ..denoiser import Denoiser
from .chains import Chains

__all__ = ["DenoiserGamma", "denoiser_gamma"]

Array = NDArray[np.float64]

_ROUNDS, _DRAWS, _LEVELS = 3, 16, 10
_SHARE = 0.03  # of the highest σ, from which means are looked for
_STREAM = 0xD6A


class DenoiserGamma(NamedTuple):
    """γ along each chain (chains, levels), over ascending `sigma`; and where the means were taken."""

    sigma: Float64[Array, " levels"]
    gammas: Float64[Array, "chains levels"]
    mean_sigma: float
    mean_change: float
    """Relative change of `m_a − m_b` to the neighbouring level."""


@torch.no_grad()
def denoiser_gamma(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: Array,
    shape: Sequence[int],
    *,
    chains: int = 64,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> DenoiserGamma:
    """γ(σ) of two conditions at the descending levels `sigmas`, from chains of both.

    Raises
    ------
    ValueError
        Unless there are two conditions.
    """
    if len(conditions) != 2:
        raise ValueError(f"prediction: denoiser needs two classes, not {len(conditions)}; name two")
    pair = (conditions[0], conditions[1])
    model = (denoiser, pair, sigmas, tuple(shape), np.full(2, 0.5))
    generator = generator_of(seed ^ _STREAM, 0)
    level, change, difference = _means(Chains(*model, dtype=dtype, device=device), generator)
    held: list[Array] = []
    for step in Chains(*model, dtype=dtype, device=device).steps(generator, chains):
        gap = (step.each[:, 0] - step.each[:, 1]).flatten(1).double().cpu()
        held.append((0.25 * (gap @ difference) / step.sigma**2).numpy())
    return DenoiserGamma(np.asarray(sigmas)[-2::-1], np.stack(held[::-1], axis=1), level, change)


def _means(chains: Chains, generator: torch.Generator) -> tuple[float, float, Float[Tensor, " d"]]:
    """The σ at which `m_a − m_b` is most stable, its relative change there, and the difference (d,)."""
    top = float(chains.sigma[0])
    levels = np.geomspace(top, max(_SHARE * top, float(chains.sigma[-1])), _LEVELS)
    found: list[Tensor] = []
    for level in levels:
        each = [_fixed_point(chains, condition, float(level), generator) for condition in chains.conditions]
        found.append((each[0] - each[1]).flatten().double().cpu())
    steps = [float(2 * (a - b).norm() / (a.norm() + b.norm())) for a, b in pairwise(found)]
    # both neighbours have to agree, so that no single coincidence counts
    worst = [max(left, right) for left, right in pairwise(steps)]
    best = int(np.argmin(worst)) + 1
    return float(levels[best]), worst[best - 1], found[best]


def _fixed_point(chains: Chains, condition: str | None, sigma: float, generator: torch.Generator) -> Tensor:
    """M of `m = E D(m + σz)`, from opposite pairs of z."""
    mean = torch.zeros(chains.shape, dtype=chains.dtype, device=chains.device)
    for _ in range(_ROUNDS):
        size = (_DRAWS // 2, *chains.shape)
        half = torch.randn(size, generator=generator, dtype=chains.dtype, device="cpu").to(chains.device)
        both = torch.cat([half, -half])
        mean = chains.denoiser(mean + sigma * both, sigma, condition).mean(0)
    return mean
