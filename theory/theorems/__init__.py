"""The theorems: `theorems.T4.statement`, `.proof`, `.derive()`, `.predict()`; by id in `THEOREMS`.

One file per theorem, whose name its check in `validation/verification/checks/` shares; `speciation verify`
proves each and measures what it predicts.
"""

from importlib import import_module

from ._base import Argument, Block, Identity, Measured, Text, Theorem

__all__ = ["MODULES", "THEOREMS", "Argument", "Block", "Identity", "Measured", "Text", "Theorem", "by_id"]

MODULES: dict[str, str] = {
    "T1": "t01_one_clock",
    "T2": "t02_binary_channel",
    "T3": "t03_immse",
    "T4": "t04_cloning",
    "T5": "t05_criteria",
    "T6": "t06_log_law",
    "T7": "t07_concentration",
    "T8": "t08_constants",
    "T9": "t09_series",
    "T10": "t10_bounds",
    "T11": "t11_gamma_clock",
    "T12": "t12_guidance",
    "T13": "t13_orthogonal",
    "T14": "t14_first_order",
    "T15": "t15_partitions",
    "T16": "t16_unequal_scales",
    "T17": "t17_any_mixture",
    "T18": "t18_collapse",
    "T19": "t19_commitment",
    "T20": "t20_first_passage",
    "T21": "t21_guided_ends",
    "T22": "t22_clone_bounds",
    "T23": "t23_steps",
    "T24": "t24_two_gaussians",
    "T25": "t25_random_means",
    "T26": "t26_cumulants",
    "T27": "t27_duality",
}
"""File name of each theorem, here and in `validation/verification/checks/`, by id."""

THEOREMS: dict[str, Theorem] = {
    identifier: import_module(f".{name}", __name__).THEOREM for identifier, name in MODULES.items()
}
"""Theorems by id, in order."""


def by_id(identifier: str) -> Theorem:
    """The theorem with an id.

    Parameters
    ----------
    identifier : str
        Such as `T12` or `t12`.

    Returns
    -------
    Theorem

    Raises
    ------
    ValueError
        An id that no theorem has; the message lists all of them.
    """
    try:
        return THEOREMS[identifier.upper()]
    except KeyError:
        raise ValueError(f"theorem: {identifier!r} is not one of {', '.join(THEOREMS)}") from None


def __getattr__(name: str) -> Theorem:
    """`theorems.T12` is `THEOREMS["T12"]`."""
    try:
        return THEOREMS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
