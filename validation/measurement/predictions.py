"""What a measured curve is compared with: a mixture, a fit to samples with its errors, or γ of the denoiser.

SPEC, MIX.npz   the mixture as it is, without an error of its own
samples[:N]     N samples of each class drawn with the model, fitted and resampled
denoiser        γ(σ) from the denoiser's difference alone (`denoiser_gamma`)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import NDArray

from ...numerics import entropy_curve, guided_curve, with_places
from ...numerics.curves.fitted import DRAWS, Fitted, of_samples, resampled_curve
from ...theory._support.aliases import Fields
from ...theory.channel.binary import binary_entropy, binary_mmse
from ...theory.mixtures.fits import empirical_parts
from ...theory.mixtures.labelled_samples import Samples
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from ..estimators.denoiser_gamma import DenoiserGamma
from .fit_data import places_in

__all__ = [
    "FITTED_LEVELS",
    "FromDenoiser",
    "FromSamples",
    "Predicted",
    "Prediction",
    "SampleRequest",
    "parsed",
    "side_by_side",
]

Array: TypeAlias = NDArray[np.float64]

FITTED_LEVELS = 64
"""Levels of a prediction whose curves are computed many times."""
_USUAL_SAMPLES = 200
_RESAMPLES = 200  # of chains
_EMPIRICAL, _EMPIRICAL_DRAWS = 600, 500  # samples of the empirical distribution, and draws of its curve
_EACH_DIMENSION = 128  # up to which covariances of each class are fitted beside the shared one
_EACH_RESAMPLES, _EACH_CLASSES = 12, 4
_SAMPLES = re.compile(r"samples(?::(?P<count>\d+))?")


class Predicted(Protocol):
    """A prediction with errors of its own."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...

    @property
    def class_entropy(self) -> float:
        """H(C), nats."""
        ...

    def ends(self) -> Float64[Array, "2"]:
        """Lowest and highest σ of interest."""
        ...

    def curve(
        self,
        sigma: Float64[Array, " levels"],
        guidance: float,
        interval: tuple[float, float] | None,
        seed: int,
    ) -> xr.Dataset:
        """Entropy with errors and places over ascending σ."""
        ...


Prediction: TypeAlias = GaussianMixture | Predicted


@dataclass(frozen=True)
class SampleRequest:
    """`samples[:N]`: how many of each class the model is to draw."""

    count: int = _USUAL_SAMPLES


def parsed(given: object) -> Any:
    """A mixture, a `SampleRequest`, or "denoiser", from what a caller says; `None` stays."""
    if not isinstance(given, (str, Path)) or given == "denoiser":
        return given
    match = _SAMPLES.fullmatch(str(given))
    if match is None:
        return GaussianMixture.parse(given)
    count = _USUAL_SAMPLES if match["count"] is None else int(match["count"])
    if count < 2:
        raise ValueError(f"prediction: needs at least two samples of each class, not {count}")
    return SampleRequest(count)


