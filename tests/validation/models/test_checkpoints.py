"""Published checkpoints: the same network comes back, and hostile files are refused with nothing executed."""

import io
import pickle
import pickletools
import struct
import sys
import types

import numpy as np
import pytest
import torch
from speciation.validation import load_edm
from speciation.validation.models.edm import EDM, EDM2, Configuration, EDMConfiguration, load_edm2
from speciation.validation.models.edm.pickle_reader import recorded as recorded_from

ARGUMENTS = {
    "img_resolution": 8, "img_channels": 1, "label_dim": 3, "model_channels": 16, "channel_mult": [1, 2],
    "num_blocks": 1, "attn_resolutions": [4], "channels_per_head": 16,
}  # fmt: skip


# names of the published classes for those here
CLASSES = {
    "EDM2": "Precond", "Convolution": "MPConv", "Fourier": "MPFourier", "ResampledConvolution": "Conv2d",
}  # fmt: skip


def recorded(stream):
    return recorded_from(io.BytesIO(stream), len(stream))


class Persistent:
    """Pickles as the published objects do: a call with a dictionary that holds source code."""

    def __init__(self, class_name, state):
        self.class_name, self.state = class_name, state

    def __reduce__(self):
        function = sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj
        source = "raise SystemExit('executed')"
        meta = {
            "type": "class",
            "version": 6,
            "module_src": source,
            "class_name": CLASSES.get(self.class_name, self.class_name),
            "state": self.state,
        }
        return function, (meta,)


@pytest.fixture
def published(monkeypatch):
    """Modules of the names that published files refer to, for writing them."""
    module = types.ModuleType("torch_utils.persistence")
    exec(  # noqa: S102 (a function whose module and name are those published)
        "def _reconstruct_persistent_obj(meta): raise SystemExit('executed')", module.__dict__
    )
    module._reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)

    def convert(network, arguments=None, **changes):
        state = {
            "_parameters": dict(network._parameters),
            "_buffers": dict(network._buffers),
            "_modules": {
                name: convert(child) for name, child in network._modules.items() if child is not None
            },
            "training": False,
        }
        if arguments is not None:
            state["_init_kwargs"] = arguments
        return Persistent(type(network).__name__, state | changes)

    return convert


def write(path, network, published, arguments=ARGUMENTS, **changes):
    content = {"ema": published(network, {**arguments, "use_fp16": True}, **changes), "encoder": None}
    path.write_bytes(pickle.dumps(content, protocol=4))


def test_a_checkpoint_becomes_the_same_network(published, tmp_path, run):
    torch.manual_seed(0)
    network = EDM2(Configuration(**ARGUMENTS)).eval()
    with torch.no_grad():
        network.unet.out_gain.fill_(0.7)
    source, target = tmp_path / "network.pkl", tmp_path / "network.safetensors"
    write(source, network, published)
    x, sigma, labels = torch.randn(2, 1, 8, 8), torch.tensor([0.5, 2.0]), torch.eye(3)[:2]
    with torch.no_grad():
        torch.testing.assert_close(load_edm(source)(x, sigma, labels), network(x, sigma, labels))
        assert run("convert", source, target, "--quiet")[0] == 0
        torch.testing.assert_close(load_edm2(target)(x, sigma, labels), network(x, sigma, labels))
    assert "parameters" in run("convert", source, target)[1]


def as_saved(network, published, containers=False):
    """A network with all that its modules note about themselves, and torch's own containers if asked."""
    state = {key: value for key, value in network.__dict__.items() if key not in ("configuration", "dtype")}
    children = {
        key: as_saved(child, published, containers)
        for key, child in network._modules.items()
        if child is not None
    }
    if containers and isinstance(network, torch.nn.ModuleDict):
        kept = torch.nn.ModuleDict()
        kept.__dict__["_modules"] = children
        return kept
    return Persistent(type(network).__name__, state | {"_modules": children})


