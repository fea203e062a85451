"""What scripts that train the embedded models share: initial weights, training, and the files they write.

A script writes `NAME.safetensors`, its model card `NAME.md` and `NAME.json` (settings, history, versions),
and the pictures `training.png` and `samples.png`. The same seed gives the same weights on the same machine
and versions; an interrupted run goes on when the same command is given again.
"""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..numerics._support.seeds import torch_seed
from ..numerics.runs.atomic_files import write_text
from ..numerics.runs.manifests import environment, write_results
from ..theory._support.aliases import ReadFields
from ._support.torch_randomness import generator_of
from .cli.common import errors
from .denoiser import Denoiser
from .estimators.chains import Chains
from .figures.style import saver
from .models.edm import EDM2, Configuration, save_edm2
from .models.edm.training import Settings, Trained, train
from .models.model_card import model_card

__all__ = ["Product", "sample_sheet", "trained_network", "write_trained"]

_SHEET_SIGMAS = np.geomspace(80, 0.02, 41)


class _Denoiser(Denoiser, Protocol):
    """One that names its classes and the shape of a sample."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch."""
        ...


@dataclass(frozen=True)
class Product:
    """What a script makes: `name` of the files, the trained network, and how it is asked for samples.

    `packages` are those whose versions the card says; `dtype` is that of the written weights, and
    `parameters` are those of the command.
    """

    name: str
    trained: Trained
    settings: Settings
    denoiser: _Denoiser
    packages: Sequence[str] = ("torch", "numpy")
    dtype: torch.dtype | None = None
    parameters: ReadFields = field(default_factory=dict)


def trained_network(
    configuration: Configuration,
    settings: Settings,
    data: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    resume: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """A network initialised and trained from `settings.seed`; images (n, channels, r, r), labels (n,)."""
    with torch.random.fork_rng():
        torch.manual_seed(
            torch_seed(settings.seed)
        )  # modules draw their initial weights from the global generator
        network = EDM2(configuration)
    return train(network, *data, settings, held_out, resume=resume, progress=progress)


@torch.no_grad()
def sample_sheet(denoiser: _Denoiser, seed: int = 0, each: int = 8) -> Tensor:
    """`each` samples of every class from stochastic reverse chains, (classes·each, *shape), in order."""
    generator = generator_of(seed, 0)
    found: list[Tensor] = []
    for condition in denoiser.conditions:
        chain = Chains(denoiser, (condition,), _SHEET_SIGMAS, denoiser.shape, np.ones(1))
        *_, last = chain.steps(generator, each)
        found.append(last.each[:, 0])
    return torch.cat(found)


def write_trained(product: Product, out: Path, quiet: bool = False) -> None:
    """Write weights, card, numbers, pictures and a manifest into `out`, and say so."""
    from .figures.measured import sheet_figure, training_figure

    name, trained = product.name, product.trained
    about = {
        "settings": asdict(product.settings),
        "configuration": asdict(trained.network.configuration),
        "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "history": trained.history,
        "versions": {package: environment()[package] for package in product.packages},
        "hardware": f"{torch.get_num_threads()} threads, {platform.machine()}",
    }
    sheet = sample_sheet(product.denoiser, product.settings.seed)
    writers = {
        f"{name}.safetensors": lambda path: save_edm2(trained.network, path, product.dtype),
        f"{name}.json": lambda path: write_text(path, json.dumps(about, indent=1) + "\n"),
        f"{name}.md": lambda path: write_text(path, model_card(name, about)),
        "training.png": saver(training_figure(trained.history)),
        "samples.png": saver(sheet_figure(sheet.numpy())),
    }
    parameters = {"command": f"train_{name}", **product.parameters, **asdict(product.settings)}
    for path in write_results(out, writers, parameters):
        if not quiet:
            errors().print(f"wrote {path}")
