"""Pipelines of diffusers from files: each family against a direct call of its network; others are refused."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

spec = importlib.util.spec_from_file_location("tiny_pipelines", Path(__file__).parent / "tiny_pipelines.py")
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)

MAKERS = {
    "sd1": tiny.sd1,
    "sd2": tiny.sd2,
    "sdxl": tiny.sdxl,
    "sd3": tiny.sd3,
    "pixart": tiny.pixart,
    "dit": tiny.dit,
    "unet": tiny.images,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`made(family, **options)`: the folder of a tiny pipeline, written once."""
    folders = {}

    def call(family, **options):
        key = (family, repr(sorted(options.items())))
        if key not in folders:
            with torch.random.fork_rng():
                torch.manual_seed(len(folders))
                folders[key] = MAKERS[family](tmp_path_factory.mktemp(family), **options)
        return folders[key]

    return call


def network_of(folder):
    import diffusers

    part = next(part for part in ("unet", "transformer") if (folder / part).is_dir())
    kind = json.loads((folder / part / "config.json").read_text())["_class_name"]
    return getattr(diffusers, kind).from_pretrained(folder / part).train(False)


def scheduler_of(folder):
    import diffusers

    kind = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())["_class_name"]
    return getattr(diffusers, kind).from_pretrained(folder / "scheduler")


def words(folder, prompt, end="", length=16, kind="CLIPTokenizer"):
    import transformers

    tokenizer = getattr(transformers, kind).from_pretrained(folder / f"tokenizer{end}")
    return tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")


def encoder(folder, kind, end=""):
    import transformers

    return getattr(transformers, kind).from_pretrained(folder / f"text_encoder{end}").train(False)


def noisy(denoiser, sigma, seed=0, batch=2):
    x = torch.randn(batch, *denoiser.shape, generator=torch.Generator().manual_seed(seed))
    return (1 + sigma) * x


def far(found, expected):
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


def agrees(denoiser, sigma, condition, expected, x, others):
    """The denoiser gives `expected`; at another σ and for each of the other conditions it does not."""
    with torch.no_grad():
        assert far(denoiser(x, sigma, condition), expected) < 1e-5
        for found in (denoiser(x, 1.02 * sigma, condition), *(denoiser(x, sigma, c) for c in others)):
            assert far(found, expected) > 1e-4


def alphas(folder, step):
    """√ᾱ, √(1 − ᾱ) and σ of a step, of the scheduler that the pipeline was saved with."""
    kept = float(scheduler_of(folder).alphas_cumprod[step].double())
    return np.sqrt(kept), np.sqrt(1 - kept), np.sqrt((1 - kept) / kept)


SCHEDULERS = {
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1}),
    "DDIM": ("DDIMScheduler", {"clip_sample": False, "steps_offset": 1}),
    "Euler": ("EulerDiscreteScheduler", {"steps_offset": 1, "timestep_spacing": "leading"}),
    "DPM-Solver": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
    ),
}


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_stable_diffusion_1_is_one_under_every_scheduler(made, kind, tmp_path):
    import diffusers
    from speciation.validation import load_pipeline, load_stable_diffusion

    folder = tmp_path / "pipeline"
    shutil.copytree(made("sd1"), folder)
    name, options = SCHEDULERS[kind]
    getattr(diffusers, name)(**tiny.LATENT, **options).save_pretrained(folder / "scheduler")
    denoiser = load_pipeline(folder)
    assert (denoiser.family, denoiser.shape, denoiser.has_null) == ("sd1", (4, 8, 8), True)
    assert denoiser.latents.scale == 0.18215  # the autoencoder's own, where its file is silent
    np.testing.assert_allclose(denoiser.sigmas[[0, -1]], [0.0292, 14.6146], rtol=2e-3)
    network = network_of(folder)
    with torch.no_grad():
        text = encoder(folder, "CLIPTextModel")(words(folder, "a dog").input_ids)[0].expand(2, -1, -1)
        for step in (20, 500, 990):
            signal, _, sigma = alphas(folder, step)
            x = noisy(denoiser, sigma)
            expected = x - sigma * network(signal * x, step, text).sample
            agrees(denoiser, sigma, "a dog", expected, x, ["a cat", None])
    # and the loader of this family alone gives the same
    assert torch.equal(load_stable_diffusion(folder)(x, sigma, "a dog"), denoiser(x, sigma, "a dog"))
    grid = denoiser.chain_sigmas(10)
    np.testing.assert_allclose(grid[[0, -1]], denoiser.sigmas[[-1, 0]])
    assert (np.diff(grid) < 0).all()


