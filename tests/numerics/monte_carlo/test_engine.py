"""The Monte-Carlo engine: three routes to one curve, honest errors, draws that depend on the key alone."""

import functools
import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.numerics.curves import entropy as curves
from speciation.numerics.monte_carlo import shared_covariance, strides
from speciation.theory import Diagonal, Full, GaussianMixture, Isotropic, LowRank, window_sigmas
from speciation.validation.verification.independent import monte_carlo

NAMES = ("entropy", "rate", "agreement")
# Family of comparisons below: at most 2000, each two-sided at 5e-10, so false alarms stay under 1e-6.
THRESHOLD = float(stats.norm.isf(2.5e-10))


def scores(first, second):
    """z-scores of all three curves of two independent datasets."""
    with np.errstate(invalid="ignore"):
        return np.array(
            [
                (first[n] - second[n]) / np.maximum(np.hypot(first[f"{n}_se"], second[f"{n}_se"]), 1e-14)
                for n in NAMES
            ]
        )


def core(mixture, levels=7):
    """Levels in the middle of the window, where the normal approximation of a mean holds."""
    grid = window_sigmas(mixture, 4 * levels)
    return grid[levels : 3 * levels : 2]


@pytest.mark.one_of_each
@pytest.mark.parametrize("method", ["reduced", "ambient"])
@pytest.mark.parametrize("spec", ["binary:d=64,mu=1,s=1,w=0.3", "digits:3,8", "binary:d=3,mu=1,s=0"])
def test_two_classes_meet_the_exact_curve(spec, method):
    mixture = GaussianMixture.parse(spec)
    sigmas = core(mixture)
    exact = entropy_curve(mixture, sigmas)
    measured = entropy_curve(mixture, sigmas, method=method, samples=40_000)
    assert np.abs(scores(measured, exact)).max() < THRESHOLD
    # mutant: an exact curve that is 2 % high is rejected
    wrong = exact.copy()
    for name in NAMES:
        wrong[name] = 1.02 * exact[name]
    assert np.abs(scores(measured, wrong)).max() > THRESHOLD


def random_mixture(kind: str, seed: int = 0) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    d, classes = 6, 4
    means, weights = 1.5 * rng.standard_normal((classes, d)), np.array([0.1, 0.2, 0.3, 0.4])
    factors = rng.standard_normal((classes, d, d)) / 2
    diagonals = rng.uniform(0.2, 2, (classes, d))
    covariances = {
        "isotropic": 0.5,
        "diagonal": diagonals[0],
        "full": factors[0] @ factors[0].T,
        "isotropic each": [Isotropic(v) for v in (0.2, 0.5, 1.0, 2.0)],
        "diagonal each": [Diagonal(v) for v in diagonals],
        "full each": [Full(f @ f.T) for f in factors],
        "low rank": LowRank(diagonals[0], factors[0][:, :2]),
        "low rank each": [
            LowRank(diagonals[1], factors[0][:, :2]),
            *[LowRank(0.5, f[:, :1]) for f in factors[1:]],
        ],
        "all kinds": [
            Isotropic(0.5),
            Diagonal(diagonals[1]),
            Full(factors[2] @ factors[2].T),
            LowRank(0.3, factors[3]),
        ],
    }
    return GaussianMixture(weights, means, covariances[kind])


PARTITION = {"a": ["0", "3"], "b": ["1"], "c": ["2"]}


