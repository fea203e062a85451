"""What the annotations forbid is refused in the tests of this floor, by every room that has them."""

import jax.numpy as jnp
import numpy as np
import pytest
from checked_shapes import CHECKED
from speciation.numerics import fokker_planck
from speciation.numerics.channel import binary, orthogonal, precision, profiles
from speciation.numerics.curves import covariance, dataset
from speciation.numerics.monte_carlo import (
    controls,
    importance,
    many_classes,
    meeting,
    quasi_random,
    shared_covariance,
    statistics,
    unequal_covariance,
)

pytest.importorskip("beartype")
from jaxtyping import TypeCheckError

two, three, square = np.ones(2), np.ones(3), np.ones((3, 4))
j2, j3, jsquare = jnp.ones(2), jnp.ones(3), jnp.ones((3, 4))
places = np.zeros(3, dtype=np.intp)

MUTANTS = {
    "many-classes": (many_classes._forms, (jsquare, jnp.ones((5, 3)))),
    "many-classes-means": (many_classes._spanned, (three,)),
    "unequal": (unequal_covariance._spread, (jnp.ones((2, 5, 3)), jsquare, jsquare)),
    "unequal-dtype": (unequal_covariance._of_class, (jnp.ones((3, 2, 4)), j3)),
    "meeting": (meeting._inverted, (square, np.ones((3, 5, 2)), square)),
    "meeting-single": (meeting._kernel, (three.astype(np.float32),)),
    "meetings": (meeting.Meetings, (places, places, square, square, two, {})),
    "quasi-random": (quasi_random._mean, (jsquare, jnp.ones((3, 4), dtype=np.uint32), None)),
    "shared": (shared_covariance._roots, (square,)),
    "importance": (importance.largest, (square, 2)),
    "controls": (controls.controlled, (jsquare, jsquare, j3)),
    "statistics": (statistics.statistics, (jsquare, jsquare, jnp.ones(()), None)),
    "binary": (binary._weighted, (("sech", 0, 0), j2, j3)),
    "orthogonal": (orthogonal._peak, (j2, j3)),
    "precision": (precision.lattice_sum, (None, jnp.ones(3, dtype=int))),
    "profiles": (profiles.entropy_derivative, (jnp.arange(3), 0)),
    "fokker-planck": (fokker_planck._mass_above, (three, two, 0.0)),
    "guided-curve": (fokker_planck.GuidedCurve, (two, two, three, two, two, 0.1)),
    "covariance": (covariance.kept_levels, (square,)),
    "dataset": (dataset.entropy_of, (places,)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_shape_or_type_is_refused(name):
    function, arguments = MUTANTS[name]
    assert function.__module__ in CHECKED
    with pytest.raises(TypeCheckError):
        function(*arguments)
