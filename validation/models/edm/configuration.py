"""Constructor arguments of EDM's and EDM2's networks, from dictionaries, within bounds.

The defaults are those published (K22, K24); where those of DDPM++ and ADM differ, `EDMConfiguration.of` fills
them in. No file can ask for a network without end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from ....theory._support.aliases import Fields, ReadFields

__all__ = ["Configuration", "EDMConfiguration", "NetworkKind", "PreconditioningKind"]

NetworkKind = Literal["SongUNet", "DhariwalUNet"]
PreconditioningKind = Literal["EDM", "VP", "VE", "iDDPM"]

_RANGES = {
    "img_resolution": (1, 2**14),
    "img_channels": (1, 2**12),
    "label_dim": (0, 2**20),
    "model_channels": (1, 2**13),
    "channel_mult": (1, 64),
    "num_blocks": (1, 64),
    "attn_resolutions": (1, 2**14),
    "channels_per_head": (1, 2**13),
    "channel_mult_noise": (1, 64),
    "channel_mult_emb": (1, 64),
    "logvar_channels": (0, 2**16),
    "augment_dim": (0, 2**10),
    "resample_filter": (-(2**10), 2**10),
    "levels": (2, 10**5),
}
_POSITIVE = ("sigma_data", "beta_d", "beta_min", "c_1", "c_2")
_LONGEST = 16  # of a list


def _check(given: Any) -> None:
    """`ValueError` for an argument out of its bounds; lists become tuples."""
    for name in (field.name for field in fields(given)):
        value = getattr(given, name)
        if isinstance(value, list):
            value = tuple(value)
            object.__setattr__(given, name, value)
        if name in _RANGES and value is not None:
            least, most = _RANGES[name]
            values = value if isinstance(value, tuple) else (value,)
            whole = all(isinstance(number, int) and least <= number <= most for number in values)
            if not whole or len(values) > _LONGEST:
                raise ValueError(f"{name}: {value!r} is not from {least} to {most}")
        if name in _POSITIVE and not (isinstance(value, (int, float)) and 0 < value < math.inf):
            raise ValueError(f"{name}: {value!r} is not a positive number")
    if not given.channel_mult or given.img_resolution % 2 ** (len(given.channel_mult) - 1):
        raise ValueError("channel_mult: the resolution has to be halved once for each after the first")


@dataclass(frozen=True)
class Configuration:
    """Constructor arguments of an EDM2 network; the defaults are those of EDM2.

    `channel_mult_noise` and `channel_mult_emb` are widths of the embeddings in units of `model_channels`, by
    default that of the first level and that of the widest. Without `logvar_channels` the network has no
    learned uncertainty.
    """

    img_resolution: int
    img_channels: int
    label_dim: int
    model_channels: int = 192
    channel_mult: tuple[int, ...] = (1, 2, 3, 4)
    num_blocks: int = 3
    attn_resolutions: tuple[int, ...] = (16, 8)
    channels_per_head: int = 64
    sigma_data: float = 0.5
    channel_mult_noise: int | None = None
    channel_mult_emb: int | None = None
    logvar_channels: int = 128

    FIXED: ClassVar[ReadFields] = {
        "label_balance": 0.5, "concat_balance": 0.5, "res_balance": 0.3, "attn_balance": 0.3,
        "clip_act": 256, "resample_filter": (1, 1),
    }  # fmt: skip
    IGNORED: ClassVar[frozenset[str]] = frozenset({"use_fp16", "dropout"})

    def __post_init__(self) -> None:
        _check(self)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from the finest."""
        return tuple(self.model_channels * multiple for multiple in self.channel_mult)

    @classmethod
    def from_json(cls, arguments: object) -> "Configuration":
        """From a dictionary of the arguments; `ValueError` for anything else."""
        return _from_json(cls, arguments)

    @classmethod
    def of(cls, arguments: ReadFields) -> "Configuration":
        """From the arguments of the published constructor; `ValueError` for one that changes the formulas."""
        return cls.from_json(_supported(cls, arguments))


