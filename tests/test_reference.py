"""Published measurements: cloning in Gaussian mixtures and in trained image models (B24)."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from scipy import optimize, stats
from speciation.theory import clone_agreement, schedules


def rows(path):
    with path.open() as stream:
        yield from csv.DictReader(stream)


def cloning_scores(reference, factor: float = 1.0):
    """z-scores of the published cloning probabilities against φ(factor · γ)."""
    table = list(rows(reference / "cloning_gaussian_mixture.csv"))
    d, t, phi, n = (np.array([float(r[k]) for r in table]) for k in ("dimension", "ou_time", "phi", "clones"))
    expected = clone_agreement(factor * d * np.exp(-2 * t))
    # φ = 1 at early times: a hundredth of a clone keeps the standard error from vanishing
    error = np.sqrt(np.maximum(expected * (1 - expected), 0.01 / n) / n)
    return (phi - expected) / error


def test_cloning_of_gaussian_mixtures(reference):
    scores = cloning_scores(reference)
    assert (scores**2).mean() <= 2
    assert np.abs(scores).max() <= 4.5


def test_cloning_would_reject_a_wrong_gamma(reference):
    assert (cloning_scores(reference, 1.1) ** 2).mean() > 2


QUOTED = {"ImageNet32": (12.11, 1.148), "LSUN": (60.52, 1.512)}  # B24 figure 4, without their curves


def crossing_times(reference):
    """(Λ, t at which φ falls through φ(γ = 1)) per data set, linear between published points."""
    level = float(clone_agreement(1.0))
    curves = defaultdict(list)
    for row in rows(reference / "cloning_trained_models.csv"):
        point = (float(row["ou_time"]), float(row["phi"]))
        curves[row["dataset"], float(row["largest_eigenvalue"])].append(point)
    crossings = {}
    for (name, eigenvalue), points in curves.items():
        t, phi = np.array(sorted(points)).T
        after = int(np.argmax(phi < level))
        share = (phi[after - 1] - level) / (phi[after - 1] - phi[after])
        crossings[name] = (eigenvalue, t[after - 1] + share * (t[after] - t[after - 1]))
    return crossings


def test_log_law_of_trained_models(reference):
    crossings = crossing_times(reference)
    assert {name: round(t, 3) for name, (_, t) in crossings.items()} == {
        "MNIST": 0.943, "CIFAR": 0.953, "ImageNet16": 0.579
    }  # fmt: skip
    eigenvalues, times = np.array([*crossings.values(), *QUOTED.values()]).T
    correlation = stats.pearsonr(times, 0.5 * np.log(eigenvalues)).statistic
    assert correlation == pytest.approx(0.947, abs=0.002)


def test_log_law_of_trained_models_could_fail(reference):
    """Shuffled eigenvalues: no assignment but the published one correlates as well."""
    eigenvalues, times = np.array([*crossing_times(reference).values(), *QUOTED.values()]).T
    best = stats.pearsonr(times, 0.5 * np.log(eigenvalues)).statistic
    rolled = [stats.pearsonr(times, np.roll(np.log(eigenvalues), k)).statistic for k in range(1, 5)]
    assert max(rolled) < best - 0.3


def test_published_steps_are_our_clock(reference):
    for row in rows(reference / "cloning_trained_models.csv"):
        time = float(schedules.DDPM().ou_time(float(row["ddpm_step"])))
        assert time == pytest.approx(float(row["ou_time"]), abs=1e-6)


def channel_of(points, agreement):
    """(M, s²) of `γ = M/(s² + σ²)`, χ² and the area `∫ (1 − φ) dγ` of the published φ in that clock."""
    t, phi, error = np.array(sorted(points)).T
    sigma2, error = np.expm1(2 * t), np.maximum(error, 0.002)  # φ = 1 has no error of its own

    def gamma(logs):
        return np.exp(logs[0]) / (np.exp(logs[1]) + sigma2)

    found = optimize.least_squares(lambda logs: (agreement(gamma(logs)) - phi) / error, [1.0, 0.0])
    at = gamma(found.x)[::-1]
    # what lies below the smallest γ has φ = ½
    area = np.trapezoid((1 - phi)[::-1], at) + at[0] / 2
    return np.exp(found.x), float((found.fun**2).sum()), float(area)


def test_published_clones_of_trained_models_are_those_of_a_binary_channel(reference):
    """T4 on networks of others: two numbers describe 20 points each, and the area is the entropy of a bit.

    What does not agree is Λ as the scale for CIFAR: the largest variance of its images is 2.7 times what the
    classes' difference needs, M + s².
    """
    curves = defaultdict(list)
    for row in rows(reference / "cloning_trained_models.csv"):
        point = [float(row[name]) for name in ("ou_time", "phi", "phi_standard_error")]
        curves[row["dataset"], float(row["largest_eigenvalue"])].append(point)
    ratios = {}
    for (name, eigenvalue), points in curves.items():
        (m, s2), chi2, area = channel_of(points, clone_agreement)
        assert chi2 < 3 * (len(points) - 2)
        assert area == pytest.approx(np.log(2), rel=0.08)
        # a curve that rises otherwise, as 1/(1 + γ), does not fit
        assert channel_of(points, lambda gamma: 1 - 0.5 / (1 + gamma))[1] > 4 * chi2
        ratios[name] = eigenvalue / (m + s2)
    assert {name: round(ratio, 1) for name, ratio in ratios.items()} == {
        "MNIST": 1.2, "CIFAR": 2.7, "ImageNet16": 1.0
    }  # fmt: skip
