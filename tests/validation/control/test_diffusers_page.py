"""The how-to for diffusers, run as it stands on a tiny pipeline that is saved here."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture
from speciation.validation.control.clocks import clock_of

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PAGE = ROOT / "docs" / "site" / "how-to" / "diffusers.md"
STEPS = 12


def code():
    (block,) = re.findall(
        r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return block


def tiny(folder):
    """Stable Diffusion's parts with few and random weights, saved by diffusers itself."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    place = ROOT / "tests" / "validation" / "models" / "tiny_pipelines.py"
    spec = importlib.util.spec_from_file_location("tiny_pipelines", place)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    parts = folder / "parts"
    parts.mkdir()
    made.sd1(parts)
    vae = AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, latent_channels=4)
    scheduler = PNDMScheduler(**made.LATENT, skip_prk_steps=True, steps_offset=1)
    unet = UNet2DConditionModel.from_pretrained(parts / "unet")
    text = CLIPTextModel.from_pretrained(parts / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(parts / "tokenizer")
    StableDiffusionPipeline(
        vae, text, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
    ).save_pretrained(folder / "saved")
    return folder / "saved"


def test_the_page_is_one_block_of_python():
    compile(code(), str(PAGE), "exec")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_page_runs_and_guides_where_it_says(tmp_path, monkeypatch):
    diffusers = pytest.importorskip("diffusers")
    folder, curve = tiny(tmp_path), tmp_path / "curve.csv"
    measured = entropy_curve(GaussianMixture.parse("binary:d=16,mu=0.5,s=0.5"), np.geomspace(0.05, 40, 80))
    np.savetxt(
        curve, np.c_[measured.sigma, measured.entropy], delimiter=",", header="sigma,entropy", comments=""
    )
    rows, network = [], diffusers.UNet2DConditionModel.forward

    def counted(self, sample, *arguments, **options):
        rows.append(len(sample))
        return network(self, sample, *arguments, **options)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", counted)
    names = {"FOLDER": str(folder), "CURVE": curve, "STEPS": STEPS, "HEIGHT": 16}
    weights, body = (
        [],
        code().replace("    return tensors", "    seen.append(pipe._guidance_scale)\n    return tensors"),
    )
    found = names | {"seen": weights}
    exec(body, found)  # noqa: S102 (the page's own code)
    first, last = found["settings"]["steps"]
    np.testing.assert_allclose(found["used"], found["settings"]["sigmas"], rtol=1e-5)
    low, high = found["settings"]["interval"]["sigma_end"], found["settings"]["interval"]["sigma_start"]
    sigma = np.array(found["used"][:-1])
    assert np.flatnonzero((sigma > low) & (sigma <= high)).tolist() == list(range(first, last + 1))
    # both halves of the batch until the interval ends, and then the prompt's alone
    assert rows == [2] * (last + 1) + [1] * (STEPS - last - 1)
    started = [7.5 if first == 0 else found["off"], *weights[:-1]]
    assert [each > 1.5 for each in started] == [first <= step <= last for step in range(STEPS)]
    assert clock_of(str(folder)).last_sigma == pytest.approx(sigma[0], rel=1e-5)