@pytest.mark.one_of_each
@pytest.mark.parametrize("partition", [None, PARTITION], ids=["classes", "groups"])
@pytest.mark.parametrize(
    "kind",
    [
        *("isotropic", "diagonal", "full", "low rank"),
        *("isotropic each", "diagonal each", "full each", "low rank each", "all kinds"),
    ],
)
def test_ambient_meets_naive_numpy(kind, partition):
    """Entropy and agreement against Cholesky factors in NumPy, σ by σ."""
    mixture = random_mixture(kind)
    sigmas = np.array([0.3, 1.0, 3.0])
    measured = entropy_curve(mixture, sigmas, method="ambient", samples=40_000, partition=partition)
    for i, sigma in enumerate(sigmas):
        draws = monte_carlo.posteriors(mixture, 1.0, float(sigma), 40_000, np.random.default_rng(i))
        posterior = draws.posterior
        if partition is not None:
            columns = [[int(name) for name in group] for group in partition.values()]
            posterior = np.stack([posterior[:, c].sum(1) for c in columns], axis=1)
        naive = monte_carlo.Draws(draws.classes, posterior)
        for name in ("entropy", "agreement"):
            values = getattr(naive, name)
            error = np.hypot(values.std() / np.sqrt(values.size), float(measured[f"{name}_se"][i]))
            assert abs(values.mean() - float(measured[name][i])) < THRESHOLD * error


