"""Stable Diffusion from files: a tiny pipeline made here, measured end to end; bad files are refused."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

PROMPTS = {"dog": ["a dog", "a puppy"], "cat": ["a cat"]}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A pipeline of the published classes, with few and random weights."""
    from diffusers import PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("pipeline")
    letters = [chr(code) for code in range(97, 123)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    files = (str(folder / "vocab.json"), str(folder / "merges.txt"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokens), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                num_attention_heads=2, max_position_embeddings=16, bos_token_id=52, eos_token_id=53,
            )
        )  # fmt: skip
        unet = UNet2DConditionModel(
            sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
            norm_num_groups=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
        )  # fmt: skip
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    tokenizer = CLIPTokenizer(*files, model_max_length=16)
    for name, part in (
        ("text_encoder", text), ("unet", unet), ("scheduler", scheduler), ("tokenizer", tokenizer)
    ):  # fmt: skip
        part.save_pretrained(folder / name)
    return folder


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(PROMPTS))
    return path


def test_the_denoiser_undoes_what_its_network_predicts(pipeline):
    from speciation.validation import StableDiffusionDenoiser, load_stable_diffusion

    denoiser = load_stable_diffusion(pipeline)
    assert isinstance(denoiser, StableDiffusionDenoiser)
    assert denoiser.shape == (4, 8, 8)
    # the published schedule: σ from 0.029 to 14.6
    np.testing.assert_allclose(denoiser.sigmas[[0, -1]], [0.0292, 14.6146], rtol=2e-3)
    x = 3 * torch.randn(2, *denoiser.shape, generator=torch.Generator().manual_seed(0))
    step = 500
    sigma = float(denoiser.sigmas[step])
    assert denoiser.time_of(sigma) == pytest.approx(step)
    with torch.no_grad():
        tokens = denoiser.tokenizer(
            "a dog", padding="max_length", max_length=16, return_tensors="pt"
        ).input_ids
        text = denoiser.text_encoder(tokens)[0].expand(2, -1, -1)
        noise = denoiser.unet(x / np.sqrt(1 + sigma**2), step, text).sample
    expected = x - sigma * noise
    np.testing.assert_allclose(denoiser(x, sigma, "a dog"), expected, atol=1e-5)
    # mutants: another prompt, no prompt, another level
    for changed in (denoiser(x, sigma, "cat"), denoiser(x, sigma, None), denoiser(x, 1.02 * sigma, "a dog")):
        assert float((changed - expected).abs().max()) > 1e-3
    grid = denoiser.chain_sigmas(10)
    assert grid[0] == pytest.approx(denoiser.sigmas[-1])
    assert grid[-1] == pytest.approx(denoiser.sigmas[0])
    assert (np.diff(grid) < 0).all()
    with pytest.raises(ValueError, match="outside of the model's"):
        denoiser(x, 20.0, None)


