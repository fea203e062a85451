"""Stable Diffusion 1.5 as a denoiser of latents, conditions by prompt.

    x_t = √ᾱ (x₀ + σz),   σ = √((1 − ᾱ)/ᾱ),   D(x, σ) = x − σ ε(x/√(1 + σ²), t(σ))

with ε the network and `t(σ)` interpolated in log σ between the discrete steps, σ from 0.029 to 14.6; a step
of pure noise, where ᾱ = 0, is left out. Only `safetensors` weights are read, every one of them, and nothing
is fetched unless asked. Source: H26; the scheduler's own ᾱ.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...numerics.runs.fingerprints import fingerprint
from ...numerics.runs.manifests import sha256
from ...theory._support.one_line import one_line
from .._support.torch_randomness import undisturbed
from ..denoiser import digest_of_modules
from .pipeline_checks import misfit

__all__ = ["StableDiffusionDenoiser", "load_stable_diffusion", "pipeline_files"]

Array = NDArray[np.float64]

_RANGE_SLACK = 1e-6  # relative, so that a grid may end on the table's own first and last σ
_PARTS = ("scheduler", "tokenizer", "text_encoder", "unet")
_READ = (".json", ".txt", ".safetensors")  # endings of the files that a part is read from
_BUFFERS = ("position_ids",)  # counted, not learnt: older files of text encoders hold them


class StableDiffusionDenoiser:
    """A text-conditioned latent diffusion network: `denoiser(x, sigma, prompt)`; `None` is the empty prompt.

    Parameters
    ----------
    tokenizer, text_encoder, unet
        Components of a diffusers pipeline, the two modules in evaluation mode.
    alphas_cumprod : array_like, shape (steps,)
        ᾱ of the training schedule.

    Attributes
    ----------
    sigmas : (steps,)
        Noise-to-signal ratio of each training step, ascending.
    shape : tuple of int
        Of one latent.
    """

    has_null: bool = True  # the empty prompt, on which these networks are trained

    def __init__(self, tokenizer: Any, text_encoder: Any, unet: Any, alphas_cumprod: Any) -> None:
        alphas = np.asarray(alphas_cumprod, dtype=np.float64)
        if alphas.ndim != 1 or not ((alphas >= 0) & (alphas <= 1)).all() or not (np.diff(alphas) < 0).all():
            raise ValueError("alphas_cumprod: must be one falling row of numbers from 0 to 1")
        # where ᾱ is 0 nothing is left of the data, and σ is infinite; where it is 1 there is no noise
        self._times: Array = np.flatnonzero((alphas > 0) & (alphas < 1)).astype(np.float64)
        if self._times.size < 2:
            raise ValueError("alphas_cumprod: needs at least two noise levels between 0 and 1")
        known = alphas[self._times.astype(int)]
        self.tokenizer: Any = tokenizer
        self.text_encoder: Any = text_encoder
        self.unet: Any = unet
        self.sigmas: Array = np.sqrt((1 - known) / known)
        self._encoded: dict[str, Tensor] = {}
        self._prompts: dict[tuple[int, ...], str] = {}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one latent."""
        size = self.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else (*size, *size)[:2]
        return int(self.unet.config.in_channels), int(height), int(width)

    def digest(self) -> str:
        """SHA-256 of everything that its answers depend on."""
        vocabulary = fingerprint(
            *(part for item in sorted(self.tokenizer.get_vocab().items()) for part in item)
        )
        return fingerprint(
            digest_of_modules(self.text_encoder, self.unet), vocabulary, self.sigmas, self._times
        )

    def check_prompts(self, prompts: Iterable[str | None]) -> None:
        """`ValueError` for two prompts that the text encoder cannot tell apart, which names both."""
        asked = list(prompts)
        if None in asked and "" in asked:
            raise ValueError("prompts: the empty prompt is what stands for no prompt; choose another")
        for prompt in asked:
            self._tokens(prompt or "")

    def time_of(self, sigma: float) -> float:
        """The step, not rounded, at noise-to-signal ratio `sigma`; `ValueError` outside of the table."""
        low, high = self.sigmas[0], self.sigmas[-1]
        if not low * (1 - _RANGE_SLACK) <= sigma <= high * (1 + _RANGE_SLACK):
            raise ValueError(f"sigma: {sigma:.6g} is outside of the model's {low:.4g} to {high:.4g}")
        return float(np.interp(np.log(sigma), np.log(self.sigmas), self._times))

    def chain_sigmas(self, steps: int) -> Array:
        """`steps + 1` levels, descending, at equal distances in the network's own time."""
        times = np.linspace(self._times[-1], self._times[0], steps + 1)
        return np.exp(np.interp(times, self._times, np.log(self.sigmas)))

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀ for latents (batch, channels, r, r), in x's own precision."""
        with undisturbed():
            text = self._embedding(condition or "").expand(len(x), -1, -1)
            time = torch.tensor(self.time_of(sigma), device=self.unet.device, dtype=torch.float32)
            own = x.to(self.unet.device, torch.float32)
            scaled = (own / np.sqrt(1 + sigma**2)).to(self.unet.dtype)
            noise = self.unet(scaled, time, encoder_hidden_states=text, return_dict=False)[0]
            return (own - sigma * noise.float()).to(x)

    def _embedding(self, prompt: str) -> Tensor:
        """Hidden states of the text encoder, shape (1, length, width)."""
        if prompt not in self._encoded:
            tokens = torch.tensor([self._tokens(prompt)], device=self.text_encoder.device)
            self._encoded[prompt] = self.text_encoder(tokens)[0].to(self.unet.dtype)
        return self._encoded[prompt]

    def _tokens(self, prompt: str) -> tuple[int, ...]:
        """Tokens of a prompt, cut or filled to the encoder's length; `ValueError` if another has the same."""
        length = min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings)
        found = self.tokenizer(prompt, padding="max_length", max_length=length, truncation=True).input_ids
        tokens = tuple(map(int, found))
        first = self._prompts.setdefault(tokens, prompt)
        if first != prompt:
            raise ValueError(
                f"prompts: {first!r} and {prompt!r} are the same to the text encoder, which reads {length} "
                "tokens, start and end among them, and no capitals"
            )
        return tokens


