"""What is published: archives that are the same bits wherever they are built, typed and documented names."""

import ast
import hashlib
import importlib
import inspect
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import textwrap
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import get_args

import griffe
import pytest
from speciation.theory._support.real_numbers import real_number
from speciation.theory.schedules import Schedule

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("theory", "numerics", "validation")
ROOMS = (*FLOORS, "tests", "benchmarks", "docs", "notebooks")
DATE = "1700000000"


def build(folder: Path, mask: int, age: int) -> dict[str, str]:
    """Build from a copy of the sources whose files have another age, under another mask; SHA-256 by name."""
    sources = folder / "sources"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for room in ROOMS:
        shutil.copytree(ROOT / room, sources / room, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, sources / path.name)
    for path in sources.rglob("*"):
        os.utime(path, (age, age))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", sources],
        env=os.environ | {"SOURCE_DATE_EPOCH": DATE}, umask=mask, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(folder, 0o022, 1_600_000_000)
    return folder / "dist"


@pytest.mark.slow
def test_archives_are_the_same_bits_wherever_they_are_built(built, tmp_path):
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built.iterdir()}
    assert len(first) == 2
    assert build(tmp_path, 0o077, 1_700_000_123) == first


def test_metadata_is_accepted_and_the_archive_is_whole(built):
    program = Path(sys.executable).parent / "twine"
    done = subprocess.run([program, "check", "--strict", *built.iterdir()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        members = {name.partition("/")[2] for name in content.getnames()}
    for needed in (
        "tests/conftest.py",
        "docs/pages.py",
        "docs/licences.py",
        "notebooks",
        "Makefile",
        "constraints.txt",
        "LICENSE",
    ):
        assert needed in members
    assert not [name for name in members if "__pycache__" in name]


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    (wheel,) = built.glob("*.whl")
    shutil.unpack_archive(wheel, folder, "zip")
    return folder


def completeness(package: str, folder: Path) -> dict:
    site = next(path for path in sys.path if path.endswith("site-packages"))
    pyright = Path(sys.executable).parent / "pyright"
    done = subprocess.run(
        [pyright, "--verifytypes", package, "--ignoreexternal", "--outputjson"],
        env=os.environ | {"PYTHONPATH": f"{folder}:{site}"}, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)["typeCompleteness"]


@pytest.mark.one_of_each
@pytest.mark.parametrize("floor", FLOORS)
def test_type_information_is_complete(floor, unpacked):
    found = completeness(f"speciation.{floor}", unpacked)
    exported = [symbol for symbol in found["symbols"] if symbol["isExported"]]
    unknown = [symbol["name"] for symbol in exported if not symbol["isTypeKnown"]]
    assert found["completenessScore"] == 1, unknown
    assert found["exportedSymbolCounts"]["withKnownType"] > 30


def test_an_unknown_type_is_seen(tmp_path):
    package = tmp_path / "sample"
    package.mkdir()
    (package / "py.typed").touch()
    (package / "__init__.py").write_text("def scale(x): return 2 * x\n")
    assert completeness("sample", tmp_path)["completenessScore"] < 1


def public_names() -> list[tuple[str, str]]:
    return [
        (floor, name) for floor in FLOORS for name in importlib.import_module(f"speciation.{floor}").__all__
    ]


def everything_public():
    """Public modules, functions, classes and their public methods."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if any(part.startswith("_") and part != "__init__" for part in parts) or "checks" in parts:
                continue
            module = importlib.import_module(".".join(("speciation", *parts)).removesuffix(".__init__"))
            yield module.__name__, module
            for name in getattr(module, "__all__", ()):
                value = getattr(module, name)
                if inspect.isclass(value) or inspect.isfunction(value):
                    yield f"{module.__name__}.{name}", value
                if inspect.isclass(value) and value.__module__.startswith("speciation"):
                    for key, member in vars(value).items():
                        if not key.startswith("_") and (
                            inspect.isfunction(member) or isinstance(member, property)
                        ):
                            yield f"{module.__name__}.{name}.{key}", member


def test_every_public_thing_has_a_docstring():
    names = list(everything_public())
    assert len(names) > 400
    assert [name for name, value in names if not inspect.getdoc(value)] == []


def reached(source: str) -> set[str]:
    """Names and attributes in the code that tests of a module run: their own, and that of what they call."""
    own: dict[str, set[str]] = {}
    for node in ast.parse(source).body:
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        names |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        defined = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        if isinstance(node, ast.Assign):
            defined = [each.id for target in node.targets for each in ast.walk(target) if hasattr(each, "id")]
        for name in defined:
            own[name] = own.get(name, set()) | names
    found, new = set(), {name for name in own if name.startswith("test_")}
    while new:
        found |= new
        new = set().union(*(own.get(name, set()) for name in new)) - found
    return found


def test_every_public_name_has_a_test():
    """Code that a test runs uses the name; to import it, or to have it in a string, is not enough."""
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    tested = set().union(*(reached(path.read_text()) for path in files))
    assert [f"{floor}.{name}" for floor, name in public_names() if name not in tested] == []
    called = "X = 1\ndef help(): g.h(X)\ndef test_a(): help()"
    idle = "from g import h, X\ndef help(): h(X)\ndef test_a(): 'h(X)'"
    assert {"h", "X"} <= reached(called)
    assert not {"h", "X"} & reached(idle)


KNOWN = {
    "Parameters", "Attributes", "Returns", "Raises", "Warns", "Notes", "References", "Examples", "See Also",
}  # fmt: skip
PROSE = re.compile(r"^Formula$|\bSources?: |\bRaises? `|`ValueError`|[Oo]ut of range\.$", re.MULTILINE)
"""What belongs into a section, or says nothing: errors, sources and formulas in prose."""


def documented_members():
    """Functions, classes and methods of the faces and of the modules they hand out, by name."""
    for floor in FLOORS:
        face = importlib.import_module(f"speciation.{floor}")
        values = {f"{floor}.{name}": getattr(face, name) for name in face.__all__}
        for place, module in [(place, value) for place, value in values.items() if inspect.ismodule(value)]:
            values |= {f"{place}.{name}": getattr(module, name) for name in module.__all__}
        for place, value in values.items():
            yield place, value.__wrapped__ if hasattr(value, "cache_info") else value
            if inspect.isclass(value):
                yield from ((f"{place}.{name}", member) for name, member in own_members(value))


def own_members(kind: type):
    """Public methods, unwrapped, that the project's classes define and that no base of theirs documents."""
    for name in dir(kind):
        holder = next(base for base in reversed(kind.__mro__) if name in vars(base))
        member = vars(holder)[name]
        member = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        own = holder.__module__.startswith("speciation")
        if own and not name.startswith("_") and inspect.isfunction(inspect.unwrap(member)):
            yield name, inspect.unwrap(member)


def refuses(function) -> bool:
    """Whether the function itself raises, or reads its arguments by what refuses bad ones."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    called = {
        ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(tree) if isinstance(node, ast.Call)
    }
    raises = any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))
    checks = {"real_numbers", "real_number", "whole_number", "seed_of", "checked_sigmas", "checked_partition"}
    return raises or bool(called & checks)


def unsaid(value) -> list[str]:
    """What numpydoc asks of a function's docstring and is not there, or is there and unknown to it."""
    text = inspect.getdoc(value) or ""
    found = [title for title in re.findall(r"^(.+)\n-{3,}$", text, re.MULTILINE) if title not in KNOWN]
    found += PROSE.findall(text)
    if not inspect.isfunction(value):
        return found
    said = griffe.Docstring(text, parser="numpy").parse()
    named = {
        name.strip().lstrip("*")
        for section in said
        if section.kind is griffe.DocstringSectionKind.parameters
        for parameter in section.value
        for name in parameter.name.split(",")
    }
    signature = inspect.signature(value)
    found += [f"no {name}" for name in signature.parameters if name not in {"self", "cls", *named}]
    if signature.return_annotation not in (None, "None") and "\nReturns\n----" not in text:
        found.append("no Returns")
    if refuses(value) and "\nRaises\n----" not in text:
        found.append("no Raises")
    return found


def test_public_docstrings_have_the_sections_of_numpydoc():
    members = {place: value for place, value in documented_members() if callable(value)}
    ours = {p: value for p, value in members.items() if value.__module__.startswith("speciation")}
    assert len(ours) > 190
    found = {place: unsaid(value) for place, value in ours.items()}
    assert {place: missing for place, missing in found.items() if missing} == {}


def fields_without_words(kind: type) -> list[str]:
    """Fields of a dataclass that neither a section of its docstring nor a text below them describes."""
    sections = griffe.Docstring(inspect.getdoc(kind) or "", parser="numpy").parse()
    lists = {griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes}
    named = {
        name.strip()
        for section in sections
        if section.kind in lists
        for entry in section.value
        for name in entry.name.split(",")
    }
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    for field, text in itertools.pairwise(tree.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            named.add(field.target.id)
    own = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    return [name for name in inspect.get_annotations(kind) if name in own - named and name[0] != "_"]


def results_of_the_faces() -> set[type]:
    """Public dataclasses, and those that public functions return."""
    kinds = set()
    for _, value in documented_members():
        if inspect.isfunction(value):
            value = inspect.signature(value, eval_str=False).return_annotation
        kinds |= {each for each in (value, *get_args(value)) if is_dataclass(each)}
    return {kind for kind in kinds if kind.__module__.startswith("speciation")}


def test_fields_of_results_are_described():
    kinds = results_of_the_faces()
    assert {"Comparison", "Result", "Fitted", "GuidedCurve", "Theorem"} <= {kind.__name__ for kind in kinds}
    found = {kind.__name__: fields_without_words(kind) for kind in kinds if not issubclass(kind, Schedule)}
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_a_docstring_without_its_sections_is_seen():
    def half(given: int, other: int) -> int:
        """Half.

        Formula
            given/2

        Parameters
        ----------
        given : int

        Raises `ValueError` for zero. Source: T1.
        """
        if not given:
            raise ValueError
        return given // other

    def plain(value: int) -> float:
        """The value; `ValueError` for none."""
        return real_number(value, "value")

    assert unsaid(half) == [
        "Formula",
        "Raises `",
        "Source: ",
        "no other",
        "no Returns",
        "no Raises",
    ]
    assert unsaid(plain) == ["`ValueError`", "no value", "no Returns", "no Raises"]
    assert fields_without_words(Sample) == ["second"]


@dataclass
class Sample:
    """What the test above looks at."""

    first: int
    """The first."""
    second: int
