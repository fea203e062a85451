"""The class-conditional entropy along the noise scale, as an `xarray.Dataset`.

entropy    H(C|X) at each σ, nats
rate       dH/dt per unit OU time; dH/d log σ = rate · σ²/(1 + σ²)
agreement  φ = E Σ_k p_k², the probability that two clones agree

and, without a dimension, `class_entropy` and where the class is decided, read off these (`places`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, Unpack, get_args

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from ...theory._support.aliases import Fields, Tree
from ...theory._support.choices import one_of
from ...theory._support.error_settings import usual_errors
from ...theory._support.options import given, showing
from ...theory._support.whole_numbers import whole_number
from ...theory.closed_forms.dispatch import ExactCurves, exact_curves
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.mixtures.partition import checked_partition
from .._support.seeds import Key, seed_of
from ..monte_carlo.meeting import HOW, PAIRWISE_LIMIT
from .covariance import covariance_variables, kept_levels
from .dataset import checked_sigmas, entropy_of, labelled, with_effective_draws
from .places import with_places

if TYPE_CHECKING:
    from ..monte_carlo.kernel import Kernel
    from ..monte_carlo.meeting import Search
    from ..monte_carlo.strides import Estimate, Progress

__all__ = [
    "METHODS",
    "PAIRWISE_LIMIT",
    "POINTS",
    "CurveMethod",
    "Dtype",
    "Points",
    "bare_curves",
    "chosen",
    "entropy_curve",
    "exact_at",
    "groups_of",
    "in_nats",
    "prepared",
    "work_of",
]

Array = NDArray[np.float64]
Partition = Mapping[str, Sequence[str]]

CurveMethod: TypeAlias = Literal["auto", "exact", "reduced", "ambient"]
Points: TypeAlias = Literal["random", "sobol"]
Dtype: TypeAlias = Literal["float32", "float64"]
METHODS: tuple[CurveMethod, ...] = get_args(CurveMethod)
"""Ways to compute a curve."""
POINTS: tuple[Points, ...] = get_args(Points)
"""Points that a curve is sampled at."""
_NEGLIGIBLE = 100  # largest draws, in whose sum one more does not count


@dataclass(frozen=True)
class _Curves:
    """Values and standard errors in the order entropy, rate, agreement, shape (3, levels)."""

    values: Array
    errors: Array
    attributes: Fields
    effective: Array | None = None
    """Draws that carry the entropy at each level (`effective_draws`), of what was drawn."""
    shared: Fields = field(default_factory=dict)


class DrawOptions(TypedDict, total=False):
    """Keywords of `entropy_curve` that say how it draws; defaults and meanings are those of `Draws`."""

    samples: int
    key: Key
    tolerance: float | None
    dtype: Dtype | None
    points: Points
    resume: str | Path | None
    progress: "Progress | None"
    checkpoint: str | Path | None


@dataclass(frozen=True)
class Draws:
    """How many draws, of which key, until when, in which precision, and what becomes of an interrupted run.

    Raises
    ------
    ValueError
        For values that are wrong for every method; an exact curve, which ignores them, refuses them too.
    """

    samples: int = 100_000
    key: Key = 0
    tolerance: float | None = None
    dtype: Dtype | None = None
    points: Points = "random"
    resume: str | Path | None = None
    progress: "Progress | None" = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", whole_number(self.samples, "samples"))
        if self.tolerance is not None and not self.tolerance > 0:
            raise ValueError(f"tolerance: must be > 0, not {self.tolerance}")
        if self.dtype is not None:  # or NumPy's, by its name
            name = str(self.dtype) if isinstance(self.dtype, np.dtype) else self.dtype
            object.__setattr__(self, "dtype", one_of(name, "dtype", get_args(Dtype)))
        one_of(self.points, "points", POINTS)

    def check(self, mixture: GaussianMixture, method: CurveMethod) -> None:
        """Refuse quasi-random points where there are none."""
        if self.points != "sobol":
            return
        if mixture.classes > PAIRWISE_LIMIT:
            raise ValueError(f"points: sobol is possible for at most {PAIRWISE_LIMIT} classes")
        if method != "reduced" or self.tolerance is not None or self.resume is not None:
            raise ValueError("points: sobol needs method reduced, and no tolerance or file to resume")


@usual_errors
@showing(Draws)
def entropy_curve(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    *,
    method: CurveMethod = "auto",
    partition: Partition | None = None,
    **options: Unpack[DrawOptions],
) -> xr.Dataset:
    """Entropy, entropy rate and clone agreement of a mixture at each noise level.

    Parameters
    ----------
    mixture : GaussianMixture
    sigmas : array_like, shape (levels,)
        Noise-to-signal ratios σ > 0, in any order; the dataset keeps it.
    samples : int
        Monte-Carlo draws, rounded up to whole strides of antithetic pairs.
    key : int or JAX key
        Seed from 0 to 2⁶⁴ − 1, or a key of `jax.random`, of which `key(seed)` draws what `seed` does; the
        same key gives the same numbers whatever the number of devices.
    method : {"auto", "exact", "reduced", "ambient"}
        `exact` evaluates closed forms: T2–T4 for two classes with a shared covariance, T13 for equally
        distant classes, T15 for independent choices of them, T16 for two classes with one mean.
        `reduced` draws noise in
        the span of the mean differences, for any number of classes with a shared covariance, at a
        cost independent of the dimension. Beyond 256 classes both take antithetic draws of the mixture
        alone, at a cost linear in their number, and `reduced` saves dimensions for isotropic ones only.
        `ambient` draws in all dimensions, for any mixture. Up to 256 classes half of the draws are taken
        where pairs of classes, in different groups of a partition, meet.
        `auto` takes the first of these that applies; the dataset's attributes say which and why.
    partition : mapping from group names to class names, optional
        Measure the group instead of the class. It must hold every class once.
    tolerance : float, optional
        Keep sampling until every `*_se` of the levels, each in its curve's unit, is at most this;
        refused where rounding alone exceeds it.
    dtype : {"float32", "float64"}, optional
        Precision of the draws: `float32` for `ambient` of a shared covariance, unless given or
        parameters are too large for it, and `float64` for all else.
    points : {"random", "sobol"}
        For `reduced`: independent draws, or randomised quasi-Monte Carlo, whose errors fall faster;
        its standard errors come from independent scramblings.
    resume : path, optional
        File that keeps the finished draws, written every few seconds and when interrupted. The
        same call goes on from it to the same bits; with a larger `samples` it adds to it. `checkpoint` is
        taken too.
    progress : callable, optional
        Called with the number of draws done and the number aimed at.

    Returns
    -------
    xarray.Dataset
        Dimension `sigma` with coordinates `sigma` and `ou_time`; variables `entropy`, `rate`
        and `agreement`, each with its standard error `*_se` (zero for exact values); where they are
        drawn, `effective_draws`, how many equal draws would give the entropy the same relative error: of
        less than 100 a level is not resolved, and its errors allow for a draw that was not met; without a
        dimension `class_entropy` H(C), `peak_per_log_sigma`, `peak_per_ou_time`, `median_sigma` and
        `window_width` (`places`), each with the ends `*_low` and `*_high` of a 95 % interval, NaN
        where the levels do not show it; attributes `method`, `reason`, `classes`, and for Monte
        Carlo `samples`, `key` and `dtype`.

    Raises
    ------
    ValueError
        Levels that are not finite and above 0, a partition that does not hold every class once, a number of
        draws that is not a whole number above 0, or a method that the mixture does not admit.

    References
    ----------
    T2–T4, T17.
    """
    sigma, draws = checked_sigmas(sigmas), given(Draws, options, {"checkpoint": "resume"})
    seed = seed_of(draws.key)
    mixture.check_levels(sigma)
    groups = groups_of(mixture, partition)
    # looking for a closed form takes a while for many classes
    exact = exact_at(mixture, sigma, method, partition)
    method, reason = chosen(mixture, method, exact)
    draws.check(mixture, method)
    if method == "exact" and exact is not None:
        curves = _exactly(exact, sigma)
    else:
        curves = _sampled(mixture, sigma, method, groups, replace(draws, key=seed))
    named = zip(("entropy", "rate", "agreement"), curves.values, curves.errors, strict=True)
    values = {name: (value, error) for name, value, error in named}
    dataset = labelled(sigma, values, {"method": method, "reason": reason} | curves.attributes)
    if curves.effective is not None:
        dataset = with_effective_draws(dataset, curves.effective)
    dataset = dataset.assign(curves.shared)
    dataset.attrs["classes"] = mixture.classes if groups is None else len(groups)
    return with_places(dataset, class_entropy=_whole(mixture, groups), seed=seed)


def bare_curves(
    mixture: GaussianMixture, sigma: Float64[Array, " levels"], samples: int, seed: int
) -> tuple[Float64[Array, "2 levels"], Float64[Array, "2 levels"], Fields]:
    """Entropy and rate (2, levels) with their standard errors, and attributes: no place is read off them."""
    exact = exact_at(mixture, sigma, "auto")
    method, reason = chosen(mixture, "auto", exact)
    if exact is not None:
        found = _exactly(exact, sigma)
    else:
        found = _sampled(mixture, sigma, method, None, Draws(samples, seed))
    return found.values[:2], found.errors[:2], {"method": method, "reason": reason} | found.attributes


def exact_at(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    method: CurveMethod,
    partition: Partition | None = None,
) -> ExactCurves | None:
    """The exact curves, where `method` allows them and rounding does at every σ."""
    exact = exact_curves(mixture, partition) if method in ("auto", "exact") else None
    reached = None if exact is None else exact.reaching(sigma)
    if method == "exact" and exact is not None and reached is None:
        raise ValueError(
            f"sigmas: below {exact.lowest:g} rounding would dominate the difference of low-rank "
            "covariances; raise them, or use method ambient"
        )
    return reached


def _exactly(exact: ExactCurves, sigma: Float64[Array, " levels"]) -> _Curves:
    values = exact.evaluate(sigma)
    return _Curves(values, np.zeros_like(values), {})


def _whole(mixture: GaussianMixture, groups: Float64[Array, "G K"] | None) -> float:
    """H of the class, or of the group."""
    return mixture.class_entropy if groups is None else entropy_of(groups @ mixture.weights)


def chosen(
    mixture: GaussianMixture, method: CurveMethod, exact: ExactCurves | None
) -> tuple[CurveMethod, str]:
    """The method and why, refusing one that the mixture does not admit."""
    method = one_of(method, "method", METHODS)
    shared = mixture.shared_covariance is not None
    admitted = {"ambient": "draws in all dimensions, nothing assumed"}
    if shared and mixture.classes > 1:
        admitted["reduced"] = "a shared covariance: noise in the span of the mean differences"
    if exact is not None:
        admitted["exact"] = exact.reason
    if method == "auto":
        method = next(name for name in ("exact", "reduced", "ambient") if name in admitted)
    if method not in admitted:
        needs = "a closed form" if method == "exact" else "a shared covariance"
        has = f"{mixture.classes} classes, covariance {'shared' if shared else 'not shared'}"
        raise ValueError(f"mixture: method {method!r} needs {needs}; this one has {has}")
    return method, admitted[method]


def groups_of(mixture: GaussianMixture, partition: Partition | None) -> Float64[Array, "G K"] | None:
    """Membership, shape (groups, classes), of 0 and 1; `ValueError` for a single group."""
    groups = checked_partition(partition, mixture.labels)
    if groups is None:
        return None
    if len(groups) < 2:
        raise ValueError("partition: a single group holds every class, so there is nothing to decide")
    return np.array([[float(label in group) for label in mixture.labels] for group in groups.values()])


def _sampled(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    method: CurveMethod,
    groups: Float64[Array, "G K"] | None,
    draws: Draws,
) -> _Curves:
    """Monte Carlo; double precision is switched on for this computation alone."""
    import jax

    from .._support.devices import check_devices
    from .._support.jax_settings import own_settings
    from ..monte_carlo import quasi_random
    from ..monte_carlo.finished_draws import FinishedDraws, FinishedSearch
    from ..monte_carlo.strides import Joint, estimate, in_precision
    from ..runs.fingerprints import fingerprint

    samples, tolerance, key = draws.samples, draws.tolerance, draws.key
    check_devices()
    search, writes = None, jax.process_index() == 0
    if draws.resume is not None and mixture.shared_covariance is None:
        pairs = fingerprint("pairs", HOW, mixture.stacked, sigma, groups)
        search = FinishedSearch(Path(draws.resume), pairs, writes=writes)
    kernel, parameters, dtype, unit, rounding, largest = prepared(
        mixture, sigma, method, groups, draws.dtype, search=search
    )
    if tolerance is not None:  # no fewer than make a single draw of no account
        samples = max(samples, int(np.ceil(2 * min(largest.max() / tolerance, 1e15))))
    arrays = in_precision(parameters, dtype)
    with own_settings(double=dtype == "float64"):
        if draws.points == "sobol":
            found = quasi_random.estimate(arrays, samples, key, draws.progress, Joint(2, kept_levels(sigma)))
        else:
            keep = None
            if draws.resume is not None:
                run = fingerprint(
                    kernel.__qualname__, kernel.__module__.rpartition(".")[2], key, dtype, parameters
                )
                keep = FinishedDraws(Path(draws.resume), run, writes=writes, search=search)
            found = estimate(
                kernel,
                arrays,
                samples,
                key,
                tolerance=None if tolerance is None else _Tolerance(tolerance, unit, rounding, largest),
                progress=draws.progress,
                finished=keep,
                work=work_of(mixture, sigma.size, method),
                joint=Joint(2, kept_levels(sigma)),
            )
    attributes = {"samples": found.samples, "key": key, "dtype": dtype, "points": draws.points}
    values, errors, effective = in_nats(found, unit, rounding, largest)
    return _Curves(values, errors, attributes, effective, _shared(found, sigma, unit))


@dataclass(frozen=True)
class _Tolerance:
    """By how much the largest error of an `Estimate` exceeds what is tolerated, of the curves as reported."""

    tolerance: float
    unit: Array | float
    rounding: Array | float
    largest: Array

    def __call__(self, found: Any) -> float:
        """Largest reported error over the tolerance; `ValueError` where rounding alone exceeds it."""
        exactly = replace(found, standard_error=np.zeros_like(found.mean))
        # no draw is large, hence none was missed
        least = float(in_nats(exactly, self.unit, self.rounding, np.zeros_like(self.largest))[1].max())
        if least > self.tolerance:
            raise ValueError(
                f"tolerance: rounding alone makes an error of {least:.2g}; raise it, or draw in float64"
            )
        return float(in_nats(found, self.unit, self.rounding, self.largest)[1].max()) / self.tolerance


def in_nats(
    found: "Estimate",
    unit: Float64[Array, " levels"] | float,
    rounding: Float64[Array, " levels"] | float,
    largest: Float64[Array, " levels"],
) -> tuple[Float64[Array, "3 levels"], Float64[Array, "3 levels"], Float64[Array, " levels"]]:
    """An `Estimate` as entropy, rate, agreement and their errors (3, levels), with effective draws (levels,).

    The rest is what `prepared` returns.
    """
    units = np.broadcast_to(unit, largest.shape)
    most = np.divide(largest, units, out=np.zeros(largest.size), where=units > 0)
    errors, effective = _with_unseen(found.mean, found.standard_error, found.samples // 2, most)
    # disagreement keeps its relative precision as long as it is not subtracted from 1
    entropy, rate, disagreement = found.mean * unit
    errors = np.hypot(errors, rounding * found.mean) * unit
    errors[2] = np.hypot(errors[2], np.finfo(float).eps / 2)  # next to 1 the double itself is rounded
    return np.stack([entropy, rate, 1 - disagreement]), errors, effective


def _with_unseen(
    means: Float64[Array, "3 levels"],
    errors: Float64[Array, "3 levels"],
    pairs: int,
    largest: Float64[Array, " levels"],
) -> tuple[Float64[Array, "3 levels"], Float64[Array, " levels"]]:
    """Standard errors (3, levels) that allow for a draw that was not met, and effective draws (levels,).

    A sample that misses what carries a sum has a small variance, so that its own error says nothing. As
    much as the `largest` entropy of one draw may have been missed: it is allowed for unless the sum
    holds a hundred of it. `1/effective = 1/n + (error/mean)²` of n independent pairs of draws.
    """
    entropy = np.maximum(means[0], 0)
    missed = np.where(entropy < _NEGLIGIBLE * largest / pairs, largest / pairs, 0)
    per_nat = np.abs(means) / np.where(entropy > 0, entropy, np.inf)
    # where no entropy was found at all, as much of the others as at any level
    per_nat = np.where(entropy > 0, per_nat, per_nat.max(axis=1, keepdims=True))
    per_nat[0] = 1
    errors = np.hypot(errors, missed * per_nat)
    with np.errstate(divide="ignore", over="ignore"):
        relative2 = (errors[0] / np.where(errors[0] > 0, entropy, 1)) ** 2
    return errors, 1 / (1 / pairs + relative2)


def _shared(
    found: "Estimate", sigma: Float64[Array, " levels"], unit: Float64[Array, " levels"] | float
) -> Fields:
    """The covariance between levels of entropy and rate, as variables."""
    if found.covariance is None:
        return {}
    places = kept_levels(sigma)
    scale = np.broadcast_to(unit, sigma.shape)[places]
    covariance = found.covariance * scale[:, None, None] * scale
    return covariance_variables(("entropy", "rate"), sigma[places], covariance, found.units)


class Prepared(NamedTuple):
    """What a curve is drawn with: the kernel's `draw`, its parameters, their precision, and its scale."""

    draw: Any
    parameters: Tree
    dtype: str
    unit: Array | float
    rounding: Array | float
    largest: Array


