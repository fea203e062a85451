"""SPEC strings and JSON mixtures made up by hypothesis: a mixture that makes sense, or one line.

`FUZZ_SECONDS` says how long each kind is tried, in rounds of other seeds; without it one round is all.
"""

import json
import os
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.theory.mixtures.families import FAMILIES, EqualClassesError
from speciation.theory.times.prediction import speciation_times

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
EXAMPLES = 20  # in a round
PHASES = [Phase.explicit, Phase.generate]
many = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=PHASES, deadline=None)


def in_rounds(judge, strategy, seconds=SECONDS, least=1):
    """Try `judge` on what `strategy` makes up, with the seeds 0, 1, 2, … until the time is over."""
    deadline, number = time.monotonic() + seconds, 0
    while number < least or time.monotonic() < deadline:
        seed(number)(many(given(strategy)(judge)))()
        number += 1
    return number


numbers = st.one_of(
    st.floats(allow_nan=True).map(repr),
    st.integers(-3, 300).map(str),
    st.sampled_from(["", "1e400", "-0.0", "1_000", "٣", "0x10", "1e-320", "∞", "1/2", " 2 ", "1e7"]),
)
keys = st.one_of(
    st.sampled_from(["d", "mu", "s", "w", "K", "M", "A", "B", "lambda1", "lambda2"]), st.text(max_size=3)
)
pairs = st.lists(st.tuples(keys, numbers).map("=".join), max_size=6).map(",".join)
families = st.one_of(st.sampled_from([*FAMILIES, "digits"]), st.text(max_size=8))
specs = st.one_of(
    st.text(max_size=40),
    st.tuples(families, st.sampled_from([":", "", "::"]), st.one_of(pairs, st.text())).map("".join),
)


def whole(family):
    """Strings with all keys of a family and small dimensions, which are often mixtures."""
    _, required, optional = FAMILIES[family]
    small = {"d": st.integers(1, 40).map(str), "K": st.integers(1, 8).map(str)}
    usual = st.one_of(st.floats(1e-9, 1e9).map(repr), st.floats(1e-3, 0.999).map(repr), numbers)
    values = [small.get(key, usual) for key in (*required, *optional)]
    named = [
        value.map(lambda text, key=key: f"{key}={text}")
        for key, value in zip((*required, *optional), values, strict=True)
    ]
    return st.tuples(*named).map(lambda parts: f"{family}:" + ",".join(parts))


def judged(read):
    """The mixture, or `None` for a refusal in one line; and what can be computed is finite."""
    refusal = None
    try:
        mixture = read()
    except ValueError as error:
        refusal = error
    if refusal is not None:
        assert type(refusal) in (ValueError, EqualClassesError)
        assert str(refusal)
        assert "\n" not in str(refusal)
        return None
    assert np.isfinite(mixture.weights).all()
    assert mixture.weights.sum() == pytest.approx(1)
    assert np.isfinite(mixture.means).all()
    return mixture


def test_any_string_is_a_mixture_or_refused():
    def read(spec):
        if not spec.endswith((".json", ".npz")):
            judged(lambda: GaussianMixture.parse(spec))

    in_rounds(read, specs, least=10)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_parsed_can_be_computed_or_is_refused(family):
    accepted = []

    def computed(spec):
        mixture = judged(lambda: GaussianMixture.parse(spec))
        if mixture is None:
            return
        accepted.append(spec)
        for read in (
            lambda: speciation_times(mixture),
            lambda: entropy_curve(mixture, [0.5, 2.0], samples=256),
        ):
            try:
                found = read()
            except ValueError as error:
                assert "\n" not in str(error)  # noqa: PT017
                continue
            if isinstance(found, tuple):
                assert all(entry.time is None or np.isfinite(entry.time) for entry in found)
            else:
                assert ((found.entropy >= 0) & (found.entropy <= mixture.class_entropy * (1 + 1e-9))).all()

    rounds = in_rounds(computed, whole(family), SECONDS / len(FAMILIES))
    assert len(accepted) > rounds * EXAMPLES / 20


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
vectors = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2)
covariances = st.one_of(
    values,
    st.floats(0, 10).map(lambda v: {"isotropic": v}),
    vectors.map(lambda v: {"diagonal": v}),
    st.lists(vectors, min_size=2, max_size=2).map(lambda v: {"full": v}),
)
fields = st.fixed_dictionaries(
    {
        "weights": st.one_of(st.just([0.5, 0.5]), st.just([0.25, 0.75]), values),
        "means": st.one_of(
            st.just([[1.0, 0.0], [-1.0, 0.0]]), st.lists(vectors, min_size=2, max_size=2), values
        ),
        "covariance": covariances | st.lists(covariances, max_size=3),
    },
    optional={
        "labels": st.one_of(st.just(["cat", "dog"]), values),
        "partition": st.one_of(st.just({"a": ["cat", "dog"]}), values),
    },
)


@pytest.mark.filterwarnings("ignore:covariances.*singular:UserWarning")
def test_any_json_is_a_mixture_or_refused(tmp_path):
    path, accepted = tmp_path / "mixture.json", []

    def read(content):
        path.write_text(json.dumps(content))
        accepted.append(judged(lambda: GaussianMixture.parse(str(path))) is not None)

    in_rounds(read, st.one_of(fields, fields, values), least=10)
    assert any(accepted)


def test_later_rounds_make_up_other_examples():
    """A fault that no first round shows is found by the seeds that follow."""
    seen = []
    assert in_rounds(lambda number: seen.append(number), st.integers(0, 10**9), seconds=0, least=2) == 2
    assert len(set(seen)) > 1.5 * EXAMPLES
