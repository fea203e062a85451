"""Pickles read as records: what would be imported, called and set, with nothing executed.

A pickle is a program for a stack machine that imports names and calls them. Here its opcodes are gone through
and only *recorded*: a name is a `Name`, a call a `Call` with the state that would be set on its result. Any
name may stand in a file; whoever reads the record refuses the ones that he meets and does not know. Refused
where they stand are a name of NumPy's in the wrong place, a set that holds a call, and what would cost more
than the file itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pickletools import genops
from typing import BinaryIO, cast

from ....theory._support.aliases import Record
from .arrays import check_array_call, check_array_state

__all__ = ["Call", "Name", "described", "recorded"]

_DICTIONARIES = {"collections.OrderedDict", "dnnlib.util.EasyDict"}
_SETS = {f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in ("set", "frozenset")}
_NO_OPCODE = ("at position 0, opcode", "pickle exhausted")  # what pickletools says of it
_MOST_OPCODES = 4_000_000  # the largest network published has a hundredth


@dataclass(frozen=True)
class Name:
    """A name that would have been imported."""

    path: str


@dataclass(eq=False)
class Call:
    """A call that would have been made; `state` is what would have been set on its result.

    Equal to itself alone, as the object would be.
    """

    name: str
    arguments: tuple[Record, ...]
    state: Record = None


_KEYS = (str, bytes, int, float, type(None), Name, Call)


def described(value: object) -> str:
    """A record in a few words, for a refusal."""
    if isinstance(value, Name):
        return f"the name {value.path[:100]!r}"
    return f"a call of {value.name[:100]!r}" if isinstance(value, Call) else f"a {type(value).__name__}"


def recorded(stream: BinaryIO, size: int) -> Record:
    """What the next pickle of a stream describes; the stream is left behind its last opcode.

    `size` is the number of bytes in the stream, which bounds what the record may cost.

    Raises
    ------
    ValueError
        One line for what is no pickle, or one that is cut short.
    """
    machine, count = _Machine(size), 0
    try:
        for count, (opcode, argument, _) in enumerate(genops(cast(Record, _Bounded(stream, size)))):
            if opcode.name == "STOP":
                return machine.stack.pop()
            if count > _MOST_OPCODES:
                raise ValueError(f"not a readable checkpoint: more than {_MOST_OPCODES:,} opcodes")
            machine.step(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError, AssertionError, UnicodeError) as error:
        raise ValueError(f"not a readable checkpoint: {type(error).__name__} in its opcodes") from None
    except ValueError as error:
        if count or machine.stack or not str(error).startswith(_NO_OPCODE):
            raise
        raise ValueError("not a pickle checkpoint: it does not begin with an opcode of one") from None
    raise ValueError("not a readable checkpoint: it ends before its last opcode")


class _Bounded:
    """A stream that is never asked for more than it can hold."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self.readline: Callable[[], bytes] = stream.readline
        self.tell: Callable[[], int] = stream.tell

    def read(self, count: int) -> bytes:
        return self._stream.read(min(count, self._size))


_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_NEW: dict[str, Callable[[], Record]] = {
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set
}  # fmt: skip
_NOTHING = {"PROTO", "FRAME", "READONLY_BUFFER"}


