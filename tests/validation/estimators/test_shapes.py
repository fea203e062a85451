import numpy as np
import pytest
import torch
from checked_shapes import CHECKED
from speciation.validation.estimators import curve_statistics
from speciation.validation.estimators.chains import Start

pytest.importorskip("beartype")
from jaxtyping import TypeCheckError


def test_shapes_are_checked_in_these_tests():
    """The mutants: what the annotations forbid is refused, and so the hook is there."""
    assert curve_statistics.__name__ in CHECKED
    sigma = np.geomspace(1, 4, 3)
    assert curve_statistics.integrated(sigma, np.ones((2, 3))).shape == (2, 3)
    with pytest.raises(TypeCheckError):
        curve_statistics.integrated(sigma, np.ones((2, 4)))
    with pytest.raises(TypeCheckError):
        curve_statistics.standard_error(np.ones((2, 3), dtype=np.float32))
    x, own, log_posterior = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64), torch.zeros(5, 3).double()
    Start(x, own, log_posterior)
    with pytest.raises(TypeCheckError):
        Start(x, own[:4], log_posterior)
