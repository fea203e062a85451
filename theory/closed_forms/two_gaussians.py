"""Any two Gaussian classes, exactly, by one integral over Chernoff's exponent (T24).

With `ρ(s) = ∫ f₁^s f₂^{1−s}` and any 0 < c < 1,

    H = (1/2πi) ∫_{c−i∞}^{c+i∞} k(s) w₁^s w₂^{1−s} ρ(s) ds,      k(s) = π/(s(1−s) sin πs),

since k is the transform of the entropy of a class in its log-odds; `2π/sin πs` gives 1 − φ and `1/(s(1−s))`
the Bayes error. With `S_k = Σ_k + σ²I`, generalised eigenvectors `S₁v = ρS₂v`, `vᵀS₂v = 1`, and `z = vᵀ(m₁
− m₂)`,

    log ρ(s) = ½ Σ_i {(1−s) log ρ_i − log f_i − s(1−s) z_i²/f_i},      f_i = (1−s)ρ_i + s,
    ∂ log ρ(s)/∂σ² = ½ s(1−s) {Σ_i |v_i|² (ρ_i − 1)²/(ρ_i f_i) + |Σ_i v_i z_i/f_i|²}.

All singularities lie on the real axis outside (0, 1), so the path may be any that crosses it there. It
crosses at the saddle point, where nothing cancels however small the value, and is

    s(x) = c ± tan θ [√(y² + h²) − h] + iy,      y = b cos θ sinh x,  h ≥ b cos θ,

bent to the side on which the integrand falls, from the height h on if that is not one side at all heights: in
x the trapezoidal rule then converges geometrically, so two steps that agree to half the digits make the finer
one exact. What costs is linear in the number of directions, and many are summed by few (`condensed`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import ApiArray
from .._support.real_numbers import real_number, real_numbers
from .._support.untyped import optimize, special
from .._support.values import ByContent
from .condensed import condense

__all__ = ["TwoGaussians"]

Array: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]

_BEND = 0.35  # θ: below π/4, so that a Gaussian integrand still falls
_STEP = 0.2  # coarsest step in x
_AGREE = 3e-7  # relative difference of two steps that leaves the finer one exact
_LEAST = 1e-19  # relative size of what is left out
_HALVINGS = 9
_HEIGHTS = np.array([0.5, 4.0, 30.0, 250.0, 2000.0])  # in units of b, at which the slope is looked at
_GONE = 45.0  # of decay, beyond which nothing is left
_NODES = 16  # taken at once, an even number


@dataclass(frozen=True, eq=False)
class TwoGaussians(ByContent):
    """Two Gaussian classes at one σ, in the basis that makes both covariances diagonal.

    Attributes
    ----------
    log_ratios : (n,)
        `log ρ_i` of the generalised eigenvalues of `(S₁, S₂)`, `S_k = Σ_k + σ²I`.
    differences2 : (n,)
        `z_i² = (vᵢᵀ(m₁ − m₂))²`, the squared differences of the means in units of S₂; summed over equal ρ_i.
    counts : (n,)
        Multiplicities; ones by default.
    prior : float
        Probability of the first class.
    lengths2 : (n,), optional
        `|v_i|²`, for `entropy_slope`.
    metric : (n, n), optional
        `z_i vᵢᵀv_j z_j`, where the eigenvectors are not orthogonal.

    Raises
    ------
    ValueError
        Arrays of different lengths, a negative entry of `differences2`, or a prior outside (0, 1).

    References
    ----------
    T24.
    """

    log_ratios: Array
    differences2: Array
    counts: Array | None = None
    prior: float = 0.5
    lengths2: Array | None = None
    metric: Array | None = None

    def __post_init__(self) -> None:
        for name in ("log_ratios", "differences2", "counts", "lengths2"):
            value = getattr(self, name)
            given = np.ones(np.shape(self.log_ratios)) if value is None and name == "counts" else value
            if given is not None:
                object.__setattr__(self, name, real_numbers(given, name))
        object.__setattr__(self, "prior", real_number(self.prior, "prior"))
        if self.log_ratios.ndim != 1 or self.log_ratios.shape != self.differences2.shape:
            raise ValueError("differences2: need one for each of the log_ratios, shape (n,)")
        if (self.differences2 < 0).any():
            raise ValueError("differences2: every value must be at least 0")
        if not 0 < self.prior < 1:
            raise ValueError("prior: must lie strictly between 0 and 1")

    @property
    def entropy(self) -> float:
        """Class-conditional entropy, nats; relative error about 1e-13."""
        return self.integrals[0]

    @property
    def disagreement(self) -> float:
        """Probability `1 − φ` that two clones end in different classes; relative error about 1e-13."""
        return self.integrals[1]

    @property
    def bayes_error(self) -> float:
        """Probability that the likelier class is the wrong one; relative error about 1e-13."""
        return self.integrals[2]

    @property
    def entropy_slope(self) -> float:
        """`dH/dσ²`, nats per unit of σ².

        Raises
        ------
        ValueError
            There are no `lengths2`, which it needs.
        """
        if self.lengths2 is None:
            raise ValueError("lengths2: needed for the slope of the entropy")
        return self.integrals[3]

    @cached_property
    def integrals(self) -> tuple[float, float, float, float]:
        """H, `1 − φ`, the Bayes error and `dH/dσ²` (0 without `lengths2`), which share their integrand."""
        path = self._path()
        start = np.exp(self._log_weighted(path.centre))
        if start == 0:  # below the least positive double
            return 0.0, 0.0, 0.0, 0.0
        step = _STEP / 2
        finer, total = self._sum(path, step, 0.0)
        for _ in range(_HALVINGS):
            if (np.abs(finer - total) <= _AGREE * np.abs(finer)).all():
                h, disagreement, error, slope = (float(start * value) for value in finer)
                return h, disagreement, error, slope
            total = finer
            finer = 0.5 * (total + self._sum(path, step, 0.5)[0])
            step /= 2
        raise ArithmeticError("the integral of two Gaussian classes did not converge; please report them")

    def _sum(self, path: "_Path", step: float, offset: float) -> tuple[Array, Array]:
        """The rule of this step, from `x = offset·step` on, and that of twice the step.

        Relative to the integrand at the saddle point.
        """
        total, second, first = np.zeros(4), np.zeros(4), offset
        while True:
            x: Array = step * (first + np.arange(_NODES, dtype=np.float64))
            values = self._integrand(path, x)
            if first == 0:
                values[:, 0] /= 2
            # what has become negligible stays so on the vertical line, to which the path may return
            done = (np.abs(values) <= _LEAST * np.abs(total)[:, None]).all(axis=0) & (x > x[0])
            last = int(np.argmax(done)) if done.any() else _NODES
            total += step / np.pi * np.imag(values[:, :last]).sum(axis=1)
            second += 2 * step / np.pi * np.imag(values[:, :last:2]).sum(axis=1)
            if done.any() or x[-1] > path.longest:
                return total, second
            first += _NODES

    def _integrand(self, path: "_Path", x: Array) -> Complex:
        """The four integrands times ds/dx, whose imaginary parts count, shape (4, nodes)."""
        s = path.at(x)
        v: Complex = -2 * (s - path.centre)
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            exponent, slope = self._exponent(path, s, v)
            weight = np.exp(exponent) * path.slope_at(x)
            turned: Complex = np.pi * _inverse_sine(s)
            simple = 1 / (s * (1 - s))
            return np.stack([turned * simple, 2 * turned, simple, turned * slope]) * weight

    def _exponent(self, path: "_Path", s: Complex, v: Complex) -> tuple[Complex, Complex]:
        """`log` of the weighted ρ(s) over that at the saddle point, and `∂ log ρ/∂σ²/(s(1−s))`.

        With `f_i(s) = f_i(c)(1 + vτ_i)`, `v = −2(s − c)` and `τ_i = ½(ρ_i − 1)/f_i(c)`.
        """
        tau, weights, metric = path.directions
        scaled: Complex = v[:, None] * tau
        inverse = 1 / (1 + scaled)
        log = _log1p(scaled) @ weights[0]
        one, two = inverse @ weights[1], inverse @ weights[2]
        square = (inverse * inverse) @ weights[3] if metric is None else _form(inverse, metric)
        odds = np.log(self.prior) - np.log1p(-self.prior)
        moved = (s - path.centre) * (odds - 0.5 * float(self.counts_ @ self.log_ratios))
        bent = s * (1 - s) * one - path.centre * (1 - path.centre) * weights[1].sum()
        return moved - 0.5 * log - 0.5 * bent, 0.5 * (two + square)

    def _directions(self, c: float) -> tuple[Array, Array, Array | None]:
        """Points for the τ, what multiplies `log`, `z²/f`, trace and square there (4, n), and the metric."""
        ratios = np.exp(self.log_ratios)
        width = (1 - c) * ratios + c
        excess = np.expm1(self.log_ratios)
        lengths2 = np.zeros(ratios.shape) if self.lengths2 is None else self.lengths2
        trace = self.counts_ * lengths2 * excess**2 / (ratios * width)
        square = lengths2 * self.differences2 / width**2
        few = condense(excess / (2 * width))
        weights = few.gather(np.stack([self.counts_, self.differences2 / width, trace, square]))
        if self.metric is None:
            return few.points, weights, None
        return few.points, weights, few.gather(few.gather(self.metric / width / width[:, None]).T)

    @property
    def counts_(self) -> Array:
        """How often each eigenvalue occurs; `counts`, or ones."""
        assert self.counts is not None  # noqa: S101 (for the type alone)
        return self.counts

    def _log_weighted(self, c: float) -> float:
        """`log w₁^c w₂^{1−c} ρ(c)`, without cancellation for small `log ρ_i`."""
        half, u = self.log_ratios / 2, 1 - 2 * c
        size = np.abs(half)
        cosh = size + np.log1p(np.expm1(-2 * size) / 2)
        width = (1 - c) * np.exp(self.log_ratios) + c
        covariances = u * half - np.log1p(u * np.tanh(half)) - cosh
        means = c * (1 - c) * float((self.differences2 / width).sum())
        weights = c * np.log(self.prior) + (1 - c) * np.log1p(-self.prior)
        return float(weights + 0.5 * float(self.counts_ @ covariances) - 0.5 * means)

    def _path(self) -> "_Path":
        odds = np.log(self.prior) - np.log1p(-self.prior)
        ratios: Array = np.exp(self.log_ratios)
        excess: Array = np.expm1(self.log_ratios)

        def slope(s: ApiArray) -> ApiArray:
            """Derivative in s of the logarithm of the weighted ρ(s)."""
            f = (1 - s) * ratios + s
            means = self.differences2 * ((1 - 2 * s) + s * (1 - s) * excess / f) / f
            return odds + 0.5 * ((excess / f - self.log_ratios) @ self.counts_ - means.sum())

        def total(logit: float) -> float:
            c = float(special.expit(logit))
            return float(slope(c)) + 1 / (1 - c) - 1 / c - np.pi / np.tan(np.pi * c)

        logit: float = optimize.brentq(total, -25, 25, xtol=0.01)
        c, near = float(special.expit(logit)), 0.01
        curvature = (total(logit + near) - total(logit - near)) / (2 * near) / (c * (1 - c))
        breadth = min(c, 1 - c, 3 / np.sqrt(curvature))
        side, height = self._side(slope, c, breadth, excess / ((1 - c) * ratios + c))
        return _Path(c, breadth, side, height, self._directions(c))

    def _side(
        self, slope: Callable[[ApiArray], ApiArray], c: float, breadth: float, turns: Array
    ) -> tuple[float, float]:
        """1 to bend to the left, where the integrand falls that rises in s, and from which height on."""
        heights = breadth * _HEIGHTS
        decay: Array = 0.25 * np.log1p((heights[:, None] * turns) ** 2) @ self.counts_
        seen = heights[decay < _GONE] if (decay < _GONE).any() else heights[:1]
        signs = [float(np.sign(complex(slope(c + 1j * y)).real)) for y in seen]
        others = [y for y, sign in zip(seen, signs, strict=True) if sign != signs[-1]]
        return signs[-1], max([breadth * np.cos(_BEND), *others])


@dataclass(frozen=True, eq=False)
class _Path:
    """`s(x)` of the module from `height` h on, and the directions as they are seen from its centre."""

    centre: float
    breadth: float
    side: float
    height: float
    directions: tuple[Array, Array, Array | None]

    @property
    def longest(self) -> float:
        """Where on it, in x, no kernel is worth a term any more."""
        return float(np.arcsinh(1e18 / self.breadth))

    def at(self, x: Array) -> Complex:
        """The points of the path."""
        y = self.breadth * np.cos(_BEND) * np.sinh(x)
        # √(y² + h²) − h, without cancellation
        aside = self.side * np.tan(_BEND) * y * (y / (np.hypot(y, self.height) + self.height))
        return self.centre - aside + 1j * y

    def slope_at(self, x: Array) -> Complex:
        """ds/dx."""
        y, rise = (self.breadth * np.cos(_BEND) * f(x) for f in (np.sinh, np.cosh))
        return rise * (1j - self.side * np.tan(_BEND) * y / np.hypot(y, self.height))


def _log1p(z: Complex) -> Complex:
    """`log(1 + z)`, precise for small z."""
    x, y = z.real, z.imag
    return 0.5 * np.log1p(x * (2 + x) + y * y) + 1j * np.arctan2(y, 1 + x)


def _form(vectors: Complex, metric: Array) -> Complex:
    """`uᵀMu` of each u of shape (n, m), without a complex copy of M."""
    real, imaginary = vectors.real, vectors.imag
    turned_real, turned_imaginary = real @ metric, imaginary @ metric
    parts = (real * turned_real - imaginary * turned_imaginary).sum(axis=1)
    return parts + 2j * (imaginary * turned_real).sum(axis=1)


def _inverse_sine(s: Complex) -> Complex:
    """`1/sin πs` in the upper half-plane, without overflow."""
    turn: Complex = np.exp(1j * np.pi * s)
    return np.asarray(-2j * turn / (1 - turn * turn), dtype=np.complex128)
