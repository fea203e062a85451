"""The discrepancy estimator (I-MMSE): what conditioning changes in the denoised sample, for any denoiser.

    dH/d log σ = σ^{−2} E|D_C − D|²,      D = Σ_k p_k D_k or the unconditional network

on noised data, with `p_k` given, or carried down each sample's own path of noise (`chains`). The integral
from the clean end is the entropy, and over all σ it must be `H(C)`: their ratio, the `closure`, says how well
calibrated a model is. Without "path" no chain is run, and nothing is discretised but the integral.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, Unpack

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Float64, Int64
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...numerics.curves.dataset import entropy_of
from ...numerics.runs.blocks import Arrays
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.options import showing
from .._support.condition_names import listed
from ..denoiser import Denoiser, answers, checked_conditions, membership, warn_of_untrained
from .calibration import warn_of_wrapper
from .chains import Chains, Sampler, Step, checked_levels, reaching
from .curve_statistics import curve_of, integrated
from .low_noise import both_estimates, by_level, with_gap
from .work import Work, WorkOptions

__all__ = ["discrepancy_entropy"]

Array = NDArray[np.float64]
Posterior = Callable[[Tensor, float], Tensor] | Literal["path"]


@showing(Work)
def discrepancy_entropy(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: ArrayLike,
    sampler: Sampler | None,
    *,
    shape: Sequence[int] = (),
    weights: Sequence[float] | None = None,
    posterior: Posterior | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    samples: int = 1000,
    **work: Unpack[WorkOptions],
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
        `sampler(condition, count, generator)` gives clean samples (count, …). `None`, with posterior="path",
        follows the model's own reverse chains instead, of samples of the given `shape`.
    shape : sequence of int, optional
        Shape of one sample, needed without a sampler.
    weights : sequence of float, optional
        Prior of the classes, equal by default.
    posterior : callable or "path", optional
        Makes the reference `Σ_k p_k D_k` instead of the unconditional network. `posterior(x, sigma)` gives
        `p(k|x)`, shape (batch, classes); "path" measures it with the model itself, down each sample's path of
        noise, at an error of first order in the step. `measure` uses "path" for networks, since the errors of
        an unconditional network count as information. Needed where the conditions are not all the classes of
        the model, and for a `partition`, whose group denoiser is the posterior-weighted average inside the
        group.
    partition : mapping from group names to conditions, optional
        Measure the group.
    samples, batch, seed, resume, share, name, progress, dtype, device
        As for `path_entropy`; a folder also identifies its run by `digest()` of sampler and posterior.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` (nats, integrated from the clean end, where it is set to zero) and
        `rate` (per unit OU time) with standard errors; without a dimension what `path_entropy` has, and
        `closure`, the share of `H(C)` that the integral finds, with `closure_se`. Of clean samples also
        `gap_entropy`, `gap_rate` and `gap_closure`, the same by the gap of squared errors; `cut_sigma`, below
        which the network contradicts itself (`low_noise`), and `window_closure`, what is found above it.

    Raises
    ------
    ValueError
        Fewer than two conditions, or one that the denoiser does not know; weights that are no distribution;
        levels that do not ascend or are not above 0; a partition without a `posterior`; no sampler unless
        `posterior` is "path".

    Warns
    -----
    UntrainedNullWarning
        D is the answer without a class of a network that never learnt one.
    DenoiserWarning
        The denoiser can be no mean of clean data (`check_denoiser`).

    References
    ----------
    T17; H26.
    """
    sigma, own = checked_levels(sigmas, samples), Work.of(work)
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    warn_of_untrained(denoiser, [*conditions, None] if posterior is None else conditions)
    if partition is not None and posterior is None:
        raise ValueError(
            "posterior: a partition needs one, to average the denoisers inside a group, such "
            'as posterior="path"'
        )

    if posterior == "path":
        model = (denoiser, tuple(conditions), reaching(sigma), tuple(shape), prior)
        chains = Chains(*model, sampler=sampler, dtype=own.dtype, device=own.device)
        block = partial(_path_block, chains, groups)
    elif sampler is None:
        raise ValueError('sampler: needed unless the posterior is "path"')
    else:
        point = (denoiser, tuple(conditions), sigma, sampler, prior, posterior, groups, own.device)
        block = partial(_point_block, *point)
    kind = "discrepancy and gap" if posterior != "path" else "discrepancy and gap along paths"
    kind += "" if sampler is not None else " of the model"
    given = posterior if callable(posterior) else None
    names = own.names(denoiser=denoiser, sampler=sampler, posterior=given)
    reference = "path" if posterior == "path" else "unconditional" if posterior is None else "given"
    numbers = (sigma, prior, groups, *own.numbers(shape), reference)
    run = fingerprint(kind, *names, *map(repr, conditions), *numbers)
    look = partial(warn_of_wrapper, denoiser, sampler, conditions[0], sigma, own)
    found = own.blocks(block, samples, run, look)
    slopes = found["slopes"]
    entropies = integrated(sigma, slopes)
    per_level = len(conditions) if posterior is not None else 2
    attributes = {
        "method": "discrepancy",
        "reference": {"path": "classes", "given": "given posterior"}.get(reference, reference),
        "conditions": listed(conditions),
        "classes": len(groups),
        "samples": len(slopes),
        "seed": own.seed,
        "evaluations": len(slopes) * sigma.size * per_level,
    }
    whole = entropy_of(groups @ prior)
    curve = curve_of("entropy", sigma, entropies, slopes, attributes, own.seed, whole)
    return with_gap(curve, slopes, found["gaps"]) if "gaps" in found else curve