class _Machine:
    """The stack, what lies below each mark, and the memo, whose entries cost the same at any number."""

    def __init__(self, size: int) -> None:
        self.stack: list[Record] = []
        self.below: list[list[Record]] = []
        self.memo: dict[int, Record] = {}
        self._copies_left = size  # members of containers that are copied; each was written once

    def step(self, name: str, argument: Record) -> None:
        if name in _VALUES:
            self.stack.append(_VALUES[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name not in _NOTHING:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise ValueError(f"opcode {name} is refused")
            handler(argument)

    def _mark(self, _: object) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop(self, _: object) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._since_mark()

    def _pop_mark(self, _: object) -> None:
        self._since_mark()

    def _dup(self, _: object) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self, _: object) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _put(self, index: Record) -> None:
        self.memo[int(index)] = self.stack[-1]

    _binput = _long_binput = _put

    def _get(self, index: Record) -> None:
        self.stack.append(self.memo[int(index)])

    _binget = _long_binget = _get

    def _tuple1(self, _: object) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _tuple2(self, _: object) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _tuple3(self, _: object) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _tuple(self, _: object) -> None:
        members = tuple(self._since_mark())
        self.stack.append(members)

    def _list(self, _: object) -> None:
        members = self._since_mark()
        self.stack.append(members)

    def _dict(self, _: object) -> None:
        pairs = self._since_mark()
        self.stack.append({})
        self._assign(pairs)

    def _append(self, _: object) -> None:
        value = self.stack.pop()
        self._extend([value])

    def _appends(self, _: object) -> None:
        self._extend(self._since_mark())

    def _extend(self, values: list[Record]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Call):  # a list of a class of its own, of which nothing is read
            raise ValueError("members of something that is no list are refused")

    def _additems(self, _: object) -> None:
        values = self._since_mark()
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(map(_member, values))
        elif not isinstance(target, Call):
            raise ValueError("members of something that is no set are refused")

    def _frozenset(self, _: object) -> None:
        members = frozenset(map(_member, self._since_mark()))
        self.stack.append(members)

    def _setitem(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._assign([key, value])

    def _setitems(self, _: object) -> None:
        self._assign(self._since_mark())

    def _assign(self, pairs: list[Record]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(zip(map(_key, pairs[::2]), pairs[1::2], strict=True))
        elif not isinstance(target, Call):  # a dictionary of a class of its own, of which nothing is read
            raise ValueError("items for something that is no dictionary are refused")

    def _global(self, argument: object) -> None:
        self.stack.append(Name(str(argument).replace(" ", ".")))

    def _stack_global(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no text is refused")
        self.stack.append(Name(f"{module}.{name}"))

    def _ext1(self, code: Record) -> None:
        self.stack.append(Name(f"extension {int(code)}"))

    _ext2 = _ext4 = _ext1

    def _next_buffer(self, _: object) -> None:
        self.stack.append(Call("buffer outside the file", ()))

    def _persid(self, argument: object) -> None:
        self.stack.append(Call("persistent id", (argument,)))

    def _binpersid(self, _: object) -> None:
        self.stack.append(Call("persistent id", (self.stack.pop(),)))

    def _inst(self, argument: object) -> None:
        arguments = tuple(self._since_mark())
        self._called(Name(str(argument).replace(" ", ".")), arguments)

    def _obj(self, _: object) -> None:
        function, *arguments = self._since_mark()
        self._called(function, tuple(arguments))

    def _reduce(self, _: object) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._called(function, arguments)

    _newobj = _reduce

    def _newobj_ex(self, _: object) -> None:
        named, arguments, function = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self._called(function, (*arguments, named) if named else arguments)

    def _called(self, function: object, arguments: object) -> None:
        if not isinstance(arguments, tuple):
            raise ValueError("a call whose arguments are no tuple is refused")
        name = function.path if isinstance(function, Name) else f"({described(function)})"
        check_array_call(name, arguments)
        if name in _DICTIONARIES and not arguments:
            self.stack.append({})
        elif name in _SETS and len(arguments) < 2:
            given = arguments[0] if arguments else ()
            self._copy(given)
            self.stack.append(set(map(_member, given)))
        else:
            self.stack.append(Call(name, arguments))

    def _copy(self, given: object) -> None:
        if not isinstance(given, (list, tuple, set, frozenset)):
            raise ValueError("a set of something that is no list is refused")
        self._copies_left -= len(given)
        if self._copies_left < 0:
            raise ValueError("sets that hold more than the file are refused")

    def _build(self, _: object) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Call):
            check_array_state(target.name, state)
            target.state = state
        elif not isinstance(target, dict):  # of a dictionary, attributes, of which nothing is read
            raise ValueError("state for something that is no object is refused")

    def _since_mark(self) -> list[Record]:
        values, self.stack = self.stack, self.below.pop()
        return values


def _key(value: object) -> Record:
    return _hashable(value, "as the key of a dictionary")


def _member(value: object) -> Record:
    parts = value if isinstance(value, tuple) else (value,)
    called = next((part for part in parts if isinstance(part, Call)), None)
    if called is not None:
        raise ValueError(f"a set that holds {described(called)} is refused")
    return _hashable(value, "in a set")


def _hashable(value: object, where: str) -> Record:
    """What is plain, or a flat tuple of it, so that hashing it is no work."""
    flat = value if isinstance(value, tuple) else (value,)
    wrong = [part for part in flat if not isinstance(part, _KEYS)]
    if wrong:
        raise ValueError(f"{described(wrong[0])} {where} is refused")
    return value
