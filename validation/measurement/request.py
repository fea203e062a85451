"""What is measured, how, and against what, unless it is said: the policy of every measurement.

A model with clean samples is measured by the discrepancy estimator, one without by reverse chains; so are
guidance and a single class, which is compared with the unconditional network. Classes of a network are
compared with their own mean, also where they are all it knows: what it errs without one is no information.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import torch

from ...numerics.runs.atomic_files import check_directory
from ...numerics.runs.manifests import sha256
from ...theory._support.options import taking
from ...theory.mixtures.families import FAMILIES
from ...theory.mixtures.mixture import GaussianMixture
from ..denoiser import Denoiser
from ..estimators.chains import Reference
from ..estimators.cloning import Classifier
from . import subjects
from .asked import Asked, Precision
from .groups import IMAGENET, Partition, grouped, imagenet_groups, read_partition
from .measure import Measurement, Options, Result, result_of
from .methods import ALL_PAIRS_SAMPLES, METHODS, Estimator
from .own_models import classifier_of, is_own, own_subject, subject_of_file
from .predictions import parsed
from .presets import PRESETS
from .subjects import MODELS, STABLE_DIFFUSION, Subject

__all__ = ["Request", "Run", "measure"]

_LEAST_SAMPLES = 150  # of a network with many classes, each of which is evaluated at every level
_MANY = 100  # classes, beyond which all of them are never meant
_DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
_TAKES = {
    "checkpoint": ("digits", "fashion", "edm", "edm2", "pipeline", "sd15"),
    "reference_checkpoint": ("edm", "edm2"),
    "prompts": ("pipeline", "sd15"),
    "variant": ("pipeline",),
}
"""Which models read which file."""


@dataclass(frozen=True)
class Request(Asked):
    """What is asked of a measurement; what is not said is chosen here."""

    def subject(self) -> Subject:
        """The model, read, with the groups of its classes that are measured; `ValueError` as for `model`."""
        found = self._subject()
        return replace(found, inputs={**found.inputs, **self._files()})

    def _files(self) -> dict[str, str]:
        """SHA-256 of the files beside the model's own that say what is measured, by their paths."""
        given = (self.partition, self.prediction, self.prompts)
        paths = [Path(each) for each in given if isinstance(each, str | Path) and each]
        # a long SPEC or list of groups is no name that a file could have
        return {str(path): sha256(path) for path in paths if os.path.isfile(path)}

    def _subject(self) -> Subject:
        if self.partition is None:
            if self.members is not None:
                raise ValueError("members: are drawn from the groups of a partition; give one")
            return self._model()
        if self.classes:
            raise ValueError("classes: are those of the partition; leave one of the two out")
        found = self._model()
        subject = grouped(found, self._groups(self.partition, found), self.members, self.seed)
        if self.guidance != 1 and set(subject.conditions) != set(found.conditions):
            raise ValueError("partition: guided chains need all of the model's classes in it")
        return subject

    @staticmethod
    def _groups(asked: Partition | str | Path, subject: Subject) -> Partition:
        if isinstance(asked, str) and asked.startswith(IMAGENET):
            return imagenet_groups(subject, asked)
        return read_partition(asked) if isinstance(asked, str | Path) else asked

    def _model(self) -> Subject:
        """The model, read; `ValueError` with one line for what is none, or a file that it does not take."""
        for name, models in _TAKES.items():
            given = getattr(self, name) is not None
            if given and self.model not in models and self._is_known():
                raise ValueError(f"{name}: applies to {', '.join(models)}, not to {_called(self.model)}")
        if self.download and self.model not in ("pipeline", "sd15") and self._is_known():
            raise ValueError(f"download: applies to pipeline and sd15, not to {_called(self.model)}")
        self._check_device()
        if not isinstance(self.model, str):
            return own_subject(self.model, device=self.device)
        if is_own(self.model):
            return subject_of_file(self.model, self.device)
        if self.model in ("digits", "fashion"):
            embedded = {"digits": subjects.digits_subject, "fashion": subjects.fashion_subject}
            return embedded[self.model](_path(self.checkpoint), self.device)
        if self.model in ("edm", "edm2"):
            if self.checkpoint is None:
                raise ValueError(
                    f"checkpoint: {self.model} needs a network's file, .pkl as published or .safetensors"
                )
            files = (Path(self.checkpoint), _path(self.reference_checkpoint))
            return subjects.edm_subject(*files, self.device, _DTYPES[self.precision], self.model)
        if self.model in ("pipeline", "sd15"):
            return self._pipeline(self.model)
        _check_model(self.model)
        return subjects.oracle_subject(self.model, self.device)

    def _pipeline(self, kind: str) -> Subject:
        if self.checkpoint is None and kind == "pipeline":
            raise ValueError("checkpoint: pipeline needs a folder, a .safetensors file or a hub name")
        source, where = str(self.checkpoint or STABLE_DIFFUSION), (self.device, _DTYPES[self.precision])
        options = {"download": self.download, "variant": self.variant, "kind": kind}
        return subjects.pipeline_subject(source, _path(self.prompts), *where, **options)

    def options(self, subject: Subject) -> Options:
        """Estimator, numbers of samples and levels, and classes, where they were not said."""
        if (
            self.partition is None
            and not self.classes
            and (self.model in ("edm", "edm2") or len(subject.conditions) > _MANY)
        ):
            few, count = ",".join(subject.conditions[:2]), len(subject.conditions)
            raise ValueError(f"classes: name some of the model's {count}, as {few}, or give a partition")
        classes = subject.chosen(self.classes)
        asked = self._by_preset()
        every = list(self.classes or ()) == ["all"] and "all" not in subject.conditions
        pairs = every and len(classes) > 2
        can = subject.sampler is not None and self.guidance == 1 and len(classes) > 1
        estimator: Estimator = asked.estimator or ("discrepancy" if can else "path")
        method = METHODS[estimator]
        usual = method.samples if subject.sampler is not None else method.samples_without
        if method.fewer_of_many and subject.sampler is not None and not subject.is_exact:
            usual = min(usual, max(_LEAST_SAMPLES, 2 * usual // len(classes)))
        if pairs and method.paired:
            usual = ALL_PAIRS_SAMPLES
        return Options(
            classes,
            estimator,
            samples=usual if asked.samples is None else asked.samples,
            levels=method.levels if asked.levels is None else asked.levels,
            batch=self.batch,
            guidance=self.guidance,
            interval=self.interval,
            guidance_reference=self.guidance_reference,
            prediction=parsed(self.prediction),
            seed=self.seed,
            pairs=pairs,
            reference=self.reference,
            classifier=classifier_of(asked.classifier)
            if isinstance(asked.classifier, str)
            else asked.classifier,
        )

    def _is_known(self) -> bool:
        """Whether the model is one, so that what is wrong is the file."""
        return is_own(self.model) or not _is_unknown(str(self.model))

    def _by_preset(self) -> "Request":
        """With the numbers of a published protocol, but for those that were said."""
        if self.preset is None:
            return self
        if (self.model, self.preset) not in PRESETS:
            known = ", ".join(sorted(f"{name} for {of}" for of, name in PRESETS))
            raise ValueError(f"preset: {self.preset!r} is not a protocol for {self.model}; there are {known}")
        if self.estimator is not None:
            raise ValueError("estimator: a preset uses the path estimator; leave one of the two out")
        protocol = PRESETS[str(self.model), self.preset]
        samples = protocol.chains if self.samples is None else self.samples
        levels = protocol.steps if self.levels is None else self.levels
        return replace(self, estimator="path", samples=samples, levels=levels)

    def _check_device(self) -> None:
        try:
            torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f"device: {self.device!r}: {str(error).splitlines()[0]}") from None
        if self.precision != "float32" and self.device == "cpu":
            raise ValueError("precision: a CPU computes in float32; choose another device")
        if self.precision != "float32" and self.model not in _TAKES["checkpoint"][2:]:
            raise ValueError("precision: applies to networks from files; other models have a fixed one")


@dataclass(frozen=True, kw_only=True)
class Run(Request):
    """A request, and where its finished work is kept, which share of it is done here, and who is told."""

    out: str | Path | None = None
    share: tuple[int, int] = (0, 1)
    progress: Callable[[int, int], None] | None = None


_TYPES = {
    "Classifier": Classifier, "Denoiser": Denoiser, "GaussianMixture": GaussianMixture,
    "Partition": Partition, "Reference": Reference, "Sequence": Sequence,
}  # fmt: skip
"""Types that `Asked` names and does not load, and torch with them."""


@taking(Run, _TYPES)
def measure(run: Run) -> Result:
    """Measure when a model decides the class of a sample, and compare with the prediction.

    Parameters
    ----------
    model : str or denoiser
        `digits`, `fashion`, `edm`, `edm2`, `pipeline`, `sd15`, or the SPEC of a mixture, whose exact denoiser
        is measured; your own denoiser, or `my_module.py:name`, that says its `conditions`, `shape` and
        `sigmas` (`own_models`).
    classes : str or sequence of str, optional
        Names, all by default; a single class is compared with the unconditional network; "all" measures every
        pair.
    estimator : {"path", "discrepancy", "cloning", "commitment"}, optional
        Reverse chains; noised clean samples; clones branched at each level, which also gives their agreement
        and its bounds on the entropy; or how runs commit to a class, and whether the network is calibrated
        on noised data (`commitment_curve`). One of the first two, by model and guidance, unless given.
    guidance, guidance_reference, interval
        Weight ω of `ω D_own + (1 − ω) D_reference`, 1 for none; what it leads away from, "unconditional" or
        "classes"; and the σ (low, high) between which it acts.
    checkpoint, reference_checkpoint, prompts
        The network's file (of a pipeline a folder, file or hub name), the unconditional network's, and prompt
        lists by name.
    partition : mapping, path or "imagenet:NAME,NAME", optional
        Groups of classes by name, a JSON file of them, or of ImageNet's classes those below each name (and
        those below none, "rest"): the entropy of the group is measured.
    members : int, optional
        Classes drawn of each group in place of all, at an entropy too low by order 1/members on average.
    prediction : GaussianMixture, SPEC, "samples[:N]" or "denoiser", optional
        What the curve is compared with, in place of the model's own: a mixture; a fit to N samples of each
        class (200) that the model draws, with errors of resampling, beside which other theories of the same
        samples are reported; or γ of two classes from the denoiser's own difference.
    classifier : callable or `my_module.py:name`, optional
        Judges the ends of clones instead of the posterior that they carry: `classifier(x)` gives the class of
        each clean sample, an integer tensor (n,).
    preset : str, optional
        "h26" or "h26-headline": a published protocol.
    samples, levels, batch : int, optional
        Chains or noised samples, noise levels or steps of the chain, samples at once.
    device, precision
        Where the network computes and in what.
    variant, download
        Which of several files of a pipeline's weights, as "fp16"; whether it may fetch what is not here.
    seed : int
    reference : {"classes", "unconditional"}, optional
        What all of a model's classes are compared with by the discrepancy estimator: their own mean
        `Σ_k p_k D_k`, with the posterior that paths carry, or the unconditional network, in two evaluations a
        level instead of one a class. The first, but of a mixture's exact denoiser, where both are one: what a
        network errs without a class adds to the entropy (digits: 2.5 times `H(C)` instead of 1.2).
    out : path, optional
        Folder that keeps finished batches, in `blocks`; the same call goes on from them to the same bits.
    share : (rank, ranks)
        Which of the batches are done here, of several processes with one folder.
    progress : callable, optional
        Called with the number of batches done and their number.

    Returns
    -------
    Result
        `curve` (an `xarray.Dataset` over σ, entropies in nats), `comparison` with the prediction or `None`,
        and `summary`: every number, and one sentence.

    Raises
    ------
    ValueError
        One line that names the argument, before any work.

    Examples
    --------
    >>> from speciation.validation import measure
    >>> found = measure("binary:d=4,mu=1,s=1", samples=64, levels=12, seed=1)
    >>> found.summary["method"], found.curve.sizes["sigma"]
    ('discrepancy', 12)

    References
    ----------
    H26; `path_entropy`, `discrepancy_entropy`, `pair_entropies`.
    """
    folder = None if run.out is None else Path(run.out) / "blocks"
    if folder is not None:
        check_directory(folder)
    subject = run.subject()
    return result_of(Measurement(subject, run.options(subject), folder, run.share, run.progress))


def _called(model: object) -> str:
    return model if isinstance(model, str) else type(model).__name__


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _is_unknown(model: str) -> bool:
    """Whether this is neither a model's name nor, by its looks, a SPEC."""
    spec = model.endswith((".json", ".npz")) or model.partition(":")[0] in (*FAMILIES, "digits")
    return model not in MODELS and not spec


def _check_model(model: str) -> None:
    """`ValueError` for what is neither a model nor the SPEC of a mixture, with what may have been meant."""
    if not _is_unknown(model):
        return
    if Path(model).exists():
        kind = "pipeline" if Path(model).is_dir() else "edm"
        raise ValueError(f"model: {model!r} is a path; say {kind}, with that path as its checkpoint")
    names = [*MODELS, *(f"{family}:" for family in FAMILIES)]
    near = get_close_matches(model.lower().partition("=")[0], names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    known = ", ".join(MODELS)
    raise ValueError(
        f"model: {model!r} is not one of {known}, nor the SPEC of a mixture such as binary:d=4,mu=1,s=1{hint}"
    )
