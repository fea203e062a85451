"""Mixtures: what they accept, what they refuse, files and SPECs, and γ against dense algebra."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speciation.theory import (
    Diagonal,
    Full,
    GaussianMixture,
    Isotropic,
    LowRank,
    speciation_times,
    window_sigmas,
)
from speciation.theory.mixtures.families import FAMILIES
from speciation.theory.times.prediction import covariance_noise

SPECS = [
    "binary:d=9,mu=0.5,s=2,w=0.3",
    "orthogonal:K=4,d=6,M=9,s=1",
    "hierarchy:d=5,A=9,B=1,s=0.5",
    "scales:d=7,lambda1=1,lambda2=2",
    "digits:3,8",
]


def dense(mixture: GaussianMixture, index: int) -> np.ndarray:
    ((kind, value),) = mixture.covariance_of(index).to_json().items()
    if kind == "low_rank":
        factors = np.array(value["factors"])
        return np.diag(np.broadcast_to(value["diagonal"], mixture.dimension)) + factors @ factors.T
    return np.array(value) if kind == "full" else np.diag(np.broadcast_to(value, mixture.dimension))


COVARIANCES = [
    *(0.7, np.array([0.1, 0.5, 2.0]), np.diag([1.0, 2.0, 3.0]) + 0.3),
    LowRank(0.4, np.array([[1.0, 0.5], [0.0, 2.0], [3.0, 1.0]])),
    LowRank(np.array([0.1, 0.5, 2.0]), np.array([[1.0], [-2.0], [0.5]])),
]


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_gamma_is_the_resolvent_form(covariance):
    means = np.array([[1.0, 0.2, -0.4], [-0.5, 0.1, 0.3]])
    mixture = GaussianMixture([0.5, 0.5], means, covariance)
    delta = (means[0] - means[1]) / 2
    sigma = np.array([0.0, 0.3, 4.0])
    resolvents = [np.linalg.inv(dense(mixture, 0) + s**2 * np.eye(3)) for s in sigma]
    np.testing.assert_allclose(mixture.gamma(sigma), [delta @ r @ delta for r in resolvents], rtol=1e-12)
    slopes = [-delta @ r @ r @ delta for r in resolvents]
    np.testing.assert_allclose(mixture.gamma_slope(sigma), slopes, rtol=1e-12)


def test_gamma_of_many_dimensions_and_levels_is_blocked():
    rng = np.random.default_rng(1)
    variances, means = rng.uniform(0.1, 2, 3000), rng.standard_normal((2, 3000))
    mixture = GaussianMixture([0.5, 0.5], means, variances)
    sigma = np.geomspace(0.01, 100, 1000).reshape(10, 100)
    delta2 = ((means[0] - means[1]) / 2) ** 2
    expected = (delta2 / (variances + sigma[..., None] ** 2)).sum(-1)
    np.testing.assert_allclose(mixture.gamma(sigma), expected, rtol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_files_return_the_same_mixture(spec, ending, tmp_path):
    mixture = GaussianMixture.parse(spec)
    path = tmp_path / f"mixture{ending}"
    mixture.save(path)
    again = GaussianMixture.parse(path)
    np.testing.assert_array_equal(again.weights, mixture.weights)
    np.testing.assert_array_equal(again.means, mixture.means)
    assert again.covariances == mixture.covariances
    assert again.labels == mixture.labels
    assert again.partition == mixture.partition


def test_every_json_covariance_form(tmp_path):
    forms = {
        "isotropic": ({"isotropic": 2.0}, (Isotropic(2.0),)),
        "diagonal": ({"diagonal": [1, 2]}, (Diagonal(np.array([1.0, 2.0])),)),
        "full": ({"full": [[2, 1], [1, 2]]}, (Full(np.array([[2.0, 1], [1, 2]])),)),
        "each": ([{"isotropic": 1.0}, {"diagonal": [1, 2]}], (Isotropic(1.0), Diagonal(np.array([1.0, 2])))),
    }
    for name, (form, expected) in forms.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"weights": [0.5, 0.5], "means": [[1, 0], [0, 1]], "covariance": form}))
        assert GaussianMixture.parse(path).covariances == expected


def test_spec_geometry():
    orthogonal = GaussianMixture.parse("orthogonal:K=3,d=5,M=4,s=1")
    np.testing.assert_allclose(orthogonal.means @ orthogonal.means.T, 4 * np.eye(3))
    tree = GaussianMixture.parse("hierarchy:d=4,A=9,B=1,s=0.5")
    np.testing.assert_allclose((tree.means**2).sum(1), 10)
    assert dict(tree.partition) == {"+": ("+/+", "+/-"), "-": ("-/+", "-/-")}
    np.testing.assert_allclose(tree.means.mean(0), 0)
    binary = GaussianMixture.parse("binary:d=16,mu=0.5,s=3,w=0.2")
    assert binary.separation2 == 4.0
    assert binary.covariances == (Isotropic(9.0),)
    np.testing.assert_allclose(binary.weights, [0.2, 0.8])
    assert set(FAMILIES) == {"binary", "orthogonal", "hierarchy", "scales"}


def test_digits_are_the_fitted_classes():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    mixture = GaussianMixture.parse("digits:3,8")
    np.testing.assert_allclose(mixture.means[1], (pixels[labels == 8] / 8 - 1).mean(0))
    assert mixture.labels == ("3", "8")
    assert mixture.shared_covariance is not None
    assert mixture.shared_covariance.variances.min() > 0  # shrinkage makes a constant pixel regular


def test_a_list_is_one_per_class_only_when_it_can_be_nothing_else():
    means3 = np.eye(3)[:2]
    assert GaussianMixture([0.5, 0.5], means3, [1.0, 2.0]).covariances == (Isotropic(1.0), Isotropic(2.0))
    shared = GaussianMixture([0.5, 0.5], means3, [1.0, 2.0, 3.0])
    assert shared.covariances == (Diagonal(np.array([1.0, 2.0, 3.0])),)
    with pytest.raises(ValueError, match="one per class or one shared"):
        GaussianMixture([0.5, 0.5], np.eye(2), [1.0, 2.0])
    stacked = np.stack([np.eye(2), 2 * np.eye(2)])
    assert len(GaussianMixture([0.5, 0.5], np.eye(2), stacked).covariances) == 2
    assert GaussianMixture([0.5, 0.5], np.eye(2), np.eye(2)).shared_covariance == Full(np.eye(2))


def test_values_are_immutable():
    mixture = GaussianMixture.parse(SPECS[0])
    with pytest.raises(ValueError, match="read-only"):
        mixture.means[0, 0] = 5
    with pytest.raises(AttributeError):
        mixture.weights = np.array([0.1, 0.9])  # type: ignore[misc]


def test_needs_two_classes_with_a_shared_covariance():
    with pytest.raises(ValueError, match="two classes"):
        GaussianMixture.parse("orthogonal:K=3,d=3,M=1,s=1").gamma(1.0)
    with pytest.raises(ValueError, match="unequal covariance"):
        GaussianMixture.parse("scales:d=3,lambda1=1,lambda2=2").gamma(1.0)


BAD = {
    "weights sum": (dict(weights=[0.5, 0.4]), "weights sum to 0.9, not 1"),
    "weights negative": (dict(weights=[1.5, -0.5]), r"weights\[1\]"),
    "weights zero": (dict(weights=[1.0, 0.0]), r"weights\[1\]"),
    "weights length": (dict(weights=[1.0]), "weights: need one per class"),
    "weights nan": (dict(weights=[0.5, np.nan]), r"weights\[1\]: not a finite"),
    "means inf": (dict(means=[[1.0, np.inf], [0, 0]]), r"means\[0, 1\]: not a finite"),
    "means ragged": (dict(means=[[1.0, 2.0], [3.0]]), "means: not an array"),
    "means flat": (dict(means=[1.0, 2.0]), "means: need shape"),
    "means empty": (dict(means=[]), "means: empty"),
    "means huge": (dict(means=[[1e200, 0], [0, 0]]), "means: .*overflows"),
    "means too large an integer": (dict(means=[[10**400, 0], [0, 0]]), "means: not an array"),
    "same classes": (dict(means=[[1.0, 0], [1.0, 0]]), "entropy of the class never falls"),
    "covariance negative": (dict(covariances=-1.0), "covariances: .*negative"),
    "covariance nan": (dict(covariances=np.nan), "covariances: .*finite"),
    "covariance text": (dict(covariances="wide"), "covariances: not a number"),
    "diagonal length": (dict(covariances=np.ones(3)), "covariances: 3 variances for 2 dimensions"),
    "matrix size": (dict(covariances=np.eye(3)), "covariances: a 3 x 3 matrix for 2"),
    "matrix shape": (dict(covariances=np.ones((2, 3))), "covariances: a full matrix has shape"),
    "not symmetric": (dict(covariances=np.array([[1.0, 0.5], [0, 1]])), "covariances: .*not symmetric"),
    "indefinite": (dict(covariances=np.array([[1.0, 2], [2, 1]])), "covariances: .*eigenvalue -1"),
    "too many": (dict(covariances=[Isotropic(1.0)] * 3), r"covariances: need one per class \(2\), found 3"),
    "second is bad": (dict(covariances=[Isotropic(1.0), np.eye(3)]), r"covariances\[1\]: a 3 x 3"),
    "labels": (dict(labels=["a"]), "labels: need one per class"),
    "labels twice": (dict(labels=["a", "a"]), "labels: two classes"),
    "labels type": (dict(labels=[1, 2]), "labels: need a list of strings"),
    "partition unknown": (dict(partition={"g": ["0", "1", "2"]}), "partition: '2' is not a class"),
    "partition misses": (dict(partition={"g": ["0"]}), "partition: class '1' is in no group"),
    "partition overlaps": (dict(partition={"g": ["0", "1"], "h": ["1"]}), "more than one group"),
    "partition text": (dict(partition={"g": "01"}), "partition: each group is a list"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name):
    arguments, message = BAD[name]
    good = dict(weights=[0.5, 0.5], means=[[1.0, 0.0], [-1.0, 0.0]], covariances=1.0)
    with pytest.raises(ValueError, match=message) as refusal:
        GaussianMixture(**(good | arguments))
    assert "\n" not in str(refusal.value)


@given(st.integers(1, 6), st.floats(0.1, 3), st.floats(0, 3), st.floats(0.01, 0.99))
def test_binary_spec_round_trips_through_text(d, mu, s, w):
    mixture = GaussianMixture.parse(f"binary:d={d},mu={mu!r},s={s!r},w={w!r}")
    assert mixture.separation2 == pytest.approx(mu * mu * d)
    assert mixture.prior == pytest.approx(w)
    assert float(mixture.covariances[0].variances) == s * s


def test_low_rank_forms_are_those_of_the_matrix():
    rng = np.random.default_rng(2)
    for diagonal in (np.array(0.3), rng.uniform(0.1, 2, 7)):
        covariance = LowRank(diagonal, 3 * rng.standard_normal((7, 2)))
        full = Full(covariance.matrix_in(7))
        vectors = rng.standard_normal((4, 7))
        for noise in (1e-4, 1.0, 100.0):
            solved = np.linalg.solve(full.matrix + noise * np.eye(7), vectors.T).T
            np.testing.assert_allclose(covariance.solve(vectors, noise), solved, rtol=1e-10, atol=1e-13)
            white = covariance.whiten(vectors, noise)
            np.testing.assert_allclose(white @ white.T, vectors @ solved.T, rtol=1e-10, atol=1e-13)
        for vector in vectors:
            values, overlaps = covariance.spectral_measure(vector)
            for power in (-1, 1, 2):
                expected = (
                    vector @ np.linalg.matrix_power(np.linalg.inv(full.matrix + np.eye(7)), power) @ vector
                )
                assert (overlaps / (values + 1) ** power).sum() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("ending", [".json", ".npz"])
@pytest.mark.parametrize("shared", [True, False])
def test_low_rank_mixtures_are_files_and_specs(ending, shared, tmp_path):
    rng = np.random.default_rng(3)
    one = LowRank(0.5, rng.standard_normal((5, 2)))
    other = LowRank(rng.uniform(0.1, 1, 5), rng.standard_normal((5, 1)))
    mixture = GaussianMixture([0.4, 0.6], rng.standard_normal((2, 5)), one if shared else [one, other])
    path = tmp_path / f"mixture{ending}"
    mixture.save(path)
    assert GaussianMixture.parse(path).covariances == mixture.covariances


def test_low_rank_of_many_dimensions_needs_no_eigenvalues():
    rng = np.random.default_rng(4)
    d = 20_000
    variances, factors = rng.uniform(0.5, 1, d), rng.standard_normal((d, 3))
    mixture = GaussianMixture([0.5, 0.5], 0.1 * rng.standard_normal((2, d)), LowRank(variances, factors))
    delta = mixture.half_difference
    inverse = 1 / (variances + 4)
    small = np.eye(3) + factors.T @ (inverse[:, None] * factors)
    right = factors.T @ (inverse * delta)
    expected = (inverse * delta**2).sum() - right @ np.linalg.solve(small, right)
    assert mixture.gamma(2.0) == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(window_sigmas(mixture, 5)).all()
    times = {entry.criterion: entry for entry in speciation_times(mixture)}
    assert "needs eigenvalues" in times["curvature"].reason
    dense = np.linalg.eigvalsh(np.diag(variances[:50]) + factors[:50] @ factors[:50].T)[-1]
    assert covariance_noise(
        GaussianMixture([0.5, 0.5], np.eye(2, 50) * 1e-9, LowRank(variances[:50], factors[:50]))
    ) == pytest.approx(dense - 1, rel=1e-9)
    top = float(np.linalg.eigvalsh(factors.T @ factors)[-1])
    assert top < times["covariance"].sigma ** 2 + 1 < top + 2


@pytest.mark.parametrize(
    ("diagonal", "factors", "message"),
    [
        (1.0, np.ones(3), "low-rank factors have shape"),
        (np.ones((2, 2)), np.ones((2, 1)), "a diagonal is a variance or has shape"),
        (np.ones(3), np.ones((2, 1)), "2 rows of factors for 3 dimensions"),
        (-1.0, np.ones((2, 1)), "negative variance"),
        (1.0, np.full((2, 1), np.nan), "not finite"),
    ],
)
def test_low_rank_refuses(diagonal, factors, message):
    with pytest.raises(ValueError, match=message):
        LowRank(diagonal, factors)


def test_class_entropy_keeps_its_precision():
    """`w(1 − log w)` to first order; `−Σ w log w` with 1 − w rounded to 1 is short by w."""
    for w in (1e-12, 1e-100, 1e-300):
        mixture = GaussianMixture([w, 1 - w], np.array([[1.0], [-1.0]]), 1.0)
        assert mixture.class_entropy == pytest.approx(w * (1 - np.log(w)), rel=1e-11, abs=0)
    equal = GaussianMixture(np.full(7, 1 / 7), np.eye(7), 1.0)
    assert equal.class_entropy == pytest.approx(np.log(7), rel=1e-15)
    single = GaussianMixture([1.0], np.zeros((1, 2)), 1.0)
    assert single.class_entropy == 0


@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_a_save_that_fails_leaves_the_old_file(ending, tmp_path, monkeypatch):
    path, link = tmp_path / f"mixture{ending}", tmp_path / f"link{ending}"
    GaussianMixture([0.5, 0.5], [[0.0], [1.0]], 1.0).save(path)
    link.symlink_to(path)
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    other = GaussianMixture([0.25, 0.75], [[0.0], [1.0]], 1.0)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(OSError, match="No space left"):
            other.save(link)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([link.name, path.name])
    other.save(link)
    assert link.is_symlink()
    assert GaussianMixture.parse(str(path)).weights[0] == 0.25