def load_stable_diffusion(
    source: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    download: bool = False,
) -> StableDiffusionDenoiser:
    """Read a pipeline of the Stable Diffusion 1 family with diffusers.

    Parameters
    ----------
    source : str or Path
        A folder, or the name of a hub repository such as `stable-diffusion-v1-5/stable-diffusion-v1-5`.
    device, dtype
        Of the networks: `torch.float16` or `torch.bfloat16` where the device runs them.
    download : bool
        Whether files that are not on this machine may be fetched.

    Raises
    ------
    ValueError
        With one line for what cannot be read: absent files, weights in another format than safetensors, or
        a network that does not predict the noise.
    """
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer

    _check(source, download)
    where: Any = {"local_files_only": not download}
    # names of what does not fit are asked for, and refused below
    named = {"output_loading_info": True, "ignore_mismatched_sizes": True}
    weights: Any = where | named | {"use_safetensors": True}
    scheduler = _part(source, "scheduler", DDPMScheduler, where, download)
    tokenizer = _part(source, "tokenizer", CLIPTokenizer, where, download)
    text_encoder = _network(source, "text_encoder", CLIPTextModel, weights | {"dtype": dtype}, download)
    own: Any = {"torch_dtype": dtype, "low_cpu_mem_usage": False}
    unet = _network(source, "unet", UNet2DConditionModel, weights | own, download)
    if len(tokenizer) > text_encoder.config.vocab_size:
        known = text_encoder.config.vocab_size
        raise ValueError(
            f"{source}: tokenizer: has {len(tokenizer)} tokens, and the text encoder knows {known}"
        )
    text_encoder, unet = (module.to(device).train(False) for module in (text_encoder, unet))
    try:
        return StableDiffusionDenoiser(tokenizer, text_encoder, unet, scheduler.alphas_cumprod.numpy())
    except ValueError as error:
        raise ValueError(f"{source}: scheduler: {error}") from None


