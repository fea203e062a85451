"""The oracle: the exact denoiser of a Gaussian mixture, `E[X₀|x, k] = x − σ²(Σ_k + σ²I)^{−1}(x − m_k)`."""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from ...numerics.runs.fingerprints import fingerprint
from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["MixtureDenoiser"]


class MixtureDenoiser:
    """The exact denoiser of a Gaussian mixture, conditions by class name.

    Parameters
    ----------
    mixture : GaussianMixture
    dtype, device
        Of the arithmetic; inputs are converted and results come back in the input's own.

    References
    ----------
    T17.
    """

    has_null: bool = True

    def __init__(
        self,
        mixture: GaussianMixture,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        self.mixture: GaussianMixture = mixture
        self.dtype: torch.dtype = dtype
        self.device: torch.device = torch.device(device)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.mixture.labels

    def digest(self) -> str:
        """SHA-256 of the mixture's labels and numbers, and of the precision."""
        mixture = self.mixture
        numbers: list[Any] = [mixture.weights, mixture.means]
        for k in range(mixture.classes):
            covariance: Any = mixture.covariance_of(k)
            numbers += [getattr(covariance, field.name) for field in fields(covariance)]
        return fingerprint(str(self.dtype), *self.conditions, *numbers)

    def __call__(self, x: Tensor, sigma: float | Tensor, condition: str | None) -> Tensor:
        """`E[X₀ | x, condition]` for x (batch, d), σ > 0 a number or (batch,).

        Raises `ValueError` for an unknown class or σ ≤ 0.
        """
        if not (bool((sigma > 0).all()) if isinstance(sigma, Tensor) else sigma > 0):
            raise ValueError(f"sigma: must be > 0, not {sigma}")
        if condition is not None and condition not in self.conditions:
            raise ValueError(f"condition: {condition!r} is not one of {', '.join(self.conditions)}")
        return self.mixture.denoise(x.to(self.device, self.dtype), sigma, condition).to(x)

    def posterior(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """`p(k|x)`, shape (batch, classes), of x (batch, d)."""
        return self.mixture.posterior(x.to(self.device, self.dtype), sigma).to(x)

    def sample(self, condition: str, count: int, generator: torch.Generator) -> Tensor:
        """Clean draws of one class, shape (count, d)."""
        return self.mixture.sample(count, generator, condition)[0].to(self.device, self.dtype)
