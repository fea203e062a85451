"""Stable Diffusion 1.5 as a denoiser of latents, conditions by prompt: the first kind of pipeline.

    x_t = √ᾱ (x₀ + σz),   σ = √((1 − ᾱ)/ᾱ),   D(x, σ) = x − σ ε(x/√(1 + σ²), t(σ))

with ε the network and `t(σ)` interpolated in log σ between the discrete steps, σ from 0.029 to 14.6; a step
of pure noise, where ᾱ = 0, is left out. Only `safetensors` weights are read, every one of them, and nothing
is fetched unless asked. Source: H26; the scheduler's own ᾱ.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ....theory._support.aliases import Part
from .denoiser import Latents, PipelineDenoiser
from .networks import shape_of
from .pipeline_checks import misfit
from .schedules import levels_of_alphas
from .source import Source, pipeline_files
from .texts import ClipText, Encoder

__all__ = ["StableDiffusionDenoiser", "load_stable_diffusion", "pipeline_files"]


class StableDiffusionDenoiser(PipelineDenoiser):
    """A text-conditioned latent diffusion network: `denoiser(x, sigma, prompt)`; `None` is the empty prompt.

    Parameters
    ----------
    tokenizer, text_encoder, unet
        Components of a diffusers pipeline, the two modules in evaluation mode.
    alphas_cumprod : array_like, shape (steps,)
        ᾱ of the training schedule.
    latents : Latents, optional
        How the latents of the autoencoder are scaled.

    Attributes
    ----------
    sigmas : (steps,)
        Noise-to-signal ratio of each training step, ascending.
    shape : tuple of int
        Of one latent.
    """

    def __init__(
        self,
        tokenizer: Part,
        text_encoder: Part,
        unet: Part,
        alphas_cumprod: Part,
        latents: Latents | None = None,
    ) -> None:
        levels = levels_of_alphas(alphas_cumprod)
        length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)
        texts = ClipText([Encoder(tokenizer, text_encoder, length)])
        super().__init__(unet, levels, shape_of(unet), "sd1", texts=texts, latents=latents)
        self.tokenizer: Part = tokenizer

    @property
    def text_encoder(self) -> Part:
        """The text encoder."""
        assert self.texts is not None  # noqa: S101 (made above)
        return self.texts.models[0]

    @property
    def unet(self) -> Part:
        """The network."""
        return getattr(self.network, "network", None)

    @torch.no_grad()
    def forward(
        self, x: Float[Tensor, "*shape"], sigma: float | Tensor, condition: str | None = None
    ) -> Float[Tensor, "*shape"]:
        """Estimate of x₀, in x's own precision.

        Parameters
        ----------
        x : tensor, shape (batch, channels, r, r)
            Noisy latents.
        sigma : float or tensor, shape (batch,)
            Noise-to-signal ratio σ > 0.
        condition : str or None
            The prompt; `None` is the empty one.

        Returns
        -------
        tensor of the shape of `x`

        Raises
        ------
        ValueError
            A prompt with the tokens of an earlier one, or a σ outside the scheduler's table.
        """
        return super().forward(x, sigma, condition)


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

    Returns
    -------
    StableDiffusionDenoiser

    Raises
    ------
    ValueError
        With one line for what cannot be read: absent files, weights in another format than safetensors, or
        a network that does not predict the noise. `load_pipeline` reads the other kinds.
    """
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer

    found = Source(str(source), download)
    _check(found)
    scheduler = found.read("scheduler", DDPMScheduler.from_pretrained)
    tokenizer = found.read("tokenizer", CLIPTokenizer.from_pretrained)
    text_encoder = found.network("text_encoder", CLIPTextModel, dtype)
    unet = found.network("unet", UNet2DConditionModel, dtype)
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


def _check(source: Source) -> None:
    """`ValueError` for a pipeline whose configuration files say that it is of another kind."""
    from transformers import PretrainedConfig

    if Path(source.name).is_file():
        raise ValueError(
            f"{source.name}: is a file; a pipeline is a folder as diffusers saves it, or a hub name"
        )
    # a pipeline saved part by part has no index; what is wrong otherwise shows in its parts
    index = source.configuration(None, "model_index", missing={})
    if index and "unet" not in index:
        kind = index.get("_class_name")
        raise ValueError(
            f"{source.name}: a {kind} has no unet; only pipelines as Stable Diffusion 1's are read"
        )
    scheduler = source.configuration("scheduler", "scheduler_config")
    unet = source.configuration("unet")
    text = source.read("text_encoder", lambda *a, **o: PretrainedConfig.get_config_dict(*a, **o)[0])
    wrong = misfit(index, scheduler, unet, text)
    if wrong:
        raise ValueError(f"{source.name}: {wrong}")
