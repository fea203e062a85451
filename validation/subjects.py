"""What `speciation measure` measures: a denoiser, its conditions, clean samples and a prediction, if any.

Four kinds: a mixture's exact denoiser (the oracle), the embedded digits, EDM2, Stable Diffusion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..numerics.manifests import sha256
from ..theory import digits
from ..theory.json_files import read_json
from ..theory.mixture import GaussianMixture
from ..theory.refusals import reason
from ..theory.window import window_sigmas
from .chains import Sampler
from .denoisers import Denoiser, MixtureDenoiser
from .protocols import karras_sigmas

__all__ = [
    "MODELS",
    "Subject",
    "digits_subject",
    "edm2_subject",
    "oracle_subject",
    "read_prompts",
    "sd15_subject",
]

Array = NDArray[np.float64]

MODELS = ("digits", "edm2", "sd15")
"""Names of the models; everything else is the SPEC of a mixture."""

STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
_DIGITS_RANGE = (0.15, 30.0)  # of σ: no pair is undecided below, none is told apart above


@dataclass(frozen=True)
class Subject:
    """A model as it is measured.

    `name` tells runs of different models apart; `levels(n)` are n noise levels, ascending, for noised data,
    `chain(n)` the n + 1 of a reverse chain, descending; `predict(classes)` is the mixture that predicts the
    curve, where there is one; `groups` are named lists of conditions; `weights` probabilities, if not equal.
    """

    name: str
    denoiser: Denoiser
    conditions: tuple[str, ...]
    shape: tuple[int, ...]
    levels: Callable[[int], Array]
    chain: Callable[[int], Array]
    sampler: Sampler | None = None
    predict: Callable[[Sequence[str]], GaussianMixture] | None = None
    groups: Mapping[str, Sequence[str]] | None = None
    weights: Mapping[str, float] | None = None
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def prior(self, classes: Sequence[str]) -> list[float] | None:
        """Probabilities of some of the classes among themselves; `None` for equal ones."""
        if self.weights is None:
            return None
        own = [self.weights[name] for name in classes]
        return [weight / sum(own) for weight in own]

    def chosen(self, classes: str | None) -> tuple[str, ...]:
        """Conditions from a comma-separated list, all by default; `ValueError` for one that is unknown."""
        if classes is None or classes == "all":
            return self.conditions
        names = tuple(name.strip() for name in classes.split(","))
        for name in names:
            if name not in self.conditions:
                few = ", ".join(self.conditions[:12]) + (", ..." if len(self.conditions) > 12 else "")
                raise ValueError(f"--classes: {name!r} is not one of {few}")
        if len(set(names)) < len(names):
            raise ValueError(f"--classes: {classes} names a class twice")
        return names


def oracle_subject(spec: str, device: str = "cpu") -> Subject:
    """The exact denoiser of a mixture, and the mixture as its own prediction."""
    mixture = GaussianMixture.parse(spec)
    oracle = MixtureDenoiser(mixture, device=device)

    def predict(classes: Sequence[str]) -> GaussianMixture:
        rows = [mixture.labels.index(name) for name in classes]
        covariances = [mixture.covariance_of(k) for k in rows]
        shared = mixture.shared_covariance
        weights = mixture.weights[rows] / mixture.weights[rows].sum()
        return GaussianMixture(weights, mixture.means[rows], shared or covariances, classes)

    def levels(count: int) -> Array:
        return window_sigmas(mixture, count)

    def chain(steps: int) -> Array:
        return levels(steps + 1)[::-1]

    shape = (mixture.dimension,)
    weights = dict(zip(mixture.labels, mixture.weights.tolist(), strict=True))
    model = (spec, oracle, mixture.labels, shape, levels, chain)
    return Subject(*model, oracle.sample, predict, None, weights, dtype=torch.float64, device=device)


def digits_subject(checkpoint: Path | None = None, device: str = "cpu") -> Subject:
    """The embedded model, the images held out of its training, and the mixture fitted to the digits."""
    from .digits_model import WEIGHTS, load_digits_model, split

    path = checkpoint or WEIGHTS
    denoiser = load_digits_model(path, device)
    side = denoiser.shape[-1]
    held_out = split(side)[1]

    def predict(classes: Sequence[str]) -> GaussianMixture:
        return digits.fit([int(name) for name in classes])

    def levels(count: int) -> Array:
        return np.geomspace(*_DIGITS_RANGE, count) * (side / 8)

    def chain(steps: int) -> Array:
        return levels(steps + 1)[::-1]

    name = f"digits {_digest(path)}"
    model = (name, denoiser, denoiser.conditions, denoiser.shape, levels, chain)
    return Subject(*model, held_out.sample, predict if side == 8 else None, device=device)


def edm2_subject(
    checkpoint: Path,
    reference: Path | None = None,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    high: float = 80.0,
    low: float = 0.002,
) -> Subject:
    """An EDM2 network, conditions by class number; `reference` is what the unconditional network is."""
    from .edm2 import EDM2Denoiser, load_edm2

    other = None if reference is None else load_edm2(reference, device, precision)
    denoiser = EDM2Denoiser(load_edm2(checkpoint, device, precision), other)
    name = " ".join(["edm2", *(_digest(path) for path in (checkpoint, reference) if path is not None)])

    def levels(count: int) -> Array:
        return karras_sigmas(count - 1, high, low)[::-1]

    def chain(steps: int) -> Array:
        return karras_sigmas(steps, high, low)

    model = (name, denoiser, denoiser.conditions, denoiser.shape, levels, chain)
    return Subject(*model, device=device)


def sd15_subject(
    source: str = STABLE_DIFFUSION,
    prompts: Path | None = None,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    download: bool = False,
) -> Subject:
    """Stable Diffusion, conditions by prompt: a JSON file of prompts by group, `{"dog": ["a dog", …], …}`."""
    from .stable_diffusion import load_stable_diffusion

    groups = read_prompts(prompts)
    denoiser = load_stable_diffusion(source, device=device, dtype=precision, download=download)

    def levels(count: int) -> Array:
        return denoiser.chain_sigmas(count - 1)[::-1]

    every = tuple(prompt for members in groups.values() for prompt in members)
    model = (f"sd15 {source}", denoiser, every, denoiser.shape, levels, denoiser.chain_sigmas)
    grouped = groups if any(len(members) > 1 for members in groups.values()) else None
    return Subject(*model, groups=grouped, device=device)


def read_prompts(path: Path | None) -> dict[str, list[str]]:
    """Prompts by group from a JSON file; `ValueError` with one line for anything else."""
    if path is None:
        raise ValueError('--prompts: needs a JSON file such as {"dog": ["a photo of a dog"], "cat": [...]}')
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from None
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path}: must be an object of prompt lists by name")
    for name, members in content.items():
        if not isinstance(members, list) or not members or not all(isinstance(m, str) for m in members):
            raise ValueError(f"{path}: {name!r} must be a list of prompts")
    every = [prompt for members in content.values() for prompt in members]
    if len(set(every)) < len(every):
        raise ValueError(f"{path}: a prompt stands there twice")
    return content


def _digest(path: Path) -> str:
    try:
        return sha256(path)[:16]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from None
