"""Train the embedded Fashion-MNIST model: `python -m speciation.validation.train_fashion --out FOLDER`.

Needs the data set, which Debian's package `dataset-fashion-mnist` brings; writes and repeats what
`training_scripts` says, and into `FOLDER/data` what is shipped of the images.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from ..numerics.runs.atomic_files import prepare_directory
from ..numerics.runs.manifests import write_results
from .cli.app import own_process
from .cli.common import QuietFlag, SeedOption, errors, keeps, prepare_figures, sampling_progress
from .models import fashion_data
from .models.edm.training import Settings, Trained
from .models.fashion_model import FashionDenoiser, FashionImages, configuration, folded
from .training_scripts import Product, trained_network, write_trained

__all__ = ["main", "train_fashion"]

SETTINGS = Settings(
    steps=4200,
    batch=64,
    learning_rate=2e-2,
    decay_after=2000,
    log_sigma_mean=0.7,  # between the windows, whose peaks are from σ 1.8 to 8.8, and the images' details
    log_sigma_std=1.3,
    average_width=0.05,
    anneal=0.25,
)
"""Of the shipped weights."""


def train_fashion(
    settings: Settings,
    train: FashionImages,
    held_out: FashionImages,
    resume: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """A network of Fashion-MNIST, initialised and trained from `settings.seed`.

    A state in `resume` goes on under other `steps` and `anneal` until the first of the two runs would anneal.
    """
    data, aside = ((folded(held.pixels), held.labels) for held in (train, held_out))
    return trained_network(configuration(), settings, data, aside, resume, progress)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the weights, card, pictures and data.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = SETTINGS.steps,
    batch: Annotated[int, typer.Option(min=1, help="Images in a step.")] = SETTINGS.batch,
    data: Annotated[
        Path, typer.Option(help="Folder of the four files of the data set.")
    ] = fashion_data.FOLDER,
    quiet: QuietFlag = False,
    seed: SeedOption = SETTINGS.seed,
) -> None:
    """Train the embedded model of Fashion-MNIST."""
    train, held_out = (fashion_data.dataset(part, data) for part in ("train", "t10k"))
    prepare_directory(out)
    prepare_figures()
    keeps(out / "state")
    torch.set_num_threads(1)  # sums are then in one order, whatever the number of cores
    settings = replace(SETTINGS, steps=steps, batch=batch, seed=seed)
    with sampling_progress(quiet, "steps") as progress:
        trained = train_fashion(settings, train, held_out, out / "state", progress)
    denoiser = FashionDenoiser(trained.network)
    write_trained(Product("fashion", trained, settings, denoiser, dtype=torch.float16), out, quiet)
    writers = fashion_data.shipped(train, held_out)
    for path in write_results(out / "data", writers, {"command": "train_fashion"}):
        if not quiet:
            errors().print(f"wrote {path}")


if __name__ == "__main__":
    program: typer.Typer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    program.command()(main)
    own_process(program, "python -m speciation.validation.train_fashion")
