"""Both estimators fed with the oracle return the closed form; measurements resume and merge."""

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from speciation.numerics import entropy_curve, guided_curve
from speciation.theory import GaussianMixture, level_partition
from speciation.validation import (
    MixtureDenoiser,
    discrepancy_entropy,
    pair_entropies,
    path_entropy,
)
from speciation.validation.denoiser import UntrainedNullWarning, digest_of
from speciation.validation.estimators.curve_statistics import curve_of, extrapolated, integrated

# At most 300 comparisons in this file, two-sided: false alarms below 1e-6
THRESHOLD = float(stats.norm.isf(1.6e-9))
SPECS = [
    "binary:d=4,mu=1,s=0.5",
    "orthogonal:K=5,d=5,M=9,s=0.5",
    "scales:d=20,lambda1=0.2,lambda2=2",
]


def undecided(curve):
    """Levels where draws that are still undecided are no rare events."""
    return curve.entropy.values > 0.05 * float(curve.entropy.max())


@pytest.mark.one_of_each
@pytest.mark.parametrize("spec", SPECS)
def test_discrepancy_on_the_oracle(spec):
    mixture = GaussianMixture.parse(spec)
    oracle, sigma = MixtureDenoiser(mixture), np.geomspace(0.05, 200, 60)
    found = discrepancy_entropy(oracle, mixture.labels, sigma, oracle.sample, samples=12_000, batch=2000)
    exact = entropy_curve(mixture, sigma)
    keep = undecided(exact)
    left = float(exact.entropy[0])
    for name, expected in (("entropy", exact.entropy.values - left), ("rate", exact.rate.values)):
        z = np.abs(found[name].values - expected)[keep] / found[f"{name}_se"].values[keep]
        assert z.max() < THRESHOLD
        # mutant: 20 % more is rejected
        assert (
            np.abs(found[name].values - 1.2 * expected)[keep] / found[f"{name}_se"].values[keep]
        ).max() > THRESHOLD
    # what closes is what can be decided at all
    decided = 1 - left / mixture.class_entropy
    assert abs(float(found.closure) - decided) < THRESHOLD * float(found.closure_se) + 1e-3
    assert found.attrs["evaluations"] == 12_000 * 60 * 2
    per_log_sigma = exact.rate.values * sigma**2 / (1 + sigma**2)
    peak = sigma[np.argmax(per_log_sigma)]
    low, high = float(found.peak_per_log_sigma_low), float(found.peak_per_log_sigma_high)
    width = high / low
    assert 1 < width < 1.4
    # the interval is one of 95 %: it is doubled in the logarithm before it is held against the grid's peak
    assert low / width / 1.08 < peak < high * width * 1.08


@pytest.mark.one_of_each
@pytest.mark.parametrize("spec", SPECS)
def test_path_on_the_oracle(spec):
    """Two step sizes, extrapolated; their difference is the bias that is taken out."""
    mixture = GaussianMixture.parse(spec)
    oracle = MixtureDenoiser(mixture)
    coarse, fine = (
        path_entropy(
            oracle, mixture.labels, np.geomspace(400, 0.4, n + 1), (mixture.dimension,),
            chains=6000, batch=2000, seed=n,
        )
        for n in (50, 100)
    )  # fmt: skip
    found = extrapolated(coarse, fine)
    exact = entropy_curve(mixture, found.sigma.values)
    keep = undecided(exact)
    # what the first level knows of the class is not seen
    unseen = mixture.class_entropy - float(entropy_curve(mixture, [400.0]).entropy[0])
    excess = np.abs(found.entropy.values - exact.entropy.values)[keep] - 2 * unseen
    assert (excess < THRESHOLD * found.entropy_se.values[keep]).all()
    wrong = np.abs(found.entropy.values - 1.2 * exact.entropy.values)[keep]
    assert (wrong > THRESHOLD * found.entropy_se.values[keep]).any()
    assert np.abs(found.step_bias.values[keep]).max() < 0.1
    assert fine.attrs["evaluations"] == 6000 * 100 * mixture.classes


@pytest.mark.one_of_each
@pytest.mark.parametrize("level", [1, 2])
def test_partitions_of_a_hierarchy(level):
    mixture = GaussianMixture.parse("hierarchy:d=4,A=64,B=4,s=0.5")
    oracle, groups = MixtureDenoiser(mixture), level_partition(mixture, level)
    sigma = np.geomspace(0.2, 200, 50)
    exact = entropy_curve(mixture, sigma, partition=groups)
    keep = undecided(exact)
    found = discrepancy_entropy(
        oracle, mixture.labels, sigma, oracle.sample, posterior=oracle.posterior, partition=groups,
        samples=6000, batch=2000,
    )  # fmt: skip
    z = np.abs(found.entropy - (exact.entropy - exact.entropy[0])) / found.entropy_se
    assert float(z[keep].max()) < THRESHOLD
    chain = path_entropy(
        oracle, mixture.labels, np.geomspace(400, 0.5, 161), (4,), partition=groups, chains=4000, batch=2000
    )
    exact = entropy_curve(mixture, chain.sigma.values, partition=groups)
    keep = undecided(exact)
    # one step size: the bias of a geometric step of 4 % is below a hundredth of a nat
    excess = np.abs(chain.entropy - exact.entropy) - THRESHOLD * chain.entropy_se
    assert float(excess[keep].max()) < 0.015


