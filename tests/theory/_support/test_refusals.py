"""What is refused of an array says which of its values, and where it stands."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from speciation.numerics import channel
from speciation.theory import binary_entropy, clone_bounds, first_passage_gamma, speciation_time
from speciation.theory._support.real_numbers import refuse_unless

REFUSED = {
    "gamma: every value must be a number >= 0, but gamma[3] is -1": lambda: binary_entropy([1, 2, 3, -1, -2]),
    "gamma: every value must be a number >= 0, not -1": lambda: binary_entropy(-1.0),
    "gamma: every value must be a number >= 0, but gamma[1] is -0.5": lambda: channel.binary_entropy(
        jnp.array([1.0, -0.5])
    ),
    "separation2: every value must be positive, but separation2[1, 0] is 0": lambda: speciation_time(
        "curvature", np.array([[1.0], [0.0]]), 1.0
    ),
    "agreement: every value must lie between 1/classes and 1, but agreement[1] is 0.1": lambda: clone_bounds(
        [0.5, 0.1], 4
    ),
    "p: every value must be at least 1/2 and below 1, but p[1] is 1": lambda: first_passage_gamma([0.6, 1.0]),
}


@pytest.mark.parametrize("words", REFUSED)
def test_the_value_and_its_place_are_said(words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        REFUSED[words]()


def test_a_value_that_is_compared_with_another_argument_has_no_place():
    values = np.array([1.0, 2.0])
    refuse_unless(values > 0, values, "a", "must be above 0")
    with pytest.raises(ValueError, match=r"^a: every value must be below b, not 2$"):
        refuse_unless(values < np.array([[3.0], [1.5]]), values, "a", "must be below b")
    with pytest.raises(ValueError, match=r"a\[0\] is nan$"):
        refuse_unless(np.array([np.nan]) > 0, np.array([np.nan]), "a", "must be above 0")
