"""Train the embedded digits model: `python -m speciation.validation.train_digits --out FOLDER`.

Writes `digits.safetensors`, its model card `digits.md` and `digits.json` (settings, history, versions), and
the pictures `training.png` and `samples.png`. The same seed gives the same weights on the same machine and
versions; an interrupted run goes on when the same command is given again.
"""

import json
import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from ..numerics._support.seeds import torch_seed
from ..numerics.runs.atomic_files import prepare_directory, write_text
from ..numerics.runs.manifests import environment, write_results
from ._support.torch_randomness import generator_of
from .cli.app import own_process
from .cli.common import QuietFlag, SeedOption, errors, keeps, prepare_figures, sampling_progress
from .estimators.chains import Chains
from .figures.style import saver
from .models.digits_model import Images, configuration, digits_images
from .models.edm import EDM2, EDM2Denoiser, save_edm2
from .models.edm.training import Settings, Trained, train
from .models.model_card import model_card

__all__ = ["main", "sample_sheet", "settings_for", "train_digits"]

SETTINGS = Settings(steps=2800)
"""Of the shipped weights; the held-out loss rises again after about this many steps."""

_SHEET_SIGMAS = np.geomspace(80, 0.02, 41)


def settings_for(side: int, **changes: Any) -> Settings:
    """Those of the shipped weights, with noise levels that grow as the side: the window does, as √d."""
    return replace(SETTINGS, log_sigma_mean=float(np.log(side / 8)), **changes)


def train_digits(
    settings: Settings, side: int = 8, folder: Path | None = None, progress: Any = None
) -> Trained:
    """A network of the digits at `side` × `side` pixels, initialised and trained from `settings.seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(
            torch_seed(settings.seed)
        )  # modules draw their initial weights from the global generator
        network = EDM2(configuration(side))
    images, held_out = digits_images(side)
    return train(
        network,
        images.pixels,
        images.labels,
        settings,
        (held_out.pixels, held_out.labels),
        folder=folder,
        progress=progress,
    )


@torch.no_grad()
def sample_sheet(network: EDM2, seed: int = 0, each: int = 8) -> Images:
    """`each` samples of every digit from stochastic reverse chains, in order of the digit."""
    denoiser, generator = EDM2Denoiser(network), generator_of(seed, 0)
    side = network.configuration.img_resolution
    found: list[torch.Tensor] = []
    for digit in denoiser.conditions:
        chain = Chains(denoiser, (digit,), _SHEET_SIGMAS, (1, side, side), np.ones(1))
        *_, last = chain.steps(generator, each)
        found.append(last.each[:, 0])
    return Images(torch.cat(found), torch.arange(10).repeat_interleave(each))


def main(
    out: Annotated[Path, typer.Option(help="Folder for the weights, card and pictures.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = SETTINGS.steps,
    side: Annotated[int, typer.Option(help="Pixels along one side: 8, 16 or 32.")] = 8,
    batch: Annotated[int, typer.Option(min=1, help="Images in a step.")] = SETTINGS.batch,
    quiet: QuietFlag = False,
    seed: SeedOption = SETTINGS.seed,
) -> None:
    """Train the embedded model of handwritten digits."""
    from .figures.measured import sheet_figure, training_figure

    prepare_directory(out)
    prepare_figures()
    keeps(out / "state")
    torch.set_num_threads(1)  # sums are then in one order, whatever the number of cores
    settings = settings_for(side, steps=steps, batch=batch, seed=seed)
    with sampling_progress(quiet, "steps") as progress:
        trained = train_digits(settings, side, out / "state", progress)
    about = {
        "settings": asdict(settings),
        "configuration": asdict(trained.network.configuration),
        "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "history": trained.history,
        "versions": {name: environment()[name] for name in ("torch", "numpy", "scikit-learn")},
        "hardware": f"{torch.get_num_threads()} threads, {platform.machine()}",
    }
    sheet = sample_sheet(trained.network, seed)
    writers = {
        "digits.safetensors": lambda path: save_edm2(trained.network, path),
        "digits.json": lambda path: write_text(path, json.dumps(about, indent=1) + "\n"),
        "digits.md": lambda path: write_text(path, model_card(about)),
        "training.png": saver(training_figure(trained.history)),
        "samples.png": saver(sheet_figure(sheet.pixels.numpy())),
    }
    for path in write_results(out, writers, {"command": "train_digits", "side": side, **asdict(settings)}):
        if not quiet:
            errors().print(f"wrote {path}")


if __name__ == "__main__":
    program: typer.Typer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    program.command()(main)
    own_process(program, "python -m speciation.validation.train_digits")
