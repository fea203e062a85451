"""Two classes with one mean and unequal covariances: exact entropies and the quarter-log law (T16).

With `S_k = Σ_k + σ²I`, generalised eigenvalues ρ_i of (S₁, S₂) and `η_i = (ρ_i − 1)/(ρ_i + 1)`, the density
`√(f₁f₂)`, normalised, makes the half log-odds a sum over independent standard normal ξ_i,

    L = ½ Σ_i (η_i ξ_i² − artanh η_i),      ∫ √(f₁f₂) = Π_i (1 − η_i²)^{1/4},

and `H = 2√(w₁w₂) Π (1 − η_i²)^{1/4} E F(L + λ)`, `F(u) = cosh(u) h(u)`, `λ = ½ log w₁/w₂`, as in T2 and T3:
nothing cancels. The expectation is one integral over frequencies, on any line |Im z| < 1,

    E F(L + λ) = (1/2π) ∫ F̂(z) e^{izλ} Π_i (1 − izη_i)^{−1/2} e^{−iz artanh(η_i)/2} dz,

with `F̂(z) = π/((1 + z²) cosh(πz/2))`, since F − F″ = 1/cosh. It is taken through its saddle point.

As the η_i become small and many L becomes normal with variance `γ = ½ Σ η_i²`, the binary channel's γ. At
large σ that is `‖Σ₁ − Σ₂‖²_F/(8σ⁴)` for any two covariances, so classes that differ in them alone are decided
at `t = ¼ log(‖Σ₁ − Σ₂‖²_F/(8γ_c))`, a quarter of log d. For d equal η the correction to the entropy is

    H = H₂(γ) + [2γ²(H₂′ + H₂″) + (4γ³/9)(H₂″ + 2H₂‴)]/d + O(d^{−2}).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._support.aliases import Expr
from .._support.real_numbers import real_numbers
from .._support.untyped import optimize, special
from .._support.untyped import sympy as sp
from .._support.values import ByContent
from ..channel import tilted_average
from ..channel.binary import binary_mmse, binary_mmse_slope
from ..mixtures.covariance import Frame, Full
from ..mixtures.mixture import GaussianMixture
from .generalised import CONTRAST_LIMIT, conditions, generalised

__all__ = ["Contrast", "curves", "dimension_correction", "has_contrast", "quarter_log_law"]

Array: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]

_HIGHEST = 27.0  # frequency beyond which F̂, which decays as e^{−πω/2}, is below 1e-17
_REACH = 46.0  # where the profiles, which decay as e^{−|u|}, are below 1e-18
_BLOCK = 2**20  # entries of a temporary array


@dataclass(frozen=True, eq=False)
class Contrast(ByContent):
    """Two classes with the same mean and different covariances, at one σ.

    Entropy and disagreement depend only on the generalised eigenvalues ρ of `(S₁, S₂)`, `S_k = Σ_k + σ²I`.

    Attributes
    ----------
    log_ratios : (n,)
        `log ρ` for distinct ρ; `η = tanh(½ log ρ)`.
    slopes : (n,)
        Their derivatives in σ².
    counts : (n,)
        How often each ρ occurs.
    prior : float
        Probability of the first class.

    Raises
    ------
    ValueError
        Entries that are not numbers.

    References
    ----------
    T16.
    """

    log_ratios: Array
    slopes: Array
    counts: Array
    prior: float = 0.5

    def __post_init__(self) -> None:
        for name in ("log_ratios", "slopes", "counts"):
            object.__setattr__(self, name, real_numbers(getattr(self, name), name, finite=False))

    @classmethod
    def of_spectra(
        cls, first: Array, second: Array, sigma2: float, counts: Array, prior: float = 0.5
    ) -> "Contrast":
        """From the eigenvalues of two covariances with common eigenvectors.

        Parameters
        ----------
        first, second : array, shape (n,)
            Eigenvalues of Σ₁ and Σ₂ ≥ 0, in the same order of eigenvectors.
        sigma2 : float
            σ² ≥ 0.
        counts : array, shape (n,)
            How often each pair of eigenvalues occurs.
        prior : float
            Probability of the first class, strictly between 0 and 1.

        Returns
        -------
        Contrast
        """
        own, other = first + sigma2, second + sigma2
        relative = (first - second) / other
        with np.errstate(divide="ignore"):  # of the branch that is not taken
            log_ratios = np.where(np.abs(relative) < 0.5, np.log1p(relative), np.log(own) - np.log(other))
        return cls(log_ratios, (second - first) / own / other, counts, prior)

    @classmethod
    def of_matrices(cls, first: Array, second: Array, sigma2: float, prior: float = 0.5) -> "Contrast":
        """From any two covariance matrices, by their generalised eigenvectors.

        Parameters
        ----------
        first, second : array, shape (d, d)
            Σ₁ and Σ₂, symmetric and positive semi-definite.
        sigma2 : float
            σ² ≥ 0.
        prior : float
            Probability of the first class, strictly between 0 and 1.

        Returns
        -------
        Contrast

        Raises
        ------
        ValueError
            A matrix that is not a covariance, or `Σ + σ²I` that is singular up to rounding.
        """
        roots = [Full(each).square_root(len(each), sigma2) for each in (first, second)]
        return cls.of_roots(roots[0], roots[1], prior)

    @classmethod
    def of_roots(
        cls, first: Array, second: Array, prior: float = 0.5, condition: float | None = None
    ) -> "Contrast":
        """From square roots of two covariances, which keeps twice the digits of nearly singular ones.

        Parameters
        ----------
        first, second : array, shape (rows, d)
            F₁ and F₂ with `S_k = F_kᵀF_k`, the noise included.
        prior : float
            Probability of the first class, strictly between 0 and 1.
        condition : float, optional
            A bound of the product of both condition numbers of S, where one is known.

        Returns
        -------
        Contrast
        """
        log_ratios, vectors = generalised(first, second, condition)
        # S₁v = ρS₂v with vᵀS₂v = 1, so d log ρ/dσ² = |v|²(1 − ρ)/ρ
        slopes = (vectors**2).sum(axis=0) * np.expm1(-log_ratios)
        return cls(log_ratios, slopes, np.ones(log_ratios.size), prior)

    @property
    def eta(self) -> Array:
        """`(ρ − 1)/(ρ + 1)`, shape (n,)."""
        return np.tanh(self.log_ratios / 2)

    @property
    def gamma(self) -> float:
        """`½ Σ η²`, the binary channel's γ in the limit of many small η."""
        return float(self.counts @ self.eta**2) / 2

    def entropy(self) -> float:
        """Entropy of the class given the noisy state, H(C|X).

        Returns
        -------
        float
            Nats; relative error about 1e-12.
        """
        return self.curves[0]

    def disagreement(self) -> float:
        """Probability `1 − φ` that two clones end in different classes.

        Returns
        -------
        float
            Relative error about 1e-12.
        """
        return self.curves[2]

    def entropy_slope(self) -> float:
        """Derivative of `entropy` in σ².

        Returns
        -------
        float
            `dH/dσ²`, nats per unit of σ²; relative error about 1e-12.
        """
        return self.curves[1]

    @cached_property
    def curves(self) -> tuple[float, float, float]:
        """`H`, `dH/dσ²` and `1 − φ`, which share the law of L.

        `2√(w₁w₂) Π(1−η²)^{1/4} (1/2π) ∫ F̂(z) e^{izλ} E e^{izL} dz` along `Im z = κ`.
        """
        log_odds = 0.5 * special.logit(self.prior)
        turn = 0.25 * float(self.counts @ self.log_ratios)
        kappa, offset = self._saddle(log_odds - turn)
        steep = np.abs(self.eta / (1 + kappa * self.eta))
        # the sum over frequencies repeats L with this period, which has to hold L and the profile
        spread = 12 * np.sqrt(float(self.counts @ steep**2) / 2) + 48 * float(steep.max())
        step = float(np.pi / (_REACH / (1 - abs(kappa)) + spread + abs(offset)))
        nodes = np.arange(0.0, np.ceil(_HIGHEST / step) + 1)
        z: Complex = np.asarray(step * nodes + 1j * kappa, dtype=np.complex128)
        # ¼ log(1 − η²) = −½ log cosh(½ log ρ)
        half = np.abs(self.log_ratios) / 2
        overlap = -0.5 * float(self.counts @ (half + np.log1p(np.expm1(-2 * half) / 2)))
        overlap += 0.5 * (np.log(self.prior) + np.log1p(-self.prior))
        law = np.exp(self._log_squares(z) + 1j * z * (log_odds - turn) + overlap)
        entropy = _entropy_transform(z) * law

        def integral(values: Complex) -> float:
            real = np.real(values)
            return float(2 * step / np.pi * (real.sum() - real[0] / 2))

        slope = integral(entropy * self._log_slope(z))
        return integral(entropy), slope, integral(_sech_transform(z) * law) / 2

    def _saddle(self, shift: float) -> tuple[float, float]:
        """κ at which `e^{−κ(L + λ)}` has its least mean, and how far from 0 that leaves `L + λ`.

        There `√(f₁f₂)` becomes the Chernoff mixture `f₁^s f₂^{1−s}`, under which both classes are as likely,
        and the integral is no small difference. κ stays as far from ±1, the poles of F̂, as F decays slowly.
        """

        def mean(kappa: float) -> float:
            return shift + 0.5 * float(self.counts @ (self.eta / (1 + kappa * self.eta)))

        bound = 1 - 1 / (10 + 4 * abs(mean(0.0)))
        if mean(bound) >= 0:
            kappa = bound
        elif mean(-bound) <= 0:
            kappa = -bound
        else:
            kappa = float(optimize.brentq(mean, -bound, bound, xtol=1e-6))
        return kappa, mean(kappa)

    def _log_squares(self, z: Complex) -> Complex:
        """`−½ Σ log(1 − izη)`."""
        parts: list[Any] = [-0.5 * np.log(1 - 1j * w * self.eta) @ self.counts for w in self._blocks(z)]
        return np.concatenate(parts)

    def _log_slope(self, z: Complex) -> Complex:
        """Derivative in σ² of the logarithm of all that depends on η."""
        eta, moved = self.eta, self.counts * self.slopes
        own = 0.5 * tilted_average.sech(self.log_ratios / 2) ** 2  # dη/d log ρ = ½(1 − η²)
        parts: list[Complex] = [0.5j * w * (own / (1 - 1j * w * eta) - 0.5) @ moved for w in self._blocks(z)]
        return np.concatenate([part.ravel() for part in parts]) - 0.25 * float(moved @ eta)

    def _blocks(self, z: Complex) -> list[Complex]:
        rows = max(1, _BLOCK // self.eta.size)
        return [z[start : start + rows, None] for start in range(0, z.size, rows)]


def has_contrast(mixture: GaussianMixture) -> bool:
    """Whether `curves` applies: two classes with one mean, whose covariances can be compared."""
    if (
        mixture.classes != 2
        or mixture.shared_covariance is not None
        or (mixture.means[0] != mixture.means[1]).any()
    ):
        return False
    return not _turned(mixture) or mixture.dimension <= CONTRAST_LIMIT


def curves(mixture: GaussianMixture, sigma: Array) -> Array:
    """Entropy, rate per unit OU time and agreement at each σ, shape (3, levels)."""
    noise = sigma**2
    entropy, slope, disagreement = np.transpose([_contrast(mixture, float(n)).curves for n in noise])
    return np.stack([entropy, 2 * (1 + noise) * slope, 1 - disagreement])


def dimension_correction(gamma: ArrayLike) -> Array:
    """`c(γ)` in `H = H₂(γ) + c(γ)/d + O(d^{−2})` of two classes that differ in scale, equal weights.

    `c = 2γ²(H′ + H″) + (4γ³/9)(H″ + 2H‴)`. With `M_n = e^{−γ/2} ∫ N(u; 0, γ) sechⁿ u du` the derivatives are
    `−½M₁`, `½M₃` and `2M₃ − 3M₅`.

    Parameters
    ----------
    gamma : array_like, any shape
        γ ≥ 0.

    Returns
    -------
    float64 array of the shape of `gamma` (a scalar for a scalar), in nats

    Raises
    ------
    ValueError
        A `gamma` that is negative or not finite.

    References
    ----------
    T16.
    """
    g = real_numbers(gamma, "gamma")
    first, second = -binary_mmse(g) / 2, -binary_mmse_slope(g) / 2
    flat = np.atleast_1d(g)
    fifth = tilted_average.gaussian_average(_sech_fifth, flat, np.zeros(flat.shape)).reshape(g.shape)
    third = 4 * second - 3 * np.exp(-g / 2) * fifth
    return 2 * g**2 * (first + second) + 4 * g**3 / 9 * (second + 2 * third)


def quarter_log_law(order: int) -> Expr:
    """`t − ¼ log d` at level `γ_c` of two classes that differ in scale, as a SymPy series in `1/√d`.

    From `γ = d Δ²/(8 (λ̄ + σ²)²)`: `t = ½ log(1 − λ̄ + Δ√(d/(8γ_c)))`.

    Parameters
    ----------
    order : int
        Terms beyond the constant, at least 0.

    Returns
    -------
    SymPy expression
        In the symbols `d`, `gamma_c`, `Delta = |λ₁ − λ₂|` and `lambda_bar`, their mean.

    Raises
    ------
    ValueError
        A negative order.

    References
    ----------
    T16.
    """
    if order < 0:
        raise ValueError(f"order: must be at least 0, not {order}")
    d, level, delta = sp.symbols("d gamma_c Delta", positive=True)
    mean, x = sp.Symbol("lambda_bar", nonnegative=True), sp.Symbol("x", positive=True)
    # x = 1/√d; the time is −½ log x + ½ log(Δ/√(8γ_c) + (1 − λ̄)x)
    inner = sp.log(delta / sp.sqrt(8 * level) + (1 - mean) * x) / 2
    return sp.series(inner, x, 0, order + 1).removeO().subs(x, 1 / sp.sqrt(d))


def _sech_fifth(u: Array) -> Array:
    return tilted_average.sech(u) ** 5


def _turned(mixture: GaussianMixture) -> bool:
    return any(form.axes is not None or form.factors is not None for form in _frames(mixture))


def _frames(mixture: GaussianMixture) -> list[Frame]:
    return [covariance.frame for covariance in mixture.covariances]


def _contrast(mixture: GaussianMixture, sigma2: float) -> Contrast:
    # the rarer class first: the other's weight is one minus its, and not the other way about
    rarer = int(np.argmin(mixture.weights))
    first, second = mixture.covariance_of(rarer), mixture.covariance_of(1 - rarer)
    prior, d = mixture.minority, mixture.dimension
    if _turned(mixture):
        roots = first.square_root(d, sigma2), second.square_root(d, sigma2)
        return Contrast.of_roots(roots[0], roots[1], prior, conditions(first, second)(sigma2))
    own, other = np.broadcast_arrays(first.variances, second.variances)
    # one entry per pair of eigenvalues that occurs
    pairs, counts = np.unique(
        np.stack([np.atleast_1d(own), np.atleast_1d(other)]), axis=1, return_counts=True
    )
    repeats = d // own.size if own.ndim == 0 else 1
    return Contrast.of_spectra(pairs[0], pairs[1], sigma2, counts.astype(np.float64) * repeats, prior)


def _sech_transform(z: Complex) -> Complex:
    """`∫ e^{izu}/cosh u du = π/cosh(πz/2)`, |Im z| < 1."""
    return np.asarray(np.pi / np.cosh(np.pi * z / 2), dtype=np.complex128)


def _entropy_transform(z: Complex) -> Complex:
    """`∫ F(u) e^{izu} du`; F − F″ = 1/cosh, so it is `π/((1 + z²) cosh(πz/2))`."""
    return _sech_transform(z) / (1 + z * z)
