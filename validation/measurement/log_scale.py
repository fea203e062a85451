"""The log-scale test: over many pairs of classes, `log σ` of the measured peak against the predicted."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["log_scale_test"]

_RESAMPLES = 2000


def log_scale_test(
    predicted: ArrayLike, measured: ArrayLike, widths: ArrayLike | float = 1.0, seed: int = 0
) -> dict[str, Any]:
    """Regress `log measured` on `log predicted`.

    Parameters
    ----------
    predicted, measured : array_like, shape (pairs,)
        σ of each pair's peak, per log σ or per unit OU time, but the same for both.
    widths : array_like
        Width of each pair's window in log σ.

    Returns
    -------
    dict
        `slope`, `intercept`, `correlation`, and `residual`, the median of `log(measured/predicted)`, each
        with `*_se` (bootstrap over the pairs); `absolute_residual`, the median of its absolute value, and
        `residual_in_widths`, the same in units of the windows' widths; `pairs`.

    Raises `ValueError` for fewer than three pairs, a σ ≤ 0, or one σ for all.
    """
    from sklearn.linear_model import LinearRegression

    x, y = (np.asarray(values, dtype=np.float64) for values in (predicted, measured))
    if x.shape != y.shape or x.size < 3 or not ((x > 0) & (y > 0)).all():
        raise ValueError("predicted, measured: need one sigma > 0 for each of at least three pairs")
    x, y = np.log(x), np.log(y)
    if not np.ptp(x) > 0:
        raise ValueError("predicted: every pair is at the same sigma, so there is no slope")

    def fit(rows: NDArray[Any]) -> tuple[float, ...]:
        line: Any = LinearRegression().fit(x[rows, None], y[rows])
        # exactly equal values have no correlation
        both = np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0
        correlation = float(np.corrcoef(x[rows], y[rows])[0, 1]) if both else 0.0
        return float(line.coef_[0]), float(line.intercept_), correlation, float(np.median(y[rows] - x[rows]))

    best = fit(np.arange(x.size))
    rng = np.random.default_rng([seed, 0x109])
    # a resample of one pair alone has no slope
    draws = [rows for rows in rng.integers(x.size, size=(_RESAMPLES, x.size)) if np.ptp(x[rows]) > 0]
    spread = np.std([fit(rows) for rows in draws], axis=0, ddof=1)
    residual = y - x
    found: dict[str, Any] = {"pairs": int(x.size)}
    for name, value, error in zip(
        ("slope", "intercept", "correlation", "residual"), best, spread, strict=True
    ):
        found |= {name: value, f"{name}_se": float(error)}
    return found | {
        "absolute_residual": float(np.median(np.abs(residual))),
        "residual_in_widths": float(np.median(np.abs(residual) / np.asarray(widths))),
    }
