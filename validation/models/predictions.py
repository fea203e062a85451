"""What a network is given at a noise level, and what its answer means: one row a convention.

With `x = x₀ + σz`, and the network seeing `X = a x` with the schedule's signal `a`:

    prediction   a              answer                       D = E[x₀|x, σ]
    epsilon      schedule's     ε                            x − σ ε
    v            1/√(1 + σ²)    v = √ᾱ ε − √(1 − ᾱ) x₀       x/(1 + σ²) − σ v/√(1 + σ²)
    sample       schedule's     x₀                           the answer
    flow         1/(1 + σ)      v = ε − x₀, u = σ/(1 + σ)    (x − σ v)/(1 + σ)
    sit          1/(1 + σ)      v = x₀ − ε, t = 1/(1 + σ)    (x + σ v)/(1 + σ)
    edm          c_in           F, at ¼ log σ                c_skip x + c_out F
    edm-v        c_in           F of diffusers' EDM schedulers in their v form: c_out of the other sign

with `c_skip = σ_d²/(σ² + σ_d²)`, `c_out = σσ_d/√(σ² + σ_d²)`, `c_in = 1/√(σ² + σ_d²)`. Sources: Ho et al.
2020 (ε), Salimans and Ho 2022 (v), Lipman et al. 2023 (flow), Ma et al. 2024 (SiT), K22 (EDM).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from ...theory._support.values import ByContent
from ...theory.schedules import DDPM, FlowMatching, Schedule
from .edm.preconditioning import preconditioned

__all__ = ["PREDICTIONS", "SAID", "Convention", "Prediction", "convention_of", "levels_of"]

Array = NDArray[np.float64]

Prediction = Literal["epsilon", "v", "sample", "flow", "sit", "edm", "edm-v"]

PREDICTIONS: tuple[Prediction, ...] = get_args(Prediction)
"""What a network's answer may mean."""

SAID: dict[str, Prediction] = {
    "epsilon": "epsilon",
    "v_prediction": "v",
    "sample": "sample",
    "flow_prediction": "flow",
}
"""What a scheduler of diffusers calls its prediction."""

_SLACK = 1e-6  # relative excess over the ends of a table that is still the end


