"""Draw the figures and tables that the README and the documentation show: `python docs/make_figures.py`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from speciation.theory import orthogonal_median, orthogonal_peak
from speciation.validation.figures.accuracy import accuracy_figure
from speciation.validation.figures.measured import (
    guidance_figure,
    log_scale_figure,
    scaling_figure,
    training_figure,
    windows_figure,
)
from speciation.validation.figures.settings import adaptive_figure, grids_figure, samples_figure
from speciation.validation.figures.style import save
from speciation.validation.figures.theory import instability_figure, log_law_figure

FOLDER = Path(__file__).parent / "figures"
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Write every figure into `docs/figures`, with the table behind it where there is one."""
    save(log_law_figure((16, 256, 4096, 65536)), FOLDER / "log-law.png")
    save(instability_figure(np.geomspace(2, 1e12, 49)), FOLDER / "instabilities.png")
    (FOLDER / "instabilities.csv").write_text(instabilities(2, 3, 5, *(10.0**n for n in range(1, 13))))
    for model in ("digits", "fashion"):
        pairs = pd.read_csv(RESULTS / f"{model}-pairs.csv").set_index("pair").to_xarray()
        test = json.loads((RESULTS / f"{model}-pairs.json").read_text(encoding="utf-8"))["log_scale_test"]
        save(log_scale_figure(pairs, test), FOLDER / f"{model}-log-scale.png")
        history = json.loads((RESULTS / f"{model}-training.json").read_text(encoding="utf-8"))["history"]
        save(training_figure(history), FOLDER / f"{model}-training.png")
    save(guidance_figure(pd.read_csv(RESULTS / "digits-guidance.csv")), FOLDER / "digits-guidance.png")
    save(grids_figure(pd.read_csv(RESULTS / "settings-oracle.csv")), FOLDER / "settings-grids.png")
    save(adaptive_figure(pd.read_csv(RESULTS / "settings-adaptive.csv")), FOLDER / "settings-adaptive.png")
    judged = pd.concat([pd.read_csv(RESULTS / f"settings-{model}.csv") for model in ("digits", "fashion")])
    save(samples_figure(judged), FOLDER / "settings-samples.png")
    save(accuracy_figure(pd.read_csv(RESULTS / "accuracy.csv")), FOLDER / "accuracy-map.png")
    save(scaling_figure(pd.read_csv(RESULTS / "digits-scaling.csv")), FOLDER / "digits-scaling.png")
    save(windows_figure(pd.read_csv(RESULTS / "fashion-windows.csv")), FOLDER / "fashion-windows.png")


def instabilities(*classes: float) -> str:
    """Levels of g at which K classes are decided and their midpoint turns unstable, and the delay."""
    lines = ["classes,g_peak,g_median,g_first_order,g_midpoint,delay"]
    for k in classes:
        levels = (
            orthogonal_peak(k),
            orthogonal_median(k),
            2 * np.log(k),
            k,
            0.5 * np.log(k / (2 * np.log(k))),
        )
        lines.append(f"{k:g}," + ",".join(f"{level:.9g}" for level in levels))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
