"""A pipeline of diffusers as a denoiser: its network by a row of `predictions`, its texts or classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Num
from numpy.typing import NDArray
from torch import Tensor, nn

from ....numerics.runs.fingerprints import fingerprint
from ....theory._support.aliases import Fields, Part
from ..._support.class_names import ClassNames
from ..._support.torch_randomness import undisturbed
from ...denoiser import digest_of_modules
from ..wrapper import NetworkDenoiser
from .schedules import Levels
from .texts import Texts

__all__ = ["Latents", "PipelineDenoiser"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Latents:
    """How a pipeline scales the latents of its autoencoder: `x₀ = (z − shift) scale`.

    Where the autoencoder has a mean and a standard deviation of each channel, `x₀ = (z − mean) scale / std`.
    """

    scale: float
    shift: float = 0.0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class _Asked(nn.Module):
    """A network of diffusers, whose arguments have names: `asked(X, time, arguments)`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: nn.Module = network

    def forward(
        self,
        x: Float[Tensor, "batch ..."],
        time: Num[Tensor, " batch"],
        arguments: Mapping[str, object] | None = None,
    ) -> Float[Tensor, "batch ..."]:
        given = _expanded(arguments or {}, len(x), x)
        return self.network(x, timestep=time, return_dict=False, **given)[0]


def _expanded(arguments: Mapping[str, object], batch: int, like: Tensor) -> Fields:
    """Arguments for a batch of one as those of a batch, numbers in the network's own type."""
    found: Fields = {}
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            found[name] = _expanded(value, batch, like)
        elif isinstance(value, Tensor):
            own = value.to(like) if value.is_floating_point() else value.to(like.device)
            found[name] = own.expand(batch, *own.shape[1:])
        else:
            found[name] = value
    return found


