"""Samples of each class drawn with a model along its probability flow, kept batch by batch.

    x′ = (σ′/σ) x + (1 − σ′/σ) [D + ½ (h/h_before) (D − D_before)],      h = log(σ/σ′)

is the flow `dx/dσ = (x − D)/σ` to second order in the step, at one evaluation each. It has the marginals of
the reverse chain, whose own error is of first order: with 96 steps a chain loses a seventh of the variance
within a class of digits, the flow with 16 a thirtieth, and a fit needs that variance. At the lowest level x
still holds noise, and D too little of what is as small: halfway between, the variance is right to second
order in the ratio of the two.

Source: DPM-Solver++(2M), Lu et al., arXiv 2211.01095.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from ...numerics.runs.blocks import Arrays, batch_sizes, run_blocks
from ...numerics.runs.fingerprints import fingerprint
from ...theory._support.values import ByContent
from ...theory.mixtures.labelled_samples import Samples
from .._support.torch_randomness import generator_of
from ..denoiser import Denoiser, by_condition
from .work import Work, WorkOptions

__all__ = ["FlowSampler", "model_samples"]

Array = NDArray[np.float64]

_STREAM = 0x5A3  # of a seed's batches, apart from those of curves


def model_samples(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: Array,
    shape: Sequence[int],
    *,
    samples: int,
    **work: Unpack[WorkOptions],
) -> Samples:
    """`samples` of each condition, flattened, by the probability flow down `sigmas` (levels,).

    Finished batches are kept in `resume`, which a run of the same model goes on from; all of them are drawn
    here, whatever the share.

    Raises
    ------
    ValueError
        For fewer than two samples, and for a folder of another run.
    """
    if samples < 2:
        raise ValueError(f"prediction: needs at least two samples of each class, not {samples}")
    own = Work.of(work)
    sizes = batch_sizes(samples, own.batch)
    blocks = [(k, size) for k in range(len(conditions)) for size in sizes]
    names, levels = own.names(denoiser=denoiser), np.asarray(sigmas, dtype=np.float64)
    run = fingerprint("samples", *names, *map(repr, conditions), levels, *own.numbers(shape))

    def compute(index: int) -> Arrays:
        k, count = blocks[index]
        generator = generator_of(own.seed ^ _STREAM, index)
        draws = torch.randn((count, *shape), generator=generator, dtype=own.dtype, device="cpu")
        ends = _flow(denoiser, [conditions[k]] * count, levels, draws.to(own.device))
        return {"rows": ends.reshape(len(ends), -1).double().cpu().numpy()}

    counts = [size for _, size in blocks]
    rows = run_blocks(compute, len(blocks), own.resume, run, own.progress, sizes=counts)["rows"]
    return Samples(rows, np.repeat(np.arange(len(conditions)), samples), tuple(conditions))


@dataclass(frozen=True, eq=False)
class FlowSampler(ByContent):
    """Samples drawn with the model down `sigmas` (levels,), where an estimator wants clean ones."""

    denoiser: Denoiser
    sigmas: Array
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float64
    device: torch.device | str = "cpu"

    def __call__(self, condition: str, count: int, generator: torch.Generator) -> Tensor:
        """`count` samples of one condition, (count, …)."""
        return self.each_of([condition] * count, generator)

    def each_of(self, conditions: Sequence[str], generator: torch.Generator) -> Tensor:
        """A sample of each of these conditions, drawn together."""
        draws = torch.randn(
            (len(conditions), *self.shape), generator=generator, dtype=self.dtype, device="cpu"
        )
        return _flow(self.denoiser, conditions, self.sigmas, draws.to(self.device))


@torch.no_grad()
def _flow(
    denoiser: Denoiser,
    conditions: Sequence[str],
    sigmas: Float64[Array, " levels"],
    draws: Float[Tensor, "n ..."],
) -> Float[Tensor, "n ..."]:
    x = float(sigmas[0]) * draws
    steps = np.log(sigmas[:-1] / sigmas[1:])
    before = None
    for index, step in enumerate(steps):
        clean = by_condition(denoiser, x, float(sigmas[index]), conditions)
        target = clean if before is None else clean + 0.5 * float(step / steps[index - 1]) * (clean - before)
        ratio = float(sigmas[index + 1] / sigmas[index])
        x, before = ratio * x + (1 - ratio) * target, clean
    return (x + by_condition(denoiser, x, float(sigmas[-1]), conditions)) / 2
