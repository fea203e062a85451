"""What callers hand in: one content means the same in every library, and nothing is dropped in silence."""

import copy
import dataclasses
import decimal
import fractions
import functools
import json
import pickle
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sympy as sp
import torch
import xarray as xr
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as Fitted
from speciation.theory import (
    CRITERIA,
    Contrast,
    Diagonal,
    Full,
    GaussianMixture,
    Isotropic,
    LowRank,
    binary_entropy,
    exact_curves,
    gaussian_pair,
    log_law,
    schedules,
    speciation_time,
    speciation_time_expression,
    speciation_times,
    theorems,
)
from speciation.theory._support.intervals import checked_interval
from speciation.theory._support.real_numbers import real_numbers

MATRIX = np.array([[2.0, -0.5, 0.1], [-0.5, 1.0, 0.2], [0.1, 0.2, 3.0]])
MAKERS = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "numpy": lambda a: a,
    "float32": lambda a: a.astype(np.float32),
    "objects": lambda a: a.astype(object),
    "jax": jnp.asarray,
    "torch": torch.tensor,
    "torch with a gradient": lambda a: torch.tensor(a, requires_grad=True),
    "bfloat16 of torch": lambda a: torch.tensor(a).to(torch.bfloat16),
    "bfloat16 of JAX": lambda a: jnp.asarray(a, jnp.bfloat16),
    "half": lambda a: a.astype(np.float16),
    "xarray": xr.DataArray,
    "pandas": lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a) if a.ndim == 1 else a,
    "masked nowhere": np.ma.masked_invalid,
}


@pytest.mark.parametrize("make", MAKERS)
def test_every_library_means_the_same(make):
    """Means, weights and covariances of each shape; numbers that every type here holds exactly."""
    means = np.array([[0.5, 1.0, -2.0], [1.5, 0.25, 4.0]])
    weights = np.array([0.25, 0.75])
    forms = {
        "(d,)": (np.array([1.0, 2.0, 0.5]), 1, Diagonal),
        "(d, d)": (np.diag([1.0, 2.0, 0.5]) + 0.25, 1, Full),
        "(K,)": (np.array([1.0, 2.0]), 2, Isotropic),
        "(K, d)": (np.array([[1.0, 2.0, 0.5], [1.0, 1.0, 4.0]]), 2, Diagonal),
        "(K, d, d)": (np.stack([np.eye(3), np.eye(3) + 0.5]), 2, Full),
    }
    for form, (values, count, kind) in forms.items():
        usual = GaussianMixture(weights, means, values)
        found = GaussianMixture(*(MAKERS[make](a) for a in (weights, means, values)))
        assert len(usual.covariances) == count, form
        assert all(isinstance(covariance, kind) for covariance in usual.covariances), form
        assert found == usual, form
        assert not found.means.flags.writeable


@pytest.mark.parametrize("make", ["numpy", "jax", "torch", "xarray"])
def test_a_list_of_vectors_is_one_per_class(make):
    means = np.eye(2)
    found = GaussianMixture([0.5, 0.5], means, [MAKERS[make](np.ones(2)), MAKERS[make](2 * np.ones(2))])
    assert found.covariances == (Diagonal(np.ones(2)), Diagonal(2 * np.ones(2)))


def test_exact_numbers_are_read():
    values = [fractions.Fraction(1, 2), decimal.Decimal("0.25"), sp.Rational(1, 8), 2**70]
    assert real_numbers(values, "x").tolist() == [0.5, 0.25, 0.125, 2.0**70]
    assert real_numbers(np.array([1, 2.5], dtype=object), "x").tolist() == [1, 2.5]


class Quantity(np.ndarray):
    """As astropy's and pint's: NumPy reads it and forgets the unit."""


