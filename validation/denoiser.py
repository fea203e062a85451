"""Denoisers: anything that estimates `x₀` from `x = x₀ + σz`.

    denoiser(x, sigma, condition) ≈ E[X₀ | x, condition]

`x` is a torch tensor (batch, …), `sigma` a number, `condition` a class name, or `None` for no condition.
Estimators know only this, and three things that a denoiser may say of itself: `has_null`, whether its answer
without a condition was learnt (true unless it says otherwise); `conditions`, all that it knows; and
`digest()`, which tells it from others where finished work is kept.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..theory.mixtures.partition import checked_partition

__all__ = [
    "Denoiser",
    "UntrainedNullWarning",
    "checked_conditions",
    "conditions_of",
    "digest_of",
    "digest_of_modules",
    "has_null",
    "membership",
    "warn_of_untrained",
]


class Denoiser(Protocol):
    """What the estimators ask of a model."""

    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀, of the shape of x (batch, …); `condition=None` is unconditional."""
        ...


def has_null(denoiser: object) -> bool:
    """Whether what a denoiser answers without a condition was learnt, or is exact."""
    return bool(getattr(denoiser, "has_null", True))


def conditions_of(denoiser: object) -> tuple[str, ...] | None:
    """All the conditions that a denoiser knows; `None` if it does not say."""
    known = getattr(denoiser, "conditions", None)
    return tuple(map(str, known)) if isinstance(known, (tuple, list)) else None


class UntrainedNullWarning(RuntimeWarning):
    """A condition is held against an answer without one that the network never learnt."""


def warn_of_untrained(denoiser: object, conditions: Sequence[str | None]) -> None:
    """Warn where `None` is among the conditions and means a label that was never trained."""
    if None in conditions and not has_null(denoiser):
        text = "conditions: this network never learnt to answer without a class; give it a reference network"
        warnings.warn(text, UntrainedNullWarning, stacklevel=3)


def digest_of(denoiser: object) -> str:
    """What a denoiser says tells it from others; empty for one that says nothing."""
    own = getattr(denoiser, "digest", None)
    return str(own()) if callable(own) else ""


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
