"""Published checkpoints: the same network comes back in its own precision, and other files are refused."""

import json
import pickle
import pickletools
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from speciation.validation import load_edm, load_edm2
from speciation.validation.models.edm import (
    EDM,
    EDM2,
    Configuration,
    EDMConfiguration,
    read_checkpoint,
    read_network_file,
)
from speciation.validation.models.edm.weights import read_safetensors

SMALL = {"img_resolution": 8, "img_channels": 1, "label_dim": 3, "model_channels": 16, "num_blocks": 1}
ARGUMENTS = {**SMALL, "channel_mult": [1, 2], "attn_resolutions": [4], "channels_per_head": 16}
SONG = {**SMALL, "channel_mult": [1, 2], "attn_resolutions": [4]}
ADM = {**SMALL, "model_channels": 32, "channel_mult": [1, 2], "attn_resolutions": [4]}
NCSNPP = {"embedding_type": "fourier", "encoder_type": "residual", "channel_mult_noise": 2}


def random(network):
    """A network whose every weight and gain counts."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if not key.endswith((".u", "resample_filter")) and key != "u":
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return network.train(False)


def edm2(**more):
    return random(EDM2(Configuration.of({**ARGUMENTS, **more})))


def edm(kind, preconditioning, **arguments):
    return random(EDM(EDMConfiguration.of(kind, preconditioning, arguments)))


def answers(network, labels=None):
    x = torch.linspace(-2, 2, 2 * 64).reshape(2, 1, 8, 8)
    with torch.no_grad():
        return network(x, torch.tensor([0.4, 3.0]), labels)


@pytest.mark.parametrize("name", ["edm2", "edm2_numpy2", "edm1_ddpmpp", "edm1_ncsnpp", "edm1_vp"])
def test_outputs_are_those_published(name, reference, tmp_path, run):
    """Outputs of the published code for a network that it saved, also through `convert`, to 1e-5."""
    source, target = reference / "checkpoints" / f"{name}.pkl", tmp_path / "network.safetensors"
    assert run("convert", source, target, "--quiet")[0] == 0
    golden_of = name.replace("_numpy2", "")
    with np.load(reference / "checkpoints" / f"{golden_of}_golden.npz") as archive:
        golden = {key: torch.from_numpy(archive[key]) for key in archive}
    x, sigma, one_hot = golden["x"], golden["sigma"], golden["labels"]
    for network in (load_edm(source), load_edm(target)):
        for key, labels in (("denoised", one_hot), ("denoised_unlabelled", None)):
            with torch.no_grad():
                found, other = network(x, sigma, labels), network(x, 1.02 * sigma, labels)
                single = network(
                    x[:1], float(sigma[0]), labels if labels is None else int(labels[0].argmax())
                )
            largest = golden[key].abs().max()
            assert float((found - golden[key]).abs().max() / largest) < 1e-5
            assert float((single - golden[key][:1]).abs().max() / largest) < 1e-5
            assert float((other - golden[key]).abs().max() / largest) > 1e-4  # mutant: another noise level
        with torch.no_grad():
            numbered = network(x, sigma, one_hot.argmax(1))
            mislabelled = network(x, sigma, one_hot.roll(1, 1))
        assert float((numbered - golden["denoised"]).abs().max() / largest) < 1e-5
        assert float((mislabelled - golden["denoised"]).abs().max() / largest) > 1e-4  # mutant: another class


def test_pixels_need_no_encoder(reference):
    checkpoint = read_checkpoint(reference / "checkpoints" / "edm2_rgb.pkl")
    assert checkpoint.encoder is None
    assert torch.isfinite(
        load_edm(reference / "checkpoints" / "edm2_rgb.pkl")(torch.ones(1, 4, 16, 16), 1.0)
    ).all()


NETWORKS = {
    "EDM2": (lambda: edm2(), ARGUMENTS),
    "EDM2, explicit": (
        lambda: edm2(),
        {**ARGUMENTS, "use_fp16": True, "dropout": 0.1, "label_balance": 0.5,
         "res_balance": 0.3, "clip_act": 256, "channel_mult_noise": None, "channel_mult_emb": None,
         "sigma_data": 0.5, "resample_filter": [1, 1]},
    ),
    "EDM2, logvar": (lambda: edm2(logvar_channels=32), {**ARGUMENTS, "logvar_channels": 32}),
    "EDM2, logvar not noted": (lambda: edm2(logvar_channels=32), ARGUMENTS),
    "EDM2, embeddings": (
        lambda: edm2(channel_mult_noise=2, channel_mult_emb=3),
        {**ARGUMENTS, "channel_mult_noise": 2, "channel_mult_emb": 3},
    ),
    "EDM2, no labels": (lambda: edm2(label_dim=0), {**ARGUMENTS, "label_dim": 0}),
    "DDPM++": (lambda: edm("SongUNet", "EDM", **SONG), {**SONG, "model_type": "SongUNet"}),
    "DDPM++, augmented": (
        lambda: edm("SongUNet", "EDM", **SONG, augment_dim=9),
        {**SONG, "augment_dim": 9, "label_dropout": 0, "sigma_min": 0, "sigma_max": float("inf")},
    ),
    "NCSN++, VE": (
        lambda: edm("SongUNet", "VE", **SONG, **NCSNPP, resample_filter=[1, 3, 3, 1]),
        {**SONG, **NCSNPP, "resample_filter": [1, 3, 3, 1], "sigma_min": 0.02, "sigma_max": 100},
    ),
    "skips, VP": (
        lambda: edm("SongUNet", "VP", **SONG, encoder_type="skip", decoder_type="skip", beta_d=10.0, M=500),
        {**SONG, "encoder_type": "skip", "decoder_type": "skip", "beta_d": 10.0, "M": 500, "epsilon_t": 1e-5},
    ),
    "ADM": (lambda: edm("DhariwalUNet", "EDM", **ADM), ADM),
    "ADM, no labels": (
        lambda: edm("DhariwalUNet", "EDM", **{**ADM, "label_dim": 0}),
        {k: v for k, v in ADM.items() if k != "label_dim"},
    ),
    "ADM, iDDPM": (lambda: edm("DhariwalUNet", "iDDPM", **ADM, M=100), {**ADM, "M": 100, "C_1": 0.001}),
}  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_come_back(kind, protocol, write, tmp_path):
    """Each kind of network, by each protocol, with and without its metadata in between."""
    make, arguments = NETWORKS[kind]
    network = make()
    source = write(tmp_path / "network.pkl", network, arguments, protocol)
    found = load_edm(source)
    assert found.configuration == network.configuration
    labels = torch.eye(3)[:2] if network.configuration.label_dim else None
    torch.testing.assert_close(answers(found, labels), answers(network, labels), rtol=0, atol=0)
    wrong = found.state_dict()[next(key for key in found.state_dict() if key.endswith("conv.weight"))]
    wrong *= 1.02  # mutant
    assert not torch.allclose(answers(found, labels), answers(network, labels))


@pytest.mark.parametrize("kind", ["VE", "EDM2"])
def test_arguments_may_be_noted_by_place_or_not_at_all(kind, write, tmp_path):
    places = (8, 1, 3)
    network = edm("SongUNet", "VE", **SONG) if kind == "VE" else edm2(channels_per_head=64)
    rest = {k: v for k, v in (SONG if kind == "VE" else ARGUMENTS).items() if k not in list(SMALL)[:3]}
    if kind == "EDM2":
        rest["channels_per_head"] = 64
    by_place = write(tmp_path / "a.pkl", network, rest, _init_args=places)
    assert load_edm(by_place).configuration == network.configuration
    if kind == "VE":
        unnoted = load_edm(write(tmp_path / "b.pkl", network, None))
        torch.testing.assert_close(answers(unnoted), answers(network))


def test_weights_keep_their_precision(write, run, tmp_path):
    """Half in, half out, bit for bit, with parameters, buffers and the encoder's standardisation."""
    network, target = edm2().half(), tmp_path / "network.safetensors"
    source = write(tmp_path / "network.pkl", network, ARGUMENTS)
    _, out, _ = run("convert", source, target, "--json")
    about = json.loads(out)
    assert about["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    with safe_open(target, framework="pt") as file:
        for key, tensor in network.state_dict().items():
            assert torch.equal(file.get_tensor(key), tensor)
            assert file.get_tensor(key).dtype == torch.float16
    torch.testing.assert_close(answers(load_edm(target)), answers(network.float()))
    assert load_edm(target).unet.out_gain.dtype == torch.float32
    assert target.stat().st_size < 1.2 * sum(2 * tensor.numel() for tensor in network.state_dict().values())


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_standardisation_is_kept(protocol, write, persistent, run, tmp_path):
    scale, bias = np.array([0.1, 0.2], np.float32), np.array([-1.0, 2.0])
    encoder = persistent("StabilityVAEEncoder", {"scale": scale, "bias": bias, "_vae": None})
    beside = {"encoder": encoder, "loss_fn": np.float64(3), "dataset_kwargs": {"path": torch.device("cpu")}}
    source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS, protocol, beside)
    target = tmp_path / "network.safetensors"
    assert run("convert", source, target)[0] == 0
    for path in (source, target):
        found = read_network_file(path).encoder
        np.testing.assert_allclose([found.scale, found.bias], [scale, bias], rtol=0)


