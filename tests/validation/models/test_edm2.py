"""EDM2: published names and shapes, published outputs, and files that are refused."""

import json
import zlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from speciation.validation.models.edm import EDM2, Configuration, EDM2Denoiser, load_edm2, save_edm2


def published(reference, size):
    content = json.loads((reference / f"edm2_{size}_state.json").read_text())
    return Configuration(**content["config"]), {
        name: tuple(shape) for name, shape in content["state"].items()
    }


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def filled(configuration):
    """The network with the weights behind the published outputs."""
    network = EDM2(configuration)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
            tensor.copy_(torch.from_numpy(rng.standard_normal(tensor.shape).astype(np.float32)))
    return network.train(False)


@pytest.fixture
def golden(reference):
    with np.load(reference / "edm2_tiny_golden.npz") as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive}


@pytest.mark.parametrize("labelled", [True, False])
def test_outputs_are_those_published(reference, golden, labelled):
    network = filled(published(reference, "tiny")[0])
    expected = golden["denoised" if labelled else "denoised_unlabelled"]
    with torch.no_grad():
        found = network(golden["x"], golden["sigma"], golden["labels"] if labelled else None)
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5
        # mutant: another noise level, by 2 %, is seen
        other = network(golden["x"], 1.02 * golden["sigma"], golden["labels"] if labelled else None)
        assert float((other - expected).abs().max() / expected.abs().max()) > 1e-4


@pytest.mark.parametrize("size", ["tiny", "xs"])
def test_names_and_shapes_are_those_published(reference, size):
    configuration, expected = published(reference, size)
    with torch.device("meta"):
        network = EDM2(configuration)
    assert shapes(network) == expected
    if size == "xs":
        assert sum(parameter.numel() for parameter in network.parameters()) == 124_713_253


@pytest.mark.slow
def test_xs_runs_a_batch(reference):
    network = EDM2(published(reference, "xs")[0]).train(False)
    with torch.no_grad():
        assert network(torch.randn(1, 4, 64, 64), torch.tensor([1.0])).shape == (1, 4, 64, 64)


def test_a_file_brings_the_network_back(reference, golden, tmp_path):
    network, path = filled(published(reference, "tiny")[0]), tmp_path / "tiny.safetensors"
    save_edm2(network, path)
    denoiser = EDM2Denoiser(load_edm2(path))
    assert denoiser.shape == (4, 16, 16)
    x = golden["x"][:1]
    with torch.no_grad():
        expected = network(x, torch.tensor([0.7]), torch.eye(10)[[3]])
    torch.testing.assert_close(denoiser(x, 0.7, "3"), expected)
    torch.testing.assert_close(denoiser(x, 0.7, None), network(x, torch.tensor([0.7])).detach())
    with pytest.raises(ValueError, match="'10' is not a class number from 0 to 9"):
        denoiser(x, 0.7, "10")


def test_training_keeps_weights_on_the_sphere(reference):
    network = EDM2(Configuration(8, 1, 0, 16, (1,), 1, (), 16)).train()
    network(torch.randn(2, 1, 8, 8), torch.ones(2))
    weight = network.unet.enc["8x8_conv"].weight
    sizes = torch.linalg.vector_norm(weight.flatten(1), dim=1) / weight[0].numel() ** 0.5
    torch.testing.assert_close(sizes, torch.ones_like(sizes), rtol=1e-3, atol=1e-3)


def damaged(kind, path, network):
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    configuration = {"img_resolution": 8, "img_channels": 1, "label_dim": 0, "model_channels": 16}
    configuration |= {"channel_mult": [1], "num_blocks": 1, "attn_resolutions": [], "channels_per_head": 16}
    if kind == "absent":
        return
    if kind == "pickle":
        path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
        return
    metadata = {"edm2": json.dumps(configuration | ({"evil": 1} if kind == "argument" else {}))}
    if kind == "name":
        state["unet.extra"] = torch.zeros(1)
    if kind == "shape":
        state["unet.out_gain"] = torch.zeros(3)
    save_file(state, path, metadata=None if kind == "configuration" else metadata)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("absent", "cannot be read"),
        ("pickle", "ema|no network named 'ema'"),
        ("truncated", "is no safetensors file"),
        ("configuration", "attention over 16 channels: shapes do not say"),
        ("argument", "unexpected keyword argument 'evil'"),
        ("name", "unet.extra: unexpected"),
        ("shape", r"unet.out_gain: has shape \(3,\), and the network takes \(\)"),
    ],
)
def test_files_that_are_refused(kind, message, tmp_path):
    path = tmp_path / "network.safetensors"
    damaged(kind, path, EDM2(Configuration(8, 1, 0, 16, (1,), 1, (), 16)))
    with pytest.raises(ValueError, match=message) as refusal:
        load_edm2(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)
