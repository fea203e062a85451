"""Coverage of 95 % intervals, from the last 1e-12 of the entropy to the first 1e-6 of it that goes.

Every sampled method on mixtures whose curves are known by another route: closed forms (T13, T15), products
of independent pairs of unequal covariances (T24 of each), and in two dimensions the definition summed on a
grid. Levels are those at which given shares of the entropy are left, or gone. For each curve, how often the
interval `± 1.96 *_se` holds the truth in `KEYS` runs with keys of their own: the smallest and the largest
share over the resolved levels, of which at least 100 effective draws carry the entropy, and the smallest
share of the others. Three cases again with ten times as many keys: whether a small share was chance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _measure import report
from numpy.typing import NDArray
from scipy import optimize
from speciation.numerics import entropy_curve
from speciation.numerics._support.jax_settings import own_settings
from speciation.numerics.curves.dataset import LEAST_EFFECTIVE
from speciation.numerics.curves.entropy import groups_of, in_nats, prepared
from speciation.numerics.monte_carlo import quasi_random
from speciation.numerics.monte_carlo.strides import estimate, in_precision
from speciation.theory import Diagonal, Full, GaussianMixture, LowRank

Array = NDArray[np.float64]
Truth = Callable[[Array], Array]

KEYS, DRAWS = 300, 4096
MORE_KEYS = 3000
AGAIN = ("unequal, matrices, 3 classes", "unequal, partition", "shared, ambient, uneven weights")
LEFT = [1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.5]
GONE = [0.1, 1e-3, 1e-6]
CURVES = ("entropy", "rate", "agreement")


@dataclass(frozen=True)
class Case:
    """A mixture, how it is sampled, and its curves (3, levels) by another route."""

    mixture: GaussianMixture
    truth: Truth
    options: dict[str, Any] = field(default_factory=dict)
    left: tuple[float, ...] = tuple(LEFT)


def exactly(mixture: GaussianMixture, partition: Any = None) -> Truth:
    """Closed forms of the mixture or of its groups."""

    def curves(sigma: Array) -> Array:
        found = entropy_curve(mixture, sigma, method="exact", partition=partition)
        return np.stack([found[name].values for name in CURVES])

    return curves


def product(parts: list[tuple[Array, Array, list[Any]]], join: Callable[..., Any]) -> GaussianMixture:
    """Classes `(i, j)` of two independent choices, each with weights, means and covariances."""
    (weights, means, forms), (others, more, later) = parts
    pairs = [(i, j) for i in range(2) for j in range(2)]
    return GaussianMixture(
        np.array([weights[i] * others[j] for i, j in pairs]),
        np.array([np.concatenate([means[i], more[j]]) for i, j in pairs]),
        [join(forms[i], later[j]) for i, j in pairs],
        labels=[f"{i}{j}" for i, j in pairs],
    )


def of_both(halves: list[GaussianMixture]) -> Truth:
    """Entropies and rates add, agreements multiply (T15); each pair is T24's."""

    def curves(sigma: Array) -> Array:
        first, second = (exactly(half)(sigma) for half in halves)
        return np.stack([*(first + second)[:2], first[2] * second[2]])

    return curves


def diagonal_pairs(seed: int, dimensions: tuple[int, int], length: float) -> Any:
    """Two independent pairs of classes with diagonals of their own, uneven weights, and their halves."""
    rng = np.random.default_rng(seed)
    parts = [
        (
            np.array([w, 1 - w]),
            length * rng.standard_normal((2, d)) / np.sqrt(d),
            [Diagonal(0.1 * np.exp(0.5 * rng.standard_normal(d))) for _ in range(2)],
        )
        for d, w in zip(dimensions, (0.3, 0.5), strict=True)
    ]
    whole = product(parts, lambda a, b: Diagonal(np.concatenate([a.diagonal, b.diagonal])))
    return whole, [GaussianMixture(*part, labels=["0", "1"]) for part in parts]


