"""Density, posterior, score and denoiser of a Gaussian mixture under noise, for arrays of any library.

For `x = X₀ + σZ`, with `S_k = Σ_k + σ²I` and the class probabilities w_k,

    log w_k p(x|k) = log w_k − ½ (x − m_k)ᵀS_k^{−1}(x − m_k) − ½ log det S_k − (d/2) log 2π
    ∇ log p(x)     = −Σ_k p(k|x) S_k^{−1}(x − m_k)
    E[X₀|x]        = x + σ² ∇ log p(x)                                  (Tweedie)

Every covariance is `Σ = Q (diag(v) + UUᵀ) Qᵀ`, its `Frame`, and is whitened by `W`, `WᵀW = S^{−1}`: with
`B = diag(v) + σ²I` and the singular values s of `B^{−1/2}U`, whose left vectors are the columns of V,

    W = H B^{−1/2} Qᵀ,        H y = (y − VVᵀy) + V (1 + s²)^{−1/2} Vᵀy,

in which nothing cancels. Where σ is an array, through which gradients flow, Woodbury's identity takes its
place, since singular vectors have no derivative where values coincide; it loses (1 + s²) in precision. Arrays
are of NumPy, JAX or torch (the array API); what comes in comes out.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._support.aliases import ApiArray, Namespace
from .covariance import Frame

__all__ = [
    "Classes",
    "Posterior",
    "Resolvent",
    "classes_of",
    "device_of",
    "is_near",
    "mixing",
    "posterior",
    "posterior_by_products",
    "product",
    "resolvent",
]

_NEAR = 4.0  # squared distance of means, per dimension in widths, up to which products keep what squares do
_PRESENT = 1e-15  # singular value, relative to the largest, that is not rounding


class Classes(NamedTuple):
    """What a mixture's formulas take of it; every entry an array of one library.

    `log_weights` (K,), `means` (K, d), `variances` (C, d) or (C, 1), `axes` (C, d, d) or `None`, `factors`
    (C, d, r) or `None`, where C is K, or 1 for a covariance that all classes share.
    """

    log_weights: ApiArray
    means: ApiArray
    variances: ApiArray
    axes: ApiArray
    factors: ApiArray

    def only(self, index: int) -> "Classes":
        """One class by itself."""
        own = slice(index, index + 1)
        form = slice(None) if len(self.variances) == 1 else own
        each = (None if part is None else part[form] for part in self[2:])
        return Classes(np.zeros(1), self.means[own], *each)


class Resolvent(NamedTuple):
    """`S^{−1}` of C covariances: `roots` of widths, `axes`, and of factors a `basis` with its weights.

    `roots` has shape (C, 1, d) or (C, 1, 1), or n in place of the 1 in the middle for noise levels (n,). With
    `shrink` (1 + s²)^{−1} the basis is V; without it is `A = B^{−1/2}U`, and `inverse` is `(I + AᵀA)^{−1}`.
    """

    roots: ApiArray
    axes: ApiArray = None
    basis: ApiArray = None
    shrink: ApiArray = None
    inverse: ApiArray = None

    def whiten(self, xp: Namespace, vectors: ApiArray) -> ApiArray:
        """`Wv` for vectors (C or 1, n, d); with `inverse`, `B^{−1/2}Qᵀv`."""
        turned = vectors if self.axes is None else product(xp, vectors, self.axes)
        return self._half(xp, turned / self.roots)

    def squares(self, xp: Namespace, white: ApiArray) -> ApiArray:
        """`vᵀS^{−1}v` of whitened vectors, shape (C, n)."""
        return xp.sum(white * (white if self.inverse is None else self._rest(xp, white)), axis=-1)

    def pull(self, xp: Namespace, white: ApiArray) -> ApiArray:
        """`S^{−1}v` of whitened vectors."""
        half = self._half(xp, white) if self.inverse is None else self._rest(xp, white)
        back = half / self.roots
        return back if self.axes is None else product(xp, back, xp.matrix_transpose(self.axes))

    def log_det(self, xp: Namespace, dimension: int) -> ApiArray:
        """`log det S`, shape (C, 1), or (C, n) for noise levels (n,)."""
        total = 2 * xp.sum(xp.log(self.roots), axis=-1) * (dimension // self.roots.shape[-1])
        if self.shrink is not None:
            total = total - xp.sum(xp.log(self.shrink), axis=-1)[:, None]
        return total if self.inverse is None else total - xp.linalg.slogdet(self.inverse)[1][:, None]

    def _half(self, xp: Namespace, y: ApiArray) -> ApiArray:
        """`Hy`."""
        if self.shrink is None:
            return y
        along = product(xp, y, self.basis)
        return y + product(xp, along * (xp.sqrt(self.shrink)[:, None] - 1), xp.matrix_transpose(self.basis))

    def _rest(self, xp: Namespace, y: ApiArray) -> ApiArray:
        """`(I + AAᵀ)^{−1}y = y − A (I + AᵀA)^{−1} Aᵀy`."""
        along = product(xp, product(xp, y, self.basis), self.inverse)
        return y - product(xp, along, xp.matrix_transpose(self.basis))


class Posterior(NamedTuple):
    """What noisy states say of the class: `log_joint` (K, n) is `log w_k p(x|k)`."""

    xp: Namespace
    resolvent: Resolvent
    log_joint: ApiArray
    white: ApiArray
    """`W(x − m_k)` (K, n, d), or `W(x − m̄)` (1, n, d) where `shift` holds the means."""
    shift: ApiArray
    """`W(m_k − m̄)` (K, d) of a covariance that all classes share, or `None`."""

    @property
    def shares(self) -> ApiArray:
        """`p(k|x)`, shape (K, n)."""
        xp = self.xp
        risen = xp.exp(self.log_joint - xp.max(self.log_joint, axis=0))
        return risen / xp.sum(risen, axis=0)

    @property
    def log_density(self) -> ApiArray:
        """`log p(x)`, nats, shape (n,)."""
        xp = self.xp
        top = xp.max(self.log_joint, axis=0)
        return top + xp.log(xp.sum(xp.exp(self.log_joint - top), axis=0))

    def pulls(self) -> ApiArray:
        """`S_k^{−1}(x − m_k)` of each class, shape (K, n, d)."""
        each = self.white if self.shift is None else self.white - self.shift[:, None]
        return self.resolvent.pull(self.xp, each)

    def pull(self, shares: ApiArray) -> ApiArray:
        """`Σ_k q_k S_k^{−1}(x − m_k)`, shape (n, d), for shares q (K, n) that sum to 1."""
        xp = self.xp
        if self.shift is None:
            return xp.sum(shares[..., None] * self.pulls(), axis=0)
        mean = product(xp, xp.matrix_transpose(shares), self.shift)
        return self.resolvent.pull(xp, self.white - mean[None])[0]


def classes_of(weights: NDArray[np.float64], means: NDArray[np.float64], frames: list[Frame]) -> Classes:
    """A mixture's numbers side by side; `frames` holds one, or one a class."""
    dimension = means.shape[1]
    turned, rank = any(f.axes is not None for f in frames), max(f.rank for f in frames)
    width = 1 if all(np.ndim(f.variances) == 0 for f in frames) else dimension
    axes = [np.eye(dimension) if f.axes is None else f.axes for f in frames] if turned else None
    columns = [np.zeros((dimension, 0)) if f.factors is None else f.factors for f in frames]
    factors = [np.pad(u, ((0, 0), (0, rank - u.shape[1]))) for u in columns] if rank else None
    return Classes(
        np.log(weights),
        means,
        np.stack([np.broadcast_to(f.variances, (width,)) for f in frames]),
        None if axes is None else np.stack(axes),
        None if factors is None else np.stack(factors),
    )


