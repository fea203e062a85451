"""One measurement of a model: which estimator, at what cost, compared with what prediction."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from ...numerics.runs.blocks import PendingBlocksError, batch_sizes
from ...theory._support.aliases import Fields
from ...theory._support.values import ByContent
from ...theory.mixtures.labelled_samples import Samples
from ...theory.mixtures.mixture import GaussianMixture
from .._support.torch_randomness import generator_of
from ..denoiser import has_null
from ..estimators.chains import REFERENCES, Reference, chosen_reference, guidance_weights
from ..estimators.cloning import Classifier
from ..estimators.denoiser_gamma import denoiser_gamma
from ..estimators.model_samples import model_samples
from ..estimators.pairs import pair_entropies
from ..estimators.work import Progress, WorkOptions
from .comparison import Comparison, compare_pairs, compared, two_classes
from .groups import drawn_members, group_weights, in_groups
from .guided_ends import ends_of
from .methods import METHODS, Estimator, Method
from .predictions import FromDenoiser, FromSamples, Prediction, SampleRequest, side_by_side
from .reliability import reliability_of
from .subjects import Subject
from .verdicts import clones_of, numbers_of, sentence_of

__all__ = ["Measurement", "Options", "Result", "result_of"]

Array = NDArray[np.float64]

_SAMPLE_STEPS, _GAMMA_STEPS, _GAMMA_CHAINS = 16, 48, 32  # of a prediction
_TRIALS, _LONG_TRIAL = 5, 5.0  # batches that are timed, and seconds after which no more are


@dataclass(frozen=True)
class Options:
    """How a model is measured.

    `guidance_reference` is what guidance leads away from (`path_entropy`), the unconditional network unless
    the model has none. `levels` are noise levels of the discrepancy estimator, steps of the chains of path
    and commitment, or levels at which clones branch. `prediction` takes the place of the subject's own
    (`predictions`). `reference` is what all of a model's classes are compared with by the discrepancy
    estimator: their mean `Σ_k p_k D_k`, whose posterior the paths carry, or the unconditional network, which
    for an exact denoiser is the same and the usual one. With `pairs` every two of the classes are measured,
    in one sweep. A `classifier` judges clones in place of the posterior that they carry.
    """

    classes: tuple[str, ...]
    estimator: Estimator
    samples: int = 1000
    levels: int = 40
    batch: int = 64
    guidance: float = 1.0
    interval: tuple[float, float] | None = None
    guidance_reference: Reference | None = None
    prediction: GaussianMixture | SampleRequest | Literal["denoiser"] | None = None
    seed: int = 0
    pairs: bool = False
    classifier: Classifier | None = None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if self.estimator not in METHODS:
            raise ValueError(f"estimator: {self.estimator!r} is not one of {', '.join(METHODS)}")
        if not np.isfinite(self.guidance):
            raise ValueError(f"guidance: must be a finite number, not {self.guidance}")
        self._check_references()
        if not self.method.guided and self.guidance != 1:
            raise ValueError("guidance: chains are guided; choose the path estimator")
        if not self.method.guided and len(self.classes) < 2:
            raise ValueError(f"classes: the {self.estimator} estimator needs at least two")
        if self.pairs and not self.method.paired:
            raise ValueError("estimator: all pairs are measured with the discrepancy estimator")
        if self.classifier is not None and not self.method.judged:
            raise ValueError("classifier: judges clones; choose the cloning estimator")
        self._check_prediction()
        if self.guidance == 1 and self.interval is not None:
            raise ValueError("interval: acts on guidance; give a guidance weight too")

    def _check_references(self) -> None:
        for name in ("guidance_reference", "reference"):
            if getattr(self, name) not in (None, *REFERENCES):
                known = ", ".join(REFERENCES)
                raise ValueError(f"{name}: {getattr(self, name)!r} is not one of {known}")
        if self.reference is not None and (self.estimator != "discrepancy" or self.pairs):
            raise ValueError(
                "reference: applies to the discrepancy estimator, and not to all pairs; for guidance use "
                "guidance_reference"
            )
        if self.guidance == 1 and self.guidance_reference is not None:
            raise ValueError("guidance_reference: acts on guidance; give a guidance weight too")

    @property
    def method(self) -> Method:
        """The estimator."""
        return METHODS[self.estimator]

    def _check_prediction(self) -> None:
        two = self.guidance == 1 and (self.pairs or len(self.classes) == 2)
        if self.prediction == "denoiser" and not two:
            raise ValueError("prediction: denoiser needs two classes and no guidance; name two")
        if isinstance(self.prediction, SampleRequest) and len(self.classes) < 2:
            raise ValueError("prediction: samples needs several classes; name at least two")
        if self.pairs and isinstance(self.prediction, GaussianMixture):
            missing = [name for name in self.classes if name not in self.prediction.labels]
            if missing:
                raise ValueError(f"prediction: has no class {missing[0]!r}, which is measured")


@dataclass(frozen=True, eq=False)
class Result(ByContent):
    """What `measure` returns.

    Attributes
    ----------
    curve : xarray.Dataset
        Over `sigma`, and over `pair` if every pair of classes was measured; entropies in nats.
    comparison : Comparison or None
        The same with the prediction; `None` if there is no prediction.
    summary : dict
        Every number, and one `sentence`.
    inputs : mapping from file names to SHA-256
        Files that were read.
    """

    curve: xr.Dataset
    comparison: Comparison | None = None
    summary: Fields = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """A subject with its options, and where and by whom it is run.

    Raises
    ------
    ValueError
        For options that do not fit the subject, before any work.
    """

    subject: Subject
    options: Options
    folder: Path | None = None
    share: tuple[int, int] = (0, 1)
    progress: Progress | None = None

    def __post_init__(self) -> None:
        o, s = self.options, self.subject
        if s.check is not None:
            s.check(self.conditions)
        self._check_reference()
        if not self.guided:
            return
        guidance_weights(s.chain(o.levels), o.guidance, o.interval)
        if o.guidance_reference == "unconditional" and not has_null(s.denoiser):
            raise ValueError(f"guidance_reference: {s.caveat or 'the model answers nothing without a class'}")
        if o.prediction is not None and not self.is_predicted:
            raise ValueError(
                "prediction: holds for guidance relative to the measured classes, which are not all of the "
                "model's classes; choose classes as the guidance reference"
            )

    def _check_reference(self) -> None:
        """Refuse the unconditional network where it is not the mean of the measured classes, or not there."""
        s = self.subject
        if self.options.reference != "unconditional":
            return
        if not self._are_all:
            raise ValueError(
                "reference: unconditional needs all of the model's classes, without a partition, and clean "
                "samples; leave it out"
            )
        if not has_null(s.denoiser):
            raise ValueError(f"reference: {s.caveat or 'the model answers nothing without a class'}")

    @property
    def _are_all(self) -> bool:
        """Whether all classes of the model are told apart, one by one, on clean samples."""
        o, s = self.options, self.subject
        whole = o.classes == s.conditions and s.groups is None and s.sampler is not None
        return whole and s.exhaustive and not o.pairs

    @property
    def guided(self) -> bool:
        """Whether chains are guided."""
        return self.options.guidance != 1

    @property
    def reference(self) -> Reference:
        """What guidance leads away from."""
        return chosen_reference(self.options.guidance_reference, self.subject.denoiser)

    @property
    def clone_reference(self) -> Reference:
        """What clones run with: those of some of a model's classes must not end in another."""
        s = self.subject
        whole = s.exhaustive and set(self.options.classes) == set(s.conditions)
        return chosen_reference(None if whole else "classes", s.denoiser)

    @property
    def asks_without_condition(self) -> bool:
        """Whether the unconditional network takes part."""
        reference = self.clone_reference if self.options.estimator == "cloning" else self.reference
        guided = (self.guided or self.options.estimator == "cloning") and reference == "unconditional"
        return None in self.conditions or guided or not self.needs_every_condition

    @property
    def is_predicted(self) -> bool:
        """Whether a mixture of the measured classes is what the curve can be compared with.

        Guidance that leads away from all classes of a model is not that of some of them among themselves.
        """
        exhaustive = set(self.options.classes) == set(self.subject.conditions)
        return not self.guided or self.reference == "classes" or exhaustive

    @property
    def conditions(self) -> tuple[str | None, ...]:
        """What the posterior is over; a single class is compared with the unconditional network."""
        classes = self.options.classes
        return (*classes, None) if len(classes) == 1 else classes

    @property
    def evaluations(self) -> int:
        """Network evaluations of this measurement, all shares together."""
        return self.options.method.evaluations(self)

    def unfinished(self) -> list[int]:
        """Batches that are not in the folder; `ValueError` if that holds those of another measurement."""
        sizes = batch_sizes(self.options.samples, self.options.batch)
        if self.folder is None or not (self.folder / "run").exists():
            return list(range(len(sizes)))
        # the share of nobody: what is there is read, and nothing is computed
        looking = replace(self, share=(len(sizes), len(sizes) + 1), progress=None)
        try:
            looking.run()
        except PendingBlocksError as pending:
            return list(pending.missing)
        return []

    def cost(self) -> dict[str, float]:
        """Evaluations that are left and that finished batches hold, and the seconds that this share takes."""
        sizes = batch_sizes(self.options.samples, self.options.batch)
        left = self.unfinished()
        extra = self._evaluations_of_prediction()
        each = self.seconds_per_evaluation() if left or extra else 0.0
        one = self.evaluations / self.options.samples
        rank, ranks = self.share
        own = sum(sizes[index] for index in left if index % ranks == rank)
        rows = sum(sizes[index] for index in left)
        return {
            "evaluations": round(one * rows) + extra,
            "finished": round(one * (self.options.samples - rows)),
            "seconds_per_evaluation": each,
            "seconds": (one * own + extra) * each,
        }

    def _evaluations_of_prediction(self) -> int:
        """What drawing samples for the prediction, or chains for γ, will take; nothing once they are kept."""
        o, s = self.options, self.subject
        if o.prediction == "denoiser":
            pairs = len(o.classes) * (len(o.classes) - 1) // 2
            return pairs * 2 * _GAMMA_CHAINS * _GAMMA_STEPS
        if not isinstance(o.prediction, SampleRequest):
            return 0
        rows = len(s.conditions if self.partition is not None else o.classes) * o.prediction.count
        place = self._samples_folder
        done = 0 if place is None else len(list(place.glob("block-*.npz"))) * min(o.batch, o.prediction.count)
        return max(rows - done, 0) * _SAMPLE_STEPS

    @property
    def partition(self) -> Mapping[str, Sequence[str]] | None:
        """Groups of the conditions, where all of them are measured."""
        return self.subject.groups if self.conditions == self.subject.conditions else None

    @property
    def weights(self) -> list[float] | None:
        """Prior of the conditions; `None` for equal ones, as of a class and no class."""
        return None if None in self.conditions else self.subject.prior(self.options.classes)

    @property
    def has_groups(self) -> bool:
        """Whether groups of conditions are measured."""
        return self.partition is not None

    @property
    def groups_or_classes(self) -> int:
        """How many of them are told apart."""
        return len(self.conditions) if self.partition is None else len(self.partition)

    @property
    def _samples_folder(self) -> Path | None:
        return None if self.folder is None else self.folder.with_name("samples")

    def drawn_samples(self) -> Samples:
        """Of the measured classes, or of their groups, drawn with the model and kept beside the blocks."""
        o, s = self.options, self.subject
        assert isinstance(o.prediction, SampleRequest)  # noqa: S101 (its caller asked)
        chain = s.chain(_SAMPLE_STEPS - 1)
        work = self.work | {"resume": self._samples_folder}
        found = model_samples(s.denoiser, o.classes, chain, s.shape, samples=o.prediction.count, **work)
        if self.partition is None:
            return found
        names = list(self.partition)
        group = {name: k for k, members in enumerate(self.partition.values()) for name in members}
        own = np.array([group[found.labels[k]] for k in found.own])
        return Samples(found.rows, own, tuple(names))

    def gamma_of(self, names: Sequence[str]) -> FromDenoiser:
        """The prediction of two classes from the denoiser alone."""
        s = self.subject
        chain = s.chain(_GAMMA_STEPS)
        found = denoiser_gamma(
            s.denoiser, names, chain, s.shape,
            chains=_GAMMA_CHAINS, seed=self.options.seed, dtype=s.dtype, device=s.device,
        )  # fmt: skip
        prior = None if self.options.pairs else s.prior(names)
        return FromDenoiser(found, tuple(names), 0.5 if prior is None else min(prior))

    def seconds_per_evaluation(self) -> float:
        """Of a batch of the run's own size: the median of a few, after one that warms up, a sample each."""
        o, s = self.options, self.subject
        sigma, count = float(s.levels(o.levels)[-1]), min(o.batch, o.samples)
        size = (count, *s.shape)
        draws = torch.randn(size, generator=generator_of(o.seed, 0), dtype=s.dtype, device="cpu")
        x, spent = sigma * draws.to(s.device), list[float]()
        while len(spent) < 2 or (len(spent) <= _TRIALS and sum(spent) < _LONG_TRIAL):
            started = time.perf_counter()
            float(s.denoiser(x, sigma, o.classes[0]).sum())  # waits for the device
            spent.append(time.perf_counter() - started)
        return float(np.median(spent[1:])) / count

    @property
    def work(self) -> WorkOptions:
        """Arguments that every estimator takes: how the work is cut, kept, shared and shown, and where."""
        return {
            "batch": self.options.batch,
            "seed": self.options.seed,
            "resume": self.folder,
            "share": self.share,
            "name": self.subject.name,
            "dtype": self.subject.dtype,
            "device": self.subject.device,
            "progress": self.progress,
        }

    def run(self) -> xr.Dataset:
        """The curve, or those of all pairs; `blocks.PendingBlocksError` while other shares are missing."""
        return self._run_pairs() if self.options.pairs else self.options.method.run(self)

    def _run_pairs(self) -> xr.Dataset:
        o, s = self.options, self.subject
        if s.sampler is None:
            raise ValueError("classes: all pairs need a model with clean samples")
        if s.predict is None and o.prediction is None:
            raise ValueError("prediction: this model has none of its own; give samples, or denoiser")
        levels = s.levels(o.levels)
        work = self.work | {"dtype": torch.float64}  # whatever the network computes in
        return pair_entropies(s.denoiser, o.classes, levels, s.sampler, samples=o.samples, **work)

    @property
    def needs_every_condition(self) -> bool:
        """Whether the reference is the classes' mean; of all classes it may be the answer without one."""
        reference = self.options.reference or ("unconditional" if self.subject.is_exact else "classes")
        return self.options.estimator != "discrepancy" or not self._are_all or reference == "classes"