def prepared(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    method: CurveMethod,
    groups: Float64[Array, "G K"] | None,
    dtype: Dtype | None,
    *,
    search: "Search | None" = None,
    levels: int | None = None,
) -> Prepared:
    """The kernel of a mixture with its arrays at the levels σ, in the precision asked for or its own.

    `search` keeps what is found of pairs of unequal covariances; σ may be some of `levels` that are planned.
    """
    from .._support.devices import check_devices
    from ..monte_carlo.unequal_covariance import UNEQUAL, parameters_of

    check_devices()
    kernel = _kernel_of(mixture, method == "reduced")
    own = partial(parameters_of, search=search, levels=levels)
    init = own if kernel is UNEQUAL else kernel.init
    try:
        parameters = init(mixture, sigma, groups)
    except KeyboardInterrupt:
        if search is not None:
            search.write()
        raise
    precision = _precision(dtype, kernel.double, parameters)
    choices = mixture.classes if groups is None else len(groups)
    scale = kernel.scale(mixture, parameters, precision, choices)
    return Prepared(kernel.draw, parameters, precision, *scale)


def _kernel_of(mixture: GaussianMixture, reduced: bool) -> "Kernel[Any]":
    from ..monte_carlo.many_classes import MANY, MANY_REDUCED
    from ..monte_carlo.shared_covariance import AMBIENT, AMBIENT_ISOTROPIC, REDUCED
    from ..monte_carlo.unequal_covariance import UNEQUAL

    if mixture.shared_covariance is None or mixture.classes == 1:
        return UNEQUAL
    if mixture.classes > PAIRWISE_LIMIT and mixture.covariances[0].has_spectrum:
        return MANY_REDUCED if reduced else MANY
    if reduced:
        return REDUCED
    return AMBIENT if mixture.covariances[0].isotropic_variance is None else AMBIENT_ISOTROPIC


def work_of(mixture: GaussianMixture, levels: int, method: CurveMethod) -> float:
    """Multiplications that a draw takes, roughly: it only says where to begin to measure time."""
    classes, dimension = mixture.classes, mixture.dimension
    if mixture.shared_covariance is not None:
        return levels * classes * (2.0 * classes + (0 if method == "reduced" else dimension))
    full = any(covariance.frame.axes is not None for covariance in mixture.covariances)
    return levels * classes * dimension * (classes + (2.0 * dimension if full else 4.0))


def _precision(dtype: Dtype | None, double: bool, parameters: Tree) -> str:
    """The precision asked for, or double for a kernel that wants it and where single would overflow."""
    from ..monte_carlo.strides import SINGLE_LIMIT, largest_of

    largest = largest_of(parameters)
    if dtype == "float32" and largest > SINGLE_LIMIT:
        raise ValueError(f"dtype: float32 cannot hold the square of {largest:.3g}; use float64")
    return dtype or ("float32" if largest <= SINGLE_LIMIT and not double else "float64")
