"""Mixtures from samples: moments against direct sums, shrinkage against scikit-learn's, what is refused."""

import warnings

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from speciation.theory import GaussianMixture, Isotropic, LowRank
from speciation.theory.mixtures import digits
from speciation.theory.mixtures.fits import fit_samples
from speciation.theory.mixtures.labelled_samples import chunked
from speciation.theory.mixtures.scatter import Sketch


def drawn(n: int = 300, d: int = 12, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return rng.standard_normal((n, d)) @ np.diag(np.geomspace(2, 0.1, d)) + np.outer(y, np.ones(d)), y


def residuals(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([X[y == k] - X[y == k].mean(axis=0) for k in np.unique(y)])


def test_means_weights_and_pooled_covariance_are_the_moments():
    X, y = drawn()
    mixture = GaussianMixture.fit(X.reshape(-1, 3, 4), y, shrinkage=None)
    for k in range(3):
        np.testing.assert_allclose(mixture.means[k], X[y == k].mean(axis=0), rtol=1e-13)
        assert mixture.weights[k] == pytest.approx((y == k).mean(), rel=1e-13)
    pooled = residuals(X, y).T @ residuals(X, y) / len(X)
    np.testing.assert_allclose(mixture.covariances[0].matrix_in(12), pooled, rtol=1e-12, atol=1e-14)
    assert len(mixture.covariances) == 1


@pytest.mark.parametrize("n", [20, 60, 300])
def test_shrinkage_is_ledoit_and_wolfs(n):
    X, y = drawn(n)
    own = fit_samples(X, y)
    theirs = LedoitWolf(assume_centered=True).fit(residuals(X, y))
    assert own.shrinkage[0] == pytest.approx(theirs.shrinkage_, rel=1e-10)
    mixture = GaussianMixture(*own.parts)
    np.testing.assert_allclose(mixture.covariances[0].matrix_in(12), theirs.covariance_, rtol=1e-10)
    each = GaussianMixture.fit(X, y, covariance="each")
    for k in range(3):
        expected = LedoitWolf().fit(X[y == k]).covariance_
        np.testing.assert_allclose(each.covariances[k].matrix_in(12), expected, rtol=1e-10, atol=1e-14)


def test_a_given_shrinkage_mixes_with_the_mean_variance():
    X, y = drawn()
    S = residuals(X, y).T @ residuals(X, y) / len(X)
    found = GaussianMixture.fit(X, y, shrinkage=0.25).covariances[0].matrix_in(12)
    np.testing.assert_allclose(found, 0.75 * S + 0.25 * np.trace(S) / 12 * np.eye(12), rtol=1e-12, atol=1e-15)
    assert GaussianMixture.fit(X, y, shrinkage=1).isotropic_variance == pytest.approx(np.trace(S) / 12)


def test_the_digits_are_such_a_fit():
    parts = digits.fit([3, 8])
    X = np.concatenate([digits.images(3), digits.images(8)])
    y = [3] * len(digits.images(3)) + [8] * len(digits.images(8))
    assert GaussianMixture(*parts) == GaussianMixture.fit(X, y, weights=[0.5, 0.5])


def test_chunks_of_any_size_give_the_same_mixture():
    X, y = drawn()
    whole = GaussianMixture.fit(X, y)
    for step in (1, 7, 300):

        def chunks(step: int = step):
            return ((X[i : i + step], y[i : i + step]) for i in range(0, len(X), step))

        parts = GaussianMixture.fit_chunks(chunks)
        np.testing.assert_allclose(parts.means, whole.means, rtol=1e-12)
        matrices = (parts.covariances[0].matrix_in(12), whole.covariances[0].matrix_in(12))
        np.testing.assert_allclose(*matrices, rtol=1e-11, atol=1e-14)
        assert parts.labels == whole.labels


def test_arrays_too_large_for_one_chunk_are_read_in_several(monkeypatch):
    X, y = drawn()
    whole = GaussianMixture.fit(X, y)
    monkeypatch.setattr("speciation.theory.mixtures.labelled_samples.CHUNK_NUMBERS", 100)
    monkeypatch.setattr("speciation.theory.mixtures.fits.CHUNK_NUMBERS", 100)
    assert len(list(chunked(X, y)())) > 10
    np.testing.assert_allclose(GaussianMixture.fit(X, y).means, whole.means, rtol=1e-12)
    X[250, 3] = np.nan
    with pytest.raises(ValueError, match=r"^X, from sample \d+ on"):
        GaussianMixture.fit(X, y)


def test_low_rank_keeps_the_leading_directions_and_every_variance():
    X, y = drawn()
    S = residuals(X, y).T @ residuals(X, y) / len(X)
    mixture = GaussianMixture.fit(X, y, shrinkage=None, rank=4)
    (found,) = mixture.covariances
    assert isinstance(found, LowRank)
    assert found.factors.shape == (12, 4)
    np.testing.assert_allclose(np.diag(found.matrix_in(12)), np.diag(S), rtol=1e-12)
    values, vectors = np.linalg.eigh(S)
    leading = (vectors[:, -4:] * values[-4:]) @ vectors[:, -4:].T
    np.testing.assert_allclose(found.factors @ found.factors.T, leading, atol=1e-12 * values[-1])


def test_a_sketch_of_a_stream_is_close_to_the_matrix():
    """A spectrum of 20 strong directions: eigenvalues within 1e-3, ‖S‖² and so the shrinkage within 1e-4."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((900, 20)) * np.geomspace(3, 0.3, 20) @ rng.standard_normal((20, 400))
    rows += 0.3 * rng.standard_normal((900, 400))
    sketch = Sketch(400, 30)
    for start in range(0, 900, 37):
        sketch.add(rows[start : start + 37])
    found, S = sketch.result(), rows.T @ rows / 900
    assert found.trace == pytest.approx(np.trace(S), rel=1e-12)
    assert found.square == pytest.approx((S**2).sum(), rel=1e-4)
    assert found.fourth == pytest.approx(((rows**2).sum(axis=1) ** 2).mean(), rel=1e-12)
    own = np.linalg.svd(found.factors, compute_uv=False)[:20] ** 2
    np.testing.assert_allclose(own, np.linalg.eigvalsh(S)[::-1][:20], rtol=1e-3)


def test_thousands_of_dimensions_fit_with_a_rank():
    """d = 5000: γ of the sketch within 2 % of that of the n residuals, by Woodbury's identity.

    Above the noise's own sample eigenvalues, (1 + √(d/n))²/4 = 5, which no low rank has.
    """
    rng = np.random.default_rng(5)
    factors = rng.standard_normal((10, 5000)) * np.geomspace(1, 0.2, 10)[:, None]
    y = np.arange(400) % 2
    X = rng.standard_normal((400, 10)) @ factors + 0.5 * rng.standard_normal((400, 5000)) + 0.1 * y[:, None]
    with pytest.raises(ValueError, match=r"^rank: 5000 dimensions"):
        GaussianMixture.fit(X, y)
    found = fit_samples(X.astype(np.float32), y, rank=16)
    mixture, R, delta = GaussianMixture(*found.parts), residuals(X, y), None
    rho, mu = found.shrinkage[0], (R**2).sum() / 400 / 5000
    delta = (X[y == 0].mean(axis=0) - X[y == 1].mean(axis=0)) / 2
    for sigma in (5.0, 10.0):
        level, U = rho * mu + sigma**2, np.sqrt((1 - rho) / 400) * R
        inner = np.linalg.solve(np.eye(400) + U @ U.T / level, U @ delta)
        gamma = (delta @ delta - (U @ delta) @ inner / level) / level
        assert float(mixture.gamma(sigma)) == pytest.approx(gamma, rel=0.02)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"shrinkage": None, "X": drawn(10)[0], "y": drawn(10)[1]},
            "X: .* leave no width",
        ),
        ({"shrinkage": -0.1}, "shrinkage: must be from 0 to 1"),
        ({"shrinkage": "oas"}, "shrinkage: 'oas' is not"),
        ({"covariance": "tied"}, "covariance: 'tied' is not one of"),
        ({"rank": 12}, "rank: must be a whole number from 1 to 11"),
        ({"rank": 2.5}, "rank: must be"),
        ({"rank": True}, "rank: must be"),
        ({"y": np.ma.array([0, 1] * 150, mask=[0, 0, 1] * 100)}, r"y\[2\]: masked"),
        ({"y": np.array([b"a", b"b"] * 150)}, "y: labels are bytes"),
        ({"y": ["a", "b", None] * 100}, r"y\[2\]: no label but None"),
        ({"y": ["a"] * 299 + ["b"], "covariance": "each"}, "y: class 'b' has one sample"),
        ({"y": list(range(300))}, "y: every class has one sample"),
        ({"y": [0] * 299}, "y: need a label per sample"),
        ({"y": [0] * 299 + ["b"]}, r"y: labels of several kinds .*list\(map\(str, y\)\)"),
        ({"y": [0.0] * 299 + [np.nan]}, r"y\[299\]: not a finite number"),
        ({"X": np.zeros((300, 12))}, "X: no sample differs"),
        ({"X": np.zeros(300)}, r"X: need shape .*; use X\[:, None\] for one feature"),
        ({"X": np.full((300, 12), np.inf)}, "X.*: not a finite number"),
        ({"X": drawn()[0] * np.r_[np.ones(11), 0], "shrinkage": None}, "X: 1 of 12 features are constant"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(changed, message):
    X, y = drawn()
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        GaussianMixture.fit(**{"X": X, "y": y} | changed)
    assert "\n" not in str(caught.value)


def test_shrinkage_gives_constant_features_and_few_samples_a_width():
    X, y = drawn(9)
    X[:, 3] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixture = GaussianMixture.fit(X, y)
        GaussianMixture.fit(X, y, rank=3)
    assert mixture.covariances[0].flat_directions(12) == 0


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        ([10, 9, 2, 10], ("2", "9", "10")),
        (np.array([1.0, 0.0, 1.0, 0.0]), ("0", "1")),
        (["dog", "cat", "dog", "cat"], ("cat", "dog")),
        (np.array([True, False, True, False]), ("False", "True")),
        (np.array(["b", "a", "a", "b"], dtype=object), ("a", "b")),
    ],
)
def test_labels_are_texts_in_the_order_of_their_kind(y, labels):
    X = np.random.default_rng(0).standard_normal((4, 2))
    assert GaussianMixture.fit(X, y, shrinkage=0.5).labels == labels


def test_the_empirical_distribution_has_a_component_a_sample():
    """Its denoiser is the softmax mean of the samples, and its groups are the classes."""
    X, y = drawn(20, 4)
    mixture = GaussianMixture.empirical(X.reshape(20, 2, 2), y, 0.01)
    assert mixture.covariances == (Isotropic(0.01),)
    assert mixture.partition is not None
    assert {name: len(group) for name, group in mixture.partition.items()} == {
        str(k): int((y == k).sum()) for k in range(3)
    }
    x, sigma = np.full(4, 0.3), 0.7
    shares = np.exp(-((x - X) ** 2).sum(axis=1) / (2 * (0.01 + sigma**2)))
    centre = shares @ X / shares.sum()
    expected = centre + 0.01 / (0.01 + sigma**2) * (x - centre)
    np.testing.assert_allclose(mixture.denoise(x, sigma), expected, rtol=1e-12)
    for label, group in mixture.partition.items():
        rows = [mixture.labels.index(name) for name in group]
        np.testing.assert_array_equal(np.sort(mixture.means[rows], 0), np.sort(X[y == int(label)], 0))
    with pytest.raises(ValueError, match="variance -1 is negative"):
        GaussianMixture.empirical(X, y, -1)