def test_an_encoder_of_anything_else_is_refused(write, persistent, tmp_path):
    for scale, message in (
        (print, "encoder.scale: not an array"),
        (np.array([1.0, np.nan]), "encoder.scale: not a number a channel"),
        (torch.ones(2), "encoder.scale: a call of 'torch._utils._rebuild_tensor_v2' is refused"),
    ):
        encoder = persistent("StabilityVAEEncoder", {"scale": scale, "bias": np.ones(2)})
        source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS, beside={"encoder": encoder})
        with pytest.raises(ValueError, match=message):
            load_edm(source)


def test_edm_is_not_edm2(write, tmp_path):
    source = write(tmp_path / "network.pkl", edm("SongUNet", "EDM", **SONG), SONG)
    with pytest.raises(ValueError, match="is a network of EDM, not of EDM2"):
        load_edm2(source)


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ({"evil": 1}, {}, "evil=1 is not supported"),
        ({"res_balance": 0.5}, {}, "res_balance=0.5 is not supported"),
        ({"clip_act": None}, {}, "clip_act=None is not supported"),
        ({"label_dim": print}, {}, "label_dim: the name 'builtins.print' is refused"),
        ({"label_dim": torch.device("cpu")}, {}, "label_dim: a call of 'torch.device' is refused"),
        ({"model_channels": 32}, {}, r"unet.emb_fourier.freqs: has shape \(16,\), .*\(32,\); \d+ more"),
        ({}, {"_modules": {"unet": 3}}, "unet: not a module, but a int, which is refused"),
        ({}, {"_modules": {}}, "ema.unet: the network 'nothing' is none of UNet"),
        ({}, {"_modules": torch.device("cpu")}, "its _modules are a call of 'torch.device'"),
        ({}, {"_parameters": {"logvar": 3}}, "logvar: not a tensor, but a int"),
        ({}, {"_parameters": {"logvar": torch.ones(1)}}, "logvar: unexpected"),
        ({}, {"_buffers": {"u": torch.ones(1, dtype=torch.int64)}}, "u: its storage cannot .*LongStorage"),
        ({}, {"_parameters": {"p": torch.nn.Parameter}}, "p: not a tensor, but the name 'torch.nn.parameter"),
    ],
)  # fmt: skip
def test_other_networks_are_refused(write, tmp_path, arguments, changes, message):
    source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS | arguments, **changes)
    with pytest.raises(ValueError, match=message) as refusal:
        load_edm(source)
    assert "\n" not in str(refusal.value)


