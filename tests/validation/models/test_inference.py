"""Safetensors without our metadata: configuration from names and shapes, and what does not fit."""

import pytest
import torch
from safetensors.torch import save_file
from speciation.validation import load_edm
from speciation.validation.models.edm import EDM, EDM2, Configuration, EDMConfiguration

SMALL = {"img_resolution": 16, "img_channels": 3, "label_dim": 5, "num_blocks": 2}
TWO = {**SMALL, "channel_mult": (1, 2), "attn_resolutions": (8,)}
NETWORKS = {
    "EDM2": Configuration(**TWO, model_channels=64),
    "EDM2, no labels": Configuration(**{**TWO, "label_dim": 0, "model_channels": 64}),
    "EDM2, embeddings": Configuration(**TWO, model_channels=64, channel_mult_noise=3, logvar_channels=32),
    "EDM2, one level": Configuration(16, 1, 2, 64, (1,), 1, ()),
    "DDPM++": EDMConfiguration(**TWO, model_channels=16, augment_dim=9),
    "NCSN++": EDMConfiguration(
        **TWO, model_channels=16, embedding_type="fourier", encoder_type="residual", channel_mult_noise=2,
        resample_filter=(1, 3, 3, 1),
    ),
    "skips": EDMConfiguration(**TWO, model_channels=16, encoder_type="skip", decoder_type="skip"),
    "ADM": EDMConfiguration(**TWO, network="DhariwalUNet", model_channels=64),
    "iDDPM": EDMConfiguration(
        **TWO, network="DhariwalUNet", preconditioning="iDDPM", model_channels=64, levels=50
    ),
}  # fmt: skip


def made(configuration):
    """A network with weights of all sizes, the noise levels of iDDPM among them."""
    torch.manual_seed(0)
    network = (EDM2 if isinstance(configuration, Configuration) else EDM)(configuration)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name == "u":
                tensor.copy_(torch.linspace(100, 0, len(tensor)))
            elif not name.endswith("resample_filter"):
                tensor.copy_(0.2 * torch.randn(tensor.shape))
    return network.eval()


def answers(network):
    c = network.configuration
    x = torch.linspace(-1, 1, 2 * c.img_channels * 256).reshape(2, c.img_channels, 16, 16)
    with torch.no_grad():
        return network(x, torch.tensor([0.3, 5.0]), torch.tensor([1, 0]) if c.label_dim else None)


@pytest.mark.parametrize("prefix", ["", "unet.", "model.", "module.", "a.b."])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_configuration_is_inferred(kind, prefix, tmp_path):
    network, path = made(NETWORKS[kind]), tmp_path / "network.safetensors"
    save_file({prefix + name: tensor for name, tensor in network.state_dict().items()}, path)
    found = load_edm(path)
    assert found.configuration == network.configuration
    torch.testing.assert_close(answers(found), answers(network), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["EDM2", "DDPM++", "ADM"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_unet_alone_is_given_its_preconditioner(kind, prefix, tmp_path):
    network, path = made(NETWORKS[kind]), tmp_path / "network.safetensors"
    inner = network.unet if isinstance(network, EDM2) else network.model
    save_file({prefix + name: tensor for name, tensor in inner.state_dict().items()}, path)
    torch.testing.assert_close(answers(load_edm(path)), answers(network), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("EDM2", lambda s: s.pop("unet.dec.8x8_in1.emb_gain"), "unet.dec.8x8_in1.emb_gain: missing$"),
        ("EDM2", lambda s: s.update(extra=torch.ones(1)), "extra: unexpected$"),
        (
            "EDM2",
            lambda s: s.update({"unet.out_gain": torch.ones(2), "a": torch.ones(1)}),
            r"unet.out_gain: has shape \(2,\), and the network takes \(\); 1 more do not fit",
        ),
        ("EDM2", lambda s: s.pop("unet.emb_noise.weight"), "emb_noise.weight: missing"),
        ("ADM", lambda s: s.pop("model.map_layer0.weight"), "map_layer0.weight: missing"),
        (
            "ADM",
            lambda s: s.update({"model.map_layer0.weight": torch.ones(256, 48)}),
            "channel_mult: 64 channels are no multiple of 48",
        ),
        ("DDPM++", lambda s: s.clear() or s.update(a=torch.ones(1)), "not a network of EDM or EDM2"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(kind, change, message, tmp_path):
    state, path = made(NETWORKS[kind]).state_dict(), tmp_path / "network.safetensors"
    change(state)
    save_file(state, path)
    with pytest.raises(ValueError, match=message) as refusal:
        load_edm(path)
    assert str(refusal.value).startswith(f"{path}: ")


def test_heads_that_shapes_leave_open_are_refused(tmp_path):
    path = tmp_path / "network.safetensors"
    save_file(made(Configuration(**TWO, model_channels=16, channels_per_head=16)).state_dict(), path)
    with pytest.raises(ValueError, match="attention over 32 channels: shapes do not say"):
        load_edm(path)
