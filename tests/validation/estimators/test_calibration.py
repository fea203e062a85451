"""Wrappers that are wrong are named; exact denoisers and the trained network of digits are not."""

import numpy as np
import pytest
import torch
from speciation.theory import GaussianMixture
from speciation.validation import (
    MixtureDenoiser,
    check_denoiser,
    discrepancy_entropy,
    load_digits_model,
    pair_entropies,
)
from speciation.validation.estimators.calibration import DenoiserWarning
from speciation.validation.measurement.subjects import digits_subject

MIXTURE = GaussianMixture.parse("orthogonal:K=3,d=16,M=9,s=0.7")
ORACLE = MixtureDenoiser(MIXTURE)


def check(denoiser, **options):
    return check_denoiser(denoiser, ORACLE.sample, conditions=["0", "1"], dtype=torch.float64, **options)


def eps(x, sigma, condition):
    return (x - ORACLE(x, sigma, condition)) / sigma


def unscaled(x, sigma, condition):
    """The network expects `x/√(1 + σ²)` and is given x."""
    return ORACLE(x * np.sqrt(1 + sigma**2), sigma, condition)


def half_the_time(x, sigma, condition):
    return ORACLE(x, np.sqrt(np.sqrt(1 + sigma**2) - 1), condition)  # σ at half the Ornstein-Uhlenbeck time


def twice_the_time(x, sigma, condition):
    return ORACLE(x, np.sqrt((1 + sigma**2) ** 2 - 1), condition)


def wrong_class(x, sigma, condition):
    return ORACLE(x, sigma, "2")


def test_exact_denoisers_pass():
    for seed in range(5):  # 50 comparisons, each with a false alarm of 2e-9
        assert check(ORACLE, seed=seed) == []


@pytest.mark.slow
def test_a_trained_network_passes():
    subject = digits_subject(None, "cpu")
    assert check_denoiser(load_digits_model(), subject.sampler, conditions=subject.conditions) == []


@pytest.mark.parametrize("wrong", [eps, unscaled, half_the_time, twice_the_time, wrong_class])
def test_wrong_wrappers_are_named(wrong):
    lines = check(wrong)
    assert lines
    assert all(line.startswith("at sigma ") for line in lines)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x, s, c: x[:, :3], r"the answer has shape \(256, 3\) to \(256, 16\)"),
        (lambda x, s, c: x.float(), "the answer is torch.float32, the state torch.float64"),
        (lambda x, s, c: x * np.nan, "the answer is not finite"),
        (lambda x, s, c: x.numpy(), "the answer is no tensor but ndarray"),
        (eps, "noise widths from the state"),
    ],
)
def test_what_is_said(wrong, said):
    import re

    assert re.search(said, check(wrong)[0])


@pytest.mark.parametrize("estimator", [discrepancy_entropy, pair_entropies])
def test_estimators_warn(estimator):
    grid = np.geomspace(0.3, 30, 8)
    estimator(ORACLE, ["0", "1", "2"], grid, ORACLE.sample, samples=8)
    with pytest.warns(DenoiserWarning, match="denoiser: no mean of clean data: at sigma "):
        estimator(half_the_time, ["0", "1", "2"], grid, ORACLE.sample, samples=8)