def pipeline_files(source: str | Path) -> dict[str, str]:
    """SHA-256 of each file on this machine that a pipeline is read from, by path."""
    from transformers.utils.hub import cached_file

    folder = Path(source)
    if not folder.is_dir():
        found: Any = cached_file(str(source), "config.json", subfolder="unet", local_files_only=True)
        folder = Path(found).parent.parent
    files = (path for part in _PARTS for path in sorted((folder / part).glob("*")) if path.suffix in _READ)
    return {str(path): sha256(path) for path in files}


def _check(source: str | Path, download: bool) -> None:
    """`ValueError` for a pipeline whose configuration files say that it is of another kind."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from transformers import PretrainedConfig

    if Path(source).is_file():
        raise ValueError(f"{source}: is a file; a pipeline is a folder as diffusers saves it, or a hub name")
    where: Any = {"local_files_only": not download}
    try:
        with _silent():
            index: Any = DiffusionPipeline.load_config(str(source), **where)
    except Exception:  # a pipeline saved part by part has none; what is wrong otherwise shows in its parts
        index = {}
    if index and "unet" not in index:
        kind = index.get("_class_name")
        raise ValueError(f"{source}: a {kind} has no unet; only pipelines as Stable Diffusion 1's are read")
    readers: dict[str, Any] = {
        "scheduler": DDPMScheduler.load_config,
        "unet": UNet2DConditionModel.load_config,
        "text_encoder": lambda *a, **options: PretrainedConfig.get_config_dict(*a, **options)[0],
    }
    found = [_read(source, name, reader, where, download) for name, reader in readers.items()]
    wrong = misfit(index, *found)
    if wrong:
        raise ValueError(f"{source}: {wrong}")


def _part(source: str | Path, name: str, kind: Any, options: Any, download: bool) -> Any:
    return _read(source, name, kind.from_pretrained, options, download)


def _network(source: str | Path, name: str, kind: Any, options: Any, download: bool) -> Any:
    """A module whose every weight is in the file; the libraries would draw the others at random."""
    module, info = _part(source, name, kind, options, download)
    for trouble, verb in (
        ("missing_keys", "is missing"),
        ("unexpected_keys", "is not a weight of this network"),
        ("mismatched_keys", "has another shape"),
    ):
        keys = [key if isinstance(key, str) else key[0] for key in info.get(trouble) or ()]
        keys = sorted(key for key in keys if not key.endswith(_BUFFERS))
        if keys:
            more = f", and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise ValueError(f"{source}: {name}: {keys[0]} {verb}{more}")
    return module


def _read(source: str | Path, name: str, reader: Any, options: Any, download: bool) -> Any:
    try:
        with _silent(), undisturbed():
            return reader(str(source), subfolder=name, **options)
    except MemoryError:
        raise
    except Exception as error:  # the libraries raise what they meet
        hint = "" if download or Path(source).is_dir() else " (not on this machine; downloads are off)"
        raise ValueError(f"{source}: {name} cannot be read{hint}: {_first_line(error)}") from None


@contextmanager
def _silent() -> Iterator[None]:
    """The libraries neither draw bars nor log while they load; what goes wrong is raised."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    libraries: tuple[Any, ...] = (of_diffusers, of_transformers)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity(library.CRITICAL)
            library.disable_progress_bar()
        yield
    finally:
        for library, (level, bar) in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            if bar:
                library.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    """What an exception says first; where that ends in a colon, what comes after it too."""
    lines = str(error).strip().splitlines()
    told = ValueError(" ".join(lines[: 2 if lines[0].endswith(":") else 1])) if lines else error
    return one_line(told)
