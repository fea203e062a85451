"""A model that is moved leaves no tensor behind: every operation of an answer has its tensors on one device.

The device is torch's `meta`, which has shapes and no numbers, so that no accelerator is needed. Torch itself
lets some operations there take a tensor of the CPU (a product of matrices, a convolution), hence the watch.
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from speciation.theory import schedules
from speciation.validation import as_denoiser
from speciation.validation.models.edm import EDM, EDM2, Configuration, EDM2Denoiser, EDMConfiguration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

TINY = {"img_resolution": 8, "img_channels": 1, "label_dim": 3, "num_blocks": 1, "channel_mult": (1, 2)}
NETWORKS = {
    "EDM2": Configuration(**TINY, model_channels=16, attn_resolutions=(4,), channels_per_head=16),
    "DDPM++": EDMConfiguration(**TINY, model_channels=16, attn_resolutions=(4,), augment_dim=9),
    "NCSN++": EDMConfiguration(
        **TINY, model_channels=16, embedding_type="fourier", encoder_type="residual", channel_mult_noise=2,
        resample_filter=(1, 3, 3, 1), preconditioning="VE",
    ),
    "skips, VP": EDMConfiguration(
        **TINY, model_channels=16, encoder_type="skip", decoder_type="skip", preconditioning="VP"
    ),
    "ADM": EDMConfiguration(**TINY, model_channels=64, attn_resolutions=(4,), network="DhariwalUNet"),
    "iDDPM": EDMConfiguration(
        **TINY, model_channels=32, network="DhariwalUNet", preconditioning="iDDPM", levels=20
    ),
}  # fmt: skip


class OneDevice(TorchDispatchMode):
    """Refuses an operation whose tensors, but for single numbers, lie on two devices."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.ndim]
        if function is not torch.ops.aten.copy_.default and len({t.device for t in given}) > 1:
            raise AssertionError(f"{function} takes tensors of two devices")
        return function(*args, **(kwargs or {}))


def left_on_the_cpu(module):
    """The module with its first parameter of two axes or more on the CPU again."""
    parts = ((part, name, p) for part in module.modules() for name, p in part.named_parameters(recurse=False))
    owner, name, held = next(found for found in parts if found[2].ndim > 1)
    del owner._parameters[name]
    object.__setattr__(owner, name, torch.zeros(held.shape))


def check(module, ask):
    with torch.no_grad(), OneDevice():
        assert ask(module.to("meta")).device.type == "meta"
    left_on_the_cpu(module)  # mutant
    with pytest.raises((AssertionError, RuntimeError)), torch.no_grad(), OneDevice():
        ask(module)


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_of_edm(kind):
    c = NETWORKS[kind]
    network = (EDM2 if isinstance(c, Configuration) else EDM)(c).train(False)
    x = torch.zeros(2, 1, 8, 8, device="meta")
    labels = torch.zeros(2, 3, device="meta")

    def ask(moved):
        each = EDM2Denoiser(moved).per_sample(x, 1.0, ["2", None])
        return moved(x, torch.ones(2, device="meta"), labels) + moved(x, 0.5) + each

    check(network, ask)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
        self.named = torch.nn.Embedding(4, 4)

    def forward(self, x, time, label):
        return self.inner(x + time[:, None] + self.named(label))


@pytest.mark.parametrize("prediction", ["epsilon", "v", "sample", "flow", "sit", "edm", "edm-v"])
def test_networks_that_are_wrapped(prediction):
    schedule = schedules.DDPM() if prediction in ("epsilon", "v", "sample") else None
    x = torch.zeros(3, 4, device="meta")

    def ask(moved):
        return moved(x, 1.0, "a") + moved(x, 1.0) + moved.per_sample(x, 1.0, ["a", None, "b"])

    denoiser = as_denoiser(Network(), prediction, schedule, labels=["a", "b"], null=2)
    denoiser._heeds = True  # it is found out by looking at numbers
    check(denoiser, ask)
    clock = as_denoiser(Network(), prediction, schedule, labels=2, null=2, time=lambda s: s.log())
    clock._heeds = True
    check(clock, lambda moved: moved(x, 1.0, "1"))


@pytest.mark.parametrize(("kind", "condition"), [("sd1", "a dog"), ("dit", "cock")])
def test_pipelines(kind, condition, tmp_path):
    from speciation.validation import load_pipeline

    spec = importlib.util.spec_from_file_location(
        "tiny_pipelines", Path(__file__).parent / "tiny_pipelines.py"
    )
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    denoiser = load_pipeline({"sd1": tiny.sd1, "dit": tiny.dit}[kind](tmp_path))
    x = torch.zeros(2, *denoiser.shape, device="meta")
    check(denoiser, lambda moved: moved(x, 1.0, condition) + moved(x, 1.0))
