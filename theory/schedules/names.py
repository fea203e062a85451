"""The clocks that the command line knows, by name."""

from collections.abc import Callable
from functools import partial

import numpy as np

from .._support.plain_numbers import plain_number
from .base import Schedule
from .continuous import (
    EDM,
    Cosine,
    FlowMatching,
    LogSNR,
    OrnsteinUhlenbeck,
    SubVP,
    VarianceExploding,
    VPLinear,
)
from .tables import DDPM, StableDiffusion

__all__ = ["CLOCKS", "by_name"]

CLOCKS: dict[str, Schedule] = {
    "ou": OrnsteinUhlenbeck(),
    "edm": EDM(),
    "ddpm": DDPM(),
    "sd15": StableDiffusion(),
    "vp-linear": VPLinear(),
    "cosine": Cosine(),
    "flow": FlowMatching(),
}
"""The clocks without settings whose time begins at clean data, by name."""

_MORE: dict[str, Callable[..., Schedule]] = {
    "vp": VPLinear,
    "sub-vp": SubVP,
    "ve": VarianceExploding,
    "logsnr": LogSNR,
    "flow-sit": partial(FlowMatching, from_noise=True),
}
_SETTINGS = {
    "flow": ("shift",),
    "flow-sit": ("shift",),
    "vp": ("beta_start", "beta_end"),
    "vp-linear": ("beta_start", "beta_end"),
    "sub-vp": ("beta_start", "beta_end"),
    "ve": ("sigma_min", "sigma_max"),
    "cosine": ("offset",),
}


def by_name(name: str) -> Schedule:
    """The clock of a name, such as `edm`, `flow:shift=3` or `ve:sigma_max=100`.

    Parameters
    ----------
    name : str
        A key of `CLOCKS`, optionally with settings after a colon, separated by commas.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        An unknown name, an unknown setting, or a value out of range; the message lists what is known.
    """
    kind, colon, rest = name.partition(":")
    if kind not in CLOCKS and kind not in _MORE:
        raise ValueError(f"clock: {name!r} is not one of {', '.join([*CLOCKS, *_MORE])}")
    if not colon:
        return CLOCKS[kind] if kind in CLOCKS else _MORE[kind]()
    known = _SETTINGS.get(kind, ())
    settings: dict[str, float] = {}
    for part in rest.split(","):
        key, _, value = part.partition("=")
        try:
            settings[key] = plain_number(value)
        except ValueError:
            settings[key] = np.nan
        if key not in known or settings[key] != settings[key]:
            which = f"takes {', '.join(f'{each}=NUMBER' for each in known)}" if known else "takes no settings"
            raise ValueError(f"clock: {name!r}: {kind} {which}")
    build = _MORE[kind] if kind in _MORE else type(CLOCKS[kind])
    try:
        return build(**settings)
    except ValueError as error:
        raise ValueError(f"clock: {name!r}: {error}") from None
