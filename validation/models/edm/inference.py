"""The configuration of a network of EDM or EDM2 from the names and shapes of its tensors.

The names say the levels (`enc.64x64_conv`, `enc.32x32_block0`), the blocks of each, where attention is (a
`qkv` is there or not) and the kind of network; the shapes say channels, classes and embeddings. A prefix
that all names share is taken off, and a U-Net without its preconditioner is given one.

Shapes do not say what preconditions the network: iDDPM is known by its twice as many output channels, and any
other network of EDM is taken for EDM's own, with σ_data = ½. Nor do they say how channels of attention divide
into heads: there are 64 a head, as published.
"""

import math
import re
from collections.abc import Mapping

from torch import Tensor

from ....theory._support.aliases import Fields
from .configuration import Configuration, EDMConfiguration

__all__ = ["inferred"]

_FIRST = re.compile(r"(.*?)enc\.(\d{1,5})x\2_conv\.weight")
_LEVEL = re.compile(r"enc\.(\d{1,5})x\1_(?:conv|down)\.")
_PER_HEAD = 64


def inferred(
    tensors: Mapping[str, Tensor],
) -> tuple[Configuration | EDMConfiguration, dict[str, Tensor]]:
    """The configuration, and the tensors by their published names.

    Raises
    ------
    ValueError
        For tensors that are of no such network, or leave its configuration open.
    """
    found = next((match for name in tensors if (match := _FIRST.fullmatch(name))), None)
    if found is None:
        raise ValueError("no tensor is named enc.RxR_conv.weight: not a network of EDM or EDM2")
    prefix = found[1]
    unet = _Shapes(
        {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    )
    second = unet.has("out_gain") or unet.has("emb_noise.weight")
    inner = "unet." if second else "model."
    outer = prefix.removesuffix(inner) if prefix.endswith(inner) else prefix
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            named[inner + name[len(prefix) :]] = tensor
        else:
            named[name.removeprefix(outer)] = tensor
    if second:
        return _edm2(unet, named), named
    return _edm(unet, "u" in named, named), named


class _Shapes:
    """Tensors of a U-Net by name, and what is read off their shapes."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors: dict[str, Tensor] = tensors
        sizes = {int(match[1]) for name in tensors if (match := _LEVEL.match(name))}
        self.sizes: list[int] = sorted(sizes, reverse=True)  # of the levels, from the finest

    def has(self, name: str) -> bool:
        return name in self.tensors

    def side(self, name: str, axis: int = 0) -> int:
        """Length of a tensor along an axis; `ValueError` if it is missing or has no such axis."""
        if name not in self.tensors:
            raise ValueError(f"{name}: missing")
        shape = self.tensors[name].shape
        if axis >= len(shape) or shape[axis] == 0:
            raise ValueError(f"{name}: has shape {tuple(shape)}")
        return int(shape[axis])

    def optional(self, name: str, axis: int) -> int:
        return self.side(name, axis) if self.has(name) else 0

    def widths(self, convolution: str) -> list[int]:
        """Channels of each level, by a convolution of its first block."""
        return [self.side(f"enc.{r}x{r}_block0.{convolution}.weight") for r in self.sizes]

    def blocks(self) -> int:
        """Blocks of the first level of the encoder."""
        first = f"enc.{self.sizes[0]}x{self.sizes[0]}_block"
        return len({name[len(first) :].partition(".")[0] for name in self.tensors if name.startswith(first)})

    def attention(self, projection: str) -> list[int]:
        """Levels with attention in the encoder."""
        return [r for r in self.sizes if self.has(f"enc.{r}x{r}_block0.{projection}.weight")]


def _multiples(base: int, widths: list[int], what: str) -> list[int]:
    for width in widths:
        if width % base:
            raise ValueError(f"{what}: {width} channels are no multiple of {base}")
    return [width // base for width in widths]


def _check_heads(widths: list[int]) -> None:
    """`ValueError` where heads of 64 channels or somewhat more cannot be, so that shapes leave them open."""
    for width in widths:
        if width < _PER_HEAD or width % (width // _PER_HEAD):
            raise ValueError(f"attention over {width} channels: shapes do not say how they divide into heads")


def _edm2(unet: _Shapes, named: Mapping[str, Tensor]) -> Configuration:
    widths = unet.widths("conv_res1")
    noise, embedding = unet.side("emb_fourier.freqs"), unet.side("emb_noise.weight")
    own = [noise] * (noise != widths[0]), [embedding] * (embedding != max(widths))  # none where as usual
    base = math.gcd(*widths, *own[0], *own[1])
    where = unet.attention("attn_qkv")
    lowest = f"dec.{unet.sizes[-1]}x{unet.sizes[-1]}_in0.attn_qkv.weight"
    _check_heads([*(widths[unet.sizes.index(r)] for r in where), *([widths[-1]] if unet.has(lowest) else [])])
    logvar = named.get("logvar_fourier.freqs")
    return Configuration.from_json(
        {
            "img_resolution": unet.sizes[0],
            "img_channels": unet.side("out_conv.weight"),
            "label_dim": unet.optional("emb_label.weight", 1),
            "model_channels": base,
            "channel_mult": _multiples(base, widths, "channel_mult"),
            "num_blocks": unet.blocks(),
            "attn_resolutions": where,
            "channel_mult_noise": noise // base if own[0] else None,
            "channel_mult_emb": embedding // base if own[1] else None,
            "logvar_channels": 0 if logvar is None else logvar.numel(),
        }
    )


def _edm(unet: _Shapes, levelled: bool, named: Mapping[str, Tensor]) -> EDMConfiguration:
    adm = unet.has("out_conv.weight")
    first = f"enc.{unet.sizes[0]}x{unet.sizes[0]}_conv.weight"
    channels = unet.side(first, 1)
    outputs = unet.side("out_conv.weight" if adm else f"dec.{unet.sizes[0]}x{unet.sizes[0]}_aux_conv.weight")
    iddpm = levelled or outputs == 2 * channels
    base = unet.side("map_layer0.weight", 1) if adm else unet.side(first)
    widths = unet.widths("conv1")
    where = unet.attention("qkv")
    lowest = f"dec.{unet.sizes[-1]}x{unet.sizes[-1]}_in0.qkv.weight"
    if adm:
        last = [widths[-1]] if unet.has(lowest) else []
        _check_heads([*(widths[unet.sizes.index(r)] for r in where), *last])
    common: Fields = {
        "img_resolution": unet.sizes[0],
        "img_channels": channels,
        "label_dim": unet.optional("map_label.weight", 1),
        "network": "DhariwalUNet" if adm else "SongUNet",
        "preconditioning": "iDDPM" if iddpm else "EDM",
        "augment_dim": unet.optional("map_augment.weight", 1),
        "model_channels": base,
        "channel_mult": _multiples(base, widths, "channel_mult"),
        "channel_mult_emb": _multiples(base, [unet.side("map_layer0.weight")], "channel_mult_emb")[0],
        "num_blocks": unet.blocks(),
        "attn_resolutions": where,
        "levels": named["u"].numel() - 1 if levelled else 1000,
    }
    return EDMConfiguration.from_json(common if adm else common | _song(unet, base))


def _song(unet: _Shapes, base: int) -> Fields:
    """What only DDPM++ and NCSN++ have."""
    aux = {name.rpartition("aux_")[2].partition(".")[0] for name in unet.tensors if "_aux_" in name}
    noise = unet.side("map_layer0.weight", 1)
    return {
        "embedding_type": "fourier" if unet.has("map_noise.freqs") else "positional",
        "channel_mult_noise": _multiples(base, [noise], "channel_mult_noise")[0],
        "encoder_type": "residual" if "residual" in aux else "skip" if "skip" in aux else "standard",
        "decoder_type": "skip" if "up" in aux else "standard",
        "resample_filter": _filter(unet),
    }


def _filter(unet: _Shapes) -> list[int]:
    """The filter r of `resample_filter` = r⊗r/(Σr)², in whole numbers of which the first is 1."""
    name = next((name for name in unet.tensors if name.endswith(".resample_filter")), None)
    if name is None:
        return [1, 1]
    two = unet.tensors[name].float()
    if two.ndim != 4 or not 1 <= two.shape[-1] <= 16 or two.shape[-1] != two.shape[-2]:
        raise ValueError(f"{name}: has shape {tuple(two.shape)}")
    row = two[0, 0].sum(0)
    return [round(float(value)) for value in (row / row[0]).nan_to_num(0, 0, 0).clamp(-1e3, 1e3)]
