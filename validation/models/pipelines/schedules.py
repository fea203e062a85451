"""A scheduler's configuration as noise levels and a row of `predictions`.

A scheduler says three things: what the answer of its network means, at which time the network is asked for a
noise level, and the levels that it was trained at. How it steps between them is no matter here, so that PNDM,
DDIM, Euler and the DPM solvers with one table of β are one.

    kind     time of the network      levels
    table    step, from 0             √((1 − ᾱ)/ᾱ); a step of pure noise is left out
    flow     1000 u, u = σ/(1 + σ)    u/(1 − u) of the scheduler's u, in which its shift already is
    EDM      ¼ log σ                  the scheduler's own from σ_min to σ_max
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from torch import Tensor

from ....theory._support.aliases import Part, ReadFields
from ....theory._support.values import ByContent
from ..predictions import SAID, Convention, convention_of
from .pipeline_checks import DISTILLED, SOLVERS, TABLE
from .source import silent

__all__ = ["Levels", "levels_of_alphas", "levels_of_scheduler"]

Array = NDArray[np.float64]

_ROWS = {name: row for name, row in SAID.items() if row != "flow"}
_EDM_ROWS = {"epsilon": "edm", "v_prediction": "edm-v"}
_EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
_FLOW = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")


@dataclass(frozen=True, eq=False)
class Levels(ByContent):
    """What a scheduler says of its network.

    Attributes
    ----------
    convention : Convention
        What the network is given, and what its answer means.
    sigmas : (levels,)
        The levels of training, ascending and finite.
    positions : (levels,)
        Where each stands in the network's or the scheduler's own time, in which a chain takes equal steps.
    time : callable, optional
        From σ to what the network takes as its time, where it is not the convention's own.
    """

    convention: Convention
    sigmas: Float64[Array, " levels"]
    positions: Float64[Array, " levels"]
    time: Callable[[Tensor], Tensor] | None = None

    def chain(self, steps: int) -> Float64[Array, " {steps}+1"]:
        """`steps + 1` levels, descending, at equal distances."""
        places = np.linspace(self.positions[-1], self.positions[0], steps + 1)
        return np.exp(np.interp(places, self.positions, np.log(self.sigmas)))


def levels_of_alphas(alphas: Part, prediction: str = "epsilon") -> Levels:
    """Of a table of ᾱ; `ValueError` for one that is none."""
    convention = convention_of(prediction, np.asarray(alphas, dtype=np.float64))
    assert convention.sigmas is not None  # noqa: S101 (a table has both)
    assert convention.steps is not None  # noqa: S101
    return Levels(convention, convention.sigmas, convention.steps)


def levels_of_scheduler(scheduler: Mapping[str, object]) -> Levels:
    """Of the contents of `scheduler_config.json`.

    Raises
    ------
    ValueError
        One line for a scheduler of distilled networks, or of another kind than the three above.
    """
    name = str(scheduler.get("_class_name"))
    if name in DISTILLED:
        raise ValueError(f"a {name} is for networks distilled for few steps, not for means of clean data")
    if name in _EDM:
        return _edm(scheduler)
    flows = (bool(scheduler.get("use_flow_sigmas")), scheduler.get("prediction_type") == "flow_prediction")
    if name in _FLOW or (name in SOLVERS and all(flows)):
        return _flow(scheduler)
    if name not in SOLVERS or scheduler.get("timestep_type", "discrete") != "discrete":
        raise ValueError(
            f"{name} is of no known kind; known are flow matching, EDM, and tables of noise levels as DDPM's"
        )
    if any(flows):
        raise ValueError(
            f"a {name} whose noise levels are those of a flow, but whose network does not "
            "predict one, or the reverse"
        )
    absent = [key for key in TABLE if scheduler.get(key) is None]
    if absent and scheduler.get("trained_betas") is None:
        raise ValueError(f"has no {absent[0]}")
    return _table(scheduler)


def _table(scheduler: ReadFields) -> Levels:
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in _ROWS:
        raise ValueError(f"the network predicts {prediction!r}; known are {', '.join(_ROWS)}")
    with silent():
        made: Part = DDPMScheduler.from_config(dict(scheduler))
    return levels_of_alphas(made.alphas_cumprod.numpy(), _ROWS[prediction])


def _flow(scheduler: ReadFields) -> Levels:
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    if scheduler.get("invert_sigmas"):
        raise ValueError("invert_sigmas: its flow runs from data to noise, which no known network does")
    steps = int(scheduler.get("num_train_timesteps", 1000))
    shift = scheduler.get("shift", scheduler.get("flow_shift", 1.0))
    dynamic = bool(scheduler.get("use_dynamic_shifting"))
    with silent():
        made = FlowMatchEulerDiscreteScheduler(steps, float(shift), use_dynamic_shifting=dynamic)
    u = np.sort(np.asarray(made.sigmas, dtype=np.float64))
    u = u[(u > 0) & (u < 1)]  # at u = 1 nothing is left of the data
    convention = convention_of("flow")
    places = np.arange(u.size, dtype=np.float64)
    return Levels(convention, u / (1 - u), places, lambda sigma: steps * convention.time(sigma))


def _edm(scheduler: ReadFields) -> Levels:
    from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler

    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in _EDM_ROWS:
        raise ValueError(f"the network predicts {prediction!r}; known are {', '.join(_EDM_ROWS)}")
    with silent():
        made: Part = EDMEulerScheduler.from_config(dict(scheduler))
    sigmas = np.unique(made.sigmas.double().numpy())
    sigmas = sigmas[sigmas > 0]
    convention = convention_of(_EDM_ROWS[prediction], sigma_data=float(made.config.sigma_data))
    return Levels(convention, sigmas, np.arange(sigmas.size, dtype=float))
