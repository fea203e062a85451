"""`load_pipeline(source)`: what a user has of diffusers' pipelines, as a denoiser."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ....theory._support.aliases import Part, ReadFields
from .denoiser import Latents, PipelineDenoiser
from .networks import class_names_of, kind_of, network_part, refusal, shape_of
from .schedules import Levels, levels_of_scheduler
from .single_file import configured
from .source import Source
from .texts import ClipText, Encoder, PixArtText, SD3Text, SDXLText

__all__ = ["load_pipeline"]

Configuration = ReadFields


def load_pipeline(
    source: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    download: bool = False,
    variant: str | None = None,
) -> PipelineDenoiser:
    """Read a pipeline of diffusers as a denoiser, whatever its network predicts.

    Stable Diffusion 1, 2, XL and 3, PixArt, DiT, and U-Nets of images with and without classes, with a
    scheduler of a table of noise levels (ε, v or sample), of flow matching, or of EDM.

    Parameters
    ----------
    source : str or Path
        A folder as diffusers saves it; a single `.safetensors` file of Stable Diffusion 1, 2 or XL, whose
        configuration and tokenizers are in its own folder, in one of its name beside it, or in the hub's
        cache; or the name of a hub repository.
    device, dtype
        Of the networks: `torch.float16` or `torch.bfloat16` where the device runs them.
    download : bool
        Whether files that are not on this machine may be fetched.
    variant : str, optional
        `"fp16"` reads `*.fp16.safetensors`.

    Returns
    -------
    PipelineDenoiser
        `denoiser(x, sigma, condition)`: a condition is a prompt, or a class by number or name. It says its
        `shape`, its `sigmas`, how its `latents` were scaled, and whether it `has_null`.

    Raises
    ------
    ValueError
        With one line for what cannot be read or is no posterior mean: absent files, weights in another
        format than safetensors, distilled, inpainting and ControlNet networks, unknown schedulers.
    """
    found = configured(source, download) if Path(source).is_file() else Source(str(source), download, variant)
    index = found.configuration(None, "model_index", missing={})
    part, folder = network_part(found, index)
    configuration = found.configuration(folder) if folder is None else found.configuration(part)
    wrong = refusal(found.name, index, part, configuration)
    if wrong:
        raise ValueError(f"{source}: {wrong}")
    levels = _levels(found)
    kind = kind_of(configuration)
    network = _network(found, part, folder, kind, dtype).to(device).train(False).requires_grad_(False)
    reader = _Reader(found, index, network, configuration, levels, dtype, device)
    return _FAMILIES[kind](reader)


def _levels(source: Source) -> Levels:
    kind: Part = "scheduler_config"
    # older pipelines of one network have both of their configurations at the top
    found = (source.configuration(part, kind, missing={}) for part in ("scheduler", None))
    scheduler = next(filter(None, found), None) or source.configuration("scheduler", kind)
    try:
        return levels_of_scheduler(scheduler)
    except ValueError as error:
        raise ValueError(f"{source.name}: scheduler: {error}") from None
    except Exception as error:
        raise ValueError(f"{source.name}: scheduler cannot be read: {error}") from None


def _network(source: Source, part: str, folder: str | None, kind: str, dtype: torch.dtype) -> Part:
    import diffusers

    return source.network(part, getattr(diffusers, kind), dtype, folder)


class _Reader:
    """What the families read from: the pipeline's files, its network and its levels."""

    def __init__(
        self,
        source: Source,
        index: Configuration,
        network: Part,
        configuration: Configuration,
        levels: Levels,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self.source: Source = source
        self.index: Configuration = index
        self.network: Part = network
        self.configuration: Configuration = configuration
        self.levels: Levels = levels
        self.dtype: torch.dtype = dtype
        self.device: torch.device | str = device
        self.vae: Configuration = self._vae()

    def denoiser(self, family: str, **options: Part) -> PipelineDenoiser:
        """Of the network, with what a family adds."""
        found = PipelineDenoiser(
            self.network, self.levels, shape_of(self.network), family, latents=self.latents(), **options
        )
        found.train(False)
        return found.requires_grad_(False)

    def encoder(self, number: int, kind: str, length: int | None = None, **options: Part) -> Encoder | None:
        """The text encoder of a number with its tokenizer, or `None` where the pipeline has none."""
        import transformers

        end = "" if number == 1 else f"_{number}"
        part, words = f"text_encoder{end}", f"tokenizer{end}"
        present = (self.index.get(part) or [None])[0] if self.index else self.source.holds(part)
        if not present:
            return None
        reader = getattr(transformers, "T5TokenizerFast" if kind == "T5EncoderModel" else "CLIPTokenizer")
        tokenizer = self.source.read(words, reader.from_pretrained)
        model = self.source.network(part, getattr(transformers, kind), self.dtype)
        if len(tokenizer) > model.config.vocab_size:
            known = f"and the text encoder knows {model.config.vocab_size}"
            raise ValueError(f"{self.source.name}: {words}: has {len(tokenizer)} tokens, {known}")
        if length is None:
            length = int(min(tokenizer.model_max_length, model.config.max_position_embeddings))
        return Encoder(tokenizer, model.to(self.device).train(False), length, **options)

    def needed(self, number: int, kind: str, length: int | None = None, **options: object) -> Encoder:
        """The same of an encoder that must be there."""
        found = self.encoder(number, kind, length, **options)
        if found is None:
            end = "" if number == 1 else f"_{number}"
            raise ValueError(f"{self.source.name}: text_encoder{end}: is missing, a {kind}")
        return found

    def width(self, expected: int, given: int) -> None:
        """`ValueError` for texts of another width than the network takes."""
        if expected != given:
            what = f"give {given} numbers a token, and the network takes {expected}"
            raise ValueError(f"{self.source.name}: text_encoder: its encoders {what}: of another pipeline")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of what one sample stands for."""
        blocks = self.vae.get("block_out_channels")
        factor = 2 ** (len(blocks) - 1) if blocks else 8
        _, height, width = shape_of(self.network)
        return height * factor, width * factor

    def latents(self) -> Latents | None:
        """From the autoencoder's configuration, or its class's own numbers where that is silent."""
        import inspect

        import diffusers

        if not self.vae:
            return None
        kind = getattr(diffusers, str(self.vae.get("_class_name", "AutoencoderKL")), object)
        usual = {name: p.default for name, p in inspect.signature(kind.__init__).parameters.items()}
        scale = self.vae.get("scaling_factor", usual.get("scaling_factor"))
        shift = self.vae.get("shift_factor", usual.get("shift_factor"))
        mean, std = (self.vae.get(name) for name in ("latents_mean", "latents_std"))
        means, stds = (None if row is None else tuple(map(float, row)) for row in (mean, std))
        return Latents(float(1 if scale is None else scale), float(shift or 0), means, stds)

    def _vae(self) -> Configuration:
        for part in ("vae", "vqvae"):
            absent = part not in self.index if self.index else not self.source.holds(part)
            if not absent:
                return self.source.configuration(part, missing={})
        return {}


def _unet_of_text(reader: _Reader) -> PipelineDenoiser:
    taken = reader.network.config.cross_attention_dim
    widths = set(taken) if isinstance(taken, (list, tuple)) else {taken}
    if len(widths) > 1:
        raise ValueError(f"{reader.source.name}: unet: takes texts of several widths: {sorted(widths)}")
    width = int(widths.pop())
    if reader.network.config.addition_embed_type == "text_time":
        return _sdxl(reader, width)
    encoder = reader.needed(1, "CLIPTextModel")
    reader.width(width, encoder.model.config.hidden_size)
    # the second generation has the wider text of another encoder
    family = "sd2" if reader.levels.convention.prediction == "v" or width == 1024 else "sd1"
    return reader.denoiser(family, texts=ClipText([encoder]))


def _sdxl(reader: _Reader, width: int) -> PipelineDenoiser:
    encoders = [reader.encoder(1, "CLIPTextModel"), reader.needed(2, "CLIPTextModelWithProjection")]
    present = [encoder.model.config for encoder in encoders if encoder is not None]
    reader.width(width, sum(config.hidden_size for config in present))
    config = reader.network.config
    taken = config.projection_class_embeddings_input_dim
    given = 6 * config.addition_time_embed_dim + present[-1].projection_dim
    if taken != given:
        raise ValueError(
            f"{reader.source.name}: unet: takes {taken} numbers of pooled text and sizes, not SDXL's {given}"
        )
    zeros = bool(reader.index.get("force_zeros_for_empty_prompt", True))
    texts = SDXLText(encoders, reader.size, zeros)
    return reader.denoiser("sdxl", texts=texts)


def _sd3(reader: _Reader) -> PipelineDenoiser:
    kind = "CLIPTextModelWithProjection"
    clips = [reader.encoder(1, kind), reader.encoder(2, kind)]
    t5 = reader.encoder(3, "T5EncoderModel", SD3Text.t5_length)
    if not any((*clips, t5)):
        raise ValueError(f"{reader.source.name}: text_encoder: none of the three is there")
    config = reader.network.config
    if t5 is not None:
        reader.width(config.joint_attention_dim, t5.model.config.d_model)
    given = sum(clip.model.config.projection_dim for clip in clips if clip is not None)
    if given > config.pooled_projection_dim or (all(clips) and given != config.pooled_projection_dim):
        raise ValueError(
            f"{reader.source.name}: text_encoder: its pooled texts are {given} numbers, and the network "
            f"takes {config.pooled_projection_dim}: of another pipeline"
        )
    texts = SD3Text([*clips, t5], config.joint_attention_dim, config.pooled_projection_dim)
    return reader.denoiser("sd3", texts=texts)


def _pixart(reader: _Reader) -> PipelineDenoiser:
    longer = "Sigma" in str(reader.index.get("_class_name"))
    encoder = reader.needed(1, "T5EncoderModel", 300 if longer else 120, small=True)
    reader.width(reader.network.config.caption_channels, encoder.model.config.d_model)
    sized = bool(getattr(reader.network, "use_additional_conditions", False))
    return reader.denoiser("pixart", texts=PixArtText(encoder, reader.size if sized else None))


def _dit(reader: _Reader) -> PipelineDenoiser:
    classes = int(reader.network.config.num_embeds_ada_norm)
    names = class_names_of(reader.index, classes)
    return reader.denoiser("dit", classes=classes, null=classes, names=names)


def _unet(reader: _Reader) -> PipelineDenoiser:
    known = reader.network.config.num_class_embeds
    if known is None:
        return reader.denoiser("unet")
    labels = reader.index.get("id2label")
    # one row of the table more than there are classes: the row of those without
    spare = isinstance(labels, Mapping) and set(labels) == {str(n) for n in range(known - 1)}
    classes = known - 1 if spare else known
    names = class_names_of(reader.index, classes)
    return reader.denoiser("unet", classes=classes, null=known - 1 if spare else None, names=names)


_FAMILIES: dict[str, Callable[[_Reader], PipelineDenoiser]] = {
    "UNet2DConditionModel": _unet_of_text,
    "UNet2DModel": _unet,
    "DiTTransformer2DModel": _dit,
    "PixArtTransformer2DModel": _pixart,
    "SD3Transformer2DModel": _sd3,
}
