"""Groups of a model's classes: their own decision, on any model, from a file or a mapping."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.validation import compare, measure
from speciation.validation.measurement.groups import (
    drawn_members,
    extrapolation_factor,
    group_weights,
    grouped,
)
from speciation.validation.measurement.subjects import oracle_subject

SPEC = "orthogonal:K=4,d=4,M=9,s=0.5"
THRESHOLD = float(stats.norm.isf(1e-8))  # of 20 levels, two-sided: false alarms below 1e-6


@pytest.mark.slow
def test_the_group_of_the_oracle_has_its_own_curve():
    labels = GaussianMixture.parse(SPEC).labels
    groups = {"first": labels[:2], "second": labels[2:]}
    found = measure(SPEC, partition=groups, samples=1200, levels=20, seed=3)
    mixture = GaussianMixture.parse(SPEC)
    sigma = found.curve.sigma.values
    exact = entropy_curve(mixture, sigma, partition=groups, samples=60_000)
    keep = exact.rate.values > 0.05 * float(exact.rate.max())
    error = np.hypot(found.curve.rate_se.values, exact.rate_se.values)[keep]
    off = np.abs(found.curve.rate.values - exact.rate.values)[keep]
    assert (off < THRESHOLD * error + 0.1 * exact.rate.values[keep]).all()
    # mutant: the curve of the classes themselves, which has twice as much to decide
    whole = entropy_curve(mixture, sigma).rate.values[keep]
    assert (np.abs(found.curve.rate.values[keep] - whole) > THRESHOLD * error + 0.1 * whole).any()
    assert float(found.curve.class_entropy) == pytest.approx(np.log(2))
    assert found.comparison is not None
    assert found.comparison.summary["class_entropy"]["predicted"] == pytest.approx(np.log(2))
    predicted = found.comparison.predicted
    at = predicted.entropy.interp(sigma=sigma[keep])
    assert np.abs(at.values - exact.entropy.values[keep]).max() < 0.02  # not the classes', twice as high
    assert found.curve.attrs["classes"] == 2
    # the highest level of a path has no draws, and must not count; false alarms below 1e-6
    assert found.comparison.summary["level_test"]["p_value"] > 1e-6


@pytest.mark.slow
def test_a_file_on_the_command_line(run_json, tmp_path):
    labels = GaussianMixture.parse(SPEC).labels
    file = tmp_path / "groups.json"
    file.write_text(json.dumps({"pair": labels[:2], "rest": labels[2:3]}))
    options = ("--samples", "30", "--levels", "6", "--quiet")
    content = run_json("measure", SPEC, "--partition", str(file), *options)
    assert content["classes"] == 2


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["1", "9"], "b": ["2"]}, "partition: '9' is not a class of the model"),
        ({"a": ["1", "2"], "b": ["2"]}, "partition: class '2' is in more than one group"),
        ({"a": ["1", "2"]}, "partition: needs at least two groups"),
    ],
)
def test_bad_groups_are_refused_by_name(groups, message):
    labels = GaussianMixture.parse(SPEC).labels
    named = {name: [labels[int(k) - 1] if int(k) < 5 else k for k in own] for name, own in groups.items()}
    for k in "12":
        message = message.replace(f"class '{k}'", f"class {labels[int(k) - 1]!r}")
    with pytest.raises(ValueError, match=message):
        measure(SPEC, partition=named, samples=10, levels=4)


def test_bad_files_and_combinations(tmp_path):
    file = tmp_path / "groups.json"
    file.write_text('{"a": []}')
    with pytest.raises(ValueError, match="must be an object of class lists by name"):
        measure(SPEC, partition=file)
    with pytest.raises(ValueError, match="cannot be read"):
        measure(SPEC, partition=tmp_path / "absent.json")
    labels = GaussianMixture.parse(SPEC).labels
    two = {"a": labels[:1], "b": labels[1:2]}
    with pytest.raises(ValueError, match="classes: are those of the partition"):
        measure(SPEC, partition=two, classes=labels[:2])
    with pytest.raises(ValueError, match="partition: guided chains need all"):
        measure(SPEC, partition=two, guidance=2.0)


@pytest.mark.slow
def test_a_curve_of_groups_is_compared_with_a_mixture_that_has_them():
    mixture = GaussianMixture.parse(SPEC)
    groups = {"first": mixture.labels[:2], "second": mixture.labels[2:]}
    has = GaussianMixture(mixture.weights, mixture.means, mixture.covariances, mixture.labels, groups)
    curve = entropy_curve(mixture, np.geomspace(0.1, 100, 80), partition=groups, samples=20_000)
    curve = curve.assign_attrs(classes=2)
    found = compare(curve, has).summary
    assert found["class_entropy"]["predicted"] == pytest.approx(np.log(2))
    assert abs(found["median_sigma"]["residual"]) < 0.05
    with pytest.raises(ValueError, match="has 4 classes, the curve is of 2"):
        compare(curve, mixture)


@pytest.mark.slow
def test_a_partition_of_the_prediction_gives_way_to_what_is_measured():
    """Classes are compared with classes, groups with the groups that were asked for."""
    mixture = GaussianMixture.parse(SPEC)
    mine = {"first": mixture.labels[:2], "second": mixture.labels[2:]}
    crossed = {"a": mixture.labels[::2], "b": mixture.labels[1::2]}
    named = GaussianMixture(mixture.weights, mixture.means, mixture.covariances, mixture.labels, crossed)
    few = {"samples": 20, "levels": 6}
    classes = measure(SPEC, prediction=named, **few).comparison
    assert classes is not None
    assert classes.summary["class_entropy"]["predicted"] == pytest.approx(np.log(4))
    uneven = {"one": mixture.labels[:1], "rest": mixture.labels[1:]}
    for groups, entropy in ((mine, np.log(2)), (uneven, stats.entropy([0.25, 0.75]))):
        found = measure(SPEC, partition=groups, prediction=named, **few).comparison
        assert found is not None
        assert found.summary["class_entropy"]["predicted"] == pytest.approx(entropy)


def test_clones_of_some_classes_stay_among_them():
    """The model's own null would let them end in the others: φ = 0.65 where it is 0.75."""
    spec = "orthogonal:K=6,d=6,M=9,s=0.5"
    mixture = GaussianMixture.parse(spec)
    options = {"estimator": "cloning", "samples": 300, "levels": 6, "seed": 5}
    found = measure(spec, classes=mixture.labels[:2], **options).curve
    assert found.attrs["clone_reference"] == "classes"
    exact = entropy_curve(mixture.among(mixture.labels[:2], equal=True), found.sigma.values)
    error = np.maximum(found.agreement_se.values, 0.5 / 300)
    assert (np.abs(found.agreement - exact.agreement).values < THRESHOLD * error + 0.02).all()
    whole = measure(spec, **options | {"samples": 2}).curve
    assert whole.attrs["clone_reference"] == "unconditional"
    two = {"a": mixture.labels[:1], "b": mixture.labels[1:2]}
    assert (
        measure(spec, partition=two, **options | {"samples": 2}).curve.attrs["clone_reference"] == "classes"
    )


