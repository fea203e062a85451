"""Classifier-free guidance along the noise scale: how the class of a guided sample is decided (T11, T12).

The denoiser is `ω D_c + (1 − ω) D`, with `D_c = E[X₀|x, c]` of the class c that is guided to and
`D = Σ_k p_k D_k`: ω = 1 is conditional, ω = 0 unconditional sampling. Along the reverse run

    cross_entropy   E[−log p(c|X_σ)]      with p the posterior of the mixture itself, nats
    accuracy        P[p(c|X_σ) is the largest]

`exact` solves the equation in the γ clock (two classes with a shared covariance). `sde` runs the stochastic
reverse chain of any mixture in all dimensions, in geometric steps; its bias is O(1/steps). It starts where γ
is of the order of 10⁻⁶, from the law that guidance from further up has there: with `D_k ≈ m_k`, and the mean
of all classes at 0,

    X = X₀ + (ω − 1) m_c + σZ,      wrong by O(γ²) where classes differ in their means, O(γ) in scales alone.
"""

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ...theory._support.aliases import ApiArray
from ...theory._support.choices import one_of
from ...theory._support.intervals import checked_interval
from ...theory._support.real_numbers import real_number
from ...theory._support.whole_numbers import whole_number
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from .._support.seeds import seed_of
from ..fokker_planck import guided_from
from ..monte_carlo import unequal_covariance
from ..monte_carlo.reverse import step_down
from ..monte_carlo.strides import SINGLE_LIMIT, Joint, class_draws, estimate, in_precision, largest_of, normal
from .covariance import covariance_variables, kept_levels
from .dataset import checked_sigmas, labelled
from .places import with_places

__all__ = ["GuidedMethod", "guided_curve"]

GuidedMethod: TypeAlias = Literal["auto", "exact", "sde"]
_METHODS: tuple[GuidedMethod, ...] = get_args(GuidedMethod)
_HEADROOM = 30.0  # between the upper end of the window and the start of a chain: a factor 900 in γ


def guided_curve(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    guidance: float,
    interval: tuple[float, float] | None = None,
    *,
    method: GuidedMethod = "auto",
    samples: int = 10_000,
    key: ApiArray = 0,
    steps: int = 500,
) -> xr.Dataset:
    """Cross-entropy and accuracy of guided sampling at each noise level.

    Parameters
    ----------
    mixture : GaussianMixture
    sigmas : array_like, shape (levels,)
        Noise-to-signal ratios σ > 0, in any order; the dataset keeps it.
    guidance : float
        Weight ω.
    interval : (low, high), optional
        Noise levels σ between which guidance acts; outside, ω = 1.
    method : {"auto", "exact", "sde"}
        `exact` needs two classes with a shared covariance; `auto` takes it where it applies.
    samples, key, steps : int
        Runs, seed and steps of the chain, for `sde`.

    Returns
    -------
    xarray.Dataset
        `cross_entropy` and `accuracy`, each with `*_se` (for `exact`, a bound of the numerical error; for
        `sde`, what drawing runs leaves, without the bias of the steps), and for `exact` also `rate`,
        `d cross_entropy/dt` per unit OU time; where the class is decided (`places`), as for `entropy_curve`.

    Raises
    ------
    ValueError
        Levels that are not finite and above 0, a weight beyond ±100, an interval without `0 ≤ low < high`, an
        unknown method, or one that the mixture does not admit.

    References
    ----------
    T11, T12.
    """
    sigma, seed = checked_sigmas(sigmas), seed_of(key)
    method = one_of(method, "method", _METHODS)
    guidance = real_number(guidance, "guidance")
    if not np.isfinite(guidance) or abs(guidance) > 100:
        raise ValueError(f"guidance: need a number between -100 and 100, not {guidance}")
    if method == "exact" and not mixture.is_binary_channel:
        raise ValueError("mixture: method 'exact' needs two classes with a shared covariance")
    interval = None if interval is None else checked_interval(interval)
    samples, steps = whole_number(samples, "samples"), whole_number(steps, "steps")
    mixture.check_levels(sigma)
    if method != "sde" and mixture.is_binary_channel:
        return _exact(mixture, sigma, guidance, interval)
    return _runs(mixture, sigma, guidance, interval, (samples, seed, steps))


def _exact(mixture: GaussianMixture, sigma: Any, guidance: float, interval: Any) -> xr.Dataset:
    """Both classes in turn, each guided to, weighted."""
    gamma, order = mixture.gamma(sigma), np.argsort(mixture.gamma(sigma))
    window, weight_in = None, guidance
    if interval is not None:
        low, high = mixture.gamma(np.array([interval[1], max(interval[0], 1e-300)]))
        window = (float(low), float(min(high, 1e300)))
        if not window[0] < window[1]:  # an interval of σ in which γ does not change
            window, weight_in = None, 1.0
    means, error = np.zeros((3, sigma.size)), 0.0
    for weight, other in zip(mixture.weights, mixture.weights[::-1], strict=True):
        # from both weights: of 1e-17 and its rest the larger is 1
        log_odds = 0.5 * float(np.log(weight) - np.log(other))
        curve = guided_from(gamma[order], weight_in, window, log_odds)
        rows = np.stack([curve.cross_entropy, curve.slope, curve.accuracy])
        means[:, order] += float(weight) * rows
        error = max(error, curve.error)
    # dγ/dt = dγ/dσ² · 2(1 + σ²)
    speed = mixture.gamma_slope(sigma) * 2 * (1 + sigma**2)
    bound = np.full(sigma.size, error)
    values = {
        "cross_entropy": (means[0], bound),
        "rate": (means[1] * speed, bound * np.abs(speed)),
        "accuracy": (means[2], bound),
    }
    attributes = {"method": "exact", "guidance": guidance} | _acting(interval)
    curve = labelled(sigma, values, attributes)
    return with_places(curve, class_entropy=mixture.class_entropy)


