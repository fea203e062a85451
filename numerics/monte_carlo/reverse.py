"""One step of the reverse process: what a denoiser says of a noisy state gives a draw at a lower level."""

from typing import Any

import jax.numpy as jnp

from .strides import normal

__all__ = ["step_down"]


def step_down(key: Any, x: Any, denoised: Any, sigma: Any, lower: Any) -> Any:
    """A draw at the level `lower` from the state `x` at `sigma`, both of shape (draws, d).

    With r = (lower/σ)², `N(r x + (1 − r) D, lower² (1 − r) I)`: the law of `X_lower` given `X_σ` if the data
    were the point D, and so exact as the steps become small.
    """
    ratio = (lower / sigma) ** 2
    return ratio * x + (1 - ratio) * denoised + lower * jnp.sqrt(1 - ratio) * normal(key, x.shape, x.dtype)