def low_rank_pairs(seed: int, dimensions: tuple[int, int], length: float) -> Any:
    """The same with two factors each."""
    rng = np.random.default_rng(seed)
    parts = [
        (
            np.array([w, 1 - w]),
            length * rng.standard_normal((2, d)) / np.sqrt(d),
            [LowRank(v, 0.3 * rng.standard_normal((d, 2))) for v in (0.1, 0.15)],
        )
        for d, w in zip(dimensions, (0.3, 0.5), strict=True)
    ]

    def join(a: LowRank, b: LowRank) -> LowRank:
        (first, r), (second, s) = a.factors.shape, b.factors.shape
        factors = np.zeros((first + second, r + s))
        factors[:first, :r], factors[first:, r:] = a.factors, b.factors
        return LowRank(np.repeat([float(a.diagonal), float(b.diagonal)], [first, second]), factors)

    return product(parts, join), [GaussianMixture(*part, labels=["0", "1"]) for part in parts]


def three_matrices() -> tuple[GaussianMixture, Truth]:
    """Three classes in the plane, each with a matrix of its own; the definition on a grid."""
    means = np.array([[0.0, 0.0], [7.0, 1.0], [2.0, 9.0]])
    matrices = [
        np.array([[0.1, 0.05], [0.05, 0.2]]),
        np.diag([0.4, 0.05]),
        np.array([[0.2, -0.1], [-0.1, 0.1]]),
    ]
    mixture = GaussianMixture(np.array([0.5, 0.2, 0.3]), means, [Full(m) for m in matrices])
    return mixture, lambda sigma: np.transpose([on_a_grid(mixture, matrices, float(s)) for s in sigma])


def on_a_grid(
    mixture: GaussianMixture, matrices: list[Array], sigma: float, points: int = 900
) -> list[float]:
    """The three averages by the trapezoidal rule, whose terms are all positive, from the definition."""
    covariances = [m + sigma**2 * np.eye(2) for m in matrices]
    reach = 12 * np.sqrt(max(np.linalg.eigvalsh(c)[-1] for c in covariances))
    axes = [np.linspace(m.min() - reach, m.max() + reach, points) for m in mixture.means.T]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    gaps = [x - m for m in mixture.means]
    pulls = [np.linalg.solve(c, g.T).T for c, g in zip(covariances, gaps, strict=True)]
    logs = np.stack(
        [
            np.log(w) - (g * p).sum(1) / 2 - np.log(np.linalg.det(2 * np.pi * c)) / 2
            for w, g, p, c in zip(mixture.weights, gaps, pulls, covariances, strict=True)
        ]
    )
    top = logs.max(axis=0)
    joint = np.exp(logs - top)
    others = np.where(logs == top, 0, joint).sum(axis=0)
    p, density = joint / (1 + others), np.exp(top) * (1 + others) * np.prod([a[1] - a[0] for a in axes])
    entropy = np.log1p(others) - np.where(joint > 0, joint * (logs - top), 0).sum(axis=0) / (1 + others)
    pairs = [(i, j) for i in range(3) for j in range(i)]
    disagreement = 2 * sum(p[i] * p[j] for i, j in pairs)
    rate = sum(p[i] * p[j] * ((pulls[i] - pulls[j]) ** 2).sum(1) for i, j in pairs)
    found = [(density * each).sum() for each in (entropy, rate * (1 + sigma**2), disagreement)]
    return [found[0], found[1], 1 - found[2]]


