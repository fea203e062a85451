"""B24's cloning experiment: branch two reverse runs at a noise level and see whether their classes agree.

    φ(σ) = P[class(X⁽¹⁾₀) = class(X⁽²⁾₀)],    both runs started from one X_σ = X₀ + σZ

`posterior` needs no run: two draws from p(k|X_σ) agree with probability `E Σ_k p_k²` (T4). `sde` runs
the stochastic reverse chain with the exact denoiser D, from σ down to σ_0 in `steps` geometric steps,

    X' = (σ'²/σ²) X + (1 − σ'²/σ²) D(X, σ) + σ' √(1 − σ'²/σ²) Z,

each clone with its own Z, and reads the class off the posterior at σ_0. Its step bias is O(1/steps).
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..theory.mixture import GaussianMixture
from ..theory.window import window_sigmas
from . import unequal_covariance
from .curves import checked_sigmas, entropy_curve, labelled
from .sampling import STRIDE, class_draws, estimate, normal

__all__ = ["clone_curve"]

Array: TypeAlias = NDArray[np.float64]


def clone_curve(
    mixture: GaussianMixture,
    sigmas: ArrayLike,
    *,
    samples: int = 10_000,
    key: int = 0,
    method: str = "posterior",
    steps: int = 200,
) -> xr.Dataset:
    """Probability that two clones branched at each noise level end in the same class.

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

    Raises `ValueError` for an argument out of range. Source: T4; Biroli et al. 2024.
    """
    if method == "posterior":
        curve = entropy_curve(mixture, sigmas, samples=samples, key=key)
        return curve[["agreement", "agreement_se"]]
    if method != "sde":
        raise ValueError(f"method: {method!r} is not one of posterior, sde")
    if samples < 1 or steps < 1:
        raise ValueError("samples, steps: must be at least 1")
    sigma = checked_sigmas(sigmas)
    parameters = unequal_covariance.parameters_of(mixture, sigma, None)
    last = min(float(window_sigmas(mixture, 2)[0]), float(sigma.min()) / 2)
    # from each level to a σ_0 at which every class that can be decided is
    grids = np.geomspace(sigma, last, steps + 1, axis=-1)
    arrays = {
        name: None if value is None else jnp.asarray(value, jnp.float32)
        for name, value in (parameters | {"grids": grids}).items()
    }
    found = estimate(_reverse_runs, arrays, 2 * samples, key)
    attributes = {"method": method, "samples": found.samples // 2, "key": key, "steps": steps}
    return labelled(sigma, {"agreement": (found.mean[0], found.standard_error[0])}, attributes)


def _reverse_runs(key: Any, parameters: dict[str, Any]) -> Any:
    """1 where a state's two clones agree, shape (STRIDE, 1, levels)."""
    start_key, *clone_keys = jax.random.split(key, 3)

    def level(grid: Any) -> Any:
        x = _noised(start_key, grid[0], parameters)
        first, second = (_final_class(clone, x, grid, parameters) for clone in clone_keys)
        return (first == second).astype(x.dtype)

    return jax.lax.map(level, parameters["grids"]).T[:, None, :]


def _noised(key: Any, sigma: Any, parameters: dict[str, Any]) -> Any:
    """STRIDE draws of X₀ + σZ."""
    means, variances = parameters["means"], parameters["variances"]
    data_key, noise_key, class_key = jax.random.split(key, 3)
    shape = (STRIDE, means.shape[1])
    classes = class_draws(class_key, parameters["log_weights"])
    spread = jnp.sqrt(variances[classes]) * normal(data_key, shape, means.dtype)
    spread = unequal_covariance.unrotate_class(spread, classes, parameters["axes"])
    return means[classes] + spread + sigma * normal(noise_key, shape, means.dtype)


def _final_class(key: Any, x: Any, grid: Any, parameters: dict[str, Any]) -> Any:
    """Run the chain down `grid` and return the most probable class of each final state."""

    def step(x: Any, levels: Any) -> tuple[Any, None]:
        index, sigma, lower = levels
        logits, pulls = unequal_covariance.logits_and_pulls(x, sigma, parameters)
        shares = jax.nn.softmax(logits, axis=-1)
        denoised = x + sigma**2 * (shares[..., None] * pulls).sum(1)
        ratio = (lower / sigma) ** 2
        z = normal(jax.random.fold_in(key, index), x.shape, x.dtype)
        return ratio * x + (1 - ratio) * denoised + lower * jnp.sqrt(1 - ratio) * z, None

    indices = jnp.arange(grid.shape[0] - 1, dtype=jnp.uint32)
    x, _ = jax.lax.scan(step, x, (indices, grid[:-1], grid[1:]))
    return unequal_covariance.logits_and_pulls(x, grid[-1], parameters)[0].argmax(-1)
