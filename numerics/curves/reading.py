"""Reading numbers off a curve: where its slope is highest, and where its values pass a level.

Curves without noise, or next to none, are interpolated: the slope by a quintic spline (without slopes the
values are, and differentiated), the values by cubics with these slopes. The interval is twice the
difference from what a cubic spline, and the two halves of the grid, every second level, give alone. It
reaches over every gap in which the slope may be higher than at any level (`rivals`): of two windows the
levels can show the lower one. Where fewer than three levels reach half of the highest slope there is no peak.

Of sampled curves a peak is that of a cubic in log σ through the levels around the highest that reach 60 % of
it; per unit OU time, among those whose slope is four standard errors above zero. The interval is from
resampled curves (of the covariance between levels, where it is known), and wider by what a polynomial of
degree five puts elsewhere and by twice the error of the grid: what a smooth curve through the levels loses,
and what half of them give, beyond what noise explains.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray
from scipy import interpolate as _interpolate
from scipy.special import stdtrit

from ...theory._support.values import ByContent
from .rivals import NARROWEST, contenders

__all__ = [
    "HALFWAY",
    "Levels",
    "Reading",
    "crossings_of",
    "is_sampled",
    "of_exact",
    "of_sampled",
    "slope_error_of",
    "slope_of",
    "slopes_of",
]

Array: TypeAlias = NDArray[np.float64]
Kept: TypeAlias = NDArray[np.bool_]
Reading: TypeAlias = tuple[Array, Array, Array]
"""Both peaks' log σ, the median's, and the window's width, shape (4,): the best values, and a 95 % interval.

