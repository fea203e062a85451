"""The path estimator (H26, K25): a posterior carried along stochastic reverse chains, for any denoiser.

The entropy of the posterior that `chains` carry, averaged over chains that were sampled conditionally on
classes from the prior, is `H(C|X_σ)` up to a bias of first order in the step.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Unpack

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from ...numerics.curves.dataset import checked_sigmas, entropy_of
from ...numerics.runs.blocks import Arrays
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.aliases import Fields
from ...theory._support.options import showing
from ...theory._support.whole_numbers import whole_number
from .._support.condition_names import listed
from ..denoiser import Denoiser, checked_conditions, conditions_of, membership, warn_of_untrained
from .chains import Chains, Reference, chosen_reference, guidance_weights
from .curve_statistics import curve_of
from .work import Work, WorkOptions

__all__ = ["path_entropy"]

_SAMPLES = 300  # chains, unless it is said how many

Array = NDArray[np.float64]


class PathOptions(WorkOptions, total=False):
    """Keywords of `path_entropy`: `chains` is what `samples` was called."""

    chains: int


@showing(Work)
def path_entropy(
    denoiser: Denoiser,
    conditions: Sequence[str | None],
    sigmas: ArrayLike,
    shape: Sequence[int],
    *,
    weights: Sequence[float] | None = None,
    samples: int = _SAMPLES,
    guidance: float = 1.0,
    interval: tuple[float, float] | None = None,
    guidance_reference: Reference | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    **work: Unpack[PathOptions],
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
    samples : int
        Number of reverse chains; the last batch holds what the others leave. `chains` is taken too.
    guidance : float
        Weight ω of classifier-free guidance in sampling, `ω D_own + (1 − ω) D_reference`. Unless it is 1 the
        average surprise of the own condition is returned, as `cross_entropy`.
    interval : (low, high), optional
        Noise levels between which guidance acts, at steps that begin at low < σ ≤ high.
    guidance_reference : {"unconditional", "classes"}, optional
        D_reference: the denoiser without a condition, or the mean `Σ_k p_k D_k` over `conditions`, weighted
        by the posterior that a chain carries. Unless given it is the first, but for a denoiser that says that
        it never learnt one (`has_null` false). Attribute `guidance_reference` of the result.
    partition : mapping from group names to conditions, optional
        Measure the group.
    batch, seed, resume, progress
        Chains at once; seed; folder that keeps finished batches, so that a run can be resumed and runs of
        several machines merged; a callback of batches done and in all. Batches of another run, or of another
        network by its `digest()`, are refused. `folder` is taken for `resume` too.
    share : (rank, ranks)
        Which part of the batches this process runs; `PendingBlocksError` until all are in `resume`.
    dtype, device
        Of the states of the chains; a network answers in its own type.
    name : str
        Name of the model in the folder of finished batches. It is needed there for a denoiser that nothing
        else identifies: one without `digest()` that is no torch module and no module-level function.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` or `cross_entropy` (nats) and `rate` (per unit OU time) with
        standard errors; without a dimension `class_entropy` H(C), `peak_per_log_sigma`, `peak_per_ou_time`,
        `median_sigma` and `window_width`, each with a bootstrap interval `*_low`, `*_high` (95 %); attributes
        with the number of evaluations and, of guidance, `model_classes` of a denoiser that has them. Of
        guided chains, over `condition`: `ends`, the share of the `ends_runs` guided to a class that end in it
        (by the posterior that they carry), with `ends_se`, beside `ends_predicted`, `w^{1−2ω}` for ω < ½ and
        else 1 (T21; NaN for an interval, and for guidance away from more than the conditions). What is known
        of the class at the first level is not seen: start where that is little.

    Raises
    ------
    ValueError
        Fewer than two conditions, or one that the denoiser does not know; weights that are no distribution;
        levels that do not descend or are not above 0; an interval in which no step begins; a folder with the
        batches of another run.

    Warns
    -----
    UntrainedNullWarning
        `None` is among the conditions of a network that never learnt to answer without one.

    References
    ----------
    H26, K25; T21.
    """
    sigma = checked_sigmas(sigmas)
    if sigma.size < 2 or not (np.diff(sigma) < 0).all():
        raise ValueError("sigmas: need at least two descending noise levels")
    chains = work.pop("chains", None)
    if chains is not None and samples != _SAMPLES:
        raise ValueError("chains: is the former name of samples, which is given too; leave it out")
    samples, own = whole_number(samples if chains is None else chains, "samples"), Work.of(work)
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    warn_of_untrained(denoiser, conditions)
    weight = guidance_weights(sigma, guidance, interval)
    guided = bool((weight != 1).any())
    reference = chosen_reference(guidance_reference, denoiser) if guided else "classes"
    model = (denoiser, tuple(conditions), sigma, tuple(shape), prior, weight, reference)
    chain = Chains(*model, dtype=own.dtype, device=own.device)
    numbers = (sigma, prior, groups, weight, *own.numbers(shape), reference)
    kind, names = "guided path" if guided else "path", own.names(denoiser=denoiser)
    run = fingerprint(kind, *names, *map(repr, conditions), *numbers)
    found = own.blocks(partial(_block, chain, groups, ends=guided), samples, run)
    values = found["surprise" if guided else "entropy"][:, ::-1]
    attributes = {
        "method": "path",
        "conditions": listed(conditions),
        "classes": len(groups),
        "samples": samples,
        "guidance": guidance,
        "seed": own.seed,
        "evaluations": samples * chain.evaluations,
    }
    if guided:
        attributes["guidance_reference"] = reference
        every = conditions_of(denoiser)
        attributes |= {} if every is None else {"model_classes": len(every)}
    quantity = "cross_entropy" if guided else "entropy"
    if guided and interval is not None:
        attributes |= {"interval_low": interval[0], "interval_high": interval[1]}
    curve = curve_of(quantity, sigma[:0:-1], values, None, attributes, own.seed, entropy_of(groups @ prior))
    if not guided or None in conditions or partition is not None:
        return curve
    omega = guidance if _is_universal(chain) else np.nan
    return curve.assign_coords(condition=list(map(str, conditions))).assign(_ends(found, prior, omega))


