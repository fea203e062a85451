"""Hostile streams: recorded or refused by name, with nothing executed and nothing larger made."""

import io
import pickle
import struct
import tracemalloc

import pytest
from speciation.validation import load_edm
from speciation.validation.models.edm.arrays import as_array
from speciation.validation.models.edm.pickle_reader import Call, recorded


def record(stream):
    return recorded(io.BytesIO(stream), len(stream))


def frame(*parts):
    return b"\x80\x04" + b"".join(parts)


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def network(*parts):
    """A dictionary whose `ema` is what the parts leave on the stack."""
    return frame(b"}", text("ema"), *parts, b"s.")


def called(module, attribute, *arguments):
    return name(module, attribute) + b"(" + b"".join(arguments) + b"tR"


def mapped(**items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def module(kind, **state):
    about = mapped(type=text("class"), class_name=text(kind), state=mapped(**state))
    return called("torch_utils.persistence", "_reconstruct_persistent_obj", about)


def with_parameter(value):
    """A network of EDM2 whose one parameter is `value`."""
    return network(module("Precond", _modules=mapped(unet=module("UNet", _parameters=mapped(w=value)))))


def tensor(storage):
    one = b"K\x01\x85"
    return called("torch._utils", "_rebuild_tensor_v2", storage, b"K\x00", one, one, b"\x89", b"}")


def held(content):
    return called("torch.storage", "_load_from_bytes", b"C" + bytes([len(content)]) + content)


STOP = b"."
COMMAND = called("os", "system", text("touch executed"))
RECONSTRUCT = name("numpy.core.multiarray", "_reconstruct")
EMPTY = b"K\x00\x85C\x01b"  # the other arguments: (0,), b"b"
OBJECTS = name("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"
FLOATS = name("numpy", "dtype") + text("f4") + b"\x89\x88\x87R"
PLAIN = b"(K\x03" + text("<") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00t"
FIELDS = b"(K\x03" + text("|") + b"N" + text("a") + b"\x85}" + b"J\xff\xff\xff\xff" * 2 + b"K\x00t"

HOSTILE = {
    "a command": (network(name("os", "system"), text("touch executed"), b"\x85R"), "'os.system', which is"),
    "an old command": (
        b"(dp0\nS'ema'\ncposix\nsystem\n(S'touch executed'\ntRs.",
        "'posix.system', which is refused",
    ),
    "eval": (network(name("builtins", "eval"), text("1"), b"\x85R"), "'builtins.eval', which is refused"),
    "getattr": (network(name("builtins", "getattr")), "'builtins.getattr', which is refused"),
    "a torch module": (
        network(name("torch.nn", "Linear"), b")\x81}b"),
        "'torch.nn.Linear', which is refused",
    ),
    "an instance": (b"(dp0\nS'ema'\n(ios\nsystem\ns.", "'os.system', which is refused"),
    "a new object": (network(name("os", "system"), b")}\x92"), "'os.system', which is refused"),
    "a call of a call": (
        network(name("builtins", "getattr"), b")R)R"),
        "a call of 'builtins.getattr'.*, which is refused",
    ),
    "a call of a text": (network(text("os"), b")R"), "(a str)', which is refused"),
    "an extension": (network(b"\x82\x01"), "'extension 1', which is refused"),
    "a persistent name": (network(b"Pother\n"), "'persistent id', which is refused"),
    "an outer buffer": (network(b"\x97"), "'buffer outside the file', which is refused"),
    "an array of objects": (frame(OBJECTS, STOP), "'numpy.dtype' of 'O8' is refused"),
    "a type of a call": (
        frame(name("numpy", "dtype"), name("os", "system"), b")R\x85R", STOP),
        "'numpy.dtype' of a Call is refused",
    ),
    "a type with fields": (frame(FLOATS, FIELDS, b"b", STOP), "state of a structured or unknown type"),
    "an array that is none": (
        frame(RECONSTRUCT, name("os", "system"), EMPTY, b"\x87R", STOP),
        "_reconstruct' of something that is no array is refused",
    ),
    "an array of a list": (
        frame(
            RECONSTRUCT, name("numpy", "ndarray"), EMPTY, b"\x87R(K\x01K\x02\x85", FLOATS, b"\x89]tb", STOP
        ),
        "an array whose content is no bytes is refused",
    ),
    "a set with a call": (
        frame(b"\x8f(", name("os", "system"), b")R\x90", STOP),
        "a set that holds a call of 'os.system' is refused",
    ),
    "a set of a call": (
        frame(name("builtins", "set"), b"(", name("os", "system"), b")Rl\x85R", STOP),
        "a set that holds a call of 'os.system' is refused",
    ),
    "a frozen set with a call": (
        frame(b"(", COMMAND, b"\x91", STOP),
        "a set that holds a call of 'os.system'",
    ),
    "a set of a text": (
        frame(called("builtins", "set", text("ab")), STOP),
        "a set of something that is no list is refused",
    ),
    "a type of Python's own": (
        frame(called("numpy", "dtype", name("builtins", "object")), STOP),
        "'numpy.dtype' of a Name is refused",
    ),
    "an array of a class of its own": (
        frame(called("numpy._core.multiarray", "_reconstruct", name("numpy", "matrix"), EMPTY), STOP),
        "_reconstruct' of something that is no array is refused",
    ),
    "an array of a call": (
        frame(called("numpy._core.multiarray", "_reconstruct", COMMAND, EMPTY), STOP),
        "_reconstruct' of something that is no array is refused",
    ),
    "a dictionary of a call": (
        network(called("collections", "OrderedDict", COMMAND)),
        "'collections.OrderedDict', which is refused",
    ),
    "a container of a call": (
        network(name("torch.nn.modules.container", "ModuleDict"), b")\x81", mapped(_modules=COMMAND), b"b"),
        "its _modules are a call of 'os.system', which is refused",
    ),
    "a module whose state is a call": (
        network(
            called(
                "torch_utils.persistence",
                "_reconstruct_persistent_obj",
                mapped(type=text("class"), class_name=text("Precond"), state=COMMAND),
            )
        ),
        "ema: a module without a state",
    ),
    "a module that is a function": (
        network(called("torch_utils.persistence", "_reconstruct_persistent_obj", COMMAND)),
        "ema: not a module",
    ),
    "a parameter that is a call": (
        with_parameter(called("torch._utils", "_rebuild_parameter", COMMAND, b"\x89", b"}")),
        "unet.w: not a tensor, but a call of 'os.system'",
    ),
    "a storage that is a call": (
        with_parameter(tensor(COMMAND)),
        "unet.w: its storage is not held in the file, but is a call of 'os.sys",
    ),
    "a storage of a call": (
        with_parameter(tensor(called("torch.storage", "_load_from_bytes", COMMAND))),
        "unet.w: its storage cannot be read: its storage: not bytes",
    ),
    "a storage that holds a call": (
        with_parameter(tensor(held(frame(COMMAND, STOP)))),
        "unet.w: its storage cannot be read: not in torch's format",
    ),
    "a storage in another code": (
        with_parameter(
            tensor(
                called(
                    "torch.storage",
                    "_load_from_bytes",
                    called("_codecs", "encode", text("cevag"), text("rot13")),
                )
            )
        ),
        "unet.w: its storage cannot be read: its storage: not bytes",
    ),
    "an argument that is a call": (
        network(
            module("Precond", _init_kwargs=mapped(label_dim=COMMAND), _modules=mapped(unet=module("UNet")))
        ),
        "constructor argument label_dim: a call of 'os.system' is refused",
    ),
    "an argument that is a text of NumPy": (
        network(
            module(
                "Precond",
                _init_kwargs=mapped(
                    label_dim=called(
                        "numpy.core.multiarray",
                        "scalar",
                        called("numpy", "dtype", text("U1")),
                        b"C\x04\x31\x00\x00\x00",
                    )
                ),
                _modules=mapped(unet=module("UNet")),
            )
        ),
        "constructor argument label_dim: an array of type 'U1' is refused",
    ),
    "a set in a set": (frame(b"\x8f(\x8f\x90", STOP), "a set in a set is refused"),
    "a list as a key": (frame(b"}]K\x01s", STOP), "a list as the key of a dictionary is refused"),
    "a deep key": (frame(b"}", b")", b"\x85" * 100_000, b"K\x01s", STOP), "as the key of a dictionary"),
    "members of a text": (frame(text("os"), b"(K\x01\x90", STOP), "something that is no set"),
    "items of a text": (frame(text("os"), b"K\x01K\x02s", STOP), "something that is no dictionary"),
    "state for a text": (frame(text("os"), b"}b", STOP), "something that is no object"),
    "arguments that are none": (frame(name("a", "b"), b"]R", STOP), "arguments are no tuple"),
    "a name of numbers": (frame(b"K\x01K\x02\x93", STOP), "a name that is no text"),
    "a terabyte": (frame(b"\x8e", struct.pack("<Q", 2**40), b"x", STOP), "expected 1099511627776 bytes"),
    "a memo of 16 GB": (frame(b"}r", struct.pack("<I", 2**32 - 1), STOP), "no network named 'ema'"),
    "an empty stack": (frame(b"0", STOP), "not a readable checkpoint"),
    "no mark": (frame(b"t", STOP), "not a readable checkpoint"),
    "truncated": (frame(b"}"), "not a readable checkpoint|pickle exhausted"),
    "empty": (b"", "not a pickle checkpoint"),
    "no opcodes": (b"\xff\xff", "not a pickle checkpoint"),
    "JSON": (b'{"a": 1}', "not a pickle checkpoint"),
    "no network": (frame(b"}", STOP), "no network named 'ema'"),
    "a list": (frame(b"]", STOP), "no network named 'ema'"),
    "an archive": (b"PK\x03\x04rest", "an archive of torch's"),
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
    with pytest.raises(ValueError, match=message.replace("(a str)", r"\(a str\)")):
        load_edm(source)
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.pkl"]


def test_what_is_not_needed_is_recorded():
    """Any name may stand in a file, called, made or with a state; the record says so and nothing more."""
    called = record(frame(name("os", "system"), text("touch executed"), b"\x85R}b", STOP))
    assert (called.name, called.arguments, called.state) == ("os.system", ("touch executed",), {})
    own = record(frame(name("my", "List"), b")\x81(K\x01K\x02e(K\x01K\x02u", STOP))  # a list with items
    assert own.name == "my.List"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_come_back(protocol):
    content = {
        "a": [1, 2.5, "x", None, True, (1, 2, 3, 4)],
        "b": {"c": 3},
        "d": 2**70,
        "e": (1, 2),
        "f": (),
        "g": {1, 2},
        "h": frozenset({3}),
        3: -1,
    }
    assert record(pickle.dumps(content, protocol=protocol)) == content


def test_a_record_costs_no_more_than_its_file():
    """A text named a thousand times is encoded by nobody, and a set copied without end is refused."""
    many = b"K\x01" * 10_000
    stream = frame(b"(", many, b"l\x94", (name("builtins", "set") + b"h\x00\x85R0") * 1000, b"N", STOP)
    with pytest.raises(ValueError, match="sets that hold more than the file"):
        record(stream)
    encoded = b"h\x00" + name("_codecs", "encode") + b"h\x01" + text("latin1") + b"\x86R0"
    stream = frame(b"X", struct.pack("<I", 10**6), b"a" * 10**6, b"\x94\x94", encoded * 500, b"N", STOP)
    tracemalloc.start()
    record(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 10**6


def array(core, content, state=PLAIN):
    dtype = FLOATS + state + b"b"
    array = name(f"numpy.{core}.multiarray", "_reconstruct") + name("numpy", "ndarray") + EMPTY + b"\x87R"
    return record(frame(array, b"(K\x01K\x02\x85", dtype, b"\x89", content, b"tb", STOP))


@pytest.mark.parametrize("core", ["core", "_core"])
def test_arrays_are_read_as_either_numpy_names_them(core):
    held = b"C\x08" + struct.pack("<2f", 1.5, -2)
    assert as_array(array(core, held), "x").tolist() == [1.5, -2]
    with pytest.raises(ValueError, match="x: an array whose shape is not that of its content"):
        as_array(array(core, b"C\x07" + bytes(7)), "x")
    for other, message in (
        (Call("os.system", ()), "x: a call of 'os.system' is refused"),
        (3, "not an array"),
    ):
        with pytest.raises(ValueError, match=message):
            as_array(other, "x")
