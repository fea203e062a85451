"""Anybody's network as a denoiser: `as_denoiser(network, prediction="epsilon", schedule=…)`.

The network is called as `network(X, time)`, or `network(X, time, label)` where it has classes; what it is
given and what its answer means is a row of `predictions`.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, SupportsIndex

import numpy as np
import torch
from jaxtyping import Float, Float64, Num
from numpy.typing import NDArray
from torch import Tensor, nn

from ...numerics.runs.fingerprints import fingerprint
from ..denoiser import by_condition, digest_of, digest_of_modules
from .edm.published import PRECONDITIONERS
from .predictions import Convention, Prediction, convention_of

__all__ = ["NetworkDenoiser", "as_denoiser"]


def as_denoiser(
    network: Callable[..., object],
    prediction: Prediction | str = "epsilon",
    schedule: object = None,
    *,
    labels: int | Sequence[str] | None = None,
    null: int | None = None,
    sigma_data: float = 0.5,
    time: Callable[[Tensor], object] | None = None,
) -> "NetworkDenoiser":
    """Wrap a torch network so that every estimator accepts it.

    Parameters
    ----------
    network : callable
        `network(X, time)`, or with `labels` `network(X, time, label)`, where X is (batch, …), `time` and
        `label` (batch,). A tensor, a tuple whose first item is one, or an object with `.sample`; of twice as
        many channels as X the first half is the answer (a learned variance is the second).
    prediction : {"epsilon", "v", "sample", "flow", "sit", "edm", "edm-v"}
        What the answer means.
    schedule : Schedule, diffusers scheduler, or array of ᾱ
        Needed for epsilon, v and sample: one of `speciation.theory.schedules`, an object with
        `alphas_cumprod`, or ᾱ itself. A network of a table takes its step from 0, which may be a fraction.
    labels : int or sequence of str, optional
        How many classes there are, or their names in the order of their numbers.
    null : int, optional
        The class number that stands for no class. Without it a network with classes has no unconditional
        answer, and estimators take `Σ_k p_k D_k` for it.
    sigma_data : float
        σ_d of edm and edm-v.
    time : callable, optional
        From σ (batch,) in double precision to what the network takes, instead of the schedule's own.

    Returns
    -------
    NetworkDenoiser
        `denoiser(x, sigma, condition)`, a torch module: `.to()` moves it, gradients flow where they are on.

    Raises
    ------
    ValueError
        One line for an unknown prediction, a missing schedule, or class names that are none.

    Examples
    --------
    >>> import torch
    >>> from speciation.theory import schedules
    >>> from speciation.validation import as_denoiser
    >>> denoiser = as_denoiser(lambda x, step: torch.zeros_like(x), "epsilon", schedules.DDPM())
    >>> denoiser(torch.ones(1, 3), 0.5, None)
    tensor([[1., 1., 1.]])
    """
    names = _names(labels)
    if null is not None and not names:
        raise ValueError("null: needs a network with classes; give labels too")
    if null is not None and 0 <= null < len(names):
        raise ValueError(f"null: {null} is the number of class {names[null]!r}, not of no class")
    return NetworkDenoiser(network, convention_of(prediction, schedule, sigma_data), names, null, time)


class NetworkDenoiser(nn.Module):
    """`D(x, σ, condition)` of a network by its `Convention`; see `as_denoiser`, which makes one."""

    def __init__(
        self,
        network: Callable[..., object],
        convention: Convention,
        conditions: tuple[str, ...] = (),
        null: int | None = None,
        time: Callable[[Tensor], object] | None = None,
    ) -> None:
        super().__init__()
        self.network: Callable[..., object] = network
        self.convention: Convention = convention
        self.conditions: tuple[str, ...] = conditions
        self.null: int | None = null
        self._time: Callable[[Tensor], object] | None = time
        self._heeds: bool | None = None

    @property
    def has_null(self) -> bool:
        """Whether there is an answer without a class."""
        return not self.conditions or self.null is not None

    @property
    def sigmas(self) -> Float64[NDArray[np.float64], " levels"]:
        """Noise levels of its table, ascending; without one the two that EDM samples between."""
        table = self.convention.sigmas
        return np.array(PRECONDITIONERS["EDM"][:2]) if table is None else table

    def digest(self) -> str:
        """SHA-256 of the weights and of how the network is called.

        Returns
        -------
        str
            Empty for a function that nothing identifies, such as a `lambda`.
        """
        held = self.network
        own = digest_of_modules(held) if isinstance(held, nn.Module) else digest_of(held)
        clock = "schedule" if self._time is None else digest_of(self._time)
        if not own or not clock:
            return ""
        c = self.convention
        about = (c.prediction, str(c.schedule), c.sigmas, c.sigma_data, *self.conditions, self.null)
        return fingerprint(own, clock, *about)

    def forward(
        self, x: Float[Tensor, "*shape"], sigma: float | Tensor, condition: str | None = None
    ) -> Float[Tensor, "*shape"]:
        """Estimate of x₀ for x (batch, …), in x's own type.

        Parameters
        ----------
        x : tensor, shape (batch, …)
        sigma : number or tensor (batch,)
            Noise-to-signal ratio σ > 0.
        condition : str or None
            A class; `None` asks without one.

        Returns
        -------
        tensor of the shape of `x`

        Raises
        ------
        ValueError
            An unknown class, no class for a network that needs one, a σ outside the schedule, or an answer of
            another shape.
        """
        return self._denoised(x, sigma, self._label(condition, x), condition)

    def per_sample(
        self, x: Float[Tensor, "*shape"], sigma: float, conditions: Sequence[str | None]
    ) -> Float[Tensor, "*shape"]:
        """Estimates of x₀, each sample under its own condition.

        It is one evaluation of the network, or one for each class if the network takes a batch to be of one
        class.

        Parameters
        ----------
        x : tensor, shape (batch, …)
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
        distinct = list(dict.fromkeys(conditions))
        if len(distinct) == 1:
            return self(x, sigma, distinct[0])
        if not self._heeds_each_label(x):
            return by_condition(self, x, sigma, conditions)
        labels = [self._label(condition, x[:1]) for condition in distinct]
        if len({str(_shapes(label)) for label in labels}) > 1:
            return by_condition(self, x, sigma, conditions)
        rows = [distinct.index(condition) for condition in conditions]
        together = tuple(_rows(parts, rows) for parts in zip(*labels, strict=True))
        return self._denoised(x, sigma, together, "of each sample")

    def _heeds_each_label(self, x: Float[Tensor, "batch ..."]) -> bool:
        """Whether two samples of different classes are denoised together as each is alone.

        Found out once, on noise that no run draws, so that an interrupted run goes on to the same bits.
        """
        if self._heeds is None:
            asked = [*self.conditions, *([None] if self.has_null else [])]
            first, last = asked[0], asked[-1]
            pair = np.random.default_rng(0).standard_normal((2, *x.shape[1:]))
            noise = torch.tensor(pair, dtype=x.dtype, device=x.device)
            self._heeds = any(
                self._heeds_at(float(sigma) * noise, float(sigma), first, last)
                for sigma in np.geomspace(self.sigmas[0], self.sigmas[-1], 7)[1:-1]
            )
        return self._heeds

    @torch.no_grad()
    def _heeds_at(self, x: Float[Tensor, "2 ..."], sigma: float, first: str | None, last: str | None) -> bool:
        """Whether the second of two samples is denoised as of its own class, where classes differ at all."""
        labels = (torch.cat([self._label(c, x[:1])[0] for c in (first, last)]),)
        together = self._denoised(x, sigma, labels, "of each sample")[1:]
        own, other = (self(x[1:], sigma, condition) for condition in (last, first))
        gap = float((own - other).abs().max())
        return gap > 0.001 * float(own.abs().max()) and float((together - own).abs().max()) < 0.1 * gap

    def _denoised(
        self,
        x: Float[Tensor, "*shape"],
        sigma: float | Tensor,
        label: tuple[object, ...],
        shown: object,
    ) -> Float[Tensor, "*shape"]:
        level = self._level(x, sigma)
        wide = level.to(x.device).reshape(-1, *[1] * (x.ndim - 1))
        own = x.to(wide.dtype)
        given = (self.convention.scale(wide) * own).to(self._dtype(x))
        precise = level if level.device.type == "mps" else level.double()  # mps has no doubles
        if self._time is not None and x.device.type != "mps":
            precise = precise.to(x.device)  # where a clock of one's own may hold something
        asked = self.convention.time(precise) if self._time is None else self._time(precise)
        if isinstance(asked, Tensor):
            kind = torch.float64 if given.dtype == torch.float64 else torch.float32
            asked = asked.to(x.device, kind if asked.is_floating_point() else asked.dtype)
        with _evaluating(self.network):
            answer = _tensor(self.network(given, asked, *label))
        return self.convention.denoised(own, _answer(answer, x, sigma, shown).to(own), wide).to(x)

    def _level(self, x: Float[Tensor, "batch ..."], sigma: float | Tensor) -> Float[Tensor, " batch"]:
        """Levels (batch,) where σ is: a number stays on the CPU, and looking at it waits for no device."""
        level = torch.as_tensor(sigma, device=sigma.device if isinstance(sigma, Tensor) else "cpu")
        level = level.to(torch.float64 if x.dtype == torch.float64 else torch.float32)
        if level.ndim > 1 or (level.ndim == 1 and len(level) not in (1, len(x))):
            raise ValueError(f"sigma: need a number or one for each of {len(x)}, not {tuple(level.shape)}")
        if not bool((level > 0).all()):
            raise ValueError(f"sigma: must be > 0, not {float(level.min()):g}")
        return level.expand(len(x))

    def _dtype(self, x: Float[Tensor, "..."]) -> torch.dtype:
        """The network's own precision, or x's."""
        parameters = self.network.parameters() if isinstance(self.network, nn.Module) else ()
        return next((p.dtype for p in parameters if p.is_floating_point()), x.dtype)

    def _label(self, condition: str | None, x: Tensor) -> tuple[Any, ...]:
        if not self.conditions:
            if condition is not None:
                raise ValueError(f"condition: {condition!r}, and this network has no classes")
            return ()
        if condition is None:
            if self.null is None:
                raise ValueError("condition: this network has no answer without a class (null was not given)")
            number = self.null
        elif condition in self.conditions:
            number = self.conditions.index(condition)
        else:
            few = ", ".join(self.conditions[:12]) + (", ..." if len(self.conditions) > 12 else "")
            raise ValueError(f"condition: {condition!r} is not one of {few}")
        return (torch.full((len(x),), number, dtype=torch.int64, device=x.device),)


