"""`speciation diagram NAME`: a phase diagram, as data and as a figure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ...theory._support.aliases import Fields
from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce,
    errors,
    given,
    keeps,
    output,
    path_of,
    prepare_figures,
    print_json,
    sampling_progress,
    was_given,
)

if TYPE_CHECKING:
    import xarray as xr

    from ...numerics.diagrams import DiagramName
    from ...numerics.diagrams._base import Axis, Diagram
    from ...theory.schedules import Schedule

__all__ = ["diagram"]

ENDINGS = (".nc", ".pdf", ".svg", ".png", ".html")
_PLACE = Path("diagrams")


def diagram(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the diagram; --list shows all.")
    ] = None,
    spec: Annotated[
        str | None, typer.Argument(metavar="[SPEC]", help="For grid: the mixture whose parameters vary.")
    ] = None,
    resolution: Annotated[int, typer.Option(min=2, max=4096, help="Points along each axis.")] = 256,
    x: Annotated[str | None, typer.Option(help="For grid: horizontal axis, such as mu=0.1:10:log.")] = None,
    y: Annotated[
        str | None, typer.Option(help="For grid: vertical axis, such as t=0:6 or sigma=0.1:50:log.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=2, help="For grid: Monte-Carlo samples, where there is no closed form.")
    ] = 20_000,
    fixed: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Value of a fixed parameter (--list shows them), or of a parameter of grid's SPEC, such "
            "as s=2; may be repeated.",
        ),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(help="Clock of the time axis, such as flow:shift=3, instead of OU time or σ."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            parser=path_of,
            metavar="PATH",
            help="Folder for data, figures and caption, or a single file: .nc, .pdf, .svg, .png or .html.",
        ),
    ] = _PLACE,
    html: Annotated[
        bool, typer.Option("--html", help="Also write an interactive page, which opens without a network.")
    ] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the diagrams and exit.")] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Compute a phase diagram: where in time the class is decided, as a parameter varies.

    Writes the data (.nc), the figure (.pdf, .svg, .png) and its caption (.txt).
    """
    from ...numerics.diagrams import DIAGRAMS, in_clock
    from ..control.clocks import clock_of

    if list_all:
        _list(DIAGRAMS.values(), as_json)
        return
    name = _checked_name(name, spec or x or y, was_given(context, "samples"), DIAGRAMS)
    values = _assignments(fixed or [])
    schedule = None if clock is None else clock_of(clock)
    if name == "grid":
        plan = _plan(spec, values, (x, y), resolution)
        folder = out.parent if out.suffix in ENDINGS else out
        work = partial(_grid, *plan, samples, seed, folder, quiet)
    else:
        work = partial(_named, _checked_diagram(name, values, schedule), resolution, values, quiet)
    _prepare(out, name, html)
    found = work()
    if schedule is not None:
        found = in_clock(found, schedule, clock)
    paths = _write(found, name, out, html, given(context))
    if as_json:
        fields = [str(field) for field, values in found.data_vars.items() if values.ndim == 2]
        sizes = {str(dimension): int(size) for dimension, size in found.sizes.items()}
        content = {"name": name, "sizes": sizes, "fields": fields, "files": [str(path) for path in paths]}
        print_json(content)
    elif not quiet:
        for path in paths:
            errors().print(f"wrote {path}")


def _prepare(out: Path, name: str, html: bool) -> None:
    """The folder, or the one file, that is to be written, and what draws it."""
    from ...numerics.runs.atomic_files import check_directory, prepare_file
    from ...numerics.runs.manifests import MANIFEST

    if out.suffix in ENDINGS and not out.is_dir():
        prepare_file(out, ENDINGS)
    else:
        check_directory(out, [f"{name}{kind}" for kind in (*ENDINGS, ".txt", f".{MANIFEST}")])
    prepare_figures()
    if html or out.suffix == ".html":
        from ..figures.interactive import check_installed

        check_installed()


def _checked_name(name: str | None, axes: str | None, samples: bool, diagrams: Collection[str]) -> str:
    """The diagram, if it is one and is not given what only a grid takes; `ValueError` otherwise."""
    if name is None:
        raise ValueError(f"NAME: needs a diagram: {', '.join(diagrams)} or grid")
    if name == "grid":
        return name
    if axes:
        raise ValueError(f"{name}: takes neither a SPEC nor axes; only grid does")
    if name not in diagrams:
        raise ValueError(f"{name}: not a diagram; there are {', '.join(diagrams)} and grid")
    if samples:
        raise ValueError(f"--samples: applies to grid, not to {name}")
    return name


def _checked_diagram(name: str, values: Mapping[str, float], schedule: "Schedule | None") -> "DiagramName":
    """The diagram's name, once its parameters and its clock are known to suit it."""
    from ...numerics.diagrams import DIAGRAMS, in_clock, phase_diagram
    from ...theory._support.choices import one_of

    known = one_of(name, "NAME", DIAGRAMS)
    DIAGRAMS[known].checked(values)
    if schedule is not None:
        if DIAGRAMS[known].clockless:
            raise ValueError(f"--clock: {name} keeps its axis: {DIAGRAMS[known].clockless}")
        in_clock(phase_diagram(known, 2, **values), schedule)  # refuses before the work
    return known


