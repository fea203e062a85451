"""What `speciation measure` measures: a denoiser, its conditions, clean samples and a prediction, if any.

A mixture's exact denoiser (the oracle), the embedded networks of digits and of Fashion-MNIST, one of EDM or
EDM2, a pipeline; `own_models` adds anybody's.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from ...numerics.runs.fingerprints import fingerprint
from ...numerics.runs.manifests import sha256
from ...theory._support.aliases import Fields
from ...theory._support.json_files import read_json
from ...theory._support.one_line import one_line
from ...theory.mixtures import digits
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from .._support.class_names import ClassNames
from ..denoiser import Denoiser
from ..estimators.chains import Sampler
from ..models.oracle import MixtureDenoiser
from .presets import karras_sigmas

if TYPE_CHECKING:
    from ..models.edm import EDM2
    from ..models.edm.preconditioning import EDM
    from ..models.pipelines.denoiser import PipelineDenoiser

__all__ = [
    "MODELS",
    "Subject",
    "digits_subject",
    "edm_subject",
    "fashion_subject",
    "oracle_subject",
    "pipeline_subject",
    "read_prompts",
]

Array = NDArray[np.float64]

MODELS = ("digits", "fashion", "edm", "edm2", "pipeline", "sd15")
"""Names of the models; everything else is the SPEC of a mixture."""

STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
_PROMPT_LIST = Annotated[list[str], Field(min_length=1)]
_PROMPTS = TypeAdapter(Annotated[dict[str, _PROMPT_LIST], Field(min_length=1)])
_NO_PROMPTS = "must be an object of prompt lists by name"
_DIGITS_RANGE = (0.15, 30.0)  # of σ: no pair is undecided below, none is told apart above
_FASHION_RANGE = (0.3, 60.0)


@dataclass(frozen=True)
class Subject:
    """A model as it is measured.

    `name` tells runs of different models apart; `levels(n)` are n noise levels, ascending, for noised data,
    `chain(n)` the n + 1 of a reverse chain, descending; `predict(classes)` is the mixture that predicts the
    curve, where there is one; `groups` are named lists of conditions; `weights` probabilities, if not equal;
    `is_exact` is true of a denoiser without error, whose answer without a condition is the mean of all;
    `exhaustive` is false where `conditions` are only some of what the model knows.
    `null` says what the denoiser answers without a condition, and `caveat` why that is not to be relied on;
    `inputs` are the SHA-256 of the files it was read from; `check` refuses conditions that are one to it;
    `names` are what else the conditions are called; `sizes` are of groups of which some classes are drawn.
    """

    name: str
    denoiser: Denoiser
    conditions: tuple[str, ...]
    shape: tuple[int, ...]
    levels: Callable[[int], Array]
    chain: Callable[[int], Array]
    sampler: Sampler | None = None
    predict: Callable[[Sequence[str]], GaussianMixture] | None = None
    groups: Mapping[str, Sequence[str]] | None = None
    weights: Mapping[str, float] | None = None
    exhaustive: bool = True
    is_exact: bool = False
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    null: str = ""
    caveat: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Sequence[str | None]], None] | None = None
    names: ClassNames | None = None
    sizes: Mapping[str, int] | None = None

    def prior(self, classes: Sequence[str]) -> list[float] | None:
        """Probabilities of some of the classes among themselves; `None` for equal ones."""
        if self.weights is None:
            return None
        own = [self.weights[name] for name in classes]
        return [weight / sum(own) for weight in own]

    def chosen(self, classes: str | Sequence[str] | None) -> tuple[str, ...]:
        """Conditions by name or number, all of them by default; `ValueError` for one unknown or given twice.

        Each text is one name if there is such a name, and otherwise a list of names separated by commas, in
        which a name that holds a comma may be quoted, or stand as it is where there is one way to read it.
        """
        texts = [classes] if isinstance(classes, str) else list(classes or ())
        if not texts or (texts == ["all"] and "all" not in self.conditions):
            return self.conditions
        found = tuple(condition for text in texts for condition in self._conditions(text))
        if len(set(found)) < len(found):
            raise ValueError(f"classes: {', '.join(texts)} names a class twice")
        return found

    def condition(self, name: str, argument: str = "classes") -> str | None:
        """The condition that is called so, or has this number where conditions are words; else `None`.

        Raises
        ------
        ValueError
            For a name of several classes, and names them.
        """
        if name in self._places:
            return name
        found = None if self.names is None else self.names.find(name, argument)
        counted = name.isascii() and name.isdigit() and not any(c.isdigit() for c in self.conditions)
        if found is None and counted and int(name) < len(self.conditions):
            return self.conditions[int(name)]
        return found

    def shown(self, condition: str) -> str:
        """A condition with its name, if it has one."""
        return condition if self.names is None else self.names.shown(condition)

    @cached_property
    def _places(self) -> frozenset[str]:
        return frozenset(self.conditions)

    def _conditions(self, text: str) -> list[str]:
        whole = self.condition(text)
        if whole is not None:
            return [whole]
        try:
            read = next(csv.reader([text], skipinitialspace=True), None) or [text]
        except csv.Error:  # a line break within
            read = [text]
        quoted = [name.strip() for name in read]
        found = [self.condition(name) for name in quoted]
        if None not in found:
            return [condition for condition in found if condition is not None]
        readings = self._readings(text.split(","))
        if len(readings) > 1:
            raise ValueError(f"classes: {text!r} can be read in several ways; give each name by itself")
        if readings:
            return readings[0]
        unknown = quoted[found.index(None)]
        few = ", ".join(map(self.shown, self.conditions[:12])) + (
            ", ..." if len(self.conditions) > 12 else ""
        )
        raise ValueError(f"classes: {unknown!r} is not one of {few}")

    def _readings(self, pieces: Sequence[str]) -> list[list[str]]:
        """Up to two ways to join neighbouring pieces to names, from the last piece on."""
        found: list[list[list[str]]] = [[[]]]  # of the last 0, 1, 2, … pieces
        for first in reversed(range(len(pieces))):
            here: list[list[str]] = []
            for after in range(first + 1, len(pieces) + 1):
                condition = self.condition(",".join(pieces[first:after]).strip())
                if condition is not None:
                    here += [[condition, *rest] for rest in found[len(pieces) - after]]
            found.append(here[:2])
        return found[-1]


def oracle_subject(spec: str, device: str = "cpu") -> Subject:
    """The exact denoiser of a mixture, and the mixture as its own prediction."""
    mixture = GaussianMixture.parse(spec)
    oracle = MixtureDenoiser(mixture, device=device)

    def levels(count: int) -> Array:
        return window_sigmas(mixture, count)

    def chain(steps: int) -> Array:
        return levels(steps + 1)[::-1]

    shape = (mixture.dimension,)
    weights = dict(zip(mixture.labels, mixture.weights.tolist(), strict=True))
    model = (spec, oracle, mixture.labels, shape, levels, chain)
    options: Fields = {"dtype": torch.float64, "device": device, "null": "the mixture of all classes"}
    options["is_exact"] = True
    return Subject(*model, oracle.sample, mixture.among, None, weights, **options)


def digits_subject(checkpoint: Path | None = None, device: str = "cpu") -> Subject:
    """The digits model, the images held out of its training, and the mixture fitted to the digits."""
    from ..models.digits_model import WEIGHTS, digits_images, load_digits_model

    path = checkpoint or WEIGHTS
    denoiser = load_digits_model(path, device)
    side = denoiser.shape[-1]
    held_out = digits_images(side)[1]

    def predict(classes: Sequence[str]) -> GaussianMixture:
        return GaussianMixture(*digits.fit([int(name) for name in classes]))

    def levels(count: int) -> Array:
        return np.geomspace(*_DIGITS_RANGE, count) * (side / 8)

    def chain(steps: int) -> Array:
        return levels(steps + 1)[::-1]

    name = f"digits {_digest(path)[:16]}"
    model = (name, denoiser, denoiser.conditions, denoiser.shape, levels, chain)
    options: Fields = {"device": device, "null": "the zero label, learnt by label dropout"}
    options |= {"inputs": {str(checkpoint or WEIGHTS.name): sha256(path)}}
    return Subject(*model, held_out.sample, predict if side == 8 else None, **options)


def fashion_subject(checkpoint: Path | None = None, device: str = "cpu") -> Subject:
    """The embedded model of Fashion-MNIST, shipped test images, and the mixture fitted to those of training.

    The mixture's covariance is pooled over all ten classes, whichever of them are measured.
    """
    from ..models.fashion_model import WEIGHTS, fashion_images, fashion_mixture, load_fashion_model

    path = checkpoint or WEIGHTS
    denoiser, mixture = load_fashion_model(path, device), fashion_mixture()

    def predict(classes: Sequence[str]) -> GaussianMixture:
        return mixture.among(classes, equal=True)

    def levels(count: int) -> Array:
        return np.geomspace(*_FASHION_RANGE, count)

    def chain(steps: int) -> Array:
        return levels(steps + 1)[::-1]

    model = (f"fashion {_digest(path)[:16]}", denoiser, denoiser.conditions, denoiser.shape, levels, chain)
    options: Fields = {"device": device, "null": "the zero label, learnt by label dropout"}
    options |= {"inputs": {str(checkpoint or WEIGHTS.name): sha256(path)}}
    return Subject(*model, fashion_images().sample, predict, **options)


def edm_subject(
    checkpoint: Path,
    reference: Path | None = None,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    kind: str = "edm",
) -> Subject:
    """A network of EDM or EDM2 (`kind` "edm2": of EDM2 alone), conditions by class number.

    A thousand classes are taken for ImageNet's, which have names.
    `reference` is what the unconditional network is; noise levels are those between which the published
    sampler of its preconditioner works.

    Published networks with classes never saw the zero label: their unconditional ones are files of their own.
    """
    from ..models.edm import EDM2Denoiser, load_edm, load_edm2
    from ..models.edm.published import sigma_range
    from ..models.imagenet_classes import COUNT, class_names

    read = load_edm2 if kind == "edm2" else load_edm
    network = read(checkpoint, device, precision)
    low, high = sigma_range(network.configuration)
    if network.configuration.label_dim == 0:
        raise ValueError(
            f"checkpoint: {checkpoint} is an unconditional network: it has no classes; it "
            "can be the reference checkpoint of a network that has"
        )
    other = None if reference is None else read(reference, device, precision)
    try:
        denoiser = EDM2Denoiser(network, other)
    except ValueError as error:
        raise ValueError(f"reference_checkpoint: {reference}: {error}") from None
    inputs = {str(path): _digest(path) for path in (checkpoint, reference) if path is not None}
    name = " ".join([kind, *(digest[:16] for digest in inputs.values())])
    name += "" if precision == torch.float32 else f" {str(precision).removeprefix('torch.')}"

    def levels(count: int) -> Array:
        return karras_sigmas(count - 1, high, low)[::-1]

    def chain(steps: int) -> Array:
        return karras_sigmas(steps, high, low)

    model = (name, denoiser, denoiser.conditions, denoiser.shape, levels, chain)
    null, caveat = _null_of(network.configuration.label_dim, other)
    names = class_names() if network.configuration.label_dim == COUNT else None
    return Subject(*model, device=device, null=null, caveat=caveat, inputs=inputs, names=names)


def _null_of(classes: int, reference: "EDM2 | EDM | None") -> tuple[str, str]:
    """What such a network answers without a class, and why that may be worth nothing."""
    if reference is None:
        return (
            "the zero label of the network itself",
            f"the network takes {classes} classes, and what it answers without one was never learnt unless "
            "labels were dropped in training; give the unconditional network (published as its own file, "
            "such as edm2-img512-xs-uncond) as the reference checkpoint, or name two classes",
        )
    if reference.configuration.label_dim == 0:
        return "the reference network", ""
    return (
        "the zero label of the reference network",
        f"the reference takes {reference.configuration.label_dim} classes, and what it answers without one "
        "was never learnt unless labels were dropped in training; an unconditional network has no classes",
    )


def pipeline_subject(
    source: str = STABLE_DIFFUSION,
    prompts: Path | None = None,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    *,
    download: bool = False,
    variant: str | None = None,
    kind: str = "pipeline",
) -> Subject:
    """A pipeline of diffusers (`kind` "sd15": of Stable Diffusion 1 alone), conditions by class or prompt.

    Prompts are a JSON file of lists by group, `{"dog": ["a dog", …], …}`; a pipeline of classes takes none.
    """
    from ..models.pipelines.load import load_pipeline
    from ..models.pipelines.source import pipeline_files
    from ..models.pipelines.stable_diffusion import load_stable_diffusion

    groups = read_prompts(prompts) if kind == "sd15" or prompts is not None else {}
    where: Any = {"device": device, "dtype": precision, "download": download}
    if kind == "sd15":
        denoiser: PipelineDenoiser = load_stable_diffusion(source, **where)
    else:
        denoiser = load_pipeline(source, variant=variant, **where)
    every, groups = _conditions_of(denoiser, groups, prompts)
    inputs = pipeline_files(source)
    name = f"{kind} {source} {fingerprint(*(digest for _, digest in sorted(inputs.items())))[:16]}"
    name += "" if precision == torch.float32 else f" {str(precision).removeprefix('torch.')}"

    def levels(count: int) -> Array:
        return denoiser.chain_sigmas(count - 1)[::-1]

    model = (name, denoiser, every, denoiser.shape, levels, denoiser.chain_sigmas)
    grouped = groups if any(len(members) > 1 for members in groups.values()) else None
    null = "the empty prompt" if groups else "the label of no class" if denoiser.has_null else ""
    options: Fields = {"null": null, "inputs": inputs, "check": denoiser.check_prompts}
    options["names"] = denoiser.names
    if not denoiser.has_null:
        options["caveat"] = "this network has no label for no class; its classes' mean is taken instead"
    return Subject(*model, groups=grouped, device=device, **options)


def _conditions_of(
    denoiser: "PipelineDenoiser", groups: dict[str, list[str]], prompts: Path | None
) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Conditions of a pipeline, and their groups: the prompts given, or its classes."""
    if denoiser.texts is None:
        if prompts is not None:
            raise ValueError("prompts: this pipeline has classes and no texts; choose classes by number")
        if not denoiser.conditions:
            raise ValueError(
                "checkpoint: this pipeline has neither classes nor texts, so it decides nothing between them"
            )
        return denoiser.conditions, {}
    groups = groups or read_prompts(None)
    every = tuple(prompt for members in groups.values() for prompt in members)
    try:
        denoiser.check_prompts(every)
    except ValueError as error:
        raise ValueError(f"{prompts}: {error}") from None
    return every, groups


def read_prompts(path: Path | None) -> dict[str, list[str]]:
    """Prompts by group from a JSON file; `ValueError` with one line for anything else."""
    if path is None:
        raise ValueError('prompts: needs a JSON file such as {"dog": ["a photo of a dog"], "cat": [...]}')
    try:
        groups = _PROMPTS.validate_python(read_json(path), strict=True)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        need = f"{place[0]!r} must be a list of prompts" if place else _NO_PROMPTS
        raise ValueError(f"{path}: {need}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    every = [prompt for members in groups.values() for prompt in members]
    if len(set(every)) < len(every):
        raise ValueError(f"{path}: the same prompt is given twice")
    return groups


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
