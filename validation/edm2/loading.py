"""EDM2 weights as safetensors with their configuration, and the denoiser that estimators take.

A file holds the published state names, and in its metadata the constructor arguments as JSON. Nothing in it
is executed.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from .network import EDM2, Configuration
from .weights import fill, read_safetensors

__all__ = ["EDM2Denoiser", "load_edm2", "save_edm2"]

_KEY = "edm2"


class EDM2Denoiser:
    """A network as a denoiser: `denoiser(x, sigma, condition)`, conditions by class number from `"0"`.

    With a `reference` network, which is what `condition=None` asks, guidance compares two networks.
    """

    def __init__(self, network: EDM2, reference: EDM2 | None = None) -> None:
        self.network: EDM2 = network.train(False)
        self.reference: EDM2 = (reference or network).train(False)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Class numbers."""
        return tuple(map(str, range(self.network.configuration.label_dim)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample."""
        c = self.network.configuration
        return c.img_channels, c.img_resolution, c.img_resolution

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀ in x's own precision; `ValueError` for an unknown class."""
        level = torch.full((len(x),), float(sigma), device=x.device)
        if condition is None:
            return self.reference(x, level).to(x)
        if condition not in self.conditions:
            count = len(self.conditions)
            raise ValueError(f"condition: {condition!r} is not a class number from 0 to {count - 1}")
        labels = torch.zeros(len(x), len(self.conditions), device=x.device)
        labels[:, int(condition)] = 1
        return self.network(x, level, labels).to(x)


def save_edm2(network: EDM2, path: Path) -> None:
    """Write weights and configuration to a `.safetensors` file."""
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, path, metadata={_KEY: json.dumps(asdict(network.configuration))})


def load_edm2(path: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> EDM2:
    """Read a network from a `.safetensors` file that holds its configuration.

    Raises `ValueError` with one line that names the file and what is wrong with it.
    """
    metadata, state = read_safetensors(path)
    try:
        if _KEY not in metadata:
            raise ValueError(f"metadata has no {_KEY!r} configuration")
        configuration = Configuration.from_json(json.loads(metadata[_KEY]))
        network = EDM2(configuration, dtype)
        fill(network, state)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    return network.to(device).train(False)
