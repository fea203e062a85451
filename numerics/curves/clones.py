"""B24's cloning experiment: branch two reverse runs at a noise level and see whether their classes agree.

    φ(σ) = P[class(X⁽¹⁾₀) = class(X⁽²⁾₀)],    both runs started from one X_σ = X₀ + σZ

`posterior` needs no run: two draws from p(k|X_σ) agree with probability `E Σ_k p_k²` (T4). `sde` runs
the stochastic reverse chain with the exact denoiser D, from σ down to σ_0 in `steps` geometric steps,

    X' = (σ'²/σ²) X + (1 − σ'²/σ²) D(X, σ) + σ' √(1 − σ'²/σ²) Z,

each clone with its own Z. Clones then have classes drawn from their posteriors at σ_0, which agree with the
probability `Σ_k p_k p′_k`, whatever is left open at σ_0. The bias of the steps is O(1/steps).
"""

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ...theory._support.aliases import ApiArray
from ...theory._support.choices import one_of
from ...theory._support.whole_numbers import whole_number
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from ..monte_carlo import unequal_covariance
from ..monte_carlo.reverse import step_down
from ..monte_carlo.strides import class_draws, estimate, in_precision, normal
from .dataset import checked_sigmas, labelled
from .entropy import entropy_curve

__all__ = ["CloneMethod", "clone_curve"]

Array: TypeAlias = NDArray[np.float64]
CloneMethod: TypeAlias = Literal["posterior", "sde"]
_METHODS: tuple[CloneMethod, ...] = get_args(CloneMethod)


def clone_curve(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    *,
    samples: int = 10_000,
    key: int = 0,
    method: CloneMethod = "posterior",
    steps: int = 200,
) -> xr.Dataset:
    """Probability that two clones branched at each noise level end in the same class.

    Where classes overlap on clean data the class of a clone is a draw from its posterior, like the class of a
    sample; likeliest classes would agree more often.

    Parameters
    ----------
    mixture : GaussianMixture
    sigmas : array_like, shape (levels,)
        Noise-to-signal ratios σ > 0 at which the runs branch.
    samples : int
        Branched states; each has two clones.
    key : int
        Seed.
    method : {"posterior", "sde"}
        Through the posterior, or by running the reverse chain.
    steps : int
        Steps of each reverse run, for `sde`.

    Returns
    -------
    xarray.Dataset
        `agreement` and `agreement_se` over `sigma`, with the coordinate `ou_time`.

    Raises
    ------
    ValueError
        Levels that are not finite and above 0, `samples` or `steps` that are not whole numbers above 0, an
        unknown method, or a mixture that the method does not admit.

    References
    ----------
    T4; Biroli et al. 2024.
    """
    if one_of(method, "method", _METHODS) == "posterior":
        curve = entropy_curve(mixture, sigmas, samples=samples, key=key)
        return curve[["agreement", "agreement_se"]]
    samples, steps = whole_number(samples, "samples"), whole_number(steps, "steps")
    sigma = checked_sigmas(sigmas)
    mixture.check_levels(sigma)
    last = min(float(window_sigmas(mixture, 2)[0]), float(sigma.min()) / 2)
    # from each level to a σ_0 at which every class that can be decided is
    grids = np.geomspace(sigma, last, steps + 1, axis=-1)
    parameters = in_precision(unequal_covariance.posterior_parameters(mixture, grids, None), "float32")
    found = estimate(_reverse_runs, parameters, 2 * samples, key)
    attributes = {"method": method, "samples": found.samples // 2, "key": key, "steps": steps}
    return labelled(sigma, {"agreement": (found.mean[0], found.standard_error[0])}, attributes)


def _reverse_runs(key: ApiArray, parameters: unequal_covariance.Parameters) -> ApiArray:
    """Probability that the classes of a state's two clones agree, shape (1, levels, STRIDE)."""
    start_key, *clone_keys = jax.random.split(key, 3)

    def branch(levels: unequal_covariance.Levels) -> ApiArray:
        x = _noised(start_key, levels.sigma[0], parameters)
        first, second = (_final_posterior(clone, x, levels, parameters) for clone in clone_keys)
        return (first * second).sum(-1)

    return jax.lax.map(branch, parameters.levels)[None]


def _noised(key: ApiArray, sigma: ApiArray, parameters: unequal_covariance.Parameters) -> ApiArray:
    """STRIDE draws of X₀ + σZ."""
    data_key, noise_key, class_key = jax.random.split(key, 3)
    log_weights, means = parameters.classes[:2]
    drawn = class_draws(class_key, log_weights)
    clean = means[drawn] + unequal_covariance.clean_draws(data_key, drawn, parameters)
    return clean + sigma * normal(noise_key, clean.shape, clean.dtype)


def _final_posterior(
    key: ApiArray, x: ApiArray, levels: unequal_covariance.Levels, parameters: unequal_covariance.Parameters
) -> ApiArray:
    """Run the chain down the levels and return the posterior of each final state, shape (STRIDE, K)."""

    def step(x: ApiArray, indexed: ApiArray) -> tuple[ApiArray, None]:
        index, level, lower = indexed
        sigma = level.sigma
        found = unequal_covariance.posterior_at(x, level, parameters)
        denoised = x - sigma**2 * found.pull(found.shares)
        noise = normal(jax.random.fold_in(key, index), x.shape, x.dtype)
        return step_down(x, denoised, sigma, lower, noise), None

    indices = jnp.arange(levels.sigma.size - 1, dtype=jnp.uint32)
    above = jax.tree.map(lambda entry: entry[:-1], levels)
    x, _ = jax.lax.scan(step, x, (indices, above, levels.sigma[1:]))
    last = jax.tree.map(lambda entry: entry[-1], levels)
    return unequal_covariance.posterior_at(x, last, parameters).shares.T