REFUSED = {
    "mask": (np.ma.array([[0.0], [999.0]], mask=[[0], [1]]), r"means\[1, 0\]: masked"),
    "mask in a list": ([np.ma.array([1.0], mask=[1]), [2.0]], r"means\[0\]\[0\]: masked"),
    "masked constant": ([[0.0], [np.ma.masked]], "masked"),
    "complex": (np.array([[1 + 2j], [0]]), "means: .*complex number"),
    "complex in a list": ([[1 + 0j], [0.0]], "complex number"),
    "complex torch": (torch.tensor([[1 + 2j], [0]]), "complex number"),
    "dates": (np.array([["2020-01-01"], ["2020-01-02"]], dtype="datetime64[D]"), "a date"),
    "times": (np.array([[1], [2]], dtype="timedelta64[s]"), "a length of time"),
    "text": (np.array([["1.0"], ["2.0"]]), "text"),
    "text in a list": ([["1.0"], [2.0]], "text"),
    "bytes": (np.array([[b"1"], [b"2"]]), "text"),
    "truth values": (np.array([[True], [False]]), "a truth value"),
    "a truth value in a list": ([[True], [2.0]], "a truth value"),
    "none": ([[None], [1.0]], "an object .NoneType"),
    "missing": (pd.DataFrame({"a": pd.array([1.0, None], dtype="Float64")}), r"NAType|not a finite"),
    "records": (np.zeros((2, 1), dtype=[("a", float)]), "a record"),
    "sparse": (scipy.sparse.eye_array(2).tocsr(), "a sparse matrix"),
    "unit": (np.zeros((2, 1)).view(Quantity), "a quantity with a unit"),
    "a set": ({1.0, 2.0}, "an object .set"),
    "a symbol": ([[sp.Symbol("x")], [1.0]], "an object .Symbol"),
    "ragged": ([[1.0, 2.0], [3.0]], "rows of equal length"),
    "ragged arrays": ([np.ones(2), np.ones(3)], "rows of equal length"),
    "keys": (jax.random.split(jax.random.key(0)), "cannot be read as numbers"),
    "a tensor without data": (torch.ones(2, 1, device="meta"), "cannot be read as numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_number_is_refused_by_what_it_is(name):
    value, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refusal:
        GaussianMixture([0.5, 0.5], value, 1.0)
    assert str(refusal.value).startswith("means")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda bad: GaussianMixture(bad, [[0.0], [1.0]], 1.0), "weights"),
        (lambda bad: GaussianMixture([0.5, 0.5], [[0.0], [1.0]], bad), "covariances"),
        (lambda bad: GaussianMixture([0.5, 0.5], [[0.0], [1.0]], 1.0).gamma(bad), "sigma"),
        (lambda bad: speciation_time("curvature", bad), "separation2"),
        (lambda bad: schedules.EDM().time(bad), "sigma"),
        (lambda bad: schedules.DDPM().sigma(bad), "time"),
        (lambda bad: Diagonal(bad), "diagonal"),
        (lambda bad: LowRank(1.0, bad), "factors"),
    ],
    ids=["weights", "covariances", "sigma", "separation2", "of a clock", "time", "diagonal", "factors"],
)
@pytest.mark.parametrize("bad", ["complex", "mask", "dates", "text"])
def test_every_argument_has_the_same_reader(call, argument, bad):
    values = {
        "complex": np.array([1 + 1j, 2]),
        "mask": np.ma.array([1.0, 2.0], mask=[0, 1]),
        "dates": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
        "text": np.array(["1", "2"]),
    }
    with pytest.raises(ValueError, match=rf"^{argument}.*(not a number but|masked)"):
        call(values[bad])


def test_a_tracer_is_called_one():
    def traced(x):
        return GaussianMixture([0.5, 0.5], [[0.0], [1.0]], x).classes

    with pytest.raises(ValueError, match=r"covariances: a JAX tracer.*outside jit"):
        jax.jit(traced)(1.0)
    with pytest.raises(ValueError, match=r"means\[0\]\[0\]: a JAX tracer"):
        jax.grad(lambda x: GaussianMixture([0.5, 0.5], [[x], [1.0]], 1.0).separation2)(0.0)


@pytest.mark.parametrize("make", ["list", "numpy", "jax", "torch"])
def test_forms_that_could_be_two_things_are_refused_with_both(make):
    """As scikit-learn's `spherical` (K,) and `diag` (K, d) are for K = d."""
    third = [1 / 3] * 3
    with pytest.raises(ValueError, match=r"one per class or one shared.*Isotropic.*Diagonal"):
        GaussianMixture(third, 5 * np.eye(3), MAKERS[make](np.array([0.1, 1.0, 9.0])))
    with pytest.raises(ValueError, match=r"one matrix that all classes share or a row.*Full.*Diagonal"):
        GaussianMixture([0.5, 0.5], np.eye(2), MAKERS[make](np.array([[2.0, 1.0], [1.0, 2.0]])))
    with pytest.raises(ValueError, match=r"not symmetric; shape.*or a row of variances"):
        GaussianMixture([0.5, 0.5], np.eye(2), MAKERS[make](np.array([[2.0, 1.0], [0.5, 2.0]])))
    negative = MAKERS[make](np.array([[2.0, -1.0], [-1.0, 2.0]]))
    assert GaussianMixture([0.5, 0.5], np.eye(2), negative).shared_covariance is not None


