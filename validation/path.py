"""The path estimator (H26, K25): a posterior carried along stochastic reverse chains, for any denoiser.

The entropy of the posterior that `chains` carry, averaged over chains that were sampled conditionally on
classes from the prior, is `H(C|X_σ)` up to a bias of first order in the step.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..numerics.blocks import Arrays, run_blocks
from ..numerics.checkpoints import fingerprint
from ..numerics.curves import checked_sigmas, entropy_of
from .chains import Chains
from .curve_statistics import curve_of
from .denoisers import Denoiser, checked_conditions, membership
from .randomness import generator_of

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
    share: tuple[int, int] = (0, 1),
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
    share : (rank, ranks)
        Which part of the batches this process runs; `PendingBlocksError` until all are in `folder`.
    name : str
        Names the model where finished batches are kept.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` or `cross_entropy` (nats) and `rate` (per unit OU time) with
        standard errors; without a dimension `class_entropy` H(C), `peak_per_log_sigma`, `peak_per_ou_time`,
        `median_sigma` and `window_width`, each with a bootstrap interval `*_low`, `*_high` (95 %); attributes
        with the number of evaluations. What is known of the class at the first level is not seen: start where
        that is little.

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
    chain = Chains(
        denoiser, tuple(conditions), sigma, tuple(shape), prior, weight, dtype=dtype, device=device
    )
    labels = ",".join(str(condition) for condition in conditions)
    run = fingerprint("path", name, labels, sigma, prior, groups, weight, batch, seed, str(tuple(shape)))
    count = -(-chains // batch)
    found = run_blocks(
        lambda index: _block(chain, groups, generator_of(seed, index), batch),
        count,
        folder,
        run,
        progress,
        share,
    )
    guided = bool((weight != 1).any())
    values = found["surprise" if guided else "entropy"][:, ::-1]
    attributes = {
        "method": "path",
        "conditions": labels,
        "classes": len(groups),
        "chains": count * batch,
        "guidance": guidance,
        "seed": seed,
        "evaluations": count * batch * (sigma.size - 1) * len(conditions),
    }
    quantity = "cross_entropy" if guided else "entropy"
    if guided and interval is not None:
        attributes |= {"interval_low": low, "interval_high": high}
    return curve_of(quantity, sigma[:0:-1], values, None, attributes, seed, entropy_of(groups @ prior))


@torch.no_grad()
def _block(chains: Chains, groups: Array, generator: torch.Generator, count: int) -> Arrays:
    """Posterior entropy and surprise of each chain at each level after the first, (chains, levels)."""
    members = torch.as_tensor(groups)
    rows: dict[str, list[Array]] = {"entropy": [], "surprise": []}
    for step in chains.steps(generator, count):
        shares = torch.exp(step.after) @ members.T
        rows["entropy"].append(torch.special.entr(shares).sum(1).numpy())
        of_own = (shares * members.T[step.own]).sum(1)
        rows["surprise"].append(-torch.log(of_own.clamp_min(1e-300)).numpy())
    return {key: np.stack(values, axis=1) for key, values in rows.items()}
