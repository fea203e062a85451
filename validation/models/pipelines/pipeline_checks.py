"""What a pipeline's configuration files say against reading it as Stable Diffusion 1, before its weights are.

A network of another kind often runs all the same, and then its answer is taken for what it is not.
"""

from ....theory._support.aliases import ReadFields

__all__ = ["DISTILLED", "OTHER_INPUTS", "SOLVERS", "TABLE", "misfit"]

Configuration = ReadFields

SOLVERS = {
    f"{name}Scheduler"
    for name in (
        *("DDPM", "DDPMParallel", "DDIM", "DDIMParallel", "DDIMInverse", "PNDM", "LMSDiscrete"),
        *(
            "EulerDiscrete",
            "EulerAncestralDiscrete",
            "HeunDiscrete",
            "KDPM2Discrete",
            "KDPM2AncestralDiscrete",
        ),
        *("DPMSolverMultistep", "DPMSolverMultistepInverse", "DPMSolverSinglestep", "DPMSolverSDE"),
        *("DEISMultistep", "UniPCMultistep", "SASolver"),
    )
}
"""Schedulers that differ in how they sample, and share one table of noise levels."""
DISTILLED = {f"{name}Scheduler" for name in ("LCM", "TCD", "CMStochasticIterative", "SCM", "FlowMatchLCM")}
TABLE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")

OTHER_INPUTS = {
    "addition_embed_type": "the size of the image and a pooled text, as SDXL does",
    "class_embed_type": "a class or a noise level of its own",
    "num_class_embeds": "a class number",
    "time_cond_proj_dim": "a guidance weight, as networks distilled for few steps do",
    "encoder_hid_dim_type": "an image or a text of another encoder",
    "encoder_hid_dim": "a text of another encoder",
}


def misfit(index: Configuration, scheduler: Configuration, unet: Configuration, text: Configuration) -> str:
    """What does not fit, in a line that begins with the part of the pipeline; empty if nothing does.

    Parameters
    ----------
    index, scheduler, unet, text
        The contents of `model_index.json` (empty where there is none), `scheduler/scheduler_config.json`,
        `unet/config.json` and `text_encoder/config.json`.
    """
    more = [name for name in ("text_encoder_2", "text_encoder_3") if (index.get(name) or [None])[0]]
    if more:
        return f"{more[0]}: this is a pipeline of several text encoders, as SDXL is; one is read"
    return _of_scheduler(scheduler) or _of_unet(unet) or _of_text(text, unet)


def _of_scheduler(scheduler: Configuration) -> str:
    name = scheduler.get("_class_name")
    if name in DISTILLED:
        return f"scheduler: a {name} is for networks distilled for few steps, not for means of clean data"
    if "Flow" in str(name) or scheduler.get("use_flow_sigmas"):
        return f"scheduler: a {name} is of flow matching; a table of noise levels of DDPM's kind is needed"
    if name not in SOLVERS or scheduler.get("timestep_type", "discrete") != "discrete":
        return (
            f"scheduler: {name or 'a scheduler without a name'} has no table of noise levels of DDPM's kind"
        )
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        return (
            f"scheduler: the network predicts {prediction!r}; only networks that predict the noise are read"
        )
    absent = [key for key in TABLE if scheduler.get(key) is None]
    if absent and scheduler.get("trained_betas") is None:
        return f"scheduler: has no {absent[0]}"
    return ""


def _of_unet(unet: Configuration) -> str:
    kind = unet.get("_class_name", "UNet2DConditionModel")
    if kind != "UNet2DConditionModel":
        return f"unet: is a {kind}, not a UNet2DConditionModel"
    for key, what in OTHER_INPUTS.items():
        if unet.get(key) is not None:
            return f"unet: takes {what} ({key}), besides latents, time and text"
    inputs, outputs = unet.get("in_channels", 4), unet.get("out_channels", 4)
    if inputs > outputs:
        return (
            f"unet: takes {inputs} channels and gives {outputs}: the others hold a mask or an image, as for "
            "inpainting; only networks of latents alone are read"
        )
    if inputs < outputs:
        return (
            f"unet: takes {inputs} channels and gives {outputs}: it also predicts a variance; only networks "
            "that predict the noise alone are read"
        )
    size = unet.get("sample_size")
    sides = list(size) if isinstance(size, (list, tuple)) else [size]
    if len(sides) > 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        return f"unet: sample_size, the side of its latents, is {size!r}; write it into unet/config.json"
    return ""


def _of_text(text: Configuration, unet: Configuration) -> str:
    kinds = text.get("architectures") or ["CLIPTextModel"]
    if text.get("model_type") not in ("clip_text_model", "clip") or "CLIPTextModel" not in kinds:
        return f"text_encoder: is a {kinds[0]} of type {text.get('model_type')!r}, not a CLIPTextModel"
    width = text.get("text_config", text).get("hidden_size", 512)
    taken = unet.get("cross_attention_dim", 1280)
    widths = set(taken) if isinstance(taken, (list, tuple)) else {taken}
    if widths != {width}:
        shown = ", ".join(map(str, sorted(widths)))
        return f"text_encoder: gives {width} numbers a token, and the unet takes {shown}: of another pipeline"
    return ""