@pytest.mark.parametrize("estimator", [Fitted, BayesianGaussianMixture])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("dimension", [2, 3])
def test_fits_of_scikit_learn(estimator, kind, dtype, dimension):
    """The log-density of the fit, point by point; K = d = 2 among them, where shapes are ambiguous."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (150, dimension)), rng.normal(3, 0.5, (150, dimension))])
    fitted = estimator(n_components=2, covariance_type=kind, random_state=0).fit(x.astype(dtype))
    mixture = GaussianMixture.from_sklearn(fitted, labels=("a", "b"))
    assert mixture.labels == ("a", "b")
    assert (mixture.shared_covariance is not None) == (kind == "tied")
    density = np.zeros(5)
    for k, weight in enumerate(mixture.weights):
        matrix = mixture.covariance_of(k).matrix_in(dimension)
        y = x[:5] - mixture.means[k]
        form = (y * np.linalg.solve(matrix, y.T).T).sum(axis=1)
        density += weight * np.exp(-form / 2) / np.sqrt(np.linalg.det(2 * np.pi * matrix))
    expected = fitted.score_samples(x[:5].astype(dtype))
    if estimator is Fitted:
        np.testing.assert_allclose(np.log(density), expected, rtol=1e-3 if dtype == np.float32 else 1e-9)
    assert mixture.means == pytest.approx(fitted.means_)


def test_what_is_no_fit_is_refused():
    with pytest.raises(ValueError, match="fitted: this estimator has not been fitted"):
        GaussianMixture.from_sklearn(Fitted(2))
    with pytest.raises(ValueError, match="fitted: need a fitted sklearn"):
        GaussianMixture.from_sklearn(3)


SOFTMAX = np.array([0.1234567, 0.2345678, 0.6419755])
SOFTMAX /= SOFTMAX.sum()


@pytest.mark.parametrize(
    "weights",
    [
        SOFTMAX.astype(np.float32) * np.float32(1 + 2e-7),
        SOFTMAX.astype(np.float16),
        torch.tensor(SOFTMAX).to(torch.bfloat16),
        jnp.asarray(SOFTMAX, jnp.float32),
        (SOFTMAX.astype(np.float32) * np.float32(1 + 2e-7)).tolist(),
    ],
    ids=["float32", "float16", "bfloat16", "jax", "a list from float32"],
)
def test_weights_are_held_to_the_precision_they_came_in(weights, tmp_path):
    mixture = GaussianMixture(weights, np.eye(3), 1.0)
    assert mixture.weights.sum() == pytest.approx(1, abs=4e-16)
    assert mixture.weights == pytest.approx(SOFTMAX, rel=1e-2)
    if isinstance(weights, np.ndarray):
        np.savez(tmp_path / "m.npz", weights=weights, means=np.eye(3), covariance=1.0)
        assert GaussianMixture.parse(tmp_path / "m.npz") == mixture
    # mutant: the same error in doubles is one
    with pytest.raises(ValueError, match="weights sum to"):
        GaussianMixture(SOFTMAX * (1 + 3e-7), np.eye(3), 1.0)
    with pytest.raises(ValueError, match="weights sum to"):
        GaussianMixture(SOFTMAX.astype(np.float32) * np.float32(1.0001), np.eye(3), 1.0)


def test_covariances_are_held_to_the_precision_they_came_in(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4000, 6)).astype(np.float32) * np.arange(1, 7, dtype=np.float32)
    matrix = np.einsum("ni,nj->ij", x, x) / np.float32(4000)
    matrix[0, 1] *= np.float32(1 + 3e-6)
    mixture = GaussianMixture([0.5, 0.5], np.eye(2, 6), matrix)
    stored = mixture.covariances[0].matrix
    np.testing.assert_array_equal(stored, stored.T)
    np.savez(tmp_path / "m.npz", weights=mixture.weights, means=mixture.means, covariance=matrix)
    assert GaussianMixture.parse(tmp_path / "m.npz") == mixture
    assert GaussianMixture(mixture.weights, mixture.means, torch.tensor(matrix)) == mixture
    with pytest.raises(ValueError, match="not symmetric"):  # mutant: as doubles
        Full(matrix.astype(np.float64) * (1 + 1e-9))


@pytest.mark.parametrize("small", [1e-12, 1e-17, 1e-100, 1e-300])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_small_weights_are_kept_to_the_last_bit_in_either_order(small, order, ending, tmp_path):
    weights = [small, 1 - small][::order]
    mixture = GaussianMixture(weights, [[1.0], [-1.0]], [1.0, 2.0])
    assert mixture.weights.tolist() == weights
    mixture.save(tmp_path / f"m{ending}")
    assert GaussianMixture.parse(tmp_path / f"m{ending}") == mixture


def test_weights_that_sum_to_one_are_not_touched():
    """So that a mixture made of another's weights is the same one."""
    rng = np.random.default_rng(3)
    for classes in (2, 3, 7, 100):
        for weights in rng.dirichlet(np.ones(classes), 50) * (1 + 1e-9):
            once = GaussianMixture(weights, np.eye(classes), 1.0)
            assert GaussianMixture(once.weights, once.means, 1.0) == once
    assert GaussianMixture([0.7, 0.2, 0.1], np.eye(3), 1.0).weights.tolist() == [0.7, 0.2, 0.1]