@dataclass(frozen=True)
class EDMConfiguration:
    """Constructor arguments of a network of EDM and of its preconditioner; the defaults are DDPM++'s.

    Parameters
    ----------
    network, preconditioning
        Which formulas: `SongUNet` (DDPM++, NCSN++) or `DhariwalUNet` (ADM); EDM, VP, VE or iDDPM.
    levels, c_1, c_2
        M, C₁ and C₂ of the noise levels of iDDPM; VP scales its times by M − 1.
    """

    img_resolution: int
    img_channels: int
    label_dim: int = 0
    network: NetworkKind = "SongUNet"
    preconditioning: PreconditioningKind = "EDM"
    augment_dim: int = 0
    model_channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 2, 2)
    channel_mult_emb: int = 4
    num_blocks: int = 4
    attn_resolutions: tuple[int, ...] = (16,)
    embedding_type: Literal["positional", "fourier"] = "positional"
    channel_mult_noise: int = 1
    encoder_type: Literal["standard", "skip", "residual"] = "standard"
    decoder_type: Literal["standard", "skip"] = "standard"
    resample_filter: tuple[int, ...] = (1, 1)
    sigma_data: float = 0.5
    beta_d: float = 19.9
    beta_min: float = 0.1
    levels: int = 1000
    c_1: float = 0.001
    c_2: float = 0.008

    FIXED: ClassVar[ReadFields] = {}
    IGNORED: ClassVar[frozenset[str]] = frozenset(
        {"use_fp16", "dropout", "label_dropout", "sigma_min", "sigma_max", "epsilon_t"}
    )
    _RENAMED: ClassVar[Mapping[str, str]] = {"M": "levels", "C_1": "c_1", "C_2": "c_2"}
    _ADM: ClassVar[ReadFields] = {
        "model_channels": 192, "channel_mult": (1, 2, 3, 4), "num_blocks": 3, "attn_resolutions": (32, 16, 8)
    }  # fmt: skip
    _SONG_ONLY: ClassVar[tuple[str, ...]] = (
        "embedding_type", "channel_mult_noise", "encoder_type", "decoder_type", "resample_filter"
    )  # fmt: skip

    def __post_init__(self) -> None:
        _check(self)
        closed = (
            ("network", get_args(NetworkKind)),
            ("preconditioning", get_args(PreconditioningKind)),
            ("embedding_type", ("positional", "fourier")),
            ("encoder_type", ("standard", "skip", "residual")),
            ("decoder_type", ("standard", "skip")),
        )
        for name, known in closed:
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(known)}")
        if not self.resample_filter or sum(self.resample_filter) == 0 or len(self.resample_filter) % 2:
            raise ValueError(f"resample_filter: {self.resample_filter!r} is no filter of even length")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from the finest."""
        return tuple(self.model_channels * multiple for multiple in self.channel_mult)

    @property
    def noise_width(self) -> int:
        """Channels of the embedding of the noise level."""
        return self.model_channels * self.channel_mult_noise

    @property
    def outputs(self) -> int:
        """Channels that the network itself returns; iDDPM's learns variances too, which are not used."""
        return self.img_channels * (2 if self.preconditioning == "iDDPM" else 1)

    @classmethod
    def from_json(cls, arguments: object) -> "EDMConfiguration":
        """From a dictionary of the arguments; `ValueError` for anything else."""
        return _from_json(cls, arguments)

    @classmethod
    def of(
        cls, network: NetworkKind, preconditioning: PreconditioningKind, arguments: ReadFields
    ) -> "EDMConfiguration":
        """From the arguments of the published constructors; `ValueError` for one that is not known."""
        named = {cls._RENAMED.get(name, name): value for name, value in arguments.items()}
        named = _supported(cls, named)
        if network == "DhariwalUNet":
            for name in cls._SONG_ONLY:
                if name in named:
                    raise ValueError(f"constructor argument {name}={named[name]!r} is not of {network}")
            named = {**cls._ADM, **named}
        return cls.from_json({**named, "network": network, "preconditioning": preconditioning})


def _supported(cls: Any, arguments: ReadFields) -> Fields:
    """Arguments that the configuration has; those of no consequence and explicit defaults left out."""
    known = {field.name for field in fields(cls)}
    for name, value in arguments.items():
        value = tuple(value) if isinstance(value, list) else value
        if name not in known and name not in cls.IGNORED and cls.FIXED.get(name, NotImplemented) != value:
            raise ValueError(f"constructor argument {name[:100]}={str(value)[:100]} is not supported")
    return {name: value for name, value in arguments.items() if name in known}


def _from_json(cls: object, arguments: object) -> Any:
    try:
        return cls(**arguments)  # pyright: ignore[reportCallIssue]
    except TypeError as error:
        raise ValueError(f"constructor arguments: {error}") from None
