"""What holds on the chains of any model, and on noised data only if the network is calibrated (T19, T20).

A path carries the posterior p_k over its classes (`chains`); let p̂ be the largest, k̂ its class, and C the
class that the path has. With ε = 1 − E p̂ at each noise level,

    ε − ε_end ≤ P(k̂ still changes below σ) ≤ 2ε      two decided classes, in small steps: = 2ε
    P(k̂ = C) = E p̂                                    at every σ, and where p̂ first reaches a given p

ε_end is ε at the lowest level, 0 where classes do not overlap on clean data: what no run decides does not
change. On a model's own chains the posterior is that of the chain's own law, whatever the network: the
statements hold by construction, and say how runs commit. On noised data, with the labels of the data, they
hold if the network is calibrated, to first order in the step: `E p̂ − P(k̂ = C)` is by how much it is too sure
of itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Unpack

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike, NDArray

from ...numerics.curves.dataset import checked_sigmas, entropy_of
from ...numerics.runs.blocks import Arrays
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.aliases import Fields
from ...theory._support.options import showing
from .._support.condition_names import listed
from ..denoiser import Denoiser, checked_conditions, membership
from .chains import Chains, Sampler
from .curve_statistics import curve_of
from .model_samples import FlowSampler
from .work import Work, WorkOptions

__all__ = ["BINS", "PATHS", "STOPS", "commitment_curve", "commitment_evaluations"]

Array = NDArray[np.float64]

PATHS = ("own", "noised")
"""The model's own chains, and noised clean samples: of data, or of the model where it has none."""

