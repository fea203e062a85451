"""What the annotations forbid is refused in the tests of this floor, by every room that has them."""

import numpy as np
import pytest
import torch
from checked_shapes import CHECKED
from speciation.validation.control import clocks, given_grids, grids, information, report, scheduler_files
from speciation.validation.figures import line_groups, measured, theorem_traces, theory
from speciation.validation.measurement import (
    comparison,
    curve_files,
    level_test,
    log_scale,
    predictions,
)
from speciation.validation.models import digits_model, fashion_model, wrapper
from speciation.validation.models import predictions as conventions
from speciation.validation.models.edm import (
    edm1_layers,
    edm2_layers,
    preconditioning,
    training,
)

pytest.importorskip("beartype")
from jaxtyping import TypeCheckError

two, three, square = np.ones(2), np.ones(3), np.ones((3, 4))
flat, image, whole = torch.ones(3), torch.ones(3, 2, 4, 4), torch.ones(3, dtype=torch.int64)
convention = conventions.convention_of("flow")

MUTANTS = {
    "convention": (convention.denoised, (image, torch.ones(3, 2, 4, 5), flat)),
    "answer": (wrapper._answer, (image, 3, 1.0, None)),
    "images": (digits_model.Images, (image, torch.ones(3))),
    "folded": (fashion_model.folded, (image,)),
    "edm1-attention": (edm1_layers.attend, (flat, 1)),
    "edm1-whole": (edm1_layers.GroupNorm(2), (image.long(),)),
    "edm2-blend": (edm2_layers.blend, (image, flat, 0.5)),
    "coefficients": (preconditioning.Coefficients, (1.0, image, 1.0, image)),
    "loss": (training.denoising_loss, (None, image, torch.ones(2), image, square)),
    "scatter": (log_scale._scatter, (three, two, three, three)),
    "single": (log_scale._york, (three.astype(np.float32), three, three, three)),
    "eigenvalues": (level_test._eigenvalues, (square, 9.0)),
    "levels": (curve_files._ascending, (square, "sigma", [], None)),
    "predicted": (comparison.predicted_curve, (None, square)),
    "window": (predictions._window_of_points, (three,)),
    "information": (information.ClassInformation, (three, three, two, 1.0, 2, 1.0, False)),
    "density": (grids._optimal, (None, square)),
    "conversion": (clocks.convert_levels, (square, "edm", ["ou"])),
    "request": (report.Request, (32, None, (0.1, 9.0), "karras", square)),
    "sheet": (measured.sheet_figure, (square,)),
    "trace": (theorem_traces.Trace, ("line", three, two)),
    "quadrature": (theorem_traces.mmse_quadrature, (square,)),
    "marks": (theory._marks, ([], square)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_shape_or_type_is_refused(name):
    function, arguments = MUTANTS[name]
    module = type(function).__module__ if isinstance(function, torch.nn.Module) else function.__module__
    assert module in CHECKED
    with pytest.raises(TypeCheckError):
        function(*arguments)


def test_a_wrong_answer_is_refused(monkeypatch):
    """Return values are checked too: a grid of too many levels, a table in single precision, one number."""
    monkeypatch.setattr(np, "geomspace", lambda low, high, count: np.ones((count, 1)))
    with pytest.raises(TypeCheckError):
        given_grids.given_grid("log-uniform", 3, (0.1, 1.0))
    monkeypatch.setattr(np, "linspace", lambda low, high, count, dtype: np.ones(count, dtype=np.float32))
    with pytest.raises(TypeCheckError):
        scheduler_files._betas({"beta_schedule": "linear", "beta_start": 0, "beta_end": 1})
    with pytest.raises(TypeCheckError):
        line_groups.grouped({"line": square.astype(int)}, 1.0)
