"""Networks of EDM: preconditioners by their formulas, blocks by other routes, state names."""

import math

import pytest
import torch
from speciation.validation.models.edm import EDM, EDM2, Configuration, EDMConfiguration
from speciation.validation.models.edm.edm1_layers import PositionalEmbedding, ResampledConvolution, attend
from speciation.validation.models.edm.edm1_networks import Block
from speciation.validation.models.edm.preconditioning import iddpm_levels
from torch.nn import functional

TINY = {"img_resolution": 4, "img_channels": 2, "model_channels": 8, "channel_mult": (1,), "num_blocks": 1}


class Seen(torch.nn.Module):
    """A network that answers 0.7 times its input, twice over the channels, and notes what it was given."""

    def forward(self, x, noise, labels):
        self.noise, self.labels = noise, labels
        return torch.cat([0.7 * x, 9 * x], dim=1)


@pytest.mark.parametrize("kind", ["EDM", "VP", "VE", "iDDPM"])
def test_preconditioners_are_their_formulas(kind):
    network = EDM(EDMConfiguration(**TINY, preconditioning=kind, sigma_data=0.6, label_dim=3))
    network.model = seen = Seen()
    if kind == "iDDPM":
        network.u.copy_(iddpm_levels(network.configuration))
    x, sigma = torch.randn(3, 2, 4, 4), torch.tensor([0.05, 1.3, 40.0])
    found = network(x, sigma, torch.tensor([2, 0, 1]))
    s = sigma[:, None, None, None]
    total = s**2 + 0.36
    time = ((0.01 + 39.8 * (1 + sigma.double() ** 2).log()).sqrt() - 0.1) / 19.9
    levels = iddpm_levels(network.configuration)
    nearest = (levels[None] - sigma[:, None]).abs().argmin(1)
    expected, noise = {
        "EDM": (0.36 / total * x + 0.6 * s / total * 0.7 * x, sigma.log() / 4),
        "VP": (x - s / (1 + s**2).sqrt() * 0.7 * x, (999 * time).float()),
        "VE": (x + s * 0.7 * x, (sigma / 2).log()),
        "iDDPM": (x - s / (1 + s**2).sqrt() * 0.7 * x, 999.0 - nearest),
    }[kind]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(seen.noise, noise, rtol=1e-4, atol=1e-4)
    assert torch.equal(seen.labels, torch.eye(3)[[2, 0, 1]])
    assert not torch.allclose(network(x, 1.02 * sigma), expected)  # mutant: another noise level
    network(x, 1.3)
    assert torch.equal(seen.labels, torch.zeros(3, 3))


def test_levels_of_iddpm_are_those_of_its_table():
    """u_M = 0, then √(1/ᾱ − 1) of the cosine schedule but where a step is cut; published: 0.0064 to 20291."""
    levels = iddpm_levels(EDMConfiguration(**TINY, preconditioning="iDDPM"))
    assert levels[-1] == 0
    kept = [math.sin(math.pi / 2 * share / 1.008) ** 2 for share in (0.5, 1)]
    assert math.isclose(float(levels[500]), math.sqrt(kept[1] / kept[0] - 1), rel_tol=1e-5)
    assert math.isclose(float(levels[999]), 0.0064, rel_tol=0.01)
    assert math.isclose(float(levels[0]), 20291, rel_tol=1e-3)


@pytest.mark.parametrize("taps", [[1, 1], [1, 3, 3, 1]])
def test_resampling_is_a_filter(taps):
    """Of a plane of ones: ones, away from the edge; of a point: the filter, up and down."""
    r = torch.tensor(taps, dtype=torch.float32)
    two, pad = torch.outer(r, r) / r.sum() ** 2, len(taps) // 2 - 1
    down, up = (ResampledConvolution(1, 1, 0, way, taps) for way in ("down", "up"))
    inside = slice(1, -1)
    assert torch.allclose(down(torch.ones(1, 1, 12, 12))[..., inside, inside], torch.ones(4, 4))
    assert torch.allclose(up(torch.ones(1, 1, 6, 6))[..., 2:-2, 2:-2], torch.ones(8, 8))
    point = torch.zeros(1, 1, 6, 6)
    point[..., 2, 3] = 1
    expected = torch.zeros(12, 12)
    expected[4 - pad : 4 - pad + len(taps), 6 - pad : 6 - pad + len(taps)] = 4 * two
    assert torch.allclose(up(point)[0, 0], expected)


