"""Any two parameters of a SPEC against each other, or one against the noise scale.

With `t` or `sigma` on an axis each value of the other is one entropy curve; with two parameters each pixel is
the OU time at which half of the entropy is left.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...theory.mixture import GaussianMixture
from ...theory.schedules import OrnsteinUhlenbeck
from ..blocks import Arrays, run_blocks
from ..checkpoints import fingerprint
from ..curves import entropy_curve
from ._base import Axis, assembled, linear, logarithmic

__all__ = ["NOISE", "grid", "parse_axis"]

Array = NDArray[np.float64]

NOISE = {"t": "Ornstein–Uhlenbeck time $t$", "sigma": "noise-to-signal ratio σ"}
"""Axes that are the noise scale and no parameter."""

_WHOLE = {"d", "K"}
_LEVELS = 400  # of the curve on which a median is read


@dataclass(frozen=True)
class _Work:
    """A SPEC with two of its parameters left open, and how its curves are computed."""

    spec: str
    x: Axis
    y: Axis
    samples: int
    key: int


def parse_axis(text: str, count: int) -> Axis:
    """`name=low:high` or `name=low:high:log` as an axis; `ValueError` for anything else."""
    match = re.fullmatch(r"(\w+)=([^:]+):([^:]+?)(:log|:linear)?", text)
    try:
        if match is None:
            raise ValueError
        name, low, high = match[1], float(match[2]), float(match[3])
    except ValueError:
        raise ValueError(f"{text}: not an axis; write name=low:high or name=low:high:log") from None
    log = match[4] == ":log"
    if not (np.isfinite([low, high]).all() and low < high) or (log and low <= 0):
        raise ValueError(f"{text}: need low < high, and low > 0 for a logarithmic axis")
    if name in NOISE and low <= 0:
        low = 1e-3 * high  # a clean sample is the limit, not a level
    axis = (logarithmic if log else linear)(name, low, high, count, NOISE.get(name, name))
    if name in _WHOLE:
        values = np.unique(np.round(axis.values))
        return Axis(name, values, axis.long_name, axis.scale)
    return axis


def grid(
    spec: str,
    x: Axis,
    y: Axis,
    *,
    samples: int = 20_000,
    key: int = 0,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """A phase diagram of two parameters of `spec`, whose own values of them are replaced.

    Mixtures without exact curves are measured with `samples` draws; columns are kept in `folder`, so that an
    interrupted diagram goes on to the same bits. Raises `ValueError` for a parameter that the SPEC lacks.
    """
    if x.name == y.name:
        raise ValueError(f"{x.name}: stands on both axes")
    if x.name in NOISE and y.name in NOISE:
        raise ValueError("x, y: one of them has to be a parameter of the SPEC")
    if x.name in NOISE:
        turned = grid(spec, y, x, samples=samples, key=key, folder=folder, progress=progress)
        return turned.transpose(y.name, x.name)
    work = _Work(spec, x, y, samples, key)
    _mixture(spec, {axis.name: float(axis.values[0]) for axis in (x, y) if axis.name not in NOISE})
    run = fingerprint("grid", spec, x.name, x.values, y.name, y.values, samples, key)
    found = run_blocks(lambda index: _column(work, index), x.values.size, folder, run, progress)
    if y.name in NOISE:
        fields = {
            "entropy": (found["entropy"].T, "entropy $H(C|X_t)$", "nats"),
            "rate": (found["rate"].T, "entropy rate $dH/dt$", "nats per unit t"),
        }
    else:
        fields = {"ou_time": (found["ou_time"].T, "time $t$ at which half of the entropy is left", "1")}
    return assembled(x, y, fields, {}, spec=spec, name="grid", title=spec, source="T17")


def _column(work: _Work, index: int) -> Arrays:
    """All pixels at one x, each array (1, y)."""
    x = {work.x.name: float(work.x.values[index])}
    if work.y.name in NOISE:
        sigma = work.y.values if work.y.name == "sigma" else OrnsteinUhlenbeck().sigma(work.y.values)
        curve = entropy_curve(_mixture(work.spec, x), sigma, samples=work.samples, key=work.key)
        return {name: curve[name].values[None] for name in ("entropy", "rate")}
    times = [
        _median(_mixture(work.spec, x | {work.y.name: float(value)}), work.samples, work.key)
        for value in work.y.values
    ]
    return {"ou_time": np.array(times)[None]}


def _median(mixture: GaussianMixture, samples: int, key: int) -> float:
    """OU time at which half of H(C) is left, 0 where less is left of clean data."""
    from ...theory.window import window_sigmas

    sigma = window_sigmas(mixture, _LEVELS)
    entropy = entropy_curve(mixture, sigma, samples=samples, key=key).entropy.values
    place = np.interp(mixture.class_entropy / 2, np.maximum.accumulate(entropy), np.log(sigma))
    decided = entropy[0] < mixture.class_entropy / 2
    return float(0.5 * np.log1p(np.exp(2 * place))) if decided else 0.0


def _mixture(spec: str, changes: dict[str, float]) -> GaussianMixture:
    """The mixture of a SPEC with some of its parameters replaced, or added."""
    family, colon, body = spec.partition(":")
    if not colon or family == "digits" or spec.endswith((".json", ".npz")):
        raise ValueError(f"{spec}: has no parameters to vary; use a family such as binary:d=64,mu=1,s=1")
    parts = (part.partition("=") for part in body.split(",") if part)
    entries = {name: value for name, _, value in parts}
    entries |= {name: f"{value:.17g}" for name, value in changes.items()}
    return GaussianMixture.parse(f"{family}:" + ",".join(f"{k}={v}" for k, v in entries.items()))
