"""Shapes and types of arrays, checked at each call in the tests of their rooms (jaxtyping, beartype).

Elsewhere the checks are off: of tiny models they are a sixth of the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["CHECKED", "checked", "prepare_checks", "shapes_checked", "shapes_unchecked"]

ROOMS = {
    "validation.models": (
        "digits_model", "fashion_data", "fashion_model", "halving_batches", "oracle", "predictions",
        "wrapper",
    ),
    "validation.models.edm": (
        "edm1_layers", "edm1_networks", "edm2_layers", "edm2_network", "loading", "preconditioning",
        "storages", "training",
    ),
    "validation.models.pipelines": ("denoiser", "schedules", "stable_diffusion"),
    "validation.measurement": (
        "comparison", "curve_files", "labelled_data", "level_test", "log_scale", "predictions", "presets",
    ),
    "validation.control": (
        "clocks", "given_grids", "grids", "information", "report", "scheduler_files",
    ),
    "validation.figures": ("early_theorems", "line_groups", "measured", "theorem_traces", "theory"),
    "validation.estimators": (
        "chains", "cloning", "commitment", "curve_statistics", "denoiser_gamma", "discrepancy", "low_noise",
        "model_samples", "pairs", "path",
    ),
    "numerics": ("fokker_planck",),
    "numerics.channel": ("binary", "gaussian_pair", "orthogonal", "precision", "profiles"),
    "numerics.monte_carlo": (
        "controls", "importance", "many_classes", "meeting", "moments", "quasi_random", "shared_covariance",
        "statistics", "strides", "unequal_covariance",
    ),
    "numerics.curves": ("cost", "covariance", "dataset", "entropy", "fitted", "places", "reading", "rivals"),
    "numerics.diagrams": ("bifurcation",),
}  # fmt: skip

CHECKED = tuple(f"speciation.{room}.{name}" for room, names in ROOMS.items() for name in names)
"""Modules whose annotations hold at run time too."""


def checked(function):
    """As beartype checks what has the shape of an array, and nothing else.

    Arguments of public functions say in one line what is wrong, which other tests ask for. A whole number is
    a real one too.
    """
    from beartype import BeartypeConf, beartype

    every = getattr(function, "__annotations__", {})
    shaped = {name: kind for name, kind in every.items() if "jaxtyping." in repr(kind)}
    if not shaped:
        return function
    function.__annotations__ = shaped
    found = beartype(conf=BeartypeConf(is_pep484_tower=True))(function)
    function.__annotations__ = found.__annotations__ = every
    return found


def prepare_checks() -> None:
    """Let the modules have checks when they are loaded, where the two libraries are installed."""
    if find_spec("beartype") is not None:
        from jaxtyping import config, install_import_hook

        install_import_hook(CHECKED, "checked_shapes.checked")
        config.update("jaxtyping_disable", True)


@contextmanager
def shapes_checked() -> Iterator[None]:
    """Within it the checks are made."""
    from jaxtyping import config

    config.update("jaxtyping_disable", False)
    yield
    config.update("jaxtyping_disable", True)


@contextmanager
def shapes_unchecked() -> Iterator[None]:
    """Within it they are not, as a check draws from `random` which entry of a list it looks at."""
    from jaxtyping import config

    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