def test_stable_diffusion_2_predicts_v(made):
    from speciation.validation import load_pipeline

    folder = made("sd2")
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert denoiser.family == "sd2"
    with torch.no_grad():
        text = encoder(folder, "CLIPTextModel")(words(folder, "").input_ids)[0].expand(2, -1, -1)
        for step in (20, 500, 990):
            signal, noise, sigma = alphas(folder, step)
            x = noisy(denoiser, sigma)
            # Salimans and Ho: x₀ = √ᾱ x_t − √(1 − ᾱ) v
            expected = signal * (signal * x) - noise * network(signal * x, step, text).sample
            agrees(denoiser, sigma, None, expected, x, ["a cat", "dog"])


def test_a_step_of_pure_noise_is_left_out(made, tmp_path):
    from diffusers import DDIMScheduler
    from speciation.validation import load_pipeline

    folder = tmp_path / "pipeline"
    shutil.copytree(made("sd2"), folder)
    options = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    DDIMScheduler(**tiny.LATENT, **options, timestep_spacing="trailing").save_pretrained(folder / "scheduler")
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert denoiser.sigmas.size == 999
    assert np.isfinite(denoiser.chain_sigmas(10)).all()
    signal, noise, sigma = alphas(folder, 998)
    x = noisy(denoiser, sigma)
    with torch.no_grad():
        text = encoder(folder, "CLIPTextModel")(words(folder, "a dog").input_ids)[0].expand(2, -1, -1)
        v = network(signal * x, 998, text).sample
        assert far(denoiser(x, sigma, "a dog"), signal * signal * x - noise * v) < 1e-5
    with pytest.raises(ValueError, match="outside of the model's"):
        denoiser(x, 1.1 * sigma, "a dog")


def sdxl_arguments(folder, prompt):
    """Texts and sizes of SDXL: 8 latents are 32 pixels to an autoencoder of three levels."""
    if prompt is None:
        found = sdxl_arguments(folder, "")
        added = found["added_cond_kwargs"]
        added["text_embeds"] = 0 * added["text_embeds"]
        return {"encoder_hidden_states": 0 * found["encoder_hidden_states"], "added_cond_kwargs": added}
    tokens = words(folder, prompt).input_ids
    one = encoder(folder, "CLIPTextModel")(tokens, output_hidden_states=True)
    two = encoder(folder, "CLIPTextModelWithProjection", "_2")(tokens, output_hidden_states=True)
    states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1)
    sizes = torch.tensor([[32.0, 32.0, 0.0, 0.0, 32.0, 32.0]])
    added = {"text_embeds": two.text_embeds.expand(2, -1), "time_ids": sizes.expand(2, -1)}
    return {"encoder_hidden_states": states.expand(2, -1, -1), "added_cond_kwargs": added}


@pytest.mark.parametrize("prompt", ["a dog", None, ""])
def test_stable_diffusion_xl(made, prompt):
    from speciation.validation import load_pipeline

    folder = made("sdxl")
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert (denoiser.family, denoiser.latents.scale) == ("sdxl", 0.13025)
    denoiser.check_prompts(["a dog", "", None])  # no prompt is zeros, and the empty one is a prompt
    with torch.no_grad():
        arguments = sdxl_arguments(folder, prompt)
        others = [other for other in ("a cat", "a dog", None, "") if other != prompt]
        for step in (100, 900):
            signal, _, sigma = alphas(folder, step)
            x = noisy(denoiser, sigma)
            expected = x - sigma * network(signal * x, step, **arguments).sample
            agrees(denoiser, sigma, prompt, expected, x, others)
            # mutant: another size
            arguments["added_cond_kwargs"]["time_ids"] = arguments["added_cond_kwargs"]["time_ids"] * 2
            changed = x - sigma * network(signal * x, step, **arguments).sample
            arguments["added_cond_kwargs"]["time_ids"] = arguments["added_cond_kwargs"]["time_ids"] / 2
            assert far(changed, expected) > 1e-4


