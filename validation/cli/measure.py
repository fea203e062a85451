"""`speciation measure MODEL`: a trained model's entropy curve, compared with its prediction."""

import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.table import Table

from ...theory._support.aliases import Fields
from ..measurement.asked import Asked
from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    announce_reading,
    errors,
    given,
    interval_of,
    keeps,
    output,
    path_of,
    prepare_figures,
    print_json,
    sampling_progress,
)

if TYPE_CHECKING:
    from ..measurement.measure import Measurement, Result
    from ..measurement.subjects import Subject

__all__ = ["measure"]

F = TypeVar("F", bound=Callable[..., None])

_SHOWN = (
    "model", "method", "reference", "conditions", "classes", "samples", "guidance", "interval_low",
    "interval_high", "seed", "evaluations", "class_entropy", "closure", "gap_closure", "cut_sigma",
    "window_closure", "below_cut", "below_cut_by_gap",
)  # fmt: skip

_CLOSURES = {
    "closure": "closure in all",
    "gap_closure": "closure in all, by the gap",
    "cut_sigma": "low-noise cut (σ)",
    "window_closure": "closure of the window above it",
    "below_cut": "share of H(C) below it",
    "below_cut_by_gap": "share below it, by the gap",
}
_OF_CUT = ("cut_sigma", "window_closure", "below_cut", "below_cut_by_gap")


def _partition_of(text: str) -> str:
    """What `Request.partition` takes: the path of a file, or groups of ImageNet's classes."""
    return text if text.startswith("imagenet:") else str(path_of(text))


_NAMES = {each.name: f"--{each.name.replace('_', '-')}" for each in fields(Asked)}
"""Options of the arguments that a text names in braces."""


def _option(each: "Field[object]") -> inspect.Parameter:
    """The option of an argument of a measurement, made of what `Asked` says of it."""
    said, default = each.metadata, each.default
    kind = said.get("shell", str)
    parsers = {"partition": _partition_of} | ({each.name: path_of} if kind is Path else {})
    option = typer.Option(
        *([f"--{each.name}"] if kind is bool else []),
        help=said["help"].format_map(_NAMES),
        min=said.get("shell_least"),
        metavar=said.get("metavar"),
        parser=parsers.get(each.name),
    )
    annotation = Annotated[kind if default is not None else kind | None, option]
    return inspect.Parameter(
        each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _asking(command: F) -> F:
    """Give a command an option for each argument of a measurement that has none yet, in their order."""
    own = list(inspect.signature(command).parameters.values())[:-1]
    first = 1 + [each.name for each in own].index("model")
    named = {each.name for each in own}
    more = [_option(each) for each in fields(Asked) if each.name not in named]
    shown = [*own[:first], *more, *own[first:]]
    setattr(command, "__signature__", inspect.Signature(shown))  # noqa: B010
    command.__annotations__ = {each.name: each.annotation for each in shown}
    return command


def _asked(context: typer.Context) -> Fields:
    """What the command line says of the arguments of `Asked`."""
    said = {each.name: context.params[each.name] for each in fields(Asked)}
    interval = said["interval"]
    own = {"interval": interval and interval_of(interval), "device": _own_device(said["device"])}
    return said | own


@_asking
def measure(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A network that comes with the package (digits, fashion), a checkpoint (edm, edm2), a "
            "diffusers pipeline (pipeline, sd15), your own network (my_module.py:denoiser), or the "
            "SPEC of a mixture, whose exact denoiser is measured.",
        ),
    ],
    *,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print the cost of the run, and stop.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path_of,
            metavar="PATH",
            help="Folder for curve, summary and figure; an interrupted run continues there.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = Asked.seed,
    **asked: object,
) -> None:
    """Measure when a model decides the class of a sample.

    Under torchrun, each process computes its share of the batches in the same folder, and the last one merges
    them.
    """
    from ...numerics.runs.atomic_files import check_directory
    from ...numerics.runs.blocks import PendingBlocksError
    from ..measurement.measure import result_of
    from ..measurement.request import Request

    if out is not None:
        prepare_figures()
        from ..measurement.results import FILES

        check_directory(out, FILES)
    share = _share(os.environ)
    request = Request(**_asked(context))
    announce_reading(model, quiet)
    if isinstance(request.prediction, str) and not request.prediction.startswith(("samples", "denoiser")):
        announce_reading(request.prediction, quiet)
    subject = _frugal(request.subject())
    options = request.options(subject)
    with sampling_progress(quiet, "batches") as progress, _told_once():
        measurement = _measurement(subject, options, out, share, progress)
        _tell(measurement, request.reference_checkpoint)
        cost = measurement.cost()
        if estimate:
            print_json(cost) if as_json else output().print(_said(cost))
            return
        if not quiet:
            errors().print(_said(cost))
        try:
            result = result_of(measurement)
        except PendingBlocksError as pending:
            errors().print(f"{pending}; whoever finishes last merges them")
            return
    title = f"{model}: {_called(subject, options.classes)}"
    _deliver(result, title, None if out is None else (out, given(context)), as_json, quiet)


def _called(subject: "Subject", classes: Sequence[str]) -> str:
    """What is compared, in a line: groups with their sizes, or classes with their names."""
    if subject.groups is not None and set(classes) == set(subject.conditions):
        sizes = subject.sizes or {}
        of = {name: f" of {sizes[name]}" if name in sizes else "" for name in subject.groups}
        return ", ".join(f"{name} ({len(own)}{of[name]})" for name, own in subject.groups.items())
    return ", ".join(map(subject.shown, classes))


