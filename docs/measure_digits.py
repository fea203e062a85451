"""Measure what the documentation says of the digits model: `python docs/measure_digits.py`.

guidance   cross-entropy of chains guided with ω = 0, 1, 2, 4, and in a limited interval, against T12
scaling    the same digits at 8 × 8, 16 × 16 and 32 × 32 pixels, one network each, against ½ log d

Each writes a table into `docs/results`; training keeps its state in the folder given by `--work`.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import typer
from speciation.validation import pair_entropies
from speciation.validation.measurement.measure import Measurement, Options, result_of
from speciation.validation.measurement.subjects import digits_subject
from speciation.validation.models.digits_model import digits_images
from speciation.validation.models.edm import EDM2Denoiser
from speciation.validation.train_digits import settings_for, train_digits

RESULTS = Path(__file__).parent / "results"
PAIR = ("0", "1")
INTERVAL = (1.0, 4.0)
SIDES = (8, 16, 32)
TRIPLE = ("0", "3", "8")

program = typer.Typer(add_completion=False)


@program.command()
def guidance(chains: int = 1024) -> None:
    """Cross-entropy of guided chains, measured and predicted, at each σ."""
    torch.set_num_threads(1)
    subject, rows = digits_subject(), []
    runs = [(weight, None) for weight in (0.0, 1.0, 2.0, 4.0)] + [(4.0, INTERVAL)]
    for weight, interval in runs:
        # T12 is of two classes among themselves
        reference = None if weight == 1 else "classes"
        options = Options(
            PAIR, "path", samples=chains, levels=96, batch=256,
            guidance=weight, interval=interval, guidance_reference=reference,
        )  # fmt: skip
        result = result_of(Measurement(subject, options))
        name = "entropy" if weight == 1 else "cross_entropy"
        predicted = result.comparison.predicted
        for level in result.curve.sigma.values:
            at = result.curve.sel(sigma=level)
            rows.append(
                {
                    "guidance": weight,
                    "low": 0.0 if interval is None else interval[0],
                    "high": np.inf if interval is None else interval[1],
                    "sigma": level,
                    "measured": float(at[name]),
                    "measured_se": float(at[f"{name}_se"]),
                    "predicted": float(np.interp(level, predicted.sigma, predicted[name])),
                }
            )
    write(rows, "digits-guidance.csv")


@program.command()
def scaling(
    work: Annotated[Path, typer.Option(help="Folder of the training runs.")],
    steps: int = 1500,
    samples: int = 900,
) -> None:
    """σ at the peak for each pair of three digits, at each resolution."""
    torch.set_num_threads(1)
    rows = []
    for side in SIDES:
        settings = settings_for(side, steps=steps, batch=64)
        trained = train_digits(settings, side, work / str(side))
        held_out = digits_images(side)[1]
        found = pair_entropies(
            EDM2Denoiser(trained.network),
            TRIPLE,
            np.geomspace(0.3, 15, 32) * side / 8,
            held_out.sample,
            samples=samples,
            batch=100,
            resume=work / str(side) / "blocks",
            name=f"digits at {side}",
        )
        for name in found.pair.values:
            pair = found.sel(pair=name)
            rows.append({"side": side, "dimension": side**2, "pair": name} | values_of(pair))
    write(rows, "digits-scaling.csv")


def values_of(pair) -> dict[str, float]:
    """The scalars of one pair's curve."""
    peak = [f"peak_per_log_sigma{ending}" for ending in ("", "_low", "_high")]
    names = (*peak, "median_sigma", "closure", "closure_se")
    return {name: float(pair[name]) for name in names}


def write(rows: list[dict], name: str) -> None:
    """A table of rows, to nine digits."""
    RESULTS.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / name, index=False, float_format="%.9g")


if __name__ == "__main__":
    program()
