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
one exact. Directions with `|s − c||ρ_i − 1|/f_i` small,
most of them in many dimensions, enter through their power sums alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._support.real_numbers import real_number, real_numbers
from .._support.untyped import optimize, special
from .._support.values import ByContent

__all__ = ["TwoGaussians"]

Array: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]

_BEND = 0.35  # θ: below π/4, so that a Gaussian integrand still falls
_STEP = 0.2  # first step in x
_AGREE = 3e-7  # relative difference of two steps that leaves the finer one exact
_LEAST = 1e-19  # relative size of what is left out
_HALVINGS = 9
_HEIGHTS = np.array([0.5, 4.0, 30.0, 250.0, 2000.0])  # in units of b, at which the slope is looked at
_GONE = 45.0  # of decay, beyond which nothing is left
_SMALL, _ORDER = 0.5, 54  # of |s − c||ρ − 1|/f for power sums, and their number
_NODES = 8  # taken at once: further out power sums serve fewer directions


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

    Raises `ValueError` for arrays that are not of one length and for a prior outside (0, 1). Source: T24.
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
        """`dH/dσ²`; needs `lengths2`."""
        if self.lengths2 is None:
            raise ValueError("lengths2: needed for the slope of the entropy")
        return self.integrals[3]

    @cached_property
    def integrals(self) -> tuple[float, float, float, float]:
        """H, `1 − φ`, the Bayes error and `dH/dσ²` (0 without `lengths2`), which share their integrand."""
        path = self._path()
        start = np.exp(self._log_weighted(path.centre))
        step, total = _STEP, self._sum(path, _STEP, 0.0)
        for _ in range(_HALVINGS):
            finer = 0.5 * (total + self._sum(path, step, 0.5))
            step /= 2
            done = bool((np.abs(finer - total) <= _AGREE * np.abs(finer)).all())
            total = finer
            if done:
                h, disagreement, error, slope = (float(start * value) for value in total)
                return h, disagreement, error, slope
        raise ArithmeticError("the integral of two Gaussian classes did not converge; please report them")

    def _sum(self, path: "_Path", step: float, offset: float) -> Array:
        """The rule of this step, from `x = offset·step` on, relative to the integrand at the saddle point."""
        total, first, size = np.zeros(4), offset, _NODES
        while True:
            x: Array = step * (first + np.arange(size, dtype=np.float64))
            values = self._integrand(path, x)
            if first == 0:
                values[:, 0] /= 2
            # what has become negligible stays so on the vertical line, to which the path may return
            done = (np.abs(values) <= _LEAST * np.abs(total)[:, None]).all(axis=0) & (x > x[0])
            last = int(np.argmax(done)) if done.any() else size
            total += step / np.pi * np.imag(values[:, :last]).sum(axis=1)
            if done.any() or x[-1] > path.longest:
                return total
            first += size

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
        tau, weights = path.directions
        reach = _SMALL / float(np.abs(v).max())
        # few prefixes, whose power sums are kept
        count = int(np.searchsorted(np.abs(tau), reach) * 4 // tau.size) * tau.size // 4
        log, one, two, square = path.by_power_sums(count, v)
        if count < tau.size:
            own, wide = tau[count:], weights[:, count:]
            factor: Complex = 1 + v[:, None] * own
            log = log + np.log(factor) @ wide[0]
            inverse = 1 / factor
            one, two = one + inverse @ wide[1], two + inverse @ wide[2]
            square = square + (inverse * inverse) @ wide[3]
        if self.metric is not None:
            scaled: Complex = 1 / (path.widths + (s - path.centre)[:, None] * path.turns)
            square = np.einsum("ni,ij,nj->n", scaled, self.metric, scaled, optimize=True)
        odds = np.log(self.prior) - np.log1p(-self.prior)
        moved = (s - path.centre) * (odds - 0.5 * float(self.counts_ @ self.log_ratios))
        bent = s * (1 - s) * one - path.centre * (1 - path.centre) * weights[1].sum()
        return moved - 0.5 * log - 0.5 * bent, 0.5 * (two + square)

    def _weights(self, c: float) -> tuple[Array, Array]:
        """τ in order of size, and what multiplies `log`, `z²/f`, trace and square; shapes (n,) and (4, n)."""
        ratios = np.exp(self.log_ratios)
        width = (1 - c) * ratios + c
        excess = np.expm1(self.log_ratios)
        lengths2 = np.zeros(ratios.shape) if self.lengths2 is None else self.lengths2
        trace = self.counts_ * lengths2 * excess**2 / (ratios * width)
        square = lengths2 * self.differences2 / width**2
        tau = excess / (2 * width)
        order = np.argsort(np.abs(tau))
        return tau[order], np.stack([self.counts_, self.differences2 / width, trace, square])[:, order]

    @property
    def counts_(self) -> Array:
        """The multiplicities, which `__post_init__` has set."""
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

        def slope(s: Any) -> Any:
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
        return _Path(c, breadth, side, height, (1 - c) * ratios + c, -excess, self._weights(c))

    def _side(
        self, slope: Callable[[Any], Any], c: float, breadth: float, turns: Array
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
    """`s(x)` of the module from `height` h on, and `f_i(s) = widths + (s − c) turns`."""

    centre: float
    breadth: float
    side: float
    height: float
    widths: Array
    turns: Array
    directions: tuple[Array, Array]
    kept: dict[int, tuple[float, Array]] = field(default_factory=dict[int, tuple[float, Array]])

    @property
    def longest(self) -> float:
        """Where on it, in x, no kernel is worth a term any more."""
        return float(np.arcsinh(1e18 / self.breadth))

    def by_power_sums(self, count: int, v: Complex) -> tuple[Complex, Complex, Complex, Complex]:
        """`Σ w₀ log(1 + vτ)`, `Σ w₁/(1 + vτ)`, `Σ w₂/(1 + vτ)`, `Σ w₃/(1 + vτ)²` of the first directions."""
        if count not in self.kept:
            self.kept[count] = _power_sums(self.directions[0][:count], self.directions[1][:, :count])
        scale, powers = self.kept[count]
        sums: Complex = (scale * v[:, None]) ** np.arange(_ORDER) @ powers
        return sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3]

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


def _power_sums(tau: Array, weights: Array) -> tuple[float, Array]:
    """Largest |τ|, and the coefficients of powers of v times that in the four sums, shape (order, 4)."""
    powers = np.empty((_ORDER, 4))
    # no direction, or none in which the covariances differ, has a scale of 0: a power of v, far out on the
    # path, would overflow times a coefficient of 0
    scale = float(np.abs(tau).max(initial=0.0))
    rolling = weights.copy()
    for k in range(_ORDER):
        powers[k] = rolling.sum(axis=1)
        rolling *= tau / (scale or 1.0)
    k = np.arange(_ORDER)
    signs = np.where(k % 2, -1.0, 1.0)
    powers[:, 0] *= np.where(k > 0, -signs / np.maximum(k, 1), 0.0)
    powers[:, 1:3] *= signs[:, None]
    powers[:, 3] *= signs * (k + 1)
    return scale, powers


def _inverse_sine(s: Complex) -> Complex:
    """`1/sin πs` in the upper half-plane, without overflow."""
    turn: Complex = np.exp(1j * np.pi * s)
    return np.asarray(-2j * turn / (1 - turn * turn), dtype=np.complex128)
