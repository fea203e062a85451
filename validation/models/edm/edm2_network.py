"""The EDM2 U-Net and its preconditioning.

    D(x, σ) = c_skip x + c_out F(c_in x, c_noise),   with the coefficients of EDM
    u(σ) = linear(fourier(¼ log σ)),   the learned log-variance of the training loss

Modules bear the published names, so that published weights load. Source: K24.
"""

import math

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from .configuration import Configuration
from .edm2_layers import Convolution, Fourier, blend, join, silu, unit
from .preconditioning import levels_of, one_hot, preconditioned

__all__ = ["EDM2", "Block", "UNet"]

_RESIDUAL, _ATTENTION, _LABEL = 0.3, 0.3, 0.5  # shares of the second term in each sum
_CLIP = 256.0


class Block(nn.Module):
    """Resampling, a residual branch steered by the embedding, and attention where asked."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        embedding: int,
        *,
        encoder: bool,
        resample: str | None = None,
        heads: int = 0,
    ) -> None:
        super().__init__()
        self.encoder: bool = encoder
        self.resample: str | None = resample
        self.heads: int = heads
        self.emb_gain: nn.Parameter = nn.Parameter(torch.zeros([]))
        self.conv_res0: Convolution = Convolution(outputs if encoder else inputs, outputs, (3, 3))
        self.emb_linear: Convolution = Convolution(embedding, outputs)
        self.conv_res1: Convolution = Convolution(outputs, outputs, (3, 3))
        changes = inputs != outputs
        self.conv_skip: Convolution | None = Convolution(inputs, outputs, (1, 1)) if changes else None
        self.attn_qkv: Convolution | None = Convolution(outputs, 3 * outputs, (1, 1)) if heads else None
        self.attn_proj: Convolution | None = Convolution(outputs, outputs, (1, 1)) if heads else None

    def forward(
        self, x: Float[Tensor, "batch c h w"], embedding: Float[Tensor, "batch e"]
    ) -> Float[Tensor, "batch C H W"]:
        """X (batch, inputs, r, r) to (batch, outputs, r′, r′)."""
        if self.resample == "down":
            x = functional.avg_pool2d(x, 2)
        elif self.resample == "up":
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
        if self.encoder:
            if self.conv_skip is not None:
                x = self.conv_skip(x)
            x = unit(x, [1])
        branch = self.conv_res0(silu(x))
        scale = self.emb_linear(embedding, gain=self.emb_gain) + 1
        branch = self.conv_res1(silu(branch * scale[:, :, None, None].to(branch.dtype)))
        if not self.encoder and self.conv_skip is not None:
            x = self.conv_skip(x)
        x = blend(x, branch, _RESIDUAL)
        if self.attn_qkv is not None and self.attn_proj is not None:
            x = blend(x, self.attn_proj(self._attend(self.attn_qkv(x))), _ATTENTION)
        return x.clamp(-_CLIP, _CLIP)

    def _attend(self, projected: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c//3 h w"]:
        """Cosine attention over pixels; channels are laid out as (head, channel, query-key-value)."""
        batch, channels, height, width = projected.shape
        split = projected.reshape(batch, self.heads, channels // (3 * self.heads), 3, height * width)
        query, key, value = unit(split, [2]).unbind(3)
        scores = torch.einsum("bhcq,bhck->bhqk", query, key / math.sqrt(query.shape[2]))
        mixed = torch.einsum("bhqk,bhck->bhcq", scores.softmax(dim=-1), value)
        return mixed.reshape(batch, channels // 3, height, width)


class UNet(nn.Module):
    """Encoder and decoder over halving resolutions, with skip connections."""

    def __init__(self, c: Configuration) -> None:
        super().__init__()
        widths = c.widths
        noise = c.model_channels * c.channel_mult_noise if c.channel_mult_noise else widths[0]
        embedding = c.model_channels * c.channel_mult_emb if c.channel_mult_emb else max(widths)
        self.label_dim: int = c.label_dim
        self.out_gain: nn.Parameter = nn.Parameter(torch.zeros([]))
        self.emb_fourier: Fourier = Fourier(noise)
        self.emb_noise: Convolution = Convolution(noise, embedding)
        named = Convolution(c.label_dim, embedding) if c.label_dim else None
        self.emb_label: Convolution | None = named

        def block(
            inputs: int, outputs: int, encoder: bool, attention: bool, resample: str | None = None
        ) -> Block:
            heads = outputs // c.channels_per_head if attention else 0
            return Block(inputs, outputs, embedding, encoder=encoder, resample=resample, heads=heads)

        self.enc: nn.ModuleDict = nn.ModuleDict()
        self.dec: nn.ModuleDict = nn.ModuleDict()
        channels, skips = c.img_channels + 1, []
        for level, width in enumerate(widths):
            size = c.img_resolution >> level
            if level == 0:
                self.enc[f"{size}x{size}_conv"] = Convolution(channels, width, (3, 3))
                channels = width
            else:
                self.enc[f"{size}x{size}_down"] = block(channels, channels, True, False, "down")
            skips.append(channels)
            for index in range(c.num_blocks):
                attention = size in c.attn_resolutions
                self.enc[f"{size}x{size}_block{index}"] = block(channels, width, True, attention)
                channels = width
                skips.append(channels)
        for level, width in reversed(list(enumerate(widths))):
            size = c.img_resolution >> level
            if level == len(widths) - 1:
                self.dec[f"{size}x{size}_in0"] = block(channels, channels, False, True)
                self.dec[f"{size}x{size}_in1"] = block(channels, channels, False, False)
            else:
                self.dec[f"{size}x{size}_up"] = block(channels, channels, False, False, "up")
            for index in range(c.num_blocks + 1):
                attention = size in c.attn_resolutions
                self.dec[f"{size}x{size}_block{index}"] = block(
                    channels + skips.pop(), width, False, attention
                )
                channels = width
        self.out_conv: Convolution = Convolution(channels, c.img_channels, (3, 3))

    def forward(
        self,
        x: Float[Tensor, "batch c h w"],
        noise: Float[Tensor, " batch"],
        labels: Float[Tensor, "batch classes"] | None,
    ) -> Float[Tensor, "batch c h w"]:
        """X (batch, channels, r, r), `noise` = c_noise (batch,), `labels` (batch, label_dim) one-hot."""
        embedding = self.emb_noise(self.emb_fourier(noise))
        if self.emb_label is not None:
            given = x.new_zeros(len(x), self.label_dim) if labels is None else labels
            named = self.emb_label(given.to(embedding) * math.sqrt(self.label_dim))
            embedding = blend(embedding, named, _LABEL)
        embedding = silu(embedding)
        x, skips = torch.cat([x, torch.ones_like(x[:, :1])], dim=1), []
        for module in self.enc.values():
            x = module(x, embedding) if isinstance(module, Block) else module(x)
            skips.append(x)
        for name, module in self.dec.items():
            if "block" in name:
                x = join(x, skips.pop())
            x = module(x, embedding)
        return self.out_conv(x, gain=self.out_gain)


class EDM2(nn.Module):
    """The preconditioned network: `network(x, sigma, labels)` estimates x₀.

    Float32 on a CPU; `dtype` may be `torch.float16` or `torch.bfloat16` where the device runs them.
    """

    def __init__(self, configuration: Configuration, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.configuration: Configuration = configuration
        self.dtype: torch.dtype = dtype
        self.unet: UNet = UNet(configuration)
        width = configuration.logvar_channels
        self.logvar_fourier: Fourier | None = Fourier(width) if width else None
        self.logvar_linear: Convolution | None = Convolution(width, 1) if width else None

    def forward(
        self, x: Float[Tensor, "batch c h w"], sigma: Tensor | float, labels: Tensor | int | None = None
    ) -> Float32[Tensor, "batch c h w"]:
        """Estimate of x₀, float32.

        Parameters
        ----------
        x : Tensor
            (batch, channels, r, r).
        sigma : Tensor or float
            One noise level, or one a sample.
        labels : Tensor or int, optional
            One-hot (batch, label_dim) or class numbers (batch,); none is the zero vector.
        """
        x = x.float()
        c = preconditioned(levels_of(sigma, x), self.configuration.sigma_data)
        named = one_hot(labels, self.configuration.label_dim, x)
        found = self.unet((c.into * x).to(self.dtype), c.noise.to(self.dtype), named)
        return c.skip * x + c.out * found.float()

    def log_variance(self, sigma: Float[Tensor, "*levels"]) -> Float[Tensor, "batch 1"]:
        """The learned uncertainty u(σ) of the training loss, shape (batch, 1).

        Raises
        ------
        ValueError
            For a network without it.
        """
        if self.logvar_fourier is None or self.logvar_linear is None:
            raise ValueError("logvar_channels: this network has no learned uncertainty")
        return self.logvar_linear(self.logvar_fourier(sigma.float().flatten().log() / 4))