def test_measured_end_to_end(pipeline, prompts, run_json, tmp_path):
    out = tmp_path / "out"
    arguments = ["measure", "sd15", "--checkpoint", pipeline, "--prompts", prompts]
    cost = run_json(*arguments, "--preset", "h26", "--estimate")
    # 400 chains, though they are no whole number of batches of 64; 100 steps, three prompts
    assert cost["evaluations"] == 400 * 100 * 3
    small = [*arguments, "--samples", "8", "--levels", "6", "--batch", "4", "--out", out]
    summary = run_json(*small)
    assert summary["conditions"] == "a dog,a puppy,a cat"
    assert summary["evaluations"] == 8 * 6 * 3
    assert summary["method"] == "path"
    written = {path.name for path in out.iterdir()}
    assert written == {"blocks", "curve.csv", "curve.nc", "curve.png", "summary.json", "manifest.json"}
    inputs = json.loads((out / "manifest.json").read_text())["inputs"]
    for part in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        file = pipeline / f"{part}.safetensors"
        assert inputs[str(file)] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert str(prompts) in inputs
    # one prompt against the unconditional network: H26's binary form
    alone = run_json(*arguments, "--classes", "a cat", "--samples", "4", "--levels", "5", "--batch", "4")
    assert alone["conditions"] == "a cat,None"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "must be an object of prompt lists"),
        ('{"dog": "a dog"}', "'dog' must be a list of prompts"),
        ('{"dog": ["a dog"], "pet": ["a dog"]}', "the same prompt is given twice"),
    ],
)
def test_bad_prompt_files(pipeline, tmp_path, run, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content)
    status, out, err = run("measure", "sd15", "--checkpoint", pipeline, "--prompts", path)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_no_prompts_and_unreadable_pipelines_are_refused(pipeline, prompts, tmp_path, run):
    status, _, err = run("measure", "sd15", "--checkpoint", pipeline)
    assert status == 2
    assert err.startswith("--prompts: needs a JSON file")
    # weights as a pickle are not read
    unsafe = tmp_path / "unsafe"
    shutil.copytree(pipeline, unsafe)
    (unsafe / "unet" / "diffusion_pytorch_model.safetensors").rename(
        unsafe / "unet" / "diffusion_pytorch_model.bin"
    )
    velocity = tmp_path / "velocity"
    shutil.copytree(pipeline, velocity)
    config = velocity / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": "v_prediction"}))
    for source, message in (
        (unsafe, "unet cannot be read"),
        (velocity, "predicts 'v_prediction'"),
        (tmp_path / "absent", "downloads are off"),
    ):
        status, out, err = run("measure", "sd15", "--checkpoint", source, "--prompts", prompts)
        assert (status, out) == (2, "")
        assert message in err
        assert err.strip().count("\n") == 0


def changed(pipeline, folder, part, **entries):
    """A copy of the pipeline with other entries in one of its configuration files."""
    shutil.copytree(pipeline, folder)
    path = folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return folder


LCM = {"time_cond_proj_dim": 256}
MISFITS = {
    "flow matching": ("scheduler", {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "of flow matching"),
    "flow sigmas": ("scheduler", {"use_flow_sigmas": True}, "of flow matching"),
    "consistency": ("scheduler", {"_class_name": "LCMScheduler"}, "distilled for few steps"),
    "another consistency": ("scheduler", {"_class_name": "TCDScheduler"}, "distilled for few steps"),
    "EDM's": ("scheduler", {"_class_name": "EDMEulerScheduler"}, "has no table of noise levels"),
    "continuous": ("scheduler", {"timestep_type": "continuous"}, "has no table of noise levels"),
    "no name": ("scheduler", {"_class_name": None}, "a scheduler without a name"),
    "no table": ("scheduler", {"beta_start": None}, "has no beta_start"),
    "another table": ("scheduler", {"beta_schedule": "mine"}, "scheduler cannot be read"),
    "velocity": ("scheduler", {"prediction_type": "v_prediction"}, "predicts 'v_prediction'"),
    "sample": ("scheduler", {"prediction_type": "sample"}, "predicts 'sample'"),
    "inpainting": ("unet", {"in_channels": 9}, "takes 9 channels and gives 4"),
    "learned variance": ("unet", {"out_channels": 8}, "it also predicts a variance"),
    "SDXL": ("unet", {"addition_embed_type": "text_time"}, "as SDXL does (addition_embed_type)"),
    "class labels": ("unet", {"num_class_embeds": 10}, "a class number (num_class_embeds)"),
    "upscaling": ("unet", {"class_embed_type": "timestep"}, "a class or a noise level of its own"),
    "distilled guidance": ("unet", LCM, "a guidance weight"),
    "images as text": ("unet", {"encoder_hid_dim": 1280}, "a text of another encoder"),
    "another network": ("unet", {"_class_name": "UNet3DConditionModel"}, "is a UNet3DConditionModel"),
    "no size": ("unet", {"sample_size": None}, "sample_size, the side of its latents, is None"),
    "other width": ("unet", {"cross_attention_dim": 24}, "gives 16 numbers a token, and the unet takes 24"),
    "other widths": ("unet", {"cross_attention_dim": [16, 24]}, "and the unet takes 16, 24"),
    "another text encoder": ("text_encoder", {"model_type": "t5"}, "of type 't5', not a CLIPTextModel"),
    "a projection": (
        "text_encoder",
        {"architectures": ["CLIPTextModelWithProjection"]},
        "is a CLIPTextModelW",
    ),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_pipelines_of_another_kind_are_refused_by_what_they_are(pipeline, prompts, tmp_path, run, kind):
    part, entries, message = MISFITS[kind]
    folder = changed(pipeline, tmp_path / "changed", part, **entries)
    status, out, err = run("measure", "sd15", "--checkpoint", folder, "--prompts", prompts)
    assert (status, out) == (2, "")
    assert err.startswith((f"{folder}: {part}", f"{folder}: text_encoder: gives"))
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"unet": ["d", "U"], "text_encoder_2": ["t", "C"]}, "text_encoder_2: this is a pipeline of several"),
        ({"_class_name": "FluxPipeline", "transformer": ["d", "F"]}, "a FluxPipeline has no unet"),
    ],
)
def test_pipelines_of_other_parts_are_refused(pipeline, prompts, tmp_path, run, index, message):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    (folder / "model_index.json").write_text(json.dumps(index))
    status, _, err = run("measure", "sd15", "--checkpoint", folder, "--prompts", prompts)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def rewritten(path, change):
    """A file of safetensors whose tensors by name went through `change`."""
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


