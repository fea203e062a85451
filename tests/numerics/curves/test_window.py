"""The grid of noise levels for any mixture spans the decision of its classes."""

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.theory import Diagonal, Full, GaussianMixture, window_sigmas


def bent(seed: int) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((5, 5))
    covariances = [Diagonal(rng.uniform(0.1, 2, 5)), Full(factor @ factor.T), 0.5]
    return GaussianMixture([0.2, 0.3, 0.5], rng.standard_normal((3, 5)), covariances)


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    "mixture",
    [
        *("orthogonal:K=8,d=256,M=50,s=1", "hierarchy:d=8,A=400,B=1,s=0.1"),
        *("scales:d=1000,lambda1=1,lambda2=3", "digits:0,3,8", "orthogonal:K=3,d=4,M=4,s=0"),
        *(bent(0), bent(1)),
    ],
)
def test_window_spans_the_decision(mixture):
    if isinstance(mixture, str):
        mixture = GaussianMixture.parse(mixture)
    sigmas = window_sigmas(mixture, 20)
    assert (np.diff(sigmas) > 0).all()
    curve = entropy_curve(mixture, sigmas, samples=4000)
    # noisy end: nearly all of H(C); the middle of the decision lies inside
    assert float(curve.entropy[-1]) > 0.98 * mixture.class_entropy
    assert float(curve.entropy[0]) < 0.45 * mixture.class_entropy


def test_a_single_class_has_no_window():
    with pytest.raises(ValueError, match="single class"):
        window_sigmas(GaussianMixture([1.0], [[0.0, 1.0]], 1.0), 5)