@dataclass(frozen=True, eq=False)
class FromSamples:
    """A fit to samples, with the errors that resampling them leaves."""

    fitted: Fitted
    samples: Samples

    @classmethod
    def of(cls, samples: Samples, weights: Sequence[float] | None = None, seed: int = 0) -> "FromSamples":
        """A shared covariance, shrunk; of low rank in more dimensions than a matrix has."""
        dimension = samples.rows.shape[1]
        rank = None if dimension <= 2048 else min(64, len(samples.rows) // 2)
        equal = np.full(len(samples.labels), 1 / len(samples.labels))
        shares = equal if weights is None else np.asarray(weights)
        return cls(of_samples(samples, rank=rank, weights=shares, seed=seed), samples)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.fitted.mixture.labels

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.fitted.mixture.classes

    @property
    def class_entropy(self) -> float:
        """H(C), nats."""
        return self.fitted.mixture.class_entropy

    def ends(self) -> Float64[Array, "2"]:
        """Of the mixture's window."""
        return window_sigmas(self.fitted.mixture, 2)

    def curve(
        self,
        sigma: Float64[Array, " levels"],
        guidance: float,
        interval: tuple[float, float] | None,
        seed: int,
    ) -> xr.Dataset:
        """Of the fit, without its bias and with its errors; guided, of the mixture as it is."""
        if guidance != 1:
            return guided_curve(self.fitted.mixture, sigma, guidance, interval, key=seed)
        return self.fitted.curve(sigma, key=seed)


@dataclass(frozen=True, eq=False)
class FromDenoiser:
    """γ of two classes along the model's chains, which are resampled for errors."""

    found: DenoiserGamma
    labels: tuple[str, ...]
    prior: float = 0.5
    classes: int = 2

    @property
    def class_entropy(self) -> float:
        """H(C), nats."""
        return float(binary_entropy(0.0, self.prior))

    def ends(self) -> Float64[Array, "2"]:
        """Of the levels of the chains."""
        return self.found.sigma[[0, -1]]

    def curve(
        self,
        sigma: Float64[Array, " levels"],
        guidance: float,
        interval: tuple[float, float] | None,
        seed: int,
    ) -> xr.Dataset:
        """The binary channel's at the mean γ, which levels beyond those of the chains take from the last."""
        if guidance != 1:
            raise ValueError("prediction: denoiser predicts curves without guidance")
        rng = np.random.default_rng([seed, 0xDE])
        held = self.found.gammas
        drawn = rng.integers(0, len(held), (_RESAMPLES, len(held)))
        gammas = np.stack([held.mean(axis=0), *(held[places].mean(axis=0) for places in drawn)])
        rows = np.stack([self._channel(sigma, gamma) for gamma in gammas])
        about = {"method": "denoiser", "resamples": _RESAMPLES, "resampled": "chains", "classes": 2}
        about |= {"mean_sigma": self.found.mean_sigma, "mean_change": self.found.mean_change}
        # the mean of γ has no bias that resampling would have to show
        centred = rows[1:] - rows[1:].mean(axis=0) + rows[0]
        curve = resampled_curve(sigma, rows[0], centred, self.class_entropy, about)
        per_log = 1 / (1 + sigma**-2.0)
        resampled = (centred[:, 0], centred[:, 1] * per_log)
        return with_places(curve, class_entropy=self.class_entropy, resampled=resampled, seed=seed)

    def _channel(
        self, sigma: Float64[Array, " levels"], gamma: Float64[Array, " known"]
    ) -> Float64[Array, "2 levels"]:
        """Entropy and rate (2, levels) at γ interpolated in its logarithm."""
        from scipy.interpolate import PchipInterpolator

        x, known = np.log(self.found.sigma), np.log(np.maximum(gamma, 1e-12))
        at = np.log(sigma)
        spline: Any = PchipInterpolator(x, known, extrapolate=False)
        inside = np.clip(at, x[0], x[-1])
        # γ falls as 1/σ² above, and below is what it was
        log_gamma = spline(inside) - 2 * np.maximum(at - x[-1], 0.0)
        slope = np.where(at > x[-1], -2.0, np.where(at < x[0], 0.0, spline.derivative()(inside)))
        value = np.exp(log_gamma)
        # dH/dt = (1 + σ²)/σ² · dH/d log σ, and dH/dγ = −½ mmse
        rate = -0.5 * np.asarray(binary_mmse(value, self.prior)) * value * slope * (1 + sigma**-2.0)
        return np.stack([np.asarray(binary_entropy(value, self.prior)), rate])


def side_by_side(
    prediction: FromSamples, own: Callable[[], GaussianMixture | None], seed: int = 0
) -> Mapping[str, Fields]:
    """Peaks and median by each theory of the same samples, and of the model's own mixture if it has one.

    `shared` is T2's or many classes', `each` has a covariance of each class (T17), `empirical` is the exact
    minimiser of the training loss on (at most 600 of) the samples, `own` the mixture that predicts the model
    unless another is named. What would take too long is not there.
    """
    samples = prediction.samples
    found = {"shared": places_in(prediction.curve(_grid(prediction.fitted.mixture), 1.0, None, seed))}
    small = samples.rows.shape[1] <= _EACH_DIMENSION
    if small and min(samples.counts) > 2:
        few = _EACH_RESAMPLES if len(samples.labels) <= _EACH_CLASSES else 4
        weights = prediction.fitted.mixture.weights
        each = of_samples(samples, "each", resamples=few, weights=weights, seed=seed)
        found["each"] = places_in(each.curve(_grid(each.mixture, 40), samples=DRAWS, key=seed))
    if small:
        found["empirical"] = places_in(_empirical(samples, seed), errors=False)
    mixture = own()
    if mixture is not None:
        found["own"] = places_in(entropy_curve(mixture, _grid(mixture, 100), samples=5 * DRAWS, key=seed))
    return found


def _empirical(samples: Samples, seed: int) -> xr.Dataset:
    """The curve of a point at each of the first samples of every class."""
    share = max(2, _EMPIRICAL // len(samples.labels))
    rows = [np.flatnonzero(samples.own == k)[:share] for k in range(len(samples.labels))]
    few = np.concatenate(rows)
    names = np.array(samples.labels)[samples.own[few]]
    mixture = GaussianMixture(*empirical_parts(samples.rows[few], names, 0.0))
    grid = np.geomspace(*_window_of_points(samples.rows[few]), 40)
    return entropy_curve(
        mixture, grid, samples=_EMPIRICAL_DRAWS, key=seed, method="ambient", partition=mixture.partition
    )


def _window_of_points(rows: Float64[Array, "n d"]) -> tuple[float, float]:
    """From where neighbours are apart to where all are one."""
    spread = float(np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean()))
    return spread / 40, 4 * spread


def _grid(mixture: GaussianMixture, levels: int = FITTED_LEVELS) -> Float64[Array, " {levels}"]:
    return window_sigmas(mixture, levels)
