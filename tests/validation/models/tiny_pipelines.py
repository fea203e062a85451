"""Tiny pipelines in the published layouts: the published classes with few and random weights."""

import json
import string

import torch

LETTERS = [*string.ascii_lowercase]
WORDS = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
LATENT = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LINEAR = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
BLOCKS = dict(
    sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
    norm_num_groups=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=4,
)  # fmt: skip
PATCHES = dict(sample_size=8, in_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=8)
SIZES = dict(
    addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=60
)
IMAGES = dict(
    sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 16),
    norm_num_groups=4, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
)  # fmt: skip


def shaken(module):
    """The module with every weight away from zero, where several of these networks begin."""
    for parameter in module.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return module.train(False)


def clip(folder, end="", width=16, projection=None, **options):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    words = folder / "words"
    words.mkdir(exist_ok=True)
    (words / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(WORDS)}))
    (words / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(words / "vocab.json"), str(words / "merges.txt"), model_max_length=16)
    tokenizer.save_pretrained(folder / f"tokenizer{end}")
    config = CLIPTextConfig(
        vocab_size=len(WORDS), hidden_size=width, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=16, bos_token_id=52, eos_token_id=53,
        projection_dim=projection or 512,
    )  # fmt: skip
    kind = CLIPTextModelWithProjection if projection else CLIPTextModel
    shaken(kind(config)).save_pretrained(folder / f"text_encoder{end}", **options)


def t5(folder, end="", width=24):
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    known = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -1.0) for letter in ["▁", *LETTERS])]
    T5TokenizerFast(vocab=known, extra_ids=0, model_max_length=512).save_pretrained(
        folder / f"tokenizer{end}"
    )
    config = T5Config(vocab_size=32, d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    shaken(T5EncoderModel(config)).save_pretrained(folder / f"text_encoder{end}")


def save(folder, whole, network, scheduler, vae=None, index=None, **options):
    """A folder as `whole.save_pretrained` writes it, with the configuration of a `vae` alone."""
    part = "unet" if "UNet" in type(network).__name__ else "transformer"
    shaken(network).save_pretrained(folder / part, **options)
    scheduler.save_pretrained(folder / "scheduler")
    if vae is not None:
        (folder / "vae").mkdir()
        (folder / "vae" / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **vae}))
    parts = {
        path.name: ["transformers" if path.name.startswith(("text", "tok")) else "diffusers", "Part"]
        for path in folder.iterdir()
        if path.is_dir() and path.name != "words"
    }
    about = {"_class_name": whole, "_diffusers_version": "0.30.0", **parts, **(index or {})}
    (folder / "model_index.json").write_text(json.dumps(about))
    return folder


def sd1(folder, scheduler=None, **options):
    from diffusers import PNDMScheduler, UNet2DConditionModel

    clip(folder, **options)
    scheduler = scheduler or PNDMScheduler(**LATENT, skip_prk_steps=True, steps_offset=1)
    network = UNet2DConditionModel(**BLOCKS, cross_attention_dim=16)
    return save(folder, "StableDiffusionPipeline", network, scheduler, {}, **options)


def sd2(folder, scheduler=None):
    from diffusers import DDIMScheduler, UNet2DConditionModel

    clip(folder)
    scheduler = scheduler or DDIMScheduler(**LATENT, prediction_type="v_prediction", steps_offset=1)
    network = UNet2DConditionModel(**BLOCKS, cross_attention_dim=16, use_linear_projection=True)
    return save(folder, "StableDiffusionPipeline", network, scheduler, {"scaling_factor": 0.18215})


def sdxl(folder, scheduler=None, **index):
    from diffusers import EulerDiscreteScheduler, UNet2DConditionModel

    clip(folder)
    clip(folder, "_2", 24, 12)
    scheduler = scheduler or EulerDiscreteScheduler(**LATENT, steps_offset=1)
    vae = {"scaling_factor": 0.13025, "block_out_channels": [4, 8, 8]}
    network = UNet2DConditionModel(**BLOCKS, **SIZES, cross_attention_dim=40)
    index = {"force_zeros_for_empty_prompt": True} | index
    return save(folder, "StableDiffusionXLPipeline", network, scheduler, vae, index)


def sd3(folder, absent=()):
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel

    for end, width in (("", 16), ("_2", 12)):
        if f"text_encoder{end}" not in absent:
            clip(folder, end, width, width)
    if "text_encoder_3" not in absent:
        t5(folder, "_3", 32)
    network = SD3Transformer2DModel(
        **PATCHES, patch_size=2, joint_attention_dim=32, caption_projection_dim=16,
        pooled_projection_dim=28, out_channels=4, pos_embed_max_size=8,
    )  # fmt: skip
    index = {part: [None, None] for part in absent}
    vae = {"scaling_factor": 1.5305, "shift_factor": 0.0609}
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    return save(folder, "StableDiffusion3Pipeline", network, scheduler, vae, index)


