"""ADM networks as published, built a second time: tensors by name, functions by formula, a pickle by hand.

Nothing of the reader or of its network is used: names and shapes follow the published description, group
norms are means and variances, resampling by [1, 1] is a mean of four or a repetition, attention is torch's.
"""

import math
import pickle

import numpy as np
import pytest
import torch
from speciation.validation import load_edm
from torch.nn import functional

CLASSES = 5
BASE = {
    "img_resolution": 8, "img_channels": 3, "label_dim": CLASSES,
    "model_channels": 32, "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [4],
}  # fmt: skip
CASES = {
    "as trained": ("EDM", (), {"dropout": 0.1, "use_fp16": True, "model_type": "DhariwalUNet"}, 2),
    "augmented": (
        "EDM", (), {"augment_dim": 9, "label_dropout": 0.1, "sigma_min": 0, "sigma_max": math.inf}, 3
    ),
    "by place": ("EDM", (8, 3, CLASSES, False, 0, math.inf, 0.5, "DhariwalUNet"), {}, 4),
    "without labels": ("EDM", (), {"label_dim": 0}, 5),
    "wide first": (
        "EDM", (), {"channel_mult": [3, 1, 2], "attn_resolutions": (8, 2), "channel_mult_emb": 2}, 4
    ),
    "several heads": ("EDM", (), {"channel_mult": [4], "attn_resolutions": [8], "num_blocks": 2}, 4),
    "numbers of NumPy": ("EDM", (), {"dropout": np.float64(0.13), "sigma_data": np.float32(0.5)}, 4),
    "VP": ("VP", (), {"model_type": "DhariwalUNet", "beta_d": 10.0, "M": 500, "epsilon_t": 1e-5}, 4),
    "VE": ("VE", (), {"model_type": "DhariwalUNet", "sigma_min": 0.02, "sigma_max": 100}, 4),
    "iDDPM": ("iDDPM", (), {}, 4),
    "iDDPM, own levels": ("iDDPM", (), {"M": 50, "C_1": 0.002, "C_2": 0.01}, 2),
    "iDDPM, by place": ("iDDPM", (8, 3, CLASSES, False, 0.001, 0.008, 200), {}, 4),
}  # fmt: skip


class Drawn(dict):
    """Weights by name, drawn so that every one of them counts."""

    def __init__(self, seed):
        self.random = torch.Generator().manual_seed(seed)

    def draw(self, name, *shape):
        size = 0.3 if len(shape) == 1 else 0.7 / math.sqrt(math.prod(shape[1:]))
        self[name] = size * torch.randn(shape, generator=self.random) + (".norm" in name) * name.endswith(
            "ight"
        )

    def layer(self, name, outputs, inputs, kernel=None, bias=True):
        self.draw(f"{name}.weight", outputs, inputs, *([kernel] * 2 if kernel else []))
        if bias:
            self.draw(f"{name}.bias", outputs)

    def norm(self, name, channels):
        self.draw(f"{name}.weight", channels)
        self.draw(f"{name}.bias", channels)

    def block(self, name, inputs, outputs, embedding, attention, resampled):
        self.norm(f"{name}.norm0", inputs)
        self.layer(f"{name}.conv0", outputs, inputs, 3)
        self.layer(f"{name}.affine", 2 * outputs, embedding)
        self.norm(f"{name}.norm1", outputs)
        self.layer(f"{name}.conv1", outputs, outputs, 3)
        if resampled:
            self[f"{name}.conv0.resample_filter"] = torch.full((1, 1, 2, 2), 0.25)
            self[f"{name}.skip.resample_filter"] = torch.full((1, 1, 2, 2), 0.25)
        elif inputs != outputs:
            self.layer(f"{name}.skip", outputs, inputs, 1)
        if attention and outputs >= 64:
            self.norm(f"{name}.norm2", outputs)
            self.layer(f"{name}.qkv", 3 * outputs, outputs, 1)
            self.layer(f"{name}.proj", outputs, outputs, 1)


