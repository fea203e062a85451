"""The estimators of a measurement by name: what each measures, how much unless it is said, and how it is run.

Choices and help of the command line, defaults, refusals and dispatch come from here. An estimator is loaded
when it runs, so that the command line can name them all without torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import xarray as xr

    from .measure import Measurement

__all__ = ["ALL_PAIRS_SAMPLES", "METHODS", "Estimator", "Method", "is_of_chains"]

Estimator: TypeAlias = Literal["path", "discrepancy", "cloning", "commitment"]

ALL_PAIRS_SAMPLES = 6000
"""Samples of a measurement of all pairs, unless it is said how many."""
_CLONE_STEPS = 64  # of a chain, beside the levels at which it branches


@dataclass(frozen=True)
class Method:
    """An estimator: what it is `about`, and how many samples and levels are usual.

    `samples` are those of a model with clean samples, `samples_without` of one without. `of_chains` says
    whether curves have the bias of chains' steps, `guided` whether chains may be guided (and a class compared
    with no class), `paired` whether all pairs are measured with it, `judged` whether a classifier may judge,
    and `fewer_of_many` whether a network of many classes, each evaluated at every level, gets fewer samples.
    """

    about: str
    samples: int
    samples_without: int
    levels: int
    run: Callable[["Measurement"], "xr.Dataset"]
    evaluations: Callable[["Measurement"], int]
    of_chains: bool = True
    guided: bool = False
    paired: bool = False
    judged: bool = False
    fewer_of_many: bool = False


def is_of_chains(method: str) -> bool:
    """Whether the curve of an estimator, as its attribute `method` says, has the bias of chains' steps."""
    return "path" in method or any(method == name for name, each in METHODS.items() if each.of_chains)


def _path(m: "Measurement") -> "xr.Dataset":
    from ..estimators.path import path_entropy

    o, s = m.options, m.subject
    return path_entropy(
        s.denoiser, m.conditions, s.chain(o.levels), s.shape, weights=m.weights, samples=o.samples,
        guidance=o.guidance, interval=o.interval, guidance_reference=o.guidance_reference,
        partition=m.partition, **m.work,
    )  # fmt: skip


def _path_evaluations(m: "Measurement") -> int:
    from ..estimators.chains import guidance_weights

    o, apart = m.options, 0
    if m.guided and m.reference == "unconditional" and None not in m.conditions:
        weights = guidance_weights(m.subject.chain(o.levels), o.guidance, o.interval)
        apart = int((weights != 1).sum())
    return o.samples * (o.levels * len(m.conditions) + apart)


def _discrepancy(m: "Measurement") -> "xr.Dataset":
    from ..estimators.discrepancy import discrepancy_entropy

    o, s = m.options, m.subject
    return discrepancy_entropy(
        s.denoiser, o.classes, s.levels(o.levels), s.sampler, shape=s.shape, weights=m.weights,
        posterior="path" if m.needs_every_condition else None, partition=m.partition, samples=o.samples,
        **m.work,
    )  # fmt: skip


def _discrepancy_evaluations(m: "Measurement") -> int:
    return m.options.samples * m.options.levels * (len(m.conditions) if m.needs_every_condition else 2)


def _cloning(m: "Measurement") -> "xr.Dataset":
    from ..estimators.cloning import clone_agreement_curve

    o, s = m.options, m.subject
    return clone_agreement_curve(
        s.denoiser, o.classes, s.levels(o.levels), s.sampler, shape=s.shape, weights=m.weights,
        classifier=o.classifier, clone_reference=m.clone_reference, partition=m.partition, samples=o.samples,
        steps=_CLONE_STEPS, **m.work,
    )  # fmt: skip


def _cloning_evaluations(m: "Measurement") -> int:
    from ..estimators.cloning import clone_evaluations

    o = m.options
    levels = m.subject.levels(o.levels)
    return o.samples * clone_evaluations(levels, _CLONE_STEPS, len(o.classes), m.clone_reference)


def _commitment(m: "Measurement") -> "xr.Dataset":
    from ..estimators.commitment import commitment_curve

    o, s = m.options, m.subject
    return commitment_curve(
        s.denoiser, o.classes, s.chain(o.levels), s.shape, s.sampler, weights=m.weights,
        partition=m.partition, samples=o.samples, **m.work,
    )  # fmt: skip


def _commitment_evaluations(m: "Measurement") -> int:
    from ..estimators.commitment import commitment_evaluations

    o = m.options
    return o.samples * commitment_evaluations(o.levels, len(o.classes), m.subject.sampler is not None)


METHODS: dict[Estimator, Method] = {
    "path": Method("reverse chains", 600, 300, 64, _path, _path_evaluations, guided=True, fewer_of_many=True),
    "discrepancy": Method(
        "noised clean samples", 600, 300, 40, _discrepancy, _discrepancy_evaluations,
        of_chains=False, paired=True, fewer_of_many=True,
    ),
    "cloning": Method(
        "two runs branched at each level: their agreement, and bounds on the entropy", 200, 200, 12,
        _cloning, _cloning_evaluations, judged=True,
    ),
    "commitment": Method(
        "when runs still change class, and whether the network is calibrated", 300, 300, 64,
        _commitment, _commitment_evaluations,
    ),
}  # fmt: skip
"""By name, in the order of the command line's help."""
