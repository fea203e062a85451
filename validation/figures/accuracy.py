"""Figure of the relative errors of closed forms over the range of double precision."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .style import TWO_COLUMNS, styled

__all__ = ["accuracy_figure"]

_PANELS = {
    "binary": ("two classes", r"$\gamma$", "prior of the first class $w$"),
    "orthogonal": ("orthogonal classes", "$g$", "number of classes $K$"),
    "scales": ("unequal scales", r"ratio of variances", "dimension $d$"),
}
_BEST, _WORST = -17.0, -11.0


def accuracy_figure(table: pd.DataFrame) -> Figure:
    """Logarithm of the relative error of an entropy, one panel per quantity, one cell per case.

    `table` has the columns `quantity`, `x`, `y` and `relative_error`; cells without an error, where the
    entropy is below every normal double, are hatched.
    """
    with styled({"axes.grid": False}):
        figure = Figure(figsize=(TWO_COLUMNS, 8.5), layout="constrained")
        axes = figure.subplots(len(_PANELS), 1)
        image: Any = None
        for panel, (name, (title, x, y)) in zip(axes, _PANELS.items(), strict=True):
            grid = table[table.quantity == name].pivot(index="y", columns="x", values="relative_error")
            with np.errstate(divide="ignore"):
                values = np.maximum(np.log10(grid.to_numpy()), _BEST)
            panel.patch.set(hatch="////", edgecolor="0.6", facecolor="white")
            image = panel.imshow(
                values, cmap="cividis", vmin=_BEST, vmax=_WORST, aspect="auto", origin="lower"
            )
            for (row, column), value in np.ndenumerate(values):
                if np.isfinite(value):
                    shade = "white" if value < (_BEST + _WORST) / 2 else "black"
                    panel.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6, color=shade)
            panel.set_xticks(range(grid.shape[1]), [f"{v:g}" for v in grid.columns], rotation=60)
            panel.set_yticks(range(grid.shape[0]), [f"{v:g}" for v in grid.index])
            panel.set(title=title, xlabel=x, ylabel=y)
        figure.colorbar(
            image, ax=list(axes), location="bottom", aspect=40, label="log₁₀ of the relative error of $H$"
        )
    return figure