STOPS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Posteriors p at which paths are stopped."""

BINS = 10
"""Equal bins of p̂ in [0, 1] at each level."""

_FLOW_STEPS = 16  # of a sample of the model that is noised


def commitment_evaluations(steps: int, conditions: int, has_sampler: bool) -> int:
    """Of the denoiser, for one chain and one noised sample."""
    return 2 * steps * conditions + (0 if has_sampler else min(steps, _FLOW_STEPS) + 1)


@showing(Work)
def commitment_curve(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: ArrayLike,
    shape: Sequence[int],
    sampler: Sampler | None = None,
    *,
    weights: Sequence[float] | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    samples: int = 300,
    **work: Unpack[WorkOptions],
) -> xr.Dataset:
    """How runs commit to a class, and whether the network is calibrated.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition)`.
    conditions : sequence of str
        Classes of the posterior.
    sigmas : array_like, shape (steps + 1,)
        Noise levels, descending, > 0; at the first nothing is known of the class.
    shape : sequence of int
        Shape of one sample.
    sampler : callable, optional
        `sampler(condition, count, generator)` gives clean samples (count, …), whose paths of noise test the
        network against their classes. Without one they are samples of the model, drawn along its probability
        flow: that tests the network against itself, and not against data.
    weights : sequence of float, optional
        Prior of the classes, equal by default.
    partition : mapping from group names to conditions, optional
        All of it for the group of a class.
    samples : int
        Chains of the model, and as many noised samples.
    batch, seed, resume, share, name, progress, dtype, device
        As for `path_entropy`.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `entropy` (nats) and `rate` (per unit OU time) of the model's own chains, with
        standard errors and places as of `path_entropy`. Over `path` ("own", "noised"; the attribute `noised`
        says of what) and `sigma`: `confidence` E p̂, `right` P(k̂ = C), `overconfidence` (their difference)
        and `change`, the probability that k̂ changes below σ. Over `path`, `sigma` and `bin`: `bin_count`,
        `bin_confidence` and `bin_right` of the paths whose p̂ lies there. Over `path` and `p`, where p̂ first
        reaches p: `stopped_share` that does, `stopped_confidence`, `stopped_right`,
        `stopped_overconfidence`, and `stopped_kept`, how often k̂ is still the likeliest class at the end.
        Over `path`: `mean_overconfidence`, over the levels. Standard errors `*_se`; those of an
        overconfidence are at least what a calibrated network's would be.

    Raises
    ------
    ValueError
        Fewer than two conditions, or one that the denoiser does not know; weights that are no distribution;
        fewer than three levels, or levels that do not descend or are not above 0; fewer than two samples.

    References
    ----------
    T19, T20.
    """
    sigma = checked_sigmas(sigmas)
    if sigma.size < 3 or not (np.diff(sigma) < 0).all():
        raise ValueError("sigmas: need at least three descending noise levels")
    if samples < 2:
        raise ValueError(f"samples: must be at least 2, not {samples}")
    own = Work.of(work)
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    model = (denoiser, tuple(conditions), sigma, tuple(shape), prior)
    chains = Chains(*model, dtype=own.dtype, device=own.device)
    few = sigma[np.unique(np.linspace(0, sigma.size - 1, _FLOW_STEPS + 1).round().astype(int))]
    flow = FlowSampler(denoiser, few, tuple(shape), own.dtype, own.device)
    noised = replace(chains, sampler=sampler or flow)
    numbers = (sigma, prior, groups, *own.numbers(shape))
    names = own.names(denoiser=denoiser, sampler=sampler)
    run = fingerprint("commitment", *names, *map(repr, conditions), *numbers)
    found = own.blocks(partial(_block, (chains, noised), groups), samples, run)
    attributes: Fields = {
        "method": "commitment",
        "conditions": listed(conditions),
        "classes": len(groups),
        "samples": samples,
        "steps": sigma.size - 1,
        "noised": "data" if sampler is not None else "samples of the model",
        "seed": own.seed,
        "evaluations": samples * commitment_evaluations(sigma.size - 1, len(prior), sampler is not None),
    }
    levels = sigma[:0:-1]
    whole = entropy_of(groups @ prior)
    curve = curve_of("entropy", levels, found["own_entropy"], None, attributes, own.seed, whole)
    paths = [_Paths.of(found, path) for path in PATHS]
    return curve.assign_coords(_coordinates()).assign(_variables(paths))


@torch.no_grad()
def _block(kinds: tuple[Chains, Chains], groups: Array, generator: torch.Generator, count: int) -> Arrays:
    """Of the paths of both kinds, ascending in σ: largest posterior, its group and the entropy; own group."""
    members, found = torch.as_tensor(groups, device="cpu"), dict[str, Array]()
    for kind, chains in zip(PATHS, kinds, strict=True):
        rows: dict[str, list[Array]] = {"largest": [], "likeliest": [], "entropy": []}
        own = torch.zeros(0, device="cpu")
        for step in chains.steps(generator, count):
            own = members.argmax(0)[step.own]
            shares = torch.exp(step.after) @ members.T
            largest, likeliest = shares.max(1)
            rows["largest"].append(largest.clamp_max(1).numpy())
            rows["likeliest"].append(likeliest.double().numpy())
            rows["entropy"].append(torch.special.entr(shares).sum(1).numpy())
        found |= {f"{kind}_{key}": np.stack(values[::-1], axis=1) for key, values in rows.items()}
        found[f"{kind}_class"] = own.double().numpy()
    return found


@dataclass(frozen=True)
class _Paths:
    """n paths of one kind: p̂ and whether k̂ is the path's class, and k̂ itself, (n, levels), σ ascending."""

    largest: Float64[Array, "n levels"]
    right: Bool[NDArray[np.bool_], "n levels"]
    likeliest: Float64[Array, "n levels"]

    @classmethod
    def of(cls, found: Arrays, kind: str) -> "_Paths":
        likeliest = found[f"{kind}_likeliest"]
        return cls(found[f"{kind}_largest"], likeliest == found[f"{kind}_class"][:, None], likeliest)

    @property
    def change(self) -> Array:
        """Whether k̂ is another at any lower level."""
        steps = self.likeliest[:, :-1] != self.likeliest[:, 1:]
        later = np.logical_or.accumulate(steps, axis=1)
        return np.pad(later, ((0, 0), (1, 0))).astype(np.float64)

    def stopped(self, p: float) -> tuple[Array, Array, Array]:
        """p̂, whether k̂ is right and whether it is k̂ at the end, where p̂ first reaches p on the way down."""
        reached = self.largest >= p
        level = reached.shape[1] - 1 - reached[:, ::-1].argmax(axis=1)
        at = (np.arange(len(level)), level)
        kept = self.likeliest[at] == self.likeliest[:, 0]
        whole = np.stack([self.largest[at], self.right[at], kept])[:, reached.any(axis=1)]
        return whole[0], whole[1], whole[2]


def _coordinates() -> Fields:
    centres = (np.arange(BINS) + 0.5) / BINS
    stops = {"long_name": "posterior of the likelier class at which a path is stopped", "units": "1"}
    return {
        "path": list(PATHS),
        "bin": ("bin", centres, {"long_name": "middle of the bin of the largest posterior", "units": "1"}),
        "p": ("p", np.array(STOPS), stops),
    }


_NAMES = {
    "confidence": "mean posterior of the likeliest class",
    "right": "share of paths whose likeliest class is their own",
    "overconfidence": "mean posterior of the likeliest class less the share that is right",
    "change": "probability that the likeliest class changes below σ",
    "share": "share of paths whose largest posterior reaches p",
    "kept": "share of paths whose class is still the likeliest at the end",
    "count": "paths whose largest posterior lies in the bin",
}
_KINDS = {
    "stopped": (("p",), ", where a path is stopped"),
    "bin": (("sigma", "bin"), ", in the bin"),
    "mean": ((), ", over all levels"),
}


def _variables(paths: list[_Paths]) -> Fields:
    """Everything over `path`, each as (dimensions, values, attributes)."""
    found: dict[str, list[Array]] = {}
    for each in paths:
        rows = _of_levels(each) | _of_stops(each) | _of_bins(each)
        overall = (each.largest - each.right).mean(axis=1)
        rows |= {"mean_overconfidence": overall.mean(), "mean_overconfidence_se": _error(overall)}
        for key, values in rows.items():
            found.setdefault(key, []).append(values)
    return {key: _described(key, np.stack(values)) for key, values in found.items()}


def _described(key: str, values: Array) -> tuple[tuple[str, ...], Array, dict[str, str]]:
    kind, _, rest = key.partition("_")
    dimensions, where = _KINDS.get(kind, (("sigma",), ""))
    quantity = (rest if kind in _KINDS else key).removesuffix("_se")
    name = _NAMES[quantity] + ("" if quantity in ("share", "count") else where)
    name = f"standard error of {name}" if key.endswith("_se") else name
    return ("path", *dimensions), values, {"long_name": name, "units": "1"}


def _of_levels(paths: _Paths) -> dict[str, Array]:
    found = _calibration(paths.largest, paths.right)
    return found | dict(zip(("change", "change_se"), _share(paths.change), strict=True))


def _calibration(largest: Array, right: Array | NDArray[np.bool_]) -> dict[str, Array]:
    """Means over the first axis with their errors; of their difference at least a calibrated network's."""
    count = max(len(largest), 1)
    if not len(largest):
        nothing = np.full(largest.shape[1:], np.nan)
        keys = ("confidence", "right", "overconfidence")
        return {f"{key}{end}": nothing for key in keys for end in ("", "_se")}
    calibrated = np.sqrt((largest * (1 - largest)).mean(axis=0) / count)
    error = np.maximum(_error(largest - right), calibrated)
    share, share_se = _share(right)
    return {
        "confidence": largest.mean(axis=0),
        "confidence_se": _error(largest),
        "right": share,
        "right_se": share_se,
        "overconfidence": (largest - right).mean(axis=0),
        "overconfidence_se": error,
    }


def _error(values: Array) -> Array:
    return values.std(axis=0, ddof=1 if len(values) > 1 else 0) / np.sqrt(len(values))


def _share(events: Array | NDArray[np.bool_]) -> tuple[Array, Array]:
    """How often, and its error, which is not zero where all of them are alike."""
    return events.mean(axis=0), np.maximum(_error(events.astype(np.float64)), 0.5 / len(events))


def _of_stops(paths: _Paths) -> dict[str, Array]:
    rows: dict[str, list[Array]] = {}
    for p in STOPS:
        largest, right, kept = paths.stopped(p)
        found = _calibration(largest, right)
        found["share"] = np.array(largest.size / len(paths.largest))
        nothing = (np.array(np.nan), np.array(np.nan))
        found |= dict(zip(("kept", "kept_se"), _share(kept) if kept.size else nothing, strict=True))
        for key, value in found.items():
            rows.setdefault(f"stopped_{key}", []).append(value)
    return {key: np.stack(values) for key, values in rows.items()}


def _of_bins(paths: _Paths) -> dict[str, Array]:
    """Of each level and bin, (levels, bins)."""
    place = np.minimum((paths.largest * BINS).astype(int), BINS - 1)
    inside = place[..., None] == np.arange(BINS)
    count = inside.sum(axis=0)
    with np.errstate(invalid="ignore"):
        confidence = (inside * paths.largest[..., None]).sum(axis=0) / count
        right = (inside & paths.right[..., None]).sum(axis=0) / count
    error = np.sqrt(np.maximum(right * (1 - right), 0.25 / np.maximum(count, 1)) / np.maximum(count, 1))
    values = {"count": count.astype(np.float64), "confidence": confidence, "right": right, "right_se": error}
    return {f"bin_{key}": each for key, each in values.items()}
