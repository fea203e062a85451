"""T19 measured: changes of the likelier class in reverse runs, the Bayes error, wrong denoisers."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ....theory.theorems import t19_commitment as theorem
from ..independent.reverse_runs import UNEQUAL, Components, changes, levels, reverse_runs
from ._base import Check, Checks, Context, bound, close, paired_z_test, sampled_bound, z_test

Array = NDArray[np.float64]

RUNS, STEPS = 80_000, 64
LINE = Components(
    np.array([0.48, 0.48, 0.04]), np.array([[0.0], [1.0], [6.0]]), np.full((3, 1), 1e-4), np.arange(3)
)


def check(context: Context) -> Checks:
    """The law of γ, two classes of any kind, three and 128, and chains of wrong denoisers."""
    predicted = theorem.predict()
    yield from _gamma_law(predicted)
    yield from _ending(predicted, context)
    taus = levels(0.15, 150.0, STEPS)
    for level, late in _changes(UNEQUAL, taus, RUNS, (2, 5), context.rng("T19 unequal")):
        error = _bayes_error(UNEQUAL, level, 600)
        yield z_test(f"P(change) = 2 eps, unequal covariances, tau={level:.3g}", 2 * error, late)
    yield from _three(context)
    yield _many(context)
    yield _wrong_denoisers(context)


def _error(gamma: float, w: float) -> float:
    """Overlap of the two laws of the half log-odds, by quadrature."""
    start = 0.5 * np.log(w / (1 - w))

    def lesser(u: float) -> float:
        laws = [stats.norm.pdf(u, start + s * gamma, np.sqrt(gamma)) for s in (1, -1)]
        return float(min(w * laws[0], (1 - w) * laws[1]))

    reach = gamma + 13 * np.sqrt(gamma)
    sides = [(-reach + start, 0.0), (0.0, reach + start)]
    return sum(integrate.quad(lesser, *side, epsabs=1e-15, epsrel=1e-12, limit=400)[0] for side in sides)


def _gamma_law(predicted: dict[str, float]) -> Checks:
    for gamma, w in theorem.POINTS:
        name = f"P(change later than {gamma:g}), w={w:g}"
        yield close(name, "quadrature", predicted[name], 2 * _error(gamma, w), 1e-9)
        step = 2e-3
        near = [_error(gamma + k * step, w) for k in (-2, -1, 1, 2)]
        slope = -2 * (8 * (near[2] - near[1]) - (near[3] - near[0])) / (12 * step)
        name = f"density at {gamma:g}, w={w:g}"
        yield close(name, "differences of the Bayes error", predicted[name], slope, 1e-7)
    # at infinite noise the Bayes error is that of guessing
    yield close(
        "never changes", "quadrature", predicted["never changes, w=0.2"], 1 - 2 * _error(1e-3, 0.2), 1e-9
    )
    median = predicted["median of gamma, w=0.5"]
    yield close("P(change later than the median)", "quadrature", 0.5, 2 * _error(median, 0.5), 1e-9)
    # γ = z² e^{…}: moments of −½ log γ with the density from differences of erfc on a fine grid
    place = np.linspace(-60.0, 8.0, 200_001)
    mass = -np.diff(special.erfc(np.sqrt(np.exp(place) / 2)))
    times = -(place[1:] + place[:-1]) / 4
    mean = float(times @ mass)
    yield close("E t - log(M)/2", "sum over a grid", predicted["E t - log(M)/2"], mean, 1e-6)
    variance = float((times - mean) ** 2 @ mass)
    yield close("Var t", "sum over a grid", predicted["Var t"], variance, 1e-5)


def _ending(predicted: dict[str, float], context: Context) -> Checks:
    """Signs of the exact log-odds at γ and γ₀, drawn and integrated; the density is minus their slope."""
    for gamma, w, end in theorem.STOPPED:
        label = f"{gamma:g}, w={w:g}, end={end:g}"
        step = 2e-3
        name = f"P(change later than {label})"
        yield close(name, "quadrature", predicted[name], 2 * _differ(gamma, w, end), 1e-8)
        near = [_differ(gamma + k * step, w, end) for k in (-2, -1, 1, 2)]
        slope = -2 * (8 * (near[2] - near[1]) - (near[3] - near[0])) / (12 * step)
        name = f"density at {label}"
        yield close(name, "differences of quadrature", predicted[name], slope, 1e-6)


def _differ(gamma: float, w: float, end: float) -> float:
    """Probability that L has other signs at γ and at γ₀; given the class L is Brownian motion with drift."""
    start, total = 0.5 * np.log(w / (1 - w)), 0.0
    for share, sign in ((w, 1), (1 - w, -1)):

        def term(u: float, sign: int) -> float:
            other = stats.norm.cdf(-np.sign(u) * (u + sign * (end - gamma)) / np.sqrt(end - gamma))
            return float(stats.norm.pdf(u, start + sign * gamma, np.sqrt(gamma)) * other)

        for side in ((-20.0, 0.0), (0.0, 20.0)):
            found = integrate.quad(partial(term, sign=sign), *side, epsabs=1e-14, epsrel=1e-11, limit=200)
            total += share * found[0]
    return total


def _bayes_error(classes: Components, tau: float, points: int) -> float:
    """`E(1 − max p)` on a grid of noised states in two dimensions."""
    spread = 6.5 * np.sqrt(classes.variances.max() + 1 / tau)
    axes = [np.linspace(m.min() - spread, m.max() + spread, points) for m in classes.means.T]
    places = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    laws = np.zeros((int(classes.classes.max()) + 1, places.shape[1]))
    for j, k in enumerate(classes.classes):
        widths = np.sqrt(classes.variances[j] + 1 / tau)
        own = stats.norm.pdf(places, classes.means[j][:, None], widths[:, None]).prod(axis=0)
        laws[k] += classes.weights[j] * own
    return float((laws.sum(axis=0) - laws.max(axis=0)).sum() * cell)


def _changes(
    classes: Components, taus: Array, runs: int, marks: tuple[int, ...], rng: np.random.Generator
) -> list[tuple[float, Array]]:
    """τ of each mark with, for every run, whether the likeliest class changes after it."""
    late = {mark: np.zeros(runs, dtype=bool) for mark in marks}
    before = None
    for n, state in enumerate(reverse_runs(classes, taus, runs, rng)):
        if before is not None and n > min(marks):
            changed = changes(before, state, rng)
            for mark in marks:
                if n > mark:
                    late[mark] |= changed
        before = state
    return [(float(taus[mark]), late[mark].astype(np.float64)) for mark in marks]


def _three(context: Context) -> Checks:
    """Nearly all ties are between two of three classes: P is nearly 2ε."""
    found = _changes(LINE, levels(0.15, 70.0, 40), 110_000, (9, 11), context.rng("T19 three"))
    limits = [2 * _line_error(level) for level, _ in found]
    yield sampled_bound("P <= 2 eps, three classes", limits, [draws for _, draws in found], upper=True)


def _line_error(tau: float) -> float:
    place = np.linspace(-12, 16, 400_001)
    laws = LINE.weights[:, None] * np.stack(
        [stats.norm.pdf(place, m, np.sqrt(1e-4 + 1 / tau)) for m in LINE.means[:, 0]]
    )
    return float((laws.sum(axis=0) - laws.max(axis=0)).sum() * (place[1] - place[0]))


def _many(context: Context) -> Check:
    """The likeliest of 128 classes at a high noise is nearly always wrong, and nearly always given up."""
    count, rng = 128, context.rng("T19 many")
    y, given_up, errors = np.zeros((2000, count)), np.zeros(2000, dtype=bool), np.zeros(2000)
    grid, first = np.concatenate([[0.0], np.linspace(0.005, 25.0, 80)]), None
    for step in np.diff(grid):
        y += step * special.softmax(y, axis=1) + np.sqrt(step) * rng.standard_normal(y.shape)
        if first is None:
            first, errors = y.argmax(axis=1), 1 - special.softmax(y, axis=1).max(axis=1)
        given_up |= y.argmax(axis=1) != first
    name, route = "eps <= P, 128 orthogonal classes", "Monte Carlo, n = 2000"
    return bound(name, route, [errors.mean()], [given_up.mean()], upper=False)


def _wrong_denoisers(context: Context) -> Check:
    """The posterior that a chain of wrong denoisers carries is calibrated for its own law."""
    rng, runs = context.rng("T19 chain"), 200_000
    means = np.array([-0.7, 0.2, 0.9])
    truth = rng.choice(3, size=runs, p=[0.5, 0.3, 0.2])
    y, log_p = np.zeros(runs), np.log([[0.5], [0.3], [0.2]]) + np.zeros((3, runs))
    for step in np.full(12, 0.25):
        wrong = 1.3 * means[:, None] + 0.2 * np.sin(y) * np.array([[1.0], [-1.0], [0.5]])
        moved = wrong[truth, np.arange(runs)] * step + np.sqrt(step) * rng.standard_normal(runs)
        log_p += wrong * moved - 0.5 * wrong**2 * step
        y = y + moved
    p = special.softmax(log_p, axis=0)
    likeliest = p.argmax(axis=0)
    right = (likeliest == truth).astype(np.float64)
    return paired_z_test("posterior carried along a chain of wrong denoisers", p.max(axis=0), right)