def test_other_classes_are_refused(write, published, tmp_path):
    source = tmp_path / "network.pkl"
    for outer, inner, message in (
        ("Other", "UNet", "the preconditioner 'Other' is none of Precond, EDMPrecond"),
        ("Precond", "Other", "ema.unet: the network 'Other' is none of UNet"),
    ):
        ema = published(edm2(), ARGUMENTS)
        ema.class_name, ema.state["_modules"]["unet"].class_name = outer, inner
        source.write_bytes(pickle.dumps({"ema": ema}))
        with pytest.raises(ValueError, match=message):
            load_edm(source)


def test_modules_within_themselves_are_refused(published, tmp_path):
    """A circle through the memo, and a tree whose every module holds the next one twice."""
    ema = published(edm2(), ARGUMENTS)
    circle = torch.nn.ModuleDict()
    circle.__dict__["_modules"] = {"again": circle}
    doubled = torch.nn.ModuleDict()
    for _ in range(30):
        outer = torch.nn.ModuleDict()
        outer.__dict__["_modules"] = {"a": doubled, "b": doubled}
        doubled = outer
    for added in (circle, doubled):
        ema.state["_modules"]["more"] = added
        (tmp_path / "network.pkl").write_bytes(pickle.dumps({"ema": ema}))
        with pytest.raises(ValueError, match="more modules within one another than a network has"):
            load_edm(tmp_path / "network.pkl")


