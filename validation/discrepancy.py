"""The discrepancy estimator (I-MMSE): what conditioning changes in the denoised sample, for any denoiser.

    dH/d log σ = σ^{−2} E|D_C − D|²,      D = Σ_k p_k D_k or the unconditional network

on noised data. The integral from the clean end is the entropy, and over all σ it must be `H(C)`: their ratio,
the `closure`, says how well calibrated a model is. No chain is run; nothing is discretised but the integral.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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

__all__ = ["discrepancy_entropy"]

Array = NDArray[np.float64]
Sampler = Callable[[str, int, torch.Generator], Tensor]


def discrepancy_entropy(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: ArrayLike,
    sampler: Sampler,
    *,
    weights: Sequence[float] | None = None,
    posterior: Callable[[Tensor, float], Tensor] | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    samples: int = 1000,
    batch: int = 64,
    seed: int = 0,
    folder: Path | None = None,
    name: str = "denoiser",
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Class-conditional entropy along the noise scale, from denoised data.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition)`; its unconditional answer is D.
    conditions : sequence of str
        Classes, exhaustive.
    sigmas : array_like, shape (levels,)
        Noise levels, ascending, > 0, from where the class is decided to where nothing is known of it.
    sampler : callable
        `sampler(condition, count, generator)` gives clean samples (count, …).
    weights : sequence of float, optional
        Prior of the classes, equal by default.
    posterior : callable, optional
        `posterior(x, sigma)` gives `p(k|x)`, shape (batch, classes). Needed for a `partition`, whose group
        denoiser is the posterior-weighted average inside the group.
    partition : mapping from group names to conditions, optional
        Measure the group.
    samples, batch, seed, folder, name, progress
        As for `path_entropy`.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` (nats, integrated from the clean end, where it is set to zero) and
        `rate` (per unit OU time) with standard errors; attributes as for `path_entropy`, and `closure`, the
        share of `H(C)` that the integral finds, with `closure_se`.

    Raises `ValueError` for arguments out of range. Source: T17; H26.
    """
    sigma = checked_sigmas(sigmas)
    if sigma.size < 2 or not (np.diff(sigma) > 0).all():
        raise ValueError("sigmas: need at least two ascending noise levels")
    if samples < 1 or batch < 1:
        raise ValueError("samples, batch: must be at least 1")
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    if partition is not None and posterior is None:
        raise ValueError("posterior: needed to average the denoisers inside a group")

    @torch.no_grad()
    def block(index: int) -> Arrays:
        generator = generator_of(seed, index)
        own = torch.multinomial(torch.as_tensor(prior), batch, replacement=True, generator=generator)
        clean = torch.stack([sampler(conditions[int(k)], 1, generator)[0] for k in own])
        noise = torch.randn(clean.shape, generator=generator, dtype=clean.dtype).to(clean)
        gaps = [
            _gap(denoiser, conditions, clean + float(s) * noise, float(s), own, posterior, groups)
            for s in sigma
        ]
        return {"slopes": np.stack(gaps, axis=1)}

    run = fingerprint("discrepancy", name, ",".join(conditions), sigma, prior, groups, batch, seed)
    count = -(-samples // batch)
    slopes = run_blocks(block, count, folder, run, progress)["slopes"]
    steps = np.diff(np.log(sigma))
    pieces = (slopes[:, 1:] + slopes[:, :-1]) / 2 * steps
    entropies = np.concatenate([np.zeros((len(slopes), 1)), np.cumsum(pieces, axis=1)], axis=1)
    shares = groups @ prior
    whole = float(-(shares * np.log(shares)).sum())
    area = entropies[:, -1]
    per_level = len(conditions) if partition is not None else 2
    attributes = {
        "method": "discrepancy",
        "conditions": ",".join(conditions),
        "samples": len(slopes),
        "seed": seed,
        "closure": float(area.mean()) / whole,
        "closure_se": float(area.std(ddof=1) / np.sqrt(len(area))) / whole,
        "evaluations": len(slopes) * sigma.size * per_level,
    }
    return curve_of("entropy", sigma, entropies, slopes, attributes, seed)


def _gap(
    denoiser: Denoiser,
    conditions: Sequence[str],
    x: Tensor,
    sigma: float,
    own: Tensor,
    posterior: Callable[[Tensor, float], Tensor] | None,
    groups: Array,
) -> Array:
    """`σ^{−2}|D_G − D|²` of each sample, with G the group of its own class."""
    if posterior is None:
        conditional = torch.empty_like(x)
        for k, condition in enumerate(conditions):
            mine = own == k
            if mine.any():
                conditional[mine] = denoiser(x[mine], sigma, condition)
        reference = denoiser(x, sigma, None)
    else:
        each = torch.stack([denoiser(x, sigma, condition) for condition in conditions], dim=1).flatten(2)
        p = posterior(x, sigma).to(each)
        inside = p * torch.as_tensor(groups.T @ groups).to(each)[own]
        conditional = (inside[..., None] * each).sum(1) / inside.sum(1, keepdim=True).clamp_min(1e-300)
        reference = (p[..., None] * each).sum(1)
    return ((conditional - reference).flatten(1) ** 2).sum(1).cpu().double().numpy() / sigma**2
