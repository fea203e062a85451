"""What a caller's seeds, keys, settings of JAX and NumPy, and devices do to a curve: choose its draws."""

import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from speciation.numerics import clone_curve, entropy_curve, guided_curve, phase_diagram
from speciation.numerics._support import seeds
from speciation.numerics.monte_carlo import shared_covariance, strides
from speciation.numerics.runs.fingerprints import fingerprint
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, discrepancy_entropy, measure, path_entropy, verify
from speciation.validation._support.torch_randomness import generator_of

DIGITS = GaussianMixture.parse("digits:0,3,8")
BINARY = GaussianMixture.parse("binary:d=4,mu=1,s=1")
SCALED = GaussianMixture([0.5, 0.3, 0.2], np.eye(3), [1.0, 2.0, np.diag([1.0, 2.0, 3.0])])


def curves(**more):
    """Every sampled public curve, by both routes and in both precisions."""
    few = {"samples": 300} | more
    return {
        "reduced": entropy_curve(DIGITS, [1.0, 2.0], method="reduced", **few),
        "single": entropy_curve(DIGITS, [1.0, 2.0], method="ambient", **few),
        "groups": entropy_curve(
            DIGITS, [1.0], method="reduced", dtype="float32", partition={"a": ["0", "3"], "b": ["8"]}, **few
        ),
        "sobol": entropy_curve(DIGITS, [1.0], method="reduced", points="sobol", **few),
        "unequal": entropy_curve(SCALED, [1.0], method="ambient", dtype="float64", **few),
        "clones": clone_curve(BINARY, [0.5, 2.0], method="sde", steps=5, **few),
        "guided": guided_curve(BINARY, [0.5, 2.0], 2.0, method="sde", steps=10, **few),
    }


def with_places_read(key):
    """Curves with enough levels for peaks and medians, whose intervals are resampled from the key."""
    levels, few = np.geomspace(0.3, 30, 12), {"samples": 3000, "key": key}
    found = {
        "placed": entropy_curve(BINARY, levels, method="reduced", **few),
        "placed guided": guided_curve(BINARY, levels, 2.0, method="sde", steps=30, **few),
    }
    assert all(np.isfinite(curve.median_sigma_low) for curve in found.values())
    return found


def same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        for variable in first[name].data_vars:
            np.testing.assert_array_equal(first[name][variable], second[name][variable], err_msg=name)


def draws(curve):
    return {name: float(data[next(iter(data.data_vars))][0]) for name, data in curve.items()}


@pytest.fixture(scope="module")
def usual():
    return curves()


SETTINGS = {
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "no rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "no transfers": lambda: jax.transfer_guard("disallow"),
    "no explicit transfers": lambda: jax.transfer_guard("disallow_explicit"),
    "no jit": jax.disable_jit,
    "a mesh": lambda: jax.set_mesh(jax.make_mesh((1,), ("x",))),
    "NaN is an error": lambda: jax.debug_nans(True),
    "infinity is an error": lambda: jax.debug_infs(True),
    "double precision": lambda: jax.enable_x64(True),
    "other keys": lambda: jax.default_prng_impl("rbg"),
    "other random numbers": lambda: jax.threefry_partitionable(False),
    "keys used once": lambda: jax.debug_key_reuse(True),
    "coarse products": lambda: jax.default_matmul_precision("bfloat16"),
    "NumPy raises": lambda: np.errstate(all="raise"),
}


@pytest.mark.parametrize(
    "setting", [pytest.param(s, marks=[pytest.mark.slow] * (s == "a mesh")) for s in SETTINGS]
)
@pytest.mark.slow
def test_settings_of_a_caller_change_no_bit(setting, usual):
    with SETTINGS[setting]():
        found = curves()
    same(found, usual)
    assert jnp.ones(1).dtype == np.float32  # nothing of ours is left on


@pytest.mark.parametrize(
    "setting",
    ["NumPy raises", "strict promotion", "no rank promotion", "a mesh"],
)
@pytest.mark.slow
def test_settings_of_a_caller_change_no_exact_curve(setting):
    def found():
        levels = [0.05, 0.5, 2.0, 1e4]
        exact = entropy_curve(BINARY, levels), guided_curve(BINARY, [0.5, 2.0], 2.0)
        return {str(i): curve for i, curve in enumerate((*exact, phase_diagram("classes", 4)))}

    before = found()
    with SETTINGS[setting]():
        same(found(), before)