@pytest.mark.slow
def test_guided_chains_have_the_cross_entropy_of_the_gamma_clock():
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=0.5")
    oracle = MixtureDenoiser(mixture)
    grid = np.geomspace(400, 1.0, 161)
    found = path_entropy(oracle, mixture.labels, grid, (4,), guidance=2.0, chains=6000, batch=2000)
    exact = guided_curve(mixture, found.sigma.values[::16], 2.0)
    at = found.sel(sigma=exact.sigma.values, method="nearest")
    excess = np.abs(at.cross_entropy.values - exact.cross_entropy.values) - 6 * at.cross_entropy_se.values
    assert excess.max() < 0.015
    unguided = entropy_curve(mixture, exact.sigma.values)
    assert (np.abs(at.cross_entropy - unguided.entropy) > 6 * at.cross_entropy_se + 0.015).any()


def test_unconditional_network_as_the_complement():
    """The binary form: conditions (k, None) with prior ½ are a class against the mixture of both."""
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=0.5")
    found = path_entropy(
        MixtureDenoiser(mixture), ["+", None], np.geomspace(400, 1, 61), (4,), chains=2000, batch=500
    )
    assert 0 < float(found.entropy[0]) < np.log(2)
    # the mixture holds the class itself, so a class is never fully told from it: at most ½ of it is
    assert float(found.entropy[0]) > 0.4 * np.log(2)


def test_measurements_resume_and_merge_to_the_same_bits(tmp_path):
    mixture = GaussianMixture.parse("binary:d=4,mu=1,s=0.5")
    oracle = MixtureDenoiser(mixture)

    def measure(folder=None, progress=None, chains=400, **more):
        grid = np.geomspace(80, 0.5, 11)
        return path_entropy(
            oracle,
            mixture.labels,
            grid,
            (4,),
            chains=chains,
            batch=100,
            folder=folder,
            progress=progress,
            **more,
        )

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "blocks"
    with pytest.raises(KeyboardInterrupt):
        measure(folder, stop)
    first = sorted(path.name for path in folder.glob("block-*"))
    assert first == ["block-00000.npz", "block-00001.npz"]
    stamps = [(folder / name).stat().st_mtime_ns for name in first]
    resumed, whole = measure(folder), measure()
    for name in whole.data_vars:
        np.testing.assert_array_equal(resumed[name], whole[name])
    assert [(folder / name).stat().st_mtime_ns for name in first] == stamps
    # blocks that another machine computed are found as if they were this one's
    other = tmp_path / "other"
    measure(other, chains=800)
    for index in range(4, 8):
        (other / f"block-{index:05d}.npz").rename(folder / f"block-{index:05d}.npz")
    merged, long = measure(folder, chains=800), measure(chains=800)
    for name in long.data_vars:
        np.testing.assert_array_equal(merged[name], long[name])
    with pytest.raises(ValueError, match="of another measurement"):
        measure(folder, seed=1)
    (folder / "block-00000.npz").write_bytes(b"\x80\x04broken")
    with pytest.raises(ValueError, match="not a block of a measurement"):
        measure(folder)


@pytest.mark.slow
def test_bootstrap_interval_covers_the_peak():
    """Over 60 experiments the 95 % interval covers the true place at least 48 times; so few once in 10⁷."""
    rng, sigma = np.random.default_rng(0), np.geomspace(0.05, 20, 52)
    shape = np.exp(-(np.log(sigma) ** 2) / 2)
    covered = medians = 0
    for seed in range(60):
        slopes = shape + 0.4 * rng.standard_normal((400, 1)) * shape + 0.3 * rng.standard_normal((400, 52))
        values = integrated(sigma, slopes)
        found = curve_of("entropy", sigma, values, slopes, {}, seed, float(np.sqrt(2 * np.pi)))
        covered += found.peak_per_log_sigma_low <= 1.0 <= found.peak_per_log_sigma_high
        medians += found.median_sigma_low <= 1.0 <= found.median_sigma_high
    assert covered >= 48
    assert medians >= 48


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigmas": [1.0, 2.0]}, "sigmas: need at least two descending"),
        ({"sigmas": [1.0]}, "sigmas: need at least two descending"),
        ({"chains": 0}, "samples: must be"),
        ({"conditions": ["+"]}, "conditions: need at least two"),
        ({"partition": {"a": ["+"]}}, "class '-' is in no group"),
    ],
)
def test_path_refuses(arguments, message):
    mixture = GaussianMixture.parse("binary:d=2,mu=1,s=1")
    defaults = {"conditions": mixture.labels, "sigmas": [2.0, 1.0], "shape": (2,)}
    with pytest.raises(ValueError, match=message):
        path_entropy(MixtureDenoiser(mixture), **(defaults | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigmas": [2.0, 1.0]}, "sigmas: need at least two ascending"),
        ({"samples": 0}, "samples: must be"),
        ({"partition": {"a": ["+", "-"]}}, "posterior: a partition needs one"),
    ],
)
def test_discrepancy_refuses(arguments, message):
    mixture = GaussianMixture.parse("binary:d=2,mu=1,s=1")
    oracle = MixtureDenoiser(mixture)
    defaults = {"conditions": mixture.labels, "sigmas": [1.0, 2.0], "sampler": oracle.sample}
    with pytest.raises(ValueError, match=message):
        discrepancy_entropy(oracle, **(defaults | arguments))


