"""Shapes and types of arrays, checked at each call in the tests of their rooms (jaxtyping, beartype).

Elsewhere the checks are off: of tiny models they are a sixth of the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["CHECKED", "checked", "prepare_checks", "shapes_checked"]

ROOMS = {
    "validation.estimators": (
        "chains", "cloning", "commitment", "curve_statistics", "denoiser_gamma", "discrepancy", "low_noise",
        "model_samples", "pairs", "path",
    ),
    "numerics": ("fokker_planck",),
    "numerics.channel": ("binary", "orthogonal", "precision", "profiles"),
    "numerics.monte_carlo": (
        "controls", "importance", "many_classes", "meeting", "moments", "quasi_random", "shared_covariance",
        "statistics", "strides", "unequal_covariance",
    ),
    "numerics.curves": ("covariance", "dataset"),
}  # fmt: skip

CHECKED = tuple(f"speciation.{room}.{name}" for room, names in ROOMS.items() for name in names)
"""Modules whose annotations hold at run time too."""


def checked(function):
    """As beartype checks, where a whole number is a real one too, of what has the shape of an array.

    Arguments of public functions say in one line what is wrong, which other tests ask for.
    """
    from beartype import BeartypeConf, beartype

    if not any("jaxtyping." in repr(each) for each in getattr(function, "__annotations__", {}).values()):
        return function
    return beartype(conf=BeartypeConf(is_pep484_tower=True))(function)


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