def _acting(interval: tuple[float, float] | None) -> dict[str, float]:
    """Attributes that say between which σ guidance acts."""
    return {} if interval is None else {"interval_low": interval[0], "interval_high": interval[1]}


def _runs(
    mixture: GaussianMixture, sigma: Any, guidance: float, interval: Any, budget: tuple[int, int, int]
) -> xr.Dataset:
    samples, key, steps = budget
    low, high = (0.0, np.inf) if interval is None else interval
    grid, start = _levels(mixture, sigma, (low, high), steps)
    weights = np.where((grid[:-1] > low) & (grid[:-1] <= high), guidance, 1.0)
    # of the stretch above the start, in σ^{−2}, the part in which guidance acts
    acts = float(np.clip((start / max(low, start)) ** 2 - (start / high) ** 2, 0, 1))
    parameters = _Runs(
        unequal_covariance.posterior_parameters(mixture, grid, None),
        weights,
        np.array((guidance - 1) * acts),
        np.searchsorted(-grid, -sigma).astype(np.uint32),
    )
    dtype = "float32" if largest_of(parameters) <= SINGLE_LIMIT else "float64"
    with jax.enable_x64(dtype == "float64"):
        joint = Joint(1, kept_levels(sigma))
        found = estimate(_guided_runs, in_precision(parameters, dtype), 2 * samples, key, joint=joint)
    curves = zip(("cross_entropy", "accuracy"), found.mean, found.standard_error, strict=True)
    values = {name: (mean, error) for name, mean, error in curves}
    attributes = {"method": "sde", "guidance": guidance, "samples": found.samples // 2, "key": key}
    attributes |= {"steps": grid.size - 1} | _acting(interval)
    curve = labelled(sigma, values, attributes)
    if found.covariance is not None:
        at = sigma[joint.places]
        curve = curve.assign(covariance_variables(("cross_entropy",), at, found.covariance, found.units))
    return with_places(curve, class_entropy=mixture.class_entropy, seed=key)


def _levels(mixture: GaussianMixture, sigma: Any, ends: tuple[float, float], steps: int) -> tuple[Any, float]:
    """Descending noise levels of the chain and the first; they meet every σ and both ends of the guidance.

    Above the window of decision, where next to nothing is decided, a step is ten times as long.
    """
    window = float(window_sigmas(mixture, 2)[-1])
    top = max(window, 2 * float(sigma.max()))
    start = top * _HEADROOM
    lowest = float(sigma.min())
    stops = np.unique([start, top, *sigma, *(end for end in ends if lowest < end < start)])[::-1]
    lengths = -np.diff(np.log(stops))
    lengths[stops[:-1] > top] /= 10
    counts = np.ceil(steps * lengths / lengths.sum()).astype(int)
    pairs = zip(stops[:-1], stops[1:], counts, strict=True)
    parts = [np.geomspace(upper, lower, int(count) + 1)[:-1] for upper, lower, count in pairs]
    return np.concatenate([*parts, stops[-1:]]), start


class _Runs(NamedTuple):
    """Down the levels of `chain` with each step's weight ω, from where guidance has led; seen at `stops`."""

    chain: unequal_covariance.Parameters
    guidance: ApiArray
    head_start: ApiArray
    stops: ApiArray


def _guided_runs(key: ApiArray, parameters: _Runs) -> ApiArray:
    """Surprise and correctness at each level along STRIDE runs, shape (2, levels, STRIDE)."""
    start_key, noise_key, class_key = jax.random.split(key, 3)
    chain = parameters.chain
    log_weights, means = chain.classes[:2]
    drawn = class_draws(class_key, log_weights)
    means, levels = means[drawn], chain.levels
    chosen = jax.nn.one_hot(drawn, log_weights.size, axis=0, dtype=means.dtype)
    clean = means + unequal_covariance.clean_draws(start_key, drawn, chain)
    noise = normal(jax.random.fold_in(start_key, 2), clean.shape, clean.dtype)
    x = clean + parameters.head_start * means + levels.sigma[0] * noise

    def seen(logits: ApiArray) -> ApiArray:
        surprise = -jnp.take_along_axis(jax.nn.log_softmax(logits, axis=0), drawn[None], axis=0)[0]
        return jnp.stack([surprise, (logits.argmax(0) == drawn).astype(logits.dtype)])

    def step(x: ApiArray, indexed: ApiArray) -> tuple[ApiArray, ApiArray]:
        index, level, lower, weight = indexed
        sigma = level.sigma
        found = unequal_covariance.posterior_at(x, level, chain)
        denoised = x - sigma**2 * found.pull(weight * chosen + (1 - weight) * found.shares)
        noise = normal(jax.random.fold_in(noise_key, index), x.shape, x.dtype)
        return step_down(x, denoised, sigma, lower, noise), seen(found.log_joint)

    indices = jnp.arange(parameters.guidance.size, dtype=jnp.uint32)
    above = jax.tree.map(lambda entry: entry[:-1], levels)
    x, rows = jax.lax.scan(step, x, (indices, above, levels.sigma[1:], parameters.guidance))
    last = jax.tree.map(lambda entry: entry[-1], levels)
    final = seen(unequal_covariance.posterior_at(x, last, chain).log_joint)
    rows = jnp.concatenate([rows, final[None]])
    return rows[parameters.stops].transpose(1, 0, 2)