KINDS = {
    "sets": ({}, 4),
    "containers": ({"containers": True}, 4),
    "second protocol": ({"containers": True}, 2),
    "third protocol": ({"containers": True}, 3),
    "fifth protocol": ({"containers": True}, 5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_modules_are_read_as_torch_saves_them(kind, published, tmp_path):
    """Complete state of each module (sets, ordered dictionaries, containers) and an encoder of arrays."""
    options, protocol = KINDS[kind]
    torch.manual_seed(0)
    network = EDM2(Configuration(**ARGUMENTS)).eval().half().requires_grad_(False)
    ema = as_saved(network, published, **options)
    ema.state["_init_kwargs"] = ARGUMENTS | {"use_fp16": True}
    encoder = Persistent(
        "Encoder", {"scale": np.ones(4, np.float32), "bias": np.arange(4), "n": np.float64(2)}
    )
    source = tmp_path / "network.pkl"
    stream = pickle.dumps({"encoder": encoder, "ema": ema, "device": torch.device("cpu")}, protocol=protocol)
    source.write_bytes(stream)
    found = load_edm(source).state_dict()
    assert set(found) == set(network.state_dict())
    for key, tensor in network.state_dict().items():
        assert torch.equal(found[key], tensor.float()), key


@pytest.mark.parametrize("core", ["core", "_core"])
def test_arrays_are_recorded_as_either_numpy_names_them(core):
    """They are of the encoder: nothing of them is needed, and nothing is called."""
    array = frame(name(f"numpy.{core}.multiarray", "_reconstruct"), name("numpy", "ndarray"), b"\x85R", STOP)
    assert recorded(array).name == f"numpy.{core}.multiarray._reconstruct"


@pytest.mark.parametrize("name", ["edm2", "edm2_numpy2", "edm2_rgb"])
def test_files_of_the_published_implementation(name, reference):
    """Outputs of the published code for a network that it saved, in float32, to 1e-5 of the largest."""
    network = read_checkpoint(reference / "checkpoints" / f"{name}.pkl")
    if name == "edm2_rgb":
        assert network.configuration.img_channels == 4
        return
    with np.load(reference / "checkpoints" / "edm2_golden.npz") as archive:
        golden = {key: torch.from_numpy(archive[key]) for key in archive}
    for key, labels in (("denoised", golden["labels"]), ("denoised_unlabelled", None)):
        with torch.no_grad():
            found = network(golden["x"], golden["sigma"], labels)
            other = network(golden["x"], 1.02 * golden["sigma"], labels)
        largest = golden[key].abs().max()
        assert float((found - golden[key]).abs().max() / largest) < 1e-5
        assert float((other - golden[key]).abs().max() / largest) > 1e-4  # mutant: another noise level


def frame(*parts):
    return b"\x80\x04" + b"".join(parts)


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


STOP = b"."
HOSTILE = {
    "a command": (
        frame(name("os", "system"), text("touch executed"), b"\x85R", STOP),
        "'os.system' is refused",
    ),
    "a command, old protocol": (b"cposix\nsystem\n(S'touch executed'\ntR.", "'posix.system' is refused"),
    "eval": (frame(name("builtins", "eval"), text("1"), b"\x85R", STOP), "'builtins.eval' is refused"),
    "getattr": (frame(name("builtins", "getattr"), STOP), "'builtins.getattr' is refused"),
    "a nested name": (frame(name("torch", "nn.Module"), STOP), "'torch.nn.Module' is refused"),
    "a torch module": (
        frame(name("torch.nn.modules.module", "Module"), STOP),
        "'torch.nn.modules.module.Module' is refused",
    ),
    "a NumPy reader": (frame(name("numpy", "load"), text("x"), b"\x85R", STOP), "'numpy.load' is refused"),
    "a codec": (frame(name("codecs", "decode"), STOP), "'codecs.decode' is refused"),
    "members of a string": (frame(text("os"), b"(K\x01\x90", STOP), "members of something that is no set"),
    "a set in a set": (frame(b"\x8f(\x8f\x90", STOP), "not a readable checkpoint"),
    "another torch name": (frame(name("torch", "load"), STOP), "'torch.load' is refused"),
    "an import by instance": (b"(ios\nsystem\n.", "opcode INST is refused"),
    "an extension": (frame(b"\x82\x01", STOP), "opcode EXT1 is refused"),
    "a persistent name": (b"Pother\n.", "opcode PERSID is refused"),
    "an outer buffer": (b"\x80\x05\x97.", "opcode NEXT_BUFFER is refused"),
    "a call of a string": (frame(text("os"), b")R", STOP), "a call of something that is no name"),
    "state for a string": (frame(text("os"), b"}b", STOP), "state for something that is no object"),
    "items for a string": (
        frame(text("os"), b"K\x01K\x02s", STOP),
        "items for something that is no dictionary",
    ),
    "a terabyte": (frame(b"\x8e", struct.pack("<Q", 2**40), b"x", STOP), "expected 1099511627776 bytes"),
    "a memo of 16 GB": (frame(b"}r", struct.pack("<I", 2**32 - 1), STOP), "no network named 'ema'"),
    "an empty stack": (frame(b"0", STOP), "not a readable checkpoint"),
    "no mark": (frame(b"t", STOP), "not a readable checkpoint"),
    "an unhashable key": (frame(b"}]K\x01s", STOP), "not a readable checkpoint"),
    "truncated": (frame(b"}"), "not a readable checkpoint|pickle exhausted"),
    "empty": (b"", "not a readable checkpoint|pickle exhausted"),
    "no opcodes": (b"\xff\xff", "opcode"),
    "no network": (frame(b"}", STOP), "no network named 'ema'"),
    "a list": (frame(b"]", STOP), "no network named 'ema'"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(kind, tmp_path, run, monkeypatch):
    content, message = HOSTILE[kind]
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "hostile.pkl"
    source.write_bytes(content)
    status, out, err = run("convert", source, "out.safetensors")
    assert (status, out) == (2, "")
    assert err.startswith(f"{source}: ")
    assert err.count("\n") == 1
    with pytest.raises(ValueError, match=message):
        load_edm(source)
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.pkl"]


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ({"logvar_channels": 64}, {}, "logvar_channels=64 is not supported"),
        ({"evil": 1}, {}, "evil=1 is not supported"),
        ({"model_channels": 32}, {}, "missing, unexpected or of another shape"),
        ({}, {"_init_kwargs": None}, "no constructor arguments"),
        ({}, {"_modules": {"unet": 3}}, "not a module"),
        ({}, {"_parameters": {"logvar": 3}}, "logvar: not a tensor"),
    ],
)
def test_other_networks_are_refused(published, tmp_path, arguments, changes, message):
    source = tmp_path / "network.pkl"
    write(source, EDM2(Configuration(**ARGUMENTS)), published, ARGUMENTS | arguments, **changes)
    with pytest.raises(ValueError, match=message):
        load_edm(source)


def storage_bytes(values):
    """The bytes that the storage of a tensor pickles as, inside the tensor's own pickle."""
    stream = pickle.dumps(values, protocol=4)
    found = [
        x for opcode, x, _ in pickletools.genops(stream) if opcode.name in ("BINBYTES", "SHORT_BINBYTES")
    ]
    return found[0]


@pytest.mark.parametrize(
    ("size", "stride", "content", "message"),
    [
        ((10**12,), (0,), None, "larger than its storage"),
        ((2, 10**9), (1, 1), None, "larger than its storage"),
        ((2,), (-1,), None, "larger than its storage"),
        ((2,), (1,), b"garbage", "its storage cannot be read"),
        ((2,), (1,), pickle.dumps(print, protocol=2), "its storage cannot be read"),
        ((2,), (1,), "text", "its storage is not bytes"),
    ],
)
def test_tensors_that_promise_more_than_they_hold(published, tmp_path, size, stride, content, message):
    network = EDM2(Configuration(**ARGUMENTS))
    held = storage_bytes(torch.zeros(4)) if content is None else content

    class Forged:
        def __reduce__(self):
            class Storage:
                def __reduce__(self):
                    return torch.storage._load_from_bytes, (held,)

            return torch._utils._rebuild_tensor_v2, (Storage(), 0, size, stride, False, {})

    source = tmp_path / "network.pkl"
    write(source, network, published, _parameters={"logvar": Forged()})
    with pytest.raises(ValueError, match=message):
        load_edm(source)


def test_recorded_is_plain_data():
    content = {
        "a": [1, 2.5, "x", None, True, (1, 2, 3, 4)],
        "b": {"c": b"bytes"},
        "d": 2**70,
        "e": (1, 2),
        "f": (),
    }
    for protocol in (2, 3, 4, 5):
        stream = io.BytesIO()
        pickle.dump(content, stream, protocol=protocol)
        if protocol >= 3:
            assert recorded(stream.getvalue()) == content
