"""The oracle: the exact denoiser of a Gaussian mixture, `E[X₀|x, k] = x − σ²(Σ_k + σ²I)^{−1}(x − m_k)`."""

from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...numerics.runs.fingerprints import fingerprint
from ...theory.mixtures.covariance import Covariance, Full, LowRank
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
        self._means = self._tensor(mixture.means)
        self._log_weights = self._tensor(np.log(mixture.weights))
        self._bases = [self._basis(mixture.covariance_of(k)) for k in range(mixture.classes)]

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

    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """`E[X₀ | x, condition]` for x (batch, d); `ValueError` for an unknown class or σ ≤ 0."""
        if not sigma > 0:
            raise ValueError(f"sigma: must be > 0, not {sigma}")
        own = x.to(self.device, self.dtype)
        if condition is not None:
            if condition not in self.conditions:
                raise ValueError(f"condition: {condition!r} is not one of {', '.join(self.conditions)}")
            pull, _ = self._pull(own, float(sigma), self.conditions.index(condition))
            return (own - sigma**2 * pull).to(x)
        pulls, logits = zip(
            *(self._pull(own, float(sigma), k) for k in range(self.mixture.classes)), strict=True
        )
        shares = torch.softmax(torch.stack(logits, dim=-1), dim=-1)
        mean = (shares[:, :, None] * torch.stack(pulls, dim=1)).sum(dim=1)
        return (own - sigma**2 * mean).to(x)

    def posterior(self, x: Tensor, sigma: float) -> Tensor:
        """`p(k|x)`, shape (batch, classes), of x (batch, d)."""
        own = x.to(self.device, self.dtype)
        logits = [self._pull(own, float(sigma), k)[1] for k in range(self.mixture.classes)]
        return torch.softmax(torch.stack(logits, dim=-1), dim=-1).to(x)

    def sample(self, condition: str, count: int, generator: torch.Generator) -> Tensor:
        """Clean draws of one class, shape (count, d)."""
        k = self.conditions.index(condition)
        covariance = self.mixture.covariance_of(k)
        d = self.mixture.dimension
        noise = torch.randn(count, d, generator=generator, dtype=self.dtype, device="cpu").to(self.device)
        diagonal, factors = covariance.parts()
        spread = noise * self._tensor(np.sqrt(np.broadcast_to(diagonal, d)))
        if factors is not None:
            size = (count, factors.shape[1])
            more = torch.randn(size, generator=generator, dtype=self.dtype, device="cpu")
            spread = spread + more.to(self.device) @ self._tensor(factors).T
        return (self._means[k] + spread).to(self.device)

    def _tensor(self, values: object) -> Tensor:
        return torch.as_tensor(np.array(values), dtype=self.dtype, device=self.device)

    def _basis(self, covariance: Covariance) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Eigenvalues or diagonal, eigenvectors if they are no axes, and factors of low rank."""
        if isinstance(covariance, LowRank):
            diagonal, factors = covariance.parts()
            return self._tensor(diagonal), None, self._tensor(factors)
        axes = None
        if isinstance(covariance, Full):
            axes = self._tensor(covariance.rotate(np.eye(self.mixture.dimension)))
        return self._tensor(covariance.variances), axes, None

    def _pull(self, x: Tensor, sigma: float, k: int) -> tuple[Tensor, Tensor]:
        """`(Σ_k + σ²I)^{−1}(x − m_k)`, and `log w_k p(x|k)` up to a constant."""
        variances, axes, factors = self._bases[k]
        widths = (variances + sigma**2).expand(x.shape[1])
        y = x - self._means[k]
        if axes is not None:
            y = y @ axes
        y = y / widths.sqrt()
        log_width = widths.log().sum()
        squares = (y**2).sum(dim=1)
        if factors is not None:
            # B^{−1/2}U = Q diag(s) Wᵀ; what lies along Q shrinks by 1/(1 + s²)
            basis, lengths, _ = torch.linalg.svd(factors / widths.sqrt()[:, None], full_matrices=False)
            along, shrink = y @ basis, 1 / (1 + lengths**2)
            rest = y - along @ basis.T
            squares = (rest**2).sum(dim=1) + (along**2 * shrink).sum(dim=1)
            y, log_width = rest + (along * shrink) @ basis.T, log_width - shrink.log().sum()
        y = y / widths.sqrt()
        if axes is not None:
            y = y @ axes.T
        return y, self._log_weights[k] - (squares + log_width) / 2
