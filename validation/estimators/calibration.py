"""Whether a denoiser can be the mean of clean data: what every such mean satisfies, on clean samples.

For `x = x₀ + σz` in d dimensions and `D = E[x₀|x]`, whatever the data are,

    E⟨x₀ − D, D⟩ = 0,        E|D − x|² = dσ² − E|x₀ − D|² ≤ dσ².

A wrapper that returns ε, forgets the scale of the input, or reads half the time breaks one of them by far,
and would still give a smooth curve.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...theory._support.aliases import Fields
from .._support.torch_randomness import generator_of
from ..denoiser import Denoiser
from .chains import Sampler
from .work import Work

__all__ = ["DenoiserWarning", "check_denoiser", "warn_of_wrapper"]

_ERRORS = 6.0  # standard errors beyond which a mean is not zero
_COSINE = 0.05  # between x₀ − D and D: the digits network stays below 0.04, twice its time goes beyond 0.07
_EXCESS = 1.5  # of dσ²: how far D may be from x
_INFINITE = "the answer is not finite"
_FEW = 64  # samples of a look that estimators take


class DenoiserWarning(UserWarning):
    """A denoiser that is no mean of clean data."""


@dataclass(frozen=True)
class _Looked:
    """Clean samples, noisy states and answers (n, …) at one σ and condition."""

    clean: Tensor
    noisy: Tensor
    answer: Tensor
    sigma: float
    condition: str | None

    @property
    def where(self) -> str:
        return f"at sigma {self.sigma:.4g}, condition {self.condition!r}"

    def fault(self) -> str:
        """What is wrong, in one line, or an empty one."""
        if not isinstance(self.answer, Tensor):
            return f"{self.where}: the answer is no tensor but {type(self.answer).__name__}"
        if self.answer.shape != self.noisy.shape:
            shapes = f"{tuple(self.answer.shape)} to {tuple(self.noisy.shape)}"
            return f"{self.where}: the answer has shape {shapes}"
        if self.answer.dtype != self.noisy.dtype:
            return f"{self.where}: the answer is {self.answer.dtype}, the state {self.noisy.dtype}"
        if not bool(torch.isfinite(self.answer).all()):
            return f"{self.where}: {_INFINITE}"
        return self._too_far() or self._not_orthogonal()

    def _too_far(self) -> str:
        moved2 = (self.answer - self.noisy).double().flatten(1).square().mean().item()
        if moved2 <= _EXCESS * self.sigma**2:
            return ""
        return (
            f"{self.where}: the answer is {np.sqrt(moved2) / self.sigma:.3g} noise widths from the state in "
            "each dimension, where the mean of clean data is at most 1; is it eps, or at another noise level?"
        )

    def _not_orthogonal(self) -> str:
        left = (self.clean - self.answer).double().flatten(1)
        answer = self.answer.double().flatten(1)
        along = (left * answer).sum(1)
        lengths2 = left.square().sum(1).mean() * answer.square().sum(1).mean()
        cosine = (along.mean() / torch.sqrt(lengths2)).item()
        error = (along.std() / np.sqrt(len(along))).item()
        if abs(along.mean().item()) < _ERRORS * error or abs(cosine) < _COSINE:
            return ""
        return (
            f"{self.where}: what the answer misses of clean samples is not orthogonal to it (cosine "
            f"{cosine:+.2g}); check the scale of the input and the time"
        )


@torch.no_grad()
def check_denoiser(
    denoiser: Denoiser,
    sampler: Sampler,
    *,
    conditions: Sequence[str | None] | None = None,
    sigmas: ArrayLike = (0.05, 0.5, 1.0, 2.0, 5.0),
    samples: int = 256,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> list[str]:
    """What is wrong with a wrapped network, if anything.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition)`.
    sampler : callable
        `sampler(condition, count, generator)` gives clean samples (count, …).
    conditions : sequence, optional
        Conditions to test; by default the first three of `denoiser.conditions`, or `None` if it has none.
    sigmas : array_like
        Noise levels to look at, in units of the data, within the model's range.
    samples : int
        Clean samples at each level and condition.
    seed : int
    dtype, device
        Of the states.

    Returns
    -------
    list of str
        One line for each fault, with σ and condition; empty if the answers can be means of clean data. For an
        exact denoiser, a false alarm needs six standard errors (probability 2e-9 for each line).

    Raises
    ------
    ValueError
        An error of the denoiser itself, for a condition or level that it does not know.

    References
    ----------
    I-MMSE's orthogonality (GSV05).
    """
    if conditions is None:
        conditions = tuple(getattr(denoiser, "conditions", ()))[:3] or (None,)
    found: list[str] = []
    for index, condition in enumerate(conditions):
        generator = generator_of(seed, index)
        asked: Any = condition  # a sampler of an unconditional model gets no class either
        clean = sampler(asked, samples, generator).to(device, dtype)
        for sigma in np.atleast_1d(np.asarray(sigmas, dtype=np.float64)):
            noise = torch.randn(clean.shape, generator=generator, dtype=dtype, device="cpu").to(device)
            noisy = clean + float(sigma) * noise
            answer = denoiser(noisy, float(sigma), condition)
            found.append(_Looked(clean, noisy, answer, float(sigma), condition).fault())
    return [line for line in found if line]


def warn_of_wrapper(
    denoiser: Denoiser,
    sampler: Sampler | None,
    condition: str,
    levels: NDArray[np.float64],
    work: Work,
) -> None:
    """Look at one condition and three levels on a few samples; warn of what is wrong at two of them."""
    if sampler is None:
        return
    few = levels[[levels.size // 4, levels.size // 2, 3 * levels.size // 4]]
    about: Fields = {"samples": _FEW, "seed": work.seed, "dtype": work.dtype, "device": work.device}
    lines = check_denoiser(denoiser, sampler, conditions=[condition], sigmas=few, **about)
    lines = [line for line in lines if not line.endswith(_INFINITE)]  # which the run refuses
    # a wrapper is wrong at most levels; a network that is trained but little may be so at one
    if len(lines) > 1:
        more = f"(and {len(lines) - 1} more; check_denoiser lists them)"
        text = f"denoiser: no mean of clean data: {lines[0]} {more}"
        warnings.warn(text, DenoiserWarning, stacklevel=3)
