"""`speciation plot A.nc B.csv --out F`: several curves in one figure."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...theory._support.aliases import Fields
from .common import JsonFlag, QuietFlag, errors, given, path_of, prepare_figures, print_json

__all__ = ["plot"]

ENDINGS = (".pdf", ".svg", ".png", ".html")


def plot(
    context: typer.Context,
    curves: Annotated[
        list[Path],
        typer.Argument(
            metavar="CURVE...",
            parser=path_of,
            help="One to five curves: what curve or measure wrote (.csv, .nc, .json or a folder), or a table "
            "of sigma and entropy.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(parser=path_of, metavar="PATH", help="The figure: .pdf, .svg, .png or .html."),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="Name of a curve in the legend; give one for each curve, in order."
        ),
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Divide each curve by its entropy in pure noise, H(C).")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Draw up to five curves in one figure: entropy, and rate per unit log σ, against σ."""
    from ...numerics.runs.atomic_files import prepare_file
    from ...numerics.runs.manifests import MANIFEST, write_results

    prepare_file(out, ENDINGS, "")
    prepare_figures(out.suffix)
    named = _named(curves, label)
    drawn: Any
    if out.suffix == ".html":
        from ..figures.interactive import overlay_page, writer

        drawn = writer(overlay_page(named, relative=relative))
    else:
        from ..figures.overlay import overlay_figure
        from ..figures.style import saver

        drawn = saver(overlay_figure(named, relative=relative))
    write_results(out.parent, {out.name: drawn}, given(context), f"{out.name}.{MANIFEST}")
    if as_json:
        print_json(
            {"file": str(out), "curves": {name: curve.sizes["sigma"] for name, curve in named.items()}}
        )
    elif not quiet:
        errors().print(f"wrote {out}")


def _named(paths: list[Path], labels: list[str] | None) -> Fields:
    """Curves by label: as they are called, or else the names of their files."""
    from ..measurement.curve_files import read_curve

    if labels is not None and len(labels) != len(paths):
        raise ValueError(f"--label: {len(labels)} for {len(paths)} curves; give one for each")
    names = labels or [path.stem if path.is_file() else path.name for path in paths]
    if labels is None and len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise ValueError("curves: two have the same name; give each another one with --label")
    found: Fields = {}
    for name, path in zip(names, paths, strict=True):
        curve = read_curve(path)
        if "pair" in curve.dims:
            raise ValueError(
                f"{path}: holds curves of several pairs; a figure of curves takes one curve a file"
            )
        found[name] = curve
    return found