_LONGEST = 200  # characters of a value in the table; the whole is in the summary


def _own_device(device: str) -> str:
    """Each process of torchrun has an accelerator of its own."""
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        return f"cuda:{_whole('LOCAL_RANK', os.environ['LOCAL_RANK'])}"
    return device


def _frugal(subject: "Subject") -> "Subject":
    from ..models.halving_batches import frugal

    return replace(subject, denoiser=frugal(subject.denoiser, errors().print))


def _share(environment: Mapping[str, str]) -> tuple[int, int]:
    """Which share of the batches torchrun's environment gives this process: (rank, ranks)."""
    names = ("RANK", "WORLD_SIZE")
    given = [name for name in names if name in environment]
    if not given:
        return 0, 1
    for name in names:
        if name not in environment:
            raise ValueError(f"{name}: is not set, and {given[0]} is; set both, as torchrun does, or neither")
    rank, ranks = (_whole(name, environment[name]) for name in names)
    if rank >= ranks:
        raise ValueError(f"RANK: must be from 0 to WORLD_SIZE - 1, not {rank} of {ranks}")
    return rank, ranks


def _whole(name: str, text: str) -> int:
    """A variable of the environment that torchrun sets."""
    if not text.strip():
        raise ValueError(f"{name}: is set and empty; unset it, or start the program with torchrun")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{name}: must be a whole number from 0, not {text!r}")
    return int(text)


def _measurement(
    subject: "Subject", options: Any, out: Path | None, share: tuple[int, int], progress: Any
) -> "Measurement":
    from ..measurement.measure import Measurement

    if share[1] > 1 and out is None:
        raise ValueError("out: several processes need a folder to share")
    keeps(None if out is None else out / "blocks")
    return Measurement(subject, options, None if out is None else out / "blocks", share, progress)


def _tell(measurement: "Measurement", reference: str | Path | None) -> None:
    """Say if a given unconditional network is not used, or if an untrained one is."""
    subject = measurement.subject
    if reference is not None and not measurement.asks_without_condition:
        why = "chains are guided by the classes" if measurement.guided else "chains are not guided"
        raise ValueError(
            f"reference_checkpoint: is not used when several classes are compared and {why}; leave it "
            "out, or give a guidance weight"
        )
    if subject.caveat and measurement.asks_without_condition:
        errors().print(f"warning: {subject.caveat}")


@contextmanager
def _told_once() -> Iterator[None]:
    """Without the library's own warning of what `_tell` says."""
    from ..denoiser import UntrainedNullWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrainedNullWarning)
        yield


def _said(cost: dict[str, float]) -> str:
    minutes, seconds = divmod(round(cost["seconds"]), 60)
    length = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    each = 1e3 * cost["seconds_per_evaluation"]
    if not cost["evaluations"]:
        return f"nothing is left to do: {cost['finished']:,} evaluations are in the folder"
    done = f"; {cost['finished']:,} more are in the folder" if cost["finished"] else ""
    return f"about {length}: {cost['evaluations']:,} evaluations of {each:.2g} ms{done}"


def _deliver(
    result: "Result", title: str, place: tuple[Path, Fields] | None, as_json: bool, quiet: bool
) -> None:
    if place is not None:
        from ..measurement.results import write_result

        for path in write_result(result, title, *place):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json(result.summary)
    elif not quiet:
        _print(result.summary, title)


def _print(summary: Fields, title: str) -> None:
    """How it was measured, where the class is decided, and one sentence."""
    from .places_table import clones_table, comparison_table, fitted_table, pairs_table, places_table, say
    from .universal_tables import print_ends, print_reliability

    output().print(_quantities(summary, title))
    if "clones" in summary:
        output().print(clones_table(summary["clones"], summary["judge"]))
    if "pairs" in summary:
        output().print(pairs_table(summary, "each pair"))
        for name in ("closure", "gap_closure", "window_closure"):
            median, least, largest = (summary[name][end] for end in ("median", "least", "largest"))
            what = _CLOSURES[name].replace("window above it", "window above the low-noise cut")
            output().print(f"{what}: median {median:.3g}, from {least:.3g} to {largest:.3g}")
        say(summary)
    elif "comparison" in summary:
        output().print(comparison_table(summary["comparison"], "against the prediction"))
        if "predictions" in summary:
            output().print(fitted_table(summary["predictions"], "predictions side by side", "theory"))
        say(summary["comparison"])
    else:
        output().print(places_table(summary, "where it is decided"))
        say(summary)
    if "members_note" in summary:
        output().print(f"note: {summary['members_note']}")
    if "reliability" in summary:
        print_reliability(summary["reliability"])
    if "ends" in summary:
        print_ends(summary["ends"])


def _quantities(summary: Fields, title: str) -> Table:
    """How it was measured, and how well the curve closes."""
    table = Table("quantity", "value", title=title)
    nothing_cut = summary.get("below_cut") == 0
    for name, value in summary.items():
        if name in _SHOWN and not isinstance(value, dict) and not (nothing_cut and name in _OF_CUT):
            error = f" ± {summary[f'{name}_se']:.2g}" if f"{name}_se" in summary else ""
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."
            table.add_row(_CLOSURES.get(name, name.replace("_", " ")), f"{shown}{error}")
    if nothing_cut:
        table.add_row("low-noise cut", "none (no excess over the gap of 5 % of H(C) and 3 s.e.)")
    return table