def storage_bytes(values):
    """The bytes that the storage of a tensor pickles as, inside the tensor's own pickle."""
    stream = pickle.dumps(values, protocol=4)
    found = [x for opcode, x, _ in pickletools.genops(stream) if "BINBYTES" in opcode.name]
    return found[0]


class Storage:
    def __init__(self, content):
        self.content = content

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.content,)


class Forged:
    """A tensor as its pickle would say it, of what storage and shape one likes."""

    def __init__(self, content, size=(4,), stride=(1,), offset=0, storage=Storage):
        self.parts = storage(content), offset, size, stride, False, {}

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, self.parts


FOUR = storage_bytes(torch.arange(4.0))


@pytest.mark.parametrize(
    ("forged", "message"),
    [
        (Forged(FOUR, (10**12,), (0,)), "larger than its storage"),
        (Forged(FOUR, (2, 10**9)), "larger than its storage"),
        (Forged(FOUR, (2, 10**9), (1, 1)), "larger than its storage"),
        (Forged(FOUR, (2,), (-1,)), "larger than its storage"),
        (Forged(FOUR, (2,), (1,), -1), "larger than its storage"),
        (Forged(FOUR, ("a",)), "larger than its storage"),
        (Forged(b"garbage"), "its storage cannot be read"),
        (Forged(FOUR[:-1]), "its storage cannot be read: its length is not"),
        (Forged(FOUR + b"x"), "its storage cannot be read: its length is not"),
        (Forged(FOUR.replace(b"FloatStorage", b"EvillStorage")), "name 'torch.EvillStorage' is no storage"),
        (Forged(FOUR.replace(b"FloatStorage", b"ByteeStorage")), "is no storage of floating-point numbers"),
        (Forged(pickle.dumps(print, protocol=2)), "its storage cannot be read: not in torch's format"),
        (Forged("text"), "its storage cannot be read: its storage: not bytes"),
        (Forged(b"", storage=lambda _: print), "storage is not held in the file, but is the name"),
    ],
)
def test_tensors_that_promise_more_than_they_hold(write, tmp_path, forged, message):
    source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS, _parameters={"logvar": forged})
    with pytest.raises(ValueError, match=message):
        load_edm(source)


def test_many_views_of_one_storage_are_refused(write, tmp_path):
    shared = Storage(storage_bytes(torch.zeros(50_000)))
    views = {f"v{i}": Forged(None, (50_000,), storage=lambda _: shared) for i in range(100)}
    source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS, _parameters=views)
    with pytest.raises(ValueError, match="are larger than the file"):
        load_edm(source)


