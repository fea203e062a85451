"""The page of speed: tables from `benchmarks/results/`, and how the cost of a curve grows."""

import io
import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from page_templates import page
from speciation.validation.figures.style import TWO_COLUMNS, save, styled

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"


WHAT = {
    "ambient_curve": "A curve of 64 levels of 8 classes in 4096 dimensions from 4096 draws, sampled in the "
    "full space (`ambient`), and the same written as loops over the levels in NumPy, PyTorch "
    "and scikit-learn. `noise` is the time in which the same generator draws 4096 × 4096 "
    "normal numbers.",
    "binary_entropy": "A million exact entropies, against a Gauss–Hermite rule in NumPy with as few nodes as "
    "reach 1e-6.",
    "many_classes": "Curves of 1000 and of 60,000 classes.",
    "quasi_variance": "Variance of independent draws divided by the variance of the method `reduced` from as "
    "many draws, with random points (importance sampling, antithetic pairs, control variates) "
    "and with Sobol points: median and least over 16 noise levels.",
    "reduced_dimension": "Seconds of a curve by the method `reduced` in 64 and in a million dimensions, and "
    "their ratio. The last row is the peak memory of the method `ambient`, which draws in the full "
    "space.",
    "scaling": "How the cost of a curve grows with each size.",
    "two_gaussians": "One noise level of two Gaussian classes (T24) in milliseconds: with full matrices, "
    "where each level needs a generalised eigendecomposition (`decomposition`); what a level costs "
    "after it; and on common axes, where one decomposition serves all levels.",
}
"""What each benchmark measures; `tails` is not about speed and stands on the page of accuracy."""


def performance_page() -> str:
    """Every benchmark's ratios with the hardware they were measured on, and how costs grow."""
    benchmarks: list[tuple[str, dict[str, Any], list[tuple[str, float]]]] = []
    for path in sorted(RESULTS.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        name, claims = path.name.split(".")[0], content["claims"]
        if name not in WHAT:
            continue
        if name == "scaling":
            claims = {key: _without_sweep(values) for key, values in claims.items()}
        benchmarks.append((name, content["hardware"], _numbers(claims)))
    return page("performance", benchmarks=benchmarks, what=WHAT)


def _without_sweep(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not name.startswith("seconds at ")}


def cost_figure() -> bytes:
    """PNG of the sweeps of `benchmarks/scaling.py`: seconds against each size, with fitted exponents."""
    claims = json.loads((RESULTS / "scaling.cpu.json").read_text(encoding="utf-8"))["claims"]
    sweeps = [key for key in claims if "exponent" in claims[key]]
    names = list(dict.fromkeys(key.split(", ")[1] for key in sweeps))
    with styled():
        figure = Figure(figsize=(TWO_COLUMNS, 2.6), layout="constrained")
        axes = figure.subplots(1, len(names), sharey=True)
        for key in sweeps:
            method, name = key.split(", ")
            panel = axes[names.index(name)]
            rows = {k.removeprefix("seconds at "): v for k, v in claims[key].items() if k != "exponent"}
            look = {"ambient": ("#0072B2", "o-"), "reduced": ("#D55E00", "s--")}[method]
            label = f"{method}: exponent {claims[key]['exponent']:.2f}"
            panel.loglog(
                [int(size) for size in rows], list(rows.values()), look[1], color=look[0], label=label
            )
            panel.set_xlabel({"draws": "draws", "levels": "noise levels"}.get(name, name))
        for panel in axes:
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.legend(fontsize=6)
        axes[0].set_ylabel("time [s]")
        stream = io.BytesIO()
        save(figure, stream, "png")
    return stream.getvalue()


def _numbers(claims: Any, prefix: str = "") -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    for name, value in claims.items():
        if isinstance(value, dict):
            rows += _numbers(value, f"{prefix}{name}: ")
        elif isinstance(value, (int, float)):
            rows.append((f"{prefix}{name}".replace("|", "&#124;"), float(value)))
    return rows
