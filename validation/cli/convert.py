"""`speciation convert F.pkl F.safetensors`: a published checkpoint of EDM or EDM2 as a safe file."""

from pathlib import Path
from typing import Annotated

import typer

from .common import JsonFlag, QuietFlag, SeedOption, output, path_of, print_json

__all__ = ["convert"]


def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="F.pkl", parser=path_of, help="A published checkpoint of EDM or EDM2."),
    ],
    target: Annotated[Path, typer.Argument(metavar="F.safetensors", parser=path_of, help="Output file.")],
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Convert a checkpoint to safetensors (its averaged weights), without executing code from it."""
    from ...numerics.runs.atomic_files import prepare_file, write_atomically
    from ..models.edm import parameters_of, read_network_file, save_checkpoint

    prepare_file(target, (".safetensors",), source)
    checkpoint = read_network_file(source)
    write_atomically(target, lambda path: save_checkpoint(checkpoint, path))
    count = parameters_of(checkpoint)
    if as_json:
        print_json({"source": str(source), "target": str(target), "parameters": count})
    elif not quiet:
        output().print(f"wrote {target}: {count:,} parameters")