CENTRES = np.random.default_rng(0).standard_normal((4, 1, 6)) * 1.5
MEMBERS = (CENTRES + 1.5 * np.random.default_rng(1).standard_normal((4, 50, 6))).reshape(200, 6)
GROUPS = {f"group{g}": [f"c{g * 50 + k}" for k in range(50)] for g in range(4)}
LEVELS = np.array([0.7, 1.5, 3.0])


def group_entropy(means, sigma, noise, own):
    """Mean entropy (nats) of the group of `means` (4, m, d), each a class of variance 0.1, at own + noise."""
    x = own + np.sqrt(0.1 + sigma**2) * noise
    square = ((x[:, None, None] - means) ** 2).sum(3)
    logs = np.logaddexp.reduce(-square / (2 * (0.1 + sigma**2)), axis=2)
    p = np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None])
    return -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1).mean()


def entropies_of(count, runs, samples, seed):
    """Exact group entropies (runs, levels) of `count` members drawn of each of the four groups of fifty."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(runs):
        drawn = np.stack([MEMBERS[50 * g + rng.choice(50, count, replace=False)] for g in range(4)])
        own = drawn[rng.integers(4, size=samples), rng.integers(count, size=samples)]
        noise = rng.standard_normal(own.shape)
        found.append([group_entropy(drawn, sigma, noise, own) for sigma in LEVELS])
    return np.array(found)


def test_drawn_members_decide_too_early_by_an_order_that_is_known():
    """200 classes in 4 groups: entropies rise with the members drawn, and two of them say where to.

    Each of fifteen comparisons is a z-test at 5.5 standard errors: false alarms below 1e-6.
    """
    few, twice, whole = (entropies_of(*each) for each in ((4, 60, 300, 1), (8, 60, 300, 2), (50, 4, 4000, 3)))
    error = {id(e): e.std(axis=0, ddof=1) / np.sqrt(len(e)) for e in (few, twice, whole)}

    def apart(a, b):
        return (b.mean(axis=0) - a.mean(axis=0)) / np.hypot(error[id(a)], error[id(b)])

    assert (apart(few, twice) > 5.5).any()
    assert (apart(few, twice) > -5.5).all()
    assert (apart(twice, whole) > 5.5).any()
    assert (apart(twice, whole) > -5.5).all()
    # what two runs extrapolate to is nearer, and not beyond
    left, spread = beyond_whole(twice, few, whole, extrapolation_factor(8, 4, 50))
    assert (left < 5.5 * spread).all()
    assert np.abs(left).sum() < 0.6 * np.abs(twice.mean(axis=0) - whole.mean(axis=0)).sum()


def beyond_whole(many, few, whole, factor):
    """`H_m + factor (H_m − H_few) − H` at each level, and its standard error."""
    found = many.mean(axis=0) * (1 + factor) - factor * few.mean(axis=0) - whole.mean(axis=0)
    parts = (1 + factor, many), (factor, few), (1.0, whole)
    return found, np.sqrt(sum(f**2 * e.var(axis=0, ddof=1) / len(e) for f, e in parts))


def test_members_near_all_of_a_group_extrapolate_to_the_group():
    """32 and 16 of 50: first order in `1/m − 1/50` leaves little; that of groups without end overshoots."""
    many, few, whole = (
        entropies_of(*each) for each in ((32, 100, 300, 4), (16, 100, 300, 5), (50, 4, 4000, 3))
    )
    assert extrapolation_factor(32, 16, 50) == pytest.approx(1 - 32 / 50)
    left, spread = beyond_whole(many, few, whole, 1 - 32 / 50)
    # the second order; three z-tests at 5.5 standard errors, false alarms below 1e-6
    assert (np.abs(left) < 5.5 * spread + 0.01).all()
    # mutant: 2H_m − H_(m/2), of groups without end
    over = beyond_whole(many, few, whole, 1.0)[0]
    assert (over > np.abs(left) / 2).all()
    assert np.abs(left).sum() < 0.6 * over.sum()


def test_members_are_drawn_of_large_groups(tmp_path):
    file = tmp_path / "mixture.json"
    mixture = {"weights": [1 / 200] * 200, "means": MEMBERS.tolist(), "covariance": {"isotropic": 0.1}}
    file.write_text(json.dumps(mixture | {"labels": [c for own in GROUPS.values() for c in own]}))
    asked = {"partition": GROUPS, "samples": 150, "levels": 16}
    found = measure(str(file), members=3, seed=1, **asked)
    drawn = found.curve.attrs["conditions"].split(",")
    assert [sum(c in own for c in drawn) for own in GROUPS.values()] == [3] * 4
    assert float(found.curve.class_entropy) == pytest.approx(np.log(4))
    assert found.comparison is None
    members = found.summary["members"]
    assert list(members) == list(GROUPS)
    assert {(each["drawn"], each["of"]) for each in members.values()} == {(3, 50)}
    assert [c for each in members.values() for c in each["classes"]] == drawn
    # 3 and 1 of 50: from H_m = H − c(1/m − 1/50), (1/3 − 1/50)/(1 − 1/3)
    assert "H_3 +0.47 (H_3 - H_1) is without it" in found.summary["members_note"]
    assert found.curve.attrs["members_note"] == found.summary["members_note"]
    means = MEMBERS[[int(c[1:]) for c in drawn]].reshape(4, 3, 6)
    rng = np.random.default_rng(0)
    own = means[rng.integers(4, size=4000), rng.integers(3, size=4000)]
    noise = rng.standard_normal(own.shape)
    for sigma in LEVELS:
        exact = group_entropy(means, sigma, noise, own)
        at = found.curve.interp(sigma=sigma)
        assert abs(float(at.entropy) - exact) < THRESHOLD * float(at.entropy_se) + 0.05
    with pytest.raises(ValueError, match="members: are drawn from the groups of a partition"):
        measure(str(file), members=3)
    with pytest.raises(ValueError, match="prediction: a mixture is of whole groups, of which members draws"):
        measure(str(file), members=3, prediction=str(file), **asked)


def test_members_keep_the_weight_of_their_group():
    whole = oracle_subject("hierarchy:d=4,A=4,B=1,s=1")
    groups = {"most": whole.conditions[:3], "one": whole.conditions[3:]}
    few = grouped(whole, groups, members=1, seed=2)
    assert [len(own) for own in few.groups.values()] == [1, 1]
    assert few.prior(few.conditions) == pytest.approx([0.75, 0.25])
    assert (few.predict, few.sizes) == (None, {"most": 3, "one": 1})
    assert group_weights(few, few.conditions) == pytest.approx([0.75, 0.25])
    assert group_weights(replace(whole, weights=None, groups=groups), whole.conditions) == [0.75, 0.25]
    assert len({grouped(whole, groups, members=1, seed=seed).conditions for seed in range(50)}) == 3
    every = grouped(whole, groups, members=3)  # all of each group are no draw
    assert every.predict is not None
    assert every.conditions == whole.conditions
    assert drawn_members(every) == {}
