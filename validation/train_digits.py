"""Train the embedded digits model: `python -m speciation.validation.train_digits --out FOLDER`.

Writes and repeats what `training_scripts` says.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from ..numerics.runs.atomic_files import prepare_directory
from .cli.app import own_process
from .cli.common import QuietFlag, SeedOption, keeps, prepare_figures, sampling_progress
from .models.digits_model import configuration, digits_images
from .models.edm import EDM2Denoiser
from .models.edm.training import Settings, Trained
from .training_scripts import Product, trained_network, write_trained

__all__ = ["main", "settings_for", "train_digits"]

SETTINGS = Settings(steps=2800)
"""Of the shipped weights; the held-out loss rises again after about this many steps."""


def settings_for(side: int, **changes: object) -> Settings:
    """Those of the shipped weights, with noise levels that grow as the side: the window does, as √d."""
    return replace(SETTINGS, log_sigma_mean=float(np.log(side / 8)), **changes)


def train_digits(
    settings: Settings,
    side: int = 8,
    resume: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """A network of the digits at `side` × `side` pixels, initialised and trained from `settings.seed`."""
    data, held_out = ((held.pixels, held.labels) for held in digits_images(side))
    return trained_network(configuration(side), settings, data, held_out, resume, progress)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the weights, card and pictures.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = SETTINGS.steps,
    side: Annotated[int, typer.Option(help="Pixels along one side: 8, 16 or 32.")] = 8,
    batch: Annotated[int, typer.Option(min=1, help="Images in a step.")] = SETTINGS.batch,
    quiet: QuietFlag = False,
    seed: SeedOption = SETTINGS.seed,
) -> None:
    """Train the embedded model of handwritten digits."""
    prepare_directory(out)
    prepare_figures()
    keeps(out / "state")
    torch.set_num_threads(1)  # sums are then in one order, whatever the number of cores
    settings = settings_for(side, steps=steps, batch=batch, seed=seed)
    with sampling_progress(quiet, "steps") as progress:
        trained = train_digits(settings, side, out / "state", progress)
    product = Product(
        "digits",
        trained,
        settings,
        EDM2Denoiser(trained.network),
        packages=("torch", "numpy", "scikit-learn"),
        parameters={"side": side},
    )
    write_trained(product, out, quiet)


if __name__ == "__main__":
    program: typer.Typer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    program.command()(main)
    own_process(program, "python -m speciation.validation.train_digits")