class PipelineDenoiser(NetworkDenoiser):
    """`denoiser(x, sigma, condition)` of a pipeline; see `load_pipeline`, which makes one.

    A condition is a prompt, or a class by number (`"207"`) or, where the pipeline has them, by name; `None`
    is what the pipeline itself takes for no prompt or class.

    Parameters
    ----------
    network : module
        Of diffusers.
    levels : Levels
        Of its scheduler.
    shape : tuple of int
        Of one sample: channels, height, width.
    family : str
        A word for the kind.
    texts : Texts, optional
        The text encoders.
    classes : int
        How many classes there are; 0 for a network without.
    null : int, optional
        The class number that stands for none.
    names : mapping, optional
        The names of each class number.
    latents : Latents, optional
        How samples were scaled; `None` for pixels.

    Attributes
    ----------
    conditions : tuple of str
        The classes, empty for prompts.
    sigmas : (levels,)
        Noise levels of training, ascending.
    """

    def __init__(
        self,
        network: nn.Module,
        levels: Levels,
        shape: tuple[int, ...],
        family: str,
        *,
        texts: Texts | None = None,
        classes: int = 0,
        null: int | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        latents: Latents | None = None,
    ) -> None:
        conditions = tuple(map(str, range(classes)))
        super().__init__(_Asked(network), levels.convention, conditions, null, levels.time)
        self.texts: Texts | None = texts
        self.family: str = family
        self.shape: tuple[int, ...] = shape
        self.names: ClassNames | None = ClassNames(names) if names else None
        self.latents: Latents | None = latents
        self._levels: Levels = levels
        self._encoded: dict[str | None, Fields] = {}

    @property
    def sigmas(self) -> Float64[Array, " levels"]:
        """Noise-to-signal ratios of the levels of training, ascending; of some schedulers the ends only."""
        return self._levels.sigmas

    def time_of(self, sigma: float) -> float:
        """What the network is given as its time at a noise level.

        Parameters
        ----------
        sigma : float
            Noise-to-signal ratio σ.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            A σ outside the scheduler's table.
        """
        level = torch.tensor(sigma, dtype=torch.float64)
        return float((self._levels.time or self.convention.time)(level))

    def chain_sigmas(self, steps: int) -> Float64[Array, " levels"]:
        """Noise levels for a reverse chain, at equal distances in the scheduler's own time.

        Parameters
        ----------
        steps : int
            Number of steps.

        Returns
        -------
        float64 array, shape (steps + 1,)
            Descending.
        """
        return self._levels.chain(steps)

    def check_prompts(self, prompts: Iterable[str | None]) -> None:
        """Check that the network can distinguish these conditions.

        Parameters
        ----------
        prompts : iterable of str or None
            Prompts; class names or numbers for a network with classes.

        Raises
        ------
        ValueError
            Two prompts with the same tokens, both of which are named; an unknown class.
        """
        if self.texts is not None:
            self.texts.check(prompts)
            return
        for condition in prompts:
            self._label(condition, torch.empty(1))

    def digest(self) -> str:
        """SHA-256 of everything that the answers depend on.

        Returns
        -------
        str
        """
        assert isinstance(self.network, nn.Module)  # noqa: S101 (made here)
        weights = digest_of_modules(self.network, *([] if self.texts is None else [self.texts]))
        c = self.convention
        about = [c.prediction, self.sigmas, self._levels.positions, c.sigma_data, *self.conditions, self.null]
        if self.texts is not None:
            size = np.asarray(getattr(self.texts, "size", None) or (), dtype=float)
            about += [type(self.texts).__name__, self.texts.vocabularies(), self.texts.null, size]
        return fingerprint(self.family, weights, *about)

    def train(self, mode: bool = True) -> "PipelineDenoiser":
        """Does nothing: the network stays in evaluation mode, since dropout would add noise to its answers.

        Parameters
        ----------
        mode : bool
            Ignored.

        Returns
        -------
        PipelineDenoiser
            Itself.
        """
        super().train(False)
        return self

    def forward(
        self, x: Float[Tensor, "*shape"], sigma: float | Tensor, condition: str | None = None
    ) -> Float[Tensor, "*shape"]:
        """Estimate of x₀ for x (batch, channels, height, width), in x's own type, on x's own device.

        Parameters
        ----------
        x : tensor, shape (batch, channels, height, width)
        sigma : number or tensor (batch,)
            Noise-to-signal ratio σ > 0.
        condition : str or None
            A prompt or a class; `None` asks without one.

        Returns
        -------
        tensor of the shape of `x`

        Raises
        ------
        ValueError
            An unknown class, a prompt with the tokens of an earlier one, or a σ outside a table of steps.
        """
        with undisturbed():
            return super().forward(x.to(self._device()), sigma, condition).to(x.device)

    def per_sample(
        self, x: Float[Tensor, "*shape"], sigma: float, conditions: Sequence[str | None]
    ) -> Float[Tensor, "*shape"]:
        """Estimates of x₀, each sample under its own condition, in one evaluation of the network.

        Parameters
        ----------
        x : tensor, shape (batch, channels, height, width)
            Noisy samples.
        sigma : float
            Noise-to-signal ratio σ > 0.
        conditions : sequence of str or None, length batch
            The condition of each sample.

        Returns
        -------
        tensor of the shape of `x`

        Raises
        ------
        ValueError
            As of `forward`.
        """
        with undisturbed():
            return super().per_sample(x.to(self._device()), sigma, conditions).to(x.device)

    def _heeds_each_label(self, x: Tensor) -> bool:
        """Networks of diffusers do."""
        return True

    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def _label(self, condition: str | None, x: Tensor) -> tuple[Part, ...]:
        if self.texts is None:
            named = None if condition in (None, *self.conditions) or self.names is None else condition
            found = super()._label(condition if named is None else self._number(named), x)
            return ({"class_labels": found[0]},) if found else ()
        if condition not in self._encoded:
            with torch.no_grad():
                self._encoded[condition] = self.texts.arguments(condition)
        return (self._encoded[condition],)

    def _number(self, name: str) -> str:
        """The class number of a name; the name where it is of none."""
        return (None if self.names is None else self.names.find(name, "condition")) or name

    def _apply(self, fn: object, recurse: bool = True) -> Part:
        self.__dict__.get("_encoded", {}).clear()  # texts encoded elsewhere or in another precision
        return super()._apply(fn, recurse)
