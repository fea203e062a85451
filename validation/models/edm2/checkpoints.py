"""Published EDM2 checkpoints, read without executing anything.

A checkpoint is a stream of opcodes that, given to Python's own reader, imports names and calls them, among
them one that executes source code. Here a small stack machine goes through the opcodes and only *records*
what would be called: a name is a `Name`, a call a `Call`. Names that a checkpoint of torch modules does not
hold are refused as they appear; those of its encoder and containers are recorded, and not understood.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pickletools import genops
from typing import Any

import torch
from torch import Tensor

from ....theory._support.one_line import one_line
from ..._support.torch_randomness import undisturbed
from .network import EDM2, Configuration
from .weights import fill

__all__ = ["Call", "Name", "read_checkpoint", "recorded"]

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_DICTIONARIES = {"collections.OrderedDict", "dnnlib.util.EasyDict"}
_SETS = {f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in ("set", "frozenset")}
_CONTAINERS = {f"torch.nn.modules.container.{kind}" for kind in ("ModuleDict", "ModuleList", "Sequential")}
# of the encoder's arrays, as NumPy 1 and 2 name them, and of what modules note about themselves
_UNREAD = {
    *(
        f"numpy.{core}.{name}"
        for core in ("core", "_core")
        for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
    ),
    *("numpy.ndarray", "numpy.dtype", "torch.device", "torch.Size"),
    *(f"torch.{kind}" for kind in ("float16", "bfloat16", "float32", "float64", "uint8", "int64", "bool")),
}
_ALLOWED = {
    PERSISTENT,
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.storage._load_from_bytes",
    "_codecs.encode",
} | _DICTIONARIES | _SETS | _CONTAINERS | _UNREAD  # fmt: skip
_SIZE_LIMIT = 16 * 2**30
_IGNORED = {"use_fp16", "dropout"}  # of no consequence for reading weights
_DEFAULTS = {
    "logvar_channels": 128, "channel_mult_noise": None, "channel_mult_emb": None,
    "label_balance": 0.5, "concat_balance": 0.5, "res_balance": 0.3, "attn_balance": 0.3, "clip_act": 256,
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A name that would have been imported."""

    path: str


