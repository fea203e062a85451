"""The path estimator (H26, K25): a posterior carried along stochastic reverse chains, for any denoiser.

From σ to σ′ a chain moves by `x′ = μ + σ̃z`, `μ = (σ′²/σ²) x + (1 − σ′²/σ²) D`, `σ̃² = σ′²(σ² − σ′²)/σ²`,
and the log-likelihood of condition k gains `−|x′ − μ_k|²/2σ̃²`. The entropy of the posterior, averaged over
chains that were sampled conditionally on classes from the prior, is `H(C|X_σ)` up to a bias of first order
in the step.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..numerics.checkpoints import fingerprint
from ..numerics.curves import checked_sigmas
from .blocks import Arrays, generator_of, run_blocks
from .curve_statistics import curve_of
from .denoisers import Denoiser, checked_conditions, membership

__all__ = ["path_entropy"]

Array = NDArray[np.float64]


def path_entropy(
    denoiser: Denoiser,
    conditions: Sequence[str | None],
    sigmas: ArrayLike,
    shape: Sequence[int],
    *,
    weights: Sequence[float] | None = None,
    chains: int = 300,
    guidance: float = 1.0,
    interval: tuple[float, float] | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    batch: int = 64,
    seed: int = 0,
    folder: Path | None = None,
    name: str = "denoiser",
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Class-conditional entropy along the noise scale, from reverse chains.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition)`.
    conditions : sequence of str or None
        What the posterior is over. `None` stands for the unconditional network: `(k, None)` is the binary
        form, in which it represents the complement of k.
    sigmas : array_like, shape (steps + 1,)
        Noise levels, descending, > 0; the first is where chains start from pure noise.
    shape : sequence of int
        Shape of one sample.
    weights : sequence of float, optional
        Prior of the conditions, equal by default.
    chains : int
        Number of reverse chains, rounded up to whole batches.
    guidance : float
        Weight ω of `ω D_own + (1 − ω) Σ_k p_k D_k` in sampling. Unless it is 1 the average surprise of the
        own condition is returned, as `cross_entropy`.
    interval : (low, high), optional
        Noise levels between which guidance acts.
    partition : mapping from group names to conditions, optional
        Measure the group.
    batch, seed, folder, progress
        Chains at once; seed; folder that keeps finished batches, so that a run can be resumed and runs of
        several machines merged; a callback of batches done and in all.
    name : str
        Names the model where finished batches are kept.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` or `cross_entropy` (nats) and `rate` (per unit OU time) with
        standard errors; attributes with the peak, its bootstrap interval, the median and the number of
        evaluations. What is known of the class at the first level is not seen: start where that is little.

    Raises `ValueError` for arguments out of range. Source: H26, K25.
    """
    sigma = checked_sigmas(sigmas)
    if sigma.size < 2 or not (np.diff(sigma) < 0).all():
        raise ValueError("sigmas: need at least two descending noise levels")
    if chains < 1 or batch < 1:
        raise ValueError("chains, batch: must be at least 1")
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    low, high = (0.0, np.inf) if interval is None else interval
    weight = np.where((sigma[:-1] > low) & (sigma[:-1] <= high), guidance, 1.0)
    plan = _Plan(denoiser, tuple(conditions), sigma, tuple(shape), prior, groups, weight, dtype, device)
    labels = ",".join(str(condition) for condition in conditions)
    run = fingerprint("path", name, labels, sigma, prior, groups, weight, batch, seed, str(tuple(shape)))
    count = -(-chains // batch)
    found = run_blocks(
        lambda index: plan.block(generator_of(seed, index), batch), count, folder, run, progress
    )
    guided = bool((weight != 1).any())
    values = found["surprise" if guided else "entropy"][:, ::-1]
    attributes = {
        "method": "path",
        "conditions": labels,
        "chains": count * batch,
        "guidance": guidance,
        "seed": seed,
        "evaluations": count * batch * (sigma.size - 1) * len(conditions),
    }
    quantity = "cross_entropy" if guided else "entropy"
    return curve_of(quantity, sigma[:0:-1], values, None, attributes, seed)


class _Plan:
    """Everything a batch of chains needs."""

    def __init__(
        self,
        denoiser: Denoiser,
        conditions: tuple[str | None, ...],
        sigma: Array,
        shape: tuple[int, ...],
        prior: Array,
        groups: Array,
        weight: Array,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self.denoiser, self.conditions, self.sigma, self.shape = denoiser, conditions, sigma, shape
        self.prior, self.groups, self.weight = prior, groups, weight
        self.dtype, self.device = dtype, torch.device(device)

    @torch.no_grad()
    def block(self, generator: torch.Generator, count: int) -> Arrays:
        """Posterior entropy and surprise of each chain at each level after the first, (chains, levels)."""
        prior = torch.as_tensor(self.prior)
        own = torch.multinomial(prior, count, replacement=True, generator=generator)
        x = self._noise(generator, count) * self.sigma[0]
        log_odds = prior.log().repeat(count, 1)
        rows: dict[str, list[Any]] = {"entropy": [], "surprise": []}
        for step, (sigma, lower) in enumerate(zip(self.sigma[:-1], self.sigma[1:], strict=True)):
            each = torch.stack([self.denoiser(x, float(sigma), c) for c in self.conditions], dim=1)
            chosen = each[torch.arange(count), own]
            weight = float(self.weight[step])
            if weight != 1:
                mean = (torch.softmax(log_odds, 1).to(each)[(..., *[None] * len(self.shape))] * each).sum(1)
                chosen = weight * chosen + (1 - weight) * mean
            ratio = (lower / sigma) ** 2
            spread = float(lower * np.sqrt(1 - ratio))
            noise = spread * self._noise(generator, count)
            # |x′ − μ_k|² − |x′ − μ|² without the large squares: μ_k − μ = (1 − ratio)(D_k − D)
            shift = (1 - ratio) * (each - chosen[:, None]).flatten(2)
            gain = (shift * (noise.flatten(1)[:, None] - shift / 2)).sum(2) / spread**2
            log_odds = log_odds + gain.cpu().double()
            log_odds = log_odds - torch.logsumexp(log_odds, 1, keepdim=True)
            x = ratio * x + (1 - ratio) * chosen + noise
            self._record(rows, log_odds, own)
        return {key: np.stack(values, axis=1) for key, values in rows.items()}

    def _noise(self, generator: torch.Generator, count: int) -> Tensor:
        draws = torch.randn(count, *self.shape, generator=generator, dtype=self.dtype)
        return draws.to(self.device)

    def _record(self, rows: dict[str, list[Any]], log_odds: Tensor, own: Tensor) -> None:
        groups = torch.as_tensor(self.groups)
        shares = torch.exp(log_odds) @ groups.T
        rows["entropy"].append(torch.special.entr(shares).sum(1).numpy())
        of_own = (shares * groups.T[own]).sum(1)
        rows["surprise"].append(-torch.log(of_own.clamp_min(1e-300)).numpy())