def cases() -> dict[str, Case]:
    """Shared, unequal and partitioned mixtures, by every sampled method."""
    even = GaussianMixture.parse("orthogonal:K=8,d=8,M=20,s=0.3")
    uneven = GaussianMixture.parse("hierarchy:d=4,A=12,B=8,s=0.3")
    uneven = GaussianMixture(np.array([0.12, 0.28, 0.18, 0.42]), uneven.means, 0.09, labels=uneven.labels)
    groups = {"A": uneven.labels[:2], "B": uneven.labels[2:]}
    apart, pairs = diagonal_pairs(3, (3, 4), 6.0)
    tall, tall_pairs = low_rank_pairs(2, (20, 30), 6.0)
    halves = {"0": ["00", "01"], "1": ["10", "11"]}
    plane, on_grid = three_matrices()
    crowd = GaussianMixture.parse("orthogonal:K=300,d=300,M=20,s=0.3")
    return {
        "shared, reduced, 8 classes": Case(even, exactly(even), {"method": "reduced"}),
        "shared, reduced, sobol, uneven weights": Case(
            uneven, exactly(uneven), {"method": "reduced", "points": "sobol"}
        ),
        "shared, ambient, uneven weights": Case(
            uneven, exactly(uneven), {"method": "ambient", "dtype": "float64"}
        ),
        "shared, partition": Case(
            uneven, exactly(uneven, groups), {"method": "reduced", "partition": groups}
        ),
        "unequal, diagonal, 4 classes": Case(apart, of_both(pairs), {"method": "ambient"}),
        "unequal, low rank, d = 50": Case(tall, of_both(tall_pairs), {"method": "ambient"}),
        "unequal, matrices, 3 classes": Case(plane, on_grid, {"method": "ambient"}),
        "unequal, partition": Case(apart, exactly(pairs[0]), {"method": "ambient", "partition": halves}),
        "300 classes": Case(crowd, exactly(crowd), {"method": "reduced"}),
    }


def levels_of(case: Case) -> Array:
    """σ at which the shares `LEFT` of the entropy are left and `GONE` are gone."""
    whole = case.truth(np.array([1e6]))[0, 0]

    def at(share: float, gone: bool) -> float:
        def excess(log_sigma: float) -> float:
            entropy = float(case.truth(np.exp([log_sigma]))[0, 0])
            if gone:
                return float(np.log(share) - np.log(max(whole - entropy, 1e-15) / whole))
            return float(np.log(max(entropy, 1e-300) / whole) - np.log(share))

        return float(np.exp(optimize.brentq(excess, np.log(1e-4), np.log(1e5), xtol=1e-6)))

    return np.array([*(at(share, False) for share in case.left), *(at(share, True) for share in GONE)])


def runs(case: Case, sigma: Array, keys: int) -> Iterator[tuple[Array, Array, Array]]:
    """Curves, errors and effective draws with each key; what they share is prepared once."""
    method, double = case.options["method"], case.options.get("dtype")
    groups = groups_of(case.mixture, case.options.get("partition"))
    kernel, parameters, dtype, *scale = prepared(case.mixture, sigma, method, groups, double)
    arrays = in_precision(parameters, dtype)
    sobol = case.options.get("points") == "sobol"
    with own_settings(double=dtype == "float64"):
        for key in range(keys):
            found = (
                quasi_random.estimate(arrays, DRAWS, key) if sobol else estimate(kernel, arrays, DRAWS, key)
            )
            yield in_nats(found, *scale)


def coverage(case: Case, keys: int) -> dict[str, float]:
    """Shares of intervals that hold the truth over levels, of resolved and of other levels."""
    sigma = levels_of(case)
    truth = case.truth(sigma)
    inside, effective = np.zeros((3, sigma.size)), np.full(sigma.size, np.inf)
    for values, errors, draws in runs(case, sigma, keys):
        inside += np.abs(values - truth) <= 1.96 * errors
        effective = np.minimum(effective, draws)
    share, resolved = inside / keys, effective >= LEAST_EFFECTIVE
    numbers: dict[str, float] = {"levels": float(sigma.size), "resolved levels": float(resolved.sum())}
    for name, row in zip(CURVES, share, strict=True):
        numbers |= {f"{name}: least": float(row[resolved].min()), f"{name}: most": float(row[resolved].max())}
    numbers["least effective draws"] = float(effective.min())
    if not resolved.all():
        numbers["entropy, not resolved: least"] = float(share[0, ~resolved].min())
    return numbers


def main() -> None:
    """All cases."""
    every = cases()
    found = {name: coverage(case, KEYS) for name, case in every.items()}
    again = {f"{name}, {MORE_KEYS} keys": coverage(every[name], MORE_KEYS) for name in AGAIN}
    report(__file__, found | again)


if __name__ == "__main__":
    main()
