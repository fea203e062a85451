"""Every criterion's speciation time for one mixture: what `speciation predict` prints."""

from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import schedules
from .._support.aliases import Fields
from .._support.untyped import optimize, sparse
from ..closed_forms.dispatch import ExactCurves, exact_curves
from ..closed_forms.factors import factors_of
from ..closed_forms.gaussian_pair import Pair
from ..mixtures.mixture import GaussianMixture
from .criteria import CRITERIA, Criterion, speciation_sigma2, why_no_time
from .second_mode import second_mode_gamma
from .window import window_sigmas

__all__ = [
    "SpeciationTime",
    "covariance_noise",
    "expected_seconds",
    "midpoint_separation2",
    "noise_at_gamma",
    "placed",
    "speciation_times",
    "why_no_spectrum",
]

Array: TypeAlias = NDArray[np.float64]

_ENTROPIC = ("entropy-peak", "entropy-median")
_SCAN = 0.05  # distance in log σ of the levels that bracket the highest peak of a rate; it is 1 to 2 wide
_FOLLOWED = 40  # levels, about, that a search then asks for, one at a time
_ALIGNED = 0.01  # share of |δ|² in a direction below which the classes have no part in what happens there
_MIDPOINT = ("curvature", "reverse-sde", "probability-flow")
_DENSE_LIMIT = 2048  # dimension from which the top eigenvalue is found by Lanczos iteration


@dataclass(frozen=True)
class SpeciationTime:
    """The speciation time by one criterion, with σ and γ there, or the reason why there is none.

    Attributes
    ----------
    criterion : str
        One of `CRITERIA`, or a name of `run_times`.
    time : float or None
        In the schedule's clock; OU time by default.
    sigma : float or None
        Noise-to-signal ratio σ.
    gamma : float or None
        Separation γ at σ, for two classes that share a covariance.
    reason : str or None
        Why there is no time.
    note : str or None
        What to keep in mind where the criterion means something else than its name says.
    """

    criterion: str
    time: float | None
    sigma: float | None
    gamma: float | None
    reason: str | None = None
    note: str | None = None

    def to_json(self) -> Fields:
        """The fields as a plain dictionary.

        Returns
        -------
        dict
            `reason` only if there is no time, `note` only if there is one.
        """
        entry = asdict(self)
        return {name: value for name, value in entry.items() if value or name not in ("reason", "note")}


def speciation_times(
    mixture: GaussianMixture,
    schedule: schedules.Schedule = schedules.OrnsteinUhlenbeck(),  # noqa: B008 (immutable)
) -> tuple[SpeciationTime, ...]:
    """Speciation time by each of `CRITERIA`, in the schedule's clock.

    Two classes with a shared covariance have all eight (isotropic: the closed forms of T5;
    otherwise the secular equations of `pair`). Other mixtures have the covariance criterion; the entropy
    criteria where their curve is exact; and the instabilities of the midpoint where equally distant
    classes of equal weight, or independent choices of them, make it one. There a class adds
    `(M/K)(I − 11ᵀ/K)` to the covariance, so `M/K` takes the place of `|δ|²`; of several choices the first
    to turn unstable counts.

    Parameters
    ----------
    mixture : GaussianMixture
    schedule : Schedule
        Whose clock `time` is in; Ornstein–Uhlenbeck unless given.

    Returns
    -------
    tuple of SpeciationTime
        One for each criterion: a time with σ and γ, or with the reason why it has no closed form.

    References
    ----------
    T5, T7, T13, T14, T15, T24.
    """
    return tuple(_one(criterion, mixture, schedule) for criterion in CRITERIA)


def expected_seconds(mixture: GaussianMixture) -> float:
    """How long `speciation_times` will take here: exact curves are scanned, then followed to a place."""
    exact = None if mixture.is_binary_channel else _exact(mixture)
    if exact is None:
        return 0.0
    once, each = exact.seconds(window_sigmas(mixture, 3))
    return len(_ENTROPIC) * (_scanned(mixture).size * each + _FOLLOWED * once)


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


