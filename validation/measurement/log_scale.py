"""The log-scale test: over many pairs of classes, `log σ` of the measured peak against the predicted."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["log_scale_test"]

Array = NDArray[np.float64]

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

    Raises `ValueError` for fewer than three pairs, a σ that is not a finite number > 0, or one σ for all.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (predicted, measured))
    if x.shape != y.shape or x.size < 3 or not ((x > 0) & (y > 0) & (x < np.inf) & (y < np.inf)).all():
        raise ValueError("predicted, measured: need one sigma > 0 for each of at least three pairs")
    x, y = np.log(x), np.log(y)
    if not np.ptp(x) > 0:
        raise ValueError("predicted: every pair is at the same sigma, so there is no slope")

    best, spread = _line(x, y), _spread(x, y, seed)
    residual = y - x
    found: dict[str, Any] = {"pairs": int(x.size)}
    for name, value, error in zip(
        ("slope", "intercept", "correlation", "residual"), best, spread, strict=True
    ):
        found |= {name: float(value), f"{name}_se": float(error)}
    return found | {
        "absolute_residual": float(np.median(np.abs(residual))),
        "residual_in_widths": float(np.median(np.abs(residual) / np.asarray(widths))),
    }


def _spread(x: Array, y: Array, seed: int) -> Array:
    """Standard errors of `_line` by bootstrap over the pairs; a resample of one pair alone has no slope."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # of an interval that is not asked for
        resampled: Any = stats.bootstrap(
            (x, y), _line, paired=True, vectorized=False, n_resamples=_RESAMPLES, method="percentile",
            rng=np.random.default_rng([seed, 0x109]),
        )  # fmt: skip
    return np.nanstd(resampled.bootstrap_distribution, axis=-1, ddof=1)


def _line(x: Array, y: Array) -> Array:
    """Slope, intercept, correlation and median residual; NaN of a resample of one pair alone."""
    from scipy import stats

    if not np.ptp(x) > 0:
        return np.full(4, np.nan)
    line: Any = stats.linregress(x, y)
    # exactly equal values have no correlation
    correlation = line.rvalue if np.ptp(y) > 0 else 0.0
    return np.array([line.slope, line.intercept, correlation, np.median(y - x)])