def test_no_prompt_of_stable_diffusion_xl_is_the_empty_one_where_the_pipeline_says_so(made):
    from speciation.validation import load_pipeline

    denoiser = load_pipeline(made("sdxl", force_zeros_for_empty_prompt=False))
    x = noisy(denoiser, 1.0)
    assert torch.equal(denoiser(x, 1.0, None), denoiser(x, 1.0, ""))
    with pytest.raises(ValueError, match="the empty prompt means no prompt"):
        denoiser.check_prompts(["", None])


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_edm_schedulers(made, tmp_path, prediction):
    from diffusers import EDMEulerScheduler
    from speciation.validation import load_pipeline

    folder = tmp_path / "pipeline"
    shutil.copytree(made("sdxl"), folder)
    scheduler = EDMEulerScheduler(sigma_data=0.7, prediction_type=prediction)
    scheduler.save_pretrained(folder / "scheduler")
    denoiser, network = load_pipeline(folder), network_of(folder)
    np.testing.assert_allclose(denoiser.sigmas[[0, -1]], [0.002, 80], rtol=1e-5)
    np.testing.assert_allclose(denoiser.chain_sigmas(1000), scheduler.sigmas[:-1], rtol=1e-5)
    with torch.no_grad():
        arguments = sdxl_arguments(folder, "a dog")
        for sigma in (0.02, 0.7, 30.0):
            x = noisy(denoiser, sigma)
            level = torch.tensor(sigma)
            time = scheduler.precondition_noise(level)
            answer = network(scheduler.precondition_inputs(x, level), time, **arguments).sample
            expected = scheduler.precondition_outputs(x, answer, level)
            with torch.no_grad():
                assert far(denoiser(x, sigma, "a dog"), expected) < 1e-5
            if sigma == 0.7:
                agrees(denoiser, sigma, "a dog", expected, x, ["a cat"])
                # mutant: c_out of the other sign
                turned = 2 * (0.5 * x) - expected  # c_skip is ½ here
                assert far(denoiser(x, sigma, "a dog"), turned) > 1e-2


def sd3_arguments(folder, prompt, absent=()):
    kind, length = "CLIPTextModelWithProjection", 77 if len(absent) == 2 else 16
    states, pooled = torch.zeros(1, length, 32), torch.zeros(1, 28)
    for end, start, width in (("", 0, 16), ("_2", 16, 12)):
        if f"text_encoder{end}" not in absent:
            tokens = words(folder, prompt, end).input_ids
            answer = encoder(folder, kind, end)(tokens, output_hidden_states=True)
            states[..., start : start + width] = answer.hidden_states[-2]
            pooled[:, start : start + width] = answer.text_embeds
    after = torch.zeros(1, 256, 32)
    if "text_encoder_3" not in absent:
        tokens = words(folder, prompt, "_3", 256, "T5TokenizerFast").input_ids
        after = encoder(folder, "T5EncoderModel", "_3")(tokens)[0]
    states = torch.cat([states, after], 1)
    return {"encoder_hidden_states": states.expand(2, -1, -1), "pooled_projections": pooled.expand(2, -1)}


@pytest.mark.parametrize(
    "absent", [(), ("text_encoder_3",), ("text_encoder",), ("text_encoder", "text_encoder_2")]
)
def test_stable_diffusion_3_is_flow_matching(made, absent):
    from speciation.validation import load_pipeline

    folder = made("sd3", absent=absent)
    denoiser, network, scheduler = load_pipeline(folder), network_of(folder), scheduler_of(folder)
    assert (denoiser.family, denoiser.latents.scale, denoiser.latents.shift) == ("sd3", 1.5305, 0.0609)
    # the shift is in the scheduler's table; its u = 1, where σ is infinite, is left out
    u = scheduler.sigmas.double().numpy()[1:]
    assert u[-1] == pytest.approx(3e-3 / 1.002)
    np.testing.assert_allclose(denoiser.sigmas[::-1], u / (1 - u))
    np.testing.assert_allclose(denoiser.chain_sigmas(998), u / (1 - u))
    with torch.no_grad():
        arguments = sd3_arguments(folder, "a dog", absent)
        for u in (0.0123, 0.5, 0.987):  # any u, not those of the table alone
            sigma = u / (1 - u)
            x = noisy(denoiser, sigma)
            time = torch.full((2,), 1000 * u)
            seen = (1 - u) * x
            expected = seen - u * network(seen, timestep=time, **arguments).sample
            agrees(denoiser, sigma, "a dog", expected, x, ["a cat", None])