def test_a_caller_may_compile_around_a_curve():
    """With mixtures and levels that are numbers; a traced level is called a tracer."""

    def curve():
        return entropy_curve(DIGITS, [1.0], method="reduced", samples=300).entropy.values

    np.testing.assert_allclose(jax.jit(lambda x: x + curve())(0.0), curve(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"sigmas.*a JAX tracer"):
        jax.jit(lambda x: jnp.asarray(entropy_curve(BINARY, x).entropy.values))(jnp.ones(2))
    with pytest.raises(ValueError, match="key: a JAX tracer"):
        jax.jit(lambda key: jnp.asarray(entropy_curve(DIGITS, [1.0], key=key).entropy.values))(3)


@pytest.mark.slow
def test_every_bit_of_a_seed_counts(usual):
    """Seeds equal modulo 2³², and those that a list of NumPy's words would confuse."""
    each = [draws(usual), *(draws(curves(key=key)) for key in (2**31, 2**32, 2**32 + 1, 2**63, 2**64 - 1))]
    for name in each[0].keys() - {"clones"}:  # which are counted, and so can agree by chance
        assert len({found[name] for found in each}) == len(each), name


def test_streams_of_seeds_and_indices_are_all_different():
    pairs = [(seed, index) for seed in (0, 1, 2**32, 2**32 + 1, 2**33, 2**63) for index in (0, 1, 2)]
    first = {tuple(np.random.default_rng(seeds.stream(*pair)).integers(0, 2**63, 4)) for pair in pairs}
    assert len(first) == len(pairs)
    assert len({float(torch.randn((), generator=generator_of(*pair))) for pair in pairs}) == len(pairs)
    assert len({seeds.torch_seed(seed) for seed in (0, 2**32, 2**33, 2**63)}) == 4
    # mutant: what NumPy and torch do with them by themselves
    assert np.random.default_rng([2**32, 0]).integers(2**63) == np.random.default_rng([0, 1]).integers(2**63)
    assert seeds.stream(5, 3) == [5, 3]
    assert seeds.torch_seed(5) == 5


KEYS = {
    "NumPy's integer": (np.int64(5), 5),
    "typed key": (jax.random.key(5), 5),
    "raw key": (jax.random.PRNGKey(5), 5),
    "an array that is one": (np.array(5), 5),
    "words": (np.array([1, 7], np.uint32), 2**32 + 7),
    "split key": (jax.random.split(jax.random.key(5))[1], None),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_jax_are_seeds(name):
    key, seed = KEYS[name]
    seed = seeds.seed_of(key) if seed is None else seed
    assert seeds.seed_of(key) == seed
    curve = entropy_curve(DIGITS, [1.0], method="reduced", samples=300, key=key)
    assert int(curve.attrs["key"]) == seed


@pytest.mark.slow
@pytest.mark.parametrize("name", KEYS)
def test_keys_of_jax_draw_what_their_seeds_do(name, tmp_path):
    key, seed = KEYS[name]
    seed = seeds.seed_of(key) if seed is None else seed
    found = curves(key=key) | with_places_read(key)
    same(found, curves(key=seed) | with_places_read(seed))
    for curve in found.values():
        assert int(curve.attrs["key"]) == seed
        curve.to_netcdf(tmp_path / "curve.nc", format="NETCDF3_64BIT", engine="scipy")
    if isinstance(key, jax.Array) and key.ndim == 0:
        assert fingerprint(key) == fingerprint(seed)


@pytest.mark.parametrize("seed", [2**31 - 1, 2**31, 3_000_000_000, 2**63, 2**64 - 1])
def test_every_seed_is_written(seed, run, tmp_path):
    out = tmp_path / "curve.nc"
    arguments = ("--samples", "300", "--levels", "2", "--seed", str(seed), "--quiet", "--out", out)
    assert run("curve", "digits:0,3,8", *arguments)[0] == 0
    assert out.is_file()
    status, _, said = run(
        *("measure", "binary:d=4,mu=1,s=1", "--samples", "64", "--levels", "6", "--seed", str(seed)),
        *("--quiet", "--out", tmp_path / "measured"),
    )
    assert status == 0, said
    assert (tmp_path / "measured" / "curve.nc").is_file()


BAD = {
    "negative": (-1, "from 0 to 2[*][*]64 - 1, not -1"),
    "too large": (2**64, "from 0 to"),
    "no whole number": (1.0, "not 1.0"),
    "truth": (True, "not True"),
    "text": ("1", "not '1'"),
    "none": (None, "not None"),
    "several keys": (jax.random.split(jax.random.key(0)), "of shape"),
    "another generator's key": (jax.random.key(0, impl="rbg"), "of shape"),
    "floats": (np.zeros(2), "float64 of shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_seeds_are_refused_before_the_work(name, run):
    key, message = BAD[name]
    for call in (
        lambda: entropy_curve(BINARY, [1.0], key=key),
        lambda: entropy_curve(DIGITS, [1.0], key=key),
        lambda: clone_curve(BINARY, [1.0], key=key, method="sde", samples=300, steps=2),
        lambda: guided_curve(BINARY, [1.0], 2.0, key=key, method="sde", samples=300, steps=2),
    ):
        with pytest.raises(ValueError, match=f"^key: need .*{message}") as refusal:
            call()
        assert "\n" not in str(refusal.value)
    if isinstance(key, int) and not isinstance(key, bool):
        status, _, said = run("curve", "digits:0,3,8", f"--seed={key}")
        assert status == 2
        assert "Traceback" not in said


ORACLE, LEVELS, NAMES = MixtureDenoiser(BINARY), np.geomspace(20, 0.1, 6), ("+", "-")
ESTIMATORS = {
    "path": lambda **more: path_entropy(ORACLE, NAMES, LEVELS, (4,), chains=8, **more),
    "discrepancy": lambda **more: discrepancy_entropy(
        ORACLE, NAMES, LEVELS[::-1], ORACLE.sample, samples=8, **more
    ),
    "measure": lambda **more: measure("binary:d=4,mu=1,s=1", samples=8, levels=6, **more).curve,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_take_the_same_seeds(name):
    call = ESTIMATORS[name]
    for key in (jax.random.key(5), np.uint64(5), jnp.asarray(5)):
        assert call(batch=8, seed=key).identical(call(batch=8, seed=5))
    for bad in (-1, 2**64, True, 1.0):
        with pytest.raises(ValueError, match=r"^seed: need a whole number"):
            call(batch=8, seed=bad)


def test_verification_refuses_what_is_no_seed():
    for bad in (-1, 2**64, True):
        with pytest.raises(ValueError, match=r"^seed: need a whole number"):
            verify(["T2"], seed=bad)


@pytest.mark.parametrize("sigma", [1e160, 1e-160, 1e300])
def test_levels_whose_squares_overflow_are_refused(sigma):
    for mixture in (BINARY, DIGITS):
        for call in (entropy_curve, clone_curve, lambda *given: guided_curve(*given, 2.0)):
            with pytest.raises(ValueError, match=r"sigmas: the square of .* leaves double precision"):
                call(mixture, [1.0, sigma])
    assert BINARY.gamma(sigma) == pytest.approx(4.0 if sigma < 1 else 0, abs=1e-300)


@pytest.mark.parametrize("bad", [np.array([1 + 1j]), np.ma.array([1.0], mask=[1]), np.array(["1"])], ids=repr)
def test_levels_are_read_as_every_number_is(bad):
    with pytest.raises(ValueError, match=r"sigmas.*(not a number but|masked)"):
        entropy_curve(BINARY, bad)


BITS = (
    "import hashlib, jax; from speciation.numerics import entropy_curve, clone_curve;"
    "from speciation.theory import GaussianMixture as G; m = G.parse('digits:0,3,8');"
    "c = [entropy_curve(m, [1.0, 3.0], samples=n, method=r) for n in (1000, 9000)"
    " for r in ('ambient', 'reduced')];"
    "b = b''.join(x[v].values.tobytes() for x in c for v in sorted(x.data_vars));"
    "print(jax.device_count(), hashlib.sha256(b).hexdigest())"
)


@pytest.mark.slow
def test_any_number_of_devices_gives_the_same_bits():
    """Few strides and many, of a matrix, which a compiler that knows the devices rounds differently."""
    found = {}
    for count in (1, 2, 4):
        flags = f"--xla_force_host_platform_device_count={count}"
        done = subprocess.run(
            [sys.executable, "-c", BITS],
            capture_output=True,
            text=True,
            env={**os.environ, "XLA_FLAGS": flags},
        )
        assert done.returncode == 0, done.stderr
        seen, found[count] = done.stdout.split()
        assert int(seen) == count
    assert len(set(found.values())) == 1, found


@pytest.mark.slow
def test_strides_at_once_are_those_one_by_one():
    """What accelerators run, on a processor: the same draws, to the rounding of single precision."""
    parameters = shared_covariance.ambient_parameters(DIGITS, np.array([1.0, 3.0]), None)
    parameters = strides.in_precision(parameters, "float32")
    seed, first = seeds.key_words(7), np.uint32(3)
    together = strides._at_once(shared_covariance.ambient, 4, seed, first, parameters)
    alone = strides._compiled(shared_covariance.ambient, 8, seed, first, np.int32(4), parameters)
    others = strides._compiled(
        shared_covariance.ambient, 8, seed, first + np.uint32(1), np.int32(4), parameters
    )
    for one, other, mutant in zip(together, alone, others, strict=True):
        np.testing.assert_allclose(one, other[:4], rtol=1e-3, atol=1e-5)
        assert not np.asarray(other[4:]).any()
        assert np.abs(np.asarray(one) - np.asarray(mutant[:4])).max() > 1e-3


def test_warnings_are_not_raised_by_singular_classes_alone():
    """A class without width is measured; its curve is that of a class as narrow as nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flat = GaussianMixture([0.5, 0.5], np.eye(2, 3), np.diag([1.0, 2.0, 0.0]))
    regular = GaussianMixture([0.5, 0.5], np.eye(2, 3), np.diag([1.0, 2.0, 1e-12]))
    np.testing.assert_allclose(
        entropy_curve(flat, [0.5, 2.0]).entropy, entropy_curve(regular, [0.5, 2.0]).entropy, rtol=1e-9
    )
