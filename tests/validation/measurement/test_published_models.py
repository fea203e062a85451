"""Checkpoints as published and pipelines are measured from the command line."""

import json
import shutil

import pytest
import torch

FILES = ("edm2", "edm2_numpy2", "edm2_rgb", "edm1_ddpmpp", "edm1_ncsnpp", "edm1_vp")
LIKE = ("edm2_numpy2", "edm2_rgb", "edm1_ncsnpp")  # those that the loader's own tests read too
FEW = ("--samples", "4", "--levels", "5", "--batch", "4")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LIKE)) for n in FILES])
def test_published_checkpoints(reference, run, run_json, name, tmp_path):
    path = reference / "checkpoints" / f"{name}.pkl"
    cost = run_json("measure", "edm", "--checkpoint", path, "--classes", "0,1", "--estimate")
    assert cost["evaluations"] == 300 * 64 * 2
    safe = tmp_path / "safe.safetensors"
    assert run("convert", path, safe)[0] == 0
    found = [run_json("measure", "edm", "--checkpoint", p, "--classes", "0,1", *FEW) for p in (path, safe)]
    assert found[0]["class_entropy"] == found[1]["class_entropy"]
    assert found[0]["median_sigma"] == found[1]["median_sigma"]
    if name.startswith("edm1"):
        status, _, err = run("measure", "edm2", "--checkpoint", path, "--classes", "0,1")
        assert (status, err.count("\n")) == (2, 1)
        assert "is a network of EDM, not of EDM2" in err


@pytest.fixture(scope="module")
def classes_pipeline(tmp_path_factory):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    folder = tmp_path_factory.mktemp("pipeline")
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = UNet2DModel(
            sample_size=8, norm_num_groups=4, num_class_embeds=3, block_out_channels=(8,), **blocks
        )
    DDPMPipeline(network, DDPMScheduler()).save_pretrained(folder)
    return folder


def test_a_pipeline_of_classes(classes_pipeline, run, run_json, tmp_path):
    asked = ["measure", "pipeline", "--checkpoint", classes_pipeline]
    found = run_json(*asked, "--classes", "0,2", *FEW, "--out", tmp_path / "out")
    assert (found["conditions"], found["method"]) == ("0,2", "path")
    inputs = json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]
    assert any(path.endswith("diffusion_pytorch_model.safetensors") for path in inputs)
    prompts = tmp_path / "prompts.json"
    prompts.write_text('{"a": ["a dog"]}')
    guided = ["--guidance", "2", "--guidance-reference", "unconditional"]
    for more, message in (
        (["--prompts", prompts], "--prompts: this pipeline has classes and no texts"),
        (["--classes", "7"], "--classes: '7' is not one of 0, 1, 2"),
        (
            ["--classes", "0,1", *guided],
            "no label for no class",
        ),
    ):
        status, _, err = run(*asked, *FEW, *more)
        assert (status, message in err) == (2, True), err
    status, _, err = run("measure", "pipeline")
    assert (status, err) == (2, "--checkpoint: pipeline needs a folder, a .safetensors file or a hub name\n")


def test_weights_of_a_variant(classes_pipeline, run, run_json, tmp_path):
    """A folder that holds half-precision weights alone, as publishers lay it out."""
    folder = tmp_path / "fp16"
    shutil.copytree(classes_pipeline, folder)
    (weights,) = folder.rglob("diffusion_pytorch_model.safetensors")
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    asked = ["measure", "pipeline", "--checkpoint", folder, "--classes", "0,2", *FEW]
    status, _, err = run(*asked)
    assert (status, "give variant='fp16'" in err) == (2, True), err
    found = run_json(*asked, "--variant", "fp16")
    assert found["median_sigma"] == run_json(*asked[:3], classes_pipeline, *asked[4:])["median_sigma"]
    status, _, err = run("measure", "digits", "--variant", "fp16")
    assert (status, err) == (2, "--variant: applies to pipeline, not to digits\n")