def test_flow_matching_of_other_solvers(made, tmp_path):
    from diffusers import UniPCMultistepScheduler
    from speciation.validation import load_pipeline

    folder = tmp_path / "pipeline"
    shutil.copytree(made("sd3"), folder)
    flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}
    UniPCMultistepScheduler(**flow).save_pretrained(folder / "scheduler")
    one, other = load_pipeline(made("sd3")), load_pipeline(folder)
    np.testing.assert_allclose(one.sigmas, other.sigmas)
    x = noisy(one, 1.5)
    assert torch.equal(one(x, 1.5, "a dog"), other(x, 1.5, "a dog"))


@pytest.mark.parametrize("sized", [False, True])
def test_pixart(made, sized):
    from speciation.validation import load_pipeline

    folder = made("pixart", sized=sized)
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert (denoiser.family, denoiser.shape) == ("pixart", (4, 8, 8))
    given = words(folder, "a dog", length=120 if sized else 300, kind="T5TokenizerFast")
    added = {"resolution": None, "aspect_ratio": None}
    if sized:  # 8 latents are 64 pixels
        added = {"resolution": torch.full((2, 2), 64.0), "aspect_ratio": torch.ones(2, 1)}
    with torch.no_grad():
        text = encoder(folder, "T5EncoderModel")(given.input_ids, attention_mask=given.attention_mask)[0]
        for step in (100, 900):
            signal, _, sigma = alphas(folder, step)
            x = noisy(denoiser, sigma)
            answer = network(
                signal * x, text.expand(2, -1, -1), torch.full((2,), step), added,
                encoder_attention_mask=given.attention_mask.expand(2, -1),
            ).sample  # fmt: skip
            assert answer.shape[1] == 8  # of which the second half is a variance
            agrees(denoiser, sigma, "a dog", x - sigma * answer[:, :4], x, ["a cat", None])
            assert far(x - sigma * answer[:, 4:], x - sigma * answer[:, :4]) > 1e-4
    # prompts are written small, as its pipeline does
    with pytest.raises(ValueError, match="are the same to the text encoder, which reads"):
        denoiser.check_prompts(["A dog"])


def test_dit_of_classes(made, tmp_path):
    from speciation.validation import load_pipeline

    folder = made("dit")
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert (denoiser.family, denoiser.conditions) == ("dit", ("0", "1", "2", "3", "4"))
    assert denoiser.has_null
    # "7" is a number
    found = {name: denoiser.names.find(name) for name in ("tench", "Tinca tinca", "cock", "machine", "7")}
    assert found == {"tench": "0", "Tinca tinca": "0", "cock": "2", "machine": "3", "7": None}
    with torch.no_grad():
        for step, label, condition in ((100, 2, "2"), (900, 2, "cock"), (500, 5, None)):
            signal, _, sigma = alphas(folder, step)
            x = noisy(denoiser, sigma)
            labels = torch.full((2,), label)
            answer = network(signal * x, timestep=torch.full((2,), step), class_labels=labels).sample
            agrees(denoiser, sigma, condition, x - sigma * answer[:, :4], x, ["1", "tench"])
    # older files call it by another name
    older = {"_class_name": "Transformer2DModel", "num_vector_embeds": None, "cross_attention_dim": None}
    same = load_pipeline(changed(folder, tmp_path / "older", "transformer", **older))
    assert torch.equal(same(x, sigma, "2"), denoiser(x, sigma, "2"))
    denoiser.train()  # its own training drops labels
    assert not any(module.training for module in denoiser.modules())
    for wrong, message in (
        ("5", "'5' is not one of 0, 1, 2, 3, 4"),
        ("crane", r"'crane' is the name of 1 \(crane\) and 3 \(crane, machine\); say which of these"),
    ):
        with pytest.raises(ValueError, match=f"condition: {message}"):
            denoiser.check_prompts(["0", wrong])


@pytest.mark.parametrize(
    ("classes", "named", "null"), [(3, 0, None), (3, 3, None), (4, 3, 3)], ids=["bare", "named", "spare"]
)
def test_unets_of_classes(made, classes, named, null):
    """A row of the table that stands for no class is known only where the pipeline names all the others."""
    from speciation.validation import load_pipeline

    index = {"id2label": {str(n): f"class {n}" for n in range(named)}} if named else None
    folder = made("unet", classes=classes, index=index)
    denoiser, network = load_pipeline(folder), network_of(folder)
    assert denoiser.latents is None
    assert denoiser.conditions == ("0", "1", "2")
    assert denoiser.has_null is (null is not None)
    signal, _, sigma = alphas(folder, 300)
    x = noisy(denoiser, sigma)
    with torch.no_grad():
        for label in (1, null):
            if label is not None:
                answer = network(signal * x, 300, torch.full((2,), label)).sample
                condition = None if label == null else str(label)
                agrees(denoiser, sigma, condition, x - sigma * answer, x, ["0", "2"])
    if null is None:
        with pytest.raises(ValueError, match="no answer without a class"):
            denoiser(x, sigma, None)