def mixing(classes: Classes, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`M` (C, r, r) with `V = B^{−1/2}U M`, and `(1 + s²)^{−1}` (C, r), at one σ, in double precision."""
    scaled = classes.factors / np.sqrt(classes.variances + sigma**2)[..., None]
    _, lengths, turned = np.linalg.svd(scaled, full_matrices=False)
    missing = scaled.shape[-1] - lengths.shape[-1]  # more factors than dimensions
    lengths = np.pad(lengths, ((0, 0), (0, missing)))
    turned = np.pad(turned, ((0, 0), (0, missing), (0, 0)))
    present = lengths > _PRESENT * lengths.max(axis=-1, keepdims=True)
    inverse = np.where(present, 1 / np.where(present, lengths, 1), 0)
    return np.swapaxes(turned, 1, 2) * inverse[:, None, :], np.where(present, 1 / (1 + lengths**2), 1)


def resolvent(
    xp: Namespace, classes: Classes, sigma: ApiArray, mixed: tuple[ApiArray, ApiArray] | None = None
) -> Resolvent:
    """`S^{−1}` at σ, a number, or levels (n,) where no covariance has factors; `mixed` is of `mixing`."""
    level = sigma if np.ndim(sigma) == 0 else sigma[None, :, None]
    roots = xp.sqrt(classes.variances[:, None] + level**2)
    if classes.factors is None:
        return Resolvent(roots, classes.axes)
    scaled = classes.factors / roots[:, 0, :, None]
    if mixed is not None:
        return Resolvent(roots, classes.axes, product(xp, scaled, mixed[0]), mixed[1])
    gram = product(xp, xp.matrix_transpose(scaled), scaled)
    one = xp.asarray(np.eye(gram.shape[-1]), dtype=gram.dtype, device=device_of(gram))
    return Resolvent(roots, classes.axes, scaled, None, xp.linalg.inv(one + gram))


def posterior(
    xp: Namespace,
    classes: Classes,
    x: ApiArray,
    sigma: ApiArray,
    mixed: tuple[ApiArray, ApiArray] | None = None,
) -> Posterior:
    """What the states x (n, d) at σ, a number or (n,), say of the class."""
    form = resolvent(xp, classes, sigma, mixed)
    white = form.whiten(xp, x[None] - classes.means[:, None])
    return Posterior(xp, form, _log_joint(xp, classes, form, form.squares(xp, white)), white, None)


def posterior_by_products(
    xp: Namespace, classes: Classes, x: ApiArray, sigma: ApiArray, mixed: ApiArray = None
) -> Posterior:
    """`posterior` of a covariance that all classes share, at one level, from one product of states and means.

    The squares `|a|² − 2⟨a, y⟩ + |y|²` lose what `|y − a|²` keeps where a is long: see `is_near`.
    """
    form = resolvent(xp, classes, sigma, mixed)
    centre = xp.sum(xp.exp(classes.log_weights)[:, None] * classes.means, axis=0)
    white = form.whiten(xp, (x - centre)[None])
    shift = form.whiten(xp, (classes.means - centre)[None])[0]
    own = xp.sum(shift**2, axis=-1)[:, None]
    squares = own - 2 * product(xp, shift, xp.matrix_transpose(white[0])) + xp.sum(white**2, axis=-1)
    return Posterior(xp, form, _log_joint(xp, classes, form, squares), white, shift)


def is_near(classes: Classes, sigma: float) -> bool:
    """Whether the means lie within a few widths of their centre, so that products of them keep precision."""
    centred = classes.means - np.exp(classes.log_weights) @ classes.means
    with np.errstate(all="ignore"):
        lengths2 = float((centred**2).sum(axis=1).max() / (classes.variances.min() + sigma**2))
    return lengths2 <= _NEAR * classes.means.shape[1]


def _log_joint(xp: Namespace, classes: Classes, form: Resolvent, squares: ApiArray) -> ApiArray:
    dimension = classes.means.shape[1]
    constant = dimension * float(np.log(2 * np.pi))
    return classes.log_weights[:, None] - (squares + form.log_det(xp, dimension) + constant) / 2


def device_of(array: ApiArray) -> ApiArray:
    """Where an array lies; `None` for one that is traced."""
    import array_api_compat

    compat: Any = array_api_compat
    return compat.device(array)


def product(xp: Namespace, left: ApiArray, right: ApiArray) -> ApiArray:
    """Matrix product in the full precision of its entries, also on accelerators that would halve it."""
    if xp.__name__.startswith("jax"):
        return xp.matmul(left, right, precision="highest")
    return xp.matmul(left, right)
