"""A single `.safetensors` file of Stable Diffusion 1, 2 or XL, in the names of its authors.

Such a file has weights alone. Its configuration and tokenizers are those of a folder as diffusers saves it:
the file's own folder, one of the file's name without its ending beside it, or in the hub's cache the
repository that diffusers takes for a file of its kind. diffusers' own tables of names translate the weights.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ....theory._support.aliases import Part
from ..._support.torch_randomness import undisturbed
from .source import Source, complain, first_line, silent

__all__ = ["SingleFile", "configured"]

_KINDS = ("v1", "v2", "xl_base")
_CLIP = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
_OPEN_CLIP = ("cond_stage_model.model.", "conditioner.embedders.1.model.")


@dataclass(frozen=True)
class SingleFile(Source):
    """A folder of configuration whose weights are in one file."""

    file: Path = Path()
    tensors: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def network(self, part: str, kind: Part, dtype: torch.dtype, subfolder: str | None = "") -> Part:
        """A module whose every weight is in the file."""
        if part == "unet":
            module, weights = self._unet(kind)
        else:
            module, weights = self._text_encoder(part, kind)
        if not weights:
            raise ValueError(f"{self.file}: {part}: the file has none of its weights")
        own = module.state_dict()
        missing = [name for name in own if name not in weights]
        unexpected = [name for name in weights if name not in own]
        other = [name for name, value in weights.items() if name in own and own[name].shape != value.shape]
        complain(f"{self.file}: {part}", missing, unexpected, other)
        kept = {name: value for name, value in weights.items() if name in own}
        module.load_state_dict(kept, strict=False)  # buffers that count are the module's own
        return module.to(dtype)

    def _unet(self, kind: Part) -> tuple[Part, dict[str, Tensor]]:
        from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

        configuration = self.configuration("unet")
        with silent(), undisturbed():
            module = kind.from_config(configuration)
            try:
                weights = convert_ldm_unet_checkpoint(dict(self.tensors), config=dict(module.config))
            except (KeyError, IndexError, AttributeError) as error:
                raise ValueError(
                    f"{self.file}: unet: {first_line(error)} is missing: not a network of this configuration"
                ) from None
        return module, weights

    def _text_encoder(self, part: str, kind: Part) -> tuple[Part, dict[str, Tensor]]:
        from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

        configuration = self.read(part, kind.config_class.from_pretrained)
        with silent(), undisturbed():
            module = kind(configuration)
        open_clip = _OPEN_CLIP[part.endswith("_2")]
        if any(name.startswith(open_clip) for name in self.tensors):
            text = getattr(module, "text_model", module)
            held = {name: t for name, t in self.tensors.items() if name.startswith(open_clip)}
            weights = convert_open_clip_checkpoint(text, held, prefix=open_clip)
        else:
            weights = {
                name.removeprefix(prefix): tensor
                for prefix in (() if part.endswith("_2") else _CLIP)
                for name, tensor in self.tensors.items()
                if name.startswith(prefix)
            }
        return module, _as_in(module, weights)


def _as_in(module: Part, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights without or with the word `text_model.`, which later libraries leave out of some modules."""
    own = module.state_dict()
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        short = name.removeprefix("text_model.")
        found[next((n for n in (name, short, f"text_model.{short}") if n in own), name)] = tensor
    if "text_projection.weight" not in own:
        found.pop("text_projection.weight", None)
    return found


def configured(path: str | Path, download: bool) -> SingleFile:
    """A single file with the folder of its configuration.

    Raises
    ------
    ValueError
        One line for what is no safetensors, of another kind than the three, or without configuration.
    """
    from diffusers.loaders import single_file_utils as known
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = Path(path)
    if file.suffix != ".safetensors":
        raise ValueError(f"{path}: of single files only .safetensors are read, not {file.suffix or 'others'}")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: cannot be read: {first_line(error)}") from None
    kind = str(known.infer_diffusers_model_type(tensors))
    if not any(name.startswith("model.diffusion_model.input_blocks") for name in tensors):
        raise ValueError(f"{path}: holds no network of Stable Diffusion 1, 2 or XL as their authors name it")
    for folder in (file.with_suffix(""), file.parent):
        if (folder / "unet" / "config.json").is_file():
            return SingleFile(str(folder), download, None, file, tensors)
    if kind not in _KINDS:
        raise ValueError(f"{path}: is a file of {kind}; only those of Stable Diffusion 1, 2 and XL are read")
    hub = str(known.DIFFUSERS_DEFAULT_PIPELINE_PATHS[kind]["pretrained_model_name_or_path"])
    found = SingleFile(hub, download, None, file, tensors)
    try:
        found.configuration("unet")
    except ValueError:
        raise ValueError(
            f"{path}: has weights alone: lay its configuration, {hub} without the weights, into the folder "
            f"{file.with_suffix('')}"
        ) from None
    return found
