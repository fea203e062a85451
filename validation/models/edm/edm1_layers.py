"""Layers of EDM's networks: plain convolutions that resample by a filter first, group norms, embeddings.

    down(x) = (x ∗ f) at every second pixel,   up(x) = 4 (x with zeros between) ∗ f,   f = r⊗r/(Σr)²
    norm(x): min(32, C/4) groups of channels
    positional: (cos xω_i, sin xω_i), ω_i = 10000^{−i/(n/2 − e)}, e = 1 if the last is to be 1/10000
    Fourier:    (cos 2πν_i x, sin 2πν_i x), the buffer ν

Source: K22, appendices B.6 and F; the names are the published ones.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "FourierEmbedding",
    "GroupNorm",
    "Linear",
    "PositionalEmbedding",
    "ResampledConvolution",
    "Resampling",
    "attend",
]

Resampling = Literal["up", "down"] | None
_GROUPS, _LEAST_PER_GROUP = 32, 4


class Linear(nn.Module):
    """`x Wᵀ + b`, in the precision of x."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight: nn.Parameter = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """X (batch, inputs) to (batch, outputs)."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.linear(x, self.weight.to(x.dtype), bias)


class ResampledConvolution(nn.Module):
    """Resampling by the filter where asked, then a convolution; without a `kernel`, the resampling alone.

    Parameters
    ----------
    filter_
        r, of even length; the buffer `resample_filter` is there only where something is resampled.
    fused : bool
        Downsampling only: convolve at full resolution with padding for both, then filter without any.
    """

    resample_filter: Float[Tensor, "1 1 k k"] | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        resampling: Resampling = None,
        filter_: Sequence[int] = (1, 1),
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.resampling: Resampling = resampling
        self.fused: bool = fused
        shape = (outputs, inputs, kernel, kernel)
        self.weight: nn.Parameter | None = nn.Parameter(torch.zeros(shape)) if kernel else None
        self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(outputs)) if kernel else None
        r = torch.tensor(filter_, dtype=torch.float32)
        two = torch.outer(r, r) / r.sum() ** 2
        self.register_buffer("resample_filter", two[None, None] if resampling else None)

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch C H W"]:
        """X (batch, inputs, r, r) to (batch, outputs, r′, r′)."""
        if self.weight is None:
            return self._resampled(x)
        weight, pad = self.weight.to(x.dtype), self.weight.shape[-1] // 2
        if self.fused and self.resample_filter is not None:
            pad += _padding(self.resample_filter)
            x = self._resampled(functional.conv2d(x, weight, padding=pad), padding=0)
        else:
            x = functional.conv2d(self._resampled(x), weight, padding=pad)
        return x if self.bias is None else x + self.bias.to(x.dtype)[:, None, None]

    def _resampled(
        self, x: Float[Tensor, "batch c h w"], padding: int | None = None
    ) -> Float[Tensor, "batch c H W"]:
        if self.resample_filter is None:
            return x
        channels = x.shape[1]
        each = self.resample_filter.to(x.dtype).expand(channels, 1, -1, -1)
        pad = _padding(each) if padding is None else padding
        if self.resampling == "down":
            return functional.conv2d(x, each, groups=channels, stride=2, padding=pad)
        return functional.conv_transpose2d(x, 4 * each, groups=channels, stride=2, padding=pad)


def _padding(two: Float[Tensor, "c 1 k k"]) -> int:
    return (two.shape[-1] - 1) // 2


class GroupNorm(nn.Module):
    """Normalisation over groups of channels and all pixels, with a weight and a bias per channel."""

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.groups: int = max(min(_GROUPS, channels // _LEAST_PER_GROUP), 1)
        self.epsilon: float = epsilon
        self.weight: nn.Parameter = nn.Parameter(torch.ones(channels))
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Of the shape and precision of x."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return functional.group_norm(x, self.groups, weight, bias, self.epsilon)


class PositionalEmbedding(nn.Module):
    """Cosines, then sines, of fixed frequencies; `endpoint` says whether the last is 1/10000."""

    def __init__(self, channels: int, endpoint: bool = False) -> None:
        super().__init__()
        self.count: int = channels // 2
        self.endpoint: bool = endpoint

    def forward(self, x: Float[Tensor, " batch"]) -> Float[Tensor, "batch channels"]:
        """X (batch,) to (batch, channels)."""
        steps = torch.arange(self.count, dtype=torch.float32, device=x.device)
        frequencies = (1 / 10000) ** (steps / (self.count - int(self.endpoint)))
        angle = torch.outer(x, frequencies.to(x.dtype))
        return torch.cat([angle.cos(), angle.sin()], dim=1)


class FourierEmbedding(nn.Module):
    """Cosines, then sines, of random frequencies that the file holds."""

    freqs: Float[Tensor, " half"]

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("freqs", torch.zeros(channels // 2))

    def forward(self, x: Float[Tensor, " batch"]) -> Float[Tensor, "batch channels"]:
        """X (batch,) to (batch, channels)."""
        angle = torch.outer(x, (2 * math.pi * self.freqs).to(x.dtype))
        return torch.cat([angle.cos(), angle.sin()], dim=1)


def attend(projected: Float[Tensor, "batch c h w"], heads: int) -> Float[Tensor, "batch c//3 h w"]:
    """Attention over pixels; channels (3C) are laid out as (head, channel, query-key-value)."""
    batch, channels, height, width = projected.shape
    split = projected.reshape(batch, heads, channels // (3 * heads), 3, height * width)
    query, key, value = split.unbind(3)
    scores = torch.einsum("bhcq,bhck->bhqk", query.float(), key.float() / math.sqrt(key.shape[2]))
    mixed = torch.einsum("bhqk,bhck->bhcq", scores.softmax(dim=-1).to(value.dtype), value)
    return mixed.reshape(batch, channels // 3, height, width)
