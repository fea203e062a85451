"""T22 measured: a hull over the simplex, random laws of posteriors, mixtures, and what attains."""

import numpy as np
from numpy.typing import NDArray
from scipy import spatial, special

from ....theory.closed_forms.clone_bounds import clone_bounds
from ....theory.mixtures.mixture import GaussianMixture
from ....theory.theorems import t22_clone_bounds as theorem
from ..independent.monte_carlo import agreement_draws, posteriors
from ._base import Checks, Context, bound, close, sampled_bound, z_test

Array = NDArray[np.float64]

GRID = {2: 3000, 3: 300, 4: 96}
"""Entries of a posterior are multiples of one over this, which 2, 3 and 4 divide."""
SAMPLES = 150_000


def check(context: Context) -> Checks:
    """Values by the hull, laws of posteriors against both bounds, mixtures at several noises."""
    predicted = theorem.predict()
    hulls = {classes: _hull(classes, steps) for classes, steps in GRID.items()}
    for phi, classes in theorem.CASES:
        for name, (place, value) in zip(("lower", "upper"), hulls[classes], strict=True):
            key = f"{name}, phi={phi:g}, K={classes}"
            yield close(
                key,
                "hull of a grid on the simplex",
                predicted[key],
                float(np.interp(phi, place, value)),
                2e-3,
            )
    laws = np.array(
        [_law(classes, context.rng(f"T22 {classes} {n}")) for classes in (2, 3, 7) for n in range(150)]
    )
    extremes = np.array([*_attaining()])
    for name, row, upper in (("lower", 0, False), ("upper", 1, True)):
        every = np.concatenate([laws, extremes])
        limits = [float(clone_bounds(phi, int(classes))[row]) for phi, _, classes in every]
        yield bound(
            f"{name} bound on 450 random laws and on those that attain it", "sums", limits, every[:, 1], upper
        )
    yield from _mixtures(context)
    yield from _erasures(context)


def _pair(p: Array) -> tuple[Array, Array]:
    return (p**2).sum(axis=-1), special.entr(p).sum(axis=-1)


def _hull(classes: int, steps: int) -> list[tuple[Array, Array]]:
    """Lower and upper side of the hull of all pairs (Σ p², h), each as places and values."""
    rows = np.arange(steps + 1)[:, None]
    for _ in range(classes - 2):
        rows = np.concatenate([np.hstack([rows, np.full((len(rows), 1), k)]) for k in range(steps + 1)])
        rows = rows[rows.sum(axis=1) <= steps]
    points = np.stack(_pair(np.hstack([rows, steps - rows.sum(axis=1, keepdims=True)]) / steps), axis=1)
    points = np.unique(points.round(14), axis=0)
    corners = points[spatial.ConvexHull(points).vertices]
    corners = corners[np.argsort(corners[:, 0])]
    ends = corners[[0, -1]]
    chord = np.interp(corners[:, 0], ends[:, 0], ends[:, 1])
    sides = [corners[:, 1] <= chord + 1e-12, corners[:, 1] >= chord - 1e-12]
    return [(corners[side, 0], corners[side, 1]) for side in sides]


def _law(classes: int, rng: np.random.Generator) -> tuple[float, float, int]:
    """(φ, H, K) of a random law of posteriors, from nearly even ones to nearly certain ones."""
    p = rng.dirichlet(np.full(classes, 10 ** rng.uniform(-0.7, 1.5)), size=rng.integers(1, 6))
    shares = rng.dirichlet(np.ones(len(p)))
    agreement, entropy = _pair(p)
    return float(shares @ agreement), float(shares @ entropy), classes


def _attaining() -> list[tuple[float, float, int]]:
    """Posteriors even on k or k + 1 of K classes; one likelier class, and even ones."""
    found = []
    for classes in (2, 3, 7):
        for share in (0.2, 0.5, 0.8, 0.95):
            for k in (1, classes - 1):
                phi = share / k + (1 - share) / (k + 1)
                found.append((phi, share * np.log(k) + (1 - share) * np.log(k + 1), classes))
            x = 1 - (1 - share) / classes
            rest = (1 - x) / (classes - 1)
            entropy = special.entr(x) + (classes - 1) * special.entr(rest)
            found.append((x**2 + (classes - 1) * rest**2, float(entropy), classes))
    return found


def _mixtures(context: Context) -> Checks:
    """Entropies of unequal classes in three dimensions at high and at lower noise, by draws."""
    means = np.array([[0.0, 0, 0], [1.5, 0, 0], [0, 1.0, 0.5], [-1.0, 0.7, 0]])
    mixture = GaussianMixture(np.full(4, 0.25), means, [0.2, 0.5, 0.3, 1.0])
    agreements, draws = [], []
    for sigma in (9.0, 1.5, 0.7):
        drawn = posteriors(mixture, 1.0, sigma, SAMPLES, context.rng(f"T22 mixture {sigma}"))
        # bounds are monotone in φ; its own error is a fifth of the entropy's there
        agreements.append(float(drawn.agreement.mean()))
        draws.append(drawn.entropy)
    for name, row, upper in (("lower", 0, False), ("upper", 1, True)):
        limits = [float(clone_bounds(phi, 4)[row]) for phi in agreements]
        yield sampled_bound(f"{name} bound on a mixture in 3 dimensions", limits, draws, upper)


def _erasures(context: Context) -> Checks:
    """Clones of states that say one of two classes or nothing, and the lower bound, which they attain."""
    rng, p = context.rng("T22 erasures"), np.full((SAMPLES, 2), 0.5)
    told = rng.random(SAMPLES) < 0.4
    p[told] = np.eye(2)[rng.integers(0, 2, told.sum())]

    class Told:
        posterior = p

    clones = agreement_draws(Told(), rng)  # pyright: ignore[reportArgumentType]
    lower = float(clone_bounds(0.7, 2)[0])
    yield z_test("agreement of clones of states that tell with probability 0.4", 0.7, clones)
    yield z_test("their entropy is the lower bound", lower, special.entr(p).sum(axis=1))