def _one(criterion: Criterion, mixture: GaussianMixture, schedule: schedules.Schedule) -> SpeciationTime:
    reason = _why_not(criterion, mixture)
    if reason is not None:
        return SpeciationTime(criterion, None, None, None, reason)
    noise = _noise(criterion, mixture)
    if noise is None:
        return SpeciationTime(criterion, None, None, None, _reason(criterion, mixture))
    return placed(criterion, noise, mixture, schedule, _note(criterion, noise, mixture))


def placed(
    criterion: str,
    noise: float,
    mixture: GaussianMixture,
    schedule: schedules.Schedule,
    note: str | None = None,
) -> SpeciationTime:
    """An answer at `noise = σ²`, in the schedule's clock where that reaches so far."""
    sigma = float(np.sqrt(noise))
    gamma = float(mixture.gamma(sigma)) if mixture.is_binary_channel else None
    time = float(schedule.time(sigma))
    if np.isnan(time):
        reason = f"the {schedule.name} clock ends at sigma = {schedule.last_sigma:.6g}"
        return SpeciationTime(criterion, None, sigma, gamma, reason, note)
    return SpeciationTime(criterion, time, sigma, gamma, note=note)


def noise_at_gamma(mixture: GaussianMixture, level: float) -> float | None:
    """σ² at which γ of two classes is `level > 0`, or `None` where γ never gets that large."""
    variance = mixture.isotropic_variance
    if variance is None:
        return Pair.of(mixture).noise_at_gamma(level)
    noise = mixture.separation2 / level - variance
    return noise if noise >= 0 else None


def why_no_spectrum(mixture: GaussianMixture) -> str | None:
    """Why the γ of two classes cannot be followed here, or `None` if it can."""
    within = mixture.covariances[0].has_spectrum
    return None if within else "needs eigenvalues, which are too many in this dimension; a curve needs none"


def _note(criterion: str, noise: float, mixture: GaussianMixture) -> str | None:
    """Where a criterion of two classes with a shared covariance does not mean what its name says."""
    if not mixture.is_binary_channel or not mixture.covariances[0].has_spectrum:
        return None
    pair, directions = Pair.of(mixture), mixture.isotropic_variance is None
    if directions and criterion == "covariance" and _alignment(pair, noise) < _ALIGNED:
        return f"its direction holds under {_ALIGNED:.0%} of |δ|²: the width of the data, not of the classes"
    if directions and criterion == "reverse-sde" and abs(noise - (pair.largest - 2)) <= 1e-9 * pair.largest:
        return "turns unstable in a direction in which the classes do not differ"
    if criterion in _MIDPOINT and pair.balance < 1:
        return "linearised at the midpoint, which is no fixed point at unequal weights"
    return None


def _alignment(pair: Pair, noise: float) -> float:
    """Share of |δ|² along the top eigenvector of the data's covariance, whose eigenvalue is `1 + noise`.

    The eigenvector of `Σ + c²δδᵀ` at Λ is `(Λ − Σ)^{−1}δ`; where Λ is an eigenvalue of Σ in a direction
    without overlap with δ it is that direction, and the share 0.
    """
    with np.errstate(divide="ignore", over="ignore"):
        parts = pair.overlaps / (noise + 1 - pair.variances)
        square = float((parts / (noise + 1 - pair.variances)).sum())
    first = float(parts.sum())
    if not np.isfinite(square) or pair.balance * first < 1 - 1e-6:
        return 0.0
    return first**2 / (square * float(pair.overlaps.sum()))


def _why_not(criterion: Criterion, mixture: GaussianMixture) -> str | None:
    """Why a criterion has no closed form for this mixture, or `None` if it has one."""
    if criterion == "covariance":
        return None
    if mixture.is_binary_channel:
        return why_no_spectrum(mixture)
    if criterion == "second-mode":
        return "stated for two classes with a shared covariance"
    if criterion == "cloning":
        return "its threshold is stated for two classes with a shared covariance"
    if criterion in _ENTROPIC:
        return None if _exact(mixture) is not None else "no closed form; `speciation curve` measures it"
    if midpoint_separation2(mixture) is None:
        return "stated for the midpoint of equally likely, equally distant classes"
    return None


