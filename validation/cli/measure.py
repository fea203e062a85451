"""`speciation measure MODEL`: a trained model's entropy curve, held against its prediction."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from .common import (
    JsonFlag,
    QuietFlag,
    SeedOption,
    errors,
    given,
    output,
    prepare_figures,
    print_json,
    sampling_progress,
)

if TYPE_CHECKING:
    from ..measurement import Measurement, Result
    from ..subjects import Subject

__all__ = ["measure"]

_PATH_STEPS, _LEVELS = 64, 40
_PAIR_SAMPLES, _ALL_PAIRS_SAMPLES, _CHAINS = 600, 6000, 300


def measure(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="digits, edm2, sd15, or the SPEC of a mixture (oracle).")
    ],
    classes: Annotated[
        str | None, typer.Option(help="Class names, as 3,8; one is held against no class; all: every pair.")
    ] = None,
    estimator: Annotated[str | None, typer.Option(help="path or discrepancy.")] = None,
    guidance: Annotated[float, typer.Option(help="Weight of classifier-free guidance; 1 is none.")] = 1.0,
    interval: Annotated[
        str | None, typer.Option(help="LOW,HIGH: levels of sigma between which guidance acts.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Weights: a .safetensors file; for sd15 a folder or hub name.")
    ] = None,
    reference_checkpoint: Annotated[
        Path | None, typer.Option(help="edm2: the network that no class means.")
    ] = None,
    prompts: Annotated[Path | None, typer.Option(help="sd15: a JSON file of prompt lists by name.")] = None,
    prediction: Annotated[
        str | None, typer.Option(help="SPEC of the mixture to hold the curve against.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="h26 or h26-headline: a published protocol.")] = None,
    samples: Annotated[int | None, typer.Option(min=2, help="Chains or noised samples.")] = None,
    levels: Annotated[int | None, typer.Option(min=4, help="Noise levels, or steps of the chain.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples at once.")] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="float32, or on a GPU float16 or bfloat16, of the network.")
    ] = "float32",
    download: Annotated[bool, typer.Option("--download", help="sd15: fetch what is not here.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it would cost, and stop.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the curve, summary and figure; resumes there.")
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
    seed: SeedOption = 0,
) -> None:
    """Measure when a model decides the class of a sample.

    Under torchrun each process takes its share of the batches into the same folder; the last one merges.
    """
    from ...numerics.blocks import PendingBlocksError
    from ...numerics.files import prepare_directory
    from ..measurement import measure as run

    if out is not None:
        prepare_directory(out)
        prepare_figures()
    subject = _frugal(_subject(model, checkpoint, reference_checkpoint, prompts, device, precision, download))
    choice = {"classes": classes, "estimator": estimator, "samples": samples, "levels": levels}
    options = _options(subject, model, preset, prediction, interval, choice, (guidance, batch, seed))
    with sampling_progress(quiet, "batches") as progress:
        measurement = _measurement(subject, options, out, progress)
        cost = _cost(measurement)
        if estimate:
            print_json(cost) if as_json else output().print(_said(cost))
            return
        if not quiet:
            errors().print(_said(cost))
        try:
            result = run(measurement)
        except PendingBlocksError as pending:
            errors().print(f"{pending}; whoever finishes last merges them")
            return
    title = f"{model}: {', '.join(options.classes)}"
    _deliver(result, title, None if out is None else (out, given(context)), as_json, quiet)


def _frugal(subject: "Subject") -> "Subject":
    from ..memory import frugal

    return replace(subject, denoiser=frugal(subject.denoiser, errors().print))


def _subject(
    model: str,
    checkpoint: str | None,
    reference: Path | None,
    prompts: Path | None,
    device: str,
    precision: str,
    download: bool,
) -> "Subject":
    import torch

    from .. import subjects

    if device == "cuda" and "LOCAL_RANK" in os.environ:  # each process of torchrun has its own
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    _check_device(device)
    dtypes = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if precision not in dtypes:
        raise ValueError(f"--precision: {precision!r} is not one of {', '.join(dtypes)}")
    if precision != "float32" and device == "cpu":
        raise ValueError("--precision: a CPU computes in float32; choose a --device")
    if model == "digits":
        return subjects.digits_subject(None if checkpoint is None else Path(checkpoint), device)
    if model == "edm2":
        if checkpoint is None:
            raise ValueError("--checkpoint: edm2 needs a .safetensors file (`speciation convert` makes one)")
        return subjects.edm2_subject(Path(checkpoint), reference, device, dtypes[precision])
    if model == "sd15":
        source = checkpoint or subjects.STABLE_DIFFUSION
        return subjects.sd15_subject(source, prompts, device, dtypes[precision], download)
    return subjects.oracle_subject(model, device)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device: {device!r}: {str(error).splitlines()[0]}") from None


def _options(
    subject: "Subject",
    model: str,
    preset: str | None,
    prediction: str | None,
    interval: str | None,
    choice: dict[str, Any],
    numbers: tuple[float, int, int],
) -> Any:
    from ...theory.mixture import GaussianMixture
    from ..measurement import Options
    from ..protocols import PRESETS

    if model == "edm2" and choice["classes"] is None:
        few = ",".join(subject.conditions[:2])
        raise ValueError(f"--classes: name some of the model's {len(subject.conditions)}, as {few}")
    classes = subject.chosen(choice["classes"])
    guidance, batch, seed = numbers
    natural = "discrepancy" if subject.sampler is not None and guidance == 1 and len(classes) > 1 else "path"
    estimator, samples, levels = choice["estimator"] or natural, choice["samples"], choice["levels"]
    if preset is not None:
        if (model, preset) not in PRESETS:
            known = ", ".join(sorted(f"{name} for {of}" for of, name in PRESETS))
            raise ValueError(f"--preset: {preset!r} is not a protocol for {model}; there are {known}")
        protocol = PRESETS[model, preset]
        estimator, samples, levels = "path", samples or protocol.chains, levels or protocol.steps
    pairs = choice["classes"] == "all" and len(classes) > 2
    usual = _ALL_PAIRS_SAMPLES if pairs else _PAIR_SAMPLES if subject.sampler is not None else _CHAINS
    return Options(
        classes,
        estimator,
        samples=samples or usual,
        levels=levels or (_PATH_STEPS if estimator == "path" else _LEVELS),
        batch=batch,
        guidance=guidance,
        interval=None if interval is None else _interval(interval),
        prediction=None if prediction is None else GaussianMixture.parse(prediction),
        seed=seed,
        pairs=pairs,
    )


def _interval(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--interval: {text!r} is not LOW,HIGH") from None
    if not 0 <= low < high:
        raise ValueError(f"--interval: need 0 <= LOW < HIGH, not {text}")
    return low, high


def _measurement(subject: "Subject", options: Any, out: Path | None, progress: Any) -> "Measurement":
    """With the share that torchrun's environment gives this process."""
    from ..measurement import Measurement

    share = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if share[1] > 1 and out is None:
        raise ValueError("--out: several processes need a folder to share")
    return Measurement(subject, options, None if out is None else out / "blocks", share, progress)


def _cost(measurement: "Measurement") -> dict[str, float]:
    each = measurement.seconds_per_evaluation()
    count = measurement.evaluations
    return {
        "evaluations": count,
        "seconds_per_evaluation": each,
        "seconds": count * each / measurement.share[1],
    }


def _said(cost: dict[str, float]) -> str:
    minutes, seconds = divmod(round(cost["seconds"]), 60)
    length = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    each = 1e3 * cost["seconds_per_evaluation"]
    return f"about {length}: {cost['evaluations']:,} evaluations of {each:.2g} ms"


def _deliver(
    result: "Result", title: str, place: tuple[Path, dict[str, Any]] | None, as_json: bool, quiet: bool
) -> None:
    if place is not None:
        from ..results import write_result

        for path in write_result(result, title, *place):
            if not quiet:
                errors().print(f"wrote {path}")
    if as_json:
        print_json(result.summary)
    elif not quiet:
        table = Table("quantity", "value", title=title)
        for name, value in _rows(result.summary):
            table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
        output().print(table)


def _rows(summary: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in summary.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name} ")
        else:
            rows.append((prefix + name.replace("_", " "), value))
    return rows
