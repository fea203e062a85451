"""The work of an estimator: how it is cut into batches, kept, shared and shown, and where it is computed.

A public estimator takes these as keywords, `**work: Unpack[WorkOptions]`, and makes a `Work` of them once.
Beyond that point the one value is passed on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import torch

from ...numerics._support.seeds import seed_of
from ...numerics.runs.blocks import Arrays, batch_sizes, run_blocks
from ...theory._support.options import given
from ...theory._support.whole_numbers import whole_number
from .._support.torch_randomness import generator_of
from ..denoiser import UNNAMED, digests_in

__all__ = ["FORMER_NAMES", "Progress", "Work", "WorkOptions"]

Progress = Callable[[int, int], None]

FORMER_NAMES = {"folder": "resume"}
"""Keywords that are still taken, and what they are called now."""


class WorkOptions(TypedDict, total=False):
    """Keywords of every estimator; defaults and meanings are those of `Work`."""

    batch: int
    seed: int
    resume: str | Path | None
    share: tuple[int, int]
    name: str
    progress: Progress | None
    dtype: torch.dtype
    device: torch.device | str
    folder: str | Path | None


@dataclass(frozen=True)
class Work:
    """How the work of an estimator is done; `ValueError` names the field that is out of range.

    `batch` samples at once; `seed`, a whole number below 2⁶⁴ or a JAX key; `resume`, a folder that keeps
    finished batches, so that a run goes on and runs of several machines merge; `share` (rank, ranks), which
    of the batches this process computes; `name` tells models apart there that nothing else does; `progress`
    is called with the batches done and in all; `dtype` and `device` are those of the states.
    """

    batch: int = 64
    seed: int = 0
    resume: Path | None = None
    share: tuple[int, int] = (0, 1)
    name: str = UNNAMED
    progress: Progress | None = None
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        if self.resume is not None:
            object.__setattr__(self, "resume", Path(self.resume))
        object.__setattr__(self, "seed", seed_of(self.seed, "seed"))
        object.__setattr__(self, "batch", whole_number(self.batch, "batch"))
        try:
            torch.device(self.device)
        except RuntimeError:
            raise ValueError(
                f"device: {self.device!r} is not a device of torch, such as cpu or cuda:0"
            ) from None

    @classmethod
    def of(cls, options: WorkOptions) -> "Work":
        """The work that keywords ask for; `TypeError` for one that is none."""
        return given(cls, options, FORMER_NAMES)

    def names(self, **callables: object) -> list[str]:
        """The run's name, and what tells its callables from others in a folder (`digests_in`)."""
        return [self.name, *digests_in(self.resume, self.name, **callables)]

    def numbers(self, shape: Sequence[int] | None = None) -> tuple[int | str, ...]:
        """What determines the draws of a batch: its size, the seed, the `shape` of a sample and the type."""
        sizes = () if shape is None else (str(tuple(shape)),)
        return (self.batch, self.seed, *sizes, str(self.dtype))

    def blocks(
        self,
        compute: Callable[[torch.Generator, int], Arrays],
        samples: int,
        run: str,
        before: Callable[[], None] | None = None,
    ) -> Arrays:
        """Arrays of all batches of `samples`, in order; `compute(generator, count)` makes one.

        `run` is the fingerprint of all that determines them; `before` is called ahead of the first batch,
        where that is computed and not found. Raises what `run_blocks` does.
        """
        sizes = batch_sizes(samples, self.batch)

        def block(index: int) -> Arrays:
            if index == 0 and before is not None:
                before()
            return compute(generator_of(self.seed, index), sizes[index])

        return run_blocks(block, len(sizes), self.resume, run, self.progress, self.share, sizes)