SINGULAR = {
    "too few samples": np.cov(np.random.default_rng(0).standard_normal((3, 4)), rowvar=False),
    "too few samples, float32": np.cov(
        np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32), rowvar=False, dtype=np.float32
    ),
    "constant feature": np.array([1.0, 0.0, 2.0, 1.0]),
    "factors alone": LowRank(0.0, np.ones((4, 1))),
    "ones": Full(np.ones((4, 4))),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_classes_are_spoken_of(name):
    with pytest.warns(UserWarning, match=r"covariances: singular, no width in [12 3]+ of 4 directions"):
        mixture = GaussianMixture([0.5, 0.5], np.eye(2, 4), SINGULAR[name])
    with pytest.warns(UserWarning, match=r"covariances\[1\]: singular"):
        GaussianMixture([0.5, 0.5], np.eye(2, 4), [Isotropic(1.0), mixture.covariances[0]])
    with warnings.catch_warnings():  # nothing more is said of what was said once
        warnings.simplefilter("error")
        assert pickled(mixture) == mixture
        assert copy.deepcopy(mixture) == mixture


def test_points_and_regular_classes_are_not():
    """Warnings are errors here."""
    GaussianMixture([0.5, 0.5], np.eye(2, 4), 0.0)
    GaussianMixture.parse("binary:d=3,mu=1,s=0")
    GaussianMixture([0.5, 0.5], np.eye(2, 3), MATRIX)
    GaussianMixture([0.5, 0.5], np.eye(2, 4), LowRank([1.0, 1.0, 1.0, 0.0], np.eye(4)[:, 3:]))
    GaussianMixture([0.5, 0.5], np.eye(2, 4), np.diag([1.0, 1e-13, 1.0, 1.0]))


MIXTURES = [
    GaussianMixture.parse("hierarchy:d=4,A=4,B=1,s=1"),
    GaussianMixture.parse("digits:3,8"),
    GaussianMixture(
        [0.4, 0.6], [[0.0, 1.0], [2.0, 0.0]], [Diagonal([1.0, 2.0]), LowRank(0.5, [[1.0], [2.0]])]
    ),
]
VALUES = [
    *MIXTURES,
    *(Isotropic(2.0), Diagonal([1.0, 2.0]), Full(MATRIX), LowRank(1.0, [[1.0], [2.0]])),
    *schedules.CLOCKS.values(),
    schedules.DDPM(steps=50),
    *speciation_times(GaussianMixture.parse("binary:d=4,mu=1,s=1")),
]


def pickled(value, protocol=pickle.DEFAULT_PROTOCOL):
    return pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 (our own)