def midpoint_separation2(mixture: GaussianMixture) -> float | None:
    """What stands for `|δ|²` at the midpoint: the largest `M/K` of equally likely choices, if it is one."""
    factors = factors_of(mixture)
    if factors is None or not all(factor.is_even for factor in factors):
        return None
    return max(factor.half_distance2 / factor.weights.size for factor in factors)


def _exact(mixture: GaussianMixture) -> ExactCurves | None:
    """Exact curves that reach every level that is scanned."""
    exact = exact_curves(mixture)
    return exact if exact is None or exact.lowest == 0 else exact.reaching(_scanned(mixture))


def _scanned(mixture: GaussianMixture) -> Array:
    """Levels that bracket the highest peak of a rate, shape (levels,)."""
    low, high = (float(end) for end in window_sigmas(mixture, 2))
    count = 2 + int(np.log(high / low) / _SCAN)
    return np.asarray(np.geomspace(low, high, count), dtype=np.float64)


def _from_curve(criterion: Criterion, mixture: GaussianMixture) -> float | None:
    """σ² at the highest peak of the exact rate, or where half of the class entropy is left."""
    exact = _exact(mixture)
    assert exact is not None  # noqa: S101 (asked for only where there is one)
    grid = _scanned(mixture)
    entropy, rate, _ = exact.evaluate(grid)
    if criterion == "entropy-peak":
        best = int(np.argmax(rate))
        if best in (0, grid.size - 1):
            return None

        def fall(log_sigma: float) -> float:
            return -float(exact.evaluate(np.exp([log_sigma]))[1, 0])

        bounds = (np.log(grid[best - 1]), np.log(grid[best + 1]))
        found = optimize.minimize_scalar(fall, bounds=bounds, method="bounded", options={"xatol": 1e-9})
        return float(np.exp(2 * found.x))
    half = mixture.class_entropy / 2
    if entropy[0] > half:
        return None

    def excess(log_sigma: float) -> float:
        return float(exact.evaluate(np.exp([log_sigma]))[0, 0]) - half

    return float(np.exp(2 * optimize.brentq(excess, np.log(grid[0]), np.log(grid[-1]), xtol=1e-12)))


def _noise(criterion: Criterion, mixture: GaussianMixture) -> float | None:
    variance = mixture.isotropic_variance
    if mixture.classes == 2 and variance is not None:
        noise = speciation_sigma2(criterion, mixture.separation2, variance, mixture.minority)
        return None if np.isnan(noise) else float(noise)
    if criterion == "covariance":
        noise = covariance_noise(mixture)
        return noise if noise >= 0 else None
    if not mixture.is_binary_channel:
        return _from_curve(criterion, mixture) if criterion in _ENTROPIC else _at_midpoint(criterion, mixture)
    if criterion == "second-mode":
        return noise_at_gamma(mixture, float(second_mode_gamma(mixture.minority)))
    return Pair.of(mixture).noise(criterion)


def _at_midpoint(criterion: Criterion, mixture: GaussianMixture) -> float | None:
    noise = speciation_sigma2(criterion, midpoint_separation2(mixture) or 1.0, _variance(mixture))
    return None if np.isnan(noise) else float(noise)


def _variance(mixture: GaussianMixture) -> float:
    return float(mixture.covariances[0].variances)


def _reason(criterion: Criterion, mixture: GaussianMixture) -> str:
    variance = mixture.isotropic_variance
    if mixture.classes == 2 and variance is not None:
        return why_no_time(criterion, mixture.separation2, variance, mixture.minority)
    if criterion == "covariance":
        return why_no_time(criterion, 1.0, 1.0)
    if not mixture.is_binary_channel:
        if criterion in _ENTROPIC:
            return "the curve does not get there at any sigma > 0"
        return why_no_time(criterion, midpoint_separation2(mixture) or 1.0, _variance(mixture))
    pair = Pair.of(mixture)
    if criterion == "probability-flow":
        always = pair.largest >= 1 or (pair.balance * pair.overlaps / (1 - pair.variances)).sum() >= 1
        behaviour = "unstable at every finite time" if always else "stable at every time t >= 0"
        return f"the linearised drift is {behaviour}"
    return why_no_time(criterion, pair.gamma(0.0), 1.0)
