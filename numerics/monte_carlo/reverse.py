"""One step of the reverse process: what a denoiser says of a noisy state gives a draw at a lower level.

If the data were the point D, the law of `X_σ′` given `X_σ = x` would be, with r = (σ′/σ)²,

    N(r x + (1 − r) D, σ′² (1 − r) I):

exact as the steps become small.
"""

from ...theory._support.aliases import ApiArray

__all__ = ["spread_of", "step_down"]


def spread_of(sigma: ApiArray, lower: ApiArray) -> ApiArray:
    """Standard deviation of the step, `σ′ √(1 − (σ′/σ)²)`, for numbers or arrays of any library."""
    return lower * (1 - (lower / sigma) ** 2) ** 0.5


def step_down(x: ApiArray, denoised: ApiArray, sigma: ApiArray, lower: ApiArray, noise: ApiArray) -> ApiArray:
    """A draw at the level `lower` from the state `x` at `sigma`; `noise` is standard normal of x's shape."""
    ratio = (lower / sigma) ** 2
    return ratio * x + (1 - ratio) * denoised + spread_of(sigma, lower) * noise
