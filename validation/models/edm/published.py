"""What was published about the networks of EDM and EDM2: sizes, σ ranges, training, standardisation.

    training: log σ ~ N(P_mean, P_std²),   sampling: σ from `sigma_max` to `sigma_min` with ρ = 7
    latents:  (z − mean)·½/std per channel, σ_data = ½

Each entry says where it stands. Sources: K24 with `train_edm2.py` and `training/encoders.py` of its
implementation; K22 with `train.py`, `generate.py` and `training/networks.py` of its own.
"""

import math
from dataclasses import dataclass, field

from .configuration import Configuration, EDMConfiguration, PreconditioningKind

__all__ = ["LATENTS", "PRECONDITIONERS", "PUBLISHED", "Latents", "Published", "sigma_range"]


@dataclass(frozen=True)
class Published:
    """A published network: configuration, parameters in rounded millions, noise levels.

    `sigma_min` and `sigma_max` are those of its sampler; `p_mean` and `p_std` of log σ in training.
    """

    configuration: Configuration | EDMConfiguration
    millions: float
    p_mean: float
    p_std: float
    source: str
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0


@dataclass(frozen=True)
class Latents:
    """How the latents of an encoder are standardised: raw mean and standard deviation of each channel."""

    encoder: str
    raw_mean: tuple[float, ...]
    raw_std: tuple[float, ...]
    sigma_data: float
    source: str
    scale: tuple[float, ...] = field(init=False)
    bias: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        scale = tuple(self.sigma_data / std for std in self.raw_std)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "bias", tuple(-m * s for m, s in zip(self.raw_mean, scale, strict=True)))


LATENTS = Latents(
    "stabilityai/sd-vae-ft-mse",
    (5.81, 3.25, 0.12, -2.15),
    (4.17, 4.62, 3.71, 3.28),
    0.5,
    "training/encoders.py of K24, StabilityVAEEncoder",
)
"""Of EDM2's ImageNet-512 networks, on latents of 4 × 64 × 64."""

_MILLIONS = {"xs": 125, "s": 280, "m": 498, "l": 777, "xl": 1119, "xxl": 1523}  # K24, section 4
_CHANNELS = {"xs": 128, "s": 192, "m": 256, "l": 320, "xl": 384, "xxl": 448}


def _edm2(size: str, latents: bool) -> Published:
    configuration = Configuration(64, 4 if latents else 3, 1000, _CHANNELS[size])
    mean, std = (-0.4, 1.0) if latents else (-0.8, 1.6)
    return Published(configuration, _MILLIONS[size], mean, std, "K24; train_edm2.py, config_presets")


_CIFAR = {"img_resolution": 32, "img_channels": 3, "channel_mult": (2, 2, 2), "augment_dim": 9}
_FACES = {"img_resolution": 64, "img_channels": 3, "channel_mult": (1, 2, 2, 2), "augment_dim": 9}
_NCSNPP = {
    "embedding_type": "fourier", "encoder_type": "residual", "channel_mult_noise": 2,
    "resample_filter": (1, 3, 3, 1),
}  # fmt: skip
_ADM = {"img_resolution": 64, "img_channels": 3, "label_dim": 1000}


def _edm(configuration: EDMConfiguration, millions: float, where: str) -> Published:
    return Published(configuration, millions, -1.2, 1.2, f"K22, {where}; train.py; training/loss.py, EDMLoss")


PUBLISHED: dict[str, Published] = {
    **{f"edm2-img512-{size}": _edm2(size, True) for size in _CHANNELS},
    **{f"edm2-img64-{size}": _edm2(size, False) for size in ("s", "m", "l", "xl")},
    "edm-cifar10-32x32-cond-vp": _edm(
        EDMConfiguration.from_json({**_CIFAR, "label_dim": 10}), 56, "appendix F"
    ),
    "edm-cifar10-32x32-cond-ve": _edm(
        EDMConfiguration.from_json({**_CIFAR, **_NCSNPP, "label_dim": 10}), 56, "appendix F"
    ),
    "edm-cifar10-32x32-uncond-vp": _edm(EDMConfiguration.from_json(_CIFAR), 56, "appendix F"),
    "edm-cifar10-32x32-uncond-ve": _edm(EDMConfiguration.from_json({**_CIFAR, **_NCSNPP}), 56, "appendix F"),
    "edm-ffhq-64x64-uncond-vp": _edm(EDMConfiguration.from_json(_FACES), 62, "appendix F"),
    "edm-ffhq-64x64-uncond-ve": _edm(EDMConfiguration.from_json({**_FACES, **_NCSNPP}), 63, "appendix F"),
    "edm-imagenet-64x64-cond-adm": _edm(EDMConfiguration.of("DhariwalUNet", "EDM", _ADM), 296, "appendix F"),
}
"""Networks by the names of their files. `vp` and `ve` name the architecture, DDPM++ or NCSN++: all have EDM's
preconditioner."""

PRECONDITIONERS: dict[PreconditioningKind, tuple[float, float, str]] = {
    "EDM": (0.002, 80.0, "K22, table 1 and section 5"),
    "VP": (
        math.sqrt(math.expm1(19.9 * 1e-5**2 / 2 + 0.1 * 1e-5)),
        math.sqrt(math.expm1(19.9 / 2 + 0.1)),
        "K22, table 1: t from 1e-5 to 1; training/networks.py, VPPrecond",
    ),
    "VE": (0.02, 100.0, "K22, table 1; training/networks.py, VEPrecond"),
    "iDDPM": (0.0064, 81.0, "K22, table 1: u_{M−1} and u_{j₀}, j₀ = 8; generate.py"),
}
"""The σ range of each preconditioner's own sampler, and where it stands."""


def sigma_range(configuration: Configuration | EDMConfiguration) -> tuple[float, float]:
    """From where to where a network is sampled, in σ."""
    edm2 = isinstance(configuration, Configuration)
    low, high, _ = PRECONDITIONERS["EDM" if edm2 else configuration.preconditioning]
    return low, high
