"""Where guided runs end, in numbers and in one sentence: T21's `w^{1−2ω}` against what is counted."""

import numpy as np
import xarray as xr
from scipy import stats

from ...theory._support.aliases import Fields
from .verdicts import AGREE, finite

__all__ = ["ends_of"]


def ends_of(curve: xr.Dataset) -> Fields:
    """`classes`, a row for each class guided to, whether they `agree` with T21, and the `sentence`."""
    columns = {key: curve[name] for key, name in _COLUMNS.items()}
    rows = [
        {"class": str(name)} | {key: finite(float(values[k])) for key, values in columns.items()}
        for k, name in enumerate(curve.condition.values)
    ]
    gap = (curve["ends"] - curve["ends_predicted"]).values
    z = np.abs(gap / curve["ends_se"].values)
    if not np.isfinite(z).any():
        why = "w^(1-2ω) is of guidance at all levels, away from all that the model knows"
        return {
            "classes": rows,
            "agree": None,
            "sentence": f"ends of guided runs: nothing to compare ({why})",
        }
    # the largest of all classes exceeds this as rarely as one alone exceeds AGREE
    limit = float(stats.norm.isf(stats.norm.sf(AGREE) / np.isfinite(z).sum()))
    worst = int(np.nanargmax(z))
    agree = bool(z[worst] <= limit)
    row = rows[worst]
    said = (
        f"furthest apart for {row['class']}: {row['ends']:.3f} ± {row['ends_se']:.2g} of {row['runs']:.0f} "
        f"runs, w^(1-2ω) = {row['predicted']:.3f}"
    )
    words = "agree with" if agree else "do not agree with"
    return {"classes": rows, "agree": agree, "sentence": f"ends of guided runs {words} T21; {said}"}


_COLUMNS = {"ends": "ends", "ends_se": "ends_se", "predicted": "ends_predicted", "runs": "ends_runs"}