@dataclass(eq=False)
class Call:
    """A call that would have been made; `state` is what would have been set on its result.

    Equal to itself alone, so that it can be a member of a set, as the object itself would.
    """

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def read_checkpoint(path: Path) -> EDM2:
    """The exponentially averaged network of a checkpoint.

    Raises `ValueError` with one line that names the file and what in it is refused.
    """
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise ValueError(f"larger than {_SIZE_LIMIT} bytes")
        content = recorded(path.read_bytes())
        if not isinstance(content, dict) or "ema" not in content:
            raise ValueError("not a checkpoint: no network named 'ema'")
        return _network(content["ema"])
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {one_line(error)}") from None
    except (ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{path}: {one_line(error)}") from None


def recorded(stream: bytes) -> Any:
    """What a stream of opcodes describes, with every import and call recorded instead of made."""
    machine = _Machine()
    try:
        for opcode, argument, _ in genops(io.BytesIO(stream)):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.step(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a readable checkpoint: {type(error).__name__} in its opcodes") from None
    raise ValueError("not a readable checkpoint: it ends before its last opcode")


_MARK = object()
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_NEW: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set
}  # fmt: skip


class _Machine:
    """The stack and the memo of the opcodes; a memo entry costs what it holds, whatever its number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(_VALUES[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in ("PROTO", "FRAME"):
            pass
        else:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise ValueError(f"opcode {name} is refused")
            handler(argument)

    def _mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _put(self, index: Any) -> None:
        self.memo[int(index)] = self.stack[-1]

    _binput = _long_binput = _put

    def _get(self, index: Any) -> None:
        self.stack.append(self.memo[int(index)])

    _binget = _long_binget = _get

    def _tuple1(self, _: Any) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _tuple2(self, _: Any) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self, _: Any) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self.stack[-1].append(value)

    def _appends(self, _: Any) -> None:
        values = self._since_mark()
        self.stack[-1].extend(values)

    def _additems(self, _: Any) -> None:
        values = self._since_mark()
        if not isinstance(self.stack[-1], set):
            raise ValueError("members of something that is no set are refused")
        self.stack[-1].update(values)

    def _frozenset(self, _: Any) -> None:
        self.stack.append(frozenset(self._since_mark()))

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._assign([key, value])

    def _setitems(self, _: Any) -> None:
        self._assign(self._since_mark())

    def _global(self, argument: Any) -> None:
        self.stack.append(_admitted(str(argument).replace(" ", ".")))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_admitted(f"{module}.{name}"))

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of something that is no name is refused")
        self.stack.append(_plain(function.path, arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Call):
            self.stack[-1].state = state
        elif not isinstance(self.stack[-1], dict):
            raise ValueError("state for something that is no object is refused")

    def _since_mark(self) -> list[Any]:
        marks = [index for index, value in enumerate(self.stack) if value is _MARK]
        place = marks[-1]
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _assign(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError("items for something that is no dictionary are refused")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))


def _plain(path: str, arguments: tuple[Any, ...]) -> Any:
    """A dictionary, set or bytes as it is, by nothing but built-in types; any other call as its record."""
    if path in _DICTIONARIES:
        return dict(*arguments)
    if path in _SETS:
        return set(*arguments)
    text, encoding = (*arguments, None, None)[:2]
    if path == "_codecs.encode" and isinstance(text, str) and encoding == "latin1":
        return text.encode("latin1")  # how the second protocol writes bytes
    return Call(path, arguments)


def _admitted(path: str) -> Name:
    if path not in _ALLOWED:
        raise ValueError(f"the name {path!r} is refused")
    return Name(path)


def _network(record: Any) -> EDM2:
    state = _state_of(record, "ema")
    configuration = _configuration(state)
    with undisturbed():
        network = EDM2(configuration)
        fill(network, dict(_tensors(record, "")))
    return network.train(False)


def _configuration(state: dict[str, Any]) -> Configuration:
    """Constructor arguments of the network, all of whose others have to be the defaults."""
    given = state.get("_init_kwargs")
    if not isinstance(given, dict):
        raise ValueError("the network has no constructor arguments")
    known = Configuration.__dataclass_fields__
    for name, value in given.items():
        if name not in known and name not in _IGNORED and _DEFAULTS.get(name, _MARK) != value:
            raise ValueError(f"constructor argument {name}={value!r} is not supported")
    return Configuration.from_json({name: value for name, value in given.items() if name in known})


def _state_of(record: Any, where: str) -> dict[str, Any]:
    """The instance state of one persistent object, or of one of torch's own containers."""
    if isinstance(record, Call) and record.name in _CONTAINERS and isinstance(record.state, dict):
        return record.state
    if not isinstance(record, Call) or record.name != PERSISTENT or len(record.arguments) != 1:
        raise ValueError(f"{where}: not a module")
    description = record.arguments[0]
    if not isinstance(description, dict) or description.get("type") != "class":
        raise ValueError(f"{where}: not a module")
    state = description.get("state")
    if not isinstance(state, dict):
        raise ValueError(f"{where}: a module without a state")
    return state


def _tensors(record: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer below a module, by its full name."""
    state = _state_of(record, prefix or "ema")
    for kind in ("_parameters", "_buffers"):
        for name, value in (state.get(kind) or {}).items():
            if value is not None:
                yield f"{prefix}{name}", _tensor(value, f"{prefix}{name}")
    for name, module in (state.get("_modules") or {}).items():
        if module is not None:
            yield from _tensors(module, f"{prefix}{name}.")


def _tensor(value: Any, name: str) -> Tensor:
    """A tensor from the call that would rebuild it; nothing larger than its storage is made."""
    if isinstance(value, Call) and value.name == "torch._utils._rebuild_parameter":
        value = value.arguments[0]
    if not isinstance(value, Call) or value.name != "torch._utils._rebuild_tensor_v2":
        raise ValueError(f"{name}: not a tensor")
    if len(value.arguments) < 4 or not all(isinstance(part, tuple) for part in value.arguments[2:4]):
        raise ValueError(f"{name}: not a tensor")
    storage, offset, size, stride = value.arguments[:4]
    if not isinstance(storage, Call) or storage.name != "torch.storage._load_from_bytes":
        raise ValueError(f"{name}: its storage is not held in the file")
    flat = _flat(storage.arguments[0], name)
    count = 1
    for length in size:
        count *= int(length)
    last = int(offset) + sum((int(n) - 1) * int(s) for n, s in zip(size, stride, strict=True))
    if (
        min([int(offset), *map(int, size), *map(int, stride)]) < 0
        or count > flat.numel()
        or last >= flat.numel()
    ):
        raise ValueError(f"{name}: its shape is larger than its storage")
    return torch.as_strided(flat, tuple(size), tuple(stride), int(offset)).clone()


def _flat(content: Any, name: str) -> Tensor:
    """The storage as a vector, read by torch's restricted reader."""
    if not isinstance(content, bytes):
        raise ValueError(f"{name}: its storage is not bytes")
    try:
        storage = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return torch.tensor([], dtype=storage.dtype, device="cpu").set_(storage)
    except Exception as error:  # torch's reader raises what it meets
        raise ValueError(f"{name}: its storage cannot be read: {one_line(error)[:300]}") from None