@pytest.mark.parametrize("where", ["parts", "top"])
@pytest.mark.parametrize("prediction", ["epsilon", "sample"])
def test_unets_without_conditions(made, tmp_path, prediction, where):
    from diffusers import DDPMScheduler
    from speciation.validation import load_pipeline

    folder, source = tmp_path / "pipeline", tmp_path / "pipeline"
    shutil.copytree(made("unet"), folder)
    DDPMScheduler(**tiny.LINEAR, prediction_type=prediction).save_pretrained(folder / "scheduler")
    if where == "top":  # as the first published ones are
        source = tmp_path / "top"
        source.mkdir()
        for file in (*(folder / "unet").iterdir(), *(folder / "scheduler").iterdir()):
            shutil.copy(file, source / file.name)
        shutil.copy(folder / "model_index.json", source)
    denoiser, network = load_pipeline(source), network_of(folder)
    assert (denoiser.family, denoiser.shape, denoiser.has_null) == ("unet", (3, 8, 8), True)
    signal, _, sigma = alphas(folder, 300)
    x = noisy(denoiser, sigma)
    with torch.no_grad():
        answer = network(signal * x, 300).sample
    agrees(denoiser, sigma, None, answer if prediction == "sample" else x - sigma * answer, x, [])
    with pytest.raises(ValueError, match="this network has no classes"):
        denoiser(x, sigma, "1")


def test_from_another_working_directory_and_by_relative_path(made, tmp_path, monkeypatch):
    from speciation.validation import load_pipeline
    from speciation.validation.models.pipelines.source import pipeline_files

    folder = made("sd1")
    digest = load_pipeline(folder).digest()
    monkeypatch.chdir(tmp_path)
    assert load_pipeline(folder).digest() == digest
    monkeypatch.chdir(folder.parent)
    assert load_pipeline(folder.name).digest() == digest
    assert load_pipeline(f"./{folder.name}/").digest() == digest
    read = {Path(name).relative_to(folder).as_posix() for name in pipeline_files(folder)}
    weights = {"unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"}
    assert weights | {"model_index.json", "vae/config.json"} <= read


@pytest.mark.slow
def test_by_hub_name_from_the_cache_alone(made, tmp_path):
    """A process of its own, as the libraries look up where their cache is when they are imported."""
    cache = tmp_path / "hub" / "models--somebody--something"
    shutil.copytree(made("sdxl"), cache / "snapshots" / ("0" * 40))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0" * 40)
    program = (
        "import socket\nsocket.socket.connect = None\n"
        "from speciation.validation import load_pipeline\n"
        "from speciation.validation.models.pipelines.source import pipeline_files\n"
        "name = 'somebody/something'\nfiles = pipeline_files(name)\n"
        "print(load_pipeline(name).digest(), any('text_encoder_2' in path for path in files))"
    )
    from speciation.validation import load_pipeline

    expected = load_pipeline(made("sdxl")).digest()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGINGFACE"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean | {"HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [expected, "True"], done.stderr


