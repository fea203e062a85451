"""Networks of diffusers whose arguments are known: which one a pipeline has, and what speaks against it."""

from collections.abc import Mapping
from pathlib import Path

from ....theory._support.aliases import Part, ReadFields
from .pipeline_checks import OTHER_INPUTS
from .source import Source

__all__ = ["KINDS", "class_names_of", "kind_of", "network_part", "refusal", "shape_of"]

Configuration = ReadFields

KINDS: dict[str, str] = {
    "UNet2DConditionModel": "Stable Diffusion 1, 2 and XL",
    "UNet2DModel": "images with and without classes",
    "DiTTransformer2DModel": "DiT",
    "PixArtTransformer2DModel": "PixArt",
    "SD3Transformer2DModel": "Stable Diffusion 3",
}
"""Classes of networks that are read, by their name in diffusers."""

_OLDER = {"ada_norm_zero": "DiTTransformer2DModel", "ada_norm_single": "PixArtTransformer2DModel"}
_ADDED = {
    "controlnet": "an image that steers it (ControlNet)",
    "adapter": "an image that steers it",
    "motion_adapter": "the other frames of a film",
    "image_normalizer": "an image beside the text",
}
_FEW_STEPS = {
    "LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline", "ConsistencyModelPipeline",
}  # fmt: skip
_TURBO = {
    "stabilityai/sd-turbo", "stabilityai/sdxl-turbo", "stabilityai/stable-diffusion-3.5-large-turbo",
    "ByteDance/SDXL-Lightning", "ByteDance/Hyper-SD", "PixArt-alpha/PixArt-Alpha-DMD-XL-2-512x512",
    "SimianLuo/LCM_Dreamshaper_v7", "latent-consistency/lcm-sdxl", "latent-consistency/lcm-ssd-1b",
}  # fmt: skip
_NO_MEAN = "it is distilled for few steps, and its answers are no means of clean data"


def network_part(source: Source, index: Configuration) -> tuple[str, str | None]:
    """The part that is the network, and the folder where it is: its own, or the top (`None`).

    Raises
    ------
    ValueError
        One line for a pipeline without one, which says what there is.
    """
    for part in ("transformer", "unet"):
        if (part in index and (index[part] or [None])[0]) or (not index and source.holds(part)):
            return part, part if source.holds(part) else None
    if index:
        raise ValueError(f"{source.name}: a {index.get('_class_name')} has neither a unet nor a transformer")
    name = source.configuration(None, missing={}).get("_class_name")
    if "ControlNet" in str(name):
        raise ValueError(f"{source.name}: a {name} adds to another network, and is none by itself")
    if name is not None:
        raise ValueError(f"{source.name}: a {name} without its scheduler; give the folder of the pipeline")
    if source.folder is None and not source.download and not Path(source.name).exists():
        source.configuration("unet")  # says that it is not on this machine
    raise ValueError(f"{source.name}: has no model_index.json, and neither a unet nor a transformer")


def kind_of(network: Configuration) -> str:
    """The class of a network by its configuration, where older files call two kinds by one name."""
    name = str(network.get("_class_name", "UNet2DConditionModel"))
    return _OLDER.get(str(network.get("norm_type")), name) if name == "Transformer2DModel" else name


def refusal(name: str, index: Configuration, part: str, network: Configuration) -> str:
    """What speaks against a pipeline besides its scheduler, in a line; empty if nothing does.

    Parameters
    ----------
    name : str
        Of its hub repository or folder.
    index, part, network
        The contents of `model_index.json`, which part is the network, and its `config.json`.
    """
    whole = str(index.get("_class_name"))
    origins = {name, index.get("_name_or_path"), network.get("_name_or_path")} & _TURBO
    if whole in _FEW_STEPS or origins:
        return f"{part}: a {origins.pop()}: {_NO_MEAN}" if origins else f"{part}: of a {whole}: {_NO_MEAN}"
    for key, what in _ADDED.items():
        if (index.get(key) or [None])[0]:
            return f"{key}: the pipeline takes {what}; only networks of noisy samples and texts are read"
    if index.get("requires_aesthetics_score"):
        return f"{part}: takes an aesthetics score, as SDXL's refiner, which no text gives"
    kind = kind_of(network)
    if kind not in KINDS:
        return (
            f"{part}: is a {kind}, whose arguments are not known; known are {', '.join(KINDS)}; "
            "as_denoiser wraps a network of your own"
        )
    return _of_inputs(part, kind, network) or _of_size(part, network)


def _of_inputs(part: str, kind: str, network: Configuration) -> str:
    allowed = {"UNet2DConditionModel": ("addition_embed_type",), "UNet2DModel": ("num_class_embeds",)}
    if kind in allowed:
        for key, what in OTHER_INPUTS.items():
            if network.get(key) is not None and key not in allowed[kind]:
                return f"{part}: takes {what} ({key}); only samples, time, and a text or a class are known"
    if network.get("addition_embed_type") not in (None, "text_time"):
        return f"{part}: takes {network['addition_embed_type']!r} (addition_embed_type), which is not known"
    inputs = network.get("in_channels")
    outputs = network.get("out_channels") or inputs
    if inputs is not None and outputs not in (inputs, 2 * inputs):
        return (
            f"{part}: takes {inputs} channels and gives {outputs}: the others hold a mask or an image, as "
            "for inpainting; only networks of noisy samples alone are read"
        )
    return ""


def _of_size(part: str, network: Configuration) -> str:
    size = network.get("sample_size")
    sides = list(size) if isinstance(size, (list, tuple)) else [size]
    if len(sides) > 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        return f"{part}: sample_size, the side of its samples, is {size!r}; write it into {part}/config.json"
    return ""


def shape_of(network: Part) -> tuple[int, int, int]:
    """Channels, height and width of one sample of a network of diffusers."""
    size = network.config.sample_size
    height, width = (size, size) if isinstance(size, int) else (*size, *size)[:2]
    return int(network.config.in_channels), int(height), int(width)


def class_names_of(index: Configuration, count: int) -> dict[str, tuple[str, ...]]:
    """The names of each class number in `id2label`, which holds several apart by commas; none is a number."""
    labels = index.get("id2label")
    found: dict[str, tuple[str, ...]] = {}
    for number, names in (labels if isinstance(labels, Mapping) else {}).items():
        own = tuple(name for name in map(str.strip, str(names).split(",")) if name and not name.isdecimal())
        if own and str(number).isdecimal() and int(number) < count:
            found[str(int(number))] = own
    return found