Infinite where it lies beyond the lowest or highest level, NaN where it cannot be told.
"""

interpolate: Any = _interpolate

HALFWAY = 3
"""Levels that must reach half of the highest slope."""
RESAMPLES = 100
"""Curves that each kind of noise is resampled for."""
_SMALL_NOISE = 1e-3  # relative to the highest slope: below it a curve is interpolated
_NEAR, _FEWEST = 0.6, 6  # of the polynomial through the levels around a peak
_ENOUGH = 39  # resampled curves, of which the least and the greatest are quantiles of 2.5 %
_SAFETY = 2.0  # on differences of interpolants, which can be small by chance
_FINE = 201  # of the grid that a polynomial's top is looked for on
_SIGNIFICANT = 4.0  # standard errors of a slope at which a peak may be
_REACH = 0.4  # in log σ, to each side, of the polynomials that differentiate a sampled entropy
_WIDE = 0.25  # spacing in log σ from which those polynomials are of degree four
_CORRELATED = 0.5  # length in log σ of errors that levels share, where it is not known


@dataclass(frozen=True, eq=False)
class Levels(ByContent):
    """A curve over ascending log σ with its standard errors; `slope` is dH/d log σ, where it is known.

    The window is where the entropy passes shares of `whole`. `shared` are factors of the errors that levels
    share (`covariance.shared_noise`), of the entropy and, where it is known, of the slope.
    """

    x: Array
    entropy: Array
    slope: Array | None
    entropy_error: Array
    slope_error: Array
    whole: float
    shared: tuple[Array, ...] | None = None
    doubt: float = 0.0
    """How far `whole` may be off, where it is read off the highest levels; 0 where H(C) is known."""


def slopes_of(
    log_sigma: Float64[Array, " levels"], entropies: Float64[Array, "*rows levels"], order: int = 2
) -> Float64[Array, "*rows levels"]:
    """dH/d log σ of sampled entropies (…, levels), by least-squares polynomials of this degree.

    They go through the levels within 0.4 of each, and at least two to each side. Where levels are farther
    apart than a quarter those of degree two would flatten a peak: they are of degree four.
    """
    return entropies @ _slope_matrix(log_sigma, 4 if _coarse(log_sigma) else order).T


def _coarse(x: Float64[Array, " levels"]) -> bool:
    return float(np.median(np.diff(x))) > _WIDE


def _slope_matrix(x: Float64[Array, " levels"], order: int) -> Float64[Array, "levels levels"]:
    """D with `D @ values` the slopes at x; the spacing may vary."""
    n = x.size
    reach = max(2, round(_REACH / float(np.median(np.diff(x)))))
    matrix = np.zeros((n, n))
    for i in range(n):
        first = min(max(0, i - reach), max(0, n - 2 * reach - 1))
        near = slice(first, min(n, first + 2 * reach + 1))
        powers = np.vander(x[near] - x[i], min(order, x[near].size - 1) + 1, increasing=True)
        matrix[i, near] = np.linalg.pinv(powers)[1]
    return matrix


def _spline_slopes(
    x: Float64[Array, " levels"], values: Float64[Array, "*rows levels"], degree: int = 5
) -> Float64[Array, "*rows levels"]:
    """dH/d log σ of the spline through values (…, levels)."""
    return interpolate.make_interp_spline(x, values, k=_degree(x, degree), axis=-1).derivative()(x)


def _degree(x: Float64[Array, " levels"], degree: int = 5) -> int:
    return degree if x.size > degree else 3


def slope_of(data: Levels) -> Float64[Array, " levels"]:
    """dH/d log σ at the levels: as given, of a spline through exact entropies, or of polynomials."""
    if data.slope is not None:
        return data.slope
    return (
        slopes_of(data.x, data.entropy) if data.entropy_error.any() else _spline_slopes(data.x, data.entropy)
    )


def slope_error_of(data: Levels) -> Float64[Array, " levels"]:
    """Standard errors of `slope_of`; of a derived one, without a covariance, the larger of two kinds."""
    if data.slope is not None:
        return data.slope_error
    matrix = _slope_matrix(data.x, 4 if _coarse(data.x) else 2)
    if data.shared is not None:
        return np.sqrt(np.square(matrix @ (data.entropy_error[:, None] * data.shared[0])).sum(axis=1))
    independent = np.sqrt(matrix**2 @ data.entropy_error**2)
    return np.maximum(independent, data.entropy_error / _CORRELATED)


def is_sampled(data: Levels) -> bool:
    """Whether a curve has more noise than interpolation bears: a thousandth of the highest slope."""
    spacing = float(np.median(np.diff(data.x)))
    errors = data.entropy_error / spacing if data.slope is None else data.slope_error
    return float(errors.max()) >= _SMALL_NOISE * float(slope_of(data).max())


def crossings_of(data: Levels, whole: float) -> tuple[float, float]:
    """Where half of `whole` is left, in log σ, and the distance from a quarter to three quarters."""
    return _crossings(data.x, data.entropy, slope_of(data), whole)


def of_exact(data: Levels, seed: int) -> Reading:
    """By interpolation, with what half the grid gives alone, and with noise if there is a little."""
    best = _interpolated(data)
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(_interpolated(data, 1, 3) - best), nan=0.0, posinf=0.0)
    for start in (0, 1):
        half = slice(start, None, 2)
        slope = None if data.slope is None else data.slope[half]
        part = replace(data, x=data.x[half], entropy=data.entropy[half], slope=slope)
        gap = np.full(4, np.nan)
        if part.x.size >= 4:
            with np.errstate(invalid="ignore"):
                gap = np.abs(_interpolated(part, 1) - best)
        error = np.maximum(error, gap)
    low = high = best
    if data.entropy_error.any() or data.slope_error.any():
        curves = zip(*_noisy(data, seed, RESAMPLES), strict=True)
        exact = data.slope is not None
        rows = [_interpolated(replace(data, entropy=h, slope=y if exact else None)) for h, y in curves]
        low, high = (np.quantile(rows, q, axis=0, method="inverted_cdf") for q in (0.025, 0.975))
    # nothing lies farther off than its neighbours, and what is exact to rounding is known to a billionth
    error = np.fmin(np.where(np.isfinite(error), _SAFETY * error, np.nan), _limits(data.x, best))
    error = np.maximum(error, _unknown(data, best))
    low, high = np.fmin(low, best) - error, np.fmax(high, best) + error
    for index, per_time in enumerate((False, True)):
        if np.isfinite(best[index]):
            ends = contenders(data.x, data.entropy, data.slope, per_time, float(best[index]))
            low[index], high[index] = min(low[index], ends[0]), max(high[index], ends[1])
    return best, low, high


def _unknown(data: Levels, best: Float64[Array, " places"]) -> Float64[Array, " places"]:
    """The least that an error may be: rounding, and where a step could hold a window, all of it.

    With slopes a step could hide one from about twice its width on.
    """
    least, farthest = np.full(4, 1e-9), _limits(data.x, best)
    step = float(np.diff(data.x).max())
    if step > NARROWEST:
        least[3] = farthest[3]
    if step > NARROWEST * (1 if data.slope is None else 2):
        least[2] = farthest[2]
    return least


def _limits(x: Float64[Array, " levels"], best: Float64[Array, " places"]) -> Float64[Array, " places"]:
    """How far an error can reach: a level and a half for a peak, one for a median, two for a width."""
    at = np.clip(np.searchsorted(x, np.where(np.isfinite(best), best, x[0])), 1, x.size - 1)
    steps = [float(np.diff(x[max(0, i - 2) : i + 2]).max()) for i in at]
    return np.array([1.5, 1.5, 1.0, 2.0]) * [*steps[:3], steps[2]]


def _interpolated(data: Levels, fewest: int = HALFWAY, degree: int = 5) -> Float64[Array, " places"]:
    """Both peaks' and the median's log σ, and the width; infinite beyond the ends, NaN if too coarse."""
    x, slope = data.x, data.slope
    per_time = slope
    if slope is None:
        slope, rough = (_spline_slopes(x, data.entropy, k) for k in (degree, 8 - degree))
        # far below the window a spline's ringing is not a rate, and 1/σ² makes it large
        per_time = np.where(slope > _SIGNIFICANT * np.abs(slope - rough), slope, 0.0)
    peaks = [_top(x, y, fewest, degree) for y in (slope, per_time * (1 + np.exp(-2 * x)))]
    return np.array([*peaks, *_crossings(x, data.entropy, slope, data.whole)])


def _top(x: Float64[Array, " levels"], y: Float64[Array, " levels"], fewest: int, degree: int) -> float:
    """Place of the highest y by a spline."""
    best = int(np.argmax(y))
    if best in (0, y.size - 1):
        return -np.inf if best == 0 else np.inf
    below = np.flatnonzero(y < y[best] / 2)
    if int(below[below > best].min(initial=y.size)) - int(below[below < best].max(initial=-1)) - 1 < fewest:
        return np.nan
    spline = interpolate.make_interp_spline(x, y, k=_degree(x, degree))
    fine = np.linspace(x[best - 1], x[best + 1], 401)
    return _parabola(fine, spline(fine))


def _parabola(x: Float64[Array, " levels"], y: Float64[Array, " levels"]) -> float:
    """Place of the largest y, by a parabola through it and its neighbours."""
    best = int(np.argmax(y))
    if best in (0, y.size - 1):
        return float(x[best])
    (a, b, c), (left, right) = y[best - 1 : best + 2], (x[best] - x[best - 1], x[best + 1] - x[best])
    falls = (b - a) / left, (c - b) / right
    bend = falls[0] - falls[1]
    if not bend > 0:
        return float(x[best])
    return float(x[best] + (falls[0] * right + falls[1] * left) / (2 * bend))


def _crossings(
    x: Float64[Array, " levels"],
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    whole: float,
) -> tuple[float, float]:
    """Where half of `whole` is left, and the distance from a quarter to three quarters."""
    quarter, half, most = (_crossing(x, entropy, slope, whole * share) for share in (0.25, 0.5, 0.75))
    with np.errstate(invalid="ignore"):
        return half, float(np.subtract(most, quarter))


def _crossing(
    x: Float64[Array, " levels"],
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    level: float,
) -> float:
    """Where the entropy rises through `level`; with noise, the middle of the first and the last."""
    rises = np.flatnonzero((entropy[:-1] < level) & (entropy[1:] >= level))
    if rises.size == 0:
        return -np.inf if entropy[0] >= level else np.inf
    first, last = (_within(x, entropy, slope, int(i), level) for i in rises[[0, -1]])
    return (first + last) / 2


def _within(
    x: Float64[Array, " levels"],
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    i: int,
    level: float,
) -> float:
    """Where the cubic with these ends and slopes is at `level`, by bisection."""
    step, (start, end) = float(x[i + 1] - x[i]), (float(entropy[i]), float(entropy[i + 1]))
    # slopes beyond three times the chord's would make the cubic turn
    chord = end - start
    first, last = (min(max(float(s) * step, 0.0), 3 * chord) for s in slope[i : i + 2])
    low, high = 0.0, 1.0
    for _ in range(30):
        u = (low + high) / 2
        value = start + u * (first + u * (3 * chord - 2 * first - last + u * (first + last - 2 * chord)))
        low, high = (u, high) if value < level else (low, u)
    return float(x[i]) + step * (low + high) / 2


def of_sampled(data: Levels, resampled: tuple[Array, Array] | None, seed: int) -> Reading:
    """By polynomials through what is near, with the interval of resampled curves (`places`)."""
    slope = slope_of(data)
    keep = slope > _SIGNIFICANT * slope_error_of(data)
    usual = _smoothed(data, data.entropy, slope, keep, 3)
    finer = _smoothed(data, data.entropy, _finer(data, data.entropy, slope), keep, 5)
    if resampled is not None:
        kinds = [resampled]
    elif data.shared is not None:
        kinds = [_noisy(data, seed, 2 * RESAMPLES)]
    else:
        kinds = [_noisy(data, seed, RESAMPLES, length) for length in (0, _CORRELATED)]
    low, high, spread = usual, usual, np.zeros(4)
    for entropies, slopes in kinds:
        rows = [_smoothed(data, h, y, keep, 3, True) for h, y in zip(entropies, slopes, strict=True)]
        low, high = _widened(low, rows, 0.025, np.fmin), _widened(high, rows, 0.975, np.fmax)
        few = slice(None, None, 4)
        better = zip(entropies[few], _finer(data, entropies[few], slopes[few]), strict=True)
        others = [_smoothed(data, h, y, keep, 5, True) for h, y in better]
        spread = np.maximum(spread, _finite(np.array(others), np.array(rows[few])).std(axis=0))
    bias = np.sqrt(np.maximum(0.0, _finite(finer, usual) ** 2 - spread**2))
    bias = np.maximum(bias, _grid_error(data, usual, keep, kinds))
    return usual, low - bias, high + bias


def _grid_error(
    data: Levels,
    usual: Float64[Array, " places"],
    keep: Bool[Kept, " levels"],
    kinds: list[tuple[Array, Array]],
) -> Float64[Array, " places"]:
    """What the levels, and the smoothing of what they show, leave open: at most a level or two.

    A smooth curve through the levels is read at the levels as the data are, and its own peaks and crossings
    are known; and both halves of the grid are read by themselves, beyond what noise explains.
    """
    own = _bias_of(data, data.entropy, slope_of(data), keep)
    if data.slope is not None:
        splines = [_interpolated(data, 1, degree) for degree in (5, 3)]
        own = np.maximum(own, np.abs([_finite(found, usual) for found in splines]).max(axis=0))
    for half in (slice(0, None, 2), slice(1, None, 2)):
        gap = _finite(_of_half(data, data.entropy, data.slope, keep, half), usual)
        rows: list[Array] = []
        for entropies, slopes in kinds:
            for h, y in zip(entropies[::8], slopes[::8], strict=True):
                whole = _smoothed(data, h, y, keep, 3, True)
                rows.append(_finite(_of_half(data, h, None if data.slope is None else y, keep, half), whole))
        own = np.maximum(own, np.sqrt(np.maximum(0.0, gap**2 - np.var(rows, axis=0))))
    farthest = _limits(data.x, usual)
    if float(np.diff(data.x).max()) > NARROWEST:
        own[:2] = np.inf
    return np.fmin(_SAFETY * own, farthest)


def _of_half(
    data: Levels,
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"] | None,
    keep: Bool[Kept, " levels"],
    half: slice,
) -> Float64[Array, " places"]:
    """As `_smoothed`, of every second level alone."""
    part = replace(data, x=data.x[half], entropy=entropy[half], slope=None if slope is None else slope[half])
    if part.x.size < 4:
        return np.full(4, np.nan)
    found = slopes_of(part.x, part.entropy) if part.slope is None else part.slope
    return _smoothed(part, part.entropy, found, keep[half], 3, True)


def _bias_of(
    data: Levels,
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    keep: Bool[Kept, " levels"],
) -> Float64[Array, " places"]:
    """How far the reading of a smooth curve, much like this one, is from what that curve has."""
    x = data.x
    shape = interpolate.make_interp_spline(x, _finer(data, entropy, slope), k=_degree(x))
    whole = shape.antiderivative()
    fine = np.linspace(x[0], x[-1], 20 * x.size)
    start = float(entropy[0])
    values = start + whole(x) - float(whole(x[0]))
    read = _smoothed(
        data, values, shape(x) if data.slope is not None else slopes_of(x, values), keep, 3, True
    )
    dense = replace(data, x=fine, entropy=start + whole(fine) - float(whole(x[0])), slope=shape(fine))
    kept = np.interp(fine, x, keep.astype(np.float64)) > 0
    y = [shape(fine), np.where(kept, shape(fine) * (1 + np.exp(-2 * fine)), 0.0)]
    tops = [float(fine[np.argmax(each)]) for each in y]
    true = np.array([*tops, *_crossings(fine, dense.entropy, shape(fine), data.whole)])
    return np.abs(_finite(read, true))


def _finite(
    values: Float64[Array, "*rows places"], others: Float64[Array, "*rows places"]
) -> Float64[Array, "*rows places"]:
    """Differences, zero where one of the two has no place."""
    both = np.isfinite(values) & np.isfinite(others)
    return np.subtract(values, others, out=np.zeros(values.shape), where=both)


def _widened(
    so_far: Float64[Array, " places"], rows: list[Array], share: float, wider: Callable[..., Array]
) -> Float64[Array, " places"]:
    """Interval ends with the quantile of these rows, of which those without a place may have it anywhere."""
    known = np.where(np.isnan(rows), -np.inf if share < 0.5 else np.inf, rows)
    if len(rows) >= _ENOUGH:
        return wider(so_far, np.quantile(known, share, axis=0, method="inverted_cdf"))
    # the extremes of n hold one more with probability (n − 1)/(n + 1) only
    unit = stdtrit(len(rows) - 1, share) * np.sqrt(1 + 1 / len(rows))
    placed = np.isfinite(known).all(axis=0)
    held = np.where(placed, known, 0.0)
    ends = held.mean(axis=0) + unit * held.std(axis=0, ddof=1)
    return wider(so_far, np.where(placed, ends, known.min(axis=0) if share < 0.5 else known.max(axis=0)))


def _finer(
    data: Levels, entropies: Float64[Array, "*rows levels"], slopes: Float64[Array, "*rows levels"]
) -> Float64[Array, "*rows levels"]:
    """Slopes of higher order, where they are not given: of degree four, or on a coarse grid of a spline."""
    if data.slope is not None:
        return slopes
    return _spline_slopes(data.x, entropies) if _coarse(data.x) else slopes_of(data.x, entropies, 4)


def _smoothed(
    data: Levels,
    entropy: Float64[Array, " levels"],
    slope: Float64[Array, " levels"],
    keep: Bool[Kept, " levels"],
    degree: int,
    rough: bool = False,
) -> Float64[Array, " places"]:
    """As `_interpolated`, with a polynomial around each peak; of degree five, medians with chords' slopes."""
    x = data.x
    # 1/σ² makes much of noise at small σ: only a rate that is none counts there
    per_time = np.where(keep, slope * (1 + np.exp(-2 * x)), 0.0)
    peaks = [_summit(x, y, degree, rough) for y in (slope, per_time)]
    ends = slope if degree == 3 else np.gradient(entropy, x)
    return np.array([*peaks, *_crossings(x, entropy, ends, data.whole)])