def _is_universal(chain: Chains) -> bool:
    """Whether guidance acts at every step and leads away from the mean of the chain's own conditions."""
    every = conditions_of(chain.denoiser)
    whole = chain.reference == "classes" or every is None or set(map(str, chain.conditions)) == set(every)
    return whole and bool((chain.weight == chain.weight[0]).all())


def _ends(found: Arrays, prior: Array, omega: float) -> Fields:
    """How many runs guided to each class end in it, and what T21 says; nothing of an ω that is NaN."""
    own, kept = found["own"], found["kept"]
    runs = np.array([(own == k).sum() for k in range(len(prior))], dtype=np.float64)
    hits = np.array([kept[own == k].sum() for k in range(len(prior))])
    share, predicted = hits / np.where(runs > 0, runs, np.nan), prior ** max(1 - 2 * omega, 0.0)
    predicted = np.full(len(prior), np.nan) if np.isnan(omega) else predicted
    # Agresti and Coull's: not zero where all of them end alike
    middle = (hits + 2) / (runs + 4)
    columns = {
        "ends": (share, "share of the runs guided to the class that end in it"),
        "ends_se": (np.sqrt(middle * (1 - middle) / (runs + 4)), "standard error of ends"),
        "ends_predicted": (predicted, "w^(1 - 2 omega), and 1 from omega = 1/2 on (T21)"),
        "ends_runs": (runs, "runs guided to the class"),
    }
    return {
        name: ("condition", values, {"long_name": about, "units": "1"})
        for name, (values, about) in columns.items()
    }


@torch.no_grad()
def _block(
    chains: Chains, groups: Float64[Array, "G K"], generator: torch.Generator, count: int, ends: bool = False
) -> Arrays:
    """Posterior entropy and surprise of each chain at each level after the first, (chains, levels).

    With `ends` also the class of each, and whether it is the likeliest at the end.
    """
    members = torch.as_tensor(groups, device="cpu")
    rows: dict[str, list[Array]] = {"entropy": [], "surprise": []}
    last: dict[str, Array] = {}
    for step in chains.steps(generator, count):
        shares = torch.exp(step.after) @ members.T
        rows["entropy"].append(torch.special.entr(shares).sum(1).numpy())
        of_own = (shares * members.T[step.own]).sum(1)
        rows["surprise"].append(-torch.log(of_own.clamp_min(1e-300)).numpy())
        if ends and step.lower == chains.sigma[-1]:
            kept = step.after.argmax(1) == step.own
            last = {"own": step.own.double().numpy(), "kept": kept.double().numpy()}
    return {key: np.stack(values, axis=1) for key, values in rows.items()} | last