def test_attention_is_that_of_torch():
    projected = torch.randn(2, 3 * 12, 3, 4)
    query, key, value = projected.reshape(2, 2, 6, 3, 12).permute(3, 0, 1, 4, 2)
    other = functional.scaled_dot_product_attention(query, key, value).transpose(2, 3).reshape(2, 12, 3, 4)
    torch.testing.assert_close(attend(projected, 2), other)


@pytest.mark.parametrize("kind", ["SongUNet", "DhariwalUNet"])
def test_blocks_are_their_formulas(kind):
    c = EDMConfiguration(**{**TINY, "model_channels": 64}, network=kind)
    block = Block(64, 128, c, resampling="down", attention=True)
    with torch.no_grad():
        for tensor in block.parameters():
            tensor.copy_(0.1 * torch.randn(tensor.shape))
    state, x, e = block.state_dict(), torch.randn(2, 64, 8, 8), torch.randn(2, 256)
    epsilon, scale, heads = (1e-6, 0.5**0.5, 1) if kind == "SongUNet" else (1e-5, 1.0, 2)

    def norm(name, y):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.group_norm(y, min(32, y.shape[1] // 4), weight, bias, epsilon)

    def conv(name, y, pad=0):
        return functional.conv2d(y, state[f"{name}.weight"], state[f"{name}.bias"], padding=pad)

    h = conv("conv0", functional.avg_pool2d(functional.silu(norm("norm0", x)), 2), 1)
    steer = (e @ state["affine.weight"].T + state["affine.bias"])[:, :, None, None]
    if kind == "SongUNet":
        h = norm("norm1", h + steer)
    else:
        h = steer[:, 128:] + norm("norm1", h) * (1 + steer[:, :128])
    y = scale * (conv("conv1", functional.silu(h), 1) + conv("skip", functional.avg_pool2d(x, 2)))
    y = scale * (y + conv("proj", attend(conv("qkv", norm("norm2", y)), heads)))
    torch.testing.assert_close(block(x, e), y)
    assert not torch.allclose(block(x, 1.02 * e), y)  # mutant


def test_embeddings_of_noise():
    x = torch.tensor([0.0, 3.0])
    for endpoint, last in ((True, 1e-4), (False, 1e-4 ** (3 / 4))):
        found = PositionalEmbedding(8, endpoint)(x)
        assert found[0].tolist() == [1] * 4 + [0] * 4
        torch.testing.assert_close(found[1, [0, 3, 4, 7]], torch.tensor(
            [math.cos(3), math.cos(3 * last), math.sin(3), math.sin(3 * last)]))  # fmt: skip


def test_state_names_of_adm():
    c = {**TINY, "channel_mult": (1, 2), "model_channels": 32, "attn_resolutions": (2,), "label_dim": 3}
    network = EDM(EDMConfiguration(**c, network="DhariwalUNet", preconditioning="iDDPM"))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name, shape in {
        "u": (1001,),
        "model.map_layer0.weight": (128, 32),
        "model.map_layer1.bias": (128,),
        "model.map_label.weight": (128, 3),
        "model.enc.4x4_conv.weight": (32, 2, 3, 3),
        "model.enc.2x2_down.conv0.resample_filter": (1, 1, 2, 2),
        "model.enc.2x2_down.skip.resample_filter": (1, 1, 2, 2),
        "model.enc.2x2_block0.affine.weight": (128, 128),
        "model.enc.2x2_block0.qkv.weight": (192, 64, 1, 1),
        "model.enc.2x2_block0.skip.weight": (64, 32, 1, 1),
        "model.dec.2x2_in0.proj.bias": (64,),
        "model.dec.4x4_block1.norm0.weight": (64,),
        "model.out_norm.weight": (32,),
        "model.out_conv.weight": (4, 32, 3, 3),
    }.items():
        assert shapes[name] == shape, name
    absent = ("model.enc.2x2_down.skip.weight", "model.map_label.bias", "model.dec.2x2_in1.qkv.weight")
    assert not shapes.keys() & set(absent)


@pytest.mark.parametrize("labels", [5, torch.tensor([0, 3]), torch.ones(2, 4), torch.ones(3, 3), -1])
def test_labels_that_are_no_classes_are_refused(labels):
    network = EDM2(Configuration(8, 1, 3, 16, (1,), 1, (), 16)).eval()
    with pytest.raises(ValueError, match="labels: "):
        network(torch.zeros(2, 1, 8, 8), 1.0, labels)
    with pytest.raises(ValueError, match="sigma: 3 noise levels for 2 samples"):
        network(torch.zeros(2, 1, 8, 8), torch.ones(3))