def _named(name: "DiagramName", resolution: int, values: Mapping[str, float], quiet: bool) -> "xr.Dataset":
    from ...numerics._support.devices import check_devices
    from ...numerics.diagrams import DIAGRAMS, phase_diagram

    check_devices()
    announce(DIAGRAMS[name].seconds, f"{name}; --resolution makes it shorter", quiet)
    return phase_diagram(name, resolution, **values)


def _assignments(texts: list[str]) -> dict[str, float]:
    """`["s=2"]` as numbers by name; `ValueError` for what is no assignment of a number."""
    found, seen = dict[str, float](), set[str]()
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise ValueError(f"--set: {text!r} is no NAME=VALUE, as s=2")
        if name.strip() in seen:
            raise ValueError(f"--set: {name.strip()} is given twice")
        seen.add(name.strip())
    return found


def _with(spec: str, values: dict[str, float]) -> str:
    """A SPEC with other values of its parameters."""
    if not values:
        return spec
    family, colon, rest = spec.partition(":")
    if not colon:
        raise ValueError(f"--set: {spec} has no parameters to set")
    own = {part.split("=")[0]: part for part in rest.split(",")}
    own |= {name: f"{name}={value:.17g}" for name, value in values.items()}
    return f"{family}:{','.join(own.values())}"


def _columns(axes: "tuple[Axis, Axis]") -> int:
    """Number of blocks of a grid: values of its first parameter."""
    from ...numerics.diagrams import NOISE

    first, second = axes
    return (second if first.name in NOISE else first).values.size


def _list(diagrams: "Iterable[Diagram]", as_json: bool) -> None:
    rows = [
        (d.name, d.title, d.source, ", ".join(f"{key}={value:g}" for key, value in d.fixed.items()))
        for d in diagrams
    ]
    rows.append(("grid", "Any two parameters of a SPEC", "T17", "those of the SPEC"))
    if as_json:
        print_json([dict(zip(("name", "title", "source", "set"), row, strict=True)) for row in rows])
        return
    table = Table("name", "shows", "theorems", "can be set")
    for row in rows:
        table.add_row(*row)
    output().print(table)


def _plan(
    spec: str | None, values: dict[str, float], asked: tuple[str | None, str | None], resolution: int
) -> "tuple[str, tuple[Axis, Axis]]":
    """SPEC, with other `values` of its parameters, and axes of a grid, read before anything is written."""
    from ...numerics.diagrams import check_grid, parse_axis

    x, y = asked
    if spec is None or x is None or y is None:
        raise ValueError(
            "grid: needs --x, --y and a SPEC, as in --x mu=0.1:10:log --y t=0:6 binary:d=64,mu=1,s=1"
        )
    axes = (parse_axis(x, resolution), parse_axis(y, resolution))
    for axis in axes:
        if axis.name in values:
            raise ValueError(f"--set: {axis.name} is an axis, which goes through its values; leave one out")
    found = _with(spec, values)
    check_grid(found, *axes)
    return found, axes


def _grid(
    spec: str, axes: "tuple[Axis, Axis]", samples: int, seed: int, out: Path, quiet: bool
) -> "xr.Dataset":
    from ...numerics.diagrams import grid, grid_seconds

    folder = out / "grid-columns"
    keeps(folder)
    if not quiet:
        missing = 1 - len(list(folder.glob("block-*.npz"))) / _columns(axes)
        seconds = missing * grid_seconds(spec, *axes, samples=samples, key=seed)
        announce(seconds, "grid; --resolution makes it shorter", quiet)
    with sampling_progress(quiet, "columns") as progress:
        return grid(spec, *axes, samples=samples, key=seed, resume=folder, progress=progress)


def _write(found: "xr.Dataset", name: str, out: Path, html: bool, asked: Fields) -> list[Path]:
    from ...numerics.runs.manifests import MANIFEST, write_results

    one = out.suffix in ENDINGS and not out.is_dir()
    kinds = (out.suffix,) if one else (".nc", ".pdf", ".svg", ".png", *((".html",) if html else ()))
    stem, folder = (out.stem, out.parent) if one else (name, out)
    writers = {f"{stem}{kind}": _writer(found, kind) for kind in kinds} | {
        f"{stem}.txt": _writer(found, ".txt")
    }
    if out.suffix == ".nc" and one:
        del writers[f"{stem}.txt"]
    return write_results(folder, writers, asked, f"{out.name if one else name}.{MANIFEST}")


def _writer(found: "xr.Dataset", kind: str) -> Callable[[Path], object]:
    """What writes a diagram as one kind of file to the path that it is given."""
    from ...numerics.runs.atomic_files import write_text
    from ..figures.diagrams import caption, diagram_figure
    from ..figures.style import saver

    if kind == ".nc":
        return lambda path: found.to_netcdf(path, engine="scipy")
    if kind == ".txt":
        return lambda path: write_text(path, caption(found))
    if kind == ".html":
        from ..figures.interactive import diagram_page, writer

        return writer(diagram_page(found))
    return saver(diagram_figure(found))