def arrays_of(value):
    for name in vars(value):
        held = getattr(value, name)
        yield from (
            item for item in (held if isinstance(held, tuple) else (held,)) if isinstance(item, np.ndarray)
        )


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda value, p=p: pickled(value, p) for p in range(2, 6)),
        dataclasses.replace,
    ],
    ids=["copy", "deepcopy", "pickle 2", "pickle 3", "pickle 4", "pickle 5", "replace"],
)
def test_values_survive_copies(value, copied):
    if hasattr(value, "betas"):
        assert value.betas.size  # what is kept of a computation is part of no copy
    found = copied(value)
    assert found == value
    assert hash(found) == hash(value)
    assert not any(array.flags.writeable for array in (*arrays_of(value), *arrays_of(found)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.name = 1


@pytest.mark.parametrize("mixture", MIXTURES, ids=str)
def test_mixtures_survive_copies(mixture):
    for found in (pickled(mixture), copy.deepcopy(mixture), dataclasses.replace(mixture)):
        for array in (found.weights, found.means, found.centred_gram):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        for covariance in found.covariances:
            assert not any(array.flags.writeable for array in arrays_of(covariance))
        if found.partition is not None:
            with pytest.raises(TypeError):
                found.partition["x"] = ()
    own = GaussianMixture(
        mixture.weights, mixture.means, mixture.covariances, mixture.labels, mixture.partition
    )
    assert own == mixture


KEPT = [
    *VALUES,
    *(
        GaussianMixture([0.5, 0.5], np.eye(2, 3), covariance)
        for covariance in (1.0, [1.0, 2.0, 3.0], MATRIX, LowRank(1.0, np.ones((3, 1))))
    ),
    GaussianMixture([0.4, 0.6], np.zeros((2, 3)), [MATRIX, np.ones(3)]),
    Contrast(np.ones(2), np.ones(2), np.ones(2)),
]


def all_arrays(value):
    """Of a value and of tuples in it."""
    if isinstance(value, np.ndarray):
        yield value
    for item in value if isinstance(value, tuple) else ():
        yield from all_arrays(item)


@pytest.mark.parametrize("value", KEPT, ids=lambda value: type(value).__name__)
def test_what_is_kept_of_a_computation_cannot_be_written_to(value):
    """Every field and `cached_property` of every value, also inside tuples: one write would move results."""
    names = [f.name for f in dataclasses.fields(value)]
    names += [
        name
        for kind in type(value).__mro__
        for name, held in vars(kind).items()
        if isinstance(held, functools.cached_property)
    ]
    for name in names:
        try:
            held = getattr(value, name)
        except ValueError:  # of two classes alone
            continue
        assert not any(array.flags.writeable for array in all_arrays(held)), name


@pytest.mark.parametrize("value", KEPT, ids=lambda value: type(value).__name__)
def test_values_are_taken_apart(value):
    parts = dataclasses.asdict(value)
    assert parts.keys() == {field.name for field in dataclasses.fields(value)}
    if isinstance(value, GaussianMixture):
        assert (parts["partition"] or {}) == dict(value.partition or {})
        assert repr(value.partition) == repr(value.partition and dict(value.partition))


EXACT = {
    "binary": GaussianMixture.parse("binary:d=4,mu=1,s=1"),
    "product": MIXTURES[0],
    "one mean": GaussianMixture([0.4, 0.6], np.zeros((2, 3)), [Isotropic(1.0), Isotropic(2.0)]),
    "any two": MIXTURES[2],
}


@pytest.mark.parametrize("name", EXACT)
def test_results_that_evaluate_survive_copies(name):
    """As workers of joblib and multiprocessing get them."""
    sigma, exact = np.array([0.3, 2.0]), exact_curves(EXACT[name])
    for copied in (pickled, copy.copy, copy.deepcopy, dataclasses.replace):
        np.testing.assert_array_equal(copied(exact).evaluate(sigma), exact.evaluate(sigma))
    if EXACT[name].classes == 2:
        pair = gaussian_pair(EXACT[name], 1.0)
        assert pickled(pair).entropy == copy.deepcopy(pair).entropy == pair.entropy


def test_equality_sees_every_part():
    first = GaussianMixture([0.4, 0.6], [[0.0], [1.0]], 1.0)
    changes = dict(
        weights=[0.6, 0.4],
        means=[[0.0], [2.0]],
        covariances=2.0,
        labels=["a", "b"],
        partition={"g": ["0", "1"]},
    )
    for name, value in changes.items():
        assert dataclasses.replace(first, **{name: value}) != first
    assert first != 3
    assert first in {GaussianMixture([0.4, 0.6], [[0.0], [1.0]], Isotropic(1.0))}


def test_public_functions_and_theorems_are_pickled():
    for function in (binary_entropy, speciation_time):
        assert pickled(function) is function
    for theorem in map(theorems.by_id, ("T1", "T5", "T17")):
        assert pickled(theorem) == theorem


@pytest.mark.parametrize("mixture", MIXTURES, ids=str)
def test_repr_is_one_short_line(mixture):
    for value in (mixture, *mixture.covariances):
        assert "\n" not in repr(value)
        assert len(repr(value)) < 130
    said = repr(mixture)
    assert f"{mixture.classes} classes, dimension {mixture.dimension}" in said
    assert mixture.covariances[0].kind in said
    gaps = [((a - b) ** 2).sum() / 4 for i, a in enumerate(mixture.means) for b in mixture.means[:i]]
    assert f"separation2 {np.mean(gaps):.6g}" in said


def test_a_byte_order_mark_is_no_part_of_json(tmp_path):
    mixture = GaussianMixture.parse("hierarchy:d=4,A=4,B=1,s=1")
    mixture.save(tmp_path / "m.json")
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "m.json").read_bytes())
    assert GaussianMixture.parse(marked) == mixture