@pytest.mark.slow
@pytest.mark.parametrize(
    "partition",
    [pytest.param(None, id="classes"), pytest.param(PARTITION, id="groups", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full", "low rank"])
def test_reduced_meets_ambient_and_the_general_route(kind, partition):
    mixture = random_mixture(kind)
    sigmas = np.geomspace(0.3, 5, 6)
    reduced = entropy_curve(mixture, sigmas, method="reduced", samples=60_000, partition=partition)
    ambient = entropy_curve(mixture, sigmas, method="ambient", samples=60_000, key=1, partition=partition)
    assert np.abs(scores(reduced, ambient)).max() < THRESHOLD
    # the same covariance given once per class in another form takes the unequal route
    shared = mixture.covariances[0]
    matrix = shared.matrix_in(6)
    matrix = (matrix + matrix.T) / 2
    nudged = matrix.copy()
    nudged[0, 0] *= 1 + 1e-12
    each = [Full(matrix), *[Full(nudged)] * 3]
    general = GaussianMixture(mixture.weights, mixture.means, each)
    assert general.shared_covariance is None
    unequal = entropy_curve(general, sigmas, method="ambient", samples=30_000, key=2, partition=partition)
    assert np.abs(scores(unequal, reduced)).max() < THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["isotropic", "full each", "low rank each"])
@pytest.mark.parametrize("partition", [None, PARTITION], ids=["classes", "groups"])
def test_rate_is_the_slope_of_the_entropy(kind, partition):
    """Common random numbers: entropy differences along the curve are the integral of the rate."""
    mixture = random_mixture(kind)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    low, high = 0.2, 1.5
    times = (low + high) / 2 + (high - low) / 2 * nodes
    sigmas = np.sqrt(np.expm1(2 * np.array([low, *times, high])))
    curve = entropy_curve(mixture, sigmas, method="ambient", samples=100_000, partition=partition)
    gained = float(curve.entropy[-1] - curve.entropy[0])
    integral = float((high - low) / 2 * weights @ curve.rate.values[1:-1])
    error = float(np.hypot(curve.entropy_se[-1], curve.entropy_se[0]))
    assert abs(gained - integral) < THRESHOLD * error
    assert abs(gained - 1.05 * integral) > THRESHOLD * error


@pytest.mark.parametrize(
    "arguments",
    [{"samples": 8192}, pytest.param({"samples": 4096, "points": "sobol"}, marks=pytest.mark.slow)],
    ids=str,
)
@pytest.mark.slow
def test_error_bars_cover(arguments):
    """Over 300 keys the 95 % interval covers the exact value between 92 % and 98 % of the time.

    At every level, from 1e-4 of the entropy left to 1e-5 of it gone. An interval that covers 95 % is seen
    outside 92-98 % in 300 keys once in 55 times; so single levels may stray by four standard errors of a
    share, and the mean over the levels, which are correlated, has to be inside.
    """
    mixture = GaussianMixture.parse("binary:d=16,mu=1,s=1")
    sigmas = window_sigmas(mixture, 8)
    exact = entropy_curve(mixture, sigmas)
    z = np.array(
        [
            scores(entropy_curve(mixture, sigmas, method="reduced", key=key, **arguments), exact)
            for key in range(300)
        ]
    )
    hits = (np.abs(z) < 1.96).mean(axis=0)
    assert (hits >= 0.95 - 4 * 0.0126).all(), hits
    assert ((hits.mean(axis=1) >= 0.92) & (hits.mean(axis=1) <= 0.98)).all(), hits
    # the mean of 300 runs has a standard error of 0.058 of one run's: a bias of a tenth would show
    assert (np.abs(z.mean(axis=0)) < 0.1 + 4 * 1.1 / np.sqrt(300)).all()


@pytest.mark.slow
def test_precisions_agree():
    mixture = GaussianMixture.parse("orthogonal:K=4,d=16384,M=60,s=1")
    sigmas = window_sigmas(mixture, 12)
    single, double = (
        entropy_curve(mixture, sigmas, method="ambient", samples=2048, dtype=dtype)
        for dtype in ("float32", "float64")
    )
    assert float(np.abs(single.entropy - double.entropy).max()) < 1e-5


CURVE = (
    "import json, jax; from speciation.numerics import entropy_curve;"
    "from speciation.theory import GaussianMixture;"
    "m = GaussianMixture.parse('orthogonal:K=4,d=40,M=9,s=1');"
    "c = {n: entropy_curve(m, [1.0, 3.0], method=n, samples=20_000) for n in ('reduced', 'ambient')};"
    "print(json.dumps([jax.device_count(), {n: [v.hex() for name in x.data_vars if x[name].ndim"
    " for v in x[name].values.ravel().tolist()] for n, x in c.items()}]))"
)


@functools.cache
def curve_bits(devices: int) -> dict:
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", CURVE], capture_output=True, text=True, env={**os.environ, "XLA_FLAGS": flags}
    )
    assert done.returncode == 0, done.stderr
    count, bits = json.loads(done.stdout)
    assert count == devices
    return bits


@pytest.mark.slow
def test_eight_devices_give_the_bits_of_one():
    assert curve_bits(8) == curve_bits(1)


@pytest.mark.slow
def test_two_processes_give_the_bits_of_one():
    """`jax.distributed` on loopback: each process holds one device, and both return the whole answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    runs = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import jax; jax.distributed.initialize('127.0.0.1:{port}', 2, {rank}); {CURVE}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    # of both before either is judged: none is left running
    ended = [run.communicate(timeout=600) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    answers = [json.loads(output.splitlines()[-1]) for output, _ in ended]
    assert [count for count, _ in answers] == [2, 2]
    assert answers[0][1] == answers[1][1] == curve_bits(1)


@pytest.mark.slow
def test_rounds_change_nothing(monkeypatch):
    mixture = random_mixture("diagonal")
    first = entropy_curve(mixture, [0.5, 2.0], method="ambient", samples=10_000)
    monkeypatch.setattr(strides, "_ROUND", 7)
    second = entropy_curve(mixture, [0.5, 2.0], method="ambient", samples=10_000)
    for name in first.data_vars:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.slow
def test_a_second_curve_compiles_nothing():
    mixtures = [GaussianMixture.parse(f"orthogonal:K=5,d=32,M={M},s=1") for M in (4, 9)]
    compiled = (strides._compiled, shared_covariance._pilot)
    for method in ("reduced", "ambient"):
        entropy_curve(mixtures[0], [0.5, 1.0], method=method, samples=5000)
        before = [function._cache_size() for function in compiled]
        entropy_curve(mixtures[1], [2.0, 3.0], method=method, samples=5000, key=3)
        assert [function._cache_size() for function in compiled] == before


@pytest.mark.slow
def test_a_tolerance_is_of_the_errors_that_are_reported():
    """In the curves' units, and with no more draws than those take: errors fall as 1/√n."""
    mixture, sigma = GaussianMixture.parse("digits:0,3,8"), np.geomspace(0.3, 40, 16)
    names = ("entropy_se", "rate_se", "agreement_se")
    few = entropy_curve(mixture, sigma, samples=1000)
    largest = max(float(few[name].max()) for name in names)
    for share in (0.9, 0.5):
        found = entropy_curve(mixture, sigma, samples=1000, tolerance=share * largest)
        assert max(float(found[name].max()) for name in names) <= share * largest
        # a look every few strides, and errors that vary; in other units it takes thousands of times as many
        assert found.attrs["samples"] < 4 * few.attrs["samples"] / share**2


@pytest.mark.slow
def test_a_tolerance_counts_what_was_not_met():
    """With 300 classes none of these levels is resolved: 256 draws have sample errors below the tolerance."""
    means = 6 * np.random.default_rng(0).standard_normal((300, 10))
    mixture = GaussianMixture(np.full(300, 1 / 300), means, Isotropic(0.01))
    found = entropy_curve(mixture, [0.8, 1.1, 1.5], samples=256, tolerance=0.1)
    worst = max(float(found[f"{name}_se"].max()) for name in NAMES)
    assert 0.05 < worst <= 0.1
    assert found.attrs["samples"] > 256


def test_a_tolerance_below_rounding_is_refused():
    found = strides.Estimate(np.full((3, 1), 0.1), np.full((3, 1), 1e-9), 256)
    with pytest.raises(ValueError, match="tolerance: rounding alone makes an error of 1e-07"):
        curves._Tolerance(1e-8, 1.0, 1e-6, np.ones(1))(found)
    assert curves._Tolerance(1.0, 1.0, 1e-6, np.ones(1))(found) == pytest.approx(
        1 / 128
    )  # as much was missed


def test_next_to_one_an_agreement_is_known_to_the_rounding_of_a_double():
    found = strides.Estimate(np.full((3, 1), 1e-50), np.full((3, 1), 1e-52), 25600)
    errors = curves.in_nats(found, 1.0, 1e-15, np.full(1, 1e-50))[1]
    np.testing.assert_allclose(errors[:, 0], [1e-52, 1e-52, 2.0**-53])


def test_tolerance_is_met_and_more_draws_extend_the_run():
    mixture = random_mixture("isotropic")
    found = entropy_curve(mixture, [0.5, 2.0], method="reduced", samples=1000, tolerance=2e-3)
    assert max(float(found[f"{n}_se"].max()) for n in NAMES) <= 2e-3
    assert found.attrs["samples"] > 1000
    again = entropy_curve(mixture, [0.5, 2.0], method="reduced", samples=found.attrs["samples"])
    for name in found.data_vars:
        np.testing.assert_array_equal(found[name], again[name])


@pytest.mark.slow
def test_progress_reaches_the_end():
    seen = []
    mixture = random_mixture("isotropic")
    entropy_curve(mixture, [1.0], method="reduced", samples=20_000, progress=lambda *step: seen.append(step))
    done, total = seen[-1]
    assert done == total >= 20_000
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


@pytest.mark.slow
def test_auto_says_what_it_took_and_why():
    cases = {
        "binary:d=4,mu=1,s=1": ("exact", "binary channel"),
        "orthogonal:K=3,d=4,M=4,s=1": ("exact", "equally distant"),
        "hierarchy:d=4,A=4,B=1,s=1": ("exact", "independent choices"),
        "digits:0,3,8": ("reduced", "span of the mean differences"),
        "scales:d=4,lambda1=1,lambda2=3": ("exact", "one mean and unequal covariances"),
    }
    found = [(entropy_curve(GaussianMixture.parse(s), [1.0], samples=1000), *e) for s, e in cases.items()]
    general = entropy_curve(random_mixture("full each"), [1.0], samples=1000)
    for curve, method, reason in (*found, (general, "ambient", "all dimensions")):
        assert curve.attrs["method"] == method
        assert reason in curve.attrs["reason"]


@pytest.mark.slow
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["isotropic", "full", "diagonal each"]))
@settings(max_examples=8, deadline=None)
def test_entropy_is_bounded_and_rises_with_noise(seed, kind):
    mixture = random_mixture(kind, seed)
    curve = entropy_curve(mixture, np.geomspace(0.2, 20, 12), method="ambient", samples=4000, key=seed)
    entropy, error = curve.entropy.values, curve.entropy_se.values
    assert (entropy >= 0).all()
    assert (entropy <= mixture.class_entropy + THRESHOLD * error).all()
    assert (np.diff(entropy) > -THRESHOLD * np.hypot(error[1:], error[:-1])).all()
    assert (curve.rate.values > 0).all()


