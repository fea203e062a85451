"""Pages of the API: one for each package of a floor, with the public names that it defines."""

import ast
import importlib
import inspect
import re
import sys
from dataclasses import dataclass
from itertools import groupby, pairwise
from types import ModuleType
from typing import Any

import speciation.numerics
import speciation.theory
import speciation.validation
from page_templates import page

__all__ = ["api_pages"]


@dataclass(frozen=True)
class Entry:
    """A public name, where it is defined, and what its docstring says first."""

    name: str
    target: str
    line: str


@dataclass(frozen=True)
class Room:
    """A package, or a module at the top of a floor, with its public names; `path` is its page."""

    title: str
    path: str
    text: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Floor:
    """One of the three parts."""

    name: str
    text: str
    rooms: tuple[Room, ...]


def api_pages() -> dict[str, str]:
    """Pages by path: the overview and one for each package."""
    floors = [_floor(part) for part in (speciation.theory, speciation.numerics, speciation.validation)]
    rooms = {room.path: page("api_room", room=room) for floor in floors for room in floor.rooms}
    return {"api.md": page("api", floors=floors), **rooms}


def _floor(part: ModuleType) -> Floor:
    entries = [_entry(part, name) for name in part.__all__]
    rooms = groupby(sorted(entries, key=_home), key=_home)
    return Floor(part.__name__, _text(part), tuple(_room(home, tuple(own)) for home, own in rooms))


def _room(home: str, entries: tuple[Entry, ...]) -> Room:
    text = _text(importlib.import_module(home))
    name = home.removeprefix("speciation.")
    ordered = sorted(entries, key=lambda entry: (entry.target.rpartition(".")[0], entry.name))
    return Room(name.replace(".", ": ").replace("_", " "), f"api/{name}.md", text, tuple(ordered))


def _home(entry: Entry) -> str:
    """The package below the floor, as `speciation.theory.channel`."""
    return ".".join(entry.target.split(".")[:3])


def _entry(part: ModuleType, name: str) -> Entry:
    value = getattr(part, name)
    target = _target(part.__name__, name, value)
    described = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    text = (inspect.getdoc(value) or "") if described else _below(target)
    return Entry(name, target, _line(text))


def _below(target: str) -> str:
    """The string below the assignment of a value that has no docstring of its own."""
    home, _, name = target.rpartition(".")
    body = ast.parse(inspect.getsource(importlib.import_module(home))).body
    for statement, after in pairwise(body):
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        if any(isinstance(each, ast.Name) and each.id == name for each in targets):
            text = getattr(getattr(after, "value", None), "value", "")
            return text if isinstance(text, str) else ""
    return ""


def _target(floor: str, name: str, value: Any) -> str:
    if inspect.isclass(value) or inspect.isfunction(value):
        value = inspect.unwrap(value)
        return f"{value.__module__}.{value.__name__}"
    if inspect.ismodule(value):
        return value.__name__
    homes = [home for home in _homes(floor) if vars(sys.modules[home]).get(name) is value]
    defining = re.compile(rf"^{name}\b[^=\n]*=", re.MULTILINE)
    own = [home for home in homes if defining.search(inspect.getsource(sys.modules[home]))]
    return f"{(own or homes)[0]}.{name}"


def _homes(floor: str) -> list[str]:
    """Modules of a floor that have been loaded, some of which only pass a name on."""
    return sorted(home for home in sys.modules if home.startswith(f"{floor}."))


def _line(text: str) -> str:
    """The first paragraph of a docstring, as a cell of a table."""
    parts = " ".join(text.split("\n\n")[0].split()).split("`")
    parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]  # a table leaves those in code alone
    return "`".join(parts)


def _text(module: ModuleType) -> str:
    return inspect.getdoc(module) or ""
