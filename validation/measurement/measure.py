"""One measurement of a model: which estimator, at what cost, compared with what prediction."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from ...numerics.runs.blocks import PendingBlocksError, batch_sizes
from ...theory.mixtures.mixture import GaussianMixture
from .._support.torch_randomness import generator_of
from ..denoiser import has_null
from ..estimators.chains import REFERENCES, Reference, chosen_reference, guidance_weights
from ..estimators.discrepancy import discrepancy_entropy
from ..estimators.pairs import pair_entropies
from ..estimators.path import path_entropy
from .comparison import Comparison, compare_pairs, compared, two_classes
from .subjects import Subject
from .verdicts import numbers_of, sentence_of

__all__ = ["ESTIMATORS", "Measurement", "Options", "Result", "result_of"]

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

_TRIALS, _LONG_TRIAL = 5, 5.0  # batches that are timed, and seconds after which no more are

ESTIMATORS = ("path", "discrepancy")


@dataclass(frozen=True)
class Options:
    """How a model is measured.

    `guidance_reference` is what guidance leads away from (`path_entropy`), the unconditional network unless
    the model has none. `levels` are noise levels of the discrepancy estimator, or steps of the path's chain.
    `prediction` takes the place of the subject's own. With `pairs` every two of the classes are measured, in
    one sweep.
    """

    classes: tuple[str, ...]
    estimator: str
    samples: int = 1000
    levels: int = 40
    batch: int = 64
    guidance: float = 1.0
    interval: tuple[float, float] | None = None
    guidance_reference: Reference | None = None
    prediction: GaussianMixture | None = None
    seed: int = 0
    pairs: bool = False

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise ValueError(f"estimator: {self.estimator!r} is not one of {', '.join(ESTIMATORS)}")
        if not np.isfinite(self.guidance):
            raise ValueError(f"guidance: must be a finite number, not {self.guidance}")
        if self.guidance_reference not in (None, *REFERENCES):
            known = ", ".join(REFERENCES)
            raise ValueError(f"guidance_reference: {self.guidance_reference!r} is not one of {known}")
        if self.estimator == "discrepancy" and self.guidance != 1:
            raise ValueError("guidance: chains are guided; choose the path estimator")
        if self.estimator == "discrepancy" and len(self.classes) < 2:
            raise ValueError("classes: the discrepancy estimator needs at least two")
        if self.pairs and self.estimator == "path":
            raise ValueError("estimator: all pairs are measured with the discrepancy estimator")
        if self.pairs and self.prediction is not None:
            raise ValueError("prediction: all pairs are compared with the model's own; name two classes")
        if self.guidance == 1 and self.interval is not None:
            raise ValueError("interval: acts on guidance; give a guidance weight too")
        if self.guidance == 1 and self.guidance_reference is not None:
            raise ValueError("guidance_reference: acts on guidance; give a guidance weight too")


@dataclass(frozen=True)
class Result:
    """A curve (or one per pair), what it is compared with, and everything in numbers."""

    curve: xr.Dataset
    comparison: Comparison | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """A subject with its options, and where and by whom it is run.

    Raises `ValueError` for options that do not fit the subject, before any work.
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
        if not self.guided:
            return
        guidance_weights(s.chain(o.levels), o.guidance, o.interval)
        if o.guidance_reference == "unconditional" and not has_null(s.denoiser):
            raise ValueError(f"guidance_reference: {s.caveat or 'the model answers nothing without a class'}")
        if o.prediction is not None and not self.is_predicted:
            raise ValueError(
                "prediction: is of guidance against the measured classes, and these are not all of the "
                "model's; choose the classes as the guidance reference"
            )

    @property
    def guided(self) -> bool:
        """Whether chains are guided."""
        return self.options.guidance != 1

    @property
    def reference(self) -> Reference:
        """What guidance leads away from."""
        return chosen_reference(self.options.guidance_reference, self.subject.denoiser)

    @property
    def asks_without_condition(self) -> bool:
        """Whether the unconditional network takes part."""
        guided = self.guided and self.reference == "unconditional"
        return None in self.conditions or guided or not self._needs_every_condition

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
        o = self.options
        per_level = len(self.conditions) if self._needs_every_condition else 2
        apart = 0
        if self.guided and self.reference == "unconditional" and None not in self.conditions:
            weights = guidance_weights(self.subject.chain(o.levels), o.guidance, o.interval)
            apart = int((weights != 1).sum())
        return o.samples * (o.levels * per_level + apart)

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
        each = self.seconds_per_evaluation() if left else 0.0
        one = self.evaluations / self.options.samples
        rank, ranks = self.share
        own = sum(sizes[index] for index in left if index % ranks == rank)
        rows = sum(sizes[index] for index in left)
        return {
            "evaluations": round(one * rows),
            "finished": round(one * (self.options.samples - rows)),
            "seconds_per_evaluation": each,
            "seconds": one * own * each,
        }

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
    def work(self) -> dict[str, Any]:
        """Arguments that every estimator takes: how the work is cut, kept, shared and shown, and where."""
        return {
            "batch": self.options.batch,
            "seed": self.options.seed,
            "folder": self.folder,
            "share": self.share,
            "name": self.subject.name,
            "device": self.subject.device,
            "progress": self.progress,
        }

    def run(self) -> xr.Dataset:
        """The curve, or those of all pairs; `blocks.PendingBlocksError` while other shares are missing."""
        o, s = self.options, self.subject
        if o.pairs:
            return self._run_pairs()
        common: dict[str, Any] = self.work | {
            "partition": s.groups if self.conditions == s.conditions else None,
            "dtype": s.dtype,
        }
        if None not in self.conditions:
            common["weights"] = s.prior(o.classes)
        if o.estimator == "path":
            return path_entropy(
                s.denoiser,
                self.conditions,
                s.chain(o.levels),
                s.shape,
                chains=o.samples,
                guidance=o.guidance,
                interval=o.interval,
                guidance_reference=o.guidance_reference,
                **common,
            )
        posterior = "path" if self._needs_every_condition else None
        return discrepancy_entropy(
            s.denoiser,
            o.classes,
            s.levels(o.levels),
            s.sampler,
            shape=s.shape,
            posterior=posterior,
            samples=o.samples,
            **common,
        )

    def _run_pairs(self) -> xr.Dataset:
        o, s = self.options, self.subject
        if s.sampler is None or s.predict is None:
            raise ValueError("classes: all pairs need a model with clean samples and a prediction")
        levels = s.levels(o.levels)
        return pair_entropies(s.denoiser, o.classes, levels, s.sampler, samples=o.samples, **self.work)

    @property
    def _needs_every_condition(self) -> bool:
        """The unconditional network is the reference where the classes are all of the model's."""
        o, s = self.options, self.subject
        exhaustive = o.classes == s.conditions and s.groups is None and not o.pairs
        return o.estimator == "path" or not exhaustive or s.sampler is None


