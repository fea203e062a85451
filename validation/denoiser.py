"""Denoisers: anything that estimates `x₀` from `x = x₀ + σz`.

    denoiser(x, sigma, condition) ≈ E[X₀ | x, condition]

`x` is a torch tensor (batch, …), `sigma` a number, `condition` a class name, or `None` for no condition.
Estimators know only this, and what a denoiser may say of itself: `has_null`, whether its answer
without a condition was learnt (true unless it says otherwise); `conditions`, all that it knows; and
`digest()`, which tells it from others where finished work is kept. One that can evaluate a batch in which
every sample has a condition of its own offers `per_sample(x, sigma, conditions)`, and is asked less often.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..theory.mixtures.partition import checked_partition

__all__ = [
    "UNNAMED",
    "Denoiser",
    "UntrainedNullWarning",
    "answers",
    "by_condition",
    "checked_conditions",
    "conditions_of",
    "digest_of",
    "digest_of_modules",
    "digests_in",
    "has_null",
    "membership",
    "per_sample_of",
    "warn_of_untrained",
]


UNNAMED = "denoiser"
"""Name of a run that was given none."""

ROWS = 64
"""Conditions of a smaller batch are evaluated together up to so many rows: beyond them a network on a CPU
takes as long a row, and more memory than the batch that was asked for."""


@runtime_checkable
class Denoiser(Protocol):
    """The interface of a model that the estimators use."""

    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀, of the shape of x (batch, …); `condition=None` is unconditional."""
        ...


def answers(denoiser: Denoiser, x: Tensor, sigma: float, columns: Sequence[Sequence[str | None]]) -> Tensor:
    """What a denoiser answers to each sample under several conditions, (batch, columns, …).

    Each column names the condition of every sample. Columns are evaluated together where the denoiser can,
    in at most `max(ROWS, batch)` rows.
    """
    own = per_sample_of(denoiser)
    if own is None:
        return torch.stack([by_condition(denoiser, x, sigma, column) for column in columns], dim=1)
    at_once, found = max(1, ROWS // len(x)), list[Tensor]()
    for start in range(0, len(columns), at_once):
        part = columns[start : start + at_once]
        rows = [condition for column in part for condition in column]
        answer = own(x.repeat(len(part), *[1] * (x.ndim - 1)), sigma, rows)
        found.append(answer.reshape(len(part), *x.shape))
    return torch.cat(found).transpose(0, 1)


def per_sample_of(denoiser: object) -> Callable[[Tensor, float, Sequence[str | None]], Tensor] | None:
    """A denoiser's way to evaluate samples with conditions of their own; `None` if it has none."""
    own = getattr(denoiser, "per_sample", None)
    return cast(Callable[[Tensor, float, Sequence[str | None]], Tensor], own) if callable(own) else None


def by_condition(denoiser: Denoiser, x: Tensor, sigma: float, conditions: Sequence[str | None]) -> Tensor:
    """Each sample denoised under its own condition, (batch, …), one condition after another."""
    distinct = list(dict.fromkeys(conditions))
    if len(distinct) == 1:
        return denoiser(x, sigma, distinct[0])
    which = torch.tensor([distinct.index(condition) for condition in conditions], device=x.device)
    found = torch.empty_like(x)
    for k, condition in enumerate(distinct):
        found[which == k] = denoiser(x[which == k], sigma, condition)
    return found


def has_null(denoiser: object) -> bool:
    """Whether what a denoiser answers without a condition was learnt, or is exact."""
    return bool(getattr(denoiser, "has_null", True))


def conditions_of(denoiser: object) -> tuple[str, ...] | None:
    """All the conditions that a denoiser knows; `None` if it does not say."""
    known = getattr(denoiser, "conditions", None)
    return tuple(map(str, known)) if isinstance(known, (tuple, list)) else None


class UntrainedNullWarning(RuntimeWarning):
    """A condition is compared with an answer without one that the network never learnt."""


def warn_of_untrained(denoiser: object, conditions: Sequence[str | None]) -> None:
    """Warn where `None` is among the conditions and means a label that was never trained."""
    if None in conditions and not has_null(denoiser):
        text = "conditions: this network never learnt to answer without a class; give it a reference network"
        warnings.warn(text, UntrainedNullWarning, stacklevel=3)


def digest_of(denoiser: object) -> str:
    """What tells a denoiser, sampler or posterior from others; empty where nothing does.

    That is its own `digest()`, the weights of a torch module, for a method that of its object, and for a
    function or class its name in its module, whatever its body; one within a function has none.
    """
    own, owner = getattr(denoiser, "digest", None), getattr(denoiser, "__self__", None)
    if not isinstance(denoiser, type) and callable(own):
        return str(own())
    if isinstance(denoiser, torch.nn.Module):
        return f"{type(denoiser).__qualname__} {digest_of_modules(denoiser)}"
    if owner is not None and not isinstance(owner, ModuleType):
        of = digest_of(owner)
        return of and f"{of} {getattr(denoiser, '__name__', '')}"
    name = getattr(denoiser, "__qualname__", "<")
    return "" if "<" in name else f"{getattr(denoiser, '__module__', '')}.{name}"


def digests_in(folder: Path | None, name: str, **callables: object) -> list[str]:
    """What tells a run's callables from others in a folder of finished work; nothing without a folder.

    `ValueError` for one that nothing tells apart, unless the run has a name of its own.
    """
    if folder is None:
        return []
    found = {key: digest_of(each) for key, each in callables.items() if each is not None}
    for key, digest in found.items():
        if not digest and name == UNNAMED:
            raise ValueError(
                f"{key}: nothing identifies it in a folder of finished work; give it a digest(), "
                "define it at the top of a module, or give the run a name"
            )
    return list(found.values())


def digest_of_modules(*modules: torch.nn.Module) -> str:
    """SHA-256 of every parameter and buffer, with their names, shapes and types."""
    found = hashlib.sha256()
    for module in modules:
        for name, tensor in sorted(module.state_dict().items()):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
            found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def checked_conditions(
    conditions: Sequence[str | None], weights: Sequence[float] | None
) -> NDArray[np.float64]:
    """Prior of the conditions; `ValueError` for what is no distribution over different ones."""
    if len(conditions) < 2 or len(set(conditions)) != len(conditions):
        raise ValueError("conditions: need at least two different ones")
    if weights is None:
        return np.full(len(conditions), 1 / len(conditions))
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (len(conditions),) or not (found > 0).all() or abs(found.sum() - 1) > 1e-8:
        raise ValueError("weights: need a positive weight per condition, summing to 1")
    return found


def membership(
    conditions: Sequence[str | None], partition: Mapping[str, Sequence[str]] | None
) -> NDArray[np.float64]:
    """Which condition is in which group, (groups, conditions) of 0 and 1; each in its own by default."""
    groups = checked_partition(partition, tuple(str(condition) for condition in conditions))
    if groups is None:
        return np.eye(len(conditions))
    return np.array([[float(str(c) in members) for c in conditions] for members in groups.values()])