def test_variants_and_precision(made):
    from speciation.validation import load_pipeline

    folder = made("sd1", variant="fp16")
    with pytest.raises(ValueError, match=r"unet cannot be read \(give variant='fp16'\)"):
        load_pipeline(folder)
    with pytest.raises(ValueError, match="unet cannot be read"):
        load_pipeline(folder, variant="bf16")
    denoiser = load_pipeline(folder, variant="fp16")
    half = load_pipeline(folder, variant="fp16", dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    x = noisy(denoiser, 1.0)
    assert half(x, 1.0, "a dog").dtype == torch.float32
    assert 1e-6 < far(half(x, 1.0, "a dog"), denoiser(x, 1.0, "a dog")) < 0.1
    # moving it moves the texts, and those encoded before are encoded again
    half.to(torch.float32)
    assert far(half(x, 1.0, "a dog"), denoiser(x, 1.0, "a dog")) < 0.1
    assert half.digest() != denoiser.digest()


def test_levels_of_a_batch_and_gradients(made):
    from speciation.validation import load_pipeline

    denoiser = load_pipeline(made("sd3"))
    x = noisy(denoiser, 1.0).requires_grad_(True)
    both = denoiser(x, torch.tensor([0.5, 2.0]), "a dog")
    for row, sigma in enumerate((0.5, 2.0)):
        assert far(both[row : row + 1], denoiser(x[row : row + 1], sigma, "a dog")) < 1e-5
    both.sum().backward()
    assert float(x.grad.abs().max()) > 0


def test_loading_draws_nothing_and_says_nothing(made, capfd):
    from speciation.validation import load_pipeline

    folder = made("pixart", sized=False)  # which draws, if no test before has made it
    torch.manual_seed(3)
    before = torch.get_rng_state()
    capfd.readouterr()
    denoiser = load_pipeline(folder)
    denoiser(noisy(denoiser, 1.0), 1.0, "a dog")
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


def changed(folder, target, part, file="config.json", **entries):
    shutil.copytree(folder, target)
    path = target / part / file
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return target


def of_scheduler(family, **entries):
    return (family, "scheduler", "scheduler_config.json", entries)


def of_network(family, part, **entries):
    return (family, part, "config.json", entries)


def of_index(family, **entries):
    return (family, ".", "model_index.json", entries)


REFUSED = {
    "LCM": (of_scheduler("sd1", _class_name="LCMScheduler"), "scheduler: a LCMScheduler is for"),
    "TCD": (of_scheduler("sdxl", _class_name="TCDScheduler"), "distilled for few steps"),
    "consistency": (
        of_scheduler("unet", _class_name="CMStochasticIterativeScheduler"),
        "scheduler: a CMStochasticIterativeScheduler is for networks distilled",
    ),
    "consistency pipeline": (of_index("unet", _class_name="ConsistencyModelPipeline"), "unet: of a Cons"),
    "guidance embedded": (
        of_network("sd1", "unet", time_cond_proj_dim=256),
        "unet: takes a guidance weight, as networks distilled for few steps do (time_cond_proj_dim)",
    ),
    "turbo": (
        of_network("sdxl", "unet", _name_or_path="stabilityai/sdxl-turbo"),
        "unet: a stabilityai/sdxl-turbo: it is distilled for few steps",
    ),
    "inpainting": (of_network("sd1", "unet", in_channels=9), "unet: takes 9 channels and gives 4"),
    "inpainting SD3": (of_network("sd3", "transformer", in_channels=9), "transformer: takes 9 channels"),
    "ControlNet": (of_index("sd1", controlnet=["diffusers", "ControlNetModel"]), "controlnet: the pipe"),
    "refiner": (of_index("sdxl", requires_aesthetics_score=True), "unet: takes an aesthetics score"),
    "film": (of_index("sd1", motion_adapter=["diffusers", "MotionAdapter"]), "motion_adapter: the pipeline"),
    "unknown network": (
        of_network("sd3", "transformer", _class_name="FluxTransformer2DModel"),
        "transformer: is a FluxTransformer2DModel, whose arguments are not known; known are UNet2DCond",
    ),
    "images as text": (of_network("sd1", "unet", encoder_hid_dim_type="image_proj"), "encoder_hid_dim_type"),
    "upscaler": (of_network("sd1", "unet", num_class_embeds=1000), "takes a class number"),
    "noise as class": (of_network("unet", "unet", class_embed_type="timestep"), "(class_embed_type)"),
    "text alone": (of_network("sd1", "unet", addition_embed_type="text"), "takes 'text' (addition_"),
    "VE": (of_scheduler("unet", _class_name="ScoreSdeVeScheduler"), "is of no known kind"),
    "continuous": (of_scheduler("sdxl", timestep_type="continuous"), "is of no known kind"),
    "flow half said": (
        of_scheduler("sd1", use_flow_sigmas=True),
        "a PNDMScheduler whose noise levels are those of a flow",
    ),
    "flow from data": (of_scheduler("sd3", invert_sigmas=True), "scheduler: invert_sigmas: its flow runs"),
    "prediction": (of_scheduler("sd1", prediction_type="mine"), "the network predicts 'mine'; known are"),
    "no table": (of_scheduler("sd1", beta_start=None), "scheduler: has no beta_start"),
    "another table": (of_scheduler("sd1", beta_schedule="mine"), "scheduler"),
    "no size": (of_network("sd1", "unet", sample_size=None), "unet: sample_size, the side of its samples"),
    "no text encoder": (of_index("sdxl", text_encoder_2=[None, None]), "text_encoder_2: is missing"),
    "none of three": (
        of_index("sd3", text_encoder=None, text_encoder_2=None, text_encoder_3=None),
        "text_encoder: none of the three is there",
    ),
    "one text encoder less": (of_index("sdxl", text_encoder=None), "text_encoder: its encoders give 24"),
    "no network": (of_index("sd1", unet=[None, None]), "a StableDiffusionPipeline has neither a unet nor a"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_posterior_mean_or_unknown_is_refused(made, tmp_path, kind):
    from speciation.validation import load_pipeline

    (family, part, file, entries), message = REFUSED[kind]
    folder = changed(made(family), tmp_path / "changed", part, file, **entries)
    with pytest.raises(ValueError, match=r"^") as refusal:
        load_pipeline(folder)
    told = str(refusal.value)
    assert told.startswith(f"{folder}: ")
    assert message in told
    assert "\n" not in told


def test_files_that_are_no_pipelines_are_refused(made, tmp_path):
    from diffusers import ControlNetModel
    from speciation.validation import load_pipeline

    keys = (
        "layers_per_block",
        "block_out_channels",
        "norm_num_groups",
        "down_block_types",
        "attention_head_dim",
    )
    ControlNetModel(**{key: tiny.BLOCKS[key] for key in keys}, cross_attention_dim=16).save_pretrained(
        tmp_path / "control"
    )
    pickles = tmp_path / "pickles"
    shutil.copytree(made("sd1"), pickles)
    weights = pickles / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.ckpt").write_bytes(b"")
    (tmp_path / "broken.safetensors").write_bytes(b"not at all")
    for source, message in (
        (tmp_path / "control", "a ControlNetModel adds to another network, and is none by itself"),
        (pickles, "unet cannot be read (its weights are a pickle, which could execute; only safetensors are"),
        (made("sd1") / "unet", "a UNet2DConditionModel without its scheduler"),
        (tmp_path / "empty", "has no model_index.json, and neither a unet nor a transformer"),
        (tmp_path / "absent", "unet cannot be read (not on this machine; downloads are off)"),
        ("somebody/something", "unet cannot be read (not on this machine; downloads are off)"),
        (tmp_path / "model.ckpt", "of single files only .safetensors are read, not .ckpt"),
        (tmp_path / "broken.safetensors", "cannot be read"),
    ):
        with pytest.raises(ValueError, match=r"^") as refusal:
            load_pipeline(source)
        assert str(refusal.value).startswith(f"{source}: ")
        assert message in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("family", "file"),
    [
        ("sdxl", "text_encoder_2/model.safetensors"),
        ("sd3", "transformer/diffusion_pytorch_model.safetensors"),
        ("sd3", "text_encoder_3/model.safetensors"),
        ("dit", "transformer/diffusion_pytorch_model.safetensors"),
        ("unet", "unet/diffusion_pytorch_model.safetensors"),
    ],
)
def test_a_weight_that_is_not_in_the_file_is_never_drawn_at_random(made, tmp_path, family, file):
    from safetensors.torch import load_file, save_file
    from speciation.validation import load_pipeline

    tensors = load_file(made(family) / file)
    name = sorted(tensors)[-1]
    changes = {
        "is missing": {key: value for key, value in tensors.items() if key != name},
        "another.weight is not a weight of": tensors | {"another.weight": torch.zeros(2)},
        "has another shape": tensors | {name: torch.zeros(3)},
    }
    folder = tmp_path / "changed"
    shutil.copytree(made(family), folder)
    for message, kept in changes.items():
        save_file(kept, folder / file, metadata={"format": "pt"})
        with pytest.raises(ValueError, match=message) as refusal:
            load_pipeline(folder)
        assert str(refusal.value).startswith(f"{folder}: {Path(file).parent}: ")


def test_prompts_that_are_one_to_every_encoder_are_refused(made):
    from speciation.validation import load_pipeline

    short, long = "a " * 90 + "dog", "a " * 90 + "cat"
    for family in ("sd1", "sdxl"):
        with pytest.raises(ValueError, match="the same to the text encoder, which reads 16 tokens"):
            load_pipeline(made(family)).check_prompts([short, long])
    # the third encoder of SD3 reads more
    load_pipeline(made("sd3")).check_prompts([short, long])


SINGLE = {"sd1": {}, "sd2": {"open_clip": True}, "sdxl": {}}


@pytest.mark.parametrize("family", SINGLE)
@pytest.mark.parametrize("where", ["beside", "among"])
def test_single_files_of_their_authors_names(made, tmp_path, family, where, monkeypatch):
    """Their configuration is in a folder of the file's name, or in the file's own folder."""
    from speciation.validation import load_pipeline

    folder = tmp_path / "model"
    shutil.copytree(made(family), folder)
    path = (tmp_path if where == "beside" else folder) / "model.safetensors"
    tiny.single(made(family), path, **SINGLE[family])
    for weights in (path for path in folder.rglob("*.safetensors") if path.parent != folder):
        weights.unlink()
    monkeypatch.chdir(path.parent)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    denoiser, expected = load_pipeline("model.safetensors"), load_pipeline(made(family))
    assert torch.equal(torch.get_rng_state(), before)
    assert denoiser.digest() == expected.digest()
    x = noisy(denoiser, 1.0)
    assert torch.equal(denoiser(x, 1.0, "a dog"), expected(x, 1.0, "a dog"))


def test_single_files_that_do_not_fit_are_refused(made, tmp_path):
    from safetensors.torch import load_file, save_file
    from speciation.validation import load_pipeline

    path = tiny.single(made("sd1"), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="has weights alone: lay its configuration") as refusal:
        load_pipeline(path)
    assert str(refusal.value).startswith(f"{path}: ")
    shutil.copytree(made("sd1"), tmp_path / "model")
    tensors = load_file(path)
    name, text = "model.diffusion_model.out.2.weight", "cond_stage_model.transformer.text_model."
    for kept, message in (
        ({key: t for key, t in tensors.items() if key != name}, "unet: conv_out.weight is missing"),
        (tensors | {name: torch.zeros(3)}, "unet: conv_out.weight has another shape"),
        (tensors | {text + "more": torch.zeros(3)}, "text_encoder: text_model.more is not a weight of this"),
        (
            {key: t for key, t in tensors.items() if not key.startswith(text)},
            "text_encoder: the file has none",
        ),
        ({"encoder.weight": torch.zeros(3)}, "holds no network of Stable Diffusion 1, 2 or XL"),
    ):
        save_file(kept, path)
        with pytest.raises(ValueError, match=r"^") as refusal:
            load_pipeline(path)
        assert str(refusal.value).startswith(f"{path}: ")
        assert message in str(refusal.value)
    # mutant: the file of another family
    tiny.single(made("sdxl"), path)
    with pytest.raises(ValueError, match=r"unet: .* has another shape"):
        load_pipeline(path)


def test_measured_end_to_end(made):
    from speciation.validation import load_pipeline, path_entropy

    for family, conditions in (("sd3", ["a dog", "a cat"]), ("dit", ["1", "cock"])):
        denoiser = load_pipeline(made(family))
        sigma = denoiser.chain_sigmas(5)
        curve = path_entropy(denoiser, conditions, sigma, denoiser.shape, chains=2, batch=2)
        assert np.isfinite(curve["entropy"]).all()


def test_the_page_of_models_names_tests_that_are(root):
    page = (root / "docs" / "site" / "how-to" / "models.md").read_text()
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", page)
    assert len(named) > 20
    for module, name in named:
        (path,) = (root / "tests").rglob(f"{module}.py")
        assert f"def {name}(" in path.read_text()


@pytest.mark.parametrize(
    ("family", "conditions"),
    [
        ("sd1", ["a dog", None]),
        ("sdxl", ["a dog", None]),
        ("sd3", ["a dog", None]),
        ("pixart", ["a dog", None]),
        ("dit", ["2", None]),
        ("unet", ["1", "2"]),
    ],
)
def test_samples_of_a_batch_have_conditions_of_their_own(made, family, conditions):
    from speciation.validation import load_pipeline

    denoiser = load_pipeline(made(family, classes=3) if family == "unet" else made(family))
    x = noisy(denoiser, 1.0)
    with torch.no_grad():
        found = denoiser.per_sample(x, 1.0, conditions)
        for row, condition in enumerate(conditions):
            own, other = (denoiser(x, 1.0, c)[row] for c in (condition, conditions[1 - row]))
            assert far(found[row], own) < 1e-5
            assert far(found[row], other) > 1e-4
