"""A denoiser that makes do with the memory there is: when a batch does not fit, it is evaluated in halves."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ..denoiser import Denoiser, conditions_of, digest_of, has_null, per_sample_of

__all__ = ["frugal", "out_of_memory"]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found no memory, on an accelerator or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@dataclass(frozen=True)
class _Frugal:
    denoiser: Denoiser
    note: Callable[[str], None]
    size: list[int] = field(default_factory=list)

    @property
    def has_null(self) -> bool:
        return has_null(self.denoiser)

    @property
    def conditions(self) -> tuple[str, ...] | None:
        return conditions_of(self.denoiser)

    def digest(self) -> str:
        return digest_of(self.denoiser)

    @property
    def per_sample(self) -> Callable[[Tensor, float, Sequence[str | None]], Tensor] | None:
        own = per_sample_of(self.denoiser)
        if own is None:
            return None
        return lambda x, sigma, conditions: self._halving(
            x, lambda piece, start: own(piece, sigma, conditions[start : start + len(piece)])
        )

    def __call__(
        self, x: Float[Tensor, "*shape"], sigma: float, condition: str | None
    ) -> Float[Tensor, "*shape"]:
        return self._halving(x, lambda piece, _: self.denoiser(piece, sigma, condition))

    def _halving(
        self, x: Float[Tensor, "*shape"], evaluate: Callable[[Tensor, int], Tensor]
    ) -> Float[Tensor, "*shape"]:
        """`evaluate` of parts of x and where each starts, put together."""
        while True:
            part = min([len(x), *self.size])
            try:
                starts = range(0, len(x), max(part, 1)) if len(x) else range(1)
                return torch.cat([evaluate(x[start : start + max(part, 1)], start) for start in starts])
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            # outside of the handler, whose traceback would keep the tensors of the failed attempt
            if part <= 1:
                raise ValueError(f"out of memory for one sample of shape {tuple(x.shape[1:])}")
            self.size[:] = [part // 2]
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.note(f"out of memory for {part} samples at once; going on with {part // 2}")


def frugal(denoiser: Denoiser, say: Callable[[str], None] | None = None) -> Denoiser:
    """`denoiser`, evaluated on parts of a batch that fit; parts stay as small as they once had to be.

    Noise is drawn outside of it, so that an estimate is the same up to the order of sums within the network.
    `say` is told when parts get smaller (a `RuntimeWarning` unless given).

    Raises
    ------
    ValueError
        If there is no memory for one sample.
    """
    return _Frugal(denoiser, say or (lambda text: warnings.warn(text, RuntimeWarning, stacklevel=2)))
