"""Magnitude-preserving operations: each keeps the expected size of what passes through it.

    unit(x) = x / (ε + ‖x‖ √(norms/elements))        silu(x) = x·sigmoid(x)/0.596
    blend(a, b, t) = ((1−t) a + t b)/√((1−t)² + t²)
    join(a, b, t) = [a C(1−t)/√N_a, b C t/√N_b],  C = √((N_a + N_b)/((1−t)² + t²)),  N channels

Source: K24, section 3.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Convolution", "Fourier", "blend", "join", "silu", "unit"]

_EPSILON = 1e-4


def unit(x: Float[Tensor, "*shape"], axes: Sequence[int]) -> Float[Tensor, "*shape"]:
    """X with root mean square 1 over `axes`."""
    norm = torch.linalg.vector_norm(x, dim=tuple(axes), keepdim=True, dtype=torch.float32)
    return x / (_EPSILON + norm * math.sqrt(norm.numel() / x.numel())).to(x.dtype)


def silu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """SiLU of unit output for standard normal input."""
    return functional.silu(x) / 0.596


def blend(a: Float[Tensor, "*shape"], b: Float[Tensor, "*shape"], t: float) -> Float[Tensor, "*shape"]:
    """Sum with weights 1 − t and t."""
    return torch.lerp(a, b, t) / math.sqrt((1 - t) ** 2 + t**2)


def join(
    a: Float[Tensor, "batch a h w"], b: Float[Tensor, "batch b h w"], t: float = 0.5
) -> Float[Tensor, "batch a+b h w"]:
    """Concatenation over channels to which a and b contribute as 1 − t to t."""
    sizes = a.shape[1], b.shape[1]
    scale = math.sqrt(sum(sizes) / ((1 - t) ** 2 + t**2))
    return torch.cat(
        [a * (scale * (1 - t) / math.sqrt(sizes[0])), b * (scale * t / math.sqrt(sizes[1]))], dim=1
    )


class Fourier(nn.Module):
    """`√2 cos(x·freqs + phases)`, shape (batch,) → (batch, channels); the buffers hold the 2π."""

    freqs: Float[Tensor, " channels"]
    phases: Float[Tensor, " channels"]

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 2 * math.pi * torch.randn(channels))
        self.register_buffer("phases", 2 * math.pi * torch.rand(channels))

    def forward(self, x: Float[Tensor, " batch"]) -> Float[Tensor, "batch channels"]:
        """Features of x, in x's own precision."""
        angle = torch.outer(x.float(), self.freqs.float()) + self.phases.float()
        return (math.sqrt(2) * angle.cos()).to(x.dtype)


class Convolution(nn.Module):
    """A convolution, or a linear map for an empty `kernel`, whose weights are normalised as they are used.

    In training the stored weights are re-normalised in place as well, so that they stay on the sphere.
    """

    def __init__(self, inputs: int, outputs: int, kernel: Sequence[int] = ()) -> None:
        super().__init__()
        self.weight: nn.Parameter = nn.Parameter(torch.randn(outputs, inputs, *kernel))

    def forward(
        self, x: Float[Tensor, "batch inputs *places"], gain: Float[Tensor, ""] | float = 1.0
    ) -> Float[Tensor, "batch outputs *places"]:
        """Outputs of expected size `gain`."""
        axes = range(1, self.weight.ndim)
        if self.training:
            with torch.no_grad():
                self.weight.copy_(unit(self.weight.float(), axes))
        fan_in = self.weight[0].numel()
        weight = (unit(self.weight.float(), axes) * (gain / math.sqrt(fan_in))).to(x.dtype)
        if weight.ndim == 2:
            return x @ weight.T
        return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)