@pytest.mark.parametrize("change", ["translated", "rotated", "relabelled"])
def test_invariance(change):
    mixture = random_mixture("full")
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    matrix = np.array(mixture.covariances[0].to_json()["full"])
    order = [2, 0, 3, 1]
    changed = {
        "translated": GaussianMixture(mixture.weights, mixture.means + 100.0, matrix),
        "rotated": GaussianMixture(
            mixture.weights, mixture.means @ rotation.T, rotation @ matrix @ rotation.T
        ),
        "relabelled": GaussianMixture(mixture.weights[order], mixture.means[order], matrix),
    }[change]
    first, second = (
        entropy_curve(m, [0.4, 1.0, 3.0], method="reduced", samples=60_000, key=key)
        for key, m in enumerate((mixture, changed))
    )
    assert np.abs(scores(first, second)).max() < THRESHOLD
    if change != "relabelled":
        same_key = entropy_curve(changed, [0.4, 1.0, 3.0], method="reduced", samples=60_000, key=0)
        np.testing.assert_allclose(same_key.entropy, first.entropy, atol=1e-6)


@pytest.mark.slow
def test_splitting_a_class_leaves_the_groups_alone():
    mixture = random_mixture("isotropic")
    split = GaussianMixture(
        [0.05, 0.05, *mixture.weights[1:]],
        np.vstack([mixture.means[:1], mixture.means]),
        0.5,
        ["0a", "0b", "1", "2", "3"],
    )
    groups = {"0": ["0a", "0b"], "1": ["1"], "2": ["2"], "3": ["3"]}
    whole = entropy_curve(mixture, [0.5, 1.0, 3.0], method="reduced", samples=60_000)
    parts = entropy_curve(split, [0.5, 1.0, 3.0], method="reduced", samples=60_000, key=1, partition=groups)
    assert np.abs(scores(whole, parts)).max() < THRESHOLD


