"""What was published of EDM and EDM2, held against itself, the formulas and files of the implementations."""

import json
import math

import numpy as np
import pytest
import torch
from speciation.validation.models.edm import EDM, EDM2, Configuration, read_checkpoint
from speciation.validation.models.edm.preconditioning import iddpm_levels
from speciation.validation.models.edm.published import LATENTS, PRECONDITIONERS, PUBLISHED, sigma_range


def bare(configuration):
    with torch.device("meta"):
        return EDM2(configuration) if isinstance(configuration, Configuration) else EDM(configuration)


def parameters(configuration):
    return sum(parameter.numel() for parameter in bare(configuration).parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_of_the_papers(name):
    """Counted on the network built from the entry."""
    entry = PUBLISHED[name]
    assert abs(parameters(entry.configuration) / 1e6 - entry.millions) < 0.6
    assert entry.source
    assert entry.sigma_min < math.exp(entry.p_mean) < entry.sigma_max
    assert sigma_range(entry.configuration) == (entry.sigma_min, entry.sigma_max)
    assert entry.configuration.sigma_data == 0.5


def test_xs_is_the_published_one(reference):
    content = json.loads((reference / "edm2_xs_state.json").read_text())
    configuration = PUBLISHED["edm2-img512-xs"].configuration
    assert parameters(configuration) == 124_713_253
    assert Configuration(**content["config"]) == configuration
    state = bare(configuration).state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == content["state"]


def test_latents_are_standardised_as_published(reference):
    encoder = read_checkpoint(reference / "checkpoints" / "edm2.pkl").encoder
    np.testing.assert_allclose(encoder.scale, LATENTS.scale, rtol=1e-6)
    np.testing.assert_allclose(encoder.bias, LATENTS.bias, rtol=1e-6)
    one_above = np.add(LATENTS.raw_mean, LATENTS.raw_std) * encoder.scale + encoder.bias
    np.testing.assert_allclose(one_above, LATENTS.sigma_data, rtol=1e-6)


def test_ranges_are_those_of_the_preconditioners(reference):
    """VP's from its own file (t = 1e-5 and 1), iDDPM's from its levels."""
    low, high, _ = PRECONDITIONERS["VP"]
    assert math.isclose(low, 0.0009765625, rel_tol=0.03)  # in float32, where 1 + 1e-6 is rounded
    assert math.isclose(high, 152.16697692871094, rel_tol=1e-6)
    vp = read_checkpoint(reference / "checkpoints" / "edm1_vp.pkl").configuration
    assert sigma_range(vp) == (low, high)
    low, high, _ = PRECONDITIONERS["iDDPM"]
    levels = iddpm_levels(vp)
    assert math.isclose(low, float(levels[999]), rel_tol=0.01)
    assert levels[8] < high < levels[7]