PARTS = {
    "unet": ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight"),
    "text_encoder": ("text_encoder/model.safetensors", "final_layer_norm.weight"),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("trouble", ["missing", "unexpected", "shape"])
def test_a_weight_that_is_not_in_the_file_is_never_drawn_at_random(pipeline, tmp_path, part, trouble):
    from safetensors.torch import load_file
    from speciation.validation import load_stable_diffusion

    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    file, ending = PARTS[part]
    name = next(key for key in load_file(folder / file) if key.endswith(ending))
    changes = {
        "missing": (without(name), "is missing"),
        "unexpected": (lambda t: t | {"another.weight": torch.zeros(2)}, "another.weight is not a weight of"),
        "shape": (lambda t: t | {name: torch.zeros(3)}, "has another shape"),
    }
    change, message = changes[trouble]
    rewritten(folder / file, change)
    with pytest.raises(ValueError, match=message) as refusal:
        load_stable_diffusion(folder)
    assert str(refusal.value).startswith(f"{folder}: {part}")
    assert "\n" not in str(refusal.value)
    if trouble != "unexpected":
        assert ending in str(refusal.value)


def test_text_encoders_of_older_files_are_read(pipeline, tmp_path):
    """Their weights bear a longer name, and a buffer that counts positions lies beside them."""
    from speciation.validation import load_stable_diffusion

    folder = tmp_path / "older"
    shutil.copytree(pipeline, folder)

    def older(tensors):
        named = {
            key if key.startswith("text_model.") else f"text_model.{key}": t for key, t in tensors.items()
        }
        return named | {"text_model.embeddings.position_ids": torch.arange(16)[None]}

    rewritten(folder / "text_encoder" / "model.safetensors", older)
    one, other = load_stable_diffusion(pipeline), load_stable_diffusion(folder)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(one(x, 1.0, "a dog"), other(x, 1.0, "a dog"))


def test_a_step_of_pure_noise_is_left_out(pipeline, tmp_path, prompts, run_json):
    from speciation.validation import load_stable_diffusion

    entries = {"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": True}
    folder = changed(pipeline, tmp_path / "changed", "scheduler", **entries)
    denoiser = load_stable_diffusion(folder)
    assert denoiser.sigmas.size == 999
    assert np.isfinite(denoiser.chain_sigmas(10)).all()
    assert denoiser.time_of(float(denoiser.sigmas[-1])) == pytest.approx(998)
    found = run_json(
        "measure", "sd15", "--checkpoint", folder, "--prompts", prompts,
        "--samples", "4", "--levels", "5", "--batch", "4",
    )  # fmt: skip
    assert found["evaluations"] == 4 * 5 * 3


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([0.9, 0.95], "one falling row"),
        ([0.9, float("nan")], "one falling row"),
        ([[0.9, 0.5]], "one falling row"),
        ([1.0, 0.5, 0.0], "at least two noise levels"),
    ],
)
def test_tables_that_are_none_are_refused(alphas, message):
    from speciation.validation import StableDiffusionDenoiser

    with pytest.raises(ValueError, match=message):
        StableDiffusionDenoiser(None, None, None, alphas)


