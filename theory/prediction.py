"""Every criterion's speciation time for one mixture: what `speciation predict` prints."""

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import schedules
from ._untyped import sparse
from .covariance import Isotropic
from .criteria import CRITERIA, speciation_sigma2, why_no_time
from .mixture import GaussianMixture
from .pair import Pair

__all__ = ["SpeciationTime", "covariance_noise", "speciation_times"]

Array: TypeAlias = NDArray[np.float64]

_DENSE_LIMIT = 2048  # dimension from which the top eigenvalue is found by Lanczos iteration


@dataclass(frozen=True)
class SpeciationTime:
    """One criterion's answer: time in the asked-for clock, σ and γ there, or the reason for none."""

    criterion: str
    time: float | None
    sigma: float | None
    gamma: float | None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary; `reason` only where there is no time."""
        entry = asdict(self)
        if self.reason is None:
            del entry["reason"]
        return entry


def speciation_times(
    mixture: GaussianMixture,
    schedule: schedules.Schedule = schedules.OrnsteinUhlenbeck(),  # noqa: B008 (immutable)
) -> tuple[SpeciationTime, ...]:
    """Speciation time by each of `CRITERIA`, in the schedule's clock.

    Two classes with a shared covariance have all seven (isotropic: the closed forms of T5;
    otherwise the secular equations of `pair`). Other mixtures have the covariance criterion; the
    rest carry the reason why they have no closed form.
    """
    return tuple(_one(criterion, mixture, schedule) for criterion in CRITERIA)


def covariance_noise(mixture: GaussianMixture) -> float:
    """`Λ − 1`, with Λ the largest eigenvalue of the covariance of the data, of any mixture."""
    if mixture.is_binary_channel and mixture.covariances[0].has_spectrum:
        found = Pair.of(mixture).noise("covariance")
        return -1.0 if found is None else found
    centred = np.sqrt(mixture.weights)[:, None] * (mixture.means - mixture.weights @ mixture.means)
    weighted = [(w, mixture.covariance_of(k).parts()) for k, w in enumerate(mixture.weights)]
    diagonal = sum((weight * part for weight, (part, _) in weighted), np.zeros(()))
    columns = [centred.T, *(np.sqrt(w) * u for w, (_, u) in weighted if u is not None)]
    return _top_eigenvalue(diagonal, np.hstack(columns)) - 1


def _top_eigenvalue(diagonal: Array, factors: Array) -> float:
    """Largest eigenvalue of `D + UUᵀ`, D of shape () or (d,) and U of shape (d, r)."""
    if diagonal.ndim == 0:
        small = factors.T @ factors if factors.shape[1] < factors.shape[0] else factors @ factors.T
        return float(diagonal) + float(np.linalg.eigvalsh(small)[-1])
    if diagonal.size <= _DENSE_LIMIT:
        return float(np.linalg.eigvalsh(np.diag(diagonal) + factors @ factors.T)[-1])

    def product(vector: Array) -> Array:
        flat = vector.ravel()
        return diagonal * flat + factors @ (factors.T @ flat)

    size = diagonal.size
    matrix = sparse.LinearOperator((size, size), product, dtype=np.float64)
    return float(sparse.eigsh(matrix, 1, which="LA", v0=np.ones(size), return_eigenvectors=False)[0])


def _one(criterion: str, mixture: GaussianMixture, schedule: schedules.Schedule) -> SpeciationTime:
    if not mixture.is_binary_channel and criterion != "covariance":
        reason = "stated for two classes with a shared covariance, which this mixture is not"
        return SpeciationTime(criterion, None, None, None, reason)
    if mixture.is_binary_channel and criterion != "covariance" and not mixture.covariances[0].has_spectrum:
        reason = "needs eigenvalues that are out of reach in this dimension; a curve does not"
        return SpeciationTime(criterion, None, None, None, reason)
    noise = _noise(criterion, mixture)
    if noise is None:
        return SpeciationTime(criterion, None, None, None, _reason(criterion, mixture))
    sigma = float(np.sqrt(noise))
    gamma = float(mixture.gamma(sigma)) if mixture.is_binary_channel else None
    time = float(schedule.time(sigma))
    if np.isnan(time):
        reason = f"the {schedule.name} clock ends at sigma = {schedule.last_sigma:.6g}"
        return SpeciationTime(criterion, None, sigma, gamma, reason)
    return SpeciationTime(criterion, time, sigma, gamma)


def _noise(criterion: str, mixture: GaussianMixture) -> float | None:
    shared = mixture.shared_covariance
    if mixture.is_binary_channel and isinstance(shared, Isotropic):
        noise = speciation_sigma2(criterion, mixture.separation2, shared.variance, mixture.prior)
        return None if np.isnan(noise) else float(noise)
    if criterion == "covariance":
        noise = covariance_noise(mixture)
        return noise if noise >= 0 else None
    return Pair.of(mixture).noise(criterion)


def _reason(criterion: str, mixture: GaussianMixture) -> str:
    shared = mixture.shared_covariance
    if mixture.is_binary_channel and isinstance(shared, Isotropic):
        return why_no_time(criterion, mixture.separation2, shared.variance, mixture.prior)
    if criterion == "covariance":
        return why_no_time(criterion, 1.0, 1.0)
    pair = Pair.of(mixture)
    if criterion == "probability-flow":
        always = (pair.variances >= 1).any() or (
            pair.balance * pair.overlaps / (1 - pair.variances)
        ).sum() >= 1
        behaviour = "unstable at every finite time" if always else "stable at every time t >= 0"
        return f"the linearised drift is {behaviour}"
    return why_no_time(criterion, pair.gamma(0.0), 1.0)
