"""Classifier-free guidance along the noise scale: how the class of a guided sample is decided (T11, T12).

The denoiser is `ω D_c + (1 − ω) D`, with `D_c = E[X₀|x, c]` of the class c that is guided to and
`D = Σ_k p_k D_k`: ω = 1 is conditional, ω = 0 unconditional sampling. Along the reverse run

    cross_entropy   E[−log p(c|X_σ)]      with p the posterior of the mixture itself, nats
    accuracy        P[p(c|X_σ) is the largest]

`exact` solves the equation in the γ clock (two classes with a shared covariance). `sde` runs the stochastic
reverse chain of any mixture in all dimensions, in geometric steps; its bias is O(1/steps).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ..theory.mixture import GaussianMixture
from ..theory.window import window_sigmas
from . import unequal_covariance
from .curves import checked_sigmas, labelled
from .gamma_clock import guided_odds
from .places import with_places
from .reverse import step_down
from .sampling import class_draws, estimate, in_precision, normal

__all__ = ["guided_curve"]


def guided_curve(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    guidance: float,
    interval: tuple[float, float] | None = None,
    *,
    method: str = "auto",
    samples: int = 10_000,
    key: int = 0,
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
        `cross_entropy` and `accuracy`, each with `*_se` (for `exact`, a bound of the numerical error),
        and for `exact` also `rate`, `d cross_entropy/dt` per unit OU time; where the class is decided
        (`places`), as for `entropy_curve`.

    Raises `ValueError` for an argument out of range. Source: T11, T12.
    """
    sigma = checked_sigmas(sigmas)
    if method not in ("auto", "exact", "sde"):
        raise ValueError(f"method: {method!r} is not one of auto, exact, sde")
    if method == "exact" and not mixture.is_binary_channel:
        raise ValueError("mixture: method 'exact' needs two classes with a shared covariance")
    if interval is not None and not 0 <= interval[0] < interval[1]:
        raise ValueError(f"interval: need 0 <= low < high in sigma, not {interval}")
    if samples < 1 or steps < 1:
        raise ValueError("samples, steps: must be at least 1")
    mixture.check_levels(sigma)
    if method != "sde" and mixture.is_binary_channel:
        return _exact(mixture, sigma, guidance, interval)
    return _runs(mixture, sigma, guidance, interval, (samples, key, steps))


def _exact(mixture: GaussianMixture, sigma: Any, guidance: float, interval: Any) -> xr.Dataset:
    """Both classes in turn, each guided to, weighted."""
    gamma, order = mixture.gamma(sigma), np.argsort(mixture.gamma(sigma))
    window = None
    if interval is not None:
        low, high = mixture.gamma(np.array([interval[1], max(interval[0], 1e-300)]))
        window = (float(low), float(min(high, 1e300)))
    means, error = np.zeros((3, sigma.size)), 0.0
    for weight in mixture.weights:
        curve = guided_odds(gamma[order], guidance, interval=window, prior=float(weight))
        rows = np.stack([curve.cross_entropy, curve.slope, curve.accuracy])
        means[:, order] += float(weight) * rows
        error = max(error, curve.error)
    # dγ/dt = dγ/dσ² · 2(1 + σ²)
    rate = means[1] * mixture.gamma_slope(sigma) * 2 * (1 + sigma**2)
    bound = np.full(sigma.size, error)
    values = {"cross_entropy": (means[0], bound), "rate": (rate, bound), "accuracy": (means[2], bound)}
    curve = labelled(sigma, values, {"method": "exact", "guidance": guidance})
    return with_places(curve, class_entropy=mixture.class_entropy)


def _runs(
    mixture: GaussianMixture, sigma: Any, guidance: float, interval: Any, budget: tuple[int, int, int]
) -> xr.Dataset:
    samples, key, steps = budget
    order = np.argsort(-sigma)
    start = max(float(window_sigmas(mixture, 2)[-1]), 2 * float(sigma.max()))
    stops = np.concatenate([[start], sigma[order]])
    each = max(1, int(np.ceil(steps / sigma.size)))
    # segments from stop to stop, in geometric steps; shape (levels, steps + 1)
    grids = np.geomspace(stops[:-1], stops[1:], each + 1, axis=-1)
    low, high = (0.0, np.inf) if interval is None else interval
    weights = np.where((grids[:, :-1] > low) & (grids[:, :-1] <= high), guidance, 1.0)
    parameters = unequal_covariance.parameters_of(mixture, grids, None) | {"guidance": weights}
    found = estimate(_guided_runs, in_precision(parameters, "float32"), 2 * samples, key)
    back = np.argsort(order)
    mean, error = found.mean[:, back], found.standard_error[:, back]
    values = {name: (mean[i], error[i]) for i, name in enumerate(("cross_entropy", "accuracy"))}
    attributes = {"method": "sde", "guidance": guidance, "samples": found.samples // 2, "key": key}
    if interval is not None:
        attributes |= {"interval_low": low, "interval_high": high}
    curve = labelled(sigma, values, attributes | {"steps": each * sigma.size})
    return with_places(curve, class_entropy=mixture.class_entropy, seed=key)


def _guided_runs(key: Any, parameters: dict[str, Any]) -> Any:
    """Surprise and correctness at each level along STRIDE runs, shape (2, levels, STRIDE)."""
    start_key, noise_key, class_key = jax.random.split(key, 3)
    classes = class_draws(class_key, parameters["log_weights"])
    clean = parameters["means"][classes] + unequal_covariance.clean_draws(start_key, classes, parameters)
    first = parameters["levels"]["sigma"][0, 0]
    x = clean + first * normal(jax.random.fold_in(start_key, 2), clean.shape, clean.dtype)

    def step(x: Any, indexed: Any) -> tuple[Any, None]:
        index, level, lower, weight = indexed
        sigma = level["sigma"]
        logits, pulls = unequal_covariance.logits_and_pulls(x, level, parameters)
        own = jnp.take_along_axis(pulls, classes[:, None, None], axis=1)[:, 0]
        mean = (jax.nn.softmax(logits, axis=-1)[..., None] * pulls).sum(1)
        denoised = x + sigma**2 * (weight * own + (1 - weight) * mean)
        return step_down(jax.random.fold_in(noise_key, index), x, denoised, sigma, lower), None

    def segment(x: Any, indexed: Any) -> tuple[Any, Any]:
        number, levels, weights = indexed
        indices = number * weights.size + jnp.arange(weights.size, dtype=jnp.uint32)
        above = jax.tree.map(lambda entry: entry[:-1], levels)
        x, _ = jax.lax.scan(step, x, (indices, above, levels["sigma"][1:], weights))
        last = jax.tree.map(lambda entry: entry[-1], levels)
        logits, _ = unequal_covariance.logits_and_pulls(x, last, parameters)
        surprise = -jnp.take_along_axis(jax.nn.log_softmax(logits, axis=-1), classes[:, None], axis=1)[:, 0]
        return x, jnp.stack([surprise, (logits.argmax(-1) == classes).astype(x.dtype)])

    numbers = jnp.arange(parameters["guidance"].shape[0], dtype=jnp.uint32)
    _, rows = jax.lax.scan(segment, x, (numbers, parameters["levels"], parameters["guidance"]))
    return rows.transpose(1, 0, 2)
