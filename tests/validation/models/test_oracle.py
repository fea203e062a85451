"""The oracle denoiser against dense algebra and against the score of the mixture's density."""

import numpy as np
import pytest
import torch
from scipy import stats
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank
from speciation.validation import path_entropy
from speciation.validation.denoiser import Denoiser, checked_conditions, membership
from speciation.validation.models.oracle import MixtureDenoiser

FACTORS = np.random.default_rng(0).standard_normal((3, 3, 3))
COVARIANCES = [
    Isotropic(0.5),
    Full(FACTORS[0] @ FACTORS[0].T),
    LowRank(0.3, FACTORS[1][:, :2]),
    Diagonal([0.1, 1, 2]),
]
MIXTURE = GaussianMixture(
    [0.1, 0.2, 0.3, 0.4], 2 * np.random.default_rng(1).standard_normal((4, 3)), COVARIANCES
)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 20.0])
def test_oracle_is_the_posterior_mean(sigma):
    x = 3 * np.random.default_rng(2).standard_normal((5, 3))
    denoiser = MixtureDenoiser(MIXTURE)
    weighted, densities = 0.0, 0.0
    for k, label in enumerate(MIXTURE.labels):
        matrix = MIXTURE.covariance_of(k).matrix_in(3)
        noisy = matrix + sigma**2 * np.eye(3)
        expected = MIXTURE.means[k] + (x - MIXTURE.means[k]) @ np.linalg.solve(noisy, matrix)
        found = denoiser(torch.tensor(x), sigma, label).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
        density = MIXTURE.weights[k] * stats.multivariate_normal(MIXTURE.means[k], noisy).pdf(x)
        weighted, densities = weighted + density[:, None] * expected, densities + density
    unconditional = denoiser(torch.tensor(x), sigma, None).numpy()
    np.testing.assert_allclose(unconditional, weighted / densities[:, None], rtol=1e-9)


def test_oracle_keeps_the_type_of_its_input_and_samples_its_classes():
    denoiser = MixtureDenoiser(MIXTURE)
    assert denoiser(torch.zeros(2, 3, dtype=torch.float32), 1.0, None).dtype == torch.float32
    generator = torch.Generator().manual_seed(0)
    for k, label in enumerate(MIXTURE.labels):
        draws = denoiser.sample(label, 40_000, generator).numpy()
        matrix = MIXTURE.covariance_of(k).matrix_in(3)
        error = np.sqrt(np.diag(matrix) / 40_000)
        assert (np.abs(draws.mean(axis=0) - MIXTURE.means[k]) < 6 * error).all()
        np.testing.assert_allclose(np.cov(draws.T), matrix, atol=0.06 * matrix.max())


def test_oracle_refuses():
    denoiser = MixtureDenoiser(MIXTURE)
    with pytest.raises(ValueError, match="condition: 'cat' is not one of 0, 1, 2, 3"):
        denoiser(torch.zeros(1, 3), 1.0, "cat")
    with pytest.raises(ValueError, match="sigma: must be > 0"):
        denoiser(torch.zeros(1, 3), 0.0, None)


def test_conditions_and_groups():
    np.testing.assert_allclose(checked_conditions(["a", None], None), [0.5, 0.5])
    np.testing.assert_array_equal(
        membership(["a", "b", "c"], {"x": ["a", "c"], "y": ["b"]}), [[1, 0, 1], [0, 1, 0]]
    )
    for conditions, weights in (
        (["a"], None),
        (["a", "a"], None),
        (["a", "b"], [0.5, 0.6]),
        (["a", "b"], [1.0, 0.0]),
    ):
        with pytest.raises(ValueError, match=r"^(conditions|weights): need"):
            checked_conditions(conditions, weights)
    with pytest.raises(ValueError, match="class 'b' is in no group"):
        membership(["a", "b"], {"x": ["a"]})


def test_a_denoiser_is_anything_that_is_called_as_one():
    """`Denoiser` is a protocol: a plain function takes part in an estimate as the oracle does."""
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=1")
    oracle = MixtureDenoiser(mixture)

    def plain(x: torch.Tensor, sigma: float, condition: str | None) -> torch.Tensor:
        return oracle(x, sigma, condition)

    own: Denoiser = plain
    arguments = (("+", "-"), np.geomspace(10, 0.4, 6), (4,))
    found, usual = (path_entropy(each, *arguments, chains=32, batch=32) for each in (own, oracle))
    np.testing.assert_array_equal(found.entropy, usual.entropy)
