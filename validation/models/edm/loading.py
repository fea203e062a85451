"""Networks of EDM and EDM2 from files, and the denoiser that estimators take.

A file is a checkpoint as published (`.pkl`), or safetensors with the published state names; its metadata hold
the constructor arguments as JSON under `edm2` or `edm`, and an encoder's standardisation under `encoder`.
Without them the configuration follows from names and shapes. Nothing in a file is executed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float32
from safetensors.torch import save_file
from torch import Tensor

from ....numerics.runs.fingerprints import fingerprint
from ....theory._support.aliases import Fields
from ..._support.torch_randomness import undisturbed
from ...denoiser import by_condition, digest_of_modules
from .checkpoints import Checkpoint, Standardisation, read_checkpoint
from .configuration import Configuration, EDMConfiguration
from .edm2_network import EDM2
from .inference import inferred
from .preconditioning import EDM, iddpm_levels
from .weights import check_fit, fill, is_pickle, read_safetensors

__all__ = [
    "EDM2Denoiser",
    "load_edm",
    "load_edm2",
    "parameters_of",
    "read_network_file",
    "save_checkpoint",
    "save_edm2",
]

_KEYS = {"edm2": Configuration, "edm": EDMConfiguration}
_ENCODER = "encoder"
_PICKLES = (".pkl", ".pickle")


class EDM2Denoiser:
    """An EDM or EDM2 network as a denoiser, `denoiser(x, sigma, condition)`.

    Conditions are class numbers as text, from `"0"`; `None` asks without a class.

    Parameters
    ----------
    network : EDM2 or EDM
        As of `load_edm`.
    reference : EDM2 or EDM, optional
        An unconditional network for samples of the same shape, which answers for `condition=None`. Without
        it, `network` answers, with a label of zeros.
    null : bool, optional
        Whether `network` was trained with labels of zeros (label dropout). By default this is assumed only of
        networks without classes. Estimators read it as `has_null`, which is also true with a reference.

    Raises
    ------
    ValueError
        A reference of another shape.
    """

    def __init__(
        self, network: EDM2 | EDM, reference: EDM2 | EDM | None = None, null: bool | None = None
    ) -> None:
        self.network: EDM2 | EDM = network.train(False)
        self.reference: EDM2 | EDM = (reference or network).train(False)
        own, other = _shape_of(self.network), _shape_of(self.reference)
        if own != other:
            raise ValueError(f"reference: is for samples of shape {other}, and the network for {own}")
        learnt = reference is not None or network.configuration.label_dim == 0
        self.has_null: bool = learnt if null is None else null

    def digest(self) -> str:
        """SHA-256 of the weights, configurations and precisions of both networks.

        Returns
        -------
        str
        """
        pair = (self.network, self.reference)
        about = [f"{network.configuration} {network.dtype}" for network in pair]
        return fingerprint(*about, digest_of_modules(*pair))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Class numbers as text, from `"0"`."""
        return tuple(map(str, range(self.network.configuration.label_dim)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one sample: channels, height, width."""
        return _shape_of(self.network)

    @torch.no_grad()
    def __call__(
        self, x: Float[Tensor, "batch c h w"], sigma: float, condition: str | None
    ) -> Float[Tensor, "batch c h w"]:
        """Estimate of x₀ in x's own precision; `ValueError` for an unknown class."""
        level = torch.full((len(x),), float(sigma), device=x.device, dtype=torch.float32)
        if condition is None:
            return self.reference(x, level).to(x)
        return self.network(x, level, self._labels(x, [condition] * len(x))).to(x)

    def per_sample(
        self, x: Float[Tensor, "batch c h w"], sigma: float, conditions: Sequence[str | None]
    ) -> Float[Tensor, "batch c h w"]:
        """Estimates of x₀, each sample under its own condition, in one evaluation if one network suffices.

        Parameters
        ----------
        x : tensor, shape (batch, channels, height, width)
            Noisy samples.
        sigma : float
            Noise-to-signal ratio σ > 0.
        conditions : sequence of str or None, length batch
            The condition of each sample.

        Returns
        -------
        tensor of the shape of `x`

        Raises
        ------
        ValueError
            An unknown class.
        """
        if None in conditions and (self.reference is not self.network or not self.conditions):
            return by_condition(self, x, sigma, conditions)
        with torch.no_grad():
            level = torch.full((len(x),), float(sigma), device=x.device, dtype=torch.float32)
            return self.network(x, level, self._labels(x, conditions)).to(x)

    def _labels(
        self, x: Float[Tensor, "batch c h w"], conditions: Sequence[str | None]
    ) -> Float32[Tensor, "batch classes"]:
        """One-hot rows; zeros where there is no condition."""
        known = self.conditions
        numbers = {condition: k for k, condition in enumerate(known)}
        labels = torch.zeros(len(x), len(known), dtype=torch.float32, device="cpu")
        for row, condition in enumerate(conditions):
            if condition is None:
                continue
            if condition not in numbers:
                last = len(known) - 1
                raise ValueError(f"condition: {condition!r} is not a class number from 0 to {last}")
            labels[row, numbers[condition]] = 1
        return labels.to(x.device)


def _shape_of(network: EDM2 | EDM) -> tuple[int, int, int]:
    c = network.configuration
    return c.img_channels, c.img_resolution, c.img_resolution


def load_edm(
    path: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> EDM2 | EDM:
    """Read a network of EDM or EDM2: a torch module that estimates x₀ from (x, σ, labels).

    Parameters
    ----------
    path
        A checkpoint as published (`.pkl`), or `.safetensors` with the published state names, maybe below a
        common prefix; without our metadata the configuration follows from names and shapes, 64 channels a
        head and EDM's preconditioner.
    device, dtype
        Where the network computes and in which precision; its weights are float32.

    Returns
    -------
    EDM2 or EDM
        In evaluation mode; `network(x, sigma, labels)` takes σ as a number or (batch,), and labels one-hot,
        as class numbers, or none.

    Raises
    ------
    ValueError
        With one line that names the file and what is wrong with it.

    References
    ----------
    K22, K24.
    """
    path = Path(path)
    checkpoint = read_network_file(path)
    try:
        network = _bare(checkpoint, dtype)
        fill(network, checkpoint.tensors)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    return network.to(device).train(False)


def load_edm2(
    path: Path | str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> EDM2:
    """Read a network of EDM2, as `load_edm` does.

    Parameters
    ----------
    path : Path or str
        A published `.pkl`, which is read without executing anything in it, or `.safetensors`.
    device : torch device
    dtype : torch dtype
        Of the weights.

    Returns
    -------
    EDM2

    Raises
    ------
    ValueError
        A file that `load_edm` refuses, or one of EDM.

    References
    ----------
    K24.
    """
    network = load_edm(path, device, dtype)
    if not isinstance(network, EDM2):
        raise ValueError(f"{path}: is a network of EDM, not of EDM2")
    return network


def read_network_file(path: Path) -> Checkpoint:
    """Configuration and tensors of a network's file, of either format.

    Raises
    ------
    ValueError
        One line that names the file and what is wrong with it.
    """
    pickled = path.is_file() and (path.suffix in _PICKLES or is_pickle(path))
    checkpoint = read_checkpoint(path) if pickled else _read_safe(path)
    c = checkpoint.configuration
    if isinstance(c, EDMConfiguration) and c.preconditioning == "iDDPM" and "u" not in checkpoint.tensors:
        tensors = {**checkpoint.tensors, "u": iddpm_levels(c)}
        checkpoint = Checkpoint(c, tensors, checkpoint.encoder)
    try:
        check_fit(_bare(checkpoint, torch.float32), checkpoint.tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return checkpoint


def _read_safe(path: Path) -> Checkpoint:
    metadata, tensors = read_safetensors(path)
    try:
        key = next((key for key in _KEYS if key in metadata), None)
        if key is None:
            configuration, tensors = inferred(tensors)
        else:
            configuration = _KEYS[key].from_json(json.loads(metadata[key]))
        encoder = _encoder(metadata)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    return Checkpoint(configuration, tensors, encoder)


def _encoder(metadata: dict[str, str]) -> Standardisation | None:
    if _ENCODER not in metadata:
        return None
    held: Any = json.loads(metadata[_ENCODER])
    about: Fields = held if isinstance(held, dict) else {}
    return Standardisation(*(_numbers(about.get(name)) for name in ("scale", "bias")))


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(isinstance(number, (int, float)) for number in value):
        raise ValueError(f"metadata: {_ENCODER!r} is no scale and bias a channel")
    return tuple(value)


def _bare(checkpoint: Checkpoint, dtype: torch.dtype) -> EDM2 | EDM:
    """The network of a configuration, without memory for its weights."""
    c = checkpoint.configuration
    with undisturbed(), torch.device("meta"):
        return EDM2(c, dtype) if isinstance(c, Configuration) else EDM(c, dtype)


def parameters_of(checkpoint: Checkpoint) -> int:
    """How many numbers were learnt: all that a file holds but buffers."""
    return sum(parameter.numel() for parameter in _bare(checkpoint, torch.float32).parameters())


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write tensors in their own precision, configuration and standardisation to a `.safetensors` file."""
    c = checkpoint.configuration
    key = next(key for key, kind in _KEYS.items() if isinstance(c, kind))
    metadata = {key: json.dumps(asdict(c))}
    if checkpoint.encoder is not None:
        metadata[_ENCODER] = json.dumps(asdict(checkpoint.encoder))
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, path, metadata)


def save_edm2(network: EDM2 | EDM, path: Path, dtype: torch.dtype | None = None) -> None:
    """Write weights, in their own precision unless `dtype` says another, and configuration to `.safetensors`.

    Only learnt tensors are rounded: a frequency of an embedding would shift by more than the weights do.
    """
    learnt = {name for name, _ in network.named_parameters()}
    held = network.state_dict().items()
    tensors = {name: tensor.to(dtype) if dtype and name in learnt else tensor for name, tensor in held}
    save_checkpoint(Checkpoint(network.configuration, tensors), path)