MIXTURES = [GaussianMixture.parse(f"binary:d=2,mu={mu},s=1") for mu in (1, 2)]
ORACLES = [MixtureDenoiser(mixture) for mixture in MIXTURES]
LEVELS = np.geomspace(0.3, 20, 8)


def plus(condition, count, generator):
    return torch.ones(count, 2)


def even(x, sigma):
    return torch.full((len(x), 2), 0.5)


def kept(kind, denoiser=ORACLES[0], sampler=ORACLES[0].sample, posterior=ORACLES[0].posterior, **options):
    labels = MIXTURES[0].labels
    if kind == "path":
        return path_entropy(denoiser, labels, LEVELS[::-1], (2,), chains=64, **options)
    if kind == "pairs":
        return pair_entropies(denoiser, labels, LEVELS, sampler, samples=64, **options)
    return discrepancy_entropy(denoiser, labels, LEVELS, sampler, posterior=posterior, samples=64, **options)


@pytest.mark.one_of_each
@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("path", "denoiser"),
        ("pairs", "denoiser"),
        ("pairs", "sampler"),
        ("discrepancy", "denoiser"),
        ("discrepancy", "sampler"),
        ("discrepancy", "posterior"),
    ],
)
def test_a_folder_tells_callables_apart(kind, argument, tmp_path):
    """Of another denoiser, sampler or posterior a folder never gives the numbers; of the same it does."""

    def part(oracle):
        return {"denoiser": oracle, "sampler": oracle.sample, "posterior": oracle.posterior}[argument]

    other = {"denoiser": zero, "sampler": plus, "posterior": even}[argument]
    first = kept(kind, folder=tmp_path)
    again = kept(kind, folder=tmp_path, **{argument: part(MixtureDenoiser(MIXTURES[0]))})
    np.testing.assert_array_equal(first.entropy, again.entropy)
    for each in (part(ORACLES[1]), other):
        with pytest.raises(ValueError, match="of another measurement"):
            kept(kind, folder=tmp_path, **{argument: each})
    inner = part(ORACLES[0])
    for anonymous in (lambda *given: inner(*given), partial(inner)):
        with pytest.raises(ValueError, match=f"^{argument}: nothing identifies it in a folder"):
            kept(kind, folder=tmp_path / "anonymous", **{argument: anonymous})
        assert not (tmp_path / "anonymous").exists()
        # a name of its own tells a run apart, and without a folder there is nothing to confuse
        named = kept(kind, folder=tmp_path / "named", name="mine", **{argument: anonymous})
        np.testing.assert_array_equal(named.entropy, kept(kind, **{argument: anonymous}).entropy)


def zero(x, sigma, condition):
    return 0 * x


def test_what_tells_callables_apart():
    linear = torch.nn.Linear(2, 2)
    copy = torch.nn.Linear(2, 2)
    assert digest_of(linear) != digest_of(copy)
    copy.load_state_dict(linear.state_dict())
    assert digest_of(linear) == digest_of(copy)
    assert digest_of(linear.forward) == f"{digest_of(linear)} forward"
    assert digest_of(plus) == f"{__name__}.plus"
    assert digest_of(MixtureDenoiser) == "speciation.validation.models.oracle.MixtureDenoiser"
    assert digest_of(torch.zeros).endswith("zeros")
    for anonymous in (lambda: 0, partial(plus), object()):
        assert digest_of(anonymous) == ""


class Untrained:
    """A network that never learnt to answer without a class."""

    has_null = False

    def __call__(self, x, sigma, condition):
        return 100 * x if condition is None else ORACLES[0](x, sigma, condition)


def test_every_estimator_warns_of_an_untrained_null():
    labels, sampler = MIXTURES[0].labels, ORACLES[0].sample
    with pytest.warns(UntrainedNullWarning, match="never learnt"):
        discrepancy_entropy(Untrained(), labels, LEVELS, sampler, samples=8)
    with pytest.warns(UntrainedNullWarning, match="never learnt"):
        path_entropy(Untrained(), ["+", None], LEVELS[::-1], (2,), chains=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        discrepancy_entropy(ORACLES[0], labels, LEVELS, sampler, samples=8)
        for kind in ("path", "pairs", "discrepancy"):
            kept(kind, denoiser=Untrained())