OLD = {
    "torch 1.12": {},
    "five entries": {"view": b""},
    "a GPU": {"kind": "torch.cuda\nFloatStorage", "where": "cuda:0"},
    "half": {"kind": "torch\nHalfStorage", "dtype": "<f2"},
    "double": {"kind": "torch\nDoubleStorage", "dtype": "<f8"},
}


def old_storage(values, kind="torch\nFloatStorage", where="cpu", dtype="<f4", view=b"N", little=True):
    """The inner stream as torch 1 writes it, its persistent id opcode by opcode."""

    def word(text):
        return b"X" + struct.pack("<I", len(text)) + text.encode()

    about = {"protocol_version": 1001, "little_endian": little, "type_sizes": {"short": 2, "int": 4}}
    head = [pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, about)]
    count = b"J" + struct.pack("<i", len(values))
    named = b"c" + kind.encode() + b"\n" + word("1") + word(where) + count + view
    tail = pickle.dumps(["1"], protocol=2) + struct.pack("<q", len(values))
    content = np.asarray(values, dtype).tobytes()
    return b"".join([*head, b"\x80\x02(", word("storage"), named, b"tQ.", tail, content])


@pytest.mark.parametrize("kind", OLD)
def test_storages_as_older_torch_writes_them(kind, write, tmp_path):
    network = edm2()
    freqs = network.unet.emb_fourier.freqs.half().float()
    network.unet.emb_fourier._buffers["freqs"] = Forged(old_storage(freqs.numpy(), **OLD[kind]), (16,))
    source = write(tmp_path / "network.pkl", network, ARGUMENTS)
    assert torch.equal(load_edm(source).unet.emb_fourier.freqs, freqs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"little": False}, "little-endian"),
        ({"view": b"K\x01"}, "view"),
        ({"kind": "os\nsystem"}, "'os.system'"),
    ],
)
def test_storages_of_another_kind_are_refused(options, message, write, tmp_path):
    forged = Forged(old_storage(np.ones(4), **options))
    source = write(tmp_path / "network.pkl", edm2(), ARGUMENTS, _parameters={"logvar": forged})
    with pytest.raises(ValueError, match=f"logvar: its storage cannot be read: .*{message}"):
        load_edm(source)


PEAK = """
import contextlib, sys
from pathlib import Path
from speciation.validation.cli import main
with contextlib.suppress(SystemExit):
    main(["convert", *sys.argv[1:], "--quiet"])
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
def test_conversion_costs_little_memory(write, tmp_path):
    """Converting a checkpoint of 250 MB, of XS's size, peaks below four times that, libraries and all."""
    with torch.device("meta"):
        network = EDM2(Configuration(64, 4, 1000, 128)).half()
    network = network.to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.fill_(0.5)
    arguments = {"img_resolution": 64, "img_channels": 4, "label_dim": 1000, "model_channels": 128}
    source, target = write(tmp_path / "large.pkl", network, arguments), tmp_path / "large.safetensors"
    size = source.stat().st_size
    assert 2.4e8 < size < 2.6e8
    done = subprocess.run(
        [sys.executable, "-c", PEAK, source, target], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4 * size
    assert abs(target.stat().st_size - size) < 0.01 * size


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "older"])
@pytest.mark.parametrize("name", ["zip.pkl", "zip.pt", "zip.safetensors"])
def test_what_torch_saved_is_said_and_what_to_do(name, archive, tmp_path, run):
    """Nothing says to convert a file into itself."""
    path = tmp_path / name
    torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=archive)
    status, _, err = run("convert", path, tmp_path / "out.safetensors")
    assert (status, err.count("\n")) == (2, 1)
    assert "write its state dict with safetensors.torch.save_file" in err
    with pytest.raises(ValueError, match=r"is (an archive of torch's|a pickle), not safetensors") as refused:
        read_safetensors(path)
    assert f"convert {name} {name}" not in str(refused.value)
    assert archive == ("save_file" in str(refused.value))