@torch.no_grad()
def _path_block(chains: Chains, groups: Array, generator: torch.Generator, count: int) -> Arrays:
    def compared(step: Step) -> Arrays:
        pair = _references(step.each, torch.exp(step.before), step.own, groups)
        return both_estimates(*pair, step.clean, step.sigma)

    return by_level([compared(step) for step in chains.steps(generator, count)][::-1])


@torch.no_grad()
def _point_block(
    denoiser: Denoiser,
    conditions: tuple[str, ...],
    sigma: Array,
    sampler: Sampler,
    prior: Array,
    posterior: Callable[[Tensor, float], Tensor] | None,
    groups: Array,
    device: torch.device | str,
    generator: torch.Generator,
    count: int,
) -> Arrays:
    chances = torch.as_tensor(prior, device="cpu")
    own = torch.multinomial(chances, count, replacement=True, generator=generator)
    clean = torch.stack([sampler(conditions[int(k)], 1, generator)[0] for k in own]).to(device)
    noise = torch.randn(clean.shape, generator=generator, dtype=clean.dtype, device="cpu").to(clean)
    found: list[Arrays] = []
    for level in map(float, sigma):
        x = clean + level * noise
        if posterior is None:
            each = answers(denoiser, x, level, [[conditions[int(k)] for k in own], [None] * count])
            pair = (each[:, 0], each[:, 1])
        else:
            each = answers(denoiser, x, level, [[condition] * count for condition in conditions])
            pair = _references(each, posterior(x, level), own, groups)
        found.append(both_estimates(*pair, clean, level))
    return by_level(found)


def _references(
    each: Float[Tensor, "n K ..."],
    posterior: Float[Tensor, "n K"],
    own: Int64[Tensor, " n"],
    groups: Float64[Array, "G K"],
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """D_G and D of each sample, G the group of its own class: (n, K, …), (n, K), (n,) to two of (n, d)."""
    flat = each.flatten(2)
    p = posterior.to(flat)
    inside = p * torch.as_tensor(groups.T @ groups, device="cpu").to(flat)[own]
    # what underflows in every member of a group leaves the group's own class
    inside[torch.arange(len(own), device="cpu"), own] += torch.finfo(flat.dtype).tiny
    conditional = (inside[..., None] * flat).sum(1) / inside.sum(1, keepdim=True)
    return conditional, (p[..., None] * flat).sum(1)
