"""Measure what the documentation says of Fashion-MNIST: `python docs/measure_fashion.py windows|medians`.

windows    when the kind of a garment is decided, and then which of the shoes and which of the tops (T15)
medians    the log-scale test of the medians of the stored pairs, predicted over the measured levels alone

They write into `docs/results`; finished batches are kept in the folder given by `--work`.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from speciation.theory import binary_entropy
from speciation.validation import fashion_mixture, log_scale_test, measure

RESULTS = Path(__file__).parent / "results"
SHOES, TOPS = ["sandal", "sneaker", "boot"], ["t-shirt", "pullover", "coat", "shirt"]
KINDS = {"tops": TOPS, "shoes": SHOES, "bags": ["bag"], "trousers": ["trouser"], "dress": ["dress"]}
DECISIONS: dict[str, dict[str, Any]] = {
    "kind (five)": {"partition": KINDS},
    "which shoe (three)": {"classes": SHOES},
    "which top (four)": {"classes": TOPS},
}

CLOSURES = (
    *("class_entropy", "closure", "closure_se", "gap_closure", "gap_closure_se"),
    *("cut_sigma", "window_closure", "window_closure_se"),
)

program = typer.Typer(add_completion=False)


@program.command()
def windows(
    work: Annotated[Path, typer.Option(help="Folder of finished batches.")],
    samples: int = 480,
    levels: int = 22,
    batch: int = 32,
) -> None:
    """Entropy of each decision, measured and predicted, at each σ."""
    torch.set_num_threads(1)
    rows = []
    for index, (name, asked) in enumerate(DECISIONS.items()):
        sizes = {"samples": samples, "levels": levels, "batch": batch}
        found = measure("fashion", **asked, **sizes, out=work / str(index))
        curve, predicted = found.curve, found.comparison.predicted
        places = {
            f"{place}{end}": float(curve[f"{place}{end}"])
            for place in ("median_sigma", "peak_per_log_sigma")
            for end in ("", "_low", "_high")
        }
        levels_of, expected = curve.sigma.values, np.interp(curve.sigma, predicted.sigma, predicted.entropy)
        places |= {
            "predicted_median_sigma": median_between(levels_of, expected),
            "predicted_median_sigma_of_all": float(predicted.median_sigma),
            "predicted_peak_per_log_sigma": float(predicted.peak_per_log_sigma),
            "gap_median_sigma": median_between(levels_of, curve.gap_entropy.values),
        }
        places |= {key: float(curve[key]) for key in CLOSURES}
        for level, predicted_here in zip(levels_of, expected, strict=True):
            at = curve.sel(sigma=level)
            rows.append(
                {
                    "decision": name,
                    "sigma": level,
                    "measured": float(at.entropy),
                    "measured_se": float(at.entropy_se),
                    "gap": float(at.gap_entropy),
                    "gap_se": float(at.gap_entropy_se),
                    "predicted": float(predicted_here),
                }
                | places
            )
    RESULTS.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / "fashion-windows.csv", index=False, float_format="%.6g")


@program.command()
def medians() -> None:
    """Measured medians of all pairs against those predicted between the lowest and the highest level."""
    pairs, mixture = pd.read_csv(RESULTS / "fashion-pairs.csv"), fashion_mixture()
    names = [pair.split(",") for pair in pairs.pair]
    sigma = np.geomspace(0.3, 60.0, 400)
    curves = [np.asarray(binary_entropy(mixture.among(pair, equal=True).gamma(sigma))) for pair in names]
    errors = np.log(pairs.median_sigma_high / pairs.median_sigma_low) / (2 * 1.96)
    predicted = [median_between(sigma, curve) for curve in curves]
    found = {
        key: log_scale_test(x, pairs.median_sigma, measured_error=errors, classes=np.array(names))
        for key, x in (("whole", pairs.predicted_median_sigma), ("between_levels", predicted))
    }
    left = {pair: curve[0] / np.log(2) for pair, curve in zip(pairs.pair, curves, strict=True)}
    most = dict(sorted(left.items(), key=lambda each: -each[1])[:4])
    text = json.dumps(found | {"left_at_the_lowest_level": most}, indent=1)
    (RESULTS / "fashion-medians.json").write_text(text + "\n", encoding="utf-8")


def median_between(sigma: np.ndarray, entropy: np.ndarray) -> float:
    """σ at which half of what is decided between the lowest and the highest level is left.

    That is what the median of a measured curve is of: its integral begins with nothing at the lowest level.
    """
    share = (entropy - entropy[0]) / (entropy[-1] - entropy[0])
    return float(np.exp(np.interp(0.5, share, np.log(sigma))))


if __name__ == "__main__":
    program()
