"""The log-scale test: over many pairs of classes, `log σ` of the measured peak against the predicted.

The line allows for errors of both axes and for a scatter τ of the pairs about it that no error explains:

    y_i = a + b x_i,   W_i = 1/(e_y² + τ² + b² e_x²)
    b = Σ W β V / Σ W β U,   U = x − x̄_W,  V = y − ȳ_W,  β = W (U (e_y² + τ²) + b V e_x²)
    τ²: such that Σ W (y − a − b x)² is its expectation, pairs − 2; zero where the errors explain all

which is the orthogonal distance regression of errors that are known, and least squares where there are none.
Sources: D. York, N. Evensen, M. Martínez, J. De Basabe Delgado, Am. J. Phys. 72, 367 (2004); R. Paule,
J. Mandel, J. Res. Natl. Bur. Stand. 87, 377 (1982).
"""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped
from numpy.typing import ArrayLike, NDArray

from ...numerics._support.seeds import seed_of
from ...theory._support.aliases import Fields

__all__ = ["log_scale_test"]

Array = NDArray[np.float64]

_RESAMPLES = 2000
_FEWEST = 3  # pairs in a resample, as in a test
_ROUNDS = 100  # of York's iteration, which takes about five


def log_scale_test(
    predicted: ArrayLike,
    measured: ArrayLike,
    widths: ArrayLike | float = 1.0,
    seed: int = 0,
    *,
    predicted_error: ArrayLike | float = 0.0,
    measured_error: ArrayLike | float = 0.0,
    classes: ArrayLike | None = None,
) -> Fields:
    """Regress `log measured` on `log predicted`.

    Parameters
    ----------
    predicted, measured : array_like, shape (pairs,)
        σ of each pair's peak, per log σ or per unit OU time, but the same for both.
    widths : array_like
        Width of each pair's window in log σ.
    seed : int
        Of the bootstrap.
    predicted_error, measured_error : array_like
        Standard errors of the two logarithms. An error that is NaN, of an interval without an end, counts as
        the largest of the others.
    classes : array_like, shape (pairs, 2), optional
        The two classes of each pair. Pairs that share a class share its images and its fit, so classes are
        resampled where they are known, and pairs, as if they were independent, only where they are not.

    Returns
    -------
    dict
        `slope`, `intercept`, `correlation`, and `residual`, the median of `log(measured/predicted)`, each
        with `*_se` (bootstrap over the classes, or over the pairs); `absolute_residual`, the median of its
        absolute value, and `residual_in_widths`, the same in units of the windows' widths; `scatter`, τ in
        log σ; `pairs`.

    Raises
    ------
    ValueError
        Fewer than three pairs, a σ that is not a finite number > 0, or one σ for all.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (predicted, measured))
    if x.shape != y.shape or x.size < 3 or not ((x > 0) & (y > 0) & (x < np.inf) & (y < np.inf)).all():
        raise ValueError("predicted, measured: need one sigma > 0 for each of at least three pairs")
    x, y = np.log(x), np.log(y)
    if not np.ptp(x) > 0:
        raise ValueError("predicted: every pair is at the same sigma, so there is no slope")

    own = _variances("predicted_error", predicted_error, x)
    other = _variances("measured_error", measured_error, x)
    scatter = _scatter(x, y, own, other)
    other = other + scatter
    best = _line(x, y, own, other)
    if classes is None:
        spread = _spread(x, y, own, other, seed)
    else:
        spread = _spread_over_classes((x, y, own, other), np.asarray(classes), seed)
    residual = y - x
    found: Fields = {"pairs": int(x.size), "scatter": float(np.sqrt(scatter))}
    for name, value, error in zip(
        ("slope", "intercept", "correlation", "residual"), best, spread, strict=True
    ):
        found |= {name: float(value), f"{name}_se": float(error)}
    return found | {
        "absolute_residual": float(np.median(np.abs(residual))),
        "residual_in_widths": float(np.median(np.abs(residual) / np.asarray(widths))),
    }


def _variances(name: str, errors: ArrayLike | float, x: Float64[Array, " pairs"]) -> Float64[Array, " pairs"]:
    """Squares of standard errors, one a pair."""
    given = np.asarray(errors, dtype=np.float64)
    if given.shape not in ((), x.shape) or not (np.isnan(given) | ((given >= 0) & (given < np.inf))).all():
        raise ValueError(f"{name}: need one standard error >= 0 for each pair")
    known = given[np.isfinite(given)]
    return np.broadcast_to(np.nan_to_num(given, nan=known.max(initial=0.0)), x.shape) ** 2


def _scatter(
    x: Float64[Array, " pairs"],
    y: Float64[Array, " pairs"],
    own: Float64[Array, " pairs"],
    other: Float64[Array, " pairs"],
) -> float:
    """τ² of the pairs about the line beyond their errors."""
    from scipy import optimize

    def excess(scatter: float) -> float:
        variance = other + scatter
        slope, intercept = _york(x, y, own, variance)
        squares = (y - intercept - slope * x) ** 2 / (variance + slope**2 * own)
        return float(squares.sum()) - (x.size - 2)

    most = float(np.square(y - y.mean()).sum() + np.square(x - x.mean()).sum())
    least = 1e-18 * most  # for what has no error at all
    if most == 0 or excess(least) <= 0:
        return 0.0
    found: Any = optimize.brentq(excess, least, most, xtol=1e-15 * most)
    return float(found)


def _york(
    x: Float64[Array, " pairs"],
    y: Float64[Array, " pairs"],
    own: Float64[Array, " pairs"],
    other: Float64[Array, " pairs"],
) -> tuple[float, float]:
    """Slope and intercept for variances `own` of x and `other` of y; equal weights where all are zero."""
    if not (own + other).any():
        other = np.ones_like(x)
    slope = float(np.polyfit(x, y, 1)[0])  # `linregress` finds the same in ten times the time
    for _ in range(_ROUNDS):
        weight = 1 / np.maximum(other + slope**2 * own, 1e-300)
        middle = np.array([weight @ x, weight @ y]) / weight.sum()
        u, v = x - middle[0], y - middle[1]
        beta = weight * weight * (u * other + slope * v * own)
        before, slope = slope, float(beta @ v / (beta @ u))
        if abs(slope - before) <= 1e-13 * max(1.0, abs(slope)):
            break
    weight = 1 / np.maximum(other + slope**2 * own, 1e-300)
    return slope, float(weight @ (y - slope * x) / weight.sum())


def _spread(
    x: Float64[Array, " pairs"],
    y: Float64[Array, " pairs"],
    own: Float64[Array, " pairs"],
    other: Float64[Array, " pairs"],
    seed: int,
) -> Float64[Array, "4"]:
    """Standard errors of `_line` by bootstrap over the pairs; a resample of one pair alone has no slope."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # of an interval that is not asked for
        resampled: object = stats.bootstrap(
            (x, y, own, other), _line, paired=True, vectorized=False, n_resamples=_RESAMPLES,
            method="percentile", rng=np.random.default_rng([seed_of(seed, "seed"), 0x109]),
        )  # fmt: skip
    return np.nanstd(resampled.bootstrap_distribution, axis=-1, ddof=1)


