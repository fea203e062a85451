"""What steps cost and where to put them (T23): given values, the definition, limits, drawn chains."""

import csv
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from speciation.theory import binary_mmse, minority_bias, optimal_steps, step_constant, step_cost
from speciation.theory.channel import multiprecision

NAMES = {
    "sqrt(-mmse_prime)": "optimal",
    "equal entropy (mmse)": "entropy",
    "sqrt(1-phi)": "agreement",
    "uniform gamma": "uniform",
}
THRESHOLD = float(stats.norm.isf(5e-8))  # four comparisons: false alarms below 1e-6


def grids(reference):
    with (reference / "values" / "steps.csv").open() as stream:
        for row in csv.DictReader(stream):
            name, count = row["step density in gamma (0..12)"], int(row["N"])
            cost, bias = float(row["path KL balanced"]), float(row["E p - w at w=0.2"])
            if name in NAMES:
                # theirs are interpolated in a table where they have no closed form
                yield (
                    optimal_steps(count, 12.0, density=NAMES[name]),
                    cost,
                    bias,
                    5e-8 if name[0] == "u" else 1e-4,
                )
            elif name.startswith("log"):
                yield np.concatenate([[0.0], np.geomspace(2e-3, 12.0, count)]), cost, bias, 5e-8


def test_given_values(reference):
    rows = list(grids(reference))
    for gammas, cost, bias, relative in rows:
        assert step_cost(gammas) == pytest.approx(cost, rel=relative)
        assert minority_bias(gammas, 0.2) == pytest.approx(bias, rel=relative)
    assert len(rows) > 4


def test_cost_is_the_divergence_of_the_paths():
    """`½ Σ ∫ E(tanh L_γ − tanh L_n)² dγ` by draws of the exact run, at Gauss's points of each step."""
    gammas, prior, runs = np.array([0.1, 0.7, 2.0, 3.5]), 0.3, 400_000
    rng = np.random.default_rng(8)
    nodes, weights = np.polynomial.legendre.leggauss(6)
    sign = np.where(rng.random(runs) < prior, 1.0, -1.0)
    drawn = (
        0.5 * np.log(prior / (1 - prior)) + sign * gammas[0] + np.sqrt(gammas[0]) * rng.standard_normal(runs)
    )
    total, gamma = np.zeros(runs), gammas[0]
    for start, stop in pairwise(gammas):
        frozen = np.tanh(drawn)
        for place, weight in zip((start + stop) / 2 + (stop - start) / 2 * nodes, weights, strict=True):
            drawn = drawn + sign * (place - gamma) + np.sqrt(place - gamma) * rng.standard_normal(runs)
            total += 0.25 * (stop - start) * weight * (np.tanh(drawn) - frozen) ** 2
            gamma = place
        drawn = drawn + sign * (stop - gamma) + np.sqrt(stop - gamma) * rng.standard_normal(runs)
        gamma = stop
    error = total.std() / np.sqrt(runs)
    cost = step_cost(gammas, prior)
    assert abs(total.mean() - cost) < THRESHOLD * error
    assert abs(total.mean() - 1.03 * cost) > THRESHOLD * error


@pytest.mark.slow
def test_constant_in_many_digits():
    with mp.workdps(25):
        exact = mp.quad(
            lambda g: mp.sqrt(multiprecision.moment(3, g, 0.5, 20)), [0, 0.5, 2, 6, 15, 40, 120, 200]
        )
        assert abs(step_constant() / exact - 1) < 1e-11


def test_constant_to_a_gamma_at_another_prior():
    direct = integrate.quad(lambda g: np.sqrt(-mmse_slope(g, 0.1)), 0, 9.0, epsabs=1e-12)[0]
    assert step_constant(0.1, 9.0) == pytest.approx(direct, rel=1e-8)


