"""Gaussian mixtures with a class per component: the data that every statement is about.

    X₀ ~ Σ_k w_k N(m_k, Σ_k),        class C = k with probability w_k

For two classes that share a covariance one number decides (T2):

    γ(σ) = δᵀ(Σ + σ²I)^{-1}δ,        δ = (m₁ − m₂)/2.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import ApiArray, Fields
from .._support.real_numbers import real_numbers, refuse_unless, rounding_of, with_rounding
from .._support.values import Value, frozen
from .covariance import Covariance, Full, Isotropic
from .covariance_reading import read_covariances
from .partition import checked_partition, is_list_of_strings
from .parts import CovarianceLike
from .posterior import Classes, classes_of
from .sklearn_fits import fitted_parts

if TYPE_CHECKING:
    from .labelled_samples import Chunks

__all__ = ["GaussianMixture"]

Array: TypeAlias = NDArray[np.float64]

_SMALLEST = 1e-290  # squared distance; below it products leave the normal numbers
_LARGEST_TRACE = 1e300  # of a covariance; the noise above the window is a thousand times larger
_WORST_CONDITION = 1e10  # of Σ + σ²I; leaves relative errors of about 1e-5
_WEIGHT_ROUNDING = 1e-8  # how far from 1 a sum of decimal weights may be
_SUMMED = 2 * float(np.finfo(np.float64).eps)  # how far from 1 a sum of divided weights can be


@dataclass(frozen=True, eq=False, init=False, repr=False)
class GaussianMixture(Value):
    """An immutable Gaussian mixture, one class per component.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Class probabilities, positive, summing to 1.
    means : array_like, shape (K, d)
        Class means.
    covariances
        Shared by all classes: a number `s²`, (d,) variances, or a matrix (d, d); or one per class: a
        sequence of K of these, or (K,) variances, (K, d) diagonals, (K, d, d) matrices. Lists, arrays
        and tensors mean the same. If K = d, an array can be read in two ways and is refused; `Isotropic`,
        `Diagonal`, `Full` and `LowRank` objects say which is meant. `from_sklearn` reads a fitted estimator.
    labels : sequence of K distinct strings, optional
        Class names; `"0"`, `"1"`, … by default.
    partition : mapping from group name to class names, optional
        Groups of classes, covering each class once.

    Raises
    ------
    ValueError
        One line that names the argument, for anything that is not such a mixture. Classes that
        coincide are refused when all of them do: their entropy never falls.

    Warns
    -----
    UserWarning
        A class that has no width in some direction without being a point, `Isotropic(0)`: a singular matrix,
        or a variance of zero.
    """

    weights: Array
    means: Array
    covariances: tuple[Covariance, ...]
    """One per class, or a single one that all classes share."""
    labels: tuple[str, ...]
    partition: Mapping[str, tuple[str, ...]] | None

    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: CovarianceLike,
        labels: Sequence[str] | None = None,
        partition: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        means_, _ = _numbers(means, "means")
        if means_.ndim != 2 or means_.shape[1] == 0:
            raise ValueError(f"means: need shape (classes, dimensions), not {means_.shape}")
        classes, dimension = means_.shape
        covariances_ = read_covariances(covariances, classes, dimension)
        _set(self, weights=_checked_weights(weights, classes), means=means_)
        _set(self, covariances=covariances_, labels=_checked_labels(labels, classes))
        _set(self, partition=checked_partition(partition, self.labels))
        self._refuse_coinciding()
        if any(covariance.trace_in(dimension) > _LARGEST_TRACE for covariance in covariances_):
            raise ValueError(f"covariances: the sum of a class's variances exceeds {_LARGEST_TRACE:g}")
        self._warn_of_flat_classes()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GaussianMixture):
            return NotImplemented
        return (
            np.array_equal(self.weights, other.weights)
            and np.array_equal(self.means, other.means)
            and self.covariances == other.covariances
            and (self.labels, self.partition) == (other.labels, other.partition)
        )

    def __hash__(self) -> int:
        return hash((self.weights.tobytes(), self.means.tobytes(), self.labels))

    def __repr__(self) -> str:
        shared = "one each" if self.shared_covariance is None else "shared"
        kinds = "+".join(sorted({covariance.kind for covariance in self.covariances}))
        parts = [f"{self.classes} classes", f"dimension {self.dimension}", f"covariance {kinds}, {shared}"]
        if self.classes > 1:
            # the average over pairs, without forming them
            spread = self.means - self.means.mean(axis=0)
            separation2 = float(np.square(spread).sum()) / (2 * (self.classes - 1))
            parts.append(f"{'mean ' if self.classes > 2 else ''}separation2 {separation2:.6g}")
        return f"GaussianMixture({', '.join(parts)})"

    @classmethod
    def from_sklearn(cls, fitted: object, labels: Sequence[str] | None = None) -> "GaussianMixture":
        """The mixture that scikit-learn fitted, a class per component.

        Parameters
        ----------
        fitted : sklearn.mixture.GaussianMixture or BayesianGaussianMixture
            After `fit`, of any `covariance_type`: `full`, `tied`, `diag` or `spherical`.
        labels : sequence of K distinct strings, optional
            Class names, in the order of the components.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            An object that is not such an estimator, or one that has not been fitted.
        """
        return cls(*fitted_parts(fitted, labels))

    @classmethod
    def fit(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        covariance: Literal["shared", "each"] = "shared",
        shrinkage: str | float | None = "ledoit-wolf",
        rank: int | None = None,
        *,
        weights: ArrayLike | None = None,
    ) -> "GaussianMixture":
        """The mixture of samples with classes: `m_k` their means, Σ̂ what is left within the classes.

            Σ̂ = (1 − ρ) S + ρ μ I,    S = Σ_i (x_i − m_{y_i})(x_i − m_{y_i})ᵀ / n,    μ = tr S / d

        Parameters
        ----------
        X : array_like, shape (n, …)
            Samples, flattened to (n, d).
        y : array_like, shape (n,)
            The class of each: numbers or texts, kept as texts in their order.
        covariance : {"shared", "each"}
            One that is pooled over the classes, as T2 takes, or one of each class (T17).
        shrinkage : "ledoit-wolf", number from 0 to 1, or None
            ρ: Ledoit and Wolf's estimate of the best, a given one, or none.
        rank : int, optional
            Keep this many directions of S, and of the rest the variance of each coordinate: `LowRank`, for
            dimensions beyond 4096. From 2048 on the directions come from a sketch of the samples.
        weights : array_like, shape (K,), optional
            Class probabilities; the shares of the samples unless given.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            Samples that cannot be fitted: a class with a single sample if each class has its own covariance;
            without shrinkage, fewer samples than dimensions, or features that are constant within classes,
            which would leave a singular covariance.

        References
        ----------
        LW04 (Ledoit, Wolf, J. Multivariate Analysis 88(2), 2004).
        """
        from .fits import fit_samples

        return cls(*fit_samples(X, y, covariance, shrinkage, rank, weights).parts)

    @classmethod
    def fit_chunks(
        cls,
        chunks: "Chunks",
        covariance: Literal["shared", "each"] = "shared",
        shrinkage: str | float | None = "ledoit-wolf",
        rank: int | None = None,
        *,
        weights: ArrayLike | None = None,
    ) -> "GaussianMixture":
        """As `fit`, for samples that do not fit into memory.

        `chunks` is called twice, once for the means and once for the covariance. Memory is that of one chunk,
        of the means, and of one matrix (d, d), or with a rank r of about (2r + 100) d numbers; with "each" it
        is that for every class.

        Parameters
        ----------
        chunks : callable
            `chunks()` gives pairs (X, y) as `fit` takes them, the same ones at each call.
        covariance, shrinkage, rank, weights
            As for `fit`.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            What `fit` refuses, or chunks of different dimensions.

        References
        ----------
        LW04.
        """
        from .fits import fit_chunks

        return cls(*fit_chunks(chunks, covariance, shrinkage, rank, weights).parts)

    @classmethod
    def empirical(cls, X: ArrayLike, y: ArrayLike, variance: float) -> "GaussianMixture":
        """The smoothed empirical distribution: a component `N(x_i, variance I)` at each sample.

        Its denoiser is the exact minimiser of the training loss on these samples (variance 0).

        Parameters
        ----------
        X : array_like, shape (n, …)
            Samples, flattened to (n, d).
        y : array_like, shape (n,)
            The class of each, which become the groups of the mixture's `partition`; components are named
            by class and number, `"3/0"`, `"3/1"`, ….
        variance : float
            s² ≥ 0 of each component.

        Returns
        -------
        GaussianMixture
            With n components and the classes as its `partition`.

        Raises
        ------
        ValueError
            Samples and classes of different lengths or not finite, or a variance that is negative.

        References
        ----------
        B24, section 4.
        """
        from .fits import empirical_parts

        return cls(*empirical_parts(X, y, variance))

    @classmethod
    def parse(cls, spec: str | Path) -> "GaussianMixture":
        """Build a mixture from a SPEC: `family:key=value,…` or a `.json` or `.npz` file.

        Parameters
        ----------
        spec : str or Path
            Families are described in `speciation.theory.mixtures.spec`, file formats in
            `speciation.theory.mixtures.files`.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            An unknown family or key, a number out of range, or a file that cannot be read; the message begins
            with the SPEC's name and says what is wrong.

        Examples
        --------
        >>> from speciation.theory import GaussianMixture
        >>> GaussianMixture.parse("binary:d=64,mu=1,s=1").separation2
        64.0
        """
        from .spec import name_of, parse

        parts = parse(str(spec))
        try:
            return cls(*parts)
        except ValueError as error:
            raise ValueError(f"{name_of(str(spec))}: {error}") from None

    def among(self, labels: Sequence[str], *, equal: bool = False) -> "GaussianMixture":
        """A mixture of some of the classes only.

        Parameters
        ----------
        labels : sequence of str
            Names of the classes, in the order they are to have.
        equal : bool
            Give them equal weights; by default their weights relative to each other are kept.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            A label that is not one of the mixture's `labels`.
        """
        rows = [self._index_of(label) for label in labels]
        own = np.full(len(rows), 1 / len(rows)) if equal else self.weights[rows] / self.weights[rows].sum()
        shared = self.shared_covariance
        covariances = [shared] if shared is not None else [self.covariance_of(k) for k in rows]
        return GaussianMixture(own, self.means[rows], covariances, tuple(labels))

    def save(self, path: str | Path) -> None:
        """Write the mixture to a file that `parse` reads back unchanged.

        Parameters
        ----------
        path : str or Path
            Ends in `.json` or `.npz`; the file is written completely or not at all.

        Raises
        ------
        ValueError
            Another ending.
        """
        from .files import write

        write(self, Path(path))

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return self.means.shape[0]

    @property
    def dimension(self) -> int:
        """Dimension d."""
        return self.means.shape[1]

    @property
    def shared_covariance(self) -> Covariance | None:
        """The covariance of every class, or `None` where classes differ."""
        first = self.covariances[0]
        return first if all(other == first for other in self.covariances[1:]) else None

    def covariance_of(self, index: int) -> Covariance:
        """The covariance of one class.

        Parameters
        ----------
        index : int
            Number of the class, from 0, in the order of `labels`.

        Returns
        -------
        Covariance
        """
        return self.covariances[index if len(self.covariances) > 1 else 0]

    @property
    def isotropic_variance(self) -> float | None:
        """s² of a covariance `s²I` that all classes share, else `None`."""
        shared = self.shared_covariance
        return None if shared is None else shared.isotropic_variance

    @cached_property
    def class_entropy(self) -> float:
        """Entropy of the class itself, `H(C) = −Σ w log w`, in nats, also where one weight rounds to 1."""
        likeliest = int(np.argmax(self.weights))
        others = np.delete(self.weights, likeliest)
        own = self.weights[likeliest] * np.log1p(-min(float(others.sum()), 1 - 1 / self.classes))
        return float(-own - (others * np.log(others)).sum())

    @cached_property
    def centred_gram(self) -> Array:
        """`⟨m_j − m̄, m_k − m̄⟩` with m̄ the weighted mean, shape (K, K); computed once."""
        centred = self.means - self.weights @ self.means
        return frozen(centred @ centred.T)

    @property
    def is_binary_channel(self) -> bool:
        """Whether T2 holds: two classes with a shared covariance."""
        return self.classes == 2 and self.shared_covariance is not None

    @cached_property
    def half_difference(self) -> Array:
        """`δ = (m₁ − m₂)/2`, shape (d,), for two classes."""
        self._need_binary_channel()
        return frozen(self.means[0] / 2 - self.means[1] / 2)

    @cached_property
    def separation2(self) -> float:
        """`|δ|²`, the squared half distance of two class means."""
        return float(self.half_difference @ self.half_difference)

    @property
    def prior(self) -> float:
        """Probability `w` of the first of two classes."""
        self._need_binary_channel()
        return float(self.weights[0])

    @property
    def minority(self) -> float:
        """Smallest class probability, for formulas symmetric in two classes: `1 − w` would round it away."""
        return float(self.weights.min())

    @cached_property
    def spectrum(self) -> tuple[Array, Array]:
        """Eigenvalues of the shared covariance and `(Qᵀδ)²` in its eigenbasis, shapes (n,) and (n,).

        Equal eigenvalues may be one: an isotropic covariance has n = 1, its variance and `|δ|²`.
        """
        return frozen(self._need_binary_channel().spectral_measure(self.half_difference))

    def gamma(self, sigma: ArrayLike) -> Array:
        """Separation of two classes that noise of level σ leaves, `γ(σ) = δᵀ(Σ + σ²I)^{-1}δ`.

        Here `δ = (m₁ − m₂)/2` is half the difference of the means, and Σ the covariance that both classes
        share.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratio σ ≥ 0; `inf` gives 0.

        Returns
        -------
        float64 array of the shape of `sigma` (a scalar for a scalar)
            Dimensionless; infinite at σ = 0 if δ has a direction without variance.

        Raises
        ------
        ValueError
            A mixture that is not two classes with a shared covariance, or a σ that is negative or NaN.

        References
        ----------
        T2.
        """
        return self._resolvent_moment(sigma, 1)

    def gamma_slope(self, sigma: ArrayLike) -> Array:
        """Derivative of `gamma` in σ², `dγ/dσ² = −δᵀ(Σ + σ²I)^{-2}δ`.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        float64 array of the shape of `sigma` (a scalar for a scalar)
            In units of 1/σ²; never positive.

        Raises
        ------
        ValueError
            As of `gamma`.

        References
        ----------
        T2.
        """
        return -self._resolvent_moment(sigma, 2)

    def _resolvent_moment(self, sigma: ArrayLike, power: int) -> Array:
        """`δᵀ(Σ + σ²I)^{−power} δ`."""
        covariance = self._need_binary_channel()
        sigma_ = real_numbers(sigma, "sigma", finite=False)
        refuse_unless(sigma_ >= 0, sigma_, "sigma", "must be a number >= 0")
        with np.errstate(all="ignore"):  # the limits of what overflows or underflows are right
            form = covariance.resolvent_form(self.half_difference, (sigma_ * sigma_).ravel(), power)
        return form.reshape(sigma_.shape)[()]

    @cached_property
    def stacked(self) -> Classes:
        """The numbers that densities take, classes side by side."""
        return frozen(
            classes_of(self.weights, self.means, [covariance.frame for covariance in self.covariances])
        )

    def posterior(self, x: ApiArray, sigma: ApiArray) -> ApiArray:
        """`p(k|x)` of noisy states `x = X₀ + σZ`.

        Parameters
        ----------
        x : array, shape (…, d)
            Of NumPy, JAX (also traced) or torch (gradients flow); lists are read as NumPy does.
        sigma : number, or array that broadcasts to (…)
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        array, shape (…, K)
            Of x's library: class probabilities that sum to 1.

        Raises
        ------
        ValueError
            States of another dimension, σ < 0, or σ = 0 if a class has no width in some direction.

        References
        ----------
        T17.
        """
        from .states import evaluated

        return evaluated(self.stacked, x, sigma, lambda found, rows, level: found.shares.T)

    def log_density(self, x: ApiArray, sigma: ApiArray) -> ApiArray:
        """Logarithm of the density of noisy states, `log p_σ(x)`, in nats.

        Parameters
        ----------
        x : array, shape (…, d)
            Noisy states `X₀ + σZ`, of NumPy, JAX or torch.
        sigma : number, or array that broadcasts to (…)
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        array, shape (…)
            Of x's library.

        Raises
        ------
        ValueError
            States of another dimension, σ < 0, or σ = 0 if a class has no width in some direction.

        References
        ----------
        T17.
        """
        from .states import evaluated

        return evaluated(self.stacked, x, sigma, lambda found, rows, level: found.log_density)

    def score(self, x: ApiArray, sigma: ApiArray) -> ApiArray:
        """Gradient of the log-density of noisy states, `∇ log p_σ(x)`.

        Parameters
        ----------
        x : array, shape (…, d)
            Noisy states `X₀ + σZ`, of NumPy, JAX or torch.
        sigma : number, or array that broadcasts to (…)
            Noise-to-signal ratio σ ≥ 0.

        Returns
        -------
        array, shape (…, d)
            Of x's library, in units of 1/x.

        Raises
        ------
        ValueError
            States of another dimension, σ < 0, or σ = 0 if a class has no width in some direction.

        References
        ----------
        T17.
        """
        from .states import evaluated

        return evaluated(self.stacked, x, sigma, lambda found, rows, level: -found.pull(found.shares))

    def denoise(self, x: ApiArray, sigma: ApiArray, label: str | None = None) -> ApiArray:
        """Mean of the clean sample given a noisy state, `E[X₀|x]`, or `E[X₀|x, label]` within one class.

        Without a label it is `x + σ² ∇ log p_σ(x)` (Tweedie's formula).

        Parameters
        ----------
        x : array, shape (…, d)
            Noisy states `X₀ + σZ`, of NumPy, JAX or torch.
        sigma : number, or array that broadcasts to (…)
            Noise-to-signal ratio σ ≥ 0.
        label : str, optional
            Name of the class that is known.

        Returns
        -------
        array, shape (…, d)
            Of x's library, in units of x.

        Raises
        ------
        ValueError
            States of another dimension, σ < 0, or σ = 0 if a class has no width in some direction;
            an unknown label.

        References
        ----------
        T17.
        """
        from .states import evaluated

        own = self.stacked if label is None else self.stacked.only(self._index_of(label))
        return evaluated(own, x, sigma, lambda found, rows, level: rows - level**2 * found.pull(found.shares))

    def sample(self, n: int, seed: Any = 0, label: str | None = None) -> tuple[ApiArray, ApiArray]:
        """Clean draws and their classes.

        Parameters
        ----------
        n : int
            Number of draws, ≥ 0.
        seed : int, numpy.random.Generator, JAX key, or torch.Generator
            Says the library too: arrays of NumPy for the first two, in double precision; of JAX in its
            default precision; of torch in double precision on the generator's device.
        label : str, optional
            The class to draw from; all of them, by their weights, unless given.

        Returns
        -------
        x : array, shape (n, d)
        classes : integer array, shape (n,)
            Index of each draw's class in `labels`.

        Raises
        ------
        ValueError
            For `n` < 0, a seed that is none of these, or an unknown label.
        """
        from .draws import drawn

        return drawn(self, n, seed, None if label is None else self._index_of(label))

    def _index_of(self, label: str) -> int:
        if label not in self.labels:
            raise ValueError(f"label: {label!r} is not one of {', '.join(self.labels)}")
        return self.labels.index(label)

    def check_levels(self, sigma: ArrayLike) -> None:
        """Refuse noise levels at which a covariance is singular up to rounding.

        An eigenvalue of a full matrix is known to about 1e-16 of the largest one. Up to a condition number of
        1e10 of `Σ + σ²I`, relative errors of curves stay below about 1e-5. Diagonal covariances have no such
        limit, and low-rank ones a much lower one.

        Parameters
        ----------
        sigma : array_like, any shape
            Noise-to-signal ratio σ > 0; the smallest value decides.

        Raises
        ------
        ValueError
            A full matrix `Σ + σ²I` with a condition number beyond 1e10.
        """
        with np.errstate(all="ignore"):
            noise = float(np.square(np.min(real_numbers(sigma, "sigma", finite=False))))
        for covariance in self.covariances:
            if isinstance(covariance, Full):
                variances = covariance.variances
                if float(variances.max()) + noise > _WORST_CONDITION * (float(variances.min()) + noise):
                    raise ValueError(
                        f"covariances: at sigma = {np.sqrt(noise):g} a full matrix has a condition number "
                        f"beyond {_WORST_CONDITION:g}; raise sigma, or give it as diagonal or low rank"
                    )

    def describe(self) -> Fields:
        """A summary for JSON.

        Returns
        -------
        dict
            Sizes, weights, labels, kinds of covariance and, for two classes with a shared one, the
            separation.
        """
        kinds = sorted({covariance.kind for covariance in self.covariances})
        shared = self.shared_covariance
        summary: Fields = {
            "classes": self.classes,
            "dimension": self.dimension,
            "weights": self.weights.tolist(),
            "labels": list(self.labels),
            "covariance": {"kind": "+".join(kinds), "shared": shared is not None},
        }
        if self.isotropic_variance is not None:
            summary["covariance"]["variance"] = self.isotropic_variance
        if self.partition is not None:
            summary["partition"] = {name: list(group) for name, group in self.partition.items()}
        if self.is_binary_channel:
            summary["separation2"] = self.separation2
        return summary

    def _need_binary_channel(self) -> Covariance:
        shared = self.shared_covariance
        if self.classes != 2 or shared is None:
            what = f"{self.classes} classes" + ("" if shared else " of unequal covariance")
            raise ValueError(f"mixture: needs two classes with a shared covariance, has {what}")
        return shared

    def _warn_of_flat_classes(self) -> None:
        """Say that a class has no width in some direction, unless it is a point, `Isotropic(0)`."""
        for index, covariance in enumerate(self.covariances):
            if isinstance(covariance, Isotropic):
                continue
            flat = covariance.flat_directions(self.dimension)
            if flat > 0:
                where = f"covariances[{index}]" if len(self.covariances) > 1 else "covariances"
                text = (
                    f"{where}: singular, no width in {flat} of {self.dimension} directions, as with fewer "
                    "samples than dimensions or a constant feature; shrink it, or add a small variance to it"
                )
                warnings.warn(text, UserWarning, stacklevel=3)
                return

    def _refuse_coinciding(self) -> None:
        same_means = bool((self.means == self.means[0]).all())
        if self.classes > 1 and same_means and self.shared_covariance is not None:
            raise ValueError(
                "means: all classes have the same mean and covariance, so the entropy of the class "
                "never falls; give them different means or covariances"
            )
        with np.errstate(all="ignore"):
            spread = np.abs(self.means - self.means[0]).max()
            if not np.isfinite(spread * spread * self.dimension):
                raise ValueError("means: the squared distance of two means overflows double precision")
            if spread > 0 and spread * spread < _SMALLEST:
                raise ValueError("means: the squared distance of two means underflows double precision")


def _set(mixture: GaussianMixture, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(mixture, name, value)


def _numbers(values: ArrayLike, name: str) -> tuple[Array, float]:
    array, rounding = with_rounding(values, name)
    if array.size == 0:
        raise ValueError(f"{name}: empty; a mixture needs at least one class")
    return array, rounding


def _checked_weights(given: ArrayLike, classes: int) -> Array:
    weights, rounding = _numbers(given, "weights")
    if weights.shape != (classes,):
        found = weights.size if weights.ndim == 1 else weights.shape
        raise ValueError(f"weights: need one per class ({classes}), found {found}")
    if (weights <= 0).any():
        index = int(np.argmax(weights <= 0))
        raise ValueError(
            f"weights[{index}]: {weights[index]:g} is not positive; leave out a class that never occurs"
        )
    total = fsum(weights.tolist())
    # each weight, and a sum that they were divided by, may be off by the rounding of their type
    rounded = 2 * rounding_of(weights, rounding) * float(np.sqrt(classes))
    if abs(total - 1) > max(_WEIGHT_ROUNDING, rounded):
        raise ValueError(f"weights sum to {total:.10g}, not 1")
    # weights that double precision cannot make sum better are kept to the last bit
    return weights if abs(total - 1) <= _SUMMED else frozen(weights / total)


def _checked_labels(labels: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(str(index) for index in range(classes))
    if not is_list_of_strings(labels):
        raise ValueError("labels: need a list of strings")
    if len(labels) != classes:
        raise ValueError(f"labels: need one per class ({classes}), found {len(labels)}")
    if len(set(labels)) != classes:
        raise ValueError("labels: two classes have the same name")
    return tuple(labels)
