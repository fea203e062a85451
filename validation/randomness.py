"""Torch generators that are the same wherever a block of work is done."""

import numpy as np
import torch

from ..numerics.seeds import seed_of, stream

__all__ = ["generator_of"]


def generator_of(seed: int, index: int) -> torch.Generator:
    """The generator of block `index`, on the CPU so that every device sees the same draws."""
    state = np.random.SeedSequence(stream(seed_of(seed, "seed"), index)).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