def mmse_slope(gamma, prior):
    """`−E sech⁴ L` by the trapezoidal rule over both classes."""
    z = 0.05 * np.arange(-200, 201)
    weights = np.exp(-0.5 * z * z)
    weights, odds = weights / weights.sum(), 0.5 * np.log(prior / (1 - prior))
    up, down = (odds + s * gamma + np.sqrt(gamma) * z for s in (1, -1))
    return -prior * weights @ np.cosh(up) ** -4.0 - (1 - prior) * weights @ np.cosh(down) ** -4.0


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_least_cost_is_that_of_the_constant(prior):
    """`4N · cost → 𝓘²` as `1/N`, and no density does better."""
    scaled = [4 * n * step_cost(optimal_steps(n, 12.0, prior), prior) for n in (200, 400)]
    limit = 2 * scaled[1] - scaled[0]
    assert limit == pytest.approx(step_constant(prior, 12.0) ** 2, rel=1e-4)
    others = [
        4 * 400 * step_cost(optimal_steps(400, 12.0, prior, density=d), prior)
        for d in ("agreement", "entropy", "uniform")
    ]
    assert min(others) > scaled[1]
    # what clones measure is within a percent of it, balanced
    assert prior != 0.5 or others[0] / scaled[1] < 1.01


def test_best_grid_of_few_steps_is_near():
    count, end = 6, 6.0

    def cost(logits):
        return step_cost(np.concatenate([[0.0], end * np.cumsum(special.softmax(logits))]))

    best = optimize.minimize(cost, np.zeros(count), method="BFGS").fun
    assert best <= step_cost(optimal_steps(count, end)) < 1.02 * best


@pytest.mark.parametrize("density", ["optimal", "agreement", "entropy", "uniform"])
def test_steps_share_the_density_alike(density):
    gammas = optimal_steps(5, 8.0, 0.3, density=density)
    function = {
        "optimal": lambda g: np.sqrt(-mmse_slope(g, 0.3)),
        "agreement": lambda g: np.sqrt(binary_mmse(g, 0.3)),
        "entropy": lambda g: binary_mmse(g, 0.3),
        "uniform": lambda g: 1.0,
    }[density]
    shares = [integrate.quad(function, a, b, epsabs=1e-11)[0] for a, b in pairwise(gammas)]
    assert shares == pytest.approx(np.full(5, np.mean(shares)), rel=1e-8)
    assert (gammas[0], gammas[-1], gammas.shape) == (0.0, 8.0, (6,))


@pytest.mark.parametrize("prior", [0.2, 0.6])
def test_chains_that_are_drawn_have_the_bias(prior):
    gammas, runs = optimal_steps(6, 6.0), 1_000_000
    rng = np.random.default_rng(4)
    drawn = np.full(runs, 0.5 * np.log(prior / (1 - prior)))
    for step in np.diff(gammas):
        drawn += np.tanh(drawn) * step + np.sqrt(step) * rng.standard_normal(runs)
    found = special.expit(2 * drawn) - prior
    error, bias = found.std() / np.sqrt(runs), minority_bias(gammas, prior)
    assert abs(found.mean() - bias) < THRESHOLD * error
    assert abs(found.mean() - 1.3 * bias) > THRESHOLD * error
    assert np.sign(bias) == np.sign(prior - 0.5)


@pytest.mark.slow
def test_bias_tends_to_its_first_order():
    rest = []
    for count in (50, 100, 200):
        gammas = optimal_steps(count, 12.0)
        first = minority_bias(gammas, 0.2, first_order=True)
        rest.append(minority_bias(gammas, 0.2) / first - 1)
    assert abs(rest[2]) < 0.04
    # O(N^{−2}) against O(N^{−1})
    assert rest[1] / rest[2] == pytest.approx(2, abs=0.15)
    assert minority_bias(optimal_steps(10, 5.0), 0.5) == pytest.approx(0, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (step_cost, ([1.0],), "gammas: need at least two levels"),
        (step_cost, ([0.0, 2.0, 1.0],), "gammas: must be at least 0 and ascend"),
        (step_cost, ([0.0, np.inf],), "gammas"),
        (step_cost, ([0.0, 1.0], 1.0), "prior"),
        (optimal_steps, (0, 3.0), "count: must be at least 1, not 0"),
        (optimal_steps, (4, 0.0), "end: must be finite and above 0, not 0"),
        (step_constant, (0.5, -1.0), "end: must be above 0, not -1"),
        (step_constant, (0.0,), "prior"),
        (minority_bias, ([0.5, 1.0], 0.3), "gammas: must start at 0"),
        (minority_bias, ([0.0, 1.0], 0.0), "prior: must lie strictly between 0 and 1, not 0"),
    ],
)
def test_refuses(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)


def test_density_is_one_of_the_known():
    with pytest.raises(
        ValueError, match="density: 'best' is not one of optimal, agreement, entropy, uniform"
    ):
        optimal_steps(3, 4.0, density="best")
