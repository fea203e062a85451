"""What a mixture that was fitted to samples predicts, with the error that these samples leave.

Samples are drawn again from each class, with replacement, and fitted again with the shrinkage that was found
(bootstrap). A mean of n samples is off by tr Σ/n in its square, which lengthens δ and so γ; resampled fits
are longer by as much again, so a curve is given without that bias,

    H(σ) = 2 H_fit(σ) − mean of H_resampled(σ),

and its interval is that of the resampled curves about it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from ...theory._support.aliases import Fields
from ...theory._support.error_settings import usual_errors
from ...theory.channel.binary import binary_entropy, binary_mmse
from ...theory.mixtures.covariance import Covariance
from ...theory.mixtures.fits import Fit, Kind, fit_chunks, refit
from ...theory.mixtures.labelled_samples import Samples, samples_of
from ...theory.mixtures.mixture import GaussianMixture
from ...theory.times.window import window_sigmas
from .._support.seeds import Key, seed_of
from .covariance import covariance_variables, kept_levels, of_rows
from .dataset import checked_sigmas, labelled
from .entropy import bare_curves, entropy_curve
from .places import with_places

__all__ = ["Fitted", "fitted", "of_means", "of_samples", "resampled_curve"]

Array: TypeAlias = NDArray[np.float64]

DRAWS = 4000
"""For mixtures without an exact curve; every resampled fit is given the same draws."""
LEVELS = 64
"""Levels of a curve whose levels are not said."""
_MANY, _FEW = 100, 24  # resampled fits: of small matrices with exact curves, and of others
_STREAM = 0xF17  # of the seed's random numbers
_SMALL, _REFITTED = 256, 800  # dimensions of many refits, and of any; beyond, the covariance is held


@dataclass(frozen=True)
class Fitted:
    """A fitted mixture, and the same fit to resampled samples.

    Attributes
    ----------
    mixture : GaussianMixture
        The fit to all samples.
    replicas : tuple of GaussianMixture
        Fits to samples drawn again, with replacement, from each class; without any, curves have no errors.
    counts : tuple of int
        Samples of each class.
    shrinkage : tuple of float
        ρ of each covariance, from 0 (none) to 1.
    held : bool
        Whether the replicas keep the covariance of the fit, which leaves out its share of the errors.

    References
    ----------
    LW04 (Ledoit, Wolf, J. Multivariate Analysis 88(2), 2004).
    """

    mixture: GaussianMixture
    replicas: tuple[GaussianMixture, ...]
    counts: tuple[int, ...]
    shrinkage: tuple[float, ...]
    held: bool = False

    def among(self, labels: Sequence[str]) -> "Fitted":
        """The fit of some of the classes only, with equal weights.

        Parameters
        ----------
        labels : sequence of str
            Names of the classes.

        Returns
        -------
        Fitted

        Raises
        ------
        ValueError
            A label that is not one of the mixture's.
        """
        own = self.mixture.among(labels, equal=True)
        return replace(
            self, mixture=own, replicas=tuple(each.among(labels, equal=True) for each in self.replicas)
        )

    @usual_errors
    def curve(self, sigmas: ArrayLike | None = None, *, samples: int = DRAWS, key: Key = 0) -> xr.Dataset:
        """The predicted curve without the bias of the fit, with errors of the samples.

        Parameters
        ----------
        sigmas : array_like, shape (levels,), optional
            Noise levels σ > 0, ascending; by default those between which the class is decided.
        samples : int
            Draws, for mixtures without an exact curve.
        key : int or JAX key
            Their seed.

        Returns
        -------
        xarray.Dataset
            As of `entropy_curve`, without `agreement`: `entropy` (nats) and `rate` (per unit OU time) with
            standard errors; `gamma` with its own for two classes that share a covariance; places with 95 %
            intervals; attributes `resamples` and `resampled`.

        Raises
        ------
        ValueError
            A single class, or levels that are not finite and above 0.

        References
        ----------
        T2, T17.
        """
        grid = window_sigmas(self.mixture, LEVELS) if sigmas is None else checked_sigmas(sigmas)
        seed = seed_of(key)
        if not self.replicas:
            return entropy_curve(self.mixture, grid, samples=samples, key=seed)
        found, errors, attributes = bare_curves(self.mixture, grid, samples, seed)
        rows = np.stack(list(self._resampled(grid, samples, seed)))
        attributes |= {"resamples": len(rows), "resampled": "means" if self.held else "means, covariances"}
        attributes["classes"] = self.mixture.classes
        whole = self.mixture.class_entropy
        curve = resampled_curve(grid, found, rows, whole, attributes, errors=errors)
        if self.mixture.is_binary_channel:
            curve = curve.assign(self._gammas(grid))
        return with_places(curve, class_entropy=whole, resampled=_recentred(curve, rows), seed=seed)

    def _resampled(self, sigma: Float64[Array, " levels"], draws: int, seed: int) -> Iterator[Array]:
        """Entropy and rate (2, levels) of each resampled fit."""
        shared = self.mixture.shared_covariance
        if self.held and self.mixture.is_binary_channel and shared is not None:
            yield from _with_one_covariance(shared, self.replicas, sigma)
            return
        for each in self.replicas:
            yield bare_curves(each, sigma, draws, seed)[0]

    def _gammas(self, sigma: Float64[Array, " levels"]) -> Fields:
        """γ of two classes without its bias, and its standard error."""
        shared = self.mixture.shared_covariance
        if self.held and shared is not None:
            rows = _forms(shared, self.replicas, sigma)[0]
        else:
            rows = np.stack([each.gamma(sigma) for each in self.replicas])
        about = {"long_name": "γ = δᵀ(Σ + σ²I)⁻¹δ", "units": "1"}
        value = 2 * self.mixture.gamma(sigma) - rows.mean(axis=0)
        error = rows.std(axis=0, ddof=1)
        of_error = {"long_name": "standard error of γ", "units": "1"}
        return {"gamma": ("sigma", value, about), "gamma_se": ("sigma", error, of_error)}


def resampled_curve(
    sigma: Float64[Array, " levels"],
    found: Float64[Array, "2 levels"],
    rows: Float64[Array, "resamples 2 levels"],
    whole: float,
    attributes: Fields,
    errors: Float64[Array, "2 levels"] | float = 0.0,
) -> xr.Dataset:
    """Entropy and rate (2, levels) without the bias that `rows` (resamples, 2, levels) show, with errors."""
    value = 2 * found - rows.mean(axis=0)
    value[0] = np.clip(value[0], 0.0, whole)
    error = np.hypot(rows.std(axis=0, ddof=1), errors)
    named = zip(("entropy", "rate"), value, error, strict=True)
    curve = labelled(sigma, {name: (own, spread) for name, own, spread in named}, attributes)
    places = kept_levels(sigma)
    # a resampled fit varies as the fit itself, and not as the mean of them
    shared = len(rows) * of_rows(rows, places)
    return curve.assign(covariance_variables(("entropy", "rate"), sigma[places], shared, len(rows)))


def _recentred(
    curve: xr.Dataset, rows: Float64[Array, "resamples 2 levels"]
) -> tuple[Float64[Array, "resamples levels"], Float64[Array, "resamples levels"]]:
    """Resampled entropies and slopes per log σ about the curve that is given."""
    per_log = 1 / (1 + curve.sigma.values**-2.0)
    entropies = rows[:, 0] - rows[:, 0].mean(axis=0) + curve.entropy.values
    rates = rows[:, 1] - rows[:, 1].mean(axis=0) + curve.rate.values
    return entropies, rates * per_log


@usual_errors
def fitted(
    X: ArrayLike,
    y: ArrayLike,
    covariance: Kind = "shared",
    shrinkage: str | float | None = "ledoit-wolf",
    rank: int | None = None,
    *,
    resamples: int | None = None,
    key: Key = 0,
) -> Fitted:
    """`GaussianMixture.fit`, and the same fit to samples drawn again from each class, for errors.

    Parameters
    ----------
    X, y, covariance, shrinkage, rank
        As of `GaussianMixture.fit`.
    resamples : int, optional
        Fits to resampled samples: 100 of two classes that share a covariance in up to 256 dimensions, 24 of
        others, unless given. Beyond 800 dimensions, or with a rank, means alone are fitted again.
    key : int or JAX key
        Seed of the resampling.

    Returns
    -------
    Fitted
        Its `curve()` has γ(σ), entropy, peaks and median with errors.

    Raises
    ------
    ValueError
        As `GaussianMixture.fit`; for fewer than two resamples.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(200) % 2
    >>> found = fitted(rng.standard_normal((200, 4)) + 2 * y[:, None], y)
    >>> curve = found.curve()
    >>> bool(curve.peak_per_log_sigma_low < curve.peak_per_log_sigma < curve.peak_per_log_sigma_high)
    True

    References
    ----------
    section 5; LW04.
    """
    return of_samples(samples_of(X, y), covariance, shrinkage, rank, resamples=resamples, seed=seed_of(key))


def of_samples(
    samples: Samples,
    covariance: Kind = "shared",
    shrinkage: str | float | None = "ledoit-wolf",
    rank: int | None = None,
    *,
    resamples: int | None = None,
    seed: int = 0,
    weights: ArrayLike | None = None,
    fit: Fit | None = None,
) -> Fitted:
    """As `fitted`, of samples whose classes are numbered; `fit` is theirs where it is known already."""
    if fit is None:
        fit = fit_chunks(samples.chunks, covariance, shrinkage, rank, weights, names=samples.labels)
    mixture = GaussianMixture(*fit.parts)
    held = rank is not None or mixture.dimension > _REFITTED
    quick = covariance == "shared" and mixture.classes == 2 and (held or mixture.dimension <= _SMALL)
    count = resamples or (_MANY if quick else _FEW)
    if held:
        return replace(of_means(mixture, samples, count, seed), shrinkage=fit.shrinkage)
    _check_count(count)
    rng = np.random.default_rng([seed, _STREAM])
    replicas: list[GaussianMixture] = []
    for _ in range(count):
        parts = refit(samples.redrawn(rng), covariance, fit.shrinkage, rank)
        replicas.append(GaussianMixture(*parts._replace(weights=fit.parts.weights)))
    return Fitted(mixture, tuple(replicas), fit.counts, fit.shrinkage)


def _check_count(resamples: int) -> None:
    if resamples < 2:
        raise ValueError(f"resamples: need at least two, not {resamples}")


def of_means(mixture: GaussianMixture, samples: Samples, resamples: int, seed: int = 0) -> Fitted:
    """A mixture with the means of resampled `samples` of its classes, in its order; covariances are held."""
    _check_count(resamples)
    rng = np.random.default_rng([seed, _STREAM])
    replicas: list[GaussianMixture] = []
    for _ in range(resamples):
        drawn = samples.redrawn(rng)
        means = np.stack([drawn.rows[drawn.own == k].mean(axis=0) for k in range(mixture.classes)])
        replicas.append(GaussianMixture(mixture.weights, means, list(mixture.covariances), mixture.labels))
    return Fitted(mixture, tuple(replicas), tuple(map(int, samples.counts)), (), held=True)


def _forms(
    covariance: Covariance, mixtures: Sequence[GaussianMixture], sigma: Float64[Array, " levels"]
) -> tuple[Float64[Array, "mixtures levels"], Float64[Array, "mixtures levels"]]:
    """γ and `dγ/dσ²` (mixtures, levels) of pairs that share one covariance, each level factored once."""
    half = np.stack([each.half_difference for each in mixtures])
    gammas, slopes = (np.empty((len(mixtures), sigma.size)) for _ in range(2))
    for level, noise in enumerate(np.square(sigma)):
        solved = covariance.solve(half, float(noise))
        gammas[:, level] = (half * solved).sum(axis=1)
        slopes[:, level] = -(solved**2).sum(axis=1)
    return gammas, slopes


def _with_one_covariance(
    covariance: Covariance, mixtures: Sequence[GaussianMixture], sigma: Float64[Array, " levels"]
) -> Iterator[Array]:
    for own, gamma, slope in zip(mixtures, *_forms(covariance, mixtures, sigma), strict=True):
        rate = -binary_mmse(gamma, own.minority) * slope * (1 + sigma**2)
        yield np.stack([np.asarray(binary_entropy(gamma, own.minority)), np.asarray(rate)])
