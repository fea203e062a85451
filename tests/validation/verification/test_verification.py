"""`speciation verify`: the whole run, its report, its false alarms, and its eyes for wrong formulas."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from speciation.theory.theorems import THEOREMS
from speciation.validation.verification.checks import CHECKS, Check, Context
from speciation.validation.verification.checks import _base as base
from speciation.validation.verification.verify import seconds_of

IN_SECONDS = ("T1", "T22", "T27")
"""Theorems that the ordinary run proves and measures; `make test-all` does all of them."""


@pytest.mark.slow
@pytest.mark.long
def test_whole_run(tmp_path):
    """One run of everything with its report, looked at from every side; it is too long to repeat."""
    folder = tmp_path / "report"
    content = verified("--out", str(folder))
    every_theorem_is_proved_and_measured(content, list(THEOREMS))
    every_theorem_is_measured_in_ambient_dimension_but_the_series(content)
    real_digits_are_among_the_measurements(content)
    report_is_complete(folder, content)
    family_stays_within_its_false_alarm_rate(content)


@pytest.mark.slow
def test_run_of_what_takes_seconds():
    every_theorem_is_proved_and_measured(verified("--only", *IN_SECONDS), list(IN_SECONDS))


def verified(*options):
    """What `verify --json` prints in a process of its own."""
    command = [sys.executable, "-c", "from speciation.validation.cli import main; main()"]
    done = subprocess.run([*command, "verify", "--json", "--quiet", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def every_theorem_is_proved_and_measured(content, expected):
    assert (content["passed"], content["failed"]) == (len(expected), 0)
    assert [entry["id"] for entry in content["theorems"]] == expected
    assert list(THEOREMS) == list(CHECKS)
    for entry in content["theorems"]:
        assert entry["proved"] is True
        assert len(entry["proof"]) >= 4
        assert len(entry["checks"]) >= 4
        assert all(check["passed"] and check["mutant_rejected"] for check in entry["checks"])


def every_theorem_is_measured_in_ambient_dimension_but_the_series(content):
    for entry in content["theorems"]:
        routes = " ".join(check["route"] for check in entry["checks"])
        # T5 and T9 are statements about densities and functions; nothing is random in them
        assert ("Monte Carlo" in routes) == (entry["id"] not in ("T5", "T9")), entry["id"]


def real_digits_are_among_the_measurements(content):
    names = [check["name"] for entry in content["theorems"] for check in entry["checks"]]
    assert sum("digits" in name and "easy" in name for name in names) == 2
    assert sum("digits" in name and "hard" in name for name in names) == 2


def report_is_complete(folder, content):
    names = [
        "digits-easy.png",
        "digits-hard.png",
        "manifest.json",
        "report.html",
        "report.json",
        "report.md",
        "report.tex",
    ]
    assert sorted(path.name for path in folder.iterdir()) == names
    written = json.loads((folder / "report.json").read_text())
    assert written["theorems"] == content["theorems"]
    assert written["run"]["environment"]["numpy"] == np.__version__
    text = (folder / "report.md").read_text()
    for theorem in THEOREMS.values():
        assert f"## {theorem.id}: {theorem.name} (passed)" in text
        assert theorem.statement in text


def family_stays_within_its_false_alarm_rate(content):
    checks = [check for entry in content["theorems"] for check in entry["checks"]]
    count = sum("Monte Carlo" in check["route"] for check in checks)
    assert count <= base.FAMILY
    level = 2 * stats.norm.sf(base._Z)
    assert level * base.FAMILY == pytest.approx(base.FALSE_ALARM)


@pytest.mark.slow
@pytest.mark.parametrize("theorem", ["T7", pytest.param("T11", marks=pytest.mark.slow)])
def test_other_seeds_pass_too(theorem, run):
    status, out, err = run("verify", "--only", theorem, "--seed", "6", "--quiet")
    assert (status, out, err) == (0, "", "")


def test_selection_by_argument_and_option(run_json):
    content = run_json("verify", "--only", "t22", "T5", "--quiet")
    assert [entry["id"] for entry in content["theorems"]] == ["T5", "T22"]


def test_of_every_theorem_it_is_known_how_long_it_takes():
    """In all, by one process and by two; what takes longest bounds the time of many."""
    each = [seconds_of([name]) for name in THEOREMS]
    assert seconds_of(THEOREMS) == sum(each)
    assert seconds_of(THEOREMS, 2) == sum(each) / 2
    assert seconds_of(THEOREMS, 100) == max(each)


def test_z_test_has_the_level_it_states():
    """With the threshold lowered to 5 % the rate of false alarms is 5 %: the standard error is honest."""
    rng = np.random.default_rng(0)
    trials, scale = 4000, stats.norm.isf(0.025) / base._Z
    alarms = 0
    for _ in range(trials):
        check = base.z_test("mean", 1.0, rng.exponential(size=2000))
        alarms += abs(check.measured - 1.0) > scale * check.tolerance
    error = np.sqrt(0.05 * 0.95 / trials)
    assert abs(alarms / trials - 0.05) < 4.5 * error + 0.002  # skewness shifts the level by O(1/n)


def test_checks_reject_their_mutants_or_fail():
    draws = np.random.default_rng(1).normal(1.0, 0.1, 100_000)
    assert base.z_test("strong", 1.0, draws).ok
    assert not base.z_test("too weak to see 2 %", 1.0, draws[:20]).ok
    assert not base.z_test("wrong", 1.02, draws).passed
    assert not base.close("loose", "", 1.0, 1.0, 0.03).ok
    assert not base.bound("slack", "", [2.0], [1.0], upper=True).ok
    assert not base.bound("crossed", "", [1.0], [1.1], upper=True).passed
    assert not base.paired_z_test("wrong", 1.05 * draws, draws + 0.001 * draws[::-1]).passed


def test_streams_depend_on_seed_and_name():
    first = Context(0).rng("a").random(3)
    assert (first == Context(0).rng("a").random(3)).all()
    assert (first != Context(0).rng("b").random(3)).any()
    assert (first != Context(1).rng("a").random(3)).any()


def test_failure_is_status_one_and_names_the_theorem(run, monkeypatch):
    def failing(context):
        yield Check("planted", "none", 1.0, 2.0, 0.1, False, True)

    monkeypatch.setitem(CHECKS, "T7", failing)
    status, out, _ = run("verify", "--only", "T7")
    assert status == 1
    assert "T7: planted: expected 1, measured 2, tolerance 0.1" in out


PERTURBATIONS = {
    "ou clock": ("schedules/base.py", "np.log(np.hypot(1.0, sigma))", "np.log(np.hypot(1.02, sigma))", "T1"),
    "vp-linear clock": ("schedules/continuous.py", "self.beta_start * time / 2", "self.beta_start * time / 2.04", "T1"),
    "cosine clock": ("schedules/continuous.py", "offset: float = 0.008", "offset: float = 0.018", "T1"),
    "flow clock": ("schedules/continuous.py", "np.where(np.isinf(sigma), 1.0, sigma / (1 + sigma))",
                   "np.where(np.isinf(sigma), 1.0, sigma / (1.02 + sigma))", "T1"),
    "ddpm clock": ("schedules/tables.py", "beta_end: float = 0.02", "beta_end: float = 0.0204", "T1"),
    "sd15 clock": ("schedules/tables.py", "beta_end: float = 0.012", "beta_end: float = 0.01224", "T1"),
    "half difference": ("mixtures/mixture.py", "self.means[0] / 2 -", "self.means[0] / 1.96 -", "T2"),
    "gamma": ("mixtures/mixture.py", "self._resolvent_moment(sigma, 1)", "1.02 * self._resolvent_moment(sigma, 1)", "T2"),
    "eigenbasis": ("mixtures/covariance.py", "return vectors @ self._spectrum[1]\n",
                   "return vectors @ self._spectrum[1].T\n", "T2"),
    "entropy profile": ("channel/tilted_average.py", "0.5 * (1 + odds)", "0.51 * (1 + odds)", "T2"),
    "sech": ("channel/tilted_average.py", "return 2 * decay / (1", "return 2.04 * decay / (1", "T3"),
    "trapezoid step": ("channel/tilted_average.py", "weights = step * profile(nodes)", "weights = 1.02 * step * profile(nodes)", "T3"),
    "agreement": ("channel/binary.py", "1.0 - 0.5 * binary_mmse", "1.0 - 0.51 * binary_mmse", "T4"),
    "reverse drift": ("times/criteria.py", "1 + 2 * hessian", "1 + 2.04 * hessian", "T5"),
    "flow drift": ("times/criteria.py", "lambda hessian: 1 + hessian", "lambda hessian: 1.02 + hessian", "T5"),
    "data variance": ("times/criteria.py", "return s2 + _effective(prior)", "return s2 + sp.Rational(51, 50) * _effective(prior)", "T5"),
    "cloning level": ("times/criteria.py", '"cloning": sp.Integer(1)', '"cloning": sp.Rational(51, 50)', "T5"),
    "second mode": ("times/second_mode.py", "target = np.abs(", "target = 1.02 * np.abs(", "T5"),
    "median level": ("channel/constants.py", "np.log(0.5 * binary_entropy", "np.log(0.51 * binary_entropy", "T5"),
    "secular equation": ("closed_forms/gaussian_pair.py", "gain = 2 * self.balance", "gain = 2.04 * self.balance", "T5"),
    "log law": ("times/expansions.py", "growth = 1 - VARIANCE + separation2 / LEVEL",
                "growth = 1.02 - VARIANCE + separation2 / LEVEL", "T6"),
    "moving level": ("times/expansions.py", "slopes.append(-residual / a[1])",
                     "slopes.append(-residual / a[1] * 51 / 50)", "T6"),
    "window": ("theorems/t07_concentration.py", "np.exp(-2 * half_width)", "np.exp(-2.04 * half_width)", "T7"),
    "entropy left at t = 0": ("theorems/t07_concentration.py", "binary_entropy(separation2)",
                              "binary_entropy(1.02 * separation2)", "T7"),
    "precise peak": ("channel/constants.py", "fall = gamma", "fall = 1.02 * gamma", "T8"),
    "hierarchy": ("channel/series.py", "n * n - 1, 2)", "50 * n * n - 51, 100)", "T9"),
    "large gamma": ("channel/series.py", "2 * n * (2 * n - 1) * moment", "2 * n * (2 * n - 1.02) * moment", "T9"),
    "lower bound": ("theorems/t10_bounds.py", "np.log(2) * binary_mmse", "1.02 * np.log(2) * binary_mmse", "T10"),
    "odds of the prior": ("theorems/t11_gamma_clock.py", "np.log(PRIOR / (1 - PRIOR)) / 2",
                          "np.log(PRIOR / (1 - PRIOR)) / 1.96", "T11"),
    "gamma clock": ("theorems/t11_gamma_clock.py", "= gamma + gamma**2", "= gamma + 1.02 * gamma**2", "T11"),
    "late shift": ("channel/guidance.py", "return integral - float(", "return 1.02 * integral - float(", "T12"),
    "guided drift": ("channel/guidance.py", "+ (1 - TANH**2) / 2)", "+ (1 - TANH**2) / 2.04)", "T12"),
    "gumbel step": ("closed_forms/orthogonal.py", "own = _STEP * np.exp(u[:, None] - np.exp(far))",
                    "own = 1.02 * _STEP * np.exp(u[:, None] - np.exp(far))", "T13"),
    "tail": ("closed_forms/orthogonal.py", "(x[:, None] - u) ** 2 / (2 * g))", "(x[:, None] - u) ** 2 / (2.04 * g))", "T13"),
    "rival bound": ("closed_forms/many_classes.py", "rivals.ravel() - g_.ravel() / 2", "rivals.ravel() - g_.ravel() / 1.9", "T14"),
    "softplus": ("closed_forms/softplus.py", "np.log(np.pi / (s * np.sin", "np.log(np.pi / (1.02 * s * np.sin", "T14"),
    "large-K peak": ("closed_forms/many_classes.py", "log_classes / (4 * np.pi)", "log_classes / (4.2 * np.pi)", "T14"),
    "branch length": ("mixtures/trees.py", "sign * float(np.sqrt(lengths2[level]))",
                      "sign * 1.02 * float(np.sqrt(lengths2[level]))", "T15"),
    "contrast": ("closed_forms/unequal_scales.py", "return np.tanh(self.log_ratios / 2)", "return np.tanh(self.log_ratios / 1.96)", "T16"),
    "scale correction": ("closed_forms/unequal_scales.py", "4 * g**3 / 9", "4.08 * g**3 / 9", "T16"),
    "scale slope": ("closed_forms/unequal_scales.py", "own = 0.5 * tilted_average.sech", "own = 0.51 * tilted_average.sech", "T17"),
    "information": ("closed_forms/collapse.py", "return dimension / 2 *", "return dimension / 1.96 *", "T18"),
    "collapse": ("closed_forms/collapse.py", "np.expm1(2 * np.log(n) / d)", "np.expm1(2.04 * np.log(n) / d)", "T18"),
    "upper bound": ("theorems/t10_bounds.py", "np.exp(-gamma / 2)", "np.exp(-gamma / 1.96)", "T10"),
    "last change": ("channel/commitment.py", "bare = scale / np.sqrt(2 * np.pi", "bare = scale / np.sqrt(2.04 * np.pi", "T19"),
    "commitment tail": ("channel/commitment.py", "tilt = np.exp(-gamma / 2 -", "tilt = np.exp(-gamma / 1.96 -", "T19"),
    "passage": ("channel/first_passage.py", "found = gap * (2 * posterior - 1)", "found = gap * (2.04 * posterior - 1)", "T20"),
    "passage modes": ("channel/first_passage.py", "np.exp(gap - (1 + q * q) * g / 2)", "np.exp(gap - (1.02 + q * q) * g / 2)", "T20"),
    "passage transform": ("channel/first_passage.py", "root = np.sqrt(1 + 2 * rate)", "root = np.sqrt(1 + 2.04 * rate)", "T20"),
    "guided end": ("channel/guidance.py", "np.maximum(2 * (0.5 - guidance), 0.0)", "np.maximum(2.04 * (0.5 - guidance), 0.0)", "T21"),
    "late spread": ("channel/guidance.py", "return float(mp.diff(log_moment, 0, 2)", "return float(1.02 * mp.diff(log_moment, 0, 2)", "T21"),
    "clone polygon": ("closed_forms/clone_bounds.py", "np.log1p(1 / k) * (1 - k * phi)", "np.log1p(1 / k) * (1 - 1.02 * k * phi)", "T22"),
    "clone tangent": ("closed_forms/clone_bounds.py", "rest * others * np.log(others)", "1.02 * rest * others * np.log(others)", "T22"),
    "step cost": ("channel/steps.py", "float(0.5 * rates @ steps", "float(0.51 * rates @ steps", "T23"),
    "step constant": ("channel/steps.py", "np.sqrt(-np.atleast_1d(binary", "1.02 * np.sqrt(-np.atleast_1d(binary", "T23"),
    "minority": ("channel/steps.py", "difference = 0.5 * (np.tanh", "difference = 0.51 * (np.tanh", "T23"),
    "entropy's kernel": ("closed_forms/two_gaussians.py", "turned: Complex = np.pi * _inverse_sine",
                         "turned: Complex = 1.02 * np.pi * _inverse_sine", "T24"),
    "means in the exponent": ("closed_forms/two_gaussians.py", "- 0.5 * log - 0.5 * bent", "- 0.5 * log - 0.51 * bent", "T24"),
    "random threshold": ("closed_forms/random_means.py", "return np.expm1(2 * _alpha", "return np.expm1(2.04 * _alpha", "T25"),
    "law of the information": ("closed_forms/random_means.py", "share = g / (dimension + g)", "share = 1.04 * g / (dimension + g)", "T25"),
    "third cumulants": ("closed_forms/cumulants.py", 'excess("third") / 12]', 'excess("third") / 12.24]', "T26"),
    "cumulant law": ("closed_forms/cumulants.py", "sp.log(d) / (2 * n) + sp.log(delta**2 / (4", "sp.log(d) / (2 * n) + sp.log(delta**2 / (4.08", "T26"),
    "dual": ("channel/duality.py", "(np.pi**2 / 4 / _levels", "(np.pi**2 / 4.08 / _levels", "T27"),
}  # fmt: skip


QUICK = ("T22",)
"""Theorems whose measurement takes seconds: one perturbation of each is in the ordinary run, all in test-all."""


def perturbations():
    seen = set()
    for name, (*_, theorem) in PERTURBATIONS.items():
        ordinary = theorem in QUICK and theorem not in seen
        yield pytest.param(name, marks=[] if ordinary else [pytest.mark.slow])
        seen.add(theorem)


def changed(name, root):
    """The file of a perturbation below the floor of theory, and its text with one formula changed."""
    file, old, new, _ = PERTURBATIONS[name]
    source = (root / "theory" / file).read_text()
    assert source.count(old) == 1, f"{file} does not hold {old!r} once"
    return file, source.replace(old, new)


def test_every_perturbation_matches_its_source_and_every_theorem_has_one(root):
    for name in PERTURBATIONS:
        changed(name, root)
    assert {theorem for *_, theorem in PERTURBATIONS.values()} == set(THEOREMS)


@pytest.mark.parametrize("name", [*perturbations()])
def test_a_perturbed_formula_fails_its_theorem(name, root, tmp_path):
    """Copy the sources, change one formula by 2 %, and run `verify` on the copy."""
    theorem = PERTURBATIONS[name][-1]
    file, text = changed(name, root)
    for floor in ("theory", "numerics", "validation"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / floor, tmp_path / "speciation" / floor, ignore=ignored)
    (tmp_path / "speciation" / "theory" / file).write_text(text)
    code = (
        "import speciation.theory, sys; assert speciation.theory.__file__.startswith(sys.argv[1]);"
        f"from speciation.validation.cli import main; main(['verify', '--only', '{theorem}'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    if done.returncode == 1 and "Traceback" not in done.stderr:
        assert f"{theorem}: " in done.stdout
        assert "0 passed, 1 failed" in done.stdout
    else:
        # a formula so wrong that its own derivation refuses to go on is a failure too
        assert "ArithmeticError" in done.stderr, done.stdout + done.stderr
