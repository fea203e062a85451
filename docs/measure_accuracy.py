"""Measure the relative errors that `docs/figures/accuracy-map.png` shows: `python docs/measure_accuracy.py`.

Each value of `speciation.theory` against the definition in 30 to 60 digits (`literal`, in
`validation/verification/independent`); written to `docs/results/accuracy.csv` (about ten minutes).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from speciation.theory import binary_entropy, orthogonal_entropy
from speciation.theory.closed_forms.unequal_scales import Contrast
from speciation.validation.verification.independent import literal

RESULTS = Path(__file__).parent / "results"

GAMMAS = [1e-300, 1e-100, 1e-12, 1e-4, 0.01, 0.3, 1.5, 6.0, 30.0, 150.0, 600.0, 1300.0]
PRIORS = [0.5, 1e-2, 1e-8, 1e-30, 1e-100, 1e-300]
G = [1e-3, 0.03, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0]
CLASSES = [2, 3, 10, 1e3, 1e6, 1e12, 1e24]
RATIOS = [1.01, 2.0, 10.0, 1e3, 1e8, 1e14, 1e50, 1e200]
DIMENSIONS = [1, 3, 10, 40, 1000]


def row(quantity: str, x: float, y: float, value: float, reference: Any) -> dict[str, Any]:
    """One pixel; NaN where the value is below the least normal double."""
    error = float(abs(value / reference - 1)) if abs(reference) > 1e-307 else np.nan
    return {"quantity": quantity, "x": x, "y": y, "value": value, "relative_error": error}


def scales(ratio: float, dimension: int) -> float:
    """Entropy of `N(0, I)` against `N(0, ratio I)`."""
    one, other = np.array([1.0]), np.array([ratio])
    return Contrast.of_spectra(one, other, 0.0, np.array([float(dimension)])).entropy()


def main() -> None:
    """Write the table."""
    rows = [
        row("binary", g, w, float(binary_entropy(g, w)), literal.binary_entropy(g, w))
        for g in GAMMAS
        for w in PRIORS
    ]
    rows += [
        row("orthogonal", g, k, float(orthogonal_entropy(g, k)), literal.orthogonal_entropy(g, k))
        for g in G
        for k in CLASSES
    ]
    rows += [
        row("scales", ratio, d, scales(ratio, d), literal.scales_entropy(1.0, ratio, d)[0])
        for ratio in RATIOS
        for d in DIMENSIONS
    ]
    pd.DataFrame(rows).to_csv(RESULTS / "accuracy.csv", index=False, float_format="%.17g")


if __name__ == "__main__":
    main()
