"""Stable Diffusion from files: a tiny pipeline made here, measured end to end; bad files are refused."""

import json

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
    # 400 chains in batches of 64, 100 steps, three prompts
    assert cost["evaluations"] == 448 * 100 * 3
    small = [*arguments, "--samples", "8", "--levels", "6", "--batch", "4", "--out", out]
    summary = run_json(*small)
    assert summary["conditions"] == "a dog,a puppy,a cat"
    assert summary["evaluations"] == 8 * 6 * 3
    assert summary["method"] == "path"
    written = {path.name for path in out.iterdir()}
    assert written == {"blocks", "curve.csv", "curve.nc", "curve.png", "summary.json", "manifest.json"}
    # one prompt against the unconditional network: H26's binary form
    alone = run_json(*arguments, "--classes", "a cat", "--samples", "4", "--levels", "5", "--batch", "4")
    assert alone["conditions"] == "a cat,None"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "must be an object of prompt lists"),
        ('{"dog": "a dog"}', "'dog' must be a list of prompts"),
        ('{"dog": ["a dog"], "pet": ["a dog"]}', "a prompt stands there twice"),
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
    import shutil

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
