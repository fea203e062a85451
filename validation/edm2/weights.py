"""Tensors by name, in a `.safetensors` file and in a network: read, or refused with one `ValueError`."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...theory.refusals import reason

__all__ = ["fill", "read_safetensors"]


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a file; `ValueError` with one line if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, KeyError, AttributeError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from None


def fill(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set every parameter and buffer; `ValueError` for one missing, unexpected or of another shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        name = wrong if wrong.isprintable() else repr(wrong)
        raise ValueError(f"{name}: missing, unexpected or of another shape")
    module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
