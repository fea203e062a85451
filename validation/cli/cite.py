"""`speciation cite`: how to cite the toolkit and the sources of its theorems."""

from typing import Annotated

import typer

from .common import JsonFlag, QuietFlag, SeedOption, print_json

__all__ = ["cite"]


def cite(
    style: Annotated[str, typer.Option("--format", help="bibtex, apa or cff.")] = "bibtex",
    theorem: Annotated[str | None, typer.Option(help="Cite the sources of this theorem, such as T4.")] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Citation of the toolkit, or of the sources of one theorem."""
    from ..verification import citation

    text = citation.cite(style, theorem)
    if as_json:
        print_json({"format": style, "theorem": theorem, "citation": text})
    elif not quiet:
        print(text)
