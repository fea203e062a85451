"""Stable Diffusion 1.5 as a denoiser of latents, conditions by prompt.

    x_t = √ᾱ (x₀ + σz),   σ = √((1 − ᾱ)/ᾱ),   D(x, σ) = x − σ ε(x/√(1 + σ²), t(σ))

with ε the network and `t(σ)` interpolated in log σ between the discrete steps, σ from 0.029 to 14.6. Only
`safetensors` weights are read, and nothing is fetched unless asked. Source: H26; the scheduler's own ᾱ.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["StableDiffusionDenoiser", "load_stable_diffusion"]

Array = NDArray[np.float64]

_RANGE_SLACK = 1e-6  # relative, so that a grid may end on the table's own first and last σ


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

    def __init__(self, tokenizer: Any, text_encoder: Any, unet: Any, alphas_cumprod: Any) -> None:
        alphas = np.asarray(alphas_cumprod, dtype=np.float64)
        self.tokenizer: Any = tokenizer
        self.text_encoder: Any = text_encoder
        self.unet: Any = unet
        self.sigmas: Array = np.sqrt((1 - alphas) / alphas)
        self._encoded: dict[str, Tensor] = {}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one latent."""
        size = int(self.unet.config.sample_size)
        return int(self.unet.config.in_channels), size, size

    def time_of(self, sigma: float) -> float:
        """The step, not rounded, at noise-to-signal ratio `sigma`; `ValueError` outside of the table."""
        low, high = self.sigmas[0], self.sigmas[-1]
        if not low * (1 - _RANGE_SLACK) <= sigma <= high * (1 + _RANGE_SLACK):
            raise ValueError(f"sigma: {sigma:.6g} is outside of the model's {low:.4g} to {high:.4g}")
        return float(np.interp(np.log(sigma), np.log(self.sigmas), np.arange(self.sigmas.size)))

    def chain_sigmas(self, steps: int) -> Array:
        """`steps + 1` levels, descending, at equal distances in the network's own time."""
        times = np.linspace(self.sigmas.size - 1, 0, steps + 1)
        return np.exp(np.interp(times, np.arange(self.sigmas.size), np.log(self.sigmas)))

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, condition: str | None) -> Tensor:
        """Estimate of x₀ for latents (batch, channels, r, r), in x's own precision."""
        text = self._embedding(condition or "").expand(len(x), -1, -1)
        time = torch.tensor(self.time_of(sigma), device=self.unet.device, dtype=torch.float32)
        own = x.to(self.unet.device, torch.float32)
        scaled = (own / np.sqrt(1 + sigma**2)).to(self.unet.dtype)
        noise = self.unet(scaled, time, encoder_hidden_states=text, return_dict=False)[0]
        return (own - sigma * noise.float()).to(x)

    def _embedding(self, prompt: str) -> Tensor:
        """Hidden states of the text encoder, shape (1, length, width)."""
        if prompt not in self._encoded:
            tokens = self.tokenizer(
                prompt,
                padding="max_length",
                max_length=self.tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            ).input_ids.to(self.text_encoder.device)
            self._encoded[prompt] = self.text_encoder(tokens)[0].to(self.unet.dtype)
        return self._encoded[prompt]


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

    where: Any = {"local_files_only": not download}
    weights: Any = where | {"torch_dtype": dtype, "use_safetensors": True}
    parts: dict[str, Any] = {}
    for name, kind, options in (
        ("scheduler", DDPMScheduler, where),
        ("tokenizer", CLIPTokenizer, where),
        ("text_encoder", CLIPTextModel, where | {"dtype": dtype, "use_safetensors": True}),
        ("unet", UNet2DConditionModel, weights | {"low_cpu_mem_usage": False}),
    ):
        loader: Any = kind
        try:
            with _silent():
                parts[name] = loader.from_pretrained(str(source), subfolder=name, **options)
        except (OSError, ValueError, TypeError, KeyError) as error:
            hint = "" if download or Path(source).is_dir() else " (not on this machine; downloads are off)"
            raise ValueError(f"{source}: {name} cannot be read{hint}: {_first_line(error)}") from None
    prediction = parts["scheduler"].config.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        raise ValueError(f"{source}: predicts {prediction!r}; only networks that predict the noise are read")
    text_encoder, unet = (parts[name].to(device).train(False) for name in ("text_encoder", "unet"))
    return StableDiffusionDenoiser(
        parts["tokenizer"], text_encoder, unet, parts["scheduler"].alphas_cumprod.numpy()
    )


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
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
