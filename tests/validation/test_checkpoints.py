"""Published checkpoints: the same network comes back, and hostile files are refused with nothing executed."""

import io
import pickle
import pickletools
import struct
import sys
import types

import pytest
import torch
from speciation.validation.edm2 import EDM2, Configuration, load_edm2, read_checkpoint
from speciation.validation.edm2.checkpoints import recorded

ARGUMENTS = {
    "img_resolution": 8, "img_channels": 1, "label_dim": 3, "model_channels": 16, "channel_mult": [1, 2],
    "num_blocks": 1, "attn_resolutions": [4], "channels_per_head": 16,
}  # fmt: skip


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
            "class_name": self.class_name,
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
        torch.testing.assert_close(read_checkpoint(source)(x, sigma, labels), network(x, sigma, labels))
        assert run("convert", source, target, "--quiet")[0] == 0
        torch.testing.assert_close(load_edm2(target)(x, sigma, labels), network(x, sigma, labels))
    assert "parameters" in run("convert", source, target)[1]


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
        read_checkpoint(source)
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
        read_checkpoint(source)


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
        read_checkpoint(source)


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