def test_latents_that_are_no_square_are_measured(pipeline, tmp_path, prompts, run_json):
    folder = changed(pipeline, tmp_path / "changed", "unet", sample_size=[8, 16])
    found = run_json(
        "measure", "sd15", "--checkpoint", folder, "--prompts", prompts,
        "--samples", "2", "--levels", "5", "--batch", "2",
    )  # fmt: skip
    assert found["evaluations"] == 2 * 5 * 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a " * 90 + "dog", "a " * 90 + "cat"),
        ("a dog", "A Dog"),
        ("a dog", " a  dog "),
    ],
    ids=["cut", "capitals", "spaces"],
)
def test_prompts_that_are_one_to_the_text_encoder_are_refused(pipeline, tmp_path, run, first, second):
    from speciation.validation import load_stable_diffusion, path_entropy

    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"x": [first], "y": [second]}))
    status, _, err = run("measure", "sd15", "--checkpoint", pipeline, "--prompts", path)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"{path}: prompts: ")
    denoiser = load_stable_diffusion(pipeline)
    with pytest.raises(ValueError, match="the same to the text encoder"):
        path_entropy(denoiser, [first, second], denoiser.chain_sigmas(5), denoiser.shape, chains=2, batch=2)


def test_the_empty_prompt_is_not_held_against_itself(pipeline, tmp_path, run):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"nothing": [""]}))
    status, _, err = run("measure", "sd15", "--checkpoint", pipeline, "--prompts", path)
    assert (status, err.count("\n")) == (2, 1)
    assert "the empty prompt means no prompt" in err


def test_prompts_with_commas_are_chosen(pipeline, tmp_path, run_json):
    names = ["a dog, photo", "a cat", "x"]
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"x": [names[0]], "y": names[1:]}))
    arguments = ["measure", "sd15", "--checkpoint", pipeline, "--prompts", path]
    arguments += ["--samples", "2", "--levels", "5", "--batch", "2"]
    alone = run_json(*arguments, "--classes", names[0])
    assert alone["conditions"] == '"a dog, photo",None'
    for chosen in (
        ["a dog, photo,a cat"],
        ['"a dog, photo", a cat'],
        ["a dog, photo", "a cat"],
    ):
        options = [part for name in chosen for part in ("--classes", name)]
        assert run_json(*arguments, *options)["conditions"] == '"a dog, photo",a cat'


def test_guidance_leads_away_from_the_empty_prompt(pipeline, prompts, run_json):
    arguments = ["measure", "sd15", "--checkpoint", pipeline, "--prompts", prompts, "--guidance", "3"]
    arguments += ["--samples", "4", "--levels", "5", "--batch", "4"]
    usual = run_json(*arguments)
    assert (usual["guidance_reference"], usual["unconditional"]) == ("unconditional", "the empty prompt")
    assert usual["evaluations"] == 4 * 5 * 4
    among = run_json(*arguments, "--guidance-reference", "classes")
    assert among["guidance_reference"] == "classes"
    assert "unconditional" not in among
    assert among["evaluations"] == 4 * 5 * 3


def test_a_replaced_network_is_another_run(pipeline, prompts, run, tmp_path):
    folder, out = tmp_path / "pipeline", tmp_path / "out"
    shutil.copytree(pipeline, folder)
    arguments = ["measure", "sd15", "--checkpoint", folder, "--prompts", prompts, "--out", out, "--quiet"]
    arguments += ["--samples", "4", "--levels", "5", "--batch", "2"]
    assert run(*arguments)[0] == 0
    assert run(*arguments)[0] == 0
    rewritten(
        folder / "unet" / "diffusion_pytorch_model.safetensors", lambda t: {k: 1.5 * v for k, v in t.items()}
    )
    status, _, err = run(*arguments)
    assert status == 2
    assert "of another measurement" in err


def test_a_tokenizer_of_another_encoder_is_refused(pipeline, tmp_path):
    """More tokens than the encoder has rows: a prompt would end in an index error."""
    from speciation.validation import load_stable_diffusion

    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    path = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"] |= {f"more{index}": 54 + index for index in range(10)}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="has 64 tokens, and the text encoder knows 54"):
        load_stable_diffusion(folder)
