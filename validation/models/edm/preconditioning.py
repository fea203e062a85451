"""Networks of EDM as denoisers: D(x, σ) = c_skip x + c_out F(c_in x, c_noise).

| | c_skip | c_out | c_in | c_noise |
|---|---|---|---|---|
| EDM, EDM2 | σ_d²/(σ² + σ_d²) | σσ_d/√(σ² + σ_d²) | 1/√(σ² + σ_d²) | ¼ log σ |
| VP | 1 | −σ | 1/√(σ² + 1) | (M − 1) t(σ), t = (√(β_min² + 2β_d log(1 + σ²)) − β_min)/β_d |
| VE | 1 | σ | 1 | log(σ/2) |
| iDDPM | 1 | −σ | 1/√(σ² + 1) | M − 1 − j, u_j the level nearest to σ |

    u_M = 0,  u_{j−1} = √((u_j² + 1)/max(ᾱ_{j−1}/ᾱ_j, C₁) − 1),   ᾱ_j = sin²(½πj/(M(1 + C₂)))

σ_d is ½ as published. Source: K22, table 1.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from ....theory._support.values import ByContent
from .configuration import EDMConfiguration
from .edm1_networks import DhariwalUNet, SongUNet

__all__ = ["EDM", "Coefficients", "iddpm_levels", "levels_of", "one_hot", "preconditioned"]

_NETWORKS = {"SongUNet": SongUNet, "DhariwalUNet": DhariwalUNet}


@dataclass(frozen=True, eq=False)
class Coefficients(ByContent):
    """What a preconditioner makes of σ (batch, 1, 1, 1); `noise` is c_noise (batch,)."""

    skip: Float[Tensor, "*level"] | float
    out: Float[Tensor, "*level"]
    into: Float[Tensor, "*level"] | float
    noise: Float[Tensor, " batch"]


def preconditioned(sigma: Tensor, sigma_data: float) -> Coefficients:
    """The coefficients of EDM and EDM2."""
    total = sigma**2 + sigma_data**2
    out = sigma * sigma_data / total.sqrt()
    return Coefficients(sigma_data**2 / total, out, 1 / total.sqrt(), sigma.flatten().log() / 4)


def levels_of(sigma: Tensor | float, x: Float[Tensor, "batch ..."]) -> Float32[Tensor, "batch 1 1 1"]:
    """Noise levels (batch, 1, 1, 1) in float32 from a number, or a tensor of one or of a level a sample.

    Raises
    ------
    ValueError
        For another shape.
    """
    level = torch.as_tensor(sigma, dtype=torch.float32, device=x.device).flatten()
    if len(level) not in (1, len(x)):
        raise ValueError(f"sigma: {len(level)} noise levels for {len(x)} samples")
    return level.expand(len(x))[:, None, None, None]


def one_hot(
    labels: Tensor | int | None, label_dim: int, x: Float[Tensor, "batch ..."]
) -> Float32[Tensor, "batch label_dim"] | None:
    """Labels as a network takes them, float32 (batch, label_dim): zero where none are given.

    Takes vectors (batch or 1, label_dim), class numbers (batch,) or one number. `None` for a network without
    classes.

    Raises
    ------
    ValueError
        For other shapes and for numbers that are no class.
    """
    if label_dim == 0:
        return None
    if labels is None:
        return torch.zeros(len(x), label_dim, dtype=torch.float32, device=x.device)
    given = torch.as_tensor(labels, device=x.device)
    if given.ndim < 2 and not given.is_floating_point():
        given = given.long().flatten()
        if len(given) and not 0 <= int(given.min()) <= int(given.max()) < label_dim:
            raise ValueError(f"labels: class numbers are from 0 to {label_dim - 1}")
        given = functional.one_hot(given, label_dim)
    given = given.float()[None] if given.ndim == 1 else given.float()
    if given.ndim != 2 or given.shape[1] != label_dim or len(given) not in (1, len(x)):
        shape = tuple(given.shape)
        raise ValueError(f"labels: shape {shape} for {len(x)} samples of {label_dim} classes")
    return given.expand(len(x), -1)


def iddpm_levels(c: EDMConfiguration) -> Float32[Tensor, " levels"]:
    """The noise levels u_0 > … > u_M = 0 of iDDPM, float32 (M + 1,)."""

    def kept(j: int) -> float:
        return math.sin(0.5 * math.pi * j / c.levels / (c.c_2 + 1)) ** 2

    found = [0.0]
    for j in range(c.levels, 0, -1):
        ratio = max(kept(j - 1) / kept(j), c.c_1)
        found.append(math.sqrt((found[-1] ** 2 + 1) / ratio - 1))
    return torch.tensor(found[::-1], dtype=torch.float32)


class EDM(nn.Module):
    """A network of EDM with its preconditioner: `network(x, sigma, labels)` estimates x₀.

    Float32 on a CPU; `dtype` may be `torch.float16` or `torch.bfloat16` where the device runs them.
    """

    u: Float[Tensor, " levels"]

    def __init__(self, configuration: EDMConfiguration, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.configuration: EDMConfiguration = configuration
        self.dtype: torch.dtype = dtype
        self.model: nn.Module = _NETWORKS[configuration.network](configuration)
        if configuration.preconditioning == "iDDPM":
            self.register_buffer("u", torch.zeros(configuration.levels + 1))

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
        x, c = x.float(), self._coefficients(levels_of(sigma, x))
        named = one_hot(labels, self.configuration.label_dim, x)
        found = self.model((c.into * x).to(self.dtype), c.noise, named)
        return c.skip * x + c.out * found[:, : x.shape[1]].float()

    def _coefficients(self, sigma: Float[Tensor, "batch 1 1 1"]) -> Coefficients:
        c = self.configuration
        if c.preconditioning == "EDM":
            return preconditioned(sigma, c.sigma_data)
        if c.preconditioning == "VE":
            return Coefficients(1.0, sigma, 1.0, (sigma / 2).log().flatten())
        into = 1 / (sigma**2 + 1).sqrt()
        if c.preconditioning == "VP":
            root = (c.beta_min**2 + 2 * c.beta_d * (1 + sigma**2).log()).sqrt()
            time = (root - c.beta_min) / c.beta_d
            return Coefficients(1.0, -sigma, into, (c.levels - 1) * time.flatten())
        distance = torch.cdist(sigma.reshape(1, -1, 1), self.u.reshape(1, -1, 1))
        nearest = distance.argmin(2).flatten()
        return Coefficients(1.0, -sigma, into, c.levels - 1 - nearest.float())
