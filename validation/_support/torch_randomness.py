"""Torch generators that are the same wherever a block of work is done, and torch's global state let alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ...numerics._support.seeds import seed_of, stream

__all__ = ["generator_of", "undisturbed"]


def generator_of(seed: int, index: int) -> torch.Generator:
    """The generator of block `index`, on the CPU so that every device sees the same draws."""
    state = np.random.SeedSequence(stream(seed_of(seed, "seed"), index)).generate_state(2, np.uint32)
    return torch.Generator(device="cpu").manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Float32 on the CPU as torch's defaults, whatever the caller's, and its global generator left as it was.

    For what makes modules: they draw weights, which are then overwritten, and take the default type.
    """
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
