"""What a mixture is built from: families, files and fits give it, and know nothing of the mixture itself."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from numpy.typing import ArrayLike

from .covariance import Covariance

__all__ = ["CovarianceLike", "Parts"]

CovarianceLike: TypeAlias = "Covariance | ArrayLike | Sequence[Covariance | ArrayLike]"


class Parts(NamedTuple):
    """The arguments of `GaussianMixture`, in its order."""

    weights: ArrayLike
    means: ArrayLike
    covariances: CovarianceLike
    labels: Sequence[str] | None = None
    partition: Mapping[str, Sequence[str]] | None = None
