"""Anybody's denoiser as it is measured, or classifier of clones: an object, or `my_module.py:name`.

Besides being called as `denoiser(x, sigma, condition)` it says of itself, or its module does:

    conditions   names of the classes
    shape        of one sample, without the batch
    sigmas       noise levels between which it answers: (low, high), or a table
    sampler      sampler(condition, count, generator) → clean samples (count, …); optional
    predict      predict(classes) → the GaussianMixture that predicts the curve; optional
    names        what else each class is called: a text or several, in the order of the conditions; optional
    dtype        torch type of the states; float32 unless it says so

A file is run as an import of it would run it, since it was named: it is the user's own program.
"""

import importlib.util
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...numerics.runs.fingerprints import fingerprint
from ...numerics.runs.manifests import sha256
from ...theory._support.one_line import one_line
from .._support.class_names import ClassNames
from ..denoiser import UNNAMED, digest_of, has_null
from ..models.oracle import MixtureDenoiser
from .presets import karras_sigmas
from .subjects import Subject

__all__ = ["OwnClassifier", "classifier_of", "is_own", "own_subject", "subject_of_file"]

Array = NDArray[np.float64]

_PLACE = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


def is_own(model: object) -> bool:
    """Whether `model` is a denoiser itself, or the place of one."""
    return callable(model) or (isinstance(model, str) and _PLACE.fullmatch(model) is not None)


def subject_of_file(model: str, device: str = "cpu") -> Subject:
    """The denoiser called `name` in a Python file, which is run.

    Raises
    ------
    ValueError
        One line for a file that is not there or cannot be run, and a name that is no denoiser.
    """
    found, module, path = _found_at(model)
    subject = own_subject(found, device=device, module=module, name=model)
    digest = sha256(path)
    return replace(subject, name=f"{model} {digest[:16]} {subject.name}", inputs={str(path): digest})


@dataclass(frozen=True)
class OwnClassifier:
    """A classifier from a file, which its text tells from others."""

    place: str
    judge: Callable[[Tensor], Tensor]
    sha256: str

    def __call__(self, x: Tensor) -> Tensor:
        """Class of each clean sample, an integer tensor (n,); `ValueError` for anything else."""
        found = self.judge(x)
        if not isinstance(found, Tensor) or found.shape != (len(x),) or found.is_floating_point():
            what = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            kind = f" of {found.dtype}" if isinstance(found, Tensor) else ""
            raise ValueError(
                f"classifier: {self.place} must give an integer a sample, a tensor of shape ({len(x)},), "
                f"not {what}{kind}"
            )
        return found

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of its file, by the path."""
        return {self.place.rpartition(":")[0]: self.sha256}

    def digest(self) -> str:
        """SHA-256 of its file, with its name there."""
        return f"{self.sha256} {self.place.rpartition(':')[2]}"


def classifier_of(place: str) -> OwnClassifier:
    """The classifier called `name` in a Python file, `my_module.py:name`, which is run.

    Raises
    ------
    ValueError
        One line for what is no such place, file or name.
    """
    if _PLACE.fullmatch(place) is None:
        raise ValueError(f"classifier: {place!r} is not my_module.py:classifier, a function in a Python file")
    found, _, path = _found_at(place)
    if not _is_denoiser(found):
        raise ValueError(f"classifier: {place} is no function of clean samples")
    return OwnClassifier(place, found, sha256(path))


def _found_at(place: str) -> tuple[Any, ModuleType, Path]:
    """What a Python file, which is run, calls `name`; `ValueError` for a file or name that is not there."""
    match = _PLACE.fullmatch(place)
    assert match is not None  # noqa: S101 (its caller asked)
    path = Path(match["file"])
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    module = _run(path)
    if not hasattr(module, match["name"]):
        raise ValueError(f"{path}: has no {match['name']!r}")
    return getattr(module, match["name"]), module, path


def own_subject(
    denoiser: Any, *, device: str = "cpu", module: ModuleType | None = None, name: str = ""
) -> Subject:
    """A denoiser with what it, or its module, says of itself.

    Raises
    ------
    ValueError
        One line that names what is missing.
    """
    name = name or type(denoiser).__name__
    if not _is_denoiser(denoiser):
        raise ValueError(f"{name}: is no denoiser; need a callable denoiser(x, sigma, condition)")

    def said(attribute: str) -> Any:
        found = getattr(denoiser, attribute, None)
        return getattr(module, attribute, None) if found is None else found

    conditions = tuple(map(str, said("conditions") or ()))
    if not conditions:
        raise ValueError(f"{name}: has no attribute conditions, the names of its classes")
    shape = said("shape")
    if shape is None:
        raise ValueError(f"{name}: has no attribute shape, that of one sample without the batch")
    low, high = _range_of(name, said("sigmas"))

    def levels(count: int) -> Array:
        return np.geomspace(low, high, count)

    def chain(steps: int) -> Array:
        return karras_sigmas(steps, high, low)

    null = "what it answers without a condition" if has_null(denoiser) else ""
    digest = digest_of(denoiser)
    # without a digest a folder of finished work asks for one
    told = f"{name} {fingerprint(digest)[:16]}" if digest else UNNAMED
    model = (told, denoiser, conditions, tuple(map(int, shape)))
    return Subject(
        *(*model, levels, chain, said("sampler"), said("predict")),
        is_exact=isinstance(denoiser, MixtureDenoiser),
        dtype=said("dtype") or torch.float32,
        device=device,
        null=null,
        caveat="" if null else "this model answers nothing without a class",
        names=_names_of(name, said("names"), conditions),
    )


def _is_denoiser(found: object) -> bool:
    return callable(found) and not isinstance(found, type)


def _names_of(name: str, given: object, conditions: tuple[str, ...]) -> ClassNames | None:
    """The names of each condition, from as many texts or lists of them, or a mapping of some conditions."""
    if given is None or isinstance(given, ClassNames):
        return given
    need = f"{name}: names must be a text, or several, for each of its {len(conditions)} conditions"
    if isinstance(given, Mapping):
        pairs: list[tuple[Any, Any]] = [(str(condition), own) for condition, own in given.items()]
    elif isinstance(given, (list, tuple)) and len(given) == len(conditions):
        pairs = [*zip(conditions, given, strict=True)]
    else:
        raise ValueError(need)
    found = {condition: (own,) if isinstance(own, str) else own for condition, own in pairs}
    texts = all(
        isinstance(own, (list, tuple)) and all(isinstance(each, str) for each in own)
        for own in found.values()
    )
    if not texts or not found.keys() <= set(conditions):
        raise ValueError(need)
    return ClassNames({condition: tuple(own) for condition, own in found.items()})


def _range_of(name: str, sigmas: object) -> tuple[float, float]:
    if sigmas is None:
        raise ValueError(f"{name}: has no attribute sigmas, the noise levels (low, high) of its range")
    values = np.ravel(np.asarray(sigmas, dtype=np.float64))
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=0.0))
    if not 0 < low < high < np.inf:
        raise ValueError(f"{name}: sigmas must be noise levels with 0 < low < high, not {low:g} to {high:g}")
    return low, high


def _run(path: Path) -> ModuleType:
    """A Python file as a module, with its folder last of where modules are looked for."""
    spec = importlib.util.spec_from_file_location(f"measured_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pickles look for it
    sys.path.append(str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's program raises
        raise ValueError(f"{path}: {type(error).__name__}: {one_line(error)}") from error
    return module
