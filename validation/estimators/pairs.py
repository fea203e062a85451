"""Every pair of a model's classes in one sweep: along a sample's path of noise, class by class.

A path of class j that is compared with class k alone carries the posterior `p_j : p_k` of that pair, and

    dH/d log σ = σ^{−2} E (1 − p_own)² |D_j − D_k|²,        H = E h(p_own),   h the binary entropy,

so K denoised samples a level serve all K(K − 1)/2 pairs.
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Unpack

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ...numerics._support.seeds import seed_attribute
from ...numerics.runs.blocks import Arrays
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.options import showing
from .._support.condition_names import listed
from ..denoiser import Denoiser, checked_conditions, warn_of_untrained
from .calibration import warn_of_wrapper
from .chains import Chains, Sampler, checked_levels, reaching
from .curve_statistics import curve_of, integrated, standard_error
from .low_noise import with_gap
from .work import Work, WorkOptions

__all__ = ["pair_entropies"]

Array = NDArray[np.float64]


@showing(Work)
def pair_entropies(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: ArrayLike,
    sampler: Sampler,
    *,
    samples: int = 2000,
    **work: Unpack[WorkOptions],
) -> xr.Dataset:
    """Class-conditional entropy of each pair of conditions, prior ½, from noised clean samples.

    Parameters
    ----------
    denoiser, sampler, batch, seed, resume, share, name, progress, dtype, device
        As for `discrepancy_entropy`.
    conditions : sequence of str
        Classes; every two of them make a pair.
    sigmas : array_like, shape (levels,)
        Noise levels, ascending, > 0.
    samples : int
        Paths over all classes; a pair has `2/len(conditions)` of them.

    Returns
    -------
    xarray.Dataset
        Over `pair` (as "3,8") and ascending `sigma`: `entropy` (nats, integrated from the clean end), `rate`
        (per unit OU time), `gap_entropy` and `gap_rate` by the gap, and `posterior_entropy`, the mean entropy
        of the posterior that the paths carry, with standard errors; over `pair`: `closure`, `gap_closure`,
        `cut_sigma` and `window_closure` as of `discrepancy_entropy`, `class_entropy`, `peak_per_log_sigma`,
        `peak_per_ou_time`, `median_sigma` and `window_width` (in log σ), with `*_low` and `*_high` (95 %).

    Raises
    ------
    ValueError
        Fewer than two conditions, or one that the denoiser does not know; levels that do not ascend or are
        not above 0; too few samples for a pair.

    References
    ----------
    T17; H26.
    """
    sigma, own = checked_levels(sigmas, samples), Work.of(work)
    prior = checked_conditions(conditions, None)
    warn_of_untrained(denoiser, conditions)
    model = (denoiser, tuple(conditions), reaching(sigma), (), prior)
    chains = Chains(*model, sampler=sampler, dtype=own.dtype, device=own.device)
    names = own.names(denoiser=denoiser, sampler=sampler)
    run = fingerprint("pairs and gaps", *names, *map(repr, conditions), sigma, *own.numbers())
    look = partial(warn_of_wrapper, denoiser, sampler, conditions[0], sigma, own)
    found = own.blocks(partial(_block, chains), samples, run, look)
    curves = [
        _curve(found, a, b, listed([conditions[a], conditions[b]]), sigma, own.seed)
        for a, b in combinations(range(len(conditions)), 2)
    ]
    whole = xr.concat(curves, dim="pair", combine_attrs="drop")
    for key in whole.data_vars:
        about = curves[0][key].attrs
        whole[key].attrs.update({name: text for name, text in about.items() if name != "note"})
    return whole.assign_attrs(
        method="discrepancy along paths",
        conditions=listed(conditions),
        classes=2,
        samples=samples,
        seed=seed_attribute(own.seed),
        evaluations=samples * sigma.size * len(conditions),
    )


@torch.no_grad()
def _block(chains: Chains, generator: torch.Generator, count: int) -> Arrays:
    """The own class, and against each other class `dH/d log σ` by discrepancy and by gap, and entropy.

    Shapes (paths,) and (paths, levels, K).
    """
    slopes: list[Array] = []
    gaps: list[Array] = []
    entropies: list[Array] = []
    own, rows = torch.zeros(0, device="cpu"), torch.arange(count, device="cpu")
    for step in chains.steps(generator, count):
        own = step.own
        assert step.clean is not None  # noqa: S101 (these chains have a sampler)
        flat = step.each.flatten(2).double()
        apart = flat[rows, own][:, None] - flat
        squares = (apart**2).sum(2).cpu()
        missed = step.clean.flatten(1).double() - flat[rows, own]
        along = (missed[:, None] * apart).sum(2).cpu()
        # log-odds of the other class against the own one
        odds = step.before - step.before[rows, own][:, None]
        other = torch.sigmoid(odds)
        found = other**2 * squares / step.sigma**2
        slopes.append(found.numpy())
        gaps.append((found + 2 * other * along / step.sigma**2).numpy())
        entropies.append((torch.special.entr(other) + torch.special.entr(torch.sigmoid(-odds))).numpy())
    return {
        "own": own.double().numpy(),
        "slopes": np.stack(slopes[::-1], axis=1),
        "gaps": np.stack(gaps[::-1], axis=1),
        "entropies": np.stack(entropies[::-1], axis=1),
    }


def _curve(found: Arrays, a: int, b: int, name: str, sigma: Array, seed: int) -> xr.Dataset:
    """The curve of one pair, from the paths of both of its classes."""
    first, second = found["own"] == a, found["own"] == b
    slopes, gaps, posterior = (
        np.concatenate([found[key][first][..., b], found[key][second][..., a]])
        for key in ("slopes", "gaps", "entropies")
    )
    if len(slopes) < 2:
        raise ValueError(f"samples: too few for the pair {name}; raise them")
    entropies = integrated(sigma, slopes)
    curve = curve_of("entropy", sigma, entropies, slopes, {"classes": 2}, seed, float(np.log(2)))
    return (
        with_gap(curve, slopes, gaps)
        .assign(
            posterior_entropy=("sigma", posterior.mean(axis=0)),
            posterior_entropy_se=("sigma", standard_error(posterior)),
        )
        .assign_coords(pair=name)
    )
