"""B24's cloning experiment on any denoiser: branch two reverse runs at σ and see whether their classes agree.

A state X_σ is reached by noising clean samples, or down the model's own reverse chain. From it two chains run
back with independent noise and without a requested class, and each carries its posterior over the classes to
the end. Clones have classes drawn from those posteriors, so they agree with the probability

    φ(σ) = E Σ_k p_k p′_k = E Σ_k p_k(X_σ)²        (T4)

whose two sides are measured here apart: by running the clones, and by the posterior at the branch. T22 turns
φ into bounds on H(C|X_σ) for any data and any number of classes; a given classifier may judge instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...numerics.curves.dataset import entropy_of
from ...numerics.runs.blocks import Arrays
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.aliases import Fields
from ...theory._support.options import showing
from ...theory._support.whole_numbers import whole_number
from ...theory.closed_forms.clone_bounds import clone_bounds
from .._support.condition_names import listed
from ..denoiser import Denoiser, checked_conditions, membership
from .chains import Chains, Reference, Sampler, Start, Step, checked_levels, chosen_reference
from .curve_statistics import curve_of
from .work import Work, WorkOptions

__all__ = ["Classifier", "clone_agreement_curve", "clone_evaluations", "clone_steps"]

Array = NDArray[np.float64]
Classifier = Callable[[Tensor], Tensor]

_BELOW = 2.0  # clones run to this factor below the lowest level, so that one branched there runs too


def clone_steps(sigmas: ArrayLike, steps: int) -> Array:
    """Noise levels of the chains, descending: `steps` geometric steps, and every level that is asked for."""
    levels = np.asarray(sigmas, dtype=np.float64)
    grid = np.geomspace(levels.max(), levels.min() / _BELOW, steps + 1)
    far = np.abs(np.log(grid[:, None] / levels)).min(axis=1) > 0.25 * np.log(grid[0] / grid[1])
    far[-1] = True
    return np.sort(np.concatenate([grid[far], levels]))[::-1]


def clone_evaluations(sigmas: ArrayLike, steps: int, conditions: int, reference: Reference) -> int:
    """Of the denoiser, for one branched state with its two clones at every level."""
    grid = clone_steps(sigmas, steps)
    below = sum(int((grid < level).sum()) for level in np.asarray(sigmas))
    each = conditions + (reference == "unconditional")
    return (grid.size - 1) * conditions + 2 * below * each


@showing(Work)
def clone_agreement_curve(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: ArrayLike,
    sampler: Sampler | None = None,
    *,
    shape: Sequence[int] = (),
    weights: Sequence[float] | None = None,
    classifier: Classifier | None = None,
    clone_reference: Reference | None = None,
    partition: Mapping[str, Sequence[str]] | None = None,
    samples: int = 200,
    steps: int = 60,
    **work: Unpack[WorkOptions],
) -> xr.Dataset:
    """Probability that two clones branched at each noise level end in the same class, for any denoiser.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition)`.
    conditions : sequence of str
        Classes of the posterior.
    sigmas : array_like, shape (levels,)
        Noise levels at which runs branch, ascending, > 0, from where the class is decided to where nothing
        is known of it.
    sampler : callable, optional
        `sampler(condition, count, generator)` gives clean samples (count, …), which are noised. Without one
        the branched states are those of the model's own reverse chains, of samples of the given `shape`.
    shape : sequence of int, optional
        Shape of one sample, needed without a sampler.
    weights : sequence of float, optional
        Prior of the classes, equal by default.
    classifier : callable, optional
        `classifier(x)` gives the index of the class of each clean sample, an integer tensor (n,). Without one
        the posterior that a clone carries judges it.
    clone_reference : {"unconditional", "classes"}, optional
        What clones run with: the denoiser without a condition, which is right only where `conditions` are all
        classes of the model at its own weights, or `Σ_k p_k D_k` with the posterior that they carry, which
        stays among them. The first unless the denoiser says that it never learnt one (`has_null` false).
    partition : mapping from group names to conditions, optional
        Measure whether clones end in the same group.
    samples : int
        Branched states; each has two clones at every level.
    steps : int
        Geometric steps of a chain from the highest level to half the lowest, beside the levels themselves.
    batch, seed, resume, share, name, progress, dtype, device
        As for `path_entropy`.

    Returns
    -------
    xarray.Dataset
        Over ascending `sigma`: `agreement` φ by the clones and `posterior_agreement` `E Σ_k p_k²` at the
        branch; `entropy` (nats) of the posterior at the branch and its `rate` (per unit OU time);
        `entropy_lower` and `entropy_upper`, the bounds of T22 at the measured φ (nats); all with standard
        errors `*_se`. Places without a dimension are those of `path_entropy`. A chain's steps bias φ in first
        order of their size.

    Raises
    ------
    ValueError
        Fewer than two conditions, or one that the denoiser does not know; weights that are no distribution;
        levels that do not ascend or are not above 0; no `shape` where there is no sampler; a classifier
        together with a partition.

    References
    ----------
    B24; T4, T22.
    """
    sigma, own = checked_levels(sigmas, samples), Work.of(work)
    steps = whole_number(steps, "steps")
    if classifier is not None and partition is not None:
        raise ValueError("classifier: judges classes, and not groups; give a classifier or a partition")
    prior = checked_conditions(conditions, weights)
    groups = membership(conditions, partition)
    reference = chosen_reference(clone_reference, denoiser, "clone_reference")
    grid = clone_steps(sigma, steps)
    model = (denoiser, tuple(conditions), grid, tuple(shape), prior)
    chain = Chains(*model, sampler=sampler, dtype=own.dtype, device=own.device)
    experiment = _Experiment(chain, reference, groups, tuple(sigma), classifier)
    names = own.names(denoiser=denoiser, sampler=sampler, classifier=classifier)
    numbers = (sigma, prior, groups, steps, *own.numbers(shape), reference)
    run = fingerprint("cloning", *names, *map(repr, conditions), *numbers)
    found = own.blocks(experiment.block, samples, run)
    attributes: Fields = {
        "method": "cloning",
        "conditions": listed(conditions),
        "classes": len(groups),
        "samples": samples,
        "steps": steps,
        "clone_reference": reference,
        "judge": "posterior" if classifier is None else "classifier",
        "seed": own.seed,
        "evaluations": samples * clone_evaluations(sigma, steps, len(prior), reference),
    }
    whole = entropy_of(groups @ prior)
    curve = curve_of("entropy", sigma, found["entropy"], None, attributes, own.seed, whole)
    return curve.assign(_agreements(sigma, found, len(groups), classifier is not None))


def _agreements(sigma: Array, found: Arrays, classes: int, judged: bool) -> Fields:
    """The two sides of T4 with their errors, and T22's bounds at the clones' φ, `judged` by a classifier."""
    least = 0.5 / len(found["agreement"]) if judged else 0.0
    variables: Fields = {}
    for key, about in (
        ("agreement", "probability that two clones end in one class"),
        ("posterior_agreement", "probability that two draws from the posterior at the branch agree"),
    ):
        values = found[key]
        # a classifier's verdicts that are all alike are still no certainty
        error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        error = np.maximum(error, least if key == "agreement" else 0.0)
        variables[key] = ("sigma", values.mean(axis=0), {"long_name": about, "units": "1"})
        variables[f"{key}_se"] = ("sigma", error, {"long_name": f"standard error of {key}", "units": "1"})
    phi, se = variables["agreement"][1], variables["agreement_se"][1]
    at, less, more = (clone_bounds(np.clip(phi + k * se, 1 / classes, 1.0), classes) for k in (0, 1, -1))
    for index, side in enumerate(("lower", "upper")):
        about = {"long_name": f"{side} bound on H(C|X) from the agreement (T22)", "units": "nats"}
        variables[f"entropy_{side}"] = ("sigma", np.broadcast_to(at[index], sigma.shape), about)
        error = np.broadcast_to((more[index] - less[index]) / 2, sigma.shape)
        about = about | {"long_name": f"standard error of entropy_{side}"}
        variables[f"entropy_{side}_se"] = ("sigma", error, about)
    return variables


@dataclass(frozen=True)
class _Experiment:
    """The chain that branches, and how its clones run and are judged; `levels` ascend."""

    chain: Chains
    reference: Reference
    groups: Float64[Array, "G K"]
    levels: tuple[float, ...]
    classifier: Classifier | None

    @torch.no_grad()
    def block(self, generator: torch.Generator, count: int) -> Arrays:
        """Agreement of each state's clones, and its posterior's own, at each level (count, levels)."""
        rows: dict[str, list[Array]] = {"agreement": [], "posterior_agreement": [], "entropy": []}
        for step in self.chain.steps(generator, count):
            if step.sigma not in self.levels:
                continue
            shares = self._shares(step.before)
            rows["entropy"].append(torch.special.entr(shares).sum(1).numpy())
            rows["posterior_agreement"].append((shares**2).sum(1).numpy())
            rows["agreement"].append(self._agreement(step, generator))
        # chains go down, curves are over ascending noise
        return {key: np.stack(values[::-1], axis=1) for key, values in rows.items()}

    def _agreement(self, step: Step, generator: torch.Generator) -> Float64[Array, " n"]:
        """Of the two clones of each state, (n,)."""
        grid = self.chain.sigma[self.chain.sigma <= step.sigma]
        twice = Start(torch.cat([step.x, step.x]), torch.cat([step.own, step.own]), step.before.repeat(2, 1))
        *_, last = self._clones(grid).steps(generator, 2 * step.x.shape[0], twice)
        if self.classifier is not None:
            shape = (*last.after.shape, *[1] * (last.each.ndim - 2))
            clean = (torch.exp(last.after).to(last.each).reshape(shape) * last.each).sum(1)
            first, second = self.classifier(clean).cpu().chunk(2)
            return (first == second).double().numpy()
        first, second = self._shares(last.after).chunk(2)
        return (first * second).sum(1).numpy()

    def _clones(self, grid: Array) -> Chains:
        """Chains down `grid` that ask for no class."""
        return replace(self.chain, sigma=grid, weight=np.zeros(1), reference=self.reference, sampler=None)

    def _shares(self, log_posterior: Float64[Tensor, "n K"]) -> Float64[Tensor, "n G"]:
        return torch.exp(log_posterior) @ torch.as_tensor(self.groups, device="cpu").T
