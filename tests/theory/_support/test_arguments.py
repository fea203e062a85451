"""Every public function of numbers refuses what is none, and reads one number alike from every library."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from speciation import theory
from speciation.numerics.fokker_planck import guided_odds, guided_table, interval_shares
from speciation.theory.channel.series import optimal_terms
from speciation.theory.closed_forms.orthogonal import (
    orthogonal_curves,
    orthogonal_disagreement,
    orthogonal_table,
)

CALLS = {
    "binary_entropy": (theory.binary_entropy, {"gamma": 1.0, "prior": 0.5}),
    "binary_mmse": (theory.binary_mmse, {"gamma": 1.0, "prior": 0.5}),
    "binary_mmse_slope": (theory.binary_mmse_slope, {"gamma": 1.0, "prior": 0.5}),
    "clone_agreement": (theory.clone_agreement, {"gamma": 1.0, "prior": 0.5}),
    "log_binary_entropy": (theory.log_binary_entropy, {"gamma": 1.0, "prior": 0.5}),
    "log_binary_mmse": (theory.log_binary_mmse, {"gamma": 1.0, "prior": 0.5}),
    "dimension_correction": (theory.dimension_correction, {"gamma": 1.0}),
    "commitment_density": (theory.commitment_density, {"gamma": 1.0, "prior": 0.5, "end": 2.0}),
    "commitment_tail": (theory.commitment_tail, {"gamma": 1.0, "prior": 0.5, "end": 2.0}),
    "commitment_gamma": (theory.commitment_gamma, {"probability": 0.5, "prior": 0.5}),
    "first_passage_gamma": (theory.first_passage_gamma, {"p": 0.75, "prior": 0.5}),
    "first_passage_variance": (theory.first_passage_variance, {"p": 0.75, "prior": 0.5}),
    "first_passage_transform": (theory.first_passage_transform, {"theta": 1.0, "p": 0.75, "prior": 0.5}),
    "first_passage_density": (theory.first_passage_density, {"gamma": 0.5, "p": 0.75, "prior": 0.5}),
    "first_passage_tail": (theory.first_passage_tail, {"gamma": 0.5, "p": 0.75, "prior": 0.5}),
    "late_shift": (theory.late_shift, {"omega": 2.0, "prior": 0.5}),
    "late_variance": (theory.late_variance, {"omega": 2.0, "prior": 0.5}),
    "guided_probability": (theory.guided_probability, {"omega": -0.5, "weight": 0.25}),
    "step_constant": (theory.step_constant, {"prior": 0.5, "end": 4.0}),
    "random_means_threshold": (theory.random_means_threshold, {"alpha": 0.5}),
    "random_means_delay": (theory.random_means_delay, {"alpha": 0.5}),
    "random_means_entropy": (theory.random_means_entropy, {"g": 1.0, "classes": 64.0, "dimension": 8.0}),
    "random_means_bounds": (theory.random_means_bounds, {"g": 1.0, "classes": 64.0, "dimension": 8.0}),
    "scaled_mmse": (theory.scaled_mmse, {"gamma": 1.0}),
    "dual_gamma": (theory.dual_gamma, {"gamma": 1.0}),
    "binary_entropy_bounds": (theory.binary_entropy_bounds, {"gamma": 1.0}),
    "clone_bounds": (theory.clone_bounds, {"agreement": 0.75, "classes": 4.0}),
    "large_gamma_mmse": (theory.large_gamma_mmse, {"gamma": 20.0}),
    "optimal_terms": (optimal_terms, {"gamma": 20.0}),
    "median_gamma": (theory.median_gamma, {"prior": 0.5}),
    "second_mode_gamma": (theory.second_mode_gamma, {"prior": 0.5}),
    "peak_gamma": (theory.peak_gamma, {"kappa": 0.5, "prior": 0.5}),
    "orthogonal_entropy": (theory.orthogonal_entropy, {"g": 1.0, "classes": 4.0}),
    "orthogonal_agreement": (theory.orthogonal_agreement, {"g": 1.0, "classes": 4.0}),
    "orthogonal_disagreement": (orthogonal_disagreement, {"g": 1.0, "classes": 4.0}),
    "orthogonal_curves": (orthogonal_curves, {"g": 1.0, "classes": 4.0}),
    "orthogonal_table": (orthogonal_table, {"g": 1.0, "classes": 4.0}),
    "orthogonal_peak": (theory.orthogonal_peak, {"classes": 4.0}),
    "orthogonal_median": (theory.orthogonal_median, {"classes": 4.0}),
    "entropy_bounds": (theory.entropy_bounds, {"g": 1.0, "classes": 4.0}),
    "large_k_shift": (theory.large_k_shift, {"log_classes": 20.0}),
    "collapse_time": (
        theory.collapse_time,
        {"samples": 64.0, "dimension": 4.0, "variance": 1.0, "separation2": 2.0},
    ),
    "sample_information": (
        theory.sample_information,
        {"sigma": 1.0, "dimension": 4.0, "variance": 1.0, "separation2": 2.0},
    ),
    "sample_entropy_bounds": (
        theory.sample_entropy_bounds,
        {"sigma": 1.0, "samples": 64.0, "dimension": 4.0, "variance": 1.0, "separation2": 2.0},
    ),
    "critical_samples": (theory.critical_samples, {"dimension": 4.0, "mu": 1.0, "variance": 1.0}),
    "speciation_time": (
        lambda **given: theory.speciation_time("curvature", **given),
        {"separation2": 4.0, "variance": 1.0, "prior": 0.5},
    ),
    "guided_odds": (guided_odds, {"gammas": 1.0, "guidance": 2.0, "prior": 0.5}),
    "guided_table": (lambda gammas: guided_table(gammas, [1.0, 1.25]), {"gammas": 1.0}),
}
ARGUMENTS = [(name, argument) for name, (_, given) in CALLS.items() for argument in given]
DEFAULTS = {("separation2", "collapse_time"), ("end", "commitment_density"), ("end", "commitment_tail")}
NONE = {
    "a mask": lambda value: np.ma.array([value], mask=[True]),
    "a truth value": lambda value: True,
    "truth values": lambda value: np.array([True]),
    "text": lambda value: str(value),
    "texts": lambda value: np.array([str(value)]),
    "a date": lambda value: np.datetime64("2020-01-01"),
    "a complex number": lambda value: value + 0j,
    "complex numbers": lambda value: np.array([value + 1j]),
    "nothing": lambda value: None,
}
SAME = {
    "an array": lambda value: np.array(value),
    "jax": jnp.asarray,
    "bfloat16": lambda value: torch.tensor(value, dtype=torch.bfloat16),
    "a gradient": lambda value: torch.tensor(value, dtype=torch.float64, requires_grad=True),
    "single precision": np.float32,
}
NAN = float("nan")
OUTSIDE = {
    "gamma": (-1.0, NAN),
    "gammas": (-1.0, NAN),
    "g": (-1.0, NAN),
    "sigma": (0.0, -1.0, NAN),
    "prior": (0.0, 1.0, -0.5, NAN),
    "probability": (-0.25, 1.0, NAN),
    "p": (0.25, 1.0, NAN),
    "agreement": (0.125, 1.5, NAN),
    "weight": (-0.25, 1.5, NAN),
    "alpha": (0.0, float("inf"), NAN),
    "kappa": (float("inf"), NAN),
    "theta": (-2.0, NAN),
    "classes": (1.0, NAN),
    "log_classes": (12.0, NAN),
    "samples": (1.0, NAN),
    "dimension": (0.5, NAN),
    "variance": (-1.0, NAN),
    "separation2": (-1.0, NAN),
    "end": (-1.0, NAN),
    "omega": (NAN,),
    "guidance": (NAN,),
    "mu": (NAN,),
}
"""Values that no function takes for an argument of this name."""


def numbers_of(found):
    """What a function returns, as one array."""
    parts = found if isinstance(found, tuple) else (found,)
    parts = [
        value for part in parts for value in (vars(part).values() if hasattr(part, "__dict__") else [part])
    ]
    return np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in parts])


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=lambda part: str(part))
def test_what_is_no_number_is_refused(name, argument):
    call, given = CALLS[name]
    for kind, make in NONE.items():
        if kind == "nothing" and (argument, name) in DEFAULTS:
            continue  # there it means something
        with pytest.raises(ValueError, match=rf"^{argument}\b[^\n]*$") as refusal:
            call(**given | {argument: make(given[argument])})
        assert "\n" not in str(refusal.value), kind


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        pytest.param(*pair, marks=[pytest.mark.slow] * (pair[0] == "guided_table"))  # solved once a library
        for pair in ARGUMENTS
    ],
    ids=lambda part: str(part),
)
def test_a_number_is_the_same_in_every_library(name, argument):
    call, given = CALLS[name]
    expected = numbers_of(call(**given))
    for kind, make in SAME.items():
        found = call(**given | {argument: make(given[argument])})
        np.testing.assert_allclose(numbers_of(found), expected, rtol=1e-13, atol=1e-13, err_msg=kind)


@pytest.mark.parametrize("name", ["binary_entropy", "late_shift", "median_gamma", "orthogonal_entropy"])
def test_scalars_come_back_as_scalars(name):
    call, given = CALLS[name]
    assert np.ndim(call(**given)) == 0
    assert isinstance(call(**given), float)


def test_edges_of_shares_are_numbers():
    with pytest.raises(ValueError, match=r"^edges: not a number but a truth value$"):
        interval_shares(2.0, np.array([False, True]), 1.0)


def test_every_public_function_of_numbers_is_in_the_table():
    """By its annotations: what takes arrays or floats alone."""
    left_out = {
        "log_law",
        "quarter_log_law",
        "cumulant_law",
        "peak_gamma_coefficients",
        "guided_entropy_coefficients",
        "information_coefficients",
    }
    left_out |= {
        "precise_median_gamma",
        "precise_peak_gamma",
        "tree",
        "speciation_sigma2",
    }  # mpmath; by others
    left_out |= {name for name in dir(theory) if name.endswith("_expression")}
    left_out |= {"step_cost", "optimal_steps", "minority_bias"}  # of grids, which have tests of their own
    left_out |= {
        "exact_curves",
        "gaussian_pair",
        "window_sigmas",
        "level_partition",
        "speciation_times",
        "run_times",
    }  # of mixtures
    public = {n for n in dir(theory) if n[0].islower() and callable(getattr(theory, n))}
    assert public - left_out <= CALLS.keys()


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=lambda part: str(part))
def test_what_is_out_of_range_is_refused(name, argument):
    call, given = CALLS[name]
    for value in OUTSIDE[argument]:
        with pytest.raises(ValueError, match=argument):
            call(**given | {argument: value})