def test_files_say_which_form_is_meant(tmp_path):
    """K = d: the format names what an array leaves open."""
    np.savez(tmp_path / "m.npz", weights=[0.5, 0.5], means=np.eye(2), covariance=np.array([1.0, 2.0]))
    assert GaussianMixture.parse(tmp_path / "m.npz").covariances == (Diagonal([1.0, 2.0]),)
    content = {"weights": [0.5, True], "means": [[1.0], [2.0]], "covariance": {"isotropic": 1.0}}
    (tmp_path / "m.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"m.json: weights\[1\]: not a number but a truth value"):
        GaussianMixture.parse(tmp_path / "m.json")


@pytest.mark.parametrize("criterion", CRITERIA)
def test_symbols_are_found_by_name_and_expressions_evaluated(criterion):
    expression = speciation_time_expression(criterion)
    assert {str(symbol) for symbol in expression.free_symbols} <= {"M", "s2"}
    point = {"M": 0.3, "s2": 0.6} if criterion == "probability-flow" else {"M": 9.0, "s2": 0.25}
    expected = float(speciation_time(criterion, *point.values()))
    assert float(expression.subs(point)) == pytest.approx(expected, rel=1e-13)
    symbols = sorted(expression.free_symbols, key=str)
    numbers = [point[str(symbol)] for symbol in symbols]
    for modules in (None, "mpmath"):
        found = sp.lambdify(symbols, expression, modules)(*numbers)
        assert float(found) == pytest.approx(expected, rel=1e-13)
    vector = sp.lambdify(symbols, expression)(*(np.array([number, number]) for number in numbers))
    assert np.shape(vector) == (2,)


def test_the_log_law_by_names():
    assert speciation_time_expression("reverse-sde").subs({"M": 4096, "s2": 1}) == sp.log(8192) / 2
    assert log_law("curvature", 1).subs({"d": 100, "mu": 1, "s2": 1, "gamma_c": 1}) == sp.log(100) / 2


@pytest.mark.parametrize("setting", [{"under": "raise"}, {"all": "raise"}, {"all": "warn"}], ids=str)
def test_error_settings_of_a_caller_change_nothing(setting):
    """The numbers are those under NumPy's defaults, and no warning is an error."""
    mixture, gammas = GaussianMixture.parse("binary:d=4,mu=1,s=0"), [0.0, 1e-300, 1.0, 1e3, 1e5]

    def found():
        clocks = [clock.time([0.0, 1e-170, 1.0, 1e170, np.inf]) for clock in schedules.CLOCKS.values()]
        times = [speciation_time(criterion, [1e-3, 1e200], [0.0, 2.0]) for criterion in CRITERIA]
        both = mixture.gamma([1e-170, 1e170]), mixture.gamma_slope([0.1, 1e100])
        return np.concatenate([*clocks, *times, *both, binary_entropy(gammas, 1e-300)])

    usual = found()
    with np.errstate(**setting):
        np.testing.assert_array_equal(found(), usual)


@pytest.mark.parametrize(
    "interval",
    [
        (3,),
        3,
        "1,2",
        "12",
        (1, 2, 3),
        ("a", "b"),
        ("1", "2"),
        (False, True),
        (1 + 0j, 2),
        (5, 1),
        (1, 1),
        (np.nan, 2),
    ],
)
def test_an_interval_is_two_ends_in_order(interval):
    with pytest.raises(ValueError, match="interval: need"):
        checked_interval(interval)
    assert checked_interval(np.array([1, 5])) == (1.0, 5.0)