@contextmanager
def _evaluating(network: object) -> Iterator[None]:
    """A module in evaluation mode for this call, and afterwards in the mode of each of its parts before."""
    training = [m for m in network.modules() if m.training] if isinstance(network, nn.Module) else []
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _tensor(answer: object) -> Tensor:
    found = getattr(answer, "sample", answer[0] if isinstance(answer, (tuple, list)) else answer)
    if not isinstance(found, Tensor):
        raise ValueError(f"network: answers with {type(answer).__name__}, not with a tensor")
    return found


def _shapes(given: object) -> object:
    """The shapes of all tensors in what is given to a network."""
    if isinstance(given, Mapping):
        return {name: _shapes(value) for name, value in given.items()}
    if isinstance(given, tuple):
        return [_shapes(value) for value in given]
    return tuple(given.shape) if isinstance(given, Tensor) else given


def _rows(parts: Sequence[Any], rows: list[int]) -> Any:
    """What is given for a batch with the conditions `rows`, of that for a batch of one under each."""
    if isinstance(parts[0], Mapping):
        return {name: _rows([part[name] for part in parts], rows) for name in parts[0]}
    if not isinstance(parts[0], Tensor):
        return parts[0]
    return torch.cat(list(parts))[torch.tensor(rows, device=parts[0].device)]


