"""Published measurement protocols, as presets: noise levels of the reverse chain and the number of chains."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...theory.schedules import karras
from ..models.edm.published import PRECONDITIONERS
from .asked import PresetName

__all__ = ["PRESETS", "Preset", "karras_sigmas"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Preset:
    """Steps and chains of a protocol, with prior ½ and the unconditional network as the reference."""

    steps: int
    chains: int
    source: str


PRESETS: dict[tuple[str, PresetName], Preset] = {
    ("edm2", "h26"): Preset(64, 300, "H26, a curve of EDM2-XS"),
    ("edm2", "h26-headline"): Preset(64, 3000, "H26, the headline curve of EDM2-XS"),
    ("sd15", "h26"): Preset(100, 400, "H26, a curve of Stable Diffusion 1.5"),
}
"""By model and name."""


_LOW, _HIGH = PRECONDITIONERS["EDM"][:2]


def karras_sigmas(
    steps: int, high: float = _HIGH, low: float = _LOW, exponent: float = 7.0
) -> Float64[Array, " {steps}+1"]:
    """`σ_i = (σ_high^{1/ρ} + (i/steps)(σ_low^{1/ρ} − σ_high^{1/ρ}))^ρ`, shape (steps + 1,), descending.

    Raises
    ------
    ValueError
        Unless 0 < low < high and there is a step.

    References
    ----------
    K22, section 3.
    """
    if not 0 < low < high or steps < 1:
        raise ValueError("sigmas: need 0 < low < high and at least one step")
    return np.asarray(karras(steps + 1, low, high, exponent).sigma(np.arange(steps + 1)))[::-1].copy()
