"""What scikit-learn's mixtures hold once they are fitted, as weights, means and covariances."""

from collections.abc import Callable, Sequence
from typing import Any

from .._support.real_numbers import real_numbers, with_rounding
from .covariance import Covariance, Diagonal, Full, Isotropic
from .parts import Parts

__all__ = ["fitted_parts"]


def fitted_parts(fitted: Any, labels: Sequence[str] | None = None) -> Parts:
    """Weights (K,), means (K, d) and covariances (K of them, or one that is shared), with labels.

    Raises
    ------
    ValueError
        For what is not a fitted `GaussianMixture` or `BayesianGaussianMixture`.
    """
    kind = getattr(fitted, "covariance_type", None)
    if kind not in _READERS:
        raise ValueError(
            f"fitted: need a fitted sklearn.mixture.GaussianMixture, not an object ({type(fitted).__name__})"
        )
    for name in ("weights_", "means_", "covariances_"):
        if not hasattr(fitted, name):
            raise ValueError("fitted: this estimator has not been fitted; call its fit(X) first")
    try:
        return Parts(fitted.weights_, fitted.means_, _READERS[kind](fitted.covariances_), labels)
    except ValueError as error:
        raise ValueError(f"fitted: its covariances of type {kind!r}: {error}") from None


def _matrices(values: object) -> list[Covariance]:
    array, rounding = with_rounding(values, "covariances_")
    return [Full(matrix, rounding) for matrix in array]


def _tied(values: Any) -> list[Covariance]:
    return [Full(values)]


def _diagonals(values: object) -> list[Covariance]:
    return [Diagonal(row) for row in real_numbers(values, "covariances_")]


def _variances(values: object) -> list[Covariance]:
    return [Isotropic(float(value)) for value in real_numbers(values, "covariances_")]


_READERS: dict[str, Callable[[Any], list[Covariance]]] = {
    "full": _matrices,
    "tied": _tied,
    "diag": _diagonals,
    "spherical": _variances,
}
"""By `covariance_type`."""