def _spread_over_classes(
    columns: tuple[Float64[Array, " pairs"], ...], classes: Shaped[NDArray[np.generic], "..."], seed: int
) -> Float64[Array, "4"]:
    """Standard errors of `_line` by bootstrap over classes: a pair counts as often as both are drawn."""
    if classes.shape != (columns[0].size, 2):
        raise ValueError(f"classes: need two for each pair, not an array of shape {classes.shape}")
    names, index = np.unique(classes, return_inverse=True)
    own = index.reshape(classes.shape)
    rng, found = np.random.default_rng([seed_of(seed, "seed"), 0x109]), list[Array]()
    for counts in rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=_RESAMPLES):
        drawn = np.repeat(np.arange(len(own)), counts[own[:, 0]] * counts[own[:, 1]])
        if drawn.size >= _FEWEST:
            found.append(_line(*(column[drawn] for column in columns)))
    return np.nanstd(found, axis=0, ddof=1)


def _line(
    x: Float64[Array, " pairs"],
    y: Float64[Array, " pairs"],
    own: Float64[Array, " pairs"],
    other: Float64[Array, " pairs"],
) -> Float64[Array, "4"]:
    """Slope, intercept, correlation and median residual; NaN of a resample of one pair alone."""
    if not np.ptp(x) > 0:
        return np.full(4, np.nan)
    slope, intercept = _york(x, y, own, other)
    # exactly equal values have no correlation
    correlation = np.corrcoef(x, y)[0, 1] if np.ptp(y) > 0 else 0.0
    return np.array([slope, intercept, correlation, np.median(y - x)])