def plan(c):
    """Blocks in order: (name, channels given and answered, attention, resampling, takes a skip)."""
    sides = [c["img_resolution"] // 2**level for level in range(len(c["channel_mult"]))]
    widths = [c["model_channels"] * multiple for multiple in c["channel_mult"]]
    now, skips = widths[0], [widths[0]]
    for side, width in zip(sides, widths, strict=True):
        if side != sides[0]:
            yield f"enc.{side}x{side}_down", now, now, False, "down", False
            skips.append(now)
        for k in range(c["num_blocks"]):
            yield f"enc.{side}x{side}_block{k}", now, width, side in c["attn_resolutions"], None, False
            now = width
            skips.append(now)
    for side, width in [*zip(sides, widths, strict=True)][::-1]:
        if side == sides[-1]:
            yield f"dec.{side}x{side}_in0", now, now, True, None, False
            yield f"dec.{side}x{side}_in1", now, now, False, None, False
        else:
            yield f"dec.{side}x{side}_up", now, now, False, "up", False
        for k in range(c["num_blocks"] + 1):
            attention = side in c["attn_resolutions"]
            yield f"dec.{side}x{side}_block{k}", now + skips.pop(), width, attention, None, True
            now = width


def drawn(c, outputs):
    w, base = Drawn(0), c["model_channels"]
    embedding = base * c.get("channel_mult_emb", 4)
    if c.get("augment_dim"):
        w.layer("map_augment", base, c["augment_dim"], bias=False)
    w.layer("map_layer0", embedding, base)
    w.layer("map_layer1", embedding, embedding)
    if c["label_dim"]:
        w.layer("map_label", embedding, c["label_dim"], bias=False)
    side, first = c["img_resolution"], base * c["channel_mult"][0]
    w.layer(f"enc.{side}x{side}_conv", first, c["img_channels"], 3)
    for name, inputs, width, attention, resampling, _ in plan(c):
        w.block(name, inputs, width, embedding, attention, resampling)
    w.norm("out_norm", first)
    w.layer("out_conv", outputs, first, 3)
    return w


def network(w, c, x, noise, labels):
    """F(x; c_noise, labels), from the weights by their names."""

    def conv(name, y):
        return functional.conv2d(y, w[f"{name}.weight"], w[f"{name}.bias"], padding="same")

    def norm(name, y):
        groups = min(32, y.shape[1] // 4)
        split = y.reshape(len(y), groups, -1)
        split = split - split.mean(2, keepdim=True)
        flat = (split / (split.square().mean(2, keepdim=True) + 1e-5).sqrt()).reshape(y.shape)
        return flat * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    def resampled(y, way):
        if way == "down":
            return sum(y[..., i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
        return y.repeat_interleave(2, 2).repeat_interleave(2, 3) if way == "up" else y

    def silu(y):
        return y * torch.sigmoid(y)

    def attention(name, y):
        heads = y.shape[1] // 64
        parts = conv(f"{name}.qkv", norm(f"{name}.norm2", y)).reshape(len(y), heads, -1, 3, y[0, 0].numel())
        q, k, v = (parts[:, :, :, i].transpose(2, 3) for i in range(3))
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(y.shape)
        return y + conv(f"{name}.proj", mixed)

    def block(name, y, way):
        h = conv(f"{name}.conv0", resampled(silu(norm(f"{name}.norm0", y)), way))
        steer = (e @ w[f"{name}.affine.weight"].T + w[f"{name}.affine.bias"])[:, :, None, None]
        scale, shift = steer[:, : h.shape[1]], steer[:, h.shape[1] :]
        h = conv(f"{name}.conv1", silu(norm(f"{name}.norm1", h) * (1 + scale) + shift))
        y = h + (conv(f"{name}.skip", y) if f"{name}.skip.weight" in w else resampled(y, way))
        return attention(name, y) if f"{name}.qkv.weight" in w else y

    half = c["model_channels"] // 2
    angles = noise[:, None].double() * 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)
    e = torch.cat([angles.cos(), angles.sin()], dim=1).to(x)
    e = silu(e @ w["map_layer0.weight"].T + w["map_layer0.bias"]) @ w["map_layer1.weight"].T
    e = e + w["map_layer1.bias"]
    e = silu(e + labels @ w["map_label.weight"].T if c["label_dim"] else e)
    side = c["img_resolution"]
    x = conv(f"enc.{side}x{side}_conv", x)
    skips = [x]
    for name, *_, way, joins in plan(c):
        x = block(name, torch.cat([x, skips.pop()], dim=1) if joins else x, way)
        skips += [x] if name.startswith("enc") else []
    return conv("out_conv", silu(norm("out_norm", x)))


def denoised(w, kind, c, x, sigma, labels):
    """The row of K22's table 1 for a preconditioner, σ (batch,)."""
    s, given = sigma[:, None, None, None], labels if c["label_dim"] else None
    if kind == "EDM":
        total, log = s**2 + 0.25, sigma.log() / 4
        return 0.25 / total * x + s / 2 / total.sqrt() * network(w, c, x / total.sqrt(), log, given)
    if kind == "VE":
        return x + s * network(w, c, x, (sigma / 2).log(), given)
    if kind == "VP":
        beta, low = c["beta_d"], 0.1
        time = ((low**2 + 2 * beta * (1 + sigma.double() ** 2).log()).sqrt() - low) / beta
        noise = (c["M"] - 1) * time
    else:
        noise = c["M"] - 1 - (levels(c)[None] - sigma[:, None]).abs().argmin(1)
    return x - s * network(w, c, x / (s**2 + 1).sqrt(), noise.float(), given)[:, :3]


def levels(c):
    kept = np.sin(np.pi / 2 * np.arange(c["M"] + 1) / c["M"] / (1 + c["C_2"])) ** 2
    found = np.zeros(c["M"] + 1)
    for j in range(c["M"], 0, -1):
        found[j - 1] = math.sqrt((found[j] ** 2 + 1) / max(kept[j - 1] / kept[j], c["C_1"]) - 1)
    return torch.tensor(found, dtype=torch.float32)


def kinds_of(name):
    """The published class of a module, by its name."""
    last = name.rpartition(".")[2]
    for kind, starts in {
        "GroupNorm": ("norm", "out_norm"), "Linear": ("affine", "map_l", "map_augment"),
        "Conv2d": ("conv", "skip", "qkv", "proj", "out_conv"), "PositionalEmbedding": ("map_noise",),
    }.items():  # fmt: skip
        if last.startswith(starts) or (kind == "Conv2d" and last.endswith("_conv")):
            return kind
    return "UNetBlock"


def module(persistent, w, name="model"):
    """A module of the published network from the tensors below its name, as it is pickled."""
    inner = "" if name == "model" else name.removeprefix("model.") + "."
    below = {key.removeprefix(inner): tensor for key, tensor in w.items() if key.startswith(inner)}
    held = {key: tensor for key, tensor in below.items() if "." not in key}
    children = {
        child: module(persistent, w, f"{name}.{child}")
        for child in dict.fromkeys(key.split(".")[0] for key in below if "." in key)
    }
    if name == "model":
        children["map_noise"] = persistent("PositionalEmbedding", {"num_channels": 32, "_modules": {}})
    if name in ("model.enc", "model.dec"):
        found = torch.nn.ModuleDict()
        found.__dict__["_modules"] = children
        return found
    parameters = {
        k: torch.nn.Parameter(t, requires_grad=False) for k, t in held.items() if k != "resample_filter"
    }
    kind = "DhariwalUNet" if name == "model" else kinds_of(name)
    if kind in ("Conv2d", "Linear"):
        parameters = {"weight": None, "bias": None} | parameters
    buffers = {"resample_filter": held.get("resample_filter")} if kind == "Conv2d" else {}
    state = {"training": False, "_parameters": parameters, "_buffers": buffers, "_modules": children}
    state |= {"_non_persistent_buffers_set": set(), "_init_args": (), "_init_kwargs": {}}
    return persistent(kind, state | ({"label_dropout": 0} if name == "model" else {}))


@pytest.mark.parametrize("case", CASES)
def test_an_adm_network_is_that_of_its_description(case, persistent, tmp_path):
    kind, by_place, more, protocol = CASES[case]
    by_name = {k: v for k, v in (BASE | more).items() if k not in (*BASE,)[: 3 if by_place else 0]}
    c = {"M": 1000, "C_1": 0.001, "C_2": 0.008, **BASE, **more}
    if len(by_place) == 7:
        c["M"] = by_place[6]
    w = drawn(c, 6 if kind == "iDDPM" else 3)
    state = {"training": False, "_parameters": {}, "_modules": {"model": module(persistent, w)}}
    state |= {"_buffers": {"u": levels(c)} if kind == "iDDPM" else {}, "label_dim": c["label_dim"]}
    state |= {"_init_args": by_place, "_init_kwargs": by_name, "sigma_min": 0.0064, "use_fp16": True}
    content = {"ema": persistent(f"{kind}Precond", state), "loss_fn": None, "augment_pipe": None}
    (tmp_path / "adm.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    sigma, labels = torch.tensor([0.03, 0.8, 30.0]), torch.eye(CLASSES)[[4, 0, 2]]
    found = load_edm(tmp_path / "adm.pkl")
    with torch.no_grad():
        for given, rows in ((labels, labels), (None, torch.zeros(3, CLASSES))):
            expected = denoised(w, kind, c, x, sigma, rows)
            answer = found(x, sigma, given if c["label_dim"] else None)
            size = expected.abs().max()
            assert float((answer - expected).abs().max() / size) < 1e-5
            # mutants: another noise level, another class
            assert float((denoised(w, kind, c, x, 1.2 * sigma, rows) - answer).abs().max() / size) > 1e-3
            if c["label_dim"] and given is not None:
                other = denoised(w, kind, c, x, sigma, labels.roll(1, 0))
                assert float((other - answer).abs().max() / size) > 1e-4