def result_of(measurement: Measurement) -> Result:
    """Run a measurement and compare it with its prediction, where there is one.

    Of all pairs, the log-scale test is what they are compared with.
    """
    o, s = measurement.options, measurement.subject
    if o.pairs:
        return _measure_pairs(measurement)
    mixture = o.prediction if isinstance(o.prediction, GaussianMixture) else _own(measurement)
    if mixture is not None and measurement.has_groups:
        # of guided groups there is no prediction
        mixture = None if measurement.guided else in_groups(mixture, s.groups)
    _check_prediction(measurement, mixture)
    members, inputs = drawn_members(s), {**s.inputs, **getattr(o.classifier, "inputs", {})}
    noted = {key: text for key, text in members.items() if isinstance(text, str)}
    curve = measurement.run().assign_attrs(model_classes=len(s.conditions), **noted)
    summary = {"model": s.name, **curve.attrs, **numbers_of(curve), **members}
    if "agreement" in curve:
        summary["clones"] = clones_of(curve)
    if measurement.asks_without_condition:
        summary["unconditional"] = s.null
    if o.estimator == "commitment":
        summary["reliability"] = reliability_of(curve)
    if "ends" in curve:
        summary["ends"] = ends_of(curve)
    prediction: Prediction | None = mixture
    if isinstance(o.prediction, SampleRequest):
        samples = measurement.drawn_samples()
        weights = group_weights(s, o.classes) if measurement.has_groups else s.prior(o.classes)
        prediction = FromSamples.of(samples, weights, o.seed)
        summary |= {"predictions": side_by_side(prediction, lambda: mixture, o.seed)}
        summary |= {"samples_a_class": o.prediction.count, "shrinkage": prediction.fitted.shrinkage[0:1]}
    elif o.prediction == "denoiser":
        prediction = measurement.gamma_of(o.classes)
    if prediction is None:
        return Result(curve, None, summary | {"sentence": sentence_of(curve)}, inputs)
    found = compared(curve, prediction, o.guidance, o.interval, o.seed)
    summary |= {"comparison": found.summary, "sentence": found.summary["sentence"]}
    return Result(curve, found, summary, inputs)