def test_million_dimensions_cost_what_sixty_four_do():
    """The reduced kernel sees only Gram matrices: its inputs do not grow with d."""
    from speciation.numerics.monte_carlo.shared_covariance import reduced_parameters

    shapes = []
    for d in (64, 1_000_000):
        mixture = GaussianMixture.parse(f"orthogonal:K=4,d={d},M=9,s=1")
        parameters = reduced_parameters(mixture, np.array([1.0, 2.0]), None)
        shapes.append(jax.tree.map(np.shape, parameters))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples: must be at least 1"),
        ({"tolerance": 0.0}, "tolerance: must be > 0"),
        ({"tolerance": float("nan")}, "tolerance: must be > 0"),
        ({"dtype": "float16"}, "dtype: 'float16'"),
        ({"method": "exact"}, "needs a closed form"),
        ({"method": "guess"}, "method: 'guess'"),
        ({"partition": {"a": ["0", "1"]}}, "class '2' is in no group"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message) as refusal:
        entropy_curve(random_mixture("isotropic"), [1.0], **({"method": "reduced"} | arguments))
    assert "\n" not in str(refusal.value)


def test_reduced_needs_a_shared_covariance():
    with pytest.raises(ValueError, match="'reduced' needs a shared covariance"):
        entropy_curve(random_mixture("full each"), [1.0], method="reduced")


def test_double_precision_is_not_left_on():

    entropy_curve(random_mixture("isotropic"), [1.0], method="reduced", samples=1000)
    assert jax.numpy.ones(1).dtype == np.float32
