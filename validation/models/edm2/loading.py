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

from ....numerics.runs.fingerprints import fingerprint
from ..._support.torch_randomness import undisturbed
from ...denoiser import digest_of_modules
from .network import EDM2, Configuration
from .weights import fill, read_safetensors

__all__ = ["EDM2Denoiser", "load_edm2", "save_edm2"]

_KEY = "edm2"


class EDM2Denoiser:
    """A network as a denoiser: `denoiser(x, sigma, condition)`, conditions by class number from `"0"`.

    Parameters
    ----------
    network : EDM2
    reference : EDM2, optional
        What `condition=None` asks: the unconditional network, of samples of the same shape. Without it that
        is `network` with the zero label.
    null : bool, optional
        Whether the zero label was learnt, by label dropout. Estimators ask `has_null`: true for a network
        without classes and with a reference, unless this says otherwise.

    Raises `ValueError` for a reference of another shape.
    """

    def __init__(self, network: EDM2, reference: EDM2 | None = None, null: bool | None = None) -> None:
        self.network: EDM2 = network.train(False)
        self.reference: EDM2 = (reference or network).train(False)
        own, other = _shape_of(self.network), _shape_of(self.reference)
        if own != other:
            raise ValueError(f"reference: is for samples of shape {other}, and the network for {own}")
        learnt = reference is not None or network.configuration.label_dim == 0
        self.has_null: bool = learnt if null is None else null

    def digest(self) -> str:
        """SHA-256 of the weights, configurations and precisions of both networks."""
        pair = (self.network, self.reference)
        about = [f"{network.configuration} {network.dtype}" for network in pair]
        return fingerprint(*about, digest_of_modules(*pair))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Class numbers."""
        return tuple(map(str, range(self.network.configuration.label_dim)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample."""
        return _shape_of(self.network)

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀ in x's own precision; `ValueError` for an unknown class."""
        level = torch.full((len(x),), float(sigma), device=x.device, dtype=torch.float32)
        if condition is None:
            return self.reference(x, level).to(x)
        if condition not in self.conditions:
            count = len(self.conditions)
            raise ValueError(f"condition: {condition!r} is not a class number from 0 to {count - 1}")
        labels = torch.zeros(len(x), len(self.conditions), device=x.device, dtype=torch.float32)
        labels[:, int(condition)] = 1
        return self.network(x, level, labels).to(x)


def _shape_of(network: EDM2) -> tuple[int, int, int]:
    c = network.configuration
    return c.img_channels, c.img_resolution, c.img_resolution


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
        with undisturbed():
            network = EDM2(configuration, dtype)
        fill(network, state)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    return network.to(device).train(False)