def pixart(folder, sized=False):
    from diffusers import DPMSolverMultistepScheduler, PixArtTransformer2DModel

    t5(folder)
    network = PixArtTransformer2DModel(
        **PATCHES | {"num_attention_heads": 3}, out_channels=8, cross_attention_dim=24, caption_channels=24,
        use_additional_conditions=sized,
    )  # fmt: skip
    whole = "PixArtAlphaPipeline" if sized else "PixArtSigmaPipeline"
    vae = {"block_out_channels": [4, 8, 8, 8]}
    return save(folder, whole, network, DPMSolverMultistepScheduler(**LINEAR), vae)


def dit(folder):
    from diffusers import DDIMScheduler, DiTTransformer2DModel

    network = DiTTransformer2DModel(**PATCHES, out_channels=8, num_embeds_ada_norm=5)
    names = {"0": "tench, Tinca tinca", "1": "crane", "2": "cock", "3": "crane, machine", "4": "7"}
    return save(
        folder, "DiTPipeline", network, DDIMScheduler(**LINEAR, clip_sample=False), {}, {"id2label": names}
    )


def images(folder, classes=None, index=None, scheduler=None):
    from diffusers import DDPMScheduler, UNet2DModel

    network = UNet2DModel(**IMAGES, num_class_embeds=classes)
    return save(folder, "DDPMPipeline", network, scheduler or DDPMScheduler(**LINEAR), index=index)


RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOPS = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "conv_norm_out": "out.0",
    "time_embedding.linear_2": "time_embed.2", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding", "encoder.layers": "transformer.resblocks",
    "embeddings.token_embedding": "token_embedding", "final_layer_norm": "ln_final", "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.": "attn.",
}  # fmt: skip


def of_unet(name):
    """A weight of a U-Net of two levels with one layer each, by the name that its authors give it."""
    for ours, theirs in TOPS.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    side, *rest = name.split(".")
    if side == "mid_block":
        kind, number, *rest = rest
        place = f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}"
    else:
        level, kind, number, *rest = rest
        down, level, number = side == "down_blocks", int(level), int(number)
        block = 2 * level + number + (1 if down else 0)
        within = {"resnets": 0, "attentions": 1}.get(kind)
        if kind == "downsamplers":
            block, within, rest = 2 * (level + 1), 0, ["op", *rest[1:]]
        elif kind == "upsamplers":
            block, within = 2 * level + 1, 1  # the level that has one has no attention
        place = f"{'input' if down else 'output'}_blocks.{block}.{within}"
    if kind == "resnets":
        rest[0] = RESNET[rest[0]]
    return ".".join([place, *rest])


def of_open_clip(tensors):
    """Weights of CLIP by the names of OpenCLIP, where a layer's queries, keys and values are one."""
    found, parts = {}, {}
    for name, tensor in tensors.items():
        name = name.removeprefix("text_model.")
        for ours, theirs in OPEN_CLIP.items():
            name = name.replace(ours, theirs)
        if name == "text_projection.weight":
            found["text_projection"] = tensor.T
        elif any(f".{letter}_proj." in name for letter in "qkv"):
            layer, letter, kind = name.rsplit(".", 2)
            parts.setdefault(f"{layer}.in_proj_{kind}", {})[letter[0]] = tensor
        else:
            found[name] = tensor
    return found | {name: torch.cat([held[letter] for letter in "qkv"]) for name, held in parts.items()}


def single(folder, path, open_clip=False):
    """One file of a pipeline's weights by the names of its authors."""
    from safetensors.torch import load_file, save_file

    def held(part):
        return load_file(next((folder / part).glob("*.safetensors")))

    tensors = {f"model.diffusion_model.{of_unet(name)}": t for name, t in held("unet").items()}
    texts = {name.removeprefix("text_model."): t for name, t in held("text_encoder").items()}
    if (folder / "text_encoder_2").is_dir():
        prefix = "conditioner.embedders.0.transformer.text_model."
        second = of_open_clip(held("text_encoder_2"))
        tensors |= {f"conditioner.embedders.1.model.{name}": t for name, t in second.items()}
    else:
        prefix = "cond_stage_model.model." if open_clip else "cond_stage_model.transformer.text_model."
    texts = of_open_clip(texts) if open_clip else texts
    tensors |= {prefix + name: t for name, t in texts.items()}
    tensors["first_stage_model.encoder.conv_in.weight"] = torch.zeros(1)
    save_file({name: t.contiguous() for name, t in tensors.items()}, path)
    return path
