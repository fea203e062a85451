"""The U-Nets of EDM: SongUNet (DDPM++ and NCSN++) and DhariwalUNet (ADM), with the published state names.

    h = conv1(SiLU(norm1(conv0(SiLU(norm0 x))) ⊕ affine(e)))
    y = c (h + skip x),   then c (y + proj A(qkv(norm2 y))) where there is attention

⊕ adds e before the norm (SongUNet, c = √½, one head, ε 1e-6), or scales by 1 + s and shifts after it (ADM,
c = 1, 64 channels a head, ε 1e-5). Both walk down and up halving resolutions with skip connections.
Source: K22, appendix F; after Song et al. (2021) and Dhariwal and Nichol (2021).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ....theory._support.aliases import Fields
from .configuration import EDMConfiguration
from .edm1_layers import (
    FourierEmbedding,
    GroupNorm,
    Linear,
    PositionalEmbedding,
    ResampledConvolution,
    Resampling,
    attend,
)

__all__ = ["Block", "DhariwalUNet", "SongUNet"]

_HALF = math.sqrt(0.5)
_PER_HEAD = 64  # channels of a head of ADM


class Block(nn.Module):
    """Resampling, a residual branch steered by the embedding, and attention where `heads` is not 0."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        c: EDMConfiguration,
        *,
        resampling: Resampling = None,
        attention: bool = False,
    ) -> None:
        super().__init__()
        song = c.network == "SongUNet"
        self.adaptive: bool = not song
        self.scale: float = _HALF if song else 1.0
        self.heads: int = (1 if song else outputs // _PER_HEAD) if attention else 0
        epsilon = 1e-6 if song else 1e-5
        options = (resampling, c.resample_filter)
        self.norm0: GroupNorm = GroupNorm(inputs, epsilon)
        self.conv0: ResampledConvolution = ResampledConvolution(inputs, outputs, 3, *options)
        embedding = c.model_channels * c.channel_mult_emb
        self.affine: Linear = Linear(embedding, outputs * (2 if self.adaptive else 1))
        self.norm1: GroupNorm = GroupNorm(outputs, epsilon)
        self.conv1: ResampledConvolution = ResampledConvolution(outputs, outputs, 3)
        self.skip: ResampledConvolution | None = None
        if inputs != outputs or resampling:
            kernel = 1 if song or inputs != outputs else 0
            self.skip = ResampledConvolution(inputs, outputs, kernel, *options)
        if self.heads:
            self.norm2: GroupNorm = GroupNorm(outputs, epsilon)
            self.qkv: ResampledConvolution = ResampledConvolution(outputs, 3 * outputs, 1)
            self.proj: ResampledConvolution = ResampledConvolution(outputs, outputs, 1)

    def forward(
        self, x: Float[Tensor, "batch c h w"], embedding: Float[Tensor, "batch e"]
    ) -> Float[Tensor, "batch C H W"]:
        """X (batch, inputs, r, r) to (batch, outputs, r′, r′)."""
        branch = self.conv0(functional.silu(self.norm0(x)))
        steer = self.affine(embedding)[:, :, None, None].to(x.dtype)
        if self.adaptive:
            scale, shift = steer.chunk(2, dim=1)
            branch = functional.silu(shift + self.norm1(branch) * (scale + 1))
        else:
            branch = functional.silu(self.norm1(branch + steer))
        x = self.scale * (self.conv1(branch) + (x if self.skip is None else self.skip(x)))
        if self.heads:
            x = self.scale * (x + self.proj(attend(self.qkv(self.norm2(x)), self.heads)))
        return x


def _encoder(c: EDMConfiguration, first: int, aux: Callable[[int, str, int], Fields]) -> Any:
    """Modules of the encoder, and the channels of each skip connection."""
    enc, skips, channels = nn.ModuleDict(), [], first
    for level, width in enumerate(c.widths):
        size = c.img_resolution >> level
        if level == 0:
            enc[f"{size}x{size}_conv"] = ResampledConvolution(c.img_channels, channels, 3)
        else:
            enc[f"{size}x{size}_down"] = Block(channels, channels, c, resampling="down")
            enc.update(aux(level, f"{size}x{size}_", channels))
        skips.append(channels)
        for index in range(c.num_blocks):
            attention = size in c.attn_resolutions
            enc[f"{size}x{size}_block{index}"] = Block(channels, width, c, attention=attention)
            channels = width
            skips.append(channels)
    return enc, skips


def _decoder(
    c: EDMConfiguration, skips: list[int], every: bool, aux: Callable[[int, str, int], Fields]
) -> nn.ModuleDict:
    """Modules of the decoder; attention on `every` block of a level or on its last."""
    dec, channels = nn.ModuleDict(), c.widths[-1]
    for level, width in reversed(list(enumerate(c.widths))):
        size = c.img_resolution >> level
        if level == len(c.widths) - 1:
            dec[f"{size}x{size}_in0"] = Block(channels, channels, c, attention=True)
            dec[f"{size}x{size}_in1"] = Block(channels, channels, c)
        else:
            dec[f"{size}x{size}_up"] = Block(channels, channels, c, resampling="up")
        for index in range(c.num_blocks + 1):
            attention = size in c.attn_resolutions and (every or index == c.num_blocks)
            dec[f"{size}x{size}_block{index}"] = Block(channels + skips.pop(), width, c, attention=attention)
            channels = width
        dec.update(aux(level, f"{size}x{size}_", channels))
    return dec


class SongUNet(nn.Module):
    """DDPM++ (standard encoder, positional embedding) and NCSN++ (residual encoder, Fourier embedding)."""

    def __init__(self, c: EDMConfiguration) -> None:
        super().__init__()
        noise, embedding = c.noise_width, c.model_channels * c.channel_mult_emb
        positional = c.embedding_type == "positional"
        self.map_noise: nn.Module = (
            PositionalEmbedding(noise, endpoint=True) if positional else FourierEmbedding(noise)
        )
        self.map_label: Linear | None = Linear(c.label_dim, noise) if c.label_dim else None
        self.map_augment: Linear | None = Linear(c.augment_dim, noise, False) if c.augment_dim else None
        self.map_layer0: Linear = Linear(noise, embedding)
        self.map_layer1: Linear = Linear(embedding, embedding)
        self._c = c
        self._aux_channels = c.img_channels
        self.enc: nn.ModuleDict
        self.enc, skips = _encoder(c, c.model_channels, self._aux_encoder)
        self.dec: nn.ModuleDict = _decoder(c, skips, False, self._aux_decoder)

    def _aux_encoder(self, level: int, prefix: str, channels: int) -> Fields:
        """What brings the image itself to a coarser level, and into the encoder."""
        c, carried = self._c, self._aux_channels
        if c.encoder_type == "skip":
            down = ResampledConvolution(carried, carried, 0, "down", c.resample_filter)
            return {
                f"{prefix}aux_down": down,
                f"{prefix}aux_skip": ResampledConvolution(carried, channels, 1),
            }
        if c.encoder_type == "residual":
            self._aux_channels = channels
            fused = ResampledConvolution(carried, channels, 3, "down", c.resample_filter, fused=True)
            return {f"{prefix}aux_residual": fused}
        return {}

    def _aux_decoder(self, level: int, prefix: str, channels: int) -> Fields:
        """What makes an image of the finest level, or of each, added to the coarser one's."""
        c, found = self._c, Fields()
        if level and c.decoder_type != "skip":
            return found
        if level < len(c.widths) - 1 and c.decoder_type == "skip":
            up = ResampledConvolution(c.outputs, c.outputs, 0, "up", c.resample_filter)
            found[f"{prefix}aux_up"] = up
        found[f"{prefix}aux_norm"] = GroupNorm(channels, 1e-6)
        found[f"{prefix}aux_conv"] = ResampledConvolution(channels, c.outputs, 3)
        return found

    def forward(
        self,
        x: Float[Tensor, "batch c h w"],
        noise: Float[Tensor, " batch"],
        labels: Float[Tensor, "batch classes"] | None,
    ) -> Float[Tensor, "batch C h w"]:
        """X (batch, channels, r, r), `noise` = c_noise (batch,), `labels` (batch, label_dim) one-hot."""
        cosines, sines = self.map_noise(noise).chunk(2, dim=1)
        embedding = torch.cat([sines, cosines], dim=1)
        if self.map_label is not None and labels is not None:
            embedding = embedding + self.map_label(labels * math.sqrt(labels.shape[1]))
        embedding = functional.silu(self.map_layer0(embedding))
        embedding = functional.silu(self.map_layer1(embedding))
        x, skips = self._down(x, embedding)
        return self._up(x, skips, embedding)

    def _down(
        self, x: Float[Tensor, "batch c h w"], embedding: Float[Tensor, "batch e"]
    ) -> tuple[Float[Tensor, "batch C H W"], list[Tensor]]:
        aux, skips = x, list[Tensor]()
        for name, module in self.enc.items():
            if name.endswith("aux_down"):
                aux = module(aux)
            elif name.endswith("aux_skip"):
                x = skips[-1] = x + module(aux)
            elif name.endswith("aux_residual"):
                x = skips[-1] = aux = (x + module(aux)) * _HALF
            else:
                x = module(x, embedding) if isinstance(module, Block) else module(x)
                skips.append(x)
        return x, skips

    def _up(
        self, x: Float[Tensor, "batch c h w"], skips: list[Tensor], embedding: Float[Tensor, "batch e"]
    ) -> Float[Tensor, "batch C H W"]:
        image: Tensor | None = None
        normed = x
        for name, module in self.dec.items():
            if name.endswith("aux_up"):
                image = module(image)
            elif name.endswith("aux_norm"):
                normed = module(x)
            elif name.endswith("aux_conv"):
                found = module(functional.silu(normed))
                image = found if image is None else found + image
            else:
                x = torch.cat([x, skips.pop()], dim=1) if "_block" in name else x
                x = module(x, embedding)
        if image is None:
            raise RuntimeError("a decoder without an output")
        return image


class DhariwalUNet(nn.Module):
    """ADM: adaptive group normalisation, several heads, attention on every block of the levels listed."""

    def __init__(self, c: EDMConfiguration) -> None:
        super().__init__()
        noise, embedding = c.model_channels, c.model_channels * c.channel_mult_emb
        self.map_noise: PositionalEmbedding = PositionalEmbedding(noise)
        self.map_augment: Linear | None = Linear(c.augment_dim, noise, False) if c.augment_dim else None
        self.map_layer0: Linear = Linear(noise, embedding)
        self.map_layer1: Linear = Linear(embedding, embedding)
        self.map_label: Linear | None = Linear(c.label_dim, embedding, False) if c.label_dim else None
        self.enc: nn.ModuleDict
        self.enc, skips = _encoder(c, c.widths[0], lambda *_: {})
        self.dec: nn.ModuleDict = _decoder(c, skips, True, lambda *_: {})
        self.out_norm: GroupNorm = GroupNorm(c.widths[0])
        self.out_conv: ResampledConvolution = ResampledConvolution(c.widths[0], c.outputs, 3)

    def forward(
        self,
        x: Float[Tensor, "batch c h w"],
        noise: Float[Tensor, " batch"],
        labels: Float[Tensor, "batch classes"] | None,
    ) -> Float[Tensor, "batch C h w"]:
        """X (batch, channels, r, r), `noise` = c_noise (batch,), `labels` (batch, label_dim) one-hot."""
        embedding = functional.silu(self.map_layer0(self.map_noise(noise)))
        embedding = self.map_layer1(embedding)
        if self.map_label is not None and labels is not None:
            embedding = embedding + self.map_label(labels)
        embedding, skips = functional.silu(embedding), list[Tensor]()
        for module in self.enc.values():
            x = module(x, embedding) if isinstance(module, Block) else module(x)
            skips.append(x)
        for name, module in self.dec.items():
            x = torch.cat([x, skips.pop()], dim=1) if "_block" in name else x
            x = module(x, embedding)
        return self.out_conv(functional.silu(self.out_norm(x)))
