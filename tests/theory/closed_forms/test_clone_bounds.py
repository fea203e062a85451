"""What a cloning experiment bounds (T22): given values, the hull of the simplex, channels."""

import csv

import mpmath as mp
import numpy as np
import pytest
from scipy import optimize, spatial, special
from speciation.theory import (
    binary_entropy,
    clone_agreement,
    clone_bounds,
    orthogonal_agreement,
    orthogonal_entropy,
)


def simplex(classes, steps):
    """All posteriors whose entries are multiples of 1/steps, in falling order, as (Σ p², entropy)."""
    rows = np.array([[first] for first in range(steps + 1)])
    for _ in range(classes - 2):
        rows = np.concatenate([np.hstack([rows, np.full((len(rows), 1), k)]) for k in range(steps + 1)])
        rows = rows[rows.sum(axis=1) <= steps]
    p = np.hstack([rows, steps - rows.sum(axis=1, keepdims=True)]) / steps
    p = p[(np.diff(p, axis=1) <= 0).all(axis=1)]
    return (p**2).sum(axis=1), special.entr(p).sum(axis=1)


@pytest.mark.parametrize(("classes", "steps"), [(2, 4000), (3, 300), (4, 120)])
def test_bounds_are_the_hull_of_the_simplex(classes, steps):
    points = np.stack(simplex(classes, steps), axis=1)
    corners = points[spatial.ConvexHull(points).vertices]
    lower, upper = clone_bounds(np.maximum(corners[:, 0], 1 / classes), classes)
    assert (corners[:, 1] >= lower - 1e-13).all()
    assert (corners[:, 1] <= upper + 1e-13).all()
    # every corner of the hull is on one of the two, to what the grid resolves
    assert np.minimum(corners[:, 1] - lower, upper - corners[:, 1]) == pytest.approx(0, abs=20 / steps**2)


@pytest.mark.parametrize("classes", [3, 5, 40, 10**6])
def test_upper_bound_is_the_least_of_its_tangents(classes):
    """`min_μ max_x [h − μ(Σp² − φ)]` over one likelier class of probability x, the concave hull."""

    def largest(slope, phi):
        def value(x):
            shape = x * x + (1 - x) ** 2 / (classes - 1)
            return (
                special.entr(x) + special.entr(1 - x) + (1 - x) * np.log(classes - 1) - slope * (shape - phi)
            )

        x = np.concatenate([np.linspace(1 / classes, 1, 4001), 1 - np.geomspace(1e-12, 1, 2000)])
        return float(value(x[x >= 1 / classes]).max())

    for phi in (1 / classes + 0.05, 0.5, 0.8, 0.97):
        found = optimize.minimize_scalar(largest, args=(phi,), bounds=(-60, 0), method="bounded")
        upper = clone_bounds(phi, classes)[1]
        assert upper == pytest.approx(found.fun, rel=1e-5)


def test_given_tangents(reference):
    with (reference / "values" / "clone_bounds_tangent.csv").open() as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    for row in rows:
        classes, phi = int(row["K"]), row["phi_tangent"]
        assert clone_bounds(phi, classes)[1] == pytest.approx(row["H_tangent"], rel=1e-14)
        below = 0.5 * (phi + 1 / classes)
        chord = row["H_tangent"] + row["slope"] * (below - phi)
        assert clone_bounds(below, classes)[1] == pytest.approx(chord, rel=1e-13)
        step = 1e-6 * (1 - phi)
        slope = (clone_bounds(phi + step, classes)[1] - clone_bounds(phi - step, classes)[1]) / (2 * step)
        assert slope == pytest.approx(row["slope"], rel=1e-5)
    assert rows


@pytest.mark.parametrize("classes", [2, 3, 1000, 10**24])
def test_relative_precision_where_clones_agree(classes):
    with mp.workdps(60):
        for rest in (0.4, 1e-3, 1e-9, 2.0**-52):
            phi = 1 - rest
            own, k = 1 - mp.mpf(phi), mp.mpf(int(classes))
            y = (1 - mp.sqrt(1 - own * k / (k - 1))) * (k - 1) / k
            exact = -y * mp.log(y) - (1 - y) * mp.log(1 - y) + y * mp.log(k - 1)
            if y * k > 1 and classes > 2:
                exact = mp.log(k) - (phi - 1 / k) * (k - 1) * mp.log(k - 1) / (k - 2)
            lower, upper = clone_bounds(phi, classes)
            assert abs(upper / exact - 1) < 1e-14
            assert abs(lower / (2 * mp.log(2) * own) - 1) < 1e-15


def test_ends_are_exact():
    for classes in (2, 3, 7, 10, 1000, 10**24):
        assert clone_bounds(1.0, classes) == (0.0, 0.0)
        assert clone_bounds(1 / classes, classes) == (np.log(float(classes)), np.log(float(classes)))
    lower, upper = clone_bounds([0.6, 0.9], [[2], [5], [9]])
    assert lower.shape == upper.shape == (3, 2)
    assert isinstance(clone_bounds(0.7, 3)[0], float)
    # the polygon's corners: posteriors even on k classes
    assert clone_bounds([1 / 2, 1 / 3, 1 / 5], 8)[0] == pytest.approx(np.log([2, 3, 5]), rel=1e-14)


def test_channels_stay_within():
    gamma = np.geomspace(1e-3, 60, 40)
    for prior in (0.5, 0.2, 1e-4):
        lower, upper = clone_bounds(clone_agreement(gamma, prior), 2)
        entropy = binary_entropy(gamma, prior)
        assert (lower <= entropy).all()
        assert (entropy <= upper).all()
    for classes in (3, 50, 10**6):
        g = np.geomspace(0.1, 40, 20)
        lower, upper = clone_bounds(orthogonal_agreement(g, classes), classes)
        entropy = orthogonal_entropy(g, classes)
        assert (lower <= entropy).all()
        assert (entropy <= upper).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.3, 3), "agreement: every value must lie between 1/classes and 1"),
        ((1.1, 3), "agreement: every value must lie between 1/classes and 1"),
        ((np.nan, 2), "agreement: every value must lie between 1/classes and 1"),
        ((0.9, 1), "classes: every value must be a whole number between 2 and 1e"),
        ((0.9, 2.5), "classes: every value must be a whole number between 2 and 1e"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        clone_bounds(*arguments)