def _own(measurement: Measurement) -> GaussianMixture | None:
    """The mixture that predicts the model unless another is named, if it has one for these classes."""
    o, s = measurement.options, measurement.subject
    if s.predict is None or len(o.classes) < 2 or not measurement.is_predicted:
        return None
    return s.predict(o.classes)


def _check_prediction(measurement: Measurement, mixture: GaussianMixture | None) -> None:
    """Refuse a prediction of other groups or another number of classes, before the run."""
    own = measurement.groups_or_classes
    if mixture is None:
        return
    if measurement.subject.sizes is not None:
        raise ValueError(
            "prediction: a mixture is of whole groups, of which members draws some classes; leave one of the "
            "two out, or say samples, which are drawn of the same classes"
        )
    grouped = measurement.has_groups and mixture.partition is not None
    found = len(mixture.partition or ()) if grouped else mixture.classes
    if found != own:
        raise ValueError(f"prediction: has {found} classes, the measurement {own}")


def _measure_pairs(measurement: Measurement) -> Result:
    o, s = measurement.options, measurement.subject
    named = o.prediction if isinstance(o.prediction, GaussianMixture) else None
    pairs = measurement.run()
    found = compare_pairs(pairs, _predictor(measurement, named), o.seed)
    summary: Fields = {"model": s.name, **pairs.attrs, **found.summary}
    for name in ("closure", "window_closure", "gap_closure"):
        values = pairs[name].values
        ends = {"median": np.median(values), "least": values.min(), "largest": values.max()}
        summary |= {name: {end: float(x) for end, x in ends.items()}}
    return Result(found.measured, None, summary, s.inputs)


def _predictor(
    measurement: Measurement, named: GaussianMixture | None
) -> Callable[[Sequence[str]], Prediction]:
    """What predicts two classes by name."""
    o, predict = measurement.options, measurement.subject.predict
    if isinstance(o.prediction, SampleRequest):
        samples = measurement.drawn_samples()
        return lambda names: FromSamples.of(samples.of(names), None, o.seed)
    if o.prediction == "denoiser":
        return measurement.gamma_of
    if named is not None:
        return lambda names: two_classes(named, names)
    assert predict is not None  # noqa: S101 (the run refuses a model without)
    return lambda names: two_classes(predict(names), names)