def _summit(x: Float64[Array, " levels"], y: Float64[Array, " levels"], degree: int, rough: bool) -> float:
    """Place of the largest y by a polynomial through all that is near it; infinite at the ends.

    A level alone among zeros is none, or `rough` where a resampled curve has it.
    """
    best = int(np.argmax(y))
    if not y[best] > 0:
        return np.nan
    below = np.flatnonzero(y < _NEAR * y[best])
    first = int(below[below < best].max(initial=-1)) + 1
    last = int(below[below > best].min(initial=y.size))
    if best in (0, y.size - 1):
        return -np.inf if best == 0 else np.inf
    if not min(y[best - 1], y[best + 1]) > 0:
        return float(x[best]) if rough else np.nan
    if last - first < max(_FEWEST, degree + 2):
        return _through_few(x, y, best, degree, last - first)
    fine = np.linspace(x[first], x[last - 1], _FINE)
    top = _fit(x[first:last].tobytes(), degree) @ y[first:last]
    place = int(np.argmax(top))
    if (place == 0 and first == 0) or (place == _FINE - 1 and last == y.size):
        return -np.inf if place == 0 else np.inf
    return _parabola(fine, top)


@lru_cache(maxsize=4096)
def _fit(levels: bytes, degree: int) -> Array:
    """From values at these levels to those of their least-squares polynomial on a fine grid."""
    x = np.frombuffer(levels)
    u = (2 * x - x[0] - x[-1]) / (x[-1] - x[0])
    fine = np.vander(np.linspace(-1, 1, _FINE), degree + 1)
    return fine @ np.linalg.pinv(np.vander(u, degree + 1))