def _answer(
    answer: Num[Tensor, "..."], x: Float[Tensor, "*shape"], sigma: object, condition: object
) -> Num[Tensor, "*shape"]:
    """The part of an answer that is of x's shape."""
    if answer.shape == x.shape:
        return answer
    if x.ndim > 1 and answer.ndim == x.ndim and answer.shape[1] == 2 * x.shape[1]:
        answer = answer[:, : x.shape[1]]  # the other half is a learned variance
    if answer.shape != x.shape:
        shown = f"at sigma {sigma} and condition {condition!r}"
        raise ValueError(f"network: answers in shape {tuple(answer.shape)} to {tuple(x.shape)}, {shown}")
    return answer


def _names(labels: int | Sequence[str] | None) -> tuple[str, ...]:
    if labels is None:
        return ()
    if isinstance(labels, SupportsIndex) and not isinstance(labels, bool):
        count = operator.index(labels)
        if count < 1:
            raise ValueError(f"labels: need at least one class, not {count}")
        return tuple(map(str, range(count)))
    if isinstance(labels, (str, bool)) or not all(isinstance(name, str) for name in labels):
        raise ValueError("labels: need a number of classes, or their names")
    if len(set(labels)) != len(labels):
        raise ValueError("labels: two classes have the same name")
    return tuple(labels)
