"""Training of EDM2 networks: the weighted denoising loss, its learned uncertainty, the averaged weights.

    loss = E[e^{−u(σ)} λ(σ) |D(x₀ + σz, σ) − x₀|²/elements + u(σ)],   λ = (σ² + σ_d²)/(σσ_d)²
    log σ ~ N(m, s²)
    average: θ̂_t = β_t θ̂_{t−1} + (1 − β_t) θ_t,   β_t = (1 − 1/t)^{γ+1}
    γ from the average's width:  s_rel = √(γ+1)/((γ+2)√(γ+3))

Step t draws from a generator seeded by (seed, t) and nothing else, so that an interrupted run goes on to the
same bits. Source: K24.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from safetensors.torch import save_file
from scipy import optimize
from torch import Tensor
from torch.nn import functional

from ....numerics.runs.atomic_files import prepare_directory, write_atomically
from ....numerics.runs.fingerprints import fingerprint
from ....theory._support.aliases import Fields
from ..._support.torch_randomness import generator_of, undisturbed
from ...denoiser import digest_of_modules
from .edm2_network import EDM2
from .weights import fill, read_safetensors

__all__ = ["Settings", "Trained", "TrainingRun", "average_exponent", "denoising_loss", "train"]

_RAMP = 50  # steps over which the learning rate rises
_STATE = "training.safetensors"
_HELD_OUT_DRAWS = 1024
_HELD_OUT_BLOCK = 2**31 - 1  # of the generator that no step uses


@dataclass(frozen=True)
class Settings:
    """How a network is trained."""

    steps: int
    batch: int = 128
    learning_rate: float = 1e-2
    decay_after: int = 500
    log_sigma_mean: float = 0.0
    log_sigma_std: float = 1.2
    label_dropout: float = 0.1
    average_width: float = 0.1
    seed: int = 0
    anneal: float = 0.0

    @property
    def annealed_from(self) -> int:
        """Steps before the last part `anneal` of all, in which the learning rate falls linearly to zero."""
        return self.steps - round(self.anneal * self.steps)


@dataclass
class Trained:
    """The averaged network, and rows of (step, training loss, held-out loss) of `λ|D − x₀|²/elements`."""

    network: EDM2
    history: list[tuple[int, float, float]] = field(default_factory=list)


def average_exponent(width: float) -> float:
    """γ of the power-function average whose width is `width` times the training time; 0 < width < 0.28."""
    if not 0 < width < 0.28:
        raise ValueError(f"average_width: must lie between 0 and 0.28, not {width}")
    found: Any = optimize.brentq(lambda g: np.sqrt(g + 1) / ((g + 2) * np.sqrt(g + 3)) - width, 0, 1e9)
    return float(found)


def denoising_loss(
    network: EDM2,
    clean: Float[Tensor, "batch c h w"],
    sigma: Float[Tensor, " batch"],
    noise: Float[Tensor, "batch c h w"],
    labels: Float[Tensor, "batch classes"],
) -> Float[Tensor, " batch"]:
    """`λ(σ)|D(x₀ + σz, σ) − x₀|²/elements`, shape (batch,), of x₀ (batch, channels, r, r) and σ (batch,)."""
    data = network.configuration.sigma_data
    found = network(clean + sigma[:, None, None, None] * noise, sigma, labels)
    weight = (sigma**2 + data**2) / (sigma * data) ** 2
    return weight * ((found - clean) ** 2).flatten(1).mean(1)


@undisturbed()
def train(
    network: EDM2,
    images: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, " n"],
    settings: Settings,
    held_out: tuple[Float[Tensor, "m c h w"], Integer[Tensor, " m"]],
    *,
    resume: Path | None = None,
    every: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train `network` in place and return its averaged weights.

    Parameters
    ----------
    network : EDM2
        With `label_dim` > 0; a dropped label is the zero vector, which is the unconditional network.
    images, labels
        Tensors (n, channels, r, r) and (n,) of class numbers; `held_out` the same, never trained on.
    resume : Path, optional
        Keeps the state every `every` steps; the same call goes on from there.
    progress : callable, optional
        Called with steps done and in all.

    Raises
    ------
    ValueError
        If `resume` holds another run: other settings, first weights or images.

    References
    ----------
    K24.
    """
    data = [tensor.cpu().numpy() for tensor in (images, labels, *held_out)]
    run = TrainingRun(network, settings, fingerprint(digest_of_modules(network), *data))
    path = None if resume is None else prepare_directory(resume) / _STATE
    if path is not None and path.exists():
        run.restore(path)
    for step in range(run.step, settings.steps):
        run.advance(images, labels)
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            run.record(*held_out)
            if path is not None:
                write_atomically(path, run.save)
        if progress is not None:
            progress(step + 1, settings.steps)
    return Trained(run.average.train(False), run.history)