def _through_few(
    x: Float64[Array, " levels"], y: Float64[Array, " levels"], best: int, degree: int, near: int
) -> float:
    """Where levels are few: by a parabola through three of them; of degree five, a quartic through five."""
    if near < 2 or (y > y[best] / 2).sum() < HALFWAY:
        return np.nan
    if degree == 3:
        return _parabola(x, y)
    five = slice(max(0, best - 2), best + 3)
    u = x[five] - x[best]
    found = np.polynomial.polynomial.polyfit(u, y[five], u.size - 1)
    fine = np.linspace(x[best - 1] - x[best], x[best + 1] - x[best], 401)
    return float(x[best] + _parabola(fine, np.polynomial.polynomial.polyval(fine, found)))


def _noisy(
    data: Levels, seed: int, count: int, length: float = 0.0
) -> tuple[Float64[Array, "rows levels"], Float64[Array, "rows levels"]]:
    """Curves and slopes with noise of their covariance; without, correlated over `length` in log σ."""
    rng = np.random.default_rng([seed, 0xC0])
    common = None if data.shared is None else rng.standard_normal((count, data.shared[0].shape[1]))

    def noise(of: int = 0) -> Array:
        if common is not None and data.shared is not None:
            return common @ data.shared[of].T
        if length == 0:
            return rng.standard_normal((count, data.x.size))
        waves = rng.standard_normal((count, 48)) / length
        phases = rng.uniform(0, 2 * np.pi, (count, 48))
        at = (np.cos(waves[:, k, None] * data.x + phases[:, k, None]) for k in range(48))
        return np.sqrt(2 / 48) * sum(at, np.zeros((count, data.x.size)))

    entropies = data.entropy + data.entropy_error * noise()
    if data.slope is None:
        found = slopes_of if data.entropy_error.any() else _spline_slopes
        return entropies, found(data.x, entropies)
    return entropies, data.slope + data.slope_error * noise(1)
