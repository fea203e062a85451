"""What a curve will cost, from a few of its levels: measured here and now, since machines differ."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from ...theory._support.aliases import Fields
from ...theory.mixtures.mixture import GaussianMixture
from .dataset import checked_sigmas
from .entropy import CurveMethod, Dtype, chosen, entropy_curve, exact_at, groups_of, prepared, work_of

__all__ = ["Cost", "curve_cost"]

Array = NDArray[np.float64]

_FEW = 2  # levels that are tried
_SOME, _PILOT = 8, 4096  # levels and draws of a small curve, for the errors that it has
_RATE = 5e7  # multiplications in a second, at worst: it tells which curves are worth a trial
_SHORT = 5.0  # seconds that need no trial
_TRIED = 8  # strides, beside which what a call takes by itself is told from what a stride does
_COPIES = 4  # of the parameters: in double precision, in that of the draws, for the device, and at work


@dataclass(frozen=True)
class Cost:
    """Expected seconds, bytes of memory besides the program's own, and draws (none of an exact curve)."""

    seconds: float
    bytes: float
    draws: int


def curve_cost(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    *,
    samples: int = 100_000,
    method: CurveMethod = "auto",
    partition: Mapping[str, Sequence[str]] | None = None,
    dtype: Dtype | None = None,
    tolerance: float | None = None,
) -> Cost:
    """Expected cost of `entropy_curve` with the same arguments, on this machine.

    A few levels are prepared and drawn once, and scaled to all: right to within a factor of about two. With a
    `tolerance` the number of draws is what a small curve's errors say that it takes.

    Raises
    ------
    ValueError
        As `entropy_curve` does.
    """
    sigma = checked_sigmas(sigmas)
    groups = groups_of(mixture, partition)
    exact = exact_at(mixture, sigma, method, partition)
    method, _ = chosen(mixture, method, exact)
    few = sigma[np.unique(np.linspace(0, sigma.size - 1, _FEW).round().astype(int))]
    if method == "exact" and exact is not None:
        once, each = exact.seconds(sigma)
        return Cost(once + each * (sigma.size - 1), 0.0, 0)
    if tolerance is not None and tolerance > 0:
        options = {"method": method, "partition": partition, "dtype": dtype}
        samples = _samples_for(mixture, sigma, tolerance, options)
    return _of_draws(mixture, sigma, few, (samples, method, groups, dtype))


def _samples_for(
    mixture: GaussianMixture, sigma: Float64[Array, " levels"], tolerance: float, options: Fields
) -> int:
    """Draws with which the largest standard error falls to `tolerance`, from a few draws at some levels."""
    some = sigma[np.unique(np.linspace(0, sigma.size - 1, _SOME).round().astype(int))]
    pilot = entropy_curve(mixture, some, samples=_PILOT, **options)
    largest = max(float(pilot[name].max()) for name in ("entropy_se", "rate_se", "agreement_se"))
    return max(1, int(np.ceil(pilot.attrs["samples"] * min((largest / tolerance) ** 2, 1e15))))


def _of_draws(
    mixture: GaussianMixture,
    sigma: Float64[Array, " levels"],
    few: Float64[Array, " few"],
    plan: tuple[Any, ...],
) -> Cost:
    import jax

    from ..monte_carlo.meeting import PAIRWISE_LIMIT, search_seconds
    from ..monte_carlo.strides import STRIDE, estimate, in_precision, strides_for

    samples, method, groups, dtype = plan
    strides, share = strides_for(samples), sigma.size / few.size
    rough = work_of(mixture, sigma.size, method) * 2 * STRIDE * strides / _RATE
    search = 0.0
    if mixture.shared_covariance is None:
        search = search_seconds(mixture, mixture.stacked, sigma, groups, PAIRWISE_LIMIT)
    if rough + search < _SHORT:
        return Cost(rough + search, 0.0, 2 * STRIDE * strides)
    once, prepare = _timed_twice(
        lambda: prepared(mixture, few, method, groups, dtype, search=_Anything(), levels=sigma.size)
    )
    kernel, parameters, dtype, *_ = once[1]
    with jax.enable_x64(dtype == "float64"):
        arrays = in_precision(parameters, dtype)
        first, one = _timed_twice(lambda: estimate(kernel, arrays, 2 * STRIDE, 0, work=np.inf))
        _, many = _timed_twice(lambda: estimate(kernel, arrays, 2 * STRIDE * _TRIED, 0, work=0.0))
    size = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(parameters.levels)) * share
    size += sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(parameters._replace(levels=None)))
    rounds = -(-strides // jax.device_count())
    draw = max(many - one, 0.05 * many) / (_TRIED - 1)
    seconds = search + once[0] + first[0] + share * (prepare + draw * rounds)
    return Cost(seconds, _COPIES * size, 2 * STRIDE * strides)


class _Anything:
    """A search (`meeting.Search`) that has found what only its size matters of."""

    def table(self, name: str, shape: tuple[int, int]) -> Array:
        """Tilts of ½, and overlaps of one."""
        return np.full(shape, 0.5 if name == "tilts" else 0.0)

    def note(self) -> None:
        """Nothing is found."""

    def write(self) -> None:
        """Nothing is kept."""


def _timed_twice(call: Callable[[], Any]) -> tuple[tuple[float, Any], float]:
    """Seconds of a first call, which is compiled too, with what it returns, and of a second."""
    began = time.perf_counter()
    found = call()
    between = time.perf_counter()
    call()
    return (between - began, found), time.perf_counter() - between