@dataclass(frozen=True, eq=False)
class Convention(ByContent):
    """A prediction with its schedule: the network's input and time at σ, and what its answer says of x₀.

    `scale`, `time` and `denoised` take σ as a tensor that broadcasts to x. A table has the noise levels
    `sigmas`, ascending, of its `steps`, between which steps are linear in log σ; a schedule without a table
    is asked itself.
    """

    prediction: Prediction
    schedule: Schedule | None = None
    sigmas: Float64[Array, " levels"] | None = None
    steps: Float64[Array, " levels"] | None = None
    sigma_data: float = 0.5

    def scale(self, sigma: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The factor `a` of the network's input."""
        if self.prediction in ("edm", "edm-v"):
            return torch.as_tensor(preconditioned(sigma, self.sigma_data).into)
        if self.prediction in ("flow", "sit") or isinstance(self.schedule, FlowMatching):
            return 1 / (1 + sigma)
        if self.schedule is not None and not self.schedule.variance_preserving:
            return torch.ones_like(sigma)
        return 1 / torch.sqrt(1 + sigma**2)

    def time(self, sigma: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """What the network takes as its time, in double precision.

        Raises
        ------
        ValueError
            For a σ outside of the schedule.
        """
        levels = sigma.detach().double().cpu().numpy()
        if self.prediction in ("edm", "edm-v"):
            found = np.log(levels) / 4
        elif self.sigmas is not None:
            found = self._step(levels)
        elif self.prediction == "sit":
            found = 1 / (1 + levels)
        else:
            found = self._continuous(levels)
        return torch.as_tensor(found, dtype=sigma.dtype, device="cpu").to(sigma.device)

    def denoised(
        self,
        x: Float[Tensor, "*shape"],
        answer: Float[Tensor, "*shape"],
        sigma: Float[Tensor, "..."],
    ) -> Float[Tensor, "*shape"]:
        """`D`, by the table above."""
        rules: dict[str, Callable[[], Tensor]] = {
            "epsilon": lambda: x - sigma * answer,
            "v": lambda: x / (1 + sigma**2) - sigma * answer / torch.sqrt(1 + sigma**2),
            "sample": lambda: answer,
            "flow": lambda: (x - sigma * answer) / (1 + sigma),
            "sit": lambda: (x + sigma * answer) / (1 + sigma),
            "edm": lambda: self._preconditioned(x, answer, sigma, 1.0),
            "edm-v": lambda: self._preconditioned(x, answer, sigma, -1.0),
        }
        return rules[self.prediction]()

    def _preconditioned(
        self,
        x: Float[Tensor, "*shape"],
        answer: Float[Tensor, "*shape"],
        sigma: Float[Tensor, "..."],
        sign: float,
    ) -> Float[Tensor, "*shape"]:
        c = preconditioned(sigma, self.sigma_data)
        return c.skip * x + sign * c.out * answer

    def _step(self, levels: Float64[Array, "*batch"]) -> Float64[Array | np.float64, "*batch"]:
        assert self.sigmas is not None  # noqa: S101 (its caller asked)
        assert self.steps is not None  # noqa: S101
        self._refuse_outside(levels, self.sigmas[0], self.sigmas[-1])
        return np.interp(np.log(levels), np.log(self.sigmas), self.steps)

    def _continuous(self, levels: Float64[Array, "*batch"]) -> Float64[Array | np.float64, "*batch"]:
        schedule = self.schedule or FlowMatching()
        self._refuse_outside(levels, 0.0, schedule.last_sigma)
        return np.asarray(schedule.time(np.minimum(levels, schedule.last_sigma)))

    def _refuse_outside(self, levels: Float64[Array, "..."], low: float, high: float) -> None:
        outside = (levels < low * (1 - _SLACK)) | (levels > high * (1 + _SLACK))
        if outside.any():
            wrong = float(np.ravel(levels)[np.argmax(np.ravel(outside))])
            raise ValueError(f"sigma: {wrong:.6g} is outside of the model's {low:.4g} to {high:.4g}")


def convention_of(prediction: str, schedule: Any = None, sigma_data: float = 0.5) -> Convention:
    """A prediction by name with its schedule.

    Parameters
    ----------
    prediction : str
        One of `PREDICTIONS`.
    schedule : Schedule, diffusers scheduler, or array of ᾱ
        Of `speciation.theory.schedules`; an object with `alphas_cumprod`; or ᾱ itself, step by step from 0,
        falling, where steps of no noise and of pure noise are left out. `flow` and `sit` need none.
    sigma_data : float
        σ_d of `edm` and `edm-v`.

    Raises
    ------
    ValueError
        One line for an unknown name, or a schedule that is none or is missing.
    """
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction: {prediction!r} is not one of {', '.join(PREDICTIONS)}")
    known = cast(Prediction, prediction)
    if schedule is None:
        if known in ("epsilon", "v", "sample"):
            raise ValueError(
                f"schedule: a network that predicts {known} needs one: of speciation.theory.schedules, a "
                "diffusers scheduler, or an array of alphas_cumprod"
            )
        return Convention(known, sigma_data=sigma_data)
    if isinstance(schedule, DDPM):
        steps = np.arange(schedule.steps, dtype=np.float64)
        return Convention(known, schedule, np.asarray(schedule.sigma(steps + 1)), steps, sigma_data)
    if isinstance(schedule, Schedule):
        if known == "v" and not schedule.variance_preserving:
            raise ValueError("schedule: v needs a variance-preserving one; for flow matching choose flow")
        return Convention(known, schedule, sigma_data=sigma_data)
    said = getattr(getattr(schedule, "config", None), "prediction_type", None)
    if said is not None and SAID.get(str(said), known) != known:
        raise ValueError(f"prediction: the scheduler says {said!r}, not {known}")
    if known in ("flow", "sit"):
        raise ValueError(f"schedule: {known} takes none; leave it out (time= sets another clock)")
    held = getattr(schedule, "alphas_cumprod", schedule)
    try:
        alphas = np.asarray(torch.as_tensor(held, device="cpu").double().numpy())
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            "schedule: need one of speciation.theory.schedules, a scheduler with alphas_cumprod, or that "
            f"array, not {type(schedule).__name__}"
        ) from None
    return Convention(known, None, *levels_of(alphas), sigma_data)


def levels_of(alphas: Float64[Array, "..."]) -> tuple[Float64[Array, " levels"], Float64[Array, " levels"]]:
    """`σ = √((1 − ᾱ)/ᾱ)`, ascending, and the steps of a table of ᾱ, but those of no or pure noise.

    Raises
    ------
    ValueError
        For what does not fall, or has less than two levels.
    """
    falls = alphas.ndim == 1 and ((alphas >= 0) & (alphas <= 1)).all() and (np.diff(alphas) < 0).all()
    if not falls:
        raise ValueError("schedule: alphas_cumprod must be one falling row of numbers from 0 to 1")
    steps = np.flatnonzero((alphas > 0) & (alphas < 1))
    if steps.size < 2:
        raise ValueError("schedule: alphas_cumprod needs at least two noise levels between 0 and 1")
    kept = alphas[steps]
    return np.sqrt((1 - kept) / kept), steps.astype(np.float64)
