"""The oracle: the exact denoiser of a Gaussian mixture, `E[X₀|x, k] = x − σ²(Σ_k + σ²I)^{−1}(x − m_k)`."""

from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...numerics.runs.fingerprints import fingerprint
from ...theory.mixtures.mixture import GaussianMixture

__all__ = ["MixtureDenoiser"]


class MixtureDenoiser:
    """The exact denoiser `E[X₀ | x, condition]` of a Gaussian mixture, for testing estimators.

    Parameters
    ----------
    mixture : GaussianMixture
        Its labels are the conditions.
    dtype : torch.dtype
        Precision of the arithmetic; inputs are converted, and results have the type of the input.
    device : torch device
        Where it computes.

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
        """SHA-256 of the mixture's labels and numbers, and of the precision.

        Returns
        -------
        str
        """
        mixture = self.mixture
        numbers: list[object] = [mixture.weights, mixture.means]
        for k in range(mixture.classes):
            covariance: Any = mixture.covariance_of(k)
            numbers += [getattr(covariance, field.name) for field in fields(covariance)]
        return fingerprint(str(self.dtype), *self.conditions, *numbers)

    def __call__(
        self, x: Float[Tensor, "batch d"], sigma: float | Tensor, condition: str | None
    ) -> Float[Tensor, "batch d"]:
        """`E[X₀ | x, condition]` for x (batch, d), σ > 0 a number or (batch,).

        Raises
        ------
        ValueError
            An unknown class, or σ that is not above 0.
        """
        if not (bool((sigma > 0).all()) if isinstance(sigma, Tensor) else sigma > 0):
            raise ValueError(f"sigma: must be > 0, not {sigma}")
        if condition is not None and condition not in self.conditions:
            raise ValueError(f"condition: {condition!r} is not one of {', '.join(self.conditions)}")
        return self.mixture.denoise(x.to(self.device, self.dtype), sigma, condition).to(x)

    def posterior(self, x: Float[Tensor, "batch d"], sigma: float | Tensor) -> Float[Tensor, "batch K"]:
        """Class probabilities of noisy states, `p(k|x)`.

        Parameters
        ----------
        x : tensor, shape (batch, d)
            Noisy states `X₀ + σZ`.
        sigma : float or tensor, shape (batch,)
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        tensor, shape (batch, K)

        Raises
        ------
        ValueError
            States of another dimension, σ < 0, or σ = 0 if a class has no width in some direction.

        References
        ----------
        T17.
        """
        return self.mixture.posterior(x.to(self.device, self.dtype), sigma).to(x)

    def sample(self, condition: str, count: int, generator: torch.Generator) -> Float[Tensor, "count d"]:
        """Clean draws of one class: a `sampler` for the estimators.

        Parameters
        ----------
        condition : str
            Name of the class.
        count : int
            How many.
        generator : torch.Generator
            Source of the random numbers.

        Returns
        -------
        tensor, shape (count, d)

        Raises
        ------
        ValueError
            An unknown class.
        """
        return self.mixture.sample(count, generator, condition)[0].to(self.device, self.dtype)