def result_of(measurement: Measurement) -> Result:
    """Run a measurement and compare it with its prediction, where there is one.

    Of all pairs, the log-scale test is what they are compared with.
    """
    o, s = measurement.options, measurement.subject
    if o.pairs:
        return _measure_pairs(measurement)
    mixture = o.prediction
    if mixture is None and s.predict is not None and len(o.classes) > 1 and measurement.is_predicted:
        mixture = s.predict(o.classes)
    _check_prediction(measurement, mixture)
    curve = measurement.run().assign_attrs(model_classes=len(s.conditions))
    summary = {"model": s.name, **curve.attrs, **numbers_of(curve)}
    if measurement.asks_without_condition:
        summary["unconditional"] = s.null
    if mixture is None:
        return Result(curve, None, summary | {"sentence": sentence_of(curve)}, s.inputs)
    found = compared(curve, mixture, o.guidance, o.interval, o.seed)
    summary |= {"comparison": found.summary, "sentence": found.summary["sentence"]}
    return Result(curve, found, summary, s.inputs)


def _check_prediction(measurement: Measurement, mixture: GaussianMixture | None) -> None:
    """Refuse a prediction of another number of classes, before the run."""
    own = len(measurement.conditions)
    partition = (
        measurement.subject.groups if measurement.conditions == measurement.subject.conditions else None
    )
    own = own if partition is None else len(partition)
    if mixture is not None and mixture.classes != own:
        raise ValueError(f"prediction: has {mixture.classes} classes, the measurement {own}")


def _measure_pairs(measurement: Measurement) -> Result:
    o, s = measurement.options, measurement.subject
    pairs = measurement.run()
    predict = s.predict
    assert predict is not None  # noqa: S101 (the run refuses a model without)
    found = compare_pairs(pairs, lambda names: two_classes(predict(names), names), o.seed)
    closure = pairs.closure.values
    ends = {"median": np.median(closure), "least": closure.min(), "largest": closure.max()}
    summary: dict[str, Any] = {"model": s.name, **pairs.attrs, **found.summary}
    summary |= {"closure": {name: float(x) for name, x in ends.items()}}
    return Result(found.measured, None, summary, s.inputs)