class TrainingRun:
    """State of a training run: network, its average, optimiser, step and history.

    `inputs` tells runs of the same settings apart that began from other weights, or have other data.
    """

    def __init__(self, network: EDM2, settings: Settings, inputs: str = "") -> None:
        self.network: EDM2 = network.train(True)
        self.settings: Settings = settings
        self.inputs: str = inputs
        self.average: EDM2 = copy.deepcopy(network)
        self.optimiser: torch.optim.Adam = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
        self.exponent: float = average_exponent(settings.average_width)
        self.step: int = 0
        self.history: list[tuple[int, float, float]] = []
        self._losses = torch.zeros(0)

    def advance(self, images: Float[Tensor, "n c h w"], labels: Integer[Tensor, " n"]) -> None:
        """One step."""
        s, generator = self.settings, generator_of(self.settings.seed, self.step)
        rows = torch.randint(len(images), (s.batch,), generator=generator)
        clean = images[rows]
        sigma = torch.exp(s.log_sigma_mean + s.log_sigma_std * torch.randn(s.batch, generator=generator))
        noise = torch.randn(clean.shape, generator=generator)
        kept = torch.rand(s.batch, generator=generator) >= s.label_dropout
        named = self._one_hot(labels[rows]) * kept[:, None]
        loss = denoising_loss(self.network, clean, sigma, noise, named)
        uncertainty = self.network.log_variance(sigma)[:, 0]
        self.optimiser.param_groups[0]["lr"] = self._rate()
        self.optimiser.zero_grad()
        (loss * torch.exp(-uncertainty) + uncertainty).mean().backward()
        self.optimiser.step()
        self.step += 1
        keep = (1 - 1 / self.step) ** (self.exponent + 1)
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        self._losses = torch.cat([self._losses, loss.detach().mean()[None]])

    @torch.no_grad()
    def record(self, images: Float[Tensor, "n c h w"], labels: Integer[Tensor, " n"]) -> None:
        """Add a row to the history: the mean loss since the last, and the held-out loss of the average."""
        s, generator = self.settings, generator_of(self.settings.seed, _HELD_OUT_BLOCK)
        rows = torch.randint(len(images), (_HELD_OUT_DRAWS,), generator=generator)
        clean = images[rows]
        sigma = torch.exp(
            s.log_sigma_mean + s.log_sigma_std * torch.randn(_HELD_OUT_DRAWS, generator=generator)
        )
        noise = torch.randn(clean.shape, generator=generator)
        network = self.average.train(False)
        held_out = denoising_loss(network, clean, sigma, noise, self._one_hot(labels[rows])).mean()
        self.history.append((self.step, float(self._losses.mean()), float(held_out)))
        self._losses = torch.zeros(0)

    def save(self, path: Path) -> None:
        """Write everything that the next step depends on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
        about = {"settings": asdict(self.settings), "step": self.step, "history": self.history}
        about["inputs"] = self.inputs
        save_file({name: t.contiguous() for name, t in tensors.items()}, path, {"run": json.dumps(about)})

    def restore(self, path: Path) -> None:
        """Read what `save` wrote; `ValueError` for the state of another run."""
        metadata, tensors = read_safetensors(path)
        try:
            about = json.loads(metadata.get("run", "{}"))
            if self._goes_on(about):
                self._set(about, tensors)
                return
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ValueError(
                f"{path}: not the state of a training run, or a damaged one; remove it"
            ) from None
        raise ValueError(f"{path}: the state of another training run; choose another folder")

    def _goes_on(self, about: Fields) -> bool:
        """Whether a state is one of this run, or of one that differs in when it ends and not yet in rate."""
        had, own = Settings(**about["settings"]), self.settings
        as_long = replace(had, steps=own.steps, anneal=own.anneal)
        if as_long != own or about.get("inputs", "") != self.inputs:
            return False
        return had == own or int(about["step"]) <= min(had.annealed_from, own.annealed_from)

    def _set(self, about: Fields, tensors: dict[str, Tensor]) -> None:
        for part, module in (("network.", self.network), ("average.", self.average)):
            fill(module, _below(tensors, part))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(tensors, "optimiser.").items():
            index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
        parameters = list(self.network.parameters())
        for index, moments in state.items():
            shapes = {name: tuple(value.shape) for name, value in moments.items()}
            own = tuple(parameters[index].shape) if 0 <= index < len(parameters) else None
            if shapes != {"step": (), "exp_avg": own, "exp_avg_sq": own}:
                raise ValueError(f"optimiser.{index}: missing, unexpected or of another shape")
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        rows = [(int(step), float(loss), float(held_out)) for step, loss, held_out in about["history"]]
        self.step, self.history = int(about["step"]), rows

    def _rate(self) -> float:
        s, t = self.settings, self.step + 1
        rate = s.learning_rate * min(1, t / _RAMP) / np.sqrt(max(t / s.decay_after, 1))
        left = s.steps - s.annealed_from
        return rate * min(1, (s.steps - t + 1) / left) if left else rate

    def _one_hot(self, labels: Integer[Tensor, " batch"]) -> Float[Tensor, "batch classes"]:
        return functional.one_hot(labels, self.network.configuration.label_dim).float()


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
